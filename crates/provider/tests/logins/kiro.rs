use byok_auth::flow::renew;
use byok_auth::{DeviceLogin, Known, LoginError, Overrides, RenewError};
use byok_types::{Detail, TokenSet};
use serde_json::{Value, json};

use crate::script::{
    ANY, Script, Step, begin, callback, device, done, flow, is_bound, known, pending, post, query, shown,
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn oidc(region: &str, path: &str) -> String {
    format!("https://oidc.{region}.amazonaws.com/{path}")
}

fn register(region: &str) -> Step {
    post(&oidc(region, "client/register"))
        .json(json!({
            "clientName": "byok", "clientType": "public",
            "scopes": [
                "codewhisperer:completions", "codewhisperer:analysis", "codewhisperer:conversations"
            ],
            "grantTypes": [GRANT, "refresh_token"],
        }))
        .gives(&json!({
            "clientId": "client-1", "clientSecret": "registration-1", "clientSecretExpiresAt": 4_000_000_000_u64,
        }))
}

fn start(region: &str, start_url: &str) -> Step {
    post(&oidc(region, "device_authorization"))
        .json(json!({ "clientId": "client-1", "clientSecret": "registration-1", "startUrl": start_url }))
        .gives(&json!({
            "deviceCode": "d1", "userCode": "ABCD-EFGH", "verificationUri": "https://view.awsapps.com/start/#/device",
            "verificationUriComplete": "https://view.awsapps.com/start/#/device?user_code=ABCD-EFGH",
            "expiresIn": 600, "interval": 1,
        }))
}

fn poll(region: &str) -> Step {
    post(&oidc(region, "token")).json(json!({
        "clientId": "client-1", "clientSecret": "registration-1", "deviceCode": "d1", "grantType": GRANT,
    }))
}

fn tokens() -> Value {
    json!({ "accessToken": "a1", "refreshToken": "r1", "expiresIn": 3600, "tokenType": "Bearer" })
}

fn profiles(region: &str) -> Step {
    post(&format!("https://management.{region}.kiro.dev/List-Available-Profiles"))
        .bearer("a1")
        .json(json!({}))
}

async fn builder(script: &Script) -> TokenSet {
    script.expect([
        register("us-east-1"),
        start("us-east-1", "https://view.awsapps.com/start"),
        poll("us-east-1")
            .answers(400, &json!({ "error": "authorization_pending", "error_description": null })),
        poll("us-east-1").gives(&tokens()),
        profiles("us-east-1").answers(403, &json!({ "message": "AWS Builder ID is not supported" })),
    ]);
    let mut login = device(flow("kiro", "device"), known(), script).await;
    assert_eq!(login.user_code(), "ABCD-EFGH");
    pending(&mut login, script).await;
    let tokens = done(&mut login, script).await;
    script.is_over();
    tokens
}

#[tokio::test]
async fn a_builder_id_needs_no_profile() {
    let script = Script::default();
    insta::assert_snapshot!(shown(&builder(&script).await));
}

#[tokio::test]
async fn an_organisation_has_its_own_start_and_region() {
    let arn = "arn:aws:codewhisperer:eu-central-1:1:profile/P";
    let script = Script::new([
        register("eu-west-1"),
        start("eu-west-1", "https://acme.awsapps.com/start"),
        poll("eu-west-1").gives(&tokens()),
        profiles("eu-central-1").gives(&json!({ "profiles": [{ "arn": arn, "profileName": "x" }] })),
    ]);
    let theirs = Known {
        start_url: Some("https://acme.awsapps.com/start".to_owned()),
        region: Some("eu-west-1".to_owned()),
        ..known()
    };
    let mut login = device(flow("kiro", "device"), theirs, &script).await;
    let tokens = done(&mut login, &script).await;
    script.is_over();
    insta::assert_snapshot!(shown(&tokens));
}

#[tokio::test]
async fn a_registration_is_used_again_while_it_lasts() {
    let script = Script::default();
    let earlier = builder(&script).await;
    let again = |earlier: &TokenSet| Known { earlier: Some(earlier.clone()), ..known() };
    script.expect([start("us-east-1", "https://view.awsapps.com/start")]);
    device(flow("kiro", "device"), again(&earlier), &script).await;
    script.is_over();
    let mut ending = earlier.clone();
    ending.details.set(Detail::ClientExpires, "1795000000");
    let mut elsewhere = earlier;
    elsewhere.details.set(Detail::Region, "eu-west-1");
    for stale in [ending, elsewhere] {
        script.expect([register("us-east-1"), start("us-east-1", "https://view.awsapps.com/start")]);
        device(flow("kiro", "device"), again(&stale), &script).await;
        script.is_over();
    }
}

#[tokio::test]
async fn a_browser_has_a_registration_of_its_own() {
    let redirect = "http://127.0.0.1:40000/oauth/callback";
    let script = Script::new([post(&oidc("us-east-1", "client/register"))
        .json(json!({
            "clientName": "byok", "clientType": "public",
            "scopes": [
                "codewhisperer:completions", "codewhisperer:analysis", "codewhisperer:conversations"
            ],
            "grantTypes": ["authorization_code", "refresh_token"], "redirectUris": [redirect],
            "issuerUrl": "https://view.awsapps.com/start",
        }))
        .gives(&json!({ "clientId": "client-1", "clientSecret": "registration-1" }))]);
    let login = begin(flow("kiro", "browser"), known(), 40_000, &script).await;
    let challenge = query(login.url())["code_challenge"].clone();
    script.expect([
        post(&oidc("us-east-1", "token"))
            .json(json!({
                "clientId": "client-1", "clientSecret": "registration-1", "code": "c1", "codeVerifier": ANY,
                "redirectUri": redirect, "grantType": "authorization_code",
            }))
            .gives(&tokens()),
        profiles("us-east-1").gives(&json!({ "profiles": [] })),
    ]);
    let redirected = login.accept(&callback(&login, "c1")).unwrap();
    let tokens = login.finish(redirected, &script).await.unwrap();
    is_bound(&challenge, &script.sent("codeVerifier"));
    assert_eq!(tokens.details.get(Detail::ClientSecret), Some("registration-1"));
    script.is_over();
}

#[tokio::test]
async fn it_is_renewed_with_its_registration() {
    let script = Script::default();
    let tokens = builder(&script).await;
    let ask = || {
        post(&oidc("us-east-1", "token")).json(json!({
            "clientId": "client-1", "clientSecret": "registration-1", "refreshToken": "r1",
            "grantType": "refresh_token",
        }))
    };
    script.expect([
        ask().gives(&json!({ "accessToken": "a2", "refreshToken": "r2", "expiresIn": 3600 })),
        ask()
            .answers(400, &json!({ "error": "invalid_grant", "error_description": "Invalid refresh token" })),
        ask().answers(401, &json!({ "error": "invalid_client" })),
        ask().answers(400, &json!({ "error": "invalid_request" })),
    ]);
    let (flow, overrides) = (flow("kiro", "device"), Overrides::default());
    let next = renew(flow, &overrides, &tokens, &script).await.unwrap();
    assert_eq!(next.refresh.unwrap().expose(), "r2");
    for dead in [true, true, false] {
        let error = renew(flow, &overrides, &tokens, &script).await.unwrap_err();
        assert_eq!(matches!(error, RenewError::Dead { .. }), dead, "{error}");
        assert!(!error.to_string().contains("registration-1"));
    }
    script.is_over();
}

#[tokio::test]
async fn strange_starts_and_regions_go_nowhere() {
    for (start_url, region) in [
        (Some("javascript:alert(1)"), None),
        (Some("http://acme.test/start"), None),
        (None, Some("evil.test/")),
        (None, Some("us-east-1.evil.test#")),
    ] {
        let theirs = Known {
            start_url: start_url.map(ToOwned::to_owned),
            region: region.map(ToOwned::to_owned),
            ..known()
        };
        let script = Script::default();
        let begun = DeviceLogin::begin(flow("kiro", "device"), &Overrides::default(), theirs, &script).await;
        assert!(matches!(begun, Err(LoginError::Setting { .. })), "{begun:?}");
    }
}
