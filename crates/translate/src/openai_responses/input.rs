//! Reads the input: a text, or a flat list of items, into turns.

use byok_types::RawJson;
use byok_types::chat::{
    Ext, Media, MediaKind, Part, PartKind, ReasoningKind, ReasoningPart, Request, Role, Source, SystemText,
    Token, ToolCall, ToolKind, ToolResult, Turn, Weight,
};
use serde::Deserialize;

use super::request_read::{WireReasoning, WireText, read_reasoning, read_text, read_tool};
use super::{AFTER, FAMILY, REDACTED};
use crate::format::ReadError;
use crate::wire::{TextOr, parse_event};
use crate::{media, token};

/// All fields of all items that are looked at.
#[derive(Deserialize)]
pub(super) struct Item {
    pub(super) r#type: Option<String>,
    pub(super) id: Option<String>,
    role: Option<String>,
    pub(super) content: Option<TextOr<Content>>,
    phase: Option<String>,
    pub(super) call_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) arguments: Option<String>,
    pub(super) input: Option<String>,
    output: Option<RawJson>,
    pub(super) summary: Option<Vec<Content>>,
    pub(super) encrypted_content: Option<String>,
    tools: Option<Vec<RawJson>>,
    reasoning: Option<WireReasoning>,
    text: Option<WireText>,
}

/// A part of a message, of a result or of a reasoning item.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(PartialEq))]
pub(super) struct Content {
    pub(super) r#type: Option<String>,
    pub(super) text: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) annotations: Option<Vec<RawJson>>,
    image_url: Option<String>,
    detail: Option<String>,
    file_id: Option<String>,
    file_data: Option<String>,
    file_url: Option<String>,
    filename: Option<String>,
    input_audio: Option<Audio>,
}

#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(PartialEq))]
struct Audio {
    data: String,
    format: Option<String>,
}

pub(super) fn read(input: TextOr<RawJson>, request: &mut Request) -> Result<(), ReadError> {
    match input {
        TextOr::Text(text) => request.turns.push(Turn::new(Role::User, vec![Part::text(text)])),
        TextOr::List(items) => {
            for (index, raw) in items.iter().enumerate() {
                let field = format!("input[{index}]");
                let item = parse(raw).map_err(|error| {
                    ReadError::field(&field, format!("is not an input item (column {})", error.column()))
                })?;
                read_item(item, raw, &field, request)?;
            }
        }
    }
    Ok(())
}

/// Reads an item's fields. Kinds that are not looked into may have fields of the same names and other types.
pub(super) fn parse(raw: &RawJson) -> Result<Item, serde_json::Error> {
    raw.read::<Item>().or_else(|error| match parse_event::<Item>(raw.get().as_bytes()) {
        Some(item) if item.r#type.as_deref().is_some_and(|kind| !KINDS.contains(&kind)) => Ok(item),
        _ => Err(error),
    })
}

/// The kinds of items that are looked into.
const KINDS: [&str; 8] = [
    "message",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "reasoning",
    "additional_tools",
    "configuration_update",
];

fn read_item(item: Item, raw: &RawJson, field: &str, request: &mut Request) -> Result<(), ReadError> {
    let required = |value: Option<String>, name: &str| {
        value.ok_or_else(|| ReadError::field(format!("{field}.{name}"), "is required"))
    };
    match item.r#type.as_deref() {
        Some("message") | None => read_message(item, field, request)?,
        Some(kind @ ("function_call" | "custom_tool_call")) => {
            let custom = kind == "custom_tool_call";
            let given = if custom { item.input } else { item.arguments };
            let given = given.filter(|text| custom || !matches!(text.trim(), "" | "null"));
            let arguments = given.unwrap_or_else(|| if custom { String::new() } else { "{}".to_owned() });
            let call = ToolCall {
                id: required(item.call_id, "call_id")?,
                generated_id: false,
                name: required(item.name, "name")?,
                arguments,
                kind: if custom { ToolKind::Custom } else { ToolKind::Function },
                namespace: item.namespace,
                item_id: item.id,
            };
            assistant(request).parts.push(PartKind::ToolCall(call).into());
        }
        Some(kind @ ("function_call_output" | "custom_tool_call_output")) => {
            let result = ToolResult {
                call_id: required(item.call_id, "call_id")?,
                name: None,
                parts: read_output(item.output.as_ref(), field)?,
                is_error: false,
                kind: if kind == "custom_tool_call_output" { ToolKind::Custom } else { ToolKind::Function },
                raw_object: None,
            };
            results(request).parts.push(PartKind::ToolResult(result).into());
        }
        Some("reasoning") => read_reasoning_item(item, assistant(request)),
        Some("item_reference") => request.ext.push(Ext {
            family: Some(FAMILY),
            path: format!("{field}.item_reference"),
            value: raw.clone(),
            weight: Weight::Essential,
        }),
        Some("additional_tools") => {
            for (index, tool) in item.tools.unwrap_or_default().iter().enumerate() {
                read_tool(tool, None, &format!("{field}.tools[{index}]"), request)?;
            }
        }
        Some("configuration_update") => {
            read_reasoning(&item.reasoning.unwrap_or_default(), &mut request.reasoning);
            read_text(item.text.unwrap_or_default(), request)?;
        }
        Some(_) => {
            let piece = PartKind::Opaque { family: FAMILY, raw: raw.clone() };
            assistant(request).parts.push(piece.into());
        }
    }
    Ok(())
}

