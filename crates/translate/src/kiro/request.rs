//! Writes a request for Kiro. It has been fitted as for a Chat upstream, and admitted: what is left can be
//! expressed.

use std::collections::BTreeSet;

use byok_types::Fault;
use byok_types::chat::{
    Media, MediaKind, Part, PartKind, Request, Role, Source, Tool, ToolCall, ToolChoice, ToolResult,
    ToolType, Turn,
};
use byok_types::model::ModelFacts;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::fit::Dropped;

/// The longest description of a tool, in bytes.
const LONGEST_DESCRIPTION: usize = 10_240;

/// Takes out what cannot be said here, and names it. A medium that cannot be sent is refused: an answer that
/// has not seen it would be about something else.
pub(super) fn admit(request: &mut Request, dropped: &mut Vec<Dropped>) -> Result<(), Box<Fault>> {
    for (number, turn) in request.turns.iter().enumerate() {
        let in_results = turn.parts.iter().filter_map(|part| match &part.kind {
            PartKind::ToolResult(result) => Some(&result.parts),
            _ => None,
        });
        for part in turn.parts.iter().chain(in_results.flatten()) {
            if let PartKind::Media(media) = &part.kind
                && image(media).is_none()
                && !matches!(media.source, Source::Text(_))
            {
                let field = format!("messages[{number}].content");
                let what =
                    "this upstream takes images as bytes (PNG, JPEG, GIF, WebP) and text, no other files";
                return Err(Box::new(Fault::invalid(field.clone(), format!("{field}: {what}"))));
            }
        }
    }
    let mut drop = |given: bool, field: &str| {
        if given {
            dropped.push(Dropped { field: field.to_owned(), action: "dropped".to_owned() });
        }
    };
    let forced = matches!(
        request.tool_choice,
        Some(ToolChoice::Required | ToolChoice::One { .. } | ToolChoice::Subset { .. })
    );
    drop(forced, "tool_choice");
    drop(request.limits.max_output.take().is_some(), "max_tokens");
    Ok(())
}

pub(super) fn write(request: &Request, _: &ModelFacts) -> Vec<u8> {
    let mut messages = messages(request);
    let context = context(request);
    let current = match messages.pop() {
        Some(message) if !message.of_assistant => message,
        // The last word must be the person's.
        last => {
            messages.extend(last);
            Message { texts: vec!["Continue.".to_owned()], ..Message::default() }
        }
    };
    let current = current.write(&request.model, context);
    let history: Vec<Value> =
        messages.into_iter().map(|message| message.write(&request.model, Map::new())).collect();
    let mut state = Map::new();
    state.insert("conversationId".to_owned(), json!(conversation(request)));
    state.insert("chatTriggerType".to_owned(), json!("MANUAL"));
    state.insert("currentMessage".to_owned(), current);
    if !history.is_empty() {
        state.insert("history".to_owned(), Value::Array(history));
    }
    let mut body = Map::new();
    body.insert("conversationState".to_owned(), Value::Object(state));
    if let Some(effort) = request.reasoning.effort {
        let fields = if request.model.contains("claude") {
            json!({"output_config": {"effort": effort.name()}, "thinking": {"type": "adaptive"}})
        } else {
            json!({"reasoning": {"effort": effort.name()}})
        };
        body.insert("additionalModelRequestFields".to_owned(), fields);
    }
    serde_json::to_vec(&body).unwrap_or_default()
}

