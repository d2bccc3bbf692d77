//! Gemini's JSON objects as they come in.
//!
//! The service takes the `camelCase` names of its JSON and the `snake_case` names of its protocol buffers,
//! and Google's own clients mix both in one body, so every object here reads both. It also takes one
//! object where a list belongs, and whole numbers written as floats or texts. Unknown fields are kept in
//! `rest`. Nothing here knows what a field means.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use byok_types::RawJson;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::wire::TextOr;

/// A struct of optional fields that reads both spellings of their names, in one pass over the input.
/// `null` is absence. Of a field given twice the last one counts.
macro_rules! object {
    ($(#[$meta:meta])* $name:ident { $($field:ident: $type:ty = $key:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        #[allow(clippy::struct_field_names, reason = "the names are Google's")]
        pub(super) struct $name {
            $(pub(super) $field: Option<$type>,)*
            /// Fields that have no place above, under their camelCase names.
            pub(super) rest: Vec<(String, RawJson)>,
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct ObjectVisitor;

                impl<'de> Visitor<'de> for ObjectVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut object = $name::default();
                        while let Some(Key(key)) = map.next_key()? {
                            match camel_case(&key).as_ref() {
                                $($key => {
                                    if let Some(value) = map.next_value::<Option<$type>>()? {
                                        object.$field = Some(value);
                                    }
                                })*
                                other => {
                                    if let Some(value) = map.next_value::<Option<RawJson>>()? {
                                        object.rest.push((other.to_owned(), value));
                                    }
                                }
                            }
                        }
                        Ok(object)
                    }
                }

                deserializer.deserialize_map(ObjectVisitor)
            }
        }
    };
}

object! {
    /// The body of `:generateContent`.
    Request {
        cached_content: String = "cachedContent",
        contents: Many<Content> = "contents",
        // The body of `:countTokens` wraps the request that is to be counted.
        wrapped: Box<Request> = "generateContentRequest",
        generation_config: GenerationConfig = "generationConfig",
        model: String = "model",
        service_tier: String = "serviceTier",
        store: bool = "store",
        system_instruction: Content = "systemInstruction",
        tool_config: ToolConfig = "toolConfig",
        tools: Many<Tool> = "tools",
    }
}

object! {
    /// One turn, or the content of an answer.
    Content {
        parts: Many<Part> = "parts",
        role: String = "role",
    }
}

object! {
    /// One piece. Its payload is one of the fields; what the service runs itself stays in `rest`.
    Part {
        file_data: FileData = "fileData",
        function_call: FunctionCall = "functionCall",
        function_response: FunctionResponse = "functionResponse",
        inline_data: Blob = "inlineData",
        media_resolution: RawJson = "mediaResolution",
        part_metadata: RawJson = "partMetadata",
        text: String = "text",
        thought: bool = "thought",
        thought_signature: String = "thoughtSignature",
        video_metadata: RawJson = "videoMetadata",
    }
}

object! {
    /// Bytes in the message.
    Blob {
        data: String = "data",
        display_name: String = "displayName",
        mime_type: String = "mimeType",
    }
}

object! {
    /// Bytes elsewhere.
    FileData {
        display_name: String = "displayName",
        file_uri: String = "fileUri",
        mime_type: String = "mimeType",
    }
}

object! {
    /// A call of a function.
    FunctionCall {
        args: RawJson = "args",
        id: String = "id",
        name: String = "name",
    }
}

object! {
    /// What a function returned.
    FunctionResponse {
        id: String = "id",
        name: String = "name",
        parts: Many<Part> = "parts",
        response: RawJson = "response",
    }
}

object! {
    /// Functions, and beside them the tools that the service runs, one field each (in `rest`).
    Tool {
        function_declarations: Many<FunctionDeclaration> = "functionDeclarations",
    }
}

