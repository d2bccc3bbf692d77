//! Every client format's request reader, and what follows it: whatever is read can be fitted to every
//! family and written there as JSON.

#![no_main]

use byok_translate::exchange::{Ask, Exchange};
use byok_translate::facts::model_facts;
use byok_translate::fit::Lossy;
use byok_translate::format::AnswerId;
use byok_translate::{PathWish, dialect};
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

const MODELS: [&str; 6] = ["claude-sonnet-4-5", "claude-opus-5-5", "gemini-2.5-flash", "gemini-3-pro-preview", "gpt-5.6-sol", "gpt-4.1"];

fuzz_target!(|input: &[u8]| {
    let [which, target, model, body @ ..] = input else { return };
    let client = DIALECTS[usize::from(*which) % DIALECTS.len()];
    let upstream = Family::ALL[usize::from(*target) % Family::ALL.len()];
    let model = MODELS[usize::from(*model) % MODELS.len()];
    let path = PathWish { model: Some("m"), stream: which & 0x80 != 0, json_array: target & 0x80 != 0 };
    let Ok(request) = dialect(client).read_request(body, path) else { return };
    let facts = model_facts(upstream, model);
    let id = AnswerId { unique: "0123456789abcdef".to_owned(), created: 1 };
    let wire = byok_translate::Wire::Own;
    let ask = Ask {
        client, request, upstream, wire, model, facts: &facts, lossy: Lossy::Drop, id, force_stream: false, recall: &(),
    };
    if let Ok((_, call)) = Exchange::begin(ask) {
        serde_json_is_valid(&call.body);
    }
});

fn serde_json_is_valid(body: &[u8]) {
    let text = std::str::from_utf8(body).expect("what is written is UTF-8");
    byok_types::RawJson::parse(text).expect("what is written is JSON");
}
