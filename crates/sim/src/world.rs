//! The world of one seed: two engines, one network, clients, targets, a control side, weather.
//!
//! ```text
//!   queue ─► event ─► whom it concerns ─► engine / client / target / control ─► queue
//! ```
//!
//! Invariant: everything that happens follows from the seed; no clock, no thread, no random state
//! outside of `Net::rng` and what is seeded from it.

use std::sync::Arc;

use weir_core::rng::Rng;
use weir_l7::machine::Engine;

use crate::client::Client;
use crate::control::{Control, target_address};
use crate::ledger::Ledger;
use crate::limits;
use crate::net::{CALLED, CALLER, Climate, Event, LinkId, Net, Owner, Read};
use crate::prober::Prober;
use crate::seam::Wire;
use crate::target::{Mode, Target};
use crate::trace::Trace;
use crate::workload;
use crate::{Bug, Options};

/// Everything.
pub struct World {
    /// Links and the queue.
    pub net: Net,
    /// One engine per data thread.
    pub engines: Vec<Engine>,
    /// Catalog and publication.
    pub control: Control,
    /// Health checks.
    pub prober: Prober,
    /// All clients.
    pub clients: Vec<Client>,
    /// All targets.
    pub targets: Vec<Target>,
    /// All requests.
    pub ledger: Ledger,
    /// Whether targets and links fail.
    pub storm: bool,
    /// When the load stops.
    pub end_us: u64,
    /// Whether the threads drain.
    pub drained: bool,
    bug: Option<Bug>,
    chance: Rng,
    drains: bool,
    compile_due: bool,
}

// === impl World: the course of things ===

impl World {
    /// The world of a seed.
    pub fn new(options: &Options) -> Self {
        let mut rng = Rng::new(options.seed);
        let storm = rng.below(4) != 0;
        let climate = Climate {
            latency_us: 50 + rng.below(8_000),
            jitter_us: rng.below(12_000),
            short_writes: rng.below(2) == 0,
            buffer_max: [2_000, 8_000, 64_000][rng.below(3) as usize],
        };
        let engines = (0..limits::THREADS).map(|thread| Engine::new(thread, rng.next_u64()));
        let engines = engines.collect();
        let control = Control::new(Rng::new(rng.next_u64()));
        let chance = Rng::new(rng.next_u64());
        let drains = rng.below(2) == 0;
        let still = |index: usize| index < limits::CLIENTS_STILL;
        let clients = (0..limits::CLIENTS_STILL + limits::CLIENTS_BUSY)
            .map(|index| Client::new(still(index)));
        let target = |at: usize| {
            let group = at / limits::TARGETS_PER_GROUP;
            Target {
                address: target_address(group, at % limits::TARGETS_PER_GROUP),
                still: group == limits::GROUPS_BUSY,
                mode: Mode::Up,
                conns: Default::default(),
            }
        };
        let count = (limits::GROUPS_BUSY + 1) * limits::TARGETS_PER_GROUP;
        Self {
            net: Net::new(rng, climate, Trace::new(options.verbose)),
            engines,
            control,
            prober: Prober::default(),
            clients: clients.collect(),
            targets: (0..count).map(target).collect(),
            ledger: Ledger::default(),
            storm,
            end_us: u64::from(options.seconds) * limits::SECOND_US,
            drained: false,
            bug: options.bug,
            chance,
            drains,
            compile_due: false,
        }
    }

    /// Runs until the end, or until a promise is broken.
    pub fn run(&mut self) {
        self.set_up();
        for slot in 0..self.clients.len() {
            let wait_us = u64::from(self.net.below(300_000));
            self.net.after(wait_us, Event::Client { slot, turn: 0 });
        }
        for event in [Event::Command, Event::Weather, Event::Reap] {
            self.net.after(200_000, event);
        }
        let until_us = self.end_us + limits::SETTLE_US;
        let mut events = 0u64;
        while let Some(event) = self.net.next(until_us) {
            // Under full load, so that something is in flight.
            if self.drains && !self.drained && self.net.now_us + limits::SECOND_US > self.end_us {
                self.drained = true;
                self.drain();
            }
            self.happens(event);
            events += 1;
            if events > limits::EVENTS_MAX {
                self.net.breaks("something runs in circles");
            }
            if !self.net.broken.is_empty() {
                return;
            }
        }
        self.check_end();
    }

