//! An exported wallet from anywhere: its outside, and what would be in it once it is opened. The passphrase
//! is left out, since stretching one takes longer than a thousand inputs.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    byok_store::fuzzing::envelope(bytes);
    byok_store::fuzzing::contents(bytes);
});
