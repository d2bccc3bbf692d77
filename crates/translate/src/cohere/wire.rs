//! Cohere's own shapes, as they are read. Flat, because a part's `type` decides only what is looked at.

use byok_types::RawJson;
use byok_types::chat::{StopReason, Usage};
use serde::{Deserialize, Serialize};

use crate::wire::TextOr;

#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) role: Option<String>,
    pub(super) content: Option<TextOr<Part>>,
    pub(super) tool_calls: Option<Vec<ToolCall>>,
    pub(super) tool_plan: Option<String>,
    pub(super) tool_call_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Part {
    pub(super) r#type: Option<String>,
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) image_url: Option<ImageUrl>,
    pub(super) document: Option<Document>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct ImageUrl {
    pub(super) url: String,
    pub(super) detail: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Document {
    pub(super) data: Option<RawJson>,
    pub(super) id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct ToolCall {
    pub(super) id: Option<String>,
    pub(super) function: Option<Function>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<String>,
}

/// Token counts, which come as floats (`71.0`).
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Counts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) billed_units: Option<Tokens>,
    pub(super) tokens: Option<Tokens>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cached_tokens: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Tokens {
    pub(super) input_tokens: Option<f64>,
    pub(super) output_tokens: Option<f64>,
}

impl Counts {
    pub(super) fn usage(&self) -> Usage {
        let tokens = self.tokens.as_ref();
        Usage {
            input: tokens.and_then(|tokens| whole(tokens.input_tokens)),
            output: tokens.and_then(|tokens| whole(tokens.output_tokens)),
            cache_read: whole(self.cached_tokens),
            ..Usage::default()
        }
    }

    pub(super) fn of(usage: &Usage) -> Self {
        let tokens = |input: u64, output: u64| Tokens {
            input_tokens: Some(float(input)),
            output_tokens: Some(float(output)),
        };
        let (input, output) = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
        Self {
            billed_units: Some(tokens(input.saturating_sub(usage.cache_read.unwrap_or(0)), output)),
            tokens: Some(tokens(input, output)),
            cached_tokens: usage.cache_read.map(float),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
fn whole(count: Option<f64>) -> Option<u64> {
    count.filter(|count| (0.0..=1e15).contains(count)).map(|count| count as u64)
}

#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

/// The stop reason behind Cohere's word for it.
pub(super) fn stop_reason(word: &str) -> StopReason {
    match word {
        "MAX_TOKENS" => StopReason::MaxTokens,
        "STOP_SEQUENCE" => StopReason::StopSequence,
        "TOOL_CALL" => StopReason::ToolUse,
        "ERROR" | "TIMEOUT" | "USER_CANCEL" => StopReason::Error,
        "ERROR_TOXIC" => StopReason::Filtered,
        "ERROR_LIMIT" => StopReason::ContextFull,
        _ => StopReason::EndTurn,
    }
}

/// Cohere's word for a stop reason. `refused`: whether the answer holds the model's own words for
/// declining, which make it an ordinary answer here.
pub(super) fn finish_reason(reason: StopReason, refused: bool) -> &'static str {
    match reason {
        StopReason::Refusal if refused => "COMPLETE",
        StopReason::EndTurn | StopReason::Pause => "COMPLETE",
        StopReason::MaxTokens | StopReason::ContextFull => "MAX_TOKENS",
        StopReason::StopSequence => "STOP_SEQUENCE",
        StopReason::ToolUse => "TOOL_CALL",
        StopReason::Error | StopReason::Filtered | StopReason::MalformedCall | StopReason::Refusal => "ERROR",
    }
}

/// The id of the `n`-th call of an answer, where Cohere gave none.
pub(super) fn made_up_id(answer: &str, n: usize) -> String {
    let answer: String = answer.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
    format!("call_{answer}{n}")
}
