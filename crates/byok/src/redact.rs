//! The layer that takes secrets out of everything byok prints: logs, panics, answers of commands.
//!
//! It replaces every loaded secret wherever it stands, by exact match, also as it looks inside JSON and
//! in an address. It is the net below the types that do not print ([`Secret`]); nothing should ever fall
//! into it. It knows only what it was told: who loads a secret registers it here first.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use byok_types::Secret;
use memchr::memmem;

/// What stands in the place of a secret.
pub(crate) const MARK: &str = "****";

/// Shorter ones are no secrets (a header's value may be `1`) and would tear holes into every text.
const SHORTEST: usize = 8;

/// The secrets in force. Clones share one list.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    secrets: Arc<ArcSwap<Vec<Secret>>>,
    source: Arc<OnceLock<Source>>,
}

/// What is asked for secrets each time, since it gets new ones while byok runs.
type Source = Box<dyn Fn() -> Vec<Secret> + Send + Sync>;

impl Redactor {
    /// Has `source` asked for secrets whenever a text is cleaned. There is one source for a process.
    pub(crate) fn ask(&self, source: impl Fn() -> Vec<Secret> + Send + Sync + 'static) {
        let _ = self.source.set(Box::new(source));
    }

    /// Adds secrets. Those known before stay: a key that was replaced is still a key.
    pub(crate) fn learn(&self, secrets: impl IntoIterator<Item = Secret>) {
        let known = self.secrets.load();
        let is_known = |secret: &Secret| known.iter().any(|one| one.expose() == secret.expose());
        let new = secrets.into_iter().filter(|secret| !is_known(secret));
        let new: Vec<Secret> = new.flat_map(|secret| spellings(&secret)).collect();
        if new.is_empty() {
            return;
        }
        self.secrets.rcu(|known| {
            let mut all = Vec::clone(known);
            for secret in &new {
                if !all.iter().any(|one| one.expose() == secret.expose()) {
                    all.push(secret.clone());
                }
            }
            all
        });
    }

    /// The text without the secrets in it.
    pub(crate) fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if let Some(source) = self.source.get() {
            self.learn(source());
        }
        let places = self.places(text.as_bytes());
        if places.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut clean = String::with_capacity(text.len());
        let mut from = 0;
        for place in places {
            clean.push_str(&text[from..place.start]);
            clean.push_str(MARK);
            from = place.end;
        }
        clean.push_str(&text[from..]);
        Cow::Owned(clean)
    }

    /// Where secrets stand, from the start to the end, joined where they touch or overlap: two that
    /// overlap must not leave the rest of one behind.
    fn places(&self, text: &[u8]) -> Vec<Range<usize>> {
        let secrets = self.secrets.load();
        let mut found: Vec<Range<usize>> = Vec::new();
        for secret in secrets.iter() {
            let secret = secret.expose().as_bytes();
            let finder = memmem::Finder::new(secret);
            let mut from = 0;
            while let Some(at) = text.get(from..).and_then(|rest| finder.find(rest)) {
                let start = from + at;
                found.push(start..start + secret.len());
                from = start + 1;
            }
        }
        found.sort_unstable_by_key(|place| place.start);
        let mut joined: Vec<Range<usize>> = Vec::with_capacity(found.len());
        for place in found {
            match joined.last_mut() {
                Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
                _ => joined.push(place),
            }
        }
        joined
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// The secret as it stands in plain text, in JSON and in an address.
fn spellings(secret: &Secret) -> Vec<Secret> {
    let plain = secret.expose();
    if plain.len() < SHORTEST {
        return Vec::new();
    }
    let json = serde_json::Value::from(plain).to_string();
    let json = json.trim_matches('"');
    let encoded: String = url::form_urlencoded::byte_serialize(plain.as_bytes()).collect();
    let mut all = vec![secret.clone()];
    all.extend([json, &encoded].into_iter().filter(|other| *other != plain).map(Secret::new));
    all
}

/// A writer that takes secrets out. Each call of `write` must bring whole lines, as the logger's does:
/// a secret that is cut in two is not found.
#[derive(Debug)]
pub(crate) struct Clean<W> {
    redactor: Redactor,
    inner: W,
}

impl<W> Clean<W> {
    pub(crate) fn new(redactor: Redactor, inner: W) -> Self {
        Self { redactor, inner }
    }
}

impl<W: Write> Write for Clean<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.inner.write_all(self.redactor.clean(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn knowing(secrets: &[&str]) -> Redactor {
        let redactor = Redactor::default();
        redactor.learn(secrets.iter().map(|text| Secret::new(*text)));
        redactor
    }

    #[test]
    fn overlapping_secrets_leave_nothing_behind() {
        let redactor = knowing(&["abcdefgh", "efghijkl", "abcdefghXX"]);
        assert_eq!(redactor.clean("-abcdefghijkl-abcdefghXX-"), "-****-****-");
        assert_eq!(redactor.clean("abcdefg"), "abcdefg");
    }

    #[test]
    fn secrets_are_found_in_json_and_in_addresses() {
        let redactor = knowing(&["pass \"word\" ü"]);
        let json = serde_json::json!({"key": "pass \"word\" ü"}).to_string();
        assert_eq!(redactor.clean(&json), r#"{"key":"****"}"#);
        assert_eq!(redactor.clean("?key=pass+%22word%22+%C3%BC&x"), "?key=****&x");
    }

    #[test]
    fn a_secret_that_was_replaced_stays_known() {
        let redactor = knowing(&["first-secret"]);
        redactor.learn([Secret::new("second-secret")]);
        assert_eq!(redactor.clean("first-secret second-secret"), "**** ****");
    }

    #[test]
    fn the_source_is_asked_each_time() {
        let redactor = Redactor::default();
        let count = std::sync::atomic::AtomicUsize::new(0);
        redactor.ask(move || {
            let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            vec![Secret::new(format!("secret-number-{number}"))]
        });
        assert_eq!(redactor.clean("secret-number-0"), MARK);
        assert_eq!(redactor.clean("secret-number-0 secret-number-1"), "**** ****");
    }

    #[test]
    fn the_writer_cleans_what_passes() {
        let mut written = Vec::new();
        Clean::new(knowing(&["sk-0123456789"]), &mut written).write_all(b"key sk-0123456789\n").unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), "key ****\n");
    }

    proptest! {
        // Few letters, so that secrets overlap and contain each other.
        #[test]
        fn no_secret_survives_anywhere(
            secrets in prop::collection::vec("[ab]{8,12}", 1..6),
            noise in prop::collection::vec("[abc ü\"]{0,20}", 1..8),
            order in prop::collection::vec((0..6_usize, 0..8_usize), 0..12),
        ) {
            let redactor = Redactor::default();
            redactor.learn(secrets.iter().map(|text| Secret::new(text.as_str())));
            let text: String = order
                .iter()
                .flat_map(|(secret, piece)| {
                    [noise[piece % noise.len()].as_str(), secrets[secret % secrets.len()].as_str()]
                })
                .collect();
            let clean = redactor.clean(&text);
            for secret in &secrets {
                prop_assert!(!clean.contains(secret.as_str()), "{secret} in {clean}");
            }
            let kept = |text: &str| text.chars().filter(|char| !"ab*".contains(*char)).count();
            prop_assert_eq!(kept(&clean), kept(&text), "only secrets go");
        }
    }
}
