//! What clients of every dialect send.

use byok_types::Dialect;
use serde_json::{Value, json};

/// A 1×1 PNG.
pub(super) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

/// What is asked for.
#[derive(Default)]
pub(super) struct Wish {
    pub(super) text: &'static str,
    pub(super) about: About,
}

/// What the call is about, beside its words.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum About {
    /// An image to look at.
    Image,
    /// A schema for the answer.
    Schema,
    /// Tools and thoughts.
    Thoughts,
    Tools,
    #[default]
    Words,
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false})
}

/// The user's turn.
pub(super) fn user(client: Dialect, wish: &Wish) -> Value {
    let (text, url) = (wish.text, format!("data:image/png;base64,{PNG}"));
    match client {
        Dialect::Anthropic if wish.about == About::Image => json!({"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}, {"type": "text", "text": text}]}),
        Dialect::Gemini if wish.about == About::Image => json!({"role": "user", "parts": [
            {"inlineData": {"mimeType": "image/png", "data": PNG}}, {"text": text}]}),
        Dialect::Gemini => json!({"role": "user", "parts": [{"text": text}]}),
        Dialect::OllamaChat if wish.about == About::Image => {
            json!({"role": "user", "content": text, "images": [PNG]})
        }
        Dialect::OpenaiResponses if wish.about == About::Image => json!({"role": "user", "content": [
            {"type": "input_image", "image_url": url, "detail": "auto"}, {"type": "input_text", "text": text}]}),
        _ if wish.about == About::Image => json!({"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": text}]}),
        _ => json!({"role": "user", "content": text}),
    }
}

/// The whole body.
pub(super) fn body(client: Dialect, turns: &[Value], wish: &Wish, stream: bool) -> Value {
    let tool = || json!({"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": schema()}});
    let spoken = || {
        std::iter::once(json!({"role": "system", "content": "Be kind."}))
            .chain(turns.iter().cloned())
            .collect::<Vec<_>>()
    };
    let mut body = match client {
        Dialect::Gemini => json!({"systemInstruction": {"parts": [{"text": "Be kind."}]}, "contents": turns,
            "generationConfig": {"maxOutputTokens": 9000}}),
        Dialect::OpenaiResponses => {
            json!({"model": "asked", "instructions": "Be kind.", "input": turns, "stream": stream,
            "max_output_tokens": 9000})
        }
        Dialect::Anthropic => {
            json!({"model": "asked", "system": "Be kind.", "max_tokens": 9000, "messages": turns, "stream": stream})
        }
        Dialect::OllamaChat => {
            json!({"model": "asked", "messages": spoken(), "stream": stream, "options": {"num_predict": 9000}})
        }
        _ => json!({"model": "asked", "messages": spoken(), "stream": stream, "max_tokens": 9000}),
    };
    if client == Dialect::OpenaiChat && stream {
        body["stream_options"] = json!({"include_usage": true});
    }
    if matches!(wish.about, About::Thoughts | About::Tools) {
        body["tools"] = match client {
            Dialect::Anthropic => {
                json!([{"name": "weather", "description": "The weather", "input_schema": schema()}])
            }
            Dialect::Gemini => {
                json!([{"functionDeclarations": [{"name": "weather", "description": "The weather", "parametersJsonSchema": schema()}]}])
            }
            Dialect::OpenaiResponses => {
                json!([{"type": "function", "name": "weather", "description": "The weather", "parameters": schema(), "strict": true}])
            }
            _ => json!([tool()]),
        };
    }
    if wish.about == About::Thoughts {
        match client {
            Dialect::Anthropic => body["thinking"] = json!({"type": "enabled", "budget_tokens": 2048}),
            Dialect::Cohere => body["thinking"] = json!({"type": "enabled", "token_budget": 2048}),
            Dialect::Gemini => {
                body["generationConfig"]["thinkingConfig"] =
                    json!({"includeThoughts": true, "thinkingBudget": 2048});
            }
            Dialect::OllamaChat => body["think"] = json!("medium"),
            Dialect::OpenaiResponses => {
                body["reasoning"] = json!({"effort": "medium", "summary": "auto"});
                body["include"] = json!(["reasoning.encrypted_content"]);
            }
            _ => body["reasoning_effort"] = json!("medium"),
        }
    }
    if wish.about == About::Schema {
        match client {
            Dialect::Anthropic => {
                body["output_config"] = json!({"format": {"type": "json_schema", "schema": schema()}});
            }
            Dialect::Cohere => {
                body["response_format"] = json!({"type": "json_object", "json_schema": schema()});
            }
            Dialect::Gemini => {
                body["generationConfig"]["responseMimeType"] = json!("application/json");
                body["generationConfig"]["responseJsonSchema"] = schema();
            }
            Dialect::OllamaChat => body["format"] = schema(),
            Dialect::OpenaiResponses => {
                body["text"] = json!({"format": {"type": "json_schema", "name": "place", "schema": schema(), "strict": true}});
            }
            _ => {
                body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "place", "schema": schema(), "strict": true}});
            }
        }
    }
    body
}

/// What a client sends back: the answer as it got it, and the results, the last call's first.
pub(super) fn returned(client: Dialect, answer: &Value) -> Vec<Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let message = match client {
        Dialect::OpenaiChat => &answer["choices"][0]["message"],
        _ => &answer["message"],
    };
    let weather = |arguments: &Value| {
        let text = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
        if text.contains("Oslo") { "snowing" } else { "sunny" }
    };
    match client {
        Dialect::Anthropic => {
            let calls = list(&answer["content"]).into_iter().filter(|block| block["type"] == "tool_use");
            let results: Vec<_> = calls.rev().map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": weather(&call["input"])})).collect();
            vec![
                json!({"role": "assistant", "content": answer["content"]}),
                json!({"role": "user", "content": results}),
            ]
        }
        Dialect::Gemini => {
            let content = &answer["candidates"][0]["content"];
            let calls =
                list(&content["parts"]).into_iter().filter_map(|part| part.get("functionCall").cloned());
            let results: Vec<_> = calls.map(|call| json!({"functionResponse": {"id": call["id"], "name": call["name"], "response": {"output": weather(&call["args"])}}})).collect();
            vec![content.clone(), json!({"role": "user", "parts": results})]
        }
        Dialect::OpenaiResponses => {
            let items = list(&answer["output"]);
            let calls = items.iter().filter(|item| item["type"] == "function_call");
            let results: Vec<_> = calls.rev().map(|call| json!({"type": "function_call_output", "call_id": call["call_id"], "output": weather(&call["arguments"])})).collect();
            items.into_iter().chain(results).collect()
        }
        Dialect::OllamaChat => {
            let results = list(&message["tool_calls"]).into_iter().map(|call| json!({"role": "tool", "tool_name": call["function"]["name"], "content": weather(&call["function"]["arguments"])}));
            std::iter::once(message.clone()).chain(results).collect()
        }
        _ => {
            let results = list(&message["tool_calls"]).into_iter().rev().map(|call| json!({"role": "tool", "tool_call_id": call["id"], "content": weather(&call["function"]["arguments"])}));
            std::iter::once(message.clone()).chain(results).collect()
        }
    }
}
