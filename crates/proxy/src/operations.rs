//! Answers about the server itself.

use axum::body::Body;
use axum::response::Response;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use crate::routes::{self, ROUTES, Verb};
use crate::state::State;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn text(content_type: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// What this is, for a person who opens the address and for clients that probe it.
pub(crate) fn hello() -> Response {
    let about = format!(
        "byok {VERSION}\n\nThis is a local server for tools, not a page for people. Set it as a tool's base URL;\n\
         the README shows how, /openapi.json lists what is served, `byok status` shows your accounts.\n"
    );
    text("text/plain; charset=utf-8", about)
}

pub(crate) fn health() -> Response {
    routes::json(&json!({ "status": "ok", "version": VERSION }))
}

pub(crate) fn metrics(state: &State) -> Response {
    text("text/plain; version=0.0.4; charset=utf-8", state.metrics.text())
}

/// Telemetry of clients that fail without an answer. It goes nowhere.
pub(crate) fn telemetry() -> Response {
    routes::json(&json!({}))
}

/// The routes, as an `OpenAPI` document. The bodies are the vendors' own formats, which their own documents
/// describe; repeating them here would only go out of date.
pub(crate) fn openapi() -> Response {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = route.path.replace("{*", "{");
        let parameters: Vec<Value> = path
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(name, _)| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        let methods: &[&str] = match route.verb {
            Verb::Any => &["get", "post", "put", "patch", "delete"],
            Verb::Get => &["get"],
            Verb::Post => &["post"],
        };
        let Some(item) = paths.entry(path).or_insert_with(|| json!({})).as_object_mut() else { continue };
        for method in methods {
            let mut operation = json!({
                "summary": route.about,
                "responses": {
                    "200": { "description": "The answer" },
                    "default": { "description": "An error in the format of the endpoint" },
                },
            });
            if !parameters.is_empty() {
                operation["parameters"] = parameters.clone().into();
            }
            if route.verb == Verb::Post {
                operation["requestBody"] = json!({ "required": true, "content": { "application/json": {} } });
            }
            item.insert((*method).to_owned(), operation);
        }
    }
    routes::json(&json!({
        "openapi": "3.1.0",
        "info": { "title": "byok", "version": VERSION, "description": "Your AI accounts, in the format that a tool speaks." },
        "servers": [{ "url": "/" }],
        "paths": paths,
    }))
}
