//! Streams: what the reader makes of upstreams' oddities, and what the writer promises to clients.

use byok_types::chat::{
    Delta, Head, Media, MediaKind, Part, PartKind, ReasoningKind, Source, Stop, StopReason, Token, ToolKind,
    Usage,
};
use byok_types::{Family, FaultKind, RawJson};
use serde_json::json;

use super::*;

fn text_start(index: i64) -> Value {
    json!({ "type": "content_block_start", "index": index, "content_block": { "type": "text", "text": "" } })
}

fn tool_start(index: i64, id: &str) -> Value {
    json!({ "type": "content_block_start", "index": index,
        "content_block": { "type": "tool_use", "id": id, "name": "f", "input": {} } })
}

fn delta(index: i64, delta: &Value) -> Value {
    json!({ "type": "content_block_delta", "index": index, "delta": delta })
}

fn text(index: i64, text: &str) -> Value {
    delta(index, &json!({ "type": "text_delta", "text": text }))
}

fn arguments(index: i64, piece: &str) -> Value {
    delta(index, &json!({ "type": "input_json_delta", "partial_json": piece }))
}

fn thinking(index: i64, text: &str) -> Value {
    delta(index, &json!({ "type": "thinking_delta", "thinking": text }))
}

fn signature(index: i64, value: &str) -> Value {
    delta(index, &json!({ "type": "signature_delta", "signature": value }))
}

fn stop(index: i64) -> Value {
    json!({ "type": "content_block_stop", "index": index })
}

fn reason(reason: &Value) -> Value {
    json!({ "type": "message_delta", "delta": { "stop_reason": reason }, "usage": { "output_tokens": 5 } })
}

/// The answer of a stream whose middle is this, as short words.
fn answer(middle: &[Value]) -> Vec<String> {
    let response = fold(events_between(middle)).unwrap();
    let candidate = &response.candidates[0];
    let mut words: Vec<String> = candidate.parts.iter().map(word).collect();
    words.push(format!("{:?}", candidate.stop.reason));
    words
}

fn word(part: &Part) -> String {
    match &part.kind {
        PartKind::Opaque { raw, .. } => format!("opaque {}", raw.get()),
        PartKind::Reasoning(r) => {
            format!("thought {} [{}]", r.text, r.token.as_ref().map_or("", |token| &token.value))
        }
        PartKind::Text { text, .. } => format!("text {text}"),
        PartKind::ToolCall(call) => format!("call {} {}", call.id, call.arguments),
        other => format!("{other:?}"),
    }
}

#[test]
fn pitfall_47_a_second_message_start_is_not_passed_on() {
    let again = json!({ "type": "message_start", "message": { "id": "msg_2", "model": "n" } });
    let events = events_between(&[again, text_start(0), text(0, "a"), stop(0)]);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Start(_))).count(), 1);
    let client = frames_of(&stream_of(&events, reply()));
    assert_eq!(client.iter().filter(|frame| frame["type"] == "message_start").count(), 1);
}

#[test]
fn pitfall_48_deltas_without_a_start_get_one() {
    assert_eq!(answer(&[text(-1, "a"), text(-1, "b")]), ["text ab", "EndTurn"]);
    assert_eq!(
        answer(&[thinking(0, "a"), signature(0, "s"), text(1, "b")]),
        ["thought a [s]", "text b", "EndTurn"]
    );
    assert_eq!(answer(&[signature(4, "s")]), ["thought  [s]", "EndTurn"]);
}

#[test]
fn pitfall_48_arguments_of_no_call_are_an_error_and_not_lost() {
    let events = events_between(&[arguments(0, "{}")]);
    assert!(matches!(events.last(), Some(Event::Error(fault)) if fault.kind == FaultKind::UpstreamBroken));
}

