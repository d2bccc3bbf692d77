//! Where a provider's formats are, when the person gives another `base_url` than the catalogue's.
//!
//! People paste what they have: a bare host, a host with `/v1`, the whole base of one format, a gateway's
//! path in front of it. The rules, in this order:
//!
//! 1. Where the end of the given path is the beginning of one of the provider's own (`/api` or `/api/v1` of
//!    `/api/v1`), it stands for that one; what is before it is a gateway's, and all formats follow.
//! 2. Where it ends in a version (`/v1`, `/v4`, `/v1beta`), it is the base of the first format, as it stands.
//! 3. Otherwise it is what stands in front of the provider's own paths.

use byok_types::Family;
use url::Url;

use crate::row::Endpoint;

/// The addresses of one provider, none with a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// What the provider's own API is below.
    pub(crate) root: String,
    /// The base of each format, in the order of the endpoints; `None` where it cannot be told.
    pub(crate) bases: Vec<Option<String>>,
}

/// The addresses of a provider of the catalogue at its own place.
pub(crate) fn at_home(root: &str, endpoints: &[Endpoint]) -> Addresses {
    let base = |endpoint: &Endpoint| (!root.is_empty()).then(|| format!("{root}{}", endpoint.prefix));
    Addresses { root: root.to_owned(), bases: endpoints.iter().map(base).collect() }
}

/// The addresses of a provider of the catalogue at `given`.
pub(crate) fn moved(root: &str, endpoints: &[Endpoint], given: &Url) -> Addresses {
    let origin = origin(given);
    let path = segments(given.path());
    let home = Url::parse(root).ok();
    let home: Vec<&str> = home.as_ref().map(|home| segments(home.path())).unwrap_or_default();
    let own = |endpoint: &Endpoint| {
        let prefix = endpoint.prefix.split('/').filter(|part| !part.is_empty());
        let version = match endpoint.family {
            Family::Anthropic => Some("v1"),
            Family::Cohere => Some("v2"),
            Family::Gemini => Some("v1beta"),
            Family::OpenaiChat | Family::OpenaiResponses => None,
        };
        home.iter().copied().chain(prefix).chain(version).collect::<Vec<_>>()
    };
    let overlap = endpoints.iter().map(|endpoint| overlap(&path, &own(endpoint))).max().unwrap_or(0);
    let ends_in_version = path.last().is_some_and(|last| is_version(last));
    let first = endpoints.first();
    if overlap == 0 && ends_in_version {
        let rest = join(&origin, &path[..path.len() - 1]);
        let whole = join(&origin, &path);
        let same_base = |endpoint: &Endpoint| {
            is_openai(endpoint.family) && first.is_some_and(|first| first.prefix == endpoint.prefix)
        };
        let literal = first.is_some_and(|first| is_openai(first.family));
        let base = |endpoint: &Endpoint| match literal {
            true if same_base(endpoint) => Some(whole.clone()),
            // The given path says nothing about where the others are, unless there is only the version.
            true => (path.len() == 1).then(|| format!("{rest}{}", endpoint.prefix)),
            false => Some(format!("{rest}{}", endpoint.prefix)),
        };
        return Addresses { bases: endpoints.iter().map(base).collect(), root: rest };
    }
    let root = join(&join(&origin, &path[..path.len() - overlap]), &home);
    at_home(&root, endpoints)
}

/// The addresses of a provider that only the config knows: its root, and the base of its one format. For
/// OpenAI's formats a path is taken as it stands and a bare host has `/v1`; for the others a version at the
/// end is part of the format's own path.
pub(crate) fn custom(family: Family, given: &Url) -> Addresses {
    let origin = origin(given);
    let mut path = segments(given.path());
    let base = match family {
        Family::OpenaiChat | Family::OpenaiResponses if path.is_empty() => format!("{origin}/v1"),
        _ => join(&origin, &path),
    };
    if path.last().is_some_and(|last| is_version(last)) {
        path.pop();
    }
    let root = join(&origin, &path);
    let base = if is_openai(family) { base } else { root.clone() };
    Addresses { root, bases: vec![Some(base)] }
}

/// Whether the format's own path leaves out the version.
pub(crate) fn is_openai(family: Family) -> bool {
    matches!(family, Family::OpenaiChat | Family::OpenaiResponses)
}

