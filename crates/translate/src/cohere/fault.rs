//! Errors: `{"message": …}`, without a code or a type.

use byok_types::{Blame, Fault};
use serde::Deserialize;
use serde_json::json;

use crate::format::UpstreamFormat;
use crate::openai_chat::OpenaiChat;

#[derive(Deserialize)]
struct Body {
    message: Option<String>,
    id: Option<String>,
}

/// The most of an upstream's own words that is passed on.
const MAX_MESSAGE: usize = 2_000;

pub(super) fn read(status: u16, body: &[u8]) -> Fault {
    let wire = serde_json::from_slice::<Body>(body).ok();
    let (message, id) = wire.map(|wire| (wire.message, wire.id)).unwrap_or_default();
    let message = message.map(|text| text.chars().take(MAX_MESSAGE).collect::<String>());
    let Some(message) = message.filter(|text| !text.is_empty()) else {
        // What stands before the service speaks the way most do.
        return Fault { status, ..OpenaiChat.read_fault(status, body) };
    };
    let mut fault = Fault::new(status, Blame::Upstream, message);
    fault.request_id = id;
    fault
}

pub(super) fn write(fault: &Fault) -> Vec<u8> {
    let mut body = json!({"message": fault.message});
    if let Some(id) = &fault.request_id {
        body["id"] = json!(id);
    }
    // Cohere's format has no place for a code; clients ignore fields that they do not know.
    if let Some(code) = fault.code {
        body["code"] = json!(code.as_str());
    }
    if let Some(param) = &fault.param {
        body["param"] = json!(param);
    }
    body.to_string().into_bytes()
}
