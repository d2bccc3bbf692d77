//! Writes a request for a Responses upstream. It has been fitted; a translated call is stateless.

use std::collections::HashMap;

use byok_types::RawJson;
use byok_types::chat::{
    Media, MediaKind, OutputFormat, Part, PartKind, ReasoningMode, Request, Role, Show, Source, Tool,
    ToolCall, ToolChoice, ToolKind, ToolResult, ToolType, Turn, Verbosity,
};
use byok_types::model::{ModelFacts, Thinking};
use serde_json::{Map, Value, json};

use super::input::unbind;
use super::request_read::NAMESPACE;
use super::{FAMILY, items};
use crate::media;

/// The service refuses less.
const MIN_OUTPUT: u64 = 16;

pub(super) fn write(request: &Request, facts: &ModelFacts) -> Vec<u8> {
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| {
        if !value.is_null() {
            body.insert(name.to_owned(), value);
        }
    };
    set("model", json!(request.model));
    if !request.system.is_empty() {
        let texts: Vec<&str> = request.system.iter().map(|system| system.text.as_str()).collect();
        set("instructions", json!(texts.join("\n\n")));
    }
    set("input", Value::Array(request.turns.iter().flat_map(turn_items).collect()));
    if !request.tools.is_empty() {
        set("tools", Value::Array(tools(request)));
        if let Some(wanted) = &request.tool_choice {
            set("tool_choice", choice(wanted, &request.tools));
        }
        set("parallel_tool_calls", json!(request.parallel_tools));
    }
    set("max_output_tokens", json!(request.limits.max_output.map(|limit| limit.max(MIN_OUTPUT))));
    set("max_tool_calls", json!(request.limits.max_tool_calls));
    set("temperature", json!(request.sampling.temperature));
    set("top_p", json!(request.sampling.top_p));
    set("top_logprobs", json!(request.sampling.top_logprobs));
    set("reasoning", reasoning(request));
    set("text", text(request));
    set("user", json!(request.identity.user));
    set("safety_identifier", json!(request.identity.safety_id));
    set("prompt_cache_key", json!(request.identity.cache_key));
    if let Some(metadata) = &request.identity.metadata {
        set("metadata", metadata.to_value());
    }
    // Without this the conversation would stay with the vendor, which no other format's client asked for.
    set("store", json!(false));
    let include = include(request, facts);
    if !include.is_empty() {
        set("include", json!(include));
    }
    if request.stream.on {
        set("stream", json!(true));
    }
    for ext in request.ext.iter().filter(|ext| ext.family == Some(FAMILY) && !ext.path.contains('.')) {
        set(&ext.path, ext.value.to_value());
    }
    serde_json::to_vec(&body).unwrap_or_default()
}

fn include(request: &Request, facts: &ModelFacts) -> Vec<&'static str> {
    let mut include = Vec::new();
    if facts.thinking != Thinking::No {
        include.push("reasoning.encrypted_content");
    }
    if request.sampling.logprobs == Some(true) {
        include.push("message.output_text.logprobs");
    }
    include
}

fn reasoning(request: &Request) -> Value {
    let wanted = &request.reasoning;
    let mut reasoning = Map::new();
    match wanted.mode {
        ReasoningMode::Off => {
            reasoning.insert("effort".to_owned(), json!("none"));
        }
        _ => {
            if let Some(effort) = wanted.effort {
                reasoning.insert("effort".to_owned(), json!(effort.name()));
            }
        }
    }
    if matches!(wanted.show, Show::Full | Show::Summary) && wanted.mode != ReasoningMode::Off {
        reasoning.insert("summary".to_owned(), json!(wanted.summary.as_deref().unwrap_or("auto")));
    }
    if reasoning.is_empty() { Value::Null } else { Value::Object(reasoning) }
}

fn text(request: &Request) -> Value {
    let mut text = Map::new();
    if request.output != OutputFormat::Text {
        text.insert("format".to_owned(), output(&request.output));
    }
    if let Some(verbosity) = request.verbosity {
        let word = match verbosity {
            Verbosity::Low => "low",
            Verbosity::Medium => "medium",
            Verbosity::High => "high",
        };
        text.insert("verbosity".to_owned(), json!(word));
    }
    if text.is_empty() { Value::Null } else { Value::Object(text) }
}

