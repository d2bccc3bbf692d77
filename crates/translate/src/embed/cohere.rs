//! Cohere's `/v2/embed` (cohere 7.3, `v2/raw_client.py` and `types/embed_by_type_response*.py`).
//!
//! It also embeds images and gives quantised vectors. Neither exists in the other formats: the first is
//! refused here, the second by `fit`.

use byok_types::chat::Weight;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::request::{Encoding, Ext, Request, Said, Task, Truncate};
use super::vector::{Encoded, Vector};
use super::wire::{Bounded, Names, count, json};
use super::{Reply, Response};
use crate::format::ReadError;
use crate::wire::parse_request;

#[derive(Deserialize)]
struct Body {
    texts: Option<Bounded<String>>,
    images: Option<Bounded<IgnoredAny>>,
    inputs: Option<Bounded<Input>>,
    input_type: Option<String>,
    output_dimension: Option<u32>,
    embedding_types: Option<Bounded<String>>,
    truncate: Option<String>,
    max_tokens: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Input {
    content: Option<Bounded<Content>>,
}

#[derive(Deserialize)]
struct Content {
    text: Option<String>,
}

/// `priority` says how soon, not what. `max_tokens` is looked at for itself.
const KNOWN: [&str; 10] = [
    "embedding_types",
    "images",
    "input_type",
    "inputs",
    "max_tokens",
    "model",
    "output_dimension",
    "priority",
    "texts",
    "truncate",
];

pub(super) fn read_request(body: &[u8]) -> Result<Request, ReadError> {
    let wire: Body = parse_request(body)?;
    if wire.images.is_some_and(|images| !images.0.is_empty()) {
        return Err(ReadError::field("images", NO_IMAGES));
    }
    let echoes_texts = wire.texts.is_some();
    let texts = match (wire.texts, wire.inputs) {
        (Some(_), Some(_)) => {
            return Err(ReadError::field("inputs", "stands beside texts; give one of them"));
        }
        (Some(texts), None) => texts.0,
        (None, Some(inputs)) => inputs.0.into_iter().enumerate().map(text).collect::<Result<Vec<_>, _>>()?,
        (None, None) => Vec::new(),
    };
    if texts.is_empty() {
        return Err(ReadError::field("texts", "is required and must not be empty"));
    }
    let mut ext = Vec::new();
    let mut leave_out = |field: &str, weight| ext.push(Ext::new(field, weight));
    if wire.max_tokens.is_some() {
        leave_out("max_tokens", Weight::Meaning);
    }
    let task = wire.input_type.as_deref().and_then(|name| {
        let value = task(name);
        if value.is_none() {
            leave_out("input_type", Weight::Meaning);
        }
        Some(Said { field: "input_type", value: value? })
    });
    let truncate = match wire.truncate.as_deref() {
        None => None,
        Some("END") => Some(Truncate::End),
        Some("NONE") => Some(Truncate::Never),
        Some("START") => Some(Truncate::Start),
        Some(_) => return Err(ReadError::field("truncate", "must be NONE, START or END")),
    };
    let mut encodings = Vec::new();
    for name in wire.embedding_types.map(|types| types.0).unwrap_or_default() {
        let encoding = match name.as_str() {
            "base64" => Encoding::Base64,
            "float" => Encoding::Float,
            _ => {
                leave_out("embedding_types", Weight::Essential);
                continue;
            }
        };
        if !encodings.contains(&encoding) {
            encodings.push(encoding);
        }
    }
    if encodings.is_empty() {
        encodings.push(Encoding::Float);
    }
    Names::of(body).unknown("", &KNOWN, &mut ext);
    Ok(Request {
        texts,
        echoes_texts,
        dimensions: wire.output_dimension,
        task,
        truncate: truncate.map(|value| Said { field: "truncate", value }),
        encodings,
        ext,
    })
}

const NO_IMAGES: &str = "only texts can be embedded by this model's provider";

/// The text of an input that may have several parts.
fn text((at, input): (usize, Input)) -> Result<String, ReadError> {
    let field = format!("inputs[{at}].content");
    let parts = input.content.ok_or_else(|| ReadError::field(&field, "is required"))?;
    let text = |(part, content): (usize, Content)| {
        content.text.ok_or_else(|| ReadError::field(format!("{field}[{part}]"), NO_IMAGES))
    };
    let texts = parts.0.into_iter().enumerate().map(text).collect::<Result<Vec<_>, _>>()?;
    Ok(texts.join("\n"))
}

fn task(name: &str) -> Option<Task> {
    match name {
        "classification" => Some(Task::Classification),
        "clustering" => Some(Task::Clustering),
        "search_document" => Some(Task::Document),
        "search_query" => Some(Task::Query),
        _ => None,
    }
}

/// The nearest of the tasks that Cohere has.
pub(super) fn nearest(task: Task) -> Task {
    match task {
        Task::Classification | Task::Clustering | Task::Document | Task::Query => task,
        Task::CodeQuery | Task::FactCheck | Task::Question => Task::Query,
        // Compared with its like, so both sides have to be embedded in the same way.
        Task::Similarity => Task::Document,
    }
}

/// The name of the [`nearest`] task.
pub(super) fn task_name(task: Task) -> &'static str {
    match task {
        Task::Classification => "classification",
        Task::Clustering => "clustering",
        Task::Document | Task::Similarity => "search_document",
        Task::CodeQuery | Task::FactCheck | Task::Query | Task::Question => "search_query",
    }
}

