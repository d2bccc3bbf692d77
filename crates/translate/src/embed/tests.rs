//! The codecs against one another, against the vendors' own examples, and against nonsense.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn ask(client: Client, upstream: Upstream, body: &[u8], lossy: Lossy) -> Result<Begun, Box<Fault>> {
    let id = AnswerId { unique: "0123456789abcdef".to_owned(), created: 1_700_000_000 };
    Exchange::begin(Ask { client, body, asked: "provider/m", upstream, model: "m", lossy, id })
}

fn begin(client: Client, upstream: Upstream, body: &Value) -> Result<Begun, Box<Fault>> {
    ask(client, upstream, body.to_string().as_bytes(), Lossy::Refuse)
}

/// The one call that a request becomes, and what was lost.
fn call(client: Client, upstream: Upstream, body: &Value) -> (Value, String) {
    let Begun { calls, dropped, .. } = begin(client, upstream, body).unwrap();
    let dropped: Vec<String> = dropped.iter().map(ToString::to_string).collect();
    assert_eq!(calls.len(), 1);
    (serde_json::from_slice(&calls[0].body).unwrap(), dropped.join(", "))
}

/// The field that a request is refused for.
fn refused(client: Client, upstream: Upstream, body: &Value) -> String {
    let fault = begin(client, upstream, body).unwrap_err();
    assert_eq!((fault.status, fault.blame), (400, byok_types::Blame::Client));
    fault.param.unwrap()
}

/// A request that only says what every format can, as each format says it.
fn plain(client: Client, texts: &[String]) -> Value {
    match client {
        Client::Cohere => json!({ "model": "m", "texts": texts, "output_dimension": 3 }),
        Client::GeminiBatch => {
            let one = |text: &String| json!({ "model": "models/m", "content": { "parts": [{ "text": text }] }, "outputDimensionality": 3 });
            json!({ "requests": texts.iter().map(one).collect::<Vec<_>>() })
        }
        Client::GeminiOne => {
            json!({ "content": { "parts": [{ "text": texts[0] }] }, "outputDimensionality": 3 })
        }
        Client::OllamaLegacy => json!({ "model": "m", "prompt": texts[0] }),
        Client::Ollama | Client::Openai => json!({ "model": "m", "input": texts, "dimensions": 3 }),
    }
}

/// An upstream's answer with these vectors.
fn answer(upstream: Upstream, vectors: &[Vec<f32>], tokens: u32) -> Value {
    match upstream {
        Upstream::Cohere => json!({
            "id": "x", "embeddings": { "float": vectors }, "texts": [], "response_type": "embeddings_by_type",
            "meta": { "api_version": { "version": "2" }, "billed_units": { "input_tokens": f64::from(tokens) } },
        }),
        Upstream::Gemini => {
            let embeddings: Vec<_> = vectors.iter().map(|values| json!({ "values": values })).collect();
            json!({ "embeddings": embeddings, "usageMetadata": { "promptTokenCount": tokens } })
        }
        Upstream::Openai => {
            // The service may answer in any order.
            let data: Vec<_> = vectors
                .iter()
                .enumerate()
                .map(|(index, v)| json!({ "object": "embedding", "index": index, "embedding": v }))
                .rev()
                .collect();
            json!({ "object": "list", "data": data, "model": "m",
                "usage": { "prompt_tokens": tokens, "total_tokens": tokens } })
        }
    }
}

/// A number that stands for a text.
fn number(at: usize) -> f32 {
    f32::from(u16::try_from(at).unwrap())
}

/// The vectors of a client's answer, and its count.
fn seen(client: Client, body: &[u8]) -> (Vec<Vec<f32>>, Option<u64>) {
    let body: Value = serde_json::from_slice(body).unwrap();
    let (vectors, count) = match client {
        Client::Cohere => {
            (body["embeddings"]["float"].clone(), &body["meta"]["billed_units"]["input_tokens"])
        }
        Client::GeminiBatch => {
            let each = body["embeddings"].as_array().unwrap().iter().map(|one| one["values"].clone());
            (each.collect(), &body["usageMetadata"]["promptTokenCount"])
        }
        Client::GeminiOne => {
            (json!([body["embedding"]["values"]]), &body["usageMetadata"]["promptTokenCount"])
        }
        Client::Ollama => (body["embeddings"].clone(), &body["prompt_eval_count"]),
        Client::OllamaLegacy => (json!([body["embedding"]]), &Value::Null),
        Client::Openai => {
            let each = body["data"].as_array().unwrap().iter().map(|one| one["embedding"].clone());
            (each.collect(), &body["usage"]["prompt_tokens"])
        }
    };
    (serde_json::from_value(vectors).unwrap(), count.as_u64())
}

