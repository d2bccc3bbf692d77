//! From a passphrase to a key: argon2id, with parameters that are stored beside the result.
//!
//! Parameters read from a file are bounded before they are used: whoever can write the file could
//! otherwise ask for all memory, or for years.

use std::io::Read;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use byok_types::Secret;
use zeroize::Zeroizing;

use crate::error::{self, Error};
use crate::files;
use crate::seal::DataKey;

/// The longest passphrase that is taken, in bytes.
const LONGEST: usize = 8 * 1024;

/// How a passphrase is stretched into a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Makes equal passphrases give different keys.
    pub(crate) salt: [u8; 16],
    /// Memory, in KiB.
    pub(crate) memory_kib: u32,
    /// Passes over that memory.
    pub(crate) passes: u32,
    /// Lanes.
    pub(crate) lanes: u32,
}

impl Stretch {
    /// What is used for new databases: the least that OWASP's password storage cheat sheet asks of
    /// argon2id. It keeps the start under the 50 ms that byok allows itself.
    const MEMORY_KIB: u32 = 19 * 1024;
    const PASSES: u32 = 2;
    /// What is used for exports, which leave the machine: opening one may take a moment.
    const EXPORT_MEMORY_KIB: u32 = 64 * 1024;
    const EXPORT_PASSES: u32 = 3;
    /// What is accepted from a file at most.
    const MAX_MEMORY_KIB: u32 = 512 * 1024;
    const MAX_PASSES: u32 = 16;
    const MAX_LANES: u32 = 8;

    /// The parameters for a new database, with a fresh salt.
    pub(crate) fn fresh() -> Result<Self, Error> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(Error::Entropy)?;
        Ok(Self { salt, memory_kib: Self::MEMORY_KIB, passes: Self::PASSES, lanes: 1 })
    }

    /// The parameters for an export, with a fresh salt.
    pub(crate) fn for_export() -> Result<Self, Error> {
        Ok(Self { memory_kib: Self::EXPORT_MEMORY_KIB, passes: Self::EXPORT_PASSES, ..Self::fresh()? })
    }

    /// Whether they are within what is accepted.
    pub(crate) fn is_bounded(&self) -> bool {
        (Self::MEMORY_KIB..=Self::MAX_MEMORY_KIB).contains(&self.memory_kib)
            && (Self::PASSES..=Self::MAX_PASSES).contains(&self.passes)
            && (1..=Self::MAX_LANES).contains(&self.lanes)
    }

    /// The key that the passphrase gives; `None` when the parameters are outside of what is accepted.
    pub(crate) fn key(&self, passphrase: &Secret) -> Option<DataKey> {
        if !self.is_bounded() {
            return None;
        }
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(DataKey::LEN)).ok()?;
        let mut key = DataKey::from_bytes(&[0; DataKey::LEN])?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.expose().as_bytes(), &self.salt, key.bytes_mut())
            .ok()?;
        Some(key)
    }
}

/// The passphrase in the file that `BYOK_PASSPHRASE_FILE` names, if it names one.
pub fn passphrase_from_environment() -> Result<Option<Secret>, Error> {
    match std::env::var_os("BYOK_PASSPHRASE_FILE") {
        Some(path) if !path.is_empty() => passphrase_from_file(&PathBuf::from(path)).map(Some),
        _ => Ok(None),
    }
}

/// The passphrase in a file: its text without the newline at its end. The file must be closed to others,
/// as everything that opens the database is.
pub fn passphrase_from_file(path: &Path) -> Result<Secret, Error> {
    let unusable = |why| Error::PassphraseFile { path: path.to_owned(), why };
    let file = std::fs::File::open(path).map_err(error::file(path, "read the passphrase file"))?;
    let metadata = file.metadata().map_err(error::file(path, "read the passphrase file"))?;
    // A pipe (`BYOK_PASSPHRASE_FILE=<(pass byok)`) has no lasting place that others could read.
    if metadata.is_file() {
        files::check_mode(path, &metadata, 0o600)?;
    } else if metadata.is_dir() {
        return Err(unusable("it is a directory"));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    file.take(LONGEST as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(error::file(path, "read the passphrase file"))?;
    if bytes.len() > LONGEST {
        return Err(unusable("it is longer than 8 KiB"));
    }
    let text = str::from_utf8(&bytes).map_err(|_not_utf8| unusable("it is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(unusable("it is empty"));
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_out_of_bounds_are_not_tried() {
        let fresh = Stretch::fresh().unwrap();
        let passphrase = Secret::new("correct horse");
        assert!(fresh.key(&passphrase).is_some());
        for bad in [
            Stretch { memory_kib: u32::MAX, ..fresh.clone() },
            Stretch { memory_kib: 8, ..fresh.clone() },
            Stretch { passes: u32::MAX, ..fresh.clone() },
            Stretch { passes: 1, ..fresh.clone() },
            Stretch { lanes: 0, ..fresh.clone() },
            Stretch { lanes: u32::MAX, ..fresh.clone() },
        ] {
            assert!(bad.key(&passphrase).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn salt_and_passphrase_both_decide() {
        let one = Stretch::fresh().unwrap();
        let other = Stretch::fresh().unwrap();
        let key = |stretch: &Stretch, text: &str| *stretch.key(&Secret::new(text)).unwrap().bytes();
        assert_eq!(key(&one, "a"), key(&one, "a"));
        assert_ne!(key(&one, "a"), key(&one, "b"));
        assert_ne!(key(&one, "a"), key(&other, "a"));
    }

    #[test]
    fn a_passphrase_file_is_read_without_its_newline() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pass");
        let write = |bytes: &[u8]| {
            let _ = std::fs::remove_file(&path);
            files::write_new(&path, bytes).unwrap();
        };
        write(b"open sesame\r\n");
        assert_eq!(passphrase_from_file(&path).unwrap().expose(), "open sesame");
        for (bytes, why) in [(&b"\n"[..], "empty"), (b"\xff\xfe", "UTF-8"), (&[b'x'; LONGEST + 1], "8 KiB")] {
            write(bytes);
            let error = passphrase_from_file(&path).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(passphrase_from_file(dir.path()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_passphrase_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "open sesame").unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = passphrase_from_file(file.path()).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
}
