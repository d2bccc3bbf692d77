//! The models that can be called now, in the shape of whoever asks.
//!
//! `GET /v1/models` has four kinds of askers, each of which takes another's list for an empty one. They are
//! told apart by their headers (client facts, "measured on the wire").

use axum::extract::Request;
use axum::response::Response;
use byok_provider::ModelInfo;
use byok_types::Fault;
use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;

use crate::state::State;
use crate::{generate, problem, routes};

mod ollama;
mod shape;

pub(crate) use ollama::{ollama_show, ollama_tags, ollama_version};
pub(crate) use shape::Shape;

/// Whose list is asked for where several share a path.
pub(crate) fn asker(headers: &HeaderMap, uri: &Uri) -> Shape {
    let agent = headers.get("user-agent").and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let agent = agent.to_ascii_lowercase();
    let asks = |name: &str| query(uri, name).is_some();
    if headers.contains_key("anthropic-version") || agent.starts_with("claude-") {
        Shape::Anthropic
    } else if headers.contains_key("x-goog-api-key")
        || headers.contains_key("x-goog-api-client")
        || asks("key")
    {
        Shape::Google
    } else if headers.contains_key("x-client-name")
        || agent.contains("cohere")
        || asks("endpoint")
        || asks("page_size")
    {
        Shape::Cohere
    } else {
        Shape::Openai
    }
}

/// A parameter of the query.
fn query(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(is, _)| is == name)
        .map(|(_, value)| value.into_owned())
}

/// The list.
pub(crate) fn list(state: &State, shape: Shape, request: &Request) -> Response {
    let models = state.upstreams.models();
    let page = |name: &str| query(request.uri(), name);
    routes::json(&shape.list(&models, &page))
}

/// One model, by its id, an alias, or any name that can be called.
pub(crate) fn one(state: &State, shape: Shape, request: &Request) -> Response {
    let path = request.uri().path();
    let name = path.split_once("/models/").map_or("", |(_, name)| name);
    let name = percent_decode_str(name).decode_utf8_lossy();
    match find(state, name.strip_prefix("models/").unwrap_or(&name)) {
        Ok(model) => routes::json(&shape.model(&model)),
        Err(fault) => problem::response(shape.dialect().into(), &fault),
    }
}

/// What is known of a model that can be called by this name.
fn find(state: &State, name: &str) -> Result<ModelInfo, Box<Fault>> {
    let models = state.upstreams.models();
    if let Some(model) = models.into_iter().find(|model| model.id == name) {
        return Ok(model);
    }
    let route =
        state.upstreams.resolve(name).map_err(|error| Box::new(generate::unresolved(name, &error)))?;
    let entry = route.spec.models.entry(route.model.as_str());
    Ok(ModelInfo {
        id: name.to_owned(),
        provider: route.spec.id.clone(),
        owned_by: route.spec.id.as_str().to_owned(),
        context: entry.and_then(|entry| entry.context).map(u64::from),
        output: entry.and_then(|entry| entry.output).map(u64::from),
        created: 0,
        display_name: entry.and_then(|entry| entry.name.clone()).unwrap_or_else(|| name.to_owned()),
    })
}
