//! Turns a stream of events into a whole answer, and a whole answer into a stream of events.
//!
//! [`Fold`] also checks the grammar of [`super::event`], so that every test that folds a stream tests
//! the reader that made it.

use std::collections::BTreeMap;

use super::event::{Delta, Event, Head, Start};
use super::part::{Part, PartKind, ReasoningPart, ToolCall, ToolKind};
use super::response::{Candidate, Response, Stop, Usage};
use crate::{Fault, RawJson};

/// Collects events into a [`Response`].
#[derive(Debug, Default)]
pub struct Fold {
    stage: Stage,
    start: Start,
    candidates: BTreeMap<u32, Answer>,
    usage: Usage,
}

/// How far the stream has come.
#[derive(Debug, Default)]
enum Stage {
    #[default]
    Fresh,
    Running,
    Ended,
    Failed(Box<Fault>),
}

/// One answer while it grows.
#[derive(Debug, Default)]
struct Answer {
    parts: Vec<Part>,
    open: bool,
    stop: Option<Stop>,
    logprobs: Option<RawJson>,
}

/// Why a stream could not be folded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FoldError {
    /// The stream ended in an error of its own.
    #[error("the answer failed: {0}")]
    Failed(Box<Fault>),
    /// An event came where the grammar has no place for it.
    #[error("event out of order: {0}")]
    Grammar(&'static str),
    /// The stream broke off.
    #[error("the answer broke off before its end")]
    Truncated,
}

impl Fold {
    /// An empty fold.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event. An error means that the reader broke the grammar.
    pub fn push(&mut self, event: Event) -> Result<(), FoldError> {
        match (&self.stage, &event) {
            (Stage::Ended | Stage::Failed(_), _) => return Err(FoldError::Grammar("an event after the end")),
            (Stage::Fresh, Event::Start(_) | Event::Error(_) | Event::Heartbeat) => {}
            (Stage::Fresh, _) => return Err(FoldError::Grammar("an event before the start")),
            (Stage::Running, Event::Start(_)) => return Err(FoldError::Grammar("a second start")),
            (Stage::Running, _) => {}
        }
        match event {
            Event::Start(start) => {
                self.usage = start.usage;
                self.start = start;
                self.stage = Stage::Running;
            }
            Event::Open { candidate, head } => self.answer(candidate)?.open(head)?,
            Event::Delta { candidate, delta } => self.answer(candidate)?.grow(delta)?,
            Event::Close { candidate } => self.answer(candidate)?.close()?,
            Event::Usage(usage) => self.usage.update(&usage),
            Event::Logprobs { candidate, raw } => self.answer(candidate)?.logprobs = Some(raw),
            Event::Stop { candidate, stop } => {
                let answer = self.answer(candidate)?;
                if answer.open {
                    return Err(FoldError::Grammar("a stop inside an open part"));
                }
                answer.stop = Some(stop);
            }
            Event::End => {
                if self.candidates.values().any(|answer| answer.stop.is_none()) {
                    return Err(FoldError::Grammar("an end before every stop"));
                }
                self.stage = Stage::Ended;
            }
            Event::Error(fault) => self.stage = Stage::Failed(fault),
            Event::Heartbeat => {}
        }
        Ok(())
    }

    /// The whole answer, once the stream has ended.
    pub fn finish(self) -> Result<Response, FoldError> {
        match self.stage {
            Stage::Ended => {}
            Stage::Failed(fault) => return Err(FoldError::Failed(fault)),
            Stage::Fresh | Stage::Running => return Err(FoldError::Truncated),
        }
        let candidates = self.candidates.into_iter().filter_map(|(index, answer)| {
            // `End` was refused while a stop was missing.
            let stop = answer.stop?;
            Some(Candidate { index, parts: answer.parts, stop, logprobs: answer.logprobs })
        });
        Ok(Response {
            id: self.start.id,
            model: self.start.model,
            created: self.start.created,
            candidates: candidates.collect(),
            usage: self.usage,
            tier: None,
        })
    }

