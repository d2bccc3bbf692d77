//! Walks the tree: opens maps and lists, fills in variables, and keeps the path for the messages.
//!
//! A wrong field is noted and skipped, so that the next one is looked at too. Nothing of a value gets into
//! a problem, and of a name only what does not look like a secret.

use std::collections::HashMap;

use byok_types::Secret;

use super::expected;
use crate::error::{Error, Place, Problem, Reason, Shape};
use crate::interpolate::{self, Filled};
use crate::schema;
use crate::yaml::{Key, Node, Value};

/// How many problems are listed. More than this in one file have one cause.
const MAX_PROBLEMS: usize = 20;

/// A value, and the path to it.
pub(super) struct Field {
    path: String,
    node: Node,
}

/// Where a field stands, for problems with what is not in it.
pub(super) struct Whereabouts {
    place: Place,
    path: String,
}

impl Field {
    /// The file as a whole.
    pub(super) fn root(node: Node) -> Self {
        Self { path: String::new(), node }
    }

    pub(super) fn place(&self) -> Place {
        self.node.place
    }

    pub(super) fn place_and_path(&self) -> Whereabouts {
        Whereabouts { place: self.node.place, path: self.path.clone() }
    }

    pub(super) fn is_map(&self) -> bool {
        self.node.shape() == Shape::Map
    }

    pub(super) fn is_list(&self) -> bool {
        self.node.shape() == Shape::List
    }

    fn is_nothing(&self) -> bool {
        self.node.shape() == Shape::Nothing
    }
}

/// The fields of one map, each to be taken once.
pub(super) struct Fields {
    fields: HashMap<&'static str, Field>,
    /// Whether something else stands where the map belongs, so that nothing can be missed in it.
    is_other: bool,
}

impl Fields {
    /// The field of that name, if it is there and has a value.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Field> {
        self.fields.remove(name).filter(|field| !field.is_nothing())
    }

    /// The same, where its absence is a problem.
    pub(super) fn require(
        &mut self,
        reader: &mut Reader<'_>,
        whole: &Whereabouts,
        name: &'static str,
    ) -> Option<Field> {
        let field = self.take(name);
        if field.is_none() && !self.is_other {
            reader.note(whole.place, whole.path.clone(), Reason::Missing(name));
        }
        field
    }
}

