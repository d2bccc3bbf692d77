use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use byok_auth::flow::renew;
use byok_auth::{LoginError, Overrides};
use byok_types::TokenSet;
use serde_json::{Value, json};

use crate::script::{Script, Step, begin, callback, flow, get, known, post, shown};

const TOKEN: &str = "https://iflow.cn/oauth/token";
const CLIENT: &str = "10009311001";

fn secret() -> String {
    ["4Z3YjXycVsQvyGF1", "etiNlIBB4RsqSDtW"].concat()
}

fn basic(step: Step) -> Step {
    step.header(
        "authorization",
        &format!("Basic {}", BASE64_STANDARD.encode(format!("{CLIENT}:{}", secret()))),
    )
}

fn exchange() -> Step {
    basic(post(TOKEN))
        .form(&[
            ("grant_type", "authorization_code"),
            ("code", "c1"),
            ("redirect_uri", "http://localhost:11451/oauth2callback"),
            ("client_id", CLIENT),
            ("client_secret", &secret()),
        ])
        .gives(&json!({ "access_token": "access-1", "refresh_token": "r1", "expires_in": 3600 }))
}

fn key(access: &str) -> Step {
    get(&format!("https://iflow.cn/api/oauth/getUserInfo?accessToken={access}"))
}

fn account(key: &str) -> Value {
    json!({ "success": true, "data": { "apiKey": key, "email": "me@example.com", "phone": "1" } })
}

async fn login(script: &Script) -> Result<TokenSet, LoginError> {
    let login = begin(flow("iflow", "browser"), known(), 11_451, script).await;
    let redirected = login.accept(&callback(&login, "c1")).unwrap();
    login.finish(redirected, script).await
}

#[tokio::test]
async fn calls_carry_the_key_of_the_account() {
    let script = Script::new([exchange(), key("access-1").gives(&account("sk-1"))]);
    let tokens = login(&script).await.unwrap();
    insta::assert_snapshot!(shown(&tokens));
    let ask = |refresh: &str| {
        basic(post(TOKEN)).form(&[
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT),
            ("client_secret", &secret()),
            ("refresh_token", refresh),
        ])
    };
    let renewed = |n: u8| json!({ "access_token": format!("a{n}"), "refresh_token": format!("r{n}"), "expires_in": 3600 });
    script.expect([
        ask("r1").gives(&renewed(2)),
        key("a2").gives(&account("sk-2")),
        ask("r2").gives(&renewed(3)),
        key("a3").answers(502, &json!({})),
    ]);
    let (flow, overrides) = (flow("iflow", "browser"), Overrides::default());
    let second = renew(flow, &overrides, &tokens, &script).await.unwrap();
    assert_eq!(second.access.expose(), "sk-2");
    // The refresh token was used up: its successor must not be lost with the key.
    let third = renew(flow, &overrides, &second, &script).await.unwrap();
    assert_eq!(third.access.expose(), "sk-2");
    assert_eq!(third.refresh.unwrap().expose(), "r3");
    script.is_over();
}

#[tokio::test]
async fn an_account_without_a_key_is_no_login() {
    for answer in [json!({ "success": false, "message": "no access-1 here" }), json!({ "data": {} })] {
        let script = Script::new([exchange(), key("access-1").gives(&answer)]);
        let error = login(&script).await.unwrap_err().to_string();
        assert!(!error.contains("access-1"), "{error}");
    }
}
