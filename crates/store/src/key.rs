//! The data key: made when the first secret is stored, gone when the last one is.
//!
//! Which protection it has is decided once, when the key is made, and recorded in the database. From then
//! on that one is used or the store fails; another is never taken in its stead. The order of steps keeps
//! two rules at every instant: a row that needs a key is never committed before its key is safe, and a key
//! is never removed while a row needs it. A key that no row needs may stay behind; it is used again.

use std::fs;
use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use byok_types::Secret;
use rusqlite::{Connection, OptionalExtension as _, params};
use zeroize::Zeroizing;

use crate::error::{self, Error, Failure};
use crate::files::{self, Files};
use crate::keyring::{KeyringError, Patient};
use crate::passphrase::Stretch;
use crate::protection::{Protection, SharedProtection};
use crate::seal::{DataKey, Place};

/// The first word of a key file.
const KEY_FILE: &str = "byok-data-key-1";

/// The data key and where it comes from. Lives on the store's thread.
pub(crate) struct Keys {
    source: Source,
    /// What is in force, or what will be once there is something to protect.
    protection: Arc<SharedProtection>,
    /// The key in use and the id of its record.
    loaded: Option<(Vec<u8>, DataKey)>,
}

enum Source {
    /// The store is in memory, and so is its key.
    Memory(DataKey),
    Disk(Disk),
}

/// What it takes to find or make the key of a database in a file.
struct Disk {
    files: Files,
    passphrase: Option<Secret>,
    keyring: Patient,
    /// The name of the key's entry in a keyring.
    entry: String,
}

/// What the database knows about its key.
struct Record {
    id: Vec<u8>,
    protection: Protection,
    proof: Vec<u8>,
    wrapped: Option<(Vec<u8>, Stretch)>,
}

impl Keys {
    /// A key for a store in memory.
    pub(crate) fn in_memory() -> Result<Self, Error> {
        Ok(Self {
            source: Source::Memory(DataKey::random()?),
            protection: Arc::new(SharedProtection::new(Protection::Memory)),
            loaded: None,
        })
    }

    /// Finds the key of a database, or, while it has none, what will protect it.
    pub(crate) fn open(
        connection: &Connection,
        files: Files,
        passphrase: Option<Secret>,
        keyring: Patient,
        require: Option<Protection>,
    ) -> Result<Self, Failure> {
        let entry = format!("data-key-{}", store_id(connection)?);
        let disk = Disk { files, passphrase, keyring, entry };
        let record = record(connection, &disk)?;
        let recorded = match &record {
            Some(record) => disk.load(connection, record)?.map(|key| (record, key)),
            None => None,
        };
        let (protection, loaded) = match recorded {
            Some((record, key)) => (record.protection, Some((record.id.clone(), key))),
            None => (disk.plan(require)?, None),
        };
        if let Some(required) = require.filter(|required| *required != protection) {
            return Err(Failure::Store(Error::ProtectionDiffers {
                path: disk.files.database,
                recorded: protection,
                required,
            }));
        }
        Ok(Self {
            source: Source::Disk(disk),
            protection: Arc::new(SharedProtection::new(protection)),
            loaded,
        })
    }

    /// What is in force, to be read from anywhere.
    pub(crate) fn protection(&self) -> Arc<SharedProtection> {
        Arc::clone(&self.protection)
    }

    /// The key, or `None` while there is none. Follows another process that made a new one.
    pub(crate) fn current(&mut self, connection: &Connection) -> Result<Option<&DataKey>, Failure> {
        let disk = match &self.source {
            Source::Memory(key) => return Ok(Some(key)),
            Source::Disk(disk) => disk,
        };
        let Some(record) = record(connection, disk)? else {
            self.loaded = None;
            return Ok(None);
        };
        if self.loaded.as_ref().is_none_or(|(id, _)| *id != record.id) {
            self.loaded = disk.load(connection, &record)?.map(|key| (record.id, key));
            self.protection.set(record.protection);
        }
        Ok(self.loaded.as_ref().map(|(_, key)| key))
    }

