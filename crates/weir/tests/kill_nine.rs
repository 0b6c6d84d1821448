//! `kill -9` in the middle of ten thousand mutations: every acknowledged one is there after the
//! start, none is half there.
//!
//! Each worker walks items through stages, one call per stage; several of these calls change more
//! than one record (a listener and its default rule, a registration of five targets). After each
//! kill the stage of every item is read back through the API: it must be the acknowledged one, or
//! the next one when a call was under way.
//!
//! Invariant: [`Worker::observe`] recognises whole stages only; anything in between fails.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::{Api, ApiError, Http, Options, Weir, group, say, text, texts, wait_for};

const MUTATIONS: usize = 10_000;
const ROUNDS: usize = 10;
const WORKERS: usize = 6;
/// Items of one worker that exist at a time.
const ALIVE: usize = 8;
const TARGETS: usize = 5;
/// The stage of an item that is complete; the two after it take it away again.
const COMPLETE: u8 = 5;
/// The stage after which nothing is left.
const GONE: u8 = 7;

/// A group, its targets, a listener with a rule.
struct Item {
    number: usize,
    stage: u8,
    /// Whether the fate of the call to the next stage is unknown.
    pending: bool,
    /// ARN, once it exists.
    group: String,
    /// ARN, once it exists.
    listener: String,
}

struct Worker {
    index: usize,
    lb: String,
    address: String,
    vpc: String,
    items: Vec<Item>,
    next: usize,
}

type Answer = Result<String, ApiError>;

#[test]
fn every_acknowledged_mutation_survives_and_none_is_half() {
    let binary = Path::new(env!("CARGO_BIN_EXE_weir"));
    let config = "threads = 2\n[quotas]\ntarget_groups = 3000\n".to_owned();
    let mut weir = Weir::start(binary, &Options { config });
    let mut workers: Vec<Worker> =
        (0..WORKERS).map(|index| Worker::new(&mut weir.api(), index)).collect();
    let (acknowledged, begin) = (AtomicUsize::new(0), Instant::now());
    let mut unknown = 0;
    for round in 1..=ROUNDS {
        let until = MUTATIONS * round / ROUNDS;
        std::thread::scope(|scope| {
            for worker in &mut workers {
                let api = weir.api();
                scope.spawn(|| worker.run(api, &acknowledged));
            }
            wait_for("mutations", Duration::from_secs(60), || {
                acknowledged.load(Ordering::SeqCst) >= until
            });
            // The workers end when their connection breaks.
            weir.kill();
        });
        weir.start_again();
        for worker in &mut workers {
            unknown += worker.verify(&mut weir.api());
        }
    }
    let done = acknowledged.load(Ordering::SeqCst);
    assert!(done >= MUTATIONS);
    say(format_args!(
        "{done} acknowledged mutations over {ROUNDS} kills in {:.1?}; {unknown} calls cut off",
        begin.elapsed()
    ));
    weir.check_log();
    assert!(weir.stop().success());
}

// === impl Worker ===

impl Worker {
    fn new(api: &mut Api, index: usize) -> Self {
        let (vpc, subnets) = api.network();
        let lb = api.load_balancer(&format!("kill-{index}"), &subnets);
        let address = api.addresses(&lb).remove(0);
        Self { index, lb, address, vpc, items: Vec::new(), next: 0 }
    }

    /// Goes on until the process is killed.
    fn run(&mut self, mut api: Api, acknowledged: &AtomicUsize) {
        loop {
            let at = self.next_item();
            self.items[at].pending = true;
            match self.call(&mut api, at) {
                Ok(answer) => self.items[at].acknowledge(&answer),
                Err(error) if error.status == 0 => return,
                Err(error) => panic!("stage {}: {error:?}", self.items[at].stage),
            }
            acknowledged.fetch_add(1, Ordering::SeqCst);
            self.items.retain(|item| item.stage < GONE);
        }
    }

    /// An item under construction first, then the removal of the oldest, then a new one.
    fn next_item(&mut self) -> usize {
        let unfinished = |item: &Item| item.stage != COMPLETE;
        if let Some(at) = self.items.iter().position(unfinished) {
            return at;
        }
        if self.items.len() >= ALIVE {
            return 0;
        }
        let (group, listener) = (String::new(), String::new());
        let number = self.next;
        self.items.push(Item { number, stage: 0, pending: false, group, listener });
        self.next += 1;
        self.items.len() - 1
    }

    /// The one call that takes an item to its next stage.
    fn call(&self, api: &mut Api, at: usize) -> Answer {
        let item = &self.items[at];
        match item.stage {
            0 => api.try_elbv2("CreateTargetGroup", &group(&self.name(item), &self.vpc)),
            1 => register(api, item),
            2 => create_listener(api, &self.lb, item),
            3 => create_rule(api, item),
            4 => modify_listener(api, item),
            5 => api.try_elbv2("DeleteListener", &[("ListenerArn", &item.listener)]),
            _ => api.try_elbv2("DeleteTargetGroup", &[("TargetGroupArn", &item.group)]),
        }
    }

