//! How much the model may write (wire-format facts, 6.11 and 6.14).

use byok_types::Family;
use byok_types::chat::Request;
use byok_types::model::ModelFacts;

use super::Work;

pub(super) fn apply(request: &mut Request, work: &mut Work<'_>) {
    if work.family != Family::OpenaiResponses && request.limits.max_tool_calls.take().is_some() {
        work.ledger.drop("max_tool_calls");
    }
    let floor = if work.family == Family::OpenaiResponses { 16 } else { 1 };
    let ceiling = work.facts.max_output.unwrap_or(u64::MAX).max(floor);
    request.limits.max_output = match request.limits.max_output {
        None if work.family == Family::Anthropic => Some(default_output(request.stream.on, work)),
        None => None,
        Some(asked) => {
            let fitting = asked.clamp(floor, ceiling);
            if fitting != asked {
                work.ledger.report("max_tokens", fitting.to_string());
            }
            Some(fitting)
        }
    };
}

/// Anthropic wants a number.
fn default_output(streams: bool, work: &mut Work<'_>) -> u64 {
    work.default_output = true;
    work.facts.max_output.map_or(UNKNOWN, |_| default_ceiling(streams, work.facts))
}

/// The most that byok asks for by itself. Long answers that are not streamed run into time limits.
pub(super) fn default_ceiling(streams: bool, facts: &ModelFacts) -> u64 {
    let ceiling = facts.max_output.unwrap_or(u64::MAX);
    if streams { ceiling } else { ceiling.min(NOT_STREAMED) }
}

const NOT_STREAMED: u64 = 32_000;
const UNKNOWN: u64 = 8192;
