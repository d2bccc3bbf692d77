use std::fmt::Write as _;

use byok_types::chat::{Fold, Start, Stop, Usage, unfold};
use proptest::prelude::*;

use super::*;
use crate::fit::tests::{answer, call};

fn restore() -> Restore {
    let mut restore = Restore::default();
    restore.rename("fs__read".into(), ClientName { namespace: Some("fs".into()), name: "read".into() });
    restore.unwrap_free_text("patch".into());
    restore.rename("patch".into(), ClientName { namespace: None, name: "apply.patch".into() });
    restore.answer_by("json_output".into());
    restore
}

fn head(name: &str) -> Head {
    Head::ToolCall {
        id: "1".into(),
        generated_id: false,
        name: name.into(),
        kind: ToolKind::Function,
        namespace: None,
        item_id: None,
    }
}

fn arguments(text: &str) -> Delta {
    Delta::Arguments(text.into())
}

/// A stream of one candidate, restored.
fn stream(restore: &mut Restore, parts: &[(&str, &[&str])], reason: StopReason) -> Vec<Event> {
    let mut out = Vec::new();
    restore.event(Event::Start(Start::default()), &mut out);
    for (name, deltas) in parts {
        restore.event(Event::Open { candidate: 0, head: head(name) }, &mut out);
        for delta in *deltas {
            restore.event(Event::Delta { candidate: 0, delta: arguments(delta) }, &mut out);
        }
        restore.event(Event::Close { candidate: 0 }, &mut out);
    }
    restore.event(Event::Stop { candidate: 0, stop: Stop::new(reason) }, &mut out);
    restore.event(Event::Usage(Usage::default()), &mut out);
    restore.event(Event::End, &mut out);
    out
}

