//! Anthropic Messages.

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, CallInput, Stop};
use super::ask::{
    self, Ask, Calls, Choice, EchoModel, Input, Last, Refusal, Tool, estimate, items, list_field, text_of,
};
use super::respond::{Frame, Place, Stamp, named};

pub(super) fn read(body: &Value, _: &Place) -> Result<Ask, Refusal> {
    let model = EchoModel::named(ask::text_field(body, "model", "")?)?;
    let limit = ask::limit_field(body, "max_tokens")?
        .ok_or_else(|| Refusal::field("max_tokens", "max_tokens: Field required"))?;
    if body.get("temperature").and_then(Value::as_f64).is_some_and(|it| !(0.0..=1.0).contains(&it)) {
        return Err(Refusal::field("temperature", "temperature: range: 0..1"));
    }
    let messages = list_field(body, "messages")?;
    if messages[0]["role"] != "user" {
        return Err(Refusal::field("messages", "messages: first message must use the \"user\" role"));
    }
    let mut calls = Calls::default();
    let mut last = Last::Text(String::new());
    for (index, message) in messages.iter().enumerate() {
        last = turn(message, &format!("messages.{index}"), &mut calls)?;
    }
    let tools = items(body, "tools").iter().enumerate().map(tool).collect::<Result<_, _>>()?;
    Ok(Ask {
        model,
        stream: ask::stream_field(body)?,
        messages: messages.len(),
        tools,
        choice: match body["tool_choice"]["type"].as_str() {
            Some("any") => Choice::Must(None),
            Some("none") => Choice::Never,
            Some("tool") => Choice::Must(body["tool_choice"]["name"].as_str().map(str::to_owned)),
            _ => Choice::Auto,
        },
        last,
        schema: body.pointer("/output_config/format/schema").cloned(),
        limit: Some(limit),
        input_tokens: estimate(body),
        usage_in_stream: true,
    })
}

/// Checks one message; what it ends in.
fn turn(message: &Value, path: &str, calls: &mut Calls) -> Result<Last, Refusal> {
    let role = ask::text_field(message, "role", path)?;
    if !["assistant", "system", "user"].contains(&role) {
        return Err(Refusal::field(path, format!("{path}.role: Input should be 'user' or 'assistant'")));
    }
    let content = &message["content"];
    if let Value::String(text) = content {
        if text.is_empty() {
            return Err(Refusal::field(path, format!("{path}: content must not be empty")));
        }
        return unanswered(calls, path).map(|()| Last::Text(text.clone()));
    }
    let blocks = list_field(message, "content").map_err(|_| {
        Refusal::field(path, format!("{path}.content: Input should be a string or a list that is not empty"))
    })?;
    let mut result = None;
    for (index, block) in blocks.iter().enumerate() {
        let path = format!("{path}.content.{index}");
        match ask::text_field(block, "type", &path)? {
            "tool_use" => {
                ask::text_field(block, "name", &path)?;
                if !block["input"].is_object() {
                    return Err(Refusal::field(&path, format!("{path}.input: Input should be an object")));
                }
                calls.made(ask::text_field(block, "id", &path)?);
            }
            "tool_result" => {
                calls.answered(ask::text_field(block, "tool_use_id", &path)?, &path)?;
                result = Some(text_of(&block["content"]));
            }
            "text" => {
                ask::text_field(block, "text", &path)?;
            }
            _ => {}
        }
    }
    if role == "user" {
        unanswered(calls, path)?;
    }
    Ok(result.map_or_else(|| Last::Text(text_of(content)), Last::Result))
}

fn unanswered(calls: &Calls, path: &str) -> Result<(), Refusal> {
    if calls.settled() {
        return Ok(());
    }
    Err(Refusal::field(
        path,
        format!("{path}: `tool_use` ids were found without `tool_result` blocks immediately after"),
    ))
}

