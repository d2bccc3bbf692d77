//! `byok demo`: two real requests through a real byok, shown as they happen.
//!
//! The proxy, the store and the providers are those of `byok serve`; only the wallet is in memory and the
//! upstream is the echo one. Each request crosses formats: it is asked in one and answered in another.

mod exchange;

use std::sync::Arc;
use std::time::Duration;

use byok_config::Config;
use byok_proxy::{Patience, Server, Settings};
use byok_store::{Location, OpenOptions, Store};
use byok_types::Family;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::banner::Banner;
use crate::cli;
use crate::commands::Error;
use crate::home::Providers;
use crate::sandbox::{self, Sandbox};
use crate::signals;
use crate::terminal::{FAINT, GOOD, STRONG, Terminal, paint};

use exchange::Asked;

/// How long answers may go on after Ctrl-C.
const DRAIN: Duration = Duration::from_secs(5);

/// `byok demo`
pub(crate) async fn run(args: &cli::Demo, terminal: &Terminal) -> Result<(), Error> {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let _signals = signals::stop_at_first_end_at_second(stop.clone());
    let end = CancellationToken::new();
    let _all_ends = end.clone().drop_guard();
    let sandbox = Sandbox::start(&tasks, end.clone()).await.map_err(Error::Sandbox)?;
    let config = Config {
        port: args.port.unwrap_or(0),
        providers: sandbox.providers().collect(),
        ..Config::default()
    };
    let address = (config.host, config.port).into();
    let store = Store::open(OpenOptions::new(Location::Memory)).await?;
    let providers = Providers::new(config, store.clone(), terminal.redactor()).await?;
    let server = Server::bind(Settings {
        config: Arc::clone(&providers.shared),
        upstreams: providers.upstreams.clone(),
        store: store.clone(),
        address,
        patience: Patience::default(),
    })
    .await?;
    let address = server.local_addr();
    let banner = Banner::of(address, &providers, &[]).await;
    let serving = tasks.spawn(server.run(stop.clone(), DRAIN));

    if !terminal.json() {
        terminal.print(&intro());
    }
    let mut told = Vec::new();
    for (number, asked) in [
        Asked { client: Family::OpenaiChat, upstream: Family::Anthropic },
        Asked { client: Family::Anthropic, upstream: Family::OpenaiChat },
    ]
    .into_iter()
    .enumerate()
    {
        let exchange = asked.run(number + 1, address, terminal);
        // Ctrl-C in the middle of it ends the demo.
        let Some(exchange) = stop.run_until_cancelled(exchange).await else {
            break;
        };
        told.push(exchange?);
    }
    let failed = told.iter().find_map(exchange::Exchange::failure);

    let exchanges: Vec<_> = told.iter().map(exchange::Exchange::json).collect();
    let worked = failed.is_none();
    terminal.news(
        &outro(args.once, worked, &banner),
        &json!({"serving": banner.json(), "exchanges": exchanges, "worked": worked}),
    );
    if args.once || !worked {
        stop.cancel();
    }
    stop.cancelled().await;
    // The server ends by itself once it is told to.
    let _ = serving.await;
    end.cancel();
    tasks.close();
    tasks.wait().await;
    store.close().await;
    match failed {
        Some(reason) => Err(Error::Demo(reason)),
        None => Ok(()),
    }
}

fn intro() -> String {
    let echo = sandbox::provider_name(Family::Anthropic);
    format!(
        "\n  {} Everything below really happens, on this machine only: byok serves on a socket, with a\n  \
         wallet in memory and upstreams such as {echo}, which say back what they are told, one\n  word each \
         tenth of a second.\n",
        paint(STRONG, "byok demo."),
    )
}

fn outro(once: bool, worked: bool, banner: &Banner) -> String {
    if !worked {
        return String::new();
    }
    let done = paint(GOOD, "Both formats got their answer from an upstream that speaks another one.");
    if once {
        return format!("\n  {done}\n\n");
    }
    let stays =
        paint(FAINT, "It stays up for you to try a tool of your own. Ctrl-C ends it; nothing is kept.");
    format!("\n  {done}\n\n{}\n  {stays}\n\n", banner.paste_text())
}
