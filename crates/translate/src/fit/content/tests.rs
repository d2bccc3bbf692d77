use byok_types::Family::{Anthropic, Cohere, Gemini, OpenaiChat, OpenaiResponses};
use byok_types::chat::{
    Citation, Media, MediaKind, Modality, ReasoningKind, ReasoningPart, Source, Token, ToolType,
};

use super::*;
use crate::fit::Lossy;
use crate::fit::tests::{
    asking, assistant, call, fitted, function, hello, json, outline, refused, reports, result, try_fit, user,
    usual,
};

fn saying(part: impl Into<PartKind>) -> Request {
    asking(vec![Turn::new(Role::User, vec![Part::text("Look:"), Part::new(part.into())])])
}

fn media(kind: MediaKind, source: Source) -> PartKind {
    PartKind::Media(Media::new(kind, source))
}

fn bytes(mime: &str) -> Source {
    Source::Base64 { mime: mime.into(), data: "aGVsbG8=".into() }
}

fn url() -> Source {
    Source::Url { url: "https://example.org/x".into(), mime: None }
}

fn file(family: Family) -> Source {
    Source::VendorFile { family, id: "file-1".into(), mime: None }
}

#[test]
fn every_medium_goes_where_the_target_has_a_place_for_it() {
    use MediaKind::{Audio, Document, Image, Video};
    // Which of Anthropic, Cohere, Gemini, Chat, Responses take it.
    let table = [
        (Image, bytes("image/png"), "A C G O R"),
        (Image, bytes("image/heic"), "C G O R"),
        (Image, url(), "A C G O R"),
        (Document, bytes("application/pdf"), "A G O R"),
        (Document, url(), "A G R"),
        (Document, bytes("text/plain"), "A C G O R"),
        (Document, bytes("application/msword"), "G R"),
        (Document, bytes("image/png"), "A C G O R"),
        (Image, bytes("application/pdf"), "A G O R"),
        (Document, Source::Text("x".into()), "A C G O R"),
        (Audio, bytes("audio/wav"), "G O R"),
        (Audio, bytes("audio/flac"), "G"),
        (Audio, url(), "G"),
        (Video, bytes("video/mp4"), "G"),
        (Video, url(), "G"),
        (Image, file(Anthropic), "A"),
        (Image, file(OpenaiChat), "R"),
        (Document, file(OpenaiResponses), "O R"),
        (Document, file(Gemini), "G"),
    ];
    for (kind, source, expected) in table {
        let request = saying(media(kind, source.clone()));
        let taken: Vec<&str> =
            [(Anthropic, "A"), (Cohere, "C"), (Gemini, "G"), (OpenaiChat, "O"), (OpenaiResponses, "R")]
                .into_iter()
                .filter(|(family, _)| match try_fit(&request, *family, usual(*family), Lossy::Refuse) {
                    Ok(_) => true,
                    Err(fault) => {
                        assert_eq!(fault.param.as_deref(), Some("messages[0].content[1]"));
                        false
                    }
                })
                .map(|(_, letter)| letter)
                .collect();
        assert_eq!(taken.join(" "), expected, "{kind:?} {source:?}");
    }
}

#[test]
fn pitfall_141_an_image_type_that_anthropic_does_not_take_is_refused_by_its_part() {
    let fault = try_fit(
        &saying(media(MediaKind::Image, bytes("image/tiff"))),
        Anthropic,
        "claude-opus-5",
        Lossy::Refuse,
    )
    .unwrap_err();
    assert_eq!(
        fault.message,
        "messages[0].content[1]: the Anthropic Messages format takes no image of the type image/tiff"
    );
}

#[test]
fn what_is_refused_may_be_dropped_instead() {
    let request = saying(media(MediaKind::Video, url()));
    let fitted = try_fit(&request, Cohere, usual(Cohere), Lossy::Drop).unwrap();
    assert_eq!(outline(&fitted.request.turns), ["U[Look:]"]);
    assert_eq!(reports(&fitted), "messages[0].content[1]=dropped");
}

#[test]
fn a_text_document_becomes_text_with_a_title_line() {
    let mut document = Media::new(MediaKind::Document, Source::Text("Once upon a time.".into()));
    document.title = Some("Tales".into());
    let request = saying(PartKind::Media(document));
    for family in [OpenaiChat, OpenaiResponses, Cohere, Gemini] {
        let turns = fitted(&request, family, usual(family)).request.turns;
        assert_eq!(turns[0].parts[1].as_text(), Some("Document: Tales\n\nOnce upon a time."));
    }
    let turns = fitted(&request, Anthropic, "claude-opus-5").request.turns;
    assert!(matches!(&turns[0].parts[1].kind, PartKind::Media(media) if media.title.is_some()));
}

