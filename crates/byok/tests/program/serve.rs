//! The server: what it says, what it follows, how it stops.

use std::io::{BufRead, BufReader, Read};

use crate::support::{Home, private_file};

const ASK: &str = r#"{"model":"echo-anthropic/echo-1","messages":[{"role":"user","content":"Hello"}]}"#;

#[test]
fn the_sandbox_answers_in_every_format_from_every_format() {
    let serving = Home::new().serve(&["--sandbox", "--db", ":memory:"], &[]);
    assert_eq!(serving.banner["serving"]["accounts"].as_array().unwrap().len(), 5);
    for upstream in ["echo-anthropic", "echo-cohere", "echo-gemini", "echo-openai", "echo-responses"] {
        let model = format!("{upstream}/echo-1");
        let user = r#"[{"role":"user","content":"Hello"}]"#;
        let gemini = format!("/v1beta/models/{model}:generateContent");
        for (path, body) in [
            ("/v1/chat/completions", format!(r#"{{"model":"{model}","messages":{user}}}"#)),
            ("/v1/messages", format!(r#"{{"model":"{model}","max_tokens":99,"messages":{user}}}"#)),
            ("/v1/responses", format!(r#"{{"model":"{model}","input":"Hello"}}"#)),
            ("/v2/chat", format!(r#"{{"model":"{model}","messages":{user}}}"#)),
            ("/api/chat", format!(r#"{{"model":"{model}","stream":false,"messages":{user}}}"#)),
            (&*gemini, r#"{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}"#.to_owned()),
        ] {
            let answer = serving.ask("POST", path, &body);
            assert!(answer.contains("You said: Hello"), "{path} on {upstream}: {answer}");
        }
    }
}

#[test]
fn no_secret_gets_into_the_log_at_its_loudest() {
    let key = "sk-dev-0123456789abcdef";
    let environment = [("RUST_LOG", "trace"), ("BYOKY_DEV_KEYS", "mistral:sk-dev-0123456789abcdef,broken")];
    let mut serving = Home::new().serve(&["--sandbox", "--db", ":memory:"], &environment);
    let answer = serving.ask("POST", &format!("/v1/chat/completions?key={key}"), ASK);
    assert!(answer.contains("You said"), "{answer}");
    serving.child.kill().unwrap();
    let mut log = String::new();
    serving.stderr.read_to_string(&mut log).unwrap();
    assert!(log.contains("pair 2 of BYOKY_DEV_KEYS"), "{log}");
    assert!(log.len() > 500, "{log}");
    for secret in [key, "sk-echo-0123456789abcdef", "broken"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn a_saved_config_is_followed_and_a_broken_one_is_not() {
    let home = Home::new();
    let file = home.file("byok.yaml");
    private_file(&file, "aliases: {}\n");
    let arguments = ["--sandbox", "--db", ":memory:", "-c", file.to_str().unwrap()];
    let mut serving = home.serve(&arguments, &[]);
    let body = r#"{"model":"quick","messages":[{"role":"user","content":"Hello"}]}"#;
    assert!(serving.ask("POST", "/v1/chat/completions", body).starts_with("HTTP/1.1 404"));

    private_file(&file, "aliases: { quick: echo-openai/echo-1 }\n");
    serving.wait_for_log("the saved config is in force");
    assert!(serving.ask("POST", "/v1/chat/completions", body).contains("You said: Hello"));

    private_file(&file, "aliases: { quick: [\n");
    serving.wait_for_log("the config from before stays in force");
    assert!(serving.ask("POST", "/v1/chat/completions", body).contains("You said: Hello"));

    // Sound by itself, but not with the providers: the one in force stays as well.
    private_file(&file, "aliases: {}\nproviders: { mine: { family: openai } }\n");
    serving.wait_for_log("the config from before stays in force");
    assert!(serving.ask("POST", "/v1/chat/completions", body).contains("You said: Hello"));
}

#[test]
fn a_taken_port_is_one_clear_line() {
    let home = Home::new();
    let serving = home.serve(&["--db", ":memory:"], &[]);
    let port = serving.address.rsplit(':').next().unwrap();
    let run = home.run(&["serve", "-p", port, "--db", ":memory:"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains(port) && run.stderr.contains("in use"), "{}", run.stderr);
}

#[test]
fn an_open_address_needs_a_key() {
    let run = Home::new().run(&["serve", "-p", "0", "--host", "0.0.0.0", "--db", ":memory:"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("require_key"), "{}", run.stderr);
}

#[test]
fn status_finds_the_running_server() {
    let home = Home::new();
    let serving = home.serve(&["--db", ":memory:"], &[]);
    let file = home.file("byok.yaml");
    let port = serving.address.rsplit(':').next().unwrap();
    private_file(&file, &format!("port: {port}\n"));
    let run = home.run(&["status", "-c", file.to_str().unwrap()]);
    assert!(run.stdout.contains(&format!("running on http://localhost:{port}")), "{}", run.stdout);
}

#[cfg(unix)]
mod signals {
    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

    /// An answer of about two seconds.
    fn long() -> String {
        let words = "word ".repeat(20);
        let message = format!(r#"[{{"role":"user","content":"{words}end"}}]"#);
        format!(r#"{{"model":"echo-openai/echo-slow","stream":true,"messages":{message}}}"#)
    }

    fn terminate(child: &std::process::Child) {
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }

    #[test]
    fn the_first_lets_answers_finish_and_the_second_ends_at_once() {
        let home = Home::new();
        for (times, code) in [(1, 0), (2, 130)] {
            let mut serving = home.serve(&["--sandbox", "--db", ":memory:"], &[]);
            let mut answer = BufReader::new(serving.send("POST", "/v1/chat/completions", &long()));
            let mut so_far = String::new();
            while !so_far.contains("word") {
                assert_ne!(answer.read_line(&mut so_far).unwrap(), 0, "{so_far}");
            }
            for _ in 0..times {
                terminate(&serving.child);
                if times > 1 {
                    serving.wait_for_log("stopping");
                    terminate(&serving.child);
                    break;
                }
            }
            let mut rest = String::new();
            let _ = answer.read_to_string(&mut rest);
            assert_eq!(rest.contains("[DONE]"), times == 1, "{rest}");
            assert_eq!(serving.child.wait().unwrap().code(), Some(code));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_goes_into_no_core_dump() {
        let serving = Home::new().serve(&["--db", ":memory:"], &[]);
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", serving.child.id())).unwrap();
        let core: Vec<&str> = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"))
            .unwrap()
            .split_whitespace()
            .collect();
        assert_eq!(core[4..6], ["0", "0"], "{limits}");
    }
}
