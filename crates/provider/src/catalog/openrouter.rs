//! `OpenRouter` (provider facts, 10.1 and 10.2). Its ids have a slash: `vendor/model[:variant]`.

use byok_types::Family;

use crate::row::{CHAT_COMPATIBLE, Endpoint, Quirk, Row};

pub(super) const ROW: Row = Row {
    id: "openrouter",
    name: "OpenRouter",
    root: "https://openrouter.ai/api",
    endpoints: &[Endpoint::chat("/v1"), Endpoint::responses("/v1"), Endpoint::messages("")],
    // Its API reference, and its own SDK.
    quirks: &[Quirk::TakesFields(&["top_k", "min_p"])],
    embeds: Some(Family::OpenaiChat),
    ..CHAT_COMPATIBLE
};
