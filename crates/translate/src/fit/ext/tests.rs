use byok_types::Family::{Anthropic, Cohere, Gemini, OpenaiChat, OpenaiResponses};
use byok_types::chat::Identity;

use super::*;
use crate::fit::Lossy;
use crate::fit::tests::{fitted, hello, json, outline, refused, reports, try_fit, usual};

fn saying(family: Family, path: &str, value: &str, weight: Weight) -> Request {
    Request {
        ext: vec![Ext { family: Some(family), path: path.into(), value: json(value), weight }],
        ..hello()
    }
}

#[test]
fn weight_decides_what_becomes_of_a_foreign_field() {
    let hint = fitted(&saying(OpenaiChat, "store", "true", Weight::Hint), Gemini, usual(Gemini));
    assert_eq!((hint.request.ext.len(), reports(&hint).as_str()), (0, ""));
    let meaning = fitted(&saying(OpenaiChat, "prediction", "{}", Weight::Meaning), Gemini, usual(Gemini));
    assert_eq!((meaning.request.ext.len(), reports(&meaning).as_str()), (0, "prediction=dropped"));
    let essential = saying(OpenaiResponses, "background", "true", Weight::Essential);
    assert_eq!(refused(&essential, Gemini, usual(Gemini)), "background");
    let dropped = try_fit(&essential, Gemini, usual(Gemini), Lossy::Drop).unwrap();
    assert_eq!(reports(&dropped), "background=dropped");
    let own = fitted(&saying(Gemini, "safetySettings", "[]", Weight::Meaning), Gemini, usual(Gemini));
    assert_eq!((own.request.ext.len(), reports(&own).as_str()), (1, ""));
}

#[test]
fn pitfall_111_state_at_another_vendor_is_refused_by_name() {
    let states = [
        (
            "previous_response_id",
            ServerState { previous_id: Some("resp_1".into()), ..ServerState::default() },
        ),
        ("conversation", ServerState { conversation: Some(json("\"conv_1\"")), ..ServerState::default() }),
        ("cachedContent", ServerState { cached_content: Some("c/1".into()), ..ServerState::default() }),
    ];
    for (field, server_state) in states {
        let request = Request { server_state, ..hello() };
        for family in Family::ALL {
            assert_eq!(refused(&request, family, usual(family)), field);
            let dropped = try_fit(&request, family, usual(family), Lossy::Drop).unwrap();
            assert_eq!(reports(&dropped), format!("{field}=dropped"));
        }
    }
    let kept = ServerState { store: Some(true), include: vec!["x".into()], ..ServerState::default() };
    let fitted = fitted(&Request { server_state: kept, ..hello() }, Anthropic, usual(Anthropic));
    assert_eq!(
        (fitted.request.server_state.clone(), reports(&fitted).as_str()),
        (ServerState::default(), "")
    );
}

#[test]
fn coheres_documents_become_text_before_the_question() {
    let documents =
        r#"["plain",{"id":"d1","data":{"title":"T","snippet":"s","year":7}},{"data":"whole","id":"d2"}]"#;
    let request = saying(Cohere, "documents", documents, Weight::Meaning);
    let chat = fitted(&request, OpenaiChat, "gpt-4o");
    assert_eq!(
        outline(&chat.request.turns),
        ["U[plain | Document: T\n\ns\nyear: 7 | Document: d2\n\nwhole | Hello]"]
    );
    assert_eq!(reports(&chat), "");
    assert_eq!(
        outline(&fitted(&request, Anthropic, usual(Anthropic)).request.turns),
        ["U[document | document | document | Hello]"]
    );
    let odd = saying(Cohere, "documents", "[7]", Weight::Meaning);
    assert_eq!(reports(&fitted(&odd, OpenaiChat, "gpt-4o")), "documents=dropped");
}

#[test]
fn chats_search_field_is_a_tool_elsewhere() {
    let request = saying(OpenaiChat, "web_search_options", "{}", Weight::Meaning);
    let fitted = fitted(&request, Gemini, usual(Gemini));
    assert!(matches!(&fitted.request.tools[0].kind, ToolType::Hosted { family: Gemini, .. }));
    assert_eq!(refused(&request, Cohere, usual(Cohere)), "tools[0]");
}

#[test]
fn pitfall_73_identity_crosses_only_as_far_as_the_target_has_words_for_it() {
    let identity = Identity {
        user: Some("ada@example.org".into()),
        safety_id: Some("s".into()),
        cache_key: Some("k".into()),
        metadata: Some(json(r#"{"a":"b"}"#)),
        tier: Some("flex".into()),
    };
    let request = Request { identity: identity.clone(), ..hello() };
    let got = |family, model| fitted(&request, family, model).request.identity;
    let anthropic = got(Anthropic, "claude-opus-5");
    assert!(anthropic.user.as_deref().is_some_and(|user| user.starts_with("user-")));
    assert_eq!(Identity { user: None, ..anthropic }, Identity::default());
    for family in [Gemini, Cohere] {
        assert_eq!(got(family, usual(family)), Identity::default());
    }
    assert_eq!(got(OpenaiChat, "mistral-large"), Identity::default());
    let openai = got(OpenaiResponses, "gpt-5");
    assert_eq!((openai.tier.as_deref(), openai.metadata), (Some("flex"), Some(json(r#"{"a":"b"}"#))));
    let foreign =
        Identity { tier: Some("standard_only".into()), metadata: Some(json(r#"{"a":1}"#)), ..identity };
    let request = Request { identity: foreign, ..hello() };
    let openai = fitted(&request, OpenaiChat, "gpt-4o").request.identity;
    assert_eq!((openai.tier, openai.metadata), (None, None));
}
