//! Leases: who may refresh a login now, across processes and, with a shared database, across machines.
//!
//! A lease ends by being released or by its time; it never blocks for longer than an hour, so neither a
//! holder that died nor a clock that was set back can lock an account for good.

use std::time::{Duration, SystemTime};

use byok_types::AccountKey;
use rusqlite::params;

use crate::error::Error;
use crate::{Store, time};

/// The longest that a lease holds.
const LONGEST: Duration = Duration::from_secs(3600);

impl Store {
    /// Takes the lease of an account, or prolongs it when `holder` has it already. `false` when another
    /// holds it at `now`.
    pub async fn acquire_lease(
        &self,
        key: &AccountKey,
        holder: &str,
        ttl: Duration,
        now: SystemTime,
    ) -> Result<bool, Error> {
        let (key, holder) = (key.clone(), holder.to_owned());
        let until = time::to_ms(now + ttl.min(LONGEST));
        self.worker
            .run(move |database| {
                let changed = database.connection.execute(
                    "INSERT INTO lease (provider, account, holder, expires_at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (provider, account) DO UPDATE SET
                         holder = excluded.holder, expires_at = excluded.expires_at
                     WHERE lease.holder = excluded.holder OR lease.expires_at <= ?5 OR lease.expires_at > ?6",
                    params![
                        key.provider.as_str(),
                        key.account.as_str(),
                        holder,
                        until,
                        time::to_ms(now),
                        time::to_ms(now + LONGEST),
                    ],
                )?;
                Ok(changed > 0)
            })
            .await
    }

    /// Gives a lease back. `false` when `holder` no longer had it.
    pub async fn release_lease(&self, key: &AccountKey, holder: &str) -> Result<bool, Error> {
        let (key, holder) = (key.clone(), holder.to_owned());
        self.worker
            .run(move |database| {
                let changed = database.connection.execute(
                    "DELETE FROM lease WHERE provider = ?1 AND account = ?2 AND holder = ?3",
                    params![key.provider.as_str(), key.account.as_str(), holder],
                )?;
                Ok(changed > 0)
            })
            .await
    }
}
