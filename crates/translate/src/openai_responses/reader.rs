//! Reads a Responses stream.
//!
//! Items may interleave, events may be left out, and the final event may be empty: what came is the
//! union of all of them. Each part waits in a queue until those before it are closed.

use std::collections::{BTreeSet, VecDeque};

use byok_types::chat::{Delta, Event, Head, Part, PartKind, ReasoningKind, Start};
use byok_types::{Fault, RawJson};
use serde::Deserialize;

use super::answer::{Counts, Wire, call_of_item, citation, fault_of, parts_of_item};
use super::input::{Item, bound_token, parse};
use crate::format::EventReader;
use crate::sse::Frame;
use crate::wire::parse_event;

#[derive(Deserialize)]
struct WireEvent {
    r#type: Option<String>,
    response: Option<Wire>,
    output_index: Option<u64>,
    content_index: Option<u64>,
    summary_index: Option<u64>,
    item: Option<RawJson>,
    delta: Option<String>,
    text: Option<String>,
    refusal: Option<String>,
    arguments: Option<String>,
    input: Option<String>,
    annotation: Option<RawJson>,
    error: Option<RawJson>,
    code: Option<String>,
    message: Option<String>,
}

#[derive(Default)]
pub(super) struct Reader {
    stage: Stage,
    queue: VecDeque<Pending>,
    /// Items whose `done` has been handled, by output index.
    done: BTreeSet<u64>,
    called: bool,
    refused: bool,
}

#[derive(Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Fresh,
    Running,
    Ended,
}

/// A part on its way out.
struct Pending {
    output: u64,
    content: u64,
    head: Option<Head>,
    opened: bool,
    deltas: Vec<Delta>,
    /// Whether any text or arguments came as deltas.
    grown: bool,
    /// The summary part that the last delta belonged to.
    summary: u64,
    closed: bool,
}

