//! Kimi Code, with the plan's API key (provider facts, 8.3 to 8.5). Keys of the pay-as-you-go platform are
//! another provider's, `moonshot`.

use byok_auth::import::{Base, Place, Shape, Tool};

use crate::row::{CHAT_COMPATIBLE, Endpoint, Model, Quirk, Row};

pub(super) const ROW: Row = Row {
    id: "kimi",
    name: "Kimi Code",
    aliases: &["kimi-code"],
    root: "https://api.kimi.com/coding",
    endpoints: &[Endpoint::chat("/v1"), Endpoint::messages("")],
    models: &[
        Model { id: "kimi-for-coding", context: Some(1_000_000), output: None },
        Model::named("kimi-for-coding-highspeed"),
        Model::named("k3.1-pro"),
        Model::named("k3.1-pro-highspeed"),
        Model::named("k3"),
        Model::named("k3-256k"),
    ],
    quirks: &[Quirk::DropFields(&["store"]), Quirk::NoDeveloperRole],
    genuine: &["KimiCLI/"],
    tools: &[Tool {
        name: "kimi",
        title: "Kimi Code",
        places: &[
            Place { base: Base::Home, path: ".kimi-code/credentials/kimi-code.json" },
            Place { base: Base::Home, path: ".kimi/credentials/kimi-code.json" },
        ],
        shape: Shape::KimiCredentials,
        flow: "kimi",
        renewed_by: "kimi",
        keys: None,
    }],
    ..CHAT_COMPATIBLE
};
