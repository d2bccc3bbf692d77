//! Writes a request for an upstream. `fit` has been here, so this is a printer: the same request always
//! becomes the same bytes, and only fields that the API knows are written.

use std::collections::HashMap;

use byok_types::Family;
use byok_types::chat::{Ext, OutputFormat, Request, Role, Tool, ToolChoice, ToolType, Turn};
use byok_types::model::ModelFacts;

use super::json::{List, Object};
use super::{block_write, json, thinking, wire};

/// The output limit for models whose own is not known.
const DEFAULT_LIMIT: u64 = 8_192;

/// The largest limit that byok sets of itself on an answer that comes in one piece: longer ones risk the
/// connection.
const DEFAULT_LIMIT_WHOLE: u64 = 32_000;

/// Writes a request body.
pub(super) fn write(request: &Request, facts: &ModelFacts) -> Vec<u8> {
    let mut default_limit = facts.max_output.unwrap_or(DEFAULT_LIMIT);
    if !request.stream.on {
        default_limit = default_limit.min(DEFAULT_LIMIT_WHOLE);
    }
    let (plan, limit) = thinking::plan(&request.reasoning, facts, request.limits.max_output, default_limit);
    let mut out = Vec::with_capacity(4096);
    json::object(&mut out, |body| {
        body.put("model", &request.model);
        body.put("max_tokens", &limit);
        if request.stream.on {
            body.put("stream", &true);
        }
        wire::write_cache(body, request.cache.as_ref());
        if !request.system.is_empty() {
            body.list("system", |list| system(list, request));
        }
        body.list("messages", |list| {
            for turn in &request.turns {
                message(list, turn);
            }
        });
        if request.tools.iter().any(is_writable) {
            let kept = kept_of_tools(&request.ext);
            body.list("tools", |list| {
                for tool in request.tools.iter().filter(|tool| is_writable(tool)) {
                    write_tool(list, tool, kept.get(tool.name.as_str()));
                }
            });
            tool_choice(body, request);
        }
        plan.write(body);
        output_config(body, request, plan.effort);
        sampling(body, request);
        identity(body, request);
        for ext in own(&request.ext).filter(|ext| !ext.path.contains('.') && !is_ours(&ext.path, &plan)) {
            body.put(&ext.path, &ext.value);
        }
    });
    out
}

/// Kept fields of this family.
fn own(ext: &[Ext]) -> impl Iterator<Item = &Ext> {
    ext.iter().filter(|ext| ext.family == Some(Family::Anthropic))
}

/// Kept fields whose path begins so, with the rest of the path.
fn below<'e>(ext: &'e [Ext], prefix: &str) -> impl Iterator<Item = (&'e str, &'e Ext)> {
    own(ext).filter_map(move |ext| Some((ext.path.strip_prefix(prefix)?, ext)))
}

/// Whether a kept field would be written twice.
fn is_ours(path: &str, plan: &thinking::Plan) -> bool {
    match path {
        "thinking" => plan.thinking.is_some(),
        "output_format" => false,
        _ => super::request_read::KNOWN.contains(&path),
    }
}

fn system(list: &mut List<'_>, request: &Request) {
    for system in request.system.iter().filter(|system| !system.text.trim().is_empty()) {
        list.object(|block| {
            block_write::write_text(block, &system.text);
            wire::write_cache(block, system.cache.as_ref());
        });
    }
}

/// A message with at least one block; the service refuses empty ones.
fn message(list: &mut List<'_>, turn: &Turn) {
    let role = match turn.role {
        Role::Assistant => "assistant",
        Role::System => "system",
        Role::User => "user",
    };
    list.object_if(|message| {
        message.put("role", role);
        let mut empty = true;
        message.list("content", |blocks| {
            block_write::turn(blocks, &turn.parts, turn.role);
            empty = blocks.is_empty();
        });
        for ext in own(&turn.ext) {
            message.put(&ext.path, &ext.value);
        }
        !empty
    });
}

/// Another vendor's own tools mean nothing here.
fn is_writable(tool: &Tool) -> bool {
    match &tool.kind {
        ToolType::ClientTyped { family, raw, .. } | ToolType::Hosted { family, raw, .. } => {
            *family == Family::Anthropic && raw.is_object()
        }
        ToolType::Custom { .. } | ToolType::Function { .. } => true,
    }
}

/// The kept fields of tools (`tools.NAME.FIELD`) by the name of the tool.
fn kept_of_tools(ext: &[Ext]) -> HashMap<&str, Vec<(&str, &Ext)>> {
    let mut kept: HashMap<&str, Vec<(&str, &Ext)>> = HashMap::new();
    for (path, ext) in below(ext, "tools.") {
        if let Some((name, field)) = path.rsplit_once('.') {
            kept.entry(name).or_default().push((field, ext));
        }
    }
    kept
}

