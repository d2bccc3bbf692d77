use byok_types::RawJson;
use byok_types::chat::{Delta, Event, Fold, Head, Start, Stop, StopReason, Usage};

use super::Completions;
use crate::format::{AnswerId, ClientFormat, PathWish, Reply};

fn read(body: &str) -> Result<byok_types::chat::Request, crate::format::ReadError> {
    Completions.read_request(body.as_bytes(), PathWish::default())
}

fn reply(body: &str) -> Reply {
    let id = AnswerId { unique: "0123456789abcdef".into(), created: 1_790_000_000 };
    Completions.reply(&read(body).unwrap(), id)
}

fn events() -> Vec<Event> {
    let candidate = 0;
    let logprobs =
        r#"{"content":[{"token":"Hé","logprob":-0.5,"top_logprobs":[{"token":"Hi","logprob":-1.5}]}]}"#;
    vec![
        Event::Start(Start::default()),
        Event::Open {
            candidate,
            head: Head::Reasoning { kind: byok_types::chat::ReasoningKind::Thinking, item_id: None },
        },
        Event::Delta { candidate, delta: Delta::Text("hidden".into()) },
        Event::Close { candidate },
        Event::Open { candidate, head: Head::Text },
        Event::Delta { candidate, delta: Delta::Text("Hé".into()) },
        Event::Logprobs { candidate, raw: RawJson::parse(logprobs).unwrap() },
        Event::Delta { candidate, delta: Delta::Text(" there".into()) },
        Event::Close { candidate },
        Event::Usage(Usage { input: Some(2), output: Some(3), ..Usage::default() }),
        Event::Stop { candidate, stop: Stop::new(StopReason::MaxTokens) },
        Event::End,
    ]
}

#[test]
fn a_prompt_is_a_user_turn() {
    for prompt in [r#""Say hi""#, r#"["Say hi"]"#] {
        let request = read(&format!(
            r#"{{"model":"m","prompt":{prompt},"max_tokens":16,"temperature":0.5,"stop":"\n","n":1,"best_of":1,"echo":false,"suffix":null,"logprobs":2}}"#
        ))
        .unwrap();
        assert_eq!(request.turns.len(), 1);
        assert_eq!(request.turns[0].parts[0].as_text(), Some("Say hi"));
        assert_eq!((request.limits.max_output, request.sampling.top_logprobs), (Some(16), Some(2)));
        assert!(request.ext.is_empty(), "{:?}", request.ext);
    }
}

#[test]
fn what_a_chat_model_cannot_do_is_refused_by_name() {
    for (fields, field) in [
        (r#""prompt":["a","b"]"#, "prompt"),
        (r#""prompt":[1,2]"#, "prompt"),
        (r#""prompt":"""#, "prompt"),
        (r#""n":1"#, "prompt"),
        (r#""prompt":"a","suffix":"b""#, "suffix"),
        (r#""prompt":"a","echo":true"#, "echo"),
        (r#""prompt":"a","best_of":3"#, "best_of"),
        (r#""prompt":"a","temperature":[]"#, "temperature"),
    ] {
        let error = read(&format!(r#"{{"model":"m",{fields}}}"#)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{field}: ")), "{fields}: {error}");
    }
    assert!(read(r#"{"prompt":"a"}"#).unwrap_err().to_string().starts_with("model: "));
}

#[test]
fn a_stream_of_text() {
    let reply = reply(r#"{"model":"m","prompt":"a","stream":true,"stream_options":{"include_usage":true}}"#);
    let mut writer = Completions.event_writer(reply);
    let mut out = Vec::new();
    for event in events() {
        writer.write(&event, &mut out);
    }
    insta::assert_snapshot!("completions_stream", String::from_utf8(out).unwrap());
}

#[test]
fn a_whole_text() {
    let response = Fold::all(events()).unwrap();
    let body = Completions.write_response(&response, &reply(r#"{"model":"m","prompt":"a"}"#));
    insta::assert_snapshot!("completions_answer", String::from_utf8(body).unwrap());
}

#[test]
fn an_error_ends_the_stream() {
    let mut writer = Completions.event_writer(reply(r#"{"model":"m","prompt":"a","stream":true}"#));
    let mut out = Vec::new();
    for event in events().into_iter().take(6) {
        writer.write(&event, &mut out);
    }
    writer.write(&Event::Error(Box::new(byok_types::Fault::upstream_broken("gone"))), &mut out);
    writer.write(&Event::End, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains(r#"{"error":{"message":"gone""#) && !text.contains("[DONE]"), "{text}");
}
