//! Tests of the whole codec. The recorded answers and requests stand in `tests/golden/anthropic`; the
//! snapshots beside them.

use byok_types::chat::{Event, Fold, FoldError, Request, Response, Show};
use byok_types::model::{ForcedTools, ModelFacts, SamplingRule, Thinking};
use serde_json::Value;

use super::Anthropic;
use crate::format::{AnswerId, ClientFormat, PathWish, ReadError, Reply, UpstreamFormat};
use crate::sse::Parser;

mod faults;
mod golden;
mod laws;
mod reading;
mod requests;
mod streams;

/// A model that takes all there is.
fn facts() -> ModelFacts {
    ModelFacts {
        thinking: Thinking::Adaptive { can_disable: true, between_tools: true, manual: true },
        sampling: SamplingRule::All,
        forced_tools: ForcedTools::Yes,
        prefill: true,
        structured_output: true,
        structured_with_tools: true,
        system_turns: true,
        result_media: true,
        signed_calls: false,
        call_ids: true,
        top_k: false,
        min_p: false,
        stop_sequences: true,
        max_completion_tokens: false,
        max_output: Some(64_000),
    }
}

fn reply() -> Reply {
    Reply {
        id: AnswerId { unique: "0123456789abcdef".into(), created: 1_790_000_000 },
        model: "claude".into(),
        include_usage: false,
        json_array: false,
        show: Show::Unset,
        legacy_functions: false,
        echo: Vec::new(),
    }
}

fn request(json: &Value) -> Result<Request, ReadError> {
    Anthropic.read_request(json.to_string().as_bytes(), PathWish::default())
}

/// A request with these messages.
fn asking(messages: Value) -> Request {
    let mut body = serde_json::json!({ "model": "claude", "max_tokens": 100 });
    body["messages"] = messages;
    request(&body).unwrap()
}

fn written(request: &Request) -> Value {
    serde_json::from_slice(&Anthropic.write_request(request, &facts())).unwrap()
}

/// What the reader makes of these bytes, fed in these pieces.
fn events_of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let (mut parser, mut reader, mut events) = (Parser::new(), Anthropic.event_reader(), Vec::new());
    for piece in pieces {
        parser.feed(piece, &mut |frame| reader.read(&frame, &mut events)).unwrap();
    }
    parser.finish(&mut |frame| reader.read(&frame, &mut events));
    reader.finish(&mut events);
    events
}

/// The same for a stream of these events, with the frame of a stream around them.
fn events_between(middle: &[Value]) -> Vec<Event> {
    let start = serde_json::json!({ "type": "message_start", "message": {
        "id": "msg_1", "model": "m", "usage": { "input_tokens": 12, "output_tokens": 1 },
    }});
    let stop = serde_json::json!({ "type": "message_stop" });
    let all = [&[start], middle, &[stop]].concat();
    events_of([frames_with(&all).as_bytes()])
}

/// A stream of these events.
fn frames_with(events: &[Value]) -> String {
    events.iter().fold(String::new(), |stream, event| stream + &format!("data: {event}\n\n"))
}

fn fold(events: Vec<Event>) -> Result<Response, FoldError> {
    Fold::all(events)
}

/// The client bytes of these events.
fn stream_of(events: &[Event], reply: Reply) -> String {
    let (mut writer, mut out) = (Anthropic.event_writer(reply), Vec::new());
    for event in events {
        writer.write(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

/// The events of a client stream, checked to be one `event:` and one `data:` line each that agree.
fn frames_of(stream: &str) -> Vec<Value> {
    let mut frames = Vec::new();
    for frame in stream.split_terminator("\n\n").filter(|frame| !frame.starts_with(':')) {
        let (event, data) = frame.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(event.strip_prefix("event: ").unwrap(), data["type"]);
        frames.push(data);
    }
    frames
}
