//! Writes a request for a Cohere upstream. It has been fitted: names, ids, schemas and ranges are Cohere's.

use byok_types::Family;
use byok_types::chat::{
    Media, MediaKind, OutputFormat, Part, PartKind, ReasoningKind, ReasoningMode, Request, Role, Source,
    Tool, ToolChoice, ToolResult, ToolType, Turn,
};
use serde_json::{Map, Value, json};

use crate::media;

pub(super) fn write(request: &Request) -> Vec<u8> {
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| {
        if !value.is_null() {
            body.insert(name.to_owned(), value);
        }
    };
    set("model", json!(request.model));
    set("messages", Value::Array(messages(request)));
    if request.stream.on {
        set("stream", json!(true));
    }
    let tools: Vec<Value> = request.tools.iter().filter_map(tool).collect();
    if !tools.is_empty() {
        set("tools", Value::Array(tools));
        match request.tool_choice {
            Some(
                ToolChoice::Required | ToolChoice::One { .. } | ToolChoice::Subset { required: true, .. },
            ) => {
                set("tool_choice", json!("REQUIRED"));
            }
            Some(ToolChoice::None) => set("tool_choice", json!("NONE")),
            Some(ToolChoice::Auto | ToolChoice::Subset { required: false, .. }) | None => {}
        }
        if request.tools.iter().all(|tool| tool.strict == Some(true)) {
            set("strict_tools", json!(true));
        }
    }
    match &request.output {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => set("response_format", json!({"type": "json_object"})),
        OutputFormat::JsonSchema { schema, .. } => {
            set("response_format", json!({"type": "json_object", "json_schema": schema.to_value()}));
        }
    }
    let sampling = &request.sampling;
    set("max_tokens", json!(request.limits.max_output));
    if !sampling.stop.is_empty() {
        set("stop_sequences", json!(sampling.stop));
    }
    set("temperature", json!(sampling.temperature));
    set("p", json!(sampling.top_p));
    set("k", json!(sampling.top_k));
    set("frequency_penalty", json!(sampling.frequency_penalty));
    set("presence_penalty", json!(sampling.presence_penalty));
    set("seed", json!(sampling.seed));
    set("logprobs", json!(sampling.logprobs));
    match request.reasoning.mode {
        ReasoningMode::Off => set("thinking", json!({"type": "disabled"})),
        ReasoningMode::Budget(budget) => set("thinking", json!({"type": "enabled", "token_budget": budget})),
        ReasoningMode::Adaptive | ReasoningMode::BetweenTools | ReasoningMode::Effort => {
            set("thinking", json!({"type": "enabled"}));
        }
        ReasoningMode::Unset => {}
    }
    for ext in request.ext.iter().filter(|ext| ext.family == Some(Family::Cohere)) {
        set(&ext.path, ext.value.to_value());
    }
    serde_json::to_vec(&body).unwrap_or_default()
}

fn tool(tool: &Tool) -> Option<Value> {
    let ToolType::Function { schema } = &tool.kind else { return None };
    let empty = || json!({"type": "object", "properties": {}});
    let mut function = Map::new();
    function.insert("name".to_owned(), json!(tool.name));
    if let Some(description) = &tool.description {
        function.insert("description".to_owned(), json!(description));
    }
    function
        .insert("parameters".to_owned(), schema.as_ref().map_or_else(empty, byok_types::RawJson::to_value));
    Some(json!({"type": "function", "function": function}))
}

fn messages(request: &Request) -> Vec<Value> {
    let mut out: Vec<Value> =
        request.system.iter().map(|system| json!({"role": "system", "content": system.text})).collect();
    for turn in &request.turns {
        match turn.role {
            Role::Assistant => out.push(assistant(turn)),
            Role::System => out.push(json!({"role": "system", "content": joined(&turn.parts)})),
            Role::User => user(turn, &mut out),
        }
    }
    out
}

fn joined(parts: &[Part]) -> String {
    parts.iter().filter_map(Part::as_text).collect::<Vec<_>>().join("\n\n")
}

