//! Writes an answer for an Ollama client: one object, or one object a line.

use byok_types::chat::{Delta, Event, Head, PartKind, Response, StopReason, Usage};
use serde_json::{Map, Value, json};

use crate::format::{EventWriter, Reply};
use crate::wire::{arguments_object, keep_on_one_line};

/// Which route the answer is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Chat,
    Generate,
}

pub(super) struct Writer {
    route: Route,
    reply: Reply,
    open: Open,
    stop: StopReason,
    usage: Usage,
}

enum Open {
    Call { id: String, name: String, arguments: String },
    Nothing,
    Text,
    Thinking,
}

impl Writer {
    pub(super) fn new(route: Route, reply: Reply) -> Self {
        Self { route, reply, open: Open::Nothing, stop: StopReason::EndTurn, usage: Usage::default() }
    }

    /// One line that is not the last.
    fn line(&self, field: &str, value: &Value, out: &mut Vec<u8>) {
        let mut body = head(&self.reply);
        match self.route {
            Route::Chat => {
                let mut message = json!({"role": "assistant", "content": ""});
                message[field] = value.clone();
                body.insert("message".to_owned(), message);
            }
            Route::Generate => {
                body.insert("response".to_owned(), json!(""));
                body.insert(if field == "content" { "response" } else { field }.to_owned(), value.clone());
            }
        }
        body.insert("done".to_owned(), json!(false));
        push_line(&body, out);
    }
}

impl EventWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start(start) => self.usage.update(&start.usage),
            Event::Open { candidate: 0, head } => {
                self.open = match head {
                    Head::Text | Head::Refusal => Open::Text,
                    Head::Reasoning { .. } => Open::Thinking,
                    Head::ToolCall { id, name, .. } => {
                        Open::Call { id: id.clone(), name: name.clone(), arguments: String::new() }
                    }
                    Head::Media(_) | Head::Opaque { .. } => Open::Nothing,
                };
            }
            Event::Delta { candidate: 0, delta } => match (&mut self.open, delta) {
                (Open::Text, Delta::Text(text)) => self.line("content", &json!(text), out),
                (Open::Thinking, Delta::Text(text)) => self.line("thinking", &json!(text), out),
                (Open::Call { arguments, .. }, Delta::Arguments(more)) => arguments.push_str(more),
                _ => {}
            },
            Event::Close { candidate: 0 } => {
                if let Open::Call { id, name, arguments } = std::mem::replace(&mut self.open, Open::Nothing) {
                    self.line("tool_calls", &json!([call(&id, &name, &arguments)]), out);
                }
            }
            Event::Usage(usage) => self.usage.update(usage),
            Event::Stop { candidate: 0, stop } => self.stop = stop.reason,
            Event::End => {
                let mut body = head(&self.reply);
                match self.route {
                    Route::Chat => {
                        body.insert("message".to_owned(), json!({"role": "assistant", "content": ""}))
                    }
                    Route::Generate => body.insert("response".to_owned(), json!("")),
                };
                finish(&mut body, self.stop, &self.usage);
                push_line(&body, out);
            }
            Event::Error(fault) => {
                out.extend_from_slice(&super::write_fault(fault));
                out.push(b'\n');
            }
            Event::Open { .. }
            | Event::Delta { .. }
            | Event::Close { .. }
            | Event::Stop { .. }
            | Event::Logprobs { .. }
            | Event::Heartbeat => {}
        }
    }

    /// Every line is taken for an answer, an empty one for a broken one: there is no safe sign of life.
    fn keepalive(&mut self, _: &mut Vec<u8>) {}
}

/// The whole answer as one object.
pub(super) fn whole(route: Route, response: &Response, reply: &Reply) -> Vec<u8> {
    let mut body = head(reply);
    let (mut content, mut thinking, mut calls) = (String::new(), String::new(), Vec::new());
    let first = response.candidates.first();
    for part in first.map(|candidate| candidate.parts.as_slice()).unwrap_or_default() {
        match &part.kind {
            PartKind::Text { text, .. } | PartKind::Refusal(text) => content.push_str(text),
            PartKind::Reasoning(reasoning) => thinking.push_str(&reasoning.text),
            PartKind::ToolCall(found) => calls.push(call(&found.id, &found.name, &found.arguments)),
            PartKind::Media(_) | PartKind::Opaque { .. } | PartKind::ToolResult(_) => {}
        }
    }
    let mut message = Map::new();
    let text_field = if route == Route::Chat { "content" } else { "response" };
    message.insert(text_field.to_owned(), json!(content));
    if !thinking.is_empty() {
        message.insert("thinking".to_owned(), json!(thinking));
    }
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    match route {
        Route::Chat => {
            let mut with_role = Map::new();
            with_role.insert("role".to_owned(), json!("assistant"));
            with_role.extend(message);
            body.insert("message".to_owned(), Value::Object(with_role));
        }
        Route::Generate => body.extend(message),
    }
    let reason = first.map_or(StopReason::Error, |candidate| candidate.stop.reason);
    finish(&mut body, reason, &response.usage);
    serde_json::to_vec(&body).unwrap_or_default()
}

fn head(reply: &Reply) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(reply.model));
    body.insert("created_at".to_owned(), json!(rfc3339(reply.id.created)));
    body
}

fn finish(body: &mut Map<String, Value>, reason: StopReason, usage: &Usage) {
    let word = match reason {
        StopReason::MaxTokens | StopReason::ContextFull => "length",
        _ => "stop",
    };
    body.insert("done".to_owned(), json!(true));
    body.insert("done_reason".to_owned(), json!(word));
    body.insert("prompt_eval_count".to_owned(), json!(usage.input.unwrap_or(0)));
    body.insert("eval_count".to_owned(), json!(usage.output.unwrap_or(0)));
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"id": id, "function": {"name": name, "arguments": arguments_object(arguments).to_value()}})
}

fn push_line(body: &Map<String, Value>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(Value::Object(body.clone()).to_string().as_bytes());
    keep_on_one_line(out, start);
    out.push(b'\n');
}

/// Unix seconds as `2026-09-21T14:13:20Z` (days to a date as in the civil calendar's era arithmetic).
fn rfc3339(seconds: u64) -> String {
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (clock / 3_600, clock % 3_600 / 60, clock % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use byok_types::chat::unfold;

    use super::*;

    #[test]
    fn times_are_written_as_dates() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_790_000_000, "2026-09-21T14:13:20Z"),
        ] {
            assert_eq!(rfc3339(seconds), date);
        }
    }

    #[test]
    fn a_streamed_answer_says_what_the_whole_one_says() {
        let response = super::super::tests::answer();
        let mut writer = Writer::new(Route::Chat, super::super::tests::reply());
        let mut out = Vec::new();
        for event in unfold(response.clone()) {
            writer.write(&event, &mut out);
        }
        let lines: Vec<Value> =
            String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let whole: Value =
            serde_json::from_slice(&whole(Route::Chat, &response, &super::super::tests::reply())).unwrap();
        let joined =
            |field: &str| lines.iter().filter_map(|line| line["message"][field].as_str()).collect::<String>();
        assert_eq!(joined("content"), whole["message"]["content"]);
        assert_eq!(joined("thinking"), whole["message"]["thinking"]);
        let calls: Vec<&Value> =
            lines.iter().filter_map(|line| line["message"]["tool_calls"].as_array()).flatten().collect();
        assert_eq!(json!(calls), whole["message"]["tool_calls"]);
        assert_eq!(lines.last().unwrap()["eval_count"], whole["eval_count"]);
        assert!(lines.iter().rev().skip(1).all(|line| line["done"] == false));
    }
}
