//! What a provider does differently from its format, put right in the body of a Chat call or of one for
//! embeddings.
//!
//! A body that needs no change comes back as it was, byte for byte. In one that does, every value that is not
//! concerned keeps its bytes; numbers are not parsed.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use byok_translate::fit::{Dropped, client_field};
use byok_types::Dialect;
use bytes::Bytes;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::row::Quirk;

/// Applies the quirks to such a body, and adds to `dropped` what the provider does not get, in the words of
/// the client.
pub(crate) fn apply(quirks: &[Quirk], client: Dialect, body: Bytes, dropped: &mut Vec<Dropped>) -> Bytes {
    if quirks.is_empty() {
        return body;
    }
    // A body that is no object is refused elsewhere, by whoever reads it.
    let Ok(mut object) = serde_json::from_slice::<Object<'_>>(&body) else { return body };
    let mut lost = BTreeSet::new();
    let mut changed = false;
    for quirk in quirks {
        changed |= match quirk {
            Quirk::DropFields(names) => object.drop_fields(names, &mut lost),
            Quirk::RenameField(from, to) => object.rename(from, to),
            // What is not taken was left out before.
            Quirk::TakesFields(_) => false,
            Quirk::DropMessageNames | Quirk::NineCharToolIds | Quirk::NoDeveloperRole => {
                object.messages(|message| message_quirk(*quirk, message, &mut lost))
            }
        };
    }
    if !changed {
        return body;
    }
    dropped.extend(lost.into_iter().map(|field| Dropped {
        field: client_field(client, &field).into_owned(),
        action: "dropped".to_owned(),
    }));
    object.write().into()
}

fn message_quirk(quirk: Quirk, message: &mut Object<'_>, lost: &mut BTreeSet<String>) -> bool {
    match quirk {
        Quirk::DropMessageNames => {
            let had = message.drop_fields(&["name"], &mut BTreeSet::new());
            if had {
                lost.insert("messages[].name".to_owned());
            }
            had
        }
        Quirk::NineCharToolIds => {
            let calls = message.elements("tool_calls", |call| call.replace_text("id", short_id));
            message.replace_text("tool_call_id", short_id) || calls
        }
        Quirk::NoDeveloperRole => {
            message.replace_text("role", |role| (role == "developer").then(|| "system".to_owned()))
        }
        Quirk::DropFields(_) | Quirk::RenameField(..) | Quirk::TakesFields(_) => false,
    }
}

/// An id of nine letters and digits that stands for `id`, unless it is one already.
fn short_id(id: &str) -> Option<String> {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let hash = Sha256::digest(id.as_bytes());
    Some(hash.iter().take(9).map(|byte| char::from(DIGITS[usize::from(*byte) % DIGITS.len()])).collect())
}

