//! Logging out: the vendor is told where it can be, and the account goes whatever comes of that.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use byok_e2e::daemon::Home;
use byok_e2e::vendors::desk::{Decision, Trouble};
use byok_e2e::vendors::{Vendor, codex};
use serde_json::Value;

/// A home that is logged in at the vendor.
fn logged_in(vendor: &Vendor) -> Home {
    let home = Home::new(&vendor.config());
    let login = ["--json", "login", "codex", "--flow", "codex-cli-device"];
    let mut child =
        home.command(&login).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("byok runs");
    let mut news = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("it was piped"));
    stdout.read_line(&mut news).expect("byok says what to type where");
    let news: Value = serde_json::from_str(&news).expect("in one line of JSON");
    let code = news["device"]["code"].as_str().expect("a code");
    vendor.desk.decide(code, Decision::Approved);
    assert!(child.wait().expect("byok ends").success());
    home
}

fn logout(home: &Home, more: &[&str]) -> Value {
    let mut arguments = vec!["--json", "logout", "codex"];
    arguments.extend(more);
    let output = home.run(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn assert_gone(home: &Home, secrets: &[String]) {
    for entry in std::fs::read_dir(home.path()).expect("a home") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        for secret in secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds a token", path.display());
        }
    }
    assert_eq!(home.run(&["logout", "codex"]).status.code(), Some(3), "there is no account any more");
}

#[test]
fn a_login_is_ended_at_its_vendor_and_then_here() {
    let vendor = Vendor::open(codex::CLI);
    let home = logged_in(&vendor);
    let secrets = vendor.desk.secrets();
    let status: Value = serde_json::from_slice(&home.run(&["--json", "status"]).stdout).expect("JSON");
    let account = &status["accounts"][0];
    assert_eq!(account["kind"], "the login of the Codex CLI, on any device");
    assert!(account["expires_at"].is_number() && account["label"].is_string(), "{account}");

    let done = logout(&home, &[]);
    assert_eq!(done["accounts"][0]["at_vendor"], "ended", "{done}");
    assert!(vendor.desk.tokens("refresh").is_empty());
    assert_gone(&home, &secrets);
}

#[test]
fn a_vendor_that_cannot_be_asked_does_not_keep_an_account_here() {
    let vendor = Vendor::open(codex::CLI);
    let home = logged_in(&vendor);
    vendor.desk.trouble("/oauth/revoke", Trouble::Status(503));
    let done = logout(&home, &[]);
    assert_eq!(done["accounts"][0]["at_vendor"], "failed", "{done}");
    assert!(done["accounts"][0]["reason"].as_str().is_some_and(|why| why.contains("503")), "{done}");
    assert_eq!(vendor.desk.tokens("refresh").len(), 1, "it is still valid there, as byok said");
    assert_gone(&home, &vendor.desk.secrets());

    let home = logged_in(&vendor);
    let asked = vendor.desk.count("/oauth/revoke");
    let done = logout(&home, &["--keep-remote"]);
    assert_eq!(done["accounts"][0]["at_vendor"], "kept", "{done}");
    assert_eq!(vendor.desk.count("/oauth/revoke"), asked);
    assert_gone(&home, &vendor.desk.secrets());
}
