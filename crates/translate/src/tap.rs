//! Watches an answer that passes untouched, the format being the same on both sides: what it cost, and
//! whether it came to its proper end.
//!
//! Only frames that can hold something of interest are parsed, and of those only the fields that are
//! looked at. The bytes themselves are the caller's to forward.

use byok_types::Family;
use byok_types::chat::Usage;
use memchr::memmem;
use serde::Deserialize;

use crate::sse::{Frame, Parser};
use outline::Outline;

mod outline;

/// The most of a whole answer that is kept to look for its usage. A larger one passes without.
const MAX_WHOLE: usize = 4 * 1024 * 1024;

/// Watches one answer.
#[derive(Debug)]
pub struct Tap {
    family: Family,
    body: Watched,
    seen: Seen,
}

#[derive(Debug)]
enum Watched {
    /// One JSON document without its lists.
    Outline(Outline),
    /// An event stream, and whether the last byte seen ended a frame.
    Stream(Parser),
    /// One JSON document; `None` once it has grown too large to keep.
    Whole(Option<Vec<u8>>),
}

/// What has been seen so far.
#[derive(Debug, Default)]
struct Seen {
    usage: Usage,
    complete: bool,
    failed: bool,
}

impl Tap {
    /// A tap on an answer of `family`: an event stream, or one JSON document.
    pub fn new(family: Family, content_is_stream: bool) -> Self {
        let body =
            if content_is_stream { Watched::Stream(Parser::new()) } else { Watched::Whole(Some(Vec::new())) };
        Self { family, body, seen: Seen::default() }
    }

    /// A tap on embeddings, which are one JSON document of any size. Nothing of interest stands in a list.
    pub fn embeddings(family: Family) -> Self {
        Self { family, body: Watched::Outline(Outline::default()), seen: Seen::default() }
    }

    /// Looks at more of the answer.
    pub fn feed(&mut self, bytes: &[u8]) {
        let (family, seen) = (self.family, &mut self.seen);
        match &mut self.body {
            Watched::Outline(outline) => outline.feed(bytes),
            Watched::Stream(parser) => {
                let fed = parser.feed(bytes, &mut |frame| seen.frame(family, &frame));
                seen.failed |= fed.is_err();
            }
            Watched::Whole(kept) => {
                if kept.as_ref().is_some_and(|kept| kept.len() + bytes.len() > MAX_WHOLE) {
                    *kept = None;
                }
                if let Some(kept) = kept {
                    kept.extend_from_slice(bytes);
                }
            }
        }
    }

    /// The answer has ended.
    pub fn finish(&mut self) {
        let (family, seen) = (self.family, &mut self.seen);
        match &mut self.body {
            Watched::Outline(outline) => {
                seen.complete = true;
                if let Some(kept) = outline.take() {
                    seen.look(family, &kept);
                    seen.complete = !kept.is_empty();
                }
            }
            Watched::Stream(parser) => parser.finish(&mut |frame| seen.frame(family, &frame)),
            Watched::Whole(kept) => {
                seen.complete = true;
                if let Some(kept) = kept.take() {
                    seen.look(family, &kept);
                    seen.complete = !kept.is_empty();
                }
            }
        }
    }

    /// What the answer has cost, as far as it has said.
    pub fn usage(&self) -> &Usage {
        &self.seen.usage
    }

    /// Whether the answer has come to its format's proper end.
    pub fn complete(&self) -> bool {
        self.seen.complete
    }

    /// Whether the upstream reported an error in the stream.
    pub fn failed(&self) -> bool {
        self.seen.failed
    }
}

impl Seen {
    fn frame(&mut self, family: Family, frame: &Frame<'_>) {
        let data = frame.data;
        let has = |needle: &str| memmem::find(data, needle.as_bytes()).is_some();
        let worth_reading = match family {
            Family::Anthropic => {
                let event = frame.event.unwrap_or("message_stop");
                matches!(event, "message_start" | "message_delta" | "message_stop" | "error")
            }
            Family::Cohere => has("message-end"),
            Family::Gemini => {
                has("usageMetadata") || has("finishReason") || has("\"error\"") || has("blockReason")
            }
            Family::OpenaiChat => {
                if data.trim_ascii() == b"[DONE]" {
                    self.complete = true;
                    return;
                }
                has("\"usage\"") || has("\"finish_reason\"") || has("\"error\"")
            }
            Family::OpenaiResponses => {
                has("\"response.completed\"")
                    || has("\"response.incomplete\"")
                    || has("\"response.failed\"")
                    || has("\"error\"")
            }
        };
        if worth_reading {
            self.look(family, data);
        }
    }

