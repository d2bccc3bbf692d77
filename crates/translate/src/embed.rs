//! Embeddings: texts in, vectors out, between four client formats and three upstream formats.
//!
//! Where the client's format is the upstream's, nothing here is needed but [`path`] and [`renamed`]: the
//! bytes pass. Otherwise an [`Exchange`] reads the request into one canonical value, fits it to the target
//! (what is lost is reported or refused), and writes it, as several calls where the upstream takes fewer
//! texts at once; their answers become one in the client's format.
//!
//! - `request`: the canonical request. `fit`: what a target cannot express.
//! - `cohere`, `gemini`, `openai`: both sides of a format. `ollama`: spoken to clients only.
//! - `vector`: numbers and their base64. `wire`: shared pieces.
//!
//! A vector is of `f32`, which is what models compute: a decimal is read as the nearest one, and written
//! as the shortest decimal that means it.

mod cohere;
mod fit;
mod gemini;
mod ollama;
mod openai;
mod request;
mod vector;
mod wire;

#[cfg(test)]
mod tests;

use byok_types::chat::Usage;
use byok_types::{Dialect, Family, Fault};

use crate::exchange::Whole;
use crate::fit::{Dropped, Lossy};
use crate::format::{AnswerId, ReadError, family};
use request::{Encoding, Request};
use vector::Vector;

/// The most texts of one request; what OpenAI itself takes at once.
pub const MAX_INPUTS: usize = 2048;

/// How a client asks for embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// `POST /v2/embed`
    Cohere,
    /// `POST /v1beta/models/{model}:batchEmbedContents`
    GeminiBatch,
    /// `POST /v1beta/models/{model}:embedContent`
    GeminiOne,
    /// `POST /api/embed`
    Ollama,
    /// `POST /api/embeddings`, for one text
    OllamaLegacy,
    /// `POST /v1/embeddings`
    Openai,
}

impl Client {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Cohere, Self::GeminiBatch, Self::GeminiOne, Self::Ollama, Self::OllamaLegacy, Self::Openai];

    /// In whose format errors are written.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Cohere => Dialect::Cohere,
            Self::GeminiBatch | Self::GeminiOne => Dialect::Gemini,
            Self::Ollama | Self::OllamaLegacy => Dialect::OllamaChat,
            Self::Openai => Dialect::OpenaiChat,
        }
    }

    /// The upstream format with the same bytes on the wire.
    pub fn upstream(self) -> Option<Upstream> {
        match self {
            Self::Cohere => Some(Upstream::Cohere),
            Self::GeminiBatch | Self::GeminiOne => Some(Upstream::Gemini),
            Self::Ollama | Self::OllamaLegacy => None,
            Self::Openai => Some(Upstream::Openai),
        }
    }

    fn read_request(self, body: &[u8]) -> Result<Request, ReadError> {
        match self {
            Self::Cohere => cohere::read_request(body),
            Self::GeminiBatch => gemini::read_batch(body),
            Self::GeminiOne => gemini::read_one(body),
            Self::Ollama => ollama::read_request(body),
            Self::OllamaLegacy => ollama::read_legacy(body),
            Self::Openai => openai::read_request(body),
        }
    }

    fn write_response(self, response: &Response, reply: &Reply) -> Vec<u8> {
        match self {
            Self::Cohere => cohere::write_response(response, reply),
            Self::GeminiBatch => gemini::write_batch(response),
            Self::GeminiOne => gemini::write_one(response),
            Self::Ollama => ollama::write_response(response, reply),
            Self::OllamaLegacy => ollama::write_legacy(response),
            Self::Openai => openai::write_response(response, reply),
        }
    }
}

/// How an upstream is asked for embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Upstream {
    /// `POST /v2/embed`
    Cohere,
    /// `POST /v1beta/models/{model}:batchEmbedContents`
    Gemini,
    /// `POST /v1/embeddings`
    Openai,
}

impl Upstream {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Cohere, Self::Gemini, Self::Openai];

    /// That of a family; `None` where the family has no embeddings.
    pub fn of(family: Family) -> Option<Self> {
        match family {
            Family::Anthropic | Family::OpenaiResponses => None,
            Family::Cohere => Some(Self::Cohere),
            Family::Gemini => Some(Self::Gemini),
            Family::OpenaiChat => Some(Self::Openai),
        }
    }

    /// The family it belongs to, whose errors it answers with.
    pub fn family(self) -> Family {
        match self {
            Self::Cohere => Family::Cohere,
            Self::Gemini => Family::Gemini,
            Self::Openai => Family::OpenaiChat,
        }
    }

    /// How many texts it takes in one call. Cohere's is in its own SDK; Gemini's is what its service says
    /// when it refuses more (seen in 2025 and 2026). OpenAI-shaped servers each have their own.
    fn most_at_once(self) -> usize {
        match self {
            Self::Cohere => 96,
            Self::Gemini => 100,
            Self::Openai => MAX_INPUTS,
        }
    }

    fn write_request(self, request: &Request, texts: &[String], model: &str) -> Vec<u8> {
        match self {
            Self::Cohere => cohere::write_request(request, texts, model),
            Self::Gemini => gemini::write_request(request, texts, model),
            Self::Openai => openai::write_request(request, texts, model),
        }
    }

    fn read_response(self, body: &[u8]) -> Option<Response> {
        match self {
            Self::Cohere => cohere::read_response(body),
            Self::Gemini => gemini::read_response(body),
            Self::Openai => openai::read_response(body),
        }
    }
}

