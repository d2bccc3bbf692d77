//! The tools on offer: what the target has no kind for becomes a function, is left out or is refused.
//!
//! Names are not touched here ([`super::names`]), nor is the choice among the tools ([`super::choice`]).

mod typed;

use std::collections::HashSet;

use byok_types::chat::{CustomGrammar, Request, Tool, ToolChoice, ToolType};
use byok_types::{Family, Fault, RawJson};
use serde_json::json;

use super::schema::{self, Rules, Shaped};
use super::{ClientName, Work, hosted};

pub(super) fn apply(request: &mut Request, work: &mut Work<'_>) -> Result<(), Box<Fault>> {
    let offered = std::mem::take(&mut request.tools);
    let mut seen = HashSet::new();
    let mut left_out: Vec<LeftOut> = Vec::new();
    let has_functions = offered.iter().any(|tool| !matches!(tool.kind, ToolType::Hosted { .. }));
    for (index, tool) in offered.into_iter().enumerate() {
        let key = key_of(&tool, work.family);
        if seen.contains(&key) {
            work.ledger.report(format!("tools[{index}]"), "duplicate_dropped");
            continue;
        }
        let forced = matches!(&request.tool_choice, Some(ToolChoice::One { name }) if *name == tool.name);
        let name = tool.name.clone();
        match fit_tool(tool, index, has_functions, work) {
            Some(tool) => {
                if forced && tool.name != name {
                    request.tool_choice = Some(ToolChoice::One { name: tool.name.clone() });
                }
                request.tools.push(tool);
                seen.insert(key);
            }
            None => left_out.push(LeftOut { index, name, forced }),
        }
    }
    all_strict_or_none(&mut request.tools, work);
    let alone = request.tools.is_empty();
    for LeftOut { index, name, forced } in left_out {
        if forced || alone {
            let message =
                format!("{} has no tool like this one, and nothing can stand in for it", work.who());
            work.ledger.refuse(&format!("tools[{index}]"), message)?;
            if forced {
                request.tool_choice = None;
            }
        } else {
            work.ledger.drop(format!("tools[{index}]"));
        }
        if let Some(ToolChoice::Subset { names, .. }) = &mut request.tool_choice {
            names.retain(|listed| *listed != name);
        }
    }
    Ok(())
}

