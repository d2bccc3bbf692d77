//! Stop sequences for targets that take none, or fewer: the answer's text is cut here.
//!
//! The text ends where it would end at an upstream that looked after every character: at the first place
//! where a sequence is complete, without that sequence. Held back is only what may still become one, so text
//! that cannot be part of a match is not delayed. A sequence is looked for within one piece of text; thoughts
//! and arguments are left alone.

use std::collections::BTreeMap;

use byok_types::chat::{Candidate, Delta, Event, Head, Part, PartKind, Stop, StopReason};

/// Cuts the answers of one call.
#[derive(Debug, Default)]
pub(super) struct Stops {
    needles: Vec<Needle>,
    /// How many answers were asked for.
    wanted: usize,
    answers: BTreeMap<u32, Answer>,
    /// Whether an answer was cut.
    cut: bool,
    /// Whether the end was told although the upstream has not come to it.
    ended: bool,
}

/// One answer under way.
#[derive(Debug)]
enum Answer {
    /// Cut, or ended by itself.
    Over,
    Text(Search),
    /// Something other than text is open, or nothing.
    Untouched,
}

/// A text to look for, with its table of Knuth, Morris and Pratt.
#[derive(Debug)]
struct Needle {
    text: String,
    /// For each length of a partial match the length of the next shorter one.
    shorter: Vec<usize>,
}

/// One piece of text while it is looked through.
#[derive(Debug)]
struct Search {
    /// How much of each needle the text so far ends with.
    matched: Vec<usize>,
    /// The end of the text that may be the beginning of a match.
    held: String,
}

impl Stops {
    pub(super) fn new(sequences: Vec<String>, wanted: u32) -> Self {
        Self {
            needles: sequences.into_iter().filter(|text| !text.is_empty()).map(Needle::new).collect(),
            wanted: usize::try_from(wanted).unwrap_or(usize::MAX).max(1),
            ..Self::default()
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.needles.is_empty()
    }

    /// Whether the answer was ended here, while the upstream had more to say.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn event(&mut self, event: Event, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        let candidate = match &event {
            Event::Open { candidate, .. }
            | Event::Delta { candidate, .. }
            | Event::Close { candidate }
            | Event::Logprobs { candidate, .. }
            | Event::Stop { candidate, .. } => *candidate,
            Event::Start(_) => {
                self.answers.clear();
                out.push(event);
                return;
            }
            Event::Usage(_) | Event::Heartbeat | Event::End | Event::Error(_) => {
                out.push(event);
                return;
            }
        };
        let answer = self.answers.entry(candidate).or_insert(Answer::Untouched);
        match (answer, event) {
            (Answer::Over, _) => {}
            (answer, Event::Open { candidate, head }) => {
                *answer = match head {
                    Head::Text => Answer::Text(Search::new(self.needles.len())),
                    _ => Answer::Untouched,
                };
                out.push(Event::Open { candidate, head });
            }
            (answer @ Answer::Text(_), Event::Delta { candidate, delta: Delta::Text(more) }) => {
                let Answer::Text(search) = answer else { return };
                let (text, found) = search.push(&more, &self.needles);
                if !text.is_empty() {
                    out.push(Event::Delta { candidate, delta: Delta::Text(text) });
                }
                if let Some(found) = found {
                    *answer = Answer::Over;
                    self.cut = true;
                    out.push(Event::Close { candidate });
                    out.push(Event::Stop { candidate, stop: stop(&self.needles[found]) });
                    self.end_if_over(out);
                }
            }
            (answer, Event::Close { candidate }) => {
                if let Answer::Text(search) = std::mem::replace(answer, Answer::Untouched)
                    && !search.held.is_empty()
                {
                    out.push(Event::Delta { candidate, delta: Delta::Text(search.held) });
                }
                out.push(Event::Close { candidate });
            }
            (answer, event @ Event::Stop { .. }) => {
                *answer = Answer::Over;
                out.push(event);
                self.end_if_over(out);
            }
            (_, event) => out.push(event),
        }
    }

    /// Where every answer is over and one of them was cut, nothing that may still come matters.
    fn end_if_over(&mut self, out: &mut Vec<Event>) {
        let over = self.answers.values().filter(|answer| matches!(answer, Answer::Over)).count();
        if self.cut && over >= self.wanted {
            self.ended = true;
            out.push(Event::End);
        }
    }

    /// A whole answer.
    pub(super) fn candidate(&self, candidate: &mut Candidate) {
        let cut = candidate.parts.iter_mut().enumerate().find_map(|(at, part)| Some((at, self.part(part)?)));
        if let Some((at, found)) = cut {
            candidate.parts.truncate(at + 1);
            candidate.stop = stop(&self.needles[found]);
        }
    }

    /// Cuts a piece of text at the first match.
    fn part(&self, part: &mut Part) -> Option<usize> {
        let PartKind::Text { text, citations } = &mut part.kind else { return None };
        let (kept, found) = Search::new(self.needles.len()).push(text, &self.needles);
        let found = found?;
        let length = kept.chars().count() as u64;
        citations.retain(|citation| citation.end.is_none_or(|end| end <= length));
        *text = kept;
        Some(found)
    }
}

fn stop(needle: &Needle) -> Stop {
    Stop { matched: Some(needle.text.clone()), ..Stop::new(StopReason::StopSequence) }
}

impl Needle {
    fn new(text: String) -> Self {
        let bytes = text.as_bytes();
        let mut shorter = vec![0; bytes.len()];
        for at in 1..bytes.len() {
            shorter[at] = advance(bytes, &shorter, shorter[at - 1], bytes[at]);
        }
        Self { text, shorter }
    }
}

/// How much of a needle is matched after one more byte. `matched` is less than the whole.
fn advance(needle: &[u8], shorter: &[usize], mut matched: usize, byte: u8) -> usize {
    loop {
        if needle[matched] == byte {
            return matched + 1;
        }
        if matched == 0 {
            return 0;
        }
        matched = shorter[matched - 1];
    }
}

impl Search {
    fn new(needles: usize) -> Self {
        Self { matched: vec![0; needles], held: String::new() }
    }

    /// What of the text so far can go out, and the needle that ends it. Of several that end at one place
    /// the longest counts.
    fn push(&mut self, more: &str, needles: &[Needle]) -> (String, Option<usize>) {
        let before = self.held.len();
        self.held.push_str(more);
        for (at, byte) in more.bytes().enumerate() {
            let mut found: Option<usize> = None;
            for (index, (needle, matched)) in needles.iter().zip(&mut self.matched).enumerate() {
                *matched = advance(needle.text.as_bytes(), &needle.shorter, *matched, byte);
                let is_longer = |other: usize| needle.text.len() > needles[other].text.len();
                if *matched == needle.text.len() && found.is_none_or(is_longer) {
                    found = Some(index);
                }
            }
            if let Some(index) = found {
                // What is held reaches back at least as far as the longest match under way.
                let end = before + at + 1;
                self.held.truncate(end - needles[index].text.len());
                return (std::mem::take(&mut self.held), found);
            }
        }
        // A partial match is the beginning of a text and ends where a character does, so it begins where
        // one does.
        let suspect = self.matched.iter().copied().max().unwrap_or_default();
        let held = self.held.split_off(self.held.len() - suspect);
        (std::mem::replace(&mut self.held, held), None)
    }
}

#[cfg(test)]
mod tests;
