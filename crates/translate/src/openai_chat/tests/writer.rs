//! What Chat clients see.

use byok_types::chat::{
    Citation, Delta, Event, Fold, Head, Part, PartKind, ReasoningKind, Start, Stop, StopReason, Token,
    ToolKind, Usage,
};
use byok_types::{Blame, Family, Fault, RawJson};

use super::{reply, written};
use crate::format::ClientFormat;
use crate::openai_chat::OpenaiChat;

fn open(head: Head) -> Event {
    Event::Open { candidate: 0, head }
}

fn delta(delta: Delta) -> Event {
    Event::Delta { candidate: 0, delta }
}

fn close() -> Event {
    Event::Close { candidate: 0 }
}

fn stop(reason: StopReason) -> Event {
    Event::Stop { candidate: 0, stop: Stop::new(reason) }
}

fn call(id: &str, name: &str) -> Event {
    open(Head::ToolCall {
        id: id.into(),
        generated_id: false,
        name: name.into(),
        kind: ToolKind::Function,
        namespace: None,
        item_id: None,
    })
}

fn thinking() -> Event {
    open(Head::Reasoning { kind: ReasoningKind::Thinking, item_id: None })
}

fn text(text: &str) -> [Event; 3] {
    [open(Head::Text), delta(Delta::Text(text.into())), close()]
}

fn start() -> Event {
    Event::Start(Start { id: "up-1".into(), model: "upstream-model".into(), ..Start::default() })
}

/// The deltas of choice 0 that a client sees, as JSON texts.
fn deltas(stream: &str) -> Vec<String> {
    let frames = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks = frames.filter_map(|data| serde_json::from_str::<serde_json::Value>(data).ok());
    let deltas = chunks.filter_map(|chunk| chunk.pointer("/choices/0/delta").map(ToString::to_string));
    deltas.collect()
}

