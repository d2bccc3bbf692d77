//! GitHub Copilot (provider facts, 3). Its token buys another every half hour, which calls carry; that of an
//! OAuth App of the person's own is carried itself.

use std::time::Duration;

use byok_auth::after::{Exchange, Step, UserInfo};
use byok_auth::flow::{Client, Device, Fields, Flow, Grant, Renewal, Renewing, TokenAddress};

use crate::row::{CHAT_COMPATIBLE, Calls, Endpoint, Health, List, ListShape, Row, Way};

pub(super) const ROW: Row = Row {
    id: "copilot",
    name: "GitHub Copilot",
    aliases: &["github"],
    root: "https://api.githubcopilot.com",
    // A model takes one of these; its entry in the live list says which.
    endpoints: &[Endpoint::chat(""), Endpoint::responses(""), Endpoint::messages("")],
    models: &[],
    list: List::At { path: "/models", shape: ListShape::Openai },
    takes_key: false,
    logins: &[Way {
        flow: DEVICE,
        health: Health::OK,
        terms: "GitHub documents apps of others that use your own Copilot plan through your own OAuth App \
                (oauth.client_id in the config); unofficial proxies are not supported and can trip its abuse \
                detection.",
        calls: Calls::NotYet,
    }],
    ..CHAT_COMPATIBLE
};

const DEVICE: Flow = Flow {
    name: "device",
    title: "with a code at GitHub",
    grant: Grant::Device(Device {
        url: "https://github.com/login/device/code",
        scopes: &["read:user"],
        ..Device::BASE
    }),
    // VS Code's GitHub App: there is no other unless the person has one (facts, 3.1).
    client: Client::Known { id: "Iv1.b507a08c87ecfe98", secret: None },
    token: TokenAddress::form("https://github.com/login/oauth/access_token"),
    after: &[
        Step::User(UserInfo {
            url: "https://api.github.com/user",
            fields: Fields { label: &["/login"], ..Fields::NONE },
        }),
        Step::Exchange(Exchange {
            url: "https://api.github.com/copilot_internal/v2/token",
            scheme: "token",
            headers: &[
                ("x-github-api-version", "2025-04-01"),
                // Required with such tokens; our own name will do.
                ("editor-version", concat!("byok/", env!("CARGO_PKG_VERSION"))),
            ],
            direct: &["gho_", "github_pat_"],
            trusted: &["githubcopilot.com", "ghe.com"],
        }),
    ],
    renewal: Renewal {
        how: Renewing::Steps,
        // The exchange adds as much to the time that the vendor gives until the next one.
        margin: Duration::from_secs(60),
        half_life: false,
        final_codes: &[],
        final_statuses: &[401],
    },
    ..Flow::BASE
};
