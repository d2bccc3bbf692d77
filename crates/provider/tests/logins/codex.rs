use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use byok_auth::flow::{renew, revoke};
use byok_auth::{CallbackError, CodeLogin, Known, LoginError, Overrides, RenewError, Revoked};
use byok_types::{Detail, TokenSet};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};
use url::Url;

use crate::script::{
    ANY, Script, Step, begin, callback, device, done, flow, get, is_bound, known, pending, post, query,
    shown, unsigned,
};

const TOKEN: &str = "https://auth.openai.com/api/accounts/oauth/token";
const REDIRECT: &str = "http://127.0.0.1:40000/auth/callback";
const RESOURCE: &str = "https://api.openai.com/v1";
const SCOPE: &str = "openid profile email offline_access resource.invoke chatgpt.tokens.use.direct";

fn document(origin: &str) -> Value {
    json!({
        "issuer": origin,
        "authorization_endpoint": format!("{origin}/api/accounts/authorize"),
        "token_endpoint": format!("{origin}/api/accounts/oauth/token"),
        "jwks_uri": format!("{origin}/keys"),
        "revocation_endpoint": format!("{origin}/revoke"),
    })
}

pub(crate) fn discovery() -> Step {
    get("https://auth.openai.com/.well-known/openid-configuration")
        .gives(&document("https://auth.openai.com"))
}

fn key() -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(include_bytes!("../../../auth/testdata/issuer.der")).unwrap()
}

fn keys() -> Step {
    let (key, part) = (key(), |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes));
    let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
    get("https://auth.openai.com/keys").gives(&json!({ "keys": [{
        "kty": "RSA", "kid": "k1", "alg": "RS256", "use": "sig",
        "n": part(&n), "e": part(&e),
    }]}))
}

fn signed(claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({ "alg": "RS256", "kid": "k1" })), part(claims));
    let key = key();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn exchange(client: &str) -> Step {
    post(TOKEN).form(&[
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", "c1"),
        ("code_verifier", ANY),
        ("redirect_uri", REDIRECT),
        ("resource", RESOURCE),
    ])
}

/// What the vendor answers to this login.
fn answer(login: &CodeLogin, client: &str, scope: &str) -> Value {
    let id_token = signed(&json!({
        "iss": "https://auth.openai.com", "aud": client, "nonce": query(login.url())["nonce"],
        "sub": "person-1", "email": "me@example.com", "exp": seconds() + 300, "iat": seconds(),
    }));
    json!({
        "access_token": "at-1", "refresh_token": "rt-1", "id_token": id_token, "token_type": "bearer",
        "expires_in": 3600, "scope": scope, "earliest_refresh_at": 1_795_000_000,
    })
}

async fn begun(script: &Script, known: Known) -> CodeLogin {
    script.expect([discovery()]);
    begin(flow("codex", "siwc"), known, 40_000, script).await
}

async fn logged_in(script: &Script) -> TokenSet {
    let login = begun(script, known()).await;
    let back = format!("{}&client_id=oaiapp_1", callback(&login, "c1"));
    script.expect([exchange("oaiapp_1").gives(&answer(&login, "oaiapp_1", SCOPE)), keys()]);
    let redirected = login.accept(&back).unwrap();
    let challenge = query(login.url())["code_challenge"].clone();
    let tokens = login.finish(redirected, script).await.unwrap();
    script.is_over();
    is_bound(&challenge, &script.sent("code_verifier"));
    tokens
}

#[tokio::test]
async fn a_person_signs_in_with_chatgpt() {
    let script = Script::default();
    insta::assert_snapshot!(shown(&logged_in(&script).await));
}

