//! All that outlives the process: the catalog, its changes, and the trace of every call.
//!
//! One trait ([`Store`]) with one conformance suite (`tests/conformance.rs`), a reference in
//! memory ([`Memory`]) and an embedded store on disk ([`Sqlite`]). The catalog itself lives in
//! memory; a store is its log with a materialised table. Credentials are not kept here.
//!
//! Invariant: what `commit` acknowledged is there after any crash, whole; what it refused never
//! appears; the audited call is in the same transaction as its change.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod archive;
pub mod blob;
pub mod contract;
mod encode;
pub mod error;
pub mod event;
pub mod lease;
pub mod log;
mod memory;
pub mod retention;
pub mod sqlite;

pub use blob::{BlobName, Blobs};
pub use contract::{AnyStore, Commit, Store};
pub use error::{CommitError, LeaseError, OpenError, Outage, SinceError};
pub use event::{Event, EventPage, EventQuery};
pub use lease::{Lease, LeaseName, NodeId};
pub use log::ChangePage;
pub use memory::Memory;
pub use retention::Retention;
pub use sqlite::Sqlite;
