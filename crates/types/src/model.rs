//! What is known about one model, as far as translation must know it.

use crate::chat::Effort;

/// What a model accepts. Built from the model's id by rules per family, and corrected by the catalogue
/// and the person's config where those know better.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent yes-or-no facts, none excludes another")]
pub struct ModelFacts {
    /// How its thinking is controlled.
    pub thinking: Thinking,
    /// Which sampling parameters it takes.
    pub sampling: SamplingRule,
    /// Whether `tool_choice` may force a call.
    pub forced_tools: ForcedTools,
    /// Whether the conversation may end in an assistant turn that the model continues.
    pub prefill: bool,
    /// Whether it takes a JSON schema for the whole answer.
    pub structured_output: bool,
    /// Whether a schema for the answer and tools go together.
    pub structured_with_tools: bool,
    /// Whether it takes system text in the middle of the conversation.
    pub system_turns: bool,
    /// Whether tool results may carry images.
    pub result_media: bool,
    /// Whether calls carry signatures that must come back (Gemini 3 and later).
    pub signed_calls: bool,
    /// Whether calls have ids on the wire (newer Gemini models).
    pub call_ids: bool,
    /// Whether a server of Chat Completions takes `top_k` with it, which OpenAI has not.
    pub top_k: bool,
    /// The same for `min_p`.
    pub min_p: bool,
    /// Whether it takes `stop` sequences.
    pub stop_sequences: bool,
    /// Whether the output limit is called `max_completion_tokens` (OpenAI reasoning models).
    pub max_completion_tokens: bool,
    /// The largest output in tokens, thinking included, where known.
    pub max_output: Option<u64>,
}

/// How a model's thinking is controlled.
#[derive(Clone, Debug, PartialEq)]
pub enum Thinking {
    /// Anthropic's adaptive models.
    Adaptive {
        /// Whether it can be switched off.
        can_disable: bool,
        /// Whether `between_tools` exists.
        between_tools: bool,
        /// Whether the manual budget is still taken.
        manual: bool,
    },
    /// A budget in tokens.
    Budget {
        /// The smallest budget above zero.
        min: u64,
        /// The largest.
        max: u64,
        /// Whether it can be switched off.
        can_disable: bool,
    },
    /// Levels of effort, in rising order. [`Effort::None`] is among them where thinking can be off.
    Levels(Vec<Effort>),
    /// It does not think, or nothing may be said about it.
    No,
    /// On or off, with an optional budget (Cohere).
    Switch,
}

/// Which sampling parameters a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SamplingRule {
    /// All of its family's.
    All,
    /// `temperature` or `top_p`, not both.
    OneOf,
    /// None but default values.
    None,
    /// Only while reasoning is off.
    WhenNotThinking,
}

/// Whether `tool_choice` may force a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForcedTools {
    /// Always.
    Yes,
    /// Never.
    No,
    /// Unless a thinking budget is set.
    UnlessManualThinking,
}
