//! How a person logs in at a provider: the row's flows with the config over them, and the way to the vendor.
//!
//! Logins go out through the same client and the same proxy as calls do. What a flow does is `byok-auth`'s;
//! what is stored is the vault's.

use std::sync::{Arc, Weak};
use std::time::Duration;

use byok_auth::http::Answering;
use byok_auth::renew::Renewing;
use byok_auth::{Flow, Http, HttpError, Overrides, Renew, RenewError, flow};
use byok_types::{AccountKey, Detail, TokenSet};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use url::Url;

use crate::dispatch::collect;
use crate::prepare::OWN_NAME;
use crate::row::{Calls, Health, Way};
use crate::spec::ProviderSpec;
use crate::upstreams::{Inner, Upstreams};

/// How long a vendor's answer may take, from connecting to its last byte.
const PATIENCE: Duration = Duration::from_secs(15);
/// How large it may be.
const MOST: usize = 1024 * 1024;
/// A token of an unknown flow is renewed so long before its end, if ever.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// A way to log in at a provider.
#[derive(Clone, Debug)]
pub struct Login {
    /// How it goes.
    pub flow: &'static Flow,
    /// What the config says in place of the flow's own values.
    pub overrides: Overrides,
    /// Whether such a login serves third-party programs.
    pub health: Health,
    /// What the vendor has published about it, in one line.
    pub terms: &'static str,
    /// Whether this version can make calls with such a login.
    pub calls: Calls,
}

impl Upstreams {
    /// How a person can log in at a provider; the first is the default. Empty where there are keys only.
    pub fn logins(&self, spec: &ProviderSpec) -> Vec<Login> {
        spec.ways().iter().map(|way| login(spec, way)).collect()
    }

    /// The way that an account's login was made, for renewing or revoking it.
    pub fn login_of(&self, spec: &ProviderSpec, tokens: &TokenSet) -> Option<Login> {
        spec.way(tokens.details.get(Detail::Flow)).map(|way| login(spec, way))
    }

    /// The way to a provider's login addresses: the one client, with the provider's proxy.
    pub fn http(&self, spec: &ProviderSpec) -> Arc<dyn Http> {
        Arc::new(Door { upstreams: Arc::downgrade(&self.0), proxy: spec.proxy.clone() })
    }

    /// Renews logins by their providers' flows, as the config in force has them.
    pub fn renewer(&self) -> Arc<dyn Renew> {
        Arc::new(Renewer(Arc::downgrade(&self.0)))
    }
}

fn login(spec: &ProviderSpec, way: &'static Way) -> Login {
    let oauth = &spec.oauth;
    Login {
        flow: &way.flow,
        overrides: Overrides {
            client_id: oauth.client_id.clone(),
            client_secret: oauth.client_secret.clone(),
            authorize_url: oauth.authorize_url.clone(),
            token_url: oauth.token_url.clone(),
            device_url: oauth.device_url.clone(),
            scopes: oauth.scopes.clone(),
            api_base: spec.base_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned()),
        },
        health: way.health,
        terms: way.terms,
        calls: way.calls,
    }
}

/// The client, without keeping it alive: the vault holds a renewer, and the upstreams hold the vault.
struct Door {
    upstreams: Weak<Inner>,
    proxy: Option<Url>,
}

impl Http for Door {
    fn call(&self, request: Request<Bytes>) -> Answering<'_> {
        Box::pin(async move {
            let upstreams = self.upstreams.upgrade().ok_or_else(ending)?;
            let mut request = request.map(Full::new);
            let headers = request.headers_mut();
            headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(OWN_NAME));
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            let answering = async {
                let response = upstreams.client.send(request, self.proxy.as_ref()).await?;
                let (head, body) = response.into_parts();
                let body = collect(body, MOST, PATIENCE).await?;
                Ok(Response::from_parts(head, body))
            };
            match tokio::time::timeout(PATIENCE, answering).await {
                Ok(answered) => {
                    answered.map_err(|fault: Box<byok_types::Fault>| HttpError(fault.message.clone()))
                }
                Err(_) => Err(HttpError(format!("no answer within {} s", PATIENCE.as_secs()))),
            }
        })
    }
}

fn ending() -> HttpError {
    HttpError("byok is ending".to_owned())
}

/// Renews by the flow that a login was made with.
struct Renewer(Weak<Inner>);

impl Renewer {
    fn way(&self, key: &AccountKey, tokens: &TokenSet) -> Option<(Login, Arc<dyn Http>)> {
        let upstreams = Upstreams(self.0.upgrade()?);
        let spec = upstreams.provider(key.provider.as_str())?;
        Some((upstreams.login_of(&spec, tokens)?, upstreams.http(&spec)))
    }
}

impl Renew for Renewer {
    fn renew<'a>(&'a self, key: &'a AccountKey, tokens: &'a TokenSet) -> Renewing<'a> {
        Box::pin(async move {
            if self.0.strong_count() == 0 {
                return Err(RenewError::Temporary { reason: ending().0, retry_after: None });
            }
            let Some((login, http)) = self.way(key, tokens) else {
                let reason = format!(
                    "this version of byok does not know how the login of {key} was made; log in again with \
                     `byok login {}`",
                    key.provider
                );
                return Err(RenewError::Impossible { reason });
            };
            flow::renew(login.flow, &login.overrides, tokens, &*http).await
        })
    }

    fn margin(&self, key: &AccountKey, tokens: &TokenSet) -> Duration {
        self.way(key, tokens).map_or(MARGIN, |(login, _)| flow::margin(login.flow, tokens))
    }

    fn login_name(&self, key: &AccountKey) -> String {
        let upstreams = self.0.upgrade().map(Upstreams);
        let spec = upstreams.and_then(|upstreams| upstreams.provider(key.provider.as_str()));
        spec.map_or_else(|| key.provider.to_string(), |spec| spec.login_name().to_owned())
    }
}
