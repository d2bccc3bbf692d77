//! Cohere v2 chat.

use serde_json::{Value, json};

use super::answer::{Answer, CallInput, Stop};
use super::ask::{
    self, Ask, Calls, Choice, EchoModel, Input, Last, Refusal, Tool, estimate, items, list_field, text_of,
};
use super::respond::{Frame, Place, Stamp, named};

pub(super) fn read(body: &Value, _: &Place) -> Result<Ask, Refusal> {
    let model = EchoModel::named(ask::text_field(body, "model", "")?)?;
    let messages = list_field(body, "messages")?;
    let mut calls = Calls::default();
    let mut last = Last::Text(String::new());
    for (index, message) in messages.iter().enumerate() {
        if let Some(said) = turn(message, &format!("messages[{index}]"), &mut calls)? {
            last = said;
        }
    }
    let tools: Vec<Tool> = items(body, "tools").iter().enumerate().map(tool).collect::<Result<_, _>>()?;
    let choice = match &body["tool_choice"] {
        Value::Null => Choice::Auto,
        Value::String(word) if word == "NONE" => Choice::Never,
        Value::String(word) if word == "REQUIRED" && !tools.is_empty() => Choice::Must(None),
        _ => {
            let message = "tool_choice must be REQUIRED or NONE, and REQUIRED needs tools";
            return Err(Refusal::field("tool_choice", message));
        }
    };
    Ok(Ask {
        model,
        stream: ask::stream_field(body)?,
        messages: messages.iter().filter(|message| message["role"] != "system").count(),
        tools,
        choice,
        last,
        schema: body.pointer("/response_format/json_schema").cloned(),
        limit: ask::limit_field(body, "max_tokens")?,
        input_tokens: estimate(body),
        usage_in_stream: true,
    })
}

/// Checks one message; what the conversation ends in after it, if it says anything.
fn turn(message: &Value, path: &str, calls: &mut Calls) -> Result<Option<Last>, Refusal> {
    let text = text_of(&message["content"]);
    match ask::text_field(message, "role", path)? {
        "assistant" => {
            let made = items(message, "tool_calls");
            for (index, call) in made.iter().enumerate() {
                calls.made(ask::text_field(call, "id", &format!("{path}.tool_calls[{index}]"))?);
            }
            if made.is_empty() && message["content"].is_null() {
                return Err(Refusal::field(path, "an assistant message must have content or tool_calls"));
            }
            Ok(Some(Last::Text(text)))
        }
        "system" => Ok(None),
        "tool" => {
            calls.answered(ask::text_field(message, "tool_call_id", path)?, path)?;
            let content = &message["content"];
            let document = content[0].pointer("/document/data").map(Value::to_string);
            Ok(Some(Last::Result(document.unwrap_or(text))))
        }
        "user" if message["content"].is_null() || message["content"] == "" => {
            Err(Refusal::field(path, format!("{path}: all elements in messages must have content")))
        }
        "user" => Ok(Some(Last::Text(text))),
        role => Err(Refusal::field(path, format!("{path}.role: `{role}` is not supported"))),
    }
}

fn tool((index, tool): (usize, &Value)) -> Result<Tool, Refusal> {
    let path = format!("tools[{index}]");
    let name = ask::text_field(&tool["function"], "name", &path)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !name.bytes().all(plain) || name.starts_with(|char: char| char.is_ascii_digit()) {
        let message = format!("{path}: tool names are made of letters, digits and underscores");
        return Err(Refusal::field(&path, message));
    }
    Ok(Tool { name: name.to_owned(), input: Input::Schema(tool["function"]["parameters"].clone()) })
}

pub(super) fn whole(ask: &Ask, answer: &Answer, stamp: &Stamp) -> Value {
    let message = match call(answer, stamp) {
        Some(call) => json!({"role": "assistant", "tool_plan": answer.text(), "tool_calls": [call]}),
        None => json!({"role": "assistant", "content": [{"type": "text", "text": answer.text()}]}),
    };
    json!({
        "id": stamp.id("echo-"),
        "finish_reason": finish_reason(answer.stop),
        "message": message,
        "usage": usage(ask, answer),
    })
}

pub(super) fn frames(ask: &Ask, answer: &Answer, stamp: &Stamp) -> Vec<Frame> {
    let event = |kind: &str, index: Option<usize>, message: Value| {
        let mut event = json!({"type": kind});
        if let Some(index) = index {
            event["index"] = json!(index);
        }
        event["delta"] = json!({"message": message});
        named(&event)
    };
    let opening =
        json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []});
    let mut frames = vec![named(&json!({
        "type": "message-start", "id": stamp.id("echo-"), "delta": {"message": opening},
    }))];
    if let Some(call) = call(answer, stamp) {
        for word in &answer.words {
            frames.push(event("tool-plan-delta", None, json!({"tool_plan": word})).spoken());
        }
        let mut start = call.clone();
        start["function"]["arguments"] = json!("");
        let rest = json!({"function": {"arguments": call["function"]["arguments"]}});
        frames.push(event("tool-call-start", Some(0), json!({"tool_calls": start})));
        frames.push(event("tool-call-delta", Some(0), json!({"tool_calls": rest})).spoken());
        frames.push(named(&json!({"type": "tool-call-end", "index": 0})));
    } else {
        frames.push(event("content-start", Some(0), json!({"content": {"type": "text", "text": ""}})));
        for word in &answer.words {
            frames.push(event("content-delta", Some(0), json!({"content": {"text": word}})).spoken());
        }
        frames.push(named(&json!({"type": "content-end", "index": 0})));
    }
    frames.push(named(&json!({
        "type": "message-end",
        "delta": {"finish_reason": finish_reason(answer.stop), "usage": usage(ask, answer)},
    })));
    frames
}

fn call(answer: &Answer, stamp: &Stamp) -> Option<Value> {
    let call = answer.call.as_ref()?;
    let arguments = match &call.input {
        CallInput::Json(value) => value.to_string(),
        CallInput::Text(text) => json!({"input": text}).to_string(),
    };
    Some(json!({
        "id": stamp.id("call_"), "type": "function", "function": {"name": call.name, "arguments": arguments},
    }))
}

fn usage(ask: &Ask, answer: &Answer) -> Value {
    // The service counts in floating point.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let (input, output) = (ask.input_tokens as f64, answer.output_tokens as f64);
    json!({
        "billed_units": {"input_tokens": input, "output_tokens": output},
        "tokens": {"input_tokens": input, "output_tokens": output},
    })
}

fn finish_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::Call => "TOOL_CALL",
        Stop::End => "COMPLETE",
        Stop::Limit => "MAX_TOKENS",
    }
}

pub(super) fn refusal(refusal: &Refusal) -> Value {
    json!({"id": "echo", "message": refusal.message})
}

pub(super) fn models() -> Value {
    let models = EchoModel::ALL.map(|model| {
        json!({
            "name": model.id(), "endpoints": ["chat", "embed"], "finetuned": false, "context_length": ask::CONTEXT,
            "default_endpoints": [],
        })
    });
    json!({"models": models})
}
