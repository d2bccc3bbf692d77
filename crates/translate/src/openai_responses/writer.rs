//! Writes a Responses stream: the full ladder of events, because strict clients hang on a missing rung.

use byok_types::Fault;
use byok_types::chat::{
    Delta, Event, Head, Part, PartKind, ReasoningPart, Stop, StopReason, ToolCall, ToolKind, Usage,
};
use serde_json::{Map, Value, json};

use super::answer::{Ending, last_status, object, usage};
use super::items;
use crate::format::{EventWriter, Reply};

pub(super) struct Writer {
    reply: Reply,
    started: bool,
    sequence: u64,
    output: Vec<Value>,
    open: Option<Part>,
    /// Whether the open part has ended. Its item is finished when it is known whether the answer goes on
    /// behind it or was cut off in it.
    ended: bool,
    /// The id of the open part's item, made once: the item itself holds all that has been said so far.
    open_id: Value,
    stop: Option<Stop>,
    usage: Usage,
}

impl Writer {
    pub(super) fn new(reply: Reply) -> Self {
        Self {
            reply,
            started: false,
            sequence: 0,
            output: Vec::new(),
            open: None,
            ended: false,
            open_id: Value::Null,
            stop: None,
            usage: Usage::default(),
        }
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if !self.started {
            self.started = true;
            for kind in ["response.created", "response.in_progress"] {
                let response = object(&self.reply, "in_progress", Vec::new());
                self.send(kind, json!({"response": response}), out);
            }
        }
    }

    /// One event; `type` and `sequence_number` stand first.
    fn send(&mut self, kind: &str, fields: Value, out: &mut Vec<u8>) {
        let mut body = Map::new();
        body.insert("type".to_owned(), json!(kind));
        body.insert("sequence_number".to_owned(), json!(self.sequence));
        if let Value::Object(fields) = fields {
            body.extend(fields);
        }
        self.sequence += 1;
        out.extend_from_slice(format!("event: {kind}\ndata: {}\n\n", Value::Object(body)).as_bytes());
    }

    /// The item of the open part, as it is now.
    fn item(&self, part: &Part, status: &str) -> Option<Value> {
        items::item(part, &self.reply.id.unique, self.output.len(), status)
    }

    /// An event about the open item.
    fn send_at(&mut self, kind: &str, id: &Value, extra: Value, out: &mut Vec<u8>) {
        let mut fields = json!({"item_id": id, "output_index": self.output.len()});
        if let (Value::Object(fields), Value::Object(extra)) = (&mut fields, extra) {
            fields.extend(extra);
        }
        self.send(kind, fields, out);
    }

    fn open(&mut self, head: &Head, out: &mut Vec<u8>) {
        self.close("completed", out);
        let part = Part::new(match head {
            Head::Media(media) => PartKind::Media(media.clone()),
            Head::Opaque { family, raw } => PartKind::Opaque { family: *family, raw: raw.clone() },
            Head::Reasoning { kind, item_id } => PartKind::Reasoning(ReasoningPart {
                kind: *kind,
                text: String::new(),
                token: None,
                item_id: item_id.clone(),
            }),
            Head::Refusal => PartKind::Refusal(String::new()),
            Head::Text => PartKind::Text { text: String::new(), citations: Vec::new() },
            Head::ToolCall { id, generated_id, name, kind, namespace, item_id } => {
                PartKind::ToolCall(ToolCall {
                    id: id.clone(),
                    generated_id: *generated_id,
                    name: name.clone(),
                    arguments: String::new(),
                    kind: *kind,
                    namespace: namespace.clone(),
                    item_id: item_id.clone(),
                })
            }
        });
        self.open_id = Value::Null;
        if let Some(mut item) = self.item(&part, "in_progress") {
            let id = item["id"].clone();
            self.open_id = id.clone();
            let is_message = item["type"] == "message";
            let content = item["content"][0].clone();
            if is_message {
                item["content"] = json!([]);
            }
            self.send(
                "response.output_item.added",
                json!({"output_index": self.output.len(), "item": item}),
                out,
            );
            if is_message {
                self.send_at(
                    "response.content_part.added",
                    &id,
                    json!({"content_index": 0, "part": content}),
                    out,
                );
            }
        }
        self.open = Some(part);
    }

    fn grow(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        let Some(mut part) = self.open.take() else { return };
        let id = self.open_id.clone();
        match (delta, &mut part.kind) {
            (Delta::Text(more), PartKind::Text { text, .. }) => {
                text.push_str(more);
                let extra = json!({"content_index": 0, "delta": more, "logprobs": []});
                self.send_at("response.output_text.delta", &id, extra, out);
            }
            (Delta::Text(more), PartKind::Refusal(text)) => {
                text.push_str(more);
                self.send_at("response.refusal.delta", &id, json!({"content_index": 0, "delta": more}), out);
            }
            (Delta::Text(more), PartKind::Reasoning(reasoning)) => {
                if reasoning.text.is_empty() {
                    let empty = json!({"summary_index": 0, "part": {"type": "summary_text", "text": ""}});
                    self.send_at("response.reasoning_summary_part.added", &id, empty, out);
                }
                reasoning.text.push_str(more);
                let extra = json!({"summary_index": 0, "delta": more});
                self.send_at("response.reasoning_summary_text.delta", &id, extra, out);
            }
            (Delta::Arguments(more), PartKind::ToolCall(call)) if !more.is_empty() => {
                call.arguments.push_str(more);
                let kind = match call.kind {
                    ToolKind::Function => "response.function_call_arguments.delta",
                    ToolKind::Custom => "response.custom_tool_call_input.delta",
                };
                self.send_at(kind, &id, json!({"delta": more}), out);
            }
            (Delta::Citation(citation), PartKind::Text { citations, .. }) => {
                if let Some(annotation) = items::annotation(citation) {
                    let extra = json!({"content_index": 0, "annotation_index": citations.len(), "annotation": annotation});
                    self.send_at("response.output_text.annotation.added", &id, extra, out);
                    citations.push(citation.clone());
                }
            }
            (Delta::Token(token), PartKind::Reasoning(reasoning)) => reasoning.token = Some(token.clone()),
            (Delta::Token(token), _) => part.token = Some(token.clone()),
            _ => {}
        }
        self.open = Some(part);
    }

