//! What can be typed: definitions only. What a command does is in `commands`.
//!
//! The help is made from these definitions, so there is nothing else to keep in step.

use std::fmt::Write;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Args, Command, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

/// One command line.
#[derive(Debug, Parser)]
#[command(name = "byok", version, about = ABOUT, after_help = EXAMPLES)]
#[command(styles = STYLES, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Commands,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Print JSON instead of text for people
    #[arg(long, global = true, help_heading = "For every command")]
    pub(crate) json: bool,
    /// Say more about what happens; twice for all of it
    #[arg(short, long, action = ArgAction::Count, global = true, help_heading = "For every command")]
    pub(crate) verbose: u8,
    /// Print without colours
    #[arg(long, global = true, help_heading = "For every command")]
    pub(crate) no_color: bool,
}

/// The commands, in the order of their groups in the help.
#[derive(Debug, Subcommand)]
pub(crate) enum Commands {
    Demo(Demo),
    Login(Login),
    Serve(Serve),
    Status(Status),
    Accounts(Accounts),
    Models(Models),
    Import(Import),
    Logout(Logout),
    Wallet(Wallet),
    Config(Config),
    Completions(Completions),
}

/// See it work, without any key
///
/// Starts byok with an empty wallet in memory and an upstream that says back what it is told, sends two
/// real requests through it, one in the OpenAI and one in the Anthropic format, and shows both answers
/// as they arrive. Then it stays up, so that you can try a tool of yours. Nothing leaves this machine and
/// nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byok demo\n  byok demo --once")]
pub(crate) struct Demo {
    /// End after the two requests
    #[arg(long)]
    pub(crate) once: bool,
    /// The port to listen on [default: a free one]
    #[arg(short, long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
}

/// Log in with a subscription, or put an API key into the wallet
///
/// Subscriptions: claude, codex, copilot, gemini, kiro, antigravity, qwen, kimi and iflow. byok opens the
/// provider's own login in your browser, or shows a code to enter there; where the browser is on another
/// machine you paste what it ends at. All other providers take an API key, which is asked for without being
/// shown. Either is stored encrypted, after byok has said how the wallet is protected.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line's own")]
#[command(after_help = "Examples:
  byok login codex
  byok login gemini --api-key
  byok login claude --account work
  byok login kiro --start-url https://example.awsapps.com/start --region eu-west-1
  pass show openai | byok login openai --api-key-stdin")]
