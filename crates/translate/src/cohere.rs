//! Cohere's v2 chat, on both sides.
//!
//! Its habits: a call's text goes to `tool_plan`, stream indices of contents and of calls are two
//! separate counters, `tool_calls` in a stream is an object in spite of its plural, and token counts are
//! floats. Source: the vendor's SDKs, Python 7.3 and JavaScript 8.1.

mod fault;
mod reader;
mod request_read;
mod request_write;
mod response;
mod wire;
mod writer;

use byok_types::Fault;
use byok_types::chat::{Request, Response};
use byok_types::model::ModelFacts;

use crate::format::{ClientFormat, EventReader, EventWriter, PathWish, ReadError, Reply, UpstreamFormat};

/// `POST /v2/chat`
pub(crate) struct Cohere;

impl ClientFormat for Cohere {
    fn read_request(&self, body: &[u8], _: PathWish<'_>) -> Result<Request, ReadError> {
        request_read::read(body)
    }

    fn write_response(&self, response: &Response, reply: &Reply) -> Vec<u8> {
        response::write(response, reply)
    }

    fn event_writer(&self, reply: Reply) -> Box<dyn EventWriter> {
        Box::new(writer::Writer::new(&reply))
    }

    fn write_fault(&self, fault: &Fault) -> Vec<u8> {
        fault::write(fault)
    }
}

impl UpstreamFormat for Cohere {
    fn write_request(&self, request: &Request, _: &ModelFacts) -> Vec<u8> {
        request_write::write(request)
    }

    fn path(&self, _: &str, _: bool) -> String {
        "/v2/chat".to_owned()
    }

    fn read_response(&self, body: &[u8]) -> Result<Response, Box<Fault>> {
        response::read(body)
    }

    fn event_reader(&self) -> Box<dyn EventReader> {
        Box::new(reader::Reader::default())
    }

    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        fault::read(status, body)
    }
}

#[cfg(test)]
mod tests;
