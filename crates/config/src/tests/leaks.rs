//! A key is usually on the line that is wrong: no message may show a value, whatever is wrong, and no text
//! may make the reader panic.

use proptest::prelude::*;

use super::{environment, sound};
use crate::{Error, parse, schema};

/// A text that occurs in no message of ours.
const MARK: &str = "qzxjvk";

/// What stands where a value belongs: the mark, in all sorts of dress.
fn value() -> impl Strategy<Value = String> {
    let plain = "[a-zA-Z0-9]{0,12}".prop_map(|rest| format!("{MARK}{rest}"));
    let key = prop::sample::select(vec!["sk-ant-", "byk_", "sk-", ""])
        .prop_flat_map(|prefix| "[a-zA-Z0-9_-]{0,30}".prop_map(move |rest| format!("{prefix}{MARK}{rest}")));
    // No colon after the mark: with a comma before it, the mark would be a name in earnest.
    let odd = "[ -~]{0,6}".prop_flat_map(|before| {
        "[ -9;-~]{0,6}".prop_map(move |after| format!("{before}{MARK}{after}").replace("${", "$"))
    });
    let quoted = (prop::sample::select(vec!['"', '\'', '`']), "[ -~]{0,6}")
        .prop_map(|(quote, rest)| format!("{quote}{MARK}{}{quote}", rest.replace("${", "$")));
    let address = prop::sample::select(vec!["http://", "https://a:", "ftp://", "https://"])
        .prop_map(|scheme| format!("{scheme}{MARK}@{MARK}.example/{MARK}?{MARK}"));
    let nested = prop::sample::select(vec![
        format!("[{MARK}, {MARK}]"),
        format!("{{ name: {MARK}, key: {MARK} }}"),
        format!("[{{ id: {MARK}, name: {MARK} }}]"),
        format!("!{MARK} {MARK}"),
        format!("*{MARK}"),
        format!("&{MARK} {MARK}"),
        format!("|\n    {MARK}\n  {MARK}"),
        format!("\"{MARK}"),
        format!("{MARK}: {MARK}"),
        format!("!!int {MARK}"),
        format!("!!binary {MARK}"),
        format!(".inf{MARK}"),
    ]);
    prop_oneof![plain, key, odd, quoted, address, nested]
}

/// A field of the file, at any depth, with a `{}` for its value.
fn field() -> impl Strategy<Value = String> {
    let of = |before: &'static str, names: &'static [&'static str], after: &'static str| {
        prop::sample::select(names.to_vec()).prop_map(move |name| format!("{before}{name}:{{}}{after}"))
    };
    prop_oneof![
        of("", schema::ROOT, "\n"),
        of("providers:\n  p:\n    ", schema::PROVIDER, "\n"),
        of("providers: { p: { ", schema::PROVIDER, " } }\n"),
        of("providers:\n  p:\n    oauth:\n      ", schema::OAUTH, "\n"),
        of("providers: { p: { models: [{ ", schema::MODEL, " }] } }\n"),
        of("keys: [{ ", schema::KEY, " }]\n"),
        of("timeouts: { ", schema::TIMEOUTS, " }\n"),
        of("streaming: { ", schema::STREAMING, " }\n"),
        of("limits: { ", schema::LIMITS, " }\n"),
        of("log: { ", schema::LOG, " }\n"),
        Just("providers: { p: { headers: { x-key:{} } } }\n".to_owned()),
        Just("aliases: { fast:{} }\n".to_owned()),
    ]
}

fn all_texts(error: &Error) -> String {
    format!("{error} {error:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_message_shows_a_value(
        fields in prop::collection::vec((field(), value(), any::<bool>()), 1..4),
    ) {
        let mut text = String::new();
        for (field, value, space) in fields {
            let value = if space { format!(" {value}") } else { value };
            text.push_str(&field.replace("{}", &value));
        }
        if let Err(error) = parse(&text, &environment) {
            let message = all_texts(&error);
            prop_assert!(!message.contains(MARK), "{}\n---\n{}", message, text);
        }
    }

    #[test]
    fn debug_of_a_config_shows_no_key(value in "[a-zA-Z0-9]{0,20}") {
        let config = sound(&format!(
            "keys: [{{ name: n, key: byk_{MARK}0123456{value} }}]\nproviders: {{ p: {{ api_key: {MARK}{value}, headers: {{ a: {MARK}{value} }} }} }}"
        ));
        let debug = format!("{config:?}");
        prop_assert!(!debug.contains(MARK), "{}", debug);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC*") {
        let _ = parse(&text, &environment);
    }

    #[test]
    fn no_text_that_looks_like_yaml_makes_it_panic(
        text in "([a-z]{1,3}|[ \n\t]{1,3}|[:{}\\[\\],&*!|>'\"%@`#?-]|\\$\\{[A-Z]*\\}|<<|providers|keys|ä|\u{0}){0,60}",
    ) {
        let _ = parse(&text, &environment);
    }

    #[test]
    fn no_damage_to_a_sound_file_makes_it_panic(
        at in 0usize..6000,
        length in 0usize..40,
        instead in "[ -~\n\t]{0,10}",
    ) {
        let mut bytes = super::example::TEXT.as_bytes().to_vec();
        let start = at.min(bytes.len());
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, instead.bytes());
        let _ = parse(&String::from_utf8_lossy(&bytes), &environment);
    }
}
