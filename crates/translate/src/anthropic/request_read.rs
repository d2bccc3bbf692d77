//! Reads a request: every field of the Messages API has a canonical place or stays as it came.

use std::collections::HashSet;

use byok_types::chat::{
    CacheMark, Effort, Ext, OutputFormat, PartKind, Reasoning, ReasoningMode, Request, Role, Show,
    SystemText, Tool, ToolChoice, ToolType, Turn, Weight,
};
use byok_types::{Family, RawJson};
use serde_json::value::RawValue;

use super::node::{self, Node, Place};
use super::{block_read, wire};
use crate::format::{PathWish, ReadError};

type Read<T> = Result<T, ReadError>;

/// The top-level fields that have a canonical place.
pub(super) const KNOWN: [&str; 17] = [
    "cache_control",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "output_config",
    "output_format",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// Reads a request body. `max_tokens` may be missing, as it is when tokens are only counted.
pub(super) fn read(body: &[u8], path: PathWish<'_>) -> Read<Request> {
    let node = Node::body(body).map_err(|error| ReadError::NotJson(error.to_string()))?;
    let root = Place::Root;
    no_field_twice(&node)?;

    let model = node.text("model", &root)?.or_else(|| path.model.map(str::to_owned));
    let mut request = Request {
        model: model.ok_or_else(|| root.key("model").error("is missing"))?,
        cache: wire::read_cache(&node, &root)?,
        ..Request::default()
    };
    request.limits.max_output = node.count("max_tokens", &root)?;
    request.stream.on = node.boolean("stream", &root)?.unwrap_or(false) || path.stream;
    request.sampling.temperature = node.number("temperature", &root)?;
    request.sampling.top_p = node.number("top_p", &root)?;
    request.sampling.top_k = node.count("top_k", &root)?;
    request.sampling.stop = stop_sequences(&node, &root)?;
    request.identity.tier = node.text("service_tier", &root)?;
    if let Some(raw) = node.field("system") {
        request.system = system_texts(block_read::system(raw, &root.key("system"))?);
    }
    messages(&node, &root, &mut request)?;
    tools(&node, &root, &mut request)?;
    tool_choice(&node, &root, &mut request)?;
    thinking(&node, &root, &mut request)?;
    output(&node, &root, &mut request)?;
    metadata(&node, &root, &mut request)?;
    for (name, raw) in node.fields().filter(|(name, raw)| !KNOWN.contains(name) && raw.get() != "null") {
        request.ext.push(ext(name.to_owned(), raw, weight(name)));
    }
    Ok(request)
}

/// Two fields of one name would let two readers of the body see different requests.
fn no_field_twice(node: &Node<'_>) -> Read<()> {
    let mut seen = HashSet::new();
    match node.fields().map(|(name, _)| name).find(|name| !seen.insert(*name)) {
        Some(name) if KNOWN.contains(&name) => Err(Place::Root.key(name).error("appears twice")),
        Some(_) => Err(ReadError::NotJson("a field appears twice".to_owned())),
        None => Ok(()),
    }
}

fn ext(path: String, raw: &RawValue, weight: Weight) -> Ext {
    Ext { family: Some(Family::Anthropic), path, value: RawJson::from(raw), weight }
}

/// What it means to leave a top-level field out.
fn weight(name: &str) -> Weight {
    match name {
        // Where and how fast to run, for whom, what to bill, what to try if it fails.
        "anthropic_beta" | "anthropic_version" | "betas" | "billing_policy" | "diagnostics" | "fallbacks"
        | "inference_geo" | "speed" | "user_profile_id" => Weight::Hint,
        // The conversation itself is kept at the vendor.
        "thread" => Weight::Essential,
        _ if name.starts_with("x_") || name.starts_with("x-") => Weight::Hint,
        _ => Weight::Meaning,
    }
}

fn stop_sequences(node: &Node<'_>, root: &Place<'_>) -> Read<Vec<String>> {
    let Some(raw) = node.field("stop_sequences") else { return Ok(Vec::new()) };
    let place = root.key("stop_sequences");
    let mut texts = Vec::new();
    match node::text(raw) {
        Some(text) => texts.push(text),
        None => {
            for (index, raw) in node::list(raw, &place)?.into_iter().enumerate() {
                texts.push(node::text(raw).ok_or_else(|| place.index(index).error("expected a string"))?);
            }
        }
    }
    texts.retain(|text| !text.is_empty());
    Ok(texts)
}

fn messages(node: &Node<'_>, root: &Place<'_>, request: &mut Request) -> Read<()> {
    let place = root.key("messages");
    let list = node.list("messages", root)?.ok_or_else(|| place.error("is missing"))?;
    for (index, raw) in list.into_iter().enumerate() {
        let place = place.index(index);
        let message = Node::strict(raw, &place)?;
        let role = match message.required_text("role", &place)?.as_str() {
            "assistant" => Role::Assistant,
            "system" => Role::System,
            "user" => Role::User,
            _ => return Err(place.key("role").error("must be user, assistant or system")),
        };
        // Only a missing field is an error here: `null` is what some clients write for "no content".
        let Some((_, raw)) = message.fields().find(|(name, _)| *name == "content") else {
            return Err(place.key("content").error("is missing"));
        };
        // Other fields of a message only tune one vendor's models turn by turn; a client that sends one
        // does not expect to be refused for it.
        let parts = block_read::turn(raw, index, &place.key("content"))?;
        if role == Role::System && request.turns.is_empty() && parts.iter().all(|p| p.as_text().is_some()) {
            request.system.extend(system_texts(parts));
        } else {
            request.turns.push(Turn::new(role, parts));
        }
    }
    Ok(())
}

fn system_texts(parts: Vec<byok_types::chat::Part>) -> Vec<SystemText> {
    let text = |part: byok_types::chat::Part| match part.kind {
        PartKind::Text { text, .. } => Some(SystemText { text, cache: part.cache }),
        _ => None,
    };
    parts.into_iter().filter_map(text).collect()
}

fn tools(node: &Node<'_>, root: &Place<'_>, request: &mut Request) -> Read<()> {
    let place = root.key("tools");
    for (index, raw) in node.list("tools", root)?.unwrap_or_default().into_iter().enumerate() {
        let place = place.index(index);
        let node = Node::strict(raw, &place)?;
        let cache = wire::read_cache(&node, &place)?;
        let tool = match node.text("type", &place)?.filter(|kind| kind != "custom") {
            Some(kind) => typed_tool(kind, raw, &node, cache),
            None => function(&node, &place, cache, &mut request.ext)?,
        };
        request.tools.push(tool);
    }
    Ok(())
}

/// A tool whose schema the model knows by heart: the client runs some of them, Anthropic the others.
fn typed_tool(kind: String, raw: &RawValue, node: &Node<'_>, cache: Option<CacheMark>) -> Tool {
    const RUN_BY_CLIENT: [&str; 5] = ["bash_", "browser_toolset_", "computer_", "memory_", "text_editor_"];
    let unmarked = cache.as_ref().and_then(|_| node.without("cache_control"));
    let raw = unmarked.unwrap_or_else(|| RawJson::from(raw));
    let family = Family::Anthropic;
    Tool {
        name: node.lax_word("name").unwrap_or_else(|| kind.clone()),
        description: None,
        strict: None,
        namespace: None,
        cache,
        defer: node.field("defer_loading").map(|defer| defer.get() == "true"),
        kind: if RUN_BY_CLIENT.iter().any(|prefix| kind.starts_with(prefix)) {
            ToolType::ClientTyped { family, r#type: kind, raw }
        } else {
            ToolType::Hosted { family, r#type: kind, raw }
        },
    }
}

fn function(node: &Node<'_>, place: &Place<'_>, cache: Option<CacheMark>, kept: &mut Vec<Ext>) -> Read<Tool> {
    const KNOWN: [&str; 7] =
        ["cache_control", "defer_loading", "description", "input_schema", "name", "strict", "type"];
    let name = node.required_text("name", place)?;
    for (field, raw) in node.fields().filter(|(field, raw)| !KNOWN.contains(field) && raw.get() != "null") {
        let weight = if field == "eager_input_streaming" { Weight::Hint } else { Weight::Meaning };
        kept.push(ext(format!("tools.{name}.{field}"), raw, weight));
    }
    let schema = node.object("input_schema", place)?.and_then(|_| node.field("input_schema"));
    Ok(Tool {
        name,
        description: node.text("description", place)?,
        kind: ToolType::Function { schema: schema.map(RawJson::from) },
        strict: node.boolean("strict", place)?,
        namespace: None,
        cache,
        defer: node.boolean("defer_loading", place)?,
    })
}

fn tool_choice(node: &Node<'_>, root: &Place<'_>, request: &mut Request) -> Read<()> {
    let Some(choice) = node.object("tool_choice", root)? else { return Ok(()) };
    let place = root.key("tool_choice");
    request.tool_choice = Some(match choice.required_text("type", &place)?.as_str() {
        "any" => ToolChoice::Required,
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::One { name: choice.required_text("name", &place)? },
        _ => return Err(place.key("type").error("must be auto, any, tool or none")),
    });
    request.parallel_tools = choice.boolean("disable_parallel_tool_use", &place)?.map(|disabled| !disabled);
    Ok(())
}

fn thinking(node: &Node<'_>, root: &Place<'_>, request: &mut Request) -> Read<()> {
    let Some(thinking) = node.object("thinking", root)? else { return Ok(()) };
    let place = root.key("thinking");
    let Reasoning { mode, show, .. } = &mut request.reasoning;
    *mode = match thinking.required_text("type", &place)?.as_str() {
        "adaptive" => ReasoningMode::Adaptive,
        "between_tools" => ReasoningMode::BetweenTools,
        "disabled" => ReasoningMode::Off,
        "enabled" => match thinking.count("budget_tokens", &place)? {
            Some(budget) => ReasoningMode::Budget(budget),
            None => return Err(place.key("budget_tokens").error("is missing")),
        },
        // A way of thinking that is yet to come.
        _ => {
            let raw = node.field("thinking");
            request.ext.extend(raw.map(|raw| ext("thinking".to_owned(), raw, Weight::Meaning)));
            return Ok(());
        }
    };
    *show = match thinking.text("display", &place)?.as_deref() {
        Some("full") => Show::Full,
        Some("omitted") => Show::None,
        Some("summarized") => Show::Summary,
        // Every model that takes a budget shows its thoughts unless told not to; later ones do not.
        _ if matches!(mode, ReasoningMode::Budget(_)) => Show::Summary,
        _ => Show::Unset,
    };
    Ok(())
}

/// `output_config`, and the older spelling of its format at the top level.
fn output(node: &Node<'_>, root: &Place<'_>, request: &mut Request) -> Read<()> {
    let place = root.key("output_config");
    if let Some(config) = node.object("output_config", root)? {
        for (name, raw) in config.fields().filter(|(_, raw)| raw.get() != "null") {
            let kept = match name {
                "effort" => {
                    request.reasoning.effort =
                        config.text(name, &place)?.and_then(|text| Effort::parse(&text));
                    request.reasoning.effort.is_some()
                }
                "format" => format(raw, &place.key(name), request)?,
                _ => false,
            };
            if !kept {
                request.ext.push(ext(format!("output_config.{name}"), raw, Weight::Meaning));
            }
        }
    }
    if request.output == OutputFormat::Text
        && let Some(raw) = node.field("output_format")
        && !format(raw, &root.key("output_format"), request)?
    {
        request.ext.push(ext("output_format".to_owned(), raw, Weight::Meaning));
    }
    Ok(())
}

/// Whether the format is known.
fn format(raw: &RawValue, place: &Place<'_>, request: &mut Request) -> Read<bool> {
    let node = Node::strict(raw, place)?;
    if node.required_text("type", place)? != "json_schema" {
        return Ok(false);
    }
    let Some(schema) = node.object("schema", place)?.and_then(|_| node.field("schema")) else {
        return Err(place.key("schema").error("is missing"));
    };
    request.output = OutputFormat::JsonSchema {
        name: None,
        description: None,
        schema: RawJson::from(schema),
        strict: None,
    };
    Ok(true)
}

fn metadata(node: &Node<'_>, root: &Place<'_>, request: &mut Request) -> Read<()> {
    let Some(metadata) = node.object("metadata", root)? else { return Ok(()) };
    request.identity.user = metadata.text("user_id", &root.key("metadata"))?;
    for (name, raw) in metadata.fields().filter(|(name, raw)| *name != "user_id" && raw.get() != "null") {
        request.ext.push(ext(format!("metadata.{name}"), raw, Weight::Hint));
    }
    Ok(())
}
