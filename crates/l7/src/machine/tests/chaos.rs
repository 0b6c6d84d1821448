//! Anything, in any order: seeded random events against a few clients and targets.
//!
//! Whatever happens, every response that a client received is complete or visibly cut, every
//! exchange is recorded once, and when everybody has gone nothing is left.

use std::collections::BTreeMap;

use weir_core::rng::Rng;
use weir_wire::http1::body::Body;
use weir_wire::http1::{Framing, ResponseHead, Scan, Status, response};

use super::*;

const SEEDS: u64 = 300;
const EVENTS: usize = 250;

const REQUESTS: [&str; 8] = [
    "GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /b HTTP/1.0\r\n\r\n",
    "POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    "PUT /d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "TRACE / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxx",
    "GET /e HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "PUT /f HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
    "\x00\x01\r\n\r\n",
];

const RESPONSES: [&str; 8] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\nhello",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nonly the beginning",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    "nonsense\r\n\r\n",
];

struct Chaos {
    world: World,
    rng: Rng,
    clients: Vec<Conn>,
    /// Every target that was ever registered.
    cells: BTreeMap<u64, Arc<TargetCell>>,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut world = World::tuned(3, |_, lb| lb.client_keep_alive_ms = 200_000);
        let mut rng = Rng::new(seed);
        world.step = 1 + rng.below(40) as usize;
        let mut chaos = Self { world, rng, clients: Vec::new(), cells: BTreeMap::new() };
        chaos.note_cells();
        chaos
    }

    fn note_cells(&mut self) {
        let group = self.world.snapshot.group(self.world.group).unwrap();
        let cells = group.targets.iter().map(|target| (target.cell.uid, target.cell.clone()));
        self.cells.extend(cells);
    }

    fn below(&mut self, bound: usize) -> usize {
        self.rng.below(bound as u32) as usize
    }

    /// A connection that lives, of clients or of targets.
    fn any(&mut self, targets: bool) -> Option<Conn> {
        let all = if targets { self.world.targets() } else { self.clients.clone() };
        let live: Vec<_> = all.into_iter().filter(|c| self.world.ended(*c).is_none()).collect();
        if live.is_empty() {
            return None;
        }
        let index = self.below(live.len());
        Some(live[index])
    }

    fn part_of(&mut self, text: &str) -> Vec<u8> {
        let cut = if self.below(4) == 0 { self.below(text.len()) + 1 } else { text.len() };
        text.as_bytes()[..cut].to_vec()
    }

    fn event(&mut self) {
        match self.below(16) {
            0 | 1 => {
                let client = self.world.client();
                self.clients.push(client);
            }
            2..=5 => {
                let request = REQUESTS[self.below(REQUESTS.len())];
                let bytes = self.part_of(request);
                if let Some(client) = self.any(false).filter(|c| !self.world.net.line(*c).eof) {
                    self.world.send(client, bytes);
                }
            }
            6..=9 => {
                let response = RESPONSES[self.below(RESPONSES.len())];
                let bytes = self.part_of(response);
                if let Some(target) = self.any(true).filter(|t| self.world.net.line(*t).stands) {
                    self.world.send(target, bytes);
                }
            }
            10 => self.hang_up(),
            11 => {
                let (side, room) = (self.below(2) == 0, self.below(300));
                if let Some(conn) = self.any(side) {
                    let room = (room > 20).then_some(room);
                    self.world.net.line(conn).room = room;
                    self.world.run();
                }
            }
            12 => {
                let ms = [10, 900, 11_000, 61_000][self.below(4)];
                self.world.sleep(ms);
            }
            13 => self.change_targets(),
            _ => {
                let address = target_address(1 + self.below(3) as u8);
                let list = match self.below(2) {
                    0 => &mut self.world.net.refused,
                    _ => &mut self.world.net.silent,
                };
                match list.iter().position(|known| *known == address) {
                    Some(at) => drop(list.remove(at)),
                    None => list.push(address),
                }
                self.world.run();
            }
        }
    }

    fn hang_up(&mut self) {
        let (side, failed) = (self.below(3) > 0, self.below(2) == 0);
        let Some(conn) = self.any(side) else { return };
        if !self.world.net.line(conn).stands {
            return;
        }
        if failed { self.world.reset(conn) } else { self.world.finish(conn) }
    }

    fn change_targets(&mut self) {
        let address = target_address(1 + self.below(3) as u8);
        let kind = self.below(3);
        let mut builder = SnapshotBuilder::after(&self.world.snapshot, 1);
        let group = self.world.group;
        match kind {
            0 => builder.drain_target(group, address),
            1 => builder.remove_target(group, address),
            _ => builder.add_target(group, address),
        }
        self.world.publish(builder.build());
        self.note_cells();
    }

    fn end(&mut self) {
        self.world.net.refused.clear();
        self.world.net.silent.clear();
        for line in &mut self.world.net.lines {
            line.room = None;
        }
        self.world.run();
        for client in self.clients.clone() {
            if self.world.ended(client).is_none() {
                self.world.finish(client);
            }
        }
        self.world.sleep(300_000);
    }
}

/// Reads a client's bytes as responses. `false`: the last one is incomplete.
fn is_whole(mut bytes: &[u8]) -> bool {
    let mut head = ResponseHead::default();
    while !bytes.is_empty() {
        let parsed = response::parse(bytes, &mut Scan::default(), &mut head);
        let Ok(Status::Complete { head_len }) = parsed else {
            assert_eq!(parsed, Ok(Status::Partial), "{}", bytes.escape_ascii());
            return false;
        };
        bytes = &bytes[head_len..];
        let mut body = match (head.status, head.fields.framing()) {
            (100..=199 | 204 | 304, _) => Body::None,
            (_, Framing::Length(length)) => Body::Length(length),
            (_, Framing::Chunked) => Body::chunked(),
            _ => return false,
        };
        let passed = body.pass(bytes).unwrap();
        bytes = &bytes[passed.consumed..];
        if !passed.done {
            return false;
        }
    }
    true
}

fn play(seed: u64) {
    let mut chaos = Chaos::new(seed);
    for _ in 0..EVENTS {
        chaos.event();
    }
    chaos.end();
    let world = &chaos.world;
    for client in &chaos.clients {
        let line = &world.net.lines[client.0 as usize];
        let whole = is_whole(&line.sent);
        assert!(whole || line.ended.is_some(), "seed {seed}: cut short and left open");
    }
    assert_eq!(world.engine.in_flight(), 0, "seed {seed}");
    assert_eq!(world.engine.connections(), (0, 0), "seed {seed}");
    assert_eq!(world.engine.held_bytes(), 0, "seed {seed}");
    assert!(chaos.cells.values().all(|cell| cell.in_flight() == 0), "seed {seed}");
    assert!(world.net.lines.iter().all(|line| line.ended.is_some()), "seed {seed}");
    let requests = world.listener_totals().requests;
    assert_eq!(world.net.records.len() as u64, requests, "seed {seed}: one record each");
}

#[test]
fn nothing_is_left_and_nothing_is_cut_silently() {
    for seed in 0..SEEDS {
        let outcome = std::panic::catch_unwind(|| play(seed));
        assert!(outcome.is_ok(), "seed {seed} fails; replay it with play({seed})");
    }
}
