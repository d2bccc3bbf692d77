//! How a person logs in somewhere, as data, and the engines that run it.
//!
//! A [`Flow`] says everything that differs between vendors: addresses, names of fields, what a token answer
//! holds, which refusals are final. The engines know OAuth 2 (RFC 6749, 7636, 8628, 7009) and read no
//! provider's name. They store nothing, open no listener and no browser: that is their caller's.

mod address;
mod answer;
mod code;
mod device;
mod error;
mod jwt;
mod oidc;
mod register;
mod renewal;
mod retry;
mod text;
pub(crate) mod vendor;

#[cfg(test)]
mod arbitrary;
#[cfg(test)]
mod canned;

use std::time::Duration;

use byok_types::{Detail, Secret, TokenSet};
use url::Url;

use crate::after::Step;

pub use code::{CodeLogin, Redirected};
pub use device::{DeviceLogin, Polled};
pub use error::{CallbackError, LoginError, Refusal};
pub use renewal::{Revoked, margin, renew, revoke};

pub(crate) use address::visitable;
pub(crate) use answer::{named_base, number, text_at, token};
pub(crate) use text::{clean, code};

/// How a person logs in somewhere. A row of the catalogue has some of these; its first is the default.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// What `--flow` takes, and what is kept as [`Detail::Flow`], so that a renewal goes the same way.
    pub name: &'static str,
    /// What it is for people, in a few words.
    pub title: &'static str,
    /// How the person's consent is obtained.
    pub grant: Grant,
    /// Who asks.
    pub client: Client,
    /// Where tokens are fetched and renewed.
    pub token: TokenAddress,
    /// Sent with every request of the login, besides what HTTP needs.
    pub headers: &'static [(&'static str, &'static str)],
    /// What stands for `{region}` in the addresses unless the person names another.
    pub region: Option<&'static str>,
    /// Where the login begins unless the person's organisation has an address of its own.
    pub start_url: Option<&'static str>,
    /// Who vouches for the person, where the vendor speaks `OpenID` Connect.
    pub issuer: Option<Issuer>,
    /// What the token answer holds besides tokens.
    pub answer: Fields,
    /// What the claims of its JWTs (the id token first, then the access token) hold.
    pub claims: Fields,
    /// Whether the access token is a JWT whose `exp` says when it ends.
    pub expires_by_claim: bool,
    /// What the API is below for such a login.
    pub api: ApiBase,
    /// What comes after the token.
    pub after: &'static [Step],
    /// How the login is kept alive.
    pub renewal: Renewal,
    /// How it is ended.
    pub revocation: Revocation,
}

impl Flow {
    /// What a row starts from: a device flow of nobody's.
    pub const BASE: Self = Self {
        name: "",
        title: "",
        grant: Grant::Device(Device::BASE),
        client: Client::Known { id: "", secret: None },
        token: TokenAddress::form(""),
        headers: &[],
        region: None,
        start_url: None,
        issuer: None,
        answer: Fields::NONE,
        claims: Fields::NONE,
        expires_by_claim: false,
        api: ApiBase::Usual,
        after: &[],
        renewal: Renewal::BASE,
        revocation: Revocation::NotOffered,
    };

    /// The listener that the browser is sent back to; `None` for a device flow.
    pub fn redirect(&self) -> Option<Redirect> {
        match self.grant {
            Grant::Code(code) => Some(code.redirect),
            Grant::Device(_) => None,
        }
    }
}

/// How a person's consent is obtained.
#[derive(Clone, Copy, Debug)]
pub enum Grant {
    /// In a browser that comes back with a code.
    Code(Code),
    /// On any device, with a code that the person types there.
    Device(Device),
}

/// An authorization code flow (RFC 6749, 4.1).
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// Where the browser is sent.
    pub authorize: &'static str,
    /// What access is asked for.
    pub scopes: &'static [&'static str],
    /// What else the address of the login holds.
    pub parameters: &'static [(&'static str, &'static str)],
    /// Standard parameters under names of the vendor's own; an empty name leaves one out.
    pub renamed: &'static [(&'static str, &'static str)],
    /// Whether the code is bound to this login (RFC 7636, S256). Off only where the vendor knows none.
    pub pkce: bool,
    /// The listener that the browser comes back to.
    pub redirect: Redirect,
    /// A page of the vendor's that shows what to paste, for where no listener can be reached.
    pub manual: Option<Manual>,
    /// Whether the token request repeats the state.
    pub state_in_exchange: bool,
}

