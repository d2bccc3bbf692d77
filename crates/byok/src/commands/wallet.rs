//! `byok wallet`: how the wallet is, what protects it, and the way of all of it to another machine.

mod carry;

use std::fmt::Write as _;
use std::time::SystemTime;

use byok_store::{Health, Location, Protection, Rewrapped, Store};
use byok_types::Secret;
use serde_json::{Value, json};

use crate::cli::{self, WalletCommands};
use crate::commands::Error;
use crate::control::{self, ControlError};
use crate::home::{Home, shown};
use crate::passphrase;
use crate::terminal::{BAD, CODE, FAINT, GOOD, Table, Terminal, WARNING, paint};
use crate::when::{span, unix, when};

/// `byok wallet COMMAND`
pub(crate) async fn run(command: WalletCommands, terminal: &Terminal) -> Result<(), Error> {
    match command {
        WalletCommands::Export(args) => carry::export(&args, terminal).await,
        WalletCommands::Import(args) => carry::import(&args, terminal).await,
        WalletCommands::Lock { files } => lock(&files, terminal),
        WalletCommands::Passphrase(args) => set_passphrase(&args, terminal).await,
        WalletCommands::Rekey { files } => rekey(&files, terminal).await,
        WalletCommands::Status { files } => status(&files, terminal).await,
        WalletCommands::Unlock { files } => unlock(&files, terminal),
    }
}

/// The wallet, which must be there: no command of these makes one by accident.
async fn open(files: &cli::Files, terminal: &Terminal) -> Result<(Home, Store), Error> {
    let home = Home::find(files, terminal)?;
    match &home.location {
        Location::Memory => return Err(byok_store::Error::InMemory.into()),
        Location::File(path) if !home.has_wallet() => return Err(Error::NoWallet(path.clone())),
        Location::File(_) => {}
    }
    let store = home.open(None).await?;
    Ok((home, store))
}

async fn status(files: &cli::Files, terminal: &Terminal) -> Result<(), Error> {
    let home = Home::find(files, terminal)?;
    let Some(path) = home.location.path().filter(|_| home.has_wallet()) else {
        let text = format!("There is no wallet yet. {} makes one.\n", paint(CODE, "byok login anthropic"));
        terminal.result(&text, &json!({"wallet": null}));
        return Ok(());
    };
    let store = home.look().await?;
    let health = store.health().await?;
    let running = home.running();
    let (protection, here) = (store.protection(), store.is_locked());
    store.close().await;

    let state = locked_text(protection, here, running.as_ref());
    let survives = protection.survives_theft();
    let protected = if survives {
        protection.to_string()
    } else {
        format!("{protection}, which does not help if the disk is stolen")
    };
    let now = SystemTime::now();
    let exported = health.exported_at.map_or("never".to_owned(), |at| when(at, now));
    let mut table = Table::default();
    for (name, style, value) in [
        (
            "file",
            anstyle::Style::new(),
            &*format!("{}, {} KiB", shown(path), health.bytes.unwrap_or_default().div_ceil(1024)),
        ),
        ("protected by", if survives { GOOD } else { WARNING }, &*protected),
        ("state", anstyle::Style::new(), state),
        ("accounts", anstyle::Style::new(), &*health.accounts.to_string()),
        ("last export", anstyle::Style::new(), &*exported),
        ("wrong passphrases", anstyle::Style::new(), &*failures(&health, now)),
        ("health", if is_sound(&health) { GOOD } else { BAD }, &*soundness(&health)),
    ] {
        table.row([(FAINT, name), (style, value)]);
    }
    let mut text = table.lines("");
    for line in &health.damage {
        let _ = writeln!(text, "  {line}");
    }
    for key in health.broken.iter().flatten() {
        let _ = writeln!(text, "  {key} was altered from outside and does not open; log in again");
    }
    if !survives {
        let _ = writeln!(text, "\n{} protects it better.", paint(CODE, "byok wallet passphrase"));
    }
    let value = json!({"wallet": {
        "path": path,
        "protection": protection.name(),
        "survives_theft": survives,
        "locked": here,
        "server": running.as_ref().map(|state| json!({"locked": state.locked})),
        "accounts": health.accounts,
        "exported_at": health.exported_at.map(unix),
        "failed_unlocks": health.failed_unlocks,
        "failed_at": health.failed_at.map(unix),
        "next_unlock_in_seconds": health.wait.as_secs(),
        "sound": is_sound(&health),
        "damage": health.damage,
        "altered": health.broken.as_ref().map(|keys| keys.iter().map(ToString::to_string).collect::<Vec<_>>()),
    }});
    terminal.result(&text, &value);
    if is_sound(&health) { Ok(()) } else { Err(Error::Unsound) }
}

/// Whether the wallet can be used, here and in the byok that runs.
pub(crate) fn locked_text(
    protection: Protection,
    here: bool,
    running: Option<&control::State>,
) -> &'static str {
    match (running, here) {
        (Some(control::State { locked: true }), _) => "locked; byok wallet unlock opens it",
        (Some(control::State { locked: false }), _) => "unlocked in the running byok",
        (None, true) => "locked; byok serve asks for the passphrase",
        (None, false) if protection == Protection::Passphrase => "opened with the passphrase that was given",
        (None, false) => "open to you without a passphrase",
    }
}

