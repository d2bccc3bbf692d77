//! Looks at JSON objects field by field, without building a tree: what is not looked at is not decoded,
//! and what goes on as it came is still the text it came in.
//!
//! Requests are read strictly, with errors that name the place and never repeat a value. Answers are read
//! laxly: a field of an unexpected type counts as absent. `null` counts as absent in both.

use std::borrow::Cow;
use std::fmt;

use byok_types::RawJson;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json;
use crate::format::ReadError;

/// Where in a body something stands. Lives on the stack; a text is made of it only for an error.
#[derive(Clone, Copy)]
pub(super) enum Place<'p> {
    Index(&'p Place<'p>, usize),
    Key(&'p Place<'p>, &'p str),
    Root,
}

impl<'p> Place<'p> {
    pub(super) fn index(&'p self, index: usize) -> Self {
        Place::Index(self, index)
    }

    pub(super) fn key(&'p self, name: &'p str) -> Self {
        Place::Key(self, name)
    }

    pub(super) fn error(&self, reason: impl Into<String>) -> ReadError {
        ReadError::field(self.to_string(), reason)
    }

    fn mismatch(&self, raw: &RawValue, expected: &str) -> ReadError {
        self.error(format!("expected {expected}, found {}", sort_of(raw)))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Place::Key(Place::Root, name) => f.write_str(name),
            Place::Key(parent, name) => write!(f, "{parent}.{name}"),
            Place::Root => Ok(()),
        }
    }
}

/// The fields of one object, in the order they came.
pub(super) struct Node<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Node<'a> {
    /// The whole body.
    pub(super) fn body(body: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    /// An object of a request.
    pub(super) fn strict(raw: &'a RawValue, place: &Place<'_>) -> Result<Self, ReadError> {
        Self::lax(raw).ok_or_else(|| place.mismatch(raw, "an object"))
    }

    /// An object of an answer.
    pub(super) fn lax(raw: &'a RawValue) -> Option<Self> {
        serde_json::from_str(raw.get()).ok()
    }

    /// All fields, `null` ones included.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, raw)| (name.as_ref(), *raw))
    }

    /// A field's value. Of two with one name the later counts, as in most parsers.
    pub(super) fn field(&self, name: &str) -> Option<&'a RawValue> {
        let (_, raw) = self.0.iter().rev().find(|(key, _)| key == name)?;
        (raw.get() != "null").then_some(*raw)
    }

    pub(super) fn text(&self, name: &str, place: &Place<'_>) -> Result<Option<String>, ReadError> {
        let read = |raw| text(raw).ok_or_else(|| place.key(name).mismatch(raw, "a string"));
        self.field(name).map(read).transpose()
    }

    pub(super) fn required_text(&self, name: &str, place: &Place<'_>) -> Result<String, ReadError> {
        self.text(name, place)?.ok_or_else(|| place.key(name).error("is missing"))
    }

    pub(super) fn boolean(&self, name: &str, place: &Place<'_>) -> Result<Option<bool>, ReadError> {
        self.value(name, place, "a boolean")
    }

    pub(super) fn count(&self, name: &str, place: &Place<'_>) -> Result<Option<u64>, ReadError> {
        self.value(name, place, "a whole number that is not negative")
    }

    /// A number, exact to the last bit.
    pub(super) fn number(&self, name: &str, place: &Place<'_>) -> Result<Option<f64>, ReadError> {
        let exact = |raw: &RawValue| raw.get().parse().ok().filter(|number: &f64| number.is_finite());
        let read = |raw| exact(raw).ok_or_else(|| place.key(name).mismatch(raw, "a finite number"));
        self.field(name).map(read).transpose()
    }

    pub(super) fn object(&self, name: &str, place: &Place<'_>) -> Result<Option<Node<'a>>, ReadError> {
        self.field(name).map(|raw| Node::strict(raw, &place.key(name))).transpose()
    }

    pub(super) fn list(&self, name: &str, place: &Place<'_>) -> Result<Option<Vec<&'a RawValue>>, ReadError> {
        self.field(name).map(|raw| list(raw, &place.key(name))).transpose()
    }

    /// A text, or nothing where there is none.
    pub(super) fn lax_text(&self, name: &str) -> Option<String> {
        text(self.field(name)?)
    }

    /// A text that says something, or nothing.
    pub(super) fn lax_word(&self, name: &str) -> Option<String> {
        self.lax_text(name).filter(|text| !text.is_empty())
    }

    /// A count; some servers write `12.0`.
    pub(super) fn lax_count(&self, name: &str) -> Option<u64> {
        let digits = self.field(name)?.get();
        digits.split_once('.').map_or(digits, |(whole, _)| whole).parse().ok()
    }

    pub(super) fn lax_object(&self, name: &str) -> Option<Node<'a>> {
        Node::lax(self.field(name)?)
    }

    /// A list, or an empty one.
    pub(super) fn lax_list(&self, name: &str) -> Vec<&'a RawValue> {
        self.field(name).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    /// The object as it came, but without one field.
    pub(super) fn without(&self, name: &str) -> Option<RawJson> {
        let mut out = Vec::new();
        json::object(&mut out, |object| {
            for (key, raw) in self.fields().filter(|(key, _)| *key != name) {
                object.put(key, raw);
            }
        });
        RawJson::parse(String::from_utf8(out).ok()?).ok()
    }

    fn value<T: Deserialize<'a>>(
        &self,
        name: &str,
        place: &Place<'_>,
        expected: &str,
    ) -> Result<Option<T>, ReadError> {
        let Some(raw) = self.field(name) else { return Ok(None) };
        let value = serde_json::from_str(raw.get()).ok();
        value.map(Some).ok_or_else(|| place.key(name).mismatch(raw, expected))
    }
}

