//! `kill -9` in the middle of ten thousand mutations: every acknowledged one is there after the
//! start, none is half there.
//!
//! Each worker walks items through stages, one call per stage; several of these calls change more
//! than one record (a listener and its default rule, a registration of five targets). After each
//! kill the stage of every item is read back through the API: it must be the acknowledged one, or
//! the next one when a call was under way.
//!
//! Invariant: [`Worker::observed`] recognises whole stages only; anything in between fails.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::{Api, Http, Options, Weir, say, text, texts, wait_for};

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
    /// Whether a call to the next stage is under way or its fate is unknown.
    pending: bool,
}

struct Worker {
    index: usize,
    lb: String,
    address: String,
    vpc: String,
    items: Vec<Item>,
    next: usize,
}

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
            wait_for("mutations", Duration::from_secs(120), || {
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
            if !self.advance(&mut api, at) {
                return;
            }
            let item = &mut self.items[at];
            item.pending = false;
            item.stage += 1;
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
        self.items.push(Item { number: self.next, stage: 0, pending: false });
        self.next += 1;
        self.items.len() - 1
    }

    /// The one call that takes an item to its next stage; false when the process is gone.
    fn advance(&self, api: &mut Api, at: usize) -> bool {
        let item = &self.items[at];
        let name = self.group_name(item.number);
        let answer = match item.stage {
            0 => api.try_elbv2("CreateTargetGroup", &support::group(&name, &self.vpc)),
            1 => self.register(api, &self.group(api, &name)),
            2 => self.create_listener(api, item.number, &self.group(api, &name)),
            3 => self.create_rule(api, &self.listener(api, item.number)),
            4 => modify_listener(api, &self.listener(api, item.number), item.number),
            5 => {
                let listener = self.listener(api, item.number);
                api.try_elbv2("DeleteListener", &[("ListenerArn", &listener)])
            }
            _ => {
                let group = self.group(api, &name);
                api.try_elbv2("DeleteTargetGroup", &[("TargetGroupArn", &group)])
            }
        };
        match answer {
            Ok(_) => true,
            Err(error) if error.status == 0 => false,
            // What the reads before the call found was nothing: the process was killed there.
            Err(error) if error.message.contains("killed-before") => false,
            Err(error) => panic!("stage {}: {error:?}", item.stage),
        }
    }

    fn register(&self, api: &mut Api, group: &str) -> Result<String, support::ApiError> {
        let keys: Vec<[String; 2]> = (1..=TARGETS)
            .map(|n| [format!("Targets.member.{n}.Id"), format!("Targets.member.{n}.Port")])
            .collect();
        let ports: Vec<String> = (1..=TARGETS).map(|n| n.to_string()).collect();
        let mut parameters = vec![("TargetGroupArn", group)];
        for (key, port) in keys.iter().zip(&ports) {
            parameters.push((&key[0], "127.0.0.1"));
            parameters.push((&key[1], port));
        }
        api.try_elbv2("RegisterTargets", &parameters)
    }

    fn create_listener(
        &self,
        api: &mut Api,
        number: usize,
        group: &str,
    ) -> Result<String, support::ApiError> {
        let port = port(number).to_string();
        let parameters = [
            ("LoadBalancerArn", &*self.lb),
            ("Protocol", "HTTP"),
            ("Port", &port),
            ("DefaultActions.member.1.Type", "forward"),
            ("DefaultActions.member.1.TargetGroupArn", group),
        ];
        api.try_elbv2("CreateListener", &parameters)
    }

    fn create_rule(&self, api: &mut Api, listener: &str) -> Result<String, support::ApiError> {
        let parameters = [
            ("ListenerArn", listener),
            ("Priority", "7"),
            ("Conditions.member.1.Field", "path-pattern"),
            ("Conditions.member.1.Values.member.1", "/rule"),
            ("Actions.member.1.Type", "fixed-response"),
            ("Actions.member.1.FixedResponseConfig.StatusCode", "299"),
        ];
        api.try_elbv2("CreateRule", &parameters)
    }

    /// Compares every item with what is stored; gives the number of calls whose fate was unknown.
    fn verify(&mut self, api: &mut Api) -> usize {
        let mut unknown = 0;
        for item in &mut self.items {
            let seen = observed(api, &self.lb, &group_name(self.index, item.number), item.number);
            let allowed = item.stage..=item.stage + u8::from(item.pending);
            let what = format!("item {} of worker {}", item.number, self.index);
            assert!(allowed.contains(&seen), "{what}: stage {seen}, allowed {allowed:?}");
            unknown += usize::from(item.pending);
            item.stage = seen;
            item.pending = false;
        }
        if let Some(item) = self.items.iter().find(|item| item.stage == COMPLETE) {
            let mut http = Http::connect(&self.address, port(item.number)).unwrap();
            assert_eq!(http.get("/").unwrap(), (200, item.number.to_string()));
            assert_eq!(http.get("/rule").unwrap().0, 299);
        }
        self.items.retain(|item| item.stage < GONE);
        let alive: Vec<String> =
            self.items.iter().filter(|i| i.stage > 0).map(|i| self.group_name(i.number)).collect();
        let answer = api.elbv2("DescribeTargetGroups", &[("PageSize", "400")]);
        let prefix = format!("kill-{}-", self.index);
        let mut stored = texts(&answer, "TargetGroupName");
        stored.retain(|name| name.starts_with(&prefix));
        stored.sort();
        let mut alive = alive;
        alive.sort();
        assert_eq!(stored, alive, "groups that nobody knows of, or lost ones");
        unknown
    }

    fn group_name(&self, number: usize) -> String {
        group_name(self.index, number)
    }

    fn group(&self, api: &mut Api, name: &str) -> String {
        let answer = api.try_elbv2("DescribeTargetGroups", &[("Names.member.1", name)]);
        answer.map_or_else(|_| "killed-before".into(), |a| text(&a, "TargetGroupArn").to_owned())
    }

    fn listener(&self, api: &mut Api, number: usize) -> String {
        let answer = api.try_elbv2("DescribeListeners", &[("LoadBalancerArn", &self.lb)]);
        let found = answer.ok().and_then(|answer| listener_of(&answer, number));
        found.map_or_else(|| "killed-before".into(), |listener| listener.0)
    }
}

