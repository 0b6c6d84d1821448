//! The engine's state, its entry points, and the memory that it uses again.
//!
//! Invariant: `desk` is only taken for the time of one call; whoever takes it puts it back.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use weir_core::rng::Rng;
use weir_core::snapshot::{ListenerSlot, Snapshot};
use weir_core::time::Now;
use weir_core::traffic::balance::Eligible;
use weir_core::traffic::text::SecondText;
use weir_wire::http1::body::Body;
use weir_wire::http1::{RequestHead, ResponseHead, Scan, write};

use super::exchange::{Exchange, Flags, LogFacts, Rewrite, Route, Times, World};
use super::pool::Pools;
use super::seam::{Conn, End, Seam};
use super::table::{After, Client, Phase, Slot, Table};
use crate::limits;

/// All the HTTP work of one data thread. See the module documentation.
#[derive(Debug)]
pub struct Engine {
    pub(super) thread: usize,
    /// Time of the event that is being handled.
    pub(super) now: Now,
    pub(super) world: World,
    pub(super) table: Table,
    pub(super) pools: Pools,
    /// Candidates by group slot, then by zone (one entry for groups that ignore zones).
    pub(super) eligible: Vec<Vec<Eligible>>,
    pub(super) rng: Rng,
    pub(super) draining: bool,
    /// Clients whose next request is already here.
    pub(super) next: Vec<Conn>,
    exchanges: Vec<Option<Box<Exchange>>>,
    free: Vec<u32>,
    /// Boxes and all, because the boxes are what is used again.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<Exchange>>,
    buffers: Vec<Vec<u8>>,
    desk: Option<Box<Desk>>,
    date: Date,
    /// The second that the last access-log line spoke of.
    pub(super) log_clock: SecondText,
}

/// What one message is worked on with; there is one, because one message is worked on at a time.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub request: RequestHead,
    pub response: ResponseHead,
    /// The head under construction.
    pub text: Vec<u8>,
    /// A single value under construction.
    pub value: Vec<u8>,
}

/// The `Date` of our own responses, written once per second.
#[derive(Debug, Default)]
struct Date {
    epoch_s: Option<u64>,
    text: [u8; 29],
}

// === impl Engine: events ===

impl Engine {
    /// The engine of data thread number `thread`, which serves nothing until the first snapshot.
    /// `seed` comes from the operating system, or from the simulator.
    pub fn new(thread: usize, seed: u64) -> Self {
        Self {
            thread,
            now: Now::default(),
            world: Rc::default(),
            table: Table::default(),
            pools: Pools::default(),
            eligible: Vec::new(),
            rng: Rng::new(seed),
            draining: false,
            next: Vec::new(),
            exchanges: Vec::new(),
            free: Vec::new(),
            spare: Vec::new(),
            buffers: Vec::new(),
            desk: None,
            date: Date::default(),
            log_clock: SecondText::new(),
        }
    }

    /// Whether `peer` may connect to `local`. A refusal is counted at the listener.
    pub fn admits(&self, local: SocketAddr, peer: SocketAddr) -> bool {
        let Some(entry) = self.world.at_address(local) else { return false };
        let Some(plan) = self.world.listener(entry.listener) else { return false };
        let ingress = &plan.load_balancer.ingress;
        let admitted = ingress.admits(peer.ip(), plan.port, self.world.members());
        if !admitted {
            plan.cell.lanes[self.thread].denied.inc();
        }
        admitted
    }

