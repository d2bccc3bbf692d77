//! What a client asks for.
//!
//! `None` means that the client said nothing; a writer then says nothing either, unless its format
//! demands a value.

use super::part::{CacheMark, CustomGrammar, Part};
use crate::{Family, RawJson};

/// One request to generate an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The model as the client named it; the router replaces it by the upstream's id.
    pub model: String,
    /// What stands before the first turn. Later system text is a [`Turn`] of [`Role::System`].
    pub system: Vec<SystemText>,
    /// The conversation, oldest first.
    pub turns: Vec<Turn>,
    /// The tools on offer, in the client's order.
    pub tools: Vec<Tool>,
    /// Whether a tool must, may or must not be used.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once.
    pub parallel_tools: Option<bool>,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Upper bounds.
    pub limits: Limits,
    /// How much to think, and what of it to show.
    pub reasoning: Reasoning,
    /// The form of the answer.
    pub output: OutputFormat,
    /// How wordy the answer should be.
    pub verbosity: Option<Verbosity>,
    /// The kinds of output asked for, when not just text.
    pub modalities: Vec<Modality>,
    /// Whether and how to stream.
    pub stream: StreamWish,
    /// How many answers, when more than one is asked for.
    pub candidates: Option<u32>,
    /// An automatic cache breakpoint at the end of the prompt (Anthropic's top-level `cache_control`).
    pub cache: Option<CacheMark>,
    /// On whose behalf.
    pub identity: Identity,
    /// State kept at the vendor.
    pub server_state: ServerState,
    /// Fields without a place above, in the order they came.
    pub ext: Vec<Ext>,
}

/// System text before the first turn. Several stay separate, each with its own cache mark.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemText {
    /// The text, never empty.
    pub text: String,
    /// A cache breakpoint after it.
    pub cache: Option<CacheMark>,
}

/// One turn of the conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said. A tool's results are parts of a user turn.
    pub parts: Vec<Part>,
    /// The speaker's name.
    pub name: Option<String>,
    /// Codex's marker on assistant messages: `commentary` or `final_answer`.
    pub phase: Option<String>,
    /// The item's id (OpenAI Responses, `msg_…`).
    pub item_id: Option<String>,
    /// Fields of the turn without a place above, under their plain names. They go back to their own family
    /// and mean nothing elsewhere.
    pub ext: Vec<Ext>,
}

impl Turn {
    /// A turn with nothing said about it.
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { role, parts, name: None, phase: None, item_id: None, ext: Vec::new() }
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The model.
    Assistant,
    /// Instructions in the middle of the conversation.
    System,
    /// The person, or the client on the person's behalf (tool results).
    User,
}

/// A tool on offer.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What sort of tool.
    pub kind: ToolType,
    /// Whether arguments must follow the schema exactly. `None`: the client did not say.
    pub strict: Option<bool>,
    /// The namespace that it is declared in (OpenAI Responses).
    pub namespace: Option<String>,
    /// A cache breakpoint after it.
    pub cache: Option<CacheMark>,
    /// Whether its definition may be loaded later.
    pub defer: Option<bool>,
}

/// The sorts of tools.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolType {
    /// Run by the client, with a schema that the vendor's models know by heart (Anthropic's `bash_…`).
    ClientTyped {
        /// Whose tool it is.
        family: Family,
        /// Its type on the wire.
        r#type: String,
        /// The whole declaration.
        raw: RawJson,
    },
    /// Takes free text.
    Custom {
        /// The grammar of that text, if it has one.
        grammar: Option<CustomGrammar>,
    },
    /// Takes a JSON object.
    Function {
        /// The JSON Schema of the arguments; `None`: no arguments.
        schema: Option<RawJson>,
    },
    /// Run by the vendor (web search, code execution, …).
    Hosted {
        /// Whose tool it is.
        family: Family,
        /// Its type on the wire.
        r#type: String,
        /// The whole declaration.
        raw: RawJson,
    },
}

/// Whether a tool must be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// No tool.
    None,
    /// This one.
    One {
        /// Its name.
        name: String,
    },
    /// Some tool.
    Required,
    /// Only these.
    Subset {
        /// Their names.
        names: Vec<String>,
        /// Whether one of them must be used.
        required: bool,
    },
}

/// How tokens are drawn. Numbers are as the client gave them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// 0 to 2 (OpenAI, Gemini), 0 to 1 (Anthropic).
    pub temperature: Option<f64>,
    /// Nucleus sampling, 0 to 1.
    pub top_p: Option<f64>,
    /// How many candidates tokens to draw from.
    pub top_k: Option<u64>,
    /// Lower bound of a token's probability relative to the best.
    pub min_p: Option<f64>,
    /// −2 to 2.
    pub frequency_penalty: Option<f64>,
    /// −2 to 2.
    pub presence_penalty: Option<f64>,
    /// For repeatable answers, as far as the vendor keeps that promise.
    pub seed: Option<i64>,
    /// Token id to bias, as it came.
    pub logit_bias: Option<RawJson>,
    /// Whether to report probabilities.
    pub logprobs: Option<bool>,
    /// How many alternatives to report per token.
    pub top_logprobs: Option<u32>,
    /// Texts at which to stop; no empty ones.
    pub stop: Vec<String>,
}

