//! `ChatGPT` plans (provider facts, 2): Sign in with `ChatGPT`, which `OpenAI` offers to open-source tools under
//! their own names, and the older login of the Codex CLI. The two are called at different addresses.

use std::time::Duration;

use byok_auth::flow::{
    ApiBase, Client, Code, Device, Dialect, Fields, Flow, Grant, Issuer, Redirect, Renewal, Renewing,
    Revocation, TokenAddress,
};
use byok_types::Detail;

use crate::row::{CHAT_COMPATIBLE, Calls, Endpoint, Health, List, ListShape, Row, Way};

pub(super) const ROW: Row = Row {
    id: "codex",
    name: "ChatGPT (Codex)",
    aliases: &["chatgpt"],
    root: "https://api.openai.com",
    endpoints: &[Endpoint::responses("/v1")],
    // The plan decides which of OpenAI's models there are; `openai` lists them.
    models: &[],
    list: List::At { path: "/v1/models", shape: ListShape::Openai },
    takes_key: false,
    logins: &[
        Way {
            flow: SIGN_IN,
            health: Health::OK,
            terms: "OpenAI offers this login to open-source tools that run locally, for Plus and Pro plans; \
                    whether other tools may be served through them is not stated.",
            calls: Calls::NotYet,
        },
        Way { flow: CLI, health: CLI_HEALTH, terms: CLI_TERMS, calls: Calls::NotYet },
        Way { flow: CLI_DEVICE, health: CLI_HEALTH, terms: CLI_TERMS, calls: Calls::NotYet },
    ],
    ..CHAT_COMPATIBLE
};

/// Facts, 2A.
const SIGN_IN: Flow = Flow {
    name: "siwc",
    title: "Sign in with ChatGPT",
    grant: Grant::Code(Code {
        // The discovery document decides.
        authorize: "https://auth.openai.com/api/accounts/authorize",
        scopes: &[
            "openid",
            "profile",
            "email",
            "offline_access",
            "resource.invoke",
            "chatgpt.tokens.use.direct",
        ],
        parameters: &[("resource", RESOURCE)],
        renamed: &[],
        pkce: true,
        redirect: Redirect { host: "127.0.0.1", ports: &[], path: "/auth/callback" },
        manual: None,
        state_in_exchange: false,
    }),
    client: Client::Issued { entry: "dynamic_agent_client", agent: "byok" },
    token: TokenAddress {
        extra: &[("resource", RESOURCE)],
        ..TokenAddress::form("https://auth.openai.com/api/accounts/oauth/token")
    },
    issuer: Some(Issuer {
        id: "https://auth.openai.com",
        discovery: "https://auth.openai.com/.well-known/openid-configuration",
        needs_scope: "chatgpt.tokens.use.direct",
    }),
    claims: Fields { label: &["/email"], group: &[], details: &[(Detail::Subject, &["/sub"])] },
    renewal: Renewal {
        how: Renewing::Grant,
        margin: Duration::from_secs(2 * 60),
        half_life: false,
        final_codes: &[
            "invalid_grant",
            "invalid_refresh_token",
            "token_expired",
            "refresh_token_expired",
            "refresh_token_invalidated",
            "refresh_token_reused",
        ],
        final_statuses: &[],
    },
    revocation: Revocation::Discovered,
    ..Flow::BASE
};

const RESOURCE: &str = "https://api.openai.com/v1";

/// Facts, 2B.
const CLI: Flow = Flow {
    name: "codex-cli",
    title: "the login of the Codex CLI, in a browser",
    grant: Grant::Code(Code {
        authorize: "https://auth.openai.com/oauth/authorize",
        scopes: &["openid", "profile", "email", "offline_access"],
        parameters: &[
            ("id_token_add_organizations", "true"),
            ("codex_cli_simplified_flow", "true"),
            ("originator", "byok"),
        ],
        renamed: &[],
        pkce: true,
        redirect: Redirect { host: "localhost", ports: &[1455, 1457], path: "/auth/callback" },
        manual: None,
        state_in_exchange: false,
    }),
    client: Client::Known { id: "app_EMoamEEZ73f0CkXaXp7hrann", secret: None },
    token: TokenAddress::form("https://auth.openai.com/oauth/token"),
    claims: Fields {
        label: &["/email", "/https:~1~1api.openai.com~1profile/email"],
        group: &[],
        details: &[
            (Detail::AccountId, &["/https:~1~1api.openai.com~1auth/chatgpt_account_id"]),
            (Detail::Plan, &["/https:~1~1api.openai.com~1auth/chatgpt_plan_type"]),
            (
                Detail::Subject,
                &[
                    "/https:~1~1api.openai.com~1auth/chatgpt_user_id",
                    "/https:~1~1api.openai.com~1auth/user_id",
                    "/sub",
                ],
            ),
        ],
    },
    expires_by_claim: true,
    api: ApiBase::Fixed("https://chatgpt.com/backend-api/codex"),
    renewal: Renewal {
        final_codes: &[
            "invalid_grant",
            "refresh_token_expired",
            "refresh_token_reused",
            "refresh_token_invalidated",
        ],
        final_statuses: &[401],
        ..Renewal::BASE
    },
    revocation: Revocation::At("https://auth.openai.com/oauth/revoke"),
    ..Flow::BASE
};

const CLI_DEVICE: Flow = Flow {
    name: "codex-cli-device",
    title: "the login of the Codex CLI, on any device",
    grant: Grant::Device(Device {
        url: "https://auth.openai.com/api/accounts/deviceauth/usercode",
        dialect: Dialect::CodeExchange {
            poll: "https://auth.openai.com/api/accounts/deviceauth/token",
            page: "https://auth.openai.com/codex/device",
            redirect: "https://auth.openai.com/deviceauth/callback",
        },
        pending: &[403, 404],
        ..Device::BASE
    }),
    ..CLI
};

const CLI_HEALTH: Health = Health::OK;
const CLI_TERMS: &str = "This login is made for OpenAI's Codex CLI, whose client id it uses; OpenAI names other \
                         open-source tools as its users, and guarantees nothing.";
