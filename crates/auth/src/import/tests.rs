use std::collections::HashMap;
use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use byok_types::Detail;
use proptest::prelude::*;

use super::*;

const CLAUDE: Tool = Tool {
    name: "claude",
    title: "Claude Code",
    places: &[
        Place { base: Base::Env("CLAUDE_CONFIG_DIR"), path: ".credentials.json" },
        Place { base: Base::Home, path: ".claude/.credentials.json" },
    ],
    shape: Shape::ClaudeCredentials,
    flow: "claude",
    renewed_by: "claude",
    keys: None,
};

/// A home with one file in it.
fn home(path: &str, text: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    put(&home, path, text);
    home
}

fn put(home: &tempfile::TempDir, path: &str, text: &str) {
    let path = home.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn tokens(home: &tempfile::TempDir, path: &str, shape: Shape) -> TokenSet {
    let kept = shape.read(&home.path().join(path)).unwrap();
    let Credential::OAuth(tokens) = &kept[0].credential else { panic!("no login") };
    tokens.clone()
}

/// An unsigned JWT, as far as anybody here reads one.
fn jwt(claims: &serde_json::Value) -> String {
    use base64::Engine as _;
    format!("e30.{}.x", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn ends(tokens: &TokenSet) -> u128 {
    tokens.expires_at.unwrap().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

#[test]
fn a_tool_is_looked_for_where_it_says_and_by_default() {
    let home = home(
        ".claude/.credentials.json",
        r#"{"claudeAiOauth":{"accessToken":"sk-ant-oat01-a","refreshToken":"sk-ant-ort01-r","expiresAt":1800000000123,"scopes":[],"subscriptionType":"max"}}"#,
    );
    put(&home, "other/.credentials.json", "{}");
    let mut variables = HashMap::from([("HOME", home.path().as_os_str().to_owned())]);
    let found = CLAUDE.find(&|name| variables.get(name).cloned());
    assert_eq!(found.len(), 1);
    let kept = &found[0].logins.as_ref().unwrap()[0];
    assert!(kept.rotates);
    let Credential::OAuth(tokens) = &kept.credential else { panic!("no login") };
    assert_eq!(tokens.access.expose(), "sk-ant-oat01-a");
    assert_eq!(tokens.details.get(Detail::Plan), Some("max"));
    assert_eq!(ends(tokens), 1_800_000_000_123);

    variables.insert("CLAUDE_CONFIG_DIR", home.path().join("other").into_os_string());
    let found = CLAUDE.find(&|name| variables.get(name).cloned());
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].logins.as_ref().unwrap_err(), &Skipped::Empty);
}

#[test]
fn codex_has_a_login_and_maybe_a_key() {
    let id = jwt(&serde_json::json!({"email": "me@example.com",
        "https://api.openai.com/auth": {"chatgpt_account_id": "acc-1", "chatgpt_plan_type": "pro"}}));
    let access = jwt(&serde_json::json!({"exp": 1_800_000_000}));
    let file = serde_json::json!({"auth_mode": "chatgpt", "OPENAI_API_KEY": "sk-1", "tokens": {
        "id_token": id, "access_token": access, "refresh_token": "rt", "account_id": null}});
    let home = home("auth.json", &file.to_string());
    let kept = Shape::CodexAuth.read(&home.path().join("auth.json")).unwrap();
    let tokens = tokens(&home, "auth.json", Shape::CodexAuth);
    assert_eq!(tokens.label.as_deref(), Some("me@example.com"));
    assert_eq!(tokens.details.get(Detail::AccountId), Some("acc-1"));
    assert_eq!(tokens.details.get(Detail::Plan), Some("pro"));
    assert_eq!(ends(&tokens), 1_800_000_000_000);
    assert!(matches!(&kept[1].credential, Credential::ApiKey(key) if key.expose() == "sk-1"));
    assert!(kept[0].rotates && !kept[1].rotates);
}

#[test]
fn githubs_token_is_what_others_are_exchanged_for() {
    let home = home(
        "apps.json",
        r#"{"github.com:Iv1.x":{"user":"octocat","oauth_token":"ghu_1","githubAppId":"Iv1.x"},"odd":7}"#,
    );
    let kept = Shape::GithubApps.read(&home.path().join("apps.json")).unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].entry.as_deref(), Some("github.com:Iv1.x"));
    assert!(!kept[0].rotates);
    let tokens = tokens(&home, "apps.json", Shape::GithubApps);
    assert_eq!(tokens.refresh.unwrap().expose(), "ghu_1");
    assert_eq!(tokens.expires_at, Some(UNIX_EPOCH));
}