fn takes_one(client: Client) -> bool {
    matches!(client, Client::GeminiOne | Client::OllamaLegacy)
}

/// Any client on any upstream, its own format included: what passes elsewhere must be right here too.
fn pairs() -> impl Iterator<Item = (Client, Upstream)> {
    Client::ALL.into_iter().flat_map(|client| Upstream::ALL.map(move |upstream| (client, upstream)))
}

#[test]
fn every_client_is_understood_by_every_upstream() {
    for (client, upstream) in pairs() {
        let texts: &[String] =
            if takes_one(client) { &["ä b".into()] } else { &["ä b".into(), "c".into()] };
        let (body, dropped) = call(client, upstream, &plain(client, texts));
        let dimensions = (client != Client::OllamaLegacy).then_some(3);
        let expected = match upstream {
            Upstream::Cohere => {
                let mut body = json!({ "model": "m", "texts": texts, "embedding_types": ["float"],
                    "input_type": "search_document" });
                if let Some(dimensions) = dimensions {
                    body["output_dimension"] = dimensions.into();
                }
                body
            }
            Upstream::Gemini => {
                let one = |text: &String| {
                    let mut one = json!({ "model": "models/m", "content": { "parts": [{ "text": text }] } });
                    if let Some(dimensions) = dimensions {
                        one["outputDimensionality"] = dimensions.into();
                    }
                    one
                };
                json!({ "requests": texts.iter().map(one).collect::<Vec<_>>() })
            }
            Upstream::Openai => {
                let mut body = json!({ "model": "m", "input": texts });
                if let Some(dimensions) = dimensions {
                    body["dimensions"] = dimensions.into();
                }
                body
            }
        };
        assert_eq!((body, dropped.as_str()), (expected, ""), "{client:?} on {upstream:?}");
    }
}

#[test]
fn paths() {
    assert_eq!(path(Upstream::Openai, None, "m"), "/embeddings");
    assert_eq!(path(Upstream::Cohere, Some(Client::Cohere), "m"), "/v2/embed");
    assert_eq!(path(Upstream::Gemini, None, "m"), "/v1beta/models/m:batchEmbedContents");
    assert_eq!(path(Upstream::Gemini, Some(Client::GeminiOne), "m"), "/v1beta/models/m:embedContent");
    assert_eq!(path(Upstream::Gemini, Some(Client::GeminiBatch), "m"), "/v1beta/models/m:batchEmbedContents");
}

#[test]
fn tasks_have_their_own_names() {
    for (client, body, upstream, task, dropped) in [
        (
            Client::GeminiOne,
            json!({ "content": { "parts": [{ "text": "x" }] }, "taskType": "RETRIEVAL_QUERY" }),
            Upstream::Cohere,
            json!("search_query"),
            "",
        ),
        (
            Client::GeminiOne,
            json!({ "content": { "parts": [{ "text": "x" }] }, "task_type": "QUESTION_ANSWERING" }),
            Upstream::Cohere,
            json!("search_query"),
            "taskType=search_query",
        ),
        (
            Client::GeminiOne,
            json!({ "content": { "parts": [{ "text": "x" }] }, "embedContentConfig": { "taskType": "CLUSTERING" } }),
            Upstream::Cohere,
            json!("clustering"),
            "",
        ),
        (
            Client::GeminiOne,
            json!({ "content": { "parts": [{ "text": "x" }] }, "taskType": "TASK_TYPE_UNSPECIFIED" }),
            Upstream::Cohere,
            json!("search_document"),
            "",
        ),
        (
            Client::Cohere,
            json!({ "model": "m", "texts": ["x"], "input_type": "search_query" }),
            Upstream::Gemini,
            json!("RETRIEVAL_QUERY"),
            "",
        ),
        (
            Client::Openai,
            json!({ "model": "m", "input": "x", "input_type": "passage" }),
            Upstream::Gemini,
            json!("RETRIEVAL_DOCUMENT"),
            "",
        ),
        (
            Client::Cohere,
            json!({ "model": "m", "texts": ["x"], "input_type": "search_query" }),
            Upstream::Openai,
            Value::Null,
            "input_type=dropped",
        ),
        (
            Client::Openai,
            json!({ "model": "m", "input": "x", "input_type": "mystery" }),
            Upstream::Gemini,
            Value::Null,
            "input_type=dropped",
        ),
    ] {
        let (sent, lost) = call(client, upstream, &body);
        let said = sent.get("input_type").or_else(|| sent.pointer("/requests/0/taskType"));
        assert_eq!((said.unwrap_or(&Value::Null), lost.as_str()), (&task, dropped), "{body}");
    }
}

