//! One open database: finds out whether a file is what it should be before anything is written to it.
//!
//! A new database is made complete under another name and only then gets its own, so that a file with the
//! right name is always whole: an empty or cut one was damaged by something else, and is refused.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB, OpenFlags, Transaction, TransactionBehavior};

use crate::error::{self, Error, Failure};
use crate::files::{self, Draft, Files, MAGIC};
use crate::key::Keys;
use crate::keyring::Patient;
use crate::leases::Locks;
use crate::schema::{self, APPLICATION_ID, MIGRATIONS};
use crate::{Location, OpenOptions};

/// How long to wait for another process. Longer than the keyring's limit, which may be waited for inside
/// of a transaction.
const BUSY: Duration = Duration::from_secs(5);

/// The connection and the key; owned by the store's thread.
pub(crate) struct Database {
    pub(crate) connection: Connection,
    pub(crate) keys: Keys,
    pub(crate) locks: Locks,
    pub(crate) path: PathBuf,
}

impl Database {
    /// Opens the database, or makes it.
    pub(crate) fn open(options: OpenOptions) -> Result<Self, Error> {
        match &options.location {
            Location::Memory => Self::in_memory(),
            Location::File(path) => {
                let files = Files::at(path, options.own_directory)?;
                Self::in_file(files, options, MIGRATIONS)
            }
        }
    }

    fn in_memory() -> Result<Self, Error> {
        let path = PathBuf::from(":memory:");
        let open = || -> Result<Connection, Failure> {
            let mut connection = Connection::open_in_memory()?;
            harden(&connection)?;
            settle(&connection)?;
            schema::migrate(&mut connection, MIGRATIONS)?;
            Ok(connection)
        };
        let connection = open().map_err(|failure| failure.at(&path))?;
        Ok(Self { connection, keys: Keys::in_memory()?, locks: Locks::new(None), path })
    }

    pub(crate) fn in_file(files: Files, options: OpenOptions, migrations: &[&str]) -> Result<Self, Error> {
        let path = files.database.clone();
        files.check()?;
        if !exists(&path)? {
            make(&files, migrations)?;
        }
        inspect(&files)?;
        let open = || -> Result<Self, Failure> {
            let mut connection = connect(&path)?;
            let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
            let found = verify(&connection, &path, known)?;
            settle(&connection)?;
            if found < known {
                let copy = schema::back_up(&connection, &path)?;
                tracing::info!(copy = %copy.display(), "copied the database before bringing it up to date");
                schema::migrate(&mut connection, migrations)?;
            }
            let locks = Locks::new(Some(files.clone()));
            let keyring = Patient::new(std::sync::Arc::clone(&options.keyring));
            let keys = Keys::open(&connection, files, options, keyring)?;
            // From here on it is ours, and may be tidied up on closing.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
            Ok(Self { connection, keys, locks, path: path.clone() })
        };
        open().map_err(|failure| failure.at(&path))
    }

    /// A transaction that holds the right to write from its first step.
    pub(crate) fn write(&mut self) -> rusqlite::Result<(Transaction<'_>, &mut Keys)> {
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        Ok((transaction, &mut self.keys))
    }

    /// Empties the log into the database, so that what was deleted is in neither. Another process that reads
    /// at this moment keeps the log as it is; what is in there is sealed.
    pub(crate) fn empty_log(&self) {
        let emptied = self
            .connection
            .pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |row| row.get::<_, i64>(0));
        if !matches!(emptied, Ok(0)) {
            tracing::debug!("the log of the database is in use, and is emptied later");
        }
    }

    /// A transaction that sees one state throughout.
    pub(crate) fn read(&mut self) -> rusqlite::Result<(Transaction<'_>, &mut Keys)> {
        let behavior = TransactionBehavior::Deferred;
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        Ok((transaction, &mut self.keys))
    }
}

fn exists(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error::file(path, "read")(error)),
    }
}

/// Makes a new database. When another process is faster, its database is the one.
fn make(files: &Files, migrations: &[&str]) -> Result<(), Error> {
    let path = &files.database;
    let log = files.log();
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) && !exists(path)? {
        return Err(Error::StrayLog { log, path: path.clone() });
    }
    let draft = Draft::beside(path)?;
    drop(files::create(&draft.path).map_err(error::file(path, "create"))?);
    let build = || -> Result<(), Failure> {
        let mut connection = connect(&draft.path)?;
        settle(&connection)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        schema::migrate(&mut connection, migrations)?;
        connection.close().map_err(|(_connection, error)| error)?;
        Ok(())
    };
    build().map_err(|failure| failure.at(path))?;
    // Opened for writing, without which Windows flushes nothing.
    fs::OpenOptions::new()
        .write(true)
        .open(&draft.path)
        .and_then(|file| file.sync_all())
        .map_err(error::file(path, "write"))?;
    draft.publish(path)?;
    Ok(())
}

