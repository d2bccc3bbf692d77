//! How what can be said in both formats is said: each row is a client's fields and what an upstream must
//! find in its request (wire-format facts, 6.1 to 6.8, 6.11 and 6.14).

use byok_e2e::matrix::{FAMILIES, Matrix, Script, events, plain, tool, usual_model};
use serde_json::{Value, json};

const CHAT: &str = "openai-chat";
const RESPONSES: &str = "openai-responses";
const ANTHROPIC: &str = "anthropic";
const GEMINI: &str = "gemini";
const COHERE: &str = "cohere";

/// A client's extra fields, where they go, and what stands at a place of the upstream's request. `null`:
/// nothing may stand there.
struct Row(&'static str, Value, &'static str, &'static str, &'static str, Value);

fn check(rows: &[Row]) {
    let matrix = Matrix::start("");
    let mut wrong = Vec::new();
    for Row(client, extra, family, model, place, wanted) in rows {
        let outcome = matrix.ask(client, family, model, extra, false);
        let request = outcome.request();
        let found = request.pointer(place).unwrap_or(&Value::Null);
        if outcome.answer.status() != 200 || found != wanted {
            let answer = if request.is_null() { outcome.answer.text() } else { String::new() };
            wrong.push(format!(
                "{client} to {family} {model}: {extra}\n    {place}: {found}, not {wanted} {answer}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of the table:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn pitfalls_76_77_and_130_tool_choice() {
    let with = |choice: Value| json!({"tools": [tool(CHAT, "f"), tool(CHAT, "g")], "tool_choice": choice});
    let one = json!({"type": "function", "function": {"name": "g"}});
    let some = |mode: &str| json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [one]}});
    let mut rows = Vec::new();
    for (choice, responses, anthropic, gemini, cohere) in [
        (json!("none"), json!("none"), json!({"type": "none"}), json!({"mode": "NONE"}), json!("NONE")),
        (
            json!("required"),
            json!("required"),
            json!({"type": "any"}),
            json!({"mode": "ANY"}),
            json!("REQUIRED"),
        ),
        (
            one.clone(),
            json!({"type": "function", "name": "g"}),
            json!({"type": "tool", "name": "g"}),
            json!({"mode": "ANY", "allowedFunctionNames": ["g"]}),
            json!("REQUIRED"),
        ),
        (
            some("required"),
            json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]}),
            json!({"type": "any"}),
            json!({"mode": "ANY", "allowedFunctionNames": ["g"]}),
            json!("REQUIRED"),
        ),
        (
            some("auto"),
            json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]}),
            json!({"type": "auto"}),
            json!({"mode": "VALIDATED", "allowedFunctionNames": ["g"]}),
            Value::Null,
        ),
    ] {
        rows.push(Row(CHAT, with(choice.clone()), RESPONSES, "gpt-4o", "/tool_choice", responses));
        rows.push(Row(CHAT, with(choice.clone()), ANTHROPIC, "claude-sonnet-4-5", "/tool_choice", anthropic));
        rows.push(Row(
            CHAT,
            with(choice.clone()),
            GEMINI,
            "gemini-3-pro",
            "/toolConfig/functionCallingConfig",
            gemini,
        ));
        rows.push(Row(CHAT, with(choice), COHERE, "command-a", "/tool_choice", cohere));
    }
    // Where a tool cannot be named, it is the only one.
    rows.push(Row(CHAT, with(one.clone()), COHERE, "command-a", "/tools/0/function/name", json!("g")));
    rows.push(Row(CHAT, with(one.clone()), COHERE, "command-a", "/tools/1", Value::Null));
    rows.push(Row(CHAT, with(some("auto")), ANTHROPIC, "claude-sonnet-4-5", "/tools/1", Value::Null));
    rows.push(Row(
        CHAT,
        json!({"tools": [tool(CHAT, "f")], "parallel_tool_calls": false}),
        ANTHROPIC,
        "claude-sonnet-4-5",
        "/tool_choice",
        json!({"type": "auto", "disable_parallel_tool_use": true}),
    ));
    for family in [RESPONSES, ANTHROPIC, GEMINI, COHERE] {
        let empty = json!({"tools": [], "tool_choice": "auto", "stop": null, "max_tokens": null});
        rows.push(Row(CHAT, empty.clone(), family, usual_model(family), "/tools", Value::Null));
        rows.push(Row(CHAT, empty, family, usual_model(family), "/tool_choice", Value::Null));
    }
    check(&rows);
}

