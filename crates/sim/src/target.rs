//! Targets: they check every byte that reaches them, and answer well, badly, late, early or never.
//!
//! Invariant: a target answers a request only on the connection on which it came, and says in the
//! answer which request and how many bytes it means.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use weir_l7::machine::End;

use crate::http::{Head, Item, Reader, Side, body, is_part};
use crate::ledger::{Arrival, Id, number_in};
use crate::limits;
use crate::net::{CALLED, Event, LinkId, Owner, Read};
use crate::world::World;

/// How a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Well.
    Up,
    /// Nothing listens.
    Refusing,
    /// Packets vanish.
    Dark,
    /// Connections stand, nothing is answered.
    Hanging,
    /// Every answer is 500.
    Failing,
    /// Every answer is garbage.
    Babbling,
}

/// One target.
#[derive(Debug)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it belongs to the group that is left alone.
    pub still: bool,
    /// How it is.
    pub mode: Mode,
    /// Its connections.
    pub conns: BTreeMap<LinkId, Talk>,
}

/// One connection of a target.
#[derive(Debug)]
pub struct Talk {
    reader: Reader,
    work: Option<Work>,
    out: Vec<u8>,
    at: usize,
    then: Then,
    turn: u64,
}

#[derive(Debug)]
struct Work {
    /// `None`: a request that no client vouches for.
    id: Option<Id>,
    head_only: bool,
    got: u64,
    complete: bool,
    answered: bool,
    deed: Deed,
}

/// What a target does about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Answer,
    AnswerEarly,
    Silence,
    Babble,
    Boast,
    Trailing,
    DieBefore,
    DieWithin,
}

/// What follows the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Keep,
    Close,
    Reset,
}

// === impl Talk ===

impl Talk {
    fn new() -> Self {
        Self {
            reader: Reader::new(Side::Requests),
            work: None,
            out: Vec::new(),
            at: 0,
            then: Then::Keep,
            turn: 0,
        }
    }
}

// === impl World: connections of targets ===

impl World {
    /// Whether a target takes a connection: `None` means that nobody answers.
    pub fn target_accepts(&mut self, link: LinkId, number: usize) -> Option<bool> {
        match self.targets[number].mode {
            Mode::Dark => None,
            Mode::Refusing => Some(false),
            _ => {
                self.targets[number].conns.insert(link, Talk::new());
                Some(true)
            }
        }
    }

    /// A target's end has something to read.
    pub fn target_look(&mut self, number: usize, link: LinkId) {
        loop {
            let most = 1 + self.net.below(limits::READ_MAX) as usize;
            match self.net.recv(link, CALLED, most) {
                Read::Data(bytes) => self.target_bytes(number, link, &bytes),
                Read::Blocked => return,
                Read::Closed => return self.target_leaves(number, link, End::Close),
                Read::Reset => return self.target_leaves(number, link, End::Reset),
            }
            if !self.targets[number].conns.contains_key(&link) {
                return;
            }
        }
    }

    fn target_leaves(&mut self, number: usize, link: LinkId, how: End) {
        self.targets[number].conns.remove(&link);
        self.net.end(link, CALLED, how);
    }

    fn target_bytes(&mut self, number: usize, link: LinkId, bytes: &[u8]) {
        let Some(mut talk) = self.targets[number].conns.remove(&link) else { return };
        talk.reader.feed(bytes);
        while let Some(item) = talk.reader.next(false) {
            match item {
                Item::Head(head) => self.target_head(number, link, &mut talk, &head),
                Item::Body(bytes) => self.target_body(&mut talk, &bytes),
                Item::End => self.target_end(link, &mut talk),
                Item::Bad(why) => {
                    self.net.breaks(format!("a target was sent {why} by link {link}"));
                }
            }
        }
        self.targets[number].conns.insert(link, talk);
    }

    fn target_head(&mut self, number: usize, link: LinkId, talk: &mut Talk, head: &Head) {
        if talk.work.is_some() {
            return self.net.breaks(format!("a second request before the answer: {head:?}"));
        }
        talk.turn += 1;
        // Random bytes may happen to be a request; what was hidden in another one may not.
        let odd = !head.start.contains("?id=") && !head.start.contains("/smuggled");
        let wild = head.has("x-sim-wild") || odd;
        let id = number_in(&head.start);
        let verdict = match id {
            _ if wild => Ok(()),
            None => Err(format!("a request that nobody sent: {head:?}")),
            Some(id) => self.check_arrival(id, number, head),
        };
        if let Err(why) = verdict {
            self.net.breaks(why);
        }
        let deed = self.deed(number, wild);
        let head_only = head.start.starts_with("HEAD ");
        let id = id.filter(|_| !wild);
        let (got, complete, answered) = (0, false, false);
        talk.work = Some(Work { id, head_only, got, complete, answered, deed });
        if deed == Deed::AnswerEarly {
            self.net.after(50, Event::Target { link, turn: talk.turn });
        }
    }

