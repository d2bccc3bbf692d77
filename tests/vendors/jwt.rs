//! Tokens that are signed, with a key that is for these tests alone.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

/// Made for these tests; it protects nothing.
const KEY: &[u8] = include_bytes!("signing_key.der");
const NAME: &str = "key-of-the-tests";

fn key() -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(KEY).expect("the key of the tests is sound")
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The claims, signed with RS256.
pub(super) fn signed(claims: &Value) -> String {
    let head = encoded(json!({"alg": "RS256", "kid": NAME, "typ": "JWT"}).to_string());
    let text = format!("{head}.{}", encoded(claims.to_string()));
    let key = key();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .expect("the key of the tests signs");
    format!("{text}.{}", encoded(signature))
}

/// The claims with a signature that nobody's key made.
pub(super) fn forged(claims: &Value) -> String {
    let real = signed(claims);
    let (text, _) = real.rsplit_once('.').expect("three parts");
    format!("{text}.{}", encoded([7; 256]))
}

/// The key set.
pub(super) fn keys() -> Value {
    let public = PublicKeyComponents::<Vec<u8>>::from(key().public());
    json!({"keys": [{
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": NAME,
        "n": encoded(public.n), "e": encoded(public.e),
    }]})
}
