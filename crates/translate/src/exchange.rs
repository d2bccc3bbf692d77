//! One client call and its answer, translated: the pieces of this crate put together.
//!
//! `begin` turns the client's request into the upstream's; what comes back then goes through exactly one
//! of `whole` (JSON for JSON), `whole_as_stream` (the upstream would not stream), `stream`, or `folded`
//! (the upstream only streams).

use byok_types::chat::{Request, Response, Usage, unfold};
use byok_types::model::ModelFacts;
use byok_types::{Dialect, Family, Fault};

use crate::fit::{Dropped, Fitted, Lossy, Restore, Target, fit};
use crate::format::{AnswerId, Reply, dialect, family};
use crate::pipe::{FoldPipe, StreamPipe};
use crate::recall::{self, Learned, Learner, Recall};

/// What a client asks of an upstream of another format.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The client's format.
    pub client: Dialect,
    /// The request, as that format read it.
    pub request: Request,
    /// The upstream's format.
    pub upstream: Family,
    /// The upstream's id of the model.
    pub model: &'a str,
    /// What that model accepts.
    pub facts: &'a ModelFacts,
    /// What to do with what cannot be expressed.
    pub lossy: Lossy,
    /// What the answer is called.
    pub id: AnswerId,
    /// Whether the upstream only streams.
    pub force_stream: bool,
    /// What is remembered of earlier answers; `&()` where nothing is.
    pub recall: &'a dyn Recall,
}

/// The call to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Below the API's base.
    pub path: String,
    /// The JSON body.
    pub body: Vec<u8>,
    /// Whether the answer is asked for as a stream.
    pub stream: bool,
    /// What the upstream does not get as the client gave it.
    pub dropped: Vec<Dropped>,
}

/// A whole answer in the client's format.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole {
    /// The bytes.
    pub body: Vec<u8>,
    /// Their content type.
    pub content_type: &'static str,
    /// What the answer cost.
    pub usage: Usage,
    /// What to remember of it.
    pub learned: Vec<Learned>,
}

/// A call under way.
#[derive(Debug)]
pub struct Exchange {
    client: Dialect,
    upstream: Family,
    reply: Reply,
    restore: Restore,
    learner: Learner,
}

impl Exchange {
    /// Translates the request. A fault means that it cannot be served by this upstream; nothing has been
    /// sent then.
    pub fn begin(mut ask: Ask<'_>) -> Result<(Self, Call), Box<Fault>> {
        let reply = dialect(ask.client).reply(&ask.request, ask.id);
        let learner = Learner::new(&ask.request, ask.upstream);
        recall::restore(&mut ask.request, ask.upstream, ask.recall);
        let target = Target { client: ask.client, family: ask.upstream, facts: ask.facts, lossy: ask.lossy };
        let Fitted { mut request, restore, dropped } = fit(ask.request, &target)?;
        ask.model.clone_into(&mut request.model);
        request.stream.on |= ask.force_stream;
        let format = family(ask.upstream);
        let call = Call {
            path: format.path(ask.model, request.stream.on),
            body: format.write_request(&request, ask.facts),
            stream: request.stream.on,
            dropped,
        };
        Ok((Self { client: ask.client, upstream: ask.upstream, reply, restore, learner }, call))
    }

    /// Translates a whole answer.
    pub fn whole(mut self, body: &[u8]) -> Result<Whole, Box<Fault>> {
        let response = family(self.upstream).read_response(body)?;
        let response = self.restore.response(response);
        Ok(whole(self.client, &self.reply, &response, self.learner))
    }

    /// Serves a client that streams from an upstream that answered in one piece.
    pub fn whole_as_stream(self, body: &[u8]) -> Result<Whole, Box<Fault>> {
        let response = family(self.upstream).read_response(body)?;
        let mut pipe = self.stream();
        let mut out = Vec::with_capacity(body.len() * 2);
        pipe.write_all(unfold(response), &mut out);
        let learned = pipe.learned();
        Ok(Whole { body: out, content_type: pipe.content_type(), usage: *pipe.usage(), learned })
    }

    /// Translates a streamed answer as it comes.
    pub fn stream(self) -> StreamPipe {
        let client = dialect(self.client);
        let content_type = client.stream_content_type(&self.reply);
        StreamPipe::new(
            family(self.upstream).event_reader(),
            self.restore,
            self.learner,
            client.event_writer(self.reply),
            content_type,
        )
    }

    /// Collects a streamed answer into a whole one.
    pub fn folded(self) -> Folded {
        Folded {
            pipe: FoldPipe::new(family(self.upstream).event_reader(), self.restore),
            client: self.client,
            reply: self.reply,
            learner: self.learner,
        }
    }
}

/// A streamed answer on its way to a client that does not stream.
pub struct Folded {
    pipe: FoldPipe,
    client: Dialect,
    reply: Reply,
    learner: Learner,
}

impl Folded {
    /// Reads what the upstream sent.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.pipe.feed(bytes);
    }

    /// The upstream's bytes have ended.
    pub fn finish(self) -> Result<Whole, Box<Fault>> {
        let response = self.pipe.response()?;
        Ok(whole(self.client, &self.reply, &response, self.learner))
    }
}

fn whole(client: Dialect, reply: &Reply, response: &Response, learner: Learner) -> Whole {
    Whole {
        body: dialect(client).write_response(response, reply),
        content_type: "application/json",
        usage: response.usage,
        learned: learner.whole(response),
    }
}
