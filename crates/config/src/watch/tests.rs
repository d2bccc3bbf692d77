//! Real files, a real watch. A test waits for what it expects on a channel; what must not be reported is shown
//! by the next report being that of a later save.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::sync::mpsc::{Receiver, channel};

use arc_swap::ArcSwap;
use tempfile::TempDir;

use super::*;

/// Longer than any machine should need; only a failing test waits so long.
const LONG: Duration = Duration::from_secs(30);

struct Watched {
    directory: TempDir,
    path: PathBuf,
    shared: Shared,
    reloads: Receiver<Reload>,
    watcher: Watcher,
}

impl Watched {
    fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.yaml");
        fs::write(&path, text).unwrap();
        Self::start(directory, path)
    }

    fn start(directory: TempDir, path: PathBuf) -> Self {
        let (config, text) = match load::load(&path) {
            Ok(loaded) => (loaded.config, Some(loaded.text)),
            Err(Error::Missing { .. }) => (Config::default(), None),
            Err(error) => panic!("{error}"),
        };
        let shared: Shared = Arc::new(ArcSwap::from_pointee(config));
        let (watcher, reloads) = watch(&path, text, &shared);
        Self { directory, path, shared, reloads, watcher }
    }

    fn next(&self) -> Reload {
        self.reloads.recv_timeout(LONG).unwrap()
    }

    fn applied(&self) {
        let reload = self.next();
        assert!(matches!(reload, Reload::Applied { .. }), "{reload:?}");
    }

    /// The reason why the config was kept.
    fn kept(&self) -> Error {
        match self.next() {
            Reload::Kept { error } => error,
            other => panic!("{other:?}"),
        }
    }

    fn save(&self, text: impl AsRef<[u8]>) {
        fs::write(&self.path, text).unwrap();
    }

    fn fast(&self) -> String {
        let config = self.shared.load();
        config.aliases.get("fast").cloned().unwrap_or_default()
    }

    /// Nothing more is reported but the save that this makes.
    fn nothing_else(self) {
        self.save("aliases: { fast: the-end }\n");
        self.applied();
        assert_eq!(self.fast(), "the-end");
        drop(self.watcher);
        assert!(self.reloads.try_recv().is_err());
    }
}

fn watch(path: &Path, text: Option<Secret>, shared: &Shared) -> (Watcher, Receiver<Reload>) {
    let (report, reloads) = channel();
    let watcher = Watcher::start(path, text, Arc::clone(shared), move |reload| {
        let _ = report.send(reload);
    });
    (watcher.unwrap(), reloads)
}

#[test]
fn a_file_written_in_place() {
    let watched = Watched::new("aliases: { fast: a }\n");
    let before = watched.shared.load_full();
    watched.save("aliases: { fast: b }\n");
    watched.applied();
    assert_eq!(watched.fast(), "b");
    assert_eq!(before.aliases["fast"], "a", "who holds a config keeps it");
    watched.nothing_else();
}

#[test]
fn a_file_truncated_and_then_written() {
    let watched = Watched::new("aliases: { fast: a }\n");
    let mut file = File::create(&watched.path).unwrap();
    file.sync_all().unwrap();
    file.write_all(b"aliases: { fa").unwrap();
    file.sync_all().unwrap();
    file.write_all(b"st: b }\n").unwrap();
    drop(file);
    watched.applied();
    assert_eq!(watched.fast(), "b");
    watched.nothing_else();
}

#[test]
fn a_file_renamed_over_the_old_one() {
    let watched = Watched::new("aliases: { fast: a }\n");
    for target in ["b", "c"] {
        let new = watched.directory.path().join(".config.yaml.swp");
        fs::write(&new, format!("aliases: {{ fast: {target} }}\n")).unwrap();
        fs::rename(&new, &watched.path).unwrap();
        watched.applied();
        assert_eq!(watched.fast(), target);
    }
    watched.nothing_else();
}

#[test]
fn a_file_that_is_gone_and_comes_back() {
    let watched = Watched::new("aliases: { fast: a }\n");
    fs::remove_file(&watched.path).unwrap();
    assert!(matches!(watched.kept(), Error::Missing { .. }));
    assert_eq!(watched.fast(), "a");
    watched.save("aliases: { fast: a }\n");
    assert!(matches!(watched.next(), Reload::Restored));
    watched.nothing_else();
}

#[test]
fn files_that_cannot_be_used_keep_the_config() {
    let watched = Watched::new("aliases: { fast: a }\n");
    watched.save("");
    assert!(matches!(watched.kept(), Error::Empty { .. }));
    watched.save("# nothing but a comment\n");
    assert!(matches!(watched.kept(), Error::Empty { .. }));
    watched.save("aliases: { fast: a\n");
    assert!(matches!(watched.kept(), Error::Invalid { .. }));
    watched.save("alias: { fast: b }\n");
    let error = watched.kept();
    assert!(error.to_string().contains("did you mean `aliases`"), "{error}");
    watched.save(b"\x7fELF\x02\x01\x01\x00\xff\xfe");
    assert!(matches!(watched.kept(), Error::NotText { .. }));
    watched.save("#".repeat(crate::MAX_FILE_BYTES + 1));
    assert!(matches!(watched.kept(), Error::TooLarge { .. }));
    fs::remove_file(&watched.path).unwrap();
    fs::create_dir(&watched.path).unwrap();
    assert!(matches!(watched.kept(), Error::NotAFile { .. }));
    fs::remove_dir(&watched.path).unwrap();
    assert!(matches!(watched.kept(), Error::Missing { .. }));
    assert_eq!(watched.fast(), "a");
    watched.nothing_else();
}

