//! A proxy without a control plane: serves a hand-built snapshot, for benches and measurements.
//!
//! `bench_proxy LISTEN TARGET[,TARGET…] [--rules N] [--log FILE] [--threads N] [--pinned]`
//!
//! With `--rules` the request meets N rules that do not match before the default rule; with
//! `--log` every line of the access log goes through the records channel into a file.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use weir_core::resource::{Condition, Priority};
use weir_core::snapshot::testing::SnapshotBuilder;
use weir_core::snapshot::{AccessLogPlan, Snapshot};
use weir_core::traffic::route::{RoutingPlan, RulePlan};
use weir_core::traffic::weighted::Weighted;
use weir_l7::io::Plane;
use weir_net::budget::Budget;
use weir_net::publication::Publisher;
use weir_net::published::Published;
use weir_net::records::{ChunkWriter, chunk_channel};
use weir_net::sockets::{SocketTable, bind_listener};
use weir_net::telemetry::Telemetry;
use weir_net::threads::{Config, DataThreads, Place};

struct Arguments {
    listen: SocketAddr,
    targets: Vec<SocketAddr>,
    rules: u32,
    log: Option<String>,
    threads: usize,
    pinned: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = arguments()?;
    let budget = Budget::new(19_000, arguments.threads);
    let sockets = Arc::new(bind_listener(&budget, arguments.listen, arguments.threads)?);
    let snapshot = Arc::new(snapshot(&arguments, sockets.addr()));
    let sockets = Arc::new(SocketTable::new([sockets]));
    let publisher = Publisher::new(Arc::new(Published { snapshot, sockets }));
    let telemetry = Telemetry::new(arguments.threads);
    let (sender, chunks) = chunk_channel();
    let logs = arguments.log.is_some();
    let make = move |place: Place| {
        let records = logs.then(|| ChunkWriter::new(sender.clone(), place.counters.clone()));
        Plane::new(place.index, 0x5eed + place.index as u64, records)
    };
    let config = Config { threads: arguments.threads, pinned: arguments.pinned };
    let _threads = DataThreads::spawn(config, &budget, &telemetry, &publisher, make)?;
    match arguments.log {
        Some(path) => {
            let mut file = File::create(path)?;
            while let Ok(chunk) = chunks.recv() {
                file.write_all(chunk.as_ref())?;
            }
        }
        None => loop {
            std::thread::park();
        },
    }
    Ok(())
}

fn arguments() -> Result<Arguments, Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let listen = words.next().ok_or("LISTEN is missing")?.parse()?;
    let targets = words.next().ok_or("TARGETS are missing")?;
    let targets = targets.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let mut arguments =
        Arguments { listen, targets, rules: 0, log: None, threads: 1, pinned: false };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or("a value is missing");
        match word.as_str() {
            "--rules" => arguments.rules = value()?.parse()?,
            "--log" => arguments.log = Some(value()?),
            "--threads" => arguments.threads = value()?.parse()?,
            "--pinned" => arguments.pinned = true,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(arguments)
}

fn snapshot(arguments: &Arguments, address: SocketAddr) -> Snapshot {
    let mut builder = SnapshotBuilder::new(arguments.threads);
    let group = builder.group(&arguments.targets, |_| {});
    let forward = || RoutingPlan::Forward(Weighted::new([(group, 1)]));
    let mut rules = vec![RulePlan::new(Priority::Default, &[], forward())];
    for number in 1..=arguments.rules {
        let path = Condition::PathPattern {
            values: vec![format!("/service-{number}/*")],
            regexes: vec![],
        };
        rules.push(RulePlan::new(Priority::Number(number), &[path], forward()));
    }
    builder.listener(address, rules, |_, load_balancer| {
        if arguments.log.is_some() {
            let plan = AccessLogPlan { bucket: "bench".into(), prefix: String::new() };
            load_balancer.access_log = Some(plan);
        }
    });
    builder.build()
}
