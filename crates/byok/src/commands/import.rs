//! `byok import`: the logins of the vendors' own programs, used where they are or copied.
//!
//! Nothing is written unless something was found, and no account is ever overwritten: a login that is here
//! already keeps its name, a new one gets a free name.

use std::fmt::Write as _;
use std::time::SystemTime;

use byok_auth::Vault;
use byok_auth::import::{Found, Kept, Tool};
use byok_provider::ProviderSpec;
use byok_provider::row::{Calls, HealthState};
use byok_store::{Held, NewAccount};
use byok_types::{AccountId, AccountKey, Credential, Detail, Link, ProviderId};
use serde_json::{Value, json};

use crate::cli;
use crate::commands::{Error, login};
use crate::home::{Home, Providers, shown};
use crate::terminal::{CODE, FAINT, GOOD, STRONG, Table, Terminal, WARNING, paint};

/// `byok import [PROGRAM]`
pub(crate) async fn run(args: &cli::Import, terminal: &Terminal) -> Result<(), Error> {
    let home = Home::find(&args.files, terminal)?;
    let before = Providers::new(home.config.clone(), home.look().await?, terminal.redactor()).await?;
    let sources = look(&before.upstreams.providers(), &args.tool)?;
    let mut news = Vec::new();
    if sources.iter().any(|source| source.found.logins.is_ok()) {
        let store = home.open(None).await?;
        terminal.aside(&login::protection("login", &store, &home.location));
        let vault = Vault::new(store.clone()).await?;
        for source in sources {
            news.extend(bring(source, args.take, &vault, &store.wallet().await?.accounts).await?);
        }
        store.close().await;
    } else {
        news.extend(sources.into_iter().map(Source::skipped));
    }
    if news.is_empty() {
        return Err(Error::NothingToImport { places: places(&args.tool, &before) });
    }
    let usable = news.iter().any(|one| one.account.is_some());
    terminal
        .result(&text(&news, args.take), &json!({"found": news.iter().map(New::json).collect::<Vec<_>>()}));
    if usable { Ok(()) } else { Err(Error::NothingUsable) }
}

/// A file that was found, and whose it is.
struct Source {
    tool: &'static Tool,
    provider: ProviderId,
    /// What is known against the provider; empty where nothing is.
    caution: String,
    found: Found,
}

/// What became of a login, or of a file without one.
struct New {
    program: &'static str,
    path: String,
    caution: String,
    /// Who it belongs to, and the plan, where the file tells.
    owner: String,
    expires_at: Option<SystemTime>,
    account: Option<AccountKey>,
    how: How,
    /// What renews it in place.
    renewed_by: &'static str,
}

/// How a login is used from now on.
enum How {
    /// It was here before.
    Already,
    Copied,
    InPlace,
    Skipped(String),
}

/// Looks for the programs that are meant.
fn look(providers: &[std::sync::Arc<ProviderSpec>], wanted: &str) -> Result<Vec<Source>, Error> {
    let mut sources = Vec::new();
    let mut known = Vec::new();
    for spec in providers {
        for tool in spec.row.map(|row| row.tools).unwrap_or_default() {
            known.push(tool.name);
            if wanted != "all" && wanted != tool.name {
                continue;
            }
            let caution = caution(spec, tool);
            sources.extend(tool.find(&|name| std::env::var_os(name)).into_iter().map(|found| Source {
                tool,
                provider: spec.id.clone(),
                caution: caution.clone(),
                found,
            }));
        }
    }
    if wanted != "all" && !known.contains(&wanted) {
        known.sort_unstable();
        return Err(Error::UnknownTool { name: wanted.to_owned(), known });
    }
    Ok(sources)
}

/// What is known against using this program's login, and whether calls can be made with it.
fn caution(spec: &ProviderSpec, tool: &Tool) -> String {
    let Some(way) = spec.way(Some(tool.flow)) else { return String::new() };
    let mut text = match way.health.state {
        HealthState::Ok => String::new(),
        state => format!("this login of {} is {}: {}", spec.name, state.name(), way.health.reason),
    };
    if way.calls == Calls::NotYet {
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str("this version of byok keeps it and follows it, but cannot make calls with it yet");
    }
    text
}

/// Where was looked, for people.
fn places(wanted: &str, providers: &Providers) -> Vec<String> {
    let all = providers.upstreams.providers();
    let rows = all.iter().filter_map(|spec| spec.row);
    let tools = rows.flat_map(|row| row.tools).filter(|tool| wanted == "all" || wanted == tool.name);
    let environment = |name: &str| std::env::var_os(name);
    tools
        .flat_map(|tool| tool.places.iter().filter_map(move |place| place.path(&environment)))
        .map(|path| shown(&path))
        .collect()
}

impl Source {
    fn new_of(&self, kept: Option<&Kept>, account: Option<AccountKey>, how: How) -> New {
        let tokens = kept.and_then(|kept| match &kept.credential {
            Credential::OAuth(tokens) => Some(tokens),
            _ => None,
        });
        let label = tokens.and_then(|tokens| tokens.label.clone());
        let plan =
            tokens.and_then(|tokens| tokens.details.get(Detail::Plan)).map(|plan| format!("{plan} plan"));
        New {
            program: self.tool.title,
            path: shown(&self.found.path),
            caution: self.caution.clone(),
            owner: [label, plan].into_iter().flatten().collect::<Vec<_>>().join(", "),
            expires_at: tokens.and_then(|tokens| tokens.expires_at),
            account,
            how,
            renewed_by: self.tool.renewed_by,
        }
    }

