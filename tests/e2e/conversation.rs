//! The second turn: results of parallel calls in any order, thoughts with the token that belongs to them,
//! images in results, and an upstream that is another one than before (wire-format facts, 6.5 and 6.7).

use byok_e2e::matrix::{FAMILIES, Matrix, Script, plain, tool};
use serde_json::{Value, json};

/// The tokens that the vendors put beside thoughts.
const SIGNATURE: &str = "ErUBsig+/==";
const ENCRYPTED: &str = "gAAAAenc+/==";
const THOUGHT_SIGNATURE: &str = "EjRzaWf/+w==";

const PNG: &str = "iVBORw0KGgoAAAANSUhEUg==";

fn model(family: &str) -> &'static str {
    match family {
        "anthropic" => "claude-sonnet-4-5",
        "gemini" => "gemini-3-pro",
        "openai-responses" => "gpt-5",
        "cohere" => "command-a-reasoning",
        _ => "deepseek-x",
    }
}

/// Thoughts and two calls.
fn thinking(family: &str) -> Value {
    match family {
        "anthropic" => {
            json!({"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
            "content": [{"type": "thinking", "thinking": "hm", "signature": SIGNATURE},
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Oslo"}},
                {"type": "tool_use", "id": "call_2", "name": "weather", "input": {"city": "Rome"}}],
            "usage": {"input_tokens": 1, "output_tokens": 1}})
        }
        "openai-responses" => {
            json!({"id": "r", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": ENCRYPTED},
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": "{\"city\":\"Oslo\"}", "status": "completed"},
            {"type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "weather", "arguments": "{\"city\":\"Rome\"}", "status": "completed"}]})
        }
        _ => {
            json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
            {"text": "hm", "thought": true},
            {"functionCall": {"id": "call_1", "name": "weather", "args": {"city": "Oslo"}}, "thoughtSignature": THOUGHT_SIGNATURE},
            {"functionCall": {"id": "call_2", "name": "weather", "args": {"city": "Rome"}}}]}}]})
        }
    }
}

/// A first request that wants thoughts.
fn first(client: &str) -> Value {
    let mut body = plain(client);
    body["tools"] = json!([tool(client, "weather")]);
    match client {
        "anthropic" => body["thinking"] = json!({"type": "enabled", "budget_tokens": 2000}),
        "openai-responses" => {
            body["input"] = json!([{"role": "user", "content": "Hi"}]);
            body["reasoning"] = json!({"effort": "high", "summary": "auto"});
        }
        "gemini" => {
            body["generationConfig"] =
                json!({"thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": true}});
        }
        _ => body["reasoning_effort"] = json!("high"),
    }
    body
}

/// The next request, as a client of this format makes it out of the answer. The results come the wrong
/// way round.
fn second(client: &str, answer: &Value) -> Value {
    let mut body = first(client);
    let mut push = |list: &str, turn: Value| body[list].as_array_mut().expect("a list").push(turn);
    match client {
        "openai-chat" => {
            let message = answer["choices"][0]["message"].clone();
            push("messages", message.clone());
            for (n, text) in [(1, "R2"), (0, "R1")] {
                push(
                    "messages",
                    json!({"role": "tool", "tool_call_id": message["tool_calls"][n]["id"], "content": text}),
                );
            }
        }
        "openai-responses" => {
            let items = answer["output"].as_array().expect("items").clone();
            let ids: Vec<Value> = items
                .iter()
                .filter(|item| item["type"] == "function_call")
                .map(|item| item["call_id"].clone())
                .collect();
            for item in items {
                push("input", item);
            }
            for (n, text) in [(1, "R2"), (0, "R1")] {
                push("input", json!({"type": "function_call_output", "call_id": ids[n], "output": text}));
            }
        }
        "anthropic" => {
            let ids: Vec<Value> = answer["content"]
                .as_array()
                .expect("blocks")
                .iter()
                .filter(|block| block["type"] == "tool_use")
                .map(|block| block["id"].clone())
                .collect();
            push("messages", json!({"role": "assistant", "content": answer["content"]}));
            let result =
                |n: usize, text: &str| json!({"type": "tool_result", "tool_use_id": ids[n], "content": text});
            push("messages", json!({"role": "user", "content": [result(1, "R2"), result(0, "R1")]}));
        }
        _ => {
            let mut content = answer["candidates"][0]["content"].clone();
            let mut ids = Vec::new();
            for part in content["parts"].as_array_mut().expect("parts") {
                // Google's Python client gives signatures back in the other alphabet.
                if let Some(signature) = part["thoughtSignature"].as_str() {
                    part["thoughtSignature"] = json!(signature.replace('+', "-").replace('/', "_"));
                } else {
                    part.as_object_mut().expect("a part").remove("thoughtSignature");
                }
                ids.extend(part["functionCall"].get("id").cloned());
            }
            push("contents", content);
            let result = |n: usize, text: &str| json!({"functionResponse": {"id": ids[n], "name": "weather", "response": {"output": text}}});
            push("contents", json!({"role": "user", "parts": [result(1, "R2"), result(0, "R1")]}));
        }
    }
    body
}

