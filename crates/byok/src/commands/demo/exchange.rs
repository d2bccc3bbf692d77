//! One request of the demo, shown while it happens: when it connected, when each event came, what it said.

use std::net::SocketAddr;
use std::time::Duration;

use byok_types::Family;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::client::{Answer, spoken};
use crate::commands::Error;
use crate::sandbox;
use crate::terminal::{BAD, CODE, FAINT, GOOD, STRONG, Terminal, paint};

/// What is said to the upstream.
const QUESTION: &str = "Any tool, any model.";
/// How much of an event is shown.
const SHOWN: usize = 62;
/// How much of a request is shown.
const REQUEST: usize = 94;

/// Who asks in which format, and who answers in which.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) client: Family,
    pub(super) upstream: Family,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Exchange {
    asked: Asked,
    model: String,
    status: StatusCode,
    connected: Duration,
    /// When the head of the answer came.
    answered: Duration,
    /// When each event came, and its data.
    events: Vec<(Duration, String)>,
    text: String,
    /// Whether the format's last event came.
    complete: bool,
    total: Duration,
    /// The body of an answer that is no stream.
    refusal: String,
}

impl Asked {
    /// Sends the request and shows the answer.
    pub(super) async fn run(
        self,
        number: usize,
        address: SocketAddr,
        terminal: &Terminal,
    ) -> Result<Exchange, Error> {
        let model = format!("{}/echo-slow", sandbox::provider_name(self.upstream));
        let (path, body) = self.request(&model);
        let print = |text: String| {
            if !terminal.json() {
                terminal.print(&text);
            }
        };
        print(self.heading(number, address, path, &body));

        let failed = |error: crate::client::ClientError| Error::Demo(error.to_string());
        let request = Request::post(path)
            .header(header::HOST, spoken(address))
            .header(header::CONTENT_TYPE, "application/json")
            // What a tool would send; byok ignores it and puts the wallet's in its place.
            .header(header::AUTHORIZATION, "Bearer anything")
            .header("anthropic-version", "2023-06-01")
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| failed(error.into()))?;
        let mut answer = Answer::to(address, request).await.map_err(failed)?;
        print(line(answer.connected, "connected"));
        let head = format!("{} {}", answer.status, served_by(&answer.headers));
        let answered = answer.began.elapsed();
        print(line(answered, &head));

        let mut exchange = Exchange {
            asked: self,
            model,
            status: answer.status,
            connected: answer.connected,
            answered,
            events: Vec::new(),
            text: String::new(),
            complete: false,
            total: Duration::ZERO,
            refusal: String::new(),
        };
        let mut rest = String::new();
        while let Some(bytes) = answer.next().await.map_err(failed)? {
            let at = answer.began.elapsed();
            rest.push_str(&String::from_utf8_lossy(&bytes));
            while let Some((event, after)) = rest.split_once("\n\n") {
                print(exchange.take(at, event));
                rest = after.to_owned();
            }
        }
        exchange.refusal = rest;
        exchange.total = answer.began.elapsed();
        print(exchange.footing());
        Ok(exchange)
    }

    fn request(self, model: &str) -> (&'static str, Value) {
        let messages = json!([{"role": "user", "content": QUESTION}]);
        if self.client == Family::Anthropic {
            let body = json!({"model": model, "max_tokens": 256, "stream": true, "messages": messages});
            ("/v1/messages", body)
        } else {
            ("/v1/chat/completions", json!({"model": model, "stream": true, "messages": messages}))
        }
    }

    fn heading(self, number: usize, address: SocketAddr, path: &str, body: &Value) -> String {
        let (client, upstream) = (name(self.client), name(self.upstream));
        let title = format!("{number}. A tool that speaks {client}, an upstream that speaks {upstream}");
        let post = format!("POST http://{}{path}", spoken(address));
        format!(
            "\n  {}\n  {}\n  {}\n\n",
            paint(STRONG, &title),
            paint(CODE, &post),
            paint(FAINT, &cut(&body.to_string(), REQUEST))
        )
    }
}

