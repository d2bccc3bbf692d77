//! What holds for every input.

use byok_types::chat::Candidate;
use byok_types::chat::{
    CacheMark, Citation, Effort, Ext, Media, MediaKind, OutputFormat, Part, PartKind, Reasoning,
    ReasoningKind, ReasoningMode, ReasoningPart, Role, Source, Stop, StopReason, SystemText, Token, Tool,
    ToolCall, ToolChoice, ToolKind, ToolResult, ToolType, Turn, Usage, Weight, unfold,
};
use byok_types::{Family, RawJson};
use proptest::prelude::*;
use serde_json::json;

use super::*;

const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn raw(text: &str) -> RawJson {
    RawJson::parse(text).unwrap()
}

fn own(value: String) -> Token {
    Token { family: Family::Anthropic, value }
}

fn words() -> impl Strategy<Value = String> {
    "[a-zA-Zé\u{1f600}\"\\\\\n\u{2028} ]{0,12}[a-z]"
}

fn cache() -> impl Strategy<Value = Option<CacheMark>> {
    prop::option::weighted(
        0.2,
        prop::sample::select(vec![None, Some("5m"), Some("1h")])
            .prop_map(|ttl| CacheMark { ttl: ttl.map(str::to_owned) }),
    )
}

fn object() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "{}",
        "{\"a\": 1.0}",
        "{\"b\":[null,12345678901234567890123]}",
        "{\"c\":\"\\u00e9\"}",
    ])
    .prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = PartKind> {
    words().prop_map(|text| PartKind::Text { text, citations: Vec::new() })
}

