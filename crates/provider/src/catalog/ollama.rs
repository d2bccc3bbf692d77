//! Ollama on this machine (provider facts, 10.1 and 10.2); its cloud is `https://ollama.com` with a key.

use byok_types::Family;

use crate::row::{CHAT_COMPATIBLE, Endpoint, KeyNeed, List, ListShape, Row};

pub(super) const ROW: Row = Row {
    id: "ollama",
    name: "Ollama",
    root: "http://127.0.0.1:11434",
    endpoints: &[Endpoint::chat("/v1"), Endpoint::responses("/v1"), Endpoint::messages("")],
    embeds: Some(Family::OpenaiChat),
    list: List::At { path: "/api/tags", shape: ListShape::Ollama },
    key: KeyNeed::Optional,
    ..CHAT_COMPATIBLE
};
