use byok_types::chat::{Event, Fold, PartKind, Request, StopReason, ToolChoice};
use byok_types::model::ModelFacts;
use byok_types::{Family, FaultKind};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::eventstream::tests::{encode, event};
use crate::facts::model_facts;
use crate::format::{PathWish, dialect};

fn facts() -> ModelFacts {
    model_facts(Family::OpenaiChat, "claude-sonnet-4.6")
}

/// A request as a Chat client writes it.
fn request(body: &Value) -> Request {
    let format = dialect(byok_types::Dialect::OpenaiChat);
    let mut request = format.read_request(body.to_string().as_bytes(), PathWish::default()).unwrap();
    request.model = "claude-sonnet-4.6".to_owned();
    request
}

fn written(body: &Value) -> Value {
    serde_json::from_slice(&Kiro.write_request(&request(body), &facts())).unwrap()
}

fn events(stream: &[u8]) -> Vec<Event> {
    let (mut decoder, mut reader, mut out) = (Decoder::default(), Kiro.event_reader(), Vec::new());
    decoder.feed(stream, &mut |frame| reader.read(&frame, &mut out)).unwrap();
    reader.finish(&mut out);
    out
}

fn answer(pieces: &[(&str, Value)]) -> Result<Response, Box<Fault>> {
    let stream: Vec<u8> =
        pieces.iter().flat_map(|(kind, payload)| event(kind, &payload.to_string())).collect();
    Kiro.read_response(&stream)
}

const TOOLS: &str = r#"[{"type":"function","function":{"name":"weather","description":"Tells it","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]"#;

#[test]
fn a_conversation_with_tools() {
    let tools: Value = serde_json::from_str(TOOLS).unwrap();
    let body = json!({"model": "m", "tools": tools, "reasoning_effort": "high", "messages": [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "How is it?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}},
            {"id": "c2", "type": "function", "function": {"name": "gone", "arguments": "{\"cut"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        {"role": "tool", "tool_call_id": "c2", "content": "no"},
        {"role": "user", "content": [{"type": "text", "text": "And here?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]}]});
    insta::assert_json_snapshot!(written(&body));
}

#[test]
fn the_last_word_is_the_persons_and_so_is_the_first() {
    let body = json!({"model": "m", "messages": [{"role": "assistant", "content": "Hello."}]});
    let state = &written(&body)["conversationState"];
    assert_eq!(state["currentMessage"]["userInputMessage"]["content"], "Continue.");
    assert_eq!(state["history"][0]["userInputMessage"]["content"], "");
    assert_eq!(state["history"][1]["assistantResponseMessage"]["content"], "Hello.");
}

#[test]
fn a_conversation_keeps_its_id() {
    let first = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    let later = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "More"}]});
    let other = json!({"model": "m", "messages": [{"role": "user", "content": "Ho"}]});
    let id = |body| written(body)["conversationState"]["conversationId"].as_str().unwrap().to_owned();
    assert_eq!(id(&first), id(&later));
    assert_ne!(id(&first), id(&other));
    assert_eq!(id(&first).len(), 36);
}

#[test]
fn what_it_cannot_carry_is_named_or_refused() {
    let tools: Value = serde_json::from_str(TOOLS).unwrap();
    let body = json!({"model": "m", "tools": tools, "tool_choice": "required", "max_tokens": 7,
        "messages": [{"role": "user", "content": "Hi"}]});
    let (mut asked, mut dropped) = (request(&body), Vec::new());
    Kiro.admit(&mut asked, &mut dropped).unwrap();
    let dropped: Vec<String> = dropped.iter().map(|one| format!("{}={}", one.field, one.action)).collect();
    assert_eq!(dropped, ["tool_choice=dropped", "max_tokens=dropped"]);
    let body = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}]}]});
    let fault = Kiro.admit(&mut request(&body), &mut Vec::new()).unwrap_err();
    assert_eq!((fault.status, fault.param.as_deref()), (400, Some("messages[0].content")));
}

