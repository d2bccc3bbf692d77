//! To be written.

pub(crate) struct Gemini;

crate::wire::placeholder_client!(Gemini);
crate::wire::placeholder_upstream!(Gemini);
