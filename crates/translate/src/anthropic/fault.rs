//! Errors, in and out.

use byok_types::{Blame, Fault, FaultKind};

use super::json::{self, Object};
use super::node::Node;

/// The longest message taken over from an upstream, in bytes.
const MAX_MESSAGE: usize = 8 * 1024;

/// Reads an error answer. Anthropic's own words stay as they are: its clients learn from them.
pub(super) fn read(status: u16, body: &[u8]) -> Fault {
    let fault = match Node::body(body) {
        Ok(node) => read_node(&node, status),
        // Some gateways wrap the error into a list.
        Err(_) => match serde_json::from_slice::<Vec<Node<'_>>>(body).as_deref() {
            Ok([node, ..]) => read_node(node, status),
            _ => Fault::new(status, Blame::Upstream, plain_text(body).unwrap_or_default()),
        },
    };
    complete(fault)
}

/// Reads an error inside a 200 answer, whose status follows from its type.
pub(super) fn read_in_band(node: &Node<'_>) -> Fault {
    let kind = node.lax_object("error").and_then(|error| error.lax_word("type"));
    let status = kind.as_deref().and_then(status_of).unwrap_or(502);
    complete(read_node(node, status))
}

/// Bounds the message, and supplies one where there is none.
fn complete(mut fault: Fault) -> Fault {
    let end = (0..=MAX_MESSAGE).rev().find(|end| fault.message.is_char_boundary(*end));
    fault.message.truncate(end.unwrap_or(0));
    if fault.message.trim().is_empty() {
        fault.message = format!("the upstream answered {} without a message", fault.status);
    }
    fault
}

fn read_node(node: &Node<'_>, status: u16) -> Fault {
    let nested = node.lax_object("error");
    let error = nested.as_ref().unwrap_or(node);
    let message = ["message", "error", "detail"].into_iter().find_map(|name| error.lax_word(name));
    // Something is said, in a shape that is not known: better shown than lost.
    let unknown = || node.field("error").or_else(|| node.field("detail")).map(|raw| raw.get().to_owned());
    let mut fault = Fault::new(status, Blame::Upstream, message.or_else(unknown).unwrap_or_default());
    fault.upstream_type = nested.as_ref().and_then(|error| error.lax_word("type"));
    fault.upstream_code = error
        .lax_object("details")
        .and_then(|details| details.lax_word("error_code"))
        .or_else(|| error.lax_word("code"));
    fault.param = error.lax_word("param");
    fault.request_id = node.lax_word("request_id");
    if let Some(kind) = fault.upstream_type.as_deref().and_then(kind_of) {
        fault.kind = kind;
    }
    if matches!(
        fault.kind,
        FaultKind::Conflict | FaultKind::Invalid | FaultKind::NotFound | FaultKind::TooLarge
    ) {
        fault.blame = Blame::Client;
    }
    fault
}

/// A body that is no JSON: its text, unless it is a web page.
fn plain_text(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_MESSAGE)]).trim().to_owned();
    (!text.starts_with('<') && !text.is_empty()).then_some(text)
}

/// Writes an error as a body.
pub(super) fn write(fault: &Fault) -> Vec<u8> {
    let mut out = Vec::new();
    json::object(&mut out, |body| {
        body.put("type", "error");
        write_fields(body, fault);
    });
    out
}

/// Writes what follows the `"type":"error"` of a body or event.
pub(super) fn write_fields(body: &mut Object<'_>, fault: &Fault) {
    body.object("error", |error| {
        error.put("type", type_of(fault));
        // This shape has no field for the name of the field; byok's own messages say it.
        match &fault.param {
            Some(param) if fault.upstream_type.is_none() && !fault.message.starts_with(param) => {
                error.put("message", &format!("{param}: {}", fault.message));
            }
            _ => error.put("message", &fault.message),
        }
        let own = fault.code.map(byok_types::Code::as_str);
        error.put_some("code", own);
        if let Some(code) = own.or(fault.upstream_code.as_deref()) {
            error.object("details", |details| details.put("error_code", code));
        }
    });
    body.put("request_id", &fault.request_id);
}

/// The status for this format's clients, who know 529 for an upstream that is too busy.
pub(super) fn status(fault: &Fault) -> u16 {
    let says_overloaded = |text: &Option<String>| {
        text.as_ref().is_some_and(|text| text.to_ascii_lowercase().contains("overload"))
    };
    match fault.status {
        498 => 401,
        503 if says_overloaded(&fault.upstream_type) || says_overloaded(&fault.upstream_code) => 529,
        status => status,
    }
}

fn type_of(fault: &Fault) -> &'static str {
    match fault.kind {
        FaultKind::Auth => "authentication_error",
        FaultKind::Billing => "billing_error",
        FaultKind::Conflict => "conflict_error",
        FaultKind::Invalid => "invalid_request_error",
        FaultKind::NotFound => "not_found_error",
        // Where byok itself has nobody to serve a request, waiting does not help.
        FaultKind::Overloaded if fault.code.is_some() => "api_error",
        FaultKind::Overloaded => "overloaded_error",
        FaultKind::Permission => "permission_error",
        FaultKind::Rate => "rate_limit_error",
        FaultKind::Timeout => "timeout_error",
        FaultKind::TooLarge => "request_too_large",
        FaultKind::Internal | FaultKind::UpstreamBroken => "api_error",
    }
}

fn kind_of(name: &str) -> Option<FaultKind> {
    Some(match name {
        "api_error" => FaultKind::Internal,
        "authentication_error" => FaultKind::Auth,
        "billing_error" => FaultKind::Billing,
        "conflict_error" => FaultKind::Conflict,
        "invalid_request_error" => FaultKind::Invalid,
        "not_found_error" => FaultKind::NotFound,
        "overloaded_error" => FaultKind::Overloaded,
        "permission_error" => FaultKind::Permission,
        "rate_limit_error" => FaultKind::Rate,
        "request_too_large" => FaultKind::TooLarge,
        "timeout_error" => FaultKind::Timeout,
        _ => return None,
    })
}

fn status_of(name: &str) -> Option<u16> {
    Some(match kind_of(name)? {
        FaultKind::Auth => 401,
        FaultKind::Billing => 402,
        FaultKind::Conflict => 409,
        FaultKind::Internal => 500,
        FaultKind::Invalid => 400,
        FaultKind::NotFound => 404,
        FaultKind::Overloaded => 529,
        FaultKind::Permission => 403,
        FaultKind::Rate => 429,
        FaultKind::Timeout => 504,
        FaultKind::TooLarge => 413,
        FaultKind::UpstreamBroken => 502,
    })
}
