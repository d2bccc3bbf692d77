use byok_types::chat::Request;

use super::*;
use crate::fit::tests::{asking, assistant, call, fitted, outline, reports, result, user, usual};

fn calls(ids: &[&str]) -> Turn {
    Turn::new(Role::Assistant, ids.iter().map(|id| call(id, "read")).collect())
}

fn results(ids: &[&str]) -> Turn {
    Turn::new(Role::User, ids.iter().map(|id| result(id, &format!("r{id}"))).collect())
}

fn everywhere(request: &Request, expected: &[&str], report: &str) {
    for family in Family::ALL {
        let fitted = fitted(request, family, usual(family));
        assert_eq!(outline(&fitted.request.turns), expected, "{family}");
        assert_eq!(reports(&fitted), report, "{family}");
    }
}

#[test]
fn pitfall_62_results_come_first_and_in_one_turn() {
    let mut late = results(&["2"]);
    late.parts.insert(0, Part::text("and?"));
    let request = asking(vec![user("q"), calls(&["1", "2"]), results(&["1"]), late]);
    let whole = "U[result 1 r1 | result 2 r2 | and?]";
    for family in [Family::Anthropic, Family::Gemini] {
        let turns = outline(&fitted(&request, family, usual(family)).request.turns);
        assert_eq!(turns, ["U[q]", "A[call 1 read | call 2 read]", whole]);
    }
    let chat = outline(&fitted(&request, Family::OpenaiChat, "gpt-4o").request.turns);
    assert_eq!(chat[2..], ["U[result 1 r1 | result 2 r2]", "U[and?]"]);
}

#[test]
fn pitfall_63_and_83_results_are_matched_by_id_and_ordered_as_the_calls() {
    let request = asking(vec![user("q"), calls(&["1", "2", "3"]), results(&["3", "1", "2"])]);
    everywhere(
        &request,
        &["U[q]", "A[call 1 read | call 2 read | call 3 read]", "U[result 1 r1 | result 2 r2 | result 3 r3]"],
        "",
    );
}

#[test]
fn pitfall_63_a_missing_result_is_filled_in_where_the_conversation_goes_on() {
    let lost = "Error: the tool call was interrupted, so there is no result.";
    let partial = asking(vec![user("q"), calls(&["1", "2"]), results(&["2"])]);
    let filled = format!("U[result 1 {lost} | result 2 r2]");
    everywhere(&partial, &["U[q]", "A[call 1 read | call 2 read]", &filled], "messages=result_inserted");
    let interrupted = asking(vec![user("q"), calls(&["1"]), user("stop that")]);
    for family in Family::ALL {
        let fitted = fitted(&interrupted, family, usual(family));
        let flags: Vec<bool> = fitted.request.turns[2]
            .parts
            .iter()
            .filter_map(|part| match &part.kind {
                PartKind::ToolResult(result) => Some(result.is_error),
                _ => None,
            })
            .collect();
        assert_eq!(flags, [matches!(family, Family::Anthropic | Family::Gemini)]);
    }
}

#[test]
fn pitfall_64_duplicate_results_keep_the_last() {
    let mut again = results(&["1"]);
    again.parts.push(result("1", "newer"));
    let request = asking(vec![user("q"), calls(&["1"]), again]);
    everywhere(
        &request,
        &["U[q]", "A[call 1 read]", "U[result 1 newer]"],
        "messages=duplicate_result_dropped",
    );
}

#[test]
fn pitfall_113_a_result_before_its_call_or_behind_a_message_finds_it() {
    let before = asking(vec![user("q"), results(&["1"]), calls(&["1"]), user("so?")]);
    for family in Family::ALL {
        let turns = outline(&fitted(&before, family, usual(family)).request.turns);
        assert_eq!(turns[turns.len() - 2..], ["A[call 1 read]", "U[result 1 r1 | so?]"], "{family}");
    }
    let behind = asking(vec![user("q"), calls(&["1"]), assistant("hm"), results(&["1"]), user("so?")]);
    let turns = outline(&fitted(&behind, Family::OpenaiChat, "gpt-4o").request.turns);
    assert_eq!(turns, ["U[q]", "A[call 1 read | hm]", "U[result 1 r1]", "U[so?]"]);
}

#[test]
fn pitfall_155_a_result_whose_call_is_gone_becomes_text() {
    let request = asking(vec![results(&["gone"]), assistant("ok"), user("go on")]);
    everywhere(
        &request,
        &["U[Result of an earlier tool call: | rgone]", "A[ok]", "U[go on]"],
        "messages=result_as_text",
    );
}

#[test]
fn pitfall_84_ids_that_a_server_uses_again_in_every_turn_stay_apart() {
    let request = asking(vec![
        user("q"),
        calls(&["0"]),
        Turn::new(Role::User, vec![result("0", "first")]),
        calls(&["0"]),
        Turn::new(Role::User, vec![result("0", "second")]),
    ]);
    for family in Family::ALL {
        let turns = fitted(&request, family, usual(family)).request.turns;
        let ids: Vec<&str> = turns
            .iter()
            .flat_map(|turn| &turn.parts)
            .filter_map(|part| match &part.kind {
                PartKind::ToolCall(call) => Some(call.id.as_str()),
                PartKind::ToolResult(result) => Some(result.call_id.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(ids[0], ids[1]);
        assert_eq!(ids[2], ids[3]);
        assert_ne!(ids[0], ids[2]);
        assert!(outline(&turns)[2].contains("first") && outline(&turns)[4].contains("second"));
    }
}

#[test]
fn pitfall_79_foreign_ids_are_repaired_at_both_ends_without_collisions() {
    let long = "x".repeat(80);
    let request =
        asking(vec![user("q"), calls(&["a.b", "a:b", "a|b", &long]), results(&["a.b", "a:b", "a|b", &long])]);
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    for family in Family::ALL {
        let once = fitted(&request, family, usual(family)).request;
        let mut seen = HashSet::new();
        for part in &once.turns[1].parts {
            let PartKind::ToolCall(call) = &part.kind else { panic!("no call") };
            assert!(call.id.chars().count() <= 64, "{family}");
            if matches!(family, Family::Anthropic | Family::OpenaiResponses) {
                assert!(call.id.chars().all(good), "{family} {}", call.id);
            }
            assert!(seen.insert(call.id.clone()));
        }
        assert_eq!(fitted(&request, family, usual(family)).request, once, "not the same every time");
    }
    let chat = fitted(&request, Family::OpenaiChat, "kimi-k2").request;
    assert!(
        outline(&chat.turns)[1].starts_with("A[call a.b read | call a:b read"),
        "a server's own ids stay"
    );
}

#[test]
fn pitfall_85_results_know_the_name_of_their_tool() {
    let request = asking(vec![user("q"), calls(&["1"]), results(&["1"])]);
    for family in Family::ALL {
        let turns = fitted(&request, family, usual(family)).request.turns;
        let PartKind::ToolResult(result) = &turns[2].parts[0].kind else { panic!("no result") };
        assert_eq!(result.name.as_deref(), Some("read"));
    }
}
