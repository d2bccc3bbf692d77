//! Embeddings: their routes, their errors, and what they share with every other call.

use serde_json::json;

use crate::support::{Byok, Client, Seen, Setup, Upstream, WALLET_KEY};

async fn start(upstream: &Upstream) -> Byok {
    let setup = Setup::default();
    let setup = ["openai", "gemini", "cohere", "anthropic"]
        .iter()
        .fold(setup, |setup, provider| setup.with(provider, upstream));
    setup.config(|config| config.limits.body_bytes = 4096).start().await
}

async fn begin(byok: &Byok, target: &str, body: &str) -> Client {
    let mut client = byok.connect().await;
    let headers = [("content-type", "application/json"), ("authorization", "Bearer whatever")];
    client.send(&byok.request("POST", target, &headers, body)).await;
    client
}

fn answer(seen: Seen) {
    let body = match seen.target.rsplit(['/', ':']).next().unwrap() {
        "embeddings" => {
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"up","usage":{"prompt_tokens":3,"total_tokens":3}}"#
        }
        "embedContent" => r#"{"embedding":{"values":[0.5]},"usageMetadata":{"promptTokenCount":3}}"#,
        "batchEmbedContents" => r#"{"embeddings":[{"values":[0.5]}],"usageMetadata":{"promptTokenCount":3}}"#,
        _ => r#"{"id":"x","embeddings":{"float":[[0.5]]},"meta":{"billed_units":{"input_tokens":3}}}"#,
    };
    seen.answer(200, "application/json", body);
}

/// Every route, with a body for it: (path, body, where the vector stands in the answer).
fn asks(model: &str) -> Vec<(String, String, &'static str)> {
    let text = json!({ "content": { "parts": [{ "text": "hi" }] } });
    let batch = json!({ "requests": [text] });
    let in_path = model.replace('/', "%2F");
    vec![
        (
            "/v1/embeddings".into(),
            json!({ "model": model, "input": ["hi"] }).to_string(),
            "/data/0/embedding",
        ),
        (
            "/v2/embed".into(),
            json!({ "model": model, "texts": ["hi"], "input_type": "search_query" }).to_string(),
            "/embeddings/float/0",
        ),
        ("/api/embed".into(), json!({ "model": model, "input": "hi" }).to_string(), "/embeddings/0"),
        ("/api/embeddings".into(), json!({ "model": model, "prompt": "hi" }).to_string(), "/embedding"),
        (format!("/v1beta/models/{model}:embedContent"), text.to_string(), "/embedding/values"),
        (format!("/v1beta/models/{in_path}:batchEmbedContents"), batch.to_string(), "/embeddings/0/values"),
        (format!("/v1/models/{model}:embedContent"), text.to_string(), "/embedding/values"),
        (format!("/v1/models/{model}%3AbatchEmbedContents"), batch.to_string(), "/embeddings/0/values"),
    ]
}

#[tokio::test]
async fn every_route_reaches_every_upstream_and_is_counted() {
    let mut upstream = Upstream::start().await;
    let byok = start(&upstream).await;
    let mut calls = 0;
    for provider in ["openai", "gemini", "cohere"] {
        for (target, body, vector) in asks(&format!("{provider}/m")) {
            let mut client = begin(&byok, &target, &body).await;
            let seen = upstream.next().await;
            assert!(seen.headers.values().any(|value| value.to_str().unwrap().ends_with(WALLET_KEY)));
            assert!(!seen.headers.values().any(|value| value.to_str().unwrap().contains("whatever")));
            answer(seen);
            let reply = client.reply(false).await;
            assert_eq!((reply.status, reply.clean), (200, true), "{target}: {}", reply.text());
            assert_eq!(reply.json().pointer(vector), Some(&json!([0.5])), "{target}: {}", reply.text());
            for (header, value) in [
                ("content-type", "application/json"),
                ("x-byok-provider", provider),
                ("x-byok-model", "m"),
                ("x-byok-attempts", "1"),
            ] {
                assert_eq!(reply.header(header), Some(value), "{target}");
            }
            assert!(reply.header("x-request-id").is_some());
            calls += 1;
        }
    }
    byok.stop();
    let store = byok.store.clone();
    byok.ended().await;
    let sums = store.usage(None).await.unwrap();
    let (input, output): (Vec<u64>, Vec<u64>) =
        sums.iter().map(|sum| (sum.input_tokens, sum.output_tokens)).unzip();
    assert_eq!((sums.len(), input.iter().sum::<u64>(), output.iter().sum::<u64>()), (3, 3 * calls, 0));
}

