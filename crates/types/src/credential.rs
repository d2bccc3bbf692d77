//! What a provider accepts as proof of who is asking.

use std::borrow::Cow;
use std::collections::BTreeMap;
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
    /// What else this login needs in order to be used and refreshed.
    pub details: Details,
}

impl TokenSet {
    /// How long `access` still lives at `now`: zero when it is over, `None` when it has no known end.
    pub fn remaining(&self, now: SystemTime) -> Option<Duration> {
        self.expires_at.map(|end| end.duration_since(now).unwrap_or(Duration::ZERO))
    }

    /// Whether `other` has the very same tokens, whatever else is known of them.
    pub fn is_same_pair(&self, other: &Self) -> bool {
        self.access.expose() == other.access.expose()
            && self.refresh.as_ref().map(Secret::expose) == other.refresh.as_ref().map(Secret::expose)
    }
}

/// What a login has besides its tokens: values that its vendor gave out and wants to see again. They are
/// sealed with the tokens, because some of them are secrets and some decide where a token is sent.
#[derive(Clone, Debug, Default)]
pub struct Details(BTreeMap<Cow<'static, str>, Secret>);

/// A value of [`Details`] that this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detail {
    /// The vendor's id of the account or workspace that calls are for.
    AccountId,
    /// What the API is below for this account, where that is not the provider's usual address.
    ApiBase,
    /// The client id that was issued to this login.
    ClientId,
    /// The secret that came with an issued client id.
    ClientSecret,
    /// When an issued client id ends, in Unix seconds.
    ClientExpires,
    /// No refresh before this moment, in Unix seconds.
    EarliestRefresh,
    /// Which of the provider's flows the login was made with; a refresh goes the same way.
    Flow,
    /// The stable id of this installation that the vendor knows.
    HostId,
    /// How many seconds the access token had when it was given out.
    Lifetime,
    /// The plan that the account has, as the vendor names it.
    Plan,
    /// The profile that calls name (an ARN).
    Profile,
    /// The cloud project that calls are for.
    Project,
    /// The region that the login belongs to.
    Region,
    /// Where the person began the login, where organisations have addresses of their own.
    StartUrl,
    /// The vendor's id of the person.
    Subject,
}

impl Detail {
    /// The name that is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccountId => "account_id",
            Self::ApiBase => "api_base",
            Self::ClientId => "client_id",
            Self::ClientSecret => "client_secret",
            Self::ClientExpires => "client_expires",
            Self::EarliestRefresh => "earliest_refresh",
            Self::Flow => "flow",
            Self::HostId => "host_id",
            Self::Lifetime => "lifetime",
            Self::Plan => "plan",
            Self::Profile => "profile",
            Self::Project => "project",
            Self::Region => "region",
            Self::StartUrl => "start_url",
            Self::Subject => "subject",
        }
    }
}

impl Details {
    /// The value, as text.
    pub fn get(&self, detail: Detail) -> Option<&str> {
        self.0.get(detail.name()).map(Secret::expose)
    }

    /// Sets a value.
    pub fn set(&mut self, detail: Detail, value: impl Into<String>) {
        self.0.insert(Cow::Borrowed(detail.name()), Secret::new(value));
    }

    /// These details with those of `older` that they lack: an answer that says less loses nothing.
    #[must_use]
    pub fn over(mut self, older: &Self) -> Self {
        for (name, value) in &older.0 {
            self.0.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self
    }

    /// All of them, those of a later version included, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> + Clone {
        self.0.iter().map(|(name, value)| (&**name, value))
    }
}

impl FromIterator<(String, Secret)> for Details {
    fn from_iter<I: IntoIterator<Item = (String, Secret)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect())
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
            details: Details::default(),
        };
        assert_eq!(tokens.remaining(now), Some(Duration::ZERO));
    }

    #[test]
    fn details_that_an_answer_lacks_are_kept() {
        let mut older = Details::default();
        older.set(Detail::Project, "p1");
        older.set(Detail::Plan, "pro");
        let mut newer = Details::default();
        newer.set(Detail::Plan, "max");
        let newer = newer.over(&older);
        assert_eq!(newer.get(Detail::Plan), Some("max"));
        assert_eq!(newer.get(Detail::Project), Some("p1"));
        assert!(!format!("{newer:?}").contains("p1"));
    }
}
