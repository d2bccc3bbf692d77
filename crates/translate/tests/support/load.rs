//! What the benchmark and the test of allocations translate: requests of three sizes, and a stream.

#![allow(clippy::expect_used, reason = "what cannot be measured must stop the measuring")]

use byok_translate::exchange::{Ask, Exchange};
use byok_translate::facts::model_facts;
use byok_translate::fit::Lossy;
use byok_translate::format::AnswerId;
use byok_translate::{PathWish, dialect};
use byok_types::{Dialect, Family};
use serde_json::{Value, json};

/// The clients that agents and chat programs are.
pub(crate) const CLIENTS: [Dialect; 4] =
    [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::Anthropic, Dialect::Gemini];

/// Name, turns, bytes of each, tools.
pub(crate) const REQUESTS: [(&str, usize, usize, usize); 3] =
    [("1 kB chat", 1, 900, 0), ("1 MB history", 200, 5_000, 0), ("agent, 100 kB, 40 tools", 20, 2_000, 40)];

pub(crate) fn model(family: Family) -> &'static str {
    match family {
        Family::Anthropic => "claude-sonnet-4-5",
        Family::Cohere => "command-a-03-2025",
        Family::Gemini => "gemini-2.5-flash",
        Family::OpenaiChat | Family::OpenaiResponses => "gpt-4.1",
    }
}

/// A request in a client's format: `turns` turns of `size` bytes, and `tools` tools.
pub(crate) fn request(client: Dialect, turns: usize, size: usize, tools: usize) -> Vec<u8> {
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(size / 45 + 1);
    let role = |n: usize, assistant: &str| {
        if n.is_multiple_of(2) { "user".to_owned() } else { assistant.to_owned() }
    };
    let schema = json!({"type": "object", "properties": {
        "path": {"type": "string", "description": "The absolute path of the file to work on, never a relative one."},
        "content": {"type": "string", "description": "The whole new content, or nothing to leave it as it is."},
        "mode": {"type": "string", "enum": ["read", "write", "append"]},
        "limit": {"type": "integer", "minimum": 1, "maximum": 2000}}, "required": ["path"]});
    let about = "Reads or writes a file. ".repeat(24);
    let name = |n: usize| format!("tool_{n}");
    let body: Value = match client {
        Dialect::Anthropic => {
            json!({"model": "fast", "max_tokens": 1000, "stream": true, "system": "Be kind.",
            "messages": (0..turns).map(|n| json!({"role": role(n, "assistant"), "content": text})).collect::<Vec<_>>(),
            "tools": (0..tools).map(|n| json!({"name": name(n), "description": about, "input_schema": schema})).collect::<Vec<_>>()})
        }
        Dialect::Gemini => json!({"systemInstruction": {"parts": [{"text": "Be kind."}]},
            "contents": (0..turns).map(|n| json!({"role": role(n, "model"), "parts": [{"text": text}]})).collect::<Vec<_>>(),
            "tools": [{"functionDeclarations": (0..tools).map(|n| json!({"name": name(n), "description": about, "parametersJsonSchema": schema})).collect::<Vec<_>>()}]}),
        Dialect::OpenaiResponses => {
            json!({"model": "fast", "stream": true, "instructions": "Be kind.", "store": false,
            "input": (0..turns).map(|n| json!({"role": role(n, "assistant"), "content": text})).collect::<Vec<_>>(),
            "tools": (0..tools).map(|n| json!({"type": "function", "name": name(n), "description": about, "parameters": schema, "strict": false})).collect::<Vec<_>>()})
        }
        _ => {
            json!({"model": "fast", "stream": true, "messages": std::iter::once(json!({"role": "system", "content": "Be kind."}))
            .chain((0..turns).map(|n| json!({"role": role(n, "assistant"), "content": text}))).collect::<Vec<_>>(),
            "tools": (0..tools).map(|n| json!({"type": "function", "function": {"name": name(n), "description": about, "parameters": schema}})).collect::<Vec<_>>()})
        }
    };
    body.to_string().into_bytes()
}

pub(crate) fn begin(client: Dialect, upstream: Family, body: &[u8]) -> (Exchange, usize) {
    let path = PathWish { model: Some("fast"), stream: true, json_array: false };
    let request = dialect(client).read_request(body, path).expect("the request is right");
    let facts = model_facts(upstream, model(upstream));
    let id = AnswerId { unique: "0123456789abcdef".to_owned(), created: 1_790_000_000 };
    let ask = Ask {
        client,
        request,
        upstream,
        model: model(upstream),
        facts: &facts,
        lossy: Lossy::Refuse,
        id,
        force_stream: false,
        recall: &(),
        wire: byok_translate::Wire::Own,
    };
    let (exchange, call) = Exchange::begin(ask).expect("the request fits");
    (exchange, call.body.len())
}

/// An upstream's stream of 200 pieces of text, as reads of one event each.
pub(crate) fn stream(family: Family) -> Vec<String> {
    let sse = |event: &Value| match event["type"].as_str() {
        Some(kind) => format!("event: {kind}\ndata: {event}\n\n"),
        None => format!("data: {event}\n\n"),
    };
    let pieces = (0..200).map(|n| format!("word{n} "));
    match family {
        Family::Anthropic => {
            let mut all = vec![
                json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {"input_tokens": 9, "output_tokens": 1}}}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            ];
            all.extend(pieces.map(|text| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})));
            all.push(json!({"type": "content_block_stop", "index": 0}));
            all.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": 200}}));
            all.push(json!({"type": "message_stop"}));
            all.iter().map(sse).collect()
        }
        Family::Gemini => {
            let mut all: Vec<Value> = pieces.map(|text| json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}], "modelVersion": "m", "responseId": "r"})).collect();
            all.push(json!({"candidates": [{"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP", "index": 0}], "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 200}}));
            all.iter().map(sse).collect()
        }
        Family::Cohere => {
            let mut all = vec![
                json!({"type": "message-start", "id": "c", "delta": {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}}}),
                json!({"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}),
            ];
            all.extend(pieces.map(|text| json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": text}}}})));
            all.push(json!({"type": "content-end", "index": 0}));
            all.push(json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 9.0, "output_tokens": 200.0}}}}));
            all.iter().map(sse).collect()
        }
        Family::OpenaiResponses => {
            let item = |text: &str| json!({"type": "message", "id": "msg", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": text, "annotations": []}]});
            let mut all = vec![
                json!({"type": "response.created", "response": {"id": "r", "model": "m", "created_at": 1, "output": []}}),
                json!({"type": "response.output_item.added", "output_index": 0, "item": item("")}),
            ];
            all.extend(pieces.clone().map(|text| json!({"type": "response.output_text.delta", "item_id": "msg", "output_index": 0, "content_index": 0, "delta": text})));
            let item = item(&pieces.collect::<String>());
            all.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item}));
            all.push(json!({"type": "response.completed", "response": {"id": "r", "model": "m", "status": "completed", "output": [item], "usage": {"input_tokens": 9, "output_tokens": 200}}}));
            all.iter().map(sse).collect()
        }
        Family::OpenaiChat => {
            let chunk = |delta: Value, finish: Value| json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
            let mut all = vec![sse(&chunk(json!({"role": "assistant", "content": ""}), Value::Null))];
            all.extend(pieces.map(|text| sse(&chunk(json!({"content": text}), Value::Null))));
            all.push(sse(&chunk(json!({}), json!("stop"))));
            all.push("data: [DONE]\n\n".to_owned());
            all
        }
    }
}
