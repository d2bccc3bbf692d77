//! A vendor that expects certain requests in a certain order, and takes no others.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use byok_auth::http::Answering;
use byok_auth::{CodeLogin, DeviceLogin, Flow, Http, HttpError, Known, Overrides, Polled};
use byok_provider::catalog;
use byok_types::{Detail, Secret, TokenSet};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

/// Stands for any text but an empty one.
pub(crate) const ANY: &str = "*";

/// The vendor.
#[derive(Default)]
pub(crate) struct Script {
    steps: Mutex<VecDeque<Step>>,
    forms: Mutex<Vec<BTreeMap<String, String>>>,
}

/// A request that is expected, and its answer.
pub(crate) struct Step {
    what: String,
    headers: Vec<(&'static str, String)>,
    body: Body,
    answer: Option<(u16, String)>,
}

enum Body {
    Empty,
    Form(BTreeMap<String, String>),
    Json(Value),
}

pub(crate) fn get(url: &str) -> Step {
    Step { what: format!("GET {url}"), headers: Vec::new(), body: Body::Empty, answer: None }
}

pub(crate) fn post(url: &str) -> Step {
    Step { what: format!("POST {url}"), ..get(url) }
}

impl Step {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// These fields, and no others.
    pub(crate) fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.body = Body::Form(fields.iter().map(owned).collect());
        self
    }

    /// This object, in which `*` stands for any text.
    pub(crate) fn json(mut self, value: Value) -> Self {
        self.body = Body::Json(value);
        self
    }

    pub(crate) fn gives(self, value: &Value) -> Self {
        self.answers(200, value)
    }

    pub(crate) fn answers(mut self, status: u16, value: &Value) -> Self {
        self.answer = Some((status, value.to_string()));
        self
    }
}

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: Mutex::new(steps.into_iter().collect()), forms: Mutex::default() }
    }

    pub(crate) fn expect(&self, steps: impl IntoIterator<Item = Step>) {
        self.steps.lock().unwrap().extend(steps);
    }

    /// All that was expected has come.
    pub(crate) fn is_over(&self) {
        let left = self.steps.lock().unwrap();
        let left: Vec<&str> = left.iter().map(|step| step.what.as_str()).collect();
        assert!(left.is_empty(), "never asked: {left:?}");
    }

    /// A field that was sent, in whichever request had it last.
    pub(crate) fn sent(&self, field: &str) -> String {
        let forms = self.forms.lock().unwrap();
        forms.iter().rev().find_map(|form| form.get(field)).cloned().unwrap_or_default()
    }
}

impl Http for Script {
    fn call(&self, request: Request<Bytes>) -> Answering<'_> {
        Box::pin(async move {
            let what = format!("{} {}", request.method(), request.uri());
            let step = self.steps.lock().unwrap().pop_front();
            let step = step.unwrap_or_else(|| panic!("nobody expects {what}"));
            assert_eq!(what, step.what);
            let header =
                |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(header("accept").as_deref(), Some("application/json"), "{what}");
            for (name, value) in &step.headers {
                assert!(fits(&header(name).unwrap_or_default(), value), "{what}: {name}");
            }
            if !step.headers.iter().any(|(name, _)| *name == "authorization") {
                assert_eq!(header("authorization"), None, "{what}");
            }
            match &step.body {
                Body::Empty => assert!(request.body().is_empty(), "{what} has a body"),
                Body::Form(expected) => {
                    let kind = header("content-type");
                    assert_eq!(kind.as_deref(), Some("application/x-www-form-urlencoded"), "{what}");
                    let pairs = url::form_urlencoded::parse(request.body()).into_owned();
                    let form: BTreeMap<String, String> = pairs.collect();
                    assert_eq!(
                        form.keys().collect::<Vec<_>>(),
                        expected.keys().collect::<Vec<_>>(),
                        "{what}"
                    );
                    for (name, value) in expected {
                        assert!(fits(&form[name], value), "{what}: {name} is {}", form[name]);
                    }
                    self.forms.lock().unwrap().push(form);
                }
                Body::Json(expected) => {
                    assert_eq!(header("content-type").as_deref(), Some("application/json"), "{what}");
                    let value: Value = serde_json::from_slice(request.body()).unwrap();
                    assert!(same(&value, expected), "{what}: {value}");
                    let texts = value.as_object().unwrap().iter();
                    let texts =
                        texts.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
                    self.forms.lock().unwrap().push(texts.collect());
                }
            }
            let Some((status, body)) = step.answer else {
                return Err(HttpError("the cable is out".to_owned()));
            };
            Ok(Response::builder().status(status).body(Bytes::from(body)).unwrap())
        })
    }
}

