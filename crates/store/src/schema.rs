//! The tables, as a list of migrations that only ever grows.
//!
//! A migration that has shipped is never edited: databases that it made are out there. Each one runs in a
//! transaction of its own together with the number that says it ran, so a process killed half-way leaves
//! the database at one version or the other. The columns keep to types that other databases have too.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{self, Error, Failure};
use crate::files;

/// Marks the file as ours: `BYOK`.
pub(crate) const APPLICATION_ID: i64 = 0x4259_4f4b;

/// What has to run, in order, to come from an empty database to the tables of today.
pub(crate) const MIGRATIONS: &[&str] =
    &[include_str!("schema/001.sql"), include_str!("schema/002.sql"), include_str!("schema/003.sql")];

/// How many of the migrations a database has had.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the database up to date.
pub(crate) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), Failure> {
    for (number, migration) in (1i64..).zip(migrations) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been faster; inside the transaction the answer holds.
        if version(&transaction)? >= number {
            continue;
        }
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Copies the database as it is, log included, to a new file beside it, and names that file.
pub(crate) fn back_up(connection: &Connection, path: &Path) -> Result<PathBuf, Failure> {
    let version = version(connection)?;
    let mut attempt = 1;
    let copy = loop {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(match attempt {
            1 => format!(".v{version}"),
            n => format!(".v{version}-{n}"),
        });
        let copy = path.with_file_name(name);
        match files::create(&copy) {
            Ok(_empty) => break copy,
            Err(taken) if taken.kind() == std::io::ErrorKind::AlreadyExists && attempt < 1000 => {
                attempt += 1;
            }
            Err(failed) => return Err(error::file(&copy, "copy the database to")(failed).into()),
        }
    };
    let name = copy.to_str().ok_or_else(|| Error::File {
        path: copy.clone(),
        doing: "copy the database to",
        source: std::io::ErrorKind::InvalidFilename.into(),
    })?;
    connection.execute("VACUUM INTO ?1", [name])?;
    files::sync_directory(&copy)?;
    Ok(copy)
}

#[cfg(test)]
mod tests;