/// Looks at the second request as `family` got it. `own`: whether the thoughts are its own.
fn check(family: &str, request: &Value, own: bool, way: &str) {
    let text = request.to_string();
    assert!(!text.contains("byok1") && !text.contains("Ynlvaz"), "{way}: a wrapped token got out: {text}");
    let token = |token: &str| text.contains(token);
    assert_eq!(token(SIGNATURE), own && family == "anthropic", "{way}: {text}");
    assert_eq!(token(ENCRYPTED), own && family == "openai-responses", "{way}: {text}");
    assert_eq!(token(THOUGHT_SIGNATURE), own && family == "gemini", "{way}: {text}");
    match family {
        "anthropic" => {
            let blocks = &request["messages"][1]["content"];
            let thought = json!({"type": "thinking", "thinking": "hm", "signature": SIGNATURE});
            assert_eq!(blocks[0] == thought, own, "{way}: {text}");
            // With a budget, thoughts must lead calls; without them it goes without.
            assert_eq!(request["thinking"]["type"] == "enabled", own, "{way}: {text}");
            let results = &request["messages"][2]["content"];
            assert_eq!(
                (&results[0]["content"], &results[1]["content"]),
                (&json!("R1"), &json!("R2")),
                "{way}: {text}"
            );
        }
        "openai-responses" => {
            let items = request["input"].as_array().expect("items");
            let kinds: Vec<&str> = items.iter().filter_map(|item| item["type"].as_str()).collect();
            let thoughts: &[&str] = if own { &["message", "reasoning"] } else { &["message"] };
            let rest = ["function_call", "function_call", "function_call_output", "function_call_output"];
            assert_eq!(kinds, [thoughts, &rest].concat(), "{way}");
            assert!(!own || items[1]["id"] == "rs_1", "{way}: {text}");
            let outputs: Vec<&Value> = items.iter().filter_map(|item| item.get("output")).collect();
            assert_eq!(outputs, ["R1", "R2"], "{way}");
        }
        "gemini" => {
            let parts = request["contents"][1]["parts"].as_array().expect("parts");
            let calls: Vec<&Value> = parts.iter().filter(|part| part.get("functionCall").is_some()).collect();
            let signature = if own { THOUGHT_SIGNATURE } else { "skip_thought_signature_validator" };
            assert_eq!(calls[0]["thoughtSignature"], signature, "{way}");
            assert!(calls[1].get("thoughtSignature").is_none(), "{way}");
            let results = &request["contents"][2]["parts"];
            assert_eq!(results[0]["functionResponse"]["response"], json!({"output": "R1"}), "{way}");
            assert_eq!(results[1]["functionResponse"]["response"], json!({"output": "R2"}), "{way}");
        }
        _ => {
            let messages = request["messages"].as_array().expect("messages");
            let results: Vec<&Value> =
                messages.iter().filter(|m| m["role"] == "tool").map(|m| &m["content"]).collect();
            assert_eq!(results, ["R1", "R2"], "{way}");
        }
    }
}

