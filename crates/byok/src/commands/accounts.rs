//! `byok accounts`: which there are, in which order they are used, and what they are called.

use std::fmt::Write as _;

use byok_auth::input;
use byok_store::{Account, Store};
use byok_types::{AccountId, AccountKey, ProviderId};
use serde_json::{Value, json};

use crate::cli;
use crate::commands::{Error, find_provider};
use crate::home::{CONFIG, Home, Providers};
use crate::terminal::{CODE, FAINT, GOOD, STRONG, Table, Terminal, paint};

/// `byok accounts [PROVIDER]`
pub(crate) async fn run(args: &cli::Accounts, terminal: &Terminal) -> Result<(), Error> {
    match &args.command {
        None => list(args.provider.as_deref(), &args.files, terminal).await,
        Some(cli::AccountsCommands::Rename { provider, old, new, files }) => {
            rename(provider, old, new, files, terminal).await
        }
        Some(cli::AccountsCommands::Use { provider, account, files }) => {
            prefer(provider, account, files, terminal).await
        }
    }
}

/// An account as it is listed.
struct Line {
    provider: String,
    account: String,
    label: String,
    kind: &'static str,
    hint: String,
    first: bool,
}

async fn list(named: Option<&str>, files: &cli::Files, terminal: &Terminal) -> Result<(), Error> {
    let home = Home::find(files, terminal)?;
    let store = home.look().await?;
    let providers = Providers::new(home.config.clone(), store.clone(), terminal.redactor()).await?;
    let stored = store.accounts().await?;
    let only = named.map(|name| provider_id(name, &providers, &stored)).transpose()?;
    store.close().await;

    let mut lines: Vec<Line> = Vec::new();
    let mut ids: Vec<ProviderId> =
        providers.upstreams.providers().iter().map(|spec| spec.id.clone()).collect();
    // The config may have lost a provider whose key is still here.
    for account in &stored {
        if !ids.contains(&account.key.provider) {
            ids.push(account.key.provider.clone());
        }
    }
    for provider in ids.iter().filter(|id| only.as_ref().is_none_or(|only| only == *id)) {
        let begin = lines.len();
        if let Some(hint) = providers.configured(provider).await {
            lines.push(Line {
                provider: provider.to_string(),
                account: CONFIG.to_owned(),
                label: String::new(),
                kind: "API key",
                hint,
                first: false,
            });
        }
        lines.extend(stored.iter().filter(|account| account.key.provider == *provider).map(line));
        if let Some(first) = lines.get_mut(begin) {
            first.first = true;
        }
    }
    if lines.is_empty() {
        return Err(only.map_or(Error::NothingUsable, Error::NotLoggedIn));
    }

    // A column that would be empty has no heading.
    let of = if lines.iter().any(|line| !line.label.is_empty()) { "OF" } else { "" };
    let mut table = Table::default();
    table.row([(FAINT, "PROVIDER"), (FAINT, "ACCOUNT"), (FAINT, of), (FAINT, "KIND"), (FAINT, "KEY")]);
    for line in &lines {
        let several = lines.iter().filter(|other| other.provider == line.provider).count() > 1;
        table.row([
            (STRONG, &*line.provider),
            (if line.first { STRONG } else { FAINT }, &*line.account),
            (FAINT, &*line.label),
            (FAINT, line.kind),
            (FAINT, &*line.hint),
            (GOOD, if line.first && several { "used first" } else { "" }),
        ]);
    }
    let mut text = table.lines("");
    if let Some(second) = lines.iter().find(|line| !line.first && line.account != CONFIG) {
        let command = format!("byok accounts use {} {}", second.provider, second.account);
        let _ = writeln!(text, "\n{} puts another one first.", paint(CODE, &command));
    }
    let list: Vec<_> = lines.iter().map(Line::json).collect();
    terminal.result(&text, &json!({"accounts": list}));
    Ok(())
}

