//! A call that generates an answer: same-format bytes pass, others are translated, and both come out as an
//! [`Answer`].

use std::sync::Arc;

use byok_translate::exchange::{Ask, Exchange, Whole};
use byok_translate::facts::model_facts;
use byok_translate::fit::Dropped;
use byok_translate::format::{AnswerId, Reply};
use byok_translate::scan::{Peek, carries_foreign_tokens, replace_model};
use byok_translate::tap::Tap;
use byok_translate::{EventWriter, PathWish, Wire, dialect, family};
use byok_types::chat::{Show, Usage};
use byok_types::model::ModelFacts;
use byok_types::{AppId, Blame, Code, Dialect, Family, Fault};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use hyper::body::Incoming;

use crate::answer::{AnswerBody, Passing, Patience, Piped, Waiting};
use crate::dispatch::{Dispatch, Limits, MAX_WHOLE, Missed, Reached, collect, next_bytes};
use crate::edge::FrameEdge;
use crate::mask::Mask;
use crate::memory::Scope;
use crate::meter::{Meter, Outcome, Served};
use crate::prepare::{self, Outgoing};
use crate::quirk;
use crate::refusal::Refusal;
use crate::resolve::Route;
use crate::row::Quirk;
use crate::spec::{Place, ProviderSpec};
use crate::upstreams::{Inner, Upstreams, limits, lossy};

/// A call to generate.
#[derive(Clone, Debug)]
pub struct Generate {
    /// Where it goes.
    pub route: Route,
    /// The client's format.
    pub client: Dialect,
    /// The client's body.
    pub body: Bytes,
    /// What was seen in that body.
    pub peek: Peek,
    /// The model in the path, where the format puts it there.
    pub path_model: Option<String>,
    /// Whether the client wants a stream.
    pub stream: bool,
    /// Whether a Gemini client wants that stream as one JSON array.
    pub json_array: bool,
    /// The client's headers. Only listed ones go on.
    pub headers: HeaderMap,
    /// What the answer is called.
    pub id: AnswerId,
    /// On whose behalf. What is remembered of answers is kept apart for each.
    pub app: AppId,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status. An upstream's error in the client's own format passes as it is, so this may be one.
    pub status: StatusCode,
    /// The upstream's headers that may pass, the content type, and byok's own.
    pub headers: HeaderMap,
    /// Its body.
    pub body: AnswerBody,
    /// Who served it; the meter knows better once it has ended.
    pub served: Served,
    /// What it comes to.
    pub meter: Meter,
    /// What the upstream's error means, where `status` is one.
    pub fault: Option<Box<Fault>>,
}

/// There is no answer; nothing has been sent to the client.
#[derive(Debug, thiserror::Error)]
#[error("{fault}")]
pub struct Failed {
    /// Why.
    pub fault: Box<Fault>,
    /// Who was asked; `None` where the request did not get that far.
    pub served: Option<Served>,
    /// What the upstream's headers say about limits and trying again.
    pub headers: Box<HeaderMap>,
}

impl Failed {
    /// A failure on the way, without an upstream's refusal behind it.
    pub(crate) fn new(fault: Box<Fault>, served: Option<Served>) -> Self {
        Self { fault, served, headers: Box::default() }
    }

    /// No account got an answer.
    pub(crate) fn missed(missed: &Missed, served: Served) -> Self {
        Self { fault: missed.fault(), served: Some(served), headers: Box::new(missed.limits()) }
    }
}

impl Generate {
    /// The client's body, with the model's name as the provider has it.
    pub(crate) fn renamed(&self) -> Bytes {
        let model = self.route.model.as_str();
        match &self.peek.model {
            Some(named) if named != model => replace_model(&self.body, &self.peek, model).into(),
            _ => self.body.clone(),
        }
    }

    /// The model as the client named it.
    pub(crate) fn asked(&self) -> &str {
        self.peek.model.as_deref().or(self.path_model.as_deref()).unwrap_or(self.route.model.as_str())
    }
}

impl Answer {
    /// An upstream's refusal in the client's own format, which passes as it is.
    pub(crate) fn refused(refusal: Refusal, served: Served, meter: Meter) -> Self {
        let Refusal { status, mut headers, body, fault } = refusal;
        own_headers(&mut headers, &served);
        let body = AnswerBody::whole(body, meter.clone());
        Self { status, headers, body, served, meter, fault: Some(fault) }
    }
}

