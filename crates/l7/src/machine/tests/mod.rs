//! The engine against a scripted world: virtual connections, virtual time, no sockets.
//!
//! A [`World`] delivers bytes only while they are wanted, in steps of a chosen size, so every
//! scenario can be run with heads and bodies cut at every byte.

mod chaos;
mod failures;
mod lifecycle;
mod requests;
mod responses;

use std::net::SocketAddr;
use std::sync::Arc;

use weir_core::resource::Priority;
use weir_core::snapshot::lane::{ListenerTotals, TargetTotals};
use weir_core::snapshot::testing::SnapshotBuilder;
use weir_core::snapshot::{
    AccessLogPlan, GroupSlot, ListenerPlan, ListenerSlot, LoadBalancerPlan, Snapshot, TargetCell,
};
use weir_core::time::Now;
use weir_core::traffic::route::{RoutingPlan, RulePlan};
use weir_core::traffic::weighted::Weighted;

use super::{Conn, End, Engine, Gone, Seam};

/// One virtual connection, seen from the engine.
#[derive(Default)]
struct Line {
    /// Where it leads, when the engine opened it.
    to: Option<SocketAddr>,
    stands: bool,
    /// What the engine has sent and nobody has taken out of here.
    sent: Vec<u8>,
    /// How much more the peer takes.
    room: Option<usize>,
    blocked: bool,
    wanted: bool,
    /// What the peer has sent and the engine has not seen.
    inbox: Vec<u8>,
    /// The peer ended its direction behind `inbox`.
    eof: bool,
    /// Sending fails.
    gone: bool,
    ended: Option<End>,
    half_closed: bool,
    deadline_ms: Option<u64>,
    /// What the system says is on its way.
    unsent: Option<usize>,
}

#[derive(Default)]
struct Net {
    lines: Vec<Line>,
    refused: Vec<SocketAddr>,
    silent: Vec<SocketAddr>,
    /// No connection can be begun: no descriptor is left.
    exhausted: bool,
    records: Vec<(u64, String)>,
}

struct World {
    engine: Engine,
    net: Net,
    now: Now,
    step: usize,
    snapshot: Arc<Snapshot>,
    group: GroupSlot,
    listener: ListenerSlot,
}

// === impl Net ===

impl Net {
    fn line(&mut self, conn: Conn) -> &mut Line {
        let line = &mut self.lines[conn.0 as usize];
        assert!(line.ended.is_none(), "{conn:?} was ended and is used again");
        line
    }

    fn add(&mut self, line: Line) -> Conn {
        self.lines.push(line);
        Conn(self.lines.len() as u32 - 1)
    }
}

impl Seam for Net {
    fn send(&mut self, conn: Conn, parts: &[&[u8]]) -> Result<usize, Gone> {
        let line = self.line(conn);
        if line.gone {
            return Err(Gone);
        }
        assert!(!line.half_closed, "sent behind our own end");
        let bytes = parts.concat();
        let room = if line.stands { line.room.unwrap_or(usize::MAX) } else { 0 };
        let taken = bytes.len().min(room);
        line.sent.extend_from_slice(&bytes[..taken]);
        line.room = line.room.map(|room| room - taken);
        line.blocked |= taken < bytes.len();
        Ok(taken)
    }

    fn connect(&mut self, to: SocketAddr) -> Option<Conn> {
        if self.exhausted {
            return None;
        }
        Some(self.add(Line { to: Some(to), wanted: true, ..Line::default() }))
    }

    fn end(&mut self, conn: Conn, how: End) {
        let line = self.line(conn);
        match how {
            End::Write => line.half_closed = true,
            End::Close | End::Reset => line.ended = Some(how),
        }
    }

    fn read(&mut self, conn: Conn, wanted: bool) {
        self.line(conn).wanted = wanted;
    }

    fn arm(&mut self, conn: Conn, deadline_ms: u64) {
        self.line(conn).deadline_ms = Some(deadline_ms);
    }

    fn unsent(&mut self, conn: Conn) -> Option<usize> {
        self.line(conn).unsent
    }