#[test]
fn what_is_lost_is_named() {
    for (client, body, upstream, dropped) in [
        (
            Client::GeminiBatch,
            json!({ "requests": [{ "content": { "parts": [{ "text": "x" }] }, "title": "t", "odd": 1 }] }),
            Upstream::Openai,
            "title=dropped, requests[].odd=dropped",
        ),
        (
            Client::Cohere,
            json!({ "model": "m", "texts": ["x"], "truncate": "START", "max_tokens": 5, "priority": 1 }),
            Upstream::Openai,
            "max_tokens=dropped, truncate=dropped",
        ),
        (Client::Cohere, json!({ "model": "m", "texts": ["x"], "truncate": "NONE" }), Upstream::Openai, ""),
        (
            Client::Cohere,
            json!({ "model": "m", "texts": ["x"], "truncate": "NONE" }),
            Upstream::Gemini,
            "truncate=dropped",
        ),
        (
            Client::Ollama,
            json!({ "model": "m", "input": "x", "truncate": true, "keep_alive": "5m", "options": { "num_ctx": 9 } }),
            Upstream::Gemini,
            "options.num_ctx=dropped",
        ),
        (
            Client::Openai,
            json!({ "model": "m", "input": "x", "user": "u", "x_trace": 1, "odd": true, "none": null }),
            Upstream::Cohere,
            "odd=dropped",
        ),
    ] {
        assert_eq!(call(client, upstream, &body).1, dropped, "{body}");
    }
    let (body, _) =
        call(Client::Ollama, Upstream::Cohere, &json!({ "model": "m", "input": "x", "truncate": false }));
    assert_eq!(body["truncate"], "NONE");
}

#[test]
fn what_cannot_be_said_elsewhere_is_refused_by_its_name() {
    let text = json!({ "parts": [{ "text": "x" }] });
    let image =
        json!({ "parts": [{ "text": "x" }, { "inlineData": { "mimeType": "image/png", "data": "" } }] });
    for (client, body, field) in [
        (Client::Openai, json!({ "model": "m", "input": [1, 2] }), "input"),
        (Client::Openai, json!({ "model": "m", "input": [[1, 2], [3]] }), "input"),
        (Client::Openai, json!({ "model": "m", "input": [] }), "input"),
        (Client::Openai, json!({ "model": "m" }), "input"),
        (Client::Openai, json!({ "model": "m", "input": { "a": 1 } }), "input"),
        (Client::Openai, json!({ "model": "m", "input": ["a", null] }), "input[1]"),
        (Client::Openai, json!({ "model": "m", "input": vec!["a"; MAX_INPUTS + 1] }), "input"),
        (Client::Openai, json!({ "model": "m", "input": "x", "encoding_format": "int8" }), "encoding_format"),
        (Client::Openai, json!({ "model": "m", "input": "x", "dimensions": -1 }), "dimensions"),
        (Client::Cohere, json!({ "model": "m", "images": ["data:image/png;base64,AAAA"] }), "images"),
        (
            Client::Cohere,
            json!({ "model": "m", "inputs": [{ "content": [{ "type": "text", "text": "x" },
                { "type": "image_url", "image_url": { "url": "data:" } }] }] }),
            "inputs[0].content[1]",
        ),
        (Client::Cohere, json!({ "model": "m", "texts": [] }), "texts"),
        (
            Client::Cohere,
            json!({ "model": "m", "texts": ["x"], "embedding_types": ["int8"] }),
            "embedding_types",
        ),
        (Client::Cohere, json!({ "model": "m", "texts": ["x"], "truncate": "MIDDLE" }), "truncate"),
        (Client::GeminiOne, json!({}), "content"),
        (Client::GeminiOne, json!({ "content": image }), "content.parts[1].inlineData"),
        (Client::GeminiBatch, json!({ "requests": [] }), "requests"),
        (
            Client::GeminiBatch,
            json!({ "requests": [{ "content": text, "taskType": "CLUSTERING" }, { "content": text }] }),
            "requests[1].taskType",
        ),
        (
            Client::GeminiBatch,
            json!({ "requests": [{ "content": text }, { "content": text, "outputDimensionality": 3 }] }),
            "requests[1].outputDimensionality",
        ),
        (Client::Ollama, json!({ "model": "m" }), "input"),
        (Client::OllamaLegacy, json!({ "model": "m" }), "prompt"),
    ] {
        for upstream in Upstream::ALL.into_iter().filter(|upstream| client.upstream() != Some(*upstream)) {
            assert_eq!(refused(client, upstream, &body), field, "{body}");
        }
    }
}

