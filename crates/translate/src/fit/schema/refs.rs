//! References inside a schema: what they point at, and which of them run in circles.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Place, place_of};

/// How much may be copied from one place of a schema to others, in about bytes.
#[derive(Debug)]
pub(super) struct Allowance(usize);

impl Allowance {
    pub(super) fn new() -> Self {
        Self(512 * 1024)
    }

    /// Whether `value` may be copied once more. After the first that may not, nothing may, so that a
    /// schema cannot make byok weigh the same piece for ever.
    pub(super) fn covers(&mut self, value: &Value) -> bool {
        let covered = weigh(value, &mut self.0);
        if !covered {
            self.0 = 0;
        }
        covered
    }
}

/// Takes the value's weight off `left`; `false` once there is nothing left.
fn weigh(value: &Value, left: &mut usize) -> bool {
    let own = match value {
        Value::String(text) => text.len(),
        Value::Object(map) => map.keys().map(String::len).sum(),
        _ => 0,
    };
    match left.checked_sub(own + 8) {
        Some(rest) => *left = rest,
        None => return false,
    }
    match value {
        Value::Array(list) => list.iter().all(|value| weigh(value, left)),
        Value::Object(map) => map.values().all(|value| weigh(value, left)),
        _ => true,
    }
}

/// What `pointer` (`#`, `#/$defs/Name`, `#/properties/a~1b`) names inside `root`.
pub(super) fn resolve<'a>(root: &'a Value, pointer: &str) -> Option<&'a Value> {
    let path = pointer.strip_prefix('#')?;
    if path.is_empty() {
        return Some(root);
    }
    let decoded = percent_decode(path)?;
    // `Value::pointer` undoes `~1` and `~0`.
    root.pointer(&decoded)
}

/// The name in `#/$defs/Name`, as it stands in the document.
pub(super) fn def_name(pointer: &str) -> Option<String> {
    let name = percent_decode(pointer.strip_prefix("#/$defs/")?)?;
    (!name.contains('/')).then(|| name.replace("~1", "/").replace("~0", "~"))
}

/// The definitions from which references run in a circle.
pub(super) fn recursive_defs(root: &Value) -> BTreeSet<String> {
    let Some(defs) = root.get("$defs").and_then(Value::as_object) else { return BTreeSet::new() };
    let mut referrers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut open_targets: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, schema) in defs {
        let mut targets = BTreeSet::new();
        collect(schema, &mut targets);
        targets.retain(|target| defs.contains_key(target));
        open_targets.insert(name, targets.len());
        for target in targets {
            referrers.entry(target).or_default().push(name);
        }
    }
    // Whoever refers only to what leads nowhere leads nowhere; who is never reached so runs in a circle.
    let mut ends: Vec<&str> =
        open_targets.iter().filter(|(_, open)| **open == 0).map(|(name, _)| *name).collect();
    let mut circular: BTreeSet<String> = defs.keys().cloned().collect();
    while let Some(name) = ends.pop() {
        circular.remove(name);
        for referrer in referrers.get(name).into_iter().flatten() {
            if let Some(open) = open_targets.get_mut(referrer) {
                *open -= 1;
                if *open == 0 {
                    ends.push(referrer);
                }
            }
        }
    }
    circular
}

/// The definitions that a schema refers to.
fn collect(schema: &Value, into: &mut BTreeSet<String>) {
    let Value::Object(map) = schema else { return };
    into.extend(map.get("$ref").and_then(Value::as_str).and_then(def_name));
    children(map, &mut |child| collect(child, into));
}

fn children(map: &Map<String, Value>, visit: &mut dyn FnMut(&Value)) {
    for (key, value) in map {
        match (place_of(key), value) {
            (Place::Schema, value @ Value::Object(_)) => visit(value),
            (Place::Schema | Place::List, Value::Array(list)) => list.iter().for_each(&mut *visit),
            (Place::Named, Value::Object(named)) => named.values().for_each(&mut *visit),
            _ => {}
        }
    }
}

fn percent_decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let hex = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(str::from_utf8(&hex).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
