//! The keyring of the operating system: where the data key lives when there is one.
//!
//! A keyring may ask a person, hang, or be missing. So every call runs on a thread of its own and is
//! given up after three seconds, calls are made at start and at login only, and what a keyring is stands
//! behind a trait, so that no test ever touches a real one.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use byok_types::Secret;

/// How long a keyring may take. GitHub's `gh` uses the same limit.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// A place for small secrets that the operating system guards. The calls may block.
pub trait Keyring: Send + Sync {
    /// The value of an entry, or `None` when there is no such entry.
    fn load(&self, entry: &str) -> Result<Option<Secret>, KeyringError>;
    /// Writes an entry, over an older value if there is one.
    fn save(&self, entry: &str, value: &Secret) -> Result<(), KeyringError>;
    /// Removes an entry. That there is none is no error.
    fn delete(&self, entry: &str) -> Result<(), KeyringError>;
}

/// Why a keyring did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// This machine, or this session, has no keyring.
    #[error("there is no keyring here ({0})")]
    Absent(String),
    /// There is one, and it is locked, said no, or failed.
    #[error("the keyring did not answer ({0}); unlock it and try again")]
    Refused(String),
}

/// No keyring, by choice.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoKeyring;

impl Keyring for NoKeyring {
    fn load(&self, _entry: &str) -> Result<Option<Secret>, KeyringError> {
        Err(KeyringError::Absent("turned off".to_owned()))
    }

    fn save(&self, _entry: &str, _value: &Secret) -> Result<(), KeyringError> {
        Err(KeyringError::Absent("turned off".to_owned()))
    }

    fn delete(&self, _entry: &str) -> Result<(), KeyringError> {
        Err(KeyringError::Absent("turned off".to_owned()))
    }
}

/// The keyring of this operating system: the Secret Service on Linux and the BSDs (GNOME Keyring,
/// `KWallet`, `KeePassXC`), the login keychain on macOS, the Credential Manager on Windows. Its entries are
/// of the service `byok`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsKeyring;

impl Keyring for OsKeyring {
    fn load(&self, entry: &str) -> Result<Option<Secret>, KeyringError> {
        os::load(entry)
    }

    fn save(&self, entry: &str, value: &Secret) -> Result<(), KeyringError> {
        os::save(entry, value)
    }

    fn delete(&self, entry: &str) -> Result<(), KeyringError> {
        os::delete(entry)
    }
}

/// A keyring whose every call ends in time.
#[derive(Clone)]
pub(crate) struct Patient {
    keyring: Arc<dyn Keyring>,
    limit: Duration,
}

impl Patient {
    pub(crate) fn new(keyring: Arc<dyn Keyring>) -> Self {
        Self { keyring, limit: TIME_LIMIT }
    }

    pub(crate) fn load(&self, entry: &str) -> Result<Option<Secret>, KeyringError> {
        let entry = entry.to_owned();
        self.call(move |keyring| keyring.load(&entry))
    }

    pub(crate) fn save(&self, entry: &str, value: &Secret) -> Result<(), KeyringError> {
        let (entry, value) = (entry.to_owned(), value.clone());
        self.call(move |keyring| keyring.save(&entry, &value))
    }

    pub(crate) fn delete(&self, entry: &str) -> Result<(), KeyringError> {
        let entry = entry.to_owned();
        self.call(move |keyring| keyring.delete(&entry))
    }

    /// Runs a call on its own thread. A thread that is late is left behind: it holds nothing of ours, and
    /// ends when the keyring does answer.
    fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Keyring) -> Result<T, KeyringError> + Send + 'static,
    ) -> Result<T, KeyringError> {
        let (answer, answered) = mpsc::sync_channel(1);
        let keyring = Arc::clone(&self.keyring);
        thread::Builder::new()
            .name("byok-keyring".to_owned())
            .spawn(move || answer.send(call(&*keyring)))
            .map_err(|error| KeyringError::Refused(error.to_string()))?;
        match answered.recv_timeout(self.limit) {
            Ok(outcome) => outcome,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                Err(KeyringError::Refused(format!("no answer within {} s", self.limit.as_secs())))
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                Err(KeyringError::Refused("the call failed".to_owned()))
            }
        }
    }
}

/// The Secret Service, over D-Bus. A current-thread runtime drives each call, so that all of it, the
/// connection included, is gone when the call is over.
#[cfg(all(unix, not(target_os = "macos")))]
mod os {
    use std::collections::HashMap;

    use byok_types::Secret;
    use secret_service::{Collection, EncryptionType, Error, Item, SecretService};

    use super::{KeyringError, TIME_LIMIT};

    /// As the other keyring libraries name them, so that the entry is found with the usual tools.
    fn attributes(entry: &str) -> HashMap<&str, &str> {
        HashMap::from([("service", "byok"), ("username", entry)])
    }

    pub(super) fn load(entry: &str) -> Result<Option<Secret>, KeyringError> {
        run(async {
            let service = connect().await?;
            let collection = collection(&service).await?;
            let Some(item) = find(&collection, entry).await? else {
                return Ok(None);
            };
            let value = String::from_utf8(item.get_secret().await.map_err(refused)?);
            // Not text, so not written by byok.
            Ok(value.ok().map(Secret::new))
        })
    }

