//! Who asks: the client id of a login, and where it comes from.

use std::time::{SystemTime, UNIX_EPOCH};

use byok_types::{Detail, Details, Secret};
use serde_json::{Value, json};

use super::answer::{moment, text_at, token};
use super::vendor::{Asker, Vendor, unreadable};
use super::{Client, Flow, LoginError, Overrides};

/// A registration that ends this soon is not used for another login: it must outlive the login's renewals.
const DAYS_LEFT: u64 = 7 * 24 * 60 * 60;

/// A client id, with its secret.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) id: String,
    pub(crate) secret: Option<Secret>,
    /// When the vendor forgets it, in Unix seconds.
    expires: Option<u64>,
    /// Whether it belongs to the login, which then keeps it.
    own: bool,
}

impl Identity {
    /// The client that the flow knows, or the config.
    pub(crate) fn known(flow: &Flow, overrides: &Overrides) -> Option<Self> {
        let given = overrides.client_secret.clone();
        if let Some(id) = &overrides.client_id {
            return Some(Self { id: id.clone(), secret: given, expires: None, own: false });
        }
        match flow.client {
            Client::Known { id, secret } => {
                let published = secret.map(|(first, second)| Secret::new(format!("{first}{second}")));
                Some(Self { id: id.to_owned(), secret: given.or(published), expires: None, own: false })
            }
            Client::Issued { .. } | Client::Registered { .. } => None,
        }
    }

    /// A client that the vendor issued to a login.
    pub(crate) fn issued(id: &str) -> Self {
        Self { id: id.to_owned(), secret: None, expires: None, own: true }
    }

    /// The client that a login keeps.
    pub(crate) fn kept(details: &Details) -> Option<Self> {
        Some(Self {
            id: details.get(Detail::ClientId)?.to_owned(),
            secret: details.get(Detail::ClientSecret).map(Secret::new),
            expires: details.get(Detail::ClientExpires).and_then(|seconds| seconds.parse().ok()),
            own: true,
        })
    }

    /// Whether there is time left for another login.
    pub(crate) fn lasts(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.expires.is_none_or(|end| end > now.saturating_add(DAYS_LEFT))
    }

    /// Puts it into what the login keeps.
    pub(crate) fn keep(&self, details: &mut Details) {
        if !self.own {
            return;
        }
        details.set(Detail::ClientId, self.id.as_str());
        if let Some(secret) = &self.secret {
            details.set(Detail::ClientSecret, secret.expose());
        }
        if let Some(expires) = self.expires {
            details.set(Detail::ClientExpires, expires.to_string());
        }
    }
}

/// What a registration is for.
pub(crate) enum Purpose<'a> {
    Code { redirect: &'a str, start_url: &'a str },
    Device,
}

/// Registers byok under its own name.
pub(crate) async fn register(
    vendor: &Vendor<'_>,
    url: &str,
    scopes: &[&str],
    purpose: &Purpose<'_>,
) -> Result<Identity, LoginError> {
    let at = vendor.addresses.login(url)?;
    let mut body = json!({ "clientName": "byok", "clientType": "public", "scopes": scopes });
    if let Some(scopes) = &vendor.overrides.scopes {
        body["scopes"] = json!(scopes);
    }
    match purpose {
        Purpose::Code { redirect, start_url } => {
            body["grantTypes"] = json!(["authorization_code", "refresh_token"]);
            body["redirectUris"] = json!([redirect]);
            body["issuerUrl"] = json!(start_url);
        }
        Purpose::Device => {
            body["grantTypes"] = json!(["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]);
        }
    }
    let answer = vendor.post_json(&at, Asker::Nobody, &body).await?;
    let host = answer.host.clone();
    let value = answer.accepted()?;
    let id = text_at(&value, &["/clientId"]);
    let id = id.ok_or_else(|| unreadable(&host, "with a registration that has no client id"))?;
    let secret = value["clientSecret"].as_str().and_then(token);
    // Zero means that it does not end (RFC 7591, 3.2.1).
    let expires = moment(value.get("clientSecretExpiresAt").unwrap_or(&Value::Null)).filter(|end| *end > 0);
    Ok(Identity { id, secret, expires, own: true })
}
