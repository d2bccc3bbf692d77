//! What a request to the echo upstream asks for, whatever its format, and how one is refused.
//!
//! The formats' modules fill an [`Ask`] from a body. They check what a real provider would: that required
//! fields are there, that turns make sense, that results belong to calls.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::Value;

/// How many tokens fit into a request, as the model lists say.
pub(super) const CONTEXT: u32 = 128_000;
/// How many tokens an answer may have, as the model lists say.
pub(super) const OUTPUT: u32 = 8_192;

/// The models there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EchoModel {
    /// Says back what it was told, at once.
    Echo,
    /// Always too busy.
    Error,
    /// One word each tenth of a second.
    Slow,
}

impl EchoModel {
    pub(super) const ALL: [Self; 3] = [Self::Echo, Self::Slow, Self::Error];

    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Echo => "echo-1",
            Self::Error => "echo-error",
            Self::Slow => "echo-slow",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Echo => "Echo",
            Self::Error => "Echo, always overloaded",
            Self::Slow => "Echo, one word each 100 ms",
        }
    }

    /// The model with that id, or a 404.
    pub(super) fn named(id: &str) -> Result<Self, Refusal> {
        Self::ALL.into_iter().find(|model| model.id() == id).ok_or_else(|| Refusal {
            status: StatusCode::NOT_FOUND,
            message: format!("The model `{id}` does not exist; there are echo-1, echo-slow and echo-error."),
            param: Some("model".to_owned()),
        })
    }
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) model: EchoModel,
    pub(super) stream: bool,
    /// Turns of the conversation, without system text.
    pub(super) messages: usize,
    pub(super) tools: Vec<Tool>,
    pub(super) choice: Choice,
    pub(super) last: Last,
    /// The schema that the whole answer must follow.
    pub(super) schema: Option<Value>,
    /// How many words the answer may have.
    pub(super) limit: Option<u64>,
    /// A plausible count for the request.
    pub(super) input_tokens: u64,
    /// Whether a stream ends with a count (OpenAI's `stream_options.include_usage`).
    pub(super) usage_in_stream: bool,
}

/// A tool that may be called.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) input: Input,
}

/// What a tool takes.
#[derive(Debug)]
pub(super) enum Input {
    /// JSON of this schema.
    Schema(Value),
    /// Free text (OpenAI's custom tools).
    Text,
}

/// Whether a tool is to be called.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Auto,
    Never,
    /// Any, or the one of this name.
    Must(Option<String>),
}

/// What the conversation ends in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// What a tool returned.
    Result(String),
    /// What the person said.
    Text(String),
}

/// A request that is not served.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: String,
    /// The field at fault.
    pub(super) param: Option<String>,
}

impl Refusal {
    /// 400: this field is wrong.
    pub(super) fn field(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into(), param: Some(param.into()) }
    }

    /// 401: no credential, or a wrong one.
    pub(super) fn unauthorized(message: &str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, message: message.to_owned(), param: None }
    }

    /// 404: nothing is served at this path.
    pub(super) fn no_such_path() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: "The echo upstream serves nothing at this path.".to_owned(),
            param: None,
        }
    }
}

/// The calls of a conversation that wait for their results.
#[derive(Default)]
pub(super) struct Calls(BTreeSet<String>);

impl Calls {
    pub(super) fn made(&mut self, id: &str) {
        self.0.insert(id.to_owned());
    }

    /// Whether none waits.
    pub(super) fn settled(&self) -> bool {
        self.0.is_empty()
    }

    /// A result came; 400 if nothing asked for it.
    pub(super) fn answered(&mut self, id: &str, param: &str) -> Result<(), Refusal> {
        if self.0.remove(id) {
            return Ok(());
        }
        Err(Refusal::field(param, format!("The result `{id}` belongs to no call that waits for one.")))
    }
}

/// The text of a required field that is not empty.
pub(super) fn text_field<'a>(object: &'a Value, name: &str, path: &str) -> Result<&'a str, Refusal> {
    let path = join(path, name);
    match object.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(Value::String(_)) => Err(Refusal::field(&path, format!("{path}: must not be empty"))),
        Some(_) => Err(Refusal::field(&path, format!("{path}: must be a string"))),
        None => Err(Refusal::field(&path, format!("{path}: Field required"))),
    }
}

/// The items of a required list that is not empty.
pub(super) fn list_field<'a>(object: &'a Value, name: &str) -> Result<&'a [Value], Refusal> {
    match object.get(name) {
        Some(Value::Array(items)) if !items.is_empty() => Ok(items),
        Some(Value::Array(_)) => Err(Refusal::field(name, format!("{name}: must not be empty"))),
        Some(_) => Err(Refusal::field(name, format!("{name}: must be a list"))),
        None => Err(Refusal::field(name, format!("{name}: Field required"))),
    }
}

/// The items of a list that may be absent.
pub(super) fn items<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A positive whole number that may be absent.
pub(super) fn limit_field(object: &Value, name: &str) -> Result<Option<u64>, Refusal> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(limit) if limit > 0 => Ok(Some(limit)),
            _ => Err(Refusal::field(name, format!("{name}: must be a whole number above 0"))),
        },
    }
}

/// Whether the request asks for a stream.
pub(super) fn stream_field(object: &Value) -> Result<bool, Refusal> {
    match object.get("stream") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(stream)) => Ok(*stream),
        Some(_) => Err(Refusal::field("stream", "stream: must be true or false")),
    }
}

/// The text of a content that is a string, or a list of parts with `text` in them.
pub(super) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    }
}

/// About how many tokens a body has: four bytes each.
pub(super) fn estimate(body: &Value) -> u64 {
    (body.to_string().len() as u64).div_ceil(4)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
