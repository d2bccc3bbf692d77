//! Embeddings, in the formats that have them.
//!
//! A vector counts the words of its text, each in the place that its hash says, and has the length 1. So the
//! same text always has the same vector, and texts that share words are near one another.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use byok_types::Family;
use serde_json::{Value, json};

use super::ask::{self, EchoModel, Refusal, items, limit_field, list_field};
use super::respond::{Place, Stamp};

/// How long a vector is where nobody says.
const DIMENSIONS: usize = 64;
/// How long a vector can be made.
const MOST: u64 = 3_072;

/// What is asked for.
#[derive(Debug)]
pub(super) struct Embed {
    pub(super) model: EchoModel,
    texts: Vec<String>,
    dimensions: usize,
    /// Whether the vectors are wanted as base64.
    packed: bool,
}

/// Reads a request. `batch`: Gemini's path says that there are several.
pub(super) fn read(family: Family, body: &Value, place: &Place, batch: bool) -> Result<Embed, Refusal> {
    match family {
        Family::Cohere => cohere(body),
        Family::Gemini => gemini(body, place, batch),
        Family::Anthropic | Family::OpenaiChat | Family::OpenaiResponses => openai(body),
    }
}

/// The answer.
pub(super) fn whole(family: Family, embed: &Embed, batch: bool, stamp: &Stamp) -> Value {
    let vectors: Vec<Value> = embed.texts.iter().map(|text| embed.vector(text)).collect();
    let tokens: usize = embed.texts.iter().map(|text| words(text).count()).sum();
    match family {
        Family::Cohere => {
            let name = if embed.packed { "base64" } else { "float" };
            json!({
                "id": stamp.id(""), "embeddings": {name: vectors}, "texts": embed.texts,
                "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": tokens}},
                "response_type": "embeddings_by_type",
            })
        }
        Family::Gemini => {
            let usage = json!({"promptTokenCount": tokens, "totalTokenCount": tokens});
            let mut each = vectors.into_iter().map(|values| json!({"values": values}));
            if batch {
                json!({"embeddings": each.collect::<Value>(), "usageMetadata": usage})
            } else {
                json!({"embedding": each.next(), "usageMetadata": usage})
            }
        }
        Family::Anthropic | Family::OpenaiChat | Family::OpenaiResponses => {
            let each = vectors.into_iter().enumerate();
            let data: Value = each
                .map(|(index, vector)| json!({"object": "embedding", "index": index, "embedding": vector}))
                .collect();
            json!({
                "object": "list", "data": data, "model": embed.model.id(),
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            })
        }
    }
}

fn openai(body: &Value) -> Result<Embed, Refusal> {
    let input = &body["input"];
    let texts = match input {
        Value::String(_) => texts("input", std::slice::from_ref(input))?,
        Value::Array(list) if list.first().is_some_and(|first| first.is_array() || first.is_u64()) => {
            // Tokens are words of a sort.
            let texts = if input[0].is_array() { &list[..] } else { std::slice::from_ref(input) };
            texts.iter().map(Value::to_string).collect()
        }
        _ => texts("input", list_field(body, "input")?)?,
    };
    let packed = match &body["encoding_format"] {
        Value::Null => false,
        Value::String(name) if name == "float" => false,
        Value::String(name) if name == "base64" => true,
        _ => {
            return Err(Refusal::field("encoding_format", "encoding_format: must be float or base64"));
        }
    };
    Ok(Embed {
        model: EchoModel::named(ask::text_field(body, "model", "")?)?,
        texts,
        dimensions: dimensions(body, "dimensions")?,
        packed,
    })
}

fn cohere(body: &Value) -> Result<Embed, Refusal> {
    const TASKS: [&str; 4] = ["classification", "clustering", "search_document", "search_query"];
    if !TASKS.contains(&ask::text_field(body, "input_type", "")?) {
        return Err(Refusal::field("input_type", format!("input_type: must be one of {}", TASKS.join(", "))));
    }
    let types = items(body, "embedding_types");
    if let Some(other) =
        types.iter().find(|name| !["float", "base64"].contains(&name.as_str().unwrap_or_default()))
    {
        return Err(Refusal::field("embedding_types", format!("embedding_types: there is no {other} here")));
    }
    Ok(Embed {
        model: EchoModel::named(ask::text_field(body, "model", "")?)?,
        texts: texts("texts", list_field(body, "texts")?)?,
        dimensions: dimensions(body, "output_dimension")?,
        packed: types.first().is_some_and(|name| name == "base64"),
    })
}

fn gemini(body: &Value, place: &Place, batch: bool) -> Result<Embed, Refusal> {
    let model = EchoModel::named(place.model.as_deref().unwrap_or_default())?;
    let requests = if batch { list_field(body, "requests")? } else { std::slice::from_ref(body) };
    let name = format!("models/{}", model.id());
    let mut texts = Vec::new();
    for (at, request) in requests.iter().enumerate() {
        match request.get("model") {
            Some(named) if *named != name => {
                let message = format!("requests[{at}].model: must be {name}, as the path says");
                return Err(Refusal::field("model", message));
            }
            None if batch => {
                return Err(Refusal::field("model", format!("requests[{at}].model: is required")));
            }
            _ => {}
        }
        let text = ask::text_of(&request["content"]["parts"]);
        if text.is_empty() {
            return Err(Refusal::field("content", format!("requests[{at}].content contains no text")));
        }
        texts.push(text);
    }
    let dimensions = dimensions(&requests[0], "outputDimensionality")?;
    Ok(Embed { model, texts, dimensions, packed: false })
}

fn texts(field: &str, list: &[Value]) -> Result<Vec<String>, Refusal> {
    let text = |value: &Value| match value.as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(Refusal::field(field, format!("{field}: must hold texts that are not empty"))),
    };
    list.iter().map(text).collect()
}

fn dimensions(body: &Value, field: &str) -> Result<usize, Refusal> {
    let Some(asked) = limit_field(body, field)? else { return Ok(DIMENSIONS) };
    usize::try_from(asked)
        .ok()
        .filter(|_| asked <= MOST)
        .ok_or_else(|| Refusal::field(field, format!("{field}: must be at most {MOST}")))
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

impl Embed {
    fn vector(&self, text: &str) -> Value {
        let mut counts = vec![0_f32; self.dimensions];
        let mut any = false;
        for word in words(text) {
            self.count(&word, &mut counts);
            any = true;
        }
        if !any {
            self.count(text, &mut counts);
        }
        let length = counts.iter().map(|count| count * count).sum::<f32>().sqrt();
        for count in &mut counts {
            *count /= length;
        }
        if self.packed {
            let bytes: Vec<u8> = counts.iter().flat_map(|count| count.to_le_bytes()).collect();
            return STANDARD.encode(bytes).into();
        }
        counts.into()
    }

    /// Counts a word where its hash (FNV-1a) says. Words never take one another away, so no text is nothing.
    fn count(&self, word: &str, counts: &mut [f32]) {
        let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let at = usize::try_from(hash % self.dimensions as u64).unwrap_or(0);
        if let Some(count) = counts.get_mut(at) {
            *count += 1.0;
        }
    }
}
