//! `byok status`: every account, how it is, and what to do about it.
//!
//! It looks at the wallet and the config itself, so it works whether or not byok runs; whether it does is
//! asked of the address in the config.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use byok_provider::row::{HealthState, KeyNeed};
use byok_provider::{Login, ProviderSpec};
use byok_store::{Account, AccountState, Location, Store};
use byok_types::CredentialKind;
use http::StatusCode;
use serde_json::{Value, json};

use crate::cli;
use crate::client;
use crate::commands::Error;
use crate::control;
use crate::home::{CONFIG, Home, Providers, shown};
use crate::terminal::{BAD, CODE, FAINT, GOOD, STRONG, Table, Terminal, WARNING, paint};
use crate::when::{unix, when};

/// How long a running byok may take to say so.
const ANSWER: Duration = Duration::from_millis(500);

/// `byok status`
pub(crate) async fn run(args: &cli::Status, terminal: &Terminal) -> Result<(), Error> {
    let home = Home::find(&args.files, terminal)?;
    let store = home.look().await?;
    let accounts = store.accounts().await?;
    let providers = Providers::new(home.config.clone(), store.clone(), terminal.redactor()).await?;
    let entries = entries(&providers, &accounts).await;
    let server = server(&home).await;
    let running = home.running();

    let usable = entries.iter().any(|entry| is_mine(entry) && entry.is_usable());
    let seen = Seen { home: &home, store: &store, server, running, now: SystemTime::now() };
    let text = seen.text(&entries, args.all);
    let value = seen.value(&entries);
    store.close().await;
    terminal.result(&text, &value);
    if usable { Ok(()) } else { Err(Error::NothingUsable) }
}

/// One line: an account, or a provider without one.
struct Entry {
    provider: String,
    title: String,
    account: Option<String>,
    /// A key, or which login.
    how: String,
    /// Who it belongs to.
    label: Option<String>,
    hint: String,
    /// When the token of a login ends and when it was last renewed.
    expires_at: Option<SystemTime>,
    renewed_at: Option<SystemTime>,
    /// When a renewal began that was never heard of again.
    cut_off_at: Option<SystemTime>,
    state: State,
    /// What last went wrong.
    last_error: Option<String>,
    /// What is known against the provider.
    health: &'static str,
    reason: &'static str,
    since: &'static str,
    /// The command or setting that mends it.
    todo: Option<String>,
}

/// How an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The last call with it failed.
    Failing,
    /// Something is missing that calls need.
    Incomplete,
    /// Its vendor has ended the login.
    NeedsLogin,
    /// There is no key.
    NoKey,
    /// The config switches it off.
    Off,
    /// It can be used.
    Ok,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Incomplete => "incomplete",
            Self::NeedsLogin => "needs login",
            Self::NoKey => "no key",
            Self::Off => "off",
            Self::Ok => "ok",
        }
    }
}

impl Entry {
    fn is_usable(&self) -> bool {
        matches!(self.state, State::Ok | State::Failing)
    }

    fn of(spec: &ProviderSpec, logins: &[Login], account: Option<&Account>) -> Self {
        let (provider, title) = (spec.id.to_string(), spec.name.clone());
        // What is known against a login may not hold for a key, and the other way round.
        let flow = account.and_then(|account| account.flow.as_deref());
        let login = logins.iter().find(|login| Some(login.flow.name) == flow);
        let health = login.map_or(spec.health, |login| login.health);
        let key = account.map(|account| &account.key);
        let last_error = account.and_then(|account| account.last_error.clone());
        let state = if !spec.enabled {
            State::Off
        } else if spec.endpoints.is_empty() {
            State::Incomplete
        } else if account.is_some_and(|account| account.state == AccountState::NeedsLogin) {
            State::NeedsLogin
        } else if last_error.is_some() {
            State::Failing
        } else {
            State::Ok
        };
        let todo = match state {
            State::Failing | State::NeedsLogin => {
                let is_login = account.is_some_and(|account| account.kind == CredentialKind::OAuth);
                let name = if is_login { spec.login_name() } else { provider.as_str() };
                key.map(|key| login_command(name, key.account.as_str()))
            }
            State::Incomplete => Some(format!("set providers.{provider}.base_url in the config")),
            State::Off => Some(format!("set providers.{provider}.enabled to true in the config")),
            State::NoKey | State::Ok => None,
        };
        Self {
            provider,
            title,
            account: key.map(|key| key.account.to_string()),
            how: account.map_or_else(
                || kind(CredentialKind::None).to_owned(),
                |account| login.map_or_else(|| how(account), |login| login.flow.title.to_owned()),
            ),
            label: account.and_then(|account| account.label.clone()),
            expires_at: account.and_then(|account| account.expires_at),
            renewed_at: account.and_then(|account| account.renewed_at),
            cut_off_at: account.and_then(|account| account.cut_off_at),
            hint: account.and_then(|account| account.hint.clone()).unwrap_or_default(),
            state,
            last_error,
            health: health.state.name(),
            reason: health.reason,
            since: health.since,
            todo,
        }
    }