#[test]
fn quantised_vectors_may_be_given_up() {
    let body = json!({ "model": "m", "texts": ["x"], "embedding_types": ["int8", "base64"] }).to_string();
    let Begun { mut exchange, dropped, .. } =
        ask(Client::Cohere, Upstream::Openai, body.as_bytes(), Lossy::Drop).unwrap();
    assert_eq!(dropped[0].to_string(), "embedding_types=dropped");
    exchange.read(answer(Upstream::Openai, &[vec![1.0, -2.0]], 1).to_string().as_bytes()).unwrap();
    let answer: Value = serde_json::from_slice(&exchange.finish().body).unwrap();
    assert_eq!(answer["embeddings"], json!({ "base64": ["AACAPwAAAMA="] }));
}

#[test]
fn parts_become_one_text() {
    let parts = json!({ "content": { "role": "user", "parts": [{ "text": "a" }, { "text": "b" }] } });
    assert_eq!(call(Client::GeminiOne, Upstream::Openai, &parts).0["input"], json!(["a\nb"]));
    let parts = json!({ "model": "m",
        "inputs": [{ "content": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }] }] });
    assert_eq!(call(Client::Cohere, Upstream::Openai, &parts).0["input"], json!(["a\nb"]));
}

#[test]
fn a_long_list_goes_out_in_several_calls_and_comes_back_as_one() {
    let texts: Vec<String> = (0..250).map(|at| at.to_string()).collect();
    for (upstream, sizes) in [(Upstream::Gemini, [100, 100, 50]), (Upstream::Cohere, [96, 96, 58])] {
        let Begun { mut exchange, calls, .. } =
            begin(Client::Openai, upstream, &plain(Client::Openai, &texts)).unwrap();
        assert_eq!(calls.len(), 3);
        let mut next = 0;
        for (call, size) in calls.iter().zip(sizes) {
            let body: Value = serde_json::from_slice(&call.body).unwrap();
            let list = body.get("requests").or(body.get("texts")).unwrap().as_array().unwrap();
            assert_eq!(list.len(), size);
            let vectors: Vec<_> = (next..next + size).map(|at| vec![number(at)]).collect();
            exchange
                .read(answer(upstream, &vectors, u32::try_from(size).unwrap()).to_string().as_bytes())
                .unwrap();
            next += size;
        }
        let whole = exchange.finish();
        let (vectors, count) = seen(Client::Openai, &whole.body);
        assert_eq!((whole.usage.input, count), (Some(250), Some(250)));
        assert!(vectors.iter().enumerate().all(|(at, vector)| vector == &[number(at)]));
    }
}

/// The one answer of an upstream, as a client sees it.
fn answered(
    client: Client,
    upstream: Upstream,
    request: &Value,
    answer: &Value,
) -> Result<Value, Box<Fault>> {
    let mut exchange = begin(client, upstream, request).unwrap().exchange;
    exchange.read(answer.to_string().as_bytes())?;
    Ok(serde_json::from_slice(&exchange.finish().body).unwrap())
}