#[tokio::test]
async fn the_issued_client_is_used_again() {
    let script = Script::default();
    let earlier = Some(logged_in(&script).await);
    let login = begun(&script, Known { earlier, ..known() }).await;
    let asked = query(login.url());
    assert_eq!((&*asked["client_id"], &*asked["login_hint"]), ("oaiapp_1", "me@example.com"));
    assert!(!asked.contains_key("agent_name_hint"));
    assert_eq!(asked["ext_agent_host_id"], known().host_id);
    // The callback need not name it again.
    script.expect([exchange("oaiapp_1").gives(&answer(&login, "oaiapp_1", SCOPE)), keys()]);
    let redirected = login.accept(&callback(&login, "c1")).unwrap();
    let tokens = login.finish(redirected, &script).await.unwrap();
    assert_eq!(tokens.details.get(Detail::ClientId), Some("oaiapp_1"));
    script.is_over();
}

#[tokio::test]
async fn a_callback_without_an_issued_client_is_not_all_of_it() {
    let script = Script::default();
    let login = begun(&script, known()).await;
    let back = callback(&login, "c1");
    for incomplete in [
        back.clone(),
        format!("{back}&client_id="),
        format!("{back}&client_id=dynamic_agent_client"),
        format!("{back}&client_id=a%20b"),
    ] {
        let error = login.accept(&incomplete).unwrap_err();
        assert!(matches!(error, CallbackError::Incomplete(_)), "{incomplete}: {error}");
    }
    assert!(matches!(login.accept_pasted("c1"), Err(CallbackError::Incomplete(_))));
    let mixed_up = format!("{back}&client_id=oaiapp_1&iss=https%3A%2F%2Fother");
    assert_eq!(login.accept(&mixed_up).unwrap_err(), CallbackError::NotOurs);
}

#[tokio::test]
async fn a_login_that_may_not_use_the_plan_says_so() {
    let script = Script::default();
    let login = begun(&script, known()).await;
    let back = format!("{}&client_id=oaiapp_1", callback(&login, "c1"));
    let identity_only = answer(&login, "oaiapp_1", "openid profile email");
    script.expect([exchange("oaiapp_1").gives(&identity_only), keys()]);
    let redirected = login.accept(&back).unwrap();
    let error = login.finish(redirected, &script).await.unwrap_err();
    insta::assert_snapshot!(error);
}

#[tokio::test]
async fn a_token_of_another_login_or_client_is_not_believed() {
    for change in ["nonce", "aud", "signature", "none"] {
        let script = Script::default();
        let login = begun(&script, known()).await;
        let back = format!("{}&client_id=oaiapp_1", callback(&login, "c1"));
        let mut said = answer(&login, "oaiapp_1", SCOPE);
        let nonce = query(login.url())["nonce"].clone();
        let mut claims = json!({
            "iss": "https://auth.openai.com", "aud": "oaiapp_1", "nonce": nonce, "sub": "p",
            "exp": seconds() + 300,
        });
        said["id_token"] = match change {
            "signature" => json!(unsigned(&claims)),
            "none" => Value::Null,
            claim => {
                claims[claim] = json!("other");
                json!(signed(&claims))
            }
        };
        script.expect([exchange("oaiapp_1").gives(&said)]);
        script.expect((change != "none").then(keys));
        let redirected = login.accept(&back).unwrap();
        let error = login.finish(redirected, &script).await.unwrap_err();
        assert!(matches!(error, LoginError::IdToken { .. }), "{change}: {error}");
        script.is_over();
    }
}

#[tokio::test]
async fn a_discovery_document_leads_nowhere_else() {
    let good = document("https://auth.openai.com");
    for (name, value) in [
        ("issuer", json!("https://evil.test")),
        ("issuer", json!("https://auth.openai.com/")),
        ("token_endpoint", json!("https://evil.test/token")),
        ("token_endpoint", json!("http://auth.openai.com/token")),
        ("token_endpoint", json!("https://auth.openai.com.evil.test/token")),
        ("jwks_uri", json!("https://auth.openai.com:444/keys")),
        ("jwks_uri", Value::Null),
        ("revocation_endpoint", json!("https://me@auth.openai.com/revoke")),
    ] {
        let mut document = good.clone();
        document[name] = value;
        let script =
            Script::new([get("https://auth.openai.com/.well-known/openid-configuration").gives(&document)]);
        let flow = flow("codex", "siwc");
        let begun = CodeLogin::begin(flow, &Overrides::default(), known(), Some(40_000), &script).await;
        let error = begun.unwrap_err();
        assert!(matches!(error, LoginError::Unreadable { .. }), "{document}: {error}");
    }
}

