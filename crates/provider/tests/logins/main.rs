//! Each login of the catalogue against a scripted vendor that looks at every field it is sent.
#![expect(clippy::panic, clippy::unwrap_used, reason = "what goes wrong here is a failed test")]

mod addresses;
mod claude;
mod codex;
mod copilot;
mod devices;
mod google;
mod iflow;
mod kiro;
mod script;
