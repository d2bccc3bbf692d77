//! The order of turns: where later system text goes, what is merged, who speaks first and last.
//!
//! The parts of the turns were made to fit by [`super::content`]; pairing calls with results is done by
//! [`super::calls`], between the merging before and after it.

use byok_types::Family;
use byok_types::chat::{Part, PartKind, Request, Role, SystemText, Turn};
use byok_types::model::Thinking;

use super::{Work, calls, reasoning};

pub(super) fn apply(request: &mut Request, work: &mut Work<'_>) {
    place_system(request, work);
    merge(&mut request.turns, work.family);
    end_well(request, work);
    calls::apply(&mut request.turns, work);
    merge(&mut request.turns, work.family);
    if work.family == Family::Anthropic {
        system_after_user(request, work);
        merge(&mut request.turns, work.family);
    }
    // What stood last may have moved up and left an assistant turn there, even one with open calls.
    if end_well(request, work) {
        calls::apply(&mut request.turns, work);
    }
    start_well(request, work);
    for turn in &mut request.turns {
        strip(turn, work.family);
    }
    if work.family == Family::Gemini && work.facts.signed_calls {
        sign_calls(&mut request.turns);
    }
}

/// System text after the first turn: in place where the target takes it.
fn place_system(request: &mut Request, work: &mut Work<'_>) {
    let in_place = match work.family {
        Family::Cohere | Family::OpenaiChat | Family::OpenaiResponses => return,
        Family::Anthropic => work.facts.system_turns,
        Family::Gemini => false,
    };
    let mut leading = true;
    for mut turn in std::mem::take(&mut request.turns) {
        leading &= turn.role == Role::System;
        if turn.role != Role::System || (in_place && !leading) {
            request.turns.push(turn);
        } else if leading {
            // Nothing stands before it: it is ordinary system text.
            append_system(request, turn);
        } else if work.family == Family::Gemini {
            work.ledger.report("messages", "system_wrapped");
            for part in &mut turn.parts {
                if let PartKind::Text { text, .. } = &mut part.kind {
                    *text = format!("<system>\n{text}\n</system>");
                }
            }
            turn.role = Role::User;
            request.turns.push(turn);
        } else {
            work.ledger.report("messages", "system_moved");
            append_system(request, turn);
        }
    }
}

fn append_system(request: &mut Request, turn: Turn) {
    for part in turn.parts {
        let cache = part.cache;
        if let PartKind::Text { text, .. } = part.kind {
            request.system.push(SystemText { text, cache });
        }
    }
}

/// Anthropic takes system text only right after a user turn.
fn system_after_user(request: &mut Request, work: &mut Work<'_>) {
    let mut waiting: Vec<Turn> = Vec::new();
    let mut turns: Vec<Turn> = Vec::with_capacity(request.turns.len());
    for turn in std::mem::take(&mut request.turns) {
        match (turn.role, turns.last().map(|last| last.role)) {
            (Role::System, Some(Role::User)) => turns.push(turn),
            (Role::System, Some(Role::System)) => {
                if let Some(last) = turns.last_mut() {
                    last.parts.extend(turn.parts);
                }
            }
            (Role::System, _) => waiting.push(turn),
            (role, _) => {
                turns.push(turn);
                if role == Role::User && !waiting.is_empty() {
                    let parts = waiting.drain(..).flat_map(|turn| turn.parts).collect();
                    turns.push(Turn::new(Role::System, parts));
                }
            }
        }
    }
    request.turns = turns;
    for turn in waiting {
        work.ledger.report("messages", "system_moved");
        append_system(request, turn);
    }
}

/// Merges neighbours that the target wants as one turn. Everywhere, calls and what is said around them
/// are one assistant turn; Anthropic and Gemini want the roles to alternate.
fn merge(turns: &mut Vec<Turn>, family: Family) {
    let alternating = matches!(family, Family::Anthropic | Family::Gemini);
    let mut merged: Vec<Turn> = Vec::with_capacity(turns.len());
    for run in turns.chunk_by_mut(|one, next| one.role == next.role) {
        let as_one = match run[0].role {
            Role::Assistant => alternating || run.iter().any(has_calls),
            Role::System => family == Family::Anthropic,
            Role::User => alternating,
        };
        let mut turns = run.iter_mut().map(|turn| std::mem::replace(turn, Turn::new(Role::User, Vec::new())));
        if as_one {
            merged.extend(turns.reduce(|mut first, next| {
                first.parts.extend(next.parts);
                first.phase = first.phase.filter(|phase| next.phase.as_ref() == Some(phase));
                first.item_id = None;
                // One field has one value; the later turn's is the newer one.
                first.ext.retain(|ext| next.ext.iter().all(|newer| newer.path != ext.path));
                first.ext.extend(next.ext);
                first
            }));
        } else {
            merged.extend(&mut turns);
        }
    }
    *turns = merged;
}

fn has_calls(turn: &Turn) -> bool {
    turn.parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall(_)))
}

/// The last turn: an assistant turn there is the beginning of the answer, which not every model goes on
/// from, and none while it thinks.
/// Returns whether a user turn was added.
fn end_well(request: &mut Request, work: &mut Work<'_>) -> bool {
    let thinks = matches!(work.facts.thinking, Thinking::Budget { .. } | Thinking::Adaptive { .. })
        && reasoning::is_on(&request.reasoning);
    let anthropic = work.family == Family::Anthropic;
    while request.turns.last().is_some_and(|last| last.role == Role::Assistant) {
        if !work.facts.prefill || (anthropic && thinks) {
            work.ledger.report("messages", "continue_appended");
            request.turns.push(Turn::new(Role::User, vec![Part::text("Continue.")]));
            return true;
        }
        if !anthropic {
            return false;
        }
        let Some(last) = request.turns.last_mut() else { return false };
        if let Some(Part { kind: PartKind::Text { text, .. }, .. }) = last.parts.last_mut() {
            text.truncate(text.trim_end().len());
            if text.is_empty() {
                last.parts.pop();
            }
        }
        if !last.parts.is_empty() {
            return false;
        }
        request.turns.pop();
    }
    false
}

/// The first turn: Anthropic and Gemini want the user's, and every target but Chat wants one at all.
fn start_well(request: &mut Request, work: &mut Work<'_>) {
    let missing = match (request.turns.first(), work.family) {
        (Some(first), Family::Anthropic | Family::Gemini) => first.role != Role::User,
        (None, family) => family != Family::OpenaiChat,
        _ => false,
    };
    if missing {
        work.ledger.report("messages", "user_turn_prepended");
        request.turns.insert(0, Turn::new(Role::User, vec![Part::text(".")]));
    }
}

/// What stands beside a turn in some formats only; losing it is no loss of meaning.
fn strip(turn: &mut Turn, family: Family) {
    if family != Family::OpenaiChat || turn.role == Role::Assistant {
        turn.name = None;
    }
    if family != Family::OpenaiResponses {
        turn.phase = None;
        turn.item_id = None;
    }
}

/// Gemini checks the signature of the first call of each step. For calls that it did not make there is a
/// documented value that switches the check off.
fn sign_calls(turns: &mut [Turn]) {
    for turn in turns.iter_mut().filter(|turn| turn.role == Role::Assistant) {
        let first = turn.parts.iter_mut().find(|part| matches!(part.kind, PartKind::ToolCall(_)));
        if let Some(part) = first.filter(|part| part.token.is_none()) {
            part.token = Some(byok_types::chat::Token {
                family: Family::Gemini,
                value: "skip_thought_signature_validator".into(),
            });
        }
    }
}

#[cfg(test)]
mod tests;
