//! All routes, in one table. The router, `/openapi.json` and the answer to a wrong method come from it.
//!
//! A path that is in no row is a provider's own (`/{provider}/…`) or unknown. Also what is unknown is
//! answered in somebody's format: that of whoever most likely asked.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use byok_translate::embed::Client;
use byok_types::{Blame, Dialect, Family, Fault};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::state::State;
use crate::{body, generate, models, operations, passthrough, problem};

/// One row: who asks what, where.
pub(crate) struct Route {
    pub(crate) verb: Verb,
    pub(crate) path: &'static str,
    action: Action,
    /// For `/openapi.json`.
    pub(crate) about: &'static str,
}

/// The methods of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Any,
    /// And HEAD.
    Get,
    Post,
}

/// What a route does.
#[derive(Clone, Copy)]
enum Action {
    CountTokens,
    Embed(Client),
    Gemini,
    Generate(Dialect),
    Health,
    Hello,
    Metrics,
    ModelGemini,
    Model,
    ModelsGemini,
    Models,
    OllamaShow,
    OllamaTags,
    OllamaVersion,
    OpenApi,
    Provider,
    Telemetry,
}

const fn route(verb: Verb, path: &'static str, action: Action, about: &'static str) -> Route {
    Route { verb, path, action, about }
}

/// All routes.
pub(crate) const ROUTES: &[Route] = &[
    route(
        Verb::Post,
        "/v1/chat/completions",
        Action::Generate(Dialect::OpenaiChat),
        "OpenAI Chat Completions",
    ),
    route(Verb::Post, "/v1/completions", Action::Generate(Dialect::Completions), "OpenAI text completions"),
    route(Verb::Post, "/v1/embeddings", Action::Embed(Client::Openai), "OpenAI embeddings"),
    route(Verb::Post, "/v1/responses", Action::Generate(Dialect::OpenaiResponses), "OpenAI Responses"),
    route(Verb::Post, "/v1/messages", Action::Generate(Dialect::Anthropic), "Anthropic Messages"),
    route(Verb::Post, "/v1/messages/count_tokens", Action::CountTokens, "Anthropic token count"),
    route(Verb::Post, "/v2/chat", Action::Generate(Dialect::Cohere), "Cohere chat"),
    route(Verb::Post, "/v2/embed", Action::Embed(Client::Cohere), "Cohere embeddings"),
    route(Verb::Post, "/api/chat", Action::Generate(Dialect::OllamaChat), "Ollama chat"),
    route(Verb::Post, "/api/generate", Action::Generate(Dialect::OllamaGenerate), "Ollama generate"),
    route(Verb::Post, "/api/embed", Action::Embed(Client::Ollama), "Ollama embeddings"),
    route(
        Verb::Post,
        "/api/embeddings",
        Action::Embed(Client::OllamaLegacy),
        "Ollama embeddings of one text, as older clients ask",
    ),
    route(Verb::Post, "/api/show", Action::OllamaShow, "One model, as Ollama shows it"),
    route(Verb::Get, "/api/tags", Action::OllamaTags, "The models, as Ollama lists them"),
    route(Verb::Get, "/api/version", Action::OllamaVersion, "The version of Ollama's API that is spoken"),
    route(
        Verb::Post,
        "/v1beta/models/{*call}",
        Action::Gemini,
        "Gemini: {model}:generateContent, :streamGenerateContent, :countTokens, :embedContent, :batchEmbedContents",
    ),
    route(
        Verb::Post,
        "/v1beta/{*call}",
        Action::Gemini,
        "The same for names such as provider/model, before which Vercel's AI SDK writes no models/",
    ),
    route(Verb::Post, "/v1/models/{*call}", Action::Gemini, "The same, where newer Google SDKs call it"),
    route(
        Verb::Get,
        "/v1/models",
        Action::Models,
        "The models, in the shape of whoever asks (OpenAI, Anthropic, Google, Cohere)",
    ),
    route(Verb::Get, "/v1/models/{*call}", Action::Model, "One model, in the shape of whoever asks"),
    route(Verb::Get, "/v1beta/models", Action::ModelsGemini, "The models, as Google lists them"),
    route(Verb::Get, "/v1beta/models/{*call}", Action::ModelGemini, "One model, as Google shows it"),
    route(Verb::Get, "/", Action::Hello, "What this is"),
    route(Verb::Get, "/healthz", Action::Health, "Whether the server answers"),
    route(Verb::Get, "/metrics", Action::Metrics, "Counters, in Prometheus' text format"),
    route(Verb::Get, "/openapi.json", Action::OpenApi, "This description"),
    route(Verb::Post, "/api/event_logging", Action::Telemetry, "Takes a client's telemetry and forgets it"),
    route(
        Verb::Post,
        "/api/event_logging/{*rest}",
        Action::Telemetry,
        "Takes a client's telemetry and forgets it",
    ),
    route(
        Verb::Any,
        "/{provider}/{*path}",
        Action::Provider,
        "A provider's own API with the wallet's credential, byte for byte",
    ),
];

