//! OpenAI Chat Completions.

use serde_json::{Value, json};

use super::answer::{Answer, CallInput, Stop};
use super::ask::{
    self, Ask, Calls, Choice, EchoModel, Input, Last, Refusal, Tool, estimate, items, list_field, text_of,
};
use super::respond::{Frame, Place, Stamp, bare};

pub(super) fn read(body: &Value, _: &Place) -> Result<Ask, Refusal> {
    let model = EchoModel::named(ask::text_field(body, "model", "")?)?;
    let stream = ask::stream_field(body)?;
    if !stream && body.get("stream_options").is_some_and(|options| !options.is_null()) {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::field("stream_options", message));
    }
    let messages = list_field(body, "messages")?;
    let mut calls = Calls::default();
    let mut last = Last::Text(String::new());
    for (index, message) in messages.iter().enumerate() {
        if let Some(said) = turn(message, &format!("messages.{index}"), &mut calls)? {
            last = said;
        }
    }
    unanswered(&calls, "messages")?;
    let turns =
        messages.iter().filter(|message| message["role"] != "system" && message["role"] != "developer");
    Ok(Ask {
        model,
        stream,
        messages: turns.count(),
        tools: items(body, "tools").iter().enumerate().map(tool).collect::<Result<_, _>>()?,
        choice: choice(&body["tool_choice"]),
        last,
        schema: body.pointer("/response_format/json_schema/schema").cloned(),
        limit: ask::limit_field(body, "max_completion_tokens")?.or(ask::limit_field(body, "max_tokens")?),
        input_tokens: estimate(body),
        usage_in_stream: body.pointer("/stream_options/include_usage") == Some(&Value::Bool(true)),
    })
}

/// Checks one message; what the conversation ends in after it, if it says anything.
fn turn(message: &Value, path: &str, calls: &mut Calls) -> Result<Option<Last>, Refusal> {
    let content = &message["content"];
    match ask::text_field(message, "role", path)? {
        "assistant" => {
            unanswered(calls, path)?;
            for (index, call) in items(message, "tool_calls").iter().enumerate() {
                calls.made(ask::text_field(call, "id", &format!("{path}.tool_calls.{index}"))?);
            }
            Ok(Some(Last::Text(text_of(content))))
        }
        "developer" | "system" => Ok(None),
        "tool" => {
            calls.answered(ask::text_field(message, "tool_call_id", path)?, path)?;
            Ok(Some(Last::Result(text_of(content))))
        }
        "user" => {
            unanswered(calls, path)?;
            if !content.is_string() && !content.is_array() {
                let message = format!("{path}.content: expected a string or an array of parts");
                return Err(Refusal::field(path, message));
            }
            Ok(Some(Last::Text(text_of(content))))
        }
        role => Err(Refusal::field(path, format!("{path}.role: `{role}` is not supported"))),
    }
}

fn unanswered(calls: &Calls, path: &str) -> Result<(), Refusal> {
    if calls.settled() {
        return Ok(());
    }
    let message =
        "An assistant message with 'tool_calls' must be followed by tool messages for each of them.";
    Err(Refusal::field(path, message))
}

fn tool((index, tool): (usize, &Value)) -> Result<Tool, Refusal> {
    let path = format!("tools.{index}");
    let (inner, input) = match ask::text_field(tool, "type", &path)? {
        "custom" => (&tool["custom"], Input::Text),
        "function" => (&tool["function"], Input::Schema(tool["function"]["parameters"].clone())),
        kind => return Err(Refusal::field(&path, format!("{path}.type: `{kind}` is not supported"))),
    };
    Ok(Tool { name: ask::text_field(inner, "name", &path)?.to_owned(), input })
}

fn choice(choice: &Value) -> Choice {
    match choice {
        Value::String(word) if word == "none" => Choice::Never,
        Value::String(word) if word == "required" => Choice::Must(None),
        Value::Object(named) => {
            let name = ["function", "custom"].into_iter().find_map(|kind| named.get(kind)?["name"].as_str());
            Choice::Must(name.map(str::to_owned))
        }
        _ => Choice::Auto,
    }
}

pub(super) fn whole(ask: &Ask, answer: &Answer, stamp: &Stamp) -> Value {
    let mut message = json!({"role": "assistant", "content": answer.text(), "refusal": null});
    if let Some(call) = &answer.call {
        let (kind, field) = kind(&call.input);
        message["tool_calls"] = json!([{
            "id": stamp.id("call_"), "type": kind, kind: {"name": call.name, field: call.input.text()},
        }]);
    }
    json!({
        "id": stamp.id("chatcmpl-"),
        "object": "chat.completion",
        "created": stamp.created,
        "model": ask.model.id(),
        "choices": [{
            "index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(answer.stop),
        }],
        "usage": usage(ask, answer),
    })
}

pub(super) fn frames(ask: &Ask, answer: &Answer, stamp: &Stamp) -> Vec<Frame> {
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": stamp.id("chatcmpl-"), "object": "chat.completion.chunk", "created": stamp.created,
            "model": ask.model.id(), "choices": choices,
        });
        if ask.usage_in_stream {
            chunk["usage"] = usage;
        }
        bare(&chunk)
    };
    let delta =
        |delta: Value| chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}]), Value::Null);
    let mut frames = vec![delta(json!({"role": "assistant", "content": ""}))];
    frames.extend(answer.words.iter().map(|word| delta(json!({"content": word})).spoken()));
    if let Some(call) = &answer.call {
        let (kind, field) = kind(&call.input);
        let start = json!({
            "index": 0, "id": stamp.id("call_"), "type": kind, kind: {"name": call.name, field: ""},
        });
        frames.push(delta(json!({"tool_calls": [start]})));
        let rest = json!({"index": 0, kind: {field: call.input.text()}});
        frames.push(delta(json!({"tool_calls": [rest]})).spoken());
    }
    let finish = json!([{"index": 0, "delta": {}, "finish_reason": finish_reason(answer.stop)}]);
    frames.push(chunk(finish, Value::Null));
    if ask.usage_in_stream {
        frames.push(chunk(json!([]), usage(ask, answer)));
    }
    frames.push(Frame::new("data: [DONE]\n\n"));
    frames
}

/// How a call is named, and what its input is called.
fn kind(input: &CallInput) -> (&'static str, &'static str) {
    match input {
        CallInput::Json(_) => ("function", "arguments"),
        CallInput::Text(_) => ("custom", "input"),
    }
}

fn usage(ask: &Ask, answer: &Answer) -> Value {
    json!({
        "prompt_tokens": ask.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": ask.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    })
}

fn finish_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::Call => "tool_calls",
        Stop::End => "stop",
        Stop::Limit => "length",
    }
}

/// The Responses format refuses and lists in the same way.
pub(super) fn refusal(refusal: &Refusal) -> Value {
    let (kind, code) = match refusal.status.as_u16() {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        404 if refusal.param.is_some() => ("invalid_request_error", Some("model_not_found")),
        400..=499 => ("invalid_request_error", None),
        _ => ("server_error", Some("server_overloaded")),
    };
    json!({"error": {"message": refusal.message, "type": kind, "param": refusal.param, "code": code}})
}

pub(super) fn models() -> Value {
    let data = EchoModel::ALL.map(
        |model| json!({"id": model.id(), "object": "model", "created": 1_767_225_600, "owned_by": "byok"}),
    );
    json!({"object": "list", "data": data})
}
