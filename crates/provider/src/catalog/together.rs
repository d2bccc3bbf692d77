//! Together (provider facts, 10.1 and 10.2).

use byok_types::Family;

use crate::row::{CHAT_COMPATIBLE, List, ListShape, Quirk, Row};

pub(super) const ROW: Row = Row {
    id: "together",
    name: "Together AI",
    aliases: &["together_ai"],
    root: "https://api.together.ai",
    embeds: Some(Family::OpenaiChat),
    list: List::At { path: "/v1/models", shape: ListShape::Array },
    // Its own SDK.
    quirks: &[Quirk::TakesFields(&["top_k", "min_p"])],
    ..CHAT_COMPATIBLE
};
