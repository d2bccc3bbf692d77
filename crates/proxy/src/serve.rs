//! The frame around every request: the gate, the router, a panic's end, and the headers of every answer.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use byok_types::{AppId, RequestId};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, UPGRADE, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body::{Frame, SizeHint};
use tower_service::Service as _;

use crate::patience::Link;
use crate::state::State;
use crate::{body, gate, problem, routes};

/// The id that an answer and its log line have in common.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Where an upstream's own id goes when it came under that name.
const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");

/// What is known of a request that has entered.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) id: RequestId,
    pub(crate) app: AppId,
    pub(crate) began: Instant,
}

/// Serves one request. Never fails: whatever happens has an answer.
pub(crate) async fn serve(
    state: &Arc<State>,
    router: &Router,
    link: &Arc<Link>,
    request: Request<hyper::body::Incoming>,
) -> Response<Tracked> {
    let running = Running::new(Arc::clone(state), Arc::clone(link));
    let began = Instant::now();
    let id = RequestId::new(state.names.next());
    let (mut parts, body) = request.into_parts();
    collapse_slashes(&mut parts);
    let config = state.config.load_full();

    let mut origin = None;
    let entered = match gate::admit(&parts, state.doorway, &config) {
        Ok(named) => {
            origin = named;
            enter(state, &config, &parts, origin.as_ref()).await
        }
        Err(fault) => Err(Entry::Refused(fault)),
    };
    let mut response = match entered {
        Ok(app) => {
            parts.extensions.insert(Visit { id: id.clone(), app, began });
            let asker = routes::asker(state, &parts);
            let call = router.clone().call(Request::from_parts(parts, Body::new(body)));
            AssertUnwindSafe(call).catch_unwind().await.map_or_else(
                |_panic| {
                    // The panic's text may hold what must not be logged.
                    tracing::error!(request = %id, "a handler panicked");
                    problem::response(asker, &problem::internal())
                },
                |Ok(response)| response,
            )
        }
        Err(Entry::Preflight) => permit(&parts.headers),
        Err(Entry::Refused(fault)) => {
            tracing::debug!(request = %id, status = fault.status, reason = %fault.message, "refused");
            body::discard(state, &parts.headers, Body::new(body));
            let mut response = problem::response(routes::asker(state, &parts), &fault);
            if fault.status == 426 {
                response.headers_mut().insert(UPGRADE, HeaderValue::from_static("HTTP/1.1"));
            }
            response
        }
    };
    finish(response.headers_mut(), &id, origin);
    response.map(|body| Tracked { body, _running: running })
}

/// Why a request does not reach the router.
enum Entry {
    Preflight,
    Refused(Box<byok_types::Fault>),
}

/// What the gate asks of a request that comes from where requests may come from.
async fn enter(
    state: &State,
    config: &Arc<byok_config::Config>,
    parts: &Parts,
    origin: Option<&HeaderValue>,
) -> Result<AppId, Entry> {
    if origin.is_some() && gate::is_preflight(parts) {
        return Err(Entry::Preflight);
    }
    let app = state.keys.caller(config, state.doorway, parts).await.map_err(Entry::Refused)?;
    gate::check_form(parts).map_err(Entry::Refused)?;
    Ok(app)
}

/// A base URL with a slash at its end makes `//v1/…`.
fn collapse_slashes(parts: &mut Parts) {
    let Some(target) = parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str) else { return };
    if !target.starts_with("//") {
        return;
    }
    let collapsed = format!("/{}", target.trim_start_matches('/'));
    if let Ok(uri) = collapsed.parse::<Uri>() {
        parts.uri = uri;
    }
}

/// The answer to a preflight of an allowed origin.
fn permit(asked: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE"),
    );
    if let Some(names) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// The headers of every answer.
fn finish(headers: &mut HeaderMap, id: &RequestId, origin: Option<HeaderValue>) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(id.as_str())
        && let Some(upstreams) = headers.insert(REQUEST_ID, id)
    {
        headers.insert(UPSTREAM_REQUEST_ID, upstreams);
    }
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
}

/// What a page may read of an answer's headers.
const EXPOSED: &str = "x-request-id, request-id, retry-after, x-byok-provider, x-byok-account, x-byok-model, \
                       x-byok-attempts, x-byok-dropped, x-byok-estimate";

/// A request counts as running until this is dropped.
struct Running {
    state: Arc<State>,
    link: Arc<Link>,
}

impl Running {
    fn new(state: Arc<State>, link: Arc<Link>) -> Self {
        link.begin();
        state.metrics.begin();
        Self { state, link }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.state.metrics.end();
        self.link.end();
    }
}

/// The body of every answer; the request runs until it is gone.
pub(crate) struct Tracked {
    body: Body,
    _running: Running,
}

impl http_body::Body for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether a method may be answered without looking at a key: nothing is behind these two.
pub(crate) fn is_open(parts: &Parts) -> bool {
    matches!(parts.method, Method::GET | Method::HEAD) && matches!(parts.uri.path(), "/" | "/healthz")
}
