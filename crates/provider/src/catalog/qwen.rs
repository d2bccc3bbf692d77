//! Alibaba Cloud's `ModelStudio`, international (provider facts, 7.4 and 7.5). A key works with its own plan
//! and region only; the others are reached by `base_url`.

use byok_auth::import::{Base, Place, Shape, Tool};

use crate::row::{CHAT_COMPATIBLE, Endpoint, Health, List, ListShape, Model, Row};

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
    health: Health::restricted(
        "2026-04-15",
        "the free login has ended; an Alibaba Cloud key serves the models",
    ),
    genuine: &["QwenCode/"],
    tools: &[Tool {
        name: "qwen",
        title: "Qwen Code",
        places: &[Place { base: Base::Home, path: ".qwen/oauth_creds.json" }],
        shape: Shape::OauthCreds,
        flow: "qwen",
        renewed_by: "qwen",
        keys: None,
    }],
    ..CHAT_COMPATIBLE
};
