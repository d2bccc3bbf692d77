//! The messages of a request into system texts and turns.
//!
//! A run of `tool` messages becomes one user turn of results; a user message behind it stays a turn of
//! its own. Every message keeps its place, also one that says nothing: whether that is acceptable is for
//! [`crate::fit`] to say.

use std::collections::{HashMap, VecDeque};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use byok_types::RawJson;
use byok_types::chat::{
    CacheMark, Media, MediaKind, Part, PartKind, Role, Source, SystemText, ToolCall, ToolKind, ToolResult,
    Turn,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire::{self, ContentPart, Message};
use super::{FAMILY, calls, details};
use crate::format::ReadError;
use crate::media;
use crate::wire::{TextOr, parse_request};

/// Reads all messages.
pub(super) fn read(messages: Vec<Message<'_>>) -> Result<(Vec<SystemText>, Vec<Turn>), ReadError> {
    let mut reader = Reader::default();
    for (message, index) in messages.into_iter().zip(0..) {
        reader.message(message, &format!("messages[{index}]"), index)?;
    }
    Ok((reader.system, reader.turns))
}

/// Parses a piece of the body that was kept as text. Errors name the field below `field`.
pub(super) fn parse<'de, T: Deserialize<'de>>(raw: &'de str, field: &str) -> Result<T, ReadError> {
    parse_request(raw.as_bytes()).map_err(|error| match error {
        ReadError::Field { field: inner, reason } => ReadError::field(format!("{field}.{inner}"), reason),
        ReadError::NotJson(reason) => ReadError::field(field, reason),
    })
}

#[derive(Default)]
struct Reader {
    system: Vec<SystemText>,
    turns: Vec<Turn>,
    /// Every call so far, by its id: results do not say what kind of tool they are from.
    kinds: HashMap<String, ToolKind>,
    /// Legacy calls that wait for their result: name and generated id.
    legacy: VecDeque<(String, String)>,
    /// The last turn is a run of results, which the next result joins.
    in_results: bool,
    /// A turn has begun, so that system messages are no longer the leading ones.
    begun: bool,
}

impl Reader {
    fn message(&mut self, mut message: Message<'_>, field: &str, index: usize) -> Result<(), ReadError> {
        let Some(role) = message.role.take() else {
            return Err(ReadError::field(format!("{field}.role"), "is required"));
        };
        let content = message.content.take();
        let mark = message.cache_mark();
        match role.as_str() {
            "system" | "developer" => self.system(content, mark, message.name, field),
            "user" => {
                let mut parts = read_content(content, field)?;
                mark_last(&mut parts, mark);
                self.turn(Role::User, parts, message.name);
                Ok(())
            }
            "assistant" => self.assistant(content, message, field, index),
            "tool" => {
                let call_id = message.tool_call_id.filter(|id| !id.is_empty());
                let Some(call_id) = call_id else {
                    return Err(ReadError::field(format!("{field}.tool_call_id"), "is required"));
                };
                let kind = self.kinds.get(&call_id).copied().unwrap_or(ToolKind::Function);
                self.result(call_id, message.name, kind, content, mark, field)
            }
            "function" => {
                let Some(name) = message.name.filter(|name| !name.is_empty()) else {
                    return Err(ReadError::field(format!("{field}.name"), "is required"));
                };
                let waiting = self.legacy.iter().position(|(known, _)| *known == name);
                let call = waiting.and_then(|position| self.legacy.remove(position));
                let call_id = call.map_or_else(|| format!("call_{index}"), |(_, id)| id);
                self.result(call_id, Some(name), ToolKind::Function, content, mark, field)
            }
            _ => Err(ReadError::field(
                format!("{field}.role"),
                "must be one of system, developer, user, assistant, tool, function",
            )),
        }
    }

    fn turn(&mut self, role: Role, parts: Vec<Part>, name: Option<String>) {
        self.begun = true;
        self.in_results = false;
        self.turns.push(Turn { name, ..Turn::new(role, parts) });
    }

    fn system(
        &mut self,
        content: Option<TextOr<&RawValue>>,
        mark: Option<CacheMark>,
        name: Option<String>,
        field: &str,
    ) -> Result<(), ReadError> {
        let mut parts = read_content(content, field)?;
        mark_last(&mut parts, mark);
        if let Some(index) = parts.iter().position(|part| part.as_text().is_none()) {
            let field = format!("{field}.content[{index}]");
            return Err(ReadError::field(field, "only text may stand in a system message"));
        }
        if self.begun {
            self.turn(Role::System, parts, name);
            return Ok(());
        }
        self.system.extend(parts.into_iter().filter_map(|part| match part.kind {
            PartKind::Text { text, .. } => Some(SystemText { text, cache: part.cache }),
            _ => None,
        }));
        Ok(())
    }

    fn assistant(
        &mut self,
        content: Option<TextOr<&RawValue>>,
        message: Message<'_>,
        field: &str,
        index: usize,
    ) -> Result<(), ReadError> {
        let plain = message.reasoning_content.text().or(message.reasoning.text());
        let details = message.reasoning_details.0.as_deref().unwrap_or_default();
        let mut parts: Vec<Part> = details::read_message(details, plain)
            .into_iter()
            .map(|reasoning| Part::new(PartKind::Reasoning(reasoning)))
            .collect();
        parts.append(&mut read_content(content, field)?);
        let token = message.extra_content.0.as_ref().and_then(calls::read_token);
        if let Some(text) = parts.iter_mut().rfind(|part| part.as_text().is_some()) {
            text.token = token;
        }
        if let Some(refusal) = message.refusal.as_ref().filter(|refusal| !refusal.is_empty()) {
            parts.push(Part::new(PartKind::Refusal(refusal.clone())));
        }
        if let Some(audio) = &message.audio {
            let raw = RawJson::parse(format!("{{\"audio\":{}}}", audio.get()));
            let raw = raw.map_err(|_error| ReadError::field(format!("{field}.audio"), "is no JSON"))?;
            parts.push(Part::new(PartKind::Opaque { family: FAMILY, raw }));
        }
        let mark = message.cache_mark();
        for (call, position) in message.tool_calls.into_iter().flatten().zip(0..) {
            let generated = format!("call_{index}_{position}");
            parts.push(self.call(call, generated, &format!("{field}.tool_calls[{position}]"))?);
        }
        if let Some(function) = message.function_call {
            let id = format!("call_{index}");
            let call = wire::ToolCall { function: Some(function), ..wire::ToolCall::default() };
            let part = self.call(call, id.clone(), &format!("{field}.function_call"))?;
            if let PartKind::ToolCall(call) = &part.kind {
                self.legacy.push_back((call.name.clone(), id));
            }
            parts.push(part);
        }
        mark_last(&mut parts, mark);
        self.turn(Role::Assistant, parts, message.name);
        Ok(())
    }

    fn call(&mut self, call: wire::ToolCall, generated: String, field: &str) -> Result<Part, ReadError> {
        let custom = call.custom.is_some();
        let (name, arguments, kind) = match (call.custom, call.function) {
            (Some(custom), _) => (custom.name.0, custom.input.0.unwrap_or_default(), ToolKind::Custom),
            (None, function) => {
                let function = function.unwrap_or_default();
                let nothing = matches!(function.arguments.0.trim(), "" | "null");
                let arguments = if nothing { "{}".to_owned() } else { function.arguments.0 };
                (function.name.0, arguments, ToolKind::Function)
            }
        };
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            let inner = if custom { "custom" } else { "function" };
            return Err(ReadError::field(format!("{field}.{inner}.name"), "is required"));
        };
        let given = call.id.0.filter(|id| !id.is_empty());
        let generated_id = given.is_none();
        let id = given.unwrap_or(generated);
        self.kinds.insert(id.clone(), kind);
        let call_part = ToolCall { id, generated_id, name, arguments, kind, namespace: None, item_id: None };
        let token = call.extra_content.0.as_ref().and_then(calls::read_token);
        Ok(Part { token, ..Part::new(PartKind::ToolCall(call_part)) })
    }

    fn result(
        &mut self,
        call_id: String,
        name: Option<String>,
        kind: ToolKind,
        content: Option<TextOr<&RawValue>>,
        mark: Option<CacheMark>,
        field: &str,
    ) -> Result<(), ReadError> {
        let mut parts = read_content(content, field)?;
        let inner = parts.iter_mut().filter_map(|part| part.cache.take()).last();
        let result = ToolResult { call_id, name, parts, is_error: false, kind, raw_object: None };
        let part = Part { cache: mark.or(inner), ..Part::new(PartKind::ToolResult(result)) };
        if !self.in_results {
            self.turn(Role::User, Vec::new(), None);
            self.in_results = true;
        }
        if let Some(turn) = self.turns.last_mut() {
            turn.parts.push(part);
        }
        Ok(())
    }
}

