//! However a login ends, nothing stays behind: no listener, no half-written account, no mute terminal.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use byok_e2e::pty::{CTRL_C, Session};
use byok_e2e::vendors::Trouble;
use byok_e2e::vendors::antigravity::ANTIGRAVITY;
use byok_e2e::vendors::codex::SIGN_IN;
use byok_e2e::vendors::kimi::KIMI;
use url::Url;

use super::{Scene, address, browse, code, come_back, ends_well};

/// Presses Ctrl-C and looks at what is left.
fn give_up(scene: &Scene, mut session: Session) {
    session.press(CTRL_C);
    let ended = session.end();
    assert_eq!(ended.code, Some(130), "{}", ended.text);
    assert!(ended.text.contains("the login was given up; nothing was stored"), "{}", ended.text);
    assert!(ended.echoes && ended.lines, "the terminal is as it was");
    let status = scene.home.run(&["status"]);
    assert_eq!(status.status.code(), Some(3), "{}", String::from_utf8_lossy(&status.stdout));
}

#[test]
fn ctrl_c_while_the_browser_is_away() {
    let scene = Scene::new(SIGN_IN);
    let mut session = scene.login(&[]);
    let (address, _) = address(&mut session);
    let redirect = Url::parse(&address).expect("an address");
    let redirect = redirect.query_pairs().find(|(name, _)| name == "redirect_uri").expect("a redirect").1;
    let port = Url::parse(&redirect).expect("an address").port().expect("a port");
    let open = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("byok listens");
    assert!(!session.echoes());
    give_up(&scene, session);
    drop(open);
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(), "nobody listens any more");
}

#[test]
fn ctrl_c_while_the_vendor_does_not_answer() {
    let scene = Scene::new(SIGN_IN);
    let desk = &scene.vendor.desk;
    desk.trouble("/api/accounts/oauth/token", Trouble::Waits);
    let mut session = scene.login(&[]);
    let (address, _) = address(&mut session);
    let callback = scene.vendor.visit_and_return(&address);
    session.type_line(&callback);
    desk.wait_for("/api/accounts/oauth/token", 1);
    session.expect("exchanging the code");
    give_up(&scene, session);
    desk.no_trouble();
}

#[test]
fn ctrl_c_while_a_code_is_shown_and_while_it_asks() {
    let scene = Scene::new(KIMI);
    let mut session = scene.login(&[]);
    code(&mut session);
    scene.vendor.desk.wait_for("/api/oauth/token", 1);
    give_up(&scene, session);

    let scene = Scene::new(ANTIGRAVITY);
    let mut session = Session::start(&scene.command(&[]));
    session.expect("Go on? [y/N] ");
    give_up(&scene, session);
}

#[test]
fn a_callback_that_comes_twice_is_taken_once() {
    let scene = Scene::new(SIGN_IN);
    let mut session = scene.login(&[]);
    let (address, _) = address(&mut session);
    let callback = scene.vendor.visit_and_return(&address);
    assert_eq!(browse(&callback).status(), 200);
    ends_well(session);
    let port = Url::parse(&callback).expect("an address").port().expect("a port");
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(), "nobody listens any more");
    assert_eq!(scene.vendor.desk.count("/api/accounts/oauth/token"), 1);
    scene.was_strict();
}

#[test]
fn the_next_login_does_not_meet_the_last_ones_listener() {
    let scene = Scene::new(ANTIGRAVITY);
    for _ in 0..2 {
        let mut session = scene.login(&[]);
        let (address, said) = address(&mut session);
        let callback = scene.vendor.visit_and_return(&address);
        come_back(&mut session, &said, &callback);
        ends_well(session);
    }
    scene.was_strict();
    scene.has_one_login();
}

#[test]
fn a_port_that_is_taken_is_told_and_the_address_can_be_pasted() {
    let scene = Scene::new(ANTIGRAVITY);
    let taken = take(51121);
    let mut session = scene.login(&[]);
    let (address, said) = address(&mut session);
    assert!(said.contains("port 51121 of this machine is taken"), "{said}");
    if cfg!(target_os = "linux") {
        assert!(said.contains(&format!("(process {})", std::process::id())), "{said}");
    }
    let callback = scene.vendor.visit_and_return(&address);
    assert!(callback.starts_with("http://localhost:51121/oauth-callback?"), "{callback}");
    session.type_line(&callback);
    ends_well(session);
    scene.was_strict();

    // Where nobody can paste either, there is no way back, and nothing begins.
    let scene = Scene::new(ANTIGRAVITY);
    let output = scene.command(&["--yes"]).output().expect("byok runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("is no terminal") && said.contains("51121"), "{said}");
    assert!(scene.vendor.desk.seen().is_empty());
    drop(taken);
}

/// Takes a port, as soon as the byok of another test lets go of it.
fn take(port: u16) -> TcpListener {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return listener,
            Err(error) => assert!(std::time::Instant::now() < deadline, "port {port}: {error}"),
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_terminal_that_is_closed_for_typing_still_waits_for_the_browser() {
    let scene = Scene::new(SIGN_IN);
    let mut session = scene.login(&[]);
    let (address, _) = address(&mut session);
    session.press(0x04);
    assert_eq!(browse(&scene.vendor.visit_and_return(&address)).status(), 200);
    ends_well(session);
}
