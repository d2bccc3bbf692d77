//! The canonical request for an upstream. A plain printer: [`crate::fit`] has decided what the target
//! takes, and the same request always becomes the same bytes, so that prompt caches hit.

use byok_types::RawJson;
use byok_types::chat::Effort;
use byok_types::chat::{
    Modality, OutputFormat, Reasoning, ReasoningMode, Request, Tool, ToolChoice, ToolType, Verbosity,
};
use byok_types::model::ModelFacts;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::message_write::{self, cache_control};
use super::request_read::LEGACY_MARK;
use super::{FAMILY, put};

pub(super) fn write(request: &Request, facts: &ModelFacts) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, &BodyOut { request, facts });
    out
}

/// A request body, written field by field.
struct BodyOut<'a> {
    request: &'a Request,
    facts: &'a ModelFacts,
}

impl Serialize for BodyOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { request, facts } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", &request.model)?;
        map.serialize_entry("messages", &message_write::write(&request.system, &request.turns))?;
        write_tools(&mut map, request)?;
        let limit = if facts.max_completion_tokens { "max_completion_tokens" } else { "max_tokens" };
        entry(&mut map, limit, request.limits.max_output.as_ref())?;
        write_sampling(&mut map, request)?;
        entry(&mut map, "reasoning_effort", effort(&request.reasoning).map(Effort::name).as_ref())?;
        entry(&mut map, "verbosity", request.verbosity.map(verbosity).as_ref())?;
        entry(&mut map, "response_format", format(&request.output).as_ref())?;
        if !request.modalities.is_empty() {
            let modalities: Vec<_> = request.modalities.iter().map(|&modality| name(modality)).collect();
            map.serialize_entry("modalities", &modalities)?;
        }
        entry(&mut map, "user", request.identity.user.as_ref())?;
        entry(&mut map, "safety_identifier", request.identity.safety_id.as_ref())?;
        entry(&mut map, "prompt_cache_key", request.identity.cache_key.as_ref())?;
        entry(&mut map, "metadata", request.identity.metadata.as_ref())?;
        entry(&mut map, "service_tier", request.identity.tier.as_ref())?;
        entry(&mut map, "store", request.server_state.store.as_ref())?;
        for ext in &request.ext {
            if ext.family == Some(FAMILY) && ext.path != LEGACY_MARK {
                map.serialize_entry(&ext.path, &ext.value)?;
            }
        }
        if request.stream.on {
            map.serialize_entry("stream", &true)?;
            // The meter wants usage whether the client asked or not.
            map.serialize_entry("stream_options", &json!({ "include_usage": true }))?;
        }
        map.end()
    }
}

fn entry<M: SerializeMap>(map: &mut M, key: &str, value: Option<&impl Serialize>) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(key, value),
        None => Ok(()),
    }
}

fn write_sampling<M: SerializeMap>(map: &mut M, request: &Request) -> Result<(), M::Error> {
    let sampling = &request.sampling;
    entry(map, "temperature", sampling.temperature.as_ref())?;
    entry(map, "top_p", sampling.top_p.as_ref())?;
    entry(map, "top_k", sampling.top_k.as_ref())?;
    entry(map, "min_p", sampling.min_p.as_ref())?;
    entry(map, "frequency_penalty", sampling.frequency_penalty.as_ref())?;
    entry(map, "presence_penalty", sampling.presence_penalty.as_ref())?;
    entry(map, "seed", sampling.seed.as_ref())?;
    entry(map, "logit_bias", sampling.logit_bias.as_ref())?;
    entry(map, "logprobs", sampling.logprobs.as_ref())?;
    entry(map, "top_logprobs", sampling.top_logprobs.as_ref())?;
    if !sampling.stop.is_empty() {
        map.serialize_entry("stop", &sampling.stop)?;
    }
    entry(map, "n", request.candidates.as_ref())
}

/// The tools, and what may only stand beside tools.
fn write_tools<M: SerializeMap>(map: &mut M, request: &Request) -> Result<(), M::Error> {
    let mut tools = Vec::with_capacity(request.tools.len());
    let mut search = None;
    for tool in &request.tools {
        match &tool.kind {
            ToolType::Hosted { family, r#type, raw } if *family == FAMILY => {
                if r#type == "web_search_options" {
                    search = Some(raw);
                } else {
                    tools.push(ToolOut::Raw(raw));
                }
            }
            ToolType::ClientTyped { .. } | ToolType::Hosted { .. } => {}
            ToolType::Custom { .. } | ToolType::Function { .. } => tools.push(ToolOut::Own(tool)),
        }
    }
    if !tools.is_empty() {
        map.serialize_entry("tools", &tools)?;
        entry(map, "tool_choice", request.tool_choice.as_ref().map(|choice| pick(choice, request)).as_ref())?;
        entry(map, "parallel_tool_calls", request.parallel_tools.as_ref())?;
    }
    entry(map, "web_search_options", search)
}

