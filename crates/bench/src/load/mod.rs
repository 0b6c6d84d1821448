//! The load: one thread, a closed loop over many connections, a bounded time.
//!
//! It reads the proxy's CPU time itself, at the very moments its window opens and closes, so that
//! work and cost are counted over the same time.
//!
//! Invariant: only an answer with 2xx and its whole body counts as done; everything else is an
//! error with a name.

mod answer;
mod connection;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mio::{Events, Poll, Token};
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::process::{CpuReading, resident_kib};
use crate::scenario::Scenario;
use connection::{Connection, Failure, Phase, Script, Step};

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The proxy.
    pub addr: SocketAddr,
    /// The workload.
    pub scenario: Scenario,
    /// Connections at once.
    pub connections: usize,
    /// Before the window.
    pub warmup: Duration,
    /// What is measured.
    pub window: Duration,
    /// The proxy's processes.
    pub watched: Vec<u32>,
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whole answers or events; for idle connections, connections.
    pub done: u64,
    /// What did not count.
    pub errors: Errors,
    /// Length of the window.
    pub wall_ns: u64,
    /// CPU time of the watched processes in the window.
    pub cpu_ns: u64,
    /// The same by name of thread.
    pub cpu_ns_by_thread: BTreeMap<String, u64>,
    /// From request to last byte, or from an event's writing to its reading; median.
    pub p50_us: f64,
    /// 99 of 100.
    pub p99_us: f64,
    /// Resident memory of the watched processes before and after the idle connections.
    pub resident_kib: Option<(u64, u64)>,
}

/// Exchanges that did not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// No connection.
    pub connect: u64,
    /// The connection broke.
    pub reset: u64,
    /// Another status than 2xx.
    pub status: u64,
    /// Not the body that was asked for.
    pub body: u64,
    /// No answer in time.
    pub timeout: u64,
}

/// What is counted in a window.
#[derive(Default)]
struct Tally {
    done: u64,
    errors: Errors,
    samples: Vec<u32>,
}

struct Load {
    plan: Plan,
    poll: Poll,
    connections: Vec<Option<Connection>>,
    /// Places that have not had their first answer yet.
    fresh: Vec<bool>,
    opening: usize,
    /// Places that may be opened.
    allowed: usize,
    request: Vec<u8>,
    buffer: Vec<u8>,
    source: u32,
    failures: u32,
    tally: Tally,
    looked: Instant,
}

/// Runs the plan and writes the outcome as one line of JSON.
pub fn run(plan: Plan) -> Result<()> {
    let outcome = Load::new(plan)?.measure()?;
    writeln!(io::stdout(), "{}", serde_json::to_string(&outcome)?)?;
    Ok(())
}

// === impl Load ===

impl Load {
    fn new(plan: Plan) -> Result<Self> {
        let places = plan.connections;
        Ok(Self {
            request: plan.scenario.request(),
            plan,
            poll: Poll::new()?,
            connections: (0..places).map(|_| None).collect(),
            fresh: vec![false; places],
            opening: 0,
            allowed: 0,
            buffer: vec![0; limits::BUFFER_BYTES],
            source: 0,
            failures: 0,
            tally: Tally::default(),
            looked: Instant::now(),
        })
    }

    fn measure(mut self) -> Result<Outcome> {
        if self.plan.scenario == Scenario::Idle {
            return self.measure_idle();
        }
        self.open(self.plan.connections)?;
        self.run_for(self.plan.warmup)?;
        self.tally = Tally::default();
        let (began, before) = (Instant::now(), CpuReading::take(&self.plan.watched));
        self.run_for(self.plan.window)?;
        let (wall, after) = (began.elapsed(), CpuReading::take(&self.plan.watched));
        Ok(self.outcome(wall, after.since(&before), None))
    }

