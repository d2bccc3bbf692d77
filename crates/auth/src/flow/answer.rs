//! What a token answer holds (RFC 6749, 5.1), read as leniently as vendors write: only the access token has
//! to be there.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use byok_types::{Detail, Details, Secret, TokenSet};
use serde_json::Value;
use url::Url;

use super::vendor::{Vendor, field, text_field, unreadable};
use super::{ApiBase, Fields, LoginError, jwt, text};

/// The longest token, in bytes; the longest known are JWTs of about 4 KiB.
const LONGEST_TOKEN: usize = 32 * 1024;
/// What an access token has that is said to live for no time at all: to believe it would mean a renewal
/// before each call.
const SHORTEST_LIFE: Duration = Duration::from_secs(60);
/// No access token is believed to live longer.
const LONGEST_LIFE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// A token answer.
pub(crate) struct TokenAnswer {
    pub(crate) access: Secret,
    pub(crate) refresh: Option<Secret>,
    /// How long the access token lives.
    pub(crate) lifetime: Option<Duration>,
    /// All of it.
    pub(crate) value: Value,
}

impl TokenAnswer {
    pub(crate) fn read(value: Value, host: &str) -> Result<Self, LoginError> {
        let access = text_field(&value, "access_token").and_then(token);
        let access = access.ok_or_else(|| unreadable(host, "without an access token that can be used"))?;
        let refresh = text_field(&value, "refresh_token").and_then(token);
        let lifetime = field(&value, "expires_in").and_then(lifetime);
        Ok(Self { access, refresh, lifetime, value })
    }

    /// The tokens, with what else the flow keeps of the answer.
    pub(crate) fn tokens(&self, vendor: &Vendor<'_>, now: SystemTime) -> Result<TokenSet, LoginError> {
        let flow = vendor.flow;
        let id_token = text_field(&self.value, "id_token").and_then(jwt::claims);
        let claims = jwt::claims(self.access.expose());
        let mut details = Details::default();
        details.set(Detail::Flow, flow.name);
        let sources: Vec<(&Fields, &Value)> = std::iter::once((&flow.answer, &self.value))
            .chain(id_token.iter().chain(&claims).map(|claims| (&flow.claims, claims)))
            .collect();
        let mut label = None;
        for (fields, value) in &sources {
            label = label.or_else(|| fields.label(value));
            for (detail, pointers) in fields.details {
                if let Some(found) = text_at(value, pointers).filter(|_| details.get(*detail).is_none()) {
                    details.set(*detail, found);
                }
            }
        }
        if let Some(earliest) = field(&self.value, "earliest_refresh_at").and_then(moment) {
            details.set(Detail::EarliestRefresh, earliest.to_string());
        }
        if let Some(base) = api_base(vendor, &self.value)? {
            details.set(Detail::ApiBase, base);
        }
        let by_claim = claims.as_ref().filter(|_| flow.expires_by_claim).and_then(|claims| {
            let end = UNIX_EPOCH + Duration::from_secs(claims["exp"].as_u64()?.min(MOST_SECONDS));
            Some(end.duration_since(now).unwrap_or(SHORTEST_LIFE).min(LONGEST_LIFE))
        });
        let lifetime = by_claim.or(self.lifetime);
        if let Some(lifetime) = lifetime {
            details.set(Detail::Lifetime, lifetime.as_secs().to_string());
        }
        Ok(TokenSet {
            access: self.access.clone(),
            refresh: self.refresh.clone(),
            expires_at: lifetime.map(|lifetime| now + lifetime),
            label,
            details,
        })
    }
}

impl Fields {
    /// Who the login belongs to: `me@example.com`, or `me@example.com (Acme)`.
    pub(crate) fn label(&self, value: &Value) -> Option<String> {
        let who = text_at(value, self.label)?;
        match text_at(value, self.group) {
            // A person's own organisation is named after them.
            Some(group) if !group.contains(&who) => Some(format!("{who} ({group})")),
            _ => Some(who),
        }
    }
}

