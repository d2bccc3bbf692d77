//! Answers, from upstreams and to clients.

use byok_types::chat::{
    Candidate, Event, FoldError, Part, PartKind, ReasoningKind, ReasoningPart, Response, Show, Stop,
    StopReason, Token, ToolCall, ToolKind, Usage, unfold,
};
use byok_types::{Blame, Family, Fault, FaultKind, RawJson};
use serde_json::{Value, json};

use super::{Gemini, client_stream, events, folded, reply, request};
use crate::format::{ClientFormat, UpstreamFormat};

const TAIL: &str = r#""modelVersion":"m","responseId":"r1""#;

fn chunk(parts: &str, more: &str) -> String {
    format!(r#"{{"candidates":[{{"index":0,"content":{{"role":"model","parts":[{parts}]}}{more}}}],{TAIL}}}"#)
}

fn answer(parts: &str, more: &str) -> Response {
    folded(&[&chunk(parts, more)]).unwrap()
}

fn calls(response: &Response) -> Vec<&ToolCall> {
    let parts = response.candidates.iter().flat_map(|candidate| &candidate.parts);
    parts
        .filter_map(|part| match &part.kind {
            PartKind::ToolCall(call) => Some(call),
            _ => None,
        })
        .collect()
}

fn failed(result: Result<Response, FoldError>) -> Fault {
    match result.unwrap_err() {
        FoldError::Failed(fault) => *fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_answer_of_the_appendix_is_read() {
    let response = folded(&[
        r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"Hi there"}]}}],"modelVersion":"m","responseId":"r1"}"#,
        r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"functionCall":{"id":"call_1","name":"weather","args":{"city":"Oslo"}}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":20,"cachedContentTokenCount":8,"candidatesTokenCount":10,"thoughtsTokenCount":5,"totalTokenCount":35},"modelVersion":"m","responseId":"r1"}"#,
    ])
    .unwrap();
    assert_eq!((response.id.as_str(), response.model.as_str()), ("r1", "m"));
    let call = calls(&response)[0];
    assert_eq!(
        (call.id.as_str(), call.generated_id, call.arguments.as_str()),
        ("call_1", false, r#"{"city":"Oslo"}"#)
    );
    assert_eq!(response.candidates[0].stop, Stop::new(StopReason::ToolUse));
    let usage = Usage {
        input: Some(20),
        cache_read: Some(8),
        output: Some(15),
        reasoning: Some(5),
        ..Usage::default()
    };
    assert_eq!(response.usage, usage);
}

#[test]
fn the_answer_of_the_appendix_is_written() {
    let call = ToolCall {
        id: "call_1".into(),
        generated_id: false,
        name: "weather".into(),
        arguments: r#"{"city":"Oslo"}"#.into(),
        kind: ToolKind::Function,
        namespace: None,
        item_id: None,
    };
    let response = Response {
        candidates: vec![Candidate {
            index: 0,
            parts: vec![Part::text("Hi there"), Part::new(PartKind::ToolCall(call))],
            stop: Stop::new(StopReason::ToolUse),
            logprobs: None,
        }],
        usage: Usage {
            input: Some(20),
            cache_read: Some(8),
            output: Some(15),
            reasoning: Some(5),
            ..Usage::default()
        },
        ..Response::default()
    };
    let whole = String::from_utf8(Gemini.write_response(&response, &reply(Show::Unset, false))).unwrap();
    assert_eq!(
        whole,
        concat!(
            r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"Hi there"},"#,
            r#"{"functionCall":{"id":"call_1","name":"weather","args":{"city":"Oslo"}}}]},"finishReason":"STOP"}],"#,
            r#""usageMetadata":{"promptTokenCount":20,"cachedContentTokenCount":8,"candidatesTokenCount":10,"thoughtsTokenCount":5,"totalTokenCount":35},"#,
            r#""modelVersion":"fast","responseId":"0123456789abcdef"}"#
        )
    );
    // The names of the upstream's model and answer are not the client's business (pitfall 146).
    assert_eq!(
        client_stream(&unfold(response), reply(Show::Unset, false)),
        concat!(
            r#"data: {"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"Hi there"}]}}],"modelVersion":"fast","responseId":"0123456789abcdef"}"#,
            "\n\n",
            r#"data: {"candidates":[{"index":0,"content":{"role":"model","parts":[{"functionCall":{"id":"call_1","name":"weather","args":{"city":"Oslo"}}}]}}],"modelVersion":"fast","responseId":"0123456789abcdef"}"#,
            "\n\n",
            r#"data: {"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":""}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":20,"cachedContentTokenCount":8,"candidatesTokenCount":10,"thoughtsTokenCount":5,"totalTokenCount":35},"modelVersion":"fast","responseId":"0123456789abcdef"}"#,
            "\n\n"
        )
    );
}