    fn measure_idle(mut self) -> Result<Outcome> {
        let warm = limits::IDLE_WARM.min(self.plan.connections);
        self.open(warm)?;
        self.run_for(limits::SETTLE)?;
        let resident_before = resident_kib(&self.plan.watched);
        self.tally = Tally::default();
        let (began, before) = (Instant::now(), CpuReading::take(&self.plan.watched));
        self.open(self.plan.connections)?;
        self.run_for(limits::SETTLE)?;
        let resident = (resident_before, resident_kib(&self.plan.watched));
        let parked =
            |c: &&Option<Connection>| c.as_ref().is_some_and(|c| c.phase() == Phase::Parked);
        let open = self.connections.iter().filter(parked).count();
        ensure!(open == self.plan.connections, "only {open} connections stayed open");
        let cpu = CpuReading::take(&self.plan.watched).since(&before);
        Ok(self.outcome(began.elapsed(), cpu, Some(resident)))
    }

    fn outcome(
        self,
        wall: Duration,
        cpu: BTreeMap<String, u64>,
        resident_kib: Option<(u64, u64)>,
    ) -> Outcome {
        let mut samples = self.tally.samples;
        samples.sort_unstable();
        let at = |share: usize| samples.get(samples.len() * share / 100).copied().unwrap_or(0);
        Outcome {
            done: self.tally.done,
            errors: self.tally.errors,
            wall_ns: u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX),
            cpu_ns: cpu.values().sum(),
            cpu_ns_by_thread: cpu,
            p50_us: f64::from(at(50)) / 10.0,
            p99_us: f64::from(at(99)) / 10.0,
            resident_kib,
        }
    }

    /// Opens places until `count` of them have had an answer.
    fn open(&mut self, count: usize) -> Result<()> {
        let mut next = self.allowed;
        self.allowed = count;
        let deadline = Instant::now() + limits::OPEN_WITHIN;
        let mut events = Events::with_capacity(limits::EVENTS);
        while next < count || self.opening > 0 {
            while next < count && self.opening < limits::OPENING_MAX {
                self.fresh[next] = true;
                self.opening += 1;
                self.connect(next)?;
                next += 1;
            }
            self.turn(&mut events)?;
            if Instant::now() > deadline {
                bail!("{} of {count} connections had no answer in time", self.opening);
            }
        }
        Ok(())
    }

    fn run_for(&mut self, time: Duration) -> Result<()> {
        let deadline = Instant::now() + time;
        let mut events = Events::with_capacity(limits::EVENTS);
        while Instant::now() < deadline {
            self.turn(&mut events)?;
        }
        Ok(())
    }

    fn turn(&mut self, events: &mut Events) -> Result<()> {
        match self.poll.poll(events, Some(limits::TURN_MAX)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in events.iter() {
            let place = event.token().0;
            let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else {
                continue;
            };
            let wanted = self.plan.scenario.answer_bytes();
            let mut script = Script { request: &self.request, wanted, buffer: &mut self.buffer };
            let tally = &mut self.tally;
            let step = connection.handle(event, &mut script, &mut |age_ns| {
                tally.done += 1;
                tally.sample(age_ns);
            });
            let ended = event.is_read_closed() || event.is_error();
            self.obey(place, step, ended)?;
        }
        if self.looked.elapsed() > Duration::from_secs(1) {
            self.expire()?;
        }
        Ok(())
    }

    fn obey(&mut self, place: usize, step: Step, ended: bool) -> Result<()> {
        match step {
            Step::Wait => Ok(()),
            Step::Began => {
                self.settled(place);
                Ok(())
            }
            Step::Closed => self.connect(place),
            Step::Failed(failure) => {
                self.tally.errors.count(failure);
                self.failed(place)
            }
            Step::Answered(close) => self.answered(place, close, ended),
        }
    }

    fn answered(&mut self, place: usize, close: bool, ended: bool) -> Result<()> {
        let now = Instant::now();
        self.settled(place);
        let scenario = self.plan.scenario;
        let Some(connection) = &mut self.connections[place] else { return Ok(()) };
        self.tally.done += 1;
        let age = now.duration_since(connection.since).as_nanos();
        self.tally.sample(u64::try_from(age).unwrap_or(u64::MAX));
        if close || scenario == Scenario::Churn {
            if ended {
                return self.connect(place);
            }
            connection.expect_end();
            return Ok(());
        }
        if scenario == Scenario::Idle {
            connection.park();
            return Ok(());
        }
        let script = Script { request: &self.request, wanted: None, buffer: &mut [] };
        let step = connection.ask(&script, now);
        self.obey(place, step, ended)
    }

    fn settled(&mut self, place: usize) {
        self.failures = 0;
        if std::mem::take(&mut self.fresh[place]) {
            self.opening -= 1;
        }
    }

    fn failed(&mut self, place: usize) -> Result<()> {
        self.failures += 1;
        if self.failures > limits::FAILURES_IN_A_ROW_MAX {
            bail!("nothing but failures: {:?}", self.tally.errors);
        }
        self.connect(place)
    }

    fn connect(&mut self, place: usize) -> Result<()> {
        // The old one is closed first: its descriptor may be needed.
        self.connections[place] = None;
        self.source = (self.source + 1) % limits::SOURCES;
        let registry = self.poll.registry();
        let now = Instant::now();
        let opened = Connection::open(registry, Token(place), self.plan.addr, self.source, now);
        self.connections[place] = Some(opened.context("a connection cannot be opened")?);
        Ok(())
    }

    /// Replaces connections whose answer is overdue.
    fn expire(&mut self) -> Result<()> {
        self.looked = Instant::now();
        for place in 0..self.connections.len() {
            let Some(connection) = &self.connections[place] else { continue };
            let waits =
                matches!(connection.phase(), Phase::Asking | Phase::Reading | Phase::Closing);
            if waits && self.looked.duration_since(connection.since) > limits::ANSWER_WITHIN {
                self.tally.errors.timeout += 1;
                self.failed(place)?;
            }
        }
        Ok(())
    }
}

