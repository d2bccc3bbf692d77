//! Token counts, in and out. On this wire `input_tokens` leaves out what came from or went into the
//! cache; the canonical input is the total.

use byok_types::chat::Usage;
use serde_json::value::RawValue;

use super::json::Object;
use super::node::Node;

/// The counts of one answer as this wire splits them, updated by every snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    input: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    cache_write_1h: Option<u64>,
    output: Option<u64>,
    thinking: Option<u64>,
}

impl Counts {
    /// Reads a `usage` object.
    pub(super) fn read(raw: &RawValue) -> Self {
        let Some(usage) = Node::lax(raw) else { return Self::default() };
        let split = usage.lax_object("cache_creation");
        let hour = split.as_ref().and_then(|split| split.lax_count("ephemeral_1h_input_tokens"));
        let details = usage.lax_object("output_tokens_details");
        Self {
            input: usage.lax_count("input_tokens"),
            cache_read: usage.lax_count("cache_read_input_tokens"),
            cache_write: usage.lax_count("cache_creation_input_tokens"),
            cache_write_1h: hour,
            output: usage.lax_count("output_tokens"),
            thinking: details.and_then(|details| details.lax_count("thinking_tokens")),
        }
    }

    /// Takes over a later snapshot. Values replace and never add up. A snapshot that knows the cache
    /// replaces the three input counts together, because some servers put the whole prompt into the
    /// first one; a snapshot whose input is all zero says nothing about the input.
    pub(super) fn update(&mut self, later: Self) {
        if later.input_total() > Some(0) || self.input_total().is_none() {
            self.input = later.input.or(self.input);
            if later.cache_read.is_some() || later.cache_write.is_some() {
                self.cache_read = later.cache_read;
                self.cache_write = later.cache_write;
                self.cache_write_1h = later.cache_write_1h.or(self.cache_write_1h);
            }
        }
        self.output = later.output.or(self.output);
        self.thinking = later.thinking.or(self.thinking);
    }

    /// The counts in canonical terms.
    pub(super) fn usage(&self) -> Usage {
        Usage {
            input: self.input_total(),
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            cache_write_1h: self.cache_write_1h,
            output: self.output,
            reasoning: self.thinking,
        }
    }

    fn input_total(&self) -> Option<u64> {
        [self.input, self.cache_read, self.cache_write].into_iter().flatten().reduce(u64::saturating_add)
    }
}

/// Writes a `usage` object. The two counts that the official clients require are zero where unknown.
pub(super) fn write(object: &mut Object<'_>, usage: &Usage) {
    let cached = usage.cache_read.unwrap_or(0).saturating_add(usage.cache_write.unwrap_or(0));
    object.object("usage", |counts| {
        counts.put("input_tokens", &usage.input.unwrap_or(0).saturating_sub(cached));
        counts.put("cache_creation_input_tokens", &usage.cache_write.unwrap_or(0));
        counts.put("cache_read_input_tokens", &usage.cache_read.unwrap_or(0));
        if let Some(hour) = usage.cache_write_1h {
            counts.object("cache_creation", |split| {
                let minutes = usage.cache_write.unwrap_or(0).saturating_sub(hour);
                split.put("ephemeral_5m_input_tokens", &minutes);
                split.put("ephemeral_1h_input_tokens", &hour);
            });
        }
        counts.put("output_tokens", &usage.output.unwrap_or(0));
        if let Some(reasoning) = usage.reasoning {
            counts.object("output_tokens_details", |details| details.put("thinking_tokens", &reasoning));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(snapshots: &[&str]) -> Usage {
        let mut counts = Counts::default();
        for json in snapshots {
            counts.update(Counts::read(serde_json::from_str(json).unwrap()));
        }
        counts.usage()
    }

    #[test]
    fn pitfall_53_later_counts_replace_and_never_add_up() {
        let usage = counts(&[
            r#"{"input_tokens":12,"cache_read_input_tokens":8,"output_tokens":1}"#,
            r#"{"input_tokens":12,"cache_read_input_tokens":8,"cache_creation_input_tokens":0,"output_tokens":15,
                "output_tokens_details":{"thinking_tokens":5}}"#,
        ]);
        assert_eq!((usage.input, usage.output, usage.reasoning), (Some(20), Some(15), Some(5)));
    }

    #[test]
    fn pitfall_53_a_snapshot_that_knows_the_cache_replaces_the_input_as_a_whole() {
        let usage = counts(&[
            r#"{"input_tokens":20,"output_tokens":1}"#,
            r#"{"input_tokens":12,"cache_read_input_tokens":8,"output_tokens":15}"#,
        ]);
        assert_eq!((usage.input, usage.cache_read), (Some(20), Some(8)));
    }

    #[test]
    fn pitfall_54_a_delta_without_input_keeps_what_is_known() {
        for delta in [r#"{"output_tokens":15}"#, r#"{"input_tokens":0,"output_tokens":15.0}"#] {
            let usage = counts(&[r#"{"input_tokens":12,"cache_read_input_tokens":8}"#, delta]);
            assert_eq!(
                (usage.input, usage.cache_read, usage.output),
                (Some(20), Some(8), Some(15)),
                "{delta}"
            );
        }
    }

    #[test]
    fn counts_of_any_size_and_type_are_survived() {
        let usage = counts(&[
            r#"{"input_tokens":18446744073709551615,"cache_read_input_tokens":9}"#,
            r#"{"input_tokens":"x","output_tokens":-3,"cache_creation":[]}"#,
        ]);
        assert_eq!((usage.input, usage.output), (Some(u64::MAX), None));
    }
}
