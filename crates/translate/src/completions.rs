//! OpenAI's legacy text completions, `POST /v1/completions`: one prompt in, one text out. Spoken to
//! clients only; the prompt becomes a user turn for whatever model answers.
//!
//! What only a raw language model could do is refused by name: several prompts, token ids, text to insert
//! before a suffix, the prompt repeated in the answer. Thoughts and calls have no place in the answer.

use std::collections::BTreeMap;
use std::fmt;

use byok_types::chat::{
    Candidate, Delta, Event, Head, Part, PartKind, Request, Response, Role, Stop, StopReason, Turn, Usage,
};
use byok_types::{Fault, RawJson};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::format::{ClientFormat, EventWriter, PathWish, ReadError, Reply};
use crate::openai_chat::wire::{Body, Maybe, Message};
use crate::openai_chat::{UsageOut, client_status, finish_reason, put, read_body, write_fault};
use crate::wire::parse_request;

/// The legacy completions format.
pub(crate) struct Completions;

impl ClientFormat for Completions {
    fn read_request(&self, body: &[u8], path: PathWish<'_>) -> Result<Request, ReadError> {
        read(parse_request(body)?, path)
    }

    fn write_response(&self, response: &Response, reply: &Reply) -> Vec<u8> {
        let mut answer = envelope(reply);
        answer.choices = response.candidates.iter().map(whole_choice).collect();
        answer.usage = Some(Some(UsageOut::from(&response.usage)));
        let mut out = Vec::new();
        put(&mut out, &answer);
        out
    }

    fn event_writer(&self, reply: Reply) -> Box<dyn EventWriter> {
        Box::new(Writer { reply, choices: BTreeMap::new(), usage: Usage::default(), ended: false })
    }

    fn write_fault(&self, fault: &Fault) -> Vec<u8> {
        write_fault(fault)
    }

    fn fault_status(&self, fault: &Fault) -> u16 {
        client_status(fault)
    }
}

/// A request body: that of Chat with a prompt in the place of messages.
#[derive(Default)]
struct Legacy<'a> {
    best_of: Option<u32>,
    body: Body<'a>,
    echo: Option<bool>,
    logprobs: Option<u32>,
    prompt: Option<RawJson>,
    suffix: Option<String>,
}

impl<'de> Deserialize<'de> for Legacy<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LegacyVisitor;

        impl<'de> Visitor<'de> for LegacyVisitor {
            type Value = Legacy<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut legacy = Legacy::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "best_of" => legacy.best_of = map.next_value()?,
                        "echo" => legacy.echo = map.next_value()?,
                        "logprobs" => legacy.logprobs = map.next_value()?,
                        "prompt" => legacy.prompt = map.next_value()?,
                        "suffix" => legacy.suffix = map.next_value()?,
                        _ => legacy.body.take(key, &mut map)?,
                    }
                }
                Ok(legacy)
            }
        }

        deserializer.deserialize_map(LegacyVisitor)
    }
}

fn read(legacy: Legacy<'_>, path: PathWish<'_>) -> Result<Request, ReadError> {
    let refuse = |field: &str| {
        ReadError::field(field, "needs a raw language model; byok serves /v1/completions with chat models")
    };
    if legacy.suffix.is_some_and(|suffix| !suffix.is_empty()) {
        return Err(refuse("suffix"));
    }
    if legacy.echo == Some(true) {
        return Err(refuse("echo"));
    }
    if legacy.best_of.is_some_and(|best_of| best_of > legacy.body.n.unwrap_or(1)) {
        return Err(refuse("best_of"));
    }
    let prompt = read_prompt(legacy.prompt.as_ref())?;
    let mut body = legacy.body;
    // The reader of Chat requests wants a message; the prompt takes its place below.
    body.messages = Some(vec![Message { role: Some("user".to_owned()), ..Message::default() }]);
    let mut request = read_body(body, path)?;
    request.turns = vec![Turn::new(Role::User, vec![Part::text(prompt)])];
    if let Some(count) = legacy.logprobs {
        request.sampling.logprobs = Some(true);
        request.sampling.top_logprobs = Some(count);
    }
    Ok(request)
}

