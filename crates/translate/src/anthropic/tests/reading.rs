//! Requests as clients send them.

use byok_types::Family;
use byok_types::chat::{
    Effort, Part, PartKind, ReasoningMode, Role, Source, ToolChoice, ToolResult, ToolType, Weight,
};
use serde_json::json;

use super::*;

fn result_of(content: &Value) -> ToolResult {
    let block = json!({ "type": "tool_result", "tool_use_id": "a", "content": content });
    let request = asking(json!([{ "role": "user", "content": [block] }]));
    match request.turns[0].parts[0].kind.clone() {
        PartKind::ToolResult(result) => result,
        other => panic!("{other:?}"),
    }
}

#[test]
fn pitfall_65_a_tools_answer_may_be_anything() {
    for (content, expected) in [
        (json!("a"), vec!["a"]),
        (json!(""), vec![]),
        (json!(null), vec![]),
        (json!([]), vec![]),
        (json!(7), vec!["7"]),
        (json!(true), vec!["true"]),
        (json!({ "x": 1 }), vec!["{\"x\":1}"]),
        (json!({ "type": "text", "text": "a" }), vec!["a"]),
        (json!(["a", { "type": "text", "text": "b" }, { "y": 2 }]), vec!["a", "b", "{\"y\":2}"]),
    ] {
        let result = result_of(&content);
        assert_eq!(result.parts.iter().filter_map(Part::as_text).collect::<Vec<_>>(), expected, "{content}");
    }
    let absent =
        asking(json!([{ "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "a" }] }]));
    assert!(
        matches!(&absent.turns[0].parts[0].kind, PartKind::ToolResult(result) if result.parts.is_empty())
    );
}

#[test]
fn pitfall_67_and_68_empty_text_goes_with_its_mark() {
    let mark = json!({ "type": "ephemeral" });
    let request = asking(json!([{ "role": "user", "content": [
        { "type": "text", "text": " \n", "cache_control": mark },
        { "type": "text", "text": "" },
        { "type": "text", "text": "a" },
    ]}]));
    assert_eq!(request.turns[0].parts, [Part::text("a")]);
}

#[test]
fn pitfall_69_and_70_every_system_text_keeps_its_own_mark() {
    let body = json!({ "model": "m", "messages": [], "system": [
        { "type": "text", "text": "a" },
        { "type": "text", "text": "b", "cache_control": { "type": "ephemeral", "ttl": "1h" } },
        { "type": "text", "text": "c", "cache_control": { "type": "ephemeral" } },
    ]});
    let request = request(&body).unwrap();
    let marks: Vec<_> =
        request.system.iter().map(|s| s.cache.as_ref().map(|mark| mark.ttl.as_deref())).collect();
    assert_eq!(marks, [None, Some(Some("1h")), Some(None)]);
    assert_eq!(written(&request)["system"], body["system"]);
}

#[test]
fn pitfall_71_system_text_stays_where_it_was_said() {
    let request = asking(json!([
        { "role": "system", "content": "first" },
        { "role": "user", "content": "a" },
        { "role": "system", "content": [{ "type": "text", "text": "later" }] },
        { "role": "user", "content": "b" },
    ]));
    assert_eq!(request.system[0].text, "first");
    assert_eq!(
        request.turns.iter().map(|turn| turn.role).collect::<Vec<_>>(),
        [Role::User, Role::System, Role::User]
    );
}

#[test]
fn wrong_types_and_missing_fields_are_named() {
    let message = |content: Value| json!([{ "role": "user", "content": content }]);
    for (field, body) in [
        ("model", json!({ "messages": [] })),
        ("messages", json!({ "model": "m" })),
        ("messages", json!({ "model": "m", "messages": "hi" })),
        ("messages[0].role", json!({ "model": "m", "messages": [{ "role": "tool", "content": "" }] })),
        ("messages[0].content", json!({ "model": "m", "messages": [{ "role": "user" }] })),
        ("messages[0].content", json!({ "model": "m", "messages": message(json!(7)) })),
        ("messages[0].content[0].type", json!({ "model": "m", "messages": message(json!([{}])) })),
        (
            "messages[0].content[0].text",
            json!({ "model": "m", "messages": message(json!([{ "type": "text", "text": 1 }])) }),
        ),
        (
            "messages[0].content[0].source.data",
            json!({ "model": "m", "messages": message(json!([{ "type": "image", "source":
                { "type": "base64", "media_type": "image/png", "data": "?" } }])) }),
        ),
        (
            "messages[0].content[0].tool_use_id",
            json!({ "model": "m", "messages": message(json!([{ "type": "tool_result" }])) }),
        ),
        ("system[0].type", json!({ "model": "m", "messages": [], "system": [{ "type": "image" }] })),
        ("tools[0].name", json!({ "model": "m", "messages": [], "tools": [{}] })),
        (
            "tools[0].input_schema",
            json!({ "model": "m", "messages": [], "tools": [{ "name": "f", "input_schema": 1 }] }),
        ),
        ("tool_choice", json!({ "model": "m", "messages": [], "tool_choice": "auto" })),
        (
            "thinking.budget_tokens",
            json!({ "model": "m", "messages": [], "thinking": { "type": "enabled" } }),
        ),
        ("max_tokens", json!({ "model": "m", "messages": [], "max_tokens": -1 })),
        ("temperature", json!({ "model": "m", "messages": [], "temperature": "hot" })),
        ("stop_sequences[1]", json!({ "model": "m", "messages": [], "stop_sequences": ["a", 1] })),
    ] {
        match request(&body) {
            Err(ReadError::Field { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    for body in ["", "[]", "{\"model\":", "{\"x\":1,\"x\":2}"] {
        let read = Anthropic.read_request(body.as_bytes(), PathWish::default());
        assert!(matches!(read, Err(ReadError::NotJson(_))), "{body}: {read:?}");
    }
    let twice = Anthropic.read_request(b"{\"model\":\"a\",\"model\":\"b\"}", PathWish::default());
    assert_eq!(twice.unwrap_err().to_string(), "model: appears twice");
}

#[test]
fn pitfall_138_null_and_empty_are_absent() {
    let body = json!({
        "model": "m", "messages": [{ "role": "user", "content": null }], "max_tokens": null, "tools": [],
        "stop_sequences": null, "system": null, "thinking": null, "tool_choice": null, "metadata": null,
        "context_management": null,
    });
    let read = request(&body).unwrap();
    assert!(read.tools.is_empty() && read.ext.is_empty() && read.limits.max_output.is_none());
    assert_eq!(
        request(&json!({ "model": "m", "messages": [], "stop_sequences": "x" })).unwrap().sampling.stop,
        ["x"]
    );
}

#[test]
fn thinking_effort_and_choice_are_read() {
    let read = |field: &str, value: Value| {
        let mut body = json!({ "model": "m", "messages": [] });
        body[field] = value;
        request(&body).unwrap()
    };
    let mode = |value| read("thinking", value).reasoning.mode;
    assert_eq!(mode(json!({ "type": "adaptive" })), ReasoningMode::Adaptive);
    assert_eq!(mode(json!({ "type": "between_tools" })), ReasoningMode::BetweenTools);
    assert_eq!(mode(json!({ "type": "disabled" })), ReasoningMode::Off);
    assert_eq!(mode(json!({ "type": "enabled", "budget_tokens": 2048 })), ReasoningMode::Budget(2048));
    let show = |value: &str| read("thinking", json!({ "type": "adaptive", "display": value })).reasoning.show;
    assert_eq!((show("omitted"), show("summarized")), (Show::None, Show::Summary));
    let later = read("thinking", json!({ "type": "telepathic" }));
    assert_eq!((later.ext[0].path.as_str(), later.ext[0].weight), ("thinking", Weight::Meaning));
    assert_eq!(read("output_config", json!({ "effort": "max" })).reasoning.effort, Some(Effort::Max));
    assert_eq!(read("output_config", json!({ "effort": "utmost" })).ext[0].path, "output_config.effort");

    let choice = |value| read("tool_choice", value);
    assert_eq!(choice(json!({ "type": "any" })).tool_choice, Some(ToolChoice::Required));
    assert_eq!(choice(json!({ "type": "none" })).tool_choice, Some(ToolChoice::None));
    let one = choice(json!({ "type": "tool", "name": "f", "disable_parallel_tool_use": true }));
    assert_eq!(
        (one.tool_choice, one.parallel_tools),
        (Some(ToolChoice::One { name: "f".into() }), Some(false))
    );
}

#[test]
fn tools_with_a_type_belong_to_whoever_runs_them() {
    let body = json!({ "model": "m", "messages": [], "tools": [
        { "type": "custom", "name": "f", "input_schema": { "type": "object" } },
        { "type": "bash_20250124", "name": "bash", "cache_control": { "type": "ephemeral" } },
        { "type": "web_search_20250305", "name": "web_search", "max_uses": 2 },
        { "type": "mcp_toolset", "mcp_server_name": "s" },
    ]});
    let request = request(&body).unwrap();
    let kinds: Vec<&str> = request
        .tools
        .iter()
        .map(|tool| match tool.kind {
            ToolType::ClientTyped { .. } => "client",
            ToolType::Custom { .. } => "custom",
            ToolType::Function { .. } => "function",
            ToolType::Hosted { .. } => "hosted",
        })
        .collect();
    assert_eq!(kinds, ["function", "client", "hosted", "hosted"]);
    assert!(request.tools[1].cache.is_some());
    assert_eq!(written(&request)["tools"].as_array().unwrap()[1..], body["tools"].as_array().unwrap()[1..]);
}

#[test]
fn fields_without_a_place_are_kept_with_what_it_means_to_drop_them() {
    let body = json!({
        "model": "m", "messages": [], "speed": "fast", "context_management": { "edits": [] }, "x_mine": 1,
        "thread": "t", "metadata": { "user_id": "u", "team": "a" }, "output_config": { "task_budget": 1 },
    });
    let read = request(&body).unwrap();
    let mut kept: Vec<(&str, Weight)> = read.ext.iter().map(|ext| (ext.path.as_str(), ext.weight)).collect();
    kept.sort_by_key(|(path, _)| *path);
    assert_eq!(
        kept,
        [
            ("context_management", Weight::Meaning),
            ("metadata.team", Weight::Hint),
            ("output_config.task_budget", Weight::Meaning),
            ("speed", Weight::Hint),
            ("thread", Weight::Essential),
            ("x_mine", Weight::Hint),
        ]
    );
    let mut again = written(&read);
    again.as_object_mut().unwrap().remove("max_tokens");
    assert_eq!(again, body);
}

#[test]
fn documents_made_of_blocks_keep_their_words_and_pictures() {
    let png =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let request = asking(json!([{ "role": "user", "content": [{ "type": "document", "title": "T",
        "cache_control": { "type": "ephemeral" },
        "source": { "type": "content", "content": [
            { "type": "text", "text": "one" },
            { "type": "image", "source": { "type": "base64", "media_type": "image/jpeg", "data": png } },
            { "type": "text", "text": "two" },
        ]},
    }]}]));
    let parts = &request.turns[0].parts;
    let PartKind::Media(document) = &parts[0].kind else { panic!("{parts:?}") };
    assert_eq!(
        (&document.source, document.title.as_deref()),
        (&Source::Text("one\n\ntwo".into()), Some("T"))
    );
    assert!(matches!(&parts[1].kind, PartKind::Media(image)
        if matches!(&image.source, Source::Base64 { mime, .. } if mime == "image/png")));
    assert!(parts[0].cache.is_none() && parts[1].cache.is_some());
}

#[test]
fn unknown_blocks_go_back_as_they_came() {
    let block = json!({ "type": "hologram", "depth": 1.0, "cache_control": { "type": "ephemeral" } });
    let request = asking(json!([{ "role": "assistant", "content": [block] }]));
    let part = &request.turns[0].parts[0];
    assert!(part.cache.is_some());
    assert!(matches!(&part.kind, PartKind::Opaque { family: Family::Anthropic, raw }
        if raw.get() == r#"{"type":"hologram","depth":1.0}"#));
    assert_eq!(written(&request)["messages"][0]["content"][0], block);
}

#[test]
fn calls_keep_the_text_of_their_arguments_and_get_an_id_where_they_have_none() {
    let body = br#"{"model":"m","messages":[{"role":"assistant","content":[
        {"type":"tool_use","id":"","name":"f","input":{"n":1.0,"big":123456789012345678901234567890}},
        {"type":"tool_use","name":"f"},
        {"type":"tool_use","id":"b","name":"f","input":"{\"x\":1}"}]}]}"#;
    let request = Anthropic.read_request(body, PathWish::default()).unwrap();
    let calls: Vec<(String, bool, String)> = request.turns[0]
        .parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::ToolCall(call) => (call.id.clone(), call.generated_id, call.arguments.clone()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        calls,
        [
            ("toolu_0_0".into(), true, r#"{"n":1.0,"big":123456789012345678901234567890}"#.into()),
            ("toolu_0_1".into(), true, "{}".into()),
            ("b".into(), false, r#"{"x":1}"#.into()),
        ]
    );
}
