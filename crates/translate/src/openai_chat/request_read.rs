//! A client's request into the canonical model. Messages are read in [`super::message_read`].

use byok_types::RawJson;
use byok_types::chat::{
    CustomGrammar, Effort, Ext, Identity, Limits, Modality, OutputFormat, Reasoning, ReasoningMode, Request,
    Sampling, ServerState, Show, StreamWish, Tool, ToolChoice, ToolType, Verbosity, Weight,
};

use super::wire::{self, Body, Choose, Maybe, Named, Pick};
use super::{FAMILY, message_read};
use crate::format::{PathWish, ReadError};
use crate::wire::TextOr;

/// The extension that remembers that the client spoke the legacy `functions`, and must be answered so.
pub(super) const LEGACY_MARK: &str = "functions";

/// Fields that gateways and local servers add and whose loss nobody notices. Every other unknown field
/// is reported when it is left out.
const HINTS: [&str; 15] = [
    "chat_template_kwargs",
    "extra_body",
    "extra_headers",
    "litellm_params",
    "models",
    "prompt_cache_options",
    "prompt_cache_retention",
    "provider",
    "reasoning_format",
    "route",
    "session_id",
    "stream_usage",
    "transforms",
    "trace",
    "usage",
];

/// Turns a parsed body into a request.
pub(crate) fn read_body(mut body: Body<'_>, path: PathWish<'_>) -> Result<Request, ReadError> {
    let missing = |field: &str| ReadError::field(field, "is required");
    let model = body.model.take().or_else(|| path.model.map(str::to_owned));
    let model = model.filter(|model| !model.is_empty()).ok_or_else(|| missing("model"))?;
    let messages = body.messages.take().ok_or_else(|| missing("messages"))?;
    if messages.is_empty() {
        return Err(ReadError::field("messages", "must hold at least one message"));
    }
    let (system, turns) = message_read::read(messages)?;
    let tools = read_tools(&mut body)?;
    let tool_choice = if tools.is_empty() { None } else { read_choice(&body)? };
    Ok(Request {
        model,
        system,
        turns,
        tool_choice,
        parallel_tools: body.parallel_tool_calls.filter(|_| !tools.is_empty()),
        tools,
        sampling: read_sampling(&mut body),
        limits: Limits {
            max_output: body.max_completion_tokens.0.or(body.max_tokens.0),
            max_tool_calls: None,
        },
        reasoning: read_reasoning(&body)?,
        output: read_format(&mut body)?,
        verbosity: body.verbosity.as_deref().map(read_verbosity).transpose()?,
        modalities: read_modalities(&body)?,
        stream: StreamWish {
            on: body.stream.unwrap_or(false) || path.stream,
            include_usage: body.stream_options.as_ref().and_then(|options| options.include_usage)
                == Some(true),
            json_array: false,
        },
        candidates: read_count(body.n)?,
        cache: body.cache_control.mark(),
        identity: Identity {
            user: body.user.take(),
            safety_id: body.safety_identifier.take(),
            cache_key: body.prompt_cache_key.take(),
            metadata: body.metadata.take(),
            tier: body.service_tier.take(),
        },
        server_state: ServerState { store: body.store, ..ServerState::default() },
        ext: read_ext(body),
    })
}

fn read_count(n: Option<u32>) -> Result<Option<u32>, ReadError> {
    match n {
        Some(0) => Err(ReadError::field("n", "must be at least 1")),
        n => Ok(n.filter(|&n| n > 1)),
    }
}

fn read_sampling(body: &mut Body<'_>) -> Sampling {
    let stop = match body.stop.take() {
        Some(TextOr::Text(stop)) => vec![stop],
        Some(TextOr::List(stops)) => stops,
        None => Vec::new(),
    };
    Sampling {
        temperature: body.temperature,
        top_p: body.top_p,
        // Local servers mean "off" by anything below one.
        top_k: body.top_k.and_then(|top_k| u64::try_from(top_k).ok()).filter(|&top_k| top_k > 0),
        min_p: body.min_p,
        frequency_penalty: body.frequency_penalty,
        presence_penalty: body.presence_penalty,
        seed: body.seed,
        logit_bias: body.logit_bias.take().filter(|bias| bias.get() != "{}"),
        logprobs: body.logprobs,
        top_logprobs: body.top_logprobs,
        stop: stop.into_iter().filter(|stop| !stop.is_empty()).collect(),
    }
}

