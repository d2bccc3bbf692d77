//! When a login is renewed, and who waits for it.
//!
//! Of each account there is at most one renewal at a time in this process. It is a task of its own, which
//! runs to its end whoever stops waiting for it, and all who want one meanwhile share its outcome, a failure
//! included. What a failure asks for (a pause, or a new login) is remembered with the tokens that it was
//! about, and no longer than those are in use. How one renewal goes is in `refresh.rs`.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use byok_types::{AccountKey, Credential, Detail, Secret, TokenSet};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::AuthError;
use crate::renew::Renew;
use crate::vault::{Kept, Vault};

/// How long a caller waits for a renewal. The renewal itself goes on.
const PATIENCE: Duration = Duration::from_secs(120);
/// The shortest pause after a failure; it doubles with each one that follows.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that byok makes by itself, and the longest that a vendor may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);
/// A pause that is no longer than this is waited for; beyond it the failure is told at once.
const SHORT: Duration = Duration::from_millis(1250);
/// The longest sleep of the loop that renews ahead. Its clock stands still while the machine sleeps.
const LONGEST_SLEEP: Duration = Duration::from_secs(5 * 60);

/// What came of a renewal.
pub(crate) type Outcome = Result<TokenSet, Failure>;

/// Why there are no new tokens. It can be told to many.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The account is gone, or is no login any more.
    Gone,
    /// Only a new login helps.
    NeedsLogin(String),
    /// It may be tried again later.
    Temporary { reason: String, retry_after: Option<Duration> },
    /// There were so many renewals lately that more would do no good.
    TooMany { wait: Duration },
    /// The vendor takes no renewal yet.
    TooEarly { wait: Duration },
}

/// Why new tokens are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The access token is over, or nearly so.
    Time,
    /// The upstream refused the access token.
    Refusal,
}

pub(crate) struct Upkeep {
    /// Tells this start of this process from all others.
    pub(crate) holder: String,
    now: Box<dyn Fn() -> SystemTime + Send + Sync>,
    renewer: ArcSwapOption<Arc<dyn Renew>>,
    desks: Mutex<HashMap<AccountKey, Desk>>,
    /// Renewed tokens that could not be stored yet.
    unsaved: ArcSwap<HashMap<AccountKey, Unsaved>>,
    turns: Mutex<HashMap<AccountKey, Arc<Turns>>>,
    /// The accounts have changed, or a renewal has ended.
    changed: Notify,
    pub(crate) tasks: TaskTracker,
    /// The process is about to end.
    pub(crate) closing: CancellationToken,
}

/// What the parts of this process that change an account's tokens take turns at.
#[derive(Default)]
pub(crate) struct Turns {
    /// How many of them use the lease.
    pub(crate) leased: tokio::sync::Mutex<u32>,
    /// Held from reading the store until the answer is in it.
    pub(crate) write: tokio::sync::Mutex<()>,
}

/// What is known of an account's renewals, in this process.
#[derive(Default)]
struct Desk {
    flight: Option<watch::Receiver<Option<Outcome>>>,
    note: Option<Note>,
    /// Failures since the last success.
    failures: u32,
}

/// The last failure.
struct Note {
    /// The access token that it was about.
    access: Secret,
    failure: Failure,
    /// `None`: for as long as that token is the account's.
    until: Option<Instant>,
}

/// A pair that is in use and not on the disk.
#[derive(Clone)]
pub(crate) struct Unsaved {
    /// What the disk holds.
    pub(crate) from: TokenSet,
    pub(crate) to: TokenSet,
    /// When the vendor gave them out.
    pub(crate) since: SystemTime,
}

/// A renewal that can be waited for, or what is known without one.
enum Flight {
    Known(Failure, Option<Duration>),
    Under(watch::Receiver<Option<Outcome>>),
}

/// When tokens have to be renewed.
enum Urgency {
    No,
    Soon,
    Now,
}

