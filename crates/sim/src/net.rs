//! The network: links with latency, bounded buffers, arbitrary segments, ends and resets; and the
//! queue of everything that is still to happen.
//!
//! ```text
//!   send ─► in flight (latency, in order) ─► ready (bounded with what is in flight) ─► recv
//! ```
//!
//! It follows a kernel's habits: closing with unread bytes resets, bytes for a closed end are
//! answered with a reset, and a reset destroys what the peer has not read.
//!
//! Invariant: events happen in the order of (time, number), so one seed has one history.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use weir_core::rng::Rng;
use weir_core::time::Now;
use weir_l7::machine::{Conn, End, Gone};

use crate::limits;
use crate::trace::Trace;

/// A link by its number; numbers are never used again.
pub type LinkId = usize;

/// The end that connected, and the end that accepted.
pub const CALLER: usize = 0;
/// See [`CALLER`].
pub const CALLED: usize = 1;

/// Something that is to happen.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// The next segment reaches an end.
    Arrive { link: LinkId, side: usize },
    /// An end looks at its link again.
    Look { link: LinkId, side: usize },
    /// An end has room to send.
    Room { link: LinkId, side: usize },
    /// A connection attempt reaches the other machine.
    Syn { link: LinkId },
    /// And its answer the caller.
    Answer { link: LinkId, stands: bool },
    /// An engine's deadline for a connection.
    Timer { link: LinkId, side: usize, at_ms: u64 },
    /// A client goes on.
    Client { slot: usize, turn: u64 },
    /// A target goes on with the request of a connection.
    Target { link: LinkId, turn: u64 },
    /// The next command.
    Command,
    /// What was decided is compiled and published.
    Compile,
    /// A thread looks for a new publication.
    Publication { thread: usize },
    /// Deregistration delays are looked at.
    Reap,
    /// A probe leaves for a target (by the number of its cell).
    Probe { uid: u64 },
    /// Its result is there.
    Probed { uid: u64, result: usize },
    /// Something goes wrong, or well again.
    Weather,
}

/// Who holds an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody (any more).
    Nobody,
    /// A client, by its slot.
    Client(usize),
    /// A target, by its number.
    Target(usize),
    /// A data thread's engine.
    Engine(usize, Conn),
}

/// What a read finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// Bytes.
    Data(Vec<u8>),
    /// Nothing yet.
    Blocked,
    /// The peer's orderly end.
    Closed,
    /// The peer's reset.
    Reset,
}

/// How the network of one seed behaves.
#[derive(Clone, Copy, Debug)]
pub struct Climate {
    /// Least latency of a link (microseconds).
    pub latency_us: u32,
    /// What may come on top, per segment.
    pub jitter_us: u32,
    /// Whether sends may take less than there is room for.
    pub short_writes: bool,
    /// Buffers are at most this large, per direction.
    pub buffer_max: u32,
}

#[derive(Debug)]
enum Segment {
    Data(Vec<u8>),
    Fin,
    Rst,
}

/// One direction of a link.
#[derive(Debug, Default)]
struct Pipe {
    flight: VecDeque<Segment>,
    ready: VecDeque<u8>,
    used: usize,
    capacity: usize,
    last_us: u64,
    fin_sent: bool,
    fin_here: bool,
    blocked: bool,
}

/// One end of a link.
#[derive(Debug)]
pub struct Edge {
    /// Who holds it.
    pub owner: Owner,
    /// Given up by its owner.
    pub closed: bool,
    /// The peer's reset has arrived.
    pub reset: bool,
    /// The owner wants bytes.
    pub wanted: bool,
    /// The end of a connection that is not read was told.
    pub hangup_told: bool,
    /// The end was delivered.
    pub end_told: bool,
    deadline_ms: u64,
}

/// A connection.
#[derive(Debug)]
pub struct Link {
    /// Both ends.
    pub edges: [Edge; 2],
    /// Address of the caller and of the called.
    pub addresses: [SocketAddr; 2],
    /// Whether the caller knows that it stands.
    pub stands: bool,
    /// Whether the weather cut it.
    pub cut: bool,
    /// When bytes were last taken from either end.
    pub moved_us: u64,
    pipes: [Pipe; 2],
    latency_us: u64,
}

