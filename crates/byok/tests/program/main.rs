//! The real program, run as a person or a script runs it.
#![expect(clippy::panic, clippy::unwrap_used, reason = "what goes wrong here is a failed test")]

mod accounts;
mod config;
mod demo;
mod import;
mod serve;
mod support;
mod wallet;