fn write_tool(list: &mut List<'_>, tool: &Tool, kept: Option<&Vec<(&str, &Ext)>>) {
    let schema = match &tool.kind {
        ToolType::ClientTyped { raw, .. } | ToolType::Hosted { raw, .. } => {
            list.object(|object| {
                object.splice(raw);
                wire::write_cache(object, tool.cache.as_ref());
            });
            return;
        }
        // A free-text tool is a function of one text; `fit` has told the model so.
        ToolType::Custom { .. } => byok_types::RawJson::from_value(&serde_json::json!({
            "type": "object",
            "properties": { "input": { "type": "string" } },
            "required": ["input"],
        })),
        ToolType::Function { schema: Some(schema) } if schema.is_object() && !is_empty(schema.get()) => {
            schema.clone()
        }
        ToolType::Function { .. } => block_write::no_arguments(),
    };
    list.object(|object| {
        object.put("name", &tool.name);
        object.put_some("description", tool.description.as_ref());
        object.put("input_schema", &schema);
        object.put_some("strict", tool.strict.filter(|strict| *strict));
        object.put_some("defer_loading", tool.defer);
        wire::write_cache(object, tool.cache.as_ref());
        for (field, ext) in kept.into_iter().flatten() {
            object.put(field, &ext.value);
        }
    });
}

/// Whether an object has no fields.
fn is_empty(object: &str) -> bool {
    object[1..].trim_start().starts_with('}')
}

/// Always an object, never a string. The wish for one call at a time has no other place than this.
fn tool_choice(body: &mut Object<'_>, request: &Request) {
    let one_at_a_time = request.parallel_tools == Some(false);
    let (name, tool) = match &request.tool_choice {
        None if one_at_a_time => ("auto", None),
        None => return,
        Some(ToolChoice::Auto | ToolChoice::Subset { required: false, .. }) => ("auto", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::One { name }) => ("tool", Some(name)),
        Some(ToolChoice::Required | ToolChoice::Subset { required: true, .. }) => ("any", None),
    };
    body.object("tool_choice", |choice| {
        choice.put("type", name);
        choice.put_some("name", tool);
        if one_at_a_time && name != "none" {
            choice.put("disable_parallel_tool_use", &true);
        }
    });
}

fn output_config(body: &mut Object<'_>, request: &Request, effort: Option<&str>) {
    let schema = match &request.output {
        OutputFormat::JsonSchema { schema, .. } => Some(schema),
        OutputFormat::JsonObject | OutputFormat::Text => None,
    };
    let mut kept = below(&request.ext, "output_config.")
        .filter(|(name, _)| !(*name == "effort" && effort.is_some() || *name == "format" && schema.is_some()))
        .peekable();
    if effort.is_none() && schema.is_none() && kept.peek().is_none() {
        return;
    }
    body.object("output_config", |config| {
        config.put_some("effort", effort);
        if let Some(schema) = schema {
            config.object("format", |format| {
                format.put("type", "json_schema");
                format.put("schema", schema);
            });
        }
        for (name, ext) in kept {
            config.put(name, &ext.value);
        }
    });
}

fn sampling(body: &mut Object<'_>, request: &Request) {
    let sampling = &request.sampling;
    body.put_some("temperature", sampling.temperature);
    body.put_some("top_p", sampling.top_p);
    body.put_some("top_k", sampling.top_k);
    // The service refuses sequences of nothing but blanks.
    let mut stop = sampling.stop.iter().filter(|text| !text.trim().is_empty()).peekable();
    if stop.peek().is_some() {
        body.list("stop_sequences", |list| stop.for_each(|text| list.push(text)));
    }
}

fn identity(body: &mut Object<'_>, request: &Request) {
    let identity = &request.identity;
    let user = identity.user.as_ref().or(identity.safety_id.as_ref());
    let mut kept = below(&request.ext, "metadata.").filter(|(name, _)| *name != "user_id").peekable();
    if user.is_some() || kept.peek().is_some() {
        body.object("metadata", |metadata| {
            metadata.put_some("user_id", user);
            for (name, ext) in kept {
                metadata.put(name, &ext.value);
            }
        });
    }
    // Another vendor's tiers mean nothing here.
    let tier = identity.tier.as_deref().filter(|tier| matches!(*tier, "auto" | "standard_only"));
    body.put_some("service_tier", tier);
}
