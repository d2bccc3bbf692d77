//! Where a flow's requests go: its own addresses, with the config's in their place.

use url::{Host, Url};

use super::{Flow, LoginError, Overrides};

/// The addresses of one login.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    region: Option<String>,
    /// The flow's own, which tells what belongs to the same vendor's domain.
    own_token: Url,
    pub(crate) token: Url,
    moved: bool,
    api: Option<Url>,
}

impl Addresses {
    pub(crate) fn new(flow: &Flow, overrides: &Overrides, region: Option<&str>) -> Result<Self, LoginError> {
        let region = match region.map(str::trim).filter(|region| !region.is_empty()) {
            Some(region) => Some(valid_region(region)?),
            None => flow.region.map(ToOwned::to_owned),
        };
        let own_token = filled(flow.token.url, region.as_deref())?;
        let api = overrides.api_base.as_deref().map(Url::parse).transpose().map_err(|error| {
            LoginError::Setting { name: "base_url", wrong: format!("it is no address ({error})") }
        })?;
        Ok(Self {
            token: overrides.token_url.clone().unwrap_or_else(|| own_token.clone()),
            moved: overrides.token_url.is_some(),
            own_token,
            region,
            api,
        })
    }

    pub(crate) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// An address with a setting of its own.
    pub(crate) fn set(&self, own: &str, given: Option<&Url>) -> Result<Url, LoginError> {
        given.map_or_else(|| filled(own, self.region()), |given| Ok(given.clone()))
    }

    /// An address of the login that has no setting of its own: it goes where the token address goes.
    pub(crate) fn login(&self, own: &str) -> Result<Url, LoginError> {
        let url = filled(own, self.region())?;
        Ok(if self.moved { self.moved(url) } else { url })
    }

    /// An address of the provider's API.
    pub(crate) fn api(&self, own: &str) -> Result<Url, LoginError> {
        let url = filled(own, self.region())?;
        Ok(match &self.api {
            Some(api) => at_origin(url, api, None),
            None => url,
        })
    }

    /// Whether an address that the vendor named may be sent tokens: at a trusted host or below one, or,
    /// where the person has moved the login, at the host that it was moved to.
    pub(crate) fn trusts(&self, url: &Url, trusted: &[&str]) -> bool {
        let plain = url.username().is_empty() && url.password().is_none();
        let Some(host) = url.host_str().filter(|_| plain) else { return false };
        let below = |domain: &str| {
            host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
        };
        let there = self.moved && self.token.host_str().is_some_and(below);
        let secure = url.scheme() == "https" || (there && url.scheme() == "http" && is_loopback(url));
        secure && (there || trusted.iter().any(|domain| below(domain)))
    }

    /// A domain below the token address's stays one: `api.github.com` beside `github.com` becomes
    /// `api.me.ghe.com` beside `me.ghe.com`.
    fn moved(&self, url: Url) -> Url {
        let sub = match (&url.host(), &self.own_token.host()) {
            (Some(Host::Domain(of)), Some(Host::Domain(own))) => {
                of.strip_suffix(*own).and_then(|rest| rest.strip_suffix('.')).map(ToOwned::to_owned)
            }
            _ => None,
        };
        at_origin(url, &self.token, sub.as_deref())
    }
}

/// The origin of an address, as an issuer is written.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The host of an address, for people.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// An address that a person is sent to: https, or this machine.
pub(crate) fn visitable(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    let fits = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    (fits && url.host_str().is_some_and(|host| !host.is_empty())).then_some(url)
}

fn at_origin(url: Url, origin: &Url, sub: Option<&str>) -> Url {
    let mut moved = origin.clone();
    moved.set_path(url.path());
    moved.set_query(url.query());
    moved.set_fragment(None);
    if let (Some(sub), Some(Host::Domain(host))) = (sub, origin.host())
        && host != "localhost"
    {
        let host = format!("{sub}.{host}");
        if moved.set_host(Some(&host)).is_err() {
            return url;
        }
    }
    moved
}

fn filled(own: &str, region: Option<&str>) -> Result<Url, LoginError> {
    let text = own.replace("{region}", region.unwrap_or_default());
    Url::parse(&text).map_err(|error| LoginError::Setting {
        name: "the address of the login",
        wrong: format!("`{text}` cannot be used ({error}); name one in the config, under `oauth`"),
    })
}

/// A region stands in host names, so it must not be able to name another host.
fn valid_region(region: &str) -> Result<String, LoginError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if region.len() <= 32 && region.bytes().all(plain) && !region.starts_with('-') && !region.ends_with('-') {
        return Ok(region.to_owned());
    }
    Err(LoginError::Setting { name: "the region", wrong: "it is written like us-east-1".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::TokenAddress;

    fn addresses(token: &'static str, moved: Option<&str>) -> Addresses {
        let flow = Flow { token: TokenAddress::form(token), region: Some("us-east-1"), ..Flow::BASE };
        let token_url = moved.map(|url| Url::parse(url).unwrap());
        Addresses::new(&flow, &Overrides { token_url, ..Overrides::default() }, None).unwrap()
    }

    #[test]
    fn what_has_no_setting_follows_the_token_address() {
        let check = |moved: Option<&str>, expected: &str| {
            let own = addresses("https://github.com/login/oauth/access_token", moved);
            assert_eq!(own.login("https://api.github.com/x?y=1").unwrap().as_str(), expected);
        };
        check(None, "https://api.github.com/x?y=1");
        check(Some("http://127.0.0.1:81/token"), "http://127.0.0.1:81/x?y=1");
        check(Some("http://localhost:81/token"), "http://localhost:81/x?y=1");
        check(Some("https://me.ghe.com/token"), "https://api.me.ghe.com/x?y=1");
    }

    #[test]
    fn a_region_names_no_host() {
        let flow = Flow { token: TokenAddress::form("https://oidc.{region}.aws/t"), ..Flow::BASE };
        let token = |region| Addresses::new(&flow, &Overrides::default(), Some(region)).map(|all| all.token);
        assert_eq!(token("eu-west-1").unwrap().as_str(), "https://oidc.eu-west-1.aws/t");
        for bad in ["evil.com/", "a.b", "A", "x@y", "-a", "..", "a b", &"x".repeat(33)] {
            assert!(token(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tokens_go_to_trusted_hosts_only() {
        let trusts = |moved: Option<&str>, url: &str| {
            addresses("https://github.com/t", moved).trusts(&Url::parse(url).unwrap(), &["copilot.com"])
        };
        for good in ["https://copilot.com", "https://api.copilot.com/x"] {
            assert!(trusts(None, good), "{good}");
        }
        for bad in [
            "http://api.copilot.com",
            "https://evilcopilot.com",
            "https://copilot.com.evil.net",
            "https://api.copilot.com@evil.net",
            "https://me:pw@api.copilot.com",
            "http://127.0.0.1:1",
        ] {
            assert!(!trusts(None, bad), "{bad}");
        }
        assert!(trusts(Some("http://127.0.0.1:9/t"), "http://127.0.0.1:1/x"));
        assert!(!trusts(Some("http://127.0.0.1:9/t"), "http://10.0.0.1/x"));
        assert!(trusts(Some("https://me.ghe.com/t"), "https://copilot-api.me.ghe.com"));
    }
}