#[test]
fn answers_as_the_vendors_sdks_read_them() {
    let texts = ["x".to_owned()];
    let upstream = answer(Upstream::Gemini, &[vec![1.0, -2.0]], 7);
    let of = |client| answered(client, Upstream::Gemini, &plain(client, &texts), &upstream).unwrap();
    let usage = json!({ "promptTokenCount": 7, "totalTokenCount": 7 });
    assert_eq!(
        of(Client::Openai),
        json!({ "object": "list", "data": [{ "object": "embedding", "index": 0, "embedding": [1.0, -2.0] }],
            "model": "provider/m", "usage": { "prompt_tokens": 7, "total_tokens": 7 } })
    );
    assert_eq!(
        of(Client::Cohere),
        json!({ "id": "0123456789abcdef", "embeddings": { "float": [[1.0, -2.0]] }, "texts": ["x"],
            "meta": { "api_version": { "version": "2" }, "billed_units": { "input_tokens": 7 } },
            "response_type": "embeddings_by_type" })
    );
    assert_eq!(
        of(Client::GeminiBatch),
        json!({ "embeddings": [{ "values": [1.0, -2.0] }], "usageMetadata": usage })
    );
    assert_eq!(
        of(Client::GeminiOne),
        json!({ "embedding": { "values": [1.0, -2.0] }, "usageMetadata": usage })
    );
    assert_eq!(
        of(Client::Ollama),
        json!({ "model": "provider/m", "embeddings": [[1.0, -2.0]], "prompt_eval_count": 7 })
    );
    assert_eq!(of(Client::OllamaLegacy), json!({ "embedding": [1.0, -2.0] }));
}

#[test]
fn base64_is_read_and_written() {
    let request = json!({ "model": "m", "input": "x", "encoding_format": "base64" });
    let packed = json!({ "data": [{ "embedding": "AACAPwAAAMA=" }], "usage": { "total_tokens": 7 } });
    let whole = answered(Client::Openai, Upstream::Openai, &request, &packed).unwrap();
    assert_eq!(whole["data"][0]["embedding"], "AACAPwAAAMA=");
    let both = json!({ "model": "m", "texts": ["x"], "embedding_types": ["base64", "float"] });
    let whole = answered(Client::Cohere, Upstream::Openai, &both, &packed).unwrap();
    assert_eq!(whole["embeddings"], json!({ "base64": ["AACAPwAAAMA="], "float": [[1.0, -2.0]] }));
    assert_eq!(whole["meta"]["billed_units"]["input_tokens"], 7);
    let of_cohere = json!({ "id": "x", "embeddings": { "base64": ["AACAPwAAAMA="] } });
    let whole = answered(Client::Openai, Upstream::Cohere, &request, &of_cohere).unwrap();
    assert_eq!(whole["data"][0]["embedding"], "AACAPwAAAMA=");
    assert_eq!(whole["usage"]["prompt_tokens"], 0, "the SDK wants a number where nobody told one");
}

#[test]
fn an_answer_that_is_none_is_a_fault() {
    let request = json!({ "model": "m", "input": ["x", "y"] });
    let one = |vector: &Value, index: u64| json!({ "index": index, "embedding": vector });
    let fine = json!([1.0]);
    for (answer, said) in [
        (json!({ "error": { "message": "no such luck", "type": "server_error" } }), "no such luck"),
        (json!({ "data": [one(&fine, 0)] }), "1 embeddings for 2 texts"),
        (json!({ "data": [one(&fine, 0), one(&fine, 0)] }), "no embeddings"),
        (json!({ "data": [one(&fine, 0), one(&fine, 9)] }), "no embeddings"),
        (json!({ "data": [one(&fine, 0), one(&json!([null]), 1)] }), "no embeddings"),
        (json!({ "data": [one(&fine, 0), one(&json!([1e300]), 1)] }), "no embeddings"),
        (json!({ "data": [one(&fine, 0), one(&json!("AAAA"), 1)] }), "no embeddings"),
        // A NaN.
        (json!({ "data": [one(&fine, 0), one(&json!("AADAfw=="), 1)] }), "no embeddings"),
        (json!({}), "no embeddings"),
        (json!([]), "no embeddings"),
    ] {
        let fault = answered(Client::Ollama, Upstream::Openai, &request, &answer).unwrap_err();
        assert!(fault.status == 502 && fault.message.contains(said), "{answer}: {fault}");
    }
}

