//! How another `byok` command of the same person reaches the running one: a socket beside the wallet.
//!
//! Nothing that changes the wallet can be reached over TCP, where every web page and every user of the
//! machine could try. A Unix socket is a file that only its owner may open (0600), and whoever connects is
//! asked of the system: another user is turned away, root included.
//!
//! One connection is one question and one answer, each a line of JSON of at most 16 KiB:
//!
//! ```text
//! {"do":"lock"}   {"do":"status"}   {"do":"unlock","passphrase":"…"}
//! {"ok":true,"locked":false}        {"ok":false,"error":"…"}
//! ```

use std::path::{Path, PathBuf};

use byok_store::Location;

/// Why the running byok could not be asked.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(unix), allow(dead_code, reason = "what only a socket can tell is never told without one"))]
pub(crate) enum ControlError {
    /// It said no.
    #[error("{0}")]
    Refused(String),
    /// Nobody listens at the socket.
    #[error("byok does not run with this wallet")]
    NotRunning,
    /// Someone listens, and does not answer as byok does.
    #[error("the running byok does not answer at {path}: {why}")]
    Silent { path: PathBuf, why: String },
    /// There is no such socket on this system.
    #[error("a running byok can be locked and unlocked on Unix only; stop it instead, and start it again")]
    #[cfg(not(unix))]
    NotHere,
}

/// What a running byok says about its wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code, reason = "nobody answers without a socket"))]
pub(crate) struct State {
    pub(crate) locked: bool,
}

/// Where the socket of a wallet is; none for one in memory.
pub(crate) fn socket(location: &Location) -> Option<PathBuf> {
    let path = location.path()?;
    // SQLite's files have the name of the real database, and so has this one.
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    Some(beside(&real))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sock");
    PathBuf::from(name)
}

#[cfg(unix)]
pub(crate) use unix::{Control, lock, state, unlock};

#[cfg(unix)]
mod unix {
    use std::fs::{self, Permissions};
    use std::io::{self, BufRead, BufReader, Read, Write};
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    use std::os::unix::net::UnixStream as Caller;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use byok_auth::Vault;
    use byok_types::Secret;
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{UnixListener, UnixStream};
    use tokio::task::JoinSet;
    use tokio_util::sync::CancellationToken;
    use zeroize::Zeroizing;

    use super::{ControlError, State};

    /// The longest question and answer, in bytes. A passphrase has at most 8 KiB.
    const LONGEST: usize = 16 * 1024;
    /// How many may ask at the same time.
    const CALLERS: usize = 4;
    /// How long one may take to ask. Stretching a passphrase on a busy machine is not in this.
    const ASKING: Duration = Duration::from_secs(5);
    /// How long an answer may take.
    const ANSWERING: Duration = Duration::from_secs(60);

    /// The listening end.
    #[derive(Debug)]
    pub(crate) struct Control {
        listener: UnixListener,
        path: PathBuf,
    }

    impl Control {
        /// Makes the socket. One that a killed process left behind is replaced, one that answers is not.
        pub(crate) fn bind(path: &Path) -> io::Result<Self> {
            if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
                if Caller::connect(path).is_ok() {
                    return Err(io::Error::new(io::ErrorKind::AddrInUse, "another byok serves this wallet"));
                }
                fs::remove_file(path)?;
            }
            let listener = UnixListener::bind(path)?;
            // Before that, the peer's uid is what keeps others out.
            fs::set_permissions(path, Permissions::from_mode(0o600))?;
            Ok(Self { listener, path: path.to_owned() })
        }

