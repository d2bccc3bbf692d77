//! Alibaba Cloud's `ModelStudio`, international, and the login of Qwen Code (provider facts, 7). A key works with its own plan
//! and region only; the others are reached by `base_url`.

use std::time::Duration;

use byok_auth::flow::{ApiBase, Client, Device, Flow, Grant, Renewal, SlowDown, TokenAddress};

use crate::row::{CHAT_COMPATIBLE, Calls, Endpoint, Health, List, ListShape, Model, Row, Way};

pub(super) const ROW: Row = Row {
    id: "qwen",
    name: "Alibaba Qwen",
    aliases: &["dashscope"],
    root: "https://dashscope-intl.aliyuncs.com",
    endpoints: &[Endpoint::chat("/compatible-mode/v1"), Endpoint::messages("/apps/anthropic")],
    models: &[
        Model::named("qwen3.8-max"),
        Model::named("qwen3.8-flash"),
        Model::named("qwen3.7-max"),
        Model::named("qwen3.7-plus"),
        Model::named("qwen3.6-plus"),
        Model::named("qwen3.6-flash"),
    ],
    list: List::At { path: "/compatible-mode/v1/models", shape: ListShape::Openai },
    genuine: &["QwenCode/"],
    key_names: &["dashscope"],
    logins: &[Way {
        flow: DEVICE,
        health: Health::closed(
            "2026-04-15",
            "the free login has ended; an Alibaba Cloud key serves the models",
        ),
        terms: "Alibaba has ended what this login was for; its docs welcome any tool with an API key (byok login \
                qwen --api-key).",
        calls: Calls::NotYet,
    }],
    ..CHAT_COMPATIBLE
};

/// Facts, 7.1 and 7.2.
const DEVICE: Flow = Flow {
    name: "device",
    title: "with a code at chat.qwen.ai",
    grant: Grant::Device(Device {
        url: "https://chat.qwen.ai/api/v1/oauth2/device/code",
        scopes: &["openid", "profile", "email", "model.completion"],
        pkce: true,
        request_id: true,
        interval: Duration::from_secs(2),
        slow_down: SlowDown::HalfAgain(Duration::from_secs(10)),
        expired: &[401],
        ..Device::BASE
    }),
    // Qwen Code's: there is no other.
    client: Client::Known { id: "f0304373b74a44d2b584a3fb70ca9e56", secret: None },
    token: TokenAddress::form("https://chat.qwen.ai/api/v1/oauth2/token"),
    api: ApiBase::Answered { pointer: "/resource_url", path: "/v1", trusted: &["qwen.ai", "aliyuncs.com"] },
    renewal: Renewal { margin: Duration::from_secs(30), final_statuses: &[400, 401], ..Renewal::BASE },
    ..Flow::BASE
};
