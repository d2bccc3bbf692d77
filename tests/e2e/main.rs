//! One test binary for all end-to-end tests: each module drives the real `byok` as a person or a tool would.

mod fences;
mod formats;
mod lifecycle;
mod wallet;
