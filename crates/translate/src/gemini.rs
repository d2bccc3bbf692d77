//! Gemini's `generateContent`, from both sides.
//!
//! - [`wire`]: the JSON objects as they come in, in either spelling of their names.
//! - [`request_read`], [`contents`], [`media`], [`tools`], [`schema`]: a client's request.
//! - [`request_write`], [`parts`], [`tree`]: the request to an upstream.
//! - [`reader`], [`ids`], [`stop`], [`grounding`]: an upstream's answer. A whole answer is one long chunk, so
//!   [`response`] reads it with the same reader.
//! - [`writer`], [`response`]: the answer to a client.
//! - [`thought`]: reasoning of other vendors inside `thoughtSignature`.
//! - [`fault`]: errors, in both directions.
//!
//! Model and method stand in the path and never in the body. Nothing here knows one model from another:
//! that is in the facts that the writer is handed.

mod contents;
mod fault;
mod grounding;
mod ids;
mod media;
mod parts;
mod reader;
mod request_read;
mod request_write;
mod response;
mod schema;
mod stop;
mod thought;
mod tools;
mod tree;
mod wire;
mod writer;

#[cfg(test)]
mod tests;

use byok_types::Fault;
use byok_types::chat::{Request, Response};
use byok_types::model::ModelFacts;

use crate::format::{ClientFormat, EventReader, EventWriter, PathWish, ReadError, Reply, UpstreamFormat};

/// The format of `/v1beta/models/{model}:generateContent`.
pub(crate) struct Gemini;

impl ClientFormat for Gemini {
    fn read_request(&self, body: &[u8], path: PathWish<'_>) -> Result<Request, ReadError> {
        request_read::read(body, path)
    }

    fn write_response(&self, response: &Response, reply: &Reply) -> Vec<u8> {
        response::write(response, reply)
    }

    fn event_writer(&self, reply: Reply) -> Box<dyn EventWriter> {
        Box::new(writer::Writer::new(reply))
    }

    fn write_fault(&self, fault: &Fault) -> Vec<u8> {
        fault::write(fault, self.fault_status(fault))
    }

    fn stream_content_type(&self, reply: &Reply) -> &'static str {
        if reply.json_array { "application/json; charset=utf-8" } else { "text/event-stream; charset=utf-8" }
    }
}

impl UpstreamFormat for Gemini {
    fn write_request(&self, request: &Request, facts: &ModelFacts) -> Vec<u8> {
        request_write::write(request, facts)
    }

    fn path(&self, model: &str, stream: bool) -> String {
        request_write::path(model, stream)
    }

    fn read_response(&self, body: &[u8]) -> Result<Response, Box<Fault>> {
        response::read(body)
    }

    fn event_reader(&self) -> Box<dyn EventReader> {
        Box::new(reader::Reader::stream())
    }

    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        fault::read(status, body)
    }
}
