//! `byok logout`: a key out of the wallet.

use byok_types::{AccountId, AccountKey, ProviderId};
use serde_json::json;
use std::fmt::Write as _;

use crate::cli;
use crate::commands::Error;
use crate::commands::accounts::provider_id;
use crate::home::{Home, Providers};
use crate::terminal::{FAINT, GOOD, Terminal, paint};

/// `byok logout PROVIDER`
pub(crate) async fn run(args: &cli::Logout, terminal: &Terminal) -> Result<(), Error> {
    let home = Home::find(&args.files, terminal)?;
    let store = home.look().await?;
    let providers = Providers::new(home.config.clone(), store.clone(), terminal.redactor()).await?;
    let stored = store.accounts().await?;
    let provider = provider_id(&args.provider, &providers, &stored)?;
    let keys = stored.into_iter().map(|account| account.key);
    let mine = keys.filter(|key| key.provider == provider).collect();
    let chosen = choose(args, &provider, mine)?;
    for key in &chosen {
        providers.vault.logout(key).await?;
    }
    store.close().await;

    let names: Vec<&str> = chosen.iter().map(|key| key.account.as_str()).collect();
    let mut text = String::new();
    for name in &names {
        let _ = writeln!(text, "{} the account {name} of {provider} is deleted", paint(GOOD, "done:"));
    }
    let valid = "The key itself stays valid until you revoke it at the provider.";
    let _ = writeln!(text, "{}", paint(FAINT, valid));
    if providers.configured(&provider).await.is_some() {
        let _ = writeln!(
            text,
            "Your config still has a key for it (providers.{provider}.api_key), which stays in use."
        );
    }
    terminal.result(&text, &json!({"provider": provider.as_str(), "deleted": names}));
    Ok(())
}

/// Which accounts are meant.
fn choose(
    args: &cli::Logout,
    provider: &ProviderId,
    mine: Vec<AccountKey>,
) -> Result<Vec<AccountKey>, Error> {
    if let Some(name) = &args.account {
        let key = AccountKey::new(provider.clone(), AccountId::from(name.as_str()));
        if mine.contains(&key) {
            return Ok(vec![key]);
        }
        return Err(Error::NoSuchAccount { provider: provider.clone(), account: name.clone() });
    }
    if mine.is_empty() {
        return Err(Error::NotLoggedIn(provider.clone()));
    }
    if mine.len() > 1 && !args.all {
        let names = mine.iter().map(|key| key.account.to_string()).collect();
        return Err(Error::Ambiguous { provider: provider.clone(), names });
    }
    Ok(mine)
}
