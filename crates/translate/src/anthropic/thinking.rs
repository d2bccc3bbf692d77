//! How much a model is told to think. Whatever the request says, what is written is something that a
//! model with these facts takes: `fit` has chosen already, and the clamps here keep the shape valid.

use byok_types::chat::{Effort, Reasoning, ReasoningMode, Show};
use byok_types::model::{ModelFacts, Thinking};

use super::json::Object;

/// The smallest budget that the service takes.
const MIN_BUDGET: u64 = 1024;

/// The `thinking` object and the `output_config.effort` of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) thinking: Option<Form>,
    pub(super) effort: Option<&'static str>,
    show: Show,
}

/// The types of thinking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    Adaptive,
    BetweenTools,
    Disabled,
    Enabled(u64),
}

/// What to tell a model, and the output limit to tell it with.
pub(super) fn plan(
    reasoning: &Reasoning,
    facts: &ModelFacts,
    limit: Option<u64>,
    default_limit: u64,
) -> (Plan, u64) {
    let (thinking, effort) = match facts.thinking {
        Thinking::Adaptive { can_disable, between_tools, manual } => {
            adaptive(reasoning, can_disable, between_tools, manual)
        }
        // Servers that speak this format for other models take its newest form.
        Thinking::Levels(_) => adaptive(reasoning, true, false, false),
        Thinking::Budget { min, max, can_disable } => (budget(reasoning, min, max, can_disable), None),
        Thinking::Switch => (budget(reasoning, MIN_BUDGET, u64::MAX, true), None),
        Thinking::No => (None, None),
    };
    let (thinking, limit) = match (thinking, limit) {
        // The budget is part of the output and must leave room for the answer.
        (Some(Form::Enabled(budget)), None) => {
            let limit = default_limit.max(budget.saturating_add(MIN_BUDGET));
            let limit = facts.max_output.map_or(limit, |max| limit.min(max));
            (room(budget, limit), limit)
        }
        (Some(Form::Enabled(budget)), Some(limit)) => (room(budget, limit), limit),
        (thinking, limit) => (thinking, limit.unwrap_or(default_limit)),
    };
    let quiet = matches!(thinking, Some(Form::BetweenTools | Form::Disabled));
    let effort = match effort.and_then(level) {
        Some("xhigh" | "max") if quiet => Some("high"),
        other => other,
    };
    (Plan { thinking, effort, show: reasoning.show }, limit)
}

/// A budget below the limit, or no thinking where there is no room for any.
fn room(budget: u64, limit: u64) -> Option<Form> {
    let budget = budget.min(limit.saturating_sub(1));
    (budget >= MIN_BUDGET).then_some(Form::Enabled(budget))
}

fn adaptive(
    reasoning: &Reasoning,
    can_disable: bool,
    between_tools: bool,
    manual: bool,
) -> (Option<Form>, Option<Effort>) {
    let effort = reasoning.effort;
    // A model that always thinks is told to think little instead of not at all.
    let off = || {
        if can_disable { (Some(Form::Disabled), effort) } else { (None, effort.or(Some(Effort::Low))) }
    };
    match reasoning.mode {
        ReasoningMode::BetweenTools if between_tools => (Some(Form::BetweenTools), effort),
        ReasoningMode::Budget(0) | ReasoningMode::Off => off(),
        ReasoningMode::Budget(tokens) if manual => (Some(Form::Enabled(tokens.max(MIN_BUDGET))), effort),
        ReasoningMode::Budget(tokens) => (Some(Form::Adaptive), effort.or(Some(Effort::of_budget(tokens)))),
        ReasoningMode::Effort if effort == Some(Effort::None) => off(),
        ReasoningMode::Adaptive | ReasoningMode::BetweenTools | ReasoningMode::Effort => {
            (Some(Form::Adaptive), effort)
        }
        ReasoningMode::Unset => (None, effort),
    }
}

fn budget(reasoning: &Reasoning, min: u64, max: u64, can_disable: bool) -> Option<Form> {
    let tokens = match reasoning.mode {
        ReasoningMode::Budget(tokens) => tokens,
        ReasoningMode::Off => 0,
        ReasoningMode::Adaptive | ReasoningMode::BetweenTools | ReasoningMode::Effort => {
            tokens_of(reasoning.effort.unwrap_or(Effort::High))
        }
        ReasoningMode::Unset => return None,
    };
    if tokens == 0 {
        return can_disable.then_some(Form::Disabled);
    }
    Some(Form::Enabled(tokens.max(min).min(max).max(MIN_BUDGET)))
}

/// The budget that a level of effort amounts to (wire-format facts, 6.6).
fn tokens_of(effort: Effort) -> u64 {
    match effort {
        Effort::None => 0,
        Effort::Minimal => 1_024,
        Effort::Low => 4_096,
        Effort::Medium => 8_192,
        Effort::High => 16_384,
        Effort::Xhigh => 32_768,
        Effort::Max => 65_536,
    }
}

/// The level's name here; there is none below `low`.
fn level(effort: Effort) -> Option<&'static str> {
    match effort {
        Effort::None => None,
        Effort::Minimal => Some(Effort::Low.name()),
        level => Some(level.name()),
    }
}

impl Plan {
    /// Writes the `thinking` field.
    pub(super) fn write(&self, request: &mut Object<'_>) {
        let Some(form) = self.thinking else { return };
        request.object("thinking", |thinking| {
            let name = match form {
                Form::Adaptive => "adaptive",
                Form::BetweenTools => "between_tools",
                Form::Disabled => "disabled",
                Form::Enabled(_) => "enabled",
            };
            thinking.put("type", name);
            if let Form::Enabled(budget) = form {
                thinking.put("budget_tokens", &budget);
            }
            if matches!(form, Form::Adaptive | Form::Enabled(_)) {
                thinking.put_some(
                    "display",
                    match self.show {
                        Show::Full | Show::Summary => Some("summarized"),
                        Show::None => Some("omitted"),
                        Show::Unset => None,
                    },
                );
            }
        });
    }
}
