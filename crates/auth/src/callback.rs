//! The loopback listener that a browser comes back to at the end of a login.
//!
//! It binds loopback addresses only, for one login. It hands over the query of each request that can be a
//! callback (`GET`, the flow's path, a loopback `Host` with its own port) and answers all others itself, so
//! that a favicon, a spare connection or a stranger's request does not end the wait. What a query means is
//! not decided here. When the login ends, so do all connections: no later login can meet this listener.

mod holder;
mod page;

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::flow::Redirect;

pub use holder::Holder;
pub use page::Page;

/// How long a head may take. Browsers open connections ahead of need and leave them idle.
const HEAD: Duration = Duration::from_secs(20);
/// The longest head: more than a callback has, with all the cookies that other local servers have set.
const LONGEST_HEAD: usize = 64 * 1024;
/// The most fields in a head.
const FIELDS: usize = 100;
/// Connections at one time, for each address.
const CONNECTIONS: usize = 64;
/// How long a browser waits for the outcome of what it brought; it then gets a page that says so.
const OUTCOME: Duration = Duration::from_secs(25);
/// How long pages that are under way may take to arrive once the login has ended.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often another free port is tried where the first one is not free for IPv6.
const ATTEMPTS: usize = 16;

/// A listener for one login. Dropping it closes all of its connections at once.
#[derive(Debug)]
pub struct Listener {
    port: u16,
    callbacks: mpsc::Receiver<Callback>,
    closing: CancellationToken,
    tasks: JoinSet<()>,
}

/// What a browser brought back, and the browser, which waits for a page.
#[derive(Debug)]
pub struct Callback {
    query: String,
    answer: oneshot::Sender<Page>,
}

impl Callback {
    /// The query of the request, without its `?`. It holds a code: not to be shown or logged.
    pub fn query(&self) -> &str {
        &self.query
    }

    /// Shows the person a page. Without one the browser is told that byok has ended.
    pub fn answer(self, page: Page) {
        // A browser that has gone needs none.
        let _ = self.answer.send(page);
    }
}

/// There is no listener. The person can still paste the address that their browser ends at.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The ports that are registered for this login are taken.
    #[error("port {port} of this machine is taken{}", by(holder.as_ref()))]
    Taken {
        /// The one that is preferred.
        port: u16,
        /// Who has it, where that can be known.
        holder: Option<Holder>,
    },
    /// The system refuses.
    #[error("this machine does not let byok listen on 127.0.0.1: {0}")]
    System(#[source] io::Error),
}

fn by(holder: Option<&Holder>) -> String {
    holder.map(|holder| format!(" by {holder}")).unwrap_or_default()
}

impl Listener {
    /// Listens where a flow's browser is sent: at the first of its ports that is free, or at any free one
    /// where it has none. At 127.0.0.1, and at `::1` as well where the host is `localhost`, which may mean
    /// either: to have only one of the two would leave the other to whoever takes it.
    pub async fn bind(redirect: Redirect) -> Result<Self, BindError> {
        let Redirect { host, ports, path } = redirect;
        let both = host == "localhost";
        let mut sockets = Vec::new();
        if ports.is_empty() {
            for _ in 0..ATTEMPTS {
                sockets = pair(0, both).await.map_err(BindError::System)?;
                if !sockets.is_empty() {
                    break;
                }
            }
        } else {
            for port in ports {
                match pair(*port, both).await {
                    Ok(found) => sockets = found,
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                    Err(error) => return Err(BindError::System(error)),
                }
                if !sockets.is_empty() {
                    break;
                }
            }
        }
        let address = sockets.first().map(TcpListener::local_addr).transpose().map_err(BindError::System)?;
        let Some(address) = address else {
            let port = ports.first().copied().unwrap_or_default();
            return Err(BindError::Taken { port, holder: holder::of(port) });
        };
        let (sender, callbacks) = mpsc::channel(1);
        let closing = CancellationToken::new();
        let desk = Arc::new(Desk { port: address.port(), path, sender, closing: closing.clone() });
        let mut tasks = JoinSet::new();
        for socket in sockets {
            tasks.spawn(accept(socket, Arc::clone(&desk)));
        }
        Ok(Self { port: address.port(), callbacks, closing, tasks })
    }

    /// The port that it has.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next request that can be the callback. A call that is given up loses nothing.
    pub async fn next(&mut self) -> Callback {
        match self.callbacks.recv().await {
            Some(callback) => callback,
            // The tasks hold the other end and end only with this value.
            None => std::future::pending().await,
        }
    }

    /// Ends the listener: its ports are free at once, pages that were answered still arrive, and then all
    /// connections are closed.
    pub async fn close(mut self) {
        self.callbacks.close();
        self.closing.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// The sockets of one port; none where it is taken.
async fn pair(port: u16, both: bool) -> io::Result<Vec<TcpListener>> {
    let first = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(first) => first,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    if !both {
        return Ok(vec![first]);
    }
    let port = first.local_addr()?.port();
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
        Ok(second) => Ok(vec![first, second]),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(Vec::new()),
        // A machine without IPv6 sends nobody there.
        Err(_) => Ok(vec![first]),
    }
}

/// What connections need to know.
struct Desk {
    port: u16,
    path: &'static str,
    sender: mpsc::Sender<Callback>,
    closing: CancellationToken,
}

async fn accept(socket: TcpListener, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&desk)));
                }
                // No descriptor is free, or the other side has gone already.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
            () = desk.closing.cancelled() => break,
        }
    }
    drop(socket);
    let farewell = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
}

async fn connection(stream: TcpStream, desk: Arc<Desk>) {
    let desk = &desk;
    let service = service_fn(move |request| async move { Ok::<_, Infallible>(desk.answer(&request).await) });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LONGEST_HEAD)
        .max_headers(FIELDS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    tokio::select! {
        _ = serving.as_mut() => return,
        () = desk.closing.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

impl Desk {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !is_ours(request.headers(), request.uri(), self.port) {
            return plain(StatusCode::BAD_REQUEST, "This address is not for that host.\n");
        }
        if request.uri().path() != self.path {
            return plain(StatusCode::NOT_FOUND, "Nothing is here.\n");
        }
        if request.method() != Method::GET {
            let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "Only GET is answered here.\n");
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
            return refusal;
        }
        let query = request.uri().query().unwrap_or_default().to_owned();
        let (answer, page) = oneshot::channel();
        if self.sender.send(Callback { query, answer }).await.is_err() {
            return Page::Over.response();
        }
        match tokio::time::timeout(OUTCOME, page).await {
            Ok(Ok(page)) => page.response(),
            Ok(Err(_)) => Page::Over.response(),
            Err(_) => Page::Pending.response(),
        }
    }
}

/// Whether a request was meant for this listener: one `Host`, a loopback name with this port, and no other
/// one in the target.
fn is_ours(headers: &HeaderMap, target: &Uri, port: u16) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
    let names = [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")];
    names.iter().any(|name| name.eq_ignore_ascii_case(host))
        && target.authority().is_none_or(|authority| authority.as_str().eq_ignore_ascii_case(host))
}

/// A refusal for programs; it repeats nothing of the request.
fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    page::response(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

#[cfg(test)]
mod tests;
