//! Thoughts of earlier answers for clients that do not send them back.
//!
//! A vendor wants its signatures and encrypted reasoning back beside the tool calls that they led to.
//! Most clients echo what their format lets them keep ([`crate::token`]); some keep nothing but text and
//! calls. For these an answer hands out what should be remembered ([`Learned`]), and a request asks what is
//! known of the calls in its history ([`Recall`]). Where the memory is, how long it lasts and who may read
//! it is its owner's; it must answer only with what this very model of this very provider made, for the same
//! client.
//!
//! A call is known by what every client echoes of it: its id, its tool's name, its arguments as a value, and
//! what the user and the tools had said before. An id counts alone (with the call's digest) only where the
//! upstream made it; ids that byok made up repeat in every conversation.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use byok_types::Family;
use byok_types::chat::{
    Delta, Event, Head, Part, PartKind, ReasoningPart, Request, Response, Role, Source, Token, ToolCall,
    ToolKind, unfold,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What a call in a history is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallKey(pub [u8; 32]);

/// What led to a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thoughts {
    /// What was thought before anything was said since the previous call.
    first: Vec<ReasoningPart>,
    /// What was thought after that, just before the call.
    last: Vec<ReasoningPart>,
    /// The call's own signature.
    token: Option<Token>,
}

impl Thoughts {
    /// Whether there is nothing in them.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty() && self.last.is_empty() && self.token.is_none()
    }

    /// About how many bytes of memory they take.
    pub fn size(&self) -> usize {
        let parts = self.first.iter().chain(&self.last).map(|part| {
            let token = part.token.as_ref().map_or(0, |token| token.value.len());
            let id = part.item_id.as_ref().map_or(0, String::len);
            size_of::<ReasoningPart>() + part.text.len() + token + id
        });
        size_of::<Self>() + parts.sum::<usize>() + self.token.as_ref().map_or(0, |token| token.value.len())
    }
}

/// What an answer gives to remember.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// The name under which it is asked for where the conversation is the same.
    pub key: CallKey,
    /// The name under which it is asked for where the conversation was cut. It is no name any more once
    /// something else comes under it: then the upstream uses ids again.
    pub by_id: Option<CallKey>,
    /// What to remember.
    pub thoughts: Arc<Thoughts>,
}

/// A memory of thoughts, as one client may read it for one model.
pub trait Recall: fmt::Debug {
    /// What led to that call, where it is still known.
    fn recall(&self, key: &CallKey) -> Option<Arc<Thoughts>>;
}

/// No memory.
impl Recall for () {
    fn recall(&self, _key: &CallKey) -> Option<Arc<Thoughts>> {
        None
    }
}

/// Puts back what is remembered of the calls whose thoughts the client left out. `request` is as the client
/// sent it.
pub(crate) fn restore(request: &mut Request, family: Family, memory: &dyn Recall) {
    let mut said = Said::default();
    // Where the stretch since the last call or the last thing that a user said begins, and whether the
    // client kept its thoughts.
    let (mut start, mut kept) = (None, false);
    let mut found: Vec<(At, At, Arc<Thoughts>)> = Vec::new();
    let mut used: Vec<Arc<Thoughts>> = Vec::new();
    for (turn, content) in request.turns.iter().enumerate() {
        for (part, piece) in content.parts.iter().enumerate() {
            let here = At { turn, part };
            if content.role != Role::Assistant {
                (start, kept) = (None, false);
                said.hear(content.role, piece);
                continue;
            }
            let begin = *start.get_or_insert(here);
            match &piece.kind {
                PartKind::Reasoning(reasoning) => kept |= is_worth(reasoning, family),
                PartKind::ToolCall(call) => {
                    let signed = piece.token.as_ref().is_some_and(|token| token.family == family);
                    let names = [Some(said.key(call)), key_by_id(call)];
                    let known = names.into_iter().flatten().find_map(|key| {
                        let thoughts = memory.recall(&key)?;
                        // Equal calls of one answer have one name; the thoughts are the first one's.
                        let again = used.iter().any(|other| Arc::ptr_eq(other, &thoughts));
                        (!again).then_some(thoughts)
                    });
                    if let Some(thoughts) = known {
                        used.push(Arc::clone(&thoughts));
                        if !kept && !signed {
                            found.push((begin, here, thoughts));
                        }
                    }
                    said.call(call);
                    (start, kept) = (Some(At { turn, part: part + 1 }), false);
                }
                _ => {}
            }
        }
    }
    // From the end, so that the places stay right.
    for (begin, call, thoughts) in found.into_iter().rev() {
        put(request, begin, call, &thoughts);
    }
}

#[derive(Clone, Copy)]
struct At {
    turn: usize,
    part: usize,
}

