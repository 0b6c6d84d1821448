//! From a request to a connection of a target: choosing, pooling, connecting, trying again.
//!
//! ```text
//!  choose ─► pooled connection ─► sent ─► waiting for the response
//!     ▲            │ none              └─ died before its first byte ─┐
//!     │            ▼                                                  │
//!     └─ failed ◄─ connect ─► stands ─► sent                          │
//!     ▲                                                               │
//!     └── nothing was sent: another target. Sent on a reused connection, idempotent, all bytes
//!         still held: the same target on a new connection. Otherwise 502.
//! ```
//!
//! Invariant: a request is sent again only when no byte of it was taken, or when sending it twice
//! is harmless and all of it is still in the outbox.
// spec: alb §4.2 Target selection order

use std::net::SocketAddr;

use weir_core::snapshot::GroupSlot;
use weir_core::traffic::balance::{Eligible, Mode};
use weir_core::traffic::http::outcome::Cause;
use weir_wire::http1::Scan;

use super::engine::Engine;
use super::exchange::Exchange;
use super::respond::Answer;
use super::seam::{Conn, End, Seam};
use super::table::{Slot, Target};
use crate::limits;

/// What a rule makes of a request.
pub(super) enum Routed {
    /// To a target of the group in the exchange's route.
    Forward,
    /// The load balancer answers itself.
    Answer(Answer),
}

impl Engine {
    /// Sends a request on its way and puts the exchange back, or ends it.
    pub(super) fn dispatch<S: Seam>(&mut self, seam: &mut S, mut x: Box<Exchange>, body: &[u8]) {
        x.flags.untouched = true;
        x.flags.replayable = x.method.is_idempotent();
        // Kept in the outbox until some connection has taken it.
        let mut body = body;
        let mut last = Cause::TargetsMissing;
        loop {
            if x.in_flight.is_none() && !self.choose(&mut x) {
                x.outbox.extend_from_slice(body);
                return self.fail(seam, x, last);
            }
            (x.outbox_at, x.flags.deaf) = (0, false);
            if self.send_on_pooled(seam, &mut x, &mut body) || self.connect(seam, &mut x) {
                // What has not gone to a pooled connection waits for the new one.
                if !body.is_empty() {
                    self.feed_target(seam, &mut x, body);
                }
                self.pace(seam, &x);
                return self.put(x);
            }
            last = Cause::TargetConnectFailed;
            // It could not even begin, for want of a descriptor or a route: not the target's fault.
            x.in_flight = None;
            if !exclude(&mut x) {
                return self.fail(seam, x, last);
            }
        }
    }

    /// Chooses a target of the route's group. `false`: there is none (left).
    fn choose(&mut self, x: &mut Exchange) -> bool {
        let Some(slot) = x.route.group else { return false };
        let world = x.world.clone();
        let (Some(group), Some(plan)) = (world.group(slot), world.listener(x.listener)) else {
            return false;
        };
        let zone = plan.load_balancer.zones.get(usize::from(x.zone)).map(|(name, _)| name);
        let place = if group.zonal { usize::from(x.zone) } else { 0 };
        let eligible = eligible(&mut self.eligible, slot, place);
        eligible.refresh(group, zone);
        let Some(pick) = eligible.pick(group, &mut self.rng, x.route.tried()) else {
            return false;
        };
        let cell = &pick.target.cell;
        let lane = &cell.lanes[self.thread];
        lane.requests.inc();
        if pick.mode == Mode::FailOpen {
            lane.fail_open.inc();
        }
        if !x.route.tried().is_empty() {
            lane.retries.inc();
        }
        x.route.uid = cell.uid;
        x.route.address = pick.target.address;
        x.in_flight = Some(cell.enter());
        x.times.dispatched_us = self.now.wall_us;
        true
    }

    /// Sends on the idle connection that was used last. Connections that turn out to be dead are
    /// thrown away.
    fn send_on_pooled<S: Seam>(
        &mut self,
        seam: &mut S,
        x: &mut Exchange,
        body: &mut &[u8],
    ) -> bool {
        if x.flags.fresh_only {
            return false;
        }
        while let Some(conn) = self.pools.take(x.route.uid) {
            let Some(target) = self.table.target(conn) else { continue };
            target.exchange = Some(x.index);
            target.last_ms = self.now.mono_ms;
            // The timeout may have been lowered since the connection was opened.
            let idle_ms = x.plan().load_balancer.idle_timeout_ms;
            if idle_ms < target.idle_ms {
                seam.arm(conn, self.now.mono_ms.saturating_add(idle_ms));
            }
            target.idle_ms = idle_ms;
            x.target = Some(conn);
            self.feed_target(seam, x, std::mem::take(body));
            if !(x.flags.deaf && x.flags.untouched) {
                return true;
            }
            x.target = None;
            (x.outbox_at, x.flags.deaf) = (0, false);
            self.drop_target(seam, conn, End::Reset);
        }
        false
    }

