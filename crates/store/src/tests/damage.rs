//! Files that are not as they should be: one clear error, and not a byte changed.

use std::fs;

use proptest::prelude::*;

use super::*;

/// A store with one account, closed.
async fn filled() -> Home {
    let home = Home::new();
    let store = home.store().await;
    store.save(api_key("openai", "default", "sk-1")).await.unwrap();
    store.close().await;
    home
}

/// Puts `bytes` in the place of the database, closed to others.
fn place(home: &Home, bytes: &[u8]) {
    let _ = fs::remove_file(home.database());
    crate::files::write_new(&home.database(), bytes).unwrap();
}

/// Opening fails, names the file and leaves the directory as it is.
async fn refuses(home: &Home) -> Error {
    let files = || -> Vec<_> {
        let read = |name: String| (fs::read(home.path().join(&name)).ok(), name);
        home.names().into_iter().map(read).collect()
    };
    let before = files();
    let error = home.error().await;
    // SQLite may put its empty log and its index beside a file that it looked into.
    let after: Vec<_> = files()
        .into_iter()
        .filter(|(bytes, name)| {
            before.iter().any(|(_, known)| known == name)
                || !(name.ends_with("-shm") || bytes.as_deref() == Some(b""))
        })
        .collect();
    assert_eq!(before, after, "{error}");
    let text = error.to_string();
    assert!(text.contains("tokens.db") && !text.contains('\n'), "{text}");
    error
}

#[tokio::test]
async fn an_empty_file_is_refused() {
    let home = filled().await;
    place(&home, b"");
    assert!(matches!(refuses(&home).await, Error::Empty { .. }));
}

#[tokio::test]
async fn every_cut_is_refused() {
    let home = filled().await;
    let whole = fs::read(home.database()).unwrap();
    for length in
        [1, 15, 16, 99, 100, 511, 512, 4095, 4096, 8192, whole.len() / 2, whole.len() - 4096, whole.len() - 1]
    {
        place(&home, &whole[..length]);
        let error = refuses(&home).await;
        assert!(matches!(error, Error::Truncated { .. }), "{length}: {error}");
    }
    place(&home, &whole);
    assert_eq!(bearer(&home.store().await, "openai", "default").await.unwrap(), "sk-1");
}

#[tokio::test]
async fn other_files_are_refused() {
    let home = Home::new();
    place(&home, b"port: 8018\n");
    assert!(matches!(refuses(&home).await, Error::NotADatabase { .. }));

    fs::remove_file(home.database()).unwrap();
    home.sql("CREATE TABLE theirs (x)");
    restrict(&home.database());
    assert!(matches!(refuses(&home).await, Error::Foreign { .. }));

    fs::remove_file(home.database()).unwrap();
    fs::create_dir(home.database()).unwrap();
    assert!(matches!(home.error().await, Error::NotAFile { .. }));
}

#[tokio::test]
async fn a_later_format_is_refused() {
    let home = filled().await;
    home.sql("PRAGMA user_version = 999");
    assert!(matches!(refuses(&home).await, Error::Newer { found: 999, .. }));
}

#[tokio::test]
async fn a_log_without_its_database_is_refused() {
    let home = Home::new();
    let log = home.path().join("tokens.db-wal");
    crate::files::write_new(&log, b"what is left").unwrap();
    assert!(matches!(refuses(&home).await, Error::StrayLog { .. }));
    assert_eq!(home.names(), ["tokens.db-wal"]);
}

#[tokio::test]
async fn a_log_that_is_garbage_is_ignored() {
    for garbage in [b"x".to_vec(), vec![0; 5000], vec![0xff; 70_000]] {
        let home = filled().await;
        crate::files::write_new(&home.path().join("tokens.db-wal"), &garbage).unwrap();
        assert_eq!(bearer(&home.store().await, "openai", "default").await.unwrap(), "sk-1");
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let home = Home::new();
    fs::write(home.path().join("file"), b"").unwrap();
    let below = home.path().join("file").join("tokens.db");
    let options = |path: PathBuf| OpenOptions { location: Location::File(path), ..home.options() };
    let error = Store::open(options(below)).await.unwrap_err().to_string();
    assert!(error.contains("create the directory") && error.contains("file"), "{error}");
    let error = Store::open(options(PathBuf::from("/"))).await.unwrap_err();
    assert!(matches!(error, Error::NotAFile { .. }), "{error}");
    #[cfg(target_os = "linux")]
    {
        let error =
            Store::open(options(PathBuf::from("/proc/byok/tokens.db"))).await.unwrap_err().to_string();
        assert!(error.contains("/proc/byok"), "{error}");
    }
}

#[tokio::test]
async fn a_draft_that_a_killed_process_left_is_in_nobodys_way() {
    let home = Home::new();
    let draft = home.path().join("tokens.db.new-0123456789abcdef");
    crate::files::write_new(&draft, b"SQLite format 3\0 and no more").unwrap();
    let store = home.store().await;
    store.save(api_key("openai", "default", "sk-1")).await.unwrap();
    store.delete(&key("openai", "default")).await.unwrap();
    assert!(!home.key().exists());
}

fn restrict(path: &Path) {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    #[cfg(not(unix))]
    let _ = path;
}

/// A database with one account and nothing open, as bytes, with its key file.
fn specimen() -> &'static (Vec<u8>, Vec<u8>) {
    static SPECIMEN: std::sync::OnceLock<(Vec<u8>, Vec<u8>)> = std::sync::OnceLock::new();
    SPECIMEN.get_or_init(|| {
        block_on(async {
            let home = filled().await;
            (fs::read(home.database()).unwrap(), fs::read(home.key()).unwrap())
        })
    })
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_is_refused_and_left_alone(
        head in prop_oneof![Just(0), Just(16), Just(100), Just(4096)],
        tail in prop::collection::vec(any::<u8>(), 1..9000),
    ) {
        let (database, key_file) = specimen();
        let home = Home::new();
        crate::files::write_new(&home.key(), key_file).unwrap();
        let bytes = [&database[..head], &tail].concat();
        place(&home, &bytes);
        block_on(refuses(&home));
    }

    /// Where one byte is changed, the store says so or still gives exactly what was stored.
    #[test]
    fn a_changed_byte_is_noticed_or_does_not_matter(at in any::<prop::sample::Index>(), bits in 1u8..=255) {
        let (database, key_file) = specimen();
        let home = Home::new();
        crate::files::write_new(&home.key(), key_file).unwrap();
        let mut bytes = database.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        place(&home, &bytes);
        block_on(async {
            let Ok(store) = Store::open(home.options()).await else {
                assert_eq!(fs::read(home.database()).unwrap(), bytes);
                return;
            };
            if let Ok(Some(credential)) = store.credential(&key("openai", "default")).await {
                assert_eq!(credential.bearer().unwrap().expose(), "sk-1");
            }
        });
    }
}