    /// What becomes of a file that nothing can be taken from.
    fn skipped(self) -> New {
        let reason = self.found.logins.as_ref().err().map(ToString::to_string).unwrap_or_default();
        self.new_of(None, None, How::Skipped(reason))
    }
}

/// Stores what is in one file.
async fn bring(source: Source, take: bool, vault: &Vault, held: &[Held]) -> Result<Vec<New>, Error> {
    let Ok(logins) = &source.found.logins else { return Ok(vec![source.skipped()]) };
    let mut news = Vec::new();
    let mut names: Vec<AccountKey> = held.iter().map(|held| held.account.key.clone()).collect();
    for kept in logins {
        let provider = match (&kept.credential, source.tool.keys) {
            (Credential::ApiKey(_), Some(keys)) => ProviderId::from(keys),
            _ => source.provider.clone(),
        };
        let (credential, how) = credential(&source, kept, take);
        if let Some(here) =
            held.iter().find(|held| held.account.key.provider == provider && is_same(held, &credential))
        {
            news.push(source.new_of(Some(kept), Some(here.account.key.clone()), How::Already));
            continue;
        }
        let key = free(&provider, source.tool.name, &names);
        names.push(key.clone());
        let label = match &kept.credential {
            Credential::OAuth(tokens) => tokens.label.clone(),
            _ => None,
        };
        vault.login(NewAccount { key: key.clone(), credential, base_url: None, label }).await?;
        news.push(source.new_of(Some(kept), Some(key), how));
    }
    Ok(news)
}

/// What is stored for a login: the way to it, or a copy where the person asked for one or where two programs
/// can use the same one for ever.
fn credential(source: &Source, kept: &Kept, take: bool) -> (Credential, How) {
    match &kept.credential {
        Credential::OAuth(_) if kept.rotates && !take => {
            let link = Link {
                path: source.found.path.clone(),
                shape: source.tool.shape.name().to_owned(),
                entry: kept.entry.clone(),
            };
            (Credential::Linked(link), How::InPlace)
        }
        Credential::OAuth(tokens) => {
            let mut tokens = tokens.clone();
            tokens.details.set(Detail::Flow, source.tool.flow);
            (Credential::OAuth(tokens), How::Copied)
        }
        other => (other.clone(), How::Copied),
    }
}

/// Whether an account is of that login already.
fn is_same(held: &Held, new: &Credential) -> bool {
    let refresh =
        |tokens: &byok_types::TokenSet| tokens.refresh.as_ref().map(|token| token.expose().to_owned());
    match (&held.credential, new) {
        (Ok(Credential::Linked(a)), Credential::Linked(b)) => a == b,
        (Ok(Credential::ApiKey(a)), Credential::ApiKey(b)) => a.expose() == b.expose(),
        (Ok(Credential::OAuth(a)), Credential::OAuth(b)) => refresh(a).is_some() && refresh(a) == refresh(b),
        _ => false,
    }
}

/// A name that is not taken: the usual one, else the program's.
fn free(provider: &ProviderId, program: &str, taken: &[AccountKey]) -> AccountKey {
    let key = |name: &str| AccountKey::new(provider.clone(), AccountId::from(name));
    let usual = AccountKey::default_of(provider.clone());
    let numbered = (2..).map(|number| key(&format!("{program}-{number}")));
    let mut names = [usual, key(program)].into_iter().chain(numbered);
    // The numbers do not end.
    names.find(|name| !taken.contains(name)).unwrap_or_else(|| key(program))
}

impl New {
    fn json(&self) -> Value {
        let expires_at = self.expires_at.and_then(|end| end.duration_since(SystemTime::UNIX_EPOCH).ok());
        let (how, reason) = match &self.how {
            How::Already => ("already", None),
            How::Copied => ("copied", None),
            How::InPlace => ("in-place", None),
            How::Skipped(reason) => ("skipped", Some(reason)),
        };
        json!({
            "program": self.program, "path": self.path, "owner": self.owner,
            "expires_at": expires_at.map(|end| end.as_secs()),
            "provider": self.account.as_ref().map(|key| key.provider.as_str()),
            "account": self.account.as_ref().map(|key| key.account.as_str()),
            "how": how, "reason": reason,
        })
    }
}

fn text(news: &[New], take: bool) -> String {
    let mut table = Table::default();
    for new in news {
        let account = new.account.as_ref().map(ToString::to_string).unwrap_or_default();
        let (style, how) = match &new.how {
            How::Already => (FAINT, format!("is already here as {account}")),
            How::Copied => (GOOD, format!("copied to {account}")),
            How::InPlace => (GOOD, format!("read in place, as {account}")),
            How::Skipped(reason) => (WARNING, format!("left out: {reason}")),
        };
        table.row([
            (STRONG, new.program),
            (FAINT, new.path.as_str()),
            (anstyle::Style::new(), new.owner.as_str()),
            (style, how.as_str()),
        ]);
    }
    let mut text = table.lines("");
    let mut notes: Vec<String> = Vec::new();
    for new in news.iter().filter(|new| new.account.is_some() && !new.caution.is_empty()) {
        notes.push(new.caution.clone());
    }
    for new in news {
        match new.how {
            How::InPlace => notes.push(format!(
                "{} keeps renewing its login; when that is over, start it once: {}",
                new.program,
                paint(CODE, new.renewed_by)
            )),
            How::Copied if take && new.expires_at.is_some() => notes.push(format!(
                "byok renews its copy of {}'s login now; that program may have to log in again",
                new.program
            )),
            _ => {}
        }
    }
    notes.dedup();
    for note in notes {
        let _ = writeln!(text, "{} {note}", paint(WARNING, "note:"));
    }
    text
}