object! {
    /// One function.
    FunctionDeclaration {
        description: String = "description",
        name: String = "name",
        parameters: RawJson = "parameters",
        parameters_json_schema: RawJson = "parametersJsonSchema",
    }
}

object! {
    /// How tools may be used.
    ToolConfig {
        function_calling_config: FunctionCallingConfig = "functionCallingConfig",
    }
}

object! {
    /// How functions may be used.
    FunctionCallingConfig {
        allowed_function_names: Vec<String> = "allowedFunctionNames",
        mode: String = "mode",
    }
}

object! {
    /// How to generate.
    GenerationConfig {
        candidate_count: Whole = "candidateCount",
        frequency_penalty: f64 = "frequencyPenalty",
        logprobs: Whole = "logprobs",
        max_output_tokens: Whole = "maxOutputTokens",
        presence_penalty: f64 = "presencePenalty",
        // The Python client's name for `responseJsonSchema` when it was given plain JSON Schema.
        private_json_schema: RawJson = "_responseJsonSchema",
        response_json_schema: RawJson = "responseJsonSchema",
        response_logprobs: bool = "responseLogprobs",
        response_mime_type: String = "responseMimeType",
        response_modalities: Vec<String> = "responseModalities",
        response_schema: RawJson = "responseSchema",
        seed: Whole = "seed",
        stop_sequences: TextOr<String> = "stopSequences",
        temperature: f64 = "temperature",
        thinking_config: ThinkingConfig = "thinkingConfig",
        top_k: Whole = "topK",
        top_p: f64 = "topP",
    }
}

object! {
    /// How much to think.
    ThinkingConfig {
        include_thoughts: bool = "includeThoughts",
        thinking_budget: Whole = "thinkingBudget",
        thinking_level: String = "thinkingLevel",
    }
}

object! {
    /// A whole answer, or one chunk of a streamed one.
    Chunk {
        candidates: Many<Candidate> = "candidates",
        error: RawJson = "error",
        model_version: String = "modelVersion",
        prompt_feedback: PromptFeedback = "promptFeedback",
        // Google's endpoint for its own logins puts every answer into such a field.
        wrapped: Box<Chunk> = "response",
        response_id: String = "responseId",
        usage_metadata: UsageMetadata = "usageMetadata",
    }
}

object! {
    /// One of the answers.
    Candidate {
        citation_metadata: CitationMetadata = "citationMetadata",
        content: Content = "content",
        finish_message: String = "finishMessage",
        finish_reason: String = "finishReason",
        grounding_metadata: GroundingMetadata = "groundingMetadata",
        index: Whole = "index",
        logprobs_result: RawJson = "logprobsResult",
    }
}

object! {
    /// What a filter says about the prompt.
    PromptFeedback {
        block_reason: String = "blockReason",
        block_reason_message: String = "blockReasonMessage",
    }
}

object! {
    /// Tokens.
    UsageMetadata {
        cached: Whole = "cachedContentTokenCount",
        candidates: Whole = "candidatesTokenCount",
        prompt: Whole = "promptTokenCount",
        thoughts: Whole = "thoughtsTokenCount",
        tool_use_prompt: Whole = "toolUsePromptTokenCount",
        total: Whole = "totalTokenCount",
    }
}

object! {
    /// Passages that repeat a source.
    CitationMetadata {
        sources: Vec<RawJson> = "citationSources",
        // The name on Google Cloud.
        citations: Vec<RawJson> = "citations",
    }
}

object! {
    /// One such passage.
    CitationSource {
        end_index: Whole = "endIndex",
        start_index: Whole = "startIndex",
        title: String = "title",
        uri: String = "uri",
    }
}

object! {
    /// Where an answer that searched comes from.
    GroundingMetadata {
        chunks: Vec<RawJson> = "groundingChunks",
        supports: Vec<RawJson> = "groundingSupports",
    }
}

object! {
    /// One source: a web page, a place, a stored document.
    GroundingChunk {
        maps: GroundingSource = "maps",
        retrieved_context: GroundingSource = "retrievedContext",
        web: GroundingSource = "web",
    }
}

