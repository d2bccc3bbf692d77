//! Ollama's own format, spoken to clients only: `POST /api/chat` and `POST /api/generate`.
//!
//! A streamed answer is one JSON object a line. Calls have no ids that clients must send back, so they
//! are made from the position, and results are paired by tool name, first in, first out. Source: the
//! server's API documentation, and its Python client 0.6.

mod request;
mod writer;

use byok_types::Fault;
use byok_types::chat::{Request, Response};
use serde_json::json;

use crate::format::{ClientFormat, EventWriter, PathWish, ReadError, Reply};
use writer::{Route, Writer};

/// `POST /api/chat`
pub(crate) struct OllamaChat;

/// `POST /api/generate`
pub(crate) struct OllamaGenerate;

/// What both routes share.
const STREAM_TYPE: &str = "application/x-ndjson";

impl ClientFormat for OllamaChat {
    fn read_request(&self, body: &[u8], _: PathWish<'_>) -> Result<Request, ReadError> {
        request::read_chat(body)
    }

    fn write_response(&self, response: &Response, reply: &Reply) -> Vec<u8> {
        writer::whole(Route::Chat, response, reply)
    }

    fn event_writer(&self, reply: Reply) -> Box<dyn EventWriter> {
        Box::new(Writer::new(Route::Chat, reply))
    }

    fn write_fault(&self, fault: &Fault) -> Vec<u8> {
        write_fault(fault)
    }

    fn stream_content_type(&self, _: &Reply) -> &'static str {
        STREAM_TYPE
    }
}

impl ClientFormat for OllamaGenerate {
    fn read_request(&self, body: &[u8], _: PathWish<'_>) -> Result<Request, ReadError> {
        request::read_generate(body)
    }

    fn write_response(&self, response: &Response, reply: &Reply) -> Vec<u8> {
        writer::whole(Route::Generate, response, reply)
    }

    fn event_writer(&self, reply: Reply) -> Box<dyn EventWriter> {
        Box::new(Writer::new(Route::Generate, reply))
    }

    fn write_fault(&self, fault: &Fault) -> Vec<u8> {
        write_fault(fault)
    }

    fn stream_content_type(&self, _: &Reply) -> &'static str {
        STREAM_TYPE
    }
}

/// An error is a text; byok's own code stands beside it.
fn write_fault(fault: &Fault) -> Vec<u8> {
    let mut body = json!({"error": fault.message});
    if let Some(code) = fault.code {
        body["code"] = json!(code.as_str());
    }
    body.to_string().into_bytes()
}

#[cfg(test)]
mod tests;
