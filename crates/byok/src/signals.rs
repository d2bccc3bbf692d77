//! When to stop.

use std::process;

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// Cancels `stop` at the first Ctrl-C or SIGTERM, and ends the process at the second: the wallet's writes
/// are complete at every instant, so nothing is lost by that. Signals are heard from this call on.
pub(crate) fn stop_at_first_end_at_second(stop: CancellationToken) -> Listening {
    let mut signals = match Signals::of_a_server() {
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
    match Signals::of_a_terminal() {
        Ok(mut signals) => signals.next().await,
        Err(error) => {
            tracing::warn!(%error, "signals cannot be heard");
            std::future::pending::<()>().await;
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
struct Signals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
    /// Those that ask a server to stop. A terminal that is closed is not among them: whoever runs byok with
    /// `nohup` means it.
    fn of_a_server() -> std::io::Result<Self> {
        use tokio::signal::unix::SignalKind;
        Self::heard(&[SignalKind::interrupt(), SignalKind::terminate()])
    }

    /// Those that end a command at a terminal.
    fn of_a_terminal() -> std::io::Result<Self> {
        use tokio::signal::unix::SignalKind;
        let kinds =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
        Self::heard(&kinds)
    }

    fn heard(kinds: &[tokio::signal::unix::SignalKind]) -> std::io::Result<Self> {
        Ok(Self(kinds.iter().map(|kind| tokio::signal::unix::signal(*kind)).collect::<Result<_, _>>()?))
    }

    async fn next(&mut self) {
        std::future::poll_fn(|context| {
            let came = self.0.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if came { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "only Unix can fail here")]
    fn of_a_server() -> std::io::Result<Self> {
        Ok(Self)
    }

    #[expect(clippy::unnecessary_wraps, reason = "only Unix can fail here")]
    fn of_a_terminal() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
