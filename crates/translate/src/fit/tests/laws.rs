//! What must hold for every request and every target.

use std::collections::HashSet;

use byok_types::Family;
use byok_types::chat::{Event, Fold, PartKind, Request, Role, ToolType, Turn, unfold};
use proptest::prelude::*;

use super::support::*;
use crate::fit::{Lossy, arbitrary};

/// Models that differ in what they accept.
const TARGETS: [(Family, &str); 18] = [
    (Family::Anthropic, "claude-3-5-sonnet-latest"),
    (Family::Anthropic, "claude-sonnet-4-5"),
    (Family::Anthropic, "claude-opus-4-6"),
    (Family::Anthropic, "claude-opus-5"),
    (Family::Anthropic, "claude-sonnet-5-5"),
    (Family::Anthropic, "glm-4.6"),
    (Family::Cohere, "command-a-03-2025"),
    (Family::Cohere, "command-a-reasoning-08-2025"),
    (Family::Gemini, "gemini-2.0-flash"),
    (Family::Gemini, "gemini-2.5-pro"),
    (Family::Gemini, "gemini-3-pro"),
    (Family::OpenaiChat, "gpt-4"),
    (Family::OpenaiChat, "gpt-4o-search-preview"),
    (Family::OpenaiChat, "gpt-5.4"),
    (Family::OpenaiChat, "o3"),
    (Family::OpenaiChat, "llama-3.3-70b"),
    (Family::OpenaiResponses, "gpt-5"),
    (Family::OpenaiResponses, "gpt-5.6-sol"),
];

fn target() -> impl Strategy<Value = (Family, &'static str)> {
    proptest::sample::select(TARGETS.to_vec())
}

fn pairs_are_whole(turns: &[Turn]) {
    let mut ids = HashSet::new();
    for (at, turn) in turns.iter().enumerate() {
        let calls: Vec<&str> = turn
            .parts
            .iter()
            .filter_map(|part| match &part.kind {
                PartKind::ToolCall(call) => Some(call.id.as_str()),
                _ => None,
            })
            .collect();
        for id in &calls {
            assert!(ids.insert((*id).to_owned()), "the id {id} twice");
        }
        let results: Vec<&str> = turns.get(at + 1).map_or(Vec::new(), |next| {
            next.parts
                .iter()
                .map_while(|part| match &part.kind {
                    PartKind::ToolResult(result) => Some(result.call_id.as_str()),
                    _ => None,
                })
                .collect()
        });
        if turn.role == Role::Assistant && at + 1 < turns.len() {
            assert_eq!(calls, results, "calls and results");
        }
        let own_results =
            turn.parts.iter().filter(|part| matches!(part.kind, PartKind::ToolResult(_))).count();
        let expected = at.checked_sub(1).map_or(0, |before| {
            turns[before].parts.iter().filter(|part| matches!(part.kind, PartKind::ToolCall(_))).count()
        });
        assert_eq!(own_results, expected, "results without calls");
    }
}

fn is_well_formed(request: &Request, family: Family) {
    pairs_are_whole(&request.turns);
    assert!(request.turns.iter().all(|turn| !turn.parts.is_empty()), "an empty turn");
    if matches!(family, Family::Anthropic | Family::Gemini) {
        assert_eq!(request.turns.first().map(|turn| turn.role), Some(Role::User));
        for pair in request.turns.windows(2) {
            assert!(pair[0].role != pair[1].role, "two neighbours of one role");
        }
    }
    let mut names = HashSet::new();
    for tool in &request.tools {
        if matches!(tool.kind, ToolType::Function { .. } | ToolType::Custom { .. }) {
            assert!(names.insert((&tool.namespace, &tool.name)), "the tool {} twice", tool.name);
            assert!(!tool.name.is_empty());
        }
        if let ToolType::Hosted { family: own, .. } | ToolType::ClientTyped { family: own, .. } = &tool.kind {
            assert_eq!(*own, family);
        }
    }
    if family == Family::Anthropic {
        assert!(request.limits.max_output.is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_fits_or_is_refused_by_name(request in arbitrary::request(), (family, model) in target()) {
        match try_fit(&request, family, model, Lossy::Refuse) {
            Ok(fitted) => is_well_formed(&fitted.request, family),
            Err(fault) => {
                prop_assert_eq!(fault.status, 400);
                prop_assert!(fault.param.is_some());
            }
        }
    }

    #[test]
    fn what_fits_stays_as_it_is(request in arbitrary::request(), (family, model) in target()) {
        if let Ok(once) = try_fit(&request, family, model, Lossy::Drop) {
            let twice = try_fit(&once.request, family, model, Lossy::Refuse).unwrap();
            prop_assert_eq!(outline(&twice.request.turns), outline(&once.request.turns));
            prop_assert_eq!(&twice.request.tools, &once.request.tools);
            prop_assert_eq!(&twice.request.tool_choice, &once.request.tool_choice);
            prop_assert_eq!(twice.request, once.request);
        }
    }

    #[test]
    fn every_report_is_safe_for_a_header(request in arbitrary::request(), (family, model) in target()) {
        if let Ok(fitted) = try_fit(&request, family, model, Lossy::Drop) {
            for entry in &fitted.dropped {
                let text = entry.to_string();
                prop_assert!(text.bytes().all(|b| b.is_ascii_graphic() && b != b','), "{}", text);
                prop_assert_eq!(text.matches('=').count(), 1);
            }
        }
    }

    #[test]
    fn a_call_comes_back_under_the_name_the_client_knows(
        request in arbitrary::request(),
        (family, model) in target(),
    ) {
        let Ok(mut fitted) = try_fit(&request, family, model, Lossy::Drop) else { return Ok(()) };
        let declared: HashSet<_> = request.tools.iter().map(|tool| (&tool.namespace, &tool.name)).collect();
        let own: Vec<_> = fitted
            .request
            .tools
            .iter()
            .filter(|tool| matches!(tool.kind, ToolType::Function { .. } | ToolType::Custom { .. }))
            .map(|tool| (tool.namespace.clone(), tool.name.clone()))
            .collect();
        let mut came_back = HashSet::new();
        for (namespace, name) in own {
            let mut part = call("call_1", &name);
            if let PartKind::ToolCall(call) = &mut part.kind {
                call.namespace = namespace;
            }
            let response = answer(vec![part]);
            let restored = fitted.restore.response(response.clone());
            let mut events = Vec::new();
            for event in unfold(response) {
                fitted.restore.event(event, &mut events);
            }
            let streamed = Fold::all(events).unwrap();
            prop_assert_eq!(&streamed, &restored);
            if let PartKind::ToolCall(call) = &restored.candidates[0].parts[0].kind {
                let client = (call.namespace.clone(), call.name.clone());
                prop_assert!(came_back.insert(client.clone()), "{:?} twice", client);
                let from_history = request.turns.iter().flat_map(|turn| &turn.parts).any(|part| {
                    matches!(&part.kind, PartKind::ToolCall(old) if old.name == call.name)
                });
                prop_assert!(declared.contains(&(&call.namespace, &call.name)) || from_history);
            }
        }
    }
}

#[test]
fn a_stream_that_was_not_touched_passes_as_it_is() {
    let mut fitted = fitted(&hello(), Family::OpenaiChat, "gpt-4o");
    let events = unfold(answer(vec![call("call_1", "read")]));
    let mut out = Vec::new();
    for event in events.clone() {
        fitted.restore.event(event, &mut out);
    }
    out.push(Event::Heartbeat);
    assert_eq!(out.pop(), Some(Event::Heartbeat));
    assert_eq!(out, events);
}
