//! Images, documents, sounds and films: which of them a target takes, and in which form.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use byok_types::chat::{Media, MediaKind, PartKind, Source};
use byok_types::{Family, Fault};

use super::Work;

/// The medium as the target takes it; `None` where it was left out.
pub(super) fn fit(mut media: Media, path: &str, work: &mut Work<'_>) -> Result<Option<PartKind>, Box<Fault>> {
    sort(&mut media);
    let refused = match &mut media.source {
        Source::VendorFile { family, .. } => vendor_file(family, media.kind, work.family),
        // An empty document says nothing.
        Source::Text(text) if text.trim().is_empty() => return Ok(None),
        Source::Text(_) => {
            return Ok(Some(match work.family {
                Family::Anthropic => PartKind::Media(media),
                _ => PartKind::Text { text: as_text(media), citations: Vec::new() },
            }));
        }
        Source::Base64 { mime, .. } => bytes(media.kind, mime, work.family),
        Source::Url { mime, .. } => address(media.kind, mime.as_deref(), work.family),
    };
    match refused {
        None => Ok(Some(PartKind::Media(media))),
        Some(what) => {
            work.ledger.refuse(path, format!("{} takes no {what}", work.who()))?;
            Ok(None)
        }
    }
}

/// Believes the media type more than the slot that the medium came in.
fn sort(media: &mut Media) {
    match &media.source {
        Source::Text(_) => media.kind = MediaKind::Document,
        Source::Base64 { mime, data } if media.kind == MediaKind::Document && mime.starts_with("image/") => {
            // An empty document of that type would be no image either.
            if !data.is_empty() {
                media.kind = MediaKind::Image;
            }
        }
        Source::Base64 { mime, .. } if media.kind == MediaKind::Image && mime == "application/pdf" => {
            media.kind = MediaKind::Document;
        }
        Source::Base64 { mime, data } if media.kind == MediaKind::Document && is_textual(mime) => {
            if let Some(text) = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
                media.source = Source::Text(text);
            }
        }
        Source::Base64 { .. } | Source::Url { .. } | Source::VendorFile { .. } => {}
    }
}

fn is_textual(mime: &str) -> bool {
    mime.starts_with("text/") || matches!(mime, "application/json" | "application/xml" | "application/yaml")
}

/// A text document as text, headed by what is known about it.
fn as_text(media: Media) -> String {
    let Source::Text(text) = media.source else { return String::new() };
    let title = media.title.or(media.filename).map(|title| format!("Document: {title}"));
    let heading: Vec<String> = title.into_iter().chain(media.context).collect();
    if heading.is_empty() { text } else { format!("{}\n\n{text}", heading.join("\n")) }
}

/// A file at a vendor stays with that vendor. OpenAI's two formats share their files.
fn vendor_file(owner: &mut Family, kind: MediaKind, family: Family) -> Option<String> {
    let openai = [Family::OpenaiChat, Family::OpenaiResponses];
    if *owner != family && !(openai.contains(owner) && openai.contains(&family)) {
        return Some("file that is stored at another vendor; send its bytes".into());
    }
    *owner = family;
    match (family, kind) {
        (Family::OpenaiChat, MediaKind::Document)
        | (Family::OpenaiResponses | Family::Anthropic, MediaKind::Document | MediaKind::Image)
        | (Family::Gemini, _) => None,
        _ => Some(format!("{} by file id; send its bytes", word(kind))),
    }
}

/// What is wrong with bytes of this type, if anything.
fn bytes(kind: MediaKind, mime: &str, family: Family) -> Option<String> {
    let taken = match (kind, family) {
        (MediaKind::Image, Family::Anthropic) => {
            matches!(mime, "image/png" | "image/jpeg" | "image/gif" | "image/webp")
        }
        (MediaKind::Image, _) => mime.starts_with("image/"),
        (MediaKind::Document, Family::Anthropic | Family::OpenaiChat) => mime == "application/pdf",
        (MediaKind::Audio, Family::OpenaiChat | Family::OpenaiResponses) => {
            matches!(mime, "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/mp3" | "audio/mpeg")
        }
        (MediaKind::Document, Family::OpenaiResponses) | (_, Family::Gemini) => true,
        (MediaKind::Document, Family::Cohere)
        | (MediaKind::Audio, Family::Anthropic | Family::Cohere)
        | (MediaKind::Video, _) => false,
    };
    (!taken).then(|| format!("{} of the type {}", word(kind), plain(mime)))
}

/// What is wrong with a medium at an address, if anything.
fn address(kind: MediaKind, mime: Option<&str>, family: Family) -> Option<String> {
    let taken = match (kind, family) {
        (MediaKind::Image, _)
        | (MediaKind::Document, Family::Anthropic | Family::OpenaiResponses)
        | (_, Family::Gemini) => true,
        (MediaKind::Document, Family::Cohere | Family::OpenaiChat)
        | (MediaKind::Audio | MediaKind::Video, _) => false,
    };
    if taken {
        return None;
    }
    let of_type = mime.map(|mime| format!(" of the type {}", plain(mime))).unwrap_or_default();
    let advice =
        if (kind, family) == (MediaKind::Document, Family::OpenaiChat) { "; send its bytes" } else { "" };
    Some(format!("{}{of_type} by URL{advice}", word(kind)))
}

fn word(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audio",
        MediaKind::Document => "document",
        MediaKind::Image => "image",
        MediaKind::Video => "video",
    }
}

/// A media type is a client's text: only what one looks like is repeated.
fn plain(mime: &str) -> &str {
    let plain = mime.len() <= 64 && mime.bytes().all(|b| b.is_ascii_alphanumeric() || b"/+-.".contains(&b));
    if plain { mime } else { "given" }
}