pub(crate) struct Login {
    /// The provider: claude, codex, anthropic, openai, …, or a name from your config
    pub(crate) provider: String,
    /// A name for this account [default: `default`, or whose it is where that name is taken]
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// Store an API key, also where the provider has a login
    #[arg(long, conflicts_with = "flow")]
    pub(crate) api_key: bool,
    /// The same, and read the key from standard input instead of asking
    #[arg(long, conflicts_with = "flow")]
    pub(crate) api_key_stdin: bool,
    /// Log in this way, where the provider has several; a wrong name lists them
    #[arg(long, value_name = "NAME")]
    pub(crate) flow: Option<String>,
    /// Open no browser; show the address, and take what is pasted
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Go on without asking, whatever is known against the login
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Your organisation's address to log in at (kiro with IAM Identity Center)
    #[arg(long, value_name = "URL")]
    pub(crate) start_url: Option<String>,
    /// Your organisation's region (kiro with IAM Identity Center)
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// The cloud project that calls are for (gemini) [default: `GOOGLE_CLOUD_PROJECT`]
    #[arg(long, value_name = "ID")]
    pub(crate) project: Option<String>,
    /// Refuse to go on unless the wallet is protected like this: keyring, passphrase or key-file
    #[arg(long, value_name = "PROTECTION", value_parser = crate::commands::login::required)]
    pub(crate) require: Option<byok_store::Protection>,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// Run the proxy
///
/// Serves your accounts on this machine until you press Ctrl-C. Once it runs, point a tool at it: the
/// addresses to paste are shown at the start.
///
/// With --sandbox it also offers echo-openai, echo-anthropic and so on, one upstream for each format, that
/// say back what they are told; the keys in `BYOKY_DEV_KEYS` (anthropic:KEY,openai:KEY) count then as well.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  byok serve\n  byok serve -p 9000 -c ./byok.yaml\n  byok serve --sandbox --db :memory:"
)]
pub(crate) struct Serve {
    /// The port to listen on [default: from the config, or 8018]
    #[arg(short, long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// The address to listen on [default: from the config, or 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<IpAddr>,
    /// Also offer upstreams that say back what they are told, for trying things out
    #[arg(long)]
    pub(crate) sandbox: bool,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// Show your accounts and how they are
///
/// Lists every account in the wallet and in the config: which one, what kind of key, whether it works,
/// and what to do if it does not. Works whether or not byok runs. Ends with 3 if there is no account.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byok status\n  byok status --all\n  byok --json status")]
pub(crate) struct Status {
    /// Also list the providers that you have no account with
    #[arg(short, long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// List your accounts, in the order in which they are used
///
/// A provider's accounts are tried in their order: the first one is used as long as it can be.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
#[command(
    after_help = "Examples:\n  byok accounts\n  byok accounts openai\n  byok accounts use openai work\n  \
                        byok accounts rename openai default private"
)]
pub(crate) struct Accounts {
    /// Only those of this provider
    pub(crate) provider: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Option<AccountsCommands>,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountsCommands {
    /// Use this account before the provider's others
    Use {
        /// The provider
        provider: String,
        /// The account that is to be first
        account: String,
        #[command(flatten)]
        files: Files,
    },
    /// Give an account another name
    Rename {
        /// The provider
        provider: String,
        /// What it is called now
        old: String,
        /// What it is to be called
        new: String,
        #[command(flatten)]
        files: Files,
    },
}

/// List the models that you can call now
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byok models\n  byok models anthropic\n  byok --json models")]
pub(crate) struct Models {
    /// Only those of this provider
    pub(crate) provider: Option<String>,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// Use the logins of the vendors' own programs
///
/// Looks for the logins that Claude Code, Codex, Gemini CLI and others keep on this machine, and shows what
/// it finds. They are read where they are: the other program keeps its login and goes on renewing it, and
/// byok follows. With --take the login is copied, and byok renews the copy; with most vendors, only one of
/// two programs can go on with the same login then.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byok import\n  byok import claude\n  byok import codex --take")]
pub(crate) struct Import {
    /// The program: claude, codex, gemini, copilot, qwen, kiro, kimi, or all
    #[arg(default_value = "all")]
    pub(crate) tool: String,
    /// Copy the login instead of reading it where it is
    #[arg(long)]
    pub(crate) take: bool,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// Take an account out of the wallet
///
/// A login is ended at the vendor first, where the vendor has a way for that; then the account is deleted
/// from this machine, even if the vendor could not be reached. An API key stays valid at the provider until
/// you revoke it there.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  byok logout anthropic\n  byok logout openai --account work\n  byok logout openai --all"
)]
pub(crate) struct Logout {
    /// The provider: anthropic, openai, gemini, …, or a name from your config
    pub(crate) provider: String,
    /// Which account, if you have several there
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    pub(crate) account: Option<String>,
    /// All accounts at this provider
    #[arg(long)]
    pub(crate) all: bool,
    /// Only delete it here; leave the login valid at the vendor
    #[arg(long)]
    pub(crate) keep_remote: bool,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// Protect the wallet, lock it, carry it to another machine
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Wallet {
    #[command(subcommand)]
    pub(crate) command: WalletCommands,
}

/// What can be done with the wallet as a whole.
#[derive(Debug, Subcommand)]
pub(crate) enum WalletCommands {
    /// Show where the wallet is, what protects it, and whether it is sound
    Status {
        #[command(flatten)]
        files: Files,
    },
    Passphrase(Passphrase),
    /// Have the running byok forget all credentials until `byok wallet unlock`
    Lock {
        #[command(flatten)]
        files: Files,
    },
    /// Give the passphrase to the running byok
    Unlock {
        #[command(flatten)]
        files: Files,
    },
    Export(Export),
    Import(WalletImport),
    /// Replace the key that the wallet is sealed with
    Rekey {
        #[command(flatten)]
        files: Files,
    },
}

/// Set or change the passphrase of the wallet, or take it away
///
/// With a passphrase, whoever gets your disk or a backup of it stays without your keys. byok asks for it
/// once each time it starts. The wallet gets a new key with every change. Scripts name the file that holds
/// the old passphrase in `BYOK_PASSPHRASE_FILE`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byok wallet passphrase\n  byok wallet passphrase --remove")]
pub(crate) struct Passphrase {
    /// Go back to the OS keyring, or to a key file where there is none
    #[arg(long)]
    pub(crate) remove: bool,
    /// Read the new passphrase from this file instead of asking
    #[arg(long, value_name = "FILE", conflicts_with = "remove")]
    pub(crate) new_passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// Write all accounts and apps into one encrypted file
///
/// The file has a passphrase of its own. It holds what another machine needs; usage stays here.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byok wallet export wallet.byok")]
pub(crate) struct Export {
    /// The file to write
    pub(crate) file: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Read the passphrase for the export from this file instead of asking
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// Take in what `byok wallet export` wrote
///
/// Nothing that is here is overwritten: an account whose name is taken gets another one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byok wallet import wallet.byok")]
pub(crate) struct WalletImport {
    /// The file to read
    pub(crate) file: PathBuf,
    /// Delete all accounts and apps that are here first
    #[arg(long)]
    pub(crate) replace: bool,
    /// Read the passphrase of the export from this file instead of asking
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// Check the config file, or show where it is
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) command: ConfigCommands,
}

/// What can be done with the config file.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommands {
    /// Read the file and say what is wrong with it
    Check {
        /// The file [default: the one that `byok config path` shows]
        file: Option<PathBuf>,
    },
    /// Show where the config file is
    Path,
}

/// Print completions for your shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  byok completions bash > ~/.local/share/bash-completion/completions/byok
  byok completions zsh > ~/.zfunc/_byok
  byok completions fish > ~/.config/fish/completions/byok.fish")]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

/// Where the wallet and the config are.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// The config file [default: config.yaml in ~/.byok, if there is one]
    #[arg(short, long, value_name = "FILE", help_heading = "Files")]
    pub(crate) config: Option<PathBuf>,
    /// The wallet, or :memory: for none on disk [default: tokens.db in ~/.byok]
    #[arg(long, value_name = "PATH", help_heading = "Files")]
    pub(crate) db: Option<PathBuf>,
}

/// The definition: commands in groups, and one help for each that says all of it in a few lines, whether it
/// was asked for with `-h` or `--help`.
pub(crate) fn command() -> Command {
    let command = Cli::command();
    let mut groups = String::new();
    for (heading, names) in GROUPS {
        let _ = writeln!(groups, "{HEADING}{heading}:{HEADING:#}");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(groups, "  {NAME}{name:<13}{NAME:#}{about}");
        }
        groups.push('\n');
    }
    let options = format!("{HEADING}For every command:{HEADING:#}\n{{options}}");
    let template = format!("{{about}}\n\n{{usage-heading}} {{usage}}\n\n{groups}{options}{{after-help}}");
    command.mut_subcommands(described).help_template(template)
}