/// An id that the same conversation has in every turn: made of how it began.
fn conversation(request: &Request) -> String {
    let first = request.turns.iter().find(|turn| turn.role == Role::User);
    let texts = first.into_iter().flat_map(|turn| &turn.parts).filter_map(Part::as_text);
    let mut hash = Sha256::new();
    for text in request.system.iter().map(|system| system.text.as_str()).chain(texts) {
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    let digest = hash.finalize();
    // A version 8 UUID: the vendor-defined kind of RFC 9562.
    let mut text = String::with_capacity(36);
    for (at, byte) in digest.iter().take(16).enumerate() {
        let byte = match at {
            6 => (byte & 0x0f) | 0x80,
            8 => (byte & 0x3f) | 0x80,
            _ => *byte,
        };
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend([byte >> 4, byte & 15].map(|half| char::from_digit(u32::from(half), 16).unwrap_or('0')));
    }
    text
}

/// Neighbouring turns of the same speaker.
#[derive(Default)]
struct Message {
    of_assistant: bool,
    texts: Vec<String>,
    images: Vec<Value>,
    results: Vec<Value>,
    calls: Vec<Value>,
}

/// The conversation, the first message of which is the person's, with the system text in front of it.
fn messages(request: &Request) -> Vec<Message> {
    let system = request.system.iter().map(|system| system.text.clone()).collect();
    let mut messages = Vec::new();
    let mut message = Message { texts: system, ..Message::default() };
    for turn in &request.turns {
        let of_assistant = turn.role == Role::Assistant;
        if message.of_assistant != of_assistant {
            messages.push(std::mem::replace(&mut message, Message { of_assistant, ..Message::default() }));
        }
        message.add(turn);
    }
    messages.push(message);
    messages
}

impl Message {
    fn add(&mut self, turn: &Turn) {
        for part in &turn.parts {
            match &part.kind {
                PartKind::Text { text, .. } if turn.role == Role::System => {
                    self.texts.push(format!("<system>\n{text}\n</system>"));
                }
                PartKind::Text { text, .. } | PartKind::Refusal(text) => self.texts.push(text.clone()),
                PartKind::Media(media) => self.media(media),
                PartKind::ToolCall(call) => self.calls.push(json!({
                    "toolUseId": call.id, "name": call.name, "input": input(call),
                })),
                PartKind::ToolResult(result) => self.result(result),
                PartKind::Opaque { .. } | PartKind::Reasoning(_) => {}
            }
        }
    }

    fn media(&mut self, media: &Media) {
        if let Some(image) = image(media) {
            self.images.push(image);
        } else if let Source::Text(text) = &media.source {
            let title = media.title.as_ref().map(|title| format!("{title}\n")).unwrap_or_default();
            self.texts.push(format!("{title}{text}"));
        }
    }

    fn result(&mut self, result: &ToolResult) {
        let mut texts = Vec::new();
        for part in &result.parts {
            match &part.kind {
                PartKind::Text { text, .. } | PartKind::Media(Media { source: Source::Text(text), .. }) => {
                    texts.push(text.as_str());
                }
                PartKind::Media(media) => self.media(media),
                _ => {}
            }
        }
        let status = if result.is_error { "error" } else { "success" };
        let content = json!([{"text": texts.join("\n")}]);
        self.results.push(json!({"toolUseId": result.call_id, "status": status, "content": content}));
    }

    fn write(self, model: &str, mut context: Map<String, Value>) -> Value {
        if self.of_assistant {
            let mut message = Map::new();
            message.insert("content".to_owned(), json!(self.texts.join("\n\n")));
            if !self.calls.is_empty() {
                message.insert("toolUses".to_owned(), Value::Array(self.calls));
            }
            return json!({"assistantResponseMessage": message});
        }
        if !self.results.is_empty() {
            context.insert("toolResults".to_owned(), Value::Array(self.results));
        }
        let mut message = Map::new();
        message.insert("content".to_owned(), json!(self.texts.join("\n\n")));
        message.insert("modelId".to_owned(), json!(model));
        message.insert("origin".to_owned(), json!("KIRO_CLI"));
        if !self.images.is_empty() {
            message.insert("images".to_owned(), Value::Array(self.images));
        }
        if !context.is_empty() {
            message.insert("userInputMessageContext".to_owned(), Value::Object(context));
        }
        json!({"userInputMessage": message})
    }
}

/// The arguments as the object that they must be here.
fn input(call: &ToolCall) -> Value {
    match serde_json::from_str::<Value>(&call.arguments) {
        Ok(object @ Value::Object(_)) => object,
        _ if call.arguments.trim().is_empty() => json!({}),
        _ => json!({"_raw": call.arguments}),
    }
}

fn image(media: &Media) -> Option<Value> {
    let Source::Base64 { mime, data } = &media.source else { return None };
    let format =
        mime.strip_prefix("image/").filter(|format| matches!(*format, "png" | "jpeg" | "gif" | "webp"))?;
    (media.kind == MediaKind::Image).then(|| json!({"format": format, "source": {"bytes": data}}))
}

/// The tools, and a stub for each that only the history names.
fn context(request: &Request) -> Map<String, Value> {
    let offered = !matches!(request.tool_choice, Some(ToolChoice::None));
    let mut tools: Vec<Value> = Vec::new();
    let mut named = BTreeSet::new();
    for tool in request.tools.iter().filter(|_| offered) {
        if let Some(specification) = specification(tool) {
            named.insert(tool.name.as_str());
            tools.push(specification);
        }
    }
    for part in request.turns.iter().flat_map(|turn| &turn.parts) {
        if let PartKind::ToolCall(call) = &part.kind
            && named.insert(&call.name)
        {
            tools.push(specified(&call.name, "This tool cannot be called any more.", &empty_schema()));
        }
    }
    let mut context = Map::new();
    if !tools.is_empty() {
        context.insert("tools".to_owned(), Value::Array(tools));
    }
    context
}

fn empty_schema() -> Value {
    json!({"type": "object", "properties": {}})
}

fn specification(tool: &Tool) -> Option<Value> {
    let ToolType::Function { schema } = &tool.kind else { return None };
    let schema = schema.as_ref().map_or_else(empty_schema, byok_types::RawJson::to_value);
    let description =
        tool.description.as_deref().filter(|text| !text.trim().is_empty()).unwrap_or(&tool.name);
    Some(specified(&tool.name, start(description, LONGEST_DESCRIPTION), &schema))
}

/// As much of the text as fits into `bytes`.
fn start(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

fn specified(name: &str, description: &str, schema: &Value) -> Value {
    json!({"toolSpecification": {"name": name, "description": description, "inputSchema": {"json": schema}}})
}