/// First segments that are no provider's name.
const OWN_SEGMENTS: [&str; 5] = ["amp", "api", "v1", "v1beta", "v2"];

/// The router over all routes.
pub(crate) fn router(state: &Arc<State>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let (state, action) = (Arc::clone(state), route.action);
        let filter = match route.verb {
            Verb::Get => MethodFilter::GET.or(MethodFilter::HEAD),
            Verb::Post => MethodFilter::POST,
            Verb::Any => {
                let handler = move |request| run(Arc::clone(&state), action, request);
                router = router.route(route.path, axum::routing::any(handler));
                continue;
            }
        };
        router =
            router.route(route.path, on(filter, move |request| run(Arc::clone(&state), action, request)));
    }
    let (for_path, for_method) = (Arc::clone(state), Arc::clone(state));
    router
        .fallback(move |request| std::future::ready(refuse(&for_path, request, not_found)))
        .method_not_allowed_fallback(move |request| {
            std::future::ready(refuse(&for_method, request, wrong_method))
        })
}

async fn run(state: Arc<State>, action: Action, request: Request) -> Response {
    match action {
        Action::CountTokens => generate::count_tokens(&state, request).await,
        Action::Embed(client) => generate::embed(&state, client, request).await,
        Action::Gemini => generate::gemini(&state, request).await,
        Action::Generate(dialect) => generate::generate(&state, dialect, request).await,
        Action::Health => operations::health(),
        Action::Hello => operations::hello(),
        Action::Metrics => operations::metrics(&state),
        Action::Model => {
            let asker = models::asker(request.headers(), request.uri());
            models::one(&state, asker, &request)
        }
        Action::ModelGemini => models::one(&state, models::Shape::Google, &request),
        Action::Models => {
            let asker = models::asker(request.headers(), request.uri());
            models::list(&state, asker, &request)
        }
        Action::ModelsGemini => models::list(&state, models::Shape::Google, &request),
        Action::OllamaShow => models::ollama_show(&state, request).await,
        Action::OllamaTags => models::ollama_tags(&state),
        Action::OllamaVersion => models::ollama_version(),
        Action::OpenApi => operations::openapi(),
        Action::Provider => passthrough::forward(&state, request).await,
        Action::Telemetry => {
            let (parts, body) = request.into_parts();
            body::discard(&state, &parts.headers, body);
            operations::telemetry()
        }
    }
}

/// Whether the path is `/{provider}/…`, that is, neither byok's own nor too short.
pub(crate) fn is_providers_own(path: &str) -> bool {
    let mut segments = path.trim_start_matches('/').splitn(2, '/');
    let (first, rest) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
    !rest.is_empty() && !OWN_SEGMENTS.contains(&first)
}

