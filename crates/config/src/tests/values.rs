//! What sound files mean.

use std::time::Duration;

use byok_types::{Family, ProviderId, Secret};

use super::{environment, read, sound};
use crate::{Config, LogLevel, OnLossy, ProviderConfig, parse};

fn provider(fields: &str) -> ProviderConfig {
    let config = sound(&format!("providers: {{ p: {{ {fields} }} }}"));
    config.providers[&ProviderId::from("p")].clone()
}

#[test]
fn nothing_is_the_default_config() {
    let default = format!("{:?}", Config::default());
    for nothing in ["", "\n\n", "# only a comment\n", "---\n", "\u{feff}", "null", "---\n# x\n...\n"] {
        assert_eq!(format!("{:?}", sound(nothing)), default, "{nothing:?}");
    }
}

#[test]
fn fields_without_a_value_are_as_good_as_absent() {
    let config = sound(
        "host:\nport: ~\nproviders:\naliases:\nrequire_key:\nkeys:\nallowed_hosts:\nallowed_origins:\ntimeouts:\nstreaming:\nlimits:\nlog:\n  level:\non_lossy: null\n",
    );
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
}

#[test]
fn the_file_of_the_specification_is_understood() {
    let config = sound(
        r#"
host: 127.0.0.1
port: 8018
providers:
  claude: { api_key: "sk-ant-x" }          # takes precedence over OAuth
  gemini: { enabled: false }
  codex: { enabled: true }
  openai: { api_key: "${KEY}", base_url: "https://api.openai.com" }
  work-vllm: { family: openai, base_url: "http://10.0.0.5:8000/v1", api_key: "x", models: [qwen3-32b] }
aliases: { fast: claude-haiku-4-5 }
require_key: true
keys: [{ name: ci, key: "byk_0123456789abcdef" }]
allowed_hosts: [Box.Local, "::1"]
allowed_origins: ["https://App.example:443", "chrome-extension://abcdef"]
timeouts: { connect: 1, first_byte: 2.5, idle: 3 }
streaming: { keepalive_seconds: 0 }
limits: { body_bytes: 1024 }
log: { level: debug }
on_lossy: drop
"#,
    );
    assert_eq!(config.providers.len(), 5);
    let provider = |name| &config.providers[&ProviderId::from(name)];
    let key = |name| provider(name).api_key.as_ref().unwrap().expose().to_owned();
    assert_eq!(key("claude"), "sk-ant-x");
    assert_eq!(key("openai"), "key-from-the-environment");
    assert!(!provider("gemini").enabled);
    assert!(provider("codex").enabled);
    let vllm = provider("work-vllm");
    assert_eq!(vllm.family, Some(Family::OpenaiChat));
    assert_eq!(vllm.base_url.as_ref().unwrap().as_str(), "http://10.0.0.5:8000/v1");
    assert_eq!(vllm.models.as_ref().unwrap()[0].id.as_str(), "qwen3-32b");
    assert_eq!(config.aliases["fast"], "claude-haiku-4-5");
    assert!(config.require_key);
    assert_eq!(config.keys[0].name.as_str(), "ci");
    assert_eq!(config.keys[0].key.expose(), "byk_0123456789abcdef");
    assert_eq!(config.allowed_hosts, ["box.local", "[::1]"]);
    assert_eq!(config.allowed_origins, ["https://app.example", "chrome-extension://abcdef"]);
    assert_eq!(config.timeouts.connect, Duration::from_secs(1));
    assert_eq!(config.timeouts.first_byte, Duration::from_millis(2500));
    assert_eq!(config.timeouts.idle, Duration::from_secs(3));
    assert_eq!(config.streaming.keepalive, None);
    assert_eq!(config.limits.body_bytes, 1024);
    assert_eq!(config.log.level, LogLevel::Debug);
    assert_eq!(config.on_lossy, OnLossy::Drop);
}

