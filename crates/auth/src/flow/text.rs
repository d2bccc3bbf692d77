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