#[tokio::test]
async fn it_is_renewed_and_revoked_with_the_issued_client() {
    let script = Script::default();
    let mut tokens = logged_in(&script).await;
    let flow = flow("codex", "siwc");
    let overrides = Overrides::default();
    let ask = || {
        post(TOKEN).form(&[
            ("grant_type", "refresh_token"),
            ("client_id", "oaiapp_1"),
            ("refresh_token", "rt-1"),
            ("resource", RESOURCE),
        ])
    };
    tokens.details.set(Detail::EarliestRefresh, (seconds() + 50).to_string());
    let early = renew(flow, &overrides, &tokens, &script).await.unwrap_err();
    assert!(matches!(early, RenewError::Temporary { retry_after: Some(_), .. }), "{early}");
    tokens.details.set(Detail::EarliestRefresh, "1");
    script.expect([
        discovery(),
        ask().gives(&json!({ "access_token": "at-2", "refresh_token": "rt-2", "expires_in": 3600 })),
    ]);
    let next = renew(flow, &overrides, &tokens, &script).await.unwrap();
    assert_eq!(next.refresh.as_ref().unwrap().expose(), "rt-2");
    assert_eq!(next.details.get(Detail::Subject), Some("person-1"));
    for (status, error, dead) in [
        (400, json!("invalid_grant"), true),
        (401, json!({ "code": "refresh_token_reused" }), true),
        (403, json!({ "code": "token_expired", "message": "over" }), true),
        (401, json!("invalid_client"), false),
        (503, json!("invalid_grant"), false),
    ] {
        script.expect([discovery(), ask().answers(status, &json!({ "error": error }))]);
        let said = renew(flow, &overrides, &tokens, &script).await.unwrap_err();
        assert_eq!(matches!(said, RenewError::Dead { .. }), dead, "{said}");
    }
    // Renewing goes on where the issuer's document cannot be had.
    script.expect([
        get("https://auth.openai.com/.well-known/openid-configuration"),
        ask().gives(&json!({ "access_token": "at-3" })),
    ]);
    assert!(renew(flow, &overrides, &tokens, &script).await.is_ok());
    script.expect([
        discovery(),
        post("https://auth.openai.com/revoke")
            .form(&[("token", "rt-1"), ("token_type_hint", "refresh_token"), ("client_id", "oaiapp_1")])
            .gives(&json!({})),
    ]);
    assert_eq!(revoke(flow, &overrides, &tokens, &script).await, Ok(Revoked::Yes));
    script.is_over();
}

#[tokio::test]
async fn all_of_it_can_be_moved_to_another_machine() {
    let script = Script::new([
        get("http://127.0.0.1:9/.well-known/openid-configuration").gives(&document("http://127.0.0.1:9"))
    ]);
    let token_url = Some(Url::parse("http://127.0.0.1:9/token").unwrap());
    let overrides = Overrides { token_url, ..Overrides::default() };
    let flow = flow("codex", "siwc");
    let login = CodeLogin::begin(flow, &overrides, known(), Some(40_000), &script).await.unwrap();
    assert!(login.url().starts_with("http://127.0.0.1:9/api/accounts/authorize?"));
    script.is_over();
}

/// What the tokens of the CLI's login say.
fn cli_claims() -> Value {
    json!({
        "exp": seconds() + 864_000, "email": "me@example.com",
        "https://api.openai.com/auth": {
            "chatgpt_account_id": "acc-1", "chatgpt_plan_type": "plus", "chatgpt_user_id": "user-1",
        },
    })
}