    /// The key, made now if there is none. `transaction` is the one that will store what is sealed with
    /// it; that it is a writing one keeps another process from making a second key meanwhile.
    pub(crate) fn current_or_new(&mut self, transaction: &Connection) -> Result<&DataKey, Failure> {
        if self.current(transaction)?.is_none()
            && let Source::Disk(disk) = &self.source
        {
            let made = disk.make(transaction, self.protection.load())?;
            self.loaded = Some(made);
        }
        match (&self.source, &self.loaded) {
            (Source::Memory(key), _) | (_, Some((_, key))) => Ok(key),
            (Source::Disk(_), None) => Err(Failure::Store(Error::Panicked)),
        }
    }

    /// Removes the key when no row needs it. `transaction` is a writing one of its own: the removal of the
    /// last row is committed before it begins.
    pub(crate) fn retire(&mut self, transaction: &Connection) -> Result<(), Failure> {
        let Source::Disk(disk) = &self.source else {
            return Ok(());
        };
        let Some(record) = record(transaction, disk)? else {
            return Ok(());
        };
        // A keyring that is locked now keeps the key, and so does the record; the next login uses it.
        if holds_nothing(transaction)? && disk.discard(&record).is_ok() {
            transaction.execute("DELETE FROM data_key", [])?;
            self.loaded = None;
        }
        Ok(())
    }
}

impl Disk {
    /// What will protect the first secret. Asks the keyring whether it is there.
    fn plan(&self, require: Option<Protection>) -> Result<Protection, Failure> {
        let database = || self.files.database.clone();
        let keyring = || match self.keyring.load(&self.entry) {
            Err(source @ KeyringError::Absent(_)) => Err(source),
            // One that is locked is still the one to use: what needs it will say so.
            Ok(_) | Err(KeyringError::Refused(_)) => Ok(Protection::Keyring),
        };
        let planned = match require {
            None if self.passphrase.is_some() => Protection::Passphrase,
            None => keyring().unwrap_or(Protection::KeyFile),
            Some(Protection::Keyring) => {
                keyring().map_err(|source| Error::Keyring { database: database(), source })?
            }
            Some(Protection::Passphrase) if self.passphrase.is_none() => {
                return Err(Failure::Store(Error::PassphraseNeeded { path: database() }));
            }
            Some(Protection::Passphrase) => Protection::Passphrase,
            // A database in a file cannot be in memory; the caller compares.
            Some(Protection::KeyFile | Protection::Memory) => Protection::KeyFile,
        };
        Ok(planned)
    }

    /// The recorded key. `None` when it is gone and no row needs it.
    fn load(&self, connection: &Connection, record: &Record) -> Result<Option<DataKey>, Failure> {
        let database = || self.files.database.clone();
        let missing = |error: Error| {
            if holds_nothing(connection)? { Ok(None) } else { Err(Failure::Store(error)) }
        };
        let key = match record.protection {
            Protection::KeyFile => match self.read_key_file()? {
                Some(key) => key,
                None => {
                    return missing(Error::KeyFileMissing { path: self.files.key(), database: database() });
                }
            },
            Protection::Keyring => match self.read_keyring()? {
                Some(key) => key,
                None => {
                    return missing(Error::KeyringEntryMissing {
                        database: database(),
                        entry: self.entry.clone(),
                    });
                }
            },
            Protection::Passphrase => self.unwrap(connection, record)?,
            // The database's own check allows no other word.
            Protection::Memory => return Err(Failure::Store(Error::Panicked)),
        };
        if key.open(&proof_place(connection)?, &record.proof).is_none() {
            return Err(Failure::Store(Error::WrongKey { path: database(), protection: record.protection }));
        }
        Ok(Some(key))
    }

