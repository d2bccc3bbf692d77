use byok_types::Family::{Anthropic, Cohere, Gemini, OpenaiChat, OpenaiResponses};
use byok_types::chat::{ReasoningKind, ReasoningPart, Token, Turn};

use super::*;
use crate::fit::tests::{call, fitted, function, hello, reports, result};

fn thinking(mode: ReasoningMode, effort: Option<Effort>) -> Request {
    Request { reasoning: Reasoning { mode, effort, ..Reasoning::default() }, ..hello() }
}

fn effort(level: Effort) -> Request {
    thinking(ReasoningMode::Effort, Some(level))
}

/// What the writer will print, and what was reported.
fn outcome(request: &Request, family: Family, model: &str) -> String {
    let fitted = fitted(request, family, model);
    let Reasoning { mode, effort, .. } = &fitted.request.reasoning;
    let mode = match mode {
        ReasoningMode::Budget(tokens) => tokens.to_string(),
        ReasoningMode::Effort => String::new(),
        other => format!("{other:?}").to_lowercase(),
    };
    let effort = effort.map(Effort::name).unwrap_or_default();
    let said =
        [mode.as_str(), effort].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match reports(&fitted) {
        report if report.is_empty() => said,
        report => format!("{said} ({report})"),
    }
}

const LEVELS: [Effort; 7] =
    [Effort::None, Effort::Minimal, Effort::Low, Effort::Medium, Effort::High, Effort::Xhigh, Effort::Max];

#[test]
fn every_effort_is_said_in_every_groups_terms() {
    let table: [(Family, &str, [&str; 7]); 9] = [
        (
            OpenaiChat,
            "gpt-5",
            [
                "minimal (reasoning_effort=minimal)",
                "minimal",
                "low",
                "medium",
                "high",
                "high (reasoning_effort=high)",
                "high (reasoning_effort=high)",
            ],
        ),
        (
            OpenaiResponses,
            "gpt-5.2",
            [
                "none",
                "low (reasoning_effort=low)",
                "low",
                "medium",
                "high",
                "xhigh",
                "xhigh (reasoning_effort=xhigh)",
            ],
        ),
        (
            OpenaiResponses,
            "gpt-6-astra",
            [
                "low (reasoning_effort=low)",
                "low (reasoning_effort=low)",
                "low",
                "medium",
                "high",
                "xhigh",
                "max",
            ],
        ),
        (
            Anthropic,
            "claude-opus-5",
            [
                "off",
                "adaptive low (reasoning_effort=low)",
                "adaptive low",
                "adaptive medium",
                "adaptive high",
                "adaptive xhigh",
                "adaptive max",
            ],
        ),
        (
            Anthropic,
            "claude-fable-5",
            [
                "adaptive low (reasoning_effort=low)",
                "adaptive low (reasoning_effort=low)",
                "adaptive low",
                "adaptive medium",
                "adaptive high",
                "adaptive xhigh",
                "adaptive max",
            ],
        ),
        (Anthropic, "claude-sonnet-4-5", ["off", "1024", "4096", "8192", "16384", "32768", "62976"]),
        (
            Gemini,
            "gemini-2.5-pro",
            ["128 (reasoning_effort=minimal)", "1024", "4096", "8192", "16384", "32768", "32768"],
        ),
        (
            Gemini,
            "gemini-3-pro",
            [
                "low (reasoning_effort=low)",
                "low (reasoning_effort=low)",
                "low",
                "high (reasoning_effort=high)",
                "high",
                "high (reasoning_effort=high)",
                "high (reasoning_effort=high)",
            ],
        ),
        (
            Cohere,
            "command-a-reasoning-08-2025",
            ["off", "adaptive", "4096", "8192", "adaptive", "adaptive", "adaptive"],
        ),
    ];
    for (family, model, expected) in table {
        for (level, expected) in LEVELS.into_iter().zip(expected) {
            let mut request = effort(level);
            request.stream.on = true;
            assert_eq!(outcome(&request, family, model), expected, "{model} {}", level.name());
        }
    }
}

