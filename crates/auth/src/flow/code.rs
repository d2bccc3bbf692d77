//! The authorization code engine (RFC 6749, 4.1; RFC 7636): the address to open, the callback, the exchange.
//!
//! What a callback says is believed only with this login's state. Everything else is somebody else's, and
//! does not end the login.

use std::fmt;
use std::time::SystemTime;

use byok_types::{Detail, Details, Secret, TokenSet};
use oauth2::basic::BasicClient;
use oauth2::{AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope};
use subtle::ConstantTimeEq;
use url::Url;

use super::address::{Addresses, host};
use super::answer::TokenAnswer;
use super::oidc::{Discovered, Expected, check, discover};
use super::register::{Identity, Purpose, register};
use super::vendor::{Asker, Form, Vendor, text_field};
use super::{
    CallbackError, Client, Code, Flow, Grant, Issuer, Known, LoginError, Overrides, Redirect, Shown, text,
};
use crate::after::{self, Stage};
use crate::http::Http;

/// More than any callback has.
const LONGEST_CALLBACK: usize = 16 * 1024;
/// How much of a random value is random, in bytes.
const RANDOM: u32 = 32;
/// Ports for a browser that nobody listens to: those that systems give out as they like (RFC 6335).
const FREE_PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

const WHOLE_ADDRESS: &str = "the whole address that your browser ends at, even if the page does not load";
const SHOWN_CODE: &str = "the code that the last page shows, or the whole address that your browser ends at";

/// A login in a browser, under way.
pub struct CodeLogin {
    flow: Flow,
    code: Code,
    overrides: Overrides,
    addresses: Addresses,
    known: Known,
    discovered: Option<Discovered>,
    /// `None` until the vendor issues one with the callback.
    identity: Option<Identity>,
    redirect: String,
    state: Secret,
    verifier: Option<Secret>,
    nonce: Secret,
    url: String,
    manual_url: Option<String>,
    paste_hint: &'static str,
}

/// A callback that belongs to its login.
#[derive(Debug)]
pub struct Redirected {
    code: Secret,
    /// Where the browser was sent, which the exchange has to repeat.
    redirect: String,
    /// The client id that the vendor issued.
    client: Option<String>,
}

impl CodeLogin {
    /// Begins a login. `port` is that of the listener; with `None` there is none, and the person pastes what
    /// the browser ends at. A vendor that has to be asked first (discovery, registration) is asked here.
    pub async fn begin(
        flow: &Flow,
        overrides: &Overrides,
        known: Known,
        port: Option<u16>,
        http: &dyn Http,
    ) -> Result<Self, LoginError> {
        let Grant::Code(code) = flow.grant else {
            let wrong = format!("`{}` is no login in a browser", flow.name);
            return Err(LoginError::Setting { name: "--flow", wrong });
        };
        let addresses = Addresses::new(flow, overrides, known.region.as_deref())?;
        let vendor = Vendor { flow, overrides, addresses: &addresses, http };
        let discovered = match &flow.issuer {
            Some(issuer) => Some(discover(&vendor, issuer).await?),
            None => None,
        };
        let random = || Secret::new(CsrfToken::new_random_len(RANDOM).into_secret());
        let (state, nonce) = (random(), random());
        let redirect = redirect_uri(code.redirect, port)?;
        let earlier = known.earlier.as_ref().map(|tokens| &tokens.details);
        let earlier = earlier.filter(|details| details.get(Detail::Flow) == Some(flow.name));
        let identity = match (Identity::known(flow, overrides), flow.client) {
            (Some(identity), _) => Some(identity),
            (None, Client::Registered { url, scopes }) => {
                let start_url = start_url(flow, &known)?;
                let purpose = Purpose::Code { redirect: &redirect, start_url: &start_url };
                Some(register(&vendor, url, scopes, &purpose).await?)
            }
            (None, _) => earlier.and_then(Identity::kept),
        };
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let authorize = match &discovered {
            Some(discovered) => discovered.authorize.clone(),
            None => addresses.set(code.authorize, overrides.authorize_url.as_ref())?,
        };
        let draft = Draft {
            flow,
            code: &code,
            overrides,
            known: &known,
            authorize,
            identity: identity.as_ref(),
            state: &state,
            nonce: discovered.is_some().then_some(&nonce),
            challenge: code.pkce.then_some(challenge),
        };
        let url = draft.url(&redirect)?;
        let manual_url = code.manual.map(|manual| draft.url(manual.redirect)).transpose()?;
        let (url, manual_url) = match (port, manual_url) {
            // Nobody listens, so the page that shows the code is the better end.
            (None, Some(manual)) => (manual.clone(), Some(manual)),
            (_, manual) => (url, manual),
        };
        Ok(Self {
            paste_hint: if manual_url.is_some() { SHOWN_CODE } else { WHOLE_ADDRESS },
            flow: *flow,
            code,
            overrides: overrides.clone(),
            discovered,
            identity,
            redirect,
            state,
            verifier: code.pkce.then(|| Secret::new(PkceCodeVerifier::into_secret(verifier))),
            nonce,
            url,
            manual_url,
            known,
            addresses,
        })
    }