fn put(request: &mut Request, begin: At, call: At, thoughts: &Thoughts) {
    let parts = |list: &[ReasoningPart]| -> Vec<Part> {
        list.iter().cloned().map(|part| PartKind::Reasoning(part).into()).collect()
    };
    if let Some(turn) = request.turns.get_mut(call.turn) {
        if let (Some(token), Some(part)) = (&thoughts.token, turn.parts.get_mut(call.part)) {
            part.token = Some(token.clone());
        }
        turn.parts.splice(call.part..call.part, parts(&thoughts.last));
    }
    // A stretch that begins past its turn's last part goes on in the next one.
    if let Some(turn) = request.turns.get_mut(begin.turn) {
        let at = begin.part.min(turn.parts.len());
        turn.parts.splice(at..at, parts(&thoughts.first));
    }
}

/// Whether a piece of reasoning is of use to its maker.
fn is_worth(reasoning: &ReasoningPart, family: Family) -> bool {
    match family {
        // These check the token, and take no thoughts without one.
        Family::Anthropic | Family::Gemini | Family::OpenaiResponses => {
            reasoning.token.as_ref().is_some_and(|token| token.family == family && !token.value.is_empty())
        }
        // These have no tokens, but some of their models want the text back.
        Family::Cohere | Family::OpenaiChat => !reasoning.text.is_empty(),
    }
}

/// What was said so far that every client repeats: what users and tools said, and the calls.
#[derive(Clone, Default)]
struct Said(Sha256);

impl Said {
    fn of(request: &Request) -> Self {
        let mut said = Self::default();
        for turn in &request.turns {
            for part in &turn.parts {
                match &part.kind {
                    PartKind::ToolCall(call) if turn.role == Role::Assistant => said.call(call),
                    _ if turn.role == Role::Assistant => {}
                    _ => said.hear(turn.role, part),
                }
            }
        }
        said
    }

    /// Instructions are left out: clients put the time and the like into them.
    fn hear(&mut self, role: Role, part: &Part) {
        if role != Role::User {
            return;
        }
        match &part.kind {
            PartKind::Text { text, .. } => self.field("text", text.trim()),
            PartKind::ToolResult(result) => {
                self.field("result", "");
                for part in &result.parts {
                    self.hear(role, part);
                }
            }
            PartKind::Media(media) => {
                let (kind, text) = match &media.source {
                    // Its length and its end tell one picture from another well enough.
                    Source::Base64 { data, .. } => ("data", data),
                    Source::Text(text) => ("document", text),
                    Source::Url { url, .. } => ("url", url),
                    Source::VendorFile { id, .. } => ("file", id),
                };
                self.0.update(text.len().to_be_bytes());
                let end = &text.as_bytes()[text.len().saturating_sub(256)..];
                self.0.update(kind);
                self.0.update(end);
            }
            PartKind::Opaque { .. }
            | PartKind::Reasoning(_)
            | PartKind::Refusal(_)
            | PartKind::ToolCall(_) => {}
        }
    }

    fn call(&mut self, call: &ToolCall) {
        let digest = call_digest(call);
        self.field("call", "");
        self.0.update(digest);
    }

    fn field(&mut self, kind: &str, text: &str) {
        field(&mut self.0, kind.as_bytes());
        field(&mut self.0, text.as_bytes());
    }

    /// The name of a call that comes next.
    fn key(&self, call: &ToolCall) -> CallKey {
        key(b"said", &self.0.clone().finalize(), call)
    }
}

/// The name of a call by its id, where that is the upstream's own.
fn key_by_id(call: &ToolCall) -> Option<CallKey> {
    (!call.generated_id).then(|| key(b"id", call.id.as_bytes(), call))
}

fn key(kind: &[u8], what: &[u8], call: &ToolCall) -> CallKey {
    let mut hash = Sha256::new();
    field(&mut hash, kind);
    field(&mut hash, what);
    hash.update(call_digest(call));
    CallKey(hash.finalize().into())
}

fn field(hash: &mut Sha256, bytes: &[u8]) {
    hash.update(bytes.len().to_be_bytes());
    hash.update(bytes);
}

/// The tool's name and the arguments as a value: clients change the order of keys, white space, and how
/// numbers are written.
fn call_digest(call: &ToolCall) -> [u8; 32] {
    let mut hash = Sha256::new();
    field(&mut hash, call.name.as_bytes());
    match (call.kind, serde_json::from_str::<Value>(&call.arguments)) {
        (ToolKind::Function, Ok(value)) => value_digest(&value, &mut hash),
        _ => field(&mut hash, call.arguments.trim().as_bytes()),
    }
    hash.finalize().into()
}

fn value_digest(value: &Value, hash: &mut Sha256) {
    match value {
        Value::Null => hash.update(b"n"),
        Value::Bool(bool) => hash.update(if *bool { b"t" } else { b"f" }),
        Value::Number(number) => {
            hash.update(b"d");
            hash.update(number.as_f64().unwrap_or_default().to_bits().to_be_bytes());
        }
        Value::String(text) => {
            hash.update(b"s");
            field(hash, text.as_bytes());
        }
        Value::Array(list) => {
            hash.update(b"a");
            hash.update(list.len().to_be_bytes());
            for value in list {
                value_digest(value, hash);
            }
        }
        Value::Object(map) => {
            hash.update(b"o");
            hash.update(map.len().to_be_bytes());
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            for (key, value) in entries {
                field(hash, key.as_bytes());
                value_digest(value, hash);
            }
        }
    }
}

