//! No byte of a secret in any file, in any of the shapes that a search would look for.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::*;

/// The ways in which `secret` could stand in a file.
fn shapes(secret: &str) -> Vec<Vec<u8>> {
    let hex = |upper: bool| -> String {
        let digits = |b: u8| if upper { format!("{b:02X}") } else { format!("{b:02x}") };
        secret.bytes().map(digits).collect()
    };
    let mut shapes = vec![
        secret.as_bytes().to_vec(),
        hex(false).into_bytes(),
        hex(true).into_bytes(),
        secret.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        secret.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ];
    // Base64 depends on where in a group of three the secret begins; its ends mix with what is around it.
    for skipped in 0..3 {
        let inner = &secret.as_bytes()[skipped..];
        let inner = &inner[..inner.len() / 3 * 3];
        shapes.push(STANDARD_NO_PAD.encode(inner).into_bytes());
        shapes.push(URL_SAFE_NO_PAD.encode(inner).into_bytes());
    }
    shapes
}

fn assert_clean(home: &Home, secrets: &[&str], when: &str) {
    let names = home.names();
    assert!(names.contains(&"tokens.db".to_owned()));
    for name in names {
        let bytes = std::fs::read(home.path().join(&name)).unwrap();
        for secret in secrets {
            for shape in shapes(secret) {
                let found = bytes.windows(shape.len()).any(|window| window == shape);
                assert!(!found, "{name} holds a secret {when}");
            }
        }
    }
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let home = Home::new();
    let secret = "sk-live-abcdefghijklmnop";
    let wrapped = STANDARD_NO_PAD.encode(format!("{{\"key\":\"{secret}\"}}"));
    std::fs::write(home.database(), wrapped).unwrap();
    let found = std::panic::catch_unwind(|| assert_clean(&home, &[secret], "for once"));
    assert!(found.is_err());
}

#[tokio::test]
async fn no_file_holds_a_byte_of_a_secret() {
    let access = "eyJhbGciOiJSUzI1NiJ9.access-0123456789-abcdefghijklmnop";
    let refresh = "refresh-9876543210-zyxwvutsrqponmlkj";
    let api = "sk-live-qwertyuiopasdfghjklzxcvbnm0123456789";
    let passphrase = "correct horse battery staple";
    let secrets = [access, refresh, api, passphrase];
    for options in [Home::options as fn(&Home) -> OpenOptions, |home| {
        home.with_passphrase("correct horse battery staple")
    }] {
        let home = Home::new();
        let store = Store::open(options(&home)).await.unwrap();
        store.save(login("codex", "default", access, refresh)).await.unwrap();
        store.save(api_key("openai", "default", api)).await.unwrap();
        store.save(login("codex", "default", access, refresh)).await.unwrap();
        assert_clean(&home, &secrets, "while running");
        store.delete(&key("openai", "default")).await.unwrap();
        assert_clean(&home, &secrets, "after a deletion");
        store.close().await;
        assert_clean(&home, &secrets, "after a close");
        let debug = format!("{store:?}");
        assert!(secrets.iter().all(|secret| !debug.contains(secret)));
    }
}

#[tokio::test]
async fn a_deleted_row_leaves_no_bytes() {
    let home = Home::new();
    let store = home.store().await;
    store.save(api_key("openai", "a", "sk-a")).await.unwrap();
    let mut labelled = api_key("openai", "b", "sk-b");
    labelled.label = Some("marker-of-the-deleted-row".to_owned());
    store.save(labelled).await.unwrap();
    store.delete(&key("openai", "b")).await.unwrap();
    store.close().await;
    assert_clean(&home, &["marker-of-the-deleted-row"], "after its row was deleted");
}

/// What was sealed goes too, and at once: a key that turns up later must have nothing left to open.
#[tokio::test]
async fn a_deleted_account_leaves_no_sealed_bytes_while_byok_runs() {
    let home = Home::new();
    let store = home.store().await;
    store.save(api_key("openai", "stays", "sk-stays")).await.unwrap();
    store.save(login("codex", "goes", "access", "refresh")).await.unwrap();
    let sealed: Vec<u8> = rusqlite::Connection::open(home.database())
        .unwrap()
        .query_row("SELECT sealed FROM account WHERE account = 'goes'", [], |row| row.get(0))
        .unwrap();
    let found = || {
        home.names().into_iter().any(|name| {
            let bytes = std::fs::read(home.path().join(name)).unwrap();
            bytes.windows(16).any(|window| window == &sealed[30..46])
        })
    };
    assert!(found(), "the test finds what it looks for");
    store.delete(&key("codex", "goes")).await.unwrap();
    assert!(!found());
    assert_eq!(bearer(&store, "openai", "stays").await.unwrap(), "sk-stays");
}