/// Puts together what four dialects of asking for thoughts say. The effort comes from whoever names one;
/// a budget is more exact than an effort; switching off wins.
fn read_reasoning(body: &Body<'_>) -> Result<Reasoning, ReadError> {
    let mut reasoning = Reasoning::default();
    if let Some(effort) = &body.reasoning_effort {
        read_effort(effort, "reasoning_effort", &mut reasoning)?;
    }
    reasoning.show = match body.include_reasoning {
        Some(true) => Show::Full,
        Some(false) => Show::None,
        None => Show::Unset,
    };
    if let Some(wish) = &body.reasoning {
        reasoning.show = if wish.exclude == Some(true) { Show::None } else { Show::Full };
        reasoning.summary.clone_from(&wish.summary.0);
        if let Some(effort) = &wish.effort {
            read_effort(effort, "reasoning.effort", &mut reasoning)?;
        }
        match (wish.enabled, wish.max_tokens.0) {
            (Some(false), _) => reasoning.mode = ReasoningMode::Off,
            (_, Some(budget)) => reasoning.mode = budget_mode(budget),
            (Some(true), None) if reasoning.mode == ReasoningMode::Unset => {
                reasoning.mode = ReasoningMode::Adaptive;
            }
            _ => {}
        }
    }
    if let Some(wish) = &body.thinking {
        match (wish.r#type.as_deref(), wish.budget_tokens.0) {
            (Some("disabled"), _) => reasoning.mode = ReasoningMode::Off,
            (Some("between_tools"), _) => reasoning.mode = ReasoningMode::BetweenTools,
            (Some("enabled" | "auto" | "adaptive") | None, budget) => {
                if let Some(budget) = budget {
                    reasoning.mode = budget_mode(budget);
                } else if reasoning.mode == ReasoningMode::Unset {
                    reasoning.mode = ReasoningMode::Adaptive;
                }
            }
            (Some(_), _) => {
                return Err(ReadError::field("thinking.type", "must be enabled, adaptive or disabled"));
            }
        }
    }
    match (body.enable_thinking, body.thinking_budget.0) {
        (Some(false), _) => reasoning.mode = ReasoningMode::Off,
        (_, Some(budget)) => reasoning.mode = budget_mode(budget),
        (Some(true), None) if reasoning.mode == ReasoningMode::Unset => {
            reasoning.mode = ReasoningMode::Adaptive;
        }
        _ => {}
    }
    // The format has no word for showing thoughts: who asks for them reads what comes.
    let asked = !matches!(reasoning.mode, ReasoningMode::Off | ReasoningMode::Unset);
    if asked && reasoning.show == Show::Unset {
        reasoning.show = Show::Full;
    }
    Ok(reasoning)
}

fn budget_mode(budget: u64) -> ReasoningMode {
    if budget == 0 { ReasoningMode::Off } else { ReasoningMode::Budget(budget) }
}

fn read_effort(effort: &str, field: &str, reasoning: &mut Reasoning) -> Result<(), ReadError> {
    match Effort::parse(effort) {
        Some(Effort::None) => reasoning.mode = ReasoningMode::Off,
        Some(effort) => {
            reasoning.mode = ReasoningMode::Effort;
            reasoning.effort = Some(effort);
        }
        // Groq and gateways have a word for saying nothing.
        None if matches!(effort, "" | "auto" | "default") => {}
        None => {
            let reason = "must be one of none, minimal, low, medium, high, xhigh, max";
            return Err(ReadError::field(field, reason));
        }
    }
    Ok(())
}

