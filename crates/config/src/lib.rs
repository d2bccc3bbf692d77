//! The config file: YAML and the environment become one validated [`Config`].
//!
//! - [`parse`] is pure: text and an environment in, a config or a list of problems out.
//! - [`mod@load`] reads the file and the environment of the process, and nothing else here reads the latter.
//! - [`Watcher`] follows the file and swaps the [`Shared`] config when a save is complete and sound.
//!
//! What never is in here: the catalog of providers (byok-provider lays this config over it, and resolves
//! aliases of provider names), whether an address may be bound without keys (byok-proxy), and anything a
//! request could change. A `Config` never changes; it is replaced.
//!
//! No message of this crate shows a value of the file: a key is usually on the line that is wrong.

mod error;
mod interpolate;
mod load;
mod model;
mod read;
mod schema;
mod watch;
mod yaml;

use std::sync::Arc;

use arc_swap::ArcSwap;

pub use error::{Error, Place, Problem, Reason};
pub use load::{Loaded, Warning, default_config_path, home, load, process_environment};
pub use model::{
    ClientKey, Config, Limits, Log, LogLevel, ModelEntry, OAuthConfig, OnLossy, ProviderConfig, Streaming,
    Timeouts,
};
pub use read::parse;
pub use watch::{Reload, Watcher};

/// The config in force. Load it once per request and never keep it past that one, so that a save takes
/// effect at the next request and does not touch the running ones.
pub type Shared = Arc<ArcSwap<Config>>;

/// How large a config file may be, in bytes. Far more than anyone writes by hand.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests;