/// The first of these that is a text, or a number.
pub(crate) fn text_at(value: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|pointer| match value.pointer(pointer)? {
        Value::String(found) => text::name(found),
        Value::Number(found) => Some(found.to_string()),
        _ => None,
    })
}

/// A token that can be sent in a header.
pub(crate) fn token(text: &str) -> Option<Secret> {
    let text = text.trim();
    let fits = (1..=LONGEST_TOKEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| Secret::new(text))
}

/// How long a token lives: a number, or a text that is one. Whatever makes no sense is not known.
pub(crate) fn lifetime(value: &Value) -> Option<Duration> {
    let seconds = number(value)?;
    if seconds < 1.0 {
        return Some(SHORTEST_LIFE);
    }
    Some(Duration::try_from_secs_f64(seconds.floor()).unwrap_or(LONGEST_LIFE).min(LONGEST_LIFE))
}

/// A number, or a text that is one.
pub(crate) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// The year 9999; more seconds than that overflow what dates can be.
const MOST_SECONDS: u64 = 253_402_300_799;

/// A moment in Unix seconds: seconds, milliseconds, or RFC 3339.
pub(crate) fn moment(value: &Value) -> Option<u64> {
    let seconds = match (number(value), value) {
        // 1e11 seconds is the year 5138, 1e11 milliseconds is 1973.
        (Some(number), _) if number >= 1e11 => number / 1000.0,
        (Some(number), _) => number,
        (None, Value::String(text)) => return rfc3339(text),
        (None, _) => return None,
    };
    let seconds = Duration::try_from_secs_f64(seconds).ok()?.as_secs();
    (seconds <= MOST_SECONDS).then_some(seconds)
}

fn rfc3339(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = |range: std::ops::Range<usize>| -> Option<i64> {
        let part = text.get(range)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let sign = |at: usize, one: char| text.get(at..).is_some_and(|rest| rest.starts_with(one));
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
    let separated = sign(4, '-') && sign(7, '-') && sign(13, ':') && sign(16, ':');
    if !separated || !text.get(10..11)?.contains(['T', 't', ' ']) {
        return None;
    }
    let fits =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    let rest = text.get(19..)?;
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let offset = match rest.as_bytes() {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), ..] => {
            let (hours, minutes) = rest.get(1..)?.split_once(':')?;
            let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
            let seconds = (0..24).contains(&hours).then_some(hours * 3600)? + minutes.min(59) * 60;
            if *sign == b'+' { seconds } else { -seconds }
        }
        _ => return None,
    };
    // Days since 1970 of a date in the Gregorian calendar, counted from 1 March of the year 0.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day
        - 1
        - 719_468;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset;
    u64::try_from(seconds).ok().filter(|_| fits)
}

/// What the API is below, where the flow says so and the config does not.
fn api_base(vendor: &Vendor<'_>, value: &Value) -> Result<Option<String>, LoginError> {
    if vendor.overrides.api_base.is_some() {
        return Ok(None);
    }
    match vendor.flow.api {
        ApiBase::Usual => Ok(None),
        ApiBase::Fixed(base) => Ok(Some(base.to_owned())),
        ApiBase::Answered { pointer, path, trusted } => {
            let Some(text) = text_at(value, &[pointer]) else { return Ok(None) };
            named_base(vendor, &text, path, trusted).map(Some)
        }
    }
}

