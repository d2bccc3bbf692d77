//! The config file on disk: where it is, how it is read, and who else can read it.
//!
//! This is the only place in the crate that looks at the environment of the process.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use byok_types::Secret;

use crate::MAX_FILE_BYTES;
use crate::error::Error;
use crate::model::Config;
use crate::read;

/// A config and the text it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The config.
    pub config: Config,
    /// The text of the file, as a [`Secret`] since keys are in it. [`crate::Watcher`] starts from it, so that a
    /// save between loading and watching is not missed.
    pub text: Secret,
    /// What the person should know.
    pub warnings: Vec<Warning>,
}

/// Reads the config file at `path`, with the variables of the process. A file with nothing but white space
/// and comments in it is the default config.
pub fn load(path: &Path) -> Result<Loaded, Error> {
    let text = text(path)?;
    let document = document(path, &text)?;
    let warnings = document.as_ref().map(|document| warnings(path, document)).unwrap_or_default();
    Ok(Loaded {
        config: document.map(|document| document.config).unwrap_or_default(),
        text: Secret::new(text),
        warnings,
    })
}

/// The variable of the process with that name, if it is set to text in UTF-8.
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// byok's own directory: `BYOK_HOME`, or else `.byok` in the person's home. `None` if there is neither.
pub fn home(environment: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name| environment(name).filter(|value| !value.is_empty());
    let of_person = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    set("BYOK_HOME").map(PathBuf::from).or_else(|| Some(Path::new(&set(of_person)?).join(".byok")))
}

/// The config file that is read when none is named.
pub fn default_config_path(environment: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    home(environment).map(|home| home.join("config.yaml"))
}

/// Something that works, and that the person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// An address that only machines in a cloud have, where they fetch their credentials.
    LinkLocal {
        /// The field with the address.
        field: String,
    },
    /// There are keys in the file, and others on this machine can read it.
    ReadableByOthers {
        /// The file.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Others on this machine can change the file, and so where the keys are sent.
    WritableByOthers {
        /// The file.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkLocal { field } => write!(
                f,
                "{field} is a link-local address, where cloud machines fetch their credentials; see that it is what you mean"
            ),
            Self::ReadableByOthers { file, mode } => write!(
                f,
                "{file} holds keys, and other users of this machine can read it (mode {mode:03o}); mend it with: chmod 600 {file}",
                file = file.display()
            ),
            Self::WritableByOthers { file, mode } => write!(
                f,
                "other users of this machine can change {file}, and so where your keys are sent (mode {mode:03o}); mend it with: chmod 600 {file}",
                file = file.display()
            ),
        }
    }
}

/// The text of a regular file of bounded size.
pub(crate) fn text(path: &Path) -> Result<String, Error> {
    let file = || path.to_owned();
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing { file: file() },
        _ => Error::Unreadable { file: file(), source },
    };
    // Asked before opening: to open a pipe is to wait for its other end.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Error::NotAFile { file: file() });
    }
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(unreadable)?
        .take(MAX_FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > MAX_FILE_BYTES {
        return Err(Error::TooLarge { file: Some(file()) });
    }
    String::from_utf8(bytes).map_err(|error| {
        let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = sound.split(|byte| *byte == b'\n').count();
        Error::NotText { file: file(), line }
    })
}

/// The config in `text`, which came from `path`; `None` if there is nothing in it.
pub(crate) fn document(path: &Path, text: &str) -> Result<Option<read::Document>, Error> {
    read::document(text, &process_environment).map_err(|error| error.in_file(path))
}

/// What the person should know about a file and the config in it.
pub(crate) fn warnings(path: &Path, document: &read::Document) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Some(mode) = mode(path) {
        let file = path.to_owned();
        if mode & 0o002 != 0 {
            warnings.push(Warning::WritableByOthers { file, mode });
        } else if document.holds_secrets && mode & 0o044 != 0 {
            warnings.push(Warning::ReadableByOthers { file, mode });
        }
    }
    for (name, provider) in &document.config.providers {
        if provider.base_url.as_ref().is_some_and(read::is_link_local) {
            let field = format!("providers.{name}.base_url");
            warnings.push(Warning::LinkLocal { field });
        }
    }
    warnings
}

/// The permissions of a file, where the system has such.
#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).ok()?;
    Some(metadata.permissions().mode() & 0o777)
}

/// The permissions of a file, where the system has such.
#[cfg(not(unix))]
fn mode(_: &Path) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests;
