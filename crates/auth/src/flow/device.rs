//! The device code engine (RFC 8628): a code for the person, then asking until they have decided.
//!
//! It does not wait by itself: whoever drives it sleeps for [`DeviceLogin::interval`] between two questions.

use std::fmt::{self, Write as _};
use std::time::Duration;

use byok_types::{Secret, TokenSet};
use http::{HeaderMap, HeaderValue};
use oauth2::PkceCodeChallenge;
use serde_json::Value;
use tokio::time::Instant;

use super::address::{Addresses, host, visitable};
use super::answer::{TokenAnswer, lifetime, number};
use super::code::{keep_known, now, start_url};
use super::register::{Identity, Purpose, register};
use super::vendor::{Answer, Form, Vendor, field, text_field, unreadable};
use super::{
    Client, Device, Dialect, Encoding, Flow, Grant, Known, LoginError, Overrides, Refusal, SlowDown, text,
};
use crate::after::{self, Stage};
use crate::http::Http;

/// How long a code lives where the vendor does not say, and at most.
const LIFE: Duration = Duration::from_secs(15 * 60);
const LONGEST_LIFE: Duration = Duration::from_secs(60 * 60);
/// Between two questions, at least and at most, whatever the vendor says.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);
/// So many questions without an answer, one after another, and the vendor is taken to be gone.
const STRIKES: u32 = 5;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A login on any device, under way.
pub struct DeviceLogin {
    flow: Flow,
    device: Device,
    overrides: Overrides,
    addresses: Addresses,
    known: Known,
    identity: Identity,
    device_code: Secret,
    verifier: Option<Secret>,
    user_code: String,
    url: String,
    complete_url: Option<String>,
    expires_in: Duration,
    ends: Instant,
    interval: Duration,
    strikes: u32,
}

/// What a question came to.
#[derive(Debug)]
pub enum Polled {
    /// The person has decided; this is the login.
    Done(TokenSet),
    /// The person has not decided yet.
    Pending,
}

