//! `OpenAI`, with an API key (provider facts, 2.4 and 2.5). Responses comes first: it carries reasoning from
//! turn to turn, which Chat cannot. The limits in the facts are those of `ChatGPT` plans, so none stand here.

use byok_types::Family;

use crate::row::{CHAT_COMPATIBLE, Endpoint, Model, Row};

pub(super) const ROW: Row = Row {
    id: "openai",
    name: "OpenAI",
    root: "https://api.openai.com",
    endpoints: &[Endpoint::responses("/v1"), Endpoint::chat("/v1")],
    embeds: Some(Family::OpenaiChat),
    models: &[
        Model::named("gpt-6.1-sol"),
        Model::named("gpt-6.1-terra"),
        Model::named("gpt-6-astra"),
        Model::named("gpt-6-sol"),
        Model::named("gpt-6-luna"),
        Model::named("gpt-5.6-sol"),
        Model::named("gpt-5.6-terra"),
        Model::named("gpt-5.6-luna"),
        Model::named("gpt-5.5"),
        Model::named("gpt-5.4"),
        Model::named("gpt-5.4-mini"),
        Model::named("gpt-5.4-nano"),
        Model::named("gpt-5.3-codex"),
        Model::named("gpt-5.1"),
        Model::named("gpt-5"),
        Model::named("gpt-5-mini"),
        Model::named("gpt-5-nano"),
        Model::named("gpt-4.1"),
        Model::named("gpt-4.1-mini"),
        Model::named("gpt-4.1-nano"),
        Model::named("gpt-4o"),
        Model::named("gpt-4o-mini"),
        Model::named("o3"),
        Model::named("o4-mini"),
        Model::named("text-embedding-3-large"),
        Model::named("text-embedding-3-small"),
    ],
    genuine: &["codex_cli_rs/", "codex_exec/", "codex-tui/"],
    ..CHAT_COMPATIBLE
};