/// A mark on a message stands behind its last part.
fn mark_last(parts: &mut [Part], mark: Option<CacheMark>) {
    if let (Some(part), Some(mark)) = (parts.last_mut(), mark) {
        part.cache.get_or_insert(mark);
    }
}

/// The parts of a content: a text, a list, or nothing. Empty texts say nothing and are left out.
fn read_content(content: Option<TextOr<&RawValue>>, field: &str) -> Result<Vec<Part>, ReadError> {
    match content {
        None => Ok(Vec::new()),
        Some(TextOr::Text(text)) if text.is_empty() => Ok(Vec::new()),
        Some(TextOr::Text(text)) => Ok(vec![Part::text(text)]),
        Some(TextOr::List(list)) => {
            let mut parts = Vec::with_capacity(list.len());
            for (raw, index) in list.into_iter().zip(0..) {
                parts.extend(read_part(raw.get(), &format!("{field}.content[{index}]"))?);
            }
            Ok(parts)
        }
    }
}

/// One part; `None` where it says nothing. The names that the Responses format has for the same things
/// are understood. What is unknown stays as it came.
fn read_part(raw: &str, field: &str) -> Result<Option<Part>, ReadError> {
    if raw.starts_with('"') {
        let text: String = parse(raw, field)?;
        return Ok((!text.is_empty()).then(|| Part::text(text)));
    }
    let part: ContentPart = parse(raw, field)?;
    let cache = part.cache_mark();
    let kind = match part.r#type.as_deref() {
        Some("text" | "input_text" | "output_text") => match part.text.filter(|text| !text.is_empty()) {
            Some(text) => PartKind::Text { text, citations: Vec::new() },
            None => return Ok(None),
        },
        Some("refusal") => PartKind::Refusal(part.refusal.unwrap_or_default()),
        Some("thinking") => PartKind::Reasoning(byok_types::chat::ReasoningPart {
            kind: byok_types::chat::ReasoningKind::Thinking,
            text: part.thoughts(),
            token: None,
            item_id: None,
        }),
        Some("image_url" | "input_image") => {
            PartKind::Media(read_link(part.image_url, MediaKind::Image, field)?)
        }
        Some("video_url") => PartKind::Media(read_link(part.video_url, MediaKind::Video, field)?),
        Some("input_audio") => PartKind::Media(read_audio(part.input_audio, field)?),
        Some("file") => PartKind::Media(read_file(part.file, field)?),
        Some(_) => PartKind::Opaque { family: FAMILY, raw: parse(raw, field)? },
        None => return Err(ReadError::field(format!("{field}.type"), "is required")),
    };
    Ok(Some(Part { cache, ..Part::new(kind) }))
}

