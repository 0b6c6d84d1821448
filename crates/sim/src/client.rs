//! Clients: most send valid requests and check every byte of the answers; some go away, stall,
//! or send what is no request.
//!
//! Invariant: a client that is well-mannered only ever fails for a reason of the world, and says
//! how each of its requests ended exactly once.

use std::collections::VecDeque;
use std::net::SocketAddr;

use weir_l7::machine::End;

use crate::http::{Head, Item, Reader, Side, is_part};
use crate::ledger::{Circumstances, Ending, Id, Manners, Seen};
use crate::limits;
use crate::net::{CALLER, Event, LinkId, Owner, Read};
use crate::world::World;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One request after another.
    Steady,
    /// Several at once.
    Pipelined,
    /// HTTP/1.0.
    Old,
    /// Waits for `100 Continue`.
    Expecting,
    /// Reads very slowly.
    Slow,
    /// Asks for much and reads nothing.
    Stalled,
    /// Goes away in the middle.
    Leaving,
    /// Ends its direction after the request.
    HalfClosed,
    /// Never finishes its head.
    HalfHead,
    /// Says nothing.
    Idle,
    /// Sends what is no request, or not quite.
    Wild,
}

/// A client: one connection at a time.
#[derive(Debug)]
pub struct Client {
    /// Whether it asks the load balancer that is left alone.
    pub still: bool,
    /// The connection, if any.
    pub link: Option<LinkId>,
    /// What it is for.
    pub kind: Kind,
    /// Where it goes.
    pub door: SocketAddr,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// Requests without an answer, oldest first.
    pub waiting: VecDeque<Id>,
    /// Last byte in either direction.
    pub last_us: u64,
    /// Bytes for the load balancer.
    pub out: Vec<u8>,
    /// Whether an HTTP/1.0 client asks for a connection that lasts.
    pub persists: bool,
    /// A body that waits for `100 Continue`.
    pub held: Option<Vec<u8>>,
    /// The epoch that was acknowledged when the connection began.
    pub low: usize,
    at: usize,
    reader: Reader,
    interim: bool,
    seen: Option<Seen>,
    wants: Option<u16>,
    consumed: u64,
    left: u32,
    said_close: bool,
    opened_us: u64,
    turn: u64,
}

// === impl Client ===

impl Client {
    /// A client that has not begun.
    pub fn new(still: bool) -> Self {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        Self {
            still,
            link: None,
            kind: Kind::Idle,
            door: nowhere,
            peer: nowhere,
            waiting: VecDeque::new(),
            last_us: 0,
            out: Vec::new(),
            persists: false,
            held: None,
            low: 0,
            at: 0,
            reader: Reader::new(Side::Responses),
            interim: false,
            seen: None,
            wants: None,
            consumed: 0,
            left: 0,
            said_close: false,
            opened_us: 0,
            turn: 0,
        }
    }

    /// How it behaves.
    pub fn manners(&self) -> Manners {
        match self.kind {
            Kind::Steady | Kind::Pipelined | Kind::Old | Kind::Expecting => Manners::Good,
            _ => Manners::Bad,
        }
    }

    fn reads_slowly(&self) -> bool {
        matches!(self.kind, Kind::Slow | Kind::Stalled)
    }
}

// === impl World: the course of a client ===