/// Watches an answer as the client gets it, and gives out what should be remembered of it. Holds no more
/// than [`MAX_BYTES`] of one call and what led to it; past that it lets them go.
pub(crate) struct Learner {
    family: Family,
    said: Said,
    thoughts: Thoughts,
    size: usize,
    /// Whether something was said since the last call.
    spoke: bool,
    open: Open,
    calls: usize,
    ids: HashSet<CallKey>,
    learned: Vec<Learned>,
}

enum Open {
    Call(ToolCall),
    Nothing,
    Thought(ReasoningPart),
}

/// What one call and its thoughts may take.
const MAX_BYTES: usize = 512 * 1024;
/// More calls of one answer are not remembered.
const MAX_CALLS: usize = 128;

impl Learner {
    /// `request` is as the client sent it.
    pub(crate) fn new(request: &Request, family: Family) -> Self {
        Self {
            family,
            // Nothing to learn from an answer that calls nothing.
            said: if request.tools.is_empty() { Said::default() } else { Said::of(request) },
            thoughts: Thoughts::default(),
            size: 0,
            spoke: false,
            open: Open::Nothing,
            calls: 0,
            ids: HashSet::new(),
            learned: Vec::new(),
        }
    }

    /// What was learned since the last time.
    pub(crate) fn take(&mut self) -> Vec<Learned> {
        std::mem::take(&mut self.learned)
    }

    /// All that a whole answer gives.
    pub(crate) fn whole(mut self, response: &Response) -> Vec<Learned> {
        let calls = |part: &Part| matches!(part.kind, PartKind::ToolCall(_));
        if response.candidates.iter().any(|candidate| candidate.parts.iter().any(calls)) {
            for event in unfold(response.clone()) {
                self.see(&event);
            }
        }
        self.take()
    }

    /// Looks at an event. Only the first answer counts, where several were asked for.
    pub(crate) fn see(&mut self, event: &Event) {
        match event {
            Event::Open { candidate: 0, head } => match head {
                Head::Reasoning { kind, item_id } => {
                    self.open = Open::Thought(ReasoningPart {
                        kind: *kind,
                        text: String::new(),
                        token: None,
                        item_id: item_id.clone(),
                    });
                }
                Head::ToolCall { id, generated_id, name, kind, namespace, item_id } => {
                    self.open = Open::Call(ToolCall {
                        id: id.clone(),
                        generated_id: *generated_id,
                        name: name.clone(),
                        arguments: String::new(),
                        kind: *kind,
                        namespace: namespace.clone(),
                        item_id: item_id.clone(),
                    });
                }
                Head::Media(_) | Head::Opaque { .. } | Head::Refusal | Head::Text => self.spoke = true,
            },
            Event::Delta { candidate: 0, delta } => self.grow(delta),
            Event::Close { candidate: 0 } => self.close(),
            _ => {}
        }
    }

    fn grow(&mut self, delta: &Delta) {
        match (&mut self.open, delta) {
            (Open::Thought(part), Delta::Text(more)) => {
                self.size += more.len();
                if self.size <= MAX_BYTES {
                    part.text.push_str(more);
                }
            }
            (Open::Thought(part), Delta::Token(token)) => {
                self.size += token.value.len();
                if self.size <= MAX_BYTES {
                    part.token = Some(token.clone());
                }
            }
            (Open::Call(call), Delta::Arguments(more)) => {
                self.size += more.len();
                if self.size <= MAX_BYTES {
                    call.arguments.push_str(more);
                }
            }
            (Open::Call(_), Delta::Token(token)) => {
                self.size += token.value.len();
                if self.size <= MAX_BYTES {
                    self.thoughts.token = Some(token.clone());
                }
            }
            _ => {}
        }
    }

    fn close(&mut self) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Thought(part) if is_worth(&part, self.family) => {
                let list = if self.spoke { &mut self.thoughts.last } else { &mut self.thoughts.first };
                list.push(part);
            }
            Open::Nothing | Open::Thought(_) => {}
            Open::Call(mut call) => {
                self.spoke = false;
                let thoughts = std::mem::take(&mut self.thoughts);
                let fits = std::mem::take(&mut self.size) <= MAX_BYTES;
                if call.kind == ToolKind::Function && call.arguments.trim().is_empty() {
                    "{}".clone_into(&mut call.arguments);
                }
                let key = self.said.key(&call);
                // The first of several equal calls is the one with the thoughts.
                let by_id = key_by_id(&call).filter(|key| self.calls < MAX_CALLS && self.ids.insert(*key));
                self.said.call(&call);
                self.calls += 1;
                if fits && !thoughts.is_empty() && self.calls <= MAX_CALLS {
                    self.learned.push(Learned { key, by_id, thoughts: Arc::new(thoughts) });
                }
            }
        }
    }
}

impl fmt::Debug for Learner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Learner").field("family", &self.family).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
