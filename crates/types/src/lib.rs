//! The vocabulary of byok: the words every other crate uses, and nothing that does anything.
//!
//! There is no I/O here, no async, no wire format and no SQL. A word earns its place when two crates
//! must agree on it:
//!
//! - [`id`]: whose request, whose key ([`ProviderId`], [`AccountId`], [`AccountKey`], …).
//! - [`family`]: the wire formats, as upstreams speak them ([`Family`]) and as clients do ([`Dialect`]).
//! - [`secret`]: text that must not be seen ([`Secret`]).
//! - [`credential`]: what a provider accepts as proof ([`Credential`]).
//! - [`fault`]: what went wrong, at whose end, and whether to try again ([`Fault`]).
//! - [`chat`]: the canonical model in which all formats meet.
//! - [`model`]: what is known about one model ([`model::ModelFacts`]).
//! - [`json`]: JSON kept as the text it came in ([`RawJson`]).

pub mod chat;
pub mod credential;
pub mod family;
pub mod fault;
pub mod id;
pub mod json;
pub mod model;
pub mod secret;

pub use credential::{Credential, CredentialKind, Detail, Details, TokenSet};
pub use family::{Dialect, Family};
pub use fault::{Blame, Code, Fault, FaultKind};
pub use id::{AccountId, AccountKey, AppId, ModelId, ProviderId, RequestId};
pub use json::RawJson;
pub use secret::Secret;