impl World {
    /// Begins, goes on, or gives up.
    pub fn client_goes_on(&mut self, slot: usize, turn: u64) {
        if self.clients[slot].turn != turn {
            return;
        }
        let Some(link) = self.clients[slot].link else { return self.client_opens(slot) };
        match self.clients[slot].kind {
            Kind::Slow if self.clients[slot].waiting.is_empty() => {
                self.client_next(slot, 30_000);
                self.client_asks(slot);
            }
            Kind::Slow => {
                self.client_next(slot, 30_000);
                self.client_reads(slot, link, 300);
            }
            Kind::Leaving | Kind::Wild => self.client_leaves(slot),
            // What reads nothing sees nothing: the other end is what tells that it was given up.
            Kind::Stalled if self.net.edge(link, 1 - CALLER).closed => {
                self.client_lost(slot, false);
            }
            Kind::Stalled => {
                let moved_us = self.net.link(link).moved_us.max(self.clients[slot].last_us);
                if self.net.now_us > moved_us + limits::PATIENCE_US {
                    let text = format!("{:?} was not given up", self.clients[slot]);
                    return self.net.breaks(text);
                }
                self.client_next(slot, limits::SECOND_US / 4);
            }
            Kind::Idle | Kind::HalfHead => {
                let limit_us = u64::from(limits::IDLE_BUSY_MAX_S) * limits::SECOND_US;
                if self.net.now_us > self.clients[slot].last_us + limit_us + limits::SLACK_US {
                    let text = format!("{:?} was not ended in time", self.clients[slot]);
                    return self.net.breaks(text);
                }
                self.client_next(slot, limits::SECOND_US / 2);
            }
            _ if self.clients[slot].waiting.is_empty() => self.client_asks(slot),
            _ => {}
        }
    }

    fn client_next(&mut self, slot: usize, wait_us: u64) {
        self.clients[slot].turn += 1;
        let turn = self.clients[slot].turn;
        self.net.after(wait_us, Event::Client { slot, turn });
    }

    fn client_opens(&mut self, slot: usize) {
        if self.net.now_us >= self.end_us {
            return;
        }
        let still = self.clients[slot].still;
        let low = self.control.acknowledged();
        let doors = self.control.views[low].doors.iter();
        let doors: Vec<SocketAddr> = doors
            .filter(|(_, door)| (door.owner == crate::workload::STILL) == still)
            .map(|(address, _)| *address)
            .collect();
        if doors.is_empty() {
            return self.client_next(slot, 100_000);
        }
        let door = doors[self.net.below(doors.len() as u32) as usize];
        let far = if still { 0 } else { 256 * self.net.below(2) as u16 / 2 };
        let kind = if still { self.steady_kind() } else { self.any_kind() };
        let peer = SocketAddr::from((
            [127, 9, far as u8, 1 + slot as u8],
            1_024 + self.net.below(60_000) as u16,
        ));
        let link = self.net.open(Owner::Client(slot), peer, door);
        let now_us = self.net.now_us;
        let persists = kind == Kind::Old && self.net.once_in(2);
        let left = if still { 40 } else { 1 + self.net.below(12) };
        let client = &mut self.clients[slot];
        let turn = client.turn + 1;
        *client = Client {
            link: Some(link),
            kind,
            door,
            peer,
            low,
            left,
            persists,
            turn,
            opened_us: now_us,
            last_us: now_us,
            ..Client::new(still)
        };
        self.net
            .trace
            .note(now_us, || format!("client {slot} {kind:?} {peer} opens {link} {door}"));
        self.client_first(slot);
    }

    fn steady_kind(&mut self) -> Kind {
        match self.net.below(8) {
            0 => Kind::Pipelined,
            1 => Kind::Expecting,
            2 => Kind::Old,
            _ => Kind::Steady,
        }
    }

    fn any_kind(&mut self) -> Kind {
        match self.net.below(20) {
            0 => Kind::Slow,
            1 => Kind::Leaving,
            2 => Kind::HalfClosed,
            3 => Kind::HalfHead,
            4 => Kind::Idle,
            5 | 6 => Kind::Wild,
            7 if self.net.once_in(3) => Kind::Stalled,
            _ => self.steady_kind(),
        }
    }

