//! The next request after an acknowledged call sees it, on every thread.
//!
//! Writers change what listeners answer while readers ask all the time. A writer asks at once,
//! over connections that it keeps and over new ones; a reader knows the last acknowledged number
//! before it asks and must never get an older one.
//!
//! Invariant: what is compared was acknowledged before the request left, so a failure is a stale
//! answer and never a race of the test.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use support::{Api, Http, Options, Weir, say, target, text, wait_for};

const MUTATIONS: usize = 10_000;
const WRITERS: usize = 8;
/// Mutations of one round of a writer; see [`Writer::round`].
const PER_ROUND: usize = 8;
/// Connections that a writer keeps; the kernel spreads them over the data threads.
const KEPT: usize = 4;

/// What a writer and its reader share.
struct Stage {
    lb: String,
    listener: String,
    group: String,
    address: String,
    acknowledged: AtomicU64,
}

struct Writer<'a> {
    api: Api,
    stage: &'a Stage,
    kept: Vec<Http>,
    target_port: String,
    mutations: usize,
}

#[test]
fn the_next_request_sees_an_acknowledged_call_on_every_thread() {
    let binary = Path::new(env!("CARGO_BIN_EXE_weir"));
    let mut weir = Weir::start(binary, &Options { config: "threads = 2".to_owned() });
    let port = target("target").port().to_string();
    let stages: Vec<Stage> = (0..WRITERS).map(|index| stage(&mut weir.api(), index)).collect();
    let (begin, over, reads) = (Instant::now(), AtomicBool::new(false), AtomicU64::new(0));
    let done: usize = std::thread::scope(|scope| {
        for stage in &stages[..2] {
            scope.spawn(|| read(stage, &over, &reads));
        }
        let writers: Vec<_> = stages
            .iter()
            .map(|stage| {
                let (api, port) = (weir.api(), port.clone());
                scope.spawn(|| Writer::new(api, stage, port).run(MUTATIONS / WRITERS))
            })
            .collect();
        let done = writers.into_iter().map(|writer| writer.join());
        // The readers must end even when a writer failed.
        let done: Vec<_> = done.collect();
        over.store(true, Ordering::SeqCst);
        done.into_iter().map(Result::unwrap).sum()
    });
    assert!(done >= MUTATIONS, "{done}");
    say(format_args!(
        "{done} mutations in {:.1?}, each seen at once; {} concurrent reads",
        begin.elapsed(),
        reads.load(Ordering::SeqCst)
    ));
    weir.check_log();
    assert!(weir.stop().success());
}

/// A load balancer with one listener, and a group that a rule forwards to.
fn stage(api: &mut Api, index: usize) -> Stage {
    let (vpc, subnets) = api.network();
    let lb = api.load_balancer(&format!("ryw-{index}"), &subnets);
    let listener = api.listener(&lb, 80, "0");
    let group = api.group(&format!("ryw-{index}"), &vpc);
    let delay = "deregistration_delay.timeout_seconds";
    api.elbv2(
        "ModifyTargetGroupAttributes",
        &[
            ("TargetGroupArn", &group),
            ("Attributes.member.1.Key", delay),
            ("Attributes.member.1.Value", "0"),
        ],
    );
    let forward = [
        ("ListenerArn", &*listener),
        ("Priority", "10"),
        ("Conditions.member.1.Field", "path-pattern"),
        ("Conditions.member.1.Values.member.1", "/group"),
        ("Actions.member.1.Type", "forward"),
        ("Actions.member.1.TargetGroupArn", &group),
    ];
    api.elbv2("CreateRule", &forward);
    let address = api.addresses(&lb).remove(0);
    Stage { lb, listener, group, address, acknowledged: AtomicU64::new(0) }
}

/// Asks until the writers are done; an answer older than what was acknowledged is a failure.
fn read(stage: &Stage, over: &AtomicBool, reads: &AtomicU64) {
    let mut http = Http::connect(&stage.address, 80).unwrap();
    while !over.load(Ordering::SeqCst) {
        let least = stage.acknowledged.load(Ordering::SeqCst);
        let (status, body) = http.get("/").unwrap();
        assert_eq!(status, 200);
        let seen: u64 = body.parse().unwrap();
        assert!(seen >= least, "{seen} after {least} was acknowledged");
        reads.fetch_add(1, Ordering::SeqCst);
    }
}

// === impl Writer ===

impl<'a> Writer<'a> {
    fn new(api: Api, stage: &'a Stage, target_port: String) -> Self {
        let kept = (0..KEPT).map(|_| Http::connect(&stage.address, 80).unwrap()).collect();
        Self { api, stage, kept, target_port, mutations: 0 }
    }

    fn run(mut self, mutations: usize) -> usize {
        let mut number = 0;
        while self.mutations < mutations {
            number += 1;
            self.round(number);
        }
        self.mutations
    }

