//! Logging in to subscriptions as a person does: the real program at a terminal, and a scripted vendor that
//! refuses what the real one would.

mod accounts;
mod ends;
mod leaks;
mod refusals;
mod scripts;
mod strict;
mod ways;

use std::net::SocketAddr;
use std::process::Command;

use byok_e2e::daemon::Home;
use byok_e2e::http::{self, Message};
use byok_e2e::pty::{Ended, Session};
use byok_e2e::vendors::{Kind, Vendor};
use serde_json::Value;
use url::Url;

/// What precedes the address to open.
const OPEN: &str = "open this address in a browser";
/// What precedes a device's code, and what follows it.
const CODE: (&str, &str) = ("│   ", "   │");

/// A person, their machine, and a vendor.
struct Scene {
    home: Home,
    vendor: Vendor,
}

impl Scene {
    fn new(kind: Kind) -> Self {
        let vendor = Vendor::open(kind);
        Self { home: Home::new(&vendor.config()), vendor }
    }

    /// `byok login PROVIDER` with more arguments, on a machine without a screen.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut all = vec!["login", self.vendor.provider()];
        all.extend(arguments);
        command(&self.home, &all)
    }

    /// The same at a terminal, by a person who has read the notes.
    fn login(&self, arguments: &[&str]) -> Session {
        let mut all = vec!["--yes"];
        all.extend(arguments);
        Session::start(&self.command(&all))
    }

    /// Nothing was refused that a program does wrong.
    fn was_strict(&self) {
        let refused = self.vendor.desk.refused();
        assert!(refused.is_empty(), "the vendor refused: {refused:#?}");
    }

    /// The accounts in the wallet: name and kind.
    fn accounts(&self) -> Vec<(String, String)> {
        let status = self.home.run(&["--json", "status"]);
        let status: Value = serde_json::from_slice(&status.stdout).expect("status prints JSON");
        let accounts = status["accounts"].as_array().expect("accounts").iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mine = accounts.filter(|account| account["account"].is_string());
        mine.map(|account| (text(&account["account"]), text(&account["kind"]))).collect()
    }

    /// There is one account, which is a login: its kind is the way that it was made.
    fn has_one_login(&self) {
        let accounts = self.accounts();
        let [(name, kind)] = accounts.as_slice() else { panic!("not one account: {accounts:?}") };
        assert_eq!(name, "default");
        assert_ne!(kind, "API key");
    }
}

/// A command on a machine without a screen.
fn command(home: &Home, arguments: &[&str]) -> Command {
    let mut command = home.command(arguments);
    for name in [
        "BROWSER",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "WSL_DISTRO_NAME",
        "SSH_CONNECTION",
        "SSH_CLIENT",
        "SSH_TTY",
        "GOOGLE_CLOUD_PROJECT",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ] {
        command.env_remove(name);
    }
    command
}

/// The address that byok wants opened, and all that was said up to it.
fn address(session: &mut Session) -> (String, String) {
    let mut said = session.expect(OPEN);
    said.push_str(&session.expect("\n\n  "));
    let line = session.expect("\n");
    (line.trim().to_owned(), said)
}

/// The code to type at the vendor's.
fn code(session: &mut Session) -> String {
    session.between(CODE.0, CODE.1)
}

/// What the listener answers to an address that a browser is sent to.
fn browse(callback: &str) -> Message {
    let url = Url::parse(callback).expect("a browser is sent to an address");
    let (host, port) = (url.host_str().expect("a host"), url.port().expect("a port"));
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let host = format!("{host}:{port}");
    http::send(SocketAddr::from(([127, 0, 0, 1], port)), "GET", &target, &[("host", &host)], b"")
}

/// The browser comes back: to the listener, or by being pasted where another program has its port.
fn come_back(session: &mut Session, said: &str, callback: &str) -> Option<Message> {
    if said.contains("is taken") {
        session.type_line(callback);
        return None;
    }
    Some(browse(callback))
}

/// Waits for the end, which has to be a good one.
fn ends_well(session: Session) -> Ended {
    let ended = session.end();
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    assert!(ended.echoes && ended.lines, "the terminal is as it was");
    ended
}

/// Waits for the end, which has to be a failure that says so.
fn fails(session: Session, because: &str) -> Ended {
    let ended = session.end();
    assert_eq!(ended.code, Some(1), "{}", ended.text);
    assert!(ended.text.contains(because), "it does not say `{because}`:\n{}", ended.text);
    assert!(ended.echoes && ended.lines, "the terminal is as it was");
    ended
}
