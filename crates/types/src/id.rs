//! Names of things, each with a type of its own so that one cannot be passed for another.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Declares a cheap-to-clone text id.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id made of `text`, as it stands.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }
    };
}

text_id! {
    /// A provider: a built-in one (`anthropic`, `openai`, …) or a name of the user's own in the config.
    /// Lower-case letters, digits, `_` and `-`.
    ProviderId
}
text_id! {
    /// One account of a provider. `default` unless the person names it (`--account work`).
    AccountId
}
text_id! {
    /// A model as its provider names it.
    ModelId
}
text_id! {
    /// A tool that calls byok. `local` stands for callers without a `byk_` key.
    AppId
}
text_id! {
    /// One request, for logs and for the `x-request-id` header.
    RequestId
}

impl ProviderId {
    /// Whether `text` may name a provider: 1 to 64 characters out of `[a-z0-9_-]`, first a letter or digit.
    pub fn is_valid(text: &str) -> bool {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        (1..=64).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with(['_', '-'])
    }
}

impl AccountId {
    /// The account that is meant when none is named.
    pub fn default_account() -> Self {
        Self::from("default")
    }
}

impl AppId {
    /// The built-in app that stands for every caller without a session key of its own.
    pub fn local() -> Self {
        Self::from("local")
    }
}

/// Whose credential: tokens, locks, cool-downs and usage hang on this pair, never on the provider alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountKey {
    /// The provider that the account is at.
    pub provider: ProviderId,
    /// Which of the person's accounts there.
    pub account: AccountId,
}

impl AccountKey {
    /// The given account of a provider.
    pub fn new(provider: ProviderId, account: AccountId) -> Self {
        Self { provider, account }
    }

    /// The account of a provider that is meant when none is named.
    pub fn default_of(provider: ProviderId) -> Self {
        Self::new(provider, AccountId::default_account())
    }
}

impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_names_are_plain() {
        assert!(ProviderId::is_valid("lm_studio"));
        assert!(ProviderId::is_valid("work-vllm"));
        for bad in ["", "Work", "a/b", "../x", "-x", "ä"] {
            assert!(!ProviderId::is_valid(bad), "{bad}");
        }
    }
}
