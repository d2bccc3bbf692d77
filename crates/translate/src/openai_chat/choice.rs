//! One choice of an upstream's answer: its pieces, put into the order that the event grammar wants.
//!
//! Pieces queue up as items. The first item is the open part and streams; later ones wait until it is
//! complete. Text and thoughts are complete when something else begins, a call when its arguments are a
//! complete JSON value or the answer is over: so interleaved calls are taken apart, and a call that is
//! alone streams as it comes.

use std::collections::VecDeque;

use byok_types::chat::{
    Citation, Delta, Event, Head, Media, MediaKind, ReasoningKind, Source, Stop, StopReason, Token,
};
use byok_types::{Fault, RawJson};

use super::calls::{self, Calls, MAX_CALLS, Stage};
use super::details::{self, Detail, Marks};
use super::wire::{self, Annotation, ContentPart, ExtraContent};
use super::{FAMILY, length, stop};
use crate::media;
use crate::sse::MAX_FRAME;
use crate::wire::TextOr;

/// One choice while it is read.
#[derive(Debug)]
pub(super) struct Choice {
    candidate: u32,
    items: VecDeque<Item>,
    /// Whether the first item has been opened.
    open: bool,
    calls: Calls,
    /// Some call was shown.
    shown: bool,
    refused: bool,
    stop: Option<Stop>,
    /// Characters in the text parts that are closed.
    chars: u64,
    /// Sources that came before their text.
    sources: Vec<Citation>,
    /// Bytes that wait for an earlier item.
    held: usize,
}

#[derive(Debug)]
enum Item {
    Call(usize),
    Media(Media),
    Reasoning { kind: ReasoningKind, item_id: Option<String>, held: String, plain: bool, marks: Marks },
    Refusal(String),
    Text { held: String, chars: u64, sources: Vec<Citation>, token: Option<Token> },
}

/// The most that may wait: what comes out of order is small, and an upstream must not fill the memory.
const MAX_HELD: usize = 2 * MAX_FRAME;

impl Choice {
    /// The choice of the given number. `seed` tells this answer from others.
    pub(super) fn new(candidate: u32, seed: u64) -> Self {
        Self {
            candidate,
            items: VecDeque::new(),
            open: false,
            calls: Calls::new(calls::hash(seed, &candidate.to_le_bytes())),
            shown: false,
            refused: false,
            stop: None,
            chars: 0,
            sources: Vec::new(),
            held: 0,
        }
    }

    /// Reads one delta. `whole`: it is a complete message.
    pub(super) fn read(
        &mut self,
        delta: wire::Delta,
        whole: bool,
        out: &mut Vec<Event>,
    ) -> Result<(), Box<Fault>> {
        self.read_thoughts(&delta);
        match delta.content {
            Some(TextOr::Text(text)) => self.text(text),
            Some(TextOr::List(parts)) => parts.into_iter().for_each(|part| self.part(part)),
            None => {}
        }
        if let Some(text) = delta.audio.0.and_then(|audio| audio.transcript.0) {
            self.text(text);
        }
        if let Some(text) = delta.refusal.0 {
            self.refusal(&text);
        }
        delta.images.0.into_iter().flatten().for_each(|image| self.part(image));
        for (position, call) in delta.tool_calls.into_iter().flatten().enumerate() {
            if self.calls.len() == MAX_CALLS || self.held > MAX_HELD {
                return Err(Box::new(Fault::upstream_broken(
                    "the upstream sent more interleaved tool calls than byok can hold",
                )));
            }
            self.call(&call, position, whole);
        }
        if let Some(function) = delta.function_call {
            // The legacy form has one call and no way to tell a second.
            self.call(&wire::ToolCall { function: Some(function), ..wire::ToolCall::default() }, 0, false);
        }
        delta.annotations.0.iter().flatten().for_each(|raw| self.annotation(raw));
        if let Some(extra) = &delta.extra_content.0 {
            self.beside_text(extra);
        }
        self.pump(false, out);
        Ok(())
    }

    /// Notes why the answer ended. A reason that says more is not replaced by one that says less.
    pub(super) fn finish(&mut self, reason: &str) -> Result<(), Box<Fault>> {
        let Some(stop) = stop::read_reason(reason) else {
            let message =
                format!("the upstream gave up in the middle of the answer (finish_reason {reason:.40})");
            return Err(Box::new(Fault::upstream_broken(message)));
        };
        let says_less = stop.reason == StopReason::EndTurn
            && self.stop.as_ref().is_some_and(|known| known.reason != StopReason::EndTurn);
        if !says_less {
            self.stop = Some(stop);
        }
        Ok(())
    }

