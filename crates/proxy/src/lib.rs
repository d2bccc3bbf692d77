//! The HTTP face of byok: who may call, what they call, and how they are answered.
//!
//! The way of a request:
//!
//! - [`listen`] accepts the connection and owns its life, up to the drain at the end; [`patience`] bounds
//!   how long a silent client is waited for.
//! - [`serve`] is the frame around every request: gate, router, panics, and the headers that all answers have.
//! - [`gate`] decides whether the request may enter, before anything else looks at it; [`keys`] knows the
//!   apps' session keys.
//! - [`routes`] is the table of all routes. Behind it: [`generate`], [`models`], [`passthrough`] and
//!   [`operations`].
//! - [`body`] reads what a client sends, bounded; [`problem`] writes every fault in the asker's own format.
//! - [`meter`] sees an answer to its end and writes one usage row and one log line; [`metrics`] counts.
//!
//! What is not in here: choosing an upstream and calling it (byok-provider), wire formats (byok-translate),
//! and managing accounts, which no TCP listener offers.

mod body;
mod gate;
mod generate;
mod id;
mod keys;
mod listen;
mod meter;
mod metrics;
mod models;
mod operations;
mod passthrough;
mod patience;
mod problem;
mod routes;
mod serve;
mod state;

pub use listen::{BindError, Server, Settings};
pub use patience::Patience;
