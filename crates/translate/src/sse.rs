//! The event-stream framing: bytes to frames (WHATWG HTML, section 9.2.6), bounded.
//!
//! Lines are split on CR and LF bytes only: U+2028, U+2029 and U+0085 stand unescaped inside JSON. Each
//! byte is looked at once, however the input is cut, and a frame that lies whole in one read is not copied.

use memchr::memchr2;

/// One event of an event stream. A frame is dispatched only when it has data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The `event:` field.
    pub event: Option<&'a str>,
    /// The `data:` lines, joined with line feeds.
    pub data: &'a [u8],
}

/// The largest frame: room for inline images and long thoughts, and an end to what an upstream can make
/// us hold.
pub const MAX_FRAME: usize = 16 * 1024 * 1024;

/// An upstream sent a line or an event larger than [`MAX_FRAME`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the upstream sent an event larger than {} MB", MAX_FRAME / (1024 * 1024))]
pub struct FrameTooLarge;

/// Splits bytes into frames, incrementally.
#[derive(Debug, Default)]
pub struct Parser {
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    /// The `event:` field of the frame that is being read.
    event: Option<String>,
    /// Its `data:` lines so far.
    data: Vec<u8>,
    /// Whether it has had a `data:` line (an empty one counts).
    has_data: bool,
    /// The last line ended in CR: a LF right behind it belongs to that end.
    after_cr: bool,
    /// Something has been read, so a byte-order mark can no longer come.
    begun: bool,
}

impl Parser {
    /// A parser at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads more bytes and hands every complete frame to `sink`.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(Frame<'_>)) -> Result<(), FrameTooLarge> {
        while !bytes.is_empty() {
            if self.after_cr {
                self.after_cr = false;
                if let Some(rest) = bytes.strip_prefix(b"\n") {
                    bytes = rest;
                    continue;
                }
            }
            let Some(end) = memchr2(b'\n', b'\r', bytes) else {
                if self.line.len() + bytes.len() > MAX_FRAME {
                    return Err(FrameTooLarge);
                }
                self.line.extend_from_slice(bytes);
                return Ok(());
            };
            self.after_cr = bytes[end] == b'\r';
            if self.line.is_empty() {
                self.line(&bytes[..end], sink)?;
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(&bytes[..end]);
                self.line(&line, sink)?;
                // Keep the allocation for the next line that is cut.
                line.clear();
                self.line = line;
            }
            bytes = &bytes[end + 1..];
        }
        Ok(())
    }

    /// The stream has ended: a last frame without its blank line is still handed out, for its reader to
    /// judge whether it is whole.
    pub fn finish(&mut self, sink: &mut impl FnMut(Frame<'_>)) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() && self.line(&line, sink).is_err() {
            return;
        }
        self.dispatch(sink);
    }

    fn line(&mut self, mut line: &[u8], sink: &mut impl FnMut(Frame<'_>)) -> Result<(), FrameTooLarge> {
        if !self.begun {
            self.begun = true;
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if line.is_empty() {
            self.dispatch(sink);
            return Ok(());
        }
        let (name, value) = match memchr::memchr(b':', line) {
            Some(0) => return Ok(()),
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &line[line.len()..]),
        };
        match name {
            b"data" => {
                if self.data.len() + value.len() > MAX_FRAME {
                    return Err(FrameTooLarge);
                }
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => self.event = str::from_utf8(value).ok().map(str::to_owned),
            // `id`, `retry` and unknown fields mean nothing here.
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self, sink: &mut impl FnMut(Frame<'_>)) {
        let event = self.event.take();
        if self.has_data {
            self.has_data = false;
            sink(Frame { event: event.as_deref(), data: &self.data });
            self.data.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(pieces: &[&[u8]]) -> Vec<(Option<String>, Vec<u8>)> {
        let mut parser = Parser::new();
        let mut out = Vec::new();
        let mut sink = |frame: Frame<'_>| out.push((frame.event.map(str::to_owned), frame.data.to_vec()));
        for piece in pieces {
            parser.feed(piece, &mut sink).unwrap();
        }
        parser.finish(&mut sink);
        out
    }

    fn data(input: &str) -> Vec<String> {
        frames(&[input.as_bytes()]).into_iter().map(|(_, data)| String::from_utf8(data).unwrap()).collect()
    }

    #[test]
    fn pitfall_2_all_three_line_ends_may_be_mixed() {
        assert_eq!(data("data: a\r\n\r\ndata: b\n\ndata: c\r\rdata: d\r\n\n"), ["a", "b", "c", "d"]);
    }

    #[test]
    fn pitfalls_3_and_5_data_lines_join_and_one_space_is_dropped() {
        assert_eq!(data("data:a\ndata:  b\ndata\n\n"), ["a\n b\n"]);
    }

    #[test]
    fn pitfall_4_comments_ids_and_unknown_fields_are_skipped() {
        assert_eq!(data(": ping\n\nid: 1\nretry: 5\nfoo: bar\ndata: x\n\nevent: lonely\n\n"), ["x"]);
    }

    #[test]
    fn pitfall_6_a_byte_order_mark_is_dropped_once() {
        assert_eq!(data("\u{feff}data: x\n\n"), ["x"]);
    }

    #[test]
    fn pitfall_7_unicode_line_separators_do_not_end_a_line() {
        assert_eq!(data("data: a\u{2028}b\u{2029}c\u{85}d\n\n"), ["a\u{2028}b\u{2029}c\u{85}d"]);
    }

    #[test]
    fn pitfall_8_a_last_frame_without_its_blank_line_is_handed_out() {
        assert_eq!(data("data: x\n"), ["x"]);
        assert_eq!(data("data: x"), ["x"]);
    }

    #[test]
    fn the_event_name_belongs_to_one_frame() {
        let got = frames(&[b"event: ping\ndata: 1\n\ndata: 2\n\n"]);
        assert_eq!(got, [(Some("ping".to_owned()), b"1".to_vec()), (None, b"2".to_vec())]);
    }

    #[test]
    fn pitfall_9_a_line_of_megabytes_is_one_frame() {
        let long = "x".repeat(3 * 1024 * 1024);
        assert_eq!(data(&format!("data: {long}\n\ndata: y\n\n")), [long, "y".to_owned()]);
    }

    #[test]
    fn a_line_without_end_is_refused_and_scanned_once() {
        let mut parser = Parser::new();
        let piece = vec![b'x'; 1024 * 1024];
        let mut sink = |_: Frame<'_>| panic!("no frame");
        let fed = (0..17).find(|_| parser.feed(&piece, &mut sink).is_err());
        assert_eq!(fed, Some(16));
    }

    proptest! {
        #[test]
        fn pitfall_1_cutting_the_input_anywhere_changes_nothing(
            lines in prop::collection::vec("(data|event|id|: c)?(:| |: )?[ -~é\u{2028}]{0,12}(\r\n|\n|\r){1,2}", 0..24),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let input = lines.concat().into_bytes();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
            at.extend([0, input.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect();
            prop_assert_eq!(frames(&pieces), frames(&[&input]));
        }
    }
}