// === helpers ===

fn modify_listener(
    api: &mut Api,
    listener: &str,
    number: usize,
) -> Result<String, support::ApiError> {
    let body = number.to_string();
    let parameters = [
        ("ListenerArn", listener),
        ("DefaultActions.member.1.Type", "fixed-response"),
        ("DefaultActions.member.1.FixedResponseConfig.StatusCode", "200"),
        ("DefaultActions.member.1.FixedResponseConfig.MessageBody", &body),
    ];
    api.try_elbv2("ModifyListener", &parameters)
}

fn group_name(worker: usize, number: usize) -> String {
    format!("kill-{worker}-{number}")
}

fn port(number: usize) -> u16 {
    2_000 + (number % 100) as u16
}

/// ARN and type of default action of the listener of an item.
fn listener_of(answer: &str, number: usize) -> Option<(String, String)> {
    let port = format!("<Port>{}</Port>", port(number));
    let members = answer.split("<LoadBalancerArn>").skip(1);
    // A member's own elements may stand on either side of its load balancer's ARN.
    let arns = texts(answer, "ListenerArn");
    let mut found = members.zip(arns).filter(|(member, _)| member.contains(&port));
    let (member, arn) = found.next()?;
    Some((arn, text(member, "Type").to_owned()))
}

/// The stage that the stored records amount to.
fn observed(api: &mut Api, lb: &str, group: &str, number: usize) -> u8 {
    let groups = api.try_elbv2("DescribeTargetGroups", &[("Names.member.1", group)]);
    let listeners = api.elbv2("DescribeListeners", &[("LoadBalancerArn", lb)]);
    let listener = listener_of(&listeners, number);
    let Ok(groups) = groups else {
        assert!(listener.is_none(), "{group}: a listener without its group");
        // Nothing before the first call and nothing after the last look the same.
        return if listeners.is_empty() { 0 } else { absent(api, group) };
    };
    let arn = text(&groups, "TargetGroupArn");
    let health = api.elbv2("DescribeTargetHealth", &[("TargetGroupArn", arn)]);
    let targets = texts(&health, "State").len();
    let Some((listener, action)) = listener else {
        return match targets {
            0 => 1,
            TARGETS => 2,
            other => panic!("{group}: {other} of {TARGETS} targets"),
        };
    };
    assert_eq!(targets, TARGETS, "{group}");
    let rules = api.elbv2("DescribeRules", &[("ListenerArn", &listener)]);
    let defaults = texts(&rules, "IsDefault");
    assert_eq!(defaults.iter().filter(|is| *is == "true").count(), 1, "{group}: default rule");
    match (defaults.len(), action.as_str()) {
        (1, "forward") => 3,
        (2, "forward") => 4,
        (2, "fixed-response") => 5,
        other => panic!("{group}: {other:?}"),
    }
}
