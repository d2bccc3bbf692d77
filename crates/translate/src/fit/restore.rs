//! Undoes on the answer what fitting did to the request: names come back as the client gave them,
//! free-text tools get free text, the forced output tool becomes the answer's text, and the text ends at
//! the stop sequences that the target was not told.
//!
//! Keeps the grammar of [`byok_types::chat::event`]: every part that is opened is closed, and what is
//! left out is left out whole.

mod input;
mod stops;

use std::collections::{BTreeMap, HashMap, HashSet};

use byok_types::chat::{
    Candidate, Delta, Event, Head, Part, PartKind, Response, StopReason, ToolCall, ToolKind,
};

use super::ClientName;
use input::FreeText;
use stops::Stops;

/// Undoes on the answer what was done to the request.
#[derive(Debug, Default)]
pub struct Restore {
    /// The client's names by the upstream's, where they differ.
    names: HashMap<String, ClientName>,
    /// The upstream's names of functions that stand for free-text tools.
    free_text: HashSet<String>,
    /// The function whose arguments are the answer.
    output_tool: Option<String>,
    /// Whether the client wants one call at a time, and the upstream cannot be told.
    first_call_only: bool,
    /// Ends the text where the target would not.
    stops: Stops,
    /// What comes out before the text is cut.
    undone: Vec<Event>,
    /// What is known of the candidates under way.
    progress: BTreeMap<u32, Progress>,
}

/// One candidate under way.
#[derive(Debug, Default)]
struct Progress {
    open: Open,
    called: bool,
    answered: bool,
}

/// What is done to the part that is open.
#[derive(Debug, Default)]
enum Open {
    /// The answer's text, and whether there is any yet.
    Answer {
        empty: bool,
    },
    FreeText(FreeText),
    /// Left out.
    Left,
    #[default]
    Plain,
}

impl Restore {
    /// A whole answer.
    pub fn response(&mut self, mut response: Response) -> Response {
        for candidate in &mut response.candidates {
            self.candidate(candidate);
            self.stops.candidate(candidate);
        }
        response
    }

    /// One event of a streamed answer.
    pub fn event(&mut self, event: Event, out: &mut Vec<Event>) {
        if self.stops.is_idle() {
            return self.undo(event, out);
        }
        let mut undone = std::mem::take(&mut self.undone);
        self.undo(event, &mut undone);
        for event in undone.drain(..) {
            self.stops.event(event, out);
        }
        self.undone = undone;
    }

    /// Whether a stop sequence has ended the answer, while the upstream had more to say.
    pub fn has_ended(&self) -> bool {
        self.stops.has_ended()
    }

    fn undo(&mut self, event: Event, out: &mut Vec<Event>) {
        match event {
            Event::Open { candidate, head } => {
                if let Some(head) = self.open(candidate, head) {
                    out.push(Event::Open { candidate, head });
                }
            }
            Event::Delta { candidate, delta } => {
                let delta = self.delta(candidate, delta);
                out.extend(delta.map(|delta| Event::Delta { candidate, delta }));
            }
            Event::Close { candidate } => {
                let open = self.progress.get_mut(&candidate).map(|p| std::mem::take(&mut p.open));
                let last = match open {
                    Some(Open::Left) => return,
                    Some(Open::Answer { empty: true }) => Some(Delta::Text("{}".into())),
                    Some(Open::FreeText(mut input)) => {
                        let mut rest = String::new();
                        input.finish(&mut rest);
                        (!rest.is_empty()).then_some(Delta::Arguments(rest))
                    }
                    _ => None,
                };
                out.extend(last.map(|delta| Event::Delta { candidate, delta }));
                out.push(Event::Close { candidate });
            }
            Event::Stop { candidate, mut stop } => {
                let progress = self.progress.remove(&candidate).unwrap_or_default();
                progress.correct(&mut stop.reason);
                out.push(Event::Stop { candidate, stop });
            }
            other => out.push(other),
        }
    }

    pub(super) fn rename(&mut self, upstream: String, client: ClientName) {
        self.names.insert(upstream, client);
    }

    pub(super) fn unwrap_free_text(&mut self, upstream: String) {
        self.free_text.insert(upstream);
    }

    pub(super) fn answer_by(&mut self, upstream: String) {
        self.output_tool = Some(upstream);
    }

