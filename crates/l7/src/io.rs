//! Drives the engine with the reactor's sockets: bytes in, bytes out, no decisions.
//!
//! A connection's number in the engine is the index of its token, so both sides find their state
//! without a search. Bodies go from the thread's scratch buffer straight into the peer's socket.
//!
//! Invariant: a connection whose bytes are not wanted is not read, but an end of it that the
//! kernel announced is reported all the same.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::Arc;

use weir_core::time::Now;
use weir_net::clock;
use weir_net::listeners::Listeners;
use weir_net::published::Published;
use weir_net::records::ChunkWriter;
use weir_net::{Cx, Handler, Io, Ready, Recv, Token};

use crate::limits;
use crate::machine::{Conn, End, Engine, Gone, Seam};

/// The HTTP plane of one data thread.
pub struct Plane {
    engine: Engine,
    listeners: Listeners,
    links: Links,
    /// Wakes the thread so that old records leave; made with the first one.
    records_timer: Option<Token>,
}

/// What the seam knows about connections, and where records go.
struct Links {
    by_index: Vec<Link>,
    records: Option<ChunkWriter>,
    /// Small messages of several parts, put together.
    joined: Vec<u8>,
}

/// One connection, by the index of its token.
#[derive(Clone, Copy, Default)]
struct Link {
    token: Option<Token>,
    /// Whether the engine wants bytes.
    wanted: bool,
    /// Whether the engine waits for room.
    blocked: bool,
}

/// The seam for the time of one call.
struct Sockets<'a> {
    io: &'a mut Io,
    links: &'a mut Links,
    now: clock::Now,
}

// === impl Plane ===

impl Plane {
    /// The plane of data thread number `thread`. `seed` comes from the operating system;
    /// `records` takes the access log's lines, if anybody collects them.
    pub fn new(thread: usize, seed: u64, records: Option<ChunkWriter>) -> Self {
        Self {
            engine: Engine::new(thread, seed),
            listeners: Listeners::new(thread),
            links: Links { by_index: Vec::new(), records, joined: Vec::new() },
            records_timer: None,
        }
    }

    /// Reads a connection as long as it has bytes and they are wanted, within a budget.
    fn pump(&mut self, cx: &mut Cx<'_>, token: Token) {
        let conn = conn_of(token);
        let now = core_now(cx.now);
        for _ in 0..limits::READS_PER_TURN {
            if !self.links.is_wanted(token) {
                return;
            }
            let received = cx.io.recv(token, cx.scratch);
            let mut seam = Sockets { io: cx.io, links: &mut self.links, now: cx.now };
            match received {
                Ok(Recv::Blocked) => return,
                Ok(Recv::Data(count)) => {
                    let bytes = &cx.scratch[..count];
                    self.engine.handle_bytes(&mut seam, conn, bytes, now);
                }
                Ok(Recv::Closed) => return self.engine.handle_end(&mut seam, conn, now),
                Err(_failed) => return self.engine.handle_reset(&mut seam, conn, now),
            }
            if !cx.io.readiness(token).readable {
                return;
            }
        }
        cx.io.run_again(token);
    }

    fn tick_records(&mut self, cx: &mut Cx<'_>) {
        let Some(records) = &mut self.links.records else { return };
        records.tick(cx.now);
        if let Some(deadline_ms) = records.deadline_ms() {
            let timer = *self.records_timer.get_or_insert_with(|| cx.io.timer());
            cx.io.arm(timer, deadline_ms);
        }
    }
}

impl Handler for Plane {
    type Published = Published;
    type Letter = ();

    fn published(&mut self, cx: &mut Cx<'_>, value: Arc<Published>) {
        let now = core_now(cx.now);
        let mut seam = Sockets { io: cx.io, links: &mut self.links, now: cx.now };
        self.engine.handle_snapshot(&mut seam, value.snapshot.clone(), now);
        self.listeners.apply(cx.io, &value.sockets);
    }

    fn admit(&mut self, cx: &mut Cx<'_>, listener: Token, peer: SocketAddr) -> bool {
        let local = cx.io.listener_addr(listener);
        local.is_some_and(|local| self.engine.admits(local, peer))
    }

    fn accepted(&mut self, cx: &mut Cx<'_>, listener: Token, stream: Token, peer: SocketAddr) {
        let Some(local) = cx.io.listener_addr(listener) else {
            return cx.io.reset(stream);
        };
        let now = core_now(cx.now);
        self.links.insert(stream);
        let mut seam = Sockets { io: cx.io, links: &mut self.links, now: cx.now };
        self.engine.handle_accepted(&mut seam, conn_of(stream), (local, peer), now);
    }

    fn connected(&mut self, cx: &mut Cx<'_>, stream: Token, result: std::io::Result<()>) {
        if !self.links.owns(stream) {
            return cx.io.close(stream);
        }
        let now = core_now(cx.now);
        let mut seam = Sockets { io: cx.io, links: &mut self.links, now: cx.now };
        self.engine.handle_connected(&mut seam, conn_of(stream), result.is_ok(), now);
    }

    fn ready(&mut self, cx: &mut Cx<'_>, stream: Token, ready: Ready) {
        if !self.links.owns(stream) {
            return;
        }
        let now = core_now(cx.now);
        if ready.writable && self.links.unblock(stream) {
            let mut seam = Sockets { io: cx.io, links: &mut self.links, now: cx.now };
            self.engine.handle_writable(&mut seam, conn_of(stream), now);
        }
        if ready.readable {
            self.pump(cx, stream);
        }
        let ended = ready.read_closed || ready.write_closed || ready.error;
        if ended && self.links.owns(stream) && !self.links.is_wanted(stream) {
            let mut seam = Sockets { io: cx.io, links: &mut self.links, now: cx.now };
            let failed = ready.write_closed || ready.error;
            self.engine.handle_hangup(&mut seam, conn_of(stream), failed, now);
        }
    }

