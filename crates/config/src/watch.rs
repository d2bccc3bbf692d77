//! Follows the config file and swaps the config in force when a save is complete and sound.
//!
//! The directory is watched, not the file: editors save by renaming a new file over the old one. What the
//! system reports is only a reason to look; what counts is whether the text differs from the one last
//! seen, so one save is one reload however many events it makes. A file that is broken, empty, binary or gone
//! keeps the config in force. Nothing here touches running requests: they hold the config they began with.

mod events;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{error, fmt};

use byok_types::Secret;

use crate::error::Error;
use crate::load::{self, Warning};
use crate::model::Config;
use crate::{Shared, read};
use events::Directories;

/// How long the directory must be quiet before a save counts as complete.
const QUIET: Duration = Duration::from_millis(150);

/// After this long we look all the same, so that a directory that is never quiet cannot hold a save back.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a directory that has gone is looked for.
const RETRY: Duration = Duration::from_secs(2);

/// What became of a change of the file.
#[derive(Debug)]
pub enum Reload {
    /// The new config is in force.
    Applied {
        /// What the person should know about it.
        warnings: Vec<Warning>,
        /// Whether `host` or `port` differ from those at the start; they take effect at the next one.
        needs_restart: bool,
    },
    /// The config in force stays.
    Kept {
        /// Why the file cannot be used.
        error: Error,
    },
    /// After a [`Reload::Kept`], the file again holds the config in force.
    Restored,
}

/// One text for the log, with all causes.
impl fmt::Display for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied { needs_restart: false, .. } => f.write_str("the saved config is in force"),
            Self::Applied { needs_restart: true, .. } => f.write_str(
                "the saved config is in force, except host and port: they take effect at the next start",
            ),
            Self::Kept { error } => {
                write!(f, "the config from before stays in force: {error}")?;
                let mut cause = error::Error::source(error);
                while let Some(error) = cause {
                    write!(f, ": {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
            Self::Restored => f.write_str("the config file again holds the config in force"),
        }
    }
}

