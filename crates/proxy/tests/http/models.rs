//! Lists of models, in the shape of whoever asks.

use byok_config::{ModelEntry, ProviderConfig};

use crate::support::{Byok, Setup};

async fn start() -> Byok {
    let model = |id: &str| ModelEntry { id: id.into(), name: None, context: Some(4096), output: None };
    let settings = ProviderConfig {
        base_url: Some("http://127.0.0.1:9/v1".parse().unwrap()),
        family: Some(byok_types::Family::OpenaiChat),
        models: Some(vec![model("small"), model("org/large:8b")]),
        ..ProviderConfig::default()
    };
    Setup::default()
        .config(|config| {
            config.providers.insert("vllm".into(), settings);
            config.aliases.insert("fast".to_owned(), "small".to_owned());
        })
        .start()
        .await
}

fn ids(list: &serde_json::Value, items: &str, id: &str) -> Vec<String> {
    let items = list[items].as_array().unwrap_or_else(|| panic!("{list}"));
    items.iter().map(|item| item[id].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn everyone_gets_a_list_of_their_own_shape() {
    let byok = start().await;
    let list =
        async |target: &str, headers: &[(&str, &str)]| byok.ask("GET", target, headers, "").await.json();
    let has = |ids: &[String], prefix: &str| {
        assert!(ids.contains(&format!("{prefix}small")), "{ids:?}");
        assert!(ids.contains(&format!("{prefix}org/large:8b")), "{ids:?}");
    };
    let openai = list("/v1/models", &[("authorization", "Bearer x")]).await;
    assert_eq!(openai["object"], "list");
    has(&ids(&openai, "data", "id"), "");
    let anthropic = list("/v1/models?limit=1000", &[("anthropic-version", "2023-06-01")]).await;
    assert_eq!(anthropic["has_more"], false);
    has(&ids(&anthropic, "data", "id"), "");
    assert_eq!(anthropic["first_id"], anthropic["data"][0]["id"]);
    let agent = list("/v1/models", &[("user-agent", "claude-cli/2.1 (external)")]).await;
    assert_eq!(agent["has_more"], false);
    for (target, headers) in [
        ("/v1/models", &[("x-goog-api-key", "x")][..]),
        ("/v1/models?key=x", &[]),
        ("/v1beta/models", &[]),
        ("/v1beta/models", &[("authorization", "Bearer x")]),
    ] {
        let google = list(target, headers).await;
        has(&ids(&google, "models", "name"), "models/");
    }
    let cohere = list("/v1/models?page_size=1000&endpoint=chat", &[("x-client-name", "x")]).await;
    has(&ids(&cohere, "models", "name"), "");
    let ollama = list("/api/tags", &[]).await;
    has(&ids(&ollama, "models", "model"), "");
}

#[tokio::test]
async fn one_model_is_found_by_any_name_that_can_be_called() {
    let byok = start().await;
    for (name, id) in [
        ("small", "small"),
        ("fast", "fast"),
        ("vllm/small", "vllm/small"),
        ("org/large:8b", "org/large:8b"),
        ("org%2Flarge%3A8b", "org/large:8b"),
    ] {
        let reply = byok.get(&format!("/v1/models/{name}")).await;
        assert_eq!((reply.status, &reply.json()["id"]), (200, &id.into()), "{name}");
        let reply = byok.get(&format!("/v1beta/models/{name}")).await;
        assert_eq!((reply.status, &reply.json()["name"]), (200, &format!("models/{id}").into()), "{name}");
        let reply = byok.post("/api/show", &format!(r#"{{"model":"{id}"}}"#)).await;
        assert_eq!(reply.status, 200);
        assert!(reply.json()["model_info"].as_object().unwrap().values().any(|value| value == 4096));
    }
    assert_eq!(byok.get("/api/version").await.json()["version"], "0.13.3");
}

#[tokio::test]
async fn an_unknown_model_is_told_with_the_nearest() {
    let byok = start().await;
    let nobody = r#"{"model":"smal","messages":[],"max_tokens":1}"#;
    for target in [
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/messages",
        "/v2/chat",
        "/api/chat",
        "/v1/messages/count_tokens",
    ] {
        let reply = byok.post(target, nobody).await;
        assert_eq!(reply.status, 404, "{target}");
        assert!(
            reply.message().contains("small") && reply.message().contains("smal:"),
            "{target} {}",
            reply.message()
        );
    }
    let reply = byok.post("/v1/chat/completions", nobody).await;
    assert_eq!(reply.json()["error"]["code"], "PROVIDER_UNAVAILABLE");
    assert_eq!(byok.post("/v1beta/models/smal:generateContent", "{}").await.status, 404);
    assert_eq!(byok.get("/v1/models/smal").await.status, 404);
    assert_eq!(byok.post("/api/show", r#"{"name":"smal"}"#).await.status, 404);
}

#[tokio::test]
async fn a_model_without_an_account_says_how_to_get_one() {
    let byok = start().await;
    let reply = byok.post("/v1/chat/completions", r#"{"model":"anthropic/x","messages":[]}"#).await;
    assert_eq!(reply.status, 403);
    assert!(reply.message().contains("byok login anthropic"), "{}", reply.message());
}
