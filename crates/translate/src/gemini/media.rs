//! Media in a message: bytes, files at Google, addresses elsewhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use byok_types::Family;
use byok_types::chat::{Media, MediaKind, Source};
use serde_json::Value;

use super::wire;
use crate::format::ReadError;
use crate::media::base64_source;

/// The medium of a part, if it has one.
pub(super) fn read(part: &mut wire::Part, path: &str) -> Result<Option<Media>, ReadError> {
    let mut media = match (part.inline_data.take(), part.file_data.take()) {
        (Some(blob), _) => inline(blob, path)?,
        (None, Some(file)) => file_media(file, path)?,
        (None, None) => return Ok(None),
    };
    let level = part.media_resolution.as_ref().and_then(|raw| raw.to_value().get("level").cloned());
    media.detail = match level.as_ref().and_then(Value::as_str) {
        Some("MEDIA_RESOLUTION_LOW") => Some("low".to_owned()),
        Some("MEDIA_RESOLUTION_HIGH" | "MEDIA_RESOLUTION_ULTRA_HIGH") => Some("high".to_owned()),
        _ => None,
    };
    Ok(Some(media))
}

fn inline(blob: wire::Blob, path: &str) -> Result<Media, ReadError> {
    let data = blob.data.unwrap_or_default();
    let Some(source) = base64_source(blob.mime_type.as_deref().unwrap_or_default(), &data) else {
        return Err(ReadError::field(format!("{path}.inlineData.data"), "it is not base64"));
    };
    let (kind, source) = match source {
        Source::Base64 { mime, data } => {
            let kind = kind_of_mime(&mime);
            // A text document is text for every vendor, and bytes only for this one.
            let text = mime.starts_with("text/").then(|| STANDARD.decode(&data).ok()).flatten();
            match text.and_then(|bytes| String::from_utf8(bytes).ok()) {
                Some(text) => (kind, Source::Text(text)),
                None => (kind, Source::Base64 { mime, data }),
            }
        }
        other => (MediaKind::Document, other),
    };
    Ok(Media { filename: blob.display_name, ..Media::new(kind, source) })
}

fn file_media(file: wire::FileData, path: &str) -> Result<Media, ReadError> {
    let Some(uri) = file.file_uri.filter(|uri| !uri.is_empty()) else {
        return Err(ReadError::field(format!("{path}.fileData.fileUri"), "it is required"));
    };
    let mime = file.mime_type.filter(|mime| !mime.is_empty());
    let kind = mime.as_deref().map_or_else(|| kind_of_uri(&uri), kind_of_mime);
    let source = if at_google(&uri) {
        Source::VendorFile { family: Family::Gemini, id: uri, mime }
    } else {
        Source::Url { url: uri, mime }
    };
    Ok(Media { filename: file.display_name, ..Media::new(kind, source) })
}

/// Whether only Google can fetch what is at `uri`: the Files API and cloud storage.
fn at_google(uri: &str) -> bool {
    let address = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    uri.starts_with("gs://")
        || uri.starts_with("files/")
        || address.split('/').next() == Some("generativelanguage.googleapis.com")
}

fn kind_of_mime(mime: &str) -> MediaKind {
    match mime.split('/').next().unwrap_or_default() {
        "audio" => MediaKind::Audio,
        "image" => MediaKind::Image,
        "video" => MediaKind::Video,
        _ => MediaKind::Document,
    }
}

/// What an address without a media type probably leads to.
fn kind_of_uri(uri: &str) -> MediaKind {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let extension = path.rsplit(['.', '/']).next().unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "png" | "jpg" | "jpeg" | "webp" | "gif" | "heic" | "heif" => MediaKind::Image,
        "wav" | "mp3" | "aiff" | "aac" | "ogg" | "flac" => MediaKind::Audio,
        "mp4" | "mpeg" | "mov" | "avi" | "webm" | "3gp" => MediaKind::Video,
        _ if uri.contains("youtube.com/") || uri.contains("youtu.be/") => MediaKind::Video,
        _ => MediaKind::Document,
    }
}
