//! What is swapped on every data thread: one snapshot and the sockets that go with it.
//!
//! Invariant: both were compiled together, so a thread that adopts the value never sees a
//! listener of one world on the sockets of another.

use std::sync::Arc;

use weir_core::snapshot::Snapshot;

use crate::sockets::SocketTable;

/// One publication.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// What the plane executes.
    pub snapshot: Arc<Snapshot>,
    /// Where it listens.
    pub sockets: Arc<SocketTable>,
}
