//! Shared pieces of the codecs: bounded lists, the input that OpenAI and Ollama have in common, the names
//! of unknown fields, counts.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use byok_types::Fault;
use byok_types::chat::Weight;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::Serialize;
use serde_json::Value;

use super::request::Ext;
use super::{MAX_INPUTS, Upstream};
use crate::format::{ReadError, family};

/// A list of at most [`MAX_INPUTS`] items. A small body can hold a great many small items, each of which
/// would take its place in memory.
pub(super) struct Bounded<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = Bounded<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Bounded<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    if items.len() == MAX_INPUTS {
                        return Err(A::Error::custom(format!("holds more than {MAX_INPUTS} items")));
                    }
                    items.push(item);
                }
                Ok(Bounded(items))
            }
        }

        deserializer.deserialize_seq(Items(PhantomData))
    }
}

/// One text, a list of texts, or tokens, of which only their own model's tokenizer knows what they mean.
pub(super) enum Input {
    Texts(Vec<String>),
    Tokens,
}

impl Input {
    /// The texts, or the reason why there are none.
    pub(super) fn texts(self) -> Result<Vec<String>, ReadError> {
        match self {
            Self::Tokens => {
                let reason = "token arrays mean something to OpenAI's own models only, and this model is \
                              served in another format; send strings (LangChain: \
                              check_embedding_ctx_length=False)";
                Err(ReadError::field("input", reason))
            }
            Self::Texts(texts) if texts.is_empty() => Err(ReadError::field("input", "must not be empty")),
            Self::Texts(texts) => Ok(texts),
        }
    }
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Inputs;

        impl<'de> Visitor<'de> for Inputs {
            type Value = Input;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or a list of strings or of tokens")
            }

            fn visit_str<E>(self, text: &str) -> Result<Input, E> {
                Ok(Input::Texts(vec![text.to_owned()]))
            }

            fn visit_string<E>(self, text: String) -> Result<Input, E> {
                Ok(Input::Texts(vec![text]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Input, A::Error> {
                let mut texts = Vec::new();
                while let Some(item) = list.next_element()? {
                    match item {
                        Item::Text(_) if texts.len() == MAX_INPUTS => {
                            return Err(A::Error::custom(format!("holds more than {MAX_INPUTS} items")));
                        }
                        Item::Text(text) => texts.push(text),
                        Item::Tokens => {
                            while list.next_element::<IgnoredAny>()?.is_some() {}
                            return Ok(Input::Tokens);
                        }
                    }
                }
                Ok(Input::Texts(texts))
            }
        }

        deserializer.deserialize_any(Inputs)
    }
}

enum Item {
    Text(String),
    Tokens,
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;

        impl<'de> Visitor<'de> for Items {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or tokens")
            }

            fn visit_str<E>(self, text: &str) -> Result<Item, E> {
                Ok(Item::Text(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Item, E> {
                Ok(Item::Text(text))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Item, E> {
                Ok(Item::Tokens)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Item, E> {
                Ok(Item::Tokens)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Item, A::Error> {
                while list.next_element::<u32>()?.is_some() {}
                Ok(Item::Tokens)
            }
        }

        deserializer.deserialize_any(Items)
    }
}

/// The names of an object's fields that are set.
#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// The most names that are kept.
    const MOST: usize = 256;

    /// Adds those that are not among `known` to `ext`. What begins with `x-` or `x_` is nobody's meaning.
    pub(super) fn unknown(self, prefix: &str, known: &[&str], ext: &mut Vec<Ext>) {
        for name in self.0 {
            if !known.contains(&name.as_str()) && !name.starts_with("x-") && !name.starts_with("x_") {
                let ext_of = Ext::new(format!("{prefix}{name}"), Weight::Meaning);
                if !ext.contains(&ext_of) {
                    ext.push(ext_of);
                }
            }
        }
    }

    /// Those of a whole body.
    pub(super) fn of(body: &[u8]) -> Self {
        // The body has been read before, so this cannot fail.
        serde_json::from_slice(body).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = BTreeSet::new();
                while let Some((name, value)) = map.next_entry::<String, Option<IgnoredAny>>()? {
                    if value.is_some() && names.len() < Names::MOST {
                        names.insert(name);
                    }
                }
                Ok(Names(names))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// The first of these counts that is there. Cohere counts in floats.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
pub(super) fn count(value: Option<&Value>, pointers: &[&str]) -> Option<u64> {
    let value = value?;
    let count = pointers.iter().find_map(|pointer| value.pointer(pointer)?.as_f64())?;
    (0.0..=1e15).contains(&count).then_some(count as u64)
}

/// The JSON of a value that is put together here.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    // Writing fails for maps with odd keys only, of which there are none.
    serde_json::to_vec(value).unwrap_or_default()
}

/// What it means that an answer of success holds no embeddings: an error in disguise, or nonsense.
pub(super) fn no_embeddings(upstream: Upstream, body: &[u8]) -> Fault {
    #[derive(Deserialize)]
    struct Disguised {
        error: Option<IgnoredAny>,
    }
    match serde_json::from_slice(body) {
        Ok(Disguised { error: Some(_) }) => family(upstream.family()).read_fault(502, body),
        _ => Fault::upstream_broken("the upstream's answer holds no embeddings"),
    }
}