    /// What is ready when the connection stands.
    fn client_first(&mut self, slot: usize) {
        match self.clients[slot].kind {
            Kind::Steady | Kind::Pipelined | Kind::Old | Kind::Expecting | Kind::HalfClosed => {
                self.client_asks(slot);
            }
            Kind::Slow | Kind::Stalled => {
                self.client_asks(slot);
                self.client_next(slot, 30_000);
            }
            Kind::Leaving => {
                self.client_asks(slot);
                let wait_us = u64::from(self.net.below(400_000));
                self.client_next(slot, wait_us);
            }
            Kind::Idle => self.client_next(slot, limits::SECOND_US),
            Kind::HalfHead => {
                let text = b"GET /a?half HTTP/1.1\r\nHost: a.example\r\nX-Ha";
                let cut = 1 + self.net.below(text.len() as u32 - 1) as usize;
                self.clients[slot].out = text[..cut].to_vec();
                self.client_next(slot, limits::SECOND_US);
            }
            Kind::Wild => {
                let (bytes, status) = self.wild_bytes();
                (self.clients[slot].out, self.clients[slot].wants) = (bytes, status);
                let wait_us = u64::from(100_000 + self.net.below(3_000_000));
                self.client_next(slot, wait_us);
            }
        }
    }

    /// Sends the next request or requests.
    fn client_asks(&mut self, slot: usize) {
        let client = &mut self.clients[slot];
        if client.left == 0 || client.said_close || self.net.now_us >= self.end_us {
            return self.client_leaves(slot);
        }
        let count = match client.kind {
            Kind::Pipelined => 1 + client.left.min(4),
            Kind::Stalled => 8,
            _ => 1,
        };
        client.left = client.left.saturating_sub(count);
        for _ in 0..count {
            self.client_composes(slot);
        }
        if let Some(link) = self.clients[slot].link {
            self.client_room(slot, link);
        }
    }

    /// The client's end has room.
    pub fn client_room(&mut self, slot: usize, link: LinkId) {
        let now_us = self.net.now_us;
        let client = &mut self.clients[slot];
        if client.link != Some(link) || !self.net.link(link).stands {
            return;
        }
        while client.at < client.out.len() {
            match self.net.send(link, CALLER, &[&client.out[client.at..]]) {
                Ok(0) => return,
                Ok(taken) => {
                    client.at += taken;
                    client.last_us = now_us;
                }
                Err(_gone) => return,
            }
        }
        let sent = !client.out.is_empty();
        (client.out, client.at) = (Vec::new(), 0);
        if sent && client.kind == Kind::HalfClosed {
            self.net.end(link, CALLER, End::Write);
        }
    }

    /// The connection stands, or was refused.
    pub fn client_answered(&mut self, slot: usize, link: LinkId, stands: bool) {
        if self.clients[slot].link != Some(link) {
            return;
        }
        if stands {
            return self.client_room(slot, link);
        }
        let (low, door) = (self.clients[slot].low, self.clients[slot].door);
        let listens = |view: &crate::view::View| view.doors.contains_key(&door);
        if !self.drained && self.control.between(low).iter().all(listens) {
            self.net.breaks(format!("{door} refused a connection in spite of its listener"));
        }
        self.client_lost(slot, true);
    }

    /// The client's end has something to read.
    pub fn client_look(&mut self, slot: usize, link: LinkId) {
        if self.clients[slot].link == Some(link) && !self.clients[slot].reads_slowly() {
            self.client_reads(slot, link, limits::READ_MAX);
        }
    }

    fn client_reads(&mut self, slot: usize, link: LinkId, most: u32) {
        loop {
            let most = 1 + self.net.below(most) as usize;
            match self.net.recv(link, CALLER, most) {
                Read::Data(bytes) => {
                    self.clients[slot].last_us = self.net.now_us;
                    self.client_bytes(slot, &bytes);
                }
                Read::Blocked => return,
                Read::Closed => return self.client_ended(slot),
                Read::Reset => return self.client_lost(slot, false),
            }
            if self.clients[slot].link != Some(link) || self.clients[slot].reads_slowly() {
                return;
            }
        }
    }
}

// === impl World: answers ===

