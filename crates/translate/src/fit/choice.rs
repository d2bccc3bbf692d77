//! Whether a tool must be used, and how many at once (wire-format facts, 6.4).

use byok_types::chat::{PartKind, ReasoningMode, Request, Tool, ToolChoice, ToolType};
use byok_types::model::ForcedTools;
use byok_types::{Family, Fault};

use super::Work;
use super::ledger::Ledger;
use crate::facts::Openai;

pub(super) fn apply(request: &mut Request, work: &mut Work<'_>) -> Result<(), Box<Fault>> {
    declare_history(request, work);
    parallel(request, work);
    if let Some(choice) = request.tool_choice.take() {
        let choice = known_names(choice, &request.tools, &mut work.ledger)?;
        request.tool_choice = choice.map(|choice| narrow(choice, request, work));
    }
    if !request.tools.iter().any(|tool| can_be_chosen(tool, work.family)) {
        if request.tool_choice.take().is_some_and(|choice| is_forced(&choice)) {
            work.ledger.drop("tool_choice");
        }
        request.parallel_tools = None;
    }
    if let Some(choice) = request.tool_choice.as_ref().filter(|choice| is_forced(choice)) {
        let refused = match work.facts.forced_tools {
            ForcedTools::Yes => false,
            ForcedTools::No => true,
            ForcedTools::UnlessManualThinking => matches!(request.reasoning.mode, ReasoningMode::Budget(_)),
        };
        if refused || !can_force(choice, &request.tools, work.family) {
            work.ledger.report("tool_choice", "auto");
            request.tool_choice = Some(ToolChoice::Auto);
        }
    }
    Ok(())
}

/// Anthropic wants tools declared where the history has calls, even if none may be called now. Nothing is
/// lost by it, so nothing is reported.
fn declare_history(request: &mut Request, work: &Work<'_>) {
    if work.family != Family::Anthropic || !request.tools.is_empty() {
        return;
    }
    let mut names: Vec<&str> = Vec::new();
    for part in request.turns.iter().flat_map(|turn| &turn.parts) {
        if let PartKind::ToolCall(call) = &part.kind
            && !names.contains(&call.name.as_str())
        {
            names.push(&call.name);
        }
    }
    if names.is_empty() {
        return;
    }
    request.tools = names
        .into_iter()
        .map(|name| Tool {
            name: name.to_owned(),
            description: None,
            kind: ToolType::Function { schema: None },
            strict: None,
            namespace: None,
            cache: None,
            defer: None,
        })
        .collect();
    request.tool_choice = Some(ToolChoice::None);
}

/// Gemini and Cohere cannot be asked for one call at a time; the answer is cut to its first call instead.
fn parallel(request: &mut Request, work: &mut Work<'_>) {
    if !matches!(work.family, Family::Gemini | Family::Cohere) {
        return;
    }
    if request.parallel_tools.take() == Some(false) && !request.tools.is_empty() {
        work.ledger.report("parallel_tool_calls", "first_call_only");
        work.restore.first_call_only();
    }
}

/// Whether the target's field for the choice can speak of this tool.
fn can_be_chosen(tool: &Tool, family: Family) -> bool {
    match (&tool.kind, family) {
        (ToolType::Hosted { .. }, Family::OpenaiChat | Family::Gemini | Family::Cohere) => false,
        (
            ToolType::ClientTyped { .. }
            | ToolType::Custom { .. }
            | ToolType::Function { .. }
            | ToolType::Hosted { .. },
            _,
        ) => true,
    }
}

fn can_force(choice: &ToolChoice, tools: &[Tool], family: Family) -> bool {
    match choice {
        ToolChoice::One { name } => {
            tools.iter().any(|tool| tool.name == *name && can_be_chosen(tool, family))
        }
        ToolChoice::Auto | ToolChoice::None | ToolChoice::Required | ToolChoice::Subset { .. } => true,
    }
}

fn is_forced(choice: &ToolChoice) -> bool {
    match choice {
        ToolChoice::Auto | ToolChoice::None => false,
        ToolChoice::One { .. } | ToolChoice::Required => true,
        ToolChoice::Subset { required, .. } => *required,
    }
}

/// A choice of tools that are there.
fn known_names(
    choice: ToolChoice,
    tools: &[Tool],
    ledger: &mut Ledger,
) -> Result<Option<ToolChoice>, Box<Fault>> {
    let is_there = |name: &String| tools.iter().any(|tool| tool.name == *name);
    let missing = "it names a tool that is not among `tools`";
    Ok(Some(match choice {
        // Without any tools there is nothing to choose from, and nothing to refuse.
        choice if tools.is_empty() => choice,
        ToolChoice::One { name } if !is_there(&name) => {
            ledger.refuse("tool_choice", missing)?;
            return Ok(None);
        }
        ToolChoice::Subset { mut names, required } => {
            names.retain(is_there);
            match (names.is_empty(), required) {
                (true, true) => {
                    ledger.refuse("tool_choice", missing)?;
                    return Ok(None);
                }
                (true, false) => ToolChoice::None,
                (false, required) => ToolChoice::Subset { names, required },
            }
        }
        choice => choice,
    }))
}

/// Where the target cannot name some of the tools, it gets only these.
fn narrow(choice: ToolChoice, request: &mut Request, work: &Work<'_>) -> ToolChoice {
    match (choice, work.family) {
        (ToolChoice::One { name }, Family::Cohere) => {
            request.tools.retain(|tool| tool.name == name);
            ToolChoice::Required
        }
        (ToolChoice::Subset { names, required }, family) if !names_subsets(family, work.openai) => {
            request.tools.retain(|tool| names.contains(&tool.name));
            if required { ToolChoice::Required } else { ToolChoice::Auto }
        }
        (choice, _) => choice,
    }
}

fn names_subsets(family: Family, openai: Option<Openai>) -> bool {
    match family {
        Family::Anthropic | Family::Cohere => false,
        Family::Gemini | Family::OpenaiResponses => true,
        Family::OpenaiChat => openai.is_some_and(Openai::since_gpt_5),
    }
}

#[cfg(test)]
mod tests;
