//! The streamed answer to a client: events to chunks.
//!
//! Google's clients read lines that begin with `data: ` and nothing else: an event name, a comment or a
//! keepalive makes them fail or lose a chunk, so there are none. A function call goes out when it is
//! complete, and why an answer ended stands in the last chunk only.

use std::collections::BTreeMap;

use byok_types::chat::{Delta, Event, Head, ReasoningKind, Show, Stop, StopReason, Usage};
use byok_types::{Family, Fault, RawJson};
use serde::Serialize;

use super::fault::ErrorAnswer;
use super::grounding::{Grounding, Passage};
use super::parts::{Content, FunctionCall, Part, Piece};
use super::response::{Candidate, Chunk, UsageMetadata, finish_message, logprobs_are_ours, signature};
use super::{stop, thought};
use crate::format::{ClientFormat, EventWriter, Reply};
use crate::wire::{arguments_object, keep_on_one_line};

/// Longest hidden thoughts that ride along with their signature.
const MAX_HIDDEN: usize = 1024 * 1024;

/// Writes one answer.
#[derive(Debug)]
pub(super) struct Writer {
    framing: Framing,
    reply: Reply,
    answers: BTreeMap<u32, Answer>,
    usage: Usage,
}

/// How chunks follow each other.
#[derive(Debug)]
enum Framing {
    /// One JSON array, element by element.
    Array {
        begun: bool,
    },
    Events,
}

#[derive(Debug, Default)]
struct Answer {
    open: Open,
    passage: Passage,
    grounding: Grounding,
    logprobs: Option<RawJson>,
    stop: Option<Stop>,
    /// Whether the model declined in its own words.
    refused: bool,
}

#[derive(Debug, Default)]
enum Open {
    Call {
        id: String,
        name: String,
        arguments: String,
        signature: Option<String>,
    },
    #[default]
    Nothing,
    Text,
    Thought {
        kind: ReasoningKind,
        item_id: Option<String>,
        hidden: String,
    },
}

impl Writer {
    /// A writer of the answer to one request.
    pub(super) fn new(reply: Reply) -> Self {
        let framing = if reply.json_array { Framing::Array { begun: false } } else { Framing::Events };
        Self { framing, reply, answers: BTreeMap::new(), usage: Usage::default() }
    }

    fn open(&mut self, index: u32, head: &Head, out: &mut Vec<u8>) {
        self.answers.entry(index).or_default().refused |= *head == Head::Refusal;
        self.answers.entry(index).or_default().open = match head {
            Head::Media(media) => {
                if let Some(part) = Part::media(media) {
                    self.part(index, Piece::Made(part), out);
                }
                Open::Nothing
            }
            Head::Opaque { family, raw } => {
                if *family == Family::Gemini {
                    self.part(index, Piece::Raw(raw), out);
                }
                Open::Nothing
            }
            Head::Reasoning { kind, item_id } => {
                Open::Thought { kind: *kind, item_id: item_id.clone(), hidden: String::new() }
            }
            Head::Refusal | Head::Text => Open::Text,
            Head::ToolCall { id, name, .. } => {
                Open::Call { id: id.clone(), name: name.clone(), arguments: String::new(), signature: None }
            }
        };
    }

    fn delta(&mut self, index: u32, delta: &Delta, out: &mut Vec<u8>) {
        let answer = self.answers.entry(index).or_default();
        let part = match (delta, &mut answer.open) {
            (Delta::Text(text), Open::Text) => {
                answer.passage.push(text);
                Part::text(text)
            }
            (Delta::Text(text), Open::Thought { hidden, .. }) => {
                if self.reply.show == Show::None {
                    if hidden.len() <= MAX_HIDDEN {
                        hidden.push_str(text);
                    }
                    return;
                }
                Part { thought: true, ..Part::text(text) }
            }
            (Delta::Token(token), Open::Text) => {
                Part { thought_signature: Some(signature(token)), ..Part::text("") }
            }
            (Delta::Token(token), Open::Thought { kind, item_id, hidden }) => {
                if hidden.len() > MAX_HIDDEN {
                    // A signature without its thoughts is worth nothing.
                    return;
                }
                let signature = thought::write(token, *kind, item_id.as_deref(), hidden);
                Part { thought: true, thought_signature: Some(signature), ..Part::text("") }
            }
            (Delta::Arguments(more), Open::Call { arguments, .. }) => {
                arguments.push_str(more);
                return;
            }
            (Delta::Token(token), Open::Call { signature: own, .. }) => {
                *own = Some(signature(token));
                return;
            }
            (Delta::Citation(citation), _) => {
                answer.grounding.add(citation, &answer.passage);
                return;
            }
            _ => return,
        };
        self.part(index, Piece::Made(part), out);
    }

