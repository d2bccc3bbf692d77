//! Reads what a Cohere client asks for.

use byok_types::chat::{Ext, Limits, StreamWish};
use byok_types::chat::{
    Media, MediaKind, OutputFormat, Part, PartKind, Reasoning, ReasoningKind, ReasoningMode, ReasoningPart,
    Request, Role, Sampling, Show, Source, SystemText, Tool, ToolCall, ToolChoice, ToolKind, ToolResult,
    ToolType, Turn, Weight,
};
use byok_types::{Family, RawJson};
use serde::Deserialize;

use super::wire::{Document, Message, Part as WirePart};
use crate::format::ReadError;
use crate::media;
use crate::wire::{Fields, TextOr, parse_request};

#[derive(Deserialize)]
struct Body {
    model: Option<String>,
    messages: Option<Vec<Message>>,
    stream: Option<bool>,
    tools: Option<Vec<WireTool>>,
    tool_choice: Option<String>,
    strict_tools: Option<bool>,
    documents: Option<Vec<RawJson>>,
    response_format: Option<ResponseFormat>,
    max_tokens: Option<u64>,
    stop_sequences: Option<Vec<String>>,
    temperature: Option<f64>,
    p: Option<f64>,
    k: Option<u64>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    seed: Option<i64>,
    logprobs: Option<bool>,
    thinking: Option<Thinking>,
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

#[derive(Deserialize)]
struct ResponseFormat {
    r#type: Option<String>,
    json_schema: Option<RawJson>,
    /// The older spelling.
    schema: Option<RawJson>,
}

#[derive(Deserialize)]
struct Thinking {
    r#type: Option<String>,
    token_budget: Option<u64>,
}

/// The fields that have a canonical place; all others are kept aside.
const KNOWN: [&str; 18] = [
    "model",
    "messages",
    "stream",
    "tools",
    "tool_choice",
    "strict_tools",
    "documents",
    "response_format",
    "max_tokens",
    "stop_sequences",
    "temperature",
    "p",
    "k",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "logprobs",
    "thinking",
];

/// Fields whose loss nobody notices.
const HINTS: [&str; 3] = ["citation_options", "safety_mode", "priority"];

pub(super) fn read(body: &[u8]) -> Result<Request, ReadError> {
    let wire: Body = parse_request(body)?;
    let mut request = Request {
        model: wire
            .model
            .filter(|model| !model.is_empty())
            .ok_or_else(|| ReadError::field("model", "is required"))?,
        tools: wire
            .tools
            .unwrap_or_default()
            .into_iter()
            .filter_map(|tool| read_tool(tool, wire.strict_tools))
            .collect(),
        tool_choice: match wire.tool_choice.as_deref() {
            Some("REQUIRED") => Some(ToolChoice::Required),
            Some("NONE") => Some(ToolChoice::None),
            Some(_) => return Err(ReadError::field("tool_choice", "must be REQUIRED or NONE")),
            None => None,
        },
        sampling: Sampling {
            temperature: wire.temperature,
            top_p: wire.p,
            top_k: wire.k.filter(|k| *k > 0),
            frequency_penalty: wire.frequency_penalty,
            presence_penalty: wire.presence_penalty,
            seed: wire.seed,
            logprobs: wire.logprobs,
            stop: wire
                .stop_sequences
                .unwrap_or_default()
                .into_iter()
                .filter(|text| !text.is_empty())
                .collect(),
            ..Sampling::default()
        },
        limits: Limits { max_output: wire.max_tokens, max_tool_calls: None },
        reasoning: wire.thinking.as_ref().map(read_thinking).unwrap_or_default(),
        output: wire.response_format.map(read_output).unwrap_or_default(),
        stream: StreamWish { on: wire.stream.unwrap_or(false), ..StreamWish::default() },
        ..Request::default()
    };
    let messages = wire.messages.ok_or_else(|| ReadError::field("messages", "is required"))?;
    read_messages(messages, &mut request)?;
    if let Some(documents) = wire.documents {
        add_documents(&documents, &mut request);
    }
    let Fields(fields) = parse_request(body)?;
    request.ext = fields
        .into_iter()
        .filter(|(name, value)| !KNOWN.contains(&name.as_str()) && !value.is_null())
        .map(ext)
        .collect();
    Ok(request)
}

fn ext((path, value): (String, RawJson)) -> Ext {
    let hint = HINTS.contains(&path.as_str()) || path.starts_with("x_") || path.starts_with("x-");
    let weight = if hint { Weight::Hint } else { Weight::Meaning };
    Ext { family: Some(Family::Cohere), path, value, weight }
}

fn read_tool(tool: WireTool, strict: Option<bool>) -> Option<Tool> {
    let function = tool.function?;
    Some(Tool {
        name: function.name,
        description: function.description,
        kind: ToolType::Function { schema: function.parameters.filter(|schema| !schema.is_null()) },
        strict,
        namespace: None,
        cache: None,
        defer: None,
    })
}

fn read_thinking(thinking: &Thinking) -> Reasoning {
    let mode = match (thinking.r#type.as_deref(), thinking.token_budget) {
        (Some("disabled"), _) => ReasoningMode::Off,
        (_, Some(budget)) => ReasoningMode::Budget(budget),
        _ => ReasoningMode::Adaptive,
    };
    // The format always shows what the model thinks.
    let show = if mode == ReasoningMode::Off { Show::Unset } else { Show::Full };
    Reasoning { mode, show, ..Reasoning::default() }
}

fn read_output(format: ResponseFormat) -> OutputFormat {
    match (format.r#type.as_deref(), format.json_schema.or(format.schema)) {
        (Some("json_object"), Some(schema)) => {
            OutputFormat::JsonSchema { name: None, description: None, schema, strict: None }
        }
        (Some("json_object"), None) => OutputFormat::JsonObject,
        _ => OutputFormat::Text,
    }
}

fn read_messages(messages: Vec<Message>, request: &mut Request) -> Result<(), ReadError> {
    for (index, message) in messages.into_iter().enumerate() {
        let field = format!("messages[{index}]");
        match message.role.as_deref() {
            Some("system" | "developer") => {
                let parts = read_content(message.content, &field)?;
                if request.turns.is_empty() {
                    let texts = parts.iter().filter_map(Part::as_text);
                    request
                        .system
                        .extend(texts.map(|text| SystemText { text: text.to_owned(), cache: None }));
                } else {
                    request.turns.push(Turn::new(Role::System, parts));
                }
            }
            Some("user") => request.turns.push(Turn::new(Role::User, read_content(message.content, &field)?)),
            Some("assistant") => request.turns.push(read_assistant(message, &field)?),
            Some("tool") => {
                let result = read_result(message, &field)?;
                match request.turns.last_mut() {
                    Some(turn) if is_results(turn) => turn.parts.push(result),
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
    Ok(())
}

fn is_results(turn: &Turn) -> bool {
    turn.role == Role::User && turn.parts.iter().all(|part| matches!(part.kind, PartKind::ToolResult(_)))
}

fn read_content(content: Option<TextOr<WirePart>>, field: &str) -> Result<Vec<Part>, ReadError> {
    match content {
        None => Ok(Vec::new()),
        Some(TextOr::Text(text)) if text.is_empty() => Ok(Vec::new()),
        Some(TextOr::Text(text)) => Ok(vec![Part::text(text)]),
        Some(TextOr::List(list)) => {
            let mut parts = Vec::with_capacity(list.len());
            for (index, part) in list.into_iter().enumerate() {
                parts.extend(read_part(part, &format!("{field}.content[{index}]"))?);
            }
            Ok(parts)
        }
    }
}

fn read_part(part: WirePart, field: &str) -> Result<Option<Part>, ReadError> {
    match part.r#type.as_deref() {
        Some("text") | None => Ok(part.text.filter(|text| !text.is_empty()).map(Part::text)),
        Some("thinking") => Ok(part.thinking.map(|text| reasoning(ReasoningKind::Thinking, text))),
        Some("image_url") => {
            let image = part.image_url.ok_or_else(|| ReadError::field(field, "image_url is required"))?;
            let source = media::source_of_url(&image.url)
                .ok_or_else(|| ReadError::field(field, "the data URL cannot be decoded"))?;
            let mut media = Media::new(MediaKind::Image, source);
            media.detail = image.detail;
            Ok(Some(PartKind::Media(media).into()))
        }
        Some("document") => Ok(part.document.map(|document| document_part(&document))),
        Some(other) => {
            Err(ReadError::field(field, format!("unknown content type of {} characters", other.len())))
        }
    }
}

/// A document of fields becomes a text document: one line a field, the title apart.
fn document_part(document: &Document) -> Part {
    let (mut title, mut lines) = (document.id.clone(), Vec::new());
    match document.data.as_ref().map(RawJson::to_value) {
        Some(serde_json::Value::Object(fields)) => {
            for (name, value) in fields {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                match name.as_str() {
                    "title" => title = Some(text),
                    "text" | "snippet" | "content" => lines.push(text),
                    _ => lines.push(format!("{name}: {text}")),
                }
            }
        }
        Some(serde_json::Value::String(text)) => lines.push(text),
        Some(other) => lines.push(other.to_string()),
        None => {}
    }
    let mut media = Media::new(MediaKind::Document, Source::Text(lines.join("\n")));
    media.title = title;
    PartKind::Media(media).into()
}

/// Documents for retrieval stand beside the conversation; they become parts of its last user turn.
fn add_documents(documents: &[RawJson], request: &mut Request) {
    let parts = documents.iter().map(|raw| {
        if let Some(text) = raw.as_str() {
            PartKind::Media(Media::new(MediaKind::Document, Source::Text(text.into_owned()))).into()
        } else {
            let document = raw.read::<Document>().unwrap_or(Document { data: Some(raw.clone()), id: None });
            document_part(&document)
        }
    });
    if let Some(turn) = request.turns.iter_mut().rev().find(|turn| turn.role == Role::User) {
        turn.parts.splice(0..0, parts);
    }
}

fn reasoning(kind: ReasoningKind, text: String) -> Part {
    PartKind::Reasoning(ReasoningPart { kind, text, token: None, item_id: None }).into()
}

fn read_assistant(message: Message, field: &str) -> Result<Turn, ReadError> {
    let mut parts = Vec::new();
    if let Some(plan) = message.tool_plan.filter(|plan| !plan.is_empty()) {
        parts.push(reasoning(ReasoningKind::Plan, plan));
    }
    parts.extend(read_content(message.content, field)?);
    for (index, call) in message.tool_calls.unwrap_or_default().into_iter().enumerate() {
        let at = format!("{field}.tool_calls[{index}]");
        let function = call.function.ok_or_else(|| ReadError::field(&at, "function is required"))?;
        let arguments = function.arguments.filter(|text| !matches!(text.trim(), "" | "null"));
        parts.push(
            PartKind::ToolCall(ToolCall {
                id: call.id.ok_or_else(|| ReadError::field(&at, "id is required"))?,
                generated_id: false,
                name: function.name.ok_or_else(|| ReadError::field(&at, "function.name is required"))?,
                arguments: arguments.unwrap_or_else(|| "{}".to_owned()),
                kind: ToolKind::Function,
                namespace: None,
                item_id: None,
            })
            .into(),
        );
    }
    Ok(Turn::new(Role::Assistant, parts))
}

fn read_result(message: Message, field: &str) -> Result<Part, ReadError> {
    let call_id = message
        .tool_call_id
        .ok_or_else(|| ReadError::field(format!("{field}.tool_call_id"), "is required"))?;
    // A result's document without a title of its own is plain text to every other format.
    let parts = read_content(message.content, field)?.into_iter().map(|part| match part.kind {
        PartKind::Media(Media { source: Source::Text(text), title: None, .. }) => Part::text(text),
        _ => part,
    });
    Ok(PartKind::ToolResult(ToolResult {
        call_id,
        name: None,
        parts: parts.collect(),
        is_error: false,
        kind: ToolKind::Function,
        raw_object: None,
    })
    .into())
}
