//! Parts, written as content blocks of a request or of a whole answer.
//!
//! What cannot stand here is left out: `fit` has adapted or refused whatever the person would miss.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use byok_types::chat::{
    Citation, Media, MediaKind, Part, PartKind, ReasoningKind, ReasoningPart, Role, Source, ToolCall,
    ToolKind, ToolResult,
};
use byok_types::{Family, RawJson};

use super::json::{List, Object};
use super::wire;
use crate::wire::arguments_object;

const OWN: Family = Family::Anthropic;

/// Writes the blocks of a turn of `role`.
pub(super) fn turn(list: &mut List<'_>, parts: &[Part], role: Role) {
    for part in parts {
        block(list, part, role);
    }
}

fn block(list: &mut List<'_>, part: &Part, role: Role) {
    let cache = part.cache.as_ref();
    match &part.kind {
        PartKind::Media(media) => {
            if let Some(place) = place_of(media) {
                list.object(|block| {
                    write_media(block, media, &place);
                    wire::write_cache(block, cache);
                });
            }
        }
        PartKind::Opaque { family: OWN, raw } if raw.is_object() => list.object(|block| {
            block.splice(raw);
            wire::write_cache(block, cache);
        }),
        PartKind::Opaque { .. } => {}
        PartKind::Reasoning(reasoning) => own_reasoning(list, reasoning),
        PartKind::Refusal(text) => {
            if !text.trim().is_empty() {
                list.object(|block| write_text(block, text));
            }
        }
        PartKind::Text { text, .. } if text.trim().is_empty() => {}
        PartKind::Text { text, citations } => list.object(|block| {
            write_text(block, text);
            // In a user's text the service refuses them.
            if role == Role::Assistant {
                write_citations(block, citations);
            }
            wire::write_cache(block, cache);
        }),
        PartKind::ToolCall(call) => list.object(|block| {
            write_call(block, call);
            wire::write_cache(block, cache);
        }),
        PartKind::ToolResult(result) => list.object(|block| {
            write_result(block, result);
            wire::write_cache(block, cache);
        }),
    }
}

/// Thoughts go back only with the signature that their maker put on them.
fn own_reasoning(list: &mut List<'_>, reasoning: &ReasoningPart) {
    let Some(token) = reasoning.token.as_ref().filter(|token| token.family == OWN) else { return };
    list.object(|block| match reasoning.kind {
        ReasoningKind::Redacted => {
            block.put("type", "redacted_thinking");
            block.put("data", &token.value);
        }
        ReasoningKind::Plan | ReasoningKind::Summary | ReasoningKind::Thinking => {
            block.put("type", "thinking");
            block.put("thinking", &reasoning.text);
            block.put("signature", &token.value);
        }
    });
}

/// The type and text of a text block.
pub(super) fn write_text(block: &mut Object<'_>, text: &str) {
    block.put("type", "text");
    block.put("text", text);
}

/// The `citations` of a text block, where there are any of this format.
pub(super) fn write_citations(block: &mut Object<'_>, citations: &[Citation]) {
    let own = |citation: &&Citation| citation.family == OWN;
    if citations.iter().any(|citation| own(&citation)) {
        block.list("citations", |list| {
            for citation in citations.iter().filter(own) {
                list.push(&citation.raw);
            }
        });
    }
}

/// A `tool_use` block.
pub(super) fn write_call(block: &mut Object<'_>, call: &ToolCall) {
    block.put("type", "tool_use");
    block.put("id", &call.id);
    block.put("name", &call.name);
    match call.kind {
        ToolKind::Custom => block.object("input", |input| input.put("input", &call.arguments)),
        ToolKind::Function => block.put("input", &arguments_object(&call.arguments)),
    }
}

fn write_result(block: &mut Object<'_>, result: &ToolResult) {
    block.put("type", "tool_result");
    block.put("tool_use_id", &result.call_id);
    match (result.parts.as_slice(), &result.raw_object) {
        ([], Some(object)) => block.put("content", object.get()),
        ([], None) => {}
        ([part], _) if part.cache.is_none() && part.as_text().is_some_and(|text| !text.trim().is_empty()) => {
            block.put_some("content", part.as_text());
        }
        (parts, _) => block.list("content", |list| turn(list, parts, Role::User)),
    }
    if result.is_error {
        block.put("is_error", &true);
    }
}

/// Where a medium is, in this format's terms.
enum MediaPlace<'m> {
    Base64 { mime: &'m str, data: &'m str },
    File { id: &'m str },
    Text(std::borrow::Cow<'m, str>),
    Url(&'m str),
}

/// `None` where this format has no place for the medium.
fn place_of(media: &Media) -> Option<MediaPlace<'_>> {
    let document = match media.kind {
        MediaKind::Audio | MediaKind::Video => return None,
        MediaKind::Document => true,
        MediaKind::Image => false,
    };
    match &media.source {
        // Text documents must be sent as text, whatever they came as.
        Source::Base64 { mime, data } if document && mime.starts_with("text/") => {
            let text = String::from_utf8(STANDARD.decode(data).ok()?).ok()?;
            Some(MediaPlace::Text(text.into()))
        }
        Source::Base64 { mime, data } => Some(MediaPlace::Base64 { mime, data }),
        Source::Text(text) => document.then_some(MediaPlace::Text(text.into())),
        Source::Url { url, .. } => Some(MediaPlace::Url(url)),
        Source::VendorFile { family, id, .. } => (*family == OWN).then_some(MediaPlace::File { id }),
    }
}

fn write_media(block: &mut Object<'_>, media: &Media, place: &MediaPlace<'_>) {
    let document = media.kind == MediaKind::Document;
    block.put("type", if document { "document" } else { "image" });
    block.object("source", |source| match place {
        MediaPlace::Base64 { mime, data } => {
            source.put("type", "base64");
            source.put("media_type", mime);
            source.put("data", data);
        }
        MediaPlace::File { id } => {
            source.put("type", "file");
            source.put("file_id", id);
        }
        MediaPlace::Text(text) => {
            source.put("type", "text");
            source.put("media_type", "text/plain");
            source.put("data", text.as_ref());
        }
        MediaPlace::Url(url) => {
            source.put("type", "url");
            source.put("url", url);
        }
    });
    if document {
        block.put_some("title", media.title.as_ref().or(media.filename.as_ref()));
        block.put_some("context", media.context.as_ref());
        if let Some(enabled) = media.citations {
            block.object("citations", |citations| citations.put("enabled", &enabled));
        }
    }
}

/// The schema of a tool that takes nothing.
pub(super) fn no_arguments() -> RawJson {
    RawJson::from_value(&serde_json::json!({ "type": "object", "properties": {} }))
}