/// Watches one config file for as long as it lives.
///
/// Dropping it ends the watch, and waits for a call of `on_change` that is under way.
#[derive(Debug)]
pub struct Watcher {
    stop: Arc<AtomicBool>,
    wake: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts to watch `path`. `loaded_text` is what [`crate::load()`] read there, or `None` if there was no
    /// file; `shared` holds the config of that text. `on_change` is called, on a thread of its own, after
    /// each change of the file; it should be quick and must not panic, as that would end the watch.
    pub fn start(
        path: &Path,
        loaded_text: impl Into<Option<Secret>>,
        shared: Shared,
        on_change: impl Fn(Reload) + Send + 'static,
    ) -> Result<Self, Error> {
        // A relative path would be another one after a change of the working directory.
        let path = std::path::absolute(path)
            .map_err(|source| Error::Unreadable { file: path.to_owned(), source })?;
        // One place is enough: a reason to look that waits stands for all that come after it.
        let (wake, reasons) = sync_channel(1);
        let directories = Directories::watch(&path, wake.clone())?;
        let directory = path.parent().unwrap_or(&path).to_owned();
        let stop = Arc::new(AtomicBool::new(false));
        let started_with = {
            let config = shared.load();
            (config.host, config.port)
        };
        let follower = Follower {
            started_with,
            in_force: loaded_text.into(),
            refused: None,
            path,
            directories,
            reasons,
            stop: Arc::clone(&stop),
            shared,
            on_change,
        };
        // The file may have been saved after it was loaded and before it was watched.
        let _ = wake.try_send(());
        let thread = thread::Builder::new()
            .name("config".to_owned())
            .spawn(move || follower.run())
            .map_err(|source| Error::Watch { directory, source: notify::Error::io(source) })?;
        Ok(Self { stop, wake, thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Full means that the thread has a reason to look already, and looks at `stop` first.
        let _ = self.wake.try_send(());
        if let Some(thread) = self.thread.take()
            // `on_change` may own the watcher and drop it.
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

/// The thread's side of a [`Watcher`].
struct Follower<F> {
    path: PathBuf,
    directories: Directories,
    reasons: Receiver<()>,
    stop: Arc<AtomicBool>,
    shared: Shared,
    on_change: F,
    /// Where byok listens.
    started_with: (IpAddr, u16),
    /// The text of the config in force; `None` if there was no file.
    in_force: Option<Secret>,
    /// What was last refused and reported, if nothing was applied since.
    refused: Option<Refused>,
}

/// A state of the file that was reported as unusable.
struct Refused {
    /// Its text, if it has one.
    text: Option<Secret>,
    /// The words of the error. They count, as what is behind it (a permission, a missing file) can change
    /// without the text.
    words: String,
}

impl Refused {
    fn is(&self, text: Option<&Secret>, error: &Error) -> bool {
        self.text.as_ref().map(Secret::expose) == text.map(Secret::expose) && self.words == error.to_string()
    }
}

/// What a look at the file found.
enum Found {
    Broken {
        text: Option<Secret>,
        error: Error,
    },
    /// The text that is in force.
    Same,
    Sound {
        text: Secret,
        document: Box<read::Document>,
    },
}

impl<F: Fn(Reload)> Follower<F> {
    fn run(mut self) {
        while self.wait() && self.settle() {
            self.directories.follow();
            let mut found = self.look();
            // It may be half-written by someone slow; a broken file gets a second look.
            if matches!(found, Found::Broken { .. }) {
                if !self.settle() {
                    return;
                }
                found = self.look();
            }
            if self.stopped() {
                return;
            }
            if let Some(reload) = self.conclude(found) {
                (self.on_change)(reload);
            }
        }
    }

    /// Waits for a reason to look; `false` when it is time to end.
    fn wait(&self) -> bool {
        let heard = if self.directories.all_watched() {
            self.reasons.recv().is_ok()
        } else {
            self.reasons.recv_timeout(RETRY) != Err(RecvTimeoutError::Disconnected)
        };
        heard && !self.stopped()
    }

    /// Waits until the directory is quiet; `false` when it is time to end.
    fn settle(&self) -> bool {
        let end = Instant::now() + PATIENCE;
        while !self.stopped() && Instant::now() < end {
            match self.reasons.recv_timeout(QUIET) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        !self.stopped()
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn look(&self) -> Found {
        let text = match load::text(&self.path) {
            Ok(text) => Secret::new(text),
            Err(Error::Missing { .. }) if self.in_force.is_none() => return Found::Same,
            Err(error) => return Found::Broken { text: None, error },
        };
        if self.in_force.as_ref().map(Secret::expose) == Some(text.expose()) {
            return Found::Same;
        }
        let error = match load::document(&self.path, text.expose()) {
            Ok(Some(document)) => {
                return Found::Sound { text, document: Box::new(document) };
            }
            Ok(None) => Error::Empty { file: self.path.clone() },
            Err(error) => error,
        };
        Found::Broken { text: Some(text), error }
    }

    /// Puts what was found in force, or not, and tells what there is to tell.
    fn conclude(&mut self, found: Found) -> Option<Reload> {
        match found {
            Found::Same => self.refused.take().map(|_| Reload::Restored),
            Found::Broken { text, error } => {
                let known = self.refused.as_ref();
                if known.is_some_and(|refused| refused.is(text.as_ref(), &error)) {
                    return None;
                }
                self.refused = Some(Refused { text, words: error.to_string() });
                Some(Reload::Kept { error })
            }
            Found::Sound { text, document } => {
                let warnings = load::warnings(&self.path, &document);
                let config: Config = document.config;
                let needs_restart = (config.host, config.port) != self.started_with;
                self.shared.store(Arc::new(config));
                self.in_force = Some(text);
                self.refused = None;
                Some(Reload::Applied { warnings, needs_restart })
            }
        }
    }
}

#[cfg(test)]
mod tests;
