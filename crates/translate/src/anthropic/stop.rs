//! Why an answer ended, in and out.

use byok_types::chat::{Stop, StopReason};

use super::json::Object;
use super::node::Node;

/// Reads the `delta` of a `message_delta`, or a whole message: both hold the same three fields. `None`
/// where the reason is not given (yet).
pub(super) fn read(node: &Node<'_>) -> Option<Stop> {
    let word = node.lax_word("stop_reason")?;
    let reason = match word.as_str() {
        "end_turn" => Some(StopReason::EndTurn),
        "max_tokens" => Some(StopReason::MaxTokens),
        "model_context_window_exceeded" => Some(StopReason::ContextFull),
        // After a compaction the service waits to be asked to go on, as after a pause.
        "compaction" | "pause_turn" => Some(StopReason::Pause),
        "refusal" => Some(StopReason::Refusal),
        "stop_sequence" => Some(StopReason::StopSequence),
        "tool_use" => Some(StopReason::ToolUse),
        _ => None,
    };
    let details = node.lax_object("stop_details");
    let told = details.and_then(|details| details.lax_word("explanation").or(details.lax_word("category")));
    Some(Stop {
        // Reasons to come are most likely ways to be done; their name is kept.
        reason: reason.unwrap_or(StopReason::EndTurn),
        matched: node.lax_word("stop_sequence"),
        detail: told.or_else(|| reason.is_none().then_some(word)),
    })
}

/// The stop of an answer in which the client is asked for tools or not: some servers say "end of turn"
/// after a call, or "tool use" without one.
pub(super) fn settle(mut stop: Stop, called: bool) -> Stop {
    stop.reason = match stop.reason {
        StopReason::EndTurn if called => StopReason::ToolUse,
        StopReason::ToolUse if !called => StopReason::EndTurn,
        reason => reason,
    };
    stop
}

/// Writes the three fields.
pub(super) fn write(object: &mut Object<'_>, stop: &Stop) {
    let word = match stop.reason {
        StopReason::ContextFull => "model_context_window_exceeded",
        StopReason::EndTurn | StopReason::MalformedCall => "end_turn",
        StopReason::Filtered | StopReason::Refusal => "refusal",
        // A stream reports an error instead. A whole answer can only say that it was cut short, so that
        // nobody takes it for complete.
        StopReason::Error | StopReason::MaxTokens => "max_tokens",
        StopReason::Pause => "pause_turn",
        StopReason::StopSequence => "stop_sequence",
        StopReason::ToolUse => "tool_use",
    };
    object.put("stop_reason", word);
    object.put("stop_sequence", &stop.matched);
    if let (StopReason::Filtered | StopReason::Refusal, Some(detail)) = (stop.reason, &stop.detail) {
        object.object("stop_details", |details| {
            details.put("type", "refusal");
            details.put("category", &None::<&str>);
            details.put("explanation", detail);
        });
    }
}
