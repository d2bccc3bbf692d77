//! Writes JSON objects and lists field by field, straight into the output. Keys keep the order they are
//! put in, raw values keep their text, and nothing is built in between.

use byok_types::RawJson;
use serde::Serialize;

/// An object under construction.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

/// Writes one object.
pub(super) fn object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    fill(&mut Object { out, empty: true });
    out.push(b'}');
}

impl Object<'_> {
    /// A field.
    pub(super) fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.name(name);
        write_value(self.out, value);
    }

    /// A field that is left out where there is nothing to say.
    pub(super) fn put_some<T: Serialize>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.put(name, &value);
        }
    }

    /// A field that holds an object.
    pub(super) fn object(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        object(self.out, fill);
    }

    /// A field that holds a list.
    pub(super) fn list(&mut self, name: &str, fill: impl FnOnce(&mut List<'_>)) {
        self.name(name);
        self.out.push(b'[');
        fill(&mut List { out: self.out, empty: true });
        self.out.push(b']');
    }

    /// All fields of another object, as they stand.
    pub(super) fn splice(&mut self, raw: &RawJson) {
        let inner = raw.get().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
        let inner = inner.trim();
        if !inner.is_empty() {
            self.comma();
            self.out.extend_from_slice(inner.as_bytes());
        }
    }

    fn name(&mut self, name: &str) {
        self.comma();
        write_value(self.out, name);
        self.out.push(b':');
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
    }
}

/// A list under construction.
pub(super) struct List<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl List<'_> {
    /// A value.
    pub(super) fn push<T: Serialize + ?Sized>(&mut self, value: &T) {
        self.comma();
        write_value(self.out, value);
    }

    /// An object.
    pub(super) fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        self.comma();
        object(self.out, fill);
    }

    /// An object that is taken back where `fill` says no.
    pub(super) fn object_if(&mut self, fill: impl FnOnce(&mut Object<'_>) -> bool) {
        let (start, was_empty) = (self.out.len(), self.empty);
        let mut keep = false;
        self.object(|object| keep = fill(object));
        if !keep {
            self.out.truncate(start);
            self.empty = was_empty;
        }
    }

    /// Whether nothing has been put in.
    pub(super) fn is_empty(&self) -> bool {
        self.empty
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
    }
}

/// Texts, numbers and raw JSON can always be written; should that ever change, the document stays valid.
fn write_value<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_order_and_raw_values_keep_their_text() {
        let mut out = Vec::new();
        object(&mut out, |o| {
            o.splice(&RawJson::parse("{ }").unwrap());
            o.put("b", "x\n");
            o.splice(&RawJson::parse(r#"{"z": 1.0}"#).unwrap());
            o.put_some::<u8>("absent", None);
            o.list("l", |l| {
                l.object(|_| {});
                l.push(&1);
            });
        });
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"b":"x\n","z": 1.0,"l":[{},1]}"#);
    }
}
