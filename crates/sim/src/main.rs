//! `weir-sim`: runs seeds, prints the one that fails, replays it with its transcript.
//!
//! Invariant: the exit status is 1 exactly when a promise was broken.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use weir_sim::{Options, run};

/// Seeds between two lines of progress.
const PROGRESS: u64 = 500;

/// Simulates Weir's data plane, seed by seed, and checks its promises.
#[derive(Debug, Parser)]
#[command(name = "weir-sim", version)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 300)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Virtual seconds under load, per seed.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Replays one seed and prints everything that happens.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut out = io::stdout().lock();
    let seconds = arguments.seconds;
    if let Some(seed) = arguments.seed {
        let report = run(&Options { seed, seconds, verbose: true, bug: None });
        for line in &report.transcript {
            writeln!(out, "{line}")?;
        }
        writeln!(out, "seed {seed}: trace {:016x}; {}", report.trace_hash, report.summary)?;
        return verdict(&mut out, seed, seconds, &report.broken);
    }
    let (mut requests, mut causes) = (0, BTreeMap::<String, u64>::new());
    for seed in arguments.first..arguments.first.saturating_add(arguments.seeds) {
        let report = run(&Options { seed, seconds, verbose: false, bug: None });
        requests += report.requests;
        for (cause, count) in &report.causes {
            *causes.entry(cause.clone()).or_default() += count;
        }
        if !report.broken.is_empty() {
            return verdict(&mut out, seed, seconds, &report.broken);
        }
        let done = seed - arguments.first + 1;
        if done.is_multiple_of(PROGRESS) {
            writeln!(out, "{done} seeds, {requests} requests")?;
        }
    }
    writeln!(
        out,
        "{} seeds of {seconds} virtual seconds from {} on, {requests} requests: all promises kept",
        arguments.seeds, arguments.first
    )?;
    writeln!(out, "causes in the access logs: {causes:?}")?;
    Ok(ExitCode::SUCCESS)
}

fn verdict(
    out: &mut impl Write,
    seed: u64,
    seconds: u32,
    broken: &[String],
) -> anyhow::Result<ExitCode> {
    if broken.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "seed {seed} breaks a promise:")?;
    for line in broken {
        writeln!(out, "  {line}")?;
    }
    writeln!(
        out,
        "replay: cargo run --release --package weir-sim -- --seed {seed} --seconds {seconds}"
    )?;
    Ok(ExitCode::FAILURE)
}
