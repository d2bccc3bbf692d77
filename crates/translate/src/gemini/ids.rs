//! Ids for the calls in an answer. Older models give none, and every other format pairs by them.

use std::collections::HashSet;

/// Ids for calls that have none: the same for the same answer, others for every other one.
#[derive(Debug, Default)]
pub(super) struct CallIds {
    answer: String,
    next: u32,
    used: HashSet<String>,
}

impl CallIds {
    /// Begins an answer; `text` is its first chunk.
    pub(super) fn begin(&mut self, response_id: &str, text: &[u8]) {
        let clean: String =
            response_id.chars().filter(|it| it.is_ascii_alphanumeric() || matches!(it, '_' | '-')).collect();
        // Where the answer has no id its first chunk stands for it: 64-bit FNV-1a.
        self.answer = if clean.is_empty() {
            let hash = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
            format!("{hash:016x}")
        } else {
            // The end is what differs; OpenAI takes ids of at most 64 characters.
            clean[clean.len().saturating_sub(40)..].to_owned()
        };
    }

    /// The id of a call, and whether it was made up.
    pub(super) fn id_for(&mut self, given: Option<String>) -> (String, bool) {
        if let Some(id) = given.filter(|id| !id.is_empty())
            && self.used.insert(id.clone())
        {
            return (id, false);
        }
        loop {
            let id = format!("call_{}_{}", self.answer, self.next);
            self.next += 1;
            if self.used.insert(id.clone()) {
                return (id, true);
            }
        }
    }
}
