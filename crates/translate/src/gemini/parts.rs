//! Gemini's contents as they go out: what requests and answers have in common.

use std::borrow::Cow;

use byok_types::chat::{Media, Source};
use byok_types::{Family, RawJson};
use serde::ser::{Serialize, Serializer};

/// One turn, or the content of an answer.
#[derive(Debug, serde::Serialize)]
pub(super) struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    pub(super) parts: Vec<Piece<'a>>,
}

/// One piece: put together here, or a piece of Gemini's own that goes back as it came.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "raw pieces are rare; a box around every other one would cost more"
)]
pub(super) enum Piece<'a> {
    Made(Part<'a>),
    Raw(&'a RawJson),
}

impl Serialize for Piece<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Made(part) => part.serialize(serializer),
            Self::Raw(raw) => raw.serialize(serializer),
        }
    }
}

/// One piece; exactly one of its payloads is set.
#[derive(Debug, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_data: Option<FileData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_call: Option<FunctionCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_response: Option<FunctionResponse<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) media_resolution: Option<MediaResolution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought_signature: Option<String>,
}

#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    pub(super) mime_type: &'a str,
    pub(super) data: &'a str,
}

#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mime_type: Option<&'a str>,
    pub(super) file_uri: &'a str,
}

#[derive(Debug, serde::Serialize)]
pub(super) struct FunctionCall<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) args: RawJson,
}

#[derive(Debug, serde::Serialize)]
pub(super) struct FunctionResponse<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) response: RawJson,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<Part<'a>>,
}

#[derive(Debug, serde::Serialize)]
pub(super) struct MediaResolution {
    pub(super) level: &'static str,
}

impl<'a> Part<'a> {
    /// A piece of text.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }

    /// A medium; none where its bytes are at another vendor.
    pub(super) fn media(media: &'a Media) -> Option<Self> {
        match &media.source {
            Source::Base64 { mime, data } => {
                Some(Self { inline_data: Some(Blob { mime_type: mime, data }), ..Self::default() })
            }
            Source::Text(text) => Some(Self::text(document(media, text))),
            Source::Url { url: file_uri, mime }
            | Source::VendorFile { family: Family::Gemini, id: file_uri, mime } => {
                let file_data = Some(FileData { mime_type: mime.as_deref(), file_uri });
                Some(Self { file_data, ..Self::default() })
            }
            Source::VendorFile { .. } => None,
        }
    }
}

/// A text document as plain text, under what is known about it.
fn document<'a>(media: &'a Media, text: &'a str) -> Cow<'a, str> {
    let title = media.title.as_deref().or(media.filename.as_deref());
    let heads: Vec<&str> = [title, media.context.as_deref()].into_iter().flatten().collect();
    if heads.is_empty() { text.into() } else { format!("{}\n\n{text}", heads.join("\n")).into() }
}
