//! Events into the chunks of a Chat client's stream.
//!
//! Ids, types and names are written once, because clients put strings together; every choice has one
//! chunk with the role and one with the finish reason; `[DONE]` comes only after success.

use std::collections::BTreeMap;

use byok_types::chat::{
    Citation, Delta, Event, Head, Media, ReasoningPart, Show, StopReason, Token, ToolKind, Usage,
};
use byok_types::{Fault, RawJson};
use serde::Serialize;
use serde_json::{Value, json};

use super::message_write::{CallOut, CustomOut, FunctionOut};
use super::response_write::{annotation, image, is_chat_logprobs};
use super::stop::{UsageOut, finish_reason};
use super::{details, fault, length, put};
use crate::format::{EventWriter, Reply};

/// Writes one streamed answer.
#[derive(Debug)]
pub(super) struct Writer {
    reply: Reply,
    /// What every chunk begins with.
    prefix: Vec<u8>,
    choices: BTreeMap<u32, Choice>,
    usage: Usage,
    ended: bool,
}

/// What has been written of one choice.
#[derive(Debug, Default)]
struct Choice {
    begun: bool,
    open: Option<Open>,
    calls: u32,
    thoughts: usize,
    /// Characters in the text parts that are closed.
    chars: u64,
    refused: bool,
    stopped: bool,
}

/// The open part.
#[derive(Debug)]
enum Open {
    Call(Call),
    /// A part that the client is not shown, or one that is complete from the start.
    Nothing,
    Reasoning(ReasoningPart),
    Refusal,
    Text {
        chars: u64,
        citations: Vec<Citation>,
    },
}

/// The open call.
#[derive(Debug)]
struct Call {
    at: Place,
    /// Some arguments have come.
    begun: bool,
    /// What is held back as long as a token may come that belongs into the first chunk: some clients look
    /// for the signature there and nowhere else.
    first: Option<FirstChunk>,
}

/// Which call of which choice.
#[derive(Clone, Copy, Debug)]
struct Place {
    candidate: u32,
    index: u32,
    kind: ToolKind,
}

#[derive(Debug)]
struct FirstChunk {
    id: String,
    name: String,
    /// Arguments that came in one piece, as they do from vendors with signatures.
    arguments: Option<String>,
}

impl Writer {
    pub(super) fn new(reply: Reply) -> Self {
        let mut prefix = b"data: {\"id\":".to_vec();
        put(&mut prefix, &format_args!("chatcmpl-{}", reply.id.unique));
        prefix.extend_from_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        put(&mut prefix, &reply.id.created);
        prefix.extend_from_slice(b",\"model\":");
        put(&mut prefix, &reply.model);
        Self { reply, prefix, choices: BTreeMap::new(), usage: Usage::default(), ended: false }
    }

    fn choice(&mut self, candidate: u32) -> &mut Choice {
        self.choices.entry(candidate).or_default()
    }