impl EventReader for Reader {
    fn read(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        if self.stage == Stage::Ended
            || frame.data.trim_ascii().is_empty()
            || frame.data.trim_ascii() == b"[DONE]"
        {
            return;
        }
        let Some(event) = parse_event::<WireEvent>(frame.data) else {
            return self.fail(Fault::upstream_broken("the upstream sent an event that is not JSON"), out);
        };
        let kind = event.r#type.as_deref().or(frame.event).unwrap_or_default().to_owned();
        match kind.as_str() {
            "response.created" | "response.in_progress" | "response.queued" => {
                self.start(event.response.as_ref(), out);
            }
            "response.completed" | "response.incomplete" | "response.failed" | "response.done" => {
                self.end(&event.response.unwrap_or_default(), &kind, out);
            }
            "error" => {
                let nested = event.error.filter(RawJson::is_object);
                let flat = || {
                    RawJson::from_value(&serde_json::json!({"code": event.code, "message": event.message}))
                };
                self.fail(fault_of(Some(&nested.unwrap_or_else(flat))), out);
            }
            "" => {
                if let Some(error) = event.error.filter(|error| !error.is_null()) {
                    self.fail(fault_of(Some(&error)), out);
                }
            }
            _ => {
                self.start(None, out);
                self.item_event(&kind, event);
                self.advance(out);
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.stage != Stage::Ended {
            self.fail(Fault::upstream_broken("the upstream's answer broke off before its end"), out);
        }
    }
}

impl Reader {
    fn start(&mut self, response: Option<&Wire>, out: &mut Vec<Event>) {
        if self.stage != Stage::Fresh {
            return;
        }
        self.stage = Stage::Running;
        let start = response.map_or_else(Start::default, |response| Start {
            id: response.id.clone().unwrap_or_default(),
            model: response.model.clone().unwrap_or_default(),
            created: response.created(),
            ..Start::default()
        });
        out.push(Event::Start(start));
    }

    fn item_event(&mut self, kind: &str, event: WireEvent) {
        let output = event.output_index.unwrap_or(0);
        let content = event.content_index.unwrap_or(0);
        let reasoning = || Head::Reasoning { kind: ReasoningKind::Summary, item_id: None };
        let thinking = || Head::Reasoning { kind: ReasoningKind::Thinking, item_id: None };
        match kind {
            "response.output_item.added" => self.added(output, event.item.as_ref()),
            "response.output_item.done" => {
                if let Some(raw) = event.item {
                    self.item_done(output, &raw);
                }
            }
            "response.output_text.delta" => self.text(output, content, Head::Text, event.delta),
            "response.output_text.done" => self.text_done(output, content, Head::Text, event.text),
            "response.refusal.delta" => self.text(output, content, Head::Refusal, event.delta),
            "response.refusal.done" => self.text_done(output, content, Head::Refusal, event.refusal),
            "response.output_text.annotation.added" => {
                if let Some(raw) = event.annotation {
                    let pending = self.pending(output, content, || Some(Head::Text));
                    pending.deltas.push(Delta::Citation(citation(&raw)));
                }
            }
            "response.reasoning_summary_text.delta" => {
                let summary = event.summary_index.unwrap_or(0);
                let pending = self.pending(output, 0, || Some(reasoning()));
                if pending.grown && pending.summary != summary {
                    pending.deltas.push(Delta::Text("\n\n".to_owned()));
                }
                pending.summary = summary;
                self.text(output, 0, reasoning(), event.delta);
            }
            "response.reasoning_text.delta" => self.text(output, 0, thinking(), event.delta),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                if let Some(delta) = event.delta.filter(|delta| !delta.is_empty()) {
                    let pending = self.pending(output, 0, || None);
                    pending.grown = true;
                    pending.deltas.push(Delta::Arguments(delta));
                }
            }
            "response.function_call_arguments.done" | "response.custom_tool_call_input.done" => {
                let whole = event.arguments.or(event.input).filter(|whole| !whole.is_empty());
                let pending = self.pending(output, 0, || None);
                if let Some(whole) = whole.filter(|_| !pending.grown) {
                    pending.grown = true;
                    pending.deltas.push(Delta::Arguments(whole));
                }
            }
            _ => {}
        }
    }

    /// The part with this place, put into the queue when it is new.
    fn pending(&mut self, output: u64, content: u64, head: impl FnOnce() -> Option<Head>) -> &mut Pending {
        let found =
            self.queue.iter().position(|pending| (pending.output, pending.content) == (output, content));
        let index = found.unwrap_or_else(|| {
            self.queue.push_back(Pending {
                output,
                content,
                head: head(),
                opened: false,
                deltas: Vec::new(),
                grown: false,
                summary: 0,
                closed: false,
            });
            self.queue.len() - 1
        });
        &mut self.queue[index]
    }

    fn text(&mut self, output: u64, content: u64, head: Head, delta: Option<String>) {
        let Some(text) = delta.filter(|text| !text.is_empty()) else { return };
        if self.done.contains(&output) {
            return;
        }
        let pending = self.pending(output, content, || Some(head));
        pending.grown = true;
        pending.deltas.push(Delta::Text(text));
    }

    /// The whole text of a part that may have had no deltas; nothing more comes for it.
    fn text_done(&mut self, output: u64, content: u64, head: Head, whole: Option<String>) {
        let seen = self
            .queue
            .iter()
            .any(|pending| (pending.output, pending.content) == (output, content) && pending.grown);
        if !seen {
            self.text(output, content, head, whole);
        }
    }

    fn added(&mut self, output: u64, item: Option<&RawJson>) {
        let Some(item) = item.and_then(|raw| parse(raw).ok()) else { return };
        let head = match item.r#type.as_deref() {
            Some("function_call" | "custom_tool_call") => call_head(item),
            Some("reasoning") => Some(Head::Reasoning { kind: ReasoningKind::Summary, item_id: item.id }),
            // A message opens with its first content; hosted items come whole, when they are done.
            _ => return,
        };
        if self.done.contains(&output) {
            return;
        }
        self.called |= matches!(head, Some(Head::ToolCall { .. }));
        let pending = self.pending(output, 0, || None);
        pending.head = pending.head.take().or(head);
    }