impl World {
    fn client_bytes(&mut self, slot: usize, bytes: &[u8]) {
        self.clients[slot].reader.feed(bytes);
        loop {
            let client = &mut self.clients[slot];
            let first = client.waiting.front().copied();
            let bodiless = first.is_some_and(|id| self.ledger.requests[id].method == "HEAD");
            let Some(item) = client.reader.next(bodiless) else { return };
            match item {
                Item::Head(head) => self.client_head(slot, &head, bodiless),
                Item::Body(bytes) => self.client_body(slot, &bytes),
                Item::End if std::mem::take(&mut client.interim) => {}
                Item::End => self.client_complete(slot),
                Item::Bad(why) => self.net.breaks(format!("a client was sent {why}")),
            }
            if self.clients[slot].link.is_none() || !self.net.broken.is_empty() {
                return;
            }
        }
    }

    fn client_head(&mut self, slot: usize, head: &Head, bodiless: bool) {
        let client = &mut self.clients[slot];
        let status = head.status();
        if status < 200 {
            client.interim = true;
            if status == 100 {
                let held = client.held.take();
                if held.is_none() && client.manners() == Manners::Good {
                    return self.net.breaks("100 Continue that nobody waits for");
                }
                client.out.extend(held.unwrap_or_default());
                if let Some(link) = client.link {
                    self.client_room(slot, link);
                }
            }
            return;
        }
        let id: Option<Id> = head.only("x-sim-id").and_then(|text| text.parse().ok());
        let target = head.only("x-sim-target").and_then(|text| text.parse().ok());
        let meant = head.only("x-sim-len").and_then(|text| text.parse().ok()).unwrap_or(0);
        let first = client.waiting.front().copied();
        let closes = head.connection("close");
        let location = head.only("location").map(str::to_owned);
        let meant = if bodiless || status == 204 || status == 304 { 0 } else { meant };
        let (got, raw, text, odd) = (0, 0, Vec::new(), head.has("x-sim-odd"));
        client.seen =
            Some(Seen { status, id, target, meant, got, text, location, closes, odd, raw });
        let wild = matches!(client.kind, Kind::Wild | Kind::HalfHead);
        if !wild && (first.is_none() || id.is_some() && id != first) {
            self.net.breaks(format!("client {slot} waits for {first:?} and gets {head:?}"));
        }
    }

    fn client_body(&mut self, slot: usize, bytes: &[u8]) {
        let client = &mut self.clients[slot];
        let Some(seen) = &mut client.seen else { return };
        if let (Some(id), Some(_)) = (seen.id, seen.target) {
            if !is_part(2 * id as u64, seen.got, bytes) {
                let at = seen.got;
                self.net.breaks(format!("the body for request {id} is not the target's near {at}"));
                return;
            }
        } else if seen.text.len() < 200 {
            seen.text.extend_from_slice(bytes);
        }
        seen.got += bytes.len() as u64;
    }

    fn client_complete(&mut self, slot: usize) {
        let client = &mut self.clients[slot];
        let Some(mut seen) = client.seen.take() else { return };
        seen.raw = client.reader.consumed() - client.consumed;
        client.consumed += seen.raw;
        let wants = if client.kind == Kind::HalfHead { Some(408) } else { client.wants.take() };
        if wants.is_some_and(|wanted| wanted != seen.status) {
            let (kind, status) = (client.kind, seen.status);
            let text = format!("{kind:?} client {slot} wants {wants:?} and gets {status}");
            return self.net.breaks(text);
        }
        // Whoever gets an answer instead of `100 Continue` keeps its body, and goes.
        client.said_close |=
            seen.closes || client.kind == Kind::Old && !client.persists || client.held.is_some();
        let first = client.waiting.pop_front();
        if let Some(id) = first {
            self.ends(id, Ending::Answered(seen), false);
        }
        let client = &self.clients[slot];
        if matches!(client.kind, Kind::Wild | Kind::HalfHead) || !client.waiting.is_empty() {
            return;
        }
        if client.said_close || client.left == 0 || self.net.now_us >= self.end_us {
            return self.client_leaves(slot);
        }
        let wait_us = u64::from(self.net.below(150_000));
        self.client_next(slot, wait_us);
    }

