//! One renewal of one login, from the lease to the commit.
//!
//! The order is what keeps logins: the lease first, so that no other process renews the same one; then the
//! store is read again, because another process may just have; then the mark that says a renewal is under
//! way; then the vendor; and between its answer and the commit nothing else. Only what is on the disk is
//! handed out. Where the disk cannot be written, the new pair lives in memory until it can: the old one may
//! be worthless, and giving the new one up would end the login for certain.

use std::time::{Duration, SystemTime};

use byok_store::{AccountState, Ended, Error, Held, Marked};
use byok_types::{AccountKey, Credential, TokenSet};
use tokio::time::Instant;

use crate::renew::RenewError;
use crate::upkeep::{Cause, Failure, Outcome, Unsaved, earliest};
use crate::vault::Vault;

/// No more renewals of one account than this …
pub(crate) const MOST: u32 = 3;
/// … within this time, over all processes.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);
/// The longest that a vendor's whole answer may take. A single call is bounded by the client, well below.
const LONGEST_CALL: Duration = Duration::from_secs(90);
/// How long to wait for another process that renews the same login: longer than that may take.
const LONGEST_WAIT: Duration = Duration::from_secs(110);
/// How long a lease holds where it is a row.
const LEASE: Duration = Duration::from_secs(150);
/// How often to ask for a lease that another process has.
const ASK_AGAIN: Duration = Duration::from_millis(25);
/// The pauses between attempts to store a pair that could not be stored.
const FIRST_SAVE: Duration = Duration::from_secs(1);
const LAST_SAVE: Duration = Duration::from_secs(30);

/// What the store holds, as far as a renewal needs it.
struct Basis {
    /// What the disk has.
    on_disk: TokenSet,
    /// The newest, which is what the vendor is shown.
    newest: TokenSet,
    needs_login: Option<String>,
}

impl Vault {
    /// Renews the login of `key`, whose tokens were `had` when that was decided.
    pub(crate) async fn refresh(&self, key: &AccountKey, had: &TokenSet, cause: Cause) -> Outcome {
        self.lease(key).await?;
        let outcome = {
            let turns = self.upkeep().turns(key);
            let _not_while_an_earlier_pair_is_stored = turns.write.lock().await;
            self.refresh_alone(key, had, cause).await
        };
        self.release(key).await;
        outcome
    }

    async fn refresh_alone(&self, key: &AccountKey, had: &TokenSet, cause: Cause) -> Outcome {
        let basis = self.basis(key).await?;
        let now = self.upkeep().now();
        if !basis.newest.is_same_pair(had) {
            self.see_changes().await;
            if basis.newest.expires_at.is_none_or(|end| end > now) {
                tracing::debug!(account = %key, "another process has renewed the login");
                return Ok(basis.newest);
            }
        }
        if let Some(reason) = basis.needs_login {
            return Err(Failure::NeedsLogin(reason));
        }
        if cause == Cause::Refusal
            && let Some(wait) = earliest(&basis.newest).and_then(|moment| moment.duration_since(now).ok())
        {
            return Err(Failure::TooEarly { wait });
        }
        let Some(renewer) = self.upkeep().renewer() else { return Err(Failure::Gone) };
        self.mark(key, now).await?;
        let renewing = tokio::time::timeout(LONGEST_CALL, renewer.renew(key, &basis.newest)).await;
        match renewing {
            Ok(Ok(tokens)) if !tokens.access.is_blank() => self.keep(key, basis.on_disk, tokens).await,
            Ok(Ok(_nothing)) => {
                let reason = "the vendor's answer holds no access token".to_owned();
                self.failed(key, &basis.on_disk, reason, None).await
            }
            Ok(Err(RenewError::Dead { reason })) => self.died(key, &basis.on_disk, reason).await,
            Ok(Err(RenewError::Temporary { reason, retry_after })) => {
                self.failed(key, &basis.on_disk, reason, retry_after).await
            }
            Ok(Err(RenewError::Impossible { reason })) => {
                let noted =
                    self.store().fail_renewal(key, &basis.on_disk, Ended::Failed, reason.clone()).await;
                told(key, noted);
                Err(Failure::NeedsLogin(reason))
            }
            Err(_late) => {
                let reason = format!("the vendor did not answer within {} s", LONGEST_CALL.as_secs());
                self.failed(key, &basis.on_disk, reason, None).await
            }
        }
    }

