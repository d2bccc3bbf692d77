//! Files are closed to others from the start, whatever the umask; lax ones are refused with the repair.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn files_are_created_closed() {
    let home = Home::new();
    let directory = home.path().join("a").join("b");
    let options = OpenOptions { location: Location::File(directory.join("tokens.db")), ..home.options() };
    let store = Store::open(options).await.unwrap();
    store.save(api_key("openai", "default", "sk-1")).await.unwrap();
    assert_eq!(mode(&home.path().join("a")), 0o700);
    assert_eq!(mode(&directory), 0o700);
    let mut files = Vec::new();
    for entry in fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        files.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    files.sort();
    assert_eq!(files, ["key", "tokens.db", "tokens.db-shm", "tokens.db-wal"]);
}

/// The umask is the whole process's, so the test above runs again in one that has none.
#[test]
fn files_are_created_closed_without_a_umask() {
    let output = Command::new("sh")
        .args(["-c", "umask 000 && exec \"$0\" --exact tests::modes::files_are_created_closed"])
        .arg(std::env::current_exe().unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
async fn lax_files_are_refused_with_the_command_that_closes_them() {
    let home = Home::new();
    let store = home.store().await;
    store.save(api_key("openai", "default", "sk-1")).await.unwrap();
    for (path, lax, closed) in [
        (home.path().to_owned(), 0o755, 0o700),
        (home.path().to_owned(), 0o710, 0o700),
        (home.database(), 0o644, 0o600),
        (home.database(), 0o602, 0o600),
        (home.path().join("tokens.db-wal"), 0o640, 0o600),
        (home.path().join("tokens.db-shm"), 0o640, 0o600),
        (home.key(), 0o604, 0o600),
    ] {
        chmod(&path, lax);
        let error = home.error().await;
        assert!(matches!(error, Error::LaxMode { .. }), "{error}");
        let repair = format!("chmod {closed:o} {}", fs::canonicalize(&path).unwrap().display());
        assert!(error.to_string().ends_with(&repair), "{error}");
        assert_eq!(mode(&path), lax, "byok changes no mode by itself");
        chmod(&path, closed);
    }
    home.store().await;
}

#[tokio::test]
async fn a_link_is_followed_and_what_it_leads_to_is_checked() {
    let (real, home) = (Home::new(), Home::new());
    let store = real.store().await;
    store.save(api_key("openai", "default", "sk-1")).await.unwrap();
    std::os::unix::fs::symlink(real.database(), home.database()).unwrap();
    assert_eq!(bearer(&home.store().await, "openai", "default").await.unwrap(), "sk-1");
    assert_eq!(home.names(), ["tokens.db"]);
    chmod(real.path(), 0o755);
    home.store().await;
    chmod(real.path(), 0o770);
    assert!(matches!(home.error().await, Error::SharedDirectory { .. }));
}

#[tokio::test]
async fn a_directory_that_is_not_byoks_may_be_looked_into_and_not_be_written_in() {
    let home = Home::new();
    let elsewhere = || OpenOptions { own_directory: false, ..home.options() };
    for readable in [0o755, 0o711, 0o750] {
        chmod(home.path(), readable);
        let store = Store::open(elsewhere()).await.unwrap();
        store.save(api_key("openai", "default", "sk-1")).await.unwrap();
        assert_eq!(bearer(&store, "openai", "default").await.unwrap(), "sk-1");
        for name in home.names() {
            assert_eq!(mode(&home.path().join(name)), 0o600);
        }
        assert!(matches!(home.error().await, Error::LaxMode { .. }), "byok's own must be closed");
    }
    for file in [home.database(), home.key()] {
        chmod(&file, 0o644);
        assert!(matches!(Store::open(elsewhere()).await.unwrap_err(), Error::LaxMode { .. }));
        chmod(&file, 0o600);
    }
    for mode in [0o775, 0o757, 0o1777] {
        chmod(home.path(), mode);
        let error = Store::open(elsewhere()).await.unwrap_err();
        let repair = format!("chmod go-w {}", fs::canonicalize(home.path()).unwrap().display());
        assert!(error.to_string().ends_with(&repair), "{error}");
    }
}

#[tokio::test]
async fn a_copy_made_before_a_migration_is_closed_too() {
    let home = Home::new();
    home.store().await.save(api_key("openai", "default", "sk-1")).await.unwrap();
    let connection = rusqlite::Connection::open(home.database()).unwrap();
    let copy = crate::schema::back_up(&connection, &home.database()).unwrap();
    assert_eq!(mode(&copy), 0o600);
}