fn failures(health: &Health, now: SystemTime) -> String {
    match health.failed_at {
        None => "none since the last right one".to_owned(),
        Some(at) => {
            let wait = if health.wait.is_zero() {
                String::new()
            } else {
                format!("; the next one is taken in {}", span(health.wait))
            };
            format!("{}, the last one {}{wait}", health.failed_unlocks, when(at, now))
        }
    }
}

fn is_sound(health: &Health) -> bool {
    health.damage.is_empty() && health.broken.as_ref().is_none_or(Vec::is_empty)
}

fn soundness(health: &Health) -> String {
    match &health.broken {
        _ if !health.damage.is_empty() => "damaged; restore a copy, or export what opens".to_owned(),
        None => "the file is sound; the accounts can be checked when it is unlocked".to_owned(),
        Some(broken) if broken.is_empty() => "sound; every account opens".to_owned(),
        Some(broken) => format!("{} of {} accounts do not open", broken.len(), health.accounts),
    }
}

/// Tells the running byok to forget everything.
fn lock(files: &cli::Files, terminal: &Terminal) -> Result<(), Error> {
    let home = Home::find(files, terminal)?;
    let socket = control::socket(&home.location).ok_or(byok_store::Error::InMemory)?;
    let (text, running) = match control::lock(&socket) {
        Ok(_locked) => {
            let text = format!(
                "{} the running byok has forgotten the key and all credentials of the wallet\n{} {} gives them back; keys in your config stay in use\n",
                paint(GOOD, "done:"),
                paint(FAINT, "next:"),
                paint(CODE, "byok wallet unlock"),
            );
            (text, true)
        }
        Err(ControlError::NotRunning) => {
            ("byok does not run with this wallet, so there is nothing to lock.\n".to_owned(), false)
        }
        Err(error) => return Err(error.into()),
    };
    terminal.result(&text, &json!({"locked": true, "running": running}));
    Ok(())
}

/// Gives the passphrase to the running byok.
fn unlock(files: &cli::Files, terminal: &Terminal) -> Result<(), Error> {
    let home = Home::find(files, terminal)?;
    let socket = control::socket(&home.location).ok_or(byok_store::Error::InMemory)?;
    // Asked first, so that nobody types a passphrase for nothing.
    if control::state(&socket)?.locked {
        // A wallet that needs none says so by opening; one that needs it, by asking.
        let opened = control::unlock(&socket, None);
        if opened.is_err() {
            let passphrase = passphrase::current("the wallet")?;
            control::unlock(&socket, Some(&passphrase))?;
        }
    }
    let text = format!("{} the running byok uses the wallet\n", paint(GOOD, "done:"));
    terminal.result(&text, &json!({"locked": false}));
    Ok(())
}

async fn set_passphrase(args: &cli::Passphrase, terminal: &Terminal) -> Result<(), Error> {
    let (home, store) = open(&args.files, terminal).await?;
    if args.remove {
        let rewrapped = store.remove_passphrase().await?;
        store.close().await;
        report(&home, &rewrapped, None, terminal);
        return Ok(());
    }
    let file = args.new_passphrase_file.as_deref();
    let new = passphrase::new("passphrase", file, "--new-passphrase-file FILE", terminal)?;
    let rewrapped = store.set_passphrase(new.clone()).await?;
    store.close().await;
    report(&home, &rewrapped, Some(&new), terminal);
    Ok(())
}

async fn rekey(files: &cli::Files, terminal: &Terminal) -> Result<(), Error> {
    let (home, store) = open(files, terminal).await?;
    let rewrapped = store.rekey().await?;
    store.close().await;
    report(&home, &rewrapped, None, terminal);
    Ok(())
}

/// Says what became of the wallet, after the running byok was told.
fn report(home: &Home, rewrapped: &Rewrapped, new: Option<&Secret>, terminal: &Terminal) {
    let Rewrapped { protection, accounts, left_behind } = rewrapped;
    let mut text = format!(
        "{} the wallet has a new key, protected by {protection}; {accounts} {} sealed anew\n",
        paint(GOOD, "done:"),
        if *accounts == 1 { "account is" } else { "accounts are" },
    );
    let mut note = |what: &str| {
        let _ = writeln!(text, "{} {what}", paint(WARNING, "note:"));
    };
    if let Some(error) = left_behind {
        note(&format!("the old key could not be removed, and opens nothing but old copies: {error}"));
    }
    if new.is_some() && byok_config::process_environment("BYOK_PASSPHRASE_FILE").is_some() {
        note("the file that BYOK_PASSPHRASE_FILE names is to hold the new passphrase from now on");
    }
    if !protection.survives_theft() {
        note("whoever has the disk or a backup of it can read the key file too");
    }
    // One that follows by itself needs no telling; one that cannot says so in its log.
    let followed =
        new.zip(control::socket(&home.location)).map(|(new, socket)| control::unlock(&socket, Some(new)));
    match &followed {
        Some(Err(ControlError::NotRunning)) | None => {}
        Some(Ok(_)) => text.push_str("The running byok has the new passphrase too.\n"),
        Some(Err(error)) => note(&format!("the running byok could not be told ({error}); restart it")),
    }
    let value: Value = json!({
        "protection": protection.name(), "survives_theft": protection.survives_theft(),
        "accounts": accounts, "old_key_left_behind": left_behind.as_ref().map(ToString::to_string),
        "server_told": matches!(followed, Some(Ok(_))),
    });
    terminal.result(&text, &value);
}
