//! Calls over real sockets on loopback, against servers that play what a test tells them to.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail where it stands")]

mod accounts;
mod failures;
mod kinds;
mod logins;
mod passing;
mod renewals;
mod support;
mod translated;
