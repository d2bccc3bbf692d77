//! Who may enter. Every request passes here before anything else looks at it, whatever its path, method
//! and key (security facts, sections 2 and 3).
//!
//! Loopback is a route, not an authentication: any web page and any local user can connect. A page shows
//! itself by the name in `Host` (a name it controls, after DNS rebinding), by `Origin`, by
//! `Sec-Fetch-Site`, or by being able to send only what needs no preflight. Those four are checked here,
//! independently of each other, and then the key.
//!
//! Nothing of a request is repeated in a refusal.

use std::net::{IpAddr, SocketAddr};

use byok_config::Config;
use byok_types::{Blame, Code, Fault};
use http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, ORIGIN, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::routes;

/// The longest request target, in bytes.
const MAX_TARGET: usize = 16 * 1024;

/// Headers that carry a client's key. A page cannot add any of them without a preflight.
pub(crate) const KEY_HEADERS: [HeaderName; 4] = [
    AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

/// The address that requests come in at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doorway {
    /// The address that is bound, its port included.
    pub(crate) address: SocketAddr,
}

impl Doorway {
    /// Whether only this machine can reach it.
    pub(crate) fn is_local(self) -> bool {
        self.address.ip().is_loopback()
    }

    /// Whether a key is needed: asked for by the config, or because others can reach the door.
    pub(crate) fn wants_key(self, config: &Config) -> bool {
        config.require_key || !self.is_local()
    }

    /// Whether `host`, the text of a `Host` header, means this door.
    fn is_meant_by(self, host: &str, config: &Config) -> bool {
        let Some((name, port)) = split_port(host) else { return false };
        let allowed = config.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
        // A configured name may stand for a tunnel or a mapped port, so its port is the person's business.
        allowed || (port.unwrap_or(80) == self.address.port() && self.is_called(name))
    }

    fn is_called(self, name: &str) -> bool {
        if ["127.0.0.1", "localhost", "[::1]"].iter().any(|own| own.eq_ignore_ascii_case(name)) {
            return true;
        }
        // An address that the person chose to listen on. An address cannot be rebound as a name can.
        match self.address.ip() {
            ip if ip.is_loopback() || ip.is_unspecified() => false,
            IpAddr::V4(ip) => name == ip.to_string(),
            IpAddr::V6(ip) => name.eq_ignore_ascii_case(&format!("[{ip}]")),
        }
    }
}

/// A `Host` as name and port, if it has the form of one.
fn split_port(host: &str) -> Option<(&str, Option<u16>)> {
    let name_end = match host.find(']') {
        Some(bracket) if host.starts_with('[') => bracket + 1,
        Some(_) => return None,
        None => host.find(':').unwrap_or(host.len()),
    };
    let (name, port) = host.split_at(name_end);
    if name.is_empty() {
        return None;
    }
    if port.is_empty() {
        return Some((name, None));
    }
    let digits = port.strip_prefix(':')?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    if !plain {
        return None;
    }
    Some((name, Some(digits.parse().ok()?)))
}

/// Whether the request comes from where requests may come from. Returns the origin that it names, if that
/// is one the person allowed.
pub(crate) fn admit(
    parts: &Parts,
    doorway: Doorway,
    config: &Config,
) -> Result<Option<HeaderValue>, Box<Fault>> {
    check_host(parts, doorway, config)?;
    let origin = check_origin(&parts.headers, config)?;
    if origin.is_none() {
        check_fetch_site(&parts.headers)?;
    }
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_TARGET {
        return Err(refusal(414, "the request's address is longer than 16 KB"));
    }
    Ok(origin)
}

