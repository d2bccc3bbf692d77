//! Sees a request to its end, however it ends, and then writes one usage row and one log line.
//!
//! An [`Entry`] goes with the request: first with the handler, then with the body. When it is dropped, the
//! request is over: answered, refused, or left by its client. Neither the row nor the line holds anything
//! of a prompt, an answer, a header or a query.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use byok_provider::{AnswerBody, Meter, Outcome, Served};
use byok_store::Usage as Row;
use byok_types::chat::Usage;
use byok_types::{AccountId, AccountKey, Dialect, ModelId};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::metrics::Ended;
use crate::serve::Visit;
use crate::state::State;

/// What is logged when a client left before there was an answer.
const CLIENT_LEFT: u16 = 499;

/// One request on its way through byok.
pub(crate) struct Entry {
    state: Arc<State>,
    visit: Visit,
    /// `None`: a provider's own API.
    dialect: Option<Dialect>,
    /// The model as the client named it.
    model: String,
    at: SystemTime,
    status: u16,
    first_byte: Option<Duration>,
    served: Option<Served>,
    meter: Option<Meter>,
}

impl Entry {
    /// The entry of a request that has just been understood.
    pub(crate) fn new(state: &Arc<State>, visit: Visit, dialect: Option<Dialect>) -> Self {
        Self {
            state: Arc::clone(state),
            at: SystemTime::now().checked_sub(visit.began.elapsed()).unwrap_or(SystemTime::UNIX_EPOCH),
            visit,
            dialect,
            model: String::new(),
            status: CLIENT_LEFT,
            first_byte: None,
            served: None,
            meter: None,
        }
    }

    /// The model that the client asks for.
    pub(crate) fn asks_for(&mut self, model: &str) {
        model.clone_into(&mut self.model);
    }

    /// It ends with this status, before or without an upstream's answer.
    pub(crate) fn fails(&mut self, status: u16, served: Option<Served>) {
        self.status = status;
        self.served = served;
    }

    /// An upstream answers it.
    pub(crate) fn is_served(&mut self, status: u16, served: Served, meter: Meter) {
        self.status = status;
        self.served = Some(served);
        self.meter = Some(meter);
    }

    /// The first byte of the answer goes out now.
    pub(crate) fn speaks(&mut self) {
        if self.first_byte.is_none() {
            self.first_byte = Some(self.visit.began.elapsed());
        }
    }

    /// The body that carries this entry to its end.
    pub(crate) fn body(self, answer: AnswerBody) -> Body {
        Body::new(Metered { answer, entry: self })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let reading = self.meter.as_ref().map(Meter::read);
        let (usage, outcome) = match reading {
            Some(reading) => {
                // An answer that began early did not know yet who would serve it.
                self.served = reading.served.or(self.served.take());
                (reading.usage, reading.outcome)
            }
            None => (Usage::default(), Outcome::Completed),
        };
        let (status, end) = match &outcome {
            // A stream that broke off began with a 200; what it came to counts.
            Outcome::Failed(fault) => (self.status.max(fault.status), "failed"),
            Outcome::ClientGone => (self.status, "left by the client"),
            Outcome::Running if self.status < 400 => (self.status, "left by the client"),
            Outcome::Running | Outcome::Completed if self.status == CLIENT_LEFT => {
                (self.status, "left by the client")
            }
            Outcome::Running | Outcome::Completed if self.status >= 400 => (self.status, "failed"),
            Outcome::Running | Outcome::Completed => (self.status, "complete"),
        };
        let done = Done { status, end, usage, total: self.visit.began.elapsed() };
        self.state.metrics.ended(&Ended {
            dialect: self.dialect,
            provider: self.served.as_ref().map(|served| &served.provider),
            status,
            usage: &done.usage,
            first_byte: self.first_byte,
        });
        self.log(&done);
        if let Some(row) = self.row(&done) {
            self.state.store.record(row);
        }
    }
}

/// What a request came to.
struct Done {
    status: u16,
    end: &'static str,
    usage: Usage,
    total: Duration,
}

impl Entry {
    fn log(&self, done: &Done) {
        let served = self.served.as_ref();
        let account = served.and_then(|served| served.account.as_ref());
        let model = served.and_then(|served| served.model.as_ref());
        tracing::info!(
            request = %self.visit.id,
            app = %self.visit.app,
            dialect = self.dialect.map_or("native", Dialect::name),
            provider = served.map(|served| served.provider.as_str()),
            account = account.map(AccountId::as_str),
            model = model.map_or(self.model.as_str(), ModelId::as_str),
            status = done.status,
            input = done.usage.input,
            output = done.usage.output,
            first_byte_ms = self.first_byte.map(in_ms),
            total_ms = in_ms(done.total),
            attempts = served.map_or(0, |served| served.attempts),
            "{}", done.end
        );
    }

    /// Usage is kept of what an account was asked for; a request that reached none has no row.
    fn row(&self, done: &Done) -> Option<Row> {
        let served = self.served.as_ref()?;
        let account = served.account.clone()?;
        let cached = done.usage.cache_read.unwrap_or(0);
        Some(Row {
            at: self.at,
            app: self.visit.app.clone(),
            account: AccountKey::new(served.provider.clone(), account),
            model: served.model.clone().unwrap_or_else(|| ModelId::from("")),
            status: done.status,
            input_tokens: done.usage.input.unwrap_or(0).saturating_sub(cached),
            output_tokens: done.usage.output.unwrap_or(0),
            cached_tokens: cached,
            reasoning_tokens: done.usage.reasoning.unwrap_or(0),
            first_byte: self.first_byte,
            total: done.total,
        })
    }
}

fn in_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// An upstream's answer with its entry. The order of the fields matters: the answer goes first, so that it
/// has told the meter everything by the time the entry is written.
struct Metered {
    answer: AnswerBody,
    entry: Entry,
}

impl http_body::Body for Metered {
    type Data = Bytes;
    type Error = <AnswerBody as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.answer).poll_frame(cx));
        if matches!(frame, Some(Ok(_))) {
            this.entry.speaks();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.answer.size_hint()
    }
}
