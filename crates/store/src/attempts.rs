//! Wrong passphrases, counted in the database: after a few of them the next one has to wait.
//!
//! The count is outside of the sealed part, since it must be readable before anything opens, and so
//! survives a restart. It slows down whoever types at byok. It does not stop someone who can write the
//! file, or who has a copy of it and a program of their own: against those stands the passphrase alone.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, params};

use crate::error::{Error, Failure};
use crate::time;

/// So many wrong ones in a row are free of any wait, less one.
const FREE: u32 = 5;
/// The first wait; each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// How often it is doubled at most, which makes 32 minutes.
const DOUBLINGS: u32 = 5;

/// What the database remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempts {
    pub(crate) failures: u32,
    pub(crate) failed_at: Option<SystemTime>,
}

impl Attempts {
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        connection.query_row("SELECT failed_unlocks, failed_at FROM wallet", [], |row| {
            let failures: i64 = row.get(0)?;
            Ok(Self {
                failures: u32::try_from(failures).unwrap_or(u32::MAX),
                failed_at: row.get::<_, Option<i64>>(1)?.map(time::from_ms),
            })
        })
    }

    /// How long after the last failure the next passphrase is taken.
    fn pause(self) -> Duration {
        match self.failures.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(more) => FIRST_WAIT * (1 << more.min(DOUBLINGS)),
        }
    }

    /// How long from `now` on. A failure in the future, before the clock was set back, counts as of now.
    pub(crate) fn wait(self, now: SystemTime) -> Duration {
        let since = self.failed_at.and_then(|at| now.duration_since(at).ok()).unwrap_or_default();
        self.pause().saturating_sub(since)
    }
}

/// Fails while the next passphrase has to wait.
pub(crate) fn admit(connection: &Connection, now: SystemTime) -> Result<(), Failure> {
    let attempts = Attempts::read(connection)?;
    let wait = attempts.wait(now);
    if wait.is_zero() {
        return Ok(());
    }
    if attempts.failed_at.is_some_and(|at| at > now) {
        // Otherwise the wait would last until the clock has caught up.
        connection.execute("UPDATE wallet SET failed_at = ?1", [time::to_ms(now)])?;
    }
    Err(Failure::Store(Error::TooManyAttempts { failures: attempts.failures, wait }))
}

/// Counts a wrong passphrase.
pub(crate) fn failed(connection: &Connection, now: SystemTime) -> rusqlite::Result<()> {
    connection
        .execute(
            "UPDATE wallet SET failed_unlocks = min(failed_unlocks + 1, 1000000), failed_at = ?1",
            params![time::to_ms(now)],
        )
        .map(drop)
}

/// Forgets them after a right one. Writes nothing where there is nothing to forget.
pub(crate) fn succeeded(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .execute("UPDATE wallet SET failed_unlocks = 0, failed_at = NULL WHERE failed_unlocks > 0", [])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_double_from_the_fifth_failure_on_and_end_at_32_minutes() {
        let at = time::from_ms(1_000_000_000);
        let minutes = |failures| Attempts { failures, failed_at: Some(at) }.wait(at).as_secs() / 60;
        let waits: Vec<_> = (0..13).map(minutes).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 32, 32]);
        assert_eq!(minutes(u32::MAX), 32);
    }

    #[test]
    fn a_wait_ends_by_itself_and_no_clock_makes_it_longer() {
        let at = time::from_ms(1_000_000_000);
        let five = Attempts { failures: 5, failed_at: Some(at) };
        assert_eq!(five.wait(at + Duration::from_secs(59)), Duration::from_secs(1));
        assert_eq!(five.wait(at + Duration::from_secs(60)), Duration::ZERO);
        assert_eq!(five.wait(at - Duration::from_secs(86_400)), Duration::from_secs(60));
    }
}
