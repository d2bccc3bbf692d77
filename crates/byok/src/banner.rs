//! What a person sees when byok begins to serve: the address, the accounts that work, what to paste.

use std::fmt::Write as _;
use std::net::SocketAddr;

use byok_store::Account;
use serde_json::{Value, json};

use crate::client::spoken;
use crate::home::{CONFIG, Providers};
use crate::terminal::{CODE, FAINT, GOOD, STRONG, Table, WARNING, paint};

/// What is shown at the start.
#[derive(Debug)]
pub(crate) struct Banner {
    address: SocketAddr,
    base: String,
    require_key: bool,
    locked: bool,
    /// Provider, account, and the tail of the key.
    accounts: Vec<[String; 3]>,
    /// The ids of some models that can be called.
    models: Vec<String>,
    /// How many there are.
    model_count: usize,
}

/// How many models are named as examples.
const EXAMPLES: usize = 3;

impl Banner {
    /// What there is to say about a server at `address`.
    pub(crate) async fn of(address: SocketAddr, providers: &Providers, stored: &[Account]) -> Self {
        let mut accounts = Vec::new();
        let upstreams = &providers.upstreams;
        for spec in upstreams.providers().iter().filter(|spec| spec.enabled && !spec.endpoints.is_empty()) {
            let provider = || spec.id.to_string();
            if let Some(hint) = providers.configured(&spec.id).await {
                accounts.push([provider(), CONFIG.to_owned(), hint]);
            }
            for account in stored.iter().filter(|account| account.key.provider == spec.id) {
                let hint = account.hint.clone().unwrap_or_default();
                accounts.push([provider(), account.key.account.to_string(), hint]);
            }
        }
        let models = upstreams.models();
        Self {
            address,
            base: format!("http://{}", spoken(address)),
            require_key: providers.shared.load().require_key,
            locked: providers.vault.is_locked(),
            accounts,
            model_count: models.len(),
            models: models.iter().take(EXAMPLES).map(|model| model.id.clone()).collect(),
        }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let mut text =
            format!("\n  {} {version} serves on {}\n\n", paint(STRONG, "byok"), paint(CODE, &self.base));
        text.push_str(&self.accounts_text());
        text.push_str(&self.paste_text());
        let _ = writeln!(text, "\n  {}\n", paint(FAINT, "Ctrl-C stops it."));
        text
    }

    fn accounts_text(&self) -> String {
        if self.accounts.is_empty() {
            return format!(
                "  {} Put a key into the wallet in another terminal; it counts at once:\n    {}\n\n",
                paint(WARNING, "There are no accounts yet."),
                paint(CODE, "byok login anthropic"),
            );
        }
        let mut table = Table::default();
        for [provider, account, hint] in &self.accounts {
            table.row([(GOOD, "●"), (STRONG, provider), (FAINT, account), (FAINT, hint)]);
        }
        let mut text = format!("  {}\n{}\n", paint(STRONG, "Accounts"), table.lines("  "));
        if self.locked {
            let _ = writeln!(
                text,
                "  {} Until you unlock it, requests are answered with 423:\n    {}\n",
                paint(WARNING, "The wallet is locked."),
                paint(CODE, "byok wallet unlock"),
            );
        }
        text
    }

    /// What to put into a tool.
    pub(crate) fn paste_text(&self) -> String {
        let mut table = Table::default();
        let key = if self.require_key { "a byk_ key from your config" } else { "anything; it is ignored" };
        for (tools, url) in self.addresses() {
            table.row([(FAINT, tools), (CODE, &url)]);
        }
        table.row([(FAINT, "API key"), (anstyle::Style::new(), key)]);
        if !self.models.is_empty() {
            let more = self.model_count - self.models.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            table.row([
                (FAINT, "Model"),
                (anstyle::Style::new(), &format!("{}{more}", self.models.join(", "))),
            ]);
        }
        format!("  {}\n{}", paint(STRONG, "Paste into a tool"), table.lines("  "))
    }

    fn addresses(&self) -> [(&'static str, String); 2] {
        let base = &self.base;
        [("OpenAI base URL", format!("{base}/v1")), ("Anthropic, Gemini, Cohere, Ollama", base.clone())]
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let accounts: Vec<_> = self
            .accounts
            .iter()
            .map(|[provider, account, hint]| json!({"provider": provider, "account": account, "hint": hint}))
            .collect();
        json!({
            "address": self.address.to_string(),
            "url": self.base,
            "openai_base_url": format!("{}/v1", self.base),
            "anthropic_base_url": self.base,
            "gemini_base_url": self.base,
            "require_key": self.require_key,
            "locked": self.locked,
            "accounts": accounts,
            "models": self.model_count,
        })
    }
}
