//! A client's request: the body of `:generateContent` and of `:streamGenerateContent`.
//!
//! What a client says is kept even where the service would refuse it (a budget beside a level, names
//! without a mode): what a target takes is decided later. Fields without a canonical place go to `ext`.

use byok_types::chat::{
    Effort, Ext, Modality, OutputFormat, Reasoning, ReasoningMode, Request, Show, StreamWish, Weight,
};
use byok_types::{Family, RawJson};
use serde_json::Value;

use super::{contents, tools, wire};
use crate::format::{PathWish, ReadError};
use crate::wire::{TextOr, parse_request};

/// Reads a request body.
pub(super) fn read(body: &[u8], path: PathWish<'_>) -> Result<Request, ReadError> {
    let mut body: wire::Request = parse_request(body)?;
    if let (None, Some(wrapped)) = (&body.contents, body.wrapped.take()) {
        body = *wrapped;
    }
    let model = path.model.map(str::to_owned).or(body.model).unwrap_or_default();
    let model = model.strip_prefix("models/").map(str::to_owned).unwrap_or(model);
    if model.is_empty() {
        return Err(ReadError::field("model", "the path names no model"));
    }
    let Some(wire::Many(turns)) = body.contents else {
        return Err(ReadError::field("contents", "it is required"));
    };
    let mut request = Request {
        model,
        stream: StreamWish { on: path.stream, include_usage: false, json_array: path.json_array },
        turns: contents::turns(turns)?,
        tools: tools::tools(body.tools.unwrap_or_default().0)?,
        ..Request::default()
    };
    if let Some(system) = body.system_instruction {
        request.system = contents::system(system)?;
    }
    request.identity.tier = body.service_tier;
    request.server_state.store = body.store;
    request.server_state.cached_content = body.cached_content;
    // Thoughts are shown only to those who ask.
    request.reasoning.show = Show::None;
    keep(&mut request, "", body.rest);
    if let Some(config) = body.tool_config {
        if let Some(calling) = config.function_calling_config {
            request.tool_choice = tools::choice(calling, &mut request.tools)?;
        }
        keep(&mut request, "toolConfig.", config.rest);
    }
    if let Some(config) = body.generation_config {
        generation(config, &mut request)?;
    }
    Ok(request)
}

fn generation(config: wire::GenerationConfig, request: &mut Request) -> Result<(), ReadError> {
    let sampling = &mut request.sampling;
    sampling.temperature = config.temperature;
    sampling.top_p = config.top_p;
    sampling.top_k = count(config.top_k, "topK")?;
    sampling.frequency_penalty = config.frequency_penalty;
    sampling.presence_penalty = config.presence_penalty;
    sampling.seed = config.seed.map(|seed| seed.0);
    sampling.logprobs = config.response_logprobs;
    sampling.top_logprobs = small(config.logprobs, "logprobs")?;
    sampling.stop = match config.stop_sequences {
        None => Vec::new(),
        Some(TextOr::Text(text)) => vec![text],
        Some(TextOr::List(texts)) => texts,
    };
    sampling.stop.retain(|text| !text.is_empty());
    request.limits.max_output = count(config.max_output_tokens, "maxOutputTokens")?;
    request.candidates = small(config.candidate_count, "candidateCount")?.filter(|&count| count > 1);
    if let Some(names) = config.response_modalities {
        request.modalities = modalities(&names)?;
    }
    if let Some(thinking) = config.thinking_config {
        request.reasoning = reasoning(&thinking)?;
        keep(request, "generationConfig.thinkingConfig.", thinking.rest);
    }
    let schema = match (config.response_json_schema.or(config.private_json_schema), config.response_schema) {
        (Some(schema), _) => Some(schema),
        (None, Some(schema)) => Some(tools::openapi(&schema, "generationConfig.responseSchema")?),
        (None, None) => None,
    };
    match (config.response_mime_type.as_deref().map(str::trim), schema) {
        // A bare word out of a list, which no other format knows.
        (Some("text/x.enum"), schema) => {
            let mime = ("responseMimeType".to_owned(), RawJson::string("text/x.enum"));
            let schema = schema.map(|schema| ("responseJsonSchema".to_owned(), schema));
            keep(request, "generationConfig.", [mime].into_iter().chain(schema));
        }
        (_, Some(schema)) => {
            request.output = OutputFormat::JsonSchema { name: None, description: None, schema, strict: None };
        }
        (Some("application/json"), None) => request.output = OutputFormat::JsonObject,
        (None | Some("" | "text/plain"), None) => {}
        (Some(other), None) => {
            let mime = ("responseMimeType".to_owned(), RawJson::string(other));
            keep(request, "generationConfig.", [mime]);
        }
    }
    keep(request, "generationConfig.", config.rest);
    Ok(())
}