    fn close(&mut self, status: &str, out: &mut Vec<u8>) {
        if let Some(PartKind::ToolCall(call)) = self.open.as_ref().map(|part| &part.kind)
            && call.kind == ToolKind::Function
            && call.arguments.is_empty()
        {
            self.grow(&Delta::Arguments("{}".to_owned()), out);
        }
        self.ended = false;
        let Some(part) = self.open.take() else { return };
        let Some(item) = self.item(&part, status) else { return };
        let id = item["id"].clone();
        match &part.kind {
            PartKind::Text { text, .. } => {
                let extra = json!({"content_index": 0, "text": text, "logprobs": []});
                self.send_at("response.output_text.done", &id, extra, out);
                let extra = json!({"content_index": 0, "part": item["content"][0]});
                self.send_at("response.content_part.done", &id, extra, out);
            }
            PartKind::Refusal(text) => {
                self.send_at("response.refusal.done", &id, json!({"content_index": 0, "refusal": text}), out);
                let extra = json!({"content_index": 0, "part": item["content"][0]});
                self.send_at("response.content_part.done", &id, extra, out);
            }
            PartKind::Reasoning(reasoning) if !reasoning.text.is_empty() => {
                let extra = json!({"summary_index": 0, "text": reasoning.text});
                self.send_at("response.reasoning_summary_text.done", &id, extra, out);
                let extra = json!({"summary_index": 0, "part": item["summary"][0]});
                self.send_at("response.reasoning_summary_part.done", &id, extra, out);
            }
            PartKind::ToolCall(call) => match call.kind {
                ToolKind::Function => {
                    let extra = json!({"name": call.name, "arguments": call.arguments});
                    self.send_at("response.function_call_arguments.done", &id, extra, out);
                }
                ToolKind::Custom => {
                    self.send_at(
                        "response.custom_tool_call_input.done",
                        &id,
                        json!({"input": call.arguments}),
                        out,
                    );
                }
            },
            PartKind::Reasoning(_)
            | PartKind::Media(_)
            | PartKind::Opaque { .. }
            | PartKind::ToolResult(_) => {}
        }
        let token = items::token_item(&part, &self.reply.id.unique, self.output.len());
        self.item_done(item, out);
        if let Some(item) = token {
            self.send(
                "response.output_item.added",
                json!({"output_index": self.output.len(), "item": item}),
                out,
            );
            self.item_done(item, out);
        }
    }

    fn item_done(&mut self, item: Value, out: &mut Vec<u8>) {
        let fields = json!({"output_index": self.output.len(), "item": item});
        self.send("response.output_item.done", fields, out);
        self.output.push(item);
    }

    fn end(&mut self, ending: &Ending, out: &mut Vec<u8>) {
        let mut response = object(&self.reply, ending.status(), std::mem::take(&mut self.output));
        ending.describe(&mut response);
        response.insert("usage".to_owned(), usage(&self.usage));
        self.send(&format!("response.{}", ending.status()), json!({"response": response}), out);
    }

    fn fail(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        self.start(out);
        self.close(if self.ended { "completed" } else { "incomplete" }, out);
        self.end(&Ending::Failed(fault.clone()), out);
    }
}

impl EventWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start(start) => {
                self.usage.update(&start.usage);
                self.start(out);
            }
            Event::Open { candidate: 0, head } => self.open(head, out),
            Event::Delta { candidate: 0, delta } => self.grow(delta, out),
            Event::Close { candidate: 0 } => self.ended = true,
            Event::Usage(usage) => self.usage.update(usage),
            Event::Stop { candidate: 0, stop } => {
                self.close(last_status(stop.reason), out);
                self.stop = Some(stop.clone());
            }
            Event::End => {
                self.close("completed", out);
                let stop = self.stop.take().unwrap_or(Stop::new(StopReason::EndTurn));
                let ending = Ending::of(&stop, &self.output);
                self.end(&ending, out);
            }
            Event::Error(fault) => self.fail(fault, out),
            // One answer, no probabilities in another's form; the sign of life is `keepalive`.
            Event::Open { .. }
            | Event::Delta { .. }
            | Event::Close { .. }
            | Event::Stop { .. }
            | Event::Logprobs { .. }
            | Event::Heartbeat => {}
        }
    }

    fn keepalive(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b": keep-alive\n\n");
    }
}
