//! Logins that the vendors' own programs keep on this machine.
//!
//! A vendor's program is data ([`Tool`]): where its files are and what they look like. Reading one changes
//! nothing and calls nobody. What is found can be used in place, as a [`Link`] that is followed again when
//! the file changes, or be copied. In place is the default: most refresh tokens can be used once, so of two
//! programs that renew the same login one is logged out. A link is therefore never renewed here; its owner
//! does that.

mod shape;

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use byok_types::{Credential, Link, TokenSet};

pub use shape::Shape;

/// No such file is longer than this, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// A vendor's own program that keeps a login.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// What `byok import` calls it.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Where its login may be.
    pub places: &'static [Place],
    /// What that file looks like.
    pub shape: Shape,
    /// The flow that a copy is renewed with.
    pub flow: &'static str,
    /// What renews the login in place, for people: a command of that program.
    pub renewed_by: &'static str,
    /// The provider that a key in the same file is for.
    pub keys: Option<&'static str>,
}

/// Where a file may be.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// What the path is below.
    pub base: Base,
    /// The path, with `/` between its parts.
    pub path: &'static str,
}

/// A directory of the person's.
#[derive(Clone, Copy, Debug)]
pub enum Base {
    /// Where programs keep settings: `$XDG_CONFIG_HOME` or `~/.config`; `%LOCALAPPDATA%` on Windows.
    Config,
    /// Where programs keep data: `$XDG_DATA_HOME` or `~/.local/share`, `~/Library/Application Support`,
    /// `%APPDATA%`.
    Data,
    /// The directory that this variable names.
    Env(&'static str),
    /// The person's home.
    Home,
}

/// A login that was found, or a file that could not be used.
#[derive(Debug)]
pub struct Found {
    /// Where.
    pub path: PathBuf,
    /// What is in it.
    pub logins: Result<Vec<Kept>, Skipped>,
}

/// A login in a file of another program.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Which of several in the same file.
    pub entry: Option<String>,
    /// The login, or a key that the program keeps in the same place.
    pub credential: Credential,
    /// Whether it has a refresh token that two programs must not share. What has none can be copied.
    pub rotates: bool,
}

/// Why a file gives nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Skipped {
    /// It holds no login.
    #[error("there is no login in it")]
    Empty,
    /// It is not what the program writes. Nothing of it is shown.
    #[error("it is damaged, or of a version that byok does not know: {0}")]
    Damaged(String),
    /// The path cannot be stored.
    #[error("its path is not valid Unicode")]
    Path,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// What an environment variable holds.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

impl Tool {
    /// Looks for its login. Files that are not there are not mentioned.
    pub fn find(&self, environment: Environment<'_>) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        for place in self.places {
            let Some(path) = place.path(environment) else { continue };
            if found.iter().any(|found| found.path == path) || !path.exists() {
                continue;
            }
            let logins = if path.to_str().is_some() { self.shape.read(&path) } else { Err(Skipped::Path) };
            found.push(Found { path, logins });
        }
        found
    }
}

impl Place {
    /// The path on this machine; `None` where the directory is not known.
    pub fn path(&self, environment: Environment<'_>) -> Option<PathBuf> {
        let mut path = self.base.directory(environment)?;
        path.extend(self.path.split('/'));
        Some(path)
    }
}

impl Base {
    fn directory(self, environment: Environment<'_>) -> Option<PathBuf> {
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || variable(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
        match self {
            Self::Config if cfg!(windows) => variable("LOCALAPPDATA"),
            Self::Config => variable("XDG_CONFIG_HOME").or_else(|| Some(home()?.join(".config"))),
            Self::Data if cfg!(windows) => variable("APPDATA"),
            Self::Data if cfg!(target_os = "macos") => Some(home()?.join("Library/Application Support")),
            Self::Data => variable("XDG_DATA_HOME").or_else(|| Some(home()?.join(".local/share"))),
            Self::Env(name) => variable(name),
            Self::Home => home(),
        }
    }
}

/// Follows a link: the tokens that are in the file now.
pub fn follow(link: &Link) -> Result<TokenSet, Skipped> {
    let shape = Shape::named(&link.shape)
        .ok_or_else(|| Skipped::Damaged(format!("nobody knows the shape `{}`", link.shape)))?;
    let kept = shape.read(&link.path)?.into_iter().find(|kept| kept.entry == link.entry);
    match kept.map(|kept| kept.credential) {
        Some(Credential::OAuth(tokens)) => Ok(tokens),
        _ => Err(Skipped::Empty),
    }
}

/// What tells a changed file from an unchanged one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(Option<(SystemTime, u64)>);

impl Stamp {
    /// Of the file as it is now. For a database that is also what is written beside it.
    pub fn of(path: &Path) -> Self {
        let look = |path: &Path| {
            let metadata = path.metadata().ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let later = |a: (SystemTime, u64), b: (SystemTime, u64)| (a.0.max(b.0), a.1.wrapping_add(b.1));
        Self(look(path).map(|of_file| look(Path::new(&log)).map_or(of_file, |of_log| later(of_file, of_log))))
    }
}

/// The bytes of a regular file of bounded length.
fn bytes(path: &Path) -> Result<Vec<u8>, Skipped> {
    let unreadable = |error: std::io::Error| Skipped::Unreadable(error.to_string());
    let file = File::open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(Skipped::Unreadable("it is no file".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST {
        return Err(Skipped::Damaged("it is longer than any such file".to_owned()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
