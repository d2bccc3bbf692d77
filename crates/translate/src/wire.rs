//! Shared pieces of the codecs: how a body is parsed, and the shapes that several formats have.
//!
//! Wire types are flat structs with optional fields. `#[serde(untagged)]`, `#[serde(tag)]` and
//! `#[serde(flatten)]` are not used: they buffer the input, which costs time and breaks [`RawJson`].

use std::fmt;
use std::marker::PhantomData;

use byok_types::RawJson;
use memchr::memchr2_iter;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, SeqAccess, Visitor};

use crate::format::ReadError;

/// Parses one event of a stream. Events of kinds to come may have fields of known names and other types: where
/// the event as a whole does not parse, each field that does not parse alone is taken for absent.
pub(crate) fn parse_event<T: DeserializeOwned>(data: &[u8]) -> Option<T> {
    match serde_json::from_slice(data) {
        Ok(event) => Some(event),
        Err(error) if error.is_data() => {
            let Fields(mut fields) = serde_json::from_slice(data).ok()?;
            let object = |fields: &[(String, RawJson)]| {
                let list: Vec<String> = fields
                    .iter()
                    .map(|(name, value)| format!("{}:{}", RawJson::string(name).get(), value.get()))
                    .collect();
                format!("{{{}}}", list.join(","))
            };
            fields.retain(|field| serde_json::from_str::<T>(&object(std::slice::from_ref(field))).is_ok());
            serde_json::from_str(&object(&fields)).ok()
        }
        Err(_) => None,
    }
}

/// Parses a request body. On failure the body is read once more to name the field.
pub(crate) fn parse_request<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, ReadError> {
    serde_json::from_slice(body).map_err(|error| {
        if !error.is_data() {
            return ReadError::NotJson(error.to_string());
        }
        let again = &mut serde_json::Deserializer::from_slice(body);
        match serde_path_to_error::deserialize::<_, T>(again) {
            Err(error) if error.path().iter().next().is_some() => {
                ReadError::field(error.path().to_string(), reason(error.inner()))
            }
            _ => ReadError::NotJson(reason(&error)),
        }
    })
}

/// The error's text without values of the body: serde repeats a wrong string, which may be anything.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match (text.find("string \""), text.rfind("\", expected")) {
        (Some(start), Some(end)) if start < end => format!("{}string{}", &text[..start], &text[end + 1..]),
        _ => text,
    }
}

/// A field that is a text or a list: message content, `stop`, `input`, `system`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TextOr<T> {
    /// The text.
    Text(String),
    /// The list.
    List(Vec<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for TextOrVisitor<T> {
            type Value = TextOr<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array")
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::with_capacity(list.size_hint().unwrap_or(0));
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(TextOr::List(items))
            }
        }

        deserializer.deserialize_any(TextOrVisitor(PhantomData))
    }
}

/// A JSON object as its keys and raw values, in the order they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fields(pub(crate) Vec<(String, RawJson)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// The arguments of a call as an object, for formats that carry objects: empty text and `null` are `{}`,
/// an object that was cut short is closed where it can be, and anything else that is no JSON object (an
/// array, a bare string) is wrapped as `{"_raw": "…"}`.
pub(crate) fn arguments_object(text: &str) -> RawJson {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed == "null" {
        return RawJson::from_value(&serde_json::json!({}));
    }
    match RawJson::parse(trimmed) {
        Ok(json) if json.is_object() => json,
        _ => closed(trimmed).unwrap_or_else(|| RawJson::from_value(&serde_json::json!({ "_raw": text }))),
    }
}

