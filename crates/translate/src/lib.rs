//! Translation between wire formats: bytes and values in, bytes and values out. No I/O, no clock, no
//! randomness, no async; what must come from outside (ids, the time) is handed in.
//!
//! The way of a translated call:
//!
//! ```text
//! client bytes ─ ClientFormat::read_request ─► chat::Request ─ fit ─► chat::Request ─ UpstreamFormat::write_request ─► upstream bytes
//! client bytes ◄─ EventWriter ◄─ restore ◄─ chat::Event ◄─ EventReader ◄─ sse ◄─ upstream bytes
//! ```
//!
//! - [`mod@format`]: the two traits that every wire format implements, and the registry of all of them.
//! - [`fit`]: makes a request fit its target: what the target cannot express is adapted, reported or refused.
//!   It is the only place that knows what a *target* accepts; readers know what a *source* says.
//! - [`exchange`]: one client call and its answer, put together from the pieces.
//! - [`embed`]: embeddings, which have a canonical value and codecs of their own.
//! - [`pipe`]: the streaming half of an exchange.
//! - [`tap`]: watches a stream that passes untouched (same format on both sides).
//! - [`scan`]: finds `model` and `stream` in a body without building values, and patches in place.
//! - [`sse`]: the event-stream framing.
//! - [`token`]: carries one vendor's opaque tokens through another vendor's format.
//! - [`wire`], [`media`]: shared pieces of the codecs.
//!
//! Readers normalise, writers trust: a vendor's oddity is repaired once, where it is read.

pub mod embed;
pub mod exchange;
pub mod facts;
pub mod fit;
pub mod format;
pub mod pipe;
pub mod scan;
pub mod sse;
pub mod tap;

mod anthropic;
mod cohere;
mod completions;
mod gemini;
mod media;
mod ollama;
mod openai_chat;
mod openai_responses;
mod token;
mod wire;

pub use format::{
    ClientFormat, EventReader, EventWriter, PathWish, ReadError, Reply, UpstreamFormat, dialect, family,
};
