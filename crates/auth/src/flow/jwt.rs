//! JSON Web Tokens (RFC 7519): what they claim, and whether their issuer said so. RS256 only: no other
//! algorithm is asked for, and `none` least of all.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::Value;

/// The longest token that is read, in bytes.
const LONGEST: usize = 64 * 1024;
/// The most keys of a set that are tried.
const MOST_KEYS: usize = 32;

/// Some vendors pad, which RFC 7515 forbids.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A token, taken apart.
pub(crate) struct Jwt<'a> {
    header: Value,
    /// What it claims. Nobody has checked it yet.
    pub(crate) claims: Value,
    signed: &'a [u8],
    signature: Vec<u8>,
}

/// What a token claims, unchecked: for what came from the vendor itself over TLS.
pub(crate) fn claims(token: &str) -> Option<Value> {
    Jwt::read(token).map(|jwt| jwt.claims)
}

impl<'a> Jwt<'a> {
    /// Takes a token apart.
    pub(crate) fn read(token: &'a str) -> Option<Self> {
        if token.len() > LONGEST {
            return None;
        }
        let mut parts = token.split('.');
        let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let object = |part: &str| {
            let bytes = BASE64.decode(part).ok()?;
            serde_json::from_slice(&bytes).ok().filter(Value::is_object)
        };
        Some(Self {
            signed: token.get(..header.len() + 1 + claims.len())?.as_bytes(),
            header: object(header)?,
            claims: object(claims)?,
            signature: BASE64.decode(signature).ok()?,
        })
    }

    /// Whether one of the issuer's keys (RFC 7517) has signed it, and what is wrong otherwise.
    pub(crate) fn verify(&self, keys: &Value) -> Result<(), &'static str> {
        if self.header["alg"] != "RS256" {
            return Err("it is not signed with RS256");
        }
        if !self.header["crit"].is_null() {
            return Err("it asks for extensions that byok does not know");
        }
        let id = self.header["kid"].as_str();
        let fits = |key: &&Value| {
            let says = |name: &str, value: &str| key[name].is_null() || key[name] == value;
            key["kty"] == "RSA"
                && says("use", "sig")
                && says("alg", "RS256")
                && id.is_none_or(|id| key["kid"] == id)
        };
        let all = keys["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut candidates = all.iter().filter(fits).take(MOST_KEYS).peekable();
        if candidates.peek().is_none() {
            return Err("none of the issuer's keys is the one it names");
        }
        if candidates.any(|key| self.is_signed_by(key).is_some()) {
            return Ok(());
        }
        Err("its signature is not the issuer's")
    }

    fn is_signed_by(&self, key: &Value) -> Option<()> {
        let part = |name: &str| {
            let bytes = BASE64.decode(key[name].as_str()?).ok()?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            Some(bytes[zeros..].to_vec())
        };
        let key = RsaPublicKeyComponents { n: part("n")?, e: part("e")? };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, self.signed, &self.signature).ok()
    }
}
