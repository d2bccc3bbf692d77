//! How many tokens a request has: asked of the upstream where its format has a counter, estimated where it
//! has none (see [`byok_translate::estimate`], also for how far it may be off). An estimate says so in a header.

use byok_translate::estimate::request_tokens;
use byok_translate::exchange::{Ask, Exchange};
use byok_translate::fit::Lossy;
use byok_translate::{PathWish, Wire, dialect};
use byok_types::chat::{Request, Usage};
use byok_types::{Dialect, Family, Fault};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::answer::AnswerBody;
use crate::dispatch::{Dispatch, Missed, Reached, collect};
use crate::generate::{Answer, Failed, Generate, facts_of, own_headers};
use crate::meter::{Meter, Outcome, Served};
use crate::prepare::{self, Outgoing};
use crate::quirk;
use crate::spec::{Place, ProviderSpec};
use crate::upstreams::{Upstreams, limits};

/// How much of a counter's answer is read; it is one number.
const MAX_COUNT: usize = 1024 * 1024;
/// The header that marks an estimate.
const ESTIMATE: &str = "x-byok-estimate";

impl Upstreams {
    /// Counts the tokens of a request, in the client's format.
    pub async fn count_tokens(&self, call: Generate) -> Result<Answer, Failed> {
        let spec = call.route.spec.clone();
        let meter = Meter::start();
        let mut served = Served {
            provider: spec.id.clone(),
            account: None,
            model: Some(call.route.model.clone()),
            attempts: 0,
            dropped: Vec::new(),
        };
        let Some(place) = counter(&spec, call.client) else { return estimated(&call, served, meter) };
        let failed = |fault, served: &Served| Failed::new(fault, Some(served.clone()));
        let outgoing = outgoing(&spec, place, &call).map_err(|fault| failed(fault, &served))?;
        let limits = limits(&self.0.config.load(), &spec);
        let dispatch = Dispatch {
            upstreams: &self.0,
            spec: &spec,
            family: place.family,
            outgoing: &outgoing,
            limits,
            meter: &meter,
            forwarded: false,
        };
        let Reached { response, mut headers, mask } = match dispatch.reach(&mut served).await {
            Ok(reached) => reached,
            // A server that has the format but not its counter.
            Err(Missed::Refused(refusal))
                if place.counts.is_none() && matches!(refusal.status.as_u16(), 404 | 405 | 501) =>
            {
                return estimated(&call, served, Meter::start());
            }
            Err(Missed::Refused(refusal))
                if call.client.family() == Some(place.family) && !refusal.body.is_empty() =>
            {
                return Ok(Answer::refused(refusal, served, meter));
            }
            Err(missed) => return Err(failed(missed.fault(), &served)),
        };
        let body = collect(response.into_body(), MAX_COUNT, limits.idle)
            .await
            .map_err(|fault| failed(fault, &served))?;
        let body = mask.bytes(body);
        let count = read(&body).ok_or_else(|| {
            failed(Box::new(Fault::upstream_broken("the upstream's count is no count")), &served)
        })?;
        meter.end(Outcome::Completed, &Usage::default());
        own_headers(&mut headers, &served);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let same = call.client.family() == Some(place.family);
        let body = if same { body } else { written(call.client, count) };
        let body = AnswerBody::whole(body, meter.clone());
        Ok(Answer { status: StatusCode::OK, headers, body, served, meter, fault: None })
    }
}

/// Where the provider counts: in the client's format if it can, in another if it must.
fn counter(spec: &ProviderSpec, client: Dialect) -> Option<&Place> {
    let counts = |place: &&Place| place.counts != Some(false) && place.wire == Wire::Own;
    let same = client.family().and_then(|family| spec.place(family)).filter(counts);
    same.or_else(|| spec.endpoints.iter().find(counts))
}

fn outgoing(spec: &ProviderSpec, place: &Place, call: &Generate) -> Result<Outgoing, Box<Fault>> {
    let model = call.route.model.as_str();
    let same = call.client.family() == Some(place.family);
    let body = if same { passed(call, place.family) } else { translated(spec, place.family, call)? };
    let path = match place.family {
        Family::Gemini => {
            let path = byok_translate::family(Family::Gemini).path(model, false);
            path.replace(":generateContent", ":countTokens")
        }
        Family::Anthropic | Family::Cohere | Family::OpenaiChat | Family::OpenaiResponses => {
            "/v1/messages/count_tokens".to_owned()
        }
    };
    Ok(Outgoing {
        method: Method::POST,
        uri: prepare::address(spec, &format!("{}{path}", place.base))?,
        headers: prepare::headers(spec, place.family, &call.headers, same, false),
        body,
        auth: place.auth,
    })
}

/// The client's own body, with the model's name as the provider has it.
fn passed(call: &Generate, family: Family) -> Bytes {
    let model = call.route.model.as_str();
    if family == Family::Gemini
        && call.peek.model.as_deref().is_none_or(|named| named == model)
        && call.path_model.as_deref() != Some(model)
        && let Some(inner) = quirk::field(&call.body, "generateContentRequest")
    {
        return wrapped_for_gemini(model, inner.as_bytes()).unwrap_or_else(|| call.body.clone());
    }
    call.renamed()
}

