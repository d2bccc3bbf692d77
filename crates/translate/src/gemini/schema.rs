//! Google's `Schema` objects as JSON Schema.
//!
//! Only keyword positions are touched: a property called `format` or `nullable` is data and stays.
//! Schemas that are JSON Schema already (`parametersJsonSchema`) do not come here.

use byok_types::RawJson;
use serde_json::{Map, Value};

use super::wire::camel_case;

/// The JSON Schema that says what the `Schema` object `raw` says.
pub(super) fn json_schema(raw: &RawJson) -> Result<RawJson, serde_json::Error> {
    raw.read().map(|schema| RawJson::from_value(&convert(schema)))
}

fn convert(schema: Value) -> Value {
    let Value::Object(fields) = schema else {
        return schema;
    };
    let mut nullable = false;
    let mut order = Vec::new();
    let mut out = Map::with_capacity(fields.len());
    for (key, value) in fields {
        let key = camel_case(&key).into_owned();
        let value = match (key.as_str(), value) {
            ("nullable", value) => {
                nullable = value == Value::Bool(true);
                continue;
            }
            ("type", value) => match type_names(value) {
                Some(names) => names,
                None => continue,
            },
            // `enum` says nothing that the list itself does not say, and no other vendor knows it.
            ("format", Value::String(format)) if format.eq_ignore_ascii_case("enum") => continue,
            ("properties" | "patternProperties" | "$defs" | "definitions", value) => each_value(value),
            ("defs", value) => {
                out.insert("$defs".to_owned(), each_value(value));
                continue;
            }
            ("ref", Value::String(pointer)) => {
                out.insert("$ref".to_owned(), Value::String(pointer.replacen("#/defs/", "#/$defs/", 1)));
                continue;
            }
            ("items" | "additionalProperties" | "not", value @ Value::Object(_)) => convert(value),
            ("items" | "prefixItems" | "anyOf" | "oneOf" | "allOf", Value::Array(list)) => {
                list.into_iter().map(convert).collect()
            }
            ("propertyOrdering", value) => {
                order = value.as_array().cloned().unwrap_or_default();
                continue;
            }
            ("example", value) => {
                out.insert("examples".to_owned(), Value::Array(vec![value]));
                continue;
            }
            (
                "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties",
                Value::String(number),
            ) => number.parse::<u64>().map_or(Value::String(number), Value::from),
            (_, value) => value,
        };
        out.insert(key, value);
    }
    if let Some(Value::Object(properties)) = out.get_mut("properties") {
        put_in_order(properties, &order);
    }
    if nullable {
        allow_null(&mut out);
    }
    Value::Object(out)
}

/// Type names in lower case; none where the type is left open.
fn type_names(names: Value) -> Option<Value> {
    match names {
        Value::String(name) if name == "TYPE_UNSPECIFIED" => None,
        Value::String(name) => Some(Value::String(name.to_ascii_lowercase())),
        Value::Array(names) => Some(names.into_iter().filter_map(type_names).collect()),
        other => Some(other),
    }
}

fn each_value(schemas: Value) -> Value {
    match schemas {
        Value::Object(schemas) => {
            Value::Object(schemas.into_iter().map(|(name, schema)| (name, convert(schema))).collect())
        }
        other => other,
    }
}

/// JSON Schema has no word for the order of properties; models follow the order in which they stand.
fn put_in_order(properties: &mut Map<String, Value>, order: &[Value]) {
    let mut sorted = Map::with_capacity(properties.len());
    for name in order.iter().filter_map(Value::as_str) {
        sorted.extend(properties.shift_remove_entry(name));
    }
    sorted.append(properties);
    *properties = sorted;
}

/// JSON Schema says "or null" in the type, in the list of values and in the list of alternatives.
fn allow_null(schema: &mut Map<String, Value>) {
    match schema.get_mut("type") {
        Some(name @ Value::String(_)) => *name = Value::Array(vec![name.take(), "null".into()]),
        Some(Value::Array(names)) if !names.contains(&"null".into()) => names.push("null".into()),
        _ => {}
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    if let Some(Value::Array(branches)) = schema.get_mut("anyOf") {
        branches.push(serde_json::json!({ "type": "null" }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(schema: &str) -> String {
        json_schema(&RawJson::parse(schema).unwrap()).unwrap().get().to_owned()
    }

    #[test]
    fn pitfall_102_types_are_lower_case_null_is_a_type_and_format_enum_is_gone() {
        assert_eq!(
            converted(
                r#"{"type":"OBJECT","properties":{"unit":{"type":"STRING","format":"enum","enum":["c","f"],"nullable":true},
                   "when":{"any_of":[{"type":"STRING"},{"type":"INTEGER"}],"nullable":true},
                   "days":{"type":"ARRAY","items":{"type":"NUMBER"},"min_items":"1"}},"required":["unit"]}"#
            ),
            concat!(
                r#"{"type":"object","properties":{"unit":{"type":["string","null"],"enum":["c","f",null]},"#,
                r#""when":{"anyOf":[{"type":"string"},{"type":"integer"},{"type":"null"}]},"#,
                r#""days":{"type":"array","items":{"type":"number"},"minItems":1}},"required":["unit"]}"#
            )
        );
    }

    #[test]
    fn pitfall_94_properties_named_like_keywords_stay() {
        let schema = r#"{"type":"object","properties":{"type":{"type":"string"},"format":{"type":"string"},"nullable":{"type":"boolean"},"any_of":{"type":"string"},"propertyOrdering":{"type":"string"},"example":{"type":"string"},"ref":{"type":"string"}},"required":["type"]}"#;
        assert_eq!(converted(schema), schema);
    }

    #[test]
    fn the_order_of_properties_and_references_are_kept_in_json_schemas_words() {
        assert_eq!(
            converted(
                r##"{"type":"OBJECT","properties":{"a":{"ref":"#/defs/N"},"b":{"type":"STRING"},"c":{}},
                   "propertyOrdering":["b","a"],"defs":{"N":{"type":"NUMBER"}}}"##
            ),
            r##"{"type":"object","properties":{"b":{"type":"string"},"a":{"$ref":"#/$defs/N"},"c":{}},"$defs":{"N":{"type":"number"}}}"##
        );
    }
}
