//! The validated config that every other crate sees.
//!
//! Values are parsed as far as they can be: addresses are [`Url`]s, seconds are [`Duration`]s, keys are
//! [`Secret`]s. `Debug` shows no secret, also not the password in a proxy's address.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use byok_types::{AppId, Family, ModelId, ProviderId, Secret};
use url::Url;

/// Everything that can be configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen on. A change needs a restart.
    pub host: IpAddr,
    /// The port to listen on; 0 lets the system choose. A change needs a restart.
    pub port: u16,
    /// What the person says about providers, by the name they wrote: a built-in one, an alias of one, or
    /// a name of their own. byok-provider resolves which.
    pub providers: BTreeMap<ProviderId, ProviderConfig>,
    /// Other names for models: what a tool asks for, and what it gets.
    pub aliases: BTreeMap<String, String>,
    /// Whether only callers with a `byk_` key are served.
    pub require_key: bool,
    /// Keys for tools, given in the file. Names and keys are unique.
    pub keys: Vec<ClientKey>,
    /// Host names that are accepted beside the loopback ones, in the form they have in a `Host` header
    /// (lower case, IPv6 in brackets), without a port.
    pub allowed_hosts: Vec<String>,
    /// Web origins that are accepted, in the form they have in an `Origin` header
    /// (`https://app.example`, no path, no default port).
    pub allowed_origins: Vec<String>,
    /// How long to wait for upstreams.
    pub timeouts: Timeouts,
    /// How streams are kept alive.
    pub streaming: Streaming,
    /// How much a client may send.
    pub limits: Limits,
    /// What is logged.
    pub log: Log,
    /// What to do when the target's format cannot express a part of a request.
    pub on_lossy: OnLossy,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8018,
            providers: BTreeMap::new(),
            aliases: BTreeMap::new(),
            require_key: false,
            keys: Vec::new(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            timeouts: Timeouts::default(),
            streaming: Streaming::default(),
            limits: Limits::default(),
            log: Log::default(),
            on_lossy: OnLossy::default(),
        }
    }
}

impl Config {
    /// Every secret in the config, for the layer that redacts them from all output. A proxy's password is
    /// part of its [`Url`] and is not among them; short and harmless header values are.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let of_providers = self.providers.values().flat_map(|provider| {
            let headers = provider.headers.iter().map(|(_, value)| value);
            provider.api_key.iter().chain(&provider.oauth.client_secret).chain(headers)
        });
        self.keys.iter().map(|key| &key.key).chain(of_providers)
    }
}

/// What the config says about one provider. What is `None` is as the catalog has it.
#[derive(Clone)]
pub struct ProviderConfig {
    /// Whether the provider may be used. On unless the file says otherwise.
    pub enabled: bool,
    /// A key, which takes precedence over a login.
    pub api_key: Option<Secret>,
    /// The address of the API: http or https, without user info, query or fragment; plain http to local
    /// and private addresses only.
    pub base_url: Option<Url>,
    /// The wire format that the address speaks.
    pub family: Option<Family>,
    /// The models that are offered. `None`: whichever are asked for; an empty list: none.
    pub models: Option<Vec<ModelEntry>>,
    /// Headers to add, names in lower case. Values may be keys, so all of them are kept as secrets.
    pub headers: Vec<(String, Secret)>,
    /// How long the first byte may take, instead of `timeouts.first_byte` (`timeout_s` in the file).
    pub timeout: Option<Duration>,
    /// A proxy on the way to the provider: http, https, socks5 or socks5h. It may hold a user name and a
    /// password, so it must not be printed.
    pub proxy: Option<Url>,
    /// What to use for the login instead of what the catalog has.
    pub oauth: OAuthConfig,
}

impl Default for ProviderConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            api_key: None,
            base_url: None,
            family: None,
            models: None,
            headers: Vec::new(),
            timeout: None,
            proxy: None,
            oauth: OAuthConfig::default(),
        }
    }
}

impl fmt::Debug for ProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { enabled, api_key, base_url, family, models, headers, timeout, proxy, oauth } = self;
        f.debug_struct("ProviderConfig")
            .field("enabled", enabled)
            .field("api_key", api_key)
            .field("base_url", &base_url.as_ref().map(Url::as_str))
            .field("family", family)
            .field("models", models)
            .field("headers", headers)
            .field("timeout", timeout)
            .field("proxy", &proxy.as_ref().map(without_user_info))
            .field("oauth", oauth)
            .finish()
    }
}

/// The address with nothing of its user name and password.
fn without_user_info(url: &Url) -> String {
    format!(
        "{}://{}{}",
        url.scheme(),
        url.host_str().unwrap_or_default(),
        url.port().map(|port| format!(":{port}")).unwrap_or_default()
    )
}

/// A model that a provider offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelEntry {
    /// The model as the provider names it.
    pub id: ModelId,
    /// A name for people.
    pub name: Option<String>,
    /// How many tokens fit into a request and its answer.
    pub context: Option<u32>,
    /// How many tokens an answer may have.
    pub output: Option<u32>,
}

/// A person's own way to log in: their own OAuth app, or other addresses.
#[derive(Clone, Debug, Default)]
pub struct OAuthConfig {
    /// The id of the app that asks.
    pub client_id: Option<String>,
    /// The secret of that app, if it has one.
    pub client_secret: Option<Secret>,
    /// Where the person grants access.
    pub authorize_url: Option<Url>,
    /// Where tokens are fetched and refreshed.
    pub token_url: Option<Url>,
    /// Where a device code is fetched.
    pub device_url: Option<Url>,
    /// What access to ask for.
    pub scopes: Option<Vec<String>>,
}

/// A key for a tool, given in the file.
#[derive(Clone, Debug)]
pub struct ClientKey {
    /// The app that calls with the key.
    pub name: AppId,
    /// The key: starts with `byk_`, 16 characters at least.
    pub key: Secret,
}

/// How long to wait for upstreams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For the first byte of an answer.
    pub first_byte: Duration,
    /// Between two bytes of an answer.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(600),
            idle: Duration::from_secs(120),
        }
    }
}

/// How streams are kept alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streaming {
    /// How often a client hears something while its upstream is silent; `None` for never.
    pub keepalive: Option<Duration>,
}

impl Default for Streaming {
    fn default() -> Self {
        Self { keepalive: Some(Duration::from_secs(15)) }
    }
}

/// How much a client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The size of a request's body, in bytes.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 32 * 1024 * 1024 }
    }
}

/// What is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// How much. `RUST_LOG` and `-v` win over it.
    pub level: LogLevel,
}

/// How much is logged; each level includes the ones before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What may be wrong.
    Warn,
    /// One line for each request.
    #[default]
    Info,
    /// Why things went as they went.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// From the quietest to the loudest.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The name in the config and in `RUST_LOG`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What to do when the target's format cannot express a part of a request that the answer depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLossy {
    /// Refuse the request and say which part.
    #[default]
    Refuse,
    /// Leave the part out and name it in `x-byok-dropped`.
    Drop,
}
