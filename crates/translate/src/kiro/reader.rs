//! Reads a Kiro stream.
//!
//! It has no last event of its own: after the words come figures (what it cost, how full the context is), and
//! then the bytes end. An answer that ends without any such figure has broken off.

use byok_types::chat::{Delta, Event, Head, ReasoningKind, Start, Stop, StopReason, ToolKind, Usage};
use byok_types::{Fault, RawJson};
use serde::Deserialize;

use super::fault;
use crate::format::EventReader;
use crate::sse::Frame;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    conversation_id: Option<String>,
    utterance_id: Option<String>,
    content: Option<String>,
    model_id: Option<String>,
    text: Option<String>,
    signature: Option<String>,
    tool_use_id: Option<String>,
    name: Option<String>,
    input: Option<RawJson>,
    stop: Option<bool>,
    token_usage: Option<TokenUsage>,
    stop_reason: Option<String>,
    reason: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
struct TokenUsage {
    uncached_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_write_input_tokens: Option<u64>,
}

#[derive(Default)]
pub(super) struct Reader {
    id: String,
    model: String,
    stage: Stage,
    open: Option<Open>,
    thinking: Thinking,
    called: bool,
    /// Whether a figure has come after the words.
    figures: bool,
    stop: Option<String>,
    usage: Usage,
}

#[derive(Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Fresh,
    Running,
    Ended,
}

#[derive(PartialEq, Eq)]
enum Open {
    Call(String),
    Reasoning,
    Text,
}

/// Some models put their thoughts into the text, between tags at its very beginning.
#[derive(Default)]
enum Thinking {
    /// Behind the closing tag, where blanks may come before the text.
    Behind,
    /// The text may still begin with the tag; what has come of it.
    Perhaps(String),
    /// Inside; the end of what has come, as far as it may be the beginning of the closing tag.
    Inside(String),
    #[default]
    Unknown,
    /// All that comes is text.
    Over,
}

const OPENING: &str = "<thinking>";
const CLOSING: &str = "</thinking>";

impl EventReader for Reader {
    fn read(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        if self.stage == Stage::Ended {
            return;
        }
        let name = frame.event.unwrap_or_default();
        if let Some(failure) = name.strip_prefix("exception:").or_else(|| name.strip_prefix("error:")) {
            return self.fail(fault::in_stream(failure, frame.data), out);
        }
        let data = if frame.data.trim_ascii().is_empty() { b"{}" } else { frame.data };
        let Ok(wire) = serde_json::from_slice::<Wire>(data) else {
            return self.fail(Fault::upstream_broken("the upstream sent an event that is not JSON"), out);
        };
        match name {
            "messageMetadataEvent" | "initial-response" => {
                self.id = wire.utterance_id.or(wire.conversation_id).unwrap_or_default();
                self.start(out);
            }
            "assistantResponseEvent" => {
                if let Some(model) = wire.model_id {
                    self.model = model;
                }
                self.start(out);
                self.text(&wire.content.unwrap_or_default(), out);
            }
            "reasoningContentEvent" => {
                self.start(out);
                self.reasoning(wire, out);
            }
            "toolUseEvent" => {
                self.start(out);
                self.call(wire, out);
            }
            "metadataEvent" => {
                self.start(out);
                self.figures = true;
                self.stop = wire.stop_reason.or(self.stop.take());
                if let Some(usage) = wire.token_usage {
                    self.usage.update(&usage.canonical());
                    out.push(Event::Usage(self.usage));
                }
            }
            "contextUsageEvent" | "meteringEvent" => self.figures = true,
            "invalidStateEvent" => {
                let message = wire.message.or(wire.reason).unwrap_or_default();
                let message = format!("the upstream refused the state of the conversation: {message}");
                self.fail(Fault::upstream_broken(message), out);
            }
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.stage == Stage::Ended {
            return;
        }
        let in_a_call = matches!(self.open, Some(Open::Call(_)));
        if self.stage == Stage::Fresh || !self.figures || in_a_call {
            return self.fail(Fault::upstream_broken("the upstream's answer broke off before its end"), out);
        }
        self.close(out);
        let reason = match self.stop.as_deref().unwrap_or_default().to_ascii_lowercase().as_str() {
            "max_tokens" | "max_output_tokens" => StopReason::MaxTokens,
            "content_filtered" | "guardrail_intervened" => StopReason::Filtered,
            "stop_sequence" => StopReason::StopSequence,
            _ if self.called => StopReason::ToolUse,
            _ => StopReason::EndTurn,
        };
        out.push(Event::Stop { candidate: 0, stop: Stop::new(reason) });
        out.push(Event::End);
        self.stage = Stage::Ended;
    }
}

impl TokenUsage {
    fn canonical(&self) -> Usage {
        let parts = [self.uncached_input_tokens, self.cache_read_input_tokens, self.cache_write_input_tokens];
        let known = parts.iter().any(Option::is_some);
        Usage {
            input: known.then(|| parts.into_iter().flatten().fold(0, u64::saturating_add)),
            cache_read: self.cache_read_input_tokens,
            cache_write: self.cache_write_input_tokens,
            output: self.output_tokens,
            ..Usage::default()
        }
    }
}

impl Reader {
    fn start(&mut self, out: &mut Vec<Event>) {
        if self.stage == Stage::Fresh {
            self.stage = Stage::Running;
            let start = Start { id: self.id.clone(), model: self.model.clone(), ..Start::default() };
            out.push(Event::Start(start));
        }
    }