#[test]
fn pitfalls_63_87_and_110_thoughts_go_back_to_their_own_vendor_and_to_no_other() {
    for client in ["openai-chat", "openai-responses", "anthropic", "gemini"] {
        for before in
            ["anthropic", "openai-responses", "gemini"].into_iter().filter(|family| *family != client)
        {
            // A byok of its own: what it remembers of one conversation would fit the same words in the next.
            let matrix = Matrix::start("");
            matrix.script(before, Script::json(200, &thinking(before)));
            let answer = matrix.send(client, before, model(before), first(client), false).answer;
            matrix.greet(before);
            assert_eq!(answer.status(), 200, "{client} from {before}: {}", answer.text());
            let next = second(client, &answer.json());
            for after in FAMILIES.into_iter().filter(|family| *family != client) {
                let way = format!("{client}, {before} and then {after}");
                let outcome = matrix.send(client, after, model(after), next.clone(), false);
                assert_eq!(outcome.answer.status(), 200, "{way}: {}", outcome.answer.text());
                check(after, &outcome.request(), before == after, &way);
            }
        }
    }
}

#[test]
fn pitfall_66_images_in_results_arrive_everywhere() {
    let matrix = Matrix::start("");
    let image =
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}});
    let mut body = plain("anthropic");
    body["tools"] = json!([tool("anthropic", "look")]);
    body["messages"] = json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "look", "input": {}}, {"type": "tool_use", "id": "b", "name": "look", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [image]}, {"type": "tool_result", "tool_use_id": "b", "content": "B"}, {"type": "text", "text": "go on"}]},
    ]);
    for family in FAMILIES.into_iter().filter(|family| *family != "anthropic") {
        let outcome = matrix.send("anthropic", family, model(family), body.clone(), false);
        let request = outcome.request();
        assert_eq!(request.to_string().matches(PNG).count(), 1, "{family}: {request}");
        if matches!(family, "openai-chat" | "cohere") {
            let messages = request["messages"].as_array().expect("messages");
            let roles: Vec<&str> = messages.iter().filter_map(|message| message["role"].as_str()).collect();
            assert_eq!(
                roles,
                ["user", "assistant", "tool", "tool", "user"],
                "{family}: the image comes after all results"
            );
            assert!(messages[4].to_string().contains(PNG), "{family}: {request}");
        }
    }
}

#[test]
fn interrupted_and_repeated_calls_are_mended_and_reported() {
    let matrix = Matrix::start("");
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
    let result = |id: &str, text: &str| json!({"role": "tool", "tool_call_id": id, "content": text});
    let body = json!({"tools": [tool("openai-chat", "f")], "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": null, "tool_calls": [call("call.1:a", ""), call("call_1_a", "{\"q\":\"cut")]},
        result("call.1:a", "old"), result("call.1:a", "new"), result("gone", "lost"),
        {"role": "user", "content": "go on"},
    ]});
    for family in FAMILIES.into_iter().filter(|family| *family != "openai-chat") {
        let outcome = matrix.send("openai-chat", family, model(family), body.clone(), false);
        assert_eq!(outcome.answer.status(), 200, "{family}: {}", outcome.answer.text());
        let text = outcome.request().to_string();
        assert!(
            text.contains("new") && !text.contains("\"old\""),
            "{family}, the last result counts: {text}"
        );
        assert!(text.contains("interrupted") && text.contains("lost"), "{family}: {text}");
        for report in ["result_inserted", "duplicate_result_dropped", "result_as_text"] {
            assert!(outcome.dropped().contains(report), "{family}: {}", outcome.dropped());
        }
        if family == "anthropic" {
            let calls = &outcome.request()["messages"][1]["content"];
            assert_eq!(
                (&calls[0]["input"], &calls[1]["input"]),
                (&json!({}), &json!({"q": "cut"})),
                "{text}"
            );
            assert_ne!(calls[0]["id"], calls[1]["id"]);
        }
    }
}
