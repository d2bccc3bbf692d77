//! System texts and turns as messages for an upstream.
//!
//! A user turn becomes its `tool` messages first and then one `user` message with the rest. Media in
//! results cannot stand in a `tool` message: they move into the user message behind all results of the
//! group (wire-format facts, 6.5).

use byok_types::chat::{
    CacheMark, Media, MediaKind, Part, PartKind, Role, Source, SystemText, ToolKind, ToolResult, Turn,
};
use byok_types::{Family, RawJson};
use serde::Serialize;
use serde_json::{Value, json};

use super::{FAMILY, details};
use crate::media::data_url;

/// One message.
#[derive(Debug, Default, Serialize)]
pub(super) struct MessageOut<'a> {
    role: &'static str,
    content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    reasoning_content: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<RawJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

/// A message's content.
#[derive(Debug)]
enum Content<'a> {
    Text(String),
    Parts(Vec<PartOut<'a>>),
}

impl Serialize for Content<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Parts(parts) => parts.serialize(serializer),
        }
    }
}

/// One part of a content.
#[derive(Debug)]
enum PartOut<'a> {
    Json(Value),
    Raw(&'a RawJson),
}

impl Serialize for PartOut<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(value) => value.serialize(serializer),
            Self::Raw(raw) => raw.serialize(serializer),
        }
    }
}

/// A tool call, whole or a piece of one in a stream.
#[derive(Debug, Default, Serialize)]
pub(super) struct CallOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function: Option<FunctionOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) custom: Option<CustomOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) extra_content: Option<Value>,
}

/// What a function call says.
#[derive(Debug, Serialize)]
pub(super) struct FunctionOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) arguments: &'a str,
}

/// What a call of a free-text tool says.
#[derive(Debug, Serialize)]
pub(super) struct CustomOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) input: &'a str,
}

impl<'a> CallOut<'a> {
    /// A call with its id and name.
    pub(super) fn new(
        index: Option<u32>,
        id: &'a str,
        name: &'a str,
        input: &'a str,
        kind: ToolKind,
    ) -> Self {
        let name = Some(name);
        let call = Self { index, id: Some(id), ..Self::default() };
        match kind {
            ToolKind::Custom => {
                Self { r#type: Some("custom"), custom: Some(CustomOut { name, input }), ..call }
            }
            ToolKind::Function => {
                let function = Some(FunctionOut { name, arguments: input });
                Self { r#type: Some("function"), function, ..call }
            }
        }
    }
}

/// All messages of a request.
pub(super) fn write<'a>(system: &'a [SystemText], turns: &'a [Turn]) -> Vec<MessageOut<'a>> {
    let mut messages = Vec::with_capacity(turns.len() + 1);
    messages.extend(system_message(system));
    // Media out of results, waiting for the end of their group.
    let mut waiting: Vec<PartOut<'a>> = Vec::new();
    for turn in turns {
        let in_group = turn.role == Role::User;
        if !in_group && !waiting.is_empty() {
            messages.push(user_message(std::mem::take(&mut waiting), None));
        }
        match turn.role {
            Role::Assistant => messages.extend(assistant_message(turn)),
            Role::System => messages.extend(text_message("system", turn)),
            Role::User => user_messages(turn, &mut waiting, &mut messages),
        }
    }
    if !waiting.is_empty() {
        messages.push(user_message(waiting, None));
    }
    messages
}

/// The system text, as one message: many servers take no second one, and lists only from those who mark
/// cache breakpoints.
fn system_message(system: &[SystemText]) -> Option<MessageOut<'_>> {
    if system.is_empty() {
        return None;
    }
    let content = if system.iter().any(|text| text.cache.is_some()) {
        let part = |text: &SystemText| text_part(&text.text, text.cache.as_ref());
        Content::Parts(system.iter().map(part).collect())
    } else {
        let texts: Vec<&str> = system.iter().map(|text| text.text.as_str()).collect();
        Content::Text(texts.join("\n\n"))
    };
    Some(MessageOut { role: "system", content: Some(content), ..MessageOut::default() })
}

/// System text in the middle of the conversation.
fn text_message<'a>(role: &'static str, turn: &'a Turn) -> Option<MessageOut<'a>> {
    let parts = turn.parts.iter().filter_map(|part| Some((part.as_text()?, part.cache.as_ref())));
    let parts: Vec<PartOut<'a>> = parts.map(|(text, cache)| text_part(text, cache)).collect();
    let content = if parts.is_empty() { return None } else { content_of(parts) };
    Some(MessageOut { role, content: Some(content), name: turn.name.as_deref(), ..MessageOut::default() })
}

fn user_messages<'a>(turn: &'a Turn, waiting: &mut Vec<PartOut<'a>>, messages: &mut Vec<MessageOut<'a>>) {
    let mut rest = Vec::new();
    for part in &turn.parts {
        match &part.kind {
            PartKind::ToolResult(result) => {
                messages.push(tool_message(result, part.cache.as_ref(), waiting));
            }
            _ => rest.extend(content_part(part)),
        }
    }
    if !rest.is_empty() {
        let mut parts = std::mem::take(waiting);
        parts.append(&mut rest);
        messages.push(user_message(parts, turn.name.as_deref()));
    }
}

