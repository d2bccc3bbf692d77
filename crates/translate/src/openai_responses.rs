//! OpenAI Responses: `POST /v1/responses`, as clients and as upstreams speak it (wire-format facts,
//! section 2).
//!
//! A conversation here is a flat list of items. Consecutive assistant items (messages, reasoning, calls)
//! are one turn of ours; calls and results pair by `call_id`, never by the item's `id`. byok keeps no
//! answers, so a translated call is always stateless.
//!
//! - [`request_read`], [`input`]: a client's request into the canonical model.
//! - [`request_write`]: the canonical request for an upstream.
//! - [`items`]: parts as output items, whole; the stream writer ends each item with the same.
//! - [`reader`]: an upstream's events into ours. [`writer`]: ours into the full ladder of events.
//! - [`answer`]: the response object around the items, both ways.
//!
//! Tokens of other families have no slot beside a text or a call. They travel as a reasoning item of
//! their own right behind it, whose id begins with [`AFTER`]; clients send reasoning items back.

mod answer;
mod input;
mod items;
mod reader;
mod request_read;
mod request_write;
mod writer;

use byok_types::chat::{Request, Response};
use byok_types::model::ModelFacts;
use byok_types::{Family, Fault, RawJson};

use crate::format::{
    AnswerId, ClientFormat, EventReader, EventWriter, PathWish, ReadError, Reply, UpstreamFormat,
};
use crate::openai_chat::OpenaiChat;

/// The family whose fields and tokens these are.
const FAMILY: Family = Family::OpenaiResponses;

/// Begins the id of a reasoning item that only carries the token of the part before it.
const AFTER: &str = "rs_after_";

/// Begins the id of a reasoning item that stands for thoughts whose maker shows nothing of them.
const REDACTED: &str = "rs_redacted_";

/// The Responses format.
pub(crate) struct OpenaiResponses;

impl ClientFormat for OpenaiResponses {
    fn read_request(&self, body: &[u8], _: PathWish<'_>) -> Result<Request, ReadError> {
        request_read::read(body)
    }

    fn reply(&self, request: &Request, id: AnswerId) -> Reply {
        let echo = answer::echo(request).into_iter().map(|(name, value)| (name, RawJson::from_value(&value)));
        Reply { echo: echo.collect(), ..Reply::new(request, id) }
    }

    fn write_response(&self, response: &Response, reply: &Reply) -> Vec<u8> {
        answer::write(response, reply)
    }

    fn event_writer(&self, reply: Reply) -> Box<dyn EventWriter> {
        Box::new(writer::Writer::new(reply))
    }

    // Errors have the shape that all of OpenAI's formats share.
    fn write_fault(&self, fault: &Fault) -> Vec<u8> {
        OpenaiChat.write_fault(fault)
    }

    fn fault_status(&self, fault: &Fault) -> u16 {
        OpenaiChat.fault_status(fault)
    }
}

impl UpstreamFormat for OpenaiResponses {
    fn write_request(&self, request: &Request, facts: &ModelFacts) -> Vec<u8> {
        request_write::write(request, facts)
    }

    fn path(&self, _: &str, _: bool) -> String {
        "/responses".to_owned()
    }

    fn read_response(&self, body: &[u8]) -> Result<Response, Box<Fault>> {
        answer::read(body)
    }

    fn event_reader(&self) -> Box<dyn EventReader> {
        Box::new(reader::Reader::default())
    }

    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        OpenaiChat.read_fault(status, body)
    }
}

#[cfg(test)]
mod tests;
