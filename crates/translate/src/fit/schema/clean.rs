//! Rewrites a schema into the subset that a target takes (wire-format facts, 6.3).
//!
//! What a keyword cannot say any more is said in the description, so that the model still reads it.

use std::collections::BTreeSet;

use serde_json::{Map, Number, Value, json};

use super::{Rules, allow_null, is_type, refs};

/// The schema in the target's subset, and whether a constraint was lost as a keyword.
pub(super) fn clean(root: &Value, rules: Rules) -> (Value, bool) {
    let mut cleaner = Cleaner {
        rules,
        root,
        recursive: refs::recursive_defs(root),
        used: BTreeSet::new(),
        nodes_left: MAX_NODES,
        allowance: refs::Allowance::new(),
        lost: false,
    };
    let mut whole = cleaner.schema(root, 0, &mut Vec::new());
    let mut defs = Map::new();
    // Cleaning a definition may bring further ones into use.
    while let Some(name) = cleaner.used.iter().find(|name| !defs.contains_key(*name)).cloned() {
        let schema = root.pointer("/$defs").and_then(|defs| defs.get(&name)).cloned().unwrap_or_default();
        let schema = cleaner.schema(&schema, 1, &mut Vec::new());
        defs.insert(name, schema);
    }
    if let (false, Value::Object(map)) = (defs.is_empty(), &mut whole) {
        // In the order of the original, so that a clean schema stays as it was.
        let order = root.get("$defs").and_then(Value::as_object);
        let sorted: Map<String, Value> =
            order.into_iter().flatten().filter_map(|(name, _)| defs.remove_entry(name)).collect();
        map.insert("$defs".into(), Value::Object(sorted));
    }
    (whole, cleaner.lost)
}

/// One cleaning under way.
struct Cleaner<'a> {
    rules: Rules,
    root: &'a Value,
    /// Definitions that cannot stay references.
    recursive: BTreeSet<String>,
    /// Definitions that references left in place point at.
    used: BTreeSet<String>,
    nodes_left: usize,
    allowance: refs::Allowance,
    lost: bool,
}

