//! How much to think: the client's wish in the terms that the model takes (wire-format facts, 6.6).
//!
//! Afterwards `mode` and `effort` say exactly what the writer prints: for levels `Effort` with a level of
//! the model's; for budgets `Budget` in range, or `Off`; for adaptive models `Adaptive`, `BetweenTools` or
//! `Off`, with an effort beside it; for Cohere's switch `Adaptive` (on), `Budget` or `Off`. `Unset` leaves
//! it to the model.

use byok_types::Family;
use byok_types::chat::{Effort, Part, PartKind, Reasoning, ReasoningMode, Request, Role, Show};
use byok_types::model::Thinking;

use super::{Work, limits};
use crate::facts::Openai;

pub(super) fn apply(request: &mut Request, work: &mut Work<'_>) {
    let wish = Wish::of(&request.reasoning);
    let (mode, effort) = match &work.facts.thinking {
        Thinking::No => {
            if wish.is_asked() {
                work.ledger.drop("reasoning_effort");
            }
            request.reasoning.show = Show::Unset;
            request.reasoning.summary = None;
            (ReasoningMode::Unset, None)
        }
        Thinking::Levels(levels) => by_level(wish, levels, work),
        &Thinking::Budget { min, max, can_disable } => {
            let budget = Budget { min, max, can_disable };
            (budget.fit(wish, request, work), None)
        }
        &Thinking::Adaptive { can_disable, between_tools, .. } => {
            adaptive(wish, can_disable, between_tools, work)
        }
        Thinking::Switch => (switch(wish, request.limits.max_output), None),
    };
    request.reasoning.mode = mode;
    request.reasoning.effort = effort;
    if !work.is_openai_format() {
        request.reasoning.summary = None;
    }
    if work.family == Family::OpenaiChat
        && !request.tools.is_empty()
        && work.openai.is_some_and(Openai::chat_tools_need_no_effort)
    {
        no_effort_beside_tools(&mut request.reasoning, work);
    }
}

/// Whether thinking was asked for.
pub(super) fn is_on(reasoning: &Reasoning) -> bool {
    Wish::of(reasoning).is_asked()
}

/// With a manual budget, Anthropic wants the thoughts that led to the calls now being answered. Where
/// they are gone (another vendor's, or a client that does not keep them), this one call goes without.
pub(super) fn settle(request: &mut Request, work: &mut Work<'_>) {
    if work.family != Family::Anthropic || !matches!(request.reasoning.mode, ReasoningMode::Budget(_)) {
        return;
    }
    let Some(last) = request.turns.iter().rposition(|turn| turn.role == Role::Assistant) else { return };
    let (calls, after) = (&request.turns[last].parts, &request.turns[last + 1..]);
    let is_call = |part: &Part| matches!(part.kind, PartKind::ToolCall(_));
    let is_result = |part: &Part| matches!(part.kind, PartKind::ToolResult(_));
    let in_tool_loop = calls.iter().any(is_call) && after.iter().flat_map(|turn| &turn.parts).any(is_result);
    let has_thoughts = matches!(calls.first().map(|part| &part.kind), Some(PartKind::Reasoning(_)));
    if in_tool_loop && !has_thoughts {
        work.ledger.report("reasoning_effort", "none");
        request.reasoning.mode = ReasoningMode::Off;
    }
}

/// What the client wants, in no vendor's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// As much as the model finds good.
    Auto,
    BetweenTools(Option<Effort>),
    Budget(u64),
    Level(Effort),
    Off,
    Unset,
}

impl Wish {
    fn of(reasoning: &Reasoning) -> Self {
        match (reasoning.mode, reasoning.effort) {
            (ReasoningMode::Off | ReasoningMode::Budget(0), _) => Self::Off,
            (ReasoningMode::Budget(tokens), _) => Self::Budget(tokens),
            (ReasoningMode::BetweenTools, effort) => Self::BetweenTools(effort),
            (_, Some(Effort::None)) => Self::Off,
            (_, Some(level)) => Self::Level(level),
            (ReasoningMode::Adaptive, None) => Self::Auto,
            (ReasoningMode::Effort | ReasoningMode::Unset, None) => Self::Unset,
        }
    }

    /// Whether the client wants the model to think.
    fn is_asked(self) -> bool {
        !matches!(self, Self::Off | Self::Unset)
    }
}

/// Levels of effort: OpenAI's, and Gemini's from the third generation on.
fn by_level(wish: Wish, levels: &[Effort], work: &mut Work<'_>) -> (ReasoningMode, Option<Effort>) {
    let asked = match wish {
        Wish::Auto | Wish::Unset => return (ReasoningMode::Unset, None),
        Wish::BetweenTools(None) => {
            work.ledger.report("reasoning_effort", "default");
            return (ReasoningMode::Unset, None);
        }
        Wish::BetweenTools(Some(level)) | Wish::Level(level) => level,
        Wish::Budget(tokens) => Effort::of_budget(tokens),
        Wish::Off => Effort::None,
    };
    let Some(level) = nearest(asked, levels) else { return (ReasoningMode::Unset, None) };
    if level != asked {
        work.ledger.report("reasoning_effort", level.name());
    }
    (ReasoningMode::Effort, Some(level))
}

/// The level itself; else up to `high` the next one above, since less is not what was asked for; from
/// there on the next one below. Thinking is switched off only where that was asked for.
fn nearest(asked: Effort, levels: &[Effort]) -> Option<Effort> {
    if levels.contains(&asked) {
        return Some(asked);
    }
    let mut thinking: Vec<Effort> = levels.iter().copied().filter(|level| *level != Effort::None).collect();
    thinking.sort_unstable();
    let above = thinking.iter().copied().find(|level| *level > asked);
    let below = thinking.iter().copied().rev().find(|level| *level < asked);
    if asked <= Effort::High { above.or(below) } else { below.or(above) }
}