/// The network and the queue.
pub struct Net {
    /// Virtual time (microseconds).
    pub now_us: u64,
    /// Difference of the wall clock from its course (microseconds).
    pub wall_step_us: i64,
    /// All chance of this world.
    pub rng: Rng,
    /// How it behaves.
    pub climate: Climate,
    /// What happened.
    pub trace: Trace,
    /// Access-log lines that the engines gave, not looked at yet.
    pub records: Vec<Vec<u8>>,
    /// Broken promises.
    pub broken: Vec<String>,
    /// Nothing that the injected bug asks for is sent right now.
    pub garble: bool,
    links: Vec<Link>,
    queue: BTreeMap<(u64, u64), Event>,
    number: u64,
    conns: Vec<(Vec<Option<LinkId>>, Vec<u32>)>,
}

// === impl Net: time and chance ===

impl Net {
    /// An empty network.
    pub fn new(rng: Rng, climate: Climate, trace: Trace) -> Self {
        Self {
            now_us: 0,
            wall_step_us: 0,
            rng,
            climate,
            trace,
            records: Vec::new(),
            broken: Vec::new(),
            garble: false,
            links: Vec::new(),
            queue: BTreeMap::new(),
            number: 0,
            conns: vec![(Vec::new(), Vec::new()); limits::THREADS],
        }
    }

    /// Both clocks.
    pub fn now(&self) -> Now {
        let wall_us = limits::WALL_ORIGIN_US + self.now_us as i64 + self.wall_step_us;
        Now { mono_ms: limits::ORIGIN_MS + self.now_us / 1_000, wall_us }
    }

    /// A value in `0..bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.rng.below(bound)
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: u32) -> bool {
        self.rng.below(n) == 0
    }

    /// Puts an event into the queue.
    pub fn after(&mut self, delay_us: u64, event: Event) {
        self.at(self.now_us + delay_us, event);
    }

    fn at(&mut self, at_us: u64, event: Event) {
        self.number += 1;
        self.queue.insert((at_us, self.number), event);
    }

    /// Takes the next event and moves the time to it.
    pub fn next(&mut self, until_us: u64) -> Option<Event> {
        let (&(at_us, number), _) = self.queue.first_key_value()?;
        if at_us > until_us {
            return None;
        }
        let event = self.queue.remove(&(at_us, number))?;
        self.now_us = at_us;
        self.trace.mix(&[at_us, number]);
        Some(event)
    }

    /// Notes a broken promise.
    pub fn breaks(&mut self, text: impl Into<String>) {
        let text = text.into();
        let at_us = self.now_us;
        self.trace.note(at_us, || format!("BROKEN {text}"));
        self.broken.push(format!("at {:.6} s: {text}", at_us as f64 / 1e6));
    }
}

// === impl Net: links ===

impl Net {
    /// One link.
    pub fn link(&self, link: LinkId) -> &Link {
        &self.links[link]
    }

    /// One end.
    pub fn edge(&mut self, link: LinkId, side: usize) -> &mut Edge {
        &mut self.links[link].edges[side]
    }

    /// All links that some owner still holds.
    pub fn held(&self) -> impl Iterator<Item = (LinkId, usize, Owner)> {
        self.links
            .iter()
            .enumerate()
            .flat_map(|(id, link)| (0..2).map(move |side| (id, side, link.edges[side].owner)))
            .filter(|(_, _, owner)| *owner != Owner::Nobody)
    }

    /// Begins a connection; the attempt arrives after the latency.
    pub fn open(&mut self, owner: Owner, from: SocketAddr, to: SocketAddr) -> LinkId {
        let capacity = |net: &mut Self| 512 + net.rng.below(net.climate.buffer_max) as usize;
        let pipes =
            [capacity(self), capacity(self)].map(|capacity| Pipe { capacity, ..Pipe::default() });
        let edge = |owner| Edge {
            owner,
            closed: false,
            reset: false,
            wanted: true,
            hangup_told: false,
            end_told: false,
            deadline_ms: 0,
        };
        let latency_us =
            u64::from(self.climate.latency_us + self.rng.below(self.climate.jitter_us + 1));
        self.links.push(Link {
            edges: [edge(owner), edge(Owner::Nobody)],
            addresses: [from, to],
            stands: false,
            cut: false,
            moved_us: 0,
            pipes,
            latency_us,
        });
        let link = self.links.len() - 1;
        self.after(latency_us, Event::Syn { link });
        link
    }

