//! Every family's stream reader: whatever comes, its events follow the grammar and come to an end, and
//! cutting the bytes changes nothing.

#![no_main]

use byok_translate::family;
use byok_translate::sse::Parser;
use byok_types::Family;
use byok_types::chat::{Event, Fold, FoldError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [which, cut, bytes @ ..] = input else { return };
    let upstream = Family::ALL[usize::from(*which) % Family::ALL.len()];
    let read = |pieces: &[&[u8]]| {
        let (mut parser, mut reader, mut events) = (Parser::new(), family(upstream).event_reader(), Vec::new());
        for piece in pieces {
            parser.feed(piece, &mut |frame| reader.read(&frame, &mut events)).expect("smaller than the limit");
        }
        parser.finish(&mut |frame| reader.read(&frame, &mut events));
        reader.finish(&mut events);
        events
    };
    let events = read(&[bytes]);
    let (head, tail) = bytes.split_at(bytes.len().min(usize::from(*cut)));
    assert_eq!(read(&[head, tail]), events);
    assert!(matches!(events.last(), Some(Event::End | Event::Error(_))), "no end: {events:?}");
    if let Err(FoldError::Grammar(what)) = Fold::all(events.clone()) {
        panic!("{what}: {events:?}");
    }
});
