//! What the command line puts over the config, and keeps over it when the file is saved.

use std::net::IpAddr;

use byok_config::{Config, ProviderConfig};
use byok_types::{ProviderId, Secret};

/// What is put over the config.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    host: Option<IpAddr>,
    port: Option<u16>,
    /// Providers that are not in the file.
    pub(crate) providers: Vec<(ProviderId, ProviderConfig)>,
    /// Keys for providers that are built in or in the file.
    keys: Vec<(ProviderId, Secret)>,
}

impl Overlay {
    /// With this address, where one was given.
    pub(crate) fn at(host: Option<IpAddr>, port: Option<u16>) -> Self {
        Self { host, port, ..Self::default() }
    }

    /// The config with this over it.
    pub(crate) fn over(&self, config: &Config) -> Config {
        let mut config = config.clone();
        config.host = self.host.unwrap_or(config.host);
        config.port = self.port.unwrap_or(config.port);
        config.providers.extend(self.providers.iter().cloned());
        for (provider, key) in &self.keys {
            config.providers.entry(provider.clone()).or_default().api_key = Some(key.clone());
        }
        config
    }

    /// Takes the keys of `BYOKY_DEV_KEYS`: pairs of a provider and a key (`anthropic:KEY,openai:KEY`). A
    /// pair that is broken is left out with a warning, which shows nothing of it.
    pub(crate) fn add_dev_keys(&mut self, text: Option<&str>) {
        let pairs = text.unwrap_or_default().split(',').map(str::trim).enumerate();
        for (index, pair) in pairs.filter(|(_, pair)| !pair.is_empty()) {
            let (name, key) = pair.split_once(':').unwrap_or_default();
            let (name, key) = (name.trim(), key.trim());
            if ProviderId::is_valid(name) && !key.is_empty() {
                self.keys.push((ProviderId::from(name), Secret::new(key)));
            } else {
                let number = index + 1;
                tracing::warn!("pair {number} of BYOKY_DEV_KEYS is not PROVIDER:KEY, so it is left out");
            }
        }
    }

    /// The secrets in it.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = Secret> {
        let keys = self.keys.iter().map(|(_, key)| key);
        let providers = self.providers.iter().filter_map(|(_, provider)| provider.api_key.as_ref());
        keys.chain(providers).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_over_whatever_the_file_says() {
        let mut overlay = Overlay::at(None, Some(9000));
        overlay.add_dev_keys(Some(" anthropic: sk-a:b ,,broken,UPPER:x,openai:"));
        let config = overlay.over(&Config { port: 1, ..Config::default() });
        assert_eq!(config.port, 9000);
        let keys: Vec<_> = config.providers.iter().map(|(id, one)| (id.as_str(), &one.api_key)).collect();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].0, "anthropic");
        assert_eq!(keys[0].1.as_ref().unwrap().expose(), "sk-a:b");
    }
}
