//! Vendors' texts, made fit to be shown: short, without control characters, without what was sent.

use byok_types::Secret;

/// As much of a text as is shown, in characters.
const LONGEST: usize = 300;
/// A longer word is no word: it may be a token of which nobody told us.
const LONGEST_WORD: usize = 48;

/// The text in one line, with `hidden` replaced; `None` when nothing is left.
pub(crate) fn clean(text: &str, hidden: &[Secret]) -> Option<String> {
    // What is too long to be shown whole needs no looking at to its end.
    let end = text.char_indices().nth(LONGEST * 8).map_or(text.len(), |(at, _)| at);
    let mut text = text[..end].to_owned();
    for secret in hidden.iter().map(Secret::expose).filter(|secret| secret.len() >= 4) {
        text = text.replace(secret, "****");
    }
    let plain: String = text.chars().map(|c| if is_plain(c) { c } else { ' ' }).collect();
    let words = plain.split_whitespace().map(|word| {
        let long = word.chars().count() > LONGEST_WORD;
        if long { "…" } else { word }
    });
    let line = words.collect::<Vec<_>>().join(" ");
    let shown: String = match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
        None => line,
    };
    (!shown.is_empty()).then_some(shown)
}

/// A code such as `invalid_grant`; `None` where it looks like anything else.
pub(crate) fn code(text: &str) -> Option<String> {
    let fits = (1..=64).contains(&text.len());
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':');
    (fits && text.bytes().all(word)).then(|| text.to_owned())
}

/// A name that is kept (an e-mail address, a project's id); `None` where it cannot be one.
pub(crate) fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = (1..=256).contains(&text.len()) && text.chars().all(is_plain);
    fits.then(|| text.to_owned())
}

/// Neither a control character nor one that changes how what follows is shown.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_short_plain_and_without_what_was_sent() {
        let hidden = [Secret::new("the-code"), Secret::new("x")];
        let clean = |text: &str| clean(text, &hidden);
        assert_eq!(clean("code the-code\nwas \x1b[31mused\u{202e}").unwrap(), "code **** was [31mused");
        assert_eq!(clean("an x stays").unwrap(), "an x stays");
        assert_eq!(clean(&format!("token {}", "a1".repeat(40))).unwrap(), "token …");
        assert_eq!(clean(" \n\t\u{200b}"), None);
        let long = clean(&"word ".repeat(500)).unwrap();
        assert!(long.chars().count() <= LONGEST + 1, "{long}");
        assert!(clean(&format!("{}the-code", "word ".repeat(1000))).is_some());
    }

    #[test]
    fn codes_and_names_are_what_they_look_like() {
        assert_eq!(code("invalid_grant").unwrap(), "invalid_grant");
        for bad in ["", "two words", "ünd", "a/b", &"x".repeat(65)] {
            assert_eq!(code(bad), None, "{bad}");
        }
        assert_eq!(name(" me@example.com ").unwrap(), "me@example.com");
        for bad in ["", " ", "a\nb", "a\u{202e}b", &"x".repeat(257)] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_ever_shown(before in ".*", secret in "[a-zA-Z0-9]{8,40}", after in ".*") {
            let shown = clean(&format!("{before}{secret}{after}"), &[Secret::new(secret.as_str())]);
            let shown = shown.unwrap_or_default();
            prop_assert!(!shown.contains(&secret));
            prop_assert!(shown.chars().all(|c| !c.is_control()));
            prop_assert!(shown.chars().count() <= LONGEST + 1);
        }
    }
}