/// The listener that a browser comes back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// `localhost` or `127.0.0.1`, as the vendor has it registered.
    pub host: &'static str,
    /// The ports that are registered, the first one preferred; empty: any.
    pub ports: &'static [u16],
    /// The path, with its slash.
    pub path: &'static str,
}

/// A page of the vendor's that shows what to paste.
#[derive(Clone, Copy, Debug)]
pub struct Manual {
    /// The page.
    pub redirect: &'static str,
    /// What it shows.
    pub shows: Shown,
}

/// What a vendor's page shows to be pasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The code alone. It cannot be told whose it is, so this takes PKCE.
    Code,
    /// The code and the state, with `#` between.
    CodeAndState,
}

/// A device flow (RFC 8628).
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// Where a device code is fetched.
    pub url: &'static str,
    /// What access is asked for.
    pub scopes: &'static [&'static str],
    /// Whether the code is bound to this login (RFC 7636, S256).
    pub pkce: bool,
    /// Whether the request for a code carries an `x-request-id`.
    pub request_id: bool,
    /// How it is spoken.
    pub dialect: Dialect,
    /// How often to ask where the vendor does not say.
    pub interval: Duration,
    /// How much longer to wait between questions when asked to slow down.
    pub slow_down: SlowDown,
    /// Statuses that mean that the person has not decided yet, where the error says nothing.
    pub pending: &'static [u16],
    /// Statuses that mean that the code is over, where the error says nothing.
    pub expired: &'static [u16],
}

impl Device {
    /// What a row starts from: RFC 8628 to the letter.
    pub const BASE: Self = Self {
        url: "",
        scopes: &[],
        pkce: false,
        request_id: false,
        dialect: Dialect::Standard,
        interval: Duration::from_secs(5),
        slow_down: SlowDown::Longer(Duration::from_secs(5)),
        pending: &[],
        expired: &[],
    };
}

/// How a device flow is spoken.
#[derive(Clone, Copy, Debug)]
pub enum Dialect {
    /// The token address answers with a code instead of tokens; the vendor makes the PKCE verifier too. The
    /// code is then exchanged as in a code flow.
    CodeExchange {
        /// Where to ask whether the person has decided.
        poll: &'static str,
        /// Where the person types the code.
        page: &'static str,
        /// The redirect that the exchange names. Nobody is sent there.
        redirect: &'static str,
    },
    /// RFC 8628, with the names and the encoding of the token address; where those are camelCase, the
    /// request names the start URL.
    Standard,
}

/// What `slow_down` does to the time between questions.
#[derive(Clone, Copy, Debug)]
pub enum SlowDown {
    /// So much longer (RFC 8628, 3.5), or what the answer says.
    Longer(Duration),
    /// One and a half times as long, up to this.
    HalfAgain(Duration),
}

/// Who asks for access.
#[derive(Clone, Copy, Debug)]
pub enum Client {
    /// The vendor issues an id to each login: it comes back with the code and belongs to the account.
    Issued {
        /// The id of a first login. It is never stored and never sent to the token address.
        entry: &'static str,
        /// What the vendor's page shows at a first login.
        agent: &'static str,
    },
    /// A known client.
    Known {
        /// Its id.
        id: &'static str,
        /// What an installed program has for a secret: it is in the vendor's published source, so it is
        /// none. In two halves, because scanners that look for leaked secrets cannot know that.
        secret: Option<(&'static str, &'static str)>,
    },
    /// byok registers itself under its own name (RFC 7591, in camelCase).
    Registered {
        /// Where.
        url: &'static str,
        /// What it may ask for.
        scopes: &'static [&'static str],
    },
}

/// Where tokens are fetched, and how.
#[derive(Clone, Copy, Debug)]
pub struct TokenAddress {
    /// The address.
    pub url: &'static str,
    /// How a request is written.
    pub body: Encoding,
    /// Whether id and secret are also sent as HTTP Basic.
    pub basic: bool,
    /// Sent with every request for tokens.
    pub extra: &'static [(&'static str, &'static str)],
}