    /// The first chunk of a choice, once.
    fn begin(&mut self, candidate: u32, content: Option<&str>, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.choice(candidate).begun, true) {
            let role = json!({ "role": "assistant", "content": content });
            self.chunk(candidate, |out| put(out, &role), None, None, out);
        }
    }

    /// A chunk whose delta has one field.
    fn delta(&self, candidate: u32, key: &str, value: &impl Serialize, out: &mut Vec<u8>) {
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(b"{\"");
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":");
            put(out, value);
            out.push(b'}');
        };
        self.chunk(candidate, write, None, None, out);
    }

    fn chunk(
        &self,
        candidate: u32,
        delta: impl FnOnce(&mut Vec<u8>),
        finish: Option<&str>,
        logprobs: Option<&RawJson>,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(b",\"choices\":[{\"index\":");
        put(out, &candidate);
        out.extend_from_slice(b",\"delta\":");
        delta(out);
        if let Some(logprobs) = logprobs {
            out.extend_from_slice(b",\"logprobs\":");
            out.extend_from_slice(logprobs.get().as_bytes());
        }
        out.extend_from_slice(b",\"finish_reason\":");
        put(out, &finish);
        out.extend_from_slice(b"}]");
        if self.reply.include_usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
    }

    fn open(&mut self, candidate: u32, head: &Head, out: &mut Vec<u8>) {
        let content = if matches!(head, Head::Refusal) { None } else { Some("") };
        self.begin(candidate, content, out);
        let open = match head {
            Head::Media(media) => self.media(candidate, media, out),
            Head::Opaque { .. } => Open::Nothing,
            Head::Reasoning { kind, item_id } => Open::Reasoning(ReasoningPart {
                kind: *kind,
                text: String::new(),
                token: None,
                item_id: item_id.clone(),
            }),
            Head::Refusal => {
                self.choice(candidate).refused = true;
                Open::Refusal
            }
            Head::Text => Open::Text { chars: 0, citations: Vec::new() },
            Head::ToolCall { id, name, kind, .. } => self.call(candidate, id, name, *kind, out),
        };
        self.choice(candidate).open = Some(open);
    }

    fn media(&self, candidate: u32, media: &Media, out: &mut Vec<u8>) -> Open {
        if let Some(image) = image(media) {
            self.delta(candidate, "images", &[image], out);
        }
        Open::Nothing
    }

    fn call(&mut self, candidate: u32, id: &str, name: &str, kind: ToolKind, out: &mut Vec<u8>) -> Open {
        let choice = self.choice(candidate);
        let index = choice.calls;
        choice.calls += 1;
        let mut first = None;
        if self.reply.legacy_functions {
            // The legacy form has room for one call; the request asked for no more.
            if index > 0 {
                return Open::Nothing;
            }
            self.delta(candidate, "function_call", &FunctionOut { name: Some(name), arguments: "" }, out);
        } else {
            first = Some(FirstChunk { id: id.to_owned(), name: name.to_owned(), arguments: None });
        }
        Open::Call(Call { at: Place { candidate, index, kind }, begun: false, first })
    }

    /// Writes what has been held back of a call.
    fn first_chunk(&self, at: Place, first: Option<FirstChunk>, token: Option<&Token>, out: &mut Vec<u8>) {
        let Some(FirstChunk { id, name, arguments }) = first else { return };
        let mut call = CallOut::new(Some(at.index), &id, &name, "", at.kind);
        call.extra_content = token.map(details::extra_content);
        self.delta(at.candidate, "tool_calls", &[call], out);
        if let Some(arguments) = arguments {
            self.arguments(at, &arguments, None, out);
        }
    }

    /// Writes a piece of a call. The arguments are there even when only a token comes: clients insist.
    fn arguments(&self, at: Place, piece: &str, token: Option<&Token>, out: &mut Vec<u8>) {
        if self.reply.legacy_functions {
            self.delta(at.candidate, "function_call", &FunctionOut { name: None, arguments: piece }, out);
            return;
        }
        let extra_content = token.map(details::extra_content);
        let mut call = CallOut { index: Some(at.index), extra_content, ..CallOut::default() };
        match at.kind {
            ToolKind::Custom => call.custom = Some(CustomOut { name: None, input: piece }),
            ToolKind::Function => call.function = Some(FunctionOut { name: None, arguments: piece }),
        }
        self.delta(at.candidate, "tool_calls", &[call], out);
    }

    fn grow(&mut self, candidate: u32, delta: &Delta, out: &mut Vec<u8>) {
        let hidden = self.reply.show == Show::None;
        let Some(open) = self.choices.get_mut(&candidate).and_then(|choice| choice.open.as_mut()) else {
            return;
        };
        match (open, delta) {
            (Open::Text { chars, .. }, Delta::Text(text)) => {
                *chars += length(text);
                self.delta(candidate, "content", text, out);
            }
            (Open::Reasoning(part), Delta::Text(text)) => {
                part.text.push_str(text);
                if !hidden {
                    self.delta(candidate, "reasoning_content", text, out);
                }
            }
            (Open::Refusal, Delta::Text(text)) => self.delta(candidate, "refusal", text, out),
            (Open::Call(call), Delta::Arguments(piece)) => {
                let may_be_whole = !call.begun && piece.trim_end().ends_with('}');
                call.begun |= !piece.trim().is_empty();
                if let (true, Some(first)) = (may_be_whole, call.first.as_mut()) {
                    first.arguments = Some(piece.clone());
                    return;
                }
                let (at, first) = (call.at, call.first.take());
                self.first_chunk(at, first, None, out);
                self.arguments(at, piece, None, out);
            }
            (Open::Call(call), Delta::Token(token)) => {
                let (at, first) = (call.at, call.first.take());
                if first.is_some() {
                    self.first_chunk(at, first, Some(token), out);
                } else if !self.reply.legacy_functions {
                    self.arguments(at, "", Some(token), out);
                }
            }
            (Open::Reasoning(part), Delta::Token(token)) => part.token = Some(token.clone()),
            (Open::Text { .. }, Delta::Token(token)) => {
                self.delta(candidate, "extra_content", &details::extra_content(token), out);
            }
            (Open::Text { citations, .. }, Delta::Citation(citation)) => citations.push(citation.clone()),
            _ => {}
        }
    }

    fn close(&mut self, candidate: u32, out: &mut Vec<u8>) {
        let hidden = self.reply.show == Show::None;
        let choice = self.choice(candidate);
        match choice.open.take() {
            Some(Open::Call(Call { at, begun, first })) => {
                self.first_chunk(at, first, None, out);
                if !begun && at.kind == ToolKind::Function {
                    self.arguments(at, "{}", None, out);
                }
            }
            // A signature is bound to its text: where the text is hidden, it would be refused.
            Some(Open::Reasoning(part)) if !hidden || part.text.is_empty() => {
                let entries = details::write(&part, choice.thoughts);
                choice.thoughts += 1;
                if !entries.is_empty() {
                    self.delta(candidate, "reasoning_details", &entries, out);
                }
            }
            Some(Open::Text { chars, citations }) => {
                let before = choice.chars;
                choice.chars += chars;
                let sources = citations.iter().filter_map(|citation| annotation(citation, before));
                let sources: Vec<Value> = sources.collect();
                if !sources.is_empty() {
                    self.delta(candidate, "annotations", &sources, out);
                }
            }
            _ => {}
        }
    }

    fn stop(&mut self, candidate: u32, reason: StopReason, out: &mut Vec<u8>) {
        let refused = self.choice(candidate).refused;
        let Some(word) = finish_reason(reason, refused) else {
            self.error(&Fault::upstream_broken("the upstream gave up in the middle of the answer"), out);
            return;
        };
        self.begin(candidate, Some(""), out);
        if !std::mem::replace(&mut self.choice(candidate).stopped, true) {
            let legacy = self.reply.legacy_functions && reason == StopReason::ToolUse;
            let word = if legacy { "function_call" } else { word };
            self.chunk(candidate, |out| out.extend_from_slice(b"{}"), Some(word), None, out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.reply.include_usage {
            out.extend_from_slice(&self.prefix);
            out.extend_from_slice(b",\"choices\":[],\"usage\":");
            put(out, &UsageOut::from(&self.usage));
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.ended = true;
    }

    fn error(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&fault::write_fault(fault));
        out.extend_from_slice(b"\n\n");
        self.ended = true;
    }
}

impl EventWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start(start) => self.usage.update(&start.usage),
            Event::Open { candidate, head } => self.open(*candidate, head, out),
            Event::Delta { candidate, delta } => self.grow(*candidate, delta, out),
            Event::Close { candidate } => self.close(*candidate, out),
            Event::Usage(usage) => self.usage.update(usage),
            Event::Logprobs { candidate, raw } => {
                if is_chat_logprobs(raw) {
                    self.begin(*candidate, Some(""), out);
                    self.chunk(*candidate, |out| out.extend_from_slice(b"{}"), None, Some(raw), out);
                }
            }
            Event::Stop { candidate, stop } => self.stop(*candidate, stop.reason, out),
            Event::End => self.end(out),
            Event::Error(fault) => self.error(fault, out),
            Event::Heartbeat => {}
        }
    }

    fn keepalive(&mut self, out: &mut Vec<u8>) {
        if !self.ended {
            out.extend_from_slice(b": keep-alive\n\n");
        }
    }
}
