//! Every client format against every upstream family: one byok, and one scripted upstream per family
//! that is as strict as the vendor's own service about fields that it does not know.
//!
//! Requests and answers are written out here by hand, after the formats' documentation: what judges the
//! translation should not be made by it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::daemon::{Daemon, Home};
use crate::http::{self, Message};
use crate::upstream::{Answer, Upstream};

/// The upstream families, by the names that the config has for them.
pub const FAMILIES: [&str; 5] = ["openai-chat", "openai-responses", "anthropic", "gemini", "cohere"];

/// The client formats: the families', and two that no upstream speaks.
pub const CLIENTS: [&str; 7] =
    ["openai-chat", "openai-responses", "anthropic", "gemini", "cohere", "ollama", "completions"];

/// A model of each family that takes most of what its format can say.
pub fn usual_model(family: &str) -> &'static str {
    match family {
        "anthropic" => "claude-sonnet-4-5",
        "gemini" => "gemini-3-pro",
        "cohere" => "command-a",
        _ => "gpt-4o",
    }
}

/// What an upstream answers: a status, headers, a body, and whether it is a stream.
#[derive(Clone, Debug)]
pub struct Script {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    pub stream: bool,
    /// Whether the connection breaks instead of ending.
    pub cut: bool,
}

impl Script {
    /// A whole JSON answer.
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string(), stream: false, cut: false }
    }

    /// A stream that ends properly.
    pub fn stream(body: impl Into<String>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into(), stream: true, cut: false }
    }
}

type Scripts = Arc<Mutex<BTreeMap<&'static str, Script>>>;

/// One byok with an upstream of each family.
pub struct Matrix {
    daemon: Daemon,
    _home: Home,
    upstreams: BTreeMap<&'static str, Upstream>,
    scripts: Scripts,
}

/// What came of one call.
pub struct Outcome {
    /// What the client got.
    pub answer: Message,
    /// What the upstream got, if it was called.
    pub sent: Option<Message>,
}

impl Outcome {
    /// The names of the fields that were reported as lost.
    pub fn dropped(&self) -> String {
        self.answer.header("x-byok-dropped").unwrap_or_default().to_owned()
    }

    /// The upstream's request as JSON; `null` where it was not called.
    pub fn request(&self) -> Value {
        self.sent.as_ref().map_or(Value::Null, Message::json)
    }
}

impl Matrix {
    /// Starts it all. `extra` is more config.
    pub fn start(extra: &str) -> Self {
        let scripts = Scripts::default();
        let mut config = String::from("providers:\n");
        let mut upstreams = BTreeMap::new();
        for family in FAMILIES {
            let known = Arc::clone(&scripts);
            let upstream = Upstream::start(move |request, answer| serve(family, request, answer, &known));
            let version = if family.starts_with("openai") { "/v1" } else { "" };
            let _ = writeln!(
                config,
                "  up-{family}: {{ family: {family}, base_url: \"http://{}{version}\", api_key: \"real-key-0123456789\" }}",
                upstream.address
            );
            upstreams.insert(family, upstream);
        }
        let home = Home::new(&(config + extra));
        let daemon = home.serve(&["--db", ":memory:"]);
        Self { daemon, _home: home, upstreams, scripts }
    }

    /// What the upstream answers from now on.
    pub fn script(&self, family: &'static str, script: Script) {
        self.scripts.lock().expect("no test panics while it holds this").insert(family, script);
    }

    /// From now on the upstream answers with a greeting again.
    pub fn greet(&self, family: &'static str) {
        self.scripts.lock().expect("no test panics while it holds this").remove(family);
    }

    /// A plain request with `extra` fields, to `model` of that family.
    pub fn ask(&self, client: &str, family: &str, model: &str, extra: &Value, stream: bool) -> Outcome {
        let mut body = plain(client);
        for (name, value) in extra.as_object().expect("extra fields are an object") {
            body[name] = value.clone();
        }
        self.send(client, family, model, body, stream)
    }