impl Upkeep {
    pub(crate) fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Result<Self, AuthError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(byok_store::Error::Entropy)?;
        let (pid, start) = (std::process::id(), u128::from_le_bytes(random));
        Ok(Self {
            holder: format!("{pid}-{start:032x}"),
            now: Box::new(now),
            renewer: ArcSwapOption::empty(),
            desks: Mutex::default(),
            unsaved: ArcSwap::default(),
            turns: Mutex::default(),
            changed: Notify::new(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        })
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.now)()
    }

    pub(crate) fn renewer(&self) -> Option<Arc<dyn Renew>> {
        self.renewer.load().as_deref().cloned()
    }

    pub(crate) fn notify(&self) {
        self.changed.notify_one();
    }

    pub(crate) fn unsaved(&self) -> Arc<HashMap<AccountKey, Unsaved>> {
        self.unsaved.load_full()
    }

    /// Keeps a pair that could not be stored. `true` when the account had none so far.
    pub(crate) fn keep_unsaved(&self, key: &AccountKey, pair: &Unsaved) -> bool {
        let before = self.unsaved.rcu(|all| {
            let mut all = HashMap::clone(all);
            all.insert(key.clone(), pair.clone());
            all
        });
        !before.contains_key(key)
    }

    /// Lets go of pairs that are stored, or that a login has taken the place of.
    pub(crate) fn drop_unsaved(&self, settled: impl Fn(&AccountKey, &Unsaved) -> bool) {
        if self.unsaved.load().is_empty() {
            return;
        }
        self.unsaved.rcu(|all| {
            let mut all = HashMap::clone(all);
            all.retain(|key, pair| !settled(key, pair));
            all
        });
    }

    pub(crate) fn turns(&self, key: &AccountKey) -> Arc<Turns> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(key.clone()).or_default())
    }

    /// Forgets what came of earlier renewals, tokens included.
    pub(crate) fn forget(&self) {
        self.desks().clear();
    }

    fn desks(&self) -> MutexGuard<'_, HashMap<AccountKey, Desk>> {
        // What a panic leaves behind is complete: no code that can panic runs while this is held.
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A point of `span` that differs between accounts and between processes, so that those who share a
    /// login do not all renew it at the same moment.
    fn spread(&self, key: &AccountKey, span: Duration) -> Duration {
        let mut hasher = DefaultHasher::new();
        (&self.holder, key.provider.as_str(), key.account.as_str()).hash(&mut hasher);
        span * u32::from(hasher.finish().to_le_bytes()[0]) / 256
    }
}

impl Vault {
    /// Who renews logins. Without one they are handed out as they are.
    pub fn set_renewer(&self, renewer: Arc<dyn Renew>) {
        self.upkeep().renewer.store(Some(Arc::new(renewer)));
        self.upkeep().notify();
    }

    /// The credential to use after the upstream refused `refused`, the access token of `key`. When the
    /// vault has another one by now, that is it; otherwise the login is renewed, once for all who ask.
    pub async fn renewed(&self, key: &AccountKey, refused: &Secret) -> Result<Credential, AuthError> {
        // A renewal that was under way may yield the very token that was refused; then it takes another.
        for _ in 0..2 {
            let Some(held) = self.kept(key) else { return Err(AuthError::NotLoggedIn(key.clone())) };
            let tokens = match &held.credential {
                Credential::OAuth(tokens) => tokens,
                // Only its owner renews it; perhaps it just has.
                Credential::Linked(link) => return self.follow(key, link, Some(refused)).await,
                Credential::ApiKey(_) | Credential::None => return Ok(held.credential),
            };
            if tokens.access.expose() != refused.expose() {
                return self.fresh(key, &held).await;
            }
            let tokens = self.wait_for(key, &held, tokens, Cause::Refusal).await?;
            if tokens.access.expose() != refused.expose() {
                return Ok(Credential::OAuth(tokens));
            }
        }
        let reason = "the vendor gave out the token again that it refuses".to_owned();
        Err(AuthError::NotRenewed { account: key.clone(), reason, retry_after: None })
    }