#[test]
fn pitfall_67_empty_texts_are_dropped_and_an_empty_user_turn_is_refused() {
    let request = asking(vec![
        user("q"),
        Turn::new(Role::Assistant, vec![Part::text(""), call("1", "read")]),
        Turn::new(Role::User, vec![result("1", "r")]),
        assistant(""),
    ]);
    assert_eq!(
        outline(&fitted(&request, OpenaiChat, "gpt-4o").request.turns),
        ["U[q]", "A[call 1 read]", "U[result 1 r]"]
    );
    let request = asking(vec![user("q"), user("")]);
    for family in Family::ALL {
        assert_eq!(refused(&request, family, usual(family)), "messages[1].content");
    }
    assert_eq!(refused(&asking(vec![user(" \n")]), Anthropic, "claude-opus-5"), "messages[0].content");
    assert_eq!(outline(&fitted(&asking(vec![user(" ")]), OpenaiChat, "gpt-4o").request.turns), ["U[ ]"]);
    assert_eq!(refused(&asking(vec![]), OpenaiChat, "gpt-4o"), "messages");
}

#[test]
fn pieces_of_other_families_go_in_silence() {
    let opaque = |family| PartKind::Opaque { family, raw: json(r#"{"type":"web_search_call"}"#) };
    let request = asking(vec![
        user("q"),
        Turn::new(Role::Assistant, vec![Part::new(opaque(OpenaiResponses)), Part::text("a")]),
        user("b"),
    ]);
    let fitted = fitted(&request, Anthropic, "claude-opus-5");
    assert_eq!(outline(&fitted.request.turns)[1], "A[a]");
    assert_eq!(reports(&fitted), "");
    // A user turn that said something only its vendor understands is no empty message.
    let request = asking(vec![user("q"), Turn::new(Role::User, vec![Part::new(opaque(OpenaiResponses))])]);
    assert_eq!(
        outline(&super::super::tests::fitted(&request, Cohere, usual(Cohere)).request.turns),
        ["U[q]"]
    );
}

#[test]
fn pitfall_111_item_references_are_refused_and_compaction_is_reported() {
    let with = |text: &str| saying(PartKind::Opaque { family: OpenaiResponses, raw: json(text) });
    let reference = with(r#"{"type":"item_reference","id":"msg_1"}"#);
    assert_eq!(refused(&reference, Gemini, usual(Gemini)), "messages[0].content[1]");
    let fitted = fitted(&with(r#"{"type":"compaction","encrypted_content":"x"}"#), Gemini, usual(Gemini));
    assert_eq!(reports(&fitted), "messages[0].content[1]=dropped");
}

#[test]
fn refusals_in_the_history_become_text_where_there_is_no_such_part() {
    let request = asking(vec![
        user("q"),
        Turn::new(Role::Assistant, vec![Part::new(PartKind::Refusal("No.".into()))]),
        user("why"),
    ]);
    for (family, expected) in [
        (Anthropic, "A[No.]"),
        (Gemini, "A[No.]"),
        (Cohere, "A[No.]"),
        (OpenaiChat, "A[refuses No.]"),
        (OpenaiResponses, "A[refuses No.]"),
    ] {
        assert_eq!(outline(&fitted(&request, family, usual(family)).request.turns)[1], expected);
    }
}

#[test]
fn a_failed_result_says_so_where_there_is_no_flag() {
    let failed = |text: &str| {
        let mut part = result("1", text);
        if let PartKind::ToolResult(result) = &mut part.kind {
            result.is_error = true;
        }
        asking(vec![
            user("q"),
            Turn::new(Role::Assistant, vec![call("1", "read")]),
            Turn::new(Role::User, vec![part]),
        ])
    };
    for family in [OpenaiChat, OpenaiResponses, Cohere] {
        let turn = |text| outline(&fitted(&failed(text), family, usual(family)).request.turns)[2].clone();
        assert_eq!(turn("no such file"), "U[result 1 Error: no such file]");
        assert_eq!(turn("error: 7"), "U[result 1 error: 7]");
        assert_eq!(turn(""), "U[result 1 Error: the tool failed.]");
    }
    for family in [Anthropic, Gemini] {
        let turns = fitted(&failed("no such file"), family, usual(family)).request.turns;
        assert!(matches!(&turns[2].parts[0].kind, PartKind::ToolResult(result) if result.is_error));
    }
}

#[test]
fn pitfall_66_media_in_results_stay_and_are_checked() {
    let with = |source| {
        let mut part = result("1", "see");
        if let PartKind::ToolResult(result) = &mut part.kind {
            result.parts.push(Part::new(media(MediaKind::Document, source)));
            result.raw_object = Some(json("{}"));
        }
        asking(vec![
            user("q"),
            Turn::new(Role::Assistant, vec![call("1", "read")]),
            Turn::new(Role::User, vec![part]),
        ])
    };
    let turns = fitted(&with(bytes("application/pdf")), OpenaiChat, "gpt-4o").request.turns;
    assert_eq!(outline(&turns)[2], "U[result 1 see+document]");
    assert_eq!(
        refused(&with(bytes("application/pdf")), Cohere, usual(Cohere)),
        "messages[2].content[0].content[1]"
    );
}

#[test]
fn custom_calls_in_the_history_are_wrapped_where_tools_take_no_free_text() {
    let mut part = call("1", "apply_patch");
    if let PartKind::ToolCall(call) = &mut part.kind {
        call.kind = ToolKind::Custom;
        call.arguments = "*** \"Begin\"\n".into();
        call.item_id = Some("ctc_1".into());
    }
    let request = asking(vec![
        user("q"),
        Turn::new(Role::Assistant, vec![part]),
        Turn::new(Role::User, vec![result("1", "ok")]),
    ]);
    for (family, model) in [
        (Anthropic, "claude-opus-5"),
        (Gemini, "gemini-3-pro"),
        (Cohere, "command-a"),
        (OpenaiChat, "qwen3-coder"),
        (OpenaiChat, "gpt-4o"),
    ] {
        let turns = fitted(&request, family, model).request.turns;
        let PartKind::ToolCall(call) = &turns[1].parts[0].kind else { panic!("no call") };
        assert_eq!(call.arguments, r#"{"input":"*** \"Begin\"\n"}"#);
        assert_eq!((call.kind, call.item_id.as_ref()), (ToolKind::Function, None));
        assert!(
            matches!(&turns[2].parts[0].kind, PartKind::ToolResult(result) if result.kind == ToolKind::Function)
        );
    }
    for (family, model) in [(OpenaiChat, "gpt-5"), (OpenaiResponses, "gpt-5")] {
        let turns = fitted(&request, family, model).request.turns;
        assert!(matches!(&turns[1].parts[0].kind, PartKind::ToolCall(call) if call.kind == ToolKind::Custom));
    }
}

fn thought(text: &str, token: Option<(Family, &str)>) -> Part {
    Part::new(PartKind::Reasoning(ReasoningPart {
        kind: ReasoningKind::Thinking,
        text: text.into(),
        token: token.map(|(family, value)| Token { family, value: value.into() }),
        item_id: Some("rs_1".into()),
    }))
}

#[test]
fn thoughts_go_back_to_their_maker_and_nowhere_else() {
    let shown = |part: Part, family, model| {
        let request =
            asking(vec![user("q"), Turn::new(Role::Assistant, vec![part, Part::text("a")]), user("b")]);
        outline(&fitted(&request, family, model).request.turns)[1].starts_with("A[thinks")
    };
    for maker in [Anthropic, Gemini, OpenaiResponses] {
        for family in Family::ALL {
            let part = thought("hm", Some((maker, "sig")));
            assert_eq!(shown(part, family, usual(family)), maker == family, "{maker} to {family}");
        }
    }
    // Without a mark, thoughts go where they need none.
    let plain = || thought("hm", None);
    assert!(shown(plain(), OpenaiChat, "deepseek-reasoner") && shown(plain(), Cohere, "command-a-reasoning"));
    assert!(!shown(plain(), OpenaiChat, "gpt-5") && !shown(plain(), Anthropic, "claude-opus-5"));
    // Anthropic's empty signature is none.
    assert!(!shown(thought("hm", Some((Anthropic, ""))), Anthropic, "claude-opus-5"));
}

#[test]
fn pitfall_51_and_52_redacted_and_empty_thoughts_keep_their_place() {
    let mut redacted = thought("", Some((Anthropic, "data")));
    if let PartKind::Reasoning(reasoning) = &mut redacted.kind {
        reasoning.kind = ReasoningKind::Redacted;
    }
    let parts = vec![thought("", Some((Anthropic, "sig"))), redacted, Part::text("a")];
    let request = asking(vec![user("q"), Turn::new(Role::Assistant, parts), user("b")]);
    let turns = fitted(&request, Anthropic, "claude-opus-5").request.turns;
    assert_eq!(outline(&turns)[1], "A[thinks  | thinks  | a]");
}

#[test]
fn pitfall_110_reasoning_that_nothing_follows_is_dropped_for_responses() {
    let own = || thought("hm", Some((OpenaiResponses, "enc")));
    let request = asking(vec![
        user("q"),
        Turn::new(Role::Assistant, vec![own(), Part::text("a"), own()]),
        user("b"),
        Turn::new(Role::Assistant, vec![own()]),
        user("c"),
    ]);
    let turns = fitted(&request, OpenaiResponses, "gpt-5").request.turns;
    assert_eq!(outline(&turns), ["U[q]", "A[thinks hm | a]", "U[b]", "U[c]"]);
}

#[test]
fn tokens_and_citations_of_other_families_are_taken_off() {
    let citation = |family| Citation {
        start: None,
        end: None,
        url: None,
        title: None,
        text: None,
        family,
        raw: json("{}"),
    };
    let text = PartKind::Text { text: "a".into(), citations: vec![citation(Anthropic), citation(Gemini)] };
    let token = Some(Token { family: Gemini, value: "sig".into() });
    let parts = vec![Part { kind: text, cache: None, token }];
    let request = asking(vec![user("q"), Turn::new(Role::Assistant, parts), user("b")]);
    for family in Family::ALL {
        let turns = fitted(&request, family, usual(family)).request.turns;
        let part = &turns[1].parts[0];
        assert_eq!(part.token.is_some(), family == Gemini);
        let PartKind::Text { citations, .. } = &part.kind else { panic!("no text") };
        assert!(citations.iter().all(|citation| citation.family == family));
        assert_eq!(citations.len(), usize::from(matches!(family, Anthropic | Gemini)));
    }
}

#[test]
fn pictures_in_an_assistants_history_go_to_gemini_only() {
    let parts = vec![Part::text("a"), Part::new(media(MediaKind::Image, bytes("image/png")))];
    let request = asking(vec![user("q"), Turn::new(Role::Assistant, parts), user("b")]);
    assert_eq!(outline(&fitted(&request, Gemini, usual(Gemini)).request.turns)[1], "A[a | image]");
    assert_eq!(reports(&fitted(&request, OpenaiChat, "gpt-4o")), "messages[1].content[1]=dropped");
}

#[test]
fn modalities_are_refused_where_the_target_has_no_such_output() {
    let mut request = hello();
    request.modalities = vec![Modality::Text, Modality::Image];
    assert_eq!(fitted(&request, Gemini, usual(Gemini)).request.modalities.len(), 2);
    assert_eq!(fitted(&request, OpenaiChat, "flux").request.modalities.len(), 2);
    for family in [Anthropic, Cohere, OpenaiChat, OpenaiResponses] {
        assert_eq!(refused(&request, family, usual(family)), "modalities");
    }
    request.modalities = vec![Modality::Text];
    assert!(fitted(&request, Anthropic, usual(Anthropic)).request.modalities.is_empty());
}

#[test]
fn a_function_that_shares_its_name_with_an_old_free_text_call_stays_a_function() {
    let mut part = call("1", "read");
    if let PartKind::ToolCall(call) = &mut part.kind {
        call.kind = ToolKind::Custom;
    }
    let mut request = asking(vec![
        user("q"),
        Turn::new(Role::Assistant, vec![part]),
        Turn::new(Role::User, vec![result("1", "ok")]),
    ]);
    request.tools = vec![function("read", None)];
    let mut fitted = fitted(&request, Anthropic, "claude-opus-5");
    assert!(matches!(fitted.request.tools[0].kind, ToolType::Function { .. }));
    let response = fitted.restore.response(super::super::tests::answer(vec![call("2", "read")]));
    assert!(
        matches!(&response.candidates[0].parts[0].kind, PartKind::ToolCall(call) if call.kind == ToolKind::Function)
    );
}
