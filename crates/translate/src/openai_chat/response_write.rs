//! A whole answer for a Chat client.

use byok_types::RawJson;
use byok_types::chat::{
    Candidate, Citation, Media, MediaKind, Part, PartKind, ReasoningPart, Response, Show, Source, StopReason,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::message_write::{CallOut, FunctionOut};
use super::stop::{UsageOut, finish_reason};
use super::{details, length, put};
use crate::format::Reply;
use crate::media::data_url;

#[derive(Serialize)]
struct AnswerOut<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<ChoiceOut<'a>>,
    usage: UsageOut,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

#[derive(Serialize)]
struct ChoiceOut<'a> {
    index: u32,
    message: MessageOut<'a>,
    logprobs: Option<&'a RawJson>,
    finish_reason: &'static str,
}

#[derive(Default, Serialize)]
struct MessageOut<'a> {
    role: &'static str,
    content: Option<String>,
    refusal: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    reasoning_content: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<FunctionOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Value>,
}

pub(super) fn write(response: &Response, reply: &Reply) -> Vec<u8> {
    let answer = AnswerOut {
        id: format!("chatcmpl-{}", reply.id.unique),
        object: "chat.completion",
        created: reply.id.created,
        model: &reply.model,
        choices: response.candidates.iter().map(|candidate| choice(candidate, reply)).collect(),
        usage: UsageOut::from(&response.usage),
        service_tier: response.tier.as_deref(),
    };
    let mut out = Vec::new();
    put(&mut out, &answer);
    out
}

fn choice<'a>(candidate: &'a Candidate, reply: &Reply) -> ChoiceOut<'a> {
    let message = message(&candidate.parts, reply);
    let legacy = reply.legacy_functions && candidate.stop.reason == StopReason::ToolUse;
    // An answer that failed has no word of its own here; `length` at least says that it is not whole.
    let word = finish_reason(candidate.stop.reason, message.refusal.is_some()).unwrap_or("length");
    ChoiceOut {
        index: candidate.index,
        message,
        logprobs: candidate.logprobs.as_ref().filter(|raw| is_chat_logprobs(raw)),
        finish_reason: if legacy { "function_call" } else { word },
    }
}

fn message<'a>(parts: &'a [Part], reply: &Reply) -> MessageOut<'a> {
    let mut message = MessageOut { role: "assistant", ..MessageOut::default() };
    let mut chars = 0;
    let mut thoughts = 0;
    for part in parts {
        match &part.kind {
            PartKind::Media(media) => message.images.extend(image(media)),
            PartKind::Opaque { .. } | PartKind::ToolResult(_) => {}
            PartKind::Reasoning(reasoning) => {
                add_thoughts(&mut message, reasoning, thoughts, reply.show);
                thoughts += 1;
            }
            PartKind::Refusal(text) => message.refusal.get_or_insert_default().push_str(text),
            PartKind::Text { text, citations } => {
                message.annotations.extend(citations.iter().filter_map(|source| annotation(source, chars)));
                message.content.get_or_insert_default().push_str(text);
                chars += length(text);
                if let Some(token) = &part.token {
                    message.extra_content = Some(details::extra_content(token));
                }
            }
            PartKind::ToolCall(call) if reply.legacy_functions => {
                let name = Some(call.name.as_str());
                let arguments = call.arguments.as_str();
                message.function_call.get_or_insert(FunctionOut { name, arguments });
            }
            PartKind::ToolCall(call) => {
                let mut out = CallOut::new(None, &call.id, &call.name, &call.arguments, call.kind);
                out.extra_content = part.token.as_ref().map(details::extra_content);
                message.tool_calls.push(out);
            }
        }
    }
    let empty = message.tool_calls.is_empty() && message.function_call.is_none() && message.refusal.is_none();
    if message.content.is_none() && empty {
        message.content = Some(String::new());
    }
    message
}

fn add_thoughts(message: &mut MessageOut<'_>, part: &ReasoningPart, index: usize, show: Show) {
    if show != Show::None {
        message.reasoning_content.push_str(&part.text);
    } else if !part.text.is_empty() {
        // A signature is bound to its text: where the text is hidden, it would be refused.
        return;
    }
    message.reasoning_details.extend(details::write(part, index));
}

/// A source as clients see it, with offsets into the whole content. `None` where the client's form cannot
/// say it.
pub(super) fn annotation(citation: &Citation, chars_before: u64) -> Option<Value> {
    Some(json!({
        "type": "url_citation",
        "url_citation": {
            "start_index": citation.start?.checked_add(chars_before)?,
            "end_index": citation.end?.checked_add(chars_before)?,
            "url": citation.url.as_deref()?,
            "title": citation.title.as_deref().unwrap_or_default(),
        }
    }))
}

/// An image in an answer, where OpenRouter's clients look for it.
pub(super) fn image(media: &Media) -> Option<Value> {
    if media.kind != MediaKind::Image {
        return None;
    }
    let url = match &media.source {
        Source::Base64 { mime, data } => data_url(mime, data),
        Source::Url { url, .. } => url.clone(),
        Source::Text(_) | Source::VendorFile { .. } => return None,
    };
    Some(json!({ "type": "image_url", "image_url": { "url": url } }))
}

/// Whether probabilities have the form of this format: only a Chat upstream's have.
pub(crate) fn is_chat_logprobs(raw: &RawJson) -> bool {
    matches!(raw.to_value(), Value::Object(fields) if fields.get("content").or(fields.get("refusal")).is_some_and(
        |tokens| tokens.is_array() || tokens.is_null()
    ))
}
