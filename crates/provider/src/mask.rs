//! Keeps a credential out of what comes back: an upstream that repeats the key it was sent is not allowed to
//! tell it to the tool (security facts, U10).
//!
//! Stars of the same length take its place, so that lengths and framing stay right. A key that an upstream
//! cuts in two between network reads is not found in a stream.

use byok_types::{Credential, Fault, Secret};
use bytes::Bytes;
use http::HeaderValue;
use memchr::memmem;

use crate::spec::ProviderSpec;

/// Shorter texts are no keys, and stand in answers by chance.
const MIN_LENGTH: usize = 8;

/// What must not come back in the answer to one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mask(Vec<Secret>);

impl Mask {
    /// For a call with this credential.
    pub(crate) fn new(spec: &ProviderSpec, credential: &Credential) -> Self {
        let of_config = spec.headers.iter().filter_map(|(_, value)| value.to_str().ok()).map(Secret::new);
        let all =
            credential.bearer().map(|key| Secret::new(key.expose().trim())).into_iter().chain(of_config);
        Self(all.filter(|secret| secret.expose().len() >= MIN_LENGTH).collect())
    }

    /// The bytes with stars for what must not be seen.
    pub(crate) fn bytes(&self, bytes: Bytes) -> Bytes {
        let mut bytes = bytes;
        for secret in &self.0 {
            let needle = secret.expose().as_bytes();
            let found: Vec<usize> = memmem::find_iter(&bytes, needle).collect();
            if found.is_empty() {
                continue;
            }
            let mut masked = bytes.to_vec();
            for at in found {
                masked[at..at + needle.len()].fill(b'*');
            }
            bytes = masked.into();
        }
        bytes
    }

    /// A fault whose texts hold nothing that must not be seen.
    pub(crate) fn fault(&self, mut fault: Fault) -> Fault {
        for secret in &self.0 {
            let stars = |text: &mut String| {
                if text.contains(secret.expose()) {
                    *text = text.replace(secret.expose(), "****");
                }
            };
            stars(&mut fault.message);
            let more =
                [&mut fault.upstream_code, &mut fault.upstream_type, &mut fault.param, &mut fault.request_id];
            more.into_iter().flatten().for_each(stars);
        }
        fault
    }

    /// Whether a header may be shown.
    pub(crate) fn admits(&self, value: &HeaderValue) -> bool {
        self.0.iter().all(|secret| memmem::find(value.as_bytes(), secret.expose().as_bytes()).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_have_the_length_of_what_they_hide() {
        let mask = Mask(vec![Secret::new("sk-0123456789")]);
        let echoed = Bytes::from_static(b"{\"message\":\"bad key sk-0123456789 (sk-0123456789)\"}");
        let masked = mask.bytes(echoed.clone());
        assert_eq!(masked.len(), echoed.len());
        assert_eq!(&masked[..], b"{\"message\":\"bad key ************* (*************)\"}");
        let fault = Fault::upstream_broken("key sk-0123456789 is bad");
        assert_eq!(mask.fault(fault).message, "key **** is bad");
        assert!(!mask.admits(&HeaderValue::from_static("Bearer sk-0123456789")));
    }

    #[test]
    fn what_holds_no_key_is_not_copied() {
        let bytes = Bytes::from_static(b"nothing here");
        assert_eq!(Mask(vec![Secret::new("sk-0123456789")]).bytes(bytes.clone()).as_ptr(), bytes.as_ptr());
    }
}
