//! `DeepSeek` (provider facts, 10.1 and 10.2).

use crate::row::{Auth, CHAT_COMPATIBLE, Endpoint, List, ListShape, Model, Row};

pub(super) const ROW: Row = Row {
    id: "deepseek",
    name: "DeepSeek",
    root: "https://api.deepseek.com",
    endpoints: &[Endpoint::chat(""), Endpoint::messages("/anthropic").auth(Auth::XApiKey)],
    models: &[
        Model::named("deepseek-v4-pro"),
        Model::named("deepseek-flash"),
        // Still accepted, served by the current Flash.
        Model::named("deepseek-v4-flash"),
    ],
    list: List::At { path: "/models", shape: ListShape::Openai },
    ..CHAT_COMPATIBLE
};
