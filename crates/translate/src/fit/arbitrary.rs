//! Any canonical request, for the laws that must hold for all of them.
//!
//! Texts, names and ids come from small sets, so that they collide often and break every vendor's rules
//! now and then; structures that no reader makes (a call in a user turn) are made too.

use byok_types::chat::{
    CacheMark, Citation, CustomGrammar, Effort, Ext, Identity, Limits, Media, MediaKind, Modality,
    OutputFormat, Part, PartKind, Reasoning, ReasoningKind, ReasoningMode, ReasoningPart, Request, Role,
    Sampling, ServerState, Show, Source, StreamWish, SystemText, Token, Tool, ToolCall, ToolChoice, ToolKind,
    ToolResult, ToolType, Turn, Verbosity, Weight,
};
use byok_types::{Family, RawJson};
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::select;

/// Any request.
pub(crate) fn request() -> impl Strategy<Value = Request> {
    let prompt = (vec(system(), 0..3), vec(turn(), 0..7), vec(tool(), 0..5), of(choice()), of(any::<bool>()));
    let drawing = (sampling(), limits(), reasoning(), output());
    let rest = (vec(modality(), 0..3), of(0u32..4), identity(), server_state(), vec(ext(), 0..3));
    (prompt, drawing, rest, any::<bool>(), of(cache())).prop_map(
        |(
            (system, turns, tools, tool_choice, parallel_tools),
            (sampling, limits, reasoning, output),
            (modalities, candidates, identity, server_state, ext),
            streams,
            cache,
        )| Request {
            model: String::new(),
            system,
            turns,
            tools,
            tool_choice,
            parallel_tools,
            sampling,
            limits,
            reasoning,
            output,
            verbosity: Some(Verbosity::Low),
            modalities,
            stream: StreamWish { on: streams, ..StreamWish::default() },
            candidates,
            cache,
            identity,
            server_state,
            ext,
        },
    )
}

fn text() -> impl Strategy<Value = String> {
    select(vec!["", " ", "Hello", "Say it in JSON.", "two\nlines \u{1F600}", "trailing  ", "Error: no"])
        .prop_map(str::to_owned)
}

fn name() -> impl Strategy<Value = String> {
    let long = "x".repeat(150);
    select(vec![
        "read".to_owned(),
        "web_search".to_owned(),
        "mcp__files__read".to_owned(),
        "my-tool.v2".to_owned(),
        "1st".to_owned(),
        "ж".to_owned(),
        String::new(),
        "json_output".to_owned(),
        long,
    ])
}

fn namespace() -> impl Strategy<Value = Option<String>> {
    weighted(0.2, select(vec!["mcp__files", "ns", ""]).prop_map(str::to_owned))
}

fn call_id() -> impl Strategy<Value = String> {
    select(vec!["call_1".to_owned(), "call_2".to_owned(), "functions.read:0".to_owned(), "ü".repeat(70)])
}

fn family() -> impl Strategy<Value = Family> {
    select(Family::ALL.to_vec())
}

