//! An upstream's answer into events: chunk by chunk, or a whole answer read as one chunk.
//!
//! Owns the end of an answer (wire-format facts, 0.3): one that has a finish reason or `[DONE]` is
//! complete, one that has neither broke off, one without any choice is none. The reason is told last, so
//! that nothing which comes after it is lost.

use std::collections::BTreeMap;

use byok_types::chat::{Event, Fold, FoldError, Response, Start, Usage};
use byok_types::{Fault, RawJson};

use super::calls;
use super::choice::Choice;
use super::fault;
use super::stop;
use super::wire::{self, Answer};
use crate::format::EventReader;
use crate::sse::Frame;

/// Reads one answer.
#[derive(Debug, Default)]
pub(super) struct Reader {
    stage: Stage,
    start: Start,
    choices: BTreeMap<u32, Choice>,
    usage: Usage,
    /// The last frame ended in the middle of its JSON: fine at the end of the input, and nowhere else.
    half: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Before,
    Running,
    Ended,
}

/// The most choices of one answer.
const MAX_CHOICES: u64 = 128;

impl Reader {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Reads one chunk, or a whole answer. `text` is what it was parsed from.
    fn take(
        &mut self,
        answer: Answer,
        text: &[u8],
        whole: bool,
        out: &mut Vec<Event>,
    ) -> Result<(), Box<Fault>> {
        if tells_of_error(&answer) {
            return Err(Box::new(fault::read(None, text)));
        }
        self.note_start(&answer);
        let usage = answer.usage.0.or_else(|| answer.x_groq.0.and_then(|groq| groq.usage.0));
        self.note_usage(usage.as_ref());
        for (choice, position) in answer.choices.into_iter().flatten().zip(0..) {
            self.choice(choice, position, whole, out)?;
        }
        Ok(())
    }

    fn choice(
        &mut self,
        choice: wire::Choice,
        position: u64,
        whole: bool,
        out: &mut Vec<Event>,
    ) -> Result<(), Box<Fault>> {
        if let Some(error) = choice.error.filter(fault::is_error) {
            return Err(Box::new(fault::read(None, error.get().as_bytes())));
        }
        let index = choice.index.0.map_or(position, |index| index.0);
        let Some(candidate) = u32::try_from(index).ok().filter(|_| index < MAX_CHOICES) else {
            return Err(Box::new(Fault::upstream_broken("the upstream numbered a choice out of all bounds")));
        };
        if self.stage == Stage::Before {
            self.stage = Stage::Running;
            out.push(Event::Start(self.start.clone()));
        }
        self.note_usage(choice.usage.0.as_ref());
        let seed = || {
            let seed = calls::hash(0, self.start.id.as_bytes());
            calls::hash(seed, &self.start.created.unwrap_or(0).to_le_bytes())
        };
        let reader = self.choices.entry(candidate).or_insert_with(|| Choice::new(candidate, seed()));
        // A server that pretends to stream sends the whole message at once.
        let (delta, whole) = match (choice.delta, choice.message) {
            (Some(delta), _) => (delta, whole),
            (None, message) => (message.unwrap_or_default(), true),
        };
        reader.read(delta, whole, out)?;
        if let Some(raw) = choice.logprobs.filter(RawJson::is_object) {
            out.push(Event::Logprobs { candidate, raw });
        }
        match choice.finish_reason.text() {
            Some(reason) => reader.finish(reason),
            None => Ok(()),
        }
    }

    /// Azure's first chunk has empty ids, and some servers change theirs: the first that says something
    /// counts.
    fn note_start(&mut self, answer: &Answer) {
        if self.stage != Stage::Before {
            return;
        }
        let first = |known: &mut String, told: Option<&str>| {
            if known.is_empty() {
                told.unwrap_or_default().clone_into(known);
            }
        };
        first(&mut self.start.id, answer.id.text());
        first(&mut self.start.model, answer.model.text());
        let created = answer.created.0.map(|created| created.0).filter(|&created| created > 0);
        self.start.created = self.start.created.or(created);
    }

