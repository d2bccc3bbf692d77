//! The server over real sockets: a client that writes its bytes by hand, and upstreams that play a script.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper that fails fails its test"
)]

mod embeddings;
mod gate;
mod generate;
mod keys;
mod limits;
mod logs;
mod models;
mod native;
mod routes;
mod shutdown;
mod support;
