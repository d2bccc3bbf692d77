//! Laws that hold for every input.

use byok_types::chat::{
    CacheMark, Effort, Fold, FoldError, Limits, Part, PartKind, Reasoning, ReasoningMode, Request, Role,
    Show, StreamWish, SystemText, Tool, ToolCall, ToolChoice, ToolKind, ToolResult, ToolType, Turn, unfold,
};
use byok_types::{Family, RawJson};
use proptest::prelude::*;

use super::{GOLDEN, chunk, chunks, events, events_of, facts, read, reply, write, written};
use crate::format::{ClientFormat, PathWish, UpstreamFormat};
use crate::openai_chat::OpenaiChat;

fn fold(pieces: &[&[u8]]) -> Result<byok_types::chat::Response, FoldError> {
    let folded = Fold::all(events_of(pieces));
    assert!(!matches!(folded, Err(FoldError::Grammar(_))), "{folded:?}");
    folded
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9 .,\"\\\\{}]{1,12}", "[äöü€😀\u{2028}\n]{1,4}"]
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_]{0,8}"
}

fn json_object() -> impl Strategy<Value = String> {
    (name(), text(), any::<i32>()).prop_map(|(key, value, number)| {
        serde_json::json!({ key: value, "n": number, "list": [1.5, null] }).to_string()
    })
}

/// One parallel call: name and the pieces of its arguments.
fn call() -> impl Strategy<Value = (String, Vec<String>)> {
    (name(), json_object(), prop::collection::vec(any::<prop::sample::Index>(), 0..4)).prop_map(
        |(name, arguments, cuts)| {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(arguments.len())).collect();
            cuts.retain(|&cut| arguments.is_char_boundary(cut));
            cuts.push(0);
            cuts.push(arguments.len());
            cuts.sort_unstable();
            (name, cuts.windows(2).map(|cut| arguments[cut[0]..cut[1]].to_owned()).collect())
        },
    )
}

