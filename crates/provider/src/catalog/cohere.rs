//! Cohere (provider facts, 10.1).

use byok_translate::Wire;
use byok_types::Family;

use crate::row::{Auth, CHAT_COMPATIBLE, Endpoint, List, ListShape, Model, Row};

pub(super) const ROW: Row = Row {
    id: "cohere",
    name: "Cohere",
    root: "https://api.cohere.com",
    endpoints: &[Endpoint {
        family: Family::Cohere,
        prefix: "",
        wire: Wire::Own,
        auth: Auth::Bearer,
        counts: false,
    }],
    embeds: Some(Family::Cohere),
    models: &[Model::named("command-a-03-2025"), Model::named("embed-v4.0")],
    // The default page has 20 entries.
    list: List::At { path: "/v1/models?page_size=1000&endpoint=chat", shape: ListShape::Cohere },
    ..CHAT_COMPATIBLE
};
