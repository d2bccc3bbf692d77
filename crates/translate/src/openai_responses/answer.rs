//! The response object around the items, both ways.

use byok_types::chat::{
    Candidate, Citation, OutputFormat, Part, PartKind, Request, Response, Stop, StopReason, ToolCall,
    ToolKind, Usage,
};
use byok_types::{Fault, FaultKind, RawJson};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::input::{Content, Item, parse, reasoning_part};
use super::{FAMILY, items, request_write};
use crate::format::{Reply, UpstreamFormat};
use crate::openai_chat::OpenaiChat;
use crate::wire::TextOr;

/// An upstream's response object.
#[derive(Default, Deserialize)]
pub(super) struct Wire {
    pub(super) id: Option<String>,
    pub(super) created_at: Option<f64>,
    pub(super) model: Option<String>,
    pub(super) status: Option<String>,
    pub(super) error: Option<RawJson>,
    pub(super) incomplete_details: Option<Incomplete>,
    pub(super) output: Option<Vec<RawJson>>,
    pub(super) usage: Option<Counts>,
    pub(super) service_tier: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Incomplete {
    reason: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct Counts {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

impl Wire {
    /// Unix seconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    pub(super) fn created(&self) -> Option<u64> {
        self.created_at.filter(|at| (0.0..=1e12).contains(at)).map(|at| at as u64)
    }

    /// The error that the response reports, if it has failed.
    pub(super) fn fault(&self) -> Option<Box<Fault>> {
        let error = self.error.as_ref().filter(|error| !error.is_null());
        if error.is_none() && !matches!(self.status.as_deref(), Some("failed" | "cancelled")) {
            return None;
        }
        Some(Box::new(fault_of(error)))
    }

    /// Why the answer ended. `called` tells whether it holds a call for the client to run, `refused`
    /// whether it holds the model's own words for declining.
    pub(super) fn stop(&self, called: bool, refused: bool) -> Stop {
        let reason = self.incomplete_details.as_ref().and_then(|details| details.reason.as_deref());
        Stop::new(match (self.status.as_deref(), reason) {
            (_, Some("content_filter")) => StopReason::Filtered,
            (_, Some("max_output_tokens")) | (Some("incomplete"), _) => StopReason::MaxTokens,
            _ if called => StopReason::ToolUse,
            _ if refused => StopReason::Refusal,
            _ => StopReason::EndTurn,
        })
    }
}

impl Counts {
    pub(super) fn usage(&self) -> Usage {
        let input = self.input_tokens_details.as_ref();
        Usage {
            input: self.input_tokens,
            output: self.output_tokens,
            cache_read: input.and_then(|details| details.cached_tokens),
            cache_write: input.and_then(|details| details.cache_write_tokens),
            cache_write_1h: None,
            reasoning: self.output_tokens_details.as_ref().and_then(|details| details.reasoning_tokens),
        }
    }
}

/// An error object inside a 200 answer: the status follows from its code.
pub(super) fn fault_of(error: Option<&RawJson>) -> Fault {
    let body = error.map_or_else(|| json!({}), |error| json!({"error": error.to_value()}));
    let code = body["error"]["code"].as_str().unwrap_or_default();
    let status = match code {
        "rate_limit_exceeded" | "insufficient_quota" | "usage_limit_reached" => 429,
        "invalid_prompt" | "context_length_exceeded" | "invalid_image" | "unsupported_value" => 400,
        "server_overloaded" | "server_is_overloaded" | "slow_down" => 503,
        _ => 502,
    };
    OpenaiChat.read_fault(status, body.to_string().as_bytes())
}

pub(super) fn read(body: &[u8]) -> Result<Response, Box<Fault>> {
    let broken = |what: &str| Box::new(Fault::upstream_broken(format!("the upstream's answer {what}")));
    let wire: Wire = serde_json::from_slice(body).map_err(|_| broken("is not a response object"))?;
    if let Some(fault) = wire.fault() {
        return Err(fault);
    }
    let output = wire.output.as_ref().ok_or_else(|| broken("has no output"))?;
    let parts: Vec<Part> = output.iter().flat_map(parts_of_item).collect();
    let called = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall(_)));
    let refused = parts.iter().any(|part| matches!(part.kind, PartKind::Refusal(_)));
    Ok(Response {
        created: wire.created(),
        candidates: vec![Candidate { index: 0, parts, stop: wire.stop(called, refused), logprobs: None }],
        usage: wire.usage.as_ref().map(Counts::usage).unwrap_or_default(),
        id: wire.id.unwrap_or_default(),
        model: wire.model.unwrap_or_default(),
        tier: wire.service_tier,
    })
}

