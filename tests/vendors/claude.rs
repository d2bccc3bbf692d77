//! Anthropic's login with a Claude plan (facts, 1.1 and 1.2).

use serde_json::json;

use super::fields::Ask;
use super::{Desk, Kind, Refusal, Reply, Request, Twist};

/// Claude.
pub const CLAUDE: Kind = Kind { provider: "claude", config, script, refusal: Refusal::standard };

const CLIENT: &str = "9d1c250a-e61b-44d9-88ed-5944d1962f5e";
/// The page that shows the code.
const SHOWS: &str = "https://platform.claude.com/oauth/code/callback";

fn config(origin: &str) -> String {
    format!(
        "  anthropic:\n    base_url: {origin}\n    oauth:\n      authorize_url: {origin}/oauth/authorize\n      \
         token_url: {origin}/v1/oauth/token\n"
    )
}

fn script(desk: &Desk, request: &Request<'_>) -> Result<Reply, Refusal> {
    match (request.method(), request.path()) {
        ("GET", "/oauth/authorize") => {
            let grant = request.query()?.asks(&Ask {
                client: CLIENT,
                scopes: "user:profile user:inference user:sessions:claude_code user:mcp_servers \
                         user:file_upload",
                redirects: &["http://localhost:*/callback", SHOWS],
                fixed: &[("code", "true")],
                free: &[],
                pkce: true,
            })?;
            if grant.redirect == SHOWS {
                let state = grant.state.clone();
                return Ok(Reply::page(200, format!("{}#{state}", desk.code(grant))));
            }
            Ok(desk.send_back(grant, &[]))
        }
        ("POST", "/v1/oauth/token") => {
            let fields = request.json_fields()?;
            match fields.get("grant_type")? {
                "authorization_code" => {
                    fields.only(&[
                        "grant_type",
                        "code",
                        "state",
                        "redirect_uri",
                        "client_id",
                        "code_verifier",
                    ])?;
                    fields.is("client_id", CLIENT)?;
                    let grant = desk.redeem(&fields, CLIENT)?;
                    fields.is("state", &grant.state)?;
                }
                "refresh_token" => {
                    fields.only(&["grant_type", "refresh_token", "client_id"])?;
                    desk.check_token(fields.get("refresh_token").ok(), "refresh")?;
                }
                other => return Err(Refusal::new(400, "unsupported_grant_type", other)),
            }
            let mut answer = json!({
                "token_type": "Bearer",
                "access_token": desk.token("sk-ant-oat01-", "api"),
                "refresh_token": desk.token("sk-ant-ort01-", "refresh"),
                "expires_in": 28800,
                "scope": "user:profile user:inference",
            });
            if !desk.has(Twist::NoName) {
                answer["organization"] = json!({"uuid": "0a1b", "name": "Example"});
                answer["account"] = json!({"uuid": "2c3d", "email_address": desk.name()});
            }
            Ok(Reply::json(200, &answer))
        }
        _ => Err(Refusal::new(404, "not_found_error", "nothing is here")),
    }
}
