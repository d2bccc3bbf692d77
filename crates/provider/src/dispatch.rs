//! The loop that gets an answer: the next account, its credential, the call, what came of it.
//!
//! It moves on to the next account only where the upstream has refused this one before the first byte of an
//! answer. A login whose token was refused is renewed and tried once more before that. A call that broke off
//! is not repeated: the upstream may have done the work.

use std::time::{Duration, SystemTime};

use byok_types::{Blame, Code, Credential, Family, Fault, FaultKind};
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::accounts::{self, Account, Renewal};
use crate::mask::Mask;
use crate::meter::{Meter, Outcome, Served};
use crate::prepare::{Outgoing, passes_back};
use crate::refusal::Refusal;
use crate::spec::ProviderSpec;
use crate::upstreams::Inner;

/// No more calls than this for one request, however many accounts there are.
const MAX_ATTEMPTS: u32 = 5;
/// How much of an error is read.
const MAX_ERROR: usize = 1024 * 1024;
/// How much of an answer that is not streamed is read.
pub(crate) const MAX_WHOLE: usize = 64 * 1024 * 1024;

/// How long the upstream may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) first_byte: Duration,
    pub(crate) idle: Duration,
}

/// What an upstream answered with success.
pub(crate) struct Reached {
    pub(crate) response: Response<Incoming>,
    /// Those that may reach the client.
    pub(crate) headers: HeaderMap,
    pub(crate) mask: Mask,
}

/// No account got an answer.
pub(crate) enum Missed {
    /// byok gave up, or could not begin.
    Fault(Box<Fault>),
    /// The upstream said no.
    Refused(Refusal),
}

/// One request on its way.
pub(crate) struct Dispatch<'a> {
    pub(crate) upstreams: &'a Inner,
    pub(crate) spec: &'a ProviderSpec,
    pub(crate) family: Family,
    pub(crate) outgoing: &'a Outgoing,
    pub(crate) limits: Limits,
    pub(crate) meter: &'a Meter,
    /// Whether this is a call of the provider's own API, whose headers mean more.
    pub(crate) forwarded: bool,
}

