//! What all requests share. Cheap to reach, nothing in it waits for another request.

use byok_provider::Upstreams;
use byok_store::Store;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::gate::Doorway;
use crate::id::Names;
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::patience::Patience;

/// What all requests share.
pub(crate) struct State {
    pub(crate) config: byok_config::Shared,
    pub(crate) upstreams: Upstreams,
    pub(crate) keys: Keys,
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    pub(crate) names: Names,
    pub(crate) doorway: Doorway,
    pub(crate) patience: Patience,
    /// Tasks that the end of the server waits for.
    pub(crate) tasks: TaskTracker,
    /// Cancelled when no new request may begin.
    pub(crate) stopping: CancellationToken,
}
