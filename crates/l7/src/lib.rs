//! The HTTP plane: sans-io machines, and the loop that feeds them with real bytes.
//!
//! [`machine`] is the engine of one data thread; it decides and writes, and touches nothing.
//! [`io`] drives it with the reactor's sockets and is the only part that knows them.
//!
//! Invariant: nothing here blocks, reads a clock, or decides what should exist.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod io;
pub mod limits;
pub mod machine;
