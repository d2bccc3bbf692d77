//! AWS's single sign-on for Kiro: registration, then a code for any device or a login in a browser (facts, 5.1).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::fields::Ask;
use super::{Desk, Kind, Refusal, Reply, Request, Twist};

/// Kiro.
pub const KIRO: Kind = Kind { provider: "kiro", config, script, refusal: Refusal::standard };

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const SCOPES: &str = "codewhisperer:completions codewhisperer:analysis codewhisperer:conversations";
/// Where everybody begins who has no organisation.
pub const BUILDER_ID: &str = "https://view.awsapps.com/start";
/// Where this vendor's one organisation begins.
pub const ORGANISATION: &str = "https://example.awsapps.com/start";

fn config(origin: &str) -> String {
    format!(
        "  kiro:\n    base_url: {origin}\n    oauth:\n      authorize_url: {origin}/authorize\n      token_url: \
         {origin}/token\n      device_url: {origin}/device_authorization\n"
    )
}

fn script(desk: &Desk, request: &Request<'_>) -> Result<Reply, Refusal> {
    match (request.method(), request.path()) {
        ("POST", "/client/register") => register(desk, &request.json()?),
        ("POST", "/device_authorization") => {
            let fields = request.json_fields()?;
            fields.only(&["clientId", "clientSecret", "startUrl"])?;
            let client = fields.get("clientId")?;
            desk.check_client(client, fields.get("clientSecret")?)?;
            if ![BUILDER_ID, ORGANISATION].contains(&fields.get("startUrl")?) {
                return Err(Refusal::new(400, "invalid_request", "an unknown start URL"));
            }
            let (device_code, user_code) = desk.device(client, None, Duration::from_secs(1));
            let page = format!("{}/device", desk.origin());
            Ok(Reply::json(
                200,
                &json!({
                    "deviceCode": device_code, "userCode": user_code, "verificationUri": page,
                    "verificationUriComplete": format!("{page}?user_code={user_code}"),
                    "expiresIn": 600, "interval": 1,
                }),
            ))
        }
        ("GET", "/authorize") => {
            let query = request.query()?;
            let client = query.get("client_id")?.to_owned();
            let Some(redirect) = desk.client_redirect(&client) else {
                return Err(Refusal::new(400, "invalid_client", "a client without a redirect"));
            };
            let grant = query.asks(&Ask {
                client: &client,
                scopes: SCOPES,
                redirects: &[&redirect],
                fixed: &[],
                free: &["scopes"],
                pkce: true,
            })?;
            Ok(desk.send_back(grant, &[]))
        }
        ("POST", "/token") => {
            let fields = request.json_fields()?;
            let client = fields.get("clientId")?.to_owned();
            desk.check_client(&client, fields.get("clientSecret")?)?;
            match fields.get("grantType")? {
                DEVICE_GRANT => {
                    fields.only(&["clientId", "clientSecret", "deviceCode", "grantType"])?;
                    let slower = |interval| interval + Duration::from_secs(5);
                    desk.poll(fields.get("deviceCode")?, &client, None, slower)?;
                }
                "authorization_code" => {
                    fields.only(&[
                        "clientId",
                        "clientSecret",
                        "code",
                        "codeVerifier",
                        "redirectUri",
                        "grantType",
                    ])?;
                    desk.redeem(&fields, &client)?;
                }
                "refresh_token" => {
                    fields.only(&["clientId", "clientSecret", "refreshToken", "grantType"])?;
                    desk.check_token(fields.get("refreshToken").ok(), "refresh")?;
                }
                other => return Err(Refusal::new(400, "unsupported_grant_type", other)),
            }
            Ok(Reply::json(
                200,
                &json!({
                    "accessToken": desk.token("aoa", "api"), "refreshToken": desk.token("aor", "refresh"),
                    "expiresIn": 3600, "tokenType": "Bearer",
                }),
            ))
        }
        ("POST", "/List-Available-Profiles") => {
            desk.check_token(request.authorization("Bearer"), "api")?;
            if desk.has(Twist::Ineligible) {
                return Err(Refusal::usual(403, "AccessDeniedException"));
            }
            let arn = "arn:aws:codewhisperer:us-east-1:000000000000:profile/EXAMPLE";
            Ok(Reply::json(200, &json!({"profiles": [{"arn": arn, "profileName": "example"}]})))
        }
        _ => Err(Refusal::new(404, "not_found", "nothing is here")),
    }
}

fn register(desk: &Desk, body: &Value) -> Result<Reply, Refusal> {
    let wrong = |why: String| Refusal::new(400, "invalid_client_metadata", why);
    let grants = &body["grantTypes"];
    let redirect = if *grants == json!(["authorization_code", "refresh_token"]) {
        let redirect = body["redirectUris"][0].as_str().unwrap_or_default();
        let port =
            redirect.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.strip_suffix("/oauth/callback"));
        if port.and_then(|port| port.parse::<u16>().ok()).is_none() {
            return Err(wrong(format!("the redirect is `{redirect}`")));
        }
        if body["issuerUrl"] != BUILDER_ID && body["issuerUrl"] != ORGANISATION {
            return Err(wrong("an unknown issuer".to_owned()));
        }
        Some(redirect.to_owned())
    } else if *grants == json!([DEVICE_GRANT, "refresh_token"]) {
        None
    } else {
        return Err(wrong(format!("the grants are {grants}")));
    };
    let scopes: Vec<&str> = SCOPES.split(' ').collect();
    if body["clientName"] != "byok" || body["clientType"] != "public" || body["scopes"] != json!(scopes) {
        return Err(wrong(format!("the client is {body}")));
    }
    let known = ["clientName", "clientType", "scopes", "grantTypes", "redirectUris", "issuerUrl"];
    if let Some(other) =
        body.as_object().and_then(|all| all.keys().find(|name| !known.contains(&name.as_str())))
    {
        return Err(wrong(format!("{other} is not known here")));
    }
    let (id, secret) = desk.register(redirect);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let answer =
        json!({"clientId": id, "clientSecret": secret, "clientSecretExpiresAt": now + 90 * 24 * 3600});
    Ok(Reply::json(200, &answer))
}
