//! A call of a provider's own API with the wallet's credential: the method, the path and the body are the
//! client's, byte for byte.

use byok_translate::format::AnswerId;
use byok_translate::tap::Tap;
use byok_translate::{dialect, scan};
use byok_types::{Blame, Code, Dialect, Family, Fault, ModelId};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};

use crate::answer::{AnswerBody, Passing, Patience};
use crate::dispatch::{Dispatch, Missed, Reached};
use crate::edge::FrameEdge;
use crate::generate::{Answer, Content, Failed, own_headers, plain_reply};
use crate::meter::{Meter, Served};
use crate::prepare::{self, Outgoing};
use crate::row::Auth;
use crate::spec::{Place, ProviderSpec};
use crate::upstreams::{Upstreams, limits};

/// A call of a provider's own API.
#[derive(Clone, Debug)]
pub struct Forward {
    /// The method.
    pub method: Method,
    /// The path below the provider, with its query. It begins with a slash.
    pub path_and_query: String,
    /// The client's headers. Only listed ones go on.
    pub headers: HeaderMap,
    /// The client's body.
    pub body: Bytes,
}

impl Upstreams {
    /// Makes a call of a provider's own API. Where it is one that generates an answer, its usage is read.
    pub async fn forward(&self, spec: &ProviderSpec, call: Forward) -> Result<Answer, Failed> {
        let meter = Meter::start();
        let model = scan::peek(&call.body).ok().and_then(|peek| peek.model);
        let mut served = Served {
            provider: spec.id.clone(),
            account: None,
            model: model.as_deref().map(ModelId::from),
            attempts: 0,
            dropped: Vec::new(),
        };
        let nothing_sent = |fault| Failed::new(fault, None);
        let (outgoing, family, generates) = outgoing(spec, call).map_err(nothing_sent)?;
        let (limits, keepalive) = {
            let config = self.0.config.load();
            (limits(&config, spec), config.streaming.keepalive)
        };
        let dispatch = Dispatch {
            upstreams: &self.0,
            spec,
            family,
            outgoing: &outgoing,
            limits,
            meter: &meter,
            forwarded: true,
        };
        let Reached { response, mut headers, mask } = match dispatch.reach(&mut served).await {
            Ok(reached) => reached,
            Err(Missed::Refused(refusal)) if !refusal.body.is_empty() => {
                let (status, mut headers, fault) = (refusal.status, refusal.headers, Some(refusal.fault));
                own_headers(&mut headers, &served);
                let body = AnswerBody::whole(refusal.body, meter.clone());
                return Ok(Answer { status, headers, body, served, meter, fault });
            }
            Err(missed) => return Err(Failed::missed(&missed, served)),
        };
        own_headers(&mut headers, &served);
        let status = response.status();
        // A type that is no answer of a model is not this provider's mistake here.
        let content = response
            .headers()
            .contains_key(CONTENT_TYPE)
            .then(|| Content::of(response.headers(), false).ok())
            .flatten()
            .filter(|_| generates);
        let tap = content.map(|content| Tap::new(family, content == Content::Stream));
        let voice = (content == Some(Content::Stream)).then(|| {
            let id = AnswerId { unique: String::new(), created: 0 };
            dialect(Dialect::from(family)).event_writer(plain_reply(
                model.as_deref().unwrap_or_default(),
                id,
                false,
            ))
        });
        let upstream = response.into_body();
        let edge = FrameEdge::default();
        let passing = Passing { upstream, tap, voice, edge, room: u64::MAX, mask };
        let patience = Patience { idle: limits.idle, keepalive };
        let body = AnswerBody::passing(passing, patience, meter.clone());
        Ok(Answer { status, headers, body, served, meter, fault: None })
    }
}

