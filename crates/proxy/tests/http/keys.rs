//! Session keys (security facts, P1 and P2).

use std::time::{Duration, SystemTime};

use byok_store::App;
use sha2::{Digest as _, Sha256};

use crate::support::{Byok, Setup, Upstream, WALLET_KEY};

const CI: &str = "byk_config_0123456789";

fn app(name: &str, key: &str) -> App {
    App {
        id: name.into(),
        digest: Sha256::digest(key).into(),
        hint: String::new(),
        created_at: SystemTime::now(),
        expires_at: None,
        revoked_at: None,
    }
}

async fn start(require_key: bool, upstream: &Upstream) -> Byok {
    let byok = Setup::default()
        .with("openai", upstream)
        .with("anthropic", upstream)
        .config(|config| {
            config.require_key = require_key;
            config.keys = vec![byok_config::ClientKey { name: "ci".into(), key: CI.to_owned().into() }];
        })
        .start()
        .await;
    let past = SystemTime::now() - Duration::from_secs(60);
    for app in [
        app("editor", "byk_editor"),
        App { expires_at: Some(past), ..app("late", "byk_late") },
        App { revoked_at: Some(past), ..app("gone", "byk_gone") },
    ] {
        byok.store.save_app(app).await.unwrap();
    }
    byok
}

#[tokio::test]
async fn session_keys_are_always_checked() {
    let upstream = Upstream::start().await;
    for require_key in [false, true] {
        let byok = start(require_key, &upstream).await;
        let others = if require_key { 401 } else { 200 };
        for (key, status) in [
            (CI, 200),
            ("byk_editor", 200),
            ("byk_late", 401),
            ("byk_gone", 401),
            ("byk_edito", 401),
            ("byk_editorx", 401),
            ("byk_", 401),
            ("sk-anything", others),
            ("", others),
        ] {
            for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
                let value = if name == "authorization" { format!("Bearer {key}") } else { key.to_owned() };
                let reply = byok.ask("GET", "/v1/models", &[(name, &value)], "").await;
                assert_eq!(reply.status, status, "{require_key} {name} {key}");
            }
            let reply = byok.get(&format!("/v1beta/models?key={key}")).await;
            assert_eq!(reply.status, status, "{require_key} query {key}");
        }
        assert_eq!(byok.get("/v1/models").await.status, others);
        // One good key does not excuse a bad one.
        let both = [("authorization", "Bearer byk_editor"), ("x-api-key", "byk_wrong")];
        assert_eq!(byok.ask("GET", "/v1/models", &both, "").await.status, 401);
        // What says nothing needs no key.
        assert_eq!(byok.get("/healthz").await.status, 200);
        assert_eq!(byok.get("/").await.status, 200);
        assert_eq!(byok.get("/metrics").await.status, others);
    }
}

#[tokio::test]
async fn refusals_are_alike_and_in_the_format_of_the_endpoint() {
    let upstream = Upstream::start().await;
    let byok = start(true, &upstream).await;
    let ask = async |target: &str, key: &str| {
        let headers = [("content-type", "application/json"), ("authorization", key)];
        byok.ask("POST", target, &headers, "{}").await
    };
    let missing = byok.post("/v1/chat/completions", "{}").await;
    for wrong in ["Bearer byk_wrong", "Bearer byk_edito", "Bearer byk_editorx", "Bearer sk-1"] {
        let reply = ask("/v1/chat/completions", wrong).await;
        assert_eq!((reply.status, &reply.body), (401, &missing.body), "{wrong}");
    }
    assert_eq!(missing.json()["error"]["code"], "INVALID_KEY");
    let over = ask("/v1/chat/completions", "Bearer byk_late").await;
    assert_eq!(over.json()["error"]["code"], "SESSION_EXPIRED");
    let anthropic = ask("/v1/messages", "Bearer byk_wrong").await.json();
    assert_eq!(
        (&anthropic["type"], &anthropic["error"]["type"]),
        (&"error".into(), &"authentication_error".into())
    );
    let gemini = ask("/v1beta/models/gemini-3-pro:generateContent", "Bearer byk_wrong").await.json();
    assert_eq!(gemini["error"]["status"], "UNAUTHENTICATED");
    let ollama = ask("/api/chat", "Bearer byk_wrong").await.json();
    assert!(ollama["error"].is_string(), "{ollama}");
}

#[tokio::test]
async fn pitfall_100_a_clients_key_never_reaches_an_upstream() {
    let mut upstream = Upstream::start().await;
    let byok = start(false, &upstream).await;
    for (name, value) in [
        ("authorization", "Bearer byk_editor"),
        ("x-api-key", "byk_editor"),
        ("authorization", "Bearer sk-of-the-client"),
        ("x-goog-api-key", "of-the-client"),
    ] {
        let headers = [("content-type", "application/json"), (name, value)];
        for (target, body) in [
            ("/v1/chat/completions", r#"{"model":"openai/m","messages":[]}"#),
            ("/openai/v1/embeddings?key=byk_editor&x=1", "{}"),
        ] {
            let request = byok.request("POST", target, &headers, body);
            let mut client = byok.connect().await;
            client.send(&request).await;
            let seen = upstream.next().await;
            assert_eq!(seen.header("authorization"), Some(format!("Bearer {WALLET_KEY}").as_str()));
            let all = format!("{} {:?}", seen.target, seen.headers);
            assert!(!all.contains("byk_") && !all.contains("of-the-client"), "{all}");
            seen.answer(200, "application/json", "{}");
            client.reply(false).await;
        }
    }
}

#[tokio::test]
async fn usage_is_the_apps() {
    let mut upstream = Upstream::start().await;
    let byok = start(false, &upstream).await;
    let headers = [("content-type", "application/json"), ("x-api-key", "byk_editor")];
    let body = r#"{"model":"openai/m","messages":[]}"#;
    let mut client = byok.connect().await;
    client.send(&byok.request("POST", "/v1/chat/completions", &headers, body)).await;
    upstream.next().await.answer(
        200,
        "application/json",
        r#"{"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":10}}}"#,
    );
    let reply = client.reply(false).await;
    for (name, value) in [
        ("x-byok-provider", "openai"),
        ("x-byok-account", "config"),
        ("x-byok-model", "m"),
        ("x-byok-attempts", "1"),
    ] {
        let is = reply.header(name);
        assert!(is == Some(value) || name == "x-byok-account" && is.is_some(), "{name}: {is:?}");
    }
    assert_eq!(reply.header("x-request-id").map(str::len), Some(32));
    byok.stop();
    let store = byok.store.clone();
    byok.ended().await;
    let sums = store.usage(None).await.unwrap();
    let [sum] = sums.as_slice() else { panic!("{sums:?}") };
    assert_eq!(
        (sum.app.as_str(), sum.model.as_str(), sum.account.provider.as_str()),
        ("editor", "m", "openai")
    );
    assert_eq!((sum.requests, sum.input_tokens, sum.output_tokens, sum.cached_tokens), (1, 20, 5, 10));
}
