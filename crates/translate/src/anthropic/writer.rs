//! Writes a streamed answer. The events keep their grammar, so this is a `match`; what it adds is this
//! wire's own order: a signature comes last in its block, and a block is numbered when it is written.

use byok_types::Family;
use byok_types::chat::{Delta, Event, Head, ReasoningKind, Show, Stop, StopReason, Token, ToolKind, Usage};
use byok_types::{Blame, Fault, RawJson};

use super::json::{self, Object};
use super::{fault, response, stop, usage, wire};
use crate::format::{EventWriter, Reply};
use crate::token;

/// The writer of one answer.
pub(super) struct Writer {
    reply: Reply,
    stage: Stage,
    /// The number of the block that is being written, or of the next.
    index: u32,
    open: Open,
    usage: Usage,
    stop: Option<Stop>,
}

#[derive(PartialEq)]
enum Stage {
    Fresh,
    Running,
    Ended,
}

/// The part that is being written.
enum Open {
    /// A call, with what stands beside it.
    Call { id: String, kind: ToolKind, token: Option<Token> },
    /// None, or one that is not shown.
    Nothing,
    /// Thoughts. Their block begins when there is something to put into it.
    Reasoning { kind: ReasoningKind, begun: bool, token: Option<Token> },
    /// Text, with what stands beside it.
    Text { token: Option<Token> },
}

impl Writer {
    pub(super) fn new(reply: Reply) -> Self {
        Self {
            reply,
            stage: Stage::Fresh,
            index: 0,
            open: Open::Nothing,
            usage: Usage::default(),
            stop: None,
        }
    }
}

impl EventWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.stage == Stage::Ended {
            return;
        }
        match event {
            Event::Start(start) => {
                self.usage.update(&start.usage);
                self.begin(out);
            }
            Event::Open { candidate: 0, head } => self.open(head, out),
            Event::Delta { candidate: 0, delta } => self.grow(delta, out),
            Event::Close { candidate: 0 } => self.close(out),
            Event::Usage(usage) => self.usage.update(usage),
            Event::Stop { candidate: 0, stop } => self.stop = Some(stop.clone()),
            Event::End => self.end(out),
            Event::Error(fault) => self.fail(fault, out),
            // Only the first answer has a place here; probabilities have none.
            Event::Open { .. }
            | Event::Delta { .. }
            | Event::Close { .. }
            | Event::Stop { .. }
            | Event::Logprobs { .. }
            | Event::Heartbeat => {}
        }
    }

    fn keepalive(&mut self, out: &mut Vec<u8>) {
        match self.stage {
            // The first event must be `message_start`; a comment is not an event.
            Stage::Fresh => out.extend_from_slice(b": keep-alive\n\n"),
            Stage::Running => frame(out, "ping", |_| {}),
            Stage::Ended => {}
        }
    }
}

