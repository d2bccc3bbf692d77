//! Signatures and encrypted reasoning for clients that send back nothing but text and calls.

use byok_provider::Upstreams;
use byok_types::{AppId, Dialect};
use serde_json::{Value, json};

use crate::support::{Reply, Seen, Server, answer, byok, call, rest, soon};

const ANTHROPIC: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"Look it up.","signature":"SIG-A"},{"type":"text","text":"One moment."},{"type":"tool_use","id":"toolu_1","name":"look","input":{"at":"sky"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":2}}"#;
const GEMINI: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Look it up.","thought":true},{"functionCall":{"name":"look","args":{"at":"sky"}},"thoughtSignature":"U0lHLUc="}]},"finishReason":"STOP"}],"responseId":"r1"}"#;
const RESPONSES: &str = r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Look it up."}],"encrypted_content":"ENC-R"},{"type":"function_call","id":"fc_1","call_id":"call_r","name":"look","arguments":"{\"at\":\"sky\"}","status":"completed"}],"usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5}}"#;

/// The same answer event by event.
fn stream_of(path: &str) -> String {
    let event = |value: Value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap());
    if path.contains("messages") {
        let block = |index: u32, block: Value, deltas: Vec<Value>| {
            let mut text =
                event(json!({"type": "content_block_start", "index": index, "content_block": block}));
            for delta in deltas {
                text += &event(json!({"type": "content_block_delta", "index": index, "delta": delta}));
            }
            text + &event(json!({"type": "content_block_stop", "index": index}))
        };
        let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 3, "output_tokens": 1}});
        event(json!({"type": "message_start", "message": message}))
            + &block(
                0,
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                vec![
                    json!({"type": "thinking_delta", "thinking": "Look it "}),
                    json!({"type": "thinking_delta", "thinking": "up."}),
                    json!({"type": "signature_delta", "signature": "SIG-A"}),
                ],
            )
            + &block(
                1,
                json!({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}),
                vec![json!({"type": "input_json_delta", "partial_json": "{\"at\":\"sky\"}"})],
            )
            + &event(
                json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null},
                "usage": {"output_tokens": 2}}),
            )
            + &event(json!({"type": "message_stop"}))
    } else if path.contains("Content") {
        format!("data: {GEMINI}\r\n\r\n")
    } else {
        let response: Value = serde_json::from_str(RESPONSES).unwrap();
        let mut open = response.clone();
        open["status"] = json!("in_progress");
        open["output"] = json!([]);
        let mut text = event(json!({"type": "response.created", "sequence_number": 0, "response": open}));
        for (index, item) in response["output"].as_array().unwrap().iter().enumerate() {
            for kind in ["response.output_item.added", "response.output_item.done"] {
                text +=
                    &event(json!({"type": kind, "sequence_number": 1, "output_index": index, "item": item}));
            }
        }
        text + &event(json!({"type": "response.completed", "sequence_number": 9, "response": response}))
    }
}

fn script(seen: &Seen) -> Reply {
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    if body["stream"] == true || seen.target.contains("streamGenerateContent") {
        return answer(200, "text/event-stream", stream_of(&seen.target));
    }
    let body = match seen.target.as_str() {
        path if path.contains("messages") => ANTHROPIC,
        path if path.contains("Content") => GEMINI,
        _ => RESPONSES,
    };
    answer(200, "application/json", body)
}

const MODELS: [&str; 3] = ["a/claude-sonnet-4-5", "g/gemini-3-pro-preview", "r/gpt-5.1"];

async fn upstreams(server: &Server) -> Upstreams {
    let at = &server.address;
    let yaml = format!(
        "providers:\n  a: {{ family: anthropic, base_url: '{at}' }}\n  a2: {{ family: anthropic, base_url: '{at}' }}\n  g: {{ family: gemini, base_url: '{at}' }}\n  r: {{ family: openai-responses, base_url: '{at}/v1' }}"
    );
    byok(&yaml, &[]).await
}

struct Client<'a> {
    upstreams: &'a Upstreams,
    dialect: Dialect,
    stream: bool,
    app: &'a str,
}

