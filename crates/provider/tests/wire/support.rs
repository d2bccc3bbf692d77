//! A scripted upstream, and the upstreams of byok that lead to it.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use byok_auth::Vault;
use byok_config::Config;
use byok_provider::{Answer, AnswerBody, Failed, Generate, Upstreams};
use byok_store::{Location, OpenOptions, Store};
use byok_translate::format::AnswerId;
use byok_translate::scan;
use byok_types::{AccountId, AccountKey, Dialect, ProviderId, Secret};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// What a server got.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A server on loopback. Each call is reported, and answered with what the script says.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) calls: mpsc::UnboundedReceiver<Seen>,
}

impl Server {
    pub(crate) async fn start<F>(script: F) -> Self
    where
        F: Fn(&Seen) -> Reply + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (report, calls) = mpsc::unbounded_channel();
        let script = Arc::new(script);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (script, report) = (Arc::clone(&script), report.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (script, report) = (Arc::clone(&script), report.clone());
                    async move {
                        let (head, body) = request.into_parts();
                        let seen = Seen {
                            method: head.method,
                            target: head.uri.to_string(),
                            headers: head.headers,
                            body: body
                                .collect()
                                .await
                                .map(http_body_util::Collected::to_bytes)
                                .unwrap_or_default(),
                        };
                        let reply = script(&seen);
                        let _ = report.send(seen);
                        match reply {
                            Reply::Answer(response) => Ok::<_, Infallible>(response),
                            Reply::Silence(gone) => {
                                let _told_when_dropped = gone;
                                std::future::pending().await
                            }
                        }
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            }
        });
        Self { address, calls }
    }

    pub(crate) async fn call(&mut self) -> Seen {
        soon(self.calls.recv()).await.expect("a call")
    }
}

pub(crate) enum Reply {
    Answer(Response<Script>),
    /// No head ever. What is held is dropped when the caller hangs up.
    Silence(mpsc::Sender<()>),
}

/// A body that a test sends piece by piece.
pub(crate) enum Script {
    Whole(Option<Bytes>),
    Pieces(mpsc::Receiver<io::Result<Bytes>>),
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces(pieces) => {
                pieces.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}

pub(crate) fn answer(status: u16, content_type: &str, body: impl Into<Bytes>) -> Reply {
    let response = Response::builder().status(status).header("content-type", content_type);
    Reply::Answer(response.body(Script::Whole(Some(body.into()))).unwrap())
}

pub(crate) fn json(status: u16, body: &'static str) -> Reply {
    answer(status, "application/json", body)
}

pub(crate) fn sse(body: &'static str) -> Reply {
    answer(200, "text/event-stream", body)
}

/// A stream that the test feeds. The sender's `closed` tells that byok has hung up.
pub(crate) fn pieces() -> (mpsc::Sender<io::Result<Bytes>>, impl Fn() -> Reply + Send + Sync) {
    pieces_of("text/event-stream")
}

pub(crate) fn pieces_of(
    content_type: &'static str,
) -> (mpsc::Sender<io::Result<Bytes>>, impl Fn() -> Reply + Send + Sync) {
    let (feed, script) = mpsc::channel(1);
    let script = std::sync::Mutex::new(Some(script));
    let reply = move || {
        let script = script.lock().unwrap().take().expect("one call");
        let response = Response::builder().header("content-type", content_type);
        Reply::Answer(response.body(Script::Pieces(script)).unwrap())
    };
    (feed, reply)
}

/// byok with a config, and with accounts as `provider/name key`.
pub(crate) async fn byok(yaml: &str, accounts: &[(&str, &str, &str)]) -> Upstreams {
    byok_with(yaml, accounts, |_| {}).await
}

/// byok with a config, and its vault.
pub(crate) async fn byok_with_vault(yaml: &str) -> (Upstreams, Vault) {
    let store = Store::open(OpenOptions::new(Location::Memory)).await.unwrap();
    let vault = Vault::new(store).await.unwrap();
    let config = byok_config::parse(yaml, &|_: &str| None).unwrap();
    let upstreams = Upstreams::new(Arc::new(ArcSwap::from_pointee(config)), vault.clone()).unwrap();
    (upstreams, vault)
}

pub(crate) async fn byok_with(
    yaml: &str,
    accounts: &[(&str, &str, &str)],
    change: impl FnOnce(&mut Config),
) -> Upstreams {
    let store = Store::open(OpenOptions::new(Location::Memory)).await.unwrap();
    let vault = Vault::new(store).await.unwrap();
    for (provider, account, key) in accounts {
        let account = AccountKey::new(ProviderId::from(*provider), AccountId::from(*account));
        vault.login_with_key(&account, Secret::new(*key), None).await.unwrap();
    }
    let mut config = byok_config::parse(yaml, &|_: &str| None).unwrap();
    change(&mut config);
    Upstreams::new(Arc::new(ArcSwap::from_pointee(config)), vault).unwrap()
}

/// A call as the proxy would make it.
pub(crate) fn call(upstreams: &Upstreams, client: Dialect, body: &'static str) -> Generate {
    let peek = scan::peek(body.as_bytes()).unwrap();
    Generate {
        route: upstreams.resolve(peek.model.as_deref().unwrap()).unwrap(),
        client,
        body: Bytes::from_static(body.as_bytes()),
        stream: peek.stream,
        peek,
        path_model: None,
        json_array: false,
        headers: HeaderMap::new(),
        id: AnswerId { unique: "0123456789abcdef".to_owned(), created: 1_700_000_000 },
    }
}

pub(crate) async fn generate(
    upstreams: &Upstreams,
    client: Dialect,
    body: &'static str,
) -> Result<Answer, Failed> {
    soon(upstreams.generate(call(upstreams, client, body))).await
}

/// The next bytes of an answer; `None` at its proper end.
pub(crate) async fn next(body: &mut AnswerBody) -> Option<Result<String, byok_provider::answer::BrokenOff>> {
    let frame = soon(body.frame()).await?;
    Some(frame.map(|frame| String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()))
}

/// The rest of an answer, and whether it ended properly.
pub(crate) async fn rest(body: &mut AnswerBody) -> (String, bool) {
    let mut all = String::new();
    loop {
        match next(body).await {
            None => return (all, true),
            Some(Ok(text)) => all.push_str(&text),
            Some(Err(_)) => return (all, false),
        }
    }
}

/// A test that hangs fails instead.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("in time")
}

/// Serves one answer over a socket, as the proxy does.
pub(crate) async fn serve_once(body: AnswerBody) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let body = std::sync::Mutex::new(Some(body));
        let service = service_fn(move |_: Request<Incoming>| {
            let body = body.lock().unwrap().take().unwrap();
            async move { Ok::<_, Infallible>(Response::new(body)) }
        });
        let _broken_on_purpose = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
    });
    address
}
