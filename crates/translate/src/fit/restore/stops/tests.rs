use byok_types::chat::{Fold, Response, Start, Usage, unfold};
use proptest::prelude::*;

use super::*;

fn stops(sequences: &[&str]) -> Stops {
    Stops::new(sequences.iter().map(|text| (*text).to_owned()).collect(), 1)
}

/// What is left of a text, and what ended it: looked for after every character.
fn cut<'a>(text: &'a str, sequences: &'a [String]) -> (&'a str, Option<&'a str>) {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    for end in ends {
        let so_far = &text[..end];
        let mut found: Vec<&String> =
            sequences.iter().filter(|stop| !stop.is_empty() && so_far.ends_with(stop.as_str())).collect();
        found.sort_by_key(|stop| stop.len());
        if let Some(stop) = found.pop() {
            return (&text[..end - stop.len()], Some(stop));
        }
    }
    (text, None)
}

fn delta(text: &str) -> Event {
    Event::Delta { candidate: 0, delta: Delta::Text(text.to_owned()) }
}

const OPEN: Event = Event::Open { candidate: 0, head: Head::Text };
const CLOSE: Event = Event::Close { candidate: 0 };

fn streamed(stops: &mut Stops, pieces: &[&str]) -> Vec<Event> {
    let mut events = vec![Event::Start(Start::default()), OPEN];
    events.extend(pieces.iter().filter(|piece| !piece.is_empty()).map(|piece| delta(piece)));
    events.extend([CLOSE, Event::Stop { candidate: 0, stop: Stop::new(StopReason::EndTurn) }]);
    events.push(Event::Usage(Usage { output: Some(9), ..Usage::default() }));
    events.push(Event::End);
    let mut out = Vec::new();
    for event in events {
        stops.event(event, &mut out);
    }
    out
}

fn text_of(response: &Response) -> (String, Option<String>) {
    let candidate = &response.candidates[0];
    let text = candidate.parts.iter().filter_map(Part::as_text).collect();
    (text, candidate.stop.matched.clone())
}

#[test]
fn only_what_may_become_a_match_waits() {
    let mut stops = stops(&["END", "\n\n"]);
    let mut out = Vec::new();
    stops.event(OPEN, &mut out);
    let mut say = |text: &str| {
        out.clear();
        stops.event(delta(text), &mut out);
        out.clone()
    };
    assert_eq!(say("Hello E"), [delta("Hello ")]);
    assert_eq!(say("N"), []);
    assert_eq!(say("E"), [delta("EN")]);
    assert_eq!(say("x\n"), [delta("Ex")]);
    let stop = Stop { matched: Some("\n\n".to_owned()), ..Stop::new(StopReason::StopSequence) };
    assert_eq!(say("\nmore"), [CLOSE, Event::Stop { candidate: 0, stop }, Event::End]);
    assert_eq!(say("more"), []);
    assert!(stops.has_ended());
}

#[test]
fn what_is_held_at_the_end_of_a_text_goes_out() {
    let mut stops = stops(&["END"]);
    let events = streamed(&mut stops, &["to the E", "N"]);
    assert_eq!(text_of(&Fold::all(events).unwrap()), ("to the EN".to_owned(), None));
    assert!(!stops.has_ended());
}

#[test]
fn thoughts_and_calls_are_left_alone_and_a_match_needs_one_text() {
    let mut stops = stops(&["ab"]);
    let mut out = Vec::new();
    let thought = Head::Reasoning { kind: byok_types::chat::ReasoningKind::Thinking, item_id: None };
    for (head, text) in [(thought, "ab"), (Head::Text, "a"), (Head::Text, "b")] {
        stops.event(Event::Open { candidate: 0, head }, &mut out);
        stops.event(delta(text), &mut out);
        stops.event(CLOSE, &mut out);
    }
    assert!(!stops.has_ended() && out.len() == 9, "{out:?}");
}

#[test]
fn every_answer_is_cut_by_itself() {
    let mut stops = Stops::new(vec!["x".to_owned()], 2);
    let mut out = Vec::new();
    for candidate in [0, 1] {
        stops.event(Event::Open { candidate, head: Head::Text }, &mut out);
    }
    let say = |candidate, text: &str| Event::Delta { candidate, delta: Delta::Text(text.to_owned()) };
    stops.event(say(0, "ax"), &mut out);
    stops.event(say(1, "b"), &mut out);
    stops.event(say(0, "c"), &mut out);
    stops.event(Event::Close { candidate: 0 }, &mut out);
    assert!(!out.contains(&Event::End) && out.contains(&say(1, "b")) && !out.contains(&say(0, "c")));
    stops.event(say(1, "dx"), &mut out);
    assert_eq!(out.last(), Some(&Event::End));
}

#[test]
fn a_failure_passes_until_the_end_was_told() {
    let mut stops = stops(&["x"]);
    let mut out = Vec::new();
    let fault = || Event::Error(Box::new(byok_types::Fault::upstream_broken("cut")));
    stops.event(OPEN, &mut out);
    stops.event(fault(), &mut out);
    assert_eq!(out.last(), Some(&fault()));
    stops.event(delta("x"), &mut out);
    stops.event(fault(), &mut out);
    assert_eq!(out.last(), Some(&Event::End));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_is_cut_where_the_whole_text_is(
        pieces in prop::collection::vec("[abé\n]{0,6}", 0..8),
        sequences in prop::collection::vec("[abé\n]{0,4}", 0..5),
    ) {
        let text = pieces.concat();
        let (expected, matched) = cut(&text, &sequences);
        let expected = (expected.to_owned(), matched.map(str::to_owned));
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let new = || Stops::new(sequences.clone(), 1);
        let mut stops = new();
        let response = Fold::all(streamed(&mut stops, &pieces)).unwrap();
        prop_assert_eq!(text_of(&response), expected.clone());
        prop_assert_eq!(stops.has_ended(), matched.is_some());
        // An answer in one piece ends at the same place.
        let mut whole = Fold::all(streamed(&mut Stops::default(), &[&text])).unwrap();
        new().candidate(&mut whole.candidates[0]);
        prop_assert_eq!(text_of(&whole), expected);
        prop_assert!(Fold::all(unfold(whole)).is_ok());
    }
}
