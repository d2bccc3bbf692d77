//! JSON Schemas, made to fit what a target takes.
//!
//! Pure functions: a schema in, a schema out, and whether something was lost on the way. A schema that
//! the target takes as it is comes back as the same bytes. Only keyword positions are looked at: a
//! *property* may be called `format` or `$ref` and is never touched.
//!
//! This module does not decide which target wants which rules; [`super::tools`] and [`super::output`] do.
//! Depth and size of what it builds are bounded, whatever comes in.

mod clean;
mod refs;
mod root;
mod strict;

use byok_types::RawJson;
use serde_json::{Map, Value, json};

pub(super) use strict::passes_openai_strict;

/// What a target takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// Anthropic's subset for strict tools and structured output.
    AnthropicStrict,
    /// Cohere's subset for JSON output and strict tools.
    Cohere,
    /// What Gemini's JSON-Schema fields list.
    Gemini,
    /// OpenAI's non-strict tools: arrays say what is in them, otherwise as `Plain`.
    Openai,
    /// Any JSON Schema.
    Plain,
}

/// A schema that fits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shaped {
    /// The schema; `None` where a function takes no arguments.
    pub(super) schema: Option<RawJson>,
    /// Whether a constraint could not be kept as a keyword.
    pub(super) simplified: bool,
}

/// The schema of a function's arguments: an object at the root, whatever was given.
pub(super) fn for_function(raw: &RawJson, rules: Rules) -> Shaped {
    let value = raw.to_value();
    let Value::Object(before) = &value else {
        // `null` and `true` mean no arguments; anything else was no schema, or nested past all reason.
        return Shaped { schema: None, simplified: raw.is_object() };
    };
    if before.is_empty() {
        return Shaped { schema: None, simplified: false };
    }
    let (mut after, mut simplified) = shape(value.clone(), rules);
    if let Value::Object(map) = &mut after {
        let root::Change { changed, lost } = root::make_object(map);
        simplified |= lost;
        let empty = map.get("properties").and_then(Value::as_object).is_none_or(Map::is_empty);
        if rules == Rules::Gemini && empty {
            // Older backends refuse an object without properties.
            return Shaped { schema: None, simplified };
        }
        if changed {
            // What was put into the root has to keep the same rules.
            after = shape(after, rules).0;
        }
    }
    Shaped { schema: Some(unless_same(raw, &value, &after)), simplified }
}

/// The schema of a whole answer.
pub(super) fn for_output(raw: &RawJson, rules: Rules) -> Shaped {
    let value = raw.to_value();
    if !value.is_object() {
        return Shaped { schema: None, simplified: raw.is_object() };
    }
    let (after, simplified) = shape(value.clone(), rules);
    Shaped { schema: Some(unless_same(raw, &value, &after)), simplified }
}

/// Whether a schema describes an object at its root.
pub(super) fn is_object_schema(raw: &RawJson) -> bool {
    let value = raw.to_value();
    match value.get("type") {
        Some(Value::String(name)) => name.eq_ignore_ascii_case("object"),
        Some(_) => false,
        None => value.get("properties").is_some() || value.get("$ref").is_some(),
    }
}

fn unless_same(raw: &RawJson, before: &Value, after: &Value) -> RawJson {
    if before == after { raw.clone() } else { RawJson::from_value(after) }
}

fn shape(mut value: Value, rules: Rules) -> (Value, bool) {
    to_json_schema(&mut value);
    match rules {
        Rules::AnthropicStrict | Rules::Cohere | Rules::Gemini => clean::clean(&value, rules),
        Rules::Openai => {
            fill_arrays(&mut value);
            (value, false)
        }
        Rules::Plain => (value, false),
    }
}

/// Turns what is left of `OpenAPI`'s and Gemini's own spelling into JSON Schema: upper-case types,
/// `nullable`, `format: enum`.
fn to_json_schema(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    match map.get_mut("type") {
        Some(Value::String(name)) if name == "TYPE_UNSPECIFIED" => {
            map.shift_remove("type");
        }
        Some(Value::String(name)) if TYPES.iter().any(|known| name.eq_ignore_ascii_case(known)) => {
            name.make_ascii_lowercase();
        }
        _ => {}
    }
    if map.get("format").is_some_and(|format| format == "enum") {
        map.shift_remove("format");
    }
    if let Some(&Value::Bool(nullable)) = map.get("nullable") {
        map.shift_remove("nullable");
        if nullable {
            allow_null(map);
        }
    }
    each_child(map, &mut to_json_schema);
}

/// Lets a schema take `null` too.
fn allow_null(map: &mut Map<String, Value>) {
    if let Some(Value::Array(values)) = map.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    match map.get_mut("type") {
        Some(Value::String(name)) if name != "null" => {
            let name = std::mem::take(name);
            map.insert("type".into(), json!([name, "null"]));
        }
        Some(Value::Array(names)) if !names.iter().any(|name| name == "null") => names.push("null".into()),
        Some(_) => {}
        None => match map.get_mut("anyOf") {
            Some(Value::Array(branches)) => branches.push(json!({ "type": "null" })),
            _ => {
                if let Some(pointer) = map.shift_remove("$ref") {
                    map.insert("anyOf".into(), json!([{ "$ref": pointer }, { "type": "null" }]));
                }
            }
        },
    }
}

/// OpenAI refuses an array that does not say what is in it.
fn fill_arrays(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    if is_type(map, "array") && !map.contains_key("items") && !map.contains_key("prefixItems") {
        map.insert("items".into(), json!({}));
    }
    each_child(map, &mut fill_arrays);
}

/// Whether the schema's type is, or may be, `name`.
fn is_type(map: &Map<String, Value>, name: &str) -> bool {
    match map.get("type") {
        Some(Value::String(own)) => own == name,
        Some(Value::Array(names)) => names.iter().any(|own| own == name),
        _ => false,
    }
}

/// Visits the schemas directly inside a schema.
fn each_child(map: &mut Map<String, Value>, visit: &mut dyn FnMut(&mut Value)) {
    for (key, value) in map {
        match (place_of(key), value) {
            (Place::Schema, value @ Value::Object(_)) => visit(value),
            (Place::Schema | Place::List, Value::Array(list)) => list.iter_mut().for_each(&mut *visit),
            (Place::Named, Value::Object(named)) => named.values_mut().for_each(&mut *visit),
            _ => {}
        }
    }
}

/// Where schemas stand in a keyword's value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The value is a list of schemas.
    List,
    /// The value maps names, which are data, to schemas.
    Named,
    /// Nowhere.
    Nowhere,
    /// The value is a schema (or, for an old `items`, a list of them).
    Schema,
}

fn place_of(keyword: &str) -> Place {
    match keyword {
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Place::List,
        "$defs" | "definitions" | "dependentSchemas" | "patternProperties" | "properties" => Place::Named,
        "additionalItems"
        | "additionalProperties"
        | "contains"
        | "else"
        | "if"
        | "items"
        | "not"
        | "propertyNames"
        | "then"
        | "unevaluatedItems"
        | "unevaluatedProperties" => Place::Schema,
        _ => Place::Nowhere,
    }
}

const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

#[cfg(test)]
mod tests;