fn reasoning(config: &wire::ThinkingConfig) -> Result<Reasoning, ReadError> {
    let effort = match config.thinking_level.as_deref() {
        None | Some("" | "THINKING_LEVEL_UNSPECIFIED") => None,
        Some(level) => Some(Effort::parse(level).ok_or_else(|| {
            let reason = "it is one of MINIMAL, LOW, MEDIUM, HIGH and XHIGH";
            ReadError::field("generationConfig.thinkingConfig.thinkingLevel", reason)
        })?),
    };
    let mode = match (config.thinking_budget.map(|budget| budget.0), effort) {
        (Some(0), _) => ReasoningMode::Off,
        (Some(budget @ 1..), _) => ReasoningMode::Budget(budget.unsigned_abs()),
        (Some(_), None) => ReasoningMode::Adaptive,
        (_, Some(_)) => ReasoningMode::Effort,
        (None, None) => ReasoningMode::Unset,
    };
    // What the service shows are summaries.
    let show = if config.include_thoughts == Some(true) { Show::Summary } else { Show::None };
    Ok(Reasoning { mode, effort, show, summary: None })
}

/// The kinds of output, where they are not just text.
fn modalities(names: &[String]) -> Result<Vec<Modality>, ReadError> {
    let mut modalities = Vec::new();
    for name in names {
        modalities.push(match name.to_ascii_uppercase().as_str() {
            "TEXT" => Modality::Text,
            "IMAGE" => Modality::Image,
            "AUDIO" => Modality::Audio,
            "MODALITY_UNSPECIFIED" => continue,
            _ => {
                let reason = "it is one of TEXT, IMAGE and AUDIO";
                return Err(ReadError::field("generationConfig.responseModalities", reason));
            }
        });
    }
    Ok(if modalities == [Modality::Text] { Vec::new() } else { modalities })
}

fn count(number: Option<wire::Whole>, field: &str) -> Result<Option<u64>, ReadError> {
    let Some(wire::Whole(number)) = number else {
        return Ok(None);
    };
    let count = u64::try_from(number);
    count
        .map(Some)
        .map_err(|_negative| ReadError::field(format!("generationConfig.{field}"), "it is negative"))
}

fn small(number: Option<wire::Whole>, field: &str) -> Result<Option<u32>, ReadError> {
    let Some(wire::Whole(number)) = number else {
        return Ok(None);
    };
    let small = u32::try_from(number);
    small
        .map(Some)
        .map_err(|_outside| ReadError::field(format!("generationConfig.{field}"), "it is out of range"))
}

/// Keeps fields that have no canonical place.
fn keep(request: &mut Request, prefix: &str, fields: impl IntoIterator<Item = (String, RawJson)>) {
    request.ext.extend(fields.into_iter().map(|(name, value)| {
        let path = format!("{prefix}{name}");
        let weight = weight(&path, &value);
        Ext { family: Some(Family::Gemini), path, value, weight }
    }));
}

/// What it means to leave a field out (wire-format facts, 9).
fn weight(path: &str, value: &RawJson) -> Weight {
    let name = path.rsplit('.').next().unwrap_or_default();
    match path {
        "continuationToken" => Weight::Essential,
        "safetySettings" if stricter_than_default(value) => Weight::Meaning,
        "generationConfig.audioTimestamp"
        | "generationConfig.mediaResolution"
        | "labels"
        | "safetySettings"
        | "toolConfig.includeServerSideToolInvocations" => Weight::Hint,
        _ if name.starts_with("x_") || name.starts_with("x-") => Weight::Hint,
        _ => Weight::Meaning,
    }
}

/// Today's models filter nothing of their own accord, so every threshold that blocks is stricter.
fn stricter_than_default(settings: &RawJson) -> bool {
    let settings = settings.to_value();
    settings.as_array().into_iter().flatten().any(|setting| {
        let threshold = setting.get("threshold").and_then(Value::as_str);
        !matches!(threshold, None | Some("BLOCK_NONE" | "OFF" | "HARM_BLOCK_THRESHOLD_UNSPECIFIED"))
    })
}
