//! The body of an answer: what the client reads is what moves the upstream.
//!
//! There is no task and no channel here. The body owns the upstream's answer, so dropping it cancels the
//! call, and it asks the upstream for more only when the client asks it, so a slow reader slows the upstream.
//! One frame of the upstream becomes one frame of the client.
//!
//! A stream ends in one of three ways: properly, with an error in the client's own format followed by an
//! unclean end, or because the client went away. Never cleanly after a cut.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use byok_translate::EventWriter;
use byok_translate::pipe::{PipeState, StreamPipe};
use byok_translate::tap::Tap;
use byok_types::chat::{Event, Usage};
use byok_types::{Blame, Code, Fault};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::edge::FrameEdge;
use crate::mask::Mask;
use crate::memory::Scope;
use crate::meter::{Meter, Outcome};

/// How long the client has to take the in-band error before the connection is torn down, and how long a
/// finished upstream may take to close its stream so that the connection can be used again.
const LINGER: Duration = Duration::from_millis(50);

/// How long an upstream and a client may be left without a sign of life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// How long the upstream may be silent before it is given up.
    pub(crate) idle: Duration,
    /// How long the client may hear nothing; `None` for as long as it takes.
    pub(crate) keepalive: Option<Duration>,
}

/// What the client reads.
pub struct AnswerBody {
    stage: Stage,
    clocks: Clocks,
    meter: Meter,
}

/// The answer broke off. The client has been told in its own format, where that has a way to.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the answer broke off: {0}")]
pub struct BrokenOff(Box<Fault>);

enum Stage {
    /// The in-band error is out; the unclean end comes when the client had time to read it.
    Breaking {
        fault: Box<Fault>,
        at: Pin<Box<Sleep>>,
    },
    /// The client has everything; the upstream may end its stream in peace.
    Draining {
        upstream: Incoming,
        until: Pin<Box<Sleep>>,
    },
    Ended,
    Passing(Box<Passing>),
    Piped(Box<Piped>),
    Waiting(Box<Waiting>),
    Whole(Bytes),
}

/// An answer whose bytes are the client's already.
pub(crate) struct Passing {
    pub(crate) upstream: Incoming,
    /// What reads the usage; `None` where the answer is of no known format.
    pub(crate) tap: Option<Tap>,
    /// What speaks to the client in its own format; `None` where nothing may be put between the bytes.
    pub(crate) voice: Option<Box<dyn EventWriter>>,
    pub(crate) edge: FrameEdge,
    /// How many bytes may still come.
    pub(crate) room: u64,
    pub(crate) mask: Mask,
}

/// An answer that is translated as it comes.
pub(crate) struct Piped {
    /// What was read of it to see what it is.
    pub(crate) first: Option<Bytes>,
    pub(crate) upstream: Incoming,
    pub(crate) pipe: StreamPipe,
    pub(crate) mask: Mask,
    pub(crate) memory: Scope,
}

/// A stream whose upstream has not answered yet; the client is kept informed meanwhile.
pub(crate) struct Waiting {
    pub(crate) arriving: Pin<Box<dyn Future<Output = Result<AnswerBody, Box<Fault>>> + Send>>,
    pub(crate) voice: Box<dyn EventWriter>,
    /// Whether the client has heard something yet. It has waited long enough when this begins.
    pub(crate) greeted: bool,
}

/// What a poll of a stage leads to.
enum Step {
    /// Bytes for the client; there is more.
    Data(Bytes),
    /// Bytes for the client, then the proper end.
    Last(Bytes),
    /// Bytes for the client, then the unclean end.
    Broken(Vec<u8>, Box<Fault>),
    /// Another stage takes over.
    Next(Stage, Clocks),
}

impl AnswerBody {
    fn new(stage: Stage, patience: Patience, meter: Meter) -> Self {
        Self { stage, clocks: Clocks::new(patience), meter }
    }

    /// A body that is there already. The meter is told the end by whoever knows it.
    pub(crate) fn whole(bytes: Bytes, meter: Meter) -> Self {
        // Nothing is waited for.
        let patience = Patience { idle: Duration::MAX, keepalive: None };
        Self::new(Stage::Whole(bytes), patience, meter)
    }

