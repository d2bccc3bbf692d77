//! Upstreams that break, lie or fall silent: the client always learns of it, in its own format.

use std::time::Duration;

use byok_provider::Outcome;
use byok_types::Dialect;
use bytes::Bytes;
use http::HeaderValue;

use crate::passing::anthropic;
use crate::support::{
    Reply, Seen, Server, answer, byok, byok_with, generate, json, next, pieces, pieces_of, rest, serve_once,
    soon, sse,
};

const ASK: &str =
    r#"{"model":"claude-haiku-4-5","max_tokens":8,"messages":[{"role":"user","content":"hi"}]}"#;
const ASK_STREAM: &str = r#"{"model":"claude-haiku-4-5","max_tokens":8,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

/// The fault that a call ends in before its first byte.
async fn fault(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static, ask: &'static str) -> (u16, String) {
    let server = Server::start(script).await;
    let upstreams = byok(&anthropic(&server.address), &[]).await;
    let failed = generate(&upstreams, Dialect::Anthropic, ask).await.unwrap_err();
    assert!(failed.served.is_some());
    (failed.fault.status, failed.fault.message)
}

#[tokio::test]
async fn a_redirect_is_refused() {
    for status in [301, 302, 303, 307, 308] {
        let redirect = move |_: &Seen| {
            let Reply::Answer(mut response) = answer(status, "text/plain", "") else { unreachable!() };
            response.headers_mut().insert("location", HeaderValue::from_static("http://127.0.0.1:1/x"));
            Reply::Answer(response)
        };
        let (status, message) = fault(redirect, ASK).await;
        assert_eq!(status, 502);
        assert!(message.contains("redirect") && !message.contains("127.0.0.1:1"), "{message}");
    }
}

#[tokio::test]
async fn a_page_is_no_answer() {
    for ask in [ASK, ASK_STREAM] {
        let (status, message) =
            fault(|_| answer(200, "text/html; charset=utf-8", "<html>secret</html>"), ask).await;
        assert_eq!(status, 502);
        assert!(message.contains("text/html") && !message.contains("secret"), "{message}");
    }
    let (status, message) = fault(|_| answer(503, "text/html", "<html>secret</html>"), ASK).await;
    assert_eq!(status, 503);
    assert!(!message.contains("secret"), "{message}");
}

#[tokio::test]
async fn pitfall_18_a_compressed_answer_is_refused() {
    let compressed = |_: &Seen| {
        let Reply::Answer(mut response) = json(200, "{}") else { unreachable!() };
        response.headers_mut().insert("content-encoding", HeaderValue::from_static("gzip"));
        Reply::Answer(response)
    };
    assert_eq!(fault(compressed, ASK).await.0, 502);
}

#[tokio::test]
async fn nobody_listens() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let upstreams = byok(&anthropic(&format!("http://{address}")), &[]).await;
    let failed = generate(&upstreams, Dialect::Anthropic, ASK).await.unwrap_err();
    assert_eq!(failed.fault.status, 502);
    assert!(
        failed.fault.message.contains(&format!("cannot connect to {address}")),
        "{}",
        failed.fault.message
    );
}

#[tokio::test]
async fn a_silent_upstream_is_given_up() {
    let (gone, _told) = tokio::sync::mpsc::channel(1);
    let server = Server::start(move |_| Reply::Silence(gone.clone())).await;
    let soon = |config: &mut byok_config::Config| {
        config.timeouts.first_byte = Duration::from_millis(50);
        config.streaming.keepalive = None;
    };
    let upstreams = byok_with(&anthropic(&server.address), &[], soon).await;
    let failed = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap_err();
    assert_eq!(failed.fault.status, 504);
}

#[tokio::test]
async fn a_stream_that_falls_silent_ends_with_an_error() {
    let (feed, reply) = pieces();
    let server = Server::start(move |_| reply()).await;
    let soon_idle = |config: &mut byok_config::Config| config.timeouts.idle = Duration::from_millis(50);
    let upstreams = byok_with(&anthropic(&server.address), &[], soon_idle).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap();
    feed.send(Ok(Bytes::from_static(b"event: ping\ndata: {\"type\":\"ping\"}\n\nevent: half")))
        .await
        .unwrap();
    next(&mut answer.body).await.unwrap().unwrap();
    let (told, proper) = rest(&mut answer.body).await;
    assert!(told.starts_with("\n\nevent: error\ndata: {"), "the half event is closed first: {told}");
    assert!(!proper);
    soon(feed.closed()).await;
    let Outcome::Failed(fault) = answer.meter.read().outcome else { panic!() };
    assert_eq!(fault.status, 504);
}

#[tokio::test]
async fn a_stream_without_its_end_is_no_success() {
    let server = Server::start(|_| sse("event: ping\ndata: {\"type\":\"ping\"}\n\n")).await;
    let upstreams = byok(&anthropic(&server.address), &[]).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap();
    let (told, proper) = rest(&mut answer.body).await;
    assert!(told.contains("event: error") && !proper, "{told}");
}

