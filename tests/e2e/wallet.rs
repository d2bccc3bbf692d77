//! From a key on stdin to an answer: the wallet as a person uses it.

use byok_e2e::daemon::Home;
use byok_e2e::http;
use byok_e2e::upstream::Upstream;
use serde_json::{Value, json};

const KEY: &str = "sk-test-0123456789abcdefghij";

const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4.1","choices":[{"index":0,"message":{"role":"assistant","content":"Hello."},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;

fn config(upstream: &Upstream) -> String {
    // The upstream's script answers in this format; OpenAI's first one is Responses.
    format!("providers:\n  openai: {{ family: openai-chat, base_url: \"http://{}/v1\" }}\n", upstream.address)
}

fn ask() -> Value {
    json!({"model": "openai/gpt-4.1", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]})
}

#[test]
fn a_key_from_stdin_serves_a_client_of_another_format() {
    let upstream = Upstream::start(|_, answer| answer.json(200, ANSWER));
    let home = Home::new(&config(&upstream));
    let login = home.run_with(&["login", "openai", "--api-key-stdin"], &format!("{KEY}\n"));
    assert!(login.status.success(), "{}", String::from_utf8_lossy(&login.stderr));

    let daemon = home.serve(&[]);
    let answer = http::post(daemon.address, "/v1/messages", &ask());
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json()["content"][0]["text"], "Hello.");
    assert_eq!(answer.header("x-byok-provider"), Some("openai"));

    let request = upstream.request();
    assert_eq!(request.path(), "/v1/chat/completions");
    assert_eq!(request.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert!(request.header("user-agent").is_some_and(|agent| agent.starts_with("byok/")));
}

#[test]
fn the_key_is_nowhere_on_the_disk_and_in_no_output() {
    let upstream = Upstream::start(|_, answer| {
        answer.json(401, &format!("{{\"error\":{{\"message\":\"bad key {KEY}\"}}}}"));
    });
    let home = Home::new(&config(&upstream));
    home.run_with(&["login", "openai", "--api-key-stdin"], KEY);
    let daemon = home.serve(&["-vv"]);
    let answer = http::post(daemon.address, "/v1/chat/completions", &ask());
    assert_eq!(answer.status(), 401, "{}", answer.text());
    let status = home.run(&["status"]);
    drop(daemon);

    let mut places =
        vec![("answer", answer.text()), ("status", String::from_utf8_lossy(&status.stdout).into_owned())];
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            places
                .push(("file", String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned()));
        }
    }
    assert!(places.len() > 3, "the log and the wallet are among them");
    for (place, text) in places {
        assert!(!text.contains(KEY), "the key is in the {place}: {text}");
    }
}

#[test]
fn a_running_daemon_sees_a_login_and_a_logout() {
    let upstream = Upstream::start(|_, answer| answer.json(200, ANSWER));
    let home = Home::new(&config(&upstream));
    let daemon = home.serve(&[]);
    assert_ne!(http::post(daemon.address, "/v1/chat/completions", &ask()).status(), 200);

    home.run_with(&["login", "openai", "--api-key-stdin"], KEY);
    let becomes = |wanted: &[u16]| {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while std::time::Instant::now() < deadline {
            if wanted.contains(&http::post(daemon.address, "/v1/chat/completions", &ask()).status()) {
                return true;
            }
            std::thread::yield_now();
        }
        false
    };
    assert!(becomes(&[200]), "the daemon never saw the login");
    let logout = home.run(&["logout", "openai"]);
    assert!(logout.status.success(), "{}", String::from_utf8_lossy(&logout.stderr));
    assert!(becomes(&[401, 403, 404]), "the daemon never saw the logout");
}

#[test]
fn without_a_terminal_nothing_asks() {
    let home = Home::new("");
    let login = home.run(&["login", "openai"]);
    assert_eq!(login.status.code(), Some(2), "{}", String::from_utf8_lossy(&login.stderr));
    assert!(String::from_utf8_lossy(&login.stderr).contains("--api-key-stdin"));
    let status = home.run(&["--json", "status"]);
    assert!(
        serde_json::from_slice::<Value>(&status.stdout).is_ok(),
        "{}",
        String::from_utf8_lossy(&status.stdout)
    );
}
