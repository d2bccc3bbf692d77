//! Mistral (provider facts, 10.2). Unknown fields are answered with 422, so what OpenAI's clients send
//! beyond its format has to go.

use byok_types::Family;

use crate::row::{CHAT_COMPATIBLE, Model, Quirk, Row};

pub(super) const ROW: Row = Row {
    id: "mistral",
    name: "Mistral",
    root: "https://api.mistral.ai",
    embeds: Some(Family::OpenaiChat),
    models: &[
        Model::named("mistral-large-latest"),
        Model::named("mistral-medium-latest"),
        Model::named("mistral-small-latest"),
        Model::named("codestral-latest"),
        Model::named("mistral-embed"),
    ],
    quirks: &[
        Quirk::RenameField("seed", "random_seed"),
        Quirk::RenameField("max_completion_tokens", "max_tokens"),
        // Of its embeddings (https://docs.mistral.ai/api/endpoint/embeddings, November 2026).
        Quirk::RenameField("dimensions", "output_dimension"),
        Quirk::DropFields(&["user", "stream_options", "logit_bias", "store"]),
        Quirk::NineCharToolIds,
        Quirk::NoDeveloperRole,
    ],
    ..CHAT_COMPATIBLE
};
