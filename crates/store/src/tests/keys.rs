//! The data key: where it comes from, that no other is taken in its stead, and when it goes.

use super::*;

const SECRET: &str = "sk-live-0123456789";

async fn save(store: &Store) {
    store.save(api_key("openai", "default", SECRET)).await.unwrap();
}

async fn opens(options: OpenOptions) -> bool {
    let store = Store::open(options).await.unwrap();
    bearer(&store, "openai", "default").await.as_deref() == Some(SECRET)
}

#[tokio::test]
async fn the_order_is_passphrase_keyring_key_file() {
    let keyring = Arc::new(FakeKeyring::default());
    let home = Home::new();
    let both = OpenOptions {
        keyring: Arc::clone(&keyring) as Arc<dyn Keyring>,
        ..home.with_passphrase("open sesame")
    };
    assert_eq!(Store::open(both).await.unwrap().protection(), Protection::Passphrase);
    // Nothing is protected yet, so nothing is decided.
    assert_eq!(Store::open(home.with_keyring(&keyring)).await.unwrap().protection(), Protection::Keyring);
    assert_eq!(home.store().await.protection(), Protection::KeyFile);
    assert!(!home.key().exists());
    assert!(keyring.entries.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_keyring_protects_and_nothing_else_is_taken_for_it() {
    let keyring = Arc::new(FakeKeyring::default());
    let home = Home::new();
    let store = Store::open(home.with_keyring(&keyring)).await.unwrap();
    save(&store).await;
    store.close().await;
    assert_eq!(home.names(), ["tokens.db"]);
    assert!(opens(home.with_keyring(&keyring)).await);
    // A passphrase does not matter to a store that has no use for one.
    let passphrase = OpenOptions { passphrase: Some(Secret::new("x")), ..home.with_keyring(&keyring) };
    assert!(opens(passphrase).await);

    assert!(matches!(home.error().await, Error::Keyring { .. }));
    keyring.lock(true);
    let error = Store::open(home.with_keyring(&keyring)).await.unwrap_err();
    assert!(matches!(error, Error::Keyring { .. }), "{error}");
    keyring.lock(false);
    let value = {
        let mut entries = keyring.entries.lock().unwrap();
        let name = entries.keys().next().unwrap().clone();
        (name.clone(), entries.remove(&name).unwrap())
    };
    let error = Store::open(home.with_keyring(&keyring)).await.unwrap_err();
    assert!(matches!(error, Error::KeyringEntryMissing { .. }), "{error}");
    let other = Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    keyring.entries.lock().unwrap().insert(value.0.clone(), other);
    let error = Store::open(home.with_keyring(&keyring)).await.unwrap_err();
    assert!(matches!(error, Error::WrongKey { .. }), "{error}");
    keyring.entries.lock().unwrap().insert(value.0, value.1);
    assert!(opens(home.with_keyring(&keyring)).await);
    assert!(!home.key().exists());
}

#[tokio::test]
async fn a_locked_keyring_lets_byok_start_and_refuses_the_first_secret() {
    let keyring = Arc::new(FakeKeyring::default());
    keyring.lock(true);
    let home = Home::new();
    let store = Store::open(home.with_keyring(&keyring)).await.unwrap();
    assert_eq!(store.protection(), Protection::Keyring);
    let error = store.save(api_key("openai", "default", SECRET)).await.unwrap_err();
    assert!(matches!(error, Error::Keyring { .. }), "{error}");
    assert_eq!(store.accounts().await.unwrap(), []);
    keyring.lock(false);
    save(&store).await;
    assert!(opens(home.with_keyring(&keyring)).await);
}

#[tokio::test]
async fn a_passphrase_opens_what_it_sealed() {
    let home = Home::new();
    let store = Store::open(home.with_passphrase("open sesame")).await.unwrap();
    save(&store).await;
    store.close().await;
    assert_eq!(home.names(), ["tokens.db"]);
    assert!(opens(home.with_passphrase("open sesame")).await);
    assert!(matches!(home.error().await, Error::PassphraseNeeded { .. }));
    let error = Store::open(home.with_passphrase("open barley")).await.unwrap_err();
    assert!(matches!(error, Error::WrongPassphrase { .. }), "{error}");
    // Asking for all memory is refused before it is tried.
    home.sql("UPDATE data_key SET memory_kib = 4000000000");
    let error = Store::open(home.with_passphrase("open sesame")).await.unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_key_file_that_is_missing_wrong_or_damaged_is_named() {
    let home = Home::new();
    save(&home.store().await).await;
    assert!(opens(home.options()).await);
    let good = std::fs::read(home.key()).unwrap();
    let place = |contents: &[u8]| {
        std::fs::remove_file(home.key()).unwrap();
        crate::files::write_new(&home.key(), contents).unwrap();
    };

    let elsewhere = Home::new();
    save(&elsewhere.store().await).await;
    place(&std::fs::read(elsewhere.key()).unwrap());
    let error = home.error().await;
    assert!(matches!(error, Error::WrongKey { .. }), "{error}");
    for damaged in
        [&b""[..], &good[..20], &good[..good.len() / 2], b"\xff\xff", &[b'x'; 5000], b"byok-data-key-1 AAAA"]
    {
        place(damaged);
        let error = home.error().await;
        assert!(matches!(error, Error::KeyFile { .. }), "{error}");
        assert!(error.to_string().contains(home.key().to_str().unwrap()), "{error}");
        assert_eq!(std::fs::read(home.key()).unwrap(), damaged);
    }
    std::fs::remove_file(home.key()).unwrap();
    assert!(matches!(home.error().await, Error::KeyFileMissing { .. }));
    std::fs::create_dir(home.key()).unwrap();
    assert!(matches!(home.error().await, Error::NotAFile { .. }));
    std::fs::remove_dir(home.key()).unwrap();
    crate::files::write_new(&home.key(), &good).unwrap();
    assert!(opens(home.options()).await);
}

#[tokio::test]
async fn the_key_goes_with_the_last_account_and_not_before() {
    let home = Home::new();
    let store = home.store().await;
    save(&store).await;
    store.save(api_key("openai", "second", "x")).await.unwrap();
    store.delete(&key("openai", "default")).await.unwrap();
    assert!(home.key().exists());
    store.delete(&key("openai", "second")).await.unwrap();
    assert!(!home.key().exists());
    save(&store).await;
    assert!(home.key().exists());

    let keyring = Arc::new(FakeKeyring::default());
    let home = Home::new();
    let store = Store::open(home.with_keyring(&keyring)).await.unwrap();
    save(&store).await;
    assert_eq!(keyring.entries.lock().unwrap().len(), 1);
    // A keyring that is locked meanwhile does not keep an account from being deleted.
    keyring.lock(true);
    assert!(store.delete(&key("openai", "default")).await.unwrap());
    keyring.lock(false);
    save(&store).await;
    store.delete(&key("openai", "default")).await.unwrap();
    assert!(keyring.entries.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_key_file_stays_while_another_database_may_need_it() {
    let home = Home::new();
    let store = home.store().await;
    save(&store).await;
    let beside = OpenOptions { location: Location::File(home.path().join("other.db")), ..home.options() };
    let other = Store::open(beside).await.unwrap();
    save(&other).await;
    store.delete(&key("openai", "default")).await.unwrap();
    assert_eq!(bearer(&other, "openai", "default").await.unwrap(), SECRET);
    assert!(home.key().exists());
}

#[tokio::test]
async fn a_process_killed_between_two_steps_leaves_a_store_that_opens() {
    // After the key was written and before the row was: the key is used again.
    let home = Home::new();
    save(&home.store().await).await;
    home.sql("DELETE FROM account; DELETE FROM data_key");
    let key_file = std::fs::read(home.key()).unwrap();
    save(&home.store().await).await;
    assert_eq!(std::fs::read(home.key()).unwrap(), key_file);
    assert!(opens(home.options()).await);
    // After the key was removed and before its record was.
    home.sql("DELETE FROM account");
    std::fs::remove_file(home.key()).unwrap();
    save(&home.store().await).await;
    assert!(opens(home.options()).await);
}

#[tokio::test]
async fn a_required_protection_is_had_or_nothing_is() {
    let home = Home::new();
    let require = |options: OpenOptions, protection| OpenOptions { require: Some(protection), ..options };
    let error = Store::open(require(home.options(), Protection::Keyring)).await.unwrap_err();
    assert!(matches!(error, Error::Keyring { .. }), "{error}");
    let error = Store::open(require(home.options(), Protection::Passphrase)).await.unwrap_err();
    assert!(matches!(error, Error::PassphraseNeeded { .. }), "{error}");
    let error = Store::open(require(home.options(), Protection::Memory)).await.unwrap_err();
    assert!(matches!(error, Error::ProtectionDiffers { .. }), "{error}");

    // A key file by choice, although there is a keyring.
    let keyring = Arc::new(FakeKeyring::default());
    let store = Store::open(require(home.with_keyring(&keyring), Protection::KeyFile)).await.unwrap();
    save(&store).await;
    store.close().await;
    assert!(keyring.entries.lock().unwrap().is_empty());
    let error = Store::open(require(home.with_keyring(&keyring), Protection::Keyring)).await.unwrap_err();
    assert!(matches!(error, Error::ProtectionDiffers { .. }), "{error}");
    // What was recorded holds, whatever would be chosen today.
    let store = Store::open(home.with_keyring(&keyring)).await.unwrap();
    assert_eq!(store.protection(), Protection::KeyFile);
}

#[tokio::test]
async fn a_passphrase_stays_in_force_when_the_last_account_goes() {
    let home = Home::new();
    let store = Store::open(home.with_passphrase("open sesame")).await.unwrap();
    let other = Store::open(home.with_passphrase("open sesame")).await.unwrap();
    save(&store).await;
    assert!(opens(home.with_passphrase("open sesame")).await);
    store.delete(&key("openai", "default")).await.unwrap();
    assert!(matches!(home.error().await, Error::PassphraseNeeded { .. }));
    save(&store).await;
    // The key is another one by now; what the passphrase gives is not.
    assert_eq!(bearer(&other, "openai", "default").await.unwrap(), SECRET);
}

#[tokio::test]
async fn a_store_without_its_passphrase_is_locked_and_lists_its_accounts() {
    let home = Home::new();
    save(&Store::open(home.with_passphrase("open sesame")).await.unwrap()).await;
    let options = || OpenOptions { may_be_locked: true, ..home.options() };
    let store = Store::open(options()).await.unwrap();
    assert!(store.is_locked());
    assert_eq!(store.accounts().await.unwrap().len(), 1);
    let openai = key("openai", "default");
    assert!(matches!(store.credential(&openai).await.unwrap_err(), Error::Locked { .. }));
    assert!(matches!(store.wallet().await.unwrap_err(), Error::Locked { .. }));
    let more = store.save(api_key("openai", "more", SECRET)).await.unwrap_err();
    assert!(matches!(more, Error::Locked { .. }), "{more}");
    let error = store.unlock(None).await.unwrap_err();
    assert!(matches!(error, Error::PassphraseNeeded { .. }), "{error}");
    let error = store.unlock(Some(Secret::new("open barley"))).await.unwrap_err();
    assert!(matches!(error, Error::WrongPassphrase { .. }) && store.is_locked(), "{error}");
    store.unlock(Some(Secret::new("open sesame"))).await.unwrap();
    assert!(!store.is_locked());
    assert_eq!(bearer(&store, "openai", "default").await.unwrap(), SECRET);

    // What is unlocked stays so when someone errs, and is locked by the person only.
    store.unlock(Some(Secret::new("open barley"))).await.unwrap_err();
    assert_eq!(bearer(&store, "openai", "default").await.unwrap(), SECRET);
    store.lock().await.unwrap();
    assert!(store.is_locked());
    assert!(matches!(store.credential(&openai).await.unwrap_err(), Error::Locked { .. }));
    assert!(store.delete(&openai).await.unwrap(), "forgetting takes no key");
}

#[tokio::test]
async fn locking_is_of_this_handle_and_unlocking_gets_a_key_that_lies_at_hand() {
    let home = Home::new();
    let (store, other) = (home.store().await, home.store().await);
    save(&store).await;
    store.lock().await.unwrap();
    assert!(matches!(store.wallet().await.unwrap_err(), Error::Locked { .. }));
    assert_eq!(bearer(&other, "openai", "default").await.unwrap(), SECRET);
    store.unlock(None).await.unwrap();
    assert_eq!(bearer(&store, "openai", "default").await.unwrap(), SECRET);
    let memory = Store::open(OpenOptions::new(Location::Memory)).await.unwrap();
    assert!(matches!(memory.lock().await.unwrap_err(), Error::InMemory));
    assert!(matches!(memory.rekey().await.unwrap_err(), Error::InMemory));
}

#[tokio::test]
async fn wrong_passphrases_make_the_next_one_wait_across_restarts() {
    let home = Home::new();
    save(&Store::open(home.with_passphrase("open sesame")).await.unwrap()).await;
    for _ in 0..5 {
        let error = Store::open(home.with_passphrase("open barley")).await.unwrap_err();
        assert!(matches!(error, Error::WrongPassphrase { .. }), "{error}");
    }
    for passphrase in ["open barley", "open sesame"] {
        let error = Store::open(home.with_passphrase(passphrase)).await.unwrap_err();
        assert!(matches!(error, Error::TooManyAttempts { failures: 5, .. }), "{error}");
        assert!(error.to_string().contains("60 s"), "{error}");
    }
    // No passphrase is no attempt.
    let looking = OpenOptions { may_be_locked: true, ..home.options() };
    let health = Store::open(looking).await.unwrap().health().await.unwrap();
    assert_eq!((health.failed_unlocks, health.broken), (5, None));
    assert!(health.wait.as_secs() > 50);

    home.sql("UPDATE wallet SET failed_at = failed_at - 60000");
    assert!(opens(home.with_passphrase("open sesame")).await);
    let store = Store::open(home.with_passphrase("open sesame")).await.unwrap();
    assert_eq!(store.health().await.unwrap().failed_unlocks, 0);
}
