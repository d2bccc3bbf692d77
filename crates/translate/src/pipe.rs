//! The streaming half of an exchange: upstream bytes in, client bytes out, one event after the other.
//!
//! A pipe is a plain state machine. Whoever owns it feeds what the upstream sent and passes on what
//! comes out; there is no task and no channel in it, and it holds no more than one frame.

use byok_types::Fault;
use byok_types::chat::{Event, Fold, FoldError, Response, Usage};

use crate::fit::Restore;
use crate::format::{EventReader, EventWriter, UpstreamFormat};
use crate::framing::Frames;
use crate::recall::{Learned, Learner};

/// How far a stream has come.
#[derive(Clone, Debug, PartialEq)]
pub enum PipeState {
    /// The answer is complete, and the client has been told.
    Done,
    /// The answer failed, and the client has been told.
    Failed(Box<Fault>),
    /// More is to come.
    Running,
}

/// Reads frames and gives out the events they make, in the client's terms.
struct Source {
    parser: Frames,
    reader: Box<dyn EventReader>,
    restore: Restore,
    read: Vec<Event>,
    restored: Vec<Event>,
}

impl Source {
    fn new(upstream: &dyn UpstreamFormat, restore: Restore) -> Self {
        let (parser, reader) = (Frames::new(upstream.framing()), upstream.event_reader());
        Self { parser, reader, restore, read: Vec::new(), restored: Vec::new() }
    }

    fn feed(&mut self, bytes: &[u8]) -> &mut Vec<Event> {
        let Self { parser, reader, read, .. } = self;
        if let Err(error) = parser.feed(bytes, &mut |frame| reader.read(&frame, read)) {
            read.push(Event::Error(Box::new(Fault::upstream_broken(error.to_string()))));
        }
        self.restore()
    }

    fn finish(&mut self) -> &mut Vec<Event> {
        let Self { parser, reader, read, .. } = self;
        match parser.finish(&mut |frame| reader.read(&frame, read)) {
            Ok(()) => reader.finish(read),
            Err(error) => read.push(Event::Error(Box::new(Fault::upstream_broken(error.to_string())))),
        }
        self.restore()
    }

    fn restore(&mut self) -> &mut Vec<Event> {
        for event in self.read.drain(..) {
            self.restore.event(event, &mut self.restored);
        }
        &mut self.restored
    }
}

/// Translates a streamed answer for a client that streams.
pub struct StreamPipe {
    source: Source,
    learner: Learner,
    writer: Box<dyn EventWriter>,
    usage: Usage,
    state: PipeState,
    content_type: &'static str,
}

impl StreamPipe {
    pub(crate) fn new(
        upstream: &dyn UpstreamFormat,
        restore: Restore,
        learner: Learner,
        writer: Box<dyn EventWriter>,
        content_type: &'static str,
    ) -> Self {
        Self {
            source: Source::new(upstream, restore),
            learner,
            writer,
            usage: Usage::default(),
            state: PipeState::Running,
            content_type,
        }
    }

    /// Reads what the upstream sent and appends what the client gets. After the end, bytes are ignored.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.state == PipeState::Running {
            self.source.feed(bytes);
            self.write(out);
        }
    }

    /// The upstream's bytes have ended: completes the answer, or tells the client that it broke off.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.state == PipeState::Running {
            self.source.finish();
            self.write(out);
        }
        if self.state == PipeState::Running {
            self.fail(&Fault::upstream_broken("the upstream's answer broke off"), out);
        }
    }

    /// Ends the answer with an error in the client's format, unless it has ended already.
    pub fn fail(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        if self.state == PipeState::Running {
            let fault = Box::new(fault.clone());
            self.writer.write(&Event::Error(fault.clone()), out);
            self.state = PipeState::Failed(fault);
        }
    }

    /// Appends the client format's sign of life, where it has one.
    pub fn keepalive(&mut self, out: &mut Vec<u8>) {
        if self.state == PipeState::Running {
            self.writer.keepalive(out);
        }
    }

    /// What the answer has cost so far.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// What to remember of the answer, as far as it has come since this was asked the last time.
    pub fn learned(&mut self) -> Vec<Learned> {
        self.learner.take()
    }

    /// How far the answer has come.
    pub fn state(&self) -> &PipeState {
        &self.state
    }

    /// Whether the answer is done although the upstream has more to say: its call can be dropped.
    pub fn is_cut_short(&self) -> bool {
        self.source.restore.has_ended()
    }

    /// The content type of what comes out.
    pub fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// Writes events that need no reading: an answer that came in one piece.
    pub(crate) fn write_all(&mut self, events: Vec<Event>, out: &mut Vec<u8>) {
        for event in events {
            self.source.restore.event(event, &mut self.source.restored);
        }
        self.write(out);
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        for event in self.source.restored.drain(..) {
            match &event {
                Event::Start(start) => self.usage.update(&start.usage),
                Event::Usage(usage) => self.usage.update(usage),
                _ => {}
            }
            self.learner.see(&event);
            self.writer.write(&event, out);
            self.state = match event {
                Event::End => PipeState::Done,
                Event::Error(fault) => PipeState::Failed(fault),
                _ => continue,
            };
            break;
        }
        self.source.restored.clear();
    }
}

impl std::fmt::Debug for StreamPipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamPipe")
            .field("state", &self.state)
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}

/// Collects a streamed answer for a client that does not stream.
pub struct FoldPipe {
    source: Source,
    fold: Fold,
    broken: Option<FoldError>,
}

impl FoldPipe {
    pub(crate) fn new(upstream: &dyn UpstreamFormat, restore: Restore) -> Self {
        Self { source: Source::new(upstream, restore), fold: Fold::new(), broken: None }
    }

    /// Reads what the upstream sent.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.source.feed(bytes);
        self.collect();
    }

    /// The whole answer.
    pub(crate) fn response(mut self) -> Result<Response, Box<Fault>> {
        self.source.finish();
        self.collect();
        let folded = match self.broken {
            Some(error) => Err(error),
            None => self.fold.finish(),
        };
        folded.map_err(|error| match error {
            FoldError::Failed(fault) => fault,
            error @ (FoldError::Grammar(_) | FoldError::Truncated) => {
                Box::new(Fault::upstream_broken(error.to_string()))
            }
        })
    }

    fn collect(&mut self) {
        for event in self.source.restored.drain(..) {
            if self.broken.is_none()
                && let Err(error) = self.fold.push(event)
            {
                self.broken = Some(error);
            }
        }
    }
}
