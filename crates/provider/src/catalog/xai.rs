//! xAI (provider facts, 10.1 and 10.2). Responses comes first; xAI calls Chat legacy.

use crate::row::{CHAT_COMPATIBLE, Endpoint, Model, Quirk, Row};

pub(super) const ROW: Row = Row {
    id: "xai",
    name: "xAI",
    aliases: &["grok"],
    root: "https://api.x.ai",
    endpoints: &[Endpoint::responses("/v1"), Endpoint::chat("/v1")],
    models: &[Model::named("grok-4.7"), Model::named("grok-4.6"), Model::named("grok-4.5")],
    // Its reasoning models refuse both, and clients send them as zeros.
    quirks: &[Quirk::DropFields(&["presence_penalty", "frequency_penalty"])],
    ..CHAT_COMPATIBLE
};