impl Dispatch<'_> {
    /// Calls until an account gets an answer. `served` tells at every moment how far that has come.
    pub(crate) async fn reach(&self, served: &mut Served) -> Result<Reached, Missed> {
        let mut missed = None;
        for account in accounts::accounts(self.spec, &self.upstreams.vault) {
            if served.attempts == MAX_ATTEMPTS {
                break;
            }
            served.account = Some(account.id());
            self.meter.served(served);
            match self.attempt(&account, served).await {
                Ok(reached) => return Ok(reached),
                Err(Attempt::Final(end)) => {
                    self.meter.end(Outcome::Failed(end.fault()), &byok_types::chat::Usage::default());
                    return Err(end);
                }
                Err(Attempt::Next(reason)) => {
                    tracing::info!(
                        provider = %self.spec.id,
                        account = %account.id(),
                        status = reason.fault().status,
                        "the account got no answer"
                    );
                    missed = Some(match (missed, reason) {
                        // What the upstream said tells more than that a login could not be renewed.
                        (Some(said @ Missed::Refused(_)), Missed::Fault(_)) => said,
                        (_, reason) => reason,
                    });
                }
            }
        }
        let missed = missed.unwrap_or_else(|| Missed::Fault(Box::new(accounts::nobody(self.spec))));
        self.meter.end(Outcome::Failed(missed.fault()), &byok_types::chat::Usage::default());
        Err(missed)
    }

    async fn attempt(&self, account: &Account, served: &mut Served) -> Result<Reached, Attempt> {
        let vault = &self.upstreams.vault;
        let credential =
            account.credential(vault).await.map_err(|fault| Attempt::Next(Missed::Fault(fault)))?;
        accounts::is_callable(self.spec, &credential).map_err(|fault| Attempt::Next(Missed::Fault(fault)))?;
        let refused = match self.call(&credential, served).await {
            Err(missed) if missed.is_about_the_credential() && served.attempts < MAX_ATTEMPTS => missed,
            outcome => return outcome,
        };
        match account.renewed(&credential, vault).await {
            Renewal::Fresh(credential) => self.call(&credential, served).await,
            Renewal::Over(fault) => Err(Attempt::Next(Missed::Fault(fault))),
            Renewal::None => Err(refused),
        }
    }

    async fn call(&self, credential: &Credential, served: &mut Served) -> Result<Reached, Attempt> {
        let given_up = |fault: Box<Fault>| Attempt::Final(Missed::Fault(fault));
        let mask = Mask::new(self.spec, credential);
        let request =
            self.outgoing.with(self.spec, credential).map_err(|fault| Attempt::Next(Missed::Fault(fault)))?;
        served.attempts += 1;
        self.meter.served(served);
        let sending = self.upstreams.client.send(request, self.spec.proxy.as_ref());
        let response = match tokio::time::timeout(self.limits.first_byte, sending).await {
            Ok(sent) => sent.map_err(given_up)?,
            Err(_) => return Err(given_up(Box::new(self.too_late()))),
        };
        let status = response.status();
        if status.is_redirection() && status != http::StatusCode::NOT_MODIFIED {
            let host = self.outgoing.uri.host().unwrap_or_default();
            let message = format!(
                "{host} answered with a redirect ({}); byok follows none, because the key would go along",
                status.as_u16()
            );
            return Err(given_up(Box::new(Fault::upstream_broken(message))));
        }
        let headers = self.headers(response.headers(), &mask);
        if status.is_client_error() || status.is_server_error() {
            let refusal = self.refusal(response, headers, &mask).await.map_err(given_up)?;
            let moves_on = refusal.moves_on();
            let missed = Missed::Refused(refusal);
            return Err(if moves_on { Attempt::Next(missed) } else { Attempt::Final(missed) });
        }
        let encoding = response.headers().get(CONTENT_ENCODING);
        if !self.forwarded && encoding.is_some_and(|encoding| encoding != "identity") {
            let message = "the upstream compressed its answer although it was asked not to";
            return Err(given_up(Box::new(Fault::upstream_broken(message))));
        }
        Ok(Reached { response, headers, mask })
    }

    fn headers(&self, all: &HeaderMap, mask: &Mask) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            if passes_back(name, self.forwarded) && mask.admits(value) {
                headers.append(name.clone(), value.clone());
            }
        }
        headers
    }

    async fn refusal(
        &self,
        response: Response<Incoming>,
        headers: HeaderMap,
        mask: &Mask,
    ) -> Result<Refusal, Box<Fault>> {
        let (head, body) = response.into_parts();
        let body = match collect(body, MAX_ERROR, self.limits.idle).await {
            Ok(body) => body,
            // The status says enough; the reason is lost.
            Err(_) => Bytes::new(),
        };
        Ok(Refusal::new(self.family, head.status, &head.headers, headers, &body, mask, now()))
    }

    fn too_late(&self) -> Fault {
        let seconds = self.limits.first_byte.as_secs_f32();
        let host = self.outgoing.uri.host().unwrap_or_default();
        Fault::new(504, Blame::Upstream, format!("{host} did not answer within {seconds} s"))
            .with_code(Code::ProxyError)
    }
}

/// What came of one attempt.
enum Attempt {
    /// There is no point in another.
    Final(Missed),
    /// Another account may fare better.
    Next(Missed),
}

impl Attempt {
    /// Whether the upstream refused the credential itself, as opposed to what it may do.
    fn is_about_the_credential(&self) -> bool {
        matches!(self, Self::Next(Missed::Refused(refusal)) if refusal.fault.kind == FaultKind::Auth)
    }
}

impl Missed {
    pub(crate) fn fault(&self) -> Box<Fault> {
        match self {
            Self::Fault(fault) => fault.clone(),
            Self::Refused(refusal) => refusal.fault.clone(),
        }
    }
}

/// Reads a body that is not streamed.
pub(crate) async fn collect(mut body: Incoming, most: usize, idle: Duration) -> Result<Bytes, Box<Fault>> {
    let mut all = BytesMut::new();
    loop {
        let frame = match tokio::time::timeout(idle, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => {
                let cause = crate::client::innermost(&error);
                let message = format!("the connection broke in the middle of the answer: {cause}");
                return Err(Box::new(Fault::upstream_broken(message)));
            }
            Ok(None) => return Ok(all.freeze()),
            Err(_) => {
                let message = format!("the upstream sent nothing for {} s", idle.as_secs_f32());
                let fault = Fault::new(504, Blame::Upstream, message).with_code(Code::ProxyError);
                return Err(Box::new(fault));
            }
        };
        if let Ok(data) = frame.into_data() {
            if all.len() + data.len() > most {
                return Err(Box::new(Fault::upstream_broken("the upstream's answer is too large")));
            }
            all.extend_from_slice(&data);
        }
    }
}

fn now() -> SystemTime {
    SystemTime::now()
}
