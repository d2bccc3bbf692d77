//! The request to an upstream. It has been fitted to the model, so everything in it can be said; what
//! could not (another vendor's tools, files and thoughts) is passed over here.

use std::collections::HashMap;

use byok_types::chat::{
    Effort, Media, Modality, OutputFormat, Part, PartKind, ReasoningMode, Request, Role, Show, Source, Token,
    Tool, ToolChoice, ToolResult, ToolType,
};
use byok_types::model::{ModelFacts, Thinking};
use byok_types::{Family, RawJson};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;

use super::parts::{self, Content, Piece};
use super::thought::PLACEHOLDER;
use super::tree::Tree;
use crate::wire::arguments_object;

/// The path of the call below the host.
pub(super) fn path(model: &str, stream: bool) -> String {
    let mut path = "/v1beta/models/".to_owned();
    for byte in model.strip_prefix("models/").unwrap_or(model).bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            path.push(char::from(byte));
        } else {
            path.push('%');
            path.extend(
                [byte >> 4, byte & 15].map(|half| char::from(b"0123456789ABCDEF"[usize::from(half)])),
            );
        }
    }
    path.push_str(if stream { ":streamGenerateContent?alt=sse" } else { ":generateContent" });
    path
}

/// Writes a request body.
pub(super) fn write(request: &Request, facts: &ModelFacts) -> Vec<u8> {
    let system = request.system.iter().map(|system| Piece::Made(parts::Part::text(&*system.text))).collect();
    let mut body = Body {
        system: (!request.system.is_empty()).then_some(Content { role: None, parts: system }),
        tools: tools(&request.tools),
        contents: contents(request, facts),
        config: Tree::default(),
    };
    let config = &mut body.config;
    tool_choice(request, config);
    generation(request, facts, config);
    config.set_some("cachedContent", request.server_state.cached_content.as_deref());
    // Other vendors' tiers have other names; Google refuses those.
    let tier = request.identity.tier.as_deref();
    config.set_some("serviceTier", tier.filter(|tier| matches!(*tier, "standard" | "flex" | "priority")));
    for ext in request.ext.iter().filter(|ext| ext.family == Some(Family::Gemini)) {
        config.set_raw(&ext.path, ext.value.clone());
    }
    // Every key is a text and every value is JSON already or made of texts and numbers.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// The body; `config` are the fields beside the conversation.
struct Body<'a> {
    system: Option<Content<'a>>,
    tools: Vec<Tools<'a>>,
    contents: Vec<Content<'a>>,
    config: Tree,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(system) = &self.system {
            map.serialize_entry("systemInstruction", system)?;
        }
        if !self.tools.is_empty() {
            map.serialize_entry("tools", &self.tools)?;
        }
        map.serialize_entry("contents", &self.contents)?;
        self.config.serialize_fields(&mut map)?;
        map.end()
    }
}

/// One entry of `tools`.
enum Tools<'a> {
    Functions(Vec<Function<'a>>),
    Hosted(&'a RawJson),
}

impl Serialize for Tools<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Functions(functions) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("functionDeclarations", functions)?;
                map.end()
            }
            Self::Hosted(raw) => raw.serialize(serializer),
        }
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'a RawJson>,
}

fn tools(tools: &[Tool]) -> Vec<Tools<'_>> {
    let mut functions = Vec::new();
    let mut hosted = Vec::new();
    for tool in tools {
        match &tool.kind {
            ToolType::Function { schema } => functions.push(Function {
                name: &tool.name,
                description: tool.description.as_deref(),
                parameters_json_schema: schema.as_ref(),
            }),
            ToolType::Hosted { family: Family::Gemini, raw, .. } => hosted.push(Tools::Hosted(raw)),
            ToolType::ClientTyped { .. } | ToolType::Custom { .. } | ToolType::Hosted { .. } => {}
        }
    }
    let functions = (!functions.is_empty()).then_some(Tools::Functions(functions));
    functions.into_iter().chain(hosted).collect()
}

fn tool_choice(request: &Request, config: &mut Tree) {
    let mut functions =
        request.tools.iter().filter(|tool| matches!(tool.kind, ToolType::Function { .. })).peekable();
    if functions.peek().is_none() {
        // A choice without functions is refused.
        return;
    }
    let strict = functions.all(|tool| tool.strict == Some(true));
    let free = if strict { "VALIDATED" } else { "AUTO" };
    let (mode, names): (_, &[String]) = match &request.tool_choice {
        None if strict => (free, &[]),
        None => return,
        Some(ToolChoice::Auto) => (free, &[]),
        Some(ToolChoice::None) => ("NONE", &[]),
        Some(ToolChoice::Required) => ("ANY", &[]),
        Some(ToolChoice::One { name }) => ("ANY", std::slice::from_ref(name)),
        Some(ToolChoice::Subset { names, required: true }) => ("ANY", names),
        // Names go with ANY and VALIDATED only.
        Some(ToolChoice::Subset { names, required: false }) => ("VALIDATED", names),
    };
    config.set("toolConfig.functionCallingConfig.mode", mode);
    if !names.is_empty() {
        config.set("toolConfig.functionCallingConfig.allowedFunctionNames", names);
    }
}