object! {
    /// A source.
    GroundingSource {
        text: String = "text",
        title: String = "title",
        uri: String = "uri",
    }
}

object! {
    /// A passage and the sources that support it.
    GroundingSupport {
        chunk_indices: Vec<Whole> = "groundingChunkIndices",
        segment: Segment = "segment",
    }
}

object! {
    /// A passage, in bytes.
    Segment {
        end_index: Whole = "endIndex",
        start_index: Whole = "startIndex",
    }
}

object! {
    /// The object under `error`. Its fields are read one by one, so that an odd one spoils no other.
    ErrorBody {
        code: RawJson = "code",
        details: RawJson = "details",
        message: RawJson = "message",
        status: RawJson = "status",
    }
}

object! {
    /// One of several sorts of details, told apart by their fields.
    ErrorDetail {
        field_violations: Vec<FieldViolation> = "fieldViolations",
        reason: String = "reason",
        retry_delay: String = "retryDelay",
    }
}

object! {
    /// A field that is at fault.
    FieldViolation {
        field: String = "field",
    }
}

/// A list, or one object in the place of a list.
#[derive(Debug)]
pub(super) struct Many<T>(pub(super) Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ManyVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ManyVisitor<T> {
            type Value = Many<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array or an object")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Many(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|item| Many(vec![item]))
            }
        }

        deserializer.deserialize_any(ManyVisitor(PhantomData))
    }
}

/// A whole number in any of the spellings that protocol buffers allow: `40`, `40.0`, `"40"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole(pub(super) i64);

impl Whole {
    /// The number where it counts something; a negative one is nothing.
    pub(super) fn count(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WholeVisitor;

        impl Visitor<'_> for WholeVisitor {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Whole, E> {
                Ok(Whole(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Whole, E> {
                i64::try_from(number).map(Whole).map_err(E::custom)
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Whole, E> {
                // Up to 2^53 every whole number has its own float.
                if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "whole and in range, as just checked"
                    )]
                    let whole = number as i64;
                    return Ok(Whole(whole));
                }
                Err(E::custom("the number is not whole"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Whole, E> {
                text.trim().parse().map(Whole).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(WholeVisitor)
    }
}

/// A field's name, borrowed where it has no escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

/// The camelCase spelling of a field's name. A leading underscore stays, and so does the `x_` that marks
/// somebody's extension.
pub(super) fn camel_case(key: &str) -> Cow<'_, str> {
    if key.starts_with("x_") || !key.bytes().skip(1).any(|byte| byte == b'_') {
        return Cow::Borrowed(key);
    }
    let mut camel = String::with_capacity(key.len());
    let mut raise = false;
    for (at, letter) in key.char_indices() {
        if letter == '_' && at > 0 {
            raise = true;
        } else if raise {
            raise = false;
            camel.push(letter.to_ascii_uppercase());
        } else {
            camel.push(letter);
        }
    }
    Cow::Owned(camel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_have_one_name() {
        for (key, camel) in [
            ("inline_data", "inlineData"),
            ("inlineData", "inlineData"),
            ("_response_json_schema", "_responseJsonSchema"),
            ("x_trace_id", "x_trace_id"),
            ("", ""),
            ("_", "_"),
            ("a_", "a"),
            ("ä_ö", "äö"),
        ] {
            assert_eq!(camel_case(key), camel, "{key}");
        }
    }

    #[test]
    fn whole_numbers_come_in_three_spellings() {
        for text in ["40", "40.0", "\"40\""] {
            assert_eq!(serde_json::from_str::<Whole>(text).unwrap(), Whole(40), "{text}");
        }
        for text in ["40.5", "\"many\"", "1e300", "18446744073709551615", "[]"] {
            assert!(serde_json::from_str::<Whole>(text).is_err(), "{text}");
        }
    }
}
