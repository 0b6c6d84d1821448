//! The floor: `weir-net`'s relay, run by this very program.
//!
//! Invariant: one thread, and nothing but the reactor and two copies per request.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use weir_net::budget::Budget;
use weir_net::publication::Publisher;
use weir_net::relay::{Relay, Route};
use weir_net::sockets::{SocketTable, bind_listener};
use weir_net::telemetry::Telemetry;
use weir_net::threads::{Config, DataThreads, Place};

use super::{Proxy, Site, free_address};
use crate::limits;
use crate::process::Process;

/// Starts a relay.
pub fn start(site: &Site<'_>, program: &str) -> Result<Proxy> {
    let front = free_address()?;
    let (listen, target) = (front.to_string(), site.target.to_string());
    let words = [program, "relay", &listen, &target];
    let process = Process::start(site.dir, "relay", site.cores.proxy, &words, false)?;
    Ok(Proxy { front, process: Some(process) })
}

/// Is a relay, for a bounded time.
pub fn run(listen: SocketAddr, target: SocketAddr) -> Result<()> {
    let threads = 1;
    let budget = Budget::of_process(threads)?;
    let bound = Arc::new(bind_listener(&budget, listen, threads)?);
    writeln!(std::io::stdout(), "{}", bound.addr())?;
    let sockets = Arc::new(SocketTable::new([bound]));
    let publisher = Publisher::new(Arc::new(Route { sockets, target }));
    let config = Config { threads, pinned: false };
    let telemetry = Telemetry::new(threads);
    let make = |place: Place| Relay::new(place.index);
    let _running = DataThreads::spawn(config, &budget, &telemetry, &publisher, make)?;
    std::thread::sleep(limits::HELPER_LIVES);
    Ok(())
}
