//! A provider's own API.

use crate::support::{Setup, Upstream, WALLET_KEY};

#[tokio::test]
async fn a_call_passes_byte_for_byte() {
    let mut upstream = Upstream::start().await;
    let byok = Setup::default().with("openai", &upstream).start().await;
    // Odd spacing, order, escapes and numbers: all of it is the client's business.
    let body = "{ \"input\" :\"\\u00e4\\/\",\"n\": 1.0,\t\"big\":12345678901234567890, \"model\":\"text-embedding-3\"}";
    let answer = "{\"data\" : [ ] , \"x\":1.00,\"model\":\"text-embedding-3\"}\n";
    let headers = [
        ("content-type", "application/json"),
        ("authorization", "Bearer client"),
        ("openai-organization", "org-1"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "1.2.3.4"),
        ("referer", "http://x/"),
    ];
    let mut client = byok.connect().await;
    client.send(&byok.request("POST", "/openai/v1/embeddings?a=%20b&c&key=sk-x", &headers, body)).await;
    let seen = upstream.next().await;
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v1/embeddings?a=%20b&c"));
    assert_eq!(seen.body, body);
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {WALLET_KEY}").as_str()));
    for gone in ["cookie", "x-forwarded-for", "referer"] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
    let sent = [
        ("content-type", "application/json"),
        ("x-request-id", "req_upstream"),
        ("set-cookie", "evil=1"),
        ("access-control-allow-origin", "*"),
    ];
    seen.answer_with(200, &sent, answer);
    let reply = client.reply(false).await;
    assert_eq!((reply.status, reply.text()), (200, answer));
    assert_eq!(reply.header("set-cookie"), None);
    assert_eq!(reply.header("access-control-allow-origin"), None);
    assert_ne!(reply.header("x-request-id"), Some("req_upstream"));
    assert_eq!(reply.header("x-byok-provider"), Some("openai"));
}

#[tokio::test]
async fn any_method_and_status_passes() {
    let mut upstream = Upstream::start().await;
    let byok = Setup::default().with("openai", &upstream).start().await;
    for (method, status, body) in [
        ("GET", 200, "{\"object\":\"list\"}"),
        ("DELETE", 404, "{\"error\":{\"message\":\"gone\"}}"),
        ("PATCH", 422, "{}"),
    ] {
        let mut client = byok.connect().await;
        client.send(&byok.request(method, "/openai/v1/files/f-1", &[], "")).await;
        let seen = upstream.next().await;
        assert_eq!((seen.method.as_str(), seen.target.as_str()), (method, "/v1/files/f-1"));
        seen.answer(status, "application/json", body);
        let reply = client.reply(false).await;
        assert_eq!((reply.status, reply.text()), (status, body));
    }
}

#[tokio::test]
async fn no_path_leads_elsewhere() {
    let mut upstream = Upstream::start().await;
    let byok = Setup::default().with("openai", &upstream).start().await;
    for path in ["/openai/../admin", "/openai/v1/%2e%2e/%2e%2e/x", "/openai/v1/..%2f..%2fx", "/openai/./x"] {
        let reply = byok.get(path).await;
        assert_eq!(reply.status, 400, "{path}");
    }
    assert!(upstream.is_untouched());
}

#[tokio::test]
async fn a_disabled_provider_is_not_called() {
    let mut upstream = Upstream::start().await;
    let byok = Setup::default()
        .with("openai", &upstream)
        .config(|config| config.providers.values_mut().for_each(|provider| provider.enabled = false))
        .start()
        .await;
    let reply = byok.get("/openai/v1/files").await;
    assert_eq!(reply.status, 403);
    assert!(reply.message().contains("providers.openai.enabled"));
    assert!(upstream.is_untouched());
}
