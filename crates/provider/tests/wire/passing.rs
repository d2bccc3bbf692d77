//! The same format on both sides: the bytes pass.

use byok_provider::Outcome;
use byok_types::Dialect;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use crate::support::{Reply, Server, byok, call, generate, json, next, pieces, rest, soon, sse};

const ASK: &str =
    r#"{ "model" : "fast", "max_tokens":  8, "x-new": 1.0, "messages": [{"role":"user","content":"hi"}]}"#;
const ASK_STREAM: &str = r#"{"model":"claude-haiku-4-5","max_tokens":8,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const ANSWER: &str =
    r#"{ "id":"msg_1","type":"message","usage":{"input_tokens":20,"output_tokens":15}, "new": [1.0] }"#;

pub(crate) fn anthropic(address: &str) -> String {
    format!(
        "aliases: {{ fast: claude-haiku-4-5 }}\nproviders: {{ claude: {{ base_url: '{address}', api_key: sk-ant-0123456789 }} }}"
    )
}

#[tokio::test]
async fn pitfall_21_bytes_pass_but_for_the_models_name() {
    let mut server = Server::start(|_| json(200, ANSWER)).await;
    let upstreams = byok(&anthropic(&server.address), &[]).await;
    let mut call = call(&upstreams, Dialect::Anthropic, ASK);
    for (name, value) in [
        ("x-api-key", "byk_secret"),
        ("authorization", "Bearer byk_secret"),
        ("cookie", "a=b"),
        ("x-base-url", "http://evil.example"),
        ("anthropic-version", "2026-10-21"),
        ("anthropic-beta", "a-2025-01-01,b"),
    ] {
        call.headers.insert(name, HeaderValue::from_static(value));
    }
    let mut answer = soon(upstreams.generate(call)).await.unwrap();
    let seen = server.call().await;
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v1/messages"));
    assert_eq!(seen.body, ASK.replace(r#""fast""#, r#""claude-haiku-4-5""#));
    let mut names: Vec<&str> = seen.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "accept-encoding",
        "anthropic-beta",
        "anthropic-version",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "x-api-key",
    ];
    assert_eq!(names, expected);
    assert_eq!(seen.headers["x-api-key"], "sk-ant-0123456789");
    assert_eq!(seen.headers["anthropic-version"], "2026-10-21");
    assert_eq!(seen.headers["anthropic-beta"], "a-2025-01-01,b");
    assert_eq!(seen.headers["accept-encoding"], "identity");
    assert!(seen.headers["user-agent"].to_str().unwrap().starts_with("byok/"));

    assert_eq!(answer.headers["x-byok-provider"], "anthropic");
    assert_eq!(answer.headers["x-byok-account"], "config");
    assert_eq!(answer.headers["x-byok-model"], "claude-haiku-4-5");
    assert_eq!(answer.headers["x-byok-attempts"], "1");
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(http_body::Body::size_hint(&answer.body).exact(), Some(ANSWER.len() as u64));
    assert_eq!(rest(&mut answer.body).await, (ANSWER.to_owned(), true));
    let reading = answer.meter.read();
    assert_eq!((reading.outcome, reading.usage.output), (Outcome::Completed, Some(15)));
}

#[tokio::test]
async fn a_frame_goes_out_when_it_came_in() {
    let (feed, reply) = pieces();
    let server = Server::start(move |_| reply()).await;
    let upstreams = byok(&anthropic(&server.address), &[]).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap();
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    let frames = [
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\n",
        "event: unknown\ndata: {\"new\":1.0}\n\n: comment\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":15}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    ];
    for frame in frames {
        // The next piece is sent only after the client has this one.
        feed.send(Ok(Bytes::from_static(frame.as_bytes()))).await.unwrap();
        assert_eq!(next(&mut answer.body).await.unwrap().unwrap(), frame);
    }
    drop(feed);
    assert!(next(&mut answer.body).await.is_none());
    let reading = answer.meter.read();
    assert_eq!(reading.outcome, Outcome::Completed);
    assert_eq!((reading.usage.input, reading.usage.output), (Some(7), Some(15)));
    assert!(reading.first_byte.is_some() && reading.total >= reading.first_byte);
}

#[tokio::test]
async fn pitfall_19_a_client_that_leaves_ends_the_call() {
    let (feed, reply) = pieces();
    let server = Server::start(move |_| reply()).await;
    let upstreams = byok(&anthropic(&server.address), &[]).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK_STREAM).await.unwrap();
    feed.send(Ok(Bytes::from_static(b": hello\n\n"))).await.unwrap();
    next(&mut answer.body).await.unwrap().unwrap();
    let meter = answer.meter.clone();
    drop(answer);
    soon(feed.closed()).await;
    assert_eq!(meter.read().outcome, Outcome::ClientGone);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_first_byte_ends_the_call() {
    let (gone, mut told) = tokio::sync::mpsc::channel(1);
    let gone = std::sync::Mutex::new(Some(gone));
    let mut server = Server::start(move |_| Reply::Silence(gone.lock().unwrap().take().unwrap())).await;
    let upstreams = byok(&anthropic(&server.address), &[]).await;
    let waiting = upstreams.generate(call(&upstreams, Dialect::Anthropic, ASK));
    tokio::select! {
        _ = waiting => panic!("there is no answer"),
        _ = server.call() => {}
    }
    assert!(soon(told.recv()).await.is_none(), "the upstream has seen the hang-up");
}

