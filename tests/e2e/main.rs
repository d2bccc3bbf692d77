//! One test binary for all end-to-end tests: each module drives the real `byok` as a person or a tool would.

#![expect(clippy::expect_used, clippy::panic, reason = "the helpers of a test fail with their reason")]

mod answers;
mod conversation;
mod fences;
mod formats;
mod lifecycle;
#[cfg(unix)]
mod logins;
#[cfg(unix)]
mod logout;
mod loss;
mod mapping;
#[cfg(unix)]
mod passphrase;
mod renewals;
mod wallet;