    /// Reads the account again, now that nobody else renews it.
    async fn basis(&self, key: &AccountKey) -> Result<Basis, Failure> {
        let held = match self.store().held(key).await {
            Ok(Some(held)) => held,
            Ok(None) => return Err(Failure::Gone),
            Err(error) => return Err(temporary(&error)),
        };
        let Held { account, credential } = held;
        let on_disk = match credential {
            Ok(Credential::OAuth(tokens)) => tokens,
            Ok(_no_login) => return Err(Failure::Gone),
            Err(error) => return Err(temporary(&error)),
        };
        let unsaved =
            self.upkeep().unsaved().get(key).filter(|pair| pair.from.is_same_pair(&on_disk)).cloned();
        let newest = unsaved.map_or_else(|| on_disk.clone(), |pair| pair.to);
        let needs_login =
            (account.state == AccountState::NeedsLogin).then(|| account.last_error.unwrap_or_default());
        Ok(Basis { on_disk, newest, needs_login })
    }

    /// Notes that a renewal is under way. On a disk that cannot be written there is no mark: waiting for
    /// space would keep the person out.
    async fn mark(&self, key: &AccountKey, now: SystemTime) -> Result<(), Failure> {
        match self.store().mark_renewal(key, &self.upkeep().holder, now, MOST, WITHIN).await {
            Ok(Marked::Yes { cut_off: None }) => Ok(()),
            Ok(Marked::Yes { cut_off: Some(since) }) => {
                self.warn_of_cut_off(key, since);
                Ok(())
            }
            Ok(Marked::Gone) => Err(Failure::Gone),
            Ok(Marked::TooMany(next)) => {
                let wait = next.duration_since(now).unwrap_or_default();
                tracing::warn!(account = %key, "renewed {MOST} times within {} s; not again yet", WITHIN.as_secs());
                Err(Failure::TooMany { wait })
            }
            Err(error) if cannot_be_written(&error) => {
                tracing::warn!(account = %key, %error, "renewing a login without a note of it");
                Ok(())
            }
            Err(error) => Err(temporary(&error)),
        }
    }

    /// Stores new tokens in place of those on the disk, and only then hands them out.
    async fn keep(&self, key: &AccountKey, on_disk: TokenSet, tokens: TokenSet) -> Outcome {
        match self.store().renew(key, &on_disk, tokens.clone()).await {
            Ok(true) => {
                self.upkeep().drop_unsaved(|other, _| other == key);
                self.see_changes().await;
                tracing::info!(account = %key, "renewed the login");
                Ok(tokens)
            }
            // The person logged in or out meanwhile; what they did stands.
            Ok(false) => {
                self.upkeep().drop_unsaved(|other, _| other == key);
                self.see_changes().await;
                Ok(self.basis(key).await?.newest)
            }
            Err(error) => {
                tracing::error!(
                    account = %key, %error,
                    "the renewed login cannot be stored: it is in memory only and is lost if byok ends now; trying again"
                );
                let pair = Unsaved { from: on_disk, to: tokens.clone(), since: self.upkeep().now() };
                if self.upkeep().keep_unsaved(key, &pair) {
                    // The lease stays until it is on the disk: others have only the old pair to show.
                    *self.upkeep().turns(key).leased.lock().await += 1;
                    let (vault, key) = (self.clone(), key.clone());
                    self.upkeep().tasks.spawn(async move { vault.save_later(&key).await });
                }
                Ok(tokens)
            }
        }
    }

    /// Tries to store a pair until that works or someone has logged in anew.
    async fn save_later(&self, key: &AccountKey) {
        let mut pause = FIRST_SAVE;
        loop {
            let closing = tokio::select! {
                () = tokio::time::sleep(pause) => false,
                () = self.upkeep().closing.cancelled() => true,
            };
            pause = (pause * 2).min(LAST_SAVE);
            let turns = self.upkeep().turns(key);
            let _not_while_it_is_renewed = turns.write.lock().await;
            let Some(pair) = self.upkeep().unsaved().get(key).cloned() else { break };
            match self.store().renew(key, &pair.from, pair.to).await {
                // Otherwise the person has logged in anew, or out.
                Ok(stored) => {
                    self.upkeep().drop_unsaved(|other, _| other == key);
                    self.see_changes().await;
                    if stored {
                        tracing::info!(account = %key, "the renewed login is stored now");
                    }
                    break;
                }
                Err(error) if closing => {
                    let command = self.login_command(key);
                    tracing::error!(account = %key, %error, "the renewed login was never stored; log in again: {command}");
                    break;
                }
                Err(error) => {
                    tracing::warn!(account = %key, %error, "the renewed login still cannot be stored");
                }
            }
        }
        self.release(key).await;
    }