pub(super) fn write_request(request: &Request, texts: &[String], model: &str) -> Vec<u8> {
    let mut body = json!({ "model": model, "texts": texts, "embedding_types": ["float"] });
    if let Some(task) = request.task {
        body["input_type"] = task_name(task.value).into();
    }
    if let Some(dimensions) = request.dimensions {
        body["output_dimension"] = dimensions.into();
    }
    if let Some(truncate) = request.truncate {
        let name = match truncate.value {
            Truncate::End => "END",
            Truncate::Never => "NONE",
            Truncate::Start => "START",
        };
        body["truncate"] = name.into();
    }
    json(&body)
}

#[derive(Deserialize)]
struct Answer {
    embeddings: ByType,
    meta: Option<Value>,
}

#[derive(Deserialize)]
struct ByType {
    float: Option<Bounded<Vector>>,
    base64: Option<Bounded<Vector>>,
}

pub(super) fn read_response(body: &[u8]) -> Option<Response> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let Bounded(vectors) = answer.embeddings.float.or(answer.embeddings.base64)?;
    let counts = ["/tokens/input_tokens", "/billed_units/input_tokens"];
    Some(Response { vectors, input_tokens: count(answer.meta.as_ref(), &counts) })
}

#[derive(Serialize)]
struct Written<'a> {
    id: &'a str,
    embeddings: WrittenByType<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    texts: &'a [String],
    meta: Value,
    response_type: &'static str,
}

#[derive(Serialize)]
struct WrittenByType<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    float: Option<Vec<Encoded<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<Vec<Encoded<'a>>>,
}

pub(super) fn write_response(response: &Response, reply: &Reply) -> Vec<u8> {
    let encoded = |encoding: Encoding| {
        let wanted = reply.encodings.contains(&encoding);
        wanted.then(|| response.vectors.iter().map(|vector| vector.encoded(encoding)).collect())
    };
    let mut meta = json!({ "api_version": { "version": "2" } });
    if let Some(tokens) = response.input_tokens {
        meta["billed_units"] = json!({ "input_tokens": tokens });
    }
    json(&Written {
        id: &reply.id.unique,
        embeddings: WrittenByType { float: encoded(Encoding::Float), base64: encoded(Encoding::Base64) },
        texts: &reply.texts,
        meta,
        response_type: "embeddings_by_type",
    })
}
