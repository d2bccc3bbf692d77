//! Leases, and what is noted of a renewal before the vendor is asked and after it has answered.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;
use crate::{AccountState, Ended, Marked};

const MINUTE: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

async fn tokens(store: &Store) -> TokenSet {
    match store.credential(&key("codex", "work")).await.unwrap() {
        Some(Credential::OAuth(tokens)) => tokens,
        other => panic!("{other:?}"),
    }
}

fn pair(access: &str, refresh: &str) -> TokenSet {
    match login("codex", "work", access, refresh).credential {
        Credential::OAuth(tokens) => tokens,
        other => panic!("{other:?}"),
    }
}

async fn account(store: &Store) -> crate::Account {
    store.accounts().await.unwrap().remove(0)
}

async fn mark(store: &Store, holder: &str, now: SystemTime) -> Marked {
    store.mark_renewal(&key("codex", "work"), holder, now, 3, MINUTE).await.unwrap()
}

#[tokio::test]
async fn a_lease_is_one_holders_until_it_is_given_back_or_its_process_is_gone() {
    let home = Home::new();
    let (one, other) = (home.store().await, home.store().await);
    let account = key("codex", "default");
    let now = at(1_000_000);
    assert!(one.acquire_lease(&account, "one", MINUTE, now).await.unwrap());
    assert!(one.acquire_lease(&account, "one", MINUTE, now).await.unwrap(), "its own");
    assert!(!one.acquire_lease(&account, "another", MINUTE, now).await.unwrap(), "of the same process");
    assert!(!other.acquire_lease(&account, "other", MINUTE, now).await.unwrap());
    let hours_later = now + Duration::from_secs(7200);
    assert!(!other.acquire_lease(&account, "other", MINUTE, hours_later).await.unwrap(), "it lives");
    assert!(other.acquire_lease(&key("codex", "second"), "other", MINUTE, now).await.unwrap());
    assert!(!other.release_lease(&account, "other").await.unwrap());
    assert!(one.release_lease(&account, "one").await.unwrap());
    assert!(!one.release_lease(&account, "one").await.unwrap());

    assert!(other.acquire_lease(&account, "other", MINUTE, now).await.unwrap());
    assert!(!one.acquire_lease(&account, "one", MINUTE, now).await.unwrap());
    other.close().await;
    assert!(one.acquire_lease(&account, "one", MINUTE, now).await.unwrap(), "the holder is gone");
}

#[tokio::test]
async fn without_files_a_lease_has_a_time() {
    let store = Store::open(OpenOptions::new(Location::Memory)).await.unwrap();
    let account = key("codex", "default");
    let now = at(1_000_000);
    assert!(store.acquire_lease(&account, "one", MINUTE, now).await.unwrap());
    assert!(store.acquire_lease(&account, "one", MINUTE, now).await.unwrap(), "its own");
    assert!(!store.acquire_lease(&account, "other", MINUTE, now).await.unwrap());
    assert!(!store.release_lease(&account, "other").await.unwrap());
    assert!(store.release_lease(&account, "one").await.unwrap());
    assert!(store.acquire_lease(&account, "other", MINUTE, now).await.unwrap());
    assert!(store.acquire_lease(&account, "one", MINUTE, now + MINUTE).await.unwrap(), "over");
    // The clock was two hours ahead when that one was taken.
    let earlier = now - Duration::from_secs(7200);
    assert!(store.acquire_lease(&account, "other", MINUTE, earlier).await.unwrap());
}

#[tokio::test]
async fn of_many_who_ask_for_a_lease_one_gets_it() {
    let home = Home::new();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..8 {
        let store = home.store().await;
        tasks.spawn(async move {
            let account = key("codex", "default");
            let got = store.acquire_lease(&account, &format!("h{n}"), MINUTE, at(1)).await.unwrap();
            // Kept until all have asked.
            (store, got)
        });
    }
    let all = tasks.join_all().await;
    assert_eq!(all.iter().filter(|(_, got)| *got).count(), 1);
}

#[tokio::test]
async fn a_renewal_replaces_the_tokens_it_began_with_and_nothing_else() {
    let home = Home::new();
    let store = home.store().await;
    let mut new = login("codex", "work", "a1", "r1");
    new.base_url = Some("https://one.example".to_owned());
    new.label = Some("mine".to_owned());
    store.save(new.clone()).await.unwrap();
    let id = key("codex", "work");
    assert_eq!(mark(&store, "one", at(1000)).await, Marked::Yes { cut_off: None });
    assert!(store.renew(&id, &pair("a1", "r1"), pair("a2", "r2")).await.unwrap());
    assert_eq!(tokens(&store).await.access.expose(), "a2");
    let now = account(&store).await;
    assert_eq!(now.base_url.as_deref(), Some("https://one.example"));
    assert_eq!(now.label.as_deref(), Some("mine"));
    assert!(now.renewed_at.is_some());

    // The person logged in anew while the vendor was answering.
    store.save(login("codex", "work", "new", "new")).await.unwrap();
    assert!(!store.renew(&id, &pair("a2", "r2"), pair("a3", "r3")).await.unwrap());
    assert!(!store.fail_renewal(&id, &pair("a2", "r2"), Ended::Dead, "over".to_owned()).await.unwrap());
    assert_eq!(tokens(&store).await.access.expose(), "new");
    assert_eq!(account(&store).await.state, AccountState::Ok);

    // Or logged out.
    store.delete(&id).await.unwrap();
    assert!(!store.renew(&id, &pair("new", "new"), pair("a3", "r3")).await.unwrap());
    assert!(!store.fail_renewal(&id, &pair("new", "new"), Ended::Failed, "x".to_owned()).await.unwrap());
    assert_eq!(mark(&store, "one", at(1000)).await, Marked::Gone);
    assert_eq!(store.accounts().await.unwrap(), []);
}