/// The request, the format of the place it goes to, and whether it generates an answer.
fn outgoing(spec: &ProviderSpec, call: Forward) -> Result<(Outgoing, Family, bool), Box<Fault>> {
    let (path, query) = match call.path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (call.path_and_query.as_str(), None),
    };
    if !is_plain_path(path) {
        return Err(Box::new(Fault::invalid("path", "the path cannot be forwarded")));
    }
    if matches!(call.method, Method::CONNECT | Method::TRACE) {
        return Err(Box::new(Fault::new(405, Blame::Client, "this method is not forwarded")));
    }
    if spec.root.is_empty() {
        let message = format!("{0} has no address; set providers.{0}.base_url in the config", spec.id);
        return Err(Box::new(Fault::new(503, Blame::Byok, message).with_code(Code::ProviderUnavailable)));
    }
    let mut address = spec.own_address(path);
    let place = place_of(spec, &address);
    let (family, auth) =
        place.map_or((Family::OpenaiChat, Auth::Bearer), |(place, _)| (place.family, place.auth));
    if let Some(query) = query.and_then(|query| without_key(query, auth)) {
        address = format!("{address}?{query}");
    }
    let outgoing = Outgoing {
        method: call.method,
        uri: prepare::address(spec, &address)?,
        headers: prepare::forwarded_headers(spec, family, &call.headers),
        body: call.body,
        auth,
    };
    Ok((outgoing, family, place.is_some_and(|(_, generates)| generates)))
}

/// The place that an address belongs to, and whether it is where that place's format generates.
fn place_of<'a>(spec: &'a ProviderSpec, address: &str) -> Option<(&'a Place, bool)> {
    let generates = |place: &&Place| {
        let Some(tail) = address.strip_prefix(place.base.as_str()) else { return false };
        match place.family {
            Family::Anthropic => tail == "/v1/messages",
            Family::Cohere => tail == "/v2/chat",
            Family::Gemini => tail.ends_with(":generateContent") || tail.ends_with(":streamGenerateContent"),
            Family::OpenaiChat => tail == "/chat/completions",
            Family::OpenaiResponses => tail == "/responses",
        }
    };
    if let Some(place) = spec.endpoints.iter().find(generates) {
        return Some((place, true));
    }
    let below = spec.endpoints.iter().filter(|place| address.starts_with(place.base.as_str()));
    // The first of the longest: `max_by_key` would take the last.
    let nearest = below.rev().max_by_key(|place| place.base.len()).or_else(|| spec.endpoints.first());
    nearest.map(|place| (place, false))
}

/// Whether a path stays where it is put: absolute, and without segments that lead elsewhere.
fn is_plain_path(path: &str) -> bool {
    let lower = path.to_ascii_lowercase().replace("%2e", ".");
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains(['\\', '#'])
        && !lower.contains("%5c")
        && lower.replace("%2f", "/").split('/').all(|segment| segment != "." && segment != "..")
}

/// The query without the client's key, which never reaches an upstream. Nothing where that was all.
fn without_key(query: &str, auth: Auth) -> Option<String> {
    let is_key = |pair: &&str| {
        pair.strip_prefix("key=").is_some_and(|value| auth == Auth::XGoogApiKey || value.starts_with("byk_"))
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_key(pair)).collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for path in ["/v1/files/a.b", "/v1beta/models/m:generateContent", "/a/..b"] {
            assert!(is_plain_path(path), "{path}");
        }
        let bad = [
            "",
            "v1",
            "//evil.example/x",
            "/a/../b",
            "/a/%2e%2E/b",
            "/a/..%2fb",
            "/a\\b",
            "/./a",
            "/a%5c..%5cb",
        ];
        for path in bad {
            assert!(!is_plain_path(path), "{path}");
        }
    }

    #[test]
    fn the_clients_key_stays_here() {
        assert_eq!(without_key("alt=sse&key=AIza", Auth::XGoogApiKey).unwrap(), "alt=sse");
        assert_eq!(without_key("key=byk_1", Auth::Bearer), None);
        assert_eq!(without_key("key=name&x", Auth::Bearer).unwrap(), "key=name&x");
    }

    #[test]
    fn an_address_belongs_to_a_format() {
        let spec = ProviderSpec::of_row(catalog::row("deepseek").unwrap(), None, 0).unwrap();
        let of = |path: &str| {
            let (place, generates) = place_of(&spec, &spec.own_address(path)).unwrap();
            (place.family, generates)
        };
        assert_eq!(of("/chat/completions"), (Family::OpenaiChat, true));
        assert_eq!(of("/v1/messages"), (Family::Anthropic, true));
        assert_eq!(of("/anthropic/v1/models"), (Family::Anthropic, false));
        assert_eq!(of("/user/balance"), (Family::OpenaiChat, false));
    }
}