#[test]
fn reasoning_by_group_of_models() {
    const LEVELS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
    const LEVEL: &str = "/generationConfig/thinkingConfig/thinkingLevel";
    const BUDGET: &str = "/generationConfig/thinkingConfig/thinkingBudget";
    let words = |words: [&str; 7]| words.map(|word| json!(word));
    let numbers = |numbers: [u32; 7]| numbers.map(|number| json!(number));
    let mut manual = numbers([0, 1024, 4096, 8192, 16_384, 32_768, 58_976]);
    manual[0] = Value::Null;
    let mut adaptive = words(["", "low", "low", "medium", "high", "xhigh", "max"]);
    adaptive[0] = Value::Null;
    let table = [
        (
            RESPONSES,
            "gpt-5",
            "/reasoning/effort",
            words(["minimal", "minimal", "low", "medium", "high", "high", "high"]),
        ),
        (
            RESPONSES,
            "o3",
            "/reasoning/effort",
            words(["low", "low", "low", "medium", "high", "high", "high"]),
        ),
        (
            RESPONSES,
            "gpt-5.1",
            "/reasoning/effort",
            words(["none", "low", "low", "medium", "high", "high", "high"]),
        ),
        (
            RESPONSES,
            "gpt-5.6-sol",
            "/reasoning/effort",
            words(["none", "low", "low", "medium", "high", "xhigh", "max"]),
        ),
        (RESPONSES, "gpt-4o", "/reasoning", LEVELS.map(|_| Value::Null)),
        (ANTHROPIC, "claude-opus-4-7", "/output_config/effort", adaptive),
        (ANTHROPIC, "claude-sonnet-4-5", "/thinking/budget_tokens", manual),
        (GEMINI, "gemini-2.5-flash", BUDGET, numbers([0, 1024, 4096, 8192, 16_384, 24_576, 24_576])),
        (GEMINI, "gemini-2.5-pro", BUDGET, numbers([128, 1024, 4096, 8192, 16_384, 32_768, 32_768])),
        (GEMINI, "gemini-3-pro-preview", LEVEL, words(["LOW", "LOW", "LOW", "HIGH", "HIGH", "HIGH", "HIGH"])),
        (
            GEMINI,
            "gemini-3.5-flash",
            LEVEL,
            words(["MINIMAL", "MINIMAL", "LOW", "MEDIUM", "HIGH", "HIGH", "HIGH"]),
        ),
        (
            COHERE,
            "command-a-reasoning",
            "/thinking/type",
            words(["disabled", "enabled", "enabled", "enabled", "enabled", "enabled", "enabled"]),
        ),
    ];
    let mut rows = Vec::new();
    for (family, model, place, wanted) in table {
        for (level, wanted) in LEVELS.iter().zip(wanted) {
            rows.push(Row(
                CHAT,
                json!({"reasoning_effort": level, "max_tokens": 60_000}),
                family,
                model,
                place,
                wanted,
            ));
        }
    }
    let think = |thinking: Value| json!({"thinking": thinking, "max_tokens": 40_000});
    for (budget, effort) in [(1024, "minimal"), (4000, "low"), (8000, "medium"), (16_000, "high")] {
        let wish = think(json!({"type": "enabled", "budget_tokens": budget}));
        rows.push(Row(ANTHROPIC, wish, RESPONSES, "gpt-5", "/reasoning/effort", json!(effort)));
    }
    let wish = || think(json!({"type": "enabled", "budget_tokens": 4000}));
    rows.push(Row(ANTHROPIC, wish(), RESPONSES, "gpt-5", "/include/0", json!("reasoning.encrypted_content")));
    rows.push(Row(ANTHROPIC, wish(), RESPONSES, "gpt-5", "/reasoning/summary", json!("auto")));
    rows.push(Row(
        ANTHROPIC,
        wish(),
        GEMINI,
        "gemini-3-pro",
        "/generationConfig/thinkingConfig/includeThoughts",
        json!(true),
    ));
    rows.push(Row(
        GEMINI,
        json!({"generationConfig": {"thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": true}}}),
        ANTHROPIC,
        "claude-opus-5",
        "/thinking",
        json!({"type": "adaptive", "display": "summarized"}),
    ));
    let small = json!({"reasoning_effort": "high", "max_tokens": 1000});
    rows.push(Row(CHAT, small, ANTHROPIC, "claude-sonnet-4-5", "/thinking/budget_tokens", Value::Null));
    check(&rows);
}

