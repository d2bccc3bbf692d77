//! One command per file, and what they share: how a failure is told, and what they work on.

pub(crate) mod accounts;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod models;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod wallet;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use byok_provider::{ProviderSpec, Upstreams};
use byok_types::{AccountKey, ProviderId};
use serde_json::json;

use crate::cli::{Commands, ConfigCommands, Global};
use crate::logging::Logging;
use crate::terminal::{BAD, Terminal, paint};

/// What every command is given.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) terminal: Terminal,
    pub(crate) logging: Logging,
}

/// Runs one command.
pub(crate) async fn run(command: Commands, context: Context) -> Result<(), Error> {
    let terminal = &context.terminal;
    match command {
        Commands::Accounts(args) => accounts::run(&args, terminal).await,
        Commands::Completions(args) => {
            completions::run(args.shell, terminal);
            Ok(())
        }
        Commands::Config(args) => match args.command {
            ConfigCommands::Check { file } => config::check(file, terminal),
            ConfigCommands::Path => config::path(terminal),
        },
        Commands::Demo(args) => demo::run(&args, terminal).await,
        Commands::Login(args) => login::run(&args, terminal).await,
        Commands::Logout(args) => logout::run(&args, terminal).await,
        Commands::Models(args) => models::run(&args, terminal).await,
        Commands::Serve(args) => serve::run(&args, &context).await,
        Commands::Status(args) => status::run(&args, terminal).await,
        Commands::Wallet(args) => wallet::run(args.command, terminal).await,
    }
}