/// What two tools may not have in common: the name, and for those that a vendor runs the type, under which
/// they are known.
fn key_of(tool: &Tool, family: Family) -> (Option<String>, String) {
    match &tool.kind {
        ToolType::Hosted { family, r#type, .. } if hosted::is_search(*family, r#type) => {
            (Some("hosted".to_owned()), "web_search".to_owned())
        }
        ToolType::Hosted { r#type, .. } => (Some("hosted".to_owned()), r#type.clone()),
        ToolType::ClientTyped { family: own, r#type, .. } if *own == family => {
            (Some("typed".to_owned()), r#type.clone())
        }
        ToolType::ClientTyped { .. } | ToolType::Custom { .. } | ToolType::Function { .. } => {
            (tool.namespace.as_ref().map(|namespace| format!("namespace {namespace}")), tool.name.clone())
        }
    }
}

/// A tool that the target has no word for.
struct LeftOut {
    index: usize,
    name: String,
    forced: bool,
}

fn fit_tool(mut tool: Tool, index: usize, has_functions: bool, work: &mut Work<'_>) -> Option<Tool> {
    // Tools that are loaded later need a vendor's own search tool.
    tool.defer = None;
    match tool.kind {
        ToolType::Hosted { family, ref r#type, ref raw } => {
            if hosted::clashes(family, r#type, has_functions, work) {
                return None;
            }
            if family == work.family {
                return Some(tool);
            }
            let (kind, name) = hosted::translate(family, r#type, raw, index, work)?;
            Some(Tool { name, kind, strict: None, namespace: None, ..tool })
        }
        ToolType::ClientTyped { family, .. } if family == work.family => Some(tool),
        ToolType::ClientTyped { family, ref r#type, .. } => {
            let (description, schema) = typed::known(family, r#type)?;
            takes_json(&tool, work);
            let description = tool.description.or_else(|| Some(description.to_owned()));
            Some(Tool {
                description,
                kind: ToolType::Function { schema: Some(schema) },
                strict: None,
                ..tool
            })
        }
        ToolType::Custom { .. } if work.takes_free_text() => Some(tool),
        ToolType::Custom { ref mut grammar } => {
            let grammar = grammar.take();
            Some(wrap(tool, grammar, index, work))
        }
        ToolType::Function { schema: None } => {
            takes_json(&tool, work);
            tool.strict = fit_strict_flag(tool.strict, None, index, work);
            Some(tool)
        }
        ToolType::Function { schema: Some(ref raw) } => {
            takes_json(&tool, work);
            let (schema, strict) = function_schema(raw, tool.strict, index, work);
            Some(Tool { kind: ToolType::Function { schema }, strict, ..tool })
        }
    }
}

/// A call in the history may have taken the tool for a free-text one.
fn takes_json(tool: &Tool, work: &mut Work<'_>) {
    work.free_text.remove(&ClientName::new(tool.namespace.as_ref(), &tool.name));
}

/// A free-text tool as a function with one text argument; [`super::Restore`] takes the text out again.
fn wrap(tool: Tool, grammar: Option<CustomGrammar>, index: usize, work: &mut Work<'_>) -> Tool {
    work.free_text.insert(ClientName::new(tool.namespace.as_ref(), &tool.name));
    let mut description = tool.description.unwrap_or_default();
    let mut add = |text: &str| {
        if !description.is_empty() {
            description.push_str("\n\n");
        }
        description.push_str(text);
    };
    add("Give the whole input of this tool as the text `input`, without any further wrapping.");
    if let Some(CustomGrammar { syntax, definition }) = grammar {
        work.ledger.report(format!("tools[{index}].custom"), "wrapped");
        add(&format!("The input must follow this {syntax} grammar:\n{definition}"));
    }
    let schema = RawJson::from_value(&json!({
        "type": "object",
        "properties": { "input": { "type": "string", "description": "The input of the tool, as plain text." } },
        "required": ["input"],
        "additionalProperties": false,
    }));
    let kind = ToolType::Function { schema: Some(schema) };
    Tool { description: Some(description), kind, strict: None, ..tool }
}

fn function_schema(
    raw: &RawJson,
    strict: Option<bool>,
    index: usize,
    work: &mut Work<'_>,
) -> (Option<RawJson>, Option<bool>) {
    let asked = strict == Some(true);
    let rules = match work.family {
        Family::Anthropic if asked && work.facts.structured_output => Rules::AnthropicStrict,
        Family::Cohere if asked => Rules::Cohere,
        Family::Anthropic | Family::Cohere => Rules::Plain,
        Family::Gemini => Rules::Gemini,
        Family::OpenaiChat | Family::OpenaiResponses => Rules::Openai,
    };
    let Shaped { schema, simplified } = schema::for_function(raw, rules);
    let strict = fit_strict_flag(strict, schema.as_ref(), index, work);
    if simplified && asked && strict == Some(true) {
        work.ledger.report(format!("tools[{index}].strict"), "simplified");
    }
    (schema, strict)
}

/// Whether the target can keep to the schema exactly. Never switched on where the client did not ask.
fn fit_strict_flag(
    strict: Option<bool>,
    schema: Option<&RawJson>,
    index: usize,
    work: &mut Work<'_>,
) -> Option<bool> {
    let possible = match work.family {
        Family::Anthropic => work.facts.structured_output,
        Family::Cohere | Family::Gemini => true,
        // Compatible servers may not know the field at all.
        Family::OpenaiChat if work.openai.is_none() => {
            if strict == Some(true) {
                work.ledger.report(format!("tools[{index}].strict"), "dropped");
            }
            return None;
        }
        Family::OpenaiChat | Family::OpenaiResponses => schema.is_some_and(schema::passes_openai_strict),
    };
    if strict == Some(true) && !possible {
        work.ledger.report(format!("tools[{index}].strict"), "false");
        return Some(false);
    }
    strict
}

/// Cohere has one switch for all tools, and wants a required argument of each.
fn all_strict_or_none(tools: &mut [Tool], work: &mut Work<'_>) {
    if work.family != Family::Cohere || !tools.iter().any(|tool| tool.strict == Some(true)) {
        return;
    }
    let requires_something = |tool: &Tool| match &tool.kind {
        ToolType::Function { schema: Some(schema) } => schema
            .to_value()
            .get("required")
            .and_then(|names| names.as_array())
            .is_some_and(|n| !n.is_empty()),
        _ => false,
    };
    if tools.iter().all(|tool| tool.strict == Some(true) && requires_something(tool)) {
        return;
    }
    work.ledger.report("tools.strict", "false");
    for tool in tools {
        tool.strict = tool.strict.map(|_| false);
    }
}

#[cfg(test)]
mod tests;
