//! OpenAI Chat Completions: `POST /v1/chat/completions`, as clients and as upstreams speak it, with the
//! habits of the servers that call themselves compatible (wire-format facts, section 1).
//!
//! - [`wire`]: what stands on the wire, read leniently.
//! - [`request_read`], [`message_read`]: a client's request into the canonical model.
//! - [`request_write`], [`message_write`]: the canonical request for an upstream.
//! - [`reader`], [`choice`], [`calls`]: an upstream's chunks into events. A whole answer is read as one
//!   large chunk, so that both ways cannot disagree.
//! - [`writer`], [`response_write`]: the answer for a client, streamed and whole.
//! - [`details`]: thoughts and their tokens, in the fields that clients send back.
//! - [`stop`]: finish reasons and usage. [`fault`]: errors, in all shapes that servers have for them.
//!
//! What a *target* accepts is not decided here: [`crate::fit`] has been there before, the request writer
//! prints what it is given, and the same request always becomes the same bytes.

mod calls;
mod choice;
mod details;
mod fault;
mod message_read;
mod message_write;
mod reader;
mod request_read;
mod request_write;
mod response_write;
mod stop;
pub(crate) mod wire;
mod writer;

use byok_types::chat::{Request, Response};
use byok_types::model::ModelFacts;
use byok_types::{Family, Fault};

pub(crate) use fault::{client_status, write_fault};
pub(crate) use request_read::read_body;
pub(crate) use stop::{UsageOut, finish_reason};

use crate::format::{
    AnswerId, ClientFormat, EventReader, EventWriter, PathWish, ReadError, Reply, UpstreamFormat,
};
use crate::wire::parse_request;

/// The family whose fields and tokens these are.
const FAMILY: Family = Family::OpenaiChat;

/// Characters in `text`, in which offsets of sources are counted.
fn length(text: &str) -> u64 {
    u64::try_from(text.chars().count()).unwrap_or(u64::MAX)
}

/// Writes `value` as JSON. Neither a vector nor these values can fail.
pub(crate) fn put(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok(), "a value that is no JSON");
}

/// The Chat Completions format.
pub(crate) struct OpenaiChat;

impl ClientFormat for OpenaiChat {
    fn read_request(&self, body: &[u8], path: PathWish<'_>) -> Result<Request, ReadError> {
        read_body(parse_request(body)?, path)
    }

    fn reply(&self, request: &Request, id: AnswerId) -> Reply {
        let mut reply = Reply::new(request, id);
        reply.legacy_functions =
            request.ext.iter().any(|ext| ext.family == Some(FAMILY) && ext.path == request_read::LEGACY_MARK);
        reply
    }

    fn write_response(&self, response: &Response, reply: &Reply) -> Vec<u8> {
        response_write::write(response, reply)
    }

    fn event_writer(&self, reply: Reply) -> Box<dyn EventWriter> {
        Box::new(writer::Writer::new(reply))
    }

    fn write_fault(&self, fault: &Fault) -> Vec<u8> {
        write_fault(fault)
    }

    fn fault_status(&self, fault: &Fault) -> u16 {
        client_status(fault)
    }
}

impl UpstreamFormat for OpenaiChat {
    fn write_request(&self, request: &Request, facts: &ModelFacts) -> Vec<u8> {
        request_write::write(request, facts)
    }

    fn path(&self, _model: &str, _stream: bool) -> String {
        "/chat/completions".to_owned()
    }

    fn read_response(&self, body: &[u8]) -> Result<Response, Box<Fault>> {
        reader::read_whole(body)
    }

    fn event_reader(&self) -> Box<dyn EventReader> {
        Box::new(reader::Reader::new())
    }

    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        fault::read(Some(status), body)
    }
}

#[cfg(test)]
mod tests;
