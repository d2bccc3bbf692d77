//! Web pages and other strangers, on every kind of route (security facts, section 2).

use crate::support::{Setup, Upstream};

const CHAT: &str = r#"{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}"#;

/// One of each kind: generating, listing, a provider's own, about the server, unknown.
const ROUTES: &[(&str, &str)] = &[
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/messages"),
    ("POST", "/v1beta/models/gemini-3-pro:generateContent"),
    ("POST", "/api/chat"),
    ("GET", "/v1/models"),
    ("GET", "/api/tags"),
    ("POST", "/openai/v1/files"),
    ("DELETE", "/openai/v1/files/1"),
    ("GET", "/openai/v1/models"),
    ("GET", "/"),
    ("HEAD", "/"),
    ("GET", "/healthz"),
    ("GET", "/metrics"),
    ("OPTIONS", "/v1/messages"),
    ("PUT", "/v1/messages"),
    ("GET", "/nowhere"),
];

#[tokio::test]
async fn foreign_hosts_reach_no_route() {
    let mut upstream = Upstream::start().await;
    let byok = Setup::default().with("openai", &upstream).start().await;
    let port = byok.address.port();
    for host in [
        "localhost.evil.example".to_owned(),
        format!("127.0.0.1.nip.io:{port}"),
        format!("evil.example:{port}"),
        format!("192.168.1.5:{port}"),
        format!("127.0.0.1@evil:{port}"),
        format!(":{port}"),
        format!("localhost:{}", port.wrapping_add(1)),
        String::new(),
    ] {
        for (method, target) in ROUTES {
            // As it is after DNS rebinding: the page's own name in both.
            let request = format!(
                "{method} {target} HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{CHAT}",
                CHAT.len()
            );
            let mut client = byok.connect().await;
            client.send(&request).await;
            let reply = client.reply(*method == "HEAD").await;
            assert_eq!(reply.status, 403, "{host} {method} {target}");
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(reply.header("access-control-allow-origin"), None);
            assert!(reply.header("content-type").is_none_or(|is| is == "application/json"));
        }
    }
    assert!(upstream.is_untouched());
}

#[tokio::test]
async fn doubtful_heads_are_refused() {
    let byok = Setup::default().start().await;
    let host = byok.host();
    for (head, status) in [
        ("GET / HTTP/1.1\r\n".to_owned(), 400),
        ("GET / HTTP/1.0\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nhost: {host}\r\nhost: {host}\r\n"), 400),
        (format!("GET http://evil.example/v1/models HTTP/1.1\r\nhost: {host}\r\n"), 400),
        ("GET http://evil.example/v1/models HTTP/1.1\r\nhost: evil.example\r\n".to_owned(), 403),
        (format!("GET http://{host}/v1/models HTTP/1.1\r\nhost: {host}\r\n"), 200),
        ("CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443\r\n".to_owned(), 403),
        (format!("GET / HTTP/1.1\r\nhost : {host}\r\n"), 400),
        (format!("POST /v1/messages HTTP/1.1\r\nhost: {host}\r\ncontent-length: +5\r\n"), 400),
        (
            format!(
                "POST /v1/messages HTTP/1.1\r\nhost: {host}\r\ncontent-length: 1\r\ncontent-length: 2\r\n"
            ),
            400,
        ),
        (format!("POST /v1/messages HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: gzip\r\n"), 400),
    ] {
        let mut client = byok.connect().await;
        client.send(&format!("{head}\r\n")).await;
        let reply = client.reply(false).await;
        assert_eq!(reply.status, status, "{head}");
    }
}

#[tokio::test]
async fn pages_are_refused_with_and_without_a_key() {
    let mut upstream = Upstream::start().await;
    let byok = Setup::default()
        .with("openai", &upstream)
        .config(|config| {
            config.keys = vec![byok_config::ClientKey {
                name: "ci".into(),
                key: "byk_0123456789abcdef".to_owned().into(),
            }];
        })
        .start()
        .await;
    let json = ("content-type", "application/json");
    let key = ("authorization", "Bearer byk_0123456789abcdef");
    for page in [
        ("origin", "null"),
        ("origin", "https://evil.example"),
        ("origin", "http://127.0.0.1:3000"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for headers in [&[json, page][..], &[json, page, key]] {
            let reply = byok.ask("POST", "/v1/chat/completions", headers, CHAT).await;
            assert_eq!((reply.status, reply.header("access-control-allow-origin")), (403, None), "{page:?}");
        }
    }
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    {
        let reply = byok.ask("POST", "/v1/chat/completions", &[("content-type", content_type)], CHAT).await;
        assert_eq!(reply.status, 415);
        assert!(reply.message().contains("application/json"));
    }
    assert!(upstream.is_untouched());
}

#[tokio::test]
async fn an_allowed_origin_gets_what_browsers_need() {
    let byok = Setup::default()
        .config(|config| config.allowed_origins = vec!["https://app.example".to_owned()])
        .start()
        .await;
    let origin = ("origin", "https://app.example");
    let preflight = [
        origin,
        ("sec-fetch-site", "cross-site"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-api-key"),
        ("access-control-request-private-network", "true"),
    ];
    let reply = byok.ask("OPTIONS", "/v1/messages", &preflight, "").await;
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(reply.header("access-control-allow-headers"), Some("content-type,x-api-key"));
    assert_eq!(reply.header("access-control-allow-private-network"), None);
    assert_eq!(reply.header("vary"), Some("origin"));

    let reply = byok.ask("GET", "/v1/models", &[origin], "").await;
    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (200, Some("https://app.example"))
    );
    // A refusal too: the page shall be able to read why.
    let reply = byok.ask("POST", "/v1/messages", &[origin, ("x-api-key", "byk_wrong")], "{}").await;
    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (401, Some("https://app.example"))
    );

    let without = byok.ask("OPTIONS", "/v1/messages", &preflight[2..], "").await;
    assert_eq!((without.status, without.header("access-control-allow-origin")), (405, None));
    assert_eq!(byok.get("/v1/models").await.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn sockets_are_refused_at_once() {
    let byok = Setup::default().start().await;
    let upgrade = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let reply = byok.ask("GET", "/v1/responses", &upgrade, "").await;
    assert_eq!(reply.status, 426);
    // The checks before hold for sockets too.
    let page = [&upgrade[..], &[("origin", "https://evil.example")]].concat();
    assert_eq!(byok.ask("GET", "/v1/responses", &page, "").await.status, 403);
    let wrong = [&upgrade[..], &[("authorization", "Bearer byk_wrong")]].concat();
    assert_eq!(byok.ask("GET", "/v1/responses", &wrong, "").await.status, 401);
}
