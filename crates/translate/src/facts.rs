//! What is known about a model by its name alone: how it thinks, which parameters it takes, how much it
//! writes. The catalogue and the person's config correct this where they know better.
//!
//! Models are grouped by their place in a vendor's line (wire-format facts, 6.6); a newer model than any
//! listed counts as one of the newest group, since vendors take parameters away more often than they
//! give them back. Names that belong to no vendor's line get permissive facts: nothing is said about
//! thinking, everything else is allowed.

use byok_types::Family;
use byok_types::chat::Effort;
use byok_types::model::{ForcedTools, ModelFacts, SamplingRule, Thinking};

/// What is known about `model` of `family`.
pub fn model_facts(family: Family, model: &str) -> ModelFacts {
    let name = bare(model);
    match family {
        Family::Anthropic => anthropic(&name),
        Family::Cohere => cohere(&name),
        Family::Gemini => gemini(&name),
        Family::OpenaiChat => openai_facts(&name),
        Family::OpenaiResponses => {
            // The format has no field for stop sequences.
            ModelFacts { stop_sequences: false, ..openai_facts(&name) }
        }
    }
}

/// The facts of a model about which nothing is known.
fn permissive() -> ModelFacts {
    ModelFacts {
        thinking: Thinking::No,
        sampling: SamplingRule::All,
        forced_tools: ForcedTools::Yes,
        prefill: true,
        structured_output: true,
        structured_with_tools: true,
        system_turns: true,
        result_media: false,
        signed_calls: false,
        call_ids: true,
        top_k: false,
        min_p: false,
        stop_sequences: true,
        max_completion_tokens: false,
        max_output: None,
    }
}

/// The name without what hosts put before it (`openai/gpt-5`, `models/gemini-3-pro`, `ft:gpt-4o:…`), in
/// lower case.
fn bare(model: &str) -> String {
    let last = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    last.strip_prefix("ft:").map_or_else(|| last.clone(), str::to_owned)
}

/// A version as two numbers.
type Version = (u32, u32);

/// Claude models, and what speaks Anthropic's format under another name.
fn anthropic(name: &str) -> ModelFacts {
    let base =
        ModelFacts { system_turns: false, result_media: true, structured_output: false, ..permissive() };
    let Some(claude) = Claude::parse(name) else {
        // Other vendors' endpoints of this format take the manual form of thinking.
        let thinking = Thinking::Budget { min: 1024, max: 32_000, can_disable: true };
        return ModelFacts { thinking, ..base };
    };
    let Claude { line, version } = claude;
    let manual = |max_output: u64| ModelFacts {
        thinking: Thinking::Budget { min: 1024, max: max_output - 1, can_disable: true },
        forced_tools: ForcedTools::UnlessManualThinking,
        max_output: Some(max_output),
        ..base.clone()
    };
    match version {
        (0..=2, _) => ModelFacts { max_output: Some(4096), ..base },
        (3, 7..) => manual(64_000),
        (3, minor) => ModelFacts { max_output: Some(if minor >= 5 { 8192 } else { 4096 }), ..base },
        (4, 0..=5) => ModelFacts {
            sampling: if version >= (4, 1) { SamplingRule::OneOf } else { SamplingRule::All },
            structured_output: version >= (4, 5),
            ..manual(if line == Line::Opus && version < (4, 5) { 32_000 } else { 64_000 })
        },
        (4, 6) => ModelFacts {
            thinking: Thinking::Adaptive { can_disable: true, between_tools: false, manual: true },
            sampling: SamplingRule::OneOf,
            forced_tools: ForcedTools::UnlessManualThinking,
            prefill: false,
            structured_output: true,
            max_output: Some(128_000),
            ..base
        },
        _ => claude_since_4_7(line, version, &base),
    }
}

/// The models that think adaptively and take no sampling parameters.
fn claude_since_4_7(line: Line, version: Version, base: &ModelFacts) -> ModelFacts {
    let (can_disable, between_tools, forced) = match line {
        Line::Haiku => (true, false, true),
        Line::Opus | Line::Sonnet if version < (5, 5) => (true, false, true),
        Line::Sonnet => (false, true, false),
        Line::Myth if version < (5, 1) => (false, false, true),
        Line::Opus | Line::Myth | Line::Other => (false, false, false),
    };
    ModelFacts {
        thinking: Thinking::Adaptive { can_disable, between_tools, manual: false },
        sampling: SamplingRule::None,
        forced_tools: if forced { ForcedTools::Yes } else { ForcedTools::No },
        prefill: false,
        structured_output: true,
        // Opus 4.8, and everything from the fifth generation on but Sonnet 5 itself.
        system_turns: version >= (4, 8) && !(line == Line::Sonnet && version < (5, 1)),
        max_output: Some(128_000),
        ..base.clone()
    }
}

