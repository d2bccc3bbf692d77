//! What the files of vendors' programs look like (provider facts, the import lines of each provider).
//!
//! A reader takes what it needs and ignores the rest. What it cannot use is an error that shows nothing of
//! the file, since all of it may be secret.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use byok_types::{Credential, Detail, Details, Secret, TokenSet};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Kept, Skipped, bytes};

/// The file formats that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `{claudeAiOauth: {accessToken, refreshToken, expiresAt, subscriptionType}}`
    ClaudeCredentials,
    /// `{OPENAI_API_KEY, tokens: {id_token, access_token, refresh_token, account_id}}`
    CodexAuth,
    /// `{"github.com:<app>": {user, oauth_token}}`
    GithubApps,
    /// `{access_token, refresh_token, id_token, expiry_date, resource_url}`, of Google's and Alibaba's.
    OauthCreds,
    /// `{access_token, refresh_token, expires_at}`
    KimiCredentials,
    /// `{accessToken, refreshToken, expiresAt, region, clientIdHash, profileArn}`, beside `<hash>.json`
    KiroSsoCache,
    /// An `SQLite` table `auth_kv` of JSON texts.
    KiroCliDatabase,
}

impl Shape {
    const ALL: [Self; 7] = [
        Self::ClaudeCredentials,
        Self::CodexAuth,
        Self::GithubApps,
        Self::OauthCreds,
        Self::KimiCredentials,
        Self::KiroSsoCache,
        Self::KiroCliDatabase,
    ];

    /// The name that a link stores.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClaudeCredentials => "claude-credentials",
            Self::CodexAuth => "codex-auth",
            Self::GithubApps => "github-apps",
            Self::OauthCreds => "oauth-creds",
            Self::KimiCredentials => "kimi-credentials",
            Self::KiroSsoCache => "kiro-sso-cache",
            Self::KiroCliDatabase => "kiro-cli-database",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.name() == name)
    }

    /// The logins in a file.
    pub(super) fn read(self, path: &Path) -> Result<Vec<Kept>, Skipped> {
        let kept = match self {
            Self::KiroCliDatabase => kiro_cli(path)?,
            Self::KiroSsoCache => kiro_sso(path, &bytes(path)?)?,
            Self::ClaudeCredentials => claude(&bytes(path)?)?,
            Self::CodexAuth => codex(&bytes(path)?)?,
            Self::GithubApps => github(&bytes(path)?)?,
            Self::KimiCredentials | Self::OauthCreds => creds(&bytes(path)?)?,
        };
        if kept.is_empty() { Err(Skipped::Empty) } else { Ok(kept) }
    }
}

/// The document, or why it is none. `serde_json` may repeat a value in its message, so only the place is told.
fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Skipped> {
    serde_json::from_slice(bytes).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "a field is missing or of another type",
            serde_json::error::Category::Eof => "it ends in the middle",
            serde_json::error::Category::Io | serde_json::error::Category::Syntax => "it is not JSON",
        };
        Skipped::Damaged(format!("{what} (line {}, column {})", error.line(), error.column()))
    })
}

fn one(tokens: TokenSet) -> Vec<Kept> {
    let rotates = tokens.refresh.is_some();
    vec![Kept { entry: None, credential: Credential::OAuth(tokens), rotates }]
}

/// A token that is there and not blank.
fn token(text: Option<String>) -> Option<Secret> {
    text.filter(|text| !text.trim().is_empty()).map(Secret::new)
}

fn claude(bytes: &[u8]) -> Result<Vec<Kept>, Skipped> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct File {
        claude_ai_oauth: Option<Login>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Login {
        access_token: Option<String>,
        refresh_token: Option<String>,
        expires_at: Option<Value>,
        subscription_type: Option<String>,
    }
    let Some(login) = json::<File>(bytes)?.claude_ai_oauth else { return Ok(Vec::new()) };
    let Some(access) = token(login.access_token) else { return Ok(Vec::new()) };
    let mut details = Details::default();
    if let Some(plan) = login.subscription_type {
        details.set(Detail::Plan, plan);
    }
    let (refresh, expires_at) = (token(login.refresh_token), moment(login.expires_at.as_ref()));
    Ok(one(TokenSet { access, refresh, expires_at, label: None, details }))
}