/// The assistant turn that is being read: consecutive assistant items are one.
fn assistant(request: &mut Request) -> &mut Turn {
    last_turn(request, |turn| turn.role == Role::Assistant, Role::Assistant)
}

/// The turn of results that is being read.
fn results(request: &mut Request) -> &mut Turn {
    let only_results = |turn: &Turn| {
        turn.role == Role::User && turn.parts.iter().all(|part| matches!(part.kind, PartKind::ToolResult(_)))
    };
    last_turn(request, only_results, Role::User)
}

fn last_turn(request: &mut Request, fits: impl Fn(&Turn) -> bool, role: Role) -> &mut Turn {
    if !request.turns.last().is_some_and(fits) {
        request.turns.push(Turn::new(role, Vec::new()));
    }
    let last = request.turns.len() - 1;
    &mut request.turns[last]
}

fn read_message(item: Item, field: &str, request: &mut Request) -> Result<(), ReadError> {
    let parts = match item.content {
        None => Vec::new(),
        Some(TextOr::Text(text)) if text.is_empty() => Vec::new(),
        Some(TextOr::Text(text)) => vec![Part::text(text)],
        Some(TextOr::List(list)) => read_contents(list, &format!("{field}.content"))?,
    };
    match item.role.as_deref() {
        Some("user") => request.turns.push(Turn::new(Role::User, parts)),
        Some("system" | "developer") if request.turns.is_empty() => {
            let texts = parts.iter().filter_map(Part::as_text);
            request.system.extend(texts.map(|text| SystemText { text: text.to_owned(), cache: None }));
        }
        Some("system" | "developer") => request.turns.push(Turn::new(Role::System, parts)),
        Some("assistant") => {
            let turn = assistant(request);
            turn.parts.extend(parts);
            turn.phase = turn.phase.take().or(item.phase);
            turn.item_id = turn.item_id.take().or(item.id);
        }
        _ => {
            return Err(ReadError::field(
                format!("{field}.role"),
                "must be user, assistant, system or developer",
            ));
        }
    }
    Ok(())
}

fn read_contents(list: Vec<Content>, field: &str) -> Result<Vec<Part>, ReadError> {
    let mut parts = Vec::with_capacity(list.len());
    for (index, content) in list.into_iter().enumerate() {
        parts.extend(read_content(content, &format!("{field}[{index}]"))?);
    }
    Ok(parts)
}

