//! `weir-bench`: measures Weir beside a do-nothing relay, haproxy and nginx, and its control plane
//! at scale (`control`, which `make bench-control` calls).
//!
//! `run` is what `make bench` calls. It starts everything else, also itself, as `target`, `load`
//! and `relay`: one proxy alone on one core, load and target on the other. `docs/performance.md`
//! says how figures are made.
//!
//! Invariant: nothing that was started is left when it ends.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod control;
mod engine;
mod limits;
mod load;
mod process;
mod report;
mod rounds;
mod scenario;
mod sse;
mod stats;
mod target;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};

use engine::Engine;
use process::Cores;
use report::Circumstances;
use rounds::Settings;
use scenario::Scenario;

/// Measures Weir beside a do-nothing relay, haproxy and nginx
#[derive(Debug, Parser)]
#[command(name = "weir-bench", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run workloads through engines and report
    Run(RunArgs),
    /// The control plane at scale, through its API
    Control(control::ControlArgs),
    /// Be the target: answers by the end of the path
    Target {
        /// Where to listen; port 0 picks a free one
        listen: SocketAddr,
    },
    /// Be the load: one workload, one outcome as JSON
    Load(LoadArgs),
    /// Be the do-nothing relay
    Relay {
        /// Where to listen
        listen: SocketAddr,
        /// Where every connection goes
        target: SocketAddr,
    },
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Rounds
    #[arg(long, env = "ROUNDS", default_value_t = 5)]
    rounds: u32,
    /// One short round, for development
    #[arg(long)]
    quick: bool,
    /// Only these workloads
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Only these engines
    #[arg(long, value_enum, value_delimiter = ',')]
    engines: Vec<Engine>,
    /// Length of a window in milliseconds [default: 2000, quick: 700]
    #[arg(long, value_name = "MS")]
    window_ms: Option<u64>,
    /// Idle connections
    #[arg(long, default_value_t = limits::IDLE_CONNECTIONS)]
    idle: usize,
    /// Leave the placement to the scheduler
    #[arg(long)]
    no_pin: bool,
    /// Where Weir's binaries are [default: beside this one]
    #[arg(long, value_name = "DIR")]
    bin: Option<PathBuf>,
    /// Document whose results are replaced
    #[arg(long, value_name = "FILE")]
    doc: Option<PathBuf>,
    /// Something that a reader of the document must know
    #[arg(long)]
    note: Option<String>,
}

#[derive(Debug, Args)]
struct LoadArgs {
    /// The proxy
    addr: SocketAddr,
    /// The workload
    #[arg(value_enum)]
    scenario: Scenario,
    /// Connections at once
    #[arg(long)]
    connections: usize,
    /// Before the window
    #[arg(long)]
    warmup_ms: u64,
    /// What is measured
    #[arg(long)]
    window_ms: u64,
    /// Processes whose CPU time and memory are read
    #[arg(long, value_delimiter = ',')]
    watch: Vec<String>,
}

/// A directory that goes with this value.
struct Scratch(PathBuf);

fn main() -> Result<()> {
    match Cli::parse().command {
        Task::Run(args) => run(&args),
        Task::Control(args) => control(&args),
        Task::Target { listen } => target::run(listen),
        Task::Relay { listen, target } => engine::relay_run(listen, target),
        Task::Load(args) => load::run(load::Plan {
            addr: args.addr,
            scenario: args.scenario,
            connections: args.connections,
            warmup: Duration::from_millis(args.warmup_ms),
            window: Duration::from_millis(args.window_ms),
            watched: args.watch.iter().filter_map(|id| id.parse().ok()).collect(),
        }),
    }
}

fn run(args: &RunArgs) -> Result<()> {
    let settings = settings(args)?;
    let scratch = Scratch::make()?;
    let about = circumstances(args, &settings);
    let mut out = io::stdout();
    let runs = rounds::run(&settings, &scratch.0, &mut out)?;
    let report = report::render(&runs, &about)?;
    writeln!(out, "\n{report}")?;
    if let Some(path) = &args.doc {
        let place = || format!("{}", path.display());
        let document = std::fs::read_to_string(path).with_context(place)?;
        let document = report::insert(&document, &report).with_context(place)?;
        std::fs::write(path, document).with_context(place)?;
        writeln!(out, "written to {}", path.display())?;
    }
    Ok(())
}