/// The path of a call below the API's base, for a client whose bytes pass or, with `None`, for one whose
/// request is translated.
pub fn path(upstream: Upstream, client: Option<Client>, model: &str) -> String {
    match upstream {
        Upstream::Cohere => "/v2/embed".to_owned(),
        Upstream::Gemini => {
            let method =
                if client == Some(Client::GeminiOne) { "embedContent" } else { "batchEmbedContents" };
            family(Family::Gemini).path(model, false).replace("generateContent", method)
        }
        Upstream::Openai => "/embeddings".to_owned(),
    }
}

/// A Gemini body in which every model that it names (its own, and that of each request of a batch) is
/// another; every other byte stays as it is.
pub fn renamed(body: &[u8], model: &str) -> Result<Vec<u8>, ReadError> {
    gemini::renamed(body, model)
}

/// What a client asks of an upstream of another format.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// The client's format.
    pub client: Client,
    /// The client's body.
    pub body: &'a [u8],
    /// The model as the client named it.
    pub asked: &'a str,
    /// The upstream's format.
    pub upstream: Upstream,
    /// The upstream's id of the model.
    pub model: &'a str,
    /// What to do with what cannot be expressed.
    pub lossy: Lossy,
    /// What the answer is called.
    pub id: AnswerId,
}

/// One call to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Below the API's base.
    pub path: String,
    /// The JSON body.
    pub body: Vec<u8>,
}

/// The calls of a translated request.
#[derive(Debug)]
pub struct Begun {
    /// What the answers go through.
    pub exchange: Exchange,
    /// One after the other; there is at least one.
    pub calls: Vec<Call>,
    /// What the upstream does not get as the client gave it.
    pub dropped: Vec<Dropped>,
}

/// A translated request under way.
#[derive(Debug)]
pub struct Exchange {
    client: Client,
    upstream: Upstream,
    reply: Reply,
    /// How many vectors are to come.
    wanted: usize,
    response: Response,
}

impl Exchange {
    /// Translates the request. A fault means that it cannot be served by this upstream; nothing has been
    /// sent then.
    pub fn begin(ask: Ask<'_>) -> Result<Begun, Box<Fault>> {
        let mut request = ask.client.read_request(ask.body).map_err(|error| Box::new(error.into()))?;
        let dropped = fit::fit(&mut request, ask.upstream, ask.lossy)?;
        let texts = std::mem::take(&mut request.texts);
        let calls = texts.chunks(ask.upstream.most_at_once()).map(|texts| Call {
            path: path(ask.upstream, None, ask.model),
            body: ask.upstream.write_request(&request, texts, ask.model),
        });
        let calls = calls.collect();
        let wanted = texts.len();
        let reply = Reply {
            id: ask.id,
            model: ask.asked.to_owned(),
            encodings: request.encodings,
            texts: if request.echoes_texts { texts } else { Vec::new() },
        };
        let exchange =
            Self { client: ask.client, upstream: ask.upstream, reply, wanted, response: Response::default() };
        Ok(Begun { exchange, calls, dropped })
    }

    /// Reads the answer to the next call.
    pub fn read(&mut self, body: &[u8]) -> Result<(), Box<Fault>> {
        let left = self.wanted - self.response.vectors.len();
        let expected = left.min(self.upstream.most_at_once());
        let Some(answer) = self.upstream.read_response(body) else {
            return Err(Box::new(wire::no_embeddings(self.upstream, body)));
        };
        if answer.vectors.len() != expected {
            let message = format!(
                "the upstream answered with {} embeddings for {expected} texts",
                answer.vectors.len()
            );
            return Err(Box::new(Fault::upstream_broken(message)));
        }
        self.response.add(answer);
        Ok(())
    }

    /// What the answers so far have cost.
    pub fn usage(&self) -> Usage {
        Usage { input: self.response.input_tokens, ..Usage::default() }
    }

    /// The client's answer, once every call has been answered.
    pub fn finish(self) -> Whole {
        Whole {
            body: self.client.write_response(&self.response, &self.reply),
            content_type: "application/json",
            usage: self.usage(),
            learned: Vec::new(),
        }
    }
}

/// What an upstream answered, over all calls.
#[derive(Debug, Default)]
struct Response {
    /// One for each text, in their order.
    vectors: Vec<Vector>,
    /// `None` where the upstream does not say.
    input_tokens: Option<u64>,
}

impl Response {
    fn add(&mut self, more: Self) {
        self.vectors.extend(more.vectors);
        if let Some(count) = more.input_tokens {
            self.input_tokens = Some(self.input_tokens.unwrap_or(0).saturating_add(count));
        }
    }
}

/// What the answer must know about the request.
#[derive(Debug)]
struct Reply {
    id: AnswerId,
    /// The model as the client named it.
    model: String,
    /// How the client wants its vectors; at least one way.
    encodings: Vec<Encoding>,
    /// The texts, where the format repeats them.
    texts: Vec<String>,
}