fn fits(value: &str, expected: &str) -> bool {
    value == expected || (expected == ANY && !value.is_empty())
}

fn same(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (Value::Object(value), Value::Object(expected)) => {
            value.len() == expected.len()
                && expected.iter().all(|(name, part)| value.get(name).is_some_and(|value| same(value, part)))
        }
        (Value::String(value), Value::String(expected)) => fits(value, expected),
        _ => value == expected,
    }
}

/// A flow of the catalogue.
pub(crate) fn flow(provider: &str, name: &str) -> &'static Flow {
    let row = catalog::row(provider).unwrap();
    &row.logins.iter().find(|way| way.flow.name == name).unwrap().flow
}

pub(crate) fn known() -> Known {
    Known { host_id: "urn:uuid:00000000-0000-4000-8000-000000000000".to_owned(), ..Known::default() }
}

/// Begins a login in a browser with a listener at this port.
pub(crate) async fn begin(flow: &Flow, known: Known, port: u16, http: &Script) -> CodeLogin {
    CodeLogin::begin(flow, &Overrides::default(), known, Some(port), http).await.unwrap()
}

/// What an address says.
pub(crate) fn query(url: &str) -> BTreeMap<String, String> {
    Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

/// What the browser comes back with.
pub(crate) fn callback(login: &CodeLogin, code: &str) -> String {
    format!("code={code}&state={}", query(login.url())["state"])
}

/// Whether the verifier that was sent is the challenge's.
pub(crate) fn is_bound(challenge: &str, verifier: &str) {
    assert!((43..=128).contains(&verifier.len()), "{verifier}");
    assert_eq!(challenge, BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
}

pub(crate) async fn device(flow: &Flow, known: Known, http: &Script) -> DeviceLogin {
    DeviceLogin::begin(flow, &Overrides::default(), known, http).await.unwrap()
}

pub(crate) async fn done(login: &mut DeviceLogin, http: &Script) -> TokenSet {
    match login.poll(http).await.unwrap() {
        Polled::Done(tokens) => tokens,
        Polled::Pending => panic!("still pending"),
    }
}

pub(crate) async fn pending(login: &mut DeviceLogin, http: &Script) {
    assert!(matches!(login.poll(http).await.unwrap(), Polled::Pending));
}

/// A token that nobody has signed.
pub(crate) fn unsigned(claims: &Value) -> String {
    let part = |value: &str| BASE64_URL_SAFE_NO_PAD.encode(value);
    format!("{}.{}.{}", part(r#"{"alg":"RS256"}"#), part(&claims.to_string()), part("nobody"))
}

/// All that a login has, with the lifetime in place of the end.
pub(crate) fn shown(tokens: &TokenSet) -> String {
    let mut lines = vec![
        format!("access {}", tokens.access.expose()),
        format!("refresh {}", tokens.refresh.as_ref().map_or("-", Secret::expose)),
        format!("label {}", tokens.label.as_deref().unwrap_or("-")),
        format!("ends {}", if tokens.expires_at.is_some() { "yes" } else { "no" }),
    ];
    let details = tokens.details.iter().map(|(name, value)| {
        let changing = name == Detail::Lifetime.name();
        let value = if changing { roughly(value.expose()) } else { value.expose().to_owned() };
        format!("{name} {value}")
    });
    lines.extend(details);
    lines.join("\n")
}

/// Seconds, without those that a test takes.
fn roughly(seconds: &str) -> String {
    let seconds: u64 = seconds.parse().unwrap();
    format!("{} s", seconds.next_multiple_of(10))
}