impl Cleaner<'_> {
    /// Cleans one schema. `trail` holds the references that were followed to get here.
    fn schema(&mut self, schema: &Value, depth: usize, trail: &mut Vec<String>) -> Value {
        let Value::Object(map) = schema else {
            // `true` allows everything; so does what is no schema at all.
            return json!({});
        };
        if depth > MAX_DEPTH || self.nodes_left == 0 {
            self.lost = true;
            return json!({ "type": "object" });
        }
        self.nodes_left -= 1;
        if let Some(pointer) = map.get("$ref").and_then(Value::as_str) {
            return self.reference(pointer, map, depth, trail);
        }
        let before = trail.len();
        let merged = if map.contains_key("allOf") { self.merge_all_of(map, trail) } else { map.clone() };
        let cleaned = self.object(merged, depth, trail);
        trail.truncate(before);
        Value::Object(cleaned)
    }

    /// A reference stays where the target can follow it, and is put into place elsewhere.
    fn reference(
        &mut self,
        pointer: &str,
        map: &Map<String, Value>,
        depth: usize,
        trail: &mut Vec<String>,
    ) -> Value {
        if let Some(name) = refs::def_name(pointer)
            && depth > 0
            && map.keys().all(|key| key.starts_with('$'))
            && !self.recursive.contains(&name)
            && self.root.pointer("/$defs").is_some_and(|defs| defs.get(&name).is_some())
        {
            self.used.insert(name);
            return json!({ "$ref": pointer });
        }
        let mut siblings = map.clone();
        siblings.shift_remove("$ref");
        let turns = trail.iter().filter(|followed| *followed == pointer).count();
        let target = match refs::resolve(self.root, pointer) {
            Some(whole @ Value::Object(target)) if turns < MAX_TURNS && self.allowance.covers(whole) => {
                target
            }
            found => {
                self.lost |= found.is_none_or(|found| !found.is_boolean());
                let name = pointer.rsplit('/').next().unwrap_or_default();
                siblings.entry("type").or_insert_with(|| "object".into());
                if found.is_some_and(Value::is_object) {
                    siblings
                        .entry("description")
                        .or_insert_with(|| format!("Another {name}, nested in the same way.").into());
                }
                return Value::Object(self.object(siblings, depth, trail));
            }
        };
        for (key, value) in target {
            if key != "$defs" && key != "definitions" {
                siblings.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        trail.push(pointer.to_owned());
        // Each step counts as a level, so that no chain of references runs deep.
        let cleaned = self.schema(&Value::Object(siblings), depth + 1, trail);
        trail.pop();
        cleaned
    }

    /// One schema out of all that must hold at once.
    fn merge_all_of(&mut self, map: &Map<String, Value>, trail: &mut Vec<String>) -> Map<String, Value> {
        let mut merged = map.clone();
        let mut open = Vec::new();
        let unpack = |merged: &mut Map<String, Value>, open: &mut Vec<Value>| {
            if let Some(Value::Array(branches)) = merged.shift_remove("allOf") {
                open.extend(branches.into_iter().rev());
            }
        };
        unpack(&mut merged, &mut open);
        while let Some(branch) = open.pop() {
            if self.nodes_left == 0 {
                self.lost = true;
                break;
            }
            self.nodes_left -= 1;
            let Value::Object(mut branch) = branch else { continue };
            if let Some(Value::String(pointer)) = branch.shift_remove("$ref") {
                let turns = trail.iter().filter(|followed| **followed == pointer).count();
                if turns < MAX_TURNS
                    && let Some(target @ Value::Object(_)) = refs::resolve(self.root, &pointer)
                    && self.allowance.covers(target)
                {
                    trail.push(pointer);
                    open.push(target.clone());
                }
            }
            unpack(&mut branch, &mut open);
            for (key, value) in branch {
                join(&mut merged, key, value);
            }
        }
        merged
    }

    /// Cleans the keywords of a schema without a reference.
    fn object(
        &mut self,
        mut map: Map<String, Value>,
        depth: usize,
        trail: &mut Vec<String>,
    ) -> Map<String, Value> {
        let mut notes = Vec::new();
        self.prepare(&mut map, &mut notes);
        let mut out = Map::new();
        for (key, value) in std::mem::take(&mut map) {
            match (key.as_str(), value) {
                ("properties", Value::Object(named)) => {
                    let mut kept = Map::new();
                    for (name, value) in named {
                        // `false` allows nothing: there is no such property.
                        if value != Value::Bool(false) {
                            kept.insert(name, self.schema(&value, depth + 1, trail));
                        }
                    }
                    out.insert(key, Value::Object(kept));
                }
                ("items", Value::Array(tuple)) => {
                    out.insert(key, self.any_of(&tuple, depth, trail));
                }
                ("items", value) => {
                    out.insert(key, self.schema(&value, depth + 1, trail));
                }
                ("prefixItems", Value::Array(tuple)) if self.rules == Rules::Gemini => {
                    let cleaned = tuple.iter().map(|item| self.schema(item, depth + 1, trail)).collect();
                    out.insert(key, Value::Array(cleaned));
                }
                ("anyOf", Value::Array(branches)) => {
                    if !branches.is_empty() {
                        let cleaned = branches.iter().map(|b| self.schema(b, depth + 1, trail)).collect();
                        out.insert(key, Value::Array(cleaned));
                    }
                }
                ("additionalProperties", value) => self.additional(value, &mut out, depth, trail),
                (_, value) => self.keyword(key, value, &mut out, &mut notes),
            }
        }
        self.complete(&mut out, &mut notes);
        describe(&mut out, &notes);
        out
    }

    /// Renames keywords for which the subset has another word.
    fn prepare(&mut self, map: &mut Map<String, Value>, notes: &mut Vec<String>) {
        if !map.contains_key("anyOf") && map.get("oneOf").is_some_and(Value::is_array) {
            *map = std::mem::take(map)
                .into_iter()
                .map(|(key, value)| (if key == "oneOf" { "anyOf".to_owned() } else { key }, value))
                .collect();
        }
        if self.rules == Rules::Gemini {
            if let Some(value) = map.shift_remove("const")
                && !map.contains_key("enum")
            {
                map.insert("enum".into(), json!([value]));
            }
            self.exclusive_bound(map, "exclusiveMinimum", "minimum", 1, notes);
            self.exclusive_bound(map, "exclusiveMaximum", "maximum", -1, notes);
        } else if !map.contains_key("items")
            && let Some(tuple @ Value::Array(_)) = map.shift_remove("prefixItems")
        {
            map.insert("items".into(), tuple);
        }
    }

    /// For whole numbers, "more than 0" is "at least 1".
    fn exclusive_bound(
        &mut self,
        map: &mut Map<String, Value>,
        exclusive: &str,
        inclusive: &str,
        step: i64,
        notes: &mut Vec<String>,
    ) {
        let Some(bound) = map.shift_remove(exclusive) else { return };
        let whole = map.get("type").is_some_and(|name| name == "integer");
        match bound.as_i64().and_then(|bound| bound.checked_add(step)) {
            Some(bound) if whole && !map.contains_key(inclusive) => {
                map.insert(inclusive.to_owned(), Value::Number(Number::from(bound)));
            }
            _ => self.note(exclusive, &bound, notes),
        }
    }

    fn any_of(&mut self, branches: &[Value], depth: usize, trail: &mut Vec<String>) -> Value {
        let mut cleaned: Vec<Value> = Vec::new();
        for branch in branches {
            let branch = self.schema(branch, depth + 2, trail);
            if !cleaned.contains(&branch) {
                cleaned.push(branch);
            }
        }
        self.lost = true;
        match cleaned.len() {
            0 => json!({}),
            1 => cleaned.swap_remove(0),
            _ => json!({ "anyOf": cleaned }),
        }
    }

    fn additional(
        &mut self,
        value: Value,
        out: &mut Map<String, Value>,
        depth: usize,
        trail: &mut Vec<String>,
    ) {
        let value = match value {
            Value::Bool(open) => Value::Bool(open),
            value => self.schema(&value, depth + 1, trail),
        };
        out.insert("additionalProperties".into(), value);
    }

    /// A keyword whose value is no schema.
    fn keyword(&mut self, key: String, value: Value, out: &mut Map<String, Value>, notes: &mut Vec<String>) {
        let kept = match key.as_str() {
            "type" | "title" | "description" | "required" | "enum" => true,
            "const" => self.rules != Rules::Gemini,
            "format" => value.as_str().is_some_and(|format| self.formats().contains(&format)),
            "maximum" | "maxItems" | "minimum" | "propertyOrdering" => self.rules == Rules::Gemini,
            "minItems" => match self.rules {
                Rules::AnthropicStrict => matches!(value.as_u64(), Some(0 | 1)),
                rules => rules == Rules::Gemini,
            },
            "pattern" => value.as_str().is_some_and(|pattern| self.takes_pattern(pattern)),
            // Definitions are put back as far as they are used; annotations say nothing to a model.
            "$anchor" | "$comment" | "$defs" | "$id" | "$schema" | "additionalItems" | "definitions"
            | "deprecated" | "readOnly" | "writeOnly" => return,
            extension if extension.starts_with("x-") => return,
            _ => false,
        };
        if kept {
            out.insert(key, value);
        } else {
            self.note(&key, &value, notes);
        }
    }

    fn formats(&self) -> &'static [&'static str] {
        match self.rules {
            Rules::AnthropicStrict => {
                &["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"]
            }
            Rules::Cohere => &["date", "date-time", "time", "uuid"],
            _ => &["date-time", "double", "float", "int32", "int64"],
        }
    }

    fn takes_pattern(&self, pattern: &str) -> bool {
        match self.rules {
            Rules::AnthropicStrict => !["(?=", "(?!", "(?<"].iter().any(|look| pattern.contains(look)),
            Rules::Cohere => !["^", "$", "?=", "?!"].iter().any(|part| pattern.contains(part)),
            _ => false,
        }
    }

    /// Says in words what the keyword said.
    fn note(&mut self, key: &str, value: &Value, notes: &mut Vec<String>) {
        self.lost |= !matches!(key, "default" | "example" | "examples");
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if text.len() <= MAX_NOTE {
            notes.push(format!("{key}: {text}"));
        }
    }

    /// What must hold between the keywords of one schema.
    fn complete(&mut self, out: &mut Map<String, Value>, notes: &mut Vec<String>) {
        if self.rules == Rules::Gemini {
            self.plain_enum(out, notes);
            if is_type(out, "array") && !out.contains_key("items") && !out.contains_key("prefixItems") {
                out.insert("items".into(), json!({ "type": "string" }));
            }
        }
        if out.contains_key("properties") && !out.contains_key("type") {
            out.insert("type".into(), "object".into());
        }
        let names: Vec<String> = out
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::keys)
            .cloned()
            .collect();
        if let Some(required) = out.get_mut("required") {
            if let Value::Array(listed) = required {
                listed.retain(|name| name.as_str().is_some_and(|name| names.iter().any(|own| own == name)));
            }
            if required.as_array().is_none_or(Vec::is_empty) {
                out.shift_remove("required");
            }
        }
        if !is_type(out, "object") {
            return;
        }
        if self.rules == Rules::AnthropicStrict
            && out.get("additionalProperties") != Some(&Value::Bool(false))
        {
            self.lost |= out.contains_key("additionalProperties");
            out.insert("additionalProperties".into(), Value::Bool(false));
        }
        if let (Rules::Cohere, false, Some(first)) = (self.rules, out.contains_key("required"), names.first())
        {
            // Cohere refuses an object in which nothing is required.
            self.lost = true;
            out.insert("required".into(), json!([first]));
        }
    }

    /// Gemini's enums hold texts, or numbers.
    fn plain_enum(&mut self, out: &mut Map<String, Value>, notes: &mut Vec<String>) {
        let Some(listed) = out.get("enum") else { return };
        let values = listed.as_array().map_or(&[][..], Vec::as_slice);
        let nullable = values.contains(&Value::Null);
        let plain: Vec<Value> =
            values.iter().filter(|value| !value.is_null() && value.as_str() != Some("")).cloned().collect();
        let texts = plain.iter().all(Value::is_string);
        if plain.is_empty() || !(texts || plain.iter().all(Value::is_number)) {
            let listed = listed.clone();
            out.shift_remove("enum");
            self.note("enum", &listed, notes);
            return;
        }
        if plain.len() != values.len() {
            out.insert("enum".into(), Value::Array(plain));
        }
        if texts && !out.contains_key("type") {
            out.insert("type".into(), "string".into());
        }
        if nullable && !is_type(out, "null") {
            // The enum itself stays free of null.
            let listed = out.shift_remove("enum");
            allow_null(out);
            out.extend(listed.map(|listed| ("enum".to_owned(), listed)));
        }
    }
}

