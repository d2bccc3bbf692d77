//! Generating calls: what passes untouched, what is told of failures, and who stops when.

use std::time::Duration;

use bytes::Bytes;

use crate::support::{Byok, CUT, Client, Setup, Upstream};

const CHAT: &str = r#"{ "model" : "openai/gpt-x","stream":true , "messages":[{"role":"user","content":"\u00e4 1.0"}], "new_field":{"a":1.00}}"#;

/// A stream with everything that a re-writer would change.
const PIECES: &[&str] = &[
    ": hello\n\n",
    "data: {\"id\":\"c-1\", \"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\u00e4\"}}],\"x\":1.00}\n\n",
    "data:{\"id\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\r\n\r\n",
    "data: {\"id\":\"c-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n",
    "data: [DONE]\n\n",
];

async fn start(upstream: &Upstream) -> Byok {
    Setup::default()
        .with("openai", upstream)
        .with("anthropic", upstream)
        .with("gemini", upstream)
        .start()
        .await
}

async fn begin(byok: &Byok, target: &str, body: &str) -> Client {
    let mut client = byok.connect().await;
    client.send(&byok.request("POST", target, &[("content-type", "application/json")], body)).await;
    client
}

#[tokio::test]
async fn a_stream_of_the_same_format_passes_byte_for_byte_and_at_once() {
    let mut upstream = Upstream::start().await;
    let byok = start(&upstream).await;
    let mut client = begin(&byok, "/v1/chat/completions", CHAT).await;
    let seen = upstream.next().await;
    assert_eq!(seen.target, "/v1/chat/completions");
    assert_eq!(seen.body, CHAT.replace("openai/gpt-x", "gpt-x"));
    let stream = seen.stream();
    let head = client.head().await.unwrap();
    assert_eq!(head.status, 200);
    assert!(head.header("content-type").unwrap().starts_with("text/event-stream"));
    assert_eq!(head.header("cache-control"), Some("no-cache"));
    assert_eq!(head.header("x-content-type-options"), Some("nosniff"));
    for piece in PIECES {
        // Each piece is seen before the next one is sent.
        stream.send(Bytes::from_static(piece.as_bytes())).await.unwrap();
        assert_eq!(String::from_utf8(client.chunk().await.unwrap()).unwrap(), *piece);
    }
    drop(stream);
    assert_eq!(client.chunk().await, None);

    byok.stop();
    let store = byok.store.clone();
    byok.ended().await;
    let sums = store.usage(None).await.unwrap();
    assert_eq!((sums.len(), sums[0].input_tokens, sums[0].output_tokens, sums[0].failures), (1, 7, 3, 0));
}

