//! Counting tokens, and a provider's own API.

use byok_provider::{Forward, Outcome};
use byok_types::Dialect;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};

use crate::passing::anthropic;
use crate::support::{Reply, Server, answer, byok, call, json, rest, soon};

fn forward(method: Method, path: &str, body: &'static str) -> Forward {
    Forward {
        method,
        path_and_query: path.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(body.as_bytes()),
    }
}

#[tokio::test]
async fn the_upstream_counts_in_the_clients_format() {
    let mut server = Server::start(|_| json(200, r#"{"input_tokens": 12, "x": 1.0}"#)).await;
    let upstreams = byok(&anthropic(&server.address), &[]).await;
    let ask = r#"{"model":"fast","messages":[{"role":"user","content":"hi"}]}"#;
    let mut answer = soon(upstreams.count_tokens(call(&upstreams, Dialect::Anthropic, ask))).await.unwrap();
    let seen = server.call().await;
    assert_eq!(seen.target, "/v1/messages/count_tokens");
    assert_eq!(seen.body, ask.replace("fast", "claude-haiku-4-5"));
    assert_eq!(rest(&mut answer.body).await.0, r#"{"input_tokens": 12, "x": 1.0}"#);
    assert!(!answer.headers.contains_key("x-byok-estimate"));
}

#[tokio::test]
async fn pitfall_81_the_upstream_counts_in_another_format() {
    let mut server = Server::start(|_| json(200, r#"{"totalTokens":12}"#)).await;
    let yaml =
        format!("providers: {{ gemini: {{ base_url: '{}', api_key: AIza0123456789 }} }}", server.address);
    let upstreams = byok(&yaml, &[]).await;
    let ask = r#"{"model":"gemini-2.5-pro","system":"be brief","messages":[{"role":"user","content":"hi"}]}"#;
    let mut answer = soon(upstreams.count_tokens(call(&upstreams, Dialect::Anthropic, ask))).await.unwrap();
    let seen = server.call().await;
    assert_eq!(seen.target, "/v1beta/models/gemini-2.5-pro:countTokens");
    let sent: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(sent["generateContentRequest"]["model"], "models/gemini-2.5-pro");
    assert_eq!(sent["generateContentRequest"]["contents"][0]["parts"][0]["text"], "hi");
    assert_eq!(rest(&mut answer.body).await.0, r#"{"input_tokens":12}"#);
}

#[tokio::test]
async fn pitfall_81_without_a_counter_there_is_an_estimate() {
    // deepseek speaks the format, but does not count.
    let mut server = Server::start(|_| json(200, "{}")).await;
    let yaml =
        format!("providers: {{ deepseek: {{ base_url: '{}', api_key: sk-0123456789 }} }}", server.address);
    let upstreams = byok(&yaml, &[]).await;
    let ask = r#"{"model":"deepseek-flash","messages":[{"role":"user","content":"hi"}]}"#;
    let mut answer = soon(upstreams.count_tokens(call(&upstreams, Dialect::Anthropic, ask))).await.unwrap();
    assert_eq!(answer.headers["x-byok-estimate"], "true");
    assert_eq!(rest(&mut answer.body).await.0, r#"{"input_tokens":8}"#);
    assert!(server.calls.try_recv().is_err());
}

#[tokio::test]
async fn a_server_without_the_counters_address_is_estimated() {
    let server = Server::start(|_| json(404, "{}")).await;
    let yaml = format!("providers: {{ mine: {{ family: anthropic, base_url: '{}' }} }}", server.address);
    let upstreams = byok(&yaml, &[]).await;
    let ask = r#"{"model":"mine/some","messages":[{"role":"user","content":"hi"}]}"#;
    let mut answer = soon(upstreams.count_tokens(call(&upstreams, Dialect::Anthropic, ask))).await.unwrap();
    assert_eq!(answer.headers["x-byok-estimate"], "true");
    assert_eq!(rest(&mut answer.body).await.0, r#"{"input_tokens":8}"#);
    assert_eq!(answer.meter.read().outcome, Outcome::Completed);
}

#[tokio::test]
async fn a_providers_own_api_is_called_as_it_is() {
    let mut server = Server::start(|_| {
        let Reply::Answer(mut response) = answer(206, "application/octet-stream", vec![0, 159, 146, 150])
        else {
            unreachable!()
        };
        response.headers_mut().insert("content-disposition", HeaderValue::from_static("attachment"));
        Reply::Answer(response)
    })
    .await;
    let upstreams = byok(&anthropic(&server.address), &[]).await;
    let spec = upstreams.provider("claude").unwrap();
    let mut call = forward(Method::PUT, "/v1/files/a%20b?x=1&y=", "\u{0}raw");
    call.headers.insert("content-type", HeaderValue::from_static("multipart/form-data; boundary=x"));
    call.headers.insert("range", HeaderValue::from_static("bytes=0-3"));
    call.headers.insert("cookie", HeaderValue::from_static("a=b"));
    let answer = soon(upstreams.forward(&spec, call)).await.unwrap();
    let seen = server.call().await;
    assert_eq!((seen.method, seen.target.as_str()), (Method::PUT, "/v1/files/a%20b?x=1&y="));
    assert_eq!(seen.body, "\u{0}raw");
    assert_eq!(seen.headers["content-type"], "multipart/form-data; boundary=x");
    assert_eq!(seen.headers["range"], "bytes=0-3");
    assert!(!seen.headers.contains_key("cookie"));
    assert_eq!(answer.status, 206);
    assert_eq!(answer.headers["content-disposition"], "attachment");
    let body = http_body_util::BodyExt::collect(answer.body).await.unwrap().to_bytes();
    assert_eq!(&body[..], [0, 159, 146, 150]);
}

#[tokio::test]
async fn usage_is_read_where_the_own_api_generates() {
    const ANSWER: &str = r#"{"usage":{"input_tokens":20,"output_tokens":15}}"#;
    let server = Server::start(|_| json(200, ANSWER)).await;
    let upstreams = byok(&anthropic(&server.address), &[]).await;
    let spec = upstreams.provider("anthropic").unwrap();
    let call = forward(Method::POST, "/v1/messages?beta=true", r#"{"model":"claude-haiku-4-5"}"#);
    let mut answer = soon(upstreams.forward(&spec, call)).await.unwrap();
    assert_eq!(answer.headers["x-byok-model"], "claude-haiku-4-5");
    assert_eq!(rest(&mut answer.body).await, (ANSWER.to_owned(), true));
    let reading = answer.meter.read();
    assert_eq!((reading.outcome, reading.usage.output), (Outcome::Completed, Some(15)));
}

#[tokio::test]
async fn a_path_that_leads_elsewhere_is_not_called() {
    let upstreams = byok("{}", &[("anthropic", "default", "sk-ant-1")]).await;
    let spec = upstreams.provider("anthropic").unwrap();
    for path in ["//evil.example/x", "/../x", "@evil.example/x"] {
        let failed = soon(upstreams.forward(&spec, forward(Method::GET, path, ""))).await.unwrap_err();
        assert_eq!(failed.fault.status, 400, "{path}");
    }
}

#[tokio::test]
async fn a_new_config_takes_effect_at_once() {
    let server = Server::start(|_| json(200, "{}")).await;
    let config = byok_config::Shared::default();
    let store =
        byok_store::Store::open(byok_store::OpenOptions::new(byok_store::Location::Memory)).await.unwrap();
    let vault = byok_auth::Vault::new(store).await.unwrap();
    let upstreams = byok_provider::Upstreams::new(config.clone(), vault).unwrap();
    assert!(upstreams.resolve("claude-haiku-4-5").is_err());
    config.store(byok_config::parse(&anthropic(&server.address), &|_: &str| None).unwrap().into());
    upstreams.reload().unwrap();
    assert_eq!(upstreams.resolve("fast").unwrap().spec.root, server.address);
    config
        .store(byok_config::parse("providers: { mine: { enabled: true } }", &|_: &str| None).unwrap().into());
    assert!(upstreams.reload().is_err());
    assert!(upstreams.resolve("fast").is_ok(), "a broken config changes nothing");
}
