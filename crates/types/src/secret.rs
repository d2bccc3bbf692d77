//! Text that must not be seen: API keys, tokens, passphrases.
//!
//! [`Secret`] cannot be printed, serialised or compared by accident, and its memory is wiped when the
//! last copy goes. Reading it takes the word `expose`, so that every place that does can be found.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

/// A secret text. Clones share one allocation, which is wiped when the last clone is dropped.
#[derive(Clone)]
pub struct Secret(Arc<SecretString>);

impl Secret {
    /// Takes ownership of the text; the caller keeps no copy.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(SecretString::from(text.into())))
    }

    /// The text itself. Call it only where the secret is written into a request or sealed.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether there is nothing in it but white space.
    pub fn is_blank(&self) -> bool {
        self.expose().trim().is_empty()
    }

    /// The last four characters, which is as much as `byok status` may show of an API key. Secrets
    /// shorter than twelve characters show nothing: four would be too large a part of them.
    pub fn tail(&self) -> String {
        let text = self.expose();
        if text.len() < 12 || !text.is_ascii() {
            return "…".to_owned();
        }
        format!("…{}", &text[text.len() - 4..])
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(****)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_text() {
        let secret = Secret::new("sk-live-0123456789");
        assert_eq!(format!("{secret:?}"), "Secret(****)");
    }

    #[test]
    fn tail_shows_four_characters_of_long_secrets_only() {
        assert_eq!(Secret::new("sk-live-0123456789").tail(), "…6789");
        assert_eq!(Secret::new("short").tail(), "…");
        assert_eq!(Secret::new("naïve-but-long-enough").tail(), "…");
    }
}
