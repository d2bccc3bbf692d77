//! Anthropic, with an API key or with the login of a Claude plan (provider facts, 1).

use byok_auth::flow::{Client, Code, Encoding, Fields, Flow, Grant, Manual, Redirect, Shown, TokenAddress};
use byok_types::Family;

use crate::row::{Auth, CHAT_COMPATIBLE, Calls, Endpoint, Health, List, ListShape, Model, Row, Way};

pub(super) const ROW: Row = Row {
    id: "anthropic",
    name: "Anthropic",
    aliases: &["claude"],
    root: "https://api.anthropic.com",
    endpoints: &[Endpoint { family: Family::Anthropic, prefix: "", auth: Auth::XApiKey, counts: true }],
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
    key_names: &["anthropic"],
    logins: &[Way {
        flow: PLAN,
        health: Health::restricted(
            "2026-04-04",
            "plans no longer cover other programs: their calls are refused, or billed as extra usage; an API \
             key is not restricted",
        ),
        terms: "Anthropic allows the login of a Free, Pro or Max plan in Claude Code and claude.ai only; other \
                programs may not use it. An API key has no such rule (byok login anthropic).",
        calls: Calls::NotYet,
    }],
    ..CHAT_COMPATIBLE
};

/// Facts, 1.1 and 1.2.
const PLAN: Flow = Flow {
    name: "browser",
    title: "in a browser, with a Claude plan",
    grant: Grant::Code(Code {
        authorize: "https://claude.ai/oauth/authorize",
        scopes: &[
            "user:profile",
            "user:inference",
            "user:sessions:claude_code",
            "user:mcp_servers",
            "user:file_upload",
        ],
        parameters: &[("code", "true")],
        renamed: &[],
        pkce: true,
        redirect: Redirect { host: "localhost", ports: &[], path: "/callback" },
        manual: Some(Manual {
            redirect: "https://platform.claude.com/oauth/code/callback",
            shows: Shown::CodeAndState,
        }),
        state_in_exchange: true,
    }),
    // Claude Code's: there is no other.
    client: Client::Known { id: "9d1c250a-e61b-44d9-88ed-5944d1962f5e", secret: None },
    token: TokenAddress {
        body: Encoding::Json,
        ..TokenAddress::form("https://platform.claude.com/v1/oauth/token")
    },
    answer: Fields { label: &["/account/email_address"], group: &["/organization/name"], details: &[] },
    ..Flow::BASE
};
