//! Requests, from clients and to upstreams.

use byok_types::chat::{
    Effort, Ext, Media, MediaKind, Modality, OutputFormat, Part, PartKind, Reasoning, ReasoningKind,
    ReasoningMode, ReasoningPart, Request, Role, Show, Source, Token, ToolCall, ToolChoice, ToolKind,
    ToolResult, ToolType, Turn, Weight,
};
use byok_types::{Family, RawJson};
use serde_json::{Value, json};

use super::{Gemini, gemini_2_5, gemini_3, request, upstream_body};
use crate::format::{ClientFormat, PathWish, ReadError, UpstreamFormat};

fn sent(request: &Request) -> Value {
    serde_json::from_str(&upstream_body(request, &gemini_3())).unwrap()
}

fn refused(body: &str) -> String {
    let path = PathWish { model: Some("gemini-x"), stream: false, json_array: false };
    match Gemini.read_request(body.as_bytes(), path).unwrap_err() {
        ReadError::Field { field, .. } => field,
        ReadError::NotJson(reason) => format!("no JSON: {reason}"),
    }
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::new(PartKind::ToolCall(ToolCall {
        id: id.into(),
        generated_id: false,
        name: name.into(),
        arguments: arguments.into(),
        kind: ToolKind::Function,
        namespace: None,
        item_id: None,
    }))
}

fn result(id: &str, text: &str) -> ToolResult {
    ToolResult {
        call_id: id.into(),
        name: None,
        parts: vec![Part::text(text)],
        is_error: false,
        kind: ToolKind::Function,
        raw_object: None,
    }
}

fn gemini_token(value: &str) -> Token {
    Token { family: Family::Gemini, value: value.into() }
}

#[test]
fn pitfall_101_both_spellings_are_one_request() {
    let camel = r#"{"systemInstruction":{"parts":[{"text":"Be kind."}]},
        "contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}},
                    {"fileData":{"mimeType":"application/pdf","fileUri":"https://example.com/a.pdf"}}]},
                    {"role":"model","parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":"c2ln"}]},
                    {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"x"}}}]}],
        "tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"type":"object"}}]},{"googleSearch":{}}],
        "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
        "generationConfig":{"maxOutputTokens":5,"topP":0.5,"stopSequences":["a"],"responseMimeType":"application/json",
            "responseJsonSchema":{"type":"object"},"thinkingConfig":{"includeThoughts":true,"thinkingBudget":-1}},
        "safetySettings":[],"cachedContent":"cachedContents/1","serviceTier":"flex"}"#;
    let snake = r#"{"system_instruction":{"parts":[{"text":"Be kind."}]},
        "contents":[{"role":"user","parts":[{"inline_data":{"mime_type":"image/png","data":"iVBORw0KGgo="}},
                    {"file_data":{"mime_type":"application/pdf","file_uri":"https://example.com/a.pdf"}}]},
                    {"role":"model","parts":[{"function_call":{"name":"f","args":{}},"thought_signature":"c2ln"}]},
                    {"role":"user","parts":[{"function_response":{"name":"f","response":{"output":"x"}}}]}],
        "tools":[{"function_declarations":[{"name":"f","parameters_json_schema":{"type":"object"}}]},{"google_search":{}}],
        "tool_config":{"function_calling_config":{"mode":"ANY","allowed_function_names":["f"]}},
        "generation_config":{"max_output_tokens":5,"top_p":0.5,"stop_sequences":["a"],"response_mime_type":"application/json",
            "response_json_schema":{"type":"object"},"thinking_config":{"include_thoughts":true,"thinking_budget":-1}},
        "safety_settings":[],"cached_content":"cachedContents/1","service_tier":"flex"}"#;
    let read = request(camel);
    assert_eq!(read, request(snake));
    assert_eq!(read.model, "gemini-x");
    assert_eq!(read.tool_choice, Some(ToolChoice::One { name: "f".into() }));
    assert_eq!(read.reasoning.mode, ReasoningMode::Adaptive);
    assert_eq!(read.reasoning.show, Show::Summary);
    assert!(matches!(&read.tools[1].kind, ToolType::Hosted { family: Family::Gemini, r#type, raw }
        if r#type == "googleSearch" && raw.get() == r#"{"googleSearch":{}}"#));
}

#[test]
fn one_object_may_stand_where_a_list_belongs_and_numbers_may_be_floats_or_texts() {
    let read = request(
        r#"{"system_instruction":{"parts":{"text":"Be a cat."}},"contents":{"parts":{"text":"Hello"}},
            "generationConfig":{"topK":40.0,"maxOutputTokens":"100","stopSequences":"x","seed":-3}}"#,
    );
    assert_eq!(read.system[0].text, "Be a cat.");
    assert_eq!(read.turns, [Turn::new(Role::User, vec![Part::text("Hello")])]);
    assert_eq!(
        (read.sampling.top_k, read.limits.max_output, read.sampling.seed),
        (Some(40), Some(100), Some(-3))
    );
    assert_eq!(read.sampling.stop, ["x"]);
}

#[test]
fn pitfalls_137_and_138_null_and_empty_are_absent() {
    let read = request(
        r#"{"contents":[{"parts":[{"text":"x"}]}],"tools":[],"toolConfig":null,"safetySettings":null,
            "generationConfig":{"stopSequences":["","a"],"maxOutputTokens":null,"candidateCount":1,"responseModalities":["TEXT"]}}"#,
    );
    assert_eq!((read.tools.len(), read.sampling.stop.len(), read.candidates), (0, 1, None));
    assert!(read.ext.is_empty() && read.modalities.is_empty());
    assert_eq!(read.limits.max_output, None);
}

