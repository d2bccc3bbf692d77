//! A vendor that gives one answer to everything, for tests of what becomes of answers. Vendors that look at
//! what they are asked are in the tests of `byok-provider`, beside the flows.

use bytes::Bytes;
use http::{Request, Response};

use crate::http::{Answering, Http, HttpError};

/// The vendor.
pub(crate) struct Canned(Option<(u16, String)>);

impl Canned {
    pub(crate) fn answers(status: u16, body: &str) -> Self {
        Self(Some((status, body.to_owned())))
    }

    /// Nobody is there.
    pub(crate) fn silent() -> Self {
        Self(None)
    }
}

impl Http for Canned {
    fn call(&self, _request: Request<Bytes>) -> Answering<'_> {
        Box::pin(async move {
            let Some((status, body)) = &self.0 else {
                return Err(HttpError("cannot connect to vendor.test".to_owned()));
            };
            Ok(Response::builder().status(*status).body(Bytes::from(body.clone())).unwrap())
        })
    }
}
