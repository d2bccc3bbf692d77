//! What stands on the wire: the fields that byok knows of a request, of a message, and of an answer.
//!
//! Requests are read strictly where a wrong type would change what is asked; the de facto fields and all
//! that upstreams say are read as far as they make sense ([`Maybe`]). No field is required here: what a
//! missing one means is for the readers to say.

use std::fmt;

use byok_types::RawJson;
use byok_types::chat::CacheMark;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::wire::TextOr;

/// A value that is `None` when it is absent, `null` or of another type than expected.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Maybe<T>(pub(crate) Option<T>);

impl<T> Default for Maybe<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).ok()))
    }
}

impl Maybe<String> {
    /// The text, unless it is empty: servers write `""` where they mean nothing.
    pub(crate) fn text(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }
}

/// A count of tokens, as an integer or as a float without a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("a whole number that is not negative was expected");
        number.as_u64().or_else(|| number.as_f64().and_then(whole)).map(Self).ok_or_else(wrong)
    }
}

fn whole(number: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range and the missing fraction are checked"
    )]
    (number.fract() == 0.0 && (0.0..9e15).contains(&number)).then_some(number as u64)
}

/// A limit in tokens. Clients of local servers write −1 where they want none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenLimit(pub(crate) Option<u64>);

impl<'de> Deserialize<'de> for TokenLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Option::<serde_json::Number>::deserialize(deserializer)?;
        let Some(number) = number.filter(|number| number.as_i64() != Some(-1)) else {
            return Ok(Self(None));
        };
        let limit = number.as_u64().or_else(|| number.as_f64().and_then(whole));
        limit
            .map(|limit| Self(Some(limit)))
            .ok_or_else(|| serde::de::Error::custom("a whole number that is not negative was expected"))
    }
}

/// A request body. Fields that have no place here are kept in `rest`, in their order; `null` is the same
/// as absent everywhere.
#[derive(Debug, Default)]
pub(crate) struct Body<'a> {
    pub(crate) audio: Option<RawJson>,
    pub(crate) cache_control: Maybe<CacheControl>,
    pub(crate) enable_thinking: Option<bool>,
    pub(crate) frequency_penalty: Option<f64>,
    pub(crate) function_call: Option<RawJson>,
    pub(crate) functions: Option<Vec<FunctionTool>>,
    pub(crate) include_reasoning: Option<bool>,
    pub(crate) logit_bias: Option<RawJson>,
    pub(crate) logprobs: Option<bool>,
    pub(crate) max_completion_tokens: TokenLimit,
    pub(crate) max_tokens: TokenLimit,
    pub(crate) messages: Option<Vec<Message<'a>>>,
    pub(crate) metadata: Option<RawJson>,
    pub(crate) min_p: Option<f64>,
    pub(crate) modalities: Option<Vec<String>>,
    pub(crate) model: Option<String>,
    pub(crate) n: Option<u32>,
    pub(crate) parallel_tool_calls: Option<bool>,
    pub(crate) presence_penalty: Option<f64>,
    pub(crate) prompt_cache_key: Option<String>,
    pub(crate) reasoning: Option<ReasoningWish>,
    pub(crate) reasoning_effort: Option<String>,
    pub(crate) response_format: Option<ResponseFormat>,
    pub(crate) safety_identifier: Option<String>,
    pub(crate) seed: Option<i64>,
    pub(crate) service_tier: Option<String>,
    pub(crate) stop: Option<TextOr<String>>,
    pub(crate) store: Option<bool>,
    pub(crate) stream: Option<bool>,
    pub(crate) stream_options: Option<StreamOptions>,
    pub(crate) temperature: Option<f64>,
    pub(crate) thinking: Option<ThinkingWish>,
    pub(crate) thinking_budget: TokenLimit,
    pub(crate) tool_choice: Option<RawJson>,
    pub(crate) tools: Option<Vec<RawJson>>,
    pub(crate) top_k: Option<i64>,
    pub(crate) top_logprobs: Option<u32>,
    pub(crate) top_p: Option<f64>,
    pub(crate) user: Option<String>,
    pub(crate) verbosity: Option<String>,
    pub(crate) web_search_options: Option<RawJson>,
    pub(crate) rest: Vec<(String, RawJson)>,
}

