//! One answer from every upstream family to every client format, whole and as a stream: its text, its
//! call, why it ended and what it cost (wire-format facts, 6.9, 6.10 and appendix A), and what becomes of
//! it when it breaks off or fails.

use byok_e2e::matrix::{
    ARGUMENTS, CLIENTS, FAMILIES, Matrix, Script, events, streamed, tool, usual_model, whole,
};
use serde_json::{Value, json};

/// An answer as its reader understands it.
#[derive(Debug, Default, PartialEq)]
struct Read {
    text: String,
    call: Option<(String, String)>,
    stop: String,
    /// Input, of it cached, output, of it thoughts; 0 where the format does not say.
    usage: [u64; 4],
}

fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    CLIENTS
        .into_iter()
        .flat_map(|client| FAMILIES.into_iter().map(move |family| (client, family)))
        .filter(|(client, family)| client != family)
}

fn extra(client: &str) -> Value {
    match client {
        "completions" => json!({"stream_options": {"include_usage": true}}),
        "openai-chat" => {
            json!({"tools": [tool(client, "weather")], "stream_options": {"include_usage": true}})
        }
        _ => json!({"tools": [tool(client, "weather")]}),
    }
}

/// What each client is to understand. Formats without a place for a number leave it out.
fn expected(client: &str, family: &str) -> Read {
    let call = Some(("weather".to_owned(), ARGUMENTS.to_owned()));
    let thoughts = if family == "cohere" { 0 } else { 5 };
    let (call, stop, usage) = match client {
        "openai-chat" => (call, "tool_calls", [20, 8, 15, thoughts]),
        "openai-responses" => (call, "completed", [20, 8, 15, thoughts]),
        "anthropic" => (call, "tool_use", [20, 8, 15, 0]),
        "gemini" => (call, "STOP", [20, 8, 15, thoughts]),
        "cohere" => (call, "TOOL_CALL", [20, 8, 15, 0]),
        "ollama" => (call, "stop", [20, 0, 15, 0]),
        _ => (None, "stop", [20, 8, 15, thoughts]),
    };
    Read { text: "Hi there".into(), call, stop: stop.into(), usage }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Arguments as compact JSON, whether they come as text or as an object.
fn arguments(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn numbers(usage: &Value, paths: [&str; 4]) -> [u64; 4] {
    paths.map(|path| {
        let number = usage.pointer(path);
        number.and_then(Value::as_f64).map_or(0, |number| {
            assert!(number >= 0.0 && number.fract() == 0.0, "{usage}");
            format!("{number:.0}").parse().expect("a whole number")
        })
    })
}

const OPENAI_USAGE: [&str; 4] = [
    "/prompt_tokens",
    "/prompt_tokens_details/cached_tokens",
    "/completion_tokens",
    "/completion_tokens_details/reasoning_tokens",
];

fn anthropic_usage(usage: &Value) -> [u64; 4] {
    let [fresh, read, output, written] = numbers(
        usage,
        ["/input_tokens", "/cache_read_input_tokens", "/output_tokens", "/cache_creation_input_tokens"],
    );
    [fresh + read + written, read, output, 0]
}

fn gemini_usage(usage: &Value) -> [u64; 4] {
    let [input, cached, shown, thoughts] = numbers(
        usage,
        ["/promptTokenCount", "/cachedContentTokenCount", "/candidatesTokenCount", "/thoughtsTokenCount"],
    );
    assert_eq!(numbers(usage, ["/totalTokenCount"; 4])[0], input + shown + thoughts, "{usage}");
    [input, cached, shown + thoughts, thoughts]
}

fn read_whole(client: &str, answer: &Value) -> Read {
    let mut read = Read::default();
    match client {
        "openai-chat" => {
            let choice = &answer["choices"][0];
            let call = &choice["message"]["tool_calls"][0]["function"];
            read.text = text(&choice["message"]["content"]);
            read.call = Some((text(&call["name"]), arguments(&call["arguments"])));
            read.stop = text(&choice["finish_reason"]);
            read.usage = numbers(&answer["usage"], OPENAI_USAGE);
        }
        "completions" => {
            read.text = text(&answer["choices"][0]["text"]);
            read.stop = text(&answer["choices"][0]["finish_reason"]);
            read.usage = numbers(&answer["usage"], OPENAI_USAGE);
        }
        "openai-responses" => {
            let call = &answer["output"][1];
            read.text = text(&answer["output"][0]["content"][0]["text"]);
            read.call = Some((text(&call["name"]), arguments(&call["arguments"])));
            read.stop = text(&answer["status"]);
            read.usage = numbers(
                &answer["usage"],
                [
                    "/input_tokens",
                    "/input_tokens_details/cached_tokens",
                    "/output_tokens",
                    "/output_tokens_details/reasoning_tokens",
                ],
            );
        }
        "anthropic" => {
            let call = &answer["content"][1];
            read.text = text(&answer["content"][0]["text"]);
            read.call = Some((text(&call["name"]), arguments(&call["input"])));
            read.stop = text(&answer["stop_reason"]);
            read.usage = anthropic_usage(&answer["usage"]);
        }
        "gemini" => {
            let parts = &answer["candidates"][0]["content"]["parts"];
            let call = &parts[1]["functionCall"];
            read.text = text(&parts[0]["text"]);
            read.call = Some((text(&call["name"]), arguments(&call["args"])));
            read.stop = text(&answer["candidates"][0]["finishReason"]);
            read.usage = gemini_usage(&answer["usageMetadata"]);
        }
        "cohere" => {
            let call = &answer["message"]["tool_calls"][0]["function"];
            read.text = text(&answer["message"]["content"][0]["text"]);
            read.call = Some((text(&call["name"]), arguments(&call["arguments"])));
            read.stop = text(&answer["finish_reason"]);
            read.usage = cohere_usage(&answer["usage"]);
        }
        _ => {
            let call = &answer["message"]["tool_calls"][0]["function"];
            read.text = text(&answer["message"]["content"]);
            read.call = Some((text(&call["name"]), arguments(&call["arguments"])));
            read.stop = text(&answer["done_reason"]);
            read.usage = numbers(answer, ["/prompt_eval_count", "/none", "/eval_count", "/none"]);
        }
    }
    read
}

fn cohere_usage(usage: &Value) -> [u64; 4] {
    numbers(usage, ["/tokens/input_tokens", "/cached_tokens", "/tokens/output_tokens", "/none"])
}

/// Reads a stream as the strictest of the official readers do.
fn read_stream(client: &str, body: &str) -> Read {
    let mut read = Read::default();
    let mut events = events(body);
    let mut call = (String::new(), String::new());
    if matches!(client, "openai-chat" | "completions") {
        assert_eq!(events.pop(), Some(json!("[DONE]")), "{body}");
    }
    for (number, event) in events.iter().enumerate() {
        let kind = event["type"].as_str().unwrap_or_default();
        match client {
            "openai-chat" => {
                if let Some(choice) = event["choices"].get(0) {
                    let delta = &choice["delta"];
                    assert!(read.stop.is_empty(), "nothing but the usage comes after the end: {body}");
                    assert_eq!(delta.get("role").is_some(), number == 0, "{body}");
                    read.text += &text(&delta["content"]);
                    let begun = &delta["tool_calls"][0];
                    assert_eq!(begun["id"].is_string(), begun["function"]["name"].is_string(), "{body}");
                    call.0 += &text(&begun["function"]["name"]);
                    call.1 += &text(&begun["function"]["arguments"]);
                    read.stop = text(&choice["finish_reason"]);
                } else {
                    read.usage = numbers(&event["usage"], OPENAI_USAGE);
                }
            }
            "completions" => match event["choices"].get(0) {
                Some(choice) => {
                    read.text += &text(&choice["text"]);
                    read.stop = text(&choice["finish_reason"]);
                }
                None => read.usage = numbers(&event["usage"], OPENAI_USAGE),
            },
            "openai-responses" => {
                assert_eq!(event["sequence_number"], number, "{body}");
                match kind {
                    "response.output_text.delta" => read.text += &text(&event["delta"]),
                    "response.function_call_arguments.delta" => call.1 += &text(&event["delta"]),
                    "response.completed" => {
                        let last = read_whole(client, &event["response"]);
                        assert_eq!(last.text, read.text, "{body}");
                        assert_eq!(last.call.as_ref().map(|call| &call.1), Some(&call.1), "{body}");
                        assert_eq!(number + 1, events.len(), "{body}");
                        return last;
                    }
                    _ => {}
                }
            }
            "anthropic" => match kind {
                "content_block_start" => call.0 += &text(&event["content_block"]["name"]),
                "content_block_delta" => {
                    read.text += &text(&event["delta"]["text"]);
                    call.1 += &text(&event["delta"]["partial_json"]);
                }
                "message_start" => read.usage = anthropic_usage(&event["message"]["usage"]),
                "message_delta" => {
                    read.stop = text(&event["delta"]["stop_reason"]);
                    let mut usage = events[0]["message"]["usage"].clone();
                    for (name, value) in event["usage"].as_object().expect("cumulative usage") {
                        usage[name] = value.clone();
                    }
                    read.usage = anthropic_usage(&usage);
                }
                _ => {}
            },
            "gemini" => {
                let candidate = &event["candidates"][0];
                for part in candidate["content"]["parts"].as_array().expect("parts") {
                    read.text += &text(&part["text"]);
                    call.0 += &text(&part["functionCall"]["name"]);
                    call.1 += &part["functionCall"].get("args").map(Value::to_string).unwrap_or_default();
                }
                read.stop = text(&candidate["finishReason"]);
                assert_eq!(read.stop.is_empty(), number + 1 < events.len(), "{body}");
                if !read.stop.is_empty() {
                    read.usage = gemini_usage(&event["usageMetadata"]);
                }
            }
            "cohere" => {
                read.text += &text(&event["delta"]["message"]["content"]["text"]);
                call.0 += &text(&event["delta"]["message"]["tool_calls"]["function"]["name"]);
                call.1 += &text(&event["delta"]["message"]["tool_calls"]["function"]["arguments"]);
                if kind == "message-end" {
                    read.stop = text(&event["delta"]["finish_reason"]);
                    read.usage = cohere_usage(&event["delta"]["usage"]);
                }
            }
            _ => {
                read.text += &text(&event["message"]["content"]);
                if let Some(found) = event["message"]["tool_calls"].get(0) {
                    call = (text(&found["function"]["name"]), arguments(&found["function"]["arguments"]));
                }
                if event["done"] == true {
                    read.stop = text(&event["done_reason"]);
                    read.usage = numbers(event, ["/prompt_eval_count", "/none", "/eval_count", "/none"]);
                }
            }
        }
    }
    read.call = (!call.0.is_empty()).then_some(call);
    read
}

#[test]
fn every_client_understands_every_upstream() {
    let matrix = Matrix::start("");
    for (client, family) in pairs() {
        let model = usual_model(family);
        let answer = matrix.ask(client, family, model, &extra(client), false).answer;
        assert_eq!(answer.status(), 200, "{client} from {family}: {}", answer.text());
        assert_eq!(read_whole(client, &answer.json()), expected(client, family), "{client} from {family}");
        let answer = matrix.ask(client, family, model, &extra(client), true).answer;
        assert!(answer.complete && answer.status() == 200, "{client} from {family}: {}", answer.text());
        assert_eq!(
            read_stream(client, &answer.text()),
            expected(client, family),
            "{client} from {family}, streamed"
        );
    }
}

#[test]
fn pitfall_16_an_upstream_that_does_not_stream_is_streamed_all_the_same() {
    let matrix = Matrix::start("");
    for family in FAMILIES {
        matrix.script(family, Script::json(200, &whole(family)));
    }
    for (client, family) in pairs() {
        let answer = matrix.ask(client, family, usual_model(family), &extra(client), true).answer;
        assert_eq!(read_stream(client, &answer.text()), expected(client, family), "{client} from {family}");
    }
}

#[test]
fn pitfalls_12_to_14_the_lines_of_a_stream_are_those_that_its_clients_read() {
    let matrix = Matrix::start("");
    for (client, family) in pairs() {
        let body = matrix.ask(client, family, usual_model(family), &extra(client), true).answer.text();
        let named = matches!(client, "anthropic" | "openai-responses" | "cohere");
        for event in body.split("\n\n").filter(|event| !event.is_empty() && client != "ollama") {
            let lines: Vec<&str> = event.lines().collect();
            assert_eq!(lines.len(), if named { 2 } else { 1 }, "{client} from {family}: {event}");
            let data = lines[lines.len() - 1].strip_prefix("data: ").unwrap_or_else(|| panic!("{event}"));
            if named {
                let data: Value = serde_json::from_str(data).expect("JSON");
                assert_eq!(lines[0], format!("event: {}", text(&data["type"])), "{client} from {family}");
            }
        }
    }
}

/// A sign in the client's stream that the answer is complete.
fn looks_complete(client: &str, body: &str) -> bool {
    let signs: &[&str] = match client {
        "openai-chat" | "completions" => {
            &["[DONE]", "\"finish_reason\":\"stop\"", "\"finish_reason\":\"tool_calls\""]
        }
        "openai-responses" => &["response.completed", "response.incomplete"],
        "anthropic" => &["message_stop", "message_delta"],
        "gemini" => &["finishReason"],
        "cohere" => &["\"COMPLETE\"", "TOOL_CALL"],
        _ => &["\"done\":true"],
    };
    signs.iter().any(|sign| body.contains(sign))
}

/// The in-band error at a stream's end.
fn last_error(client: &str, body: &str) -> Option<String> {
    let last = events(body).pop()?;
    let message = match client {
        "openai-chat" | "completions" => {
            assert_eq!(last.as_object()?.len(), 1, "{last}");
            &last["error"]["message"]
        }
        "openai-responses" if last["type"] == "response.failed" => &last["response"]["error"]["message"],
        "openai-responses" => &last["message"],
        "anthropic" if last["type"] == "error" => &last["error"]["message"],
        "gemini" => {
            assert!(last.as_object()?.len() == 1 && last["error"]["code"].is_u64(), "{last}");
            &last["error"]["message"]
        }
        "cohere" if last["delta"]["finish_reason"] == "ERROR" => &last["delta"]["error"],
        "ollama" => &last["error"],
        _ => return None,
    };
    message.as_str().map(str::to_owned)
}

#[test]
fn a_stream_that_breaks_off_or_fails_never_looks_complete() {
    let matrix = Matrix::start("");
    for (client, family) in pairs() {
        let end = if family == "gemini" { "\r\n\r\n" } else { "\n\n" };
        let half: String = streamed(family).split_inclusive(end).take(2).collect();
        let error = match family {
            "openai-chat" => "data: {\"error\":{\"message\":\"it burns\",\"type\":\"server_error\"}}\n\n",
            "openai-responses" => {
                "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"it burns\"}\n\n"
            }
            "anthropic" => {
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"it burns\"}}\n\n"
            }
            "gemini" => {
                "data: {\"error\":{\"code\":503,\"message\":\"it burns\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n"
            }
            _ => {
                "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"it burns\"}}\n\n"
            }
        };
        for (script, words) in [
            (Script { cut: true, ..Script::stream(half.clone()) }, ""),
            (Script::stream(half.clone()), ""),
            (Script::stream(half.clone() + error), "it burns"),
        ] {
            matrix.script(family, script);
            let body = matrix.ask(client, family, usual_model(family), &extra(client), true).answer.text();
            assert!(!looks_complete(client, &body), "{client} from {family}: {body}");
            let told = last_error(client, &body).unwrap_or_else(|| panic!("{client} from {family}: {body}"));
            assert!(told.contains(words), "{client} from {family}: {told}");
        }
        matrix.greet(family);
    }
}

/// An error's message, after its shape has been looked at.
fn error_message(client: &str, status: u16, body: &Value) -> String {
    let message = match client {
        "openai-chat" | "openai-responses" | "completions" => {
            let error = body["error"].as_object().expect("an error object");
            for field in ["message", "type", "param", "code"] {
                assert!(error.contains_key(field), "{body}");
            }
            &body["error"]["message"]
        }
        "anthropic" => {
            assert!(body["type"] == "error" && body.get("request_id").is_some(), "{body}");
            assert!(body["error"]["type"].is_string(), "{body}");
            &body["error"]["message"]
        }
        "gemini" => {
            assert!(body["error"]["code"] == status && body["error"]["status"].is_string(), "{body}");
            &body["error"]["message"]
        }
        "cohere" => &body["message"],
        _ => &body["error"],
    };
    message.as_str().expect("a message").to_owned()
}

#[test]
fn pitfalls_142_to_145_errors_keep_status_words_and_limits_in_every_format() {
    let matrix = Matrix::start("");
    for (client, family) in pairs() {
        for status in [400, 401, 403, 404, 413, 422, 429, 500, 503, 529] {
            let body = match family {
                "anthropic" => {
                    json!({"type": "error", "error": {"type": kind(status), "message": "it burns"}})
                }
                "gemini" => json!({"error": {"code": status, "message": "it burns", "status": "X"}}),
                "cohere" => json!({"message": "it burns"}),
                _ => json!({"error": {"message": "it burns", "type": "t", "param": null, "code": null}}),
            };
            let mut script = Script::json(status, &body);
            script.headers = vec![
                ("retry-after", "7".into()),
                ("x-ratelimit-remaining-requests", "3".into()),
                ("set-cookie", "a=b".into()),
            ];
            matrix.script(family, script);
            let answer = matrix.ask(client, family, usual_model(family), &json!({}), status == 429).answer;
            let known = if status == 529 && client != "anthropic" { 503 } else { status };
            assert_eq!(answer.status(), known, "{client} from {family}");
            let message = error_message(client, known, &answer.json());
            assert!(message.contains("it burns"), "{client} from {family}, {status}: {message}");
            assert_eq!(answer.header("retry-after"), Some("7"), "{client} from {family}, {status}");
            assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("3"), "{client} from {family}");
            assert_eq!(answer.header("set-cookie"), None);
            if matches!(status, 401 | 403) {
                assert!(message.contains(&format!("up-{family}")), "whose key it is: {message}");
            }
        }
    }
}

fn kind(status: u16) -> &'static str {
    match status {
        400 | 422 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    }
}

