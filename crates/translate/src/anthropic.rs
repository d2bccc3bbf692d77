//! To be written.

pub(crate) struct Anthropic;

crate::wire::placeholder_client!(Anthropic);
crate::wire::placeholder_upstream!(Anthropic);
