//! The providers that byok knows: one row per file, one line per row here.
//!
//! A row stands here when the provider can be called with what this build has. Facts and their sources are
//! beside the values; where nothing else is said they are those of November 2026.

mod anthropic;
mod antigravity;
mod azure_openai;
mod codex;
mod cohere;
mod copilot;
mod deepseek;
mod fireworks;
mod gemini;
mod google;
mod groq;
mod iflow;
mod kimi;
mod kiro;
mod lm_studio;
mod mistral;
mod moonshot;
mod ollama;
mod openai;
mod openrouter;
mod perplexity;
mod qwen;
mod together;
mod xai;

#[cfg(test)]
mod tests;

use crate::row::Row;

/// All of them, by id.
pub static CATALOG: &[Row] = &[
    anthropic::ROW,
    antigravity::ROW,
    azure_openai::ROW,
    codex::ROW,
    cohere::ROW,
    copilot::ROW,
    deepseek::ROW,
    fireworks::ROW,
    gemini::ROW,
    groq::ROW,
    iflow::ROW,
    kimi::ROW,
    kiro::ROW,
    lm_studio::ROW,
    mistral::ROW,
    moonshot::ROW,
    ollama::ROW,
    openai::ROW,
    openrouter::ROW,
    perplexity::ROW,
    qwen::ROW,
    together::ROW,
    xai::ROW,
];

/// The row of a provider, by its id or one of its aliases.
pub fn row(name: &str) -> Option<&'static Row> {
    CATALOG.iter().find(|row| row.id == name || row.aliases.contains(&name))
}
