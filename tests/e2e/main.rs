//! One test binary for all end-to-end tests: each module drives the real `byok` as a person or a tool would.

#![expect(clippy::expect_used, reason = "the helpers of a test fail with their reason")]

mod fences;
mod formats;
mod lifecycle;
mod renewals;
mod wallet;
