//! Reasoning in the history: it goes back to the family that made it, with its token, or nowhere.

use byok_types::Family;
use byok_types::chat::{PartKind, ReasoningKind, ReasoningPart, Role, Token, Turn};

use super::Work;

/// The thoughts as the target takes them.
pub(super) fn fit(reasoning: ReasoningPart, work: &Work<'_>) -> Option<ReasoningPart> {
    let ReasoningPart { kind, text, token, item_id } = reasoning;
    let foreign = token.as_ref().is_some_and(|token| token.family != work.family);
    let token = token.filter(|token| token.family == work.family && !token.value.is_empty());
    let keep = match work.family {
        // These check the token, so thoughts without one are refused.
        Family::Anthropic | Family::Gemini | Family::OpenaiResponses => token.is_some(),
        // These have no tokens. Text that bears no other vendor's mark may well be their own.
        Family::Cohere => !foreign && !text.is_empty(),
        // OpenAI's own models have no field for it here; compatible servers want theirs back.
        Family::OpenaiChat => {
            !foreign && !text.is_empty() && kind != ReasoningKind::Redacted && work.openai.is_none()
        }
    };
    let item_id = item_id.filter(|_| work.family == Family::OpenaiResponses);
    let token: Option<Token> = token;
    keep.then_some(ReasoningPart { kind, text, token, item_id })
}

/// OpenAI refuses a reasoning item that nothing follows in its answer.
pub(super) fn drop_unfollowed(turns: &mut Vec<Turn>) {
    let mut followed = false;
    for turn in turns.iter_mut().rev() {
        followed &= turn.role == Role::Assistant;
        if turn.role == Role::Assistant {
            while !followed
                && matches!(turn.parts.last().map(|part| &part.kind), Some(PartKind::Reasoning(_)))
            {
                turn.parts.pop();
            }
            followed |= !turn.parts.is_empty();
        }
    }
    turns.retain(|turn| !turn.parts.is_empty());
}
