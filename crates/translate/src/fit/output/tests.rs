use byok_types::Family::{Anthropic, Cohere, Gemini, OpenaiChat, OpenaiResponses};
use byok_types::chat::{Event, Fold, Part, Reasoning, StopReason, Verbosity, unfold};

use super::*;
use crate::fit::Lossy;
use crate::fit::tests::{answer, call, fitted, function, hello, json, refused, reports, try_fit, usual};

const PERSON: &str =
    r#"{"type":"object","properties":{"age":{"type":"integer","minimum":0}},"required":["age"]}"#;
const OLD: &str = "claude-sonnet-4-0";

fn wanting(schema: &str, strict: Option<bool>) -> Request {
    let output = OutputFormat::JsonSchema { name: None, description: None, schema: json(schema), strict };
    Request { output, ..hello() }
}

fn arguments(text: &str, name: &str) -> Part {
    let mut part = call("1", name);
    if let PartKind::ToolCall(call) = &mut part.kind {
        call.arguments = text.into();
    }
    part
}

#[test]
fn a_json_object_is_asked_for_in_each_formats_way() {
    let request = Request { output: OutputFormat::JsonObject, ..hello() };
    let anthropic = fitted(&request, Anthropic, "claude-opus-5");
    assert_eq!(anthropic.request.output, OutputFormat::Text);
    assert_eq!(anthropic.request.system[0].text, JSON_OBJECT);
    assert_eq!(reports(&anthropic), "response_format=instruction");
    for family in [Cohere, Gemini, OpenaiChat, OpenaiResponses] {
        let fitted = fitted(&request, family, usual(family));
        assert_eq!(fitted.request.output, OutputFormat::JsonObject);
        assert_eq!(reports(&fitted), "");
    }
}

#[test]
fn json_mode_speaks_of_json_where_the_prompt_does_not() {
    let mut request = Request { output: OutputFormat::JsonObject, ..hello() };
    assert_eq!(fitted(&request, OpenaiChat, "gpt-4o").request.system.len(), 1);
    assert_eq!(fitted(&request, Gemini, "gemini-3-pro").request.system.len(), 0);
    let responses = fitted(&request, OpenaiResponses, "gpt-4o").request;
    assert_eq!((responses.system.len(), responses.turns[0].role), (0, Role::System));
    request.turns.push(Turn::new(Role::User, vec![Part::text("as Json, please")]));
    assert_eq!(fitted(&request, OpenaiChat, "gpt-4o").request.system.len(), 0);
    assert_eq!(fitted(&request, OpenaiResponses, "gpt-4o").request.turns.len(), 2);
}

#[test]
fn a_schema_is_named_and_shaped_for_the_target() {
    let shaped = |family, strict| {
        let fitted = fitted(&wanting(PERSON, strict), family, usual(family));
        let OutputFormat::JsonSchema { name, schema, strict, .. } = &fitted.request.output else {
            panic!("no schema")
        };
        assert_eq!(name.as_deref(), Some("response"));
        (schema.get().to_owned(), *strict, reports(&fitted))
    };
    assert_eq!(shaped(OpenaiChat, None), (PERSON.into(), None, String::new()));
    assert_eq!(shaped(OpenaiResponses, Some(true)).1, Some(false));
    assert_eq!(shaped(OpenaiResponses, Some(true)).2, "response_format.strict=false");
    assert_eq!(shaped(Gemini, None).0, PERSON);
    let (schema, _, report) = shaped(Anthropic, None);
    assert_eq!(
        schema,
        r#"{"type":"object","properties":{"age":{"type":"integer","description":"minimum: 0"}},"required":["age"],"additionalProperties":false}"#
    );
    assert_eq!(report, "");
    assert_eq!(shaped(Cohere, Some(true)).2, "response_format.strict=simplified");
}

#[test]
fn a_bad_name_of_a_schema_is_repaired() {
    assert_eq!(format_name(Some("my_format-1".into())), "my_format-1");
    assert_eq!(format_name(Some(String::new())), "response");
    assert_eq!(format_name(Some("a b".into())), format!("a_b_{}", digest::hex("a b", 8)));
}

