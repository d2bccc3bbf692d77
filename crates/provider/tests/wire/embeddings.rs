//! Embeddings, from every client format to every upstream format.

use byok_provider::{Answer, Failed, Generate, Outcome, Upstreams};
use byok_translate::embed::Client;
use byok_translate::format::AnswerId;
use byok_translate::scan;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use crate::support::{Reply, Seen, Server, answer, byok, json, rest, soon};

const OPENAI: &str = r#"{"object":"list", "data" :[{"object":"embedding","index":0,"embedding":[0.50,-2.5e-1]}],"model":"up","usage":{"prompt_tokens":7,"total_tokens":7}}"#;
const GEMINI: &str = r#"{"embeddings":[{"values":[0.5,-0.25]}],"usageMetadata":{"promptTokenCount":7}}"#;
const GEMINI_ONE: &str = r#"{"embedding":{"values":[0.5,-0.25]},"usageMetadata":{"promptTokenCount":7}}"#;
const COHERE: &str = r#"{"id":"x","embeddings":{"float":[[0.5,-0.25]]},"texts":["hi"],"meta":{"billed_units":{"input_tokens":7.0}},"response_type":"embeddings_by_type"}"#;

/// Each upstream kind, by what its path ends in.
fn right_answer(seen: &Seen) -> Reply {
    match seen.target.rsplit(['/', ':']).next() {
        Some("embeddings") => json(200, OPENAI),
        Some("embed") => json(200, COHERE),
        Some("embedContent") => json(200, GEMINI_ONE),
        Some("batchEmbedContents") => json(200, GEMINI),
        _ => json(404, "{}"),
    }
}

fn config(server: &Server) -> String {
    let at = &server.address;
    format!(
        "providers:\n  openai: {{ base_url: '{at}' }}\n  gemini: {{ base_url: '{at}' }}\n  cohere: {{ base_url: '{at}' }}\n  \
         mistral: {{ base_url: '{at}' }}\n  anthropic: {{ base_url: '{at}' }}\naliases: {{ vectors: gemini-embedding-001 }}"
    )
}

const ACCOUNTS: [(&str, &str, &str); 5] = [
    ("openai", "one", "sk-wallet-openai-0123"),
    ("gemini", "one", "sk-wallet-gemini-0123"),
    ("cohere", "one", "sk-wallet-cohere-0123"),
    ("mistral", "one", "sk-wallet-mistral-0123"),
    ("anthropic", "one", "sk-wallet-anthropic-0123"),
];

async fn ask(upstreams: &Upstreams, client: Client, model: &str, body: &str) -> Result<Answer, Failed> {
    let peek = scan::peek(body.as_bytes()).unwrap();
    let in_path = matches!(client, Client::GeminiBatch | Client::GeminiOne);
    let call = Generate {
        app: byok_types::AppId::local(),
        route: upstreams.resolve(model).unwrap(),
        client: client.dialect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        peek,
        path_model: in_path.then(|| model.to_owned()),
        stream: false,
        json_array: false,
        headers: HeaderMap::new(),
        id: AnswerId { unique: "0123456789abcdef".to_owned(), created: 1_700_000_000 },
    };
    soon(upstreams.embed(call, client)).await
}

/// One text, in the client's words.
fn one_text(client: Client, model: &str) -> String {
    let body = match client {
        Client::Cohere => json!({ "model": model, "texts": ["hi"], "input_type": "search_document" }),
        Client::GeminiBatch => json!({ "requests": [{ "content": { "parts": [{ "text": "hi" }] } }] }),
        Client::GeminiOne => json!({ "content": { "parts": [{ "text": "hi" }] } }),
        Client::Ollama | Client::Openai => json!({ "model": model, "input": "hi" }),
        Client::OllamaLegacy => json!({ "model": model, "prompt": "hi" }),
    };
    body.to_string()
}

#[tokio::test]
async fn every_client_on_every_upstream() {
    let mut server = Server::start(right_answer).await;
    let upstreams = byok(&config(&server), &ACCOUNTS).await;
    for client in Client::ALL {
        for (provider, target, key) in [
            ("openai", "/v1/embeddings", ("authorization", "Bearer sk-wallet-openai-0123")),
            ("gemini", "/v1beta/models/m:batchEmbedContents", ("x-goog-api-key", "sk-wallet-gemini-0123")),
            ("cohere", "/v2/embed", ("authorization", "Bearer sk-wallet-cohere-0123")),
        ] {
            let model = format!("{provider}/m");
            let mut answer = ask(&upstreams, client, &model, &one_text(client, &model)).await.unwrap();
            let seen = server.call().await;
            let target = match client {
                Client::GeminiOne => target.replace("batchEmbedContents", "embedContent"),
                _ => target.to_owned(),
            };
            assert_eq!(seen.target, target, "{client:?}");
            assert_eq!(seen.headers[key.0], key.1);
            assert_eq!(answer.headers["x-byok-provider"], provider);
            let (body, proper) = rest(&mut answer.body).await;
            let body: Value = serde_json::from_str(&body).unwrap();
            let vector = match client {
                Client::Cohere => "/embeddings/float/0",
                Client::GeminiBatch => "/embeddings/0/values",
                Client::GeminiOne => "/embedding/values",
                Client::Ollama => "/embeddings/0",
                Client::OllamaLegacy => "/embedding",
                Client::Openai => "/data/0/embedding",
            };
            assert_eq!(body.pointer(vector), Some(&json!([0.5, -0.25])), "{client:?} on {provider}: {body}");
            let reading = answer.meter.read();
            assert_eq!((reading.outcome, reading.usage.input), (Outcome::Completed, Some(7)));
            assert!(proper && reading.usage.output.is_none());
        }
    }
}

