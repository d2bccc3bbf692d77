//! Google Gemini, with an API key (provider facts, 4.4 and 4.5). The OpenAI-shaped shim at
//! `/v1beta/openai` is left out: it knows less than the format itself.

use byok_types::Family;

use crate::row::{Auth, CHAT_COMPATIBLE, Endpoint, List, ListShape, Model, Row};

pub(super) const ROW: Row = Row {
    id: "gemini",
    name: "Google Gemini",
    aliases: &["google"],
    root: "https://generativelanguage.googleapis.com",
    endpoints: &[Endpoint { family: Family::Gemini, prefix: "", auth: Auth::XGoogApiKey, counts: true }],
    embeds: Some(Family::Gemini),
    models: &[
        Model::named("gemini-4-argon"),
        Model::named("gemini-3.8-flash"),
        // Served by 3.8.
        Model::named("gemini-3.7-flash"),
        Model::named("gemini-3.6-flash"),
        Model::named("gemini-3.5-flash"),
        Model::named("gemini-3.5-flash-lite"),
        Model::named("gemini-3.1-pro-preview"),
        Model::named("gemini-3.1-pro-preview-customtools"),
        Model::named("gemini-3.1-flash-lite"),
        Model::named("gemini-3-pro-preview"),
        Model::named("gemini-3-flash-preview"),
        Model::named("gemini-2.5-pro"),
        Model::named("gemini-2.5-flash"),
        Model::named("gemini-2.5-flash-lite"),
        Model::named("gemini-pro-latest"),
        Model::named("gemini-flash-latest"),
        Model::named("gemini-flash-lite-latest"),
        Model::named("gemma-4-31b-it"),
        Model::named("gemma-4-26b-a4b-it"),
        Model::named("gemini-embedding-001"),
    ],
    list: List::At { path: "/v1beta/models?pageSize=1000", shape: ListShape::Gemini },
    genuine: &["GeminiCLI"],
    ..CHAT_COMPATIBLE
};
