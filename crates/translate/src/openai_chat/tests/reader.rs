//! What upstreams stream and answer, one pitfall (wire-format facts, section 7) at a time.

use byok_types::chat::{
    Delta, Event, Fold, FoldError, Head, MediaKind, Part, PartKind, ReasoningKind, Response, Stop,
    StopReason, ToolCall, ToolKind, Usage,
};
use byok_types::{Family, FaultKind};

use super::{answer, chunk, chunks, events, events_of};
use crate::format::UpstreamFormat;
use crate::openai_chat::OpenaiChat;

fn calls(response: &Response) -> Vec<(&str, &str, &str)> {
    let calls = response.candidates[0].parts.iter().filter_map(|part| match &part.kind {
        PartKind::ToolCall(call) => Some((call.id.as_str(), call.name.as_str(), call.arguments.as_str())),
        _ => None,
    });
    calls.collect()
}

/// The parts in short: `t:` text, `r:` reasoning, `x:` refusal, `c:` call.
fn parts(response: &Response) -> Vec<String> {
    let short = |part: &Part| match &part.kind {
        PartKind::Text { text, .. } => format!("t:{text}"),
        PartKind::Reasoning(reasoning) => format!("r:{}", reasoning.text),
        PartKind::Refusal(text) => format!("x:{text}"),
        PartKind::ToolCall(ToolCall { name, arguments, .. }) => format!("c:{name}{arguments}"),
        other => panic!("{other:?}"),
    };
    response.candidates[0].parts.iter().map(short).collect()
}

fn reason(response: &Response) -> StopReason {
    response.candidates[0].stop.reason
}

const CALL: &str = r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]}"#;