    /// Makes a key, puts it where `protection` says, and records it in the transaction.
    fn make(&self, transaction: &Connection, protection: Protection) -> Result<(Vec<u8>, DataKey), Failure> {
        let (key, wrapped) = match protection {
            Protection::KeyFile => (self.adopt_or_write_key_file()?, None),
            Protection::Keyring => (self.adopt_or_write_keyring()?, None),
            Protection::Passphrase => {
                let key = DataKey::random()?;
                let stretch = Stretch::fresh()?;
                let outer = self.passphrase_key(&stretch)?;
                let sealed = outer.seal(&wrap_place(transaction)?, key.bytes())?;
                (key, Some((sealed, stretch)))
            }
            Protection::Memory => return Err(Failure::Store(Error::Panicked)),
        };
        let mut id = vec![0; 16];
        getrandom::fill(&mut id).map_err(Error::Entropy)?;
        let proof = key.seal(&proof_place(transaction)?, &[])?;
        let (sealed, stretch) = wrapped.unzip();
        transaction.execute(
            "INSERT OR REPLACE INTO data_key (one, id, protection, proof, wrapped, salt, memory_kib, passes, lanes)
             VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                id,
                protection.name(),
                proof,
                sealed,
                stretch.as_ref().map(|stretch| stretch.salt),
                stretch.as_ref().map(|stretch| stretch.memory_kib),
                stretch.as_ref().map(|stretch| stretch.passes),
                stretch.as_ref().map(|stretch| stretch.lanes),
            ],
        )?;
        Ok((id, key))
    }

    /// Removes the key from where it is kept.
    fn discard(&self, record: &Record) -> Result<(), Error> {
        match record.protection {
            Protection::KeyFile => {
                // Another database in the directory may be sealed with the same key file.
                if self.files.has_neighbour()? {
                    return Ok(());
                }
                let path = self.files.key();
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        Err(error::file(&path, "remove")(error))
                    }
                    _ => files::sync_directory(&path),
                }
            }
            Protection::Keyring => self
                .keyring
                .delete(&self.entry)
                .map_err(|source| Error::Keyring { database: self.files.database.clone(), source }),
            Protection::Memory | Protection::Passphrase => Ok(()),
        }
    }

    fn read_key_file(&self) -> Result<Option<DataKey>, Error> {
        let path = self.files.key();
        let unusable = |why| Error::KeyFile { path: path.clone(), why };
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error::file(&path, "read")(error)),
        };
        if !metadata.is_file() {
            return Err(Error::NotAFile { path });
        }
        files::check_mode(&path, &metadata, 0o600)?;
        if metadata.len() == 0 {
            return Err(unusable("it is empty"));
        }
        if metadata.len() > 256 {
            return Err(unusable("it is too long"));
        }
        let bytes = Zeroizing::new(fs::read(&path).map_err(error::file(&path, "read"))?);
        let text = str::from_utf8(&bytes).map_err(|_not_utf8| unusable("it is not text"))?;
        let mut words = text.split_ascii_whitespace();
        if words.next() != Some(KEY_FILE) {
            return Err(unusable("it is not a key file of byok's"));
        }
        let key = words.next().and_then(read_key);
        key.filter(|_| words.next().is_none()).ok_or_else(|| unusable("it is damaged")).map(Some)
    }

    fn adopt_or_write_key_file(&self) -> Result<DataKey, Error> {
        if let Some(key) = self.read_key_file()? {
            return Ok(key);
        }
        let key = DataKey::random()?;
        let text = Zeroizing::new(format!("{KEY_FILE} {}\n", *write_key(&key)));
        if files::write_new(&self.files.key(), text.as_bytes())? {
            return Ok(key);
        }
        // Another database in the directory was faster.
        self.read_key_file()?.ok_or(Error::Panicked)
    }

    fn read_keyring(&self) -> Result<Option<DataKey>, Error> {
        let value = self
            .keyring
            .load(&self.entry)
            .map_err(|source| Error::Keyring { database: self.files.database.clone(), source })?;
        // An entry that is no key is treated as absent: it opens nothing either way.
        Ok(value.and_then(|value| read_key(value.expose())))
    }

    fn adopt_or_write_keyring(&self) -> Result<DataKey, Error> {
        if let Some(key) = self.read_keyring()? {
            return Ok(key);
        }
        let key = DataKey::random()?;
        let value = Secret::new(write_key(&key).as_str());
        let failed = |source| Error::Keyring { database: self.files.database.clone(), source };
        self.keyring.save(&self.entry, &value).map_err(failed)?;
        // Some keyrings take a value and lose it; better to find out before a login depends on it.
        let kept = self.read_keyring()?;
        if kept.is_none_or(|kept| kept.bytes() != key.bytes()) {
            let lost = "it did not keep the key".to_owned();
            return Err(failed(KeyringError::Refused(lost)));
        }
        Ok(key)
    }

    fn passphrase_key(&self, stretch: &Stretch) -> Result<DataKey, Error> {
        let path = || self.files.database.clone();
        let passphrase = self.passphrase.as_ref().ok_or_else(|| Error::PassphraseNeeded { path: path() })?;
        stretch.key(passphrase).ok_or_else(|| Error::Damaged {
            path: path(),
            detail: "the parameters of the passphrase are out of bounds".to_owned(),
        })
    }

    fn unwrap(&self, connection: &Connection, record: &Record) -> Result<DataKey, Failure> {
        let path = self.files.database.clone();
        let Some((sealed, stretch)) = &record.wrapped else {
            let detail = "the wrapped key is missing".to_owned();
            return Err(Failure::Store(Error::Damaged { path, detail }));
        };
        let outer = self.passphrase_key(stretch)?;
        let key = outer.open(&wrap_place(connection)?, sealed).and_then(|bytes| DataKey::from_bytes(&bytes));
        Ok(key.ok_or(Error::WrongPassphrase { path })?)
    }
}

