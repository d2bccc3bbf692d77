//! Moonshot's pay-as-you-go platform (provider facts, 8.4 and 8.5); in China `https://api.moonshot.cn`.

use crate::row::{CHAT_COMPATIBLE, Endpoint, Model, Quirk, Row};

pub(super) const ROW: Row = Row {
    id: "moonshot",
    name: "Moonshot AI",
    root: "https://api.moonshot.ai",
    endpoints: &[Endpoint::chat("/v1"), Endpoint::messages("/anthropic")],
    models: &[
        Model::named("kimi-k3.1-pro"),
        Model::named("kimi-k3.1-pro-highspeed"),
        Model::named("kimi-k3"),
        Model::named("kimi-k2.7-code"),
        Model::named("kimi-k2.7-code-highspeed"),
        Model::named("kimi-k2.6"),
    ],
    quirks: &[Quirk::DropFields(&["store"]), Quirk::NoDeveloperRole],
    ..CHAT_COMPATIBLE
};