#[test]
fn pitfalls_70_74_124_129_136_and_137_limits_and_what_is_always_set() {
    let none = || json!({});
    let mut rows = vec![
        Row(ANTHROPIC, json!({"max_tokens": 100}), CHAT, "gpt-5", "/max_completion_tokens", json!(100)),
        Row(ANTHROPIC, json!({"max_tokens": 100}), CHAT, "gpt-5", "/max_tokens", Value::Null),
        Row(ANTHROPIC, json!({"max_tokens": 100}), CHAT, "qwen3", "/max_tokens", json!(100)),
        Row(
            CHAT,
            json!({"max_tokens": 100, "max_completion_tokens": 200}),
            ANTHROPIC,
            "claude-sonnet-4-5",
            "/max_tokens",
            json!(200),
        ),
        Row(CHAT, json!({"max_tokens": 5}), RESPONSES, "gpt-4o", "/max_output_tokens", json!(16)),
        Row(CHAT, none(), ANTHROPIC, "claude-sonnet-4-5", "/max_tokens", json!(32_000)),
        Row(CHAT, none(), ANTHROPIC, "claude-3-opus", "/max_tokens", json!(4096)),
        Row(CHAT, none(), ANTHROPIC, "unheard-of", "/max_tokens", json!(8192)),
        Row(CHAT, none(), RESPONSES, "gpt-4o", "/store", json!(false)),
        Row(CHAT, json!({"tools": [tool(CHAT, "f")]}), RESPONSES, "gpt-4o", "/tools/0/strict", json!(false)),
        Row(CHAT, none(), COHERE, "command-a", "/stream", Value::Null),
        Row(CHAT, json!({"temperature": 1.5}), ANTHROPIC, "claude-3-opus", "/temperature", json!(1.0)),
        Row(CHAT, json!({"top_p": 1}), COHERE, "command-a", "/p", json!(0.99)),
        Row(CHAT, json!({"stop": "x"}), ANTHROPIC, "claude-sonnet-4-5", "/stop_sequences", json!(["x"])),
        Row(
            CHAT,
            json!({"stop": ["", "x"]}),
            GEMINI,
            "gemini-3-pro",
            "/generationConfig/stopSequences",
            json!(["x"]),
        ),
        Row(
            CHAT,
            json!({"messages": [{"role": "developer", "content": "S"}, {"role": "user", "content": "Hi"}]}),
            COHERE,
            "command-a",
            "/messages/0/role",
            json!("system"),
        ),
    ];
    for family in [ANTHROPIC, GEMINI, COHERE] {
        let parts = json!([{"role": "system", "content": "S1"}, {"role": "developer", "content": "S2"}, {"role": "user", "content": "Hi"}]);
        let (first, second) = match family {
            ANTHROPIC => ("/system/0/text", "/system/1/text"),
            GEMINI => ("/systemInstruction/parts/0/text", "/systemInstruction/parts/1/text"),
            _ => ("/messages/0/content", "/messages/1/content"),
        };
        rows.push(Row(CHAT, json!({"messages": parts}), family, usual_model(family), first, json!("S1")));
        rows.push(Row(CHAT, json!({"messages": parts}), family, usual_model(family), second, json!("S2")));
    }
    check(&rows);
}

