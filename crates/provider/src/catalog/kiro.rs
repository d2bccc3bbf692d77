//! AWS Kiro (provider facts, 5). byok registers under its own name at AWS's single sign-on, once per region;
//! a registration lasts for about 90 days and belongs to the login that was made with it.

use byok_auth::after::{Profiles, Step};
use byok_auth::flow::{Client, Code, Device, Encoding, Flow, Grant, Redirect, Renewal, TokenAddress};

use crate::row::{CHAT_COMPATIBLE, Calls, Health, List, Row, Way};

pub(super) const ROW: Row = Row {
    id: "kiro",
    name: "AWS Kiro",
    aliases: &[],
    root: "https://runtime.us-east-1.kiro.dev",
    // It speaks a format of its own, which this version does not.
    endpoints: &[],
    models: &[],
    list: List::Static,
    health: HEALTH,
    takes_key: false,
    logins: &[
        Way { flow: DEVICE, health: HEALTH, terms: TERMS, calls: Calls::NotYet },
        Way { flow: BROWSER, health: HEALTH, terms: TERMS, calls: Calls::NotYet },
    ],
    ..CHAT_COMPATIBLE
};

const HEALTH: Health = Health::restricted(
    "2026-08-25",
    "AWS has moved its addresses in 2026, and which accounts it serves through other programs is unsettled",
);
const TERMS: &str = "AWS says nothing about other programs using a Kiro login; many report accounts that were \
                     locked after proxy use. Its API keys are documented for automation.";

const SCOPES: &[&str] =
    &["codewhisperer:completions", "codewhisperer:analysis", "codewhisperer:conversations"];

const DEVICE: Flow = Flow {
    name: "device",
    title: "with a code at AWS (Builder ID or IAM Identity Center)",
    grant: Grant::Device(Device {
        url: "https://oidc.{region}.amazonaws.com/device_authorization",
        ..Device::BASE
    }),
    client: Client::Registered { url: "https://oidc.{region}.amazonaws.com/client/register", scopes: SCOPES },
    token: TokenAddress {
        body: Encoding::CamelJson,
        ..TokenAddress::form("https://oidc.{region}.amazonaws.com/token")
    },
    region: Some("us-east-1"),
    start_url: Some("https://view.awsapps.com/start"),
    after: &[Step::Profile(Profiles {
        url: "https://management.{region}.kiro.dev/List-Available-Profiles",
        api: "https://runtime.{region}.kiro.dev",
        regions: &[("us-", "us-east-1"), ("eu-", "eu-central-1")],
    })],
    // An ended registration is `invalid_client`.
    renewal: Renewal { final_codes: &["invalid_grant", "invalid_client"], ..Renewal::BASE },
    ..Flow::BASE
};

const BROWSER: Flow = Flow {
    name: "browser",
    title: "in a browser (Builder ID or IAM Identity Center)",
    grant: Grant::Code(Code {
        authorize: "https://oidc.{region}.amazonaws.com/authorize",
        scopes: SCOPES,
        parameters: &[],
        renamed: &[("scope", "scopes")],
        pkce: true,
        redirect: Redirect { host: "127.0.0.1", ports: &[], path: "/oauth/callback" },
        manual: None,
        state_in_exchange: false,
    }),
    ..DEVICE
};
