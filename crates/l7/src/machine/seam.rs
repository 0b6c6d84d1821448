//! The seam between the machine and the world: six things an engine may ask for.
//!
//! This is our reading of `handle_*` / `poll_*`: events come in as calls of `Engine::handle_*`
//! with the time as an argument; what a sans-io core would queue for `poll_transmit` goes out
//! through [`Seam::send`] at once, because the bytes of a body lie in the caller's scratch buffer
//! and queueing them would mean copying them. The reactor implements it with sockets, the
//! simulator with virtual connections and virtual time, the tests with scripts.
//!
//! Invariant: an engine never calls the seam for a connection that it was not told of, nor after
//! it has ended it; so the implementor may use the number again as soon as `end` returns.

use std::net::SocketAddr;

/// Names a connection of one thread: small, dense, chosen by the implementor of [`Seam`], free for
/// reuse once the connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conn(pub u32);

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Closed: what was sent still arrives (FIN). The connection is gone for the engine.
    Close,
    /// Reset: the peer sees a failure (RST). The connection is gone for the engine.
    Reset,
    /// Our direction ends (FIN); the peer's bytes are still delivered.
    Write,
}

/// The peer takes nothing more. An event that says why (`handle_end`, `handle_reset`) follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// What an engine may ask of the world. No method may call back into the engine.
pub trait Seam {
    /// Sends the parts one after another. Returns how many bytes were taken; fewer than offered
    /// means that `handle_writable` follows when there is room.
    ///
    /// # Errors
    /// [`Gone`]: nothing of this call was taken.
    fn send(&mut self, conn: Conn, parts: &[&[u8]]) -> Result<usize, Gone>;

    /// Begins a connection; `handle_connected` follows. `None` when that is impossible at once
    /// (no route, no descriptor). Its bytes are delivered as soon as it stands.
    fn connect(&mut self, to: SocketAddr) -> Option<Conn>;

    /// Ends a connection, or its outgoing direction.
    fn end(&mut self, conn: Conn, how: End);

    /// Whether bytes of this connection are wanted now. A new connection's are.
    fn read(&mut self, conn: Conn, wanted: bool);

    /// Sets the one deadline of a connection (monotonic milliseconds), replacing the earlier one.
    fn arm(&mut self, conn: Conn, deadline_ms: u64);

    /// Bytes sent that the peer has not acknowledged, when that is known: a connection may move
    /// for long before there is room for more.
    fn unsent(&mut self, _conn: Conn) -> Option<usize> {
        None
    }

    /// Takes one access-log line of the load balancer with this uid.
    fn record(&mut self, load_balancer: u64, line: &[u8]);
}