/// The command with its whole description as its summary. clap would show the description, and then spread
/// each option over three lines, for `--help` only.
fn described(command: Command) -> Command {
    match command.get_long_about().cloned() {
        Some(description) => command.long_about(None).about(description),
        None => command,
    }
}

const ABOUT: &str = "Bring your own keys: your AI keys in one encrypted wallet on your own machine, served on
localhost to any tool, in the tool's own format.";

const EXAMPLES: &str = "Start here:
  byok demo               see it work, without any key
  byok login codex        log in with a subscription, or
  byok login anthropic    put a key into the wallet
  byok serve              then point a tool at http://localhost:8018

`byok COMMAND --help` tells all about one command. Your wallet and config are in ~/.byok
(BYOK_HOME moves them).";

/// Every command is in one of these; a test sees to it.
const GROUPS: [(&str, &[&str]); 3] = [
    ("Start", &["demo", "login", "serve"]),
    ("Look and change", &["status", "accounts", "models", "import", "logout"]),
    ("Set up", &["wallet", "config", "completions"]),
];

const HEADING: anstyle::Style = anstyle::Style::new().bold();
const NAME: anstyle::Style = AnsiColor::Cyan.on_default();
const STYLES: Styles = Styles::styled()
    .header(HEADING)
    .usage(HEADING)
    .literal(NAME)
    .placeholder(anstyle::Style::new())
    .valid(NAME)
    .invalid(AnsiColor::Yellow.on_default())
    .error(AnsiColor::Red.on_default().bold());

#[cfg(test)]
mod tests {
    use super::*;

    fn help(path: &[&str]) -> String {
        let mut command = command();
        command.build();
        let mut at = &mut command;
        for name in path {
            at = at.find_subcommand_mut(name).unwrap();
        }
        at.render_help().to_string()
    }

    #[test]
    fn definitions_are_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_is_in_one_group() {
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let command = command();
        let mut all: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        grouped.sort_unstable();
        all.sort_unstable();
        assert_eq!(grouped, all);
    }

    #[test]
    fn help_reads_well() {
        insta::assert_snapshot!("help", help(&[]));
        for name in [
            "demo",
            "login",
            "serve",
            "status",
            "accounts",
            "models",
            "import",
            "logout",
            "wallet",
            "config",
            "completions",
        ] {
            insta::assert_snapshot!(format!("help_{name}"), help(&[name]));
        }
        for name in ["passphrase", "export", "import"] {
            insta::assert_snapshot!(format!("help_wallet_{name}"), help(&["wallet", name]));
        }
    }
}
