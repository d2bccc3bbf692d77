//! Requests as they go to an upstream.

use byok_types::chat::Token;
use byok_types::chat::{
    Effort, OutputFormat, Part, PartKind, Reasoning, ReasoningKind, ReasoningMode, ReasoningPart, Role, Tool,
    ToolCall, ToolChoice, ToolKind, ToolType, Turn,
};
use byok_types::{Family, RawJson};
use serde_json::json;

use super::*;

fn plain() -> Request {
    Request {
        model: "m".into(),
        turns: vec![Turn::new(Role::User, vec![Part::text("hi")])],
        ..Request::default()
    }
}

fn tool(kind: ToolType) -> Tool {
    Tool {
        name: "f".into(),
        description: None,
        kind,
        strict: None,
        namespace: None,
        cache: None,
        defer: None,
    }
}

fn function(schema: Option<&str>) -> Tool {
    tool(ToolType::Function { schema: schema.map(|schema| RawJson::parse(schema).unwrap()) })
}

fn written_for(request: &Request, facts: &ModelFacts) -> Value {
    serde_json::from_slice(&Anthropic.write_request(request, facts)).unwrap()
}

#[test]
fn pitfall_72_and_73_fields_of_others_are_not_forwarded() {
    let mut request = plain();
    request.candidates = Some(2);
    request.sampling.seed = Some(1);
    request.sampling.frequency_penalty = Some(1.0);
    request.identity.metadata = Some(RawJson::parse("{\"a\":1}").unwrap());
    request.identity.user = Some("u".into());
    request.identity.tier = Some("flex".into());
    request.server_state.store = Some(true);
    request.ext.push(byok_types::chat::Ext {
        family: Some(Family::OpenaiChat),
        path: "prediction".into(),
        value: RawJson::parse("{}").unwrap(),
        weight: byok_types::chat::Weight::Meaning,
    });
    assert_eq!(
        written(&request),
        json!({
            "model": "m", "max_tokens": 32_000, "metadata": { "user_id": "u" },
            "messages": [{ "role": "user", "content": [{ "type": "text", "text": "hi" }] }],
        })
    );
}

