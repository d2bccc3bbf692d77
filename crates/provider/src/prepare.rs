//! The request that goes out: its headers, and the credential in them.
//!
//! Of the client's headers only those on a list pass, so that nothing about the person, the browser or the
//! tool's key reaches an upstream by accident. The upstream's address never comes from the client.

use byok_types::{Blame, Code, Credential, Family, Fault, Secret};
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

use crate::row::Auth;
use crate::spec::{ProviderSpec, is_of_the_connection};

/// How byok names itself.
pub(crate) const OWN_NAME: &str = concat!("byok/", env!("CARGO_PKG_VERSION"));
/// The version of Anthropic's format that byok writes; a client's own passes (wire-format facts, 0.1).
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// A request but for its credential, which differs from account to account.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) auth: Auth,
}

impl Outgoing {
    /// The request with a credential, and with the headers that the person's config adds.
    pub(crate) fn with(
        &self,
        spec: &ProviderSpec,
        credential: &Credential,
    ) -> Result<Request<Full<Bytes>>, Box<Fault>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        authorize(request.headers_mut(), spec, self.auth, credential)?;
        for (name, value) in &spec.headers {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        Ok(request)
    }
}

/// An address below a provider's base, or the fault that its config is wrong.
pub(crate) fn address(spec: &ProviderSpec, text: &str) -> Result<Uri, Box<Fault>> {
    text.parse::<Uri>().ok().filter(|uri| uri.authority().is_some()).ok_or_else(|| {
        let message = format!("providers.{}.base_url: it makes no address to call", spec.id);
        Box::new(Fault::new(500, Blame::Byok, message).with_code(Code::ProxyError))
    })
}

/// The headers of a call to generate.
pub(crate) fn headers(
    spec: &ProviderSpec,
    family: Family,
    client: &HeaderMap,
    passing: bool,
    stream: bool,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    let genuine = passing && genuine_name(spec, client).is_some();
    for (name, value) in client {
        let goes = name == "idempotency-key"
            || (passing && is_of_family(family, name))
            || (genuine && is_of_genuine_client(name));
        if goes {
            headers.append(name.clone(), value.clone());
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if stream { "text/event-stream" } else { "application/json" };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    finish(spec, family, client, passing, headers)
}

/// The headers of a call to a provider's own API, whatever it is.
pub(crate) fn forwarded_headers(spec: &ProviderSpec, family: Family, client: &HeaderMap) -> HeaderMap {
    const GENERAL: [&str; 10] = [
        "accept",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
        "x-title",
    ];
    let genuine = genuine_name(spec, client).is_some();
    let goes = |name: &HeaderName| {
        GENERAL.contains(&name.as_str())
            || is_of_family(family, name)
            || (genuine && is_of_genuine_client(name))
    };
    let mut headers = HeaderMap::with_capacity(8);
    for (name, value) in client.iter().filter(|(name, _)| goes(name)) {
        headers.append(name.clone(), value.clone());
    }
    finish(spec, family, client, true, headers)
}

/// What every call has.
fn finish(
    spec: &ProviderSpec,
    family: Family,
    client: &HeaderMap,
    passing: bool,
    mut headers: HeaderMap,
) -> HeaderMap {
    // An answer that is not compressed needs no bound on what it inflates to, and can pass as it is.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let name = genuine_name(spec, client).filter(|_| passing).cloned();
    headers.insert(USER_AGENT, name.unwrap_or(HeaderValue::from_static(OWN_NAME)));
    if family == Family::Anthropic {
        headers.entry("anthropic-version").or_insert(ANTHROPIC_VERSION);
    }
    headers
}

/// The headers that belong to a format and mean nothing elsewhere.
fn is_of_family(family: Family, name: &HeaderName) -> bool {
    let name = name.as_str();
    match family {
        Family::Anthropic => matches!(name, "anthropic-version" | "anthropic-beta"),
        Family::Cohere => name == "x-client-name",
        Family::Gemini => name == "x-goog-api-client",
        Family::OpenaiChat | Family::OpenaiResponses => {
            matches!(name, "openai-organization" | "openai-project" | "openai-beta")
        }
    }
}

/// What a vendor's own program says about itself. It passes only where that program calls its own vendor.
fn is_of_genuine_client(name: &HeaderName) -> bool {
    const NAMES: [&str; 6] =
        ["originator", "session-id", "session_id", "thread-id", "x-app", "x-client-request-id"];
    const STARTS: [&str; 3] = ["x-claude-code-", "x-codex-", "x-stainless-"];
    let name = name.as_str();
    NAMES.contains(&name) || STARTS.iter().any(|start| name.starts_with(start))
}

/// The client's `User-Agent`, where it is the vendor's own program.
fn genuine_name<'a>(spec: &ProviderSpec, client: &'a HeaderMap) -> Option<&'a HeaderValue> {
    client.get(USER_AGENT).filter(|value| value.to_str().is_ok_and(|text| spec.is_genuine(text)))
}

fn authorize(
    headers: &mut HeaderMap,
    spec: &ProviderSpec,
    auth: Auth,
    credential: &Credential,
) -> Result<(), Box<Fault>> {
    let (name, value) = match credential {
        // The vault has followed every link before it hands out what it leads to.
        Credential::Linked(_) | Credential::None => return Ok(()),
        Credential::OAuth(tokens) => (AUTHORIZATION, bearer(&tokens.access)),
        Credential::ApiKey(key) => match auth {
            Auth::ApiKey => (HeaderName::from_static("api-key"), plain(key)),
            Auth::Bearer => (AUTHORIZATION, bearer(key)),
            Auth::XApiKey => (HeaderName::from_static("x-api-key"), plain(key)),
            Auth::XGoogApiKey => (HeaderName::from_static("x-goog-api-key"), plain(key)),
        },
    };
    let mut value = value.map_err(|_invalid| {
        let message = format!(
            "the key of {0} holds characters that no key has (a line break?); enter it again: `byok login {0}`",
            spec.id
        );
        Box::new(Fault::new(401, Blame::Byok, message).with_code(Code::InvalidKey))
    })?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

fn bearer(secret: &Secret) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    HeaderValue::try_from(format!("Bearer {}", secret.expose().trim()))
}