    /// A client connected to `local`.
    pub fn handle_accepted<S: Seam>(
        &mut self,
        seam: &mut S,
        conn: Conn,
        (local, peer): (SocketAddr, SocketAddr),
        now: Now,
    ) {
        self.now = now;
        let entry = self.world.at_address(local);
        let found = entry.and_then(|e| Some((e, self.world.listener(e.listener)?)));
        let Some((entry, plan)) = found else {
            return seam.end(conn, End::Reset);
        };
        plan.cell.lanes[self.thread].connections.inc();
        let load_balancer = &plan.load_balancer;
        let client = Client {
            peer,
            id: self.rng.next_u64(),
            listener: entry.listener,
            listener_uid: plan.cell.uid,
            zone: entry.zone,
            phase: Phase::Head,
            exchange: None,
            expires_ms: now.mono_ms.saturating_add(load_balancer.client_keep_alive_ms),
            last_ms: now.mono_ms,
            idle_ms: load_balancer.idle_timeout_ms,
            scan: Scan::default(),
            held: Vec::new(),
            backlog: Vec::new(),
            backlog_at: 0,
            unsent: 0,
        };
        seam.arm(conn, now.mono_ms.saturating_add(client.idle_ms));
        self.table.insert(conn, Slot::Client(client));
    }

    /// Bytes came from a connection.
    pub fn handle_bytes<S: Seam>(&mut self, seam: &mut S, conn: Conn, bytes: &[u8], now: Now) {
        self.now = now;
        match self.table.slot(conn) {
            Slot::Client(_) => self.client_bytes(seam, conn, bytes),
            Slot::Target(_) => self.target_bytes(seam, conn, bytes),
            Slot::Free => {}
        }
        self.settle(seam);
    }

    /// The peer ended its direction, and all bytes before that were delivered.
    pub fn handle_end<S: Seam>(&mut self, seam: &mut S, conn: Conn, now: Now) {
        self.now = now;
        match self.table.slot(conn) {
            Slot::Client(_) => self.client_ended(seam, conn),
            Slot::Target(_) => self.target_ended(seam, conn, false),
            Slot::Free => {}
        }
        self.settle(seam);
    }

    /// The peer of a connection that is not being read was seen to end it, or to fail; bytes
    /// before that may be unread. For a client this is a cancel; of a target the bytes are read
    /// first.
    pub fn handle_hangup<S: Seam>(&mut self, seam: &mut S, conn: Conn, failed: bool, now: Now) {
        self.now = now;
        match self.table.slot(conn) {
            Slot::Client(_) if failed => self.client_gone(seam, conn),
            Slot::Client(_) => self.client_hung_up(seam, conn),
            Slot::Target(_) | Slot::Free => {}
        }
        self.settle(seam);
    }

    /// A connection failed.
    pub fn handle_reset<S: Seam>(&mut self, seam: &mut S, conn: Conn, now: Now) {
        self.now = now;
        match self.table.slot(conn) {
            Slot::Client(_) => self.client_gone(seam, conn),
            Slot::Target(_) => self.target_ended(seam, conn, true),
            Slot::Free => {}
        }
        self.settle(seam);
    }

    /// A connection begun with [`Seam::connect`] stands, or has failed.
    pub fn handle_connected<S: Seam>(&mut self, seam: &mut S, conn: Conn, stands: bool, now: Now) {
        self.now = now;
        self.target_connected(seam, conn, stands);
        self.settle(seam);
    }

    /// A connection that took less than it was offered has room again.
    pub fn handle_writable<S: Seam>(&mut self, seam: &mut S, conn: Conn, now: Now) {
        self.now = now;
        match self.table.slot(conn) {
            Slot::Client(_) => self.client_writable(seam, conn),
            Slot::Target(_) => self.target_writable(seam, conn),
            Slot::Free => {}
        }
        self.settle(seam);
    }

    /// The deadline of a connection has passed.
    pub fn handle_timer<S: Seam>(&mut self, seam: &mut S, conn: Conn, now: Now) {
        self.now = now;
        match self.table.slot(conn) {
            Slot::Client(_) => self.client_timer(seam, conn),
            Slot::Target(_) => self.target_timer(seam, conn),
            Slot::Free => {}
        }
        self.settle(seam);
    }

    /// Work on this connection panicked: it is forgotten with its exchange. The caller resets the
    /// connection itself; the other side of its exchange is reset here.
    pub fn handle_panic<S: Seam>(&mut self, seam: &mut S, conn: Conn) {
        self.next.retain(|waiting| *waiting != conn);
        let exchange = match self.table.remove(conn) {
            Slot::Client(client) => client.exchange,
            Slot::Target(target) => {
                self.pools.remove(target.uid, conn);
                target.exchange
            }
            Slot::Free => None,
        };
        let Some(index) = exchange else { return };
        // The exchange itself was lost if it was lifted; then its number is what is left of it.
        drop(self.exchanges[index as usize].take());
        if !self.free.contains(&index) {
            self.free.push(index);
        }
        for other in self.table.of_exchange(index) {
            self.table.remove(other);
            seam.end(other, End::Reset);
        }
    }