    /// Whether the upstream has said why the answer ended.
    pub(super) fn is_finished(&self) -> bool {
        self.stop.is_some()
    }

    /// The answer is over: completes every part, and tells the reason.
    pub(super) fn end(&mut self, out: &mut Vec<Event>) -> Stop {
        self.pump(true, out);
        let stop = stop::settle(self.stop.take(), self.shown, self.refused);
        // Calls of which none could be shown: they never got a name.
        if self.calls.len() > 0 && !self.shown && stop.reason == StopReason::EndTurn {
            return Stop::new(StopReason::MalformedCall);
        }
        stop
    }

    /// Thoughts come as details, as plain text, or as both at once; the same words are taken once.
    fn read_thoughts(&mut self, delta: &wire::Delta) {
        let details = delta.reasoning_details.0.iter().flatten().filter_map(details::read);
        let details: Vec<Detail> = details.collect();
        let plain = delta.reasoning_content.text().or(delta.reasoning.text());
        if let Some(text) = plain.filter(|_| details.iter().all(|detail| detail.text.is_empty())) {
            self.thought(text);
        }
        for detail in details {
            self.detail(detail);
        }
    }

    fn thought(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.held += text.len();
        if let Some(Item::Reasoning { held, plain, .. }) = self.items.back_mut() {
            held.push_str(text);
            *plain = true;
            return;
        }
        self.items.push_back(Item::Reasoning {
            kind: ReasoningKind::Thinking,
            item_id: None,
            held: text.to_owned(),
            plain: true,
            marks: Marks::default(),
        });
    }

    fn detail(&mut self, mut detail: Detail) {
        if let Some(Item::Reasoning { held, plain, marks, .. }) = self.items.back_mut() {
            if *plain {
                detail.text.clear();
            }
            if marks.join(&detail) {
                self.held += detail.text.len();
                held.push_str(&detail.text);
                marks.take(detail);
                return;
            }
        }
        self.held += detail.text.len();
        let mut marks = Marks::default();
        let (kind, item_id, held) = (detail.kind, detail.item_id.clone(), detail.text.clone());
        marks.take(detail);
        self.items.push_back(Item::Reasoning { kind, item_id, held, plain: false, marks });
    }

    fn text(&mut self, text: String) {
        if text.is_empty() {
            return;
        }
        self.held += text.len();
        if let Some(Item::Text { held, .. }) = self.items.back_mut() {
            if held.is_empty() {
                *held = text;
            } else {
                held.push_str(&text);
            }
            return;
        }
        let sources = std::mem::take(&mut self.sources);
        self.items.push_back(Item::Text { held: text, chars: 0, sources, token: None });
    }

    fn refusal(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.refused = true;
        self.held += text.len();
        match self.items.back_mut() {
            Some(Item::Refusal(held)) => held.push_str(text),
            _ => self.items.push_back(Item::Refusal(text.to_owned())),
        }
    }

