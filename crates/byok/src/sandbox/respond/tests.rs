//! Requests to the echo upstream, without sockets: what each format answers, and what it refuses.

use http_body_util::BodyExt;
use serde_json::json;

use super::*;

/// Where a format is asked to generate.
fn path(family: Family, stream: bool) -> &'static str {
    match (family, stream) {
        (Family::Anthropic, _) => "/anthropic/v1/messages",
        (Family::Cohere, _) => "/cohere/v2/chat",
        (Family::Gemini, false) => "/gemini/v1beta/models/echo-1:generateContent",
        (Family::Gemini, true) => "/gemini/v1beta/models/echo-1:streamGenerateContent?alt=sse",
        (Family::OpenaiChat, _) => "/openai-chat/v1/chat/completions",
        (Family::OpenaiResponses, _) => "/openai-responses/v1/responses",
    }
}

/// A question with a tool, as each format writes it.
fn question(family: Family, text: &str, stream: bool) -> Value {
    let schema = json!({
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
    });
    let function = json!({"name": "weather", "description": "Weather", "parameters": schema});
    let user = json!([{"role": "user", "content": text}]);
    match family {
        Family::Anthropic => json!({
            "model": "echo-1", "max_tokens": 100, "stream": stream, "messages": user,
            "tools": [{"name": "weather", "input_schema": schema}],
        }),
        Family::Cohere => json!({
            "model": "echo-1", "stream": stream, "messages": user,
            "tools": [{"type": "function", "function": function}],
        }),
        Family::Gemini => json!({
            "contents": [{"role": "user", "parts": [{"text": text}]}],
            "tools": [{"functionDeclarations": [function]}],
        }),
        Family::OpenaiChat => {
            let mut body = json!({
                "model": "echo-1", "stream": stream, "messages": user,
                "tools": [{"type": "function", "function": function}],
            });
            if stream {
                body["stream_options"] = json!({"include_usage": true});
            }
            body
        }
        Family::OpenaiResponses => json!({
            "model": "echo-1", "stream": stream, "input": text,
            "tools": [{"type": "function", "name": "weather", "parameters": schema}],
        }),
    }
}

fn request(family: Family, path: &str, body: &Value) -> Request<Bytes> {
    let builder = Request::post(path);
    let builder = match family {
        Family::Anthropic => builder.header("x-api-key", KEY).header("anthropic-version", "2023-06-01"),
        Family::Gemini => builder.header("x-goog-api-key", KEY),
        _ => builder.header("authorization", format!("Bearer {KEY}")),
    };
    builder.body(Bytes::from(body.to_string())).unwrap()
}