    fn timer(&mut self, cx: &mut Cx<'_>, token: Token) {
        if self.records_timer == Some(token) {
            return self.tick_records(cx);
        }
        if self.links.owns(token) {
            let now = core_now(cx.now);
            let mut seam = Sockets { io: cx.io, links: &mut self.links, now: cx.now };
            self.engine.handle_timer(&mut seam, conn_of(token), now);
        }
    }

    fn turn_end(&mut self, cx: &mut Cx<'_>) {
        self.tick_records(cx);
    }

    fn reset(&mut self, cx: &mut Cx<'_>, token: Token) {
        if self.links.owns(token) {
            let mut seam = Sockets { io: cx.io, links: &mut self.links, now: cx.now };
            self.engine.handle_panic(&mut seam, conn_of(token));
            self.links.remove(token);
        }
    }

    fn draining(&mut self, cx: &mut Cx<'_>) {
        let now = core_now(cx.now);
        let mut seam = Sockets { io: cx.io, links: &mut self.links, now: cx.now };
        self.engine.handle_drain(&mut seam, now);
    }
}

// === impl Links ===

impl Links {
    fn insert(&mut self, token: Token) {
        if self.by_index.len() <= token.index() {
            self.by_index.resize(token.index() + 1, Link::default());
        }
        self.by_index[token.index()] = Link { token: Some(token), wanted: true, blocked: false };
    }

    fn remove(&mut self, token: Token) {
        if self.owns(token) {
            self.by_index[token.index()] = Link::default();
        }
    }

    fn token(&self, conn: Conn) -> Option<Token> {
        self.by_index.get(conn.0 as usize)?.token
    }

    fn owns(&self, token: Token) -> bool {
        self.by_index.get(token.index()).is_some_and(|link| link.token == Some(token))
    }

    fn is_wanted(&self, token: Token) -> bool {
        let link = self.by_index.get(token.index());
        link.is_some_and(|link| link.token == Some(token) && link.wanted)
    }

    /// Whether the engine waited for room; it no longer does.
    fn unblock(&mut self, token: Token) -> bool {
        std::mem::take(&mut self.by_index[token.index()].blocked)
    }
}

// === impl Sockets ===

impl Seam for Sockets<'_> {
    fn send(&mut self, conn: Conn, parts: &[&[u8]]) -> Result<usize, Gone> {
        let token = self.links.token(conn).ok_or(Gone)?;
        let offered: usize = parts.iter().map(|part| part.len()).sum();
        let taken = match parts {
            [one] | [one, []] | [[], one] => self.io.write(token, one),
            _ if offered <= limits::JOIN_BYTES_MAX => {
                let joined = &mut self.links.joined;
                joined.clear();
                parts.iter().for_each(|part| joined.extend_from_slice(part));
                self.io.write(token, joined)
            }
            _ => {
                let mut slices = [IoSlice::new(&[]); limits::PARTS_MAX];
                let parts = parts.iter().filter(|part| !part.is_empty());
                let mut count = 0;
                for (slice, part) in slices.iter_mut().zip(parts) {
                    *slice = IoSlice::new(part);
                    count += 1;
                }
                self.io.writev(token, &slices[..count])
            }
        };
        let taken = taken.map_err(|_failed| Gone)?;
        self.links.by_index[conn.0 as usize].blocked |= taken < offered;
        Ok(taken)
    }

    fn connect(&mut self, to: SocketAddr) -> Option<Conn> {
        match self.io.connect(to) {
            Ok(token) => {
                self.links.insert(token);
                Some(conn_of(token))
            }
            Err(error) => {
                tracing::debug!(%to, %error, "a connection could not be begun");
                None
            }
        }
    }

    fn end(&mut self, conn: Conn, how: End) {
        let Some(token) = self.links.token(conn) else { return };
        match how {
            End::Write => return self.io.shutdown_write(token),
            End::Close => self.io.close(token),
            End::Reset => self.io.reset(token),
        }
        self.links.remove(token);
    }

    fn read(&mut self, conn: Conn, wanted: bool) {
        let Some(link) = self.links.by_index.get_mut(conn.0 as usize) else { return };
        let was_wanted = std::mem::replace(&mut link.wanted, wanted);
        let begins = wanted && !was_wanted;
        if let (true, Some(token)) = (begins, link.token)
            && self.io.readiness(token).readable
        {
            self.io.run_again(token);
        }
    }

    fn arm(&mut self, conn: Conn, deadline_ms: u64) {
        if let Some(token) = self.links.token(conn) {
            self.io.arm(token, deadline_ms);
        }
    }

    fn unsent(&mut self, conn: Conn) -> Option<usize> {
        self.links.token(conn).and_then(|token| self.io.unsent(token))
    }

    fn record(&mut self, load_balancer: u64, line: &[u8]) {
        if let (Some(records), Ok(slot)) = (&mut self.links.records, u32::try_from(load_balancer)) {
            records.push(self.now, slot, line);
        }
    }
}

fn conn_of(token: Token) -> Conn {
    Conn(token.index() as u32)
}

fn core_now(now: clock::Now) -> Now {
    Now { mono_ms: now.mono_ms(), wall_us: now.wall_us.cast_signed() }
}
