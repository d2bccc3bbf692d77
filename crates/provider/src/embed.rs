//! A call for embeddings: same-format bytes pass but for the model's name, others are translated. Accounts,
//! attempts, limits and the books are those of every other call.

use std::sync::Arc;

use byok_translate::embed::{self, Ask, Begun, Client, Exchange, Upstream};
use byok_translate::tap::Tap;
use byok_types::Fault;
use byok_types::chat::Usage;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::answer::{AnswerBody, Patience};
use crate::dispatch::{Dispatch, Limits, Missed, Reached, collect};
use crate::generate::{Answer, Content, Failed, Generate, no_address, own_headers, passing};
use crate::mask::Mask;
use crate::meter::{Meter, Outcome, Served};
use crate::prepare::{self, Outgoing};
use crate::quirk;
use crate::spec::{Place, ProviderSpec};
use crate::upstreams::{Inner, Upstreams, limits, lossy};

/// How much of an answer is read. The longest that OpenAI gives (2,048 vectors of 3,072 numbers) has 80 MB.
const MAX_EMBEDDINGS: usize = 128 * 1024 * 1024;

impl Upstreams {
    /// Makes a call for embeddings. Of `call`, what is about streams means nothing here.
    pub async fn embed(&self, call: Generate, client: Client) -> Result<Answer, Failed> {
        let plan = Plan::new(self, &call, client).map_err(|fault| Failed::new(fault, None))?;
        plan.run(&self.0).await
    }

    /// Why this provider cannot be asked.
    fn without_embeddings(&self, spec: &ProviderSpec) -> Fault {
        if spec.endpoints.is_empty() {
            return no_address(spec);
        }
        let others: Vec<_> = self
            .providers()
            .into_iter()
            .filter(|other| other.embeddings().is_some() && self.is_callable(other))
            .map(|other| other.id.as_str().to_owned())
            .collect();
        let hint = match &others[..] {
            [] => "`byok status` shows how to add one that has".to_owned(),
            others => format!("of those that can be called, these have: {}", others.join(", ")),
        };
        Fault::invalid("model", format!("model: {} has no embeddings; {hint}", spec.name))
    }
}

/// A call with everything decided but the account.
struct Plan {
    spec: Arc<ProviderSpec>,
    place: Place,
    mode: Mode,
    served: Served,
    limits: Limits,
    meter: Meter,
}

enum Mode {
    /// The client's format is the upstream's.
    Passing(Box<Outgoing>),
    /// Several calls where the upstream takes fewer texts at once.
    Translating(Box<Exchange>, Vec<Outgoing>),
}

impl Plan {
    fn new(upstreams: &Upstreams, call: &Generate, client: Client) -> Result<Self, Box<Fault>> {
        let config = upstreams.0.config.load();
        let spec = Arc::clone(&call.route.spec);
        let Some((place, upstream)) = spec.embeddings() else {
            return Err(Box::new(upstreams.without_embeddings(&spec)));
        };
        let model = call.route.model.as_str();
        let mut dropped = Vec::new();
        let mut outgoing = |path: &str, body: Bytes, passing: bool| {
            let body = match upstream {
                Upstream::Cohere | Upstream::Gemini => body,
                Upstream::Openai => {
                    quirk::apply(spec.quirks, byok_types::Dialect::OpenaiChat, body, &mut dropped)
                }
            };
            Ok::<_, Box<Fault>>(Outgoing {
                method: Method::POST,
                uri: prepare::address(&spec, &format!("{}{path}", place.base))?,
                headers: prepare::headers(&spec, place.family, &call.headers, passing, false),
                body,
                auth: place.auth,
            })
        };
        let mode = if client.upstream() == Some(upstream) {
            let path = embed::path(upstream, Some(client), model);
            Mode::Passing(Box::new(outgoing(&path, passed(call, upstream)?, true)?))
        } else {
            let ask = Ask {
                client,
                body: &call.body,
                asked: call.asked(),
                upstream,
                model,
                lossy: lossy(&config),
                id: call.id.clone(),
            };
            let Begun { exchange, calls, dropped: lost } = Exchange::begin(ask)?;
            let calls = calls.into_iter().map(|call| outgoing(&call.path, call.body.into(), false));
            let calls = calls.collect::<Result<_, _>>()?;
            dropped.extend(lost);
            Mode::Translating(Box::new(exchange), calls)
        };
        let place = place.clone();
        let served = Served {
            provider: spec.id.clone(),
            account: None,
            model: Some(call.route.model.clone()),
            attempts: 0,
            dropped,
        };
        Ok(Self { limits: limits(&config, &spec), spec, place, mode, served, meter: Meter::start() })
    }

