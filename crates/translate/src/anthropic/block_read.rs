//! Content blocks of a request, read into parts.
//!
//! A block that has no canonical form, or a form that is not known yet, becomes an opaque part with its
//! whole JSON: Anthropic gets it back, others do without.

use std::collections::HashMap;

use byok_types::chat::{
    Media, MediaKind, Part, PartKind, ReasoningKind, ReasoningPart, Source, Token, ToolCall, ToolKind,
    ToolResult,
};
use byok_types::{Family, RawJson};
use serde_json::value::RawValue;

use super::node::{self, Node, Place};
use super::wire;
use crate::format::ReadError;
use crate::{media, token};

type Read<T> = Result<T, ReadError>;

/// Reads the content of the turn with this number.
pub(super) fn turn(raw: &RawValue, turn: usize, place: &Place<'_>) -> Read<Vec<Part>> {
    let mut parts = Vec::new();
    let mut besides = Vec::new();
    for (index, raw) in blocks(raw, place)?.into_iter().enumerate() {
        let place = place.index(index);
        let Block::Typed { name, node } = Block::of(raw, &place, &mut parts)? else { continue };
        match name.as_str() {
            "redacted_thinking" => redacted(&node, &place, &mut parts, &mut besides)?,
            "thinking" => thinking(&node, &place, &mut parts)?,
            "tool_result" => tool_result(&node, &place, &mut parts)?,
            "tool_use" => tool_use(&node, (turn, index), &place, &mut parts)?,
            _ => plain(&name, raw, &node, &place, &mut parts)?,
        }
    }
    put_beside(besides, &mut parts);
    Ok(parts)
}

/// The texts of a `system` field, each with its cache mark.
pub(super) fn system(raw: &RawValue, place: &Place<'_>) -> Read<Vec<Part>> {
    let mut parts = Vec::new();
    for (index, raw) in blocks(raw, place)?.into_iter().enumerate() {
        let place = place.index(index);
        let Block::Typed { name, node } = Block::of(raw, &place, &mut parts)? else { continue };
        if name != "text" {
            return Err(place.key("type").error("only text blocks may stand here"));
        }
        text(&node, &place, &mut parts)?;
    }
    Ok(parts)
}

/// One item of a content list.
enum Block<'a> {
    /// A bare string, which has been read.
    Bare,
    /// An object with a type.
    Typed { name: String, node: Node<'a> },
}

impl<'a> Block<'a> {
    fn of(raw: &'a RawValue, place: &Place<'_>, parts: &mut Vec<Part>) -> Read<Self> {
        if let Some(text) = node::text(raw) {
            push_text(text, parts);
            return Ok(Self::Bare);
        }
        let node = Node::strict(raw, place)?;
        Ok(Self::Typed { name: node.required_text("type", place)?, node })
    }
}

/// The items of a content field, which may also be one string or nothing.
fn blocks<'a>(raw: &'a RawValue, place: &Place<'_>) -> Read<Vec<&'a RawValue>> {
    match raw.get().as_bytes().first() {
        Some(b'"') => Ok(vec![raw]),
        Some(b'n') => Ok(Vec::new()),
        Some(b'[') => node::list(raw, place),
        _ => Err(place.error("expected a string or an array of content blocks")),
    }
}

/// The blocks that may stand in a turn as well as in a tool's result. Never nests, so that no input can
/// exhaust the stack.
fn plain(name: &str, raw: &RawValue, node: &Node<'_>, place: &Place<'_>, parts: &mut Vec<Part>) -> Read<()> {
    let known = match name {
        "document" => document(node, place, parts)?,
        "image" => image(node, place, parts)?,
        "search_result" => search_result(node, place, parts)?,
        "text" => {
            text(node, place, parts)?;
            true
        }
        _ => false,
    };
    if !known {
        let cache = wire::read_cache(node, place)?;
        let unmarked = cache.as_ref().and_then(|_| node.without("cache_control"));
        let raw = unmarked.unwrap_or_else(|| RawJson::from(raw));
        parts.push(Part { cache, ..Part::new(PartKind::Opaque { family: Family::Anthropic, raw }) });
    }
    Ok(())
}

/// Text of nothing but blanks is refused by the service and means nothing: it is left out, and so is a
/// mark on it.
fn push_text(text: String, parts: &mut Vec<Part>) {
    if !text.trim().is_empty() {
        parts.push(Part::text(text));
    }
}

fn text(node: &Node<'_>, place: &Place<'_>, parts: &mut Vec<Part>) -> Read<()> {
    let text = node.required_text("text", place)?;
    let cited = node.list("citations", place)?.unwrap_or_default();
    let cache = wire::read_cache(node, place)?;
    if !text.trim().is_empty() {
        let citations = cited.into_iter().filter_map(wire::citation).collect();
        parts.push(Part { cache, ..Part::new(PartKind::Text { text, citations }) });
    }
    Ok(())
}