    /// Begins a connection to the chosen target.
    fn connect<S: Seam>(&mut self, seam: &mut S, x: &mut Exchange) -> bool {
        let Some(address) = x.route.address else { return false };
        let Some(conn) = seam.connect(address) else { return false };
        let (group, now_ms) = (x.route.group.unwrap_or(GroupSlot(0)), self.now.mono_ms);
        if let Some(in_flight) = &x.in_flight {
            in_flight.cell().lanes[self.thread].connections.inc();
        }
        let idle_ms = x.plan().load_balancer.idle_timeout_ms;
        let target = Target {
            uid: x.route.uid,
            group,
            exchange: Some(x.index),
            connected: false,
            reused: false,
            last_ms: now_ms,
            idle_ms,
            scan: Scan::default(),
            held: Vec::new(),
        };
        self.table.insert(conn, Slot::Target(target));
        seam.arm(conn, now_ms + limits::CONNECT_TIMEOUT_MS);
        x.target = Some(conn);
        true
    }

    /// A connection attempt is decided.
    pub(super) fn target_connected<S: Seam>(&mut self, seam: &mut S, conn: Conn, stands: bool) {
        let now_ms = self.now.mono_ms;
        let Some(target) = self.table.target(conn) else { return };
        if !stands {
            return self.connect_failed(seam, conn, Cause::TargetConnectFailed);
        }
        target.connected = true;
        target.last_ms = now_ms;
        // The timer still stands at the end of the connect timeout.
        if target.idle_ms < limits::CONNECT_TIMEOUT_MS {
            seam.arm(conn, now_ms + target.idle_ms);
        }
        let Some(mut x) = target.exchange.and_then(|index| self.lift(index)) else { return };
        x.last_ms = now_ms;
        self.feed_target(seam, &mut x, &[]);
        self.pace(seam, &x);
        self.put(x);
    }

    /// No connection came about: another target is asked, if there is one.
    // See docs/concurrency.md, "Retries and passive detection".
    pub(super) fn connect_failed<S: Seam>(&mut self, seam: &mut S, conn: Conn, cause: Cause) {
        let index = self.table.target(conn).and_then(|target| target.exchange);
        self.drop_target(seam, conn, End::Reset);
        let Some(mut x) = index.and_then(|index| self.lift(index)) else { return };
        x.target = None;
        x.last_ms = self.now.mono_ms;
        if self.exclude_target(&mut x) && self.choose(&mut x) {
            self.dispatch(seam, x, &[]);
        } else {
            self.fail(seam, x, cause);
        }
    }

    /// Notes that the chosen target failed: passively ejected, and not tried again for this
    /// request. `false` when enough targets were tried.
    fn exclude_target(&mut self, x: &mut Exchange) -> bool {
        if let Some(in_flight) = x.in_flight.take() {
            let cell = in_flight.cell();
            cell.lanes[self.thread].connection_errors.inc();
            if cell.eject()
                && let Some(group) = x.group()
            {
                group.cell.touch();
            }
        }
        exclude(x)
    }

    /// The connection ended before the first byte of a response.
    pub(super) fn died_early<S: Seam>(
        &mut self,
        seam: &mut S,
        mut x: Box<Exchange>,
        (conn, cause): (Conn, Cause),
    ) {
        let reused = self.table.target(conn).is_some_and(|target| target.reused);
        if x.flags.untouched && !reused {
            self.put(x);
            return self.connect_failed(seam, conn, cause);
        }
        self.drop_target(seam, conn, End::Reset);
        x.target = None;
        if reused && (x.flags.untouched || x.flags.replayable) {
            // The target closed an idle connection while our request was under way: it is well,
            // only this connection was old.
            x.flags.fresh_only = true;
            self.dispatch(seam, x, &[]);
        } else {
            self.fail(seam, x, cause);
        }
    }

    /// Lets go of the target: its connection into the pool when `reusable`, else closed.
    pub(super) fn release_target<S: Seam>(
        &mut self,
        seam: &mut S,
        x: &mut Exchange,
        reusable: bool,
        how: End,
    ) {
        x.in_flight = None;
        let Some(conn) = x.target.take() else { return };
        let now_ms = self.now.mono_ms;
        let Some(target) = self.table.target(conn) else { return };
        target.exchange = None;
        (target.reused, target.last_ms) = (true, now_ms);
        let (uid, group) = (target.uid, target.group);
        if reusable && !self.draining && self.pools.put(uid, group, conn) {
            seam.read(conn, true);
        } else {
            self.drop_target(seam, conn, how);
        }
    }

    /// The peer of a client's connection.
    pub(super) fn peer(&mut self, conn: Conn) -> SocketAddr {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        self.table.client(conn).map_or(unknown, |client| client.peer)
    }
}

/// The chosen target is not tried again for this request. `false` when enough were tried.
fn exclude(x: &mut Exchange) -> bool {
    x.flags.fresh_only = false;
    x.route.exclude(x.route.uid)
}

fn eligible(all: &mut Vec<Vec<Eligible>>, slot: GroupSlot, place: usize) -> &mut Eligible {
    let slot = slot.0 as usize;
    if all.len() <= slot {
        all.resize_with(slot + 1, Vec::new);
    }
    let zones = &mut all[slot];
    if zones.len() <= place {
        zones.resize_with(place + 1, Eligible::default);
    }
    &mut zones[place]
}
