//! Ollama's `/api/embed` and the older `/api/embeddings` (ollama 0.6, `_types.py`), spoken to clients only.

use byok_types::chat::Weight;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::request::{Encoding, Ext, Request, Said, Truncate};
use super::vector::Vector;
use super::wire::{Input, Names, json};
use super::{Reply, Response};
use crate::format::ReadError;
use crate::wire::parse_request;

#[derive(Deserialize)]
struct Body {
    input: Option<Input>,
    truncate: Option<bool>,
    dimensions: Option<u32>,
    options: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct LegacyBody {
    prompt: Option<String>,
    options: Option<Map<String, Value>>,
}

/// `keep_alive` is about the memory of a server that is not asked.
const KNOWN: [&str; 6] = ["dimensions", "input", "keep_alive", "model", "options", "truncate"];
const KNOWN_OF_LEGACY: [&str; 4] = ["keep_alive", "model", "options", "prompt"];

pub(super) fn read_request(body: &[u8]) -> Result<Request, ReadError> {
    let wire: Body = parse_request(body)?;
    let input = wire.input.ok_or_else(|| ReadError::field("input", "is required"))?;
    let mut ext = options(wire.options);
    Names::of(body).unknown("", &KNOWN, &mut ext);
    Ok(Request {
        texts: input.texts()?,
        dimensions: wire.dimensions,
        truncate: wire
            .truncate
            .map(|cut| Said { field: "truncate", value: if cut { Truncate::End } else { Truncate::Never } }),
        encodings: vec![Encoding::Float],
        ext,
        ..Request::default()
    })
}

pub(super) fn read_legacy(body: &[u8]) -> Result<Request, ReadError> {
    let wire: LegacyBody = parse_request(body)?;
    let mut ext = options(wire.options);
    Names::of(body).unknown("", &KNOWN_OF_LEGACY, &mut ext);
    Ok(Request {
        texts: vec![wire.prompt.ok_or_else(|| ReadError::field("prompt", "is required"))?],
        encodings: vec![Encoding::Float],
        ext,
        ..Request::default()
    })
}

fn options(options: Option<Map<String, Value>>) -> Vec<Ext> {
    let names = options.unwrap_or_default().into_iter().filter(|(_, value)| !value.is_null());
    names.map(|(name, _)| Ext::new(format!("options.{name}"), Weight::Meaning)).collect()
}

#[derive(Serialize)]
struct Written<'a> {
    model: &'a str,
    embeddings: &'a [Vector],
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_eval_count: Option<u64>,
}

pub(super) fn write_response(response: &Response, reply: &Reply) -> Vec<u8> {
    json(&Written {
        model: &reply.model,
        embeddings: &response.vectors,
        prompt_eval_count: response.input_tokens,
    })
}

#[derive(Serialize)]
struct WrittenLegacy<'a> {
    embedding: Option<&'a Vector>,
}

pub(super) fn write_legacy(response: &Response) -> Vec<u8> {
    json(&WrittenLegacy { embedding: response.vectors.first() })
}
