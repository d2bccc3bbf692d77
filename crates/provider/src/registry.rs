//! All providers as they are now: the catalogue with the config over it, indexed by name and by model.
//!
//! It is built once per config and never changes. Which of them have a credential is not in here, because
//! that changes with every login.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use byok_config::Config;
use byok_types::{ProviderId, Secret};

use crate::catalog::{self, CATALOG};
use crate::error::Error;
use crate::spec::ProviderSpec;

/// The providers of one config.
#[derive(Debug)]
pub(crate) struct Registry {
    /// All of them: those of the config by name, then the rest of the catalogue.
    pub(crate) providers: Vec<Arc<ProviderSpec>>,
    /// Where each name stands in `providers`.
    by_name: HashMap<String, usize>,
    /// Who offers a model: its maker first, then in the order of `providers`.
    by_model: HashMap<String, Vec<usize>>,
    /// The keys that stand in the config.
    pub(crate) keys: Vec<(ProviderId, Secret)>,
    /// The person's other names for models.
    pub(crate) aliases: BTreeMap<String, String>,
    /// What the vendors' own programs call their newest models, and where each leads.
    floating: HashMap<&'static str, (usize, &'static str)>,
}

impl Registry {
    /// Lays the config over the catalogue.
    pub(crate) fn of(config: &Config) -> Result<Self, Error> {
        let mut providers: Vec<Arc<ProviderSpec>> = Vec::new();
        let mut said: HashMap<&'static str, &ProviderId> = HashMap::new();
        for (name, settings) in &config.providers {
            let rank = providers.len();
            if let Some(row) = catalog::row(name.as_str()) {
                if let Some(first) = said.insert(row.id, name) {
                    return Err(Error::Twice { first: first.clone(), second: name.clone() });
                }
                providers.push(Arc::new(ProviderSpec::of_row(row, Some(settings), rank)?));
            } else {
                providers.push(Arc::new(ProviderSpec::custom(name, settings, rank)?));
            }
        }
        for row in CATALOG.iter().filter(|row| !said.contains_key(row.id)) {
            providers.push(Arc::new(ProviderSpec::of_row(row, None, providers.len())?));
        }
        let keys = providers.iter().filter_map(|spec| {
            let names = std::iter::once(spec.id.as_str())
                .chain(spec.row.map(|row| row.aliases).unwrap_or_default().iter().copied());
            let said = names.into_iter().find_map(|name| config.providers.get(&ProviderId::from(name)))?;
            Some((spec.id.clone(), said.api_key.clone().filter(|key| !key.is_blank())?))
        });
        let keys = keys.collect();
        Ok(Self { keys, ..Self::index(providers, config.aliases.clone()) })
    }

    fn index(providers: Vec<Arc<ProviderSpec>>, aliases: BTreeMap<String, String>) -> Self {
        let mut by_name = HashMap::new();
        let mut by_model: HashMap<String, Vec<usize>> = HashMap::new();
        let mut floating = HashMap::new();
        for (at, spec) in providers.iter().enumerate() {
            by_name.insert(spec.id.as_str().to_owned(), at);
            for alias in spec.row.map(|row| row.aliases).unwrap_or_default() {
                by_name.insert((*alias).to_owned(), at);
            }
            for model in spec.models.known() {
                by_model.entry(model.id.as_str().to_owned()).or_default().push(at);
            }
            for (name, target) in spec.row.map(|row| row.floating).unwrap_or_default() {
                if spec.models.admit(target) {
                    floating.insert(*name, (at, *target));
                }
            }
        }
        for (model, offered) in &mut by_model {
            offered.sort_by_key(|at| (!providers[*at].makes(model), providers[*at].rank));
            offered.dedup();
        }
        Self { providers, by_name, by_model, keys: Vec::new(), aliases, floating }
    }

    /// A provider by its id or an alias.
    pub(crate) fn provider(&self, name: &str) -> Option<&Arc<ProviderSpec>> {
        self.by_name.get(name).map(|at| &self.providers[*at])
    }

    /// Who offers a model by this id, the best first.
    pub(crate) fn offering(&self, model: &str) -> impl Iterator<Item = &Arc<ProviderSpec>> {
        self.by_model.get(model).into_iter().flatten().map(|at| &self.providers[*at])
    }

    /// Where a vendor's own name for its newest model leads.
    pub(crate) fn floating(&self, name: &str) -> Option<(&Arc<ProviderSpec>, &'static str)> {
        self.floating.get(name).map(|(at, target)| (&self.providers[*at], *target))
    }
}