/// Any schema of the kinds that meet in practice, or worse.
pub(crate) fn schema() -> impl Strategy<Value = RawJson> {
    let fixed = select(vec![
        "{}",
        "null",
        "true",
        "[]",
        r#"{"type":"object"}"#,
        r#"{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true,"format":"enum","enum":["x"]}}}"#,
        r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}"##,
        r##"{"type":"object","properties":{"n":{"$ref":"#"}}}"##,
        r##"{"$defs":{"n":{"type":"object","properties":{"next":{"$ref":"#/$defs/n"}}}},"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}"##,
        r#"{"type":["string","null"],"enum":["a",null,""]}"#,
        r#"{"type":"array","items":[{"type":"string"},{"const":1}],"uniqueItems":true}"#,
        r#"{"allOf":[{"properties":{"a":{"exclusiveMinimum":0,"type":"integer"}},"required":["a","zz"]},{"properties":{"b":false}}]}"#,
    ])
    .prop_map(|text| RawJson::parse(text).unwrap());
    let leaf = prop_oneof![
        Just(serde_json::json!({ "type": "string", "format": "uri", "minLength": 1 })),
        Just(serde_json::json!({ "type": "integer", "exclusiveMinimum": 0, "maximum": 9 })),
        Just(serde_json::json!({ "enum": [1, "a", null, true] })),
        Just(serde_json::json!({ "const": true })),
        Just(serde_json::json!({ "type": "array" })),
        Just(serde_json::json!({ "$ref": "#/properties/format" })),
        Just(serde_json::json!({ "$ref": "#/$defs/Missing" })),
        Just(serde_json::json!(true)),
    ];
    let nested = leaf.prop_recursive(4, 24, 4, |inner| {
        let keyword = select(vec!["oneOf", "anyOf", "allOf", "prefixItems"]);
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| serde_json::json!({
                "type": "object",
                "properties": { "format": a, "$ref": b },
                "required": ["format", "gone"],
                "additionalProperties": { "type": "string" },
                "patternProperties": { "^x": true },
            })),
            (keyword, vec(inner.clone(), 0..3)).prop_map(|(word, list)| {
                serde_json::Value::Object([(word.to_owned(), list.into())].into_iter().collect())
            }),
            inner.prop_map(
                |item| serde_json::json!({ "type": ["array", "null"], "items": item, "nullable": true })
            ),
        ]
    });
    prop_oneof![fixed, nested.prop_map(|value| RawJson::from_value(&value))]
}

fn raw() -> impl Strategy<Value = RawJson> {
    select(vec![
        r#"{"type":"item_reference","id":"x"}"#,
        r#"{"type":"compaction"}"#,
        r#"{"filters":{"allowed_domains":["a.org"]},"user_location":{"type":"approximate","city":"Oslo"},"max_uses":2}"#,
        r#"[{"data":{"title":"T","text":"x"}},"plain"]"#,
        "7",
    ])
    .prop_map(|text| RawJson::parse(text).unwrap())
}

fn cache() -> impl Strategy<Value = CacheMark> {
    of(select(vec!["5m", "1h", "30m", "?"])).prop_map(|ttl| CacheMark { ttl: ttl.map(str::to_owned) })
}

fn token() -> impl Strategy<Value = Token> {
    (family(), select(vec!["", "sig"])).prop_map(|(family, value)| Token { family, value: value.to_owned() })
}

fn system() -> impl Strategy<Value = SystemText> {
    (text(), of(cache())).prop_map(|(text, cache)| SystemText { text, cache })
}

fn turn() -> impl Strategy<Value = Turn> {
    let role = select(vec![Role::User, Role::User, Role::Assistant, Role::Assistant, Role::System]);
    (role, vec(part(), 0..5), of(Just("Ada".to_owned()))).prop_map(|(role, parts, name)| Turn {
        name,
        phase: Some("commentary".to_owned()),
        item_id: Some("msg_1".to_owned()),
        ..Turn::new(role, parts)
    })
}

fn part() -> impl Strategy<Value = Part> {
    let kind = prop_oneof![
        4 => plain_part(),
        3 => call().prop_map(PartKind::ToolCall),
        3 => result().prop_map(PartKind::ToolResult),
        1 => thoughts().prop_map(PartKind::Reasoning),
    ];
    (kind, weighted(0.2, cache()), weighted(0.2, token())).prop_map(|(kind, cache, token)| Part {
        kind,
        cache,
        token,
    })
}

fn plain_part() -> impl Strategy<Value = PartKind> {
    let citation = (family(), raw()).prop_map(|(family, raw)| Citation {
        start: Some(0),
        end: None,
        url: None,
        title: None,
        text: None,
        family,
        raw,
    });
    prop_oneof![
        6 => (text(), vec(citation, 0..2)).prop_map(|(text, citations)| PartKind::Text { text, citations }),
        1 => text().prop_map(PartKind::Refusal),
        1 => media().prop_map(PartKind::Media),
        1 => (family(), raw()).prop_map(|(family, raw)| PartKind::Opaque { family, raw }),
    ]
}

