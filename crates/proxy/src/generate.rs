//! One request that a model answers, whatever the dialect and whether it generates, counts or embeds: read,
//! route, call, answer.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use byok_provider::{Answer, Failed, Generate, Served, Unresolved, dropped_text};
use byok_translate::embed::Client;
use byok_translate::format::AnswerId;
use byok_translate::scan::{self, Peek};
use byok_types::{AccountId, Blame, Code, Dialect, Fault, ModelId};
use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::meter::Entry;
use crate::routes::Asker;
use crate::serve::Visit;
use crate::state::State;
use crate::{body, problem};

/// The longest name of a model, in bytes.
const MAX_MODEL: usize = 256;

/// What the path says of a request (Gemini), where others say it in the body.
#[derive(Debug, Default)]
struct Wish {
    model: Option<String>,
    stream: Option<bool>,
    json_array: bool,
}

/// A dialect whose requests say everything in the body.
pub(crate) async fn generate(state: &Arc<State>, dialect: Dialect, request: Request) -> Response {
    let call = Call::new(state, dialect.into(), Wish::default(), request);
    call.answer(Purpose::Generate).await
}

/// Anthropic's token count.
pub(crate) async fn count_tokens(state: &Arc<State>, request: Request) -> Response {
    let call = Call::new(state, Dialect::Anthropic.into(), Wish::default(), request);
    call.answer(Purpose::CountTokens).await
}

/// Embeddings, for a format whose requests say everything in the body.
pub(crate) async fn embed(state: &Arc<State>, client: Client, request: Request) -> Response {
    // No format streams them, though Ollama's would otherwise be taken to.
    let wish = Wish { stream: Some(false), ..Wish::default() };
    Call::new(state, client.dialect().into(), wish, request).answer(Purpose::Embed(client)).await
}

/// `/models/{model}:{method}`, under either version.
pub(crate) async fn gemini(state: &Arc<State>, request: Request) -> Response {
    let path = request.uri().path();
    // Vercel's AI SDK leaves `models/` out where the model's name has a slash of its own.
    let bare = path.strip_prefix("/v1beta/").filter(|call| !call.starts_with("models/"));
    let call = bare.or_else(|| Some(path.split_once("/models/")?.1)).unwrap_or(path);
    let call = percent_decode_str(call).decode_utf8_lossy().into_owned();
    let (model, method) = call.rsplit_once(':').unwrap_or((&call, ""));
    let (stream, purpose) = match method {
        "batchEmbedContents" => (false, Purpose::Embed(Client::GeminiBatch)),
        "countTokens" => (false, Purpose::CountTokens),
        "embedContent" => (false, Purpose::Embed(Client::GeminiOne)),
        "generateContent" => (false, Purpose::Generate),
        "streamGenerateContent" => (true, Purpose::Generate),
        _ => {
            let (parts, body) = request.into_parts();
            body::discard(state, &parts.headers, body);
            return problem::response(
                Dialect::Gemini.into(),
                &Fault::new(
                    404,
                    Blame::Client,
                    "models answer to :generateContent, :streamGenerateContent, :countTokens, :embedContent and \
                     :batchEmbedContents here",
                ),
            );
        }
    };
    let json_array = stream && !wants_events(request.uri());
    let model = model.strip_prefix("models/").unwrap_or(model).to_owned();
    let wish = Wish { model: Some(model), stream: Some(stream), json_array };
    let asker = Asker { dialect: Dialect::Gemini, json_array };
    Call::new(state, asker, wish, request).answer(purpose).await
}

/// Whether a Gemini client asks for an event stream.
fn wants_events(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| matches!(&*name, "alt" | "$alt") && value == "sse")
}

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    CountTokens,
    Embed(Client),
    Generate,
}

/// One call under way.
struct Call {
    state: Arc<State>,
    asker: Asker,
    wish: Wish,
    parts: Parts,
    body: Body,
    visit: Visit,
    entry: Entry,
}

impl Call {
    fn new(state: &Arc<State>, asker: Asker, wish: Wish, request: Request) -> Self {
        let (mut parts, body) = request.into_parts();
        let visit = visit(&mut parts, state);
        let entry = Entry::new(state, visit.clone(), Some(asker.dialect));
        Self { state: Arc::clone(state), asker, wish, parts, body, visit, entry }
    }

