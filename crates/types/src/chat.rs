//! The canonical model: what a conversation means, in no vendor's words.
//!
//! Every wire format is read into these types and written out of them, so that N formats need 2N
//! codecs and not N². Three rules hold everywhere:
//!
//! - **Readers normalise, writers trust.** A vendor's oddity is repaired once, on the way in.
//! - **Numbers and arguments stay text.** See [`crate::RawJson`].
//! - **What only its maker understands is carried, never guessed.** Signatures and encrypted reasoning
//!   are [`Token`]s that name their family; they go back to that family or nowhere.
//!
//! A stream is a sequence of [`Event`]s whose grammar stands at [`event`]; [`fold`] turns it into a
//! [`Response`] and back.

pub mod event;
pub mod fold;
pub mod part;
pub mod request;
pub mod response;

pub use event::{Delta, Event, Head, Start};
pub use fold::{Fold, FoldError, unfold};
pub use part::{
    CacheMark, Citation, CustomGrammar, Media, MediaKind, Part, PartKind, ReasoningKind, ReasoningPart,
    Source, Token, ToolCall, ToolKind, ToolResult,
};
pub use request::{
    Effort, Ext, Identity, Limits, Modality, OutputFormat, Reasoning, ReasoningMode, Request, Role, Sampling,
    ServerState, Show, StreamWish, SystemText, Tool, ToolChoice, ToolType, Turn, Verbosity, Weight,
};
pub use response::{Candidate, Response, Stop, StopReason, Usage};
