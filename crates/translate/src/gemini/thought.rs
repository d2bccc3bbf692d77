//! Reasoning of other vendors on its way through a Gemini client: everything but the visible text rides
//! in the part's `thoughtSignature`.
//!
//! A Gemini part has no place for the sort of reasoning, for an item's id, or for text that the client
//! did not ask to see; yet the maker wants all of it back unchanged. What is more than a plain token is
//! packed as JSON into the token's value, which [`token::wrap`] then makes opaque.

use byok_types::Family;
use byok_types::chat::{ReasoningKind, Token};
use serde::{Deserialize, Serialize};

use crate::token;

/// What documents and clients put in place of a signature that is not there.
/// <https://ai.google.dev/gemini-api/docs/thought-signatures>
pub(super) const PLACEHOLDER: &str = "skip_thought_signature_validator";

/// The placeholder as clients send it that take a signature for bytes.
const PLACEHOLDER_AS_BYTES: &str = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=";

/// What one `thoughtSignature` says.
#[derive(Debug, PartialEq)]
pub(super) struct Carried {
    /// The token itself.
    pub(super) token: Token,
    /// What else is known about a foreign vendor's reasoning; nothing for Gemini's own.
    pub(super) about: Option<About>,
}

/// What a part does not show.
#[derive(Debug, PartialEq)]
pub(super) struct About {
    /// Which sort of reasoning.
    pub(super) kind: ReasoningKind,
    /// The item's id.
    pub(super) item_id: Option<String>,
    /// Text that the client did not see.
    pub(super) hidden: String,
}

/// The packed form. Short names, because clients send it back with every turn.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Packed {
    /// The value.
    v: String,
    /// The sort.
    k: Sort,
    /// The item's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The hidden text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    t: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    Plan,
    Redacted,
    Summary,
    Thinking,
}

/// The `thoughtSignature` that carries a piece of reasoning's token. `hidden` is its text where the
/// client is not shown it.
pub(super) fn write(token: &Token, kind: ReasoningKind, item_id: Option<&str>, hidden: &str) -> String {
    let plain = kind == ReasoningKind::Thinking && item_id.is_none() && hidden.is_empty();
    if token.family == Family::Gemini || plain {
        return token::wrap(token, Family::Gemini);
    }
    let packed = Packed {
        v: token.value.clone(),
        k: match kind {
            ReasoningKind::Plan => Sort::Plan,
            ReasoningKind::Redacted => Sort::Redacted,
            ReasoningKind::Summary => Sort::Summary,
            ReasoningKind::Thinking => Sort::Thinking,
        },
        id: item_id.map(str::to_owned),
        t: hidden.to_owned(),
    };
    // Texts and options of texts can always be written.
    let value = serde_json::to_string(&packed).unwrap_or_default();
    token::wrap(&Token { family: token.family, value }, Family::Gemini)
}

/// Reads a client's `thoughtSignature`; none where it is empty or a placeholder.
pub(super) fn read(signature: &str) -> Option<Carried> {
    if matches!(signature, "" | PLACEHOLDER | PLACEHOLDER_AS_BYTES) {
        return None;
    }
    let mut token = token::unwrap(signature, Family::Gemini);
    if token.family == Family::Gemini {
        return Some(Carried { token, about: None });
    }
    let mut about = About { kind: ReasoningKind::Thinking, item_id: None, hidden: String::new() };
    if token.value.starts_with('{')
        && let Ok(packed) = serde_json::from_str::<Packed>(&token.value)
    {
        token.value = packed.v;
        about.item_id = packed.id;
        about.hidden = packed.t;
        about.kind = match packed.k {
            Sort::Plan => ReasoningKind::Plan,
            Sort::Redacted => ReasoningKind::Redacted,
            Sort::Summary => ReasoningKind::Summary,
            Sort::Thinking => ReasoningKind::Thinking,
        };
    }
    Some(Carried { token, about: Some(about) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_about_foreign_reasoning_comes_back() {
        for (kind, item_id, hidden) in [
            (ReasoningKind::Thinking, None, ""),
            (ReasoningKind::Thinking, None, "not shown"),
            (ReasoningKind::Redacted, None, ""),
            (ReasoningKind::Summary, Some("rs_1"), ""),
        ] {
            let token = Token { family: Family::Anthropic, value: "EqQB+/sig==".into() };
            let written = write(&token, kind, item_id, hidden);
            let about = About { kind, item_id: item_id.map(Into::into), hidden: hidden.into() };
            assert_eq!(read(&written), Some(Carried { token, about: Some(about) }));
        }
    }

    #[test]
    fn a_placeholder_is_no_signature() {
        assert_eq!(read(PLACEHOLDER), None);
        assert_eq!(read(PLACEHOLDER_AS_BYTES), None);
        assert_eq!(read(""), None);
    }
}