    /// The load balancer ended the connection in order.
    fn client_ended(&mut self, slot: usize) {
        let client = &mut self.clients[slot];
        if client.reader.ends_with_connection() && client.seen.is_some() {
            self.client_complete(slot);
            if self.clients[slot].link.is_none() {
                return;
            }
        }
        self.client_lost(slot, false);
    }

    /// The connection is over; what waits for an answer has failed.
    fn client_lost(&mut self, slot: usize, refused: bool) {
        let client = &mut self.clients[slot];
        let Some(link) = client.link.take() else { return };
        let cut = self.net.link(link).cut;
        // A thread that drains ends what it has not begun.
        let untouched = client.waiting.front().is_some_and(|id| {
            let request = &self.ledger.requests[*id];
            request.records.is_empty() && request.arrivals.is_empty()
        });
        let mut excused = cut || refused || client.said_close || self.drained && untouched;
        self.net.trace.note(self.net.now_us, || {
            let (kind, said) = (client.kind, client.said_close);
            format!("client {slot} {kind:?} lost {link}: cut {cut}, refused {refused}, said {said}")
        });
        let kind = client.kind;
        let mut begun = client.seen.is_some();
        let waiting = std::mem::take(&mut client.waiting);
        self.net.end(link, CALLER, End::Close);
        if kind == Kind::Idle && !excused {
            self.judge_idle_end(slot);
        }
        for id in waiting {
            self.ends(id, Ending::Failed { begun }, excused);
            // The others on this connection fail with the first.
            (begun, excused) = (false, true);
        }
        let wait_us = u64::from(self.net.below(200_000));
        self.client_next(slot, wait_us);
    }

    /// The client goes away.
    fn client_leaves(&mut self, slot: usize) {
        let client = &mut self.clients[slot];
        let Some(link) = client.link.take() else { return };
        let waiting = std::mem::take(&mut client.waiting);
        let how = if self.net.once_in(3) { End::Reset } else { End::Close };
        self.net.end(link, CALLER, how);
        for id in waiting {
            self.ends(id, Ending::Left, true);
        }
        let wait_us = u64::from(self.net.below(200_000));
        self.client_next(slot, wait_us);
    }

    /// An idle connection is ended neither early nor late, unless its listener is gone.
    fn judge_idle_end(&mut self, slot: usize) {
        let client = &self.clients[slot];
        let waited_us = self.net.now_us - client.opened_us;
        let views = self.control.between(client.low).iter();
        let idle: Vec<Option<u64>> =
            views.map(|view| view.doors.get(&client.door).map(|door| door.idle_ms)).collect();
        let least_us = idle.iter().copied().map(|ms| ms.unwrap_or(0) * 1_000).min().unwrap_or(0);
        if waited_us + 2_000 < least_us && !self.drained {
            self.net.breaks(format!("an idle connection was ended after {waited_us} us: {idle:?}"));
        }
    }

    /// A request has ended for its client.
    fn ends(&mut self, id: Id, ending: Ending, excused: bool) {
        let (low, sent_us) = (self.ledger.requests[id].low, self.ledger.requests[id].sent_us);
        let waited_us = self.net.now_us - sent_us;
        let views = self.control.between(low);
        let about = Circumstances { views, storm: self.storm, waited_us, excused };
        self.net.trace.mix(&[id as u64, views.len() as u64]);
        self.net.trace.note(self.net.now_us, || {
            let records = &self.ledger.requests[id].records;
            format!("request {id} {ending:?} excused {excused} {records:?}")
        });
        if let Err(why) = self.ledger.end(id, ending, &about) {
            self.net.breaks(why);
        }
    }

    /// Every wait has an end.
    pub fn check_patience(&mut self) {
        let now_us = self.net.now_us;
        let late = self.clients.iter().find(|client| {
            client.link.is_some()
                && client.kind != Kind::Stalled
                && !client.waiting.is_empty()
                && now_us > client.last_us + limits::PATIENCE_US
        });
        if let Some(client) = late {
            let text = format!("nothing happens for a client: {client:?}");
            self.net.breaks(text);
        }
    }
}