    /// The address to open in a browser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same login, ending at a page of the vendor's that shows a code to paste, where there is one.
    pub fn manual_url(&self) -> Option<&str> {
        self.manual_url.as_deref()
    }

    /// What to paste where no listener is reached.
    pub fn paste_hint(&self) -> &str {
        self.paste_hint
    }

    /// What the listener was called with: the query of the callback.
    pub fn accept(&self, query: &str) -> Result<Redirected, CallbackError> {
        self.read(query, &self.redirect)
    }

    /// What a person pasted: an address, a query, `code#state`, or a bare code where the vendor's page shows
    /// that.
    pub fn accept_pasted(&self, pasted: &str) -> Result<Redirected, CallbackError> {
        if pasted.len() > LONGEST_CALLBACK {
            return Err(CallbackError::NotOurs);
        }
        // A terminal breaks long lines, people quote, and browsers hide the scheme of an address.
        let pasted: String = pasted.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
        let pasted = pasted.trim_matches(['"', '\'', '`', '<', '>']);
        let manual = self.code.manual;
        if let Some((address, query)) = pasted.split_once('?') {
            let plain = |address: &str| address.split("://").last().unwrap_or_default().to_owned();
            let at_page = manual.filter(|manual| plain(manual.redirect) == plain(address));
            let redirect = at_page.map_or(self.redirect.as_str(), |manual| manual.redirect);
            return self.read(query.split('#').next().unwrap_or_default(), redirect);
        }
        if ["code=", "state=", "error="].iter().any(|begin| pasted.starts_with(begin)) {
            return self.read(pasted, &self.redirect);
        }
        match (manual, pasted.split_once('#')) {
            (Some(manual), Some((code, state))) if !code.is_empty() && self.is_ours(state) => {
                Ok(redirected(code, manual.redirect, None))
            }
            (Some(_), Some((_, state))) if !state.is_empty() => Err(CallbackError::NotOurs),
            (Some(manual), None)
                if manual.shows == Shown::Code && self.verifier.is_some() && !pasted.is_empty() =>
            {
                Ok(redirected(pasted, manual.redirect, None))
            }
            _ => Err(CallbackError::Incomplete(self.paste_hint)),
        }
    }

    /// Exchanges the code, checks what comes, and does what comes after the token.
    pub async fn finish(self, redirected: Redirected, http: &dyn Http) -> Result<TokenSet, LoginError> {
        let vendor =
            Vendor { flow: &self.flow, overrides: &self.overrides, addresses: &self.addresses, http };
        let token = self.discovered.as_ref().map_or(&self.addresses.token, |found| &found.token);
        let identity = match (redirected.client.as_deref(), self.identity.clone()) {
            (Some(issued), _) => Identity::issued(issued),
            (None, Some(identity)) => identity,
            (None, None) => {
                let what = "did not issue a client id with its callback".to_owned();
                return Err(LoginError::Unreadable { host: host(token), what });
            }
        };
        let mut form = Form::default()
            .plain("grant_type", "authorization_code")
            .secret("code", &redirected.code)
            .plain("redirect_uri", redirected.redirect.as_str())
            .plain("client_id", identity.id.as_str());
        if let Some(secret) = &identity.secret {
            form = form.secret("client_secret", secret);
        }
        if let Some(verifier) = &self.verifier {
            form = form.secret("code_verifier", verifier);
        }
        if self.code.state_in_exchange {
            form = form.secret("state", &self.state);
        }
        let value = vendor.post_for_tokens(form, token).await?.accepted()?;
        let now = now();
        let answer = TokenAnswer::read(value, &host(token))?;
        let mut tokens = answer.tokens(&vendor, now)?;
        if let (Some(issuer), Some(discovered)) = (&self.flow.issuer, &self.discovered) {
            self.vouched(&vendor, issuer, discovered, &identity, &answer, &mut tokens, now).await?;
        }
        identity.keep(&mut tokens.details);
        keep_known(&self.known, &self.addresses, &self.flow, &mut tokens.details);
        after::run(&vendor, &mut tokens, Stage::Login { project: self.known.project.as_deref() }).await?;
        Ok(tokens)
    }

