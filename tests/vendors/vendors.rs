//! The vendors of subscription logins, scripted: each plays its whole login on loopback, strictly. What the
//! vendor would refuse is refused (a wrong verifier, a code used twice, a missing or an unknown field, a
//! wrong content type), and noted, so that a test can ask whether anything was.
//!
//! What a vendor asks for is in its own file, from the facts about it and not from byok's rows: the two must
//! not be wrong in the same way. What vendors have in common (codes that are good once, device codes that
//! are asked about at intervals, trouble on demand) is in [`desk`].

pub mod antigravity;
pub mod claude;
pub mod codex;
pub mod copilot;
pub mod desk;
mod fields;
pub mod gemini;
mod google;
pub mod iflow;
mod jwt;
pub mod kimi;
pub mod kiro;
pub mod qwen;

use std::net::SocketAddr;
use std::sync::Arc;

use url::Url;

use crate::http::{self, Message};
use crate::upstream::Upstream;

pub use desk::{Decision, Desk, Trouble, Twist};
pub use fields::{Fields, Refusal, Reply, Request};

/// What is different about each vendor.
#[derive(Clone, Copy)]
pub struct Kind {
    /// What its provider is called on the command line.
    pub provider: &'static str,
    /// The `providers` section of a config that has all of its addresses on this origin.
    pub config: fn(origin: &str) -> String,
    /// What it answers.
    pub script: fn(&Desk, &Request<'_>) -> Result<Reply, Refusal>,
    /// How it says no to a program.
    pub refusal: fn(&Refusal) -> Reply,
}

/// A vendor at work. It lives as long as the test's process.
pub struct Vendor {
    /// Where it is.
    pub address: SocketAddr,
    /// What it has given out, seen and refused.
    pub desk: Arc<Desk>,
    kind: Kind,
    /// It stops answering when nobody can look at its requests any more.
    _upstream: Upstream,
}

/// What a browser is shown at a vendor's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visit {
    /// It is sent on to this address.
    SentTo(String),
    /// It stays, and this is what the page shows.
    Shown(String),
    /// The vendor does not take the request.
    Refused(String),
}

impl Vendor {
    /// Opens a vendor.
    pub fn open(kind: Kind) -> Self {
        let desk = Arc::new(Desk::default());
        let at_work = Arc::clone(&desk);
        let upstream = Upstream::start(move |message, answer| {
            let request = Request::new(message);
            at_work.saw(&request);
            let reply = at_work.trouble_for(&request).unwrap_or_else(|| {
                (kind.script)(&at_work, &request).unwrap_or_else(|refusal| {
                    at_work.note(&request, &refusal);
                    (kind.refusal)(&refusal)
                })
            });
            let headers: Vec<(&str, &str)> =
                reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            answer.whole(reply.status, &headers, &reply.body);
        });
        desk.is_at(&format!("http://{}", upstream.address));
        Self { address: upstream.address, desk, kind, _upstream: upstream }
    }

    /// Where it is, as an origin.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What its provider is called on the command line.
    pub fn provider(&self) -> &'static str {
        self.kind.provider
    }

    /// A config that has all of the provider's addresses here.
    pub fn config(&self) -> String {
        format!("providers:\n{}", (self.kind.config)(&self.origin()))
    }

    /// Opens an address of the vendor's as a browser does that a person uses who agrees to everything.
    pub fn visit(&self, address: &str) -> Visit {
        let url = Url::parse(address).expect("byok names an address");
        assert_eq!(url.port(), Some(self.address.port()), "byok sends people to the vendor: {address}");
        let page = get(&url);
        match page.status() {
            302 => Visit::SentTo(page.header("location").expect("it says where to").to_owned()),
            200 => Visit::Shown(page.text()),
            _ => Visit::Refused(page.text()),
        }
    }

    /// The same, for a login that sends the browser back.
    pub fn visit_and_return(&self, address: &str) -> String {
        match self.visit(address) {
            Visit::SentTo(callback) => callback,
            other => panic!("the vendor does not send the browser back: {other:?}"),
        }
    }
}

/// What a browser gets at an address of this machine.
pub fn get(url: &Url) -> Message {
    let (host, port) = (url.host_str().expect("a host"), url.port().expect("a port"));
    let target = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let host = format!("{host}:{port}");
    let headers = [("host", host.as_str()), ("accept", "text/html"), ("sec-fetch-mode", "navigate")];
    http::send(SocketAddr::from(([127, 0, 0, 1], port)), "GET", &target, &headers, b"")
}
