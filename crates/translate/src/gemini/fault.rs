//! Errors, as Google writes them: `{"error":{"code","message","status","details"}}`.
//!
//! Google's clients look at no header, so the time to wait stands in a `RetryInfo` among the details.

use std::time::Duration;

use byok_types::{Blame, Fault, FaultKind, RawJson};
use serde::Serialize;
use serde_json::{Value, json};

use super::wire;

/// Longest text that is taken over from an answer that is no error object.
const MAX_MESSAGE: usize = 2_000;

/// Error texts that hold an error object as text are opened this many times.
const MAX_NESTING: usize = 3;

/// Reads an error answer.
pub(super) fn read(status: u16, body: &[u8]) -> Fault {
    match error_in(body) {
        Some(error) => of_error(&error, Some(status)),
        None => fault_of(status, plain_text(status, body)),
    }
}

/// The error in a body or a chunk: an object under `error`, or an array with such an object, which is
/// how a stream without `alt=sse` fails.
pub(super) fn error_in(body: &[u8]) -> Option<RawJson> {
    let chunks: wire::Many<wire::Chunk> = serde_json::from_slice(body).ok()?;
    chunks.0.into_iter().find_map(|chunk| chunk.error)
}

/// Reads the value under `error`. Inside a stream the status is the error's own.
pub(super) fn of_error(error: &RawJson, status: Option<u16>) -> Fault {
    let mut body = error.read::<wire::ErrorBody>().unwrap_or_default();
    let mut text = texts(body.message.as_ref()).or_else(|| texts(Some(error))).unwrap_or_default();
    for _ in 0..MAX_NESTING {
        // Google's gateways put the whole error of the service behind them into the message.
        let inner =
            text.trim_start().starts_with(['{', '[']).then(|| error_in(text.trim().as_bytes())).flatten();
        let Some(inner) = inner.and_then(|inner| inner.read::<wire::ErrorBody>().ok()) else {
            break;
        };
        text = texts(inner.message.as_ref()).unwrap_or_default();
        body = inner;
    }
    let code = body.code.and_then(|code| code.read::<wire::Whole>().ok());
    let code = code.and_then(|code| u16::try_from(code.0).ok()).filter(|code| (400..600).contains(code));
    let word = texts(body.status.as_ref());
    let status = status.or(code).or_else(|| status_of(word.as_deref()?)).unwrap_or(500);
    if text.is_empty() {
        text = plain_text(status, word.as_deref().unwrap_or_default().as_bytes());
    }
    truncate(&mut text);
    let mut fault = fault_of(status, text);
    fault.upstream_type = word;
    let details: Option<Vec<wire::ErrorDetail>> = body.details.and_then(|details| details.read().ok());
    for detail in details.unwrap_or_default() {
        if let Some(reason) = detail.reason {
            fault.upstream_code.get_or_insert(reason);
        }
        if let Some(delay) = detail.retry_delay {
            fault.retry_after = delay_of(&delay).or(fault.retry_after);
        }
        if let Some(violation) = detail.field_violations.into_iter().flatten().next() {
            fault.param = fault.param.or(violation.field);
        }
    }
    if fault.upstream_code.as_deref() == Some("API_KEY_INVALID") {
        // Google says 400 to a wrong key; the status stays, what it means is this.
        fault.kind = FaultKind::Auth;
        fault.blame = Blame::Upstream;
    }
    fault
}

/// The text of a value that should be one; servers that only resemble Google's write other things.
fn texts(value: Option<&RawJson>) -> Option<String> {
    value?.as_str().map(Into::into).filter(|text: &String| !text.is_empty())
}

fn fault_of(status: u16, message: String) -> Fault {
    let mut fault = Fault::new(status, Blame::Upstream, message);
    if matches!(fault.kind, FaultKind::Invalid | FaultKind::TooLarge) {
        fault.blame = Blame::Client;
    }
    fault
}

/// Writes a fault with the status that the answer will have.
pub(super) fn write(fault: &Fault, status: u16) -> Vec<u8> {
    // Texts and numbers can always be written.
    serde_json::to_vec(&ErrorAnswer::of(fault, status)).unwrap_or_default()
}

/// The whole error, whose only key is `error`: the Python client compares the beginning of the text.
#[derive(Debug, Serialize)]
pub(super) struct ErrorAnswer<'a> {
    error: ErrorObject<'a>,
}

#[derive(Debug, Serialize)]
struct ErrorObject<'a> {
    /// A number from 400 to 599, or the JavaScript client takes the error for an answer.
    code: u16,
    message: String,
    status: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Value>,
}

impl<'a> ErrorAnswer<'a> {
    /// The error that says `fault`.
    pub(super) fn of(fault: &'a Fault, status: u16) -> Self {
        let code = if (400..600).contains(&status) { status } else { 500 };
        let mut details = Vec::new();
        if let Some(code) = fault.code {
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": code.as_str(),
                "domain": "byok",
            }));
        }
        if let Some(delay) = fault.retry_after {
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": delay_text(delay),
            }));
        }
        let mut message = fault.message.clone();
        if let Some(field) = &fault.param {
            if !message.contains(field.as_str()) {
                message = format!("{field}: {message}");
            }
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{ "field": field, "description": &fault.message }],
            }));
        }
        let own_word = fault.upstream_type.as_deref().filter(|word| status_of(word).is_some());
        let status = own_word.unwrap_or_else(|| word_of(code));
        Self { error: ErrorObject { code, message, status, details } }
    }
}

/// Google's word for a status (wire-format facts, 0.3).
fn word_of(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        402 => "FAILED_PRECONDITION",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        502 | 503 | 529 => "UNAVAILABLE",
        400..=498 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}

