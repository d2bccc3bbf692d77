//! From a request to a response: which format, the credential, the body, the answer at its pace.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use byok_types::Family;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use serde_json::Value;
use tokio::time::Sleep;

use super::answer::Answer;
use super::ask::{Ask, EchoModel, Refusal};
use super::{KEY, anthropic, chat, cohere, embed, gemini, responses};

/// How long the slow model takes for a word.
const WORD: Duration = Duration::from_millis(100);

/// A piece of a stream.
#[derive(Debug)]
pub(super) struct Frame {
    text: String,
    /// Whether it is a word, before which the slow model waits.
    spoken: bool,
}

impl Frame {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), spoken: false }
    }

    pub(super) fn spoken(self) -> Self {
        Self { spoken: true, ..self }
    }
}

/// An event without a name.
pub(super) fn bare(event: &Value) -> Frame {
    Frame::new(format!("data: {event}\n\n"))
}

/// An event with its type as its name.
pub(super) fn named(event: &Value) -> Frame {
    let name = event["type"].as_str().unwrap_or_default();
    Frame::new(format!("event: {name}\ndata: {event}\n\n"))
}

/// What tells one answer from another.
#[derive(Debug)]
pub(super) struct Stamp {
    number: u64,
    /// In seconds since 1970.
    pub(super) created: u64,
}

impl Stamp {
    fn next() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { number: NUMBER.fetch_add(1, Ordering::Relaxed), created: since.as_secs() }
    }

    /// The id of something in this answer.
    pub(super) fn id(&self, prefix: &str) -> String {
        format!("{prefix}echo{:06}", self.number)
    }
}

/// What the path says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    family: Family,
    call: Call,
    /// The model, where the path names it.
    pub(super) model: Option<String>,
    /// Whether to stream, where the path says so.
    pub(super) stream: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Count,
    /// Embeddings; whether Gemini's path says that there are several.
    Embed {
        batch: bool,
    },
    Generate,
    Models,
}

/// The response to a request that was read whole.
pub(super) fn respond(request: &Request<Bytes>) -> Response<EchoBody> {
    let path = request.uri().path();
    let Some((family, rest)) = family(path) else {
        return refuse(Family::OpenaiChat, &Refusal::no_such_path());
    };
    match place(family, request.method(), rest).and_then(|place| serve(&place, request)) {
        Ok(response) => response,
        Err(refusal) => refuse(family, &refusal),
    }
}

fn serve(place: &Place, request: &Request<Bytes>) -> Result<Response<EchoBody>, Refusal> {
    let family = place.family;
    credential(family, request.headers())?;
    if place.call == Call::Models {
        return Ok(json_response(StatusCode::OK, &models(family)));
    }
    let body: Value = serde_json::from_slice(request.body())
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| Refusal::field("body", "The body is not a JSON object."))?;
    if let Call::Embed { batch } = place.call {
        let asked = embed::read(family, &body, place, batch)?;
        if asked.model == EchoModel::Error {
            return Err(overloaded(family));
        }
        return Ok(json_response(StatusCode::OK, &embed::whole(family, &asked, batch, &Stamp::next())));
    }
    let ask = read(family, &body, place)?;
    if place.call == Call::Count {
        return Ok(json_response(StatusCode::OK, &count(family, &ask)));
    }
    if ask.model == EchoModel::Error {
        return Err(overloaded(family));
    }
    let (answer, stamp) = (Answer::to(&ask), Stamp::next());
    let pause = if ask.model == EchoModel::Slow { WORD } else { Duration::ZERO };
    if ask.stream {
        let frames = frames(family, &ask, &answer, &stamp);
        return Ok(stream_response(frames, pause));
    }
    let whole = whole(family, &ask, &answer, &stamp).to_string();
    let words = u32::try_from(answer.words.len()).unwrap_or(u32::MAX);
    let frame = Frame { text: whole, spoken: true };
    Ok(response(StatusCode::OK, "application/json", EchoBody::new([frame], pause.saturating_mul(words))))
}

