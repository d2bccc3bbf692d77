//! `byok`: parse, run, exit code.
//!
//! The program is thin: rules about providers, formats, keys and requests are in the other crates, and are
//! put together in [`commands`]. What is here and nowhere else: the command line, printing, the log,
//! signals, and the echo upstream of the demo.

mod banner;
mod cli;
mod client;
mod commands;
mod control;
mod harden;
mod home;
mod keyboard;
mod logging;
mod overlay;
mod passphrase;
mod redact;
mod sandbox;
mod signals;
mod terminal;
mod when;

use std::io::stderr;
use std::process::ExitCode;

use byok_config::{LogLevel, process_environment};
use clap::{ColorChoice, FromArgMatches};

use crate::cli::Cli;
use crate::commands::Context;
use crate::logging::{Logging, Style};

fn main() -> ExitCode {
    harden::seal_memory();
    // Help and usage errors are printed before the flag is read.
    let plain = std::env::args_os().any(|argument| argument == "--no-color");
    let colours = if plain { ColorChoice::Never } else { ColorChoice::Auto };
    let matches = cli::command().color(colours).get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.format(&mut cli::command()).exit(),
    };
    let terminal = commands::terminal(&cli.global);
    let serves = commands::serves(&cli.command);
    let logging = Logging::start(
        Style { colours: terminal.colours(&stderr()), json: cli.global.json && serves },
        terminal.redactor(),
        process_environment("RUST_LOG").as_deref(),
        cli.global.verbose,
        if serves { LogLevel::Info } else { LogLevel::Warn },
    );
    let context = Context { terminal: terminal.clone(), logging };
    let mut runtime = if commands::is_server(&cli.command) {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let done = match runtime.enable_all().build() {
        Ok(runtime) => runtime.block_on(commands::run(cli.command, context)),
        Err(error) => Err(commands::Error::Runtime(error)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.show(&terminal);
            ExitCode::from(error.exit_code())
        }
    }
}
