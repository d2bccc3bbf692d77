//! On whose behalf a call is made: what says so in the target's format, and nothing that would tell one
//! vendor more about a person than the client meant to tell another (wire-format facts, 6.12).

use byok_types::Family;
use byok_types::chat::{Identity, Request};
use serde_json::Value;

use super::{Work, digest};

pub(super) fn apply(request: &mut Request, work: &Work<'_>) {
    let Identity { user, safety_id, cache_key, metadata, tier } = std::mem::take(&mut request.identity);
    request.identity = match work.family {
        Family::Anthropic => Identity {
            user: user.or(safety_id).filter(|user| !user.is_empty()).map(|user| opaque(user, 256)),
            ..Identity::default()
        },
        // Compatible servers refuse fields as often as they ignore them.
        Family::OpenaiChat | Family::OpenaiResponses if work.openai.is_some() => Identity {
            user: user.map(|user| opaque(user, 64)),
            safety_id: safety_id.map(|id| opaque(id, 64)),
            cache_key: cache_key.map(|key| short(key, 64)),
            metadata: metadata.filter(|metadata| is_pairs(&metadata.to_value())),
            tier: tier.filter(|tier| TIERS.contains(&tier.as_str())),
        },
        Family::Cohere | Family::Gemini | Family::OpenaiChat | Family::OpenaiResponses => Identity::default(),
    };
}

/// The user's name for the vendor: a digest where it is a person's address or number, or too long.
fn opaque(user: String, limit: usize) -> String {
    if is_email(&user) || is_phone(&user) {
        format!("user-{}", digest::hex(&user, 32))
    } else {
        short(user, limit)
    }
}

fn short(text: String, limit: usize) -> String {
    if text.chars().count() <= limit { text } else { format!("id-{}", digest::hex(&text, 32)) }
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
}

fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (7..=15).contains(&digits) && text.bytes().all(|b| b.is_ascii_digit() || b"+-(). /".contains(&b))
}

/// OpenAI takes up to sixteen pairs of short texts.
fn is_pairs(metadata: &Value) -> bool {
    metadata.as_object().is_some_and(|pairs| {
        pairs.len() <= 16
            && pairs.iter().all(|(key, value)| {
                key.chars().count() <= 64 && value.as_str().is_some_and(|value| value.chars().count() <= 512)
            })
    })
}

const TIERS: [&str; 6] = ["auto", "default", "fast", "flex", "priority", "scale"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_numbers_of_people_are_hashed() {
        for user in ["ada@example.org", "+49 (170) 123-4567", "5551234567"] {
            let hidden = opaque(user.to_owned(), 256);
            assert!(hidden.starts_with("user-") && hidden.len() == 37, "{hidden}");
            assert_eq!(opaque(hidden.clone(), 256), hidden);
        }
        for user in ["user_17", "a@b", "12-ab-34", "device-5551234567"] {
            assert_eq!(opaque(user.to_owned(), 256), user);
        }
        assert_eq!(short("x".repeat(65), 64).len(), 35);
    }
}