impl<'de> Body<'de> {
    /// Reads the value of one field.
    pub(crate) fn take<A: MapAccess<'de>>(&mut self, key: String, map: &mut A) -> Result<(), A::Error> {
        match key.as_str() {
            "audio" => self.audio = map.next_value()?,
            "cache_control" => self.cache_control = map.next_value()?,
            "enable_thinking" => self.enable_thinking = map.next_value()?,
            "frequency_penalty" => self.frequency_penalty = map.next_value()?,
            "function_call" => self.function_call = map.next_value()?,
            "functions" => self.functions = map.next_value()?,
            "include_reasoning" => self.include_reasoning = map.next_value()?,
            "logit_bias" => self.logit_bias = map.next_value()?,
            "logprobs" => self.logprobs = map.next_value()?,
            "max_completion_tokens" => self.max_completion_tokens = map.next_value()?,
            "max_tokens" => self.max_tokens = map.next_value()?,
            "messages" => self.messages = map.next_value()?,
            "metadata" => self.metadata = map.next_value()?,
            "min_p" => self.min_p = map.next_value()?,
            "modalities" => self.modalities = map.next_value()?,
            "model" => self.model = map.next_value()?,
            "n" => self.n = map.next_value()?,
            "parallel_tool_calls" => self.parallel_tool_calls = map.next_value()?,
            "presence_penalty" => self.presence_penalty = map.next_value()?,
            "prompt_cache_key" => self.prompt_cache_key = map.next_value()?,
            "reasoning" => self.reasoning = map.next_value()?,
            "reasoning_effort" => self.reasoning_effort = map.next_value()?,
            "response_format" => self.response_format = map.next_value()?,
            "safety_identifier" => self.safety_identifier = map.next_value()?,
            "seed" => self.seed = map.next_value()?,
            "service_tier" => self.service_tier = map.next_value()?,
            "stop" => self.stop = map.next_value()?,
            "store" => self.store = map.next_value()?,
            "stream" => self.stream = map.next_value()?,
            "stream_options" => self.stream_options = map.next_value()?,
            "temperature" => self.temperature = map.next_value()?,
            "thinking" => self.thinking = map.next_value()?,
            "thinking_budget" => self.thinking_budget = map.next_value()?,
            "tool_choice" => self.tool_choice = map.next_value()?,
            "tools" => self.tools = map.next_value()?,
            "top_k" => self.top_k = map.next_value()?,
            "top_logprobs" => self.top_logprobs = map.next_value()?,
            "top_p" => self.top_p = map.next_value()?,
            "user" => self.user = map.next_value()?,
            "verbosity" => self.verbosity = map.next_value()?,
            "web_search_options" => self.web_search_options = map.next_value()?,
            _ => {
                let value: RawJson = map.next_value()?;
                if !value.is_null() {
                    self.rest.push((key, value));
                }
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Body<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BodyVisitor;

        impl<'de> Visitor<'de> for BodyVisitor {
            type Value = Body<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut body = Body::default();
                while let Some(key) = map.next_key()? {
                    body.take(key, &mut map)?;
                }
                Ok(body)
            }
        }

        deserializer.deserialize_map(BodyVisitor)
    }
}

/// One message of a request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message<'a> {
    pub(crate) audio: Option<RawJson>,
    pub(crate) cache_control: Maybe<CacheControl>,
    #[serde(borrow)]
    pub(crate) content: Option<TextOr<&'a RawValue>>,
    pub(crate) extra_content: Maybe<ExtraContent>,
    pub(crate) function_call: Option<Function>,
    pub(crate) name: Option<String>,
    pub(crate) prompt_cache_breakpoint: Maybe<CacheControl>,
    pub(crate) reasoning: Maybe<String>,
    pub(crate) reasoning_content: Maybe<String>,
    pub(crate) reasoning_details: Maybe<Vec<RawJson>>,
    pub(crate) refusal: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) tool_call_id: Option<String>,
    pub(crate) tool_calls: Option<Vec<ToolCall>>,
}