    async fn answer(self, purpose: Purpose) -> Response {
        let Self { state, asker, wish, parts, body, visit, mut entry } = self;
        let config = state.config.load_full();
        let generate = async {
            let body = body::read(&state, &parts.headers, body, config.limits.body_bytes).await?;
            understand(&state, asker, wish, &parts, body, &visit, &mut entry)
        };
        let generate = match generate.await {
            Ok(generate) => generate,
            Err(fault) => {
                let response = problem::response(asker, &fault);
                entry.fails(response.status().as_u16(), None);
                return response;
            }
        };
        let answer = match purpose {
            Purpose::CountTokens => state.upstreams.count_tokens(generate).await,
            Purpose::Embed(client) => state.upstreams.embed(generate, client).await,
            Purpose::Generate => state.upstreams.generate(generate).await,
        };
        respond(asker, answer, entry)
    }
}

/// What is known of the request since it came in.
pub(crate) fn visit(parts: &mut Parts, state: &State) -> Visit {
    parts.extensions.remove().unwrap_or_else(|| Visit {
        id: byok_types::RequestId::new(state.names.next()),
        app: byok_types::AppId::local(),
        began: std::time::Instant::now(),
    })
}

/// From bytes to a call with a way to go.
fn understand(
    state: &State,
    asker: Asker,
    wish: Wish,
    parts: &Parts,
    body: Bytes,
    visit: &Visit,
    entry: &mut Entry,
) -> Result<Generate, Box<Fault>> {
    let peek = scan::peek(&body).map_err(|error| Box::new(Fault::from(error)))?;
    let Some(model) = wish.model.as_deref().or(peek.model.as_deref()) else {
        return Err(Box::new(Fault::invalid("model", "model: the request names no model")));
    };
    check_model(model)?;
    entry.asks_for(model);
    let route = state.upstreams.resolve(model).map_err(|error| Box::new(unresolved(model, &error)))?;
    let stream = wish.stream.unwrap_or_else(|| streams(asker.dialect, &peek, &body));
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Ok(Generate {
        route,
        client: asker.dialect,
        body,
        peek,
        path_model: wish.model,
        stream,
        json_array: wish.json_array,
        headers: parts.headers.clone(),
        id: AnswerId { unique: visit.id.as_str().to_owned(), created },
        app: visit.app.clone(),
    })
}

/// Names of models become parts of addresses and of log lines.
fn check_model(model: &str) -> Result<(), Box<Fault>> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte);
    if model.is_empty() || model.len() > MAX_MODEL || !model.bytes().all(allowed) {
        let message =
            "model: a model's name has at most 256 letters, digits and characters out of `. _ : / @ + -`";
        return Err(Box::new(Fault::invalid("model", message)));
    }
    Ok(())
}

/// Whether the body asks for a stream. Ollama streams unless told not to.
fn streams(dialect: Dialect, peek: &Peek, body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Said {
        stream: Option<bool>,
    }
    match dialect {
        Dialect::OllamaChat | Dialect::OllamaGenerate => {
            serde_json::from_slice::<Said>(body).ok().and_then(|said| said.stream).unwrap_or(true)
        }
        _ => peek.stream,
    }
}

/// Why no upstream can be asked.
pub(crate) fn unresolved(model: &str, error: &Unresolved) -> Fault {
    let status = match error {
        Unresolved::Disabled { .. } | Unresolved::NoAccount { .. } => 403,
        Unresolved::NotFound { .. } => 404,
    };
    let mut fault = Fault::new(status, Blame::Client, format!("model {model}: {error}"))
        .with_code(Code::ProviderUnavailable);
    fault.param = Some("model".to_owned());
    fault
}

/// The answer to a call, or the fault in its place.
pub(crate) fn respond(asker: Asker, answer: Result<Answer, Failed>, mut entry: Entry) -> Response {
    match answer {
        Ok(Answer { status, headers, body, served, meter, fault: _ }) => {
            entry.is_served(status.as_u16(), served, meter);
            let mut response = Response::new(entry.body(body));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
            response
        }
        Err(Failed { fault, served, headers }) => {
            let mut response = problem::response(asker, &fault);
            response.headers_mut().extend(*headers);
            if let Some(served) = &served {
                name(served, response.headers_mut());
            }
            entry.fails(response.status().as_u16(), served);
            response
        }
    }
}

/// Says who was asked, where there is no answer that says it.
fn name(served: &Served, headers: &mut HeaderMap) {
    let said = [
        ("x-byok-provider", Some(served.provider.as_str())),
        ("x-byok-account", served.account.as_ref().map(AccountId::as_str)),
        ("x-byok-model", served.model.as_ref().map(ModelId::as_str)),
    ];
    for (header, text) in said {
        if let Some(Ok(value)) = text.map(HeaderValue::from_str) {
            headers.insert(HeaderName::from_static(header), value);
        }
    }
    headers.insert("x-byok-attempts", HeaderValue::from(served.attempts));
    if !served.dropped.is_empty()
        && let Ok(value) = HeaderValue::from_str(&dropped_text(&served.dropped))
    {
        headers.insert("x-byok-dropped", value);
    }
}
