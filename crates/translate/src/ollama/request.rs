//! Reads what an Ollama client asks for.

use std::collections::VecDeque;

use byok_types::RawJson;
use byok_types::chat::{
    Effort, Ext, Limits, Media, MediaKind, OutputFormat, Part, PartKind, Reasoning, ReasoningKind,
    ReasoningMode, ReasoningPart, Request, Role, Sampling, Show, StreamWish, SystemText, Tool, ToolCall,
    ToolKind, ToolResult, ToolType, Turn, Weight,
};
use serde::Deserialize;

use crate::format::ReadError;
use crate::media;
use crate::wire::{Fields, parse_request};

#[derive(Deserialize)]
struct ChatBody {
    model: Option<String>,
    messages: Option<Vec<Message>>,
    tools: Option<Vec<WireTool>>,
    stream: Option<bool>,
    format: Option<RawJson>,
    think: Option<RawJson>,
    options: Option<Options>,
}

#[derive(Deserialize)]
struct GenerateBody {
    model: Option<String>,
    prompt: Option<String>,
    suffix: Option<String>,
    system: Option<String>,
    images: Option<Vec<String>>,
    stream: Option<bool>,
    format: Option<RawJson>,
    think: Option<RawJson>,
    options: Option<Options>,
}

#[derive(Deserialize)]
struct Message {
    role: Option<String>,
    content: Option<String>,
    thinking: Option<String>,
    images: Option<Vec<String>>,
    tool_calls: Option<Vec<WireCall>>,
    tool_name: Option<String>,
    name: Option<String>,
    tool_call_id: Option<String>,
}

#[derive(Deserialize)]
struct WireCall {
    id: Option<String>,
    function: WireCallFunction,
}

#[derive(Deserialize)]
struct WireCallFunction {
    name: String,
    arguments: Option<RawJson>,
}

#[derive(Deserialize)]
struct WireTool {
    function: Option<WireFunction>,
}

