//! Deadlines, kept lazily: a connection has one armed timer, set when it began; activity only
//! notes its time. When the timer fires early, it is armed again for what is left.
//!
//! Invariant: an armed timer is never later than the connection's true deadline.
// spec: alb §1.4 Timers

use weir_core::traffic::http::outcome::Cause;

use super::engine::Engine;
use super::seam::{Conn, End, Seam};
use super::table::Phase;
use crate::limits;

impl Engine {
    pub(super) fn client_timer<S: Seam>(&mut self, seam: &mut S, conn: Conn) {
        let Some(client) = self.table.client(conn) else { return };
        if let Phase::Lingering(_) = client.phase {
            return self.drop_client(seam, conn, End::Close);
        }
        let (idle_ms, exchange) = (client.idle_ms, client.exchange);
        let mut last_ms = client.last_ms;
        if let Some(x) = exchange.and_then(|index| self.lift(index)) {
            last_ms = last_ms.max(x.last_ms);
            self.put(x);
        }
        let deadline_ms = last_ms.saturating_add(idle_ms);
        if self.now.mono_ms < deadline_ms {
            return seam.arm(conn, deadline_ms);
        }
        // Should the connection outlive this, its next deadline counts from now.
        seam.arm(conn, self.now.mono_ms.saturating_add(idle_ms));
        if !self.still_drains(seam, conn) {
            self.client_expired(seam, conn);
        }
    }

    /// Whether the bytes that we wait to get rid of still move. A socket has room again only when
    /// a good part of its buffer is empty, which takes a slow reader longer than the timeout. Who
    /// reads nothing at all is found out at the second timeout.
    fn still_drains<S: Seam>(&mut self, seam: &mut S, conn: Conn) -> bool {
        let Some(client) = self.table.client(conn) else { return false };
        let (stalled, exchange) = (!client.is_flushed(), client.exchange);
        let waits_for = if stalled {
            Some(conn)
        } else {
            let Some(x) = exchange.and_then(|index| self.lift(index)) else { return false };
            let target = x.target.filter(|_| !x.is_outbox_empty());
            self.put(x);
            target
        };
        let Some(unsent) = waits_for.and_then(|conn| seam.unsent(conn)) else { return false };
        let Some(client) = self.table.client(conn) else { return false };
        std::mem::replace(&mut client.unsent, unsent) != unsent
    }

    /// Nothing moved for the idle timeout: whose turn was it?
    fn client_expired<S: Seam>(&mut self, seam: &mut S, conn: Conn) {
        let Some(client) = self.table.client(conn) else { return };
        let stalled = !client.is_flushed();
        match client.phase {
            Phase::Head if client.held.is_empty() => self.drop_client(seam, conn, End::Close),
            Phase::Head => {
                let received = client.held.len();
                self.refuse(seam, conn, Cause::RequestTimeout, received);
            }
            Phase::Flushing(_) => self.drop_client(seam, conn, End::Reset),
            Phase::Skipping(_) | Phase::Lingering(_) => self.drop_client(seam, conn, End::Close),
            Phase::Exchange => {
                let index = client.exchange;
                let Some(x) = index.and_then(|index| self.lift(index)) else { return };
                if stalled {
                    self.cancel(seam, x, Cause::ClientStalled);
                    return self.drop_client(seam, conn, End::Reset);
                }
                let due_from_client = x.is_request_open() && x.is_outbox_empty();
                let cause = if due_from_client && !x.flags.answered {
                    Cause::RequestTimeout
                } else {
                    Cause::TargetTimeout
                };
                self.fail(seam, x, cause);
            }
        }
    }

    pub(super) fn target_timer<S: Seam>(&mut self, seam: &mut S, conn: Conn) {
        let now_ms = self.now.mono_ms;
        let Some(target) = self.table.target(conn) else { return };
        let last_ms = target.last_ms;
        if !target.connected {
            let deadline_ms = last_ms + limits::CONNECT_TIMEOUT_MS;
            if now_ms < deadline_ms {
                return seam.arm(conn, deadline_ms);
            }
            return self.connect_failed(seam, conn, Cause::TargetConnectTimeout);
        }
        let deadline_ms = last_ms.saturating_add(target.idle_ms);
        if target.exchange.is_some() {
            // The client's timer watches over the exchange.
            return seam.arm(conn, now_ms.saturating_add(target.idle_ms));
        }
        if now_ms < deadline_ms {
            return seam.arm(conn, deadline_ms);
        }
        let uid = target.uid;
        self.pools.remove(uid, conn);
        self.drop_target(seam, conn, End::Close);
    }
}
