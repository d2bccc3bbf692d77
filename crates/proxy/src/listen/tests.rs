//! What cannot be seen from outside: a handler that panics.

use std::sync::Arc;

use arc_swap::ArcSwap;
use byok_store::{Location, NoKeyring, OpenOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

async fn server() -> Server {
    let options = OpenOptions { keyring: Arc::new(NoKeyring), ..OpenOptions::new(Location::Memory) };
    let store = Store::open(options).await.unwrap();
    let config: byok_config::Shared = Arc::new(ArcSwap::default());
    let vault = byok_auth::Vault::new(store.clone()).await.unwrap();
    let upstreams = Upstreams::new(Arc::clone(&config), vault).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    Server::bind(Settings { config, upstreams, store, address, patience: Patience::default() }).await.unwrap()
}

#[tokio::test]
async fn a_panic_is_one_requests_end() {
    let server = server().await;
    let router = Router::new()
        .route("/v1/panics", axum::routing::get(async || -> &'static str { panic!("s3cret") }))
        .fallback(async || "well");
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    let (stream, _) = accept(&server.listeners).await.unwrap();
    let serving = tokio::spawn(converse(stream, Arc::clone(&server.state), router));

    let mut answers = Vec::new();
    for (path, connection) in [("/v1/panics", "keep-alive"), ("/", "close")] {
        let port = server.local_addr().port();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: {connection}\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
    }
    client.read_to_end(&mut answers).await.unwrap();
    serving.await.unwrap();
    let answers = String::from_utf8(answers).unwrap();
    assert!(answers.starts_with("HTTP/1.1 500 "), "{answers}");
    assert!(answers.contains("\"PROXY_ERROR\"") && !answers.contains("s3cret"), "{answers}");
    assert!(answers.contains("HTTP/1.1 200 OK") && answers.ends_with("well"), "{answers}");
    assert!(!server.state.metrics.text().contains("in_flight 1"));
}
