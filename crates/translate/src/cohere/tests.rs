use byok_types::chat::{Event, Fold, PartKind, Request, StopReason};
use byok_types::{Dialect, Family, RawJson};
use proptest::prelude::*;

use super::*;
use crate::facts::model_facts;
use crate::format::AnswerId;
use crate::sse::Parser;

const STREAM: &str = r#"event: message-start
data: {"type":"message-start","id":"c1","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}

event: tool-plan-delta
data: {"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will look "}}}

event: tool-plan-delta
data: {"type":"tool-plan-delta","delta":{"message":{"tool_plan":"it up."}}}

event: tool-call-start
data: {"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"weather_1","type":"function","function":{"name":"weather","arguments":""}}}}}

event: tool-call-delta
data: {"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"city\":"}}}}}

event: tool-call-delta
data: {"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"\"Oslo\"}"}}}}}

event: tool-call-end
data: {"type":"tool-call-end","index":0}

event: tool-call-start
data: {"type":"tool-call-start","index":1,"delta":{"message":{"tool_calls":{"id":"time_2","type":"function","function":{"name":"time","arguments":""}}}}}

event: tool-call-end
data: {"type":"tool-call-end","index":1}

event: message-end
data: {"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":12.0,"output_tokens":15.0},"tokens":{"input_tokens":20.0,"output_tokens":15.0},"cached_tokens":8.0}}}

"#;

fn events(pieces: &[&[u8]]) -> Vec<Event> {
    let (mut parser, mut reader, mut out) = (Parser::new(), Cohere.event_reader(), Vec::new());
    for piece in pieces {
        parser.feed(piece, &mut |frame| reader.read(&frame, &mut out)).unwrap();
    }
    parser.finish(&mut |frame| reader.read(&frame, &mut out));
    reader.finish(&mut out);
    out
}

fn reply() -> Reply {
    let request = Request { model: "m".into(), ..Request::default() };
    Reply::new(&request, AnswerId { unique: "0123456789abcdef".into(), created: 1 })
}

