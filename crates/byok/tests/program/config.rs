//! The config's commands, and those that need nothing.

use serde_json::Value;

use crate::support::{Home, private_file};

#[test]
fn a_sound_file_passes_and_a_broken_one_is_told_where() {
    let home = Home::new();
    let file = home.file("byok.yaml");
    private_file(&file, "port: 9000\naliases: { fast: claude-haiku-5-5 }\n");
    let run = home.run(&["config", "check", file.to_str().unwrap()]);
    insta::assert_snapshot!("config_sound", home.settled(&run.told()));

    private_file(&file, "prot: 9000\n");
    let run = home.run(&["config", "check", file.to_str().unwrap()]);
    insta::assert_snapshot!("config_broken", home.settled(&run.told()));

    let run = home.run(&["--json", "config", "check", file.to_str().unwrap()]);
    let error: Value = serde_json::from_str(&run.stderr).unwrap();
    assert!(run.code == 1 && error["error"]["message"].as_str().unwrap().contains("port"), "{}", run.told());
}

#[test]
fn the_default_file_is_in_the_home() {
    let home = Home::new();
    let run = home.run(&["config", "path"]);
    assert_eq!(run.stdout.trim(), home.path().join("config.yaml").display().to_string());
    assert_eq!(home.run(&["config", "check"]).code, 1);
    let named = home.run(&["status", "-c", home.file("nowhere.yaml").to_str().unwrap()]);
    assert!(named.code == 1 && named.stderr.contains("nowhere.yaml"), "{}", named.told());
}

#[test]
fn what_is_typed_wrongly_ends_with_two() {
    let home = Home::new();
    assert_eq!(home.run(&["frobnicate"]).code, 2);
    assert_eq!(home.run(&[]).code, 2);
    assert_eq!(home.run(&["--help"]).code, 0);
    assert!(home.run(&["--version"]).stdout.starts_with("byok "));
}

#[test]
fn completions_know_the_commands() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = home.run(&["completions", shell]);
        assert!(run.code == 0 && run.stdout.contains("api-key-stdin"), "{shell}");
    }
}
