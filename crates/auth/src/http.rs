//! How this crate reaches a vendor: through a client that is handed in.
//!
//! Login engines build requests and read answers; they open no connection. Whoever puts byok together hands
//! in its one HTTP client, which follows no redirect, keeps to its time limits and honours the person's
//! proxy, so that logins go out the same way as calls do.

use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};

/// A call under way.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

/// Sends requests to a vendor's login addresses.
pub trait Http: Send + Sync {
    /// Sends a request and reads its whole answer, whatever its status. An answer is at most 1 MiB and
    /// comes within 15 seconds; otherwise that is an error.
    fn call(&self, request: Request<Bytes>) -> Answering<'_>;
}

/// No answer came. Such a failure is never a reason to give up a login.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HttpError(pub String);
