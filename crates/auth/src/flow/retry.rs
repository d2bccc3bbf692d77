//! How long a vendor asks to wait.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// No vendor is believed that asks for more.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What `Retry-After-Ms` or `Retry-After` (seconds or a date) say.
pub(crate) fn after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    let wait = if let Some(millis) = text("retry-after-ms").and_then(number) {
        Duration::try_from_secs_f64(millis / 1000.0).unwrap_or(LONGEST)
    } else {
        let said = text(RETRY_AFTER.as_str())?;
        match number(said) {
            Some(seconds) => Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST),
            None => httpdate::parse_http_date(said).ok()?.duration_since(now).unwrap_or_default(),
        }
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn all_spellings_are_read_and_none_is_endless() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let date = httpdate::fmt_http_date(now + Duration::from_secs(90));
        for (name, value, expected) in [
            ("retry-after", "7", Some(7_000)),
            ("retry-after", "1.5", Some(1_500)),
            ("retry-after-ms", "250", Some(250)),
            ("retry-after", &date, Some(90_000)),
            ("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("retry-after", "1e300", Some(86_400_000)),
            ("retry-after", "-1", None),
            ("retry-after", "soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
            assert_eq!(after(&headers, now), expected.map(Duration::from_millis), "{name}: {value}");
        }
        assert_eq!(after(&HeaderMap::new(), now), None);
    }
}
