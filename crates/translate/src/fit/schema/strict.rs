//! Whether a schema may be sent to OpenAI with `strict: true`.

use byok_types::RawJson;
use serde_json::{Map, Value};

use super::{each_child, is_type};

/// Whether the schema follows the rules of OpenAI's strict mode: closed objects whose properties are all
/// required, no keyword outside the subset, nothing beside a `$ref`, and an object at the root.
pub(in super::super) fn passes_openai_strict(raw: &RawJson) -> bool {
    let mut value = raw.to_value();
    let Value::Object(root) = &value else { return false };
    if !is_type(root, "object") || root.contains_key("anyOf") {
        return false;
    }
    let mut count = Count::default();
    node(&mut value, 0, &mut count) && count.properties <= 5000 && count.enum_values <= 1000
}

/// What OpenAI counts over a whole schema.
#[derive(Default)]
struct Count {
    properties: usize,
    enum_values: usize,
}

fn node(schema: &mut Value, depth: usize, count: &mut Count) -> bool {
    let Value::Object(map) = schema else { return false };
    if depth > MAX_DEPTH || map.keys().any(|key| UNSUPPORTED.contains(&key.as_str())) {
        return false;
    }
    if map.contains_key("$ref") {
        return map.keys().all(|key| key.starts_with('$'));
    }
    if let Some(Value::Array(values)) = map.get("enum") {
        count.enum_values += values.len();
    }
    if map.get("format").and_then(Value::as_str).is_some_and(|format| !FORMATS.contains(&format)) {
        return false;
    }
    if (is_type(map, "object") || map.contains_key("properties")) && !is_closed(map, count) {
        return false;
    }
    let mut passes = true;
    let deeper = depth + 1;
    each_child(map, &mut |child| {
        // `additionalProperties: false` is no schema to descend into, and was checked above.
        passes = passes && node(child, deeper, count);
    });
    passes
}

fn is_closed(map: &Map<String, Value>, count: &mut Count) -> bool {
    let required = map.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let properties = map.get("properties").and_then(Value::as_object);
    count.properties += properties.map_or(0, Map::len);
    map.get("additionalProperties") == Some(&Value::Bool(false))
        && properties.is_none_or(|properties| {
            properties.keys().all(|name| required.iter().any(|listed| listed == name))
        })
}

/// Levels of nesting; each object inside an object counts, and so do the arrays between them.
const MAX_DEPTH: usize = 10;

const FORMATS: [&str; 9] =
    ["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"];

const UNSUPPORTED: [&str; 18] = [
    "allOf",
    "contains",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "maxContains",
    "maxProperties",
    "minContains",
    "minProperties",
    "not",
    "oneOf",
    "patternProperties",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
];