    fn happens(&mut self, event: Event) {
        self.net.trace.note(self.net.now_us, || format!("{event:?}"));
        match event {
            Event::Arrive { link, side } => {
                if self.net.arrive(link, side) {
                    self.look(link, side);
                }
            }
            Event::Look { link, side } => self.look(link, side),
            Event::Room { link, side } => self.room(link, side),
            Event::Syn { link } => self.syn(link),
            Event::Answer { link, stands } => self.answer(link, stands),
            Event::Timer { link, side, at_ms } => self.timer(link, side, at_ms),
            Event::Client { slot, turn } => self.client_goes_on(slot, turn),
            Event::Target { link, turn } => {
                let owner = self.net.edge(link, CALLED).owner;
                if let Some(number) = self.target_of(owner, link) {
                    self.target_goes_on(number, link, turn);
                }
            }
            Event::Command => self.command(),
            Event::Compile => self.compile(),
            Event::Publication { thread } => self.publication(thread),
            Event::Reap => self.reap(),
            Event::Probe { uid } => self.probe(uid),
            Event::Probed { uid, result } => {
                self.prober.answer(uid, result, self.net.now_us);
            }
            Event::Weather => self.weather(),
        }
        self.take_records();
    }

    fn take_records(&mut self) {
        for line in std::mem::take(&mut self.net.records) {
            let twice = self.is_due(Bug::RecordTwice, 300);
            for _ in 0..1 + u32::from(twice) {
                if let Err(why) = self.ledger.record(&line) {
                    self.net.breaks(why);
                }
            }
        }
    }

    /// Whether an injected bug strikes now, once in `n` opportunities.
    pub fn is_due(&mut self, bug: Bug, n: u32) -> bool {
        self.bug == Some(bug) && self.chance.below(n) == 0
    }
}

// === impl World: links ===

impl World {
    fn look(&mut self, link: LinkId, side: usize) {
        match self.net.edge(link, side).owner {
            Owner::Nobody => {}
            Owner::Client(slot) => self.client_look(slot, link),
            Owner::Target(_) => {
                let owner = self.net.edge(link, side).owner;
                if let Some(number) = self.target_of(owner, link) {
                    self.target_look(number, link);
                }
            }
            Owner::Engine(thread, _) => self.pump(thread, link, side),
        }
    }

    fn room(&mut self, link: LinkId, side: usize) {
        match self.net.edge(link, side).owner {
            Owner::Nobody => {}
            Owner::Client(slot) => self.client_room(slot, link),
            Owner::Target(number) => self.target_room(number, link),
            Owner::Engine(thread, conn) => {
                if self.is_due(Bug::WakeLost, 5) {
                    return;
                }
                self.engine(thread, |engine, wire, now| engine.handle_writable(wire, conn, now));
            }
        }
    }

    /// A connection attempt arrives: at a target, or at one of the threads that listen there.
    fn syn(&mut self, link: LinkId) {
        let [from, to] = self.net.link(link).addresses;
        if let Some(number) = self.target_at(to) {
            match self.target_accepts(link, number) {
                None => {}
                Some(false) => self.net.answer(link, None),
                Some(true) => self.net.answer(link, Some(Owner::Target(number))),
            }
            return;
        }
        let listens = |thread: &usize| {
            let snapshot = &self.control.snapshots[self.control.runs[*thread]];
            !self.drained && snapshot.at_address(to).is_some()
        };
        let threads: Vec<usize> = (0..limits::THREADS).filter(listens).collect();
        if threads.is_empty() {
            return self.net.answer(link, None);
        }
        let thread = threads[self.net.below(threads.len() as u32) as usize];
        let admitted = self.engines[thread].admits(to, from);
        self.judge_admission(to, from, admitted);
        let conn = self.net.number_conn(thread, link);
        self.net.answer(link, Some(Owner::Engine(thread, conn)));
        if !admitted {
            self.net.cut(link);
            return self.net.end_conn(thread, conn, weir_l7::machine::End::Reset);
        }
        self.engine(thread, |engine, wire, now| {
            engine.handle_accepted(wire, conn, (to, from), now);
        });
    }

