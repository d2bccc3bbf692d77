//! The models as Ollama lists and shows them, for the tools that know no other list.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use byok_provider::ModelInfo;
use byok_types::{Dialect, Fault};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::find;
use super::shape::{embeds, rfc3339};
use crate::state::State;
use crate::{body, problem, routes};

/// The version of Ollama whose API is spoken. Tools look at it to see what they may send.
const API_VERSION: &str = "0.13.3";

/// `GET /api/version`
pub(crate) fn ollama_version() -> Response {
    routes::json(&json!({ "version": API_VERSION }))
}

/// `GET /api/tags`
pub(crate) fn ollama_tags(state: &State) -> Response {
    let models: Value = state.upstreams.models().iter().map(tag).collect();
    routes::json(&json!({ "models": models }))
}

/// `POST /api/show`
pub(crate) async fn ollama_show(state: &Arc<State>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let limit = state.config.load().limits.body_bytes;
    let shown = match body::read(state, &parts.headers, body, limit).await {
        Ok(body) => asked(&body).and_then(|name| find(state, &name)),
        Err(fault) => Err(fault),
    };
    match shown {
        Ok(model) => routes::json(&show(&model)),
        Err(fault) => problem::response(Dialect::OllamaChat.into(), &fault),
    }
}

/// The model that the body names; older clients call it `name`.
fn asked(body: &[u8]) -> Result<String, Box<Fault>> {
    #[derive(Deserialize)]
    struct Show {
        model: Option<String>,
        name: Option<String>,
    }
    let invalid = |message: &str| Box::new(Fault::invalid("model", message));
    let show: Show = serde_json::from_slice(body).map_err(|error| {
        tracing::debug!(line = error.line(), column = error.column(), "a body could not be read");
        invalid("the request body is not a JSON object with a `model`")
    })?;
    show.model.or(show.name).ok_or_else(|| invalid("model: the request names no model"))
}

fn tag(model: &ModelInfo) -> Value {
    let digest: String =
        Sha256::digest(model.id.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "name": model.id,
        "model": model.id,
        "modified_at": rfc3339(model.created),
        "size": 0,
        "digest": digest,
        "details": details(model),
    })
}

fn show(model: &ModelInfo) -> Value {
    let architecture = model.owned_by.as_str();
    let mut info = json!({ "general.architecture": architecture, "general.basename": model.id });
    if let Some(context) = model.context {
        info[format!("{architecture}.context_length")] = context.into();
    }
    json!({
        "modelfile": "",
        "parameters": "",
        "template": "",
        "modified_at": rfc3339(model.created),
        "details": details(model),
        "model_info": info,
        "capabilities": if embeds(model) { json!(["embedding"]) } else { json!(["completion", "tools"]) },
    })
}

/// What a local model would say of its file. There is no file; tools want the fields all the same.
fn details(model: &ModelInfo) -> Value {
    json!({
        "parent_model": "",
        "format": "",
        "family": model.owned_by,
        "families": [model.owned_by],
        "parameter_size": "",
        "quantization_level": "",
    })
}
