//! What a new snapshot ends: connections of listeners that are gone, pools of targets that take no
//! more requests, requests of targets that were cut off.
//!
//! Everything else goes on: an exchange keeps the snapshot that it began with.
//!
//! Invariant: no connection of an object that both snapshots hold is touched.

use std::rc::Rc;
use std::sync::Arc;

use weir_core::snapshot::Snapshot;
use weir_core::time::Now;
use weir_core::traffic::http::outcome::Cause;

use super::engine::Engine;
use super::seam::{Conn, End, Seam};
use super::table::Phase;

impl Engine {
    /// A new snapshot, at a turn boundary: whatever begins from here on sees it.
    pub fn handle_snapshot<S: Seam>(&mut self, seam: &mut S, snapshot: Arc<Snapshot>, now: Now) {
        self.now = now;
        let old = std::mem::replace(&mut self.world, Rc::new(snapshot));
        self.repin_spares();
        if self.lost_a_listener(&old) {
            self.drop_orphans(seam);
        }
        // A target left, drains or moved. Any other change concerns no connection.
        if old.target_epoch() != self.world.target_epoch() {
            for conn in self.pools.sweep(&self.world) {
                self.drop_target(seam, conn, End::Close);
            }
            self.end_cut(seam);
        }
    }

    /// No new requests: idle connections are closed, the others after their response.
    pub fn handle_drain<S: Seam>(&mut self, seam: &mut S, now: Now) {
        self.now = now;
        self.draining = true;
        for conn in self.pools.drain() {
            self.drop_target(seam, conn, End::Close);
        }
        for conn in self.table.clients() {
            self.drop_if_idle(seam, conn);
        }
    }

    fn lost_a_listener(&self, old: &Snapshot) -> bool {
        let mut lost = false;
        self.world.listeners_since(old, |before, now| {
            let uid = now.map(|now| now.cell.uid);
            lost |= before.is_some_and(|before| uid != Some(before.cell.uid));
        });
        lost
    }

    /// Closes idle clients of listeners that are gone; those with a request in flight are closed
    /// after it.
    fn drop_orphans<S: Seam>(&mut self, seam: &mut S) {
        for conn in self.table.clients() {
            let Some(client) = self.table.client(conn) else { continue };
            let (slot, uid) = (client.listener, client.listener_uid);
            if self.world.listener(slot).is_none_or(|plan| plan.cell.uid != uid) {
                self.drop_if_idle(seam, conn);
            }
        }
    }

    fn drop_if_idle<S: Seam>(&mut self, seam: &mut S, conn: Conn) {
        let Some(client) = self.table.client(conn) else { return };
        if client.phase == Phase::Head && client.held.is_empty() {
            self.drop_client(seam, conn, End::Close);
        }
    }

    /// Ends the requests of targets whose deregistration delay is over.
    // spec: alb §4.7 Deregistration delay
    fn end_cut<S: Seam>(&mut self, seam: &mut S) {
        let cut = self.exchanges_where(|x| {
            x.in_flight.as_ref().is_some_and(|in_flight| in_flight.cell().is_cut())
        });
        for index in cut {
            if let Some(x) = self.lift(index) {
                self.fail(seam, x, Cause::TargetDeregistered);
            }
        }
        self.settle(seam);
    }
}
