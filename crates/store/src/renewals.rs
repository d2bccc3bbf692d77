//! Renewals of logins: what is noted before the vendor is asked, and what becomes of its answer.
//!
//! Whoever renews has the account's lease. An answer replaces exactly the tokens that it was given for: when
//! the person has logged in anew meanwhile, the row holds others, and those stay. The mark that a renewal is
//! under way is on the disk before the vendor is asked and goes with the commit of the answer, so that one
//! whose process has ended in between can be told of.

use std::time::{Duration, SystemTime};

use byok_types::{AccountId, AccountKey, Credential, ProviderId, TokenSet};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::accounts::{self, Held, NewAccount};
use crate::error::{Error, Failure};
use crate::leases::Lock;
use crate::{Store, key, time};

/// What came of the wish to renew a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// There is no such account any more.
    Gone,
    /// There were as many renewals as may be, and the next one may begin then.
    TooMany(SystemTime),
    /// It is noted that a renewal is under way.
    Yes {
        /// When an earlier renewal began whose process ended before it did.
        cut_off: Option<SystemTime>,
    },
}

/// How a renewal failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The login is over; only a new one helps.
    Dead,
    /// It can be tried again.
    Failed,
}

impl Store {
    /// One account with its credential, as it is on the disk now.
    pub async fn held(&self, key: &AccountKey) -> Result<Option<Held>, Error> {
        let key = key.clone();
        self.worker
            .run(move |database| {
                let (transaction, keys) = database.read()?;
                let Some(row) = accounts::row(&transaction, &key)? else { return Ok(None) };
                let store = key::store_id(&transaction)?;
                let data_key = keys.current(&transaction)?;
                Ok(Some(Held { credential: row.open(&store, data_key), account: row.account()? }))
            })
            .await
    }

    /// Notes that `holder`, who has the lease, is about to renew a login, unless `most` renewals of it that
    /// may have yielded something began `within` before `now`. On the disk when this returns.
    pub async fn mark_renewal(
        &self,
        key: &AccountKey,
        holder: &str,
        now: SystemTime,
        most: u32,
        within: Duration,
    ) -> Result<Marked, Error> {
        let (key, holder) = (key.clone(), holder.to_owned());
        self.worker
            .run(move |database| {
                let (transaction, _keys) = database.write()?;
                let id = [key.provider.as_str(), key.account.as_str()];
                // A mark of its own is of an end that could not be written down.
                let cut_off: Option<Option<i64>> = transaction
                    .query_row(
                        "SELECT CASE WHEN renewing_by <> ?3 THEN renewing_since END FROM account
                         WHERE provider = ?1 AND account = ?2",
                        params![id[0], id[1], holder],
                        |row| row.get(0),
                    )
                    .optional()?;
                let Some(cut_off) = cut_off else { return Ok(Marked::Gone) };
                // What is later than now was noted before the clock was set back, and says nothing.
                let (now_ms, from_ms) = (time::to_ms(now), time::to_ms(now - within));
                transaction
                    .execute("DELETE FROM renewal WHERE at <= ?1 OR at > ?2", params![from_ms, now_ms])?;
                let (count, oldest): (u32, Option<i64>) = transaction.query_row(
                    "SELECT count(*), min(at) FROM renewal WHERE provider = ?1 AND account = ?2",
                    id,
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )?;
                if count >= most {
                    let oldest = oldest.map_or(now, time::from_ms);
                    return Ok(Marked::TooMany(oldest + within));
                }
                transaction.execute(
                    "INSERT INTO renewal (provider, account, at) VALUES (?1, ?2, ?3)",
                    params![id[0], id[1], now_ms],
                )?;
                transaction.execute(
                    "UPDATE account SET renewing_since = ?3, renewing_by = ?4,
                         cut_off_at = coalesce(?5, cut_off_at)
                     WHERE provider = ?1 AND account = ?2",
                    params![id[0], id[1], now_ms, holder, cut_off],
                )?;
                transaction.commit()?;
                Ok(Marked::Yes { cut_off: cut_off.map(time::from_ms) })
            })
            .await
    }

