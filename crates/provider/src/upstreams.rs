//! The face of this crate: which models can be called, and the calls.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use byok_auth::Vault;
use byok_config::{Config, Shared};
use byok_translate::fit::Lossy;

use crate::accounts;
use crate::client::Client;
use crate::dispatch::Limits;
use crate::error::Error;
use crate::memory::Memory;
use crate::registry::Registry;
use crate::resolve::{Route, Unresolved, resolve};
use crate::spec::ProviderSpec;

/// All upstreams. Clones share everything.
#[derive(Clone, Debug)]
pub struct Upstreams(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Shared,
    pub(crate) vault: Vault,
    pub(crate) client: Client,
    pub(crate) memory: Memory,
    registry: ArcSwap<Registry>,
}

/// A model that can be called now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    /// What to ask for: the provider's id of it, with `provider/` in front where another offers it too.
    pub id: String,
    /// Who serves it.
    pub provider: byok_types::ProviderId,
    /// Who made it, as far as known; otherwise who serves it.
    pub owned_by: String,
    /// How many tokens fit into a request and its answer, where known.
    pub context: Option<u64>,
    /// How many tokens an answer may have, where known.
    pub output: Option<u64>,
    /// When it was made, in Unix seconds; 0 where that is not known.
    pub created: u64,
    /// A name for people.
    pub display_name: String,
}

impl Upstreams {
    /// Sets up the providers of the config in force, and hands its keys to the vault.
    pub fn new(config: Shared, vault: Vault) -> Result<Self, Error> {
        let now = config.load();
        let registry = Registry::of(&now)?;
        vault.set_configured(registry.keys.iter().cloned())?;
        let registry = ArcSwap::from_pointee(registry);
        let client = Client::new(now.timeouts.connect).map_err(Error::Tls)?;
        drop(now);
        Ok(Self(Arc::new(Inner { config, vault, client, memory: Memory::default(), registry })))
    }

    /// Takes over the config in force, after it was swapped. Calls under way are not touched. On an error
    /// the providers stay as they were.
    pub fn reload(&self) -> Result<(), Error> {
        let config = self.0.config.load();
        let registry = Registry::of(&config)?;
        self.0.vault.set_configured(registry.keys.iter().cloned())?;
        self.0.client.reconfigure(config.timeouts.connect);
        self.0.registry.store(Arc::new(registry));
        Ok(())
    }

    /// Where a model leads.
    pub fn resolve(&self, model: &str) -> Result<Route, Unresolved> {
        resolve(&self.0.registry.load(), model, &|spec| self.is_usable(spec))
    }

    /// A provider by its id or an alias, whether it can be used or not.
    pub fn provider(&self, name: &str) -> Option<Arc<ProviderSpec>> {
        self.0.registry.load().provider(name).cloned()
    }

    /// All providers, those of the config first.
    pub fn providers(&self) -> Vec<Arc<ProviderSpec>> {
        self.0.registry.load().providers.clone()
    }

    /// Whether a provider is enabled and has what a call needs.
    pub fn is_callable(&self, spec: &ProviderSpec) -> bool {
        spec.enabled && self.is_usable(spec)
    }

    /// The models that can be called now, as far as they are known.
    pub fn models(&self) -> Vec<ModelInfo> {
        let registry = self.0.registry.load();
        let callable: Vec<_> = registry.providers.iter().filter(|spec| self.is_callable(spec)).collect();
        let mut models = Vec::new();
        let mut seen = HashSet::new();
        for spec in &callable {
            for entry in spec.models.known() {
                let plain = entry.id.as_str();
                let mut offering = registry.offering(plain).filter(|other| self.is_callable(other));
                let is_first = offering.next().is_none_or(|first| first.id == spec.id);
                let id = if is_first { plain.to_owned() } else { format!("{}/{plain}", spec.id) };
                if !seen.insert(id.clone()) {
                    continue;
                }
                let maker = registry.offering(plain).find(|other| other.makes(plain));
                models.push(ModelInfo {
                    id,
                    provider: spec.id.clone(),
                    owned_by: maker.map_or(&spec.id, |maker| &maker.id).as_str().to_owned(),
                    context: entry.context.map(u64::from),
                    output: entry.output.map(u64::from),
                    created: 0,
                    display_name: entry.name.clone().unwrap_or_else(|| plain.to_owned()),
                });
            }
        }
        models
    }

    fn is_usable(&self, spec: &ProviderSpec) -> bool {
        accounts::is_usable(spec, &self.0.vault)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("client", &self.client).finish_non_exhaustive()
    }
}

/// How long calls to a provider may take.
pub(crate) fn limits(config: &Config, spec: &ProviderSpec) -> Limits {
    Limits { first_byte: spec.timeout.unwrap_or(config.timeouts.first_byte), idle: config.timeouts.idle }
}

/// What to do with what a target cannot express.
pub(crate) fn lossy(config: &Config) -> Lossy {
    match config.on_lossy {
        byok_config::OnLossy::Drop => Lossy::Drop,
        byok_config::OnLossy::Refuse => Lossy::Refuse,
    }
}
