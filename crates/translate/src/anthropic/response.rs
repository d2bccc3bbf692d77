//! Whole answers, in and out.

use byok_types::chat::{
    Fold, FoldError, Media, Part, PartKind, ReasoningKind, ReasoningPart, Response, Show, Source, Stop,
    StopReason, Token, ToolCall, Usage,
};
use byok_types::{Family, Fault};

use super::json::{self, List, Object};
use super::node::Node;
use super::reader::Reader;
use super::{block_write, fault, stop, usage, wire};
use crate::format::Reply;
use crate::token;

/// Reads a whole answer as the stream that it could have been.
pub(super) fn read(body: &[u8]) -> Result<Response, Box<Fault>> {
    let node = Node::body(body).map_err(|error| {
        Box::new(Fault::upstream_broken(format!("the upstream's answer is not a JSON object: {error}")))
    })?;
    let is_error = node.lax_text("type").as_deref() == Some("error");
    if is_error || (node.field("error").is_some() && node.field("content").is_none()) {
        return Err(Box::new(fault::read_in_band(&node)));
    }
    if node.field("content").is_none() && node.field("stop_reason").is_none() {
        return Err(Box::new(Fault::upstream_broken("the upstream's answer is no message")));
    }
    let (mut reader, mut events) = (Reader::new(), Vec::new());
    reader.message_start(&node, &mut events);
    for (index, raw) in (0..).zip(node.lax_list("content")) {
        reader.block_start(Some(index), raw, &mut events)?;
        reader.block_stop(Some(index), &mut events)?;
    }
    reader.message_delta(Some(&node), &node, &mut events);
    reader.end(&mut events);
    let mut response = Fold::all(events).map_err(|error| match error {
        FoldError::Failed(fault) => fault,
        error => Box::new(Fault::upstream_broken(error.to_string())),
    })?;
    response.tier = node.lax_object("usage").and_then(|usage| usage.lax_word("service_tier"));
    Ok(response)
}

/// Writes a whole answer.
pub(super) fn write(response: &Response, reply: &Reply) -> Vec<u8> {
    // This format has one answer; `n` was refused before.
    let candidate = response.candidates.iter().min_by_key(|candidate| candidate.index);
    let parts = candidate.map_or(&[][..], |candidate| &candidate.parts);
    let ended = Stop::new(StopReason::EndTurn);
    let mut out = Vec::with_capacity(1024);
    json::object(&mut out, |message| {
        write_head(message, reply);
        message.list("content", |list| {
            for part in parts {
                write_part(list, part, reply.show);
            }
        });
        stop::write(message, candidate.map_or(&ended, |candidate| &candidate.stop));
        usage::write(message, &response.usage);
    });
    out
}

/// The fields of a message that are known before it says anything.
pub(super) fn write_head(message: &mut Object<'_>, reply: &Reply) {
    // Clients merge messages of one id, so every answer has its own.
    message.put("id", &format!("msg_{}", reply.id.unique));
    message.put("type", "message");
    message.put("role", "assistant");
    message.put("model", &reply.model);
}

/// The message at the start of a stream.
pub(super) fn write_start(message: &mut Object<'_>, reply: &Reply, usage: &Usage) {
    write_head(message, reply);
    message.list("content", |_| {});
    message.put("stop_reason", &None::<&str>);
    message.put("stop_sequence", &None::<&str>);
    usage::write(message, usage);
}

fn write_part(list: &mut List<'_>, part: &Part, show: Show) {
    match &part.kind {
        PartKind::Media(media) => list.object(|block| block_write::write_text(block, &in_words(media))),
        PartKind::Opaque { family: Family::Anthropic, raw } if raw.is_object() => {
            list.object(|block| block.splice(raw));
        }
        PartKind::Opaque { .. } | PartKind::ToolResult(_) => {}
        PartKind::Reasoning(reasoning) => write_reasoning(list, reasoning, show),
        PartKind::Refusal(text) => {
            if !text.is_empty() {
                list.object(|block| block_write::write_text(block, text));
            }
        }
        PartKind::Text { text, citations } => {
            if !text.is_empty() {
                list.object(|block| {
                    block_write::write_text(block, text);
                    block_write::write_citations(block, citations);
                });
                write_beside(list, part.token.as_ref(), None);
            }
        }
        PartKind::ToolCall(call) => {
            list.object(|block| block_write::write_call(block, call));
            write_beside(list, part.token.as_ref(), Some(call));
        }
    }
}

fn write_reasoning(list: &mut List<'_>, reasoning: &ReasoningPart, show: Show) {
    let token = reasoning.token.as_ref().map(|token| token::wrap(token, Family::Anthropic));
    if reasoning.kind == ReasoningKind::Redacted {
        if let Some(data) = token {
            list.object(|block| {
                block.put("type", "redacted_thinking");
                block.put("data", &data);
            });
        }
        return;
    }
    let text = if show == Show::None { "" } else { reasoning.text.as_str() };
    if !text.is_empty() || token.is_some() {
        list.object(|block| {
            block.put("type", "thinking");
            block.put("thinking", text);
            block.put("signature", &token.unwrap_or_default());
        });
    }
}

/// The block for another vendor's signature beside a call or a text.
fn write_beside(list: &mut List<'_>, token: Option<&Token>, call: Option<&ToolCall>) {
    if let Some(token) = token.filter(|token| token.family != Family::Anthropic) {
        list.object(|block| {
            block.put("type", "redacted_thinking");
            block.put("data", &wire::beside(token, call.map(|call| call.id.as_str())));
        });
    }
}

/// What stands for a medium, which an answer of this format cannot hold.
pub(super) fn in_words(media: &Media) -> String {
    match &media.source {
        Source::Url { url, .. } => format!("![{}]({url})", media.title.as_deref().unwrap_or("media")),
        Source::Base64 { mime, .. } => {
            format!("[The model answered with {mime} data, which this API cannot carry.]")
        }
        Source::Text(text) => text.clone(),
        Source::VendorFile { id, .. } => format!("[The model answered with the file {id}.]"),
    }
}
