//! Listening sockets and the life of a connection: accepted, served, drained.
//!
//! HTTP/1.1 only. No measured client speaks HTTP/2 without TLS, a stream on loopback gains nothing from
//! multiplexing, and a protocol that is not there cannot be attacked.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use byok_provider::Upstreams;
use byok_store::Store;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::gate::Doorway;
use crate::id::Names;
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::patience::{Link, Patience, Patient};
use crate::state::State;
use crate::{routes, serve};

/// The largest head of a request, in bytes. hyper's own limit of 100 headers stands beside it.
const MAX_HEAD: usize = 64 * 1024;
/// How long a connection may take to write the last bytes of an answer when the server ends.
const LAST_BYTES: Duration = Duration::from_millis(250);
/// How long accepting pauses when the system has no room for another connection.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(200);

/// What a server needs.
pub struct Settings {
    /// The config in force.
    pub config: byok_config::Shared,
    /// Who is called.
    pub upstreams: Upstreams,
    /// Where apps are known and usage is kept.
    pub store: Store,
    /// Where to listen; port 0 lets the system choose.
    pub address: SocketAddr,
    /// How long clients are waited for.
    pub patience: Patience,
}

/// Why a server cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program listens there.
    #[error(
        "port {} is in use: another program, perhaps another byok, listens on {address}. \
         Stop it, or choose another port: `byok serve -p {}`",
        address.port(), address.port().checked_add(1).unwrap_or(8018)
    )]
    InUse {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// Others could reach it, and no key would be asked for.
    #[error(
        "{address} can be reached from other machines, so a key must be required there: \
         set `require_key: true` and a key under `keys:` in the config, or listen on 127.0.0.1"
    )]
    Open {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The apps' keys could not be read.
    #[error("the apps' keys could not be read: {0}")]
    Store(#[from] byok_store::Error),
    /// The system said no.
    #[error("cannot listen on {address}: {source}")]
    System {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A server that listens and does not serve yet.
pub struct Server {
    listeners: Vec<TcpListener>,
    state: Arc<State>,
    /// Ends everything when it is cancelled.
    end: CancellationToken,
}

impl Server {
    /// Takes the address. Connections wait from then on, and are served by [`Server::run`].
    pub async fn bind(settings: Settings) -> Result<Self, BindError> {
        let Settings { config, upstreams, store, address, patience } = settings;
        let keys = Keys::new(store.clone());
        if !address.ip().is_loopback() {
            let config = config.load();
            let has_key = !config.keys.is_empty() || keys.any_app().await?;
            if !config.require_key || !has_key {
                return Err(BindError::Open { address });
            }
        }
        let listener = listen(address).await?;
        let address = listener.local_addr().map_err(|source| BindError::System { address, source })?;
        let mut listeners = vec![listener];
        listeners.extend(other_localhost(address).await);

        let end = CancellationToken::new();
        let state = State {
            config,
            upstreams,
            keys,
            store,
            metrics: Metrics::default(),
            names: Names::default(),
            doorway: Doorway { address },
            patience,
            tasks: TaskTracker::new(),
            stopping: end.child_token(),
        };
        Ok(Self { listeners, state: Arc::new(state), end })
    }

    /// The address that is listened on.
    pub fn local_addr(&self) -> SocketAddr {
        self.state.doorway.address
    }

    /// Serves until `shutdown`, then finishes the running requests for at most `drain`. Dropping the future
    /// ends everything at once. Usage rows are with the store by then, whose closing writes them.
    pub async fn run(self, shutdown: CancellationToken, drain: Duration) {
        let Self { listeners, state, end } = self;
        let all_ends = end.clone().drop_guard();
        let router = routes::router(&state);

        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            () = accept_all(&listeners, &state, &router, &end) => {}
        }
        drop(listeners);
        state.stopping.cancel();
        state.tasks.close();
        if tokio::time::timeout(drain, state.tasks.wait()).await.is_err() {
            tracing::warn!("requests were still running when the time to finish them was over");
            drop(all_ends);
            state.tasks.wait().await;
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address },
        _ => BindError::System { address, source },
    })
}

/// `localhost` is two addresses, and clients try either first. Whoever else sat on the second one would
/// get the prompts that were meant for byok. A system without it is no error.
async fn other_localhost(address: SocketAddr) -> Option<TcpListener> {
    let other: IpAddr = match address.ip() {
        IpAddr::V4(Ipv4Addr::LOCALHOST) => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => Ipv4Addr::LOCALHOST.into(),
        _ => return None,
    };
    match TcpListener::bind((other, address.port())).await {
        Ok(listener) => Some(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            tracing::warn!(
                "another program listens on port {} of {other}; tools that look for `localhost` there first will find it, not byok",
                address.port()
            );
            None
        }
        Err(error) => {
            tracing::debug!(%error, "not listening on {other} as well");
            None
        }
    }
}

async fn accept_all(listeners: &[TcpListener], state: &Arc<State>, router: &Router, end: &CancellationToken) {
    let mut had_room = true;
    loop {
        match accept(listeners).await {
            Ok((stream, _)) => {
                had_room = true;
                // An event of a stream goes out when it came in. Failing here costs nothing but speed.
                let _ = stream.set_nodelay(true);
                let (state, router, end) = (Arc::clone(state), router.clone(), end.clone());
                let tasks = state.tasks.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        biased;
                        () = end.cancelled() => {}
                        () = converse(stream, state, router) => {}
                    }
                });
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Out of descriptors or memory. The waiting connection stays waiting, so asking again at
                // once would only keep a core busy.
                if had_room {
                    tracing::warn!(%error, "cannot accept connections; trying again until there is room");
                }
                had_room = false;
                tokio::time::sleep(NO_ROOM_PAUSE).await;
            }
        }
    }
}

async fn accept(listeners: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
    std::future::poll_fn(|cx| {
        for listener in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

/// Whether accepting failed because the other side had gone already.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Serves one connection to its end.
async fn converse(stream: TcpStream, state: Arc<State>, router: Router) {
    let link = Arc::new(Link::default());
    let stopping = state.stopping.clone();
    let io = TokioIo::new(Patient::new(stream, Arc::clone(&link), state.patience));
    let service = {
        let link = Arc::clone(&link);
        service_fn(move |request| {
            let (state, router, link) = (Arc::clone(&state), router.clone(), Arc::clone(&link));
            async move { Ok::<_, Infallible>(serve::serve(&state, &router, &link, request).await) }
        })
    };
    // Timers are in `Patient`; setting hyper's would also end idle connections early.
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD)
        .max_header_size(MAX_HEAD)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => return log_end(ended),
        () = stopping.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return log_end(ended),
            () = tokio::time::sleep(LAST_BYTES) => {}
        }
        // Whoever has not finished asking by now does not hold up the end.
        if !link.is_busy() {
            return;
        }
    }
}

fn log_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        // Clients leave; that is no event.
        tracing::trace!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;