#[tokio::test]
async fn the_same_format_passes_byte_for_byte() {
    let mut server = Server::start(right_answer).await;
    let upstreams = byok(&config(&server), &ACCOUNTS).await;
    for (client, model, body, sent, answered) in [
        (
            Client::Openai,
            "openai/text-9",
            r#"{ "input":[[1, 2],[3]] , "model" : "openai/text-9","encoding_format":"base64","odd":1.00}"#,
            r#"{ "input":[[1, 2],[3]] , "model" : "text-9","encoding_format":"base64","odd":1.00}"#,
            OPENAI,
        ),
        (
            Client::Cohere,
            "cohere/embed-9",
            r#"{"model":"cohere/embed-9","images":["data:image/png;base64,AA=="], "embedding_types":["int8"]}"#,
            r#"{"model":"embed-9","images":["data:image/png;base64,AA=="], "embedding_types":["int8"]}"#,
            COHERE,
        ),
        (
            Client::GeminiBatch,
            "gemini/embed-9",
            r#"{"requests":[ {"model":"models/gemini/embed-9","content":{"parts":[{"inlineData":{}}]},"odd":1.00}]}"#,
            r#"{"requests":[ {"model":"models/embed-9","content":{"parts":[{"inlineData":{}}]},"odd":1.00}]}"#,
            GEMINI,
        ),
        (
            Client::GeminiOne,
            "vectors",
            r#"{"model":"models/vectors", "content":{"parts":[{"text":"\u00e4"}]}}"#,
            r#"{"model":"models/gemini-embedding-001", "content":{"parts":[{"text":"\u00e4"}]}}"#,
            GEMINI_ONE,
        ),
        // Where nothing is to be renamed, nothing is even read.
        (
            Client::GeminiOne,
            "gemini-embedding-001",
            r#"{"content": 1.00 }"#,
            r#"{"content": 1.00 }"#,
            GEMINI_ONE,
        ),
    ] {
        let mut answer = ask(&upstreams, client, model, body).await.unwrap();
        assert_eq!(server.call().await.body, sent);
        assert_eq!(rest(&mut answer.body).await, (answered.to_owned(), true));
        assert_eq!(answer.meter.read().usage.input, Some(7));
    }
}