/// In whose format an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) dialect: Dialect,
    /// Whether it is a Gemini client that reads a stream as one JSON array.
    pub(crate) json_array: bool,
}

impl From<Dialect> for Asker {
    fn from(dialect: Dialect) -> Self {
        Self { dialect, json_array: false }
    }
}

/// Who most likely asked: told by the path, else by the headers.
pub(crate) fn asker(state: &State, parts: &Parts) -> Asker {
    let path = parts.uri.path();
    let by_headers = || dialect_of_headers(&parts.headers);
    let dialect = match path.trim_start_matches('/').split('/').next().unwrap_or_default() {
        "v1" => match path {
            _ if path.starts_with("/v1/messages") => Dialect::Anthropic,
            "/v1/responses" => Dialect::OpenaiResponses,
            "/v1/completions" => Dialect::Completions,
            _ if path.starts_with("/v1/models/") && parts.method == Method::POST => Dialect::Gemini,
            _ => by_headers(),
        },
        "v1beta" => Dialect::Gemini,
        "v2" => Dialect::Cohere,
        "api" if path.starts_with("/api/event_logging") => Dialect::Anthropic,
        "api" => Dialect::OllamaChat,
        name => {
            let spec = state.upstreams.provider(name);
            let place = spec.as_ref().and_then(|spec| {
                let by_path = spec.place(Family::Anthropic).filter(|_| path.contains("/messages"));
                by_path.or(spec.endpoints.first())
            });
            place.map_or_else(by_headers, |place| place.family.into())
        }
    };
    dialect.into()
}

fn dialect_of_headers(headers: &HeaderMap) -> Dialect {
    if headers.contains_key("anthropic-version") {
        Dialect::Anthropic
    } else if headers.contains_key("x-goog-api-key") || headers.contains_key("x-goog-api-client") {
        Dialect::Gemini
    } else {
        Dialect::OpenaiChat
    }
}

fn refuse(state: &Arc<State>, request: Request, answer: fn(&State, &Parts) -> Response) -> Response {
    let (parts, body) = request.into_parts();
    body::discard(state, &parts.headers, body);
    answer(state, &parts)
}

/// There is nothing at this path.
pub(crate) fn not_found(state: &State, parts: &Parts) -> Response {
    let path = parts.uri.path();
    let versioned = format!("/v1{path}");
    let message = if ROUTES.iter().any(|route| route.path == versioned) {
        // The most common slip in setting a tool up.
        format!(
            "there is nothing at this path; the tool's base URL lacks its `/v1` (this would be {versioned})"
        )
    } else if path.starts_with("/v1/v1/") {
        "there is nothing at this path; the tool's base URL has one `/v1` too many".to_owned()
    } else {
        "there is nothing at this path; /openapi.json lists what there is".to_owned()
    };
    problem::response(asker(state, parts), &Fault::new(404, Blame::Client, message))
}

fn wrong_method(state: &State, parts: &Parts) -> Response {
    let path = parts.uri.path();
    let served = |verb| ROUTES.iter().any(|route| route.verb == verb && matches(route.path, path));
    let allow = match (served(Verb::Get), served(Verb::Post)) {
        (true, true) => "GET, HEAD, POST",
        (true, false) => "GET, HEAD",
        (false, _) => "POST",
    };
    let fault = Fault::new(405, Blame::Client, format!("this path answers {allow} only"));
    let mut response = problem::response(asker(state, parts), &fault);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

/// Whether a row's path, which may end in a wildcard, takes `path`.
fn matches(pattern: &str, path: &str) -> bool {
    match pattern.split_once("{*") {
        Some((prefix, _)) => path.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()),
        None => pattern == path,
    }
}

/// A JSON answer.
pub(crate) fn json(value: &serde_json::Value) -> Response {
    let mut response = Response::new(axum::body::Body::from(value.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *response.status_mut() = StatusCode::OK;
    response
}

#[cfg(test)]
mod tests;