impl Message<'_> {
    /// The cache breakpoint after this message, in either spelling.
    pub(crate) fn cache_mark(&self) -> Option<CacheMark> {
        mark(&self.cache_control, &self.prompt_cache_breakpoint)
    }
}

/// One part of a message's content, or of an answer's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ContentPart {
    pub(crate) cache_control: Maybe<CacheControl>,
    pub(crate) file: Option<Document>,
    pub(crate) image_url: Option<Link>,
    pub(crate) input_audio: Option<InputAudio>,
    pub(crate) prompt_cache_breakpoint: Maybe<CacheControl>,
    pub(crate) refusal: Option<String>,
    pub(crate) text: Option<String>,
    /// Mistral's thoughts: a list of text parts, at times a plain text.
    pub(crate) thinking: Maybe<TextOr<Thought>>,
    pub(crate) r#type: Option<String>,
    pub(crate) video_url: Option<Link>,
}

impl ContentPart {
    /// The cache breakpoint after this part, in either spelling.
    pub(crate) fn cache_mark(&self) -> Option<CacheMark> {
        mark(&self.cache_control, &self.prompt_cache_breakpoint)
    }

    /// The text of a `thinking` part.
    pub(crate) fn thoughts(&self) -> String {
        match &self.thinking.0 {
            Some(TextOr::Text(text)) => text.clone(),
            Some(TextOr::List(pieces)) => pieces.iter().filter_map(|piece| piece.text.text()).collect(),
            None => String::new(),
        }
    }
}

/// A piece of Mistral's thoughts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Thought {
    pub(crate) text: Maybe<String>,
}

/// An address: an object, or (in de facto use) just the text.
#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) url: Option<String>,
    pub(crate) detail: Option<String>,
}

impl<'de> Deserialize<'de> for Link {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LinkVisitor;

        impl<'de> Visitor<'de> for LinkVisitor {
            type Value = Link;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a url")
            }

            fn visit_str<E>(self, url: &str) -> Result<Self::Value, E> {
                Ok(Link { url: Some(url.to_owned()), detail: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut link = Link::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "url" => link.url = map.next_value()?,
                        "detail" => link.detail = map.next_value()?,
                        _ => {
                            map.next_value::<serde::de::IgnoredAny>()?;
                        }
                    }
                }
                Ok(link)
            }
        }

        deserializer.deserialize_any(LinkVisitor)
    }
}

/// Sound in a message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InputAudio {
    pub(crate) data: Option<String>,
    pub(crate) format: Option<String>,
}

/// A document in a message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Document {
    pub(crate) file_data: Option<String>,
    pub(crate) file_id: Option<String>,
    pub(crate) filename: Option<String>,
}

/// Anthropic's cache breakpoint, which gateways take in Chat requests, or OpenAI's own.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct CacheControl {
    pub(crate) ttl: Maybe<String>,
}

/// The cache breakpoint that either spelling asks for.
fn mark(control: &Maybe<CacheControl>, breakpoint: &Maybe<CacheControl>) -> Option<CacheMark> {
    let control = control.0.as_ref().or(breakpoint.0.as_ref())?;
    Some(CacheMark { ttl: control.ttl.0.clone() })
}

impl Maybe<CacheControl> {
    /// The cache breakpoint that this spelling asks for.
    pub(crate) fn mark(&self) -> Option<CacheMark> {
        mark(self, &Self(None))
    }
}

/// A tool call: whole in a message, or a piece of one in a chunk.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ToolCall {
    pub(crate) custom: Option<Custom>,
    pub(crate) extra_content: Maybe<ExtraContent>,
    pub(crate) function: Option<Function>,
    pub(crate) id: Maybe<String>,
    pub(crate) index: Maybe<Count>,
    pub(crate) r#type: Maybe<String>,
}