/// A JSON object as the texts of its values, in their order.
struct Object<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl Object<'_> {
    fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(field, _)| field == name)
    }

    fn drop_fields(&mut self, names: &[&str], lost: &mut BTreeSet<String>) -> bool {
        let before = self.0.len();
        self.0.retain(|(field, value)| {
            let goes = names.contains(&field.as_ref());
            if goes && value != "null" {
                lost.insert(field.clone().into_owned());
            }
            !goes
        });
        self.0.len() != before
    }

    /// Gives a field another name; where that one is there too, it wins.
    fn rename(&mut self, from: &str, to: &'static str) -> bool {
        let Some(at) = self.position(from) else { return false };
        if self.position(to).is_some() {
            self.0.remove(at);
        } else {
            self.0[at].0 = to.into();
        }
        true
    }

    /// Replaces a string by what `with` makes of it.
    fn replace_text(&mut self, name: &str, with: impl FnOnce(&str) -> Option<String>) -> bool {
        let Some(at) = self.position(name) else { return false };
        let Ok(text) = serde_json::from_str::<String>(&self.0[at].1) else { return false };
        let Some(text) = with(&text) else { return false };
        self.0[at].1 = serde_json::Value::from(text).to_string().into();
        true
    }

    fn messages(&mut self, change: impl FnMut(&mut Object<'_>) -> bool) -> bool {
        self.elements("messages", change)
    }

    /// Changes the objects in the array of that name.
    fn elements(&mut self, name: &str, mut change: impl FnMut(&mut Object<'_>) -> bool) -> bool {
        let Some(at) = self.position(name) else { return false };
        let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(&self.0[at].1) else { return false };
        let mut changed = false;
        let mut written = Vec::with_capacity(elements.len());
        for element in elements {
            let object = serde_json::from_str::<Object<'_>>(element.get()).ok();
            let new = object.and_then(|mut object| change(&mut object).then(|| object.text()));
            changed |= new.is_some();
            written.push(new.map_or(Cow::Borrowed(element.get()), Cow::Owned));
        }
        if changed {
            self.0[at].1 = format!("[{}]", written.join(",")).into();
        }
        changed
    }

    fn text(&self) -> String {
        let fields = self.0.iter().map(|(field, value)| {
            let name = serde_json::Value::from(field.as_ref());
            format!("{name}:{value}")
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }

    fn write(&self) -> Vec<u8> {
        self.text().into_bytes()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    fields.push((Cow::Owned(name), Cow::Borrowed(value.get())));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// The body with only those of its top fields that are named, and with `more` fields in front.
pub(crate) fn only(body: &[u8], names: &[&str], more: &[(&'static str, String)]) -> Option<Vec<u8>> {
    let mut object: Object<'_> = serde_json::from_slice(body).ok()?;
    object.0.retain(|(field, _)| names.contains(&field.as_ref()));
    let more = more.iter().map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(value.as_str())));
    object.0.splice(0..0, more);
    Some(object.write())
}

/// The body with `more` fields in front.
pub(crate) fn with(body: &[u8], more: &[(&'static str, String)]) -> Option<Vec<u8>> {
    let mut object: Object<'_> = serde_json::from_slice(body).ok()?;
    let more = more.iter().map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(value.as_str())));
    object.0.splice(0..0, more);
    Some(object.write())
}

/// The text of a top field's value.
pub(crate) fn field(body: &[u8], name: &str) -> Option<String> {
    let object: Object<'_> = serde_json::from_slice(body).ok()?;
    object.position(name).map(|at| object.0[at].1.clone().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    fn quirky(provider: &str, body: &str) -> (String, Vec<String>) {
        let mut dropped = Vec::new();
        let body = Bytes::copy_from_slice(body.as_bytes());
        let out = apply(catalog::row(provider).unwrap().quirks, Dialect::OpenaiChat, body, &mut dropped);
        (String::from_utf8(out.to_vec()).unwrap(), dropped.into_iter().map(|dropped| dropped.field).collect())
    }

    #[test]
    fn a_body_without_oddities_keeps_its_bytes() {
        let body = r#"{ "model": "m", "n" : 1.0, "messages": [ {"role": "user", "content":"x"} ] }"#;
        assert_eq!(quirky("mistral", body), (body.to_owned(), vec![]));
        assert_eq!(quirky("openai", r#"{"user":"x"}"#).0, r#"{"user":"x"}"#);
    }

    #[test]
    fn what_mistral_refuses_goes() {
        let body = r#"{"model":"m","seed":12345678901234567890,"user":"u","store":null,"temperature":1.0,"max_completion_tokens":5}"#;
        let (out, dropped) = quirky("mistral", body);
        assert_eq!(
            out,
            r#"{"model":"m","random_seed":12345678901234567890,"temperature":1.0,"max_tokens":5}"#
        );
        assert_eq!(dropped, ["user"]);
    }

    #[test]
    fn what_goes_is_named_in_the_clients_words() {
        let mut dropped = Vec::new();
        let quirks = [Quirk::DropFields(&["presence_penalty"])];
        apply(&quirks, Dialect::Gemini, Bytes::from_static(br#"{"presence_penalty":1}"#), &mut dropped);
        assert_eq!(dropped[0].to_string(), "generationConfig.presencePenalty=dropped");
    }

    #[test]
    fn tool_ids_become_nine_characters_and_still_belong_together() {
        let body = r#"{"messages":[
            {"role":"developer","content":"x"},
            {"role":"assistant","tool_calls":[{"id":"call_abcdefgh","function":{"arguments":"{\"id\":1}"}},{"id":"abcDEF123"}]},
            {"role":"tool","tool_call_id":"call_abcdefgh","content":"y"}]}"#;
        let (out, _) = quirky("mistral", body);
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        let id = value["messages"][1]["tool_calls"][0]["id"].as_str().unwrap();
        assert!(id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        assert_eq!(value["messages"][2]["tool_call_id"], id);
        assert_eq!(value["messages"][1]["tool_calls"][1]["id"], "abcDEF123");
        assert_eq!(value["messages"][0]["role"], "system");
        assert_eq!(value["messages"][1]["tool_calls"][0]["function"]["arguments"], "{\"id\":1}");
    }

    #[test]
    fn names_of_speakers_are_dropped_for_groq() {
        let (out, dropped) =
            quirky("groq", r#"{"messages":[{"role":"user","name":"Ann","content":"x"}],"logprobs":true}"#);
        assert_eq!(out, r#"{"messages":[{"role":"user","content":"x"}]}"#);
        assert_eq!(dropped, ["logprobs", "messages[].name"]);
    }

    #[test]
    fn hostile_bodies_pass_unread() {
        let deep = format!("{{\"messages\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        for body in ["", "[]", "{", "{\"messages\":5}", "{\"messages\":[1,{\"role\":null}]}", &deep] {
            assert_eq!(quirky("mistral", body).0, body);
        }
    }
}
