use std::sync::Arc;

use byok_store::{Location, NoKeyring, OpenOptions, Store};
use byok_types::{AccountKey, ProviderId};

use super::*;

const PASSPHRASE: &str = "correct horse battery staple";

async fn vault(directory: &Path) -> Vault {
    let location = Location::File(directory.join("byok").join("tokens.db"));
    let passphrase = Some(Secret::new(PASSPHRASE));
    let keyring = Arc::new(NoKeyring);
    let store = Store::open(OpenOptions { passphrase, keyring, ..OpenOptions::new(location) }).await.unwrap();
    let vault = Vault::new(store).await.unwrap();
    let key = AccountKey::default_of(ProviderId::from("openai"));
    vault.login_with_key(&key, Secret::new("sk-0123456789abcdef"), None).await.unwrap();
    vault
}

/// Runs `asking`, which blocks, while the socket is answered.
async fn with<T: Send + 'static>(
    vault: &Vault,
    path: &Path,
    asking: impl FnOnce(&Path) -> T + Send + 'static,
) -> T {
    let control = Control::bind(path).unwrap();
    let end = CancellationToken::new();
    let socket = path.to_owned();
    let asked = tokio::task::spawn_blocking(move || asking(&socket));
    let ends = end.clone();
    let ((), outcome) = tokio::join!(control.run(vault.clone(), end), async move {
        let outcome = asked.await;
        ends.cancel();
        outcome
    });
    outcome.unwrap()
}

#[tokio::test]
async fn locks_and_unlocks_and_counts_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path()).await;
    let path = directory.path().join("s.sock");
    let said = with(&vault, &path, |path| {
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let wrong = Secret::new("not the passphrase");
        let first =
            (mode, state(path).unwrap().locked, lock(path).unwrap().locked, state(path).unwrap().locked);
        let refused = unlock(path, Some(&wrong)).unwrap_err().to_string();
        let missing = unlock(path, None).unwrap_err().to_string();
        (first, refused, missing, unlock(path, Some(&Secret::new(PASSPHRASE))).unwrap().locked)
    })
    .await;
    assert_eq!((said.0, said.3), ((0o600, false, true, true), false));
    assert!(said.1.contains("does not open") && said.2.contains("passphrase"), "{said:?}");
    assert!(!path.exists(), "the socket goes with its owner");
    assert!(!vault.is_locked() && vault.secrets().len() == 1);
}

#[tokio::test]
async fn garbage_is_answered_or_hung_up_on_and_does_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path()).await;
    let path = directory.path().join("s.sock");
    let answers = with(&vault, &path, |path| {
        let say = |bytes: &[u8]| {
            let mut stream = Caller::connect(path).unwrap();
            // It may have hung up before all of it was said.
            let _ = stream.write_all(bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        };
        [
            say(b"\n"),
            say(b"[]\n"),
            say(b"{\"do\":\"drop\"}\n"),
            say(b"\xff\xff\n"),
            say(b"{\"do\":\"lock\"}"),
            say(&vec![b'x'; 2 * LONGEST]),
            say(b""),
        ]
    })
    .await;
    for answer in &answers[..4] {
        assert!(answer.contains("\"ok\":false") && answer.ends_with('\n'), "{answers:?}");
    }
    // What is no whole line is no question.
    assert!(answers[4..].iter().all(String::is_empty), "{answers:?}");
    assert!(!vault.is_locked());
}

#[tokio::test]
async fn a_socket_that_was_left_behind_is_replaced_and_a_live_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(matches!(state(&path).unwrap_err(), ControlError::NotRunning));
    let first = Control::bind(&path).unwrap();
    assert_eq!(Control::bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    drop(first);
    // A file of the person's is not a socket, and stays.
    fs::write(&path, "mine").unwrap();
    Control::bind(&path).unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), b"mine");
}

#[test]
fn only_the_same_user_is_admitted() {
    assert!(admits(1000, 1000));
    assert!(!admits(1001, 1000) && !admits(0, 1000));
}