#[test]
fn creds_of_google_alibaba_and_moonshot() {
    let id = jwt(&serde_json::json!({"email": "me@gmail.com"}));
    let google = serde_json::json!({"access_token": "ya29", "refresh_token": "1//r", "scope": "s",
        "token_type": "Bearer", "id_token": id, "expiry_date": 1_800_000_000_000_u64});
    let home = home("google.json", &google.to_string());
    let google = tokens(&home, "google.json", Shape::OauthCreds);
    assert_eq!(google.label.as_deref(), Some("me@gmail.com"));
    assert_eq!(ends(&google), 1_800_000_000_000);
    put(
        &home,
        "qwen.json",
        r#"{"access_token":"a","refresh_token":"r","resource_url":"portal.qwen.ai","expiry_date":1800000000000}"#,
    );
    let qwen = tokens(&home, "qwen.json", Shape::OauthCreds);
    assert_eq!(qwen.details.get(Detail::ApiBase), Some("https://portal.qwen.ai/v1"));
    put(&home, "kimi.json", r#"{"access_token":"a","refresh_token":"r","expires_at":1800000000.5}"#);
    assert_eq!(ends(&tokens(&home, "kimi.json", Shape::KimiCredentials)), 1_800_000_000_500);
}

#[test]
fn kiro_brings_the_client_that_it_was_made_with() {
    let home = home(
        "kiro-auth-token.json",
        r#"{"accessToken":"a","refreshToken":"r","expiresAt":"2027-01-15T08:00:00Z","region":"eu-west-1","clientIdHash":"0abc","profileArn":"arn:1"}"#,
    );
    put(&home, "0abc.json", r#"{"clientId":"c","clientSecret":"s","expiresAt":"2027-03-01T00:00:00.000Z"}"#);
    let tokens = tokens(&home, "kiro-auth-token.json", Shape::KiroSsoCache);
    assert_eq!(ends(&tokens), 1_800_000_000_000);
    for (detail, value) in [
        (Detail::Region, "eu-west-1"),
        (Detail::Profile, "arn:1"),
        (Detail::ClientId, "c"),
        (Detail::ClientSecret, "s"),
        (Detail::ClientExpires, "1803859200"),
    ] {
        assert_eq!(tokens.details.get(detail), Some(value), "{detail:?}");
    }
    // A hash that is a path leads nowhere.
    put(&home, "kiro-auth-token.json", r#"{"accessToken":"a","clientIdHash":"../0abc"}"#);
    let tokens = self::tokens(&home, "kiro-auth-token.json", Shape::KiroSsoCache);
    assert_eq!(tokens.details.get(Detail::ClientId), None);
}

#[test]
fn a_damaged_file_gives_a_reason_and_none_of_its_text() {
    for text in ["", "{", "secret-7", r#"{"claudeAiOauth":{"accessToken":["secret-7"]}}"#, "[\"secret-7\"]"] {
        let home = home("file", text);
        let error = Shape::ClaudeCredentials.read(&home.path().join("file")).unwrap_err();
        assert!(matches!(error, Skipped::Damaged(_)), "{text}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let home = home("file", r#"{"claudeAiOauth":{"accessToken":" "}}"#);
    let path = home.path().join("file");
    assert_eq!(Shape::ClaudeCredentials.read(&path).unwrap_err(), Skipped::Empty);
    fs::write(&path, vec![b' '; 1024 * 1024 + 1]).unwrap();
    assert!(matches!(Shape::ClaudeCredentials.read(&path), Err(Skipped::Damaged(_))));
    assert!(matches!(Shape::ClaudeCredentials.read(home.path()), Err(Skipped::Unreadable(_))));
}

#[test]
fn a_link_is_followed_to_what_is_there_now() {
    let home = home("file", r#"{"claudeAiOauth":{"accessToken":"first"}}"#);
    let path = home.path().join("file");
    let link = Link { path: path.clone(), shape: Shape::ClaudeCredentials.name().to_owned(), entry: None };
    let before = Stamp::of(&path);
    assert_eq!(before, Stamp::of(&path));
    assert_eq!(follow(&link).unwrap().access.expose(), "first");
    fs::write(&path, r#"{"claudeAiOauth":{"accessToken":"the second"}}"#).unwrap();
    assert_ne!(before, Stamp::of(&path));
    assert_eq!(follow(&link).unwrap().access.expose(), "the second");
    assert!(follow(&Link { shape: "other".to_owned(), ..link.clone() }).is_err());
    fs::remove_file(&path).unwrap();
    assert!(matches!(follow(&link), Err(Skipped::Unreadable(_))));
}

#[test]
fn moments_in_every_spelling() {
    let home = home("file", "{}");
    let end = |text: &str| {
        put(&home, "file", &format!(r#"{{"access_token":"a","expires_at":{text}}}"#));
        tokens(&home, "file", Shape::KimiCredentials).expires_at
    };
    let expected = Some(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    for text in ["1800000000", "1800000000000", "\"1800000000\"", "\"2027-01-15T08:00:00Z\"", "1.8e9"] {
        assert_eq!(end(text), expected, "{text}");
    }
    for text in ["null", "\"soon\"", "-1", "1e300", "{}"] {
        assert_eq!(end(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn no_file_makes_a_reader_panic(text in ".{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for contents in [text.as_bytes(), &bytes] {
            fs::write(&path, contents).unwrap();
            for shape in [Shape::ClaudeCredentials, Shape::CodexAuth, Shape::GithubApps, Shape::OauthCreds,
                          Shape::KimiCredentials, Shape::KiroSsoCache, Shape::KiroCliDatabase] {
                let _ = shape.read(&path);
            }
        }
    }
}
