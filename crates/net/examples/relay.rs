//! The do-nothing relay as a program: the floor of `make bench`.
//!
//! `relay LISTEN TARGET [THREADS]` runs until it is killed. Invariant: nothing but the reactor and
//! two copies per request is measured.

use std::sync::Arc;

use weir_net::budget::Budget;
use weir_net::publication::Publisher;
use weir_net::relay::{Relay, Route};
use weir_net::sockets::{SocketTable, bind_listener};
use weir_net::telemetry::Telemetry;
use weir_net::threads::{Config, DataThreads, cores};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (listen, target, threads) = match arguments.as_slice() {
        [listen, target] => (listen, target, cores()),
        [listen, target, threads] => (listen, target, threads.parse()?),
        _ => return Err("usage: relay LISTEN TARGET [THREADS]".into()),
    };
    let target = target.parse()?;
    let budget = Budget::of_process(threads)?;
    let bound = Arc::new(bind_listener(&budget, listen.parse()?, threads)?);
    eprintln!("relay {} -> {target}, {threads} threads; {budget}", bound.addr());
    let sockets = Arc::new(SocketTable::new([bound]));
    let publisher = Publisher::new(Arc::new(Route { sockets, target }));
    let config = Config { threads, pinned: false };
    let telemetry = Telemetry::new(threads);
    let make = |place: weir_net::threads::Place| Relay::new(place.index);
    let _running = DataThreads::spawn(config, &budget, &telemetry, &publisher, make)?;
    loop {
        std::thread::park();
    }
}