/// Adds one keyword of a branch to a schema in which both must hold.
fn join(merged: &mut Map<String, Value>, key: String, value: Value) {
    match (merged.get_mut(&key), value) {
        (None, value) => {
            merged.insert(key, value);
        }
        (Some(Value::Object(own)), Value::Object(more)) if key == "properties" => {
            for (name, value) in more {
                own.entry(name).or_insert(value);
            }
        }
        (Some(Value::Array(own)), Value::Array(more)) if key == "required" => {
            for name in more {
                if !own.contains(&name) {
                    own.push(name);
                }
            }
        }
        // The schema itself, or an earlier branch, has the word.
        (Some(_), _) => {}
    }
}

fn describe(out: &mut Map<String, Value>, notes: &[String]) {
    if notes.is_empty() {
        return;
    }
    let notes = notes.join("; ");
    let text = match out.get("description").and_then(Value::as_str) {
        Some(text) if !text.is_empty() => format!("{text} ({notes})"),
        _ => notes,
    };
    out.insert("description".into(), text.into());
}

/// Levels in what is built. Vendors refuse far less.
const MAX_DEPTH: usize = 48;
/// How often one reference may be followed on the way to one place.
const MAX_TURNS: usize = 3;
/// Schemas in what is built.
const MAX_NODES: usize = 10_000;
/// Characters of a value that is worth repeating in a description.
const MAX_NOTE: usize = 200;
