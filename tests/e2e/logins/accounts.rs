//! Whose login goes where: nobody's account is overwritten, and whoever comes again is known.

use byok_e2e::daemon::Home;
use byok_e2e::pty::Session;
use byok_e2e::vendors::claude::CLAUDE;
use byok_e2e::vendors::codex::SIGN_IN;
use byok_e2e::vendors::gemini::GEMINI;
use byok_e2e::vendors::qwen::QWEN;
use byok_e2e::vendors::{Decision, Twist, Visit};

use super::{Scene, address, code, command, ends_well};

/// Logs in by pasting what the vendor's page shows.
fn paste(scene: &Scene, arguments: &[&str]) -> String {
    let mut session = scene.login(arguments);
    let (address, _) = address(&mut session);
    match scene.vendor.visit(&address) {
        Visit::Shown(pasted) | Visit::SentTo(pasted) => session.type_line(&pasted),
        Visit::Refused(why) => panic!("{why}"),
    }
    ends_well(session).text
}

fn names(scene: &Scene) -> Vec<String> {
    scene.accounts().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn the_same_person_is_renewed_and_another_one_gets_a_place_of_their_own() {
    let scene = Scene::new(CLAUDE);
    let first = paste(&scene, &[]);
    assert!(
        first.contains("logged in to Anthropic as me@example.com (Example) (account default)"),
        "{first}"
    );
    let again = paste(&scene, &[]);
    assert!(again.contains("the login is renewed: Anthropic as me@example.com"), "{again}");
    assert_eq!(names(&scene), ["default"]);

    scene.vendor.desk.twist(Twist::Other);
    let other = paste(&scene, &[]);
    assert!(
        other.contains("as other@example.org (Example) (account other@example.org-(Example))"),
        "{other}"
    );
    assert_eq!(names(&scene), ["default", "other@example.org-(Example)"]);

    let key = scene.home.run_with(&["login", "claude", "--api-key-stdin"], "sk-ant-api03-0123456789");
    assert!(key.status.success(), "{}", String::from_utf8_lossy(&key.stderr));
    assert_eq!(names(&scene), ["default", "other@example.org-(Example)", "api-key"]);
    scene.was_strict();
}

#[test]
fn a_name_that_somebody_else_has_is_refused() {
    let scene = Scene::new(CLAUDE);
    paste(&scene, &["--account", "work"]);
    scene.vendor.desk.twist(Twist::Other);
    let mut session = scene.login(&["--account", "work"]);
    let (address, _) = address(&mut session);
    let Visit::Shown(code) = scene.vendor.visit(&address) else { panic!("{address} shows a code") };
    session.type_line(&code);
    let ended = session.end();
    assert_eq!(ended.code, Some(1), "{}", ended.text);
    assert!(ended.text.contains("is the login of me@example.com (Example)"), "{}", ended.text);

    // A key's name is known to be taken before the login begins.
    let key = ["login", "claude", "--api-key-stdin", "--account", "key"];
    assert!(scene.home.run_with(&key, "sk-ant-api03-0123456789").status.success());
    let ended = scene.login(&["--account", "key"]).end();
    assert_eq!(ended.code, Some(1), "{}", ended.text);
    assert!(
        ended.text.contains("is an API key") && !ended.text.contains("/oauth/authorize"),
        "{}",
        ended.text
    );
    // And a key does not take a login's place.
    let key = ["login", "claude", "--api-key-stdin", "--account", "work"];
    assert_eq!(scene.home.run_with(&key, "sk-ant-api03-0123456789").status.code(), Some(1));
    assert_eq!(names(&scene), ["work", "key"]);
}

#[test]
fn where_the_vendor_names_nobody_a_second_login_is_a_second_account() {
    let scene = Scene::new(QWEN);
    for _ in 0..2 {
        let mut session = scene.login(&[]);
        let code = code(&mut session);
        scene.vendor.desk.decide(&code, Decision::Approved);
        ends_well(session);
    }
    assert_eq!(names(&scene), ["default", "default-2"]);
}

#[test]
fn signing_in_again_by_name_keeps_the_issued_client_and_the_hosts_id() {
    let scene = Scene::new(SIGN_IN);
    paste(&scene, &[]);
    let again = paste(&scene, &["--account", "default"]);
    assert!(again.contains("the login is renewed: ChatGPT (Codex) as me@example.com"), "{again}");
    scene.was_strict();
}

#[test]
fn the_person_is_told_and_asked_where_a_login_may_not_be_worth_it() {
    let scene = Scene::new(GEMINI);
    let mut session = Session::start(&scene.command(&[]));
    let said = session.expect("Go on? [y/N] ");
    for part in ["restricted since 2026-06-18", "byok login gemini --api-key", "protected by a passphrase"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    session.type_line("perhaps");
    session.expect("Go on? [y/N] ");
    session.type_line("");
    let ended = session.end();
    assert_eq!(ended.code, Some(1), "{}", ended.text);
    assert!(scene.vendor.desk.seen().is_empty(), "nobody was asked anything");

    let mut session = Session::start(&scene.command(&[]));
    session.expect("Go on? [y/N] ");
    session.type_line("y");
    let (address, _) = address(&mut session);
    let Visit::Shown(code) = scene.vendor.visit(&address) else { panic!("{address} shows a code") };
    session.type_line(&code);
    ends_well(session);
    scene.has_one_login();
}

#[test]
fn a_key_is_typed_unseen() {
    let home = Home::new("");
    let mut session = Session::start(&command(&home, &["login", "gemini", "--api-key"]));
    session.expect("API key of Google Gemini (not shown): ");
    let key = "AIza-0123456789-abcdefghijklmnop";
    // A typing mistake is mended before Enter.
    session.type_line(&format!("{key}xx\u{7f}\u{7f}"));
    let ended = ends_well(session);
    assert!(ended.text.contains("the key …mnop for Google Gemini is stored"), "{}", ended.text);
    assert!(!ended.text.contains(key), "{}", ended.text);

    let mut session = Session::start(&command(&home, &["login", "anthropic"]));
    session.expect("API key of Anthropic (not shown): ");
    session.press(byok_e2e::pty::CTRL_C);
    let ended = session.end();
    assert_eq!(ended.code, Some(130), "{}", ended.text);
    assert!(ended.echoes && ended.lines);
}