impl Client<'_> {
    /// Asks, and gives back the answer's text.
    async fn ask(&self, model: &str, messages: &Value) -> String {
        let body = json!({
            "model": model, "messages": messages, "stream": self.stream, "think": true,
            "reasoning_effort": "low", "max_tokens": 20_000,
            "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
        });
        let mut generate = call(self.upstreams, self.dialect, body.to_string());
        generate.app = AppId::from(self.app);
        let mut answer = soon(self.upstreams.generate(generate)).await.unwrap();
        let (text, proper) = rest(&mut answer.body).await;
        assert!(proper, "{text}");
        text
    }

    /// The history after one round in which the client kept the call alone.
    fn history(&self, answer: &str) -> Value {
        let assistant = if self.dialect == Dialect::OllamaChat {
            json!({"role": "assistant", "content": "",
                "tool_calls": [{"function": {"name": "look", "arguments": {"at": "sky"}}}]})
        } else {
            let ids = ["\"toolu_1\"", "\"call_r\"", "\"call_r1_0\""];
            let id = ids.into_iter().find(|id| answer.contains(id)).expect("the call's id");
            json!({"role": "assistant", "content": null, "tool_calls": [{"id": id.trim_matches('"'),
                "type": "function", "function": {"name": "look", "arguments": "{\"at\": \"sky\"}"}}]})
        };
        let mut result = json!({"role": "tool", "content": "blue"});
        if let Some(id) = assistant.pointer("/tool_calls/0/id") {
            result["tool_call_id"] = id.clone();
        }
        json!([{"role": "user", "content": "What colour is it?"}, assistant, result])
    }
}

/// The tokens in what an upstream got.
fn tokens(seen: &Seen) -> Vec<String> {
    let text = String::from_utf8_lossy(&seen.body);
    let known = ["SIG-A", "U0lHLUc=", "ENC-R", "skip_thought_signature_validator"];
    known.into_iter().filter(|token| text.contains(token)).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_second_turn_carries_the_token_of_the_first() {
    let mut server = Server::start(script).await;
    let upstreams = upstreams(&server).await;
    for (dialect, stream) in [
        (Dialect::OllamaChat, true),
        (Dialect::OllamaChat, false),
        (Dialect::OpenaiChat, true),
        (Dialect::OpenaiChat, false),
    ] {
        for (model, token) in MODELS.into_iter().zip(["SIG-A", "U0lHLUc=", "ENC-R"]) {
            let app = format!("{dialect}-{stream}-{token}");
            let another = format!("another-{app}");
            let client = Client { upstreams: &upstreams, dialect, stream, app: &app };
            let question = json!([{"role": "user", "content": "What colour is it?"}]);
            let answer = client.ask(model, &question).await;
            assert!(tokens(&server.call().await).is_empty());
            let history = client.history(&answer);
            client.ask(model, &history).await;
            let second = server.call().await;
            assert_eq!(tokens(&second), [token], "{model} for {dialect}");
            let sent: Value = serde_json::from_slice(&second.body).unwrap();
            let before = match model.split_once('/').unwrap().0 {
                "a" => sent["messages"][1]["content"][0]["thinking"] == "Look it up.",
                "r" => sent["input"][1]["id"] == "rs_1" && sent["input"][2]["type"] == "function_call",
                _ => sent["contents"][1]["parts"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|part| part["functionCall"].is_object() && part["thoughtSignature"] == token),
            };
            assert!(before, "{sent}");
            // Nobody else gets it: another vendor, another server, another model, another client.
            let other = MODELS.into_iter().find(|other| *other != model).unwrap();
            for (app, model) in [
                (app.as_str(), other),
                (app.as_str(), "a2/claude-sonnet-4-5"),
                (app.as_str(), "a/claude-opus-4-5"),
                (another.as_str(), model),
            ] {
                Client { app, ..client }.ask(model, &history).await;
                let tokens = tokens(&server.call().await);
                let placeholder = ["skip_thought_signature_validator"];
                let expected = if model.starts_with('g') { &placeholder[..] } else { &[] };
                assert_eq!(tokens, expected, "{model} as {app}");
            }
        }
    }
}

#[tokio::test]
async fn another_conversation_does_not_get_it() {
    let mut server = Server::start(script).await;
    let upstreams = upstreams(&server).await;
    let client = Client { upstreams: &upstreams, dialect: Dialect::OllamaChat, stream: true, app: "x" };
    let answer = client.ask(MODELS[0], &json!([{"role": "user", "content": "What colour is it?"}])).await;
    server.call().await;
    let mut history = client.history(&answer);
    history[0]["content"] = json!("Something else");
    client.ask(MODELS[0], &history).await;
    assert!(tokens(&server.call().await).is_empty());
}
