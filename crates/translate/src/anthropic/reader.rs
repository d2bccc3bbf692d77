//! Reads a streamed answer. Owes the grammar of [`byok_types::chat::event`] whatever the upstream sends:
//! blocks that overlap are queued, missing starts are supplied, unknown things are skipped, and `Stop`
//! waits until nothing can follow it.
//!
//! Whole answers are read through here too (see `response`), so both say the same.

use std::collections::VecDeque;

use byok_types::chat::{Delta, Event, Head, ReasoningKind, Start, Stop, StopReason, Token, ToolKind};
use byok_types::{Family, Fault, RawJson};
use serde_json::value::RawValue;

use super::node::Node;
use super::usage::Counts;
use super::{block_read, fault, json, stop, wire};
use crate::format::EventReader;
use crate::sse::{Frame, MAX_FRAME};

/// Everything is one answer here.
const CANDIDATE: u32 = 0;

/// The most blocks that may be unfinished at once.
const MAX_BLOCKS: usize = 1024;

/// The reader of one answer.
#[derive(Default)]
pub(super) struct Reader {
    stage: Stage,
    /// The answer's id, for calls without one.
    id: String,
    counts: Counts,
    /// The last reason given.
    stop: Option<Stop>,
    /// Blocks that are not yet handed out whole. Only the first one's events go out as they come.
    blocks: VecDeque<Block>,
    /// The highest index among the blocks that have ended.
    ended: i64,
    /// How many tool calls have begun.
    calls: usize,
    /// Roughly how many bytes wait in blocks behind the first, or in opaque ones.
    held: usize,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Stage {
    #[default]
    Fresh,
    Running,
    Ended,
}

/// One content block.
struct Block {
    /// The upstream's number for it.
    index: i64,
    kind: Kind,
    /// What it opens with; taken once it is open. A block without content never opens.
    head: Option<Head>,
    /// Events that have not gone out.
    events: Vec<Event>,
    stopped: bool,
}

enum Kind {
    /// A tool call. `whole` are arguments that came with its start; they count if none follow.
    Call { whole: Option<String> },
    /// A piece for its own family; `None` once something came that is not understood, and all of it is
    /// left out.
    Opaque { raw: Option<RawJson>, input: String },
    /// Text.
    Text,
    /// Thoughts, and their signature.
    Thinking { signature: String },
}

impl EventReader for Reader {
    fn read(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        if self.stage == Stage::Ended || frame.data.trim_ascii().is_empty() {
            return;
        }
        let read = match Node::body(frame.data) {
            Ok(node) => self.event(&node, frame.event, out),
            // Keep-alives of other shapes, and the last bytes of a stream that has said why it stops.
            Err(_) if is_no_news(frame) || self.stop.is_some() => Ok(()),
            Err(_) if frame.event == Some("error") => Err(Box::new(fault::read(502, frame.data))),
            Err(error) => Err(Box::new(Fault::upstream_broken(format!(
                "the upstream sent an event that is not a JSON object: {error}"
            )))),
        };
        self.settle(read, out);
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.stage == Stage::Ended {
            return;
        }
        let read = match (self.stage, &self.stop) {
            (Stage::Running, Some(_)) => {
                self.end(out);
                Ok(())
            }
            (Stage::Fresh, _) => {
                Err(Box::new(Fault::upstream_broken("the upstream ended its answer before it began")))
            }
            _ => Err(Box::new(Fault::upstream_broken("the upstream's answer broke off in the middle"))),
        };
        self.settle(read, out);
    }
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { ended: -1, ..Self::default() }
    }

    /// Reads the fields of a message that stand at the start of a stream.
    pub(super) fn message_start(&mut self, message: &Node<'_>, out: &mut Vec<Event>) {
        if self.stage != Stage::Fresh {
            return;
        }
        self.stage = Stage::Running;
        self.id = message.lax_text("id").unwrap_or_default();
        self.usage(message);
        out.push(Event::Start(Start {
            id: self.id.clone(),
            model: message.lax_text("model").unwrap_or_default(),
            created: None,
            usage: self.counts.usage(),
        }));
    }

