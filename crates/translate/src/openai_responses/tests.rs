use byok_types::chat::{Candidate, Request, Response};
use byok_types::chat::{
    Event, Fold, Head, OutputFormat, Part, PartKind, ReasoningKind, ReasoningPart, Role, Stop, StopReason,
    Token, ToolCall, ToolChoice, ToolKind, ToolType, Usage, Weight, unfold,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::facts::model_facts;
use crate::sse::Parser;

fn events(pieces: &[&[u8]]) -> Vec<Event> {
    let (mut parser, mut reader, mut out) = (Parser::new(), OpenaiResponses.event_reader(), Vec::new());
    for piece in pieces {
        parser.feed(piece, &mut |frame| reader.read(&frame, &mut out)).unwrap();
    }
    parser.finish(&mut |frame| reader.read(&frame, &mut out));
    reader.finish(&mut out);
    out
}

fn stream(list: &[Value]) -> String {
    list.iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
        .collect()
}

fn fold(list: &[Value]) -> Response {
    Fold::all(events(&[stream(list).as_bytes()])).unwrap()
}

fn reply() -> Reply {
    let body = br#"{"model":"fast","instructions":"Be kind.","input":"hi","tools":[{"type":"function","name":"f","parameters":{"type":"object"}}]}"#;
    let request = OpenaiResponses.read_request(body, PathWish::default()).unwrap();
    OpenaiResponses.reply(&request, AnswerId { unique: "0123456789abcdef".into(), created: 1_790_000_000 })
}

fn written(events: &[Event]) -> String {
    let mut writer = OpenaiResponses.event_writer(reply());
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

fn call(id: &str, arguments: &str, kind: ToolKind) -> Part {
    let (name, item_id) = ("weather".to_owned(), None);
    PartKind::ToolCall(ToolCall {
        id: id.into(),
        generated_id: false,
        name,
        arguments: arguments.into(),
        kind,
        namespace: None,
        item_id,
    })
    .into()
}

fn answer() -> Response {
    let thought = ReasoningPart {
        kind: ReasoningKind::Summary,
        text: "Look it up.".into(),
        token: Some(Token { family: FAMILY, value: "rs_1 gAAA".into() }),
        item_id: Some("rs_1".into()),
    };
    let parts = vec![
        PartKind::Reasoning(thought).into(),
        Part::text("Hi there"),
        call("call_1", "{\"city\":\"Oslo\"}", ToolKind::Function),
        call("call_2", "*** Begin Patch", ToolKind::Custom),
    ];
    let usage = Usage {
        input: Some(20),
        cache_read: Some(8),
        cache_write: Some(0),
        output: Some(15),
        reasoning: Some(5),
        ..Usage::default()
    };
    let stop = Stop::new(StopReason::ToolUse);
    Response {
        id: "resp_0123456789abcdef".into(),
        model: "fast".into(),
        created: Some(1_790_000_000),
        candidates: vec![Candidate { index: 0, parts, stop, logprobs: None }],
        usage,
        tier: None,
    }
}

/// Ids of items are this format's own, and made anew.
fn without_item_ids(mut response: Response) -> Response {
    for part in response.candidates.iter_mut().flat_map(|candidate| &mut candidate.parts) {
        match &mut part.kind {
            PartKind::ToolCall(call) => call.item_id = None,
            PartKind::Reasoning(reasoning) => reasoning.item_id = None,
            _ => {}
        }
    }
    response
}

#[test]
fn pitfall_114_the_whole_ladder_is_written() {
    insta::assert_snapshot!(written(&unfold(answer())));
}

#[test]
fn what_is_written_is_read_again() {
    let streamed = Fold::all(events(&[written(&unfold(answer())).as_bytes()])).unwrap();
    assert_eq!(without_item_ids(streamed), without_item_ids(answer()));
    let whole = OpenaiResponses.read_response(&OpenaiResponses.write_response(&answer(), &reply())).unwrap();
    assert_eq!(without_item_ids(whole), without_item_ids(answer()));
}

#[test]
fn pitfalls_116_and_117_numbers_are_contiguous() {
    let text = written(&unfold(answer()));
    let list: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (number, event) in list.iter().enumerate() {
        assert_eq!(event["sequence_number"], json!(number));
    }
    let added = list.iter().filter(|event| event["type"] == "response.output_item.added");
    let places: Vec<u64> = added.map(|event| event["output_index"].as_u64().unwrap()).collect();
    assert_eq!(places, [0, 1, 2, 3]);
}

fn interleaved() -> Vec<Value> {
    vec![
        json!({"type": "response.created", "response": {"id": "r", "model": "m", "created_at": 1, "output": []}}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "part"}}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "One."}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 1, "delta": "Two."}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "whole"}}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "function_call", "id": "fc_1", "call_id": "a", "name": "f", "arguments": ""}}),
        json!({"type": "response.output_item.added", "output_index": 2, "item": {"type": "function_call", "id": "fc_2", "call_id": "b", "name": "g", "arguments": ""}}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{\"y\":"}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{\"x\":"}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "2}"}),
        json!({"type": "response.output_item.done", "output_index": 2, "item": {"type": "function_call", "id": "fc_2", "call_id": "b", "name": "g", "arguments": "{\"y\":2}"}}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "1}"}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": {"type": "function_call", "id": "fc_1", "call_id": "a", "name": "f", "arguments": "{\"x\":1}"}}),
        json!({"type": "response.completed", "response": {"status": "completed", "output": [], "usage": {"input_tokens": 1, "output_tokens": 2}}}),
    ]
}

