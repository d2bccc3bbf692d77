use std::sync::mpsc::channel;
use std::time::Duration;

use notify::event::{CreateKind, DataChange, Flag, MetadataKind, RemoveKind, RenameMode};

use super::*;

fn filter(is_link: bool) -> Filter {
    let scope = Scope { directories: BTreeSet::from([PathBuf::from("/home/me/.byok")]), is_link };
    Filter {
        name: OsString::from("config.yaml"),
        scope: ArcSwap::from_pointee(scope),
        lost: AtomicBool::new(false),
    }
}

fn event(kind: EventKind, name: &str) -> Event {
    Event::new(kind).add_path(Path::new("/home/me/.byok").join(name))
}

const WRITTEN: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));

#[test]
fn what_can_change_the_text_passes() {
    for kind in [
        WRITTEN,
        EventKind::Any,
        EventKind::Create(CreateKind::File),
        EventKind::Remove(RemoveKind::File),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)),
        EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)),
        EventKind::Access(AccessKind::Close(AccessMode::Write)),
    ] {
        assert!(filter(false).passes(&event(kind, "config.yaml")), "{kind:?}");
    }
}

#[test]
fn reading_does_not_pass() {
    for kind in [
        AccessKind::Any,
        AccessKind::Read,
        AccessKind::Open(AccessMode::Any),
        AccessKind::Open(AccessMode::Read),
        AccessKind::Close(AccessMode::Read),
    ] {
        let event = event(EventKind::Access(kind), "config.yaml");
        assert!(!filter(false).passes(&event), "{kind:?}");
        assert!(!filter(true).passes(&event), "{kind:?}");
    }
}

#[test]
fn the_neighbours_do_not_pass_unless_the_file_is_a_link() {
    for name in ["tokens.db", "tokens.db-wal", "config.yaml~", "key"] {
        assert!(!filter(false).passes(&event(WRITTEN, name)), "{name}");
    }
    assert!(filter(true).passes(&event(WRITTEN, "..data")));
}

#[test]
fn missed_events_pass() {
    assert!(filter(false).passes(&Event::new(EventKind::Other).set_flag(Flag::Rescan)));
    assert!(filter(false).passes(&Event::new(WRITTEN)));
}

#[test]
fn a_directory_that_goes_is_noted() {
    let filter = filter(false);
    assert!(filter.passes(&event(EventKind::Remove(RemoveKind::Folder), "")));
    assert!(filter.lost.load(Ordering::Acquire));
}

/// The loop that a watcher falls into when its own reading wakes it, on the real system.
#[test]
fn our_own_reading_wakes_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    let mark = directory.path().join("mark");
    fs::write(&path, "port: 8018\n").unwrap();
    let (report, events) = channel();
    let mut system = notify::recommended_watcher(move |event| {
        let _ = report.send(event);
    })
    .unwrap();
    system.watch(directory.path(), RecursiveMode::NonRecursive).unwrap();
    for _ in 0..10 {
        crate::load::text(&path).unwrap();
    }
    fs::write(&mark, "x").unwrap();
    let filter = filter(false);
    loop {
        let event: Event = events.recv_timeout(Duration::from_secs(30)).unwrap().unwrap();
        if event.paths.iter().any(|path| path.ends_with("mark")) {
            break;
        }
        assert!(!filter.passes(&event), "{event:?}");
    }
}