    /// An item is complete: what its events left out is taken from here.
    fn item_done(&mut self, output: u64, raw: &RawJson) {
        if !self.done.insert(output) {
            return;
        }
        let mut waiting: VecDeque<Pending> = VecDeque::new();
        let mut index = 0;
        while index < self.queue.len() {
            if self.queue[index].output == output {
                waiting.extend(self.queue.remove(index));
            } else {
                index += 1;
            }
        }
        // Where the parts of this item stood, they go back in, completed.
        let item = parse(raw).ok();
        let kind = item.as_ref().and_then(|item| item.r#type.as_deref()).unwrap_or_default().to_owned();
        let mut parts: VecDeque<Part> = parts_of_item(raw).into();
        for pending in &mut waiting {
            let whole = parts.pop_front();
            complete(pending, whole, item.as_ref(), &kind);
            self.called |= matches!(pending.head, Some(Head::ToolCall { .. }));
        }
        for (content, part) in (waiting.len() as u64..).zip(parts) {
            self.called |= matches!(part.kind, PartKind::ToolCall(_));
            waiting.extend(whole_pending(output, content, part));
        }
        let place = self.queue.iter().position(|pending| pending.output > output).unwrap_or(self.queue.len());
        let place = if self.queue.front().is_some_and(|front| front.opened) { place.max(1) } else { place };
        for (offset, pending) in waiting.into_iter().enumerate() {
            // The part that is open already stays in front.
            let at = if pending.opened { 0 } else { place + offset };
            self.queue.insert(at.min(self.queue.len()), pending);
        }
    }

    /// Sends out what is at the front of the queue, as far as it has come.
    fn advance(&mut self, out: &mut Vec<Event>) {
        while let Some(front) = self.queue.front_mut() {
            if let Some(head) = front.head.as_ref() {
                if !front.opened {
                    front.opened = true;
                    self.refused |= *head == Head::Refusal;
                    out.push(Event::Open { candidate: 0, head: head.clone() });
                }
                // Indices that an upstream mixes up must not put one part's deltas into another.
                let fitting = front.deltas.drain(..).filter(|delta| fits(head, delta));
                out.extend(fitting.map(|delta| Event::Delta { candidate: 0, delta }));
            }
            // The next part of the same item begins only after this one has ended.
            let next_of_item = self.queue.iter().skip(1).any(|next| next.output == self.queue[0].output);
            let front = &self.queue[0];
            if !front.closed && !next_of_item {
                return;
            }
            if front.opened {
                out.push(Event::Close { candidate: 0 });
            }
            self.queue.pop_front();
        }
    }

    fn end(&mut self, response: &Wire, kind: &str, out: &mut Vec<Event>) {
        self.start(Some(response), out);
        if kind == "response.failed" {
            let fault = response.fault().unwrap_or_else(|| Box::new(fault_of(None)));
            return self.fail(*fault, out);
        }
        // The final event's items fill in what never came by itself.
        for (output, raw) in (0..).zip(response.output.as_deref().unwrap_or_default()) {
            self.item_done(output, raw);
        }
        for pending in &mut self.queue {
            pending.closed = true;
        }
        self.advance(out);
        let mut stop = response.stop(self.called, self.refused);
        if kind == "response.incomplete" && response.status.is_none() && response.incomplete_details.is_none()
        {
            stop.reason = byok_types::chat::StopReason::MaxTokens;
        }
        out.push(Event::Stop { candidate: 0, stop });
        if let Some(usage) = response.usage.as_ref().map(Counts::usage) {
            out.push(Event::Usage(usage));
        }
        out.push(Event::End);
        self.stage = Stage::Ended;
    }

    fn fail(&mut self, fault: Fault, out: &mut Vec<Event>) {
        self.stage = Stage::Ended;
        out.push(Event::Error(Box::new(fault)));
    }
}

/// Completes a part of a finished item: the head where it was missing, the text where there were no
/// deltas, and the token, which is whole only now.
fn complete(pending: &mut Pending, whole: Option<Part>, item: Option<&Item>, kind: &str) {
    pending.closed = true;
    if pending.head.is_none() {
        pending.head = whole.as_ref().and_then(|part| head_of(&part.kind));
    }
    if !pending.grown {
        pending.deltas.extend(whole.and_then(|part| text_delta(part.kind)));
    }
    if kind == "reasoning"
        && matches!(pending.head, Some(Head::Reasoning { .. }))
        && let Some(item) = item
    {
        if let Some(Head::Reasoning { item_id, .. }) = &mut pending.head {
            *item_id = item_id.take().or_else(|| item.id.clone());
        }
        let token = item.encrypted_content.as_deref().map(|value| bound_token(item.id.as_deref(), value));
        pending.deltas.extend(token.map(Delta::Token));
    }
}

/// A part that came in one piece.
fn whole_pending(output: u64, content: u64, part: Part) -> Option<Pending> {
    let head = head_of(&part.kind)?;
    let mut deltas = Vec::new();
    let (mut citations, mut own_token) = (Vec::new(), None);
    match &part.kind {
        PartKind::Text { citations: found, .. } => citations.clone_from(found),
        PartKind::Reasoning(reasoning) => own_token.clone_from(&reasoning.token),
        _ => {}
    }
    deltas.extend(text_delta(part.kind));
    deltas.extend(citations.into_iter().map(Delta::Citation));
    deltas.extend(own_token.map(Delta::Token));
    Some(Pending {
        output,
        content,
        head: Some(head),
        opened: false,
        deltas,
        grown: true,
        summary: 0,
        closed: true,
    })
}

/// Whether the part can grow in this way.
fn fits(head: &Head, delta: &Delta) -> bool {
    match head {
        Head::Text => matches!(delta, Delta::Text(_) | Delta::Citation(_)),
        Head::Refusal => matches!(delta, Delta::Text(_)),
        Head::Reasoning { .. } => matches!(delta, Delta::Text(_) | Delta::Token(_)),
        Head::ToolCall { .. } => matches!(delta, Delta::Arguments(_)),
        Head::Media(_) | Head::Opaque { .. } => false,
    }
}

fn text_delta(kind: PartKind) -> Option<Delta> {
    match kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => {
            (!text.is_empty()).then_some(Delta::Text(text))
        }
        PartKind::Reasoning(reasoning) => (!reasoning.text.is_empty()).then_some(Delta::Text(reasoning.text)),
        PartKind::ToolCall(call) => Some(Delta::Arguments(call.arguments)),
        PartKind::Media(_) | PartKind::Opaque { .. } | PartKind::ToolResult(_) => None,
    }
}

fn head_of(kind: &PartKind) -> Option<Head> {
    Some(match kind {
        PartKind::Text { .. } => Head::Text,
        PartKind::Refusal(_) => Head::Refusal,
        PartKind::Reasoning(reasoning) => {
            Head::Reasoning { kind: reasoning.kind, item_id: reasoning.item_id.clone() }
        }
        PartKind::ToolCall(call) => Head::ToolCall {
            id: call.id.clone(),
            generated_id: call.generated_id,
            name: call.name.clone(),
            kind: call.kind,
            namespace: call.namespace.clone(),
            item_id: call.item_id.clone(),
        },
        PartKind::Opaque { family, raw } => Head::Opaque { family: *family, raw: raw.clone() },
        PartKind::Media(_) | PartKind::ToolResult(_) => return None,
    })
}

fn call_head(item: Item) -> Option<Head> {
    call_of_item(item).as_ref().and_then(head_of)
}