/// The status for one of Google's words.
/// <https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto>
fn status_of(word: &str) -> Option<u16> {
    Some(match word {
        "FAILED_PRECONDITION" | "INVALID_ARGUMENT" | "OUT_OF_RANGE" => 400,
        "UNAUTHENTICATED" => 401,
        "PERMISSION_DENIED" => 403,
        "NOT_FOUND" => 404,
        "ABORTED" | "ALREADY_EXISTS" => 409,
        "RESOURCE_EXHAUSTED" => 429,
        "CANCELLED" => 499,
        "DATA_LOSS" | "INTERNAL" | "UNKNOWN" => 500,
        "UNIMPLEMENTED" => 501,
        "UNAVAILABLE" => 503,
        "DEADLINE_EXCEEDED" => 504,
        _ => return None,
    })
}

/// A duration as protocol buffers write it: `34s`, `3.5s`.
fn delay_of(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().strip_suffix('s')?.parse().ok()?).ok()
}

fn delay_text(delay: Duration) -> String {
    match delay.subsec_millis() {
        0 => format!("{}s", delay.as_secs()),
        millis => format!("{}.{millis:03}s", delay.as_secs()),
    }
}

/// What a body says that is no error object. Pages for browsers say nothing.
fn plain_text(status: u16, body: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&body[..body.len().min(MAX_MESSAGE)]).trim().to_owned();
    if text.is_empty() || text.starts_with('<') {
        return format!("the upstream answered {status} without an explanation");
    }
    truncate(&mut text);
    format!("the upstream answered {status}: {text}")
}

fn truncate(text: &mut String) {
    if text.len() > MAX_MESSAGE {
        let mut end = MAX_MESSAGE;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use byok_types::Code;

    use super::*;

    const QUOTA: &str = r#"{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED","details":[
        {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":"m"}]},
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}"#;

    #[test]
    fn pitfall_144_the_time_to_wait_is_read_and_written() {
        let fault = read(429, QUOTA.as_bytes());
        assert_eq!(fault.kind, FaultKind::Rate);
        assert_eq!(fault.retry_after, Some(Duration::from_millis(34_500)));
        assert_eq!(fault.upstream_type.as_deref(), Some("RESOURCE_EXHAUSTED"));
        let mut fault = Fault::new(429, Blame::Upstream, "slow down").with_code(Code::RateLimited);
        fault.retry_after = Some(Duration::from_secs(7));
        assert_eq!(
            String::from_utf8(write(&fault, 429)).unwrap(),
            concat!(
                r#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":["#,
                r#"{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMITED","domain":"byok"},"#,
                r#"{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}"#
            )
        );
        let again = read(429, &write(&fault, 429));
        assert_eq!(again.retry_after, fault.retry_after);
        assert_eq!(again.upstream_code.as_deref(), Some("RATE_LIMITED"));
    }

    #[test]
    fn a_wrong_key_is_a_matter_of_the_key_though_the_status_is_400() {
        let body = r#"[{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[
            {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}]"#;
        let fault = read(400, body.as_bytes());
        assert_eq!((fault.status, fault.kind, fault.blame), (400, FaultKind::Auth, Blame::Upstream));
        assert_eq!(fault.upstream_code.as_deref(), Some("API_KEY_INVALID"));
    }

    #[test]
    fn pitfall_99_an_error_in_an_array_is_unwrapped() {
        let fault = read(429, format!("[{QUOTA}]").as_bytes());
        assert_eq!(fault.message, "Quota exceeded");
    }

    #[test]
    fn pitfall_143_bodies_that_are_no_error_object_still_say_something() {
        let nested = json!({ "error": { "code": 400, "message": QUOTA } }).to_string();
        let fault = read(429, nested.as_bytes());
        assert_eq!((fault.message.as_str(), fault.retry_after.is_some()), ("Quota exceeded", true));
        assert_eq!(read(502, b"bad gateway").message, "the upstream answered 502: bad gateway");
        assert_eq!(read(502, b"<html>").message, "the upstream answered 502 without an explanation");
        assert_eq!(read(500, b"").message, "the upstream answered 500 without an explanation");
        assert_eq!(read(500, b"{\"error\":\"gone\"}").message, "gone");
        assert!(read(500, "ä".repeat(9_000).as_bytes()).message.len() < 2_100);
        assert!(
            read(400, json!({ "error": { "message": "ä".repeat(9_000) } }).to_string().as_bytes())
                .message
                .len()
                < 2_100
        );
    }

    #[test]
    fn pitfall_145_every_status_keeps_its_number_and_has_a_word() {
        for (status, word) in [
            (400, "INVALID_ARGUMENT"),
            (401, "UNAUTHENTICATED"),
            (403, "PERMISSION_DENIED"),
            (404, "NOT_FOUND"),
            (409, "ABORTED"),
            (413, "INVALID_ARGUMENT"),
            (422, "INVALID_ARGUMENT"),
            (429, "RESOURCE_EXHAUSTED"),
            (499, "CANCELLED"),
            (500, "INTERNAL"),
            (501, "UNIMPLEMENTED"),
            (503, "UNAVAILABLE"),
            (504, "DEADLINE_EXCEEDED"),
        ] {
            let written = write(&Fault::new(status, Blame::Upstream, "no"), status);
            let fault = read(status, &written);
            assert_eq!((fault.status, fault.upstream_type.as_deref()), (status, Some(word)));
        }
    }

    #[test]
    fn a_field_at_fault_is_named_in_the_message_and_comes_back() {
        let fault = Fault::invalid("contents[2].parts", "they are empty");
        let written = write(&fault, 400);
        let again = read(400, &written);
        assert_eq!(again.message, "contents[2].parts: they are empty");
        assert_eq!(again.param, fault.param);
    }
}