/// The flat form of an output format; `strict` is always written, because absent does not mean false here.
pub(super) fn output(format: &OutputFormat) -> Value {
    match format {
        OutputFormat::Text => json!({"type": "text"}),
        OutputFormat::JsonObject => json!({"type": "json_object"}),
        OutputFormat::JsonSchema { name, description, schema, strict } => {
            let mut format = json!({
                "type": "json_schema",
                "name": name.as_deref().unwrap_or("response"),
                "schema": schema.to_value(),
                "strict": strict.unwrap_or(false),
            });
            if let Some(description) = description {
                format["description"] = json!(description);
            }
            format
        }
    }
}

/// The tools, those of a namespace together where its first one stands.
pub(super) fn tools(request: &Request) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::with_capacity(request.tools.len());
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (declared, written) in request.tools.iter().filter_map(|declared| Some((declared, tool(declared)?))) {
        let Some(namespace) = declared.namespace.as_deref() else {
            out.push(written);
            continue;
        };
        let place = *places.entry(namespace).or_insert_with(|| {
            let mut group = json!({"type": "namespace", "name": namespace, "tools": []});
            let said = request.ext.iter().find(|ext| {
                ext.family == Some(FAMILY) && ext.path.strip_prefix(NAMESPACE) == Some(namespace)
            });
            if let Some(said) = said {
                group["description"] = said.value.to_value();
            }
            out.push(group);
            out.len() - 1
        });
        if let Some(group) = out[place]["tools"].as_array_mut() {
            group.push(written);
        }
    }
    out
}

fn tool(tool: &Tool) -> Option<Value> {
    let mut out = match &tool.kind {
        ToolType::Function { schema } => json!({
            "type": "function",
            "name": tool.name,
            "parameters": schema.as_ref().map_or(Value::Null, RawJson::to_value),
            "strict": tool.strict.unwrap_or(false),
        }),
        ToolType::Custom { grammar } => {
            let mut out = json!({"type": "custom", "name": tool.name});
            if let Some(grammar) = grammar {
                out["format"] =
                    json!({"type": "grammar", "syntax": grammar.syntax, "definition": grammar.definition});
            }
            out
        }
        ToolType::Hosted { family, raw, .. } => return (*family == FAMILY).then(|| raw.to_value()),
        ToolType::ClientTyped { .. } => return None,
    };
    if let Some(description) = &tool.description {
        out["description"] = json!(description);
    }
    if let Some(defer) = tool.defer {
        out["defer_loading"] = json!(defer);
    }
    Some(out)
}

pub(super) fn choice(choice: &ToolChoice, tools: &[Tool]) -> Value {
    let named = |name: &String| match tools.iter().find(|tool| tool.name == *name).map(|tool| &tool.kind) {
        Some(ToolType::Custom { .. }) => json!({"type": "custom", "name": name}),
        Some(ToolType::Hosted { r#type, .. }) => json!({"type": r#type}),
        _ => json!({"type": "function", "name": name}),
    };
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::One { name } => named(name),
        ToolChoice::Subset { names, required } => json!({
            "type": "allowed_tools",
            "mode": if *required { "required" } else { "auto" },
            "tools": names.iter().map(named).collect::<Vec<_>>(),
        }),
    }
}

fn turn_items(turn: &Turn) -> Vec<Value> {
    match turn.role {
        Role::Assistant => assistant_items(turn),
        Role::System => {
            let content: Vec<Value> = turn.parts.iter().filter_map(content).collect();
            vec![json!({"type": "message", "role": "developer", "content": content})]
        }
        Role::User => user_items(turn),
    }
}

fn user_items(turn: &Turn) -> Vec<Value> {
    let mut items: Vec<Value> = turn
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::ToolResult(result) => Some(result_item(result)),
            _ => None,
        })
        .collect();
    let content: Vec<Value> = turn.parts.iter().filter_map(content).collect();
    if !content.is_empty() {
        items.push(json!({"type": "message", "role": "user", "content": content}));
    }
    items
}

fn result_item(result: &ToolResult) -> Value {
    let parts: Vec<Value> = result.parts.iter().filter_map(content).collect();
    let only_text = parts.iter().all(|part| part["type"] == "input_text");
    let prefix = if result.is_error { "Error: " } else { "" };
    let output = if only_text {
        let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
        json!(format!("{prefix}{}", texts.join("\n")))
    } else if result.is_error {
        let mut list = vec![json!({"type": "input_text", "text": "Error:"})];
        list.extend(parts);
        Value::Array(list)
    } else {
        Value::Array(parts)
    };
    let kind = match result.kind {
        ToolKind::Function => "function_call_output",
        ToolKind::Custom => "custom_tool_call_output",
    };
    json!({"type": kind, "call_id": result.call_id, "output": output})
}

