//! What went wrong in other proxies (the pitfalls of the wire-format facts, by number), the laws of this
//! format, and recorded streams.

mod answers;
mod golden;
mod laws;
mod requests;

use byok_types::chat::{Event, Fold, FoldError, Request, Response, Show};
use byok_types::model::{ForcedTools, ModelFacts, SamplingRule, Thinking};

use super::Gemini;
use crate::format::{AnswerId, ClientFormat, PathWish, Reply, UpstreamFormat};
use crate::sse::Parser;

/// A Gemini 3: levels, signed calls, ids.
fn gemini_3() -> ModelFacts {
    use byok_types::chat::Effort;
    ModelFacts {
        thinking: Thinking::Levels(vec![Effort::Low, Effort::High]),
        sampling: SamplingRule::All,
        forced_tools: ForcedTools::Yes,
        prefill: false,
        structured_output: true,
        structured_with_tools: true,
        system_turns: false,
        result_media: true,
        signed_calls: true,
        call_ids: true,
        top_k: false,
        min_p: false,
        stop_sequences: true,
        max_completion_tokens: false,
        max_output: Some(65_536),
    }
}

/// A Gemini 2.5: budgets, no ids.
fn gemini_2_5() -> ModelFacts {
    ModelFacts {
        thinking: Thinking::Budget { min: 128, max: 32_768, can_disable: false },
        result_media: false,
        signed_calls: false,
        call_ids: false,
        ..gemini_3()
    }
}

/// Reads a client's request to `gemini-x`.
fn request(body: &str) -> Request {
    let path = PathWish { model: Some("models/gemini-x"), stream: false, json_array: false };
    Gemini.read_request(body.as_bytes(), path).unwrap()
}

/// What goes to an upstream.
fn upstream_body(request: &Request, facts: &ModelFacts) -> String {
    String::from_utf8(Gemini.write_request(request, facts)).unwrap()
}

/// The events in an upstream's stream, which is cut into `pieces`.
fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let mut reader = Gemini.event_reader();
    let mut parser = Parser::new();
    let mut out = Vec::new();
    for piece in pieces {
        parser.feed(piece, &mut |frame| reader.read(&frame, &mut out)).unwrap();
    }
    parser.finish(&mut |frame| reader.read(&frame, &mut out));
    reader.finish(&mut out);
    out
}

/// The whole answer in chunks, each given as JSON.
fn folded(chunks: &[&str]) -> Result<Response, FoldError> {
    let frames: Vec<String> = chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect();
    Fold::all(events(frames.iter().map(String::as_bytes)))
}

fn reply(show: Show, json_array: bool) -> Reply {
    let id = AnswerId { unique: "0123456789abcdef".into(), created: 1_790_000_000 };
    let mut reply = Reply::new(&Request { model: "fast".into(), ..Request::default() }, id);
    reply.show = show;
    reply.json_array = json_array;
    reply
}

/// What a client is sent.
fn client_stream<'a>(events: impl IntoIterator<Item = &'a Event>, reply: Reply) -> String {
    let mut writer = Gemini.event_writer(reply);
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
        writer.keepalive(&mut out);
    }
    String::from_utf8(out).unwrap()
}
