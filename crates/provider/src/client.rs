//! The one HTTP client that upstreams are called with.
//!
//! It pools connections, speaks HTTP/1.1 and HTTP/2, and does nothing on its own account: it follows no
//! redirect, inflates nothing, and repeats a request only where a pooled connection turned out to be closed
//! before any of it was written. How large a head may be is bounded.
//!
//! Trust is the system's: a company's own authority then works as it does in a browser. Reading those
//! certificates takes longer than the whole start of byok, so it happens at the first `https` call, off the
//! async threads.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use byok_types::{Blame, Code, Fault, FaultKind};
use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::{Client as Pooled, Error as PoolError};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tower_service::Service;
use url::Url;

/// A head, with all its headers, may have this many bytes.
const MAX_HEAD: usize = 64 * 1024;
/// And this many headers.
const MAX_HEADERS: usize = 100;
/// How much of an answer may be under way on HTTP/2 while a client reads slowly.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// How long an unused connection is kept.
const IDLE_CONNECTION: Duration = Duration::from_secs(60);
/// How often a connection is checked for life while calls wait on it.
const PROBE: Duration = Duration::from_secs(20);

type Pool = Pooled<InTime, Full<Bytes>>;
type BoxError = Box<dyn StdError + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// The client. Its connections outlive changes of the config.
pub(crate) struct Client {
    /// Milliseconds; shared with the connectors, so that a new config applies to the next connection.
    connect: Arc<AtomicU64>,
    /// What `HTTPS_PROXY` and its relatives say.
    environment: Matcher,
    trust: OnceCell<Arc<ClientConfig>>,
    /// Trusts nobody, for ways without TLS.
    nobody: Arc<ClientConfig>,
    /// For plain `http`, where no certificates are needed.
    plain: Pool,
    pools: Mutex<HashMap<Way, Pool>>,
}

/// The way to a host. A proxy's address may hold a password, so this must not be printed.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Way {
    Direct,
    /// Through the proxy that the environment names.
    Environment {
        secure: bool,
    },
    /// Through a proxy of the config.
    Through {
        proxy: String,
        secure: bool,
    },
}

impl Client {
    pub(crate) fn new(connect: Duration) -> Result<Self, rustls::Error> {
        let connect = Arc::new(AtomicU64::new(millis(connect)));
        let nobody = tls(RootCertStore::empty())?;
        let plain = pool(Dial::Direct(tcp()), Arc::clone(&nobody), &connect);
        Ok(Self {
            connect,
            environment: Matcher::from_env(),
            trust: OnceCell::new(),
            nobody,
            plain,
            pools: Mutex::new(HashMap::new()),
        })
    }

    /// Takes over how long connecting may take, and lets go of proxies that may no longer be configured.
    pub(crate) fn reconfigure(&self, connect: Duration) {
        self.connect.store(millis(connect), Ordering::Relaxed);
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|way, _| !matches!(way, Way::Through { .. }));
    }

    /// Sends a request and waits for the head of its answer. Dropping the future, or the body of the
    /// answer, ends the call at the upstream.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        proxy: Option<&Url>,
    ) -> Result<Response<Incoming>, Box<Fault>> {
        let host = request.uri().authority().map(Authority::to_string).unwrap_or_default();
        let pool = self.pool(request.uri(), proxy).await?;
        pool.request(request).await.map_err(|error| Box::new(self.fault(&host, &error)))
    }

    async fn pool(&self, to: &Uri, proxy: Option<&Url>) -> Result<Pool, Box<Fault>> {
        let mut secure = to.scheme() == Some(&Scheme::HTTPS);
        let through = match proxy {
            Some(proxy) => Matcher::builder().all(proxy.as_str()).build().intercept(to),
            // What is on this machine is not reached through a proxy that the environment names.
            None if is_loopback(to) => None,
            None => self.environment.intercept(to),
        };
        if through.is_none() && !secure {
            return Ok(self.plain.clone());
        }
        secure |= through.as_ref().is_some_and(|proxy| proxy.uri().scheme() == Some(&Scheme::HTTPS));
        let way = match (&through, proxy) {
            (None, _) => Way::Direct,
            (Some(_), None) => Way::Environment { secure },
            (Some(_), Some(proxy)) => Way::Through { proxy: proxy.to_string(), secure },
        };
        if let Some(pool) = self.pools.lock().unwrap_or_else(PoisonError::into_inner).get(&way) {
            return Ok(pool.clone());
        }
        let trust = if secure { self.trust.get_or_try_init(system_trust).await? } else { &self.nobody };
        let trust = Arc::clone(trust);
        let dial = through.map_or_else(|| Dial::Direct(tcp()), |through| Dial::through(&through, &trust));
        let new = pool(dial, trust, &self.connect);
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(pools.entry(way).or_insert(new).clone())
    }

    /// What a failed attempt means. Texts of the network stack are shown; they name hosts and reasons, never
    /// what was sent.
    fn fault(&self, host: &str, error: &PoolError) -> Fault {
        let cause = innermost(error);
        if !error.is_connect() {
            return Fault::upstream_broken(format!(
                "the connection to {host} broke before it answered: {cause}"
            ));
        }
        let timed_out = chain(error).any(|cause| {
            cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
        });
        let mut fault = if timed_out {
            let seconds = Duration::from_millis(self.connect.load(Ordering::Relaxed)).as_secs_f32();
            Fault::new(504, Blame::Upstream, format!("cannot connect to {host} within {seconds} s"))
        } else {
            let mut fault = Fault::new(502, Blame::Upstream, format!("cannot connect to {host}: {cause}"));
            fault.kind = FaultKind::UpstreamBroken;
            fault
        };
        fault.code = Some(Code::ProxyError);
        fault
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(PROBE));
    tcp
}

