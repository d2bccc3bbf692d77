//! What every wire format can do, seen from the two sides of byok: [`ClientFormat`] for those who call
//! us, [`UpstreamFormat`] for those whom we call. A family implements both; Ollama's own format and the
//! legacy completions are spoken to clients only.

use byok_types::chat::{Event, Request, Response, Show};
use byok_types::model::ModelFacts;
use byok_types::{Dialect, Family, Fault, RawJson};

use crate::fit::Dropped;
use crate::framing::Framing;
use crate::sse::Frame;

/// What a request says outside its body (Gemini's model and method stand in the path).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathWish<'a> {
    /// The model named in the path.
    pub model: Option<&'a str>,
    /// Whether the path asks for a stream.
    pub stream: bool,
    /// Whether a Gemini client asked to stream without `alt=sse`: the answer is one JSON array.
    pub json_array: bool,
}

/// A wire format as clients speak it.
pub trait ClientFormat: Sync {
    /// Reads a request body. Unknown fields are no error; what has no canonical place lands in
    /// [`Request::ext`]. Wrong types and missing required fields are errors that name the field.
    fn read_request(&self, body: &[u8], path: PathWish<'_>) -> Result<Request, ReadError>;

    /// What the answer must know about the request. `request` is the request as the client sent it.
    fn reply(&self, request: &Request, id: AnswerId) -> Reply {
        Reply::new(request, id)
    }

    /// Writes a whole answer.
    fn write_response(&self, response: &Response, reply: &Reply) -> Vec<u8>;

    /// A writer for one streamed answer.
    fn event_writer(&self, reply: Reply) -> Box<dyn EventWriter>;

    /// Writes a fault as the body of an answer with the status of [`ClientFormat::fault_status`].
    fn write_fault(&self, fault: &Fault) -> Vec<u8>;

    /// The status that this format's clients understand for `fault` (529 is 503 for all but Anthropic's).
    fn fault_status(&self, fault: &Fault) -> u16 {
        match fault.status {
            529 => 503,
            498 => 401,
            status => status,
        }
    }

    /// The content type of a streamed answer.
    fn stream_content_type(&self, _reply: &Reply) -> &'static str {
        "text/event-stream; charset=utf-8"
    }
}

/// A wire format as upstreams speak it.
pub trait UpstreamFormat: Sync {
    /// Takes out of a fitted request what this wire cannot carry although its family can, and names it; or
    /// refuses it.
    fn admit(&self, _request: &mut Request, _dropped: &mut Vec<Dropped>) -> Result<(), Box<Fault>> {
        Ok(())
    }

    /// Writes a request body. The request has been through [`crate::fit`], so everything in it can be
    /// expressed; the writer adds what a translated call always sets.
    fn write_request(&self, request: &Request, facts: &ModelFacts) -> Vec<u8>;

    /// The path of the call below the API's base (`/v1/messages`, `/chat/completions`,
    /// `/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse`), with the model percent-encoded.
    /// OpenAI-shaped families leave out `/v1`, which belongs to their base.
    fn path(&self, model: &str, stream: bool) -> String;

    /// Reads a whole answer. An answer that is an error in disguise, or no answer at all, is a fault.
    fn read_response(&self, body: &[u8]) -> Result<Response, Box<Fault>>;

    /// A reader for one streamed answer.
    fn event_reader(&self) -> Box<dyn EventReader>;

    /// How a streamed answer is cut into frames.
    fn framing(&self) -> Framing {
        Framing::Events
    }

    /// Reads an error answer. Never fails: a body that makes no sense becomes a short message.
    fn read_fault(&self, status: u16, body: &[u8]) -> Fault;
}

/// Turns one upstream's frames into events. Owes the grammar of [`byok_types::chat::event`].
pub trait EventReader: Send {
    /// Reads one frame. A broken one becomes [`Event::Error`]; after that nothing is read.
    fn read(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>);

    /// The upstream's bytes have ended: completes the answer, or reports that it broke off.
    fn finish(&mut self, out: &mut Vec<Event>);
}

/// Turns events into one client's bytes.
pub trait EventWriter: Send {
    /// Writes one event. [`Event::Error`] becomes the format's in-band error, after which nothing may follow.
    fn write(&mut self, event: &Event, out: &mut Vec<u8>);

