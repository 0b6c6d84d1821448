//! The order of things: every round takes every workload through every engine, one after the
//! other, so that engines are compared with their neighbours in time.
//!
//! Each run starts its engine afresh, alone on its core, and ends it. Each round begins with
//! another engine, so that none is always first.
//!
//! Invariant: a run that fails is a row with a reason, never the end of the bench.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::engine::{Engine, Site};
use crate::limits;
use crate::load::Outcome;
use crate::process::{Cores, Process};
use crate::scenario::Scenario;

/// What to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// In the order of the first round.
    pub engines: Vec<Engine>,
    /// In this order.
    pub scenarios: Vec<Scenario>,
    /// How often.
    pub rounds: u32,
    /// Before each window.
    pub warmup: Duration,
    /// Each window.
    pub window: Duration,
    /// Idle connections, beside those that are there before.
    pub idle: usize,
    /// Where things run.
    pub cores: Cores,
    /// Where our binaries are.
    pub bin: PathBuf,
}

/// One run's result, or why there is none.
pub type Run = std::result::Result<Outcome, String>;

/// All runs, by workload and engine, one per round.
pub type Runs = BTreeMap<(Scenario, Engine), Vec<Run>>;

/// Runs everything below `dir`, and tells how it goes.
pub fn run(settings: &Settings, dir: &Path, say: &mut dyn Write) -> Result<Runs> {
    let mut runs = Runs::new();
    let target = Target::start(settings, dir)?;
    for round in 0..settings.rounds {
        for &scenario in &settings.scenarios {
            for engine in rotated(&settings.engines, round) {
                if !engine.takes_part(scenario) {
                    continue;
                }
                let place = dir.join(format!("{round}-{}-{}", scenario.name(), engine.name()));
                std::fs::create_dir(&place)?;
                let run = one(settings, scenario, engine, target.address, &place)
                    .map_err(|error| format!("{error:#}"));
                // Logs of a run are big; nobody reads them.
                std::fs::remove_dir_all(&place)?;
                writeln!(say, "round {} {}", round + 1, told(scenario, engine, &run))?;
                runs.entry((scenario, engine)).or_default().push(run);
            }
        }
    }
    Ok(runs)
}

fn rotated(engines: &[Engine], round: u32) -> Vec<Engine> {
    let mut order = engines.to_vec();
    if !order.is_empty() {
        order.rotate_left(round as usize % engines.len());
    }
    order
}

fn one(
    settings: &Settings,
    scenario: Scenario,
    engine: Engine,
    target: SocketAddr,
    dir: &Path,
) -> Result<Outcome> {
    let (cores, bin) = (settings.cores, settings.bin.as_path());
    let site = Site { dir, target, scenario, cores, bin };
    let proxy = engine.start(&site)?;
    let connections = match scenario {
        Scenario::Idle => limits::IDLE_WARM + settings.idle,
        other => other.connections(),
    };
    let ids: Vec<String> = proxy.ids().iter().map(u32::to_string).collect();
    let own = own_program()?;
    let words = [
        own.as_str(),
        "load",
        &proxy.front.to_string(),
        scenario.name(),
        "--connections",
        &connections.to_string(),
        "--warmup-ms",
        &settings.warmup.as_millis().to_string(),
        "--window-ms",
        &settings.window.as_millis().to_string(),
        "--watch",
        &ids.join(","),
    ];
    let mut load = Process::start(dir, "load", cores.load, &words, true)?;
    let output = load.output().context("the load has no output")?;
    let deadline = Instant::now() + settings.warmup + settings.window + limits::LOAD_GRACE;
    load.wait_until(deadline)?;
    let mut line = String::new();
    output.take(limits::HEAD_MAX as u64).read_to_string(&mut line)?;
    serde_json::from_str(&line).context("the load's outcome")
}

fn own_program() -> Result<String> {
    let path = std::env::current_exe()?;
    Ok(path.to_str().context("the path of this program is not text")?.to_owned())
}

fn told(scenario: Scenario, engine: Engine, run: &Run) -> String {
    let name = format!("{:8} {:14}", scenario.name(), engine.name());
    match run {
        Err(reason) => format!("{name} failed: {reason}"),
        Ok(outcome) => {
            let figure = figure(scenario, outcome).map(|f| format!("{f:.2} {}", scenario.unit()));
            let busy = outcome.cpu_ns as f64 / outcome.wall_ns.max(1) as f64;
            let rate = outcome.done as f64 * 1e9 / outcome.wall_ns.max(1) as f64;
            format!(
                "{name} {}, {rate:.0}/s, {:.0} % of its core, errors {}",
                figure.unwrap_or_else(|| "no figure".to_owned()),
                busy * 100.0,
                outcome.errors.text()
            )
        }
    }
}

/// The figure of a run: µs per request or chunk, or KiB per connection.
pub fn figure(scenario: Scenario, outcome: &Outcome) -> Option<f64> {
    if outcome.done == 0 {
        return None;
    }
    let done = outcome.done as f64;
    if scenario == Scenario::Idle {
        let (before, after) = outcome.resident_kib?;
        return (after > 0).then(|| (after as f64 - before as f64) / done);
    }
    (outcome.cpu_ns > 0).then(|| outcome.cpu_ns as f64 / 1_000.0 / done)
}

/// The target of all runs.
struct Target {
    address: SocketAddr,
    _process: Process,
}

// === impl Target ===

impl Target {
    fn start(settings: &Settings, dir: &Path) -> Result<Self> {
        let own = own_program()?;
        let words = [own.as_str(), "target", "127.0.0.3:0"];
        let mut process = Process::start(dir, "target", settings.cores.load, &words, true)?;
        let output = process.output().context("the target has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| process.last_words())?;
        Ok(Self { address, _process: process })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Errors;

    #[test]
    fn each_round_begins_with_another_engine() {
        let engines = [Engine::Relay, Engine::HaproxyBare, Engine::NginxBare];
        assert_eq!(rotated(&engines, 0), engines);
        assert_eq!(rotated(&engines, 4)[0], Engine::HaproxyBare);
        assert_eq!(rotated(&[], 3), []);
    }

    #[test]
    fn figures_are_cost_by_work() {
        let outcome = Outcome {
            done: 1_000,
            errors: Errors::default(),
            wall_ns: 1_000_000_000,
            cpu_ns: 8_000_000,
            resident_kib: Some((5_000, 5_500)),
            ..Outcome::default()
        };
        assert_eq!(figure(Scenario::Get64, &outcome), Some(8.0));
        assert_eq!(figure(Scenario::Idle, &outcome), Some(0.5));
        let nothing = Outcome { done: 0, ..outcome.clone() };
        assert_eq!(figure(Scenario::Get64, &nothing), None);
        let unknown = Outcome { cpu_ns: 0, resident_kib: None, ..outcome };
        assert_eq!(figure(Scenario::Sse, &unknown), None);
        assert_eq!(figure(Scenario::Idle, &unknown), None);
    }
}