impl TokenAddress {
    /// As in RFC 6749.
    pub const fn form(url: &'static str) -> Self {
        Self { url, body: Encoding::Form, basic: false, extra: &[] }
    }
}

/// How a request for tokens is written, and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// JSON, with names such as `grantType`.
    CamelJson,
    /// A form, as in RFC 6749.
    Form,
    /// JSON, with the names of RFC 6749.
    Json,
}

/// An `OpenID` provider.
#[derive(Clone, Copy, Debug)]
pub struct Issuer {
    /// What its documents must say, and the origin of all its addresses.
    pub id: &'static str,
    /// Its discovery document.
    pub discovery: &'static str,
    /// What must have been granted for the login to be of use.
    pub needs_scope: &'static str,
}

/// Where to find what is kept, as JSON pointers (RFC 6901); the first that leads to a text is taken.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    /// Who the login belongs to.
    pub label: &'static [&'static str],
    /// What is put in brackets behind it.
    pub group: &'static [&'static str],
    /// What else is kept.
    pub details: &'static [(Detail, &'static [&'static str])],
}

impl Fields {
    /// Nothing.
    pub const NONE: Self = Self { label: &[], group: &[], details: &[] };
}

/// What the API is below for a login. It is not kept where the config has an address of its own.
#[derive(Clone, Copy, Debug)]
pub enum ApiBase {
    /// Where the token answer says, if that is at one of the trusted hosts or below one.
    Answered {
        /// Where it stands in the answer; a host, or an address.
        pointer: &'static str,
        /// What it must end in.
        path: &'static str,
        /// Where tokens may be sent.
        trusted: &'static [&'static str],
    },
    /// Here.
    Fixed(&'static str),
    /// Where the provider's row says.
    Usual,
}

/// How a login is kept alive.
#[derive(Clone, Copy, Debug)]
pub struct Renewal {
    /// What is done.
    pub how: Renewing,
    /// How long before its end a token is renewed. Never more than half of what it had.
    pub margin: Duration,
    /// Whether it is renewed at half of its life, if that is earlier.
    pub half_life: bool,
    /// Refusals that end the login, by their code.
    pub final_codes: &'static [&'static str],
    /// Refusals that end the login whatever their code.
    pub final_statuses: &'static [u16],
}

impl Renewal {
    /// What a row starts from.
    pub const BASE: Self = Self {
        how: Renewing::Grant,
        margin: Duration::from_secs(5 * 60),
        half_life: false,
        final_codes: &["invalid_grant"],
        final_statuses: &[],
    };
}

/// How the next access token is got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewing {
    /// With the refresh token, at the token address.
    Grant,
    /// With the vendor's long-lived token, by the steps that followed the login.
    Steps,
}

/// How a login is ended.
#[derive(Clone, Copy, Debug)]
pub enum Revocation {
    /// Here (RFC 7009).
    At(&'static str),
    /// Where the issuer's discovery document says, if it does.
    Discovered,
    /// Not at all, or not without ending other programs' logins.
    NotOffered,
}

/// What the config says in place of the flow's own values.
///
/// An address of a login that has no setting of its own (revocation, key set, user info, token exchange,
/// client registration) follows `token_url` to its origin when that is given, keeping its path; an address
/// of the provider's API (project discovery) follows `api_base` likewise.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The id of the person's own client. A published secret of the flow's is then not sent.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<Secret>,
    /// Where the browser is sent.
    pub authorize_url: Option<Url>,
    /// Where tokens are fetched.
    pub token_url: Option<Url>,
    /// Where a device code is fetched.
    pub device_url: Option<Url>,
    /// What access is asked for.
    pub scopes: Option<Vec<String>>,
    /// What the API is below.
    pub api_base: Option<String>,
}

/// What is known when a login begins.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The id of this installation, `urn:uuid:…`, in lower case; the same at every login.
    pub host_id: String,
    /// The tokens of the account that logs in again.
    pub earlier: Option<TokenSet>,
    /// The start URL of the person's organisation.
    pub start_url: Option<String>,
    /// The region of the person's organisation.
    pub region: Option<String>,
    /// The cloud project that calls are for, where the person has to name one.
    pub project: Option<String>,
}
