//! The scripted vendors refuse what real ones do. Were they lenient, the other tests would prove nothing.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use byok_e2e::http;
use byok_e2e::vendors::claude::CLAUDE;
use byok_e2e::vendors::gemini::GEMINI;
use byok_e2e::vendors::kimi::KIMI;
use byok_e2e::vendors::kiro::KIRO;
use byok_e2e::vendors::{Decision, Vendor, Visit};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use url::form_urlencoded;

const VERIFIER: &str = "0123456789012345678901234567890123456789012";
const REDIRECT: &str = "http://localhost:40000/callback";

fn challenge() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()))
}

/// The fields of Claude's authorize address, with one changed: another value, or none.
fn authorize(vendor: &Vendor, changed: &str, value: Option<&str>) -> Visit {
    let challenge = challenge();
    let fields = [
        ("code", "true"),
        ("client_id", "9d1c250a-e61b-44d9-88ed-5944d1962f5e"),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", "user:profile user:inference user:sessions:claude_code user:mcp_servers user:file_upload"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("state", "0123456789abcdef0123456789abcdef"),
    ];
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, usual) in fields {
        if name != changed {
            query.append_pair(name, usual);
        } else if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    if fields.iter().all(|(name, _)| *name != changed)
        && let Some(value) = value
    {
        query.append_pair(changed, value);
    }
    vendor.visit(&format!("{}/oauth/authorize?{}", vendor.origin(), query.finish()))
}

/// A code of Claude's, and the fields that it is exchanged with.
fn exchange(vendor: &Vendor) -> Value {
    let Visit::SentTo(callback) = authorize(vendor, "", None) else { panic!("all is right") };
    let code = callback.split(['=', '&']).nth(1).expect("a code");
    json!({
        "grant_type": "authorization_code", "code": code, "state": "0123456789abcdef0123456789abcdef",
        "redirect_uri": REDIRECT, "client_id": "9d1c250a-e61b-44d9-88ed-5944d1962f5e",
        "code_verifier": VERIFIER,
    })
}

fn post(vendor: &Vendor, path: &str, kind: &str, body: &str) -> u16 {
    let headers = [("content-type", kind), ("accept", "application/json")];
    http::send(vendor.address, "POST", path, &headers, body.as_bytes()).status()
}

#[test]
fn a_wrong_question_at_the_authorize_address_is_refused() {
    for (field, value) in [
        ("state", None),
        ("state", Some("short")),
        ("code_challenge", None),
        ("code_challenge", Some("not-a-digest")),
        ("code_challenge_method", Some("plain")),
        ("client_id", Some("another")),
        ("redirect_uri", Some("http://evil.example/callback")),
        ("redirect_uri", Some("http://localhost:40000/other")),
        ("redirect_uri", Some("http://127.0.0.1:40000/callback")),
        ("scope", Some("user:profile")),
        ("response_type", Some("token")),
        ("unknown", Some("1")),
    ] {
        let vendor = Vendor::open(CLAUDE);
        let visit = authorize(&vendor, field, value);
        assert!(matches!(visit, Visit::Refused(_)), "{field} {value:?}: {visit:?}");
        assert_eq!(vendor.desk.refused().len(), 1, "{field}");
    }
}

#[test]
fn a_wrong_exchange_is_refused() {
    let json = "application/json";
    for (field, value) in [
        ("code", json!("another")),
        ("state", json!("another")),
        ("redirect_uri", json!("http://localhost:40001/callback")),
        ("client_id", json!("another")),
        ("code_verifier", json!("another-verifier-that-is-long-enough-to-be-one")),
        ("code_verifier", Value::Null),
        ("grant_type", json!("password")),
        ("unknown", json!("1")),
    ] {
        let vendor = Vendor::open(CLAUDE);
        let mut fields = exchange(&vendor);
        fields[field] = value.clone();
        if value.is_null() {
            fields.as_object_mut().expect("an object").remove(field);
        }
        assert_eq!(post(&vendor, "/v1/oauth/token", json, &fields.to_string()), 400, "{field} {value}");
    }
    let vendor = Vendor::open(CLAUDE);
    let fields = exchange(&vendor).to_string();
    assert_eq!(post(&vendor, "/v1/oauth/token", "application/x-www-form-urlencoded", &fields), 400);
    assert_eq!(post(&vendor, "/v1/oauth/token", json, &fields), 200);
    assert_eq!(post(&vendor, "/v1/oauth/token", json, &fields), 400, "a code is good once");
}

#[test]
fn a_form_with_a_field_twice_or_in_json_is_refused() {
    let vendor = Vendor::open(GEMINI);
    let form = "application/x-www-form-urlencoded";
    assert_eq!(post(&vendor, "/token", form, "grant_type=refresh_token&grant_type=refresh_token"), 400);
    assert_eq!(post(&vendor, "/token", "application/json", "{}"), 400);
    let refused = vendor.desk.refused();
    assert!(refused[0].contains("twice") && refused[1].contains("content type"), "{refused:?}");
}

#[test]
fn a_question_that_comes_too_early_is_refused() {
    let vendor = Vendor::open(KIMI);
    let form = "application/x-www-form-urlencoded";
    let client = "client_id=17e5f671-d194-4dfb-9706-5516cb48c098";
    let headers = [("content-type", form), ("accept", "application/json")];
    let path = "/api/oauth/device_authorization";
    let asked = http::send(vendor.address, "POST", path, &headers, client.as_bytes()).json();
    let poll = form_urlencoded::Serializer::new(client.to_owned())
        .append_pair("device_code", asked["device_code"].as_str().expect("a code"))
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:device_code")
        .finish();
    let poll = || http::send(vendor.address, "POST", "/api/oauth/token", &headers, poll.as_bytes()).json();
    assert_eq!(poll()["error"], "authorization_pending");
    assert!(vendor.desk.refused().is_empty());
    vendor.desk.decide(asked["user_code"].as_str().expect("a code"), Decision::Approved);
    assert_eq!(poll()["error"], "slow_down");
    assert_eq!(vendor.desk.refused().len(), 1);
}

#[test]
fn a_registration_under_another_name_is_refused() {
    let vendor = Vendor::open(KIRO);
    let scopes = ["codewhisperer:completions", "codewhisperer:analysis", "codewhisperer:conversations"];
    let grants = ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"];
    let register = |name: &str| {
        let body =
            json!({"clientName": name, "clientType": "public", "scopes": scopes, "grantTypes": grants});
        post(&vendor, "/client/register", "application/json", &body.to_string())
    };
    assert_eq!(register("Kiro IDE"), 400);
    assert_eq!(register("byok"), 200);
}
