//! Z.ai and `BigModel`, where the models of the closed iFlow service live on (provider facts, 9.4 and 9.5).
//! The Coding Plan has the base `https://api.z.ai/api/coding/paas/v4`, China `https://open.bigmodel.cn`.

use crate::row::{CHAT_COMPATIBLE, Endpoint, Health, List, ListShape, Model, Row};

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
    health: Health::restricted(
        "2026-04-17",
        "iFlow itself has closed; a Z.ai or BigModel key serves its GLM models",
    ),
    ..CHAT_COMPATIBLE
};