async fn ask(request: &Request<Bytes>) -> (u16, String) {
    let response = respond(request);
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// The transcript with what differs between runs taken out.
fn settled(text: &str) -> String {
    let ids = regex(r"echo[0-9]{6}", "echo000000", text);
    regex(r#""(created|created_at)":[0-9]+"#, r#""$1":0"#, &ids)
}

fn regex(pattern: &str, replacement: &str, text: &str) -> String {
    regex::Regex::new(pattern).unwrap().replace_all(text, replacement).into_owned()
}

#[tokio::test]
async fn each_format_streams_a_call_of_the_tool() {
    for family in Family::ALL {
        let body = question(family, "What is the weather in Oslo?", true);
        let (status, text) = ask(&request(family, path(family, true), &body)).await;
        assert_eq!(status, 200, "{family}: {text}");
        insta::assert_snapshot!(format!("stream_{family}"), settled(&text));
    }
}

#[tokio::test]
async fn each_format_answers_whole() {
    for family in Family::ALL {
        let body = question(family, "Hello there", false);
        let (status, text) = ask(&request(family, path(family, false), &body)).await;
        assert_eq!(status, 200, "{family}: {text}");
        let value: Value = serde_json::from_str(&settled(&text)).unwrap();
        insta::assert_json_snapshot!(format!("whole_{family}"), value);
    }
}

#[tokio::test]
async fn the_slow_model_takes_its_time_for_each_word() {
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let mut body = question(Family::OpenaiChat, "one two three", true);
    body["model"] = json!("echo-slow");
    let (_, text) = ask(&request(Family::OpenaiChat, path(Family::OpenaiChat, true), &body)).await;
    let words = u32::try_from(text.matches("\"content\":").count() - 1).unwrap();
    // The timer of tokio is exact to a millisecond.
    assert!(start.elapsed() >= WORD * words && start.elapsed() < (WORD + WORD / 10) * words, "{words} words");
}

#[tokio::test]
async fn a_request_without_the_key_is_refused_in_the_words_of_the_format() {
    for family in Family::ALL {
        let body = question(family, "Hi", false);
        let mut request = request(family, path(family, false), &body);
        for name in ["x-api-key", "x-goog-api-key", "authorization"] {
            request.headers_mut().remove(name);
        }
        let (status, text) = ask(&request).await;
        assert_eq!(status, 401);
        let value: Value = serde_json::from_str(&text).unwrap();
        insta::assert_json_snapshot!(format!("refused_{family}"), value);

        let name = if family == Family::Gemini { "x-goog-api-key" } else { "authorization" };
        request.headers_mut().insert(name, "Bearer another-key".parse().unwrap());
        assert_eq!(ask(&request).await.0, 401, "{family} with another key");
    }
}

#[tokio::test]
async fn the_model_that_is_always_busy_says_so() {
    for (family, expected) in [(Family::Anthropic, 529), (Family::OpenaiChat, 503)] {
        let mut body = question(family, "Hi", false);
        body["model"] = json!("echo-error");
        let response = respond(&request(family, path(family, false), &body));
        assert_eq!(response.status().as_u16(), expected);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }
}

#[tokio::test]
async fn wrong_bodies_are_refused() {
    let cases = [
        (Family::Anthropic, json!({"model": "echo-1", "messages": [{"role": "user", "content": "x"}]})),
        (
            Family::Anthropic,
            json!({"model": "echo-1", "max_tokens": 9, "messages": [{"role": "assistant", "content": "x"}]}),
        ),
        (
            Family::Anthropic,
            json!({"model": "echo-1", "max_tokens": 9, "messages": [
                {"role": "user", "content": "x"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
                {"role": "user", "content": "no result"},
            ]}),
        ),
        (Family::Cohere, json!({"model": "echo-1", "messages": [{"role": "user", "content": ""}]})),
        (
            Family::Cohere,
            json!({"model": "echo-1", "messages": [{"role": "user", "content": "x"}], "tool_choice": "AUTO"}),
        ),
        (Family::Gemini, json!({"contents": [], "model": "echo-1"})),
        (Family::Gemini, json!({"contents": [{"role": "user", "parts": []}]})),
        (Family::OpenaiChat, json!({"model": "echo-1", "messages": []})),
        (
            Family::OpenaiChat,
            json!({"model": "echo-1", "messages": [{"role": "tool", "tool_call_id": "a", "content": "x"}]}),
        ),
        (
            Family::OpenaiChat,
            json!({
                "model": "echo-1", "messages": [{"role": "user", "content": "x"}],
                "stream_options": {"include_usage": true},
            }),
        ),
        (Family::OpenaiResponses, json!({"model": "echo-1"})),
        (
            Family::OpenaiResponses,
            json!({"model": "echo-1", "input": [{"type": "function_call_output", "call_id": "a", "output": "x"}]}),
        ),
    ];
    for (family, body) in cases {
        let (status, text) = ask(&request(family, path(family, false), &body)).await;
        assert_eq!(status, 400, "{family} {body}: {text}");
    }
}

#[tokio::test]
async fn models_are_listed_and_unknown_ones_are_not_there() {
    for family in Family::ALL {
        let list = match family {
            Family::Gemini => "/gemini/v1beta/models".to_owned(),
            other => format!("/{other}/v1/models"),
        };
        let mut request = request(family, &list, &Value::Null);
        *request.method_mut() = Method::GET;
        let (status, text) = ask(&request).await;
        assert!(status == 200 && text.contains("echo-slow"), "{family}: {text}");
    }
    let mut body = question(Family::OpenaiChat, "Hi", false);
    body["model"] = json!("gpt-5");
    let (status, text) = ask(&request(Family::OpenaiChat, path(Family::OpenaiChat, false), &body)).await;
    assert!(status == 404 && text.contains("model_not_found"), "{text}");
    assert_eq!(respond(&request(Family::OpenaiChat, "/nowhere", &body)).status(), 404);
}

#[tokio::test]
async fn tokens_are_counted_where_the_format_counts() {
    for (family, path) in [
        (Family::Anthropic, "/anthropic/v1/messages/count_tokens"),
        (Family::Gemini, "/gemini/v1beta/models/echo-1:countTokens"),
        (Family::OpenaiResponses, "/openai-responses/v1/responses/input_tokens"),
    ] {
        let (status, text) = ask(&request(family, path, &question(family, "Hi", false))).await;
        assert!(status == 200 && text.to_lowercase().contains("tokens"), "{family}: {text}");
    }
}

/// Where a format is asked for embeddings, and two texts as it writes them.
fn embeddings(family: Family, texts: [&str; 2]) -> Option<(&'static str, Value)> {
    match family {
        Family::Anthropic | Family::OpenaiResponses => None,
        Family::Cohere => Some((
            "/cohere/v2/embed",
            json!({"model": "echo-1", "texts": texts, "input_type": "search_query", "output_dimension": 512}),
        )),
        Family::Gemini => {
            let requests = texts.map(|text| {
                json!({"model": "models/echo-1", "content": {"parts": [{"text": text}]}, "outputDimensionality": 512})
            });
            Some(("/gemini/v1beta/models/echo-1:batchEmbedContents", json!({"requests": requests})))
        }
        Family::OpenaiChat => Some((
            "/openai-chat/v1/embeddings",
            json!({"model": "echo-1", "input": texts, "dimensions": 512}),
        )),
    }
}

#[tokio::test]
async fn embeddings_are_the_same_in_every_format_and_near_for_texts_that_share_words() {
    let mut first: Option<Vec<Vec<f32>>> = None;
    for family in Family::ALL {
        let Some((path, body)) = embeddings(family, ["A cat, a dog", "a dog!"]) else { continue };
        let (status, text) = ask(&request(family, path, &body)).await;
        assert_eq!(status, 200, "{family}: {text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let vectors: Vec<Vec<f32>> = (0..2)
            .map(|at| {
                let at = ["/data/AT/embedding", "/embeddings/AT/values", "/embeddings/float/AT"]
                    .iter()
                    .find_map(|pointer| answer.pointer(&pointer.replace("AT", &at.to_string())));
                serde_json::from_value(at.unwrap().clone()).unwrap()
            })
            .collect();
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        assert!(
            vectors.iter().all(|vector| vector.len() == 512 && (product(vector, vector) - 1.0).abs() < 1e-5)
        );
        let near = product(&vectors[0], &vectors[1]);
        assert!(near > 0.5 && near < 0.99, "{near}");
        assert_eq!(&vectors, first.get_or_insert_with(|| vectors.clone()), "{family}");
    }
}

#[tokio::test]
async fn embeddings_can_be_packed_and_wrong_asks_are_refused() {
    let path = "/openai-chat/v1/embeddings";
    let body = json!({"model": "echo-1", "input": "x", "dimensions": 2, "encoding_format": "base64"});
    let (_, text) = ask(&request(Family::OpenaiChat, path, &body)).await;
    assert!(
        text.contains(r#""embedding":"AACAPwAAAAA=""#) || text.contains(r#""embedding":"AAAAAAAAgD8=""#),
        "{text}"
    );
    for (family, path, body) in [
        (Family::OpenaiChat, path, json!({"model": "echo-1", "input": ""})),
        (Family::OpenaiChat, path, json!({"model": "echo-1", "input": "x", "dimensions": 9999})),
        (Family::Cohere, "/cohere/v2/embed", json!({"model": "echo-1", "texts": ["x"]})),
        (
            Family::Cohere,
            "/cohere/v2/embed",
            json!({"model": "echo-1", "texts": ["x"], "input_type": "search_query", "embedding_types": ["int8"]}),
        ),
        (
            Family::Gemini,
            "/gemini/v1beta/models/echo-1:batchEmbedContents",
            json!({"requests": [{"model": "models/other", "content": {"parts": [{"text": "x"}]}}]}),
        ),
        (Family::Gemini, "/gemini/v1beta/models/echo-1:embedContent", json!({"content": {"parts": []}})),
    ] {
        assert_eq!(ask(&request(family, path, &body)).await.0, 400, "{family} {body}");
    }
    let none = request(Family::Anthropic, "/anthropic/v1/embeddings", &body);
    assert_eq!(ask(&none).await.0, 404);
}