    /// Folds all of `events`.
    pub fn all(events: impl IntoIterator<Item = Event>) -> Result<Response, FoldError> {
        let mut fold = Self::new();
        for event in events {
            fold.push(event)?;
        }
        fold.finish()
    }

    /// What the answer has cost so far.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    fn answer(&mut self, candidate: u32) -> Result<&mut Answer, FoldError> {
        let answer = self.candidates.entry(candidate).or_default();
        if answer.stop.is_some() {
            return Err(FoldError::Grammar("an event after its candidate's stop"));
        }
        Ok(answer)
    }
}

impl Answer {
    fn open(&mut self, head: Head) -> Result<(), FoldError> {
        if self.open {
            return Err(FoldError::Grammar("a part inside an open part"));
        }
        self.open = true;
        self.parts.push(Part::new(match head {
            Head::Media(media) => PartKind::Media(media),
            Head::Opaque { family, raw } => PartKind::Opaque { family, raw },
            Head::Reasoning { kind, item_id } => {
                PartKind::Reasoning(ReasoningPart { kind, text: String::new(), token: None, item_id })
            }
            Head::Refusal => PartKind::Refusal(String::new()),
            Head::Text => PartKind::Text { text: String::new(), citations: Vec::new() },
            Head::ToolCall { id, generated_id, name, kind, namespace, item_id } => {
                PartKind::ToolCall(ToolCall {
                    id,
                    generated_id,
                    name,
                    arguments: String::new(),
                    kind,
                    namespace,
                    item_id,
                })
            }
        }));
        Ok(())
    }

