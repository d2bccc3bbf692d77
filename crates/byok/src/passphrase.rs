//! Passphrases from a person or a file; never from the command line or the environment itself.
//!
//! At a terminal they are asked for without an echo, new ones twice. Where nobody can answer, the error
//! names what to use instead.

use std::fmt::Write as _;
use std::io::{IsTerminal, stdin};
use std::path::Path;

use byok_store::{Store, passphrase_from_environment, passphrase_from_file, strength};
use byok_types::Secret;

use crate::commands::Error;
use crate::terminal::{BAD, Terminal, WARNING, paint};

/// How often a person may mistype before the command gives up. The store counts as well.
const TRIES: usize = 3;

/// Whether there is someone to ask.
pub(crate) fn can_ask() -> bool {
    stdin().is_terminal()
}

/// The passphrase that opens the wallet: from the file that `BYOK_PASSPHRASE_FILE` names, or asked for.
pub(crate) fn current(wallet: &str) -> Result<Secret, Error> {
    match passphrase_from_environment()? {
        Some(passphrase) => Ok(passphrase),
        None => ask(&format!("Passphrase of {wallet} (not shown): ")),
    }
}

/// Unlocks the wallet with what the person at the terminal types.
pub(crate) async fn unlock(store: &Store, wallet: &str, terminal: &Terminal) -> Result<(), Error> {
    for left in (0..TRIES).rev() {
        let passphrase = ask(&format!("Passphrase of {wallet} (not shown): "))?;
        match store.unlock(Some(passphrase)).await {
            Err(byok_store::Error::WrongPassphrase { .. }) if left > 0 => {
                terminal.aside(&format!("{} that is not it; try again\n", paint(WARNING, "note:")));
            }
            done => return Ok(done?),
        }
    }
    Ok(())
}

/// A new passphrase: from the file, or asked for twice. A weak one is not taken.
pub(crate) fn new(
    what: &str,
    file: Option<&Path>,
    flag: &'static str,
    terminal: &Terminal,
) -> Result<Secret, Error> {
    if let Some(file) = file {
        let passphrase = passphrase_from_file(file)?;
        check(&passphrase)?;
        return Ok(passphrase);
    }
    if !can_ask() {
        return Err(Error::NobodyToAsk { what: what.to_owned(), flag });
    }
    loop {
        let passphrase = ask(&format!("New {what} (not shown): "))?;
        if passphrase.expose().is_empty() {
            return Err(Error::NothingTyped);
        }
        if let Err(error) = check(&passphrase) {
            terminal.aside(&format!("{} {error}\n", paint(BAD, "error:")));
            continue;
        }
        let again = ask(&format!("The same {what} again: "))?;
        if again.expose() == passphrase.expose() {
            return Ok(passphrase);
        }
        terminal.aside(&format!("{} the two differ; once more from the start\n", paint(WARNING, "note:")));
    }
}

/// The passphrase of a file that was exported: from the file that was named, or asked for.
pub(crate) fn of_export(file: Option<&Path>, flag: &'static str) -> Result<Secret, Error> {
    match file {
        Some(file) => Ok(passphrase_from_file(file)?),
        None if can_ask() => ask("Passphrase of the export (not shown): "),
        None => Err(Error::NobodyToAsk { what: "passphrase of the export".to_owned(), flag }),
    }
}

/// Refuses a passphrase that is too weak, with advice.
pub(crate) fn check(passphrase: &Secret) -> Result<(), Error> {
    let strength = strength(passphrase);
    if strength.is_enough() {
        return Ok(());
    }
    let mut advice = String::new();
    for line in &strength.advice {
        let _ = write!(advice, "\n       - {line}");
    }
    Err(Error::WeakPassphrase { word: strength.name(), advice })
}

fn ask(prompt: &str) -> Result<Secret, Error> {
    if !can_ask() {
        return Err(Error::NobodyToAsk { what: "passphrase".to_owned(), flag: "BYOK_PASSPHRASE_FILE" });
    }
    rpassword::prompt_password(prompt).map(Secret::new).map_err(Error::Prompt)
}
