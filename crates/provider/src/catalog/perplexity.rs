//! Perplexity's Sonar models (provider facts, 10.2; wallet facts, 7). Its agent API serves other models in
//! another format and is not this provider.

use crate::row::{CHAT_COMPATIBLE, Endpoint, List, Model, Row};

pub(super) const ROW: Row = Row {
    id: "perplexity",
    name: "Perplexity",
    root: "https://api.perplexity.ai",
    endpoints: &[Endpoint::chat("")],
    models: &[
        Model { id: "sonar", context: Some(128_000), output: None },
        Model { id: "sonar-pro", context: Some(200_000), output: None },
        Model { id: "sonar-reasoning-pro", context: Some(128_000), output: None },
        Model { id: "sonar-deep-research", context: Some(128_000), output: None },
    ],
    list: List::Static,
    ..CHAT_COMPATIBLE
};