/// What a function call says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Function {
    pub(crate) arguments: Arguments,
    pub(crate) name: Maybe<String>,
}

/// What a call of a free-text tool says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Custom {
    pub(crate) input: Maybe<String>,
    pub(crate) name: Maybe<String>,
}

/// The arguments of a call: JSON text in a string. Some servers write the object itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Arguments(pub(crate) String);

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        Ok(Self(match raw.as_bytes().first() {
            Some(b'"') => serde_json::from_str(raw).map_err(serde::de::Error::custom)?,
            Some(b'{' | b'[') => raw.to_owned(),
            _ => String::new(),
        }))
    }
}

/// What vendors add to a message or a call: the place that Google's own endpoint uses for signatures,
/// and ours for everyone else's.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct ExtraContent {
    pub(crate) byok: Maybe<ByokContent>,
    pub(crate) google: Maybe<GoogleContent>,
}

/// A wrapped token.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct ByokContent {
    pub(crate) token: Maybe<String>,
}

/// Gemini's signature.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct GoogleContent {
    pub(crate) thought_signature: Maybe<String>,
}

/// A function on offer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FunctionTool {
    pub(crate) cache_control: Maybe<CacheControl>,
    pub(crate) description: Option<String>,
    /// Anthropic's name for `parameters`, which some Chat clients use.
    pub(crate) input_schema: Option<RawJson>,
    pub(crate) name: Option<String>,
    pub(crate) parameters: Option<RawJson>,
    pub(crate) strict: Option<bool>,
}

/// A tool on offer. Some clients declare functions flat, as in the Responses format.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tool {
    pub(crate) cache_control: Maybe<CacheControl>,
    pub(crate) custom: Option<CustomTool>,
    pub(crate) description: Maybe<String>,
    pub(crate) function: Option<FunctionTool>,
    pub(crate) input_schema: Option<RawJson>,
    pub(crate) name: Maybe<String>,
    pub(crate) parameters: Option<RawJson>,
    pub(crate) prompt_cache_breakpoint: Maybe<CacheControl>,
    pub(crate) strict: Maybe<bool>,
    pub(crate) r#type: Option<String>,
}

impl Tool {
    /// The cache breakpoint after this tool, in either spelling.
    pub(crate) fn cache_mark(&self) -> Option<CacheMark> {
        mark(&self.cache_control, &self.prompt_cache_breakpoint)
    }
}

/// A free-text tool on offer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CustomTool {
    pub(crate) description: Option<String>,
    pub(crate) format: Option<CustomFormat>,
    pub(crate) name: Option<String>,
}

/// The form of a free-text tool's input.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CustomFormat {
    pub(crate) grammar: Option<Grammar>,
}

/// A grammar.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Grammar {
    pub(crate) definition: Option<String>,
    pub(crate) syntax: Option<String>,
}

/// A tool choice that is an object, in every shape that is in use.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choose {
    pub(crate) allowed_tools: Maybe<Allowed>,
    pub(crate) custom: Maybe<Named>,
    pub(crate) function: Maybe<Named>,
    pub(crate) mode: Maybe<String>,
    pub(crate) name: Maybe<String>,
    pub(crate) tools: Maybe<Vec<Pick>>,
    pub(crate) r#type: Maybe<String>,
}

/// The tools that may be used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Allowed {
    pub(crate) mode: Maybe<String>,
    pub(crate) tools: Maybe<Vec<Pick>>,
}

/// One of the tools that may be used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pick {
    pub(crate) custom: Maybe<Named>,
    pub(crate) function: Maybe<Named>,
    pub(crate) name: Maybe<String>,
}

/// A name in an object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    pub(crate) name: Maybe<String>,
}

/// The form of the answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ResponseFormat {
    pub(crate) json_schema: Option<JsonSchema>,
    pub(crate) r#type: Option<String>,
}

/// A schema for the answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct JsonSchema {
    pub(crate) description: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) schema: Option<RawJson>,
    pub(crate) strict: Option<bool>,
}

