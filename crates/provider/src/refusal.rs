//! An upstream that says no: what it means, and whether another account may fare better.

use std::time::{Duration, SystemTime};

use byok_translate::family;
use byok_types::{Family, Fault, FaultKind};
use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

use crate::mask::Mask;

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// Those that may reach the client.
    pub(crate) headers: HeaderMap,
    /// Empty where it is nothing that a client can read.
    pub(crate) body: Bytes,
    pub(crate) fault: Box<Fault>,
}

impl Refusal {
    pub(crate) fn new(
        of: Family,
        status: StatusCode,
        all: &HeaderMap,
        headers: HeaderMap,
        body: &Bytes,
        mask: &Mask,
        now: SystemTime,
    ) -> Self {
        let body = mask.bytes(body.clone());
        let readable = is_json(&body);
        let mut fault = family(of).read_fault(status.as_u16(), if readable { &body } else { b"" });
        fault.status = status.as_u16();
        if !readable {
            fault.message = format!("the upstream answered {}{}", status.as_u16(), said(&body));
        }
        fault.retry_after = retry_after(all, now).or(fault.retry_after);
        if fault.request_id.is_none() {
            let id = all.get("request-id").or_else(|| all.get("x-request-id"));
            fault.request_id = id.and_then(|id| id.to_str().ok()).map(str::to_owned);
        }
        let fault = Box::new(mask.fault(fault));
        Self { status, headers, body: if readable { body } else { Bytes::new() }, fault }
    }

    /// Whether it is about the account or the upstream, not about the request: another account may get an
    /// answer, and nothing has been done with this one.
    pub(crate) fn moves_on(&self) -> bool {
        match self.fault.kind {
            FaultKind::Auth
            | FaultKind::Billing
            | FaultKind::Internal
            | FaultKind::Overloaded
            | FaultKind::Permission
            | FaultKind::Rate
            | FaultKind::Timeout
            | FaultKind::UpstreamBroken => true,
            FaultKind::Conflict | FaultKind::Invalid | FaultKind::NotFound | FaultKind::TooLarge => false,
        }
    }
}

/// What a body that is not JSON says: its text, cut short, or a page's title.
fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_READ)]);
    let text = text.trim();
    let is_page = text.starts_with('<');
    let words = if is_page { title(text) } else { text };
    let plain: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let plain: String =
        plain.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_SAID).collect();
    match (plain.is_empty(), is_page) {
        (false, _) => format!(": {plain}"),
        (true, true) => " with a page, not a reason".to_owned(),
        (true, false) => " without a reason".to_owned(),
    }
}

fn title(page: &str) -> &str {
    let lower = page.to_ascii_lowercase();
    let between = lower.find("<title>").map(|start| start + "<title>".len());
    let title = between.and_then(|start| Some(start..start + lower[start..].find('<')?));
    title.and_then(|range| page.get(range)).unwrap_or_default()
}

/// How much of such a body is looked at, and how many characters of it are passed on.
const MAX_READ: usize = 16 * 1024;
const MAX_SAID: usize = 500;

/// Whether the bytes look like a JSON document.
fn is_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
        && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// How long the headers ask to wait (provider facts, 10.4): milliseconds, seconds with a fraction, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |text: &str, unit: f64| {
        let seconds = text.parse::<f64>().ok()? / unit;
        Duration::try_from_secs_f64(seconds).ok()
    };
    if let Some(wait) = text("retry-after-ms").and_then(|text| number(text, 1000.0)) {
        return Some(wait);
    }
    let after = text(RETRY_AFTER.as_str())?;
    number(after, 1.0).or_else(|| httpdate::parse_http_date(after).ok()?.duration_since(now).ok())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn waiting_times_in_every_spelling() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let wait = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
            retry_after(&headers.collect(), now).map(|wait| wait.as_millis())
        };
        assert_eq!(wait(&[("retry-after", "7")]), Some(7000));
        assert_eq!(wait(&[("retry-after", "0.5")]), Some(500));
        assert_eq!(wait(&[("retry-after", "7"), ("retry-after-ms", "250")]), Some(250));
        assert_eq!(wait(&[("retry-after", "Sun, 06 Nov 1994 08:49:57 GMT")]), Some(20_000));
        for bad in ["-1", "NaN", "1e300", "soon", ""] {
            assert_eq!(wait(&[("retry-after", bad)]), None, "{bad}");
        }
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn pitfall_143_a_text_is_kept_and_cut_short_and_a_page_is_its_title() {
        assert_eq!(said(b"slow\n  down\x07"), ": slow down");
        assert_eq!(said(b"\xff boom"), ": \u{fffd} boom");
        assert_eq!(said(&vec![b'x'; 100_000]).len(), ": ".len() + MAX_SAID);
        assert_eq!(
            said(b"<html><head><TITLE>502 Bad Gateway</TITLE></head>secret</html>"),
            ": 502 Bad Gateway"
        );
        assert_eq!(said(b"<p>secret</p>"), " with a page, not a reason");
        assert_eq!(said(b"  "), " without a reason");
    }

    #[test]
    fn a_page_is_not_copied() {
        let page = Bytes::from_static(b"<html>secret page</html>");
        let refusal = Refusal::new(
            Family::Anthropic,
            StatusCode::BAD_GATEWAY,
            &HeaderMap::new(),
            HeaderMap::new(),
            &page,
            &Mask::default(),
            SystemTime::UNIX_EPOCH,
        );
        assert!(refusal.body.is_empty());
        assert_eq!(refusal.fault.status, 502);
        assert!(!refusal.fault.message.contains("html") && refusal.fault.message.contains("502"));
    }
}