/// The prompt: a text, or a list of one.
fn read_prompt(prompt: Option<&RawJson>) -> Result<String, ReadError> {
    let prompt = prompt.ok_or_else(|| ReadError::field("prompt", "is required"))?;
    let text = match prompt.as_str() {
        Some(text) => text.into_owned(),
        None => match prompt.read::<Vec<String>>() {
            Ok(mut list) if list.len() == 1 => list.pop().unwrap_or_default(),
            Ok(_) => return Err(ReadError::field("prompt", "must hold exactly one text")),
            Err(_) => return Err(ReadError::field("prompt", "must be a text or a list of one text")),
        },
    };
    if text.is_empty() {
        return Err(ReadError::field("prompt", "must not be empty"));
    }
    Ok(text)
}

/// An answer, or a chunk of one.
#[derive(Serialize)]
struct AnswerOut<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<ChoiceOut<'a>>,
    /// Absent, `null` (in the chunks of a stream that ends in usage), or the usage.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[expect(clippy::option_option, reason = "the wire tells three cases apart")]
    usage: Option<Option<UsageOut>>,
}

#[derive(Serialize)]
struct ChoiceOut<'a> {
    text: std::borrow::Cow<'a, str>,
    index: u32,
    logprobs: Option<Value>,
    finish_reason: Option<&'static str>,
}

fn envelope(reply: &Reply) -> AnswerOut<'_> {
    AnswerOut {
        id: format!("cmpl-{}", reply.id.unique),
        object: "text_completion",
        created: reply.id.created,
        model: &reply.model,
        choices: Vec::new(),
        usage: None,
    }
}

fn whole_choice(candidate: &Candidate) -> ChoiceOut<'_> {
    let text: String = candidate
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::Text { text, .. } | PartKind::Refusal(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let refused = candidate.parts.iter().any(|part| matches!(part.kind, PartKind::Refusal(_)));
    ChoiceOut {
        text: text.into(),
        index: candidate.index,
        logprobs: candidate.logprobs.as_ref().and_then(|raw| legacy_logprobs(raw, 0)),
        finish_reason: Some(word(&candidate.stop, refused).unwrap_or("length")),
    }
}

/// The finish reason; a call that nobody asked for is the end of the text.
fn word(stop: &Stop, refused: bool) -> Option<&'static str> {
    match stop.reason {
        StopReason::ToolUse => Some("stop"),
        reason => finish_reason(reason, refused),
    }
}

/// Probabilities of one token, as Chat answers have them.
#[derive(Default, DeriveDeserialize)]
#[serde(default)]
struct TokenLogprob {
    logprob: f64,
    token: String,
    top_logprobs: Maybe<Vec<Alternative>>,
}

#[derive(Default, DeriveDeserialize)]
#[serde(default)]
struct Alternative {
    logprob: f64,
    token: String,
}

#[derive(DeriveDeserialize)]
struct ChatLogprobs {
    content: Vec<TokenLogprob>,
}

/// The legacy form of a Chat answer's probabilities. `offset`: characters of the text before.
fn legacy_logprobs(raw: &RawJson, offset: usize) -> Option<Value> {
    let chat: ChatLogprobs = raw.read().ok()?;
    let mut place = offset;
    let mut offsets = Vec::with_capacity(chat.content.len());
    for token in &chat.content {
        offsets.push(place);
        place += token.token.chars().count();
    }
    let top = |token: &TokenLogprob| {
        let alternatives = token.top_logprobs.0.iter().flatten();
        alternatives.map(|other| (other.token.clone(), other.logprob.into())).collect::<Map<_, _>>()
    };
    Some(json!({
        "tokens": chat.content.iter().map(|token| token.token.as_str()).collect::<Vec<_>>(),
        "token_logprobs": chat.content.iter().map(|token| token.logprob).collect::<Vec<_>>(),
        "top_logprobs": chat.content.iter().map(top).collect::<Vec<_>>(),
        "text_offset": offsets,
    }))
}