#[test]
fn pitfall_49_interleaved_blocks_are_queued() {
    let middle = [
        tool_start(0, "a"),
        tool_start(1, "b"),
        arguments(0, "{\"x\":"),
        arguments(1, "{\"y\":"),
        arguments(0, "1}"),
        arguments(1, "2}"),
        stop(0),
        text_start(2),
        text(2, "late"),
        stop(1),
        stop(2),
        reason(&json!("tool_use")),
    ];
    assert_eq!(answer(&middle), ["call a {\"x\":1}", "call b {\"y\":2}", "text late", "ToolUse"]);
}

#[test]
fn pitfall_49_what_waits_is_bounded() {
    let many: Vec<Value> = (0..2000).map(|index| tool_start(index, "a")).collect();
    assert!(matches!(events_between(&many).last(), Some(Event::Error(_))));
}

#[test]
fn pitfall_50_the_last_signature_counts_and_comes_last() {
    let start = json!({ "type": "content_block_start", "index": 0,
        "content_block": { "type": "thinking", "thinking": "", "signature": "" } });
    let middle = [start, signature(0, "early"), thinking(0, "a"), signature(0, "late"), stop(0)];
    assert_eq!(answer(&middle), ["thought a [late]", "EndTurn"]);
    let client = frames_of(&stream_of(&events_between(&middle), reply()));
    let kinds: Vec<&str> = client.iter().filter_map(|frame| frame["delta"]["type"].as_str()).collect();
    assert_eq!(kinds, ["thinking_delta", "signature_delta"]);
}

#[test]
fn pitfall_51_redacted_thinking_is_kept() {
    let start = json!({ "type": "content_block_start", "index": 0,
        "content_block": { "type": "redacted_thinking", "data": "EmwK" } });
    let events = events_between(&[start.clone(), stop(0)]);
    let client = frames_of(&stream_of(&events, reply()));
    assert_eq!(client[1], start);
}

#[test]
fn pitfall_52_thoughts_that_are_not_shown_keep_their_signature() {
    let start = json!({ "type": "content_block_start", "index": 0,
        "content_block": { "type": "thinking", "thinking": "" } });
    assert_eq!(answer(&[start, signature(0, "s"), stop(0)]), ["thought  [s]", "EndTurn"]);
}

#[test]
fn pitfall_53_and_54_counts_of_a_stream_replace_each_other() {
    let response = fold(events_between(&[reason(&json!("end_turn"))])).unwrap();
    assert_eq!(response.usage, Usage { input: Some(12), output: Some(5), ..Usage::default() });
}

#[test]
fn pitfall_55_the_last_reason_that_is_given_counts() {
    let middle = [reason(&json!("max_tokens")), reason(&Value::Null)];
    assert_eq!(answer(&middle), ["MaxTokens"]);
}

#[test]
fn pitfall_56_every_reason_is_understood() {
    for (word, expected) in [
        ("end_turn", StopReason::EndTurn),
        ("max_tokens", StopReason::MaxTokens),
        ("stop_sequence", StopReason::StopSequence),
        ("pause_turn", StopReason::Pause),
        ("refusal", StopReason::Refusal),
        ("model_context_window_exceeded", StopReason::ContextFull),
        ("compaction", StopReason::Pause),
        ("tool_use", StopReason::EndTurn),
        ("something_new", StopReason::EndTurn),
    ] {
        let response = fold(events_between(&[reason(&json!(word))])).unwrap();
        assert_eq!(response.candidates[0].stop.reason, expected, "{word}");
    }
    let called = [tool_start(0, "a"), stop(0), reason(&json!("end_turn"))];
    assert_eq!(answer(&called).last().unwrap(), "ToolUse");
}

#[test]
fn pitfall_57_pings_and_unknown_things_are_skipped() {
    let middle = [
        json!({ "type": "ping" }),
        json!({ "type": "from_the_future", "index": 3 }),
        text_start(0),
        delta(0, &json!({ "type": "sparkle_delta", "sparkle": 1 })),
        text(0, "a"),
        delta(0, &json!({ "type": "text_delta", "text": 7 })),
        stop(0),
    ];
    assert_eq!(answer(&middle), ["text a", "EndTurn"]);
}