fn codex(bytes: &[u8]) -> Result<Vec<Kept>, Skipped> {
    #[derive(Deserialize)]
    struct File {
        #[serde(rename = "OPENAI_API_KEY")]
        key: Option<String>,
        tokens: Option<Tokens>,
    }
    #[derive(Deserialize)]
    struct Tokens {
        id_token: Option<String>,
        access_token: Option<String>,
        refresh_token: Option<String>,
        account_id: Option<String>,
    }
    let file: File = json(bytes)?;
    let mut kept = Vec::new();
    if let Some((access, tokens)) =
        file.tokens.and_then(|mut tokens| Some((token(tokens.access_token.take())?, tokens)))
    {
        let of_access = claims(access.expose());
        let of_id = tokens.id_token.as_deref().and_then(claims);
        let auth = |claims: &Map<String, Value>, field: &str| {
            let auth = claims.get("https://api.openai.com/auth")?;
            Some(auth.get(field)?.as_str()?.to_owned())
        };
        let either = |field| {
            let found = of_id.as_ref().and_then(|claims| auth(claims, field));
            found.or_else(|| of_access.as_ref().and_then(|claims| auth(claims, field)))
        };
        let mut details = Details::default();
        if let Some(account) = tokens.account_id.or_else(|| either("chatgpt_account_id")) {
            details.set(Detail::AccountId, account);
        }
        if let Some(plan) = either("chatgpt_plan_type") {
            details.set(Detail::Plan, plan);
        }
        let expires_at = of_access.as_ref().and_then(|claims| moment(claims.get("exp")));
        let label = of_id.as_ref().and_then(|claims| Some(claims.get("email")?.as_str()?.to_owned()));
        let refresh = token(tokens.refresh_token);
        kept.extend(one(TokenSet { access, refresh, expires_at, label, details }));
    }
    if let Some(key) = token(file.key) {
        let entry = Some("OPENAI_API_KEY".to_owned());
        kept.push(Kept { entry, credential: Credential::ApiKey(key), rotates: false });
    }
    Ok(kept)
}

/// GitHub's token does not end and is not rotated, so it stands where a refresh token does: what calls need
/// is exchanged for it.
fn github(bytes: &[u8]) -> Result<Vec<Kept>, Skipped> {
    #[derive(Deserialize)]
    struct Entry {
        user: Option<String>,
        oauth_token: Option<String>,
    }
    let file: Map<String, Value> = json(bytes)?;
    let mut kept = Vec::new();
    for (name, entry) in file {
        let Ok(entry) = serde_json::from_value::<Entry>(entry) else { continue };
        let Some(refresh) = token(entry.oauth_token) else { continue };
        kept.push(Kept {
            entry: Some(name),
            credential: Credential::OAuth(TokenSet {
                access: Secret::new(""),
                refresh: Some(refresh),
                expires_at: Some(UNIX_EPOCH),
                label: entry.user,
                details: Details::default(),
            }),
            rotates: false,
        });
    }
    Ok(kept)
}

fn creds(bytes: &[u8]) -> Result<Vec<Kept>, Skipped> {
    #[derive(Deserialize)]
    struct File {
        access_token: Option<String>,
        refresh_token: Option<String>,
        id_token: Option<String>,
        #[serde(alias = "expires_at")]
        expiry_date: Option<Value>,
        resource_url: Option<String>,
    }
    let file: File = json(bytes)?;
    let Some(access) = token(file.access_token) else { return Ok(Vec::new()) };
    let of_id = file.id_token.as_deref().and_then(claims);
    let mut details = Details::default();
    if let Some(base) = file.resource_url.and_then(|resource| api_base(&resource)) {
        details.set(Detail::ApiBase, base);
    }
    Ok(one(TokenSet {
        access,
        refresh: token(file.refresh_token),
        expires_at: moment(file.expiry_date.as_ref()),
        label: of_id.and_then(|claims| Some(claims.get("email")?.as_str()?.to_owned())),
        details,
    }))
}

/// The address that a resource stands for: with a scheme, and with the version where it has none (provider
/// facts, 7.3).
fn api_base(resource: &str) -> Option<String> {
    let resource = resource.trim().trim_end_matches('/');
    if resource.is_empty() {
        return None;
    }
    let address = if resource.contains("://") { resource.to_owned() } else { format!("https://{resource}") };
    Some(if address.ends_with("/v1") { address } else { format!("{address}/v1") })
}