fn media() -> impl Strategy<Value = Media> {
    let kind = select(vec![MediaKind::Audio, MediaKind::Document, MediaKind::Image, MediaKind::Video]);
    let mime = select(vec!["image/png", "image/heic", "application/pdf", "text/plain", "audio/wav", "x, y"]);
    let source = prop_oneof![
        (mime.clone(), select(vec!["aGk=", "/w==", ""]))
            .prop_map(|(mime, data)| Source::Base64 { mime: mime.to_owned(), data: data.to_owned() }),
        text().prop_map(Source::Text),
        of(mime).prop_map(|mime| Source::Url {
            url: "https://example.org/a".to_owned(),
            mime: mime.map(str::to_owned),
        }),
        family().prop_map(|family| Source::VendorFile { family, id: "file-1".to_owned(), mime: None }),
    ];
    (kind, source, of(text())).prop_map(|(kind, source, title)| Media { title, ..Media::new(kind, source) })
}

fn tool_kind() -> impl Strategy<Value = ToolKind> {
    select(vec![ToolKind::Function, ToolKind::Custom])
}

fn call() -> impl Strategy<Value = ToolCall> {
    let arguments = select(vec!["{}", "", "{\"input\":\"x\"}", "{\"cut\":", "free \"text\"\u{7}"]);
    (call_id(), name(), arguments, tool_kind(), namespace()).prop_map(
        |(id, name, arguments, kind, namespace)| ToolCall {
            id,
            generated_id: false,
            name,
            arguments: arguments.to_owned(),
            kind,
            namespace,
            item_id: Some("fc_1".to_owned()),
        },
    )
}

fn result() -> impl Strategy<Value = ToolResult> {
    let parts = vec(plain_part().prop_map(Part::new), 0..3);
    (call_id(), parts, any::<bool>(), tool_kind()).prop_map(|(call_id, parts, is_error, kind)| ToolResult {
        call_id,
        name: None,
        parts,
        is_error,
        kind,
        raw_object: None,
    })
}

fn thoughts() -> impl Strategy<Value = ReasoningPart> {
    let kind = select(vec![
        ReasoningKind::Plan,
        ReasoningKind::Redacted,
        ReasoningKind::Summary,
        ReasoningKind::Thinking,
    ]);
    (kind, text(), of(token())).prop_map(|(kind, text, token)| ReasoningPart {
        kind,
        text,
        token,
        item_id: Some("rs_1".to_owned()),
    })
}

