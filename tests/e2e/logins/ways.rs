//! Each of the nine logins, from the command to the account.

use byok_e2e::http;
use byok_e2e::vendors::antigravity::ANTIGRAVITY;
use byok_e2e::vendors::claude::CLAUDE;
use byok_e2e::vendors::codex::{CLI, SIGN_IN};
use byok_e2e::vendors::copilot::COPILOT;
use byok_e2e::vendors::gemini::GEMINI;
use byok_e2e::vendors::iflow::IFLOW;
use byok_e2e::vendors::kimi::KIMI;
use byok_e2e::vendors::kiro::{KIRO, ORGANISATION};
use byok_e2e::vendors::qwen::QWEN;
use byok_e2e::vendors::{Decision, Kind, Twist, Visit};
use serde_json::json;

use super::{Scene, address, browse, code, come_back, ends_well};

/// A login in a browser that comes back by itself, and once more by being pasted.
fn in_a_browser(kind: Kind, arguments: &[&str], label: &str) {
    for pasted in [false, true] {
        let scene = Scene::new(kind);
        let mut session = scene.login(arguments);
        let (mut address, said) = address(&mut session);
        // Where the vendor has a page that shows a code, that comes first; the other address is after it.
        if let Some(own) = own_address(&address) {
            address = if pasted { address } else { session.between(own, "\n").trim().to_owned() };
        }
        let page = match scene.vendor.visit(&address) {
            Visit::SentTo(callback) if pasted => {
                session.type_line(&callback);
                None
            }
            Visit::SentTo(callback) => come_back(&mut session, &said, &callback),
            Visit::Shown(code) => {
                session.type_line(&code);
                None
            }
            Visit::Refused(why) => panic!("the vendor refuses: {why}"),
        };
        if let Some(page) = page {
            assert_eq!(page.status(), 200, "{}", page.text());
            assert!(page.text().contains(&format!("Logged in as {label}")), "{}", page.text());
        }
        let ended = ends_well(session);
        assert!(ended.text.contains(&format!("as {label}")), "{}", ended.text);
        scene.was_strict();
        scene.has_one_login();
    }
}

/// What stands before the address that comes back by itself, where the first one shows a code.
fn own_address(first: &str) -> Option<&'static str> {
    let shows = ["platform.claude.com", "codeassist.google.com"].iter().any(|host| first.contains(host));
    shows.then_some("you need not paste anything with this one:\n\n")
}

/// A login with a code that is typed on another device.
fn on_a_device(kind: Kind, arguments: &[&str], label: Option<&str>) -> Scene {
    let scene = Scene::new(kind);
    let mut session = scene.login(arguments);
    let code = code(&mut session);
    session.expect("left · waiting until you have allowed it there");
    scene.vendor.desk.decide(&code, Decision::Approved);
    let ended = ends_well(session);
    match label {
        Some(label) => assert!(ended.text.contains(&format!("as {label}")), "{}", ended.text),
        None => assert!(ended.text.contains("logged in to "), "{}", ended.text),
    }
    scene.was_strict();
    scene.has_one_login();
    scene
}

#[test]
fn claude() {
    in_a_browser(CLAUDE, &[], "me@example.com (Example)");
}

#[test]
fn codex_by_sign_in_with_chatgpt() {
    in_a_browser(SIGN_IN, &[], "me@example.com");
}

#[test]
fn codex_by_the_clis_login() {
    in_a_browser(CLI, &["--flow", "codex-cli"], "me@example.com");
    on_a_device(CLI, &["--flow", "codex-cli-device"], Some("me@example.com"));
}

#[test]
fn copilot() {
    let scene = on_a_device(COPILOT, &[], Some("me"));
    assert_eq!(scene.vendor.desk.tokens("api").len(), 1, "the exchange was made");
}

#[test]
fn gemini_sets_up_a_project() {
    in_a_browser(GEMINI, &[], "me@example.com");
}

#[test]
fn gemini_takes_the_project_that_is_named() {
    for arguments in [&["--project", "project-mine"][..], &[]] {
        let scene = Scene::new(GEMINI);
        if arguments.is_empty() {
            scene.vendor.desk.twist(Twist::HasProject);
        }
        let mut session = scene.login(arguments);
        let (address, _) = address(&mut session);
        let Visit::Shown(code) = scene.vendor.visit(&address) else { panic!("{address} shows a code") };
        session.type_line(&code);
        ends_well(session);
        scene.was_strict();
        assert_eq!(scene.vendor.desk.count("/v1internal:onboardUser"), 0);
    }
}

#[test]
fn kiro() {
    in_a_browser_without_a_name(KIRO, &["--flow", "browser"]);
    on_a_device(KIRO, &[], None);
    on_a_device(KIRO, &["--start-url", ORGANISATION, "--region", "eu-west-1"], None);
}

fn in_a_browser_without_a_name(kind: Kind, arguments: &[&str]) {
    let scene = Scene::new(kind);
    let mut session = scene.login(arguments);
    let (address, _) = address(&mut session);
    let page = browse(&scene.vendor.visit_and_return(&address));
    assert!(page.status() == 200 && page.text().contains("<h1>Logged in</h1>"), "{}", page.text());
    ends_well(session);
    scene.was_strict();
    scene.has_one_login();
}

#[test]
fn antigravity() {
    in_a_browser(ANTIGRAVITY, &[], "me@example.com");
}

#[test]
fn qwen() {
    on_a_device(QWEN, &[], None);
}

#[test]
fn kimi_and_what_it_is_good_for() {
    let scene = on_a_device(KIMI, &[], None);
    let daemon = scene.home.serve(&[]);
    let ask = json!({"model": "kimi/kimi-for-coding", "messages": [{"role": "user", "content": "Hi"}]});
    let answer = http::post(daemon.address, "/v1/chat/completions", &ask);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "Hello from Kimi.");
    scene.was_strict();
}

#[test]
fn iflow() {
    in_a_browser(IFLOW, &[], "me@example.com");
}
