//! One provider as it is now: a row of the catalogue with what the config says about it laid over it, or a
//! provider that only the config knows.
//!
//! A spec never changes; a new config makes new ones. Keys are the vault's; the headers that the config adds
//! may be secrets too, and are not shown.

use std::fmt;
use std::time::Duration;

use byok_config::{ModelEntry, OAuthConfig, ProviderConfig};
use byok_translate::{Wire, embed};
use byok_types::{Family, ModelId, ProviderId, Secret};
use http::{HeaderName, HeaderValue};
use url::Url;

use crate::address::{self, Addresses};
use crate::error::Error;
use crate::row::{Auth, Calls, Endpoint, Health, KeyNeed, List, Model, Quirk, Row, Way};

/// One provider, ready to be called.
pub struct ProviderSpec {
    /// Its id.
    pub id: ProviderId,
    /// Its name for people.
    pub name: String,
    /// Its row, unless only the config knows it.
    pub row: Option<&'static Row>,
    /// Whether the config allows it to be used.
    pub enabled: bool,
    /// The formats it speaks and where; the first is the one that others are translated into. Empty where
    /// the address is missing (Azure without a `base_url`).
    pub endpoints: Vec<Place>,
    /// The one of these formats in which it also makes embeddings.
    pub embeds: Option<Family>,
    /// What its own API is below.
    pub root: String,
    /// Which models it offers.
    pub models: Models,
    /// Where its live list of models is.
    pub list: List,
    /// Whether it serves third-party programs.
    pub health: Health,
    /// Whether calls need a credential.
    pub key_need: KeyNeed,
    /// Where it stands among providers that offer the same model: those of the config come first.
    pub(crate) rank: usize,
    pub(crate) quirks: &'static [Quirk],
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) proxy: Option<Url>,
    /// What the config says in place of the logins' own values.
    pub(crate) oauth: OAuthConfig,
    /// The address of the API that the config gives.
    pub(crate) base_url: Option<Url>,
}

/// A format that a provider speaks, with its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The format.
    pub family: Family,
    /// What the format's own path is put after; no slash at its end.
    pub base: String,
    /// How calls are written down there.
    pub wire: Wire,
    /// How the credential is sent.
    pub auth: Auth,
    /// Whether tokens are counted there; `None`: not known.
    pub counts: Option<bool>,
}

/// Which models a provider offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Models {
    /// Any, of which these are known.
    Any(Vec<ModelEntry>),
    /// These.
    Only(Vec<ModelEntry>),
}

impl Models {
    /// The ones that are known.
    pub fn known(&self) -> &[ModelEntry] {
        match self {
            Self::Any(models) | Self::Only(models) => models,
        }
    }

    /// What is known about a model.
    pub fn entry(&self, model: &str) -> Option<&ModelEntry> {
        self.known().iter().find(|entry| entry.id.as_str() == model)
    }

    /// Whether a model may be asked for.
    pub fn admit(&self, model: &str) -> bool {
        matches!(self, Self::Any(_)) || self.entry(model).is_some()
    }
}

impl ProviderSpec {
    /// A provider of the catalogue.
    pub(crate) fn of_row(
        row: &'static Row,
        config: Option<&ProviderConfig>,
        rank: usize,
    ) -> Result<Self, Error> {
        let id = ProviderId::from(row.id);
        let nothing = ProviderConfig::default();
        let said = config.unwrap_or(&nothing);
        let addresses = match &said.base_url {
            Some(given) => address::moved(row.root, row.endpoints, given),
            None => address::at_home(row.root, row.endpoints),
        };
        let mut endpoints = places(row.endpoints, &addresses);
        if let Some(family) = said.family {
            match (endpoints.iter().position(|place| place.family == family), &said.base_url) {
                (Some(at), _) => endpoints[..=at].rotate_right(1),
                (None, Some(given)) => {
                    let addresses = address::custom(family, given);
                    let base = addresses.bases.into_iter().flatten();
                    endpoints = base.map(|base| place(family, base, row.endpoints[0].auth)).collect();
                }
                (None, None) => return Err(Error::ForeignFamily { provider: id, family }),
            }
        }
        let models = match &said.models {
            Some(models) => Models::Only(models.clone()),
            None => Models::Any(row.models.iter().map(entry).collect()),
        };
        Ok(Self {
            name: row.name.to_owned(),
            row: Some(row),
            enabled: said.enabled,
            embeds: embeds(row, &endpoints),
            endpoints,
            root: addresses.root,
            models,
            list: row.list,
            health: row.health,
            key_need: row.key,
            rank,
            quirks: row.quirks,
            headers: headers(&id, said)?,
            timeout: said.timeout,
            proxy: said.proxy.clone(),
            oauth: said.oauth.clone(),
            base_url: said.base_url.clone(),
            id,
        })
    }

