//! Whose credential a call may use: the vault's accounts in the vault's order, of which the config's key is
//! the first. A provider that asks for none is called without.

use byok_auth::{AuthError, Vault};
use byok_types::{AccountId, AccountKey, Blame, Code, Credential, Detail, Fault};

use crate::row::{Calls, KeyNeed};
use crate::spec::ProviderSpec;

/// One account that a call may use.
#[derive(Clone, Debug)]
pub(crate) enum Account {
    /// The vault has it.
    Held(AccountKey),
    /// None is needed.
    Nobody,
}

impl Account {
    /// The name that is shown.
    pub(crate) fn id(&self) -> AccountId {
        match self {
            Self::Held(key) => key.account.clone(),
            Self::Nobody => AccountId::from("none"),
        }
    }

    pub(crate) async fn credential(&self, vault: &Vault) -> Result<Credential, Box<Fault>> {
        match self {
            Self::Held(key) => vault.credential(key).await.map_err(|error| Box::new(fault(&error))),
            Self::Nobody => Ok(Credential::None),
        }
    }

    /// Another credential in place of one that was refused, where that is the token of a login: it may have
    /// been ended early, or the clocks may differ.
    pub(crate) async fn renewed(&self, refused: &Credential, vault: &Vault) -> Renewal {
        let (Self::Held(key), Credential::OAuth(tokens)) = (self, refused) else { return Renewal::None };
        match vault.renewed(key, &tokens.access).await {
            Ok(credential) => Renewal::Fresh(credential),
            Err(error @ AuthError::NeedsLogin { .. }) => Renewal::Over(Box::new(fault(&error))),
            Err(error) => {
                tracing::warn!(account = %key, %error, "the upstream refused the login's token");
                Renewal::None
            }
        }
    }
}

/// What becomes of a call whose credential was refused.
pub(crate) enum Renewal {
    /// It can be made once more, with this one.
    Fresh(Credential),
    /// Only a new login helps, which tells more than the refusal.
    Over(Box<Fault>),
    /// The refusal stands.
    None,
}

/// The accounts that a call to this provider may use, in their order.
pub(crate) fn accounts(spec: &ProviderSpec, vault: &Vault) -> Vec<Account> {
    let mut all: Vec<Account> = vault.accounts_of(&spec.id).into_iter().map(Account::Held).collect();
    if all.is_empty() && spec.key_need == KeyNeed::Optional {
        all.push(Account::Nobody);
    }
    all
}

/// Whether a call to this provider has what it needs.
pub(crate) fn is_usable(spec: &ProviderSpec, vault: &Vault) -> bool {
    spec.key_need == KeyNeed::Optional || !vault.accounts_of(&spec.id).is_empty()
}

/// Whether this version can make calls with a credential: every key, and logins whose vendor wants nothing
/// of a call that is not done yet. A token of one vendor's must not go to an address of another's.
pub(crate) fn is_callable(spec: &ProviderSpec, credential: &Credential) -> Result<(), Box<Fault>> {
    let Credential::OAuth(tokens) = credential else { return Ok(()) };
    if spec.calls(tokens.details.get(Detail::Flow)) == Calls::Ready {
        return Ok(());
    }
    let instead = if spec.takes_key() {
        format!("; an API key works: byok login {} --api-key", spec.id)
    } else {
        String::new()
    };
    let message = format!(
        "this version of byok keeps the login for {}, but cannot make calls with it yet{instead}",
        spec.name
    );
    Err(Box::new(Fault::new(503, Blame::Byok, message).with_code(Code::ProviderUnavailable)))
}

/// There is no account to call with.
pub(crate) fn nobody(spec: &ProviderSpec) -> Fault {
    let message = format!("there is no account for {0}; add one with `byok login {0}`", spec.id);
    Fault::new(503, Blame::Byok, message).with_code(Code::ProviderUnavailable)
}

/// There is an account, but no credential of it.
fn fault(error: &AuthError) -> Fault {
    let (status, code, retry_after) = match error {
        // 423 says it exactly, and no SDK tries it again by itself.
        AuthError::Locked => (423, Code::WalletLocked, None),
        AuthError::Store(_) => (500, Code::Unknown, None),
        AuthError::NeedsLogin { .. } => (401, Code::TokenExpired, None),
        AuthError::NotRenewed { retry_after, .. } => (503, Code::ProviderUnavailable, *retry_after),
        // It was there a moment ago.
        _ => (503, Code::ProviderUnavailable, None),
    };
    let mut fault = Fault::new(status, Blame::Byok, error.to_string()).with_code(code);
    fault.retry_after = retry_after;
    fault
}