impl Writer {
    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.stage == Stage::Fresh {
            self.stage = Stage::Running;
            frame(out, "message_start", |event| {
                event.object("message", |message| {
                    response::write_start(message, &self.reply, &self.usage);
                });
            });
        }
    }

    fn open(&mut self, head: &Head, out: &mut Vec<u8>) {
        self.begin(out);
        self.open = match head {
            Head::Media(media) => {
                self.whole_text(&response::in_words(media), out);
                Open::Nothing
            }
            Head::Opaque { family: Family::Anthropic, raw } => {
                self.whole_block(raw, out);
                Open::Nothing
            }
            Head::Opaque { .. } => Open::Nothing,
            Head::Reasoning { kind, .. } => Open::Reasoning { kind: *kind, begun: false, token: None },
            Head::Refusal | Head::Text => {
                self.text_start(out);
                Open::Text { token: None }
            }
            Head::ToolCall { id, name, kind, .. } => {
                self.block_start(out, |block| {
                    block.put("type", "tool_use");
                    block.put("id", id);
                    block.put("name", name);
                    block.object("input", |_| {});
                });
                // The service itself begins so, and a call without arguments has at least this.
                let first = if *kind == ToolKind::Custom { "{\"input\":\"" } else { "" };
                self.arguments(first, out);
                Open::Call { id: id.clone(), kind: *kind, token: None }
            }
        };
    }

    fn grow(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        let mut open = std::mem::replace(&mut self.open, Open::Nothing);
        match (&mut open, delta) {
            (Open::Call { kind: ToolKind::Function, .. }, Delta::Arguments(piece)) => {
                self.arguments(piece, out);
            }
            (Open::Call { kind: ToolKind::Custom, .. }, Delta::Arguments(piece)) => {
                let quoted = RawJson::string(piece);
                let escaped = quoted.get();
                self.arguments(&escaped[1..escaped.len() - 1], out);
            }
            (
                Open::Call { token, .. } | Open::Reasoning { token, .. } | Open::Text { token },
                Delta::Token(new),
            ) => *token = Some(new.clone()),
            (Open::Reasoning { kind: ReasoningKind::Redacted, .. }, Delta::Text(_)) => {}
            (Open::Reasoning { begun, .. }, Delta::Text(text)) if self.reply.show != Show::None => {
                if !std::mem::replace(begun, true) {
                    self.thinking_start(out);
                }
                self.delta(out, |delta| {
                    delta.put("type", "thinking_delta");
                    delta.put("thinking", text);
                });
            }
            (Open::Text { .. }, Delta::Text(text)) => self.text(text, out),
            (Open::Text { .. }, Delta::Citation(citation)) if citation.family == Family::Anthropic => {
                self.delta(out, |delta| {
                    delta.put("type", "citations_delta");
                    delta.put("citation", &citation.raw);
                });
            }
            _ => {}
        }
        self.open = open;
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Call { id, kind, token } => {
                if kind == ToolKind::Custom {
                    self.arguments("\"}", out);
                }
                self.block_stop(out);
                self.beside(token.as_ref(), Some(&id), out);
            }
            Open::Nothing => {}
            Open::Reasoning { kind: ReasoningKind::Redacted, token, .. } => {
                if let Some(token) = token {
                    self.redacted(&token::wrap(&token, Family::Anthropic), out);
                }
            }
            Open::Reasoning { begun, token, .. } => {
                let signature = token.map(|token| token::wrap(&token, Family::Anthropic));
                if !begun && signature.is_none() {
                    return;
                }
                if !begun {
                    self.thinking_start(out);
                }
                if let Some(signature) = signature {
                    self.delta(out, |delta| {
                        delta.put("type", "signature_delta");
                        delta.put("signature", &signature);
                    });
                }
                self.block_stop(out);
            }
            Open::Text { token } => {
                self.block_stop(out);
                self.beside(token.as_ref(), None, out);
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.begin(out);
        self.close(out);
        let stop = self.stop.take().unwrap_or_else(|| Stop::new(StopReason::EndTurn));
        if stop.reason == StopReason::Error {
            let message =
                stop.detail.as_deref().unwrap_or("the upstream gave up in the middle of its answer");
            return self.fail(&Fault::new(500, Blame::Upstream, message), out);
        }
        frame(out, "message_delta", |event| {
            event.object("delta", |delta| stop::write(delta, &stop));
            usage::write(event, &self.usage);
        });
        frame(out, "message_stop", |_| {});
        self.stage = Stage::Ended;
    }

    fn fail(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        frame(out, "error", |event| fault::write_fields(event, fault));
        self.stage = Stage::Ended;
    }

    fn arguments(&self, piece: &str, out: &mut Vec<u8>) {
        self.delta(out, |delta| {
            delta.put("type", "input_json_delta");
            delta.put("partial_json", piece);
        });
    }

    /// A signature of another vendor that stands beside a part.
    fn beside(&mut self, token: Option<&Token>, call_id: Option<&str>, out: &mut Vec<u8>) {
        if let Some(token) = token.filter(|token| token.family != Family::Anthropic) {
            self.redacted(&wire::beside(token, call_id), out);
        }
    }

    fn redacted(&mut self, data: &str, out: &mut Vec<u8>) {
        self.block_start(out, |block| {
            block.put("type", "redacted_thinking");
            block.put("data", data);
        });
        self.block_stop(out);
    }

    fn text(&self, text: &str, out: &mut Vec<u8>) {
        self.delta(out, |delta| {
            delta.put("type", "text_delta");
            delta.put("text", text);
        });
    }

    fn text_start(&self, out: &mut Vec<u8>) {
        self.block_start(out, |block| {
            block.put("type", "text");
            block.put("text", "");
        });
    }

    fn thinking_start(&self, out: &mut Vec<u8>) {
        self.block_start(out, |block| {
            block.put("type", "thinking");
            block.put("thinking", "");
            block.put("signature", "");
        });
    }

    fn whole_block(&mut self, raw: &RawJson, out: &mut Vec<u8>) {
        self.block_start(out, |block| block.splice(raw));
        self.block_stop(out);
    }

    fn whole_text(&mut self, text: &str, out: &mut Vec<u8>) {
        self.text_start(out);
        self.text(text, out);
        self.block_stop(out);
    }

    fn block_start(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        frame(out, "content_block_start", |event| {
            event.put("index", &self.index);
            event.object("content_block", fill);
        });
    }

    fn delta(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        frame(out, "content_block_delta", |event| {
            event.put("index", &self.index);
            event.object("delta", fill);
        });
    }

    fn block_stop(&mut self, out: &mut Vec<u8>) {
        frame(out, "content_block_stop", |event| event.put("index", &self.index));
        self.index += 1;
    }
}

/// One event. The official clients skip events without an `event:` line.
fn frame(out: &mut Vec<u8>, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    let start = out.len();
    json::object(out, |event| {
        event.put("type", name);
        fill(event);
    });
    // Raw JSON may hold line ends between its tokens (never inside a string), and one would end the event.
    for byte in &mut out[start..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    out.extend_from_slice(b"\n\n");
}
