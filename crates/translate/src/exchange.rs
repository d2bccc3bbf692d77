//! One client call and its answer, translated: the pieces of this crate put together.
//!
//! `begin` turns the client's request into the upstream's; what comes back then goes through exactly one
//! of `whole` (JSON for JSON), `whole_as_stream` (the upstream would not stream), `stream`, or `folded`
//! (the upstream only streams).

use byok_types::chat::{Request, Response, StopReason, Usage, unfold};
use byok_types::model::ModelFacts;
use byok_types::{Dialect, Family, Fault};

use crate::fit::{Dropped, Fitted, Lossy, Restore, Target, fit};
use crate::format::{AnswerId, Reply, UpstreamFormat, Wire, dialect, upstream};
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
    /// How that format is written down there.
    pub wire: Wire,
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
    family: Family,
    wire: Wire,
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
        let Fitted { mut request, restore, mut dropped } = fit(ask.request, &target)?;
        ask.model.clone_into(&mut request.model);
        request.stream.on |= ask.force_stream;
        let format = upstream(ask.upstream, ask.wire);
        format.admit(&mut request, &mut dropped)?;
        let call = Call {
            path: format.path(ask.model, request.stream.on),
            body: format.write_request(&request, ask.facts),
            stream: request.stream.on,
            dropped,
        };
        Ok((Self { client: ask.client, family: ask.upstream, wire: ask.wire, reply, restore, learner }, call))
    }

    fn upstream(&self) -> &'static dyn UpstreamFormat {
        upstream(self.family, self.wire)
    }

    /// Translates a whole answer.
    pub fn whole(mut self, body: &[u8]) -> Result<Whole, Box<Fault>> {
        let response = self.upstream().read_response(body)?;
        let response = self.restore.response(response);
        whole(self.client, &self.reply, &response, self.learner)
    }

    /// Serves a client that streams from an upstream that answered in one piece.
    pub fn whole_as_stream(self, body: &[u8]) -> Result<Whole, Box<Fault>> {
        let response = self.upstream().read_response(body)?;
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
            upstream(self.family, self.wire),
            self.restore,
            self.learner,
            client.event_writer(self.reply),
            content_type,
        )
    }

    /// Collects a streamed answer into a whole one.
    pub fn folded(self) -> Folded {
        Folded {
            pipe: FoldPipe::new(upstream(self.family, self.wire), self.restore),
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
        whole(self.client, &self.reply, &response, self.learner)
    }
}

fn whole(client: Dialect, reply: &Reply, response: &Response, learner: Learner) -> Result<Whole, Box<Fault>> {
    if let Some(fault) = given_up(client, response) {
        return Err(fault);
    }
    Ok(Whole {
        body: dialect(client).write_response(response, reply),
        content_type: "application/json",
        usage: response.usage,
        learned: learner.whole(response),
    })
}

/// Only two formats can say inside an answer that the upstream gave up on it. In the others a half answer
/// would pass for a whole one, so it is an error there, as it is in a stream.
fn given_up(client: Dialect, response: &Response) -> Option<Box<Fault>> {
    if matches!(client, Dialect::Cohere | Dialect::OpenaiResponses) {
        return None;
    }
    let stops = || response.candidates.iter().map(|candidate| &candidate.stop);
    if stops().next().is_none() || stops().any(|stop| stop.reason != StopReason::Error) {
        return None;
    }
    let told = stops().find_map(|stop| stop.detail.as_deref());
    Some(Box::new(Fault::upstream_broken(told.unwrap_or("the upstream gave up on this answer"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::model_facts;
    use crate::format::PathWish;

    #[test]
    fn an_answer_that_the_upstream_gave_up_is_no_answer() {
        let half = br#"{"id":"c","finish_reason":"ERROR","message":{"role":"assistant","content":[{"type":"text","text":"half"}]}}"#;
        for (client, body) in [
            (Dialect::OpenaiChat, r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#),
            (Dialect::OpenaiResponses, r#"{"model":"m","input":"Hi"}"#),
        ] {
            let ask = Ask {
                client,
                request: dialect(client).read_request(body.as_bytes(), PathWish::default()).unwrap(),
                upstream: Family::Cohere,
                model: "m",
                facts: &model_facts(Family::Cohere, "m"),
                lossy: Lossy::Refuse,
                id: AnswerId { unique: "0123456789abcdef".into(), created: 1 },
                force_stream: false,
                wire: Wire::Own,
                recall: &(),
            };
            let (exchange, _) = Exchange::begin(ask).unwrap();
            match exchange.whole(half) {
                Err(fault) => assert_eq!((client, fault.status), (Dialect::OpenaiChat, 502)),
                Ok(whole) => {
                    assert_eq!(client, Dialect::OpenaiResponses);
                    assert!(String::from_utf8(whole.body).unwrap().contains(r#""status":"failed""#));
                }
            }
        }
    }
}
