//! Exports: all comes back elsewhere, nothing opens without the passphrase, nothing here is overwritten.

use std::time::{Duration, UNIX_EPOCH};

use byok_types::{Detail, Details, TokenSet};
use proptest::prelude::*;

use super::*;
use crate::tests::{Home, api_key, bearer, login};

const PASSPHRASE: &str = "a passphrase for the way";

fn app(id: &str, digest: u8) -> App {
    App {
        id: AppId::from(id),
        digest: [digest; 32],
        hint: "…beef".to_owned(),
        created_at: UNIX_EPOCH + Duration::from_secs(1),
        expires_at: Some(UNIX_EPOCH + Duration::from_secs(2)),
        revoked_at: None,
    }
}

async fn full(home: &Home) -> Store {
    let store = home.store().await;
    let mut first = api_key("openai", "work", "sk-live-0123456789");
    first.base_url = Some("https://gateway.example/v1".to_owned());
    first.label = Some("at work".to_owned());
    store.save(first).await.unwrap();
    let mut second = login("codex", "default", "access-1", "refresh-1");
    let Credential::OAuth(tokens) = &mut second.credential else { panic!("tokens") };
    tokens.details.set(Detail::Flow, "device");
    tokens.details.set(Detail::ClientSecret, "client-secret-1");
    store.save(second).await.unwrap();
    store.save_app(app("cursor", 7)).await.unwrap();
    store
}

async fn exported(store: &Store) -> Vec<u8> {
    let (file, accounts, apps) = store.export(Secret::new(PASSPHRASE)).await.unwrap();
    assert_eq!((accounts, apps), (2, 1));
    file
}

fn opened(file: &[u8]) -> Contents {
    Contents::open(file, &Secret::new(PASSPHRASE)).unwrap()
}

