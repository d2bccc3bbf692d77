//! An upstream's answer: chunks to events.
//!
//! Every chunk is a whole answer with the new parts only. Text that goes on is one text, a function call
//! comes whole, and the end is the end of the stream: `finishReason` may come early, twice, or before the
//! sources, so the stop is held back until nothing more can come.

use std::collections::BTreeMap;

use byok_types::chat::{Delta, Event, Head, ReasoningKind, Start, Stop, StopReason, Token, ToolKind, Usage};
use byok_types::{Family, Fault};

use super::grounding::{self, Passage};
use super::ids::CallIds;
use super::{contents, fault, media, stop, wire};
use crate::format::EventReader;
use crate::sse::Frame;

/// Reads one answer.
#[derive(Debug)]
pub(super) struct Reader {
    stage: Stage,
    /// Whether the answer came in one piece: then its end is certain, whatever it says.
    whole: bool,
    candidates: BTreeMap<u32, Candidate>,
    /// Why the prompt was refused.
    blocked: Option<Stop>,
    usage: Usage,
    ids: CallIds,
}

#[derive(Debug, PartialEq)]
enum Stage {
    Fresh,
    Running,
    Over,
}

/// One answer as far as it has come.
#[derive(Debug, Default)]
struct Candidate {
    open: Open,
    /// Whether it asked for a call.
    called: bool,
    finish: Option<(String, Option<String>)>,
    passage: Passage,
    grounding: Option<wire::GroundingMetadata>,
    repeated: Option<wire::CitationMetadata>,
}

/// What is open in a candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Open {
    #[default]
    Nothing,
    Thought,
    Text {
        signed: bool,
    },
}

impl Reader {
    /// A reader for a stream.
    pub(super) fn stream() -> Self {
        Self {
            stage: Stage::Fresh,
            whole: false,
            candidates: BTreeMap::new(),
            blocked: None,
            usage: Usage::default(),
            ids: CallIds::default(),
        }
    }

    /// A reader for an answer in one piece.
    pub(super) fn whole() -> Self {
        Self { whole: true, ..Self::stream() }
    }

    /// Reads one chunk; `text` is its JSON.
    pub(super) fn chunk(&mut self, chunk: wire::Chunk, text: &[u8], out: &mut Vec<Event>) {
        if self.stage == Stage::Over {
            return;
        }
        if let Some(error) = &chunk.error {
            self.fail(fault::of_error(error, None), out);
            return;
        }
        let chunk = match chunk.wrapped {
            Some(wrapped) if chunk.candidates.is_none() => return self.chunk(*wrapped, text, out),
            _ => chunk,
        };
        if let Some(usage) = &chunk.usage_metadata {
            self.usage.update(&read_usage(usage));
        }
        if self.stage == Stage::Fresh {
            self.stage = Stage::Running;
            let id = chunk.response_id.unwrap_or_default();
            self.ids.begin(&id, text);
            let model = chunk.model_version.unwrap_or_default();
            out.push(Event::Start(Start { id, model, created: None, usage: self.usage }));
        }
        if let Some(reason) = chunk.prompt_feedback.as_ref().and_then(|it| it.block_reason.as_deref()) {
            let message = chunk.prompt_feedback.as_ref().and_then(|it| it.block_reason_message.as_deref());
            let detail = message.map_or_else(|| reason.to_owned(), |message| format!("{reason}: {message}"));
            self.blocked = Some(Stop { reason: StopReason::Filtered, matched: None, detail: Some(detail) });
        }
        for (at, candidate) in chunk.candidates.unwrap_or_default().0.into_iter().enumerate() {
            let index = candidate.index.map_or_else(|| u32::try_from(at), |index| u32::try_from(index.0));
            if let Err(fault) = self.candidate(index.unwrap_or_default(), candidate, out) {
                self.fail(*fault, out);
                return;
            }
        }
    }

    fn candidate(
        &mut self,
        index: u32,
        read: wire::Candidate,
        out: &mut Vec<Event>,
    ) -> Result<(), Box<Fault>> {
        let candidate = self.candidates.entry(index).or_default();
        for part in read.content.and_then(|content| content.parts).unwrap_or_default().0 {
            candidate.part(index, part, &mut self.ids, out)?;
        }
        if let Some(raw) = read.logprobs_result {
            out.push(Event::Logprobs { candidate: index, raw });
        }
        candidate.grounding = read.grounding_metadata.or(candidate.grounding.take());
        candidate.repeated = read.citation_metadata.or(candidate.repeated.take());
        let reason = read.finish_reason.filter(|it| !matches!(it.as_str(), "" | "FINISH_REASON_UNSPECIFIED"));
        if let Some(reason) = reason {
            candidate.finish = Some((reason, read.finish_message));
        }
        Ok(())
    }

