//! `byok serve`: put everything together, say what is there, serve until told to stop.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use byok_config::{Config, Reload, Shared, Watcher};
use byok_provider::Upstreams;
use byok_proxy::{Patience, Server, Settings};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::banner::Banner;
use crate::cli;
use crate::commands::{Context, Error};
use crate::home::{Home, Providers};
use crate::overlay::Overlay;
use crate::sandbox::Sandbox;
use crate::{control, harden, signals};

/// How long running answers may go on after byok was told to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// `byok serve`
pub(crate) async fn run(args: &cli::Serve, context: &Context) -> Result<(), Error> {
    harden::raise_descriptors();
    let terminal = &context.terminal;
    let home = Home::find(&args.files, terminal)?;
    context.logging.follow(home.config.log.level);
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let _signals = signals::stop_at_first_end_at_second(stop.clone());
    // Answers under way need what they come from: the rest ends after the server.
    let end = CancellationToken::new();
    let _all_ends = end.clone().drop_guard();

    let mut overlay = Overlay::at(args.host, args.port);
    if args.sandbox {
        let sandbox = Sandbox::start(&tasks, end.clone()).await.map_err(Error::Sandbox)?;
        overlay.providers.extend(sandbox.providers());
        overlay.add_dev_keys(byok_config::process_environment("BYOKY_DEV_KEYS").as_deref());
    }
    terminal.redactor().learn(overlay.secrets());

    let store = home.open_to_serve().await?;
    let in_force = overlay.over(&home.config);
    let address = (in_force.host, in_force.port).into();
    let providers = Providers::new(in_force, store.clone(), terminal.redactor()).await?;
    let server = Server::bind(Settings {
        config: Arc::clone(&providers.shared),
        upstreams: providers.upstreams.clone(),
        store: store.clone(),
        address,
        patience: Patience::default(),
    })
    .await?;

    // Before byok says that it is there: whoever reads that may lock it at once.
    if let Some(socket) = control::socket(&home.location) {
        listen(&socket, &providers, &tasks, &end);
    }
    let banner = Banner::of(server.local_addr(), &providers, &store.accounts().await?).await;
    terminal.news(&banner.text(), &json!({"serving": banner.json()}));
    let _watcher = watch(&home, overlay, &providers, context);
    let (vault, watching) = (providers.vault.clone(), end.clone());
    tasks.spawn(async move { vault.watch(watching).await });
    providers.vault.set_renewer(providers.upstreams.renewer());
    let (vault, renewing) = (providers.vault.clone(), end.clone());
    tasks.spawn(async move { vault.keep_fresh(renewing).await });

    server.run(stop, DRAIN).await;
    end.cancel();
    tasks.close();
    tasks.wait().await;
    store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Answers the person's other commands. byok serves without, if it must.
#[cfg(unix)]
fn listen(socket: &Path, providers: &Providers, tasks: &TaskTracker, end: &CancellationToken) {
    match control::Control::bind(socket) {
        Ok(control) => {
            tasks.spawn(control.run(providers.vault.clone(), end.clone()));
        }
        Err(error) => tracing::warn!(
            socket = %socket.display(), %error, "the wallet cannot be locked and unlocked while byok runs"
        ),
    }
}

/// There is no such socket here.
#[cfg(not(unix))]
fn listen(_socket: &Path, _providers: &Providers, _tasks: &TaskTracker, _end: &CancellationToken) {}

/// Follows the config file. What the command line said stays over it; a config that the providers cannot
/// take is not put in force.
fn watch(home: &Home, overlay: Overlay, providers: &Providers, context: &Context) -> Option<Watcher> {
    let Providers { shared: in_force, upstreams, .. } = providers.clone();
    let file: Shared = Arc::new(ArcSwap::from_pointee(home.config.clone()));
    let (redactor, logging) = (context.terminal.redactor().clone(), context.logging.clone());
    let follow = {
        let file = Arc::clone(&file);
        move |reload: Reload| match &reload {
            Reload::Applied { warnings, .. } => {
                let saved = file.load_full();
                redactor.learn(saved.secrets().cloned());
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
                if replace(&in_force, overlay.over(&saved), &upstreams) {
                    logging.follow(saved.log.level);
                    tracing::info!("{reload}");
                }
            }
            Reload::Kept { .. } => tracing::warn!("{reload}"),
            Reload::Restored => tracing::info!("{reload}"),
        }
    };
    match Watcher::start(&home.config_path, home.config_text.clone(), file, follow) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!("{error}");
            None
        }
    }
}

/// Puts a config in force, unless the providers refuse it.
fn replace(in_force: &Shared, config: Config, upstreams: &Upstreams) -> bool {
    let before = in_force.swap(Arc::new(config));
    if let Err(error) = upstreams.reload() {
        in_force.store(before);
        tracing::warn!("the config from before stays in force: {error}");
        return false;
    }
    true
}
