//! The log: on standard error, without secrets, at the level that was asked for.
//!
//! What counts, from the strongest: `RUST_LOG`, `-v`, `log.level` of the config (which may change while
//! byok runs), and for all but `serve` only warnings. Levels are those of byok's own crates; what others
//! have to say is heard from `warn` on.

use std::io;
use std::panic::{self, PanicHookInfo};
use std::str::FromStr;

use byok_config::LogLevel;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::redact::{Clean, Redactor};

/// How the log looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) colours: bool,
    pub(crate) json: bool,
}

/// The running log.
#[derive(Clone, Debug)]
pub(crate) struct Logging {
    /// `None`: the level was given from outside, and the config has no say.
    level: Option<reload::Handle<Targets, Registry>>,
}

impl Logging {
    /// Starts the log. `rust_log` is the text of `RUST_LOG`, `verbose` how often `-v` was given, and
    /// `level` where the log begins without either.
    pub(crate) fn start(
        style: Style,
        redactor: &Redactor,
        rust_log: Option<&str>,
        verbose: u8,
        level: LogLevel,
    ) -> Self {
        let (targets, unreadable) = match rust_log.filter(|text| !text.trim().is_empty()) {
            Some(text) => match Targets::from_str(text) {
                Ok(targets) => (targets, false),
                Err(_) => (targets(raised(level, verbose)), true),
            },
            None => (targets(raised(level, verbose)), false),
        };
        let fixed = verbose > 0 || (rust_log.is_some() && !unreadable);
        let (filter, handle) = reload::Layer::new(targets);
        let writer = {
            let redactor = redactor.clone();
            move || Clean::new(redactor.clone(), io::stderr())
        };
        let lines = fmt::layer().with_writer(writer).with_ansi(style.colours).with_target(false);
        let lines = if style.json { lines.json().boxed() } else { lines.compact().boxed() };
        // Only tests of this module start a second one.
        let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
        panic::set_hook(Box::new(report_panic));
        if unreadable {
            tracing::warn!("RUST_LOG cannot be read, so it does not count; an example: RUST_LOG=byok=debug");
        }
        Self { level: (!fixed).then_some(handle) }
    }

    /// The config asks for this level.
    pub(crate) fn follow(&self, level: LogLevel) {
        if let Some(handle) = &self.level {
            let _ = handle.reload(targets(level));
        }
    }
}

/// Says that something panicked and where. What it said may hold a prompt, so it is told only to those
/// who ask for details.
fn report_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "byok has a bug here; please report this line");
    tracing::debug!(place, said = info.payload_as_str().unwrap_or_default(), "the panic's message");
}

/// The level that is `steps` louder.
fn raised(level: LogLevel, steps: u8) -> LogLevel {
    let from = LogLevel::ALL.iter().position(|one| *one == level).unwrap_or_default();
    let to = from.saturating_add(usize::from(steps)).min(LogLevel::ALL.len() - 1);
    LogLevel::ALL[to]
}

fn targets(level: LogLevel) -> Targets {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new().with_target("byok", own).with_default(own.min(LevelFilter::WARN))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn each_v_is_a_level_until_there_is_none_louder() {
        assert_eq!(raised(LogLevel::Warn, 0), LogLevel::Warn);
        assert_eq!(raised(LogLevel::Warn, 2), LogLevel::Debug);
        assert_eq!(raised(LogLevel::Info, 200), LogLevel::Trace);
    }

    #[test]
    fn the_level_is_that_of_our_own_crates() {
        let debug = targets(LogLevel::Debug);
        assert!(debug.would_enable("byok_proxy::gate", &Level::DEBUG));
        assert!(!debug.would_enable("hyper::proto", &Level::INFO));
        assert!(!targets(LogLevel::Error).would_enable("hyper::proto", &Level::WARN));
    }
}
