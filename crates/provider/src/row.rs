//! What is known about a provider before anyone configures it: facts, `Copy` and `'static`, so that a row
//! can be written as a constant and a typo fails the build.
//!
//! A row holds no behaviour. How an address is put together is [`crate::spec`]'s, how a quirk is applied
//! [`crate::quirk`]'s.

use byok_auth::Flow;
use byok_types::Family;

/// One provider of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its id: what is stored, logged and written before a model's name.
    pub id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// Other names that mean it, everywhere a provider can be named.
    pub aliases: &'static [&'static str],
    /// What all its addresses begin with: scheme, host, and the path that its formats have in common.
    /// Empty where every customer has an own address.
    pub root: &'static str,
    /// The formats it speaks; the first is the one that other formats are translated into.
    pub endpoints: &'static [Endpoint],
    /// The models that it makes, as far as known when this was written. They age within weeks; a model that
    /// is missing here is called as `provider/model`.
    pub models: &'static [Model],
    /// Names that its own clients use for the newest model of a kind.
    pub floating: &'static [(&'static str, &'static str)],
    /// Where its live list of models is.
    pub list: List,
    /// Whether it serves third-party programs.
    pub health: Health,
    /// What it does differently from its format.
    pub quirks: &'static [Quirk],
    /// Whether calls need a credential.
    pub key: KeyNeed,
    /// How the `User-Agent` of the vendor's own programs begins. Their calls pass with their own names.
    pub genuine: &'static [&'static str],
    /// Whether it takes an API key.
    pub takes_key: bool,
    /// Under which of its names a key is meant where both would do.
    pub key_names: &'static [&'static str],
    /// How a person logs in there; the first is the default. Empty where there are keys only.
    pub logins: &'static [Way],
}

/// A way to log in, and what is known about logins that were made with it.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// How it goes.
    pub flow: Flow,
    /// Whether such a login serves third-party programs; a key may fare better.
    pub health: Health,
    /// What the vendor has published about it, in one line for whoever is about to log in.
    pub terms: &'static str,
    /// Whether this version can make calls with such a login.
    pub calls: Calls,
}

/// Whether calls can be made with a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// The vendor wants something of calls with such a login that this version does not do yet. The login
    /// is kept and renewed; a call says so instead of being made.
    NotYet,
    /// They can.
    Ready,
}

/// A format that a provider speaks, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The format.
    pub family: Family,
    /// What stands between the root and the format's own path (`/v1` before
    /// `/chat/completions`, nothing before `/v1/messages`).
    pub prefix: &'static str,
    /// How the credential is sent.
    pub auth: Auth,
    /// Whether the upstream counts tokens at the format's own address for that.
    pub counts: bool,
}

impl Endpoint {
    /// OpenAI Chat Completions at `{prefix}/chat/completions`.
    pub const fn chat(prefix: &'static str) -> Self {
        Self { family: Family::OpenaiChat, prefix, auth: Auth::Bearer, counts: false }
    }

    /// OpenAI Responses at `{prefix}/responses`.
    pub const fn responses(prefix: &'static str) -> Self {
        Self { family: Family::OpenaiResponses, prefix, auth: Auth::Bearer, counts: false }
    }

    /// Anthropic Messages at `{prefix}/v1/messages`, by someone who is not Anthropic: no token counter.
    pub const fn messages(prefix: &'static str) -> Self {
        Self { family: Family::Anthropic, prefix, auth: Auth::Bearer, counts: false }
    }

    /// The same endpoint with another way to send the credential.
    #[must_use]
    pub const fn auth(self, auth: Auth) -> Self {
        Self { auth, ..self }
    }
}

/// How a credential is put into a request. The access token of a login is a `Bearer` everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `api-key: …` (Azure)
    ApiKey,
    /// `Authorization: Bearer …`
    Bearer,
    /// `x-api-key: …` (Anthropic)
    XApiKey,
    /// `x-goog-api-key: …` (Gemini)
    XGoogApiKey,
}

/// Whether calls need a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyNeed {
    /// It answers without one (a local server); one that is there is sent.
    Optional,
    /// It answers with one only.
    Required,
}

/// A model of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its id at the provider.
    pub id: &'static str,
    /// How many tokens fit into a request and its answer, where known.
    pub context: Option<u32>,
    /// How many tokens an answer may have, where known.
    pub output: Option<u32>,
}

impl Model {
    /// A model of which only the name is known.
    pub const fn named(id: &'static str) -> Self {
        Self { id, context: None, output: None }
    }

    /// A model with known limits, in tokens.
    pub const fn sized(id: &'static str, context: u32, output: u32) -> Self {
        Self { id, context: Some(context), output: Some(output) }
    }
}

/// Where a provider lists its models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `GET` of this path below the root.
    At {
        /// The path, with its query.
        path: &'static str,
        /// What the answer looks like.
        shape: ListShape,
    },
    /// It has none; the row is all there is.
    Static,
}

/// What a list of models looks like (provider facts, 10.1; wallet facts, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListShape {
    /// `{data: [{id, display_name, max_input_tokens, …}], has_more, last_id}`
    Anthropic,
    /// `[{id, type, context_length, …}]`
    Array,
    /// `{models: [{name, endpoints, context_length}], next_page_token}`
    Cohere,
    /// `{models: [{name: "models/…", inputTokenLimit, …}], nextPageToken}`
    Gemini,
    /// `{models: [{name, model, …}]}`
    Ollama,
    /// `{data: [{id, …}]}`
    Openai,
}

/// Whether a provider serves third-party programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// The verdict.
    pub state: HealthState,
    /// The day it was looked at, or since when it is so.
    pub since: &'static str,
    /// The reason in one line; empty where all is well.
    pub reason: &'static str,
}

impl Health {
    /// Nothing known against it, as of the day the facts were gathered.
    pub const OK: Self = Self { state: HealthState::Ok, since: "2026-11-22", reason: "" };

    /// It serves some uses only.
    pub const fn restricted(since: &'static str, reason: &'static str) -> Self {
        Self { state: HealthState::Restricted, since, reason }
    }

    /// It serves nobody any more.
    pub const fn closed(since: &'static str, reason: &'static str) -> Self {
        Self { state: HealthState::Closed, since, reason }
    }
}

/// The verdicts on a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// It no longer serves anyone.
    Closed,
    /// It serves.
    Ok,
    /// It serves, but not every way in or not every use.
    Restricted,
}

impl HealthState {
    /// The word that is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Ok => "ok",
            Self::Restricted => "restricted",
        }
    }
}

/// What a provider does differently from its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// These fields at the top of a Chat body are refused; they are left out and reported.
    DropFields(&'static [&'static str]),
    /// `messages[].name` is refused; it is left out.
    DropMessageNames,
    /// The ids of tool calls must be nine letters or digits. Others are replaced by such, the same by the
    /// same, so that calls and results still belong together.
    NineCharToolIds,
    /// There is no role `developer`; such messages go out as `system`.
    NoDeveloperRole,
    /// A field at the top of a Chat body has another name.
    RenameField(&'static str, &'static str),
}

/// What a Chat-compatible provider's row starts from.
pub(crate) const CHAT_COMPATIBLE: Row = Row {
    id: "",
    name: "",
    aliases: &[],
    root: "",
    endpoints: &[Endpoint::chat("/v1")],
    models: &[],
    floating: &[],
    list: List::At { path: "/v1/models", shape: ListShape::Openai },
    health: Health::OK,
    quirks: &[],
    key: KeyNeed::Required,
    genuine: &[],
    takes_key: true,
    key_names: &[],
    logins: &[],
};