#[test]
fn pitfall_96_a_budget_becomes_a_level_where_the_model_wants_levels() {
    let budget = |tokens| thinking(ReasoningMode::Budget(tokens), None);
    let table = [
        (OpenaiResponses, "gpt-5", 10_000, "high"),
        (OpenaiResponses, "gpt-5.6-sol", 40_000, "max"),
        (OpenaiResponses, "gpt-5.6-sol", 0, "none"),
        (Anthropic, "claude-opus-5", 4096, "adaptive low"),
        (Anthropic, "claude-opus-4-6", 20_000, "adaptive xhigh"),
        (Gemini, "gemini-3-flash", 1024, "minimal"),
        (Gemini, "gemini-2.5-flash", 30_000, "24576 (thinking_budget=24576)"),
        (Gemini, "gemini-2.5-flash-lite", 100, "512 (thinking_budget=512)"),
        (Anthropic, "claude-sonnet-4-5", 500, "1024 (thinking_budget=1024)"),
        (Cohere, "command-a-reasoning", 900, "900"),
    ];
    for (family, model, tokens, expected) in table {
        assert_eq!(outcome(&budget(tokens), family, model), expected, "{model} {tokens}");
    }
}

#[test]
fn adaptive_and_between_tools_come_as_near_as_the_model_allows() {
    let adaptive = thinking(ReasoningMode::Adaptive, None);
    let between = thinking(ReasoningMode::BetweenTools, Some(Effort::Max));
    let table = [
        (Anthropic, "claude-opus-5", "adaptive", "adaptive max (reasoning_effort=adaptive)"),
        (Anthropic, "claude-sonnet-5-5", "adaptive", "betweentools high"),
        (Anthropic, "claude-sonnet-4-5", "8192", "30976"),
        (OpenaiResponses, "gpt-5", "unset", "high (reasoning_effort=high)"),
        (Gemini, "gemini-2.5-flash", "unset", "24576"),
        (Gemini, "gemini-3-pro", "unset", "high (reasoning_effort=high)"),
        (Cohere, "command-a-reasoning", "adaptive", "adaptive"),
    ];
    for (family, model, one, other) in table {
        assert_eq!(outcome(&adaptive, family, model), one, "{model}");
        assert_eq!(outcome(&between, family, model), other, "{model}");
    }
    assert_eq!(
        outcome(&thinking(ReasoningMode::Off, None), Anthropic, "claude-sonnet-5-5"),
        "betweentools (reasoning_effort=between_tools)"
    );
}

#[test]
fn a_model_that_does_not_think_is_asked_nothing() {
    assert_eq!(outcome(&effort(Effort::High), OpenaiChat, "gpt-4o"), "unset (reasoning_effort=dropped)");
    assert_eq!(outcome(&thinking(ReasoningMode::Off, None), OpenaiChat, "gpt-4o"), "unset");
    assert_eq!(outcome(&hello(), OpenaiChat, "gpt-4o"), "unset");
    let mut request = hello();
    request.reasoning.show = Show::Summary;
    assert_eq!(fitted(&request, Gemini, "gemini-2.0-flash").request.reasoning.show, Show::Unset);
    assert_eq!(fitted(&request, Gemini, "gemini-2.5-pro").request.reasoning.show, Show::Summary);
}

