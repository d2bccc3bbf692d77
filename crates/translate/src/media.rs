//! Images and documents inside messages: data URLs, and what the first bytes say about a type.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use byok_types::chat::Source;

/// Decodes either padding, with the standard alphabet.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A source out of a URL: the bytes where it is a `data:` URL, the address otherwise. `None` where a
/// data URL cannot be decoded.
pub(crate) fn source_of_url(url: &str) -> Option<Source> {
    let Some(rest) = strip_scheme(url) else {
        return Some(Source::Url { url: url.to_owned(), mime: None });
    };
    let (head, payload) = rest.split_once(',')?;
    let mut parameters = head.split(';').map(str::trim);
    let mime = parameters.next().unwrap_or_default();
    if parameters.any(|parameter| parameter.eq_ignore_ascii_case("base64")) {
        base64_source(mime, payload)
    } else {
        base64_source(mime, &STANDARD.encode(percent_decode(payload)?))
    }
}

/// Bytes given as base64 in any spelling (URL-safe, unpadded, with line ends), with the media type that
/// the bytes themselves show where the label is wrong or missing. `None` where it is no base64.
pub(crate) fn base64_source(declared: &str, data: &str) -> Option<Source> {
    let already_standard = data.len().is_multiple_of(4)
        && data.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    let data = if already_standard {
        data.to_owned()
    } else {
        let standard: String = data
            .chars()
            .filter(|c| !c.is_ascii_whitespace())
            .map(|c| match c {
                '-' => '+',
                '_' => '/',
                other => other,
            })
            .collect();
        STANDARD.encode(LENIENT.decode(standard).ok()?)
    };
    // 32 characters decode to the 24 bytes that the longest signature needs; `get` keeps it in bounds.
    let head = LENIENT.decode(data.get(..data.len().min(32))?).ok()?;
    let mime = sniff(&head).map_or_else(|| normal_mime(declared), str::to_owned);
    Some(Source::Base64 { mime, data })
}

/// The media type that the first bytes show.
pub(crate) fn sniff(head: &[u8]) -> Option<&'static str> {
    match head {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'%', b'P', b'D', b'F', ..] => Some("application/pdf"),
        _ => None,
    }
}

/// `image/jpg` is `image/jpeg`; types are lower case.
fn normal_mime(declared: &str) -> String {
    let lower = declared.trim().to_ascii_lowercase();
    match lower.as_str() {
        "image/jpg" => "image/jpeg".to_owned(),
        "" => "application/octet-stream".to_owned(),
        _ => lower,
    }
}

/// The data URL that holds these bytes.
pub(crate) fn data_url(mime: &str, data: &str) -> String {
    format!("data:{mime};base64,{data}")
}

fn strip_scheme(url: &str) -> Option<&str> {
    let scheme = url.get(..5)?;
    scheme.eq_ignore_ascii_case("data:").then(|| &url[5..])
}

fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let hex = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(str::from_utf8(&hex).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &str =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    fn mime_of(source: Option<Source>) -> String {
        match source {
            Some(Source::Base64 { mime, .. }) => mime,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_bytes_win_over_the_label() {
        assert_eq!(mime_of(source_of_url(&format!("data:image/jpeg;base64,{PNG}"))), "image/png");
        assert_eq!(mime_of(source_of_url(&format!("DATA:;charset=utf-8;base64,{PNG}"))), "image/png");
    }

    #[test]
    fn every_spelling_of_base64_becomes_the_standard_one() {
        let unpadded = PNG.trim_end_matches('=').replace('+', "-").replace('/', "_");
        assert_eq!(base64_source("image/png", &unpadded), base64_source("image/png", PNG));
        assert_eq!(base64_source("image/png", "not base64!"), None);
    }

    #[test]
    fn a_percent_encoded_data_url_is_read() {
        let Some(Source::Base64 { mime, data }) = source_of_url("data:text/plain,Hello%20there") else {
            panic!("no bytes");
        };
        assert_eq!(
            (mime.as_str(), STANDARD.decode(data).unwrap().as_slice()),
            ("text/plain", &b"Hello there"[..])
        );
    }

    #[test]
    fn other_addresses_stay_addresses() {
        let url = "https://example.com/a.png".to_owned();
        assert_eq!(source_of_url(&url), Some(Source::Url { url, mime: None }));
    }
}
