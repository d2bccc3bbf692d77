//! OpenAI Responses. Refusals and the model list are those of Chat Completions.

use serde_json::{Value, json};

use super::answer::{Answer, Call, CallInput, Stop};
use super::ask::{self, Ask, Calls, Choice, EchoModel, Input, Last, Refusal, Tool, estimate, items, text_of};
use super::respond::{Frame, Place, Stamp};

pub(super) fn read(body: &Value, _: &Place) -> Result<Ask, Refusal> {
    let model = EchoModel::named(ask::text_field(body, "model", "")?)?;
    if body.get("previous_response_id").is_some_and(|id| !id.is_null()) {
        let message = "The echo upstream keeps nothing, so there is no previous response.";
        return Err(Refusal::field("previous_response_id", message));
    }
    let (messages, last) = match &body["input"] {
        Value::String(text) => (1, Last::Text(text.clone())),
        Value::Array(items) if !items.is_empty() => input(items)?,
        _ => return Err(Refusal::field("input", "input: a string or a list of items is required")),
    };
    Ok(Ask {
        model,
        stream: ask::stream_field(body)?,
        messages,
        tools: items(body, "tools").iter().filter_map(tool).collect(),
        choice: match &body["tool_choice"] {
            Value::String(word) if word == "none" => Choice::Never,
            Value::String(word) if word == "required" => Choice::Must(None),
            Value::Object(named) => {
                Choice::Must(named.get("name").and_then(Value::as_str).map(str::to_owned))
            }
            _ => Choice::Auto,
        },
        last,
        schema: body.pointer("/text/format/schema").cloned(),
        limit: ask::limit_field(body, "max_output_tokens")?,
        input_tokens: estimate(body),
        usage_in_stream: true,
    })
}

/// Checks the items of the input; how many turns there are, and what they end in.
fn input(items: &[Value]) -> Result<(usize, Last), Refusal> {
    let mut calls = Calls::default();
    let mut last = Last::Text(String::new());
    let mut turns = 0;
    for (index, item) in items.iter().enumerate() {
        let path = format!("input[{index}]");
        match item["type"].as_str().unwrap_or("message") {
            "custom_tool_call" | "function_call" => {
                ask::text_field(item, "name", &path)?;
                calls.made(ask::text_field(item, "call_id", &path)?);
                turns += 1;
            }
            "custom_tool_call_output" | "function_call_output" => {
                calls.answered(ask::text_field(item, "call_id", &path)?, &path)?;
                last = Last::Result(text_of(&item["output"]));
                turns += 1;
            }
            "message" => match ask::text_field(item, "role", &path)? {
                "assistant" | "user" => {
                    last = Last::Text(text_of(&item["content"]));
                    turns += 1;
                }
                "developer" | "system" => {}
                role => return Err(Refusal::field(&path, format!("{path}.role: `{role}` is not supported"))),
            },
            _ => {}
        }
    }
    if calls.settled() {
        return Ok((turns, last));
    }
    Err(Refusal::field("input", "No tool output found for a function call."))
}

fn tool(tool: &Value) -> Option<Tool> {
    let input = match tool["type"].as_str()? {
        "custom" => Input::Text,
        "function" => Input::Schema(tool["parameters"].clone()),
        _ => return None,
    };
    Some(Tool { name: tool["name"].as_str()?.to_owned(), input })
}

pub(super) fn whole(ask: &Ask, answer: &Answer, stamp: &Stamp) -> Value {
    let status = if answer.stop == Stop::Limit { "incomplete" } else { "completed" };
    let mut output = vec![message_item(answer, stamp, status)];
    output.extend(answer.call.as_ref().map(|call| call_item(call, stamp, "completed")));
    let mut response = response(ask, stamp, status);
    response["output"] = Value::Array(output);
    response["usage"] = json!({
        "input_tokens": ask.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": ask.input_tokens + answer.output_tokens,
    });
    if answer.stop == Stop::Limit {
        response["incomplete_details"] = json!({"reason": "max_output_tokens"});
    }
    response
}

