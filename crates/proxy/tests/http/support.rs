//! The server under test, the upstreams it calls, and a client that shows every byte.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use byok_auth::Vault;
use byok_config::{Config, ProviderConfig};
use byok_provider::Upstreams;
use byok_proxy::{BindError, Patience, Server, Settings};
use byok_store::{Location, NoKeyring, OpenOptions, Store};
use byok_types::Secret;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The credential that upstreams must see, and clients never.
pub(crate) const WALLET_KEY: &str = "sk-wallet-0123456789";

/// A running server.
pub(crate) struct Byok {
    pub(crate) address: SocketAddr,
    pub(crate) store: Store,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

/// How to start one.
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) patience: Patience,
    pub(crate) drain: Duration,
    pub(crate) address: SocketAddr,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            config: Config::default(),
            patience: Patience::default(),
            drain: Duration::from_secs(30),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }
}

impl Setup {
    /// With `provider` at an upstream.
    pub(crate) fn with(mut self, provider: &str, upstream: &Upstream) -> Self {
        let settings = ProviderConfig {
            api_key: Some(Secret::new(WALLET_KEY)),
            base_url: Some(upstream.url().parse().unwrap()),
            ..ProviderConfig::default()
        };
        self.config.providers.insert(provider.into(), settings);
        self
    }

    /// With some of the config changed.
    pub(crate) fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    pub(crate) async fn bind(self, store: Store) -> Result<Server, BindError> {
        let config = Arc::new(ArcSwap::from_pointee(self.config));
        let vault = Vault::new(store.clone()).await.unwrap();
        let upstreams = Upstreams::new(Arc::clone(&config), vault).unwrap();
        let (address, patience) = (self.address, self.patience);
        Server::bind(Settings { config, upstreams, store, address, patience }).await
    }

    pub(crate) async fn start(self) -> Byok {
        let store = store().await;
        let drain = self.drain;
        let server = self.bind(store.clone()).await.unwrap();
        let address = server.local_addr();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(server.run(shutdown.clone(), drain));
        Byok { address, store, shutdown, running }
    }
}

pub(crate) async fn store() -> Store {
    let options = OpenOptions { keyring: Arc::new(NoKeyring), ..OpenOptions::new(Location::Memory) };
    Store::open(options).await.unwrap()
}

impl Byok {
    /// The `Host` that clients send.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.address.port())
    }

    /// A connection to it.
    pub(crate) async fn connect(&self) -> Client {
        Client { stream: TcpStream::connect(self.address).await.unwrap(), buffer: Vec::new() }
    }

    /// Sends a request with the right `Host`, and reads the whole answer.
    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut client = self.connect().await;
        client.send(&self.request(method, target, headers, body)).await;
        client.reply(method == "HEAD").await
    }

    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.ask("GET", target, &[], "").await
    }

    pub(crate) async fn post(&self, target: &str, body: &str) -> Reply {
        self.ask("POST", target, &[("content-type", "application/json")], body).await
    }

    /// A request's bytes.
    pub(crate) fn request(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> String {
        let mut text = format!("{method} {target} HTTP/1.1\r\nhost: {}\r\n", self.host());
        for (name, value) in headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        if !body.is_empty() || method == "POST" {
            write!(text, "content-length: {}\r\n", body.len()).unwrap();
        }
        text + "\r\n" + body
    }

    /// Begins the end.
    pub(crate) fn stop(&self) {
        self.shutdown.cancel();
    }

    /// Waits for the end.
    pub(crate) async fn ended(self) {
        self.running.await.unwrap();
    }

    /// Ends everything at once, as a second signal does.
    pub(crate) fn abort(&self) {
        self.running.abort();
    }
}

/// One connection of a client.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to its proper end.
    pub(crate) clean: bool,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The error's message, wherever the dialect has it.
    pub(crate) fn message(&self) -> String {
        let json = self.json();
        let at = |pointer: &str| json.pointer(pointer).and_then(|text| text.as_str()).map(str::to_owned);
        at("/error/message").or(at("/message")).or(at("/error")).unwrap_or_else(|| panic!("{json}"))
    }
}

impl Client {
    pub(crate) async fn send(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Sends what the other side may refuse to read.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The head of an answer. `None` where the connection ended instead.
    pub(crate) async fn head(&mut self) -> Option<Reply> {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            if !self.more().await {
                return None;
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
        let head = std::str::from_utf8(&head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value.trim()).unwrap(),
            );
        }
        Some(Reply { status, headers, body: Vec::new(), clean: false })
    }

