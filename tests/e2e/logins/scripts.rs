//! Logging in from scripts: no terminal, news in JSON, and no question that nobody can answer.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};

use byok_e2e::vendors::claude::CLAUDE;
use byok_e2e::vendors::codex::SIGN_IN;
use byok_e2e::vendors::gemini::GEMINI;
use byok_e2e::vendors::kimi::KIMI;
use byok_e2e::vendors::{Decision, Kind};
use serde_json::Value;

use super::{Scene, browse, command};

/// A login that a script runs.
struct Run {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Run {
    fn start(scene: &Scene, arguments: &[&str]) -> Self {
        let mut all = vec!["--json", "login", scene.vendor.provider()];
        all.extend(arguments);
        let mut command = command(&scene.home, &all);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("byok runs");
        let stdout = BufReader::new(child.stdout.take().expect("it was piped"));
        Self { child, stdout }
    }

    /// The next line, which is JSON.
    fn news(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("byok says something");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The exit code, the rest of the JSON, and what was said beside it.
    fn end(mut self) -> (Option<i32>, Value, String) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("byok ends");
        let mut said = String::new();
        self.child.stderr.take().expect("it was piped").read_to_string(&mut said).expect("byok ends");
        let code = self.child.wait().expect("byok ends").code();
        (code, serde_json::from_str(&rest).unwrap_or_default(), said)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_script_reads_the_address_and_brings_the_browser_back() {
    let scene = Scene::new(CLAUDE);
    let mut run = Run::start(&scene, &["--yes", "--no-browser"]);
    let news = run.news();
    let open = &news["open"];
    assert_eq!((&open["provider"], &open["listens"]), (&"anthropic".into(), &true.into()));
    let address = open["url"].as_str().expect("an address");
    assert!(open["manual_url"].as_str().is_some_and(|manual| manual.contains("platform.claude.com")));
    assert_eq!(browse(&scene.vendor.visit_and_return(address)).status(), 200);
    let (code, result, said) = run.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(result["kind"], "login");
    assert_eq!(result["label"], "me@example.com (Example)");
    assert_eq!(result["renewed"], false);
    assert!(!said.contains('⠋') && !said.contains("Go on?"), "nothing moves and nothing asks: {said}");
    scene.was_strict();
}

#[test]
fn a_script_reads_the_code_that_a_person_types_elsewhere() {
    let scene = Scene::new(KIMI);
    let mut run = Run::start(&scene, &["--no-browser"]);
    let news = run.news();
    let device = &news["device"];
    let code = device["code"].as_str().expect("a code");
    assert!(device["complete_url"].as_str().is_some_and(|url| url.ends_with(code)), "{news}");
    scene.vendor.desk.decide(code, Decision::Approved);
    let (exit, result, said) = run.end();
    assert_eq!(exit, Some(0), "{said}");
    assert_eq!((&result["provider"], &result["usable"]), (&"kimi".into(), &true.into()));
}

#[test]
fn a_question_that_nobody_can_answer_names_the_flag() {
    for kind in [CLAUDE, GEMINI] as [Kind; 2] {
        let scene = Scene::new(kind);
        let output = scene.command(&[]).output().expect("byok runs");
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("--yes"), "{said}");
        assert!(!scene.home.path().join("tokens.db").exists(), "nothing was made");
    }
}

#[test]
fn a_wrong_flag_is_told_with_what_would_be_right() {
    let scene = Scene::new(SIGN_IN);
    for (arguments, said) in [
        (&["--flow", "magic"][..], "codex-cli-device: the login of the Codex CLI"),
        (&["--project", "x"], "--project is not for this way"),
        (&["--start-url", "https://x"], "--start-url is not for this way"),
        (&["--api-key"], "has no API keys"),
        (&["--api-key", "--flow", "siwc"], "cannot be used with"),
        (&["--yes", "--account", "a b"], "cannot be an account's name"),
        (&["--yes", "--account", "config"], "cannot be an account's name"),
    ] {
        let output = scene.command(arguments).output().expect("byok runs");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?} does not say `{said}`: {text}");
    }
    assert!(scene.vendor.desk.seen().is_empty());
}

#[test]
fn the_browser_is_opened_with_the_address_and_nothing_else() {
    let scene = Scene::new(SIGN_IN);
    // The person's browser: it hands on what it was called with, and with which of byok's variables.
    let (pipe, browser) = (scene.home.path().join("opened"), scene.home.path().join("browser"));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    let script =
        format!("#!/bin/sh\n{{ echo $#; echo \"$1\"; env | grep -c ^BYOK; }} > '{}'\n", pipe.display());
    std::fs::write(&browser, script).expect("a script can be written");
    std::fs::set_permissions(&browser, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .expect("it can be made a program");
    let mut command = scene.command(&["--yes"]);
    command.env("BROWSER", &browser);
    let mut session = byok_e2e::pty::Session::start(&command);
    let opened = std::fs::read_to_string(&pipe).expect("the browser was opened");
    let lines: Vec<&str> = opened.lines().collect();
    assert_eq!((lines[0], lines[2]), ("1", "0"), "{opened}");
    let shown = session.between("If it does not open, here is the address:\n\n", "\n");
    assert_eq!(shown.trim(), lines[1]);
    assert_eq!(browse(&scene.vendor.visit_and_return(lines[1])).status(), 200);
    super::ends_well(session);
    scene.was_strict();
}