    /// The snapshot that new exchanges see.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.world
    }

    /// Connections of both kinds that the engine knows, and those that are idle in pools.
    pub fn connections(&self) -> (usize, usize) {
        (self.table.len(), self.pools.len())
    }

    /// Capacity of the buffers that connections hold now; idle ones hold none.
    pub fn held_bytes(&self) -> usize {
        self.table.held_bytes()
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.exchanges.iter().flatten().count()
    }

    /// Gives their turn to clients whose next request came together with the last one.
    pub(super) fn settle<S: Seam>(&mut self, seam: &mut S) {
        while let Some(conn) = self.next.pop() {
            let Some(client) = self.table.client(conn) else { continue };
            if client.exchange.is_some() || client.held.is_empty() {
                continue;
            }
            client.scan = Scan::default();
            let held = std::mem::take(&mut client.held);
            self.client_bytes(seam, conn, &held);
            self.give_buffer(held);
        }
    }
}

// === impl Engine: exchanges ===

impl Engine {
    /// Begins the exchange of a client. `None` when its listener is gone; the connection is closed
    /// then.
    pub(super) fn begin<S: Seam>(&mut self, seam: &mut S, conn: Conn) -> Option<Box<Exchange>> {
        let client = self.table.client(conn)?;
        let plan = self.world.listener(client.listener);
        let Some(plan) = plan.filter(|plan| plan.cell.uid == client.listener_uid) else {
            self.drop_client(seam, conn, End::Close);
            return None;
        };
        let idle_ms = plan.load_balancer.idle_timeout_ms;
        if idle_ms < client.idle_ms {
            seam.arm(conn, self.now.mono_ms.saturating_add(idle_ms));
        }
        client.idle_ms = idle_ms;
        client.scan = Scan::default();
        let (listener, zone) = (client.listener, client.zone);
        let index = self.free.pop().unwrap_or_else(|| {
            self.exchanges.push(None);
            (self.exchanges.len() - 1) as u32
        });
        let mut x = self.spare.pop().unwrap_or_else(|| Box::new(vacant(&self.world)));
        x.index = index;
        x.client = conn;
        x.world = Rc::clone(&self.world);
        x.listener = listener;
        x.zone = zone;
        x.last_ms = self.now.mono_ms;
        x.times.created_us = self.now.wall_us;
        if let Some(client) = self.table.client(conn) {
            client.exchange = Some(index);
            client.phase = Phase::Exchange;
        }
        Some(x)
    }

    /// Takes an exchange out to work on it.
    #[inline]
    pub(super) fn lift(&mut self, index: u32) -> Option<Box<Exchange>> {
        self.exchanges.get_mut(index as usize)?.take()
    }

    /// Puts an exchange back to wait.
    #[inline]
    pub(super) fn put(&mut self, x: Box<Exchange>) {
        let index = x.index as usize;
        self.exchanges[index] = Some(x);
    }

    /// Numbers of the exchanges for which `test` holds.
    pub(super) fn exchanges_where(&self, test: impl Fn(&Exchange) -> bool) -> Vec<u32> {
        let all = self.exchanges.iter().flatten();
        all.filter(|x| test(x)).map(|x| x.index).collect()
    }

    /// Frees an exchange's number and keeps its memory.
    pub(super) fn recycle(&mut self, mut x: Box<Exchange>) {
        self.free.push(x.index);
        let outbox = std::mem::take(&mut x.outbox);
        self.give_buffer(outbox);
        if self.spare.len() >= limits::EXCHANGES_SPARE_MAX {
            return;
        }
        x.clear();
        // A spare must not keep an old snapshot alive.
        x.world = Rc::clone(&self.world);
        self.spare.push(x);
    }

