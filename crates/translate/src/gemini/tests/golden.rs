//! Recorded streams: what is read from them, and what a client is sent.

use std::fmt::Write as _;
use std::path::Path;

use byok_types::chat::Show;

use super::{client_stream, events, reply};

/// Every stream in `tests/golden/gemini`, with the service's line ends.
pub(super) fn streams() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/gemini");
    let mut streams: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sse"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&path).unwrap().replace('\n', "\r\n"))
        })
        .collect();
    streams.sort();
    streams
}

#[test]
fn recorded_streams_are_read_and_written() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../tests/golden/gemini");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let streams = streams();
    assert!(streams.len() > 8);
    for (name, stream) in streams {
        let events = events([stream.as_bytes()]);
        let mut seen = String::new();
        for event in &events {
            writeln!(seen, "{event:?}").unwrap();
        }
        for (title, reply) in [
            ("with thoughts", reply(Show::Summary, false)),
            ("without thoughts, as an array", reply(Show::None, true)),
        ] {
            writeln!(seen, "\n--- to a client {title}\n{}", client_stream(&events, reply)).unwrap();
        }
        settings.bind(|| insta::assert_snapshot!(name.as_str(), seen));
    }
}