fn translated(spec: &ProviderSpec, family: Family, call: &Generate) -> Result<Bytes, Box<Fault>> {
    let model = call.route.model.as_str();
    let facts = facts_of(spec, family, model);
    let ask = Ask {
        client: call.client,
        request: request(call)?,
        upstream: family,
        wire: Wire::Own,
        model,
        facts: &facts,
        // What is left out has hardly any tokens, and nobody acts on a count as on an answer.
        lossy: Lossy::Drop,
        id: call.id.clone(),
        force_stream: false,
        recall: &(),
    };
    let (_, made) = Exchange::begin(ask)?;
    let body = match family {
        Family::Gemini => wrapped_for_gemini(model, &made.body),
        // Everything else is refused by the counter (provider facts, 1.3).
        Family::Anthropic | Family::Cohere | Family::OpenaiChat | Family::OpenaiResponses => {
            const TAKEN: [&str; 6] = ["model", "messages", "system", "tools", "tool_choice", "thinking"];
            quirk::only(&made.body, &TAKEN, &[]).map(Bytes::from)
        }
    };
    Ok(body.unwrap_or_else(|| made.body.into()))
}

/// Gemini counts more than the contents only inside of a whole request, which names its model (wire-format
/// facts, 480).
fn wrapped_for_gemini(model: &str, body: &[u8]) -> Option<Bytes> {
    const TAKEN: [&str; 9] = [
        "contents",
        "systemInstruction",
        "system_instruction",
        "tools",
        "toolConfig",
        "tool_config",
        "generationConfig",
        "generation_config",
        "safetySettings",
    ];
    let name = serde_json::Value::from(format!("models/{model}")).to_string();
    let inner = String::from_utf8(quirk::only(body, &TAKEN, &[("model", name)])?).ok()?;
    Some(format!("{{\"generateContentRequest\":{inner}}}").into())
}

/// Reads a request to count, which may lack what only an answer needs.
fn request(call: &Generate) -> Result<Request, Box<Fault>> {
    let wish = PathWish { model: call.path_model.as_deref(), stream: false, json_array: false };
    let body = match call.client {
        Dialect::Gemini => quirk::field(&call.body, "generateContentRequest").map(String::into_bytes),
        Dialect::Anthropic if quirk::field(&call.body, "max_tokens").is_none() => {
            quirk::with(&call.body, &[("max_tokens", "1".to_owned())])
        }
        _ => None,
    };
    let body = body.as_deref().unwrap_or(&call.body);
    dialect(call.client).read_request(body, wish).map_err(|error| Box::new(error.into()))
}

fn estimated(call: &Generate, served: Served, meter: Meter) -> Result<Answer, Failed> {
    let request = request(call).map_err(|fault| Failed::new(fault, None))?;
    let mut headers = HeaderMap::new();
    own_headers(&mut headers, &served);
    headers.insert(ESTIMATE, HeaderValue::from_static("true"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    meter.served(&served);
    meter.end(Outcome::Completed, &Usage::default());
    let body = AnswerBody::whole(written(call.client, request_tokens(&request)), meter.clone());
    Ok(Answer { status: StatusCode::OK, headers, body, served, meter, fault: None })
}

/// The number in a counter's answer, Anthropic's or Gemini's.
fn read(body: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Count {
        input_tokens: Option<u64>,
        #[serde(rename = "totalTokens")]
        total_tokens: Option<u64>,
    }
    let count: Count = serde_json::from_slice(body).ok()?;
    count.input_tokens.or(count.total_tokens)
}

/// A count as the client's format has it.
fn written(client: Dialect, count: u64) -> Bytes {
    let count = match client {
        Dialect::Gemini => json!({ "totalTokens": count }),
        Dialect::OpenaiResponses => json!({ "object": "response.input_tokens", "input_tokens": count }),
        Dialect::Anthropic
        | Dialect::Cohere
        | Dialect::Completions
        | Dialect::OllamaChat
        | Dialect::OllamaGenerate
        | Dialect::OpenaiChat => json!({ "input_tokens": count }),
    };
    count.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gemini_counts_a_whole_request() {
        let body = br#"{"contents":[1.0],"tools":[],"cachedContent":"x"}"#;
        let wrapped = wrapped_for_gemini("gemini-2.5-pro", body).unwrap();
        assert_eq!(
            &wrapped[..],
            br#"{"generateContentRequest":{"model":"models/gemini-2.5-pro","contents":[1.0],"tools":[]}}"#
        );
    }

    #[test]
    fn counts_are_read_and_written() {
        assert_eq!(read(br#"{"totalTokens":7,"promptTokensDetails":[]}"#), Some(7));
        assert_eq!(read(br#"{"input_tokens":7}"#), Some(7));
        assert_eq!(read(br#"{"error":{}}"#), None);
        assert_eq!(&written(Dialect::Gemini, 3)[..], br#"{"totalTokens":3}"#);
    }
}
