//! The pieces of the conversation: what the target cannot carry is put another way, left out or refused.
//!
//! Runs before anything moves, so that what it names are the client's own positions. It does not pair
//! calls with results and does not reorder anything.

mod media;
mod thoughts;

use byok_types::chat::{Part, PartKind, Request, Role, ToolCall, ToolKind, ToolResult, Turn};
use byok_types::{Family, Fault, RawJson};
use serde::Deserialize;

use super::{ClientName, Work};

pub(super) fn apply(request: &mut Request, work: &mut Work<'_>) -> Result<(), Box<Fault>> {
    request.system.retain(|system| !is_empty(&system.text, work.family));
    for (index, turn) in std::mem::take(&mut request.turns).into_iter().enumerate() {
        request.turns.extend(fit_turn(turn, index, work)?);
    }
    if work.family == Family::OpenaiResponses {
        thoughts::drop_unfollowed(&mut request.turns);
    }
    if request.turns.is_empty() && request.system.is_empty() {
        return Err(work.ledger.refusal("messages", "there is nothing in them that could be answered"));
    }
    Ok(())
}

/// The turn as the target takes it, or `None` where nothing of it is left.
fn fit_turn(turn: Turn, index: usize, work: &mut Work<'_>) -> Result<Option<Turn>, Box<Fault>> {
    let Turn { role, parts, name, phase, item_id, mut ext } = turn;
    ext.retain(|ext| ext.family == Some(work.family));
    let mut kept = Vec::with_capacity(parts.len());
    // Whether something other than empty text was left out: then the client did say something.
    let mut said_something = false;
    for (at, part) in parts.into_iter().enumerate() {
        let is_text = matches!(part.kind, PartKind::Text { .. });
        let place = Place { index, at };
        match fit_part(part, role, place, work)? {
            Some(part) => kept.push(part),
            None => said_something |= !is_text,
        }
    }
    if kept.is_empty() {
        if role == Role::User && !said_something {
            work.ledger.refuse(&format!("messages[{index}].content"), "an empty message cannot be sent")?;
        }
        return Ok(None);
    }
    Ok(Some(Turn { role, parts: kept, name, phase, item_id, ext }))
}

/// A part's position, written only where something has to be said about it.
#[derive(Clone, Copy)]
struct Place {
    index: usize,
    at: usize,
}

impl Place {
    fn path(self) -> String {
        format!("messages[{}].content[{}]", self.index, self.at)
    }
}

fn fit_part(part: Part, role: Role, place: Place, work: &mut Work<'_>) -> Result<Option<Part>, Box<Fault>> {
    let Part { kind, cache, token } = part;
    let family = work.family;
    let kind = match (kind, role) {
        (PartKind::Text { text, .. }, _) if is_empty(&text, family) => None,
        (PartKind::Text { text, mut citations }, _) => {
            citations.retain(|citation| citation.family == family);
            Some(PartKind::Text { text, citations })
        }
        (PartKind::Refusal(text), _) if is_empty(&text, family) => None,
        (PartKind::Refusal(text), Role::Assistant) if work.is_openai_format() => {
            Some(PartKind::Refusal(text))
        }
        (PartKind::Refusal(text), _) => Some(PartKind::Text { text, citations: Vec::new() }),
        (PartKind::Opaque { family: own, raw }, _) if own == family => {
            Some(PartKind::Opaque { family: own, raw })
        }
        (PartKind::Opaque { raw, .. }, _) => {
            foreign(&raw, place, work)?;
            None
        }
        (PartKind::Reasoning(reasoning), Role::Assistant) => {
            thoughts::fit(reasoning, work).map(PartKind::Reasoning)
        }
        (PartKind::Media(media), Role::User) => media::fit(media, &place.path(), work)?,
        // Gemini's own pictures in the history.
        (PartKind::Media(media), Role::Assistant) if family == Family::Gemini => {
            media::fit(media, &place.path(), work)?
        }
        (PartKind::ToolCall(call), Role::Assistant) => Some(PartKind::ToolCall(fit_call(call, work))),
        (PartKind::ToolResult(result), Role::User) => {
            Some(PartKind::ToolResult(fit_result(result, place, work)?))
        }
        (PartKind::Media(_) | PartKind::ToolCall(_) | PartKind::ToolResult(_), _) => {
            work.ledger.drop(place.path());
            None
        }
        (PartKind::Reasoning(_), _) => None,
    };
    let token = token.filter(|token| token.family == family);
    Ok(kind.map(|kind| Part { kind, cache, token }))
}

/// Anthropic takes no text of blanks either.
fn is_empty(text: &str, family: Family) -> bool {
    text.is_empty() || (family == Family::Anthropic && text.trim().is_empty())
}

/// A piece that only another family understands goes in silence, unless it stands for something that the
/// vendor keeps.
fn foreign(raw: &RawJson, place: Place, work: &mut Work<'_>) -> Result<(), Box<Fault>> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(default)]
        r#type: String,
    }
    match raw.read::<Typed>().map(|typed| typed.r#type).as_deref() {
        Ok("item_reference") => work.ledger.refuse(
            &place.path(),
            "an item_reference points at what another vendor stores; send the item itself",
        ),
        Ok("compaction") => {
            work.ledger.drop(place.path());
            Ok(())
        }
        _ => Ok(()),
    }
}

fn fit_call(call: ToolCall, work: &mut Work<'_>) -> ToolCall {
    let item_id = call.item_id.filter(|_| work.family == Family::OpenaiResponses);
    if call.kind == ToolKind::Custom && !work.takes_free_text() {
        work.free_text.insert(ClientName::new(call.namespace.as_ref(), &call.name));
        let arguments = RawJson::from_value(&serde_json::json!({ "input": call.arguments }));
        return ToolCall { kind: ToolKind::Function, arguments: arguments.get().to_owned(), item_id, ..call };
    }
    ToolCall { item_id, ..call }
}

fn fit_result(result: ToolResult, place: Place, work: &mut Work<'_>) -> Result<ToolResult, Box<Fault>> {
    let ToolResult { call_id, name, parts, mut is_error, kind, raw_object } = result;
    let mut kept = Vec::with_capacity(parts.len());
    for (at, part) in parts.into_iter().enumerate() {
        let kind = match part.kind {
            PartKind::Text { text, .. } | PartKind::Refusal(text) if !is_empty(&text, work.family) => {
                Some(PartKind::Text { text, citations: Vec::new() })
            }
            PartKind::Media(media) => media::fit(media, &format!("{}.content[{at}]", place.path()), work)?,
            PartKind::Opaque { family, raw } if family == work.family => {
                Some(PartKind::Opaque { family, raw })
            }
            _ => None,
        };
        kept.extend(kind.map(Part::new));
    }
    if is_error && !matches!(work.family, Family::Anthropic | Family::Gemini) {
        // There is no flag for it: the text has to say so.
        say_error(&mut kept);
        is_error = false;
    }
    let raw_object = raw_object.filter(|_| work.family == Family::Gemini);
    Ok(ToolResult { call_id, name, parts: kept, is_error, kind, raw_object })
}

fn say_error(parts: &mut Vec<Part>) {
    let text = parts.iter_mut().find_map(|part| match &mut part.kind {
        PartKind::Text { text, .. } => Some(text),
        _ => None,
    });
    match text {
        Some(text) if text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("error")) => {}
        Some(text) => text.insert_str(0, "Error: "),
        None => parts.insert(0, Part::text("Error: the tool failed.")),
    }
}

#[cfg(test)]
mod tests;
