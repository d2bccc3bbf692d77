//! A vendor that follows a script, and vaults that renew their logins with it.
//!
//! The clock is tokio's and stands still unless a test moves it: the store works on a thread of its own, and
//! a clock that moves by itself would run through every limit while one waits for it.

use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};

use byok_store::{AccountState, Location, NewAccount, NoKeyring, OpenOptions, Store};
use byok_types::{Details, ProviderId};

use super::*;
use crate::renew::{RenewError, Renewing};

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

type Script =
    dyn Fn(u32, TokenSet) -> Pin<Box<dyn Future<Output = Result<TokenSet, RenewError>> + Send>> + Send + Sync;

/// Answers by a script, and counts how often it was asked.
struct Vendor {
    asked: AtomicU32,
    script: Box<Script>,
}

impl Vendor {
    fn new<F>(script: impl Fn(u32, TokenSet) -> F + Send + Sync + 'static) -> Arc<Self>
    where
        F: Future<Output = Result<TokenSet, RenewError>> + Send + 'static,
    {
        let script =
            move |n, tokens| -> Pin<Box<dyn Future<Output = _> + Send>> { Box::pin(script(n, tokens)) };
        Arc::new(Self { asked: AtomicU32::new(0), script: Box::new(script) })
    }

    /// Gives the next pair each time, good for an hour.
    fn willing(clock: Clock) -> Arc<Self> {
        Self::new(move |n, _| async move { Ok(pair(n, Some(clock.now() + HOUR))) })
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Renew for Vendor {
    fn renew<'a>(&'a self, _key: &'a AccountKey, tokens: &'a TokenSet) -> Renewing<'a> {
        let n = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        (self.script)(n, tokens.clone())
    }

    fn margin(&self, _key: &AccountKey, _tokens: &TokenSet) -> Duration {
        5 * MINUTE
    }
}

/// A clock that a test moves. It begins at the time that it is, which is what the store writes down.
#[derive(Clone, Copy)]
struct Clock(Instant, SystemTime);

impl Clock {
    /// Stops tokio's clock, and keeps it from running ahead while nothing but the store is at work.
    fn stopped() -> (Self, std::sync::mpsc::Sender<()>) {
        tokio::time::pause();
        let (running, ended) = std::sync::mpsc::channel();
        tokio::task::spawn_blocking(move || ended.recv());
        (Self::running(), running)
    }

    /// The time that it is.
    fn running() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    fn now(self) -> SystemTime {
        self.1 + self.0.elapsed()
    }

    async fn advance(self, by: Duration) {
        tokio::time::advance(by).await;
    }
}

fn key() -> AccountKey {
    AccountKey::new(ProviderId::from("codex"), byok_types::AccountId::from("work"))
}

fn pair(n: u32, expires_at: Option<SystemTime>) -> TokenSet {
    TokenSet {
        access: Secret::new(format!("access-{n}")),
        refresh: Some(Secret::new(format!("refresh-{n}"))),
        expires_at,
        label: None,
        details: Details::default(),
    }
}

fn login(tokens: TokenSet) -> NewAccount {
    NewAccount { key: key(), credential: Credential::OAuth(tokens), base_url: None, label: None }
}

async fn in_file(directory: &Path) -> Store {
    let location = Location::File(directory.join("home").join("tokens.db"));
    Store::open(OpenOptions { keyring: Arc::new(NoKeyring), ..OpenOptions::new(location) }).await.unwrap()
}

async fn vault(store: Store, clock: Clock, vendor: &Arc<Vendor>) -> Vault {
    let vault = Vault::with_clock(store, move || clock.now()).await.unwrap();
    vault.set_renewer(Arc::clone(vendor) as Arc<dyn Renew>);
    vault
}

/// A vault in memory with a login that ends `left` from now; 0: that is over.
async fn with_login(clock: Clock, vendor: &Arc<Vendor>, left: Duration) -> Vault {
    let store = Store::open(OpenOptions::new(Location::Memory)).await.unwrap();
    let vault = vault(store, clock, vendor).await;
    vault.login(login(pair(0, Some(clock.now() + left)))).await.unwrap();
    vault
}

async fn access(vault: &Vault) -> String {
    vault.credential(&key()).await.unwrap().bearer().unwrap().expose().to_owned()
}

async fn on_disk(store: &Store) -> String {
    store.credential(&key()).await.unwrap().unwrap().bearer().unwrap().expose().to_owned()
}

/// Waits for what another task does, without the clock.
async fn until(mut what: impl FnMut() -> bool) {
    while !what() {
        tokio::task::yield_now().await;
    }
}

async fn settled(vault: &Vault) {
    until(|| vault.upkeep().tasks.is_empty()).await;
}

fn temporary(reason: &str) -> RenewError {
    RenewError::Temporary { reason: reason.to_owned(), retry_after: None }
}

fn dead() -> RenewError {
    RenewError::Dead { reason: "invalid_grant".to_owned() }
}

#[tokio::test]
async fn two_hundred_who_wait_share_one_renewal() {
    let (clock, _running) = Clock::stopped();
    let (open, opened) = watch::channel(false);
    let vendor = Vendor::new(move |n, _| {
        let mut opened = opened.clone();
        async move {
            opened.wait_for(|open| *open).await.unwrap();
            Ok(pair(n, Some(clock.now() + HOUR)))
        }
    });
    let vault = with_login(clock, &vendor, Duration::ZERO).await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let vault = vault.clone();
        waiting.spawn(async move { access(&vault).await });
    }
    until(|| vendor.asked() == 1).await;
    open.send_replace(true);
    assert!(waiting.join_all().await.iter().all(|access| access == "access-1"));
    assert_eq!(vendor.asked(), 1);
    assert_eq!(on_disk(vault.store()).await, "access-1");
}