/// An address that the vendor named for calls, checked: tokens will be sent there.
pub(crate) fn named_base(
    vendor: &Vendor<'_>,
    named: &str,
    path: &str,
    trusted: &[&str],
) -> Result<String, LoginError> {
    let named = named.trim().trim_end_matches('/');
    let whole = if named.contains("://") { named.to_owned() } else { format!("https://{named}") };
    let fits = Url::parse(&whole).ok().filter(|url| {
        url.query().is_none() && url.fragment().is_none() && vendor.addresses.trusts(url, trusted)
    });
    let Some(url) = fits else {
        let host = super::address::host(&vendor.addresses.token);
        return Err(unreadable(&host, "names an address for calls that is not its own"));
    };
    let base = url.as_str().trim_end_matches('/').to_owned();
    Ok(if base.ends_with(path) { base } else { base + path })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::flow::arbitrary;

    #[test]
    fn only_an_access_token_has_to_be_there() {
        let read = |value| TokenAnswer::read(value, "host");
        let least = read(json!({ "access_token": "a" })).unwrap();
        assert_eq!(least.access.expose(), "a");
        assert!(least.refresh.is_none() && least.lifetime.is_none());
        let camel = read(json!({ "accessToken": "a", "refreshToken": "r", "expiresIn": 60 })).unwrap();
        assert_eq!(camel.refresh.unwrap().expose(), "r");
        for bad in [
            json!({}),
            json!({ "access_token": "" }),
            json!({ "access_token": null }),
            json!({ "access_token": 7 }),
            json!({ "access_token": "two words" }),
            json!({ "access_token": "line\nbreak" }),
            json!({ "access_token": "x".repeat(LONGEST_TOKEN + 1) }),
        ] {
            let error = read(bad).err().unwrap();
            assert!(matches!(error, LoginError::Unreadable { .. }), "{error}");
        }
    }

    #[test]
    fn a_lifetime_is_believed_within_reason() {
        let day = 24 * 60 * 60;
        for (said, expected) in [
            (json!(3600), Some(3600)),
            (json!("3600"), Some(3600)),
            (json!(" 3599.9 "), Some(3599)),
            (json!(3599.9), Some(3599)),
            (json!(1), Some(1)),
            (json!(0), Some(60)),
            (json!("0"), Some(60)),
            (json!(-5), Some(60)),
            (json!(1e300), Some(400 * day)),
            (json!(u64::MAX), Some(400 * day)),
            (json!("soon"), None),
            (json!("NaN"), None),
            (json!("inf"), None),
            (json!(true), None),
            (json!(null), None),
            (json!([3600]), None),
        ] {
            assert_eq!(lifetime(&said).map(|life| life.as_secs()), expected, "{said}");
        }
    }

    #[test]
    fn a_moment_is_read_in_all_its_spellings() {
        for (said, expected) in [
            (json!(1_790_000_000), Some(1_790_000_000)),
            (json!("1790000000"), Some(1_790_000_000)),
            (json!(1_790_000_000_123_u64), Some(1_790_000_000)),
            (json!("1970-01-01T00:00:00Z"), Some(0)),
            (json!("2000-02-29T12:34:56.789Z"), Some(951_827_696)),
            (json!("2026-11-24T22:26:39+00:00"), Some(1_795_559_199)),
            (json!("2026-11-24T23:26:39+01:00"), Some(1_795_559_199)),
            (json!("2026-11-24T22:26:39"), None),
            (json!("2026-13-24T22:26:39Z"), None),
            (json!("yesterday"), None),
            (json!("2026-1é-24T22:26:39Z"), None),
            (json!(-1), None),
            (json!(1e300), None),
            (json!(null), None),
        ] {
            assert_eq!(moment(&said), expected, "{said}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(value in arbitrary::json()) {
            let _ = TokenAnswer::read(value.clone(), "host");
            let _ = (lifetime(&value), moment(&value), number(&value));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = (rfc3339(&text), token(&text), moment(&json!(text)), lifetime(&json!(text)));
        }

        #[test]
        fn no_lifetime_is_endless_or_nothing(seconds in any::<f64>()) {
            if let Some(life) = lifetime(&json!(seconds)) {
                prop_assert!((Duration::from_secs(1)..=LONGEST_LIFE).contains(&life));
            }
        }
    }
}
