//! A JSON object under construction: fields are set by dotted path and written in the order they came.

use byok_types::RawJson;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// An object that grows.
#[derive(Debug, Default)]
pub(super) struct Tree(Vec<(String, Node)>);

#[derive(Debug)]
enum Node {
    Branch(Tree),
    Leaf(RawJson),
}

impl Tree {
    /// Sets the field at `path` (`thinkingConfig.thinkingBudget`), where nothing is set yet.
    pub(super) fn set(&mut self, path: &str, value: &(impl Serialize + ?Sized)) {
        // Numbers, texts and lists of them can always be written.
        if let Ok(value) = RawJson::of(&value) {
            self.set_raw(path, value);
        }
    }

    /// Like [`Tree::set`], for what may be absent.
    pub(super) fn set_some(&mut self, path: &str, value: Option<impl Serialize>) {
        if let Some(value) = value {
            self.set(path, &value);
        }
    }

    /// Sets the field called `name`, which is no path, to JSON text.
    pub(super) fn set_field(&mut self, name: &str, value: RawJson) {
        self.set_at(name, None, value);
    }

    /// Sets the field at `path` to JSON text, where nothing is set yet.
    pub(super) fn set_raw(&mut self, path: &str, value: RawJson) {
        match path.split_once('.') {
            Some((name, rest)) => self.set_at(name, Some(rest), value),
            None => self.set_at(path, None, value),
        }
    }

    /// Writes the fields into an object that has others too.
    pub(super) fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        for (name, node) in &self.0 {
            match node {
                Node::Branch(branch) => map.serialize_entry(name, branch)?,
                Node::Leaf(value) => map.serialize_entry(name, value)?,
            }
        }
        Ok(())
    }

    fn set_at(&mut self, name: &str, rest: Option<&str>, value: RawJson) {
        let existing = self.0.iter_mut().find(|(field, _)| field == name).map(|(_, node)| node);
        match (existing, rest) {
            (Some(Node::Branch(branch)), Some(rest)) => branch.set_raw(rest, value),
            (Some(_), _) => {}
            (None, None) => self.0.push((name.to_owned(), Node::Leaf(value))),
            (None, Some(rest)) => {
                let mut branch = Self::default();
                branch.set_raw(rest, value);
                self.0.push((name.to_owned(), Node::Branch(branch)));
            }
        }
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.serialize_fields(&mut map)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_first_stays() {
        let mut tree = Tree::default();
        tree.set("a.b", &1);
        tree.set("c", "x");
        tree.set("a.d", &[2.5]);
        tree.set("a.b", &9);
        tree.set("a", &9);
        tree.set("c.e", &9);
        assert_eq!(serde_json::to_string(&tree).unwrap(), r#"{"a":{"b":1,"d":[2.5]},"c":"x"}"#);
    }
}
