//! What upstreams of every family answer, in the shapes of the vendors' own endpoints (wire-format facts,
//! appendix A).

use byok_types::Family;
use serde_json::{Value, json};

/// How an answer ends.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Ending {
    /// The stream begins well and then says that it failed.
    BreaksWithError,
    /// The connection breaks.
    Cut,
    /// No answer but an error status.
    Error,
    #[default]
    Good,
    Length,
    Refused,
}

/// What an upstream says.
#[derive(Default)]
pub(super) struct Said {
    pub(super) thoughts: Vec<&'static str>,
    pub(super) words: Vec<&'static str>,
    /// Of each, the weather is asked for.
    pub(super) cities: Vec<&'static str>,
    pub(super) cache: bool,
    pub(super) ending: Ending,
}

/// What only the vendor can read. Its characters differ between the two base64 alphabets.
const TOKEN: &str = "AbC+/+/0AbC+/w==";

/// A model that thinks, where the case is about that.
pub(super) fn model(family: Family, thinks: bool) -> &'static str {
    match family {
        Family::Anthropic => "claude-sonnet-4-5",
        Family::Cohere if thinks => "command-a-reasoning-08-2025",
        Family::Cohere => "command-a-03-2025",
        Family::Gemini if thinks => "gemini-3-pro-preview",
        Family::Gemini => "gemini-2.5-flash",
        Family::OpenaiChat if thinks => "deepseek-reasoner",
        Family::OpenaiChat => "gpt-4.1",
        Family::OpenaiResponses => "gpt-5.6-sol",
    }
}

fn arguments(city: &str) -> String {
    json!({ "city": city }).to_string()
}

/// Status and body of a whole answer; none where the case is one of streams.
pub(super) fn whole(family: Family, said: &Said) -> Option<(u16, Value)> {
    match said.ending {
        Ending::BreaksWithError | Ending::Cut => None,
        Ending::Error => Some((429, error(family))),
        _ => Some((200, answer(family, said))),
    }
}

fn error(family: Family) -> Value {
    match family {
        Family::Anthropic => {
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}, "request_id": "req_1"})
        }
        Family::Cohere => json!({"id": "r", "message": "Slow down."}),
        Family::Gemini => {
            json!({"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}]}})
        }
        Family::OpenaiChat | Family::OpenaiResponses => {
            json!({"error": {"message": "Slow down.", "type": "rate_limit_error", "param": null, "code": "rate_limit_exceeded"}})
        }
    }
}

fn usage(family: Family, said: &Said) -> Value {
    let (cached, thought) = (if said.cache { 8 } else { 0 }, if said.thoughts.is_empty() { 0 } else { 6 });
    match family {
        Family::Anthropic => {
            json!({"input_tokens": 20 - cached - cached / 4, "cache_read_input_tokens": cached,
            "cache_creation_input_tokens": cached / 4, "output_tokens": 15})
        }
        Family::Cohere => json!({"billed_units": {"input_tokens": 12.0, "output_tokens": 15.0},
            "tokens": {"input_tokens": 20.0, "output_tokens": 15.0}, "cached_tokens": cached}),
        Family::Gemini => {
            json!({"promptTokenCount": 20, "cachedContentTokenCount": cached, "candidatesTokenCount": 15 - thought,
            "thoughtsTokenCount": thought, "totalTokenCount": 35})
        }
        Family::OpenaiChat => json!({"prompt_tokens": 20, "completion_tokens": 15, "total_tokens": 35,
            "prompt_tokens_details": {"cached_tokens": cached}, "completion_tokens_details": {"reasoning_tokens": thought}}),
        Family::OpenaiResponses => {
            json!({"input_tokens": 20, "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": cached / 4},
            "output_tokens": 15, "output_tokens_details": {"reasoning_tokens": thought}, "total_tokens": 35})
        }
    }
}

/// The family's word for how the answer ended.
fn reason(family: Family, said: &Said) -> &'static str {
    let called = !said.cities.is_empty();
    match (family, said.ending) {
        (Family::Anthropic, Ending::Length) => "max_tokens",
        (Family::Anthropic, Ending::Refused) => "refusal",
        (Family::Anthropic, _) if called => "tool_use",
        (Family::Anthropic, _) => "end_turn",
        (Family::Cohere | Family::Gemini, Ending::Length) => "MAX_TOKENS",
        (Family::Cohere, Ending::Refused) => "ERROR_TOXIC",
        (Family::Cohere, _) if called => "TOOL_CALL",
        (Family::Cohere, _) => "COMPLETE",
        (Family::Gemini, Ending::Refused) => "SAFETY",
        (Family::Gemini, _) => "STOP",
        (Family::OpenaiChat, Ending::Length) => "length",
        (Family::OpenaiChat | Family::OpenaiResponses, Ending::Refused) => "content_filter",
        (Family::OpenaiChat, _) if called => "tool_calls",
        (Family::OpenaiChat, _) => "stop",
        (Family::OpenaiResponses, Ending::Length) => "max_output_tokens",
        (Family::OpenaiResponses, _) => "completed",
    }
}