    /// Checks the id token, and that the login is good for calls.
    #[expect(clippy::too_many_arguments, reason = "all of it is one login's")]
    async fn vouched(
        &self,
        vendor: &Vendor<'_>,
        issuer: &Issuer,
        discovered: &Discovered,
        identity: &Identity,
        answer: &TokenAnswer,
        tokens: &mut TokenSet,
        now: SystemTime,
    ) -> Result<(), LoginError> {
        let host = host(&discovered.token);
        let untrusted = |wrong| LoginError::IdToken { host: host.clone(), wrong };
        let id_token = text_field(&answer.value, "id_token").ok_or_else(|| untrusted("there is none"))?;
        let keys = vendor.fetch(&discovered.keys, Asker::Nobody).await?.accepted()?;
        let expected =
            Expected { issuer: &discovered.issuer, client: &identity.id, nonce: self.nonce.expose(), now };
        check(id_token, &keys, &expected).map_err(untrusted)?;
        // RFC 6749, 5.1: an answer without a scope grants what was asked for.
        if let Some(granted) = text_field(&answer.value, "scope")
            && !granted.split_whitespace().any(|scope| scope == issuer.needs_scope)
        {
            return Err(LoginError::IdentityOnly { host, scope: issuer.needs_scope.to_owned() });
        }
        tokens.details.set(Detail::HostId, self.known.host_id.as_str());
        Ok(())
    }

    fn read(&self, query: &str, redirect: &str) -> Result<Redirected, CallbackError> {
        if query.len() > LONGEST_CALLBACK {
            return Err(CallbackError::NotOurs);
        }
        let mut found = Callback::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "code" => &mut found.code,
                "state" => &mut found.state,
                "error" => &mut found.error,
                "error_description" => &mut found.description,
                "client_id" => &mut found.client,
                "iss" => &mut found.issuer,
                _ => continue,
            };
            // Of two, nobody can say which one is meant.
            if place.replace(value.into_owned()).is_some() {
                return Err(CallbackError::NotOurs);
            }
        }
        if !self.is_ours(found.state.as_deref().unwrap_or_default()) {
            return Err(CallbackError::NotOurs);
        }
        // RFC 9207: an answer of another issuer is no answer to this login.
        if let (Some(said), Some(discovered)) = (&found.issuer, &self.discovered)
            && *said != discovered.issuer
        {
            return Err(CallbackError::NotOurs);
        }
        if let Some(error) = found.error {
            let hidden = [self.state.clone()];
            return Err(CallbackError::Denied {
                error: text::code(&error).unwrap_or_else(|| "refused".to_owned()),
                description: found.description.and_then(|said| text::clean(&said, &hidden)),
            });
        }
        let code = found.code.filter(|code| !code.is_empty()).ok_or(CallbackError::NotOurs)?;
        let issued = match self.flow.client {
            Client::Issued { entry, .. } if self.overrides.client_id.is_none() => {
                let issued = found.client.as_deref().and_then(text::code).filter(|issued| issued != entry);
                if issued.is_none() && self.identity.is_none() {
                    return Err(CallbackError::Incomplete(WHOLE_ADDRESS));
                }
                issued
            }
            _ => None,
        };
        Ok(redirected(&code, redirect, issued))
    }

    fn is_ours(&self, state: &str) -> bool {
        state.as_bytes().ct_eq(self.state.expose().as_bytes()).into()
    }
}

impl fmt::Debug for CodeLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its addresses hold the state.
        f.debug_struct("CodeLogin").field("flow", &self.flow.name).finish_non_exhaustive()
    }
}

fn redirected(code: &str, redirect: &str, client: Option<String>) -> Redirected {
    Redirected { code: Secret::new(code), redirect: redirect.to_owned(), client }
}

/// What a callback says.
#[derive(Default)]
struct Callback {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    description: Option<String>,
    client: Option<String>,
    issuer: Option<String>,
}

/// What an address to log in at is made of.
struct Draft<'a> {
    flow: &'a Flow,
    code: &'a Code,
    overrides: &'a Overrides,
    known: &'a Known,
    authorize: Url,
    identity: Option<&'a Identity>,
    state: &'a Secret,
    nonce: Option<&'a Secret>,
    challenge: Option<PkceCodeChallenge>,
}

