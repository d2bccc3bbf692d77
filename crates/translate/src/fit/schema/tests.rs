use proptest::prelude::*;

use super::*;
use crate::fit::arbitrary;

fn raw(text: &str) -> RawJson {
    RawJson::parse(text).unwrap()
}

fn function(text: &str, rules: Rules) -> String {
    for_function(&raw(text), rules).schema.map_or_else(|| "none".to_owned(), |schema| schema.get().to_owned())
}

fn gemini(text: &str) -> Value {
    for_output(&raw(text), Rules::Gemini).schema.unwrap().to_value()
}

/// A tool as Claude Code declares it.
const READ: &str = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"file_path":{"type":"string","description":"The absolute path"},"offset":{"type":"integer","exclusiveMinimum":0,"maximum":9007199254740991},"limit":{"type":"number","exclusiveMinimum":0},"url":{"type":"string","format":"uri"},"mode":{"enum":["a","b"],"type":"string","default":"a"},"pages":{"type":"array","items":{"type":"string","minLength":1},"minItems":1,"uniqueItems":true}},"required":["file_path"],"additionalProperties":false}"#;

/// A tool as MCP servers declare them.
const NESTED: &str = r##"{"type":"object","$defs":{"Filter":{"type":"object","properties":{"field":{"type":"string"},"value":{"oneOf":[{"type":"string"},{"type":"null"}]}},"required":["field"]},"Node":{"type":"object","properties":{"children":{"type":"array","items":{"$ref":"#/$defs/Node"}}}}},"properties":{"filter":{"$ref":"#/$defs/Filter"},"described":{"$ref":"#/$defs/Filter","description":"Another"},"root":{"$ref":"#/$defs/Node"},"kind":{"const":"issue"},"on":{"const":true},"all":{"allOf":[{"$ref":"#/$defs/Filter"},{"properties":{"more":{"type":"integer"}},"required":["more"]}]}},"required":["filter"]}"##;

#[test]
fn what_a_target_takes_as_it_is_keeps_its_bytes() {
    let plain = r#"{ "type": "object", "properties": {"a": {"type":"number","minimum":1.0,"pattern":"x"}}, "required":["a"] }"#;
    assert_eq!(function(plain, Rules::Plain), plain);
    assert_eq!(function(plain, Rules::Openai), plain);
    assert_eq!(function(READ, Rules::Plain), READ);
    assert_eq!(function(READ, Rules::Openai), READ);
    let simple = r#"{"type": "object", "properties": {"a": {"type": "string", "description": "x"}}, "required": ["a"]}"#;
    assert_eq!(function(simple, Rules::Gemini), simple);
}

#[test]
fn pitfall_93_a_coding_agents_tool_is_cleaned_for_gemini() {
    assert_eq!(
        function(READ, Rules::Gemini),
        r#"{"type":"object","properties":{"file_path":{"type":"string","description":"The absolute path"},"offset":{"type":"integer","maximum":9007199254740991,"minimum":1},"limit":{"type":"number","description":"exclusiveMinimum: 0"},"url":{"type":"string","description":"format: uri"},"mode":{"enum":["a","b"],"type":"string","description":"default: a"},"pages":{"type":"array","items":{"type":"string","description":"minLength: 1"},"minItems":1,"description":"uniqueItems: true"}},"required":["file_path"],"additionalProperties":false}"#
    );
}

#[test]
fn references_stay_where_they_can_and_circles_are_cut_at_depth_three() {
    let schema = for_function(&raw(NESTED), Rules::Gemini).schema.unwrap().to_value();
    let property = |name: &str| schema["properties"][name].clone();
    assert_eq!(property("filter"), json!({ "$ref": "#/$defs/Filter" }));
    assert_eq!(schema["$defs"].as_object().unwrap().keys().collect::<Vec<_>>(), ["Filter"]);
    assert_eq!(
        schema["$defs"]["Filter"]["properties"]["value"],
        json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] })
    );
    assert_eq!(property("described")["description"], "Another");
    assert_eq!(property("described")["properties"]["field"], json!({ "type": "string" }));
    let cut = &property("root")["properties"]["children"]["items"]["properties"]["children"]["items"]["properties"]
        ["children"]["items"];
    assert_eq!(*cut, json!({ "type": "object", "description": "Another Node, nested in the same way." }));
    assert_eq!(property("kind"), json!({ "enum": ["issue"], "type": "string" }));
    assert_eq!(property("on"), json!({ "description": "enum: [true]" }));
    let all = property("all");
    assert_eq!(all["required"], json!(["field", "more"]));
    assert_eq!(all["properties"].as_object().unwrap().len(), 3);
}