    fn look(&mut self, family: Family, data: &[u8]) {
        let Ok(glance) = serde_json::from_slice::<Glance>(data) else { return };
        let kind = glance.r#type.as_deref().unwrap_or_default();
        match family {
            Family::Anthropic => {
                self.complete |= kind == "message_stop";
                self.failed |= kind == "error";
            }
            Family::Cohere => {
                let reason = glance.delta.as_ref().and_then(|delta| delta.finish_reason.as_deref());
                self.failed |= reason == Some("ERROR");
                self.complete |= kind == "message-end" && reason != Some("ERROR");
            }
            Family::Gemini => {
                self.failed |= glance.error.is_some();
                let finished = |choice: &Choice| choice.finish_reason_camel.is_some();
                self.complete |=
                    glance.prompt_feedback.is_some() || glance.candidates.iter().flatten().any(finished);
            }
            Family::OpenaiChat => {
                self.failed |= glance.error.is_some();
                let finished = |choice: &Choice| choice.finish_reason.as_ref().is_some_and(|r| !r.is_empty());
                self.complete |= glance.choices.iter().flatten().any(finished);
            }
            Family::OpenaiResponses => {
                self.failed |= matches!(kind, "response.failed" | "error");
                self.complete |= matches!(kind, "response.completed" | "response.incomplete");
            }
        }
        let nested = [
            glance.usage,
            glance.usage_metadata,
            glance.message.and_then(|message| message.usage),
            glance.response.and_then(|response| response.usage),
            glance.delta.and_then(|delta| delta.usage),
            glance.meta,
        ];
        for usage in nested.into_iter().flatten() {
            self.usage.update(&usage.canonical(family, &self.usage));
        }
    }
}

/// The few fields of an answer or event that are looked at, over all families.
#[derive(Deserialize)]
struct Glance {
    r#type: Option<String>,
    usage: Option<Counts>,
    #[serde(rename = "usageMetadata")]
    usage_metadata: Option<Counts>,
    message: Option<Nested>,
    response: Option<Nested>,
    delta: Option<Nested>,
    /// Where Cohere's embeddings have it.
    meta: Option<Counts>,
    choices: Option<Vec<Choice>>,
    candidates: Option<Vec<Choice>>,
    #[serde(rename = "promptFeedback")]
    prompt_feedback: Option<serde::de::IgnoredAny>,
    error: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Nested {
    usage: Option<Counts>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Choice {
    finish_reason: Option<String>,
    #[serde(rename = "finishReason")]
    finish_reason_camel: Option<String>,
}

/// The token counts of all families; each has its own few.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    // OpenAI Chat
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
    // OpenAI Responses and Anthropic
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    input_tokens_details: Option<Details>,
    output_tokens_details: Option<Details>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    // Gemini
    #[serde(rename = "promptTokenCount")]
    prompt_token_count: Option<u64>,
    #[serde(rename = "candidatesTokenCount")]
    candidates_token_count: Option<u64>,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts_token_count: Option<u64>,
    #[serde(rename = "cachedContentTokenCount")]
    cached_content_token_count: Option<u64>,
    #[serde(rename = "toolUsePromptTokenCount")]
    tool_use_prompt_token_count: Option<u64>,
    // Cohere
    tokens: Option<FloatCounts>,
    billed_units: Option<FloatCounts>,
    cached_tokens: Option<f64>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
struct Details {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
    thinking_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct FloatCounts {
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
}

impl Counts {
    /// These counts as usage: totals that include their parts (wire-format facts, 6.10).
    fn canonical(self, family: Family, so_far: &Usage) -> Usage {
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
        };
        match family {
            Family::Anthropic => {
                let cached = sum(self.cache_read_input_tokens, self.cache_creation_input_tokens);
                // A later snapshot without the input knows the output only.
                let input = self.input_tokens.filter(|input| *input > 0 || cached.is_some());
                Usage {
                    input: input.map(|input| input.saturating_add(cached.unwrap_or(0))).or(so_far.input),
                    cache_read: self.cache_read_input_tokens,
                    cache_write: self.cache_creation_input_tokens,
                    cache_write_1h: None,
                    output: self.output_tokens,
                    reasoning: self.output_tokens_details.and_then(|details| details.thinking_tokens),
                }
            }
            Family::Cohere => {
                let counts = self.tokens.as_ref().or(self.billed_units.as_ref());
                Usage {
                    input: counts.and_then(|counts| whole_number(counts.input_tokens)),
                    output: counts.and_then(|counts| whole_number(counts.output_tokens)),
                    cache_read: whole_number(self.cached_tokens),
                    ..Usage::default()
                }
            }
            Family::Gemini => Usage {
                input: sum(self.prompt_token_count, self.tool_use_prompt_token_count),
                output: sum(self.candidates_token_count, self.thoughts_token_count),
                cache_read: self.cached_content_token_count,
                reasoning: self.thoughts_token_count,
                ..Usage::default()
            },
            Family::OpenaiChat | Family::OpenaiResponses => {
                let input = self.prompt_tokens_details.or(self.input_tokens_details);
                let output = self.completion_tokens_details.or(self.output_tokens_details);
                Usage {
                    input: self.prompt_tokens.or(self.input_tokens),
                    output: self.completion_tokens.or(self.output_tokens),
                    cache_read: input.as_ref().and_then(|details| details.cached_tokens),
                    cache_write: input.as_ref().and_then(|details| details.cache_write_tokens),
                    cache_write_1h: None,
                    reasoning: output.and_then(|details| details.reasoning_tokens),
                }
            }
        }
    }
}

/// Cohere counts in floats.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
fn whole_number(count: Option<f64>) -> Option<u64> {
    count.filter(|count| (0.0..=1e15).contains(count)).map(|count| count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `stream` byte by byte and whole; both must agree.
    fn tap(family: Family, stream: &str) -> (Usage, bool, bool) {
        let mut whole = Tap::new(family, true);
        whole.feed(stream.as_bytes());
        whole.finish();
        let mut bytewise = Tap::new(family, true);
        for byte in stream.as_bytes() {
            bytewise.feed(std::slice::from_ref(byte));
        }
        bytewise.finish();
        let result = |tap: &Tap| (*tap.usage(), tap.complete(), tap.failed());
        assert_eq!(result(&whole), result(&bytewise));
        result(&whole)
    }

    #[test]
    fn chat() {
        let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}],\"usage\":null}\n\n\
            data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
            data: {\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":15,\"prompt_tokens_details\":{\"cached_tokens\":8},\"completion_tokens_details\":{\"reasoning_tokens\":5}}}\n\n\
            data: [DONE]\n\n";
        let usage = Usage {
            input: Some(20),
            output: Some(15),
            cache_read: Some(8),
            reasoning: Some(5),
            ..Usage::default()
        };
        assert_eq!(tap(Family::OpenaiChat, stream), (usage, true, false));
        let cut = &stream[..stream.find("\"stop\"").unwrap() - 60];
        assert!(!tap(Family::OpenaiChat, cut).1);
        assert!(tap(Family::OpenaiChat, "data: {\"error\":{\"message\":\"no\"}}\n\n").2);
    }

    #[test]
    fn anthropic() {
        let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":12,\"cache_read_input_tokens\":8,\"cache_creation_input_tokens\":0,\"output_tokens\":1}}}\n\n\
            event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":15}}\n\n\
            event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        let (usage, complete, failed) = tap(Family::Anthropic, stream);
        assert_eq!((usage.input, usage.output, usage.cache_read), (Some(20), Some(15), Some(8)));
        assert!(complete && !failed);
        assert!(tap(Family::Anthropic, "event: error\ndata: {\"type\":\"error\"}\n\n").2);
    }

