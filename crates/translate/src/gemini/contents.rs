//! A client's conversation: `contents` and `systemInstruction`.
//!
//! Chat sessions of Google's clients store a streamed answer chunk by chunk, so the contents and parts
//! of one answer are joined again, with the rules of the stream: text goes on with text and thoughts with
//! thoughts until one of them is signed. What a user says keeps its parts.

use std::collections::{HashMap, VecDeque};

use byok_types::chat::{
    Part, PartKind, ReasoningKind, ReasoningPart, Role, SystemText, Token, ToolCall, ToolKind, ToolResult,
    Turn,
};
use byok_types::{Family, RawJson};

use super::thought::{self, About, Carried};
use super::tree::Tree;
use super::{media, wire};
use crate::format::ReadError;
use crate::wire::Fields;

/// Reads `systemInstruction`; each part stays its own text.
pub(super) fn system(content: wire::Content) -> Result<Vec<SystemText>, ReadError> {
    let mut texts = Vec::new();
    for (at, mut part) in content.parts.unwrap_or_default().0.into_iter().enumerate() {
        if has_payload(&part) || opaque(&mut part).is_some() {
            return Err(ReadError::field(
                format!("systemInstruction.parts[{at}]"),
                "only text may stand here",
            ));
        }
        texts.extend(part.text.filter(|text| !text.is_empty()).map(|text| SystemText { text, cache: None }));
    }
    Ok(texts)
}

/// Reads `contents`.
pub(super) fn turns(contents: Vec<wire::Content>) -> Result<Vec<Turn>, ReadError> {
    let mut conversation = Conversation::default();
    for (at, content) in contents.into_iter().enumerate() {
        conversation.content(content, &format!("contents[{at}]"))?;
    }
    Ok(conversation.turns)
}

/// A conversation as far as it has been read.
#[derive(Default)]
struct Conversation {
    turns: Vec<Turn>,
    /// Every call so far.
    calls: Vec<Call>,
    by_id: HashMap<String, usize>,
    /// The calls of the current exchange in their order, by name and all together: a result without an
    /// id answers the first one that has none yet.
    waiting_by_name: HashMap<String, VecDeque<usize>>,
    waiting: VecDeque<usize>,
    /// The number of the next call in its turn.
    number: usize,
    /// Results that belong to no call, so that each gets an id of its own.
    strays: usize,
}

/// A call that wants its result.
struct Call {
    id: String,
    generated_id: bool,
    name: String,
    answered: bool,
}

impl Conversation {
    fn content(&mut self, content: wire::Content, path: &str) -> Result<(), ReadError> {
        let role = match content.role.as_deref() {
            None | Some("" | "user" | "function") => Role::User,
            Some("model") => Role::Assistant,
            Some(_) => return Err(ReadError::field(format!("{path}.role"), "it is one of user and model")),
        };
        let goes_on = role == Role::Assistant && self.turns.last().is_some_and(|turn| turn.role == role);
        if !goes_on {
            self.turns.push(Turn::new(role, Vec::new()));
            if role == Role::Assistant {
                self.waiting_by_name.clear();
                self.waiting.clear();
                self.number = 0;
            }
        }
        for (at, part) in content.parts.unwrap_or_default().0.into_iter().enumerate() {
            let path = format!("{path}.parts[{at}]");
            match role {
                Role::Assistant => self.model_part(part, &path)?,
                Role::System | Role::User => self.user_part(part, &path)?,
            }
        }
        Ok(())
    }

    fn user_part(&mut self, mut part: wire::Part, path: &str) -> Result<(), ReadError> {
        if part.function_call.is_some() {
            let reason = "a functionCall belongs into a content with the role model";
            return Err(ReadError::field(format!("{path}.functionCall"), reason));
        }
        let opaque = opaque(&mut part).map(own_piece);
        let text = part.text.take().filter(|text| !text.is_empty()).map(Part::text);
        let media = media::read(&mut part, path)?.map(|media| Part::new(PartKind::Media(media)));
        let result = match part.function_response.take() {
            Some(response) => Some(self.result(response, path)?),
            None => None,
        };
        self.parts().extend([text, media, result, opaque].into_iter().flatten());
        Ok(())
    }

