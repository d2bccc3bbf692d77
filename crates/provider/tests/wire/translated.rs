//! Different formats on both sides.

use byok_provider::Outcome;
use byok_types::Dialect;
use bytes::Bytes;

use crate::support::{Reply, Server, answer, byok, generate, json, next, pieces, rest, soon};

const ASK: &str = r#"{"model":"gemini-2.5-pro","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}"#;
const ASK_STREAM: &str =
    r#"{"model":"gemini-2.5-pro","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const PART: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hel"}]}}]}"#;
const LAST: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"lo"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5}}"#;

fn gemini(server: &Server) -> String {
    format!("providers: {{ gemini: {{ base_url: '{}', api_key: AIza0123456789 }} }}", server.address)
}

#[tokio::test]
async fn a_whole_answer() {
    let mut server = Server::start(|_| json(200, LAST)).await;
    let upstreams = byok(&gemini(&server), &[]).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK).await.unwrap();
    let seen = server.call().await;
    assert_eq!(seen.target, "/v1beta/models/gemini-2.5-pro:generateContent");
    assert!(!seen.headers.contains_key("anthropic-version"));
    let sent: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(sent["contents"][0]["parts"][0]["text"], "hi");
    let (body, proper) = rest(&mut answer.body).await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["type"], &body["content"][0]["text"]), (&"message".into(), &"lo".into()));
    assert_eq!(body["model"], "gemini-2.5-pro");
    assert!(proper);
    assert_eq!(answer.meter.read().usage.output, Some(2));
}

#[tokio::test]
async fn a_stream_goes_on_event_by_event() {
    let (feed, reply) = pieces();
    let mut server = Server::start(move |_| reply()).await;
    let upstreams = byok(&gemini(&server), &[]).await;
    feed.send(Ok(Bytes::from(format!("data: {PART}\r\n\r\n")))).await.unwrap();
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap();
    assert_eq!(server.call().await.target, "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse");
    let first = next(&mut answer.body).await.unwrap().unwrap();
    assert!(first.contains("message_start") && first.contains("Hel"), "{first}");
    feed.send(Ok(Bytes::from(format!("data: {LAST}\r\n\r\n")))).await.unwrap();
    drop(feed);
    let (told, proper) = rest(&mut answer.body).await;
    assert!(told.contains("message_stop") && proper, "{told}");
    let reading = answer.meter.read();
    assert_eq!((reading.outcome, reading.usage.output), (Outcome::Completed, Some(2)));
}

#[tokio::test]
async fn a_stream_that_is_cut() {
    let (feed, reply) = pieces();
    let server = Server::start(move |_| reply()).await;
    let upstreams = byok(&gemini(&server), &[]).await;
    feed.send(Ok(Bytes::from(format!("data: {PART}\r\n\r\n")))).await.unwrap();
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap();
    feed.send(Err(std::io::Error::other("cut"))).await.unwrap();
    let (told, proper) = rest(&mut answer.body).await;
    assert!(told.contains("event: error") && !told.contains("message_stop") && !proper, "{told}");
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_call() {
    let (feed, reply) = pieces();
    let server = Server::start(move |_| reply()).await;
    let upstreams = byok(&gemini(&server), &[]).await;
    feed.send(Ok(Bytes::from(format!("data: {PART}\r\n\r\n")))).await.unwrap();
    let answer = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap();
    drop(answer);
    soon(feed.closed()).await;
}

#[tokio::test]
async fn a_document_for_a_client_that_streams() {
    let server = Server::start(|_| json(200, LAST)).await;
    let upstreams = byok(&gemini(&server), &[]).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap();
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    let (told, proper) = rest(&mut answer.body).await;
    assert!(told.contains("message_start") && told.contains("message_stop") && proper, "{told}");
}

#[tokio::test]
async fn a_document_for_a_client_that_streams_in_the_same_format() {
    const ANSWER: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":2}}"#;
    let server = Server::start(|_| json(200, ANSWER)).await;
    let upstreams = byok(&crate::passing::anthropic(&server.address), &[]).await;
    let ask = r#"{"model":"claude-haiku-4-5","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ask).await.unwrap();
    let (told, proper) = rest(&mut answer.body).await;
    assert!(
        told.contains("message_start") && told.contains("Hello") && told.contains("message_stop"),
        "{told}"
    );
    assert!(proper && answer.meter.read().usage.output == Some(2));
}

#[tokio::test]
async fn a_stream_for_a_client_that_does_not() {
    let server =
        Server::start(|_| answer(200, "text/event-stream", format!("data: {PART}\n\ndata: {LAST}\n\n")))
            .await;
    let upstreams = byok(&gemini(&server), &[]).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK).await.unwrap();
    let (body, proper) = rest(&mut answer.body).await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["content"][0]["text"], "Hello");
    assert!(proper);
}