/// An object whose end is missing, with that end: the open string, arrays and objects closed, what cannot stand last
/// left out. `None` where more than an end is missing.
fn closed(text: &str) -> Option<RawJson> {
    if !text.starts_with('{') {
        return None;
    }
    // What is open, innermost last, and the last place where the text could end with what was open there.
    let (mut open, mut good) = (Vec::new(), None);
    let (mut in_string, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        if in_string {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match c {
            '"' => in_string = true,
            '{' => open.push('}'),
            '[' => open.push(']'),
            '}' | ']' if open.pop() != Some(c) => return None,
            // What stands before a comma is whole.
            ',' => good = Some((at, open.len())),
            _ => {}
        }
        if matches!(c, '{' | '[') {
            good = Some((at + 1, open.len()));
        }
        if open.is_empty() {
            // The object has its end, so something else is wrong.
            return None;
        }
    }
    let end = |depth: usize| open[..depth].iter().rev().collect::<String>();
    let whole = format!("{text}{}{}", if in_string { "\"" } else { "" }, end(open.len()));
    // Nothing left would say nothing of what was there.
    let shorter = || {
        good.filter(|(at, depth)| *at > 1 && *depth <= open.len())
            .map(|(at, depth)| format!("{}{}", &text[..at], end(depth)))
    };
    RawJson::parse(&whole).ok().or_else(|| RawJson::parse(&shorter()?).ok())
}

/// Keeps what was written since `start` on one line, for every notion of a line: JSON that is passed on as it came may hold line
/// ends between its values, which become spaces, and characters in its texts that only Unicode calls line
/// ends, which are escaped. The Python client's line reader (httpx, read in November 2026) cuts at them.
pub(crate) fn keep_on_one_line(out: &mut Vec<u8>, start: usize) {
    for byte in &mut out[start..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    if line_end(&out[start..]).is_none() {
        return;
    }
    let text = out.split_off(start);
    let mut rest = text.as_slice();
    while let Some((at, length, escape)) = line_end(rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(escape);
        rest = &rest[at + length..];
    }
    out.extend_from_slice(rest);
}

/// The first such character: where, how long, and its escape.
fn line_end(text: &[u8]) -> Option<(usize, usize, &'static [u8])> {
    memchr2_iter(0xC2, 0xE2, text).find_map(|at| match &text[at..] {
        [0xC2, 0x85, ..] => Some((at, 2, b"\\u0085".as_slice())),
        [0xE2, 0x80, 0xA8, ..] => Some((at, 3, b"\\u2028".as_slice())),
        [0xE2, 0x80, 0xA9, ..] => Some((at, 3, b"\\u2029".as_slice())),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Body {
        #[expect(dead_code, reason = "only its parsing is tested")]
        messages: Vec<Message>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Message {
        #[expect(dead_code, reason = "only its parsing is tested")]
        content: TextOr<u32>,
    }

    #[test]
    fn a_field_of_another_type_is_absent_from_an_event_and_the_rest_is_read() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Event {
            r#type: Option<String>,
            delta: Option<String>,
            item: Option<RawJson>,
        }
        let event = parse_event::<Event>(br#"{"type":"a","delta":{"text":"x"},"item":{"n":1.0},"novel":1}"#);
        let item = Some(RawJson::parse(r#"{"n":1.0}"#).unwrap());
        assert_eq!(event, Some(Event { r#type: Some("a".into()), delta: None, item }));
        assert_eq!(parse_event::<Event>(b"{\"type\":"), None);
        assert_eq!(parse_event::<Event>(b"[]"), None);
    }

    #[test]
    fn a_wrong_type_names_its_field_and_not_its_value() {
        let error = parse_request::<Body>(br#"{"messages":[{"content":[1,"secret"]}]}"#).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("messages[0].content"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn what_is_no_object_of_arguments_is_wrapped() {
        assert_eq!(arguments_object("").get(), "{}");
        assert_eq!(arguments_object(" null ").get(), "{}");
        assert_eq!(arguments_object("{\"a\": 1.0}").get(), "{\"a\": 1.0}");
        assert_eq!(arguments_object("{\"a\":").get(), "{\"_raw\":\"{\\\"a\\\":\"}");
        assert_eq!(arguments_object("[1]").get(), "{\"_raw\":\"[1]\"}");
        assert_eq!(arguments_object("{\"a\":1}}").get(), "{\"_raw\":\"{\\\"a\\\":1}}\"}");
    }

    #[test]
    fn pitfall_61_an_object_that_was_cut_short_is_closed() {
        for (cut, closed) in [
            (r#"{"city":"Os"#, r#"{"city":"Os"}"#),
            (r#"{"a":[1,{"b":1.0"#, r#"{"a":[1,{"b":1.0}]}"#),
            (r#"{"a":1,"b":"#, r#"{"a":1}"#),
            (r#"{"a":{"x":"y"},"b"#, r#"{"a":{"x":"y"}}"#),
            (r#"{"a":"}{\"",  "c":[tru"#, r#"{"a":"}{\"",  "c":[]}"#),
        ] {
            assert_eq!(arguments_object(cut).get(), closed, "{cut}");
        }
    }
}
