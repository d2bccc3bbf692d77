//! A change of the key is whole or not at all, wherever the process ends.

use std::sync::Arc;

use byok_types::{AccountId, AccountKey, Credential, ProviderId, Secret};
use proptest::prelude::*;

use super::*;
use crate::tests::{FakeKeyring, Home, api_key, bearer};
use crate::{Keyring, Location, NoKeyring, OpenOptions};

const OLD: &str = "the old passphrase";
const NEW: &str = "the new passphrase";

/// How a store is protected in these tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Ring,
    Pass,
}

struct Place {
    home: Home,
    keyring: Arc<FakeKeyring>,
    kind: Kind,
}

impl Place {
    async fn new(kind: Kind) -> Self {
        let place = Self { home: Home::new(), keyring: Arc::default(), kind };
        let store = place.open(Some(OLD)).await.unwrap();
        for account in ["a", "b"] {
            store.save(api_key("openai", account, &format!("sk-{account}"))).await.unwrap();
        }
        place
    }

    async fn open(&self, passphrase: Option<&str>) -> Result<Store, Error> {
        let keyring: Arc<dyn Keyring> = match self.kind {
            Kind::File => Arc::new(NoKeyring),
            Kind::Ring | Kind::Pass => Arc::clone(&self.keyring) as Arc<dyn Keyring>,
        };
        let passphrase = passphrase.filter(|text| self.kind == Kind::Pass || *text == NEW).map(Secret::new);
        let location = Location::File(self.home.database());
        Store::open(OpenOptions { passphrase, keyring, ..OpenOptions::new(location) }).await
    }

    /// Whether all is there for someone who has this passphrase.
    async fn opens(&self, passphrase: Option<&str>) -> bool {
        let Ok(store) = self.open(passphrase).await else { return false };
        let (a, b) = (bearer(&store, "openai", "a").await, bearer(&store, "openai", "b").await);
        let whole = a.as_deref() == Some("sk-a") && b.as_deref() == Some("sk-b");
        store.close().await;
        whole
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Same,
    New,
    Without,
}

fn under(to: To) -> Under {
    match to {
        To::Same => Under::Same,
        To::New => Under::Passphrase(Secret::new(NEW)),
        To::Without => Under::NoPassphrase,
    }
}

/// Every way from one protection to another.
const WAYS: [(Kind, To); 7] = [
    (Kind::File, To::Same),
    (Kind::File, To::New),
    (Kind::Ring, To::Same),
    (Kind::Ring, To::New),
    (Kind::Pass, To::Same),
    (Kind::Pass, To::New),
    (Kind::Pass, To::Without),
];

fn after(kind: Kind, to: To) -> Option<&'static str> {
    match to {
        To::New => Some(NEW),
        To::Without => None,
        To::Same => (kind == Kind::Pass).then_some(OLD),
    }
}

#[tokio::test]
async fn after_a_change_the_new_way_opens_and_the_old_one_does_not() {
    for (kind, to) in WAYS {
        let place = Place::new(kind).await;
        let store = place.open(Some(OLD)).await.unwrap();
        let sealed = |place: &Place| {
            let connection = Connection::open(place.home.database()).unwrap();
            connection
                .query_row("SELECT sealed FROM account WHERE account = 'a'", [], |row| {
                    row.get::<_, Vec<u8>>(0)
                })
                .unwrap()
        };
        let before = sealed(&place);
        let rewrapped = store.rewrap(under(to)).await.unwrap();
        assert!(rewrapped.accounts == 2 && rewrapped.left_behind.is_none(), "{rewrapped:?}");
        assert_eq!(store.protection(), rewrapped.protection);
        assert_ne!(sealed(&place), before);
        assert_eq!(bearer(&store, "openai", "a").await.unwrap(), "sk-a", "{kind:?} {to:?}");
        store.save(api_key("openai", "b", "sk-b")).await.unwrap();
        store.close().await;
        assert!(place.opens(after(kind, to)).await, "{kind:?} {to:?}");
        if kind == Kind::Pass && to == To::New {
            assert!(!place.opens(Some(OLD)).await);
        }
        // The file that any thief could have read with it is gone, or holds one key.
        assert_eq!(place.home.key().exists(), kind == Kind::File && to == To::Same);
        if place.home.key().exists() {
            let words = std::fs::read_to_string(place.home.key()).unwrap();
            assert_eq!(words.split_whitespace().count(), 2);
        }
        let entries = place.keyring.entries();
        let ring = (kind == Kind::Ring && to == To::Same) || to == To::Without;
        assert_eq!(entries.len(), usize::from(ring), "{kind:?} {to:?}");
        assert!(entries.iter().all(|value| value.split(' ').count() == 1));
    }
}

#[tokio::test]
async fn killed_before_the_commit_the_old_way_opens_and_after_it_the_new() {
    for (kind, to) in WAYS {
        for committed in [false, true] {
            let place = Place::new(kind).await;
            let store = place.open(Some(OLD)).await.unwrap();
            store
                .worker
                .run(move |database| {
                    let (transaction, keys) = database.write()?;
                    Change::make(&transaction, keys, under(to))?;
                    // The end of the process: what is not committed is undone, what would follow is not done.
                    if committed {
                        transaction.commit()?;
                    } else {
                        transaction.rollback()?;
                    }
                    Ok(())
                })
                .await
                .unwrap();
            drop(store);
            let way = if committed { after(kind, to) } else { Some(OLD) };
            assert!(place.opens(way).await, "{kind:?} {to:?} {committed}");
            // And the next change clears up.
            let store = place.open(way).await.unwrap();
            store.rekey().await.unwrap();
            store.close().await;
            assert!(place.opens(way).await, "{kind:?} {to:?} {committed}");
        }
    }
}

