//! What the process asks of the system for itself: no memory on disk, no other process looking in, more
//! descriptors.
//!
//! All of it is best effort: where the system has no such thing, byok runs without.

/// Keeps secrets in memory from ending up in a core dump or in another process of the same person. To be
/// called before any secret is read.
#[cfg(unix)]
pub(crate) fn seal_memory() {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Raises the number of files and sockets that may be open to what the system allows.
#[cfg(unix)]
pub(crate) fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let now = getrlimit(Resource::Nofile);
    if now.current == now.maximum {
        return;
    }
    // macOS names no limit as the maximum and then refuses it; 10240 is what it takes.
    let wanted = if cfg!(target_vendor = "apple") {
        now.maximum.map_or(10_240, |most| most.min(10_240)).max(now.current.unwrap_or(0))
    } else {
        now.maximum.unwrap_or(1_048_576)
    };
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: now.maximum });
}

/// Nothing to ask for here.
#[cfg(not(unix))]
pub(crate) fn seal_memory() {}

/// Nothing to ask for here.
#[cfg(not(unix))]
pub(crate) fn raise_descriptors() {}
