//! Groq (provider facts, 10.1 and 10.2).

use crate::row::{CHAT_COMPATIBLE, Endpoint, Quirk, Row};

pub(super) const ROW: Row = Row {
    id: "groq",
    name: "Groq",
    root: "https://api.groq.com/openai",
    endpoints: &[Endpoint::chat("/v1"), Endpoint::responses("/v1")],
    // 400 for each of these.
    quirks: &[Quirk::DropFields(&["logprobs", "top_logprobs", "logit_bias"]), Quirk::DropMessageNames],
    ..CHAT_COMPATIBLE
};
