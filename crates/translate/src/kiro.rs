//! AWS's Kiro, as an upstream: a conversation state out, a binary event stream back (provider facts, 5.3).
//!
//! Its habits: there is no system field, so system text stands before the first user turn; the last turn is
//! the current message and must be the person's; tool results belong to the turn right after the calls; every
//! tool that the history names must be declared; and nothing can be said about sampling, limits or stops.
//! It streams only. The profile in a body belongs to the account, so whoever knows the account adds it.

mod fault;
mod reader;
mod request;

use byok_types::Fault;
use byok_types::chat::{Fold, FoldError, Request, Response};
use byok_types::model::ModelFacts;

use crate::eventstream::Decoder;
use crate::fit::Dropped;
use crate::format::{EventReader, UpstreamFormat};
use crate::framing::Framing;

/// `POST /generateAssistantResponse`
pub(crate) struct Kiro;

impl UpstreamFormat for Kiro {
    fn write_request(&self, request: &Request, facts: &ModelFacts) -> Vec<u8> {
        request::write(request, facts)
    }

    fn path(&self, _: &str, _: bool) -> String {
        "/generateAssistantResponse".to_owned()
    }

    fn admit(&self, request: &mut Request, dropped: &mut Vec<Dropped>) -> Result<(), Box<Fault>> {
        request::admit(request, dropped)
    }

    /// There is no other form than the stream; one that came as a whole is read as one.
    fn read_response(&self, body: &[u8]) -> Result<Response, Box<Fault>> {
        if body.trim_ascii_start().starts_with(b"{") {
            return Err(Box::new(fault::read(502, body)));
        }
        let (mut decoder, mut reader, mut events) =
            (Decoder::default(), reader::Reader::default(), Vec::new());
        let fed = decoder.feed(body, &mut |frame| reader.read(&frame, &mut events));
        fed.and_then(|()| decoder.finish())
            .map_err(|broken| Box::new(Fault::upstream_broken(broken.to_string())))?;
        reader.finish(&mut events);
        Fold::all(events).map_err(|error| match error {
            FoldError::Failed(fault) => fault,
            error => Box::new(Fault::upstream_broken(error.to_string())),
        })
    }

    fn event_reader(&self) -> Box<dyn EventReader> {
        Box::new(reader::Reader::default())
    }

    fn framing(&self) -> Framing {
        Framing::Binary
    }

    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        fault::read(status, body)
    }
}

#[cfg(test)]
mod tests;
