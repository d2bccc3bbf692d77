//! The form of the answer (wire-format facts, 6.8): kept where the target has a field for it; else a
//! tool whose arguments are the answer, or an instruction.

use byok_types::chat::{
    Modality, OutputFormat, PartKind, ReasoningMode, Request, Role, SystemText, Tool, ToolChoice, ToolType,
    Turn,
};
use byok_types::model::ForcedTools;
use byok_types::{Family, Fault, RawJson};

use super::ledger::Ledger;
use super::schema::{self, Rules, Shaped};
use super::{Work, digest, names};
use crate::facts::Openai;

pub(super) fn apply(request: &mut Request, work: &mut Work<'_>) -> Result<(), Box<Fault>> {
    verbosity(request, work);
    let wanted = match std::mem::take(&mut request.output) {
        // `true` and `null` are schemas too: any JSON will do.
        OutputFormat::JsonSchema { schema, .. } if !schema.to_value().is_object() => OutputFormat::JsonObject,
        wanted => wanted,
    };
    match wanted {
        OutputFormat::Text => {}
        OutputFormat::JsonObject if work.family == Family::Anthropic => {
            instruct(request, JSON_OBJECT.to_owned(), &mut work.ledger);
        }
        OutputFormat::JsonObject => {
            if together(request, work)? {
                say_json(request, work.family);
                request.output = OutputFormat::JsonObject;
            }
        }
        OutputFormat::JsonSchema { schema, .. } if !work.facts.structured_output => {
            let followed = schema::is_object_schema(&schema) && can_force(request, work);
            if !(followed && answer_by_tool(request, &schema, work)) {
                instruct(request, format!("{JSON_SCHEMA}\n{}", schema.get()), &mut work.ledger);
            }
        }
        OutputFormat::JsonSchema { name, description, schema, strict } => {
            if together(request, work)? {
                request.output = Wanted { name, description, schema, strict }.fit(work);
            }
        }
    }
    Ok(())
}

/// Kinds of output other than text, which few targets have.
pub(super) fn modalities(request: &mut Request, work: &mut Work<'_>) -> Result<(), Box<Fault>> {
    let mut kept = Vec::new();
    for modality in std::mem::take(&mut request.modalities) {
        let (taken, sort) = match modality {
            Modality::Text => (true, "text"),
            Modality::Audio => (work.family == Family::Gemini, "audio"),
            // Some servers behind Chat Completions have models that draw.
            Modality::Image => {
                let draws = work.family == Family::OpenaiChat && work.openai.is_none();
                (draws || work.family == Family::Gemini, "image")
            }
        };
        if !taken {
            work.ledger.refuse("modalities", format!("{} gives no {sort} output", work.who()))?;
        } else if !kept.contains(&modality) {
            kept.push(modality);
        }
    }
    if kept != [Modality::Text] {
        request.modalities = kept;
    }
    Ok(())
}

/// Only OpenAI's newer models know how wordy to be; elsewhere it is a hint that goes in silence.
fn verbosity(request: &mut Request, work: &Work<'_>) {
    if !(work.is_openai_format() && work.openai.is_some_and(Openai::since_gpt_5)) {
        request.verbosity = None;
    }
}

/// Whether the format may stand beside the request's tools. `false`: it is left out.
fn together(request: &Request, work: &mut Work<'_>) -> Result<bool, Box<Fault>> {
    if work.facts.structured_with_tools || request.tools.is_empty() {
        return Ok(true);
    }
    let message = "this model takes either tools or a response format, not both";
    work.ledger.refuse("response_format", message)?;
    Ok(false)
}

/// A schema for the whole answer.
struct Wanted {
    name: Option<String>,
    description: Option<String>,
    schema: RawJson,
    strict: Option<bool>,
}

impl Wanted {
    fn fit(self, work: &mut Work<'_>) -> OutputFormat {
        let Self { name, description, schema, mut strict } = self;
        let rules = match work.family {
            Family::Anthropic => Rules::AnthropicStrict,
            Family::Cohere => Rules::Cohere,
            Family::Gemini => Rules::Gemini,
            Family::OpenaiChat | Family::OpenaiResponses => Rules::Plain,
        };
        let Shaped { schema: shaped, simplified } = schema::for_output(&schema, rules);
        let schema = shaped.unwrap_or(schema);
        if simplified && strict == Some(true) {
            work.ledger.report("response_format.strict", "simplified");
        }
        if work.is_openai_format() && strict == Some(true) && !schema::passes_openai_strict(&schema) {
            work.ledger.report("response_format.strict", "false");
            strict = Some(false);
        }
        OutputFormat::JsonSchema { name: Some(format_name(name)), description, schema, strict }
    }
}

