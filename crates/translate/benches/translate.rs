//! What translation costs, per direction: a 1 kB chat, a 1 MB history, a typical agent's request (100 kB,
//! 40 tools), and a stream of 200 events. Run with `cargo bench -p byok-translate`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run must stop")]

use std::hint::black_box;

use byok_translate::exchange::{Ask, Exchange};
use byok_translate::facts::model_facts;
use byok_translate::fit::Lossy;
use byok_translate::format::AnswerId;
use byok_translate::{PathWish, dialect};
use byok_types::{Dialect, Family};
use criterion::{BatchSize, Criterion, Throughput};
use serde_json::{Value, json};

const DIALECTS: [Dialect; 3] = [Dialect::OpenaiChat, Dialect::Anthropic, Dialect::Gemini];

fn model(family: Family) -> &'static str {
    match family {
        Family::Anthropic => "claude-sonnet-4-5",
        Family::Cohere => "command-a-03-2025",
        Family::Gemini => "gemini-2.5-flash",
        Family::OpenaiChat | Family::OpenaiResponses => "gpt-4.1",
    }
}

/// A request in a client's format: `turns` turns of `size` bytes, and `tools` tools.
fn request(client: Dialect, turns: usize, size: usize, tools: usize) -> Vec<u8> {
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
        _ => {
            json!({"model": "fast", "stream": true, "messages": std::iter::once(json!({"role": "system", "content": "Be kind."}))
            .chain((0..turns).map(|n| json!({"role": role(n, "assistant"), "content": text}))).collect::<Vec<_>>(),
            "tools": (0..tools).map(|n| json!({"type": "function", "function": {"name": name(n), "description": about, "parameters": schema}})).collect::<Vec<_>>()})
        }
    };
    body.to_string().into_bytes()
}

fn begin(client: Dialect, upstream: Family, body: &[u8]) -> (Exchange, usize) {
    let path = PathWish { model: Some("fast"), stream: true, json_array: false };
    let request = dialect(client).read_request(body, path).expect("the request is right");
    let facts = model_facts(upstream, model(upstream));
    let id = AnswerId { unique: "0123456789abcdef".to_owned(), created: 1_790_000_000 };
    let ask = Ask {
        client,
        request,
        upstream,
        wire: byok_translate::Wire::Own,
        model: model(upstream),
        facts: &facts,
        lossy: Lossy::Refuse,
        id,
        force_stream: false,
        recall: &(),
    };
    let (exchange, call) = Exchange::begin(ask).expect("the request fits");
    (exchange, call.body.len())
}

/// An upstream's stream of 200 pieces of text, as reads of one event each.
fn stream(family: Family) -> Vec<String> {
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
        _ => {
            let chunk = |delta: Value, finish: Value| json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
            let mut all = vec![sse(&chunk(json!({"role": "assistant", "content": ""}), Value::Null))];
            all.extend(pieces.map(|text| sse(&chunk(json!({"content": text}), Value::Null))));
            all.push(sse(&chunk(json!({}), json!("stop"))));
            all.push("data: [DONE]\n\n".to_owned());
            all
        }
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for client in DIALECTS {
        for upstream in DIALECTS
            .iter()
            .filter_map(|upstream| upstream.family())
            .filter(|family| Some(*family) != client.family())
        {
            for (name, turns, size, tools) in [
                ("1 kB chat", 1, 900, 0),
                ("1 MB history", 200, 5_000, 0),
                ("agent, 40 tools", 20, 2_000, 40),
            ] {
                let body = request(client, turns, size, tools);
                let mut group = criterion.benchmark_group("request");
                group.throughput(Throughput::Bytes(body.len() as u64));
                group.bench_function(format!("{client} to {upstream}, {name}"), |bencher| {
                    bencher.iter(|| begin(client, upstream, black_box(&body)).1);
                });
                group.finish();
            }
            let body = request(client, 1, 100, 0);
            let events = stream(upstream);
            let mut group = criterion.benchmark_group("stream of 200 events");
            group.throughput(Throughput::Elements(200));
            group.bench_function(format!("{upstream} to {client}"), |bencher| {
                bencher.iter_batched(
                    || (begin(client, upstream, &body).0.stream(), Vec::with_capacity(64 * 1024)),
                    |(mut pipe, mut out)| {
                        for event in &events {
                            pipe.feed(black_box(event.as_bytes()), &mut out);
                        }
                        pipe.finish(&mut out);
                        out.len()
                    },
                    BatchSize::SmallInput,
                );
            });
            group.finish();
        }
    }
    criterion.final_summary();
}