fn user_message<'a>(parts: Vec<PartOut<'a>>, name: Option<&'a str>) -> MessageOut<'a> {
    MessageOut { role: "user", content: Some(content_of(parts)), name, ..MessageOut::default() }
}

/// One text without a mark is a plain string, which every server takes.
fn content_of(mut parts: Vec<PartOut<'_>>) -> Content<'_> {
    if let [PartOut::Json(Value::Object(fields))] = parts.as_mut_slice()
        && fields.len() == 2
        && fields.get("type").and_then(Value::as_str) == Some("text")
        && let Some(Value::String(text)) = fields.get_mut("text")
    {
        return Content::Text(std::mem::take(text));
    }
    Content::Parts(parts)
}

/// The words of a result. Its media go to `waiting`, with a word about where they come from.
fn tool_message<'a>(
    result: &'a ToolResult,
    cache: Option<&CacheMark>,
    waiting: &mut Vec<PartOut<'a>>,
) -> MessageOut<'a> {
    let mut text = String::new();
    let mut add = |more: &str| {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(more);
    };
    let mut told = false;
    for part in &result.parts {
        if let Some(words) = part.as_text() {
            add(words);
        } else if let Some(out) = content_part(part) {
            add("[attached to the next user message]");
            if !std::mem::replace(&mut told, true) {
                let source = format!("[attached to the result of tool call {}]", result.call_id);
                waiting.push(text_part(&source, None));
            }
            waiting.push(out);
        }
    }
    if let (true, Some(object)) = (result.parts.is_empty(), &result.raw_object) {
        add(object.get());
    }
    if result.is_error && !text.starts_with("Error: ") {
        text.insert_str(0, "Error: ");
    }
    let content = match cache {
        Some(_) if !text.is_empty() => Content::Parts(vec![text_part(&text, cache)]),
        _ => Content::Text(text),
    };
    MessageOut {
        role: "tool",
        content: Some(content),
        tool_call_id: Some(&result.call_id),
        ..MessageOut::default()
    }
}

/// What the model said. Texts become one string, except where a cache breakpoint stands between them.
/// Tokens go to their maker only, and Gemini's to whoever answers in Google's stead.
fn assistant_message(turn: &Turn) -> Option<MessageOut<'_>> {
    let mut message = MessageOut { role: "assistant", name: turn.name.as_deref(), ..MessageOut::default() };
    let mut content = Vec::new();
    let mut thoughts = 0;
    for part in &turn.parts {
        match &part.kind {
            PartKind::Opaque { family, raw } if *family == FAMILY => match spoken(raw) {
                Some(audio) => message.audio = Some(audio),
                None => content.push(PartOut::Raw(raw)),
            },
            PartKind::Reasoning(reasoning) => {
                if reasoning.token.as_ref().is_none_or(|token| token.family == FAMILY) {
                    message.reasoning_content.push_str(&reasoning.text);
                    message.reasoning_details.extend(details::write(reasoning, thoughts));
                    thoughts += 1;
                }
            }
            PartKind::Refusal(text) => message.refusal.get_or_insert_default().push_str(text),
            PartKind::ToolCall(call) => {
                let input = match call.kind {
                    ToolKind::Function if call.arguments.trim().is_empty() => "{}",
                    _ => &call.arguments,
                };
                let mut out = CallOut::new(None, &call.id, &call.name, input, call.kind);
                let token = part.token.as_ref().filter(|token| token.family == Family::Gemini);
                out.extra_content = token.map(details::extra_content);
                message.tool_calls.push(out);
            }
            _ => content.extend(content_part(part)),
        }
    }
    if !content.is_empty() {
        message.content = Some(content_of(join_texts(content)));
    }
    let says_nothing = message.content.is_none()
        && message.tool_calls.is_empty()
        && message.refusal.is_none()
        && message.audio.is_none();
    if says_nothing {
        if message.reasoning_content.is_empty() {
            return None;
        }
        message.content = Some(Content::Text(String::new()));
    }
    Some(message)
}

