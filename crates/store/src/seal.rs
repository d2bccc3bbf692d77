//! Seals a secret so that it opens with the right key, unchanged, and in its own place only.
//!
//! XChaCha20-Poly1305 with a fresh random nonce per value: 192 bits, so that random ones never meet. What
//! a value belongs to is its associated data, each part with a length before it, so that no two places
//! write the same bytes. A sealed value is `format (1 byte), nonce (24), ciphertext and tag`.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::error::Error;

/// The format that is written; another first byte does not open.
const FORMAT: u8 = 1;
const NONCE: usize = 24;

/// The key that secrets are sealed with. Cannot be printed; wiped when dropped.
pub(crate) struct DataKey(Zeroizing<[u8; Self::LEN]>);

impl DataKey {
    pub(crate) const LEN: usize = 32;

    /// A new random key.
    pub(crate) fn random() -> Result<Self, Error> {
        let mut key = Self(Zeroizing::new([0; Self::LEN]));
        getrandom::fill(&mut *key.0).map_err(Error::Entropy)?;
        Ok(key)
    }

    /// The key with these bytes; `None` unless there are exactly 32.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut key = Self(Zeroizing::new([0; Self::LEN]));
        if bytes.len() != Self::LEN {
            return None;
        }
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    pub(crate) fn bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8; Self::LEN] {
        &mut self.0
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.0))
    }

    /// Seals `plain` for the place that `place` names.
    pub(crate) fn seal(&self, place: &Place, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(Error::Entropy)?;
        let payload = Payload { msg: plain, aad: &place.0 };
        // The cipher refuses only messages past 256 GiB, which no secret is.
        let text = self.cipher().encrypt(&XNonce::from(nonce), payload).ok();
        let text = text.ok_or(Error::Panicked)?;
        Ok([&[FORMAT], &nonce[..], &text].concat())
    }

    /// Opens what was sealed for the same place with the same key; `None` for anything else.
    pub(crate) fn open(&self, place: &Place, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (&format, rest) = sealed.split_first()?;
        let (nonce, text) = rest.split_first_chunk::<NONCE>()?;
        if format != FORMAT {
            return None;
        }
        let payload = Payload { msg: text, aad: &place.0 };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
    }
}

/// Where a sealed value belongs: what it is for, and the columns that it must not be parted from.
pub(crate) struct Place(Vec<u8>);

impl Place {
    /// The place with these parts. Their number, their order and which of them are absent all count.
    pub(crate) fn new(parts: &[Option<&str>]) -> Self {
        let mut bytes = Vec::new();
        for part in parts {
            match part {
                None => bytes.push(0),
                Some(text) => {
                    bytes.push(1);
                    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
                    bytes.extend_from_slice(text.as_bytes());
                }
            }
        }
        Self(bytes)
    }

    /// The place behind these bytes of a file, which are of a fixed length.
    pub(crate) fn after(purpose: &str, bytes: &[u8]) -> Self {
        let mut place = Self::new(&[Some(purpose)]);
        place.0.extend_from_slice(bytes);
        place
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts() -> impl Strategy<Value = Vec<Option<String>>> {
        prop::collection::vec(prop::option::of("[a-c/\\x00-\\x02]{0,4}"), 0..5)
    }

    fn place(parts: &[Option<String>]) -> Place {
        Place::new(&parts.iter().map(Option::as_deref).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn opens_in_its_own_place_only(a in parts(), b in parts(), plain in prop::collection::vec(any::<u8>(), 0..200)) {
            let key = DataKey::random().unwrap();
            let sealed = key.seal(&place(&a), &plain).unwrap();
            prop_assert_eq!(key.open(&place(&a), &sealed).unwrap().to_vec(), plain);
            prop_assert_eq!(key.open(&place(&b), &sealed).is_some(), a == b);
            prop_assert!(DataKey::random().unwrap().open(&place(&a), &sealed).is_none());
        }

        #[test]
        fn no_changed_or_cut_value_opens(plain in prop::collection::vec(any::<u8>(), 0..100), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let key = DataKey::random().unwrap();
            let here = Place::new(&[Some("here")]);
            let sealed = key.seal(&here, &plain).unwrap();
            let mut flipped = sealed.clone();
            flipped[at.index(sealed.len())] ^= 1 << bit;
            prop_assert!(key.open(&here, &flipped).is_none());
            prop_assert!(key.open(&here, &sealed[..at.index(sealed.len())]).is_none());
        }
    }

    #[test]
    fn the_same_secret_never_seals_the_same() {
        let key = DataKey::random().unwrap();
        let here = Place::new(&[]);
        assert_ne!(key.seal(&here, b"x").unwrap(), key.seal(&here, b"x").unwrap());
    }
}
