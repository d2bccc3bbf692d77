//! The canonical request for embeddings: texts only, because nothing else can be said in all formats.

use byok_types::chat::Weight;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Request {
    /// What to embed.
    pub(super) texts: Vec<String>,
    /// Whether the answer repeats the texts.
    pub(super) echoes_texts: bool,
    /// How long the vectors are to be.
    pub(super) dimensions: Option<u32>,
    /// What the vectors are for.
    pub(super) task: Option<Said<Task>>,
    /// What to do with a text that is too long.
    pub(super) truncate: Option<Said<Truncate>>,
    /// How the client wants its vectors; at least one way.
    pub(super) encodings: Vec<Encoding>,
    /// What has no place here.
    pub(super) ext: Vec<Ext>,
}

/// A value with the name that the client's format gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said<T> {
    pub(super) field: &'static str,
    pub(super) value: T,
}

/// A field that only the client's own format has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ext {
    pub(super) field: String,
    pub(super) weight: Weight,
}

impl Ext {
    pub(super) fn new(field: impl Into<String>, weight: Weight) -> Self {
        Self { field: field.into(), weight }
    }
}

/// What vectors are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Classification,
    Clustering,
    /// A question that code answers.
    CodeQuery,
    /// A text that is searched.
    Document,
    /// A statement that documents support or not.
    FactCheck,
    /// A text to search with.
    Query,
    /// A question that documents answer.
    Question,
    Similarity,
}

/// What becomes of a text that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truncate {
    /// Its end is cut off.
    End,
    /// It is refused.
    Never,
    /// Its beginning is cut off.
    Start,
}

/// How a vector is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// The numbers' bytes (`f32`, little-endian) as base64.
    Base64,
    /// A list of numbers.
    Float,
}