fn calls(response: &Response) -> Vec<(&str, &str)> {
    let parts = response.candidates[0].parts.iter();
    parts
        .filter_map(|part| match &part.kind {
            PartKind::ToolCall(call) => Some((call.id.as_str(), call.arguments.as_str())),
            _ => None,
        })
        .collect()
}

#[test]
fn interleaved_calls_come_out_one_after_the_other() {
    let response = fold(&interleaved());
    assert_eq!(calls(&response), [("a", "{\"x\":1}"), ("b", "{\"y\":2}")]);
    assert_eq!(response.candidates[0].stop.reason, StopReason::ToolUse);
}

#[test]
fn pitfall_125_the_token_is_the_one_of_the_finished_item() {
    let response = fold(&interleaved());
    let PartKind::Reasoning(reasoning) = &response.candidates[0].parts[0].kind else { panic!() };
    assert_eq!(
        (reasoning.text.as_str(), reasoning.token.as_ref().unwrap().value.as_str()),
        ("One.\n\nTwo.", "rs whole")
    );
}

#[test]
fn pitfall_44_a_refusal_in_words_is_told_from_a_filter() {
    let refusal = json!({"type": "message", "id": "m", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]});
    let whole = json!({"id": "r", "status": "completed", "output": [refusal]});
    let read = OpenaiResponses.read_response(whole.to_string().as_bytes()).unwrap();
    assert_eq!(read.candidates[0].stop.reason, StopReason::Refusal);
    let streamed = fold(&[json!({"type": "response.completed", "response": whole})]);
    assert_eq!(streamed.candidates[0].stop.reason, StopReason::Refusal);
}

