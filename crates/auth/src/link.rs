//! Logins that other programs keep, as far as they have been read.
//!
//! The hot path takes what was read last. The file is looked at again once a second, and at once when the
//! token that it gave is over: the owner may have renewed it just now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use byok_types::{AccountKey, Link, Secret, TokenSet};

use crate::error::AuthError;
use crate::import::{self, Skipped, Stamp};

/// All links that were followed. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Links(Arc<Mutex<HashMap<AccountKey, Followed>>>);

/// What a file held when it was last read.
struct Followed {
    link: Link,
    stamp: Stamp,
    tokens: Result<TokenSet, Skipped>,
}

impl Links {
    /// The tokens that the link leads to, good for a call at `now`, and not those that an upstream refused.
    pub(crate) async fn tokens(
        &self,
        key: &AccountKey,
        link: &Link,
        refused: Option<&Secret>,
        now: SystemTime,
    ) -> Result<TokenSet, AuthError> {
        let good = |tokens: &TokenSet| {
            tokens.remaining(now) != Some(Duration::ZERO)
                && refused.is_none_or(|refused| refused.expose() != tokens.access.expose())
        };
        if let Some(Ok(tokens)) = self.read_last(key, link)
            && good(&tokens)
        {
            return Ok(tokens);
        }
        let unusable = |reason: String| AuthError::Link {
            account: key.clone(),
            path: link.path.display().to_string(),
            reason,
        };
        self.look(vec![(key.clone(), link.clone())]).await;
        match self.read_last(key, link) {
            Some(Ok(tokens)) if good(&tokens) => Ok(tokens),
            Some(Ok(_)) => Err(unusable(
                "the login in it is over or was refused, and the program has not renewed it".to_owned(),
            )),
            Some(Err(skipped)) => Err(unusable(skipped.to_string())),
            None => Err(unusable(Skipped::Empty.to_string())),
        }
    }

    /// Reads the files again that have changed, off the async threads.
    pub(crate) async fn look(&self, links: Vec<(AccountKey, Link)>) {
        let this = self.clone();
        let looking = tokio::task::spawn_blocking(move || {
            for (key, link) in links {
                this.follow(key, link);
            }
        });
        // A reader that panicked has read nothing; what was read before stays.
        let _ = looking.await;
    }

    fn follow(&self, key: AccountKey, link: Link) {
        let stamp = Stamp::of(&link.path);
        let known = self.map().get(&key).is_some_and(|known| known.link == link && known.stamp == stamp);
        if known {
            return;
        }
        let tokens = import::follow(&link);
        self.map().insert(key, Followed { link, stamp, tokens });
    }

    /// What was read last; `None` where nothing was.
    pub(crate) fn read_last(&self, key: &AccountKey, link: &Link) -> Option<Result<TokenSet, Skipped>> {
        let map = self.map();
        map.get(key).filter(|known| known.link == *link).map(|known| known.tokens.clone())
    }

    /// Forgets links that are no longer held.
    pub(crate) fn keep(&self, held: impl Fn(&AccountKey) -> bool) {
        self.map().retain(|key, _| held(key));
    }

    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<AccountKey, Followed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
