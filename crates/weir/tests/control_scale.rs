//! A small version of `make bench-control`: eight clients build a world at once, and every answer
//! about it is checked. Times are not looked at.
//!
//! Invariant: what was acknowledged is told completely, each object once, page by page, by its
//! name, by its owner, to whoever asks; before and after `kill -9`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::{Api, Http, Options, Weir, group, text, texts};

const CLIENTS: usize = 8;
const BALANCERS: usize = 24;
const GROUPS: usize = 3;
const TARGETS: usize = 10;
const RULES: usize = 10;
const CONFIG: &str = "threads = 2\n";

/// One load balancer as the API named it.
struct Made {
    name: String,
    arn: String,
    listener: String,
    groups: Vec<String>,
}

#[test]
fn what_eight_clients_build_is_told_completely() {
    let binary = Path::new(env!("CARGO_BIN_EXE_weir"));
    let mut weir = Weir::start(binary, &Options { config: CONFIG.to_owned() });
    let (vpc, subnets) = weir.api().network();
    let made = populate(&weir, &vpc, &subnets);
    assert_eq!(made.len(), BALANCERS);
    everything_is_told(&mut weir.api(), &made);
    made.iter().for_each(|one| knock(&mut weir.api(), one));
    changes_are_seen(&mut weir.api(), &made);

    weir.kill();
    weir.start_again();
    everything_is_told(&mut weir.api(), &made);
    made.iter().for_each(|one| knock(&mut weir.api(), one));
    weir.check_log();
    assert!(weir.stop().success());
}

fn populate(weir: &Weir, vpc: &str, subnets: &[String]) -> Vec<Made> {
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut api, mut made) = (weir.api(), Vec::new());
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= BALANCERS {
                return made;
            }
            made.push(build(&mut api, vpc, subnets, index));
        }
    };
    let mut made: Vec<Made> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(work)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    made.sort_by(|a, b| a.name.cmp(&b.name));
    made
}

fn build(api: &mut Api, vpc: &str, subnets: &[String], index: usize) -> Made {
    let name = format!("scale-{index:03}");
    let arn = api.load_balancer(&name, subnets);
    let listener = api.listener(&arn, 80, &name);
    let groups: Vec<String> = (0..GROUPS)
        .map(|number| {
            let answer = api.elbv2("CreateTargetGroup", &group(&group_name(index, number), vpc));
            let arn = text(&answer, "TargetGroupArn").to_owned();
            register(api, &arn, index * GROUPS + number);
            arn
        })
        .collect();
    for priority in 1..=RULES {
        let (path, number) = (format!("/s{priority}/*"), priority.to_string());
        api.elbv2(
            "CreateRule",
            &[
                ("ListenerArn", &listener),
                ("Priority", &number),
                ("Conditions.member.1.Field", "path-pattern"),
                ("Conditions.member.1.Values.member.1", &path),
                ("Actions.member.1.Type", "forward"),
                ("Actions.member.1.TargetGroupArn", &groups[priority % GROUPS]),
            ],
        );
    }
    Made { name, arn, listener, groups }
}

fn group_name(index: usize, number: usize) -> String {
    format!("scale-{index:03}-{number}")
}

fn register(api: &mut Api, group: &str, block: usize) {
    let ids: Vec<(String, String)> = (1..=TARGETS)
        .map(|n| (format!("Targets.member.{n}.Id"), format!("127.130.{block}.{n}")))
        .collect();
    let mut words = vec![("TargetGroupArn", group)];
    words.extend(ids.iter().map(|(name, id)| (name.as_str(), id.as_str())));
    api.elbv2("RegisterTargets", &words);
}

/// The texts of all pages of a list.
fn pages(api: &mut Api, action: &str, size: &str, element: &str) -> Vec<String> {
    let (mut all, mut marker) = (Vec::new(), None);
    loop {
        let mut words = vec![("PageSize", size)];
        words.extend(marker.iter().map(|marker: &String| ("Marker", marker.as_str())));
        let answer = api.elbv2(action, &words);
        all.extend(texts(&answer, element));
        marker = texts(&answer, "NextMarker").into_iter().next();
        if marker.is_none() {
            return all;
        }
    }
}

