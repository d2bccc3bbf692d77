//! The way with an API key: from a person who types it unseen, or from a pipe.

use std::io::{Read, stdin};

use byok_auth::Vault;
use byok_types::{AccountId, AccountKey, CredentialKind, Secret};
use serde_json::json;

use super::{Done, Session, place};
use crate::commands::Error;
use crate::keyboard::{Echo, Keyboard};
use crate::terminal::{GOOD, paint};

/// More than any key has; the rest of an endless input is not read.
const LONGEST_INPUT: u64 = 64 * 1024;

/// Reads a key and stores it. A key takes the place of the key that is there, and never that of a login.
pub(super) async fn run(session: &Session<'_>, keyboard: Option<&mut Keyboard>) -> Result<Done, Error> {
    let spec = session.spec;
    let pasted = if let Some(keyboard) = keyboard.filter(|_| !session.args.api_key_stdin) {
        // Before the person is told that they can type.
        keyboard.ask(Echo::Hidden);
        session.terminal.aside(&format!("API key of {} (not shown): ", spec.name));
        let line = keyboard.line().await;
        keyboard.rest();
        session.terminal.aside("\n");
        line.map_or_else(|| Secret::new(""), |line| Secret::new(line.expose().trim()))
    } else {
        let mut text = String::new();
        stdin().lock().take(LONGEST_INPUT).read_to_string(&mut text).map_err(Error::Input)?;
        Secret::new(text.trim())
    };
    session.terminal.redactor().learn([pasted.clone()]);
    let mine = session.store.accounts().await?.into_iter().filter(|account| account.key.provider == spec.id);
    let mine: Vec<_> = mine.collect();
    let account = match &session.args.account {
        Some(name) => AccountId::from(name.as_str()),
        None => place::for_key(&mine),
    };
    let key = AccountKey::new(spec.id.clone(), account);
    let there = mine.iter().find(|account| account.key == key);
    if let Some(there) = there.filter(|there| there.kind == CredentialKind::OAuth) {
        return Err(Error::AccountTaken { account: key, whose: place::whose(there) });
    }
    let replaced = there.is_some();
    let vault = Vault::new(session.store.clone()).await?;
    vault.login_with_key(&key, pasted, None).await?;
    let accounts = session.store.accounts().await?;
    let hint = accounts.into_iter().find(|account| account.key == key).and_then(|account| account.hint);

    let hint = hint.unwrap_or_default();
    let verb = if replaced { "replaced" } else { "stored" };
    let text = format!(
        "{} the key {hint} for {} is {verb} (account {})\n",
        paint(GOOD, "done:"),
        spec.name,
        key.account,
    );
    let value = json!({
        "provider": key.provider.as_str(), "account": key.account.as_str(), "kind": "api-key", "hint": hint,
        "replaced": replaced, "protection": session.store.protection().name(),
    });
    Ok(Done { text, value })
}