    pub(crate) fn passing(passing: Passing, patience: Patience, meter: Meter) -> Self {
        Self::new(Stage::Passing(Box::new(passing)), patience, meter)
    }

    pub(crate) fn piped(piped: Piped, patience: Patience, meter: Meter) -> Self {
        Self::new(Stage::Piped(Box::new(piped)), patience, meter)
    }

    pub(crate) fn waiting(waiting: Waiting, patience: Patience, meter: Meter) -> Self {
        Self::new(Stage::Waiting(Box::new(waiting)), patience, meter)
    }

    /// What the answer has cost so far.
    fn usage(&self) -> Usage {
        match &self.stage {
            Stage::Passing(passing) => passing.tap.as_ref().map(|tap| *tap.usage()).unwrap_or_default(),
            Stage::Piped(piped) => *piped.pipe.usage(),
            _ => Usage::default(),
        }
    }

    fn end(&mut self, outcome: Outcome) {
        self.meter.end(outcome, &self.usage());
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = &mut *self;
        loop {
            let step = match &mut this.stage {
                Stage::Ended => return Poll::Ready(None),
                Stage::Whole(bytes) => {
                    let bytes = std::mem::take(bytes);
                    this.stage = Stage::Ended;
                    if bytes.is_empty() {
                        return Poll::Ready(None);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Stage::Breaking { fault, at } => {
                    ready!(at.as_mut().poll(cx));
                    let broken = BrokenOff(fault.clone());
                    this.stage = Stage::Ended;
                    return Poll::Ready(Some(Err(broken)));
                }
                Stage::Draining { upstream, until } => {
                    let ended = match Pin::new(upstream).poll_frame(cx) {
                        Poll::Ready(Some(Ok(_))) => continue,
                        Poll::Ready(None | Some(Err(_))) => Poll::Ready(()),
                        Poll::Pending => until.as_mut().poll(cx),
                    };
                    ready!(ended);
                    this.stage = Stage::Ended;
                    return Poll::Ready(None);
                }
                Stage::Waiting(waiting) => ready!(waiting.poll(&mut this.clocks, cx)),
                Stage::Passing(passing) => ready!(passing.poll(&mut this.clocks, &this.meter, cx)),
                Stage::Piped(piped) => ready!(piped.poll(&mut this.clocks, &this.meter, cx)),
            };
            match step {
                Step::Data(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Step::Next(stage, clocks) => {
                    this.stage = stage;
                    this.clocks = clocks;
                }
                Step::Last(bytes) => {
                    this.end(Outcome::Completed);
                    this.stage = match std::mem::replace(&mut this.stage, Stage::Ended) {
                        Stage::Piped(piped) if !piped.pipe.is_cut_short() => Stage::Draining {
                            upstream: piped.upstream,
                            until: Box::pin(tokio::time::sleep(LINGER)),
                        },
                        _ => Stage::Ended,
                    };
                    if !bytes.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                }
                Step::Broken(bytes, fault) => {
                    this.end(Outcome::Failed(fault.clone()));
                    // Replacing the stage drops the upstream.
                    this.stage = Stage::Breaking { fault, at: Box::pin(tokio::time::sleep(LINGER)) };
                    if !bytes.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(bytes.into()))));
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.stage {
            Stage::Ended => true,
            Stage::Whole(bytes) => bytes.is_empty(),
            _ => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.stage {
            Stage::Ended => SizeHint::with_exact(0),
            Stage::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            // The bytes are the upstream's own, so their number is too. Where something may be put between
            // them it is not known.
            Stage::Passing(passing) if passing.voice.is_none() => passing.upstream.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        let complete = match &self.stage {
            // Clients hang up when they have seen the last event.
            Stage::Passing(passing) => passing.tap.as_ref().is_some_and(Tap::complete),
            _ => false,
        };
        self.end(if complete { Outcome::Completed } else { Outcome::ClientGone });
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.stage {
            Stage::Breaking { .. } => "breaking",
            Stage::Draining { .. } => "draining",
            Stage::Ended => "ended",
            Stage::Passing(_) => "passing",
            Stage::Piped(_) => "piped",
            Stage::Waiting(_) => "waiting",
            Stage::Whole(_) => "whole",
        };
        f.debug_struct("AnswerBody").field("stage", &stage).finish_non_exhaustive()
    }
}

impl Passing {
    fn poll(&mut self, clocks: &mut Clocks, meter: &Meter, cx: &mut Context<'_>) -> Poll<Step> {
        loop {
            match Pin::new(&mut self.upstream).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let Some(data) = frame.into_data().ok().filter(|data| !data.is_empty()) else { continue };
                    clocks.heard(meter);
                    let Some(room) = self.room.checked_sub(data.len() as u64) else {
                        let fault = Fault::upstream_broken("the upstream's answer is too large");
                        return Poll::Ready(self.broken(fault));
                    };
                    self.room = room;
                    let data = self.mask.bytes(data);
                    if let Some(tap) = &mut self.tap {
                        tap.feed(&data);
                    }
                    self.edge.see(&data);
                    return Poll::Ready(Step::Data(data));
                }
                Poll::Ready(Some(Err(error))) if !self.complete() => {
                    let fault = cut(&error);
                    return Poll::Ready(self.broken(fault));
                }
                // An answer that has said its last word may end as it likes.
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Step::Last(Bytes::new())),
                Poll::Ready(None) => return Poll::Ready(self.ended()),
                Poll::Pending => {}
            }
            match clocks.poll(cx) {
                Poll::Ready(Due::Idle) if self.complete() => return Poll::Ready(Step::Last(Bytes::new())),
                Poll::Ready(Due::Idle) => return Poll::Ready(self.broken(clocks.too_long())),
                Poll::Ready(Due::SignOfLife) => {
                    let mut out = Vec::new();
                    if self.edge.is_between()
                        && let Some(voice) = &mut self.voice
                    {
                        voice.keepalive(&mut out);
                    }
                    if !out.is_empty() {
                        return Poll::Ready(Step::Data(out.into()));
                    }
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn complete(&self) -> bool {
        self.tap.as_ref().is_some_and(Tap::complete)
    }

    /// The upstream's bytes have come to a clean end. In a stream that is the end only when the format says
    /// so too; a document's end is its length, which the connection has kept.
    fn ended(&mut self) -> Step {
        let Some(tap) = &mut self.tap else { return Step::Last(Bytes::new()) };
        tap.finish();
        if tap.complete() || self.voice.is_none() {
            return Step::Last(Bytes::new());
        }
        if tap.failed() {
            // The upstream has told the client itself.
            let fault = Fault::upstream_broken("the upstream reported an error in its stream");
            return Step::Broken(Vec::new(), Box::new(fault));
        }
        self.broken(Fault::upstream_broken("the upstream ended its stream before the answer was complete"))
    }

    fn broken(&mut self, fault: Fault) -> Step {
        let fault = Box::new(fault);
        let mut out = Vec::new();
        if let Some(voice) = &mut self.voice {
            if !self.edge.is_between() {
                // Closes the half event, which would swallow this one.
                out.extend_from_slice(b"\n\n");
            }
            voice.write(&Event::Error(fault.clone()), &mut out);
        }
        Step::Broken(out, fault)
    }
}

impl Piped {
    fn poll(&mut self, clocks: &mut Clocks, meter: &Meter, cx: &mut Context<'_>) -> Poll<Step> {
        let mut out = Vec::new();
        loop {
            let polled = match self.first.take() {
                Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
                None => Pin::new(&mut self.upstream).poll_frame(cx),
            };
            match polled {
                Poll::Ready(Some(Ok(frame))) => {
                    let Some(data) = frame.into_data().ok().filter(|data| !data.is_empty()) else { continue };
                    clocks.heard(meter);
                    self.pipe.feed(&self.mask.bytes(data), &mut out);
                    self.memory.learn(self.pipe.learned());
                }
                Poll::Ready(Some(Err(error))) => self.pipe.fail(&cut(&error), &mut out),
                Poll::Ready(None) => {
                    self.pipe.finish(&mut out);
                    self.memory.learn(self.pipe.learned());
                }
                Poll::Pending => match ready!(clocks.poll(cx)) {
                    Due::Idle => self.pipe.fail(&clocks.too_long(), &mut out),
                    Due::SignOfLife => self.pipe.keepalive(&mut out),
                },
            }
            match self.pipe.state() {
                PipeState::Done => return Poll::Ready(Step::Last(out.into())),
                PipeState::Failed(fault) => return Poll::Ready(Step::Broken(out, fault.clone())),
                PipeState::Running if out.is_empty() => {}
                PipeState::Running => return Poll::Ready(Step::Data(out.into())),
            }
        }
    }
}

impl Waiting {
    fn poll(&mut self, clocks: &mut Clocks, cx: &mut Context<'_>) -> Poll<Step> {
        loop {
            match self.arriving.as_mut().poll(cx) {
                Poll::Ready(Ok(mut body)) => {
                    let stage = std::mem::replace(&mut body.stage, Stage::Ended);
                    let clocks = std::mem::replace(&mut body.clocks, Clocks::never());
                    // The meter is the same one; the empty shell must not end it.
                    body.meter = Meter::start();
                    return Poll::Ready(Step::Next(stage, clocks));
                }
                Poll::Ready(Err(fault)) => {
                    let mut out = Vec::new();
                    self.voice.write(&Event::Error(fault.clone()), &mut out);
                    return Poll::Ready(Step::Broken(out, fault));
                }
                Poll::Pending => {}
            }
            // How long the head may take is the caller's to bound.
            if !self.greeted || matches!(ready!(clocks.poll(cx)), Due::SignOfLife) {
                self.greeted = true;
                let mut out = Vec::new();
                self.voice.keepalive(&mut out);
                if !out.is_empty() {
                    return Poll::Ready(Step::Data(out.into()));
                }
            }
        }
    }
}

fn cut(error: &hyper::Error) -> Fault {
    let cause = crate::client::innermost(error);
    Fault::upstream_broken(format!(
        "the connection to the upstream broke in the middle of the answer: {cause}"
    ))
}

/// The two clocks of an answer. Hearing something only notes the time; the timer is set anew when it rings.
struct Clocks {
    idle: Clock,
    keepalive: Option<Clock>,
}

enum Due {
    Idle,
    SignOfLife,
}

struct Clock {
    span: Duration,
    last: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Clocks {
    fn new(patience: Patience) -> Self {
        Self { idle: Clock::new(patience.idle), keepalive: patience.keepalive.map(Clock::new) }
    }

    fn never() -> Self {
        Self::new(Patience { idle: Duration::MAX, keepalive: None })
    }

    /// The upstream has sent something.
    fn heard(&mut self, meter: &Meter) {
        meter.first_byte();
        let now = Instant::now();
        self.idle.last = now;
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.last = now;
        }
    }

    /// Waits for the next thing that is due while the upstream is silent.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        if self.idle.poll(cx).is_ready() {
            return Poll::Ready(Due::Idle);
        }
        let Some(keepalive) = &mut self.keepalive else { return Poll::Pending };
        ready!(keepalive.poll(cx));
        keepalive.last = Instant::now();
        Poll::Ready(Due::SignOfLife)
    }

    fn too_long(&self) -> Fault {
        let seconds = self.idle.span.as_secs_f32();
        Fault::new(504, Blame::Upstream, format!("the upstream sent nothing for {seconds} s"))
            .with_code(Code::ProxyError)
    }
}

impl Clock {
    fn new(span: Duration) -> Self {
        Self { span, last: Instant::now(), timer: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A span past the end of time never comes.
        let Some(due) = self.last.checked_add(self.span) else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= due {
                // Set anew, or the next poll would ring at once and lose the waker.
                timer.as_mut().reset(due + self.span);
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
    }
}
