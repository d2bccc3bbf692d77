//! A value that fits a JSON schema: what a model that calls a tool would come up with.
//!
//! Bounded in depth, so a schema that refers to itself ends.

use serde_json::{Map, Value, json};

/// How deep values are made; below it only scalars.
const DEPTH: usize = 6;

/// A value for `schema`. `word` is used wherever any text will do.
pub(super) fn example(schema: &Value, word: &str) -> Value {
    value(schema, schema, word, DEPTH)
}

fn value(schema: &Value, root: &Value, word: &str, depth: usize) -> Value {
    let given = |name| schema.get(name);
    if let Some(fixed) = given("const").or_else(|| given("default")).or_else(|| given("example")) {
        return fixed.clone();
    }
    if let Some(first) = given("enum").and_then(|choices| choices.get(0)) {
        return first.clone();
    }
    if depth == 0 {
        return Value::Null;
    }
    if let Some(target) = given("$ref").and_then(Value::as_str) {
        let found = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return found.map_or(Value::Null, |schema| value(schema, root, word, depth - 1));
    }
    for name in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = given(name).and_then(|choices| choices.get(0)) {
            return value(first, root, word, depth - 1);
        }
    }
    match kind(schema).as_str() {
        "array" => {
            let item =
                given("items").map_or_else(|| json!(word), |items| value(items, root, word, depth - 1));
            json!([item])
        }
        "boolean" => json!(true),
        "integer" => json!(given("minimum").and_then(Value::as_i64).unwrap_or(1)),
        "null" => Value::Null,
        "number" => json!(given("minimum").and_then(Value::as_f64).unwrap_or(1.0)),
        "string" => json!(word),
        _ => object(schema, root, word, depth),
    }
}

/// The required fields, or all of them if none is required.
fn object(schema: &Value, root: &Value, word: &str, depth: usize) -> Value {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return json!({});
    };
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let fields: Map<String, Value> = properties
        .iter()
        .filter(|(name, _)| required.is_empty() || required.contains(&name.as_str()))
        .map(|(name, schema)| (name.clone(), value(schema, root, word, depth - 1)))
        .collect();
    Value::Object(fields)
}

/// The type in lower case (Gemini writes it in upper case); of several the first that is not null.
fn kind(schema: &Value) -> String {
    let name = match schema.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    };
    name.unwrap_or("object").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_fields_are_filled() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 3},
                "unit": {"enum": ["C", "F"]},
                "note": {"type": ["null", "string"]},
            },
            "required": ["city", "days", "unit"],
        });
        assert_eq!(example(&schema, "Oslo"), json!({"city": "Oslo", "days": 3, "unit": "C"}));
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({
            "$ref": "#/$defs/node",
            "$defs": {"node": {"type": "OBJECT", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        });
        assert!(example(&schema, "x").to_string().len() < 100);
    }

    #[test]
    fn no_schema_is_an_empty_object() {
        assert_eq!(example(&json!({}), "x"), json!({}));
    }
}
