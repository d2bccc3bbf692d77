//! Requests read strictly, and what is answered.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;
use url::form_urlencoded;

use super::desk::Grant;
use crate::http::Message;

/// A request to a vendor.
pub struct Request<'a> {
    message: &'a Message,
}

/// A vendor's no.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The error's code.
    pub code: &'static str,
    /// What was wrong.
    pub why: String,
    /// Whether a program that does all right may get it.
    pub usual: bool,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The fields of the head.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// Named values, each there once.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, String)>);

/// What a login in a browser has to ask for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The client's id.
    pub client: &'a str,
    /// The scopes, with blanks between.
    pub scopes: &'a str,
    /// What the redirect must be: with `*` for a port.
    pub redirects: &'a [&'a str],
    /// Other fields that must be there, with their values.
    pub fixed: &'a [(&'a str, &'a str)],
    /// Other fields that must be there, with any value.
    pub free: &'a [&'a str],
    /// Whether there is a challenge.
    pub pkce: bool,
}

impl Refusal {
    /// A no to something that is wrong.
    pub fn new(status: u16, code: &'static str, why: impl Into<String>) -> Self {
        Self { status, code, why: why.into(), usual: false }
    }

    /// A no that belongs to the login.
    pub fn usual(status: u16, code: &'static str) -> Self {
        Self { status, code, why: code.to_owned(), usual: true }
    }

    /// As in RFC 6749, 5.2.
    pub fn standard(&self) -> Reply {
        Reply::json(self.status, &serde_json::json!({"error": self.code, "error_description": self.why}))
    }
}

fn invalid(why: impl Into<String>) -> Refusal {
    Refusal::new(400, "invalid_request", why)
}

impl Reply {
    /// JSON.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::text(status, "application/json", value.to_string())
    }

    /// A page.
    pub fn page(status: u16, text: impl Into<String>) -> Self {
        Self::text(status, "text/html; charset=utf-8", text)
    }

    /// Any text.
    pub fn text(status: u16, kind: &str, text: impl Into<String>) -> Self {
        Self { status, headers: vec![("content-type", kind.to_owned())], body: text.into() }
    }

    /// The browser is sent on.
    pub fn redirect(to: &str) -> Self {
        Self { status: 302, headers: vec![("location", to.to_owned())], body: String::new() }
    }
}

impl<'a> Request<'a> {
    pub(super) fn new(message: &'a Message) -> Self {
        Self { message }
    }

    /// The method.
    pub fn method(&self) -> &str {
        self.message.first_line.split(' ').next().unwrap_or_default()
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.message.path().split('?').next().unwrap_or_default()
    }