impl Upstreams {
    /// Makes a call that generates an answer.
    ///
    /// A client that streams is answered after `streaming.keepalive_seconds` at the latest: where the
    /// upstream has not answered by then, the answer is an open stream with signs of life, and a failure is
    /// reported in it.
    pub async fn generate(&self, call: Generate) -> Result<Answer, Failed> {
        let plan = Plan::new(&self.0, call).map_err(|fault| Failed::new(fault, None))?;
        let early = plan.early_voice();
        let keepalive = plan.patience.keepalive;
        let (meter, served, dialect, reply) =
            (plan.meter.clone(), plan.served.clone(), plan.client, plan.reply.clone());
        let upstreams = Arc::clone(&self.0);
        let mut running = Box::pin(async move { plan.run(&upstreams).await });
        let (Some(voice), Some(span)) = (early, keepalive) else { return running.await };
        match tokio::time::timeout(span, &mut running).await {
            Ok(done) => done,
            Err(_) => Ok(waiting(running, voice, span, Started { meter, served, dialect, reply })),
        }
    }
}

/// What is known of an answer that begins before the upstream's.
struct Started {
    meter: Meter,
    served: Served,
    dialect: Dialect,
    reply: Reply,
}

/// Opens the stream before the upstream has answered.
fn waiting(
    running: impl Future<Output = Result<Answer, Failed>> + Send + 'static,
    voice: Box<dyn EventWriter>,
    keepalive: std::time::Duration,
    started: Started,
) -> Answer {
    let arriving = Box::pin(async move {
        match running.await {
            Ok(Answer { body, fault: None, .. }) => Ok(body),
            Ok(Answer { fault: Some(fault), .. }) | Err(Failed { fault, .. }) => Err(fault),
        }
    });
    // How long the head may take is bounded where it is waited for.
    let patience = Patience { idle: std::time::Duration::MAX, keepalive: Some(keepalive) };
    let mut headers = HeaderMap::new();
    let content_type = dialect(started.dialect).stream_content_type(&started.reply);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let served = started.meter.read().served.unwrap_or(started.served);
    own_headers(&mut headers, &served);
    let waiting = Waiting { arriving, voice, greeted: false };
    let body = AnswerBody::waiting(waiting, patience, started.meter.clone());
    Answer { status: StatusCode::OK, headers, body, served, meter: started.meter, fault: None }
}

/// A call with everything decided but the account.
struct Plan {
    spec: Arc<ProviderSpec>,
    place: Place,
    outgoing: Outgoing,
    mode: Mode,
    client: Dialect,
    /// Whether the client wants a stream.
    stream: bool,
    reply: Reply,
    served: Served,
    limits: Limits,
    patience: Patience,
    meter: Meter,
    /// Where the thoughts of the answer are remembered.
    memory: Scope,
}

enum Mode {
    /// The client's format is the upstream's.
    Passing(Box<Original>),
    Translating(Box<Exchange>),
}

/// The client's request, for the case that the upstream answers a stream with a document or the other way
/// round, and the answer has to be made over after all.
struct Original {
    body: Bytes,
    path_model: Option<String>,
    /// The upstream's id of the model.
    model: String,
    facts: ModelFacts,
    lossy: byok_translate::fit::Lossy,
}