/// The example of the wire-format facts, Appendix A, byte for byte but for the id.
#[test]
fn appendix_a() {
    let mut events = vec![start()];
    events.extend(text("Hi there"));
    events.extend([
        call("call_1", "weather"),
        delta(Delta::Arguments(r#"{"city":"Oslo"}"#.into())),
        close(),
        Event::Usage(Usage {
            input: Some(20),
            cache_read: Some(8),
            output: Some(15),
            reasoning: Some(5),
            ..Usage::default()
        }),
        stop(StopReason::ToolUse),
        Event::End,
    ]);
    let id = r#""id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk","created":1790000000,"model":"m""#;
    let chunk = |delta: &str, finish: &str| {
        format!(
            "data: {{{id},\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}],\"usage\":null}}\n\n"
        )
    };
    let expected = [
        chunk(r#"{"role":"assistant","content":""}"#, "null"),
        chunk(r#"{"content":"Hi there"}"#, "null"),
        chunk(
            r#"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":""}}]}"#,
            "null",
        ),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":\"Oslo\"}"}}]}"#, "null"),
        chunk("{}", r#""tool_calls""#),
        format!(
            "data: {{{id},\"choices\":[],\"usage\":{}}}\n\n",
            r#"{"prompt_tokens":20,"completion_tokens":15,"total_tokens":35,"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":5}}"#
        ),
        "data: [DONE]\n\n".to_owned(),
    ];
    let reply = reply(r#""stream":true,"stream_options":{"include_usage":true}"#);
    assert_eq!(written(&events, reply), expected.concat());
}

#[test]
fn without_include_usage_no_chunk_has_usage_or_empty_choices() {
    let mut events = vec![start()];
    events.extend(text("a"));
    events.extend([
        Event::Usage(Usage { input: Some(1), ..Usage::default() }),
        stop(StopReason::EndTurn),
        Event::End,
    ]);
    let stream = written(&events, reply(r#""stream":true"#));
    assert!(!stream.contains("usage") && !stream.contains(r#""choices":[]"#), "{stream}");
    assert!(stream.ends_with("data: [DONE]\n\n"));
}

#[test]
fn an_error_is_the_last_thing_and_done_does_not_follow() {
    let mut events = vec![start()];
    events.extend(text("a"));
    events.push(Event::Error(Box::new(Fault::new(429, Blame::Upstream, "slow"))));
    events.push(Event::End);
    let stream = written(&events, reply(r#""stream":true"#));
    let last = stream.trim_end().rsplit("\n\n").next().unwrap();
    assert!(last.starts_with(r#"data: {"error":{"message":"slow","#), "{last}");
    assert!(!stream.contains("[DONE]") && !stream.contains(r#""finish_reason":""#));
    let gave_up = written(&[start(), stop(StopReason::Error), Event::End], reply(r#""stream":true"#));
    assert!(gave_up.starts_with("data: {\"error\"") && !gave_up.contains("[DONE]"), "{gave_up}");
}

#[test]
fn a_sign_of_life_is_a_comment() {
    let mut writer = OpenaiChat.event_writer(reply(r#""stream":true"#));
    let mut out = Vec::new();
    writer.write(&start(), &mut out);
    writer.write(&Event::Heartbeat, &mut out);
    assert!(out.is_empty());
    writer.keepalive(&mut out);
    assert_eq!(out, b": keep-alive\n\n");
}

#[test]
fn pitfall_37_a_call_without_arguments_gets_an_empty_object() {
    let stream =
        written(&[start(), call("a", "f"), close(), call("b", "g"), close()], reply(r#""stream":true"#));
    let deltas = deltas(&stream);
    assert_eq!(deltas[2], r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#);
    assert_eq!(deltas[4], r#"{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}"#);
}

#[test]
fn pitfall_140_the_legacy_shape_for_those_who_asked_in_it() {
    let legacy = r#""functions":[{"name":"f","parameters":{}}],"function_call":"auto""#;
    let events = [
        start(),
        call("a", "f"),
        delta(Delta::Arguments(r#"{"x":1}"#.into())),
        close(),
        stop(StopReason::ToolUse),
        Event::End,
    ];
    let stream = written(&events, reply(legacy));
    assert_eq!(
        deltas(&stream),
        [
            r#"{"role":"assistant","content":""}"#,
            r#"{"function_call":{"name":"f","arguments":""}}"#,
            r#"{"function_call":{"arguments":"{\"x\":1}"}}"#,
            "{}"
        ]
    );
    assert!(stream.contains(r#""finish_reason":"function_call""#) && !stream.contains("tool_calls"));
    let response = Fold::all(events).unwrap();
    let whole = String::from_utf8(OpenaiChat.write_response(&response, &reply(legacy))).unwrap();
    assert!(whole.contains(r#""function_call":{"name":"f","arguments":"{\"x\":1}"}"#), "{whole}");
    assert!(whole.contains(r#""finish_reason":"function_call""#) && !whole.contains("tool_calls"), "{whole}");
}

#[test]
fn thoughts_and_their_tokens_go_where_clients_send_them_back_from() {
    let token = |family, value: &str| delta(Delta::Token(Token { family, value: value.into() }));
    let events = [
        start(),
        thinking(),
        delta(Delta::Text("hm".into())),
        token(Family::Anthropic, "sig"),
        close(),
        call("a", "f"),
        delta(Delta::Arguments("{}".into())),
        token(Family::Gemini, "c2ln"),
        close(),
    ];
    assert_eq!(
        deltas(&written(&events, reply(r#""stream":true"#)))[1..],
        [
            r#"{"reasoning_content":"hm"}"#,
            r#"{"reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"byok1.anthropic.c2ln","format":"anthropic-claude-v1","index":0}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""},"extra_content":{"google":{"thought_signature":"c2ln"}}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#,
        ]
    );
    // Who does not want to see thoughts is not shown them, signed or not.
    let hidden = written(&events[..5], reply(r#""reasoning":{"exclude":true}"#));
    assert_eq!(deltas(&hidden), [r#"{"role":"assistant","content":""}"#]);
}

#[test]
fn a_late_token_of_a_call_has_a_chunk_of_its_own() {
    let token = Token { family: Family::Anthropic, value: "sig".into() };
    let events = [
        start(),
        call("a", "f"),
        delta(Delta::Arguments("{\"x\"".into())),
        delta(Delta::Arguments(":1}".into())),
        delta(Delta::Token(token)),
        close(),
    ];
    assert_eq!(
        deltas(&written(&events, reply(r#""stream":true"#)))[1..],
        [
            r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":""},"extra_content":{"byok":{"token":"byok1.anthropic.c2ln"}}}]}"#,
        ]
    );
}

#[test]
fn a_refusal_keeps_the_content_null() {
    let events = [
        start(),
        open(Head::Refusal),
        delta(Delta::Text("no".into())),
        close(),
        stop(StopReason::Refusal),
        Event::End,
    ];
    let stream = written(&events, reply(r#""stream":true"#));
    assert_eq!(deltas(&stream), [r#"{"role":"assistant","content":null}"#, r#"{"refusal":"no"}"#, "{}"]);
    assert!(stream.contains(r#""finish_reason":"stop""#));
    // A refusal without words is a filter.
    let silent = written(&[start(), stop(StopReason::Refusal), Event::End], reply(r#""stream":true"#));
    assert!(silent.contains(r#""finish_reason":"content_filter""#));
}

#[test]
fn sources_come_with_offsets_into_the_whole_content() {
    let citation = |start, end| {
        delta(Delta::Citation(Citation {
            start,
            end,
            url: Some("https://example.com".into()),
            title: None,
            text: None,
            family: Family::Anthropic,
            raw: RawJson::parse("{}").unwrap(),
        }))
    };
    let mut events = vec![start()];
    events.extend(text("Öl. "));
    events.extend([
        open(Head::Text),
        delta(Delta::Text("Gas.".into())),
        citation(Some(0), Some(3)),
        citation(None, None),
        close(),
    ]);
    let stream = written(&events, reply(r#""stream":true"#));
    assert_eq!(
        deltas(&stream).last().unwrap(),
        r#"{"annotations":[{"type":"url_citation","url_citation":{"start_index":4,"end_index":7,"url":"https://example.com","title":""}}]}"#
    );
}

#[test]
fn pitfall_43_every_choice_has_one_role_and_one_finish() {
    let two = |candidate| {
        [
            Event::Open { candidate, head: Head::Text },
            Event::Delta { candidate, delta: Delta::Text(format!("c{candidate}")) },
            Event::Close { candidate },
        ]
    };
    let mut events = vec![start()];
    events.extend(two(1));
    events.extend(two(0));
    events.extend([1, 0].map(|candidate| Event::Stop { candidate, stop: Stop::new(StopReason::EndTurn) }));
    events.push(Event::End);
    let stream = written(&events, reply(r#""stream":true,"n":2"#));
    assert_eq!(stream.matches(r#""role":"assistant""#).count(), 2);
    assert_eq!(stream.matches(r#""finish_reason":"stop""#).count(), 2);
}

#[test]
fn only_chat_shaped_probabilities_pass() {
    let raw = |text: &str| Event::Logprobs { candidate: 0, raw: RawJson::parse(text).unwrap() };
    let events =
        [start(), raw(r#"{"content":[{"token":"a","logprob":-1.50}]}"#), raw(r#"{"chosenCandidates":[]}"#)];
    let stream = written(&events, reply(r#""stream":true,"logprobs":true"#));
    assert_eq!(stream.matches("logprobs").count(), 1);
    assert!(stream.contains(
        r#""delta":{},"logprobs":{"content":[{"token":"a","logprob":-1.50}]},"finish_reason":null"#
    ));
}

#[test]
fn pitfall_146_the_requested_model_is_echoed() {
    let response = Fold::all([start(), stop(StopReason::EndTurn), Event::End]).unwrap();
    let whole = String::from_utf8(OpenaiChat.write_response(&response, &reply(r#""n":1"#))).unwrap();
    assert_eq!(
        whole,
        r#"{"id":"chatcmpl-0123456789abcdef","object":"chat.completion","created":1790000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}"#
    );
}

#[test]
fn a_whole_answer_says_everything_at_once() {
    let mut events = vec![
        start(),
        thinking(),
        delta(Delta::Text("hm".into())),
        delta(Delta::Token(Token { family: Family::Anthropic, value: "sig".into() })),
        close(),
    ];
    events.extend(text("Hi"));
    events.extend([
        call("a", "f"),
        delta(Delta::Arguments("{\"n\":1.0}".into())),
        close(),
        stop(StopReason::ToolUse),
        Event::End,
    ]);
    let mut response = Fold::all(events).unwrap();
    response.tier = Some("default".into());
    response.candidates[0].parts.push(Part::new(PartKind::Refusal("no".into())));
    let whole = String::from_utf8(OpenaiChat.write_response(&response, &reply(r#""n":1"#))).unwrap();
    let whole: serde_json::Value = serde_json::from_str(&whole).unwrap();
    insta::assert_snapshot!("whole_answer", serde_json::to_string_pretty(&whole).unwrap());
}
