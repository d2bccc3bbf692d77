//! Tool calls and their results: each call is followed by its one result, under an id the target takes.
//!
//! Works on turns in which adjacent assistant turns with calls were merged. Afterwards every assistant
//! turn with calls that is not the last turn is followed by a user turn that begins with exactly the
//! results of these calls, in their order.

use std::collections::{HashMap, HashSet};

use byok_types::Family;
use byok_types::chat::{Part, PartKind, Role, ToolKind, ToolResult, Turn};

use super::{Work, digest};

/// Pairs calls and results, and makes ids fit.
pub(super) fn apply(turns: &mut Vec<Turn>, work: &mut Work<'_>) {
    let mut calls = calls_of(turns);
    take_results(turns, &mut calls, work);
    fill_missing(turns, &mut calls, work);
    rename(turns, &mut calls, work.family);
    put_results(turns, calls);
}

/// A call where it stands.
struct Call {
    turn: usize,
    id: String,
    name: String,
    kind: ToolKind,
    result: Option<Part>,
}

fn calls_of(turns: &[Turn]) -> Vec<Call> {
    let of_turn = |(turn, content): (usize, &Turn)| {
        let calls = content.parts.iter().filter_map(move |part| match &part.kind {
            PartKind::ToolCall(call) => Some(Call {
                turn,
                id: call.id.clone(),
                name: call.name.clone(),
                kind: call.kind,
                result: None,
            }),
            _ => None,
        });
        calls.collect::<Vec<_>>()
    };
    turns.iter().enumerate().flat_map(of_turn).collect()
}

/// Takes every result out of its turn and gives it to its call. One without a call becomes text.
fn take_results(turns: &mut [Turn], calls: &mut [Call], work: &mut Work<'_>) {
    let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, call) in calls.iter().enumerate() {
        by_id.entry(call.id.clone()).or_default().push(index);
    }
    for (at, turn) in turns.iter_mut().enumerate() {
        for part in std::mem::take(&mut turn.parts) {
            let PartKind::ToolResult(result) = part.kind else {
                turn.parts.push(part);
                continue;
            };
            let same_id = by_id.get(&result.call_id).map_or(&[][..], Vec::as_slice);
            let Some(index) = call_of(same_id, calls, at) else {
                work.ledger.report("messages", "result_as_text");
                turn.parts.extend(as_text(result));
                continue;
            };
            let call = &mut calls[index];
            let result = ToolResult { kind: call.kind, name: Some(call.name.clone()), ..result };
            let part = Part { kind: PartKind::ToolResult(result), ..part };
            if call.result.replace(part).is_some() {
                work.ledger.report("messages", "duplicate_result_dropped");
            }
        }
    }
}

/// The call that a result in turn `at` answers: of the latest turn before it that has calls of this id,
/// the first without a result, else the last. Some servers use the same ids in every turn.
fn call_of(same_id: &[usize], calls: &[Call], at: usize) -> Option<usize> {
    let before = same_id.partition_point(|&index| calls[index].turn < at);
    let Some(&latest) = same_id[..before].last() else {
        // A result that comes before its call.
        return same_id.iter().copied().find(|&index| calls[index].result.is_none());
    };
    let turn = calls[latest].turn;
    let first = same_id[..before].partition_point(|&index| calls[index].turn < turn);
    let group = &same_id[first..before];
    group.iter().copied().find(|&index| calls[index].result.is_none()).or(Some(latest))
}

/// What is left of a result whose call is gone (a client that shortened its history).
fn as_text(result: ToolResult) -> Vec<Part> {
    let mut parts = vec![Part::text(match &result.name {
        Some(name) => format!("Result of an earlier call of the tool {name}:"),
        None => "Result of an earlier tool call:".to_owned(),
    })];
    parts.extend(result.parts);
    parts
}