#[tokio::test]
async fn an_error_that_the_upstream_reported_is_not_reported_twice() {
    let server = Server::start(|_| {
        sse("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n")
    })
    .await;
    let upstreams = byok(&anthropic(&server.address), &[]).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap();
    let (told, proper) = rest(&mut answer.body).await;
    assert_eq!(told.matches("event: error").count(), 1);
    assert!(!proper);
}

#[tokio::test]
async fn a_document_that_is_cut_ends_uncleanly() {
    let (feed, reply) = pieces_of("application/json");
    let server = Server::start(move |_| reply()).await;
    let upstreams = byok(&anthropic(&server.address), &[]).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK).await.unwrap();
    feed.send(Ok(Bytes::from_static(b"{\"id\":"))).await.unwrap();
    assert_eq!(next(&mut answer.body).await.unwrap().unwrap(), "{\"id\":");
    feed.send(Err(std::io::Error::other("cut"))).await.unwrap();
    assert_eq!(rest(&mut answer.body).await, (String::new(), false));
}

#[tokio::test]
async fn pitfall_20_a_waiting_client_hears_something() {
    let (feed, reply) = pieces();
    let server = Server::start(move |_| reply()).await;
    let often =
        |config: &mut byok_config::Config| config.streaming.keepalive = Some(Duration::from_millis(20));
    let upstreams = byok_with(&anthropic(&server.address), &[], often).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap();
    feed.send(Ok(Bytes::from_static(b"event: message_stop\n"))).await.unwrap();
    let half = next(&mut answer.body).await.unwrap().unwrap();
    assert_eq!(half, "event: message_stop\n", "nothing before it");
    // Within an event nothing may be put in; the rest of it comes before any sign of life.
    feed.send(Ok(Bytes::from_static(b"data: {\"type\":\"message_stop\"}\n\n"))).await.unwrap();
    assert!(next(&mut answer.body).await.unwrap().unwrap().starts_with("data: "));
    let sign = next(&mut answer.body).await.unwrap().unwrap();
    assert!(is_sign_of_life(&sign), "{sign}");
    drop(feed);
    assert!(rest(&mut answer.body).await.1);
}

#[tokio::test]
async fn a_client_hears_something_before_the_upstream_has_answered() {
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    // The head is held back on a thread of its own, so that nothing else waits for it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let body = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut socket, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        let _ = socket.read(&mut head).unwrap();
        wait.lock().unwrap().recv().unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(head.as_bytes()).unwrap();
    });
    let often =
        |config: &mut byok_config::Config| config.streaming.keepalive = Some(Duration::from_millis(20));
    let upstreams = byok_with(&anthropic(&format!("http://{address}")), &[], often).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    assert_eq!(answer.headers["x-byok-account"], "config");
    for _ in 0..2 {
        let sign = next(&mut answer.body).await.unwrap().unwrap();
        assert!(is_sign_of_life(&sign), "{sign}");
    }
    release.send(()).unwrap();
    let (told, proper) = rest(&mut answer.body).await;
    assert!(told.ends_with(body) && proper, "{told}");
    assert_eq!(answer.meter.read().outcome, Outcome::Completed);
    server.join().unwrap();
}

#[tokio::test]
async fn a_late_refusal_is_told_in_the_stream() {
    let (gone, _told) = tokio::sync::mpsc::channel(1);
    let server = Server::start(move |_| Reply::Silence(gone.clone())).await;
    let quick = |config: &mut byok_config::Config| {
        config.streaming.keepalive = Some(Duration::from_millis(20));
        config.timeouts.first_byte = Duration::from_millis(200);
    };
    let upstreams = byok_with(&anthropic(&server.address), &[], quick).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap();
    let (told, proper) = rest(&mut answer.body).await;
    assert!(told.contains("event: error") && !proper, "{told}");
    assert!(matches!(answer.meter.read().outcome, Outcome::Failed(_)));
}

/// A ping or a comment: nothing that a client takes for a part of the answer.
fn is_sign_of_life(text: &str) -> bool {
    (text.starts_with("event: ping\n") || text.starts_with(':')) && text.ends_with("\n\n")
}

#[tokio::test]
async fn the_error_reaches_a_client_on_a_socket_before_the_connection_is_torn_down() {
    use std::io::Read;

    let (feed, reply) = pieces();
    let server = Server::start(move |_| reply()).await;
    let upstreams = byok(&anthropic(&server.address), &[]).await;
    let answer = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap();
    let address = serve_once(answer.body).await;
    let client = tokio::task::spawn_blocking(move || {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        std::io::Write::write_all(&mut socket, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut all = Vec::new();
        let _reset_or_end = socket.read_to_end(&mut all);
        String::from_utf8(all).unwrap()
    });
    feed.send(Ok(Bytes::from_static(b"event: ping\ndata: {\"type\":\"ping\"}\n\n"))).await.unwrap();
    feed.send(Err(std::io::Error::other("cut"))).await.unwrap();
    let told = soon(client).await.unwrap();
    assert!(told.contains("event: ping") && told.contains("event: error"), "{told}");
    assert!(!told.ends_with("0\r\n\r\n"), "the end is unclean: {told}");
}
