//! Errors: the shapes that Chat servers give them, and the one that Chat clients understand.

use byok_types::{Blame, Fault, FaultKind, RawJson};
use serde::Deserialize;
use serde_json::{Value, json};

use super::wire::Maybe;

/// The longest message that is passed on, in bytes.
const MAX_MESSAGE: usize = 2000;

/// How deep errors inside errors are followed: a gateway's words about a gateway's words.
const MAX_NESTING: usize = 10;

/// Every field in which servers say what went wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Words {
    code: Option<RawJson>,
    detail: Option<RawJson>,
    error: Option<RawJson>,
    innererror: Maybe<Inner>,
    /// Where `FastAPI` servers found the mistake: `["body", "user"]`.
    loc: Maybe<Vec<Value>>,
    message: Maybe<String>,
    metadata: Maybe<Metadata>,
    msg: Maybe<String>,
    param: Maybe<String>,
    request_id: Maybe<String>,
    r#type: Maybe<String>,
}

/// Azure's finer code.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Inner {
    code: Maybe<String>,
}

/// What OpenRouter tells about the provider behind it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    provider_name: Maybe<String>,
    raw: Option<RawJson>,
}

/// What one error says, in whatever shape it came.
#[derive(Debug, Default)]
struct Told {
    message: Option<String>,
    code: Option<String>,
    r#type: Option<String>,
    param: Option<String>,
    request_id: Option<String>,
}

/// Whether the `error` field of an answer says that there is one.
pub(super) fn is_error(error: &RawJson) -> bool {
    !matches!(error.get(), "null" | "\"\"" | "{}" | "[]" | "false")
}

/// Reads an error body. `status` is that of the answer; `None` where it said 200, so that the error itself
/// must tell.
pub(super) fn read(status: Option<u16>, body: &[u8]) -> Fault {
    let told = match serde_json::from_slice::<RawJson>(body) {
        Ok(body) => tell(&body, MAX_NESTING),
        Err(_) => Told { message: plain_text(body), ..Told::default() },
    };
    let status = status.unwrap_or_else(|| status_of(&told));
    let message = told.message.unwrap_or_else(|| format!("the upstream answered {status} without a message"));
    let mut fault = Fault::new(status, blame(status), cut(message));
    fault.upstream_code = told.code.map(cut);
    fault.upstream_type = told.r#type.map(cut);
    fault.param = told.param.map(cut);
    fault.request_id = told.request_id.map(cut);
    fault
}

/// Whose end a status points to. 401 and 403 are about the account's key, not about the caller's.
fn blame(status: u16) -> Blame {
    match status {
        400 | 404 | 405 | 409 | 411..=428 => Blame::Client,
        _ => Blame::Upstream,
    }
}

/// Finds the words in a body of any known shape: `{error: {…}}`, `{error: "…", code}`, `{message}`,
/// `{detail: […]}`, a list of any of these, or JSON text inside a message. `depth` bounds the nesting.
fn tell(body: &RawJson, depth: usize) -> Told {
    if let Some(text) = body.as_str() {
        return tell_text(&text, depth);
    }
    if depth == 0 {
        return Told::default();
    }
    if body.get().starts_with('[') {
        let list: Vec<RawJson> = body.read().unwrap_or_default();
        return list.first().map(|first| tell(first, depth - 1)).unwrap_or_default();
    }
    let Ok(words) = body.read::<Words>() else { return Told::default() };
    let mut told = match &words.error {
        Some(error) if is_error(error) => tell(error, depth - 1),
        _ => Told::default(),
    };
    let place = words.loc.0.as_deref().map(place).filter(|place| !place.is_empty());
    let message = match (words.message.text().or(words.msg.text()), &place) {
        (Some(message), Some(place)) => Some(format!("{place}: {message}")),
        (message, _) => message.map(str::to_owned),
    };
    if told.message.is_none()
        && let Some(message) = message
    {
        told = merge(tell_text(&message, depth - 1), told);
    }
    if told.message.is_none()
        && let Some(detail) = words.detail.as_ref().filter(|detail| is_error(detail))
    {
        told = merge(tell(detail, depth - 1), told);
    }
    if let Some(metadata) = &words.metadata.0 {
        told.message = with_provider(told.message.take(), metadata, depth);
    }
    let inner = words.innererror.0.and_then(|inner| inner.code.0);
    told.code = told.code.or_else(|| words.code.as_ref().and_then(code_text)).or(inner);
    told.r#type = told.r#type.or(words.r#type.0).filter(|r#type| !r#type.is_empty());
    told.param = told.param.or(words.param.0).or(place);
    told.request_id = told.request_id.or(words.request_id.0);
    told
}

/// A message that is JSON text is read once more; any other is the message.
fn tell_text(text: &str, depth: usize) -> Told {
    let text = text.trim();
    if depth > 0
        && text.starts_with('{')
        && let Ok(nested) = RawJson::parse(text)
    {
        let told = tell(&nested, depth - 1);
        if told.message.is_some() {
            return told;
        }
    }
    Told { message: (!text.is_empty()).then(|| text.to_owned()), ..Told::default() }
}

