//! Counters for `/metrics`, in Prometheus' text format. Their memory does not grow with requests: every
//! label is out of a bounded set.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use byok_types::chat::Usage;
use byok_types::{Dialect, ProviderId};

/// How many combinations of labels are told apart; what comes later is counted as `other`.
const MAX_SERIES: usize = 1024;
/// The upper bounds of the histogram, in seconds.
const BOUNDS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

/// Everything that is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    in_flight: AtomicI64,
    // A plain lock: it is held for a few additions once per request.
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    requests: BTreeMap<(&'static str, String, u16), u64>,
    tokens: BTreeMap<String, Tokens>,
    first_byte: Histogram,
}

#[derive(Debug, Default)]
struct Tokens {
    input: u64,
    output: u64,
}

#[derive(Debug, Default)]
struct Histogram {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

/// One request that has ended.
#[derive(Debug)]
pub(crate) struct Ended<'a> {
    pub(crate) dialect: Option<Dialect>,
    pub(crate) provider: Option<&'a ProviderId>,
    pub(crate) status: u16,
    pub(crate) usage: &'a Usage,
    pub(crate) first_byte: Option<Duration>,
}

impl Metrics {
    /// A request began.
    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// Its answer is gone.
    pub(crate) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a request that was meant for an upstream.
    pub(crate) fn ended(&self, ended: &Ended<'_>) {
        let provider = ended.provider.map_or("none", ProviderId::as_str);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = &mut *counted;
        let dialect = ended.dialect.map_or("native", Dialect::name);
        let key = (dialect, provider.to_owned(), ended.status);
        let known = counted.requests.len() < MAX_SERIES || counted.requests.contains_key(&key);
        let key = if known { key } else { ("other", "other".to_owned(), 0) };
        *counted.requests.entry(key).or_default() += 1;

        if ended.usage.total() > 0 {
            let known = counted.tokens.len() < MAX_SERIES || counted.tokens.contains_key(provider);
            let tokens = counted.tokens.entry(if known { provider } else { "other" }.to_owned()).or_default();
            tokens.input = tokens.input.saturating_add(ended.usage.input.unwrap_or(0));
            tokens.output = tokens.output.saturating_add(ended.usage.output.unwrap_or(0));
        }
        if let Some(first_byte) = ended.first_byte {
            let seconds = first_byte.as_secs_f64();
            let histogram = &mut counted.first_byte;
            histogram.count += 1;
            histogram.sum += seconds;
            for (bucket, bound) in histogram.buckets.iter_mut().zip(BOUNDS) {
                *bucket += u64::from(seconds <= bound);
            }
        }
    }

    /// Everything, as Prometheus reads it.
    pub(crate) fn text(&self) -> String {
        let mut out = String::with_capacity(2048);
        // Writing into a string cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        head(out, "byok_requests_total", "counter", "Requests that were meant for an upstream.")?;
        for ((dialect, provider, status), count) in &counted.requests {
            writeln!(
                out,
                "byok_requests_total{{dialect=\"{dialect}\",provider=\"{provider}\",status=\"{status}\"}} {count}"
            )?;
        }
        head(out, "byok_requests_in_flight", "gauge", "Requests whose answer has not ended.")?;
        writeln!(out, "byok_requests_in_flight {}", self.in_flight.load(Ordering::Relaxed))?;
        head(out, "byok_tokens_total", "counter", "Tokens, as upstreams count them.")?;
        for (provider, tokens) in &counted.tokens {
            let Tokens { input, output } = tokens;
            writeln!(out, "byok_tokens_total{{provider=\"{provider}\",direction=\"input\"}} {input}")?;
            writeln!(out, "byok_tokens_total{{provider=\"{provider}\",direction=\"output\"}} {output}")?;
        }
        head(out, "byok_first_byte_seconds", "histogram", "From a request to the first byte of its answer.")?;
        let Histogram { buckets, count, sum } = &counted.first_byte;
        for (bound, bucket) in BOUNDS.iter().zip(buckets) {
            writeln!(out, "byok_first_byte_seconds_bucket{{le=\"{bound}\"}} {bucket}")?;
        }
        writeln!(out, "byok_first_byte_seconds_bucket{{le=\"+Inf\"}} {count}")?;
        writeln!(out, "byok_first_byte_seconds_sum {sum}")?;
        writeln!(out, "byok_first_byte_seconds_count {count}")
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) -> std::fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(provider: &ProviderId, status: u16) -> Ended<'_> {
        const USAGE: Usage = Usage {
            input: Some(3),
            output: Some(2),
            cache_read: None,
            cache_write: None,
            cache_write_1h: None,
            reasoning: None,
        };
        Ended {
            dialect: Some(Dialect::OpenaiChat),
            provider: Some(provider),
            status,
            usage: &USAGE,
            first_byte: Some(Duration::from_millis(200)),
        }
    }

    #[test]
    fn requests_are_counted() {
        let metrics = Metrics::default();
        metrics.begin();
        metrics.ended(&ended(&"openai".into(), 200));
        metrics.ended(&ended(&"openai".into(), 200));
        let text = metrics.text();
        for line in [
            "byok_requests_total{dialect=\"openai-chat\",provider=\"openai\",status=\"200\"} 2",
            "byok_requests_in_flight 1",
            "byok_tokens_total{provider=\"openai\",direction=\"input\"} 6",
            "byok_first_byte_seconds_bucket{le=\"0.1\"} 0",
            "byok_first_byte_seconds_bucket{le=\"0.25\"} 2",
            "byok_first_byte_seconds_bucket{le=\"+Inf\"} 2",
            "byok_first_byte_seconds_count 2",
        ] {
            assert!(text.lines().any(|is| is == line), "{line}\n{text}");
        }
    }

    #[test]
    fn labels_are_bounded() {
        let metrics = Metrics::default();
        for number in 0..5000 {
            metrics.ended(&ended(&ProviderId::new(format!("p{number}")), 200));
        }
        let text = metrics.text();
        assert!(text.lines().count() < 4 * MAX_SERIES);
        assert!(text.contains("byok_requests_total{dialect=\"other\",provider=\"other\",status=\"0\"} 3976"));
    }
}