#[test]
fn scalars_stay_what_was_written() {
    let provider = provider(
        "api_key: 0123, headers: { x-version: 1.10, x-flag: True, x-hex: 0x1F, x-big: 1_000, x-date: 2024-10-21, x-nan: .nan, x-exp: 1e999, x-none: '', x-minus: -0.50 }",
    );
    assert_eq!(provider.api_key.unwrap().expose(), "0123");
    let headers: Vec<_> =
        provider.headers.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect();
    assert_eq!(
        headers,
        [
            "x-version=1.10",
            "x-flag=True",
            "x-hex=0x1F",
            "x-big=1_000",
            "x-date=2024-10-21",
            "x-nan=.nan",
            "x-exp=1e999",
            "x-none=",
            "x-minus=-0.50"
        ]
    );
}

#[test]
fn scalars_after_letters_of_several_bytes_stay_too() {
    let config = sound("# ääää 😀\nproviders: { p: { headers: { x-a: 1.10 } }} # 😀\naliases: { a: 4.50 }\n");
    let provider = &config.providers[&ProviderId::from("p")];
    assert_eq!(provider.headers[0].1.expose(), "1.10");
    assert_eq!(config.aliases["a"], "4.50");
}

#[test]
fn aliases_of_yaml_work_within_bounds() {
    let config = sound("providers: { a: { api_key: &k 01.50 }, b: { api_key: *k } }");
    let key = |name| config.providers[&ProviderId::from(name)].api_key.clone();
    assert_eq!(key("a").unwrap().expose(), "01.50");
    assert_eq!(key("b").unwrap().expose(), "01.50");
}

#[test]
fn variables_work_in_every_value() {
    let config = sound(
        "port: ${PORT}\nproviders: { p: { api_key: 'Bearer ${KEY}', models: ['m-${PORT}'], base_url: 'http://localhost:${PORT}/v1' } }",
    );
    assert_eq!(config.port, 9000);
    let provider = &config.providers[&ProviderId::from("p")];
    assert_eq!(provider.api_key.as_ref().unwrap().expose(), "Bearer key-from-the-environment");
    assert_eq!(provider.models.as_ref().unwrap()[0].id.as_str(), "m-9000");
    assert_eq!(provider.base_url.as_ref().unwrap().port(), Some(9000));
}

#[test]
fn a_provider_may_be_named_and_nothing_said() {
    let config = sound("providers:\n  claude:\n  codex: {}\n");
    assert!(config.providers.values().all(|provider| provider.enabled));
    assert_eq!(config.providers.len(), 2);
}

#[test]
fn no_models_is_not_the_same_as_nothing_said() {
    assert_eq!(provider("enabled: true").models, None);
    assert_eq!(provider("models: []").models, Some(Vec::new()));
    let described = provider("models: [{ id: a/b:c, name: A B, context: 10, output: 5 }]");
    let model = &described.models.unwrap()[0];
    assert_eq!(model.id.as_str(), "a/b:c");
    assert_eq!(model.name.as_deref(), Some("A B"));
    assert_eq!((model.context, model.output), (Some(10), Some(5)));
}

#[test]
fn scopes_are_a_list_or_one_text() {
    let list = provider("oauth: { scopes: [a, b] }").oauth.scopes;
    let text = provider("oauth: { scopes: 'a b' }").oauth.scopes;
    assert_eq!(list, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(list, text);
}

#[test]
fn every_family_is_known_by_its_name() {
    for family in Family::ALL {
        let read = provider(&format!("family: {family}")).family;
        assert_eq!(read, Some(family));
    }
}

#[test]
fn debug_shows_no_secret() {
    let config = sound(
        "keys: [{ name: ci, key: byk_hidden0123456789 }]\nproviders: { p: { api_key: hidden, headers: { x-k: hidden }, proxy: 'http://hidden:hidden@proxy:3128', oauth: { client_secret: hidden } } }",
    );
    let debug = format!("{config:?}");
    assert!(!debug.contains("hidden"), "{debug}");
    assert!(debug.contains("http://proxy:3128"), "{debug}");
    let secrets: Vec<_> = config.secrets().map(Secret::expose).collect();
    assert_eq!(secrets, ["byk_hidden0123456789", "hidden", "hidden", "hidden"]);
}

#[test]
fn the_environment_is_asked_only_for_what_is_written() {
    let config = parse("port: 8018 # ${NOPE}", &|name| panic!("asked for {name}"));
    assert_eq!(config.unwrap().port, 8018);
    assert!(read("port: ${NOPE}").is_err());
    assert_eq!(environment("NOPE"), None);
}
