use super::*;

fn tree(text: &str) -> Node {
    read(text).unwrap().unwrap()
}

#[test]
fn nothing_is_told_from_something() {
    for nothing in ["", " \n", "# x\n", "---\n", "~", "\u{feff}# x\n"] {
        assert!(read(nothing).unwrap().is_none(), "{nothing:?}");
    }
    assert!(read("{}").unwrap().is_some());
}

#[test]
fn places_are_lines_and_columns_from_one() {
    let Value::Map(entries) = tree("# ä\na: 1\nb:\n  ä: x\n").value else {
        panic!("a map was written");
    };
    let (a, one) = &entries[0];
    assert_eq!(a.place, Place { line: 2, column: 1 });
    assert_eq!(one.place, Place { line: 2, column: 4 });
    let Value::Map(inner) = &entries[1].1.value else {
        panic!("a map was written");
    };
    assert_eq!(inner[0].0.place, Place { line: 4, column: 3 });
    assert_eq!(inner[0].1.place, Place { line: 4, column: 6 });
}

#[test]
fn duplicates_and_order_are_kept() {
    let Value::Map(entries) = tree("b: 1\na: 2\nb: 3\nnull: 4\n5: 6\n").value else {
        panic!("a map was written");
    };
    let names: Vec<_> = entries.iter().map(|(key, _)| key.text.as_str()).collect();
    assert_eq!(names, ["b", "a", "b", "null", "5"]);
}

#[test]
fn what_is_tagged_or_quoted_is_not_cut_out_of_the_file() {
    let Value::List(items) = tree("[!!int '5', !!str 5, \"1.0\", '1.0', 1.0, !!float 1, -5]").value else {
        panic!("a list was written");
    };
    let texts: Vec<_> = items
        .iter()
        .map(|item| match &item.value {
            Value::Scalar(text) => text.as_str(),
            _ => panic!("scalars were written"),
        })
        .collect();
    assert_eq!(texts, ["5", "5", "1.0", "1.0", "1.0", "1", "-5"]);
}
