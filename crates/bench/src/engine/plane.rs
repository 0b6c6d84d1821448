//! Weir's HTTP plane alone: the example `bench_proxy` of `weir-l7`.
//!
//! It has the rules and the access log, but no API, no store, no health checks. It stands in the
//! report when it was built, so that the price of the whole can be told from that of the plane.
//!
//! Invariant: one data thread.

use anyhow::Result;

use super::{Proxy, Site, free_address};
use crate::limits;
use crate::process::Process;

/// Starts the plane.
pub fn start(site: &Site<'_>, program: &str) -> Result<Proxy> {
    let front = free_address()?;
    let (listen, target) = (front.to_string(), site.target.to_string());
    let log = site.dir.join("access.log");
    let (rules, log) = (limits::RULES.to_string(), log.to_string_lossy());
    let words = [program, &listen, &target, "--rules", &rules, "--log", &log, "--threads", "1"];
    let process = Process::start(site.dir, "plane", site.cores.proxy, &words, false)?;
    Ok(Proxy { front, process: Some(process) })
}
