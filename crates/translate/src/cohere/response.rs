//! Whole answers, both ways.

use byok_types::chat::{
    Candidate, Part, PartKind, ReasoningKind, ReasoningPart, Response, Stop, StopReason, ToolCall, ToolKind,
};
use byok_types::{Blame, Fault};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::fault;
use super::wire::{Counts, Message, finish_reason, made_up_id, stop_reason};
use crate::format::Reply;
use crate::wire::TextOr;

#[derive(Deserialize)]
struct Body {
    id: Option<String>,
    finish_reason: Option<String>,
    /// The answer; on an error a text.
    message: Option<byok_types::RawJson>,
    usage: Option<Counts>,
}

pub(super) fn read(body: &[u8]) -> Result<Response, Box<Fault>> {
    let broken = |what: &str| Box::new(Fault::upstream_broken(format!("the upstream's answer {what}")));
    let wire: Body = serde_json::from_slice(body).map_err(|_| broken("is not a Cohere answer"))?;
    let raw = wire.message.ok_or_else(|| broken("has no message"))?;
    if raw.as_str().is_some() {
        return Err(Box::new(fault::read(502, body)));
    }
    let message: Message = raw.read().map_err(|_| broken("has a message that cannot be read"))?;
    let id = wire.id.unwrap_or_default();
    let parts = parts(message, &id);
    let called = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall(_)));
    let reason = stop_reason(wire.finish_reason.as_deref().unwrap_or_default());
    if reason == StopReason::Error && parts.is_empty() {
        return Err(Box::new(Fault::new(502, Blame::Upstream, "the upstream gave up on this answer")));
    }
    let reason = match reason {
        StopReason::EndTurn if called => StopReason::ToolUse,
        StopReason::ToolUse if !called => StopReason::EndTurn,
        other => other,
    };
    Ok(Response {
        id,
        candidates: vec![Candidate { index: 0, parts, stop: Stop::new(reason), logprobs: None }],
        usage: wire.usage.unwrap_or_default().usage(),
        ..Response::default()
    })
}

fn parts(message: Message, id: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let thought = |kind, text| {
        Part::from(PartKind::Reasoning(ReasoningPart { kind, text, token: None, item_id: None }))
    };
    match message.content {
        Some(TextOr::Text(text)) => parts.extend((!text.is_empty()).then(|| Part::text(text))),
        Some(TextOr::List(list)) => parts.extend(list.into_iter().filter_map(|part| {
            match part.r#type.as_deref() {
                Some("thinking") => part
                    .thinking
                    .filter(|text| !text.is_empty())
                    .map(|text| thought(ReasoningKind::Thinking, text)),
                _ => part.text.filter(|text| !text.is_empty()).map(Part::text),
            }
        })),
        None => {}
    }
    if let Some(plan) = message.tool_plan.filter(|plan| !plan.is_empty()) {
        parts.push(thought(ReasoningKind::Plan, plan));
    }
    for (n, call) in message.tool_calls.unwrap_or_default().into_iter().enumerate() {
        let Some((name, arguments)) =
            call.function.and_then(|function| Some((function.name?, function.arguments)))
        else {
            continue;
        };
        let arguments = arguments.filter(|text| !matches!(text.trim(), "" | "null"));
        let given = call.id.filter(|id| !id.is_empty());
        parts.push(
            PartKind::ToolCall(ToolCall {
                generated_id: given.is_none(),
                id: given.unwrap_or_else(|| made_up_id(id, n)),
                name,
                arguments: arguments.unwrap_or_else(|| "{}".to_owned()),
                kind: ToolKind::Function,
                namespace: None,
                item_id: None,
            })
            .into(),
        );
    }
    parts
}

pub(super) fn write(response: &Response, reply: &Reply) -> Vec<u8> {
    let (mut content, mut plan, mut calls) = (Vec::new(), String::new(), Vec::new());
    let first = response.candidates.first();
    let parts = first.map(|candidate| candidate.parts.as_slice()).unwrap_or_default();
    for part in parts {
        match &part.kind {
            PartKind::Text { text, .. } | PartKind::Refusal(text) => {
                content.push(json!({"type": "text", "text": text}));
            }
            PartKind::Reasoning(reasoning) if reasoning.text.is_empty() => {}
            PartKind::Reasoning(reasoning) if reasoning.kind == ReasoningKind::Plan => {
                plan.push_str(&reasoning.text);
            }
            PartKind::Reasoning(reasoning) => {
                content.push(json!({"type": "thinking", "thinking": reasoning.text}));
            }
            PartKind::ToolCall(call) => calls.push(json!({
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            })),
            PartKind::Media(_) | PartKind::Opaque { .. } | PartKind::ToolResult(_) => {}
        }
    }
    let mut message = Map::new();
    message.insert("role".to_owned(), json!("assistant"));
    if !content.is_empty() || calls.is_empty() {
        message.insert("content".to_owned(), Value::Array(content));
    }
    if !plan.is_empty() {
        message.insert("tool_plan".to_owned(), json!(plan));
    }
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    let reason = first.map_or(StopReason::Error, |candidate| candidate.stop.reason);
    let refused = parts.iter().any(|part| matches!(part.kind, PartKind::Refusal(_)));
    let body = json!({
        "id": reply.id.unique,
        "finish_reason": finish_reason(reason, refused),
        "message": message,
        "usage": Counts::of(&response.usage),
    });
    serde_json::to_vec(&body).unwrap_or_default()
}