fn answer(family: Family, said: &Said) -> Value {
    let (words, thoughts) = (said.words.concat(), said.thoughts.concat());
    let (usage, reason) = (usage(family, said), reason(family, said));
    let calls = || said.cities.iter().enumerate();
    let functions = || -> Vec<Value> {
        calls().map(|(at, city)| json!({"id": format!("call_{at}"), "type": "function", "function": {"name": "weather", "arguments": arguments(city)}})).collect()
    };
    match family {
        Family::Anthropic => {
            let mut content = Vec::new();
            if !thoughts.is_empty() {
                content.push(json!({"type": "thinking", "thinking": thoughts, "signature": TOKEN}));
            }
            content.push(json!({"type": "text", "text": words}));
            content.extend(calls().map(|(at, city)| json!({"type": "tool_use", "id": format!("toolu_{at}"), "name": "weather", "input": {"city": city}})));
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "theirs", "content": content,
                "stop_reason": reason, "stop_sequence": null, "usage": usage})
        }
        Family::Cohere => {
            let mut message = json!({"role": "assistant"});
            let mut content = Vec::new();
            if !thoughts.is_empty() {
                content.push(json!({"type": "thinking", "thinking": thoughts}));
            }
            if said.cities.is_empty() {
                content.push(json!({"type": "text", "text": words}));
            } else {
                message["tool_plan"] = json!(words);
                message["tool_calls"] = json!(functions());
            }
            message["content"] = json!(content);
            json!({"id": "c1", "finish_reason": reason, "message": message, "usage": usage})
        }
        Family::Gemini => {
            let mut parts = Vec::new();
            if !thoughts.is_empty() {
                parts.push(json!({"text": thoughts, "thought": true}));
            }
            parts.push(json!({"text": words}));
            parts.extend(gemini_calls(said));
            json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": reason, "index": 0}],
                "usageMetadata": usage, "modelVersion": "theirs", "responseId": "g1"})
        }
        Family::OpenaiChat => {
            let mut message = json!({"role": "assistant", "content": words, "refusal": null});
            if !thoughts.is_empty() {
                message["reasoning_content"] = json!(thoughts);
            }
            if !said.cities.is_empty() {
                message["tool_calls"] = json!(functions());
            }
            json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_001, "model": "theirs",
                "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": reason}], "usage": usage})
        }
        Family::OpenaiResponses => response(said, &items(said), &usage),
    }
}

fn gemini_calls(said: &Said) -> Vec<Value> {
    let mut calls: Vec<_> = said
        .cities
        .iter()
        .map(|city| json!({"functionCall": {"name": "weather", "args": {"city": city}}}))
        .collect();
    if let (Some(first), false) = (calls.first_mut(), said.thoughts.is_empty()) {
        first["thoughtSignature"] = json!(TOKEN);
    }
    calls
}

fn items(said: &Said) -> Vec<Value> {
    let mut items = Vec::new();
    if !said.thoughts.is_empty() {
        items.push(json!({"id": "rs_1", "type": "reasoning", "encrypted_content": TOKEN,
            "summary": [{"type": "summary_text", "text": said.thoughts.concat()}]}));
    }
    items.push(json!({"id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
        "content": [{"type": "output_text", "text": said.words.concat(), "annotations": [], "logprobs": []}]}));
    items.extend(said.cities.iter().enumerate().map(|(at, city)| {
        json!({"id": format!("fc_{at}"), "type": "function_call", "status": "completed", "call_id": format!("call_{at}"),
            "name": "weather", "arguments": arguments(city)})
    }));
    items
}

fn response(said: &Said, output: &[Value], usage: &Value) -> Value {
    let why = reason(Family::OpenaiResponses, said);
    let (status, details) = match why {
        "completed" => ("completed", Value::Null),
        why => ("incomplete", json!({ "reason": why })),
    };
    json!({"id": "resp_1", "object": "response", "created_at": 1_790_000_001, "status": status, "error": null,
        "incomplete_details": details, "model": "theirs", "output": output, "usage": usage})
}

