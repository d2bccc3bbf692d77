//! A new key for all that is sealed: to change the passphrase, to set or remove one, or for its own sake.
//!
//! Every such change makes a new data key and seals everything anew, because whoever had the old way in may
//! have kept the old key. It happens in one transaction, and the new key is safe before that is committed:
//! killed at any instant, the store opens the old way or the new way. Only after that is the old key removed
//! from where it was kept; one that could not be removed opens nothing but old copies of the file.

use std::time::SystemTime;

use byok_types::Secret;
use rusqlite::Connection;

use crate::error::{Error, Failure};
use crate::key::{self, Keys, Opener, Record, Source, put_record};
use crate::passphrase::Stretch;
use crate::protection::Protection;
use crate::seal::DataKey;
use crate::{Store, accounts};

/// What a change came to.
#[derive(Debug)]
pub struct Rewrapped {
    /// What protects the store now.
    pub protection: Protection,
    /// How many accounts were sealed anew.
    pub accounts: usize,
    /// Why the old key is still where it was kept, if it is.
    pub left_behind: Option<Error>,
}

/// How the new key is protected.
enum Under {
    /// As the old one.
    Same,
    /// A passphrase.
    Passphrase(Secret),
    /// The keyring, or a key file where there is none.
    NoPassphrase,
}

impl Store {
    /// Makes a new key and seals everything with it. The protection stays what it is.
    pub async fn rekey(&self) -> Result<Rewrapped, Error> {
        self.rewrap(Under::Same).await
    }

    /// Protects the store by this passphrase from now on, whatever protected it before. How strong that
    /// must be is for the caller to say: see [`crate::strength()`].
    pub async fn set_passphrase(&self, passphrase: Secret) -> Result<Rewrapped, Error> {
        self.rewrap(Under::Passphrase(passphrase)).await
    }

    /// Takes the passphrase away: the keyring protects the store then, or a key file where there is none.
    pub async fn remove_passphrase(&self) -> Result<Rewrapped, Error> {
        self.rewrap(Under::NoPassphrase).await
    }

    /// Wipes the key from memory. What needs it fails with [`Error::Locked`] until [`Store::unlock`]. Fails
    /// with [`Error::InUse`] while this process renews a login, whose new tokens could not be stored any more.
    pub async fn lock(&self) -> Result<(), Error> {
        self.worker
            .run(|database| match database.locks.any() {
                Some(account) => Err(Failure::Store(Error::InUse { account: account.clone() })),
                None => Ok(database.keys.lock()?),
            })
            .await
    }

    /// Gets the key again: with the passphrase where that protects it, and from where it lies otherwise.
    /// Wrong passphrases are counted, and after some of them the next one has to wait.
    pub async fn unlock(&self, passphrase: Option<Secret>) -> Result<(), Error> {
        let now = SystemTime::now();
        self.worker.run(move |database| database.keys.unlock(&database.connection, passphrase, now)).await
    }

    /// Whether there is a key already. The first secret makes it.
    pub async fn is_sealed(&self) -> Result<bool, Error> {
        self.worker
            .run(|database| {
                let sealed =
                    database
                        .connection
                        .query_row("SELECT EXISTS (SELECT 1 FROM data_key)", [], |row| row.get(0))?;
                Ok(sealed)
            })
            .await
    }

    async fn rewrap(&self, under: Under) -> Result<Rewrapped, Error> {
        self.worker
            .run(move |database| {
                let (transaction, keys) = database.write()?;
                let change = Change::make(&transaction, keys, under)?;
                transaction.commit()?;
                let (transaction, keys) = database.write()?;
                let rewrapped = change.settle(&transaction, keys);
                transaction.commit()?;
                database.empty_log();
                Ok(rewrapped)
            })
            .await
    }
}

/// A change that is made in a transaction, and holds once that is committed.
struct Change {
    id: Vec<u8>,
    key: DataKey,
    opener: Option<Opener>,
    protection: Protection,
    accounts: usize,
    before: Option<Record>,
}