#[test]
fn pitfall_37_a_call_without_arguments_has_a_delta_all_the_same() {
    let mut response = answer();
    response.candidates[0].parts = vec![call("call_1", "", ToolKind::Function)];
    let text = written(&unfold(response));
    assert!(text.contains(r#""delta":"{}""#) && text.contains(r#""arguments":"{}""#), "{text}");
}

#[test]
fn the_item_that_a_limit_cut_says_so() {
    let mut response = answer();
    response.candidates[0].stop = Stop::new(StopReason::MaxTokens);
    let done = |text: &str| text.matches(r#""status":"incomplete""#).count();
    // The item when it ends, the item in the response, and the response itself.
    assert_eq!(done(&written(&unfold(response.clone()))), 3);
    assert_eq!(done(&String::from_utf8(OpenaiResponses.write_response(&response, &reply())).unwrap()), 2);
}

#[test]
fn events_that_are_left_out_are_made_up_for() {
    let call =
        json!({"type": "function_call", "id": "fc", "call_id": "a", "name": "f", "arguments": "{\"x\":1}"});
    let message = json!({"type": "message", "id": "msg", "role": "assistant", "content": [{"type": "output_text", "text": "Hi", "annotations": []}]});
    let completed = |output: Value| json!({"type": "response.completed", "response": {"status": "completed", "output": output}});
    let delta =
        json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hi"});
    let arguments =
        json!({"type": "response.function_call_arguments.done", "output_index": 1, "arguments": "{\"x\":1}"});
    let done = json!({"type": "response.output_item.done", "output_index": 1, "item": call});
    let cases = [
        // Nothing but the final event.
        vec![completed(json!([message, call]))],
        // No `added`, no final output.
        vec![delta.clone(), done.clone(), completed(json!([]))],
        // Arguments in `done` only, the call itself in the final output only.
        vec![delta.clone(), arguments, completed(json!([message, call]))],
        // Items twice.
        vec![delta, done.clone(), done, completed(json!([message, call]))],
    ];
    for case in cases {
        let response = fold(&case);
        assert_eq!(response.candidates[0].parts[0].as_text(), Some("Hi"), "{case:?}");
        assert_eq!(calls(&response), [("a", "{\"x\":1}")], "{case:?}");
    }
}

#[test]
fn pitfall_57_events_and_items_of_kinds_to_come_are_skipped_whatever_their_fields_hold() {
    let novel = json!({"type": "response.novel.delta", "delta": {"text": "x"}, "output_index": "y"});
    let item = json!({"type": "tool_search_call", "id": "t", "arguments": {"q": 1}, "content": 7});
    let mut list = interleaved();
    list.insert(1, novel);
    list.insert(2, json!({"type": "response.output_item.done", "output_index": 9, "item": item}));
    let response = fold(&list);
    assert_eq!(calls(&response), calls(&fold(&interleaved())));
    let request = read(&json!({"model": "m", "input": [{"role": "user", "content": "Hi"}, item]}));
    assert!(matches!(request.turns[1].parts[0].kind, PartKind::Opaque { .. }));
}

#[test]
fn pitfall_118_a_cut_answer_is_never_complete() {
    let list = interleaved();
    for end in 0..list.len() - 1 {
        let read = events(&[stream(&list[..end]).as_bytes()]);
        assert!(matches!(read.last(), Some(Event::Error(_))), "{end}");
        let text = written(&read);
        assert!(!text.contains("response.completed"), "{end}");
        assert!(text.contains("response.failed"), "{end}");
    }
}

#[test]
fn a_failure_keeps_its_words() {
    let failed = json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "Slow down."}}});
    let flat = json!({"type": "error", "code": "server_error", "message": "Oops."});
    for (event, status, message) in [(failed, 429, "Slow down."), (flat, 502, "Oops.")] {
        let read = events(&[stream(&[event]).as_bytes()]);
        let Some(Event::Error(fault)) = read.last() else { panic!("{read:?}") };
        assert_eq!((fault.status, fault.message.as_str()), (status, message));
    }
}