    fn fail(&mut self, fault: Fault, out: &mut Vec<Event>) {
        self.stage = Stage::Ended;
        out.push(Event::Error(Box::new(fault)));
    }

    /// Closes the open part, with what was held back of its text.
    fn close(&mut self, out: &mut Vec<Event>) {
        match std::mem::replace(&mut self.thinking, Thinking::Over) {
            Thinking::Perhaps(held) => self.grow(Open::Text, held, out),
            Thinking::Inside(held) => self.grow(Open::Reasoning, held, out),
            Thinking::Behind | Thinking::Unknown | Thinking::Over => {}
        }
        if self.open.take().is_some() {
            out.push(Event::Close { candidate: 0 });
        }
    }

    fn grow(&mut self, part: Open, text: String, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        if self.open.as_ref() != Some(&part) {
            if self.open.is_some() {
                out.push(Event::Close { candidate: 0 });
            }
            let head = match part {
                Open::Reasoning => Head::Reasoning { kind: ReasoningKind::Thinking, item_id: None },
                Open::Call(_) | Open::Text => Head::Text,
            };
            out.push(Event::Open { candidate: 0, head });
            self.open = Some(part);
        }
        out.push(Event::Delta { candidate: 0, delta: Delta::Text(text) });
    }

    fn text(&mut self, text: &str, out: &mut Vec<Event>) {
        match std::mem::replace(&mut self.thinking, Thinking::Over) {
            Thinking::Over => {
                if matches!(self.open, Some(Open::Call(_) | Open::Reasoning)) {
                    self.close(out);
                }
                self.grow(Open::Text, text.to_owned(), out);
            }
            Thinking::Behind => {
                let text = text.trim_start();
                if text.is_empty() {
                    self.thinking = Thinking::Behind;
                } else {
                    self.text(text, out);
                }
            }
            Thinking::Unknown => {
                self.thinking = Thinking::Perhaps(String::new());
                self.text(text, out);
            }
            Thinking::Perhaps(mut held) => {
                held.push_str(text);
                let begun = held.trim_start();
                if let Some(inside) = begun.strip_prefix(OPENING) {
                    let inside = inside.to_owned();
                    self.thinking = Thinking::Inside(String::new());
                    self.text(&inside, out);
                } else if OPENING.starts_with(begun) {
                    self.thinking = Thinking::Perhaps(held);
                } else {
                    self.grow(Open::Text, held, out);
                }
            }
            Thinking::Inside(mut held) => {
                held.push_str(text);
                if let Some((thoughts, rest)) = held.split_once(CLOSING) {
                    self.grow(Open::Reasoning, thoughts.to_owned(), out);
                    self.thinking = Thinking::Behind;
                    return self.text(rest, out);
                }
                let kept =
                    (1..CLOSING.len()).rev().find(|length| held.ends_with(&CLOSING[..*length])).unwrap_or(0);
                let tail = held.split_off(held.len() - kept);
                self.grow(Open::Reasoning, held, out);
                self.thinking = Thinking::Inside(tail);
            }
        }
    }

    fn reasoning(&mut self, wire: Wire, out: &mut Vec<Event>) {
        if !matches!(self.open, Some(Open::Reasoning)) {
            self.close(out);
        }
        self.thinking = Thinking::Over;
        // What is redacted has no place in a history of this wire, so it is of no use to anyone.
        self.grow(Open::Reasoning, wire.text.unwrap_or_default(), out);
        if wire.signature.is_some() && self.open.is_some() {
            self.close(out);
        }
    }

    fn call(&mut self, wire: Wire, out: &mut Vec<Event>) {
        let Some(id) = wire.tool_use_id.filter(|id| !id.is_empty()) else { return };
        if self.open.as_ref() != Some(&Open::Call(id.clone())) {
            let Some(name) = wire.name.filter(|name| !name.is_empty()) else {
                return self
                    .fail(Fault::upstream_broken("the upstream sent a tool call without a name"), out);
            };
            self.close(out);
            self.called = true;
            out.push(Event::Open {
                candidate: 0,
                head: Head::ToolCall {
                    id: id.clone(),
                    generated_id: false,
                    name,
                    kind: ToolKind::Function,
                    namespace: None,
                    item_id: None,
                },
            });
            self.open = Some(Open::Call(id));
        }
        let arguments = wire.input.map(|input| match input.as_str() {
            Some(text) => text.into_owned(),
            // The whole object at once; an empty one says nothing yet.
            None if input.is_null() || input.get() == "{}" => String::new(),
            None => input.get().to_owned(),
        });
        if let Some(arguments) = arguments.filter(|arguments| !arguments.is_empty()) {
            out.push(Event::Delta { candidate: 0, delta: Delta::Arguments(arguments) });
        }
        if wire.stop == Some(true) {
            self.close(out);
        }
    }
}
