//! The one thread that owns the database.
//!
//! SQLite blocks, and async threads must not. So every use of the database is a job for this thread; the
//! number of jobs that wait is bounded, and a caller beyond that waits without blocking. A job that was
//! handed over runs to its end even when its caller is gone, and one that panics ends only itself.
//!
//! Usage rows come by another way: they are put down without waiting and written together, a moment later.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::OpenOptions;
use crate::database::Database;
use crate::error::{Error, Failure};
use crate::protection::Shown;
use crate::usage::Pending;

/// How many jobs may wait.
const JOBS: usize = 64;
/// How long usage rows wait for company.
const GATHER: Duration = Duration::from_millis(250);
/// How long to wait after usage rows could not be written.
const RETRY: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce(&mut Database) + Send>;

enum Message {
    Job(Job, OwnedSemaphorePermit),
    UsageWaits,
    Close(oneshot::Sender<()>),
}

/// The way to the thread. The thread ends when the last way to it is dropped.
pub(crate) struct Worker {
    messages: mpsc::Sender<Message>,
    permits: Arc<Semaphore>,
    pending: Arc<Pending>,
}

impl Worker {
    /// Starts the thread, which opens the database first.
    pub(crate) async fn start(options: OpenOptions) -> Result<(Self, Arc<Shown>), Error> {
        let (messages, inbox) = mpsc::channel();
        let (opened, outcome) = oneshot::channel();
        let pending = Arc::new(Pending::default());
        let theirs = Arc::clone(&pending);
        thread::Builder::new()
            .name("byok-store".to_owned())
            .spawn(move || {
                let database = catch_unwind(AssertUnwindSafe(|| Database::open(options)));
                match database {
                    Ok(Ok(database)) => {
                        if opened.send(Ok(database.keys.shown())).is_ok() {
                            run(database, &inbox, &theirs);
                        }
                    }
                    Ok(Err(error)) => drop(opened.send(Err(error))),
                    Err(_panic) => drop(opened.send(Err(Error::Panicked))),
                }
            })
            .map_err(Error::Thread)?;
        let shown = outcome.await.unwrap_or(Err(Error::Panicked))?;
        let worker = Self { messages, permits: Arc::new(Semaphore::new(JOBS)), pending };
        Ok((worker, shown))
    }

    /// Runs a job on the thread and waits for what it gives.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Database) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_closed| Error::Closed)?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |database| {
            let outcome = job(database).map_err(|failure| failure.at(&database.path));
            // The caller may be gone; the job is done all the same.
            let _ = answer.send(outcome);
        });
        self.messages.send(Message::Job(job, permit)).map_err(|_closed| Error::Closed)?;
        // No answer without a word: the job panicked, or the store was closed before it ran.
        answered.await.unwrap_or_else(|_dropped| {
            Err(if self.permits.is_closed() { Error::Closed } else { Error::Panicked })
        })
    }

    /// Where usage rows are put down; wakes the thread when the first one comes.
    pub(crate) fn record(&self, row: crate::Usage) {
        if self.pending.push(row) {
            // Closed: the rows have nowhere to go any more.
            let _ = self.messages.send(Message::UsageWaits);
        }
    }

    pub(crate) fn pending(&self) -> Arc<Pending> {
        Arc::clone(&self.pending)
    }

    /// Ends the thread after the jobs before this one, with everything written and the file closed.
    pub(crate) async fn close(&self) {
        self.permits.close();
        let (done, closed) = oneshot::channel();
        if self.messages.send(Message::Close(done)).is_ok() {
            // An error means that the thread ended already.
            let _ = closed.await;
        }
    }
}

fn run(mut database: Database, inbox: &mpsc::Receiver<Message>, pending: &Pending) {
    let mut flush_at: Option<Instant> = None;
    let mut closing = None;
    loop {
        let message = match flush_at {
            None => inbox.recv().map_err(|_gone| mpsc::RecvTimeoutError::Disconnected),
            Some(at) => inbox.recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        match message {
            Ok(Message::Job(job, permit)) => {
                let outcome = catch_unwind(AssertUnwindSafe(|| job(&mut database)));
                drop(permit);
                if outcome.is_err() {
                    tracing::error!("a job of the store panicked");
                }
            }
            Ok(Message::UsageWaits) => {
                flush_at.get_or_insert_with(|| Instant::now() + GATHER);
            }
            Ok(Message::Close(done)) => {
                closing = Some(done);
                break;
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
        if flush_at.is_some_and(|at| at <= Instant::now()) {
            flush_at = match pending.flush(&mut database) {
                Ok(()) => None,
                Err(error) => {
                    tracing::warn!(%error, "usage could not be written yet");
                    Some(Instant::now() + RETRY)
                }
            };
        }
    }
    if let Err(error) = pending.flush(&mut database) {
        tracing::warn!(%error, "the last usage rows are lost");
    }
    // Closing the last connection empties the log into the database.
    drop(database);
    if let Some(done) = closing {
        let _ = done.send(());
    }
}