fn read_content(content: Content, field: &str) -> Result<Option<Part>, ReadError> {
    let undecodable = || ReadError::field(field, "the data cannot be decoded");
    let media = match content.r#type.as_deref() {
        Some("input_text" | "output_text" | "text" | "summary_text" | "reasoning_text") | None => {
            return Ok(content.text.filter(|text| !text.is_empty()).map(Part::text));
        }
        Some("refusal") => return Ok(content.refusal.map(|text| PartKind::Refusal(text).into())),
        Some("input_image") => {
            let source = match (content.image_url, content.file_id) {
                (Some(url), _) => media::source_of_url(&url).ok_or_else(undecodable)?,
                (None, Some(id)) => Source::VendorFile { family: FAMILY, id, mime: None },
                (None, None) => return Err(ReadError::field(field, "needs image_url or file_id")),
            };
            let mut media = Media::new(MediaKind::Image, source);
            media.detail = content.detail;
            media
        }
        Some("input_file") => {
            let source = match (content.file_data, content.file_url, content.file_id) {
                (Some(data), _, _) if data.starts_with("data:") => {
                    media::source_of_url(&data).ok_or_else(undecodable)?
                }
                (Some(data), _, _) => {
                    media::base64_source("application/pdf", &data).ok_or_else(undecodable)?
                }
                (None, Some(url), _) => Source::Url { url, mime: None },
                (None, None, Some(id)) => Source::VendorFile { family: FAMILY, id, mime: None },
                (None, None, None) => {
                    return Err(ReadError::field(field, "needs file_data, file_url or file_id"));
                }
            };
            let mut media = Media::new(MediaKind::Document, source);
            media.filename = content.filename;
            media
        }
        Some("input_audio") => {
            let audio =
                content.input_audio.ok_or_else(|| ReadError::field(field, "input_audio is required"))?;
            let mime = format!("audio/{}", audio.format.as_deref().unwrap_or("wav"));
            Media::new(MediaKind::Audio, media::base64_source(&mime, &audio.data).ok_or_else(undecodable)?)
        }
        // Content of a kind that is not known yet says nothing that could be passed on.
        Some(_) => return Ok(None),
    };
    Ok(Some(PartKind::Media(media).into()))
}

/// A result is a text or a list of parts; anything else is its JSON as text.
fn read_output(output: Option<&RawJson>, field: &str) -> Result<Vec<Part>, ReadError> {
    let Some(raw) = output.filter(|raw| !raw.is_null()) else { return Ok(Vec::new()) };
    if let Some(text) = raw.as_str() {
        return Ok(if text.is_empty() { Vec::new() } else { vec![Part::text(text)] });
    }
    match raw.read::<Vec<Content>>() {
        Ok(list) => read_contents(list, &format!("{field}.output")),
        Err(_) => Ok(vec![Part::text(raw.get())]),
    }
}

/// A reasoning item, or a token that travels behind its part.
fn read_reasoning_item(item: Item, turn: &mut Turn) {
    let token = item.encrypted_content.as_deref().map(|value| token::unwrap(value, FAMILY));
    let id = item.id.as_deref().unwrap_or_default();
    if id.starts_with(AFTER) {
        if let Some(part) = turn.parts.last_mut() {
            part.token = token;
        }
        return;
    }
    turn.parts.push(reasoning_part(item).into());
}

/// The thoughts in a reasoning item: its summary, or where there is none its content.
pub(super) fn reasoning_part(item: Item) -> PartKind {
    let token = item.encrypted_content.as_deref().map(|value| bound_token(item.id.as_deref(), value));
    let texts =
        |list: Vec<Content>| list.into_iter().filter_map(|part| part.text).collect::<Vec<_>>().join("\n\n");
    let summary = texts(item.summary.unwrap_or_default());
    let (kind, text) = match item.content {
        _ if !summary.is_empty() => (ReasoningKind::Summary, summary),
        Some(TextOr::List(list)) => (ReasoningKind::Thinking, texts(list)),
        Some(TextOr::Text(text)) => (ReasoningKind::Thinking, text),
        None if item.id.as_deref().is_some_and(|id| id.starts_with(REDACTED)) => {
            (ReasoningKind::Redacted, summary)
        }
        None => (ReasoningKind::Summary, summary),
    };
    PartKind::Reasoning(ReasoningPart { kind, text, token, item_id: item.id })
}

/// The token of a reasoning item. The service binds its own to the item's id, so the two stay together
/// on their way through formats that know no such id.
pub(super) fn bound_token(id: Option<&str>, encrypted: &str) -> Token {
    let mut token = token::unwrap(encrypted, FAMILY);
    if token.family == FAMILY {
        token.value = format!("{}{SEPARATOR}{}", id.unwrap_or_default(), token.value);
    }
    token
}

/// The item's id and the encrypted content in a token of this family.
pub(super) fn unbind(token: &Token) -> (&str, &str) {
    token.value.split_once(SEPARATOR).unwrap_or(("", &token.value))
}

/// Stands in no id and in no base64.
const SEPARATOR: char = ' ';