#[test]
fn pitfall_94_property_names_are_data() {
    let schema = r#"{"type":"object","properties":{"const":{"type":"string"},"format":{"type":"string"},"$ref":{"type":"string"},"pattern":{"type":"integer"},"properties":{"type":"object","properties":{"not":{"type":"string"}}},"nullable":{"type":"boolean"}},"required":["$ref","format"]}"#;
    for rules in [Rules::Gemini, Rules::Cohere, Rules::Plain, Rules::Openai] {
        let shaped = function(schema, rules);
        let properties = raw(&shaped).to_value()["properties"].clone();
        let names: Vec<_> = properties.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["const", "format", "$ref", "pattern", "properties", "nullable"], "{rules:?}");
    }
    assert_eq!(function(schema, Rules::Gemini), schema);
}

#[test]
fn pitfall_95_required_names_arrays_and_enums_are_repaired() {
    let cleaned = gemini(
        r#"{"type":"object","properties":{"list":{"type":"array"},"pair":{"type":"array","items":[{"type":"string"},{"type":"integer"}]},"n":{"type":"integer","enum":[1,2]},"mixed":{"enum":["a",1]},"maybe":{"type":"string","enum":["a",null,""]},"no":false,"any":true},"required":["list","gone","no"]}"#,
    );
    let properties = &cleaned["properties"];
    assert_eq!(properties["list"], json!({ "type": "array", "items": { "type": "string" } }));
    assert_eq!(
        properties["pair"]["items"],
        json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] })
    );
    assert_eq!(properties["n"], json!({ "type": "integer", "enum": [1, 2] }));
    assert_eq!(properties["mixed"], json!({ "description": "enum: [\"a\",1]" }));
    assert_eq!(properties["maybe"], json!({ "type": ["string", "null"], "enum": ["a"] }));
    assert_eq!(properties["any"], json!({}));
    assert!(properties.get("no").is_none());
    assert_eq!(cleaned["required"], json!(["list"]));
}

#[test]
fn pitfall_102_geminis_own_spelling_becomes_json_schema() {
    let schema = r#"{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true,"format":"enum","enum":["x"]},"b":{"type":"ARRAY","items":{"type":"INTEGER"}}}}"#;
    assert_eq!(
        function(schema, Rules::Plain),
        r#"{"type":"object","properties":{"a":{"type":["string","null"],"enum":["x",null]},"b":{"type":"array","items":{"type":"integer"}}}}"#
    );
}

