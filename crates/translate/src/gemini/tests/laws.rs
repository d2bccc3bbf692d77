//! Laws that hold for every input.

use byok_types::chat::{
    Candidate, Effort, Event, Fold, FoldError, Media, MediaKind, OutputFormat, Part, PartKind, Reasoning,
    ReasoningKind, ReasoningMode, ReasoningPart, Request, Response, Role, Show, Source, Stop, StopReason,
    SystemText, Token, Tool, ToolCall, ToolChoice, ToolKind, ToolResult, ToolType, Turn, Usage, unfold,
};
use byok_types::model::{ModelFacts, Thinking};
use byok_types::{Family, RawJson};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::golden::streams;
use super::{Gemini, client_stream, events, gemini_3, reply};
use crate::format::{ClientFormat, PathWish, UpstreamFormat};

const PATH: PathWish<'static> = PathWish { model: Some("m"), stream: false, json_array: false };

/// Levels for every effort, so that each can be said.
fn every_level() -> ModelFacts {
    use Effort::{High, Low, Medium, Minimal, Xhigh};
    ModelFacts {
        thinking: Thinking::Levels(vec![Minimal, Low, Medium, High, Xhigh]),
        signed_calls: false,
        ..gemini_3()
    }
}

/// The events are in order: folding fails in no way but by the stream's own error or its end.
fn in_order(events: Vec<Event>) -> Result<Option<Response>, TestCaseError> {
    match Fold::all(events) {
        Ok(response) => Ok(Some(response)),
        Err(FoldError::Failed(_)) => Ok(None),
        Err(error) => Err(TestCaseError::fail(error.to_string())),
    }
}

fn text() -> impl Strategy<Value = String> {
    "[a-zä東\u{2028}\\\\\"\n ]{1,8}"
}

fn signature() -> impl Strategy<Value = String> {
    "[A-Za-z0-9]{4}"
}

/// A chunk out of the words that the format knows, used rightly and wrongly.
fn chunk() -> impl Strategy<Value = Value> {
    let part = prop_oneof![
        (text(), any::<bool>()).prop_map(|(text, thought)| json!({ "text": text, "thought": thought })),
        signature().prop_map(|signature| json!({ "text": "", "thoughtSignature": signature })),
        (text(), signature()).prop_map(|(text, it)| json!({ "text": text, "thoughtSignature": it })),
        (option::of("[ab]"), option::of(signature())).prop_map(
            |(id, it)| json!({ "functionCall": { "id": id, "name": "f", "args": { "n": 1.5 } }, "thoughtSignature": it })
        ),
        Just(json!({ "executableCode": { "code": "1" }, "thoughtSignature": "eA==" })),
        Just(json!({ "inlineData": { "mimeType": "image/png", "data": "iVBORw0KGgo=" }, "thoughtSignature": "eA==" })),
        Just(json!({})),
        Just(json!({ "thought": true })),
    ];
    let finish = option::weighted(
        0.3,
        prop_oneof![Just("STOP"), Just("MAX_TOKENS"), Just("SAFETY"), Just("NEWER"), Just("")],
    );
    let grounding = option::weighted(0.2, (0_u64..40, 0_u64..40)).prop_map(|range| {
        range.map(|(start, end)| {
            json!({ "groundingChunks": [{ "web": { "uri": "https://example.com" } }],
                "groundingSupports": [{ "segment": { "startIndex": start, "endIndex": end }, "groundingChunkIndices": [0] }] })
        })
    });
    let candidate = (option::of(0..2), option::of(vec(part, 0..4)), finish, grounding).prop_map(
        |(index, parts, finish, grounding)| {
            let content = parts.map(|parts| json!({ "role": "model", "parts": parts }));
            json!({ "index": index, "content": content, "finishReason": finish, "groundingMetadata": grounding })
        },
    );
    let usage = option::of((0_u64..99, option::of(0_u64..99))).prop_map(|it| {
        it.map(|(prompt, thoughts)| json!({ "promptTokenCount": prompt, "thoughtsTokenCount": thoughts }))
    });
    (vec(candidate, 0..3), usage).prop_map(
        |(candidates, usage)| json!({ "candidates": candidates, "usageMetadata": usage, "responseId": "r" }),
    )
}