    fn check_arrival(&mut self, id: Id, number: usize, head: &Head) -> Result<(), String> {
        let target = self.targets[number].address;
        let Some(request) = self.ledger.requests.get(id) else {
            return Err(format!("a request that nobody sent: {head:?}"));
        };
        let views = self.control.between(request.low);
        let arrival = Arrival { target };
        request.judge_arrival(arrival, views).map_err(|why| format!("request {id}: {why}"))?;
        let line = format!("{} {}?id={id} HTTP/1.1", request.method, request.path);
        let peer = request.peer.ip().to_string();
        let host = match request.door.port() {
            80 => request.host.to_owned(),
            port => format!("{}:{port}", request.host),
        };
        let told = head.only("x-forwarded-for") == Some(peer.as_str())
            && head.only("x-forwarded-proto") == Some("http")
            && head.only("x-amzn-trace-id").is_some()
            && head.only("host") == Some(host.as_str())
            && head.only("x-sim-plain") == Some("plain");
        let hop = ["expect", "connection", "keep-alive", "upgrade", "x-hop"];
        let quiet = !hop.iter().any(|name| head.has(name));
        if head.start != line || !told || !quiet {
            return Err(format!("request {id} reached its target as {head:?}"));
        }
        let sent_us = request.sent_us;
        let mates = |view: &crate::view::View| -> Vec<SocketAddr> {
            let group = view.groups.values().find(|all| all.contains(&target));
            group.map(|all| all.iter().copied().collect()).unwrap_or_default()
        };
        if self.prober.was_unhealthy(target, sent_us) {
            let first = views.first().map(mates).unwrap_or_default();
            let better = first.iter().find(|mate| {
                self.prober.was_healthy(**mate, sent_us)
                    && views.iter().all(|view| mates(view).contains(mate))
            });
            if let Some(mate) = better {
                return Err(format!("request {id} went to {target}, unhealthy; {mate} is well"));
            }
        }
        let request = &mut self.ledger.requests[id];
        request.arrivals.push(arrival);
        if request.arrivals.len() > 1 {
            self.ledger.counts.replays += 1;
        }
        Ok(())
    }

    fn target_body(&mut self, talk: &mut Talk, bytes: &[u8]) {
        let Some(work) = &mut talk.work else { return };
        let Some(id) = work.id else { return };
        if !is_part(2 * id as u64 + 1, work.got, bytes) {
            let at = work.got;
            self.net.breaks(format!("the body of request {id} is not what was sent, near {at}"));
        }
        work.got += bytes.len() as u64;
    }

    fn target_end(&mut self, link: LinkId, talk: &mut Talk) {
        let turn = talk.turn;
        let Some(work) = &mut talk.work else { return };
        work.complete = true;
        if let Some(id) = work.id {
            let meant = self.ledger.requests[id].body_len;
            if work.got != meant {
                let got = work.got;
                self.net.breaks(format!("request {id} ended after {got} of {meant} bytes"));
            }
        }
        if work.answered {
            // The answer was out before the request was complete.
            talk.work = None;
            return;
        }
        if work.deed == Deed::AnswerEarly {
            return;
        }
        let slow = self.net.once_in(40);
        let wait_us = self.net.below(if slow { 700_000 } else { 15_000 });
        self.net.after(u64::from(wait_us), Event::Target { link, turn });
    }

    fn deed(&mut self, number: usize, wild: bool) -> Deed {
        let target = &self.targets[number];
        let (mode, still) = (target.mode, target.still);
        match mode {
            Mode::Hanging => return Deed::Silence,
            Mode::Babbling => return Deed::Babble,
            _ => {}
        }
        let early = !wild && self.net.once_in(25);
        if still || !self.storm || !self.net.once_in(12) {
            return if early { Deed::AnswerEarly } else { Deed::Answer };
        }
        match self.net.below(8) {
            0 => Deed::Silence,
            1 => Deed::Babble,
            2 => Deed::Boast,
            3 => Deed::DieBefore,
            4 => Deed::Trailing,
            _ => Deed::DieWithin,
        }
    }
}

