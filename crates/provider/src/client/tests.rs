use http::Version;
use http_body_util::BodyExt;
use hyper::service::service_fn;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

#[test]
fn loopback_in_every_spelling() {
    for uri in ["http://localhost:1", "http://LOCALHOST", "http://127.0.0.2:1/x", "http://[::1]:8"] {
        assert!(is_loopback(&uri.parse().unwrap()), "{uri}");
    }
    for uri in ["http://127.0.0.1.example", "https://10.0.0.1", "http://[::2]"] {
        assert!(!is_loopback(&uri.parse().unwrap()), "{uri}");
    }
}

#[test]
fn a_socks_proxy_has_its_usual_port() {
    let uri = |text: &str| with_port(&text.parse().unwrap(), 1080).to_string();
    assert_eq!(uri("socks5://host/"), "socks5://host:1080/");
    assert_eq!(uri("socks5://host:9/"), "socks5://host:9/");
}

/// A server that speaks TLS with a certificate of its own, and the client's trust in it.
async fn secure_server() -> (u16, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(socket) = acceptor.accept(socket).await else { return };
                let service = service_fn(|request: Request<Incoming>| async move {
                    let version = format!("{:?}", request.version());
                    Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(version))))
                });
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    (port, tls(roots).unwrap())
}

fn get(uri: &str) -> Request<Full<Bytes>> {
    Request::get(uri).body(Full::default()).unwrap()
}

fn client(trust: Option<Arc<ClientConfig>>) -> Client {
    let client = Client::new(Duration::from_secs(10)).unwrap();
    if let Some(trust) = trust {
        client.trust.set(trust).unwrap();
    }
    client
}

#[tokio::test]
async fn a_secure_connection_speaks_http_2() {
    let (port, trust) = secure_server().await;
    let client = client(Some(trust));
    let answer = client.send(get(&format!("https://localhost:{port}/")), None).await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "HTTP/2.0");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (port, _) = secure_server().await;
    let client = client(Some(tls(RootCertStore::empty()).unwrap()));
    let fault = client.send(get(&format!("https://localhost:{port}/")), None).await.unwrap_err();
    assert_eq!(fault.status, 502);
    assert!(fault.message.contains("certificate"), "{fault}");
}

/// A proxy for one connection: what it was asked, after it has joined the two sides.
async fn proxy() -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(near.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let target = head.split(' ').nth(1).unwrap().to_owned();
        let mut far = TcpStream::connect(target).await.unwrap();
        near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        head
    });
    (port, asked)
}

#[tokio::test]
async fn a_proxy_of_the_config_is_tunnelled_through() {
    let (port, trust) = secure_server().await;
    let (proxy_port, asked) = proxy().await;
    let client = client(Some(trust));
    let proxy = Url::parse(&format!("http://me:pass%20word@127.0.0.1:{proxy_port}")).unwrap();
    let answer = client.send(get(&format!("https://localhost:{port}/")), Some(&proxy)).await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    let asked = asked.await.unwrap();
    assert!(asked.starts_with(&format!("CONNECT localhost:{port} HTTP/1.1\r\n")), "{asked}");
    assert!(asked.to_ascii_lowercase().contains("proxy-authorization: basic bwu6cgfzcyb3b3jk"), "{asked}");
}

#[tokio::test]
async fn a_proxy_that_is_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let proxy = Url::parse(&format!("socks5://me:secret@{nobody}")).unwrap();
    let fault = client(None).send(get("http://127.0.0.1:9/"), Some(&proxy)).await.unwrap_err();
    assert!(fault.status == 502 && !fault.message.contains("secret"), "{fault}");
}

#[tokio::test]
async fn connecting_takes_no_longer_than_it_may() {
    // Listens, but never shakes hands.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = client(Some(tls(RootCertStore::empty()).unwrap()));
    client.reconfigure(Duration::from_millis(50));
    let fault = client.send(get(&format!("https://{address}/")), None).await.unwrap_err();
    assert_eq!(fault.status, 504);
    assert!(fault.message.contains("0.05 s"), "{fault}");
}
