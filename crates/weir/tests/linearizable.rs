//! Sixteen clients change the same few objects of the real server at the same time; what they were
//! answered must fit one order of calls.
//!
//! Invariant: every answer goes into the history, also refusals and reads.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::path::Path;
use std::time::Instant;

use support::{Options, Weir, say};
use weir_core::rng::Rng;
use weir_sim::linear::{Objects, Script};

const CLIENTS: usize = 16;
const CALLS_PER_CLIENT: usize = 150;

#[test]
fn the_answers_of_sixteen_clients_fit_one_order() {
    for seed in 1..=2 {
        let binary = Path::new(env!("CARGO_BIN_EXE_weir"));
        let mut weir = Weir::start(binary, &Options { config: "threads = 2".to_owned() });
        let mut api = weir.api();
        let (vpc, subnets) = api.network();
        let tagged = api.load_balancer("linear", &subnets);
        let listener = api.listener(&tagged, 80, "default");
        let script = Script::new(Objects { listener, tagged, vpc });
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (weir, script) = (&weir, &script);
                scope.spawn(move || one_client(weir, script, client, seed, begun));
            }
        });
        let elapsed = begun.elapsed();
        let calls = script.judge().unwrap_or_else(|found| panic!("seed {seed}: {found}"));
        say(format_args!("{calls} calls of {CLIENTS} clients in {elapsed:.1?} fit one order"));
        weir.check_log();
        assert!(weir.stop().success());
    }
}

fn one_client(weir: &Weir, script: &Script, client: usize, seed: u64, begun: Instant) {
    let mut api = weir.api();
    let mut rng = Rng::new(seed * 1_000 + client as u64);
    let now = || begun.elapsed().as_nanos() as u64;
    for _ in 0..CALLS_PER_CLIENT {
        let planned = script.plan(&mut rng);
        let (action, parameters) = script.request(&planned);
        let parameters: Vec<(&str, &str)> =
            parameters.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let began = now();
        let reply = api.try_elbv2(action, &parameters).map_err(|error| error.code);
        script.note(client, planned, &reply, (began, now())).unwrap();
    }
}
