//! How the file is: everything in it read once, for `byok wallet status`.

use std::time::{Duration, SystemTime};

use byok_types::AccountKey;

use crate::attempts::Attempts;
use crate::error::{Error, Failure};
use crate::{Location, Store, accounts, key, time};

/// What was found.
#[derive(Debug)]
pub struct Health {
    /// How many accounts there are.
    pub accounts: usize,
    /// Those whose credential does not open although the key is right. `None` while the store is locked.
    pub broken: Option<Vec<AccountKey>>,
    /// What the database says against itself, at most ten lines; empty when it is sound.
    pub damage: Vec<String>,
    /// How large the file is, in bytes. `None` in memory.
    pub bytes: Option<u64>,
    /// Wrong passphrases since the last right one.
    pub failed_unlocks: u32,
    /// When the last wrong one was given.
    pub failed_at: Option<SystemTime>,
    /// How long from now until the next passphrase is taken.
    pub wait: Duration,
    /// When the wallet was last exported.
    pub exported_at: Option<SystemTime>,
}

impl Store {
    /// Reads all of the file and says how it is.
    pub async fn health(&self) -> Result<Health, Error> {
        let now = SystemTime::now();
        self.worker
            .run(move |database| {
                let bytes = std::fs::metadata(&database.path).ok().map(|metadata| metadata.len());
                let (transaction, keys) = database.read()?;
                let damage = {
                    let mut check =
                        transaction.prepare("SELECT integrity_check FROM pragma_integrity_check LIMIT 10")?;
                    let lines = check.query_map([], |row| row.get::<_, String>(0))?;
                    lines
                        .filter(|line| !matches!(line, Ok(line) if line == "ok"))
                        .collect::<Result<_, _>>()?
                };
                let rows = accounts::rows(&transaction)?;
                let store = key::store_id(&transaction)?;
                let broken = match keys.current(&transaction) {
                    Ok(key) => {
                        let broken = rows.iter().filter(|row| row.open(&store, key).is_err());
                        Some(broken.map(accounts::StoredRow::key).collect())
                    }
                    Err(Failure::Store(Error::Locked { .. })) => None,
                    Err(failure) => return Err(failure),
                };
                let attempts = Attempts::read(&transaction)?;
                let exported_at: Option<i64> =
                    transaction.query_row("SELECT exported_at FROM wallet", [], |row| row.get(0))?;
                Ok(Health {
                    accounts: rows.len(),
                    broken,
                    damage,
                    bytes,
                    failed_unlocks: attempts.failures,
                    failed_at: attempts.failed_at,
                    wait: attempts.wait(now),
                    exported_at: exported_at.map(time::from_ms),
                })
            })
            .await
    }

    /// Notes that the wallet was exported now.
    pub async fn note_export(&self) -> Result<(), Error> {
        let now = time::to_ms(SystemTime::now());
        self.worker
            .run(move |database| {
                database.connection.execute("UPDATE wallet SET exported_at = ?1", [now])?;
                Ok(())
            })
            .await
    }
}

impl Location {
    /// The file, unless it is in memory.
    pub fn path(&self) -> Option<&std::path::Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Memory => None,
        }
    }
}
