//! To be written.

pub(crate) struct OpenaiResponses;

crate::wire::placeholder_client!(OpenaiResponses);
crate::wire::placeholder_upstream!(OpenaiResponses);
