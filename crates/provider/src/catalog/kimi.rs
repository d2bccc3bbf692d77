//! Kimi Code, with the plan's API key or login (provider facts, 8). Keys of the pay-as-you-go platform are
//! another provider's, `moonshot`.

use byok_auth::flow::{ApiBase, Client, Device, Flow, Grant, Renewal, TokenAddress};

use crate::row::{CHAT_COMPATIBLE, Calls, Endpoint, Health, Model, Quirk, Row, Way};

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
    logins: &[
        Way { flow: MAINLAND, health: Health::OK, terms: TERMS, calls: Calls::Ready },
        Way { flow: GLOBAL, health: Health::OK, terms: TERMS, calls: Calls::NotYet },
    ],
    ..CHAT_COMPATIBLE
};

const TERMS: &str = "Kimi describes this login for its own programs; for others it welcomes the plan's API key \
                     (byok login kimi --api-key).";

/// Facts, 8.1 and 8.2.
const MAINLAND: Flow = Flow {
    name: "device",
    title: "with a code at kimi.com",
    grant: Grant::Device(Device {
        url: "https://auth.kimi.com/api/oauth/device_authorization",
        ..Device::BASE
    }),
    // Kimi CLI's: there is no other.
    client: Client::Known { id: "17e5f671-d194-4dfb-9706-5516cb48c098", secret: None },
    token: TokenAddress::form("https://auth.kimi.com/api/oauth/token"),
    renewal: Renewal { half_life: true, final_statuses: &[401, 403], ..Renewal::BASE },
    ..Flow::BASE
};

const GLOBAL: Flow = Flow {
    name: "device-global",
    title: "with a code at kimi.ai, outside of China",
    grant: Grant::Device(Device {
        url: "https://auth.kimi.ai/api/oauth/device_authorization",
        ..Device::BASE
    }),
    token: TokenAddress::form("https://auth.kimi.ai/api/oauth/token"),
    api: ApiBase::Fixed("https://api.kimi.ai/coding"),
    ..MAINLAND
};
