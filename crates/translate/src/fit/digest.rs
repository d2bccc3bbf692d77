//! A short, stable digest of text, for names and ids that must be made up the same way every time.

use sha2::{Digest, Sha256};

/// The first `digits` hexadecimal digits of the text's SHA-256, at most 64.
pub(super) fn hex(text: &str, digits: usize) -> String {
    let mut out: String = Sha256::digest(text.as_bytes()).iter().flat_map(|byte| nibbles(*byte)).collect();
    out.truncate(digits);
    out
}

fn nibbles(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 15].map(|nibble| char::from_digit(u32::from(nibble), 16).unwrap_or('0'))
}

/// `text` with what `allowed` refuses replaced by `_`, short enough that nine characters more fit into
/// `limit`, and then `_` and eight digits of `seed`'s digest.
pub(super) fn repaired(text: &str, seed: &str, limit: usize, allowed: impl Fn(char) -> bool) -> String {
    let mut out: String = text.chars().take(limit - 9).map(|c| if allowed(c) { c } else { '_' }).collect();
    out.push('_');
    out.push_str(&hex(seed, 8));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_never_changes() {
        assert_eq!(hex("abc", 8), "ba7816bf");
        assert_eq!(
            repaired("a.b", "a.b", 64, |c| c.is_ascii_alphanumeric()),
            format!("a_b_{}", hex("a.b", 8))
        );
        assert_eq!(repaired(&"x".repeat(200), "y", 64, |_| true).len(), 64);
    }
}
