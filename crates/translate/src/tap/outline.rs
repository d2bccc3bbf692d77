//! A JSON document without what its lists hold, put together as the document comes.
//!
//! It tells what stands beside a list, however long that is. A document that is no JSON makes an outline
//! that is none either.

/// The most that is kept. What is left out of an answer of embeddings is nearly all of it.
const MOST: usize = 64 * 1024;

/// The outline so far.
#[derive(Debug, Default)]
pub(super) struct Outline {
    kept: Vec<u8>,
    /// How many lists the next byte is in.
    depth: usize,
    in_string: bool,
    /// Whether the next byte of a string is escaped.
    escaped: bool,
    overflown: bool,
}

impl Outline {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let was_inside = self.depth > 0;
            if self.in_string {
                (self.escaped, self.in_string) =
                    (byte == b'\\' && !self.escaped, byte != b'"' || self.escaped);
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'[' => self.depth += 1,
                    b']' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
            }
            // The outermost brackets stay.
            if was_inside && self.depth > 0 {
                continue;
            }
            if self.kept.len() == MOST {
                self.overflown = true;
                return;
            }
            self.kept.push(byte);
        }
    }

    /// The outline; `None` where it was too large to keep.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        let kept = std::mem::take(&mut self.kept);
        (!self.overflown).then_some(kept)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outline(document: &str) -> Option<String> {
        let mut outline = Outline::default();
        for byte in document.as_bytes() {
            outline.feed(std::slice::from_ref(byte));
        }
        outline.take().map(|kept| String::from_utf8(kept).unwrap())
    }

    #[test]
    fn lists_are_empty_and_strings_are_no_lists() {
        assert_eq!(
            outline(r#"{"a[":"]\"[","b":[1,[2,"]"],{"c":[3]}],"d\\":{"e":4}}"#).as_deref(),
            Some(r#"{"a[":"]\"[","b":[],"d\\":{"e":4}}"#)
        );
    }

    #[test]
    fn a_large_outline_is_none() {
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(MOST));
        assert_eq!(outline(&large), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut outline = Outline::default();
            outline.feed(&bytes);
            prop_assert!(outline.take().unwrap().len() <= bytes.len());
        }
    }
}