/// Upper bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Output tokens, thinking included.
    pub max_output: Option<u64>,
    /// Calls of hosted tools (OpenAI Responses).
    pub max_tool_calls: Option<u64>,
}

/// How much to think, and what of it to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// How much.
    pub mode: ReasoningMode,
    /// An effort named beside the mode (Anthropic's `output_config.effort`, OpenAI's levels).
    pub effort: Option<Effort>,
    /// What to show.
    pub show: Show,
    /// OpenAI's summary style: `auto`, `concise`, `detailed`.
    pub summary: Option<String>,
}

/// How much to think.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReasoningMode {
    /// The model decides.
    Adaptive,
    /// Between tool calls only (Anthropic's `between_tools`).
    BetweenTools,
    /// At most this many tokens.
    Budget(u64),
    /// As the effort says.
    Effort,
    /// Not at all.
    Off,
    /// The client said nothing.
    #[default]
    Unset,
}

/// Levels of effort, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    /// No thinking.
    None,
    /// Hardly any.
    Minimal,
    /// A little.
    Low,
    /// The usual.
    Medium,
    /// Much.
    High,
    /// More.
    Xhigh,
    /// All the model has.
    Max,
}

impl Effort {
    /// The level as every format writes it in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// Reads a level, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::Xhigh, Self::Max]
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(text))
    }

    /// The level that a token budget amounts to (wire-format facts, 6.6).
    pub fn of_budget(tokens: u64) -> Self {
        match tokens {
            0 => Self::None,
            1..=1_024 => Self::Minimal,
            1_025..=4_096 => Self::Low,
            4_097..=8_192 => Self::Medium,
            8_193..=16_384 => Self::High,
            16_385..=32_768 => Self::Xhigh,
            _ => Self::Max,
        }
    }
}

/// What of the thoughts to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// All of them.
    Full,
    /// Nothing (Anthropic's `display: omitted`, Gemini without `includeThoughts`).
    None,
    /// A summary.
    Summary,
    /// The client said nothing.
    #[default]
    Unset,
}

/// The form of the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OutputFormat {
    /// Some JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema {
        /// A name for it.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// The JSON Schema.
        schema: RawJson,
        /// Whether it must be followed exactly.
        strict: Option<bool>,
    },
    /// Text.
    #[default]
    Text,
}

/// How wordy the answer should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Wordy.
    High,
    /// Terse.
    Low,
    /// The usual.
    Medium,
}

/// A kind of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modality {
    /// Sound.
    Audio,
    /// Pictures.
    Image,
    /// Text.
    Text,
}

/// Whether and how to stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamWish {
    /// Whether the client wants a stream.
    pub on: bool,
    /// Whether a Chat client asked for the usage chunk.
    pub include_usage: bool,
    /// Whether a Gemini client asked without `alt=sse`, so that the answer is one JSON array.
    pub json_array: bool,
}

/// On whose behalf, and for which purpose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// The end user (`user`, Anthropic's `metadata.user_id`).
    pub user: Option<String>,
    /// OpenAI's `safety_identifier`.
    pub safety_id: Option<String>,
    /// OpenAI's `prompt_cache_key`.
    pub cache_key: Option<String>,
    /// Free pairs, as they came.
    pub metadata: Option<RawJson>,
    /// The service tier asked for.
    pub tier: Option<String>,
}

/// State kept at the vendor. byok is stateless: towards another family these are refused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerState {
    /// The answer to go on from.
    pub previous_id: Option<String>,
    /// The conversation to go on with.
    pub conversation: Option<RawJson>,
    /// Whether the vendor may keep the answer.
    pub store: Option<bool>,
    /// What the answer should include.
    pub include: Vec<String>,
    /// A stored prefix (Gemini's `cachedContent`).
    pub cached_content: Option<String>,
}

/// A field without a canonical place.
#[derive(Clone, Debug, PartialEq)]
pub struct Ext {
    /// The family whose field it is; `None`: of a format that no upstream speaks, so that none gets it.
    pub family: Option<Family>,
    /// Its name at the top level of the request, or a dotted path (`generationConfig.speechConfig`).
    pub path: String,
    /// Its value.
    pub value: RawJson,
    /// What leaving it out means.
    pub weight: Weight,
}

/// What leaving a field out means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Nothing that the person would notice: drop in silence.
    Hint,
    /// The answer differs: drop and report.
    Meaning,
    /// The request makes no sense without it: refuse.
    Essential,
}