// === impl Tally ===

impl Tally {
    /// Keeps a latency, in tenths of microseconds.
    fn sample(&mut self, ns: u64) {
        if self.samples.len() < limits::SAMPLES_MAX {
            self.samples.push(u32::try_from(ns / 100).unwrap_or(u32::MAX));
        }
    }
}

// === impl Errors ===

impl Errors {
    fn count(&mut self, failure: Failure) {
        match failure {
            Failure::Connect => self.connect += 1,
            Failure::Reset => self.reset += 1,
            Failure::Status => self.status += 1,
            Failure::Body => self.body += 1,
        }
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.connect += other.connect;
        self.reset += other.reset;
        self.status += other.status;
        self.body += other.body;
        self.timeout += other.timeout;
    }

    /// For the report.
    pub fn text(&self) -> String {
        let parts = [
            ("connect", self.connect),
            ("reset", self.reset),
            ("status", self.status),
            ("body", self.body),
            ("timeout", self.timeout),
        ];
        let named = parts.iter().filter(|(_, count)| *count > 0);
        let words: Vec<String> = named.map(|(name, count)| format!("{count} {name}")).collect();
        if words.is_empty() { "0".to_owned() } else { words.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_named() {
        let mut errors = Errors::default();
        assert_eq!(errors.text(), "0");
        errors.count(Failure::Reset);
        errors.add(&Errors { status: 2, ..Errors::default() });
        assert_eq!(errors.text(), "1 reset, 2 status");
    }

    #[test]
    fn samples_are_bounded() {
        let mut tally = Tally::default();
        for _ in 0..limits::SAMPLES_MAX + 5 {
            tally.sample(1_000);
        }
        assert_eq!(tally.samples.len(), limits::SAMPLES_MAX);
        assert_eq!(tally.samples[0], 10);
    }
}
