//! The only module that knows which YAML library we use: text becomes a tree of [`Node`]s.
//!
//! Every scalar stays the text that was written, whatever type YAML would guess, so `1.10` in a header
//! and `0123` in a key arrive as they are. The library's own messages are never shown, as they quote the
//! file; its kinds of error are put into words in [`words`].

mod words;

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Spanned};

use crate::error::{Place, Problem, Reason, Shape};

/// A value and where it stands.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    /// As written: in order, with duplicates.
    Map(Vec<(Key, Node)>),
}

/// The name of an entry in a map.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) place: Place,
    pub(crate) text: String,
}

impl Node {
    pub(crate) fn shape(&self) -> Shape {
        match self.value {
            Value::Null => Shape::Nothing,
            Value::Scalar(_) => Shape::Value,
            Value::List(_) => Shape::List,
            Value::Map(_) => Shape::Map,
        }
    }
}

/// The tree of the one document in `text`; `None` if there is nothing in it but white space and comments.
pub(crate) fn read(text: &str) -> Result<Option<Node>, Problem> {
    // An empty stream, unlike an empty document, is an error to some parsers; to us both are nothing.
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Ok(None);
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_documents: 2,
            max_total_scalar_bytes: MAX_TEXT_BYTES,
            max_recorded_anchor_events: MAX_NODES,
            max_recorded_anchor_bytes: MAX_TEXT_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
            max_replay_stack_depth: 8,
        },
        // Seen by the reader, which knows the full path of the field.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        null_as_string: true,
        strict_booleans: true,
        reject_unsupported_tags: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(root) => Ok(match node(root, text) {
            Node { value: Value::Null, .. } => None,
            node => Some(node),
        }),
        Err(error) => Err(Problem {
            place: error.location().map_or(Place { line: 1, column: 1 }, place),
            field: String::new(),
            reason: Reason::Syntax(words::of(&error)),
        }),
    }
}

/// The file is 5 levels deep at most; the rest is room for what is then refused by name.
const MAX_DEPTH: usize = 32;
const MAX_NODES: usize = 100_000;
/// Aliases (`*name`) may not blow the text up to more than this.
const MAX_TEXT_BYTES: usize = 4 * 1024 * 1024;
const MAX_REPLAYED: usize = 10_000;

/// What the library makes of a value before we know its source text.
enum Raw {
    Null,
    Text(String),
    /// A plain scalar that YAML takes for a number, true or false: that value in our spelling.
    Guessed(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Guessed(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Guessed(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Guessed(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Guessed(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

fn node(raw: Spanned<Raw>, text: &str) -> Node {
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Text(written) => Value::Scalar(written),
        Raw::Guessed(guess) => Value::Scalar(written(raw.defined, text).map_or(guess, ToOwned::to_owned)),
        Raw::List(items) => Value::List(items.into_iter().map(|item| node(item, text)).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let key = Key { place: place(key.referenced), text: key.value };
                    (key, node(value, text))
                })
                .collect(),
        ),
    };
    Node { place: place(raw.referenced), value }
}

/// The text of a plain scalar as it stands in the file. `None` if the place holds something else as
/// well (a tag, quotes), where the guess is what is meant.
fn written(location: Location, text: &str) -> Option<&str> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    let slice = text.get(start..start.checked_add(length)?)?.trim();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-' | b'_');
    (!slice.is_empty() && slice.bytes().all(plain)).then_some(slice)
}

fn place(location: Location) -> Place {
    Place { line: location.line().max(1), column: location.column().max(1) }
}

#[cfg(test)]
mod tests;
