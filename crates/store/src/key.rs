//! The data key: made when the first secret is stored, gone when the last one is.
//!
//! Which protection it has is decided once, when the key is made, and recorded in the database. From then
//! on that one is used or the store fails; another is never taken in its stead. The order of steps keeps
//! two rules at every instant: a row that needs a key is never committed before its key is safe, and a key
//! is never removed while a row needs it. A key that no row needs may stay behind; it is used again.

use std::fs;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use byok_types::Secret;
use rusqlite::{Connection, OptionalExtension as _, params};
use zeroize::Zeroizing;

use crate::OpenOptions;
use crate::attempts;
use crate::error::{self, Error, Failure};
use crate::files::{self, Files};
use crate::keyring::{KeyringError, Patient};
use crate::passphrase::Stretch;
use crate::protection::{Protection, Shown};
use crate::seal::{DataKey, Place};

/// The first word of a key file.
const KEY_FILE: &str = "byok-data-key-1";
/// While a key is replaced, the one before it stands beside it: whichever was committed opens.
const MOST_KEYS: usize = 2;

/// The data key and where it comes from. Lives on the store's thread.
pub(crate) struct Keys {
    pub(crate) source: Source,
    /// What is in force, or what will be once there is something to protect.
    pub(crate) shown: Arc<Shown>,
    /// The key in use and the id of its record.
    pub(crate) loaded: Option<(Vec<u8>, DataKey)>,
}

pub(crate) enum Source {
    /// The store is in memory, and so is its key.
    Memory(DataKey),
    Disk(Disk),
}

/// What it takes to find or make the key of a database in a file.
pub(crate) struct Disk {
    pub(crate) files: Files,
    pub(crate) opener: Opener,
    pub(crate) keyring: Patient,
    /// The name of the key's entry in a keyring.
    pub(crate) entry: String,
    /// Locked by the person: the key is not looked for until it is unlocked.
    pub(crate) closed: bool,
}

/// What opens a data key that is wrapped under a passphrase. The passphrase itself is kept only until it
/// was stretched once.
pub(crate) enum Opener {
    Nothing,
    Passphrase(Secret),
    Stretched(Stretch, DataKey),
}

/// What the database knows about its key.
pub(crate) struct Record {
    pub(crate) id: Vec<u8>,
    pub(crate) protection: Protection,
    proof: Vec<u8>,
    wrapped: Option<(Vec<u8>, Stretch)>,
}

impl Keys {
    /// A key for a store in memory.
    pub(crate) fn in_memory() -> Result<Self, Error> {
        Ok(Self {
            source: Source::Memory(DataKey::random()?),
            shown: Arc::new(Shown::new(Protection::Memory, false)),
            loaded: None,
        })
    }

    /// Finds the key of a database, or, while it has none, what will protect it.
    pub(crate) fn open(
        connection: &Connection,
        files: Files,
        options: OpenOptions,
        keyring: Patient,
    ) -> Result<Self, Failure> {
        let entry = format!("data-key-{}", store_id(connection)?);
        let opener = options.passphrase.map_or(Opener::Nothing, Opener::Passphrase);
        let mut disk = Disk { files, opener, keyring, entry, closed: false };
        let record = record(connection, &disk)?;
        let protection = match &record {
            Some(record) => record.protection,
            None => disk.plan(options.require)?,
        };
        let loaded = match record {
            None => None,
            Some(record) if record.protection == Protection::Passphrase => match &disk.opener {
                Opener::Nothing if options.may_be_locked => None,
                _ => Some((record.id.clone(), disk.attempt(connection, &record, SystemTime::now())?)),
            },
            Some(record) => match disk.load(connection, &record)? {
                Some(key) => Some((record.id, key)),
                // Nothing needs a key, so the next secret is protected anew.
                None => None,
            },
        };
        if let Some(required) = options.require.filter(|required| *required != protection) {
            return Err(Failure::Store(Error::ProtectionDiffers {
                path: disk.files.database,
                recorded: protection,
                required,
            }));
        }
        let locked = protection == Protection::Passphrase
            && loaded.is_none()
            && matches!(disk.opener, Opener::Nothing);
        Ok(Self { source: Source::Disk(disk), shown: Arc::new(Shown::new(protection, locked)), loaded })
    }

