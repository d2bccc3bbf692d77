//! Writes a Cohere stream.

use byok_types::Fault;
use byok_types::chat::{Delta, Event, Head, ReasoningKind, Stop, StopReason, Usage};
use serde_json::{Value, json};

use super::wire::{Counts, finish_reason};
use crate::format::{EventWriter, Reply};

pub(super) struct Writer {
    id: String,
    started: bool,
    open: Option<Open>,
    contents: u32,
    calls: u32,
    /// Whether the model declined in its own words.
    refused: bool,
    stop: Option<Stop>,
    usage: Usage,
}

/// What is open, with its index among its kind.
#[derive(Clone, Copy)]
enum Open {
    Call(u32),
    Plan,
    /// Something without a place in this format.
    Skipped,
    Text(u32),
    Thinking(u32),
}

impl Writer {
    pub(super) fn new(reply: &Reply) -> Self {
        Self {
            id: reply.id.unique.clone(),
            started: false,
            open: None,
            contents: 0,
            calls: 0,
            refused: false,
            stop: None,
            usage: Usage::default(),
        }
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if !self.started {
            self.started = true;
            let message = json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []});
            send("message-start", json!({"id": self.id, "delta": {"message": message}}), out);
        }
    }

    fn open(&mut self, head: &Head, out: &mut Vec<u8>) {
        self.refused |= *head == Head::Refusal;
        let open = match head {
            Head::Text | Head::Refusal => Open::Text(self.contents),
            Head::Reasoning { kind: ReasoningKind::Plan, .. } => Open::Plan,
            Head::Reasoning { kind: ReasoningKind::Redacted, .. } | Head::Media(_) | Head::Opaque { .. } => {
                Open::Skipped
            }
            Head::Reasoning { .. } => Open::Thinking(self.contents),
            Head::ToolCall { .. } => Open::Call(self.calls),
        };
        match (open, head) {
            (Open::Text(index), _) => {
                send("content-start", content(index, &json!({"type": "text", "text": ""})), out);
            }
            (Open::Thinking(index), _) => {
                send("content-start", content(index, &json!({"type": "thinking", "thinking": ""})), out);
            }
            (Open::Call(index), Head::ToolCall { id, name, .. }) => {
                let call = json!({"id": id, "type": "function", "function": {"name": name, "arguments": ""}});
                send("tool-call-start", tool_call(index, &call), out);
            }
            _ => {}
        }
        self.open = Some(open);
    }

    fn grow(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        match (self.open, delta) {
            (Some(Open::Text(index)), Delta::Text(text)) => {
                send("content-delta", content(index, &json!({"text": text})), out);
            }
            (Some(Open::Thinking(index)), Delta::Text(text)) => {
                send("content-delta", content(index, &json!({"thinking": text})), out);
            }
            (Some(Open::Plan), Delta::Text(text)) => {
                send("tool-plan-delta", json!({"delta": {"message": {"tool_plan": text}}}), out);
            }
            (Some(Open::Call(index)), Delta::Arguments(text)) if !text.is_empty() => {
                send("tool-call-delta", tool_call(index, &json!({"function": {"arguments": text}})), out);
            }
            _ => {}
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match self.open.take() {
            Some(Open::Text(index) | Open::Thinking(index)) => {
                self.contents += 1;
                send("content-end", json!({"index": index}), out);
            }
            Some(Open::Call(index)) => {
                self.calls += 1;
                send("tool-call-end", json!({"index": index}), out);
            }
            Some(Open::Plan | Open::Skipped) | None => {}
        }
    }

    fn end(&self, reason: &'static str, error: Option<&Fault>, out: &mut Vec<u8>) {
        let mut delta = json!({"finish_reason": reason, "usage": Counts::of(&self.usage)});
        if let Some(fault) = error {
            delta["error"] = json!(fault.message);
        }
        send("message-end", json!({"id": self.id, "delta": delta}), out);
    }
}

impl EventWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start(start) => {
                self.usage.update(&start.usage);
                self.start(out);
            }
            Event::Open { candidate: 0, head } => self.open(head, out),
            Event::Delta { candidate: 0, delta } => self.grow(delta, out),
            Event::Close { candidate: 0 } => self.close(out),
            Event::Usage(usage) => self.usage.update(usage),
            Event::Stop { candidate: 0, stop } => self.stop = Some(stop.clone()),
            Event::End => {
                let reason = self.stop.as_ref().map_or(StopReason::EndTurn, |stop| stop.reason);
                self.end(finish_reason(reason, self.refused), None, out);
            }
            Event::Error(fault) => {
                self.start(out);
                self.end("ERROR", Some(fault), out);
            }
            // Cohere's format has one answer, no probabilities in another's form, and no sign of life of its own.
            Event::Open { .. }
            | Event::Delta { .. }
            | Event::Close { .. }
            | Event::Stop { .. }
            | Event::Logprobs { .. }
            | Event::Heartbeat => {}
        }
    }

    fn keepalive(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b": keep-alive\n\n");
    }
}

fn content(index: u32, content: &Value) -> Value {
    json!({"index": index, "delta": {"message": {"content": content}}})
}

fn tool_call(index: u32, call: &Value) -> Value {
    json!({"index": index, "delta": {"message": {"tool_calls": call}}})
}

/// One event; its `type` stands first, as the service writes it.
fn send(kind: &str, fields: Value, out: &mut Vec<u8>) {
    let mut body = serde_json::Map::new();
    body.insert("type".to_owned(), json!(kind));
    if let Value::Object(fields) = fields {
        body.extend(fields);
    }
    out.extend_from_slice(format!("event: {kind}\ndata: {}\n\n", Value::Object(body)).as_bytes());
}
