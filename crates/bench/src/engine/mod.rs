//! The engines: what is measured, how each is started, and how much it has to do.
//!
//! To add one: a variant, its line in `ALL`, `name`, `level` and `start`, and a file that renders
//! its settings.
//!
//! Invariant: every engine of a level does the same work, as far as it can be told to.

mod envoy;
mod haproxy;
mod nginx;
mod plane;
mod relay;
mod weir;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::process::{Cores, Process};
use crate::scenario::Scenario;

pub use relay::run as relay_run;

/// What can be measured.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// No proxy at all: what load and target add by themselves
    Direct,
    /// Our do-nothing relay
    Relay,
    /// haproxy without logs, rules and added headers
    HaproxyBare,
    /// haproxy with logs, rules and added headers
    HaproxyEqual,
    /// nginx without logs, rules and added headers
    NginxBare,
    /// nginx with logs, rules and added headers
    NginxEqual,
    /// Envoy with logs, rules and added headers
    EnvoyEqual,
    /// Weir's HTTP plane with a hand-built snapshot, without API and store
    Plane,
    /// `weir up`, set up through its API
    Weir,
}

/// How much an engine has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Nothing: the floor.
    Floor,
    /// No logs, no rules, no added headers.
    Bare,
    /// Access log, twenty rules, the same added headers.
    Equal,
    /// Ours, with everything on.
    Ours,
}

/// Where and for what an engine is started.
pub struct Site<'a> {
    /// Directory of its own.
    pub dir: &'a Path,
    /// Where its requests go.
    pub target: SocketAddr,
    /// The workload that is coming.
    pub scenario: Scenario,
    /// Where it runs.
    pub cores: Cores,
    /// Where our binaries are.
    pub bin: &'a Path,
}

/// A running engine; it ends with this value.
pub struct Proxy {
    /// Where it listens.
    pub front: SocketAddr,
    process: Option<Process>,
}

// === impl Engine ===

impl Engine {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 9] = [
        Self::Direct,
        Self::Relay,
        Self::HaproxyBare,
        Self::HaproxyEqual,
        Self::NginxBare,
        Self::NginxEqual,
        Self::EnvoyEqual,
        Self::Plane,
        Self::Weir,
    ];

    /// The name on the command line and in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Relay => "relay",
            Self::HaproxyBare => "haproxy-bare",
            Self::HaproxyEqual => "haproxy-equal",
            Self::NginxBare => "nginx-bare",
            Self::NginxEqual => "nginx-equal",
            Self::EnvoyEqual => "envoy-equal",
            Self::Plane => "plane",
            Self::Weir => "weir",
        }
    }

    /// How much it has to do.
    pub fn level(self) -> Level {
        match self {
            Self::Direct | Self::Relay => Level::Floor,
            Self::HaproxyBare | Self::NginxBare => Level::Bare,
            Self::HaproxyEqual | Self::NginxEqual | Self::EnvoyEqual => Level::Equal,
            Self::Plane | Self::Weir => Level::Ours,
        }
    }

    /// Without a proxy there is only latency to measure.
    pub fn takes_part(self, scenario: Scenario) -> bool {
        self != Self::Direct || scenario == Scenario::Sse
    }

    /// Its program, when it is here.
    pub fn program(self, bin: &Path) -> Option<PathBuf> {
        match self {
            Self::Direct | Self::Relay => std::env::current_exe().ok(),
            Self::HaproxyBare | Self::HaproxyEqual => which("haproxy"),
            Self::NginxBare | Self::NginxEqual => which("nginx"),
            Self::EnvoyEqual => which("envoy"),
            Self::Plane => Some(bin.join("examples/bench_proxy")).filter(|path| path.exists()),
            Self::Weir => Some(bin.join("weir")).filter(|path| path.exists()),
        }
    }

    /// What the program says about its version.
    pub fn version(self, bin: &Path) -> String {
        let Some(program) = self.program(bin) else { return "not here".to_owned() };
        let flag = match self {
            Self::Direct | Self::Relay | Self::Plane => {
                return format!("weir-bench {}", env!("CARGO_PKG_VERSION"));
            }
            Self::Weir | Self::EnvoyEqual => "--version",
            _ => "-v",
        };
        let Ok(output) = Command::new(program).arg(flag).output() else { return String::new() };
        let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        let text = String::from_utf8_lossy(&text);
        let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        // Envoy begins with the path of its program.
        let from = first.find("version: ").map_or(0, |at| at + "version: ".len());
        first[from..].to_owned()
    }

    /// Starts it and waits until it answers.
    pub fn start(self, site: &Site<'_>) -> Result<Proxy> {
        let program = self.program(site.bin).context("its program is not here")?;
        let program = program.to_str().context("its path is not text")?;
        let mut proxy = match self {
            Self::Direct => Proxy { front: site.target, process: None },
            Self::Relay => relay::start(site, program)?,
            Self::HaproxyBare | Self::HaproxyEqual => haproxy::start(site, program, self.level())?,
            Self::NginxBare | Self::NginxEqual => nginx::start(site, program, self.level())?,
            Self::EnvoyEqual => envoy::start(site, program)?,
            Self::Plane => plane::start(site, program)?,
            Self::Weir => weir::start(site, program)?,
        };
        proxy.wait_until_it_answers()?;
        Ok(proxy)
    }
}

// === impl Proxy ===

impl Proxy {
    /// The ids of all its processes.
    pub fn ids(&self) -> Vec<u32> {
        self.process.as_ref().map(Process::ids).unwrap_or_default()
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let deadline = Instant::now() + limits::START_WITHIN;
        loop {
            if let Some(process) = &mut self.process {
                process.check()?;
            }
            match ask(self.front) {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    let words = self.process.as_ref().map(Process::last_words);
                    bail!("no answer: {error:#}; it says: {}", words.unwrap_or_default());
                }
                Err(_) => sleep(limits::LOOK_EVERY),
            }
        }
    }
}

/// One request on a connection of its own.
fn ask(front: SocketAddr) -> Result<()> {
    let patience = Duration::from_secs(1);
    let mut stream = TcpStream::connect_timeout(&front, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(&Scenario::Churn.request())?;
    let mut answer = Vec::new();
    stream.take(limits::HEAD_MAX as u64).read_to_end(&mut answer)?;
    let head = String::from_utf8_lossy(&answer);
    if !head.starts_with("HTTP/1.1 200") || answer.len() < 1_024 {
        bail!("it answers {:?}", head.lines().next().unwrap_or_default());
    }
    Ok(())
}

/// An address that nobody listens on; another program may still be faster.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0))?;
    Ok(listener.local_addr()?)
}

fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let places = path.split(':').chain(["/usr/sbin"]).map(|dir| Path::new(dir).join(name));
    places.into_iter().find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn names_are_those_of_the_command_line() {
        for engine in Engine::ALL {
            assert_eq!(engine.to_possible_value().unwrap().get_name(), engine.name());
        }
        assert_eq!(Engine::value_variants().len(), Engine::ALL.len());
    }

    #[test]
    fn only_streams_are_measured_without_a_proxy() {
        assert!(Engine::Direct.takes_part(Scenario::Sse));
        assert!(!Engine::Direct.takes_part(Scenario::Get64));
        assert!(Engine::Relay.takes_part(Scenario::Get64));
    }

    #[test]
    fn a_missing_program_is_missing() {
        let nowhere = Path::new("/nonexistent");
        assert_eq!(Engine::Weir.program(nowhere), None);
        assert_eq!(Engine::Weir.version(nowhere), "not here");
    }
}