    /// What is in force, to be read from anywhere.
    pub(crate) fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown)
    }

    /// The key, or `None` while there is none. Follows another process that made a new one.
    pub(crate) fn current(&mut self, connection: &Connection) -> Result<Option<&DataKey>, Failure> {
        let disk = match &mut self.source {
            Source::Memory(key) => return Ok(Some(key)),
            Source::Disk(disk) => disk,
        };
        if disk.closed {
            return Err(disk.locked());
        }
        let Some(record) = record(connection, disk)? else {
            self.loaded = None;
            return Ok(None);
        };
        if self.loaded.as_ref().is_none_or(|(id, _)| *id != record.id) {
            // Not the one before: it opens nothing any more.
            self.loaded = None;
            self.shown.protect(record.protection);
            let loaded = disk.load(connection, &record);
            // Its passphrase is not the one that was given here.
            self.shown.lock(matches!(loaded, Err(Failure::Store(Error::Locked { .. }))));
            self.loaded = loaded?.map(|key| (record.id, key));
        }
        Ok(self.loaded.as_ref().map(|(_, key)| key))
    }

    /// The key, made now if there is none. `transaction` is the one that will store what is sealed with
    /// it; that it is a writing one keeps another process from making a second key meanwhile.
    pub(crate) fn current_or_new(&mut self, transaction: &Connection) -> Result<&DataKey, Failure> {
        if self.current(transaction)?.is_none()
            && let Source::Disk(disk) = &mut self.source
        {
            let made = disk.make(transaction, self.shown.protection())?;
            self.loaded = Some(made);
        }
        match (&self.source, &self.loaded) {
            (Source::Memory(key), _) | (_, Some((_, key))) => Ok(key),
            (Source::Disk(_), None) => Err(Failure::Store(Error::Panicked)),
        }
    }

    /// Removes the key when no row needs it. `transaction` is a writing one of its own: the removal of the
    /// last row is committed before it begins.
    ///
    /// A passphrase that was chosen stays in force, over a new key.
    pub(crate) fn retire(&mut self, transaction: &Connection) -> Result<(), Failure> {
        let Source::Disk(disk) = &mut self.source else {
            return Ok(());
        };
        let Some(record) = record(transaction, disk)? else {
            return Ok(());
        };
        if !holds_nothing(transaction)? {
            return Ok(());
        }
        if record.protection == Protection::Passphrase {
            if let Opener::Stretched(stretch, _) = &disk.opener
                && record.wrapped.as_ref().is_some_and(|(_, known)| known == stretch)
            {
                self.loaded = Some(disk.make(transaction, Protection::Passphrase)?);
            }
        } else if disk.discard(&record).is_ok() {
            // A keyring that is locked now keeps the key, and so does the record; the next login uses it.
            transaction.execute("DELETE FROM data_key", [])?;
            self.loaded = None;
        }
        Ok(())
    }

    /// Wipes the key and what opens it. Nothing that is sealed can be read or written until
    /// [`Keys::unlock`].
    pub(crate) fn lock(&mut self) -> Result<(), Error> {
        let Source::Disk(disk) = &mut self.source else {
            return Err(Error::InMemory);
        };
        disk.closed = true;
        disk.opener = Opener::Nothing;
        self.loaded = None;
        self.shown.lock(true);
        Ok(())
    }

    /// Gets the key again: with the passphrase where that protects it, and from where it lies otherwise.
    pub(crate) fn unlock(
        &mut self,
        connection: &Connection,
        passphrase: Option<Secret>,
        now: SystemTime,
    ) -> Result<(), Failure> {
        let Source::Disk(disk) = &mut self.source else {
            return Ok(());
        };
        let record = record(connection, disk)?;
        let protection = record.as_ref().map_or(self.shown.protection(), |record| record.protection);
        let key = match (record, passphrase) {
            (Some(record), passphrase) if protection == Protection::Passphrase => {
                let before = std::mem::replace(
                    &mut disk.opener,
                    passphrase.map_or(Opener::Nothing, Opener::Passphrase),
                );
                match disk.attempt(connection, &record, now) {
                    Ok(key) => Some((record.id, key)),
                    Err(failure) => {
                        // A slip of the finger does not lock what was unlocked.
                        disk.opener = before;
                        return Err(failure);
                    }
                }
            }
            (Some(record), _) => disk.load(connection, &record)?.map(|key| (record.id, key)),
            (None, None) if protection == Protection::Passphrase => {
                return Err(Failure::Store(Error::PassphraseNeeded { path: disk.files.database.clone() }));
            }
            (None, Some(passphrase)) if protection == Protection::Passphrase => {
                disk.opener = Opener::Passphrase(passphrase);
                None
            }
            (None, _) => None,
        };
        disk.closed = false;
        self.loaded = key;
        self.shown.protect(protection);
        self.shown.lock(false);
        Ok(())
    }
}