fn pool(dial: Dial, trust: Arc<ClientConfig>, connect: &Arc<AtomicU64>) -> Pool {
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(Arc::unwrap_or_clone(trust))
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(dial);
    Pooled::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_CONNECTION)
        .pool_max_idle_per_host(8)
        .http1_max_buf_size(MAX_HEAD)
        .http1_max_headers(MAX_HEADERS)
        .http2_max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(PROBE)
        .http2_keep_alive_timeout(PROBE)
        .build(InTime { inner: connector, limit: Arc::clone(connect) })
}

fn tls(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// TLS with the certificates that the system trusts.
async fn system_trust() -> Result<Arc<ClientConfig>, Box<Fault>> {
    let broken = |reason: String| {
        let message = format!("cannot make secure connections: {reason}");
        Box::new(Fault::new(500, Blame::Byok, message).with_code(Code::ProxyError))
    };
    let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs)
        .await
        .map_err(|error| broken(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        let reason = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(broken(format!(
            "the system has no certificate authorities{reason}; install its package ca-certificates, or name \
             a file in SSL_CERT_FILE"
        )));
    }
    tls(roots).map_err(|error| broken(error.to_string()))
}

/// How a TCP connection is made.
#[derive(Clone)]
enum Dial {
    Direct(HttpConnector),
    Socks(SocksV5<HttpConnector>),
    Tunnel(Tunnel<HttpsConnector<HttpConnector>>),
}

impl Dial {
    fn through(proxy: &Intercept, trust: &Arc<ClientConfig>) -> Self {
        let uri = proxy.uri();
        if matches!(uri.scheme_str(), Some("http" | "https")) {
            let connector = HttpsConnectorBuilder::new()
                .with_tls_config(ClientConfig::clone(trust))
                .https_or_http()
                .enable_http1()
                .wrap_connector(tcp());
            let tunnel = Tunnel::new(uri.clone(), connector);
            return Self::Tunnel(match proxy.basic_auth() {
                Some(auth) => tunnel.with_auth(auth.clone()),
                None => tunnel,
            });
        }
        // `socks5` resolves names here, `socks5h` at the proxy.
        let local_dns = uri.scheme_str() == Some("socks5");
        let socks = SocksV5::new(with_port(uri, 1080), tcp()).local_dns(local_dns);
        Self::Socks(match proxy.raw_auth() {
            Some((user, password)) => socks.with_auth(user.to_owned(), password.to_owned()),
            None => socks,
        })
    }
}

fn with_port(uri: &Uri, port: u16) -> Uri {
    if uri.port().is_some() {
        return uri.clone();
    }
    let mut parts = uri.clone().into_parts();
    parts.authority = format!("{}:{port}", uri.host().unwrap_or_default()).parse().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

impl Service<Uri> for Dial {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Direct(tcp) => tcp.poll_ready(cx).map_err(Into::into),
            Self::Socks(socks) => socks.poll_ready(cx).map_err(Into::into),
            Self::Tunnel(tunnel) => tunnel.poll_ready(cx).map_err(Into::into),
        }
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        match self {
            Self::Direct(tcp) => {
                let connecting = tcp.call(to);
                Box::pin(async move { Ok(connecting.await?.into()) })
            }
            Self::Socks(socks) => {
                let connecting = socks.call(to);
                Box::pin(async move { Ok(connecting.await?.into()) })
            }
            Self::Tunnel(tunnel) => {
                let connecting = tunnel.call(to);
                Box::pin(async move { Ok(connecting.await?) })
            }
        }
    }
}

/// Bounds how long connecting takes: names, TCP, proxies and TLS together.
#[derive(Clone)]
struct InTime {
    inner: HttpsConnector<Dial>,
    limit: Arc<AtomicU64>,
}

impl Service<Uri> for InTime {
    type Response = <HttpsConnector<Dial> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let limit = Duration::from_millis(self.limit.load(Ordering::Relaxed));
        let connecting = self.inner.call(to);
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        })
    }
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        error.source()
    })
}

/// The cause at the bottom, which is the one that tells something.
pub(crate) fn innermost(error: &(dyn StdError + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests;