    fn judge_admission(
        &mut self,
        to: std::net::SocketAddr,
        from: std::net::SocketAddr,
        admitted: bool,
    ) {
        // The attempt began before it arrived, but admission is decided on arrival.
        let views = self.control.between(self.control.acknowledged());
        let allows = |view: &crate::view::View| {
            let door = view.doors.get(&to);
            door.is_some_and(|door| door.admits.iter().any(|block| block.contains(&from.ip())))
        };
        if !views.iter().any(|view| allows(view) == admitted) {
            self.net.breaks(format!("{from} at {to}: admitted {admitted} against every epoch"));
        }
    }

    fn answer(&mut self, link: LinkId, stands: bool) {
        if self.net.edge(link, CALLER).closed {
            return;
        }
        self.net.stand(link, stands);
        match self.net.edge(link, CALLER).owner {
            Owner::Client(slot) => self.client_answered(slot, link, stands),
            Owner::Engine(thread, conn) => {
                self.engine(thread, |engine, wire, now| {
                    engine.handle_connected(wire, conn, stands, now);
                });
            }
            Owner::Nobody | Owner::Target(_) => {}
        }
    }

    fn timer(&mut self, link: LinkId, side: usize, at_ms: u64) {
        let Owner::Engine(thread, conn) = self.net.edge(link, side).owner else { return };
        if self.net.is_due(link, side, at_ms) {
            self.engine(thread, |engine, wire, now| engine.handle_timer(wire, conn, now));
        }
    }
}

// === impl World: engines ===

impl World {
    /// One call of an engine.
    pub fn engine<T>(
        &mut self,
        thread: usize,
        call: impl FnOnce(&mut Engine, &mut Wire<'_>, weir_core::time::Now) -> T,
    ) -> T {
        let now = self.net.now();
        if self.is_due(Bug::ByteFlipped, 200) {
            self.net.garble = true;
        }
        let mut wire = Wire { net: &mut self.net, thread };
        call(&mut self.engines[thread], &mut wire, now)
    }

    /// Reads a connection of an engine as the readiness loop does: within a budget, as long as
    /// bytes are wanted; an end that came while they are not is told.
    fn pump(&mut self, thread: usize, link: LinkId, side: usize) {
        for _ in 0..limits::READS_PER_TURN {
            let Owner::Engine(_, conn) = self.net.edge(link, side).owner else { return };
            if !self.net.edge(link, side).wanted {
                return self.hang_up(thread, link, side);
            }
            let small = self.net.once_in(6);
            let most = 1 + self.net.below(if small { 60 } else { limits::READ_MAX }) as usize;
            match self.net.recv(link, side, most) {
                Read::Blocked => return,
                Read::Data(bytes) => self.engine(thread, |engine, wire, now| {
                    engine.handle_bytes(wire, conn, &bytes, now);
                }),
                Read::Closed => {
                    if !std::mem::replace(&mut self.net.edge(link, side).end_told, true) {
                        self.engine(thread, |engine, wire, now| engine.handle_end(wire, conn, now));
                    }
                    return;
                }
                Read::Reset => {
                    return self
                        .engine(thread, |engine, wire, now| engine.handle_reset(wire, conn, now));
                }
            }
        }
        if self.net.is_readable(link, side) {
            self.net.after(10, Event::Look { link, side });
        }
    }

    fn hang_up(&mut self, thread: usize, link: LinkId, side: usize) {
        let failed = self.net.edge(link, side).reset;
        let Owner::Engine(_, conn) = self.net.edge(link, side).owner else { return };
        if !self.net.has_ended(link, side) {
            return;
        }
        let told = std::mem::replace(&mut self.net.edge(link, side).hangup_told, true);
        if !told || failed {
            self.engine(thread, |engine, wire, now| {
                engine.handle_hangup(wire, conn, failed, now);
            });
        }
    }

    fn drain(&mut self) {
        for thread in 0..limits::THREADS {
            self.engine(thread, |engine, wire, now| engine.handle_drain(wire, now));
        }
    }
}

// === impl World: control ===

impl World {
    fn set_up(&mut self) {
        let now = self.net.now();
        let mut commands = vec![workload::region_init()];
        let mut step = 0;
        loop {
            for command in commands.drain(..) {
                match self.control.submit(&command, now) {
                    Ok(true) => {}
                    Ok(false) => self.net.breaks(format!("set-up was refused: {command:?}")),
                    Err(why) => self.net.breaks(why),
                }
            }
            let Some(command) = workload::set_up(&self.control, step) else { break };
            commands.push(command);
            step += 1;
        }
        self.compile();
    }