/// A call that nobody answered is said to have been interrupted, where the conversation goes on.
fn fill_missing(turns: &[Turn], calls: &mut [Call], work: &mut Work<'_>) {
    let answered: HashSet<usize> =
        calls.iter().filter(|call| call.result.is_some()).map(|call| call.turn).collect();
    for call in calls.iter_mut().filter(|call| call.result.is_none()) {
        let goes_on = turns[call.turn + 1..].iter().any(|turn| !turn.parts.is_empty());
        if !goes_on && !answered.contains(&call.turn) {
            continue;
        }
        work.ledger.report("messages", "result_inserted");
        call.result = Some(Part::new(PartKind::ToolResult(ToolResult {
            call_id: call.id.clone(),
            name: Some(call.name.clone()),
            parts: vec![Part::text("Error: the tool call was interrupted, so there is no result.")],
            is_error: matches!(work.family, Family::Anthropic | Family::Gemini),
            kind: call.kind,
            raw_object: None,
        })));
    }
}

/// Gives every call, and its result, an id that the target takes and no other call has.
fn rename(turns: &mut [Turn], calls: &mut [Call], family: Family) {
    let good: HashSet<String> =
        calls.iter().filter(|call| takes(family, &call.id)).map(|call| call.id.clone()).collect();
    let mut used: HashSet<String> = HashSet::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for call in calls.iter_mut() {
        let times = seen.entry(call.id.clone()).and_modify(|times| *times += 1).or_insert(0);
        if !(good.contains(&call.id) && *times == 0) {
            let mut source = format!("{}#{times}", call.id);
            call.id = loop {
                let id = digest::repaired(&call.id, &source, MAX_ID, |c| takes_char(family, c));
                if !good.contains(&id) && !used.contains(&id) {
                    break id;
                }
                source.push('#');
            };
        }
        used.insert(call.id.clone());
        if let Some(Part { kind: PartKind::ToolResult(result), .. }) = &mut call.result {
            result.call_id.clone_from(&call.id);
        }
    }
    let parts = turns.iter_mut().flat_map(|turn| &mut turn.parts);
    let ids = parts.filter_map(|part| match &mut part.kind {
        PartKind::ToolCall(call) => Some(&mut call.id),
        _ => None,
    });
    for (id, call) in ids.zip(calls) {
        id.clone_from(&call.id);
    }
}

fn takes(family: Family, id: &str) -> bool {
    id.chars().count() <= MAX_ID && !id.is_empty() && id.chars().all(|c| takes_char(family, c))
}

/// Servers behind Chat Completions have ids of many shapes and want their own back.
fn takes_char(family: Family, c: char) -> bool {
    match family {
        Family::Anthropic | Family::OpenaiResponses => c.is_ascii_alphanumeric() || matches!(c, '_' | '-'),
        Family::Cohere | Family::Gemini | Family::OpenaiChat => !c.is_control(),
    }
}

/// Puts the results where they belong, and leaves out the turns that held nothing else.
fn put_results(turns: &mut Vec<Turn>, calls: Vec<Call>) {
    let mut of_turn: HashMap<usize, Vec<Part>> = HashMap::new();
    for call in calls {
        of_turn.entry(call.turn).or_default().extend(call.result);
    }
    let mut out: Vec<Turn> = Vec::with_capacity(turns.len() + of_turn.len());
    let mut due: Vec<Part> = Vec::new();
    for (at, mut turn) in std::mem::take(turns).into_iter().enumerate() {
        if !due.is_empty() {
            if turn.role == Role::User {
                due.append(&mut turn.parts);
                turn.parts = std::mem::take(&mut due);
            } else {
                out.push(Turn::new(Role::User, std::mem::take(&mut due)));
            }
        }
        due.extend(of_turn.remove(&at).unwrap_or_default());
        if !turn.parts.is_empty() {
            out.push(turn);
        }
    }
    if !due.is_empty() {
        out.push(Turn::new(Role::User, due));
    }
    *turns = out;
}

/// OpenAI's limit; nobody else's is shorter.
const MAX_ID: usize = 64;

#[cfg(test)]
mod tests;