// === impl World: answers of targets ===

impl World {
    /// A target goes on with a request.
    pub fn target_goes_on(&mut self, number: usize, link: LinkId, turn: u64) {
        let Some(mut talk) = self.targets[number].conns.remove(&link) else { return };
        if talk.turn != turn {
            self.targets[number].conns.insert(link, talk);
            return;
        }
        if talk.work.as_ref().is_some_and(|work| !work.answered) {
            self.target_answers(number, &mut talk);
        } else if talk.work.is_none() && talk.at == talk.out.len() {
            // An idle connection that the target is tired of, or says something on.
            if self.net.once_in(4) {
                let _ = self.net.send(link, CALLED, &[b"bye"]);
            }
            self.net.end(link, CALLED, End::Close);
            return;
        }
        self.targets[number].conns.insert(link, talk);
        self.target_room(number, link);
    }

    fn target_answers(&mut self, number: usize, talk: &mut Talk) {
        let Some(work) = &mut talk.work else { return };
        work.answered = true;
        let (id, deed, head_only, complete) = (work.id, work.deed, work.head_only, work.complete);
        let failing = self.targets[number].mode == Mode::Failing;
        let address = self.targets[number].address;
        talk.at = 0;
        (talk.out, talk.then) = match deed {
            Deed::Silence => (Vec::new(), Then::Keep),
            Deed::DieBefore => {
                (Vec::new(), if self.net.once_in(2) { Then::Reset } else { Then::Close })
            }
            Deed::Babble => (self.babble(), Then::Close),
            Deed::Boast => {
                let line = format!("X-Long: {}\r\n", "x".repeat(900));
                (format!("HTTP/1.1 200 OK\r\n{}\r\n", line.repeat(50)).into_bytes(), Then::Keep)
            }
            Deed::Answer | Deed::AnswerEarly | Deed::Trailing | Deed::DieWithin => {
                self.compose_answer(address, id, (head_only, complete, failing))
            }
        };
        if deed == Deed::Trailing && talk.then == Then::Keep {
            // Whoever uses this connection again gets the wrong answer.
            talk.out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
        if deed == Deed::DieWithin {
            let cut = self.net.below(talk.out.len() as u32) as usize;
            talk.out.truncate(cut);
            // Only a reset shows that a body which ends with the connection is cut.
            talk.then = Then::Reset;
        }
        if complete && deed != Deed::Silence {
            talk.work = None;
        }
    }

    fn babble(&mut self) -> Vec<u8> {
        let texts: [&[u8]; 6] = [
            b"\x16\x03\x01 what is this? \r\n\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\nxyz",
            b"HTTP/1.1 200 OK\r\nX-Sim-Odd: 1\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nX-Sim-Odd: 1\r\nContent-Length: -3\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nX-Sim-Odd: 1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
            b"ICY 200 OK\r\n\r\n",
        ];
        texts[self.net.below(6) as usize].to_vec()
    }

    fn compose_answer(
        &mut self,
        address: SocketAddr,
        id: Option<Id>,
        (head_only, complete, failing): (bool, bool, bool),
    ) -> (Vec<u8>, Then) {
        let big = self.net.once_in(4);
        let len = self.net.below(if big { limits::BODY_MAX } else { 900 }) as usize;
        let status = match self.net.below(20) {
            _ if failing => "500 Broken",
            0 => "204 No Content",
            1 => "304 Not Modified",
            2 => "404 Not Found",
            _ => "200 OK",
        };
        let bodiless = status.starts_with("204") || status.starts_with("304");
        let mut out = Vec::new();
        if self.net.once_in(15) {
            out.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        }
        out.extend_from_slice(format!("HTTP/1.1 {status}\r\nX-Sim-Len: {len}\r\n").as_bytes());
        if let Some(id) = id {
            out.extend_from_slice(
                format!("X-Sim-Id: {id}\r\nX-Sim-Target: {address}\r\n").as_bytes(),
            );
        }
        let bytes = body(2 * id.unwrap_or(0) as u64, len);
        let framing = self.net.below(8);
        let mut then = Then::Keep;
        if self.net.once_in(20) {
            out.extend_from_slice(b"Connection: close\r\n");
            then = Then::Close;
        }
        // With unread bytes of the request, closing would reset.
        if !complete {
            then = Then::Keep;
        }
        match framing {
            _ if bodiless => out.extend_from_slice(b"\r\n"),
            0 if complete => {
                out.extend_from_slice(b"\r\n");
                then = if head_only { Then::Keep } else { Then::Close };
                out.extend_from_slice(if head_only { &[] } else { &bytes });
            }
            1..=3 => {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                if !head_only {
                    self.chunked(&bytes, &mut out);
                }
            }
            _ => {
                out.extend_from_slice(format!("Content-Length: {len}\r\n\r\n").as_bytes());
                out.extend_from_slice(if head_only { &[] } else { &bytes });
            }
        }
        (out, then)
    }

    /// Appends a body in chunks of any size.
    pub fn chunked(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let most = rest.len().min(4_000) as u32;
            let (now, later) = rest.split_at(1 + self.net.below(most) as usize);
            let extension = if self.net.once_in(10) { ";x=1" } else { "" };
            out.extend_from_slice(format!("{:x}{extension}\r\n", now.len()).as_bytes());
            out.extend_from_slice(now);
            out.extend_from_slice(b"\r\n");
            rest = later;
        }
        let trailer = if self.net.once_in(5) { "X-Trailer: t\r\n" } else { "" };
        out.extend_from_slice(format!("0\r\n{trailer}\r\n").as_bytes());
    }

