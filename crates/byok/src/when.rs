//! Points in time as people say them: `in 3 h`, `2 min ago`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time, seen from `now`.
pub(crate) fn when(at: SystemTime, now: SystemTime) -> String {
    match (at.duration_since(now), now.duration_since(at)) {
        (Ok(ahead), _) if ahead.as_secs() > 0 => format!("in {}", span(ahead)),
        (_, Ok(ago)) if ago.as_secs() >= 60 => format!("{} ago", span(ago)),
        _ => "just now".to_owned(),
    }
}

/// A span of time in its largest unit, rounded down.
pub(crate) fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..5400 => format!("{} min", seconds / 60),
        seconds @ 5400..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// Seconds since 1970, for JSON.
pub(crate) fn unix(at: SystemTime) -> i64 {
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    match at.duration_since(UNIX_EPOCH) {
        Ok(after) => seconds(after),
        Err(before) => -seconds(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_and_never_claim_more_than_there_is() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (seconds, text) in [
            (0, "just now"),
            (1, "in 1 s"),
            (119, "in 1 min"),
            (5399, "in 89 min"),
            (5400, "in 1 h"),
            (172_799, "in 47 h"),
            (172_800, "in 2 days"),
        ] {
            assert_eq!(when(now + Duration::from_secs(seconds), now), text);
        }
        assert_eq!(when(now - Duration::from_secs(59), now), "just now");
        assert_eq!(when(now - Duration::from_secs(7200), now), "2 h ago");
        assert_eq!(unix(now), 1_000_000);
        assert_eq!(unix(UNIX_EPOCH - Duration::from_secs(5)), -5);
    }
}
