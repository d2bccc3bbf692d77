//! Locking: the credentials leave the memory until the person unlocks the wallet again.
//!
//! The names of the accounts stay, so that a request is told that the wallet is locked, and not that there
//! is nobody to ask. Keys of the config file are not in the wallet and stay in use. Calls under way keep the
//! credential that they began with.

use std::sync::Arc;
use std::time::Duration;

use byok_types::Secret;
use tokio::time::Instant;

use super::{Stored, Vault};
use crate::error::AuthError;

/// How long renewals under way are waited for. Few take longer than one call to a vendor, which has 15
/// seconds to answer.
const RENEWALS: Duration = Duration::from_secs(30);
/// How soon it is tried again.
const AGAIN: Duration = Duration::from_millis(50);

impl Vault {
    /// Whether the wallet is locked.
    pub fn is_locked(&self) -> bool {
        self.0.stored.load().locked
    }

    /// Forgets the key and all credentials until [`Vault::unlock`]. A renewal that is under way comes first:
    /// what it yields could not be stored any more.
    pub async fn lock(&self) -> Result<(), AuthError> {
        let until = Instant::now() + RENEWALS;
        loop {
            match self.0.store.lock().await {
                Err(byok_store::Error::InUse { .. }) if Instant::now() < until => {
                    tokio::time::sleep(AGAIN).await;
                }
                locked => break locked?,
            }
        }
        self.upkeep().forget();
        self.reload().await
    }

    /// Gets them again; with the passphrase, where one protects the wallet.
    pub async fn unlock(&self, passphrase: Option<Secret>) -> Result<(), AuthError> {
        self.0.store.unlock(passphrase).await?;
        self.reload().await
    }

    /// A snapshot without credentials. The caller sees to it that there is one at a time.
    pub(super) async fn reload_names(&self) -> Result<(), AuthError> {
        // In this order: what changes in between is asked for again.
        let generation = self.0.store.generation().await?;
        let mut stored = Stored { generation, locked: true, ..Stored::default() };
        for account in self.0.store.accounts().await? {
            stored.accounts.entry(account.key.provider.clone()).or_default().push(account.key);
        }
        self.0.stored.store(Arc::new(stored));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use byok_store::{Location, NoKeyring, OpenOptions, Store};
    use byok_types::{AccountKey, ProviderId};

    use super::*;

    async fn vault(directory: &std::path::Path) -> Vault {
        let location = Location::File(directory.join("byok").join("tokens.db"));
        let options = OpenOptions { keyring: Arc::new(NoKeyring), ..OpenOptions::new(location) };
        Vault::new(Store::open(options).await.unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_locked_vault_knows_names_and_no_secrets() {
        let directory = tempfile::tempdir().unwrap();
        let vault = vault(directory.path()).await;
        let openai = ProviderId::from("openai");
        let key = AccountKey::default_of(openai.clone());
        vault.login_with_key(&key, Secret::new("sk-0123456789"), None).await.unwrap();
        let groq = ProviderId::from("groq");
        vault.set_configured([(groq.clone(), Secret::new("gsk-0123456789"))]).unwrap();

        vault.lock().await.unwrap();
        assert!(vault.is_locked());
        assert_eq!(vault.accounts_of(&openai), std::slice::from_ref(&key));
        assert!(matches!(vault.credential(&key).await.unwrap_err(), AuthError::Locked));
        assert_eq!(vault.secrets().len(), 1, "the config's");
        let configured = vault.accounts_of(&groq).remove(0);
        vault.credential(&configured).await.unwrap();
        // A change of another process is followed without unlocking anything.
        let other = self::vault(directory.path()).await;
        let second = AccountKey::new(openai.clone(), "second".into());
        other.login_with_key(&second, Secret::new("sk-9876543210"), None).await.unwrap();
        vault.keep_up().await.unwrap();
        assert_eq!(vault.accounts_of(&openai).len(), 2);
        assert!(matches!(vault.credential(&second).await.unwrap_err(), AuthError::Locked));

        vault.unlock(None).await.unwrap();
        assert_eq!(vault.credential(&second).await.unwrap().bearer().unwrap().expose(), "sk-9876543210");
    }
}
