//! `byok wallet export` and `import`: the whole wallet in one encrypted file.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::Path;

use byok_auth::input;
use byok_store::{Contents, MAX_EXPORT, Merge, NewAccount, Placed};
use byok_types::CredentialKind;
use serde_json::{Value, json};

use crate::cli;
use crate::commands::Error;
use crate::home::{CONFIG, Home};
use crate::passphrase;
use crate::terminal::{FAINT, GOOD, STRONG, Terminal, WARNING, paint};

/// `byok wallet export FILE`
pub(super) async fn export(args: &cli::Export, terminal: &Terminal) -> Result<(), Error> {
    // Before anybody types a passphrase for it.
    if !args.force && fs::symlink_metadata(&args.file).is_ok() {
        return Err(Error::ExportExists(args.file.clone()));
    }
    let (_home, store) = super::open(&args.files, terminal).await?;
    let file = args.passphrase_file.as_deref();
    let what = "passphrase for the export";
    let passphrase = passphrase::new(what, file, "--passphrase-file FILE", terminal)?;
    let logins = store.accounts().await?.iter().any(|account| account.kind == CredentialKind::OAuth);
    let (bytes, accounts, apps) = store.export(passphrase).await?;
    write(&args.file, &bytes, args.force)?;
    store.note_export().await?;
    store.close().await;

    let mut text = format!(
        "{} {} and {} are in {}, encrypted under that passphrase\n",
        paint(GOOD, "done:"),
        count(accounts, "account"),
        count(apps, "app"),
        args.file.display(),
    );
    if logins {
        let _ = writeln!(text, "{} {ONE_MACHINE}", paint(WARNING, "note:"));
    }
    let _ = writeln!(text, "{} usage is not in it", paint(FAINT, "note:"));
    let value = json!({"file": args.file, "accounts": accounts, "apps": apps, "bytes": bytes.len()});
    terminal.result(&text, &value);
    Ok(())
}

/// Most refresh tokens are good for one use.
const ONE_MACHINE: &str = "a login (unlike an API key) works on one machine only: the first to renew it logs the \
    others out";

/// Writes the file whole or not at all, for its owner only.
fn write(path: &Path, bytes: &[u8], force: bool) -> Result<(), Error> {
    let failed = |source| Error::ExportFile { path: path.to_owned(), source };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // It has a mode of 0600 from the start.
    let mut draft =
        tempfile::Builder::new().prefix(".byok-export-").tempfile_in(directory).map_err(failed)?;
    draft.write_all(bytes).and_then(|()| draft.as_file().sync_all()).map_err(failed)?;
    let published = if force { draft.persist(path) } else { draft.persist_noclobber(path) };
    match published {
        Ok(_file) => {}
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::ExportExists(path.to_owned()));
        }
        Err(error) => return Err(failed(error.error)),
    }
    #[cfg(unix)]
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
    Ok(())
}

/// `byok wallet import FILE`
pub(super) async fn import(args: &cli::WalletImport, terminal: &Terminal) -> Result<(), Error> {
    let bytes = read(&args.file)?;
    let passphrase = passphrase::of_export(args.passphrase_file.as_deref(), "--passphrase-file FILE")?;
    let contents = Contents::open(&bytes, &passphrase)?;
    drop(passphrase);
    for account in &contents.accounts {
        check(account)?;
    }
    let logins = contents.accounts.iter().any(|account| account.credential.kind() == CredentialKind::OAuth);
    let home = Home::find(&args.files, terminal)?;
    let store = home.open(None).await?;
    let merge = if args.replace { Merge::Instead } else { Merge::Beside };
    let imported = store.import(contents, merge).await?;
    let protection = store.protection();
    store.close().await;

    let mut text = String::new();
    if args.replace {
        let gone = count(imported.removed, "account");
        let _ = writeln!(text, "deleted: {gone} of before");
    }
    for placed in &imported.accounts {
        let _ = writeln!(text, "  {}", line(placed));
    }
    for placed in &imported.apps {
        let _ = writeln!(text, "  app {}", line(placed));
    }
    let added = imported.accounts.iter().filter(|placed| !matches!(placed, Placed::Known(_))).count();
    let _ = writeln!(
        text,
        "{} {} in the wallet, which is protected by {protection}",
        paint(GOOD, "done:"),
        count(added, "new account")
    );
    if logins {
        let _ = writeln!(text, "{} {ONE_MACHINE}", paint(WARNING, "note:"));
    }
    let value = json!({
        "accounts": imported.accounts.iter().map(placed_json).collect::<Vec<_>>(),
        "apps": imported.apps.iter().map(placed_json).collect::<Vec<_>>(),
        "removed": imported.removed, "protection": protection.name(),
    });
    terminal.result(&text, &value);
    Ok(())
}

/// A number of things.
fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// The file, unless it is larger than any export. A pipe will do.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::ExportFile { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_EXPORT as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Refuses names and addresses that no login of byok's could have made.
fn check(account: &NewAccount) -> Result<(), Error> {
    let key = &account.key;
    let refused = |source| byok_auth::AuthError::Input { account: key.clone(), source };
    input::account_key(key).map_err(refused)?;
    if key.account.as_str() == CONFIG {
        return Err(byok_auth::AuthError::Configured(key.clone()).into());
    }
    if let Some(address) = &account.base_url {
        input::base_url(address).map_err(refused)?;
    }
    Ok(())
}

fn line<T: ToString>(placed: &Placed<T>) -> String {
    match placed {
        Placed::Added(name) => paint(STRONG, &name.to_string()),
        Placed::Known(name) => format!("{} is here already", paint(FAINT, &name.to_string())),
        Placed::Renamed { from, to } => {
            format!("{} (its name {} is taken here)", paint(STRONG, &to.to_string()), from.to_string())
        }
    }
}

fn placed_json<T: ToString>(placed: &Placed<T>) -> Value {
    let (from, to, new) = match placed {
        Placed::Added(name) => (name, name, true),
        Placed::Known(name) => (name, name, false),
        Placed::Renamed { from, to } => (from, to, true),
    };
    json!({"name": to.to_string(), "name_in_export": from.to_string(), "new": new})
}