#[test]
fn pitfall_84_two_calls_of_one_function_get_two_ids() {
    let body = r#"{"contents":[{"role":"user","parts":[{"text":"?"}]},
        {"role":"model","parts":[{"functionCall":{"name":"f","args":{"n":1}}},{"functionCall":{"name":"f","args":{"n":2}}}]},
        {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"one"}}},{"functionResponse":{"name":"f","response":{"output":"two"}}}]}]}"#;
    let read = request(body);
    let ids: Vec<_> = read.turns[1]
        .parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::ToolCall(call) if call.generated_id => call.id.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, ["call_1_0", "call_1_1"]);
    let answered: Vec<_> = read.turns[2].parts.iter().map(call_id).collect();
    assert_eq!(answered, ids);
    // The same history gets the same ids (pitfall 147).
    assert_eq!(read, request(body));
}

#[test]
fn a_result_is_found_in_every_clients_wrapping() {
    for (response, said) in [
        (r#"{"output":"snow"}"#, "snow"),
        (r#"{"result":"snow"}"#, "snow"),
        (r#"{"name":"f","content":"snow"}"#, "snow"),
        (r#"{"name":"f","content":{"now":"snow"}}"#, r#"{"now":"snow"}"#),
        (r#"{"name":"Oslo","content":"snow","at":1}"#, r#"{"name":"Oslo","content":"snow","at":1}"#),
    ] {
        let read = request(&format!(
            r#"{{"contents":[{{"role":"user","parts":[{{"text":"?"}}]}},{{"role":"model","parts":[{{"functionCall":{{"name":"f"}}}}]}},
            {{"role":"user","parts":[{{"functionResponse":{{"name":"f","response":{response}}}}}]}}]}}"#
        ));
        match &read.turns[2].parts[0].kind {
            PartKind::ToolResult(result) => assert_eq!(result.parts, [Part::text(said)], "{response}"),
            other => panic!("{other:?}"),
        }
    }
}

fn call_id(part: &Part) -> String {
    match &part.kind {
        PartKind::ToolResult(result) => result.call_id.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pitfall_83_results_are_paired_by_id_or_name_and_not_by_position() {
    let read = request(
        r#"{"contents":[
        {"role":"model","parts":[{"functionCall":{"name":"a"}},{"functionCall":{"name":"b"}},{"functionCall":{"id":"c-1","name":"c"}},{"functionCall":{"id":"c-2","name":"c"}}]},
        {"role":"function","parts":[{"functionResponse":{"id":"c-2","name":"c","response":{}}},{"functionResponse":{"name":"b","response":{}}},
                                    {"functionResponse":{"name":"c","response":{}}},{"functionResponse":{"id":"mine","name":"a","response":{}}},
                                    {"functionResponse":{"id":"nobody","name":"d","response":{}}},{"functionResponse":{"name":"d","response":{}}}]}]}"#,
    );
    let ids: Vec<_> = read.turns[1].parts.iter().map(call_id).collect();
    assert_eq!(ids, ["c-2", "call_0_1", "c-1", "call_0_0", "nobody", "result_1_1"]);
}

#[test]
fn an_unanswered_call_of_an_earlier_exchange_takes_no_later_result() {
    let read = request(
        r#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f"}}]},{"parts":[{"text":"Stop."}]},
            {"role":"model","parts":[{"functionCall":{"name":"f"}}]},{"parts":[{"functionResponse":{"name":"f","response":{}}}]}]}"#,
    );
    assert_eq!(call_id(&read.turns[3].parts[0]), "call_2_0");
}

