//! What commands work on: the config in force, the store, and what is built from the two.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use byok_auth::Vault;
use byok_config::{Config, process_environment};
use byok_provider::Upstreams;
use byok_store::{Location, OpenOptions, Protection, Store, passphrase_from_environment};
use byok_types::{AccountId, AccountKey, ProviderId, Secret};

use crate::cli::Files;
use crate::commands::{Error, config_path};
use crate::redact::Redactor;
use crate::terminal::{Terminal, WARNING, paint};
use crate::{control, passphrase};

/// A person's config and the place of their wallet.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) config: Config,
    /// The config file, whether or not it is there.
    pub(crate) config_path: PathBuf,
    /// The text that the config was read from, if there was a file.
    pub(crate) config_text: Option<Secret>,
    pub(crate) location: Location,
    terminal: Terminal,
}

impl Home {
    /// Reads the config and finds the wallet. A config file that was named must be there; the one in
    /// byok's own directory need not. Its secrets are known to the redactor before anything is printed.
    pub(crate) fn find(files: &Files, terminal: &Terminal) -> Result<Self, Error> {
        let named = files.config.clone();
        let optional = named.is_none();
        let config_path = config_path(named)?;
        let loaded = match byok_config::load(&config_path) {
            Err(byok_config::Error::Missing { .. }) if optional => None,
            loaded => Some(loaded?),
        };
        let (config, config_text, warnings) = match loaded {
            Some(loaded) => (loaded.config, Some(loaded.text), loaded.warnings),
            None => (Config::default(), None, Vec::new()),
        };
        terminal.redactor().learn(config.secrets().cloned());
        for warning in warnings {
            terminal.aside(&format!("{} {warning}\n", paint(WARNING, "warning:")));
        }
        let location = match &files.db {
            Some(path) => Location::from_argument(path),
            None => Location::File(directory()?.join("tokens.db")),
        };
        Ok(Self { config, config_path, config_text, location, terminal: terminal.clone() })
    }

    /// Whether there is a wallet to look into. Looking must not make one.
    pub(crate) fn has_wallet(&self) -> bool {
        match &self.location {
            Location::File(path) => path.exists(),
            Location::Memory => false,
        }
    }

    /// Opens the wallet, or makes it. Asks for the passphrase where one is needed and was not given.
    pub(crate) async fn open(&self, require: Option<Protection>) -> Result<Store, Error> {
        let store = open(self.location.clone(), require).await?;
        if store.is_locked() {
            let wallet = self.location.path().map(shown).unwrap_or_default();
            passphrase::unlock(&store, &wallet, &self.terminal).await?;
        }
        if store.protection() == Protection::Passphrase && !store.is_sealed().await? {
            // The first secret decides, and a weak passphrase would protect nothing.
            if let Some(new) = passphrase_from_environment()? {
                passphrase::check(&new)?;
            }
        }
        Ok(store)
    }

    /// Opens the wallet to serve from it: locked, where it needs a passphrase and nobody can be asked.
    pub(crate) async fn open_to_serve(&self) -> Result<Store, Error> {
        if passphrase::can_ask() { self.open(None).await } else { open(self.location.clone(), None).await }
    }

    /// Opens the wallet to look into it, locked as it may be; an empty one in memory stands for one that is
    /// not there.
    pub(crate) async fn look(&self) -> Result<Store, Error> {
        let location = if self.has_wallet() { self.location.clone() } else { Location::Memory };
        open(location, None).await
    }

    /// What the byok that runs with this wallet says about it, if one does.
    pub(crate) fn running(&self) -> Option<control::State> {
        control::state(&control::socket(&self.location)?).ok()
    }
}

/// byok's own directory.
pub(crate) fn directory() -> Result<PathBuf, Error> {
    byok_config::home(&process_environment).ok_or(Error::NoHome)
}

async fn open(location: Location, require: Option<Protection>) -> Result<Store, Error> {
    let own_directory = match &location {
        Location::File(path) => is_own(path),
        Location::Memory => true,
    };
    let options = OpenOptions {
        passphrase: passphrase_from_environment()?,
        require,
        may_be_locked: true,
        own_directory,
        ..OpenOptions::new(location)
    };
    Ok(Store::open(options).await?)
}

/// Whether a wallet is in byok's own directory, which nobody else has any business in.
fn is_own(wallet: &Path) -> bool {
    let Ok(own) = directory() else { return false };
    let parent = match wallet.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_missing| path.to_owned());
    real(parent) == real(&own)
}

/// The config in force, the credentials, and the providers that are built from the two.
#[derive(Clone)]
pub(crate) struct Providers {
    pub(crate) shared: byok_config::Shared,
    pub(crate) vault: Vault,
    pub(crate) upstreams: Upstreams,
}

impl Providers {
    /// Builds them. From here on, whatever secret the vault has is known to the redactor.
    pub(crate) async fn new(config: Config, store: Store, redactor: &Redactor) -> Result<Self, Error> {
        let shared = Arc::new(ArcSwap::from_pointee(config));
        let vault = Vault::new(store).await?;
        let asked = vault.clone();
        redactor.ask(move || asked.secrets());
        let upstreams = Upstreams::new(Arc::clone(&shared), vault.clone())?;
        Ok(Self { shared, vault, upstreams })
    }

    /// The end of the key that the config has for a provider, as far as it may be shown.
    pub(crate) async fn configured(&self, provider: &ProviderId) -> Option<String> {
        let key = AccountKey::new(provider.clone(), AccountId::from(CONFIG));
        let credential = self.vault.credential(&key).await.ok()?;
        Some(credential.bearer()?.tail())
    }
}

/// The account that a key in the config stands for (byok-auth).
pub(crate) const CONFIG: &str = "config";

/// A path as people write it: `~` for their home.
pub(crate) fn shown(path: &Path) -> String {
    let home = process_environment(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
    let below = home.as_deref().filter(|home| home.len() > 1).and_then(|home| path.strip_prefix(home).ok());
    match below {
        Some(rest) => Path::new("~").join(rest).display().to_string(),
        None => path.display().to_string(),
    }
}
