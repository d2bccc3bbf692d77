//! The credentials, ready to use.
//!
//! The hot path reads an immutable snapshot: no lock, no SQL, unless a login is near its end (`upkeep.rs`). A snapshot is replaced whole, by whoever
//! changes the store through the vault and by [`Vault::watch`], which asks the store every second whether
//! another process did. Keys of the config file are beside the stored ones and come before them, as the
//! account `config`; they are never stored.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use byok_store::{AccountState, NewAccount, Store};
use byok_types::{AccountId, AccountKey, Credential, Link, ProviderId, Secret, TokenSet};
use tokio::sync::Mutex;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::error::AuthError;
use crate::input;
use crate::link::Links;
use crate::upkeep::Upkeep;

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
    /// What the logins that other programs keep were when last read.
    links: Links,
    /// Held while a snapshot is made, so that an older one never replaces a newer one.
    reloading: Mutex<()>,
    upkeep: Upkeep,
}

/// A credential and what its renewal has to know.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) credential: Credential,
    /// Why the login is over, where it is known to be.
    pub(crate) needs_login: Option<String>,
    /// When it was stored.
    pub(crate) stored_at: SystemTime,
    /// Whether it was a renewal that stored it.
    pub(crate) renewed: bool,
}

/// What the store held at one instant.
#[derive(Default)]
struct Stored {
    generation: u64,
    /// The store gave no credentials, only names.
    locked: bool,
    credentials: HashMap<AccountKey, Kept>,
    /// In the person's order.
    accounts: HashMap<ProviderId, Vec<AccountKey>>,
}

impl Stored {
    fn links(&self) -> impl Iterator<Item = (&AccountKey, &Link)> {
        self.credentials.iter().filter_map(|(key, kept)| match &kept.credential {
            Credential::Linked(link) => Some((key, link)),
            _ => None,
        })
    }
}

impl Vault {
    /// The vault of a store, filled.
    pub async fn new(store: Store) -> Result<Self, AuthError> {
        Self::with_clock(store, SystemTime::now).await
    }

    /// A vault that takes the time from `now`.
    pub(crate) async fn with_clock(
        store: Store,
        now: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Result<Self, AuthError> {
        let vault = Self(Arc::new(Inner {
            store,
            stored: ArcSwap::default(),
            configured: ArcSwap::default(),
            links: Links::default(),
            reloading: Mutex::new(()),
            upkeep: Upkeep::new(now)?,
        }));
        vault.reload().await?;
        Ok(vault)
    }

    /// The credential of an account. From memory when it is there; when it is not, the store is asked once
    /// more, since another process may have logged in just now. A login that is over is renewed first, once
    /// for all who ask; one that nearly is, in the background.
    pub async fn credential(&self, key: &AccountKey) -> Result<Credential, AuthError> {
        if let Some(held) = self.kept(key) {
            return self.fresh(key, &held).await;
        }
        if self.is_locked() {
            return Err(AuthError::Locked);
        }
        if key.account.as_str() != CONFIG
            && self.keep_up().await?
            && let Some(held) = self.kept(key)
        {
            return self.fresh(key, &held).await;
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
        let both =
            |tokens: &TokenSet| [Some(tokens.access.clone()), tokens.refresh.clone()].into_iter().flatten();
        secrets.extend(self.0.upkeep.unsaved().values().flat_map(|pair| both(&pair.to)));
        for (key, held) in &stored.credentials {
            match &held.credential {
                Credential::ApiKey(key) => secrets.push(key.clone()),
                Credential::Linked(link) => {
                    if let Some(Ok(tokens)) = self.0.links.read_last(key, link) {
                        secrets.extend(both(&tokens));
                    }
                }
                Credential::OAuth(tokens) => secrets.extend(both(tokens)),
                Credential::None => {}
            }
        }
        secrets
    }

    /// What a link leads to, other than the token `refused`.
    pub(crate) async fn follow(
        &self,
        key: &AccountKey,
        link: &Link,
        refused: Option<&Secret>,
    ) -> Result<Credential, AuthError> {
        let tokens = self.0.links.tokens(key, link, refused, SystemTime::now()).await?;
        Ok(Credential::OAuth(tokens))
    }

    /// Reads again what other programs have changed in their files.
    async fn follow_links(&self) {
        let links: Vec<_> =
            self.0.stored.load().links().map(|(key, link)| (key.clone(), link.clone())).collect();
        if !links.is_empty() {
            self.0.links.look(links).await;
        }
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
            self.follow_links().await;
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

    pub(crate) fn upkeep(&self) -> &Upkeep {
        &self.0.upkeep
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// What is known of an account now, without asking the store.
    pub(crate) fn kept(&self, key: &AccountKey) -> Option<Kept> {
        if key.account.as_str() == CONFIG {
            let key = self.0.configured.load().get(&key.provider).cloned()?;
            let credential = Credential::ApiKey(key);
            let stored_at = SystemTime::UNIX_EPOCH;
            return Some(Kept { credential, needs_login: None, stored_at, renewed: false });
        }
        let mut kept = self.0.stored.load().credentials.get(key).cloned()?;
        if let Some(pair) = self.0.upkeep.unsaved().get(key) {
            kept.credential = Credential::OAuth(pair.to.clone());
            (kept.stored_at, kept.renewed) = (pair.since, true);
        }
        Some(kept)
    }

    /// All stored accounts, as [`Self::kept`] has them.
    pub(crate) fn all_kept(&self) -> Vec<(AccountKey, Kept)> {
        let stored = self.0.stored.load();
        stored.credentials.keys().filter_map(|key| Some((key.clone(), self.kept(key)?))).collect()
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

    pub(crate) async fn reload(&self) -> Result<(), AuthError> {
        let _one_at_a_time = self.0.reloading.lock().await;
        let wallet = match self.0.store.wallet().await {
            Err(byok_store::Error::Locked { .. }) => return self.reload_names().await,
            wallet => wallet?,
        };
        let mut stored = Stored { generation: wallet.generation, ..Stored::default() };
        let mut broken = Vec::new();
        for held in wallet.accounts {
            let account = held.account;
            let key = account.key;
            match held.credential {
                Ok(credential) => {
                    let accounts = stored.accounts.entry(key.provider.clone()).or_default();
                    accounts.push(key.clone());
                    let over = account.state == AccountState::NeedsLogin;
                    let kept = Kept {
                        credential,
                        needs_login: over.then(|| account.last_error.unwrap_or_default()),
                        stored_at: account.updated_at,
                        renewed: account.renewed_at.is_some_and(|renewed| renewed >= account.updated_at),
                    };
                    stored.credentials.insert(key, kept);
                }
                // The others are still good; the error names the account and the command that mends it.
                Err(error) => {
                    tracing::error!(%error, "an account cannot be used");
                    broken.push(key);
                }
            }
        }
        self.0.links.keep(|key| stored.credentials.contains_key(key));
        // A pair that waits to be stored is of use only while the disk holds the one that it replaces.
        self.0.upkeep.drop_unsaved(|key, pair| {
            match stored.credentials.get(key).map(|kept| &kept.credential) {
                Some(Credential::OAuth(tokens)) => !tokens.is_same_pair(&pair.from),
                Some(_) => true,
                None => !broken.contains(key),
            }
        });
        self.0.stored.store(Arc::new(stored));
        self.follow_links().await;
        self.0.upkeep.notify();
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
