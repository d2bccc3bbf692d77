use byok_types::Family::{Anthropic, Cohere, Gemini, OpenaiChat, OpenaiResponses};
use byok_types::chat::{Reasoning, ReasoningMode};

use super::*;
use crate::fit::tests::{
    answer, asking, assistant, call, fitted, hello, outline, reports, result, user, usual,
};

fn system(text: &str) -> Turn {
    Turn::new(Role::System, vec![Part::text(text)])
}

fn shape(request: &Request, family: Family, model: &str) -> (Vec<String>, String) {
    let fitted = fitted(request, family, model);
    (outline(&fitted.request.turns), reports(&fitted))
}

#[test]
fn pitfall_71_later_system_text_goes_where_the_target_takes_it() {
    let request = asking(vec![user("a"), assistant("b"), user("c"), system("mind the gap"), user("d")]);
    let texts = |family, model| {
        let fitted = fitted(&request, family, model);
        let system: Vec<_> = fitted.request.system.iter().map(|system| system.text.clone()).collect();
        (outline(&fitted.request.turns).join(" "), system.join(" "), reports(&fitted))
    };
    for family in [OpenaiChat, OpenaiResponses, Cohere] {
        let in_place = "U[a] A[b] U[c] S[mind the gap] U[d]".to_owned();
        assert_eq!(texts(family, usual(family)), (in_place, String::new(), String::new()));
    }
    assert_eq!(
        texts(Anthropic, "claude-opus-5"),
        ("U[a] A[b] U[c] S[mind the gap] U[d]".to_owned(), String::new(), String::new())
    );
    assert_eq!(
        texts(Anthropic, "claude-sonnet-4-5"),
        ("U[a] A[b] U[c | d]".to_owned(), "mind the gap".to_owned(), "messages=system_moved".to_owned())
    );
    assert_eq!(texts(Gemini, "gemini-3-pro").0, "U[a] A[b] U[c | <system>\nmind the gap\n</system> | d]");
    assert_eq!(texts(Gemini, "gemini-3-pro").2, "messages=system_wrapped");
}

#[test]
fn anthropic_takes_system_text_only_after_a_user_turn() {
    let request = asking(vec![user("a"), assistant("b"), system("s"), user("c")]);
    assert_eq!(shape(&request, Anthropic, "claude-opus-5").0, ["U[a]", "A[b]", "U[c]", "S[s]"]);
    let request = asking(vec![user("a"), assistant("b"), system("s")]);
    let fitted = fitted(&request, Anthropic, "claude-opus-5");
    assert_eq!(outline(&fitted.request.turns), ["U[a]", "A[b]", "U[Continue.]"]);
    assert_eq!(fitted.request.system[0].text, "s");
}

#[test]
fn pitfall_70_leading_system_turns_are_system_text_in_order() {
    let mut request = asking(vec![system("two"), system("three"), user("a")]);
    request.system.push(SystemText { text: "one".into(), cache: None });
    for family in [Anthropic, Gemini] {
        let fitted = fitted(&request, family, usual(family));
        let texts: Vec<_> = fitted.request.system.iter().map(|system| system.text.as_str()).collect();
        assert_eq!(texts, ["one", "two", "three"]);
        assert_eq!(reports(&fitted), "");
    }
}

#[test]
fn neighbours_of_one_role_are_merged_where_roles_alternate() {
    let request = asking(vec![user("a"), user("b"), assistant("c"), assistant("d"), user("e")]);
    for family in [Anthropic, Gemini] {
        assert_eq!(shape(&request, family, usual(family)).0, ["U[a | b]", "A[c | d]", "U[e]"]);
    }
    for family in [OpenaiChat, OpenaiResponses, Cohere] {
        assert_eq!(shape(&request, family, usual(family)).0.len(), 5);
    }
}

