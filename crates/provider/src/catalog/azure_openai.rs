//! Azure OpenAI, by its v1 API (provider facts, 10.3). Every customer has an own host, and the model is the
//! name that the customer gave a deployment.

use byok_types::Family;

use crate::row::{Auth, CHAT_COMPATIBLE, Endpoint, List, ListShape, Row};

pub(super) const ROW: Row = Row {
    id: "azure_openai",
    name: "Azure OpenAI",
    aliases: &["azure"],
    endpoints: &[
        Endpoint::chat("/openai/v1").auth(Auth::ApiKey),
        Endpoint::responses("/openai/v1").auth(Auth::ApiKey),
    ],
    embeds: Some(Family::OpenaiChat),
    // What the resource could run, not what is deployed.
    list: List::At { path: "/openai/v1/models", shape: ListShape::Openai },
    ..CHAT_COMPATIBLE
};