impl DeviceLogin {
    /// Fetches a code for the person.
    pub async fn begin(
        flow: &Flow,
        overrides: &Overrides,
        known: Known,
        http: &dyn Http,
    ) -> Result<Self, LoginError> {
        let Grant::Device(device) = flow.grant else {
            let wrong = format!("`{}` is no login with a device code", flow.name);
            return Err(LoginError::Setting { name: "--flow", wrong });
        };
        let addresses = Addresses::new(flow, overrides, known.region.as_deref())?;
        let vendor = Vendor { flow, overrides, addresses: &addresses, http };
        let begins_at = start_url(flow, &known)?;
        let identity = identity(&vendor, &known).await?;
        let at = addresses.set(device.url, overrides.device_url.as_ref())?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut form = Form::default().plain("client_id", identity.id.as_str());
        if let (Some(secret), Encoding::CamelJson) = (&identity.secret, flow.token.body) {
            form = form.secret("client_secret", secret);
        }
        // Where byok registers itself, the registration has the scopes.
        let registered = matches!(flow.client, Client::Registered { .. });
        if flow.token.body == Encoding::CamelJson {
            form = form.plain("start_url", begins_at);
        }
        let scopes = match &overrides.scopes {
            Some(scopes) => scopes.join(" "),
            None => device.scopes.join(" "),
        };
        if !scopes.is_empty() && !registered {
            form = form.plain("scope", scopes);
        }
        if device.pkce {
            form = form
                .plain("code_challenge", challenge.as_str())
                .plain("code_challenge_method", challenge.method().as_str());
        }
        let mut headers = HeaderMap::new();
        if device.request_id {
            let id = uuid()?;
            headers
                .insert("x-request-id", HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("1")));
        }
        let encoding = match device.dialect {
            Dialect::CodeExchange { .. } => Encoding::Json,
            Dialect::Standard => flow.token.body,
        };
        let answer = vendor.post_as(&at, &form, encoding, headers).await?;
        if answer.status.as_u16() == 404 && matches!(device.dialect, Dialect::CodeExchange { .. }) {
            return Err(LoginError::NotOffered { host: answer.host });
        }
        let value = answer.accepted()?;
        let asked = Asked::read(&value, &device, &addresses, &host(&at))?;
        Ok(Self {
            flow: *flow,
            device,
            overrides: overrides.clone(),
            known,
            identity,
            verifier: device.pkce.then(|| Secret::new(verifier.into_secret())),
            device_code: asked.device_code,
            user_code: asked.user_code,
            url: asked.url,
            complete_url: asked.complete_url,
            expires_in: asked.expires_in,
            ends: Instant::now() + asked.expires_in,
            interval: asked.interval,
            strikes: 0,
            addresses,
        })
    }

    /// What the person types.
    pub fn user_code(&self) -> &str {
        &self.user_code
    }

    /// Where the person types it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same with the code in it, where the vendor has that.
    pub fn complete_url(&self) -> Option<&str> {
        self.complete_url.as_deref()
    }

    /// How long the code lived when it was fetched.
    pub fn expires_in(&self) -> Duration {
        self.expires_in
    }

    /// How long to wait before the next question. It grows when the vendor asks for that.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Asks whether the person has decided. An error ends the login.
    pub async fn poll(&mut self, http: &dyn Http) -> Result<Polled, LoginError> {
        let (flow, overrides, addresses) = (self.flow, self.overrides.clone(), self.addresses.clone());
        let vendor = Vendor { flow: &flow, overrides: &overrides, addresses: &addresses, http };
        let at = match self.device.dialect {
            Dialect::CodeExchange { poll, .. } => addresses.login(poll)?,
            Dialect::Standard => addresses.token.clone(),
        };
        if Instant::now() >= self.ends {
            return Err(LoginError::Expired { host: host(&at) });
        }
        let asked = match self.device.dialect {
            Dialect::CodeExchange { .. } => {
                let form = Form::default()
                    .secret("device_auth_id", &self.device_code)
                    .plain("user_code", self.user_code.as_str());
                vendor.post_as(&at, &form, Encoding::Json, HeaderMap::new()).await
            }
            Dialect::Standard => {
                let mut form = Form::default().plain("client_id", self.identity.id.as_str());
                if let Some(secret) = &self.identity.secret {
                    form = form.secret("client_secret", secret);
                }
                form = form.secret("device_code", &self.device_code).plain("grant_type", GRANT);
                if let Some(verifier) = &self.verifier {
                    form = form.secret("code_verifier", verifier);
                }
                vendor.post_for_tokens(form, &at).await
            }
        };
        let answer = match asked {
            Ok(answer) if answer.status.is_server_error() => return self.strike(answer.refused()),
            Ok(answer) => answer,
            Err(error) => return self.strike(error),
        };
        self.strikes = 0;
        if !answer.status.is_success() || answer.says_error() {
            return self.undecided(&answer);
        }
        let value = answer.accepted()?;
        let (value, at) = match self.device.dialect {
            Dialect::CodeExchange { redirect, .. } => {
                (self.exchange(&vendor, &value, redirect).await?, addresses.token.clone())
            }
            Dialect::Standard => (value, at),
        };
        let answer = TokenAnswer::read(value, &host(&at))?;
        let mut tokens = answer.tokens(&vendor, now())?;
        self.identity.keep(&mut tokens.details);
        keep_known(&self.known, &addresses, &flow, &mut tokens.details);
        after::run(&vendor, &mut tokens, Stage::Login { project: self.known.project.as_deref() }).await?;
        Ok(Polled::Done(tokens))
    }

    /// The code that the vendor answered with, for tokens.
    async fn exchange(
        &self,
        vendor: &Vendor<'_>,
        value: &Value,
        redirect: &str,
    ) -> Result<Value, LoginError> {
        let part = |name: &str| {
            let part = text_field(value, name).map(Secret::new);
            part.ok_or_else(|| unreadable(&host(&vendor.addresses.token), "without a code to exchange"))
        };
        let mut form = Form::default()
            .plain("grant_type", "authorization_code")
            .secret("code", &part("authorization_code")?)
            .plain("redirect_uri", redirect)
            .plain("client_id", self.identity.id.as_str());
        if let Some(secret) = &self.identity.secret {
            form = form.secret("client_secret", secret);
        }
        form = form.secret("code_verifier", &part("code_verifier")?);
        vendor.post_for_tokens(form, &vendor.addresses.token).await?.accepted()
    }

    /// What a no means: not yet, slower, or never.
    fn undecided(&mut self, answer: &Answer) -> Result<Polled, LoginError> {
        let refusal = answer.refusal();
        let status = refusal.status;
        match refusal.code.as_deref() {
            Some("authorization_pending" | "deviceauth_authorization_pending") => Ok(Polled::Pending),
            Some("slow_down") => {
                let said = answer.value.as_ref().and_then(|value| field(value, "interval"));
                self.slow_down(said.and_then(interval));
                Ok(Polled::Pending)
            }
            Some("access_denied") => Err(denied(refusal)),
            Some("expired_token") => Err(LoginError::Expired { host: refusal.host }),
            _ if self.device.pending.contains(&status) => Ok(Polled::Pending),
            _ if self.device.expired.contains(&status) => Err(LoginError::Expired { host: refusal.host }),
            _ if status == 429 => {
                self.slow_down(refusal.retry_after);
                Ok(Polled::Pending)
            }
            _ => Err(LoginError::Refused { refusal: Box::new(refusal) }),
        }
    }

    fn slow_down(&mut self, said: Option<Duration>) {
        let slower = match self.device.slow_down {
            SlowDown::Longer(by) => said.filter(|said| *said > self.interval).unwrap_or(self.interval + by),
            SlowDown::HalfAgain(most) => self.interval.mul_f32(1.5).min(most),
        };
        self.interval = slower.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL).max(self.interval);
    }

    /// No answer, or one of a vendor in trouble: the code may still be good.
    fn strike(&mut self, error: LoginError) -> Result<Polled, LoginError> {
        self.strikes += 1;
        if self.strikes >= STRIKES || matches!(error, LoginError::Setting { .. }) {
            return Err(error);
        }
        Ok(Polled::Pending)
    }
}