/// The items of a list of a request.
pub(super) fn list<'a>(raw: &'a RawValue, place: &Place<'_>) -> Result<Vec<&'a RawValue>, ReadError> {
    serde_json::from_str(raw.get()).ok().ok_or_else(|| place.mismatch(raw, "an array"))
}

/// The decoded text of a JSON string. JavaScript clients cut strings in the middle of a character; the
/// half that is left becomes U+FFFD instead of an error.
pub(super) fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str::<Lossy>(raw.get()).ok().map(|Lossy(text)| text)
}

fn sort_of(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Node<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NodeVisitor;

        impl<'de> Visitor<'de> for NodeVisitor {
            type Value = Node<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(8);
                while let Some(Name(name)) = map.next_key()? {
                    fields.push((name, map.next_value::<&'de RawValue>()?));
                }
                Ok(Node(fields))
            }
        }

        deserializer.deserialize_map(NodeVisitor)
    }
}

/// A key, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

/// A string that may hold half a surrogate pair.
struct Lossy(String);

impl<'de> Deserialize<'de> for Lossy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LossyVisitor;

        impl Visitor<'_> for LossyVisitor {
            type Value = Lossy;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Lossy(String::from_utf8_lossy(bytes).into_owned()))
            }
        }

        deserializer.deserialize_bytes(LossyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_a_path() {
        let (messages, first) = (Place::Root.key("messages"), 2);
        let message = messages.index(first);
        assert_eq!(message.key("content").index(0).key("text").to_string(), "messages[2].content[0].text");
    }

    #[test]
    fn a_wrong_type_is_named_without_its_value() {
        let node = Node::body(br#"{"model":["secret"]}"#).unwrap();
        let error = node.text("model", &Place::Root).unwrap_err();
        assert_eq!(error.to_string(), "model: expected a string, found an array");
    }

    #[test]
    fn half_a_character_does_not_spoil_a_text() {
        let node = Node::body(br#"{"a":"x\ud83d","b":"\ud83d\ude00"}"#).unwrap();
        assert!(node.lax_text("a").unwrap().starts_with("x\u{fffd}"));
        assert_eq!(node.lax_text("b").unwrap(), "\u{1f600}");
    }

    #[test]
    fn a_field_can_be_taken_out_of_raw_json() {
        let node = Node::body(br#"{"a": 1.0,"cache_control":{},"b":[ 2]}"#).unwrap();
        assert_eq!(node.without("cache_control").unwrap().get(), r#"{"a":1.0,"b":[ 2]}"#);
    }
}