/// Parts of an answer that stay apart on the wire: no two texts or thoughts in a row.
fn answer_parts() -> impl Strategy<Value = Vec<Part>> {
    let token = || option::of(signature().prop_map(|value| Token { family: Family::Gemini, value }));
    let part = prop_oneof![
        (text(), token()).prop_map(|(text, token)| Part { token, ..Part::text(text) }),
        (text(), token()).prop_map(|(text, token)| {
            let kind = ReasoningKind::Summary;
            Part::new(PartKind::Reasoning(ReasoningPart { kind, text, token, item_id: None }))
        }),
        ("[a-z]{6}", token()).prop_map(|(id, token)| {
            let call = ToolCall {
                id,
                generated_id: false,
                name: "f".into(),
                arguments: r#"{"n":1.50}"#.into(),
                kind: ToolKind::Function,
                namespace: None,
                item_id: None,
            };
            Part { token, ..Part::new(PartKind::ToolCall(call)) }
        }),
        Just(Part::new(PartKind::Opaque {
            family: Family::Gemini,
            raw: RawJson::parse(r#"{"codeExecutionResult":{"output":"4\n"}}"#).unwrap(),
        })),
        Just(image()),
    ];
    vec(part, 0..6).prop_map(|mut parts| {
        parts.dedup_by_key(|part| std::mem::discriminant(&part.kind));
        parts
    })
}

fn image() -> Part {
    let source = Source::Base64 { mime: "image/png".into(), data: "iVBORw0KGgo=".into() };
    Part::new(PartKind::Media(Media::new(MediaKind::Image, source)))
}

fn answer() -> impl Strategy<Value = Response> {
    (answer_parts(), any::<bool>(), any::<[u16; 4]>()).prop_map(
        |(parts, limit, [input, cached, output, thoughts])| {
            let called = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall(_)));
            let reason = match (limit, called) {
                (true, _) => StopReason::MaxTokens,
                (false, true) => StopReason::ToolUse,
                (false, false) => StopReason::EndTurn,
            };
            let usage = Usage {
                input: Some(input.into()),
                cache_read: Some(cached.into()),
                output: Some(u64::from(output) + u64::from(thoughts)),
                reasoning: Some(thoughts.into()),
                ..Usage::default()
            };
            let candidate = Candidate { index: 0, parts, stop: Stop::new(reason), logprobs: None };
            Response {
                id: "0123456789abcdef".into(),
                model: "fast".into(),
                candidates: vec![candidate],
                usage,
                ..Response::default()
            }
        },
    )
}