fn tool() -> impl Strategy<Value = Tool> {
    let grammar = || CustomGrammar { syntax: "lark".to_owned(), definition: "start: /.+/".to_owned() };
    let typed = select(vec!["bash_20250124", "text_editor_20250728", "memory_20250818"]);
    let hosted = select(vec!["web_search_20250305", "web_search", "googleSearch", "code_execution"]);
    let kind = prop_oneof![
        5 => of(schema()).prop_map(|schema| ToolType::Function { schema }),
        2 => any::<bool>().prop_map(move |has| ToolType::Custom { grammar: has.then(grammar) }),
        1 => (family(), typed, raw())
            .prop_map(|(family, kind, raw)| ToolType::ClientTyped { family, r#type: kind.to_owned(), raw }),
        1 => (family(), hosted, raw())
            .prop_map(|(family, kind, raw)| ToolType::Hosted { family, r#type: kind.to_owned(), raw }),
    ];
    (name(), of(text()), kind, of(any::<bool>()), namespace(), weighted(0.2, cache())).prop_map(
        |(name, description, kind, strict, namespace, cache)| Tool {
            name,
            description,
            kind,
            strict,
            namespace,
            cache,
            defer: Some(true),
        },
    )
}

fn choice() -> impl Strategy<Value = ToolChoice> {
    prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        name().prop_map(|name| ToolChoice::One { name }),
        (vec(name(), 0..3), any::<bool>())
            .prop_map(|(names, required)| ToolChoice::Subset { names, required }),
    ]
}

fn sampling() -> impl Strategy<Value = Sampling> {
    let number = || of(select(vec![-3.0, 0.0, 0.5, 1.0, 1.5, 9.0, f64::NAN]));
    let counts = (of(0u64..1000), of(-5i64..5), of(any::<bool>()), of(0u32..30), vec(text(), 0..7));
    ((number(), number(), number(), number(), number()), counts, of(raw())).prop_map(
        |((temperature, top_p, min_p, frequency_penalty, presence_penalty), counts, logit_bias)| {
            let (top_k, seed, logprobs, top_logprobs, stop) = counts;
            Sampling {
                temperature,
                top_p,
                top_k,
                min_p,
                frequency_penalty,
                presence_penalty,
                seed,
                logit_bias,
                logprobs,
                top_logprobs,
                stop,
            }
        },
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    (of(select(vec![0, 1, 1024, 1025, 4096, 64_000, u64::MAX])), of(0u64..3))
        .prop_map(|(max_output, max_tool_calls)| Limits { max_output, max_tool_calls })
}

fn reasoning() -> impl Strategy<Value = Reasoning> {
    let mode = prop_oneof![
        Just(ReasoningMode::Unset),
        Just(ReasoningMode::Adaptive),
        Just(ReasoningMode::BetweenTools),
        Just(ReasoningMode::Effort),
        Just(ReasoningMode::Off),
        select(vec![0, 1, 1024, 10_000, u64::MAX]).prop_map(ReasoningMode::Budget),
    ];
    let effort = select(vec![
        Effort::None,
        Effort::Minimal,
        Effort::Low,
        Effort::Medium,
        Effort::High,
        Effort::Xhigh,
        Effort::Max,
    ]);
    (mode, of(effort), select(vec![Show::Full, Show::None, Show::Summary, Show::Unset]))
        .prop_map(|(mode, effort, show)| Reasoning { mode, effort, show, summary: Some("auto".to_owned()) })
}

fn output() -> impl Strategy<Value = OutputFormat> {
    prop_oneof![
        3 => Just(OutputFormat::Text),
        1 => Just(OutputFormat::JsonObject),
        2 => (of(name()), schema(), of(any::<bool>())).prop_map(|(name, schema, strict)| {
            OutputFormat::JsonSchema { name, description: None, schema, strict }
        }),
    ]
}

fn modality() -> impl Strategy<Value = Modality> {
    select(vec![Modality::Text, Modality::Text, Modality::Text, Modality::Audio, Modality::Image])
}

fn identity() -> impl Strategy<Value = Identity> {
    let user = select(vec!["ada@example.org", "u1", "+49 170 1234567"]).prop_map(str::to_owned);
    (of(user), of(raw())).prop_map(|(user, metadata)| Identity {
        safety_id: user.clone(),
        user,
        cache_key: Some("k".repeat(80)),
        metadata,
        tier: Some("standard_only".to_owned()),
    })
}

fn server_state() -> impl Strategy<Value = ServerState> {
    weighted(0.1, Just("resp_1".to_owned())).prop_map(|previous_id| ServerState {
        previous_id,
        store: Some(true),
        include: vec!["x".to_owned()],
        ..ServerState::default()
    })
}

fn ext() -> impl Strategy<Value = Ext> {
    let path = select(vec!["documents", "web_search_options", "generationConfig.speechConfig", "x,\r\ny"]);
    let weight =
        prop_oneof![4 => Just(Weight::Hint), 4 => Just(Weight::Meaning), 1 => Just(Weight::Essential)];
    (of(family()), path, raw(), weight).prop_map(|(family, path, value, weight)| Ext {
        family,
        path: path.to_owned(),
        value,
        weight,
    })
}
