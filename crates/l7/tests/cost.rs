//! What one request costs, in instructions: the same on every machine, so it can be a gate.
//!
//! The test runs itself under valgrind twice, with N and with 2N requests through an engine whose
//! seam throws everything away; the difference divided by N is the cost of one request without
//! the kernel. Wall-clock never decides anything here.
//!
//! Invariant: a bound is raised only in a commit that says what the instructions are spent on.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use weir_core::resource::{Condition, Priority};
use weir_core::snapshot::testing::SnapshotBuilder;
use weir_core::snapshot::{AccessLogPlan, Snapshot};
use weir_core::time::Now;
use weir_core::traffic::route::{RoutingPlan, RulePlan};
use weir_core::traffic::weighted::Weighted;
use weir_l7::machine::{Conn, End, Engine, Gone, Seam};

/// Names the scenario in the child's environment, with the number of requests.
const CHILD: &str = "WEIR_COST_CHILD";
const REQUESTS: u64 = 2_000;
/// Parse, route, pick, rewrite and pass on both heads, count. These bounds are for the profile in
/// which the tests are built; an optimised build needs about half of it. Measured 14,300 when set.
const BOUND_PLAIN: u64 = 16_000;
/// Twenty path patterns that do not match. Measured 1,500.
const BOUND_RULES: u64 = 2_000;
/// Thirty-three fields. Measured 7,300.
const BOUND_LOG: u64 = 8_500;
/// The first connection that [`Nowhere`] opens.
const TARGET: Conn = Conn(1);

const GET: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: www.example.com\r\n\
    User-Agent: cost/1.0\r\nAccept: */*\r\n\r\n";

/// A world that takes everything: connections stand at once, bytes vanish.
#[derive(Default)]
struct Nowhere {
    next: u32,
    sent: u64,
    records: u64,
}

impl Seam for Nowhere {
    fn send(&mut self, _conn: Conn, parts: &[&[u8]]) -> Result<usize, Gone> {
        let bytes = parts.iter().map(|part| part.len()).sum();
        self.sent += bytes as u64;
        Ok(bytes)
    }

    fn connect(&mut self, _to: SocketAddr) -> Option<Conn> {
        self.next += 1;
        Some(Conn(self.next))
    }

    fn end(&mut self, _conn: Conn, _how: End) {}

    fn read(&mut self, _conn: Conn, _wanted: bool) {}

    fn arm(&mut self, _conn: Conn, _deadline_ms: u64) {}

    fn record(&mut self, _load_balancer: u64, _line: &[u8]) {
        self.records += 1;
    }
}

fn snapshot(scenario: &str, address: SocketAddr) -> Snapshot {
    let mut builder = SnapshotBuilder::new(1);
    let group = builder.group(&["127.0.0.1:9".parse().unwrap()], |_| {});
    let forward = || RoutingPlan::Forward(Weighted::new([(group, 1)]));
    let mut rules = vec![RulePlan::new(Priority::Default, &[], forward())];
    if scenario != "plain" {
        rules.extend((1..=20).map(|n| {
            let values = vec![format!("/api/v{n}/*")];
            let condition = Condition::PathPattern { values, regexes: vec![] };
            RulePlan::new(Priority::Number(n), &[condition], forward())
        }));
    }
    builder.listener(address, rules, |_, plan| {
        if scenario == "logged" {
            let log = AccessLogPlan { bucket: "logs".into(), prefix: String::new() };
            plan.access_log = Some(log);
        }
    });
    builder.build()
}

/// Carries `requests` keep-alive requests through an engine.
fn carry(scenario: &str, requests: u64) {
    let address: SocketAddr = "127.64.0.4:80".parse().unwrap();
    let now = |ms: u64| Now { mono_ms: ms, wall_us: 1_767_225_600_000_000 + ms as i64 * 1_000 };
    let mut body = b"HTTP/1.1 200 OK\r\nServer: t\r\nContent-Type: text/plain\r\n\
        Content-Length: 1024\r\n\r\n"
        .to_vec();
    body.resize(body.len() + 1_024, b'x');
    let (mut engine, mut seam) = (Engine::new(0, 1), Nowhere::default());
    engine.handle_snapshot(&mut seam, Arc::new(snapshot(scenario, address)), now(0));
    let client = Conn(0);
    engine.handle_accepted(&mut seam, client, (address, "127.0.0.1:5".parse().unwrap()), now(0));
    for n in 0..requests {
        engine.handle_bytes(&mut seam, client, GET, now(n));
        if n == 0 {
            engine.handle_connected(&mut seam, TARGET, true, now(n));
        }
        engine.handle_bytes(&mut seam, TARGET, &body, now(n));
    }
    assert!(seam.sent > requests * 1_024, "every response was passed on");
    assert_eq!(seam.records, if scenario == "logged" { requests } else { 0 });
    assert_eq!(seam.next, 1, "one connection to the target was enough");
}

/// Instructions that valgrind counts for a run of this test binary.
fn instructions(scenario: &str, requests: u64) -> u64 {
    let out = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_request_has_its_price", "--test-threads=1"])
        .env(CHILD, format!("{scenario} {requests}"))
        .output()
        .expect("valgrind is installed by scripts/prepare");
    let text = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{text}");
    let line = text.lines().find(|line| line.contains("Collected :")).expect("a count");
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn cost(scenario: &str) -> u64 {
    let (one, two) = (instructions(scenario, REQUESTS), instructions(scenario, 2 * REQUESTS));
    (two - one) / REQUESTS
}

#[test]
fn a_request_has_its_price() {
    if let Ok(child) = std::env::var(CHILD) {
        let (scenario, requests) = child.split_once(' ').unwrap();
        return carry(scenario, requests.parse().unwrap());
    }
    let (plain, ruled, logged) = (cost("plain"), cost("ruled"), cost("logged"));
    println!("instructions per request: plain {plain}, 20 rules {ruled}, logged {logged}");
    if !cfg!(debug_assertions) {
        // Another profile, other numbers: printed for whoever looks, not judged.
        return;
    }
    assert!(plain <= BOUND_PLAIN, "a plain request costs {plain} instructions");
    assert!(ruled - plain <= BOUND_RULES, "20 rules cost {} instructions", ruled - plain);
    assert!(logged - ruled <= BOUND_LOG, "a log line costs {} instructions", logged - ruled);
}
