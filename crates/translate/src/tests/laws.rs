//! Laws of the stream readers and writers of all families at once: framing changes nothing, the order of
//! parallel pieces changes nothing, and what a writer writes its reader reads as the same answer.

use byok_types::chat::{
    Candidate, Event, Fold, FoldError, Part, PartKind, ReasoningKind, ReasoningPart, Request, Response, Role,
    Stop, StopReason, StreamWish, Tool, ToolCall, ToolKind, ToolResult, ToolType, Turn, Usage, unfold,
};
use byok_types::{Dialect, Family, RawJson};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use crate::facts::model_facts;
use crate::format::{AnswerId, PathWish, Reply, dialect, family};
use crate::sse::Parser;

fn events(upstream: Family, pieces: &[&[u8]]) -> Vec<Event> {
    let (mut parser, mut reader, mut out) = (Parser::new(), family(upstream).event_reader(), Vec::new());
    for piece in pieces {
        parser.feed(piece, &mut |frame| reader.read(&frame, &mut out)).unwrap();
    }
    parser.finish(&mut |frame| reader.read(&frame, &mut out));
    reader.finish(&mut out);
    out
}

fn written(client: Family, events: &[Event]) -> Vec<u8> {
    let asked = Request {
        model: "m".to_owned(),
        stream: StreamWish { on: true, include_usage: true, ..StreamWish::default() },
        ..Request::default()
    };
    let mut writer = dialect(client.into()).event_writer(Reply::new(&asked, id()));
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    out
}

fn id() -> AnswerId {
    AnswerId { unique: "0123456789abcdef".to_owned(), created: 1 }
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9 .,\"\\\\{}]{1,12}", "[äöü€😀\u{2028}\u{85}\n\r]{1,4}"]
}

fn call(number: usize) -> impl Strategy<Value = Part> {
    (of("[a-z]{1,6}"), any::<i32>()).prop_map(move |(key, value)| {
        let arguments = key.map_or_else(|| "{}".to_owned(), |key| format!("{{\"{key}\":{value}}}"));
        Part::new(PartKind::ToolCall(ToolCall {
            id: format!("call_{number}"),
            generated_id: false,
            name: "weather".to_owned(),
            arguments,
            kind: ToolKind::Function,
            namespace: None,
            item_id: None,
        }))
    })
}

/// An answer that every format can hold: thoughts, then words or calls.
fn answer() -> impl Strategy<Value = Response> {
    let usage = (1..9_u64, 0..9_u64, 10..99_u64);
    (of(words()), of(words()), of((call(0), of(call(1)))), usage, any::<bool>()).prop_map(
        |(thoughts, text, calls, (output, cached, input), limit)| {
            let mut parts = Vec::new();
            let thought = |text| {
                Part::new(PartKind::Reasoning(ReasoningPart {
                    kind: ReasoningKind::Thinking,
                    text,
                    token: None,
                    item_id: None,
                }))
            };
            parts.extend(thoughts.map(thought));
            let reason = if let Some((first, second)) = calls {
                // Cohere has no words beside calls.
                parts.push(first);
                parts.extend(second);
                StopReason::ToolUse
            } else {
                parts.push(Part::text(text.unwrap_or_else(|| "Hello".to_owned())));
                if limit { StopReason::MaxTokens } else { StopReason::EndTurn }
            };
            Response {
                id: "r".to_owned(),
                model: "m".to_owned(),
                created: Some(1),
                tier: None,
                candidates: vec![Candidate { index: 0, parts, stop: Stop::new(reason), logprobs: None }],
                usage: Usage {
                    input: Some(input),
                    cache_read: Some(cached),
                    output: Some(output),
                    ..Usage::default()
                },
            }
        },
    )
}

/// What of an answer a client acts on, without what each format names its own way.
fn said(response: &Response) -> (Vec<(String, String, String)>, Vec<StopReason>) {
    let parts =
        response.candidates.iter().flat_map(|candidate| &candidate.parts).map(|part| match &part.kind {
            PartKind::Text { text, .. } => ("text".to_owned(), String::new(), text.clone()),
            PartKind::Reasoning(reasoning) => ("thought".to_owned(), String::new(), reasoning.text.clone()),
            PartKind::ToolCall(call) => (call.name.clone(), call.id.clone(), call.arguments.clone()),
            other => (format!("{other:?}"), String::new(), String::new()),
        });
    (parts.collect(), response.candidates.iter().map(|candidate| candidate.stop.reason).collect())
}