#[test]
fn pitfall_58_an_unknown_block_leaves_no_gap() {
    let start = |index: i64| json!({ "type": "content_block_start", "index": index, "content_block": { "type": "new", "text": 1 } });
    let middle = [
        text_start(0),
        text(0, "a"),
        stop(0),
        start(1),
        text(1, "inside"),
        delta(1, &json!({ "type": "new_delta" })),
        stop(1),
        text_start(2),
        text(2, "b"),
        stop(2),
    ];
    assert_eq!(answer(&middle), ["text a", "text b", "EndTurn"]);
    let client = frames_of(&stream_of(&events_between(&middle), reply()));
    let starts: Vec<&Value> =
        client.iter().filter(|f| f["type"] == "content_block_start").map(|f| &f["index"]).collect();
    assert_eq!(starts, [0, 1]);
}

#[test]
fn pitfall_59_a_server_tool_is_no_call_of_the_client() {
    let start = json!({ "type": "content_block_start", "index": 0, "content_block":
        { "type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {} } });
    let middle =
        [start, arguments(0, "{\"query\": "), arguments(0, "\"x\"}"), stop(0), reason(&json!("end_turn"))];
    assert_eq!(
        answer(&middle),
        [
            r#"opaque {"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query": "x"}}"#,
            "EndTurn"
        ]
    );
}

#[test]
fn pitfall_60_nothing_follows_an_error() {
    let error = json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } });
    let events =
        events_between(&[text_start(0), text(0, "a"), error, text(0, "b"), reason(&json!("end_turn"))]);
    let Some(Event::Error(fault)) = events.last() else { panic!("{events:?}") };
    assert_eq!(
        (fault.status, fault.kind, fault.message.as_str()),
        (529, FaultKind::Overloaded, "Overloaded")
    );
    let client = frames_of(&stream_of(&events, reply()));
    let last = client.last().unwrap();
    assert_eq!((&last["type"], &last["error"]["type"]), (&json!("error"), &json!("overloaded_error")));
    assert!(client.iter().all(|frame| frame["type"] != "message_stop" && frame["type"] != "message_delta"));
}

#[test]
fn pitfall_61_a_cut_call_keeps_its_text_and_the_limit_is_reported() {
    let middle = [tool_start(0, "a"), arguments(0, "{\"x\":\"Once"), reason(&json!("max_tokens"))];
    assert_eq!(answer(&middle), ["call a {\"x\":\"Once", "MaxTokens"]);
}

#[test]
fn a_stream_that_breaks_off_is_no_answer_unless_it_has_said_why_it_stops() {
    let head = "data: {\"type\":\"message_start\",\"message\":{}}\n\ndata: {\"type\":\"content_block_delta\",\
                \"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n";
    let reason = "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n";
    let half = "data: {\"type\":\"message_st";
    for broken in ["", head, &format!("{head}{half}")] {
        let events = events_of([broken.as_bytes()]);
        assert!(
            matches!(events.last(), Some(Event::Error(fault)) if fault.kind == FaultKind::UpstreamBroken),
            "{broken}"
        );
    }
    for whole in [format!("{head}{reason}"), format!("{head}{reason}{half}")] {
        assert!(fold(events_of([whole.as_bytes()])).is_ok(), "{whole}");
    }
}

#[test]
fn an_error_in_another_shape_or_in_plain_words_is_an_error() {
    for (frame, message) in [
        ("data: {\"error\":{\"message\":\"no\",\"code\":500}}\n\n", "no"),
        ("event: error\ndata: {\"message\":\"no\"}\n\n", "no"),
        ("event: error\ndata: upstream gone\n\n", "upstream gone"),
    ] {
        let events = events_of([frame.as_bytes()]);
        assert!(matches!(&events[..], [Event::Error(fault)] if fault.message == message), "{events:?}");
    }
}