#[test]
fn pitfall_112_calls_in_a_row_are_one_assistant_turn() {
    let calls = |id| Turn::new(Role::Assistant, vec![call(id, "read")]);
    let request = asking(vec![
        user("a"),
        assistant("I look."),
        calls("c1"),
        calls("c2"),
        Turn::new(Role::User, vec![result("c1", "1"), result("c2", "2")]),
    ]);
    for family in Family::ALL {
        let turns = shape(&request, family, usual(family)).0;
        assert_eq!(turns[1], "A[I look. | call c1 read | call c2 read]", "{family}");
        assert_eq!(turns[2], "U[result c1 1 | result c2 2]");
    }
}

#[test]
fn the_first_turn_is_the_users_for_anthropic_and_gemini() {
    let request = asking(vec![assistant("Hi, I am here."), user("a")]);
    for family in [Anthropic, Gemini] {
        let (turns, report) = shape(&request, family, usual(family));
        assert_eq!(turns[0], "U[.]");
        assert_eq!(report, "messages=user_turn_prepended");
    }
    assert_eq!(shape(&request, OpenaiChat, "gpt-4o").0[0], "A[Hi, I am here.]");
}

#[test]
fn a_request_of_system_text_alone_is_served() {
    let mut request = asking(vec![]);
    request.system.push(SystemText { text: "Greet.".into(), cache: None });
    assert_eq!(shape(&request, OpenaiChat, "gpt-4o").0, Vec::<String>::new());
    for family in [Anthropic, Gemini, Cohere, OpenaiResponses] {
        assert_eq!(shape(&request, family, usual(family)).0, ["U[.]"]);
    }
}

#[test]
fn pitfall_80_prefill_is_trimmed_or_answered() {
    let request = asking(vec![user("a"), assistant("The answer is \n")]);
    let (turns, report) = shape(&request, Anthropic, "claude-sonnet-4-5");
    assert_eq!((turns[1].as_str(), report.as_str()), ("A[The answer is]", ""));
    for (family, model) in [(Anthropic, "claude-opus-5"), (Gemini, "gemini-3-pro")] {
        let (turns, report) = shape(&request, family, model);
        assert_eq!(turns[2], "U[Continue.]");
        assert_eq!(report, "messages=continue_appended");
    }
    let mut thinking = request.clone();
    thinking.reasoning = Reasoning { mode: ReasoningMode::Budget(2000), ..Reasoning::default() };
    assert_eq!(shape(&thinking, Anthropic, "claude-sonnet-4-5").0[2], "U[Continue.]");
    assert_eq!(shape(&request, Gemini, "gemini-2.5-pro").0.len(), 2);
}

#[test]
fn names_phases_and_item_ids_stay_in_their_formats() {
    let mut request = hello();
    request.turns[0].name = Some("Ada".into());
    request.turns[0].item_id = Some("msg_1".into());
    request.turns[0].phase = Some("commentary".into());
    for family in Family::ALL {
        let turn = &fitted(&request, family, usual(family)).request.turns[0];
        assert_eq!(turn.name.is_some(), family == OpenaiChat);
        assert_eq!(turn.item_id.is_some(), family == OpenaiResponses);
        assert_eq!(turn.phase.is_some(), family == OpenaiResponses);
    }
}

#[test]
fn pitfall_87_calls_that_gemini_did_not_make_get_the_placeholder_once_per_step() {
    let request = asking(vec![
        user("a"),
        Turn::new(Role::Assistant, vec![call("c1", "read"), call("c2", "read")]),
        Turn::new(Role::User, vec![result("c1", "1"), result("c2", "2")]),
    ]);
    let tokens = |model| {
        let fitted = fitted(&request, Gemini, model);
        let values =
            fitted.request.turns[1].parts.iter().map(|part| part.token.as_ref().map(|t| t.value.clone()));
        values.collect::<Vec<_>>()
    };
    assert_eq!(tokens("gemini-3-pro"), [Some("skip_thought_signature_validator".to_owned()), None]);
    assert_eq!(tokens("gemini-2.5-pro"), [None, None]);
}

#[test]
fn an_answer_that_needs_nothing_restored_stays_as_it_is() {
    let mut fitted = fitted(&hello(), Gemini, "gemini-3-pro");
    let response = answer(vec![Part::text("Hi"), call("c1", "read")]);
    assert_eq!(fitted.restore.response(response.clone()), response);
}