/// Writes one streamed answer.
struct Writer {
    reply: Reply,
    choices: BTreeMap<u32, Choice>,
    usage: Usage,
    ended: bool,
}

/// What has been written of one choice.
#[derive(Default)]
struct Choice {
    /// The open part is text that clients see.
    text: bool,
    refused: bool,
    /// Characters whose probabilities have been written.
    offset: usize,
}

impl Writer {
    fn frame(&self, choices: Vec<ChoiceOut<'_>>, usage: Option<UsageOut>, out: &mut Vec<u8>) {
        let mut chunk = envelope(&self.reply);
        chunk.choices = choices;
        chunk.usage = self.reply.include_usage.then_some(usage);
        out.extend_from_slice(b"data: ");
        put(out, &chunk);
        out.extend_from_slice(b"\n\n");
    }

    fn text(&self, index: u32, text: &str, out: &mut Vec<u8>) {
        let choice = ChoiceOut { text: text.into(), index, logprobs: None, finish_reason: None };
        self.frame(vec![choice], None, out);
    }

    fn logprobs(&mut self, index: u32, raw: &RawJson, out: &mut Vec<u8>) {
        let choice = self.choices.entry(index).or_default();
        let Some(logprobs) = legacy_logprobs(raw, choice.offset) else { return };
        let tokens = logprobs["tokens"].as_array().into_iter().flatten().filter_map(Value::as_str);
        choice.offset += tokens.map(|token| token.chars().count()).sum::<usize>();
        let choice = ChoiceOut { text: "".into(), index, logprobs: Some(logprobs), finish_reason: None };
        self.frame(vec![choice], None, out);
    }

    fn stop(&mut self, index: u32, stop: &Stop, out: &mut Vec<u8>) {
        let refused = self.choices.entry(index).or_default().refused;
        let Some(word) = word(stop, refused) else {
            self.error(&Fault::upstream_broken("the upstream gave up in the middle of the answer"), out);
            return;
        };
        let choice = ChoiceOut { text: "".into(), index, logprobs: None, finish_reason: Some(word) };
        self.frame(vec![choice], None, out);
    }

    fn error(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&write_fault(fault));
        out.extend_from_slice(b"\n\n");
        self.ended = true;
    }
}

impl EventWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start(start) => self.usage.update(&start.usage),
            Event::Open { candidate, head } => {
                let choice = self.choices.entry(*candidate).or_default();
                choice.text = matches!(head, Head::Text | Head::Refusal);
                choice.refused |= matches!(head, Head::Refusal);
            }
            Event::Delta { candidate, delta: Delta::Text(text) } => {
                if self.choices.get(candidate).is_some_and(|choice| choice.text) {
                    self.text(*candidate, text, out);
                }
            }
            Event::Usage(usage) => self.usage.update(usage),
            Event::Logprobs { candidate, raw } => self.logprobs(*candidate, raw, out),
            Event::Stop { candidate, stop } => self.stop(*candidate, stop, out),
            Event::End => {
                if self.reply.include_usage {
                    self.frame(Vec::new(), Some(UsageOut::from(&self.usage)), out);
                }
                out.extend_from_slice(b"data: [DONE]\n\n");
                self.ended = true;
            }
            Event::Error(fault) => self.error(fault, out),
            Event::Close { .. } | Event::Delta { .. } | Event::Heartbeat => {}
        }
    }

    fn keepalive(&mut self, out: &mut Vec<u8>) {
        if !self.ended {
            out.extend_from_slice(b": keep-alive\n\n");
        }
    }
}

#[cfg(test)]
mod tests;