    /// Reads the start of a block.
    pub(super) fn block_start(
        &mut self,
        index: Option<i64>,
        raw: &RawValue,
        out: &mut Vec<Event>,
    ) -> Result<(), Box<Fault>> {
        self.ensure_started(out);
        let Some(node) = Node::lax(raw) else { return Ok(()) };
        let index = index.unwrap_or(self.ended.saturating_add(1));
        // A text or a signed thought has nothing more to wait for; calls may overlap.
        for at in 0..self.blocks.len() {
            let block = &self.blocks[at];
            let complete = match &block.kind {
                Kind::Call { .. } | Kind::Opaque { .. } => false,
                Kind::Text => true,
                Kind::Thinking { signature } => !signature.is_empty(),
            };
            if complete || block.index == index {
                self.stop_block(at);
            }
        }
        match node.lax_text("type").unwrap_or_default().as_str() {
            "redacted_thinking" => {
                let signature = node.lax_text("data").unwrap_or_default();
                self.begin(index, Kind::Thinking { signature }, Some(reasoning(ReasoningKind::Redacted)));
            }
            "text" => {
                let at = self.begin(index, Kind::Text, Some(Head::Text));
                self.grow_text(at, node.lax_text("text"));
                for citation in node.lax_list("citations").into_iter().filter_map(wire::citation) {
                    self.grow(at, Delta::Citation(citation));
                }
            }
            "thinking" => {
                let signature = node.lax_text("signature").unwrap_or_default();
                let at =
                    self.begin(index, Kind::Thinking { signature }, Some(reasoning(ReasoningKind::Thinking)));
                self.grow_text(at, node.lax_text("thinking"));
            }
            "tool_use" => self.call(index, &node)?,
            _ => {
                let raw = Some(RawJson::from(raw));
                self.held = self.held.saturating_add(raw.as_ref().map_or(0, |raw| raw.get().len()));
                self.begin(index, Kind::Opaque { raw, input: String::new() }, None);
            }
        }
        self.drain(out)
    }

    /// Reads the end of a block.
    pub(super) fn block_stop(&mut self, index: Option<i64>, out: &mut Vec<Event>) -> Result<(), Box<Fault>> {
        let at = match index {
            Some(index) => self.blocks.iter().rposition(|block| block.index == index && !block.stopped),
            None => self.blocks.iter().rposition(|block| !block.stopped),
        };
        if let Some(at) = at {
            self.stop_block(at);
        }
        self.drain(out)
    }

    /// Reads why the answer stops and what it has cost: the fields of a `message_delta`, or of a whole
    /// message. The last reason that is given counts.
    pub(super) fn message_delta(
        &mut self,
        reasons: Option<&Node<'_>>,
        message: &Node<'_>,
        out: &mut Vec<Event>,
    ) {
        self.ensure_started(out);
        if let Some(stop) = reasons.and_then(stop::read) {
            self.stop = Some(stop);
        }
        if self.usage(message) {
            out.push(Event::Usage(self.counts.usage()));
        }
    }

    /// Completes the answer.
    pub(super) fn end(&mut self, out: &mut Vec<Event>) {
        for at in 0..self.blocks.len() {
            self.stop_block(at);
        }
        // Nothing is held any more, so nothing can be too much.
        let _drained = self.drain(out);
        let stop = self.stop.take().unwrap_or_else(|| Stop::new(StopReason::EndTurn));
        out.push(Event::Stop { candidate: CANDIDATE, stop: stop::settle(stop, self.calls > 0) });
        out.push(Event::End);
        self.stage = Stage::Ended;
    }