#[tokio::test]
async fn everything_comes_back_on_another_machine() {
    let (here, there) = (Home::new(), Home::new());
    let file = exported(&full(&here).await).await;
    let store = there.store().await;
    let imported = store.import(opened(&file), Merge::Beside).await.unwrap();
    assert!(imported.accounts.iter().all(|placed| matches!(placed, Placed::Added(_))), "{imported:?}");
    let accounts = store.accounts().await.unwrap();
    assert_eq!(accounts[0].label.as_deref(), Some("at work"));
    assert_eq!(accounts[0].base_url.as_deref(), Some("https://gateway.example/v1"));
    assert_eq!(
        (accounts[1].label.as_deref(), accounts[1].flow.as_deref()),
        (Some("me@example.com"), Some("device"))
    );
    assert_eq!(bearer(&store, "openai", "work").await.unwrap(), "sk-live-0123456789");
    let Some(Credential::OAuth(tokens)) = store.credential(&accounts[1].key).await.unwrap() else {
        panic!("tokens")
    };
    assert_eq!(tokens.refresh.unwrap().expose(), "refresh-1");
    assert_eq!(tokens.details.get(Detail::ClientSecret), Some("client-secret-1"));
    assert_eq!(store.apps().await.unwrap(), [app("cursor", 7)]);
    // The same again changes nothing.
    let again = store.import(opened(&file), Merge::Beside).await.unwrap();
    assert!(again.accounts.iter().all(|placed| matches!(placed, Placed::Known(_))), "{again:?}");
    assert!(matches!(&again.apps[..], [Placed::Known(_)]));
    assert_eq!(store.accounts().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_here_is_never_overwritten_unless_all_of_it_goes() {
    let (here, there) = (Home::new(), Home::new());
    let file = exported(&full(&here).await).await;
    let store = there.store().await;
    store.save(api_key("openai", "work", "sk-mine")).await.unwrap();
    store.save(api_key("openai", "work-2", "sk-mine-too")).await.unwrap();
    store.save_app(app("cursor", 9)).await.unwrap();
    let imported = store.import(opened(&file), Merge::Beside).await.unwrap();
    let Placed::Renamed { to, .. } = &imported.accounts[0] else { panic!("{imported:?}") };
    assert_eq!(to.to_string(), "openai/work-3");
    assert_eq!(bearer(&store, "openai", "work").await.unwrap(), "sk-mine");
    assert_eq!(bearer(&store, "openai", "work-3").await.unwrap(), "sk-live-0123456789");
    assert_eq!(store.apps().await.unwrap(), [app("cursor", 9), app("cursor-2", 7)]);

    let imported = store.import(opened(&file), Merge::Instead).await.unwrap();
    assert_eq!(imported.removed, 4);
    assert_eq!(bearer(&store, "openai", "work").await.unwrap(), "sk-live-0123456789");
    assert_eq!(store.accounts().await.unwrap().len(), 2);
    assert_eq!(store.apps().await.unwrap(), [app("cursor", 7)]);
}

#[tokio::test]
async fn a_file_opens_with_its_passphrase_and_unchanged_only() {
    let home = Home::new();
    let file = exported(&full(&home).await).await;
    for secret in ["sk-live", "refresh-1", "openai", "cursor", PASSPHRASE] {
        assert!(!file.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
    let wrong = Contents::open(&file, &Secret::new("another passphrase")).unwrap_err();
    let closed = |changed: &[u8]| Contents::open(changed, &Secret::new(PASSPHRASE)).unwrap_err();
    let mut last = file.clone();
    *last.last_mut().unwrap() ^= 1;
    let mut salt = file.clone();
    salt[9] ^= 1;
    for error in [wrong, closed(&last), closed(&salt), closed(&file[..file.len() - 1])] {
        assert_eq!(error.to_string(), Error::ExportClosed.to_string());
    }
    let number = |at: usize, number: u32| {
        let mut changed = file.clone();
        changed[at..at + 4].copy_from_slice(&number.to_be_bytes());
        changed
    };
    // Neither is tried: these would take all memory, years, and no time at all.
    for changed in
        [number(25, u32::MAX), number(29, u32::MAX), number(33, u32::MAX), number(25, 8), number(29, 0)]
    {
        assert!(matches!(closed(&changed), Error::ExportClosed));
    }
    let mut newer = file.clone();
    newer[8] = 2;
    assert!(matches!(closed(&newer), Error::ExportNewer { found: 2 }));
    for other in [&b""[..], b"{}", &file[..HEADER - 1], b"SQLite format 3\0 and more than a header of bytes"]
    {
        assert!(matches!(closed(other), Error::NotAnExport));
    }
    assert!(matches!(closed(&vec![0; MAX_EXPORT + 1]), Error::ExportTooLarge));
}

#[tokio::test]
async fn an_account_that_is_being_renewed_is_neither_renamed_nor_replaced_nor_locked_away() {
    let home = Home::new();
    let store = full(&home).await;
    let file = exported(&store).await;
    let codex = AccountKey::new(ProviderId::from("codex"), AccountId::from("default"));
    assert!(store.acquire_lease(&codex, "me", Duration::from_secs(60), SystemTime::now()).await.unwrap());
    let renamed = store.rename(&codex, AccountId::from("mine")).await.unwrap_err();
    assert!(matches!(renamed, Error::InUse { .. }), "{renamed}");
    let locked = store.lock().await.unwrap_err();
    assert!(matches!(locked, Error::InUse { .. }), "{locked}");
    let replaced = store.import(opened(&file), Merge::Instead).await.unwrap_err();
    assert!(matches!(replaced, Error::InUse { .. }), "{replaced}");
    assert_eq!(store.accounts().await.unwrap().len(), 2);
    store.release_lease(&codex, "me").await.unwrap();
    assert!(store.rename(&codex, AccountId::from("mine")).await.unwrap());
}

fn credential() -> impl Strategy<Value = Credential> {
    let key = any::<String>().prop_map(|key| Credential::ApiKey(Secret::new(key)));
    let tokens = (any::<String>(), any::<Option<String>>(), any::<Option<u32>>(), any::<Option<String>>());
    let tokens = tokens.prop_map(|(access, refresh, ms, project)| {
        let mut details = Details::default();
        if let Some(project) = project {
            details.set(Detail::Project, project);
        }
        Credential::OAuth(TokenSet {
            access: Secret::new(access),
            refresh: refresh.map(Secret::new),
            expires_at: ms.map(|ms| time::from_ms(i64::from(ms))),
            label: None,
            details,
        })
    });
    prop_oneof![key, tokens, Just(Credential::None)]
}

proptest! {
    #[test]
    fn contents_come_back(accounts in prop::collection::vec((any::<String>(), any::<String>(), credential(), any::<Option<String>>(), any::<Option<String>>()), 0..4), apps in prop::collection::vec((any::<String>(), any::<[u8; 32]>(), any::<Option<u32>>()), 0..3)) {
        let contents = Contents {
            exported_at: time::from_ms(1_700_000_000_000),
            accounts: accounts.into_iter().map(|(provider, account, credential, label, base_url)| NewAccount {
                key: AccountKey::new(ProviderId::new(provider), AccountId::new(account)),
                credential, label, base_url,
            }).collect(),
            apps: apps.into_iter().map(|(id, digest, ms)| App {
                digest, revoked_at: ms.map(|ms| time::from_ms(i64::from(ms))), ..app(&id, 0)
            }).collect(),
        };
        let bytes = contents.write().unwrap();
        prop_assert!(bytes.len() < bytes.capacity(), "no copy was left behind by growing");
        let back = Contents::read(&bytes).unwrap();
        prop_assert_eq!(&*back.write().unwrap(), &*bytes);
        prop_assert_eq!(back.apps, contents.apps);
        for (one, other) in contents.accounts.iter().zip(&back.accounts) {
            prop_assert_eq!(&one.key, &other.key);
            prop_assert_eq!((&one.label, &one.base_url), (&other.label, &other.base_url));
            prop_assert!(is_same(&one.credential, &other.credential));
        }
    }

    #[test]
    fn garbage_is_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), magic in any::<bool>()) {
        let mut file = if magic { [&MAGIC[..], &[VERSION]].concat() } else { Vec::new() };
        file.extend_from_slice(&bytes);
        let _ = Envelope::read(&file);
        prop_assert!(Contents::read(&bytes).is_none());
    }

    #[test]
    fn near_json_is_an_error_and_no_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = br#"{"exported_at":1,"accounts":[{"provider":"p","account":"a","kind":"oauth","credential":{"access":"x","expires_at":5}}],"apps":[{"id":"i","digest":"AAAA","hint":"h","created_at":1}]}"#.to_vec();
        let at = at.index(text.len());
        text[at] = byte;
        let _ = Contents::read(&text);
    }
}