    /// Ends the answer, or reports that it broke off.
    pub(super) fn end(&mut self, out: &mut Vec<Event>) {
        match self.stage {
            Stage::Over => return,
            Stage::Fresh => {
                return self.fail(Fault::upstream_broken("the upstream sent no answer"), out);
            }
            Stage::Running => {}
        }
        if self.candidates.is_empty() {
            let Some(stop) = self.blocked.take() else {
                return self.fail(Fault::upstream_broken("the upstream's answer holds nothing"), out);
            };
            out.push(Event::Stop { candidate: 0, stop });
        } else {
            let cut = |candidate: &Candidate| candidate.finish.is_none();
            if !self.whole && self.blocked.is_none() && self.candidates.values().any(cut) {
                let fault = Fault::upstream_broken("the upstream's answer broke off before its end");
                return self.fail(fault, out);
            }
            for (&index, candidate) in &mut self.candidates {
                candidate.close(index, out);
            }
            for (&index, candidate) in &self.candidates {
                let stop = match (&candidate.finish, &self.blocked) {
                    (Some((reason, message)), _) => stop::read(reason, message.as_deref(), candidate.called),
                    (None, Some(blocked)) => blocked.clone(),
                    (None, None) => stop::read("STOP", None, candidate.called),
                };
                out.push(Event::Stop { candidate: index, stop });
            }
        }
        if !self.usage.is_empty() {
            out.push(Event::Usage(self.usage));
        }
        out.push(Event::End);
        self.stage = Stage::Over;
    }

    /// Whether every answer that began has said why it ended.
    fn complete(&self) -> bool {
        self.blocked.is_some()
            || !self.candidates.is_empty() && self.candidates.values().all(|it| it.finish.is_some())
    }

    fn fail(&mut self, fault: Fault, out: &mut Vec<Event>) {
        self.stage = Stage::Over;
        out.push(Event::Error(Box::new(fault)));
    }
}

impl EventReader for Reader {
    fn read(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        let text = frame.data.trim_ascii();
        if self.stage == Stage::Over || text.is_empty() || text == b"[DONE]" {
            return;
        }
        let before = out.len();
        match serde_json::from_slice::<wire::Many<wire::Chunk>>(text) {
            Ok(chunks) => {
                for chunk in chunks.0 {
                    self.chunk(chunk, text, out);
                }
            }
            // Half an event behind a complete answer takes nothing from it.
            Err(_) if self.complete() => {}
            Err(error) => {
                let fault = Fault::upstream_broken(format!(
                    "the upstream sent an event that makes no sense: {}",
                    what(&error)
                ));
                self.fail(fault, out);
            }
        }
        if out.len() == before {
            out.push(Event::Heartbeat);
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        self.end(out);
    }
}

/// What is wrong with a chunk, without its words.
pub(super) fn what(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Data => "a field has the wrong type",
        serde_json::error::Category::Eof => "it is cut off",
        serde_json::error::Category::Io | serde_json::error::Category::Syntax => "it is not JSON",
    }
}

impl Candidate {
    fn part(
        &mut self,
        index: u32,
        mut part: wire::Part,
        ids: &mut CallIds,
        out: &mut Vec<Event>,
    ) -> Result<(), Box<Fault>> {
        if let Some(raw) = contents::opaque(&mut part) {
            self.complete_part(index, Head::Opaque { family: Family::Gemini, raw }, out);
            return Ok(());
        }
        let signature = part.thought_signature.take().filter(|signature| !signature.is_empty());
        let mut token = signature.map(|value| Token { family: Family::Gemini, value });
        if let Some(call) = part.function_call.take() {
            self.call(index, call, token.take(), ids, out)?;
        }
        if part.inline_data.is_some() || part.file_data.is_some() {
            // The signature of a medium has no place in a stream of events.
            token = None;
            // Bytes that are no base64 show nothing to anybody.
            if let Ok(Some(media)) = media::read(&mut part, "") {
                self.complete_part(index, Head::Media(media), out);
            }
        }
        let text = part.text.take().unwrap_or_default();
        if text.is_empty() {
            if let Some(token) = token {
                self.signature(index, part.thought == Some(true), token, out);
            }
            return Ok(());
        }
        if part.thought == Some(true) {
            self.open_thought(index, out);
            out.push(Event::Delta { candidate: index, delta: Delta::Text(text) });
        } else {
            self.open_text(index, out);
            self.passage.push(&text);
            out.push(Event::Delta { candidate: index, delta: Delta::Text(text) });
        }
        if let Some(token) = token {
            self.sign(index, token, out);
        }
        Ok(())
    }

