//! Gemini's `:embedContent` and `:batchEmbedContents` (google-genai 3.6, `models.py` and `types.py`).
//!
//! Upstreams are asked for batches only, as the vendor's own SDK does.

use std::fmt;
use std::ops::Range;

use byok_types::chat::Weight;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Response;
use super::request::{Encoding, Ext, Request, Said, Task, Truncate};
use super::vector::Vector;
use super::wire::{Bounded, Names, count, json};
use crate::format::ReadError;
use crate::wire::parse_request;

#[derive(Deserialize)]
struct Batch {
    requests: Option<Bounded<One>>,
}

#[derive(Deserialize)]
struct One {
    content: Option<Content>,
    #[serde(rename = "taskType", alias = "task_type")]
    task: Option<String>,
    title: Option<IgnoredAny>,
    #[serde(rename = "outputDimensionality", alias = "output_dimensionality")]
    dimensions: Option<u32>,
    #[serde(rename = "embedContentConfig", alias = "embed_content_config")]
    config: Option<Config>,
}

/// Where newer clients put the same, and more.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(rename = "taskType", alias = "task_type")]
    task: Option<String>,
    title: Option<IgnoredAny>,
    #[serde(rename = "outputDimensionality", alias = "output_dimensionality")]
    dimensions: Option<u32>,
    #[serde(rename = "autoTruncate", alias = "auto_truncate")]
    truncate: Option<bool>,
    #[serde(rename = "documentOcr", alias = "document_ocr")]
    ocr: Option<IgnoredAny>,
    #[serde(rename = "audioTrackExtraction", alias = "audio_track_extraction")]
    audio: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Content {
    parts: Option<Bounded<Part>>,
}

/// A part: its text, and the first of its fields that is none.
#[derive(Default)]
struct Part {
    text: Option<String>,
    other: Option<String>,
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Part;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a part")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part, A::Error> {
                let mut part = Part::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "text" {
                        part.text = map.next_value()?;
                    } else if map.next_value::<Option<IgnoredAny>>()?.is_some() {
                        part.other.get_or_insert(name);
                    }
                }
                Ok(part)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

const KNOWN_OF_BATCH: [&str; 2] = ["model", "requests"];
const KNOWN_OF_ONE: [&str; 9] = [
    "content",
    "embedContentConfig",
    "embed_content_config",
    "model",
    "outputDimensionality",
    "output_dimensionality",
    "taskType",
    "task_type",
    "title",
];

pub(super) fn read_one(body: &[u8]) -> Result<Request, ReadError> {
    let one: One = parse_request(body)?;
    let mut read = Read::default();
    read.one(one, "")?;
    Names::of(body).unknown("", &KNOWN_OF_ONE, &mut read.0.ext);
    Ok(read.0)
}

pub(super) fn read_batch(body: &[u8]) -> Result<Request, ReadError> {
    #[derive(Deserialize)]
    struct NamesOfEach {
        requests: Bounded<Names>,
    }
    let batch: Batch = parse_request(body)?;
    let mut read = Read::default();
    for (at, one) in batch.requests.map(|requests| requests.0).unwrap_or_default().into_iter().enumerate() {
        read.one(one, &format!("requests[{at}]."))?;
    }
    if read.0.texts.is_empty() {
        return Err(ReadError::field("requests", "is required and must not be empty"));
    }
    Names::of(body).unknown("", &KNOWN_OF_BATCH, &mut read.0.ext);
    if let Ok(NamesOfEach { requests }) = serde_json::from_slice(body) {
        for names in requests.0 {
            names.unknown("requests[].", &KNOWN_OF_ONE, &mut read.0.ext);
        }
    }
    Ok(read.0)
}

/// A request that is being put together of many.
struct Read(Request);

impl Default for Read {
    fn default() -> Self {
        Self(Request { encodings: vec![Encoding::Float], ..Request::default() })
    }
}

impl Read {
    fn one(&mut self, one: One, path: &str) -> Result<(), ReadError> {
        let is_first = self.0.texts.is_empty();
        self.0.texts.push(text(one.content, path)?);
        let config = one.config.unwrap_or_default();
        if one.title.or(config.title).is_some() {
            self.leave_out("title");
        }
        if config.ocr.is_some() {
            self.leave_out("documentOcr");
        }
        if config.audio.is_some() {
            self.leave_out("audioTrackExtraction");
        }
        let name = one.task.or(config.task).filter(|name| name != "TASK_TYPE_UNSPECIFIED");
        let task = name.as_deref().and_then(|name| {
            let value = task(name);
            if value.is_none() {
                self.leave_out("taskType");
            }
            Some(Said { field: "taskType", value: value? })
        });
        let truncate = config.truncate.map(|cut| Said {
            field: "autoTruncate",
            value: if cut { Truncate::End } else { Truncate::Never },
        });
        let dimensions = one.dimensions.or(config.dimensions);
        let same = |field: &str, is_same: bool| {
            let reason = "must be the same in the whole batch, since this model's provider takes one for all";
            if is_first || is_same { Ok(()) } else { Err(ReadError::field(format!("{path}{field}"), reason)) }
        };
        same("taskType", self.0.task == task)?;
        same("autoTruncate", self.0.truncate == truncate)?;
        same("outputDimensionality", self.0.dimensions == dimensions)?;
        (self.0.task, self.0.truncate, self.0.dimensions) = (task, truncate, dimensions);
        Ok(())
    }

