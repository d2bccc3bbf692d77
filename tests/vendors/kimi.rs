//! Kimi's device flow: RFC 8628 (facts, 8.1).

use std::time::Duration;

use serde_json::json;

use super::{Desk, Kind, Refusal, Reply, Request};

/// Kimi.
pub const KIMI: Kind = Kind { provider: "kimi", config, script, refusal };

const CLIENT: &str = "17e5f671-d194-4dfb-9706-5516cb48c098";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn config(origin: &str) -> String {
    format!(
        "  kimi:\n    base_url: {origin}\n    oauth:\n      device_url: {origin}/api/oauth/device_authorization\n      \
         token_url: {origin}/api/oauth/token\n"
    )
}

/// What belongs to the flow is said with whatever status; here with a 200.
fn refusal(refusal: &Refusal) -> Reply {
    let status = if refusal.usual { 200 } else { refusal.status };
    Refusal { status, ..refusal.clone() }.standard()
}

fn script(desk: &Desk, request: &Request<'_>) -> Result<Reply, Refusal> {
    match (request.method(), request.path()) {
        ("POST", "/api/oauth/device_authorization") => {
            let fields = request.form()?;
            fields.only(&["client_id"])?;
            fields.is("client_id", CLIENT)?;
            let (device_code, user_code) = desk.device(CLIENT, None, Duration::from_secs(1));
            let page = format!("{}/code", desk.origin());
            Ok(Reply::json(
                200,
                &json!({
                    "device_code": device_code, "user_code": user_code, "verification_uri": page,
                    "verification_uri_complete": format!("{page}?user_code={user_code}"),
                    "expires_in": 900, "interval": 1,
                }),
            ))
        }
        ("POST", "/api/oauth/token") => {
            let fields = request.form()?;
            fields.is("client_id", CLIENT)?;
            match fields.get("grant_type")? {
                GRANT => {
                    fields.only(&["grant_type", "client_id", "device_code"])?;
                    let slower = |interval| interval + Duration::from_secs(5);
                    desk.poll(fields.get("device_code")?, CLIENT, None, slower)?;
                }
                "refresh_token" => {
                    fields.only(&["grant_type", "client_id", "refresh_token"])?;
                    desk.check_token(fields.get("refresh_token").ok(), "refresh")?;
                }
                other => return Err(Refusal::new(400, "unsupported_grant_type", other)),
            }
            Ok(Reply::json(
                200,
                &json!({
                    "access_token": desk.token("kimi-at-", "api"),
                    "refresh_token": desk.token("kimi-rt-", "refresh"),
                    "expires_in": 900, "scope": "kimi-code", "token_type": "Bearer",
                }),
            ))
        }
        // The plan's API, so that it can be seen what a login is good for.
        ("POST", path) if path.ends_with("/chat/completions") => {
            desk.check_token(request.authorization("Bearer"), "api")?;
            Ok(Reply::json(
                200,
                &json!({
                    "id": "1", "object": "chat.completion", "created": 1, "model": "kimi-for-coding",
                    "choices": [{
                        "index": 0, "message": {"role": "assistant", "content": "Hello from Kimi."},
                        "finish_reason": "stop",
                    }],
                    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
                }),
            ))
        }
        _ => Err(Refusal::new(404, "not_found", "nothing is here")),
    }
}