    /// A provider that only the config knows.
    pub(crate) fn custom(id: &ProviderId, config: &ProviderConfig, rank: usize) -> Result<Self, Error> {
        let missing = |field| Error::Incomplete { provider: id.clone(), field };
        let family = config.family.ok_or_else(|| missing("family"))?;
        let given = config.base_url.as_ref().ok_or_else(|| missing("base_url"))?;
        let Addresses { root, bases } = address::custom(family, given);
        let auth = match family {
            Family::Anthropic => Auth::XApiKey,
            Family::Gemini => Auth::XGoogApiKey,
            Family::Cohere | Family::OpenaiChat | Family::OpenaiResponses => Auth::Bearer,
        };
        Ok(Self {
            id: id.clone(),
            name: id.as_str().to_owned(),
            row: None,
            enabled: config.enabled,
            embeds: embed::Upstream::of(family).map(embed::Upstream::family),
            endpoints: bases.into_iter().flatten().map(|base| place(family, base, auth)).collect(),
            root,
            models: match &config.models {
                Some(models) => Models::Only(models.clone()),
                None => Models::Any(Vec::new()),
            },
            list: List::Static,
            health: Health::OK,
            key_need: KeyNeed::Optional,
            rank,
            quirks: &[],
            headers: headers(id, config)?,
            timeout: config.timeout,
            proxy: config.proxy.clone(),
            oauth: config.oauth.clone(),
            base_url: config.base_url.clone(),
        })
    }

    /// How a person logs in there; the first is the default. Empty where there are keys only.
    pub fn ways(&self) -> &'static [Way] {
        self.row.map(|row| row.logins).unwrap_or_default()
    }

    /// The way that a login was made: the one of this name, or the default where none was kept.
    pub fn way(&self, flow: Option<&str>) -> Option<&'static Way> {
        match flow {
            Some(name) => self.ways().iter().find(|way| way.flow.name == name),
            None => self.ways().first(),
        }
    }

    /// Whether this version can make calls with a login that was made by this flow.
    pub fn calls(&self, flow: Option<&str>) -> Calls {
        self.way(flow).map_or(Calls::NotYet, |way| way.calls)
    }

    /// Whether an API key can be used there.
    pub fn takes_key(&self) -> bool {
        self.row.is_none_or(|row| row.takes_key)
    }

    /// Whether who typed this name means a key and no login.
    pub fn asks_for_key(&self, typed: &str) -> bool {
        self.ways().is_empty() || self.row.is_some_and(|row| row.key_names.contains(&typed))
    }

    /// The name that `byok login` takes for a login there: its id, unless that means a key.
    pub fn login_name(&self) -> &str {
        let aliases = self.row.map(|row| row.aliases).unwrap_or_default().iter().copied();
        let mut names = std::iter::once(self.id.as_str()).chain(aliases);
        names.find(|name| !self.asks_for_key(name)).unwrap_or(self.id.as_str())
    }

    /// The place where it speaks a format.
    pub fn place(&self, family: Family) -> Option<&Place> {
        self.endpoints.iter().find(|place| place.family == family)
    }

    /// Where and how it makes embeddings, if it does.
    pub fn embeddings(&self) -> Option<(&Place, embed::Upstream)> {
        let family = self.embeds?;
        Some((self.place(family)?, embed::Upstream::of(family)?))
    }

    /// Whether the provider makes a model, as opposed to serving one of another maker.
    pub(crate) fn makes(&self, model: &str) -> bool {
        self.row.is_some_and(|row| row.models.iter().any(|made| made.id == model))
    }

    /// Whether a `User-Agent` is one of the vendor's own programs.
    pub(crate) fn is_genuine(&self, user_agent: &str) -> bool {
        self.row.is_some_and(|row| row.genuine.iter().any(|start| user_agent.starts_with(start)))
    }

    /// The address of a path of the provider's own API, as clients write it: from the host on, from the root
    /// on, or as a format's usual path behind a plain base URL (`/v1/chat/completions`, `/messages` …).
    pub(crate) fn own_address(&self, path: &str) -> String {
        let root = &self.root;
        let below = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
        if let Ok(url) = Url::parse(root) {
            let home = url.path().trim_end_matches('/');
            if !home.is_empty() && below(home) {
                return address::origin(&url) + path;
            }
        }
        let tail = path.strip_prefix("/v1").filter(|tail| tail.starts_with('/')).unwrap_or(path);
        let word = tail[1.min(tail.len())..].split('/').next().unwrap_or_default();
        let openai = self.endpoints.iter().filter(|place| address::is_openai(place.family));
        let place = match word {
            "messages" => self.place(Family::Anthropic).map(|place| format!("{}/v1{tail}", place.base)),
            "responses" => self
                .place(Family::OpenaiResponses)
                .or_else(|| openai.clone().next())
                .map(|place| format!("{}{tail}", place.base)),
            "chat" | "completions" | "embeddings" | "models" | "images" | "audio" | "moderations"
            | "files" | "batches" | "uploads" => self
                .place(Family::OpenaiChat)
                .or_else(|| openai.clone().next())
                .map(|place| format!("{}{tail}", place.base)),
            _ => None,
        };
        // What is left begins at the root, a format's prefix included.
        place.unwrap_or_else(|| format!("{root}{path}"))
    }
}