fn cited() -> impl Strategy<Value = PartKind> {
    words().prop_map(|text| {
        let citation = Citation {
            start: None,
            end: None,
            url: Some("https://example.com".into()),
            title: None,
            text: Some("x".into()),
            family: Family::Anthropic,
            raw: raw(r#"{"type":"web_search_result_location","url":"https://example.com","cited_text":"x"}"#),
        };
        PartKind::Text { text, citations: vec![citation] }
    })
}

fn media() -> impl Strategy<Value = PartKind> {
    let source = prop::sample::select(vec![
        Source::Base64 { mime: "image/png".into(), data: PNG.into() },
        Source::Url { url: "https://example.com/x".into(), mime: None },
        Source::VendorFile { family: Family::Anthropic, id: "file_1".into(), mime: None },
    ]);
    let document = (source.clone(), prop::option::of(words()), prop::option::of(any::<bool>())).prop_map(
        |(source, title, citations)| Media { title, citations, ..Media::new(MediaKind::Document, source) },
    );
    let written = words().prop_map(|text| Media::new(MediaKind::Document, Source::Text(text)));
    prop_oneof![source.prop_map(|source| Media::new(MediaKind::Image, source)), document, written]
        .prop_map(PartKind::Media)
}

fn opaque() -> impl Strategy<Value = PartKind> {
    let raws = [
        r#"{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"q": 1.0}}"#,
        r#"{"type":"container_upload","file_id":"f"}"#,
    ];
    prop::sample::select(raws.to_vec())
        .prop_map(|text| PartKind::Opaque { family: Family::Anthropic, raw: raw(text) })
}

fn thought() -> impl Strategy<Value = PartKind> {
    ("[a-z ]{0,6}", "[A-Za-z0-9+/=]{1,12}", any::<bool>()).prop_map(|(text, value, redacted)| {
        let (kind, text) =
            if redacted { (ReasoningKind::Redacted, String::new()) } else { (ReasoningKind::Thinking, text) };
        PartKind::Reasoning(ReasoningPart { kind, text, token: Some(own(value)), item_id: None })
    })
}

fn call() -> impl Strategy<Value = PartKind> {
    ("[A-Za-z0-9_-]{1,12}", "[a-z_]{1,8}", object()).prop_map(|(id, name, arguments)| {
        PartKind::ToolCall(ToolCall {
            id,
            generated_id: false,
            name,
            arguments,
            kind: ToolKind::Function,
            namespace: None,
            item_id: None,
        })
    })
}

fn marked(kind: impl Strategy<Value = PartKind>) -> impl Strategy<Value = Part> {
    (kind, cache()).prop_map(|(kind, cache)| {
        let cache = cache.filter(|_| !matches!(kind, PartKind::Reasoning(_)));
        Part { cache, ..Part::new(kind) }
    })
}

fn result() -> impl Strategy<Value = PartKind> {
    let parts = prop::collection::vec(marked(prop_oneof![text(), media(), opaque()]), 0..3);
    ("[A-Za-z0-9_-]{1,12}", parts, any::<bool>()).prop_map(|(call_id, parts, is_error)| {
        PartKind::ToolResult(ToolResult {
            call_id,
            name: None,
            parts,
            is_error,
            kind: ToolKind::Function,
            raw_object: None,
        })
    })
}

fn turn() -> impl Strategy<Value = Turn> {
    let user = prop::collection::vec(marked(prop_oneof![text(), media(), result()]), 1..4);
    let assistant =
        prop::collection::vec(marked(prop_oneof![text(), cited(), thought(), call(), opaque()]), 1..5);
    let system = prop::collection::vec(marked(text()), 1..3);
    prop_oneof![
        user.prop_map(|parts| Turn::new(Role::User, parts)),
        assistant.prop_map(|parts| Turn::new(Role::Assistant, parts)),
        system.prop_map(|parts| Turn::new(Role::System, parts)),
    ]
}

fn tool() -> impl Strategy<Value = Tool> {
    let kind = prop::sample::select(vec![
        ToolType::Function {
            schema: Some(raw("{\"type\":\"object\", \"properties\":{\"x\":{\"minimum\":1.0}}}")),
        },
        ToolType::ClientTyped {
            family: Family::Anthropic,
            r#type: "bash_20250124".into(),
            raw: raw("{\"type\":\"bash_20250124\",\"name\":\"bash\"}"),
        },
        ToolType::Hosted {
            family: Family::Anthropic,
            r#type: "web_search_20250305".into(),
            raw: raw("{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}"),
        },
    ]);
    ("[a-z_]{1,8}", kind, prop::option::of(words()), any::<bool>(), cache()).prop_map(
        |(name, kind, description, strict, cache)| {
            let typed = match &kind {
                ToolType::ClientTyped { .. } => Some("bash"),
                ToolType::Hosted { .. } => Some("web_search"),
                _ => None,
            };
            Tool {
                name: typed.map_or(name, str::to_owned),
                description: description.filter(|_| typed.is_none()),
                strict: (strict && typed.is_none()).then_some(true),
                namespace: None,
                cache,
                defer: (strict && typed.is_none()).then_some(false),
                kind,
            }
        },
    )
}

fn reasoning() -> impl Strategy<Value = Reasoning> {
    let efforts = vec![None, Some(Effort::Low), Some(Effort::Medium), Some(Effort::High)];
    let modes = vec![
        ReasoningMode::Adaptive,
        ReasoningMode::BetweenTools,
        ReasoningMode::Budget(2048),
        ReasoningMode::Off,
        ReasoningMode::Unset,
    ];
    let shows = vec![Show::None, Show::Summary, Show::Unset];
    (prop::sample::select(modes), prop::sample::select(efforts), prop::sample::select(shows)).prop_map(
        |(mode, effort, show)| {
            let thinks = matches!(mode, ReasoningMode::Adaptive | ReasoningMode::Budget(_));
            // A budget without a word about showing is read as one that shows.
            let unsaid = if matches!(mode, ReasoningMode::Budget(_)) { Show::Summary } else { Show::Unset };
            let show = if thinks && show != Show::Unset { show } else { unsaid };
            Reasoning { mode, effort, show, summary: None }
        },
    )
}

prop_compose! {
    fn requests()(
        system in prop::collection::vec((words(), cache()), 0..3),
        turns in prop::collection::vec(turn(), 0..5),
        tools in prop::collection::vec(tool(), 0..4),
        choice in prop::sample::select(vec![
            None,
            Some(ToolChoice::Auto),
            Some(ToolChoice::Required),
            Some(ToolChoice::One { name: "f".into() }),
        ]),
        one_at_a_time in any::<bool>(),
        reasoning in reasoning(),
        schema in any::<bool>(),
        (temperature, top_k, user, cache) in
            (prop::option::of(0.0..1.0), prop::option::of(0_u64..100), prop::option::of(words()), cache()),
        stream in any::<bool>(),
        ext in any::<bool>(),
    ) -> Request {
        let mut request = Request { model: "m".into(), tools, reasoning, cache, ..Request::default() };
        request.system = system.into_iter().map(|(text, cache)| SystemText { text, cache }).collect();
        // System text before the first turn is not a turn.
        request.turns = turns.into_iter().skip_while(|turn| turn.role == Role::System).collect();
        if !request.tools.is_empty() && choice.is_some() {
            request.tool_choice = choice;
            request.parallel_tools = one_at_a_time.then_some(false);
        }
        if schema {
            request.output =
                OutputFormat::JsonSchema { name: None, description: None, schema: raw("{\"type\": 1.0}"), strict: None };
        }
        request.sampling.temperature = temperature;
        request.sampling.top_k = top_k;
        request.sampling.stop = if schema { vec!["END".into()] } else { Vec::new() };
        request.identity.user = user;
        request.stream.on = stream;
        request.limits.max_output = Some(10_000);
        if ext {
            let (path, value) = ("container".to_owned(), raw("\"c 1\""));
            request.ext.push(Ext { family: Family::Anthropic, path, value, weight: Weight::Meaning });
        }
        request
    }
}

prop_compose! {
    fn answers()(
        kinds in prop::collection::vec(prop_oneof![text(), cited(), thought(), call(), opaque()], 0..6),
        reason in prop::sample::select(vec![
            StopReason::EndTurn,
            StopReason::MaxTokens,
            StopReason::ContextFull,
            StopReason::Pause,
            StopReason::Refusal,
            StopReason::StopSequence,
        ]),
        matched in prop::option::of(words()),
        counts in any::<[u16; 5]>(),
    ) -> Response {
        let called = kinds.iter().any(|kind| matches!(kind, PartKind::ToolCall(_)));
        let reason = if called && reason == StopReason::EndTurn { StopReason::ToolUse } else { reason };
        let [fresh, read, write, output, thinking] = counts.map(u64::from);
        Response {
            candidates: vec![Candidate {
                index: 0,
                parts: kinds.into_iter().map(Part::new).collect(),
                stop: Stop { reason, matched, detail: None },
                logprobs: None,
            }],
            usage: Usage {
                input: Some(fresh + read + write),
                cache_read: Some(read),
                cache_write: Some(write),
                cache_write_1h: Some(write / 2),
                output: Some(output),
                reasoning: Some(thinking),
            },
            ..Response::default()
        }
    }
}

/// Any event of a stream, in any order and with any number.
fn stray_event() -> impl Strategy<Value = Value> {
    let index = -1_i64..4;
    let block = prop::sample::select(vec![
        json!({ "type": "text", "text": "" }),
        json!({ "type": "text", "text": "x", "citations": [{ "type": "c" }] }),
        json!({ "type": "thinking", "thinking": "t", "signature": "" }),
        json!({ "type": "redacted_thinking", "data": "d" }),
        json!({ "type": "redacted_thinking" }),
        json!({ "type": "tool_use", "id": "a", "name": "f", "input": {} }),
        json!({ "type": "tool_use", "name": "f", "input": { "x": 1 } }),
        json!({ "type": "server_tool_use", "input": {} }),
        json!({ "type": "novelty" }),
        json!(7),
    ]);
    let delta = prop::sample::select(vec![
        json!({ "type": "text_delta", "text": "x" }),
        json!({ "type": "text_delta", "text": "" }),
        json!({ "type": "thinking_delta", "thinking": "t" }),
        json!({ "type": "signature_delta", "signature": "s" }),
        json!({ "type": "input_json_delta", "partial_json": "{" }),
        json!({ "type": "citations_delta", "citation": { "type": "c" } }),
        json!({ "type": "novelty_delta" }),
        json!(null),
    ]);
    prop_oneof![
        4 => (index.clone(), block)
            .prop_map(|(i, b)| json!({ "type": "content_block_start", "index": i, "content_block": b })),
        8 => (index.clone(), delta).prop_map(|(i, d)| json!({ "type": "content_block_delta", "index": i, "delta": d })),
        4 => index.prop_map(|i| json!({ "type": "content_block_stop", "index": i })),
        1 => prop::sample::select(vec![
            json!({ "type": "message_start", "message": { "usage": { "input_tokens": 1 } } }),
            json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use" }, "usage": { "output_tokens": 1 } }),
            json!({ "type": "message_delta", "delta": { "stop_reason": null } }),
            json!({ "type": "ping" }),
            json!({ "type": "message_stop" }),
            json!({ "type": "novelty" }),
            json!([]),
        ]),
    ]
}

/// Any JSON with the names that mean something here.
fn stray_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "text",
            "image",
            "document",
            "tool_use",
            "tool_result",
            "thinking",
            "redacted_thinking",
            "base64",
            "url",
            "content",
            "user",
            "assistant",
            "system",
            "enabled",
            "json_schema",
            "auto",
            "tool",
            "error",
            "message_delta",
            "byok1-beside.byok1.gemini.YQ.",
            "byok1-beside...",
        ])
        .prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "model",
        "messages",
        "role",
        "content",
        "type",
        "text",
        "source",
        "data",
        "id",
        "name",
        "input",
        "tools",
        "tool_choice",
        "thinking",
        "signature",
        "system",
        "cache_control",
        "citations",
        "output_config",
        "format",
        "schema",
        "metadata",
        "tool_use_id",
        "error",
        "message",
        "usage",
        "delta",
        "stop_reason",
        "max_tokens",
        "input_schema",
        "index",
        "content_block",
    ]);
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..6).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn what_the_format_can_hold_comes_back_from_an_upstream_unchanged(request in requests()) {
        let body = Anthropic.write_request(&request, &facts());
        prop_assert_eq!(&body, &Anthropic.write_request(&request, &facts()));
        let again = Anthropic.read_request(&body, PathWish::default()).unwrap();
        prop_assert_eq!(again, request);
    }

    #[test]
    fn what_the_format_can_hold_comes_back_from_a_client_unchanged(answer in answers(), foreign in any::<bool>()) {
        let mut answer = answer;
        answer.model = "claude".into();
        answer.id = format!("msg_{}", reply().id.unique);
        let whole = Anthropic.read_response(&Anthropic.write_response(&answer, &reply())).unwrap();
        prop_assert_eq!(&whole, &answer);
        let mut events = unfold(answer.clone());
        if foreign {
            events.insert(1, Event::Heartbeat);
        }
        let stream = stream_of(&events, reply());
        frames_of(&stream);
        prop_assert_eq!(&fold(events_of([stream.as_bytes()])).unwrap(), &answer);
    }

    #[test]
    fn cutting_a_stream_anywhere_changes_nothing(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let streams: Vec<&str> = golden::streams().collect();
        let stream = which.get(&streams).as_bytes();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        at.extend([0, stream.len()]);
        at.sort_unstable();
        let pieces = at.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        prop_assert_eq!(events_of(pieces), events_of([stream]));
    }

    #[test]
    fn whatever_an_upstream_streams_the_events_keep_their_grammar(
        stray in prop::collection::vec(stray_event(), 0..40),
        ended in any::<bool>(),
    ) {
        let mut events = stray;
        if ended {
            events.push(json!({ "type": "message_stop" }));
        }
        let read = events_of([frames_with(&events).as_bytes()]);
        prop_assert!(matches!(read.last(), Some(Event::End | Event::Error(_))));
        prop_assert!(!matches!(fold(read.clone()), Err(FoldError::Grammar(_) | FoldError::Truncated)), "{:?}", read);
        // Clients count blocks: 0, 1, 2, … each ended before the next begins.
        let (mut next, mut open) = (0, false);
        for frame in frames_of(&stream_of(&read, reply())) {
            match frame["type"].as_str().unwrap() {
                "content_block_start" => {
                    prop_assert!(!open && frame["index"] == next);
                    open = true;
                }
                "content_block_delta" => prop_assert!(open && frame["index"] == next),
                "content_block_stop" => {
                    prop_assert!(open && frame["index"] == next);
                    (next, open) = (next + 1, false);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _read = Anthropic.read_request(&bytes, PathWish::default());
        let _read = Anthropic.read_response(&bytes);
        Anthropic.read_fault(500, &bytes);
        events_of([&b"data: "[..], &bytes[..], &b"\n\n"[..]]);
    }

    #[test]
    fn no_json_makes_a_reader_or_a_writer_panic(json in stray_json(), messages in stray_json()) {
        let text = json.to_string();
        let _read = Anthropic.read_request(text.as_bytes(), PathWish::default());
        let body = json!({ "model": "m", "messages": [{ "role": "user", "content": [messages] }], "tools": [json] });
        if let Ok(request) = request(&body) {
            serde_json::from_slice::<Value>(&Anthropic.write_request(&request, &facts())).unwrap();
        }
        if let Ok(response) = Anthropic.read_response(text.as_bytes()) {
            serde_json::from_slice::<Value>(&Anthropic.write_response(&response, &reply())).unwrap();
        }
        serde_json::from_slice::<Value>(&Anthropic.write_fault(&Anthropic.read_fault(400, text.as_bytes()))).unwrap();
        events_of([format!("data: {text}\n\n").as_bytes()]);
    }
}
