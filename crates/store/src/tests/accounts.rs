//! Accounts: what is stored comes back, stays where it belongs, and is seen by others.

use super::*;

#[tokio::test]
async fn what_is_stored_comes_back_after_a_restart() {
    let home = Home::new();
    let store = home.store().await;
    store.save(api_key("openai", "default", "sk-live-0123456789")).await.unwrap();
    store.save(login("codex", "work", "access-1", "refresh-1")).await.unwrap();
    store.close().await;
    assert!(matches!(store.accounts().await.unwrap_err(), Error::Closed));

    let store = home.store().await;
    let accounts = store.accounts().await.unwrap();
    let shown: Vec<_> = accounts
        .iter()
        .map(|account| {
            (account.key.to_string(), account.kind.name(), account.hint.as_deref(), account.label.as_deref())
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("openai/default".to_owned(), "api-key", Some("…6789"), None),
            ("codex/work".to_owned(), "oauth", None, Some("me@example.com")),
        ]
    );
    assert_eq!(bearer(&store, "openai", "default").await.unwrap(), "sk-live-0123456789");
    let Some(Credential::OAuth(tokens)) = store.credential(&key("codex", "work")).await.unwrap() else {
        panic!("no tokens");
    };
    assert_eq!(tokens.access.expose(), "access-1");
    assert_eq!(tokens.refresh.unwrap().expose(), "refresh-1");
    assert_eq!(tokens.expires_at, accounts[1].expires_at);
    assert_eq!(bearer(&store, "codex", "default").await, None);
}

#[tokio::test]
async fn a_store_in_memory_works_and_leaves_nothing() {
    let store = Store::open(OpenOptions::new(Location::from_argument(":memory:"))).await.unwrap();
    assert_eq!(store.protection(), Protection::Memory);
    store.save(api_key("openai", "default", "sk-1")).await.unwrap();
    assert_eq!(bearer(&store, "openai", "default").await.unwrap(), "sk-1");
    assert!(store.delete(&key("openai", "default")).await.unwrap());
    assert!(!store.delete(&key("openai", "default")).await.unwrap());
    store.save(api_key("openai", "default", "sk-2")).await.unwrap();
    assert_eq!(bearer(&store, "openai", "default").await.unwrap(), "sk-2");
}