fn contents<'a>(request: &'a Request, facts: &ModelFacts) -> Vec<Content<'a>> {
    let mut names = HashMap::new();
    let mut contents = Vec::with_capacity(request.turns.len());
    for turn in &request.turns {
        let role = match turn.role {
            Role::Assistant => "model",
            Role::System | Role::User => "user",
        };
        let mut parts: Vec<Piece<'a>> = Vec::with_capacity(turn.parts.len());
        let mut first_call = true;
        for part in &turn.parts {
            let mut piece = piece(part, facts, &mut names);
            if let Some(Piece::Made(made)) = &mut piece
                && made.function_call.is_some()
            {
                // The service checks the first call of each step of the current turn. Earlier steps get
                // the placeholder too: they were current once, and a prefix that stays the same is cached.
                if first_call && facts.signed_calls && made.thought_signature.is_none() {
                    made.thought_signature = Some(PLACEHOLDER.to_owned());
                }
                first_call = false;
            }
            parts.extend(piece);
        }
        if !parts.is_empty() {
            contents.push(Content { role: Some(role), parts });
        }
    }
    contents
}

fn piece<'a>(part: &'a Part, facts: &ModelFacts, names: &mut HashMap<&'a str, &'a str>) -> Option<Piece<'a>> {
    let signature = part.token.as_ref().and_then(own);
    let made = match &part.kind {
        PartKind::Text { text, .. } if text.is_empty() && signature.is_none() => return None,
        PartKind::Text { text, .. } | PartKind::Refusal(text) => parts::Part::text(text.as_str()),
        PartKind::Media(media) => with_resolution(parts::Part::media(media)?, media, facts),
        PartKind::Opaque { family: Family::Gemini, raw } => return Some(Piece::Raw(raw)),
        PartKind::Opaque { .. } => return None,
        PartKind::Reasoning(reasoning) => {
            // Thoughts that Gemini did not sign are not Gemini's.
            let thought_signature = Some(reasoning.token.as_ref().and_then(own)?);
            let thought = !reasoning.text.is_empty();
            let made = parts::Part { thought, thought_signature, ..parts::Part::text(&*reasoning.text) };
            return Some(Piece::Made(made));
        }
        PartKind::ToolCall(call) => {
            names.insert(&call.id, &call.name);
            let function_call = Some(parts::FunctionCall {
                id: facts.call_ids.then_some(&*call.id),
                name: &call.name,
                args: arguments_object(&call.arguments),
            });
            parts::Part { function_call, ..parts::Part::default() }
        }
        PartKind::ToolResult(result) => {
            let function_response = Some(function_response(result, facts, names));
            parts::Part { function_response, ..parts::Part::default() }
        }
    };
    Some(Piece::Made(parts::Part { thought_signature: signature, ..made }))
}

/// The signature, where Gemini made it.
fn own(token: &Token) -> Option<String> {
    (token.family == Family::Gemini && !token.value.is_empty()).then(|| token.value.clone())
}

/// How closely to look at an image. Only the models from Gemini 3 on take it beside the part.
fn with_resolution<'a>(part: parts::Part<'a>, media: &Media, facts: &ModelFacts) -> parts::Part<'a> {
    let level = match media.detail.as_deref() {
        Some("low") => "MEDIA_RESOLUTION_LOW",
        Some("high" | "original") => "MEDIA_RESOLUTION_HIGH",
        _ => return part,
    };
    if !facts.signed_calls || part.text.is_some() {
        return part;
    }
    parts::Part { media_resolution: Some(parts::MediaResolution { level }), ..part }
}

fn function_response<'a>(
    result: &'a ToolResult,
    facts: &ModelFacts,
    names: &HashMap<&'a str, &'a str>,
) -> parts::FunctionResponse<'a> {
    let mut texts = Vec::new();
    let mut media = Vec::new();
    for part in &result.parts {
        match &part.kind {
            PartKind::Media(it) => match &it.source {
                Source::Text(text) => texts.push(text.as_str()),
                _ if facts.result_media => media.extend(parts::Part::media(it)),
                _ => {}
            },
            PartKind::Text { text, .. } | PartKind::Refusal(text) => texts.push(text),
            PartKind::Opaque { .. }
            | PartKind::Reasoning(_)
            | PartKind::ToolCall(_)
            | PartKind::ToolResult(_) => {}
        }
    }
    let called = names.get(result.call_id.as_str()).copied();
    parts::FunctionResponse {
        id: facts.call_ids.then_some(&*result.call_id),
        name: called.or(result.name.as_deref()).unwrap_or(&result.call_id),
        response: result.raw_object.clone().unwrap_or_else(|| response(&texts.join("\n"), result.is_error)),
        parts: media,
    }
}

