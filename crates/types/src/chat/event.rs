//! The events of a streamed answer, and their grammar.
//!
//! ```text
//! stream    = Start { part | Usage | Logprobs | Heartbeat } Stop+ { Usage } End
//!           | any prefix of that, then Error
//! part      = Open { Delta } Close            (of one candidate; never two open at once in one candidate)
//! ```
//!
//! - `Start` comes once and first.
//! - Parts of a candidate are numbered 0, 1, 2, … in the order of `Open`; `Delta` and `Close` always
//!   belong to the candidate's open part, and every delta fits the head of that part.
//! - Each candidate has exactly one `Stop`, after its last `Close`. [`super::StopReason::ToolUse`] if and
//!   only if a tool call was opened and the answer was not cut short.
//! - `Usage` is a snapshot: it replaces what it knows of the earlier ones.
//! - After `End` or `Error` nothing follows. A stream that breaks off ends in `Error`, never in `Stop`.
//!
//! The *reader* of an upstream format owes this grammar: it opens a part when the vendor just sends text,
//! queues interleaved parallel calls, holds `Stop` back until the reason is known. So a writer is a short
//! `match`. [`super::Fold`] checks it.

use super::part::{Citation, ReasoningKind, Token, ToolKind};
use super::response::{Stop, Usage};
use crate::{Family, Fault, RawJson};

/// One event of a streamed answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The answer begins.
    Start(Start),
    /// A part begins.
    Open {
        /// Which answer.
        candidate: u32,
        /// What begins.
        head: Head,
    },
    /// The open part grows.
    Delta {
        /// Which answer.
        candidate: u32,
        /// By what.
        delta: Delta,
    },
    /// The open part is complete.
    Close {
        /// Which answer.
        candidate: u32,
    },
    /// What it has cost so far.
    Usage(Usage),
    /// Probabilities, in the upstream's form.
    Logprobs {
        /// Which answer.
        candidate: u32,
        /// The upstream's object.
        raw: RawJson,
    },
    /// An answer is complete.
    Stop {
        /// Which answer.
        candidate: u32,
        /// Why.
        stop: Stop,
    },
    /// All is said.
    End,
    /// The stream failed.
    Error(Box<Fault>),
    /// The upstream is alive and has nothing to say.
    Heartbeat,
}

/// The beginning of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Start {
    /// The upstream's id of the answer; may be empty.
    pub id: String,
    /// The model as the upstream names it; may be empty.
    pub model: String,
    /// Unix seconds, where the upstream tells.
    pub created: Option<u64>,
    /// Usage known at the start (Anthropic).
    pub usage: Usage,
}

/// What a part is, as far as it is known when it begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Head {
    /// A complete medium (an image in the answer); no deltas follow.
    Media(super::part::Media),
    /// A complete piece that only its family understands; no deltas follow.
    Opaque {
        /// Whose.
        family: Family,
        /// The whole piece.
        raw: RawJson,
    },
    /// Thoughts; [`Delta::Text`] and at most one [`Delta::Token`] follow.
    Reasoning {
        /// Which sort.
        kind: ReasoningKind,
        /// The item's id (OpenAI Responses).
        item_id: Option<String>,
    },
    /// Declining words; [`Delta::Text`] follows.
    Refusal,
    /// Text; [`Delta::Text`], [`Delta::Citation`] and at most one [`Delta::Token`] follow.
    Text,
    /// A call; [`Delta::Arguments`] and at most one [`Delta::Token`] follow.
    ToolCall {
        /// Pairs it with its result; never empty.
        id: String,
        /// Whether `id` was made up by byok.
        generated_id: bool,
        /// The tool's name, complete.
        name: String,
        /// Function or free text.
        kind: ToolKind,
        /// The namespace of the tool.
        namespace: Option<String>,
        /// The item's id (OpenAI Responses).
        item_id: Option<String>,
    },
}

/// How a part grows.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// More of a call's arguments: JSON text, or free text for [`ToolKind::Custom`]. A call without
    /// arguments has no such delta, or one that makes `{}`.
    Arguments(String),
    /// A source of the text so far.
    Citation(Citation),
    /// More text, never empty.
    Text(String),
    /// The signature of this part.
    Token(Token),
}