#[tokio::test]
async fn an_upstreams_error_passes_as_it_is() {
    let text = r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.role: no"},"request_id":"req_1"}"#;
    let server = Server::start(move |_| json(400, text)).await;
    let upstreams = byok(&anthropic(&server.address), &[]).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK).await.unwrap();
    assert_eq!(answer.status, 400);
    assert_eq!(rest(&mut answer.body).await, (text.to_owned(), true));
    assert_eq!(answer.fault.unwrap().message, "messages.1.role: no");
    assert!(matches!(answer.meter.read().outcome, Outcome::Failed(_)));
}

#[tokio::test]
async fn pitfall_148_a_key_that_is_echoed_is_starred_out() {
    let text =
        r#"{"type":"error","error":{"type":"authentication_error","message":"bad key sk-ant-0123456789"}}"#;
    let server = Server::start(move |_| {
        let Reply::Answer(mut response) = json(401, text) else { unreachable!() };
        response.headers_mut().insert("request-id", HeaderValue::from_static("sk-ant-0123456789"));
        response.headers_mut().insert("set-cookie", HeaderValue::from_static("a=b"));
        response.headers_mut().insert("retry-after", HeaderValue::from_static("7"));
        Reply::Answer(response)
    })
    .await;
    let upstreams = byok(&anthropic(&server.address), &[]).await;
    let mut answer = generate(&upstreams, Dialect::Anthropic, ASK).await.unwrap();
    let (body, _) = rest(&mut answer.body).await;
    assert_eq!(body, text.replace("sk-ant-0123456789", "*****************"));
    let fault = answer.fault.unwrap();
    assert!(!format!("{fault:?}").contains("0123456789"));
    assert_eq!(fault.retry_after.unwrap().as_secs(), 7);
    assert!(!answer.headers.contains_key("request-id") && !answer.headers.contains_key("set-cookie"));
    assert_eq!(answer.headers["retry-after"], "7");
}

#[tokio::test]
async fn a_gemini_call_names_its_model_in_the_path() {
    let mut server =
        Server::start(|_| sse("data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\r\n\r\n")).await;
    let yaml = format!(
        "providers: {{ gemini: {{ base_url: '{}/v1beta', api_key: AIza0123456789 }} }}",
        server.address
    );
    let upstreams = byok(&yaml, &[]).await;
    for (json_array, target) in [
        (false, "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"),
        (true, "/v1beta/models/gemini-2.5-pro:streamGenerateContent"),
    ] {
        let mut call = call(&upstreams, Dialect::Gemini, r#"{"model":"gemini-2.5-pro","contents":[]}"#);
        (call.body, call.peek) =
            (Bytes::from_static(b"{\"contents\":[]}"), byok_translate::scan::Peek::default());
        (call.path_model, call.stream, call.json_array) =
            (Some("gemini-2.5-pro".to_owned()), true, json_array);
        let _ = soon(upstreams.generate(call)).await;
        let seen = server.call().await;
        assert_eq!(seen.target, target);
        assert_eq!(seen.body, "{\"contents\":[]}");
        assert_eq!(seen.headers["x-goog-api-key"], "AIza0123456789");
    }
}

#[tokio::test]
async fn every_provider_gets_its_key_its_own_way() {
    let mut server = Server::start(|_| json(200, "{}")).await;
    let at = &server.address;
    let yaml = format!(
        "providers:\n  openai: {{ base_url: '{at}' }}\n  claude: {{ base_url: '{at}' }}\n  gemini: {{ base_url: '{at}' }}\n  azure: {{ base_url: '{at}' }}\n  cohere: {{ base_url: '{at}' }}\n  lm_studio: {{ base_url: '{at}' }}\n  ollama: {{ base_url: '{at}', headers: {{ x-gate: gate-0123456789 }} }}"
    );
    let key = "secret-0123456789";
    let named = ["openai", "anthropic", "gemini", "azure_openai", "cohere", "lm_studio"];
    let accounts: Vec<_> = named.iter().map(|provider| (*provider, "default", key)).collect();
    let upstreams = byok(&yaml, &accounts).await;
    let bearer = "Bearer secret-0123456789";
    for (provider, header, value) in [
        ("openai", "authorization", bearer),
        ("anthropic", "x-api-key", key),
        ("gemini", "x-goog-api-key", key),
        ("azure", "api-key", key),
        ("cohere", "authorization", bearer),
        ("lm_studio", "authorization", bearer),
        ("ollama", "x-gate", "gate-0123456789"),
    ] {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
            headers.insert(name, HeaderValue::from_static("byk_client"));
        }
        let forward = byok_provider::Forward {
            method: http::Method::GET,
            path_and_query: "/v1/models?key=byk_client&limit=5".to_owned(),
            headers,
            body: Bytes::new(),
        };
        let spec = upstreams.provider(provider).unwrap();
        soon(upstreams.forward(&spec, forward)).await.unwrap();
        let seen = server.call().await;
        assert_eq!(seen.headers[header], value, "{provider}");
        let keys = ["authorization", "x-api-key", "api-key", "x-goog-api-key", "x-gate"];
        assert_eq!(seen.headers.keys().filter(|name| keys.contains(&name.as_str())).count(), 1, "{provider}");
        assert!(seen.target.ends_with("/models?limit=5"), "{}", seen.target);
    }
}