    fn json(&self) -> Value {
        json!({
            "provider": self.provider, "name": self.title, "account": self.account, "kind": self.how,
            "label": self.label, "expires_at": self.expires_at.map(unix),
            "renewed_at": self.renewed_at.map(unix), "renewal_cut_off_at": self.cut_off_at.map(unix), "hint": self.hint, "state": self.state.name(), "usable": self.is_usable(),
            "last_error": self.last_error, "todo": self.todo,
            "health": {"state": self.health, "reason": self.reason, "since": self.since},
        })
    }
}

/// The accounts in the order of their use, then the providers that have none.
async fn entries(providers: &Providers, accounts: &[Account]) -> Vec<Entry> {
    let mut with = Vec::new();
    let mut without = Vec::new();
    let mut known = Vec::new();
    for spec in providers.upstreams.providers() {
        known.push(spec.id.clone());
        let before = with.len();
        let logins = providers.upstreams.logins(&spec);
        if let Some(hint) = providers.configured(&spec.id).await {
            let mut entry = Entry::of(&spec, &logins, None);
            entry.account = Some(CONFIG.to_owned());
            kind(CredentialKind::ApiKey).clone_into(&mut entry.how);
            entry.hint = hint;
            with.push(entry);
        }
        let mine = accounts.iter().filter(|account| account.key.provider == spec.id);
        with.extend(mine.map(|account| Entry::of(&spec, &logins, Some(account))));
        if with.len() > before {
            continue;
        }
        let mut entry = Entry::of(&spec, &logins, None);
        let local = spec.key_need == KeyNeed::Optional;
        if !local && entry.state == State::Ok {
            entry.state = State::NoKey;
            entry.todo = Some(format!("byok login {}", spec.id));
        }
        // A provider of the person's own that asks for no key is an account in all but name.
        if local && spec.row.is_none() { with.push(entry) } else { without.push(entry) }
    }
    // The config may have lost a provider whose key is still here.
    for account in accounts.iter().filter(|account| !known.contains(&account.key.provider)) {
        let provider = account.key.provider.to_string();
        with.push(Entry {
            title: provider.clone(),
            todo: Some(format!("describe it in the config, or: byok logout {provider}")),
            provider,
            account: Some(account.key.account.to_string()),
            how: how(account),
            label: account.label.clone(),
            expires_at: account.expires_at,
            renewed_at: account.renewed_at,
            cut_off_at: account.cut_off_at,
            hint: account.hint.clone().unwrap_or_default(),
            state: State::Incomplete,
            last_error: account.last_error.clone(),
            health: HealthState::Ok.name(),
            reason: "",
            since: "",
        });
    }
    with.append(&mut without);
    with
}

/// How the person got in.
fn how(account: &Account) -> String {
    match &account.flow {
        Some(flow) => format!("{} ({flow})", kind(account.kind)),
        None => kind(account.kind).to_owned(),
    }
}

/// A kind of credential, for people.
pub(crate) fn kind(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::ApiKey => "API key",
        CredentialKind::Linked => "login of another program",
        CredentialKind::None => "no key needed",
        CredentialKind::OAuth => "login",
    }
}

