//! Migrations, from a database that the first version wrote.

use std::path::Path;

use rusqlite::Connection;

use super::*;
use crate::database::Database;
use crate::files::Files;
use crate::{Location, NoKeyring, OpenOptions, Store};

/// A database and key file that format 1 was released with: one login of `codex`, one key of `openai`.
const DATABASE: &[u8] = include_bytes!("fixtures/v1/tokens.db");
const KEY: &[u8] = include_bytes!("fixtures/v1/key");

fn unpack() -> tempfile::TempDir {
    let home = crate::tests::closed_directory();
    files::write_new(&home.path().join("tokens.db"), DATABASE).unwrap();
    files::write_new(&home.path().join("key"), KEY).unwrap();
    home
}

fn options(home: &Path) -> OpenOptions {
    OpenOptions {
        keyring: std::sync::Arc::new(NoKeyring),
        ..OpenOptions::new(Location::File(home.join("tokens.db")))
    }
}

fn tables(connection: &Connection) -> Vec<String> {
    let mut statement =
        connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn the_first_migration_is_still_what_it_was() {
    let home = unpack();
    let shipped = Connection::open(home.path().join("tokens.db")).unwrap();
    let mut today = Connection::open_in_memory().unwrap();
    migrate(&mut today, &MIGRATIONS[..1]).unwrap();
    assert_eq!(tables(&shipped), tables(&today));
    assert_eq!(version(&shipped).unwrap(), 1);
}

#[tokio::test]
async fn a_database_of_the_first_format_opens_with_all_that_is_in_it() {
    let home = unpack();
    let store = Store::open(options(home.path())).await.unwrap();
    let wallet = store.wallet().await.unwrap();
    let secrets: Vec<_> = wallet
        .accounts
        .iter()
        .map(|held| {
            let secret = held.credential.as_ref().unwrap().bearer().unwrap();
            (held.account.key.to_string(), secret.expose().to_owned())
        })
        .collect();
    assert_eq!(
        secrets,
        [
            ("codex/default".to_owned(), "fixture-access".to_owned()),
            ("openai/work".to_owned(), "sk-fixture-0123456789".to_owned()),
        ]
    );
    for held in &wallet.accounts {
        let account = &held.account;
        assert_eq!((account.state, account.failures), (crate::AccountState::Ok, 0));
        assert_eq!((account.renewed_at, account.cut_off_at), (None, None));
    }
    // A login of that time is renewed like any other.
    let codex = &wallet.accounts[0];
    let Ok(byok_types::Credential::OAuth(from)) = &codex.credential else { panic!("no login") };
    let to = byok_types::TokenSet { access: byok_types::Secret::new("renewed"), ..from.clone() };
    let before = store.generation().await.unwrap();
    assert!(store.renew(&codex.account.key, from, to).await.unwrap());
    assert!(store.generation().await.unwrap() > before);
    assert_eq!(store.apps().await.unwrap().len(), 1);
    assert_eq!(store.usage(None).await.unwrap()[0].input_tokens, 10);
}

#[test]
fn a_migration_runs_once_and_the_file_is_copied_before() {
    let home = unpack();
    let path = home.path().join("tokens.db");
    let later =
        [MIGRATIONS[0], "ALTER TABLE app ADD COLUMN colour TEXT", "CREATE TABLE more (x TEXT) STRICT"];
    for _ in 0..2 {
        let files = Files::at(&path, true).unwrap();
        let database = Database::in_file(files, options(home.path()), &later).unwrap();
        assert_eq!(version(&database.connection).unwrap(), 3);
        let colours: i64 = database
            .connection
            .query_row("SELECT count(*) FROM app WHERE colour IS NULL", [], |row| row.get(0))
            .unwrap();
        assert_eq!(colours, 1);
    }
    let copy = Connection::open(home.path().join("tokens.db.v1")).unwrap();
    assert_eq!(version(&copy).unwrap(), 1);
    let accounts: i64 = copy.query_row("SELECT count(*) FROM account", [], |row| row.get(0)).unwrap();
    assert_eq!(accounts, 2);
    assert!(!home.path().join("tokens.db.v1-2").exists());
}

#[tokio::test]
async fn a_copy_opens_when_it_is_put_back() {
    let home = unpack();
    let path = home.path().join("tokens.db");
    let copy = back_up(&Connection::open(&path).unwrap(), &path).unwrap();
    std::fs::rename(copy, &path).unwrap();
    let store = Store::open(options(home.path())).await.unwrap();
    assert_eq!(store.wallet().await.unwrap().accounts.len(), 2);
}

#[test]
fn a_migration_that_fails_leaves_the_version_before_it() {
    let home = unpack();
    let path = home.path().join("tokens.db");
    let broken = [MIGRATIONS[0], "CREATE TABLE half (x TEXT) STRICT; INSERT INTO nowhere VALUES (1)"];
    let files = Files::at(&path, true).unwrap();
    assert!(Database::in_file(files, options(home.path()), &broken).is_err());
    let connection = Connection::open(&path).unwrap();
    assert_eq!(version(&connection).unwrap(), 1);
    assert!(!tables(&connection).iter().any(|sql| sql.contains("half")));
}