fn written(events: &[Event]) -> String {
    let mut writer = Cohere.event_writer(reply());
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn a_stream_with_calls_is_read_and_written() {
    let read = events(&[STREAM.as_bytes()]);
    insta::assert_debug_snapshot!(Fold::all(read.clone()).unwrap());
    insta::assert_snapshot!(written(&read));
}

#[test]
fn pitfall_126_tool_calls_in_a_stream_is_an_object() {
    let response = Fold::all(events(&[STREAM.as_bytes()])).unwrap();
    let calls: Vec<_> = response.candidates[0]
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::ToolCall(call) => Some((call.id.as_str(), call.arguments.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(calls, [("weather_1", "{\"city\":\"Oslo\"}"), ("time_2", "{}")]);
}

#[test]
fn pitfall_127_contents_and_calls_have_their_own_counters() {
    let text = written(&events(&[concat!(
        "data: {\"type\":\"content-delta\",\"delta\":{\"message\":{\"content\":{\"thinking\":\"hm\"}}}}\n\n",
        "data: {\"type\":\"content-delta\",\"delta\":{\"message\":{\"content\":{\"text\":\"Hi\"}}}}\n\n",
        "data: {\"type\":\"tool-call-start\",\"index\":0,\"delta\":{\"message\":{\"tool_calls\":{\"id\":\"a\",\"function\":{\"name\":\"f\"}}}}}\n\n",
        "data: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"TOOL_CALL\"}}\n\n",
    )
    .as_bytes()]));
    assert!(text.contains(r#"{"type":"content-end","index":1}"#), "{text}");
    assert!(text.contains(r#"{"type":"tool-call-end","index":0}"#), "{text}");
}

#[test]
fn pitfall_128_the_plan_is_reasoning() {
    let response = Fold::all(events(&[STREAM.as_bytes()])).unwrap();
    assert!(
        matches!(&response.candidates[0].parts[0].kind, PartKind::Reasoning(part) if part.text == "I will look it up.")
    );
}

#[test]
fn pitfall_133_an_error_at_the_end_is_an_error_alone() {
    let read = events(&[b"data: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"too busy\"}}\n\ndata: [DONE]\n\n"]);
    assert!(matches!(read.as_slice(), [Event::Start(_), Event::Error(fault)] if fault.message == "too busy"));
    let text = written(&read);
    assert!(text.ends_with("\"error\":\"too busy\"}}\n\n"), "{text}");
}

#[test]
fn pitfalls_134_and_135_usage_is_the_tokens_as_whole_numbers() {
    let response = Cohere
        .read_response(br#"{"id":"c","finish_reason":"COMPLETE","message":{"role":"assistant","content":[{"type":"text","text":"Hi"}]},"usage":{"billed_units":{"input_tokens":5.0,"output_tokens":2.0},"tokens":{"input_tokens":71.0,"output_tokens":9.0}}}"#)
        .unwrap();
    assert_eq!((response.usage.input, response.usage.output), (Some(71), Some(9)));
}

#[test]
fn a_cut_stream_is_an_error() {
    let cut = &STREAM[..STREAM.find("event: message-end").unwrap()];
    assert!(matches!(events(&[cut.as_bytes()]).last(), Some(Event::Error(_))));
}

#[test]
fn a_request_keeps_all_its_parts() {
    let body = br#"{"model":"command-a-03-2025","stream":false,"max_tokens":50,"p":0.9,"k":3,"safety_mode":"OFF","tool_choice":"REQUIRED",
        "tools":[{"type":"function","function":{"name":"weather","description":"d","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}],
        "messages":[{"role":"system","content":"Be kind."},{"role":"user","content":[{"type":"text","text":"Weather?"},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]},
        {"role":"assistant","tool_plan":"Look.","tool_calls":[{"id":"a","type":"function","function":{"name":"weather","arguments":"{\"city\": \"Oslo\"}"}}]},
        {"role":"tool","tool_call_id":"a","content":[{"type":"document","document":{"data":{"text":"snowing"}}}]}]}"#;
    let request = Cohere.read_request(body, PathWish::default()).unwrap();
    let facts = model_facts(Family::Cohere, &request.model);
    let written = RawJson::parse(String::from_utf8(Cohere.write_request(&request, &facts)).unwrap()).unwrap();
    insta::assert_json_snapshot!(written.to_value());
    let again = Cohere.read_request(written.get().as_bytes(), PathWish::default()).unwrap();
    assert_eq!(again, request);
}

#[test]
fn a_wrong_request_names_its_field() {
    for (body, field) in [
        (r#"{"messages":[]}"#, "model"),
        (r#"{"model":"m"}"#, "messages"),
        (r#"{"model":"m","messages":[{"role":"king"}]}"#, "messages[0].role"),
        (r#"{"model":"m","messages":[{"role":"tool","content":"x"}]}"#, "messages[0].tool_call_id"),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"video"}]}]}"#,
            "messages[0].content[0]",
        ),
        (r#"{"model":"m","messages":[{"role":"user","content":5}]}"#, "messages[0].content"),
    ] {
        let error = Cohere.read_request(body.as_bytes(), PathWish::default()).unwrap_err();
        assert!(error.to_string().starts_with(field), "{body}: {error}");
    }
}

#[test]
fn an_error_of_the_service_is_no_answer() {
    let fault = Cohere.read_response(br#"{"message":"model overloaded","id":"r1"}"#).unwrap_err();
    assert_eq!((fault.status, fault.message.as_str()), (502, "model overloaded"));
    let fault = Cohere.read_fault(429, b"<html>");
    assert_eq!(fault.message, "the upstream answered with a web page instead of an API answer");
    assert_eq!(Cohere.fault_status(&Fault::new(529, byok_types::Blame::Upstream, "")), 503);
    assert_eq!(Dialect::from(Family::Cohere), Dialect::Cohere);
}

#[test]
fn thoughts_before_calls_are_their_plan() {
    let read = |format: &dyn ClientFormat, body: &str| {
        format.read_request(body.as_bytes(), PathWish::default()).unwrap()
    };
    let request = read(
        &crate::openai_chat::OpenaiChat,
        r#"{"model":"m","messages":[{"role":"user","content":"?"},{"role":"assistant","content":null,"reasoning_content":"I look.",
        "tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"x"}]}"#,
    );
    let body = Cohere.write_request(&request, &model_facts(Family::Cohere, "command-a-03-2025"));
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["messages"][1]["tool_plan"], "I look.");
    assert_eq!(body["messages"][1].get("content"), None);
    let thinks = read(
        &Cohere,
        r#"{"model":"m","messages":[{"role":"user","content":"?"}],"thinking":{"type":"enabled"}}"#,
    );
    assert_eq!(thinks.reasoning.show, byok_types::chat::Show::Full);
}

#[test]
fn a_whole_answer_goes_both_ways() {
    let response = Fold::all(events(&[STREAM.as_bytes()])).unwrap();
    let body = Cohere.write_response(&response, &reply());
    let again = Cohere.read_response(&body).unwrap();
    assert_eq!(again.candidates, response.candidates);
    assert_eq!((again.usage, again.candidates[0].stop.reason), (response.usage, StopReason::ToolUse));
}

proptest! {
    #[test]
    fn cutting_the_stream_anywhere_changes_nothing(cuts in prop::collection::vec(0..STREAM.len(), 0..8)) {
        let mut at = cuts;
        at.extend([0, STREAM.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &STREAM.as_bytes()[pair[0]..pair[1]]).collect();
        prop_assert_eq!(events(&pieces), events(&[STREAM.as_bytes()]));
    }

    #[test]
    fn any_bytes_end_in_an_answer_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(matches!(events(&[&bytes]).last(), Some(Event::End | Event::Error(_))));
        let _ = Cohere.read_request(&bytes, PathWish::default());
        let _ = Cohere.read_response(&bytes);
        let _ = Cohere.read_fault(500, &bytes);
    }
}

#[test]
fn a_refusal_in_words_is_an_answer_and_any_other_is_an_error() {
    assert_eq!(wire::finish_reason(StopReason::Refusal, true), "COMPLETE");
    assert_eq!(wire::finish_reason(StopReason::Refusal, false), "ERROR");
}

#[test]
fn pitfall_57_events_of_kinds_to_come_are_skipped_whatever_their_fields_hold() {
    let novel = "event: debug\ndata: {\"type\":\"debug\",\"delta\":\"x\",\"message\":7}\n\n";
    let with = STREAM.replacen("event: tool-plan-delta", &format!("{novel}event: tool-plan-delta"), 1);
    assert_eq!(events(&[with.as_bytes()]), events(&[STREAM.as_bytes()]));
}

#[test]
fn pitfall_143_errors_of_what_stands_before_the_service_keep_their_words() {
    for body in [r#"{"error":"boom"}"#, r#"{"error":{"message":"boom"}}"#, r#"{"detail":[{"msg":"boom"}]}"#] {
        let fault = Cohere.read_fault(422, body.as_bytes());
        assert!(fault.status == 422 && fault.message.contains("boom"), "{body}: {}", fault.message);
    }
}
