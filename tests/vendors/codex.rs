//! `OpenAI`'s two logins with a `ChatGPT` plan: Sign in with `ChatGPT` (facts, 2A.1) and the Codex CLI's
//! (2B.1), the latter in a browser and on any device.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::fields::{Ask, Fields};
use super::{Desk, Kind, Refusal, Reply, Request, Twist, jwt};

/// Sign in with `ChatGPT`. The discovery document says where.
pub const SIGN_IN: Kind = Kind { provider: "codex", config: sign_in_config, script, refusal };
/// The Codex CLI's login.
pub const CLI: Kind = Kind { provider: "codex", config: cli_config, script, refusal };

const CLI_CLIENT: &str = "app_EMoamEEZ73f0CkXaXp7hrann";
const RESOURCE: &str = "https://api.openai.com/v1";
const DEVICE_REDIRECT: &str = "https://auth.openai.com/deviceauth/callback";
const DEVICE_GRANT: &str = "deviceauth_authorization_pending";

fn sign_in_config(origin: &str) -> String {
    format!(
        "  codex:\n    base_url: {origin}/v1\n    oauth:\n      token_url: \
         {origin}/api/accounts/oauth/token\n"
    )
}

fn cli_config(origin: &str) -> String {
    format!(
        "  codex:\n    base_url: {origin}/v1\n    oauth:\n      authorize_url: {origin}/oauth/authorize\n      \
         token_url: {origin}/oauth/token\n      device_url: {origin}/api/accounts/deviceauth/usercode\n"
    )
}

/// `OpenAI`'s errors.
fn refusal(refusal: &Refusal) -> Reply {
    let error = json!({"message": refusal.why, "type": "invalid_request_error", "code": refusal.code});
    Reply::json(refusal.status, &json!({ "error": error }))
}

fn script(desk: &Desk, request: &Request<'_>) -> Result<Reply, Refusal> {
    match (request.method(), request.path()) {
        ("GET", "/.well-known/openid-configuration") => {
            let origin = desk.origin();
            let at = |path: &str| format!("{origin}{path}");
            Ok(Reply::json(
                200,
                &json!({
                    "issuer": origin,
                    "authorization_endpoint": at("/api/accounts/authorize"),
                    "token_endpoint": at("/api/accounts/oauth/token"),
                    "jwks_uri": at("/.well-known/jwks.json"),
                    "revocation_endpoint": at("/api/accounts/oauth/revoke"),
                    "response_types_supported": ["code"],
                    "code_challenge_methods_supported": ["S256"],
                }),
            ))
        }
        ("GET", "/.well-known/jwks.json") => Ok(Reply::json(200, &jwt::keys())),
        ("GET", "/api/accounts/authorize") => sign_in(desk, &request.query()?),
        ("POST", "/api/accounts/oauth/token") => exchange(desk, &request.form()?),
        ("GET", "/oauth/authorize") => {
            let grant = request.query()?.asks(&Ask {
                client: CLI_CLIENT,
                scopes: "openid profile email offline_access",
                redirects: &["http://localhost:1455/auth/callback", "http://localhost:1457/auth/callback"],
                fixed: &[
                    ("id_token_add_organizations", "true"),
                    ("codex_cli_simplified_flow", "true"),
                    ("originator", "byok"),
                ],
                free: &[],
                pkce: true,
            })?;
            Ok(desk.send_back(grant, &[]))
        }
        ("POST", "/oauth/token") => {
            let fields = request.form()?;
            fields.only(&["grant_type", "code", "redirect_uri", "client_id", "code_verifier"])?;
            fields.is("grant_type", "authorization_code")?;
            fields.is("client_id", CLI_CLIENT)?;
            desk.redeem(&fields, CLI_CLIENT)?;
            Ok(Reply::json(200, &cli_tokens(desk)))
        }
        ("POST", "/api/accounts/deviceauth/usercode") => {
            let fields = request.json_fields()?;
            fields.only(&["client_id"])?;
            fields.is("client_id", CLI_CLIENT)?;
            let (device_auth_id, user_code) = desk.device(CLI_CLIENT, None, Duration::from_secs(1));
            let answer = json!({"device_auth_id": device_auth_id, "user_code": user_code, "interval": "1"});
            Ok(Reply::json(200, &answer))
        }
        ("POST", "/api/accounts/deviceauth/token") => {
            let fields = request.json_fields()?;
            fields.only(&["device_auth_id", "user_code"])?;
            let polled = desk.poll(fields.get("device_auth_id")?, CLI_CLIENT, None, |interval| interval * 2);
            polled.map_err(|refusal| match refusal.code {
                "authorization_pending" => Refusal::usual(403, DEVICE_GRANT),
                _ => refusal,
            })?;
            // Here the vendor makes the verifier too.
            let verifier = desk.secret("vendors-own-verifier-");
            let challenge = super::desk::challenge_of(&verifier);
            let code = desk.code(super::desk::Grant {
                client: CLI_CLIENT.to_owned(),
                redirect: DEVICE_REDIRECT.to_owned(),
                challenge: Some(challenge.clone()),
                ..Default::default()
            });
            let answer =
                json!({"authorization_code": code, "code_challenge": challenge, "code_verifier": verifier});
            Ok(Reply::json(200, &answer))
        }
        ("POST", "/oauth/revoke") => {
            let fields = request.form()?;
            fields.only(&["token", "token_type_hint", "client_id"])?;
            fields.is("token_type_hint", "refresh_token")?;
            fields.is("client_id", CLI_CLIENT)?;
            desk.check_token(fields.get("token").ok(), "refresh")?;
            desk.end_token(fields.get("token")?);
            Ok(Reply::json(200, &json!({})))
        }
        _ => Err(Refusal::new(404, "not_found", "nothing is here")),
    }
}

