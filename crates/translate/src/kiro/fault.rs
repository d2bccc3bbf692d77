//! Kiro's errors: `{"__type": …, "message": …, "reason": …}`, as an answer or in the stream (provider
//! facts, 5.6).

use byok_types::{Blame, Fault, FaultKind};
use serde::Deserialize;

/// The most of an upstream's own words that is passed on.
const MAX_MESSAGE: usize = 2_000;

#[derive(Default, Deserialize)]
struct Body {
    #[serde(rename = "__type")]
    kind: Option<String>,
    code: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
    reason: Option<String>,
}

pub(super) fn read(status: u16, body: &[u8]) -> Fault {
    let body = serde_json::from_slice::<Body>(body).unwrap_or_default();
    fault(Some(status), body)
}

/// A failure inside the stream, by its name there.
pub(super) fn in_stream(name: &str, data: &[u8]) -> Fault {
    let mut body = serde_json::from_slice::<Body>(data).unwrap_or_default();
    body.kind.get_or_insert_with(|| name.to_owned());
    fault(None, body)
}

fn fault(status: Option<u16>, body: Body) -> Fault {
    let kind = body.kind.or(body.code).unwrap_or_default();
    // `com.amazon.x#ThrottlingException`
    let name = kind.rsplit('#').next().unwrap_or_default();
    let reason = body.reason.unwrap_or_default();
    let meaning = of_reason(&reason).or_else(|| of_name(name));
    let status = match (status, meaning) {
        (Some(status), _) if status != 200 => status,
        (_, Some((status, _))) => status,
        _ => 502,
    };
    let said = body.message.filter(|text| !text.trim().is_empty());
    let message = said.unwrap_or_else(|| match name {
        "" => format!("the upstream answered {status} without a message"),
        name => format!("the upstream answered {name}"),
    });
    let message: String = message.chars().take(MAX_MESSAGE).collect();
    let mut fault = Fault::new(status, Blame::Upstream, message);
    if let Some((_, kind)) = meaning {
        fault.kind = kind;
    }
    fault.upstream_type = (!name.is_empty()).then(|| name.to_owned());
    fault.upstream_code = (!reason.is_empty()).then_some(reason);
    fault
}

/// The reason decides before the type does: capacity comes as a throttling too.
fn of_reason(reason: &str) -> Option<(u16, FaultKind)> {
    match reason {
        "CONTENT_LENGTH_EXCEEDS_THRESHOLD" | "REQUEST_BODY_INVALID" => Some((400, FaultKind::Invalid)),
        "INSUFFICIENT_MODEL_CAPACITY" => Some((503, FaultKind::Overloaded)),
        "MONTHLY_REQUEST_COUNT" => Some((429, FaultKind::Billing)),
        _ => None,
    }
}

fn of_name(name: &str) -> Option<(u16, FaultKind)> {
    match name {
        "AccessDeniedException" => Some((403, FaultKind::Permission)),
        "ExpiredTokenException" | "UnrecognizedClientException" => Some((401, FaultKind::Auth)),
        "InternalServerException" => Some((500, FaultKind::Internal)),
        "ResourceNotFoundException" => Some((404, FaultKind::NotFound)),
        "ServiceQuotaExceededException" => Some((429, FaultKind::Billing)),
        "ServiceUnavailableException" => Some((503, FaultKind::Overloaded)),
        "ThrottlingException" => Some((429, FaultKind::Rate)),
        "ValidationException" => Some((400, FaultKind::Invalid)),
        _ => None,
    }
}
