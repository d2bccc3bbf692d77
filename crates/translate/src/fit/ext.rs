//! Fields without a canonical place, and state that another vendor keeps: what leaving them out means
//! decides whether they go in silence, with a report, or not at all.

use byok_types::chat::{
    Ext, Media, MediaKind, Part, PartKind, Request, Role, ServerState, Source, Tool, ToolType, Turn, Weight,
};
use byok_types::{Family, Fault, RawJson};
use serde_json::{Map, Value};

use super::Work;

pub(super) fn apply(request: &mut Request, work: &mut Work<'_>) -> Result<(), Box<Fault>> {
    server_state(&mut request.server_state, work)?;
    for ext in std::mem::take(&mut request.ext) {
        if ext.family == Some(work.family) {
            request.ext.push(ext);
            continue;
        }
        let Some(ext) = elsewhere(ext, request) else { continue };
        match ext.weight {
            Weight::Hint => {}
            Weight::Meaning => work.ledger.drop(&ext.path),
            Weight::Essential => {
                let message = format!("{} has nothing like it", work.who());
                work.ledger.refuse(&ext.path, message)?;
            }
        }
    }
    Ok(())
}

/// byok keeps no conversations, and no other vendor knows this one's.
fn server_state(state: &mut ServerState, work: &mut Work<'_>) -> Result<(), Box<Fault>> {
    let ServerState { previous_id, conversation, cached_content, store: _, include: _ } =
        std::mem::take(state);
    for (field, is_set) in [
        ("previous_response_id", previous_id.is_some()),
        ("conversation", conversation.is_some()),
        ("cachedContent", cached_content.is_some()),
    ] {
        if is_set {
            let message =
                "it names something that another vendor stores; send the whole conversation instead";
            work.ledger.refuse(field, message)?;
        }
    }
    Ok(())
}

/// Fields that have a canonical place after all, once they leave their own family. Gives back what has
/// none.
fn elsewhere(ext: Ext, request: &mut Request) -> Option<Ext> {
    match (ext.family, ext.path.as_str()) {
        (Some(Family::Cohere), "documents") => match documents(&ext.value) {
            Some(parts) => {
                attach(parts, request);
                None
            }
            None => Some(ext),
        },
        (Some(family @ Family::OpenaiChat), "web_search_options") => {
            request.tools.push(Tool {
                name: "web_search".to_owned(),
                description: None,
                kind: ToolType::Hosted { family, r#type: ext.path, raw: ext.value },
                strict: None,
                namespace: None,
                cache: None,
                defer: None,
            });
            None
        }
        _ => Some(ext),
    }
}

/// Cohere's documents: texts, or `{data: {title, text, …}, id}`.
fn documents(value: &RawJson) -> Option<Vec<Part>> {
    let Value::Array(list) = value.to_value() else { return None };
    let part = |document: Value| {
        let (title, text) = match document {
            Value::String(text) => (None, text),
            Value::Object(mut document) => {
                let id = document.get("id").and_then(Value::as_str).map(str::to_owned);
                match document.shift_remove("data") {
                    Some(Value::Object(data)) => {
                        let (title, text) = document_text(data);
                        (title.or(id), text)
                    }
                    Some(Value::String(text)) => (id, text),
                    _ => return None,
                }
            }
            _ => return None,
        };
        let media = Media { title, ..Media::new(MediaKind::Document, Source::Text(text)) };
        Some(Part::new(PartKind::Media(media)))
    };
    list.into_iter().map(part).collect()
}

fn document_text(mut data: Map<String, Value>) -> (Option<String>, String) {
    let title = match data.shift_remove("title") {
        Some(Value::String(title)) => Some(title),
        _ => None,
    };
    let lines = data.into_iter().map(|(key, value)| match value {
        Value::String(text) if key == "text" || key == "snippet" => text,
        Value::String(text) => format!("{key}: {text}"),
        value => format!("{key}: {value}"),
    });
    (title, lines.collect::<Vec<_>>().join("\n"))
}

/// Puts the documents before what the user said last.
fn attach(parts: Vec<Part>, request: &mut Request) {
    let last = request.turns.iter_mut().rev().find(|turn| turn.role == Role::User);
    if let Some(turn) = last {
        let after_results =
            turn.parts.iter().take_while(|part| matches!(part.kind, PartKind::ToolResult(_))).count();
        turn.parts.splice(after_results..after_results, parts);
    } else {
        request.turns.push(Turn::new(Role::User, parts));
    }
}

#[cfg(test)]
mod tests;