fn sign_in(desk: &Desk, query: &Fields) -> Result<Reply, Refusal> {
    let client = query.get("client_id")?;
    let first = client == "dynamic_agent_client";
    // The agent's name belongs to the first sign-in only.
    let free: &[&str] = if first {
        &["ext_agent_host_id", "nonce", "agent_name_hint"]
    } else if query.get("login_hint").is_ok() {
        &["ext_agent_host_id", "nonce", "login_hint"]
    } else {
        &["ext_agent_host_id", "nonce"]
    };
    let mut grant = query.asks(&Ask {
        client,
        scopes: "openid profile email offline_access resource.invoke chatgpt.tokens.use.direct",
        redirects: &["http://127.0.0.1:*/auth/callback"],
        fixed: &[("resource", RESOURCE)],
        free,
        pkce: true,
    })?;
    if first {
        query.is("agent_name_hint", "byok")?;
    } else if desk.client_redirect(client).is_none() {
        return Err(Refusal::new(400, "invalid_client", "a client that was never issued"));
    }
    let host = query.get("ext_agent_host_id")?;
    let uuid = host.strip_prefix("urn:uuid:").unwrap_or_default();
    let hex = uuid.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'-');
    if uuid.len() != 36 || !hex {
        return Err(Refusal::new(400, "invalid_request", format!("the host's id is `{host}`")));
    }
    grant.nonce = Some(query.random("nonce", 32)?);
    let issued = if first { desk.new_client_id("oaiapp_") } else { client.to_owned() };
    desk.issue(&issued);
    grant.client.clone_from(&issued);
    Ok(desk.send_back(grant, &[("client_id", &issued)]))
}

fn exchange(desk: &Desk, fields: &Fields) -> Result<Reply, Refusal> {
    let client = fields.get("client_id")?.to_owned();
    if client == "dynamic_agent_client" || desk.client_redirect(&client).is_none() {
        return Err(Refusal::new(401, "invalid_client", format!("`{client}` gets no tokens")));
    }
    fields.is("resource", RESOURCE)?;
    let nonce = match fields.get("grant_type")? {
        "authorization_code" => {
            fields.only(&["grant_type", "client_id", "code", "code_verifier", "redirect_uri", "resource"])?;
            desk.redeem(fields, &client)?.nonce
        }
        "refresh_token" => {
            fields.only(&["grant_type", "client_id", "refresh_token", "resource"])?;
            desk.check_token(fields.get("refresh_token").ok(), "refresh")?;
            None
        }
        other => return Err(Refusal::new(400, "unsupported_grant_type", other)),
    };
    let another = |twist, instead: &str, right: String| {
        if desk.has(twist) { instead.to_owned() } else { right }
    };
    let claims = json!({
        "iss": desk.origin(),
        "aud": another(Twist::AnotherAudience, "oaiapp_another", client),
        "sub": format!("user-{}", desk.name()),
        "email": desk.name(),
        "nonce": another(Twist::AnotherNonce, "another", nonce.unwrap_or_default()),
        "iat": now(),
        "exp": now() + 3600,
    });
    let id_token = if desk.has(Twist::AnotherKey) { jwt::forged(&claims) } else { jwt::signed(&claims) };
    desk.learn(&id_token);
    let plan = if desk.has(Twist::PlanNotGranted) { "" } else { " chatgpt.tokens.use.direct" };
    Ok(Reply::json(
        200,
        &json!({
            "access_token": desk.token("oat-", "api"),
            "refresh_token": desk.token("ort-", "refresh"),
            "id_token": id_token,
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": format!("openid profile email offline_access resource.invoke{plan}"),
            "earliest_refresh_at": now() + 60,
        }),
    ))
}

fn cli_tokens(desk: &Desk) -> Value {
    let account = json!({
        "chatgpt_account_id": format!("account-{}", desk.name()),
        "chatgpt_plan_type": "plus",
        "chatgpt_user_id": format!("user-{}", desk.name()),
    });
    let claims = json!({
        "iss": desk.origin(),
        "aud": [CLI_CLIENT],
        "sub": format!("auth0|{}", desk.name()),
        "email": desk.name(),
        "iat": now(),
        "exp": now() + 10 * 24 * 3600,
        "https://api.openai.com/auth": account,
    });
    let (id_token, access) = (jwt::signed(&claims), jwt::signed(&claims));
    desk.learn(&id_token);
    json!({"id_token": id_token, "access_token": access, "refresh_token": desk.token("rt-", "refresh")})
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
