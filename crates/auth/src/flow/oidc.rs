//! OpenID Connect: where an issuer's addresses are, and whether an id token is its word to this very login.
//!
//! Nothing is taken from a discovery document that leads away from the issuer: who answers there receives
//! every refresh token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use subtle::ConstantTimeEq;
use url::Url;

use super::address::{host, origin};
use super::jwt::Jwt;
use super::vendor::{Asker, Vendor, unreadable};
use super::{Issuer, LoginError};

/// How far the clocks of two machines may be apart.
const LEEWAY: Duration = Duration::from_secs(120);

/// What an issuer says about itself.
#[derive(Clone, Debug)]
pub(crate) struct Discovered {
    pub(crate) issuer: String,
    pub(crate) authorize: Url,
    pub(crate) token: Url,
    pub(crate) keys: Url,
    pub(crate) revocation: Option<Url>,
}

/// Reads the issuer's document. Where the person has moved the token address, its origin is the issuer.
pub(crate) async fn discover(vendor: &Vendor<'_>, issuer: &Issuer) -> Result<Discovered, LoginError> {
    let at = vendor.addresses.login(issuer.discovery)?;
    let document = vendor.fetch(&at, Asker::Nobody).await?.accepted()?;
    let strange = |what: &str| unreadable(&host(&at), what);
    let expected = match &vendor.overrides.token_url {
        Some(moved) => origin(moved),
        None => issuer.id.to_owned(),
    };
    let said = document["issuer"].as_str().unwrap_or_default();
    if said != expected {
        return Err(strange("its discovery document is that of another issuer"));
    }
    let address = |name: &str| -> Result<Option<Url>, LoginError> {
        let Some(text) = document[name].as_str() else { return Ok(None) };
        let url = Url::parse(text).ok().filter(|url| origin(url) == expected && url.username().is_empty());
        url.map(Some).ok_or_else(|| strange("its discovery document leads to another host"))
    };
    let needed = |name: &str| {
        address(name)?.ok_or_else(|| strange("its discovery document lacks an address of the login"))
    };
    let given = |given: &Option<Url>, name: &str| given.clone().map_or_else(|| needed(name), Ok);
    Ok(Discovered {
        issuer: said.to_owned(),
        authorize: given(&vendor.overrides.authorize_url, "authorization_endpoint")?,
        token: given(&vendor.overrides.token_url, "token_endpoint")?,
        keys: needed("jwks_uri")?,
        revocation: address("revocation_endpoint")?,
    })
}

/// What an id token has to say.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) now: SystemTime,
}

/// Checks an id token (`OpenID` Connect Core, 3.1.3.7) and gives what it claims.
pub(crate) fn check(token: &str, keys: &Value, expected: &Expected<'_>) -> Result<Value, &'static str> {
    let jwt = Jwt::read(token).ok_or("it is no JWT")?;
    jwt.verify(keys)?;
    let claims = &jwt.claims;
    if claims["iss"] != expected.issuer {
        return Err("another issuer made it");
    }
    let audience: Vec<&str> = match &claims["aud"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !audience.contains(&expected.client) {
        return Err("it was made for another client");
    }
    let party = &claims["azp"];
    if (!party.is_null() && party != expected.client) || (party.is_null() && audience.len() > 1) {
        return Err("it was made for another client");
    }
    let nonce = claims["nonce"].as_str().unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err("it belongs to another login");
    }
    let now = expected.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let leeway = LEEWAY.as_secs();
    let seconds = |claim: &str| {
        let value = &claims[claim];
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast saturates, and dates have no fractions that matter"
        )]
        value.as_u64().or_else(|| value.as_f64().map(|seconds| seconds as u64))
    };
    match seconds("exp") {
        None => return Err("it has no end"),
        Some(end) if end.saturating_add(leeway) <= now => {
            return Err("it has ended already; check the clock of this machine");
        }
        Some(_) => {}
    }
    if ["nbf", "iat"].iter().filter_map(|claim| seconds(claim)).any(|from| from > now.saturating_add(leeway))
    {
        return Err("it begins in the future; check the clock of this machine");
    }
    if claims["sub"].as_str().is_none_or(str::is_empty) {
        return Err("it names nobody");
    }
    Ok(jwt.claims)
}