    /// Compares every item with what is stored; gives the number of calls whose fate was unknown.
    fn verify(&mut self, api: &mut Api) -> usize {
        let mut unknown = 0;
        for at in 0..self.items.len() {
            let seen = self.observe(api, at);
            let item = &mut self.items[at];
            let allowed = item.stage..=item.stage + u8::from(item.pending);
            let what = format!("item {} of worker {}", item.number, self.index);
            assert!(allowed.contains(&seen), "{what}: stage {seen}, allowed {allowed:?}");
            unknown += usize::from(item.pending);
            item.stage = seen;
            item.pending = false;
        }
        if let Some(item) = self.items.iter().find(|item| item.stage == COMPLETE) {
            let mut http = Http::connect(&self.address, item.port()).unwrap();
            assert_eq!(http.get("/").unwrap(), (200, item.number.to_string()));
            assert_eq!(http.get("/rule").unwrap().0, 299);
        }
        self.items.retain(|item| (1..GONE).contains(&item.stage));
        let answer = api.elbv2("DescribeTargetGroups", &[("PageSize", "400")]);
        let prefix = format!("kill-{}-", self.index);
        let mut stored = texts(&answer, "TargetGroupName");
        stored.retain(|name| name.starts_with(&prefix));
        stored.sort();
        let mut alive: Vec<String> = self.items.iter().map(|item| self.name(item)).collect();
        alive.sort();
        assert_eq!(stored, alive, "groups that nobody knows of, or lost ones");
        unknown
    }

    /// The stage that the stored records amount to. Records that fit two stages are those of the
    /// side, making or removing, on which the item was.
    fn observe(&mut self, api: &mut Api, at: usize) -> u8 {
        let name = self.name(&self.items[at]);
        let item = &mut self.items[at];
        let removing = item.stage >= COMPLETE;
        let listeners = api.elbv2("DescribeListeners", &[("LoadBalancerArn", &self.lb)]);
        let listener = listener_on(&listeners, item.port());
        let Ok(groups) = api.try_elbv2("DescribeTargetGroups", &[("Names.member.1", &name)]) else {
            assert!(listener.is_none(), "{name}: a listener without its group");
            return if removing { GONE } else { 0 };
        };
        item.group = text(&groups, "TargetGroupArn").to_owned();
        let health = api.elbv2("DescribeTargetHealth", &[("TargetGroupArn", &item.group)]);
        let targets = texts(&health, "State").len();
        let Some((listener, action)) = listener else {
            return match (targets, removing) {
                (0, false) => 1,
                (TARGETS, false) => 2,
                (TARGETS, true) => 6,
                other => panic!("{name}: {other:?} of {TARGETS} targets"),
            };
        };
        item.listener = listener;
        assert_eq!(targets, TARGETS, "{name}");
        let rules = api.elbv2("DescribeRules", &[("ListenerArn", &item.listener)]);
        let rules = texts(&rules, "IsDefault");
        assert_eq!(rules.iter().filter(|is| *is == "true").count(), 1, "{name}: default rule");
        match (rules.len(), action.as_str()) {
            (1, "forward") => 3,
            (2, "forward") => 4,
            (2, "fixed-response") => 5,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn name(&self, item: &Item) -> String {
        format!("kill-{}-{}", self.index, item.number)
    }
}

// === impl Item ===

impl Item {
    fn acknowledge(&mut self, answer: &str) {
        match self.stage {
            0 => self.group = text(answer, "TargetGroupArn").to_owned(),
            2 => self.listener = text(answer, "ListenerArn").to_owned(),
            _ => {}
        }
        self.pending = false;
        self.stage += 1;
    }

    fn port(&self) -> u16 {
        11_000 + (self.number % 100) as u16
    }
}

// === helpers ===

/// Five targets in one call: all of them or none.
fn register(api: &mut Api, item: &Item) -> Answer {
    let keys: Vec<[String; 2]> = (1..=TARGETS)
        .map(|n| [format!("Targets.member.{n}.Id"), format!("Targets.member.{n}.Port")])
        .collect();
    let ports: Vec<String> = (1..=TARGETS).map(|n| n.to_string()).collect();
    let mut parameters = vec![("TargetGroupArn", &*item.group)];
    for (key, port) in keys.iter().zip(&ports) {
        parameters.push((&key[0], "127.0.0.1"));
        parameters.push((&key[1], port));
    }
    api.try_elbv2("RegisterTargets", &parameters)
}

/// A listener and its default rule.
fn create_listener(api: &mut Api, lb: &str, item: &Item) -> Answer {
    let port = item.port().to_string();
    let parameters = [
        ("LoadBalancerArn", lb),
        ("Protocol", "HTTP"),
        ("Port", &port),
        ("DefaultActions.member.1.Type", "forward"),
        ("DefaultActions.member.1.TargetGroupArn", &item.group),
    ];
    api.try_elbv2("CreateListener", &parameters)
}

fn create_rule(api: &mut Api, item: &Item) -> Answer {
    let parameters = [
        ("ListenerArn", &*item.listener),
        ("Priority", "7"),
        ("Conditions.member.1.Field", "path-pattern"),
        ("Conditions.member.1.Values.member.1", "/rule"),
        ("Actions.member.1.Type", "fixed-response"),
        ("Actions.member.1.FixedResponseConfig.StatusCode", "299"),
    ];
    api.try_elbv2("CreateRule", &parameters)
}

fn modify_listener(api: &mut Api, item: &Item) -> Answer {
    let body = item.number.to_string();
    let parameters = [
        ("ListenerArn", &*item.listener),
        ("DefaultActions.member.1.Type", "fixed-response"),
        ("DefaultActions.member.1.FixedResponseConfig.StatusCode", "200"),
        ("DefaultActions.member.1.FixedResponseConfig.MessageBody", &body),
    ];
    api.try_elbv2("ModifyListener", &parameters)
}

/// ARN and type of default action of the listener on this port.
fn listener_on(answer: &str, port: u16) -> Option<(String, String)> {
    // `<member>` also opens what is inside of a listener; its ARN comes first in it.
    let parts: Vec<&str> = answer.split("<ListenerArn>").skip(1).collect();
    let port = format!("<Port>{port}</Port>");
    let part = parts.into_iter().find(|part| part.contains(&port))?;
    let arn = part.split_once("</ListenerArn>")?.0;
    Some((arn.to_owned(), text(part, "Type").to_owned()))
}