impl Change {
    fn make(transaction: &Connection, keys: &mut Keys, under: Under) -> Result<Self, Failure> {
        // Follows what another process did, and fails while locked.
        keys.current(transaction)?;
        let recorded = keys.shown.protection();
        let (Source::Disk(disk), old) = (&mut keys.source, &keys.loaded) else {
            return Err(Failure::Store(Error::InMemory));
        };
        let old = old.as_ref().map(|(_, key)| key);
        let before = key::record(transaction, disk)?;
        let key = DataKey::random()?;
        let (key, protection, wrapped, opener) = match under {
            Under::Passphrase(passphrase) => {
                let stretch = Stretch::fresh()?;
                let outer = disk.stretched(&passphrase, &stretch)?;
                let opener = Opener::Stretched(stretch, outer);
                let kept = std::mem::replace(&mut disk.opener, opener);
                let wrapped = disk.wrap(transaction, &key);
                let opener = std::mem::replace(&mut disk.opener, kept);
                (key, Protection::Passphrase, Some(wrapped?), Some(opener))
            }
            Under::Same if recorded == Protection::Passphrase => {
                let wrapped = disk.wrap(transaction, &key)?;
                (key, recorded, Some(wrapped), None)
            }
            Under::Same => {
                let both: Vec<&DataKey> = std::iter::once(&key).chain(old).collect();
                if recorded == Protection::Keyring {
                    disk.replace_keyring(&both)?;
                } else if disk.files.has_neighbour()? {
                    return Err(Failure::Store(Error::KeyFileShared {
                        path: disk.files.key(),
                        database: disk.files.database.clone(),
                    }));
                } else {
                    disk.replace_key_file(&both)?;
                }
                (key, recorded, None, None)
            }
            Under::NoPassphrase if recorded != Protection::Passphrase => {
                return Err(Failure::Store(Error::NoPassphrase {
                    path: disk.files.database.clone(),
                    protection: recorded,
                }));
            }
            Under::NoPassphrase => {
                let kept = std::mem::replace(&mut disk.opener, Opener::Nothing);
                let planned = disk.plan(None);
                disk.opener = kept;
                let planned = planned?;
                let key = if planned == Protection::Keyring {
                    disk.replace_keyring(&[&key])?;
                    key
                } else if disk.files.has_neighbour()? {
                    // The neighbour may be sealed with the key that is there.
                    disk.adopt_or_write_key_file()?
                } else {
                    disk.replace_key_file(&[&key])?;
                    key
                };
                (key, planned, None, Some(Opener::Nothing))
            }
        };
        let accounts = accounts::reseal(transaction, old, &key)?;
        let id = put_record(transaction, protection, &key, wrapped)?;
        Ok(Self { id, key, opener, protection, accounts, before })
    }

    /// Takes the new key into use and removes the old one. `transaction` is a writing one, so that no other
    /// process replaces a key at the same time.
    fn settle(self, transaction: &Connection, keys: &mut Keys) -> Rewrapped {
        let Self { id, key, opener, protection, accounts, before } = self;
        keys.shown.protect(protection);
        let mut left_behind = None;
        if let Source::Disk(disk) = &mut keys.source {
            if let Some(opener) = opener {
                disk.opener = opener;
            }
            let now = key::record(transaction, disk).ok().flatten();
            let is_ours = now.is_some_and(|now| now.id == id);
            let removed = match before {
                Some(before) if is_ours && before.protection != protection => disk.discard(&before),
                Some(_) if is_ours && protection == Protection::Keyring => disk.replace_keyring(&[&key]),
                Some(_) if is_ours && protection == Protection::KeyFile => match disk.files.has_neighbour() {
                    Ok(false) => disk.replace_key_file(&[&key]),
                    // One that came meanwhile may have taken either key for its own.
                    Ok(true) => Ok(()),
                    Err(error) => Err(error),
                },
                // It was in the database itself, or another process has gone on from here.
                _ => Ok(()),
            };
            left_behind = removed.err();
        }
        keys.loaded = Some((id, key));
        Rewrapped { protection, accounts, left_behind }
    }
}

#[cfg(test)]
mod tests;