#[test]
fn pitfall_78_the_root_is_an_object_with_properties() {
    let cases = [
        (r#"{"type":"object"}"#, r#"{"type":"object","properties":{}}"#),
        (r#"{"properties":{"a":{}}}"#, r#"{"properties":{"a":{}},"type":"object"}"#),
        (r#"{"type":["object","null"],"properties":{}}"#, r#"{"type":"object","properties":{}}"#),
        (r#"{"type":"string"}"#, r#"{"type":"object","properties":{}}"#),
        (
            r#"{"anyOf":[{"properties":{"a":{"type":"string"},"k":{"const":1}},"required":["a","k"]},{"properties":{"b":{"type":"string"},"k":{"const":2}},"required":["k"]}]}"#,
            r#"{"properties":{"a":{"type":"string"},"k":{"anyOf":[{"const":1},{"const":2}]},"b":{"type":"string"}},"required":["k"],"type":"object"}"#,
        ),
        (
            r##"{"$ref":"#/$defs/In","$defs":{"In":{"type":"object","properties":{"a":{}},"required":["a"]}}}"##,
            r#"{"$defs":{"In":{"type":"object","properties":{"a":{}},"required":["a"]}},"type":"object","properties":{"a":{}},"required":["a"]}"#,
        ),
        (
            r##"{"allOf":[{"$ref":"#/$defs/A"},{"properties":{"b":{}},"required":["b"]}],"$defs":{"A":{"allOf":[{"properties":{"a":{}},"required":["a"]}]}}}"##,
            r#"{"$defs":{"A":{"allOf":[{"properties":{"a":{}},"required":["a"]}]}},"properties":{"a":{},"b":{}},"required":["a","b"],"type":"object"}"#,
        ),
    ];
    for (before, after) in cases {
        assert_eq!(function(before, Rules::Plain), after);
    }
}

#[test]
fn openai_wants_to_know_what_is_in_an_array() {
    let schema = r#"{"type":"object","properties":{"a":{"type":"array"}}}"#;
    assert_eq!(
        function(schema, Rules::Openai),
        r#"{"type":"object","properties":{"a":{"type":"array","items":{}}}}"#
    );
    assert_eq!(function(schema, Rules::Plain), schema);
}

#[test]
fn anthropics_strict_subset_closes_objects_and_moves_constraints_into_words() {
    let schema = r#"{"type":"object","properties":{"email":{"type":"string","format":"email","maxLength":9},"tags":{"type":"array","items":{"type":"string"},"minItems":2},"one":{"type":"array","minItems":1,"items":{"type":"object","properties":{}}},"code":{"type":"string","pattern":"^(?=x)"},"plain":{"type":"string","pattern":"^x$"},"k":{"const":1}}}"#;
    let Shaped { schema, simplified } = for_function(&raw(schema), Rules::AnthropicStrict);
    let cleaned = schema.unwrap().to_value();
    assert!(simplified);
    assert_eq!(cleaned["additionalProperties"], json!(false));
    let properties = &cleaned["properties"];
    assert_eq!(
        properties["email"],
        json!({ "type": "string", "format": "email", "description": "maxLength: 9" })
    );
    assert_eq!(properties["tags"]["description"], "minItems: 2");
    assert_eq!(properties["one"]["items"]["additionalProperties"], json!(false));
    assert_eq!(properties["one"]["minItems"], json!(1));
    assert!(properties["code"].get("pattern").is_none());
    assert_eq!(properties["plain"]["pattern"], "^x$");
    assert_eq!(properties["k"], json!({ "const": 1 }));
}

#[test]
fn cohere_gets_its_subset_and_something_required() {
    let schema = r#"{"type":"object","properties":{"a":{"type":"string","format":"email","pattern":"^x"},"b":{"oneOf":[{"type":"string"},{"type":"integer","minimum":1}]}}}"#;
    assert_eq!(
        function(schema, Rules::Cohere),
        r#"{"type":"object","properties":{"a":{"type":"string","description":"format: email; pattern: ^x"},"b":{"anyOf":[{"type":"string"},{"type":"integer","description":"minimum: 1"}]}},"required":["a"]}"#
    );
}

#[test]
fn openai_strict_takes_closed_objects_and_nothing_else() {
    let passes = |text: &str| passes_openai_strict(&raw(text));
    let closed = |inner: &str| {
        format!(
            r#"{{"type":"object","properties":{{"a":{inner}}},"required":["a"],"additionalProperties":false}}"#
        )
    };
    for good in [
        r#"{"type":"string","enum":["x"]}"#,
        r#"{"type":["string","null"],"pattern":"x","format":"date"}"#,
        r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#,
        r##"{"$ref":"#"}"##,
        r#"{"type":"array","items":{"type":"integer","minimum":1}}"#,
    ] {
        assert!(passes(&closed(good)), "{good}");
    }
    for bad in [
        r#"{"oneOf":[{"type":"string"}]}"#,
        r##"{"$ref":"#","description":"x"}"##,
        r#"{"type":"string","format":"uri"}"#,
        r#"{"type":"object","properties":{}}"#,
        r#"{"type":"object","properties":{"b":{"type":"string"}},"additionalProperties":false}"#,
        r#"{"type":"array","uniqueItems":true,"items":{"type":"string"}}"#,
        "true",
    ] {
        assert!(!passes(&closed(bad)), "{bad}");
    }
    assert!(!passes(r#"{"type":"array","items":{"type":"string"}}"#));
    assert!(!passes(r#"{"type":"object","anyOf":[],"additionalProperties":false}"#));
    let mut deep = r#"{"type":"string"}"#.to_owned();
    for _ in 0..12 {
        deep = closed(&deep);
    }
    assert!(!passes(&deep));
}

#[test]
fn hostile_schemas_end_in_good_time_and_size() {
    // Every definition doubles the one before it.
    let mut defs = vec![r#""d0":{"type":"string"}"#.to_owned()];
    for i in 1..60 {
        let before = i - 1;
        defs.push(format!(
            r##""d{i}":{{"type":"object","properties":{{"a":{{"$ref":"#/definitions/d{before}"}},"b":{{"$ref":"#/definitions/d{before}"}}}}}}"##
        ));
    }
    let bomb = format!(r##"{{"$ref":"#/definitions/d59","definitions":{{{}}}}}"##, defs.join(","));
    let cleaned = for_output(&raw(&bomb), Rules::Gemini).schema.unwrap();
    assert!(cleaned.get().len() < 2_000_000);

    // A long chain of references, and circles of nothing but references.
    let chain: Vec<String> =
        (0..5000).map(|i| format!(r##""c{i}":{{"$ref":"#/$defs/c{}"}}"##, (i + 1) % 5000)).collect();
    let chain = format!(r##"{{"$ref":"#/$defs/c0","$defs":{{{}}}}}"##, chain.join(","));
    for rules in [Rules::AnthropicStrict, Rules::Cohere, Rules::Gemini, Rules::Openai, Rules::Plain] {
        assert!(for_function(&raw(&chain), rules).schema.is_some() || rules == Rules::Gemini);
    }

    // One heavy definition that is asked for everywhere.
    let heavy = "x".repeat(100_000);
    let refs: Vec<String> = (0..2000).map(|i| format!(r##""p{i}":{{"$ref":"#/definitions/h"}}"##)).collect();
    let heavy = format!(
        r#"{{"type":"object","properties":{{{}}},"definitions":{{"h":{{"enum":["{heavy}"]}}}}}}"#,
        refs.join(",")
    );
    let cleaned = for_output(&raw(&heavy), Rules::Gemini).schema.unwrap();
    assert!(cleaned.get().len() < 2_000_000);

    // Nesting past what is parsed.
    let deep = format!("{}{{}}{}", r#"{"items":"#.repeat(500), "}".repeat(500));
    assert_eq!(for_function(&raw(&deep), Rules::Gemini), Shaped { schema: None, simplified: true });
}

fn keywords_are_known(schema: &Value) -> bool {
    const KNOWN: [&str; 20] = [
        "$defs",
        "$ref",
        "additionalProperties",
        "anyOf",
        "description",
        "enum",
        "format",
        "items",
        "maxItems",
        "maximum",
        "minItems",
        "minimum",
        "prefixItems",
        "properties",
        "propertyOrdering",
        "required",
        "title",
        "type",
        "$id",
        "$anchor",
    ];
    let Value::Object(map) = schema else { return schema.is_boolean() };
    map.iter().all(|(key, value)| {
        KNOWN.contains(&key.as_str())
            && match (place_of(key), value) {
                (Place::Schema | Place::List, Value::Array(list)) => list.iter().all(keywords_are_known),
                (Place::Schema, value) => keywords_are_known(value),
                (Place::Named, Value::Object(named)) => named.values().all(keywords_are_known),
                _ => true,
            }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_shaped_schema_stays_as_it_is(
        schema in arbitrary::schema(),
        rules in proptest::sample::select(vec![
            Rules::AnthropicStrict, Rules::Cohere, Rules::Gemini, Rules::Openai, Rules::Plain,
        ]),
    ) {
        if let Some(once) = for_function(&schema, rules).schema {
            prop_assert_eq!(for_function(&once, rules).schema, Some(once.clone()));
        }
        if let Some(once) = for_output(&schema, rules).schema {
            prop_assert_eq!(for_output(&once, rules).schema, Some(once.clone()));
        }
    }

    #[test]
    fn gemini_gets_only_keywords_that_it_lists(schema in arbitrary::schema()) {
        if let Some(cleaned) = for_function(&schema, Rules::Gemini).schema {
            prop_assert!(keywords_are_known(&cleaned.to_value()), "{}", cleaned.get());
        }
    }
}