#[test]
fn tools_that_may_not_be_used_are_not_offered() {
    let tools: Value = serde_json::from_str(TOOLS).unwrap();
    let body = json!({"model": "m", "tools": tools, "messages": [{"role": "user", "content": "Hi"}]});
    let mut asked = request(&body);
    asked.tool_choice = Some(ToolChoice::None);
    let written: Value = serde_json::from_slice(&Kiro.write_request(&asked, &facts())).unwrap();
    let message = &written["conversationState"]["currentMessage"]["userInputMessage"];
    assert!(message.get("userInputMessageContext").is_none(), "{message}");
}

#[test]
fn text_calls_and_figures() {
    let answer = answer(&[
        ("messageMetadataEvent", json!({"conversationId": "c", "utteranceId": "u"})),
        ("assistantResponseEvent", json!({"content": "I lo", "modelId": "claude-sonnet-4.6"})),
        ("assistantResponseEvent", json!({"content": "ok."})),
        ("toolUseEvent", json!({"toolUseId": "t1", "name": "weather"})),
        ("toolUseEvent", json!({"toolUseId": "t1", "name": "weather", "input": "{\"city\":"})),
        ("toolUseEvent", json!({"toolUseId": "t1", "name": "weather", "input": "\"Oslo\"}"})),
        ("toolUseEvent", json!({"toolUseId": "t1", "name": "weather", "stop": true})),
        ("toolUseEvent", json!({"toolUseId": "t2", "name": "time", "input": {"zone": 1.0}, "stop": true})),
        ("someNewEvent", json!({"x": 1})),
        ("contextUsageEvent", json!({"contextUsagePercentage": 1.5})),
        (
            "metadataEvent",
            json!({"tokenUsage": {"uncachedInputTokens": 12, "outputTokens": 15,
            "cacheReadInputTokens": 8, "cacheWriteInputTokens": 0, "totalTokens": 35}}),
        ),
    ])
    .unwrap();
    assert_eq!(answer.id, "u");
    let usage = answer.usage;
    assert_eq!((usage.input, usage.output, usage.cache_read), (Some(20), Some(15), Some(8)));
    let candidate = &answer.candidates[0];
    assert_eq!(candidate.stop.reason, StopReason::ToolUse);
    assert_eq!(candidate.parts[0].as_text(), Some("I look."));
    let arguments = candidate.parts[1..].iter().map(|part| match &part.kind {
        PartKind::ToolCall(call) => (call.id.as_str(), call.arguments.as_str()),
        other => panic!("{other:?}"),
    });
    let expected = [("t1", r#"{"city":"Oslo"}"#), ("t2", r#"{"zone":1.0}"#)];
    assert_eq!(arguments.collect::<Vec<_>>(), expected);
}

#[test]
fn an_answer_without_its_figures_has_broken_off() {
    let words = ("assistantResponseEvent", json!({"content": "Hi"}));
    let figures = ("meteringEvent", json!({"usage": 0.1, "unit": "credit"}));
    assert!(answer(&[words.clone(), figures.clone()]).is_ok());
    assert!(answer(&[words]).is_err());
    assert!(answer(std::slice::from_ref(&figures)).is_err());
    assert!(answer(&[("toolUseEvent", json!({"toolUseId": "t", "name": "n"})), figures]).is_err());
    assert!(answer(&[]).is_err());
}

#[test]
fn stop_reasons() {
    for (said, reason) in [("MAX_TOKENS", StopReason::MaxTokens), ("END_TURN", StopReason::EndTurn)] {
        let answer = answer(&[
            ("assistantResponseEvent", json!({"content": "Hi"})),
            ("metadataEvent", json!({"stopReason": said})),
        ]);
        assert_eq!(answer.unwrap().candidates[0].stop.reason, reason);
    }
}

#[test]
fn failures_in_the_stream_and_before_it() {
    let exception = |kind: &str, payload: &str| {
        let headers = [(":message-type", "exception"), (":exception-type", kind)];
        let stream =
            [event("assistantResponseEvent", "{\"content\":\"Hi\"}"), encode(&headers, payload.as_bytes())];
        match events(&stream.concat()).pop() {
            Some(Event::Error(fault)) => *fault,
            other => panic!("{other:?}"),
        }
    };
    let slow = exception("ThrottlingException", r#"{"message":"Too fast"}"#);
    assert_eq!((slow.status, slow.kind, slow.message.as_str()), (429, FaultKind::Rate, "Too fast"));
    let full = exception("ThrottlingException", r#"{"message":"m","reason":"INSUFFICIENT_MODEL_CAPACITY"}"#);
    assert_eq!((full.status, full.kind), (503, FaultKind::Overloaded));
    let month = Kiro.read_fault(
        429,
        br#"{"__type":"com.x#ThrottlingException","message":"m","reason":"MONTHLY_REQUEST_COUNT"}"#,
    );
    assert_eq!((month.status, month.kind), (429, FaultKind::Billing));
    let long = Kiro
        .read_fault(400, br#"{"message":"Input is too long.","reason":"CONTENT_LENGTH_EXCEEDS_THRESHOLD"}"#);
    assert_eq!((long.status, long.message.as_str()), (400, "Input is too long."));
    assert_eq!(Kiro.read_fault(500, b"<html>").status, 500);
    let invalid = events(&event("invalidStateEvent", r#"{"reason":"X","message":"no"}"#));
    assert!(matches!(invalid.last(), Some(Event::Error(_))));
}

#[test]
fn thoughts_come_as_events_or_between_tags() {
    let figures = ("meteringEvent", json!({}));
    let by_events = answer(&[
        ("reasoningContentEvent", json!({"text": "Hm."})),
        ("reasoningContentEvent", json!({"signature": "s"})),
        ("assistantResponseEvent", json!({"content": "Yes."})),
        figures.clone(),
    ])
    .unwrap();
    let by_tags = answer(&[
        ("assistantResponseEvent", json!({"content": "<thinking>Hm.</thinking>\n\nYes."})),
        figures,
    ])
    .unwrap();
    assert_eq!(by_events.candidates[0].parts, by_tags.candidates[0].parts);
    assert_eq!(by_tags.candidates[0].parts.len(), 2);
}

proptest! {
    #[test]
    fn where_the_text_is_cut_makes_no_difference(
        text in "(<thinking>[a-z<>/]{0,12}(</thinking>)?)?[ a-z<]{0,12}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let whole = |pieces: &[&str]| {
            let mut stream: Vec<u8> = Vec::new();
            for piece in pieces {
                stream.extend(event("assistantResponseEvent", &json!({"content": piece}).to_string()));
            }
            stream.extend(event("meteringEvent", "{}"));
            Fold::all(events(&stream)).unwrap().candidates[0].parts.clone()
        };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&text[from..cut]);
            from = cut;
        }
        pieces.push(&text[from..]);
        prop_assert_eq!(whole(&pieces), whole(&[&text]));
    }

    #[test]
    fn no_event_breaks_the_grammar(
        kinds in prop::collection::vec((0usize..8, "[a-z<>/]{0,4}", any::<bool>()), 0..12),
    ) {
        const NAMES: [&str; 8] = ["messageMetadataEvent", "assistantResponseEvent", "reasoningContentEvent",
            "toolUseEvent", "metadataEvent", "contextUsageEvent", "invalidStateEvent", "other"];
        let mut stream = Vec::new();
        for (kind, text, flag) in kinds {
            let payload = json!({"content": text, "text": text, "toolUseId": text, "name": "n", "input": text,
                "stop": flag, "signature": flag.then_some("s")});
            stream.extend(event(NAMES[kind], &payload.to_string()));
        }
        // It folds, or fails as an answer does: never out of order.
        let folded = Fold::all(events(&stream));
        prop_assert!(!matches!(folded, Err(FoldError::Grammar(_))), "{:?}", folded);
    }

    #[test]
    fn garbage_in_a_frame_is_no_panic(name in "[a-zA-Z:]{0,24}", data in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut out = Vec::new();
        let mut reader = Kiro.event_reader();
        reader.read(&crate::sse::Frame { event: Some(&name), data: &data }, &mut out);
        reader.finish(&mut out);
    }
}
