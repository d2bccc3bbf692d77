//! Beginning and ending.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;

use crate::support::{Setup, Upstream, store};

const CHAT: &str = r#"{"model":"openai/m","stream":true,"messages":[]}"#;
const END: &[u8] = b"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

#[tokio::test]
async fn a_port_in_use_is_named_with_the_way_out() {
    let first = Setup::default().start().await;
    let address = first.address;
    let error = Setup { address, ..Setup::default() }.bind(store().await).await.err().unwrap().to_string();
    assert!(error.contains(&format!("port {} is in use", address.port())), "{error}");
    assert!(error.contains("byok serve -p "), "{error}");
}

#[tokio::test]
async fn beyond_loopback_a_key_is_needed() {
    let address = SocketAddr::from(([0, 0, 0, 0], 0));
    let key = || byok_config::ClientKey { name: "ci".into(), key: "byk_0123456789abcdef".to_owned().into() };
    for (require_key, with_key, starts) in
        [(false, false, false), (true, false, false), (false, true, false), (true, true, true)]
    {
        let setup = Setup { address, ..Setup::default() }.config(|config| {
            config.require_key = require_key;
            config.keys = if with_key { vec![key()] } else { Vec::new() };
        });
        let bound = setup.bind(store().await).await;
        assert_eq!(bound.is_ok(), starts, "{require_key} {with_key}");
        if let Err(error) = bound {
            assert!(error.to_string().contains("require_key: true"), "{error}");
        }
    }
}

#[tokio::test]
async fn both_addresses_of_localhost_answer() {
    let byok = Setup::default().start().await;
    let six = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], byok.address.port()));
    // Where the system has the address at all.
    if tokio::net::TcpListener::bind("[::1]:0").await.is_ok() {
        assert!(TcpStream::connect(six).await.is_ok());
    }
}

#[tokio::test]
async fn the_end_waits_for_running_streams_and_for_nobody_else() {
    let mut upstream = Upstream::start().await;
    let byok = Setup::default().with("openai", &upstream).start().await;
    let mut idle = byok.connect().await;
    idle.send(&byok.request("GET", "/healthz", &[], "")).await;
    assert_eq!(idle.reply(false).await.status, 200);
    let mut half = byok.connect().await;
    half.send("POST /v1/messages HTTP/1.1\r\nhost: ").await;
    let mut upload = byok.connect().await;
    let whole = byok.request("POST", "/v1/messages", &[("content-type", "application/json")], CHAT);
    upload.send(&whole[..whole.len() - 5]).await;

    let mut client = byok.connect().await;
    client
        .send(&byok.request("POST", "/v1/chat/completions", &[("content-type", "application/json")], CHAT))
        .await;
    let stream = upstream.next().await.stream();
    stream.send(Bytes::from_static(b": 1\n\n")).await.unwrap();
    client.head().await.unwrap();
    client.chunk().await.unwrap();

    byok.stop();
    // All the others are let go while the stream still runs.
    assert!(idle.is_closed().await);
    assert!(half.is_closed().await);
    assert_eq!(upload.reply(false).await.status, 503);
    assert!(TcpStream::connect(byok.address).await.is_err());
    stream.send(Bytes::from_static(END)).await.unwrap();
    drop(stream);
    assert_eq!(client.chunk().await.unwrap(), END);
    assert_eq!(client.chunk().await, None);
    byok.ended().await;
}

#[tokio::test]
async fn the_end_waits_no_longer_than_it_may() {
    let mut upstream = Upstream::start().await;
    let byok = Setup { drain: Duration::from_millis(50), ..Setup::default() }
        .with("openai", &upstream)
        .start()
        .await;
    let mut client = byok.connect().await;
    client
        .send(&byok.request("POST", "/v1/chat/completions", &[("content-type", "application/json")], CHAT))
        .await;
    let stream = upstream.next().await.stream();
    client.head().await.unwrap();
    byok.stop();
    stream.closed().await;
    assert_eq!(client.try_chunk().await, Err(()));
    byok.ended().await;
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let mut upstream = Upstream::start().await;
    let byok = Setup::default().with("openai", &upstream).start().await;
    let mut client = byok.connect().await;
    client
        .send(&byok.request("POST", "/v1/chat/completions", &[("content-type", "application/json")], CHAT))
        .await;
    let stream = upstream.next().await.stream();
    client.head().await.unwrap();
    byok.stop();
    byok.abort();
    stream.closed().await;
    assert_eq!(client.try_chunk().await, Err(()));
}
