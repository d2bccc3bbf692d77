//! What clients ask for, and what upstreams are asked.

use byok_types::chat::{
    CacheMark, Effort, Media, MediaKind, OutputFormat, Part, PartKind, ReasoningKind, ReasoningMode,
    ReasoningPart, Request, Role, Show, Source, SystemText, Token, ToolChoice, ToolKind, ToolResult,
    ToolType, Turn, Weight,
};
use byok_types::{Family, RawJson};
use serde_json::Value;

use super::{facts, read, read_with, write};
use crate::format::{ClientFormat, PathWish, ReadError, UpstreamFormat};
use crate::openai_chat::OpenaiChat;

fn error(body: &str) -> String {
    OpenaiChat.read_request(body.as_bytes(), PathWish::default()).unwrap_err().to_string()
}

fn messages(messages: &str) -> Request {
    read(&format!(r#"{{"model":"m","messages":[{messages}]}}"#))
}

/// The messages that an upstream gets.
fn written_messages(turns: Vec<Turn>) -> Value {
    let request = Request { model: "m".into(), turns, ..Request::default() };
    serde_json::from_str::<Value>(&write(&request)).unwrap()["messages"].take()
}

fn result(call_id: &str, parts: Vec<Part>, is_error: bool) -> Part {
    let (call_id, name, raw_object) = (call_id.to_owned(), None, None);
    let result = ToolResult { call_id, name, parts, is_error, kind: ToolKind::Function, raw_object };
    Part::new(PartKind::ToolResult(result))
}

fn image() -> Part {
    let source = Source::Base64 { mime: "image/png".into(), data: "iVBORw0KGgo=".into() };
    Part::new(PartKind::Media(Media::new(MediaKind::Image, source)))
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let hi = r#"[{"role":"user","content":"hi"}]"#;
    for (body, field) in [
        (format!(r#"{{"messages":{hi}}}"#), "model"),
        (format!(r#"{{"model":"","messages":{hi}}}"#), "model"),
        (r#"{"model":"m"}"#.to_owned(), "messages"),
        (r#"{"model":"m","messages":null}"#.to_owned(), "messages"),
        (r#"{"model":"m","messages":[]}"#.to_owned(), "messages"),
        (r#"{"model":"m","messages":[{"content":"hi"}]}"#.to_owned(), "messages[0].role"),
        (r#"{"model":"m","messages":[{"role":"user","content":7}]}"#.to_owned(), "messages[0].content"),
        (r#"{"model":"m","messages":[{"role":"user","content":[{"text":"a"}]}]}"#.to_owned(), "messages[0].content[0].type"),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":7}]}]}"#.to_owned(),
            "messages[0].content[0].text",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,%%"}}]}]}"#.to_owned(),
            "messages[0].content[0].image_url.url",
        ),
        (r#"{"model":"m","messages":[{"role":"tool","content":"x"}]}"#.to_owned(), "messages[0].tool_call_id"),
        (
            r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{}}]}]}"#.to_owned(),
            "messages[0].tool_calls[0].function.name",
        ),
        (format!(r#"{{"model":"m","messages":{hi},"temperature":"hot"}}"#), "temperature"),
        (format!(r#"{{"model":"m","messages":{hi},"max_tokens":-2}}"#), "max_tokens"),
        (format!(r#"{{"model":"m","messages":{hi},"tools":[{{"type":"function","function":{{}}}}]}}"#), "tools[0].function.name"),
        (format!(r#"{{"model":"m","messages":{hi},"tools":[{{"type":"function","function":{{"name":"f"}}}}],"tool_choice":"maybe"}}"#), "tool_choice"),
        (format!(r#"{{"model":"m","messages":{hi},"reasoning_effort":"huge"}}"#), "reasoning_effort"),
        (format!(r#"{{"model":"m","messages":{hi},"response_format":{{"type":"json_schema"}}}}"#), "response_format.json_schema"),
        (format!(r#"{{"model":"m","messages":{hi},"n":0}}"#), "n"),
    ] {
        let text = error(&body);
        assert!(text.starts_with(&format!("{field}: ")), "{body}: {text}");
    }
}

#[test]
fn pitfall_156_a_body_that_is_no_object_is_refused() {
    for body in ["", "hello", "[]", "7", "{\"model\":"] {
        let error = OpenaiChat.read_request(body.as_bytes(), PathWish::default()).unwrap_err();
        assert!(matches!(error, ReadError::NotJson(_)), "{body}: {error}");
    }
}

#[test]
fn pitfall_137_stop_in_every_form() {
    assert_eq!(read_with(r#""stop":"END""#).sampling.stop, ["END"]);
    assert_eq!(read_with(r#""stop":["A","","B"]"#).sampling.stop, ["A", "B"]);
    for nothing in ["null", "[]", r#""""#, r#"[""]"#] {
        assert!(read_with(&format!(r#""stop":{nothing}"#)).sampling.stop.is_empty(), "{nothing}");
    }
}

#[test]
fn pitfall_138_null_and_empty_are_absent() {
    let plain = read_with(r#""n":1"#);
    let nulls = read_with(
        r#""max_tokens":null,"tools":[],"tool_choice":"auto","parallel_tool_calls":true,"stop":null,"temperature":null,
           "response_format":null,"reasoning_effort":null,"reasoning":null,"thinking":null,"stream":null,
           "stream_options":null,"user":null,"metadata":null,"logit_bias":null,"functions":null,"web_search_options":null,
           "unknown":null,"modalities":["text"],"n":null,"cache_control":null,"thinking_budget":null"#,
    );
    assert_eq!(nulls, plain);
}

#[test]
fn pitfall_139_content_in_every_form() {
    let request = messages(
        r#"{"role":"user","content":null},{"role":"user"},{"role":"user","content":""},{"role":"user","content":[]},
           {"role":"user","content":"a"},{"role":"user","content":["b",{"type":"text","text":""},{"type":"input_text","text":"c"}]}"#,
    );
    let texts: Vec<Vec<&str>> =
        request.turns.iter().map(|turn| turn.parts.iter().filter_map(Part::as_text).collect()).collect();
    let empty: Vec<&str> = Vec::new();
    assert_eq!(texts, [empty.clone(), empty.clone(), empty.clone(), empty, vec!["a"], vec!["b", "c"]]);
}

#[test]
fn pitfall_140_legacy_functions_are_tools() {
    let request = read(
        r#"{"model":"m","functions":[{"name":"f","description":"d","parameters":{"type":"object"}}],"function_call":{"name":"f"},
            "messages":[{"role":"user","content":"a"},
            {"role":"assistant","content":null,"function_call":{"name":"f","arguments":""}},
            {"role":"function","name":"f","content":"done"}]}"#,
    );
    assert_eq!(request.tools[0].name, "f");
    assert_eq!(request.tool_choice, Some(ToolChoice::One { name: "f".into() }));
    let PartKind::ToolCall(call) = &request.turns[1].parts[0].kind else { panic!("{request:?}") };
    let PartKind::ToolResult(result) = &request.turns[2].parts[0].kind else { panic!("{request:?}") };
    assert_eq!((call.arguments.as_str(), call.generated_id), ("{}", true));
    assert_eq!((result.call_id.as_str(), result.name.as_deref()), (call.id.as_str(), Some("f")));
    assert!(!write(&request).contains("functions"));
    let id = crate::format::AnswerId { unique: "u".into(), created: 1 };
    assert!(OpenaiChat.reply(&request, id.clone()).legacy_functions);
    assert!(!OpenaiChat.reply(&read_with(r#""n":1"#), id).legacy_functions);
}

#[test]
fn pitfall_141_the_bytes_say_what_a_part_is() {
    let request = messages(
        r#"{"role":"user","content":[
            {"type":"image_url","image_url":{"url":"data:image/jpeg;base64,iVBORw0KGgo="}},
            {"type":"image_url","image_url":"https://example.com/a.png"},
            {"type":"image_url","image_url":{"url":"data:;base64,JVBERi0xLjQ="}},
            {"type":"file","file":{"file_data":"JVBERi0xLjQ=","filename":"a"}},
            {"type":"file","file":{"file_data":"data:text/plain;base64,SGk=","filename":"a.txt"}},
            {"type":"file","file":{"file_id":"file-1"}}]}"#,
    );
    let media = |part: &Part| match &part.kind {
        PartKind::Media(media) => (media.kind, media.source.clone()),
        other => panic!("{other:?}"),
    };
    let bytes = |mime: &str, data: &str| Source::Base64 { mime: mime.into(), data: data.into() };
    let found: Vec<_> = request.turns[0].parts.iter().map(media).collect();
    assert_eq!(
        found,
        [
            (MediaKind::Image, bytes("image/png", "iVBORw0KGgo=")),
            (MediaKind::Image, Source::Url { url: "https://example.com/a.png".into(), mime: None }),
            (MediaKind::Document, bytes("application/pdf", "JVBERi0xLjQ=")),
            (MediaKind::Document, bytes("application/pdf", "JVBERi0xLjQ=")),
            (MediaKind::Document, Source::Text("Hi".into())),
            (
                MediaKind::Document,
                Source::VendorFile { family: Family::OpenaiChat, id: "file-1".into(), mime: None }
            ),
        ]
    );
}

#[test]
fn pitfall_70_and_71_system_messages_keep_their_place() {
    let request = messages(
        r#"{"role":"system","content":"a"},{"role":"developer","content":[{"type":"text","text":"b"},{"type":"text","text":"c"}]},
           {"role":"user","content":"hi"},{"role":"developer","content":"later"}"#,
    );
    let leading: Vec<&str> = request.system.iter().map(|text| text.text.as_str()).collect();
    assert_eq!(leading, ["a", "b", "c"]);
    assert_eq!((request.turns[1].role, request.turns[1].parts[0].as_text()), (Role::System, Some("later")));
    let written: Value = serde_json::from_str(&write(&request)).unwrap();
    assert_eq!(written["messages"][0]["content"], "a\n\nb\n\nc");
    assert_eq!(written["messages"][2]["role"], "system");
}

#[test]
fn pitfall_69_cache_marks_survive_in_every_spelling() {
    let request = read(
        r#"{"model":"m","messages":[
            {"role":"system","content":[{"type":"text","text":"a"},{"type":"text","text":"b","cache_control":{"type":"ephemeral","ttl":"1h"}}]},
            {"role":"user","content":[{"type":"text","text":"c","prompt_cache_breakpoint":{"mode":"explicit"}}]},
            {"role":"user","content":"d","cache_control":{"type":"ephemeral"}},
            {"role":"tool","tool_call_id":"x","content":[{"type":"text","text":"e","cache_control":{"type":"ephemeral"}}]}],
            "tools":[{"type":"function","function":{"name":"f"},"cache_control":{"type":"ephemeral"}}]}"#,
    );
    let short = Some(CacheMark { ttl: None });
    assert_eq!(request.system[0].cache, None);
    assert_eq!(request.system[1].cache, Some(CacheMark { ttl: Some("1h".into()) }));
    assert!(request.turns.iter().all(|turn| turn.parts[0].cache == short), "{request:?}");
    assert_eq!(request.tools[0].cache, short);
    let again = read(&write(&request));
    assert_eq!((again.system, again.turns, again.tools), (request.system, request.turns, request.tools));
}

#[test]
fn limits_and_sampling_in_the_spellings_of_the_wild() {
    let request =
        read_with(r#""max_tokens":5,"max_completion_tokens":9,"top_k":40,"min_p":0.1,"temperature":1"#);
    assert_eq!(request.limits.max_output, Some(9));
    assert_eq!((request.sampling.top_k, request.sampling.min_p), (Some(40), Some(0.1)));
    assert_eq!(read_with(r#""max_tokens":-1"#).limits.max_output, None);
    assert_eq!(read_with(r#""max_tokens":1024.0"#).limits.max_output, Some(1024));
    assert_eq!(read_with(r#""top_k":-1"#).sampling.top_k, None);
    let mut facts = facts();
    assert!(write(&request).contains(r#""max_tokens":9"#));
    facts.max_completion_tokens = true;
    let body = String::from_utf8(OpenaiChat.write_request(&request, &facts)).unwrap();
    assert!(body.contains(r#""max_completion_tokens":9"#) && !body.contains("max_tokens\":5"), "{body}");
}

#[test]
fn thoughts_are_asked_for_in_many_ways() {
    let wish = |fields: &str| {
        let reasoning = read_with(fields).reasoning;
        (reasoning.mode, reasoning.effort, reasoning.show)
    };
    let budget = ReasoningMode::Budget(2048);
    for (fields, expected) in [
        (r#""reasoning_effort":"high""#, (ReasoningMode::Effort, Some(Effort::High), Show::Full)),
        (r#""reasoning_effort":"none""#, (ReasoningMode::Off, None, Show::Unset)),
        (r#""reasoning":{"effort":"low"}"#, (ReasoningMode::Effort, Some(Effort::Low), Show::Full)),
        (r#""reasoning":{"max_tokens":2048,"exclude":true}"#, (budget, None, Show::None)),
        (r#""reasoning":{"enabled":false}"#, (ReasoningMode::Off, None, Show::Full)),
        (r#""reasoning":{"enabled":true}"#, (ReasoningMode::Adaptive, None, Show::Full)),
        (r#""thinking":{"type":"enabled","budget_tokens":2048}"#, (budget, None, Show::Full)),
        (
            r#""thinking":{"type":"disabled"},"reasoning_effort":"high""#,
            (ReasoningMode::Off, Some(Effort::High), Show::Unset),
        ),
        (r#""enable_thinking":true,"thinking_budget":2048"#, (budget, None, Show::Full)),
        (r#""enable_thinking":false"#, (ReasoningMode::Off, None, Show::Unset)),
        (r#""include_reasoning":false"#, (ReasoningMode::Unset, None, Show::None)),
        (r#""reasoning_effort":"default""#, (ReasoningMode::Unset, None, Show::Unset)),
    ] {
        assert_eq!(wish(fields), expected, "{fields}");
    }
}

#[test]
fn effort_is_written_for_every_mode() {
    let effort = |mode, effort| {
        let mut request = read_with(r#""n":1"#);
        request.reasoning.mode = mode;
        request.reasoning.effort = effort;
        serde_json::from_str::<Value>(&write(&request)).unwrap()["reasoning_effort"].clone()
    };
    assert_eq!(effort(ReasoningMode::Off, None), "none");
    assert_eq!(effort(ReasoningMode::Budget(4000), None), "low");
    assert_eq!(effort(ReasoningMode::Adaptive, Some(Effort::Xhigh)), "xhigh");
    assert_eq!(effort(ReasoningMode::Unset, None), Value::Null);
}

#[test]
fn tool_choice_in_every_form() {
    let choice = |choice: &str| {
        read_with(&format!(
            r#""tools":[{{"type":"function","function":{{"name":"f"}}}}],"tool_choice":{choice}"#
        ))
        .tool_choice
    };
    let one = Some(ToolChoice::One { name: "f".into() });
    let subset = Some(ToolChoice::Subset { names: vec!["f".into()], required: true });
    for (text, expected) in [
        (r#""auto""#, Some(ToolChoice::Auto)),
        (r#""none""#, Some(ToolChoice::None)),
        (r#""required""#, Some(ToolChoice::Required)),
        (r#""any""#, Some(ToolChoice::Required)),
        (r#"{"type":"any"}"#, Some(ToolChoice::Required)),
        (r#"{"type":"function","function":{"name":"f"}}"#, one.clone()),
        (r#"{"type":"function","name":"f"}"#, one.clone()),
        (r#"{"type":"custom","custom":{"name":"f"}}"#, one),
        (
            r#"{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}}]}}"#,
            subset.clone(),
        ),
        (r#"{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"}]}"#, subset),
        ("null", None),
    ] {
        assert_eq!(choice(text), expected, "{text}");
    }
}

#[test]
fn tools_in_every_form() {
    let request = read_with(
        r#""tools":[{"type":"function","name":"flat","parameters":{"a":1.0}},{"name":"anth","input_schema":{"type":"object"}},
           {"type":"custom","custom":{"name":"free"}},{"type":"function","function":{"name":"none","parameters":null}},
           {"type":"code_interpreter","container":{"type":"auto"}}],"web_search_options":{}"#,
    );
    let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["flat", "anth", "free", "none", "code_interpreter", "web_search"]);
    assert!(
        matches!(&request.tools[0].kind, ToolType::Function { schema: Some(schema) } if schema.get() == r#"{"a":1.0}"#)
    );
    assert!(matches!(&request.tools[2].kind, ToolType::Custom { grammar: None }));
    assert!(matches!(&request.tools[3].kind, ToolType::Function { schema: None }));
    assert!(
        matches!(&request.tools[4].kind, ToolType::Hosted { r#type, .. } if r#type == "code_interpreter")
    );
    let written: Value = serde_json::from_str(&write(&request)).unwrap();
    assert_eq!(written["tools"].as_array().map(Vec::len), Some(5));
    assert_eq!(written["web_search_options"], serde_json::json!({}));
}

#[test]
fn unknown_fields_are_kept_with_their_weight() {
    let request = read_with(
        r#""prediction":{"type":"content"},"x_mine":1,"x-mine":2,"repetition_penalty":1.10,"chat_template_kwargs":{},"audio":{"voice":"alloy"}"#,
    );
    let weights: Vec<(&str, Weight)> =
        request.ext.iter().map(|ext| (ext.path.as_str(), ext.weight)).collect();
    assert_eq!(
        weights,
        [
            ("audio", Weight::Meaning),
            ("prediction", Weight::Meaning),
            ("x_mine", Weight::Hint),
            ("x-mine", Weight::Hint),
            ("repetition_penalty", Weight::Meaning),
            ("chat_template_kwargs", Weight::Hint),
        ]
    );
    assert!(write(&request).contains(r#""repetition_penalty":1.10"#));
}

#[test]
fn a_run_of_results_is_one_turn_and_the_user_stays_apart() {
    let request = messages(
        r#"{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"custom","custom":{"name":"g","input":"x"}}]},
           {"role":"tool","tool_call_id":"b","content":"2"},{"role":"tool","tool_call_id":"a","content":null},{"role":"user","content":"and?"}"#,
    );
    assert_eq!(request.turns.len(), 3);
    let kinds: Vec<(&str, ToolKind, usize)> = request.turns[1]
        .parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::ToolResult(result) => (result.call_id.as_str(), result.kind, result.parts.len()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, [("b", ToolKind::Custom, 1), ("a", ToolKind::Function, 0)]);
}

#[test]
fn thoughts_and_tokens_in_the_history_are_found() {
    let request = messages(
        r#"{"role":"assistant","content":"hi","reasoning_content":"hm",
            "reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"byok1.anthropic.c2ln","index":0}],
            "tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"Zw=="}}},
                          {"id":"b","function":{"name":"f","arguments":"{}"},"extra_content":{"byok":{"token":"byok1.openai-responses.ZW5j"}}}]}"#,
    );
    let [thought, _, first, second] = request.turns[0].parts.as_slice() else { panic!("{request:?}") };
    let token = |family, value: &str| Some(Token { family, value: value.into() });
    assert!(matches!(&thought.kind, PartKind::Reasoning(reasoning)
        if reasoning.text == "hm" && reasoning.token == token(Family::Anthropic, "sig")));
    assert_eq!(first.token, token(Family::Gemini, "Zw=="));
    assert_eq!(second.token, token(Family::OpenaiResponses, "enc"));
    // Google's signature goes on, the others stay here, and so do foreign thoughts.
    let written = write(&request);
    assert!(written.contains(r#""thought_signature":"Zw==""#), "{written}");
    assert!(!written.contains("byok") && !written.contains("hm"), "{written}");
}

#[test]
fn own_thoughts_go_back_in_their_own_words() {
    let reasoning = |token| {
        let (kind, text, item_id) = (ReasoningKind::Thinking, "hm".to_owned(), None);
        Part::new(PartKind::Reasoning(ReasoningPart { kind, text, token, item_id }))
    };
    let own = r#"[{"type":"reasoning.text","signature":"s","format":"anthropic-claude-v1","index":0}]"#;
    let own = Token { family: Family::OpenaiChat, value: own.into() };
    let plain = written_messages(vec![Turn::new(Role::Assistant, vec![reasoning(None), Part::text("a")])]);
    assert_eq!(
        plain[0],
        serde_json::json!({ "role": "assistant", "content": "a", "reasoning_content": "hm" })
    );
    let signed =
        written_messages(vec![Turn::new(Role::Assistant, vec![reasoning(Some(own)), Part::text("a")])]);
    assert_eq!(
        signed[0]["reasoning_details"],
        serde_json::json!([{"type":"reasoning.text","signature":"s","format":"anthropic-claude-v1","index":0,"text":"hm"}])
    );
}

#[test]
fn pitfall_66_media_in_results_move_behind_the_group() {
    let turns = vec![
        Turn::new(
            Role::User,
            vec![result("a", vec![Part::text("one"), image()], false), result("b", vec![image()], true)],
        ),
        Turn::new(
            Role::User,
            vec![result("c", vec![Part::text("x"), Part::text("y")], false), Part::text("so?")],
        ),
        Turn::new(Role::Assistant, vec![Part::text("ok")]),
    ];
    insta::assert_snapshot!("result_media", serde_json::to_string_pretty(&written_messages(turns)).unwrap());
}

#[test]
fn a_group_at_the_end_still_gets_its_media() {
    let messages = written_messages(vec![Turn::new(Role::User, vec![result("a", vec![image()], false)])]);
    assert_eq!((&messages[0]["role"], &messages[1]["role"]), (&Value::from("tool"), &Value::from("user")));
}

#[test]
fn texts_of_a_model_become_one_string() {
    let parts = vec![Part::text("a"), Part::text("b"), Part::new(PartKind::Refusal("no".into()))];
    let messages =
        written_messages(vec![Turn::new(Role::Assistant, parts), Turn::new(Role::Assistant, Vec::new())]);
    assert_eq!(messages, serde_json::json!([{ "role": "assistant", "content": "ab", "refusal": "no" }]));
}

#[test]
fn schemas_are_written_as_they_came() {
    let schema = r#"{"z":1.0,"a":123456789012345678901234567890}"#;
    let mut request = read_with(&format!(
        r#""tools":[{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}],"response_format":{{"type":"json_schema","json_schema":{{"schema":{schema}}}}}"#
    ));
    assert_eq!(write(&request).matches(schema).count(), 2);
    assert!(write(&request).contains(r#""name":"response""#));
    assert!(!write(&request).contains("strict"));
    request.output = OutputFormat::JsonObject;
    assert!(write(&request).contains(r#""response_format":{"type":"json_object"}"#));
    let _ = RawJson::parse(schema).unwrap();
}

#[test]
fn streaming_always_asks_for_usage() {
    assert!(
        write(&read_with(r#""stream":true"#))
            .contains(r#""stream":true,"stream_options":{"include_usage":true}"#)
    );
    assert!(!write(&read_with(r#""stream":false"#)).contains("stream"));
}

#[test]
fn a_spoken_answer_is_referred_to() {
    let request = messages(
        r#"{"role":"assistant","audio":{"id":"audio_1"}},{"role":"user","content":[{"type":"mystery","x":1.0}]}"#,
    );
    let written = write(&request);
    assert!(written.contains(r#""audio":{"id":"audio_1"}"#), "{written}");
    assert!(written.contains(r#"{"type":"mystery","x":1.0}"#), "{written}");
}

#[test]
fn the_system_text_of_many_blocks_is_one_message() {
    let text = |text: &str, cache: Option<CacheMark>| SystemText { text: text.into(), cache };
    let request = |system| Request { model: "m".into(), system, turns: Vec::new(), ..Request::default() };
    let plain: Value =
        serde_json::from_str(&write(&request(vec![text("a", None), text("b", None)]))).unwrap();
    assert_eq!(plain["messages"], serde_json::json!([{ "role": "system", "content": "a\n\nb" }]));
    let marked = vec![text("a", Some(CacheMark::default())), text("b", None)];
    let marked: Value = serde_json::from_str(&write(&request(marked))).unwrap();
    assert_eq!(
        marked["messages"][0]["content"],
        serde_json::json!([
            { "type": "text", "text": "a", "cache_control": { "type": "ephemeral" } },
            { "type": "text", "text": "b" }
        ])
    );
}