#[tokio::test]
async fn an_answer_in_another_format_is_translated() {
    let mut upstream = Upstream::start().await;
    let byok = start(&upstream).await;
    let body = r#"{"model":"openai/gpt-x","max_tokens":100,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut client = begin(&byok, "/v1/messages", body).await;
    let seen = upstream.next().await;
    assert_eq!(seen.target, "/v1/responses");
    seen.answer(
        200,
        "application/json",
        r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"gpt-x","output":[{"type":"message","id":"m","role":"assistant","status":"completed","content":[{"type":"output_text","text":"hello","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}"#,
    );
    let reply = client.reply(false).await.json();
    assert_eq!(
        (&reply["type"], &reply["content"][0]["text"]),
        (&"message".into(), &"hello".into()),
        "{reply}"
    );
}

#[tokio::test]
async fn a_gemini_path_names_the_model_however_it_is_written() {
    let mut upstream = Upstream::start().await;
    let byok = start(&upstream).await;
    for (path, target) in [
        ("/v1beta/models/gemini%2Fgemini-x:generateContent", "/v1beta/models/gemini-x:generateContent"),
        ("/v1beta/gemini/gemini-x:generateContent", "/v1beta/models/gemini-x:generateContent"),
        ("/v1/models/gemini/gemini-x:generateContent", "/v1beta/models/gemini-x:generateContent"),
        (
            "/v1beta/models/gemini/gemini-x%3AstreamGenerateContent?alt=sse",
            "/v1beta/models/gemini-x:streamGenerateContent?alt=sse",
        ),
        (
            "/v1beta/models/gemini/gemini-x:streamGenerateContent",
            "/v1beta/models/gemini-x:streamGenerateContent",
        ),
    ] {
        let mut client =
            begin(&byok, path, r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#).await;
        let seen = upstream.next().await;
        assert_eq!(seen.target, target, "{path}");
        seen.answer(
            400,
            "application/json",
            r#"{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}"#,
        );
        assert_eq!(client.reply(false).await.status, 400);
    }
}

#[tokio::test]
async fn an_upstreams_refusal_passes_with_its_status_and_words() {
    let mut upstream = Upstream::start().await;
    let byok = start(&upstream).await;
    let body = r#"{"model":"anthropic/claude-x","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut client = begin(&byok, "/v1/messages", body).await;
    let refusal = r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.output_config: Extra inputs are not permitted"}}"#;
    upstream.next().await.answer(400, "application/json", refusal);
    let reply = client.reply(false).await;
    assert_eq!((reply.status, reply.text()), (400, refusal));
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_call_along() {
    let mut upstream = Upstream::start().await;
    let byok = start(&upstream).await;
    // Before the upstream has answered …
    let client = begin(&byok, "/v1/chat/completions", CHAT).await;
    let seen = upstream.next().await;
    drop(client);
    seen.cancelled().await;
    // … and in the middle of the answer, while the upstream is silent.
    let mut client = begin(&byok, "/v1/chat/completions", CHAT).await;
    let stream = upstream.next().await.stream();
    stream.send(Bytes::from_static(PIECES[1].as_bytes())).await.unwrap();
    client.head().await.unwrap();
    client.chunk().await.unwrap();
    drop(client);
    stream.closed().await;
}

#[tokio::test]
async fn a_cut_stream_ends_with_an_error_and_uncleanly() {
    let mut upstream = Upstream::start().await;
    let byok = start(&upstream).await;
    let mut client = begin(&byok, "/v1/chat/completions", CHAT).await;
    let stream = upstream.next().await.stream();
    stream.send(Bytes::from_static(PIECES[1].as_bytes())).await.unwrap();
    stream.send(Bytes::from_static(CUT)).await.unwrap();
    let reply = client.reply(false).await;
    assert!(!reply.clean);
    assert!(reply.text().contains("\"error\"") && !reply.text().contains("[DONE]"), "{}", reply.text());
}

#[tokio::test]
async fn a_silent_upstream_does_not_silence_the_client() {
    let mut upstream = Upstream::start().await;
    let byok = Setup::default()
        .with("openai", &upstream)
        .config(|config| config.streaming.keepalive = Some(Duration::from_millis(20)))
        .start()
        .await;
    // The upstream has seen the call and says nothing, and the client hears something all the same.
    let mut client = begin(&byok, "/v1/chat/completions", CHAT).await;
    let seen = upstream.next().await;
    assert_eq!(client.head().await.unwrap().status, 200);
    for _ in 0..2 {
        assert!(client.chunk().await.unwrap().starts_with(b":"));
    }
    // What the upstream says then can only be told in the stream.
    seen.answer_with(
        429,
        &[("content-type", "application/json"), ("retry-after", "3600")],
        r#"{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}"#,
    );
    let mut rest = Vec::new();
    let clean = loop {
        match client.try_chunk().await {
            Ok(Some(chunk)) => rest.extend(chunk),
            Ok(None) => break true,
            Err(()) => break false,
        }
    };
    let rest = String::from_utf8(rest).unwrap();
    assert!(rest.contains("slow down") && !clean, "{rest}");
}