fn image(node: &Node<'_>, place: &Place<'_>, parts: &mut Vec<Part>) -> Read<bool> {
    let cache = wire::read_cache(node, place)?;
    let Some(source) = source(&required_source(node, place)?, &place.key("source"))? else {
        return Ok(false);
    };
    parts.push(Part { cache, ..Part::new(PartKind::Media(Media::new(MediaKind::Image, source))) });
    Ok(true)
}

fn document(node: &Node<'_>, place: &Place<'_>, parts: &mut Vec<Part>) -> Read<bool> {
    let source_node = required_source(node, place)?;
    let source_place = place.key("source");
    let mut inside = Vec::new();
    let source = if source_node.lax_text("type").as_deref() == Some("content") {
        // A document made of blocks: its texts are one text here, and its pictures follow it.
        let Some(raw) = source_node.field("content") else {
            return Err(source_place.key("content").error("is missing"));
        };
        let text = joined(raw, &source_place.key("content"), &mut inside)?;
        (!text.is_empty()).then_some(Source::Text(text))
    } else {
        match source(&source_node, &source_place)? {
            Some(source) => Some(source),
            None => return Ok(false),
        }
    };
    let first = parts.len();
    if let Some(source) = source {
        let citations = node.object("citations", place)?;
        let media = Media {
            title: node.text("title", place)?,
            context: node.text("context", place)?,
            citations: match citations {
                Some(citations) => citations.boolean("enabled", &place.key("citations"))?,
                None => None,
            },
            ..Media::new(MediaKind::Document, source)
        };
        parts.push(Part::new(PartKind::Media(media)));
    }
    parts.append(&mut inside);
    if let Some(last) = parts[first..].last_mut() {
        last.cache = wire::read_cache(node, place)?;
    }
    Ok(true)
}

/// A search result is a text document with a title, whose address is its context.
fn search_result(node: &Node<'_>, place: &Place<'_>, parts: &mut Vec<Part>) -> Read<bool> {
    let Some(content) = node.field("content") else {
        return Err(place.key("content").error("is missing"));
    };
    let text = joined(content, &place.key("content"), &mut Vec::new())?;
    let citations = node.object("citations", place)?;
    let media = Media {
        title: node.text("title", place)?,
        context: node.text("source", place)?,
        citations: match citations {
            Some(citations) => citations.boolean("enabled", &place.key("citations"))?,
            None => None,
        },
        ..Media::new(MediaKind::Document, Source::Text(text))
    };
    let cache = wire::read_cache(node, place)?;
    parts.push(Part { cache, ..Part::new(PartKind::Media(media)) });
    Ok(true)
}

/// The texts of a content field as one text. Pictures in it go to `media`.
fn joined(raw: &RawValue, place: &Place<'_>, media: &mut Vec<Part>) -> Read<String> {
    let mut texts = Vec::new();
    for (index, raw) in blocks(raw, place)?.into_iter().enumerate() {
        let place = place.index(index);
        if let Some(text) = node::text(raw) {
            texts.push(text);
            continue;
        }
        let node = Node::strict(raw, &place)?;
        match node.required_text("type", &place)?.as_str() {
            "image" => {
                image(&node, &place, media)?;
            }
            _ => texts.extend(node.text("text", &place)?),
        }
    }
    Ok(texts.join("\n\n"))
}

fn required_source<'a>(node: &Node<'a>, place: &Place<'_>) -> Read<Node<'a>> {
    node.object("source", place)?.ok_or_else(|| place.key("source").error("is missing"))
}

/// Where a medium is; `None` for a kind of source that is not known yet.
fn source(node: &Node<'_>, place: &Place<'_>) -> Read<Option<Source>> {
    Ok(Some(match node.required_text("type", place)?.as_str() {
        "base64" => {
            let declared = node.text("media_type", place)?.unwrap_or_default();
            let data = node.required_text("data", place)?;
            let source = media::base64_source(&declared, &data);
            source.ok_or_else(|| place.key("data").error("is not valid base64"))?
        }
        "file" => Source::VendorFile {
            family: Family::Anthropic,
            id: node.required_text("file_id", place)?,
            mime: None,
        },
        "text" => Source::Text(node.required_text("data", place)?),
        "url" => {
            let url = node.required_text("url", place)?;
            let source = media::source_of_url(&url);
            source.ok_or_else(|| place.key("url").error("is a data URL that cannot be decoded"))?
        }
        _ => return Ok(None),
    }))
}