    /// The called machine's answer leaves. With an owner the connection stands.
    pub fn answer(&mut self, link: LinkId, owner: Option<Owner>) {
        let latency_us = self.links[link].latency_us;
        let at_us = self.now_us + latency_us;
        let found = &mut self.links[link];
        match owner {
            Some(owner) => found.edges[CALLED].owner = owner,
            None => found.edges[CALLED].closed = true,
        }
        // Nothing overtakes the answer.
        found.pipes[CALLED].last_us = at_us;
        self.at(at_us, Event::Answer { link, stands: owner.is_some() });
    }

    /// The caller learns whether its connection stands.
    pub fn stand(&mut self, link: LinkId, stands: bool) {
        self.links[link].stands = stands;
    }

    /// Offers bytes. Returns how many were taken; `Room` follows when that is not all.
    pub fn send(&mut self, link: LinkId, side: usize, parts: &[&[u8]]) -> Result<usize, Gone> {
        let offered: usize = parts.iter().map(|part| part.len()).sum();
        let found = &mut self.links[link];
        let gone = found.edges[side].closed || found.edges[side].reset;
        let pipe = &mut found.pipes[side];
        if gone || pipe.fin_sent {
            return Err(Gone);
        }
        if side == CALLER && !found.stands {
            pipe.blocked = true;
            return Ok(0);
        }
        let mut taken = offered.min(pipe.capacity.saturating_sub(pipe.used));
        let short = self.climate.short_writes && taken > 0 && self.rng.below(12) == 0;
        if short {
            taken = self.rng.below(taken as u32 + 1) as usize;
        }
        let mut bytes: Vec<u8> = parts.concat();
        bytes.truncate(taken);
        if self.garble && taken > 600 {
            self.garble = false;
            bytes[taken - 1] ^= 1;
        }
        self.trace.mix(&[link as u64, side as u64, offered as u64, taken as u64]);
        if taken > 0 {
            self.links[link].moved_us = self.now_us;
        }
        let pipe = &mut self.links[link].pipes[side];
        pipe.used += taken;
        pipe.blocked = taken < offered;
        if short && taken < offered {
            pipe.blocked = false;
            let wait_us = u64::from(self.rng.below(20_000));
            self.after(wait_us, Event::Room { link, side });
        }
        // Cut into segments that travel one after another.
        while bytes.len() > 1 && self.rng.below(5) == 0 {
            let cut = self.rng.below(bytes.len() as u32) as usize;
            let rest = bytes.split_off(cut);
            self.launch(link, side, Segment::Data(std::mem::replace(&mut bytes, rest)));
        }
        if !bytes.is_empty() {
            self.launch(link, side, Segment::Data(bytes));
        }
        Ok(taken)
    }

    fn launch(&mut self, link: LinkId, side: usize, segment: Segment) {
        let jitter_us = u64::from(self.rng.below(self.climate.jitter_us / 4 + 1));
        let now_us = self.now_us;
        let found = &mut self.links[link];
        let pipe = &mut found.pipes[side];
        let at_us = (now_us + found.latency_us + jitter_us).max(pipe.last_us);
        pipe.last_us = at_us;
        pipe.flight.push_back(segment);
        self.at(at_us, Event::Arrive { link, side: 1 - side });
    }

    /// Lets the next segment arrive. Whether the end should look.
    pub fn arrive(&mut self, link: LinkId, side: usize) -> bool {
        let found = &mut self.links[link];
        let pipe = &mut found.pipes[1 - side];
        let Some(segment) = pipe.flight.pop_front() else { return false };
        let edge = &mut found.edges[side];
        match segment {
            Segment::Data(bytes) if edge.closed => {
                pipe.used -= bytes.len();
                // Nobody is there: the sender learns it.
                if !found.pipes[side].fin_sent || !found.edges[1 - side].reset {
                    self.launch(link, side, Segment::Rst);
                }
                return false;
            }
            Segment::Data(bytes) => pipe.ready.extend(bytes),
            Segment::Fin => pipe.fin_here = true,
            Segment::Rst => {
                pipe.used -= pipe.ready.len();
                pipe.ready.clear();
                edge.reset = true;
            }
        }
        !edge.closed
    }

    /// Reads at most `most` bytes.
    pub fn recv(&mut self, link: LinkId, side: usize, most: usize) -> Read {
        let found = &mut self.links[link];
        if found.edges[side].reset {
            return Read::Reset;
        }
        let pipe = &mut found.pipes[1 - side];
        let count = most.min(pipe.ready.len());
        if count == 0 {
            return if pipe.fin_here { Read::Closed } else { Read::Blocked };
        }
        let bytes: Vec<u8> = pipe.ready.drain(..count).collect();
        pipe.used -= count;
        let roomy = pipe.capacity - pipe.used.min(pipe.capacity) >= pipe.capacity / 4;
        if pipe.blocked && roomy {
            pipe.blocked = false;
            let latency_us = found.latency_us;
            self.after(latency_us, Event::Room { link, side: 1 - side });
        }
        Read::Data(bytes)
    }

