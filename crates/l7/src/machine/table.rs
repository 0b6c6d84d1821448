//! The connections of one thread, by the number that the seam gave them.
//!
//! An idle client costs one slot and no buffer: `held` and `backlog` are empty vectors, and what
//! belongs to a request lives in its exchange.
//!
//! Invariant: a client and its exchange point at each other, and so do a target connection and
//! its exchange; an idle target connection is in the pool of its target.

use std::net::SocketAddr;

use weir_core::snapshot::{GroupSlot, ListenerSlot};
use weir_wire::http1::Scan;

use super::seam::Conn;

/// All connections of one thread.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
}

/// One connection.
#[derive(Debug, Default)]
pub(super) enum Slot {
    /// Nobody.
    #[default]
    Free,
    /// Somebody who asks.
    Client(Client),
    /// Somebody who answers.
    Target(Target),
}

/// A client's connection.
#[derive(Debug)]
pub(super) struct Client {
    /// The TCP peer.
    pub peer: SocketAddr,
    /// Ties the lines of its requests together.
    pub id: u64,
    /// The listener that it came by.
    pub listener: ListenerSlot,
    /// Tells a reused slot from that listener.
    pub listener_uid: u64,
    /// Position of its zone among those of the load balancer.
    pub zone: u8,
    /// What it is doing.
    pub phase: Phase,
    /// Its request, while one is in flight.
    pub exchange: Option<u32>,
    /// When `client_keep_alive` is over (monotonic milliseconds).
    pub expires_ms: u64,
    /// Last byte in either direction (monotonic milliseconds).
    pub last_ms: u64,
    /// `idle_timeout`, as of the last request.
    pub idle_ms: u64,
    /// How far the head in `held` was searched.
    pub scan: Scan,
    /// A head in pieces, or requests that came before their turn.
    pub held: Vec<u8>,
    /// Bytes that the client has not taken yet.
    pub backlog: Vec<u8>,
    /// How many of them it has taken since.
    pub backlog_at: usize,
    /// Bytes on their way to whom we wait for, when the idle timeout last asked.
    pub unsent: usize,
}

/// What a client's connection is doing.
///
/// ```text
///  Head ──► Exchange ──► Flushing ──► Head          (kept alive)
///    ▲          │            │
///    └─ Skipping┘            └──► Lingering ──► gone (closed)
/// ```
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waiting for a head, or in the middle of one.
    Head,
    /// A request is in flight.
    Exchange,
    /// The response is complete but not taken; then what `After` says.
    Flushing(After),
    /// Reading a body that nobody needs; so many bytes are left.
    Skipping(u64),
    /// Said goodbye; reading what is under way, so many bytes at most.
    Lingering(u64),
}

/// What follows the last byte of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The next request.
    Next,
    /// So many bytes that nobody needs, then the next request.
    Skip(u64),
    /// Nothing; everything that the client sent was read.
    Close,
    /// Nothing, but the client may still be sending.
    Linger,
    /// A failure that the client must see.
    Reset,
}

/// A connection to a target.
#[derive(Debug)]
pub(super) struct Target {
    /// `TargetCell::uid`: the pool that it belongs to.
    pub uid: u64,
    /// The group that it was opened for.
    pub group: GroupSlot,
    /// Its request, while one is in flight.
    pub exchange: Option<u32>,
    /// Whether it stands.
    pub connected: bool,
    /// Whether it has answered a request before.
    pub reused: bool,
    /// Last use (monotonic milliseconds).
    pub last_ms: u64,
    /// `idle_timeout` of the load balancer that it serves.
    pub idle_ms: u64,
    /// How far the head in `held` was searched.
    pub scan: Scan,
    /// A response head in pieces.
    pub held: Vec<u8>,
}

// === impl Table ===

impl Table {
    pub fn insert(&mut self, conn: Conn, slot: Slot) {
        let index = conn.0 as usize;
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, Slot::default);
        }
        debug_assert!(matches!(self.slots[index], Slot::Free), "the number is in use");
        self.slots[index] = slot;
    }

    pub fn remove(&mut self, conn: Conn) -> Slot {
        self.slots.get_mut(conn.0 as usize).map(std::mem::take).unwrap_or_default()
    }

    #[inline]
    pub fn slot(&self, conn: Conn) -> &Slot {
        self.slots.get(conn.0 as usize).unwrap_or(&Slot::Free)
    }

    #[inline]
    pub fn client(&mut self, conn: Conn) -> Option<&mut Client> {
        match self.slots.get_mut(conn.0 as usize) {
            Some(Slot::Client(client)) => Some(client),
            _ => None,
        }
    }

    #[inline]
    pub fn target(&mut self, conn: Conn) -> Option<&mut Target> {
        match self.slots.get_mut(conn.0 as usize) {
            Some(Slot::Target(target)) => Some(target),
            _ => None,
        }
    }

    /// Numbers of all clients.
    pub fn clients(&self) -> Vec<Conn> {
        let all = (0u32..).zip(&self.slots);
        all.filter(|(_, slot)| matches!(slot, Slot::Client(_))).map(|(i, _)| Conn(i)).collect()
    }

    /// Connections that belong to an exchange.
    pub fn of_exchange(&self, index: u32) -> Vec<Conn> {
        let belongs = |slot: &Slot| match slot {
            Slot::Client(client) => client.exchange == Some(index),
            Slot::Target(target) => target.exchange == Some(index),
            Slot::Free => false,
        };
        let all = (0u32..).zip(&self.slots);
        all.filter(|(_, slot)| belongs(slot)).map(|(i, _)| Conn(i)).collect()
    }

    /// Capacity of all buffers of connections.
    pub fn held_bytes(&self) -> usize {
        let of = |slot: &Slot| match slot {
            Slot::Client(client) => client.held.capacity() + client.backlog.capacity(),
            Slot::Target(target) => target.held.capacity(),
            Slot::Free => 0,
        };
        self.slots.iter().map(of).sum()
    }

    /// Connections of either kind.
    pub fn len(&self) -> usize {
        self.slots.iter().filter(|slot| !matches!(slot, Slot::Free)).count()
    }
}

// === impl Client ===

impl Client {
    /// Whether the client has taken everything.
    #[inline]
    pub fn is_flushed(&self) -> bool {
        self.backlog.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_client_fits_into_the_memory_target() {
        assert!(size_of::<Slot>() <= 320, "{}", size_of::<Slot>());
    }
}