    /// The vendor has ended the login, unless it was another pair that is on the disk by now.
    async fn died(&self, key: &AccountKey, on_disk: &TokenSet, reason: String) -> Outcome {
        let noted = self.store().fail_renewal(key, on_disk, Ended::Dead, reason.clone()).await;
        if let Ok(false) = noted {
            self.see_changes().await;
            return Ok(self.basis(key).await?.newest);
        }
        told(key, noted);
        self.see_changes().await;
        let command = self.login_command(key);
        tracing::warn!(account = %key, %reason, "the vendor has ended the login; log in again: {command}");
        Err(Failure::NeedsLogin(reason))
    }

    async fn failed(
        &self,
        key: &AccountKey,
        on_disk: &TokenSet,
        reason: String,
        retry_after: Option<Duration>,
    ) -> Outcome {
        tracing::warn!(account = %key, %reason, "a login could not be renewed; trying again later");
        let noted = self.store().fail_renewal(key, on_disk, Ended::Failed, reason.clone()).await;
        told(key, noted);
        Err(Failure::Temporary { reason, retry_after })
    }

    /// Takes the lease, waiting for another process to finish.
    async fn lease(&self, key: &AccountKey) -> Result<(), Failure> {
        let turns = self.upkeep().turns(key);
        let mut uses = turns.leased.lock().await;
        if *uses == 0 {
            self.acquire(key).await?;
        }
        *uses += 1;
        Ok(())
    }

    async fn acquire(&self, key: &AccountKey) -> Result<(), Failure> {
        let give_up = Instant::now() + LONGEST_WAIT;
        loop {
            let (holder, now) = (&self.upkeep().holder, self.upkeep().now());
            match self.store().acquire_lease(key, holder, LEASE, now).await {
                Ok(true) => return Ok(()),
                Ok(false) if Instant::now() > give_up => {
                    let reason = "another byok is renewing it and comes to no end".to_owned();
                    return Err(Failure::Temporary { reason, retry_after: None });
                }
                Ok(false) if self.upkeep().closing.is_cancelled() => {
                    let reason = "byok is ending".to_owned();
                    return Err(Failure::Temporary { reason, retry_after: None });
                }
                Ok(false) => tokio::time::sleep(ASK_AGAIN).await,
                // Nobody else can take one either, and the person must not be kept out.
                Err(error) if cannot_be_written(&error) => return Ok(()),
                Err(error) => return Err(temporary(&error)),
            }
        }
    }

    async fn release(&self, key: &AccountKey) {
        let turns = self.upkeep().turns(key);
        let mut uses = turns.leased.lock().await;
        *uses = uses.saturating_sub(1);
        if *uses == 0
            && let Err(error) = self.store().release_lease(key, &self.upkeep().holder).await
        {
            tracing::debug!(account = %key, %error, "a lease could not be given back; it ends by itself");
        }
    }

    /// The snapshot follows the store at once. Where it cannot, the next renewal reads the store anyway.
    async fn see_changes(&self) {
        if let Err(error) = self.reload().await {
            tracing::warn!(%error, "the store cannot be read");
        }
    }

    /// Says which renewals had no end when byok last ran.
    pub(crate) async fn tell_of_cut_off(&self) {
        if let Err(error) = self.store().find_cut_off().await {
            tracing::warn!(%error, "cannot look for renewals that were cut off");
        }
        match self.store().accounts().await {
            Ok(accounts) => {
                for account in accounts {
                    if let Some(since) = account.cut_off_at {
                        self.warn_of_cut_off(&account.key, since);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the store cannot be read"),
        }
    }

    fn warn_of_cut_off(&self, key: &AccountKey, since: SystemTime) {
        tracing::warn!("{}", cut_off_notice(key, since, &self.login_command(key)));
    }
}

/// What is said of a renewal whose process ended between its beginning and its commit.
pub fn cut_off_notice(key: &AccountKey, since: SystemTime, login_command: &str) -> String {
    let since = httpdate::fmt_http_date(since);
    format!(
        "a renewal of {key} was cut off at {since}; if the vendor killed the old token, log in again: {login_command}"
    )
}

fn told(key: &AccountKey, noted: Result<bool, Error>) {
    if let Err(error) = noted {
        tracing::warn!(account = %key, %error, "what became of a renewal cannot be written down");
    }
}

fn temporary(error: &Error) -> Failure {
    Failure::Temporary { reason: error.to_string(), retry_after: None }
}

/// Whether it is the disk that fails, not the wish.
fn cannot_be_written(error: &Error) -> bool {
    matches!(error, Error::Full { .. } | Error::ReadOnly { .. } | Error::Database { .. } | Error::File { .. })
}
