//! Makes a canonical request fit one target family and model, so that the writers can print it as it is.
//!
//! Owns every decision about what a target cannot express: what is adapted in silence, what is adapted
//! and reported, and what is refused (wire-format facts, 6 and 9). It is called only where the client's
//! format and the upstream's differ; same-format traffic passes untouched. [`Request::model`] is the
//! upstream's id of the model by then.
//!
//! It never reads or writes a wire format, with two exceptions that have no canonical shape: JSON
//! Schemas, and the declarations of web-search tools.
//!
//! Invariants: a request that fits stays as it is when it is fitted again; nothing depends on anything
//! but the request and the target, so that the upstream's prompt cache hits; [`Restore`] undoes on the
//! answer what was done to names, free-text tools and structured output.

mod cache;
mod calls;
mod choice;
mod content;
mod digest;
mod ext;
mod hosted;
mod identity;
pub(crate) mod ledger;
mod limits;
mod names;
mod output;
mod reasoning;
mod restore;
mod sampling;
mod schema;
mod tools;
mod turns;
mod words;

use std::collections::HashSet;
use std::fmt;

use byok_types::chat::Request;
use byok_types::model::ModelFacts;
use byok_types::{Dialect, Family, Fault};

use crate::facts::Openai;
use ledger::Ledger;
pub use restore::Restore;
pub use words::client_field;

/// Makes `request` fit `target`. A fault (400, naming the field) means that it cannot be served there.
pub fn fit(mut request: Request, target: &Target<'_>) -> Result<Fitted, Box<Fault>> {
    let mut work = Work::new(target, &request.model);
    // The order matters. What is refused names the client's own positions, so nothing moves before
    // `content` is done; thinking decides about prefill, forced tools and sampling.
    ext::apply(&mut request, &mut work)?;
    output::modalities(&mut request, &mut work)?;
    content::apply(&mut request, &mut work)?;
    tools::apply(&mut request, &mut work)?;
    names::apply(&mut request, &mut work);
    limits::apply(&mut request, &mut work);
    reasoning::apply(&mut request, &mut work);
    turns::apply(&mut request, &mut work);
    reasoning::settle(&mut request, &mut work);
    output::apply(&mut request, &mut work)?;
    choice::apply(&mut request, &mut work)?;
    sampling::apply(&mut request, &mut work)?;
    identity::apply(&mut request, &work);
    cache::apply(&mut request, &work);
    Ok(Fitted { request, restore: work.restore, dropped: work.ledger.into_dropped() })
}

/// What a request must fit.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The client's format, in whose words losses are named.
    pub client: Dialect,
    /// The upstream's family.
    pub family: Family,
    /// What its model accepts.
    pub facts: &'a ModelFacts,
    /// What to do with what cannot be expressed.
    pub lossy: Lossy,
}

/// What to do with a field that makes no sense to leave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lossy {
    /// Leave it out and say so.
    Drop,
    /// Refuse the request.
    #[default]
    Refuse,
}

/// A field that the target does not get as it was. Written as `field=action`, safe for a header value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The client's name for it.
    pub field: String,
    /// What became of it.
    pub action: String,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.field, self.action)
    }
}

/// A request that fits.
#[derive(Debug)]
pub struct Fitted {
    /// The request.
    pub request: Request,
    /// Undoes on the answer what was done to the request.
    pub restore: Restore,
    /// What was lost.
    pub dropped: Vec<Dropped>,
}

/// What every step knows and adds to.
struct Work<'a> {
    family: Family,
    facts: &'a ModelFacts,
    /// Where the model stands in OpenAI's line, if it is one of OpenAI's own.
    openai: Option<Openai>,
    /// Whether it is one of the models of Chat Completions that search the web.
    searches: bool,
    /// Whether the output limit is byok's own and not the client's.
    default_output: bool,
    ledger: Ledger,
    restore: Restore,
    /// The client's names of free-text tools that are declared as functions.
    free_text: HashSet<ClientName>,
}

impl<'a> Work<'a> {
    fn new(target: &Target<'a>, model: &str) -> Self {
        Self {
            family: target.family,
            facts: target.facts,
            openai: Openai::of(model),
            searches: model.contains("-search"),
            default_output: false,
            ledger: Ledger::new(target.client, target.lossy),
            restore: Restore::default(),
            free_text: HashSet::new(),
        }
    }

    /// Whether the target knows tools that take free text. On Chat Completions only OpenAI's newer models
    /// do; compatible servers refuse the type.
    fn takes_free_text(&self) -> bool {
        match self.family {
            Family::Anthropic | Family::Cohere | Family::Gemini => false,
            Family::OpenaiChat => self.openai.is_some_and(Openai::since_gpt_5),
            Family::OpenaiResponses => true,
        }
    }

    /// Whether the target is one of OpenAI's formats.
    fn is_openai_format(&self) -> bool {
        matches!(self.family, Family::OpenaiChat | Family::OpenaiResponses)
    }

    /// The target, in words for a person.
    fn who(&self) -> &'static str {
        match self.family {
            Family::Anthropic => "the Anthropic Messages format",
            Family::Cohere => "the Cohere format",
            Family::Gemini => "the Gemini format",
            Family::OpenaiChat => "the Chat Completions format",
            Family::OpenaiResponses => "the Responses format",
        }
    }
}

/// A tool as the client names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ClientName {
    namespace: Option<String>,
    name: String,
}

impl ClientName {
    fn new(namespace: Option<&String>, name: &str) -> Self {
        Self { namespace: namespace.cloned(), name: name.to_owned() }
    }
}

#[cfg(test)]
pub(crate) mod arbitrary;
#[cfg(test)]
mod tests;