#[test]
fn a_gemini_body_keeps_everything_but_its_models() {
    let body = br#"{ "model":"models/a/b" , "requests" : [ {"model": "models/\u0061/b","content":{"parts":[{"text":"models/a/b"}]},"n":1.0},{"model":null},{"content":{}} ]}"#;
    let there = renamed(body, "c").unwrap();
    assert_eq!(
        String::from_utf8(there).unwrap(),
        r#"{ "model":"models/c" , "requests" : [ {"model": "models/c","content":{"parts":[{"text":"models/a/b"}]},"n":1.0},{"model":null},{"content":{}} ]}"#
    );
    let nothing = br#"{"content":{"parts":[{"text":"x"}]}}"#;
    assert_eq!(renamed(nothing, "c").unwrap(), nothing);
    assert!(renamed(br#"{"requests":[{"model":"a","model":"b"}]}"#, "c").is_err());
}

/// JSON with the fields that the codecs look at, in all the wrong places.
fn nonsense() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof!["\\PC{0,8}", Just("float".to_owned()), Just("AACAPw==".to_owned())].prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "model",
        "input",
        "texts",
        "images",
        "inputs",
        "content",
        "parts",
        "text",
        "requests",
        "prompt",
        "encoding_format",
        "embedding_types",
        "embedContentConfig",
        "taskType",
        "truncate",
        "options",
        "data",
        "embedding",
        "embeddings",
        "values",
        "float",
        "index",
        "usage",
        "usageMetadata",
        "meta",
        "error",
        "é",
    ]);
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|map| map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn nonsense_is_read_or_refused(request in nonsense(), answer in nonsense()) {
        let (request, answer) = (request.to_string(), answer.to_string());
        for (client, upstream) in pairs() {
            let _ = renamed(request.as_bytes(), "m");
            match ask(client, upstream, request.as_bytes(), Lossy::Drop) {
                Ok(Begun { mut exchange, calls, .. }) => {
                    prop_assert!(!calls.is_empty());
                    for call in &calls {
                        prop_assert!(serde_json::from_slice::<Value>(&call.body).is_ok());
                    }
                    let _ = exchange.read(answer.as_bytes());
                }
                Err(fault) => prop_assert_eq!(fault.status, 400),
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        for (client, upstream) in pairs() {
            prop_assert!(ask(client, upstream, &bytes, Lossy::Drop).is_err());
        }
    }

    #[test]
    fn vectors_survive_every_way(
        texts in prop::collection::vec("\\PC{0,12}", 1..4),
        number in -1e30_f32..1e30,
        small in -1.0_f32..1.0,
        tokens in 0_u32..1_000_000,
    ) {
        for (client, upstream) in pairs() {
            let texts = if takes_one(client) { &texts[..1] } else { &texts[..] };
            let vectors: Vec<Vec<f32>> = texts.iter().map(|_| vec![number, small, -0.0]).collect();
            let Begun { mut exchange, calls, .. } = begin(client, upstream, &plain(client, texts)).unwrap();
            prop_assert_eq!(calls.len(), 1);
            exchange.read(answer(upstream, &vectors, tokens).to_string().as_bytes()).unwrap();
            let whole = exchange.finish();
            prop_assert_eq!(whole.usage.input, Some(tokens.into()));
            let (got, count) = seen(client, &whole.body);
            prop_assert_eq!(got, vectors);
            prop_assert_eq!(count, (client != Client::OllamaLegacy).then_some(tokens.into()));
        }
    }

    #[test]
    fn base64_is_lossless(numbers in prop::collection::vec(-1e38_f32..1e38, 0..40)) {
        let vector = Vector(numbers);
        prop_assert_eq!(Vector::from_base64(&vector.to_base64()), Some(vector.clone()));
        let json: Vector = serde_json::from_slice(&serde_json::to_vec(&vector).unwrap()).unwrap();
        prop_assert_eq!(json, vector);
    }

    #[test]
    fn renaming_back_gives_the_same_bytes(name in "[a-z]{1,8}", text in "\\PC{0,8}") {
        let named = format!("models/{name}");
        let one = json!({ "model": named, "content": { "parts": [{ "text": text }] } });
        let body = json!({ "requests": [one, one] }).to_string();
        let there = renamed(body.as_bytes(), "other").unwrap();
        prop_assert_eq!(renamed(&there, &name).unwrap(), body.into_bytes());
    }
}