    fn command(&mut self) {
        if self.net.now_us >= self.end_us {
            return;
        }
        let wait_us = u64::from(20_000 + self.net.below(500_000));
        self.net.after(wait_us, Event::Command);
        let repair = workload::repair(&self.control).filter(|_| self.net.once_in(3));
        let command = repair.or_else(|| workload::random(&self.control, &mut self.net.rng));
        if let Some(command) = command {
            self.submit(&command);
        }
    }

    fn submit(&mut self, command: &weir_core::catalog::Command) {
        let now = self.net.now();
        self.net.trace.note(self.net.now_us, || format!("{command:?}"));
        match self.control.submit(command, now) {
            Ok(true) if !self.compile_due => {
                self.compile_due = true;
                let wait_us = u64::from(self.net.below(8_000));
                self.net.after(wait_us, Event::Compile);
            }
            Ok(_) => {}
            Err(why) => self.net.breaks(why),
        }
    }

    fn compile(&mut self) {
        self.compile_due = false;
        if let Err(why) = self.control.publish() {
            return self.net.breaks(why);
        }
        let fresh = self.prober.look(self.control.newest(), self.net.now_us);
        for uid in fresh {
            self.net.after(0, Event::Probe { uid });
        }
        for thread in 0..limits::THREADS {
            let slow = self.net.once_in(10);
            let wait_us = u64::from(self.net.below(if slow { 300_000 } else { 3_000 }));
            self.net.after(wait_us, Event::Publication { thread });
        }
        if self.is_due(Bug::InFlightLeaked, 20)
            && let Some(cell) = self.control.cells.values().next()
        {
            std::mem::forget(cell.enter());
        }
    }

    /// A thread loads what is newest.
    fn publication(&mut self, thread: usize) {
        let epoch = self.control.snapshots.len() - 1;
        if self.control.runs[thread] == epoch {
            return;
        }
        self.control.runs[thread] = epoch;
        if thread == 1 && self.is_due(Bug::PublicationMissed, 3) {
            return;
        }
        let snapshot = Arc::clone(&self.control.snapshots[epoch]);
        self.engine(thread, |engine, wire, now| engine.handle_snapshot(wire, snapshot, now));
        if self.is_due(Bug::BystanderHit, 5) {
            self.hit_a_bystander();
        }
    }

    /// What a careless publication would do: a connection of another load balancer is reset.
    fn hit_a_bystander(&mut self) {
        let still = self.clients.iter().filter(|client| client.still);
        let links: Vec<LinkId> = still.filter_map(|client| client.link).collect();
        for link in links {
            if let Owner::Engine(thread, conn) = self.net.edge(link, CALLED).owner {
                self.engine(thread, |engine, wire, now| engine.handle_reset(wire, conn, now));
                return;
            }
        }
    }