    fn call(
        &mut self,
        index: u32,
        call: wire::FunctionCall,
        token: Option<Token>,
        ids: &mut CallIds,
        out: &mut Vec<Event>,
    ) -> Result<(), Box<Fault>> {
        let Some(name) = call.name.filter(|name| !name.is_empty()) else {
            return Err(Box::new(Fault::upstream_broken("the upstream called a function without a name")));
        };
        self.close(index, out);
        self.called = true;
        let (id, generated_id) = ids.id_for(call.id);
        let head = Head::ToolCall {
            id,
            generated_id,
            name,
            kind: ToolKind::Function,
            namespace: None,
            item_id: None,
        };
        out.push(Event::Open { candidate: index, head });
        let arguments = call.args.map_or_else(|| "{}".to_owned(), |args| args.get().to_owned());
        out.push(Event::Delta { candidate: index, delta: Delta::Arguments(arguments) });
        out.extend(token.map(|token| Event::Delta { candidate: index, delta: Delta::Token(token) }));
        out.push(Event::Close { candidate: index });
        Ok(())
    }

    /// A part that is complete when it begins.
    fn complete_part(&mut self, index: u32, head: Head, out: &mut Vec<Event>) {
        self.close(index, out);
        out.push(Event::Open { candidate: index, head });
        out.push(Event::Close { candidate: index });
    }

    /// A signature without text belongs to the open part, as long as that can take one. Otherwise it
    /// stands alone, as a thought that shows nothing.
    fn signature(&mut self, index: u32, thought: bool, token: Token, out: &mut Vec<Event>) {
        let fits = match self.open {
            Open::Nothing => false,
            Open::Text { signed } => !signed && !thought,
            Open::Thought => true,
        };
        if !fits {
            self.open_thought(index, out);
        }
        self.sign(index, token, out);
    }

    /// Signs the open part. A signed thought is complete; behind a signed text its sources may still come.
    fn sign(&mut self, index: u32, token: Token, out: &mut Vec<Event>) {
        out.push(Event::Delta { candidate: index, delta: Delta::Token(token) });
        match &mut self.open {
            Open::Text { signed } => *signed = true,
            Open::Nothing | Open::Thought => self.close(index, out),
        }
    }

    fn open_thought(&mut self, index: u32, out: &mut Vec<Event>) {
        if self.open == Open::Thought {
            return;
        }
        self.close(index, out);
        self.open = Open::Thought;
        let head = Head::Reasoning { kind: ReasoningKind::Summary, item_id: None };
        out.push(Event::Open { candidate: index, head });
    }

    fn open_text(&mut self, index: u32, out: &mut Vec<Event>) {
        if self.open == (Open::Text { signed: false }) {
            return;
        }
        self.close(index, out);
        self.open = Open::Text { signed: false };
        out.push(Event::Open { candidate: index, head: Head::Text });
    }

    fn close(&mut self, index: u32, out: &mut Vec<Event>) {
        match std::mem::take(&mut self.open) {
            Open::Nothing => return,
            Open::Thought => {}
            Open::Text { .. } => {
                let (grounding, repeated) = (self.grounding.take(), self.repeated.take());
                let citations = grounding::read(grounding.as_ref(), repeated.as_ref(), &self.passage);
                let deltas = citations.into_iter().map(Delta::Citation);
                out.extend(deltas.map(|delta| Event::Delta { candidate: index, delta }));
                self.passage.begin_next();
            }
        }
        out.push(Event::Close { candidate: index });
    }
}

/// Reads token counts (wire-format facts, 6.10). Zeros are left out on the wire.
fn read_usage(usage: &wire::UsageMetadata) -> Usage {
    let known = |number: Option<wire::Whole>| number.map(wire::Whole::count);
    let sum = |first: Option<u64>, second: Option<u64>| match (first, second) {
        (None, None) => None,
        _ => Some(first.unwrap_or(0).saturating_add(second.unwrap_or(0))),
    };
    let input = sum(known(usage.prompt), known(usage.tool_use_prompt));
    let output = sum(known(usage.candidates), known(usage.thoughts));
    let rest = || known(usage.total).map(|total| total.saturating_sub(input.unwrap_or(0)));
    Usage {
        input,
        cache_read: known(usage.cached),
        cache_write: None,
        cache_write_1h: None,
        output: output.or_else(rest),
        reasoning: known(usage.thoughts),
    }
}
