//! JSON kept as the text it came in.
//!
//! Tool arguments, schemas and unknown fields pass through byok without being parsed into numbers and
//! back: `1.0` stays `1.0`, twenty-digit integers keep their digits, and keys keep their order.

use std::borrow::Cow;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// One valid JSON value, as text. Two are equal when their texts are.
#[derive(Clone)]
pub struct RawJson(Box<RawValue>);

impl RawJson {
    /// Checks that `text` is one JSON value and keeps it.
    pub fn parse(text: impl Into<String>) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text.into()).map(Self)
    }

    /// Writes `value` as JSON once. Fails only where a `Serialize` implementation does, or for maps
    /// whose keys are not strings.
    pub fn of(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self)
    }

    /// The text of `value`. A [`Value`] can always be written, so this cannot fail.
    pub fn from_value(value: &Value) -> Self {
        Self::of(value).unwrap_or_else(|_| Self(RawValue::NULL.to_owned()))
    }

    /// A JSON string holding `text`.
    pub fn string(text: &str) -> Self {
        Self::from_value(&Value::from(text))
    }

    /// The JSON text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Parses the text into a type of the caller's.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.get())
    }

    /// Parses the text into a tree, for the few places that must look inside.
    pub fn to_value(&self) -> Value {
        // The text was checked when it was taken; only nesting past serde_json's limit can fail here.
        serde_json::from_str(self.get()).unwrap_or(Value::Null)
    }

    /// Whether the value is an object.
    pub fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }

    /// Whether the value is `null`.
    pub fn is_null(&self) -> bool {
        self.get() == "null"
    }

    /// The decoded text where the value is a JSON string.
    pub fn as_str(&self) -> Option<Cow<'_, str>> {
        if !self.get().starts_with('"') {
            return None;
        }
        serde_json::from_str::<String>(self.get()).ok().map(Cow::Owned)
    }
}

impl From<&RawValue> for RawJson {
    fn from(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }
}

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for RawJson {}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawJson({})", self.get())
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_key_order_survive() {
        let text = r#"{"z":1.0,"a":123456789012345678901234567890}"#;
        let raw = RawJson::parse(text).unwrap();
        assert_eq!(serde_json::to_string(&raw).unwrap(), text);
    }

    #[test]
    fn text_that_is_not_json_is_refused() {
        assert!(RawJson::parse("{\"cut\":").is_err());
        assert!(RawJson::parse("").is_err());
    }
}
