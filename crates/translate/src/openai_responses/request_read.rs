//! Reads what a Responses client asks for, around its input.

use byok_types::RawJson;
use byok_types::chat::{
    CustomGrammar, Effort, Ext, Identity, Limits, OutputFormat, Reasoning, ReasoningMode, Request, Sampling,
    ServerState, Show, StreamWish, SystemText, Tool, ToolChoice, ToolType, Verbosity, Weight,
};
use serde::Deserialize;

use super::FAMILY;
use super::input;
use crate::format::ReadError;
use crate::wire::{Fields, TextOr, parse_request};

#[derive(Deserialize)]
struct Body {
    model: Option<String>,
    input: Option<TextOr<RawJson>>,
    instructions: Option<String>,
    previous_response_id: Option<String>,
    conversation: Option<RawJson>,
    store: Option<bool>,
    include: Option<Vec<String>>,
    max_output_tokens: Option<u64>,
    max_tool_calls: Option<u64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_logprobs: Option<u32>,
    reasoning: Option<WireReasoning>,
    text: Option<WireText>,
    tools: Option<Vec<RawJson>>,
    tool_choice: Option<RawJson>,
    parallel_tool_calls: Option<bool>,
    stream: Option<bool>,
    metadata: Option<RawJson>,
    user: Option<String>,
    safety_identifier: Option<String>,
    prompt_cache_key: Option<String>,
    service_tier: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct WireReasoning {
    effort: Option<String>,
    summary: Option<String>,
    generate_summary: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct WireText {
    format: Option<WireFormat>,
    verbosity: Option<String>,
}

#[derive(Deserialize)]
struct WireFormat {
    r#type: Option<String>,
    name: Option<String>,
    description: Option<String>,
    schema: Option<RawJson>,
    strict: Option<bool>,
}

#[derive(Deserialize)]
struct WireTool {
    r#type: Option<String>,
    name: Option<String>,
    description: Option<String>,
    parameters: Option<RawJson>,
    strict: Option<bool>,
    defer_loading: Option<bool>,
    format: Option<WireGrammar>,
    tools: Option<Vec<RawJson>>,
}

#[derive(Deserialize)]
struct WireGrammar {
    syntax: Option<String>,
    definition: Option<String>,
}

#[derive(Deserialize)]
struct WireChoice {
    r#type: Option<String>,
    name: Option<String>,
    mode: Option<String>,
    tools: Option<Vec<WireChoice>>,
}

/// The fields that have a canonical place.
const KNOWN: [&str; 23] = [
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
];

/// Fields whose loss nobody notices.
const HINTS: [&str; 5] = [
    "client_metadata",
    "prompt_cache_options",
    "prompt_cache_retention",
    "stream_options",
    "background_options",
];

pub(super) fn read(body: &[u8]) -> Result<Request, ReadError> {
    let wire: Body = parse_request(body)?;
    let mut request = Request {
        model: wire
            .model
            .filter(|model| !model.is_empty())
            .ok_or_else(|| ReadError::field("model", "is required"))?,
        parallel_tools: wire.parallel_tool_calls,
        sampling: Sampling {
            temperature: wire.temperature,
            top_p: wire.top_p,
            logprobs: wire.top_logprobs.map(|top| top > 0).filter(|on| *on),
            top_logprobs: wire.top_logprobs.filter(|top| *top > 0),
            ..Sampling::default()
        },
        limits: Limits { max_output: wire.max_output_tokens, max_tool_calls: wire.max_tool_calls },
        stream: StreamWish { on: wire.stream.unwrap_or(false), ..StreamWish::default() },
        identity: Identity {
            user: wire.user,
            safety_id: wire.safety_identifier,
            cache_key: wire.prompt_cache_key,
            metadata: wire.metadata.filter(|metadata| !metadata.is_null() && metadata.get() != "{}"),
            tier: wire.service_tier,
        },
        server_state: ServerState {
            previous_id: wire.previous_response_id,
            conversation: wire.conversation.filter(|conversation| !conversation.is_null()),
            store: wire.store,
            include: wire.include.unwrap_or_default(),
            cached_content: None,
        },
        ..Request::default()
    };
    read_reasoning(&wire.reasoning.unwrap_or_default(), &mut request.reasoning);
    read_text(wire.text.unwrap_or_default(), &mut request)?;
    if let Some(text) = wire.instructions.filter(|text| !text.trim().is_empty()) {
        request.system.push(SystemText { text, cache: None });
    }
    for (index, raw) in wire.tools.unwrap_or_default().iter().enumerate() {
        read_tool(raw, None, &format!("tools[{index}]"), &mut request)?;
    }
    request.tool_choice =
        wire.tool_choice.filter(|raw| !raw.is_null()).map(|raw| read_choice(&raw)).transpose()?;
    match wire.input {
        Some(list) => input::read(list, &mut request)?,
        None if request.server_state.previous_id.is_some() || request.server_state.conversation.is_some() => {
        }
        None => return Err(ReadError::field("input", "is required")),
    }
    let Fields(fields) = parse_request(body)?;
    let others =
        fields.into_iter().filter(|(name, value)| !KNOWN.contains(&name.as_str()) && !value.is_null());
    request.ext.extend(others.map(ext));
    Ok(request)
}

fn ext((path, value): (String, RawJson)) -> Ext {
    let weight = match path.as_str() {
        "background" if value.get() == "false" => Weight::Hint,
        "background" | "prompt" => Weight::Essential,
        name if HINTS.contains(&name) || name.starts_with("x_") || name.starts_with("x-") => Weight::Hint,
        "truncation" if value.get() == "\"disabled\"" => Weight::Hint,
        _ => Weight::Meaning,
    };
    Ext { family: Some(FAMILY), path, value, weight }
}

pub(super) fn read_reasoning(wire: &WireReasoning, reasoning: &mut Reasoning) {
    if let Some(effort) = wire.effort.as_deref().and_then(Effort::parse) {
        reasoning.effort = Some(effort);
        reasoning.mode = if effort == Effort::None { ReasoningMode::Off } else { ReasoningMode::Effort };
    }
    if let Some(style) = wire.summary.as_ref().or(wire.generate_summary.as_ref()) {
        reasoning.show = Show::Summary;
        reasoning.summary = Some(style.clone());
    }
}

pub(super) fn read_text(text: WireText, request: &mut Request) -> Result<(), ReadError> {
    request.verbosity = match text.verbosity.as_deref() {
        Some("low") => Some(Verbosity::Low),
        Some("medium") => Some(Verbosity::Medium),
        Some("high") => Some(Verbosity::High),
        _ => request.verbosity,
    };
    let Some(format) = text.format else { return Ok(()) };
    request.output = match format.r#type.as_deref() {
        Some("json_object") => OutputFormat::JsonObject,
        Some("json_schema") => OutputFormat::JsonSchema {
            name: format.name,
            description: format.description,
            schema: format
                .schema
                .filter(RawJson::is_object)
                .ok_or_else(|| ReadError::field("text.format.schema", "is required"))?,
            strict: format.strict,
        },
        _ => OutputFormat::Text,
    };
    Ok(())
}

/// Where what a namespace is for is kept: this and its name.
pub(super) const NAMESPACE: &str = "namespace.";

pub(super) fn read_tool(
    raw: &RawJson,
    namespace: Option<&str>,
    field: &str,
    request: &mut Request,
) -> Result<(), ReadError> {
    let wire: WireTool = raw.read().map_err(|_| ReadError::field(field, "must be a tool object"))?;
    let kind = match wire.r#type.as_deref() {
        Some("function") => ToolType::Function { schema: wire.parameters.filter(|schema| !schema.is_null()) },
        Some("custom") => ToolType::Custom {
            grammar: wire.format.and_then(|format| {
                Some(CustomGrammar { syntax: format.syntax?, definition: format.definition? })
            }),
        },
        Some("namespace") => {
            let name = wire.name.as_deref().or(namespace);
            if let (Some(name), Some(text)) = (name, &wire.description) {
                request.ext.push(Ext {
                    family: Some(FAMILY),
                    path: format!("{NAMESPACE}{name}"),
                    value: RawJson::string(text),
                    weight: Weight::Hint,
                });
            }
            for (index, tool) in wire.tools.unwrap_or_default().iter().enumerate() {
                read_tool(tool, name, &format!("{field}.tools[{index}]"), request)?;
            }
            return Ok(());
        }
        Some(other) => ToolType::Hosted { family: FAMILY, r#type: other.to_owned(), raw: raw.clone() },
        None => return Err(ReadError::field(format!("{field}.type"), "is required")),
    };
    let hosted = matches!(kind, ToolType::Hosted { .. });
    let name = match (wire.name, wire.r#type) {
        (Some(name), _) if !name.is_empty() => name,
        (_, Some(kind)) if hosted => kind,
        _ => return Err(ReadError::field(format!("{field}.name"), "is required")),
    };
    request.tools.push(Tool {
        name,
        description: wire.description,
        kind,
        strict: wire.strict,
        namespace: namespace.map(str::to_owned),
        cache: None,
        defer: wire.defer_loading,
    });
    Ok(())
}

fn read_choice(raw: &RawJson) -> Result<ToolChoice, ReadError> {
    let wrong = || ReadError::field("tool_choice", "must be none, auto, required or an object with a type");
    if let Some(word) = raw.as_str() {
        return match word.as_ref() {
            "none" => Ok(ToolChoice::None),
            "auto" => Ok(ToolChoice::Auto),
            "required" => Ok(ToolChoice::Required),
            _ => Err(wrong()),
        };
    }
    let wire: WireChoice = raw.read().map_err(|_| wrong())?;
    let name = |choice: WireChoice| choice.name.or(choice.r#type);
    match wire.r#type.as_deref() {
        Some("allowed_tools") => Ok(ToolChoice::Subset {
            names: wire.tools.unwrap_or_default().into_iter().filter_map(name).collect(),
            required: wire.mode.as_deref() == Some("required"),
        }),
        _ => Ok(ToolChoice::One { name: name(wire).ok_or_else(wrong)? }),
    }
}