fn check_host(parts: &Parts, doorway: Doorway, config: &Config) -> Result<(), Box<Fault>> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(refusal(400, "a request needs exactly one Host header"));
    };
    let meant = host.to_str().is_ok_and(|host| doorway.is_meant_by(host, config));
    if !meant {
        let port = doorway.address.port();
        return Err(forbidden(format!(
            "byok answers only to the names 127.0.0.1:{port}, localhost:{port} and [::1]:{port}; \
             further names go under `allowed_hosts` in the config"
        )));
    }
    // A target such as `http://other/v1/…` names a host too. Both must mean the same.
    match parts.uri.authority() {
        Some(authority) if !authority.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes()) => {
            Err(refusal(400, "the request's address and its Host header name different hosts"))
        }
        _ => Ok(()),
    }
}

fn check_origin(headers: &HeaderMap, config: &Config) -> Result<Option<HeaderValue>, Box<Fault>> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return Ok(None) };
    let allowed = config.allowed_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes());
    if !allowed || origins.next().is_some() {
        return Err(forbidden(
            "this web origin may not use byok; origins that may go under `allowed_origins` in the config",
        ));
    }
    Ok(Some(origin.clone()))
}

/// Browsers say which requests come from other sites; programs say nothing.
fn check_fetch_site(headers: &HeaderMap) -> Result<(), Box<Fault>> {
    let foreign = |value: &HeaderValue| !matches!(value.as_bytes(), b"none" | b"same-origin");
    if headers.get_all("sec-fetch-site").iter().any(foreign) {
        return Err(forbidden("other web sites may not use byok"));
    }
    Ok(())
}

/// Whether the request is a browser's question for permission. To be answered for allowed origins only.
pub(crate) fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Whether the request has a form that byok serves: JSON where something is posted, and no socket.
pub(crate) fn check_form(parts: &Parts) -> Result<(), Box<Fault>> {
    let headers = &parts.headers;
    if is_websocket(headers) {
        return Err(refusal(426, "byok serves no WebSockets; the same path answers a POST over HTTP"));
    }
    let foreign = routes::is_providers_own(parts.uri.path());
    if parts.method == Method::POST && !is_json(headers) {
        // A provider's own API takes uploads and other forms too. They are let in with a key header: with
        // one, a page would have had to ask first.
        let asked_first = foreign && KEY_HEADERS.iter().any(|name| headers.contains_key(name));
        if !asked_first {
            return Err(refusal(415, "the request needs the header `content-type: application/json`"));
        }
    }
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !foreign && !headers.get_all(CONTENT_ENCODING).iter().all(plain) {
        return Err(refusal(
            415,
            "compressed request bodies are not understood here; send the JSON as it is",
        ));
    }
    Ok(())
}

fn is_websocket(headers: &HeaderMap) -> bool {
    headers.get_all(UPGRADE).iter().any(|value| {
        value.to_str().is_ok_and(|text| {
            text.split(',').any(|protocol| protocol.trim().to_ascii_lowercase().starts_with("websocket"))
        })
    })
}

/// Exactly `application/json`, with or without parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else { return false };
    let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// The session keys that a request offers: every value that starts with `byk_`, wherever a key may stand.
/// Other values are none of byok's business.
pub(crate) fn offered_keys(headers: &HeaderMap, uri: &Uri) -> Vec<String> {
    let mut keys = Vec::new();
    for name in &KEY_HEADERS {
        for value in headers.get_all(name) {
            let Ok(text) = value.to_str() else { continue };
            let text = text.trim();
            let key = match text.split_once(' ') {
                Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
                _ => text,
            };
            if key.starts_with(KEY_PREFIX) {
                keys.push(key.to_owned());
            }
        }
    }
    if let Some(query) = uri.query() {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let of_query = pairs.filter(|(name, key)| name == "key" && key.starts_with(KEY_PREFIX));
        keys.extend(of_query.map(|(_, key)| key.into_owned()));
    }
    keys
}

/// What every session key starts with.
const KEY_PREFIX: &str = "byk_";

fn refusal(status: u16, message: &str) -> Box<Fault> {
    Box::new(Fault::new(status, Blame::Client, message))
}

fn forbidden(message: impl Into<String>) -> Box<Fault> {
    Box::new(Fault::new(403, Blame::Client, message).with_code(Code::ProviderUnavailable))
}

#[cfg(test)]
mod tests;