    fn record(&mut self, load_balancer: u64, line: &[u8]) {
        self.records.push((load_balancer, String::from_utf8(line.to_vec()).unwrap()));
    }
}

// === impl World ===

const LISTEN: &str = "127.0.0.1:80";

fn target_address(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 8080))
}

impl World {
    /// One listener on port 80 that forwards to so many targets.
    fn new(targets: u8) -> Self {
        Self::tuned(targets, |_, _| {})
    }

    fn tuned(targets: u8, tune: impl FnOnce(&mut ListenerPlan, &mut LoadBalancerPlan)) -> Self {
        Self::with_rules(targets, vec![], tune)
    }

    fn with_rules(
        targets: u8,
        rules: Vec<RulePlan>,
        tune: impl FnOnce(&mut ListenerPlan, &mut LoadBalancerPlan),
    ) -> Self {
        let mut builder = SnapshotBuilder::new(1);
        let addresses: Vec<_> = (1..=targets).map(target_address).collect();
        let group = builder.group(&addresses, |_| {});
        let mut all = rules;
        if !all.iter().any(|rule| rule.priority == Priority::Default) {
            let action = RoutingPlan::Forward(Weighted::new([(group, 1)]));
            all.push(RulePlan::new(Priority::Default, &[], action));
        }
        let listener = builder.listener(LISTEN.parse().unwrap(), all, |plan, load_balancer| {
            let bucket = AccessLogPlan { bucket: "b".into(), prefix: String::new() };
            load_balancer.access_log = Some(bucket);
            tune(plan, load_balancer);
        });
        let snapshot = Arc::new(builder.build());
        let now = Now { mono_ms: 1_000, wall_us: 1_735_689_600_000_000 };
        let mut world = Self {
            engine: Engine::new(0, 7),
            net: Net::default(),
            now,
            step: usize::MAX,
            snapshot: snapshot.clone(),
            group,
            listener,
        };
        world.engine.handle_snapshot(&mut world.net, snapshot, now);
        world
    }

    fn client(&mut self) -> Conn {
        let conn = self.net.add(Line { stands: true, wanted: true, ..Line::default() });
        let peer = "192.0.2.9:5000".parse().unwrap();
        let ends = (LISTEN.parse().unwrap(), peer);
        self.engine.handle_accepted(&mut self.net, conn, ends, self.now);
        conn
    }

    /// The peer sends; everything that can move moves.
    fn send(&mut self, conn: Conn, bytes: impl AsRef<[u8]>) {
        self.net.line(conn).inbox.extend_from_slice(bytes.as_ref());
        self.run();
    }

    /// The peer ends its direction.
    fn finish(&mut self, conn: Conn) {
        self.net.line(conn).eof = true;
        self.run();
    }

    /// The peer's connection fails.
    fn reset(&mut self, conn: Conn) {
        self.net.line(conn).gone = true;
        self.engine.handle_reset(&mut self.net, conn, self.now);
        self.run();
    }

    /// Delivers until nothing moves.
    fn run(&mut self) {
        while (0..self.net.lines.len()).any(|index| self.move_one(Conn(index as u32))) {}
    }

    fn move_one(&mut self, conn: Conn) -> bool {
        let line = &mut self.net.lines[conn.0 as usize];
        if line.ended.is_some() {
            return false;
        }
        if let (Some(to), false) = (line.to, line.stands) {
            if self.net.silent.contains(&to) {
                return false;
            }
            let stands = !self.net.refused.contains(&to);
            self.net.line(conn).stands = stands;
            self.engine.handle_connected(&mut self.net, conn, stands, self.now);
            return true;
        }
        if line.blocked && line.room != Some(0) {
            line.blocked = false;
            self.engine.handle_writable(&mut self.net, conn, self.now);
            return true;
        }
        if line.wanted && !line.inbox.is_empty() {
            let count = line.inbox.len().min(self.step);
            let bytes: Vec<u8> = line.inbox.drain(..count).collect();
            self.engine.handle_bytes(&mut self.net, conn, &bytes, self.now);
            return true;
        }
        if line.eof && line.wanted && line.inbox.is_empty() {
            line.eof = false;
            self.engine.handle_end(&mut self.net, conn, self.now);
            return true;
        }
        if line.eof && !line.wanted && line.to.is_none() {
            line.eof = false;
            self.engine.handle_hangup(&mut self.net, conn, false, self.now);
            return true;
        }
        false
    }