impl Draft<'_> {
    fn url(&self, redirect: &str) -> Result<String, LoginError> {
        let mut extra: Vec<(&str, String)> =
            self.code.parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let mut id = self.identity.map(|identity| identity.id.clone());
        if let Client::Issued { entry, agent } = self.flow.client
            && self.overrides.client_id.is_none()
        {
            if self.known.host_id.is_empty() {
                let wrong = "this login needs one".to_owned();
                return Err(LoginError::Setting { name: "the id of this installation", wrong });
            }
            if id.is_none() {
                extra.push(("agent_name_hint", agent.to_owned()));
                id = Some(entry.to_owned());
            } else if let Some(label) = self.known.earlier.as_ref().and_then(|earlier| earlier.label.as_ref())
            {
                extra.push(("login_hint", label.clone()));
            }
            extra.push(("ext_agent_host_id", self.known.host_id.clone()));
        }
        if let Some(nonce) = self.nonce {
            extra.push(("nonce", nonce.expose().to_owned()));
        }
        let redirect = RedirectUrl::new(redirect.to_owned()).map_err(|error| LoginError::Setting {
            name: "the address of the callback",
            wrong: error.to_string(),
        })?;
        let client = BasicClient::new(ClientId::new(id.unwrap_or_default()))
            .set_auth_uri(AuthUrl::from_url(self.authorize.clone()))
            .set_redirect_uri(redirect);
        let mut request = client.authorize_url(|| CsrfToken::new(self.state.expose().to_owned()));
        let scopes: Vec<String> = match &self.overrides.scopes {
            Some(scopes) => scopes.clone(),
            None => self.code.scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        };
        request = request.add_scopes(scopes.into_iter().map(Scope::new));
        if let Some(challenge) = &self.challenge {
            request = request.set_pkce_challenge(challenge.clone());
        }
        for (name, value) in extra {
            request = request.add_extra_param(name, value);
        }
        let (url, _state) = request.url();
        Ok(self.renamed(url).into())
    }

    /// The address with the names of the vendor's own.
    fn renamed(&self, mut url: Url) -> Url {
        if self.code.renamed.is_empty() {
            return url;
        }
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .filter_map(|(name, value)| {
                let new = self.code.renamed.iter().find(|(old, _)| *old == name).map(|(_, new)| *new);
                let name = new.unwrap_or(&name);
                (!name.is_empty()).then(|| (name.to_owned(), value.into_owned()))
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
        url
    }
}

/// What the person said at the beginning belongs to the login.
pub(super) fn keep_known(known: &Known, addresses: &Addresses, flow: &Flow, details: &mut Details) {
    if let Some(region) = addresses.region().filter(|_| flow.region.is_some()) {
        details.set(Detail::Region, region);
    }
    if let (Some(own), Some(given)) = (flow.start_url, &known.start_url)
        && own != given
    {
        details.set(Detail::StartUrl, given.as_str());
    }
}

/// Where the login begins: at the organisation's address, or at everyone's.
pub(super) fn start_url(flow: &Flow, known: &Known) -> Result<String, LoginError> {
    let Some(given) = known.start_url.as_deref().map(str::trim).filter(|given| !given.is_empty()) else {
        return Ok(flow.start_url.unwrap_or_default().to_owned());
    };
    if super::address::visitable(given).is_none() {
        let wrong = "it is an address that begins with https://".to_owned();
        return Err(LoginError::Setting { name: "the start URL", wrong });
    }
    Ok(given.to_owned())
}

fn redirect_uri(redirect: Redirect, port: Option<u16>) -> Result<String, LoginError> {
    let port = match (port, redirect.ports) {
        (Some(port), []) => port,
        (Some(port), ports) if ports.contains(&port) => port,
        (Some(port), _) => {
            let wrong = format!("the vendor does not know {port}");
            return Err(LoginError::Setting { name: "the port of the callback", wrong });
        }
        (None, [first, ..]) => *first,
        (None, []) => {
            let mut bytes = [0; 2];
            getrandom::fill(&mut bytes).map_err(|error| LoginError::Setting {
                name: "the randomness of this system",
                wrong: error.to_string(),
            })?;
            let among = FREE_PORTS.end() - FREE_PORTS.start();
            FREE_PORTS.start() + u16::from_ne_bytes(bytes) % among
        }
    };
    Ok(format!("http://{}:{port}{}", redirect.host, redirect.path))
}

pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests;