impl Exchange {
    /// Takes one event of the stream; the line that shows it.
    fn take(&mut self, at: Duration, event: &str) -> String {
        let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_default();
        let value: Value = serde_json::from_str(data).unwrap_or_default();
        let piece = match self.asked.client {
            Family::Anthropic => value.pointer("/delta/text"),
            _ => value.pointer("/choices/0/delta/content"),
        };
        self.text.push_str(piece.and_then(Value::as_str).unwrap_or_default());
        self.complete |= data == "[DONE]" || value["type"] == "message_stop";
        self.events.push((at, data.to_owned()));
        line(at, &self.gist(&value).unwrap_or_else(|| short(data)))
    }

    /// What is new in an event: its kind, and the part that differs from the others.
    fn gist(&self, event: &Value) -> Option<String> {
        let (kind, part) = match self.asked.client {
            Family::Anthropic => {
                let part = ["message", "content_block", "delta"].into_iter().find_map(|name| event.get(name));
                (event["type"].as_str()?, part)
            }
            _ => {
                let choice = event["choices"].get(0)?;
                let finish = choice.get("finish_reason").filter(|reason| !reason.is_null());
                let kind = if finish.is_some() { "finish_reason" } else { "delta" };
                (kind, finish.or_else(|| choice.get("delta")))
            }
        };
        let part = part.map(ToString::to_string).unwrap_or_default();
        if part.is_empty() {
            return Some(paint(CODE, kind));
        }
        Some(format!("{} {}", paint(CODE, &format!("{kind:<19}")), short(&part)))
    }

    fn footing(&self) -> String {
        let facts = format!(
            "{} events; connected after {}, answered after {}, done after {}",
            self.events.len(),
            milliseconds(self.connected),
            milliseconds(self.answered),
            milliseconds(self.total),
        );
        let (style, said) = match self.failure() {
            Some(reason) => (BAD, reason),
            None => (GOOD, self.text.clone()),
        };
        format!("\n  {}\n  {}\n", paint(style, &said), paint(FAINT, &facts))
    }

    /// What went wrong, if something did.
    pub(super) fn failure(&self) -> Option<String> {
        if self.status != StatusCode::OK {
            return Some(format!("{} {}", self.status, self.refusal.trim()));
        }
        if !self.complete {
            return Some("the stream ended early".to_owned());
        }
        (!self.text.contains(QUESTION)).then(|| "the answer is not what was said".to_owned())
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let events: Vec<_> =
            self.events.iter().map(|(at, data)| json!({"at_ms": fraction(*at), "data": data})).collect();
        json!({
            "client_format": self.asked.client.name(),
            "upstream_format": self.asked.upstream.name(),
            "model": self.model,
            "status": self.status.as_u16(),
            "connected_ms": fraction(self.connected),
            "answered_ms": fraction(self.answered),
            "first_event_ms": self.events.first().map(|(at, _)| fraction(*at)),
            "total_ms": fraction(self.total),
            "text": self.text,
            "complete": self.complete,
            "events": events,
        })
    }
}

fn name(family: Family) -> &'static str {
    match family {
        Family::Anthropic => "Anthropic",
        Family::Cohere => "Cohere",
        Family::Gemini => "Gemini",
        Family::OpenaiChat => "OpenAI",
        Family::OpenaiResponses => "OpenAI Responses",
    }
}

/// What byok says about the answer.
fn served_by(headers: &HeaderMap) -> String {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    format!("{}, x-byok-provider: {}", value("content-type"), value("x-byok-provider"))
}

fn line(at: Duration, what: &str) -> String {
    format!("  {}  {what}\n", paint(FAINT, &format!("{:>9}", milliseconds(at))))
}

fn short(text: &str) -> String {
    cut(text, SHOWN)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", fraction(time))
}

/// Milliseconds with three digits after the point.
fn fraction(time: Duration) -> f64 {
    let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    f64::from(micros) / 1000.0
}
