//! To be written: what is known about a model by its name.

use byok_types::Family;
use byok_types::model::{ForcedTools, ModelFacts, SamplingRule, Thinking};

/// What is known about `model` of `family`.
pub fn model_facts(_family: Family, _model: &str) -> ModelFacts {
    ModelFacts {
        thinking: Thinking::No,
        sampling: SamplingRule::All,
        forced_tools: ForcedTools::Yes,
        prefill: true,
        structured_output: true,
        structured_with_tools: true,
        system_turns: true,
        result_media: true,
        signed_calls: false,
        call_ids: true,
        stop_sequences: true,
        max_completion_tokens: false,
        max_output: None,
    }
}