/// A stream of parallel calls whose pieces come in the order of `picks`.
fn stream_of(calls: &[(String, Vec<String>)], picks: &[usize]) -> String {
    let mut next = vec![0; calls.len()];
    let mut all = Vec::new();
    let mut emit = |index: usize, all: &mut Vec<String>| {
        let (name, pieces) = &calls[index];
        let step = next[index];
        next[index] += 1;
        let delta = match step {
            0 => {
                serde_json::json!({"tool_calls":[{"index":index,"id":format!("id{index}"),"type":"function","function":{"name":name,"arguments":""}}]})
            }
            _ => match pieces.get(step - 1) {
                Some(piece) => {
                    serde_json::json!({"tool_calls":[{"index":index,"function":{"arguments":piece}}]})
                }
                None => return,
            },
        };
        all.push(chunk(&delta.to_string(), "null"));
    };
    // The calls begin in their order, as servers number them; what follows may mix.
    for index in 0..calls.len() {
        emit(index, &mut all);
    }
    for pick in picks {
        emit(pick % calls.len(), &mut all);
    }
    for (index, (_, pieces)) in calls.iter().enumerate() {
        for _ in 0..=pieces.len() {
            emit(index, &mut all);
        }
    }
    all.push(chunk("{}", r#""tool_calls""#));
    chunks(&all.iter().map(String::as_str).collect::<Vec<_>>())
}

fn part() -> impl Strategy<Value = Part> {
    let cache = || {
        prop::option::weighted(0.2, prop::option::of(Just("1h".to_owned())).prop_map(|ttl| CacheMark { ttl }))
    };
    (text(), cache()).prop_map(|(text, cache)| Part { cache, ..Part::text(text) })
}

fn assistant() -> impl Strategy<Value = Turn> {
    let call = (name(), json_object(), any::<bool>(), "[a-z]{8}");
    (prop::option::of(text()), prop::collection::vec(call, 0..3), prop::option::of(name())).prop_map(
        |(content, calls, speaker)| {
            let mut parts: Vec<Part> = content.map(Part::text).into_iter().collect();
            for (name, arguments, custom, id) in calls {
                let kind = if custom { ToolKind::Custom } else { ToolKind::Function };
                let (generated_id, namespace, item_id) = (false, None, None);
                let call = ToolCall { id, generated_id, name, arguments, kind, namespace, item_id };
                parts.push(Part::new(PartKind::ToolCall(call)));
            }
            if parts.is_empty() {
                parts.push(Part::text("."));
            }
            Turn { name: speaker, ..Turn::new(Role::Assistant, parts) }
        },
    )
}

fn results() -> impl Strategy<Value = Turn> {
    prop::collection::vec(("[A-Z]{8}", prop::option::of(text())), 1..3).prop_map(|results| {
        let parts = results.into_iter().map(|(call_id, text)| {
            let parts = text.map(Part::text).into_iter().collect();
            let (name, is_error, raw_object) = (None, false, None);
            let result = ToolResult { call_id, name, parts, is_error, kind: ToolKind::Function, raw_object };
            Part::new(PartKind::ToolResult(result))
        });
        Turn::new(Role::User, parts.collect())
    })
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        prop::collection::vec(part(), 1..3).prop_map(|parts| Turn::new(Role::User, parts)),
        assistant(),
        results(),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let tool =
        (name(), prop::option::of(text()), prop::option::of(json_object()), prop::option::of(any::<bool>()));
    let tools = prop::collection::vec(tool, 0..3);
    let system = prop::option::of(text());
    let numbers = (
        prop::option::of((0..200u32).prop_map(|hundredths| f64::from(hundredths) / 100.0)),
        prop::option::of(1..9000u64),
        prop::option::of(any::<i64>()),
    );
    let turns = prop::collection::vec(turn(), 1..6);
    let stops = prop::collection::vec(text(), 0..3);
    (system, turns, tools, numbers, stops, any::<bool>(), 0..6u8).prop_map(
        |(system, turns, tools, (temperature, max_output, seed), stop, on, choice)| {
            let tools: Vec<Tool> = tools
                .into_iter()
                .map(|(name, description, schema, strict)| Tool {
                    name,
                    description,
                    kind: ToolType::Function { schema: schema.map(|schema| RawJson::parse(schema).unwrap()) },
                    strict,
                    namespace: None,
                    cache: None,
                    defer: None,
                })
                .collect();
            let tool_choice = match (tools.first(), choice) {
                (None, _) | (_, 0) => None,
                (_, 1) => Some(ToolChoice::Auto),
                (_, 2) => Some(ToolChoice::Required),
                (_, 3) => Some(ToolChoice::None),
                (Some(tool), 4) => Some(ToolChoice::One { name: tool.name.clone() }),
                (Some(tool), _) => {
                    Some(ToolChoice::Subset { names: vec![tool.name.clone()], required: choice == 5 })
                }
            };
            let mut request = Request { model: "m".into(), tool_choice, tools, ..Request::default() };
            request.system = system.map(|text| SystemText { text, cache: None }).into_iter().collect();
            // Two runs of results in a row are one on the wire.
            for turn in turns {
                let joins = |turn: &Turn| matches!(turn.parts[0].kind, PartKind::ToolResult(_));
                if !(joins(&turn) && request.turns.last().is_some_and(joins)) {
                    request.turns.push(turn);
                }
            }
            request.sampling.temperature = temperature;
            request.sampling.seed = seed;
            request.sampling.stop = stop;
            request.limits = Limits { max_output, max_tool_calls: None };
            request.stream = StreamWish { on, include_usage: on, json_array: false };
            if choice > 2 {
                request.reasoning = Reasoning {
                    mode: ReasoningMode::Effort,
                    effort: Some(Effort::High),
                    show: Show::Full,
                    ..Reasoning::default()
                };
            }
            request
        },
    )
}

proptest! {
    #[test]
    fn cutting_a_stream_anywhere_changes_nothing(
        which in 0..GOLDEN.len(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let stream = GOLDEN[which].1.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
        prop_assert_eq!(fold(&pieces), fold(&[stream]));
    }

    #[test]
    fn a_stream_that_breaks_off_is_never_taken_for_a_whole_one(which in 0..GOLDEN.len(), cut in any::<prop::sample::Index>()) {
        let stream = GOLDEN[which].1;
        let cut = cut.index(stream.len());
        if let (Ok(part), Ok(whole)) = (fold(&[&stream.as_bytes()[..cut]]), fold(&[stream.as_bytes()])) {
            // Only what follows the finish reasons may be missing.
            prop_assert_eq!(part.candidates, whole.candidates);
        }
    }

    #[test]
    fn interleaving_of_calls_changes_nothing(
        calls in prop::collection::vec(call(), 1..4),
        picks in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let straight = fold(&[stream_of(&calls, &[]).as_bytes()]);
        prop_assert!(straight.is_ok());
        prop_assert_eq!(fold(&[stream_of(&calls, &picks).as_bytes()]), straight);
    }

    #[test]
    fn an_answer_is_the_same_streamed_and_whole(thought in prop::option::of(text()), content in prop::option::of(text()), calls in prop::collection::vec(call(), 0..3)) {
        let calls: Vec<serde_json::Value> = calls.iter().enumerate().map(|(index, (name, pieces))| serde_json::json!(
            {"index":index,"id":format!("id{index}"),"type":"function","function":{"name":name,"arguments":pieces.concat()}}
        )).collect();
        let message = serde_json::json!({"role":"assistant","reasoning_content":thought,"content":content,"tool_calls":calls});
        let choice = |key: &str| serde_json::json!({"index":0,key:message,"finish_reason":"stop"});
        let body = |key: &str| serde_json::json!({"id":"x","model":"m","created":5,"choices":[choice(key)],"usage":{"prompt_tokens":1}}).to_string();
        let whole = OpenaiChat.read_response(body("message").as_bytes()).unwrap();
        let streamed = Fold::all(events(&chunks(&[&body("delta")]))).unwrap();
        prop_assert_eq!(streamed, whole);
    }

    #[test]
    fn what_a_client_is_streamed_reads_as_the_same_answer(which in 0..GOLDEN.len()) {
        let Ok(mut answer) = fold(&[GOLDEN[which].1.as_bytes()]) else { return Ok(()) };
        let events = unfold(answer.clone());
        let reply = reply(r#""stream":true,"stream_options":{"include_usage":true}"#);
        let mut again = fold(&[written(&events, reply.clone()).as_bytes()]).unwrap();
        // Names are byok's own; a citation's raw form is written anew.
        answer.id.clone_from(&again.id);
        answer.model.clone_from(&again.model);
        answer.created = again.created;
        let plain = |response: &mut byok_types::chat::Response| {
            for part in response.candidates.iter_mut().flat_map(|candidate| &mut candidate.parts) {
                match &mut part.kind {
                    PartKind::Text { citations, .. } => {
                        for citation in citations {
                            citation.raw = RawJson::parse("{}").unwrap();
                        }
                    }
                    PartKind::ToolCall(call) => call.generated_id = false,
                    _ => {}
                }
            }
            // Chunks always tell the totals, answers may leave them out.
            response.usage.input.get_or_insert(0);
            response.usage.output.get_or_insert(0);
        };
        plain(&mut answer);
        plain(&mut again);
        prop_assert_eq!(&again, &answer);
        let body = OpenaiChat.write_response(&answer, &reply);
        let mut whole = OpenaiChat.read_response(&body).unwrap();
        plain(&mut whole);
        prop_assert_eq!(whole, answer);
    }

    #[test]
    fn a_request_survives_the_wire(request in request()) {
        let body = OpenaiChat.write_request(&request, &facts());
        prop_assert_eq!(&body, &OpenaiChat.write_request(&request, &facts()));
        prop_assert_eq!(read(std::str::from_utf8(&body).unwrap()), request);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), status in 400..600u16) {
        let _ = OpenaiChat.read_request(&bytes, PathWish::default());
        let _ = OpenaiChat.read_response(&bytes);
        let _ = OpenaiChat.read_fault(status, &bytes);
        let mut stream = b"data: ".to_vec();
        stream.extend_from_slice(&bytes);
        let _ = fold(&[&stream]);
    }

    #[test]
    fn no_json_makes_it_panic(mut value in json(4), status in 400..600u16) {
        let body = value.to_string();
        let _ = OpenaiChat.read_request(body.as_bytes(), PathWish::default());
        let _ = OpenaiChat.read_response(body.as_bytes());
        let _ = OpenaiChat.read_fault(status, body.as_bytes());
        let _ = fold(&[format!("data: {body}\n\n").as_bytes()]);
        // The same inside what the format expects.
        let delta = value.take();
        let _ = fold(&[chunks(&[&chunk(&delta.to_string(), "null")]).as_bytes()]);
        let body = serde_json::json!({"model":"m","messages":[delta],"tools":[delta],"tool_choice":delta,"reasoning":delta}).to_string();
        if let Ok(request) = OpenaiChat.read_request(body.as_bytes(), PathWish::default()) {
            let _ = write(&request);
        }
    }
}

/// JSON with a liking for the words of this format.
fn json(depth: u32) -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        word().prop_map(Into::into),
    ];
    leaf.prop_recursive(depth, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::vec((word(), inner), 0..6)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "role",
        "assistant",
        "user",
        "tool",
        "system",
        "content",
        "text",
        "type",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "index",
        "custom",
        "input",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "reasoning.text",
        "reasoning.encrypted",
        "signature",
        "data",
        "refusal",
        "error",
        "message",
        "choices",
        "delta",
        "finish_reason",
        "stop",
        "usage",
        "prompt_tokens",
        "image_url",
        "url",
        "data:,x",
        "file",
        "file_data",
        "annotations",
        "url_citation",
        "start_index",
        "extra_content",
        "google",
        "thought_signature",
        "thinking",
        "{}",
        "null",
        "",
        "model",
        "messages",
        "detail",
        "effort",
        "mode",
        "tools",
        "allowed_tools",
    ])
    .prop_map(str::to_owned)
}

#[test]
fn a_foreign_family_never_sees_what_is_not_its_own() {
    let own = RawJson::parse("1").unwrap();
    let ext = |family| byok_types::chat::Ext {
        family,
        path: "speed".into(),
        value: own.clone(),
        weight: byok_types::chat::Weight::Hint,
    };
    let request =
        Request { model: "m".into(), ext: vec![ext(Some(Family::Anthropic))], ..Request::default() };
    assert!(!write(&request).contains("speed"));
    let request =
        Request { model: "m".into(), ext: vec![ext(Some(Family::OpenaiChat))], ..Request::default() };
    assert!(write(&request).contains("speed"));
}
