//! How long a client is waited for, and the connection that gives up on it.
//!
//! hyper has one timer for the head of a request, which also runs while a kept connection is idle. The two
//! want different lengths: a head that dribbles in must not take long, while a client's pooled connection
//! should outlive the client's own patience, or a request is lost in the moment of closing. So the waiting
//! is timed here, under hyper, and hyper's own timer is off.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long a client is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the head of a request, from its first byte on.
    pub head: Duration,
    /// For a connection on which nothing is being asked.
    pub idle: Duration,
    /// Between two pieces of a request's body.
    pub body: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            // Longer than the pools of the usual clients (5 to 90 seconds).
            idle: Duration::from_secs(120),
            body: Duration::from_secs(30),
        }
    }
}

/// What a connection and the requests on it know of each other.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// How many requests have begun here, and how many of their answers have ended.
    begun: AtomicUsize,
    ended: AtomicUsize,
}

impl Link {
    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn end(&self) {
        self.ended.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether a request is being served.
    pub(crate) fn is_busy(&self) -> bool {
        self.ended.load(Ordering::Acquire) != self.begun.load(Ordering::Acquire)
    }
}

/// What the connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    /// The answer, which has timers of its own.
    Answer,
    /// The rest of a head.
    Head,
    /// A request.
    Request,
}

/// A connection that ends when its client takes too long to ask.
pub(crate) struct Patient<T> {
    inner: T,
    link: Arc<Link>,
    patience: Patience,
    waiting: Waiting,
    /// How many requests had begun when this was last looked at.
    begun: usize,
    alarm: Pin<Box<Sleep>>,
}

impl<T> Patient<T> {
    pub(crate) fn new(inner: T, link: Arc<Link>, patience: Patience) -> Self {
        let alarm = Box::pin(tokio::time::sleep(patience.idle));
        Self { inner, link, patience, waiting: Waiting::Request, begun: 0, alarm }
    }

    fn wait(&mut self, what: Waiting, how_long: Duration) {
        self.waiting = what;
        self.alarm.as_mut().reset(Instant::now() + how_long);
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.inner).poll_read(cx, buffer);
        let busy = this.link.is_busy();
        let begun = this.link.begun.load(Ordering::Acquire);
        if begun != this.begun {
            // The head has come to its end, perhaps the answer too.
            this.begun = begun;
            this.waiting = Waiting::Answer;
        }
        if read.is_ready() {
            if !busy && this.waiting != Waiting::Head && buffer.filled().len() > before {
                this.wait(Waiting::Head, this.patience.head);
            }
            return read;
        }
        if busy {
            return Poll::Pending;
        }
        if this.waiting == Waiting::Answer {
            this.wait(Waiting::Request, this.patience.idle);
        }
        ready!(this.alarm.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
