//! `OpenID` Connect: where an issuer's addresses are, and whether an id token is its word to this very login.
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

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use ring::rand::SystemRandom;
    use ring::signature::{
        RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
    };
    use serde_json::json;

    use super::*;
    use crate::flow::arbitrary;

    const NOW: u64 = 1_795_000_000;

    fn key() -> RsaKeyPair {
        RsaKeyPair::from_pkcs8(include_bytes!("../../testdata/issuer.der")).unwrap()
    }

    fn keys() -> Value {
        let key = key();
        let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
        json!({ "keys": [
            { "kty": "EC", "kid": "k1", "crv": "P-256" },
            { "kty": "RSA", "kid": "other", "n": part(&[1; 256]), "e": "AQAB" },
            {
                "kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256",
                // Some issuers write the sign byte of the modulus.
                "n": part(&[vec![0], n].concat()),
                "e": part(&e),
            },
        ]})
    }

    fn signed(header: &Value, claims: &Value, with: &'static dyn RsaEncoding) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let key = key();
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(with, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    fn header() -> Value {
        json!({ "alg": "RS256", "kid": "k1", "typ": "JWT" })
    }

    fn good() -> Value {
        json!({
            "iss": "https://issuer", "aud": "client", "nonce": "n1", "sub": "person", "iat": NOW - 5,
            "exp": NOW + 300,
        })
    }

    fn checked(token: &str, keys: &Value) -> Result<Value, &'static str> {
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        check(token, keys, &Expected { issuer: "https://issuer", client: "client", nonce: "n1", now })
    }

    #[test]
    fn an_issuers_word_is_believed() {
        let token = |claims: &Value| signed(&header(), claims, &RSA_PKCS1_SHA256);
        assert_eq!(checked(&token(&good()), &keys()).unwrap()["sub"], "person");
        for (claim, value) in [
            ("aud", json!(["client"])),
            ("azp", json!("client")),
            ("exp", json!(NOW - 60)),
            ("exp", json!(1e12)),
            ("iat", json!(NOW + 60)),
            ("iat", Value::Null),
        ] {
            let mut claims = good();
            claims[claim] = value;
            assert!(checked(&token(&claims), &keys()).is_ok(), "{claims}");
        }
        let mut unnamed = header();
        unnamed.as_object_mut().unwrap().remove("kid");
        assert!(checked(&signed(&unnamed, &good(), &RSA_PKCS1_SHA256), &keys()).is_ok());
    }

    #[test]
    fn every_claim_counts() {
        let mut said = Vec::new();
        for (claim, value) in [
            ("iss", json!("https://other")),
            ("iss", json!("https://issuer/")),
            ("iss", Value::Null),
            ("aud", json!("other")),
            ("aud", json!(["other"])),
            ("aud", json!(["client", "other"])),
            ("aud", Value::Null),
            ("azp", json!("other")),
            ("nonce", json!("n2")),
            ("nonce", Value::Null),
            ("exp", json!(NOW - 200)),
            ("exp", Value::Null),
            ("exp", json!("later")),
            ("nbf", json!(NOW + 300)),
            ("iat", json!(NOW + 300)),
            ("sub", json!("")),
        ] {
            let mut claims = good();
            claims[claim] = value.clone();
            let wrong = checked(&signed(&header(), &claims, &RSA_PKCS1_SHA256), &keys()).unwrap_err();
            said.push(format!("{claim} = {value}: {wrong}"));
        }
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn only_an_issuers_signature_counts() {
        let token = signed(&header(), &good(), &RSA_PKCS1_SHA256);
        let (message, signature) = token.rsplit_once('.').unwrap();
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let unsigned =
            |alg: &str| format!("{}.{}.", part(&json!({ "alg": alg, "kid": "k1" })), part(&good()));
        let forged = {
            let mut claims = good();
            claims["sub"] = json!("admin");
            format!("{}.{}.{signature}", part(&header()), part(&claims))
        };
        for bad in [
            unsigned("none"),
            unsigned("None"),
            unsigned("RS256"),
            format!("{message}."),
            forged,
            signed(&json!({ "alg": "RS512", "kid": "k1" }), &good(), &RSA_PKCS1_SHA512),
            signed(&json!({ "alg": "HS256", "kid": "k1" }), &good(), &RSA_PKCS1_SHA256),
            signed(&json!({ "alg": "RS256", "kid": "other" }), &good(), &RSA_PKCS1_SHA256),
            signed(&json!({ "alg": "RS256", "kid": "k9" }), &good(), &RSA_PKCS1_SHA256),
            signed(&json!({ "alg": "RS256", "crit": ["b64"] }), &good(), &RSA_PKCS1_SHA256),
            format!("{token}.x"),
            String::new(),
            "a.b.c".to_owned(),
        ] {
            assert!(checked(&bad, &keys()).is_err(), "{bad}");
        }
        for no_keys in [json!({}), json!({ "keys": [] }), json!({ "keys": {} }), Value::Null] {
            assert!(checked(&token, &no_keys).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_token_makes_it_panic(token in ".*") {
            prop_assert!(checked(&token, &keys()).is_err());
        }

        #[test]
        fn no_part_makes_it_panic(header in arbitrary::json(), claims in arbitrary::json(), rest in ".*") {
            let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
            let token = format!("{}.{}.{rest}", part(&header), part(&claims));
            prop_assert!(checked(&token, &keys()).is_err());
        }

        #[test]
        fn no_key_set_makes_it_panic(keys in arbitrary::json()) {
            let token = signed(&header(), &good(), &RSA_PKCS1_SHA256);
            let keys = json!({ "keys": keys });
            prop_assert!(checked(&token, &keys).is_err());
        }
    }
}