#[test]
fn pitfalls_17_and_143_what_is_no_answer_is_an_error_in_every_format() {
    let matrix = Matrix::start("");
    let html = vec![("content-type", "text/html".to_owned())];
    let text = vec![("content-type", "text/plain".to_owned())];
    for (client, family) in pairs() {
        for (status, headers, body, words) in [
            (200, &html, "<html>hello</html>", ""),
            (200, &vec![], "", ""),
            (200, &vec![], "{}", ""),
            (200, &vec![], r#"{"error":{"message":"it burns"},"message":"it burns"}"#, "it burns"),
            (429, &text, "it burns", "it burns"),
            (500, &html, "<html><title>it burns</title></html>", "it burns"),
        ] {
            let script =
                Script { headers: headers.clone(), body: body.into(), ..Script::json(status, &Value::Null) };
            matrix.script(family, script);
            for stream in [false, true] {
                let answer = matrix.ask(client, family, usual_model(family), &json!({}), stream).answer;
                let kept = if status == 200 { answer.status() >= 500 } else { answer.status() == status };
                assert!(kept, "{client} from {family}, {body:?}: {} {}", answer.status(), answer.text());
                let message = error_message(client, answer.status(), &answer.json());
                assert!(message.contains(words), "{client} from {family}, {body:?}: {message}");
            }
        }
    }
}
