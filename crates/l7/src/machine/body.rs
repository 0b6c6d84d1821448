//! Bytes on their way: to the target, to the client, and when to read which side.
//!
//! Nothing is read from a side whose peer has bytes that it did not take; so what one exchange
//! holds is bounded by one read in each direction, plus what is kept for a replay.
//!
//! Invariant: a client with a backlog stops its target, an outbox that is not empty stops its
//! client.

use super::engine::Engine;
use super::exchange::Exchange;
use super::seam::{Conn, Gone, Seam};
use crate::limits;

impl Engine {
    /// Sends what is due to the target, and then `body`. What the target does not take waits in
    /// the outbox; what may have to be sent again stays there.
    pub(super) fn feed_target<S: Seam>(&mut self, seam: &mut S, x: &mut Exchange, body: &[u8]) {
        let due = x.outbox.len() - x.outbox_at;
        let mut taken = 0;
        if let (Some(target), false) = (x.target, x.flags.deaf) {
            match seam.send(target, &[&x.outbox[x.outbox_at..], body]) {
                Ok(count) => taken = count,
                Err(Gone) => x.flags.deaf = true,
            }
        }
        x.flags.untouched &= taken == 0;
        let of_body = taken.saturating_sub(due);
        x.outbox_at += taken - of_body;
        if x.flags.replayable && x.outbox.len() + body.len() > limits::REPLAY_BYTES_MAX {
            x.flags.replayable = false;
        }
        if x.flags.replayable || x.flags.untouched {
            x.outbox.extend_from_slice(body);
            x.outbox_at += of_body;
            return;
        }
        if x.flags.deaf {
            // Nobody will take it; a response may still come.
            x.outbox.clear();
        } else {
            x.outbox.drain(..x.outbox_at);
            x.outbox.extend_from_slice(&body[of_body..]);
        }
        x.outbox_at = 0;
    }

    /// Reads the client exactly while its bytes can be passed on.
    pub(super) fn pace<S: Seam>(&mut self, seam: &mut S, x: &Exchange) {
        seam.read(x.client, x.is_request_open() && x.is_outbox_empty());
    }

    /// The target has room again.
    pub(super) fn target_writable<S: Seam>(&mut self, seam: &mut S, conn: Conn) {
        let index = self.table.target(conn).and_then(|target| target.exchange);
        let Some(mut x) = index.and_then(|index| self.lift(index)) else { return };
        x.last_ms = self.now.mono_ms;
        self.feed_target(seam, &mut x, &[]);
        self.pace(seam, &x);
        self.put(x);
    }

    /// Sends to the client; what it does not take waits, and the target with it.
    pub(super) fn feed_client<S: Seam>(&mut self, seam: &mut S, x: &mut Exchange, parts: &[&[u8]]) {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        x.sent += total as u64;
        let Some(client) = self.table.client(x.client) else { return };
        let mut taken = 0;
        if client.is_flushed() {
            // Gone: the event that says so follows and ends the exchange.
            taken = seam.send(x.client, parts).unwrap_or(total);
        }
        if taken == total {
            return;
        }
        if client.backlog.capacity() == 0 {
            let buffer = self.take_buffer();
            let Some(client) = self.table.client(x.client) else { return };
            client.backlog = buffer;
        }
        let Some(client) = self.table.client(x.client) else { return };
        for part in parts {
            let skipped = taken.min(part.len());
            client.backlog.extend_from_slice(&part[skipped..]);
            taken -= skipped;
        }
        if let Some(target) = x.target {
            seam.read(target, false);
        }
    }
}