        /// Answers until `end` is cancelled.
        pub(crate) async fn run(self, vault: Vault, end: CancellationToken) {
            let mut callers = JoinSet::new();
            loop {
                tokio::select! {
                    () = end.cancelled() => return,
                    Some(_gone) = callers.join_next() => {}
                    accepted = self.listener.accept(), if callers.len() < CALLERS => match accepted {
                        Ok((stream, _)) => {
                            let vault = vault.clone();
                            callers.spawn(async move { answer(stream, &vault).await });
                        }
                        Err(error) => {
                            tracing::warn!(%error, "the control socket fails");
                            tokio::time::sleep(Duration::from_secs(1)).await;
                        }
                    }
                }
            }
        }
    }

    impl Drop for Control {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Whether a peer may ask: the person who runs this byok, and nobody else.
    fn admits(peer: u32, own: u32) -> bool {
        peer == own
    }

    async fn answer(mut stream: UnixStream, vault: &Vault) {
        let own = rustix::process::geteuid().as_raw();
        if !stream.peer_cred().is_ok_and(|peer| admits(peer.uid(), own)) {
            tracing::warn!("another user tried the control socket");
            return;
        }
        let Ok(Some(question)) = tokio::time::timeout(ASKING, read_line(&mut stream)).await else {
            return;
        };
        let mut text = respond(&question, vault).await.to_string();
        text.push('\n');
        let _ = stream.write_all(text.as_bytes()).await;
    }

    /// A line, without its end; `None` for one that is too long or breaks off.
    async fn read_line(stream: &mut UnixStream) -> Option<Zeroizing<Vec<u8>>> {
        let mut line = Zeroizing::new(vec![0; LONGEST]);
        let mut filled = 0;
        while filled < LONGEST {
            let count = stream.read(&mut line[filled..]).await.ok().filter(|count| *count > 0)?;
            filled += count;
            if let Some(end) = line[..filled].iter().position(|byte| *byte == b'\n') {
                line.truncate(end);
                return Some(line);
            }
        }
        None
    }

    async fn respond(question: &[u8], vault: &Vault) -> Value {
        let refused = |why: String| json!({"ok": false, "error": why});
        let Ok(Value::Object(mut question)) = serde_json::from_slice(question) else {
            return refused("the question is no JSON object".to_owned());
        };
        // Moved, not copied: the text is wiped with the secret.
        let passphrase = match question.remove("passphrase") {
            Some(Value::String(passphrase)) => Some(Secret::new(passphrase)),
            _ => None,
        };
        let done = match question.get("do").and_then(Value::as_str) {
            Some("lock") => vault.lock().await,
            Some("status") => Ok(()),
            Some("unlock") => vault.unlock(passphrase).await,
            _ => return refused("this version of byok does not know that question".to_owned()),
        };
        match done {
            Ok(()) => {
                let locked = vault.is_locked();
                if question["do"] != "status" {
                    tracing::info!(locked, "the wallet was {}", if locked { "locked" } else { "unlocked" });
                }
                json!({"ok": true, "locked": locked})
            }
            Err(error) => {
                tracing::warn!(%error, "the wallet was not unlocked");
                refused(error.to_string())
            }
        }
    }

    /// Asks the running byok to forget all credentials.
    pub(crate) fn lock(socket: &Path) -> Result<State, ControlError> {
        ask(socket, &Zeroizing::new(json!({"do": "lock"}).to_string()))
    }

    /// Asks the running byok how its wallet is.
    pub(crate) fn state(socket: &Path) -> Result<State, ControlError> {
        ask(socket, &Zeroizing::new(json!({"do": "status"}).to_string()))
    }

    /// Gives the passphrase to the running byok.
    pub(crate) fn unlock(socket: &Path, passphrase: Option<&Secret>) -> Result<State, ControlError> {
        let mut question = Zeroizing::new(String::with_capacity(LONGEST));
        question.push_str(r#"{"do":"unlock""#);
        if let Some(passphrase) = passphrase {
            let text = Zeroizing::new(serde_json::to_string(passphrase.expose()).unwrap_or_default());
            question.push_str(r#","passphrase":"#);
            question.push_str(&text);
        }
        question.push('}');
        ask(socket, &question)
    }

    fn ask(socket: &Path, question: &str) -> Result<State, ControlError> {
        let silent = |why: String| ControlError::Silent { path: socket.to_owned(), why };
        let mut stream = match Caller::connect(socket) {
            Ok(stream) => stream,
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                return Err(ControlError::NotRunning);
            }
            Err(error) => return Err(silent(error.to_string())),
        };
        let mut exchange = || -> io::Result<String> {
            stream.set_read_timeout(Some(ANSWERING))?;
            stream.set_write_timeout(Some(ASKING))?;
            stream.write_all(question.as_bytes())?;
            stream.write_all(b"\n")?;
            let mut line = String::new();
            BufReader::new(&stream).take(LONGEST as u64).read_line(&mut line)?;
            Ok(line)
        };
        let line = exchange().map_err(|error| silent(error.to_string()))?;
        let value: Value = serde_json::from_str(&line).map_err(|_broken| silent("it hung up".to_owned()))?;
        if value["ok"] == true {
            return Ok(State { locked: value["locked"] == true });
        }
        let why = value["error"].as_str().unwrap_or("it gave no reason").to_owned();
        Err(ControlError::Refused(why))
    }

    #[cfg(test)]
    mod tests;
}

#[cfg(not(unix))]
pub(crate) use elsewhere::{lock, state, unlock};

#[cfg(not(unix))]
mod elsewhere {
    use std::path::Path;

    use byok_types::Secret;

    use super::{ControlError, State};

    pub(crate) fn lock(_socket: &Path) -> Result<State, ControlError> {
        Err(ControlError::NotHere)
    }

    pub(crate) fn state(_socket: &Path) -> Result<State, ControlError> {
        Err(ControlError::NotHere)
    }

    pub(crate) fn unlock(_socket: &Path, _passphrase: Option<&Secret>) -> Result<State, ControlError> {
        Err(ControlError::NotHere)
    }
}