fn content(part: &Part) -> Option<Value> {
    match &part.kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => {
            Some(json!({"type": "input_text", "text": text}))
        }
        PartKind::Media(media) => medium(media),
        PartKind::Opaque { .. }
        | PartKind::Reasoning(_)
        | PartKind::ToolCall(_)
        | PartKind::ToolResult(_) => None,
    }
}

fn medium(media: &Media) -> Option<Value> {
    match (media.kind, &media.source) {
        (MediaKind::Image, source) => {
            let mut image =
                json!({"type": "input_image", "detail": media.detail.as_deref().unwrap_or("auto")});
            match source {
                Source::Base64 { mime, data } => image["image_url"] = json!(media::data_url(mime, data)),
                Source::Url { url, .. } => image["image_url"] = json!(url),
                Source::VendorFile { id, .. } => image["file_id"] = json!(id),
                Source::Text(_) => return None,
            }
            Some(image)
        }
        (MediaKind::Document, source) => {
            let mut file = json!({"type": "input_file"});
            match source {
                Source::Base64 { mime, data } => {
                    file["file_data"] = json!(media::data_url(mime, data));
                    let name = media.filename.as_deref().or(media.title.as_deref());
                    file["filename"] = json!(name.unwrap_or("document.pdf"));
                }
                Source::Url { url, .. } => file["file_url"] = json!(url),
                Source::VendorFile { id, .. } => file["file_id"] = json!(id),
                Source::Text(text) => {
                    let text =
                        media.title.as_ref().map_or_else(|| text.clone(), |title| format!("{title}\n{text}"));
                    return Some(json!({"type": "input_text", "text": text}));
                }
            }
            Some(file)
        }
        (MediaKind::Audio, Source::Base64 { mime, data }) => {
            let format = if mime.contains("mp3") || mime.contains("mpeg") { "mp3" } else { "wav" };
            Some(json!({"type": "input_audio", "input_audio": {"data": data, "format": format}}))
        }
        (MediaKind::Audio | MediaKind::Video, _) => None,
    }
}

/// An assistant turn as items, in order. Reasoning goes back only with its own token, and only in front of
/// the item that it led to; anything else would be refused.
fn assistant_items(turn: &Turn) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for (index, part) in turn.parts.iter().enumerate() {
        match &part.kind {
            PartKind::Text { text, .. } => {
                let mut message = json!({
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": text, "annotations": []}],
                });
                if let Some(phase) = &turn.phase {
                    message["phase"] = json!(phase);
                }
                out.push(message);
            }
            PartKind::Refusal(text) => out.push(json!({
                "type": "message",
                "role": "assistant",
                "content": [{"type": "refusal", "refusal": text}],
            })),
            PartKind::ToolCall(call) => out.push(call_item(call)),
            PartKind::Reasoning(reasoning) => {
                let token = reasoning.token.as_ref().filter(|token| token.family == FAMILY);
                let followed =
                    turn.parts.get(index + 1).is_some_and(|next| !matches!(next.kind, PartKind::Media(_)));
                if let (Some(token), true) = (token, followed) {
                    let (id, encrypted) = unbind(token);
                    out.push(json!({
                        "type": "reasoning",
                        "id": id,
                        "summary": items::summary(&reasoning.text),
                        "encrypted_content": encrypted,
                    }));
                }
            }
            PartKind::Opaque { family, raw } if *family == FAMILY => out.push(raw.to_value()),
            PartKind::Opaque { .. } | PartKind::Media(_) | PartKind::ToolResult(_) => {}
        }
    }
    out
}

fn call_item(call: &ToolCall) -> Value {
    let mut item = match call.kind {
        ToolKind::Function => json!({
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments,
        }),
        ToolKind::Custom => json!({
            "type": "custom_tool_call",
            "call_id": call.id,
            "name": call.name,
            "input": call.arguments,
        }),
    };
    if let Some(namespace) = &call.namespace {
        item["namespace"] = json!(namespace);
    }
    item
}
