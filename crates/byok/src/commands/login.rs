//! `byok login`: a key from a person or a pipe into the wallet.
//!
//! How the wallet is protected is shown before anything is written. The key is read without an echo, and
//! never taken from the command line or the environment.

use std::fmt::Write as _;
use std::io::{IsTerminal, Read, stdin};

use byok_provider::ProviderSpec;
use byok_provider::row::HealthState;
use byok_store::{Location, Protection, Store};
use byok_types::{AccountId, AccountKey, Secret};
use serde_json::json;

use crate::cli;
use crate::commands::Error;
use crate::home::{Home, Providers, shown};
use crate::terminal::{CODE, FAINT, GOOD, Terminal, WARNING, paint};

/// More than any key has; the rest of an endless input is not read.
const LONGEST_INPUT: u64 = 64 * 1024;

/// `byok login PROVIDER`
pub(crate) async fn run(args: &cli::Login, terminal: &Terminal) -> Result<(), Error> {
    if let Some(instead) = key_instead_of_login(&args.provider) {
        return Err(Error::LoginToCome(instead));
    }
    let home = Home::find(&args.files, terminal)?;
    // Looked up before the wallet is made, so that a name with a typing mistake makes no files.
    let before = Providers::new(home.config.clone(), home.look().await?, terminal.redactor()).await?;
    let spec = super::find_provider(&args.provider, &before.upstreams)?;
    if !args.api_key_stdin && !stdin().is_terminal() {
        return Err(Error::NoTerminal);
    }
    let store = home.open(args.require).await?;
    terminal.aside(&protection(&store, &home.location));
    let configured = before.configured(&spec.id).await.is_some();
    terminal.aside(&cautions(&spec, configured));

    let pasted = read_key(args, &spec)?;
    terminal.redactor().learn([pasted.clone()]);
    let key = AccountKey::new(spec.id.clone(), AccountId::from(args.account.as_str()));
    let replaced = store.accounts().await?.iter().any(|account| account.key == key);
    let vault = byok_auth::Vault::new(store.clone()).await?;
    vault.login_with_key(&key, pasted, None).await?;
    let accounts = store.accounts().await?;
    let hint = accounts.into_iter().find(|account| account.key == key).and_then(|account| account.hint);
    let protection = store.protection();
    store.close().await;

    let hint = hint.unwrap_or_default();
    let verb = if replaced { "replaced" } else { "stored" };
    let text = format!(
        "{} the key {hint} for {} is {verb} (account {})\n{}\n",
        paint(GOOD, "done:"),
        spec.name,
        key.account,
        next(&home),
    );
    let value = json!({
        "provider": key.provider.as_str(), "account": key.account.as_str(), "kind": "api-key", "hint": hint,
        "replaced": replaced, "protection": protection.name(),
    });
    terminal.result(&text, &value);
    Ok(())
}

/// What keeps the key from whoever gets the files, before they are written.
pub(super) fn protection(store: &Store, location: &Location) -> String {
    let protection = store.protection();
    let place = match location {
        Location::File(path) => shown(path),
        Location::Memory => {
            let note = "the wallet is in memory only: this key is gone when this command ends";
            return format!("{} {note}\n", paint(WARNING, "note:"));
        }
    };
    let what = format!("Your key will be encrypted in {place}, protected by {protection}.\n");
    if protection.survives_theft() {
        return what;
    }
    format!(
        "{what}{} whoever has the disk or a backup of it can read that file too. A passphrase protects\n      \
         better: put one into a file, and name the file in BYOK_PASSPHRASE_FILE before the first login.\n",
        paint(WARNING, "note:"),
    )
}

/// What the person should know about this provider before they go on.
fn cautions(spec: &ProviderSpec, configured: bool) -> String {
    let mut text = String::new();
    let mut caution = |what: &str| {
        let _ = writeln!(text, "{} {what}", paint(WARNING, "note:"));
    };
    if spec.health.state != HealthState::Ok {
        caution(&format!("{} is {}: {}", spec.name, spec.health.state.name(), spec.health.reason));
    }
    if !spec.enabled {
        caution(&format!("{} is switched off in your config (providers.{}.enabled)", spec.name, spec.id));
    }
    if configured {
        caution(&format!("the key in your config (providers.{}.api_key) is used before this one", spec.id));
    }
    if spec.endpoints.is_empty() {
        caution(&format!(
            "{} also needs an address in your config: providers.{}.base_url",
            spec.name, spec.id
        ));
    }
    text
}

fn read_key(args: &cli::Login, spec: &ProviderSpec) -> Result<Secret, Error> {
    if args.api_key_stdin {
        let mut text = String::new();
        stdin().lock().take(LONGEST_INPUT).read_to_string(&mut text).map_err(Error::Input)?;
        return Ok(Secret::new(text.trim()));
    }
    let prompt = format!("API key of {} (not shown): ", spec.name);
    let pasted = rpassword::prompt_password(prompt).map_err(Error::Input)?;
    Ok(Secret::new(pasted.trim()))
}

fn next(home: &Home) -> String {
    let command = |text: &str| paint(CODE, text);
    match home.location {
        Location::Memory => String::new(),
        Location::File(_) => format!(
            "{} {} runs the proxy, {} shows your accounts",
            paint(FAINT, "next:"),
            command("byok serve"),
            command("byok status"),
        ),
    }
}

/// For names that are a subscription's login: what to do until there are such logins.
fn key_instead_of_login(name: &str) -> Option<String> {
    let (what, instead) = match name {
        "antigravity" => {
            ("Google Antigravity", "with an API key, its Gemini models are at: byok login gemini")
        }
        "chatgpt" | "codex" => {
            ("a ChatGPT subscription", "with an API key, the same models are at: byok login openai")
        }
        "copilot" | "github" => (
            "GitHub Copilot",
            "it has no API keys; with keys of their makers, its models are at: byok login openai, byok login \
             anthropic, byok login gemini",
        ),
        "kiro" => ("Kiro", "with an API key, its Claude models are at: byok login anthropic"),
        _ => return None,
    };
    Some(format!("this release takes API keys, and cannot log in to {what} yet; {instead}"))
}

/// The protections that can be asked for.
pub(crate) fn required(text: &str) -> Result<Protection, byok_store::UnknownProtection> {
    text.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_login_without_a_key_row_names_the_way_with_a_key() {
        for name in ["antigravity", "chatgpt", "codex", "copilot", "github", "kiro"] {
            let text = key_instead_of_login(name).unwrap();
            assert!(text.contains("byok login "), "{text}");
        }
        assert!(key_instead_of_login("anthropic").is_none());
    }
}