#[test]
fn pitfall_85_the_name_of_a_result_is_looked_up() {
    let read = request(
        r#"{"contents":[{"role":"model","parts":[{"functionCall":{"id":"x1","name":"f"}},{"functionCall":{"id":"x2","name":"g"}}]},
            {"parts":[{"functionResponse":{"name":"x2","response":{}}},{"functionResponse":{"response":{}}}]}]}"#,
    );
    let seen: Vec<_> = read.turns[1]
        .parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::ToolResult(result) => (result.call_id.as_str(), result.name.as_deref()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seen, [("x2", Some("g")), ("x1", Some("f"))]);
    // And towards an upstream the other way round.
    let turns = vec![
        Turn::new(Role::Assistant, vec![call("x1", "f", "{}")]),
        Turn::new(Role::User, vec![Part::new(PartKind::ToolResult(result("x1", "done")))]),
    ];
    let body = sent(&Request { turns, ..Request::default() });
    assert_eq!(
        body["contents"][1]["parts"][0]["functionResponse"],
        json!({ "id": "x1", "name": "f", "response": { "output": "done" } })
    );
}

#[test]
fn pitfall_86_a_result_is_always_an_object() {
    let results = [
        ("plain", false, json!({ "output": "plain" })),
        ("{\"a\": 1.0}", false, json!({ "a": 1.0 })),
        ("[1]", false, json!({ "output": "[1]" })),
        ("{\"a\":", false, json!({ "output": "{\"a\":" })),
        ("no such file", true, json!({ "error": "no such file" })),
    ];
    for (text, is_error, response) in results {
        let it = ToolResult { is_error, name: Some("f".into()), ..result("x", text) };
        let turns = vec![Turn::new(Role::User, vec![Part::new(PartKind::ToolResult(it))])];
        let body = sent(&Request { turns, ..Request::default() });
        assert_eq!(body["contents"][0]["parts"][0]["functionResponse"]["response"], response, "{text}");
    }
}

