//! The demo, which is what a new person runs first.

use serde_json::Value;

use crate::support::Home;

#[test]
fn both_exchanges_are_shown_and_work() {
    let home = Home::new();
    let run = home.run(&["demo", "--once"]);
    assert_eq!(run.code, 0, "{}", run.told());
    for text in [
        "1. A tool that speaks OpenAI, an upstream that speaks Anthropic",
        "2. A tool that speaks Anthropic, an upstream that speaks OpenAI",
        "connected",
        "[DONE]",
        "message_stop",
    ] {
        assert!(run.stdout.contains(text), "no `{text}` in {}", run.stdout);
    }
    assert_eq!(run.stdout.matches("You said: Any tool, any model.").count(), 2, "{}", run.stdout);
    assert!(!home.path().exists(), "the demo writes nothing");
}

#[test]
fn for_programs_it_is_one_document() {
    let run = Home::new().run(&["--json", "demo", "--once"]);
    let value: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(value["worked"], true);
    let exchanges = value["exchanges"].as_array().unwrap();
    assert_eq!(exchanges.len(), 2);
    for exchange in exchanges {
        let events = exchange["events"].as_array().unwrap();
        let times: Vec<f64> = events.iter().map(|event| event["at_ms"].as_f64().unwrap()).collect();
        assert!(times.is_sorted(), "{times:?}");
        // The upstream takes a tenth of a second for each word, and byok passes each on when it comes.
        let (first, last) = (times[0], times[times.len() - 1]);
        assert!(last - first > 500.0, "the events came in one piece: {times:?}");
    }
}
