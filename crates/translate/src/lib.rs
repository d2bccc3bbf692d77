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
//! - [`estimate`]: how many tokens a request has, about.
//! - [`exchange`]: one client call and its answer, put together from the pieces.
//! - [`embed`]: embeddings, which have a canonical value and codecs of their own.
//! - [`pipe`]: the streaming half of an exchange.
//! - [`tap`]: watches a stream that passes untouched (same format on both sides).
//! - [`scan`]: finds `model` and `stream` in a body without building values, and patches in place.
//! - [`framing`]: cuts an answer into frames; [`sse`] and [`eventstream`] are the two ways.
//! - [`recall`]: what an answer gives to remember for clients that send nothing back.
//! - [`token`]: carries one vendor's opaque tokens through another vendor's format.
//! - [`wire`], [`media`]: shared pieces of the codecs.
//!
//! Readers normalise, writers trust: a vendor's oddity is repaired once, where it is read.

pub mod embed;
pub mod estimate;
pub mod eventstream;
pub mod exchange;
pub mod facts;
pub mod fit;
pub mod format;
pub mod framing;
pub mod pipe;
pub mod recall;
pub mod scan;
pub mod sse;
pub mod tap;

mod anthropic;
mod code_assist;
mod cohere;
mod completions;
mod gemini;
mod kiro;
mod media;
mod ollama;
mod openai_chat;
mod openai_responses;
mod token;
mod wire;

#[cfg(test)]
mod tests;

pub use format::{
    ClientFormat, EventReader, EventWriter, PathWish, ReadError, Reply, UpstreamFormat, Wire, dialect,
    family, upstream,
};
