//! What the end-to-end tests share: the real binary as a child process ([`daemon`]), the same at a terminal
//! ([`pty`]), scripted upstreams ([`upstream`]) and vendors of
//! logins ([`vendors`]), and a client that shows every byte ([`http`]).
//!
//! Nearly everything here is the standard library's: what judges the program should not be built of the
//! program's own parts.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "this is test code that lives in a library: a failure must stop the test with its reason"
)]

pub mod daemon;
pub mod http;
#[cfg(unix)]
pub mod pty;
pub mod upstream;
#[path = "../vendors/vendors.rs"]
pub mod vendors;