#[derive(Deserialize)]
struct WireFunction {
    name: String,
    description: Option<String>,
    parameters: Option<RawJson>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Options {
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
    min_p: Option<f64>,
    seed: Option<i64>,
    num_predict: Option<i64>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    stop: Option<Vec<String>>,
}

pub(super) fn read_chat(body: &[u8]) -> Result<Request, ReadError> {
    let wire: ChatBody = parse_request(body)?;
    let mut request = Request {
        tools: wire.tools.unwrap_or_default().into_iter().filter_map(read_tool).collect(),
        ..shared(wire.model, wire.stream, wire.options, wire.format.as_ref(), wire.think.as_ref())?
    };
    request.ext.extend(others(body, &CHAT_FIELDS)?);
    let messages = wire.messages.ok_or_else(|| ReadError::field("messages", "is required"))?;
    // Calls that wait for their result, oldest first: (name, id).
    let mut waiting: VecDeque<(String, String)> = VecDeque::new();
    for (index, message) in messages.into_iter().enumerate() {
        let field = format!("messages[{index}]");
        match message.role.as_deref() {
            Some("system" | "developer") => {
                let Some(text) = message.content.filter(|text| !text.is_empty()) else { continue };
                if request.turns.is_empty() {
                    request.system.push(SystemText { text, cache: None });
                } else {
                    request.turns.push(Turn::new(Role::System, vec![Part::text(text)]));
                }
            }
            Some("user") => {
                let parts = user_parts(message.content, message.images, &field)?;
                request.turns.push(Turn::new(Role::User, parts));
            }
            Some("assistant") => {
                let turn = assistant(message, index);
                waiting.extend(turn.parts.iter().filter_map(|part| match &part.kind {
                    PartKind::ToolCall(call) => Some((call.name.clone(), call.id.clone())),
                    _ => None,
                }));
                request.turns.push(turn);
            }
            Some("tool") => {
                let result = result(message, &mut waiting);
                match request.turns.last_mut() {
                    Some(turn) if turn.role == Role::User && only_results(turn) => turn.parts.push(result),
                    _ => request.turns.push(Turn::new(Role::User, vec![result])),
                }
            }
            _ => {
                return Err(ReadError::field(
                    format!("{field}.role"),
                    "must be system, user, assistant or tool",
                ));
            }
        }
    }
    Ok(request)
}

pub(super) fn read_generate(body: &[u8]) -> Result<Request, ReadError> {
    let wire: GenerateBody = parse_request(body)?;
    let mut request =
        shared(wire.model, wire.stream, wire.options, wire.format.as_ref(), wire.think.as_ref())?;
    request
        .system
        .extend(wire.system.filter(|text| !text.is_empty()).map(|text| SystemText { text, cache: None }));
    if let Some(suffix) = wire.suffix.filter(|suffix| !suffix.is_empty()) {
        // Filling in the middle has no counterpart in a conversation.
        let value = RawJson::string(&suffix);
        request.ext.push(Ext { family: None, path: "suffix".to_owned(), value, weight: Weight::Essential });
    }
    request.ext.extend(others(body, &GENERATE_FIELDS)?);
    let parts = user_parts(wire.prompt, wire.images, "images")?;
    if !parts.is_empty() {
        request.turns.push(Turn::new(Role::User, parts));
    }
    Ok(request)
}

/// The fields without a canonical place, those among the options too, with what leaving them out means.
fn others(body: &[u8], known: &[&str]) -> Result<Vec<Ext>, ReadError> {
    let Fields(fields) = parse_request(body)?;
    let mut found = Vec::new();
    for (name, value) in fields {
        if name == "options" {
            let Fields(options) = value.read().unwrap_or_default();
            let unknown = options.into_iter().filter(|(name, _)| !OPTIONS.contains(&name.as_str()));
            found.extend(unknown.map(|(name, value)| (format!("options.{name}"), value)));
        } else if !known.contains(&name.as_str()) {
            found.push((name, value));
        }
    }
    found.retain(|(_, value)| !value.is_null());
    Ok(found
        .into_iter()
        .map(|(path, value)| Ext { family: None, weight: weight(&path), path, value })
        .collect())
}

fn weight(path: &str) -> Weight {
    let name = path.rsplit('.').next().unwrap_or_default();
    let hint = HINTS.contains(&name) || name.starts_with("x_") || name.starts_with("x-");
    if hint { Weight::Hint } else { Weight::Meaning }
}

const CHAT_FIELDS: [&str; 6] = ["format", "messages", "model", "stream", "think", "tools"];
const GENERATE_FIELDS: [&str; 8] =
    ["format", "images", "model", "prompt", "stream", "suffix", "system", "think"];
const OPTIONS: [&str; 9] = [
    "frequency_penalty",
    "min_p",
    "num_predict",
    "presence_penalty",
    "seed",
    "stop",
    "temperature",
    "top_k",
    "top_p",
];
/// How a local server is to run the model; nothing about the answer.
const HINTS: [&str; 15] = [
    "f16_kv",
    "keep_alive",
    "logits_all",
    "low_vram",
    "main_gpu",
    "num_batch",
    "num_ctx",
    "num_gpu",
    "num_keep",
    "num_thread",
    "numa",
    "use_mlock",
    "use_mmap",
    "vocab_only",
    "draft_num_predict",
];

/// What both routes say in the same way. Streaming is on unless it is switched off.
fn shared(
    model: Option<String>,
    stream: Option<bool>,
    options: Option<Options>,
    format: Option<&RawJson>,
    think: Option<&RawJson>,
) -> Result<Request, ReadError> {
    let options = options.unwrap_or_default();
    Ok(Request {
        model: model
            .filter(|model| !model.is_empty())
            .ok_or_else(|| ReadError::field("model", "is required"))?,
        stream: StreamWish { on: stream.unwrap_or(true), ..StreamWish::default() },
        sampling: Sampling {
            temperature: options.temperature,
            top_p: options.top_p,
            top_k: options.top_k,
            min_p: options.min_p,
            seed: options.seed,
            frequency_penalty: options.frequency_penalty,
            presence_penalty: options.presence_penalty,
            stop: options.stop.unwrap_or_default().into_iter().filter(|text| !text.is_empty()).collect(),
            ..Sampling::default()
        },
        // −1 and −2 mean "without limit".
        limits: Limits {
            max_output: options
                .num_predict
                .and_then(|limit| u64::try_from(limit).ok())
                .filter(|limit| *limit > 0),
            max_tool_calls: None,
        },
        output: read_format(format)?,
        reasoning: read_think(think),
        ..Request::default()
    })
}

fn read_format(format: Option<&RawJson>) -> Result<OutputFormat, ReadError> {
    let Some(raw) = format.filter(|raw| !raw.is_null()) else { return Ok(OutputFormat::Text) };
    match raw.as_str().as_deref() {
        Some("json") => Ok(OutputFormat::JsonObject),
        Some("") => Ok(OutputFormat::Text),
        None if raw.is_object() => {
            Ok(OutputFormat::JsonSchema { name: None, description: None, schema: raw.clone(), strict: None })
        }
        _ => Err(ReadError::field("format", "must be \"json\" or a JSON schema")),
    }
}

fn read_think(think: Option<&RawJson>) -> Reasoning {
    let mode = |mode, effort, show| Reasoning { mode, effort, show, summary: None };
    match think.map(RawJson::get) {
        Some("true") => mode(ReasoningMode::Adaptive, None, Show::Full),
        Some("false") => mode(ReasoningMode::Off, Some(Effort::None), Show::None),
        Some(text) => match Effort::parse(text.trim_matches('"')) {
            Some(effort) => mode(ReasoningMode::Effort, Some(effort), Show::Full),
            None => Reasoning::default(),
        },
        None => Reasoning::default(),
    }
}

fn read_tool(tool: WireTool) -> Option<Tool> {
    let function = tool.function?;
    Some(Tool {
        name: function.name,
        description: function.description.filter(|text| !text.is_empty()),
        kind: ToolType::Function { schema: function.parameters.filter(RawJson::is_object) },
        strict: None,
        namespace: None,
        cache: None,
        defer: None,
    })
}

fn user_parts(
    content: Option<String>,
    images: Option<Vec<String>>,
    field: &str,
) -> Result<Vec<Part>, ReadError> {
    let mut parts: Vec<Part> = content.filter(|text| !text.is_empty()).map(Part::text).into_iter().collect();
    for data in images.unwrap_or_default() {
        let source = media::base64_source("image/png", &data)
            .ok_or_else(|| ReadError::field(field, "an image is not base64"))?;
        parts.push(PartKind::Media(Media::new(MediaKind::Image, source)).into());
    }
    Ok(parts)
}

fn assistant(message: Message, index: usize) -> Turn {
    let mut parts = Vec::new();
    if let Some(text) = message.thinking.filter(|text| !text.is_empty()) {
        let thought = ReasoningPart { kind: ReasoningKind::Thinking, text, token: None, item_id: None };
        parts.push(PartKind::Reasoning(thought).into());
    }
    parts.extend(message.content.filter(|text| !text.is_empty()).map(Part::text));
    for (n, call) in message.tool_calls.unwrap_or_default().into_iter().enumerate() {
        let given = call.id.filter(|id| !id.is_empty());
        let arguments = call.function.arguments.filter(|raw| !raw.is_null());
        parts.push(
            PartKind::ToolCall(ToolCall {
                generated_id: given.is_none(),
                id: given.unwrap_or_else(|| format!("call_{index}_{n}")),
                name: call.function.name,
                // Some clients send the arguments as text, as OpenAI has them.
                arguments: arguments.map_or_else(
                    || "{}".to_owned(),
                    |raw| raw.as_str().map_or_else(|| raw.get().to_owned(), std::borrow::Cow::into_owned),
                ),
                kind: ToolKind::Function,
                namespace: None,
                item_id: None,
            })
            .into(),
        );
    }
    Turn::new(Role::Assistant, parts)
}

fn only_results(turn: &Turn) -> bool {
    turn.parts.iter().all(|part| matches!(part.kind, PartKind::ToolResult(_)))
}

/// A result belongs to the call that it names, else to the oldest waiting call of its tool, else to the
/// oldest waiting call.
fn result(message: Message, waiting: &mut VecDeque<(String, String)>) -> Part {
    let name = message.tool_name.or(message.name).filter(|name| !name.is_empty());
    let by_id = message.tool_call_id.as_ref().and_then(|id| waiting.iter().position(|(_, call)| call == id));
    let by_name = || name.as_ref().and_then(|name| waiting.iter().position(|(tool, _)| tool == name));
    let place = by_id.or_else(by_name).or_else(|| (name.is_none() && !waiting.is_empty()).then_some(0));
    let call = place.and_then(|place| waiting.remove(place));
    let call_id = call.map(|(_, id)| id).or(message.tool_call_id);
    PartKind::ToolResult(ToolResult {
        call_id: call_id.unwrap_or_else(|| "call_unknown".to_owned()),
        name,
        parts: message.content.filter(|text| !text.is_empty()).map(Part::text).into_iter().collect(),
        is_error: false,
        kind: ToolKind::Function,
        raw_object: None,
    })
    .into()
}
