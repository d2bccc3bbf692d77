//! A client's tools and how they may be used: `tools` and `toolConfig`.

use byok_types::chat::{Tool, ToolChoice, ToolType};
use byok_types::{Family, RawJson};

use super::schema;
use super::tree::Tree;
use super::wire;
use crate::format::ReadError;

/// Reads `tools`.
pub(super) fn tools(tools: Vec<wire::Tool>) -> Result<Vec<Tool>, ReadError> {
    let mut read = Vec::new();
    for (at, tool) in tools.into_iter().enumerate() {
        let declarations = tool.function_declarations.unwrap_or_default().0;
        for (number, declaration) in declarations.into_iter().enumerate() {
            read.push(function(declaration, &format!("tools[{at}].functionDeclarations[{number}]"))?);
        }
        for (name, value) in tool.rest {
            let mut raw = Tree::default();
            raw.set_field(&name, value);
            let raw = RawJson::of(&raw).map_err(|_unreadable| {
                ReadError::field(format!("tools[{at}].{name}"), "it cannot be read")
            })?;
            let kind = ToolType::Hosted { family: Family::Gemini, r#type: name.clone(), raw };
            read.push(tool_of(name, None, kind));
        }
    }
    Ok(read)
}

fn function(declaration: wire::FunctionDeclaration, path: &str) -> Result<Tool, ReadError> {
    let Some(name) = declaration.name.filter(|name| !name.is_empty()) else {
        return Err(ReadError::field(format!("{path}.name"), "it is required"));
    };
    let schema = match (declaration.parameters_json_schema, declaration.parameters) {
        (Some(schema), _) => Some(schema),
        (None, Some(parameters)) => Some(openapi(&parameters, &format!("{path}.parameters"))?),
        (None, None) => None,
    };
    Ok(tool_of(name, declaration.description, ToolType::Function { schema }))
}

fn tool_of(name: String, description: Option<String>, kind: ToolType) -> Tool {
    Tool { name, description, kind, strict: None, namespace: None, cache: None, defer: None }
}

/// A `Schema` object as JSON Schema, or an error at `path`.
pub(super) fn openapi(schema: &RawJson, path: &str) -> Result<RawJson, ReadError> {
    schema::json_schema(schema)
        .map_err(|error| ReadError::field(path, format!("the schema cannot be read: {error}")))
}

/// Reads `toolConfig.functionCallingConfig`. `VALIDATED` holds the model to the schemas, which other
/// formats say of each tool.
pub(super) fn choice(
    config: wire::FunctionCallingConfig,
    tools: &mut [Tool],
) -> Result<Option<ToolChoice>, ReadError> {
    let mut names = config.allowed_function_names.unwrap_or_default();
    let mode = config.mode.unwrap_or_default().to_ascii_uppercase();
    if mode == "VALIDATED" {
        for tool in tools.iter_mut().filter(|tool| matches!(tool.kind, ToolType::Function { .. })) {
            tool.strict = Some(true);
        }
    }
    Ok(Some(match (mode.as_str(), names.len()) {
        ("" | "MODE_UNSPECIFIED", 0) => return Ok(None),
        ("AUTO" | "VALIDATED", 0) => ToolChoice::Auto,
        ("" | "MODE_UNSPECIFIED" | "AUTO" | "VALIDATED", _) => ToolChoice::Subset { names, required: false },
        ("NONE", _) => ToolChoice::None,
        ("ANY", 0) => ToolChoice::Required,
        ("ANY", 1) => ToolChoice::One { name: names.swap_remove(0) },
        ("ANY", _) => ToolChoice::Subset { names, required: true },
        _ => {
            let reason = "it is one of AUTO, ANY, NONE and VALIDATED";
            return Err(ReadError::field("toolConfig.functionCallingConfig.mode", reason));
        }
    }))
}