#[tokio::test]
async fn a_refusal_becomes_a_fault_with_the_upstreams_words() {
    let server = Server::start(|_| {
        json(400, r#"{"error":{"code":400,"message":"bad AIza0123456789","status":"INVALID_ARGUMENT"}}"#)
    })
    .await;
    let upstreams = byok(&gemini(&server), &[]).await;
    let failed = generate(&upstreams, Dialect::Anthropic, ASK).await.unwrap_err();
    assert_eq!((failed.fault.status, failed.fault.message.as_str()), (400, "bad **************"));
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_not_sent() {
    let mut server = Server::start(|_| json(200, "{}")).await;
    let upstreams = byok(&gemini(&server), &[]).await;
    let failed = generate(&upstreams, Dialect::Anthropic, r#"{"model":"gemini-2.5-pro","messages":5}"#)
        .await
        .unwrap_err();
    assert_eq!(failed.fault.status, 400);
    assert!(failed.served.is_none() && server.calls.try_recv().is_err());
}

#[tokio::test]
async fn a_stop_sequence_that_the_upstream_does_not_know_ends_the_call() {
    let (feed, reply) = pieces();
    let server = Server::start(move |_| reply()).await;
    let yaml =
        format!("providers: {{ r: {{ family: openai-responses, base_url: '{}/v1' }} }}", server.address);
    let upstreams = byok(&yaml, &[]).await;
    let ask = r#"{"model":"r/gpt-5","max_tokens":64,"stream":true,"stop_sequences":["END"],"messages":[{"role":"user","content":"hi"}]}"#;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ask).await.unwrap();
    assert!(!answer.headers.contains_key("x-byok-dropped"), "{:?}", answer.headers);
    let event = |kind: &str, rest: &str| {
        Ok(Bytes::from(format!("event: {kind}\ndata: {{\"type\":\"{kind}\",{rest}}}\n\n")))
    };
    let item = r#""output_index":0,"item":{"type":"message","id":"msg_1","role":"assistant","status":"in_progress","content":[]}"#;
    let text = |text: &str| {
        let rest =
            format!("\"output_index\":0,\"content_index\":0,\"item_id\":\"msg_1\",\"delta\":\"{text}\"");
        event("response.output_text.delta", &rest)
    };
    let created = r#""response":{"id":"resp_1","object":"response","created_at":1,"model":"m","status":"in_progress","output":[]}"#;
    feed.send(event("response.created", created)).await.unwrap();
    feed.send(event("response.output_item.added", item)).await.unwrap();
    feed.send(text("Hello E")).await.unwrap();
    let mut told = String::new();
    while !told.contains("Hello ") {
        told += &next(&mut answer.body).await.unwrap().unwrap();
    }
    feed.send(text("N")).await.unwrap();
    feed.send(text("D and more")).await.unwrap();
    let (rest, proper) = rest(&mut answer.body).await;
    told += &rest;
    assert!(proper && told.contains(r#""stop_reason":"stop_sequence","stop_sequence":"END""#), "{told}");
    assert!(told.contains("message_stop") && !told.contains("more") && !told.contains("EN\""), "{told}");
    assert_eq!(answer.meter.read().outcome, Outcome::Completed);
    // Nobody pays for what nobody reads.
    soon(feed.closed()).await;
}

#[tokio::test]
async fn a_whole_answer_is_cut_at_a_stop_sequence() {
    const WHOLE: &str = r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hello END and more","annotations":[]}]}],"usage":{"input_tokens":3,"output_tokens":7,"total_tokens":10}}"#;
    let mut server = Server::start(|_| json(200, WHOLE)).await;
    let yaml =
        format!("providers: {{ r: {{ family: openai-responses, base_url: '{}/v1' }} }}", server.address);
    let upstreams = byok(&yaml, &[]).await;
    let ask = r#"{"model":"r/gpt-5","stop":"END","messages":[{"role":"user","content":"hi"}]}"#;
    let mut answer = generate(&upstreams, Dialect::OpenaiChat, ask).await.unwrap();
    assert!(!String::from_utf8_lossy(&server.call().await.body).contains("END"));
    let (body, _) = rest(&mut answer.body).await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["choices"][0]["message"]["content"], "Hello ");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer.meter.read().usage.output, Some(7));
}

#[tokio::test]
async fn pitfalls_16_and_17_what_is_no_stream_is_seen_by_its_first_byte() {
    let error = r#"{"error":{"code":429,"message":"too much","status":"RESOURCE_EXHAUSTED"}}"#;
    for kind in ["text/event-stream", "text/plain"] {
        let server = Server::start(move |_| answer(200, kind, error)).await;
        let upstreams = byok(&gemini(&server), &[]).await;
        let failed = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap_err();
        assert!(failed.fault.message.contains("too much"), "{kind}: {}", failed.fault);
    }
    for (body, why) in [("", "is empty"), ("<html>", "with a page")] {
        let server = Server::start(move |_| answer(200, "text/event-stream", body)).await;
        let upstreams = byok(&gemini(&server), &[]).await;
        for ask in [ASK_STREAM, ASK] {
            let failed = generate(&upstreams, Dialect::Anthropic, ask).await.unwrap_err();
            assert!(failed.fault.status == 502 && failed.fault.message.contains(why), "{}", failed.fault);
        }
    }
}

#[tokio::test]
async fn pitfall_144_limits_are_told_beside_a_refusal_in_any_format() {
    let server = Server::start(|_| {
        let Reply::Answer(mut response) = json(429, r#"{"error":{"code":429,"message":"slow down"}}"#) else {
            unreachable!("json makes an answer")
        };
        for (name, value) in [("x-ratelimit-reset", "9"), ("retry-after", "7"), ("set-cookie", "a=b")] {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        Reply::Answer(response)
    })
    .await;
    let upstreams = byok(&gemini(&server), &[]).await;
    let failed = generate(&upstreams, Dialect::Anthropic, ASK).await.unwrap_err();
    assert_eq!(failed.fault.retry_after, Some(std::time::Duration::from_secs(7)));
    assert_eq!(failed.headers.len(), 1, "{:?}", failed.headers);
    assert_eq!(failed.headers["x-ratelimit-reset"], "9");
}
