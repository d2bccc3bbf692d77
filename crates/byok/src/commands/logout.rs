//! `byok logout`: an account out of the wallet, after its login was ended at the vendor where that can be done.
//!
//! The account is deleted whatever the vendor says: what could not be ended there is said, and stays the
//! person's to end.

use std::fmt::Write as _;

use byok_auth::{Revoked, flow};
use byok_store::{Account, Store};
use byok_types::{AccountId, AccountKey, Credential, CredentialKind, ProviderId};
use serde_json::{Value, json};

use crate::cli;
use crate::commands::Error;
use crate::commands::accounts::provider_id;
use crate::home::{Home, Providers, shown};
use crate::passphrase;
use crate::terminal::{FAINT, GOOD, Terminal, WARNING, paint};

/// `byok logout PROVIDER`
pub(crate) async fn run(args: &cli::Logout, terminal: &Terminal) -> Result<(), Error> {
    let home = Home::find(&args.files, terminal)?;
    let store = home.look().await?;
    let mut providers = Providers::new(home.config.clone(), store.clone(), terminal.redactor()).await?;
    let stored = store.accounts().await?;
    let provider = provider_id(&args.provider, &providers, &stored)?;
    let mine = stored.into_iter().filter(|account| account.key.provider == provider).collect();
    let chosen = choose(args, &provider, mine)?;
    let has_login = chosen.iter().any(|account| account.kind == CredentialKind::OAuth);
    if has_login && !args.keep_remote && store.is_locked() && passphrase::can_ask() {
        // What is to be ended at the vendor has to be read first.
        let wallet = home.location.path().map(shown).unwrap_or_default();
        passphrase::unlock(&store, &wallet, terminal).await?;
        providers = Providers::new(home.config.clone(), store.clone(), terminal.redactor()).await?;
    }
    let mut done = Vec::with_capacity(chosen.len());
    for account in &chosen {
        let remote = if args.keep_remote && account.kind == CredentialKind::OAuth {
            Remote::Kept
        } else {
            end(&account.key, &store, &providers).await
        };
        providers.vault.logout(&account.key).await?;
        done.push((account.key.account.as_str(), remote));
    }
    store.close().await;

    let mut text = String::new();
    for (name, remote) in &done {
        let _ = writeln!(text, "{} the account {name} of {provider} is deleted", paint(GOOD, "done:"));
        text.push_str(&remote.text());
    }
    if providers.configured(&provider).await.is_some() {
        let _ = writeln!(
            text,
            "Your config still has a key for it (providers.{provider}.api_key), which stays in use."
        );
    }
    let names: Vec<&str> = done.iter().map(|(name, _)| *name).collect();
    let accounts: Vec<Value> = done
        .iter()
        .map(|(name, remote)| json!({"account": name, "at_vendor": remote.name(), "reason": remote.reason()}))
        .collect();
    terminal.result(&text, &json!({"provider": provider.as_str(), "deleted": names, "accounts": accounts}));
    Ok(())
}

/// What became of a credential where it came from.
enum Remote {
    /// The login is over there too.
    Ended,
    /// The vendor was not asked, by choice.
    Kept,
    /// An API key, which only the person can revoke.
    Key,
    /// There was nothing.
    Nothing,
    /// The vendor has no way for that.
    NotOffered,
    /// The vendor said no, or could not be asked; why.
    Failed(String),
}

/// Ends a login at its vendor.
async fn end(key: &AccountKey, store: &Store, providers: &Providers) -> Remote {
    let tokens = match store.credential(key).await {
        Ok(Some(Credential::OAuth(tokens))) => tokens,
        Ok(Some(Credential::ApiKey(_))) => return Remote::Key,
        // The login is the other program's, which keeps it.
        Ok(Some(Credential::Linked(_) | Credential::None) | None) => return Remote::Nothing,
        Err(error) => return Remote::Failed(error.to_string()),
    };
    let Some(spec) = providers.upstreams.provider(key.provider.as_str()) else {
        return Remote::Failed("the config has lost its provider".to_owned());
    };
    let Some(login) = providers.upstreams.login_of(&spec, &tokens) else {
        return Remote::NotOffered;
    };
    let http = providers.upstreams.http(&spec);
    match flow::revoke(login.flow, &login.overrides, &tokens, &*http).await {
        Ok(Revoked::Yes) => Remote::Ended,
        Ok(Revoked::NotOffered) => Remote::NotOffered,
        Ok(Revoked::Refused(why)) => Remote::Failed(why),
        Err(error) => Remote::Failed(error.to_string()),
    }
}

impl Remote {
    fn name(&self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Failed(_) => "failed",
            Self::Kept => "kept",
            Self::Key => "key-stays-valid",
            Self::NotOffered => "not-offered",
            Self::Nothing => "nothing-to-end",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed(why) => Some(why),
            _ => None,
        }
    }

    /// What is still valid, and who can end it.
    fn text(&self) -> String {
        let faint = |text: &str| format!("{}\n", paint(FAINT, text));
        match self {
            Self::Ended => {
                faint("Its login is ended at the vendor too; no copy of its tokens works any more.")
            }
            Self::Kept => faint("Its login stays valid at the vendor, as you asked."),
            Self::Key => faint("The key itself stays valid until you revoke it at the provider."),
            Self::NotOffered => faint(
                "The vendor offers no way to end the login from here: it stays valid until it runs out or \
                 you end it in your account's settings there.",
            ),
            Self::Nothing => String::new(),
            Self::Failed(why) => format!(
                "{} the login could not be ended at the vendor ({why}): it stays valid until it runs out or you \
                 end it\n      in your account's settings there\n",
                paint(WARNING, "note:"),
            ),
        }
    }
}

/// Which accounts are meant.
fn choose(args: &cli::Logout, provider: &ProviderId, mut mine: Vec<Account>) -> Result<Vec<Account>, Error> {
    if let Some(name) = &args.account {
        let key = AccountKey::new(provider.clone(), AccountId::from(name.as_str()));
        mine.retain(|account| account.key == key);
        if !mine.is_empty() {
            return Ok(mine);
        }
        return Err(Error::NoSuchAccount { provider: provider.clone(), account: name.clone() });
    }
    if mine.is_empty() {
        return Err(Error::NotLoggedIn(provider.clone()));
    }
    if mine.len() > 1 && !args.all {
        let names = mine.iter().map(|account| account.key.account.to_string()).collect();
        return Err(Error::Ambiguous { provider: provider.clone(), names });
    }
    Ok(mine)
}