#[test]
fn results_say_text_and_failure_and_keep_their_object() {
    let read = request(
        r#"{"contents":[{"parts":[
        {"functionResponse":{"id":"a","name":"f","response":{"output":"text"}}},
        {"functionResponse":{"id":"b","name":"f","response":{"error":"broken"}}},
        {"functionResponse":{"id":"c","name":"f","response":{"error":"odd","code":1.0}}},
        {"functionResponse":{"id":"d","name":"f","response":{"result":[1.0]}}},
        {"functionResponse":{"id":"e","name":"f","response":"bare"}},
        {"functionResponse":{"id":"f","name":"f"}},
        {"functionResponse":{"id":"g","name":"f","response":{"output":null},"parts":[{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}}]}}]}]}"#,
    );
    let seen: Vec<_> = read.turns[0]
        .parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::ToolResult(it) => (
                it.parts.first().and_then(Part::as_text),
                it.is_error,
                it.raw_object.as_ref().map(RawJson::get),
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Some("text"), false, Some(r#"{"output":"text"}"#)),
            (Some("broken"), true, Some(r#"{"error":"broken"}"#)),
            (Some(r#"{"error":"odd","code":1.0}"#), false, Some(r#"{"error":"odd","code":1.0}"#)),
            (Some("[1.0]"), false, Some(r#"{"result":[1.0]}"#)),
            (Some("bare"), false, None),
            (None, false, None),
            (None, false, Some(r#"{"output":null}"#)),
        ]
    );
    assert!(matches!(&read.turns[0].parts[6].kind, PartKind::ToolResult(it)
        if matches!(&it.parts[0].kind, PartKind::Media(media) if media.kind == MediaKind::Image)));
}

#[test]
fn pitfall_82_parallel_results_go_out_in_one_content() {
    let turns = vec![
        Turn::new(
            Role::Assistant,
            vec![call("1", "f", "{}"), call("2", "g", "{\"n\":123456789012345678901}")],
        ),
        Turn::new(
            Role::User,
            vec![
                Part::new(PartKind::ToolResult(result("1", "one"))),
                Part::new(PartKind::ToolResult(result("2", "two"))),
            ],
        ),
    ];
    let request = Request { turns, ..Request::default() };
    assert_eq!(
        upstream_body(&request, &gemini_2_5()),
        concat!(
            r#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}},{"functionCall":{"name":"g","args":{"n":123456789012345678901}}}]},"#,
            r#"{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"one"}}},{"functionResponse":{"name":"g","response":{"output":"two"}}}]}]}"#
        )
    );
}

#[test]
fn pitfall_87_the_first_call_of_each_step_is_signed() {
    let signed = Part { token: Some(gemini_token("c2ln")), ..call("1", "f", "{}") };
    let foreign = Token { family: Family::Anthropic, value: "sig".into() };
    let turns = vec![
        Turn::new(Role::User, vec![Part::text("?")]),
        Turn::new(Role::Assistant, vec![signed, call("2", "g", "{}")]),
        Turn::new(Role::User, vec![Part::new(PartKind::ToolResult(result("1", "x")))]),
        Turn::new(
            Role::Assistant,
            vec![Part { token: Some(foreign), ..call("3", "f", "{}") }, call("4", "g", "{}")],
        ),
    ];
    let request = Request { turns, ..Request::default() };
    let body = sent(&request);
    let signature =
        |turn: usize, part: usize| body["contents"][turn]["parts"][part]["thoughtSignature"].as_str();
    assert_eq!(signature(1, 0), Some("c2ln"));
    assert_eq!(signature(1, 1), None);
    assert_eq!(signature(3, 0), Some("skip_thought_signature_validator"));
    assert_eq!(signature(3, 1), None);
    assert!(!upstream_body(&request, &gemini_2_5()).contains("skip_thought"));
}

#[test]
fn a_clients_placeholder_is_no_signature() {
    let read = request(
        r#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f"},"thoughtSignature":"skip_thought_signature_validator"}]}]}"#,
    );
    assert_eq!(read.turns[0].parts[0].token, None);
}

#[test]
fn pitfall_88_signatures_keep_their_exact_places() {
    let body = r#"{"contents":[{"role":"model","parts":[{"text":"a"},{"text":"b","thoughtSignature":"czE="},{"text":"c"},
        {"functionCall":{"id":"1","name":"f","args":{}},"thoughtSignature":"czI="},{"functionCall":{"id":"2","name":"f","args":{}}},
        {"text":"","thoughtSignature":"czM="}]}]}"#;
    let read = request(body);
    assert_eq!(
        sent(&read)["contents"][0]["parts"],
        json!([
            { "text": "ab", "thoughtSignature": "czE=" },
            { "text": "c" },
            { "functionCall": { "id": "1", "name": "f", "args": {} }, "thoughtSignature": "czI=" },
            { "functionCall": { "id": "2", "name": "f", "args": {} } },
            { "text": "", "thoughtSignature": "czM=" },
        ])
    );
}

#[test]
fn pitfall_89_a_signature_without_text_goes_to_the_piece_before_it() {
    let read = request(
        r#"{"contents":[{"role":"model","parts":[{"text":"Hel"}]},{"role":"model","parts":[{"text":"lo"}]},
            {"role":"model","parts":[{"text":"","thoughtSignature":"c2ln"}]},{"role":"model","parts":[{"text":""}]}]}"#,
    );
    let expected = Part { token: Some(gemini_token("c2ln")), ..Part::text("Hello") };
    assert_eq!(read.turns, [Turn::new(Role::Assistant, vec![expected])]);
}

#[test]
fn pitfall_91_thoughts_of_a_stored_stream_are_one_thought_again() {
    let wrapped =
        crate::token::wrap(&Token { family: Family::Anthropic, value: "EqQB".into() }, Family::Gemini);
    let body = json!({ "contents": [
        { "role": "model", "parts": [{ "text": "First ", "thought": true }, { "text": "this.", "thought": true },
            // The Python client sends the other alphabet back (pitfall 151).
            { "text": "", "thought": true, "thoughtSignature": wrapped.replace('+', "-").replace('/', "_") }] },
        { "role": "model", "parts": [{ "text": "Answer" }] } ] });
    let read = request(&body.to_string());
    let thought = PartKind::Reasoning(ReasoningPart {
        kind: ReasoningKind::Thinking,
        text: "First this.".into(),
        token: Some(Token { family: Family::Anthropic, value: "EqQB".into() }),
        item_id: None,
    });
    assert_eq!(read.turns[0].parts, [Part::new(thought), Part::text("Answer")]);
    // Another vendor's thoughts never reach Gemini.
    assert_eq!(sent(&read)["contents"][0]["parts"], json!([{ "text": "Answer" }]));
}

#[test]
fn own_thoughts_go_back_with_their_signature() {
    let body = r#"{"contents":[{"role":"model","parts":[{"text":"Hm.","thought":true,"thoughtSignature":"c2ln"},{"executableCode":{"language":"PYTHON","code":"1"},"thoughtSignature":"eA=="},{"text":"Yes"}]}]}"#;
    assert_eq!(
        sent(&request(body))["contents"][0]["parts"],
        json!([
            { "text": "Hm.", "thought": true, "thoughtSignature": "c2ln" },
            { "executableCode": { "language": "PYTHON", "code": "1" }, "thoughtSignature": "eA==" },
            { "text": "Yes" },
        ])
    );
}

#[test]
fn media_come_as_bytes_files_and_addresses() {
    let read = request(
        r#"{"contents":[{"parts":[
        {"inlineData":{"mimeType":"image/jpeg","data":"iVBORw0KGgo"}},
        {"inlineData":{"mimeType":"text/plain","data":"SGk=","displayName":"a.txt"}},
        {"fileData":{"fileUri":"https://generativelanguage.googleapis.com/v1beta/files/abc","mimeType":"video/mp4"}},
        {"fileData":{"fileUri":"gs://bucket/x","mimeType":"audio/wav"}},
        {"fileData":{"fileUri":"https://www.youtube.com/watch?v=1"}},
        {"fileData":{"fileUri":"https://generativelanguage.googleapis.com.evil.example/x.png"}}]}]}"#,
    );
    let media: Vec<&Media> = read.turns[0]
        .parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::Media(media) => media,
            other => panic!("{other:?}"),
        })
        .collect();
    let kinds: Vec<_> = media.iter().map(|it| it.kind).collect();
    assert_eq!(
        kinds,
        [
            MediaKind::Image,
            MediaKind::Document,
            MediaKind::Video,
            MediaKind::Audio,
            MediaKind::Video,
            MediaKind::Image
        ]
    );
    assert_eq!(media[0].source, Source::Base64 { mime: "image/png".into(), data: "iVBORw0KGgo=".into() });
    assert_eq!(media[1].source, Source::Text("Hi".into()));
    assert!(matches!(media[2].source, Source::VendorFile { family: Family::Gemini, .. }));
    assert!(matches!(media[3].source, Source::VendorFile { family: Family::Gemini, .. }));
    assert!(matches!(media[4].source, Source::Url { .. }));
    assert!(matches!(media[5].source, Source::Url { .. }));
    let parts = &sent(&read)["contents"][0]["parts"];
    assert_eq!(parts[0], json!({ "inlineData": { "mimeType": "image/png", "data": "iVBORw0KGgo=" } }));
    assert_eq!(parts[1], json!({ "text": "a.txt\n\nHi" }));
    assert_eq!(parts[3], json!({ "fileData": { "mimeType": "audio/wav", "fileUri": "gs://bucket/x" } }));
}