#[tokio::test]
async fn errors_are_in_the_askers_format() {
    let mut upstream = Upstream::start().await;
    let byok = start(&upstream).await;
    for (target, body, _) in asks("anthropic/claude-x") {
        let reply = byok.post(&target, &body).await;
        assert_eq!(reply.status, 400, "{target}");
        assert!(reply.message().contains("has no embeddings"), "{}", reply.text());
    }
    for (target, body, _) in asks("nothing-like-it") {
        assert_eq!(byok.post(&target, &body).await.status, 404, "{target}");
    }
    let tokens = byok.post("/v1/embeddings", r#"{"model":"cohere/m","input":[1,2]}"#).await;
    assert_eq!((tokens.status, &tokens.json()["error"]["param"]), (400, &"input".into()));
    let image = byok.post("/v2/embed", r#"{"model":"openai/m","images":["data:,"]}"#).await;
    assert_eq!((image.status, &image.json()["param"]), (400, &"images".into()));
    let image = r#"{"content":{"parts":[{"inlineData":{}}]}}"#;
    let image = byok.post("/v1beta/models/openai/m:embedContent", image).await;
    assert_eq!((image.status, &image.json()["error"]["status"]), (400, &"INVALID_ARGUMENT".into()));
    assert!(image.message().contains("inlineData"));
    let nothing = byok.post("/api/embed", r#"{"input":"x"}"#).await;
    assert_eq!((nothing.status, nothing.json()["error"].is_string()), (400, true));
    let large = format!(r#"{{"model":"openai/m","input":"{}"}}"#, "x".repeat(5000));
    assert_eq!(byok.post("/v1/embeddings", &large).await.status, 413);
    let unknown = byok.post("/v1beta/models/gemini/m:predict", "{}").await;
    assert!(unknown.status == 404 && unknown.message().contains(":batchEmbedContents"));
    assert!(upstream.is_untouched());
}

#[tokio::test]
async fn an_upstreams_refusal_reaches_every_client() {
    let mut upstream = Upstream::start().await;
    let byok = start(&upstream).await;
    for (target, body, _) in asks("openai/m") {
        let mut client = begin(&byok, &target, &body).await;
        let sent = [("content-type", "application/json"), ("retry-after", "7")];
        let refusal = r#"{"error":{"message":"Slow down, please.","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;
        upstream.next().await.answer_with(429, &sent, refusal);
        let reply = client.reply(false).await;
        assert_eq!((reply.status, reply.header("retry-after")), (429, Some("7")), "{target}");
        assert_eq!(reply.message(), "Slow down, please.");
        assert_eq!(reply.header("x-byok-provider"), Some("openai"));
    }
}

#[tokio::test]
async fn what_is_lost_is_named() {
    let mut upstream = Upstream::start().await;
    let byok = start(&upstream).await;
    let body = r#"{"model":"openai/m","texts":["hi"],"input_type":"search_query","max_tokens":9}"#;
    let mut client = begin(&byok, "/v2/embed", body).await;
    answer(upstream.next().await);
    let reply = client.reply(false).await;
    assert_eq!(reply.header("x-byok-dropped"), Some("max_tokens=dropped, input_type=dropped"));
}