impl fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceLogin").field("flow", &self.flow.name).finish_non_exhaustive()
    }
}

/// The answer to the request for a code.
struct Asked {
    device_code: Secret,
    user_code: String,
    url: String,
    complete_url: Option<String>,
    expires_in: Duration,
    interval: Duration,
}

impl Asked {
    fn read(value: &Value, device: &Device, addresses: &Addresses, host: &str) -> Result<Self, LoginError> {
        let strange = |what: &str| unreadable(host, what);
        let user_code = ["user_code", "usercode"].iter().find_map(|name| text_field(value, name));
        let user_code = user_code.and_then(text::name).filter(|code| code.len() <= 64);
        let page = |name: &str| text_field(value, name).and_then(visitable).map(String::from);
        let (device_code, url) = match device.dialect {
            Dialect::CodeExchange { page, .. } => {
                (text_field(value, "device_auth_id"), Some(addresses.login(page)?.to_string()))
            }
            Dialect::Standard => {
                // `verification_url` is what it was called before it was a standard.
                let url = page("verification_uri").or_else(|| page("verification_url"));
                (text_field(value, "device_code"), url)
            }
        };
        Ok(Self {
            device_code: device_code.map(Secret::new).ok_or_else(|| strange("without a device code"))?,
            user_code: user_code.ok_or_else(|| strange("without a code to type"))?,
            url: url.ok_or_else(|| strange("without an address that can be opened"))?,
            complete_url: page("verification_uri_complete"),
            expires_in: field(value, "expires_in").and_then(lifetime).unwrap_or(LIFE).min(LONGEST_LIFE),
            interval: field(value, "interval").and_then(interval).unwrap_or(device.interval),
        })
    }
}

/// Who asks: known, kept from an earlier login, or registered now.
async fn identity(vendor: &Vendor<'_>, known: &Known) -> Result<Identity, LoginError> {
    if let Some(identity) = Identity::known(vendor.flow, vendor.overrides) {
        return Ok(identity);
    }
    let Client::Registered { url, scopes } = vendor.flow.client else {
        let wrong = "this login needs a client id: set oauth.client_id".to_owned();
        return Err(LoginError::Setting { name: "the config", wrong });
    };
    let details = known.earlier.as_ref().map(|tokens| &tokens.details);
    let same = details.filter(|details| {
        details.get(byok_types::Detail::Flow) == Some(vendor.flow.name)
            && details.get(byok_types::Detail::Region) == vendor.addresses.region()
    });
    if let Some(identity) = same.and_then(Identity::kept).filter(|identity| identity.lasts(now())) {
        return Ok(identity);
    }
    register(vendor, url, scopes, &Purpose::Device).await
}

fn denied(refusal: Refusal) -> LoginError {
    let reason = refusal.message.or(refusal.code).unwrap_or_default();
    LoginError::Denied { host: refusal.host, reason }
}

fn interval(value: &Value) -> Option<Duration> {
    let seconds = Duration::try_from_secs_f64(number(value)?).ok()?;
    Some(seconds.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL))
}

/// A random UUID (RFC 9562, 5.4).
fn uuid() -> Result<String, LoginError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| LoginError::Setting {
        name: "the randomness of this system",
        wrong: error.to_string(),
    })?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