#[tokio::test]
async fn a_renewal_outlives_whoever_asked_for_it() {
    let (clock, _running) = Clock::stopped();
    let (open, opened) = watch::channel(false);
    let vendor = Vendor::new(move |n, _| {
        let mut opened = opened.clone();
        async move {
            opened.wait_for(|open| *open).await.unwrap();
            Ok(pair(n, Some(clock.now() + HOUR)))
        }
    });
    let vault = with_login(clock, &vendor, Duration::ZERO).await;
    let asking = tokio::spawn({
        let vault = vault.clone();
        async move { access(&vault).await }
    });
    until(|| vendor.asked() == 1).await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    open.send_replace(true);
    settled(&vault).await;
    assert_eq!(on_disk(vault.store()).await, "access-1");
    assert_eq!(access(&vault).await, "access-1");
    assert_eq!(vendor.asked(), 1);
}

#[tokio::test]
async fn a_token_near_its_end_is_used_while_the_next_one_is_fetched() {
    let (clock, _running) = Clock::stopped();
    let vendor = Vendor::willing(clock);
    let vault = with_login(clock, &vendor, 6 * MINUTE).await;
    assert_eq!(access(&vault).await, "access-0");
    assert!(vault.upkeep().tasks.is_empty(), "six minutes are beyond the margin");
    clock.advance(MINUTE).await;
    assert_eq!(access(&vault).await, "access-0", "nobody waits");
    settled(&vault).await;
    assert_eq!(access(&vault).await, "access-1");
    settled(&vault).await;
    assert_eq!(vendor.asked(), 1);
}