pub(super) fn frames(ask: &Ask, answer: &Answer, stamp: &Stamp) -> Vec<Frame> {
    let mut events = Events::default();
    let opening = response(ask, stamp, "in_progress");
    events.push("response.created", json!({"response": opening}));
    events.push("response.in_progress", json!({"response": opening}));
    said(answer, stamp, &mut events);
    if let Some(call) = &answer.call {
        called(call, stamp, &mut events);
    }
    let end = if answer.stop == Stop::Limit { "response.incomplete" } else { "response.completed" };
    events.push(end, json!({"response": whole(ask, answer, stamp)}));
    events.frames
}

/// The events of the message.
fn said(answer: &Answer, stamp: &Stamp, events: &mut Events) {
    let id = stamp.id("msg_");
    let mut opening = message_item(answer, stamp, "in_progress");
    opening["content"] = json!([]);
    events.push("response.output_item.added", json!({"output_index": 0, "item": opening}));
    let at = |mut event: Value| {
        event["item_id"] = json!(id);
        event["output_index"] = json!(0);
        event["content_index"] = json!(0);
        event
    };
    events.push("response.content_part.added", at(json!({"part": part("")})));
    for word in &answer.words {
        events.push("response.output_text.delta", at(json!({"delta": word, "logprobs": []})));
        events.speak();
    }
    let text = answer.text();
    events.push("response.output_text.done", at(json!({"text": text, "logprobs": []})));
    events.push("response.content_part.done", at(json!({"part": part(&text)})));
    let status = if answer.stop == Stop::Limit { "incomplete" } else { "completed" };
    let item = message_item(answer, stamp, status);
    events.push("response.output_item.done", json!({"output_index": 0, "item": item}));
}

/// The events of the call.
fn called(call: &Call, stamp: &Stamp, events: &mut Events) {
    let input = call.input.text();
    let (prefix, base, field) = match call.input {
        CallInput::Json(_) => ("fc_", "response.function_call_arguments", "arguments"),
        CallInput::Text(_) => ("ctc_", "response.custom_tool_call_input", "input"),
    };
    let mut opening = call_item(call, stamp, "in_progress");
    opening[field] = json!("");
    events.push("response.output_item.added", json!({"output_index": 1, "item": opening}));
    let id = stamp.id(prefix);
    events.push(&format!("{base}.delta"), json!({"item_id": id, "output_index": 1, "delta": input}));
    events.speak();
    events.push(&format!("{base}.done"), json!({"item_id": id, "output_index": 1, field: input}));
    let item = call_item(call, stamp, "completed");
    events.push("response.output_item.done", json!({"output_index": 1, "item": item}));
}

/// Events, numbered as they are added.
#[derive(Default)]
struct Events {
    frames: Vec<Frame>,
}

impl Events {
    fn push(&mut self, kind: &str, fields: Value) {
        let mut event = json!({"type": kind, "sequence_number": self.frames.len()});
        if let (Value::Object(event), Value::Object(fields)) = (&mut event, fields) {
            event.extend(fields);
        }
        self.frames.push(super::respond::named(&event));
    }

    /// The last one is a word.
    fn speak(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.frames.push(frame.spoken());
        }
    }
}

fn message_item(answer: &Answer, stamp: &Stamp, status: &str) -> Value {
    json!({
        "id": stamp.id("msg_"), "type": "message", "status": status, "role": "assistant",
        "content": [part(&answer.text())],
    })
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn call_item(call: &Call, stamp: &Stamp, status: &str) -> Value {
    match &call.input {
        CallInput::Json(arguments) => json!({
            "id": stamp.id("fc_"), "type": "function_call", "status": status, "call_id": stamp.id("call_"),
            "name": call.name, "arguments": arguments.to_string(),
        }),
        CallInput::Text(input) => json!({
            "id": stamp.id("ctc_"), "type": "custom_tool_call", "status": status, "call_id": stamp.id("call_"),
            "name": call.name, "input": input,
        }),
    }
}

fn response(ask: &Ask, stamp: &Stamp, status: &str) -> Value {
    json!({
        "id": stamp.id("resp_"),
        "object": "response",
        "created_at": stamp.created,
        "status": status,
        "error": null,
        "incomplete_details": null,
        "instructions": null,
        "metadata": {},
        "model": ask.model.id(),
        "output": [],
        "parallel_tool_calls": true,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": null,
        "store": false,
    })
}

pub(super) fn count(ask: &Ask) -> Value {
    json!({"object": "response.input_tokens", "input_tokens": ask.input_tokens})
}
