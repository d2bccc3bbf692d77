//! Fireworks (provider facts, 10.1). Its ids are paths, `accounts/fireworks/models/<name>`.

use byok_types::Family;

use crate::row::{CHAT_COMPATIBLE, Endpoint, Quirk, Row};

pub(super) const ROW: Row = Row {
    id: "fireworks",
    name: "Fireworks AI",
    aliases: &["fireworks_ai"],
    root: "https://api.fireworks.ai/inference",
    endpoints: &[Endpoint::chat("/v1"), Endpoint::responses("/v1"), Endpoint::messages("")],
    // Its own SDK.
    quirks: &[Quirk::TakesFields(&["top_k", "min_p"])],
    embeds: Some(Family::OpenaiChat),
    ..CHAT_COMPATIBLE
};