    fn close(&mut self, index: u32, out: &mut Vec<u8>) {
        let answer = self.answers.entry(index).or_default();
        match std::mem::take(&mut answer.open) {
            Open::Call { id, name, arguments, signature } => {
                let args = arguments_object(&arguments);
                let function_call = Some(FunctionCall { id: Some(&id), name: &name, args });
                let part = Part { function_call, thought_signature: signature, ..Part::default() };
                self.part(index, Piece::Made(part), out);
            }
            Open::Text => answer.passage.begin_next(),
            Open::Nothing | Open::Thought { .. } => {}
        }
    }

    /// Writes a chunk with one part.
    fn part(&mut self, index: u32, part: Piece<'_>, out: &mut Vec<u8>) {
        let candidate = Candidate {
            index,
            content: Content { role: Some("model"), parts: vec![part] },
            finish_reason: None,
            finish_message: None,
            grounding_metadata: None,
            logprobs_result: None,
        };
        let chunk = Chunk {
            candidates: vec![candidate],
            usage_metadata: None,
            model_version: &self.reply.model,
            response_id: &self.reply.id.unique,
        };
        self.framing.write(&chunk, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let stops = || self.answers.values().filter_map(|answer| answer.stop.as_ref());
        if stops().next().is_some() && stops().all(|stop| stop.reason == StopReason::Error) {
            let detail = stops().find_map(|stop| stop.detail.as_deref()).unwrap_or("the model gave up");
            let fault = Fault::upstream_broken(detail);
            return self.fail(&fault, out);
        }
        let candidates = self.answers.iter().map(|(&index, answer)| Candidate {
            index,
            // As the service itself does: clients look for a part in every chunk.
            content: Content { role: Some("model"), parts: vec![Piece::Made(Part::text(""))] },
            finish_reason: answer.stop.as_ref().map(|stop| stop::write(stop.reason, answer.refused)),
            finish_message: answer.stop.as_ref().and_then(finish_message),
            grounding_metadata: answer.grounding.written(),
            logprobs_result: answer.logprobs.as_ref().filter(|raw| logprobs_are_ours(raw)),
        });
        let chunk = Chunk {
            candidates: candidates.collect(),
            usage_metadata: Some(UsageMetadata::of(&self.usage)),
            model_version: &self.reply.model,
            response_id: &self.reply.id.unique,
        };
        self.framing.write(&chunk, out);
        self.framing.end(out);
    }

    fn fail(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        let status = super::Gemini.fault_status(fault);
        self.framing.write(&ErrorAnswer::of(fault, status), out);
        self.framing.end(out);
    }
}

impl EventWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start(start) => self.usage.update(&start.usage),
            Event::Open { candidate, head } => self.open(*candidate, head, out),
            Event::Delta { candidate, delta } => self.delta(*candidate, delta, out),
            Event::Close { candidate } => self.close(*candidate, out),
            Event::Usage(usage) => self.usage.update(usage),
            Event::Logprobs { candidate, raw } => {
                self.answers.entry(*candidate).or_default().logprobs = Some(raw.clone());
            }
            Event::Stop { candidate, stop } => {
                self.answers.entry(*candidate).or_default().stop = Some(stop.clone());
            }
            Event::End => self.end(out),
            Event::Error(fault) => self.fail(fault, out),
            Event::Heartbeat => {}
        }
    }

    /// There is no sign of life that every client of this format survives.
    fn keepalive(&mut self, _out: &mut Vec<u8>) {}
}

impl Framing {
    fn write(&mut self, chunk: &impl Serialize, out: &mut Vec<u8>) {
        match self {
            Self::Array { begun } => {
                out.extend_from_slice(if *begun { b",\n" } else { b"[" });
                *begun = true;
            }
            Self::Events => out.extend_from_slice(b"data: "),
        }
        let start = out.len();
        // Texts, numbers and JSON can always be written.
        if serde_json::to_writer(&mut *out, chunk).is_err() {
            out.truncate(start);
        }
        keep_on_one_line(out, start);
        if let Self::Events = self {
            out.extend_from_slice(b"\n\n");
        }
    }

    fn end(&self, out: &mut Vec<u8>) {
        match self {
            Self::Array { begun: true } => out.push(b']'),
            Self::Array { begun: false } => out.extend_from_slice(b"[]"),
            Self::Events => {}
        }
    }
}
