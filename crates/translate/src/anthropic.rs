//! Anthropic's Messages API, on both sides (wire-format facts, section 3).
//!
//! - [`request_read`], [`request_write`]: requests, with [`block_read`], [`block_write`] for content blocks
//!   and [`thinking`] for how much to think.
//! - [`reader`], [`writer`]: streamed answers; [`response`]: whole ones.
//! - [`stop`], [`usage`], [`fault`]: why an answer ended, what it cost, and what went wrong.
//! - [`wire`], [`node`], [`json`]: small shapes, and how JSON is looked at and written here.
//!
//! Which model takes what is not known here: `fit` has decided that before a request is written.
//!
//! The law: what the format can hold comes back from it unchanged, and no input panics.

use byok_types::Fault;
use byok_types::chat::{Request, Response};
use byok_types::model::ModelFacts;

use crate::format::{ClientFormat, EventReader, EventWriter, PathWish, ReadError, Reply, UpstreamFormat};

mod block_read;
mod block_write;
mod fault;
mod json;
mod node;
mod reader;
mod request_read;
mod request_write;
mod response;
mod stop;
#[cfg(test)]
mod tests;
mod thinking;
mod usage;
mod wire;
mod writer;

/// The Messages API.
pub(crate) struct Anthropic;

impl ClientFormat for Anthropic {
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
        fault::write(fault)
    }

    fn fault_status(&self, fault: &Fault) -> u16 {
        fault::status(fault)
    }
}

impl UpstreamFormat for Anthropic {
    fn write_request(&self, request: &Request, facts: &ModelFacts) -> Vec<u8> {
        request_write::write(request, facts)
    }

    fn path(&self, _model: &str, _stream: bool) -> String {
        "/v1/messages".to_owned()
    }

    fn read_response(&self, body: &[u8]) -> Result<Response, Box<Fault>> {
        response::read(body)
    }

    fn event_reader(&self) -> Box<dyn EventReader> {
        Box::new(reader::Reader::new())
    }

    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        fault::read(status, body)
    }
}