fn everything_is_told(api: &mut Api, made: &[Made]) {
    let names: Vec<String> = made.iter().map(|one| one.name.clone()).collect();
    assert_eq!(pages(api, "DescribeLoadBalancers", "7", "LoadBalancerName"), names);
    let groups: Vec<String> = (0..BALANCERS)
        .flat_map(|index| (0..GROUPS).map(move |number| group_name(index, number)))
        .collect();
    assert_eq!(pages(api, "DescribeTargetGroups", "11", "TargetGroupName"), groups);
    for one in made {
        let answer = api.elbv2("DescribeLoadBalancers", &[("Names.member.1", &one.name)]);
        assert_eq!(text(&answer, "LoadBalancerArn"), one.arn);
        let answer = api.elbv2("DescribeListeners", &[("LoadBalancerArn", &one.arn)]);
        assert_eq!(text(&answer, "ListenerArn"), one.listener);
        let answer = api.elbv2("DescribeTargetGroups", &[("LoadBalancerArn", &one.arn)]);
        let told: BTreeSet<String> = texts(&answer, "TargetGroupArn").into_iter().collect();
        assert_eq!(told, one.groups.iter().cloned().collect());
        let answer = api.elbv2("DescribeRules", &[("ListenerArn", &one.listener)]);
        let mut priorities: Vec<String> = (1..=RULES).map(|n| n.to_string()).collect();
        priorities.push("default".to_owned());
        assert_eq!(texts(&answer, "Priority"), priorities, "{}", one.name);
        let answer = api.elbv2("DescribeTargetHealth", &[("TargetGroupArn", &one.groups[1])]);
        assert_eq!(texts(&answer, "Id").len(), TARGETS);
    }
}

fn knock(api: &mut Api, one: &Made) {
    let address = api.addresses(&one.arn).remove(0);
    let answer = Http::connect(&address, 80).and_then(|mut http| http.get("/"));
    assert_eq!(answer.unwrap(), (200, one.name.clone()));
}

/// A change of one is seen by the next call, and by it alone.
fn changes_are_seen(api: &mut Api, made: &[Made]) {
    let (one, other) = (&made[3], &made[4]);
    let tags = |api: &mut Api, arn: &str| {
        texts(&api.elbv2("DescribeTags", &[("ResourceArns.member.1", arn)]), "Value")
    };
    let add = [
        ("ResourceArns.member.1", one.arn.as_str()),
        ("Tags.member.1.Key", "colour"),
        ("Tags.member.1.Value", "red"),
    ];
    api.elbv2("AddTags", &add);
    assert_eq!((tags(api, &one.arn), tags(api, &other.arn)), (vec!["red".to_owned()], vec![]));
    let answer = api.elbv2("DescribeRules", &[("ListenerArn", &one.listener)]);
    let rule = texts(&answer, "RuleArn").swap_remove(0);
    api.elbv2("DeleteRule", &[("RuleArn", &rule)]);
    let again = [
        ("ListenerArn", one.listener.as_str()),
        ("Priority", "1"),
        ("Conditions.member.1.Field", "path-pattern"),
        ("Conditions.member.1.Values.member.1", "/s1/*"),
        ("Actions.member.1.Type", "forward"),
        ("Actions.member.1.TargetGroupArn", &one.groups[1]),
    ];
    api.elbv2("CreateRule", &again);
    let words =
        [("TargetGroupArn", one.groups[0].as_str()), ("Targets.member.1.Id", "127.130.250.1")];
    api.elbv2("RegisterTargets", &words);
    let answer = api.elbv2("DescribeTargetHealth", &[("TargetGroupArn", &one.groups[0])]);
    assert_eq!(texts(&answer, "Id").len(), TARGETS + 1);
}