    fn event(&mut self, node: &Node<'_>, name: Option<&str>, out: &mut Vec<Event>) -> Result<(), Box<Fault>> {
        let kind = node.lax_word("type");
        match kind.as_deref().or(name).unwrap_or_default() {
            "content_block_delta" => {
                self.ensure_started(out);
                if let Some(delta) = node.lax_object("delta") {
                    self.delta(index_of(node), &delta)?;
                }
                self.drain(out)
            }
            "content_block_start" => match node.field("content_block") {
                Some(raw) => self.block_start(index_of(node), raw, out),
                None => Ok(()),
            },
            "content_block_stop" => self.block_stop(index_of(node), out),
            "error" => Err(Box::new(fault::read_in_band(node))),
            "message_delta" => {
                self.message_delta(node.lax_object("delta").as_ref(), node, out);
                Ok(())
            }
            "message_start" => {
                if let Some(message) = node.lax_object("message") {
                    self.message_start(&message, out);
                }
                Ok(())
            }
            "message_stop" if self.stage == Stage::Fresh => {
                Err(Box::new(Fault::upstream_broken("the upstream ended its answer before it began")))
            }
            "message_stop" => {
                self.end(out);
                Ok(())
            }
            "ping" => {
                out.push(Event::Heartbeat);
                Ok(())
            }
            // Gateways report errors in other shapes than this format's.
            _ if node.field("error").is_some() => Err(Box::new(fault::read_in_band(node))),
            _ => Ok(()),
        }
    }

