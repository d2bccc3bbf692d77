use byok_types::Family::{Anthropic, Cohere, Gemini, OpenaiChat, OpenaiResponses};

use super::*;

fn thinking(family: Family, model: &str) -> String {
    match model_facts(family, model).thinking {
        Thinking::Adaptive { can_disable, between_tools, manual } => {
            let mut text = "adaptive".to_owned();
            for (yes, word) in [(can_disable, " off"), (between_tools, " between"), (manual, " manual")] {
                text.push_str(if yes { word } else { "" });
            }
            text
        }
        Thinking::Budget { min, max, can_disable } => {
            format!("{min}..{max}{}", if can_disable { " off" } else { "" })
        }
        Thinking::Levels(levels) => levels.iter().map(|level| level.name()).collect::<Vec<_>>().join(" "),
        Thinking::No => "no".into(),
        Thinking::Switch => "switch".into(),
    }
}

#[test]
fn every_group_of_models_thinks_as_documented() {
    let table = [
        (Anthropic, "claude-3-opus-20240229", "no"),
        (Anthropic, "claude-3-5-sonnet-20241022", "no"),
        (Anthropic, "claude-3-5-haiku-latest", "no"),
        (Anthropic, "claude-3-7-sonnet-20250219", "1024..63999 off"),
        (Anthropic, "claude-sonnet-4-20250514", "1024..63999 off"),
        (Anthropic, "claude-opus-4-1-20250805", "1024..31999 off"),
        (Anthropic, "claude-haiku-4-5", "1024..63999 off"),
        (Anthropic, "anthropic/claude-sonnet-4.5", "1024..63999 off"),
        (Anthropic, "us.anthropic.claude-sonnet-4-20250514-v1:0", "1024..63999 off"),
        (Anthropic, "claude-sonnet-4-6", "adaptive off manual"),
        (Anthropic, "claude-opus-4-6", "adaptive off manual"),
        (Anthropic, "claude-opus-4-7", "adaptive off"),
        (Anthropic, "claude-opus-4-8", "adaptive off"),
        (Anthropic, "claude-sonnet-5", "adaptive off"),
        (Anthropic, "claude-opus-5-20260301", "adaptive off"),
        (Anthropic, "claude-haiku-5-5", "adaptive off"),
        (Anthropic, "claude-fable-5", "adaptive"),
        (Anthropic, "claude-mythos-5", "adaptive"),
        (Anthropic, "claude-sonnet-5-5", "adaptive between"),
        (Anthropic, "claude-opus-5-5", "adaptive"),
        (Anthropic, "claude-mythos-5-1", "adaptive"),
        (Anthropic, "claude-opus-7", "adaptive"),
        (Anthropic, "glm-4.6", "1024..32000 off"),
        (OpenaiChat, "gpt-4o", "no"),
        (OpenaiChat, "gpt-4.1-mini", "no"),
        (OpenaiChat, "gpt-5-chat-latest", "no"),
        (OpenaiChat, "chatgpt-4o-latest", "no"),
        (OpenaiChat, "o1", "low medium high"),
        (OpenaiChat, "o3-mini", "low medium high"),
        (OpenaiChat, "o4-mini-2025-04-16", "low medium high"),
        (OpenaiChat, "gpt-5", "minimal low medium high"),
        (OpenaiChat, "openai/gpt-5-nano", "minimal low medium high"),
        (OpenaiResponses, "gpt-5-codex", "low medium high"),
        (OpenaiResponses, "gpt-5.1", "none low medium high"),
        (OpenaiResponses, "gpt-5.2", "none low medium high xhigh"),
        (OpenaiResponses, "gpt-5.5-mini", "none low medium high xhigh"),
        (OpenaiResponses, "gpt-5.6-sol", "none low medium high xhigh max"),
        (OpenaiResponses, "gpt-6-luna", "none low medium high xhigh max"),
        (OpenaiResponses, "gpt-6.1-terra", "none low medium high xhigh max"),
        (OpenaiResponses, "gpt-6-astra", "low medium high xhigh max"),
        (OpenaiResponses, "gpt-7", "low medium high xhigh max"),
        (OpenaiChat, "openai/gpt-oss-120b", "low medium high"),
        (OpenaiChat, "llama-3.3-70b-versatile", "no"),
        (OpenaiChat, "qwen/qwen3-32b", "no"),
        (OpenaiChat, "mistral-large-latest", "no"),
        (OpenaiChat, "deepseek-reasoner", "no"),
        (OpenaiChat, "olmo-2", "no"),
        (Gemini, "gemini-1.5-pro", "no"),
        (Gemini, "gemini-2.0-flash", "no"),
        (Gemini, "models/gemini-2.5-pro", "128..32768"),
        (Gemini, "gemini-2.5-flash", "1..24576 off"),
        (Gemini, "gemini-2.5-flash-lite", "512..24576 off"),
        (Gemini, "gemini-2.5-flash-image", "no"),
        (Gemini, "gemini-3-pro-preview", "low high"),
        (Gemini, "gemini-3.1-pro-preview", "low medium high"),
        (Gemini, "gemini-3-flash-preview", "minimal low medium high"),
        (Gemini, "gemini-flash-latest", "minimal low medium high"),
        (Gemini, "gemini-4-pro", "low medium high"),
        (Gemini, "gemma-3-27b-it", "no"),
        (Cohere, "command-a-reasoning-08-2025", "switch"),
        (Cohere, "command-a-03-2025", "no"),
    ];
    for (family, model, expected) in table {
        assert_eq!(thinking(family, model), expected, "{family} {model}");
    }
}

