//! The crate graph is a rule, not a habit: an edge that ARCHITECTURE.md does not allow fails here.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Which crates of ours each one may use.
const OURS: &[(&str, &[&str])] = &[
    ("byok-types", &[]),
    ("byok-config", &["byok-types"]),
    ("byok-store", &["byok-types"]),
    ("byok-translate", &["byok-types"]),
    ("byok-auth", &["byok-types", "byok-store"]),
    ("byok-provider", &["byok-types", "byok-config", "byok-translate", "byok-auth"]),
    (
        "byok-proxy",
        &["byok-types", "byok-config", "byok-store", "byok-auth", "byok-translate", "byok-provider"],
    ),
];

/// Which crates may use a foreign one directly.
const FOREIGN: &[(&str, &[&str])] = &[
    ("rusqlite", &["byok-store"]),
    ("axum", &["byok-proxy", "byok"]),
    ("clap", &["byok"]),
    ("serde-saphyr", &["byok-config"]),
    ("notify", &["byok-config"]),
];

/// What sans-I/O crates must not even have in reach.
const NO_IO: &[&str] = &["tokio", "hyper", "reqwest", "axum", "rusqlite", "mio", "socket2"];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .expect("cargo runs");
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

/// The normal dependencies of every package of the workspace.
fn edges() -> Vec<(String, BTreeSet<String>)> {
    let metadata = metadata();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies");
            let normal = dependencies.iter().filter(|dependency| dependency["kind"].is_null());
            (text(&package["name"]), normal.map(|dependency| text(&dependency["name"])).collect())
        })
        .collect()
}

#[test]
fn crates_use_only_what_their_place_allows() {
    let edges = edges();
    for (name, allowed) in OURS {
        let (_, uses) = edges.iter().find(|(package, _)| package == name).expect("the crate exists");
        for dependency in uses.iter().filter(|dependency| dependency.starts_with("byok")) {
            assert!(allowed.contains(&dependency.as_str()), "{name} must not use {dependency}");
        }
    }
    for (package, uses) in &edges {
        for (foreign, allowed) in FOREIGN {
            let fine = !uses.contains(*foreign) || allowed.contains(&package.as_str());
            assert!(fine, "{package} must not use {foreign}: only {allowed:?} may");
        }
    }
}

#[test]
fn words_and_translation_have_no_io_in_reach() {
    for package in ["byok-types", "byok-translate"] {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "-e", "normal", "--prefix", "none", "-f", "{p}", "-p", package])
            .arg("--manifest-path")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(tree.contains(package), "{tree}");
        for line in tree.lines() {
            let name = line.split(' ').next().unwrap_or_default();
            assert!(!NO_IO.contains(&name), "{package} reaches {name}");
        }
    }
}