fn tool_use(
    node: &Node<'_>,
    (turn, index): (usize, usize),
    place: &Place<'_>,
    parts: &mut Vec<Part>,
) -> Read<()> {
    let given = node.text("id", place)?.filter(|id| !id.is_empty());
    let generated_id = given.is_none();
    let call = ToolCall {
        id: given.unwrap_or_else(|| format!("toolu_{turn}_{index}")),
        generated_id,
        name: node.required_text("name", place)?,
        arguments: node.field("input").map_or_else(|| "{}".to_owned(), arguments),
        kind: ToolKind::Function,
        namespace: None,
        item_id: None,
    };
    let cache = wire::read_cache(node, place)?;
    parts.push(Part { cache, ..Part::new(PartKind::ToolCall(call)) });
    Ok(())
}

/// The arguments as text. Some clients put the JSON text itself where the object belongs.
pub(super) fn arguments(raw: &RawValue) -> String {
    let inner = node::text(raw).filter(|text| text.trim_start().starts_with('{'));
    inner.unwrap_or_else(|| raw.get().to_owned())
}

fn tool_result(node: &Node<'_>, place: &Place<'_>, parts: &mut Vec<Part>) -> Read<()> {
    let mut answer = Vec::new();
    if let Some(raw) = node.field("content") {
        tool_answer(raw, &place.key("content"), &mut answer)?;
    }
    let result = ToolResult {
        call_id: node.required_text("tool_use_id", place)?,
        name: None,
        parts: answer,
        is_error: node.boolean("is_error", place)?.unwrap_or(false),
        kind: ToolKind::Function,
        raw_object: None,
    };
    let cache = wire::read_cache(node, place)?;
    parts.push(Part { cache, ..Part::new(PartKind::ToolResult(result)) });
    Ok(())
}

/// What a tool answered: by the rules a string or blocks, but clients also send objects and numbers.
fn tool_answer(raw: &RawValue, place: &Place<'_>, parts: &mut Vec<Part>) -> Read<()> {
    match raw.get().as_bytes().first() {
        Some(b'"' | b'[') => {}
        Some(b'{') => {
            let node = Node::strict(raw, place)?;
            return match node.lax_text("type") {
                Some(name) if name == "text" || name == "image" => plain(&name, raw, &node, place, parts),
                _ => {
                    push_text(raw.get().to_owned(), parts);
                    Ok(())
                }
            };
        }
        _ => {
            push_text(raw.get().to_owned(), parts);
            return Ok(());
        }
    }
    for (index, raw) in blocks(raw, place)?.into_iter().enumerate() {
        let place = place.index(index);
        match Node::lax(raw).map(|node| (node.lax_text("type"), node)) {
            Some((Some(name), node)) => plain(&name, raw, &node, &place, parts)?,
            _ => push_text(node::text(raw).unwrap_or_else(|| raw.get().to_owned()), parts),
        }
    }
    Ok(())
}

fn thinking(node: &Node<'_>, place: &Place<'_>, parts: &mut Vec<Part>) -> Read<()> {
    let text = node.text("thinking", place)?.unwrap_or_default();
    let signature = node.text("signature", place)?.filter(|signature| !signature.is_empty());
    // Empty thoughts with a signature are thoughts that are not shown: the signature is the point.
    if !text.is_empty() || signature.is_some() {
        let token = signature.map(|signature| token::unwrap(&signature, Family::Anthropic));
        let part = ReasoningPart { kind: ReasoningKind::Thinking, text, token, item_id: None };
        parts.push(Part::new(PartKind::Reasoning(part)));
    }
    Ok(())
}

fn redacted(
    node: &Node<'_>,
    place: &Place<'_>,
    parts: &mut Vec<Part>,
    besides: &mut Vec<(String, Token)>,
) -> Read<()> {
    let data = node.text("data", place)?.unwrap_or_default();
    match wire::read_beside(&data) {
        Some((token, "")) => {
            if let Some(part) = parts.last_mut().filter(|part| part.as_text().is_some()) {
                part.token = Some(token);
            }
        }
        Some((token, id)) => besides.push((id.to_owned(), token)),
        None if data.is_empty() => {}
        None => parts.push(Part::new(PartKind::Reasoning(ReasoningPart {
            kind: ReasoningKind::Redacted,
            text: String::new(),
            token: Some(token::unwrap(&data, Family::Anthropic)),
            item_id: None,
        }))),
    }
    Ok(())
}

/// Puts signatures back beside their calls, which are found by id, wherever the client has put the blocks
/// that carried them.
fn put_beside(besides: Vec<(String, Token)>, parts: &mut [Part]) {
    if besides.is_empty() {
        return;
    }
    let mut by_id: HashMap<String, Token> = besides.into_iter().collect();
    for part in parts {
        if let PartKind::ToolCall(call) = &part.kind {
            part.token = by_id.remove(&call.id);
        }
    }
}