#[test]
fn sampling_forcing_prefill_and_ceilings_follow_the_groups() {
    use ForcedTools::{No, UnlessManualThinking, Yes};
    use SamplingRule::{All, None as Nothing, OneOf, WhenNotThinking};
    let table = [
        (Anthropic, "claude-3-haiku-20240307", All, Yes, true, Some(4096)),
        (Anthropic, "claude-3-5-sonnet-latest", All, Yes, true, Some(8192)),
        (Anthropic, "claude-3-7-sonnet-latest", All, UnlessManualThinking, true, Some(64_000)),
        (Anthropic, "claude-opus-4-20250514", All, UnlessManualThinking, true, Some(32_000)),
        (Anthropic, "claude-opus-4-1", OneOf, UnlessManualThinking, true, Some(32_000)),
        (Anthropic, "claude-sonnet-4-5", OneOf, UnlessManualThinking, true, Some(64_000)),
        (Anthropic, "claude-sonnet-4-6", OneOf, UnlessManualThinking, false, Some(128_000)),
        (Anthropic, "claude-opus-4-7", Nothing, Yes, false, Some(128_000)),
        (Anthropic, "claude-fable-5", Nothing, Yes, false, Some(128_000)),
        (Anthropic, "claude-sonnet-5-5", Nothing, No, false, Some(128_000)),
        (Anthropic, "claude-fable-5-1", Nothing, No, false, Some(128_000)),
        (Anthropic, "unknown", All, Yes, true, None),
        (OpenaiChat, "gpt-4o-mini", All, Yes, true, Some(16_384)),
        (OpenaiChat, "o3", Nothing, Yes, true, Some(100_000)),
        (OpenaiChat, "gpt-5", Nothing, Yes, true, Some(128_000)),
        (OpenaiChat, "gpt-5.1", WhenNotThinking, Yes, true, Some(128_000)),
        (OpenaiChat, "gpt-6-astra", Nothing, Yes, true, None),
        (OpenaiChat, "llama3", All, Yes, true, None),
        (Gemini, "gemini-2.5-pro", All, Yes, true, Some(65_536)),
        (Gemini, "gemini-3-pro", All, Yes, false, Some(65_536)),
        (Cohere, "command-r-plus", All, Yes, true, None),
    ];
    for (family, model, sampling, forced, prefill, max_output) in table {
        let facts = model_facts(family, model);
        assert_eq!(
            (facts.sampling, facts.forced_tools, facts.prefill, facts.max_output),
            (sampling, forced, prefill, max_output),
            "{family} {model}"
        );
    }
}

#[test]
fn the_yes_or_no_facts_follow_the_groups() {
    let system_turns = |model| model_facts(Anthropic, model).system_turns;
    assert!(!system_turns("claude-opus-4-7") && !system_turns("claude-sonnet-5"));
    assert!(system_turns("claude-opus-4-8") && system_turns("claude-opus-5"));
    assert!(system_turns("claude-fable-5") && system_turns("claude-sonnet-5-5"));

    let structured = |family, model| model_facts(family, model).structured_output;
    assert!(!structured(Anthropic, "claude-sonnet-4-0") && structured(Anthropic, "claude-sonnet-4-5"));
    assert!(!structured(OpenaiChat, "gpt-4-turbo") && structured(OpenaiChat, "gpt-4o"));

    let gemini = |model| model_facts(Gemini, model);
    assert!(!gemini("gemini-2.5-pro").signed_calls && gemini("gemini-3-flash").signed_calls);
    assert!(!gemini("gemini-2.5-pro").structured_with_tools);

    assert!(model_facts(OpenaiChat, "o1").stop_sequences);
    assert!(!model_facts(OpenaiChat, "o3").stop_sequences);
    assert!(!model_facts(OpenaiResponses, "gpt-4o").stop_sequences);
    assert!(model_facts(OpenaiChat, "gpt-5").max_completion_tokens);
    assert!(!model_facts(OpenaiChat, "gpt-4o").max_completion_tokens);
}

#[test]
fn only_openai_models_count_as_openai_models() {
    for (model, expected) in [
        ("gpt-4o", Some(Openai::Gpt((4, 0)))),
        ("gpt-35-turbo", Some(Openai::Gpt((3, 5)))),
        ("gpt-3.5-turbo", Some(Openai::Gpt((3, 5)))),
        ("ft:gpt-4.1-mini:me", Some(Openai::Gpt((4, 1)))),
        ("o4-mini", Some(Openai::O(4))),
        ("gpt-oss-20b", None),
        ("olmo", None),
        ("o", None),
        ("", None),
        ("gpt-", None),
    ] {
        assert_eq!(Openai::of(model), expected, "{model}");
    }
}
