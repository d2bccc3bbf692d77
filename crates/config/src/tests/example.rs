//! The example file keeps its promises: it works as it stands, it shows the defaults, it shows every field,
//! and its examples work too.

use std::collections::{BTreeMap, BTreeSet};

use crate::yaml::{self, Node, Value};
use crate::{Config, parse, schema};

pub(super) const TEXT: &str = include_str!("../../../../config.example.yaml");

/// The file with every example switched on: an example is a line that starts with `#` and no or several
/// spaces, an explanation one that starts with `#` and one space.
fn with_examples() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && (!rest.starts_with(' ') || rest.starts_with("  ")) => {
            rest.to_owned()
        }
        _ => line.to_owned(),
    };
    TEXT.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The variables that the examples name, with something that fits all of them.
fn variables(name: &str) -> Option<String> {
    ["OPENAI_API_KEY", "COPILOT_CLIENT_SECRET", "BYOK_CI_KEY"]
        .contains(&name)
        .then(|| "byk_0123456789abcdef".to_owned())
}

#[test]
fn it_works_as_it_stands_and_shows_the_defaults() {
    let config = parse(TEXT, &|name| panic!("{name} is asked for by an example")).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
}

#[test]
fn its_examples_work() {
    let config = match parse(&with_examples(), &variables) {
        Ok(config) => config,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(config.providers.len(), 5);
    assert_eq!(config.keys.len(), 1);
    assert_eq!(config.aliases.len(), 2);
}

#[test]
fn it_shows_every_field() {
    let root = yaml::read(&with_examples()).unwrap().unwrap();
    let mut shown = BTreeMap::new();
    collect(&root, "", &mut shown);
    for (group, known) in [
        ("", schema::ROOT),
        (".providers.*", schema::PROVIDER),
        (".providers.*.models", schema::MODEL),
        (".providers.*.oauth", schema::OAUTH),
        (".keys", schema::KEY),
        (".timeouts", schema::TIMEOUTS),
        (".streaming", schema::STREAMING),
        (".limits", schema::LIMITS),
        (".log", schema::LOG),
    ] {
        let known: BTreeSet<_> = known.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(shown.get(group), Some(&known), "{group}");
    }
}

/// The names that occur in each group of fields; what the person names is `*` in the group's path.
fn collect(node: &Node, path: &str, shown: &mut BTreeMap<String, BTreeSet<String>>) {
    match &node.value {
        Value::Map(entries) => {
            for (key, node) in entries {
                let names = shown.entry(path.to_owned()).or_default();
                names.insert(key.text.clone());
                let name = if path == ".providers" { "*" } else { &key.text };
                collect(node, &format!("{path}.{name}"), shown);
            }
        }
        Value::List(items) => {
            for item in items {
                collect(item, path, shown);
            }
        }
        Value::Null | Value::Scalar(_) => {}
    }
}

/// A field that is known but never read would be a setting that does nothing.
#[test]
fn every_known_field_is_read() {
    // No field takes a list of lists.
    for (before, known, after) in [
        ("", schema::ROOT, ""),
        ("providers: { p: { ", schema::PROVIDER, " } }"),
        ("providers: { p: { models: [{ ", schema::MODEL, " }] } }"),
        ("providers: { p: { oauth: { ", schema::OAUTH, " } } }"),
        ("keys: [{ ", schema::KEY, " }]"),
        ("timeouts: { ", schema::TIMEOUTS, " }"),
        ("streaming: { ", schema::STREAMING, " }"),
        ("limits: { ", schema::LIMITS, " }"),
        ("log: { ", schema::LOG, " }"),
    ] {
        for name in known {
            let text = format!("{before}{name}: [[x]]{after}");
            let message = parse(&text, &variables).unwrap_err().to_string();
            let at = format!("{name}: expected");
            let in_list = format!("{name}[0]: expected");
            assert!(message.contains(&at) || message.contains(&in_list), "{message}");
        }
    }
}