    /// Stores what a renewal of `from` yielded, and leaves all else of the account. `false`, and nothing
    /// stored, when the account is gone or holds other tokens: a renewal must bring back no account that was
    /// logged out meanwhile, and must not replace a new login. On the disk when this returns.
    pub async fn renew(&self, key: &AccountKey, from: &TokenSet, to: TokenSet) -> Result<bool, Error> {
        let now = SystemTime::now();
        let (key, from) = (key.clone(), from.clone());
        self.worker
            .run(move |database| {
                let (transaction, keys) = database.write()?;
                let store = key::store_id(&transaction)?;
                let Some(known) = accounts::row(&transaction, &key)? else { return Ok(false) };
                let is_same = is(&known.open(&store, keys.current(&transaction)?), &from);
                if is_same {
                    let data_key = keys.current_or_new(&transaction)?;
                    let credential = Credential::OAuth(to);
                    let account = NewAccount {
                        key: key.clone(),
                        credential,
                        base_url: known.base_url,
                        label: known.label,
                    };
                    accounts::insert(&transaction, data_key, &account, now)?;
                    transaction.execute(
                        "UPDATE account SET renewed_at = ?3 WHERE provider = ?1 AND account = ?2",
                        params![key.provider.as_str(), key.account.as_str(), time::to_ms(now)],
                    )?;
                } else {
                    unmark(&transaction, &key)?;
                }
                transaction.commit()?;
                Ok(is_same)
            })
            .await
    }

    /// Notes that a renewal of `from` failed, and why. `false`, and nothing of it noted, when the account is
    /// gone or holds other tokens.
    pub async fn fail_renewal(
        &self,
        key: &AccountKey,
        from: &TokenSet,
        ended: Ended,
        error: String,
    ) -> Result<bool, Error> {
        let (key, from) = (key.clone(), from.clone());
        self.worker
            .run(move |database| {
                let (transaction, keys) = database.write()?;
                let store = key::store_id(&transaction)?;
                let Some(known) = accounts::row(&transaction, &key)? else { return Ok(false) };
                let is_same = is(&known.open(&store, keys.current(&transaction)?), &from);
                if is_same {
                    transaction.execute(
                        "UPDATE account SET failures = failures + 1, last_error = ?3,
                             state = CASE WHEN ?4 THEN 'needs-login' ELSE state END
                         WHERE provider = ?1 AND account = ?2",
                        params![
                            key.provider.as_str(),
                            key.account.as_str(),
                            error,
                            matches!(ended, Ended::Dead)
                        ],
                    )?;
                }
                if ended == Ended::Failed {
                    // Only those count that may have yielded something.
                    transaction.execute(
                        "DELETE FROM renewal WHERE provider = ?1 AND account = ?2 AND at =
                             (SELECT max(at) FROM renewal WHERE provider = ?1 AND account = ?2)",
                        [key.provider.as_str(), key.account.as_str()],
                    )?;
                }
                unmark(&transaction, &key)?;
                transaction.commit()?;
                Ok(is_same)
            })
            .await
    }

    /// Finds the renewals whose process ended before they did, and notes them with their accounts until a
    /// renewal or a login succeeds.
    pub async fn find_cut_off(&self) -> Result<(), Error> {
        /// Nobody who renews, in this process or another, has this name.
        const HOLDER: &str = "find-cut-off";
        self.worker
            .run(move |database| {
                for key in marked(&database.connection)? {
                    // Whoever is still at it has the lock.
                    if database.locks.lock(&key, HOLDER) != Lock::Ours {
                        continue;
                    }
                    let noted = database.connection.execute(
                        "UPDATE account SET cut_off_at = renewing_since, renewing_since = NULL, renewing_by = NULL
                         WHERE provider = ?1 AND account = ?2 AND renewing_since IS NOT NULL",
                        [key.provider.as_str(), key.account.as_str()],
                    );
                    database.locks.unlock(&key, HOLDER);
                    noted?;
                }
                Ok(())
            })
            .await
    }
}

/// Whether a stored credential is these very tokens.
fn is(stored: &Result<Credential, Error>, tokens: &TokenSet) -> bool {
    matches!(stored, Ok(Credential::OAuth(stored)) if stored.is_same_pair(tokens))
}

fn unmark(transaction: &Connection, key: &AccountKey) -> Result<(), Failure> {
    transaction.execute(
        "UPDATE account SET renewing_since = NULL, renewing_by = NULL WHERE provider = ?1 AND account = ?2",
        [key.provider.as_str(), key.account.as_str()],
    )?;
    Ok(())
}

fn marked(connection: &Connection) -> rusqlite::Result<Vec<AccountKey>> {
    let mut statement =
        connection.prepare("SELECT provider, account FROM account WHERE renewing_since IS NOT NULL")?;
    let keys = statement.query_map([], |row| {
        let (provider, account): (String, String) = (row.get(0)?, row.get(1)?);
        Ok(AccountKey::new(ProviderId::new(provider), AccountId::new(account)))
    })?;
    keys.collect()
}