    /// Whether there is something to read, or an end to see.
    pub fn is_readable(&self, link: LinkId, side: usize) -> bool {
        let found = &self.links[link];
        let pipe = &found.pipes[1 - side];
        found.edges[side].reset || pipe.fin_here || !pipe.ready.is_empty()
    }

    /// Whether the peer has ended its direction, read or not.
    pub fn has_ended(&self, link: LinkId, side: usize) -> bool {
        self.links[link].edges[side].reset || self.links[link].pipes[1 - side].fin_here
    }

    /// Ends a connection or one direction.
    pub fn end(&mut self, link: LinkId, side: usize, how: End) {
        let found = &mut self.links[link];
        let (closed, reset) = (found.edges[side].closed, found.edges[side].reset);
        let unread = !found.pipes[1 - side].ready.is_empty();
        let fin_sent = std::mem::replace(&mut found.pipes[side].fin_sent, true);
        self.trace.mix(&[link as u64, side as u64, how as u64]);
        if how == End::Write {
            if !fin_sent && !closed && !reset {
                self.launch(link, side, Segment::Fin);
            }
            return;
        }
        let found = &mut self.links[link];
        let pipe = &mut found.pipes[1 - side];
        pipe.used -= pipe.ready.len();
        pipe.ready = VecDeque::new();
        found.edges[side].closed = true;
        found.edges[side].owner = Owner::Nobody;
        if closed || reset {
            return;
        }
        if how == End::Reset || unread {
            self.launch(link, side, Segment::Rst);
        } else if !fin_sent {
            self.launch(link, side, Segment::Fin);
        }
    }

    /// The weather cuts a link: both ends see a reset.
    pub fn cut(&mut self, link: LinkId) {
        self.links[link].cut = true;
        for side in 0..2 {
            self.launch(link, side, Segment::Rst);
        }
    }
}

// === impl Net: connections of engines ===

impl Net {
    /// Gives a link's end a number in an engine: the one that was freed last, if any.
    pub fn number_conn(&mut self, thread: usize, link: LinkId) -> Conn {
        let (conns, free) = &mut self.conns[thread];
        let index = free.pop().unwrap_or_else(|| {
            conns.push(None);
            (conns.len() - 1) as u32
        });
        conns[index as usize] = Some(link);
        Conn(index)
    }

    /// The link and side of a number.
    pub fn of_conn(&self, thread: usize, conn: Conn) -> Option<(LinkId, usize)> {
        let link = (*self.conns[thread].0.get(conn.0 as usize)?)?;
        let mine = Owner::Engine(thread, conn);
        let side = (0..2).find(|side| self.links[link].edges[*side].owner == mine)?;
        Some((link, side))
    }

    fn free_conn(&mut self, thread: usize, conn: Conn) {
        let (conns, free) = &mut self.conns[thread];
        conns[conn.0 as usize] = None;
        free.push(conn.0);
    }

    /// Numbers that an engine still holds.
    pub fn conns_held(&self, thread: usize) -> usize {
        self.conns[thread].0.iter().flatten().count()
    }

    /// Ends an engine's connection.
    pub fn end_conn(&mut self, thread: usize, conn: Conn, how: End) {
        let Some((link, side)) = self.of_conn(thread, conn) else {
            return self.breaks(format!("{conn:?} of thread {thread} was ended twice ({how:?})"));
        };
        if how != End::Write {
            self.free_conn(thread, conn);
        }
        self.end(link, side, how);
    }

    /// Sets an engine's deadline for a connection.
    pub fn arm(&mut self, link: LinkId, side: usize, at_ms: u64) {
        self.links[link].edges[side].deadline_ms = at_ms;
        let at_us = at_ms.saturating_sub(limits::ORIGIN_MS).saturating_mul(1_000);
        let at_us = at_us.max(self.now_us);
        self.at(at_us, Event::Timer { link, side, at_ms });
    }

    /// Whether this is still the deadline.
    pub fn is_due(&self, link: LinkId, side: usize, at_ms: u64) -> bool {
        let edge = &self.links[link].edges[side];
        !edge.closed && edge.deadline_ms == at_ms
    }
}