fn plain(secret: &Secret) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    HeaderValue::from_str(secret.expose().trim())
}

/// Whether a header tells how much may still be asked, or whether and when to try again. What
/// `retry-after` says is part of the fault.
pub(crate) fn speaks_of_limits(name: &HeaderName) -> bool {
    let text = name.as_str();
    matches!(text, "retry-after-ms" | "x-should-retry") || LIMITS.iter().any(|start| text.starts_with(start))
}

const LIMITS: [&str; 2] = ["anthropic-ratelimit-", "x-ratelimit-"];

/// Whether an upstream's header may reach the client (security facts, U2).
pub(crate) fn passes_back(name: &HeaderName, forwarded: bool) -> bool {
    const NAMES: [&str; 9] = [
        "content-type",
        "openai-processing-ms",
        "openai-version",
        "request-id",
        "retry-after",
        "retry-after-ms",
        "x-request-id",
        "x-should-retry",
        "x-trace-id",
    ];
    const OF_FILES: [&str; 8] = [
        "accept-ranges",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-range",
        "etag",
        "last-modified",
        "vary",
    ];
    let text = name.as_str();
    !is_of_the_connection(name)
        && (NAMES.contains(&text)
            || LIMITS.iter().any(|start| text.starts_with(start))
            || (forwarded && OF_FILES.contains(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    fn client(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn spec(provider: &str) -> ProviderSpec {
        ProviderSpec::of_row(catalog::row(provider).unwrap(), None, 0).unwrap()
    }

    fn shown(headers: &HeaderMap) -> Vec<String> {
        let mut all: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        all.sort();
        all
    }

    #[test]
    fn only_listed_headers_pass() {
        let from_browser = client(&[
            ("authorization", "Bearer byk_x"),
            ("x-api-key", "byk_x"),
            ("api-key", "byk_x"),
            ("x-goog-api-key", "byk_x"),
            ("cookie", "a=b"),
            ("origin", "https://evil.example"),
            ("referer", "https://evil.example/x"),
            ("forwarded", "for=1.2.3.4"),
            ("x-forwarded-host", "evil.example"),
            ("x-base-url", "https://evil.example"),
            ("accept-encoding", "gzip"),
            ("user-agent", "Mozilla/5.0"),
            ("anthropic-beta", "a-2025-01-01,b"),
            ("openai-organization", "org-1"),
        ]);
        let own = format!("user-agent: {OWN_NAME}");
        let common = ["accept-encoding: identity", "content-type: application/json", &own];
        let mut expected = vec![
            "accept: text/event-stream",
            "anthropic-beta: a-2025-01-01,b",
            "anthropic-version: 2023-06-01",
        ];
        expected.extend(common);
        expected.sort_unstable();
        let anthropic = spec("anthropic");
        assert_eq!(shown(&headers(&anthropic, Family::Anthropic, &from_browser, true, true)), expected);
        let mut translated = vec!["accept: application/json", "anthropic-version: 2023-06-01"];
        translated.extend(common);
        translated.sort_unstable();
        assert_eq!(shown(&headers(&anthropic, Family::Anthropic, &from_browser, false, false)), translated);
        let openai = shown(&headers(&spec("openai"), Family::OpenaiResponses, &from_browser, true, false));
        assert!(openai.contains(&"openai-organization: org-1".to_owned()));
    }

    #[test]
    fn a_vendors_own_program_keeps_its_name_at_its_vendor_only() {
        let from_cli = client(&[
            ("user-agent", "claude-cli/2.1.330 (external, cli)"),
            ("x-app", "cli"),
            ("anthropic-version", "2026-10-21"),
            ("x-claude-code-session-id", "1"),
            ("x-api-key", "byk_x"),
        ]);
        let at_home = headers(&spec("anthropic"), Family::Anthropic, &from_cli, true, true);
        assert_eq!(at_home["user-agent"], "claude-cli/2.1.330 (external, cli)");
        assert_eq!(at_home["x-app"], "cli");
        assert_eq!(at_home["anthropic-version"], "2026-10-21");
        assert_eq!(at_home["x-claude-code-session-id"], "1");
        assert!(!at_home.contains_key("x-api-key"));
        let abroad = headers(&spec("deepseek"), Family::Anthropic, &from_cli, true, true);
        assert_eq!(abroad["user-agent"], OWN_NAME);
        assert!(!abroad.contains_key("x-app"));
    }

    #[test]
    fn keys_are_sensitive_and_broken_ones_refused() {
        let mut headers = HeaderMap::new();
        let spec = spec("openai");
        authorize(&mut headers, &spec, Auth::Bearer, &Credential::ApiKey(Secret::new(" sk-1\n"))).unwrap();
        assert_eq!(headers["authorization"], "Bearer sk-1");
        assert!(headers["authorization"].is_sensitive());
        let broken = Credential::ApiKey(Secret::new("sk-1\nx: y"));
        let fault = authorize(&mut headers, &spec, Auth::Bearer, &broken).unwrap_err();
        assert!(fault.status == 401 && !fault.message.contains("sk-1"), "{fault}");
    }
}