fn control(args: &control::ControlArgs) -> Result<()> {
    let scratch = Scratch::make()?;
    let mut out = io::stdout();
    writeln!(out, "{}; load average {}", machine(), first_words("/proc/loadavg", 3))?;
    let report = control::run(args, &scratch.0)?;
    writeln!(out, "\n{report}")?;
    if let Some(path) = &args.doc {
        let place = || format!("{}", path.display());
        let document = std::fs::read_to_string(path).with_context(place)?;
        let about = format!(
            "* Command: `make bench-control`, {}\n* Machine: {}; load average at the end {}\n\n",
            said(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"])),
            machine(),
            first_words("/proc/loadavg", 3)
        );
        let document = report::insert_control(&document, &format!("{about}{report}"));
        std::fs::write(path, document.with_context(place)?).with_context(place)?;
        writeln!(out, "written to {}", path.display())?;
    }
    Ok(())
}

fn settings(args: &RunArgs) -> Result<Settings> {
    ensure!((1..=limits::ROUNDS_MAX).contains(&args.rounds), "1 to {} rounds", limits::ROUNDS_MAX);
    ensure!(args.idle <= limits::IDLE_CONNECTIONS, "at most {}", limits::IDLE_CONNECTIONS);
    let bin = match &args.bin {
        Some(bin) => bin.clone(),
        None => {
            let own = std::env::current_exe()?;
            own.parent().context("this program is nowhere")?.to_owned()
        }
    };
    let scenarios = if args.only.is_empty() { Scenario::ALL.to_vec() } else { args.only.clone() };
    let engines = if args.engines.is_empty() {
        Engine::ALL.into_iter().filter(|engine| engine.program(&bin).is_some()).collect()
    } else {
        args.engines.clone()
    };
    let window = args.window_ms.unwrap_or(if args.quick { 700 } else { 2_000 });
    Ok(Settings {
        engines,
        scenarios,
        rounds: if args.quick { 1 } else { args.rounds },
        warmup: Duration::from_millis(if args.quick { 200 } else { 500 }.min(window)),
        window: Duration::from_millis(window),
        idle: args.idle,
        cores: if args.no_pin { Cores::anywhere() } else { Cores::of_process() },
        bin,
    })
}

fn circumstances(args: &RunArgs, settings: &Settings) -> Circumstances {
    let versions = settings.engines.iter().filter(|engine| **engine != Engine::Direct);
    Circumstances {
        command: command(std::env::args().skip(2), std::env::var("ROUNDS").ok()),
        date: said(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"])),
        machine: machine(),
        load_average: first_words("/proc/loadavg", 3),
        versions: versions
            .map(|engine| (engine.name().to_owned(), engine.version(&settings.bin)))
            .collect(),
        rounds: settings.rounds,
        window_ms: settings.window.as_millis(),
        note: args.note.clone(),
    }
}

/// What was typed, without where the result goes.
fn command(arguments: impl Iterator<Item = String>, rounds: Option<String>) -> String {
    let mut words = Vec::new();
    let mut arguments = arguments;
    while let Some(word) = arguments.next() {
        if matches!(word.as_str(), "--doc" | "--note") {
            arguments.next();
        } else {
            words.push(word);
        }
    }
    let before = rounds.map(|rounds| format!("ROUNDS={rounds} ")).unwrap_or_default();
    if words.is_empty() {
        format!("{before}make bench")
    } else {
        format!("{before}make bench ARGS=\"{}\"", words.join(" "))
    }
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, name)| name).to_owned();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {cores} cores, {}", said(Command::new("uname").args(["-s", "-r", "-m"])))
}

fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

fn first_words(path: &str, count: usize) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().take(count).collect::<Vec<_>>().join(" ")
}

// === impl Scratch ===

impl Scratch {
    fn make() -> Result<Self> {
        let name = format!("weir-bench-{}", std::process::id());
        let path: &Path = &std::env::temp_dir().join(name);
        std::fs::create_dir(path).with_context(|| path.display().to_string())?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is only in a temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_is_told_as_it_was_typed() {
        let typed = |words: &str| command(words.split_whitespace().map(str::to_owned), None);
        assert_eq!(typed("--doc docs/performance.md"), "make bench");
        assert_eq!(typed("--quick --note x --idle 5"), "make bench ARGS=\"--quick --idle 5\"");
        let nine = command(std::iter::empty(), Some("9".to_owned()));
        assert_eq!(nine, "ROUNDS=9 make bench");
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
