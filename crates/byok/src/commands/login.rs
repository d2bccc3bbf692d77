//! `byok login`: a key from a person or a pipe, or the login of a subscription, into the wallet.
//!
//! How the wallet is protected, and what is known against the login, is shown before anything is written. A
//! key is read without an echo, and never taken from the command line or the environment. What a login
//! yields is stored under a name that nobody else's account has.

mod browser;
mod code;
mod device;
mod key;
mod place;
mod progress;
mod way;

use std::fmt::Write as _;
use std::sync::Arc;

use byok_auth::callback::Page;
use byok_auth::flow::{Grant, Known};
use byok_auth::{Http, Vault};
use byok_provider::row::{Calls, Health, HealthState};
use byok_provider::{Login, ProviderSpec};
use byok_store::{Held, Location, NewAccount, Protection, Store};
use byok_types::{AccountKey, Credential, Detail, TokenSet};
use serde_json::{Value, json};

use crate::cli;
use crate::commands::Error;
use crate::home::{Home, Providers, shown};
use crate::keyboard::{Echo, Keyboard};
use crate::signals;
use crate::terminal::{CODE, FAINT, GOOD, Terminal, WARNING, paint};

use place::Place;
use way::Way;

/// `byok login PROVIDER`
pub(crate) async fn run(args: &cli::Login, terminal: &Terminal) -> Result<(), Error> {
    tokio::select! {
        done = log_in(args, terminal) => done,
        // What was under way is dropped: its listener, its connections, and its hold on the terminal.
        () = signals::ended() => Err(Error::Interrupted),
    }
}

async fn log_in(args: &cli::Login, terminal: &Terminal) -> Result<(), Error> {
    let home = Home::find(&args.files, terminal)?;
    // Looked up before the wallet is made, so that a name with a typing mistake makes no files.
    let before = Providers::new(home.config.clone(), home.look().await?, terminal.redactor()).await?;
    let spec = super::find_provider(&args.provider, &before.upstreams)?;
    let logins = before.upstreams.logins(&spec);
    let way = way::choose(args, &spec, &logins)?;
    let mut keyboard = Keyboard::new();
    match &way {
        Way::Key if !args.api_key_stdin && keyboard.is_none() => return Err(Error::NoTerminal),
        Way::Login(login) if must_ask(login.health) && !args.yes && keyboard.is_none() => {
            let reason = format!("{} is {}: {}", spec.name, login.health.state.name(), login.health.reason);
            return Err(Error::NotAgreed { reason });
        }
        Way::Key | Way::Login(_) => {}
    }
    let store = home.open(args.require).await?;
    let configured = before.configured(&spec.id).await.is_some();
    let session = Session { args, terminal, home: &home, spec: &spec, store: &store };
    terminal.aside(&session.protection(&way));
    terminal.aside(&session.cautions(&way, configured));
    let done = match way {
        Way::Key => key::run(&session, keyboard.as_mut()).await,
        Way::Login(login) => {
            session.agree(login, keyboard.as_mut()).await?;
            session.log_in(login, before.upstreams.http(&spec), keyboard).await
        }
    };
    store.close().await;
    let Done { text, value } = done?;
    terminal.result(&format!("{text}{}", next(&home)), &value);
    Ok(())
}

/// One run of the command.
struct Session<'a> {
    args: &'a cli::Login,
    terminal: &'a Terminal,
    home: &'a Home,
    spec: &'a ProviderSpec,
    store: &'a Store,
}

/// What it came to.
struct Done {
    text: String,
    value: Value,
}

/// A login as it came from its vendor, and the browser, if one waits for a page.
struct Fresh {
    tokens: TokenSet,
    visitor: code::Visitor,
}

