//! One vector, and its two ways on the wire: a list of numbers, or the base64 of their bytes (`f32`,
//! little-endian, as OpenAI and Cohere have it).
//!
//! Every number in a vector is finite.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::request::Encoding;

/// The longest vector that is read. The longest known have 4,096 numbers.
const MAX_NUMBERS: usize = 65_536;

/// A vector.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Vector(pub(super) Vec<f32>);

impl Vector {
    /// From base64; `None` where that holds no numbers.
    pub(super) fn from_base64(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let fits = rest.is_empty() && numbers.len() <= MAX_NUMBERS;
        (fits && numbers.iter().all(|number| number.is_finite())).then_some(Self(numbers))
    }

    pub(super) fn to_base64(&self) -> String {
        let bytes: Vec<u8> = self.0.iter().flat_map(|number| number.to_le_bytes()).collect();
        STANDARD.encode(bytes)
    }

    /// The vector, to be written in that way.
    pub(super) fn encoded(&self, encoding: Encoding) -> Encoded<'_> {
        Encoded { vector: self, encoding }
    }
}

/// Numbers as a list.
impl Serialize for Vector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Either way.
impl<'de> Deserialize<'de> for Vector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;

        impl<'de> Visitor<'de> for Numbers {
            type Value = Vector;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("numbers, or their base64")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Vector, E> {
                Vector::from_base64(text).ok_or_else(|| E::custom("no base64 of numbers"))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vector, A::Error> {
                let mut numbers = Vec::new();
                while let Some(number) = list.next_element::<f32>()? {
                    if !number.is_finite() || numbers.len() == MAX_NUMBERS {
                        return Err(A::Error::custom("no vector"));
                    }
                    numbers.push(number);
                }
                Ok(Vector(numbers))
            }
        }

        deserializer.deserialize_any(Numbers)
    }
}

/// A vector on its way out.
pub(super) struct Encoded<'a> {
    vector: &'a Vector,
    encoding: Encoding,
}

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.encoding {
            Encoding::Base64 => serializer.serialize_str(&self.vector.to_base64()),
            Encoding::Float => self.vector.serialize(serializer),
        }
    }
}
