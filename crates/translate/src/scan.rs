//! Finds the two fields that decide where a request goes, without building values, and replaces the
//! model's name in place.
//!
//! What was routed on is what is sent: a body in which one of them stands twice is refused.

use std::ops::Range;

use byok_types::Family;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::format::ReadError;

/// What a body says about its way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peek {
    /// The model, where the body names one.
    pub model: Option<String>,
    /// Whether it asks for a stream.
    pub stream: bool,
    /// Where the model's JSON string stands in the body, quotes included.
    model_at: Option<Range<usize>>,
}

/// The fields that are looked at.
#[derive(Deserialize)]
struct Routed<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    stream: Option<bool>,
}

/// Reads what decides a request's way. The body must be one JSON object; values that are not looked at
/// are skipped, not parsed.
pub fn peek(body: &[u8]) -> Result<Peek, ReadError> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        return Err(ReadError::NotJson("expected an object".to_owned()));
    }
    let routed: Routed<'_> = serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        if text.starts_with("duplicate field") {
            let field = if text.contains("model") { "model" } else { "stream" };
            ReadError::field(field, "stands twice in the body")
        } else if error.is_data() {
            // The model is taken as it comes, so only `stream` can have a wrong type.
            ReadError::field("stream", "must be true or false")
        } else {
            ReadError::NotJson(text)
        }
    })?;
    let stream = routed.stream.unwrap_or(false);
    let Some(raw) = routed.model.filter(|raw| raw.get() != "null") else {
        return Ok(Peek { model: None, stream, model_at: None });
    };
    let model: String =
        serde_json::from_str(raw.get()).map_err(|_| ReadError::field("model", "must be a string"))?;
    // The raw value is a slice of the body; its address tells where.
    let start = raw.get().as_ptr().addr() - body.as_ptr().addr();
    Ok(Peek { model: Some(model), stream, model_at: Some(start..start + raw.get().len()) })
}

/// The body with another model's name; every other byte stays as it is. `peek` must come from this body.
pub fn replace_model(body: &[u8], peek: &Peek, model: &str) -> Vec<u8> {
    let Some((at, before, after)) =
        peek.model_at.as_ref().and_then(|at| Some((at, body.get(..at.start)?, body.get(at.end..)?)))
    else {
        return body.to_vec();
    };
    let name = serde_json::Value::from(model).to_string();
    let mut patched = Vec::with_capacity(body.len() - at.len() + name.len());
    patched.extend_from_slice(before);
    patched.extend_from_slice(name.as_bytes());
    patched.extend_from_slice(after);
    patched
}

/// Whether a body holds what only another family can check: wrapped tokens, or thoughts that were never
/// signed. Such a body came out of a conversation that has changed its upstream, and its own family would
/// refuse it as it stands; it has to be read and written anew instead of passing.
pub fn carries_foreign_tokens(family: Family, body: &[u8]) -> bool {
    let has = |needle: &[u8]| memmem::find(body, needle).is_some();
    match family {
        Family::Anthropic => has(b"\"byok1") || has(b"\"signature\":\"\"") || has(b"\"signature\": \"\""),
        // Gemini's clients get wrapped tokens as base64; this is how `byok1.` begins in either alphabet.
        Family::Gemini => has(b"\"YnlvazEu"),
        Family::OpenaiResponses => has(b"\"byok1.") || has(b"\"rs_after_") || has(b"\"rs_redacted_"),
        // What gateways check are the signatures in `reasoning_details`.
        Family::OpenaiChat => has(b"\"byok1."),
        // The format has no slot for tokens.
        Family::Cohere => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_top_level_counts() {
        let body = br#" { "metadata": {"model": "x", "stream": true}, "model" : "gpt-5" , "n": 1e400 } "#;
        let peek = peek(body).unwrap();
        assert_eq!((peek.model.as_deref(), peek.stream), (Some("gpt-5"), false));
    }

    #[test]
    fn the_patch_touches_the_name_alone() {
        let body = br#"{"a":1.0, "model" : "fa\u0073t","x":[ ] }"#;
        let peek = peek(body).unwrap();
        assert_eq!(peek.model.as_deref(), Some("fast"));
        assert_eq!(replace_model(body, &peek, "q\"x"), br#"{"a":1.0, "model" : "q\"x","x":[ ] }"#);
    }

    #[test]
    fn doubtful_bodies_are_refused() {
        for (body, part) in [
            (r#"{"model":"a","model":"b"}"#, "model: stands twice"),
            (r#"{"stream":true,"stream":false}"#, "stream: stands twice"),
            (r#"{"model":5}"#, "model: must be a string"),
            (r#"{"stream":"yes"}"#, "stream: must be true or false"),
            ("[]", "not a JSON object"),
            ("", "not a JSON object"),
            (r#"{"model":"a""#, "not a JSON object"),
            (r#"{"model":"a"} x"#, "not a JSON object"),
        ] {
            let error = peek(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part), "{body}: {error}");
        }
    }

    #[test]
    fn wrapped_tokens_are_noticed_in_every_format() {
        let token = byok_types::chat::Token { family: Family::Cohere, value: "x".into() };
        for family in [Family::Anthropic, Family::Gemini, Family::OpenaiChat, Family::OpenaiResponses] {
            let wrapped = crate::token::wrap(&token, family);
            assert!(carries_foreign_tokens(family, format!("{{\"signature\":\"{wrapped}\"}}").as_bytes()));
            assert!(!carries_foreign_tokens(family, br#"{"signature":"EqQBCkYIBRgC"}"#));
        }
    }

    #[test]
    fn deep_nesting_is_no_stack_overflow() {
        let deep = format!("{{\"x\":{}1{},\"model\":\"m\"}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(peek(deep.as_bytes()).unwrap().model.as_deref(), Some("m"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = peek(&body);
        }

        #[test]
        fn patching_back_gives_the_same_bytes(before in "[a-z]{0,8}", name in "\\PC{0,12}", other in "\\PC{0,12}") {
            let body = serde_json::json!({ "before": before, "model": name, "z": [1, 2] }).to_string();
            let there = replace_model(body.as_bytes(), &peek(body.as_bytes()).unwrap(), &other);
            let back = replace_model(&there, &peek(&there).unwrap(), &name);
            prop_assert_eq!(back, body.into_bytes());
        }
    }
}
