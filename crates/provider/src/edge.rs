//! Knows whether a stream of events stands between two events, where something may be put in.

/// Watches the line ends that go by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FrameEdge {
    /// How many line ends came last, in a row; two end an event.
    ends: u8,
    /// Whether the last byte was a carriage return, which a line feed may follow.
    after_return: bool,
    started: bool,
}

impl FrameEdge {
    /// Looks at what passes. Only the end of it matters.
    pub(crate) fn see(&mut self, bytes: &[u8]) {
        // Four bytes hold the longest end of an event; more cannot change the verdict.
        let tail = &bytes[bytes.len().saturating_sub(5)..];
        if tail.len() < bytes.len() {
            *self = Self { started: true, ..Self::default() };
        }
        for byte in tail {
            self.started = true;
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' => self.ends = self.ends.saturating_add(1),
                b'\r' => {
                    self.ends = self.ends.saturating_add(1);
                    self.after_return = true;
                    continue;
                }
                _ => self.ends = 0,
            }
            self.after_return = false;
        }
    }

    /// Whether nothing or a whole number of events has passed.
    pub(crate) fn is_between(self) -> bool {
        !self.started || self.ends >= 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(parts: &[&str]) -> bool {
        let mut edge = FrameEdge::default();
        for part in parts {
            edge.see(part.as_bytes());
        }
        edge.is_between()
    }

    #[test]
    fn line_ends_of_all_kinds() {
        for whole in ["", "data: x\n\n", "data: x\r\n\r\n", "data: x\r\r", "data: x\n\n\n", "x\n\r\n"] {
            assert!(between(&[whole]), "{whole:?}");
            let bytewise: Vec<String> = whole.chars().map(String::from).collect();
            assert!(between(&bytewise.iter().map(String::as_str).collect::<Vec<_>>()), "{whole:?}");
        }
        for half in ["data: x", "data: x\n", "data: x\r\n", "data: x\n\nd", "\r\n"] {
            assert!(!between(&[half]), "{half:?}");
        }
        assert!(!between(&["data: a\n\n", "event: b\n"]));
    }
}
