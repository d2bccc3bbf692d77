//! Makes the root of a tool's schema an object with properties, which every vendor asks for.

use serde_json::{Map, Value, json};

use super::refs;

/// What [`make_object`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Whether anything is different.
    pub(super) changed: bool,
    /// Whether alternatives at the root, or a root of another type, had to be given up.
    pub(super) lost: bool,
}

/// Changes `schema` so that its root is an object with `properties`.
pub(super) fn make_object(schema: &mut Map<String, Value>) -> Change {
    let mut lost = false;
    let mut changed = follow(schema);
    for keyword in ["allOf", "anyOf", "oneOf"] {
        if let Some(Value::Array(branches)) = schema.shift_remove(keyword) {
            lost = true;
            merge(schema, branches, keyword == "allOf");
        }
    }
    for keyword in ["const", "enum", "not"] {
        lost |= schema.shift_remove(keyword).is_some();
    }
    let is_object = match schema.get("type") {
        Some(Value::String(name)) => name == "object",
        Some(Value::Array(names)) => {
            lost |= !names.iter().any(|name| name == "object");
            false
        }
        _ => false,
    };
    if !is_object {
        changed = true;
        lost |= matches!(schema.get("type"), Some(Value::String(_)));
        schema.insert("type".into(), "object".into());
    }
    if !schema.get("properties").is_some_and(Value::is_object) {
        changed = true;
        schema.insert("properties".into(), json!({}));
    }
    Change { changed: changed || lost, lost }
}

/// Puts what the root refers to into the root itself. Returns whether it referred to anything.
fn follow(schema: &mut Map<String, Value>) -> bool {
    // A chain longer than this is a circle.
    for step in 0..8 {
        let Some(pointer) = schema.shift_remove("$ref") else { return step > 0 };
        let whole = Value::Object(schema.clone());
        let target = pointer.as_str().and_then(|pointer| refs::resolve(&whole, pointer));
        let Some(Value::Object(target)) = target else { return true };
        for (key, value) in target {
            schema.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    schema.shift_remove("$ref");
    true
}

/// Puts the properties of all `branches` into `schema`. What `all` of them require is required; of
/// alternatives, only what each of them requires.
fn merge(schema: &mut Map<String, Value>, branches: Vec<Value>, all: bool) {
    let whole = Value::Object(schema.clone());
    let mut required: Option<Vec<Value>> = None;
    let mut steps_left = MAX_BRANCHES;
    let mut allowance = refs::Allowance::new();
    for branch in branches {
        let mut own = Vec::new();
        let mut open = vec![branch];
        // A branch may be a reference, or a conjunction of its own.
        while let (Some(part), 1..) = (open.pop(), steps_left) {
            steps_left -= 1;
            let Value::Object(mut part) = part else { continue };
            if let Some(Value::String(pointer)) = part.shift_remove("$ref") {
                let target = refs::resolve(&whole, &pointer).filter(|target| allowance.covers(target));
                open.extend(target.cloned());
            }
            if let Some(Value::Array(inner)) = part.shift_remove("allOf") {
                open.extend(inner);
            }
            take_over(schema, part, &mut own);
        }
        required = Some(match required {
            None => own,
            Some(mut seen) if all => {
                seen.extend(own);
                seen
            }
            Some(seen) => seen.into_iter().filter(|name| own.contains(name)).collect(),
        });
    }
    let Some(more) = required.filter(|names| !names.is_empty()) else { return };
    let mut names = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for name in more {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    schema.insert("required".into(), Value::Array(names));
}

/// Adds what one piece of a branch says to `schema`, and what it requires to `required`.
fn take_over(schema: &mut Map<String, Value>, mut part: Map<String, Value>, required: &mut Vec<Value>) {
    if let Some(Value::Array(names)) = part.shift_remove("required") {
        required.extend(names);
    }
    if let Some(Value::Object(named)) = part.shift_remove("properties") {
        if !schema.get("properties").is_some_and(Value::is_object) {
            schema.insert("properties".into(), json!({}));
        }
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            named.into_iter().for_each(|(name, value)| add_property(properties, name, value));
        }
    }
    if let (None, Some(text)) = (schema.get("description"), part.shift_remove("description")) {
        schema.insert("description".into(), text);
    }
}

/// A property that two branches describe differently may be either.
fn add_property(properties: &mut Map<String, Value>, name: String, value: Value) {
    match properties.get_mut(&name) {
        None => {
            properties.insert(name, value);
        }
        Some(known) if *known == value => {}
        Some(known) => match known.get_mut("anyOf").and_then(Value::as_array_mut) {
            Some(branches) if branches.contains(&value) => {}
            Some(branches) => branches.push(value),
            None => *known = json!({ "anyOf": [known.take(), value] }),
        },
    }
}

/// Pieces of alternatives that are looked at.
const MAX_BRANCHES: usize = 1000;
