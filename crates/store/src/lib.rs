//! The store: accounts and their sealed credentials, apps, usage and leases, in one file.
//!
//! This is the only crate that knows SQL, and nothing outside of it knows which database there is: a
//! second kind will stand behind the same [`Store`]. It does not decide what a credential is good for,
//! refreshes nothing, and calls no network.
//!
//! What holds at every instant: a secret is on the disk in sealed form only; a call that returned has its
//! change on the disk; a process killed between any two steps leaves a file that opens again with all that
//! was stored; a file that is not as it should be is refused with its name, and neither mended nor removed.

mod accounts;
mod apps;
mod attempts;
mod change;
mod database;
mod error;
mod export;
mod files;
mod foreign;
mod health;
mod key;
mod keyring;
mod leases;
mod passphrase;
mod payload;
mod protection;
mod renewals;
mod schema;
mod seal;
mod strength;
mod time;
mod usage;
mod worker;

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use byok_types::Secret;

pub use accounts::{Account, AccountState, Held, NewAccount, Wallet};
pub use apps::App;
pub use change::Rewrapped;
pub use error::Error;
pub use export::{Contents, Imported, MAX_EXPORT, Merge, Placed};
pub use foreign::{ForeignError, foreign_value};
pub use health::Health;
pub use keyring::{Keyring, KeyringError, NoKeyring, OsKeyring};
pub use passphrase::{passphrase_from_environment, passphrase_from_file};
pub use protection::{Protection, UnknownProtection};
pub use renewals::{Ended, Marked};
pub use strength::{Strength, strength};
pub use usage::{Usage, UsageSum};

use protection::Shown;
use worker::Worker;

/// A handle to the store. Clones share one connection; it closes when the last one is dropped, or with
/// [`Store::close`], which also waits until all is written.
#[derive(Clone)]
pub struct Store {
    worker: Arc<Worker>,
    shown: Arc<Shown>,
}

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In a file, with others beside it.
    File(PathBuf),
    /// In this process, for as long as it runs.
    Memory,
}

impl Location {
    /// What `--db` means: `:memory:`, or a path.
    pub fn from_argument(text: impl AsRef<OsStr>) -> Self {
        let text = text.as_ref();
        if text == ":memory:" { Self::Memory } else { Self::File(PathBuf::from(text)) }
    }
}

/// How to open a store.
pub struct OpenOptions {
    /// Where it is. A file that is not there is made.
    pub location: Location,
    /// Protects a new store, and opens one that is protected by a passphrase.
    pub passphrase: Option<Secret>,
    /// Protects a new store where there is no passphrase; where there is no keyring either, a key file does.
    pub keyring: Arc<dyn Keyring>,
    /// Refuse any other protection. A store in memory is refused by none of them.
    pub require: Option<Protection>,
    /// Open a store that is protected by a passphrase without one too. It is locked then: what needs the key
    /// fails with [`Error::Locked`] until [`Store::unlock`].
    pub may_be_locked: bool,
    /// Whether the directory is byok's own, and so must be closed to others. In any other one others may
    /// look around, as long as they cannot change what is there.
    pub own_directory: bool,
}

impl OpenOptions {
    /// Without a passphrase, with the keyring of the operating system, with whatever protection there is, in
    /// a directory of byok's own.
    pub fn new(location: Location) -> Self {
        Self {
            location,
            passphrase: None,
            keyring: Arc::new(OsKeyring),
            require: None,
            may_be_locked: false,
            own_directory: true,
        }
    }
}

impl Store {
    /// Opens the store. Makes it where there is none; the key is made with the first secret, so that
    /// [`Store::protection`] can be shown before.
    pub async fn open(options: OpenOptions) -> Result<Self, Error> {
        let (worker, shown) = Worker::start(options).await?;
        Ok(Self { worker: Arc::new(worker), shown })
    }

    /// What protects the secrets, or will protect the first one.
    pub fn protection(&self) -> Protection {
        self.shown.protection()
    }

    /// Whether the key is not at hand: the passphrase was not given, or the store was locked.
    pub fn is_locked(&self) -> bool {
        self.shown.is_locked()
    }

    /// Writes what waits and closes the file. Every later call on any clone fails with [`Error::Closed`].
    pub async fn close(&self) {
        self.worker.close().await;
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("protection", &self.protection())
            .field("locked", &self.is_locked())
            .finish_non_exhaustive()
    }
}

/// What the fuzz targets call: the readers of a file that someone handed over.
#[cfg(fuzzing)]
pub mod fuzzing {
    pub use crate::export::fuzzing::{contents, envelope};
}

#[cfg(test)]
mod tests;
