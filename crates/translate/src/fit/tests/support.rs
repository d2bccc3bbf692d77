use byok_types::Family;
use byok_types::chat::{
    Candidate, Part, PartKind, Request, Response, Role, Stop, StopReason, Tool, ToolCall, ToolKind,
    ToolResult, ToolType, Turn,
};
use byok_types::model::ModelFacts;
use byok_types::{Dialect, Fault, RawJson};

use crate::facts::model_facts;
use crate::fit::{Fitted, Lossy, Target, Work, fit};

/// A model of each family for tests that do not care.
pub(in crate::fit) fn usual(family: Family) -> &'static str {
    match family {
        Family::Anthropic => "claude-opus-5",
        Family::Cohere => "command-a-03-2025",
        Family::Gemini => "gemini-3-pro",
        Family::OpenaiChat => "gpt-4o",
        Family::OpenaiResponses => "gpt-5",
    }
}

pub(in crate::fit) fn work<'a>(family: Family, facts: &'a ModelFacts, model: &str) -> Work<'a> {
    Work::new(&Target { client: Dialect::OpenaiChat, family, facts, lossy: Lossy::Refuse }, model)
}

pub(in crate::fit) fn try_fit(
    request: &Request,
    family: Family,
    model: &str,
    lossy: Lossy,
) -> Result<Fitted, Box<Fault>> {
    let facts = model_facts(family, model);
    let request = Request { model: model.to_owned(), ..request.clone() };
    fit(request, &Target { client: Dialect::OpenaiChat, family, facts: &facts, lossy })
}

pub(in crate::fit) fn fitted(request: &Request, family: Family, model: &str) -> Fitted {
    try_fit(request, family, model, Lossy::Refuse).unwrap()
}

/// The field that is named when the request is refused.
pub(in crate::fit) fn refused(request: &Request, family: Family, model: &str) -> String {
    let fault = try_fit(request, family, model, Lossy::Refuse).unwrap_err();
    assert_eq!(fault.status, 400);
    fault.param.unwrap()
}

/// What was reported, in one line.
pub(in crate::fit) fn reports(fitted: &Fitted) -> String {
    fitted.dropped.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

pub(in crate::fit) fn user(text: &str) -> Turn {
    Turn::new(Role::User, vec![Part::text(text)])
}

pub(in crate::fit) fn assistant(text: &str) -> Turn {
    Turn::new(Role::Assistant, vec![Part::text(text)])
}

pub(in crate::fit) fn asking(turns: Vec<Turn>) -> Request {
    Request { turns, ..Request::default() }
}

/// A request that says hello.
pub(in crate::fit) fn hello() -> Request {
    asking(vec![user("Hello")])
}

pub(in crate::fit) fn call(id: &str, name: &str) -> Part {
    Part::new(PartKind::ToolCall(ToolCall {
        id: id.to_owned(),
        generated_id: false,
        name: name.to_owned(),
        arguments: "{}".to_owned(),
        kind: ToolKind::Function,
        namespace: None,
        item_id: None,
    }))
}

pub(in crate::fit) fn result(call_id: &str, text: &str) -> Part {
    Part::new(PartKind::ToolResult(ToolResult {
        call_id: call_id.to_owned(),
        name: None,
        parts: vec![Part::text(text)],
        is_error: false,
        kind: ToolKind::Function,
        raw_object: None,
    }))
}

pub(in crate::fit) fn function(name: &str, schema: Option<&str>) -> Tool {
    Tool {
        name: name.to_owned(),
        description: None,
        kind: ToolType::Function { schema: schema.map(json) },
        strict: None,
        namespace: None,
        cache: None,
        defer: None,
    }
}

pub(in crate::fit) fn json(text: &str) -> RawJson {
    RawJson::parse(text).unwrap()
}

/// A conversation in a few words: `U:text`, `A:text`, `S:text`, `C:id(name)`, `R:id=text`, `T:thoughts`.
pub(in crate::fit) fn outline(turns: &[Turn]) -> Vec<String> {
    turns
        .iter()
        .map(|turn| {
            let role = match turn.role {
                Role::Assistant => "A",
                Role::System => "S",
                Role::User => "U",
            };
            let parts: Vec<String> = turn.parts.iter().map(part_outline).collect();
            format!("{role}[{}]", parts.join(" | "))
        })
        .collect()
}

fn part_outline(part: &Part) -> String {
    match &part.kind {
        PartKind::Text { text, .. } => text.clone(),
        PartKind::ToolCall(call) => format!("call {} {}", call.id, call.name),
        PartKind::ToolResult(result) => {
            let parts: Vec<String> = result.parts.iter().map(part_outline).collect();
            format!("result {} {}", result.call_id, parts.join("+"))
        }
        PartKind::Reasoning(reasoning) => format!("thinks {}", reasoning.text),
        PartKind::Refusal(text) => format!("refuses {text}"),
        PartKind::Media(media) => format!("{:?}", media.kind).to_lowercase(),
        PartKind::Opaque { family, .. } => format!("opaque {family}"),
    }
}

/// An answer of these parts.
pub(in crate::fit) fn answer(parts: Vec<Part>) -> Response {
    let calls = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall(_)));
    let reason = if calls { StopReason::ToolUse } else { StopReason::EndTurn };
    Response {
        id: "1".to_owned(),
        model: "m".to_owned(),
        candidates: vec![Candidate { index: 0, parts, stop: Stop::new(reason), logprobs: None }],
        ..Response::default()
    }
}
