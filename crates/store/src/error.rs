//! What can go wrong with the store. Every message names the file and says what to do; none holds a secret.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use byok_types::AccountKey;

use crate::keyring::KeyringError;
use crate::protection::Protection;

/// A failure of the store. The type of a cause stays hidden where it would tell which database is used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process holds the database for longer than a write ever takes.
    #[error("{path} is in use by another process that does not let go; stop it and try again")]
    Busy {
        /// The database.
        path: PathBuf,
    },
    /// `Store::close` was called, or the thread of the store is gone.
    #[error("the store is closed")]
    Closed,
    /// The file is a database of byok's, and its contents are broken.
    #[error(
        "{path} is damaged ({detail}); byok leaves it as it is: restore a copy, or move it away and log in again"
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite found.
        detail: String,
    },
    /// The file is there and has no bytes, which byok never leaves behind.
    #[error(
        "{path} is empty, which no database of byok's is; restore a copy, or remove it to start afresh (logins that were in it are gone)"
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    Entropy(#[source] getrandom::Error),
    /// A file or directory cannot be used.
    #[error("cannot {doing} {path}: {source}")]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What was tried, as a verb.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A SQLite database of another program.
    #[error("{path} is a database, but not one of byok's; choose another path with --db")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full. Nothing was changed.
    #[error("there is no space left for {path}; nothing was changed")]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// The key file is there and does not hold a key.
    #[error("the key file {path} is unusable ({why}); restore a copy of it, since no login opens without it")]
    KeyFile {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The database is sealed with a key file that is not there.
    #[error("{database} is sealed with the key file {path}, which is missing; restore a copy of it")]
    KeyFileMissing {
        /// The key file.
        path: PathBuf,
        /// The database.
        database: PathBuf,
    },
    /// The OS keyring, which protects this database, does not answer.
    #[error("{database} is protected by the OS keyring: {source}")]
    Keyring {
        /// The database.
        database: PathBuf,
        /// What the keyring said.
        source: KeyringError,
    },
    /// The OS keyring answers, and does not hold the key of this database.
    #[error(
        "{database} is protected by the OS keyring, which holds no entry `{entry}` of the service `byok`; it is another person's keyring, or the entry was removed"
    )]
    KeyringEntryMissing {
        /// The database.
        database: PathBuf,
        /// The name of the entry.
        entry: String,
    },
    /// Others can read the file or directory.
    #[error("others can use {path} (mode {mode:04o}); run: chmod {wanted:o} {}", quoted(.path))]
    LaxMode {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they should be.
        wanted: u32,
    },
    /// Several databases are sealed with one key file, which so cannot be replaced for one of them.
    #[error(
        "{database} shares its key file {path} with another database in that directory; move one of them to a directory of its own first"
    )]
    KeyFileShared {
        /// The key file.
        path: PathBuf,
        /// The database.
        database: PathBuf,
    },
    /// The key is not at hand: no passphrase was given since the start or since the store was locked.
    #[error("the wallet {path} is locked; run: byok wallet unlock")]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// A store in memory has its key in memory only, and would be lost without.
    #[error("a wallet in memory has no lock and no passphrase; it is gone when byok ends")]
    InMemory,
    /// The account's name is taken.
    #[error("there is an account `{}` at {} already", .account.account, .account.provider)]
    NameTaken {
        /// The account that has the name.
        account: AccountKey,
    },
    /// The account is being refreshed, and must stay where it is until that is over.
    #[error("{account} is being renewed at this moment; try again in a minute")]
    InUse {
        /// The account.
        account: AccountKey,
    },
    /// There is no passphrase to take away.
    #[error("{path} is not protected by a passphrase, but by {protection}")]
    NoPassphrase {
        /// The database.
        path: PathBuf,
        /// What protects it.
        protection: Protection,
    },
    /// The file is no export of byok's at all.
    #[error("this is no wallet that `byok wallet export` wrote")]
    NotAnExport,
    /// An export is larger than is read.
    #[error("an export has at most 10 MiB")]
    ExportTooLarge,
    /// A later version of byok wrote the export.
    #[error("a later version of byok wrote this export (format {found}, this one knows 1); use that version")]
    ExportNewer {
        /// The format of the file.
        found: u8,
    },
    /// The passphrase is wrong, or the file was changed: which of the two cannot be told.
    #[error("the passphrase does not open this export, or the export is damaged")]
    ExportClosed,
    /// Too many wrong passphrases.
    #[error(
        "{failures} wrong passphrases in a row; the next one is taken in {}", wait_text(*.wait)
    )]
    TooManyAttempts {
        /// How many there were.
        failures: u32,
        /// How long until the next one is taken.
        wait: Duration,
    },
    /// A later version of byok wrote the file.
    #[error(
        "{path} was written by a later version of byok (format {found}, this one knows {known}); use that version"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The format of the file.
        found: i64,
        /// The latest format that this program knows.
        known: i64,
    },
    /// The path names no regular file.
    #[error("{path} is not a file")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is no database at all.
    #[error(
        "{path} is not a database; byok leaves it as it is: restore a copy, or choose another path with --db"
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A job of the store panicked. The store itself goes on.
    #[error("the store failed inside; this is a defect of byok")]
    Panicked,
    /// The database is sealed with a passphrase, and none was given.
    #[error(
        "{path} is sealed with a passphrase, and nobody is here to ask for it; put it into a file (mode 600) and name that file in BYOK_PASSPHRASE_FILE"
    )]
    PassphraseNeeded {
        /// The database.
        path: PathBuf,
    },
    /// The file that should hold the passphrase cannot be used.
    #[error("the passphrase file {path} is unusable: {why}")]
    PassphraseFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The database is protected in another way than the caller demands.
    #[error(
        "{path} is protected by {recorded}, and {required} was required; `byok wallet passphrase` changes it"
    )]
    ProtectionDiffers {
        /// The database.
        path: PathBuf,
        /// How it is protected.
        recorded: Protection,
        /// What the caller demands.
        required: Protection,
    },
    /// The database, or the disk it is on, cannot be written.
    #[error("{path} cannot be written; check its owner, its directory and whether the disk is read-only")]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// The sealed secret of a row does not open although the key is right.
    #[error("the stored credential of {account} was altered and does not open; log in again: byok login {provider} --account {name}", provider = .account.provider, name = .account.account)]
    Sealed {
        /// Whose credential.
        account: AccountKey,
    },
    /// The log of a database whose main file is gone.
    #[error(
        "{log} is there and {path}, to which it belongs, is not; restore that file, or remove the log to start afresh"
    )]
    StrayLog {
        /// The log.
        log: PathBuf,
        /// The missing database.
        path: PathBuf,
    },
    /// Any other failure of the database.
    #[error("{path}: {source}")]
    Database {
        /// The database.
        path: PathBuf,
        /// What the database said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The thread of the store cannot be started.
    #[error("cannot start the store's thread: {0}")]
    Thread(#[source] io::Error),
    /// Others can write in the directory of the database.
    #[error(
        "others can write in {path} (mode {mode:04o}), and so replace files of the wallet; choose a directory of your own, or run: chmod go-w {}", quoted(.path)
    )]
    SharedDirectory {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file ends too early.
    #[error(
        "{path} is cut short ({found} bytes of {expected}); restore a copy, or move it away and log in again"
    )]
    Truncated {
        /// The database.
        path: PathBuf,
        /// How long it should be, in bytes.
        expected: u64,
        /// How long it is, in bytes.
        found: u64,
    },
    /// The key at hand is not the one that the database was sealed with.
    #[error(
        "the key from {protection} does not open {path}; it belongs to another database, or the database is damaged"
    )]
    WrongKey {
        /// The database.
        path: PathBuf,
        /// Where the key came from.
        protection: Protection,
    },
    /// The passphrase is not the one that the database was sealed with.
    #[error("the passphrase does not open {path}")]
    WrongPassphrase {
        /// The database.
        path: PathBuf,
    },
}

