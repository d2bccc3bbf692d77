//! Requests to a vendor, and what its answers mean: a JSON object, or a refusal in one of the shapes that
//! vendors have for one.

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use byok_types::Secret;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use serde_json::{Map, Value};
use url::Url;

use super::address::{self, Addresses};
use super::{Encoding, Flow, LoginError, Overrides, Refusal, retry, text};
use crate::http::Http;

/// One vendor, during one login or renewal.
pub(crate) struct Vendor<'a> {
    pub(crate) flow: &'a Flow,
    pub(crate) overrides: &'a Overrides,
    pub(crate) addresses: &'a Addresses,
    pub(crate) http: &'a dyn Http,
}

/// The fields of a request, by their names in RFC 6749.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    name: &'static str,
    value: Secret,
    /// Whether the value must not be seen in an error.
    hidden: bool,
}

impl Form {
    pub(crate) fn plain(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push(Entry { name, value: Secret::new(value), hidden: false });
        self
    }

    pub(crate) fn secret(mut self, name: &'static str, value: &Secret) -> Self {
        self.0.push(Entry { name, value: value.clone(), hidden: true });
        self
    }

    pub(crate) fn all(mut self, pairs: &[(&'static str, &'static str)]) -> Self {
        for (name, value) in pairs {
            self = self.plain(name, *value);
        }
        self
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|entry| entry.name == name).map(|entry| entry.value.expose())
    }

    fn hidden(&self) -> impl Iterator<Item = Secret> {
        self.0.iter().filter(|entry| entry.hidden).map(|entry| entry.value.clone())
    }

    fn written(&self, encoding: Encoding) -> (HeaderValue, Vec<u8>) {
        let json = |name: fn(&str) -> String| {
            let entries = self.0.iter();
            let object: Map<String, Value> =
                entries.map(|entry| (name(entry.name), Value::from(entry.value.expose()))).collect();
            (HeaderValue::from_static("application/json"), Value::Object(object).to_string().into_bytes())
        };
        match encoding {
            Encoding::CamelJson => json(camel),
            Encoding::Json => json(str::to_owned),
            Encoding::Form => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(self.0.iter().map(|entry| (entry.name, entry.value.expose())));
                let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
                (kind, form.finish().into_bytes())
            }
        }
    }
}

/// How a request says who asks.
#[derive(Clone, Copy)]
pub(crate) enum Asker<'a> {
    /// `Authorization: {scheme} {token}`
    Holder {
        scheme: &'a str,
        token: &'a Secret,
    },
    Nobody,
}

impl<'a> Asker<'a> {
    pub(crate) fn bearer(token: &'a Secret) -> Self {
        Self::Holder { scheme: "Bearer", token }
    }
}

impl Vendor<'_> {
    /// Posts the fields to the token address.
    pub(crate) async fn post_for_tokens(&self, form: Form, at: &Url) -> Result<Answer, LoginError> {
        let form = form.all(self.flow.token.extra);
        let mut headers = HeaderMap::new();
        if self.flow.token.basic {
            let of = |name| form.value(name).unwrap_or_default();
            let pair = BASE64_STANDARD.encode(format!("{}:{}", of("client_id"), of("client_secret")));
            headers.insert(AUTHORIZATION, sensitive(&format!("Basic {pair}"))?);
        }
        self.post_as(at, &form, self.flow.token.body, headers).await
    }

    pub(crate) async fn post_as(
        &self,
        to: &Url,
        form: &Form,
        encoding: Encoding,
        mut headers: HeaderMap,
    ) -> Result<Answer, LoginError> {
        let (kind, body) = form.written(encoding);
        headers.insert(CONTENT_TYPE, kind);
        self.send(Method::POST, to, headers, body, form.hidden().collect()).await
    }

    /// Posts JSON to an address of the API.
    pub(crate) async fn post_json(
        &self,
        to: &Url,
        asker: Asker<'_>,
        body: &Value,
    ) -> Result<Answer, LoginError> {
        let (mut headers, hidden) = asked(asker)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.send(Method::POST, to, headers, body.to_string().into_bytes(), hidden).await
    }

    pub(crate) async fn fetch(&self, from: &Url, asker: Asker<'_>) -> Result<Answer, LoginError> {
        let (headers, hidden) = asked(asker)?;
        self.send(Method::GET, from, headers, Vec::new(), hidden).await
    }

    /// As `fetch`, with more headers, and with more that no error may show.
    pub(crate) async fn fetch_with(
        &self,
        from: &Url,
        asker: Asker<'_>,
        more: &[(&'static str, &'static str)],
        hidden: &[Secret],
    ) -> Result<Answer, LoginError> {
        let (mut headers, mut all) = asked(asker)?;
        extend(&mut headers, more);
        all.extend_from_slice(hidden);
        self.send(Method::GET, from, headers, Vec::new(), all).await
    }

    async fn send(
        &self,
        method: Method,
        to: &Url,
        mut headers: HeaderMap,
        body: Vec<u8>,
        hidden: Vec<Secret>,
    ) -> Result<Answer, LoginError> {
        let host = address::host(to);
        extend(&mut headers, self.flow.headers);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = to.as_str().parse().map_err(|error| LoginError::Setting {
            name: "the address of the login",
            wrong: format!("{host} cannot be called ({error})"),
        })?;
        *request.headers_mut() = headers;
        match self.http.call(request).await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                let value = serde_json::from_slice(&body).ok().filter(Value::is_object);
                Ok(Answer { host, status: head.status, headers: head.headers, value, hidden })
            }
            Err(error) => {
                let reason = text::clean(&error.0, &hidden).unwrap_or_default();
                Err(LoginError::Unreachable { host, reason })
            }
        }
    }
}

