//! The event-stream parser: cutting the input changes nothing, and nothing panics.

#![no_main]

use byok_translate::sse::{Frame, Parser};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&cut, bytes)) = input.split_first() else { return };
    let read = |pieces: &[&[u8]]| {
        let mut parser = Parser::new();
        let mut frames = Vec::new();
        let mut sink = |frame: Frame<'_>| frames.push((frame.event.map(str::to_owned), frame.data.to_vec()));
        for piece in pieces {
            parser.feed(piece, &mut sink).expect("the input is smaller than the limit");
        }
        parser.finish(&mut sink);
        frames
    };
    let (head, tail) = bytes.split_at(bytes.len().min(usize::from(cut)));
    assert_eq!(read(&[head, tail]), read(&[bytes]));
});