    /// A request of the client's own.
    pub fn send(&self, client: &str, family: &str, model: &str, mut body: Value, stream: bool) -> Outcome {
        let model = format!("up-{family}/{model}");
        let path = match client {
            "openai-chat" => "/v1/chat/completions".to_owned(),
            "openai-responses" => "/v1/responses".to_owned(),
            "anthropic" => "/v1/messages".to_owned(),
            "gemini" if stream => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
            "gemini" => format!("/v1beta/models/{model}:generateContent"),
            "cohere" => "/v2/chat".to_owned(),
            "ollama" => "/api/chat".to_owned(),
            _ => "/v1/completions".to_owned(),
        };
        if client != "gemini" {
            body["model"] = json!(model);
            if stream || client == "ollama" {
                body["stream"] = json!(stream);
            }
        }
        let upstream = &self.upstreams[family];
        while upstream.take_request().is_some() {}
        let answer = http::post(self.daemon.address, &path, &body);
        Outcome { answer, sent: upstream.take_request() }
    }
}

/// The smallest request of each format.
pub fn plain(client: &str) -> Value {
    let messages = json!([{"role": "user", "content": "Hi"}]);
    match client {
        "openai-responses" => json!({"input": "Hi"}),
        "anthropic" => json!({"max_tokens": 4000, "messages": messages}),
        "gemini" => json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}),
        "completions" => json!({"prompt": "Hi"}),
        _ => json!({"messages": messages}),
    }
}

/// One function, declared in the format's own way.
pub fn tool(client: &str, name: &str) -> Value {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    match client {
        "openai-responses" => json!({"type": "function", "name": name, "parameters": schema}),
        "anthropic" => json!({"name": name, "input_schema": schema}),
        "gemini" => json!({"functionDeclarations": [{"name": name, "parametersJsonSchema": schema}]}),
        _ => json!({"type": "function", "function": {"name": name, "parameters": schema}}),
    }
}

/// The text "Hi there" and the call `weather({"city":"Oslo"})`; 20 tokens in, 8 of them from the cache, 15
/// out, 5 of them thoughts. Whole, in the family's format.
pub fn whole(family: &str) -> Value {
    let call =
        json!({"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ARGUMENTS}});
    match family {
        "openai-chat" => json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "finish_reason": "tool_calls", "logprobs": null,
                "message": {"role": "assistant", "content": "Hi there", "tool_calls": [call]}}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 15, "total_tokens": 35,
                "prompt_tokens_details": {"cached_tokens": 8}, "completion_tokens_details": {"reasoning_tokens": 5}}
        }),
        "openai-responses" => response_object(),
        "anthropic" => json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": "Hi there"},
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Oslo"}}],
            "stop_reason": "tool_use", "stop_sequence": null,
            "usage": {"input_tokens": 12, "cache_read_input_tokens": 8, "cache_creation_input_tokens": 0,
                "output_tokens": 15, "output_tokens_details": {"thinking_tokens": 5}}
        }),
        "gemini" => json!({
            "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
                {"text": "Hi there"},
                {"functionCall": {"id": "call_1", "name": "weather", "args": {"city": "Oslo"}}}]}}],
            "usageMetadata": {"promptTokenCount": 20, "cachedContentTokenCount": 8, "candidatesTokenCount": 10,
                "thoughtsTokenCount": 5, "totalTokenCount": 35},
            "modelVersion": "m", "responseId": "r1"
        }),
        _ => json!({
            "id": "c1", "finish_reason": "TOOL_CALL",
            "message": {"role": "assistant", "content": [{"type": "text", "text": "Hi there"}], "tool_calls": [call]},
            "usage": {"billed_units": {"input_tokens": 2.0, "output_tokens": 3.0},
                "tokens": {"input_tokens": 20.0, "output_tokens": 15.0}, "cached_tokens": 8.0}
        }),
    }
}