fn called(part: &Part) -> (Option<&str>, &str, ToolKind, &str) {
    match &part.kind {
        PartKind::ToolCall(call) => (call.namespace.as_deref(), &call.name, call.kind, &call.arguments),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_kinds_and_arguments_come_back() {
    let parts: [(&str, &[&str]); 3] = [
        ("fs__read", &["{\"a\"", ":1}"]),
        ("patch", &["{ \"inp", "ut\" :\"one\\", "ntwo\"", "}"]),
        ("made_up", &[]),
    ];
    let events = stream(&mut restore(), &parts, StopReason::ToolUse);
    let response = Fold::all(events).unwrap();
    let candidate = &response.candidates[0];
    assert_eq!(called(&candidate.parts[0]), (Some("fs"), "read", ToolKind::Function, "{\"a\":1}"));
    assert_eq!(called(&candidate.parts[1]), (None, "apply.patch", ToolKind::Custom, "one\ntwo"));
    assert_eq!(called(&candidate.parts[2]), (None, "made_up", ToolKind::Function, "{}"));
    assert_eq!(candidate.stop.reason, StopReason::ToolUse);
}

#[test]
fn free_text_streams_as_it_comes() {
    let events = stream(&mut restore(), &[("patch", &["{\"input\":\"ab", "c\"}"])], StopReason::ToolUse);
    let deltas: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Delta { delta: Delta::Arguments(text), .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(deltas, ["ab", "c"]);
}

#[test]
fn the_output_tool_becomes_text_and_the_turn_ends() {
    let response =
        Fold::all(stream(&mut restore(), &[("json_output", &["{\"a\"", ":1}"])], StopReason::ToolUse))
            .unwrap();
    assert_eq!(response.candidates[0].parts, [Part::text("{\"a\":1}")]);
    assert_eq!(response.candidates[0].stop.reason, StopReason::EndTurn);
    let empty = Fold::all(stream(&mut restore(), &[("json_output", &[])], StopReason::ToolUse)).unwrap();
    assert_eq!(empty.candidates[0].parts, [Part::text("{}")]);
    // An answer cut short stays cut short.
    let cut = Fold::all(stream(&mut restore(), &[("json_output", &["{"])], StopReason::MaxTokens)).unwrap();
    assert_eq!(cut.candidates[0].stop.reason, StopReason::MaxTokens);
}

#[test]
fn candidates_do_not_mix() {
    let mut restore = restore();
    let mut out = Vec::new();
    restore.event(Event::Start(Start::default()), &mut out);
    for candidate in [0, 1] {
        restore.event(Event::Open { candidate, head: head("patch") }, &mut out);
    }
    for (candidate, text) in [(0, "{\"input\":\"a"), (1, "{\"input\":\"x"), (0, "b\"}"), (1, "y\"}")] {
        restore.event(Event::Delta { candidate, delta: arguments(text) }, &mut out);
    }
    for candidate in [0, 1] {
        restore.event(Event::Close { candidate }, &mut out);
        restore.event(Event::Stop { candidate, stop: Stop::new(StopReason::ToolUse) }, &mut out);
    }
    restore.event(Event::End, &mut out);
    let response = Fold::all(out).unwrap();
    let texts: Vec<_> = response.candidates.iter().map(|candidate| called(&candidate.parts[0]).3).collect();
    assert_eq!(texts, ["ab", "xy"]);
}

#[test]
fn only_the_first_call_is_kept_where_one_was_asked_for() {
    let mut restore = Restore::default();
    restore.first_call_only();
    let parts: [(&str, &[&str]); 2] = [("a", &["{}"]), ("b", &["{}"])];
    let response = Fold::all(stream(&mut restore, &parts, StopReason::ToolUse)).unwrap();
    assert_eq!(response.candidates[0].parts.len(), 1);
    // The next answer starts anew.
    assert_eq!(restore.response(answer(vec![call("1", "a"), call("2", "b")])).candidates[0].parts.len(), 1);
}

fn unwrapped(chunks: &[&str]) -> String {
    let mut input = FreeText::default();
    let mut out = String::new();
    for chunk in chunks {
        input.push(chunk, &mut out);
    }
    input.finish(&mut out);
    out
}

#[test]
fn other_shapes_are_given_out_as_well_as_they_can_be() {
    for (json, text) in [
        (r#"{"input":"a","more":1}"#, "a"),
        (r#"{"more":"x","input":"a"}"#, "a"),
        (r#"{"input":7}"#, "7"),
        (r#"{"input":{"a":1}}"#, r#"{"a":1}"#),
        ("{}", ""),
        ("", ""),
        (r#"{"patch":"x"}"#, r#"{"patch":"x"}"#),
        ("*** Begin Patch", "*** Begin Patch"),
        (r#"{"inp"#, ""),
        (r#"{"input":"cut sho"#, "cut sho"),
        (r#"{"input":"cut\u00"#, "cut"),
        (r#"{"input":"\ud83d\ude00\ud83d"}"#, "\u{1F600}\u{FFFD}"),
        (r#"{"input":"\udc00 \ud83dx"}"#, "\u{FFFD} \u{FFFD}x"),
        (r#"{"input":"\q\/\b\f\r\t\\\""}"#, "\\q/\u{8}\u{c}\r\t\\\""),
        ("{\"input\":\"raw\nline\"}", "raw\nline"),
        (r#"{"input":"\u00zz"}"#, "\u{FFFD}zz"),
    ] {
        assert_eq!(unwrapped(&[json]), text, "{json}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn free_text_cut_anywhere_is_the_same_text(
        text in any::<String>(),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
    ) {
        // As serde writes it, and with every character as an escape.
        let plain = serde_json::json!({ "input": text }).to_string();
        let mut escaped = String::new();
        for unit in text.encode_utf16() {
            write!(escaped, "\\u{unit:04x}").unwrap();
        }
        for json in [plain, format!("{{ \"input\" : \"{escaped}\" }}")] {
            let boundaries: Vec<usize> = (0..=json.len()).filter(|at| json.is_char_boundary(*at)).collect();
            let ends = cuts.iter().map(|cut| *cut.get(&boundaries));
            let mut ends: Vec<usize> = ends.chain([json.len()]).collect();
            ends.sort_unstable();
            let starts = std::iter::once(0).chain(ends.iter().copied());
            let chunks: Vec<&str> = starts.zip(&ends).map(|(start, end)| &json[start..*end]).collect();
            prop_assert_eq!(unwrapped(&chunks), text.clone());
        }
    }

    #[test]
    fn anything_cut_anywhere_is_the_same_as_whole(text in "[{}\"a-z\\\\u0-9d: ]{0,40}", prefix in any::<bool>()) {
        let json = if prefix { format!("{{\"input\":\"{text}") } else { text };
        let whole = unwrapped(&[&json]);
        let single: Vec<String> = json.chars().map(String::from).collect();
        let single: Vec<&str> = single.iter().map(String::as_str).collect();
        prop_assert_eq!(unwrapped(&single), whole);
    }
}

#[test]
fn a_whole_answer_and_its_stream_are_restored_alike() {
    let mut parts = vec![Part::text("Let me."), call("1", "fs__read"), call("2", "patch")];
    if let PartKind::ToolCall(call) = &mut parts[2].kind {
        call.arguments = "{\"input\":\"x\"}".into();
    }
    let whole = restore().response(answer(parts.clone()));
    let mut restore = restore();
    let mut events = Vec::new();
    for event in unfold(answer(parts)) {
        restore.event(event, &mut events);
    }
    assert_eq!(Fold::all(events).unwrap(), whole);
}