fn read_format(body: &mut Body<'_>) -> Result<OutputFormat, ReadError> {
    let Some(format) = body.response_format.take() else { return Ok(OutputFormat::Text) };
    match format.r#type.as_deref() {
        Some("text") | None => Ok(OutputFormat::Text),
        Some("json_object") => Ok(OutputFormat::JsonObject),
        Some("json_schema") => {
            let missing = |field: &str| ReadError::field(field, "is required");
            let wanted = format.json_schema.ok_or_else(|| missing("response_format.json_schema"))?;
            let schema = wanted.schema.ok_or_else(|| missing("response_format.json_schema.schema"))?;
            Ok(OutputFormat::JsonSchema {
                name: wanted.name,
                description: wanted.description,
                schema,
                strict: wanted.strict,
            })
        }
        Some(_) => {
            Err(ReadError::field("response_format.type", "must be one of text, json_object, json_schema"))
        }
    }
}

fn read_verbosity(text: &str) -> Result<Verbosity, ReadError> {
    match text {
        "low" => Ok(Verbosity::Low),
        "medium" => Ok(Verbosity::Medium),
        "high" => Ok(Verbosity::High),
        _ => Err(ReadError::field("verbosity", "must be one of low, medium, high")),
    }
}

fn read_modalities(body: &Body<'_>) -> Result<Vec<Modality>, ReadError> {
    let mut modalities = Vec::new();
    for (name, index) in body.modalities.iter().flatten().zip(0..) {
        modalities.push(match name.as_str() {
            "audio" => Modality::Audio,
            "image" => Modality::Image,
            "text" => Modality::Text,
            _ => {
                return Err(ReadError::field(
                    format!("modalities[{index}]"),
                    "must be one of text, audio, image",
                ));
            }
        });
    }
    // Text alone is what everyone gets who does not ask.
    if modalities.iter().all(|&modality| modality == Modality::Text) {
        modalities.clear();
    }
    Ok(modalities)
}

fn read_tools(body: &mut Body<'_>) -> Result<Vec<Tool>, ReadError> {
    let mut tools = Vec::new();
    for (raw, index) in body.tools.take().into_iter().flatten().zip(0..) {
        tools.push(read_tool(&raw, &format!("tools[{index}]"))?);
    }
    for (function, index) in body.functions.take().into_iter().flatten().zip(0..) {
        body.rest.push((LEGACY_MARK.to_owned(), RawJson::from_value(&true.into())));
        tools.push(function_tool(function, &format!("functions[{index}]"))?);
    }
    if let Some(raw) = body.web_search_options.take() {
        tools.push(hosted("web_search", "web_search_options", raw));
    }
    Ok(tools)
}