#[test]
fn pitfall_15_done_ends_the_answer_and_nothing_follows() {
    let stream =
        chunks(&[&chunk(r#"{"content":"a"}"#, r#""stop""#)]) + "data: {\"error\":{\"message\":\"late\"}}\n\n";
    assert_eq!(events(&stream).last(), Some(&Event::End));
    let odd = format!("data:{}\n\ndata:[DONE] \n\n", chunk(r#"{"content":"a"}"#, "null"));
    assert_eq!(events(&odd).last(), Some(&Event::End));
}

#[test]
fn pitfall_16_an_answer_in_one_piece_inside_a_stream_is_read() {
    let stream = chunks(&[
        r#"{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"all"},"finish_reason":"stop"}]}"#,
    ]);
    assert_eq!(parts(&Fold::all(events(&stream)).unwrap()), ["t:all"]);
}

#[test]
fn pitfall_17_no_answer_is_no_success() {
    for body in ["", " \n", "<html>busy</html>", "[]", "null", "{}", r#"{"choices":[]}"#, "data: {}"] {
        let fault = OpenaiChat.read_response(body.as_bytes()).unwrap_err();
        assert_eq!((fault.status, fault.kind), (502, FaultKind::UpstreamBroken), "{body}");
    }
    for stream in ["", ": hello\n\n", "data: [DONE]\n\n", "event: keepalive\ndata: {}\n\n"] {
        assert!(
            matches!(events(stream).as_slice(), [Event::Error(fault)] if fault.status == 502),
            "{stream}"
        );
    }
}

#[test]
fn pitfall_23_usage_comes_without_choices() {
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;
    let stream = chunks(&[&chunk(r#"{"content":"a"}"#, r#""stop""#), usage]);
    let response = Fold::all(events(&stream)).unwrap();
    assert_eq!(response.usage, Usage { input: Some(3), output: Some(2), ..Usage::default() });
}

#[test]
fn pitfall_24_two_finish_reasons_are_one_stop() {
    let stream = chunks(&[
        &chunk(r#"{"content":"a"}"#, r#""stop""#),
        &chunk("{}", r#""length""#),
        &chunk("{}", r#""stop""#),
    ]);
    let events = events(&stream);
    let stops: Vec<&Event> = events.iter().filter(|event| matches!(event, Event::Stop { .. })).collect();
    assert_eq!(stops, [&Event::Stop { candidate: 0, stop: Stop::new(StopReason::MaxTokens) }]);
}

#[test]
fn pitfall_25_an_empty_finish_reason_means_none() {
    let stream = chunks(&[
        &chunk(r#"{"content":"a"}"#, r#""""#),
        &chunk(r#"{"content":"b"}"#, r#""""#),
        &chunk("{}", r#""length""#),
    ]);
    let response = Fold::all(events(&stream)).unwrap();
    assert_eq!((parts(&response), reason(&response)), (vec!["t:ab".to_owned()], StopReason::MaxTokens));
}

#[test]
fn pitfall_26_the_last_delta_comes_with_the_finish_reason() {
    let stream = chunks(&[&chunk(r#"{"content":"a"}"#, "null"), &chunk(r#"{"content":"b"}"#, r#""stop""#)]);
    assert_eq!(parts(&Fold::all(events(&stream)).unwrap()), ["t:ab"]);
}

#[test]
fn pitfall_27_either_end_will_do_but_not_neither() {
    let text = chunk(r#"{"content":"a"}"#, "null");
    let finish = chunk("{}", r#""stop""#);
    let only_done = format!("data: {text}\n\ndata: [DONE]\n\n");
    let only_finish = format!("data: {text}\n\ndata: {finish}\n\n");
    for stream in [only_done, only_finish] {
        assert_eq!(reason(&Fold::all(events(&stream)).unwrap()), StopReason::EndTurn, "{stream}");
    }
    let neither = format!("data: {text}\n\n");
    let Err(FoldError::Failed(fault)) = Fold::all(events(&neither)) else { panic!("a cut answer passed") };
    assert_eq!(fault.kind, FaultKind::UpstreamBroken);
    assert!(fault.message.contains("broke off"), "{fault}");
}

#[test]
fn pitfall_27_calls_without_a_finish_reason_are_tool_use() {
    let response = Fold::all(events(&chunks(&[&chunk(CALL, "null")]))).unwrap();
    assert_eq!(reason(&response), StopReason::ToolUse);
}

#[test]
fn pitfall_08_a_last_frame_without_its_blank_line_counts_if_it_is_whole() {
    let whole = format!("data: {}", chunk(r#"{"content":"a"}"#, r#""stop""#));
    assert_eq!(parts(&Fold::all(events(&whole)).unwrap()), ["t:a"]);
    let cut = format!("{whole}\n\ndata: {{\"choices\":[],\"usa");
    assert_eq!(parts(&Fold::all(events(&cut)).unwrap()), ["t:a"]);
    // In the middle it is an error, not a gap in the answer.
    let inside = format!("data: {{\"choices\":[\n\n{whole}\n\n");
    assert!(matches!(Fold::all(events(&inside)), Err(FoldError::Failed(_))));
}

#[test]
fn pitfall_28_after_the_finish_only_usage_counts() {
    let stream = chunks(&[
        &chunk(r#"{"content":"a"}"#, r#""length""#),
        &chunk("{}", "null"),
        r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
        r#"{"cost":0.1,"id":"c1"}"#,
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
    ]);
    let response = Fold::all(events(&stream)).unwrap();
    assert_eq!((parts(&response), reason(&response)), (vec!["t:a".to_owned()], StopReason::MaxTokens));
    assert_eq!(response.usage.output, Some(2));
}

#[test]
fn pitfall_29_calls_make_it_tool_use_and_nothing_else_does() {
    assert_eq!(reason(&answer(&[CALL], r#""stop""#)), StopReason::ToolUse);
    assert_eq!(reason(&answer(&[CALL], r#""length""#)), StopReason::MaxTokens);
    assert_eq!(reason(&answer(&[r#"{"content":"a"}"#], r#""tool_calls""#)), StopReason::EndTurn);
}

#[test]
fn pitfall_30_without_an_index_ids_names_and_positions_decide() {
    // Whole calls with ids.
    let response = answer(
        &[
            r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
            r#"{"tool_calls":[{"id":"b","function":{"name":"f","arguments":"{}"}}]}"#,
        ],
        r#""tool_calls""#,
    );
    assert_eq!(calls(&response), [("a", "f", "{}"), ("b", "f", "{}")]);
    // Pieces that belong to the last call.
    let response = answer(
        &[
            r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}"#,
            r#"{"tool_calls":[{"function":{"arguments":":1}"}}]}"#,
        ],
        r#""tool_calls""#,
    );
    assert_eq!(calls(&response), [("a", "f", r#"{"x":1}"#)]);
    // Pieces that belong to the call at the same position.
    let response = answer(
        &[
            r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\""}},{"id":"b","function":{"name":"g","arguments":"{\"y\""}}]}"#,
            r#"{"tool_calls":[{"id":"a","function":{"arguments":":1}"}},{"function":{"arguments":":2}"}}]}"#,
        ],
        r#""tool_calls""#,
    );
    assert_eq!(calls(&response), [("a", "f", r#"{"x":1}"#), ("b", "g", r#"{"y":2}"#)]);
}

#[test]
fn pitfall_31_all_calls_on_index_zero() {
    let response = answer(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"g","arguments":"{\"y\""}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":":2}"}}]}"#,
        ],
        r#""tool_calls""#,
    );
    assert_eq!(calls(&response), [("a", "f", r#"{"x":1}"#), ("b", "g", r#"{"y":2}"#)]);
}

#[test]
fn a_new_id_on_every_piece_is_still_one_call() {
    let response = answer(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a1","function":{"name":"f","arguments":"{\"x\""}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"a2","function":{"arguments":":1}"}}]}"#,
        ],
        r#""tool_calls""#,
    );
    assert_eq!(calls(&response), [("a1", "f", r#"{"x":1}"#)]);
}

#[test]
fn pitfall_32_indices_may_have_holes() {
    let response = answer(
        &[
            r#"{"content":"so"}"#,
            r#"{"tool_calls":[{"index":1,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
            r#"{"tool_calls":[{"index":3,"id":"b","function":{"name":"g","arguments":"{}"}}]}"#,
        ],
        r#""tool_calls""#,
    );
    assert_eq!(parts(&response), ["t:so", "c:f{}", "c:g{}"]);
}

#[test]
fn pitfall_33_id_and_name_on_every_delta_are_taken_once() {
    let piece = |arguments: &str| {
        format!(
            r#"{{"tool_calls":[{{"index":0,"id":"a","function":{{"name":"f","arguments":"{arguments}"}}}}]}}"#
        )
    };
    let pieces = [piece(""), piece(r#"{\"x\""#), piece(":1}"), piece("")];
    let response = answer(&pieces.iter().map(String::as_str).collect::<Vec<_>>(), r#""tool_calls""#);
    assert_eq!(calls(&response), [("a", "f", r#"{"x":1}"#)]);
}

#[test]
fn pitfall_34_name_in_pieces_or_late_and_id_late_or_never() {
    let in_pieces = answer(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"get_"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"name":"weather"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#,
        ],
        r#""tool_calls""#,
    );
    assert_eq!(calls(&in_pieces), [("a", "get_weather", "{}")]);
    let late = answer(
        &[
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":":1"}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"}"}}]}"#,
        ],
        r#""tool_calls""#,
    );
    assert_eq!(calls(&late), [("a", "f", r#"{"x":1}"#)]);
    let never = answer(
        &[
            r#"{"tool_calls":[{"function":{"name":"f","arguments":"{}"}},{"function":{"name":"f","arguments":"{}"}}]}"#,
        ],
        r#""tool_calls""#,
    );
    let [(first, ..), (second, ..)] = calls(&never)[..] else { panic!("{never:?}") };
    assert!(first.starts_with("call_") && second.starts_with("call_") && first != second, "{first} {second}");
    assert!(matches!(&never.candidates[0].parts[0].kind, PartKind::ToolCall(call) if call.generated_id));
}

#[test]
fn a_call_that_never_gets_a_name_is_malformed() {
    let response =
        answer(&[r#"{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"{}"}}]}"#], r#""stop""#);
    assert_eq!((parts(&response).len(), reason(&response)), (0, StopReason::MalformedCall));
}

#[test]
fn pitfall_35_null_means_no_change() {
    let response = answer(
        &[
            r#"{"role":"assistant","content":"a","refusal":null,"tool_calls":null,"reasoning_content":null}"#,
            r#"{"content":null,"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}"#,
            r#"{"content":null,"tool_calls":[{"index":0,"id":null,"type":null,"function":{"name":null,"arguments":":1}"}}]}"#,
            r#"{"content":null,"tool_calls":[{"index":0,"function":{"arguments":null}}]}"#,
        ],
        r#""tool_calls""#,
    );
    assert_eq!(parts(&response), ["t:a", r#"c:f{"x":1}"#]);
}

#[test]
fn pitfall_36_a_whole_call_in_one_chunk_opens_grows_and_closes() {
    let events = events(&chunks(&[&chunk(CALL, r#""tool_calls""#)]));
    assert!(matches!(
        events.as_slice(),
        [
            Event::Start(_),
            Event::Open { head: Head::ToolCall { .. }, .. },
            Event::Delta { delta: Delta::Arguments(_), .. },
            Event::Close { .. },
            Event::Stop { .. },
            Event::End
        ]
    ));
}

#[test]
fn pitfall_37_no_arguments_are_an_empty_object() {
    for arguments in [r#""""#, "null", r#""null""#, r#"" ""#, "{}"] {
        let call = format!(
            r#"{{"tool_calls":[{{"index":0,"id":"a","function":{{"name":"f","arguments":{arguments}}}}}]}}"#
        );
        assert_eq!(calls(&answer(&[&call], r#""tool_calls""#)), [("a", "f", "{}")], "{arguments}");
    }
    let absent = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}}]}"#;
    assert_eq!(calls(&answer(&[absent], r#""tool_calls""#)), [("a", "f", "{}")]);
}

#[test]
fn arguments_given_as_an_object_keep_their_digits() {
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":{"n":1.0,"big":123456789012345678901}}}]}"#;
    let expected = r#"{"n":1.0,"big":123456789012345678901}"#;
    assert_eq!(calls(&answer(&[call], r#""tool_calls""#)), [("a", "f", expected)]);
}

#[test]
fn pitfall_38_text_between_calls_is_a_part_of_its_own() {
    let response = answer(
        &[
            CALL,
            r#"{"content":"\n"}"#,
            r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]}"#,
        ],
        r#""tool_calls""#,
    );
    assert_eq!(parts(&response), [r#"c:f{"x":1}"#, "t:\n", "c:g{}"]);
}

#[test]
fn pitfall_38_text_inside_a_call_does_not_break_its_arguments() {
    let response = answer(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}"#,
            r#"{"content":"hm"}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}"#,
        ],
        r#""tool_calls""#,
    );
    assert_eq!(parts(&response), [r#"c:f{"x":1}"#, "t:hm"]);
}

#[test]
fn pitfall_39_the_delta_that_opens_a_part_also_fills_it() {
    let events = events(&chunks(&[&chunk(r#"{"role":"assistant","content":"first"}"#, r#""stop""#)]));
    let text = Event::Delta { candidate: 0, delta: Delta::Text("first".into()) };
    assert_eq!(events[1..3], [Event::Open { candidate: 0, head: Head::Text }, text]);
}

#[test]
fn pitfall_40_role_on_every_chunk_or_on_none() {
    let role = r#"{"role":"assistant","content":"a"}"#;
    assert_eq!(parts(&answer(&[role, role], r#""stop""#)), ["t:aa"]);
    assert_eq!(parts(&answer(&[r#"{"content":"a"}"#], r#""stop""#)), ["t:a"]);
}

#[test]
fn pitfall_41_thoughts_in_every_spelling_stay_out_of_the_answer() {
    let spellings = [
        r#"{"reasoning_content":"hm"}"#,
        r#"{"reasoning":"hm"}"#,
        r#"{"reasoning_content":"hm","reasoning":"hm"}"#,
        r#"{"reasoning":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","index":0}]}"#,
        r#"{"reasoning_details":[{"type":"reasoning.summary","summary":"hm"}]}"#,
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}"#,
        r#"{"content":[{"type":"thinking","thinking":"hm"}]}"#,
    ];
    for thought in spellings {
        let response = answer(&[thought, r#"{"content":"yes"}"#], r#""stop""#);
        assert_eq!(parts(&response), ["r:hm", "t:yes"], "{thought}");
        let body = format!(r#"{{"choices":[{{"message":{thought},"finish_reason":"stop"}}]}}"#);
        assert_eq!(parts(&OpenaiChat.read_response(body.as_bytes()).unwrap()), ["r:hm"], "{thought}");
    }
}

#[test]
fn encrypted_thoughts_beside_a_call_come_back_as_they_were() {
    let entry =
        r#"{"type":"reasoning.encrypted","data":"abc","id":"call_a","format":"google-gemini-v1","index":0}"#;
    let delta = format!(r#"{{"reasoning_details":[{entry}],"content":""}}"#);
    let response = answer(&[r#"{"content":"so"}"#, &delta, CALL], r#""tool_calls""#);
    let PartKind::Reasoning(reasoning) = &response.candidates[0].parts[1].kind else {
        panic!("{response:?}")
    };
    assert_eq!(reasoning.kind, ReasoningKind::Redacted);
    let token = reasoning.token.as_ref().unwrap();
    assert_eq!((token.family, token.value.as_str()), (Family::OpenaiChat, format!("[{entry}]").as_str()));
}

#[test]
fn pitfall_42_and_43_choices_are_kept_apart() {
    let choice = |index: u32, text: &str, finish: &str| {
        format!(r#"{{"index":{index},"delta":{{"content":"{text}"}},"finish_reason":{finish}}}"#)
    };
    let both = format!(r#"{{"choices":[{},{}]}}"#, choice(1, "b", "null"), choice(0, "a", r#""stop""#));
    let late = format!(r#"{{"choices":[{}]}}"#, choice(1, "c", r#""length""#));
    let response = Fold::all(events(&chunks(&[&both, &late]))).unwrap();
    let texts: Vec<_> =
        response.candidates.iter().map(|c| (c.index, c.parts[0].as_text(), c.stop.reason)).collect();
    assert_eq!(texts, [(0, Some("a"), StopReason::EndTurn), (1, Some("bc"), StopReason::MaxTokens)]);
}

#[test]
fn pitfall_44_a_refusal_is_carried() {
    let response = answer(&[r#"{"content":null,"refusal":"I can"}"#, r#"{"refusal":"not."}"#], r#""stop""#);
    assert_eq!((parts(&response), reason(&response)), (vec!["x:I cannot.".to_owned()], StopReason::Refusal));
}

#[test]
fn pitfall_45_vendor_fields_of_any_type_are_ignored() {
    let stream = chunks(&[
        r#"{"id":7,"created":"now","model":null,"object":{},"system_fingerprint":[],"obfuscation":"x","service_tier":3,"usage":"none","x_groq":1,"choices":[{"index":0,"delta":{"content":"a","annotations":3,"images":{},"audio":"x","extra_content":[],"reasoning":{},"reasoning_details":{}},"logprobs":null,"finish_reason":"stop","content_filter_results":[]}]}"#,
    ]);
    assert_eq!(parts(&Fold::all(events(&stream)).unwrap()), ["t:a"]);
}

#[test]
fn pitfall_46_one_id_and_one_model_for_the_whole_answer() {
    let stream = chunks(&[
        r#"{"id":"","model":"","created":0,"choices":[]}"#,
        r#"{"id":"one","model":"m1","created":5,"choices":[{"delta":{"content":"a"}}]}"#,
        r#"{"id":"two","model":"m2","created":6,"choices":[{"delta":{"content":"b"},"finish_reason":"stop"}]}"#,
    ]);
    let response = Fold::all(events(&stream)).unwrap();
    assert_eq!((response.id.as_str(), response.model.as_str(), response.created), ("one", "m1", Some(5)));
}

#[test]
fn pitfall_149_numbers_in_arguments_are_untouched() {
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"n\": 1.0, \"big\": 123456789012345678901}"}}]}"#;
    assert_eq!(calls(&answer(&[call], r#""stop""#))[0].2, r#"{"n": 1.0, "big": 123456789012345678901}"#);
}

#[test]
fn pitfall_61_cut_arguments_stay_cut() {
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\": \"he"}}]}"#;
    let response = answer(&[call], r#""length""#);
    assert_eq!((calls(&response)[0].2, reason(&response)), (r#"{"x": "he"#, StopReason::MaxTokens));
}

#[test]
fn pitfall_153_running_totals_are_one_report() {
    let with_usage = |text: &str, output: u32, finish: &str| {
        format!(
            r#"{{"choices":[{{"delta":{{"content":"{text}"}},"finish_reason":{finish}}}],"usage":{{"prompt_tokens":7,"completion_tokens":{output}}}}}"#
        )
    };
    let stream =
        chunks(&[&with_usage("a", 1, "null"), &with_usage("b", 2, "null"), &with_usage("c", 3, r#""stop""#)]);
    let events = events(&stream);
    let reports: Vec<&Event> = events.iter().filter(|event| matches!(event, Event::Usage(_))).collect();
    assert_eq!(reports, [&Event::Usage(Usage { input: Some(7), output: Some(3), ..Usage::default() })]);
}

#[test]
fn usage_is_found_under_every_name() {
    let of = |usage: &str| {
        let body = format!(
            r#"{{"choices":[{{"message":{{"content":"a"}},"finish_reason":"stop"}}],"usage":{usage}}}"#
        );
        OpenaiChat.read_response(body.as_bytes()).unwrap().usage
    };
    let deepseek = of(
        r#"{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":5}"#,
    );
    assert_eq!((deepseek.input, deepseek.cache_read), (Some(9), Some(4)));
    let moonshot = of(r#"{"prompt_tokens":9,"completion_tokens":2,"cached_tokens":3}"#);
    assert_eq!(moonshot.cache_read, Some(3));
    let xai = of(
        r#"{"prompt_tokens":10,"completion_tokens":2,"total_tokens":17,"completion_tokens_details":{"reasoning_tokens":5}}"#,
    );
    assert_eq!((xai.output, xai.reasoning), (Some(7), Some(5)));
    let openai = of(
        r#"{"prompt_tokens":10,"completion_tokens":7.0,"total_tokens":17,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":6},"completion_tokens_details":{"reasoning_tokens":5}}"#,
    );
    assert_eq!((openai.output, openai.cache_read, openai.cache_write), (Some(7), Some(0), Some(6)));
    let groq = chunks(&[
        &chunk(r#"{"content":"a"}"#, r#""stop""#),
        r#"{"choices":[],"x_groq":{"id":"r","usage":{"prompt_tokens":1,"completion_tokens":2}}}"#,
    ]);
    assert_eq!(Fold::all(events(&groq)).unwrap().usage.output, Some(2));
    let kimi = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":1,"completion_tokens":9}}]}"#;
    assert_eq!(Fold::all(events(&chunks(&[kimi]))).unwrap().usage.output, Some(9));
}

#[test]
fn finish_reasons_of_all_servers_are_understood() {
    for (word, expected) in [
        ("stop", StopReason::EndTurn),
        ("eos", StopReason::EndTurn),
        ("model_length", StopReason::MaxTokens),
        ("STOP", StopReason::EndTurn),
        ("content_filter", StopReason::Filtered),
        ("model_context_window_exceeded", StopReason::ContextFull),
        ("function_call_filter: MALFORMED_FUNCTION_CALL", StopReason::MalformedCall),
        ("something_new", StopReason::EndTurn),
    ] {
        assert_eq!(reason(&answer(&[r#"{"content":"a"}"#], &format!("\"{word}\""))), expected, "{word}");
    }
    for word in ["error", "insufficient_system_resource"] {
        let stream = chunks(&[&chunk(r#"{"content":"a"}"#, "null"), &chunk("{}", &format!("\"{word}\""))]);
        assert!(matches!(Fold::all(events(&stream)), Err(FoldError::Failed(_))), "{word}");
    }
}

#[test]
fn interleaved_calls_are_taken_apart_and_the_first_one_streams() {
    let stream = chunks(&[
        &chunk(
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x"}},{"index":1,"id":"b","function":{"name":"g","arguments":"{\"y"}}]}"#,
            "null",
        ),
        &chunk(
            r#"{"tool_calls":[{"index":1,"function":{"arguments":"\":2}"}},{"index":0,"function":{"arguments":"\":1}"}}]}"#,
            r#""tool_calls""#,
        ),
    ]);
    let response = Fold::all(events(&stream)).unwrap();
    assert_eq!(calls(&response), [("a", "f", r#"{"x":1}"#), ("b", "g", r#"{"y":2}"#)]);
    // Before the second chunk the first call is already on its way.
    let half = events_of(&[&stream.as_bytes()[..stream.find("\n\n").unwrap() + 2]]);
    assert!(
        half.contains(&Event::Delta { candidate: 0, delta: Delta::Arguments("{\"x".into()) }),
        "{half:?}"
    );
}

#[test]
fn a_legacy_function_call_is_a_call() {
    let response = answer(
        &[
            r#"{"function_call":{"name":"f","arguments":""}}"#,
            r#"{"function_call":{"arguments":"{\"x\":1}"}}"#,
        ],
        r#""function_call""#,
    );
    assert_eq!(
        (parts(&response), reason(&response)),
        (vec![r#"c:f{"x":1}"#.to_owned()], StopReason::ToolUse)
    );
}

#[test]
fn a_free_text_call_streams_its_input() {
    let response = answer(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"patch","input":""}}]}"#,
            r#"{"tool_calls":[{"index":0,"custom":{"input":"*** Begin"}}]}"#,
            r#"{"tool_calls":[{"index":0,"custom":{"input":" Patch"}}]}"#,
        ],
        r#""tool_calls""#,
    );
    let PartKind::ToolCall(call) = &response.candidates[0].parts[0].kind else { panic!("{response:?}") };
    assert_eq!((call.kind, call.arguments.as_str()), (ToolKind::Custom, "*** Begin Patch"));
}

#[test]
fn images_and_sources_of_an_answer_are_read() {
    let body = r#"{"choices":[{"message":{"content":"a","images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}],"annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":1,"url":"https://example.com","title":"E"}}]},"finish_reason":"stop"}]}"#;
    let response = OpenaiChat.read_response(body.as_bytes()).unwrap();
    let [text, image] = response.candidates[0].parts.as_slice() else { panic!("{response:?}") };
    assert!(matches!(&text.kind, PartKind::Text { citations, .. } if citations[0].end == Some(1)));
    assert!(matches!(&image.kind, PartKind::Media(media) if media.kind == MediaKind::Image));
}

#[test]
fn a_whole_answer_keeps_its_tier_and_probabilities() {
    let body = r#"{"id":"x","model":"m","created":3,"service_tier":"flex","choices":[{"index":0,"message":{"content":"a"},"logprobs":{"content":[{"token":"a","logprob":-0.5}]},"finish_reason":"stop"}]}"#;
    let response = OpenaiChat.read_response(body.as_bytes()).unwrap();
    assert_eq!(response.tier.as_deref(), Some("flex"));
    let logprobs = response.candidates[0].logprobs.as_ref().unwrap();
    assert_eq!(logprobs.get(), r#"{"content":[{"token":"a","logprob":-0.5}]}"#);
}

#[test]
fn an_upstream_gone_mad_is_stopped() {
    let many: Vec<String> =
        (0..2000).map(|n| format!(r#"{{"index":{n},"id":"c{n}","function":{{"name":"f"}}}}"#)).collect();
    let stream = chunks(&[&chunk(&format!(r#"{{"tool_calls":[{}]}}"#, many.join(",")), "null")]);
    assert!(matches!(Fold::all(events(&stream)), Err(FoldError::Failed(_))));
    let index = r#"{"choices":[{"index":4000000000,"delta":{"content":"a"}}]}"#;
    assert!(matches!(Fold::all(events(&chunks(&[index]))), Err(FoldError::Failed(_))));
}