/// A time to wait as people say it, never shorter than it is.
fn wait_text(wait: Duration) -> String {
    let seconds = wait.as_millis().div_ceil(1000);
    if seconds <= 90 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+@%:,=".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Makes the error of a failed file operation.
pub(crate) fn file(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, doing, source }
}

/// What a job inside the store fails with: the database's own words, or ours.
#[derive(Debug)]
pub(crate) enum Failure {
    /// From the database; it does not know its path.
    Sql(rusqlite::Error),
    /// Already an error of the store.
    Store(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    /// The error to hand out, with the database's path in it.
    pub(crate) fn at(self, path: &Path) -> Error {
        use rusqlite::ErrorCode;
        let error = match self {
            Self::Store(error) => return error,
            Self::Sql(error) => error,
        };
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy { path },
            Some(ErrorCode::DatabaseCorrupt) => Error::Damaged { path, detail: error.to_string() },
            Some(ErrorCode::DiskFull) => Error::Full { path },
            Some(ErrorCode::NotADatabase) => Error::NotADatabase { path },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Error::ReadOnly { path }
            }
            _ => Error::Database { path, source: Box::new(error) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repair_command_survives_a_shell() {
        assert_eq!(quoted(Path::new("/home/x/.byok/key")), "/home/x/.byok/key");
        assert_eq!(quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
        let error = Error::LaxMode { path: PathBuf::from("/a b/key"), mode: 0o644, wanted: 0o600 };
        assert_eq!(error.to_string(), "others can use /a b/key (mode 0644); run: chmod 600 '/a b/key'");
    }
}