#[test]
fn tool_choice_is_read_and_written_in_every_mode() {
    let tools = r#""tools":[{"functionDeclarations":[{"name":"a"},{"name":"b"}]}]"#;
    for (config, choice) in [
        (r#"{"mode":"AUTO"}"#, ToolChoice::Auto),
        (r#"{"mode":"NONE"}"#, ToolChoice::None),
        (r#"{"mode":"ANY"}"#, ToolChoice::Required),
        (r#"{"mode":"ANY","allowedFunctionNames":["a"]}"#, ToolChoice::One { name: "a".into() }),
        (
            r#"{"mode":"ANY","allowedFunctionNames":["a","b"]}"#,
            ToolChoice::Subset { names: vec!["a".into(), "b".into()], required: true },
        ),
        (
            r#"{"mode":"VALIDATED","allowedFunctionNames":["a"]}"#,
            ToolChoice::Subset { names: vec!["a".into()], required: false },
        ),
        (r#"{"mode":"VALIDATED"}"#, ToolChoice::Auto),
    ] {
        let body = format!(
            r#"{{"contents":[{{"parts":[{{"text":"x"}}]}}],{tools},"toolConfig":{{"functionCallingConfig":{config}}}}}"#
        );
        let read = request(&body);
        assert_eq!(read.tool_choice, Some(choice), "{config}");
        assert_eq!(read.tools[0].strict, config.contains("VALIDATED").then_some(true));
        assert_eq!(
            sent(&read)["toolConfig"]["functionCallingConfig"],
            serde_json::from_str::<Value>(config).unwrap()
        );
    }
    // Without functions the service refuses a choice.
    let request = Request { tool_choice: Some(ToolChoice::Auto), ..Request::default() };
    assert_eq!(sent(&request).get("toolConfig"), None);
}

#[test]
fn pitfall_96_a_model_gets_a_budget_or_a_level_and_never_both() {
    let thinking = |reasoning: Reasoning, facts| {
        let request = Request { reasoning, ..Request::default() };
        let body: Value = serde_json::from_str(&upstream_body(&request, &facts)).unwrap();
        body["generationConfig"]["thinkingConfig"].clone()
    };
    let wish = |mode, effort, show| Reasoning { mode, effort, show, summary: None };
    let both = wish(ReasoningMode::Budget(5_000), Some(Effort::Medium), Show::Summary);
    assert_eq!(
        thinking(both.clone(), gemini_3()),
        json!({ "thinkingLevel": "HIGH", "includeThoughts": true })
    );
    assert_eq!(thinking(both, gemini_2_5()), json!({ "thinkingBudget": 5000, "includeThoughts": true }));
    let off = wish(ReasoningMode::Off, None, Show::None);
    assert_eq!(thinking(off.clone(), gemini_3()), json!({ "thinkingLevel": "LOW" }));
    assert_eq!(thinking(off, gemini_2_5()), json!({ "thinkingBudget": 128 }));
    let adaptive = wish(ReasoningMode::Adaptive, None, Show::Full);
    assert_eq!(thinking(adaptive.clone(), gemini_3()), json!({ "includeThoughts": true }));
    assert_eq!(thinking(adaptive, gemini_2_5()), json!({ "thinkingBudget": -1, "includeThoughts": true }));
    let high = wish(ReasoningMode::Effort, Some(Effort::High), Show::Unset);
    assert_eq!(thinking(high.clone(), gemini_3()), json!({ "thinkingLevel": "HIGH" }));
    assert_eq!(thinking(high, gemini_2_5()), json!({ "thinkingBudget": 16384 }));
    assert_eq!(thinking(Reasoning::default(), gemini_3()), Value::Null);
}

#[test]
fn thinking_is_read_in_both_spellings_of_how_much() {
    for (config, mode, effort, show) in [
        (r"{}", ReasoningMode::Unset, None, Show::None),
        (r#"{"thinkingBudget":0}"#, ReasoningMode::Off, None, Show::None),
        (r#"{"thinkingBudget":-1,"include_thoughts":true}"#, ReasoningMode::Adaptive, None, Show::Summary),
        (r#"{"thinkingBudget":1024,"includeThoughts":false}"#, ReasoningMode::Budget(1024), None, Show::None),
        (r#"{"thinkingLevel":"high"}"#, ReasoningMode::Effort, Some(Effort::High), Show::None),
        (r#"{"thinkingLevel":"THINKING_LEVEL_UNSPECIFIED"}"#, ReasoningMode::Unset, None, Show::None),
    ] {
        let read = request(&format!(r#"{{"contents":[],"generationConfig":{{"thinkingConfig":{config}}}}}"#));
        assert_eq!(read.reasoning, Reasoning { mode, effort, show, summary: None }, "{config}");
    }
}

#[test]
fn structured_output_and_kinds_of_output_are_read_and_written() {
    let read = request(
        r#"{"contents":[],"generationConfig":{"responseMimeType":"application/json","responseModalities":["TEXT","IMAGE"],
            "responseSchema":{"type":"OBJECT","properties":{"n":{"type":"NUMBER","nullable":true}}}}}"#,
    );
    assert_eq!(read.modalities, [Modality::Text, Modality::Image]);
    let config = &sent(&read)["generationConfig"];
    assert_eq!(
        config,
        &json!({ "responseMimeType": "application/json",
            "responseJsonSchema": { "type": "object", "properties": { "n": { "type": ["number", "null"] } } },
            "responseModalities": ["TEXT", "IMAGE"] })
    );
    let read = request(r#"{"contents":[],"generationConfig":{"responseMimeType":"application/json"}}"#);
    assert_eq!(read.output, OutputFormat::JsonObject);
    let read = request(r#"{"contents":[],"generationConfig":{"_responseJsonSchema":{"type":"object"}}}"#);
    assert!(matches!(read.output, OutputFormat::JsonSchema { .. }));
    let enumeration = r#"{"contents":[],"generationConfig":{"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING","enum":["a"]}}}"#;
    let read = request(enumeration);
    assert_eq!(read.output, OutputFormat::Text);
    assert_eq!(
        sent(&read)["generationConfig"],
        json!({ "responseMimeType": "text/x.enum", "responseJsonSchema": { "type": "string", "enum": ["a"] } })
    );
}

#[test]
fn what_has_no_place_is_kept_and_weighed_and_goes_back() {
    let read = request(
        r#"{"contents":[],"safety_settings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"}],"labels":{"a":"b"},
            "continuationToken":"t","brandNew":1.0,"x_trace":true,
            "generationConfig":{"speech_config":{"voice":1},"mediaResolution":"MEDIA_RESOLUTION_LOW","thinkingConfig":{"novel":2}},
            "toolConfig":{"retrievalConfig":{"languageCode":"de"},"includeServerSideToolInvocations":true}}"#,
    );
    let weights: Vec<_> = read.ext.iter().map(|ext| (ext.path.as_str(), ext.weight)).collect();
    assert_eq!(
        weights,
        [
            ("safetySettings", Weight::Hint),
            ("labels", Weight::Hint),
            ("continuationToken", Weight::Essential),
            ("brandNew", Weight::Meaning),
            ("x_trace", Weight::Hint),
            ("toolConfig.retrievalConfig", Weight::Meaning),
            ("toolConfig.includeServerSideToolInvocations", Weight::Hint),
            ("generationConfig.thinkingConfig.novel", Weight::Meaning),
            ("generationConfig.speechConfig", Weight::Meaning),
            ("generationConfig.mediaResolution", Weight::Hint),
        ]
    );
    let mut fitted = read.clone();
    fitted.ext.push(Ext {
        family: Some(Family::Cohere),
        path: "safety_mode".into(),
        value: RawJson::string("OFF"),
        weight: Weight::Hint,
    });
    let body = upstream_body(&fitted, &gemini_3());
    assert!(body.contains(r#""brandNew":1.0"#) && !body.contains("safety_mode"), "{body}");
    assert_eq!(request(&body), read);
    let strict = r#"{"contents":[],"safetySettings":[{"category":"X","threshold":"BLOCK_LOW_AND_ABOVE"}]}"#;
    assert_eq!(request(strict).ext[0].weight, Weight::Meaning);
}

#[test]
fn pitfall_156_what_makes_no_sense_names_its_field() {
    for (body, field) in [
        ("nonsense", "no JSON"),
        ("[]", "no JSON"),
        ("{}", "contents"),
        (r#"{"contents":"hi"}"#, "contents"),
        (r#"{"contents":[{"role":"assistant","parts":[]}]}"#, "contents[0].role"),
        (r#"{"contents":[{"parts":[{"text":5}]}]}"#, "contents[0].parts[0].text"),
        (r#"{"contents":[{"parts":[{"functionCall":{"name":"f"}}]}]}"#, "contents[0].parts[0].functionCall"),
        (
            r#"{"contents":[{"role":"model","parts":[{"functionCall":{}}]}]}"#,
            "contents[0].parts[0].functionCall.name",
        ),
        (
            r#"{"contents":[{"role":"model","parts":[{"functionResponse":{"name":"f"}}]}]}"#,
            "contents[0].parts[0].functionResponse",
        ),
        (
            r#"{"contents":[{"parts":[{"inline_data":{"mime_type":"image/png","data":"%"}}]}]}"#,
            "contents[0].parts[0].inlineData.data",
        ),
        (
            r#"{"contents":[],"tools":[{"functionDeclarations":[{}]}]}"#,
            "tools[0].functionDeclarations[0].name",
        ),
        (
            r#"{"contents":[],"toolConfig":{"functionCallingConfig":{"mode":"SOME"}}}"#,
            "toolConfig.functionCallingConfig.mode",
        ),
        (r#"{"contents":[],"generationConfig":{"topK":-1}}"#, "generationConfig.topK"),
        (r#"{"contents":[],"generationConfig":{"topK":"many"}}"#, "generationConfig.topK"),
        (
            r#"{"contents":[],"generationConfig":{"thinkingConfig":{"thinkingLevel":"EXTREME"}}}"#,
            "generationConfig.thinkingConfig.thinkingLevel",
        ),
        (
            r#"{"contents":[],"generationConfig":{"responseModalities":["SMELL"]}}"#,
            "generationConfig.responseModalities",
        ),
        (r#"{"contents":[],"systemInstruction":{"parts":[{"fileData":{}}]}}"#, "systemInstruction.parts[0]"),
    ] {
        let seen = refused(body);
        assert!(seen.starts_with(field), "{body}: {seen}");
    }
}

#[test]
fn a_body_for_counting_is_read_too() {
    let read = request(
        r#"{"generateContentRequest":{"model":"models/gemini-y","contents":[{"parts":[{"text":"x"}]}],"systemInstruction":{"parts":[{"text":"s"}]}}}"#,
    );
    assert_eq!((read.model.as_str(), read.turns.len(), read.system.len()), ("gemini-x", 1, 1));
}

#[test]
fn the_model_stands_in_the_path_and_never_in_the_body() {
    assert_eq!(Gemini.path("gemini-3-pro", false), "/v1beta/models/gemini-3-pro:generateContent");
    assert_eq!(
        Gemini.path("models/a/b?c:d é", true),
        "/v1beta/models/a%2Fb%3Fc%3Ad%20%C3%A9:streamGenerateContent?alt=sse"
    );
    let mut request = request(r#"{"contents":[{"parts":[{"text":"x"}]}]}"#);
    request.stream.on = true;
    assert_eq!(
        upstream_body(&request, &gemini_3()),
        r#"{"contents":[{"role":"user","parts":[{"text":"x"}]}]}"#
    );
}

#[test]
fn foreign_pieces_are_left_out() {
    let parts = vec![
        Part::new(PartKind::Opaque { family: Family::Anthropic, raw: RawJson::string("x") }),
        Part::new(PartKind::Media(Media::new(
            MediaKind::Image,
            Source::VendorFile { family: Family::Anthropic, id: "file_1".into(), mime: None },
        ))),
        Part::text(""),
        Part::new(PartKind::Refusal("No.".into())),
    ];
    let turns = vec![Turn::new(Role::Assistant, parts), Turn::new(Role::Assistant, vec![Part::text("")])];
    let body = sent(&Request { turns, ..Request::default() });
    assert_eq!(body["contents"], json!([{ "role": "model", "parts": [{ "text": "No." }] }]));
}

#[test]
fn image_detail_goes_to_the_models_that_know_it() {
    let media = Media {
        detail: Some("low".into()),
        ..Media::new(MediaKind::Image, Source::Url { url: "https://example.com/a.png".into(), mime: None })
    };
    let turns = vec![Turn::new(Role::User, vec![Part::new(PartKind::Media(media))])];
    let request = Request { turns, ..Request::default() };
    assert!(upstream_body(&request, &gemini_3()).contains("MEDIA_RESOLUTION_LOW"));
    assert!(!upstream_body(&request, &gemini_2_5()).contains("esolution"));
}
