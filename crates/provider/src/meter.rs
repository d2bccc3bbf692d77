//! What an answer came to: a cell that the answer's body fills in and whoever keeps the books reads.
//!
//! An answer ends once: complete, failed, or because the client went away. What was to be done at the end is
//! done then, on whatever thread that is, so it has to be short.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use byok_translate::fit::Dropped;
use byok_types::chat::Usage;
use byok_types::{AccountId, Fault, ModelId, ProviderId};
use tokio::time::Instant;

/// Who served a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The provider.
    pub provider: ProviderId,
    /// The account whose credential was used last; `None` before the first was tried.
    pub account: Option<AccountId>,
    /// The model, as the provider names it; `None` in a call that names none.
    pub model: Option<ModelId>,
    /// How many times the upstream was called.
    pub attempts: u32,
    /// What the upstream did not get as the client gave it.
    pub dropped: Vec<Dropped>,
}

/// How an answer ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The client went away before the end.
    ClientGone,
    /// It came to its end.
    Completed,
    /// The upstream failed, before or during the answer.
    Failed(Box<Fault>),
    /// It is still under way.
    Running,
}

/// What is known about an answer so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Who serves it.
    pub served: Option<Served>,
    /// What it has cost.
    pub usage: Usage,
    /// How it ended.
    pub outcome: Outcome,
    /// From the call to the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// From the call to the end.
    pub total: Option<Duration>,
}

/// The cell. Clones share it.
#[derive(Clone)]
pub struct Meter(Arc<Cell>);

struct Cell {
    started: Instant,
    state: Mutex<State>,
}

struct State {
    reading: Reading,
    at_end: Vec<AtEnd>,
}

type AtEnd = Box<dyn FnOnce(&Reading) + Send>;

impl Meter {
    /// The meter of a call that starts now.
    pub(crate) fn start() -> Self {
        let reading = Reading {
            served: None,
            usage: Usage::default(),
            outcome: Outcome::Running,
            first_byte: None,
            total: None,
        };
        Self(Arc::new(Cell {
            started: Instant::now(),
            state: Mutex::new(State { reading, at_end: Vec::new() }),
        }))
    }

    /// What is known now.
    pub fn read(&self) -> Reading {
        self.state().reading.clone()
    }

    /// Runs `then` when the answer has ended; at once if it has already.
    pub fn at_end(&self, then: impl FnOnce(&Reading) + Send + 'static) {
        let mut state = self.state();
        if state.reading.outcome == Outcome::Running {
            state.at_end.push(Box::new(then));
        } else {
            let reading = state.reading.clone();
            drop(state);
            then(&reading);
        }
    }

    pub(crate) fn served(&self, served: &Served) {
        self.state().reading.served = Some(served.clone());
    }

    pub(crate) fn first_byte(&self) {
        let elapsed = self.0.started.elapsed();
        self.state().reading.first_byte.get_or_insert(elapsed);
    }

    /// What has been used so far counts, however the answer ends.
    pub(crate) fn spent(&self, usage: &Usage) {
        self.state().reading.usage.update(usage);
    }

    /// The answer has ended. Only the first end counts.
    pub(crate) fn end(&self, outcome: Outcome, usage: &Usage) {
        let total = self.0.started.elapsed();
        let mut state = self.state();
        if state.reading.outcome != Outcome::Running {
            return;
        }
        state.reading.usage.update(usage);
        state.reading.outcome = outcome;
        state.reading.total = Some(total);
        let at_end = std::mem::take(&mut state.at_end);
        let reading = state.reading.clone();
        drop(state);
        for then in at_end {
            then(&reading);
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meter").field(&self.read()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn an_answer_ends_once() {
        let ends = Arc::new(AtomicU32::new(0));
        let count = |ends: &Arc<AtomicU32>| {
            let ends = Arc::clone(ends);
            move |reading: &Reading| {
                assert_eq!(reading.outcome, Outcome::Completed);
                ends.fetch_add(1, Ordering::Relaxed);
            }
        };
        let meter = Meter::start();
        meter.at_end(count(&ends));
        meter.end(Outcome::Completed, &Usage { output: Some(3), ..Usage::default() });
        meter.end(Outcome::ClientGone, &Usage::default());
        meter.at_end(count(&ends));
        assert_eq!(ends.load(Ordering::Relaxed), 2);
        assert_eq!(meter.read().usage.output, Some(3));
    }
}
