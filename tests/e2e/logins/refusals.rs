//! What goes wrong at vendors', in browsers and in what people paste: said clearly, and nothing is stored.

use byok_e2e::vendors::claude::CLAUDE;
use byok_e2e::vendors::codex::SIGN_IN;
use byok_e2e::vendors::copilot::COPILOT;
use byok_e2e::vendors::gemini::GEMINI;
use byok_e2e::vendors::kimi::KIMI;
use byok_e2e::vendors::kiro::KIRO;
use byok_e2e::vendors::qwen::QWEN;
use byok_e2e::vendors::{Decision, Kind, Trouble, Twist, Visit};

use super::{Scene, address, browse, code, ends_well, fails};

/// The part of Claude's invitation that precedes the address which comes back by itself.
const BY_ITSELF: &str = "you need not paste anything with this one:\n\n";

impl Scene {
    fn has_nothing(&self) {
        let status = self.home.run(&["status"]);
        assert_eq!(status.status.code(), Some(3), "{}", String::from_utf8_lossy(&status.stdout));
    }
}

#[test]
fn a_callback_of_another_login_does_not_end_this_one() {
    let scene = Scene::new(CLAUDE);
    let desk = &scene.vendor.desk;
    let mut session = scene.login(&[]);
    let address = session.between(BY_ITSELF, "\n").trim().to_owned();
    for twist in [Twist::AnotherState, Twist::NoCode] {
        desk.twist(twist);
        let page = browse(&scene.vendor.visit_and_return(&address));
        assert_eq!(page.status(), 400, "{twist:?}");
        assert!(page.text().contains("not the login that byok waits for"), "{}", page.text());
        desk.untwist(twist);
    }
    let callback = scene.vendor.visit_and_return(&address);
    let favicon = callback.split("/callback").next().expect("a path").to_owned() + "/favicon.ico?";
    assert_eq!(browse(&favicon).status(), 404);
    assert_eq!(browse(&callback).status(), 200);
    ends_well(session);
    scene.was_strict();
}

#[test]
fn a_person_who_says_no_is_understood() {
    let scene = Scene::new(CLAUDE);
    scene.vendor.desk.twist(Twist::Denies);
    let mut session = scene.login(&[]);
    let address = session.between(BY_ITSELF, "\n").trim().to_owned();
    let page = browse(&scene.vendor.visit_and_return(&address));
    assert_eq!(page.status(), 403);
    assert!(page.text().contains("said &lt;b&gt;no&lt;/b&gt;"), "{}", page.text());
    fails(session, "did not let you in: The person said <b>no</b>");
    assert_eq!(scene.vendor.desk.count("/v1/oauth/token"), 0);
    scene.has_nothing();
}

#[test]
fn a_wrong_paste_is_explained_and_asked_again() {
    let scene = Scene::new(SIGN_IN);
    let mut session = scene.login(&[]);
    let (address, _) = address(&mut session);
    assert!(!session.echoes(), "what is pasted is not shown");
    let callback = scene.vendor.visit_and_return(&address);
    let code = callback.split(['=', '&']).nth(1).expect("a code").to_owned();
    // A bare code lacks the client id that the vendor has issued.
    session.type_line(&code);
    session.expect("that is not all of it; paste the whole address");
    session.type_line(&callback.replace("state=", "state=x"));
    session.expect("that does not belong to this login");
    session.type_line("");
    session.type_line("https://example.com/?code=1");
    session.expect("that does not belong to this login");
    session.type_line(&format!("  '{callback}' "));
    let ended = ends_well(session);
    assert!(!ended.text.contains(&code), "{}", ended.text);
    scene.was_strict();
}

#[test]
fn trouble_at_the_token_address_ends_the_login_and_says_whose_it_is() {
    for (trouble, said) in [
        (Trouble::Html, "may have changed its login"),
        (Trouble::Malformed, "may have changed its login"),
        (Trouble::Nothing, "may have changed its login"),
        (Trouble::Status(500), "that is trouble at its end"),
        (Trouble::Status(429), "log in again in some minutes"),
        (Trouble::Status(400), "refused (400, server_error)"),
    ] {
        let scene = Scene::new(CLAUDE);
        scene.vendor.desk.trouble("/v1/oauth/token", trouble);
        let mut session = scene.login(&[]);
        let address = session.between(BY_ITSELF, "\n").trim().to_owned();
        let page = browse(&scene.vendor.visit_and_return(&address));
        assert_eq!(page.status(), 502, "{trouble:?}: {}", page.text());
        assert!(page.text().contains("not logged in"), "{}", page.text());
        let ended = session.end();
        assert_eq!(ended.code, Some(1), "{}", ended.text);
        assert!(ended.text.contains(said), "{trouble:?} does not say `{said}`: {}", ended.text);
        assert_eq!(scene.vendor.desk.count("/v1/oauth/token"), 1, "a code is exchanged once");
        scene.has_nothing();
    }
}