/// Reads fields and collects what is wrong with them.
pub(super) struct Reader<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<Problem>,
    more: usize,
    /// Whether a secret stood in the file itself, and not in a variable.
    pub(super) holds_secrets: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { environment, problems: Vec::new(), more: 0, holds_secrets: false }
    }

    /// The problems, if there were any.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        if self.problems.is_empty() {
            return Ok(());
        }
        self.problems.sort_by_key(|problem| problem.place);
        Err(Error::Invalid { file: None, problems: self.problems, more: self.more })
    }

    /// Notes a problem with a field.
    pub(super) fn problem(&mut self, field: &Field, reason: Reason) {
        self.note(field.node.place, field.path.clone(), reason);
    }

    fn note(&mut self, place: Place, field: String, reason: Reason) {
        if self.problems.len() == MAX_PROBLEMS {
            self.more += 1;
            return;
        }
        self.problems.push(Problem { place, field, reason });
    }

    /// The fields of a map of which all names are known.
    pub(super) fn fields(&mut self, field: Field, known: &'static [&'static str]) -> Fields {
        let is_other = !field.is_map() && !field.is_nothing();
        let mut fields = HashMap::new();
        for (key, field) in self.map(field, known) {
            if let Some(name) = known.iter().find(|name| **name == key.text) {
                fields.insert(*name, field);
            } else {
                let name = shown(&key.text, field.is_nothing(), known);
                let reason = Reason::UnknownField {
                    nearest: schema::nearest(before_colon(&key.text), known),
                    written: (name == key.text).then_some(name),
                    known,
                };
                self.note(key.place, field.path, reason);
            }
        }
        Fields { fields, is_other }
    }

    /// The entries of a map whose names the person chooses. One may be there without a value.
    pub(super) fn entries(&mut self, field: Field) -> Vec<(String, Field)> {
        let mut entries = Vec::new();
        for (key, mut field) in self.map(field, &[]) {
            // A value may stand lines below its name; a problem is looked for at the name.
            field.node.place = key.place;
            if field.is_nothing() && key.text.contains(':') {
                let reason = Reason::Rule("has no value; perhaps the space after the colon is missing");
                self.problem(&field, reason);
                continue;
            }
            entries.push((key.text, field));
        }
        entries
    }

    /// The entries of a list.
    pub(super) fn items(&mut self, field: Field) -> Vec<Field> {
        let Field { path, node } = field;
        let shape = node.shape();
        if let Value::List(items) = node.value {
            items
                .into_iter()
                .enumerate()
                .map(|(index, node)| Field { path: format!("{path}[{index}]"), node })
                .collect()
        } else {
            self.note(node.place, path, expected(Shape::List, shape));
            Vec::new()
        }
    }

    /// The single values of a list, each turned into a `T`.
    pub(super) fn list<T>(
        &mut self,
        field: Field,
        mut convert: impl FnMut(String) -> Result<T, Reason>,
    ) -> Vec<T> {
        self.items(field).into_iter().filter_map(|item| self.read(item, &mut convert)).collect()
    }

    /// A single value, turned into a `T`.
    pub(super) fn read<T>(
        &mut self,
        field: Field,
        convert: impl FnOnce(String) -> Result<T, Reason>,
    ) -> Option<T> {
        self.filled(field, |filled| convert(filled.text))
    }

    /// A single value that is a secret; notes whether the file itself holds it.
    pub(super) fn secret(
        &mut self,
        field: Field,
        convert: impl FnOnce(String) -> Result<Secret, Reason>,
    ) -> Option<Secret> {
        self.secret_where(field, convert, |_| true)
    }

    /// A single value that may have a secret in it.
    pub(super) fn secret_where<T>(
        &mut self,
        field: Field,
        convert: impl FnOnce(String) -> Result<T, Reason>,
        is_secret: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        let mut literal = false;
        let value = self.filled(field, |filled| {
            literal = !filled.from_environment;
            convert(filled.text)
        })?;
        self.holds_secrets |= literal && is_secret(&value);
        Some(value)
    }

    /// Puts a single value into `target`, which stays as it is if the value is wrong.
    pub(super) fn set<T>(
        &mut self,
        target: &mut T,
        field: Field,
        convert: impl FnOnce(String) -> Result<T, Reason>,
    ) {
        if let Some(value) = self.read(field, convert) {
            *target = value;
        }
    }

    fn filled<T>(&mut self, field: Field, convert: impl FnOnce(Filled) -> Result<T, Reason>) -> Option<T> {
        let Field { path, node } = field;
        let shape = node.shape();
        let value = match node.value {
            Value::Scalar(written) => interpolate::fill(written, self.environment).and_then(convert),
            Value::Null | Value::List(_) | Value::Map(_) => Err(expected(Shape::Value, shape)),
        };
        match value {
            Ok(value) => Some(value),
            Err(reason) => {
                self.note(node.place, path, reason);
                None
            }
        }
    }

    /// The entries of a map, without those that stand there a second time.
    fn map(&mut self, field: Field, known: &[&'static str]) -> Vec<(Key, Field)> {
        let Field { path, node } = field;
        let shape = node.shape();
        let Value::Map(entries) = node.value else {
            // A provider may be named and nothing said about it.
            if shape != Shape::Nothing {
                self.note(node.place, path, expected(Shape::Map, shape));
            }
            return Vec::new();
        };
        let mut first = HashMap::new();
        let mut unique = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            let name = shown(&key.text, node.shape() == Shape::Nothing, known);
            let path = if path.is_empty() { name } else { format!("{path}.{name}") };
            if let Some(line) = first.get(&key.text) {
                self.note(key.place, path, Reason::Duplicate { line: *line });
                continue;
            }
            first.insert(key.text.clone(), key.place.line);
            unique.push((key, Field { path, node }));
        }
        unique
    }
}

/// A name as it may appear in a message. A slip of the keyboard makes a name out of a value
/// (`{api_key:sk-…}` without the space, a comma in a text without quotes), so whatever may be a secret is
/// left out: what follows a colon, what has no value and is not nearly a known name, what looks like a key.
fn shown(name: &str, has_no_value: bool, known: &[&'static str]) -> String {
    const HIDDEN: &str = "…";
    if known.contains(&name) {
        return name.to_owned();
    }
    let head = before_colon(name);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./@".contains(&b);
    let looks_like_key = head
        .split(['_', '-', '.', '/', '@'])
        .any(|word| word.len() > 12 && word.bytes().any(|b| b.is_ascii_digit()))
        || ["sk-", "sk_", "byk_", "AIza", "gsk_", "xai-", "pplx-"]
            .iter()
            .any(|prefix| head.starts_with(prefix));
    let is_stray = has_no_value && schema::nearest(head, known).is_none();
    if is_stray || looks_like_key || !(1..=48).contains(&head.len()) || !head.bytes().all(plain) {
        return HIDDEN.to_owned();
    }
    if head.len() < name.len() {
        return format!("{head}:{HIDDEN}");
    }
    head.to_owned()
}

fn before_colon(name: &str) -> &str {
    name.split_once(':').map_or(name, |(head, _)| head)
}
