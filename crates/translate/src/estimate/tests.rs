use byok_types::chat::{Media, MediaKind, Part, Role, Turn};
use proptest::prelude::*;

use super::*;

/// Texts written for this test, and how many tokens `o200k_base` makes of them (counted with the npm package
/// `gpt-tokenizer`).
const CORPUS: [(&str, &str, u64); 15] = [
    ("arabic", include_str!("corpus/arabic.txt"), 127),
    ("chat", include_str!("corpus/chat.txt"), 197),
    ("chinese", include_str!("corpus/chinese.txt"), 189),
    ("emoji", include_str!("corpus/emoji.txt"), 128),
    ("english", include_str!("corpus/english.txt"), 207),
    ("french", include_str!("corpus/french.txt"), 179),
    ("german", include_str!("corpus/german.txt"), 209),
    ("japanese", include_str!("corpus/japanese.txt"), 230),
    ("json", include_str!("corpus/json.txt"), 359),
    ("korean", include_str!("corpus/korean.txt"), 137),
    ("log", include_str!("corpus/log.txt"), 298),
    ("polish", include_str!("corpus/polish.txt"), 190),
    ("python", include_str!("corpus/python.txt"), 303),
    ("russian", include_str!("corpus/russian.txt"), 148),
    ("rust", include_str!("corpus/rust.txt"), 301),
];

#[test]
fn the_estimate_is_within_a_tenth_for_every_kind_of_text() {
    let (mut guessed, mut counted) = (0, 0);
    for (name, text, tokens) in CORPUS {
        let estimate = text_tokens(text);
        assert!(estimate.abs_diff(tokens) * 10 <= tokens, "{name}: {estimate} for {tokens}");
        guessed += estimate;
        counted += tokens;
    }
    assert!(guessed.abs_diff(counted) * 50 <= counted, "all: {guessed} for {counted}");
}

#[test]
fn words_signs_and_blanks_are_split_as_the_tokenizer_splits_them() {
    for (text, tokens) in [
        ("", 0),
        ("Hello", 2),
        ("Hello world", 3),
        ("don't", 2),
        ("12345678", 3),
        ("x = 1;\n", 5),
        ("\n\n\n", 1),
        ("    return", 2),
        ("a\t\t\tb", 3),
        ("----------------", 2),
        (" ", 1),
    ] {
        let estimate = text_tokens(text);
        assert!(estimate.abs_diff(tokens) <= 1, "{text:?}: {estimate} for {tokens}");
    }
}

#[test]
fn everything_in_a_request_counts() {
    let with = |parts: Vec<Part>| Request { turns: vec![Turn::new(Role::User, parts)], ..Request::default() };
    let empty = request_tokens(&Request::default());
    assert_eq!(empty, START);
    let picture = Source::Base64 { mime: "image/png".to_owned(), data: "A".repeat(100_000) };
    let picture = PartKind::Media(Media::new(MediaKind::Image, picture));
    assert_eq!(request_tokens(&with(vec![picture.into()])), START + TURN + 765);
    let document = PartKind::Media(Media::new(MediaKind::Document, Source::Text("one two three".into())));
    assert_eq!(request_tokens(&with(vec![document.into()])), START + TURN + text_tokens("one two three"));
    let tool = byok_types::chat::Tool {
        name: "look".to_owned(),
        description: Some("Looks around".to_owned()),
        kind: ToolType::Function { schema: Some(byok_types::RawJson::from_value(&serde_json::json!({}))) },
        strict: None,
        namespace: None,
        cache: None,
        defer: None,
    };
    let request = Request { tools: vec![tool], ..Request::default() };
    let expected = ["look", "Looks around", "{}"].map(text_tokens).into_iter().sum::<u64>();
    assert_eq!(request_tokens(&request), START + TOOL + expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_has_a_sensible_number(text in "\\PC{0,40}|[ \r\n\t'a-zA-Z0-9é中\u{300}\u{FE0F}😀_.-]{0,40}") {
        let tokens = text_tokens(&text);
        prop_assert_eq!(tokens == 0, text.is_empty());
        prop_assert!(tokens <= 2 * text.len() as u64);
    }
}
