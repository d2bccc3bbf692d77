//! Opaque tokens in transit: one vendor's signature inside another vendor's format.
//!
//! A client keeps what its format gives it and sends it back next turn. Where the answer came from
//! another family, the token is wrapped so that its maker can be told on the way back:
//! `byok1.<family>.<base64url of the value>`. Formats that want valid base64 there (Gemini) encode the
//! whole once more. Nothing is ever guessed from how an unwrapped token looks: it belongs to the family
//! of the format that carried it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use byok_types::Family;
use byok_types::chat::Token;

/// What a wrapped token begins with.
const PREFIX: &str = "byok1.";

/// The text to put into a `carrier` client's native slot: the value itself where the client's own family
/// made it, wrapped otherwise.
pub(crate) fn wrap(token: &Token, carrier: Family) -> String {
    if token.family == carrier {
        return token.value.clone();
    }
    let wrapped = format!("{PREFIX}{}.{}", token.family.name(), URL_SAFE_NO_PAD.encode(&token.value));
    match carrier {
        Family::Gemini => STANDARD.encode(wrapped),
        _ => wrapped,
    }
}

/// The token in a `carrier` client's native slot.
pub(crate) fn unwrap(value: &str, carrier: Family) -> Token {
    let own = || Token { family: carrier, value: value.to_owned() };
    let text = match carrier {
        // Google's Python client sends back the URL-safe alphabet whatever it got.
        Family::Gemini => {
            let standard = value.replace('-', "+").replace('_', "/");
            match STANDARD.decode(standard).map(String::from_utf8) {
                Ok(Ok(text)) => text,
                _ => return own(),
            }
        }
        _ => value.to_owned(),
    };
    let parsed = text.strip_prefix(PREFIX).and_then(|rest| {
        let (family, payload) = rest.split_once('.')?;
        let value = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        Some(Token { family: family.parse().ok()?, value })
    });
    parsed.unwrap_or_else(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_token_comes_back_to_its_maker_through_every_format() {
        for maker in Family::ALL {
            for carrier in Family::ALL {
                let token = Token { family: maker, value: "EqQB+/sig==".into() };
                assert_eq!(unwrap(&wrap(&token, carrier), carrier), token, "{maker} through {carrier}");
            }
        }
    }

    #[test]
    fn gemini_clients_may_return_the_other_alphabet() {
        let token = Token { family: Family::Anthropic, value: "sig??>>".into() };
        let wrapped = wrap(&token, Family::Gemini);
        assert_eq!(wrapped.len() % 4, 0);
        assert_eq!(unwrap(&wrapped.replace('+', "-").replace('/', "_"), Family::Gemini), token);
    }

    #[test]
    fn what_is_not_wrapped_belongs_to_its_carrier() {
        for value in ["", "abc", "byok1.", "byok1.nobody.YQ", "byok1.anthropic.%%"] {
            let token = unwrap(value, Family::Anthropic);
            assert_eq!((token.family, token.value.as_str()), (Family::Anthropic, value));
        }
    }
}