    fn model_part(&mut self, mut part: wire::Part, path: &str) -> Result<(), ReadError> {
        if part.function_response.is_some() {
            let reason = "a functionResponse belongs into a content with the role user";
            return Err(ReadError::field(format!("{path}.functionResponse"), reason));
        }
        if let Some(opaque) = opaque(&mut part) {
            self.parts().push(own_piece(opaque));
        }
        let mut signature = part.thought_signature.as_deref().and_then(thought::read);
        if let Some(call) = part.function_call.take() {
            let call = self.call(call, path)?;
            self.parts().push(Part { kind: call, cache: None, token: signature.take().map(|it| it.token) });
        }
        if let Some(media) = media::read(&mut part, path)? {
            let token = signature.take().map(|it| it.token);
            self.parts().push(Part { kind: PartKind::Media(media), cache: None, token });
        }
        let text = part.text.take().unwrap_or_default();
        let thought = part.thought == Some(true);
        match (thought, text.is_empty(), signature) {
            (_, true, None) => {}
            (true, false, signature) => push_thought(self.parts(), &text, signature),
            (false, false, signature) => push_text(self.parts(), &text, signature.map(|it| it.token)),
            (_, true, Some(signature)) => push_signature(self.parts(), thought, signature),
        }
        Ok(())
    }

    fn parts(&mut self) -> &mut Vec<Part> {
        if self.turns.is_empty() {
            self.turns.push(Turn::new(Role::User, Vec::new()));
        }
        let last = self.turns.len() - 1;
        &mut self.turns[last].parts
    }

    fn call(&mut self, call: wire::FunctionCall, path: &str) -> Result<PartKind, ReadError> {
        let Some(name) = call.name.filter(|name| !name.is_empty()) else {
            return Err(ReadError::field(format!("{path}.functionCall.name"), "it is required"));
        };
        let given = call.id.filter(|id| !id.is_empty());
        let generated_id = given.is_none();
        let id = given.unwrap_or_else(|| {
            // Made from the position, because the same history comes back with every turn.
            let turn = self.turns.len() - 1;
            loop {
                let id = format!("call_{turn}_{}", self.number);
                if !self.by_id.contains_key(&id) {
                    break id;
                }
                self.number += 1;
            }
        });
        self.number += 1;
        let at = self.calls.len();
        self.by_id.insert(id.clone(), at);
        self.waiting_by_name.entry(name.clone()).or_default().push_back(at);
        self.waiting.push_back(at);
        self.calls.push(Call { id: id.clone(), generated_id, name: name.clone(), answered: false });
        let arguments = call.args.map_or_else(|| "{}".to_owned(), |args| args.get().to_owned());
        let kind = ToolKind::Function;
        Ok(PartKind::ToolCall(ToolCall {
            id,
            generated_id,
            name,
            arguments,
            kind,
            namespace: None,
            item_id: None,
        }))
    }

    fn result(&mut self, response: wire::FunctionResponse, path: &str) -> Result<Part, ReadError> {
        let given_id = response.id.filter(|id| !id.is_empty());
        let given_name = response.name.filter(|name| !name.is_empty());
        let answered = self.answered_by(given_id.as_deref(), given_name.as_deref());
        let call = answered.map(|at| {
            self.calls[at].answered = true;
            &self.calls[at]
        });
        // Some clients write the call's id where the name belongs.
        let name = match (given_name, call) {
            (Some(name), Some(call)) if name == call.id => Some(call.name.clone()),
            (Some(name), _) => Some(name),
            (None, call) => call.map(|call| call.name.clone()),
        };
        let call_id = match (call, given_id) {
            (Some(call), _) => call.id.clone(),
            (None, Some(id)) => id,
            (None, None) => {
                self.strays += 1;
                format!("result_{}_{}", self.turns.len() - 1, self.strays)
            }
        };
        let (text, is_error) = response.response.as_ref().map(said).unwrap_or_default();
        let mut parts: Vec<Part> = text.into_iter().collect();
        for (at, mut part) in response.parts.unwrap_or_default().0.into_iter().enumerate() {
            let path = format!("{path}.functionResponse.parts[{at}]");
            parts.extend(part.text.take().filter(|text| !text.is_empty()).map(Part::text));
            parts.extend(media::read(&mut part, &path)?.map(|media| Part::new(PartKind::Media(media))));
        }
        let kind = ToolKind::Function;
        let raw_object = response.response.filter(RawJson::is_object);
        Ok(Part::new(PartKind::ToolResult(ToolResult { call_id, name, parts, is_error, kind, raw_object })))
    }

    /// The call that a result answers: the one with its id, or else the first of its name that has no
    /// result yet.
    fn answered_by(&mut self, id: Option<&str>, name: Option<&str>) -> Option<usize> {
        if let Some(id) = id {
            if let Some(&at) = self.by_id.get(id) {
                return Some(at);
            }
            // An id that only the result has says nothing about a call that came without one.
            return self.first_waiting(name).filter(|&at| self.calls[at].generated_id);
        }
        self.first_waiting(name).or_else(|| self.by_id.get(name?).copied())
    }

    fn first_waiting(&mut self, name: Option<&str>) -> Option<usize> {
        let queue = match name {
            Some(name) => self.waiting_by_name.get_mut(name)?,
            None => &mut self.waiting,
        };
        while let Some(&at) = queue.front() {
            if !self.calls[at].answered {
                return Some(at);
            }
            queue.pop_front();
        }
        None
    }
}

