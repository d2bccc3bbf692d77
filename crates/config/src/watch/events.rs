//! Which directories are watched, and which of their events are a reason to look at the file.
//!
//! The config file may be a link, as it is in collections of dotfiles and where a cluster mounts it; then the
//! directory of its target is watched too, and follows when the link is turned elsewhere.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

use arc_swap::ArcSwap;
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::error::Error;

/// The watched directories of one config file.
pub(super) struct Directories {
    system: RecommendedWatcher,
    path: PathBuf,
    filter: Arc<Filter>,
    /// Whether every directory that should be watched is.
    complete: bool,
}

impl Directories {
    /// Watches the directories of `path`, which is absolute. What is worth a look is sent to `wake`.
    pub(super) fn watch(path: &Path, wake: SyncSender<()>) -> Result<Self, Error> {
        let filter = Arc::new(Filter {
            name: path.file_name().unwrap_or_default().to_owned(),
            scope: ArcSwap::default(),
            lost: AtomicBool::new(false),
        });
        let for_events = Arc::clone(&filter);
        let heard = move |event: notify::Result<Event>| {
            // An error is a reason too: what was missed is unknown.
            if event.map_or(true, |event| for_events.passes(&event)) {
                // Full means that a reason to look waits already.
                let _ = wake.try_send(());
            }
        };
        let failed = |source| Error::Watch { directory: directory(path).to_owned(), source };
        let system = notify::recommended_watcher(heard).map_err(failed)?;
        let mut directories = Self { system, path: path.to_owned(), filter, complete: false };
        match directories.refresh() {
            Ok(()) => Ok(directories),
            Err(source) => Err(failed(source)),
        }
    }

    /// Whether the next change will be heard of.
    pub(super) fn all_watched(&self) -> bool {
        self.complete
    }

    /// Watches what should be watched by now: links may have been turned, directories replaced.
    pub(super) fn follow(&mut self) {
        let before = self.complete;
        match self.refresh() {
            Ok(()) if !before => tracing::info!(
                directory = %directory(&self.path).display(),
                "changes of the config are noticed again"
            ),
            Err(error) if before => tracing::warn!(
                directory = %directory(&self.path).display(),
                %error,
                "changes of the config cannot be watched for now"
            ),
            Ok(()) | Err(_) => {}
        }
    }

    fn refresh(&mut self) -> notify::Result<()> {
        self.complete = false;
        let mut watched = self.filter.scope.load().directories.clone();
        if self.filter.lost.swap(false, Ordering::AcqRel) {
            // The name may be taken again by another directory, which nobody watches yet.
            for directory in std::mem::take(&mut watched) {
                let _ = self.system.unwatch(&directory);
            }
        }
        let own = fs::canonicalize(directory(&self.path)).map_err(notify::Error::io);
        let target = fs::canonicalize(&self.path).ok();
        let straight = |own: &Path| own.join(&self.filter.name);
        let is_link = match (&own, &target) {
            (Ok(own), Some(target)) => *target != straight(own),
            _ => false,
        };
        let wanted: BTreeSet<PathBuf> = own
            .as_ref()
            .ok()
            .cloned()
            .into_iter()
            .chain(target.as_deref().map(directory).map(Path::to_owned))
            .collect();
        for directory in watched.difference(&wanted) {
            let _ = self.system.unwatch(directory);
        }
        watched.retain(|directory| wanted.contains(directory));
        let mut result = own.map(|_| ());
        for directory in wanted {
            if watched.contains(&directory) {
                continue;
            }
            match self.system.watch(&directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    watched.insert(directory);
                }
                Err(error) => result = Err(error),
            }
        }
        self.filter.scope.store(Arc::new(Scope { directories: watched, is_link }));
        self.complete = result.is_ok();
        result
    }
}

/// The directory that a file is in.
fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Tells the events that concern the file from the many others of its directory: the wallet, which is
/// written all the time, is its neighbour.
struct Filter {
    /// The name of the file.
    name: OsString,
    scope: ArcSwap<Scope>,
    /// Whether a watched directory was moved or removed.
    lost: AtomicBool,
}

#[derive(Default)]
struct Scope {
    directories: BTreeSet<PathBuf>,
    /// Whether the file is a link, so that an event with any name may change what it leads to.
    is_link: bool,
}

impl Filter {
    fn passes(&self, event: &Event) -> bool {
        if event.need_rescan() {
            return true;
        }
        // That a file was opened or read, by us for one, says nothing about its text.
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        if event.kind.is_access() && event.kind != closed {
            return false;
        }
        let scope = self.scope.load();
        let gone = matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)));
        if gone && event.paths.iter().any(|path| scope.directories.contains(path)) {
            self.lost.store(true, Ordering::Release);
            return true;
        }
        scope.is_link
            || event.paths.is_empty()
            || event.paths.iter().any(|path| path.file_name() == Some(&self.name))
    }
}

#[cfg(test)]
mod tests;