/// A Claude model's place in its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Claude {
    line: Line,
    version: Version,
}

/// The lines of Claude models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Haiku,
    /// Fable and Mythos.
    Myth,
    Opus,
    /// A name that none of these is part of.
    Other,
    Sonnet,
}

impl Claude {
    /// Reads `claude-sonnet-4-5-20250929`, `claude-3-5-sonnet@20241022`, `us.anthropic.claude-opus-4-1-v1:0`
    /// and their like. A name without a version is the newest of its line.
    fn parse(name: &str) -> Option<Self> {
        let rest = &name[name.find("claude")? + "claude".len()..];
        let mut line = Line::Other;
        let mut numbers = Vec::new();
        for word in rest.split(|c: char| !c.is_ascii_alphanumeric()) {
            match word {
                "haiku" => line = Line::Haiku,
                "opus" => line = Line::Opus,
                "sonnet" => line = Line::Sonnet,
                "fable" | "mythos" => line = Line::Myth,
                // Dates have eight digits; `v1:0` and the like follow them.
                _ if word.len() <= 2 => match word.parse::<u32>() {
                    Ok(number) => numbers.push(number),
                    Err(_) if word.starts_with('v') => break,
                    Err(_) => {}
                },
                _ if word.parse::<u32>().is_ok() => break,
                _ => {}
            }
        }
        let version = match numbers[..] {
            [] if matches!(rest, "" | "-instant") => (2, 0),
            [] => (u32::MAX, 0),
            [major] => (major, 0),
            [major, minor, ..] => (major, minor),
        };
        Some(Self { line, version })
    }
}

/// Cohere's models. Only those that say so in their name can think.
fn cohere(name: &str) -> ModelFacts {
    ModelFacts {
        thinking: if name.contains("reasoning") { Thinking::Switch } else { Thinking::No },
        structured_with_tools: false,
        ..permissive()
    }
}

/// Gemini models, and what else Google serves in this format.
fn gemini(name: &str) -> ModelFacts {
    let base = ModelFacts { system_turns: false, ..permissive() };
    if name.contains("claude") {
        let thinking = Thinking::Budget { min: 1024, max: 32_000, can_disable: true };
        return ModelFacts { thinking, ..base };
    }
    if name.starts_with("gemma") || name.starts_with("gpt-oss") {
        return ModelFacts { call_ids: false, structured_with_tools: false, ..base };
    }
    let version = leading_version(name.strip_prefix("gemini-").unwrap_or(name)).unwrap_or((u32::MAX, 0));
    let old = version < (3, 0);
    let thinks =
        version >= (2, 5) && !["image", "tts", "audio", "embedding"].iter().any(|w| name.contains(w));
    let flash = name.contains("flash");
    let thinking = match version {
        _ if !thinks => Thinking::No,
        (2, _) if name.contains("flash-lite") => {
            Thinking::Budget { min: 512, max: 24_576, can_disable: true }
        }
        (2, _) if flash => Thinking::Budget { min: 1, max: 24_576, can_disable: true },
        (2, _) => Thinking::Budget { min: 128, max: 32_768, can_disable: false },
        _ if flash => Thinking::Levels(vec![Effort::Minimal, Effort::Low, Effort::Medium, Effort::High]),
        (3, 0) => Thinking::Levels(vec![Effort::Low, Effort::High]),
        _ => Thinking::Levels(vec![Effort::Low, Effort::Medium, Effort::High]),
    };
    ModelFacts {
        thinking,
        prefill: old,
        structured_with_tools: !old,
        result_media: !old,
        signed_calls: !old,
        call_ids: !old,
        max_output: Some(if version >= (2, 5) { 65_536 } else { 8192 }),
        ..base
    }
}