/// The format that a path belongs to, and the rest of the path.
fn family(path: &str) -> Option<(Family, &str)> {
    let (name, _) = path.strip_prefix('/')?.split_once('/')?;
    let family = Family::ALL.into_iter().find(|family| family.name() == name)?;
    Some((family, &path[1 + name.len()..]))
}

fn place(family: Family, method: &Method, path: &str) -> Result<Place, Refusal> {
    let place = |call| Place { family, call, model: None, stream: false };
    let (generate, count, models) = match family {
        Family::Anthropic => ("/v1/messages", "/v1/messages/count_tokens", "/v1/models"),
        Family::Cohere => ("/v2/chat", "", "/v1/models"),
        Family::Gemini => ("", "", "/v1beta/models"),
        Family::OpenaiChat => ("/v1/chat/completions", "", "/v1/models"),
        Family::OpenaiResponses => ("/v1/responses", "/v1/responses/input_tokens", "/v1/models"),
    };
    let embed = match family {
        Family::Anthropic | Family::Gemini | Family::OpenaiResponses => "",
        Family::Cohere => "/v2/embed",
        Family::OpenaiChat => "/v1/embeddings",
    };
    let (get, post) = (method == Method::GET, method == Method::POST);
    match path {
        path if get && path == models => return Ok(place(Call::Models)),
        path if post && path == generate => return Ok(place(Call::Generate)),
        path if post && path == embed => return Ok(place(Call::Embed { batch: true })),
        path if post && path == count => return Ok(place(Call::Count)),
        _ => {}
    }
    if family != Family::Gemini || !post {
        return Err(Refusal::no_such_path());
    }
    let (model, action) = path
        .strip_prefix("/v1beta/models/")
        .and_then(|rest| rest.split_once(':'))
        .ok_or_else(Refusal::no_such_path)?;
    let (call, stream) = match action {
        "batchEmbedContents" => (Call::Embed { batch: true }, false),
        "countTokens" => (Call::Count, false),
        "embedContent" => (Call::Embed { batch: false }, false),
        "generateContent" => (Call::Generate, false),
        "streamGenerateContent" => (Call::Generate, true),
        _ => return Err(Refusal::no_such_path()),
    };
    Ok(Place { family, call, model: Some(model.to_owned()), stream })
}

/// Checks that the request carries the key of the echo upstream, where the format has it.
fn credential(family: Family, headers: &HeaderMap) -> Result<(), Refusal> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = header("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    });
    let (given, place) = match family {
        Family::Anthropic => (header("x-api-key").or(bearer), "x-api-key"),
        Family::Gemini => (header("x-goog-api-key"), "x-goog-api-key"),
        Family::Cohere | Family::OpenaiChat | Family::OpenaiResponses => (bearer, "Authorization: Bearer"),
    };
    match given {
        None => Err(Refusal::unauthorized(&format!("The header {place} is missing."))),
        Some(KEY) if family == Family::Anthropic && header("anthropic-version").is_none() => {
            Err(Refusal::field("anthropic-version", "anthropic-version: header is required"))
        }
        Some(KEY) => Ok(()),
        Some(_) => Err(Refusal::unauthorized("This is not the key of the echo upstream.")),
    }
}

fn read(family: Family, body: &Value, place: &Place) -> Result<Ask, Refusal> {
    match family {
        Family::Anthropic => anthropic::read(body, place),
        Family::Cohere => cohere::read(body, place),
        Family::Gemini => gemini::read(body, place),
        Family::OpenaiChat => chat::read(body, place),
        Family::OpenaiResponses => responses::read(body, place),
    }
}

