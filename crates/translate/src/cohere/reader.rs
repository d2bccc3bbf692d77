//! Reads a Cohere stream.

use byok_types::chat::{Delta, Event, Head, ReasoningKind, Start, Stop, StopReason, ToolKind};
use byok_types::{Blame, Fault};
use serde::Deserialize;

use super::wire::{Counts, ToolCall, made_up_id, stop_reason};
use crate::format::EventReader;
use crate::sse::Frame;
use crate::wire::parse_event;

#[derive(Deserialize)]
struct Wire {
    r#type: Option<String>,
    id: Option<String>,
    delta: Option<WireDelta>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct WireDelta {
    message: Option<WireMessage>,
    finish_reason: Option<String>,
    usage: Option<Counts>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct WireMessage {
    content: Option<OneOf<Content>>,
    tool_plan: Option<String>,
    tool_calls: Option<OneOf<ToolCall>>,
}

#[derive(Clone, Deserialize)]
struct Content {
    r#type: Option<String>,
    text: Option<String>,
    thinking: Option<String>,
}

/// An object where it means something; the empty list of `message-start` where it does not.
#[derive(Deserialize)]
#[serde(from = "byok_types::RawJson", bound = "")]
struct OneOf<T: serde::de::DeserializeOwned>(Option<T>);

impl<T: serde::de::DeserializeOwned> From<byok_types::RawJson> for OneOf<T> {
    fn from(raw: byok_types::RawJson) -> Self {
        Self(raw.is_object().then(|| raw.read().ok()).flatten())
    }
}

#[derive(Default)]
pub(super) struct Reader {
    id: String,
    stage: Stage,
    open: Option<Open>,
    calls: usize,
}

#[derive(Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Fresh,
    Running,
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Call,
    Plan,
    Text,
    Thinking,
}

impl EventReader for Reader {
    fn read(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        if self.stage == Stage::Ended
            || frame.data.trim_ascii().is_empty()
            || frame.data.trim_ascii() == b"[DONE]"
        {
            return;
        }
        let Some(wire) = parse_event::<Wire>(frame.data) else {
            return self.fail(Fault::upstream_broken("the upstream sent an event that is not JSON"), out);
        };
        let kind = wire.r#type.as_deref().or(frame.event).unwrap_or_default().to_owned();
        if kind.is_empty() {
            if let Some(message) = wire.message {
                self.fail(Fault::new(502, Blame::Upstream, message), out);
            }
            return;
        }
        if kind == "message-start" {
            self.id = wire.id.unwrap_or_default();
            self.start(out);
            return;
        }
        let Some(delta) = wire.delta else {
            if matches!(kind.as_str(), "content-end" | "tool-call-end") {
                self.close(out);
            }
            return;
        };
        self.start(out);
        match kind.as_str() {
            "message-end" => self.end(&delta, out),
            "content-end" | "tool-call-end" => self.close(out),
            "content-start" | "content-delta" | "tool-plan-delta" | "tool-call-start" | "tool-call-delta" => {
                if let Some(message) = delta.message {
                    self.grow(&kind, message, out);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.stage != Stage::Ended {
            self.fail(Fault::upstream_broken("the upstream's answer broke off before its end"), out);
        }
    }
}

impl Reader {
    fn start(&mut self, out: &mut Vec<Event>) {
        if self.stage == Stage::Fresh {
            self.stage = Stage::Running;
            out.push(Event::Start(Start { id: self.id.clone(), ..Start::default() }));
        }
    }

    fn grow(&mut self, kind: &str, message: WireMessage, out: &mut Vec<Event>) {
        if let Some(OneOf(Some(content))) = message.content {
            let thinking = content.thinking.is_some() || content.r#type.as_deref() == Some("thinking");
            let text = content.thinking.or(content.text).unwrap_or_default();
            let open = if thinking { Open::Thinking } else { Open::Text };
            self.text(open, text, out);
        }
        if let Some(plan) = message.tool_plan {
            self.text(Open::Plan, plan, out);
        }
        if let Some(OneOf(Some(call))) = message.tool_calls {
            let (id, function) = (call.id, call.function);
            let (name, arguments) =
                function.map(|function| (function.name, function.arguments)).unwrap_or_default();
            if kind == "tool-call-start"
                && let Some(name) = name
            {
                self.open_call(id, name, out);
            }
            if let Some(arguments) = arguments.filter(|text| !text.is_empty())
                && self.open == Some(Open::Call)
            {
                out.push(Event::Delta { candidate: 0, delta: Delta::Arguments(arguments) });
            }
        }
    }

    fn text(&mut self, part: Open, text: String, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        if self.open != Some(part) {
            self.close(out);
            let head = match part {
                Open::Plan => Head::Reasoning { kind: ReasoningKind::Plan, item_id: None },
                Open::Thinking => Head::Reasoning { kind: ReasoningKind::Thinking, item_id: None },
                Open::Text | Open::Call => Head::Text,
            };
            self.open = Some(part);
            out.push(Event::Open { candidate: 0, head });
        }
        out.push(Event::Delta { candidate: 0, delta: Delta::Text(text) });
    }

    fn open_call(&mut self, id: Option<String>, name: String, out: &mut Vec<Event>) {
        self.close(out);
        let given = id.filter(|id| !id.is_empty());
        let head = Head::ToolCall {
            generated_id: given.is_none(),
            id: given.unwrap_or_else(|| made_up_id(&self.id, self.calls)),
            name,
            kind: ToolKind::Function,
            namespace: None,
            item_id: None,
        };
        self.calls += 1;
        self.open = Some(Open::Call);
        out.push(Event::Open { candidate: 0, head });
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        if self.open.take().is_some() {
            out.push(Event::Close { candidate: 0 });
        }
    }

    fn end(&mut self, delta: &WireDelta, out: &mut Vec<Event>) {
        let reason = stop_reason(delta.finish_reason.as_deref().unwrap_or_default());
        if reason == StopReason::Error || delta.error.is_some() {
            let said =
                delta.error.clone().unwrap_or_else(|| "the upstream gave up on this answer".to_owned());
            return self.fail(Fault::new(502, Blame::Upstream, said), out);
        }
        self.close(out);
        let reason = match reason {
            StopReason::EndTurn if self.calls > 0 => StopReason::ToolUse,
            StopReason::ToolUse if self.calls == 0 => StopReason::EndTurn,
            other => other,
        };
        out.push(Event::Stop { candidate: 0, stop: Stop::new(reason) });
        if let Some(usage) = &delta.usage {
            out.push(Event::Usage(usage.usage()));
        }
        out.push(Event::End);
        self.stage = Stage::Ended;
    }

    fn fail(&mut self, fault: Fault, out: &mut Vec<Event>) {
        self.stage = Stage::Ended;
        out.push(Event::Error(Box::new(fault)));
    }
}