#[tokio::test]
async fn what_a_provider_refuses_is_left_out_and_reported() {
    const ANSWER: &str = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
    let mut server = Server::start(|_| json(200, ANSWER)).await;
    let yaml =
        format!("providers: {{ mistral: {{ base_url: '{}/v1', api_key: key-0123456789 }} }}", server.address);
    let upstreams = byok(&yaml, &[]).await;
    let ask = r#"{"model":"mistral-large-latest","seed":7,"user":"me","temperature":1.0,"messages":[]}"#;
    let mut answer = generate(&upstreams, Dialect::OpenaiChat, ask).await.unwrap();
    let seen = server.call().await;
    assert_eq!(seen.target, "/v1/chat/completions");
    assert_eq!(
        seen.body,
        r#"{"model":"mistral-large-latest","random_seed":7,"temperature":1.0,"messages":[]}"#
    );
    assert_eq!(answer.headers["x-byok-dropped"], "user=dropped");
    assert_eq!(rest(&mut answer.body).await, (ANSWER.to_owned(), true));
    assert_eq!(answer.meter.read().usage.output, Some(2));
}

#[tokio::test]
async fn each_format_of_a_provider_has_its_own_address() {
    let mut server = Server::start(|_| json(200, "{}")).await;
    let yaml =
        format!("providers: {{ openai: {{ base_url: '{}', api_key: key-0123456789 }} }}", server.address);
    let upstreams = byok(&yaml, &[]).await;
    let chat = r#"{"model":"gpt-5.5","messages":[{"role":"user","content":"hi"}]}"#;
    let responses = r#"{"model":"openai/gpt-99","input":"hi"}"#;
    let messages = r#"{"model":"gpt-5.5","max_tokens":8,"messages":[{"role":"user","content":"hi"}]}"#;
    for (client, ask, target) in [
        (Dialect::OpenaiChat, chat, "/v1/chat/completions"),
        (Dialect::OpenaiResponses, responses, "/v1/responses"),
        // Another format is translated into the provider's first.
        (Dialect::Anthropic, messages, "/v1/responses"),
    ] {
        let _ = generate(&upstreams, client, ask).await;
        let seen = server.call().await;
        assert_eq!(seen.target, target, "{client}");
        let sent: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
        assert_eq!(sent["model"], ask.split('"').nth(3).unwrap().trim_start_matches("openai/"));
    }
}

#[tokio::test]
async fn a_cut_is_told_in_every_format() {
    for (client, path, ask, part) in [
        (
            Dialect::OpenaiChat,
            "chat",
            r#"{"model":"mine/m","stream":true,"messages":[]}"#,
            "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n",
        ),
        (
            Dialect::OpenaiResponses,
            "responses",
            r#"{"model":"mine/m","stream":true,"input":"hi"}"#,
            "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{}}\n\n",
        ),
        (
            Dialect::Cohere,
            "cohere",
            r#"{"model":"mine/m","stream":true,"messages":[]}"#,
            "event: message-start\ndata: {\"type\":\"message-start\"}\n\n",
        ),
    ] {
        let (feed, reply) = pieces();
        let server = Server::start(move |_| reply()).await;
        let family = if path == "cohere" { path.to_owned() } else { format!("openai-{path}") };
        let yaml = format!("providers: {{ mine: {{ family: {family}, base_url: '{}' }} }}", server.address);
        let upstreams = byok(&yaml, &[]).await;
        let mut answer = generate(&upstreams, client, ask).await.unwrap();
        feed.send(Ok(Bytes::from(part))).await.unwrap();
        assert_eq!(next(&mut answer.body).await.unwrap().unwrap(), part);
        drop(feed);
        let (told, proper) = rest(&mut answer.body).await;
        let ended = "before the answer was complete";
        assert!(told.contains("data: {") && told.contains(ended) && !proper, "{client}: {told}");
    }
}