/// OpenRouter's way to ask for thoughts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReasoningWish {
    pub(crate) effort: Option<String>,
    pub(crate) enabled: Option<bool>,
    pub(crate) exclude: Option<bool>,
    pub(crate) max_tokens: TokenLimit,
    pub(crate) summary: Maybe<String>,
}

/// Anthropic's way to ask for thoughts, which DeepSeek, GLM and gateways take too.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ThinkingWish {
    pub(crate) budget_tokens: TokenLimit,
    pub(crate) r#type: Option<String>,
}

/// What to stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StreamOptions {
    pub(crate) include_usage: Option<bool>,
}

/// A whole answer, a chunk of one, or an error in the place of either.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Answer {
    pub(crate) choices: Option<Vec<Choice>>,
    pub(crate) created: Maybe<Count>,
    pub(crate) detail: Option<RawJson>,
    pub(crate) error: Option<RawJson>,
    pub(crate) id: Maybe<String>,
    pub(crate) message: Maybe<String>,
    pub(crate) model: Maybe<String>,
    pub(crate) object: Maybe<String>,
    pub(crate) service_tier: Maybe<String>,
    pub(crate) usage: Maybe<Usage>,
    pub(crate) x_groq: Maybe<Groq>,
}

/// Groq's own place for usage.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Groq {
    pub(crate) usage: Maybe<Usage>,
}

/// One of the answers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice {
    pub(crate) delta: Option<Delta>,
    pub(crate) error: Option<RawJson>,
    pub(crate) finish_reason: Maybe<String>,
    pub(crate) index: Maybe<Count>,
    pub(crate) logprobs: Option<RawJson>,
    pub(crate) message: Option<Delta>,
    /// Moonshot reports usage here.
    pub(crate) usage: Maybe<Usage>,
}

/// What an answer says, or a piece of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Delta {
    pub(crate) annotations: Maybe<Vec<RawJson>>,
    pub(crate) audio: Maybe<AudioOut>,
    pub(crate) content: Option<TextOr<ContentPart>>,
    pub(crate) extra_content: Maybe<ExtraContent>,
    pub(crate) function_call: Option<Function>,
    pub(crate) images: Maybe<Vec<ContentPart>>,
    pub(crate) reasoning: Maybe<String>,
    pub(crate) reasoning_content: Maybe<String>,
    pub(crate) reasoning_details: Maybe<Vec<RawJson>>,
    pub(crate) refusal: Maybe<String>,
    pub(crate) tool_calls: Option<Vec<ToolCall>>,
}

/// Spoken output, of which only the words can be told in other formats.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AudioOut {
    pub(crate) transcript: Maybe<String>,
}

/// A source of the answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Annotation {
    pub(crate) url_citation: Maybe<UrlCitation>,
}

/// A source on the web.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UrlCitation {
    pub(crate) content: Maybe<String>,
    pub(crate) end_index: Maybe<Count>,
    pub(crate) start_index: Maybe<Count>,
    pub(crate) title: Maybe<String>,
    pub(crate) url: Maybe<String>,
}

/// What an answer cost, under all the names that are in use.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Usage {
    pub(crate) cached_tokens: Maybe<Count>,
    pub(crate) completion_tokens: Maybe<Count>,
    pub(crate) completion_tokens_details: Maybe<UsageDetails>,
    pub(crate) input_tokens: Maybe<Count>,
    pub(crate) output_tokens: Maybe<Count>,
    pub(crate) prompt_cache_hit_tokens: Maybe<Count>,
    pub(crate) prompt_tokens: Maybe<Count>,
    pub(crate) prompt_tokens_details: Maybe<UsageDetails>,
    pub(crate) total_tokens: Maybe<Count>,
}

/// The parts of a number of tokens.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
pub(crate) struct UsageDetails {
    pub(crate) cache_write_tokens: Maybe<Count>,
    pub(crate) cached_tokens: Maybe<Count>,
    pub(crate) reasoning_tokens: Maybe<Count>,
}
