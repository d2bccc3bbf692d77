//! Anthropic, with an API key (provider facts, 1.4 and 1.5).

use byok_auth::import::{Base, Place, Shape, Tool};
use byok_translate::Wire;
use byok_types::Family;

use crate::row::{Auth, CHAT_COMPATIBLE, Endpoint, List, ListShape, Model, Row};

pub(super) const ROW: Row = Row {
    id: "anthropic",
    name: "Anthropic",
    aliases: &["claude"],
    root: "https://api.anthropic.com",
    endpoints: &[Endpoint {
        family: Family::Anthropic,
        prefix: "",
        wire: Wire::Own,
        auth: Auth::XApiKey,
        counts: true,
    }],
    models: &[
        Model::sized("claude-opus-5-5", 1_000_000, 128_000),
        Model::sized("claude-sonnet-5-5", 1_000_000, 128_000),
        Model::sized("claude-haiku-5-5", 1_000_000, 128_000),
        Model::sized("claude-fable-5-2", 1_000_000, 128_000),
        Model::sized("claude-fable-5-1", 1_000_000, 128_000),
        Model::sized("claude-fable-5", 1_000_000, 128_000),
        Model::sized("claude-opus-5", 1_000_000, 128_000),
        Model::sized("claude-opus-4-8", 1_000_000, 128_000),
        Model::sized("claude-opus-4-7", 1_000_000, 128_000),
        Model::sized("claude-opus-4-6", 1_000_000, 128_000),
        Model::sized("claude-sonnet-5", 1_000_000, 128_000),
        Model::sized("claude-sonnet-4-6", 1_000_000, 128_000),
        Model::sized("claude-opus-4-5", 200_000, 64_000),
        Model::sized("claude-opus-4-5-20251101", 200_000, 64_000),
        Model::sized("claude-sonnet-4-5", 200_000, 64_000),
        Model::sized("claude-sonnet-4-5-20250929", 200_000, 64_000),
        Model::sized("claude-haiku-4-5", 200_000, 64_000),
        Model::sized("claude-haiku-4-5-20251001", 200_000, 64_000),
        // Limited access.
        Model::named("claude-mythos-5-1"),
        Model::named("claude-mythos-5"),
    ],
    floating: &[
        ("opus", "claude-opus-5-5"),
        ("sonnet", "claude-sonnet-5-5"),
        ("haiku", "claude-haiku-5-5"),
        ("fable", "claude-fable-5-2"),
    ],
    list: List::At { path: "/v1/models?limit=1000", shape: ListShape::Anthropic },
    genuine: &["claude-cli/"],
    tools: &[Tool {
        name: "claude",
        title: "Claude Code",
        places: &[
            Place { base: Base::Env("CLAUDE_CONFIG_DIR"), path: ".credentials.json" },
            Place { base: Base::Home, path: ".claude/.credentials.json" },
        ],
        shape: Shape::ClaudeCredentials,
        flow: "claude",
        renewed_by: "claude",
        keys: None,
    }],
    ..CHAT_COMPATIBLE
};
