//! What passes, and what is translated, over the whole way.

use byok_e2e::daemon::Home;
use byok_e2e::http;
use byok_e2e::upstream::Upstream;
use serde_json::json;
use std::sync::Mutex;
use std::sync::mpsc::channel;

fn provider(name: &str, family: &str, upstream: &Upstream) -> String {
    let version = if family.starts_with("openai") { "/v1" } else { "" };
    format!(
        "providers:\n  {name}: {{ family: {family}, base_url: \"http://{}{version}\", api_key: \"real-key-0123456789\" }}\n",
        upstream.address
    )
}

#[test]
fn the_same_format_passes_byte_for_byte() {
    // Odd white space, unknown fields, an unknown event, exact numbers: all of it is the client's to see.
    const EVENTS: &str = "event: message_start\ndata: {\"type\":\"message_start\",  \"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":1}}}\n\n: a comment\n\nevent: of_the_future\ndata: {\"n\":1.0}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let upstream = Upstream::start(|_, answer| {
        answer.stream();
        answer.chunk(EVENTS);
        answer.end();
    });
    let home = Home::new(&provider("own", "anthropic", &upstream));
    let daemon = home.serve(&["--db", ":memory:"]);
    let body = "{ \"model\" : \"own/claude-x\",\"max_tokens\":1.0,\"stream\":true, \"future\":[ 1e2 ],\"messages\":[] }";
    let headers = [
        ("content-type", "application/json"),
        ("anthropic-version", "2026-10-21"),
        ("anthropic-beta", "a-1,b-2"),
        ("x-api-key", "whatever"),
    ];
    let answer = http::send(daemon.address, "POST", "/v1/messages?beta=true", &headers, body.as_bytes());
    assert_eq!(answer.text(), EVENTS);
    assert!(answer.complete);
    let request = upstream.request();
    assert_eq!(request.text(), body.replace("own/claude-x", "claude-x"));
    assert_eq!(request.header("anthropic-beta"), Some("a-1,b-2"));
    assert_eq!(request.header("anthropic-version"), Some("2026-10-21"));
    assert_eq!(request.header("x-api-key"), Some("real-key-0123456789"));
}

#[test]
fn an_event_goes_out_when_it_came_in() {
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let upstream = Upstream::start(move |_, answer| {
        answer.stream();
        for word in ["one", "two", "three"] {
            answer.chunk(&format!(
                "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}}}}]}}\n\n"
            ));
            // The next event exists only once the client has this one.
            wait.lock().unwrap().recv().unwrap();
        }
        answer.chunk(
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
        );
        answer.end();
    });
    let home = Home::new(&provider("own", "openai", &upstream));
    let daemon = home.serve(&["--db", ":memory:"]);
    let ask = json!({"model": "own/gpt-4.1", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "Hi"}]});
    let headers = [("content-type", "application/json")];
    let mut answer = http::open(daemon.address, "POST", "/v1/messages", &headers, ask.to_string().as_bytes());
    assert_eq!(answer.head.status(), 200);
    for word in ["one", "two", "three"] {
        answer.until(word);
        go.send(()).unwrap();
    }
    let rest = answer.rest();
    assert!(rest.text().contains("event: message_stop"), "{}", rest.text());
}

#[test]
fn a_cut_stream_ends_as_an_error_and_uncleanly() {
    for (path, error) in [("/v1/messages", "event: error"), ("/v1/chat/completions", "data: {\"error\"")] {
        let upstream = Upstream::start(|_, answer| {
            answer.stream();
            answer.chunk("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"half\"}}]}\n\n");
            answer.cut();
        });
        let home = Home::new(&provider("own", "openai", &upstream));
        let daemon = home.serve(&["--db", ":memory:"]);
        let ask = json!({"model": "own/gpt-4.1", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "Hi"}]});
        let answer = http::post(daemon.address, path, &ask);
        let text = answer.text();
        assert!(text.contains("half") && text.contains(error), "{path}: {text}");
        assert!(!text.contains("[DONE]") && !text.contains("message_stop"), "{path}: {text}");
    }
}

#[test]
fn a_client_that_leaves_ends_the_upstream_call() {
    let (closed, see) = channel::<()>();
    let upstream = Upstream::start(move |_, answer| {
        answer.stream();
        answer.chunk("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\n");
        answer.wait_for_close();
        closed.send(()).unwrap();
    });
    let home = Home::new(&provider("own", "openai", &upstream));
    let daemon = home.serve(&["--db", ":memory:"]);
    let ask =
        json!({"model": "own/gpt-4.1", "stream": true, "messages": [{"role": "user", "content": "Hi"}]});
    let headers = [("content-type", "application/json")];
    let mut answer =
        http::open(daemon.address, "POST", "/v1/chat/completions", &headers, ask.to_string().as_bytes());
    answer.until("one");
    drop(answer);
    see.recv_timeout(std::time::Duration::from_secs(30)).expect("the upstream connection was closed");
}

#[test]
fn what_cannot_be_said_is_refused_before_the_upstream_or_reported() {
    let upstream = Upstream::start(|_, answer| {
        answer.json(200, r#"{"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#);
    });
    let home = Home::new(&provider("own", "anthropic", &upstream));
    let daemon = home.serve(&["--db", ":memory:"]);
    let ask = |extra: serde_json::Value| {
        let mut ask =
            json!({"model": "own/claude-sonnet-4-5", "messages": [{"role": "user", "content": "Hi"}]});
        ask.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        http::post(daemon.address, "/v1/chat/completions", &ask)
    };
    let refused = ask(json!({"n": 2}));
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.json()["error"]["param"], "n");
    assert!(!upstream.has_request(), "nothing was sent");
    let served = ask(json!({"seed": 7}));
    assert_eq!(served.status(), 200, "{}", served.text());
    assert!(
        served.header("x-byok-dropped").is_some_and(|dropped| dropped.contains("seed=")),
        "{:?}",
        served.headers
    );
}

#[test]
fn a_conversation_that_was_elsewhere_in_between_goes_on() {
    let upstream = Upstream::start(|_, answer| {
        answer.json(400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"seen"}}"#);
    });
    let home = Home::new(&provider("own", "anthropic", &upstream));
    let daemon = home.serve(&["--db", ":memory:"]);
    let thought = |signature: &str| json!({"type": "thinking", "thinking": "hm", "signature": signature});
    let ask = json!({"model": "own/claude-sonnet-4-5", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [thought("byok1.gemini.c2ln"), thought(""), {"type": "text", "text": "Hello."}]},
        {"role": "user", "content": "Go on"}]});
    http::post(daemon.address, "/v1/messages", &ask);
    let sent = upstream.request().text();
    assert!(sent.contains("Hello.") && sent.contains("Go on"), "{sent}");
    assert!(!sent.contains("byok1") && !sent.contains("thinking"), "{sent}");
}

#[test]
fn an_unknown_model_is_a_404_in_the_clients_words() {
    let upstream = Upstream::start(|_, answer| answer.json(500, "{}"));
    let home = Home::new(&provider("own", "anthropic", &upstream));
    let daemon = home.serve(&["--db", ":memory:"]);
    let ask =
        json!({"model": "no-such-model", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]});
    let anthropic = http::post(daemon.address, "/v1/messages", &ask);
    assert_eq!((anthropic.status(), &anthropic.json()["error"]["type"]), (404, &json!("not_found_error")));
    let openai = http::post(daemon.address, "/v1/chat/completions", &ask);
    assert_eq!((openai.status(), &openai.json()["error"]["type"]), (404, &json!("invalid_request_error")));
}