impl Plan {
    fn new(upstreams: &Inner, call: Generate) -> Result<Self, Box<Fault>> {
        let config = upstreams.config.load();
        let spec = Arc::clone(&call.route.spec);
        let same = call
            .client
            .family()
            .and_then(|family| spec.place(family))
            .filter(|place| place.wire == Wire::Own);
        let Some(place) = same.or_else(|| spec.endpoints.first()).cloned() else {
            return Err(Box::new(no_address(&spec)));
        };
        let model = call.route.model.as_str();
        let facts = facts_of(&spec, place.family, model);
        let memory = upstreams.memory.scope(&call.app, &spec.id, model);
        let mut dropped = Vec::new();
        let (mode, path, body, reply);
        // A conversation that was elsewhere in between holds what this upstream would refuse: it is read and
        // written anew.
        if same.is_some() && !carries_foreign_tokens(place.family, &call.body) {
            reply = plain_reply(call.asked(), call.id.clone(), call.json_array);
            path = passing_path(place.family, model, call.stream, call.json_array);
            body = call.renamed();
            mode = Mode::Passing(Box::new(Original {
                body: call.body,
                path_model: call.path_model,
                model: model.to_owned(),
                facts,
                lossy: lossy(&config),
            }));
        } else {
            let wish = PathWish {
                model: call.path_model.as_deref(),
                stream: call.stream,
                json_array: call.json_array,
            };
            let format = dialect(call.client);
            let request = format.read_request(&call.body, wish).map_err(|error| Box::new(error.into()))?;
            reply = format.reply(&request, call.id.clone());
            let ask = Ask {
                client: call.client,
                request,
                upstream: place.family,
                wire: place.wire,
                model,
                facts: &facts,
                lossy: lossy(&config),
                id: call.id,
                force_stream: false,
                recall: &memory,
            };
            let (exchange, upstream) = Exchange::begin(ask)?;
            (path, body, dropped) = (upstream.path, upstream.body.into(), upstream.dropped);
            mode = Mode::Translating(Box::new(exchange));
        }
        let body = match place.family {
            Family::OpenaiChat => quirk::apply(spec.quirks, call.client, body, &mut dropped),
            _ => body,
        };
        let passing = matches!(mode, Mode::Passing(_));
        let outgoing = Outgoing {
            method: Method::POST,
            uri: prepare::address(&spec, &format!("{}{path}", place.base))?,
            headers: prepare::headers(&spec, place.family, &call.headers, passing, call.stream),
            body,
            auth: place.auth,
        };
        let limits = limits(&config, &spec);
        Ok(Self {
            outgoing,
            mode,
            client: call.client,
            stream: call.stream,
            reply,
            served: Served {
                provider: spec.id.clone(),
                account: None,
                model: Some(call.route.model.clone()),
                attempts: 0,
                dropped,
            },
            limits,
            patience: Patience { idle: limits.idle, keepalive: config.streaming.keepalive },
            meter: Meter::start(),
            memory,
            spec,
            place,
        })
    }

    /// What can speak to the client before the upstream does. `None` where the client does not stream or
    /// its format has no sign of life.
    fn early_voice(&self) -> Option<Box<dyn EventWriter>> {
        let writer = || dialect(self.client).event_writer(self.reply.clone());
        let mut probe = Vec::new();
        if self.stream {
            writer().keepalive(&mut probe);
        }
        (!probe.is_empty()).then(writer)
    }

    async fn run(self, upstreams: &Inner) -> Result<Answer, Failed> {
        let mut served = self.served.clone();
        let dispatch = Dispatch {
            upstreams,
            spec: &self.spec,
            family: self.place.family,
            outgoing: &self.outgoing,
            limits: self.limits,
            meter: &self.meter,
            forwarded: false,
        };
        match dispatch.reach(&mut served).await {
            Ok(reached) => {
                let mask = reached.mask.clone();
                let meter = self.meter.clone();
                self.answer(reached, served.clone()).await.map_err(|fault| {
                    let fault = Box::new(mask.fault(*fault));
                    meter.end(Outcome::Failed(fault.clone()), &Usage::default());
                    Failed::new(fault, Some(served))
                })
            }
            Err(Missed::Refused(refusal))
                if matches!(self.mode, Mode::Passing(_)) && !refusal.body.is_empty() =>
            {
                Ok(Answer::refused(refusal, served, self.meter))
            }
            Err(missed) => Err(Failed::missed(&missed, served)),
        }
    }

    /// Makes the client's answer out of the upstream's.
    async fn answer(self, reached: Reached, served: Served) -> Result<Answer, Box<Fault>> {
        let Reached { response, mut headers, mask } = reached;
        let status = response.status();
        let kind = Content::of(response.headers(), self.stream && !self.reply.json_array)?;
        let upstream = response.into_body();
        own_headers(&mut headers, &served);
        let (body, content_type) = match (self.mode, kind, self.stream) {
            (Mode::Passing(_), Content::Stream, true) => {
                let voice = Some(dialect(self.client).event_writer(self.reply));
                let tap = Tap::new(self.place.family, true);
                let passing = passing(upstream, tap, voice, mask, u64::MAX);
                (AnswerBody::passing(passing, self.patience, self.meter.clone()), None)
            }
            (Mode::Passing(_), Content::Document, false) => {
                let passing =
                    passing(upstream, Tap::new(self.place.family, false), None, mask, MAX_WHOLE as u64);
                (AnswerBody::passing(passing, self.patience, self.meter.clone()), None)
            }
            // One JSON array, element by element.
            (Mode::Passing(_), Content::Document, true) if self.reply.json_array => {
                let passing = passing(upstream, Tap::new(self.place.family, false), None, mask, u64::MAX);
                (AnswerBody::passing(passing, self.patience, self.meter.clone()), None)
            }
            (Mode::Passing(original), kind, stream) => {
                let exchange = original.exchange(self.client, self.place.family, self.reply.id, stream)?;
                let way = Way { mask, limits: self.limits, patience: self.patience, memory: self.memory };
                made_over(exchange, upstream, kind, stream, way, &self.meter).await?
            }
            (Mode::Translating(exchange), kind, stream) => {
                let way = Way { mask, limits: self.limits, patience: self.patience, memory: self.memory };
                made_over(*exchange, upstream, kind, stream, way, &self.meter).await?
            }
        };
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        headers.remove(CONTENT_LENGTH);
        Ok(Answer { status, headers, body, served, meter: self.meter, fault: None })
    }
}

