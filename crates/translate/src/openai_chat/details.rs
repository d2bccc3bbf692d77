//! Thoughts and their tokens in the fields that Chat clients and gateways send back: `reasoning_details`
//! on messages, `extra_content` on calls.
//!
//! An entry that byok wrote holds a wrapped token and is told apart by it. Any other entry belongs to the
//! Chat upstream that sent it: it is kept as it came, without its text, which stands in the part.

use byok_types::chat::{ReasoningKind, ReasoningPart, Token};
use byok_types::{Family, RawJson};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::FAMILY;
use super::wire::{Count, Maybe};
use crate::token;

/// One entry of `reasoning_details`.
#[derive(Debug)]
pub(super) struct Detail {
    pub(super) kind: ReasoningKind,
    pub(super) text: String,
    index: Option<u64>,
    pub(super) item_id: Option<String>,
    mark: Option<Mark>,
}

/// What an entry has to give back.
#[derive(Debug)]
enum Mark {
    /// Another family's token, wrapped by byok.
    Foreign(Token),
    /// The upstream's own entry.
    Own(Map<String, Value>),
}

/// The marks of one reasoning part while it grows.
#[derive(Debug, Default)]
pub(super) struct Marks {
    index: Option<u64>,
    foreign: Option<Token>,
    own: Vec<Map<String, Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    data: Maybe<String>,
    id: Maybe<String>,
    index: Maybe<Count>,
    signature: Maybe<String>,
    summary: Maybe<String>,
    text: Maybe<String>,
    r#type: Maybe<String>,
}

/// Reads one entry; `None` where it says nothing.
pub(super) fn read(raw: &RawJson) -> Option<Detail> {
    let entry: Entry = raw.read().ok()?;
    let value = entry.signature.text().or(entry.data.text());
    let mark = value.and_then(|value| match token::unwrap(value, FAMILY) {
        token if token.family != FAMILY => Some(Mark::Foreign(token)),
        _ => match raw.to_value() {
            Value::Object(mut own) => {
                own.shift_remove("text");
                own.shift_remove("summary");
                Some(Mark::Own(own))
            }
            _ => None,
        },
    });
    let text = entry.text.text().or(entry.summary.text()).unwrap_or_default().to_owned();
    if text.is_empty() && mark.is_none() {
        return None;
    }
    let responses = matches!(&mark, Some(Mark::Foreign(token)) if token.family == Family::OpenaiResponses);
    let kind = match entry.r#type.text() {
        Some("reasoning.encrypted") if !responses => ReasoningKind::Redacted,
        Some("reasoning.encrypted" | "reasoning.summary") => ReasoningKind::Summary,
        _ => ReasoningKind::Thinking,
    };
    let item_id = entry.id.0.filter(|id| responses && !id.is_empty());
    Some(Detail { kind, text, index: entry.index.0.map(|index| index.0), item_id, mark })
}

impl Marks {
    /// Whether `detail` belongs to the part that these marks are of.
    pub(super) fn join(&self, detail: &Detail) -> bool {
        let known = self.index.is_some() && self.index == detail.index;
        if !known && self.index.is_some() && detail.index.is_some() {
            return false;
        }
        let settled = self.foreign.is_some() || !self.own.is_empty();
        match &detail.mark {
            // Anthropic's redacted thoughts are a piece of their own, never the signature of a text.
            Some(Mark::Foreign(_)) => !settled && detail.kind != ReasoningKind::Redacted,
            _ if self.foreign.is_some() => false,
            // Text after a signature is a new thought, unless the index says otherwise.
            _ => !settled || detail.text.is_empty() || known,
        }
    }

    /// Takes what `detail` has to give back.
    pub(super) fn take(&mut self, detail: Detail) {
        self.index = self.index.or(detail.index);
        match detail.mark {
            Some(Mark::Foreign(token)) => self.foreign = Some(token),
            Some(Mark::Own(own)) => self.own.push(own),
            None => {}
        }
    }

    /// The token that the part ends up with.
    pub(super) fn token(self) -> Option<Token> {
        if self.foreign.is_some() {
            return self.foreign;
        }
        let own = (!self.own.is_empty()).then(|| self.own.into_iter().collect::<Value>());
        own.map(|own| Token { family: FAMILY, value: own.to_string() })
    }
}

/// The thoughts of a whole message: its details where they hold text, `plain` otherwise.
pub(super) fn read_message(details: &[RawJson], plain: Option<&str>) -> Vec<ReasoningPart> {
    let details: Vec<Detail> = details.iter().filter_map(read).collect();
    let described = details.iter().any(|detail| !detail.text.is_empty());
    let mut parts: Vec<(ReasoningPart, Marks)> = Vec::new();
    let begin = |kind, text| ReasoningPart { kind, text, token: None, item_id: None };
    if let Some(text) = plain.filter(|_| !described) {
        parts.push((begin(ReasoningKind::Thinking, text.to_owned()), Marks::default()));
    }
    for detail in details {
        if !parts.last().is_some_and(|(_, marks)| marks.join(&detail)) {
            parts.push((begin(detail.kind, String::new()), Marks::default()));
        }
        if let Some((part, marks)) = parts.last_mut() {
            part.text.push_str(&detail.text);
            part.item_id = part.item_id.take().or_else(|| detail.item_id.clone());
            marks.take(detail);
        }
    }
    let finish = |(part, marks): (ReasoningPart, Marks)| ReasoningPart { token: marks.token(), ..part };
    parts.into_iter().map(finish).collect()
}

