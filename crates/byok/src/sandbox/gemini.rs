//! Gemini. The model and whether to stream stand in the path.

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, CallInput, Stop};
use super::ask::{self, Ask, Choice, EchoModel, Input, Last, Refusal, Tool, estimate, items, list_field};
use super::respond::{Frame, Place, Stamp, bare};

/// What a request may have at the top; the service refuses everything else.
const FIELDS: [&str; 10] = [
    "cachedContent",
    "contents",
    "generationConfig",
    "labels",
    "safetySettings",
    "serviceTier",
    "store",
    "systemInstruction",
    "toolConfig",
    "tools",
];

pub(super) fn read(body: &Value, place: &Place) -> Result<Ask, Refusal> {
    let model = EchoModel::named(place.model.as_deref().unwrap_or_default())?;
    let fields = body.as_object().into_iter().flat_map(|body| body.keys());
    if let Some(name) = fields.into_iter().find(|name| !FIELDS.contains(&name.as_str())) {
        let message = format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field.");
        return Err(Refusal::field(name, message));
    }
    let contents = list_field(body, "contents")?;
    let mut last = Last::Text(String::new());
    let mut calls = 0;
    for (index, content) in contents.iter().enumerate() {
        last = turn(content, &format!("contents[{index}]"), &mut calls)?;
    }
    let config = &body["generationConfig"];
    let declarations = items(body, "tools").iter().flat_map(|tool| items(tool, "functionDeclarations"));
    let calling = &body["toolConfig"]["functionCallingConfig"];
    Ok(Ask {
        model,
        stream: place.stream,
        messages: contents.len(),
        tools: declarations.enumerate().map(tool).collect::<Result<_, _>>()?,
        choice: match calling["mode"].as_str() {
            Some("ANY") => Choice::Must(calling["allowedFunctionNames"][0].as_str().map(str::to_owned)),
            Some("NONE") => Choice::Never,
            _ => Choice::Auto,
        },
        last,
        schema: config.get("responseJsonSchema").or_else(|| config.get("responseSchema")).cloned(),
        limit: ask::limit_field(config, "maxOutputTokens")?,
        input_tokens: estimate(body),
        usage_in_stream: true,
    })
}

/// Checks one content; what it ends in. `calls` counts those that wait for results.
fn turn(content: &Value, path: &str, calls: &mut usize) -> Result<Last, Refusal> {
    let role = content.get("role").and_then(Value::as_str).unwrap_or("user");
    if !["function", "model", "user"].contains(&role) {
        return Err(Refusal::field(path, "Please use a valid role: user, model."));
    }
    let parts = items(content, "parts");
    if parts.is_empty() {
        return Err(Refusal::field(path, format!("{path}.parts must not be empty.")));
    }
    let (mut texts, mut result, mut results) = (Vec::new(), None, 0);
    for part in parts {
        if let Some(response) = part.get("functionResponse") {
            ask::text_field(response, "name", path)?;
            let value = &response["response"];
            let told = ["output", "result", "error"].into_iter().find_map(|name| value.get(name));
            result = Some(match told.unwrap_or(value) {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            results += 1;
        } else if let Some(call) = part.get("functionCall") {
            ask::text_field(call, "name", path)?;
            *calls += 1;
        } else if let Some(text) = part.get("text").and_then(Value::as_str) {
            texts.push(text);
        }
    }
    if role != "model" {
        if results != *calls {
            let message = "Please ensure that the number of function response parts is equal to the number of \
                           function call parts of the function call turn.";
            return Err(Refusal::field(path, message));
        }
        *calls = 0;
    }
    Ok(result.map_or_else(|| Last::Text(texts.join("\n")), Last::Result))
}

fn tool((index, tool): (usize, &Value)) -> Result<Tool, Refusal> {
    let name = ask::text_field(tool, "name", &format!("tools[0].function_declarations[{index}]"))?.to_owned();
    let schema = tool.get("parametersJsonSchema").or_else(|| tool.get("parameters")).cloned();
    Ok(Tool { name, input: Input::Schema(schema.unwrap_or_default()) })
}

pub(super) fn whole(ask: &Ask, answer: &Answer, stamp: &Stamp) -> Value {
    let mut parts = vec![json!({"text": answer.text()})];
    parts.extend(call_part(answer, stamp));
    chunk(ask, answer, stamp, parts, true)
}

pub(super) fn frames(ask: &Ask, answer: &Answer, stamp: &Stamp) -> Vec<Frame> {
    let mut frames: Vec<Frame> = answer
        .words
        .iter()
        .map(|word| bare(&chunk(ask, answer, stamp, vec![json!({"text": word})], false)).spoken())
        .collect();
    if let Some(call) = call_part(answer, stamp) {
        frames.push(bare(&chunk(ask, answer, stamp, vec![call], false)).spoken());
    }
    frames.push(bare(&chunk(ask, answer, stamp, vec![json!({"text": ""})], true)));
    frames
}

fn call_part(answer: &Answer, stamp: &Stamp) -> Option<Value> {
    let call = answer.call.as_ref()?;
    let args = match &call.input {
        CallInput::Json(value) => value.clone(),
        CallInput::Text(text) => json!({"input": text}),
    };
    Some(json!({"functionCall": {"id": stamp.id("call_"), "name": call.name, "args": args}}))
}

fn chunk(ask: &Ask, answer: &Answer, stamp: &Stamp, parts: Vec<Value>, last: bool) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    let output = if last { answer.output_tokens } else { 0 };
    if last {
        candidate["finishReason"] = json!(match answer.stop {
            Stop::Call | Stop::End => "STOP",
            Stop::Limit => "MAX_TOKENS",
        });
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": ask.input_tokens,
            "candidatesTokenCount": output,
            "totalTokenCount": ask.input_tokens + output,
        },
        "modelVersion": ask.model.id(),
        "responseId": stamp.id("resp-"),
    })
}

pub(super) fn count(ask: &Ask) -> Value {
    json!({"totalTokens": ask.input_tokens})
}

pub(super) fn refusal(refusal: &Refusal) -> Value {
    let status = match refusal.status {
        StatusCode::UNAUTHORIZED => "UNAUTHENTICATED",
        StatusCode::NOT_FOUND => "NOT_FOUND",
        status if status.is_client_error() => "INVALID_ARGUMENT",
        _ => "UNAVAILABLE",
    };
    json!({"error": {"code": refusal.status.as_u16(), "message": refusal.message, "status": status}})
}

pub(super) fn models() -> Value {
    let models = EchoModel::ALL.map(|model| {
        json!({
            "name": format!("models/{}", model.id()), "version": "1", "displayName": model.title(),
            "inputTokenLimit": ask::CONTEXT, "outputTokenLimit": ask::OUTPUT,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        })
    });
    json!({"models": models})
}