fn tool((index, tool): (usize, &Value)) -> Result<Tool, Refusal> {
    let path = format!("tools.{index}");
    let name = ask::text_field(tool, "name", &path)?.to_owned();
    if tool.get("type").is_none_or(|kind| kind == "custom") && !tool["input_schema"].is_object() {
        return Err(Refusal::field(&path, format!("{path}.input_schema: Field required")));
    }
    Ok(Tool { name, input: Input::Schema(tool["input_schema"].clone()) })
}

pub(super) fn whole(ask: &Ask, answer: &Answer, stamp: &Stamp) -> Value {
    let mut content = Vec::new();
    if !answer.words.is_empty() {
        content.push(json!({"type": "text", "text": answer.text()}));
    }
    if let Some(call) = &answer.call {
        content.push(json!({
            "type": "tool_use", "id": stamp.id("toolu_"), "name": call.name, "input": input(&call.input),
        }));
    }
    let mut message = message(ask, stamp);
    message["content"] = Value::Array(content);
    message["stop_reason"] = json!(stop_reason(answer.stop));
    message["usage"]["output_tokens"] = json!(answer.output_tokens);
    message
}

pub(super) fn frames(ask: &Ask, answer: &Answer, stamp: &Stamp) -> Vec<Frame> {
    let mut frames = vec![
        named(&json!({"type": "message_start", "message": message(ask, stamp)})),
        named(
            &json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        ),
        named(&json!({"type": "ping"})),
    ];
    for word in &answer.words {
        let delta = json!({"type": "text_delta", "text": word});
        frames.push(named(&json!({"type": "content_block_delta", "index": 0, "delta": delta})).spoken());
    }
    frames.push(named(&json!({"type": "content_block_stop", "index": 0})));
    if let Some(call) = &answer.call {
        let block = json!({"type": "tool_use", "id": stamp.id("toolu_"), "name": call.name, "input": {}});
        frames.push(named(&json!({"type": "content_block_start", "index": 1, "content_block": block})));
        for piece in ["", &input(&call.input).to_string()] {
            let delta = json!({"type": "input_json_delta", "partial_json": piece});
            frames.push(named(&json!({"type": "content_block_delta", "index": 1, "delta": delta})).spoken());
        }
        frames.push(named(&json!({"type": "content_block_stop", "index": 1})));
    }
    frames.push(named(&json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(answer.stop), "stop_sequence": null},
        "usage": {"output_tokens": answer.output_tokens},
    })));
    frames.push(named(&json!({"type": "message_stop"})));
    frames
}

/// This format knows no free text for tools.
fn input(input: &CallInput) -> Value {
    match input {
        CallInput::Json(value) => value.clone(),
        CallInput::Text(text) => json!({"input": text}),
    }
}

fn message(ask: &Ask, stamp: &Stamp) -> Value {
    json!({
        "id": stamp.id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": ask.model.id(),
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": {
            "input_tokens": ask.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 1,
        },
    })
}

fn stop_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::Call => "tool_use",
        Stop::End => "end_turn",
        Stop::Limit => "max_tokens",
    }
}

pub(super) fn count(ask: &Ask) -> Value {
    json!({"input_tokens": ask.input_tokens})
}

pub(super) fn refusal(refusal: &Refusal) -> Value {
    let kind = match refusal.status {
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::NOT_FOUND => "not_found_error",
        StatusCode::PAYLOAD_TOO_LARGE => "request_too_large",
        status if status.is_client_error() => "invalid_request_error",
        _ => "overloaded_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": refusal.message}, "request_id": null})
}

pub(super) fn models() -> Value {
    let data = EchoModel::ALL.map(|model| {
        json!({
            "type": "model", "id": model.id(), "display_name": model.title(), "created_at": "2026-01-01T00:00:00Z",
            "max_input_tokens": ask::CONTEXT, "max_tokens": ask::OUTPUT,
        })
    });
    let (first, last) = (data[0]["id"].clone(), data[data.len() - 1]["id"].clone());
    json!({"data": data, "has_more": false, "first_id": first, "last_id": last})
}