/// The parts that an output item holds.
pub(super) fn parts_of_item(raw: &RawJson) -> Vec<Part> {
    let Ok(item) = parse(raw) else { return Vec::new() };
    match item.r#type.as_deref() {
        Some("message") => match item.content {
            Some(TextOr::List(list)) => list.into_iter().filter_map(part_of_content).collect(),
            Some(TextOr::Text(text)) => vec![Part::text(text)],
            None => Vec::new(),
        },
        Some("reasoning") => vec![reasoning_part(item).into()],
        Some("function_call" | "custom_tool_call") => {
            call_of_item(item).map(Part::from).into_iter().collect()
        }
        Some(_) => vec![PartKind::Opaque { family: FAMILY, raw: raw.clone() }.into()],
        None => Vec::new(),
    }
}

/// The call that an item is, with the pairing id made out of the item's own where it has none.
pub(super) fn call_of_item(item: Item) -> Option<PartKind> {
    let custom = item.r#type.as_deref() == Some("custom_tool_call");
    let given = item.call_id.filter(|id| !id.is_empty());
    let generated_id = given.is_none();
    let arguments = if custom { item.input } else { item.arguments };
    let arguments = arguments.filter(|text| custom || !matches!(text.trim(), "" | "null"));
    Some(PartKind::ToolCall(ToolCall {
        id: given.or_else(|| item.id.clone())?,
        generated_id,
        name: item.name?,
        arguments: arguments.unwrap_or_else(|| if custom { String::new() } else { "{}".to_owned() }),
        kind: if custom { ToolKind::Custom } else { ToolKind::Function },
        namespace: item.namespace,
        item_id: item.id,
    }))
}

fn part_of_content(content: Content) -> Option<Part> {
    if let Some("refusal") = content.r#type.as_deref() {
        Some(PartKind::Refusal(content.refusal?).into())
    } else {
        let citations = content.annotations.unwrap_or_default().iter().map(citation).collect();
        Some(PartKind::Text { text: content.text.filter(|text| !text.is_empty())?, citations }.into())
    }
}

/// A citation out of an annotation.
pub(super) fn citation(raw: &RawJson) -> Citation {
    let value = raw.to_value();
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    Citation {
        start: value["start_index"].as_u64(),
        end: value["end_index"].as_u64(),
        url: text("url"),
        title: text("title"),
        text: None,
        family: FAMILY,
        raw: raw.clone(),
    }
}

pub(super) fn write(response: &Response, reply: &Reply) -> Vec<u8> {
    let mut output = Vec::new();
    let first = response.candidates.first();
    let stop = first.map_or(Stop::new(StopReason::Error), |candidate| candidate.stop.clone());
    let parts = first.map(|candidate| candidate.parts.as_slice()).unwrap_or_default();
    for (index, part) in parts.iter().enumerate() {
        let number = output.len();
        let is_last = index + 1 == parts.len();
        let status = if is_last { last_status(stop.reason) } else { "completed" };
        output.extend(items::items(part, &reply.id.unique, number, status));
    }
    let ending = Ending::of(&stop, &output);
    let mut body = object(reply, ending.status(), output);
    ending.describe(&mut body);
    body.insert("usage".to_owned(), usage(&response.usage));
    serde_json::to_vec(&body).unwrap_or_default()
}

/// The response object with everything but its usage.
pub(super) fn object(reply: &Reply, status: &str, output: Vec<Value>) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("id".to_owned(), json!(format!("resp_{}", reply.id.unique)));
    body.insert("object".to_owned(), json!("response"));
    body.insert("created_at".to_owned(), json!(reply.id.created));
    body.insert("status".to_owned(), json!(status));
    body.insert("error".to_owned(), Value::Null);
    body.insert("incomplete_details".to_owned(), Value::Null);
    body.insert("model".to_owned(), json!(reply.model));
    body.insert("output".to_owned(), Value::Array(output));
    for (name, value) in &reply.echo {
        body.insert((*name).to_owned(), value.to_value());
    }
    body.insert("usage".to_owned(), Value::Null);
    body
}

