//! How good a passphrase is, from its own text: length, kinds of characters, what everyone tries first.
//!
//! The rules are those of the wallets that byok can exchange people with: 12 characters at least, and a
//! score of 2 of 4.

use byok_types::Secret;

/// The least number of characters.
const SHORTEST: usize = 12;
/// From this many on, length alone counts twice.
const LONG: usize = 16;
/// The least score that is taken.
const ENOUGH: u8 = 2;

/// What is to be said about a passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strength {
    /// From 0 to 4.
    pub score: u8,
    /// What would make it better.
    pub advice: Vec<&'static str>,
}

impl Strength {
    /// Whether it may protect a wallet.
    pub fn is_enough(&self) -> bool {
        self.score >= ENOUGH
    }

    /// The score as a word.
    pub fn name(&self) -> &'static str {
        ["too weak", "weak", "fair", "strong", "very strong"][usize::from(self.score.min(4))]
    }
}

/// Judges a passphrase.
pub fn strength(passphrase: &Secret) -> Strength {
    let text = passphrase.expose();
    let length = text.chars().count();
    if length < SHORTEST {
        return Strength { score: 0, advice: vec!["use at least 12 characters; several words do well"] };
    }
    // Lower case makes another copy of the secret, so it is compared in place.
    if COMMON.iter().any(|common| common.eq_ignore_ascii_case(text)) {
        return Strength { score: 0, advice: vec!["choose one that is not on every list of passwords"] };
    }
    let mut score: i8 = if length >= LONG { 2 } else { 1 };
    let mut advice = Vec::new();
    if length < LONG {
        advice.push("make it 16 characters or longer");
    }
    match kinds(text) {
        4 => score += 2,
        3 => score += 1,
        2 => {}
        _ => advice.push("mix letters with digits or signs"),
    }
    if repeats(text) {
        score -= 1;
        advice.push("avoid one character many times in a row");
    }
    if runs(text) {
        score -= 1;
        advice.push("avoid runs such as 123 or abc");
    }
    Strength { score: score.clamp(0, 4).unsigned_abs(), advice }
}

/// How many of lower case, upper case, digits and all else occur.
fn kinds(text: &str) -> usize {
    let mut found = [false; 4];
    for c in text.chars() {
        let kind = match c {
            _ if c.is_lowercase() => 0,
            _ if c.is_uppercase() => 1,
            _ if c.is_numeric() => 2,
            _ => 3,
        };
        found[kind] = true;
    }
    found.into_iter().filter(|found| *found).count()
}

/// Whether one character stands four times in a row.
fn repeats(text: &str) -> bool {
    let mut last = None;
    let mut count = 0;
    text.chars().any(|c| {
        count = if last == Some(c) { count + 1 } else { 1 };
        last = Some(c);
        count >= 4
    })
}

/// Whether three digits or the first letters of the alphabet follow each other upwards.
fn runs(text: &str) -> bool {
    const LETTERS: [&[u8; 3]; 4] = [b"abc", b"bcd", b"cde", b"def"];
    text.as_bytes().windows(3).any(|three| {
        let digits = three.iter().all(u8::is_ascii_digit);
        (digits && three[1] == three[0] + 1 && three[2] == three[1] + 1)
            || LETTERS.iter().any(|run| three.eq_ignore_ascii_case(*run))
    })
}

/// Passphrases that are long enough and are tried first. Shorter ones fail by their length.
const COMMON: &[&str] = &[
    "123456789012",
    "1234567890123",
    "1234567890123456",
    "abcdefghijkl",
    "abcdefghijklm",
    "administrator",
    "aaaaaaaaaaaa",
    "changemechangeme",
    "changemeplease",
    "correcthorsebatterystaple",
    "iloveyouforever",
    "iloveyousomuch",
    "ihaveapassword",
    "letmeinletmein",
    "letmeinplease",
    "monkeymonkey",
    "mypassword123",
    "mypassword1234",
    "passw0rdpassw0rd",
    "password1234",
    "password12345",
    "password123456",
    "passwordpassword",
    "passwort1234",
    "p@ssw0rd1234",
    "qwerty123456",
    "qwertyqwerty",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiopasdf",
    "qwertyuiopasdfghjklzxcvbnm",
    "sunshine1234",
    "superman1234",
    "thisismypassword",
    "trustno1trustno1",
    "welcome12345",
    "welcomewelcome",
    "zxcvbnm12345",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scores() {
        for (text, score) in [
            ("", 0),
            ("Sh0rt-but-ok", 3),
            ("Sh0rt-but-o", 0),
            ("passwordpassword", 0),
            ("PassWord1234", 0),
            ("lowercaseonly", 1),
            ("lowercaseonlybutlong", 2),
            ("correct horse battery staple", 2),
            ("Correct horse battery staple 9", 4),
            ("aaaabbbbccccdddd", 1),
            ("some words 123 more", 2),
            ("xxxx 123 XXXX", 1),
            ("ünï code wörter", 1),
        ] {
            assert_eq!(strength(&Secret::new(text)).score, score, "{text}");
        }
        assert!(!strength(&Secret::new("lowercaseonly")).is_enough());
        assert!(strength(&Secret::new("lowercaseonlybutlong")).is_enough());
    }

    #[test]
    fn what_is_listed_would_pass_by_its_length() {
        assert!(COMMON.iter().all(|common| common.len() >= SHORTEST));
    }

    proptest! {
        #[test]
        fn any_text_has_a_score(text in any::<String>()) {
            let strength = strength(&Secret::new(text.as_str()));
            prop_assert!(strength.score <= 4);
            prop_assert!(text.chars().count() >= SHORTEST || !strength.is_enough());
            prop_assert!(strength.score > 0 || !strength.advice.is_empty());
        }
    }
}
