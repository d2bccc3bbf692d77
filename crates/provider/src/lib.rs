//! The upstreams: which provider serves a model, whose credential is used, and the only place that calls
//! one.
//!
//! The way of a call:
//!
//! ```text
//! model ─ resolve ─► Route ─ generate ─► the body, passed or translated ─ dispatch ─► account, credential,
//! request, upstream ─► AnswerBody, which the client's reading moves
//! ```
//!
//! - [`row`], [`catalog`]: what is known about providers, as data.
//! - [`spec`]: a row with the config laid over it, and where its formats are.
//! - [`resolve`]: from a model's name to a [`Route`].
//! - [`generate`], [`count`], [`forward`]: the three kinds of calls.
//! - [`answer`]: the body that the client reads.
//! - [`meter`]: what an answer came to.
//! - [`logins`]: how a person logs in at a provider, and the way there.
//!
//! No provider's name stands outside the catalogue. Nothing is stored here, and no token is renewed: that is
//! the vault's.

pub mod answer;
pub mod catalog;
pub mod count;
pub mod error;
pub mod forward;
pub mod generate;
pub mod logins;
pub mod meter;
pub mod resolve;
pub mod row;
pub mod spec;
pub mod upstreams;

mod accounts;
mod address;
mod client;
mod dispatch;
mod edge;
mod mask;
mod prepare;
mod quirk;
mod refusal;
mod registry;

pub use answer::AnswerBody;
pub use error::Error;
pub use forward::Forward;
pub use generate::{Answer, Failed, Generate, dropped_text};
pub use logins::Login;
pub use meter::{Meter, Outcome, Reading, Served};
pub use resolve::{Route, Unresolved};
pub use spec::ProviderSpec;
pub use upstreams::{ModelInfo, Upstreams};
