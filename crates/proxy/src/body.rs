//! Reads what clients send, bounded in size and in silence; and reads past what nobody wants.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use byok_types::{Blame, Code, Fault};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body::Body as _;

use crate::state::State;

/// The most that is set aside for a body because its client says that it will be large.
const MAX_FORESEEN: usize = 1024 * 1024;
/// How long a stalled upload may hold up the end of the server.
const STALL_AT_END: Duration = Duration::from_secs(1);
/// How long and how far is read past a body that nobody wants.
const DISCARD_TIME: Duration = Duration::from_secs(10);
const DISCARD_BYTES: u64 = 512 * 1024 * 1024;

/// Reads a whole body of at most `limit` bytes. Too large is 413 (at once, where the client announced the
/// size), too slow 408, cut off 400.
pub(crate) async fn read(
    state: &Arc<State>,
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
) -> Result<Bytes, Box<Fault>> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|announced| announced > limit as u64) {
        discard(state, headers, body);
        return Err(too_large(limit));
    }
    let mut whole = Whole::Nothing;
    while let Some(piece) = next(state, &mut body).await? {
        if whole.len() + piece.len() > limit {
            discard(state, headers, body);
            return Err(too_large(limit));
        }
        let foreseen = announced.and_then(|announced| usize::try_from(announced).ok()).unwrap_or(0);
        whole = whole.and(piece, foreseen.min(MAX_FORESEEN));
    }
    Ok(whole.into_bytes())
}

/// The pieces so far. Most bodies come in one, which is then not copied.
enum Whole {
    Nothing,
    One(Bytes),
    Many(BytesMut),
}

impl Whole {
    fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::One(bytes) => bytes.len(),
            Self::Many(bytes) => bytes.len(),
        }
    }

    fn and(self, piece: Bytes, foreseen: usize) -> Self {
        let mut bytes = match self {
            Self::Nothing => return Self::One(piece),
            Self::One(first) => {
                let mut bytes = BytesMut::with_capacity(foreseen.max(first.len() + piece.len()));
                bytes.extend_from_slice(&first);
                bytes
            }
            Self::Many(bytes) => bytes,
        };
        bytes.extend_from_slice(&piece);
        Self::Many(bytes)
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::One(bytes) => bytes,
            Self::Many(bytes) => bytes.freeze(),
        }
    }
}

/// The next piece of a body.
async fn next(state: &State, body: &mut Body) -> Result<Option<Bytes>, Box<Fault>> {
    let at_end = async {
        state.stopping.cancelled().await;
        tokio::time::sleep(STALL_AT_END).await;
    };
    let piece = tokio::select! {
        biased;
        piece = tokio::time::timeout(state.patience.body, piece(body)) => piece,
        () = at_end => {
            let fault = Fault::new(503, Blame::Byok, "byok is stopping").with_code(Code::ProxyError);
            return Err(Box::new(fault));
        }
    };
    match piece {
        Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
        Ok(Some(Err(_broken))) => {
            Err(Box::new(Fault::new(400, Blame::Client, "the request's body broke off")))
        }
        Ok(None) => Ok(None),
        Err(_elapsed) => {
            Err(Box::new(Fault::new(408, Blame::Client, "the request's body did not come to its end")))
        }
    }
}

/// The next piece of data, past anything else that a body may hold.
async fn piece(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut *body).poll_frame(cx)).await?;
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) => return Some(Ok(data)),
            Ok(Err(_trailers)) => {}
            Err(error) => return Some(Err(error)),
        }
    }
}

fn too_large(limit: usize) -> Box<Fault> {
    let message = format!(
        "the request's body is larger than {limit} bytes; `limits.body_bytes` in the config sets how large it may be"
    );
    Box::new(Fault::new(413, Blame::Client, message))
}

/// Lets a body run into nothing, beside the answer. A connection that is closed with unread bytes is reset,
/// and a client that is still sending would then lose the answer that tells it why.
pub(crate) fn discard(state: &Arc<State>, headers: &HeaderMap, mut body: Body) {
    // Whoever asked first whether to send has not sent anything.
    if body.is_end_stream() || headers.contains_key(EXPECT) {
        return;
    }
    let stopping = state.stopping.clone();
    state.tasks.spawn(async move {
        let mut left = DISCARD_BYTES;
        let run = async {
            while let Some(Ok(data)) = piece(&mut body).await {
                left = left.saturating_sub(data.len() as u64);
                if left == 0 {
                    break;
                }
            }
        };
        tokio::select! {
            () = run => {}
            () = tokio::time::sleep(DISCARD_TIME) => {}
            () = stopping.cancelled() => {}
        }
    });
}