/// OpenAI wants a name of the same sort as tools have.
fn format_name(name: Option<String>) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match name {
        Some(name) if !name.is_empty() && name.len() <= 64 && name.chars().all(allowed) => name,
        Some(name) if !name.is_empty() => digest::repaired(&name, &name, 64, allowed),
        _ => "response".to_owned(),
    }
}

/// Whether the model may be made to call the tool that takes the answer.
fn can_force(request: &Request, work: &Work<'_>) -> bool {
    match work.facts.forced_tools {
        ForcedTools::Yes => true,
        ForcedTools::No => false,
        ForcedTools::UnlessManualThinking => !matches!(request.reasoning.mode, ReasoningMode::Budget(_)),
    }
}

/// Adds a tool whose arguments are the answer. `false`: the schema cannot be one of arguments.
fn answer_by_tool(request: &mut Request, schema: &RawJson, work: &mut Work<'_>) -> bool {
    let wanted = match &request.tool_choice {
        // This answer is to be a call of the client's own tools.
        Some(ToolChoice::One { .. } | ToolChoice::Required | ToolChoice::Subset { required: true, .. }) => {
            if !request.tools.is_empty() {
                work.ledger.drop("response_format");
            }
            return !request.tools.is_empty();
        }
        Some(ToolChoice::None) => Wish::Answer,
        Some(ToolChoice::Subset { names, required: false }) => Wish::Among(names.clone()),
        Some(ToolChoice::Auto) | None if request.tools.is_empty() => Wish::Answer,
        Some(ToolChoice::Auto) | None => Wish::Any,
    };
    let rules = if work.family == Family::Gemini { Rules::Gemini } else { Rules::Openai };
    let Shaped { schema: Some(schema), .. } = schema::for_function(schema, rules) else { return false };
    let name = names::one_more(request, work.family, "json_output");
    work.restore.answer_by(name.clone());
    request.tool_choice = Some(match wanted {
        Wish::Answer => ToolChoice::One { name: name.clone() },
        Wish::Any => ToolChoice::Required,
        Wish::Among(mut names) => {
            names.push(name.clone());
            ToolChoice::Subset { names, required: true }
        }
    });
    request.tools.push(Tool {
        name,
        description: Some("Gives the final answer to the user.".to_owned()),
        kind: ToolType::Function { schema: Some(schema) },
        strict: None,
        namespace: None,
        cache: None,
        defer: None,
    });
    true
}

/// What may be called beside the tool that takes the answer.
enum Wish {
    Among(Vec<String>),
    Answer,
    Any,
}

/// Asks for the form in words.
fn instruct(request: &mut Request, text: String, ledger: &mut Ledger) {
    ledger.report("response_format", "instruction");
    request.system.push(SystemText { text, cache: None });
}

/// JSON mode is refused unless the prompt speaks of JSON. OpenAI's Responses do not count their
/// instructions, so there it is said inside the conversation.
fn say_json(request: &mut Request, family: Family) {
    let inside = family == Family::OpenaiResponses;
    if family == Family::Gemini {
        return;
    }
    let speaks = |text: &str| text.as_bytes().windows(4).any(|word| word.eq_ignore_ascii_case(b"json"));
    let in_turns = request.turns.iter().flat_map(|turn| &turn.parts).any(|part| match &part.kind {
        PartKind::Text { text, .. } => speaks(text),
        _ => false,
    });
    let in_system = !inside && request.system.iter().any(|system| speaks(&system.text));
    if in_turns || in_system {
        return;
    }
    if inside {
        let part = byok_types::chat::Part::text(JSON_OBJECT);
        request.turns.insert(0, Turn::new(Role::System, vec![part]));
    } else {
        request.system.push(SystemText { text: JSON_OBJECT.to_owned(), cache: None });
    }
}

const JSON_OBJECT: &str =
    "Answer with a single JSON object and nothing else: no explanation, no Markdown code fence.";
const JSON_SCHEMA: &str = "Answer with a single JSON value that follows this JSON Schema and nothing else: \
                           no explanation, no Markdown code fence.";

#[cfg(test)]
mod tests;
