//! Every family's readers of whole answers and of errors, and every client's writer of them.

#![no_main]

use byok_translate::format::{AnswerId, Reply};
use byok_translate::{dialect, family};
use byok_types::chat::Request;
use byok_types::{Dialect, Family, RawJson};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [which, status, body @ ..] = input else { return };
    let upstream = Family::ALL[usize::from(*which) % Family::ALL.len()];
    let id = AnswerId { unique: "0123456789abcdef".to_owned(), created: 1 };
    let reply = Reply::new(&Request { model: "m".to_owned(), ..Request::default() }, id);
    let valid = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).expect("what is written is UTF-8");
        RawJson::parse(text).expect("what is written is JSON");
    };
    let fault = family(upstream).read_fault(400 + u16::from(*status), body);
    let answer = family(upstream).read_response(body);
    for client in Family::ALL {
        let client = dialect(Dialect::from(client));
        valid(client.write_fault(&fault));
        match &answer {
            Ok(response) => valid(client.write_response(response, &reply)),
            Err(fault) => valid(client.write_fault(fault)),
        }
    }
});
