//! Qwen's device flow with PKCE (facts, 7.1).

use std::time::Duration;

use serde_json::json;

use super::{Desk, Kind, Refusal, Reply, Request};

/// Qwen.
pub const QWEN: Kind = Kind { provider: "qwen", config, script, refusal };

const CLIENT: &str = "f0304373b74a44d2b584a3fb70ca9e56";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn config(origin: &str) -> String {
    format!(
        "  qwen:\n    base_url: {origin}\n    oauth:\n      device_url: {origin}/api/v1/oauth2/device/code\n      \
         token_url: {origin}/api/v1/oauth2/token\n"
    )
}

/// `slow_down` is a 429 here, and a code that is over a 401.
fn refusal(refusal: &Refusal) -> Reply {
    let status = match refusal.code {
        "slow_down" => 429,
        "expired_token" => 401,
        _ => refusal.status,
    };
    Refusal { status, ..refusal.clone() }.standard()
}

fn script(desk: &Desk, request: &Request<'_>) -> Result<Reply, Refusal> {
    match (request.method(), request.path()) {
        ("POST", "/api/v1/oauth2/device/code") => {
            let fields = request.form()?;
            fields.only(&["client_id", "scope", "code_challenge", "code_challenge_method"])?;
            fields.is("client_id", CLIENT)?;
            fields.is("scope", "openid profile email model.completion")?;
            if request.must("x-request-id")?.len() != 36 {
                return Err(Refusal::new(400, "invalid_request", "the request's id is no UUID"));
            }
            let challenge = fields.challenge()?;
            let (device_code, user_code) = desk.device(CLIENT, Some(challenge), Duration::from_secs(2));
            let page = format!("{}/authorize", desk.origin());
            // It says nothing about the interval.
            Ok(Reply::json(
                200,
                &json!({
                    "device_code": device_code, "user_code": user_code, "verification_uri": page,
                    "verification_uri_complete": format!("{page}?user_code={user_code}&client=qwen-code"),
                    "expires_in": 900,
                }),
            ))
        }
        ("POST", "/api/v1/oauth2/token") => {
            let fields = request.form()?;
            fields.is("client_id", CLIENT)?;
            match fields.get("grant_type")? {
                GRANT => {
                    fields.only(&["grant_type", "client_id", "device_code", "code_verifier"])?;
                    let verifier = fields.get("code_verifier")?;
                    let slower = |interval: Duration| interval.mul_f32(1.5).min(Duration::from_secs(10));
                    desk.poll(fields.get("device_code")?, CLIENT, Some(verifier), slower)?;
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
                    "access_token": desk.token("qwen-at-", "api"),
                    "refresh_token": desk.token("qwen-rt-", "refresh"),
                    "token_type": "Bearer", "expires_in": 21600, "scope": "openid profile email model.completion",
                    "resource_url": "portal.qwen.ai",
                }),
            ))
        }
        _ => Err(Refusal::new(404, "not_found", "nothing is here")),
    }
}
