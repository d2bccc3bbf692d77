//! To be written.

pub(crate) struct Cohere;

crate::wire::placeholder_client!(Cohere);
crate::wire::placeholder_upstream!(Cohere);