/// What a result says: its text, and whether it is a failure. The service's own words for the two are
/// `output` and `error`; `result` is what its client libraries write for a plain value, and Vercel's AI
/// SDK puts the value into `content`, after the tool's name.
fn said(response: &RawJson) -> (Option<Part>, bool) {
    let fields = response.read::<Fields>().unwrap_or_default().0;
    let (said, is_error) = match fields.as_slice() {
        [] if response.is_object() => return (None, false),
        [(key, value)] if matches!(key.as_str(), "output" | "result" | "error") => {
            (value, key == "error" && !value.is_null())
        }
        [(name, _), (content, value)] if name == "name" && content == "content" => (value, false),
        _ => (response, false),
    };
    let text = match said.as_str() {
        Some(text) => text.into_owned(),
        None if said.is_null() => String::new(),
        None => said.get().to_owned(),
    };
    ((!text.is_empty()).then(|| Part::text(text)), is_error)
}

/// Appends a text of the model: to the last one, unless that is signed.
fn push_text(parts: &mut Vec<Part>, more: &str, token: Option<Token>) {
    if let Some(Part { kind: PartKind::Text { text, .. }, token: last @ None, .. }) = parts.last_mut() {
        text.push_str(more);
        *last = token;
        return;
    }
    parts.push(Part { token, ..Part::text(more) });
}

/// Appends a thought: to the last one, unless that is signed.
fn push_thought(parts: &mut Vec<Part>, more: &str, signature: Option<Carried>) {
    match unsigned_thought(parts) {
        Some(last) => last.text.push_str(more),
        None => parts.push(Part::new(PartKind::Reasoning(ReasoningPart {
            kind: ReasoningKind::Summary,
            text: more.to_owned(),
            token: None,
            item_id: None,
        }))),
    }
    if let (Some(signature), Some(last)) = (signature, unsigned_thought(parts)) {
        sign(last, signature);
    }
}

/// A signature without text belongs to what stands before it, as long as that can take one. Otherwise it
/// stands alone, as a thought that shows nothing.
fn push_signature(parts: &mut Vec<Part>, thought: bool, signature: Carried) {
    let foreign = signature.about.is_some();
    let whole = signature
        .about
        .as_ref()
        .is_some_and(|it| !it.hidden.is_empty() || it.kind == ReasoningKind::Redacted);
    if !whole && let Some(last) = unsigned_thought(parts) {
        sign(last, signature);
        return;
    }
    if !foreign
        && !thought
        && let Some(Part { kind: PartKind::Text { .. }, token: last @ None, .. }) = parts.last_mut()
    {
        *last = Some(signature.token);
        return;
    }
    let mut reasoning =
        ReasoningPart { kind: ReasoningKind::Summary, text: String::new(), token: None, item_id: None };
    sign(&mut reasoning, signature);
    parts.push(Part::new(PartKind::Reasoning(reasoning)));
}

fn sign(reasoning: &mut ReasoningPart, Carried { token, about }: Carried) {
    reasoning.token = Some(token);
    if let Some(About { kind, item_id, hidden }) = about {
        reasoning.kind = kind;
        reasoning.item_id = item_id;
        reasoning.text.push_str(&hidden);
    }
}

fn unsigned_thought(parts: &mut [Part]) -> Option<&mut ReasoningPart> {
    match &mut parts.last_mut()?.kind {
        PartKind::Reasoning(reasoning) if reasoning.token.is_none() => Some(reasoning),
        _ => None,
    }
}

/// What the service runs itself (code, searches) and whatever else has no other payload: whole, as it came.
pub(super) fn opaque(part: &mut wire::Part) -> Option<RawJson> {
    let server_side = |(key, _): &(String, RawJson)| {
        matches!(key.as_str(), "executableCode" | "codeExecutionResult" | "toolCall" | "toolResponse")
    };
    let alone = part.text.is_none() && !has_payload(part);
    if part.rest.is_empty() || !(alone || part.rest.iter().any(server_side)) {
        return None;
    }
    let mut raw = Tree::default();
    for (key, value) in std::mem::take(&mut part.rest) {
        raw.set_field(&key, value);
    }
    if let Some(thought) = part.thought.take() {
        raw.set("thought", &thought);
    }
    if let Some(signature) = part.thought_signature.take() {
        raw.set("thoughtSignature", &signature);
    }
    RawJson::of(&raw).ok()
}

fn own_piece(raw: RawJson) -> Part {
    Part::new(PartKind::Opaque { family: Family::Gemini, raw })
}

/// Whether a part holds something other than text and what the service runs itself.
fn has_payload(part: &wire::Part) -> bool {
    part.inline_data.is_some()
        || part.file_data.is_some()
        || part.function_call.is_some()
        || part.function_response.is_some()
}