impl Session<'_> {
    async fn log_in(
        &self,
        login: &Login,
        http: Arc<dyn Http>,
        keyboard: Option<Keyboard>,
    ) -> Result<Done, Error> {
        let asked = self.args.account.as_deref().map(place::name).transpose()?;
        let wallet = self.store.wallet().await?;
        let mine: Vec<Held> =
            wallet.accounts.into_iter().filter(|held| held.account.key.provider == self.spec.id).collect();
        place::check(&mine, asked.as_ref())?;
        let known = self.known(login, &mine, asked.as_ref())?;
        let fresh = match login.flow.grant {
            Grant::Code(_) => code::run(self, login, known, &*http, keyboard).await?,
            Grant::Device(_) => device::run(self, login, known, &*http).await?,
        };
        let Fresh { mut tokens, visitor } = fresh;
        self.learn(&tokens);
        tokens.details.set(Detail::Flow, login.flow.name);
        let label = tokens.label.clone();
        match self.keep(login, tokens, &mine, asked).await {
            Ok(done) => {
                visitor.show(Page::Done { provider: self.spec.name.clone(), label }).await;
                Ok(done)
            }
            Err(error) => {
                let reason = format!("The login could not be stored: {error}");
                visitor.show(Page::Failed { provider: self.spec.name.clone(), reason }).await;
                Err(error)
            }
        }
    }

    /// What is known before the login begins.
    fn known(
        &self,
        login: &Login,
        mine: &[Held],
        asked: Option<&byok_types::AccountId>,
    ) -> Result<Known, Error> {
        let earlier = place::earlier(mine, asked).cloned();
        let host_id = mine.iter().find_map(|held| match &held.credential {
            Ok(Credential::OAuth(tokens)) => tokens.details.get(Detail::HostId).map(ToOwned::to_owned),
            _ => None,
        });
        Ok(Known {
            host_id: host_id.map_or_else(new_host_id, Ok)?,
            earlier,
            start_url: self.args.start_url.clone(),
            region: self.args.region.clone(),
            project: way::project(self.args, login),
        })
    }

    /// Stores a login under a name of its own.
    async fn keep(
        &self,
        login: &Login,
        tokens: TokenSet,
        mine: &[Held],
        asked: Option<byok_types::AccountId>,
    ) -> Result<Done, Error> {
        let place = place::of(mine, asked, &tokens)?;
        let renewed = matches!(place, Place::Renewed(_));
        let (Place::New(account) | Place::Renewed(account)) = place;
        let key = AccountKey::new(self.spec.id.clone(), account);
        let (label, expires_at) = (tokens.label.clone(), tokens.expires_at);
        let vault = Vault::new(self.store.clone()).await?;
        vault
            .login(NewAccount {
                key: key.clone(),
                credential: Credential::OAuth(tokens),
                base_url: None,
                label: label.clone(),
            })
            .await?;
        let whose = label.as_ref().map(|label| format!(" as {label}")).unwrap_or_default();
        let what = if renewed { "the login is renewed:" } else { "logged in to" };
        let mut text =
            format!("{} {what} {}{whose} (account {})\n", paint(GOOD, "done:"), self.spec.name, key.account);
        if login.calls == Calls::NotYet {
            let mut note = "this version keeps this login, but cannot make calls with it yet".to_owned();
            if self.spec.takes_key() {
                let _ = write!(note, "; with an API key it can: byok login {} --api-key", self.spec.id);
            }
            let _ = writeln!(text, "{} {note}", paint(WARNING, "note:"));
        }
        let expires = expires_at.and_then(|end| end.duration_since(std::time::UNIX_EPOCH).ok());
        let value = json!({
            "provider": key.provider.as_str(), "account": key.account.as_str(), "kind": "login",
            "flow": login.flow.name, "label": label, "renewed": renewed,
            "expires_at": expires.map(|end| end.as_secs()), "usable": login.calls == Calls::Ready,
            "protection": self.store.protection().name(),
        });
        Ok(Done { text, value })
    }

    /// What was given out must not be printed from now on.
    fn learn(&self, tokens: &TokenSet) {
        let secrets = [&tokens.access].into_iter().chain(&tokens.refresh).cloned();
        self.terminal.redactor().learn(secrets);
    }

    /// Asks whether to go on where the login may not be worth it, or may harm.
    async fn agree(&self, login: &Login, keyboard: Option<&mut Keyboard>) -> Result<(), Error> {
        let Some(keyboard) = keyboard.filter(|_| must_ask(login.health) && !self.args.yes) else {
            return Ok(());
        };
        loop {
            self.terminal.aside("Go on? [y/N] ");
            keyboard.ask(Echo::Shown);
            let answer = keyboard.line().await;
            match answer.as_ref().map(|answer| answer.expose().trim().to_ascii_lowercase()).as_deref() {
                Some("y" | "yes") => return Ok(()),
                Some("" | "n" | "no") => return Err(Error::Declined),
                None => {
                    self.terminal.aside("\n");
                    return Err(Error::Declined);
                }
                Some(_) => {}
            }
        }
    }

    /// What keeps the credential from whoever gets the files, before they are written.
    fn protection(&self, way: &Way<'_>) -> String {
        let what = match way {
            Way::Key => "key",
            Way::Login(_) => "login",
        };
        let protection = self.store.protection();
        let place = match &self.home.location {
            Location::File(path) => shown(path),
            Location::Memory => {
                let note =
                    format!("the wallet is in memory only: this {what} is gone when this command ends");
                return format!("{} {note}\n", paint(WARNING, "note:"));
            }
        };
        let text = format!("Your {what} will be encrypted in {place}, protected by {protection}.\n");
        if protection.survives_theft() {
            return text;
        }
        format!(
            "{text}{} whoever has the disk or a backup of it can read that file too. A passphrase protects\n      \
             better: put one into a file, and name the file in BYOK_PASSPHRASE_FILE before the first login.\n",
            paint(WARNING, "note:"),
        )
    }

    /// What the person should know about this provider before they go on.
    fn cautions(&self, way: &Way<'_>, configured: bool) -> String {
        let spec = self.spec;
        let mut text = String::new();
        let mut caution = |what: &str| {
            let _ = writeln!(text, "{} {what}", paint(WARNING, "note:"));
        };
        let health = match way {
            Way::Key => spec.health,
            Way::Login(login) => login.health,
        };
        if health.state != HealthState::Ok {
            let what = match way {
                Way::Key => spec.name.clone(),
                Way::Login(_) => format!("this login of {}", spec.name),
            };
            caution(&format!("{what} is {} since {}: {}", health.state.name(), health.since, health.reason));
        }
        if let Way::Login(login) = way {
            caution(login.terms);
            if must_ask(login.health) && spec.takes_key() && !login.terms.contains("byok login") {
                caution(&format!("with an API key instead: byok login {} --api-key", spec.id));
            }
        }
        if !spec.enabled {
            caution(&format!("{} is switched off in your config (providers.{}.enabled)", spec.name, spec.id));
        }
        if configured {
            caution(&format!(
                "the key in your config (providers.{}.api_key) is used before this one",
                spec.id
            ));
        }
        if spec.endpoints.is_empty() && matches!(way, Way::Key) {
            caution(&format!(
                "{} also needs an address in your config: providers.{}.base_url",
                spec.name, spec.id
            ));
        }
        text
    }
}

/// Whether a person should say that they want it all the same.
fn must_ask(health: Health) -> bool {
    health.state != HealthState::Ok
}

/// An id for this installation, which vendors that want one see at every login.
fn new_host_id() -> Result<String, Error> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
    // A random UUID (RFC 9562, 5.4).
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok(format!("urn:uuid:{}", parts.join("-")))
}

fn next(home: &Home) -> String {
    let command = |text: &str| paint(CODE, text);
    match home.location {
        Location::Memory => String::new(),
        Location::File(_) => format!(
            "{} {} runs the proxy, {} shows your accounts\n",
            paint(FAINT, "next:"),
            command("byok serve"),
            command("byok status"),
        ),
    }
}

/// The protections that can be asked for.
pub(crate) fn required(text: &str) -> Result<Protection, byok_store::UnknownProtection> {
    text.parse()
}