/// The fields of the request that every response object repeats.
pub(super) fn echo(request: &Request) -> Vec<(&'static str, Value)> {
    let instructions: Vec<&str> = request.system.iter().map(|system| system.text.as_str()).collect();
    let effort = request.reasoning.effort.map(byok_types::chat::Effort::name);
    let format = match &request.output {
        OutputFormat::Text => json!({"type": "text"}),
        other => request_write::output(other),
    };
    vec![
        (
            "instructions",
            if instructions.is_empty() { Value::Null } else { json!(instructions.join("\n\n")) },
        ),
        ("max_output_tokens", json!(request.limits.max_output)),
        ("metadata", request.identity.metadata.as_ref().map_or_else(|| json!({}), RawJson::to_value)),
        ("parallel_tool_calls", json!(request.parallel_tools.unwrap_or(true))),
        ("previous_response_id", Value::Null),
        ("reasoning", json!({"effort": effort, "summary": request.reasoning.summary})),
        ("store", json!(false)),
        ("temperature", json!(request.sampling.temperature.unwrap_or(1.0))),
        ("text", json!({"format": format})),
        (
            "tool_choice",
            request
                .tool_choice
                .as_ref()
                .map_or_else(|| json!("auto"), |choice| request_write::choice(choice, &request.tools)),
        ),
        ("tools", Value::Array(request_write::tools(request))),
        ("top_p", json!(request.sampling.top_p.unwrap_or(1.0))),
        ("truncation", json!("disabled")),
    ]
}

/// The status of the item in which an answer ends for this reason.
pub(super) fn last_status(reason: StopReason) -> &'static str {
    match reason {
        StopReason::ContextFull | StopReason::Error | StopReason::Filtered | StopReason::MaxTokens => {
            "incomplete"
        }
        StopReason::EndTurn
        | StopReason::MalformedCall
        | StopReason::Pause
        | StopReason::Refusal
        | StopReason::StopSequence
        | StopReason::ToolUse => "completed",
    }
}

/// How an answer ends.
pub(super) enum Ending {
    Completed,
    Failed(Fault),
    Incomplete(&'static str),
}

impl Ending {
    pub(super) fn of(stop: &Stop, output: &[Value]) -> Self {
        let refused_in_words = || output.iter().any(|item| item["content"][0]["type"] == "refusal");
        match stop.reason {
            StopReason::ContextFull | StopReason::MaxTokens => Self::Incomplete("max_output_tokens"),
            StopReason::Filtered => Self::Incomplete("content_filter"),
            StopReason::Refusal if !refused_in_words() => Self::Incomplete("content_filter"),
            StopReason::Error => Self::Failed(Fault::upstream_broken("the upstream gave up on this answer")),
            StopReason::MalformedCall => {
                Self::Failed(Fault::upstream_broken("the model produced a tool call that makes no sense"))
            }
            StopReason::EndTurn
            | StopReason::Pause
            | StopReason::Refusal
            | StopReason::StopSequence
            | StopReason::ToolUse => Self::Completed,
        }
    }

    pub(super) fn status(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed(_) => "failed",
            Self::Incomplete(_) => "incomplete",
        }
    }

    /// Writes the reason into the response object.
    pub(super) fn describe(&self, body: &mut Map<String, Value>) {
        match self {
            Self::Completed => {}
            Self::Incomplete(reason) => {
                body.insert("incomplete_details".to_owned(), json!({"reason": reason}));
            }
            Self::Failed(fault) => {
                body.insert("error".to_owned(), json!({"code": error_code(fault), "message": fault.message}));
            }
        }
    }
}

/// The codes that the official SDKs know in `response.error`.
fn error_code(fault: &Fault) -> String {
    if let Some(code) = &fault.upstream_code {
        return code.clone();
    }
    match fault.kind {
        FaultKind::Rate => "rate_limit_exceeded",
        FaultKind::Invalid | FaultKind::TooLarge => "invalid_prompt",
        _ => "server_error",
    }
    .to_owned()
}

/// Token counts, with the detail objects that the SDKs demand.
pub(super) fn usage(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input.unwrap_or(0),
        "input_tokens_details": {
            "cached_tokens": usage.cache_read.unwrap_or(0),
            "cache_write_tokens": usage.cache_write.unwrap_or(0),
        },
        "output_tokens": usage.output.unwrap_or(0),
        "output_tokens_details": {"reasoning_tokens": usage.reasoning.unwrap_or(0)},
        "total_tokens": usage.total(),
    })
}
