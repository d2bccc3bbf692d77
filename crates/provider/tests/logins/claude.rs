use std::time::Duration;

use byok_auth::flow::{margin, renew, revoke};
use byok_auth::{CallbackError, Overrides, RenewError, Revoked};
use serde_json::{Value, json};

use crate::script::{ANY, Script, Step, begin, callback, flow, is_bound, known, post, query, shown};

const TOKEN: &str = "https://platform.claude.com/v1/oauth/token";
const CLIENT: &str = "9d1c250a-e61b-44d9-88ed-5944d1962f5e";

fn exchange(redirect: &str) -> Step {
    post(TOKEN)
        .json(json!({
            "grant_type": "authorization_code", "code": "c1", "state": ANY, "redirect_uri": redirect,
            "client_id": CLIENT, "code_verifier": ANY,
        }))
        .gives(&answer())
}

fn answer() -> Value {
    json!({
        "access_token": "sk-ant-oat01-a", "refresh_token": "sk-ant-ort01-r", "token_type": "Bearer",
        "expires_in": 28800, "scope": "user:inference",
        "organization": { "uuid": "o1", "name": "Acme" },
        "account": { "uuid": "a1", "email_address": "me@example.com" },
    })
}

#[tokio::test]
async fn a_browser_comes_back() {
    let script = Script::new([exchange("http://localhost:40000/callback")]);
    let login = begin(flow("claude", "browser"), known(), 40_000, &script).await;
    let asked = query(login.url());
    let redirected = login.accept(&callback(&login, "c1")).unwrap();
    let tokens = login.finish(redirected, &script).await.unwrap();
    script.is_over();
    is_bound(&asked["code_challenge"], &script.sent("code_verifier"));
    assert_eq!(script.sent("state"), asked["state"]);
    insta::assert_snapshot!(shown(&tokens));
}

#[tokio::test]
async fn the_page_shows_the_code_and_the_state() {
    let script = Script::new([exchange("https://platform.claude.com/oauth/code/callback")]);
    let login = begin(flow("claude", "browser"), known(), 40_000, &script).await;
    let state = query(login.manual_url().unwrap())["state"].clone();
    assert!(matches!(login.accept_pasted("c1"), Err(CallbackError::Incomplete(_))));
    let redirected = login.accept_pasted(&format!("c1#{state}\n")).unwrap();
    assert!(login.finish(redirected, &script).await.is_ok());
    script.is_over();
}

#[tokio::test]
async fn it_is_renewed_until_its_vendor_ends_it() {
    let script = Script::new([exchange("http://localhost:40000/callback")]);
    let flow = flow("claude", "browser");
    let login = begin(flow, known(), 40_000, &script).await;
    let redirected = login.accept(&callback(&login, "c1")).unwrap();
    let tokens = login.finish(redirected, &script).await.unwrap();
    assert_eq!(margin(flow, &tokens), Duration::from_secs(300));
    let ask = |refresh: &str| {
        post(TOKEN).json(json!({
            "grant_type": "refresh_token", "refresh_token": refresh, "client_id": CLIENT,
        }))
    };
    script.expect([
        ask("sk-ant-ort01-r").answers(429, &json!({ "error": { "type": "rate_limit_error" } })),
        ask("sk-ant-ort01-r").gives(&json!({
            "access_token": "sk-ant-oat01-b", "refresh_token": "sk-ant-ort01-s", "expires_in": 3600,
        })),
        ask("sk-ant-ort01-s").answers(400, &json!({ "error": "invalid_grant" })),
    ]);
    let overrides = Overrides::default();
    let error = renew(flow, &overrides, &tokens, &script).await.unwrap_err();
    assert!(matches!(error, RenewError::Temporary { .. }), "{error}");
    let next = renew(flow, &overrides, &tokens, &script).await.unwrap();
    assert_eq!(next.label.as_deref(), Some("me@example.com (Acme)"));
    let error = renew(flow, &overrides, &next, &script).await.unwrap_err();
    assert!(matches!(error, RenewError::Dead { .. }), "{error}");
    assert_eq!(revoke(flow, &overrides, &next, &script).await, Ok(Revoked::NotOffered));
    script.is_over();
}
