//! Why an answer ended, in Google's words (wire-format facts, 6.9).

use byok_types::chat::{Stop, StopReason};

/// Reads a finish reason. `called`: whether the answer asks the client to run a function, which Google
/// has no reason of its own for.
pub(super) fn read(reason: &str, message: Option<&str>, called: bool) -> Stop {
    let done = if called { StopReason::ToolUse } else { StopReason::EndTurn };
    let read = match reason {
        "STOP" => return Stop::new(done),
        "MAX_TOKENS" => return Stop::new(StopReason::MaxTokens),
        "BLOCKLIST"
        | "ESCALATION"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "IMAGE_SAFETY"
        | "LANGUAGE"
        | "PROHIBITED_CONTENT"
        | "PUP_LIMITED_DISABLED"
        | "RECITATION"
        | "SAFETY"
        | "SPII" => StopReason::Filtered,
        "MALFORMED_FUNCTION_CALL" | "TOO_MANY_TOOL_CALLS" | "UNEXPECTED_TOOL_CALL" => {
            StopReason::MalformedCall
        }
        "IMAGE_OTHER" | "MALFORMED_RESPONSE" | "MISSING_THOUGHT_SIGNATURE" | "NO_IMAGE" | "OTHER" => {
            StopReason::Error
        }
        "CONTINUATION" => StopReason::Pause,
        // A reason that came later than this table.
        _ => done,
    };
    let detail = match message.filter(|message| !message.is_empty()) {
        Some(message) => format!("{reason}: {message}"),
        None => reason.to_owned(),
    };
    Stop { reason: read, matched: None, detail: Some(detail) }
}

/// Writes a finish reason. `refused`: whether the answer holds the model's own words for declining, which
/// make it an ordinary answer here.
pub(super) fn write(reason: StopReason, refused: bool) -> &'static str {
    match reason {
        StopReason::Refusal if refused => "STOP",
        StopReason::EndTurn | StopReason::Pause | StopReason::StopSequence | StopReason::ToolUse => "STOP",
        StopReason::ContextFull | StopReason::MaxTokens => "MAX_TOKENS",
        StopReason::Filtered | StopReason::Refusal => "SAFETY",
        StopReason::MalformedCall => "MALFORMED_FUNCTION_CALL",
        StopReason::Error => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pitfall_90_stop_with_a_call_is_tool_use() {
        assert_eq!(read("STOP", None, true).reason, StopReason::ToolUse);
        assert_eq!(read("STOP", None, false).reason, StopReason::EndTurn);
        assert_eq!(read("MAX_TOKENS", None, true).reason, StopReason::MaxTokens);
    }

    #[test]
    fn a_refusal_in_words_is_an_ordinary_answer() {
        assert_eq!(write(StopReason::Refusal, true), "STOP");
        assert_eq!(write(StopReason::Refusal, false), "SAFETY");
    }

    #[test]
    fn what_a_filter_says_is_kept() {
        let stop = read("SAFETY", Some("blocked"), false);
        assert_eq!((stop.reason, stop.detail.as_deref()), (StopReason::Filtered, Some("SAFETY: blocked")));
        let stop = read("BRAND_NEW", None, false);
        assert_eq!((stop.reason, stop.detail.as_deref()), (StopReason::EndTurn, Some("BRAND_NEW")));
    }
}