#[test]
fn pitfall_115_a_limit_is_incomplete() {
    let mut response = answer();
    response.candidates[0].stop = Stop::new(StopReason::MaxTokens);
    let text = written(&unfold(response));
    assert!(text.contains("event: response.incomplete"), "{text}");
    assert!(text.contains(r#""incomplete_details":{"reason":"max_output_tokens"}"#), "{text}");
}

fn read(body: &Value) -> Request {
    OpenaiResponses.read_request(body.to_string().as_bytes(), PathWish::default()).unwrap()
}

#[test]
fn pitfalls_106_to_113_items_become_turns() {
    let request = read(&json!({"model": "m", "input": [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}, {"type": "input_image", "image_url": "https://example.com/a.png"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": null, "encrypted_content": "enc"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}], "phase": "commentary"},
        {"type": "function_call", "id": "fc_9", "call_id": "call_1", "name": "weather", "arguments": "{}"},
        {"type": "function_call", "id": "fc_8", "call_id": "call_2", "name": "weather", "arguments": ""},
        {"type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "sunny"}]},
        {"type": "function_call_output", "call_id": "call_1", "output": "snowing"},
        {"role": "user", "content": "Thanks"},
    ]}));
    assert_eq!(request.system[0].text, "Be kind.");
    let roles: Vec<Role> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User, Role::User]);
    assert_eq!(request.turns[1].parts.len(), 4);
    let PartKind::ToolCall(call) = &request.turns[1].parts[3].kind else { panic!() };
    assert_eq!((call.id.as_str(), call.arguments.as_str()), ("call_2", "{}"));
    insta::assert_json_snapshot!(
        serde_json::from_slice::<Value>(
            &OpenaiResponses.write_request(&request, &model_facts(FAMILY, "gpt-5.6-sol"))
        )
        .unwrap()
    );
}

#[test]
fn pitfall_111_state_at_the_vendor_is_kept_aside() {
    let request = read(
        &json!({"model": "m", "previous_response_id": "resp_1", "background": true, "input": [{"type": "item_reference", "id": "x"}]}),
    );
    assert_eq!(request.server_state.previous_id.as_deref(), Some("resp_1"));
    assert!(request.ext.iter().all(|ext| ext.weight == Weight::Essential), "{:?}", request.ext);
    assert_eq!(request.ext.len(), 2);
}

#[test]
fn pitfall_120_every_kind_of_tool_is_read() {
    let request = read(&json!({"model": "m", "input": "hi", "tools": [
        {"type": "function", "name": "f", "parameters": null, "strict": null},
        {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}},
        {"type": "namespace", "name": "mcp", "tools": [{"type": "function", "name": "g", "parameters": {"type": "object"}}]},
        {"type": "web_search"},
        {"type": "local_shell"},
    ], "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}}));
    let names: Vec<_> =
        request.tools.iter().map(|tool| (tool.namespace.as_deref(), tool.name.as_str())).collect();
    assert_eq!(
        names,
        [(None, "f"), (None, "apply_patch"), (Some("mcp"), "g"), (None, "web_search"), (None, "local_shell")]
    );
    assert!(matches!(request.tools[1].kind, ToolType::Custom { grammar: Some(_) }));
    assert_eq!(request.tool_choice, Some(ToolChoice::Subset { names: vec!["f".into()], required: true }));
}

#[test]
fn pitfalls_121_to_124_what_a_call_always_says() {
    let mut request = read(
        &json!({"model": "m", "instructions": "One.", "max_output_tokens": 5, "input": [{"role": "system", "content": "Two."}, {"role": "user", "content": "hi"}],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}}, "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}]}),
    );
    request.stream.on = true;
    let body: Value =
        serde_json::from_slice(&OpenaiResponses.write_request(&request, &model_facts(FAMILY, "gpt-4.1")))
            .unwrap();
    assert_eq!(body["store"], json!(false));
    assert_eq!(body["max_output_tokens"], json!(16));
    assert_eq!(body["tools"][0]["strict"], json!(false));
    assert_eq!(
        body["text"]["format"],
        json!({"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": false})
    );
    assert_eq!(body["instructions"], json!("One.\n\nTwo."));
    assert!(matches!(request.output, OutputFormat::JsonSchema { .. }));
}

#[test]
fn pitfall_119_free_text_calls_stay_free_text() {
    let text = written(&unfold(answer()));
    assert!(text.contains("event: response.custom_tool_call_input.delta"), "{text}");
    assert!(text.contains(r#""input":"*** Begin Patch""#), "{text}");
}

#[test]
fn tokens_of_others_travel_behind_their_part() {
    let mut response = answer();
    let token = Token { family: Family::Gemini, value: "c2ln".into() };
    response.candidates[0].parts[2].token = Some(token.clone());
    let whole: Value = serde_json::from_slice(&OpenaiResponses.write_response(&response, &reply())).unwrap();
    let mut input = vec![json!({"role": "user", "content": "hi"})];
    input.extend(whole["output"].as_array().unwrap().iter().cloned());
    let request = read(&json!({"model": "m", "input": input}));
    let carried: Vec<_> = request.turns[1].parts.iter().map(|part| part.token.clone()).collect();
    assert_eq!(carried, [None, None, Some(token), None]);
    // The stream has the same items.
    let text = written(&unfold(response));
    assert!(text.contains(AFTER), "{text}");
}

#[test]
fn a_wrong_request_names_its_field() {
    for (body, field) in [
        (json!({"input": "hi"}), "model"),
        (json!({"model": "m"}), "input"),
        (json!({"model": "m", "input": [{"role": "king", "content": "x"}]}), "input[0].role"),
        (json!({"model": "m", "input": [{"type": "function_call", "name": "f"}]}), "input[0].call_id"),
        (json!({"model": "m", "input": [5]}), "input[0]"),
        (json!({"model": "m", "input": "x", "tools": [{"name": "f"}]}), "tools[0].type"),
        (json!({"model": "m", "input": "x", "tool_choice": 5}), "tool_choice"),
        (
            json!({"model": "m", "input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,%%"}]}]}),
            "input[0].content[0]",
        ),
    ] {
        let error =
            OpenaiResponses.read_request(body.to_string().as_bytes(), PathWish::default()).unwrap_err();
        assert!(error.to_string().starts_with(field), "{body}: {error}");
    }
}

#[test]
fn heads_come_before_deltas_even_when_the_name_is_late() {
    let list = [
        json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{}"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "function_call", "id": "fc", "call_id": "a", "name": "f", "arguments": "{}"}}),
        json!({"type": "response.completed", "response": {"status": "completed"}}),
    ];
    let read = events(&[stream(&list).as_bytes()]);
    assert!(
        matches!(&read[1], Event::Open { head: Head::ToolCall { name, .. }, .. } if name == "f"),
        "{read:?}"
    );
    assert_eq!(calls(&Fold::all(read).unwrap()), [("a", "{}")]);
}

#[test]
fn mixed_up_indices_do_not_put_arguments_into_text() {
    let list = [
        json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hi"}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{}"}),
        json!({"type": "response.completed", "response": {"status": "completed", "output": []}}),
    ];
    assert_eq!(fold(&list).candidates[0].parts, [Part::text("Hi")]);
}

