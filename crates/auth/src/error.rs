//! What can keep an account from being used.

use std::time::Duration;

use byok_types::{AccountKey, ProviderId};

use crate::input::InputError;

/// Why there is no credential, or why one could not be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The account `config` is made of the config file's keys.
    #[error("the account {0} is made of the key in the config file; change it there")]
    Configured(AccountKey),
    /// What was handed in cannot be used.
    #[error("{account}: {source}")]
    Input {
        /// The account that it was meant for.
        account: AccountKey,
        /// What is wrong with it.
        source: InputError,
    },
    /// A key in the config file cannot be used.
    #[error("the api_key of the provider `{provider}` in the config: {source}")]
    InputConfigured {
        /// The provider that it stands under.
        provider: ProviderId,
        /// What is wrong with it.
        source: InputError,
    },
    /// The login that another program keeps cannot be used now.
    #[error(
        "{account} is the login in {path}, which cannot be used: {reason}; start the program that it belongs to, or \
         log in with byok: byok login {provider}", provider = .account.provider
    )]
    Link {
        /// The account.
        account: AccountKey,
        /// The file.
        path: String,
        /// What is wrong, without secrets.
        reason: String,
    },
    /// The wallet is locked, so nothing in it can be used.
    #[error("the wallet is locked; run: byok wallet unlock")]
    Locked,
    /// The login is over, and only a new one helps.
    #[error("the login of {account} is over: {reason}; log in again: {command}")]
    NeedsLogin {
        /// Whose login.
        account: AccountKey,
        /// Why, without secrets.
        reason: String,
        /// What to run.
        command: String,
    },
    /// There is no such account.
    #[error("not logged in to {provider} as `{account}`; run: byok login {provider} --account {account}", provider = .0.provider, account = .0.account)]
    NotLoggedIn(AccountKey),
    /// The login has to be renewed, and that did not work this time. It is kept as it is.
    #[error("the login of {account} could not be renewed: {reason}")]
    NotRenewed {
        /// Whose login.
        account: AccountKey,
        /// What went wrong, without secrets.
        reason: String,
        /// When it makes sense to ask again.
        retry_after: Option<Duration>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] byok_store::Error),
}
