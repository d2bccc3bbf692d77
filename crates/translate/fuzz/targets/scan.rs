//! The body scanner: whatever the bytes are, it reads or refuses them, and a patch changes the model alone.

#![no_main]

use byok_translate::scan;
use byok_types::Family;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    for family in Family::ALL {
        let _ = scan::carries_foreign_tokens(family, body);
    }
    let Ok(peek) = scan::peek(body) else { return };
    let patched = scan::replace_model(body, &peek, "other\"\u{e9}");
    let again = scan::peek(&patched).expect("a patched body is still a body");
    assert_eq!(again.model.as_deref(), peek.model.is_some().then_some("other\"\u{e9}"));
    assert_eq!(again.stream, peek.stream);
    if let Some(model) = &peek.model {
        let back = scan::peek(&scan::replace_model(&patched, &again, model)).expect("patched back");
        assert_eq!(back.model, peek.model);
    }
});
