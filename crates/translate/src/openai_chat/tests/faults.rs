//! Errors in all their shapes, in the place of an answer, inside a stream, and towards clients.

use byok_types::chat::{Event, Fold, FoldError};
use byok_types::{Blame, Code, Fault, FaultKind};

use super::{chunk, chunks, events};
use crate::format::{ClientFormat, UpstreamFormat};
use crate::openai_chat::OpenaiChat;

#[test]
fn every_shape_of_an_error_tells_its_message() {
    for (body, message, code, param) in [
        (
            r#"{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
            "too long",
            Some("context_length_exceeded"),
            Some("messages"),
        ),
        (
            r#"{"code":"The caller is not allowed","error":"no access"}"#,
            "no access",
            Some("The caller is not allowed"),
            None,
        ),
        (r#"{"object":"error","message":"bad","type":"BadRequest","code":1000}"#, "bad", Some("1000"), None),
        (
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","user"],"msg":"Extra inputs are not permitted"}]}"#,
            "user: Extra inputs are not permitted",
            None,
            Some("user"),
        ),
        (r#"{"detail":"Not Found"}"#, "Not Found", None, None),
        (r#"{"message":"Unauthorized","request_id":"r1"}"#, "Unauthorized", None, None),
        (
            r#"[{"error":{"code":400,"message":"key not valid","status":"INVALID_ARGUMENT"}}]"#,
            "key not valid",
            Some("400"),
            None,
        ),
        (r#"{"error":"plain words"}"#, "plain words", None, None),
        ("Bad gateway", "Bad gateway", None, None),
    ] {
        let fault = OpenaiChat.read_fault(400, body.as_bytes());
        assert_eq!(
            (fault.status, fault.message.as_str(), fault.upstream_code.as_deref(), fault.param.as_deref()),
            (400, message, code, param),
            "{body}"
        );
    }
}

#[test]
fn pitfall_143_pages_and_nested_json_become_short_words() {
    let page = OpenaiChat.read_fault(503, b"<html><body>nginx</body></html>");
    assert!(!page.message.contains("nginx") && page.kind == FaultKind::Overloaded, "{page}");
    let nested = OpenaiChat
        .read_fault(400, br#"{"error":{"message":"{\"error\":{\"message\":\"inner\",\"code\":\"c\"}}"}}"#);
    assert_eq!(nested.message, "inner");
    let empty = OpenaiChat.read_fault(500, b"");
    assert_eq!(empty.message, "the upstream answered 500 without a message");
    let long = OpenaiChat.read_fault(500, format!(r#"{{"message":"{}"}}"#, "é".repeat(5000)).as_bytes());
    assert!(long.message.len() < 2100);
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_eq!(OpenaiChat.read_fault(500, deep.as_bytes()).status, 500);
}

#[test]
fn pitfall_152_an_error_inside_a_200_has_its_own_status() {
    for (body, status) in [
        (r#"{"error":{"message":"busy","code":429}}"#, 429),
        (r#"{"error":{"message":"busy","code":"rate_limit_exceeded"}}"#, 429),
        (r#"{"error":{"message":"?","type":"invalid_request_error"}}"#, 400),
        (r#"{"error":{"message":"?"},"choices":[]}"#, 502),
        (r#"{"error":"boom"}"#, 502),
        (r#"{"object":"error","message":"boom","code":40303}"#, 502),
        (r#"{"detail":"boom"}"#, 502),
        (r#"{"choices":[{"error":{"code":503,"message":"boom"},"message":{"content":""}}]}"#, 503),
    ] {
        assert_eq!(OpenaiChat.read_response(body.as_bytes()).unwrap_err().status, status, "{body}");
        let stream = chunks(&[&chunk(r#"{"content":"a"}"#, "null"), body]);
        let Err(FoldError::Failed(fault)) = Fold::all(events(&stream)) else { panic!("{body}") };
        assert_eq!(fault.status, status, "{body}");
    }
    // A field that says there is none.
    let fine = r#"{"error":null,"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}"#;
    assert!(OpenaiChat.read_response(fine.as_bytes()).is_ok());
}

#[test]
fn usage_that_is_known_is_told_before_the_error() {
    let stream = chunks(&[
        r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":5,"completion_tokens":1}}"#,
        r#"{"error":{"message":"gone"}}"#,
    ]);
    let events = events(&stream);
    assert!(
        matches!(&events[events.len() - 2..], [Event::Usage(usage), Event::Error(_)] if usage.input == Some(5))
    );
}

#[test]
fn openrouter_tells_what_the_provider_said() {
    let body = r#"{"error":{"code":502,"message":"Provider returned error","metadata":{"provider_name":"Groq","raw":"{\"error\":{\"message\":\"model overloaded\"}}"}}}"#;
    let fault = OpenaiChat.read_fault(502, body.as_bytes());
    assert_eq!(fault.message, "Provider returned error (Groq: model overloaded)");
}

#[test]
fn pitfall_145_statuses_stay_what_they_are() {
    for (status, expected) in [(400, 400), (402, 429), (404, 404), (498, 401), (500, 500), (529, 503)] {
        assert_eq!(OpenaiChat.fault_status(&Fault::new(status, Blame::Upstream, "x")), expected);
    }
}

#[test]
fn clients_see_types_and_codes_that_they_know() {
    let body = |fault: &Fault| String::from_utf8(OpenaiChat.write_fault(fault)).unwrap();
    let mut fault = Fault::new(429, Blame::Upstream, "slow down");
    assert_eq!(
        body(&fault),
        r#"{"error":{"message":"slow down","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}"#
    );
    fault.upstream_type = Some("RESOURCE_EXHAUSTED".into());
    fault.upstream_code = Some("insufficient_quota".into());
    assert_eq!(
        body(&fault),
        r#"{"error":{"message":"slow down","type":"rate_limit_error","param":null,"code":"insufficient_quota"}}"#
    );
    assert_eq!(
        body(&Fault::invalid("n", "must be 1").with_code(Code::Unknown)),
        r#"{"error":{"message":"must be 1","type":"invalid_request_error","param":"n","code":"UNKNOWN"}}"#
    );
    let billing = Fault::new(402, Blame::Upstream, "no money");
    assert!(body(&billing).contains(r#""type":"insufficient_quota""#));
}
