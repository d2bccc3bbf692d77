//! What pictures, documents and sounds cost, by what their first bytes tell.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use byok_types::chat::MediaKind;

/// A picture looked at roughly.
const LOW_DETAIL: u64 = 85;
/// Each tile of 512 by 512 of one looked at closely.
const TILE: u64 = 170;
/// A picture of 1024 by 1024, which is what one of unknown size counts as.
const USUAL_IMAGE: u64 = LOW_DETAIL + 4 * TILE;
/// A page of a document, its text and its look together.
const PAGE: u64 = 2_000;
/// How many bytes of a document make a page where its pages cannot be counted.
const PAGE_BYTES: usize = 64 * 1024;
/// How many bytes of sound or film make a token.
const AUDIO_BYTES: usize = 3_200;
const VIDEO_BYTES: usize = 1_000;
/// How much of a picture is read to find its size. Cameras put a preview before it.
const HEAD: usize = 256 * 1024;

/// What a medium costs that is not here.
pub(super) fn unseen(kind: MediaKind) -> u64 {
    match kind {
        MediaKind::Document => PAGE,
        MediaKind::Audio | MediaKind::Image | MediaKind::Video => USUAL_IMAGE,
    }
}

/// What a medium in base64 costs.
pub(super) fn tokens(kind: MediaKind, detail: Option<&str>, base64: &str) -> u64 {
    let bytes = base64.len() / 4 * 3;
    match kind {
        MediaKind::Audio => count(bytes / AUDIO_BYTES + 1),
        MediaKind::Document => PAGE * count(pages(base64).unwrap_or(bytes / PAGE_BYTES).max(1)),
        MediaKind::Image if detail == Some("low") => LOW_DETAIL,
        MediaKind::Image => size(base64).map_or(USUAL_IMAGE, |(width, height)| image(width, height)),
        MediaKind::Video => count(bytes / VIDEO_BYTES + 1),
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A picture is made to fit 2048 by 2048, then to be 768 on its shorter side, and cut into tiles.
fn image(width: u32, height: u32) -> u64 {
    let (long, short) = (u64::from(width.max(height)).max(1), u64::from(width.min(height)).max(1));
    let (long, short) = if long > 2048 { (2048, (short * 2048 / long).max(1)) } else { (long, short) };
    let (long, short) = if short > 768 { ((long * 768).div_ceil(short), 768) } else { (long, short) };
    LOW_DETAIL + TILE * long.div_ceil(512) * short.div_ceil(512)
}

/// The pages that a PDF declares openly.
fn pages(base64: &str) -> Option<usize> {
    let bytes = STANDARD.decode(base64).ok()?;
    let found = memchr::memmem::find_iter(&bytes, b"/Type").filter(|at| {
        let rest = bytes[at + 5..].trim_ascii_start();
        rest.strip_prefix(b"/Page").is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_alphanumeric))
    });
    Some(found.count()).filter(|pages| *pages > 0)
}

/// Width and height of a PNG, GIF, JPEG or WebP.
fn size(base64: &str) -> Option<(u32, u32)> {
    let head = base64.as_bytes();
    let bytes = STANDARD.decode(&head[..head.len().min(HEAD) / 4 * 4]).ok()?;
    let big = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let little = |at: usize| Some(u32::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    if bytes.starts_with(b"\x89PNG") {
        return Some((big(16)?, big(20)?));
    }
    if bytes.starts_with(b"GIF8") {
        return Some((little(6)?, little(8)?));
    }
    if bytes.starts_with(b"RIFF") {
        return match bytes.get(12..16)? {
            b"VP8X" => {
                let three = |at: usize| Some(little(at)? | (u32::from(*bytes.get(at + 2)?) << 16));
                Some((three(24)? + 1, three(27)? + 1))
            }
            b"VP8L" => {
                let bits = little(21)? | (little(23)? << 16);
                Some(((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1))
            }
            b"VP8 " => Some((little(26)? & 0x3FFF, little(28)? & 0x3FFF)),
            _ => None,
        };
    }
    jpeg_size(&bytes)
}

/// In the frame header, which stands behind any number of other segments.
fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut rest = bytes.strip_prefix(b"\xFF\xD8")?;
    loop {
        let [0xFF, marker, high, low, ..] = *rest else { return None };
        let is_frame = matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC);
        if is_frame {
            let [height, height_low, width, width_low] = *rest.get(5..9)? else { return None };
            let number = |high: u8, low: u8| u32::from(u16::from_be_bytes([high, low]));
            return Some((number(width, width_low), number(height, height_low)));
        }
        rest = rest.get(2 + usize::from(u16::from_be_bytes([high, low]))..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(bytes: &[u8]) -> u64 {
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().next_multiple_of(3), 0);
        tokens(MediaKind::Image, None, &STANDARD.encode(padded))
    }

    #[test]
    fn a_picture_costs_by_its_size_whatever_its_format() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\0\0\0\x04\0";
        let gif = b"GIF89a\0\x04\0\x04";
        let jpeg = b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xC2\0\x11\x08\x04\0\x04\0\x03";
        let webp = b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0\xFF\x03\0\xFF\x03\0";
        for bytes in [&png[..], gif, jpeg, webp] {
            assert_eq!(picture(bytes), 765);
        }
        assert_eq!(picture(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10"), 255);
        assert_eq!(picture(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xFF\xFF\xFF\xFF\0\0\0\0"), 85 + 4 * 170);
        assert_eq!(tokens(MediaKind::Image, Some("low"), "AAAA"), 85);
    }

    #[test]
    fn what_cannot_be_read_counts_as_usual() {
        for bytes in
            [&b""[..], b"\x89PNG", b"GIF8", b"RIFF1234WEBP", b"\xFF\xD8\xFF", b"\xFF\xD8\xFF\xE0\0\0"]
        {
            assert_eq!(picture(bytes), USUAL_IMAGE, "{bytes:?}");
        }
        assert_eq!(tokens(MediaKind::Image, None, "no base64: ä"), USUAL_IMAGE);
    }

    #[test]
    fn a_document_costs_by_its_pages() {
        let pdf = "%PDF-1.7 <</Type /Pages /Count 2>> <</Type/Page>> <</Type /Page /Parent 1 0 R>>";
        assert_eq!(tokens(MediaKind::Document, None, &STANDARD.encode(pdf)), 2 * PAGE);
        let packed = STANDARD.encode(vec![0; 3 * PAGE_BYTES]);
        assert_eq!(tokens(MediaKind::Document, None, &packed), 3 * PAGE);
        assert_eq!(unseen(MediaKind::Document), PAGE);
    }
}
