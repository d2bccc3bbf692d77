use byok_store::{Location, NoKeyring, OpenOptions};

use super::*;
use crate::input::InputError;

async fn in_memory() -> Vault {
    let store = Store::open(OpenOptions::new(Location::Memory)).await.unwrap();
    Vault::new(store).await.unwrap()
}

/// A vault on a file, as one of several processes would have it.
async fn in_file(directory: &std::path::Path) -> Vault {
    let options = OpenOptions {
        keyring: Arc::new(NoKeyring),
        ..OpenOptions::new(Location::File(directory.join("home").join("tokens.db")))
    };
    Vault::new(Store::open(options).await.unwrap()).await.unwrap()
}

fn openai(account: &str) -> AccountKey {
    AccountKey::new(ProviderId::from("openai"), AccountId::from(account))
}

async fn bearer(vault: &Vault, key: &AccountKey) -> Option<String> {
    match vault.credential(key).await {
        Ok(credential) => Some(credential.bearer().unwrap().expose().to_owned()),
        Err(AuthError::NotLoggedIn(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

async fn login(vault: &Vault, account: &str, secret: &str) {
    vault.login_with_key(&openai(account), Secret::new(secret), None).await.unwrap();
}

#[tokio::test]
async fn a_login_is_in_use_at_once_and_gone_after_a_logout() {
    let vault = in_memory().await;
    login(&vault, "work", " sk-1\n").await;
    login(&vault, "home", "sk-2").await;
    assert_eq!(bearer(&vault, &openai("work")).await.unwrap(), "sk-1");
    let openai_id = ProviderId::from("openai");
    assert_eq!(vault.accounts_of(&openai_id), [openai("work"), openai("home")]);
    assert_eq!(vault.accounts_of(&ProviderId::from("groq")), []);
    login(&vault, "work", "sk-3").await;
    assert_eq!(bearer(&vault, &openai("work")).await.unwrap(), "sk-3");
    assert_eq!(vault.accounts_of(&openai_id), [openai("work"), openai("home")]);

    assert!(vault.logout(&openai("work")).await.unwrap());
    assert!(!vault.logout(&openai("work")).await.unwrap());
    assert_eq!(bearer(&vault, &openai("work")).await, None);
    assert_eq!(vault.accounts_of(&openai_id), [openai("home")]);
}

#[tokio::test]
async fn keys_of_the_config_come_first_and_are_never_stored() {
    let vault = in_memory().await;
    login(&vault, "work", "sk-stored").await;
    let keys = |key: &str| [(ProviderId::from("openai"), Secret::new(key))];
    vault.set_configured(keys("sk-config")).unwrap();
    let openai_id = ProviderId::from("openai");
    assert_eq!(vault.accounts_of(&openai_id), [openai("config"), openai("work")]);
    assert_eq!(bearer(&vault, &openai("config")).await.unwrap(), "sk-config");
    assert_eq!(vault.0.store.accounts().await.unwrap().len(), 1);

    // A key that is none changes nothing.
    let error = vault.set_configured(keys("two words")).unwrap_err().to_string();
    assert!(error.contains("`openai`") && !error.contains("words"), "{error}");
    assert_eq!(bearer(&vault, &openai("config")).await.unwrap(), "sk-config");

    let taken = vault.login_with_key(&openai("config"), Secret::new("x"), None).await;
    assert!(matches!(taken, Err(AuthError::Configured(_))));
    assert!(matches!(vault.logout(&openai("config")).await, Err(AuthError::Configured(_))));
    vault.set_configured([]).unwrap();
    assert_eq!(vault.accounts_of(&openai_id), [openai("work")]);
    assert_eq!(bearer(&vault, &openai("config")).await, None);
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_before() {
    let vault = in_memory().await;
    let secret = || Secret::new("sk-1");
    for (key, secret, base_url, expected) in [
        (openai("work"), Secret::new(" "), None, InputError::Empty),
        (openai("a/b"), secret(), None, InputError::AccountName),
        (AccountKey::default_of(ProviderId::from("Open AI")), secret(), None, InputError::ProviderName),
        (openai("work"), secret(), Some("localhost"), InputError::BaseUrl),
    ] {
        match vault.login_with_key(&key, secret, base_url).await {
            Err(AuthError::Input { source, .. }) => assert_eq!(source, expected),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(vault.0.store.accounts().await.unwrap(), []);
}

#[tokio::test]
async fn a_login_of_another_process_is_found_when_it_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let (daemon, command) = (in_file(directory.path()).await, in_file(directory.path()).await);
    login(&command, "work", "sk-1").await;
    assert_eq!(bearer(&daemon, &openai("work")).await.unwrap(), "sk-1");
}

#[tokio::test]
async fn a_change_by_another_process_is_seen_within_two_seconds() {
    let directory = tempfile::tempdir().unwrap();
    let (daemon, command) = (in_file(directory.path()).await, in_file(directory.path()).await);
    login(&command, "work", "sk-1").await;
    let cancel = CancellationToken::new();
    let openai_id = ProviderId::from("openai");
    let follow = async {
        // None of these looks asks the store; only the watcher does.
        let until = async |expected: Option<&str>| {
            let seen = || {
                daemon.kept(&openai("work")).map(|held| held.credential.bearer().unwrap().expose().to_owned())
            };
            while seen().as_deref() != expected {
                tokio::task::yield_now().await;
            }
        };
        let two_seconds = Duration::from_secs(2);
        tokio::time::timeout(two_seconds, until(Some("sk-1"))).await.unwrap();
        assert_eq!(daemon.accounts_of(&openai_id), [openai("work")]);
        login(&command, "work", "sk-2").await;
        tokio::time::timeout(two_seconds, until(Some("sk-2"))).await.unwrap();
        command.logout(&openai("work")).await.unwrap();
        tokio::time::timeout(two_seconds, until(None)).await.unwrap();
        cancel.cancel();
    };
    tokio::join!(daemon.watch(cancel.clone()), follow);
}

#[tokio::test]
async fn the_hot_path_asks_the_store_nothing() {
    let vault = in_memory().await;
    login(&vault, "work", "sk-1").await;
    vault.0.store.close().await;
    assert_eq!(bearer(&vault, &openai("work")).await.unwrap(), "sk-1");
    let error = vault.credential(&openai("other")).await.unwrap_err();
    assert!(matches!(error, AuthError::Store(byok_store::Error::Closed)), "{error}");
}