impl fmt::Debug for ProviderSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSpec")
            .field("id", &self.id)
            .field("enabled", &self.enabled)
            .field("endpoints", &self.endpoints)
            .field("models", &self.models)
            .finish_non_exhaustive()
    }
}

fn places(endpoints: &[Endpoint], addresses: &Addresses) -> Vec<Place> {
    let place = |(endpoint, base): (&Endpoint, &Option<String>)| {
        let base = base.clone()?;
        let Endpoint { family, wire, auth, counts, .. } = *endpoint;
        Some(Place { family, base, wire, auth, counts: Some(counts) })
    };
    endpoints.iter().zip(&addresses.bases).filter_map(place).collect()
}

/// A place of the config's, of which nothing is known about counting.
fn place(family: Family, base: String, auth: Auth) -> Place {
    let counts = match family {
        Family::Anthropic | Family::Gemini => None,
        Family::Cohere | Family::OpenaiChat | Family::OpenaiResponses => Some(false),
    };
    Place { family, base, wire: Wire::Own, auth, counts }
}

/// In which format a provider of the catalogue makes embeddings. Where the config has put a server of another
/// format in its place, the catalogue knows nothing about it.
fn embeds(row: &Row, places: &[Place]) -> Option<Family> {
    let is_in_row = |place: &Place| row.endpoints.iter().any(|endpoint| endpoint.family == place.family);
    if places.iter().all(is_in_row) {
        return row.embeds;
    }
    places.iter().find_map(|place| embed::Upstream::of(place.family)).map(embed::Upstream::family)
}

fn entry(model: &Model) -> ModelEntry {
    ModelEntry { id: ModelId::from(model.id), name: None, context: model.context, output: model.output }
}

fn headers(id: &ProviderId, config: &ProviderConfig) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    let header = |(name, value): &(String, Secret)| {
        let refused = || Error::Header { provider: id.clone(), name: name.clone() };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_invalid| refused())?;
        if is_of_the_connection(&header) {
            return Err(refused());
        }
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_invalid| refused())?;
        value.set_sensitive(true);
        Ok((header, value))
    };
    config.headers.iter().map(header).collect()
}