    #[test]
    fn gemini() {
        let stream = "data: {\"candidates\":[{\"content\":{},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":20,\"candidatesTokenCount\":10,\"thoughtsTokenCount\":5}}\r\n\r\n";
        let (usage, complete, _) = tap(Family::Gemini, stream);
        assert_eq!((usage.input, usage.output, usage.reasoning), (Some(20), Some(15), Some(5)));
        assert!(complete);
    }

    #[test]
    fn cohere() {
        let stream = "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":{\"tokens\":{\"input_tokens\":20.0,\"output_tokens\":15.0},\"cached_tokens\":8.0}}}\n\n";
        let (usage, complete, _) = tap(Family::Cohere, stream);
        assert_eq!((usage.input, usage.output, usage.cache_read), (Some(20), Some(15), Some(8)));
        assert!(complete);
        let error =
            "data: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"x\"}}\n\n";
        let (_, complete, failed) = tap(Family::Cohere, error);
        assert!(failed && !complete);
    }

    #[test]
    fn responses() {
        let stream = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"error\":null,\"usage\":{\"input_tokens\":20,\"output_tokens\":15,\"input_tokens_details\":{\"cached_tokens\":8},\"output_tokens_details\":{\"reasoning_tokens\":5}}}}\n\n";
        let (usage, complete, failed) = tap(Family::OpenaiResponses, stream);
        assert_eq!((usage.input, usage.output, usage.reasoning), (Some(20), Some(15), Some(5)));
        assert!(complete && !failed);
    }

    #[test]
    fn embeddings_of_any_size_tell_their_usage() {
        for (family, answer) in [
            (
                Family::OpenaiChat,
                r#"{"object":"list","data":[VECTORS],"model":"m","usage":{"prompt_tokens":7,"total_tokens":7}}"#,
            ),
            (Family::Gemini, r#"{"embeddings":[VECTORS],"usageMetadata":{"promptTokenCount":7}}"#),
            (
                Family::Cohere,
                r#"{"id":"x","embeddings":{"float":[VECTORS]},"meta":{"billed_units":{"input_tokens":7.0}}}"#,
            ),
        ] {
            let vectors = vec!["[0.0125,-0.25]"; 500_000].join(",");
            let mut tap = Tap::embeddings(family);
            for piece in answer.replace("VECTORS", &vectors).as_bytes().chunks(4093) {
                tap.feed(piece);
            }
            tap.finish();
            assert_eq!((tap.usage().input, tap.complete(), tap.failed()), (Some(7), true, false), "{family}");
        }
    }

    #[test]
    fn a_whole_answer_is_read_at_its_end() {
        let mut tap = Tap::new(Family::OpenaiChat, false);
        tap.feed(b"{\"choices\":[],\"usage\":{\"prompt_tokens\":3,");
        tap.feed(b"\"completion_tokens\":4}}");
        tap.finish();
        assert_eq!((tap.usage().input, tap.usage().output, tap.complete()), (Some(3), Some(4), true));
    }
}