#[test]
fn an_older_model_answers_through_a_tool_whose_input_becomes_the_text() {
    let mut fitted = fitted(&wanting(PERSON, None), Anthropic, OLD);
    assert_eq!(fitted.request.output, OutputFormat::Text);
    assert_eq!(fitted.request.tool_choice, Some(ToolChoice::One { name: "json_output".into() }));
    assert_eq!(fitted.request.tools.len(), 1);

    let whole = fitted.restore.response(answer(vec![arguments(r#"{"age":7}"#, "json_output")]));
    assert_eq!(whole.candidates[0].parts, [Part::text(r#"{"age":7}"#)]);
    assert_eq!(whole.candidates[0].stop.reason, StopReason::EndTurn);

    let mut events = Vec::new();
    for event in unfold(answer(vec![arguments(r#"{"age":7}"#, "json_output")])) {
        fitted.restore.event(event, &mut events);
    }
    assert!(matches!(events[1], Event::Open { .. }));
    assert_eq!(Fold::all(events).unwrap(), whole);
}

#[test]
fn beside_other_tools_the_model_may_call_those_first() {
    let mut request = wanting(PERSON, None);
    request.tools = vec![function("read", None), function("json_output", None)];
    let mut fitted = fitted(&request, Anthropic, OLD);
    assert_eq!(fitted.request.tool_choice, Some(ToolChoice::Required));
    let name = fitted.request.tools[2].name.clone();
    assert!(name.starts_with("json_output_"));
    let both = answer(vec![call("1", "read"), arguments("{}", &name), arguments("{}", &name)]);
    let restored = fitted.restore.response(both);
    assert_eq!(restored.candidates[0].parts, [call("1", "read"), Part::text("{}")]);
    assert_eq!(restored.candidates[0].stop.reason, StopReason::ToolUse);

    request.tool_choice = Some(ToolChoice::One { name: "read".into() });
    let forced = super::super::tests::fitted(&request, Anthropic, OLD);
    assert_eq!((forced.request.tools.len(), reports(&forced).as_str()), (2, "response_format=dropped"));
}

#[test]
fn where_no_tool_can_be_forced_the_schema_is_an_instruction() {
    let mut thinking = wanting(PERSON, None);
    thinking.reasoning = Reasoning { mode: ReasoningMode::Budget(2048), ..Reasoning::default() };
    let array = wanting(r#"{"type":"array","items":{"type":"string"}}"#, None);
    for request in [thinking, array] {
        let fitted = fitted(&request, Anthropic, OLD);
        assert!(fitted.request.system[0].text.starts_with(JSON_SCHEMA));
        assert_eq!(reports(&fitted), "response_format=instruction");
        assert!(fitted.request.tools.is_empty());
    }
}

#[test]
fn structured_output_together_with_tools_is_refused_where_it_cannot_be() {
    let mut request = wanting(PERSON, None);
    request.tools.push(function("read", None));
    for (family, model) in [(Cohere, "command-a"), (Gemini, "gemini-2.5-pro")] {
        assert_eq!(refused(&request, family, model), "response_format");
        let lenient = try_fit(&request, family, model, Lossy::Drop).unwrap();
        assert_eq!((lenient.request.output, lenient.request.tools.len()), (OutputFormat::Text, 1));
    }
    for (family, model) in [(Gemini, "gemini-3-pro"), (OpenaiChat, "gpt-4o"), (Anthropic, "claude-opus-5")] {
        assert!(matches!(fitted(&request, family, model).request.output, OutputFormat::JsonSchema { .. }));
    }
}

#[test]
fn a_schema_that_allows_everything_is_json_mode() {
    assert_eq!(
        fitted(&wanting("true", None), Gemini, "gemini-3-pro").request.output,
        OutputFormat::JsonObject
    );
}

#[test]
fn wordiness_goes_to_the_models_that_know_it() {
    let request = Request { verbosity: Some(Verbosity::Low), ..hello() };
    let kept = |family, model| fitted(&request, family, model).request.verbosity.is_some();
    assert!(kept(OpenaiResponses, "gpt-5") && kept(OpenaiChat, "gpt-5.1"));
    assert!(!kept(OpenaiChat, "gpt-4o") && !kept(OpenaiChat, "llama3") && !kept(Anthropic, "claude-opus-5"));
}
