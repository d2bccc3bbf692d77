//! Whole answers, and the shape that they share with the chunks of a streamed one.

use byok_types::chat::{Fold, FoldError, Part, PartKind, Response, Show, Stop, StopReason, Token, Usage};
use byok_types::{Family, Fault, RawJson};

use super::grounding::{Grounding, Passage};
use super::parts::{self, Content, Piece};
use super::reader::{self, Reader};
use super::{stop, thought, wire};
use crate::format::Reply;
use crate::token;
use crate::wire::{Fields, arguments_object};

/// Reads a whole answer. A server that was asked for a stream may send all its chunks as one array.
pub(super) fn read(body: &[u8]) -> Result<Response, Box<Fault>> {
    let chunks: wire::Many<wire::Chunk> = serde_json::from_slice(body).map_err(|error| {
        let what = reader::what(&error);
        Box::new(Fault::upstream_broken(format!("the upstream's answer makes no sense: {what}")))
    })?;
    let mut reader = Reader::whole();
    let mut events = Vec::new();
    for chunk in chunks.0 {
        reader.chunk(chunk, body, &mut events);
    }
    reader.end(&mut events);
    Fold::all(events).map_err(|error| match error {
        FoldError::Failed(fault) => fault,
        FoldError::Grammar(_) | FoldError::Truncated => Box::new(Fault::upstream_broken(error.to_string())),
    })
}

/// Writes a whole answer.
pub(super) fn write(response: &Response, reply: &Reply) -> Vec<u8> {
    let groundings: Vec<Grounding> =
        response.candidates.iter().map(|candidate| grounding(&candidate.parts)).collect();
    let candidates = response.candidates.iter().zip(&groundings).map(|(candidate, grounding)| Candidate {
        index: candidate.index,
        content: Content {
            role: Some("model"),
            parts: candidate.parts.iter().filter_map(|part| piece(part, reply.show)).collect(),
        },
        finish_reason: Some(stop::write(candidate.stop.reason, refused(&candidate.parts))),
        finish_message: finish_message(&candidate.stop),
        grounding_metadata: grounding.written(),
        logprobs_result: candidate.logprobs.as_ref().filter(|raw| logprobs_are_ours(raw)),
    });
    let chunk = Chunk {
        candidates: candidates.collect(),
        usage_metadata: Some(UsageMetadata::of(&response.usage)),
        model_version: &reply.model,
        response_id: &reply.id.unique,
    };
    // Texts, numbers and JSON can always be written.
    serde_json::to_vec(&chunk).unwrap_or_default()
}

/// A whole answer, or one chunk of a streamed one.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chunk<'a> {
    pub(super) candidates: Vec<Candidate<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage_metadata: Option<UsageMetadata>,
    pub(super) model_version: &'a str,
    pub(super) response_id: &'a str,
}

/// One answer.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    pub(super) index: u32,
    pub(super) content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finish_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) grounding_metadata: Option<&'a Grounding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs_result: Option<&'a RawJson>,
}

/// Token counts. The prompt includes what came from the cache, the candidates exclude thoughts.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are Google's")]
pub(super) struct UsageMetadata {
    prompt_token_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_content_token_count: Option<u64>,
    candidates_token_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    thoughts_token_count: Option<u64>,
    total_token_count: u64,
}

impl UsageMetadata {
    /// The counts in Google's division.
    pub(super) fn of(usage: &Usage) -> Self {
        Self {
            prompt_token_count: usage.input.unwrap_or(0),
            cached_content_token_count: usage.cache_read,
            candidates_token_count: usage.output.unwrap_or(0).saturating_sub(usage.reasoning.unwrap_or(0)),
            thoughts_token_count: usage.reasoning,
            total_token_count: usage.total(),
        }
    }
}

/// The vendor's words about an end that is not the usual one.
pub(super) fn finish_message(stop: &Stop) -> Option<&str> {
    match stop.reason {
        StopReason::Error | StopReason::Filtered | StopReason::MalformedCall | StopReason::Refusal => {
            stop.detail.as_deref()
        }
        StopReason::ContextFull
        | StopReason::EndTurn
        | StopReason::MaxTokens
        | StopReason::Pause
        | StopReason::StopSequence
        | StopReason::ToolUse => None,
    }
}

/// Whether probabilities have Google's form: any other makes its clients fail.
pub(super) fn logprobs_are_ours(raw: &RawJson) -> bool {
    let fields = raw.read::<Fields>().unwrap_or_default().0;
    fields.iter().any(|(name, _)| matches!(name.as_str(), "chosenCandidates" | "topCandidates"))
}

/// A signature beside a part, in Google's form.
pub(super) fn signature(token: &Token) -> String {
    token::wrap(token, Family::Gemini)
}

fn grounding(parts: &[Part]) -> Grounding {
    let mut grounding = Grounding::default();
    let mut passage = Passage::default();
    for part in parts {
        if let PartKind::Text { text, citations } = &part.kind {
            passage.push(text);
            for citation in citations {
                grounding.add(citation, &passage);
            }
            passage.begin_next();
        }
    }
    grounding
}

/// Whether the model declined in its own words.
fn refused(parts: &[Part]) -> bool {
    parts.iter().any(|part| matches!(part.kind, PartKind::Refusal(_)))
}

fn piece(part: &Part, show: Show) -> Option<Piece<'_>> {
    let made = match &part.kind {
        PartKind::Media(media) => parts::Part::media(media)?,
        PartKind::Opaque { family: Family::Gemini, raw } => return Some(Piece::Raw(raw)),
        PartKind::Opaque { .. } | PartKind::ToolResult(_) => return None,
        PartKind::Reasoning(reasoning) => {
            let (shown, hidden) =
                if show == Show::None { ("", &*reasoning.text) } else { (&*reasoning.text, "") };
            let sign = |token| thought::write(token, reasoning.kind, reasoning.item_id.as_deref(), hidden);
            let thought_signature = reasoning.token.as_ref().map(sign);
            if shown.is_empty() && thought_signature.is_none() {
                return None;
            }
            return Some(Piece::Made(parts::Part {
                thought: true,
                thought_signature,
                ..parts::Part::text(shown)
            }));
        }
        PartKind::Text { text, .. } | PartKind::Refusal(text) if text.is_empty() && part.token.is_none() => {
            return None;
        }
        PartKind::Text { text, .. } | PartKind::Refusal(text) => parts::Part::text(text.as_str()),
        PartKind::ToolCall(call) => {
            let function_call = Some(parts::FunctionCall {
                id: Some(&call.id),
                name: &call.name,
                args: arguments_object(&call.arguments),
            });
            parts::Part { function_call, ..parts::Part::default() }
        }
    };
    Some(Piece::Made(parts::Part { thought_signature: part.token.as_ref().map(signature), ..made }))
}
