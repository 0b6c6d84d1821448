//! A seeded world around the real machines.
//!
//! Virtual time, a network that is slow, cuts and resets, two data threads (two engines that share
//! cells through snapshots, published with different delays), targets that fail in every way,
//! clients of every sort, and a stream of API commands through the real catalog and compiler.
//! Independent checkers watch the promises of the architecture:
//!
//! 1. a request that begins after an acknowledged change sees it, on every thread;
//! 2. a body is complete and the right one, or visibly failed; requests are not repeated against
//!    the rules of retrying;
//! 3. nothing leaks: at rest no connection, exchange, number or in-flight count is left;
//! 4. no address has two owners;
//! 5. a change disturbs nothing that it does not name: one load balancer is never named, and may
//!    not notice anything;
//! 6. every generated error has a named cause that fits the world, and exactly one access record.
//!
//! Invariant: one seed has one history; `Report::trace_hash` says so.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod client;
mod compose;
mod control;
mod http;
mod ledger;
mod limits;
pub mod linear;
mod net;
mod prober;
mod seam;
mod target;
mod trace;
mod view;
mod workload;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use world::World;

/// A mistake that the world makes on purpose, so that the checkers can be seen to notice it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// One bit of a body changes on its way through an engine.
    ByteFlipped,
    /// An engine is not told that there is room again.
    WakeLost,
    /// A request in flight is counted and never given back.
    InFlightLeaked,
    /// A thread says that it runs an epoch that it never loaded.
    PublicationMissed,
    /// A publication resets a connection of a load balancer that it does not name.
    BystanderHit,
    /// An access record is written twice.
    RecordTwice,
}

/// What to simulate.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Decides everything.
    pub seed: u64,
    /// Virtual seconds under load.
    pub seconds: u32,
    /// Whether a transcript is kept.
    pub verbose: bool,
    /// A deliberate mistake.
    pub bug: Option<Bug>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Equal for equal options.
    pub trace_hash: u64,
    /// The first broken promises; empty when all were kept.
    pub broken: Vec<String>,
    /// Requests that clients sent.
    pub requests: u64,
    /// What the access log named as causes, with how often; `-` where there was none.
    pub causes: BTreeMap<String, u64>,
    /// One line of counts.
    pub summary: String,
    /// The transcript, if it was asked for.
    pub transcript: Vec<String>,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ByteFlipped,
        Self::WakeLost,
        Self::InFlightLeaked,
        Self::PublicationMissed,
        Self::BystanderHit,
        Self::RecordTwice,
    ];
}

/// Simulates one seed. A panic of the code under test is a broken promise like any other.
pub fn run(options: &Options) -> Report {
    let mut world = World::new(options);
    let panic = catch_unwind(AssertUnwindSafe(|| world.run())).err();
    if let Some(payload) = panic {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        world.net.breaks(format!("panicked: {}", text.unwrap_or("without a message")));
    }
    let summary = format!(
        "{} requests, {:?}, {} commands ({} refused), {} epochs, storm {}",
        world.ledger.requests.len(),
        world.ledger.counts,
        world.control.counts.0,
        world.control.counts.1,
        world.control.views.len(),
        world.storm
    );
    Report {
        trace_hash: world.net.trace.hash(),
        broken: std::mem::take(&mut world.net.broken),
        requests: world.ledger.requests.len() as u64,
        causes: std::mem::take(&mut world.ledger.causes),
        summary,
        transcript: world.net.trace.into_lines(),
    }
}
