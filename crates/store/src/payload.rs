//! A credential as the bytes that are sealed.
//!
//! JSON, so that a later version can add a field that this one ignores. The buffer is wiped, and is large
//! enough from the start that no copy stays behind in memory that it grew out of.

use std::borrow::Cow;
use std::collections::BTreeMap;

use byok_types::{Credential, CredentialKind, Secret, TokenSet};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::time;

#[derive(Serialize, Deserialize)]
struct ApiKey<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct Tokens<'a> {
    #[serde(borrow)]
    access: Cow<'a, str>,
    #[serde(borrow, default)]
    refresh: Option<Cow<'a, str>>,
    /// Milliseconds since 1970.
    #[serde(default)]
    expires_at: Option<i64>,
    #[serde(borrow, default)]
    label: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    details: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

/// The bytes to seal.
pub(crate) fn write(credential: &Credential) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    match credential {
        Credential::ApiKey(key) => json(&ApiKey { key: Cow::Borrowed(key.expose()) }, key.expose().len()),
        Credential::OAuth(tokens) => {
            let refresh = tokens.refresh.as_ref().map(Secret::expose);
            let label = tokens.label.as_deref();
            let details = tokens.details.iter().map(|(name, value)| (name, value.expose()));
            let length = tokens.access.expose().len()
                + refresh.map_or(0, str::len)
                + label.map_or(0, str::len)
                + details.clone().map(|(name, value)| name.len() + value.len() + 8).sum::<usize>();
            json(
                &Tokens {
                    access: Cow::Borrowed(tokens.access.expose()),
                    refresh: refresh.map(Cow::Borrowed),
                    expires_at: tokens.expires_at.map(time::to_ms),
                    label: label.map(Cow::Borrowed),
                    details: details
                        .map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value)))
                        .collect(),
                },
                length,
            )
        }
        Credential::None => Ok(Zeroizing::new(Vec::new())),
    }
}

/// `length`: of all text in `value`. A byte of it takes six at most (`\u0000`).
fn json(value: &impl Serialize, length: usize) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(6 * length + 256));
    serde_json::to_writer(&mut *bytes, value)?;
    Ok(bytes)
}

/// The credential in opened bytes; `None` when they are not what [`write()`] makes.
pub(crate) fn read(kind: CredentialKind, bytes: &[u8]) -> Option<Credential> {
    match kind {
        CredentialKind::ApiKey => {
            let payload: ApiKey<'_> = serde_json::from_slice(bytes).ok()?;
            Some(Credential::ApiKey(Secret::new(payload.key)))
        }
        CredentialKind::OAuth => {
            let payload: Tokens<'_> = serde_json::from_slice(bytes).ok()?;
            Some(Credential::OAuth(TokenSet {
                access: Secret::new(payload.access),
                refresh: payload.refresh.map(Secret::new),
                expires_at: payload.expires_at.map(time::from_ms),
                label: payload.label.map(Cow::into_owned),
                details: payload
                    .details
                    .into_iter()
                    .map(|(name, value)| (name.into_owned(), Secret::new(value)))
                    .collect(),
            }))
        }
        CredentialKind::None => bytes.is_empty().then_some(Credential::None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tokens_come_back(access in any::<String>(), refresh in any::<Option<String>>(), label in any::<Option<String>>(), ms in any::<Option<u32>>(), details in any::<BTreeMap<String, String>>()) {
            let tokens = TokenSet {
                access: Secret::new(access.as_str()),
                refresh: refresh.clone().map(Secret::new),
                expires_at: ms.map(|ms| time::from_ms(i64::from(ms))),
                label: label.clone(),
                details: details.clone().into_iter().map(|(name, value)| (name, Secret::new(value))).collect(),
            };
            let bytes = write(&Credential::OAuth(tokens.clone())).unwrap();
            let Some(Credential::OAuth(back)) = read(CredentialKind::OAuth, &bytes) else {
                return Err(TestCaseError::fail("no tokens"));
            };
            prop_assert_eq!(back.access.expose(), access);
            prop_assert_eq!(back.refresh.as_ref().map(|secret| secret.expose().to_owned()), refresh);
            prop_assert_eq!(back.expires_at, tokens.expires_at);
            prop_assert_eq!(back.label, label);
            let held: BTreeMap<String, String> =
                back.details.iter().map(|(name, value)| (name.to_owned(), value.expose().to_owned())).collect();
            prop_assert_eq!(held, details);
        }

        #[test]
        fn garbage_is_no_credential_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 1..100)) {
            prop_assert!(read(CredentialKind::None, &bytes).is_none());
            let _ = read(CredentialKind::ApiKey, &bytes);
            let _ = read(CredentialKind::OAuth, &bytes);
        }
    }
}
