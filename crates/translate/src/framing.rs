//! Cutting an upstream's bytes into frames: two ways, one shape.

use crate::eventstream::{self, Decoder};
use crate::sse::{self, Frame, Parser};

/// How a streamed answer is cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// AWS's binary event stream. A frame's event is the message's type.
    Binary,
    /// Server-sent events.
    Events,
}

/// Cuts bytes into frames, incrementally.
#[derive(Debug)]
pub enum Frames {
    /// Out of a binary event stream.
    Binary(Decoder),
    /// Out of server-sent events.
    Events(Parser),
}

/// The bytes are no frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// In a binary event stream.
    #[error(transparent)]
    Binary(#[from] eventstream::Broken),
    /// In server-sent events.
    #[error(transparent)]
    Events(#[from] sse::FrameTooLarge),
}

impl Frames {
    /// A parser at the beginning of a stream.
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Binary => Self::Binary(Decoder::default()),
            Framing::Events => Self::Events(Parser::new()),
        }
    }

    /// Reads more bytes and hands every complete frame to `sink`.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(Frame<'_>)) -> Result<(), FramingError> {
        match self {
            Self::Binary(decoder) => Ok(decoder.feed(bytes, sink)?),
            Self::Events(parser) => Ok(parser.feed(bytes, sink)?),
        }
    }

    /// The stream has ended.
    pub fn finish(&mut self, sink: &mut impl FnMut(Frame<'_>)) -> Result<(), FramingError> {
        match self {
            Self::Binary(decoder) => Ok(decoder.finish()?),
            Self::Events(parser) => {
                parser.finish(sink);
                Ok(())
            }
        }
    }
}
