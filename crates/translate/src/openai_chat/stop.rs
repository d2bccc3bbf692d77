//! Why an answer ended and what it cost, between the wire's words and the canonical ones (wire-format
//! facts, 6.9 and 6.10).

use byok_types::chat::{Stop, StopReason, Usage};
use serde::Serialize;

use super::wire::{self, Count, Maybe};

/// What an upstream's finish reason says. `None`: the upstream gave up in the middle.
pub(super) fn read_reason(reason: &str) -> Option<Stop> {
    let known = match reason.to_ascii_lowercase().as_str() {
        "stop" | "end_turn" | "eos" | "eos_token" | "complete" => StopReason::EndTurn,
        "length" | "max_tokens" | "model_length" => StopReason::MaxTokens,
        "tool_calls" | "tool_call" | "tool_use" | "function_call" => StopReason::ToolUse,
        "content_filter" | "sensitive" | "safety" => StopReason::Filtered,
        "stop_sequence" => StopReason::StopSequence,
        "refusal" => StopReason::Refusal,
        "model_context_window_exceeded" => StopReason::ContextFull,
        "error" | "network_error" | "insufficient_system_resource" => return None,
        malformed if malformed.contains("malformed_function_call") => StopReason::MalformedCall,
        _ => return Some(Stop { detail: Some(reason.to_owned()), ..Stop::new(StopReason::EndTurn) }),
    };
    Some(Stop::new(known))
}

/// Makes the reason agree with what was said: an answer with calls ends in them, one without does not,
/// and the model's own words for declining are a refusal.
pub(super) fn settle(stop: Option<Stop>, calls: bool, refused: bool) -> Stop {
    let mut stop = stop.unwrap_or_else(|| Stop::new(StopReason::EndTurn));
    stop.reason = match stop.reason {
        StopReason::EndTurn | StopReason::StopSequence | StopReason::ToolUse if calls => StopReason::ToolUse,
        StopReason::EndTurn if refused => StopReason::Refusal,
        StopReason::ToolUse => StopReason::EndTurn,
        other => other,
    };
    stop
}

/// The finish reason that clients see. `refused` says whether the answer holds the model's own words for
/// declining. `None`: there is no word for it, the answer failed.
pub(crate) fn finish_reason(reason: StopReason, refused: bool) -> Option<&'static str> {
    Some(match reason {
        StopReason::EndTurn | StopReason::MalformedCall | StopReason::Pause | StopReason::StopSequence => {
            "stop"
        }
        StopReason::ContextFull | StopReason::MaxTokens => "length",
        StopReason::Refusal if refused => "stop",
        StopReason::Filtered | StopReason::Refusal => "content_filter",
        StopReason::ToolUse => "tool_calls",
        StopReason::Error => return None,
    })
}

/// What an upstream says about tokens.
pub(super) fn read_usage(usage: &wire::Usage) -> Usage {
    let of = |count: &Maybe<Count>| count.0.map(|count| count.0);
    let prompt = usage.prompt_tokens_details.0.as_ref();
    let completion = usage.completion_tokens_details.0.as_ref();
    let input = of(&usage.prompt_tokens).or(of(&usage.input_tokens));
    let reasoning = completion.and_then(|details| of(&details.reasoning_tokens));
    let mut output = of(&usage.completion_tokens).or(of(&usage.output_tokens));
    // xAI leaves reasoning out of `completion_tokens`; the total tells.
    if let (Some(total), Some(input), Some(out), Some(thought @ 1..)) =
        (of(&usage.total_tokens), input, output, reasoning)
        && Some(total) == input.checked_add(out).and_then(|sum| sum.checked_add(thought))
    {
        output = Some(out + thought);
    }
    Usage {
        input,
        cache_read: prompt
            .and_then(|details| of(&details.cached_tokens))
            .or(of(&usage.prompt_cache_hit_tokens))
            .or(of(&usage.cached_tokens)),
        cache_write: prompt.and_then(|details| of(&details.cache_write_tokens)),
        cache_write_1h: None,
        output,
        reasoning,
    }
}

/// Usage as Chat clients and those of the legacy completions see it.
#[derive(Debug, Serialize)]
pub(crate) struct UsageOut {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
}

impl From<&Usage> for UsageOut {
    fn from(usage: &Usage) -> Self {
        let cached = usage.cache_read.or(usage.cache_write);
        Self {
            prompt_tokens: usage.input.unwrap_or(0),
            completion_tokens: usage.output.unwrap_or(0),
            total_tokens: usage.total(),
            prompt_tokens_details: cached.map(|_| PromptDetails {
                cached_tokens: usage.cache_read.unwrap_or(0),
                cache_write_tokens: usage.cache_write,
            }),
            completion_tokens_details: usage
                .reasoning
                .map(|reasoning_tokens| CompletionDetails { reasoning_tokens }),
        }
    }
}