#[test]
fn pitfall_84_calls_without_ids_get_ids_that_differ_within_and_between_answers() {
    let parts = r#"{"functionCall":{"name":"f","args":{}}},{"functionCall":{"name":"f","args":{}}},{"functionCall":{"id":"x","name":"f"}},{"functionCall":{"id":"x","name":"f"}}"#;
    let response = answer(parts, r#","finishReason":"STOP""#);
    let ids: Vec<_> = calls(&response).iter().map(|call| (call.id.as_str(), call.generated_id)).collect();
    assert_eq!(ids, [("call_r1_0", true), ("call_r1_1", true), ("x", false), ("call_r1_2", true)]);
    assert_eq!(calls(&response)[2].arguments, "{}");
    // Without the answer's own id the chunk itself tells answers apart, and always in the same way.
    let bare = |n| {
        let chunk = format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"functionCall":{{"name":"f","args":{{"n":{n}}}}}}}]}},"finishReason":"STOP"}}]}}"#
        );
        calls(&folded(&[&chunk]).unwrap())[0].id.clone()
    };
    assert_eq!(bare(1), bare(1));
    assert_ne!(bare(1), bare(2));
    assert!(bare(1).bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && bare(1).len() <= 64);
}

#[test]
fn pitfall_88_only_the_signed_call_of_a_group_is_signed() {
    let parts = r#"{"functionCall":{"name":"f"},"thoughtSignature":"czE="},{"functionCall":{"name":"g"}},{"text":"","thoughtSignature":"czI="}"#;
    let response = answer(parts, r#","finishReason":"STOP""#);
    let parts = &response.candidates[0].parts;
    let token = |value: &str| Some(Token { family: Family::Gemini, value: value.into() });
    assert_eq!((&parts[0].token, &parts[1].token), (&token("czE="), &None));
    // The last signature belongs to no call: it stays where it was, as a thought that shows nothing.
    let alone = ReasoningPart {
        kind: ReasoningKind::Summary,
        text: String::new(),
        token: token("czI="),
        item_id: None,
    };
    assert_eq!(parts[2], Part::new(PartKind::Reasoning(alone)));
}

#[test]
fn pitfall_89_a_signature_without_text_opens_nothing() {
    let response = folded(&[
        &chunk(r#"{"text":"Hel"}"#, ""),
        &chunk(r#"{"text":"lo"}"#, ""),
        &chunk(r#"{"text":"","thoughtSignature":"c2ln"}"#, r#","finishReason":"STOP""#),
    ])
    .unwrap();
    let token = Some(Token { family: Family::Gemini, value: "c2ln".into() });
    assert_eq!(response.candidates[0].parts, [Part { token, ..Part::text("Hello") }]);
}

#[test]
fn text_behind_a_signature_is_a_text_of_its_own() {
    let response =
        answer(r#"{"text":"a","thoughtSignature":"c2ln"},{"text":"b"}"#, r#","finishReason":"STOP""#);
    let texts: Vec<_> = response.candidates[0].parts.iter().map(Part::as_text).collect();
    assert_eq!(texts, [Some("a"), Some("b")]);
}

#[test]
fn pitfall_91_thoughts_are_no_answer() {
    let response = answer(
        r#"{"text":"Hm, ","thought":true},{"text":"so.","thought":true},{"text":"Yes."}"#,
        r#","finishReason":"STOP""#,
    );
    assert!(matches!(&response.candidates[0].parts[0].kind, PartKind::Reasoning(it) if it.text == "Hm, so."));
    assert_eq!(response.candidates[0].parts[1].as_text(), Some("Yes."));
}

#[test]
fn pitfall_92_missing_pieces_are_no_crash() {
    let blocked =
        folded(&[r#"{"promptFeedback":{"blockReason":"SAFETY","blockReasonMessage":"no"}}"#]).unwrap();
    let stop = Stop { reason: StopReason::Filtered, matched: None, detail: Some("SAFETY: no".into()) };
    assert_eq!((blocked.candidates[0].stop.clone(), blocked.candidates[0].parts.len()), (stop, 0));
    let limit = folded(&[r#"{"candidates":[{"finishReason":"MAX_TOKENS"}]}"#]).unwrap();
    assert_eq!(limit.candidates[0].stop.reason, StopReason::MaxTokens);
    let filtered =
        Gemini.read_response(br#"{"candidates":[{"content":{},"finishReason":"RECITATION"}]}"#).unwrap();
    assert_eq!(filtered.candidates[0].stop.reason, StopReason::Filtered);
}

#[test]
fn pitfalls_97_and_98_the_last_usage_counts_and_thoughts_are_output() {
    let response = folded(&[
        r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":1,"thoughtsTokenCount":7,"totalTokenCount":18}}"#,
        r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"toolUsePromptTokenCount":5,"candidatesTokenCount":3,"thoughtsTokenCount":7,"totalTokenCount":25}}"#,
    ])
    .unwrap();
    let usage = Usage {
        input: Some(15),
        cache_read: Some(4),
        output: Some(10),
        reasoning: Some(7),
        ..Usage::default()
    };
    assert_eq!(response.usage, usage);
}

#[test]
fn pitfall_99_an_error_in_a_stream_is_an_error() {
    for error in [
        r#"{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED"}}"#,
        r#"[{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED"}}]"#,
        r#"{"error":{"message":"slow","status":"RESOURCE_EXHAUSTED"}}"#,
    ] {
        let fault = failed(folded(&[&chunk(r#"{"text":"a"}"#, ""), error]));
        assert_eq!((fault.status, fault.kind, fault.message.as_str()), (429, FaultKind::Rate, "slow"));
        // With status 200 and without a stream it is one too (pitfall 152).
        assert_eq!(Gemini.read_response(error.as_bytes()).unwrap_err().status, 429);
    }
}

#[test]
fn pitfall_17_a_page_or_nothing_is_no_answer() {
    for body in ["", "<html>", "{}", "[]", "null", r#"{"candidates":[]}"#] {
        let fault = Gemini.read_response(body.as_bytes()).unwrap_err();
        assert_eq!((fault.status, fault.kind), (502, FaultKind::UpstreamBroken), "{body}");
    }
    assert_eq!(failed(folded(&[])).kind, FaultKind::UpstreamBroken);
    assert_eq!(failed(folded(&["{}"])).kind, FaultKind::UpstreamBroken);
}

#[test]
fn an_answer_that_breaks_off_is_no_answer() {
    let fault = failed(folded(&[&chunk(r#"{"text":"a"}"#, "")]));
    assert_eq!((fault.kind, fault.blame), (FaultKind::UpstreamBroken, Blame::Upstream));
    assert!(fault.message.contains("broke off"), "{fault}");
    // In one piece it is whole, whether or not it says so.
    let whole = Gemini.read_response(chunk(r#"{"text":"a"}"#, "").as_bytes()).unwrap();
    assert_eq!(whole.candidates[0].stop.reason, StopReason::EndTurn);
    // Half an event behind the end takes nothing from it (pitfall 8).
    let complete = chunk(r#"{"text":"a"}"#, r#","finishReason":"STOP""#);
    assert!(folded(&[&complete, "{\"candi"]).is_ok());
}

#[test]
fn early_and_repeated_reasons_end_the_answer_once() {
    let response = folded(&[
        &chunk(r#"{"text":"a"}"#, r#","finishReason":"STOP""#),
        &chunk(r#"{"text":"b"}"#, r#","finishReason":"MAX_TOKENS""#),
    ])
    .unwrap();
    assert_eq!(response.candidates[0].parts, [Part::text("ab")]);
    assert_eq!(response.candidates[0].stop.reason, StopReason::MaxTokens);
}

#[test]
fn googles_own_logins_wrap_every_answer() {
    let chunk = chunk(r#"{"text":"a"}"#, r#","finishReason":"STOP""#);
    let wrapped = format!(r#"{{"response":{chunk},"traceId":"t"}}"#);
    assert_eq!(folded(&[&wrapped]), folded(&[&chunk]));
    assert_eq!(Gemini.read_response(wrapped.as_bytes()).unwrap(), folded(&[&chunk]).unwrap());
}

#[test]
fn pitfall_22_a_stream_may_be_one_array_for_either_side() {
    let first = chunk(r#"{"text":"a"}"#, "");
    let last = chunk(r#"{"text":"b"}"#, r#","finishReason":"STOP""#);
    let response = Gemini.read_response(format!("[{first},\r\n{last}]").as_bytes()).unwrap();
    assert_eq!(response, folded(&[&first, &last]).unwrap());
    let array = reply(Show::None, true);
    assert_eq!(Gemini.stream_content_type(&array), "application/json; charset=utf-8");
    let written: Vec<Value> = serde_json::from_str(&client_stream(&unfold(response), array)).unwrap();
    assert_eq!(written.len(), 2);
    assert_eq!(written[1]["candidates"][0]["finishReason"], "STOP");
}

#[test]
fn pitfalls_10_and_11_nothing_but_data_lines_is_written() {
    let parts = r#"{"text":"a\u2028\u0085é“"},{"functionCall":{"name":"f","args":{"x":"LS"}}}"#
        .replace("LS", "\u{2028}");
    // Arguments over several lines come as several `data:` lines (pitfall 5).
    let chunk = chunk(&parts, r#","finishReason":"STOP""#).replace(r#"{"x":"#, "{\ndata: \"x\":");
    let stream = format!("data: {chunk}\n\n");
    let written = client_stream(&events([stream.as_bytes()]), reply(Show::Unset, false));
    for event in written.strip_suffix("\n\n").unwrap().split("\n\n") {
        // One line, also for readers that split at every line end that Unicode knows (pitfall 7).
        assert!(
            event.starts_with("data: {") && !event.contains(['\n', '\r', '\u{2028}', '\u{85}']),
            "{event}"
        );
    }
    assert!(written.contains(r"a\u2028\u0085é“") && written.contains(r#"{ "x":"\u2028"}"#), "{written}");
}

#[test]
fn pitfall_103_a_call_goes_out_when_it_is_complete() {
    let parts = r#"{"functionCall":{"id":"1","name":"f","args":{"a":1.0}},"thoughtSignature":"c2ln"}"#;
    let stream = format!("data: {}\n\n", chunk(parts, r#","finishReason":"STOP""#));
    let mut events = events([stream.as_bytes()]);
    // Cut the arguments, as other vendors stream them.
    let at = events.iter().position(|event| matches!(event, Event::Delta { .. })).unwrap();
    let piece =
        |text: &str| Event::Delta { candidate: 0, delta: byok_types::chat::Delta::Arguments(text.into()) };
    events.splice(at..=at, [piece("{\"a\""), piece(":1.0"), piece("}")]);
    let written = client_stream(&events, reply(Show::Unset, false));
    assert_eq!(written.matches("functionCall").count(), 1);
    assert!(
        written
            .contains(r#"{"functionCall":{"id":"1","name":"f","args":{"a":1.0}},"thoughtSignature":"c2ln"}"#)
    );
}

#[test]
fn pitfall_104_every_content_has_the_role_model_and_the_reason_stands_once() {
    let stream = format!("data: {}\n\n", chunk(r#"{"text":"a"}"#, r#","finishReason":"STOP""#));
    let written = client_stream(&events([stream.as_bytes()]), reply(Show::Unset, false));
    assert_eq!(written.matches(r#""role":"model""#).count(), written.matches("data: ").count());
    assert_eq!(written.matches("finishReason").count(), 1);
    assert!(written.rsplit("data: ").next().unwrap().contains("finishReason"));
}

#[test]
fn an_error_in_a_stream_is_the_only_key_and_the_last_word() {
    let mut fault = Fault::new(529, Blame::Upstream, "too busy");
    fault.retry_after = Some(std::time::Duration::from_secs(7));
    let error = [Event::Error(Box::new(fault))];
    let text = r#"{"error":{"code":503,"message":"too busy","status":"UNAVAILABLE","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}"#;
    assert_eq!(client_stream(&error, reply(Show::Unset, false)), format!("data: {text}\n\n"));
    assert_eq!(client_stream(&error, reply(Show::Unset, true)), format!("[{text}]"));
    // An answer that the vendor gave up is an error too.
    let gave_up = unfold(Response {
        candidates: vec![Candidate {
            index: 0,
            parts: vec![Part::text("a")],
            stop: Stop::new(StopReason::Error),
            logprobs: None,
        }],
        ..Response::default()
    });
    let written = client_stream(&gave_up, reply(Show::Unset, false));
    assert!(written.contains(r#""error":{"code":502"#) && !written.contains("finishReason"), "{written}");
}

/// The content that a client keeps of an answer, read back as history.
fn remembered(response: &Response, show: Show) -> Vec<Part> {
    let whole: Value = serde_json::from_slice(&Gemini.write_response(response, &reply(show, false))).unwrap();
    let from_whole = request(&json!({ "contents": [whole["candidates"][0]["content"]] }).to_string());
    let streamed = client_stream(&unfold(response.clone()), reply(show, true));
    let streamed: Vec<Value> = serde_json::from_str(&streamed).unwrap();
    let contents: Vec<&Value> = streamed.iter().map(|chunk| &chunk["candidates"][0]["content"]).collect();
    let from_stream = request(&json!({ "contents": contents }).to_string());
    assert_eq!(from_whole.turns, from_stream.turns);
    from_whole.turns.into_iter().flat_map(|turn| turn.parts).collect()
}

#[test]
fn foreign_reasoning_comes_back_whole_whether_it_was_shown_or_not() {
    let reasoning = |kind, text: &str, family, value: &str, item_id: Option<&str>| {
        Part::new(PartKind::Reasoning(ReasoningPart {
            kind,
            text: text.into(),
            token: Some(Token { family, value: value.into() }),
            item_id: item_id.map(Into::into),
        }))
    };
    let parts = vec![
        reasoning(ReasoningKind::Thinking, "Let me see.", Family::Anthropic, "EqQB", None),
        reasoning(ReasoningKind::Redacted, "", Family::Anthropic, "EmwKAhgB", None),
        reasoning(ReasoningKind::Summary, "**Plan**", Family::OpenaiResponses, "gAAAA", Some("rs_1")),
        Part::text("Done."),
    ];
    let response = Response {
        candidates: vec![Candidate {
            index: 0,
            parts: parts.clone(),
            stop: Stop::new(StopReason::EndTurn),
            logprobs: None,
        }],
        ..Response::default()
    };
    for show in [Show::None, Show::Unset, Show::Summary, Show::Full] {
        assert_eq!(remembered(&response, show), parts, "{show:?}");
    }
    let hidden = String::from_utf8(Gemini.write_response(&response, &reply(Show::None, false))).unwrap();
    assert!(!hidden.contains("Let me see."), "{hidden}");
}

#[test]
fn pitfall_151_every_signature_is_padded_base64() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    for value in ["", "a", "ab", "abc", "with spaces.and:dots"] {
        let token = Token { family: Family::OpenaiResponses, value: value.into() };
        let written = super::super::thought::write(&token, ReasoningKind::Summary, Some("rs_1"), "");
        assert!(STANDARD.decode(&written).is_ok(), "{written}");
    }
}

#[test]
fn probabilities_of_other_vendors_are_not_shown_as_googles() {
    let with = |raw: &str| {
        let response = Response {
            candidates: vec![Candidate {
                index: 0,
                parts: vec![Part::text("a")],
                stop: Stop::new(StopReason::EndTurn),
                logprobs: Some(RawJson::parse(raw).unwrap()),
            }],
            ..Response::default()
        };
        String::from_utf8(Gemini.write_response(&response, &reply(Show::Unset, false))).unwrap()
    };
    assert!(with(r#"{"chosenCandidates":[]}"#).contains("logprobsResult"));
    assert!(!with(r#"{"content":[]}"#).contains("logprobsResult"));
}