    fn delta(&mut self, index: Option<i64>, delta: &Node<'_>) -> Result<(), Box<Fault>> {
        let name = delta.lax_text("type").unwrap_or_default();
        // A block that is carried whole takes all its deltas, understood or not.
        if let Some(at) = self.find(index, |kind| matches!(kind, Kind::Opaque { .. })) {
            self.grow_opaque(at, &name, delta);
            return Ok(());
        }
        match name.as_str() {
            "citations_delta" => {
                let citation = delta.field("citation").and_then(wire::citation);
                if let (Some(citation), Some(at)) =
                    (citation, self.find(index, |kind| matches!(kind, Kind::Text)))
                {
                    self.grow(at, Delta::Citation(citation));
                }
            }
            "input_json_delta" => return self.grow_call(index, delta.lax_word("partial_json")),
            "signature_delta" => {
                let Some(value) = delta.lax_word("signature") else { return Ok(()) };
                let is_thinking = |kind: &Kind| matches!(kind, Kind::Thinking { .. });
                let at = match self.find(index, is_thinking) {
                    Some(at) => at,
                    None if self.is_over(index) => return Ok(()),
                    None => self.begin_missing(index, Kind::Thinking { signature: String::new() }),
                };
                // Assigned, never appended: that is how the official clients read it.
                if let Kind::Thinking { signature } = &mut self.blocks[at].kind {
                    *signature = value;
                }
            }
            "text_delta" => {
                if let Some(text) = delta.lax_word("text") {
                    let found = self.find(index, |kind| matches!(kind, Kind::Text));
                    let at = found.unwrap_or_else(|| self.begin_missing(index, Kind::Text));
                    self.grow_text(at, Some(text));
                }
            }
            "thinking_delta" => {
                if let Some(text) = delta.lax_word("thinking") {
                    let found = self.find(index, |kind| matches!(kind, Kind::Thinking { .. }));
                    let missing = || Kind::Thinking { signature: String::new() };
                    let at = found.unwrap_or_else(|| self.begin_missing(index, missing()));
                    self.grow_text(at, Some(text));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The open block of this index that takes such a delta. Without a usable index it is the last one.
    fn find(&self, index: Option<i64>, fits: impl Fn(&Kind) -> bool) -> Option<usize> {
        let index = index.filter(|index| *index >= 0);
        self.blocks.iter().rposition(|block| {
            !block.stopped && fits(&block.kind) && index.is_none_or(|index| block.index == index)
        })
    }

    /// Whether a block of this index has ended, so that what comes late for it can be ignored.
    fn is_over(&self, index: Option<i64>) -> bool {
        index.is_some_and(|index| (0..=self.ended).contains(&index))
    }

    /// Supplies the start that a delta lacks. A text or thought of that index is over then: what does not
    /// fit it begins another.
    fn begin_missing(&mut self, index: Option<i64>, kind: Kind) -> usize {
        let index = index.filter(|index| *index >= 0).unwrap_or(self.ended.saturating_add(1));
        for at in 0..self.blocks.len() {
            let block = &self.blocks[at];
            if block.index == index && matches!(block.kind, Kind::Text | Kind::Thinking { .. }) {
                self.stop_block(at);
            }
        }
        let head = match kind {
            Kind::Thinking { .. } => reasoning(ReasoningKind::Thinking),
            _ => Head::Text,
        };
        self.begin(index, kind, Some(head))
    }

    fn begin(&mut self, index: i64, kind: Kind, head: Option<Head>) -> usize {
        self.blocks.push_back(Block { index, kind, head, events: Vec::new(), stopped: false });
        self.blocks.len() - 1
    }

    fn call(&mut self, index: i64, node: &Node<'_>) -> Result<(), Box<Fault>> {
        let Some(name) = node.lax_word("name") else {
            return Err(Box::new(Fault::upstream_broken("the upstream asked for a tool without naming it")));
        };
        let given = node.lax_word("id");
        let head = Head::ToolCall {
            generated_id: given.is_none(),
            id: given.unwrap_or_else(|| self.made_up_id()),
            name,
            kind: ToolKind::Function,
            namespace: None,
            item_id: None,
        };
        self.calls += 1;
        let whole = node.field("input").map(block_read::arguments);
        let at = self.begin(index, Kind::Call { whole }, Some(head));
        self.open(at);
        Ok(())
    }

    /// An id that no other call of the conversation has: from the answer's id and the call's number.
    fn made_up_id(&self) -> String {
        let of_answer = self.id.chars().filter(char::is_ascii_alphanumeric).take(40).collect::<String>();
        format!("toolu_{of_answer}_{}", self.calls)
    }

    fn grow_call(&mut self, index: Option<i64>, piece: Option<String>) -> Result<(), Box<Fault>> {
        let Some(at) = self.find(index, |kind| matches!(kind, Kind::Call { .. })) else {
            // Text may be given a place; arguments without a call cannot, and leaving them out in silence
            // would change what the model asked for.
            return match piece {
                Some(_) if !self.is_over(index) => Err(Box::new(Fault::upstream_broken(
                    "the upstream sent arguments of a call that never began",
                ))),
                _ => Ok(()),
            };
        };
        if let Some(piece) = piece {
            self.blocks[at].kind = Kind::Call { whole: None };
            self.grow(at, Delta::Arguments(piece));
        }
        Ok(())
    }

    fn grow_text(&mut self, at: usize, text: Option<String>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.grow(at, Delta::Text(text));
        }
    }

    fn grow_opaque(&mut self, at: usize, name: &str, delta: &Node<'_>) {
        let Kind::Opaque { raw, input } = &mut self.blocks[at].kind else { return };
        match (name, delta.lax_text("partial_json")) {
            ("input_json_delta", Some(piece)) => {
                self.held = self.held.saturating_add(piece.len());
                input.push_str(&piece);
            }
            _ => *raw = None,
        }
    }

    fn grow(&mut self, at: usize, delta: Delta) {
        self.open(at);
        self.held = self.held.saturating_add(size_of_delta(&delta));
        self.blocks[at].events.push(Event::Delta { candidate: CANDIDATE, delta });
    }

    fn open(&mut self, at: usize) {
        let block = &mut self.blocks[at];
        if let Some(head) = block.head.take() {
            block.events.push(Event::Open { candidate: CANDIDATE, head });
        }
    }

    fn stop_block(&mut self, at: usize) {
        if self.blocks[at].stopped {
            return;
        }
        let last = match &mut self.blocks[at].kind {
            Kind::Call { whole } => whole.take().map(Delta::Arguments),
            Kind::Opaque { raw, input } => {
                let raw = raw.take().map(|raw| with_input(raw, std::mem::take(input)));
                self.blocks[at].head = raw.map(|raw| Head::Opaque { family: Family::Anthropic, raw });
                self.open(at);
                None
            }
            Kind::Text => None,
            Kind::Thinking { signature } => {
                let value = std::mem::take(signature);
                (!value.is_empty()).then_some(Delta::Token(Token { family: Family::Anthropic, value }))
            }
        };
        if let Some(delta) = last {
            self.grow(at, delta);
        }
        let block = &mut self.blocks[at];
        block.stopped = true;
        self.ended = self.ended.max(block.index);
        let opened = match &block.kind {
            Kind::Opaque { .. } => !block.events.is_empty(),
            _ => block.head.is_none(),
        };
        if opened {
            block.events.push(Event::Close { candidate: CANDIDATE });
        }
    }

    /// Hands out what may go: the events of the first block, and of the next ones as those before end.
    fn drain(&mut self, out: &mut Vec<Event>) -> Result<(), Box<Fault>> {
        while let Some(first) = self.blocks.front_mut() {
            out.append(&mut first.events);
            if !first.stopped {
                break;
            }
            self.blocks.pop_front();
        }
        let waits = self.blocks.len() > 1
            || matches!(self.blocks.front(), Some(Block { kind: Kind::Opaque { .. }, .. }));
        if !waits {
            self.held = 0;
        } else if self.held > MAX_FRAME || self.blocks.len() > MAX_BLOCKS {
            return Err(Box::new(Fault::upstream_broken("the upstream left too many blocks unfinished")));
        }
        Ok(())
    }

    fn ensure_started(&mut self, out: &mut Vec<Event>) {
        if self.stage == Stage::Fresh {
            self.stage = Stage::Running;
            out.push(Event::Start(Start::default()));
        }
    }

    /// Whether there was something to count.
    fn usage(&mut self, message: &Node<'_>) -> bool {
        let before = self.counts;
        if let Some(raw) = message.field("usage") {
            self.counts.update(Counts::read(raw));
        }
        self.counts != before
    }

    /// A fault ends the answer.
    fn settle(&mut self, read: Result<(), Box<Fault>>, out: &mut Vec<Event>) {
        if let Err(fault) = read {
            out.push(Event::Error(fault));
            self.stage = Stage::Ended;
            self.blocks.clear();
        }
    }
}

fn reasoning(kind: ReasoningKind) -> Head {
    Head::Reasoning { kind, item_id: None }
}

fn index_of(node: &Node<'_>) -> Option<i64> {
    node.field("index")?.get().parse().ok()
}

fn size_of_delta(delta: &Delta) -> usize {
    let text = match delta {
        Delta::Arguments(text) | Delta::Text(text) => text.len(),
        Delta::Citation(citation) => citation.raw.get().len(),
        Delta::Token(token) => token.value.len(),
    };
    text.saturating_add(size_of::<Event>())
}

/// Whether a frame that holds no JSON object can be skipped.
fn is_no_news(frame: &Frame<'_>) -> bool {
    let data = frame.data.trim_ascii();
    data == b"[DONE]"
        || frame.event.is_some_and(|name| {
            name != "error" && !name.starts_with("content_block_") && !name.starts_with("message_")
        })
}

/// A block that began with an empty `input`, now that its input is known.
fn with_input(raw: RawJson, input: String) -> RawJson {
    let Ok(input) = RawJson::parse(input) else { return raw };
    let whole = serde_json::from_str::<&RawValue>(raw.get()).ok().and_then(Node::lax).and_then(|node| {
        let mut out = Vec::with_capacity(raw.get().len() + input.get().len());
        json::object(&mut out, |object| {
            for (name, value) in node.fields() {
                match name {
                    "input" => object.put(name, &input),
                    _ => object.put(name, value),
                }
            }
        });
        RawJson::parse(String::from_utf8(out).ok()?).ok()
    });
    whole.unwrap_or(raw)
}