fn login_command(provider: &str, account: &str) -> String {
    if account == "default" {
        format!("byok login {provider}")
    } else {
        format!("byok login {provider} --account {account}")
    }
}

/// A byok that answers at the address of the config.
struct Running {
    address: SocketAddr,
    version: String,
}

async fn server(home: &Home) -> Option<Running> {
    let host = client::reachable(home.config.host);
    let address = SocketAddr::new(host, home.config.port);
    let answer = tokio::time::timeout(ANSWER, client::get(address, "/healthz")).await.ok()?.ok()?;
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    // Whatever else listens there has another answer.
    let ours = answer.status == StatusCode::OK && body["status"] == "ok";
    let version = body["version"].as_str().filter(|_| ours)?.to_owned();
    Some(Running { address, version })
}

/// What was found besides the accounts.
struct Seen<'a> {
    home: &'a Home,
    store: &'a Store,
    /// The byok that answers at the address of the config.
    server: Option<Running>,
    /// The one that has this wallet, which may listen elsewhere.
    running: Option<control::State>,
    now: SystemTime,
}

impl Seen<'_> {
    fn text(&self, entries: &[Entry], all: bool) -> String {
        let (mine, others): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| is_mine(entry));
        let mut text = String::new();
        if !mine.is_empty() {
            text.push_str(&table(&mine, self.now).lines(""));
            text.push_str(&notes(&mine, self.now));
        }
        if all {
            let _ = writeln!(text, "\n{}", paint(STRONG, "Providers without an account"));
            text.push_str(&other_table(&others).lines(""));
            text.push_str(&notes(&others, self.now));
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&self.facts().lines(""));
        if !all && !mine.is_empty() {
            let count = others.len();
            let more = format!("{count} more providers are known; `byok status --all` lists them.");
            let _ = writeln!(text, "\n{}", paint(FAINT, &more));
        }
        text
    }

    /// Where byok runs, where the wallet is and how it is protected, whether tools need a key.
    fn facts(&self) -> Table {
        let Self { home, store, server, running, .. } = self;
        let byok = match server {
            Some(server) => {
                format!("running on http://{}, version {}", client::spoken(server.address), server.version)
            }
            None => "not running; start it with: byok serve".to_owned(),
        };
        let wallet = match &home.location {
            Location::File(path) if home.has_wallet() => {
                let protection = store.protection();
                let limit = if protection.survives_theft() {
                    ""
                } else {
                    ", which does not help if the disk is stolen"
                };
                let locked = store.is_locked() || running.is_some_and(|running| running.locked);
                let locked = if locked {
                    let here = store.is_locked();
                    format!(", {}", super::wallet::locked_text(protection, here, running.as_ref()))
                } else {
                    String::new()
                };
                format!("{}, protected by {protection}{limit}{locked}", shown(path))
            }
            Location::File(path) => format!("{}, not there yet", shown(path)),
            Location::Memory => "in memory only".to_owned(),
        };
        let config = shown(&home.config_path);
        let config =
            if home.config_text.is_some() { config } else { format!("{config}, not there; defaults apply") };
        let keys = if home.config.require_key {
            "need a byk_ key (require_key is on)"
        } else {
            "need no key of their own on this machine (require_key is off)"
        };
        let mut table = Table::default();
        for (name, value) in [("byok", &*byok), ("wallet", &*wallet), ("config", &*config), ("tools", keys)] {
            table.row([(FAINT, name), (anstyle::Style::new(), value)]);
        }
        table
    }

    fn value(&self, entries: &[Entry]) -> Value {
        let Self { home, store, server, running, .. } = self;
        let protection = home.has_wallet().then(|| store.protection());
        let wallet = match &home.location {
            Location::File(path) => path.display().to_string(),
            Location::Memory => ":memory:".to_owned(),
        };
        let (mine, others): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| is_mine(entry));
        let list = |entries: Vec<&Entry>| entries.into_iter().map(Entry::json).collect::<Vec<_>>();
        json!({
            "accounts": list(mine),
            "providers_without_account": list(others),
            "server": server.as_ref().map(|server| json!({
                "address": format!("http://{}", client::spoken(server.address)), "version": server.version,
            })),
            "wallet": {
                "path": wallet,
                "locked": running.map_or(store.is_locked(), |running| running.locked),
                "protection": protection.map(|protection| json!({
                    "name": protection.name(), "survives_theft": protection.survives_theft(),
                })),
            },
            "config": {"path": home.config_path, "present": home.config_text.is_some()},
            "require_key": home.config.require_key,
        })
    }
}

