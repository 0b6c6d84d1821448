//! With a thousand load balancers: a new one carries traffic at once, and a start does not take
//! longer than one wants to wait.
//!
//! The promised numbers (p99 of create-to-traffic 20 ms, start to serving 1 s) are for the release
//! build on a quiet machine; here they are printed, and wide bounds catch what went wrong by an
//! order of magnitude.
//!
//! Invariant: what is asserted exactly is correctness: each one answers with its own text, before
//! and after the restart.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::{Api, Http, Options, Weir, quantile, say, wait_for};

const PRESENT: usize = 1_000;
const MORE: usize = 100;
const CLIENTS: usize = 8;
const CONFIG: &str = "threads = 2\n[quotas]\nload_balancers = 1200\n";
/// Far beyond what is promised: a debug build on a busy machine.
const SANE_CREATE: Duration = Duration::from_millis(500);
/// Ten times what is promised.
const SANE_START: Duration = Duration::from_secs(10);

/// One load balancer and what it answers.
struct Made {
    name: String,
    address: String,
}

#[test]
fn a_thousand_load_balancers() {
    let binary = Path::new(env!("CARGO_BIN_EXE_weir"));
    let mut weir = Weir::start(binary, &Options { config: CONFIG.to_owned() });
    let (mut api, begin) = (weir.api(), Instant::now());
    let (_, subnets) = api.network();
    let made = populate(&weir, &subnets);
    say(format_args!("{PRESENT} load balancers made in {:.1?}", begin.elapsed()));

    let mut whole = Vec::new();
    let mut listener_only = Vec::new();
    for index in 0..MORE {
        let (both, listener) = create_to_traffic(&mut api, &subnets, index);
        whole.push(both);
        listener_only.push(listener);
    }
    report("CreateLoadBalancer and CreateListener to traffic", &mut whole);
    report("CreateListener to traffic", &mut listener_only);
    assert!(quantile(&listener_only, 0.99) < SANE_CREATE);

    weir.kill();
    let begin = Instant::now();
    weir.start_again();
    let answers = begin.elapsed();
    check(&made[0]);
    say(format_args!(
        "start with {} load balancers: API after {answers:.0?}, traffic after {:.0?} (promise: 1 s)",
        PRESENT + MORE,
        begin.elapsed()
    ));
    assert!(begin.elapsed() < SANE_START);
    made.iter().for_each(check);
    remove_one(&weir, &made);
    weir.check_log();
    assert!(weir.stop().success());
}

/// Makes all of them over several connections.
fn populate(weir: &Weir, subnets: &[String]) -> Vec<Made> {
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut api, mut made) = (weir.api(), Vec::new());
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= PRESENT {
                return made;
            }
            let name = format!("lb-{index:04}");
            let lb = api.load_balancer(&name, subnets);
            api.listener(&lb, 80, &name);
            let address = api.addresses(&lb).remove(0);
            made.push(Made { name, address });
        }
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(work)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

/// How long until a new load balancer answers, from its creation and from its listener's.
fn create_to_traffic(api: &mut Api, subnets: &[String], index: usize) -> (Duration, Duration) {
    let name = format!("more-{index}");
    let begin = Instant::now();
    let lb = api.load_balancer(&name, subnets);
    let created = begin.elapsed();
    let address = api.addresses(&lb).remove(0);
    let begin = Instant::now();
    api.listener(&lb, 80, &name);
    // No second try: the call was acknowledged, so the address answers.
    check(&Made { name, address });
    (created + begin.elapsed(), begin.elapsed())
}

fn check(made: &Made) {
    let answer = Http::connect(&made.address, 80).and_then(|mut http| http.get("/"));
    assert_eq!(answer.unwrap_or_else(|e| panic!("{}: {e}", made.name)), (200, made.name.clone()));
}

/// A change of one disturbs no other.
fn remove_one(weir: &Weir, made: &[Made]) {
    let mut api = weir.api();
    let mut other = Http::connect(&made[1].address, 80).unwrap();
    assert_eq!(other.get("/").unwrap().1, made[1].name);
    let answer = api.elbv2("DescribeLoadBalancers", &[("Names.member.1", &made[0].name)]);
    let lb = support::text(&answer, "LoadBalancerArn").to_owned();
    api.elbv2("DeleteLoadBalancer", &[("LoadBalancerArn", &lb)]);
    wait_for("the deleted one is gone", Duration::from_secs(5), || {
        Http::connect(&made[0].address, 80).is_err()
    });
    assert_eq!(other.get("/").unwrap().1, made[1].name, "on the connection that it had");
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort();
    say(format_args!(
        "{what}, {PRESENT} present: p50 {:.1?}, p99 {:.1?} (promise: p99 20 ms)",
        quantile(times, 0.5),
        quantile(times, 0.99)
    ));
}
