//! The credentials, ready to use.
//!
//! The hot path reads an immutable snapshot: no lock, no SQL. A snapshot is replaced whole, by whoever
//! changes the store through the vault and by [`Vault::watch`], which asks the store every second whether
//! another process did. Keys of the config file are beside the stored ones and come before them, as the
//! account `config`; they are never stored.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use byok_store::{NewAccount, Store};
use byok_types::{AccountId, AccountKey, Credential, ProviderId, Secret};
use tokio::sync::Mutex;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::error::AuthError;
use crate::input;

/// How often the store is asked for changes of other processes, which are to be seen within two seconds.
const WATCH: Duration = Duration::from_secs(1);

/// The account that a provider's key in the config file is.
const CONFIG: &str = "config";

/// A handle to the credentials. Clones share them.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    store: Store,
    stored: ArcSwap<Stored>,
    configured: ArcSwap<HashMap<ProviderId, Secret>>,
    /// Held while a snapshot is made, so that an older one never replaces a newer one.
    reloading: Mutex<()>,
}

/// What the store held at one instant.
#[derive(Default)]
struct Stored {
    generation: u64,
    /// The store gave no credentials, only names.
    locked: bool,
    credentials: HashMap<AccountKey, Credential>,
    /// In the person's order.
    accounts: HashMap<ProviderId, Vec<AccountKey>>,
}

impl Vault {
    /// The vault of a store, filled.
    pub async fn new(store: Store) -> Result<Self, AuthError> {
        let vault = Self(Arc::new(Inner {
            store,
            stored: ArcSwap::default(),
            configured: ArcSwap::default(),
            reloading: Mutex::new(()),
        }));
        vault.reload().await?;
        Ok(vault)
    }

    /// The credential of an account. From memory when it is there; when it is not, the store is asked once
    /// more, since another process may have logged in just now.
    pub async fn credential(&self, key: &AccountKey) -> Result<Credential, AuthError> {
        if let Some(credential) = self.held(key) {
            return Ok(credential);
        }
        if self.is_locked() {
            return Err(AuthError::Locked);
        }
        if key.account.as_str() != CONFIG
            && self.keep_up().await?
            && let Some(credential) = self.held(key)
        {
            return Ok(credential);
        }
        Err(AuthError::NotLoggedIn(key.clone()))
    }

    /// The accounts of a provider that can be used: the config's key first, then the stored ones in the
    /// person's order.
    pub fn accounts_of(&self, provider: &ProviderId) -> Vec<AccountKey> {
        let configured = self.0.configured.load().contains_key(provider);
        let configured = configured.then(|| AccountKey::new(provider.clone(), AccountId::from(CONFIG)));
        let stored = self.0.stored.load();
        let stored = stored.accounts.get(provider).into_iter().flatten().cloned();
        configured.into_iter().chain(stored).collect()
    }

    /// Every secret that it holds, for the layer that redacts them from all output.
    pub fn secrets(&self) -> Vec<Secret> {
        let stored = self.0.stored.load();
        let mut secrets: Vec<Secret> = self.0.configured.load().values().cloned().collect();
        for credential in stored.credentials.values() {
            match credential {
                Credential::ApiKey(key) => secrets.push(key.clone()),
                Credential::OAuth(tokens) => {
                    secrets.push(tokens.access.clone());
                    secrets.extend(tokens.refresh.clone());
                }
                Credential::None => {}
            }
        }
        secrets
    }

    /// Takes over the API keys of the config file in place of those before. Nothing changes when one of
    /// them cannot be a key.
    pub fn set_configured(
        &self,
        keys: impl IntoIterator<Item = (ProviderId, Secret)>,
    ) -> Result<(), AuthError> {
        let checked = keys.into_iter().map(|(provider, key)| match input::api_key(&key) {
            Ok(key) => Ok((provider, key)),
            Err(source) => Err(AuthError::InputConfigured { provider, source }),
        });
        let checked = checked.collect::<Result<HashMap<_, _>, _>>()?;
        self.0.configured.store(Arc::new(checked));
        Ok(())
    }

    /// Stores an API key that a person handed in, for `base_url` only where one is given. It is on the disk
    /// and in use when this returns.
    pub async fn login_with_key(
        &self,
        key: &AccountKey,
        pasted: Secret,
        base_url: Option<&str>,
    ) -> Result<(), AuthError> {
        let refused = |source| AuthError::Input { account: key.clone(), source };
        input::account_key(key).map_err(refused)?;
        let secret = input::api_key(&pasted).map_err(refused)?;
        let base_url = base_url.map(input::base_url).transpose().map_err(refused)?;
        self.login(NewAccount {
            key: key.clone(),
            credential: Credential::ApiKey(secret),
            base_url,
            label: None,
        })
        .await
    }

    /// Stores what a login yielded. It is on the disk and in use when this returns.
    pub async fn login(&self, account: NewAccount) -> Result<(), AuthError> {
        not_configured(&account.key)?;
        self.0.store.save(account).await?;
        self.reload().await
    }

    /// Forgets an account. `false` when there was none.
    pub async fn logout(&self, key: &AccountKey) -> Result<bool, AuthError> {
        not_configured(key)?;
        let existed = self.0.store.delete(key).await?;
        self.reload().await?;
        Ok(existed)
    }

    /// Keeps up with other processes until `cancel` is. A store that fails is asked again; what is in
    /// memory stays in use meanwhile.
    pub async fn watch(&self, cancel: CancellationToken) {
        let mut clock = tokio::time::interval(WATCH);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = clock.tick() => {}
            }
            match self.keep_up().await {
                Ok(changed) => {
                    if changed {
                        tracing::info!("accounts changed");
                    }
                    failing = false;
                }
                Err(error) => {
                    // Once, not every second.
                    if !failing {
                        tracing::warn!(%error, "the store cannot be read; going on with what is known");
                    }
                    failing = true;
                }
            }
        }
    }

    fn held(&self, key: &AccountKey) -> Option<Credential> {
        if key.account.as_str() == CONFIG {
            let configured = self.0.configured.load();
            return configured.get(&key.provider).cloned().map(Credential::ApiKey);
        }
        self.0.stored.load().credentials.get(key).cloned()
    }

    /// Makes a new snapshot if the store has changed. `true` when it has.
    async fn keep_up(&self) -> Result<bool, AuthError> {
        let generation = self.0.store.generation().await?;
        if generation == self.0.stored.load().generation {
            return Ok(false);
        }
        self.reload().await?;
        Ok(true)
    }

    async fn reload(&self) -> Result<(), AuthError> {
        let _one_at_a_time = self.0.reloading.lock().await;
        let wallet = match self.0.store.wallet().await {
            Err(byok_store::Error::Locked { .. }) => return self.reload_names().await,
            wallet => wallet?,
        };
        let mut stored = Stored { generation: wallet.generation, ..Stored::default() };
        for held in wallet.accounts {
            let key = held.account.key;
            match held.credential {
                Ok(credential) => {
                    let accounts = stored.accounts.entry(key.provider.clone()).or_default();
                    accounts.push(key.clone());
                    stored.credentials.insert(key, credential);
                }
                // The others are still good; the error names the account and the command that mends it.
                Err(error) => tracing::error!(%error, "an account cannot be used"),
            }
        }
        self.0.stored.store(Arc::new(stored));
        Ok(())
    }
}

mod lock;

/// The account `config` stands for the config file, and no login may take its name.
fn not_configured(key: &AccountKey) -> Result<(), AuthError> {
    if key.account.as_str() == CONFIG {
        return Err(AuthError::Configured(key.clone()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