/// The name of this database among others.
pub(crate) fn store_id(connection: &Connection) -> rusqlite::Result<String> {
    connection.query_row("SELECT id FROM store", [], |row| row.get(0))
}

fn proof_place(connection: &Connection) -> rusqlite::Result<Place> {
    Ok(Place::new(&[Some("byok proof"), Some(&store_id(connection)?)]))
}

fn wrap_place(connection: &Connection) -> rusqlite::Result<Place> {
    Ok(Place::new(&[Some("byok data key"), Some(&store_id(connection)?)]))
}

/// Whether there is no row that a key is needed for.
fn holds_nothing(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM account)", [], |row| row.get(0))
}

fn record(connection: &Connection, disk: &Disk) -> Result<Option<Record>, Failure> {
    let row = connection
        .query_row(
            "SELECT id, protection, proof, wrapped, salt, memory_kib, passes, lanes FROM data_key",
            [],
            |row| {
                let wrapped: Option<Vec<u8>> = row.get(3)?;
                let wrapped = match wrapped {
                    None => None,
                    Some(sealed) => Some((
                        sealed,
                        Stretch {
                            salt: row.get(4)?,
                            memory_kib: row.get(5)?,
                            passes: row.get(6)?,
                            lanes: row.get(7)?,
                        },
                    )),
                };
                Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, wrapped))
            },
        )
        .optional()?;
    let Some((id, protection, proof, wrapped)) = row else {
        return Ok(None);
    };
    let protection = protection.parse().map_err(|_unknown| Error::Damaged {
        path: disk.files.database.clone(),
        detail: "the protection is unknown".to_owned(),
    })?;
    Ok(Some(Record { id, protection, proof, wrapped }))
}

/// The key as text, which keyrings that hold text only (as the one of KDE does) need.
fn write_key(key: &DataKey) -> Zeroizing<String> {
    Zeroizing::new(BASE64.encode(key.bytes()))
}

fn read_key(text: &str) -> Option<DataKey> {
    let bytes = Zeroizing::new(BASE64.decode(text.trim()).ok()?);
    DataKey::from_bytes(&bytes)
}