/// One tool on offer.
enum ToolOut<'a> {
    Own(&'a Tool),
    Raw(&'a RawJson),
}

impl Serialize for ToolOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tool = match self {
            Self::Own(tool) => tool,
            Self::Raw(raw) => return raw.serialize(serializer),
        };
        let mut map = serializer.serialize_map(None)?;
        if let ToolType::Custom { .. } = tool.kind {
            map.serialize_entry("type", "custom")?;
            map.serialize_entry("custom", &Declared(tool))?;
        } else {
            map.serialize_entry("type", "function")?;
            map.serialize_entry("function", &Declared(tool))?;
        }
        entry(&mut map, "cache_control", tool.cache.as_ref().map(cache_control).as_ref())?;
        map.end()
    }
}

/// What a tool declares.
struct Declared<'a>(&'a Tool);

impl Serialize for Declared<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(tool) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &tool.name)?;
        entry(&mut map, "description", tool.description.as_ref())?;
        match &tool.kind {
            ToolType::Custom { grammar: Some(grammar) } => {
                let grammar = json!({ "syntax": grammar.syntax, "definition": grammar.definition });
                map.serialize_entry("format", &json!({ "type": "grammar", "grammar": grammar }))?;
            }
            ToolType::Function { schema: Some(schema) } => map.serialize_entry("parameters", schema)?,
            _ => {}
        }
        entry(&mut map, "strict", tool.strict.as_ref())?;
        map.end()
    }
}

fn pick(choice: &ToolChoice, request: &Request) -> Value {
    let named = |name: &str| {
        let custom = |tool: &Tool| tool.name == name && matches!(tool.kind, ToolType::Custom { .. });
        if request.tools.iter().any(custom) {
            json!({ "type": "custom", "custom": { "name": name } })
        } else {
            json!({ "type": "function", "function": { "name": name } })
        }
    };
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::One { name } => named(name),
        ToolChoice::Required => json!("required"),
        ToolChoice::Subset { names, required } => {
            let tools: Vec<Value> = names.iter().map(|name| named(name)).collect();
            let mode = if *required { "required" } else { "auto" };
            json!({ "type": "allowed_tools", "allowed_tools": { "mode": mode, "tools": tools } })
        }
    }
}

/// The effort that this format can name. A budget is only known as the effort that it amounts to.
fn effort(reasoning: &Reasoning) -> Option<Effort> {
    match reasoning.mode {
        ReasoningMode::Off => Some(Effort::None),
        ReasoningMode::Budget(tokens) => Some(reasoning.effort.unwrap_or_else(|| Effort::of_budget(tokens))),
        ReasoningMode::Adaptive
        | ReasoningMode::BetweenTools
        | ReasoningMode::Effort
        | ReasoningMode::Unset => reasoning.effort,
    }
}

/// The form of the answer, where it is not text. The schema is kept as text, so that its numbers and the
/// order of its keys survive.
#[derive(Serialize)]
struct FormatOut<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<SchemaOut<'a>>,
}

#[derive(Serialize)]
struct SchemaOut<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    schema: &'a RawJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

fn format(output: &OutputFormat) -> Option<FormatOut<'_>> {
    match output {
        OutputFormat::Text => None,
        OutputFormat::JsonObject => Some(FormatOut { r#type: "json_object", json_schema: None }),
        OutputFormat::JsonSchema { name, description, schema, strict } => {
            let name = name.as_deref().unwrap_or("response");
            let description = description.as_deref();
            let json_schema = Some(SchemaOut { name, description, schema, strict: *strict });
            Some(FormatOut { r#type: "json_schema", json_schema })
        }
    }
}

fn verbosity(verbosity: Verbosity) -> &'static str {
    match verbosity {
        Verbosity::High => "high",
        Verbosity::Low => "low",
        Verbosity::Medium => "medium",
    }
}

fn name(modality: Modality) -> &'static str {
    match modality {
        Modality::Audio => "audio",
        Modality::Image => "image",
        Modality::Text => "text",
    }
}