    fn reap(&mut self) {
        let deadline_ms = self.control.catalog.next_deadline_ms();
        if deadline_ms.is_some_and(|deadline_ms| deadline_ms <= self.net.now().epoch_ms()) {
            self.submit(&weir_core::catalog::Command::TargetsReap);
        }
        if self.net.now_us < self.end_us + limits::PATIENCE_US {
            self.net.after(200_000, Event::Reap);
        }
    }

    fn probe(&mut self, uid: u64) {
        if self.net.now_us >= self.end_us {
            return;
        }
        let Some((address, check, free)) = self.prober.ask(uid) else { return };
        self.net.after(u64::from(check.interval_s) * limits::SECOND_US, Event::Probe { uid });
        if free {
            let (result, wait_us) = self.probe_result(address, check.timeout_s);
            self.net.after(wait_us, Event::Probed { uid, result });
        }
    }

    fn weather(&mut self) {
        self.check_patience();
        if self.net.now_us >= self.end_us + limits::PATIENCE_US {
            return;
        }
        self.net.after(400_000, Event::Weather);
        if self.net.now_us >= self.end_us {
            return;
        }
        if self.net.once_in(20) {
            // The wall clock is set: nothing but dates and delays of the catalog may notice.
            let step_s = i64::from(self.net.below(120)) - 60;
            self.net.wall_step_us += step_s * 1_000_000;
        }
        if !self.storm {
            return;
        }
        self.target_changes();
        let slot = self.net.below(self.clients.len() as u32) as usize;
        let client = &self.clients[slot];
        if let (false, Some(link)) = (client.still, client.link)
            && self.net.link(link).stands
        {
            match self.net.below(6) {
                // A middlebox resets the connection.
                0 | 1 => self.net.cut(link),
                2 => self.panic(link),
                _ => {}
            }
        }
    }

    /// The work on a connection panicked: the loop catches it, tells the engine, and resets.
    fn panic(&mut self, link: LinkId) {
        if let Owner::Engine(thread, conn) = self.net.edge(link, CALLED).owner {
            self.net.cut(link);
            self.engine(thread, |engine, wire, _| engine.handle_panic(wire, conn));
            self.net.end_conn(thread, conn, weir_l7::machine::End::Reset);
        }
    }
}

// === impl World: the end ===

impl World {
    /// After the load has stopped and every deadline has passed, nothing is left.
    fn check_end(&mut self) {
        let open = |(id, request): (usize, &crate::ledger::Request)| {
            request.ending.is_none().then(|| format!("request {id} never ended: {request:?}"))
        };
        let found = self.ledger.requests.iter().enumerate().find_map(open);
        let mut found: Vec<String> = found.into_iter().collect();
        for (thread, engine) in self.engines.iter().enumerate() {
            let (all, idle) = engine.connections();
            let (in_flight, held) = (engine.in_flight(), self.net.conns_held(thread));
            if (all, idle, in_flight, held) != (0, 0, 0, 0) {
                found.push(format!(
                    "thread {thread} keeps {all} connections ({idle} pooled), {in_flight} \
                     exchanges, {held} numbers"
                ));
            }
        }
        for (uid, cell) in &self.control.cells {
            if cell.in_flight() != 0 {
                found.push(format!("target cell {uid} still counts {}", cell.in_flight()));
            }
        }
        let engine = |owner: &Owner| matches!(owner, Owner::Engine(..));
        if let Some((link, side, _)) = self.net.held().find(|(_, _, owner)| engine(owner)) {
            found.push(format!("link {link} side {side} is still held by an engine"));
        }
        let (counted, logged) = (self.control.requests_counted(), self.ledger.counts.records);
        if counted != logged {
            found.push(format!("listeners counted {counted} requests, the access log {logged}"));
        }
        if self.ledger.counts.served == 0 || self.control.counts.0 < 20 {
            found.push("hardly anything happened".to_owned());
        }
        for text in found {
            self.net.breaks(text);
        }
    }
}