/// Whether the line is about an account of the person's, as opposed to a provider that they could use.
fn is_mine(entry: &Entry) -> bool {
    entry.account.is_some() || (entry.state == State::Ok && entry.provider == entry.title)
}

fn table(entries: &[&Entry], now: SystemTime) -> Table {
    let mut table = Table::default();
    // A column that would be empty has no heading.
    let heading = |text: &'static str, has: fn(&Entry) -> bool| {
        (FAINT, if entries.iter().any(|entry| has(entry)) { text } else { "" })
    };
    table.row([
        (FAINT, "PROVIDER"),
        (FAINT, "ACCOUNT"),
        (FAINT, "KIND"),
        heading("OF", |entry| entry.label.is_some()),
        heading("KEY", |entry| !entry.hint.is_empty()),
        heading("EXPIRES", |entry| entry.expires_at.is_some()),
        heading("RENEWED", |entry| entry.renewed_at.is_some()),
        (FAINT, "STATE"),
    ]);
    let time = |at: Option<SystemTime>| at.map(|at| when(at, now)).unwrap_or_default();
    for entry in entries {
        let (state, style) = match (entry.state, entry.health) {
            (State::Ok, "closed") => ("closed", BAD),
            (State::Ok, "restricted") => ("restricted", WARNING),
            (State::Ok, _) => ("ok", GOOD),
            (State::Failing | State::NeedsLogin, _) => (entry.state.name(), BAD),
            (State::NoKey | State::Off, _) => (entry.state.name(), FAINT),
            (State::Incomplete, _) => ("incomplete", WARNING),
        };
        table.row([
            (STRONG, entry.provider.as_str()),
            (FAINT, entry.account.as_deref().unwrap_or_default()),
            (FAINT, if entry.state == State::NoKey { "" } else { &*entry.how }),
            (FAINT, entry.label.as_deref().unwrap_or_default()),
            (FAINT, entry.hint.as_str()),
            (FAINT, &*time(entry.expires_at)),
            (FAINT, &*time(entry.renewed_at)),
            (style, state),
            (CODE, entry.todo.as_deref().unwrap_or_default()),
        ]);
    }
    table
}

/// The providers that the person has no account with.
fn other_table(entries: &[&Entry]) -> Table {
    let mut table = Table::default();
    for entry in entries {
        let todo = entry.todo.as_deref().unwrap_or("needs no key; it is used where it runs");
        table.row([(STRONG, entry.provider.as_str()), (FAINT, entry.title.as_str()), (CODE, todo)]);
    }
    table
}

/// What does not fit into a cell: why an account fails, and what is known against a provider.
fn notes(entries: &[&Entry], now: SystemTime) -> String {
    let mut notes: Vec<String> = Vec::new();
    for entry in entries {
        if let Some(error) = &entry.last_error {
            let account = entry.account.as_deref().unwrap_or_default();
            notes.push(format!("  {} {account}: {error}\n", entry.provider));
        }
        if let Some(at) = entry.cut_off_at {
            let account = entry.account.as_deref().unwrap_or_default();
            notes.push(format!(
                "  {} {account}: a renewal of the login was cut off {}; if it is refused, log in again\n",
                entry.provider,
                when(at, now),
            ));
        }
        if !entry.reason.is_empty() {
            notes.push(format!(
                "  {} ({} since {}): {}\n",
                entry.provider, entry.health, entry.since, entry.reason
            ));
        }
    }
    notes.dedup();
    if notes.is_empty() { String::new() } else { format!("\n{}", notes.concat()) }
}