proptest! {
    #[test]
    fn cutting_the_stream_anywhere_changes_nothing(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let text = stream(&interleaved());
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        at.extend([0, text.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
        prop_assert_eq!(events(&pieces), events(&[text.as_bytes()]));
    }

    /// Any order of the events between the first and the last ends in an answer that follows the grammar.
    #[test]
    fn any_order_of_events_follows_the_grammar(order in Just(interleaved()).prop_shuffle(), keep in prop::collection::vec(any::<bool>(), 14)) {
        let list: Vec<Value> = order.into_iter().zip(keep).filter_map(|(event, keep)| keep.then_some(event)).collect();
        let read = events(&[stream(&list).as_bytes()]);
        prop_assert!(matches!(read.last(), Some(Event::End | Event::Error(_))));
        prop_assert!(!matches!(Fold::all(read), Err(byok_types::chat::FoldError::Grammar(_))));
    }

    /// Deltas of parallel calls may interleave in any way.
    #[test]
    fn any_interleaving_of_calls_gives_the_same_calls(order in prop::collection::vec(0..3_usize, 0..24)) {
        let pieces = ["{\"a", "\":", "1", "}"];
        let mut list: Vec<Value> = (0..3).map(|i| json!({"type": "response.output_item.added", "output_index": i, "item": {"type": "function_call", "id": format!("fc{i}"), "call_id": format!("c{i}"), "name": "f", "arguments": ""}})).collect();
        let mut sent = [0; 3];
        let rest = (0..3).flat_map(|i| [i; 6]);
        for which in order.into_iter().chain(rest) {
            let n = sent[which];
            sent[which] += 1;
            if n < pieces.len() {
                list.push(json!({"type": "response.function_call_arguments.delta", "output_index": which, "delta": pieces[n]}));
            } else if n == pieces.len() {
                list.push(json!({"type": "response.output_item.done", "output_index": which, "item": {"type": "function_call", "id": format!("fc{which}"), "call_id": format!("c{which}"), "name": "f", "arguments": "{\"a\":1}"}}));
            }
        }
        list.push(json!({"type": "response.completed", "response": {"status": "completed", "output": []}}));
        let response = fold(&list);
        prop_assert_eq!(calls(&response), [("c0", "{\"a\":1}"), ("c1", "{\"a\":1}"), ("c2", "{\"a\":1}")]);
    }

    #[test]
    fn any_bytes_end_in_an_answer_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(matches!(events(&[&bytes]).last(), Some(Event::End | Event::Error(_))));
        let _ = OpenaiResponses.read_request(&bytes, PathWish::default());
        let _ = OpenaiResponses.read_response(&bytes);
    }
}

#[test]
fn namespaces_stay_where_they_are_known() {
    let tools = json!([
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": false},
        {"type": "namespace", "name": "fs", "description": "Files", "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": false},
            {"type": "custom", "name": "patch"},
        ]},
        {"type": "namespace", "name": "web.x", "tools": [
            {"type": "function", "name": "g", "parameters": null, "strict": false},
        ]},
    ]);
    let input = json!([
        {"type": "message", "role": "user", "content": "hi"},
        {"type": "function_call", "call_id": "call_1", "namespace": "fs", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "x"},
    ]);
    let request = read(&json!({"model": "gpt-5", "input": input, "tools": tools}));
    let facts = model_facts(FAMILY, "gpt-5");
    let target = crate::fit::Target {
        client: byok_types::Dialect::OpenaiResponses,
        family: FAMILY,
        facts: &facts,
        lossy: crate::fit::Lossy::Refuse,
    };
    let mut fitted = crate::fit::fit(request, &target).unwrap();
    let body: Value =
        serde_json::from_slice(&OpenaiResponses.write_request(&fitted.request, &facts)).unwrap();
    assert_eq!(body["tools"][0], tools[0]);
    assert_eq!(body["tools"][1], tools[1]);
    // A name that this format does not take is still made to fit.
    assert_eq!(
        (&body["tools"][2]["type"], &body["tools"][2]["name"].as_str().unwrap()[..8]),
        (&json!("function"), "web_x__g")
    );
    assert_eq!((&body["input"][1]["namespace"], &body["input"][1]["name"]), (&json!("fs"), &json!("f")));
    let mut part = call("call_2", "{}", ToolKind::Function);
    if let PartKind::ToolCall(call) = &mut part.kind {
        (call.name, call.namespace) = ("f".to_owned(), Some("fs".to_owned()));
    }
    let answer = Response {
        candidates: vec![Candidate {
            index: 0,
            parts: vec![part.clone()],
            stop: Stop::new(StopReason::ToolUse),
            logprobs: None,
        }],
        ..Response::default()
    };
    assert_eq!(fitted.restore.response(answer).candidates[0].parts, [part]);
}