fn whole(family: Family, ask: &Ask, answer: &Answer, stamp: &Stamp) -> Value {
    match family {
        Family::Anthropic => anthropic::whole(ask, answer, stamp),
        Family::Cohere => cohere::whole(ask, answer, stamp),
        Family::Gemini => gemini::whole(ask, answer, stamp),
        Family::OpenaiChat => chat::whole(ask, answer, stamp),
        Family::OpenaiResponses => responses::whole(ask, answer, stamp),
    }
}

fn frames(family: Family, ask: &Ask, answer: &Answer, stamp: &Stamp) -> Vec<Frame> {
    match family {
        Family::Anthropic => anthropic::frames(ask, answer, stamp),
        Family::Cohere => cohere::frames(ask, answer, stamp),
        Family::Gemini => gemini::frames(ask, answer, stamp),
        Family::OpenaiChat => chat::frames(ask, answer, stamp),
        Family::OpenaiResponses => responses::frames(ask, answer, stamp),
    }
}

/// The formats without a counter have no path for it, so this is asked of the others only.
fn count(family: Family, ask: &Ask) -> Value {
    match family {
        Family::Anthropic => anthropic::count(ask),
        Family::Gemini => gemini::count(ask),
        Family::Cohere | Family::OpenaiChat | Family::OpenaiResponses => responses::count(ask),
    }
}

fn models(family: Family) -> Value {
    match family {
        Family::Anthropic => anthropic::models(),
        Family::Cohere => cohere::models(),
        Family::Gemini => gemini::models(),
        Family::OpenaiChat | Family::OpenaiResponses => chat::models(),
    }
}

fn overloaded(family: Family) -> Refusal {
    let anthropic = StatusCode::from_u16(529).ok().filter(|_| family == Family::Anthropic);
    Refusal {
        status: anthropic.unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
        message: "The model echo-error is always overloaded.".to_owned(),
        param: None,
    }
}

fn refuse(family: Family, refusal: &Refusal) -> Response<EchoBody> {
    let body = match family {
        Family::Anthropic => anthropic::refusal(refusal),
        Family::Cohere => cohere::refusal(refusal),
        Family::Gemini => gemini::refusal(refusal),
        Family::OpenaiChat | Family::OpenaiResponses => chat::refusal(refusal),
    };
    let mut response = json_response(refusal.status, &body);
    if refusal.status.is_server_error() {
        response.headers_mut().insert(header::RETRY_AFTER, http::HeaderValue::from_static("1"));
    }
    response
}

fn json_response(status: StatusCode, body: &Value) -> Response<EchoBody> {
    response(status, "application/json", EchoBody::new([Frame::new(body.to_string())], Duration::ZERO))
}

fn stream_response(frames: Vec<Frame>, pause: Duration) -> Response<EchoBody> {
    response(StatusCode::OK, "text/event-stream", EchoBody::new(frames, pause))
}

/// The response to a body that cannot be read.
pub(super) fn unreadable(too_large: bool) -> Response<EchoBody> {
    let status = if too_large { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
    let message = if too_large { "The body is too large." } else { "The body broke off." };
    refuse(Family::OpenaiChat, &Refusal { status, message: message.to_owned(), param: None })
}

fn response(status: StatusCode, content_type: &'static str, body: EchoBody) -> Response<EchoBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}

/// Frames, each at its time.
#[derive(Debug)]
pub(super) struct EchoBody {
    frames: VecDeque<Frame>,
    pause: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl EchoBody {
    fn new(frames: impl IntoIterator<Item = Frame>, pause: Duration) -> Self {
        Self { frames: frames.into_iter().collect(), pause, sleep: None }
    }
}

impl http_body::Body for EchoBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let pause = self.pause;
        if !pause.is_zero() && self.frames.front().is_some_and(|frame| frame.spoken) {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            ready!(sleep.as_mut().poll(context));
            self.sleep = None;
        }
        let frame = self.frames.pop_front();
        Poll::Ready(frame.map(|frame| Ok(http_body::Frame::data(Bytes::from(frame.text)))))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }
}

#[cfg(test)]
mod tests;
