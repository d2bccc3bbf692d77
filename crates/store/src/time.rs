//! Points in time as the database holds them: milliseconds since 1970, UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The number for a point in time; what is too far away becomes the nearest that fits.
pub(crate) fn to_ms(time: SystemTime) -> i64 {
    let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => ms(after),
        Err(before) => -ms(before.duration()),
    }
}

/// The point in time of a number; the epoch where this system has none so far away.
pub(crate) fn from_ms(ms: i64) -> SystemTime {
    let distance = Duration::from_millis(ms.unsigned_abs());
    let time = if ms < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    time.unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_on_both_sides_of_1970() {
        for ms in [0, 1, -1, 1_700_000_000_123, -1_700_000_000_123] {
            assert_eq!(to_ms(from_ms(ms)), ms);
        }
        let _ = (from_ms(i64::MAX), from_ms(i64::MIN));
    }
}