    /// Renews logins ahead of their end, whether or not anyone asks, until `cancel` is; then waits for the
    /// renewals that are under way. Begins by telling which renewals were cut off when byok last ended.
    pub async fn keep_fresh(&self, cancel: CancellationToken) {
        self.tell_of_cut_off().await;
        loop {
            let sleep = self.renew_what_is_due();
            tokio::select! {
                () = cancel.cancelled() => break,
                () = self.upkeep().changed.notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
        self.upkeep().closing.cancel();
        self.upkeep().tasks.close();
        self.upkeep().tasks.wait().await;
    }

    /// The accounts whose renewed tokens are in memory only, because the store cannot be written.
    pub fn unsaved(&self) -> Vec<AccountKey> {
        self.upkeep().unsaved().keys().cloned().collect()
    }

    /// The credential of `held`, renewed first when it is over, and in the background when it nearly is.
    pub(crate) async fn fresh(&self, key: &AccountKey, held: &Kept) -> Result<Credential, AuthError> {
        let tokens = match &held.credential {
            Credential::OAuth(tokens) => tokens,
            Credential::Linked(link) => return self.follow(key, link, None).await,
            Credential::ApiKey(_) | Credential::None => return Ok(held.credential.clone()),
        };
        match self.urgency(key, held, tokens) {
            Urgency::No => {}
            Urgency::Soon => drop(self.flight(key, held, tokens, Cause::Time)),
            Urgency::Now => {
                return Ok(Credential::OAuth(self.wait_for(key, held, tokens, Cause::Time).await?));
            }
        }
        Ok(held.credential.clone())
    }

    fn urgency(&self, key: &AccountKey, held: &Kept, tokens: &TokenSet) -> Urgency {
        let (Some(end), Some(renewer)) = (tokens.expires_at, self.upkeep().renewer()) else {
            return Urgency::No;
        };
        let now = self.upkeep().now();
        if end <= now {
            Urgency::Now
        } else if due(held, tokens, end, renewer.margin(key, tokens)).0 <= now {
            Urgency::Soon
        } else {
            Urgency::No
        }
    }

    /// The tokens that a renewal yields.
    async fn wait_for(
        &self,
        key: &AccountKey,
        held: &Kept,
        tokens: &TokenSet,
        cause: Cause,
    ) -> Result<TokenSet, AuthError> {
        let mut flight = self.flight(key, held, tokens, cause);
        if let Flight::Known(Failure::Temporary { .. }, Some(pause)) = &flight
            && *pause <= SHORT
        {
            tokio::time::sleep(*pause).await;
            flight = self.flight(key, held, tokens, cause);
        }
        let outcome = match flight {
            Flight::Known(failure, left) => Err(failure.with_wait(left)),
            Flight::Under(mut outcome) => {
                match tokio::time::timeout(PATIENCE, outcome.wait_for(Option::is_some)).await {
                    Ok(Ok(outcome)) => outcome.clone().unwrap_or(Err(Failure::Gone)),
                    Ok(Err(_died)) => {
                        let reason = "it ended inside of byok, which is a defect".to_owned();
                        Err(Failure::Temporary { reason, retry_after: None })
                    }
                    Err(_late) => {
                        let reason = "it takes very long and is still under way".to_owned();
                        Err(Failure::Temporary { reason, retry_after: Some(SHORT) })
                    }
                }
            }
        };
        match outcome {
            // Renewed a moment ago, again and again, and over each time: the end is not what the vendor says.
            Err(Failure::TooMany { .. }) if cause == Cause::Time && self.is_new(held) => Ok(tokens.clone()),
            outcome => outcome.map_err(|failure| self.error(key, failure)),
        }
    }

    /// Whether a renewal yielded these tokens just now, whichever way the clock was set since.
    fn is_new(&self, held: &Kept) -> bool {
        let now = self.upkeep().now();
        let age = now.duration_since(held.stored_at).unwrap_or_else(|later| later.duration());
        held.renewed && age <= crate::refresh::WITHIN
    }

    /// Joins the renewal that is under way, or begins one, unless it is known to be of no use now.
    fn flight(&self, key: &AccountKey, held: &Kept, tokens: &TokenSet, cause: Cause) -> Flight {
        if let Some(reason) = &held.needs_login {
            return Flight::Known(Failure::NeedsLogin(reason.clone()), None);
        }
        let upkeep = self.upkeep();
        if upkeep.renewer().is_none() {
            let reason = "this command of byok renews no logins".to_owned();
            return Flight::Known(Failure::Temporary { reason, retry_after: None }, None);
        }
        let mut desks = upkeep.desks();
        let desk = desks.entry(key.clone()).or_default();
        // One whose task is gone without an outcome is none.
        if let Some(flight) = desk.flight.as_ref().filter(|flight| flight.has_changed().is_ok()) {
            return Flight::Under(flight.clone());
        }
        if let Some(note) = &desk.note
            && note.access.expose() == tokens.access.expose()
        {
            let left = note.until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_none_or(|left| !left.is_zero()) {
                return Flight::Known(note.failure.clone(), left);
            }
        }
        let (tell, outcome) = watch::channel(None);
        desk.flight = Some(outcome.clone());
        drop(desks);
        let (vault, key, had) = (self.clone(), key.clone(), tokens.clone());
        upkeep.tasks.spawn(async move {
            let outcome = vault.refresh(&key, &had, cause).await;
            vault.land(&key, &had, &outcome);
            tell.send_replace(Some(outcome));
            vault.upkeep().notify();
        });
        Flight::Under(outcome)
    }

    /// Notes how a renewal ended. From here on, whoever asks sees what it left.
    fn land(&self, key: &AccountKey, had: &TokenSet, outcome: &Outcome) {
        let upkeep = self.upkeep();
        let mut desks = upkeep.desks();
        let desk = desks.entry(key.clone()).or_default();
        desk.flight = None;
        let failure = match outcome {
            Ok(_) => {
                (desk.note, desk.failures) = (None, 0);
                return;
            }
            Err(failure) => failure.clone(),
        };
        let pause = match &failure {
            Failure::Gone => Some(PAUSE),
            Failure::NeedsLogin(_) => None,
            Failure::TooMany { wait } | Failure::TooEarly { wait } => Some((*wait).min(LONGEST_PAUSE)),
            Failure::Temporary { retry_after, .. } => {
                desk.failures = desk.failures.saturating_add(1);
                let doubled = 1 << (desk.failures - 1).min(16);
                let own = PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
                let own = own + upkeep.spread(key, own / 4);
                Some(own.max(retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER)))
            }
        };
        let until = pause.map(|pause| Instant::now() + pause);
        desk.note = Some(Note { access: had.access.clone(), failure, until });
    }

    /// Begins the renewals that are due, and says when the next one is.
    fn renew_what_is_due(&self) -> Duration {
        let Some(renewer) = self.upkeep().renewer() else { return LONGEST_SLEEP };
        let now = self.upkeep().now();
        let mut sleep = LONGEST_SLEEP;
        for (key, held) in self.all_kept() {
            let Credential::OAuth(tokens) = &held.credential else { continue };
            let Some(end) = tokens.expires_at.filter(|_| held.needs_login.is_none()) else { continue };
            let (due, margin) = due(&held, tokens, end, renewer.margin(&key, tokens));
            let due = due.checked_sub(self.upkeep().spread(&key, margin / 4)).unwrap_or(due);
            let wait = match due.duration_since(now) {
                Ok(wait) if !wait.is_zero() => wait,
                // What keeps it from being renewed now will pass, or its end will wake the loop.
                _ => match self.flight(&key, &held, tokens, Cause::Time) {
                    Flight::Known(_, Some(left)) => left,
                    Flight::Known(_, None) | Flight::Under(_) => continue,
                },
            };
            sleep = sleep.min(wait);
        }
        sleep.max(Duration::from_millis(10))
    }

    /// The error for whoever asked.
    pub(crate) fn error(&self, key: &AccountKey, failure: Failure) -> AuthError {
        let account = key.clone();
        match failure {
            Failure::Gone => AuthError::NotLoggedIn(account),
            Failure::NeedsLogin(reason) => {
                AuthError::NeedsLogin { account, reason, command: self.login_command(key) }
            }
            Failure::Temporary { reason, retry_after } => {
                AuthError::NotRenewed { account, reason, retry_after }
            }
            Failure::TooMany { wait } => {
                let reason = format!(
                    "it was renewed {} times within {} s already; something else than its age keeps it from being accepted",
                    crate::refresh::MOST,
                    crate::refresh::WITHIN.as_secs()
                );
                AuthError::NotRenewed { account, reason, retry_after: Some(wait) }
            }
            Failure::TooEarly { wait } => {
                let reason = "its vendor takes no renewal yet".to_owned();
                AuthError::NotRenewed { account, reason, retry_after: Some(wait) }
            }
        }
    }

    /// What the person runs to log in again.
    pub(crate) fn login_command(&self, key: &AccountKey) -> String {
        let renewer = self.upkeep().renewer();
        let name = renewer.map_or_else(|| key.provider.to_string(), |renewer| renewer.login_name(key));
        if *key == AccountKey::default_of(key.provider.clone()) {
            return format!("byok login {name}");
        }
        format!("byok login {name} --account {}", key.account)
    }
}

impl Failure {
    /// The failure as someone is told who asks later: what is left of the pause is how long to wait.
    fn with_wait(self, left: Option<Duration>) -> Self {
        match (self, left) {
            (Self::Temporary { reason, .. }, Some(left)) => {
                Self::Temporary { reason, retry_after: Some(left) }
            }
            (Self::TooMany { .. }, Some(wait)) => Self::TooMany { wait },
            (Self::TooEarly { .. }, Some(wait)) => Self::TooEarly { wait },
            (other, _) => other,
        }
    }
}

/// When tokens that end at `end` are to be renewed, and how long before their end that is. Of short-lived
/// ones no more than half the life goes to the margin, or they would be renewed for ever; and no vendor is
/// asked before the moment that it named.
fn due(held: &Kept, tokens: &TokenSet, end: SystemTime, margin: Duration) -> (SystemTime, Duration) {
    let said = tokens.details.get(Detail::Lifetime).and_then(|text| text.parse().ok());
    let lifetime = said.map(Duration::from_secs).or_else(|| {
        // When it was a renewal that stored them, they were new then.
        held.renewed.then(|| end.duration_since(held.stored_at).unwrap_or_default())
    });
    let margin = lifetime.map_or(margin, |lifetime| margin.min(lifetime / 2));
    let due = end.checked_sub(margin).unwrap_or(end);
    match earliest(tokens) {
        Some(earliest) if earliest > due => (earliest.min(end), Duration::ZERO),
        _ => (due, margin),
    }
}

/// No renewal before this moment, says the vendor. One that lies after the end of the tokens is none.
pub(crate) fn earliest(tokens: &TokenSet) -> Option<SystemTime> {
    let seconds = tokens.details.get(Detail::EarliestRefresh)?.parse().ok()?;
    let earliest = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    tokens.expires_at.is_none_or(|end| earliest <= end).then_some(earliest)
}

#[cfg(test)]
mod tests;