/// Opens the file without writing to it.
fn connect(path: &Path) -> Result<Connection, Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // Until the file has proved to be ours, closing it must not write to it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    if connection.is_readonly(MAIN_DB)? {
        return Err(Failure::Store(Error::ReadOnly { path: path.to_owned() }));
    }
    harden(&connection)?;
    Ok(connection)
}

/// Nothing in the file may make SQLite do more than read and write tables.
fn harden(connection: &Connection) -> Result<(), Failure> {
    connection.busy_timeout(BUSY)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(())
}

/// How a database that is ours is written.
fn settle(connection: &Connection) -> Result<(), Failure> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_mode| Ok(()))?;
    // A commit is on the disk when it returns: a refreshed login is stored before it is used.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // On macOS a plain fsync leaves the bytes in the drive's cache. Elsewhere this does nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Deleted rows are overwritten.
    connection.pragma_update_and_check(None, "secure_delete", true, |_on| Ok(()))?;
    // Nothing goes into files outside of the directory.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // The log of a busy day does not stay that long.
    connection.pragma_update_and_check(None, "journal_size_limit", 1 << 20, |_limit| Ok(()))?;
    Ok(())
}

/// Looks at the first bytes and the length of the file, before SQLite does.
fn inspect(files: &Files) -> Result<(), Error> {
    let path = files.database.clone();
    let mut head = [0; 100];
    let mut file = File::open(&path).map_err(error::file(&path, "read"))?;
    let metadata = file.metadata().map_err(error::file(&path, "read"))?;
    if !metadata.is_file() {
        return Err(Error::NotAFile { path });
    }
    let found = metadata.len();
    if found == 0 {
        return Err(Error::Empty { path });
    }
    let mut filled = 0;
    while filled < head.len() {
        match file.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error::file(&path, "read")(error)),
        }
    }
    if head[..filled.min(MAGIC.len())] != MAGIC[..filled.min(MAGIC.len())] {
        return Err(Error::NotADatabase { path });
    }
    // https://www.sqlite.org/fileformat2.html, section 1.3: big-endian numbers at fixed places.
    let number = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let page = match u16::from_be_bytes([head[16], head[17]]) {
        1 => 65536,
        size => u64::from(size),
    };
    if filled == head.len() && !(page.is_power_of_two() && (512..=65536).contains(&page)) {
        return Err(Error::NotADatabase { path });
    }
    let logged = fs::metadata(files.log()).is_ok_and(|log| log.len() > 0);
    let expected = if filled < head.len() {
        head.len() as u64
    } else if !logged && number(24) == number(92) {
        u64::from(number(28)) * page
    } else {
        // The rest may still be in the log; what is there is whole pages.
        found.next_multiple_of(page)
    };
    if found < expected {
        return Err(Error::Truncated { path, expected, found });
    }
    if i64::from(number(68)) != APPLICATION_ID {
        return Err(Error::Foreign { path });
    }
    Ok(())
}

/// Makes sure that the database is ours, of a version that we know, and sound where the logins are. Gives
/// its version. Usage rows are not looked at: there may be millions, and none of them keeps byok from
/// working.
fn verify(connection: &Connection, path: &Path, known: i64) -> Result<i64, Failure> {
    let found = schema::version(connection)?;
    if found > known {
        return Err(Failure::Store(Error::Newer { path: path.to_owned(), found, known }));
    }
    if found < 1 {
        return Err(Failure::Store(Error::Foreign { path: path.to_owned() }));
    }
    for table in ["sqlite_schema", "store", "data_key", "account", "app", "lease"] {
        let verdict: String = connection.query_row(
            "SELECT integrity_check FROM pragma_integrity_check(?1)",
            [table],
            |row| row.get(0),
        )?;
        if verdict != "ok" {
            return Err(Failure::Store(Error::Damaged { path: path.to_owned(), detail: verdict }));
        }
    }
    Ok(found)
}
