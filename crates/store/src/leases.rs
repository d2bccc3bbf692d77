//! Leases: who may renew a login now, of all processes that use this database.
//!
//! A database in a file is used by processes of one machine, and there a lease is a lock of the operating
//! system on a file of its own: it ends with its holder, however that ends, and not a moment sooner, even if
//! the holder is stopped for an hour. Where files cannot be locked, and for a store in memory, a lease is a
//! row with a time; it never blocks for longer than an hour, so that neither a holder that died nor a clock
//! that was set back can lock an account for good.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use byok_types::AccountKey;
use rusqlite::{Connection, params};

use crate::database::Database;
use crate::error::{Error, Failure};
use crate::files::{self, Files};
use crate::{Store, time};

/// The longest that a lease in a row holds.
const LONGEST: Duration = Duration::from_secs(3600);

impl Store {
    /// Takes the lease of an account, or prolongs it when `holder` has it already. `false` when another
    /// has it. `ttl` and `now` matter only where leases are rows.
    pub async fn acquire_lease(
        &self,
        key: &AccountKey,
        holder: &str,
        ttl: Duration,
        now: SystemTime,
    ) -> Result<bool, Error> {
        let (key, holder) = (key.clone(), holder.to_owned());
        self.worker
            .run(move |database| match database.locks.lock(&key, &holder) {
                Lock::Ours => Ok(true),
                Lock::Theirs => Ok(false),
                Lock::Impossible => Ok(acquire_row(&database.connection, &key, &holder, ttl, now)?),
            })
            .await
    }

    /// Gives a lease back. `false` when `holder` no longer had it.
    pub async fn release_lease(&self, key: &AccountKey, holder: &str) -> Result<bool, Error> {
        let (key, holder) = (key.clone(), holder.to_owned());
        self.worker
            .run(move |database| {
                if database.locks.unlock(&key, &holder) {
                    return Ok(true);
                }
                let changed = database.connection.execute(
                    "DELETE FROM lease WHERE provider = ?1 AND account = ?2 AND holder = ?3",
                    params![key.provider.as_str(), key.account.as_str(), holder],
                )?;
                Ok(changed > 0)
            })
            .await
    }
}

/// Runs `job` while nobody renews one of these accounts: what comes of a renewal must find its account under
/// its name. Fails where someone does.
pub(crate) fn undisturbed<T>(
    database: &mut Database,
    keys: Vec<AccountKey>,
    job: impl FnOnce(&mut Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    /// Who has the leases meanwhile. There is one thread, so it is never two.
    const HOLDER: &str = "byok-store";
    let now = SystemTime::now();
    let mut locked = Vec::with_capacity(keys.len());
    let mut busy = None;
    for key in keys {
        match database.locks.lock(&key, HOLDER) {
            Lock::Ours => locked.push(key),
            Lock::Impossible if !is_in_row(&database.connection, &key, now)? => {}
            Lock::Impossible | Lock::Theirs => {
                busy = Some(key);
                break;
            }
        }
    }
    let outcome = match busy {
        None => job(database),
        Some(account) => Err(Failure::Store(Error::InUse { account })),
    };
    for key in locked {
        database.locks.unlock(&key, HOLDER);
    }
    outcome
}

fn is_in_row(connection: &Connection, key: &AccountKey, now: SystemTime) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM lease WHERE provider = ?1 AND account = ?2 AND expires_at > ?3)",
        params![key.provider.as_str(), key.account.as_str(), time::to_ms(now)],
        |row| row.get(0),
    )
}

fn acquire_row(
    connection: &Connection,
    key: &AccountKey,
    holder: &str,
    ttl: Duration,
    now: SystemTime,
) -> rusqlite::Result<bool> {
    let changed = connection.execute(
        "INSERT INTO lease (provider, account, holder, expires_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (provider, account) DO UPDATE SET
             holder = excluded.holder, expires_at = excluded.expires_at
         WHERE lease.holder = excluded.holder OR lease.expires_at <= ?5 OR lease.expires_at > ?6",
        params![
            key.provider.as_str(),
            key.account.as_str(),
            holder,
            time::to_ms(now + ttl.min(LONGEST)),
            time::to_ms(now),
            time::to_ms(now + LONGEST),
        ],
    )?;
    Ok(changed > 0)
}

/// The file locks that this process has.
pub(crate) struct Locks {
    /// `None` for a store in memory.
    files: Option<Files>,
    held: HashMap<AccountKey, (String, File)>,
}

/// What came of an attempt to lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    Ours,
    Theirs,
    /// There is no file that could be locked.
    Impossible,
}

impl Locks {
    pub(crate) fn new(files: Option<Files>) -> Self {
        Self { files, held: HashMap::new() }
    }

    /// Locks an account for `holder`, who may have it already.
    pub(crate) fn lock(&mut self, key: &AccountKey, holder: &str) -> Lock {
        if let Some((holding, _file)) = self.held.get(key) {
            return if holding == holder { Lock::Ours } else { Lock::Theirs };
        }
        let Some(files) = &self.files else { return Lock::Impossible };
        let path = files.sibling(&format!("-lease-{:016x}", name(key)));
        let locked = open(&path).map_err(TryLockError::Error).and_then(|file| file.try_lock().map(|()| file));
        match locked {
            Ok(file) => {
                self.held.insert(key.clone(), (holder.to_owned(), file));
                Lock::Ours
            }
            Err(TryLockError::WouldBlock) => Lock::Theirs,
            Err(TryLockError::Error(error)) => {
                tracing::debug!(path = %path.display(), %error, "no lock; a row of the database stands for it");
                Lock::Impossible
            }
        }
    }

    /// An account that this process is renewing, if there is one.
    pub(crate) fn any(&self) -> Option<&AccountKey> {
        self.held.keys().next()
    }

    /// Lets go. `false` when `holder` had no lock.
    pub(crate) fn unlock(&mut self, key: &AccountKey, holder: &str) -> bool {
        if self.held.get(key).is_none_or(|(holding, _file)| holding != holder) {
            return false;
        }
        // The lock ends with the file.
        self.held.remove(key).is_some()
    }
}

/// The file stays when the lock ends: if it were removed, two processes could each have a lock on a file of
/// that name. On a disk that cannot be written any more, one that is there can still be locked.
fn open(path: &Path) -> io::Result<File> {
    match files::create(path) {
        Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {}
        Err(failed) if !path.exists() => return Err(failed),
        Err(_read_only) => {}
        created => return created,
    }
    let both = fs::OpenOptions::new().read(true).write(true).open(path);
    both.or_else(|_read_only| File::open(path))
}

/// A number for an account's file: FNV-1a, which is the same in every version of byok. Two accounts that
/// share one wait for each other, and no more.
fn name(key: &AccountKey) -> u64 {
    let text = key.provider.as_str().bytes().chain([0]).chain(key.account.as_str().bytes());
    text.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
