use byok_types::Family::{Anthropic, Cohere, Gemini, OpenaiChat, OpenaiResponses};
use byok_types::chat::PartKind;

use super::*;
use crate::fit::Lossy;
use crate::fit::tests::{answer, call, fitted, function, hello, json, refused, reports, try_fit, usual};

fn offering(tools: Vec<Tool>) -> Request {
    Request { tools, ..hello() }
}

fn custom(grammar: bool) -> Tool {
    let grammar = grammar.then(|| CustomGrammar { syntax: "lark".into(), definition: "start: /.+/".into() });
    Tool {
        description: Some("Edits files.".into()),
        kind: ToolType::Custom { grammar },
        ..function("apply_patch", None)
    }
}

fn typed(r#type: &str, name: &str) -> Tool {
    Tool {
        kind: ToolType::ClientTyped { family: Anthropic, r#type: r#type.into(), raw: json("{}") },
        ..function(name, None)
    }
}

fn hosted(family: Family, r#type: &str) -> Tool {
    Tool {
        kind: ToolType::Hosted { family, r#type: r#type.into(), raw: json("{}") },
        ..function(r#type, None)
    }
}

fn schema_of(tool: &Tool) -> &str {
    match &tool.kind {
        ToolType::Function { schema: Some(schema) } => schema.get(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pitfall_119_a_free_text_tool_is_a_function_with_one_text_and_comes_back_as_itself() {
    for (family, model) in
        [(Anthropic, "claude-opus-5"), (Gemini, "gemini-3-pro"), (Cohere, "command-a"), (OpenaiChat, "qwen3")]
    {
        let mut fitted = fitted(&offering(vec![custom(true)]), family, model);
        let tool = &fitted.request.tools[0];
        assert!(schema_of(tool).contains(r#""required":["input"]"#));
        let description = tool.description.as_deref().unwrap();
        assert!(description.starts_with("Edits files.") && description.ends_with("start: /.+/"));
        assert_eq!(reports(&fitted), "tools[0].custom=wrapped");

        let mut part = call("1", "apply_patch");
        if let PartKind::ToolCall(call) = &mut part.kind {
            call.arguments = r#"{"input": "a\nb"}"#.into();
        }
        let response = fitted.restore.response(answer(vec![part]));
        let PartKind::ToolCall(call) = &response.candidates[0].parts[0].kind else { panic!("no call") };
        assert_eq!((call.kind, call.arguments.as_str()), (byok_types::chat::ToolKind::Custom, "a\nb"));
    }
    assert_eq!(reports(&fitted(&offering(vec![custom(false)]), Anthropic, "claude-opus-5")), "");
    for (family, model) in [(OpenaiResponses, "gpt-5"), (OpenaiChat, "gpt-5")] {
        let fitted = fitted(&offering(vec![custom(true)]), family, model);
        assert!(matches!(&fitted.request.tools[0].kind, ToolType::Custom { grammar: Some(_) }));
    }
}

#[test]
fn typed_tools_get_the_documented_schema_or_are_dropped() {
    let request = offering(vec![
        typed("bash_20250124", "bash"),
        typed("text_editor_20250728", "str_replace_based_edit_tool"),
        typed("text_editor_20250124", "str_replace_editor"),
        typed("memory_20250818", "memory"),
    ]);
    let fitted = fitted(&request, OpenaiChat, "gpt-4o");
    let tools = &fitted.request.tools;
    assert_eq!(tools.len(), 3);
    assert!(schema_of(&tools[0]).contains("restart") && tools[0].description.is_some());
    assert!(schema_of(&tools[1]).contains("insert_text") && !schema_of(&tools[1]).contains("undo_edit"));
    assert!(schema_of(&tools[2]).contains("undo_edit") && !schema_of(&tools[2]).contains("insert_text"));
    assert_eq!(reports(&fitted), "tools[3]=dropped");
}

#[test]
fn hosted_tools_are_dropped_unless_forced_or_alone() {
    let tools = vec![function("read", None), hosted(OpenaiResponses, "image_generation")];
    let request = offering(tools.clone());
    let kept = fitted(&request, Anthropic, "claude-opus-5");
    assert_eq!((kept.request.tools.len(), reports(&kept).as_str()), (1, "tools[1]=dropped"));

    let forced =
        Request { tool_choice: Some(ToolChoice::One { name: "image_generation".into() }), ..request.clone() };
    assert_eq!(refused(&forced, Anthropic, "claude-opus-5"), "tools[1]");
    let alone = offering(tools[1..].to_vec());
    assert_eq!(refused(&alone, Gemini, "gemini-3-pro"), "tools[0]");
    let dropped = try_fit(&forced, Anthropic, "claude-opus-5", Lossy::Drop).unwrap();
    assert_eq!(dropped.request.tool_choice, None);
}

#[test]
fn pitfall_122_strict_is_kept_only_where_the_schema_passes_and_never_switched_on() {
    let loose = r#"{"type":"object","properties":{"a":{"type":"string"}}}"#;
    let closed = r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#;
    let outcome = |schema: &str, strict, family, model| {
        let tool = Tool { strict, ..function("read", Some(schema)) };
        let fitted = fitted(&offering(vec![tool]), family, model);
        (fitted.request.tools[0].strict, reports(&fitted))
    };
    for family in [OpenaiChat, OpenaiResponses] {
        assert_eq!(outcome(closed, Some(true), family, "gpt-5"), (Some(true), String::new()));
        assert_eq!(
            outcome(loose, Some(true), family, "gpt-5"),
            (Some(false), "tools[0].strict=false".into())
        );
        assert_eq!(outcome(closed, None, family, "gpt-5"), (None, String::new()));
    }
    assert_eq!(outcome(closed, Some(true), OpenaiChat, "llama3"), (None, "tools[0].strict=dropped".into()));
    assert_eq!(outcome(closed, Some(true), Anthropic, "claude-opus-5"), (Some(true), String::new()));
    assert_eq!(
        outcome(loose, Some(true), Anthropic, "claude-sonnet-4-0"),
        (Some(false), "tools[0].strict=false".into())
    );
    assert_eq!(outcome(closed, Some(true), Cohere, "command-a"), (Some(true), String::new()));
    assert_eq!(
        outcome(r#"{"type":"object","properties":{}}"#, Some(true), Cohere, "command-a").0,
        Some(false)
    );
}

#[test]
fn a_strict_schema_is_simplified_for_anthropic_and_says_so() {
    let schema = r#"{"type":"object","properties":{"n":{"type":"integer","minimum":1}},"required":["n"]}"#;
    let tool = Tool { strict: Some(true), ..function("count", Some(schema)) };
    let fitted = fitted(&offering(vec![tool]), Anthropic, "claude-opus-5");
    assert_eq!(
        schema_of(&fitted.request.tools[0]),
        r#"{"type":"object","properties":{"n":{"type":"integer","description":"minimum: 1"}},"required":["n"],"additionalProperties":false}"#
    );
    assert_eq!(reports(&fitted), "tools[0].strict=simplified");
}

#[test]
fn cohere_is_strict_about_all_tools_or_none() {
    let closed = r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}"#;
    let strict = Tool { strict: Some(true), ..function("a", Some(closed)) };
    let fitted = fitted(&offering(vec![strict, function("b", None)]), Cohere, usual(Cohere));
    assert_eq!(fitted.request.tools[0].strict, Some(false));
    assert_eq!(reports(&fitted), "tools.strict=false");
}

#[test]
fn pitfall_78_a_missing_schema_means_no_arguments() {
    for schema in ["null", "{}", "true"] {
        let fitted = fitted(&offering(vec![function("a", Some(schema))]), Anthropic, "claude-opus-5");
        assert_eq!(fitted.request.tools[0].kind, ToolType::Function { schema: None });
    }
}

#[test]
fn loading_later_is_left_to_the_vendor_that_can() {
    let tool = Tool { defer: Some(true), ..function("a", None) };
    assert_eq!(fitted(&offering(vec![tool]), Anthropic, "claude-opus-5").request.tools[0].defer, None);
}
