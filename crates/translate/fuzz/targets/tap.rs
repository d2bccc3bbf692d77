//! The tap on answers that pass untouched: whatever passes, cutting it changes nothing of what is seen.

#![no_main]

use byok_translate::tap::Tap;
use byok_types::Family;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [which, cut, bytes @ ..] = input else { return };
    let family = Family::ALL[usize::from(*which) % Family::ALL.len()];
    let (head, tail) = bytes.split_at(bytes.len().min(usize::from(*cut)));
    for stream in [true, false] {
        let seen = |pieces: &[&[u8]]| {
            let mut tap = Tap::new(family, stream);
            for piece in pieces {
                tap.feed(piece);
            }
            tap.finish();
            (*tap.usage(), tap.complete(), tap.failed())
        };
        assert_eq!(seen(&[head, tail]), seen(&[bytes]));
    }
});