fn line(account: &Account) -> Line {
    Line {
        provider: account.key.provider.to_string(),
        account: account.key.account.to_string(),
        label: account.label.clone().unwrap_or_default(),
        kind: super::status::kind(account.kind),
        hint: account.hint.clone().unwrap_or_default(),
        first: false,
    }
}

impl Line {
    fn json(&self) -> Value {
        let label = Some(&self.label).filter(|label| !label.is_empty());
        json!({
            "provider": self.provider, "account": self.account, "label": label, "kind": self.kind,
            "hint": self.hint, "used_first": self.first,
        })
    }
}

async fn prefer(name: &str, account: &str, files: &cli::Files, terminal: &Terminal) -> Result<(), Error> {
    let (store, providers, key) = find(name, account, files, terminal).await?;
    if !store.prefer(&key).await? {
        return Err(Error::NoSuchAccount { provider: key.provider, account: account.to_owned() });
    }
    let configured = providers.configured(&key.provider).await.is_some();
    store.close().await;
    let mut text =
        format!("{} the account {account} of {} is used first\n", paint(GOOD, "done:"), key.provider);
    if configured {
        let note = format!(
            "The key in your config (providers.{}.api_key) still comes before all accounts.\n",
            key.provider
        );
        text.push_str(&paint(FAINT, &note));
    }
    let value = json!({
        "provider": key.provider.as_str(), "used_first": if configured { CONFIG } else { account },
        "first_of_wallet": account,
    });
    terminal.result(&text, &value);
    Ok(())
}

async fn rename(
    name: &str,
    old: &str,
    new: &str,
    files: &cli::Files,
    terminal: &Terminal,
) -> Result<(), Error> {
    let home = Home::find(files, terminal)?;
    if !home.has_wallet() {
        return Err(Error::NothingUsable);
    }
    // The credential is sealed for its name, so it takes the key to give it another.
    let store = home.open(None).await?;
    let providers = Providers::new(home.config.clone(), store.clone(), terminal.redactor()).await?;
    let provider = provider_id(name, &providers, &store.accounts().await?)?;
    let key = AccountKey::new(provider, AccountId::from(old));
    let renamed = AccountKey::new(key.provider.clone(), AccountId::from(new));
    let refused = |source| byok_auth::AuthError::Input { account: renamed.clone(), source };
    input::account_key(&renamed).map_err(refused)?;
    if new == CONFIG {
        return Err(byok_auth::AuthError::Configured(renamed).into());
    }
    if !store.rename(&key, renamed.account.clone()).await? {
        return Err(Error::NoSuchAccount { provider: key.provider, account: old.to_owned() });
    }
    store.close().await;
    let text =
        format!("{} the account {old} of {} is called {new} now\n", paint(GOOD, "done:"), key.provider);
    terminal.result(&text, &json!({"provider": key.provider.as_str(), "account": new, "was": old}));
    Ok(())
}

/// The wallet and one account in it.
async fn find(
    name: &str,
    account: &str,
    files: &cli::Files,
    terminal: &Terminal,
) -> Result<(Store, Providers, AccountKey), Error> {
    let home = Home::find(files, terminal)?;
    let store = home.look().await?;
    let providers = Providers::new(home.config.clone(), store.clone(), terminal.redactor()).await?;
    let provider = provider_id(name, &providers, &store.accounts().await?)?;
    Ok((store, providers, AccountKey::new(provider, AccountId::from(account))))
}

/// The provider that is meant. One that the config no longer has may still have accounts.
pub(crate) fn provider_id(
    name: &str,
    providers: &Providers,
    stored: &[Account],
) -> Result<ProviderId, Error> {
    match find_provider(name, &providers.upstreams) {
        Ok(spec) => Ok(spec.id.clone()),
        Err(_) if stored.iter().any(|account| account.key.provider.as_str() == name) => {
            Ok(ProviderId::from(name))
        }
        Err(error) => Err(error),
    }
}