/// Whether a header belongs to the connection or to the framing of the body, which is byok's.
pub(crate) fn is_of_the_connection(name: &HeaderName) -> bool {
    const NAMES: [&str; 12] = [
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.contains(&name.as_str()) || name.as_str().starts_with("proxy-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    fn spec(provider: &str, config: &ProviderConfig) -> ProviderSpec {
        ProviderSpec::of_row(catalog::row(provider).unwrap(), Some(config), 0).unwrap()
    }

    fn families(spec: &ProviderSpec) -> Vec<Family> {
        spec.endpoints.iter().map(|place| place.family).collect()
    }

    #[test]
    fn the_config_can_choose_the_first_format() {
        let config = ProviderConfig { family: Some(Family::OpenaiChat), ..ProviderConfig::default() };
        assert_eq!(families(&spec("openai", &config)), [Family::OpenaiChat, Family::OpenaiResponses]);
        let foreign = ProviderConfig { family: Some(Family::Gemini), ..ProviderConfig::default() };
        let error = ProviderSpec::of_row(catalog::row("openai").unwrap(), Some(&foreign), 0).unwrap_err();
        assert!(matches!(error, Error::ForeignFamily { .. }));
    }

    #[test]
    fn embeddings_are_the_rows_unless_the_config_puts_another_server_there() {
        let of = |config: &ProviderConfig| {
            spec("openai", config).embeddings().map(|(place, _)| place.base.clone())
        };
        assert_eq!(of(&ProviderConfig::default()).as_deref(), Some("https://api.openai.com/v1"));
        let other = |family| ProviderConfig {
            family: Some(family),
            base_url: Some(Url::parse("http://127.0.0.1:9").unwrap()),
            ..ProviderConfig::default()
        };
        assert_eq!(of(&other(Family::Cohere)).as_deref(), Some("http://127.0.0.1:9"));
        assert_eq!(of(&other(Family::Anthropic)), None);
        assert!(spec("xai", &ProviderConfig::default()).embeddings().is_none());
    }

    #[test]
    fn a_login_has_a_name_that_means_no_key() {
        for (provider, name) in
            [("anthropic", "claude"), ("kimi", "kimi"), ("codex", "codex"), ("groq", "groq")]
        {
            assert_eq!(spec(provider, &ProviderConfig::default()).login_name(), name);
        }
    }

    #[test]
    fn azure_has_no_address_of_its_own() {
        assert!(spec("azure_openai", &ProviderConfig::default()).endpoints.is_empty());
        let base_url = Some(Url::parse("https://me.openai.azure.com").unwrap());
        let azure = spec("azure_openai", &ProviderConfig { base_url, ..ProviderConfig::default() });
        assert_eq!(azure.endpoints[0].base, "https://me.openai.azure.com/openai/v1");
    }

    #[test]
    fn own_addresses_are_found_however_they_are_written() {
        let check = |provider: &str, path: &str, address: &str| {
            assert_eq!(spec(provider, &ProviderConfig::default()).own_address(path), address, "{path}");
        };
        check("anthropic", "/v1/messages", "https://api.anthropic.com/v1/messages");
        check("anthropic", "/v1/models", "https://api.anthropic.com/v1/models");
        check("openai", "/v1/files", "https://api.openai.com/v1/files");
        check("openai", "/chat/completions", "https://api.openai.com/v1/chat/completions");
        check("groq", "/openai/v1/models", "https://api.groq.com/openai/v1/models");
        check("groq", "/v1/models", "https://api.groq.com/openai/v1/models");
        check("deepseek", "/anthropic/v1/messages", "https://api.deepseek.com/anthropic/v1/messages");
        check("deepseek", "/v1/messages", "https://api.deepseek.com/anthropic/v1/messages");
        check("deepseek", "/user/balance", "https://api.deepseek.com/user/balance");
        check("iflow", "/api/paas/v4/chat/completions", "https://api.z.ai/api/paas/v4/chat/completions");
        check("iflow", "/v1/chat/completions", "https://api.z.ai/api/paas/v4/chat/completions");
        check("ollama", "/api/tags", "http://127.0.0.1:11434/api/tags");
        check("gemini", "/v1beta/models", "https://generativelanguage.googleapis.com/v1beta/models");
        check("openrouter", "/api/v1/key", "https://openrouter.ai/api/v1/key");
    }

    #[test]
    fn headers_of_the_connection_are_refused() {
        let headers = vec![("host".to_owned(), Secret::new("evil"))];
        let config = ProviderConfig { headers, ..ProviderConfig::default() };
        let error = ProviderSpec::of_row(catalog::row("openai").unwrap(), Some(&config), 0).unwrap_err();
        assert!(error.to_string().contains("host"), "{error}");
    }

    #[test]
    fn debug_shows_no_secret() {
        let config = ProviderConfig {
            headers: vec![("x-gate".to_owned(), Secret::new("gate-secret-4567"))],
            ..ProviderConfig::default()
        };
        let shown = format!("{:?}", spec("openai", &config));
        assert!(!shown.contains("4567"), "{shown}");
    }
}