#[test]
fn arguments_that_come_with_the_start_count_if_none_follow() {
    let start = json!({ "type": "content_block_start", "index": 0,
        "content_block": { "type": "tool_use", "id": "a", "name": "f", "input": { "x": 1.0 } } });
    assert_eq!(answer(&[start.clone(), stop(0)]), ["call a {\"x\":1.0}", "ToolUse"]);
    assert_eq!(answer(&[start, arguments(0, "{\"x\":2}"), stop(0)]), ["call a {\"x\":2}", "ToolUse"]);
}

#[test]
fn calls_without_an_id_get_different_ones_that_depend_on_the_answer_alone() {
    let middle = [tool_start(0, ""), stop(0), tool_start(1, ""), stop(1)];
    assert_eq!(answer(&middle), ["call toolu_msg1_0 {}", "call toolu_msg1_1 {}", "ToolUse"]);
}

#[test]
fn a_whole_answer_says_what_its_stream_says() {
    let whole = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [
        { "type": "thinking", "thinking": "a", "signature": "s" },
        { "type": "text", "text": "b" },
        { "type": "text", "text": "" },
        { "type": "tool_use", "id": "t", "name": "f", "input": { "x": 1.0 } },
    ], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": { "input_tokens": 3, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 5,
            "cache_creation": { "ephemeral_1h_input_tokens": 4 }, "output_tokens": 6, "service_tier": "standard" } });
    let response = Anthropic.read_response(whole.to_string().as_bytes()).unwrap();
    let words: Vec<String> = response.candidates[0].parts.iter().map(word).collect();
    assert_eq!(words, ["thought a [s]", "text b", "call t {\"x\":1.0}"]);
    assert_eq!(response.candidates[0].stop.reason, StopReason::ToolUse);
    assert_eq!(response.tier.as_deref(), Some("standard"));
    assert_eq!(
        response.usage,
        Usage {
            input: Some(12),
            cache_read: Some(5),
            cache_write: Some(4),
            cache_write_1h: Some(4),
            output: Some(6),
            reasoning: None,
        }
    );
    let again: Value = serde_json::from_slice(&Anthropic.write_response(&response, &reply())).unwrap();
    assert_eq!(again["id"], "msg_0123456789abcdef");
    assert_eq!((&again["model"], &again["stop_reason"]), (&json!("claude"), &json!("tool_use")));
    assert_eq!(again["content"][0], whole["content"][0]);
    assert_eq!((&again["usage"]["input_tokens"], &again["usage"]["output_tokens"]), (&json!(3), &json!(6)));
}