#[test]
fn pitfall_74_the_output_limit_is_set_and_stays_above_the_budget() {
    let limit = |request: &Request, model| fitted(request, Anthropic, model).request.limits.max_output;
    assert_eq!(limit(&hello(), "claude-opus-5"), Some(32_000));
    assert_eq!(limit(&hello(), "claude-3-haiku-20240307"), Some(4096));
    assert_eq!(limit(&hello(), "glm-4.6"), Some(8192));
    let mut streamed = hello();
    streamed.stream.on = true;
    assert_eq!(limit(&streamed, "claude-opus-5"), Some(128_000));
    // The default grows with the budget …
    assert_eq!(limit(&effort(Effort::High), "glm-4.6"), Some(16_384 + 1024));
    // … and the client's own limit shrinks it.
    let mut request = effort(Effort::High);
    request.limits.max_output = Some(4000);
    assert_eq!(outcome(&request, Anthropic, "claude-sonnet-4-5"), "2976");
    request.limits.max_output = Some(1500);
    assert_eq!(outcome(&request, Anthropic, "claude-sonnet-4-5"), "1024");
    request.limits.max_output = Some(1024);
    assert_eq!(outcome(&request, Anthropic, "claude-sonnet-4-5"), "off (reasoning_effort=none)");
}

#[test]
fn limits_are_brought_into_range_and_reported() {
    let mut request = hello();
    let mut outcome = |limit, family, model| {
        request.limits.max_output = Some(limit);
        let fitted = fitted(&request, family, model);
        (fitted.request.limits.max_output.unwrap(), reports(&fitted))
    };
    assert_eq!(outcome(200_000, Anthropic, "claude-opus-4-1"), (32_000, "max_tokens=32000".into()));
    assert_eq!(outcome(32_000, OpenaiChat, "gpt-4o"), (16_384, "max_tokens=16384".into()));
    // Pitfall 124.
    assert_eq!(outcome(5, OpenaiResponses, "gpt-5"), (16, "max_tokens=16".into()));
    assert_eq!(outcome(0, OpenaiChat, "llama3"), (1, "max_tokens=1".into()));
    assert_eq!(outcome(5, Cohere, "command-a"), (5, String::new()));
    request.limits.max_tool_calls = Some(3);
    assert_eq!(reports(&fitted(&request, Gemini, "gemini-3-pro")), "max_tool_calls=dropped");
}

#[test]
fn newest_chat_models_do_not_think_beside_tools() {
    let mut request = effort(Effort::High);
    request.tools.push(function("read", None));
    assert_eq!(outcome(&request, OpenaiChat, "gpt-5.4"), "none (reasoning_effort=none)");
    assert_eq!(outcome(&request, OpenaiChat, "gpt-5.2"), "high");
    assert_eq!(outcome(&request, OpenaiResponses, "gpt-5.4"), "high");
    request.reasoning = Reasoning::default();
    assert_eq!(outcome(&request, OpenaiChat, "gpt-5.6-sol"), "none (reasoning_effort=none)");
}

#[test]
fn a_tool_loop_whose_thoughts_are_gone_goes_on_without_thinking() {
    let with = |family| {
        let mut request = thinking(ReasoningMode::Budget(2048), None);
        let thought = ReasoningPart {
            kind: ReasoningKind::Thinking,
            text: "hm".into(),
            token: Some(Token { family, value: "sig".into() }),
            item_id: None,
        };
        let parts = vec![Part::new(PartKind::Reasoning(thought)), call("1", "read")];
        request.turns.push(Turn::new(Role::Assistant, parts));
        request.turns.push(Turn::new(Role::User, vec![result("1", "x")]));
        request
    };
    assert_eq!(outcome(&with(Anthropic), Anthropic, "claude-sonnet-4-5"), "2048");
    assert_eq!(outcome(&with(Gemini), Anthropic, "claude-sonnet-4-5"), "off (reasoning_effort=none)");
    assert_eq!(outcome(&with(Gemini), Anthropic, "claude-opus-5"), "adaptive low");
    let mut finished = with(Gemini);
    finished.turns.push(Turn::new(Role::Assistant, vec![Part::text("done")]));
    finished.turns.push(Turn::new(Role::User, vec![Part::text("next")]));
    assert_eq!(outcome(&finished, Anthropic, "claude-sonnet-4-5"), "2048");
}
