//! Several accounts: the next one is tried where this one was refused, before the first byte and never after.

use std::sync::atomic::{AtomicU32, Ordering};

use byok_provider::{Outcome, Unresolved};
use byok_types::Dialect;
use bytes::Bytes;

use crate::support::{Reply, Seen, Server, byok, generate, json, next, pieces, rest};

const ASK: &str = r#"{"model":"claude-haiku-4-5","max_tokens":8,"messages":[]}"#;
const ASK_STREAM: &str = r#"{"model":"claude-haiku-4-5","max_tokens":8,"stream":true,"messages":[]}"#;
const TWO: [(&str, &str, &str); 2] =
    [("anthropic", "work", "sk-work-0123456789"), ("anthropic", "home", "sk-home-0123456789")];
const WRONG: &str = r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#;
const RATE: &str = r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#;

fn at(server: &Server) -> String {
    format!("providers: {{ claude: {{ base_url: '{}' }} }}", server.address)
}

fn refuse_work(seen: &Seen, status: u16, body: &'static str) -> Reply {
    if seen.headers["x-api-key"] == "sk-work-0123456789" { json(status, body) } else { json(200, "{}") }
}

#[tokio::test]
async fn the_next_account_is_tried() {
    for status in [401, 402, 403, 429, 500, 502, 503, 529] {
        let mut server = Server::start(move |seen| refuse_work(seen, status, RATE)).await;
        let upstreams = byok(&at(&server), &TWO).await;
        let answer = generate(&upstreams, Dialect::Anthropic, ASK).await.unwrap();
        assert_eq!(answer.status, 200, "{status}");
        assert_eq!(answer.headers["x-byok-account"], "home");
        assert_eq!(answer.headers["x-byok-attempts"], "2");
        assert_eq!(answer.served.attempts, 2);
        let (first, second) = (server.call().await, server.call().await);
        assert_eq!(first.body, second.body);
    }
}

#[tokio::test]
async fn a_wrong_request_is_wrong_for_every_account() {
    for status in [400, 404, 413, 422] {
        let server = Server::start(move |seen| refuse_work(seen, status, WRONG)).await;
        let upstreams = byok(&at(&server), &TWO).await;
        let answer = generate(&upstreams, Dialect::Anthropic, ASK).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.served.attempts), (status, 1));
    }
}

#[tokio::test]
async fn the_last_refusal_is_told_when_all_refuse() {
    let server = Server::start(|_| json(429, RATE)).await;
    let upstreams = byok(&at(&server), &TWO).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.served.attempts), (429, 2));
    assert_eq!(rest(&mut answer.body).await.0, RATE);
}

#[tokio::test]
async fn after_the_first_byte_there_is_no_other_try() {
    let calls = AtomicU32::new(0);
    let (feed, reply) = pieces();
    let mut server = Server::start(move |_| {
        assert_eq!(calls.fetch_add(1, Ordering::Relaxed), 0, "called again");
        reply()
    })
    .await;
    let upstreams = byok(&at(&server), &TWO).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap();
    feed.send(Ok(Bytes::from_static(b"event: ping\ndata: {\"type\":\"ping\"}\n\n"))).await.unwrap();
    next(&mut answer.body).await.unwrap().unwrap();
    feed.send(Err(std::io::Error::other("cut"))).await.unwrap();
    let (told, proper) = rest(&mut answer.body).await;
    assert!(told.contains("event: error") && !proper, "{told}");
    assert!(matches!(answer.meter.read().outcome, Outcome::Failed(_)));
    server.call().await;
    assert!(server.calls.try_recv().is_err());
}

#[tokio::test]
async fn a_connection_that_breaks_is_not_called_again() {
    // Takes the request and hangs up without a word.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let taken = std::sync::Arc::new(AtomicU32::new(0));
    let count = taken.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            socket.readable().await.unwrap();
            drop(socket);
        }
    });
    let upstreams = byok(&format!("providers: {{ claude: {{ base_url: 'http://{address}' }} }}"), &TWO).await;
    let failed = generate(&upstreams, Dialect::Anthropic, ASK).await.unwrap_err();
    assert_eq!(failed.fault.status, 502);
    assert_eq!(failed.served.unwrap().attempts, 1);
    assert_eq!(taken.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn without_an_account_nothing_is_called() {
    let upstreams = byok("{}", &[]).await;
    let missing = upstreams.resolve("claude-haiku-4-5").unwrap_err();
    assert!(matches!(missing, Unresolved::NoAccount { .. }), "{missing}");
    assert!(upstreams.models().is_empty());
    let upstreams = byok("{}", &[("anthropic", "default", "sk-ant-1")]).await;
    assert_eq!(upstreams.resolve("haiku").unwrap().model.as_str(), "claude-haiku-5-5");
    let models = upstreams.models();
    assert!(models.iter().all(|model| model.provider.as_str() == "anthropic"));
    assert!(models.iter().any(|model| model.id == "claude-haiku-4-5" && model.context == Some(200_000)));
}
