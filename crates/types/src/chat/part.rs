//! Parts: the pieces that a turn, a tool result or an answer is made of.

use crate::{Family, RawJson};

/// One piece of content, with what may stand beside any piece.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The piece itself.
    pub kind: PartKind,
    /// A prompt-cache breakpoint after this piece.
    pub cache: Option<CacheMark>,
    /// A signature that the vendor put beside this piece (Gemini's `thoughtSignature` on text and calls).
    /// A reasoning piece keeps its own in [`ReasoningPart::token`].
    pub token: Option<Token>,
}

impl Part {
    /// A piece with nothing beside it.
    pub fn new(kind: PartKind) -> Self {
        Self { kind, cache: None, token: None }
    }

    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(PartKind::Text { text: text.into(), citations: Vec::new() })
    }

    /// The text, where the piece is plain text.
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            PartKind::Text { text, .. } => Some(text),
            _ => None,
        }
    }
}

impl From<PartKind> for Part {
    fn from(kind: PartKind) -> Self {
        Self::new(kind)
    }
}

/// The kinds of content.
#[derive(Clone, Debug, PartialEq)]
pub enum PartKind {
    /// An image, a document, a sound or a film.
    Media(Media),
    /// A piece that only its own family understands (server tools and their results, code execution,
    /// containers, …), as the JSON it came in. It goes back to that family and is left out elsewhere.
    Opaque {
        /// Whose piece it is.
        family: Family,
        /// The whole piece.
        raw: RawJson,
    },
    /// The model's thoughts.
    Reasoning(ReasoningPart),
    /// The model's own words for declining.
    Refusal(String),
    /// Text.
    Text {
        /// The text.
        text: String,
        /// Where it comes from.
        citations: Vec<Citation>,
    },
    /// The model asks the client to run a tool.
    ToolCall(ToolCall),
    /// What the tool answered.
    ToolResult(ToolResult),
}

/// A prompt-cache breakpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheMark {
    /// How long the prefix should be kept, as the vendor writes it (`5m`, `1h`).
    pub ttl: Option<String>,
}

/// A piece that is not text.
#[derive(Clone, Debug, PartialEq)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Where its bytes are.
    pub source: Source,
    /// A file name, where one was given.
    pub filename: Option<String>,
    /// A document's title.
    pub title: Option<String>,
    /// What the caller says about a document.
    pub context: Option<String>,
    /// How closely to look at an image: `auto`, `low`, `high`, `original`.
    pub detail: Option<String>,
    /// Whether the model is asked to cite this document.
    pub citations: Option<bool>,
}

impl Media {
    /// A medium with nothing said about it.
    pub fn new(kind: MediaKind, source: Source) -> Self {
        Self { kind, source, filename: None, title: None, context: None, detail: None, citations: None }
    }
}

/// The kinds of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// A PDF or a plain-text document.
    Document,
    /// A still picture.
    Image,
    /// Moving pictures.
    Video,
}

/// Where the bytes of a medium are.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// In the message: standard base64 with padding, and the media type (`image/png`). Readers correct
    /// the type by the first bytes where the label is wrong.
    Base64 {
        /// The media type.
        mime: String,
        /// Standard base64, padded.
        data: String,
    },
    /// Plain text in the message (a text document).
    Text(String),
    /// At an address, which byok itself never fetches.
    Url {
        /// The address.
        url: String,
        /// The media type, where it was given.
        mime: Option<String>,
    },
    /// At a vendor that knows it by an id.
    VendorFile {
        /// Whose id it is.
        family: Family,
        /// The id.
        id: String,
        /// The media type, where it was given.
        mime: Option<String>,
    },
}

/// The model's request to run a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// Pairs the call with its result. Never empty: readers make one up, deterministically from the
    /// position, where the format has none.
    pub id: String,
    /// Whether `id` was made up by byok.
    pub generated_id: bool,
    /// The tool's name.
    pub name: String,
    /// For [`ToolKind::Function`] the JSON text of the arguments as received: `{}` when there are none,
    /// and possibly cut short by the output limit. For [`ToolKind::Custom`] free text.
    pub arguments: String,
    /// Function or free text.
    pub kind: ToolKind,
    /// The namespace that the tool was declared in (OpenAI Responses).
    pub namespace: Option<String>,
    /// The item's own id beside the pairing id (OpenAI Responses, `fc_…`).
    pub item_id: Option<String>,
}

/// How a tool takes its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ToolKind {
    /// Free text.
    Custom,
    /// A JSON object.
    Function,
}

/// What a tool answered.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolResult {
    /// The call it answers.
    pub call_id: String,
    /// The tool's name, where the format repeats it.
    pub name: Option<String>,
    /// The answer: text and media.
    pub parts: Vec<Part>,
    /// Whether the tool failed.
    pub is_error: bool,
    /// Function or free text, like the call.
    pub kind: ToolKind,
    /// The answer as the object it came in (Gemini's `response`), so that it goes back unchanged.
    pub raw_object: Option<RawJson>,
}

/// The model's thoughts, as far as they are shown.
#[derive(Clone, Debug, PartialEq)]
pub struct ReasoningPart {
    /// Which sort.
    pub kind: ReasoningKind,
    /// The text; empty when the vendor keeps it to itself.
    pub text: String,
    /// What the maker wants back to go on from here.
    pub token: Option<Token>,
    /// The item's id (OpenAI Responses, `rs_…`), to which its token is bound.
    pub item_id: Option<String>,
}

/// The sorts of reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReasoningKind {
    /// Cohere's plan before tool calls.
    Plan,
    /// Nothing readable: Anthropic's `redacted_thinking`, whose data is the token.
    Redacted,
    /// A summary written for people.
    Summary,
    /// The thoughts themselves.
    Thinking,
}

/// Something opaque that only its maker can check: a signature, encrypted reasoning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The maker.
    pub family: Family,
    /// The value as received.
    pub value: String,
}

/// Where a piece of text comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Citation {
    /// First cited character of the text piece (Unicode scalar values), where known.
    pub start: Option<u64>,
    /// One past the last cited character, where known.
    pub end: Option<u64>,
    /// The source's address.
    pub url: Option<String>,
    /// The source's title.
    pub title: Option<String>,
    /// The quoted text.
    pub text: Option<String>,
    /// Whose form `raw` has.
    pub family: Family,
    /// The citation as it came.
    pub raw: RawJson,
}

/// The grammar that a free-text tool's input must follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomGrammar {
    /// `lark` or `regex`.
    pub syntax: String,
    /// The grammar.
    pub definition: String,
}
