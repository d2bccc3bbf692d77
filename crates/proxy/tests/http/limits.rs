//! What a client may send, and how long it may take (security facts, C6 to C9).

use std::time::Duration;

use byok_proxy::Patience;

use crate::support::{Setup, Upstream};

fn small() -> Setup {
    Setup::default().config(|config| config.limits.body_bytes = 1000)
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_before_it_comes() {
    let byok = small().start().await;
    let mut client = byok.connect().await;
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n",
        byok.host()
    );
    client.send(&head).await;
    let reply = client.reply(false).await;
    assert_eq!(reply.status, 413);
    assert_eq!(reply.json()["error"]["type"], "request_too_large");
}

#[tokio::test]
async fn a_body_that_grows_too_large_is_refused_and_the_answer_arrives() {
    let mut upstream = Upstream::start().await;
    let byok = small().with("openai", &upstream).start().await;
    let mut client = byok.connect().await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        byok.host()
    );
    client.send(&head).await;
    // Far more than any buffer on the way holds, so that the server must read past it for the client to be
    // able to finish and to look at the answer.
    let chunk = format!("{:x}\r\n{}\r\n", 65536, "x".repeat(65536));
    for _ in 0..256 {
        assert!(client.try_send(chunk.as_bytes()).await);
    }
    client.send("0\r\n\r\n").await;
    let reply = client.reply(false).await;
    assert_eq!(reply.status, 413);
    assert!(reply.message().contains("limits.body_bytes"));
    assert!(upstream.is_untouched());
}

#[tokio::test]
async fn refused_requests_with_a_body_leave_the_connection_usable() {
    let byok = Setup::default().start().await;
    let mut client = byok.connect().await;
    let body = "x".repeat(500_000);
    let wrong = [("content-type", "application/json"), ("x-api-key", "byk_wrong")];
    client.send(&byok.request("POST", "/v1/messages", &wrong, &body)).await;
    assert_eq!(client.reply(false).await.status, 401);
    client.send(&byok.request("GET", "/healthz", &[], "")).await;
    assert_eq!(client.reply(false).await.status, 200);
}

#[tokio::test]
async fn a_head_that_dribbles_is_given_up() {
    let patience = Patience { head: Duration::from_millis(50), ..Patience::default() };
    let byok = Setup { patience, ..Setup::default() }.start().await;
    let mut client = byok.connect().await;
    client.send("GET /healthz HTTP/1.1\r\nx-slow: ").await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn an_idle_connection_outlives_the_time_for_a_head() {
    let patience = Patience {
        head: Duration::from_millis(20),
        idle: Duration::from_millis(400),
        body: Duration::from_secs(9),
    };
    let byok = Setup { patience, ..Setup::default() }.start().await;
    let mut client = byok.connect().await;
    for _ in 0..2 {
        // Longer than a head may take, shorter than a connection may be idle: that is what is tested.
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.send(&byok.request("GET", "/healthz", &[], "")).await;
        assert_eq!(client.reply(false).await.status, 200);
    }
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let patience = Patience { body: Duration::from_millis(50), ..Patience::default() };
    let byok = Setup { patience, ..Setup::default() }.start().await;
    let mut client = byok.connect().await;
    let whole =
        byok.request("POST", "/v1/messages", &[("content-type", "application/json")], "{\"model\":1}");
    client.send(&whole[..whole.len() - 3]).await;
    let reply = client.reply(false).await;
    assert_eq!(reply.status, 408);
    assert!(reply.json()["error"].is_object());
}

#[tokio::test]
async fn heads_are_bounded() {
    let byok = Setup::default().start().await;
    let many: Vec<_> = (0..110).map(|number| (format!("x-{number}"), "1")).collect();
    let many: Vec<_> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let large = "x".repeat(80 * 1024);
    let target = format!("/v1/models?{}", "x".repeat(17 * 1024));
    assert_eq!(byok.ask("GET", "/healthz", &many, "").await.status, 431);
    assert_eq!(byok.ask("GET", &target, &[], "").await.status, 414);
    let mut client = byok.connect().await;
    client.try_send(byok.request("GET", "/healthz", &[("x-large", &large)], "").as_bytes()).await;
    assert_eq!(client.reply(false).await.status, 431);
}

#[tokio::test]
async fn bad_bodies_are_the_clients_fault() {
    let mut upstream = Upstream::start().await;
    let byok = Setup::default().with("openai", &upstream).start().await;
    let deep =
        format!(r#"{{"model":"openai/m","messages":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        "",
        "{",
        "[]",
        "nul",
        r#"{"model":"openai/m""#,
        r#"{"messages":[]}"#,
        r#"{"model":7}"#,
        r#"{"model":"openai/m","model":"openai/n"}"#,
        r#"{"model":"openai/m","stream":true,"stream":false}"#,
        r#"{"model":"openai/m","stream":"yes"}"#,
        r#"{"model":""}"#,
        r#"{"model":"openai/a b"}"#,
        r#"{"model":"openai/\u0000"}"#,
        r#"{"model":"openai/../../x?y#z"}"#,
        deep.replace("openai/m", "nobody").as_str(),
    ] {
        for target in ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v2/chat", "/api/chat"] {
            let status = byok.post(target, body).await.status;
            assert!(
                status == 400 || status == 404 && body.contains("nobody"),
                "{target} {status} {body:.60}"
            );
        }
    }
    assert!(upstream.is_untouched());
}