    /// A target's end has room, or something new to say.
    pub fn target_room(&mut self, number: usize, link: LinkId) {
        let Some(talk) = self.targets[number].conns.get_mut(&link) else { return };
        while talk.at < talk.out.len() {
            match self.net.send(link, CALLED, &[&talk.out[talk.at..]]) {
                Ok(0) => return,
                Ok(taken) => talk.at += taken,
                Err(_gone) => return,
            }
        }
        if talk.out.is_empty() && talk.then == Then::Keep {
            return;
        }
        (talk.out, talk.at) = (Vec::new(), 0);
        let (turn, then) = (talk.turn, talk.then);
        let tires = self.storm && !self.targets[number].still;
        match then {
            Then::Reset => self.target_leaves(number, link, End::Reset),
            Then::Close => self.target_leaves(number, link, End::Close),
            Then::Keep if tires && self.net.once_in(4) => {
                let wait_us = u64::from(self.net.below(2_000_000));
                self.net.after(wait_us, Event::Target { link, turn });
            }
            Then::Keep => {}
        }
    }

    /// Something happens to a target.
    pub fn target_changes(&mut self) {
        let number = self.net.below(self.targets.len() as u32) as usize;
        if self.targets[number].still {
            return;
        }
        let mode = match self.net.below(12) {
            0 => Mode::Refusing,
            1 => Mode::Dark,
            2 => Mode::Hanging,
            3 => Mode::Failing,
            4 => Mode::Babbling,
            _ => Mode::Up,
        };
        self.targets[number].mode = mode;
        let crashes = mode == Mode::Refusing || self.net.once_in(6);
        if crashes {
            for link in std::mem::take(&mut self.targets[number].conns).into_keys() {
                self.net.end(link, CALLED, End::Reset);
            }
        }
    }

    /// What a probe of an address would find: the number of the result, and after how long.
    pub fn probe_result(&mut self, address: SocketAddr, timeout_s: u32) -> (usize, u64) {
        let timeout_us = u64::from(timeout_s) * limits::SECOND_US;
        let soon_us = u64::from(self.net.below(20_000));
        let mode = self.targets.iter().find(|t| t.address == address).map(|t| t.mode);
        match mode {
            Some(Mode::Up) => (0, soon_us),
            None | Some(Mode::Refusing | Mode::Babbling) => (1, soon_us),
            Some(Mode::Dark | Mode::Hanging) => (2, timeout_us),
            Some(Mode::Failing) => (3, soon_us),
        }
    }

    /// The target at an address.
    pub fn target_at(&self, address: SocketAddr) -> Option<usize> {
        self.targets.iter().position(|target| target.address == address)
    }

    /// Whether this end belongs to a target that still knows it.
    pub fn target_of(&self, owner: Owner, link: LinkId) -> Option<usize> {
        let Owner::Target(number) = owner else { return None };
        self.targets[number].conns.contains_key(&link).then_some(number)
    }
}
