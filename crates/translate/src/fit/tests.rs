mod laws;
mod support;

pub(super) use support::*;
