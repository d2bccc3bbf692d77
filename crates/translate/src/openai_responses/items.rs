//! Parts of an answer as output items, whole.

use byok_types::chat::{Citation, Part, PartKind, ReasoningKind, ToolKind};
use serde_json::{Value, json};

use super::input::unbind;
use super::{AFTER, FAMILY, REDACTED};
use crate::token;

/// The item that stands for a part, and behind it the one that carries the part's token where that has
/// no place of its own. `unique` and `number` make the item's id.
pub(super) fn items(part: &Part, unique: &str, number: usize, status: &str) -> Vec<Value> {
    let Some(item) = item(part, unique, number, status) else { return Vec::new() };
    let mut items = vec![item];
    items.extend(token_item(part, unique, number));
    items
}

/// The item that stands for a part, if this format has one.
pub(super) fn item(part: &Part, unique: &str, number: usize, status: &str) -> Option<Value> {
    match &part.kind {
        PartKind::Text { text, citations } => {
            let annotations: Vec<Value> = citations.iter().filter_map(annotation).collect();
            Some(message(unique, number, status, &[output_text(text, &annotations)]))
        }
        PartKind::Refusal(text) => {
            Some(message(unique, number, status, &[json!({"type": "refusal", "refusal": text})]))
        }
        PartKind::Reasoning(reasoning) => {
            let prefix = if reasoning.kind == ReasoningKind::Redacted { REDACTED } else { "rs_" };
            let own = reasoning.item_id.clone();
            let mut item = json!({
                "id": own.unwrap_or_else(|| format!("{prefix}{unique}{number}")),
                "type": "reasoning",
                "summary": summary(&reasoning.text),
            });
            if let Some(token) = &reasoning.token {
                item["encrypted_content"] = match token.family {
                    FAMILY => json!(unbind(token).1),
                    _ => json!(token::wrap(token, FAMILY)),
                };
            }
            Some(item)
        }
        PartKind::ToolCall(call) => {
            let mut item = match call.kind {
                ToolKind::Function => json!({
                    "id": format!("fc_{unique}{number}"),
                    "type": "function_call",
                    "status": status,
                    "call_id": call.id,
                    "name": call.name,
                    "arguments": call.arguments,
                }),
                ToolKind::Custom => json!({
                    "id": format!("ctc_{unique}{number}"),
                    "type": "custom_tool_call",
                    "status": status,
                    "call_id": call.id,
                    "name": call.name,
                    "input": call.arguments,
                }),
            };
            if let Some(namespace) = &call.namespace {
                item["namespace"] = json!(namespace);
            }
            Some(item)
        }
        PartKind::Opaque { family, raw } if *family == FAMILY => Some(raw.to_value()),
        PartKind::Opaque { .. } | PartKind::Media(_) | PartKind::ToolResult(_) => None,
    }
}

/// The item that carries the token of the part before it.
pub(super) fn token_item(part: &Part, unique: &str, number: usize) -> Option<Value> {
    let token = part.token.as_ref()?;
    Some(json!({
        "id": format!("{AFTER}{unique}{number}"),
        "type": "reasoning",
        "summary": [],
        "encrypted_content": token::wrap(token, FAMILY),
    }))
}

/// The part of a message that holds text.
pub(super) fn output_text(text: &str, annotations: &[Value]) -> Value {
    json!({"type": "output_text", "text": text, "annotations": annotations, "logprobs": []})
}

/// A reasoning item's summary: one part, or none where there is nothing to read.
pub(super) fn summary(text: &str) -> Value {
    if text.is_empty() { json!([]) } else { json!([{"type": "summary_text", "text": text}]) }
}

fn message(unique: &str, number: usize, status: &str, content: &[Value]) -> Value {
    json!({
        "id": format!("msg_{unique}{number}"),
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    })
}

/// A citation as this format writes it: only those of addresses can be said.
pub(super) fn annotation(citation: &Citation) -> Option<Value> {
    if citation.family == FAMILY {
        return Some(citation.raw.to_value());
    }
    let url = citation.url.as_ref()?;
    Some(json!({
        "type": "url_citation",
        "start_index": citation.start.unwrap_or(0),
        "end_index": citation.end.unwrap_or(0),
        "url": url,
        "title": citation.title.as_deref().unwrap_or_default(),
    }))
}