#[test]
fn a_budget_shows_its_thoughts_unless_told_otherwise() {
    let show = |thinking: &str| {
        let body = format!(r#"{{"model":"m","max_tokens":4000,"messages":[],"thinking":{thinking}}}"#);
        Anthropic.read_request(body.as_bytes(), PathWish::default()).unwrap().reasoning.show
    };
    assert_eq!(show(r#"{"type":"enabled","budget_tokens":2000}"#), Show::Summary);
    assert_eq!(show(r#"{"type":"enabled","budget_tokens":2000,"display":"omitted"}"#), Show::None);
    // Whether these show depends on the model.
    assert_eq!(show(r#"{"type":"adaptive"}"#), Show::Unset);
}

#[test]
fn pitfall_74_the_output_limit_is_always_there_and_above_the_budget() {
    let unknown = ModelFacts { max_output: None, ..facts() };
    let mut request = plain();
    assert_eq!(written_for(&request, &unknown)["max_tokens"], 8192);
    request.stream.on = true;
    assert_eq!(written_for(&request, &facts())["max_tokens"], 64_000);
    request.reasoning.mode = ReasoningMode::Budget(10_000);
    assert_eq!(written_for(&request, &unknown)["max_tokens"], 11_024);
    for (limit, budget) in [(20_000, Some(10_000)), (5_000, Some(4_999)), (1_024, None), (0, None)] {
        request.limits.max_output = Some(limit);
        let body = written_for(&request, &facts());
        assert_eq!(body["max_tokens"], limit);
        assert_eq!(
            body.get("thinking").map(|thinking| &thinking["budget_tokens"]),
            budget.map(|b| json!(b)).as_ref()
        );
    }
}

#[test]
fn pitfall_76_a_choice_is_an_object() {
    let mut request = plain();
    request.tools = vec![function(None)];
    for (choice, expected) in [
        (ToolChoice::Auto, json!({ "type": "auto" })),
        (ToolChoice::None, json!({ "type": "none" })),
        (ToolChoice::Required, json!({ "type": "any" })),
        (ToolChoice::One { name: "f".into() }, json!({ "type": "tool", "name": "f" })),
    ] {
        request.tool_choice = Some(choice);
        assert_eq!(written(&request)["tool_choice"], expected);
    }
    request.tools.clear();
    assert_eq!(written(&request).get("tool_choice"), None);
}

#[test]
fn pitfall_77_one_call_at_a_time_needs_a_choice_to_hold_it() {
    let mut request = plain();
    request.tools = vec![function(None)];
    request.parallel_tools = Some(false);
    assert_eq!(
        written(&request)["tool_choice"],
        json!({ "type": "auto", "disable_parallel_tool_use": true })
    );
    request.tool_choice = Some(ToolChoice::Required);
    assert_eq!(written(&request)["tool_choice"], json!({ "type": "any", "disable_parallel_tool_use": true }));
    request.tool_choice = Some(ToolChoice::None);
    assert_eq!(written(&request)["tool_choice"], json!({ "type": "none" }));
}

#[test]
fn pitfall_78_a_tool_without_a_schema_gets_an_empty_object() {
    let mut request = plain();
    for schema in [None, Some("null"), Some("{}"), Some("{ }"), Some("true")] {
        request.tools = vec![function(schema)];
        let written = written(&request);
        assert_eq!(
            written["tools"][0]["input_schema"],
            json!({ "type": "object", "properties": {} }),
            "{schema:?}"
        );
    }
}

#[test]
fn another_vendors_tools_pieces_and_thoughts_are_left_out() {
    let raw = RawJson::parse("{\"type\":\"x\"}").unwrap();
    let thought = |family: Option<Family>| {
        Part::new(PartKind::Reasoning(ReasoningPart {
            kind: ReasoningKind::Thinking,
            text: "a".into(),
            token: family.map(|family| Token { family, value: "s".into() }),
            item_id: None,
        }))
    };
    let mut request = plain();
    request.tools =
        vec![tool(ToolType::Hosted { family: Family::Gemini, r#type: "x".into(), raw: raw.clone() })];
    request.turns.push(Turn::new(
        Role::Assistant,
        vec![
            thought(None),
            thought(Some(Family::OpenaiResponses)),
            Part::new(PartKind::Opaque { family: Family::Gemini, raw }),
        ],
    ));
    let body = written(&request);
    assert_eq!((body.get("tools"), body["messages"].as_array().unwrap().len()), (None, 1));
    request.turns[1].parts.push(thought(Some(Family::Anthropic)));
    assert_eq!(
        written(&request)["messages"][1]["content"],
        json!([
            { "type": "thinking", "thinking": "a", "signature": "s" },
        ])
    );
}

#[test]
fn arguments_stay_the_text_they_are_and_what_is_no_object_is_wrapped() {
    let call = |arguments: &str, kind: ToolKind| {
        Part::new(PartKind::ToolCall(ToolCall {
            id: "a".into(),
            generated_id: false,
            name: "f".into(),
            arguments: arguments.into(),
            kind,
            namespace: None,
            item_id: None,
        }))
    };
    let mut request = plain();
    request.turns.push(Turn::new(
        Role::Assistant,
        vec![
            call("{\"n\": 1.0, \"big\": 123456789012345678901234567890}", ToolKind::Function),
            call("{\"cut", ToolKind::Function),
            call("free", ToolKind::Custom),
        ],
    ));
    let body = String::from_utf8(Anthropic.write_request(&request, &facts())).unwrap();
    assert!(body.contains(r#""input":{"n": 1.0, "big": 123456789012345678901234567890}"#), "{body}");
    assert!(body.contains(r#""input":{"_raw":"{\"cut"}"#), "{body}");
    assert!(body.contains(r#""input":{"input":"free"}"#), "{body}");
}

#[test]
fn a_schema_for_the_answer_stands_beside_the_effort() {
    let mut request = plain();
    request.reasoning.effort = Some(Effort::Minimal);
    request.output = OutputFormat::JsonSchema {
        name: Some("n".into()),
        description: None,
        schema: RawJson::parse("{\"type\": \"object\"}").unwrap(),
        strict: Some(true),
    };
    assert_eq!(
        written(&request)["output_config"],
        json!({
            "effort": "low", "format": { "type": "json_schema", "schema": { "type": "object" } },
        })
    );
}

#[test]
fn thinking_is_written_as_the_model_takes_it() {
    let adaptive =
        |can_disable, between_tools, manual| Thinking::Adaptive { can_disable, between_tools, manual };
    let budget = Thinking::Budget { min: 1024, max: 60_000, can_disable: true };
    let effort = ReasoningMode::Effort;
    let all = || adaptive(true, true, true);
    let newest = || adaptive(false, false, false);
    for (facts_thinking, mode, level, expected) in [
        (all(), ReasoningMode::Unset, None, json!([null, null])),
        (all(), ReasoningMode::Adaptive, Some(Effort::Xhigh), json!([{ "type": "adaptive" }, "xhigh"])),
        (all(), ReasoningMode::BetweenTools, Some(Effort::Max), json!([{ "type": "between_tools" }, "high"])),
        (all(), ReasoningMode::Off, Some(Effort::Max), json!([{ "type": "disabled" }, "high"])),
        (
            all(),
            ReasoningMode::Budget(5000),
            None,
            json!([{ "type": "enabled", "budget_tokens": 5000 }, null]),
        ),
        (all(), effort, Some(Effort::None), json!([{ "type": "disabled" }, null])),
        (newest(), ReasoningMode::Budget(5000), None, json!([{ "type": "adaptive" }, "medium"])),
        (newest(), ReasoningMode::Off, None, json!([null, "low"])),
        (newest(), ReasoningMode::BetweenTools, None, json!([{ "type": "adaptive" }, null])),
        (
            budget.clone(),
            effort,
            Some(Effort::Low),
            json!([{ "type": "enabled", "budget_tokens": 4096 }, null]),
        ),
        (
            budget.clone(),
            ReasoningMode::Budget(10),
            None,
            json!([{ "type": "enabled", "budget_tokens": 1024 }, null]),
        ),
        (budget.clone(), ReasoningMode::Off, None, json!([{ "type": "disabled" }, null])),
        (budget, ReasoningMode::Unset, Some(Effort::High), json!([null, null])),
        (Thinking::No, ReasoningMode::Adaptive, Some(Effort::High), json!([null, null])),
    ] {
        let mut request = plain();
        request.reasoning = Reasoning { mode, effort: level, ..Reasoning::default() };
        let body = written_for(&request, &ModelFacts { thinking: facts_thinking.clone(), ..facts() });
        assert_eq!(
            json!([body["thinking"], body["output_config"]["effort"]]),
            expected,
            "{facts_thinking:?} {mode:?}"
        );
    }
}

#[test]
fn fields_of_a_message_go_back_to_their_own_vendor_alone() {
    let body = br#"{"model":"m","max_tokens":64,"messages":[
        {"role":"user","content":"a","priority":{"n":1.0}},{"role":"user","content":"b","priority":2,"x":true}]}"#;
    let request = Anthropic.read_request(body, PathWish::default()).unwrap();
    let facts = facts();
    let fitted = |family| {
        let lossy = crate::fit::Lossy::Refuse;
        let target =
            crate::fit::Target { client: byok_types::Dialect::Anthropic, family, facts: &facts, lossy };
        crate::fit::fit(request.clone(), &target).unwrap()
    };
    let home = written_for(&fitted(Family::Anthropic).request, &facts);
    assert_eq!((&home["messages"][0]["priority"], &home["messages"][0]["x"]), (&json!(2), &json!(true)));
    let abroad = fitted(Family::OpenaiChat);
    assert!(abroad.request.turns.iter().all(|turn| turn.ext.is_empty()) && abroad.dropped.is_empty());
}