#[test]
fn pitfalls_121_and_132_structured_output() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    let chat =
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}});
    let responses = json!({"text": {"format": {"type": "json_schema", "name": "x", "schema": schema}}});
    check(&[
        Row(CHAT, chat.clone(), RESPONSES, "gpt-4o", "/text/format/schema", schema.clone()),
        Row(CHAT, chat.clone(), RESPONSES, "gpt-4o", "/text/format/name", json!("x")),
        Row(
            CHAT,
            chat.clone(),
            ANTHROPIC,
            "claude-sonnet-4-5",
            "/output_config/format",
            json!({"type": "json_schema", "schema": schema}),
        ),
        Row(CHAT, chat.clone(), ANTHROPIC, "claude-sonnet-4", "/tool_choice/type", json!("tool")),
        Row(
            CHAT,
            chat.clone(),
            GEMINI,
            "gemini-3-pro",
            "/generationConfig/responseMimeType",
            json!("application/json"),
        ),
        Row(
            CHAT,
            chat.clone(),
            GEMINI,
            "gemini-3-pro",
            "/generationConfig/responseJsonSchema/required",
            json!(["a"]),
        ),
        Row(CHAT, chat.clone(), COHERE, "command-a", "/response_format/type", json!("json_object")),
        Row(CHAT, chat, COHERE, "command-a", "/response_format/json_schema/required", json!(["a"])),
        Row(RESPONSES, responses, CHAT, "gpt-4o", "/response_format/json_schema/schema", schema),
    ]);
}

#[test]
fn pitfalls_72_and_154_each_call_says_what_its_service_needs_and_no_more() {
    let matrix = Matrix::start("");
    for family in FAMILIES.into_iter().filter(|family| *family != CHAT) {
        // The upstream refuses fields that it does not know.
        let rich = json!({"seed": 7, "user": "u", "store": true, "logit_bias": {}, "stream_options": {"include_usage": true},
            "metadata": {"a": "b"}, "service_tier": "auto", "parallel_tool_calls": true, "verbosity": "low"});
        for stream in [false, true] {
            let outcome = matrix.ask(CHAT, family, usual_model(family), &rich, stream);
            assert_eq!(outcome.answer.status(), 200, "{family}: {}", outcome.answer.text());
            let sent = outcome.sent.expect("it was called");
            match family {
                ANTHROPIC => assert_eq!(sent.header("anthropic-version"), Some("2023-06-01")),
                GEMINI => {
                    let method = if stream { ":streamGenerateContent?alt=sse" } else { ":generateContent" };
                    assert!(sent.path().ends_with(method), "{}", sent.path());
                    assert_eq!(sent.header("x-goog-api-key"), Some("real-key-0123456789"));
                }
                RESPONSES => assert_eq!(sent.json()["store"], false),
                _ => assert_eq!(sent.header("authorization"), Some("Bearer real-key-0123456789")),
            }
        }
    }
    for client in ["openai-responses", "anthropic", "gemini", "cohere", "ollama", "completions"] {
        let streamed = matrix.ask(client, CHAT, "gpt-4o", &json!({}), true).request();
        assert_eq!(streamed["stream_options"], json!({"include_usage": true}), "{client}");
    }
}

#[test]
fn pitfall_147_the_same_request_becomes_the_same_bytes() {
    let matrix = Matrix::start("");
    let tools = |client| json!({"tools": [tool(client, "a.b"), tool(client, "a-b"), tool(client, "1c")]});
    for client in ["openai-chat", "openai-responses", "anthropic", "gemini", "cohere", "ollama"] {
        for family in FAMILIES.into_iter().filter(|family| *family != client) {
            let body = || {
                matrix
                    .ask(client, family, usual_model(family), &tools(client), false)
                    .sent
                    .expect("called")
                    .body
            };
            assert_eq!(body(), body(), "{client} to {family}");
        }
    }
}

/// An answer that calls each of these tools.
fn calling(family: &str, names: &[String]) -> Value {
    let numbered = || names.iter().enumerate();
    let calls = || -> Vec<Value> {
        let call = |(n, name)| json!({"id": format!("c{n}"), "type": "function", "function": {"name": name, "arguments": "{}"}});
        numbered().map(call).collect()
    };
    match family {
        CHAT => json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null, "tool_calls": calls()}}]}),
        RESPONSES => {
            let call = |(n, name)| json!({"type": "function_call", "id": format!("fc_{n}"), "call_id": format!("c{n}"), "name": name, "arguments": "{}", "status": "completed"});
            json!({"id": "r", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": numbered().map(call).collect::<Vec<_>>()})
        }
        ANTHROPIC => {
            let call =
                |(n, name)| json!({"type": "tool_use", "id": format!("c{n}"), "name": name, "input": {}});
            json!({"id": "m", "type": "message", "role": "assistant", "model": "m", "content": numbered().map(call).collect::<Vec<_>>(),
                "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}})
        }
        GEMINI => {
            let call = |(n, name)| json!({"functionCall": {"id": format!("c{n}"), "name": name, "args": {}}});
            json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": numbered().map(call).collect::<Vec<_>>()}}]})
        }
        _ => {
            json!({"id": "c", "finish_reason": "TOOL_CALL", "message": {"role": "assistant", "tool_calls": calls()}})
        }
    }
}

/// All values of this name, in order.
fn all_of(value: &Value, name: &str, out: &mut Vec<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| all_of(value, name, out)),
        Value::Object(fields) => {
            out.extend(fields.get(name).and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| all_of(value, name, out));
        }
        _ => {}
    }
}

