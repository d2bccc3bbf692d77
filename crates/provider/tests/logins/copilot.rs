use std::time::Duration;

use byok_auth::flow::{margin, renew};
use byok_auth::{DeviceLogin, LoginError, Overrides, Polled, RenewError};
use byok_types::Detail;
use serde_json::{Value, json};
use url::Url;

use crate::script::{Script, Step, device, done, flow, get, known, pending, post, shown};

const CLIENT: &str = "Iv1.b507a08c87ecfe98";
const POLL: &str = "https://github.com/login/oauth/access_token";

fn code() -> Step {
    post("https://github.com/login/device/code")
        .form(&[("client_id", CLIENT), ("scope", "read:user")])
        .gives(&given())
}

fn given() -> Value {
    json!({
        "device_code": "d1", "user_code": "ABCD-1234", "verification_uri": "https://github.com/login/device",
        "expires_in": 900, "interval": 5,
    })
}

fn poll() -> Step {
    post(POLL).form(&[
        ("client_id", CLIENT),
        ("device_code", "d1"),
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
    ])
}

fn user() -> Step {
    get("https://api.github.com/user").bearer("ghu_1").gives(&json!({ "login": "octocat" }))
}

fn exchange() -> Step {
    get("https://api.github.com/copilot_internal/v2/token")
        .header("authorization", "token ghu_1")
        .header("x-github-api-version", "2025-04-01")
        .header("editor-version", concat!("byok/", env!("CARGO_PKG_VERSION")))
}

fn token(refresh_in: i64) -> Value {
    json!({
        "token": "tid=1;exp=2;proxy-ep=proxy.individual.githubcopilot.com:mac", "expires_at": 4_000_000_000_u64,
        "refresh_in": refresh_in, "endpoints": { "api": "https://api.individual.githubcopilot.com" },
    })
}

#[tokio::test]
async fn a_code_at_github_buys_a_token_for_calls() {
    let granted = json!({ "access_token": "ghu_1", "token_type": "bearer", "scope": "" });
    let script = Script::new([
        code(),
        poll().gives(&json!({ "error": "authorization_pending" })),
        poll().gives(&json!({ "error": "slow_down", "interval": 11 })),
        poll().gives(&granted),
        user(),
        exchange().gives(&token(1500)),
    ]);
    let flow = flow("github", "device");
    let mut login = device(flow, known(), &script).await;
    pending(&mut login, &script).await;
    pending(&mut login, &script).await;
    assert_eq!(login.interval().as_secs(), 11);
    let tokens = done(&mut login, &script).await;
    script.is_over();
    insta::assert_snapshot!(shown(&tokens));
    assert_eq!(margin(flow, &tokens), Duration::from_secs(60));

    let overrides = Overrides::default();
    script.expect([
        exchange()
            .gives(&json!({ "token": "tid=2;proxy-ep=proxy.business.githubcopilot.com;x", "expires_at": 1 })),
        exchange().answers(401, &json!({ "message": "Bad credentials" })),
        exchange().answers(403, &json!({ "message": "no" })),
    ]);
    let next = renew(flow, &overrides, &tokens, &script).await.unwrap();
    assert_eq!(next.refresh.as_ref().unwrap().expose(), "ghu_1");
    assert_eq!(next.details.get(Detail::ApiBase), Some("https://api.business.githubcopilot.com"));
    let revoked = renew(flow, &overrides, &next, &script).await.unwrap_err();
    assert!(matches!(revoked, RenewError::Dead { .. }), "{revoked}");
    let blocked = renew(flow, &overrides, &next, &script).await.unwrap_err();
    assert!(matches!(blocked, RenewError::Temporary { .. }), "{blocked}");
    script.is_over();
}

