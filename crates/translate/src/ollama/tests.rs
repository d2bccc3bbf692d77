use byok_types::chat::{
    Candidate, Effort, OutputFormat, Part, PartKind, ReasoningKind, ReasoningMode, ReasoningPart, Role, Stop,
    StopReason, ToolCall, ToolKind, Usage, Weight, unfold,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::format::AnswerId;

pub(super) fn reply() -> Reply {
    let request = Request { model: "fast".into(), ..Request::default() };
    OllamaChat.reply(&request, AnswerId { unique: "0123456789abcdef".into(), created: 1_790_000_000 })
}

pub(super) fn answer() -> Response {
    let thought = ReasoningPart {
        kind: ReasoningKind::Thinking,
        text: "Look it up.".into(),
        token: None,
        item_id: None,
    };
    let call = ToolCall {
        id: "call_1".into(),
        generated_id: false,
        name: "weather".into(),
        arguments: "{\"city\":\"Oslo\"}".into(),
        kind: ToolKind::Function,
        namespace: None,
        item_id: None,
    };
    let parts =
        vec![PartKind::Reasoning(thought).into(), Part::text("Let me see."), PartKind::ToolCall(call).into()];
    Response {
        candidates: vec![Candidate { index: 0, parts, stop: Stop::new(StopReason::ToolUse), logprobs: None }],
        usage: Usage { input: Some(20), output: Some(15), ..Usage::default() },
        ..Response::default()
    }
}

fn chat(body: &Value) -> Request {
    OllamaChat.read_request(body.to_string().as_bytes(), PathWish::default()).unwrap()
}

#[test]
fn a_stream_is_one_object_a_line() {
    let mut lines = Vec::new();
    for format in [&OllamaChat as &dyn ClientFormat, &OllamaGenerate] {
        let mut writer = format.event_writer(reply());
        for event in unfold(answer()) {
            writer.write(&event, &mut lines);
        }
        writer.keepalive(&mut lines);
    }
    insta::assert_snapshot!(String::from_utf8(lines).unwrap());
}

#[test]
fn results_are_paired_by_tool_name_in_order() {
    let request = chat(&json!({"model": "m", "messages": [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"function": {"name": "weather", "arguments": {"city": "Oslo"}}},
            {"function": {"name": "time", "arguments": {}}},
            {"function": {"name": "weather", "arguments": {"city": "Rome"}}},
        ]},
        {"role": "tool", "tool_name": "time", "content": "noon"},
        {"role": "tool", "tool_name": "weather", "content": "snowing"},
        {"role": "tool", "content": "sunny"},
    ]}));
    let ids = |turn: usize| -> Vec<String> {
        let parts = request.turns[turn].parts.iter();
        parts
            .filter_map(|part| match &part.kind {
                PartKind::ToolCall(call) => Some(call.id.clone()),
                PartKind::ToolResult(result) => Some(result.call_id.clone()),
                _ => None,
            })
            .collect()
    };
    assert_eq!(ids(1), ["call_1_0", "call_1_1", "call_1_2"]);
    assert_eq!(ids(2), ["call_1_1", "call_1_0", "call_1_2"]);
}

#[test]
fn options_and_wishes_are_read() {
    let request = chat(&json!({"model": "m", "stream": false, "think": "high", "format": {"type": "object"},
        "options": {"temperature": 0.5, "num_predict": 100, "top_k": 40, "stop": ["END", ""], "num_ctx": 8192},
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]}));
    assert!(!request.stream.on);
    assert_eq!(request.sampling.stop, ["END"]);
    assert_eq!((request.limits.max_output, request.sampling.top_k), (Some(100), Some(40)));
    assert_eq!(
        (request.reasoning.mode, request.reasoning.effort),
        (ReasoningMode::Effort, Some(Effort::High))
    );
    assert!(matches!(request.output, OutputFormat::JsonSchema { .. }));
    assert_eq!(request.system[0].text, "Be kind.");
    assert!(chat(&json!({"model": "m", "messages": []})).stream.on, "streaming is on unless switched off");
    let unlimited = chat(&json!({"model": "m", "options": {"num_predict": -1}, "messages": []}));
    assert_eq!(unlimited.limits.max_output, None);
}

#[test]
fn generate_is_one_turn() {
    let body = json!({"model": "m", "prompt": "Hi", "system": "Be kind.", "format": "json", "think": false});
    let request = OllamaGenerate.read_request(body.to_string().as_bytes(), PathWish::default()).unwrap();
    assert_eq!((request.turns.len(), request.turns[0].role), (1, Role::User));
    assert_eq!(request.output, OutputFormat::JsonObject);
    assert_eq!(request.reasoning.mode, ReasoningMode::Off);
}

#[test]
fn a_wrong_request_names_its_field() {
    for (body, field) in [
        (json!({"messages": []}), "model"),
        (json!({"model": "m"}), "messages"),
        (json!({"model": "m", "messages": [{"role": "king"}]}), "messages[0].role"),
        (json!({"model": "m", "messages": [{"role": "user", "images": ["%%"]}]}), "messages[0]"),
        (json!({"model": "m", "messages": [], "format": 5}), "format"),
    ] {
        let error = OllamaChat.read_request(body.to_string().as_bytes(), PathWish::default()).unwrap_err();
        assert!(error.to_string().starts_with(field), "{body}: {error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = OllamaChat.read_request(&bytes, PathWish::default());
        let _ = OllamaGenerate.read_request(&bytes, PathWish::default());
    }
}

#[test]
fn unknown_fields_are_kept_for_the_report_and_go_to_no_upstream() {
    let request = chat(&json!({"model": "m", "messages": [], "keep_alive": "5m", "novel": 1, "x_trace": 1,
        "options": {"num_ctx": 4096, "mirostat": 2, "top_k": 5}}));
    let found: Vec<_> = request.ext.iter().map(|ext| (ext.family, ext.path.as_str(), ext.weight)).collect();
    assert_eq!(
        found,
        [
            (None, "keep_alive", Weight::Hint),
            (None, "novel", Weight::Meaning),
            (None, "x_trace", Weight::Hint),
            (None, "options.num_ctx", Weight::Hint),
            (None, "options.mirostat", Weight::Meaning),
        ]
    );
}

#[test]
fn a_line_holds_no_character_that_some_client_takes_for_its_end() {
    let mut writer = OllamaChat.event_writer(reply());
    let mut out = Vec::new();
    let mut response = answer();
    response.candidates[0].parts = vec![Part::text("a\u{2028}b\u{2029}c\u{85}d")];
    for event in unfold(response) {
        writer.write(&event, &mut out);
    }
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains(r"a\u2028b\u2029c\u0085d"), "{text}");
}
