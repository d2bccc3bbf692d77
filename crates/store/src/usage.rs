//! Usage: one row per request, and sums of them.
//!
//! Rows are put down without waiting and written together a moment later; a process that is killed may
//! lose the last quarter of a second of them. They hold names and counts, never a prompt or an answer.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use byok_types::{AccountId, AccountKey, AppId, ModelId, ProviderId};
use rusqlite::params;

use crate::database::Database;
use crate::error::{Error, Failure};
use crate::{Store, time};

/// How many rows may wait for a disk that does not take them. Beyond, rows are dropped and counted.
const WAITING: usize = 10_000;
/// The most that one count of one request may be: a vendor that answers nonsense must not break the sums.
const MOST: u64 = 1 << 40;
/// The longest name that is kept, in bytes.
const LONGEST: usize = 256;

/// What one request used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// When it began.
    pub at: SystemTime,
    /// Who asked.
    pub app: AppId,
    /// Whose credential served it.
    pub account: AccountKey,
    /// The model, as the provider names it.
    pub model: ModelId,
    /// The status that the caller got.
    pub status: u16,
    /// Tokens that went in, cached ones excluded.
    pub input_tokens: u64,
    /// Tokens that came out, reasoning included.
    pub output_tokens: u64,
    /// Tokens that were read from the vendor's cache.
    pub cached_tokens: u64,
    /// The part of the output that was reasoning.
    pub reasoning_tokens: u64,
    /// From the request to the first byte of the answer; absent when none came.
    pub first_byte: Option<Duration>,
    /// From the request to the end of the answer.
    pub total: Duration,
}

/// What all requests of one app with one account and one model used together. Sums over an app, an account
/// or a provider are sums of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageSum {
    /// Who asked.
    pub app: AppId,
    /// Whose credential served them.
    pub account: AccountKey,
    /// The model.
    pub model: ModelId,
    /// How many requests.
    pub requests: u64,
    /// How many of them ended with a status of 400 or more.
    pub failures: u64,
    /// As in [`Usage`].
    pub input_tokens: u64,
    /// As in [`Usage`].
    pub output_tokens: u64,
    /// As in [`Usage`].
    pub cached_tokens: u64,
    /// As in [`Usage`].
    pub reasoning_tokens: u64,
    /// When the last of them began.
    pub last_at: SystemTime,
}

impl Store {
    /// Puts down what a request used. Returns at once; the row is on the disk a moment later.
    pub fn record(&self, usage: Usage) {
        self.worker.record(usage);
    }

    /// The sums of the requests that began at `since` or later, of all requests when it is absent. Rows
    /// that were put down before are counted.
    pub async fn usage(&self, since: Option<SystemTime>) -> Result<Vec<UsageSum>, Error> {
        let pending = self.worker.pending();
        self.worker
            .run(move |database| {
                pending.flush(database)?;
                sums(database, since)
            })
            .await
    }
}

fn sums(database: &Database, since: Option<SystemTime>) -> Result<Vec<UsageSum>, Failure> {
    let mut statement = database.connection.prepare(
        "SELECT app, provider, account, model, count(*), sum(status >= 400), sum(input_tokens),
                sum(output_tokens), sum(cached_tokens), sum(reasoning_tokens), max(at)
         FROM usage WHERE at >= ?1
         GROUP BY app, provider, account, model ORDER BY app, provider, account, model",
    )?;
    let since = since.map_or(i64::MIN, time::to_ms);
    let sums = statement.query_map([since], |row| {
        let text = |at: usize| row.get::<_, String>(at);
        let count = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
        Ok(UsageSum {
            app: AppId::new(text(0)?),
            account: AccountKey::new(ProviderId::new(text(1)?), AccountId::new(text(2)?)),
            model: ModelId::new(text(3)?),
            requests: count(4)?,
            failures: count(5)?,
            input_tokens: count(6)?,
            output_tokens: count(7)?,
            cached_tokens: count(8)?,
            reasoning_tokens: count(9)?,
            last_at: time::from_ms(row.get(10)?),
        })
    })?;
    Ok(sums.collect::<Result<_, _>>()?)
}

/// Rows that wait to be written.
#[derive(Default)]
pub(crate) struct Pending(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    rows: Vec<Usage>,
    dropped: u64,
}

impl Pending {
    /// Adds a row. `true` when it is the first, so that the store's thread must be told.
    pub(crate) fn push(&self, row: Usage) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.rows.len() >= WAITING {
            waiting.dropped += 1;
            return false;
        }
        waiting.rows.push(row);
        waiting.rows.len() == 1
    }

    /// Writes all rows in one transaction, or keeps them.
    pub(crate) fn flush(&self, database: &mut Database) -> Result<(), Error> {
        let (rows, dropped) = {
            let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut waiting.rows), std::mem::take(&mut waiting.dropped))
        };
        if dropped > 0 {
            tracing::warn!(dropped, "usage rows were dropped, since the disk did not take them");
        }
        if rows.is_empty() {
            return Ok(());
        }
        write(database, &rows).map_err(|failure| {
            let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let newer = std::mem::replace(&mut waiting.rows, rows);
            waiting.rows.extend(newer);
            failure.at(&database.path)
        })
    }
}

fn write(database: &mut Database, rows: &[Usage]) -> Result<(), Failure> {
    let count = |tokens: u64| i64::try_from(tokens.min(MOST)).unwrap_or(i64::MAX);
    let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let (transaction, _keys) = database.write()?;
    {
        let mut insert = transaction.prepare(
            "INSERT INTO usage (at, app, provider, account, model, status, input_tokens, output_tokens,
                                cached_tokens, reasoning_tokens, first_byte_ms, total_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        for row in rows {
            insert.execute(params![
                time::to_ms(row.at),
                cut(row.app.as_str()),
                cut(row.account.provider.as_str()),
                cut(row.account.account.as_str()),
                cut(row.model.as_str()),
                row.status,
                count(row.input_tokens),
                count(row.output_tokens),
                count(row.cached_tokens),
                count(row.reasoning_tokens),
                row.first_byte.map(ms),
                ms(row.total),
            ])?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// A name that a client chose is as long as the client liked.
fn cut(name: &str) -> &str {
    let mut end = name.len().min(LONGEST);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}