#[test]
fn reading_the_file_is_no_reason_to_reload() {
    let watched = Watched::new("aliases: { fast: a }\n");
    for _ in 0..50 {
        fs::read(&watched.path).unwrap();
    }
    watched.nothing_else();
}

#[test]
fn a_save_between_loading_and_watching_is_not_missed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    fs::write(&path, "aliases: { fast: a }\n").unwrap();
    let loaded = load::load(&path).unwrap();
    fs::write(&path, "aliases: { fast: b }\n").unwrap();
    let shared: Shared = Arc::new(ArcSwap::from_pointee(loaded.config));
    let (_watcher, reloads) = watch(&path, Some(loaded.text), &shared);
    let reload = reloads.recv_timeout(LONG).unwrap();
    assert!(matches!(reload, Reload::Applied { .. }), "{reload:?}");
    assert_eq!(shared.load().aliases["fast"], "b");
}

#[test]
fn a_file_may_come_later() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    let watched = Watched::start(directory, path);
    watched.save("aliases: { fast: a }\n");
    watched.applied();
    assert_eq!(watched.fast(), "a");
    watched.nothing_else();
}

#[test]
fn host_and_port_wait_for_a_restart() {
    let watched = Watched::new("aliases: { fast: a }\n");
    let restart = |watched: &Watched| match watched.next() {
        reload @ Reload::Applied { needs_restart, .. } => {
            assert_eq!(reload.to_string().contains("next start"), needs_restart);
            needs_restart
        }
        other => panic!("{other:?}"),
    };
    watched.save("port: 9000\naliases: { fast: b }\n");
    assert!(restart(&watched));
    assert_eq!(watched.fast(), "b");
    watched.save("port: 9000\naliases: { fast: c }\n");
    assert!(restart(&watched), "it still listens at the old port");
    watched.save("aliases: { fast: d }\n");
    assert!(!restart(&watched));
    watched.save("host: ::1\n");
    assert!(restart(&watched));
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_and_may_be_turned() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, target: &str| {
        let place = directory.path().join(name);
        fs::create_dir(&place).unwrap();
        let file = place.join("real.yaml");
        fs::write(&file, format!("aliases: {{ fast: {target} }}\n")).unwrap();
        file
    };
    let (one, two) = (file("one", "a"), file("two", "b"));
    let home = directory.path().join("home");
    fs::create_dir(&home).unwrap();
    let path = home.join("config.yaml");
    std::os::unix::fs::symlink(&one, &path).unwrap();
    let watched = Watched::start(directory, path);
    fs::write(&one, "aliases: { fast: c }\n").unwrap();
    watched.applied();
    assert_eq!(watched.fast(), "c");
    let link = home.join("new");
    std::os::unix::fs::symlink(&two, &link).unwrap();
    fs::rename(&link, &watched.path).unwrap();
    watched.applied();
    assert_eq!(watched.fast(), "b");
    fs::write(&two, "aliases: { fast: d }\n").unwrap();
    watched.applied();
    assert_eq!(watched.fast(), "d");
}

#[test]
fn a_directory_that_is_replaced_is_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("home");
    fs::create_dir(&home).unwrap();
    let path = home.join("config.yaml");
    fs::write(&path, "aliases: { fast: a }\n").unwrap();
    let watched = Watched::start(directory, path);
    fs::remove_dir_all(&home).unwrap();
    assert!(matches!(watched.kept(), Error::Missing { .. }));
    fs::create_dir(&home).unwrap();
    watched.save("aliases: { fast: b }\n");
    watched.applied();
    assert_eq!(watched.fast(), "b");
    watched.nothing_else();
}

#[test]
fn a_dropped_watcher_reports_nothing() {
    let watched = Watched::new("aliases: { fast: a }\n");
    drop(watched.watcher);
    fs::write(&watched.path, "aliases: { fast: b }\n").unwrap();
    // The reporting end went with the watcher, so nothing can come any more.
    assert!(watched.reloads.recv().is_err());
    assert_eq!(watched.shared.load().aliases["fast"], "a");
}

#[test]
fn a_directory_that_does_not_exist_cannot_be_watched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("none").join("config.yaml");
    let shared: Shared = Arc::default();
    let error = Watcher::start(&path, None, shared, |_| {}).unwrap_err();
    assert!(matches!(error, Error::Watch { .. }), "{error}");
}

#[test]
fn a_report_tells_all_causes() {
    let error = Error::Unreadable {
        file: PathBuf::from("config.yaml"),
        source: io::Error::other("the disk is on fire"),
    };
    insta::assert_snapshot!(
        Reload::Kept { error },
        @"the config from before stays in force: the config file config.yaml cannot be read: the disk is on fire"
    );
}