/// A command failed. Each message says what happened and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "`{0}` cannot be an account's name: it has 1 to 128 bytes, no white space and no `/`, and is not `config`"
    )]
    AccountName(String),
    #[error("{account} is {whose}; choose another name with --account, or log out first: byok logout {} --account {}", account.provider, account.account)]
    AccountTaken { account: AccountKey, whose: String },
    #[error("{provider} has {} accounts ({}); say which with --account NAME, or --all", names.len(), names.join(", "))]
    Ambiguous { provider: ProviderId, names: Vec<String> },
    #[error(transparent)]
    Auth(#[from] byok_auth::AuthError),
    #[error(transparent)]
    Bind(#[from] byok_proxy::BindError),
    #[error(transparent)]
    Config(#[from] byok_config::Error),
    #[error(transparent)]
    Control(#[from] crate::control::ControlError),
    #[error("{} is there already; --force writes over it", .0.display())]
    ExportExists(PathBuf),
    #[error("{}: {source}", path.display())]
    ExportFile { path: PathBuf, source: io::Error },
    #[error("nothing was done")]
    Declined,
    #[error("the demo did not work: {0}")]
    Demo(String),
    #[error("{flag} is not for this way to log in to {provider}")]
    FlagOfLogins { flag: &'static str, provider: String },
    #[error("the key cannot be read from standard input: {0}")]
    Input(#[source] io::Error),
    #[error("the login was given up; nothing was stored")]
    Interrupted,
    #[error(transparent)]
    Login(byok_auth::flow::LoginError),
    #[error(
        "nobody came back from the browser within {minutes} minutes; to try again: byok login {provider}\n       \
         Where the browser cannot reach this machine, paste what it ends at (--no-browser shows how)."
    )]
    LoginTimedOut { provider: String, minutes: u64 },
    #[error("{}", no_flow(provider, name, flows))]
    NoFlow { provider: String, name: String, flows: Vec<(&'static str, &'static str)> },
    #[error("{provider} has no API keys for this; log in: byok login {id}")]
    NoKeys { provider: String, id: ProviderId },
    #[error("there is no model to call; put a key into the wallet first: byok login anthropic")]
    NoModels,
    #[error("byok has no directory: neither BYOK_HOME nor the home directory of this user is set")]
    NoHome,
    #[error("there is no account `{account}` at {provider}; `byok status` lists your accounts")]
    NoSuchAccount { provider: ProviderId, account: String },
    #[error(
        "standard input is no terminal, so byok cannot ask for the key; pipe the key in and add \
         --api-key-stdin"
    )]
    NoTerminal,
    #[error("standard input is no terminal, so byok cannot ask for the {what}; use {flag}")]
    NobodyToAsk { what: String, flag: &'static str },
    #[error("nothing was typed, so nothing is changed")]
    NothingTyped,
    #[error("there is no wallet at {}; the first login makes one: byok login anthropic", .0.display())]
    NoWallet(PathBuf),
    #[error("the passphrase cannot be read from the terminal: {0}")]
    Prompt(#[source] io::Error),
    #[error(
        "{error}, and standard input is no terminal, so what the browser ends at cannot be pasted either; free \
         the port, or log in at a terminal: byok login {provider}"
    )]
    NoWayBack { error: byok_auth::callback::BindError, provider: ProviderId },
    #[error(
        "{reason}\n       Standard input is no terminal, so byok cannot ask whether to go on; --yes says that it should"
    )]
    NotAgreed { reason: String },
    #[error("you are not logged in to {0}, so there is nothing to log out of")]
    NotLoggedIn(ProviderId),
    #[error("no account can be used; put a key into the wallet: byok login anthropic")]
    NothingUsable,
    #[error(transparent)]
    Provider(#[from] byok_provider::Error),
    #[error("the system has no randomness to give: {0}")]
    Random(String),
    #[error("{provider} did not let you in: {reason}")]
    Refused { provider: String, reason: String },
    #[error("the runtime cannot be started: {0}")]
    Runtime(#[source] io::Error),
    #[error("the system gave no port to the echo upstream: {0}")]
    Sandbox(#[source] io::Error),
    #[error(transparent)]
    Store(#[from] byok_store::Error),
    #[error("the wallet is not sound")]
    Unsound,
    #[error("this passphrase is {word}{advice}")]
    WeakPassphrase { word: &'static str, advice: String },
    #[error("{}", unknown_provider(name, nearest.as_deref()))]
    UnknownProvider { name: String, nearest: Option<String> },
}

impl Error {
    /// The exit code: 1 it failed, 2 it was asked wrongly, 3 there is no login, 130 it was interrupted.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::AccountName(_)
            | Self::Ambiguous { .. }
            | Self::FlagOfLogins { .. }
            | Self::NoFlow { .. }
            | Self::NoKeys { .. }
            | Self::NoTerminal
            | Self::NobodyToAsk { .. }
            | Self::NotAgreed { .. }
            | Self::UnknownProvider { .. } => 2,
            Self::Interrupted => 130,
            Self::NoModels
            | Self::NoSuchAccount { .. }
            | Self::NotLoggedIn(_)
            | Self::NothingUsable
            | Self::NoWallet(_)
            | Self::Auth(byok_auth::AuthError::NotLoggedIn(_)) => 3,
            _ => 1,
        }
    }

    /// Shows the error and its causes, as text or as JSON.
    pub(crate) fn show(&self, terminal: &Terminal) {
        let mut message = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            // Some messages hold their cause already.
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        if terminal.json() {
            let value = json!({"error": {"message": message, "exit_code": self.exit_code()}});
            terminal.aside(&format!("{value}\n"));
        } else {
            terminal.aside(&format!("{} {message}\n", paint(BAD, "error:")));
        }
    }
}

fn no_flow(provider: &str, name: &str, flows: &[(&str, &str)]) -> String {
    if flows.is_empty() {
        return format!("{provider} takes API keys only, so there is no --flow {name}");
    }
    let flows: String = flows.iter().map(|(name, title)| format!("\n       {name}: {title}")).collect();
    format!("{provider} has no --flow {name}; it has{flows}")
}

fn unknown_provider(name: &str, nearest: Option<&str>) -> String {
    let suggestion = nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default();
    format!(
        "byok knows no provider `{name}`{suggestion}\n       `byok status --all` lists those it knows, and \
         the config can add others"
    )
}

/// Whether many requests are to be served at once.
pub(crate) fn is_server(command: &Commands) -> bool {
    matches!(command, Commands::Demo(_) | Commands::Serve(_))
}

/// Whether the log is what the person came to see.
pub(crate) fn serves(command: &Commands) -> bool {
    matches!(command, Commands::Serve(_))
}

/// The config file that was named, or the one in byok's own directory.
pub(crate) fn config_path(named: Option<PathBuf>) -> Result<PathBuf, Error> {
    named.or_else(|| byok_config::default_config_path(&byok_config::process_environment)).ok_or(Error::NoHome)
}

/// The provider of that name, built in or of the config.
pub(crate) fn find_provider(name: &str, upstreams: &Upstreams) -> Result<Arc<ProviderSpec>, Error> {
    upstreams.provider(name).ok_or_else(|| Error::UnknownProvider {
        name: name.to_owned(),
        nearest: nearest(name, upstreams.providers().iter().map(|spec| spec.id.to_string())),
    })
}

/// The name that was probably meant.
fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    known
        .map(|known| (strsim::jaro_winkler(name, &known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

/// What the global flags say about printing.
pub(crate) fn terminal(global: &Global) -> Terminal {
    Terminal::new(crate::redact::Redactor::default(), global.json, global.no_color)
}
