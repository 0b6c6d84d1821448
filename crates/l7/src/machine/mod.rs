//! The sans-io engine of one data thread: all its connections, exchanges and pools, and nothing of
//! the world.
//!
//! ```text
//!            client bytes ─► front ─► judge ─► route ─┬─► respond ─► client
//!                                                     └─► forward ─► target
//!            target bytes ─► back ──► head rewritten, body passed ─► client
//! ```
//!
//! Events come in as `handle_*` calls with the time as an argument; what they cause goes out
//! through [`Seam`] at once. An exchange is lifted out of the engine while it is worked on and put
//! back or concluded afterwards, so nothing is shared and nothing is borrowed twice.
//!
//! Invariant: after every `handle_*` call, each exchange waits for exactly one of: the client's
//! bytes, the client's room, the target's bytes, the target's room, a connection; and the client's
//! deadline covers all of them.

mod back;
mod body;
mod engine;
mod exchange;
mod forward;
mod front;
mod head;
mod judge;
mod pool;
mod record;
mod respond;
mod seam;
mod snapshots;
mod table;
#[cfg(test)]
mod tests;
mod timers;

pub use engine::Engine;
pub use seam::{Conn, End, Gone, Seam};