#[test]
fn an_id_token_that_is_not_for_this_login_is_not_believed() {
    for (twist, said) in [
        (Twist::AnotherNonce, "it belongs to another login"),
        (Twist::AnotherAudience, "it was made for another client"),
        (Twist::AnotherKey, "cannot be trusted"),
        (Twist::PlanNotGranted, "was not allowed to use your plan"),
    ] {
        let scene = Scene::new(SIGN_IN);
        scene.vendor.desk.twist(twist);
        let mut session = scene.login(&[]);
        let (address, _) = address(&mut session);
        let page = browse(&scene.vendor.visit_and_return(&address));
        assert_eq!(page.status(), 502, "{twist:?}: {}", page.text());
        fails(session, said);
        scene.has_nothing();
    }
}

#[test]
fn discovery_that_fails_is_told_before_anything_is_opened() {
    for trouble in [Trouble::Html, Trouble::Malformed, Trouble::Nothing, Trouble::Status(503)] {
        let scene = Scene::new(SIGN_IN);
        scene.vendor.desk.trouble("/.well-known/openid-configuration", trouble);
        fails(scene.login(&[]), "127.0.0.1");
        scene.has_nothing();
    }
}

#[test]
fn a_vendor_that_asks_to_slow_down_is_obeyed() {
    for kind in [COPILOT, QWEN] {
        let scene = Scene::new(kind);
        let desk = &scene.vendor.desk;
        desk.slow_down(1);
        let mut session = scene.login(&[]);
        let code = code(&mut session);
        let polls = if kind.provider == "qwen" { "/oauth2/token" } else { "/access_token" };
        // The third question comes at the new pace, or the vendor refuses it.
        desk.wait_for(polls, 3);
        desk.decide(&code, Decision::Approved);
        ends_well(session);
        scene.was_strict();
    }
}

#[test]
fn a_device_code_that_is_refused_or_late_ends_the_login() {
    let kinds: [(Kind, &[&str]); 4] = [(COPILOT, &[]), (KIRO, &[]), (QWEN, &[]), (KIMI, &[])];
    for (kind, arguments) in kinds {
        for (decision, said) in [
            (Decision::Denied, "was told not to grant access"),
            (Decision::Expired, "has run out before it was used; log in again"),
        ] {
            let scene = Scene::new(kind);
            let mut session = scene.login(arguments);
            let code = code(&mut session);
            scene.vendor.desk.decide(&code, decision);
            fails(session, said);
            scene.was_strict();
            scene.has_nothing();
        }
    }
}

#[test]
fn a_vendor_that_stumbles_while_it_is_asked_is_asked_again() {
    let scene = Scene::new(KIMI);
    let desk = &scene.vendor.desk;
    desk.trouble("/api/oauth/token", Trouble::Status(502));
    let mut session = scene.login(&[]);
    let code = code(&mut session);
    desk.wait_for("/api/oauth/token", 2);
    desk.no_trouble();
    desk.decide(&code, Decision::Approved);
    ends_well(session);
    scene.was_strict();
}

#[test]
fn no_device_code_is_no_login() {
    for trouble in [Trouble::Html, Trouble::Malformed, Trouble::Nothing, Trouble::Status(500)] {
        let scene = Scene::new(KIMI);
        scene.vendor.desk.trouble("/device_authorization", trouble);
        fails(scene.login(&[]), "127.0.0.1");
        scene.has_nothing();
    }
}

#[test]
fn an_account_that_is_not_served_is_told_why_and_where() {
    let scene = Scene::new(COPILOT);
    scene.vendor.desk.twist(Twist::Ineligible);
    let mut session = scene.login(&[]);
    let code = code(&mut session);
    scene.vendor.desk.decide(&code, Decision::Approved);
    fails(session, "https://github.com/settings/copilot");
    scene.has_nothing();

    let scene = Scene::new(GEMINI);
    scene.vendor.desk.twist(Twist::Ineligible);
    let mut session = scene.login(&[]);
    let (address, _) = address(&mut session);
    let Visit::Shown(code) = scene.vendor.visit(&address) else { panic!("{address} shows a code") };
    session.type_line(&code);
    fails(session, "Not available where you are");
    scene.has_nothing();
}

#[test]
fn what_only_makes_a_login_nicer_may_fail() {
    let scene = Scene::new(KIRO);
    scene.vendor.desk.twist(Twist::Ineligible);
    let mut session = scene.login(&[]);
    let code = code(&mut session);
    scene.vendor.desk.decide(&code, Decision::Approved);
    ends_well(session);
    scene.has_one_login();
}
