//! The files of a store: where they are, who may read them, and how they come to be.
//!
//! Files are closed to others (0600, byok's own directory 0700) from the instant that they exist, whatever the umask:
//! they are created with the mode, never changed to it. SQLite gives its `-wal` and `-shm` files the mode
//! of the database. Nothing here deletes or replaces a file that it did not make itself.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{self, Error};
use crate::schema::APPLICATION_ID;

/// The mode of the directory.
const DIRECTORY: u32 = 0o700;
/// The mode of every file.
const PRIVATE: u32 = 0o600;
/// How every SQLite database begins.
pub(crate) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Where a store is, free of symbolic links: SQLite puts its own files beside the real one.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) database: PathBuf,
    directory: PathBuf,
}

impl Files {
    /// Finds the directory, or makes it, and makes sure that others can do no harm in it: byok's `own` is
    /// closed to them, and any other is not theirs to write in.
    pub(crate) fn at(path: &Path, own: bool) -> Result<Self, Error> {
        let Some(name) = path.file_name() else {
            return Err(Error::NotAFile { path: path.to_owned() });
        };
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let directory = safe_directory(directory, own)?;
        let database = directory.join(name);
        match fs::symlink_metadata(&database) {
            Ok(metadata) if metadata.is_symlink() => {
                let real = fs::canonicalize(&database).map_err(error::file(&database, "follow the link"))?;
                let parent = real.parent().unwrap_or(Path::new("/"));
                // Where a link leads to is the person's own choice.
                let directory = safe_directory(parent, false)?;
                Ok(Self { database: real, directory })
            }
            _ => Ok(Self { database, directory }),
        }
    }

    /// The key file, beside the database.
    pub(crate) fn key(&self) -> PathBuf {
        self.directory.join("key")
    }

    /// The write-ahead log of the database.
    pub(crate) fn log(&self) -> PathBuf {
        self.sibling("-wal")
    }

    /// A file that belongs to the database and has its name.
    pub(crate) fn sibling(&self, suffix: &str) -> PathBuf {
        let mut name = self.database.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    }

    /// Refuses what is not a file, and what others can read. A file that is absent is fine.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let own = ["", "-wal", "-shm", "-journal"].map(|suffix| self.sibling(suffix));
        for path in own.into_iter().chain([self.key()]) {
            let metadata = match fs::metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error::file(&path, "read")(error)),
            };
            if !metadata.is_file() {
                return Err(Error::NotAFile { path });
            }
            check_mode(&path, &metadata, PRIVATE)?;
        }
        Ok(())
    }

    /// Whether another database stands in the same directory: the two may share the key file.
    pub(crate) fn has_neighbour(&self) -> Result<bool, Error> {
        let failed = || error::file(&self.directory, "read the directory");
        let own = self.database.file_name().unwrap_or_default();
        for entry in fs::read_dir(&self.directory).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name();
            let ours = name.as_encoded_bytes().starts_with(own.as_encoded_bytes());
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if is_file && !ours && is_database(&entry.path()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether the file is a database of byok's. The mark is at a fixed place: see
/// <https://www.sqlite.org/fileformat2.html>, section 1.3.17.
fn is_database(path: &Path) -> bool {
    let mut head = [0; 72];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    let mark = u32::from_be_bytes([head[68], head[69], head[70], head[71]]);
    read.is_ok() && head.starts_with(MAGIC) && i64::from(mark) == APPLICATION_ID
}

/// Makes the directory if it is missing, and gives its real path if others can do no harm in it.
fn safe_directory(path: &Path, own: bool) -> Result<PathBuf, Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, DIRECTORY);
    builder.create(path).map_err(error::file(path, "create the directory"))?;
    let real = fs::canonicalize(path).map_err(error::file(path, "find the directory"))?;
    let metadata = fs::metadata(&real).map_err(error::file(&real, "read the directory"))?;
    if own {
        check_mode(&real, &metadata, DIRECTORY)?;
    } else {
        check_writers(&real, &metadata)?;
    }
    Ok(real)
}

/// Refuses a directory that others can write in: they could put files of theirs where SQLite or the key
/// file belong. A sticky bit (`/tmp`) does not keep them from that.
#[cfg_attr(not(unix), expect(clippy::unnecessary_wraps, reason = "only Unix has modes"))]
fn check_writers(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(metadata) & 0o7777;
        if mode & 0o022 != 0 {
            return Err(Error::SharedDirectory { path: path.to_owned(), mode });
        }
    }
    #[cfg(not(unix))]
    let _ = (path, metadata);
    Ok(())
}

/// Refuses a file or directory that anyone but its owner can use.
#[cfg_attr(not(unix), expect(clippy::unnecessary_wraps, reason = "only Unix has modes"))]
pub(crate) fn check_mode(path: &Path, metadata: &Metadata, wanted: u32) -> Result<(), Error> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(metadata) & 0o7777;
        if mode & 0o077 != 0 {
            return Err(Error::LaxMode { path: path.to_owned(), mode, wanted });
        }
    }
    #[cfg(not(unix))]
    let _ = (path, metadata, wanted);
    Ok(())
}

/// Creates an empty file that only its owner can use. Fails where there is one already.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, PRIVATE);
    options.open(path)
}

/// Writes a file whole or not at all. `false` when there is one already, which is left as it is.
pub(crate) fn write_new(path: &Path, contents: &[u8]) -> Result<bool, Error> {
    let draft = Draft::beside(path)?;
    let mut file = create(&draft.path).map_err(error::file(&draft.path, "create"))?;
    file.write_all(contents).and_then(|()| file.sync_all()).map_err(error::file(&draft.path, "write"))?;
    drop(file);
    draft.publish(path)
}

/// Writes a file whole or not at all, over the one that is there.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> Result<(), Error> {
    let draft = Draft::beside(path)?;
    let mut file = create(&draft.path).map_err(error::file(&draft.path, "create"))?;
    file.write_all(contents).and_then(|()| file.sync_all()).map_err(error::file(&draft.path, "write"))?;
    drop(file);
    fs::rename(&draft.path, path).map_err(error::file(path, "replace"))?;
    sync_directory(path)
}

/// A file under a name of its own, which gets its real name when it is complete.
pub(crate) struct Draft {
    pub(crate) path: PathBuf,
}

impl Draft {
    /// A draft in the same directory. Nothing is created yet.
    pub(crate) fn beside(path: &Path) -> Result<Self, Error> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(Error::Entropy)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".new-{:016x}", u64::from_le_bytes(random)));
        Ok(Self { path: path.with_file_name(name) })
    }

    /// Gives the draft its real name. `false` when that name is taken: a link never replaces, while a
    /// rename would.
    pub(crate) fn publish(self, path: &Path) -> Result<bool, Error> {
        match fs::hard_link(&self.path, path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(error::file(path, "create")(error)),
        }
        sync_directory(path)?;
        Ok(true)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut name = self.path.clone().into_os_string();
            name.push(suffix);
            // Most of these do not exist; what remains after a failure is a file of our own, unused.
            let _ = fs::remove_file(name);
        }
    }
}

/// Makes the name of a file last, as its contents do.
#[cfg_attr(not(unix), expect(clippy::unnecessary_wraps, reason = "only Unix can"))]
pub(crate) fn sync_directory(path: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    if let Some(directory) = path.parent() {
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(error::file(directory, "write the directory"))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