    pub(super) fn save(entry: &str, value: &Secret) -> Result<(), KeyringError> {
        run(async {
            let service = connect().await?;
            let collection = collection(&service).await?;
            let secret = value.expose().as_bytes();
            collection
                .create_item("byok data key", attributes(entry), secret, true, "text/plain")
                .await
                .map_err(refused)?;
            Ok(())
        })
    }

    pub(super) fn delete(entry: &str) -> Result<(), KeyringError> {
        run(async {
            let service = connect().await?;
            let collection = collection(&service).await?;
            match find(&collection, entry).await? {
                Some(item) => item.delete().await.map_err(refused),
                None => Ok(()),
            }
        })
    }

    /// No session bus, or nobody on it who offers the service: there is no keyring here.
    async fn connect() -> Result<SecretService<'static>, KeyringError> {
        SecretService::connect(EncryptionType::Dh)
            .await
            .map_err(|error| KeyringError::Absent(error.to_string()))
    }

    /// The person's default collection, unlocked; the service asks for its password where it must.
    async fn collection<'a>(service: &'a SecretService<'a>) -> Result<Collection<'a>, KeyringError> {
        let collection = match service.get_default_collection().await {
            Ok(collection) => collection,
            // There is a service, and nothing that it keeps secrets in (WSL).
            Err(error @ Error::NoResult) => return Err(KeyringError::Absent(error.to_string())),
            Err(error) => return Err(refused(error)),
        };
        if collection.is_locked().await.map_err(refused)? {
            collection.unlock().await.map_err(refused)?;
        }
        Ok(collection)
    }

    async fn find<'a>(collection: &'a Collection<'a>, entry: &str) -> Result<Option<Item<'a>>, KeyringError> {
        let found = collection.search_items(attributes(entry)).await;
        Ok(found.map_err(refused)?.into_iter().next())
    }

    fn run<T>(call: impl Future<Output = Result<T, KeyringError>>) -> Result<T, KeyringError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
        runtime
            .block_on(async { tokio::time::timeout(TIME_LIMIT, call).await })
            .unwrap_or_else(|late| Err(refused(late)))
    }

    fn refused(error: impl std::error::Error) -> KeyringError {
        KeyringError::Refused(error.to_string())
    }
}

/// The keychain of macOS, the Credential Manager of Windows.
#[cfg(any(target_os = "macos", windows))]
mod os {
    use byok_types::Secret;
    use keyring_core::api::CredentialStoreApi as _;
    use keyring_core::{Entry, Error};

    use super::KeyringError;

    pub(super) fn load(entry: &str) -> Result<Option<Secret>, KeyringError> {
        match open(entry)?.get_password() {
            Ok(value) => Ok(Some(Secret::new(value))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(refused(&error)),
        }
    }

    pub(super) fn save(entry: &str, value: &Secret) -> Result<(), KeyringError> {
        open(entry)?.set_password(value.expose()).map_err(|error| refused(&error))
    }

    pub(super) fn delete(entry: &str) -> Result<(), KeyringError> {
        match open(entry)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(refused(&error)),
        }
    }

    fn open(entry: &str) -> Result<Entry, KeyringError> {
        #[cfg(target_os = "macos")]
        let store = apple_native_keyring_store::keychain::Store::new();
        #[cfg(windows)]
        let store = windows_native_keyring_store::Store::new();
        store
            .and_then(|store| store.build("byok", entry, None))
            .map_err(|error| KeyringError::Absent(error.to_string()))
    }

    fn refused(error: &Error) -> KeyringError {
        KeyringError::Refused(error.to_string())
    }
}

#[cfg(not(any(unix, windows)))]
mod os {
    use byok_types::Secret;

    use super::KeyringError;

    pub(super) fn load(_entry: &str) -> Result<Option<Secret>, KeyringError> {
        Err(absent())
    }

    pub(super) fn save(_entry: &str, _value: &Secret) -> Result<(), KeyringError> {
        Err(absent())
    }

    pub(super) fn delete(_entry: &str) -> Result<(), KeyringError> {
        Err(absent())
    }

    fn absent() -> KeyringError {
        KeyringError::Absent("byok knows none on this system".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers when it is told to, which is never.
    struct Hanging(std::sync::Mutex<mpsc::Receiver<()>>);

    impl Keyring for Hanging {
        fn load(&self, _entry: &str) -> Result<Option<Secret>, KeyringError> {
            let _ = self.0.lock().unwrap().recv();
            Ok(None)
        }

        fn save(&self, _entry: &str, _value: &Secret) -> Result<(), KeyringError> {
            panic!("a library that gives up");
        }

        fn delete(&self, _entry: &str) -> Result<(), KeyringError> {
            Ok(())
        }
    }

    #[test]
    fn a_keyring_that_hangs_or_panics_is_an_error_in_time() {
        let (release, waits) = mpsc::channel();
        let patient = Patient {
            keyring: Arc::new(Hanging(std::sync::Mutex::new(waits))),
            limit: Duration::from_millis(20),
        };
        let late = patient.load("x").unwrap_err();
        assert!(matches!(late, KeyringError::Refused(_)), "{late}");
        let panicked = patient.save("x", &Secret::new("y")).unwrap_err();
        assert!(matches!(panicked, KeyringError::Refused(_)), "{panicked}");
        drop(release);
        patient.delete("x").unwrap();
    }
}
