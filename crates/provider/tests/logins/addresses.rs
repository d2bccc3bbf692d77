//! Where a person is sent, for every login in a browser.

use byok_auth::CodeLogin;
use byok_auth::flow::Grant;
use byok_provider::catalog::CATALOG;
use serde_json::json;

use crate::codex::discovery;
use crate::script::{Script, begin, flow, known, post, query};

/// The address with a line for each parameter, and without what is new each time.
fn told(login: &CodeLogin, url: &str) -> String {
    let all = query(url);
    let (place, _) = url.split_once('?').unwrap();
    let mut lines = vec![place.to_owned()];
    for (name, value) in all {
        let random = matches!(name.as_str(), "state" | "nonce" | "code_challenge");
        let value = if random { format!("<{} characters>", value.len()) } else { value };
        lines.push(format!("    {name} = {value}"));
    }
    lines.push(format!("    paste: {}", login.paste_hint()));
    lines.join("\n")
}

#[tokio::test]
async fn every_address_is_what_its_vendor_expects() {
    let registration = || {
        post("https://oidc.us-east-1.amazonaws.com/client/register")
            .json(json!({
                "clientName": "byok", "clientType": "public",
                "scopes": [
                    "codewhisperer:completions", "codewhisperer:analysis", "codewhisperer:conversations"
                ],
                "grantTypes": ["authorization_code", "refresh_token"],
                "redirectUris": ["http://127.0.0.1:40000/oauth/callback"],
                "issuerUrl": "https://view.awsapps.com/start",
            }))
            .gives(&json!({ "clientId": "registered", "clientSecret": "rs", "clientSecretExpiresAt": 4e9 }))
    };
    let mut all = Vec::new();
    let mut told_of = 0;
    for (provider, name, port, steps) in [
        ("anthropic", "browser", 40_000, vec![]),
        ("antigravity", "browser", 51_121, vec![]),
        ("codex", "siwc", 40_000, vec![discovery()]),
        ("codex", "codex-cli", 1_457, vec![]),
        ("gemini", "browser", 40_000, vec![]),
        ("iflow", "browser", 11_451, vec![]),
        ("kiro", "browser", 40_000, vec![registration()]),
    ] {
        let script = Script::new(steps);
        let login = begin(flow(provider, name), known(), port, &script).await;
        script.is_over();
        all.push(format!("{provider} {name}\n{}", told(&login, login.url())));
        if let Some(manual) = login.manual_url() {
            all.push(format!("{provider} {name}, by hand\n{}", told(&login, manual)));
        }
        told_of += 1;
    }
    insta::assert_snapshot!(all.join("\n"));
    let ways = CATALOG.iter().flat_map(|row| row.logins);
    assert_eq!(ways.filter(|way| matches!(way.flow.grant, Grant::Code(_))).count(), told_of);
}

#[test]
fn every_way_is_told_apart_and_has_its_terms() {
    for row in CATALOG {
        let mut names: Vec<&str> = row.logins.iter().map(|way| way.flow.name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{}", row.id);
        assert!(row.takes_key || all > 0, "{} has no way in", row.id);
        for way in row.logins {
            assert!(way.terms.ends_with(['.', ')']) && !way.terms.contains('\n'), "{}", row.id);
            assert!(!way.flow.title.is_empty() && !way.flow.token.url.is_empty(), "{}", row.id);
        }
    }
}
