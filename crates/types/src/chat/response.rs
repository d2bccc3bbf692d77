//! What a model answers.

use super::part::Part;
use crate::RawJson;

/// One whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// The upstream's id of the answer; may be empty (a writer then makes one).
    pub id: String,
    /// The model that answered, as the upstream names it.
    pub model: String,
    /// Unix seconds, where the upstream tells.
    pub created: Option<u64>,
    /// The answers: one unless more were asked for.
    pub candidates: Vec<Candidate>,
    /// What it cost.
    pub usage: Usage,
    /// The service tier that served it.
    pub tier: Option<String>,
}

/// One of the answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its number, from 0.
    pub index: u32,
    /// What it says.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub stop: Stop,
    /// Probabilities, in the upstream's form.
    pub logprobs: Option<RawJson>,
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The reason.
    pub reason: StopReason,
    /// The stop sequence that matched, where known.
    pub matched: Option<String>,
    /// The vendor's own words about it.
    pub detail: Option<String>,
}

impl Stop {
    /// A reason with nothing more to say.
    pub fn new(reason: StopReason) -> Self {
        Self { reason, matched: None, detail: None }
    }
}

/// The reasons for which answers end (wire-format facts, 6.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// The context window is full.
    ContextFull,
    /// The model was done.
    EndTurn,
    /// The vendor gave up in the middle.
    Error,
    /// A filter cut it off.
    Filtered,
    /// The model produced a call that makes no sense.
    MalformedCall,
    /// The output limit was reached.
    MaxTokens,
    /// A long server-side turn wants to be continued.
    Pause,
    /// The model declined.
    Refusal,
    /// A stop sequence matched.
    StopSequence,
    /// The client is to run tools.
    ToolUse,
}

/// What an answer cost, in tokens. Totals include their parts: `input` counts cached tokens, `output`
/// counts reasoning. `None` means that the upstream did not say (wire-format facts, 6.10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input.
    pub input: Option<u64>,
    /// Of it, read from the prompt cache.
    pub cache_read: Option<u64>,
    /// Of it, written to the prompt cache.
    pub cache_write: Option<u64>,
    /// Of `cache_write`, kept for an hour.
    pub cache_write_1h: Option<u64>,
    /// All output.
    pub output: Option<u64>,
    /// Of it, reasoning.
    pub reasoning: Option<u64>,
}

impl Usage {
    /// Takes over every number that `later` knows. Snapshots replace, they never add up.
    pub fn update(&mut self, later: &Self) {
        let replace = |old: &mut Option<u64>, new: Option<u64>| *old = new.or(*old);
        replace(&mut self.input, later.input);
        replace(&mut self.cache_read, later.cache_read);
        replace(&mut self.cache_write, later.cache_write);
        replace(&mut self.cache_write_1h, later.cache_write_1h);
        replace(&mut self.output, later.output);
        replace(&mut self.reasoning, later.reasoning);
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Input and output together.
    pub fn total(&self) -> u64 {
        self.input.unwrap_or(0).saturating_add(self.output.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_snapshot_replaces_only_what_it_knows() {
        let mut usage = Usage { input: Some(20), output: Some(1), ..Usage::default() };
        usage.update(&Usage { output: Some(15), ..Usage::default() });
        assert_eq!(usage, Usage { input: Some(20), output: Some(15), ..Usage::default() });
    }
}
