//! Errors in both directions.

use byok_types::{Blame, Code, Fault, FaultKind};
use serde_json::json;

use super::*;

fn body(fault: &Fault) -> Value {
    serde_json::from_slice(&Anthropic.write_fault(fault)).unwrap()
}

#[test]
fn anthropics_own_words_pass_unchanged() {
    let original = json!({ "type": "error", "error": {
        "type": "invalid_request_error", "message": "messages.1.output_config: Extra inputs are not permitted",
    }, "request_id": "req_011CS" });
    let fault = Anthropic.read_fault(400, original.to_string().as_bytes());
    assert_eq!((fault.kind, fault.blame), (FaultKind::Invalid, Blame::Client));
    assert_eq!(body(&fault), original);
}

#[test]
fn the_codes_of_an_upstream_pass_too() {
    let original = json!({ "type": "error", "error": {
        "type": "rate_limit_error", "message": "slow down", "details": { "error_code": "credits_out" },
    }, "request_id": null });
    let fault = Anthropic.read_fault(429, original.to_string().as_bytes());
    assert_eq!(fault.upstream_code.as_deref(), Some("credits_out"));
    assert_eq!(body(&fault), original);
}

#[test]
fn other_shapes_and_no_shape_at_all_are_read() {
    for (text, message) in [
        (r#"{"error":{"message":"a","type":"x","code":"y","param":"model"}}"#, "a"),
        (r#"{"error":"a"}"#, "a"),
        (r#"{"message":"a"}"#, "a"),
        (r#"{"detail":"a"}"#, "a"),
        (r#"{"detail":[{"loc":["body"]}]}"#, r#"[{"loc":["body"]}]"#),
        (r#"[{"error":{"message":"a"}}]"#, "a"),
        ("a\n", "a"),
        ("<html>a</html>", "the upstream answered 418 without a message"),
        ("{}", "the upstream answered 418 without a message"),
        ("", "the upstream answered 418 without a message"),
    ] {
        let fault = Anthropic.read_fault(418, text.as_bytes());
        assert_eq!((fault.status, fault.message.as_str()), (418, message), "{text}");
    }
}

#[test]
fn a_long_message_is_cut_between_characters() {
    let fault = Anthropic.read_fault(500, format!("x{}", "é".repeat(10_000)).as_bytes());
    assert!(fault.message.len() <= 8 * 1024);
    let fault = Anthropic.read_fault(500, json!({ "message": "é".repeat(10_000) }).to_string().as_bytes());
    assert_eq!(fault.message.len(), 8 * 1024);
}

#[test]
fn byoks_own_codes_stand_beside_a_type_that_clients_know() {
    let fault = Fault::new(503, Blame::Byok, "nobody is logged in").with_code(Code::ProviderUnavailable);
    let error = json!({
        "type": "api_error", "message": "nobody is logged in", "code": "PROVIDER_UNAVAILABLE",
        "details": { "error_code": "PROVIDER_UNAVAILABLE" },
    });
    assert_eq!(body(&fault), json!({ "type": "error", "error": error, "request_id": null }));
    assert_eq!(Anthropic.fault_status(&fault), 503);
}

#[test]
fn a_refused_field_is_named_in_the_message() {
    assert_eq!(body(&Fault::invalid("n", "only one answer"))["error"]["message"], "n: only one answer");
}

#[test]
fn statuses_are_those_that_these_clients_know() {
    let mut busy = Fault::new(503, Blame::Upstream, "busy");
    assert_eq!(Anthropic.fault_status(&busy), 503);
    busy.upstream_code = Some("server_overloaded".into());
    assert_eq!(Anthropic.fault_status(&busy), 529);
    for (status, expected) in [(529, 529), (498, 401), (402, 402), (400, 400)] {
        assert_eq!(Anthropic.fault_status(&Fault::new(status, Blame::Upstream, "")), expected);
    }
}

#[test]
fn every_status_has_a_type_that_the_clients_know() {
    for (status, name) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "conflict_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ] {
        assert_eq!(body(&Fault::new(status, Blame::Upstream, "x"))["error"]["type"], name);
    }
}