fn read_tool(raw: &RawJson, field: &str) -> Result<Tool, ReadError> {
    let tool: wire::Tool = message_read::parse(raw.get(), field)?;
    let cache = tool.cache_mark();
    match (tool.r#type.as_deref(), tool.function, tool.custom) {
        (Some("function") | None, Some(function), _) => {
            let read = function_tool(function, &format!("{field}.function"))?;
            Ok(Tool { cache: read.cache.clone().or(cache), ..read })
        }
        (Some("custom"), _, Some(custom)) => {
            let name = required_name(custom.name, &format!("{field}.custom"))?;
            let grammar = custom.format.and_then(|format| format.grammar);
            let grammar = grammar.map(|grammar| CustomGrammar {
                syntax: grammar.syntax.unwrap_or_default(),
                definition: grammar.definition.unwrap_or_default(),
            });
            let kind = ToolType::Custom { grammar };
            Ok(Tool { description: custom.description, cache, ..plain_tool(name, kind) })
        }
        // The Responses and Anthropic ways of declaring a function, which some Chat clients mix in.
        (Some("function" | "custom") | None, ..) => {
            let function = wire::FunctionTool {
                cache_control: Maybe(None),
                description: tool.description.0,
                input_schema: tool.input_schema,
                name: tool.name.0,
                parameters: tool.parameters,
                strict: tool.strict.0,
            };
            Ok(Tool { cache, ..function_tool(function, field)? })
        }
        (Some(r#type), ..) => {
            let name = tool.name.text().unwrap_or(r#type).to_owned();
            Ok(Tool { cache, ..hosted(&name, r#type, raw.clone()) })
        }
    }
}

fn function_tool(function: wire::FunctionTool, field: &str) -> Result<Tool, ReadError> {
    let name = required_name(function.name, field)?;
    let cache = function.cache_control.mark();
    let schema = function.parameters.or(function.input_schema);
    let tool = plain_tool(name, ToolType::Function { schema });
    Ok(Tool { description: function.description, strict: function.strict, cache, ..tool })
}

fn required_name(name: Option<String>, field: &str) -> Result<String, ReadError> {
    let name = name.filter(|name| !name.is_empty());
    name.ok_or_else(|| ReadError::field(format!("{field}.name"), "is required"))
}

fn plain_tool(name: String, kind: ToolType) -> Tool {
    Tool { name, description: None, kind, strict: None, namespace: None, cache: None, defer: None }
}

fn hosted(name: &str, r#type: &str, raw: RawJson) -> Tool {
    plain_tool(name.to_owned(), ToolType::Hosted { family: FAMILY, r#type: r#type.to_owned(), raw })
}

fn read_choice(body: &Body<'_>) -> Result<Option<ToolChoice>, ReadError> {
    let (raw, field) = match (&body.tool_choice, &body.function_call) {
        (Some(raw), _) => (raw, "tool_choice"),
        (None, Some(raw)) => (raw, "function_call"),
        (None, None) => return Ok(None),
    };
    let wrong = || ReadError::field(field, "must be none, auto, required, or an object that names a tool");
    if let Some(word) = raw.as_str() {
        return simple_choice(&word).map(Some).ok_or_else(wrong);
    }
    let choice: Choose = raw.read().map_err(|_error| wrong())?;
    let name = name_of(&choice.name, &choice.function, &choice.custom);
    if let Some(name) = name {
        return Ok(Some(ToolChoice::One { name: name.to_owned() }));
    }
    match choice.r#type.text() {
        Some("allowed_tools") => {
            let (mode, tools) = match &choice.allowed_tools.0 {
                Some(allowed) => (&allowed.mode, &allowed.tools),
                None => (&choice.mode, &choice.tools),
            };
            let picks = tools.0.iter().flatten();
            let names = picks.filter_map(|Pick { name, function, custom }| name_of(name, function, custom));
            let names = names.map(str::to_owned).collect();
            Ok(Some(ToolChoice::Subset { names, required: mode.text() == Some("required") }))
        }
        Some(word) => simple_choice(word).map(Some).ok_or_else(wrong),
        None => Err(wrong()),
    }
}

/// `any` is Anthropic's and Mistral's word for `required`.
fn simple_choice(word: &str) -> Option<ToolChoice> {
    match word {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "any" | "required" => Some(ToolChoice::Required),
        _ => None,
    }
}

fn name_of<'a>(
    name: &'a Maybe<String>,
    function: &'a Maybe<Named>,
    custom: &'a Maybe<Named>,
) -> Option<&'a str> {
    let nested = function.0.as_ref().or(custom.0.as_ref());
    nested.and_then(|named| named.name.text()).or(name.text())
}

/// What has no place in the canonical model, with what leaving it out means.
fn read_ext(body: Body<'_>) -> Vec<Ext> {
    let audio = body.audio.map(|audio| ("audio".to_owned(), audio));
    let mut ext: Vec<Ext> = Vec::new();
    for (path, value) in audio.into_iter().chain(body.rest) {
        let weight = match path.as_str() {
            LEGACY_MARK => Weight::Hint,
            hint if HINTS.contains(&hint) || hint.starts_with("x_") || hint.starts_with("x-") => Weight::Hint,
            _ => Weight::Meaning,
        };
        if ext.iter().all(|known| known.path != path) {
            ext.push(Ext { family: Some(FAMILY), path, value, weight });
        }
    }
    ext
}