#[tokio::test]
async fn a_login_that_is_over_is_kept_with_its_reason_until_the_next_login() {
    let home = Home::new();
    let store = home.store().await;
    store.save(login("codex", "work", "a1", "r1")).await.unwrap();
    let id = key("codex", "work");
    let from = pair("a1", "r1");
    assert!(store.fail_renewal(&id, &from, Ended::Failed, "503".to_owned()).await.unwrap());
    let failed = account(&store).await;
    assert_eq!((failed.state, failed.failures), (AccountState::Ok, 1));
    assert_eq!(failed.last_error.as_deref(), Some("503"));

    let before = store.generation().await.unwrap();
    assert!(store.fail_renewal(&id, &from, Ended::Dead, "invalid_grant".to_owned()).await.unwrap());
    assert!(store.generation().await.unwrap() > before, "other processes learn of it");
    let dead = account(&store).await;
    assert_eq!((dead.state, dead.failures), (AccountState::NeedsLogin, 2));
    assert_eq!(dead.last_error.as_deref(), Some("invalid_grant"));
    assert_eq!(tokens(&store).await.refresh.unwrap().expose(), "r1", "nothing is deleted");

    store.save(login("codex", "work", "new", "new")).await.unwrap();
    let alive = account(&store).await;
    assert_eq!((alive.state, alive.failures, alive.last_error), (AccountState::Ok, 0, None));
}

#[tokio::test]
async fn renewals_are_counted_over_all_processes() {
    let home = Home::new();
    let (one, other) = (home.store().await, home.store().await);
    one.save(login("codex", "work", "a1", "r1")).await.unwrap();
    one.save(login("codex", "home", "a1", "r1")).await.unwrap();
    for (store, seconds) in [(&one, 100), (&other, 110), (&one, 120)] {
        assert!(matches!(mark(store, "x", at(seconds)).await, Marked::Yes { .. }));
    }
    assert_eq!(mark(&other, "x", at(159)).await, Marked::TooMany(at(160)));
    let second = other.mark_renewal(&key("codex", "home"), "x", at(159), 3, MINUTE).await.unwrap();
    assert_eq!(second, Marked::Yes { cut_off: None }, "each account has its own count");
    assert!(matches!(mark(&other, "x", at(160)).await, Marked::Yes { .. }));
    assert_eq!(mark(&other, "x", at(161)).await, Marked::TooMany(at(170)));
    // A clock that was set back must not keep an account from being renewed.
    assert!(matches!(mark(&other, "x", at(50)).await, Marked::Yes { .. }));
}

#[tokio::test]
async fn a_renewal_that_was_cut_off_is_known_until_one_succeeds() {
    let home = Home::new();
    let store = home.store().await;
    store.save(login("codex", "work", "a1", "r1")).await.unwrap();
    let id = key("codex", "work");
    let generation = store.generation().await.unwrap();
    assert!(store.acquire_lease(&id, "one", MINUTE, at(1)).await.unwrap());
    mark(&store, "one", at(1000)).await;
    assert_eq!(store.generation().await.unwrap(), generation, "no news to others");

    // While its process lives, it is none, whoever looks.
    store.find_cut_off().await.unwrap();
    assert!(store.release_lease(&id, "one").await.unwrap(), "the lease is still there");
    assert!(store.acquire_lease(&id, "one", MINUTE, at(1)).await.unwrap());
    let other = home.store().await;
    other.find_cut_off().await.unwrap();
    assert_eq!(account(&other).await.cut_off_at, None);
    store.close().await;
    other.find_cut_off().await.unwrap();
    other.find_cut_off().await.unwrap();
    assert_eq!(account(&other).await.cut_off_at, Some(at(1000)));

    // The next one finds a mark as well.
    mark(&other, "gone", at(2000)).await;
    assert_eq!(mark(&other, "other", at(3000)).await, Marked::Yes { cut_off: Some(at(2000)) });
    assert_eq!(mark(&other, "other", at(3001)).await, Marked::Yes { cut_off: None }, "its own");
    assert!(other.fail_renewal(&id, &pair("a1", "r1"), Ended::Failed, "503".to_owned()).await.unwrap());
    assert_eq!(account(&other).await.cut_off_at, Some(at(2000)), "a failure settles nothing");
    assert!(other.renew(&id, &pair("a1", "r1"), pair("a2", "r2")).await.unwrap());
    assert_eq!(account(&other).await.cut_off_at, None);
    other.find_cut_off().await.unwrap();
    assert_eq!(account(&other).await.cut_off_at, None);
}
