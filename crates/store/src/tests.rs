//! What every test of the store needs; the tests stand in the modules below.

mod accounts;
mod damage;
mod keys;
mod leak;
#[cfg(unix)]
mod modes;
mod records;
mod renewals;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use byok_types::{AccountId, AccountKey, Credential, ProviderId, Secret, TokenSet};

use crate::{Error, Keyring, KeyringError, Location, NewAccount, NoKeyring, OpenOptions, Protection, Store};

/// A keyring that holds its entries in memory, and can be told to be locked.
#[derive(Default)]
pub(crate) struct FakeKeyring {
    entries: Mutex<HashMap<String, Secret>>,
    locked: Mutex<bool>,
}

impl FakeKeyring {
    pub(crate) fn lock(&self, locked: bool) {
        *self.locked.lock().unwrap() = locked;
    }

    /// All values in it.
    pub(crate) fn entries(&self) -> Vec<String> {
        self.entries.lock().unwrap().values().map(|value| value.expose().to_owned()).collect()
    }

    fn ask(&self) -> Result<std::sync::MutexGuard<'_, HashMap<String, Secret>>, KeyringError> {
        if *self.locked.lock().unwrap() {
            return Err(KeyringError::Refused("locked".to_owned()));
        }
        Ok(self.entries.lock().unwrap())
    }
}

impl Keyring for FakeKeyring {
    fn load(&self, entry: &str) -> Result<Option<Secret>, KeyringError> {
        Ok(self.ask()?.get(entry).cloned())
    }

    fn save(&self, entry: &str, value: &Secret) -> Result<(), KeyringError> {
        self.ask()?.insert(entry.to_owned(), value.clone());
        Ok(())
    }

    fn delete(&self, entry: &str) -> Result<(), KeyringError> {
        self.ask()?.remove(entry);
        Ok(())
    }
}

/// A directory for a store, gone when the test is.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(closed_directory())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path().join("tokens.db")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.path().join("key")
    }

    /// Protected by a key file, since there is no keyring.
    pub(crate) fn options(&self) -> OpenOptions {
        OpenOptions { keyring: Arc::new(NoKeyring), ..OpenOptions::new(Location::File(self.database())) }
    }

    fn with_keyring(&self, keyring: &Arc<FakeKeyring>) -> OpenOptions {
        OpenOptions { keyring: Arc::clone(keyring) as Arc<dyn Keyring>, ..self.options() }
    }

    pub(crate) fn with_passphrase(&self, passphrase: &str) -> OpenOptions {
        OpenOptions { passphrase: Some(Secret::new(passphrase)), ..self.options() }
    }

    pub(crate) async fn store(&self) -> Store {
        Store::open(self.options()).await.unwrap()
    }

    pub(crate) async fn error(&self) -> Error {
        Store::open(self.options()).await.unwrap_err()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// A connection of the test's own, for what byok itself would never do.
    pub(crate) fn sql(&self, statements: &str) {
        rusqlite::Connection::open(self.database()).unwrap().execute_batch(statements).unwrap();
    }
}

/// A directory that is closed to others, which `tempfile` leaves to the umask.
pub(crate) fn closed_directory() -> tempfile::TempDir {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir().unwrap()
}

fn key(provider: &str, account: &str) -> AccountKey {
    AccountKey::new(ProviderId::from(provider), AccountId::from(account))
}

pub(crate) fn api_key(provider: &str, account: &str, secret: &str) -> NewAccount {
    NewAccount {
        key: key(provider, account),
        credential: Credential::ApiKey(Secret::new(secret)),
        base_url: None,
        label: None,
    }
}

pub(crate) fn login(provider: &str, account: &str, access: &str, refresh: &str) -> NewAccount {
    NewAccount {
        key: key(provider, account),
        credential: Credential::OAuth(TokenSet {
            access: Secret::new(access),
            refresh: Some(Secret::new(refresh)),
            expires_at: Some(std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_800_000_000_123)),
            label: Some("me@example.com".to_owned()),
            details: byok_types::Details::default(),
        }),
        base_url: None,
        label: None,
    }
}

/// What a provider would be sent, or nothing where the store has no such account.
pub(crate) async fn bearer(store: &Store, provider: &str, account: &str) -> Option<String> {
    let credential = store.credential(&key(provider, account)).await.unwrap()?;
    Some(credential.bearer().unwrap().expose().to_owned())
}