fn declared(request: &Value) -> Vec<String> {
    let mut names = Vec::new();
    all_of(&request["tools"], "name", &mut names);
    names
}

#[test]
fn pitfalls_131_and_150_names_are_repaired_and_restored() {
    let matrix = Matrix::start("");
    let names = ["my.tool", "ok-dash", "ok_dash", "ünïcode", "1digit", "mcp:srv/x", &"long".repeat(20)];
    for client in [CHAT, RESPONSES, ANTHROPIC] {
        let tools: Vec<Value> = names.iter().map(|name| tool(client, name)).collect();
        for family in FAMILIES.into_iter().filter(|family| *family != client) {
            let ask = || matrix.ask(client, family, usual_model(family), &json!({"tools": tools}), false);
            let upstream = declared(&ask().request());
            assert_eq!(upstream.len(), names.len());
            let (longest, more) = match family {
                ANTHROPIC => (128, "-"),
                GEMINI => (128, "-.:"),
                COHERE => (usize::MAX, ""),
                _ => (64, "-"),
            };
            for (n, name) in upstream.iter().enumerate() {
                let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || more.contains(c);
                assert!(name.len() <= longest && name.chars().all(fits), "{family}: {name}");
                assert!(!upstream[..n].contains(name), "{family}: {name} stands twice");
            }
            matrix.script(family, Script::json(200, &calling(family, &upstream)));
            let answer = ask().answer;
            let mut seen = Vec::new();
            let content = &answer.json()[match client {
                CHAT => "choices",
                RESPONSES => "output",
                _ => "content",
            }];
            all_of(content, "name", &mut seen);
            assert_eq!(seen, names, "{client} from {family}");
            matrix.greet(family);
        }
    }
}

#[test]
fn pitfall_119_free_text_tools_are_wrapped_and_unwrapped() {
    let matrix = Matrix::start("");
    let grammar = json!({"type": "grammar", "syntax": "lark", "definition": "start: \"patch\""});
    let mut body = plain(RESPONSES);
    body["tools"] = json!([{"type": "custom", "name": "apply_patch", "description": "D", "format": grammar}]);
    for family in [ANTHROPIC, GEMINI, COHERE] {
        let mut answer = calling(family, &["apply_patch".to_owned()]);
        let input = json!({"input": "*** \"Begin\"\né"});
        match family {
            ANTHROPIC => answer["content"][0]["input"] = input,
            GEMINI => answer["candidates"][0]["content"]["parts"][0]["functionCall"]["args"] = input,
            _ => answer["message"]["tool_calls"][0]["function"]["arguments"] = json!(input.to_string()),
        }
        matrix.script(family, Script::json(200, &answer));
        let outcome = matrix.send(RESPONSES, family, usual_model(family), body.clone(), false);
        assert!(
            outcome.request().to_string().contains("start: \\\\\\\"patch")
                || outcome.request().to_string().contains("start:"),
            "the grammar is told"
        );
        let item = outcome.answer.json()["output"][0].clone();
        assert_eq!(
            (&item["type"], &item["input"]),
            (&json!("custom_tool_call"), &json!("*** \"Begin\"\né")),
            "{family}"
        );
        let streamed = matrix.send(RESPONSES, family, usual_model(family), body.clone(), true).answer.text();
        let deltas: String = events(&streamed)
            .iter()
            .filter(|event| event["type"] == "response.custom_tool_call_input.delta")
            .filter_map(|event| event["delta"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(deltas, "*** \"Begin\"\né", "{family}: {streamed}");
    }
}
