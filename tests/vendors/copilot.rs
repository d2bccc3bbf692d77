//! GitHub's device flow and the exchange for a Copilot token (facts, 3.1).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::{Desk, Kind, Refusal, Reply, Request, Twist};

/// Copilot.
pub const COPILOT: Kind = Kind { provider: "copilot", config, script, refusal };

const CLIENT: &str = "Iv1.b507a08c87ecfe98";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn config(origin: &str) -> String {
    format!(
        "  copilot:\n    base_url: {origin}\n    oauth:\n      device_url: {origin}/login/device/code\n      \
         token_url: {origin}/login/oauth/access_token\n"
    )
}

/// GitHub says no with a 200 at its login, and with a `message` at its API.
fn refusal(refusal: &Refusal) -> Reply {
    if matches!(refusal.status, 403 | 404) || refusal.code == "invalid_token" {
        let details = json!({
            "message": refusal.why, "notification_id": "no_copilot_access", "title": "Copilot is not included",
            "url": "https://github.com/settings/copilot",
        });
        let body = json!({"message": refusal.why, "error_details": details, "can_signup_for_limited": false});
        return Reply::json(refusal.status, &body);
    }
    let mut body = json!({
        "error": refusal.code, "error_description": refusal.why, "error_uri": "https://docs.github.com/x",
    });
    if refusal.code == "slow_down" {
        body["interval"] = json!(2);
    }
    Reply::json(200, &body)
}

fn script(desk: &Desk, request: &Request<'_>) -> Result<Reply, Refusal> {
    match (request.method(), request.path()) {
        ("POST", "/login/device/code") => {
            let fields = request.form()?;
            fields.only(&["client_id", "scope"])?;
            fields.is("client_id", CLIENT)?;
            fields.is("scope", "read:user")?;
            let (device_code, user_code) = desk.device(CLIENT, None, Duration::from_secs(1));
            Ok(Reply::json(
                200,
                &json!({
                    "device_code": device_code, "user_code": user_code,
                    "verification_uri": format!("{}/login/device", desk.origin()),
                    "expires_in": 900, "interval": 1,
                }),
            ))
        }
        ("POST", "/login/oauth/access_token") => {
            let fields = request.form()?;
            fields.only(&["client_id", "device_code", "grant_type"])?;
            fields.is("client_id", CLIENT)?;
            fields.is("grant_type", GRANT)?;
            let slower = |_| Duration::from_secs(2);
            desk.poll(fields.get("device_code")?, CLIENT, None, slower)?;
            let token = desk.token("ghu_", "github");
            let answer = json!({"access_token": token, "token_type": "bearer", "scope": "read:user"});
            Ok(Reply::json(200, &answer))
        }
        ("GET", "/user") => {
            let token = request.authorization("Bearer").or_else(|| request.authorization("token"));
            desk.check_token(token, "github")?;
            request.must("user-agent")?;
            let name = desk.name().split('@').next().unwrap_or_default();
            Ok(Reply::json(200, &json!({"login": name, "id": 1, "type": "User"})))
        }
        ("GET", "/copilot_internal/v2/token") => {
            desk.check_token(request.authorization("token"), "github")?;
            request.must("editor-version")?;
            request.must("user-agent")?;
            if request.must("x-github-api-version")? != "2025-04-01" {
                return Err(Refusal::new(400, "bad_version", "an API version of another day"));
            }
            if desk.has(Twist::Ineligible) {
                return Err(Refusal::usual(403, "no_copilot_access"));
            }
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let ends = now + 1800;
            let token = desk.token("tid=0123;exp=1;proxy-ep=proxy.individual.githubcopilot.com;:", "api");
            Ok(Reply::json(
                200,
                &json!({
                    "token": token, "expires_at": ends, "refresh_in": 1500, "sku": "pro", "individual": true,
                    "endpoints": {"api": "https://api.individual.githubcopilot.com"}, "chat_enabled": true,
                }),
            ))
        }
        _ => Err(Refusal::new(404, "not_found", "nothing is here")),
    }
}