    /// Lets go of the snapshot that spare exchanges hold.
    pub(super) fn repin_spares(&mut self) {
        for x in &mut self.spare {
            x.world = Rc::clone(&self.world);
        }
    }
}

// === impl Engine: memory and connections ===

impl Engine {
    pub(super) fn take_desk(&mut self) -> Box<Desk> {
        self.desk.take().unwrap_or_default()
    }

    pub(super) fn put_desk(&mut self, desk: Box<Desk>) {
        self.desk = Some(desk);
    }

    /// An empty buffer.
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_else(|| Vec::with_capacity(limits::BUFFER_FIRST_BYTES))
    }

    /// Takes a buffer back, unless it is too large or there are enough.
    pub(super) fn give_buffer(&mut self, mut buffer: Vec<u8>) {
        let fits = (1..=limits::BUFFER_SPARE_BYTES_MAX).contains(&buffer.capacity());
        if fits && self.buffers.len() < limits::BUFFERS_SPARE_MAX {
            buffer.clear();
            self.buffers.push(buffer);
        }
    }

    /// The value of `Date` now.
    pub(super) fn date(&mut self) -> [u8; 29] {
        let epoch_s = self.now.epoch_seconds().max(0) as u64;
        if self.date.epoch_s != Some(epoch_s) {
            self.date = Date { epoch_s: Some(epoch_s), text: write::http_date(epoch_s) };
        }
        self.date.text
    }

    /// Ends a client's connection for good.
    pub(super) fn drop_client<S: Seam>(&mut self, seam: &mut S, conn: Conn, how: End) {
        if let Slot::Client(client) = self.table.remove(conn) {
            debug_assert!(client.exchange.is_none(), "the exchange is concluded first");
            self.give_buffer(client.held);
            self.give_buffer(client.backlog);
            seam.end(conn, how);
        }
    }

    /// Ends a target's connection for good.
    pub(super) fn drop_target<S: Seam>(&mut self, seam: &mut S, conn: Conn, how: End) {
        if let Slot::Target(target) = self.table.remove(conn) {
            self.give_buffer(target.held);
            seam.end(conn, how);
        }
    }

    /// Does with a client's connection what follows its response, now or when it has taken it.
    pub(super) fn follow<S: Seam>(&mut self, seam: &mut S, conn: Conn, after: After) {
        let now_ms = self.now.mono_ms;
        let Some(client) = self.table.client(conn) else { return };
        client.exchange = None;
        client.last_ms = now_ms;
        if !client.is_flushed() {
            client.phase = Phase::Flushing(after);
            return seam.read(conn, false);
        }
        match after {
            After::Next | After::Skip(_) => {
                client.phase = match after {
                    After::Skip(left) => Phase::Skipping(left),
                    _ => Phase::Head,
                };
                if !client.held.is_empty() {
                    self.next.push(conn);
                }
                seam.read(conn, true);
            }
            After::Close => self.drop_client(seam, conn, End::Close),
            After::Reset => self.drop_client(seam, conn, End::Reset),
            After::Linger => {
                client.phase = Phase::Lingering(limits::LINGER_BYTES_MAX);
                client.held = Vec::new();
                seam.end(conn, End::Write);
                seam.arm(conn, now_ms + limits::LINGER_MS);
                seam.read(conn, true);
            }
        }
    }
}

/// An exchange that nobody has begun.
fn vacant(world: &World) -> Exchange {
    Exchange {
        index: 0,
        client: Conn(0),
        target: None,
        world: Rc::clone(world),
        listener: ListenerSlot(0),
        zone: 0,
        method: weir_core::traffic::http::Method::Other,
        flags: Flags::default(),
        route: Route::default(),
        in_flight: None,
        request: Body::None,
        outbox: Vec::new(),
        outbox_at: 0,
        response: Body::None,
        rewrite: Rewrite::Pass,
        received: 0,
        sent: 0,
        status: 0,
        target_status: None,
        last_ms: 0,
        times: Times::default(),
        cause: None,
        verdict: Default::default(),
        log: LogFacts::default(),
    }
}