#[tokio::test]
async fn logins_are_renewed_ahead_of_their_end_although_nobody_asks() {
    let (clock, _running) = Clock::stopped();
    let vendor = Vendor::willing(clock);
    let vault = with_login(clock, &vendor, HOUR).await;
    let cancel = CancellationToken::new();
    let keeping = tokio::spawn({
        let (vault, cancel) = (vault.clone(), cancel.clone());
        async move { vault.keep_fresh(cancel).await }
    });
    for n in 1..3 {
        // The margin is five minutes, and no more than a quarter of it is chance.
        clock.advance(53 * MINUTE).await;
        for _ in 0..10 {
            vault.store().generation().await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(vendor.asked(), n - 1, "renewed far too early");
        clock.advance(2 * MINUTE).await;
        until(|| vendor.asked() == n).await;
        settled(&vault).await;
        assert_eq!(access(&vault).await, format!("access-{n}"));
    }
    cancel.cancel();
    keeping.await.unwrap();
}

#[tokio::test]
async fn a_login_that_comes_while_the_loop_sleeps_is_renewed_too() {
    let (clock, _running) = Clock::stopped();
    let vendor = Vendor::willing(clock);
    let vault = with_login(clock, &vendor, HOUR).await;
    let cancel = CancellationToken::new();
    let keeping = tokio::spawn({
        let (vault, cancel) = (vault.clone(), cancel.clone());
        async move { vault.keep_fresh(cancel).await }
    });
    vault.login(login(pair(50, Some(clock.now() + MINUTE)))).await.unwrap();
    until(|| vendor.asked() == 1).await;
    cancel.cancel();
    keeping.await.unwrap();
    assert_eq!(access(&vault).await, "access-1");
}

#[tokio::test]
async fn a_failure_is_shared_and_the_next_attempt_waits() {
    let (clock, _running) = Clock::stopped();
    let (open, opened) = watch::channel(false);
    let vendor = Vendor::new(move |n, _| {
        let mut opened = opened.clone();
        async move {
            opened.wait_for(|open| *open).await.unwrap();
            let retry_after = Some(Duration::from_secs(30));
            match n {
                1 => Err(RenewError::Temporary { reason: "503".to_owned(), retry_after }),
                _ => Ok(pair(n, Some(clock.now() + HOUR))),
            }
        }
    });
    let vault = with_login(clock, &vendor, Duration::ZERO).await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let vault = vault.clone();
        waiting.spawn(async move { vault.credential(&key()).await });
    }
    until(|| vendor.asked() == 1).await;
    open.send_replace(true);
    for outcome in waiting.join_all().await {
        assert!(matches!(outcome, Err(AuthError::NotRenewed { .. })), "{outcome:?}");
    }
    match vault.credential(&key()).await {
        Err(AuthError::NotRenewed { reason, retry_after: Some(wait), .. }) => {
            assert!(reason == "503" && wait <= Duration::from_secs(30), "{reason} {wait:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(vendor.asked(), 1);
    let account = vault.store().accounts().await.unwrap().remove(0);
    assert_eq!((account.state, account.failures), (AccountState::Ok, 1));

    clock.advance(Duration::from_secs(31)).await;
    assert_eq!(access(&vault).await, "access-2");
    assert_eq!(vault.store().accounts().await.unwrap()[0].failures, 0);
}

#[tokio::test]
async fn a_failing_vendor_does_not_take_a_token_away_that_is_still_good() {
    let (clock, _running) = Clock::stopped();
    let vendor = Vendor::new(|_, _| async { Err(temporary("garbage")) });
    let vault = with_login(clock, &vendor, MINUTE).await;
    for _ in 0..20 {
        assert_eq!(access(&vault).await, "access-0");
        settled(&vault).await;
    }
    assert_eq!(vendor.asked(), 1, "it is left alone for a while");
    clock.advance(2 * MINUTE).await;
    assert!(matches!(vault.credential(&key()).await, Err(AuthError::NotRenewed { .. })));
}

#[tokio::test]
async fn a_login_that_its_vendor_ended_is_kept_and_not_tried_again() {
    let (clock, _running) = Clock::stopped();
    let directory = tempfile::tempdir().unwrap();
    let vendor = Vendor::new(|_, _| async { Err(dead()) });
    let first = vault(in_file(directory.path()).await, clock, &vendor).await;
    first.login(login(pair(0, Some(clock.now())))).await.unwrap();
    for _ in 0..3 {
        let error = first.credential(&key()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the login of codex/work is over: invalid_grant; log in again: byok login codex --account work"
        );
    }
    assert!(matches!(
        first.renewed(&key(), &Secret::new("access-0")).await,
        Err(AuthError::NeedsLogin { .. })
    ));
    assert_eq!(vendor.asked(), 1);
    assert_eq!(on_disk(first.store()).await, "access-0", "nothing is deleted");

    // Nor by the next process; and a new login settles it for both.
    let second = vault(in_file(directory.path()).await, clock, &vendor).await;
    assert!(matches!(second.credential(&key()).await, Err(AuthError::NeedsLogin { .. })));
    assert_eq!(vendor.asked(), 1);
    second.login(login(pair(7, Some(clock.now() + HOUR)))).await.unwrap();
    assert_eq!(access(&second).await, "access-7");
    first.reload().await.unwrap();
    assert_eq!(access(&first).await, "access-7");
}

#[tokio::test]
async fn of_two_processes_one_renews_and_the_other_uses_what_it_got() {
    // Whoever comes second asks for the lease again and again, so this clock has to go by itself.
    let clock = Clock::running();
    let directory = tempfile::tempdir().unwrap();
    let vendor = Vendor::willing(clock);
    let one = vault(in_file(directory.path()).await, clock, &vendor).await;
    one.login(login(pair(0, Some(clock.now())))).await.unwrap();
    let other = vault(in_file(directory.path()).await, clock, &vendor).await;
    let mut waiting = tokio::task::JoinSet::new();
    for n in 0..200 {
        let vault = if n % 2 == 0 { one.clone() } else { other.clone() };
        waiting.spawn(async move { access(&vault).await });
    }
    let all = waiting.join_all().await;
    assert!(all.len() == 200 && all.iter().all(|access| access == "access-1"));
    assert_eq!(vendor.asked(), 1);
}

#[tokio::test]
async fn a_refusal_by_the_vendor_means_nothing_when_another_process_has_renewed() {
    let (clock, _running) = Clock::stopped();
    let directory = tempfile::tempdir().unwrap();
    let other = in_file(directory.path()).await;
    let stores = other.clone();
    let vendor = Vendor::new(move |_, _| {
        let other = stores.clone();
        async move {
            other.save(login(pair(9, Some(clock.now() + HOUR)))).await.unwrap();
            Err(dead())
        }
    });
    let vault = vault(in_file(directory.path()).await, clock, &vendor).await;
    vault.login(login(pair(0, Some(clock.now())))).await.unwrap();
    assert_eq!(access(&vault).await, "access-9");
    assert_eq!(vault.store().accounts().await.unwrap()[0].state, AccountState::Ok);
}

#[tokio::test]
async fn a_new_login_stands_against_the_renewal_of_the_old_one() {
    let (clock, _running) = Clock::stopped();
    let directory = tempfile::tempdir().unwrap();
    let other = in_file(directory.path()).await;
    let stores = other.clone();
    let vendor = Vendor::new(move |n, _| {
        let other = stores.clone();
        async move {
            other.save(login(pair(9, Some(clock.now() + HOUR)))).await.unwrap();
            Ok(pair(n, Some(clock.now() + HOUR)))
        }
    });
    let vault = vault(in_file(directory.path()).await, clock, &vendor).await;
    vault.login(login(pair(0, Some(clock.now())))).await.unwrap();
    assert_eq!(access(&vault).await, "access-9");
    assert_eq!(on_disk(&other).await, "access-9");

    // And a logout as well.
    let stores = other.clone();
    let vendor = Vendor::new(move |n, _| {
        let other = stores.clone();
        async move {
            other.delete(&key()).await.unwrap();
            Ok(pair(n, Some(clock.now() + HOUR)))
        }
    });
    vault.set_renewer(vendor);
    vault.login(login(pair(0, Some(clock.now())))).await.unwrap();
    assert!(matches!(vault.credential(&key()).await, Err(AuthError::NotLoggedIn(_))));
    assert_eq!(other.accounts().await.unwrap(), []);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_for_all_who_were_refused() {
    let (clock, _running) = Clock::stopped();
    let vendor = Vendor::willing(clock);
    let vault = with_login(clock, &vendor, HOUR).await;
    let refused = Secret::new("access-0");
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (vault, refused) = (vault.clone(), refused.clone());
        waiting.spawn(async move { vault.renewed(&key(), &refused).await.unwrap() });
    }
    for credential in waiting.join_all().await {
        assert_eq!(credential.bearer().unwrap().expose(), "access-1");
    }
    let late = vault.renewed(&key(), &refused).await.unwrap();
    assert_eq!(late.bearer().unwrap().expose(), "access-1", "it is refused no more");
    assert_eq!(vendor.asked(), 1);
}

#[tokio::test]
async fn tokens_that_are_refused_again_and_again_are_not_renewed_for_ever() {
    let (clock, _running) = Clock::stopped();
    let vendor = Vendor::willing(clock);
    let vault = with_login(clock, &vendor, HOUR).await;
    for n in 0..3 {
        let next = vault.renewed(&key(), &Secret::new(format!("access-{n}"))).await.unwrap();
        assert_eq!(next.bearer().unwrap().expose(), format!("access-{}", n + 1));
    }
    match vault.renewed(&key(), &Secret::new("access-3")).await {
        Err(AuthError::NotRenewed { reason, retry_after: Some(wait), .. }) => {
            assert!(reason.contains("3 times") && wait <= MINUTE, "{reason} {wait:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(vendor.asked(), 3);
    assert_eq!(access(&vault).await, "access-3", "others go on");
    clock.advance(MINUTE + Duration::from_secs(1)).await;
    vault.renewed(&key(), &Secret::new("access-3")).await.unwrap();
    assert_eq!(vendor.asked(), 4);
}

#[tokio::test]
async fn tokens_that_are_over_when_they_come_are_used() {
    let (clock, _running) = Clock::stopped();
    let vendor = Vendor::new(move |n, _| async move { Ok(pair(n, Some(clock.now()))) });
    let vault = with_login(clock, &vendor, Duration::ZERO).await;
    for _ in 0..20 {
        access(&vault).await;
    }
    assert_eq!(vendor.asked(), 3, "and not one renewal for each request");
    assert_eq!(access(&vault).await, "access-3");
}

#[tokio::test]
async fn a_clock_that_was_set_back_keeps_no_login_from_being_renewed() {
    let (clock, _running) = Clock::stopped();
    let ahead = Arc::new(Mutex::new(24 * HOUR));
    let vendor = Vendor::willing(clock);
    let store = Store::open(OpenOptions::new(Location::Memory)).await.unwrap();
    let offset = Arc::clone(&ahead);
    let vault = Vault::with_clock(store, move || clock.now() + *offset.lock().unwrap()).await.unwrap();
    vault.set_renewer(Arc::clone(&vendor) as Arc<dyn Renew>);
    // A day ahead, the login is over, and is renewed as often as may be.
    vault.login(login(pair(0, Some(clock.now())))).await.unwrap();
    for n in 0..3 {
        vault.renewed(&key(), &Secret::new(format!("access-{n}"))).await.unwrap();
    }
    *ahead.lock().unwrap() = Duration::ZERO;
    clock.advance(2 * HOUR).await;
    assert_eq!(access(&vault).await, "access-4");
}

#[tokio::test]
async fn what_cannot_be_stored_is_used_and_stored_later() {
    let (clock, _running) = Clock::stopped();
    let directory = tempfile::tempdir().unwrap();
    let vendor = Vendor::willing(clock);
    let vault = vault(in_file(directory.path()).await, clock, &vendor).await;
    vault.login(login(pair(0, Some(clock.now())))).await.unwrap();
    // From here on the disk is as good as full.
    let sql = rusqlite::Connection::open(directory.path().join("home").join("tokens.db")).unwrap();
    sql.execute_batch(
        "CREATE TRIGGER full BEFORE UPDATE ON account BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
    )
    .unwrap();
    assert_eq!(access(&vault).await, "access-1");
    assert_eq!(vault.unsaved(), [key()]);
    assert_eq!(on_disk(vault.store()).await, "access-0");
    assert!(vault.secrets().iter().any(|secret| secret.expose() == "refresh-1"), "it is redacted as well");
    vault.reload().await.unwrap();
    assert_eq!(access(&vault).await, "access-1", "the disk does not win over the memory");

    // An hour later it is renewed with what is in memory, and another process keeps its hands off.
    clock.advance(HOUR + MINUTE).await;
    assert_eq!(access(&vault).await, "access-2");
    let other = in_file(directory.path()).await;
    assert!(!other.acquire_lease(&key(), "other", MINUTE, clock.now()).await.unwrap());
    sql.execute_batch("DROP TRIGGER full").unwrap();
    while !vault.unsaved().is_empty() {
        clock.advance(Duration::from_secs(1)).await;
        // What waits for the store gets its turn before the clock moves on.
        for _ in 0..10 {
            vault.store().generation().await.unwrap();
            tokio::task::yield_now().await;
        }
    }
    settled(&vault).await;
    assert_eq!(on_disk(&other).await, "access-2");
    assert_eq!(access(&vault).await, "access-2");
    assert_eq!(vendor.asked(), 2);
    assert!(other.acquire_lease(&key(), "other", MINUTE, clock.now()).await.unwrap());
}

#[tokio::test]
async fn an_answer_without_a_token_changes_nothing() {
    let (clock, _running) = Clock::stopped();
    let vendor = Vendor::new(|_, tokens| async move { Ok(TokenSet { access: Secret::new(" "), ..tokens }) });
    let vault = with_login(clock, &vendor, Duration::ZERO).await;
    assert!(matches!(vault.credential(&key()).await, Err(AuthError::NotRenewed { .. })));
    assert_eq!(on_disk(vault.store()).await, "access-0");
}

#[tokio::test]
async fn what_cannot_be_renewed_is_used_to_its_end() {
    let (clock, _running) = Clock::stopped();
    let vendor = Vendor::new(|_, _| async { Err(RenewError::Impossible { reason: "no way".to_owned() }) });
    let vault = with_login(clock, &vendor, MINUTE).await;
    assert_eq!(access(&vault).await, "access-0");
    settled(&vault).await;
    assert_eq!(access(&vault).await, "access-0");
    clock.advance(2 * MINUTE).await;
    assert!(matches!(vault.credential(&key()).await, Err(AuthError::NeedsLogin { .. })));
    assert_eq!(vendor.asked(), 1);
    assert_eq!(vault.store().accounts().await.unwrap()[0].state, AccountState::Ok);
}

#[tokio::test]
async fn each_account_is_renewed_for_itself() {
    let (clock, _running) = Clock::stopped();
    let store = Store::open(OpenOptions::new(Location::Memory)).await.unwrap();
    let vendor = Vendor::new(move |_, tokens| async move {
        let access = Secret::new(format!("new-{}", tokens.access.expose()));
        Ok(TokenSet { access, expires_at: Some(clock.now() + HOUR), ..tokens })
    });
    let vault = vault(store, clock, &vendor).await;
    let keys: Vec<_> = (0..5)
        .map(|n| {
            AccountKey::new(ProviderId::from("codex"), byok_types::AccountId::from(format!("a{n}").as_str()))
        })
        .collect();
    for (n, key) in (0..).zip(&keys) {
        let account = NewAccount { key: key.clone(), ..login(pair(n, Some(clock.now()))) };
        vault.login(account).await.unwrap();
    }
    let mut waiting = tokio::task::JoinSet::new();
    for key in keys {
        let vault = vault.clone();
        waiting.spawn(async move {
            let credential = vault.credential(&key).await.unwrap();
            let expected = format!("new-access-{}", &key.account.as_str()[1..]);
            assert_eq!(credential.bearer().unwrap().expose(), expected);
            let stored = vault.store().credential(&key).await.unwrap().unwrap();
            assert_eq!(stored.bearer().unwrap().expose(), expected);
        });
    }
    waiting.join_all().await;
    assert_eq!(vendor.asked(), 5);
}

#[tokio::test]
async fn without_a_renewer_tokens_are_handed_out_as_they_are() {
    let (clock, _running) = Clock::stopped();
    let store = Store::open(OpenOptions::new(Location::Memory)).await.unwrap();
    let vault = Vault::with_clock(store, move || clock.now()).await.unwrap();
    vault.login(login(pair(0, Some(clock.now())))).await.unwrap();
    assert_eq!(access(&vault).await, "access-0");
    let error = vault.renewed(&key(), &Secret::new("access-0")).await.unwrap_err();
    assert!(matches!(error, AuthError::NotRenewed { .. }), "{error}");
}

#[test]
fn the_margin_leaves_half_of_a_short_life_and_heeds_the_vendor() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let held = |tokens: &TokenSet, renewed| Kept {
        credential: Credential::OAuth(tokens.clone()),
        needs_login: None,
        stored_at: start,
        renewed,
    };
    let when = |tokens: &TokenSet, renewed| {
        let end = tokens.expires_at.unwrap();
        due(&held(tokens, renewed), tokens, end, 5 * MINUTE).0.duration_since(start).unwrap()
    };
    assert_eq!(when(&pair(0, Some(start + HOUR)), true), 55 * MINUTE);
    assert_eq!(when(&pair(0, Some(start + MINUTE)), true), MINUTE / 2);
    let mut tokens = pair(0, Some(start + 10 * MINUTE));
    assert_eq!(when(&tokens, false), 5 * MINUTE, "how long a login's token had is not known");
    tokens.details.set(Detail::Lifetime, "120");
    assert_eq!(when(&tokens, false), 9 * MINUTE);
    tokens.details.set(Detail::EarliestRefresh, (1_800_000_000 + 595).to_string());
    assert_eq!(when(&tokens, false), Duration::from_secs(595));
    tokens.details.set(Detail::EarliestRefresh, "9000000000");
    assert_eq!(when(&tokens, false), 9 * MINUTE, "after its end there is nothing to be early for");
}

#[test]
fn a_renewal_that_was_cut_off_is_told_with_its_time_and_the_command() {
    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    assert_eq!(
        crate::cut_off_notice(&key(), since, "byok login codex --account work"),
        "a renewal of codex/work was cut off at Sun, 06 Nov 1994 08:49:37 GMT; if the vendor killed the old token, \
         log in again: byok login codex --account work"
    );
}
