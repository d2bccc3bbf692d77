//! Addresses: where byok calls, and from where it may be called.
//!
//! An upstream is reached over https, or over plain http where nobody else listens: on this machine, in a
//! private network, at a name that only a local resolver knows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::error::Reason;

/// The address of an API.
pub(super) fn base_url(text: &str) -> Result<Url, Reason> {
    let url = upstream(text)?;
    if url.query().is_some() {
        return Err(Reason::Rule("must not have a query (`?…`); byok adds path and query itself"));
    }
    Ok(url)
}

/// An address of a login, which may carry a query of its own.
pub(super) fn upstream(text: &str) -> Result<Url, Reason> {
    let url = absolute(text)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Reason::Rule("must start with https:// or http://"));
    }
    if has_user_info(&url) {
        return Err(Reason::Rule(
            "must not hold a user name or password; put a key into `api_key` or `headers`",
        ));
    }
    if url.fragment().is_some() {
        return Err(Reason::Rule("must not have a fragment (`#…`)"));
    }
    if url.scheme() == "http" && !url.host().as_ref().is_some_and(is_local) {
        return Err(Reason::Rule(
            "plain http would send the key unencrypted over the internet; use https:// (http:// is for loopback and private addresses and for names of the local network)",
        ));
    }
    Ok(url)
}

/// The address of a proxy, which may hold a user name and a password.
pub(super) fn proxy(text: &str) -> Result<Url, Reason> {
    let url = absolute(text)?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
        return Err(Reason::Rule("must start with http://, https://, socks5:// or socks5h://"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(NO_ADDRESS);
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(Reason::Rule("must end after the host and the port"));
    }
    Ok(url)
}

/// Whether there is a user name or a password in the address.
pub(super) fn has_user_info(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

const NO_ADDRESS: Reason = Reason::Rule("must be a full address, such as https://host/v1");

fn absolute(text: &str) -> Result<Url, Reason> {
    // `Url` would quietly drop tabs and line breaks, and take `\` for `/`.
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(Reason::Rule("must not hold spaces, line breaks or `\\`"));
    }
    // `Url` also mends `https:host` and `https:/host`; a person should see that something is missing.
    if !text.contains("://") {
        return Err(NO_ADDRESS);
    }
    Url::parse(text).or(Err(NO_ADDRESS))
}

/// Whether only this machine or a network of one's own is behind the host.
fn is_local(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => is_local_v4(*address),
        Host::Ipv6(address) => is_local_v6(*address),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            // No public name is of one label, or ends in a domain that is set aside for local use
            // (RFC 6761, 6762, 8375; ICANN's reservation of `internal`) or is not delegated (`lan`).
            !name.contains('.')
                || [".localhost", ".local", ".internal", ".home.arpa", ".lan"]
                    .iter()
                    .any(|suffix| name.ends_with(suffix))
        }
    }
}

fn is_local_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        // Shared address space (RFC 6598), where overlay networks give out addresses.
        || (a == 100 && (64..128).contains(&b))
}

fn is_local_v6(address: Ipv6Addr) -> bool {
    if let Some(address) = address.to_ipv4_mapped() {
        return is_local_v4(address);
    }
    address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
}

/// Whether the address is link-local: there a cloud's machines fetch their credentials.
pub(crate) fn is_link_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_link_local(),
        Some(Host::Ipv6(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.is_link_local(),
            None => address.is_unicast_link_local(),
        },
        Some(Host::Domain(_)) | None => false,
    }
}

/// A name by which browsers and tools reach this machine, as in a `Host` header without a port.
pub(super) fn host(text: &str) -> Result<String, Reason> {
    let rule = Reason::Rule(
        "must be the name or address of this machine alone, without scheme, port or path, such as box.local",
    );
    let bare: Result<IpAddr, _> = text.parse();
    let host = match bare {
        Ok(IpAddr::V6(address)) => Host::Ipv6(address),
        _ if text.contains(['*', '/', ':', '@', '?', '#', ' ']) && !text.starts_with('[') => {
            return Err(rule);
        }
        _ => Host::parse(text).or(Err(rule))?,
    };
    Ok(host.to_string())
}

/// An origin of web pages, as in an `Origin` header.
pub(super) fn origin(text: &str) -> Result<String, Reason> {
    if matches!(text, "*" | "null") {
        return Err(Reason::Rule(
            "this would let every web page spend your accounts; name the origins one by one",
        ));
    }
    let rule = Reason::Rule(
        "must be an origin, such as https://app.example or http://localhost:3000: scheme, host and port, no path",
    );
    let Ok(url) = Url::parse(text) else {
        return Err(rule);
    };
    // A browser writes no trailing slash, and no pattern is matched.
    let bare = matches!(url.path(), "" | "/")
        && !text.ends_with('/')
        && !text.contains('*')
        && url.query().is_none()
        && url.fragment().is_none()
        && !has_user_info(&url);
    let Some(host) = url.host_str().filter(|host| bare && !host.is_empty()) else {
        return Err(rule);
    };
    // Extensions and desktop shells have schemes of their own, for which `Url::origin` knows no text.
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{}://{host}{port}", url.scheme()))
}

#[cfg(test)]
mod tests;