#[tokio::test]
async fn another_account_steps_in() {
    let mut server = Server::start(|seen| match seen.headers["authorization"].to_str().unwrap() {
        "Bearer sk-wallet-openai-0123" => json(429, r#"{"error":{"message":"slow down"}}"#),
        _ => json(200, OPENAI),
    })
    .await;
    let accounts = [ACCOUNTS[0], ("openai", "two", "sk-wallet-openai-4567")];
    let upstreams = byok(&config(&server), &accounts).await;
    for client in [Client::Openai, Client::Ollama] {
        let answer = ask(&upstreams, client, "openai/m", &one_text(client, "openai/m")).await.unwrap();
        server.call().await;
        assert_eq!(answer.headers["x-byok-account"], "two", "{client:?}");
    }
}

#[tokio::test]
async fn a_long_list_takes_several_calls() {
    let mut server = Server::start(|seen| {
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        let count = body["requests"].as_array().unwrap().len();
        if count < 100 {
            return answer(500, "application/json", r#"{"error":{"code":500,"message":"broken"}}"#);
        }
        let embeddings = vec![json!({ "values": [0.5] }); count];
        let whole = json!({ "embeddings": embeddings, "usageMetadata": { "promptTokenCount": count } });
        answer(200, "application/json", whole.to_string())
    })
    .await;
    let upstreams = byok(&config(&server), &ACCOUNTS).await;
    let of = |count: usize| json!({ "model": "gemini/m", "input": vec!["x"; count] }).to_string();
    let mut whole = ask(&upstreams, Client::Openai, "gemini/m", &of(200)).await.unwrap();
    for _ in 0..2 {
        server.call().await;
    }
    assert_eq!(whole.headers["x-byok-attempts"], "2");
    let body: Value = serde_json::from_str(&rest(&mut whole.body).await.0).unwrap();
    assert_eq!((body["data"].as_array().unwrap().len(), &body["usage"]["total_tokens"]), (200, &json!(200)));
    assert_eq!(whole.meter.read().usage.input, Some(200));

    // What the last call refuses is the whole request's failure.
    let failed = ask(&upstreams, Client::Openai, "gemini/m", &of(150)).await.unwrap_err();
    assert_eq!((failed.fault.status, failed.fault.message.as_str()), (500, "broken"));
    assert_eq!(failed.served.unwrap().attempts, 2);
}

#[tokio::test]
async fn refusals_are_told_in_the_clients_format() {
    const REFUSAL: &str = r#"{"error": {"message":"bad sk-wallet-openai-0123","type":"invalid_request_error","param":"input","code":null}}"#;
    let server = Server::start(|_| json(400, REFUSAL)).await;
    let upstreams = byok(&config(&server), &ACCOUNTS).await;
    let mut own =
        ask(&upstreams, Client::Openai, "openai/m", r#"{"model":"openai/m","input":""}"#).await.unwrap();
    assert_eq!(own.status, 400);
    let (body, _) = rest(&mut own.body).await;
    assert!(body.starts_with(r#"{"error": {"#) && !body.contains("0123"), "{body}");
    let failed =
        ask(&upstreams, Client::Ollama, "openai/m", r#"{"model":"openai/m","input":""}"#).await.unwrap_err();
    assert_eq!((failed.fault.status, failed.fault.param.as_deref()), (400, Some("input")));
    assert!(!failed.fault.message.contains("0123"));
}

#[tokio::test]
async fn nonsense_is_no_answer() {
    for (content_type, body) in [
        ("text/html", "<html>"),
        ("text/event-stream", "data: {}\n\n"),
        ("application/json", "{\"data\":[]}"),
    ] {
        let server = Server::start(move |_| answer(200, content_type, body)).await;
        let upstreams = byok(&config(&server), &ACCOUNTS).await;
        let ask_one = one_text(Client::Ollama, "openai/m");
        let failed = ask(&upstreams, Client::Ollama, "openai/m", &ask_one).await.unwrap_err();
        assert_eq!(failed.fault.status, 502, "{content_type}");
        assert_eq!(failed.served.unwrap().attempts, 1);
    }
}

#[tokio::test]
async fn a_provider_without_embeddings_says_so_and_is_not_called() {
    let mut server = Server::start(right_answer).await;
    let upstreams = byok(&config(&server), &ACCOUNTS).await;
    for client in Client::ALL {
        let model = "anthropic/claude-x";
        let failed = ask(&upstreams, client, model, &one_text(client, model)).await.unwrap_err();
        assert_eq!((failed.fault.status, failed.fault.param.as_deref()), (400, Some("model")));
        let message = &failed.fault.message;
        assert!(message.contains("Anthropic has no embeddings") && message.contains("cohere"), "{message}");
    }
    assert!(server.calls.try_recv().is_err());

    let alone = "providers:\n  mine: { family: openai-responses, base_url: 'http://127.0.0.1:9/v1' }\n  \
                 ollama: { enabled: false }";
    let upstreams = byok(alone, &[]).await;
    let failed = ask(&upstreams, Client::Openai, "mine/m", &one_text(Client::Openai, "mine/m")).await;
    let message = failed.unwrap_err().fault.message;
    assert!(message.contains("mine has no embeddings") && message.contains("lm_studio"), "{message}");
    assert!(!message.contains("ollama"), "{message}");
}

#[tokio::test]
async fn a_provider_of_the_config_embeds_in_its_format() {
    let mut server = Server::start(right_answer).await;
    for (family, target) in [
        ("openai", "/v1/embeddings"),
        ("gemini", "/v1beta/models/m:batchEmbedContents"),
        ("cohere", "/v2/embed"),
    ] {
        let at = &server.address;
        let upstreams =
            byok(&format!("providers: {{ mine: {{ family: {family}, base_url: '{at}' }} }}"), &[]).await;
        ask(&upstreams, Client::Ollama, "mine/m", &one_text(Client::Ollama, "mine/m")).await.unwrap();
        assert_eq!(server.call().await.target, target);
    }
}

#[tokio::test]
async fn oddities_of_a_provider_are_mended_and_losses_named() {
    let mut server = Server::start(right_answer).await;
    let upstreams = byok(&config(&server), &ACCOUNTS).await;
    let body = r#"{"model":"mistral-embed","input":"hi","dimensions":256,"user":"u"}"#;
    let answer = ask(&upstreams, Client::Openai, "mistral-embed", body).await.unwrap();
    assert_eq!(server.call().await.body, r#"{"model":"mistral-embed","input":"hi","output_dimension":256}"#);
    assert_eq!(answer.headers["x-byok-dropped"], "user=dropped");
    let body =
        r#"{"model":"mistral-embed","texts":["hi"],"input_type":"search_query","output_dimension":256}"#;
    let answer = ask(&upstreams, Client::Cohere, "mistral-embed", body).await.unwrap();
    let sent: Value = serde_json::from_slice(&server.call().await.body).unwrap();
    assert_eq!(sent, json!({ "model": "mistral-embed", "input": ["hi"], "output_dimension": 256 }));
    assert_eq!(answer.headers["x-byok-dropped"], "input_type=dropped");
}
