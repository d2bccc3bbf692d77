//! Gemini's format as Google's Code Assist speaks it: each body and each answer in an envelope (provider
//! facts, 4.3).
//!
//! The envelope names the model; the project in it belongs to the account, so whoever knows the account adds
//! it. Errors come without an envelope.

use byok_types::Fault;
use byok_types::RawJson;
use byok_types::chat::{Event, Request, Response};
use byok_types::model::ModelFacts;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::format::{EventReader, UpstreamFormat};
use crate::gemini::Gemini;
use crate::sse::Frame;

/// `POST /v1internal:generateContent`
pub(crate) struct CodeAssist;

impl UpstreamFormat for CodeAssist {
    fn write_request(&self, request: &Request, facts: &ModelFacts) -> Vec<u8> {
        let inner = Gemini.write_request(request, facts);
        let model = RawJson::string(request.model.strip_prefix("models/").unwrap_or(&request.model));
        let mut body = Vec::with_capacity(inner.len() + model.get().len() + 32);
        body.extend_from_slice(b"{\"model\":");
        body.extend_from_slice(model.get().as_bytes());
        body.extend_from_slice(b",\"request\":");
        body.extend_from_slice(&inner);
        body.push(b'}');
        body
    }

    fn path(&self, _: &str, stream: bool) -> String {
        let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        format!("/v1internal:{method}")
    }

    fn read_response(&self, body: &[u8]) -> Result<Response, Box<Fault>> {
        Gemini.read_response(opened(body))
    }

    fn event_reader(&self) -> Box<dyn EventReader> {
        Box::new(Reader(Gemini.event_reader()))
    }

    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        Gemini.read_fault(status, body)
    }
}

/// What is in the envelope; the bytes themselves where there is none.
fn opened(bytes: &[u8]) -> &[u8] {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        response: Option<&'a RawValue>,
    }
    match serde_json::from_slice::<Envelope<'_>>(bytes) {
        Ok(Envelope { response: Some(response) }) => response.get().as_bytes(),
        _ => bytes,
    }
}

struct Reader(Box<dyn EventReader>);

impl EventReader for Reader {
    fn read(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        self.0.read(&Frame { event: frame.event, data: opened(frame.data) }, out);
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        self.0.finish(out);
    }
}

#[cfg(test)]
mod tests {
    use byok_types::chat::{Part, Role, Turn};

    use super::*;

    #[test]
    fn bodies_go_out_in_an_envelope() {
        let request = Request {
            model: "models/gemini-3-pro-preview".to_owned(),
            turns: vec![Turn::new(Role::User, vec![Part::text("Hi")])],
            ..Request::default()
        };
        let facts = crate::facts::model_facts(byok_types::Family::Gemini, "gemini-3-pro-preview");
        let body: serde_json::Value =
            serde_json::from_slice(&CodeAssist.write_request(&request, &facts)).unwrap();
        assert_eq!(body["model"], "gemini-3-pro-preview");
        assert_eq!(body["request"]["contents"][0]["parts"][0]["text"], "Hi");
        assert_eq!(CodeAssist.path("x", true), "/v1internal:streamGenerateContent?alt=sse");
    }

    #[test]
    fn answers_are_taken_out_of_it_and_errors_need_none() {
        let answer =
            r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hi"}]},"finishReason":"STOP"}]}"#;
        let enveloped = format!(r#"{{"response":{answer},"traceId":"t"}}"#);
        let whole = CodeAssist.read_response(enveloped.as_bytes()).unwrap();
        assert_eq!(whole, Gemini.read_response(answer.as_bytes()).unwrap());
        let events = |bytes: &str| {
            let (mut reader, mut out) = (CodeAssist.event_reader(), Vec::new());
            reader.read(&Frame { event: None, data: bytes.as_bytes() }, &mut out);
            reader.finish(&mut out);
            out
        };
        assert_eq!(events(&enveloped), events(answer));
        let error = r#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}"#;
        assert!(matches!(events(error).last(), Some(Event::Error(_))));
        assert_eq!(CodeAssist.read_fault(429, error.as_bytes()).message, "slow down");
    }
}