/// A request that this format can say completely.
fn wanted() -> impl Strategy<Value = Request> {
    let step = (answer_parts(), text()).prop_map(|(parts, said)| {
        // An empty content would not be sent.
        let parts = if parts.is_empty() { vec![Part::text("x")] } else { parts };
        let results = parts.iter().filter_map(|part| match &part.kind {
            PartKind::ToolCall(call) => {
                let raw_object = Some(RawJson::from_value(&json!({ "output": said })));
                Some(Part::new(PartKind::ToolResult(ToolResult {
                    call_id: call.id.clone(),
                    name: Some(call.name.clone()),
                    parts: vec![Part::text(&*said), image()],
                    is_error: false,
                    kind: ToolKind::Function,
                    raw_object,
                })))
            }
            _ => None,
        });
        let user = results.chain([Part::text(&*said), image()]).collect();
        // Thoughts go back only with their signature.
        let parts = parts
            .into_iter()
            .map(|mut part| {
                if let PartKind::Reasoning(it) = &mut part.kind {
                    it.token.get_or_insert(Token { family: Family::Gemini, value: "eA==".into() });
                }
                part
            })
            .collect();
        [Turn::new(Role::Assistant, parts), Turn::new(Role::User, user)]
    });
    let tool =
        ("[a-z_]{1,6}", option::of(text()), any::<bool>()).prop_map(|(name, description, takes)| Tool {
            name,
            description,
            kind: ToolType::Function {
                schema: takes.then(|| RawJson::parse(r#"{"type":"object","x":1.0}"#).unwrap()),
            },
            strict: None,
            namespace: None,
            cache: None,
            defer: None,
        });
    let choice = option::of(prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        Just(ToolChoice::One { name: "a".into() }),
        Just(ToolChoice::Subset { names: vec!["a".into(), "b".into()], required: true }),
    ]);
    let thinking = (0..5_usize, any::<bool>()).prop_map(|(level, shown)| {
        let show = if shown { Show::Summary } else { Show::None };
        let levels = [Effort::Minimal, Effort::Low, Effort::Medium, Effort::High, Effort::Xhigh];
        Reasoning { mode: ReasoningMode::Effort, effort: Some(levels[level]), show, summary: None }
    });
    let output = prop_oneof![
        Just(OutputFormat::Text),
        Just(OutputFormat::JsonObject),
        Just(OutputFormat::JsonSchema {
            name: None,
            description: None,
            schema: RawJson::parse(r#"{"type":"object","minimum":1.0}"#).unwrap(),
            strict: None,
        }),
    ];
    let numbers =
        (option::of(0_i32..200), option::of(any::<u32>()), option::of(any::<i32>()), option::of(2_u32..9));
    let all = (vec(text(), 0..3), vec(step, 0..3), vec(tool, 0..3), choice, thinking, output, numbers);
    all.prop_map(
        |(system, steps, tools, choice, reasoning, output, (temperature, limit, seed, candidates))| {
            let mut request =
                Request { model: "m".into(), tools, reasoning, output, candidates, ..Request::default() };
            request.system = system.into_iter().map(|text| SystemText { text, cache: None }).collect();
            request.turns = steps.into_iter().flatten().collect();
            request.tool_choice = choice.filter(|_| !request.tools.is_empty());
            request.sampling.temperature = temperature.map(|tenths| f64::from(tenths) / 10.0);
            request.sampling.seed = seed.map(i64::from);
            request.sampling.stop = vec!["end".into()];
            request.limits.max_output = limit.map(u64::from);
            request
        },
    )
}

proptest! {
    #[test]
    fn cutting_a_stream_anywhere_changes_nothing(which in any::<prop::sample::Index>(), cuts in vec(any::<prop::sample::Index>(), 0..12)) {
        let streams = streams();
        let stream = which.get(&streams).1.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]);
        prop_assert_eq!(events(pieces), events([stream]));
    }

    #[test]
    fn every_stream_is_in_order_and_says_what_the_whole_answer_says(chunks in vec(chunk(), 0..5)) {
        let frames: Vec<String> = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
        let read = in_order(events(frames.iter().map(String::as_bytes)))?;
        if let Some(streamed) = read {
            let whole = Gemini.read_response(Value::Array(chunks).to_string().as_bytes());
            prop_assert_eq!(whole.ok(), Some(streamed.clone()));
            // And it can be told to a client, in both framings.
            client_stream(&unfold(streamed.clone()), reply(Show::Summary, false));
            let array = client_stream(&unfold(streamed), reply(Show::None, true));
            prop_assert!(serde_json::from_str::<Vec<Value>>(&array).is_ok(), "{}", array);
        }
    }

    #[test]
    fn what_a_client_is_sent_says_what_was_answered(response in answer()) {
        let stream = client_stream(&unfold(response.clone()), reply(Show::Summary, false));
        prop_assert_eq!(in_order(events([stream.as_bytes()]))?, Some(response.clone()));
        let whole = Gemini.write_response(&response, &reply(Show::Summary, false));
        prop_assert_eq!(Gemini.read_response(&whole).ok(), Some(response));
    }

    #[test]
    fn a_request_survives_the_wire(request in wanted()) {
        let body = Gemini.write_request(&request, &every_level());
        let read = Gemini.read_request(&body, PATH);
        prop_assert_eq!(read, Ok(request), "{}", String::from_utf8_lossy(&body));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Gemini.read_request(&bytes, PATH);
        let _ = Gemini.read_response(&bytes);
        let _ = Gemini.read_fault(500, &bytes);
        in_order(events([[b"data: ".as_slice(), &bytes, b"\n\n"].concat().as_slice()]))?;
    }

    #[test]
    fn no_json_makes_it_panic(path in vec(prop::sample::select(NAMES), 1..7), leaf in leaf(), list in any::<u8>()) {
        let mut value = leaf;
        for (at, name) in path.iter().enumerate() {
            value = if list >> at & 1 == 1 { json!({ *name: [value] }) } else { json!({ *name: value }) };
        }
        let body = value.to_string();
        if let Ok(request) = Gemini.read_request(body.as_bytes(), PATH) {
            let again: Result<Value, _> = serde_json::from_slice(&Gemini.write_request(&request, &gemini_3()));
            prop_assert!(again.is_ok());
        }
        let _ = Gemini.read_response(body.as_bytes());
        let _ = Gemini.read_fault(400, body.as_bytes());
        in_order(events([format!("data: {body}\n\n").as_bytes()]))?;
    }
}

/// Names that lead deep into the format.
const NAMES: &[&str] = &[
    "contents",
    "parts",
    "role",
    "text",
    "functionCall",
    "functionResponse",
    "response",
    "name",
    "args",
    "inline_data",
    "fileData",
    "data",
    "thoughtSignature",
    "tools",
    "functionDeclarations",
    "parameters",
    "properties",
    "items",
    "type",
    "generationConfig",
    "responseSchema",
    "thinkingConfig",
    "thinkingBudget",
    "candidates",
    "content",
    "groundingMetadata",
    "groundingSupports",
    "segment",
    "usageMetadata",
    "error",
    "details",
    "message",
    "retryDelay",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        Just(json!([])),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ]
}