/// The bytes of a streamed answer; none where the case has no stream.
pub(super) fn stream(family: Family, said: &Said) -> Option<String> {
    let mut events = match family {
        Family::Anthropic => anthropic(said),
        Family::Cohere => cohere(said),
        Family::Gemini => gemini(said),
        Family::OpenaiChat => openai_chat(said),
        Family::OpenaiResponses => openai_responses(said),
    };
    match said.ending {
        Ending::Error => return None,
        Ending::Cut | Ending::BreaksWithError => {
            events.truncate(if family == Family::OpenaiChat { 3 } else { 4 });
        }
        Ending::Good | Ending::Length | Ending::Refused => {}
    }
    if said.ending == Ending::BreaksWithError {
        events.push(match family {
            Family::Anthropic => json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded."}}),
            Family::Cohere => json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "Overloaded."}}),
            Family::Gemini => json!({"error": {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}}),
            Family::OpenaiChat => json!({"error": {"message": "Overloaded.", "type": "server_error", "param": null, "code": "server_overloaded"}}),
            Family::OpenaiResponses => json!({"type": "response.failed", "response": {"id": "resp_1", "object": "response",
                "status": "failed", "model": "theirs", "output": [], "error": {"code": "server_error", "message": "Overloaded."}}}),
        });
    }
    let named = matches!(family, Family::Anthropic | Family::Cohere | Family::OpenaiResponses);
    let frame = |event: &Value| match event["type"].as_str() {
        Some(kind) if named => format!("event: {kind}\ndata: {event}\n\n"),
        _ => format!("data: {event}\n\n"),
    };
    let mut bytes: String = events.iter().map(frame).collect();
    if family == Family::OpenaiChat && !matches!(said.ending, Ending::Cut | Ending::BreaksWithError) {
        bytes.push_str("data: [DONE]\n\n");
    }
    if family == Family::Gemini {
        bytes = bytes.replace('\n', "\r\n");
    }
    Some(bytes)
}

/// A call's arguments in two pieces.
fn halves(city: &str) -> [String; 2] {
    let whole = arguments(city);
    let (head, tail) = whole.split_at(6);
    [head.to_owned(), tail.to_owned()]
}

fn anthropic(said: &Said) -> Vec<Value> {
    let start = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "theirs", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 20, "output_tokens": 1}});
    let mut all = vec![json!({"type": "message_start", "message": start})];
    let mut at = 0;
    let mut block = |head: Value, deltas: Vec<Value>| {
        all.push(json!({"type": "content_block_start", "index": at, "content_block": head}));
        all.extend(
            deltas
                .into_iter()
                .map(|delta| json!({"type": "content_block_delta", "index": at, "delta": delta})),
        );
        all.push(json!({"type": "content_block_stop", "index": at}));
        at += 1;
    };
    if !said.thoughts.is_empty() {
        let thoughts = said.thoughts.iter().map(|text| json!({"type": "thinking_delta", "thinking": text}));
        let deltas = thoughts.chain([json!({"type": "signature_delta", "signature": TOKEN})]).collect();
        block(json!({"type": "thinking", "thinking": "", "signature": ""}), deltas);
    }
    let words = said.words.iter().map(|text| json!({"type": "text_delta", "text": text})).collect();
    block(json!({"type": "text", "text": ""}), words);
    for (call, city) in said.cities.iter().enumerate() {
        let deltas =
            halves(city).map(|piece| json!({"type": "input_json_delta", "partial_json": piece})).to_vec();
        block(
            json!({"type": "tool_use", "id": format!("toolu_{call}"), "name": "weather", "input": {}}),
            deltas,
        );
    }
    all.push(json!({"type": "message_delta", "delta": {"stop_reason": reason(Family::Anthropic, said), "stop_sequence": null},
        "usage": usage(Family::Anthropic, said)}));
    all.push(json!({"type": "message_stop"}));
    all
}

fn cohere(said: &Said) -> Vec<Value> {
    let message = |message: Value| json!({ "message": message });
    let mut all = vec![
        json!({"type": "message-start", "id": "c1", "delta": message(json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}))}),
    ];
    let mut content = |index: usize, kind: &str, pieces: &[&str]| {
        all.push(json!({"type": "content-start", "index": index, "delta": message(json!({"content": {"type": kind, kind: ""}}))}));
        all.extend(pieces.iter().map(|text| json!({"type": "content-delta", "index": index, "delta": message(json!({"content": {kind: text}}))})));
        all.push(json!({"type": "content-end", "index": index}));
    };
    let thinks = !said.thoughts.is_empty();
    if thinks {
        content(0, "thinking", &said.thoughts);
    }
    if said.cities.is_empty() {
        content(usize::from(thinks), "text", &said.words);
    } else {
        all.extend(
            said.words
                .iter()
                .map(|text| json!({"type": "tool-plan-delta", "delta": message(json!({"tool_plan": text}))})),
        );
    }
    for (index, city) in said.cities.iter().enumerate() {
        all.push(json!({"type": "tool-call-start", "index": index, "delta": message(json!({"tool_calls": {"id": format!("call_{index}"), "type": "function", "function": {"name": "weather", "arguments": ""}}}))}));
        all.extend(halves(city).map(|piece| json!({"type": "tool-call-delta", "index": index, "delta": message(json!({"tool_calls": {"function": {"arguments": piece}}}))})));
        all.push(json!({"type": "tool-call-end", "index": index}));
    }
    all.push(json!({"type": "message-end", "delta": {"finish_reason": reason(Family::Cohere, said), "usage": usage(Family::Cohere, said)}}));
    all
}