    fn leave_out(&mut self, field: &str) {
        let ext = Ext::new(field, Weight::Meaning);
        if !self.0.ext.contains(&ext) {
            self.0.ext.push(ext);
        }
    }
}

/// The text of a content that may have several parts.
fn text(content: Option<Content>, path: &str) -> Result<String, ReadError> {
    let parts = content.and_then(|content| content.parts).map(|parts| parts.0).unwrap_or_default();
    if parts.is_empty() {
        return Err(ReadError::field(format!("{path}content"), "is required and must have parts"));
    }
    let mut texts = Vec::with_capacity(parts.len());
    for (at, part) in parts.into_iter().enumerate() {
        if let Some(text) = part.text {
            texts.push(text);
        } else {
            let name = part.other.map(|name| format!(".{name}")).unwrap_or_default();
            let field = format!("{path}content.parts[{at}]{name}");
            return Err(ReadError::field(field, "only texts can be embedded by this model's provider"));
        }
    }
    Ok(texts.join("\n"))
}

fn task(name: &str) -> Option<Task> {
    TASKS.iter().find(|(_, is)| *is == name).map(|(task, _)| *task)
}

fn task_name(task: Task) -> &'static str {
    TASKS.iter().find(|(is, _)| *is == task).map_or("TASK_TYPE_UNSPECIFIED", |(_, name)| name)
}

const TASKS: [(Task, &str); 8] = [
    (Task::Classification, "CLASSIFICATION"),
    (Task::Clustering, "CLUSTERING"),
    (Task::CodeQuery, "CODE_RETRIEVAL_QUERY"),
    (Task::Document, "RETRIEVAL_DOCUMENT"),
    (Task::FactCheck, "FACT_VERIFICATION"),
    (Task::Query, "RETRIEVAL_QUERY"),
    (Task::Question, "QUESTION_ANSWERING"),
    (Task::Similarity, "SEMANTIC_SIMILARITY"),
];

#[derive(Serialize)]
struct Written<'a> {
    requests: Vec<WrittenOne<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenOne<'a> {
    model: &'a str,
    content: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u32>,
}

pub(super) fn write_request(request: &Request, texts: &[String], model: &str) -> Vec<u8> {
    let model = format!("models/{model}");
    let one = |text: &String| WrittenOne {
        model: &model,
        content: json!({ "parts": [{ "text": text }] }),
        task_type: request.task.map(|task| task_name(task.value)),
        output_dimensionality: request.dimensions,
    };
    json(&Written { requests: texts.iter().map(one).collect() })
}

#[derive(Deserialize)]
struct Answer {
    embeddings: Bounded<Embedding>,
    #[serde(rename = "usageMetadata")]
    usage: Option<Value>,
}

#[derive(Deserialize)]
struct Embedding {
    values: Vector,
}

pub(super) fn read_response(body: &[u8]) -> Option<Response> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let Bounded(embeddings) = answer.embeddings;
    Some(Response {
        vectors: embeddings.into_iter().map(|embedding| embedding.values).collect(),
        input_tokens: count(answer.usage.as_ref(), &["/promptTokenCount", "/totalTokenCount"]),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenAnswer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding: Option<WrittenEmbedding<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embeddings: Option<Vec<WrittenEmbedding<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<Value>,
}

#[derive(Serialize)]
struct WrittenEmbedding<'a> {
    values: &'a Vector,
}

fn usage(response: &Response) -> Option<Value> {
    response.input_tokens.map(|tokens| json!({ "promptTokenCount": tokens, "totalTokenCount": tokens }))
}

pub(super) fn write_batch(response: &Response) -> Vec<u8> {
    let embeddings = response.vectors.iter().map(|values| WrittenEmbedding { values }).collect();
    json(&WrittenAnswer { embedding: None, embeddings: Some(embeddings), usage_metadata: usage(response) })
}

pub(super) fn write_one(response: &Response) -> Vec<u8> {
    let embedding = response.vectors.first().map(|values| WrittenEmbedding { values });
    json(&WrittenAnswer { embedding, embeddings: None, usage_metadata: usage(response) })
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct NamedBatch<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    requests: Option<Bounded<Named<'a>>>,
}

pub(super) fn renamed(body: &[u8], model: &str) -> Result<Vec<u8>, ReadError> {
    let named: NamedBatch<'_> = parse_request(body)?;
    let each = named.requests.map(|requests| requests.0).unwrap_or_default();
    let raw = each.into_iter().map(|one| one.model).chain([named.model]).flatten();
    // A raw value is a slice of the body; its address tells where.
    let place = |raw: &RawValue| {
        let start = raw.get().as_ptr().addr() - body.as_ptr().addr();
        start..start + raw.get().len()
    };
    let mut places: Vec<Range<usize>> = raw.filter(|raw| raw.get().starts_with('"')).map(place).collect();
    places.sort_by_key(|place| place.start);
    let name = Value::from(format!("models/{model}")).to_string();
    let mut patched = Vec::with_capacity(body.len() + places.len() * name.len());
    let mut done = 0;
    for place in places {
        patched.extend_from_slice(body.get(done..place.start).unwrap_or_default());
        patched.extend_from_slice(name.as_bytes());
        done = place.end;
    }
    patched.extend_from_slice(body.get(done..).unwrap_or_default());
    Ok(patched)
}