/// The same answer as a stream, each piece of text and of arguments in two.
pub fn streamed(family: &str) -> String {
    let named = |events: &[Value]| -> String {
        events
            .iter()
            .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default()))
            .collect()
    };
    match family {
        "openai-chat" => {
            let chunk = |delta: Value, finish: Value| {
                json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "usage": null,
                    "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
            };
            let call = |function: Value| json!({"tool_calls": [{"index": 0, "function": function}]});
            let mut first = call(json!({"name": "weather", "arguments": ""}));
            first["tool_calls"][0]["id"] = json!("call_1");
            first["tool_calls"][0]["type"] = json!("function");
            let mut chunks = vec![
                chunk(json!({"role": "assistant", "content": ""}), Value::Null),
                chunk(json!({"content": "Hi "}), Value::Null),
                chunk(json!({"content": "there"}), Value::Null),
                chunk(first, Value::Null),
                chunk(call(json!({"arguments": &ARGUMENTS[..7]})), Value::Null),
                chunk(call(json!({"arguments": &ARGUMENTS[7..]})), Value::Null),
                chunk(json!({}), json!("tool_calls")),
            ];
            let usage = whole(family)["usage"].clone();
            chunks.push(json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [], "usage": usage}));
            chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect::<String>() + "data: [DONE]\n\n"
        }
        "openai-responses" => {
            let response = response_object();
            let (message, call) = (response["output"][0].clone(), response["output"][1].clone());
            let mut begun = response.clone();
            begun["status"] = json!("in_progress");
            begun["output"] = json!([]);
            named(&[
                json!({"type": "response.created", "sequence_number": 0, "response": begun}),
                json!({"type": "response.output_item.added", "output_index": 0, "item": {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}}),
                json!({"type": "response.content_part.added", "item_id": "msg_1", "output_index": 0, "content_index": 0, "part": {"type": "output_text", "text": "", "annotations": []}}),
                json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "Hi "}),
                json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "there"}),
                json!({"type": "response.output_item.done", "output_index": 0, "item": message}),
                json!({"type": "response.output_item.added", "output_index": 1, "item": {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "weather", "arguments": ""}}),
                json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 1, "delta": &ARGUMENTS[..7]}),
                json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 1, "delta": &ARGUMENTS[7..]}),
                json!({"type": "response.output_item.done", "output_index": 1, "item": call}),
                json!({"type": "response.completed", "response": response}),
            ])
        }
        "anthropic" => {
            let mut message = whole(family);
            message["content"] = json!([]);
            message["stop_reason"] = Value::Null;
            message["usage"]["output_tokens"] = json!(1);
            let delta = |index: u32, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
            named(&[
                json!({"type": "message_start", "message": message}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
                delta(0, json!({"type": "text_delta", "text": "Hi "})),
                delta(0, json!({"type": "text_delta", "text": "there"})),
                json!({"type": "content_block_stop", "index": 0}),
                json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "call_1", "name": "weather", "input": {}}}),
                delta(1, json!({"type": "input_json_delta", "partial_json": &ARGUMENTS[..7]})),
                delta(1, json!({"type": "input_json_delta", "partial_json": &ARGUMENTS[7..]})),
                json!({"type": "content_block_stop", "index": 1}),
                json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 15}}),
                json!({"type": "message_stop"}),
            ])
        }
        "gemini" => {
            let end = whole(family);
            let chunk = |parts: Value| json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": parts}}]});
            let mut last = end.clone();
            last["candidates"][0]["content"]["parts"] = json!([end["candidates"][0]["content"]["parts"][1]]);
            [chunk(json!([{"text": "Hi "}])), chunk(json!([{"text": "there"}])), last]
                .iter()
                .map(|chunk| format!("data: {chunk}\r\n\r\n"))
                .collect()
        }
        _ => {
            let call = |call: Value| json!({"message": {"tool_calls": call}});
            let text = |text: &str| json!({"message": {"content": {"text": text}}});
            let end = whole(family);
            named(&[
                json!({"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}}}),
                json!({"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}),
                json!({"type": "content-delta", "index": 0, "delta": text("Hi ")}),
                json!({"type": "content-delta", "index": 0, "delta": text("there")}),
                json!({"type": "content-end", "index": 0}),
                json!({"type": "tool-call-start", "index": 0, "delta": call(json!({"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}))}),
                json!({"type": "tool-call-delta", "index": 0, "delta": call(json!({"function": {"arguments": &ARGUMENTS[..7]}}))}),
                json!({"type": "tool-call-delta", "index": 0, "delta": call(json!({"function": {"arguments": &ARGUMENTS[7..]}}))}),
                json!({"type": "tool-call-end", "index": 0}),
                json!({"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": end["usage"]}}),
            ])
        }
    }
}

/// The arguments of the call.
pub const ARGUMENTS: &str = r#"{"city":"Oslo"}"#;

fn response_object() -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "error": null,
        "incomplete_details": null, "model": "m", "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
        "output": [
            {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "Hi there", "annotations": []}]},
            {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": "weather",
                "arguments": ARGUMENTS}],
        "usage": {"input_tokens": 20, "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 0},
            "output_tokens": 15, "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 35}
    })
}

/// The JSON of a stream's events, in order; `[DONE]` is a string.
pub fn events(text: &str) -> Vec<Value> {
    let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| json!(line));
    if text.starts_with('{') {
        text.lines().map(read).collect()
    } else {
        text.lines().filter_map(|line| line.strip_prefix("data: ")).map(read).collect()
    }
}

fn serve(family: &'static str, request: &Message, answer: &mut Answer, scripts: &Scripts) {
    let body = request.json();
    if let Some(unknown) = unknown_field(family, &body) {
        return answer.json(
            400,
            &json!({"error": {"message": format!("the strict upstream knows no {unknown}")}}).to_string(),
        );
    }
    let scripted = scripts.lock().expect("no test panics while it holds this").get(family).cloned();
    let streams = body["stream"] == true || request.path().contains("streamGenerateContent");
    let script = scripted.unwrap_or_else(|| {
        if streams { Script::stream(streamed(family)) } else { Script::json(200, &whole(family)) }
    });
    if !script.stream {
        return answer.document(script.status, &script.headers, &script.body);
    }
    answer.stream();
    answer.chunk(&script.body);
    if script.cut { answer.cut() } else { answer.end() }
}

/// A top-level field that the vendor would refuse.
fn unknown_field(family: &str, body: &Value) -> Option<String> {
    let known: &[&str] = match family {
        "anthropic" => &[
            "model",
            "max_tokens",
            "messages",
            "system",
            "tools",
            "tool_choice",
            "thinking",
            "output_config",
            "stop_sequences",
            "temperature",
            "top_p",
            "top_k",
            "stream",
            "metadata",
            "cache_control",
            "service_tier",
        ],
        "gemini" => &[
            "contents",
            "systemInstruction",
            "tools",
            "toolConfig",
            "generationConfig",
            "safetySettings",
            "labels",
        ],
        "cohere" => &[
            "model",
            "messages",
            "stream",
            "tools",
            "tool_choice",
            "strict_tools",
            "documents",
            "citation_options",
            "response_format",
            "safety_mode",
            "max_tokens",
            "stop_sequences",
            "temperature",
            "p",
            "k",
            "frequency_penalty",
            "presence_penalty",
            "seed",
            "logprobs",
            "thinking",
            "priority",
        ],
        "openai-responses" => &[
            "model",
            "input",
            "instructions",
            "store",
            "include",
            "max_output_tokens",
            "max_tool_calls",
            "temperature",
            "top_p",
            "top_logprobs",
            "reasoning",
            "text",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "truncation",
            "stream",
            "metadata",
            "user",
            "safety_identifier",
            "prompt_cache_key",
            "service_tier",
        ],
        _ => return None,
    };
    body.as_object()?.keys().find(|name| !known.contains(&name.as_str())).cloned()
}
