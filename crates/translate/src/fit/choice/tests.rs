use byok_types::Family::{Anthropic, Cohere, Gemini, OpenaiChat, OpenaiResponses};
use byok_types::chat::{Reasoning, Role, Turn};

use super::*;
use crate::fit::tests::{answer, call, fitted, function, hello, refused, reports, result, usual};

fn choosing(choice: Option<ToolChoice>) -> Request {
    Request {
        tools: vec![function("a", None), function("b", None), function("c", None)],
        tool_choice: choice,
        ..hello()
    }
}

fn one(name: &str) -> ToolChoice {
    ToolChoice::One { name: name.into() }
}

fn subset(required: bool) -> ToolChoice {
    ToolChoice::Subset { names: vec!["a".into(), "c".into(), "gone".into()], required }
}

/// The tools that are left and the choice among them.
fn outcome(choice: ToolChoice, family: Family, model: &str) -> (String, ToolChoice) {
    let request = fitted(&choosing(Some(choice)), family, model).request;
    let names: Vec<_> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    (names.join(""), request.tool_choice.unwrap())
}

#[test]
fn every_choice_is_said_in_every_format() {
    use ToolChoice::{Auto, None, Required};
    let named = |required| ToolChoice::Subset { names: vec!["a".into(), "c".into()], required };
    for family in Family::ALL {
        let model = usual(family);
        for plain in [Auto, None, Required] {
            assert_eq!(outcome(plain.clone(), family, model), ("abc".into(), plain));
        }
        let (forced, tools) = if family == Cohere { (Required, "b") } else { (one("b"), "abc") };
        assert_eq!(outcome(one("b"), family, model), (tools.into(), forced));
    }
    for (family, model) in [(OpenaiChat, "gpt-5"), (OpenaiResponses, "gpt-5"), (Gemini, "gemini-3-pro")] {
        for required in [true, false] {
            assert_eq!(outcome(subset(required), family, model), ("abc".into(), named(required)));
        }
    }
    for (family, model) in [(Anthropic, "claude-opus-5"), (Cohere, "command-a"), (OpenaiChat, "qwen3")] {
        assert_eq!(outcome(subset(false), family, model), ("ac".into(), Auto));
        assert_eq!(outcome(subset(true), family, model), ("ac".into(), Required));
    }
}

#[test]
fn a_forced_call_becomes_auto_where_the_model_refuses_it() {
    for choice in [ToolChoice::Required, one("a"), subset(true)] {
        let fitted = fitted(&choosing(Some(choice)), Anthropic, "claude-sonnet-5-5");
        assert_eq!(fitted.request.tool_choice, Some(ToolChoice::Auto));
        assert_eq!(reports(&fitted), "tool_choice=auto");
    }
    let mut request = choosing(Some(ToolChoice::Required));
    request.reasoning = Reasoning { mode: ReasoningMode::Budget(2048), ..Reasoning::default() };
    let manual = fitted(&request, Anthropic, "claude-sonnet-4-5");
    assert_eq!(manual.request.tool_choice, Some(ToolChoice::Auto));
    request.reasoning = Reasoning::default();
    let plain = fitted(&request, Anthropic, "claude-sonnet-4-5");
    assert_eq!(plain.request.tool_choice, Some(ToolChoice::Required));
}

#[test]
fn pitfall_138_a_choice_without_tools_is_dropped() {
    for (choice, report) in [
        (ToolChoice::Auto, ""),
        (ToolChoice::Required, "tool_choice=dropped"),
        (one("a"), "tool_choice=dropped"),
    ] {
        for family in Family::ALL {
            let mut request = hello();
            request.tool_choice = Some(choice.clone());
            request.parallel_tools = Some(false);
            let fitted = fitted(&request, family, usual(family));
            assert_eq!((fitted.request.tool_choice.clone(), fitted.request.parallel_tools), (None, None));
            assert_eq!(reports(&fitted), report, "{family}");
        }
    }
}

#[test]
fn a_choice_of_a_tool_that_is_not_there_is_refused() {
    assert_eq!(refused(&choosing(Some(one("gone"))), OpenaiChat, "gpt-4o"), "tool_choice");
    let nothing = |required| ToolChoice::Subset { names: vec!["gone".into()], required };
    assert_eq!(refused(&choosing(Some(nothing(true))), Anthropic, "claude-opus-5"), "tool_choice");
    assert_eq!(outcome(nothing(false), Anthropic, "claude-opus-5"), ("abc".into(), ToolChoice::None));
}

#[test]
fn pitfall_77_one_call_at_a_time_is_kept_up_where_it_cannot_be_asked_for() {
    let mut request = choosing(None);
    request.parallel_tools = Some(false);
    for family in [Gemini, Cohere] {
        let mut fitted = fitted(&request, family, usual(family));
        assert_eq!(fitted.request.parallel_tools, None);
        assert_eq!(reports(&fitted), "parallel_tool_calls=first_call_only");
        let response = fitted.restore.response(answer(vec![call("1", "a"), call("2", "b")]));
        assert_eq!(response.candidates[0].parts, [call("1", "a")]);
    }
    for family in [Anthropic, OpenaiChat, OpenaiResponses] {
        let fitted = fitted(&request, family, usual(family));
        assert_eq!((fitted.request.parallel_tools, reports(&fitted).as_str()), (Some(false), ""));
    }
}

#[test]
fn anthropic_gets_the_tools_of_the_history_declared() {
    let mut request = hello();
    request.turns.push(Turn::new(Role::Assistant, vec![call("1", "read"), call("2", "read")]));
    request.turns.push(Turn::new(Role::User, vec![result("1", "x"), result("2", "y")]));
    let fitted = fitted(&request, Anthropic, "claude-opus-5").request;
    assert_eq!(fitted.tools, [function("read", None)]);
    assert_eq!(fitted.tool_choice, Some(ToolChoice::None));
}