/// What a vendor answered.
pub(crate) struct Answer {
    pub(crate) host: String,
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    /// The JSON object, if it was one.
    pub(crate) value: Option<Value>,
    /// What must not be shown.
    hidden: Vec<Secret>,
}

impl Answer {
    /// The object of an answer that is neither a refusal by its status nor by what it says.
    pub(crate) fn accepted(self) -> Result<Value, LoginError> {
        if !self.status.is_success() || self.says_error() {
            return Err(self.refused());
        }
        let host = self.host;
        self.value.ok_or_else(|| unreadable(&host, "not with a JSON object"))
    }

    /// Whether it holds an error, whatever its status.
    pub(crate) fn says_error(&self) -> bool {
        self.value.as_ref().is_some_and(|value| match &value["error"] {
            Value::Null | Value::Bool(false) => false,
            Value::String(code) => !code.is_empty(),
            _ => true,
        })
    }

    pub(crate) fn refused(&self) -> LoginError {
        LoginError::Refused { refusal: Box::new(self.refusal()) }
    }

    /// What it says, read as a refusal.
    pub(crate) fn refusal(&self) -> Refusal {
        let shown = |text: Option<&str>| text.and_then(|text| text::clean(text, &self.hidden));
        let value = self.value.as_ref().unwrap_or(&Value::Null);
        let at = |pointer: &str| value.pointer(pointer);
        let text = |pointer: &str| at(pointer).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let first = |pointers: &[&str]| pointers.iter().find_map(|pointer| text(pointer));
        let number = at("/error/code").or(at("/code")).and_then(Value::as_i64).map(|code| code.to_string());
        let code = first(&["/error", "/error/code", "/error/status", "/error/type", "/__type", "/code"])
            .map(|code| code.rsplit('#').next().unwrap_or(code))
            .and_then(text::code)
            .filter(|code| self.hidden.iter().all(|hidden| hidden.expose() != code))
            .or(number);
        let title = shown(first(&["/error_details/title"]));
        let message = shown(first(&[
            "/error_description",
            "/errorDescription",
            "/error_details/message",
            "/error/message",
            "/message",
            "/detail",
        ]));
        // Some put a sentence where a code belongs.
        let message = message.or_else(|| shown(text("/error").filter(|text| text::code(text).is_none())));
        let message = match (title, message) {
            (Some(title), Some(message)) if !message.contains(&title) => Some(format!("{title}: {message}")),
            (title, message) => message.or(title),
        };
        let link = first(&["/error_details/url", "/error/url", "/authorize_url"])
            .and_then(address::visitable)
            .and_then(|url| text::clean(url.as_str(), &self.hidden).filter(|shown| shown == url.as_str()));
        Refusal {
            host: self.host.clone(),
            status: self.status.as_u16(),
            code,
            message,
            link,
            retry_after: retry::after(&self.headers, SystemTime::now()),
            in_json: self.value.is_some(),
        }
    }
}

/// A field by its name in RFC 6749, or the same in camelCase.
pub(crate) fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.get(name).or_else(|| value.get(camel(name))).filter(|value| !value.is_null())
}

pub(crate) fn text_field<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    field(value, name)?.as_str().filter(|text| !text.is_empty())
}

pub(crate) fn unreadable(host: &str, what: &str) -> LoginError {
    LoginError::Unreadable { host: host.to_owned(), what: what.to_owned() }
}

/// `grantType` of `grant_type`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut all = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        all.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        all.push_str(letters.as_str());
    }
    all
}

fn asked(asker: Asker<'_>) -> Result<(HeaderMap, Vec<Secret>), LoginError> {
    let mut headers = HeaderMap::new();
    let mut hidden = Vec::new();
    if let Asker::Holder { scheme, token } = asker {
        headers.insert(AUTHORIZATION, sensitive(&format!("{scheme} {}", token.expose()))?);
        hidden.push(token.clone());
    }
    Ok((headers, hidden))
}

fn sensitive(text: &str) -> Result<HeaderValue, LoginError> {
    let mut value = HeaderValue::from_str(text).map_err(|_invalid| LoginError::Setting {
        name: "a token or client secret",
        wrong: "it holds characters that no header can carry".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn extend(headers: &mut HeaderMap, more: &[(&'static str, &'static str)]) {
    for (name, value) in more {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}
