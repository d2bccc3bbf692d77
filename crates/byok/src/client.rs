//! The smallest HTTP client: one request over one socket to a server on this machine.
//!
//! For asking whether byok runs, and for the demo, which has to see when each byte arrives. Upstreams are
//! called by byok-provider and by nothing here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

/// The largest answer that is read whole, in bytes.
const ANSWER: usize = 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("no connection: {0}")]
    Connect(#[source] std::io::Error),
    #[error("{0}")]
    Http(#[source] hyper::Error),
    #[error("the request cannot be made: {0}")]
    Request(#[from] http::Error),
    #[error("the answer broke off: {0}")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An answer that was read whole.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// `GET path`, read whole.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<Whole, ClientError> {
    let request = Request::get(path).header(header::HOST, spoken(address)).body(Full::default())?;
    let answer = Answer::to(address, request).await?;
    let status = answer.status;
    let body = Limited::new(answer.body, ANSWER).collect().await.map_err(ClientError::Body)?;
    Ok(Whole { status, body: body.to_bytes() })
}

/// An answer whose body is still to come.
#[derive(Debug)]
pub(crate) struct Answer {
    /// When the request was begun.
    pub(crate) began: Instant,
    /// How long the connection took.
    pub(crate) connected: Duration,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    _connection: Connection,
}

/// The task that moves the bytes; it ends with the answer.
#[derive(Debug)]
struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Answer {
    /// Sends the request over a new connection.
    pub(crate) async fn to(address: SocketAddr, request: Request<Full<Bytes>>) -> Result<Self, ClientError> {
        let began = Instant::now();
        let stream = TcpStream::connect(address).await.map_err(ClientError::Connect)?;
        let _ = stream.set_nodelay(true);
        let connected = began.elapsed();
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::Http)?;
        let task = tokio::spawn(async move {
            // What ends the connection shows in the answer.
            let _ = connection.await;
        });
        let connection = Connection(task.abort_handle());
        let response = sender.send_request(request).await.map_err(ClientError::Http)?;
        let (head, body) = response.into_parts();
        Ok(Self {
            began,
            connected,
            status: head.status,
            headers: head.headers,
            body,
            _connection: connection,
        })
    }

    /// The next piece of the body; `None` at its proper end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| ClientError::Body(error.into()))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

/// Where a server that listens on `host` can be reached from this machine.
pub(crate) fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        host => host,
    }
}

/// The address as a person writes it.
pub(crate) fn spoken(address: SocketAddr) -> String {
    let host = reachable(address.ip());
    if host.is_loopback() {
        format!("localhost:{}", address.port())
    } else {
        SocketAddr::new(host, address.port()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_spoken_as_localhost() {
        for address in ["127.0.0.1:8018", "[::1]:8018", "0.0.0.0:8018"] {
            assert_eq!(spoken(address.parse().unwrap()), "localhost:8018");
        }
        assert_eq!(spoken("10.0.0.5:80".parse().unwrap()), "10.0.0.5:80");
    }
}
