//! Single values: numbers, switches, words, names, keys. Each says what it wants, never what it got.

use std::time::Duration;

use byok_types::Secret;
use http::{HeaderName, HeaderValue};

use crate::error::Reason;
use crate::schema;

/// `true` or `false`, as YAML 1.2 spells them.
pub(super) fn switch(text: &str) -> Result<bool, Reason> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err(Reason::Rule("must be true or false")),
    }
}

/// One of a few words.
pub(super) fn word<T: Copy>(text: &str, words: &[(&'static str, T)]) -> Result<T, Reason> {
    if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*meaning);
    }
    let allowed: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    Err(Reason::Choice { nearest: schema::nearest(text, &allowed), allowed })
}

/// Seconds, whole or with a decimal point; more than none, a day at most.
pub(super) fn seconds(text: &str) -> Result<Duration, Reason> {
    number_of_seconds(text)
        .filter(|duration| !duration.is_zero())
        .ok_or(Reason::Rule("must be a number of seconds, more than 0 and at most 86400"))
}

/// The same, where 0 stands for never.
pub(super) fn seconds_or_never(text: &str) -> Result<Option<Duration>, Reason> {
    let duration = number_of_seconds(text)
        .ok_or(Reason::Rule("must be a number of seconds, at most 86400; 0 for never"))?;
    Ok((!duration.is_zero()).then_some(duration))
}

fn number_of_seconds(text: &str) -> Option<Duration> {
    // `f64` also reads `inf`, `1e3` and the like, which nobody means here.
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let seconds: f64 = text.parse().ok()?;
    (0.0..=86_400.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// A port; 0 lets the system choose.
pub(super) fn port(text: &str) -> Result<u16, Reason> {
    whole_number(text)
        .and_then(|port| u16::try_from(port).ok())
        .ok_or(Reason::Rule("must be a whole number from 0 to 65535"))
}

/// A size in bytes, up to a GiB: what is more than that in memory is no request any more.
pub(super) fn bytes(text: &str) -> Result<usize, Reason> {
    whole_number(text)
        .filter(|size| (1..=1024 * 1024 * 1024).contains(size))
        .ok_or(Reason::Rule("must be a whole number of bytes, at least 1 and at most 1073741824"))
}

/// A number of tokens.
pub(super) fn tokens(text: &str) -> Result<u32, Reason> {
    whole_number(text)
        .filter(|tokens| *tokens > 0)
        .and_then(|tokens| u32::try_from(tokens).ok())
        .ok_or(Reason::Rule("must be a whole number of tokens, at least 1, such as 128000"))
}

fn whole_number(text: &str) -> Option<usize> {
    // `parse` alone would take a `+`.
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A text for people or for a form field: something in it, one line.
pub(super) fn line(text: String) -> Result<String, Reason> {
    if text.trim().is_empty() {
        return Err(EMPTY);
    }
    if text.len() > 1024 || text.contains(char::is_control) {
        return Err(Reason::Rule("must be one line of at most 1024 bytes"));
    }
    Ok(text)
}

/// A secret that can stand in a header, which is where it will go.
pub(super) fn secret(text: &str) -> Result<Secret, Reason> {
    // A file or a shell often leaves a line break at the end of a key.
    let text = text.trim();
    if text.is_empty() {
        return Err(EMPTY);
    }
    if text.len() > 16 * 1024 || !text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        return Err(Reason::Rule("must be one line of printable ASCII characters"));
    }
    Ok(Secret::new(text))
}

const EMPTY: Reason =
    Reason::Rule("is empty; leave the field out, or see that the variable it comes from has a value");

/// The name of a model or of an alias of one.
pub(super) fn model_name(text: &str) -> Result<(), Reason> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._:/@-".contains(&b);
    if (1..=256).contains(&text.len()) && text.bytes().all(plain) {
        Ok(())
    } else {
        Err(Reason::Rule("the name of a model is made of letters, digits and `. _ : / @ -`, 256 at most"))
    }
}

/// The name of an app that calls with a key of its own.
pub(super) fn app_name(text: &str) -> Result<(), Reason> {
    if text == "local" {
        return Err(Reason::Rule("`local` stands for callers without a key; choose another name"));
    }
    if text.trim() != text || text.is_empty() || text.len() > 64 || text.contains(char::is_control) {
        return Err(Reason::Rule("must be a name of 1 to 64 characters, without space around it"));
    }
    Ok(())
}

/// A key that tools call with.
pub(super) fn client_key(text: &str) -> Result<(), Reason> {
    let plain = text.bytes().all(|b| b.is_ascii_graphic());
    if text.starts_with("byk_") && (16..=256).contains(&text.len()) && plain {
        Ok(())
    } else {
        Err(Reason::Rule("must start with `byk_` and have 16 to 256 printable characters without spaces"))
    }
}

/// The headers that say where the bytes go and where a message ends. A wrong one breaks the connection.
const OURS: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The name of a header to add, in lower case.
pub(super) fn header_name(text: &str) -> Result<String, Reason> {
    let name = HeaderName::from_bytes(text.as_bytes())
        .or(Err(Reason::Rule("this is not a valid name of a header")))?;
    if OURS.contains(&name.as_str()) {
        return Err(Reason::Rule("this header is byok's own to set; leave it out"));
    }
    Ok(name.as_str().to_owned())
}

/// The value of a header to add.
pub(super) fn header_value(text: &str) -> Result<Secret, Reason> {
    let text = text.trim();
    if text.len() > 16 * 1024 || HeaderValue::from_str(text).is_err() || !text.is_ascii() {
        return Err(Reason::Rule("must be one line of printable ASCII characters"));
    }
    Ok(Secret::new(text))
}
