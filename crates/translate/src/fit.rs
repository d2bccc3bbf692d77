//! To be written: makes a request fit its target.

use byok_types::Family;
use byok_types::Fault;
use byok_types::chat::{Event, Request, Response};
use byok_types::model::ModelFacts;

/// What a request must fit.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
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

/// A field that the target does not get as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The client's name for it.
    pub field: String,
    /// What became of it.
    pub action: String,
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

/// Undoes on the answer what was done to the request.
#[derive(Debug, Default)]
pub struct Restore {}

impl Restore {
    /// A whole answer.
    pub fn response(&mut self, response: Response) -> Response {
        response
    }

    /// One event of a streamed answer.
    pub fn event(&mut self, event: Event, out: &mut Vec<Event>) {
        out.push(event);
    }
}

/// Makes `request` fit `target`.
pub fn fit(request: Request, _target: &Target<'_>) -> Result<Fitted, Box<Fault>> {
    Ok(Fitted { request, restore: Restore::default(), dropped: Vec::new() })
}