    async fn run(self, upstreams: &Inner) -> Result<Answer, Failed> {
        let Self { spec, place, mode, mut served, limits, meter } = self;
        let leg = Leg { upstreams, spec: &spec, place: &place, limits, meter: &meter };
        let failed = |fault, served: Served| Failed::new(fault, Some(served));
        match mode {
            Mode::Passing(outgoing) => match leg.reach(&outgoing, &mut served).await {
                Ok(reached) => leg
                    .pass(reached, &served)
                    .map_err(|fault| leg.fails(*fault, &Mask::default()))
                    .map(|(headers, body)| whole(headers, body, served.clone(), &meter))
                    .map_err(|fault| failed(fault, served)),
                Err(Missed::Refused(refusal)) if !refusal.body.is_empty() => {
                    Ok(Answer::refused(refusal, served, meter))
                }
                Err(missed) => Err(Failed::missed(&missed, served)),
            },
            Mode::Translating(mut exchange, calls) => {
                let mut headers = HeaderMap::new();
                for outgoing in &calls {
                    let reached = match leg.reach(outgoing, &mut served).await {
                        Ok(reached) => reached,
                        Err(missed) => return Err(Failed::missed(&missed, served)),
                    };
                    let mask = reached.mask.clone();
                    match leg.read(reached, &mut exchange).await {
                        Ok(of_this) => headers = of_this,
                        Err(fault) => return Err(failed(leg.fails(*fault, &mask), served)),
                    }
                    meter.spent(&exchange.usage());
                }
                let answer = exchange.finish();
                own_headers(&mut headers, &served);
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
                meter.first_byte();
                meter.end(Outcome::Completed, &answer.usage);
                let body = AnswerBody::whole(answer.body.into(), meter.clone());
                Ok(whole(headers, body, served, &meter))
            }
        }
    }
}

fn whole(headers: HeaderMap, body: AnswerBody, served: Served, meter: &Meter) -> Answer {
    Answer { status: StatusCode::OK, headers, body, served, meter: meter.clone(), fault: None }
}

/// The client's own body, with the model's name as the provider has it.
fn passed(call: &Generate, upstream: Upstream) -> Result<Bytes, Box<Fault>> {
    let model = call.route.model.as_str();
    match upstream {
        // The model stands in the path, and may stand in every request of a batch too.
        Upstream::Gemini if call.path_model.as_deref() != Some(model) => {
            embed::renamed(&call.body, model).map(Bytes::from).map_err(|error| Box::new(error.into()))
        }
        Upstream::Gemini => Ok(call.body.clone()),
        Upstream::Cohere | Upstream::Openai => Ok(call.renamed()),
    }
}

/// One call to the upstream, of the one or more that an answer takes.
struct Leg<'a> {
    upstreams: &'a Inner,
    spec: &'a ProviderSpec,
    place: &'a Place,
    limits: Limits,
    meter: &'a Meter,
}

impl Leg<'_> {
    async fn reach(&self, outgoing: &Outgoing, served: &mut Served) -> Result<Reached, Missed> {
        let dispatch = Dispatch {
            upstreams: self.upstreams,
            spec: self.spec,
            family: self.place.family,
            outgoing,
            limits: self.limits,
            meter: self.meter,
            forwarded: false,
        };
        // Each call has its own attempts; the client is told of all of them.
        let before = std::mem::take(&mut served.attempts);
        let reached = dispatch.reach(served).await;
        served.attempts += before;
        self.meter.served(served);
        reached
    }

    /// The upstream's answer as the client's.
    fn pass(&self, reached: Reached, served: &Served) -> Result<(HeaderMap, AnswerBody), Box<Fault>> {
        let Reached { response, mut headers, mask } = reached;
        is_document(response.headers())?;
        own_headers(&mut headers, served);
        headers.remove(CONTENT_LENGTH);
        let tap = Tap::embeddings(self.place.family);
        let passing = passing(response.into_body(), tap, None, mask, MAX_EMBEDDINGS as u64);
        let patience = Patience { idle: self.limits.idle, keepalive: None };
        Ok((headers, AnswerBody::passing(passing, patience, self.meter.clone())))
    }

    /// Reads one of the answers that become the client's, and gives its headers.
    async fn read(&self, reached: Reached, exchange: &mut Exchange) -> Result<HeaderMap, Box<Fault>> {
        let Reached { response, headers, mask } = reached;
        is_document(response.headers())?;
        let body = collect(response.into_body(), MAX_EMBEDDINGS, self.limits.idle).await?;
        exchange.read(&mask.bytes(body))?;
        Ok(headers)
    }

    fn fails(&self, fault: Fault, mask: &Mask) -> Box<Fault> {
        let fault = Box::new(mask.fault(fault));
        self.meter.end(Outcome::Failed(fault.clone()), &Usage::default());
        fault
    }
}

fn is_document(headers: &HeaderMap) -> Result<(), Box<Fault>> {
    match Content::of(headers, false)? {
        Content::Document => Ok(()),
        Content::Stream => {
            Err(Box::new(Fault::upstream_broken("the upstream answered with a stream of events")))
        }
    }
}
