//! To be written.

pub(crate) struct Completions;

crate::wire::placeholder_client!(Completions);
