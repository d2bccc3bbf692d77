use byok_types::Family::{Anthropic, Cohere, Gemini, OpenaiChat, OpenaiResponses};
use byok_types::chat::{Request, Tool, ToolChoice};

use super::*;
use crate::fit::tests::{fitted, function, hello, json, refused, reports};

fn search(family: Family, r#type: &str, raw: &str) -> Request {
    let kind = ToolType::Hosted { family, r#type: r#type.into(), raw: json(raw) };
    Request { tools: vec![Tool { kind, ..function("web_search", None) }], ..hello() }
}

fn written(request: &Request, family: Family, model: &str) -> (String, String, String) {
    let fitted = fitted(request, family, model);
    match &fitted.request.tools[0].kind {
        ToolType::Hosted { family: own, r#type, raw } if *own == family => {
            (r#type.clone(), raw.get().to_owned(), reports(&fitted))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_search_of_anthropics_is_said_in_every_other_vendors_words() {
    let request = search(
        Anthropic,
        "web_search_20250305",
        r#"{"type":"web_search_20250305","name":"web_search","max_uses":3,"allowed_domains":["a.org"],"user_location":{"type":"approximate","city":"Oslo"}}"#,
    );
    assert_eq!(
        written(&request, OpenaiResponses, "gpt-5"),
        (
            "web_search".into(),
            r#"{"type":"web_search","filters":{"allowed_domains":["a.org"]},"user_location":{"type":"approximate","city":"Oslo"}}"#.into(),
            "tools[0].max_uses=dropped".into()
        )
    );
    assert_eq!(
        written(&request, OpenaiChat, "gpt-4o-search-preview"),
        (
            "web_search_options".into(),
            r#"{"user_location":{"type":"approximate","approximate":{"city":"Oslo"}}}"#.into(),
            "tools[0].allowed_domains=dropped, tools[0].max_uses=dropped".into()
        )
    );
    let (kind, raw, lost) = written(&request, Gemini, "gemini-3-pro");
    assert_eq!((kind.as_str(), raw.as_str()), ("googleSearch", r#"{"googleSearch":{}}"#));
    assert_eq!(
        lost,
        "tools[0].allowed_domains=dropped, tools[0].user_location=dropped, tools[0].max_uses=dropped"
    );
    for (family, model) in [(Cohere, "command-a"), (OpenaiChat, "gpt-4o")] {
        assert_eq!(refused(&request, family, model), "tools[0]");
    }
}

#[test]
fn a_search_of_openais_is_said_in_anthropics_words() {
    let location = r#"{"type":"approximate","approximate":{"country":"NO","zip":"1"}}"#;
    let chat = search(
        OpenaiChat,
        "web_search_options",
        &format!(r#"{{"search_context_size":"low","user_location":{location}}}"#),
    );
    assert_eq!(
        written(&chat, Anthropic, "claude-opus-5").1,
        r#"{"type":"web_search_20250305","name":"web_search","user_location":{"type":"approximate","country":"NO"}}"#
    );
    let both = search(
        OpenaiResponses,
        "web_search",
        r#"{"filters":{"allowed_domains":["a"],"blocked_domains":["b"]}}"#,
    );
    let (_, raw, lost) = written(&both, Anthropic, "claude-opus-5");
    assert_eq!(raw, r#"{"type":"web_search_20250305","name":"web_search","allowed_domains":["a"]}"#);
    assert_eq!(lost, "tools[0].blocked_domains=dropped");
    assert_eq!(
        written(&search(Gemini, "googleSearch", "7"), Anthropic, "claude-opus-5").0,
        "web_search_20250305"
    );
}

#[test]
fn pitfall_105_older_gemini_models_search_only_without_functions() {
    let mut request = search(OpenaiResponses, "web_search", "{}");
    assert_eq!(written(&request, Gemini, "gemini-2.5-pro").0, "googleSearch");
    request.tools.push(function("read", None));
    let older = fitted(&request, Gemini, "gemini-2.5-pro");
    assert_eq!((older.request.tools.len(), reports(&older).as_str()), (1, "tools[0]=dropped"));
    assert_eq!(fitted(&request, Gemini, "gemini-3-pro").request.tools.len(), 2);
}

#[test]
fn a_forced_search_keeps_its_name_where_it_can_be_forced() {
    let mut request = search(OpenaiResponses, "web_search", "{}");
    request.tools[0].name = "web_search_preview".into();
    request.tool_choice = Some(ToolChoice::One { name: "web_search_preview".into() });
    let forced = fitted(&request, Anthropic, "claude-opus-5").request.tool_choice;
    assert_eq!(forced, Some(ToolChoice::One { name: "web_search".into() }));
    let gemini = fitted(&request, Gemini, "gemini-3-pro");
    assert_eq!(
        (gemini.request.tool_choice, gemini.dropped[0].to_string().as_str()),
        (None, "tool_choice=dropped")
    );
}