    fn note_usage(&mut self, usage: Option<&wire::Usage>) {
        if let Some(usage) = usage {
            self.usage.update(&stop::read_usage(usage));
        }
    }

    /// The answer is complete.
    fn complete(&mut self, out: &mut Vec<Event>) {
        if self.choices.is_empty() {
            self.fail(Fault::upstream_broken("the upstream ended its stream without an answer"), out);
            return;
        }
        let stops: Vec<Event> = self
            .choices
            .iter_mut()
            .map(|(&candidate, choice)| Event::Stop { candidate, stop: choice.end(out) })
            .collect();
        self.tell_usage(out);
        out.extend(stops);
        out.push(Event::End);
        self.stage = Stage::Ended;
    }

    fn fail(&mut self, fault: impl Into<Box<Fault>>, out: &mut Vec<Event>) {
        if self.stage == Stage::Running {
            self.tell_usage(out);
        }
        out.push(Event::Error(fault.into()));
        self.stage = Stage::Ended;
    }

    fn tell_usage(&self, out: &mut Vec<Event>) {
        if !self.usage.is_empty() {
            out.push(Event::Usage(self.usage));
        }
    }
}

impl EventReader for Reader {
    fn read(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        let data = frame.data.trim_ascii();
        if self.stage == Stage::Ended || data.is_empty() {
            return;
        }
        if self.half {
            self.fail(Fault::upstream_broken("the upstream sent a chunk that is cut short"), out);
            return;
        }
        if data == b"[DONE]" {
            self.complete(out);
            return;
        }
        if frame.event == Some("error") {
            self.fail(fault::read(None, data), out);
            return;
        }
        match serde_json::from_slice(data) {
            Ok(answer) => {
                if let Err(fault) = self.take(answer, data, false, out) {
                    self.fail(fault, out);
                }
            }
            Err(error) if error.is_eof() => self.half = true,
            Err(_) => {
                self.fail(Fault::upstream_broken("the upstream sent a chunk that makes no sense"), out);
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.stage == Stage::Ended {
            return;
        }
        if self.choices.is_empty() || self.choices.values().all(Choice::is_finished) {
            self.complete(out);
        } else {
            self.fail(Fault::upstream_broken("the upstream's answer broke off before its end"), out);
        }
    }
}

/// Whether this is an error in the place of an answer.
fn tells_of_error(answer: &Answer) -> bool {
    let says_nothing = answer.choices.is_none() && answer.usage.0.is_none();
    answer.error.as_ref().is_some_and(fault::is_error)
        || (says_nothing
            && (answer.object.text() == Some("error")
                || answer.message.text().is_some()
                || answer.detail.as_ref().is_some_and(fault::is_error)))
}

/// Reads a whole answer.
pub(super) fn read_whole(body: &[u8]) -> Result<Response, Box<Fault>> {
    let body = body.trim_ascii();
    let broken = |message: &str| Box::new(Fault::upstream_broken(message));
    if body.is_empty() {
        return Err(broken("the upstream answered with an empty body"));
    }
    let mut answer: Answer = serde_json::from_slice(body).map_err(|error| {
        broken(match (body.first(), error.is_data()) {
            (Some(b'<'), _) => "the upstream answered with a web page instead of an API answer",
            (_, true) => "the upstream's answer is no chat completion",
            (_, false) => "the upstream's answer is not JSON",
        })
    })?;
    let tier = answer.service_tier.0.take();
    let mut reader = Reader::new();
    let mut events = Vec::new();
    reader.take(answer, body, true, &mut events)?;
    reader.complete(&mut events);
    let response = Fold::all(events).map_err(|error| match error {
        FoldError::Failed(fault) => fault,
        FoldError::Grammar(_) | FoldError::Truncated => broken("the upstream's answer makes no sense"),
    })?;
    Ok(Response { tier, ..response })
}