/// Puts neighbouring texts without marks together: servers want a model's words as one string.
fn join_texts(parts: Vec<PartOut<'_>>) -> Vec<PartOut<'_>> {
    let plain = |part: &PartOut<'_>| match part {
        PartOut::Json(Value::Object(fields)) if fields.len() == 2 => {
            fields.get("text").and_then(Value::as_str).map(str::to_owned)
        }
        _ => None,
    };
    let mut joined: Vec<PartOut<'_>> = Vec::with_capacity(parts.len());
    for part in parts {
        if let Some(more) = plain(&part)
            && let Some(PartOut::Json(Value::Object(fields))) = joined.last_mut()
            && fields.len() == 2
            && let Some(Value::String(text)) = fields.get_mut("text")
        {
            text.push_str(&more);
        } else {
            joined.push(part);
        }
    }
    joined
}

/// The reference to an earlier spoken answer, which stands beside the content.
fn spoken(raw: &RawJson) -> Option<RawJson> {
    #[derive(serde::Deserialize)]
    struct Spoken {
        audio: Option<RawJson>,
        r#type: Option<serde::de::IgnoredAny>,
    }
    let spoken: Spoken = raw.read().ok()?;
    spoken.audio.filter(|_| spoken.r#type.is_none())
}

fn text_part<'a>(text: &str, cache: Option<&CacheMark>) -> PartOut<'a> {
    marked(json!({ "type": "text", "text": text }), cache)
}

/// A part with its cache breakpoint, in the spelling that gateways take.
fn marked<'a>(mut part: Value, cache: Option<&CacheMark>) -> PartOut<'a> {
    if let (Some(cache), Some(fields)) = (cache, part.as_object_mut()) {
        fields.insert("cache_control".to_owned(), cache_control(cache));
    }
    PartOut::Json(part)
}

/// A cache breakpoint in the spelling that gateways take.
pub(super) fn cache_control(cache: &CacheMark) -> Value {
    match &cache.ttl {
        Some(ttl) => json!({ "type": "ephemeral", "ttl": ttl }),
        None => json!({ "type": "ephemeral" }),
    }
}

/// A part of a content; `None` where the format has no place for it.
fn content_part(part: &Part) -> Option<PartOut<'_>> {
    let value = match &part.kind {
        PartKind::Text { text, .. } if text.is_empty() => return None,
        PartKind::Text { text, .. } | PartKind::Refusal(text) => json!({ "type": "text", "text": text }),
        PartKind::Media(media) => media_part(media)?,
        PartKind::Opaque { family, raw } if *family == FAMILY => return Some(PartOut::Raw(raw)),
        PartKind::Opaque { .. }
        | PartKind::Reasoning(_)
        | PartKind::ToolCall(_)
        | PartKind::ToolResult(_) => return None,
    };
    Some(marked(value, part.cache.as_ref()))
}

fn media_part(media: &Media) -> Option<Value> {
    let url = match &media.source {
        Source::Base64 { mime, data } => data_url(mime, data),
        Source::Url { url, .. } => url.clone(),
        Source::Text(text) => return Some(json!({ "type": "text", "text": document_text(media, text) })),
        Source::VendorFile { family, id, .. } => {
            return (*family == FAMILY).then(|| json!({ "type": "file", "file": { "file_id": id } }));
        }
    };
    Some(match media.kind {
        MediaKind::Image => match &media.detail {
            Some(detail) => json!({ "type": "image_url", "image_url": { "url": url, "detail": detail } }),
            None => json!({ "type": "image_url", "image_url": { "url": url } }),
        },
        MediaKind::Video => json!({ "type": "video_url", "video_url": { "url": url } }),
        MediaKind::Document => {
            // OpenAI wants a name for every document.
            let name = media.filename.as_deref().or(media.title.as_deref()).unwrap_or("document.pdf");
            json!({ "type": "file", "file": { "filename": name, "file_data": url } })
        }
        MediaKind::Audio => {
            let Source::Base64 { mime, data } = &media.source else { return None };
            let format = match mime.strip_prefix("audio/").unwrap_or(mime) {
                "mpeg" | "mp3" => "mp3",
                "wav" | "wave" | "x-wav" | "vnd.wave" => "wav",
                other => other,
            };
            json!({ "type": "input_audio", "input_audio": { "data": data, "format": format } })
        }
    })
}

/// A text document as text, under a line with its title.
fn document_text(media: &Media, text: &str) -> String {
    let title = media.title.as_deref().or(media.filename.as_deref());
    [title, media.context.as_deref(), Some(text)].into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}
