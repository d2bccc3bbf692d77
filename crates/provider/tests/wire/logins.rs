//! Logins over real sockets: the way to a vendor, renewing by the flow that a login was made with, and calls
//! that this version does not make yet.

use std::time::Duration;

use byok_auth::RenewError;
use byok_provider::Upstreams;
use byok_store::NewAccount;
use byok_types::{AccountKey, Credential, Detail, Details, Dialect, ProviderId, Secret, TokenSet};
use bytes::Bytes;
use http::{Request, StatusCode};

use crate::support::{Server, answer, byok, byok_with_vault, generate, json, soon};

fn tokens(flow: Option<&str>) -> TokenSet {
    let mut details = Details::default();
    if let Some(flow) = flow {
        details.set(Detail::Flow, flow);
    }
    let (access, refresh) = (Secret::new("at-0123456789abcdef"), Some(Secret::new("rt-0123456789abcdef")));
    TokenSet { access, refresh, expires_at: None, label: None, details }
}

fn key(provider: &str) -> AccountKey {
    AccountKey::default_of(ProviderId::from(provider))
}

async fn with_login(yaml: &str, provider: &str, flow: &str) -> Upstreams {
    let (upstreams, vault) = byok_with_vault(yaml).await;
    let credential = Credential::OAuth(tokens(Some(flow)));
    vault.login(NewAccount { key: key(provider), credential, base_url: None, label: None }).await.unwrap();
    upstreams
}

#[tokio::test]
async fn a_vendor_is_reached_by_byoks_own_name() {
    let mut server = Server::start(|_| json(418, r#"{"error":"teapot"}"#)).await;
    let upstreams = byok("{}", &[]).await;
    let spec = upstreams.provider("kimi").unwrap();
    let request =
        Request::post(format!("{}/token", server.address)).body(Bytes::from_static(b"a=b")).unwrap();
    let answer = soon(upstreams.http(&spec).call(request)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(answer.body(), r#"{"error":"teapot"}"#);
    let seen = server.call().await;
    assert_eq!(seen.headers["user-agent"], concat!("byok/", env!("CARGO_PKG_VERSION")));
    assert_eq!(seen.headers["accept-encoding"], "identity");
    assert_eq!(seen.body, "a=b");
}

#[tokio::test]
async fn an_endless_answer_is_none() {
    let server = Server::start(|_| answer(200, "text/html", vec![b'x'; 1024 * 1024 + 1])).await;
    let upstreams = byok("{}", &[]).await;
    let http = upstreams.http(&upstreams.provider("kimi").unwrap());
    let request = Request::get(&server.address).body(Bytes::new()).unwrap();
    let error = soon(http.call(request)).await.unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
    let nobody = Request::get("http://127.0.0.1:1/").body(Bytes::new()).unwrap();
    assert!(soon(http.call(nobody)).await.is_err());
    drop(upstreams);
    let late = Request::get(&server.address).body(Bytes::new()).unwrap();
    assert!(soon(http.call(late)).await.is_err());
}

#[tokio::test]
async fn a_login_is_renewed_by_its_own_flow_at_the_configs_address() {
    let mut server = Server::start(|_| json(200, r#"{"access_token":"at-2","expires_in":3600}"#)).await;
    let yaml = format!(
        "providers: {{ kimi: {{ oauth: {{ client_id: mine, token_url: '{}/renew' }} }} }}",
        server.address
    );
    let upstreams = byok(&yaml, &[]).await;
    let renewer = upstreams.renewer();
    for flow in [None, Some("device"), Some("device-global")] {
        let next = soon(renewer.renew(&key("kimi"), &tokens(flow))).await.unwrap();
        assert_eq!(next.access.expose(), "at-2");
        assert_eq!(renewer.margin(&key("kimi"), &next), Duration::from_secs(1800));
        let seen = server.call().await;
        assert_eq!(seen.target, "/renew");
        let form = String::from_utf8(seen.body.to_vec()).unwrap();
        assert!(form.contains("client_id=mine") && form.contains("grant_type=refresh_token"), "{form}");
    }
    for (provider, flow) in [("kimi", "of-the-future"), ("groq", "device"), ("nobody", "device")] {
        let error = soon(renewer.renew(&key(provider), &tokens(Some(flow)))).await.unwrap_err();
        assert!(matches!(error, RenewError::Impossible { .. }), "{error}");
    }
    drop(upstreams);
    let late = soon(renewer.renew(&key("kimi"), &tokens(None))).await.unwrap_err();
    assert!(matches!(late, RenewError::Temporary { .. }), "{late}");
}

#[tokio::test]
async fn the_config_is_laid_over_every_flow() {
    let upstreams = byok(
        "providers: { chatgpt: { base_url: 'http://127.0.0.1:9/v1/', oauth: { scopes: [a, b] } } }",
        &[],
    )
    .await;
    let spec = upstreams.provider("codex").unwrap();
    let logins = upstreams.logins(&spec);
    let names: Vec<&str> = logins.iter().map(|login| login.flow.name).collect();
    assert_eq!(names, ["siwc", "codex-cli", "codex-cli-device"]);
    for login in &logins {
        assert_eq!(login.overrides.api_base.as_deref(), Some("http://127.0.0.1:9/v1"));
        assert_eq!(login.overrides.scopes.as_ref().unwrap().len(), 2);
    }
    assert_eq!(upstreams.login_of(&spec, &tokens(Some("codex-cli"))).unwrap().flow.name, "codex-cli");
    assert_eq!(upstreams.login_of(&spec, &tokens(None)).unwrap().flow.name, "siwc");
    assert!(upstreams.logins(&upstreams.provider("groq").unwrap()).is_empty());
}

const ASK: &str = r#"{"model":"kimi/k3","messages":[]}"#;

#[tokio::test]
async fn a_login_whose_calls_are_not_understood_yet_is_not_sent_anywhere() {
    let mut server = Server::start(|_| json(200, "{}")).await;
    let at = format!("providers: {{ kimi: {{ base_url: '{}' }} }}", server.address);
    let upstreams = with_login(&at, "kimi", "device-global").await;
    let Err(failed) = generate(&upstreams, Dialect::OpenaiChat, ASK).await else {
        unreachable!("it was sent")
    };
    let text = failed.fault.message.clone();
    assert!(text.contains("cannot make calls with it yet") && text.contains("--api-key"), "{text}");
    assert!(server.calls.try_recv().is_err());
    let upstreams = with_login(&at, "kimi", "device").await;
    assert!(generate(&upstreams, Dialect::OpenaiChat, ASK).await.is_ok());
    assert_eq!(server.call().await.headers["authorization"], "Bearer at-0123456789abcdef");
}