/// Scheme, host and port.
pub(crate) fn origin(url: &Url) -> String {
    // Without the path; user info, query and fragment are not allowed in a `base_url`.
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}", url.scheme())
}

fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty()).collect()
}

fn join(before: &str, segments: &[&str]) -> String {
    segments.iter().fold(before.to_owned(), |all, segment| all + "/" + segment)
}

/// How many segments at the end of `path` are the beginning of `own`.
fn overlap(path: &[&str], own: &[&str]) -> usize {
    (1..=path.len().min(own.len())).rev().find(|n| path[path.len() - n..] == own[..*n]).unwrap_or(0)
}

/// Whether a segment is a version: `v1`, `v4`, `v1beta`.
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::row;

    /// The bases of a provider's formats, without the host they share.
    fn bases(provider: &str, given: &str) -> Vec<String> {
        let row = row(provider).unwrap();
        let addresses = moved(row.root, row.endpoints, &Url::parse(given).unwrap());
        let short =
            |base: Option<String>| base.map_or("-".to_owned(), |base| base.replacen("http://h:9", "", 1));
        addresses.bases.into_iter().map(short).collect()
    }

    #[test]
    fn both_spellings_are_understood() {
        for given in ["http://h:9", "http://h:9/", "http://h:9/v1", "http://h:9/v1/"] {
            assert_eq!(bases("openai", given), ["/v1", "/v1"], "{given}");
            assert_eq!(bases("anthropic", given), [""], "{given}");
            assert_eq!(bases("mistral", given), ["/v1"], "{given}");
        }
        for given in ["http://h:9", "http://h:9/v1beta", "http://h:9/v1"] {
            assert_eq!(bases("gemini", given), [""], "{given}");
        }
        assert_eq!(bases("cohere", "http://h:9/v2"), [""]);
        for given in ["http://h:9", "http://h:9/api", "http://h:9/api/v1"] {
            assert_eq!(bases("openrouter", given), ["/api/v1", "/api/v1", "/api"], "{given}");
        }
    }

    #[test]
    fn a_gateway_stands_in_front() {
        assert_eq!(bases("openai", "http://h:9/gw"), ["/gw/v1", "/gw/v1"]);
        assert_eq!(bases("openai", "http://h:9/gw/v1"), ["/gw/v1", "/gw/v1"]);
        assert_eq!(bases("anthropic", "http://h:9/gw/v1"), ["/gw"]);
        assert_eq!(bases("deepseek", "http://h:9/gw/anthropic"), ["/gw", "/gw/anthropic"]);
    }

    #[test]
    fn another_version_is_taken_as_it_stands() {
        assert_eq!(bases("deepseek", "http://h:9/v1"), ["/v1", "/anthropic"]);
        assert_eq!(bases("groq", "http://h:9/v1"), ["/v1", "/v1"]);
        assert_eq!(bases("iflow", "http://h:9/api/coding/paas/v4"), ["/api/coding/paas/v4", "-", "-"]);
        assert_eq!(
            bases("qwen", "http://h:9/compatible-mode/v1"),
            ["/compatible-mode/v1", "/apps/anthropic"]
        );
    }

    #[test]
    fn a_provider_of_the_config() {
        let custom = |family, given: &str| {
            let Addresses { root, bases } = custom(family, &Url::parse(given).unwrap());
            (root, bases.into_iter().next().flatten().unwrap())
        };
        let owned = |root: &str, base: &str| (root.to_owned(), base.to_owned());
        assert_eq!(custom(Family::OpenaiChat, "http://h:9"), owned("http://h:9", "http://h:9/v1"));
        assert_eq!(custom(Family::OpenaiChat, "http://h:9/v1/"), owned("http://h:9", "http://h:9/v1"));
        assert_eq!(
            custom(Family::OpenaiChat, "https://h/v1/me/gw"),
            owned("https://h/v1/me/gw", "https://h/v1/me/gw")
        );
        assert_eq!(custom(Family::Anthropic, "http://h:9/v1"), owned("http://h:9", "http://h:9"));
        assert_eq!(
            custom(Family::Gemini, "http://[::1]:9/x/v1beta"),
            owned("http://[::1]:9/x", "http://[::1]:9/x")
        );
    }
}