#[tokio::test]
async fn a_persons_own_app_needs_no_exchange() {
    let overrides = Overrides { client_id: Some("Ov23mine".to_owned()), ..Overrides::default() };
    let script = Script::new([
        post("https://github.com/login/device/code")
            .form(&[("client_id", "Ov23mine"), ("scope", "read:user")])
            .gives(&given()),
        post(POLL)
            .form(&[
                ("client_id", "Ov23mine"),
                ("device_code", "d1"),
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ])
            .gives(&json!({ "access_token": "gho_1", "token_type": "bearer" })),
        get("https://api.github.com/user").bearer("gho_1").answers(503, &json!({})),
    ]);
    let flow = flow("copilot", "device");
    let mut login = DeviceLogin::begin(flow, &overrides, known(), &script).await.unwrap();
    let Polled::Done(tokens) = login.poll(&script).await.unwrap() else { panic!("pending") };
    script.is_over();
    assert_eq!(tokens.access.expose(), "gho_1");
    assert!(tokens.refresh.is_none() && tokens.expires_at.is_none() && tokens.label.is_none());
    let error = renew(flow, &overrides, &tokens, &script).await.unwrap_err();
    assert!(matches!(error, RenewError::Impossible { .. }), "{error}");
}

#[tokio::test]
async fn what_github_says_about_the_plan_is_shown() {
    let mut said = Vec::new();
    for (status, answer) in [
        (
            403,
            json!({
                "message": "Resource not accessible by integration",
                "error_details": {
                    "message": "Your account has no Copilot plan.", "title": "No access to Copilot",
                    "notification_id": "no_copilot_access", "url": "https://github.com/settings/copilot",
                },
                "can_signup_for_limited": true,
            }),
        ),
        (404, json!({ "message": "Not Found" })),
        (401, json!({ "message": "Bad credentials of ghu_1" })),
        (200, json!({ "token": "t1", "endpoints": { "api": "https://evil.test" } })),
        (200, json!({ "endpoints": {} })),
    ] {
        let granted = json!({ "access_token": "ghu_1", "token_type": "bearer" });
        let script =
            Script::new([code(), poll().gives(&granted), user(), exchange().answers(status, &answer)]);
        let mut login = device(flow("copilot", "device"), known(), &script).await;
        let error = login.poll(&script).await.unwrap_err().to_string();
        assert!(!error.contains("ghu_1"), "{error}");
        said.push(format!("{status}: {error}"));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test]
async fn an_enterprise_has_its_own_domain() {
    let url = |text: &str| Some(Url::parse(text).unwrap());
    let overrides = Overrides {
        device_url: url("https://acme.ghe.com/login/device/code"),
        token_url: url("https://acme.ghe.com/login/oauth/access_token"),
        ..Overrides::default()
    };
    let mut given = given();
    given["verification_uri"] = json!("https://acme.ghe.com/login/device");
    let script = Script::new([
        post("https://acme.ghe.com/login/device/code")
            .form(&[("client_id", CLIENT), ("scope", "read:user")])
            .gives(&given),
        post("https://acme.ghe.com/login/oauth/access_token")
            .form(&[
                ("client_id", CLIENT),
                ("device_code", "d1"),
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ])
            .gives(&json!({ "access_token": "ghu_1" })),
        get("https://api.acme.ghe.com/user").bearer("ghu_1"),
        get("https://api.acme.ghe.com/copilot_internal/v2/token")
            .header("authorization", "token ghu_1")
            .gives(&json!({ "token": "t1", "endpoints": { "api": "https://copilot-api.acme.ghe.com" } })),
    ]);
    let mut login =
        DeviceLogin::begin(flow("copilot", "device"), &overrides, known(), &script).await.unwrap();
    let Polled::Done(tokens) = login.poll(&script).await.unwrap() else { panic!("pending") };
    script.is_over();
    assert_eq!(tokens.details.get(Detail::ApiBase), Some("https://copilot-api.acme.ghe.com"));
}

#[tokio::test]
async fn a_no_is_told_from_a_late_yes() {
    for (error, denied) in [("access_denied", true), ("expired_token", false)] {
        let script = Script::new([code(), poll().gives(&json!({ "error": error }))]);
        let mut login = device(flow("copilot", "device"), known(), &script).await;
        let said = login.poll(&script).await.unwrap_err();
        assert_eq!(matches!(said, LoginError::Denied { .. }), denied, "{said}");
        assert_eq!(matches!(said, LoginError::Expired { .. }), !denied, "{said}");
    }
}
