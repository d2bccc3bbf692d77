//! What vendors have in common: what was given out and is good for what, what was seen, and trouble on demand.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use super::fields::{Fields, Refusal, Reply, Request};

/// The longest that a test waits for a request.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much too early a question may come: clocks of two processes tick differently.
const SLACK: Duration = Duration::from_millis(150);

/// A vendor's memory.
#[derive(Default)]
pub struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    origin: String,
    /// All that nobody else may see.
    given: Vec<String>,
    grants: HashMap<String, Grant>,
    devices: HashMap<String, Device>,
    /// Tokens in force, with what they are for.
    tokens: HashMap<String, &'static str>,
    /// Clients that registered, with their secret and redirect.
    clients: HashMap<String, (String, Option<String>)>,
    seen: Vec<String>,
    refused: Vec<String>,
    troubles: Vec<(&'static str, Trouble)>,
    twists: Vec<Twist>,
    slow_downs: u32,
    released: bool,
}

/// Trouble that a request gets in place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A page of HTML, as a captive portal shows it.
    Html,
    /// JSON that ends in the middle.
    Malformed,
    /// An answer with nothing in it.
    Nothing,
    /// This status, with an error in JSON.
    Status(u16),
    /// No answer until the test says so.
    Waits,
}

/// Something that a vendor does differently for once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twist {
    /// The id token is for somebody else's client.
    AnotherAudience,
    /// The id token is signed with a key that nobody knows.
    AnotherKey,
    /// The id token belongs to another login.
    AnotherNonce,
    /// The browser comes back with the state of another login.
    AnotherState,
    /// The person says no.
    Denies,
    /// The account is set up already.
    HasProject,
    /// The account serves nobody here.
    Ineligible,
    /// The browser comes back without a code.
    NoCode,
    /// The vendor does not say whose the login is.
    NoName,
    /// Another person logs in.
    Other,
    /// What was asked for is not granted.
    PlanNotGranted,
}

/// What a code is good for.
#[derive(Clone, Debug, Default)]
pub struct Grant {
    /// The client that asked.
    pub client: String,
    /// Where the browser was sent.
    pub redirect: String,
    /// PKCE's challenge, where there was one.
    pub challenge: Option<String>,
    /// The login's state.
    pub state: String,
    /// `OpenID`'s nonce.
    pub nonce: Option<String>,
    pub(super) used: bool,
}

/// What the person has decided about a device code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decision {
    /// Nothing yet.
    #[default]
    Open,
    /// Yes.
    Approved,
    /// No.
    Denied,
    /// It was too late to decide.
    Expired,
}