    /// One piece of a chunked body; `None` at its proper end. Panics where it was cut.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        self.try_chunk().await.expect("the body was cut")
    }

    /// As [`Client::chunk`]; `Err` where the body was cut.
    pub(crate) async fn try_chunk(&mut self) -> Result<Option<Vec<u8>>, ()> {
        let line_end = loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                break end;
            }
            if !self.more().await {
                return Err(());
            }
        };
        let size = std::str::from_utf8(&self.buffer[..line_end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        while self.buffer.len() < line_end + size + 4 {
            if !self.more().await {
                return Err(());
            }
        }
        let chunk = self.buffer[line_end + 2..line_end + 2 + size].to_vec();
        self.buffer.drain(..line_end + size + 4);
        Ok((size > 0).then_some(chunk))
    }

    /// A whole answer.
    pub(crate) async fn reply(&mut self, without_body: bool) -> Reply {
        let mut reply = self.head().await.expect("no answer");
        let length =
            reply.headers.get("content-length").map(|length| length.to_str().unwrap().parse().unwrap());
        if without_body || reply.status == 204 {
            reply.clean = true;
        } else if let Some(length) = length {
            while self.buffer.len() < length && self.more().await {}
            reply.clean = self.buffer.len() >= length;
            reply.body = self.buffer.drain(..length.min(self.buffer.len())).collect();
        } else {
            loop {
                match self.try_chunk().await {
                    Ok(Some(chunk)) => reply.body.extend(chunk),
                    Ok(None) => break reply.clean = true,
                    Err(()) => break,
                }
            }
        }
        reply
    }

    /// Whether the connection ends without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.more().await
    }

    async fn more(&mut self) -> bool {
        self.stream.read_buf(&mut self.buffer).await.is_ok_and(|count| count > 0)
    }
}

/// An upstream that answers what a test tells it to.
pub(crate) struct Upstream {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Seen>,
}

/// A request that an upstream got and has not answered.
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    answer: oneshot::Sender<Response<Play>>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (send, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let send = send.clone();
                let service = service_fn(move |request| serve(send.clone(), request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request.
    pub(crate) async fn next(&mut self) -> Seen {
        self.requests.recv().await.unwrap()
    }

    /// Whether no request has come.
    pub(crate) fn is_untouched(&mut self) -> bool {
        self.requests.try_recv().is_err()
    }
}

async fn serve(
    send: mpsc::UnboundedSender<Seen>,
    request: Request<Incoming>,
) -> Result<Response<Play>, String> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    let (answer, answered) = oneshot::channel();
    let seen = Seen {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        headers: parts.headers,
        body,
        answer,
    };
    send.send(seen).map_err(|error| error.to_string())?;
    answered.await.map_err(|error| error.to_string())
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Answers in one piece.
    pub(crate) fn answer(self, status: u16, content_type: &str, body: &str) {
        self.answer_with(status, &[("content-type", content_type)], body);
    }

    /// Answers in one piece, with these headers.
    pub(crate) fn answer_with(self, status: u16, headers: &[(&str, &str)], body: &str) {
        let (send, play) = mpsc::channel(1);
        send.try_send(Bytes::from(body.to_owned())).unwrap();
        self.play(status, headers, play);
    }

    /// Answers with an event stream that the test goes on to write.
    pub(crate) fn stream(self) -> mpsc::Sender<Bytes> {
        let (send, play) = mpsc::channel(1);
        self.play(200, &[("content-type", "text/event-stream")], play);
        send
    }

    /// Waits until the caller has gone.
    pub(crate) async fn cancelled(mut self) {
        self.answer.closed().await;
    }

    fn play(self, status: u16, headers: &[(&str, &str)], play: mpsc::Receiver<Bytes>) {
        let mut response = Response::new(Play(play));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            response.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        }
        let _ = self.answer.send(response);
    }
}

/// The body of an upstream's answer.
pub(crate) struct Play(mpsc::Receiver<Bytes>);

/// Sent as a piece of a stream, it cuts the stream.
pub(crate) const CUT: &[u8] = b"\0cut";

impl http_body::Body for Play {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|piece| match piece {
            Some(piece) if piece == CUT => Some(Err(std::io::ErrorKind::ConnectionReset.into())),
            piece => piece.map(|piece| Ok(Frame::data(piece))),
        })
    }
}