    /// A part of a content list; what has no meaning in an answer is left out.
    fn part(&mut self, part: ContentPart) {
        match part.r#type.as_deref() {
            Some("thinking") => self.thought(&part.thoughts()),
            Some("refusal") => self.refusal(&part.refusal.unwrap_or_default()),
            Some("image_url") => {
                let source = part.image_url.and_then(|link| media::source_of_url(&link.url?));
                if let Some(source @ (Source::Base64 { .. } | Source::Url { .. })) = source {
                    self.items.push_back(Item::Media(Media::new(MediaKind::Image, source)));
                }
            }
            _ => self.text(part.text.unwrap_or_default()),
        }
    }

    fn call(&mut self, piece: &wire::ToolCall, position: usize, whole: bool) {
        let (number, new, grown) = self.calls.take(piece, position, whole);
        self.held += grown;
        if new {
            self.items.push_back(Item::Call(number));
        }
    }

    /// A source of the text: it goes to the last text that has come, or waits for the first.
    fn annotation(&mut self, raw: &RawJson) {
        let Ok(Annotation { url_citation }) = raw.read::<Annotation>() else { return };
        let Some(cited) = url_citation.0 else { return };
        let offset = |index: &wire::Maybe<wire::Count>| index.0.map(|index| index.0);
        let citation = Citation {
            start: offset(&cited.start_index),
            end: offset(&cited.end_index),
            url: cited.url.0,
            title: cited.title.0,
            text: cited.content.0,
            family: FAMILY,
            raw: raw.clone(),
        };
        let text = self.items.iter_mut().rev().find_map(|item| match item {
            Item::Text { sources, .. } => Some(sources),
            _ => None,
        });
        text.unwrap_or(&mut self.sources).push(citation);
    }

    /// What the vendor puts beside the text.
    fn beside_text(&mut self, extra: &ExtraContent) {
        if let Some(Item::Text { token, .. }) = self.items.back_mut()
            && token.is_none()
        {
            *token = calls::read_token(extra);
        }
    }

    /// Emits what can be emitted. `last`: nothing more will come.
    fn pump(&mut self, last: bool, out: &mut Vec<Event>) {
        while let Some(front) = self.items.pop_front() {
            let over = last || !self.items.is_empty();
            if let Some(front) = self.emit(front, over, last, out) {
                self.items.push_front(front);
                return;
            }
            self.open = false;
        }
    }

    /// Emits what can be emitted of the first item, and gives it back where it is not complete. `over`:
    /// something else has begun, or nothing more will come.
    fn emit(&mut self, item: Item, over: bool, last: bool, out: &mut Vec<Event>) -> Option<Item> {
        let candidate = self.candidate;
        match item {
            Item::Call(number) => return self.emit_call(number, over, last, out),
            Item::Media(media) => self.begin(Head::Media(media), out),
            Item::Reasoning { kind, item_id, mut held, plain, marks } => {
                self.begin(Head::Reasoning { kind, item_id: item_id.clone() }, out);
                self.pass_on(&mut held, Delta::Text, out);
                if !over {
                    return Some(Item::Reasoning { kind, item_id, held, plain, marks });
                }
                if let Some(token) = marks.token() {
                    out.push(Event::Delta { candidate, delta: Delta::Token(token) });
                }
            }
            Item::Refusal(mut held) => {
                self.begin(Head::Refusal, out);
                self.pass_on(&mut held, Delta::Text, out);
                if !over {
                    return Some(Item::Refusal(held));
                }
            }
            Item::Text { mut held, mut chars, sources, token } => {
                self.begin(Head::Text, out);
                chars += length(&held);
                self.pass_on(&mut held, Delta::Text, out);
                if !over {
                    return Some(Item::Text { held, chars, sources, token });
                }
                for source in sources {
                    let local = |offset: Option<u64>| offset?.checked_sub(self.chars);
                    let (start, end) = (local(source.start), local(source.end));
                    let delta = Delta::Citation(Citation { start, end, ..source });
                    out.push(Event::Delta { candidate, delta });
                }
                self.chars += chars;
                out.extend(token.map(|token| Event::Delta { candidate, delta: Delta::Token(token) }));
            }
        }
        out.push(Event::Close { candidate });
        None
    }

    fn emit_call(&mut self, number: usize, over: bool, last: bool, out: &mut Vec<Event>) -> Option<Item> {
        let candidate = self.candidate;
        let call = self.calls.call(number)?;
        let complete = last || (over && call.is_complete());
        if call.stage == Stage::Held {
            if call.name.is_empty() {
                // Nobody can run a call without a name.
                return (!last).then_some(Item::Call(number));
            }
            if !complete && !call.is_ready() {
                return Some(Item::Call(number));
            }
            call.stage = Stage::Open;
            let (name, kind) = (call.name.clone(), call.kind);
            let (id, generated_id) = self.calls.settle_id(number);
            let head = Head::ToolCall { id, generated_id, name, kind, namespace: None, item_id: None };
            self.begin(head, out);
            self.shown = true;
        }
        let call = self.calls.call(number)?;
        if let Some(arguments) = call.release(complete) {
            self.held = self.held.saturating_sub(arguments.len());
            out.push(Event::Delta { candidate, delta: Delta::Arguments(arguments) });
        }
        if !complete {
            return Some(Item::Call(number));
        }
        call.stage = Stage::Closed;
        if let Some(token) = call.token.take() {
            out.push(Event::Delta { candidate, delta: Delta::Token(token) });
        }
        out.push(Event::Close { candidate });
        None
    }

    fn begin(&mut self, head: Head, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.open, true) {
            out.push(Event::Open { candidate: self.candidate, head });
        }
    }

    fn pass_on(&mut self, held: &mut String, delta: fn(String) -> Delta, out: &mut Vec<Event>) {
        if !held.is_empty() {
            self.held = self.held.saturating_sub(held.len());
            out.push(Event::Delta { candidate: self.candidate, delta: delta(std::mem::take(held)) });
        }
    }
}
