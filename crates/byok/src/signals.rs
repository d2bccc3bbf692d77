//! When to stop.

use std::process;

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// Cancels `stop` at the first Ctrl-C or SIGTERM, and ends the process at the second: the wallet's writes
/// are complete at every instant, so nothing is lost by that. Signals are heard from this call on.
pub(crate) fn stop_at_first_end_at_second(stop: CancellationToken) -> Listening {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::warn!(%error, "signals cannot be heard");
            return Listening(None);
        }
    };
    let task = tokio::spawn(async move {
        signals.next().await;
        tracing::info!("stopping when the answers under way are done; once more ends it at once");
        stop.cancel();
        signals.next().await;
        process::exit(130);
    });
    Listening(Some(task.abort_handle()))
}

/// Waits for a signal that asks a command to end: Ctrl-C and its like. Without it the process would end where
/// it stands, and leave a terminal that shows nothing of what is typed.
pub(crate) async fn ended() {
    match Signals::new() {
        Ok(mut signals) => signals.next().await,
        Err(error) => {
            tracing::warn!(%error, "signals cannot be heard");
            std::future::pending().await
        }
    }
}

/// Signals are heard as long as this is there.
#[derive(Debug)]
pub(crate) struct Listening(Option<AbortHandle>);

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 4]);

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let [interrupt, terminate, hangup, quit] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
        Ok(Self([signal(interrupt)?, signal(terminate)?, signal(hangup)?, signal(quit)?]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup, quit] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = quit.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "only Unix can fail here")]
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
