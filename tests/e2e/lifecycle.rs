//! Starting, reloading and stopping.

use byok_e2e::daemon::Home;
use byok_e2e::http;
use byok_e2e::upstream::Upstream;
use serde_json::json;

fn config(upstream: &Upstream) -> String {
    format!(
        "providers:\n  own: {{ family: openai, base_url: \"http://{}/v1\", api_key: \"real-key-0123456789\" }}\n",
        upstream.address
    )
}

fn named(name: &'static str) -> Upstream {
    Upstream::start(move |_, answer| {
        answer.json(
            200,
            &json!({"id": name, "object": "chat.completion", "created": 1, "model": "m", "choices": []})
                .to_string(),
        );
    })
}

fn who_answers(address: std::net::SocketAddr) -> String {
    let ask = json!({"model": "own/gpt-4.1", "messages": [{"role": "user", "content": "Hi"}]});
    http::post(address, "/v1/chat/completions", &ask).json()["id"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_saved_config_is_in_force_without_a_restart_and_a_broken_one_is_not() {
    let (first, second) = (named("first"), named("second"));
    let home = Home::new(&config(&first));
    let daemon = home.serve(&["--db", ":memory:"]);
    assert_eq!(who_answers(daemon.address), "first");
    home.write_config("providers: { own: { family: nonsense } }\n");
    home.write_config(&config(&second));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while who_answers(daemon.address) != "second" {
        assert!(std::time::Instant::now() < deadline, "the new config never came into force");
        std::thread::yield_now();
    }
    home.write_config("providers: [broken\n");
    assert_eq!(who_answers(daemon.address), "second");
}

#[cfg(unix)]
#[test]
fn a_running_stream_ends_before_the_daemon_does() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let upstream = Upstream::start(move |_, answer| {
        answer.stream();
        answer.chunk("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\n");
        wait.lock().unwrap().recv().unwrap();
        answer.chunk(
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
        );
        answer.end();
    });
    let home = Home::new(&config(&upstream));
    let daemon = home.serve(&["--db", ":memory:"]);
    let ask =
        json!({"model": "own/gpt-4.1", "stream": true, "messages": [{"role": "user", "content": "Hi"}]});
    let headers = [("content-type", "application/json")];
    let mut answer =
        http::open(daemon.address, "POST", "/v1/chat/completions", &headers, ask.to_string().as_bytes());
    answer.until("one");
    daemon.terminate();
    // No new connection is taken from now on.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while std::net::TcpStream::connect(daemon.address).is_ok() {
        assert!(std::time::Instant::now() < deadline, "the daemon still listens");
        std::thread::yield_now();
    }
    go.send(()).unwrap();
    let rest = answer.rest();
    assert!(rest.complete && rest.text().contains("[DONE]"), "{}", rest.text());
    assert!(daemon.wait().success());
}

#[test]
fn beyond_loopback_a_key_is_demanded() {
    let home = Home::new("");
    let refused = home.run(&["serve", "--host", "0.0.0.0", "-p", "0", "--db", ":memory:"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("require_key"),
        "{}",
        String::from_utf8_lossy(&refused.stderr)
    );
}

#[test]
fn a_port_in_use_is_named() {
    let home = Home::new("");
    let daemon = home.serve(&["--db", ":memory:"]);
    let port = daemon.address.port().to_string();
    let second = home.run(&["serve", "-p", &port, "--db", ":memory:"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&second.stderr).contains(&port),
        "{}",
        String::from_utf8_lossy(&second.stderr)
    );
}

#[test]
fn web_pages_get_nothing() {
    let upstream = named("never");
    let home = Home::new(&config(&upstream));
    let daemon = home.serve(&["--db", ":memory:"]);
    let ask = json!({"model": "own/gpt-4.1", "messages": [{"role": "user", "content": "Hi"}]}).to_string();
    let json = ("content-type", "application/json");
    for (headers, wanted) in [
        (vec![json, ("host", "evil.example")], 403),
        (vec![json, ("origin", "https://evil.example")], 403),
        (vec![json, ("origin", "null")], 403),
        (vec![json, ("sec-fetch-site", "cross-site")], 403),
        (vec![("content-type", "text/plain")], 415),
    ] {
        let answer = http::send(daemon.address, "POST", "/v1/chat/completions", &headers, ask.as_bytes());
        assert_eq!(answer.status(), wanted, "{headers:?}: {}", answer.text());
        assert!(answer.header("access-control-allow-origin").is_none());
    }
    assert!(!upstream.has_request(), "nothing was sent");
}
