//! The tool calls of one answer: which call a piece belongs to, and when a call is complete.
//!
//! Servers address the pieces of parallel calls by index, by id, by position in the array, or not at all,
//! and some get it wrong; the rules stand at [`Calls::find`]. Nothing is emitted here.

use byok_types::Family;
use byok_types::chat::{Token, ToolKind};

use super::FAMILY;
use super::wire::{self, ExtraContent};
use crate::token;

/// All calls of one answer, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Calls {
    list: Vec<Call>,
    /// What makes generated ids differ from answer to answer.
    seed: u64,
}

/// One call while it grows.
#[derive(Debug)]
pub(super) struct Call {
    index: Option<u64>,
    /// The server's id; `None` until one comes.
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) kind: ToolKind,
    /// Arguments that have come and have not been passed on.
    pub(super) held: String,
    /// Some arguments have been passed on.
    pub(super) sent: bool,
    /// Some arguments have come.
    begun: bool,
    pub(super) stage: Stage,
    extent: Extent,
    /// What the vendor put beside the call.
    pub(super) token: Option<Token>,
    hash: u64,
}

/// How far the emission of a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not yet opened: its name may still grow.
    Held,
    Open,
    Closed,
}

/// The most calls that one answer may hold; more is an upstream gone mad.
pub(super) const MAX_CALLS: usize = 1024;

impl Calls {
    pub(super) fn new(seed: u64) -> Self {
        Self { list: Vec::new(), seed }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn call(&mut self, number: usize) -> Option<&mut Call> {
        self.list.get_mut(number)
    }

    /// Takes a piece of a call. `position` is its place in the array that it came in. Gives the call's
    /// number and whether it is new, and how many bytes of arguments it now holds back more.
    pub(super) fn take(
        &mut self,
        piece: &wire::ToolCall,
        position: usize,
        whole: bool,
    ) -> (usize, bool, usize) {
        let piece = Piece::new(piece, position);
        let found = if whole { None } else { self.find(&piece) };
        let number = found.unwrap_or_else(|| {
            self.list.push(Call::new(piece.index, piece.kind, self.seed));
            self.list.len() - 1
        });
        let id_is_free =
            piece.id.is_some_and(|id| self.list.iter().all(|call| call.id.as_deref() != Some(id)));
        let call = &mut self.list[number];
        if id_is_free && call.id.is_none() {
            call.id = piece.id.map(str::to_owned);
        }
        let grown = call.absorb(&piece);
        (number, found.is_none(), grown)
    }

    /// The call that a piece belongs to; `None`: it begins a new one.
    ///
    /// - A known id decides. An unknown id begins a call, even on an index that is in use; but a piece
    ///   without a name, for a call that is still incomplete, goes on with it whatever its id.
    /// - Then the index, unless the call there is complete and the piece brings a name and arguments.
    /// - Then, without either, a name begins a call unless it repeats that of the unfinished last one;
    ///   arguments alone belong to the call at the same position of the array, or to the last.
    fn find(&self, piece: &Piece<'_>) -> Option<usize> {
        let last = self.list.len().checked_sub(1);
        let at_index = |index| self.list.iter().rposition(|call| call.index == Some(index));
        match (piece.id, piece.index) {
            (Some(id), index) => {
                let known = |call: &Call| {
                    call.id.as_deref() == Some(id)
                        && (call.index.is_none() || index.is_none() || call.index == index)
                };
                if let Some(number) = self.list.iter().rposition(known) {
                    return Some(number);
                }
                let number = index.map_or(last, at_index)?;
                let call = &self.list[number];
                let goes_on = match call.id {
                    Some(_) => piece.name.is_none() && !call.is_complete(),
                    None => piece.name.is_none() || !call.is_complete(),
                };
                goes_on.then_some(number)
            }
            (None, Some(index)) => {
                let number = at_index(index)?;
                let begins =
                    piece.name.is_some() && !piece.arguments.is_empty() && self.list[number].is_complete();
                (!begins).then_some(number)
            }
            (None, None) => match piece.name {
                Some(name) => {
                    let call = &self.list[last?];
                    let repeats = piece.position == 0 && call.name == name && !call.is_complete();
                    if repeats { last } else { None }
                }
                None if piece.position > 0 && piece.position < self.list.len() => Some(piece.position),
                None => last,
            },
        }
    }

    /// The id of a call, made up where the server gave none: the same for the same answer, and different
    /// from answer to answer as far as the answer itself is.
    pub(super) fn settle_id(&mut self, number: usize) -> (String, bool) {
        let Some(call) = self.list.get(number) else { return (String::new(), true) };
        if let Some(id) = &call.id {
            return (id.clone(), false);
        }
        let mut hash = hash(call.hash, call.name.as_bytes());
        loop {
            let id = format!("call_{hash:016x}");
            if self.list.iter().all(|call| call.id.as_deref() != Some(id.as_str())) {
                self.list[number].id = Some(id.clone());
                return (id, true);
            }
            hash = self::hash(hash, &[1]);
        }
    }
}

impl Call {
    fn new(index: Option<u64>, kind: ToolKind, seed: u64) -> Self {
        Self {
            index,
            id: None,
            name: String::new(),
            kind,
            held: String::new(),
            sent: false,
            begun: false,
            stage: Stage::Held,
            extent: Extent::default(),
            token: None,
            hash: seed,
        }
    }

    /// Whether its arguments are a complete JSON value, so that nothing more can come.
    pub(super) fn is_complete(&self) -> bool {
        self.kind == ToolKind::Function && self.extent.is_complete()
    }