impl Original {
    fn exchange(
        &self,
        client: Dialect,
        family: Family,
        id: AnswerId,
        stream: bool,
    ) -> Result<Exchange, Box<Fault>> {
        let wish = PathWish { model: self.path_model.as_deref(), stream, json_array: false };
        let request =
            dialect(client).read_request(&self.body, wish).map_err(|error| Box::new(error.into()))?;
        let ask = Ask {
            client,
            request,
            upstream: family,
            wire: Wire::Own,
            model: &self.model,
            facts: &self.facts,
            lossy: self.lossy,
            id,
            force_stream: false,
            // Only the answer is made over; the request went out as the client sent it.
            recall: &(),
        };
        Ok(Exchange::begin(ask)?.0)
    }
}

/// What an answer that is made over meets on its way.
struct Way {
    mask: Mask,
    limits: Limits,
    patience: Patience,
    memory: Scope,
}

/// An answer that has to be read and written anew.
async fn made_over(
    exchange: Exchange,
    mut upstream: Incoming,
    mut kind: Content,
    stream: bool,
    way: Way,
    meter: &Meter,
) -> Result<(AnswerBody, Option<&'static str>), Box<Fault>> {
    let Way { mask, limits, patience, memory } = way;
    // What the type promises, the first byte must keep: until then the status can still tell of an error.
    let first = beginning(&mut upstream, limits.idle).await?;
    kind = kind.corrected(&first)?;
    let mut begun = BytesMut::from(&*first);
    let whole = match (kind, stream) {
        (Content::Stream, true) => {
            let pipe = exchange.stream();
            let content_type = pipe.content_type();
            let piped = Piped { first: Some(first), upstream, pipe, mask, memory };
            return Ok((AnswerBody::piped(piped, patience, meter.clone()), Some(content_type)));
        }
        (Content::Document, false) => {
            begun.extend_from_slice(&collect(upstream, MAX_WHOLE, limits.idle).await?);
            exchange.whole(&mask.bytes(begun.freeze()))?
        }
        (Content::Document, true) => {
            begun.extend_from_slice(&collect(upstream, MAX_WHOLE, limits.idle).await?);
            exchange.whole_as_stream(&mask.bytes(begun.freeze()))?
        }
        (Content::Stream, false) => {
            begun.extend_from_slice(&collect(upstream, MAX_WHOLE, limits.idle).await?);
            let body = mask.bytes(begun.freeze());
            let mut folded = exchange.folded();
            folded.feed(&body);
            folded.finish()?
        }
    };
    let Whole { body, content_type, usage, learned } = whole;
    memory.learn(learned);
    meter.first_byte();
    meter.end(Outcome::Completed, &usage);
    Ok((AnswerBody::whole(body.into(), meter.clone()), Some(content_type)))
}

pub(crate) fn passing(
    upstream: Incoming,
    tap: Tap,
    voice: Option<Box<dyn EventWriter>>,
    mask: Mask,
    room: u64,
) -> Passing {
    Passing { upstream, tap: Some(tap), voice, edge: FrameEdge::default(), room, mask }
}

/// What a successful answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Document,
    Stream,
}