    /// Ends each of so many answers at these texts.
    pub(super) fn stop_at(&mut self, sequences: Vec<String>, answers: u32) {
        self.stops = Stops::new(sequences, answers);
    }

    pub(super) fn first_call_only(&mut self) {
        self.first_call_only = true;
    }

    fn open(&mut self, candidate: u32, head: Head) -> Option<Head> {
        let Head::ToolCall { id, generated_id, name, kind, namespace, item_id } = head else {
            return Some(head);
        };
        let progress = self.progress.entry(candidate).or_default();
        progress.open = progress.treat(self.output_tool.as_ref(), self.first_call_only, &name);
        match progress.open {
            Open::Answer { .. } => return Some(Head::Text),
            Open::Left => return None,
            Open::FreeText(_) | Open::Plain => {}
        }
        let mut kind = kind;
        if self.free_text.contains(&name) {
            kind = ToolKind::Custom;
            progress.open = Open::FreeText(FreeText::default());
        }
        let (name, namespace) = self.client_name(name, namespace);
        Some(Head::ToolCall { id, generated_id, name, kind, namespace, item_id })
    }

    fn delta(&mut self, candidate: u32, delta: Delta) -> Option<Delta> {
        let open = self.progress.get_mut(&candidate).map(|progress| &mut progress.open);
        match (open, delta) {
            (Some(Open::Left), _) => None,
            (Some(Open::Answer { empty }), Delta::Arguments(more)) => {
                *empty &= more.is_empty();
                (!more.is_empty()).then_some(Delta::Text(more))
            }
            (Some(Open::FreeText(input)), Delta::Arguments(more)) => {
                let mut text = String::new();
                input.push(&more, &mut text);
                (!text.is_empty()).then_some(Delta::Arguments(text))
            }
            (_, delta) => Some(delta),
        }
    }

    fn candidate(&self, candidate: &mut Candidate) {
        let mut progress = Progress::default();
        let parts = std::mem::take(&mut candidate.parts);
        candidate.parts = parts.into_iter().filter_map(|part| self.part(part, &mut progress)).collect();
        progress.correct(&mut candidate.stop.reason);
    }

    fn part(&self, part: Part, progress: &mut Progress) -> Option<Part> {
        let PartKind::ToolCall(mut call) = part.kind else { return Some(part) };
        match progress.treat(self.output_tool.as_ref(), self.first_call_only, &call.name) {
            Open::Answer { .. } => {
                let text = if call.arguments.is_empty() { "{}".to_owned() } else { call.arguments };
                return Some(Part { token: part.token, ..Part::text(text) });
            }
            Open::Left => return None,
            Open::FreeText(_) | Open::Plain => {}
        }
        if self.free_text.contains(&call.name) {
            let mut text = String::new();
            let mut input = FreeText::default();
            input.push(&call.arguments, &mut text);
            input.finish(&mut text);
            call = ToolCall { arguments: text, kind: ToolKind::Custom, ..call };
        }
        (call.name, call.namespace) = self.client_name(call.name, call.namespace);
        Some(Part { kind: PartKind::ToolCall(call), ..part })
    }

    /// A name that the model made up passes unchanged, and so does one in a namespace: it is the client's.
    fn client_name(&self, name: String, namespace: Option<String>) -> (String, Option<String>) {
        match self.names.get(&name).filter(|_| namespace.is_none()) {
            Some(client) => (client.name.clone(), client.namespace.clone()),
            None => (name, namespace),
        }
    }
}

impl Progress {
    /// What becomes of a call that begins now.
    fn treat(&mut self, output_tool: Option<&String>, first_call_only: bool, name: &str) -> Open {
        if output_tool.is_some_and(|tool| tool == name) {
            // One answer is an answer; a second one would make the text no JSON any more.
            let again = std::mem::replace(&mut self.answered, true);
            return if again { Open::Left } else { Open::Answer { empty: true } };
        }
        let again = std::mem::replace(&mut self.called, true);
        if again && first_call_only { Open::Left } else { Open::Plain }
    }

    /// An answer given through the output tool asks nobody to run a tool.
    fn correct(&self, reason: &mut StopReason) {
        if self.answered && !self.called && *reason == StopReason::ToolUse {
            *reason = StopReason::EndTurn;
        }
    }
}

#[cfg(test)]
mod tests;