    /// Writes the format's sign of life, where it has a safe one.
    fn keepalive(&mut self, out: &mut Vec<u8>);
}

/// What an answer is called: made by the proxy, because nothing here is random.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerId {
    /// Unique letters and digits, at least 16 of them; each format puts its prefix before it.
    pub unique: String,
    /// When the answer began, in Unix seconds.
    pub created: u64,
}

/// What the writer of an answer must know about the request.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// What the answer is called.
    pub id: AnswerId,
    /// The model as the client named it; it is echoed, whatever the upstream calls its own.
    pub model: String,
    /// Whether a Chat client asked for the usage chunk.
    pub include_usage: bool,
    /// Whether a Gemini client wants one JSON array instead of events.
    pub json_array: bool,
    /// What of the thoughts the client wants to see.
    pub show: Show,
    /// Whether a Chat client used the legacy `functions`.
    pub legacy_functions: bool,
    /// Fields of the request that the format's answer repeats (OpenAI Responses).
    pub echo: Vec<(&'static str, RawJson)>,
}

impl Reply {
    /// What every format needs.
    pub fn new(request: &Request, id: AnswerId) -> Self {
        Self {
            id,
            model: request.model.clone(),
            include_usage: request.stream.include_usage,
            json_array: request.stream.json_array,
            show: request.reasoning.show,
            legacy_functions: false,
            echo: Vec::new(),
        }
    }
}

/// Why a request could not be read. Always the client's fault: 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The body is not JSON, or not an object.
    #[error("the request body is not a JSON object: {0}")]
    NotJson(String),
    /// A field has the wrong type or an impossible value.
    #[error("{field}: {reason}")]
    Field {
        /// The field's path, such as `messages[2].content`.
        field: String,
        /// What is wrong with it. Never repeats the value.
        reason: String,
    },
}

impl ReadError {
    /// An error about one field.
    pub fn field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Field { field: field.into(), reason: reason.into() }
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        let message = error.to_string();
        let mut fault = Self::new(400, byok_types::Blame::Client, message);
        if let ReadError::Field { field, .. } = error {
            fault.param = Some(field);
        }
        fault
    }
}

/// The client side of a dialect.
pub fn dialect(dialect: Dialect) -> &'static dyn ClientFormat {
    match dialect {
        Dialect::Anthropic => &crate::anthropic::Anthropic,
        Dialect::Cohere => &crate::cohere::Cohere,
        Dialect::Completions => &crate::completions::Completions,
        Dialect::Gemini => &crate::gemini::Gemini,
        Dialect::OllamaChat => &crate::ollama::OllamaChat,
        Dialect::OllamaGenerate => &crate::ollama::OllamaGenerate,
        Dialect::OpenaiChat => &crate::openai_chat::OpenaiChat,
        Dialect::OpenaiResponses => &crate::openai_responses::OpenaiResponses,
    }
}

/// How an upstream's calls are written down, where that is not as its family's own vendor does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Wire {
    /// Google's Code Assist: Gemini's format in an envelope.
    CodeAssist,
    /// AWS's Kiro: a conversation state, answered as a binary event stream. What it can express is what a
    /// Chat upstream can, less what the model facts of its provider say.
    Kiro,
    /// As the family's own vendor.
    #[default]
    Own,
}

/// The upstream side of a family, on a wire.
pub fn upstream(of: Family, wire: Wire) -> &'static dyn UpstreamFormat {
    match wire {
        Wire::CodeAssist => &crate::code_assist::CodeAssist,
        Wire::Kiro => &crate::kiro::Kiro,
        Wire::Own => family(of),
    }
}

/// The upstream side of a family.
pub fn family(family: Family) -> &'static dyn UpstreamFormat {
    match family {
        Family::Anthropic => &crate::anthropic::Anthropic,
        Family::Cohere => &crate::cohere::Cohere,
        Family::Gemini => &crate::gemini::Gemini,
        Family::OpenaiChat => &crate::openai_chat::OpenaiChat,
        Family::OpenaiResponses => &crate::openai_responses::OpenaiResponses,
    }
}