fn gemini(said: &Said) -> Vec<Value> {
    let chunk = |parts: Value| json!({"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}], "modelVersion": "theirs", "responseId": "g1"});
    let mut all: Vec<_> =
        said.thoughts.iter().map(|text| chunk(json!([{"text": text, "thought": true}]))).collect();
    all.extend(said.words.iter().map(|text| chunk(json!([{"text": text}]))));
    let calls = gemini_calls(said);
    if !calls.is_empty() {
        all.push(chunk(json!(calls)));
    }
    if !matches!(said.ending, Ending::Cut | Ending::BreaksWithError) {
        let mut last = chunk(json!([{"text": ""}]));
        last["candidates"][0]["finishReason"] = json!(reason(Family::Gemini, said));
        last["usageMetadata"] = usage(Family::Gemini, said);
        all.push(last);
    }
    all
}

fn openai_chat(said: &Said) -> Vec<Value> {
    let chunk = |delta: Value, finish: Value| {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_001, "model": "theirs", "usage": null,
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]})
    };
    let grows = |delta: Value| chunk(delta, Value::Null);
    let mut all = vec![grows(json!({"role": "assistant", "content": ""}))];
    all.extend(said.thoughts.iter().map(|text| grows(json!({"content": null, "reasoning_content": text}))));
    all.extend(said.words.iter().map(|text| grows(json!({"content": text}))));
    for (index, _) in said.cities.iter().enumerate() {
        all.push(grows(json!({"tool_calls": [{"index": index, "id": format!("call_{index}"), "type": "function", "function": {"name": "weather", "arguments": ""}}]})));
    }
    // The pieces of parallel calls interleave.
    for half in 0..2 {
        for (index, city) in said.cities.iter().enumerate() {
            all.push(grows(
                json!({"tool_calls": [{"index": index, "function": {"arguments": halves(city)[half]}}]}),
            ));
        }
    }
    all.push(chunk(json!({}), json!(reason(Family::OpenaiChat, said))));
    all.push(json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_001, "model": "theirs",
        "choices": [], "usage": usage(Family::OpenaiChat, said)}));
    all
}

fn openai_responses(said: &Said) -> Vec<Value> {
    let mut all = vec![
        json!({"type": "response.created", "response": {"id": "resp_1", "object": "response", "created_at": 1_790_000_001,
        "status": "in_progress", "model": "theirs", "output": []}}),
    ];
    let items = items(said);
    for (index, item) in items.iter().enumerate() {
        let mut head = item.clone();
        match item["type"].as_str() {
            Some("reasoning") => {
                head["summary"] = json!([]);
                head["encrypted_content"] = json!("of no use yet");
            }
            Some("message") => head["content"] = json!([]),
            _ => head["arguments"] = json!(""),
        }
        all.push(json!({"type": "response.output_item.added", "output_index": index, "item": head}));
        match item["type"].as_str() {
            Some("reasoning") => {
                let place = |kind: &str| json!({"type": kind, "item_id": "rs_1", "output_index": index, "summary_index": 0});
                for text in &said.thoughts {
                    let mut delta = place("response.reasoning_summary_text.delta");
                    delta["delta"] = json!(text);
                    all.push(delta);
                }
            }
            Some("message") => {
                all.extend(said.words.iter().map(|text| json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": index, "content_index": 0, "delta": text})));
            }
            _ => continue,
        }
        all.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
    }
    // The pieces of parallel calls interleave.
    let calls: Vec<_> =
        items.iter().enumerate().filter(|(_, item)| item["type"] == "function_call").collect();
    for half in 0..2 {
        for ((index, item), city) in calls.iter().zip(&said.cities) {
            all.push(json!({"type": "response.function_call_arguments.delta", "item_id": item["id"], "output_index": index, "delta": halves(city)[half]}));
        }
    }
    for (index, item) in calls {
        all.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
    }
    let ended = response(said, &items, &usage(Family::OpenaiResponses, said));
    let kind = format!("response.{}", ended["status"].as_str().unwrap_or_default());
    all.push(json!({"type": kind, "response": ended}));
    for (number, event) in all.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    all
}
