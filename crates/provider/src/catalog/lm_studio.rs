//! LM Studio on this machine (provider facts, 10.1 and 10.2).

use byok_types::Family;

use crate::row::{CHAT_COMPATIBLE, Endpoint, KeyNeed, Quirk, Row};

pub(super) const ROW: Row = Row {
    id: "lm_studio",
    name: "LM Studio",
    aliases: &["lmstudio", "lm-studio"],
    root: "http://127.0.0.1:1234",
    endpoints: &[Endpoint::chat("/v1"), Endpoint::responses("/v1"), Endpoint::messages("")],
    embeds: Some(Family::OpenaiChat),
    key: KeyNeed::Optional,
    // Its documentation of Chat Completions.
    quirks: &[Quirk::TakesFields(&["top_k"])],
    ..CHAT_COMPATIBLE
};