#[tokio::test]
async fn another_handle_follows_or_is_locked() {
    for (kind, to) in WAYS {
        let place = Place::new(kind).await;
        let (store, daemon) = (place.open(Some(OLD)).await.unwrap(), place.open(Some(OLD)).await.unwrap());
        assert_eq!(bearer(&daemon, "openai", "a").await.unwrap(), "sk-a");
        store.rewrap(under(to)).await.unwrap();
        let key = AccountKey::new(ProviderId::from("openai"), AccountId::from("a"));
        if to == To::New {
            let error = daemon.credential(&key).await.unwrap_err();
            assert!(matches!(error, Error::Locked { .. }) && daemon.is_locked(), "{error}");
            daemon.unlock(Some(Secret::new(NEW))).await.unwrap();
        }
        let held = daemon.credential(&key).await.unwrap().unwrap();
        assert!(matches!(held, Credential::ApiKey(key) if key.expose() == "sk-a"), "{kind:?} {to:?}");
    }
}

#[tokio::test]
async fn a_key_file_that_two_databases_share_is_not_replaced() {
    let place = Place::new(Kind::File).await;
    let beside = Location::File(place.home.path().join("other.db"));
    let other = Store::open(OpenOptions { keyring: Arc::new(NoKeyring), ..OpenOptions::new(beside) });
    let other = other.await.unwrap();
    other.save(api_key("openai", "a", "sk-other")).await.unwrap();
    let store = place.open(None).await.unwrap();
    let error = store.rekey().await.unwrap_err();
    assert!(matches!(error, Error::KeyFileShared { .. }), "{error}");
    assert!(place.opens(None).await);
    // A passphrase for one of them leaves the file to the other, and it is shared again after.
    store.set_passphrase(Secret::new(NEW)).await.unwrap();
    assert_eq!(bearer(&other, "openai", "a").await.unwrap(), "sk-other");
    store.remove_passphrase().await.unwrap();
    store.close().await;
    assert!(place.opens(None).await);
    assert_eq!(bearer(&other, "openai", "a").await.unwrap(), "sk-other");
}

#[tokio::test]
async fn a_passphrase_can_be_set_before_there_is_anything_to_protect() {
    let home = Home::new();
    let store = home.store().await;
    store.set_passphrase(Secret::new(NEW)).await.unwrap();
    store.close().await;
    assert!(matches!(home.error().await, Error::PassphraseNeeded { .. }));
    let error = Store::open(home.with_passphrase(NEW)).await.unwrap().remove_passphrase().await;
    error.unwrap();
    let error = home.store().await.remove_passphrase().await.unwrap_err();
    assert!(matches!(error, Error::NoPassphrase { .. }), "{error}");
}

#[tokio::test]
async fn a_change_that_fails_changes_nothing() {
    let place = Place::new(Kind::Ring).await;
    let store = place.open(None).await.unwrap();
    place.keyring.lock(true);
    store.rekey().await.unwrap_err();
    // A passphrase can be set; the old key stays where nobody can reach it now, and that is said.
    let rewrapped = store.set_passphrase(Secret::new(NEW)).await.unwrap();
    assert!(matches!(rewrapped.left_behind, Some(Error::Keyring { .. })));
    place.keyring.lock(false);
    store.close().await;
    assert!(place.opens(Some(NEW)).await);

    let place = Place::new(Kind::File).await;
    place.home.sql("UPDATE account SET sealed = x'00' WHERE account = 'b'");
    let store = place.open(None).await.unwrap();
    let error = store.rekey().await.unwrap_err();
    assert!(matches!(error, Error::Sealed { .. }), "{error}");
    assert_eq!(bearer(&store, "openai", "a").await.unwrap(), "sk-a");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Any row of changes, some of them cut short, keeps everything.
    #[test]
    fn any_row_of_changes_keeps_everything(steps in prop::collection::vec((0usize..3, any::<bool>()), 1..5)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let place = Place::new(Kind::Pass).await;
            let mut way = Some(OLD);
            for (to, settled) in steps {
                let to = [To::Same, To::New, To::Without][to];
                let store = place.open(way).await.unwrap();
                if to == To::Without && store.protection() != Protection::Passphrase {
                    continue;
                }
                store
                    .worker
                    .run(move |database| {
                        let (transaction, keys) = database.write()?;
                        let change = Change::make(&transaction, keys, under(to))?;
                        transaction.commit()?;
                        if settled {
                            let (transaction, keys) = database.write()?;
                            change.settle(&transaction, keys);
                            transaction.commit()?;
                        }
                        Ok(())
                    })
                    .await
                    .unwrap();
                way = match to { To::Same => way, To::New => Some(NEW), To::Without => None };
                prop_assert!(place.opens(way).await);
            }
            Ok(())
        })?;
    }
}
