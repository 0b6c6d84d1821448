//! Collections whose clones share: copying one costs a pointer, changing a copy costs the path to
//! what changed.
//!
//! The catalog and the snapshots are values that are copied at every publication; with these, a
//! publication costs what it changes and not what exists. Two versions are compared by skipping
//! what they share, so whoever follows a snapshot (sockets, logs, health checks) also pays for
//! changes only.
//!
//! Invariant: a change to one clone is never seen through another.

mod map;
mod set;
mod slots;

pub use map::{Entry, Iter, Map};
pub use set::Set;
pub use slots::Slots;
