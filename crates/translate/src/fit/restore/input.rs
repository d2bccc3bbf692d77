//! Takes the free text out of `{"input": "…"}` while it comes, cut anywhere.
//!
//! What has another shape is kept to the end, and then given out as well as it can be: the value of
//! `input` wherever it stands, or all of it.

use serde_json::Value;

/// One wrapped text under way.
#[derive(Debug, Default)]
pub(super) struct FreeText {
    state: State,
    /// What was read before the text began, or all of it where it never will.
    read: String,
    /// The first half of a surrogate pair.
    high: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many characters of [`OPENING`] were read.
    Before(usize),
    /// The text is complete.
    Done,
    /// After a backslash.
    Escape,
    /// The shape is another.
    Other,
    Text,
    /// After `\u`: how many digits were read, and their value.
    Unicode(u32, u32),
}

impl Default for State {
    fn default() -> Self {
        Self::Before(0)
    }
}

/// What stands before the text, white space aside.
const OPENING: &[u8] = br#"{"input":""#;

impl FreeText {
    /// Reads more of the arguments and adds the text in it to `out`.
    pub(super) fn push(&mut self, chunk: &str, out: &mut String) {
        for c in chunk.chars() {
            self.state = self.step(c, out);
        }
    }

    /// The arguments have ended, complete or not.
    pub(super) fn finish(&mut self, out: &mut String) {
        match self.state {
            State::Before(_) | State::Other => match serde_json::from_str(&self.read) {
                Ok(Value::Object(mut map)) => match map.shift_remove("input") {
                    Some(Value::String(text)) => out.push_str(&text),
                    Some(value) => out.push_str(&value.to_string()),
                    None if map.is_empty() => {}
                    None => out.push_str(&self.read),
                },
                // Cut off before the text began: there is none.
                Err(_) if self.state != State::Other => {}
                _ => out.push_str(&self.read),
            },
            State::Done | State::Escape | State::Text | State::Unicode(..) => self.flush_high(out),
        }
    }

    fn step(&mut self, c: char, out: &mut String) -> State {
        match self.state {
            State::Before(at) => {
                self.read.push(c);
                if u32::from(c) == u32::from(OPENING[at]) {
                    if at + 1 == OPENING.len() { State::Text } else { State::Before(at + 1) }
                } else if c.is_ascii_whitespace() && matches!(at, 0 | 1 | 8 | 9) {
                    State::Before(at)
                } else {
                    State::Other
                }
            }
            State::Done => State::Done,
            State::Escape if c == 'u' => State::Unicode(0, 0),
            State::Escape => {
                self.flush_high(out);
                match c {
                    'b' => out.push('\u{8}'),
                    'f' => out.push('\u{c}'),
                    'n' => out.push('\n'),
                    'r' => out.push('\r'),
                    't' => out.push('\t'),
                    '"' | '\\' | '/' => out.push(c),
                    // No escape of JSON's: what the model wrote is what it meant.
                    _ => out.extend(['\\', c]),
                }
                State::Text
            }
            State::Other => {
                self.read.push(c);
                State::Other
            }
            State::Text => self.text(c, out),
            State::Unicode(digits, value) => match c.to_digit(16) {
                Some(digit) if digits == 3 => {
                    self.unit(value * 16 + digit, out);
                    State::Text
                }
                Some(digit) => State::Unicode(digits + 1, value * 16 + digit),
                None => {
                    self.flush_high(out);
                    out.push(char::REPLACEMENT_CHARACTER);
                    self.text(c, out)
                }
            },
        }
    }

    fn text(&mut self, c: char, out: &mut String) -> State {
        if c == '\\' {
            return State::Escape;
        }
        self.flush_high(out);
        if c == '"' {
            return State::Done;
        }
        out.push(c);
        State::Text
    }

    /// A UTF-16 code unit that was written as an escape.
    fn unit(&mut self, unit: u32, out: &mut String) {
        match (self.high.take(), unit) {
            (Some(high), 0xDC00..=0xDFFF) => {
                let scalar = 0x1_0000 + ((high - 0xD800) << 10) + (unit - 0xDC00);
                out.push(char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            (high, unit) => {
                if high.is_some() {
                    out.push(char::REPLACEMENT_CHARACTER);
                }
                match unit {
                    0xD800..=0xDBFF => self.high = Some(unit),
                    unit => out.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)),
                }
            }
        }
    }

    /// The first half of a pair whose second never came.
    fn flush_high(&mut self, out: &mut String) {
        if self.high.take().is_some() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}
