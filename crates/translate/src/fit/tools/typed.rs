//! Tools whose schema a vendor's models know by heart, written out for everybody else's.

use byok_types::{Family, RawJson};
use serde_json::{Value, json};

/// What a typed tool is for, and the schema of its arguments, where that is documented.
pub(super) fn known(family: Family, r#type: &str) -> Option<(&'static str, RawJson)> {
    if family != Family::Anthropic {
        return None;
    }
    let (description, schema) = if r#type.starts_with("bash_") {
        ("Runs a command in a bash shell that keeps its state between calls.", bash())
    } else {
        let version = r#type.strip_prefix("text_editor_")?;
        ("Views, creates and edits text files.", text_editor(version))
    };
    Some((description, RawJson::from_value(&schema)))
}

fn bash() -> Value {
    json!({
        "type": "object",
        "properties": {
            "command": { "type": "string", "description": "The command to run. Required unless `restart` is set." },
            "restart": { "type": "boolean", "description": "Set to true to restart the shell." },
        },
    })
}

/// Versions are dates: `20250429` took `undo_edit` away, `20250728` named the inserted text.
fn text_editor(version: &str) -> Value {
    let mut commands = vec!["view", "create", "str_replace", "insert"];
    if version < "20250429" {
        commands.push("undo_edit");
    }
    let (insert, new_str) = if version < "20250728" {
        (None, "The new text, for `str_replace` and `insert`.")
    } else {
        (
            Some(json!({ "type": "string", "description": "The text to insert, for `insert`." })),
            "The new text, for `str_replace`.",
        )
    };
    let mut schema = json!({
        "type": "object",
        "properties": {
            "command": { "type": "string", "enum": commands, "description": "What to do." },
            "path": { "type": "string", "description": "Absolute path of the file or directory." },
            "file_text": { "type": "string", "description": "The content of the new file, for `create`." },
            "old_str": { "type": "string", "description": "The text to replace, for `str_replace`; it must occur exactly once." },
            "new_str": { "type": "string", "description": new_str },
            "insert_line": { "type": "integer", "description": "The line after which to insert, for `insert`; 0 is the beginning of the file." },
            "view_range": { "type": "array", "items": { "type": "integer" }, "description": "The first and last line to show, for `view`." },
        },
        "required": ["command", "path"],
    });
    if let (Some(insert), Some(Value::Object(properties))) = (insert, schema.get_mut("properties")) {
        properties.insert("insert_text".into(), insert);
    }
    schema
}
