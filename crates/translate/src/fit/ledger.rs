//! What was lost on the way, and what is refused.
//!
//! Every entry names a field of the request, as the client's format does, and what became of it, short and
//! safe for a header value.
//! The same entry is made once, and their number is bounded.

use byok_types::{Dialect, Fault};

use super::words::client_field;
use super::{Dropped, Lossy};

/// The losses of one request so far.
#[derive(Debug)]
pub(crate) struct Ledger {
    client: Dialect,
    lossy: Lossy,
    dropped: Vec<Dropped>,
    /// How many entries did not find room.
    more: usize,
}

impl Ledger {
    pub(crate) fn new(client: Dialect, lossy: Lossy) -> Self {
        Self { client, lossy, dropped: Vec::new(), more: 0 }
    }

    /// Notes what became of a field.
    pub(crate) fn report(&mut self, field: impl AsRef<str>, action: impl AsRef<str>) {
        let field = client_field(self.client, field.as_ref());
        let entry = Dropped { field: header_safe(&field), action: header_safe(action.as_ref()) };
        if self.dropped.contains(&entry) {
            return;
        }
        if self.dropped.len() < MAX_ENTRIES {
            self.dropped.push(entry);
        } else {
            self.more += 1;
        }
    }

    /// Notes that a field was left out.
    pub(crate) fn drop(&mut self, field: impl AsRef<str>) {
        self.report(field, "dropped");
    }

    /// A field without which the request makes no sense: refused, unless the person prefers an answer
    /// without it. `Ok` means that the caller leaves it out.
    pub(crate) fn refuse(&mut self, field: &str, message: impl Into<String>) -> Result<(), Box<Fault>> {
        match self.lossy {
            Lossy::Drop => {
                self.drop(field);
                Ok(())
            }
            Lossy::Refuse => Err(self.refusal(field, message)),
        }
    }

    /// The fault that names a field which cannot be served.
    pub(super) fn refusal(&self, field: &str, message: impl Into<String>) -> Box<Fault> {
        refusal(&client_field(self.client, field), message)
    }

    pub(crate) fn into_dropped(mut self) -> Vec<Dropped> {
        if self.more > 0 {
            self.dropped.push(Dropped { field: "more".into(), action: self.more.to_string() });
        }
        self.dropped
    }
}

/// The fault that names a field which cannot be served.
pub(crate) fn refusal(field: &str, message: impl Into<String>) -> Box<Fault> {
    Box::new(Fault::invalid(field, format!("{field}: {}", message.into())))
}

/// Field paths may hold what a client wrote: only what is plain in a header list stays, cut short.
fn header_safe(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_graphic() && !matches!(c, ',' | '=' | '"') { c } else { '_' };
    text.chars().take(MAX_CHARS).map(plain).collect()
}

const MAX_CHARS: usize = 64;
const MAX_ENTRIES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_safe_for_a_header_made_once_and_bounded() {
        let mut ledger = Ledger::new(Dialect::OpenaiChat, Lossy::Refuse);
        ledger.drop("a,b\r\nx: ü");
        ledger.drop("a,b\r\nx: ü");
        for i in 0..100 {
            ledger.drop(format!("messages[{i}]"));
        }
        let dropped = ledger.into_dropped();
        assert_eq!(dropped[0].to_string(), "a_b__x:__=dropped");
        assert_eq!(dropped.len(), MAX_ENTRIES + 1);
        assert_eq!(dropped[MAX_ENTRIES].to_string(), "more=69");
    }

    #[test]
    fn a_refusal_names_the_field_unless_it_may_be_dropped() {
        let fault =
            Ledger::new(Dialect::OpenaiChat, Lossy::Refuse).refuse("n", "one answer only").unwrap_err();
        assert_eq!((fault.status, fault.param.as_deref()), (400, Some("n")));
        let mut lenient = Ledger::new(Dialect::OpenaiChat, Lossy::Drop);
        lenient.refuse("n", "one answer only").unwrap();
        assert_eq!(lenient.into_dropped()[0].to_string(), "n=dropped");
    }
}
