//! What can be wrong with a config file, in words for the person who wrote it.
//!
//! A problem names the line, the column and the full path of the field. It never shows a value of the
//! file: the reasons are made of fixed sentences, names of fields and names of variables.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::MAX_FILE_BYTES;

/// The config file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file has nothing in it but white space and comments. Fine at the start, when it means the
    /// defaults; never while byok runs, when it is more likely a save that was cut short.
    #[error("the config file {} has nothing in it", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// Its content is wrong.
    #[error("{}", invalid(file.as_deref(), problems, *more))]
    Invalid {
        /// The file, unless the text came without one.
        file: Option<PathBuf>,
        /// What is wrong, from the top of the file to its end. Never empty.
        problems: Vec<Problem>,
        /// How many problems there are beyond those listed.
        more: usize,
    },
    /// There is no such file.
    #[error("there is no config file {}", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// A directory, a device or a pipe is there instead of a file.
    #[error("the config {} is not a regular file", file.display())]
    NotAFile {
        /// What is no file.
        file: PathBuf,
    },
    /// It is not UTF-8.
    #[error("the config file {} is not text in UTF-8 (line {line}); save it in that encoding", file.display())]
    NotText {
        /// The file.
        file: PathBuf,
        /// The line with the first byte that is wrong.
        line: usize,
    },
    /// It is larger than anything a person writes.
    #[error("the config{} is larger than {} KiB", named(file.as_deref()), MAX_FILE_BYTES / 1024)]
    TooLarge {
        /// The file, unless the text came without one.
        file: Option<PathBuf>,
    },
    /// The system does not let us read it.
    #[error("the config file {} cannot be read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The system does not tell us of changes.
    #[error("changes in {} cannot be watched, so a saved config takes effect only at the next start", directory.display())]
    Watch {
        /// The directory of the config file.
        directory: PathBuf,
        /// What the system says.
        #[source]
        source: notify::Error,
    },
}

impl Error {
    /// The same, with the file that the text came from.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::Invalid { problems, more, .. } => {
                Self::Invalid { file: Some(path.to_owned()), problems, more }
            }
            Self::TooLarge { .. } => Self::TooLarge { file: Some(path.to_owned()) },
            other => other,
        }
    }
}

/// ` file PATH`, or nothing.
fn named(file: Option<&Path>) -> String {
    file.map(|file| format!(" file {}", file.display())).unwrap_or_default()
}

/// The text of [`Error::Invalid`]: one line for one problem, a list for more.
fn invalid(file: Option<&Path>, problems: &[Problem], more: usize) -> String {
    let named = named(file);
    if let [problem] = problems
        && more == 0
    {
        return format!("the config{named} has a problem at {problem}");
    }
    let mut text = format!("the config{named} has {} problems:", problems.len() + more);
    for problem in problems {
        text.push_str("\n  ");
        text.push_str(&problem.to_string());
    }
    if more > 0 {
        text.push_str("\n  and ");
        text.push_str(&more.to_string());
        text.push_str(" more");
    }
    text
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where in the text.
    pub place: Place,
    /// The full path of the field (`providers.work.base_url`); empty for the file as a whole.
    pub field: String,
    /// What is wrong and what to do.
    pub reason: Reason,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        self.reason.fmt(f)
    }
}

/// A place in the text, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The character in that line.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// `${…}` does not hold the name of a variable.
    #[error(
        "a `${{` must be followed by the name of an environment variable and `}}`; write `$${{` for the characters themselves"
    )]
    BadVariable,
    /// The value is none of a few words.
    #[error("is none of {}{}", .allowed.join(", "), suggestion(*.nearest))]
    Choice {
        /// The words.
        allowed: Vec<&'static str>,
        /// The one that was probably meant.
        nearest: Option<&'static str>,
    },
    /// The same name stands twice.
    #[error("stands twice; it is already on line {line}")]
    Duplicate {
        /// The line of the first one.
        line: u64,
    },
    /// Something of another shape stands here.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// The shape that belongs here.
        expected: Shape,
        /// The shape that is here.
        found: Shape,
    },
    /// A field that must be there is not.
    #[error("the field `{0}` is missing")]
    Missing(&'static str),
    /// The value breaks a rule, which the text states.
    #[error("{0}")]
    Rule(&'static str),
    /// The text is not YAML.
    #[error("{0}")]
    Syntax(&'static str),
    /// There is no such field here.
    #[error("{}", unknown(.written.as_deref(), *.nearest, .known))]
    UnknownField {
        /// The name as it is written, unless it looks as if a secret is part of it.
        written: Option<String>,
        /// The field that was probably meant.
        nearest: Option<&'static str>,
        /// The fields that there are.
        known: &'static [&'static str],
    },
    /// The variable is not in the environment.
    #[error("the environment variable {0} is not set where byok runs")]
    Unset(String),
}

/// The shapes that a YAML value has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `[…]`, or lines with `- `.
    List,
    /// `{…}`, or lines with `name: value`.
    Map,
    /// Nothing at all.
    Nothing,
    /// A text, a number, true or false.
    Value,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List => "a list",
            Self::Map => "fields with values (`name: value`)",
            Self::Nothing => "nothing",
            Self::Value => "a single value",
        })
    }
}

fn suggestion(nearest: Option<&'static str>) -> String {
    nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

fn unknown(written: Option<&str>, nearest: Option<&'static str>, known: &[&str]) -> String {
    let what = match written {
        Some(name) => format!("there is no field `{name}` here"),
        None => "there is no such field here (its name is not shown, as a secret may be in it; perhaps the space after a colon is missing)".to_owned(),
    };
    match nearest {
        Some(name) => format!("{what}; did you mean `{name}`?"),
        None => format!("{what}; there are: {}", known.join(", ")),
    }
}