    /// Lets time pass and fires what is due.
    fn sleep(&mut self, ms: u64) {
        let end = self.now.mono_ms + ms;
        while let Some(conn) = self.next_timer(end) {
            let line = &mut self.net.lines[conn.0 as usize];
            let due = line.deadline_ms.take().unwrap();
            self.now.wall_us += (due.max(self.now.mono_ms) - self.now.mono_ms) as i64 * 1_000;
            self.now.mono_ms = due.max(self.now.mono_ms);
            self.engine.handle_timer(&mut self.net, conn, self.now);
            self.run();
        }
        self.now.wall_us += (end - self.now.mono_ms) as i64 * 1_000;
        self.now.mono_ms = end;
    }

    fn next_timer(&self, end: u64) -> Option<Conn> {
        let live = (0u32..).zip(&self.net.lines).filter(|(_, line)| line.ended.is_none());
        let due = live.filter_map(|(index, line)| Some((line.deadline_ms?, index)));
        due.filter(|(at, _)| *at <= end).min().map(|(_, index)| Conn(index))
    }

    /// Takes out what the engine has sent on a connection.
    fn sent(&mut self, conn: Conn) -> String {
        let bytes = std::mem::take(&mut self.net.lines[conn.0 as usize].sent);
        String::from_utf8(bytes).unwrap()
    }

    fn ended(&self, conn: Conn) -> Option<End> {
        self.net.lines[conn.0 as usize].ended
    }

    /// Connections that the engine opened, in order.
    fn targets(&self) -> Vec<Conn> {
        let all = (0u32..).zip(&self.net.lines);
        all.filter(|(_, line)| line.to.is_some()).map(|(index, _)| Conn(index)).collect()
    }

    /// The only connection to a target that lives.
    fn target(&self) -> Conn {
        let live: Vec<_> =
            self.targets().into_iter().filter(|c| self.ended(*c).is_none()).collect();
        assert_eq!(live.len(), 1, "one living target connection");
        live[0]
    }

    fn cell(&self, number: u8) -> Arc<TargetCell> {
        let group = self.snapshot.group(self.group).unwrap();
        let address = Some(target_address(number));
        let target = group.targets.iter().find(|target| target.address == address);
        target.unwrap().cell.clone()
    }

    fn listener_totals(&self) -> ListenerTotals {
        ListenerTotals::sum(&self.snapshot.listener(self.listener).unwrap().cell.lanes)
    }

    fn target_totals(&self, number: u8) -> TargetTotals {
        TargetTotals::sum(&self.cell(number).lanes)
    }

    fn publish(&mut self, snapshot: Snapshot) {
        self.snapshot = Arc::new(snapshot);
        self.engine.handle_snapshot(&mut self.net, self.snapshot.clone(), self.now);
        self.run();
    }

    /// One field of the newest access-log line, by its number in the specification.
    fn logged(&self, number: usize) -> String {
        fields(&self.net.records.last().unwrap().1)[number - 1].clone()
    }

    /// Nothing is left of any request.
    fn assert_quiet(&self) {
        assert_eq!(self.engine.in_flight(), 0);
        let group = self.snapshot.group(self.group).unwrap();
        assert!(group.targets.iter().all(|target| target.cell.in_flight() == 0));
    }
}

fn fields(line: &str) -> Vec<String> {
    let (mut out, mut quoted) = (vec![String::new()], false);
    for c in line.trim_end().chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => out.push(String::new()),
            c => out.last_mut().unwrap().push(c),
        }
    }
    out
}

fn status_of(text: &str) -> u16 {
    text.get(9..12).and_then(|code| code.parse().ok()).unwrap_or(0)
}

const GET: &str = "GET /a?b=1 HTTP/1.1\r\nHost: Example.com\r\nUser-Agent: t\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: t\r\n\r\nhello";
