//! Tests of the whole codec. Transcripts are written after the shapes in the wire-format and provider
//! facts; their ids are invented.

mod faults;
mod laws;
mod reader;
mod request;
mod writer;

use byok_types::chat::{Event, Fold, Request, Response};
use byok_types::model::{ForcedTools, ModelFacts, SamplingRule, Thinking};

use super::OpenaiChat;
use crate::format::{AnswerId, ClientFormat, PathWish, Reply, UpstreamFormat};
use crate::sse::Parser;

/// The events of a stream, fed in the given pieces.
fn events_of(pieces: &[&[u8]]) -> Vec<Event> {
    let mut parser = Parser::new();
    let mut reader = OpenaiChat.event_reader();
    let mut events = Vec::new();
    for piece in pieces {
        parser.feed(piece, &mut |frame| reader.read(&frame, &mut events)).unwrap();
    }
    parser.finish(&mut |frame| reader.read(&frame, &mut events));
    reader.finish(&mut events);
    events
}

fn events(stream: &str) -> Vec<Event> {
    events_of(&[stream.as_bytes()])
}

/// A stream of the given chunks, with `[DONE]` behind them.
fn chunks(chunks: &[&str]) -> String {
    let frames = chunks.iter().chain(&["[DONE]"]).map(|chunk| format!("data: {chunk}\n\n"));
    frames.collect::<Vec<_>>().concat()
}

/// A chunk of choice 0.
fn chunk(delta: &str, finish: &str) -> String {
    format!(
        r#"{{"id":"c1","created":1,"model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
    )
}

/// The answer that a stream of deltas of choice 0 makes, with the given finish reason (JSON) at the end.
fn answer(deltas: &[&str], finish: &str) -> Response {
    let mut all: Vec<String> = deltas.iter().map(|delta| chunk(delta, "null")).collect();
    all.push(chunk("{}", finish));
    Fold::all(events(&chunks(&all.iter().map(String::as_str).collect::<Vec<_>>()))).unwrap()
}

fn read(body: &str) -> Request {
    OpenaiChat.read_request(body.as_bytes(), PathWish::default()).unwrap()
}

/// A request with the given further fields.
fn read_with(fields: &str) -> Request {
    read(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{fields}}}"#))
}

fn facts() -> ModelFacts {
    ModelFacts {
        thinking: Thinking::No,
        sampling: SamplingRule::All,
        forced_tools: ForcedTools::Yes,
        prefill: true,
        structured_output: true,
        structured_with_tools: true,
        system_turns: true,
        result_media: false,
        signed_calls: false,
        call_ids: true,
        top_k: false,
        min_p: false,
        stop_sequences: true,
        max_completion_tokens: false,
        max_output: None,
    }
}

fn write(request: &Request) -> String {
    String::from_utf8(OpenaiChat.write_request(request, &facts())).unwrap()
}

/// The reply to a request with the given further fields.
fn reply(fields: &str) -> Reply {
    let id = AnswerId { unique: "0123456789abcdef".into(), created: 1_790_000_000 };
    OpenaiChat.reply(&read_with(fields), id)
}

/// What a Chat client sees of the events.
fn written(events: &[Event], reply: Reply) -> String {
    let mut writer = OpenaiChat.event_writer(reply);
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

const GOLDEN: [(&str, &str); 9] = [
    ("azure", include_str!("../../tests/golden/openai_chat/azure.sse")),
    ("deepseek_thinking", include_str!("../../tests/golden/openai_chat/deepseek_thinking.sse")),
    ("gemini_compatible", include_str!("../../tests/golden/openai_chat/gemini_compatible.sse")),
    ("interleaved_calls", include_str!("../../tests/golden/openai_chat/interleaved_calls.sse")),
    ("mistral_thinking", include_str!("../../tests/golden/openai_chat/mistral_thinking.sse")),
    ("openai_text_and_call", include_str!("../../tests/golden/openai_chat/openai_text_and_call.sse")),
    ("openrouter_claude", include_str!("../../tests/golden/openai_chat/openrouter_claude.sse")),
    ("openrouter_error", include_str!("../../tests/golden/openai_chat/openrouter_error.sse")),
    ("two_choices", include_str!("../../tests/golden/openai_chat/two_choices.sse")),
];

#[test]
fn golden_streams() {
    for (name, stream) in GOLDEN {
        let events = events(stream);
        let lines: Vec<String> = events.iter().map(|event| format!("{event:?}")).collect();
        insta::assert_snapshot!(format!("{name}.events"), lines.join("\n"));
        let reply = reply(r#""stream":true,"stream_options":{"include_usage":true}"#);
        insta::assert_snapshot!(format!("{name}.client"), written(&events, reply));
    }
}

#[test]
fn golden_request() {
    let body = include_str!("../../tests/golden/openai_chat/request.json");
    let request = read(body);
    insta::assert_snapshot!("request.canonical", format!("{request:#?}"));
    let written = write(&request);
    let pretty: serde_json::Value = serde_json::from_str(&written).unwrap();
    insta::assert_snapshot!("request.upstream", serde_json::to_string_pretty(&pretty).unwrap());
    // What was written means the same when it is read again.
    let again = read(&written);
    assert_eq!(write(&again), written);
}
