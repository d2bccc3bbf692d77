//! What renewing a login needs from outside: someone who knows the provider's flow and can reach it.

use std::pin::Pin;
use std::time::Duration;

use byok_types::{AccountKey, TokenSet};

/// A renewal under way.
pub type Renewing<'a> = Pin<Box<dyn Future<Output = Result<TokenSet, RenewError>> + Send + 'a>>;

/// Exchanges a login's tokens for the next ones at its vendor. It stores nothing and decides nothing: when
/// to renew, that only one does, and what becomes of the answer is the vault's business.
pub trait Renew: Send + Sync {
    /// The next tokens. The answer is complete: what the vendor did not say again (the refresh token, the
    /// label, the details) is taken over from `tokens`.
    fn renew<'a>(&'a self, key: &'a AccountKey, tokens: &'a TokenSet) -> Renewing<'a>;

    /// How long before its end a token of this login is renewed.
    fn margin(&self, key: &AccountKey, tokens: &TokenSet) -> Duration;

    /// The provider's name that `byok login` takes for such a login, where that is not its id.
    fn login_name(&self, key: &AccountKey) -> String {
        key.provider.to_string()
    }
}

/// Why a login could not be renewed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenewError {
    /// The vendor says that this login is over (`invalid_grant` and its relatives). Only a new login helps.
    #[error("the vendor has ended this login: {reason}")]
    Dead {
        /// What the vendor said, without secrets.
        reason: String,
    },
    /// The vendor could not be asked, or did not answer the question. The login stays as it is.
    #[error("the login could not be renewed: {reason}")]
    Temporary {
        /// What went wrong, without secrets.
        reason: String,
        /// How long the vendor asks to wait.
        retry_after: Option<Duration>,
    },
    /// This login cannot be renewed at all: it has no refresh token, or nobody knows its flow.
    #[error("{reason}")]
    Impossible {
        /// Why.
        reason: String,
    },
}