impl Disk {
    fn has_opener(&self) -> bool {
        !matches!(self.opener, Opener::Nothing)
    }

    fn locked(&self) -> Failure {
        Failure::Store(Error::Locked { path: self.files.database.clone() })
    }

    /// What will protect the first secret. Asks the keyring whether it is there.
    pub(crate) fn plan(&self, require: Option<Protection>) -> Result<Protection, Failure> {
        let database = || self.files.database.clone();
        let keyring = || match self.keyring.load(&self.entry) {
            Err(source @ KeyringError::Absent(_)) => Err(source),
            // One that is locked is still the one to use: what needs it will say so.
            Ok(_) | Err(KeyringError::Refused(_)) => Ok(Protection::Keyring),
        };
        let planned = match require {
            None if self.has_opener() => Protection::Passphrase,
            None => keyring().unwrap_or(Protection::KeyFile),
            Some(Protection::Keyring) => {
                keyring().map_err(|source| Error::Keyring { database: database(), source })?
            }
            Some(Protection::Passphrase) if !self.has_opener() => {
                return Err(Failure::Store(Error::PassphraseNeeded { path: database() }));
            }
            Some(Protection::Passphrase) => Protection::Passphrase,
            // A database in a file cannot be in memory; the caller compares.
            Some(Protection::KeyFile | Protection::Memory) => Protection::KeyFile,
        };
        Ok(planned)
    }

    /// The recorded key. `None` when it is gone and no row needs it.
    pub(crate) fn load(
        &mut self,
        connection: &Connection,
        record: &Record,
    ) -> Result<Option<DataKey>, Failure> {
        let path = self.files.database.clone();
        let database = || path.clone();
        let missing = |error: Error| {
            if holds_nothing(connection)? { Ok(None) } else { Err(Failure::Store(error)) }
        };
        let kept = match record.protection {
            Protection::KeyFile => {
                let kept = self.read_key_file()?;
                if kept.is_empty() {
                    return missing(Error::KeyFileMissing { path: self.files.key(), database: database() });
                }
                kept
            }
            Protection::Keyring => {
                let kept = self.read_keyring()?;
                if kept.is_empty() {
                    return missing(Error::KeyringEntryMissing {
                        database: database(),
                        entry: self.entry.clone(),
                    });
                }
                kept
            }
            Protection::Passphrase => vec![self.unwrap(connection, record)?],
            // The database's own check allows no other word.
            Protection::Memory => return Err(Failure::Store(Error::Panicked)),
        };
        let place = proof_place(connection)?;
        let key = kept.into_iter().find(|key| key.open(&place, &record.proof).is_some());
        match key {
            Some(key) => Ok(Some(key)),
            None => Err(Failure::Store(Error::WrongKey { path: database(), protection: record.protection })),
        }
    }

