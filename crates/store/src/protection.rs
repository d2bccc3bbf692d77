//! What stands between a thief of the files and the secrets in them.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// Where the key comes from that the secrets are sealed with. Shown by `byok login` before anything is
/// stored, and by `byok status` for as long as it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protection {
    /// A file beside the database. It keeps other users out, not whoever has the disk or a backup of it.
    KeyFile,
    /// The keyring of the operating system.
    Keyring,
    /// Nothing is written to a disk; all is gone when the process ends.
    Memory,
    /// A passphrase that is not on this machine.
    Passphrase,
}

impl Protection {
    /// All of them, in alphabetical order.
    const ALL: [Self; 4] = [Self::KeyFile, Self::Keyring, Self::Memory, Self::Passphrase];

    /// The name in the database, in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::KeyFile => "key-file",
            Self::Keyring => "keyring",
            Self::Memory => "memory",
            Self::Passphrase => "passphrase",
        }
    }

    /// Whether someone with all the files, and nothing else, stays without the secrets.
    pub fn survives_theft(self) -> bool {
        match self {
            Self::KeyFile => false,
            Self::Keyring | Self::Memory | Self::Passphrase => true,
        }
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyFile => "a key file",
            Self::Keyring => "the OS keyring",
            Self::Memory => "memory only",
            Self::Passphrase => "a passphrase",
        })
    }
}

impl FromStr for Protection {
    type Err = UnknownProtection;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|protection| protection.name() == text)
            .ok_or_else(|| UnknownProtection(text.to_owned()))
    }
}

/// The text names no protection.
#[derive(Debug, thiserror::Error)]
#[error("unknown protection `{0}`: it is one of keyring, passphrase, key-file, memory")]
pub struct UnknownProtection(String);

/// What the store's thread knows about its key and every handle may read: how it is protected, and whether
/// it is at hand.
#[derive(Debug)]
pub(crate) struct Shown {
    protection: AtomicU8,
    locked: AtomicBool,
}

impl Shown {
    pub(crate) fn new(protection: Protection, locked: bool) -> Self {
        Self { protection: AtomicU8::new(protection as u8), locked: AtomicBool::new(locked) }
    }

    pub(crate) fn protect(&self, protection: Protection) {
        self.protection.store(protection as u8, Ordering::Release);
    }

    pub(crate) fn protection(&self) -> Protection {
        let stored = self.protection.load(Ordering::Acquire);
        Protection::ALL
            .into_iter()
            .find(|protection| *protection as u8 == stored)
            .unwrap_or(Protection::KeyFile)
    }

    pub(crate) fn lock(&self, locked: bool) {
        self.locked.store(locked, Ordering::Release);
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.locked.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protection_reads_its_own_name_and_is_shared_unchanged() {
        for protection in Protection::ALL {
            assert_eq!(protection.name().parse::<Protection>().unwrap(), protection);
            assert_eq!(Shown::new(protection, false).protection(), protection);
        }
        assert!("none".parse::<Protection>().is_err());
    }
}