fn merge(told: Told, other: Told) -> Told {
    Told {
        message: told.message.or(other.message),
        code: told.code.or(other.code),
        r#type: told.r#type.or(other.r#type),
        param: told.param.or(other.param),
        request_id: told.request_id.or(other.request_id),
    }
}

/// OpenRouter's own message is often just "Provider returned error"; the reason stands beside it.
fn with_provider(message: Option<String>, metadata: &Metadata, depth: usize) -> Option<String> {
    let raw = metadata.raw.as_ref().filter(|raw| is_error(raw));
    let reason = raw.and_then(|raw| tell(raw, depth.saturating_sub(1)).message);
    let Some(reason) = reason.filter(|reason| message.as_ref() != Some(reason)) else { return message };
    let who = metadata.provider_name.text().unwrap_or("provider");
    Some(match message {
        Some(message) => format!("{message} ({who}: {reason})"),
        None => format!("{who}: {reason}"),
    })
}

fn place(steps: &[Value]) -> String {
    let steps = steps.iter().skip_while(|step| step.as_str() == Some("body"));
    let steps = steps.map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned));
    steps.collect::<Vec<_>>().join(".")
}

fn code_text(code: &RawJson) -> Option<String> {
    match code.to_value() {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The status that an error inside a 200 stands for.
fn status_of(told: &Told) -> u16 {
    let number = told.code.as_deref().and_then(|code| code.parse::<u16>().ok());
    if let Some(status @ 400..=599) = number {
        return status;
    }
    let words = [told.code.as_deref(), told.r#type.as_deref()];
    words.into_iter().flatten().find_map(status_of_word).unwrap_or(502)
}

fn status_of_word(word: &str) -> Option<u16> {
    Some(match word {
        "insufficient_quota" | "rate_limit_error" | "rate_limit_exceeded" | "requests" | "tokens" => 429,
        "authentication_error" | "invalid_api_key" => 401,
        "permission_error" | "permission_denied" => 403,
        "model_not_found" | "not_found_error" => 404,
        "request_too_large" => 413,
        "overloaded_error" | "server_overloaded" | "service_unavailable" => 503,
        "timeout" | "timeout_error" => 504,
        "content_filter" | "context_length_exceeded" | "invalid_request_error" | "invalid_value" => 400,
        "api_error" | "internal_server_error" | "server_error" => 500,
        _ => return None,
    })
}

/// The words of a body that is no JSON. A page is not worth repeating.
fn plain_text(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_MESSAGE)]);
    let text = text.trim();
    if text.starts_with('<') {
        return Some("the upstream answered with a web page instead of an API answer".to_owned());
    }
    (!text.is_empty()).then(|| text.to_owned())
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_MESSAGE {
        let end = (0..=MAX_MESSAGE).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Writes a fault in OpenAI's shape.
pub(crate) fn write_fault(fault: &Fault) -> Vec<u8> {
    json!({ "error": error_object(fault) }).to_string().into_bytes()
}

/// The object under `error`, in a body and inside a stream.
fn error_object(fault: &Fault) -> Value {
    let code = fault.code.map(|code| code.as_str().to_owned()).or_else(|| fault.upstream_code.clone());
    let code = code.or_else(|| usual_code(fault.kind).map(str::to_owned));
    json!({ "message": fault.message, "type": error_type(fault), "param": fault.param, "code": code })
}

/// The type that clients know for this kind of fault; the upstream's own where it is one of OpenAI's.
fn error_type(fault: &Fault) -> &str {
    const KNOWN: [&str; 9] = [
        "authentication_error",
        "conflict_error",
        "insufficient_quota",
        "invalid_request_error",
        "permission_error",
        "rate_limit_error",
        "requests",
        "server_error",
        "tokens",
    ];
    if let Some(own) = fault.upstream_type.as_deref().filter(|own| KNOWN.contains(own)) {
        return own;
    }
    match fault.kind {
        FaultKind::Auth => "authentication_error",
        FaultKind::Billing => "insufficient_quota",
        FaultKind::Conflict => "conflict_error",
        FaultKind::Invalid | FaultKind::NotFound | FaultKind::TooLarge => "invalid_request_error",
        FaultKind::Permission => "permission_error",
        FaultKind::Rate => "rate_limit_error",
        FaultKind::Internal | FaultKind::Overloaded | FaultKind::Timeout | FaultKind::UpstreamBroken => {
            "server_error"
        }
    }
}

fn usual_code(kind: FaultKind) -> Option<&'static str> {
    match kind {
        FaultKind::Auth => Some("invalid_api_key"),
        FaultKind::Billing => Some("insufficient_quota"),
        FaultKind::NotFound => Some("model_not_found"),
        FaultKind::Overloaded => Some("server_overloaded"),
        FaultKind::Rate => Some("rate_limit_exceeded"),
        _ => None,
    }
}

/// The status that OpenAI's clients understand for a fault.
pub(crate) fn client_status(fault: &Fault) -> u16 {
    match fault.status {
        402 => 429,
        498 => 401,
        529 => 503,
        status => status,
    }
}