/// A result's text as the object that the service wants.
fn response(text: &str, is_error: bool) -> RawJson {
    if is_error {
        return RawJson::from_value(&json!({ "error": text }));
    }
    match RawJson::parse(text.trim()) {
        Ok(object) if object.is_object() => object,
        _ => RawJson::from_value(&json!({ "output": text })),
    }
}

fn generation(request: &Request, facts: &ModelFacts, config: &mut Tree) {
    let sampling = &request.sampling;
    config.set_some("generationConfig.temperature", sampling.temperature);
    config.set_some("generationConfig.topP", sampling.top_p);
    config.set_some("generationConfig.topK", sampling.top_k);
    config.set_some("generationConfig.candidateCount", request.candidates);
    config.set_some("generationConfig.maxOutputTokens", request.limits.max_output);
    if !sampling.stop.is_empty() {
        config.set("generationConfig.stopSequences", &sampling.stop);
    }
    config.set_some("generationConfig.seed", sampling.seed);
    config.set_some("generationConfig.presencePenalty", sampling.presence_penalty);
    config.set_some("generationConfig.frequencyPenalty", sampling.frequency_penalty);
    config.set_some("generationConfig.responseLogprobs", sampling.logprobs);
    config.set_some("generationConfig.logprobs", sampling.top_logprobs);
    match &request.output {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => config.set("generationConfig.responseMimeType", "application/json"),
        OutputFormat::JsonSchema { schema, .. } => {
            config.set("generationConfig.responseMimeType", "application/json");
            config.set("generationConfig.responseJsonSchema", schema);
        }
    }
    let modalities = request.modalities.iter().map(|modality| match modality {
        Modality::Audio => "AUDIO",
        Modality::Image => "IMAGE",
        Modality::Text => "TEXT",
    });
    if !request.modalities.is_empty() {
        config.set("generationConfig.responseModalities", &modalities.collect::<Vec<_>>());
    }
    thinking(request, facts, config);
}

/// A budget or a level, as the model wants it: both together are refused.
fn thinking(request: &Request, facts: &ModelFacts, config: &mut Tree) {
    let reasoning = &request.reasoning;
    match &facts.thinking {
        Thinking::No => return,
        Thinking::Budget { min, max, can_disable } => {
            let off = if *can_disable { 0 } else { *min };
            let budget = |effort: Effort| match effort {
                Effort::None => off,
                Effort::Max => *max,
                effort => tokens_of(effort).max(*min).min(*max),
            };
            let budget = match (reasoning.mode, reasoning.effort) {
                (ReasoningMode::Off, _) => Some(off),
                (ReasoningMode::Budget(tokens), _) => Some(tokens),
                (_, Some(effort)) => Some(budget(effort)),
                (ReasoningMode::Adaptive | ReasoningMode::BetweenTools, None) => {
                    config.set("generationConfig.thinkingConfig.thinkingBudget", &-1);
                    None
                }
                (ReasoningMode::Effort | ReasoningMode::Unset, None) => None,
            };
            config.set_some("generationConfig.thinkingConfig.thinkingBudget", budget);
            if budget == Some(0) {
                // Thoughts of a model that does not think are refused.
                return;
            }
        }
        Thinking::Levels(levels) => {
            let wish = match (reasoning.mode, reasoning.effort) {
                (ReasoningMode::Off, _) => Some(Effort::None),
                (_, Some(effort)) => Some(effort),
                (ReasoningMode::Budget(tokens), None) => Some(Effort::of_budget(tokens)),
                _ => None,
            };
            // The nearest level upwards, or the highest.
            let mut able = levels.iter().filter(|level| **level != Effort::None);
            let level = wish.and_then(|wish| {
                let above = able.clone().find(|level| **level >= wish);
                above.or_else(|| able.next_back())
            });
            let level = level.map(|level| level.name().to_ascii_uppercase());
            config.set_some("generationConfig.thinkingConfig.thinkingLevel", level);
        }
        Thinking::Adaptive { .. } | Thinking::Switch => {}
    }
    if matches!(reasoning.show, Show::Full | Show::Summary) {
        config.set("generationConfig.thinkingConfig.includeThoughts", &true);
    }
}

/// The budget that an effort amounts to (wire-format facts, 6.6).
fn tokens_of(effort: Effort) -> u64 {
    match effort {
        Effort::None => 0,
        Effort::Minimal => 1024,
        Effort::Low => 4096,
        Effort::Medium => 8192,
        Effort::High => 16_384,
        Effort::Xhigh | Effort::Max => 32_768,
    }
}
