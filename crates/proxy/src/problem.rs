//! Faults as answers: the asker's own format, the status that its clients understand, and `retry-after`.

use axum::body::Body;
use axum::response::Response;
use byok_types::{Blame, Code, Fault};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use crate::routes::Asker;

/// The answer that tells `asker` of `fault`.
pub(crate) fn response(asker: Asker, fault: &Fault) -> Response {
    let format = byok_translate::dialect(asker.dialect);
    let mut body = format.write_fault(fault);
    if asker.json_array {
        // A Gemini client that streams without `alt=sse` reads one array, also of errors.
        body.insert(0, b'[');
        body.push(b']');
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(format.fault_status(fault)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(wait) = fault.retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// byok itself failed.
pub(crate) fn internal() -> Fault {
    Fault::new(500, Blame::Byok, "byok failed while it served this request; the log has the request's id")
        .with_code(Code::ProxyError)
}
