//! Recorded answers and requests, and what becomes of them.

use byok_types::chat::PartKind;

use super::*;

const STREAMS: [(&str, &str); 11] = [
    ("broken_off", include_str!("../../../tests/golden/anthropic/streams/broken_off.sse")),
    ("compatible_server", include_str!("../../../tests/golden/anthropic/streams/compatible_server.sse")),
    ("cut_tool", include_str!("../../../tests/golden/anthropic/streams/cut_tool.sse")),
    ("overloaded", include_str!("../../../tests/golden/anthropic/streams/overloaded.sse")),
    (
        "parallel_interleaved",
        include_str!("../../../tests/golden/anthropic/streams/parallel_interleaved.sse"),
    ),
    ("refusal", include_str!("../../../tests/golden/anthropic/streams/refusal.sse")),
    ("server_tool", include_str!("../../../tests/golden/anthropic/streams/server_tool.sse")),
    ("stop_sequence", include_str!("../../../tests/golden/anthropic/streams/stop_sequence.sse")),
    ("text_and_tool", include_str!("../../../tests/golden/anthropic/streams/text_and_tool.sse")),
    ("thinking", include_str!("../../../tests/golden/anthropic/streams/thinking.sse")),
    ("thinking_omitted", include_str!("../../../tests/golden/anthropic/streams/thinking_omitted.sse")),
];

const REQUESTS: [(&str, &str); 2] = [
    ("agent", include_str!("../../../tests/golden/anthropic/requests/agent.json")),
    ("documents", include_str!("../../../tests/golden/anthropic/requests/documents.json")),
];

/// All recorded answers.
pub(super) fn streams() -> impl Iterator<Item = &'static str> {
    STREAMS.into_iter().map(|(_, stream)| stream)
}

fn snapshot(folder: &str, name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => format!("../../../tests/golden/anthropic/{folder}"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn streams_become_events_and_client_streams() {
    for (name, stream) in STREAMS {
        let events = events_of([stream.as_bytes()]);
        let listed: Vec<String> = events.iter().map(|event| format!("{event:?}")).collect();
        let listed = listed.join("\n");
        let client = stream_of(&events, reply());
        frames_of(&client);
        snapshot("streams", name, &format!("{listed}\n\n--- to a client ---\n\n{client}"));
    }
}

#[test]
fn requests_are_understood_and_printed_again() {
    for (name, json) in REQUESTS {
        let request = Anthropic.read_request(json.as_bytes(), PathWish::default()).unwrap();
        let again: Value = serde_json::from_slice(&Anthropic.write_request(&request, &facts())).unwrap();
        let again = serde_json::to_string_pretty(&again).unwrap();
        snapshot("requests", name, &format!("{request:#?}\n\n--- to an upstream ---\n\n{again}"));
    }
}

#[test]
fn a_client_stream_read_again_is_the_same_answer() {
    for (name, stream) in STREAMS {
        let first = fold(events_of([stream.as_bytes()]));
        let client = stream_of(&events_of([stream.as_bytes()]), reply());
        match (first, fold(events_of([client.as_bytes()]))) {
            (Ok(mut first), Ok(second)) => {
                // Who made an id up cannot be seen from the id.
                for part in &mut first.candidates[0].parts {
                    if let PartKind::ToolCall(call) = &mut part.kind {
                        call.generated_id = false;
                    }
                }
                assert_eq!(first.candidates, second.candidates, "{name}");
                assert_eq!(first.usage.total(), second.usage.total(), "{name}");
            }
            (Err(FoldError::Failed(_)), Err(FoldError::Failed(_))) => {}
            (first, second) => panic!("{name}: {first:?} became {second:?}"),
        }
    }
}