#[derive(Clone, Debug)]
struct Device {
    client: String,
    user_code: String,
    challenge: Option<String>,
    decision: Decision,
    interval: Duration,
    asked: Option<Instant>,
    used: bool,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no vendor panics while it holds this")
    }

    pub(super) fn is_at(&self, origin: &str) {
        origin.clone_into(&mut self.state().origin);
    }

    /// Where the vendor is.
    pub fn origin(&self) -> String {
        self.state().origin.clone()
    }

    /// A value that nobody can guess, and that nobody but byok may see from now on.
    pub fn secret(&self, begin: &str) -> String {
        let secret = format!("{begin}{}", random());
        self.state().given.push(secret.clone());
        secret
    }

    /// A token that is good for something.
    pub fn token(&self, begin: &str, good_for: &'static str) -> String {
        let token = self.secret(begin);
        self.state().tokens.insert(token.clone(), good_for);
        token
    }

    /// A value that byok made and that nobody else may see.
    pub fn learn(&self, secret: &str) {
        self.state().given.push(secret.to_owned());
    }

    /// All that nobody else may see: codes, tokens, verifiers, secrets of clients.
    pub fn secrets(&self) -> Vec<String> {
        self.state().given.clone()
    }

    /// What the tokens in force that are good for something are.
    pub fn tokens(&self, good_for: &str) -> Vec<String> {
        let state = self.state();
        state.tokens.iter().filter(|(_, good)| **good == good_for).map(|(token, _)| token.clone()).collect()
    }

    /// Whether a token is good for something; otherwise the vendor's 401.
    pub fn check_token(&self, token: Option<&str>, good_for: &str) -> Result<(), Refusal> {
        let state = self.state();
        match token.and_then(|token| state.tokens.get(token)) {
            Some(good) if *good == good_for => Ok(()),
            _ => Err(Refusal::new(401, "invalid_token", format!("no token that is good for {good_for}"))),
        }
    }

    /// A token is good for nothing from now on.
    pub fn end_token(&self, token: &str) {
        self.state().tokens.remove(token);
    }

    /// What was refused, and why. Empty after a login that went well.
    pub fn refused(&self) -> Vec<String> {
        self.state().refused.clone()
    }

    /// The requests so far: method and path.
    pub fn seen(&self) -> Vec<String> {
        self.state().seen.clone()
    }

    /// How many requests to a path there were.
    pub fn count(&self, path: &str) -> usize {
        self.state().seen.iter().filter(|seen| seen.ends_with(path)).count()
    }

    /// Waits until there were so many requests to a path.
    pub fn wait_for(&self, path: &str, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state();
        while state.seen.iter().filter(|seen| seen.ends_with(path)).count() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "there were not {count} requests to {path}: {:?}", state.seen);
            (state, _) = self.changed.wait_timeout(state, left).expect("nobody panicked");
        }
    }

    pub(super) fn saw(&self, request: &Request<'_>) {
        self.state().seen.push(format!("{} {}", request.method(), request.path()));
        self.changed.notify_all();
    }

    pub(super) fn note(&self, request: &Request<'_>, refusal: &Refusal) {
        if !refusal.usual {
            let note = format!("{} {}: {}", request.method(), request.path(), refusal.why);
            self.state().refused.push(note);
        }
    }

    /// Has every request whose path ends so get trouble, until [`Desk::no_trouble`].
    pub fn trouble(&self, path: &'static str, trouble: Trouble) {
        self.state().troubles.push((path, trouble));
    }

    /// Ends all trouble, and lets what waits go on.
    pub fn no_trouble(&self) {
        let mut state = self.state();
        state.troubles.clear();
        state.released = true;
        self.changed.notify_all();
    }

    pub(super) fn trouble_for(&self, request: &Request<'_>) -> Option<Reply> {
        let mut state = self.state();
        let trouble = state.troubles.iter().find(|(path, _)| request.path().ends_with(path))?.1;
        Some(match trouble {
            Trouble::Html => {
                Reply::page(200, "<html><body>Please log in to the hotel's network</body></html>")
            }
            Trouble::Malformed => Reply::text(200, "application/json", "{\"access_token\": \"eyJ"),
            Trouble::Nothing => Reply::json(200, &serde_json::json!({})),
            Trouble::Status(status) => Reply::json(
                status,
                &serde_json::json!({"error": "server_error", "error_description": "busy"}),
            ),
            Trouble::Waits => {
                let deadline = Instant::now() + PATIENCE;
                while !state.released && Instant::now() < deadline {
                    (state, _) = self.changed.wait_timeout(state, PATIENCE).expect("nobody panicked");
                }
                return None;
            }
        })
    }

    /// Does something differently from now on.
    pub fn twist(&self, twist: Twist) {
        self.state().twists.push(twist);
    }

    /// Does it as usual again.
    pub fn untwist(&self, twist: Twist) {
        self.state().twists.retain(|one| *one != twist);
    }

    /// Whether something is done differently.
    pub fn has(&self, twist: Twist) -> bool {
        self.state().twists.contains(&twist)
    }

    /// The person who logs in.
    pub fn name(&self) -> &'static str {
        if self.has(Twist::Other) { "other@example.org" } else { "me@example.com" }
    }

    /// A client that registers itself; its id and its secret.
    pub fn register(&self, redirect: Option<String>) -> (String, String) {
        let (id, secret) = (format!("client-{}", random()), self.secret("client-secret-"));
        self.state().clients.insert(id.clone(), (secret.clone(), redirect));
        (id, secret)
    }

    /// An id for a client that does not register.
    pub fn new_client_id(&self, begin: &str) -> String {
        format!("{begin}{}", random())
    }

    /// Notes a client's id that the vendor made itself.
    pub fn issue(&self, id: &str) {
        self.state().clients.insert(id.to_owned(), (String::new(), Some(String::new())));
    }

    /// Whether a registered client is who it says; where its browser may be sent.
    pub fn check_client(&self, id: &str, secret: &str) -> Result<Option<String>, Refusal> {
        let wrong = || Refusal::new(401, "invalid_client", "an unknown client, or a wrong secret");
        let state = self.state();
        let (right, redirect) = state.clients.get(id).ok_or_else(wrong)?;
        if right == secret { Ok(redirect.clone()) } else { Err(wrong()) }
    }

    /// Where a registered client's browser may be sent.
    pub fn client_redirect(&self, id: &str) -> Option<String> {
        self.state().clients.get(id).and_then(|(_, redirect)| redirect.clone())
    }

    /// Sends the browser back with a code for what was granted. `more` comes with it.
    pub fn send_back(&self, grant: Grant, more: &[(&str, &str)]) -> Reply {
        let mut url = url::Url::parse(&grant.redirect).expect("it was checked");
        let state = if self.has(Twist::AnotherState) { random() } else { grant.state.clone() };
        if self.has(Twist::Denies) {
            url.query_pairs_mut()
                .append_pair("error", "access_denied")
                .append_pair("error_description", "The person said <b>no</b>")
                .append_pair("state", &state);
            return Reply::redirect(url.as_str());
        }
        let code = self.code(grant);
        if !self.has(Twist::NoCode) {
            url.query_pairs_mut().append_pair("code", &code);
        }
        url.query_pairs_mut().append_pair("state", &state);
        for (name, value) in more {
            url.query_pairs_mut().append_pair(name, value);
        }
        Reply::redirect(url.as_str())
    }

    /// A code for what was granted.
    pub fn code(&self, grant: Grant) -> String {
        let code = self.secret("code-");
        self.state().grants.insert(code.clone(), grant);
        code
    }

    /// Takes a code in: once, from the client that asked, for the same redirect, with the verifier that its
    /// challenge was made of.
    pub fn redeem(&self, fields: &Fields, client: &str) -> Result<Grant, Refusal> {
        let refused = |why: &str| Refusal::new(400, "invalid_grant", why);
        let redirect = fields.get("redirect_uri").or_else(|_| fields.get("redirectUri"))?;
        let verifier = fields.get("code_verifier").or_else(|_| fields.get("codeVerifier")).ok();
        if let Some(verifier) = verifier {
            self.learn(verifier);
        }
        let mut state = self.state();
        let grant = state.grants.get_mut(fields.get("code")?).ok_or_else(|| refused("an unknown code"))?;
        if std::mem::replace(&mut grant.used, true) {
            return Err(refused("a code that was used before"));
        }
        if grant.client != client {
            return Err(refused("a code of another client"));
        }
        if grant.redirect != redirect {
            return Err(refused("another redirect_uri than before"));
        }
        proven(grant.challenge.as_deref(), verifier)?;
        Ok(grant.clone())
    }

    /// A code for a device, and the one that the person types.
    pub fn device(&self, client: &str, challenge: Option<String>, interval: Duration) -> (String, String) {
        let device_code = self.secret("device-");
        let random = random().to_ascii_uppercase();
        let user_code = format!("{}-{}", &random[..4], &random[4..8]);
        let device = Device {
            client: client.to_owned(),
            user_code: user_code.clone(),
            challenge,
            decision: Decision::Open,
            interval,
            asked: None,
            used: false,
        };
        self.state().devices.insert(device_code.clone(), device);
        (device_code, user_code)
    }

    /// The person decides.
    pub fn decide(&self, user_code: &str, decision: Decision) {
        let mut state = self.state();
        let device = state.devices.values_mut().find(|device| device.user_code == user_code);
        device.expect("byok shows a code that the vendor gave out").decision = decision;
    }

    /// Has the next questions answered with `slow_down`.
    pub fn slow_down(&self, times: u32) {
        self.state().slow_downs = times;
    }

    /// Answers the question whether the person has decided. `slower` is how the time between questions
    /// changes with each `slow_down`.
    pub fn poll(
        &self,
        device_code: &str,
        client: &str,
        verifier: Option<&str>,
        slower: fn(Duration) -> Duration,
    ) -> Result<(), Refusal> {
        if let Some(verifier) = verifier {
            self.learn(verifier);
        }
        let mut state = self.state();
        let slow_down = state.slow_downs > 0;
        state.slow_downs = state.slow_downs.saturating_sub(1);
        let unknown = || Refusal::new(400, "invalid_grant", "an unknown device code");
        let device = state.devices.get_mut(device_code).ok_or_else(unknown)?;
        if device.client != client {
            return Err(Refusal::new(400, "invalid_client", "a device code of another client"));
        }
        proven(device.challenge.as_deref(), verifier)?;
        let now = Instant::now();
        let asked = device.asked.replace(now);
        if asked.is_some_and(|asked| now.duration_since(asked) + SLACK < device.interval) {
            device.interval = slower(device.interval);
            return Err(Refusal::new(400, "slow_down", "a question that comes too early"));
        }
        if slow_down {
            device.interval = slower(device.interval);
            return Err(Refusal::usual(400, "slow_down"));
        }
        match device.decision {
            Decision::Open => Err(Refusal::usual(400, "authorization_pending")),
            Decision::Denied => Err(Refusal::usual(400, "access_denied")),
            Decision::Expired => Err(Refusal::usual(400, "expired_token")),
            Decision::Approved if std::mem::replace(&mut device.used, true) => {
                Err(Refusal::new(400, "invalid_grant", "a device code that was used before"))
            }
            Decision::Approved => Ok(()),
        }
    }

    /// The seconds between two questions about a device code.
    pub fn interval(&self, device_code: &str) -> u64 {
        self.state().devices.get(device_code).map_or(0, |device| device.interval.as_secs())
    }
}

/// Whether a verifier is the one that the challenge was made of (RFC 7636, 4.6).
fn proven(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), Refusal> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) => {
            let long_enough = (43..=128).contains(&verifier.len());
            if challenge_of(verifier) == challenge && long_enough {
                Ok(())
            } else {
                Err(Refusal::new(400, "invalid_grant", "a wrong code_verifier"))
            }
        }
        (Some(_), None) => Err(Refusal::new(400, "invalid_grant", "no code_verifier")),
        (None, Some(_)) => Err(Refusal::new(400, "invalid_request", "a code_verifier without a challenge")),
    }
}

/// The challenge of a verifier (RFC 7636, 4.2).
pub(super) fn challenge_of(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

fn random() -> String {
    let mut bytes = [0; 18];
    SystemRandom::new().fill(&mut bytes).expect("this system has randomness");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