#[tokio::test]
async fn the_login_of_the_cli_in_a_browser() {
    let script = Script::default();
    let flow = flow("codex", "codex-cli");
    let login = begin(flow, known(), 1455, &script).await;
    let challenge = query(login.url())["code_challenge"].clone();
    let access = unsigned(&json!({ "exp": seconds() + 864_000 }));
    script.expect([post("https://auth.openai.com/oauth/token")
        .form(&[
            ("grant_type", "authorization_code"),
            ("client_id", "app_EMoamEEZ73f0CkXaXp7hrann"),
            ("code", "c1"),
            ("code_verifier", ANY),
            ("redirect_uri", "http://localhost:1455/auth/callback"),
        ])
        .gives(&json!({
            "id_token": unsigned(&cli_claims()), "access_token": access, "refresh_token": "rt-1",
        }))]);
    let redirected = login.accept(&callback(&login, "c1")).unwrap();
    let tokens = login.finish(redirected, &script).await.unwrap();
    is_bound(&challenge, &script.sent("code_verifier"));
    insta::assert_snapshot!(shown(&tokens).replace(&access, "<jwt>"));
    script.expect([
        post("https://auth.openai.com/oauth/token")
            .form(&[
                ("grant_type", "refresh_token"),
                ("client_id", "app_EMoamEEZ73f0CkXaXp7hrann"),
                ("refresh_token", "rt-1"),
            ])
            .answers(401, &json!({ "error": { "message": "sorry" } })),
        post("https://auth.openai.com/oauth/revoke")
            .form(&[
                ("token", "rt-1"),
                ("token_type_hint", "refresh_token"),
                ("client_id", "app_EMoamEEZ73f0CkXaXp7hrann"),
            ])
            .answers(500, &json!({})),
    ]);
    let error = renew(flow, &Overrides::default(), &tokens, &script).await.unwrap_err();
    assert!(matches!(error, RenewError::Dead { .. }), "{error}");
    let revoked = revoke(flow, &Overrides::default(), &tokens, &script).await;
    assert!(matches!(revoked, Ok(Revoked::Refused(_))), "{revoked:?}");
    script.is_over();
}

#[tokio::test]
async fn the_login_of_the_cli_on_any_device() {
    let poll = || {
        post("https://auth.openai.com/api/accounts/deviceauth/token")
            .json(json!({ "device_auth_id": "d1", "user_code": "ABCD-EFGH" }))
    };
    let begin_at = "https://auth.openai.com/api/accounts/deviceauth/usercode";
    let asked = || post(begin_at).json(json!({ "client_id": "app_EMoamEEZ73f0CkXaXp7hrann" }));
    let access = unsigned(&cli_claims());
    let script = Script::new([
        asked().gives(&json!({ "device_auth_id": "d1", "usercode": "ABCD-EFGH", "interval": "7" })),
        poll().answers(403, &json!({})),
        poll().answers(404, &json!({ "error": "nothing yet" })),
        poll().answers(400, &json!({ "error": { "code": "deviceauth_authorization_pending" } })),
        poll().answers(429, &json!({ "error": { "code": "slow_down" } })),
        poll().gives(&json!({ "authorization_code": "c9", "code_challenge": "x", "code_verifier": "v9" })),
        post("https://auth.openai.com/oauth/token")
            .form(&[
                ("grant_type", "authorization_code"),
                ("client_id", "app_EMoamEEZ73f0CkXaXp7hrann"),
                ("code", "c9"),
                ("code_verifier", "v9"),
                ("redirect_uri", "https://auth.openai.com/deviceauth/callback"),
            ])
            .gives(&json!({ "access_token": access, "refresh_token": "rt-1" })),
    ]);
    let flow = flow("codex", "codex-cli-device");
    let mut login = device(flow, known(), &script).await;
    assert_eq!((login.user_code(), login.url()), ("ABCD-EFGH", "https://auth.openai.com/codex/device"));
    assert_eq!(login.interval().as_secs(), 7);
    for _ in 0..4 {
        pending(&mut login, &script).await;
    }
    assert_eq!(login.interval().as_secs(), 12);
    let tokens = done(&mut login, &script).await;
    script.is_over();
    insta::assert_snapshot!(shown(&tokens).replace(&access, "<jwt>"));
    let script = Script::new([asked().answers(404, &json!({}))]);
    let begun = byok_auth::DeviceLogin::begin(flow, &Overrides::default(), known(), &script).await;
    assert!(matches!(begun, Err(LoginError::NotOffered { .. })));
}
