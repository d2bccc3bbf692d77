use byok_types::Family::{Anthropic, Cohere, Gemini, OpenaiChat, OpenaiResponses};
use byok_types::chat::{Role, Tool, Turn};

use super::*;
use crate::fit::tests::{answer, call, fitted, function, hello, json, result, usual};

fn offering(names: &[(&str, Option<&str>)]) -> Request {
    let tool = |(name, namespace): &(&str, Option<&str>)| Tool {
        namespace: namespace.map(str::to_owned),
        ..function(name, None)
    };
    Request { tools: names.iter().map(tool).collect(), ..hello() }
}

fn names_of(request: &Request) -> Vec<&str> {
    request.tools.iter().map(|tool| tool.name.as_str()).collect()
}

#[test]
fn good_names_stay_and_bad_ones_are_repaired_by_each_targets_rule() {
    let request =
        offering(&[("read_file", None), ("web-fetch", None), ("mcp.list", None), ("1st", None), ("ж", None)]);
    let changed = |family| {
        let fitted = fitted(&request, family, usual(family));
        let names = names_of(&fitted.request).into_iter().zip(names_of(&request));
        names.map(|(new, old)| if new == old { '=' } else { '!' }).collect::<String>()
    };
    assert_eq!(changed(Anthropic), "==!=!");
    assert_eq!(changed(OpenaiChat), "==!=!");
    assert_eq!(changed(OpenaiResponses), "==!=!");
    assert_eq!(changed(Gemini), "===!!");
    assert_eq!(changed(Cohere), "=!!!!");
    let cohere = fitted(&request, Cohere, usual(Cohere)).request;
    assert_eq!(cohere.tools[1].name, format!("web_fetch_{}", digest::hex("web-fetch", 8)));
    assert_eq!(cohere.tools[3].name, format!("_1st_{}", digest::hex("1st", 8)));
}

#[test]
fn long_names_are_cut_to_the_targets_limit_and_stay_apart() {
    let (one, two) = (format!("{}1", "x".repeat(200)), format!("{}2", "x".repeat(200)));
    let request = offering(&[(&one, None), (&two, None)]);
    for (family, limit) in [(Anthropic, 128), (OpenaiChat, 64), (Gemini, 64), (Cohere, 64)] {
        let fitted = fitted(&request, family, usual(family)).request;
        assert_eq!(fitted.tools[0].name.len(), limit);
        assert_ne!(fitted.tools[0].name, fitted.tools[1].name);
    }
}

#[test]
fn pitfall_150_a_directly_declared_tool_wins_over_a_namespaced_one() {
    let request = offering(&[("read", Some("fs")), ("fs__read", None), ("write", Some("fs"))]);
    let mut fitted = fitted(&request, Anthropic, usual(Anthropic));
    let names = names_of(&fitted.request);
    assert_eq!((names[1], names[2]), ("fs__read", "fs__write"));
    assert!(
        names[0].starts_with("fs__read_") && fitted.request.tools.iter().all(|tool| tool.namespace.is_none())
    );

    let flattened = names[0].to_owned();
    let response = fitted.restore.response(answer(vec![
        call("1", &flattened),
        call("2", "fs__read"),
        call("3", "guess"),
    ]));
    let back: Vec<_> = response.candidates[0]
        .parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::ToolCall(call) => (call.namespace.as_deref(), call.name.as_str()),
            _ => panic!("no call"),
        })
        .collect();
    assert_eq!(back, [(Some("fs"), "read"), (None, "fs__read"), (None, "guess")]);
}

#[test]
fn pitfall_150_the_same_tool_twice_is_declared_once() {
    let request = offering(&[("read", None), ("read", None)]);
    let fitted = fitted(&request, OpenaiChat, "gpt-4o");
    assert_eq!(names_of(&fitted.request), ["read"]);
    assert_eq!(fitted.dropped[0].to_string(), "tools[1]=duplicate_dropped");
}

#[test]
fn pitfall_131_the_choice_and_the_history_use_the_repaired_name_too() {
    let mut request = offering(&[("web-fetch", None), ("other", None)]);
    request.tool_choice = Some(ToolChoice::Subset { names: vec!["web-fetch".into()], required: false });
    request.turns.push(Turn::new(Role::Assistant, vec![call("1", "web-fetch"), call("2", "gone-tool")]));
    request.turns.push(Turn::new(Role::User, vec![result("1", "x"), result("2", "y")]));
    let fitted = fitted(&request, Cohere, usual(Cohere)).request;
    let repaired = format!("web_fetch_{}", digest::hex("web-fetch", 8));
    assert_eq!(names_of(&fitted), [repaired.as_str()]);
    let called: Vec<_> = fitted.turns[1]
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::ToolCall(call) => Some(call.name.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(called, [repaired, format!("gone_tool_{}", digest::hex("gone-tool", 8))]);
}

#[test]
fn a_function_gives_way_to_a_hosted_tool_of_its_name() {
    let mut request = offering(&[("web_search", None)]);
    request.tools.push(Tool {
        kind: ToolType::Hosted { family: OpenaiResponses, r#type: "web_search".into(), raw: json("{}") },
        ..function("", None)
    });
    let fitted = fitted(&request, Anthropic, usual(Anthropic)).request;
    assert!(fitted.tools[0].name.starts_with("web_search_"));
    assert_eq!(fitted.tools[1].name, "web_search");
}