#[test]
fn an_answer_that_is_none_is_a_fault() {
    for (body, status) in [
        ("", 502),
        ("<html>", 502),
        ("[]", 502),
        ("{}", 502),
        (r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#, 429),
        (r#"{"error":{"message":"no"}}"#, 502),
    ] {
        assert_eq!(Anthropic.read_response(body.as_bytes()).unwrap_err().status, status, "{body}");
    }
}

fn event_open(head: Head) -> Event {
    Event::Open { candidate: 0, head }
}

fn event_delta(delta: Delta) -> Event {
    Event::Delta { candidate: 0, delta }
}

const CLOSE: Event = Event::Close { candidate: 0 };

fn call_head(kind: ToolKind) -> Head {
    Head::ToolCall {
        id: "call_1".into(),
        generated_id: false,
        name: "f".into(),
        kind,
        namespace: None,
        item_id: None,
    }
}

/// What a client gets for these parts, between the start and the end of the message.
fn client_frames(parts: &[Event], reply: Reply) -> Vec<Value> {
    let start = Event::Start(byok_types::chat::Start::default());
    let stop = Event::Stop { candidate: 0, stop: Stop::new(StopReason::EndTurn) };
    let events = [&[start], parts, &[stop, Event::End]].concat();
    let mut frames = frames_of(&stream_of(&events, reply));
    frames.drain(frames.len() - 2..);
    frames.remove(0);
    frames
}

#[test]
fn another_vendors_signature_survives_the_client_wrapped() {
    let token = Token { family: Family::Gemini, value: "sig+/==".into() };
    let parts = [
        event_open(Head::Reasoning { kind: ReasoningKind::Thinking, item_id: None }),
        event_delta(Delta::Token(token.clone())),
        event_delta(Delta::Text("a".into())),
        CLOSE,
        event_open(call_head(ToolKind::Function)),
        event_delta(Delta::Arguments("{}".into())),
        event_delta(Delta::Token(token.clone())),
        CLOSE,
        event_open(Head::Text),
        event_delta(Delta::Text("b".into())),
        event_delta(Delta::Token(token.clone())),
        CLOSE,
    ];
    let frames = client_frames(&parts, reply());
    let kinds: Vec<&str> =
        frames.iter().filter_map(|frame| frame["content_block"]["type"].as_str()).collect();
    assert_eq!(kinds, ["thinking", "tool_use", "redacted_thinking", "text", "redacted_thinking"]);

    // The client sends the blocks back, thoughts first.
    let data = |at: usize| {
        let blocks = frames.iter().filter(|frame| frame["content_block"]["type"] == "redacted_thinking");
        blocks.map(|frame| frame["content_block"]["data"].clone()).nth(at).unwrap()
    };
    let signature = frames.iter().find_map(|frame| frame["delta"].get("signature")).unwrap();
    let request = asking(json!([{ "role": "assistant", "content": [
        { "type": "thinking", "thinking": "a", "signature": signature },
        { "type": "redacted_thinking", "data": data(0) },
        { "type": "tool_use", "id": "call_1", "name": "f", "input": {} },
        { "type": "text", "text": "b" },
        { "type": "redacted_thinking", "data": data(1) },
    ]}]));
    let parts = &request.turns[0].parts;
    let PartKind::Reasoning(thought) = &parts[0].kind else { panic!("{parts:?}") };
    assert_eq!(thought.token.as_ref(), Some(&token));
    assert_eq!((parts[1].token.as_ref(), parts[2].token.as_ref()), (Some(&token), Some(&token)));
    assert_eq!(parts.len(), 3);
    // Anthropic itself gets none of it.
    let again = written(&request);
    let again = again["messages"][0]["content"].as_array().unwrap();
    assert_eq!(
        again.iter().map(|block| block["type"].as_str().unwrap()).collect::<Vec<_>>(),
        ["tool_use", "text"]
    );
}

#[test]
fn a_client_that_wants_no_thoughts_gets_only_their_signature() {
    let thought = |token: Option<Event>| {
        let mut parts = vec![
            event_open(Head::Reasoning { kind: ReasoningKind::Summary, item_id: None }),
            event_delta(Delta::Text("secret".into())),
        ];
        parts.extend(token);
        parts.push(CLOSE);
        client_frames(&parts, Reply { show: Show::None, ..reply() })
    };
    assert_eq!(thought(None), Vec::<Value>::new());
    let token = Token { family: Family::Anthropic, value: "s".into() };
    let frames = thought(Some(event_delta(Delta::Token(token))));
    assert_eq!(frames.len(), 3);
    assert_eq!(frames[1]["delta"], json!({ "type": "signature_delta", "signature": "s" }));
}

#[test]
fn unsigned_thoughts_have_an_empty_signature_and_no_delta_for_it() {
    let parts = [
        event_open(Head::Reasoning { kind: ReasoningKind::Thinking, item_id: None }),
        event_delta(Delta::Text("a".into())),
        CLOSE,
    ];
    let frames = client_frames(&parts, reply());
    assert_eq!(frames[0]["content_block"], json!({ "type": "thinking", "thinking": "", "signature": "" }));
    assert_eq!(frames.iter().filter(|frame| frame["delta"]["type"] == "signature_delta").count(), 0);
}

#[test]
fn free_text_is_wrapped_into_an_object_as_it_streams() {
    let parts = [
        event_open(call_head(ToolKind::Custom)),
        event_delta(Delta::Arguments("say \"hi\"\n".into())),
        event_delta(Delta::Arguments("\\".into())),
        CLOSE,
    ];
    let frames = client_frames(&parts, reply());
    let pieces = frames.iter().filter_map(|frame| frame["delta"]["partial_json"].as_str());
    let whole: Value = serde_json::from_str(&pieces.collect::<String>()).unwrap();
    assert_eq!(whole, json!({ "input": "say \"hi\"\n\\" }));
}

#[test]
fn what_has_no_place_in_this_format_is_told_in_words_or_left_out() {
    let image =
        Media::new(MediaKind::Image, Source::Url { url: "https://example.com/a.png".into(), mime: None });
    let foreign = Head::Opaque { family: Family::Gemini, raw: RawJson::parse("{}").unwrap() };
    let other = |event: Event| match event {
        Event::Open { head, .. } => Event::Open { candidate: 1, head },
        _ => Event::Close { candidate: 1 },
    };
    let parts = [
        event_open(foreign),
        CLOSE,
        other(event_open(Head::Text)),
        other(CLOSE),
        Event::Heartbeat,
        event_open(Head::Media(image)),
        CLOSE,
    ];
    let frames = client_frames(&parts, reply());
    assert_eq!(frames.len(), 3);
    assert_eq!(frames[1]["delta"]["text"], "![media](https://example.com/a.png)");
}

#[test]
fn line_ends_inside_raw_json_do_not_end_the_event() {
    let raw = RawJson::parse("{\"type\":\"compaction\",\r\n\n\"content\":\"a\\nb\"}").unwrap();
    let parts = [event_open(Head::Opaque { family: Family::Anthropic, raw }), CLOSE];
    assert_eq!(client_frames(&parts, reply())[0]["content_block"]["content"], "a\nb");
}

#[test]
fn signs_of_life_never_come_before_the_message() {
    let (mut writer, mut out) = (Anthropic.event_writer(reply()), Vec::new());
    writer.keepalive(&mut out);
    assert_eq!(out, b": keep-alive\n\n");
    writer.write(&Event::Start(byok_types::chat::Start::default()), &mut out);
    out.clear();
    writer.keepalive(&mut out);
    assert_eq!(out, b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
    writer.write(&Event::End, &mut out);
    out.clear();
    writer.keepalive(&mut out);
    assert!(out.is_empty());
}

#[test]
fn the_final_usage_holds_the_input_that_was_not_known_at_the_start() {
    let usage = Usage { input: Some(20), cache_read: Some(8), output: Some(15), ..Usage::default() };
    let events = [
        Event::Start(byok_types::chat::Start::default()),
        Event::Stop { candidate: 0, stop: Stop::new(StopReason::EndTurn) },
        Event::Usage(usage),
        Event::End,
    ];
    let frames = frames_of(&stream_of(&events, reply()));
    assert_eq!(frames[0]["message"]["usage"]["input_tokens"], 0);
    assert_eq!(
        frames[1]["usage"],
        json!({
            "input_tokens": 12, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 8, "output_tokens": 15,
        })
    );
}

#[test]
fn an_upstream_that_gave_up_ends_in_an_error() {
    let stop = Stop { reason: StopReason::Error, matched: None, detail: Some("out of order".into()) };
    let events =
        [Event::Start(byok_types::chat::Start::default()), Event::Stop { candidate: 0, stop }, Event::End];
    let frames = frames_of(&stream_of(&events, reply()));
    assert_eq!(frames[1]["error"], json!({ "type": "api_error", "message": "out of order" }));
    assert_eq!(frames.len(), 2);
}
