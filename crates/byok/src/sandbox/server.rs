//! The echo upstream's sockets: accept, read a bounded body, respond.

use std::convert::Infallible;
use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::respond::{respond, unreadable};

/// The largest body that is read, in bytes.
const BODY: usize = 64 * 1024 * 1024;
/// How long to wait after a failed accept; the reason (no descriptors, say) may pass.
const BACKOFF: Duration = Duration::from_millis(50);

/// Serves until `stop`.
pub(super) async fn serve(listener: TcpListener, tasks: TaskTracker, stop: CancellationToken) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(BACKOFF).await;
            continue;
        };
        // Events are small and must go out one by one.
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service_fn(answer));
        let stop = stop.clone();
        tasks.spawn(async move {
            // What a caller does with its connection is its own business.
            let _ = stop.run_until_cancelled(connection).await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<http::Response<super::respond::EchoBody>, Infallible> {
    let (head, body) = request.into_parts();
    Ok(match Limited::new(body, BODY).collect().await {
        Ok(body) => respond(&Request::from_parts(head, body.to_bytes())),
        Err(error) => unreadable(error.is::<LengthLimitError>()),
    })
}