    /// Opens the key with the passphrase that a person gave. Wrong ones are counted, and after some the
    /// next one has to wait.
    fn attempt(
        &mut self,
        connection: &Connection,
        record: &Record,
        now: SystemTime,
    ) -> Result<DataKey, Failure> {
        if !self.has_opener() {
            let path = self.files.database.clone();
            return Err(Failure::Store(Error::PassphraseNeeded { path }));
        }
        attempts::admit(connection, now)?;
        let outcome = self.load(connection, record);
        match outcome {
            Ok(Some(key)) => {
                attempts::succeeded(connection)?;
                Ok(key)
            }
            Ok(None) => Err(Failure::Store(Error::Panicked)),
            Err(failure) => {
                if matches!(failure, Failure::Store(Error::WrongPassphrase { .. })) {
                    attempts::failed(connection, now)?;
                }
                Err(failure)
            }
        }
    }

    /// Makes a key, puts it where `protection` says, and records it in the transaction.
    fn make(
        &mut self,
        transaction: &Connection,
        protection: Protection,
    ) -> Result<(Vec<u8>, DataKey), Failure> {
        let (key, wrapped) = match protection {
            Protection::KeyFile => (self.adopt_or_write_key_file()?, None),
            Protection::Keyring => (self.adopt_or_write_keyring()?, None),
            Protection::Passphrase => {
                let key = DataKey::random()?;
                let wrapped = self.wrap(transaction, &key)?;
                (key, Some(wrapped))
            }
            Protection::Memory => return Err(Failure::Store(Error::Panicked)),
        };
        let id = put_record(transaction, protection, &key, wrapped)?;
        Ok((id, key))
    }

    /// The key under the passphrase. The first time, that is stretched with a fresh salt, and forgotten.
    pub(crate) fn wrap(
        &mut self,
        transaction: &Connection,
        key: &DataKey,
    ) -> Result<(Vec<u8>, Stretch), Failure> {
        if let Opener::Passphrase(passphrase) = &self.opener {
            let stretch = Stretch::fresh()?;
            let outer = self.stretched(passphrase, &stretch)?;
            self.opener = Opener::Stretched(stretch, outer);
        }
        let Opener::Stretched(stretch, outer) = &self.opener else {
            let path = self.files.database.clone();
            return Err(Failure::Store(Error::PassphraseNeeded { path }));
        };
        Ok((outer.seal(&wrap_place(transaction)?, key.bytes())?, stretch.clone()))
    }

