//! What Google's two logins have in common: tokens, whose they are, and the cloud project (facts, 4.1 and 6.1).

use serde_json::{Value, json};

use super::fields::Ask;
use super::{Desk, Refusal, Reply, Request, Twist};

/// What is different about each of them.
pub(super) struct Login {
    pub(super) client: &'static str,
    pub(super) secret: &'static str,
    pub(super) scopes: &'static str,
    pub(super) redirects: &'static [&'static str],
    /// The vendor's page that shows the code.
    pub(super) shows: &'static str,
    /// What discovery says about the asker.
    pub(super) asks: fn(&Value) -> bool,
    /// What the request to set a project up holds.
    pub(super) tier: &'static str,
    /// Whether the operation is asked about by its name.
    pub(super) named: bool,
}

/// Google's errors at its API.
pub(super) fn refusal(refusal: &Refusal) -> Reply {
    if refusal.code == "invalid_token" {
        let error = json!({"code": 401, "message": refusal.why, "status": "UNAUTHENTICATED"});
        return Reply::json(401, &json!({ "error": error }));
    }
    refusal.standard()
}

pub(super) fn config(provider: &str, origin: &str) -> String {
    format!(
        "  {provider}:\n    base_url: {origin}\n    oauth:\n      authorize_url: {origin}/o/oauth2/v2/auth\n      \
         token_url: {origin}/token\n"
    )
}

pub(super) fn script(login: &Login, desk: &Desk, request: &Request<'_>) -> Result<Reply, Refusal> {
    match (request.method(), request.path()) {
        ("GET", "/o/oauth2/v2/auth") => {
            let grant = request.query()?.asks(&Ask {
                client: login.client,
                scopes: login.scopes,
                redirects: login.redirects,
                fixed: &[("access_type", "offline"), ("prompt", "consent")],
                free: &[],
                pkce: true,
            })?;
            if !login.shows.is_empty() && grant.redirect == login.shows {
                return Ok(Reply::page(200, desk.code(grant)));
            }
            Ok(desk.send_back(grant, &[("scope", login.scopes), ("authuser", "0"), ("prompt", "consent")]))
        }
        ("POST", "/token") => {
            let fields = request.form()?;
            fields.is("client_id", login.client)?;
            fields.is("client_secret", login.secret)?;
            let mut answer = json!({
                "access_token": desk.token("ya29.", "api"), "expires_in": 3599, "scope": login.scopes,
                "token_type": "Bearer", "id_token": "e30.e30.",
            });
            match fields.get("grant_type")? {
                "authorization_code" => {
                    fields.only(&[
                        "grant_type",
                        "code",
                        "client_id",
                        "client_secret",
                        "redirect_uri",
                        "code_verifier",
                    ])?;
                    desk.redeem(&fields, login.client)?;
                    answer["refresh_token"] = json!(desk.token("1//", "refresh"));
                }
                "refresh_token" => {
                    fields.only(&["grant_type", "refresh_token", "client_id", "client_secret"])?;
                    desk.check_token(fields.get("refresh_token").ok(), "refresh")?;
                }
                other => return Err(Refusal::new(400, "unsupported_grant_type", other)),
            }
            Ok(Reply::json(200, &answer))
        }
        ("GET", "/oauth2/v2/userinfo") => {
            desk.check_token(request.authorization("Bearer"), "api")?;
            Ok(Reply::json(200, &json!({"id": "1", "email": desk.name(), "verified_email": true})))
        }
        ("POST", "/v1internal:loadCodeAssist") => load(login, desk, request),
        ("POST", "/v1internal:onboardUser") => onboard(login, desk, request),
        ("GET", "/v1internal/operations/set-up-1") if login.named => {
            desk.check_token(request.authorization("Bearer"), "api")?;
            Ok(Reply::json(200, &operation(true)))
        }
        _ => Err(Refusal::new(404, "not_found", "nothing is here")),
    }
}

fn load(login: &Login, desk: &Desk, request: &Request<'_>) -> Result<Reply, Refusal> {
    desk.check_token(request.authorization("Bearer"), "api")?;
    let body = request.json()?;
    if !(login.asks)(&body["metadata"]) {
        return Err(Refusal::new(400, "invalid_argument", format!("the metadata is {}", body["metadata"])));
    }
    if desk.has(Twist::Ineligible) {
        let tier = json!({
            "reasonCode": "UNSUPPORTED_LOCATION", "reasonMessage": "Not available where you are.",
            "tierId": "free-tier", "validationUrl": "https://example.com/why",
        });
        return Ok(Reply::json(200, &json!({"allowedTiers": [], "ineligibleTiers": [tier]})));
    }
    if let Some(named) = body["cloudaicompanionProject"].as_str() {
        let answer = json!({"currentTier": {"id": "standard-tier"}, "cloudaicompanionProject": named});
        return Ok(Reply::json(200, &answer));
    }
    if desk.has(Twist::HasProject) {
        let answer =
            json!({"currentTier": {"id": "standard-tier"}, "cloudaicompanionProject": "project-there"});
        return Ok(Reply::json(200, &answer));
    }
    let tiers = json!([
        {"id": "standard-tier", "name": "Standard", "userDefinedCloudaicompanionProject": true},
        {"id": "free-tier", "name": "Free", "isDefault": true},
    ]);
    Ok(Reply::json(200, &json!({ "allowedTiers": tiers })))
}

/// The first request begins it; it is done when it is asked about again.
fn onboard(login: &Login, desk: &Desk, request: &Request<'_>) -> Result<Reply, Refusal> {
    desk.check_token(request.authorization("Bearer"), "api")?;
    let body = request.json()?;
    if body[login.tier] != "free-tier" || !body["cloudaicompanionProject"].is_null() {
        return Err(Refusal::new(400, "invalid_argument", format!("the request is {body}")));
    }
    let again = desk.count("/v1internal:onboardUser") > 1;
    Ok(Reply::json(200, &operation(again && !login.named)))
}

fn operation(done: bool) -> Value {
    let mut operation = json!({"name": "operations/set-up-1", "done": done});
    if done {
        operation["response"] = json!({"cloudaicompanionProject": {"id": "project-new", "name": "new"}});
    }
    operation
}