/// A stream with all that the framing allows and nobody needs: a byte-order mark, comments, other line
/// ends, values over several lines, unknown fields.
fn noisy(stream: &str, ends: &[u8], noise: &[u8]) -> Vec<u8> {
    let mut out = b"\xEF\xBB\xBF".to_vec();
    for (number, line) in stream.split('\n').enumerate() {
        let pick = |list: &[u8]| list.get(number % list.len().max(1)).copied().unwrap_or_default();
        let end: &[u8] = match pick(ends) % 3 {
            0 => b"\n",
            1 => b"\r\n",
            _ => b"\r",
        };
        // A lone CR before an LF would be one line end.
        let end = if end == b"\r" && ends.len() > 1 { b"\r\n" } else { end };
        match pick(noise) % 4 {
            0 => out.extend([b": a comment".as_slice(), end].concat()),
            1 => out.extend([b"retry: 10".as_slice(), end].concat()),
            2 => out.extend([b"id: 7".as_slice(), end].concat()),
            _ => {}
        }
        match line.strip_prefix("data: ") {
            // A JSON text may be broken after its opening brace.
            Some(json) if json.starts_with('{') && pick(noise) % 2 == 0 => {
                out.extend([b"data: {".as_slice(), end, b"data:", &json.as_bytes()[1..], end].concat());
            }
            _ => out.extend([line.as_bytes(), end].concat()),
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_streamed_reads_as_the_same_answer(answer in answer(), which in 0..Family::ALL.len()) {
        let format = Family::ALL[which];
        let events = events(format, &[&written(format, &unfold(answer.clone()))]);
        let read = Fold::all(events).map_err(|error| TestCaseError::fail(format!("{format}: {error}")))?;
        prop_assert_eq!(said(&read), said(&answer));
        prop_assert_eq!(read.usage.input, answer.usage.input);
        prop_assert_eq!(read.usage.output, answer.usage.output);
    }

    #[test]
    fn what_is_written_whole_reads_as_the_same_answer(answer in answer(), which in 0..Family::ALL.len()) {
        let format = Family::ALL[which];
        let asked = Request { model: "m".to_owned(), ..Request::default() };
        let bytes = dialect(format.into()).write_response(&answer, &Reply::new(&asked, id()));
        let read = family(format).read_response(&bytes).map_err(|fault| TestCaseError::fail(format!("{format}: {fault:?}")))?;
        prop_assert_eq!(said(&read), said(&answer));
        prop_assert_eq!(read.usage.output, answer.usage.output);
    }

    #[test]
    fn no_framing_and_no_cut_changes_what_is_read(
        answer in answer(), which in 0..Family::ALL.len(), ends in vec(any::<u8>(), 1..4), noise in vec(any::<u8>(), 1..5),
        cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let format = Family::ALL[which];
        let plain = written(format, &unfold(answer));
        let stream = noisy(std::str::from_utf8(&plain).unwrap(), &ends, &noise);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
        prop_assert_eq!(events(format, &pieces), events(format, &[&plain]));
    }

    #[test]
    fn a_stream_that_is_cut_never_looks_complete(answer in answer(), which in 0..Family::ALL.len(), cut in any::<prop::sample::Index>()) {
        let format = Family::ALL[which];
        let stream = written(format, &unfold(answer));
        // The frame that says why the answer ends, and what follows it, are cut away.
        let text = std::str::from_utf8(&stream).unwrap();
        let last = ["\"finish_reason\":\"", "\"finishReason\":\"", "event: message_delta", "event: message-end", "event: response.completed", "event: response.incomplete"];
        let end = last.iter().filter_map(|mark| text.rfind(mark)).max().unwrap_or(text.len());
        let end = text[..end].rfind("\n\n").map_or(0, |at| at + 2);
        let cut = cut.index(end + 1);
        let events = events(format, &[&stream[..cut]]);
        prop_assert!(matches!(events.last(), Some(Event::Error(_))), "{format}: {:?}", events.last());
        prop_assert!(!matches!(Fold::all(events), Ok(_) | Err(FoldError::Grammar(_))));
    }

    #[test]
    fn the_order_of_parallel_pieces_changes_nothing(picks in vec(0..3_usize, 0..24), responses in any::<bool>()) {
        let calls = [r#"{"city":"Oslo"}"#, "{}", r#"{"a":[1,2.50]}"#];
        let (format, stream) = if responses { (Family::OpenaiResponses, by_items(&calls, &picks)) } else { (Family::OpenaiChat, by_index(&calls, &picks)) };
        let read = Fold::all(events(format, &[stream.as_bytes()])).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let arguments: Vec<_> = said(&read).0.into_iter().map(|(_, id, arguments)| (id, arguments)).collect();
        let wanted: Vec<_> = calls.iter().enumerate().map(|(at, call)| (format!("call_{at}"), (*call).to_owned())).collect();
        prop_assert_eq!(arguments, wanted);
    }

    #[test]
    fn a_conversation_survives_every_format(turns in conversation(), which in 0..Family::ALL.len()) {
        let format = Family::ALL[which];
        let model = match format {
            Family::Anthropic => "claude-opus-4-1",
            Family::Cohere => "command-a-03-2025",
            Family::Gemini => "gemini-3-pro",
            Family::OpenaiChat => "gpt-4.1",
            Family::OpenaiResponses => "gpt-5.6-sol",
        };
        let facts = model_facts(format, model);
        let asked = Request { model: model.to_owned(), turns, tools: vec![weather()], limits: byok_types::chat::Limits { max_output: Some(100), ..Default::default() }, ..Request::default() };
        let body = family(format).write_request(&asked, &facts);
        let path = PathWish { model: Some(model), stream: false, json_array: false };
        let read = dialect(Dialect::from(format)).read_request(&body, path).map_err(|error| TestCaseError::fail(format!("{format}: {error}")))?;
        prop_assert_eq!(outline(&read.turns), outline(&asked.turns));
        prop_assert_eq!(&read.tools[0].name, &asked.tools[0].name);
        prop_assert_eq!(read.limits.max_output, asked.limits.max_output);
        prop_assert_eq!(family(format).write_request(&read, &facts), body);
    }
}

fn weather() -> Tool {
    Tool {
        name: "weather".to_owned(),
        description: Some("The weather".to_owned()),
        kind: ToolType::Function {
            schema: Some(
                RawJson::parse(r#"{"type":"object","properties":{"city":{"type":"string"}}}"#).unwrap(),
            ),
        },
        strict: None,
        namespace: None,
        cache: None,
        defer: None,
    }
}

/// Turns as every format has them: a question, then rounds of words or calls with their results.
fn conversation() -> impl Strategy<Value = Vec<Turn>> {
    let round = prop_oneof![
        ("[a-z]{1,8}", "[a-z]{1,8}").prop_map(|(said, asked)| vec![
            Turn::new(Role::Assistant, vec![Part::text(said)]),
            Turn::new(Role::User, vec![Part::text(asked)]),
        ]),
        (vec("[a-z]{1,8}", 1..3), any::<i32>()).prop_map(|(results, number)| {
            let arguments = format!("{{\"city\":\"{}\",\"n\":{number}}}", results[0]);
            let id = |at: usize| format!("call_{}_{at}", number.unsigned_abs());
            let calls = results.iter().enumerate().map(|(at, _)| {
                Part::new(PartKind::ToolCall(ToolCall {
                    id: id(at),
                    generated_id: false,
                    name: "weather".to_owned(),
                    arguments: arguments.clone(),
                    kind: ToolKind::Function,
                    namespace: None,
                    item_id: None,
                }))
            });
            let answers = results.iter().enumerate().map(|(at, text)| {
                Part::new(PartKind::ToolResult(ToolResult {
                    call_id: id(at),
                    name: Some("weather".to_owned()),
                    parts: vec![Part::text(text.as_str())],
                    is_error: false,
                    kind: ToolKind::Function,
                    raw_object: None,
                }))
            });
            vec![Turn::new(Role::Assistant, calls.collect()), Turn::new(Role::User, answers.collect())]
        }),
    ];
    ("[a-z]{1,8}", vec(round, 0..4)).prop_map(|(asked, rounds)| {
        let mut turns = vec![Turn::new(Role::User, vec![Part::text(asked)])];
        for (number, mut round) in rounds.into_iter().flatten().enumerate() {
            // Ids are the caller's to keep apart.
            for part in &mut round.parts {
                let suffix = format!("_{}", number / 2);
                match &mut part.kind {
                    PartKind::ToolCall(call) => call.id.push_str(&suffix),
                    PartKind::ToolResult(result) => result.call_id.push_str(&suffix),
                    _ => {}
                }
            }
            turns.push(round);
        }
        turns
    })
}

/// What a conversation says, however a format cuts it into turns.
fn outline(turns: &[Turn]) -> Vec<String> {
    let parts = turns.iter().flat_map(|turn| turn.parts.iter().map(move |part| (turn.role, part)));
    parts
        .map(|(role, part)| match &part.kind {
            PartKind::Text { text, .. } => format!("{role:?} {text}"),
            PartKind::ToolCall(call) => format!("{} {} {}", call.id, call.name, call.arguments),
            PartKind::ToolResult(result) => {
                format!("{} {:?}", result.call_id, outline(&[Turn::new(Role::User, result.parts.clone())]))
            }
            other => format!("{other:?}"),
        })
        .collect()
}

/// The pieces of one call: its head, then its arguments in three.
fn pieces(arguments: &str) -> Vec<&str> {
    let third = arguments.len().div_ceil(3);
    let mut rest = arguments;
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (head, tail) = rest.split_at(third.min(rest.len()));
        all.push(head);
        rest = tail;
    }
    all
}

/// Which call grows next, until all are complete.
fn schedule(calls: &[&str], picks: &[usize]) -> Vec<(usize, String)> {
    let mut left: Vec<_> = calls.iter().map(|call| pieces(call).into_iter()).collect();
    let all = picks.iter().copied().chain((0..calls.len()).flat_map(|call| std::iter::repeat_n(call, 16)));
    all.filter_map(|call| Some((call, left[call].next()?.to_owned()))).collect()
}

fn by_index(calls: &[&str], picks: &[usize]) -> String {
    let chunk = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"c\",\"model\":\"m\",\"created\":1,\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let mut out = String::new();
    for index in 0..calls.len() {
        out += &chunk(
            &format!(
                "{{\"tool_calls\":[{{\"index\":{index},\"id\":\"call_{index}\",\"type\":\"function\",\"function\":{{\"name\":\"weather\",\"arguments\":\"\"}}}}]}}"
            ),
            "null",
        );
    }
    for (index, piece) in schedule(calls, picks) {
        let piece = serde_json::Value::from(piece);
        out += &chunk(
            &format!("{{\"tool_calls\":[{{\"index\":{index},\"function\":{{\"arguments\":{piece}}}}}]}}"),
            "null",
        );
    }
    out + &chunk("{}", "\"tool_calls\"") + "data: [DONE]\n\n"
}

fn by_items(calls: &[&str], picks: &[usize]) -> String {
    let item = |index: usize, arguments: &str| serde_json::json!({"type": "function_call", "id": format!("fc_{index}"), "call_id": format!("call_{index}"), "name": "weather", "arguments": arguments});
    let mut all = vec![
        serde_json::json!({"type": "response.created", "response": {"id": "r", "model": "m", "created_at": 1, "output": []}}),
    ];
    all.extend((0..calls.len()).map(|index| serde_json::json!({"type": "response.output_item.added", "output_index": index, "item": item(index, "")})));
    all.extend(schedule(calls, picks).into_iter().map(|(index, piece)| serde_json::json!({"type": "response.function_call_arguments.delta", "output_index": index, "item_id": format!("fc_{index}"), "delta": piece})));
    // They are completed in the opposite order.
    all.extend(calls.iter().enumerate().rev().map(|(index, call)| serde_json::json!({"type": "response.output_item.done", "output_index": index, "item": item(index, call)})));
    let output: Vec<_> = calls.iter().enumerate().map(|(index, call)| item(index, call)).collect();
    all.push(serde_json::json!({"type": "response.completed", "response": {"id": "r", "model": "m", "status": "completed", "output": output}}));
    all.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())).collect()
}
