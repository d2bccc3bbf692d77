//! A glance into another program's database, for a login that it keeps there. Nothing is written, and its
//! owner is not kept from writing.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

/// How long the owner may keep us waiting.
const PATIENCE: Duration = Duration::from_millis(500);
/// No value that is looked for is longer than this, in bytes.
const LONGEST: i64 = 256 * 1024;

/// Why there is no glance.
#[derive(Debug, thiserror::Error)]
#[error("the database cannot be read: {0}")]
pub struct ForeignError(#[from] rusqlite::Error);

/// The value of a key in a table of keys and values; `None` where there is no such row.
pub fn foreign_value(path: &Path, table: &'static str, key: &str) -> Result<Option<String>, ForeignError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    let query = format!("SELECT value FROM {table} WHERE key = ?1 AND length(value) <= ?2");
    Ok(connection.query_row(&query, (key, LONGEST), |row| row.get(0)).optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_and_a_damaged_file_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data.sqlite3");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value TEXT); INSERT INTO auth_kv VALUES ('a', 'b');")
            .unwrap();
        assert_eq!(foreign_value(&path, "auth_kv", "a").unwrap().as_deref(), Some("b"));
        assert_eq!(foreign_value(&path, "auth_kv", "c").unwrap(), None);
        let broken = directory.path().join("broken");
        std::fs::write(&broken, "this is no database, whatever its name says").unwrap();
        assert!(foreign_value(&broken, "auth_kv", "a").is_err());
        assert!(foreign_value(&directory.path().join("absent"), "auth_kv", "a").is_err());
    }
}
