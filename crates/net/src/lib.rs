//! What stands between the sans-io machines and the kernel: the data threads' readiness loop,
//! sockets, publication of snapshots, clock, thread counters and access-record chunks.
//!
//! It exists so that the planes never see `mio`, and so that the rules of `docs/concurrency.md`
//! have one home. Invariant: nothing here runs on a data thread that can wait for another thread.
//!
//! Under `--cfg loom` only [`publication`], [`doorbell`] and their shim are built, for the model
//! checker.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod sync;

pub mod doorbell;
pub mod publication;

#[cfg(not(loom))]
mod io;
#[cfg(not(loom))]
mod slab;

#[cfg(not(loom))]
pub mod address;
#[cfg(not(loom))]
pub mod block;
#[cfg(not(loom))]
pub mod budget;
#[cfg(not(loom))]
pub mod bugs;
#[cfg(not(loom))]
pub mod clock;
#[cfg(not(loom))]
pub mod limits;
#[cfg(not(loom))]
pub mod listeners;
#[cfg(not(loom))]
pub mod mailbox;
#[cfg(not(loom))]
pub mod published;
#[cfg(not(loom))]
pub mod reactor;
#[cfg(not(loom))]
pub mod records;
#[cfg(not(loom))]
pub mod relay;
#[cfg(not(loom))]
pub mod sockets;
#[cfg(not(loom))]
pub mod telemetry;
#[cfg(not(loom))]
pub mod threads;
#[cfg(not(loom))]
pub mod wheel;

#[cfg(not(loom))]
pub use self::io::{Io, Recv};
#[cfg(not(loom))]
pub use self::reactor::{Cx, Handler, Reactor};
#[cfg(not(loom))]
pub use self::slab::{Ready, Token};