/// Kiro's login; the client that it was made with is in a file or row of its own.
#[derive(Deserialize)]
struct KiroLogin {
    #[serde(alias = "access_token")]
    #[serde(rename = "accessToken")]
    access: Option<String>,
    #[serde(alias = "refresh_token")]
    #[serde(rename = "refreshToken")]
    refresh: Option<String>,
    #[serde(alias = "expires_at")]
    #[serde(rename = "expiresAt")]
    expires_at: Option<Value>,
    region: Option<String>,
    #[serde(rename = "clientIdHash")]
    client: Option<String>,
    #[serde(alias = "profile_arn")]
    #[serde(rename = "profileArn")]
    profile: Option<String>,
    #[serde(alias = "start_url")]
    #[serde(rename = "startUrl")]
    start_url: Option<String>,
}

#[derive(Deserialize)]
struct KiroClient {
    #[serde(alias = "client_id")]
    #[serde(rename = "clientId")]
    id: String,
    #[serde(alias = "client_secret")]
    #[serde(rename = "clientSecret")]
    secret: String,
    #[serde(alias = "client_secret_expires_at")]
    #[serde(rename = "expiresAt")]
    expires_at: Option<Value>,
}

impl KiroLogin {
    fn kept(self, client: Option<KiroClient>) -> Vec<Kept> {
        let Some(access) = token(self.access) else { return Vec::new() };
        let mut details = Details::default();
        let mut set = |detail, value: Option<String>| {
            if let Some(value) = value {
                details.set(detail, value);
            }
        };
        set(Detail::Region, self.region);
        set(Detail::Profile, self.profile);
        set(Detail::StartUrl, self.start_url);
        if let Some(client) = client {
            let ends = moment(client.expires_at.as_ref()).and_then(|end| end.duration_since(UNIX_EPOCH).ok());
            set(Detail::ClientId, Some(client.id));
            set(Detail::ClientSecret, Some(client.secret));
            set(Detail::ClientExpires, ends.map(|end| end.as_secs().to_string()));
        }
        let (refresh, expires_at) = (token(self.refresh), moment(self.expires_at.as_ref()));
        one(TokenSet { access, refresh, expires_at, label: None, details })
    }
}

fn kiro_sso(path: &Path, file: &[u8]) -> Result<Vec<Kept>, Skipped> {
    let login: KiroLogin = json(file)?;
    let plain = |hash: &&String| !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let client = login.client.as_ref().filter(plain).and_then(|hash| {
        let beside = path.with_file_name(format!("{hash}.json"));
        json(&bytes(&beside).ok()?).ok()
    });
    Ok(login.kept(client))
}

/// Keys are spelled as that program spells them.
fn kiro_cli(path: &Path) -> Result<Vec<Kept>, Skipped> {
    let value = |key: &str| {
        byok_store::foreign_value(path, "auth_kv", key).map_err(|error| Skipped::Damaged(error.to_string()))
    };
    let client = value("kirocli:odic:device-registration")?;
    let client = client.and_then(|text| serde_json::from_str(&text).ok());
    if let Some(login) = value("kirocli:odic:token")? {
        return Ok(json::<KiroLogin>(login.as_bytes())?.kept(client));
    }
    match value("kirocli:social:token")? {
        Some(login) => Ok(json::<KiroLogin>(login.as_bytes())?.kept(None)),
        None => Ok(Vec::new()),
    }
}

/// What a JWT says about itself. Nobody's word is taken for it: it tells an expiry and a name to show.
fn claims(jwt: &str) -> Option<Map<String, Value>> {
    let middle = jwt.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(middle.trim_end_matches('=')).ok()?).ok()
}

/// A point in time: milliseconds or seconds since 1970, as number or text, or RFC 3339.
fn moment(value: Option<&Value>) -> Option<SystemTime> {
    let number = match value? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(number) => number,
            Err(_) => return humantime::parse_rfc3339_weak(text.trim()).ok(),
        },
        _ => return None,
    };
    // The year 5138 in seconds is 1973 in milliseconds.
    let milliseconds = if number.abs() >= 1e11 { number } else { number * 1000.0 };
    // A thousand nanoseconds more make up for what a float lacks.
    let since = Duration::try_from_secs_f64(milliseconds.round() / 1000.0).ok()? + Duration::from_micros(1);
    UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(since.as_millis()).ok()?))
}
