//! The two plain device flows.

use std::time::Duration;

use byok_auth::flow::{margin, renew};
use byok_auth::{LoginError, Overrides, RenewError};
use byok_types::Detail;
use serde_json::{Value, json};

use crate::script::{ANY, Script, Step, device, done, flow, is_bound, known, pending, post, shown};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const QWEN: &str = "f0304373b74a44d2b584a3fb70ca9e56";
const KIMI: &str = "17e5f671-d194-4dfb-9706-5516cb48c098";

fn given() -> Value {
    json!({
        "device_code": "d1", "user_code": "ABCD", "verification_uri": "https://vendor.test/go",
        "verification_uri_complete": "https://vendor.test/go?code=ABCD", "expires_in": 900,
    })
}

fn qwen_code() -> Step {
    post("https://chat.qwen.ai/api/v1/oauth2/device/code")
        .header("x-request-id", ANY)
        .form(&[
            ("client_id", QWEN),
            ("scope", "openid profile email model.completion"),
            ("code_challenge", ANY),
            ("code_challenge_method", "S256"),
        ])
        .gives(&given())
}

fn qwen_poll() -> Step {
    post("https://chat.qwen.ai/api/v1/oauth2/token").form(&[
        ("client_id", QWEN),
        ("device_code", "d1"),
        ("grant_type", GRANT),
        ("code_verifier", ANY),
    ])
}

fn qwen_tokens(resource: &str) -> Value {
    json!({
        "access_token": "a1", "refresh_token": "r1", "token_type": "Bearer", "expires_in": 21600,
        "resource_url": resource,
    })
}

#[tokio::test]
async fn qwen_binds_its_code_and_names_its_api() {
    let script = Script::new([
        qwen_code(),
        qwen_poll().answers(400, &json!({ "error": "authorization_pending" })),
        qwen_poll().answers(429, &json!({ "error": "slow_down" })),
        qwen_poll().gives(&qwen_tokens("portal.qwen.ai")),
    ]);
    let flow = flow("qwen", "device");
    let mut login = device(flow, known(), &script).await;
    assert_eq!(login.interval(), Duration::from_secs(2));
    assert_eq!(login.complete_url(), Some("https://vendor.test/go?code=ABCD"));
    pending(&mut login, &script).await;
    pending(&mut login, &script).await;
    assert_eq!(login.interval(), Duration::from_secs(3));
    let tokens = done(&mut login, &script).await;
    script.is_over();
    is_bound(&script.sent("code_challenge"), &script.sent("code_verifier"));
    insta::assert_snapshot!(shown(&tokens));
    assert_eq!(margin(flow, &tokens), Duration::from_secs(30));
    let ask = || {
        post("https://chat.qwen.ai/api/v1/oauth2/token").form(&[
            ("grant_type", "refresh_token"),
            ("client_id", QWEN),
            ("refresh_token", "r1"),
        ])
    };
    script.expect([
        ask().gives(&json!({ "access_token": "a2", "refresh_token": "r2", "expires_in": 21600 })),
        ask().answers(400, &json!({ "error": "whatever" })),
    ]);
    let next = renew(flow, &Overrides::default(), &tokens, &script).await.unwrap();
    assert_eq!(next.details.get(Detail::ApiBase), Some("https://portal.qwen.ai/v1"));
    let error = renew(flow, &Overrides::default(), &tokens, &script).await.unwrap_err();
    assert!(matches!(error, RenewError::Dead { .. }), "{error}");
}

#[tokio::test]
async fn qwens_api_is_at_a_host_of_its_own() {
    for (resource, base) in [
        ("https://portal.qwen.ai/v1/", Some("https://portal.qwen.ai/v1")),
        ("dashscope.aliyuncs.com/compatible-mode", Some("https://dashscope.aliyuncs.com/compatible-mode/v1")),
        ("", None),
    ] {
        let script = Script::new([qwen_code(), qwen_poll().gives(&qwen_tokens(resource))]);
        let mut login = device(flow("qwen", "device"), known(), &script).await;
        let tokens = done(&mut login, &script).await;
        assert_eq!(tokens.details.get(Detail::ApiBase), base, "{resource}");
    }
    for resource in ["evil.test", "http://portal.qwen.ai", "portal.qwen.ai@evil.test", "portal.qwen.ai?x=1"] {
        let script = Script::new([qwen_code(), qwen_poll().gives(&qwen_tokens(resource))]);
        let mut login = device(flow("qwen", "device"), known(), &script).await;
        let error = login.poll(&script).await.unwrap_err();
        assert!(matches!(error, LoginError::Unreadable { .. }), "{resource}: {error}");
    }
    let script = Script::new([qwen_code(), qwen_poll().answers(401, &json!({}))]);
    let mut login = device(flow("qwen", "device"), known(), &script).await;
    assert!(matches!(login.poll(&script).await, Err(LoginError::Expired { .. })));
}

#[tokio::test]
async fn kimi_says_its_errors_with_any_status() {
    for (name, host, base) in
        [("device", "kimi.com", None), ("device-global", "kimi.ai", Some("https://api.kimi.ai/coding"))]
    {
        let token_url = format!("https://auth.{host}/api/oauth/token");
        let poll =
            || post(&token_url).form(&[("client_id", KIMI), ("device_code", "d1"), ("grant_type", GRANT)]);
        let script = Script::new([
            post(&format!("https://auth.{host}/api/oauth/device_authorization"))
                .form(&[("client_id", KIMI)])
                .gives(&given()),
            poll().gives(&json!({ "error": "authorization_pending" })),
            poll().answers(403, &json!({ "error": "authorization_pending" })),
            poll().answers(500, &json!({})),
            poll().answers(400, &json!({ "error": "slow_down" })),
            poll().gives(&json!({ "access_token": "a1", "refresh_token": "r1", "expires_in": 3600 })),
        ]);
        let flow = flow("kimi", name);
        let mut login = device(flow, known(), &script).await;
        for _ in 0..4 {
            pending(&mut login, &script).await;
        }
        assert_eq!(login.interval(), Duration::from_secs(10));
        let tokens = done(&mut login, &script).await;
        assert_eq!(tokens.details.get(Detail::ApiBase), base);
        assert_eq!(margin(flow, &tokens), Duration::from_secs(1800));
        let ask = || {
            post(&token_url).form(&[
                ("grant_type", "refresh_token"),
                ("client_id", KIMI),
                ("refresh_token", "r1"),
            ])
        };
        script.expect([
            ask().answers(403, &json!({ "error": "forbidden" })),
            ask().answers(429, &json!({ "error": "invalid_grant" })),
        ]);
        let error = renew(flow, &Overrides::default(), &tokens, &script).await.unwrap_err();
        assert!(matches!(error, RenewError::Dead { .. }), "{error}");
        let error = renew(flow, &Overrides::default(), &tokens, &script).await.unwrap_err();
        assert!(matches!(error, RenewError::Temporary { .. }), "{error}");
        script.is_over();
    }
}