#[tokio::test]
async fn saving_again_touches_that_account_only_and_keeps_its_place() {
    let home = Home::new();
    let store = home.store().await;
    for (account, secret) in [("a", "1"), ("b", "2"), ("c", "3")] {
        store.save(api_key("openai", account, secret)).await.unwrap();
    }
    store.note_error(&key("openai", "a"), "401".to_owned()).await.unwrap();
    store.note_error(&key("openai", "b"), "429".to_owned()).await.unwrap();
    store.save(api_key("openai", "a", "4")).await.unwrap();

    let accounts = store.accounts().await.unwrap();
    let names: Vec<_> = accounts.iter().map(|account| account.key.account.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(accounts[0].last_error, None);
    assert_eq!(accounts[1].last_error.as_deref(), Some("429"));
    assert_eq!(bearer(&store, "openai", "a").await.unwrap(), "4");
    assert_eq!(bearer(&store, "openai", "b").await.unwrap(), "2");
}

#[tokio::test]
async fn two_handles_see_each_others_changes() {
    let home = Home::new();
    let (one, other) = (home.store().await, home.store().await);
    let mut seen = other.generation().await.unwrap();
    let mut rises = async |what: &str| {
        let now = other.generation().await.unwrap();
        assert!(now > seen, "{what}");
        seen = now;
    };
    // The first secret makes the key, which the other handle has to find.
    one.save(api_key("openai", "default", "sk-1")).await.unwrap();
    rises("an insert").await;
    assert_eq!(bearer(&other, "openai", "default").await.unwrap(), "sk-1");
    one.save(api_key("openai", "default", "sk-2")).await.unwrap();
    rises("a replacement").await;
    assert_eq!(bearer(&other, "openai", "default").await.unwrap(), "sk-2");
    // The last one takes the key with it, and the next one makes another.
    one.delete(&key("openai", "default")).await.unwrap();
    rises("a deletion").await;
    assert_eq!(bearer(&other, "openai", "default").await, None);
    one.save(api_key("openai", "default", "sk-3")).await.unwrap();
    assert_eq!(bearer(&other, "openai", "default").await.unwrap(), "sk-3");
    other.save(api_key("openai", "second", "sk-4")).await.unwrap();
    assert_eq!(bearer(&one, "openai", "second").await.unwrap(), "sk-4");

    let before = one.generation().await.unwrap();
    one.accounts().await.unwrap();
    assert_eq!(one.generation().await.unwrap(), before, "reading is no change");
}

#[tokio::test]
async fn many_first_secrets_at_once_share_one_key() {
    let home = Home::new();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..8 {
        let options = home.options();
        tasks.spawn(async move {
            let store = Store::open(options).await.unwrap();
            store.save(api_key("openai", &format!("a{n}"), &format!("sk-{n}"))).await.unwrap();
        });
    }
    tasks.join_all().await;
    let wallet = home.store().await.wallet().await.unwrap();
    assert_eq!(wallet.accounts.len(), 8);
    for held in wallet.accounts {
        let secret = held.credential.unwrap();
        let expected = held.account.key.account.as_str().replace('a', "sk-");
        assert_eq!(secret.bearer().unwrap().expose(), expected);
    }
}

#[tokio::test]
async fn a_row_that_was_altered_does_not_open_and_the_others_do() {
    for altered in [
        "UPDATE account SET provider = 'evil' WHERE account = 'a'",
        "UPDATE account SET account = 'z' WHERE account = 'a'",
        "UPDATE account SET base_url = 'https://evil.example' WHERE account = 'a'",
        "UPDATE account SET base_url = NULL WHERE account = 'a'",
        "UPDATE account SET kind = 'oauth' WHERE account = 'a'",
        "UPDATE account SET kind = 'no such kind' WHERE account = 'a'",
        "UPDATE account SET sealed = (SELECT sealed FROM account WHERE account = 'b') WHERE account = 'a'",
        "UPDATE account SET sealed = x'' WHERE account = 'a'",
    ] {
        let home = Home::new();
        let store = home.store().await;
        let mut account = api_key("openai", "a", "sk-a");
        account.base_url = Some("https://one.example".to_owned());
        store.save(account).await.unwrap();
        store.save(api_key("openai", "b", "sk-b")).await.unwrap();
        home.sql(altered);

        assert_eq!(bearer(&store, "openai", "b").await.unwrap(), "sk-b");
        if altered.contains("no such kind") {
            store.wallet().await.unwrap_err();
            continue;
        }
        let wallet = store.wallet().await.unwrap();
        for held in wallet.accounts {
            let intact = held.account.key == key("openai", "b");
            assert_eq!(held.credential.is_ok(), intact, "{altered}");
            if let Err(error) = held.credential {
                assert!(matches!(error, Error::Sealed { .. }), "{altered}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn a_job_that_panics_ends_only_itself() {
    let home = Home::new();
    let store = home.store().await;
    store.save(api_key("openai", "a", "sk-a")).await.unwrap();
    let outcome = store
        .worker
        .run::<()>(|database| {
            let (transaction, _keys) = database.write()?;
            transaction.execute("DELETE FROM account", [])?;
            panic!("half-way");
        })
        .await;
    assert!(matches!(outcome, Err(Error::Panicked)));
    // What it had begun is undone, and the store goes on.
    assert_eq!(bearer(&store, "openai", "a").await.unwrap(), "sk-a");
    store.save(api_key("openai", "b", "sk-b")).await.unwrap();
}

#[tokio::test]
async fn a_job_whose_caller_left_is_done_all_the_same() {
    let home = Home::new();
    let store = home.store().await;
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel();
    let job = store.worker.run(move |database| {
        begun.send(()).unwrap();
        may_go_on.recv().unwrap();
        database.connection.execute("UPDATE store SET generation = 4711", [])?;
        Ok(())
    });
    let mut job = Box::pin(job);
    // Polled once, so handed over; then dropped.
    assert!(futures_poll(job.as_mut()).is_pending());
    has_begun.recv().unwrap();
    drop(job);
    go_on.send(()).unwrap();
    assert_eq!(store.generation().await.unwrap(), 4711);
}

fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test]
async fn the_preferred_account_comes_first_and_the_others_keep_their_order() {
    let home = Home::new();
    let store = home.store().await;
    for (provider, account) in [("openai", "a"), ("groq", "x"), ("openai", "b"), ("openai", "c")] {
        store.save(api_key(provider, account, "sk")).await.unwrap();
    }
    let order = async || -> Vec<String> {
        let accounts = store.accounts().await.unwrap();
        accounts.into_iter().map(|account| account.key.to_string()).collect()
    };
    for _twice in 0..2 {
        assert!(store.prefer(&key("openai", "c")).await.unwrap());
        let openai: Vec<_> = order().await.into_iter().filter(|key| key.starts_with("openai")).collect();
        assert_eq!(openai, ["openai/c", "openai/a", "openai/b"]);
    }
    assert!(store.prefer(&key("openai", "b")).await.unwrap());
    assert_eq!(order().await[0], "openai/b");
    assert!(!store.prefer(&key("openai", "none")).await.unwrap());
}

#[tokio::test]
async fn a_renamed_account_keeps_all_but_its_name() {
    let home = Home::new();
    let store = home.store().await;
    let mut account = login("codex", "default", "access-1", "refresh-1");
    account.base_url = Some("https://one.example".to_owned());
    store.save(account).await.unwrap();
    store.save(api_key("codex", "other", "sk")).await.unwrap();
    let before = store.accounts().await.unwrap().remove(0);
    assert!(store.rename(&key("codex", "default"), AccountId::from("work")).await.unwrap());
    let after = store.accounts().await.unwrap().remove(0);
    assert_eq!(after, crate::Account { key: key("codex", "work"), ..before });
    assert_eq!(bearer(&store, "codex", "work").await.unwrap(), "access-1");
    assert_eq!(bearer(&store, "codex", "default").await, None);
    let taken = store.rename(&key("codex", "work"), AccountId::from("other")).await.unwrap_err();
    assert!(matches!(taken, Error::NameTaken { .. }), "{taken}");
    assert!(!store.rename(&key("codex", "none"), AccountId::from("x")).await.unwrap());
}
