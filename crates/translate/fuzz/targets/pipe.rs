//! Whole exchanges of streams: whatever an upstream sends, every client gets UTF-8 and one end, and each of
//! the two ways of answering comes to the same conclusion about it.

#![no_main]

use byok_translate::exchange::{Ask, Exchange};
use byok_translate::facts::model_facts;
use byok_translate::fit::Lossy;
use byok_translate::format::AnswerId;
use byok_translate::pipe::PipeState;
use byok_types::chat::{Part, Request, Role, StreamWish, Turn};
use byok_types::{Dialect, Family};
use libfuzzer_sys::fuzz_target;

const DIALECTS: [Dialect; 8] = [
    Dialect::Anthropic,
    Dialect::Cohere,
    Dialect::Completions,
    Dialect::Gemini,
    Dialect::OllamaChat,
    Dialect::OllamaGenerate,
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
];

fuzz_target!(|input: &[u8]| {
    let [which, client, bytes @ ..] = input else { return };
    let upstream = Family::ALL[usize::from(*which) % Family::ALL.len()];
    let client = DIALECTS[usize::from(*client) % DIALECTS.len()];
    let begin = || {
        let request = Request {
            model: "m".to_owned(),
            turns: vec![Turn::new(Role::User, vec![Part::text("Hi")])],
            stream: StreamWish { on: true, include_usage: true, ..StreamWish::default() },
            ..Request::default()
        };
        let id = AnswerId { unique: "0123456789abcdef".to_owned(), created: 1 };
        let facts = model_facts(upstream, "m");
        let wire = byok_translate::Wire::Own;
        let ask = Ask {
            client, request, upstream, wire, model: "m", facts: &facts, lossy: Lossy::Drop, id, force_stream: true, recall: &(),
        };
        Exchange::begin(ask).expect("a greeting fits everywhere").0
    };
    let (mut pipe, mut out) = (begin().stream(), Vec::new());
    pipe.feed(bytes, &mut out);
    pipe.finish(&mut out);
    let failed = match pipe.state() {
        PipeState::Done => false,
        PipeState::Failed(_) => true,
        PipeState::Running => panic!("no end"),
    };
    assert!(std::str::from_utf8(&out).is_ok());
    let mut folded = begin().folded();
    folded.feed(bytes);
    assert_eq!(folded.finish().is_err(), failed);
});