/// On this endpoint the newest models take tools only without thinking, and say so of their default too.
fn no_effort_beside_tools(reasoning: &mut Reasoning, work: &mut Work<'_>) {
    let Thinking::Levels(levels) = &work.facts.thinking else { return };
    if !levels.contains(&Effort::None) || reasoning.effort == Some(Effort::None) {
        return;
    }
    work.ledger.report("reasoning_effort", "none");
    reasoning.mode = ReasoningMode::Effort;
    reasoning.effort = Some(Effort::None);
}

/// The range of a budget in tokens.
struct Budget {
    min: u64,
    max: u64,
    can_disable: bool,
}

impl Budget {
    fn fit(&self, wish: Wish, request: &mut Request, work: &mut Work<'_>) -> ReasoningMode {
        let anthropic = work.family == Family::Anthropic;
        let tokens = match wish {
            Wish::Unset => return ReasoningMode::Unset,
            Wish::Off => return self.off(work),
            // These Gemini models decide for themselves when nothing is said.
            Wish::Auto if !anthropic => return ReasoningMode::Unset,
            Wish::Auto | Wish::BetweenTools(None) => budget_of(Effort::Medium),
            Wish::Level(level) | Wish::BetweenTools(Some(level)) => budget_of(level),
            Wish::Budget(tokens) => tokens,
        };
        let mut fitting = tokens.clamp(self.min, self.max);
        if anthropic {
            let Some(room) = room(fitting, request, work) else {
                work.ledger.report("reasoning_effort", "none");
                return ReasoningMode::Off;
            };
            fitting = fitting.min(room);
        }
        if matches!(wish, Wish::Budget(_)) && fitting != tokens {
            work.ledger.report("thinking_budget", fitting.to_string());
        }
        ReasoningMode::Budget(fitting)
    }

    fn off(&self, work: &mut Work<'_>) -> ReasoningMode {
        if self.can_disable {
            return ReasoningMode::Off;
        }
        work.ledger.report("reasoning_effort", "minimal");
        ReasoningMode::Budget(self.min)
    }
}

/// How much of Anthropic's output limit may go into thinking: it counts inside, and an answer has to
/// find room beside it. A limit of byok's own making grows instead. `None`: the client's is too small.
fn room(budget: u64, request: &mut Request, work: &Work<'_>) -> Option<u64> {
    let limit = request.limits.max_output?;
    if work.default_output && limit < budget + ANSWER {
        let ceiling = limits::default_ceiling(request.stream.on, work.facts);
        let raised = (budget + ANSWER).min(ceiling);
        request.limits.max_output = Some(raised.max(limit));
    }
    let limit = request.limits.max_output?;
    (limit > SMALLEST).then(|| limit.saturating_sub(ANSWER).max(SMALLEST))
}

/// The budget that a level amounts to.
fn budget_of(level: Effort) -> u64 {
    match level {
        Effort::None => 0,
        Effort::Minimal => 1024,
        Effort::Low => 4096,
        Effort::Medium => 8192,
        Effort::High => 16_384,
        Effort::Xhigh => 32_768,
        Effort::Max => 65_536,
    }
}

/// Anthropic's newer models decide themselves, guided by an effort.
fn adaptive(
    wish: Wish,
    can_disable: bool,
    between_tools: bool,
    work: &mut Work<'_>,
) -> (ReasoningMode, Option<Effort>) {
    let level = match wish {
        Wish::Unset => return (ReasoningMode::Unset, None),
        Wish::Auto => return (ReasoningMode::Adaptive, None),
        Wish::Off if can_disable => return (ReasoningMode::Off, None),
        Wish::Off if between_tools => {
            work.ledger.report("reasoning_effort", "between_tools");
            return (ReasoningMode::BetweenTools, None);
        }
        Wish::Off => {
            work.ledger.report("reasoning_effort", "low");
            return (ReasoningMode::Adaptive, Some(Effort::Low));
        }
        Wish::BetweenTools(effort) if between_tools => {
            // More effort than `high` is refused beside it.
            let effort = effort.map(|effort| effort.clamp(Effort::Low, Effort::High));
            return (ReasoningMode::BetweenTools, effort);
        }
        Wish::BetweenTools(effort) => {
            work.ledger.report("reasoning_effort", "adaptive");
            return (ReasoningMode::Adaptive, effort.map(|effort| effort.max(Effort::Low)));
        }
        Wish::Level(level) => level,
        Wish::Budget(tokens) => Effort::of_budget(tokens),
    };
    let fitting = level.max(Effort::Low);
    if fitting != level {
        work.ledger.report("reasoning_effort", fitting.name());
    }
    (ReasoningMode::Adaptive, Some(fitting))
}

/// Cohere's models think or do not, with a budget if one is given.
fn switch(wish: Wish, limit: Option<u64>) -> ReasoningMode {
    let tokens = match wish {
        Wish::Unset => return ReasoningMode::Unset,
        Wish::Off => return ReasoningMode::Off,
        Wish::Level(level @ (Effort::Low | Effort::Medium)) => budget_of(level),
        Wish::Auto | Wish::BetweenTools(_) | Wish::Level(_) => return ReasoningMode::Adaptive,
        Wish::Budget(tokens) => tokens,
    };
    match limit {
        Some(limit) if limit <= ANSWER => ReasoningMode::Off,
        Some(limit) => ReasoningMode::Budget(tokens.min(limit - ANSWER)),
        None => ReasoningMode::Budget(tokens),
    }
}

/// Tokens kept free for the answer itself.
const ANSWER: u64 = 1024;
/// The smallest budget that Anthropic takes.
const SMALLEST: u64 = 1024;

#[cfg(test)]
mod tests;
