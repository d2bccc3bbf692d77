//! OpenAI's `/v1/embeddings` (openai 3.57, `types/embedding_create_params.py`), which most others speak too.

use byok_types::chat::Weight;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::request::{Encoding, Ext, Request, Said, Task};
use super::vector::{Encoded, Vector};
use super::wire::{Bounded, Input, Names, count, json};
use super::{Reply, Response};
use crate::format::ReadError;
use crate::wire::parse_request;

#[derive(Deserialize)]
struct Body {
    input: Option<Input>,
    dimensions: Option<u32>,
    encoding_format: Option<String>,
    input_type: Option<String>,
}

/// `user` says who asks, not what.
const KNOWN: [&str; 6] = ["dimensions", "encoding_format", "input", "input_type", "model", "user"];

pub(super) fn read_request(body: &[u8]) -> Result<Request, ReadError> {
    let wire: Body = parse_request(body)?;
    let input = wire.input.ok_or_else(|| ReadError::field("input", "is required"))?;
    let mut ext = Vec::new();
    let encoding = match wire.encoding_format.as_deref() {
        None | Some("float") => Encoding::Float,
        Some("base64") => Encoding::Base64,
        Some(_) => return Err(ReadError::field("encoding_format", "must be float or base64")),
    };
    let task = wire.input_type.as_deref().and_then(|name| {
        let value = task(name);
        if value.is_none() {
            ext.push(Ext::new("input_type", Weight::Meaning));
        }
        Some(Said { field: "input_type", value: value? })
    });
    Names::of(body).unknown("", &KNOWN, &mut ext);
    Ok(Request {
        texts: input.texts()?,
        dimensions: wire.dimensions,
        task,
        encodings: vec![encoding],
        ext,
        ..Request::default()
    })
}

/// Not OpenAI's own, but the field that servers in its format have for this, in their various words.
fn task(name: &str) -> Option<Task> {
    match name {
        "classification" => Some(Task::Classification),
        "clustering" => Some(Task::Clustering),
        "document" | "passage" | "search_document" => Some(Task::Document),
        "query" | "search_query" => Some(Task::Query),
        _ => None,
    }
}

pub(super) fn write_request(request: &Request, texts: &[String], model: &str) -> Vec<u8> {
    // Without `encoding_format`, which not every server in this format knows; the answer is read either way.
    let mut body = json!({ "model": model, "input": texts });
    if let Some(dimensions) = request.dimensions {
        body["dimensions"] = dimensions.into();
    }
    json(&body)
}

#[derive(Deserialize)]
struct Answer {
    data: Bounded<Item>,
    usage: Option<Value>,
}

#[derive(Deserialize)]
struct Item {
    index: Option<usize>,
    embedding: Vector,
}

pub(super) fn read_response(body: &[u8]) -> Option<Response> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let mut vectors = vec![None; answer.data.0.len()];
    for (at, item) in answer.data.0.into_iter().enumerate() {
        let place = vectors.get_mut(item.index.unwrap_or(at))?;
        if place.replace(item.embedding).is_some() {
            return None;
        }
    }
    Some(Response {
        vectors: vectors.into_iter().collect::<Option<_>>()?,
        input_tokens: count(answer.usage.as_ref(), &["/prompt_tokens", "/total_tokens"]),
    })
}

#[derive(Serialize)]
struct Written<'a> {
    object: &'static str,
    data: Vec<WrittenItem<'a>>,
    model: &'a str,
    usage: Value,
}

#[derive(Serialize)]
struct WrittenItem<'a> {
    object: &'static str,
    index: usize,
    embedding: Encoded<'a>,
}

pub(super) fn write_response(response: &Response, reply: &Reply) -> Vec<u8> {
    let encoding = reply.encodings.first().copied().unwrap_or(Encoding::Float);
    // Clients require both counts; zero stands for an upstream that does not tell.
    let tokens = response.input_tokens.unwrap_or(0);
    json(&Written {
        object: "list",
        data: response
            .vectors
            .iter()
            .enumerate()
            .map(|(index, vector)| WrittenItem {
                object: "embedding",
                index,
                embedding: vector.encoded(encoding),
            })
            .collect(),
        model: &reply.model,
        usage: json!({ "prompt_tokens": tokens, "total_tokens": tokens }),
    })
}
