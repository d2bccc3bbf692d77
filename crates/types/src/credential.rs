//! What a provider accepts as proof of who is asking.

use std::time::{Duration, SystemTime};

use crate::Secret;

/// A credential, ready to be put into a request. How it is put there is the provider's row's business.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A long-lived API key.
    ApiKey(Secret),
    /// A login's access token.
    OAuth(TokenSet),
    /// The provider asks for nothing (a local server).
    None,
}

impl Credential {
    /// What kind it is, for `byok status` and for sealing.
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::ApiKey(_) => CredentialKind::ApiKey,
            Self::OAuth(_) => CredentialKind::OAuth,
            Self::None => CredentialKind::None,
        }
    }

    /// The text that goes into the request, if any.
    pub fn bearer(&self) -> Option<&Secret> {
        match self {
            Self::ApiKey(key) => Some(key),
            Self::OAuth(tokens) => Some(&tokens.access),
            Self::None => None,
        }
    }
}

/// The kind of a [`Credential`], without the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// An API key.
    ApiKey,
    /// A login.
    OAuth,
    /// Nothing.
    None,
}

impl CredentialKind {
    /// The name that is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::OAuth => "oauth",
            Self::None => "none",
        }
    }
}

/// What a login yields: RFC 6749, section 5.1, with the lifetime as a point in time.
#[derive(Clone, Debug)]
pub struct TokenSet {
    /// Sent with each call.
    pub access: Secret,
    /// Exchanged for the next pair; most are single use.
    pub refresh: Option<Secret>,
    /// When `access` ends, by the local clock. `None`: the vendor did not say.
    pub expires_at: Option<SystemTime>,
    /// Who the login belongs to, where the vendor tells (an e-mail address, a user name).
    pub label: Option<String>,
}

impl TokenSet {
    /// How long `access` still lives at `now`: zero when it is over, `None` when it has no known end.
    pub fn remaining(&self, now: SystemTime) -> Option<Duration> {
        self.expires_at.map(|end| end.duration_since(now).unwrap_or(Duration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_token_has_nothing_remaining() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let tokens = TokenSet {
            access: Secret::new("a"),
            refresh: None,
            expires_at: Some(now - Duration::from_secs(1)),
            label: None,
        };
        assert_eq!(tokens.remaining(now), Some(Duration::ZERO));
    }
}