/// OpenAI's models, and those of everybody else who speaks its formats.
fn openai_facts(name: &str) -> ModelFacts {
    use Effort::{High, Low, Max, Medium, Minimal, None as NoEffort, Xhigh};

    let base = ModelFacts { result_media: true, ..permissive() };
    let Some(model) = parse_openai(name) else {
        // Open weights of OpenAI's are served by others, who took over its levels.
        let thinking = match name {
            _ if name.starts_with("gpt-oss") => Thinking::Levels(vec![Low, Medium, High]),
            _ => Thinking::No,
        };
        return ModelFacts { thinking, ..permissive() };
    };
    let reasoning = |levels: &[Effort], sampling, max_output| ModelFacts {
        thinking: Thinking::Levels(levels.to_vec()),
        sampling,
        max_completion_tokens: true,
        max_output,
        ..base.clone()
    };
    match model {
        Openai::ChatLatest => ModelFacts { max_output: Some(16_384), ..base },
        Openai::O(generation) => {
            let early = name.starts_with("o1-mini") || name.starts_with("o1-preview");
            ModelFacts {
                thinking: if early { Thinking::No } else { Thinking::Levels(vec![Low, Medium, High]) },
                structured_output: !early,
                stop_sequences: generation < 3,
                max_output: Some(if early { 32_768 } else { 100_000 }),
                ..reasoning(&[], SamplingRule::None, None)
            }
        }
        Openai::Gpt((0..=3, _)) => ModelFacts { structured_output: false, max_output: Some(4096), ..base },
        Openai::Gpt((4, minor)) => {
            let omni = name.starts_with("gpt-4o");
            let max_output = match minor {
                1.. => Some(32_768),
                0 if omni => Some(16_384),
                0 if name.starts_with("gpt-4-") => Some(4096),
                0 => None,
            };
            ModelFacts { structured_output: omni || minor >= 1, max_output, ..base }
        }
        Openai::Gpt((5, 0)) if name.contains("codex") => {
            reasoning(&[Low, Medium, High], SamplingRule::None, Some(128_000))
        }
        Openai::Gpt((5, 0)) => reasoning(&[Minimal, Low, Medium, High], SamplingRule::None, Some(128_000)),
        Openai::Gpt((5, 1)) => {
            reasoning(&[NoEffort, Low, Medium, High], SamplingRule::WhenNotThinking, Some(128_000))
        }
        Openai::Gpt((5, 2..=5)) => {
            reasoning(&[NoEffort, Low, Medium, High, Xhigh], SamplingRule::WhenNotThinking, Some(128_000))
        }
        Openai::Gpt((5, _)) => reasoning(
            &[NoEffort, Low, Medium, High, Xhigh, Max],
            SamplingRule::WhenNotThinking,
            Some(128_000),
        ),
        Openai::Gpt(_) if ["sol", "luna", "terra"].iter().any(|word| name.contains(word)) => {
            reasoning(&[NoEffort, Low, Medium, High, Xhigh, Max], SamplingRule::WhenNotThinking, None)
        }
        Openai::Gpt(_) => reasoning(&[Low, Medium, High, Xhigh, Max], SamplingRule::None, None),
    }
}

/// A model of OpenAI's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Openai {
    /// The models of `ChatGPT`'s own picker, which do not take orders about reasoning.
    ChatLatest,
    /// `gpt-MAJOR.MINOR`
    Gpt(Version),
    /// `o1`, `o3`, `o4-mini`
    O(u32),
}

impl Openai {
    /// Where the model stands, if OpenAI made it and serves it.
    pub(crate) fn of(model: &str) -> Option<Self> {
        parse_openai(&bare(model))
    }

    /// Whether it is of the fifth generation or later.
    pub(crate) fn since_gpt_5(self) -> bool {
        matches!(self, Self::Gpt((5.., _)))
    }

    /// Whether it refuses tools on `/v1/chat/completions` unless its effort is `none`.
    pub(crate) fn chat_tools_need_no_effort(self) -> bool {
        matches!(self, Self::Gpt(version) if version >= (5, 4))
    }

    /// Whether it takes explicit cache breakpoints.
    pub(crate) fn takes_cache_marks(self) -> bool {
        matches!(self, Self::Gpt(version) if version >= (5, 6))
    }
}

fn parse_openai(name: &str) -> Option<Openai> {
    if name.starts_with("gpt-oss") {
        return None;
    }
    if name.starts_with("chatgpt-") || (name.starts_with("gpt-") && name.contains("-chat")) {
        return Some(Openai::ChatLatest);
    }
    if let Some(rest) = name.strip_prefix("gpt-") {
        let (major, minor) = leading_version(rest)?;
        // Azure writes `gpt-35-turbo`.
        return Some(Openai::Gpt(if major >= 30 { (major / 10, major % 10) } else { (major, minor) }));
    }
    if name.starts_with("codex-mini") {
        return Some(Openai::O(4));
    }
    let rest = name.strip_prefix('o')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let followed_well = matches!(rest.as_bytes().get(digits), None | Some(b'-' | b':'));
    rest[..digits].parse().ok().filter(|_| followed_well).map(Openai::O)
}

/// The version at the start of `text`: `2.5-flash` is (2, 5), `4o` is (4, 0).
fn leading_version(text: &str) -> Option<Version> {
    let number = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text[..end].parse::<u32>().ok().map(|number| (number, end))
    };
    let (major, end) = number(text)?;
    let minor = text[end..].strip_prefix('.').and_then(number).map_or(0, |(minor, _)| minor);
    Some((major, minor))
}

#[cfg(test)]
mod tests;