    /// Whether it can be opened: it has a name, the name cannot grow any more, and it has an id.
    pub(super) fn is_ready(&self) -> bool {
        !self.name.is_empty() && self.begun && self.id.is_some()
    }

    /// Takes the arguments that may be passed on. `null`, which means that there are none, is kept back
    /// as long as it may be that.
    pub(super) fn release(&mut self, last: bool) -> Option<String> {
        let text = self.held.trim();
        let nothing = self.kind == ToolKind::Function && !self.sent;
        if nothing && if last { text.is_empty() || text == "null" } else { "null".starts_with(text) } {
            return None;
        }
        if self.held.is_empty() {
            return None;
        }
        self.sent = true;
        Some(std::mem::take(&mut self.held))
    }

    fn absorb(&mut self, piece: &Piece<'_>) -> usize {
        if let Some(name) = piece.name
            && self.stage == Stage::Held
            && name != self.name
            && (self.name.is_empty() || !self.begun)
        {
            self.name.push_str(name);
        }
        if piece.kind == ToolKind::Custom && self.stage == Stage::Held {
            self.kind = ToolKind::Custom;
        }
        if self.token.is_none() {
            self.token.clone_from(&piece.token);
        }
        if piece.arguments.is_empty() || self.stage == Stage::Closed {
            return 0;
        }
        self.begun = true;
        self.extent.feed(piece.arguments);
        self.hash = hash(self.hash, piece.arguments.as_bytes());
        self.held.push_str(piece.arguments);
        piece.arguments.len()
    }
}

/// A piece of a call, without the wire's ways of saying nothing.
struct Piece<'a> {
    position: usize,
    index: Option<u64>,
    id: Option<&'a str>,
    name: Option<&'a str>,
    arguments: &'a str,
    kind: ToolKind,
    token: Option<Token>,
}

impl<'a> Piece<'a> {
    fn new(piece: &'a wire::ToolCall, position: usize) -> Self {
        let custom = piece.custom.as_ref();
        let function = piece.function.as_ref();
        Self {
            position,
            index: piece.index.0.map(|index| index.0),
            id: piece.id.text(),
            name: function
                .and_then(|function| function.name.text())
                .or_else(|| custom.and_then(|custom| custom.name.text())),
            arguments: function
                .map(|function| function.arguments.0.as_str())
                .or_else(|| custom.and_then(|custom| custom.input.text()))
                .unwrap_or_default(),
            kind: if custom.is_some() || piece.r#type.text() == Some("custom") {
                ToolKind::Custom
            } else {
                ToolKind::Function
            },
            token: piece.extra_content.0.as_ref().and_then(read_token),
        }
    }
}

/// The token that stands beside a call or a text.
pub(super) fn read_token(extra: &ExtraContent) -> Option<Token> {
    let google = extra.google.0.as_ref().and_then(|google| google.thought_signature.text());
    let byok = extra.byok.0.as_ref().and_then(|byok| byok.token.text());
    match (google, byok) {
        (Some(signature), _) => Some(Token { family: Family::Gemini, value: signature.to_owned() }),
        (None, Some(wrapped)) => Some(token::unwrap(wrapped, FAMILY)),
        (None, None) => None,
    }
}

/// How far a JSON object or array reaches, told byte by byte.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    depth: u64,
    state: Scan,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Scan {
    #[default]
    Before,
    Inside,
    Text,
    Escape,
    Complete,
}

impl Extent {
    fn is_complete(self) -> bool {
        self.state == Scan::Complete
    }

    fn feed(&mut self, text: &str) {
        for byte in text.bytes() {
            self.state = match (self.state, byte) {
                (Scan::Complete, _) => return,
                (Scan::Text, b'\\') => Scan::Escape,
                (Scan::Text, b'"') => Scan::Inside,
                (Scan::Text | Scan::Escape, _) | (Scan::Inside, b'"') => Scan::Text,
                (Scan::Before | Scan::Inside, b'{' | b'[') => {
                    self.depth += 1;
                    Scan::Inside
                }
                (Scan::Inside, b'}' | b']') => {
                    self.depth -= 1;
                    if self.depth == 0 { Scan::Complete } else { Scan::Inside }
                }
                (state, _) => state,
            };
        }
    }
}

/// FNV-1a, which needs no table and is the same everywhere.
pub(super) fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let seed = if seed == 0 { 0xcbf2_9ce4_8422_2325 } else { seed };
    bytes.iter().fold(seed, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(pieces: &[&str]) -> bool {
        let mut extent = Extent::default();
        for piece in pieces {
            extent.feed(piece);
        }
        extent.is_complete()
    }

    #[test]
    fn an_object_is_complete_at_its_last_brace() {
        assert!(complete(&["{}"]));
        assert!(complete(&[r#"{"a":"}\"#, r#""{","b":[{}]"#, "}"]));
        assert!(!complete(&[r#"{"a":"}"#]));
        assert!(!complete(&["", " ", "null"]));
        assert!(!complete(&["}"]));
    }

    #[test]
    fn null_is_no_arguments_however_it_is_cut() {
        for pieces in [&["null"][..], &["nu", "ll"], &["", " "]] {
            let mut call = Call::new(None, ToolKind::Function, 0);
            for piece in pieces {
                call.held.push_str(piece);
                assert_eq!(call.release(false), None);
            }
            assert_eq!(call.release(true), None);
        }
    }
}