fn read_link(link: Option<wire::Link>, kind: MediaKind, field: &str) -> Result<Media, ReadError> {
    let name = if kind == MediaKind::Video { "video_url" } else { "image_url" };
    let field = format!("{field}.{name}.url");
    let link = link.unwrap_or_default();
    let url =
        link.url.filter(|url| !url.is_empty()).ok_or_else(|| ReadError::field(&field, "is required"))?;
    let source = media::source_of_url(&url)
        .ok_or_else(|| ReadError::field(&field, "is a data URL that cannot be decoded"))?;
    let kind = kind_of(&source).unwrap_or(kind);
    Ok(Media { detail: link.detail, ..Media::new(kind, source) })
}

/// What the bytes are, whatever the part is called.
fn kind_of(source: &Source) -> Option<MediaKind> {
    let Source::Base64 { mime, .. } = source else { return None };
    match mime.split('/').next() {
        Some("image") => Some(MediaKind::Image),
        Some("audio") => Some(MediaKind::Audio),
        Some("video") => Some(MediaKind::Video),
        _ => (mime == "application/pdf").then_some(MediaKind::Document),
    }
}

fn read_audio(audio: Option<wire::InputAudio>, field: &str) -> Result<Media, ReadError> {
    let field = format!("{field}.input_audio.data");
    let audio = audio.unwrap_or_default();
    let data =
        audio.data.filter(|data| !data.is_empty()).ok_or_else(|| ReadError::field(&field, "is required"))?;
    let mime = match audio.format.as_deref() {
        Some("mp3") => "audio/mpeg".to_owned(),
        Some(format) => format!("audio/{format}"),
        None => "audio/wav".to_owned(),
    };
    let source = bytes(&mime, &data).ok_or_else(|| ReadError::field(&field, "is no base64"))?;
    Ok(Media::new(MediaKind::Audio, source))
}

fn read_file(file: Option<wire::Document>, field: &str) -> Result<Media, ReadError> {
    let file = file.unwrap_or_default();
    let source = if let Some(data) = file.file_data.filter(|data| !data.is_empty()) {
        if data.starts_with("http://") || data.starts_with("https://") {
            Source::Url { url: data, mime: None }
        } else {
            let field = format!("{field}.file.file_data");
            bytes("", &data).ok_or_else(|| ReadError::field(field, "is no data URL and no base64"))?
        }
    } else if let Some(id) = file.file_id.filter(|id| !id.is_empty()) {
        Source::VendorFile { family: FAMILY, id, mime: None }
    } else {
        return Err(ReadError::field(format!("{field}.file"), "must have file_data or file_id"));
    };
    let kind = kind_of(&source).unwrap_or(MediaKind::Document);
    Ok(Media { filename: file.filename, ..Media::new(kind, readable(source)) })
}

/// Bytes given as a data URL or as bare base64.
fn bytes(mime: &str, data: &str) -> Option<Source> {
    if data.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
        return media::source_of_url(data);
    }
    media::base64_source(mime, data)
}

/// A text document as text: formats take that more often than its bytes.
fn readable(source: Source) -> Source {
    if let Source::Base64 { mime, data } = &source
        && mime.starts_with("text/")
        && let Some(text) = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok())
    {
        return Source::Text(text);
    }
    source
}