/// The entries that carry a part's token to a client, or back to the Chat upstream that made it.
/// `index` is the part's number among the thoughts of its message.
pub(super) fn write(part: &ReasoningPart, index: usize) -> Vec<Value> {
    let Some(token) = &part.token else { return Vec::new() };
    if token.family == FAMILY
        && let Ok(own) = serde_json::from_str::<Vec<Map<String, Value>>>(&token.value)
    {
        return own_entries(own, part);
    }
    let value = token::wrap(token, FAMILY);
    let format = format_name(token.family);
    match part.kind {
        ReasoningKind::Redacted => {
            vec![json!({ "type": "reasoning.encrypted", "data": value, "format": format, "index": index })]
        }
        ReasoningKind::Summary => {
            let mut entries = Vec::new();
            if !part.text.is_empty() {
                entries.push(json!({
                    "type": "reasoning.summary", "summary": part.text, "format": format, "index": index
                }));
            }
            entries.push(json!({
                "type": "reasoning.encrypted", "data": value, "id": part.item_id, "format": format,
                "index": index
            }));
            entries
        }
        ReasoningKind::Plan | ReasoningKind::Thinking => vec![json!({
            "type": "reasoning.text", "text": part.text, "signature": value, "format": format, "index": index
        })],
    }
}

/// The upstream's own entries, with the text back in its place.
fn own_entries(mut own: Vec<Map<String, Value>>, part: &ReasoningPart) -> Vec<Value> {
    if !part.text.is_empty() {
        let slot = own.iter_mut().find_map(|entry| match entry.get("type").and_then(Value::as_str) {
            Some("reasoning.text") => Some((entry, "text")),
            Some("reasoning.summary") => Some((entry, "summary")),
            _ => None,
        });
        if let Some((entry, key)) = slot {
            entry.insert(key.to_owned(), Value::from(part.text.as_str()));
        } else {
            let (r#type, key) = match part.kind {
                ReasoningKind::Summary => ("reasoning.summary", "summary"),
                _ => ("reasoning.text", "text"),
            };
            own.insert(
                0,
                Map::from_iter([
                    ("type".to_owned(), Value::from(r#type)),
                    (key.to_owned(), Value::from(part.text.as_str())),
                ]),
            );
        }
    }
    own.into_iter().map(Value::Object).collect()
}

/// OpenRouter's word for whose tokens these are, by which its clients read the entries.
fn format_name(family: Family) -> &'static str {
    match family {
        Family::Anthropic => "anthropic-claude-v1",
        Family::Gemini => "google-gemini-v1",
        Family::OpenaiResponses => "openai-responses-v1",
        Family::Cohere | Family::OpenaiChat => "unknown",
    }
}

/// The `extra_content` that carries the token of a call or a text.
pub(super) fn extra_content(token: &Token) -> Value {
    match token.family {
        Family::Gemini => json!({ "google": { "thought_signature": token.value } }),
        _ => json!({ "byok": { "token": token::wrap(token, FAMILY) } }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kind: ReasoningKind, text: &str, family: Family, value: &str) -> ReasoningPart {
        let item_id = (family == Family::OpenaiResponses).then(|| "rs_1".to_owned());
        let token = Some(Token { family, value: value.to_owned() });
        ReasoningPart { kind, text: text.to_owned(), token, item_id }
    }

    #[test]
    fn every_token_comes_back_with_its_own_text() {
        let own = r#"[{"type":"reasoning.text","signature":"s","format":"unknown","index":0},{"type":"reasoning.encrypted","data":"d","id":"call_1","format":"google-gemini-v1","index":0}]"#;
        let parts = [
            part(ReasoningKind::Thinking, "first", Family::Anthropic, "sig1"),
            part(ReasoningKind::Redacted, "", Family::Anthropic, "data"),
            part(ReasoningKind::Thinking, "", Family::Anthropic, "sig2"),
            part(ReasoningKind::Summary, "short", Family::OpenaiResponses, "enc1"),
            part(ReasoningKind::Summary, "", Family::OpenaiResponses, "enc2"),
        ];
        let entries = parts.iter().enumerate().flat_map(|(index, part)| write(part, index));
        let entries: Vec<RawJson> = entries.map(|entry| RawJson::from_value(&entry)).collect();
        assert_eq!(read_message(&entries, Some("firstshort")), parts);

        let parts = [part(ReasoningKind::Thinking, "mine", Family::OpenaiChat, own)];
        let entries = write(&parts[0], 0);
        let entries: Vec<RawJson> = entries.iter().map(RawJson::from_value).collect();
        assert_eq!(read_message(&entries, Some("mine")), parts);
    }

    #[test]
    fn a_signature_without_text_belongs_to_the_plain_text() {
        let entry =
            RawJson::parse(r#"{"type":"reasoning.text","signature":"byok1.anthropic.c2ln"}"#).unwrap();
        let parts = read_message(&[entry], Some("thought"));
        assert_eq!(parts, [part(ReasoningKind::Thinking, "thought", Family::Anthropic, "sig")]);
    }
}
