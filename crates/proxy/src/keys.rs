//! Whose session key it is: keys of the config, and apps of the store.
//!
//! Keys are compared as SHA-256 digests, always with all that are known and in constant time. Apps are
//! remembered for a second, so that serving one does not wait for the disk; a key that is not known then
//! is looked up at once, so that a new app works from its first request on.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwapOption;
use byok_config::Config;
use byok_store::{App, Store};
use byok_types::{AppId, Blame, Code, Fault};
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::gate::{self, Doorway};
use crate::serve;

/// How long the apps of the store are remembered.
const REMEMBERED: Duration = Duration::from_secs(1);

type Digest = [u8; 32];

/// All session keys.
pub(crate) struct Keys {
    store: Store,
    ring: ArcSwapOption<Ring>,
}

/// The keys as they were a moment ago.
struct Ring {
    /// Held, so that its address stays its own.
    config: Arc<Config>,
    of_config: Vec<(Digest, AppId)>,
    apps: Vec<App>,
    read_at: Instant,
}

/// What a key is worth.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It is this app's.
    Of(AppId),
    /// It was an app's once.
    Over,
    Unknown,
}

impl Keys {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, ring: ArcSwapOption::empty() }
    }

    /// Whether the store has an app whose key works.
    pub(crate) async fn any_app(&self) -> Result<bool, byok_store::Error> {
        let now = SystemTime::now();
        Ok(self.store.apps().await?.iter().any(|app| is_in_force(app, now)))
    }

    /// Which app asks. A key of byok's own kind is always checked; other keys are ignored where no key is
    /// needed, as the app `local`.
    pub(crate) async fn caller(
        &self,
        config: &Arc<Config>,
        doorway: Doorway,
        parts: &Parts,
    ) -> Result<AppId, Box<Fault>> {
        let offered = gate::offered_keys(&parts.headers, &parts.uri);
        let mut caller = None;
        for key in offered {
            match self.judge(config, &key).await {
                Verdict::Of(app) => caller = caller.or(Some(app)),
                Verdict::Over => return Err(refusal(Code::SessionExpired, OVER)),
                Verdict::Unknown => return Err(refusal(Code::InvalidKey, UNKNOWN)),
            }
        }
        match caller {
            Some(app) => Ok(app),
            None if doorway.wants_key(config) && !serve::is_open(parts) => {
                Err(refusal(Code::InvalidKey, UNKNOWN))
            }
            None => Ok(AppId::local()),
        }
    }

    async fn judge(&self, config: &Arc<Config>, key: &str) -> Verdict {
        let digest: Digest = Sha256::digest(key.as_bytes()).into();
        let ring = self.ring(config).await;
        let verdict = ring.judge(&digest, SystemTime::now());
        if verdict != Verdict::Unknown {
            return verdict;
        }
        match self.store.app_by_digest(digest).await {
            Ok(Some(app)) if is_in_force(&app, SystemTime::now()) => Verdict::Of(app.id),
            Ok(Some(_)) => Verdict::Over,
            Ok(None) => Verdict::Unknown,
            Err(error) => {
                tracing::warn!(%error, "the apps' keys could not be read");
                Verdict::Unknown
            }
        }
    }

    async fn ring(&self, config: &Arc<Config>) -> Arc<Ring> {
        let known = self.ring.load_full();
        if let Some(ring) = &known
            && Arc::ptr_eq(&ring.config, config)
            && ring.read_at.elapsed() < REMEMBERED
        {
            return Arc::clone(ring);
        }
        let apps = match self.store.apps().await {
            Ok(apps) => apps,
            Err(error) => {
                tracing::warn!(%error, "the apps' keys could not be read");
                // A disk that fails for a moment must not lock every app out.
                known.map(|ring| ring.apps.clone()).unwrap_or_default()
            }
        };
        let of_config = config.keys.iter();
        let of_config =
            of_config.map(|key| (Sha256::digest(key.key.expose().as_bytes()).into(), key.name.clone()));
        let ring = Arc::new(Ring {
            config: Arc::clone(config),
            of_config: of_config.collect(),
            apps,
            read_at: Instant::now(),
        });
        self.ring.store(Some(Arc::clone(&ring)));
        ring
    }
}

impl Ring {
    fn judge(&self, digest: &Digest, now: SystemTime) -> Verdict {
        let mut verdict = Verdict::Unknown;
        for (known, app) in &self.of_config {
            if bool::from(known.ct_eq(digest)) {
                verdict = Verdict::Of(app.clone());
            }
        }
        for app in &self.apps {
            if bool::from(app.digest.ct_eq(digest)) && verdict == Verdict::Unknown {
                verdict = if is_in_force(app, now) { Verdict::Of(app.id.clone()) } else { Verdict::Over };
            }
        }
        verdict
    }
}

fn is_in_force(app: &App, now: SystemTime) -> bool {
    app.revoked_at.is_none() && app.expires_at.is_none_or(|end| now < end)
}

const UNKNOWN: &str =
    "a valid byok key is needed here, one that starts with `byk_`; keys stand under `keys:` in the config";
const OVER: &str = "this byok key has expired or was revoked; ask for a new one where it came from";

fn refusal(code: Code, message: &str) -> Box<Fault> {
    Box::new(Fault::new(401, Blame::Client, message).with_code(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str, key: &str) -> App {
        App {
            id: name.into(),
            digest: Sha256::digest(key).into(),
            hint: String::new(),
            created_at: SystemTime::UNIX_EPOCH,
            expires_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn only_the_whole_key_counts() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let after = now + Duration::from_secs(1);
        let ring = Ring {
            config: Arc::default(),
            of_config: vec![(Sha256::digest("byk_config").into(), "ci".into())],
            apps: vec![
                app("editor", "byk_editor"),
                App { expires_at: Some(now), ..app("late", "byk_late") },
                App { expires_at: Some(after), ..app("early", "byk_early") },
                App { revoked_at: Some(after), ..app("gone", "byk_gone") },
            ],
            read_at: Instant::now(),
        };
        for (key, verdict) in [
            ("byk_config", Verdict::Of("ci".into())),
            ("byk_editor", Verdict::Of("editor".into())),
            ("byk_early", Verdict::Of("early".into())),
            ("byk_late", Verdict::Over),
            ("byk_gone", Verdict::Over),
            ("byk_edito", Verdict::Unknown),
            ("byk_editor2", Verdict::Unknown),
            ("byk_", Verdict::Unknown),
            ("BYK_EDITOR", Verdict::Unknown),
        ] {
            assert_eq!(ring.judge(&Sha256::digest(key).into(), now), verdict, "{key}");
        }
    }
}