impl Content {
    /// By the content type; where there is none it is taken for what was asked for.
    pub(crate) fn of(headers: &HeaderMap, stream: bool) -> Result<Self, Box<Fault>> {
        let Some(declared) = headers.get(CONTENT_TYPE) else {
            return Ok(if stream { Self::Stream } else { Self::Document });
        };
        let declared = declared.to_str().unwrap_or_default();
        let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/event-stream" => Ok(Self::Stream),
            "application/json" => Ok(Self::Document),
            other if other.ends_with("+json") => Ok(Self::Document),
            // Says nothing: the first byte will tell.
            "text/plain" | "application/octet-stream" => {
                Ok(if stream { Self::Stream } else { Self::Document })
            }
            other => {
                let shown: String = other.chars().take(60).filter(|c| !c.is_control()).collect();
                let message = format!("the upstream answered with {shown}, which is no answer of a model");
                Err(Box::new(Fault::upstream_broken(message)))
            }
        }
    }
}

impl Content {
    /// The same, told by how the body begins. Servers send errors as JSON in what they call a stream, and
    /// pages.
    fn corrected(self, first: &[u8]) -> Result<Self, Box<Fault>> {
        let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
        let is_event = [&b"data:"[..], b"event:", b"id:", b":"].iter().any(|start| first.starts_with(start));
        match first.first() {
            Some(b'{' | b'[') => Ok(Self::Document),
            Some(b'<') => Err(Box::new(Fault::upstream_broken(
                "the upstream answered with a page, which is no answer of a model",
            ))),
            Some(_) if is_event => Ok(Self::Stream),
            _ => Ok(self),
        }
    }
}

/// The first bytes of an answer; there have to be some.
async fn beginning(upstream: &mut Incoming, idle: std::time::Duration) -> Result<Bytes, Box<Fault>> {
    loop {
        let bytes = next_bytes(upstream, idle).await?;
        match bytes {
            Some(bytes) if bytes.is_empty() => {}
            Some(bytes) => return Ok(bytes),
            None => return Err(Box::new(Fault::upstream_broken("the upstream's answer is empty"))),
        }
    }
}

/// What a model accepts, with what the catalogue or the config know better.
pub(crate) fn facts_of(spec: &ProviderSpec, family: Family, model: &str) -> ModelFacts {
    let mut facts = model_facts(family, model);
    let takes = |field: &str| {
        spec.quirks.iter().any(|quirk| matches!(quirk, Quirk::TakesFields(fields) if fields.contains(&field)))
    };
    facts.top_k = takes("top_k");
    facts.min_p = takes("min_p");
    if let Some(output) = spec.models.entry(model).and_then(|entry| entry.output) {
        facts.max_output = Some(u64::from(output));
    }
    facts
}

/// A provider of which every customer has an own address, and the config does not say which.
pub(crate) fn no_address(spec: &ProviderSpec) -> Fault {
    let message = format!("{0} has no address; set providers.{0}.base_url in the config", spec.id);
    Fault::new(503, Blame::Byok, message).with_code(Code::ProviderUnavailable)
}

/// What a writer must know that only reports errors and keeps the client waiting.
pub(crate) fn plain_reply(model: &str, id: AnswerId, json_array: bool) -> Reply {
    Reply {
        id,
        model: model.to_owned(),
        include_usage: false,
        json_array,
        show: Show::Unset,
        legacy_functions: false,
        echo: Vec::new(),
    }
}

fn passing_path(of: Family, model: &str, stream: bool, json_array: bool) -> String {
    let path = family(of).path(model, stream);
    if json_array { path.replace("?alt=sse", "") } else { path }
}

/// byok's own headers: who served the request, and what was left out.
pub(crate) fn own_headers(headers: &mut HeaderMap, served: &Served) {
    let mut set = |name: &'static str, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-byok-provider", served.provider.as_str());
    if let Some(account) = &served.account {
        set("x-byok-account", account.as_str());
    }
    if let Some(model) = &served.model {
        set("x-byok-model", model.as_str());
    }
    set("x-byok-attempts", &served.attempts.to_string());
    if !served.dropped.is_empty() {
        set("x-byok-dropped", &dropped_text(&served.dropped));
    }
}

/// The value of `x-byok-dropped`: as much of the list as fits into a header.
pub fn dropped_text(dropped: &[Dropped]) -> String {
    const MOST: usize = 1024;
    let mut text = String::new();
    for Dropped { field, action } in dropped {
        let item = format!("{field}={action}");
        if text.len() + item.len() > MOST {
            text.push_str(", ...");
            break;
        }
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&item);
    }
    // A client may name its fields as it likes; a header has only these characters.
    text.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect()
}