    /// A field of the head.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.message.header(name)
    }

    /// A field of the head that must be there.
    pub fn must(&self, name: &str) -> Result<&str, Refusal> {
        self.header(name).ok_or_else(|| invalid(format!("no header {name}")))
    }

    /// What follows a scheme in `Authorization`.
    pub fn authorization(&self, scheme: &str) -> Option<&str> {
        self.header("authorization")?.strip_prefix(scheme)?.strip_prefix(' ')
    }

    /// Name and password in `Authorization`.
    pub fn basic(&self) -> Option<(String, String)> {
        let pair = BASE64_STANDARD.decode(self.authorization("Basic")?).ok()?;
        let (name, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
        Some((name.to_owned(), password.to_owned()))
    }

    /// The query.
    pub fn query(&self) -> Result<Fields, Refusal> {
        let query = self.message.path().split_once('?').map_or("", |(_, query)| query);
        Fields::new(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// A form, and nothing else.
    pub fn form(&self) -> Result<Fields, Refusal> {
        self.has_type("application/x-www-form-urlencoded")?;
        self.answers_json()?;
        Fields::new(form_urlencoded::parse(&self.message.body).into_owned().collect())
    }

    /// A JSON document, and nothing else.
    pub fn json(&self) -> Result<Value, Refusal> {
        self.has_type("application/json")?;
        self.answers_json()?;
        serde_json::from_slice(&self.message.body).map_err(|error| invalid(format!("no JSON: {error}")))
    }

    /// A JSON object of texts, and nothing else.
    pub fn json_fields(&self) -> Result<Fields, Refusal> {
        let value = self.json()?;
        let object = value.as_object().ok_or_else(|| invalid("no JSON object"))?;
        let pair = |(name, value): (&String, &Value)| {
            let text = value.as_str().ok_or_else(|| invalid(format!("{name} is no text")))?;
            Ok((name.clone(), text.to_owned()))
        };
        Fields::new(object.iter().map(pair).collect::<Result<_, Refusal>>()?)
    }

    fn has_type(&self, wanted: &str) -> Result<(), Refusal> {
        let found = self.header("content-type").unwrap_or_default();
        let found = found.split(';').next().unwrap_or_default().trim();
        if found == wanted { Ok(()) } else { Err(invalid(format!("the content type is {found}"))) }
    }

    /// Some vendors answer forms with forms unless they are asked for JSON.
    fn answers_json(&self) -> Result<(), Refusal> {
        let accept = self.must("accept")?;
        if accept.contains("application/json") { Ok(()) } else { Err(invalid("JSON is not accepted")) }
    }
}

impl Fields {
    fn new(pairs: Vec<(String, String)>) -> Result<Self, Refusal> {
        let mut names = BTreeSet::new();
        for (name, _) in &pairs {
            if !names.insert(name.clone()) {
                return Err(invalid(format!("{name} is there twice")));
            }
        }
        Ok(Self(pairs))
    }

    /// A value that must be there.
    pub fn get(&self, name: &str) -> Result<&str, Refusal> {
        let found = self.0.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str()).ok_or_else(|| invalid(format!("{name} is missing")))
    }

    /// A value that must be there and be this.
    pub fn is(&self, name: &str, wanted: &str) -> Result<(), Refusal> {
        let found = self.get(name)?;
        if found == wanted { Ok(()) } else { Err(invalid(format!("{name} is `{found}`, not `{wanted}`"))) }
    }

    /// These and no others.
    pub fn only(&self, names: &[&str]) -> Result<(), Refusal> {
        for name in names {
            self.get(name)?;
        }
        match self.0.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            Some((name, _)) => Err(invalid(format!("{name} is not known here"))),
            None => Ok(()),
        }
    }

    /// Whether these fields ask for a login as the vendor has it; what they ask for.
    pub fn asks(&self, ask: &Ask<'_>) -> Result<Grant, Refusal> {
        let mut names: Vec<&str> = vec!["client_id", "redirect_uri", "response_type", "state"];
        names.extend(ask.fixed.iter().map(|(name, _)| *name));
        names.extend(ask.free);
        if ask.pkce {
            names.extend(["code_challenge", "code_challenge_method"]);
        }
        // A vendor's own name for it takes the place of the usual one.
        if !names.contains(&"scopes") {
            names.push("scope");
        }
        self.only(&names)?;
        self.is("client_id", ask.client)?;
        self.is("response_type", "code")?;
        for (name, value) in ask.fixed {
            self.is(name, value)?;
        }
        let asked = self.get("scope").or_else(|_| self.get("scopes"))?;
        let set = |text: &str| text.split(' ').map(ToOwned::to_owned).collect::<BTreeSet<String>>();
        if set(asked) != set(ask.scopes) {
            return Err(invalid(format!("the scopes are `{asked}`")));
        }
        let mut grant = Grant {
            client: ask.client.to_owned(),
            redirect: self.redirect("redirect_uri", ask.redirects)?,
            state: self.random("state", 16)?,
            ..Grant::default()
        };
        if ask.pkce {
            grant.challenge = Some(self.challenge()?);
        }
        Ok(grant)
    }

    /// A challenge by S256.
    pub fn challenge(&self) -> Result<String, Refusal> {
        self.is("code_challenge_method", "S256")?;
        let challenge = self.get("code_challenge")?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(challenge).unwrap_or_default();
        if bytes.len() == 32 { Ok(challenge.to_owned()) } else { Err(invalid("the challenge is no SHA-256")) }
    }

    /// An address to send a browser to that is one of those.
    pub fn redirect(&self, name: &str, allowed: &[&str]) -> Result<String, Refusal> {
        let found = self.get(name)?;
        let fits = |allowed: &&str| match allowed.split_once('*') {
            Some((before, after)) => found
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after))
                .and_then(|port| port.parse::<u16>().ok())
                .is_some_and(|port| port >= 1024),
            None => found == *allowed,
        };
        if allowed.iter().any(fits) {
            Ok(found.to_owned())
        } else {
            Err(invalid(format!("`{found}` is not registered as {name}")))
        }
    }

    /// A value that nobody can guess: so many bytes of base64 or hexadecimal digits.
    pub fn random(&self, name: &str, bytes: usize) -> Result<String, Refusal> {
        let found = self.get(name)?;
        if found.len() * 3 / 4 >= bytes {
            Ok(found.to_owned())
        } else {
            Err(invalid(format!("{name} can be guessed")))
        }
    }
}