    fn grow(&mut self, delta: Delta) -> Result<(), FoldError> {
        let Some(part) = self.parts.last_mut().filter(|_| self.open) else {
            return Err(FoldError::Grammar("a delta outside a part"));
        };
        match (delta, &mut part.kind) {
            (Delta::Text(more), PartKind::Text { text, .. } | PartKind::Refusal(text)) => {
                text.push_str(&more);
            }
            (Delta::Text(more), PartKind::Reasoning(reasoning)) => reasoning.text.push_str(&more),
            (Delta::Arguments(more), PartKind::ToolCall(call)) => call.arguments.push_str(&more),
            (Delta::Citation(citation), PartKind::Text { citations, .. }) => citations.push(citation),
            (Delta::Token(token), PartKind::Reasoning(reasoning)) => reasoning.token = Some(token),
            (Delta::Token(token), PartKind::Text { .. } | PartKind::ToolCall(_)) => part.token = Some(token),
            _ => return Err(FoldError::Grammar("a delta that does not fit its part")),
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), FoldError> {
        if !self.open {
            return Err(FoldError::Grammar("a close outside a part"));
        }
        self.open = false;
        if let Some(PartKind::ToolCall(call)) = self.parts.last_mut().map(|part| &mut part.kind)
            && call.kind == ToolKind::Function
            && call.arguments.trim().is_empty()
        {
            "{}".clone_into(&mut call.arguments);
        }
        Ok(())
    }
}

/// The events that a whole answer amounts to: how a streaming client is served by an upstream that
/// answered in one piece.
pub fn unfold(response: Response) -> Vec<Event> {
    let mut events = vec![Event::Start(Start {
        id: response.id,
        model: response.model,
        created: response.created,
        usage: Usage::default(),
    })];
    let mut stops = Vec::new();
    for Candidate { index: candidate, parts, stop, logprobs } in response.candidates {
        for part in parts {
            unfold_part(candidate, part, &mut events);
        }
        if let Some(raw) = logprobs {
            events.push(Event::Logprobs { candidate, raw });
        }
        stops.push(Event::Stop { candidate, stop });
    }
    events.append(&mut stops);
    if !response.usage.is_empty() {
        events.push(Event::Usage(response.usage));
    }
    events.push(Event::End);
    events
}

fn unfold_part(candidate: u32, part: Part, events: &mut Vec<Event>) {
    let mut deltas = Vec::new();
    let head = match part.kind {
        PartKind::Media(media) => Head::Media(media),
        PartKind::Opaque { family, raw } => Head::Opaque { family, raw },
        PartKind::Reasoning(ReasoningPart { kind, text, token, item_id }) => {
            deltas.extend((!text.is_empty()).then_some(Delta::Text(text)));
            deltas.extend(token.map(Delta::Token));
            Head::Reasoning { kind, item_id }
        }
        PartKind::Refusal(text) => {
            deltas.push(Delta::Text(text));
            Head::Refusal
        }
        PartKind::Text { text, citations } => {
            deltas.extend((!text.is_empty()).then_some(Delta::Text(text)));
            deltas.extend(citations.into_iter().map(Delta::Citation));
            deltas.extend(part.token.map(Delta::Token));
            Head::Text
        }
        PartKind::ToolCall(ToolCall { id, generated_id, name, arguments, kind, namespace, item_id }) => {
            deltas.push(Delta::Arguments(arguments));
            deltas.extend(part.token.map(Delta::Token));
            Head::ToolCall { id, generated_id, name, kind, namespace, item_id }
        }
        // A model answers no tool; nothing of it belongs into an answer.
        PartKind::ToolResult(_) => return,
    };
    events.push(Event::Open { candidate, head });
    events.extend(deltas.into_iter().map(|delta| Event::Delta { candidate, delta }));
    events.push(Event::Close { candidate });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::StopReason;

    fn start() -> Event {
        Event::Start(Start { id: "1".into(), model: "m".into(), ..Start::default() })
    }

    fn stop(reason: StopReason) -> Event {
        Event::Stop { candidate: 0, stop: Stop::new(reason) }
    }

    #[test]
    fn a_stream_folds_into_its_answer_and_back() {
        let head = Head::ToolCall {
            id: "call_1".into(),
            generated_id: false,
            name: "weather".into(),
            kind: ToolKind::Function,
            namespace: None,
            item_id: None,
        };
        let events = vec![
            start(),
            Event::Open { candidate: 0, head: Head::Text },
            Event::Delta { candidate: 0, delta: Delta::Text("Hi there".into()) },
            Event::Close { candidate: 0 },
            Event::Open { candidate: 0, head },
            Event::Delta { candidate: 0, delta: Delta::Arguments("{\"city\":\"Oslo\"}".into()) },
            Event::Close { candidate: 0 },
            stop(StopReason::ToolUse),
            Event::Usage(Usage { input: Some(20), output: Some(15), ..Usage::default() }),
            Event::End,
        ];
        let response = Fold::all(events.clone()).unwrap();
        assert_eq!(unfold(response), events);
    }

    #[test]
    fn the_grammar_is_checked() {
        let outside = Event::Delta { candidate: 0, delta: Delta::Text("x".into()) };
        let misfit = Event::Delta { candidate: 0, delta: Delta::Arguments("x".into()) };
        let open = || Event::Open { candidate: 0, head: Head::Text };
        let cases: [(&str, Vec<Event>); 7] = [
            ("before the start", vec![stop(StopReason::EndTurn)]),
            ("second start", vec![start(), start()]),
            ("outside a part", vec![start(), outside]),
            ("does not fit", vec![start(), open(), misfit]),
            ("inside an open part", vec![start(), open(), open()]),
            ("stop inside", vec![start(), open(), stop(StopReason::EndTurn)]),
            (
                "after its candidate's stop",
                vec![start(), stop(StopReason::EndTurn), stop(StopReason::EndTurn)],
            ),
        ];
        for (what, events) in cases {
            let error = Fold::all(events).unwrap_err();
            assert!(error.to_string().contains(what), "{what}: {error}");
        }
    }

    #[test]
    fn a_cut_stream_is_no_answer() {
        assert_eq!(Fold::all([start()]).unwrap_err(), FoldError::Truncated);
        let fault = Box::new(Fault::upstream_broken("gone"));
        assert_eq!(Fold::all([start(), Event::Error(fault.clone())]).unwrap_err(), FoldError::Failed(fault));
    }
}
