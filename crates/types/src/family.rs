//! The wire formats: what upstreams speak ([`Family`]) and what clients speak ([`Dialect`]).
//!
//! Every family is also a dialect. The dialects without a family (`Completions`, `OllamaChat`,
//! `OllamaGenerate`) are served to clients only; no upstream is called in them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A wire format that upstreams speak. Closed on purpose: match it without a wildcard arm, so that a
/// new one makes the compiler list every place that must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// `POST /v1/messages`
    Anthropic,
    /// `POST /v2/chat`
    Cohere,
    /// `POST /v1beta/models/{model}:generateContent`
    Gemini,
    /// `POST /v1/chat/completions`
    OpenaiChat,
    /// `POST /v1/responses`
    OpenaiResponses,
}

impl Family {
    /// All of them, in alphabetical order.
    pub const ALL: [Self; 5] =
        [Self::Anthropic, Self::Cohere, Self::Gemini, Self::OpenaiChat, Self::OpenaiResponses];

    /// The name used in the config, in logs and in opaque tokens.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Cohere => "cohere",
            Self::Gemini => "gemini",
            Self::OpenaiChat => "openai-chat",
            Self::OpenaiResponses => "openai-responses",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Family {
    type Err = UnknownFamily;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "anthropic" => Ok(Self::Anthropic),
            "cohere" => Ok(Self::Cohere),
            "gemini" => Ok(Self::Gemini),
            "openai" | "openai-chat" => Ok(Self::OpenaiChat),
            "openai-responses" => Ok(Self::OpenaiResponses),
            _ => Err(UnknownFamily(text.to_owned())),
        }
    }
}

/// The text names no wire format.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown family `{0}`: it is one of openai-chat (also written openai), openai-responses, anthropic, gemini, cohere"
)]
pub struct UnknownFamily(String);

/// A wire format that clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// `POST /v1/messages`
    Anthropic,
    /// `POST /v2/chat`
    Cohere,
    /// `POST /v1/completions`, the legacy text completions of OpenAI
    Completions,
    /// `POST /v1beta/models/{model}:generateContent`
    Gemini,
    /// `POST /api/chat`
    OllamaChat,
    /// `POST /api/generate`
    OllamaGenerate,
    /// `POST /v1/chat/completions`
    OpenaiChat,
    /// `POST /v1/responses`
    OpenaiResponses,
}

impl Dialect {
    /// The family with the same bytes on the wire, if upstreams speak this dialect.
    pub fn family(self) -> Option<Family> {
        match self {
            Self::Anthropic => Some(Family::Anthropic),
            Self::Cohere => Some(Family::Cohere),
            Self::Gemini => Some(Family::Gemini),
            Self::OpenaiChat => Some(Family::OpenaiChat),
            Self::OpenaiResponses => Some(Family::OpenaiResponses),
            Self::Completions | Self::OllamaChat | Self::OllamaGenerate => None,
        }
    }

    /// The name used in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Cohere => "cohere",
            Self::Completions => "openai-completions",
            Self::Gemini => "gemini",
            Self::OllamaChat => "ollama-chat",
            Self::OllamaGenerate => "ollama-generate",
            Self::OpenaiChat => "openai-chat",
            Self::OpenaiResponses => "openai-responses",
        }
    }
}

impl From<Family> for Dialect {
    fn from(family: Family) -> Self {
        match family {
            Family::Anthropic => Self::Anthropic,
            Family::Cohere => Self::Cohere,
            Family::Gemini => Self::Gemini,
            Family::OpenaiChat => Self::OpenaiChat,
            Family::OpenaiResponses => Self::OpenaiResponses,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_reads_its_own_name() {
        for family in Family::ALL {
            assert_eq!(family.name().parse::<Family>().unwrap(), family);
            assert_eq!(Dialect::from(family).family(), Some(family));
        }
        assert_eq!("openai".parse::<Family>().unwrap(), Family::OpenaiChat);
    }
}