    /// Removes the key from where it is kept.
    pub(crate) fn discard(&self, record: &Record) -> Result<(), Error> {
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

    /// The keys in the key file, the newest first; none when there is no file.
    pub(crate) fn read_key_file(&self) -> Result<Vec<DataKey>, Error> {
        let path = self.files.key();
        let unusable = |why| Error::KeyFile { path: path.clone(), why };
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
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
        read_keys(words).ok_or_else(|| unusable("it is damaged"))
    }

    /// Puts these keys into the key file, in place of what is there.
    pub(crate) fn replace_key_file(&self, keys: &[&DataKey]) -> Result<(), Error> {
        files::replace(&self.files.key(), key_file(keys).as_bytes())
    }

    pub(crate) fn adopt_or_write_key_file(&self) -> Result<DataKey, Error> {
        if let Some(key) = self.read_key_file()?.into_iter().next() {
            return Ok(key);
        }
        let key = DataKey::random()?;
        if files::write_new(&self.files.key(), key_file(&[&key]).as_bytes())? {
            return Ok(key);
        }
        // Another database in the directory was faster.
        self.read_key_file()?.into_iter().next().ok_or(Error::Panicked)
    }

    /// The keys in the keyring, the newest first; none when there is no entry.
    fn read_keyring(&self) -> Result<Vec<DataKey>, Error> {
        let value = self.keyring.load(&self.entry).map_err(|source| self.keyring_failed(source))?;
        // An entry that is no key is treated as absent: it opens nothing either way.
        Ok(value.and_then(|value| read_keys(value.expose().split_ascii_whitespace())).unwrap_or_default())
    }

    fn adopt_or_write_keyring(&self) -> Result<DataKey, Error> {
        if let Some(key) = self.read_keyring()?.into_iter().next() {
            return Ok(key);
        }
        let key = DataKey::random()?;
        self.replace_keyring(&[&key])?;
        Ok(key)
    }

    /// Puts these keys into the keyring, in place of what is there.
    pub(crate) fn replace_keyring(&self, keys: &[&DataKey]) -> Result<(), Error> {
        let value = Secret::new(words(keys).as_str());
        self.keyring.save(&self.entry, &value).map_err(|source| self.keyring_failed(source))?;
        // Some keyrings take a value and lose it; better to find out before a login depends on it.
        let kept = self.read_keyring()?;
        if !kept.iter().map(DataKey::bytes).eq(keys.iter().map(|key| key.bytes())) {
            let lost = "it did not keep the key".to_owned();
            return Err(self.keyring_failed(KeyringError::Refused(lost)));
        }
        Ok(())
    }

    fn keyring_failed(&self, source: KeyringError) -> Error {
        Error::Keyring { database: self.files.database.clone(), source }
    }

    pub(crate) fn stretched(&self, passphrase: &Secret, stretch: &Stretch) -> Result<DataKey, Error> {
        stretch.key(passphrase).ok_or_else(|| Error::Damaged {
            path: self.files.database.clone(),
            detail: "the parameters of the passphrase are out of bounds".to_owned(),
        })
    }

    fn unwrap(&mut self, connection: &Connection, record: &Record) -> Result<DataKey, Failure> {
        let path = self.files.database.clone();
        let Some((sealed, stretch)) = &record.wrapped else {
            let detail = "the wrapped key is missing".to_owned();
            return Err(Failure::Store(Error::Damaged { path, detail }));
        };
        let place = wrap_place(connection)?;
        let open = |outer: &DataKey| {
            let key = outer.open(&place, sealed).and_then(|bytes| DataKey::from_bytes(&bytes));
            key.ok_or(Error::WrongPassphrase { path })
        };
        match &self.opener {
            Opener::Passphrase(passphrase) => {
                let outer = self.stretched(passphrase, stretch)?;
                let key = open(&outer)?;
                self.opener = Opener::Stretched(stretch.clone(), outer);
                Ok(key)
            }
            Opener::Stretched(known, outer) if known == stretch => Ok(open(outer)?),
            // None was given, or another process has changed it since.
            Opener::Nothing | Opener::Stretched(..) => Err(self.locked()),
        }
    }
}

/// Records a key in the transaction, under an id of its own.
pub(crate) fn put_record(
    transaction: &Connection,
    protection: Protection,
    key: &DataKey,
    wrapped: Option<(Vec<u8>, Stretch)>,
) -> Result<Vec<u8>, Failure> {
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
    Ok(id)
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

pub(crate) fn record(connection: &Connection, disk: &Disk) -> Result<Option<Record>, Failure> {
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

fn key_file(keys: &[&DataKey]) -> Zeroizing<String> {
    Zeroizing::new(format!("{KEY_FILE} {}\n", *words(keys)))
}

/// The keys as text, which keyrings that hold text only (as the one of KDE does) need.
fn words(keys: &[&DataKey]) -> Zeroizing<String> {
    // As large as it gets from the start, so that no copy stays behind.
    let mut text = Zeroizing::new(String::with_capacity(keys.len() * 45));
    for key in keys {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&Zeroizing::new(BASE64.encode(key.bytes())));
    }
    text
}

/// All words as keys: one or two.
fn read_keys<'a>(words: impl Iterator<Item = &'a str>) -> Option<Vec<DataKey>> {
    let keys = words.map(read_key).collect::<Option<Vec<_>>>()?;
    (1..=MOST_KEYS).contains(&keys.len()).then_some(keys)
}

fn read_key(word: &str) -> Option<DataKey> {
    let bytes = Zeroizing::new(BASE64.decode(word).ok()?);
    DataKey::from_bytes(&bytes)
}