/// Results come first, one message each; images in them follow in the user message, where Cohere takes them.
fn user(turn: &Turn, out: &mut Vec<Value>) {
    let (mut rest, mut moved) = (Vec::new(), Vec::new());
    for part in &turn.parts {
        match &part.kind {
            PartKind::ToolResult(result) => out.push(tool_message(result, &mut moved)),
            _ => rest.push(part),
        }
    }
    let content: Vec<Value> = moved.iter().copied().chain(rest).filter_map(content_part).collect();
    match content.as_slice() {
        [] => {}
        [only] if only["type"] == "text" => out.push(json!({"role": "user", "content": only["text"]})),
        _ => out.push(json!({"role": "user", "content": content})),
    }
}

fn tool_message<'a>(result: &'a ToolResult, moved: &mut Vec<&'a Part>) -> Value {
    let mut texts = Vec::new();
    for part in &result.parts {
        match &part.kind {
            PartKind::Text { text, .. } | PartKind::Media(Media { source: Source::Text(text), .. }) => {
                texts.push(text.clone());
            }
            PartKind::Media(Media { kind: MediaKind::Image, .. }) => {
                texts.push("[image: see the next user message]".to_owned());
                moved.push(part);
            }
            _ => {}
        }
    }
    let text = texts.join("\n");
    let text = match (text.trim().is_empty(), result.is_error) {
        // An empty message is refused.
        (true, _) => "(no output)".to_owned(),
        (false, true) => format!("Error: {text}"),
        (false, false) => text,
    };
    json!({"role": "tool", "tool_call_id": result.call_id, "content": text})
}

fn content_part(part: &Part) -> Option<Value> {
    match &part.kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => Some(json!({"type": "text", "text": text})),
        PartKind::Media(media) => match (&media.kind, &media.source) {
            (MediaKind::Image, Source::Base64 { mime, data }) => {
                Some(image(&media::data_url(mime, data), media))
            }
            (MediaKind::Image, Source::Url { url, .. }) => Some(image(url, media)),
            (_, Source::Text(text)) => {
                let text =
                    media.title.as_ref().map_or_else(|| text.clone(), |title| format!("{title}\n{text}"));
                Some(json!({"type": "text", "text": text}))
            }
            _ => None,
        },
        PartKind::Opaque { .. }
        | PartKind::Reasoning(_)
        | PartKind::ToolCall(_)
        | PartKind::ToolResult(_) => None,
    }
}

fn image(url: &str, media: &Media) -> Value {
    match media.detail.as_deref() {
        Some(detail @ ("auto" | "low" | "high")) => {
            json!({"type": "image_url", "image_url": {"url": url, "detail": detail}})
        }
        _ => json!({"type": "image_url", "image_url": {"url": url}}),
    }
}

/// A turn with calls has no content of its own: what it says goes to the plan.
fn assistant(turn: &Turn) -> Value {
    let (mut texts, mut plan, mut thinking, mut calls) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for part in &turn.parts {
        match &part.kind {
            PartKind::Text { text, .. } | PartKind::Refusal(text) => texts.push(text.as_str()),
            PartKind::Reasoning(reasoning) if reasoning.text.is_empty() => {}
            PartKind::Reasoning(reasoning) if reasoning.kind == ReasoningKind::Plan => {
                plan.push(reasoning.text.as_str());
            }
            PartKind::Reasoning(reasoning) => thinking.push(reasoning.text.as_str()),
            PartKind::ToolCall(call) => calls.push(json!({
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            })),
            PartKind::Media(_) | PartKind::Opaque { .. } | PartKind::ToolResult(_) => {}
        }
    }
    let mut message = Map::new();
    message.insert("role".to_owned(), json!("assistant"));
    if calls.is_empty() {
        let mut content: Vec<Value> =
            thinking.iter().chain(&plan).map(|text| json!({"type": "thinking", "thinking": text})).collect();
        content.extend(texts.iter().map(|text| json!({"type": "text", "text": text})));
        let content = match content.as_slice() {
            [only] if only["type"] == "text" => only["text"].clone(),
            _ => Value::Array(content),
        };
        message.insert("content".to_owned(), content);
    } else {
        // In every other format the plan was a thought, and comes back as one.
        if plan.is_empty() {
            plan.append(&mut thinking);
        }
        plan.extend(texts);
        if !plan.is_empty() {
            message.insert("tool_plan".to_owned(), json!(plan.join("\n")));
        }
        message.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    Value::Object(message)
}