    /// Eight mutations, each followed by requests that must see it.
    fn round(&mut self, number: u64) {
        let before = self.mutations;
        let answer = number.to_string();
        self.modify_listener(&answer);
        self.stage.acknowledged.store(number, Ordering::SeqCst);
        self.expect("/", 200, &answer);

        let rule = self.create_rule(&format!("rule {number}"));
        self.expect("/rule", 200, &format!("rule {number}"));
        let action = "Actions.member.1.FixedResponseConfig.MessageBody";
        self.change(
            "ModifyRule",
            &[
                ("RuleArn", &rule),
                ("Actions.member.1.Type", "fixed-response"),
                ("Actions.member.1.FixedResponseConfig.StatusCode", "200"),
                (action, "changed"),
            ],
        );
        self.expect("/rule", 200, "changed");
        let priorities = [
            ("RulePriorities.member.1.RuleArn", &*rule),
            ("RulePriorities.member.1.Priority", "20"),
        ];
        self.change("SetRulePriorities", &priorities);
        self.expect("/rule", 200, "changed");
        self.change("DeleteRule", &[("RuleArn", &rule)]);
        self.expect("/rule", 200, &answer);

        self.targets("RegisterTargets");
        self.expect("/group", 200, "target");
        self.targets("DeregisterTargets");
        self.expect("/group", 503, "");
        let timeout = if number.is_multiple_of(2) { "60" } else { "61" };
        let attribute = [
            ("LoadBalancerArn", &*self.stage.lb.clone()),
            ("Attributes.member.1.Key", "idle_timeout.timeout_seconds"),
            ("Attributes.member.1.Value", timeout),
        ];
        self.change("ModifyLoadBalancerAttributes", &attribute);
        self.expect("/", 200, &answer);
        assert_eq!(self.mutations - before, PER_ROUND);
    }

    fn change(&mut self, action: &str, parameters: &[(&str, &str)]) -> String {
        self.mutations += 1;
        self.api.elbv2(action, parameters)
    }

    fn modify_listener(&mut self, body: &str) {
        let listener = self.stage.listener.clone();
        let parameters = [
            ("ListenerArn", &*listener),
            ("DefaultActions.member.1.Type", "fixed-response"),
            ("DefaultActions.member.1.FixedResponseConfig.StatusCode", "200"),
            ("DefaultActions.member.1.FixedResponseConfig.MessageBody", body),
        ];
        self.change("ModifyListener", &parameters);
    }

    fn create_rule(&mut self, body: &str) -> String {
        let listener = self.stage.listener.clone();
        let parameters = [
            ("ListenerArn", &*listener),
            ("Priority", "5"),
            ("Conditions.member.1.Field", "path-pattern"),
            ("Conditions.member.1.Values.member.1", "/rule"),
            ("Actions.member.1.Type", "fixed-response"),
            ("Actions.member.1.FixedResponseConfig.StatusCode", "200"),
            ("Actions.member.1.FixedResponseConfig.MessageBody", body),
        ];
        text(&self.change("CreateRule", &parameters), "RuleArn").to_owned()
    }

    fn targets(&mut self, action: &str) {
        let (group, port) = (self.stage.group.clone(), self.target_port.clone());
        let parameters = [
            ("TargetGroupArn", &*group),
            ("Targets.member.1.Id", "127.0.0.1"),
            ("Targets.member.1.Port", &port),
        ];
        self.change(action, &parameters);
    }

    /// Asks on every kept connection and, now and then, on a new one.
    fn expect(&mut self, path: &str, status: u16, body: &str) {
        let mutation = self.mutations;
        let check = |(seen, text): (u16, String)| {
            assert_eq!(seen, status, "{path} after mutation {mutation}: {text}");
            assert!(status != 200 || text == body, "{path}: {text:?}, not {body:?}");
        };
        // All of them ask for the first mutations, then they take turns: the CPU is shared.
        let every = self.mutations < 400;
        for (index, http) in self.kept.iter_mut().enumerate() {
            if every || index == mutation % KEPT || index == (mutation + 1) % KEPT {
                check(http.get(path).unwrap());
            }
        }
        if mutation.is_multiple_of(5) {
            check(Http::connect(&self.stage.address, 80).unwrap().get(path).unwrap());
        }
    }
}

#[test]
fn a_stopped_process_leaves_nothing_behind_and_comes_back_the_same() {
    let binary = Path::new(env!("CARGO_BIN_EXE_weir"));
    let mut weir = Weir::start(binary, &Options::default());
    let stage = stage(&mut weir.api(), 0);
    assert_eq!(Http::connect(&stage.address, 80).unwrap().get("/").unwrap().1, "0");
    assert!(weir.stop().success());
    wait_for("the address is free", std::time::Duration::from_secs(5), || {
        Http::connect(&stage.address, 80).is_err()
    });
    weir.start_again();
    assert_eq!(Http::connect(&stage.address, 80).unwrap().get("/").unwrap().1, "0");
    assert!(weir.stop().success());
}
