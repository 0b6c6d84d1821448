//! What load-balancing commands do when they are accepted.
//!
//! Invariant: see `world`.

use std::collections::BTreeSet;

use super::world::*;
use crate::catalog::command::*;
use crate::catalog::{Catalog, Command, Resource, ResourceKey};
use crate::resource::*;

fn lb_record<'a>(w: &'a World, arn: &str) -> &'a LoadBalancer {
    w.catalog.load_balancer(&LoadBalancerArn::parse(arn).unwrap()).unwrap()
}

#[test]
fn a_load_balancer_gets_names_addresses_and_the_default_group() {
    let mut w = World::new();
    let arn = w.lb("web");
    let lb = lb_record(&w, &arn);
    assert!(
        arn.starts_with(
            "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/"
        )
    );
    let digits = lb.dns_name.strip_prefix("web-").unwrap();
    let digits = digits.strip_suffix(".us-east-1.elb.amazonaws.com").unwrap();
    assert!((8..=10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
    assert_eq!(lb.hosted_zone, "Z35SXDOTRQ7X7K");
    let zones: Vec<_> = lb.zones.iter().map(|z| (z.zone.as_str(), z.address.to_string())).collect();
    let expected = [("us-east-1a", "127.64.0.4"), ("us-east-1b", "127.64.16.4")];
    assert_eq!(zones, expected.map(|(zone, address)| (zone, address.to_owned())));
    assert_eq!(lb.security_groups[0].as_str(), w.default_group());
    let input = LoadBalancerCreate { scheme: Some(Scheme::Internal), ..w.lb_input("deep") };
    let deep = w.subject(&Command::LoadBalancerCreate(input));
    assert!(lb_record(&w, &deep).dns_name.starts_with("internal-deep-"));
}

#[test]
fn identical_creates_return_what_exists() {
    let mut w = World::new();
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let listener = w.listen(&lb, 80, &group);
    // The order of subnets and an explicit default group make no difference.
    let mut again = w.lb_input("lb");
    again.subnets.reverse();
    again.security_groups = vec![w.default_group()];
    let same_group = w.group_input("group", TargetType::Ip);
    let commands = [
        (Command::LoadBalancerCreate(again), lb.clone()),
        (Command::TargetGroupCreate(same_group), group.clone()),
        (Command::ListenerCreate(listener_input(&lb, 80, vec![forward(&group)])), listener),
    ];
    for (command, arn) in commands {
        let decision = w.run(&command);
        assert!(decision.changes.is_empty(), "{command:?}");
        assert_eq!(decision.subjects[0].id(), arn);
    }
    // Other tags are other settings.
    let tagged = LoadBalancerCreate { tags: pairs(&[("a", "b")]), ..w.lb_input("lb") };
    w.refuse(
        "LoadBalancerNameTaken",
        &Command::LoadBalancerCreate(tagged),
        "A load balancer with the same name 'lb' exists, but with different settings",
    );
}

#[test]
fn deleting_a_load_balancer_takes_listeners_and_rules_and_frees_its_addresses() {
    let mut w = World::new();
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let listener = w.listen(&lb, 80, &group);
    w.run(&Command::RuleCreate(rule_input(&listener, 1, fixed("200"))));
    let subnet = lb_record(&w, &lb).zones[0].subnet.clone();
    let free = w.catalog.free_addresses(&subnet);
    let decision = w.run(&Command::LoadBalancerDelete(arn(&lb)));
    assert_eq!(decision.changes.changes.len(), 4);
    assert_eq!(w.catalog.free_addresses(&subnet), free + 1);
    assert_eq!(w.catalog.all_listeners().count(), 0);
    assert_eq!(w.catalog.interfaces_in(&region()).count(), 0);
    // A second delete succeeds and changes nothing; the group survives and can now be deleted.
    assert!(w.run(&Command::LoadBalancerDelete(arn(&lb))).changes.is_empty());
    w.run(&Command::TargetGroupDelete(arn(&group)));
    assert!(w.run(&Command::TargetGroupDelete(arn(&group))).changes.is_empty());
    // The lowest address is given out again.
    let next = w.lb("next");
    assert_eq!(lb_record(&w, &next).zones[0].address.to_string(), "127.64.0.4");
}

#[test]
fn set_subnets_keeps_the_addresses_of_zones_that_stay() {
    let mut w = World::new();
    let lb = w.lb("lb");
    let before = lb_record(&w, &lb).zones.clone();
    let subnets = w.subnets();
    let set = |subnets: Vec<String>| {
        Command::SubnetsSet(SubnetsSet {
            region: region(),
            arn: lb.clone(),
            subnets,
            subnet_mappings: Vec::new(),
            ip_address_type: None,
            source_nat_prefix: None,
        })
    };
    w.run(&set(vec![subnets[2].clone(), subnets[1].clone()]));
    let after = lb_record(&w, &lb).zones.clone();
    assert_eq!(after[0], before[1]);
    assert_eq!((after[1].zone.as_str(), after.len()), ("us-east-1c", 2));
    assert!(w.catalog.owner_of(before[0].address).is_none());
    assert!(w.catalog.owner_of(after[0].address).is_some());
    let unchanged = w.run(&set(subnets[1..].to_vec()));
    assert!(unchanged.changes.is_empty());
}

#[test]
fn modifying_a_listener_moves_its_port_and_default_actions() {
    let mut w = World::new();
    let (lb, group, other) = (w.lb("lb"), w.group("group"), w.group("other"));
    let listener = w.listen(&lb, 80, &group);
    let modify = ListenerModify {
        port: Some(8_080),
        default_actions: Some(vec![forward(&other)]),
        ..listener_modify(&listener)
    };
    w.run(&Command::ListenerModify(modify.clone()));
    assert!(w.run(&Command::ListenerModify(modify)).changes.is_empty());
    let listener = w.catalog.listener(&ListenerArn::parse(&listener).unwrap()).unwrap();
    assert_eq!(listener.port, 8_080);
    let rule = w.catalog.rule(&listener.default_rule).unwrap();
    assert_eq!(rule.actions[0].groups().next().unwrap().as_str(), other);
    // The old group is free for another load balancer.
    let second = w.lb("second");
    w.listen(&second, 80, &group);
}

#[test]
fn rules_trade_priorities_in_one_step() {
    let mut w = World::new();
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let listener = w.listen(&lb, 80, &group);
    let create = |p| Command::RuleCreate(rule_input(&listener, p, fixed("200")));
    let (one, two, three) = (w.subject(&create(1)), w.subject(&create(2)), w.subject(&create(3)));
    let decision = w.run(&priorities(&[(&one, 2), (&two, 3), (&three, 1)]));
    assert_eq!(decision.subjects.len(), 3);
    let arn = ListenerArn::parse(&listener).unwrap();
    let order: Vec<String> = w.catalog.rules_of(&arn).map(|rule| rule.arn.to_string()).collect();
    assert_eq!(order[..3], [three, one, two]);
    assert_eq!(w.catalog.rules_of(&arn).last().unwrap().priority, Priority::Default);
}

#[test]
fn modify_replaces_only_what_is_given() {
    let mut w = World::new();
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let listener = w.listen(&lb, 80, &group);
    let rule = w.subject(&Command::RuleCreate(rule_input(&listener, 1, forward(&group))));
    let change = RuleModify { actions: Some(vec![fixed("404")]), ..rule_modify(&rule) };
    w.run(&Command::RuleModify(change));
    let record = w.catalog.rule(&RuleArn::parse(&rule).unwrap()).unwrap();
    assert_eq!(record.actions[0].kind.as_str(), "fixed-response");
    let values = vec!["/p1/*".to_owned()];
    assert_eq!(record.conditions, [Condition::PathPattern { values, regexes: Vec::new() }]);
    let health_check = HealthCheckInput { interval_s: Some(10), ..HealthCheckInput::default() };
    let modify = TargetGroupModify { region: region(), arn: group.clone(), health_check };
    w.run(&Command::TargetGroupModify(modify));
    let record = w.catalog.target_group(&TargetGroupArn::parse(&group).unwrap()).unwrap();
    assert_eq!((record.health_check.interval_s, record.health_check.timeout_s), (10, 5));
}

#[test]
fn attributes_are_all_or_nothing_and_keep_only_what_differs() {
    let mut w = World::new();
    let lb = w.lb("lb");
    let modify =
        |pairs: &[(&str, &str)]| Command::LoadBalancerAttributesModify(attributes(&lb, pairs));
    let half = [("idle_timeout.timeout_seconds", "5"), ("client_keep_alive.seconds", "1")];
    assert!(w.try_run(&modify(&half)).is_err());
    assert!(lb_record(&w, &lb).attributes.is_empty());
    w.run(&modify(&[("idle_timeout.timeout_seconds", "5"), ("routing.http2.enabled", "true")]));
    assert_eq!(lb_record(&w, &lb).attributes.len(), 1);
    w.run(&modify(&[("idle_timeout.timeout_seconds", "60")]));
    assert!(lb_record(&w, &lb).attributes.is_empty());
    w.run(&modify(&[("access_logs.s3.enabled", "true"), ("access_logs.s3.bucket", "my-logs")]));
    assert_eq!(lb_record(&w, &lb).attributes.len(), 2);
}

#[test]
fn deregistered_targets_drain_until_their_deadline() {
    let mut w = World::new();
    let (lb, group) = (w.lb("lb"), w.group("group"));
    w.run(&Command::TargetsRegister(targets(&group, &["127.0.0.1", "127.0.0.2"])));
    let leave = Command::TargetsDeregister(targets(&group, &["127.0.0.1", "127.9.9.9"]));
    // Nobody uses the group yet: gone at once.
    w.run(&leave);
    assert_eq!(w.targets(&group).len(), 1);
    w.run(&Command::TargetsRegister(targets(&group, &["127.0.0.1"])));
    w.listen(&lb, 80, &group);
    w.run(&leave);
    let until_ms = START_MS + 300_000;
    assert_eq!(w.targets(&group)[1].state, TargetState::Draining { until_ms });
    assert_eq!(w.catalog.next_deadline_ms(), Some(until_ms));
    // A second deregistration does not move the deadline.
    w.later(1_000);
    w.run(&leave);
    assert_eq!(w.catalog.next_deadline_ms(), Some(until_ms));
    assert!(w.run(&Command::TargetsReap).changes.is_empty());
    w.later(299_000);
    let reaped = w.run(&Command::TargetsReap);
    assert_eq!(reaped.subjects.len(), 1);
    assert_eq!((w.targets(&group).len(), w.catalog.next_deadline_ms()), (1, None));
}

#[test]
fn a_delay_of_zero_removes_at_once() {
    let mut w = World::new();
    let (lb, group) = (w.lb("lb"), w.group("group"));
    w.listen(&lb, 80, &group);
    let zero = attributes(&group, &[("deregistration_delay.timeout_seconds", "0")]);
    w.run(&Command::TargetGroupAttributesModify(zero));
    w.run(&Command::TargetsRegister(targets(&group, &["127.0.0.1"])));
    w.run(&Command::TargetsDeregister(targets(&group, &["127.0.0.1"])));
    assert!(w.targets(&group).is_empty());
}

#[test]
fn a_draining_instance_may_return() {
    let mut w = World::new();
    let (lb, group, id) = (w.lb("lb"), w.instance_group("group"), w.instance());
    w.listen(&lb, 80, &group);
    let target = targets(&group, &[&id]);
    w.run(&Command::TargetsRegister(target.clone()));
    w.run(&Command::TargetsDeregister(target.clone()));
    assert!(w.targets(&group)[0].is_draining());
    w.run(&Command::TargetsRegister(target));
    assert!(!w.targets(&group)[0].is_draining());
    assert_eq!(w.catalog.next_deadline_ms(), None);
}

#[test]
fn targets_are_told_apart_by_port() {
    let mut w = World::new();
    let group = w.group("group");
    let mut both = targets(&group, &["127.0.0.1", "127.0.0.1"]);
    both.targets[1].port = Some(81);
    w.run(&Command::TargetsRegister(both));
    assert_eq!(w.targets(&group).iter().map(|t| t.port).collect::<Vec<_>>(), [80, 81]);
    // Without a port, the group's own is meant.
    w.run(&Command::TargetsDeregister(targets(&group, &["127.0.0.1"])));
    assert_eq!(w.targets(&group).iter().map(|t| t.port).collect::<Vec<_>>(), [81]);
    let again = Command::TargetsRegister(TargetsInput {
        targets: vec![TargetInput {
            id: "127.0.0.1".to_owned(),
            port: Some(81),
            ..TargetInput::default()
        }],
        ..targets(&group, &[])
    });
    assert!(w.run(&again).changes.is_empty());
}

#[test]
fn tags_are_added_replaced_and_removed() {
    let mut w = World::new();
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let listener = w.listen(&lb, 80, &group);
    let arns = vec![lb.clone(), group.clone(), listener.clone()];
    let add = |tags| Command::TagsAdd(TagsAdd { region: region(), arns: arns.clone(), tags });
    w.run(&add(pairs(&[("a", "1"), ("b", "2")])));
    w.run(&add(pairs(&[("a", "3")])));
    let keys = strings(&["b", "missing"]);
    w.run(&Command::TagsRemove(TagsRemove { region: region(), arns: arns.clone(), keys }));
    let all = w.catalog.tags_describe(&region(), &arns).unwrap();
    assert_eq!(all.iter().map(|(arn, _)| arn.to_string()).collect::<Vec<_>>(), arns);
    let expected = Tags::from([("a".to_owned(), "3".to_owned())]);
    assert!(all.iter().all(|(_, tags)| **tags == expected));
}

#[test]
fn a_catalog_survives_the_store() {
    let mut w = World::new();
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let listener = w.listen(&lb, 80, &group);
    w.run(&Command::RuleCreate(rule_input(&listener, 1, fixed("200"))));
    w.run(&Command::TargetsRegister(targets(&group, &["127.0.0.1"])));
    w.run(&Command::TargetsDeregister(targets(&group, &["127.0.0.1"])));
    w.instance();
    let texts: Vec<String> =
        w.catalog.resources().map(|r| serde_json::to_string(&r).unwrap()).collect();
    let records = texts.iter().rev().map(|text| serde_json::from_str::<Resource>(text).unwrap());
    let loaded = Catalog::from_resources(settings(), records).unwrap();
    loaded.check().unwrap();
    assert_eq!(loaded.index, w.catalog.index);
}

#[test]
fn records_that_do_not_fit_together_are_not_loaded() {
    let mut w = World::new();
    let (lb, group) = (w.lb("lb"), w.group("group"));
    w.listen(&lb, 80, &group);
    let all: Vec<Resource> = w.catalog.resources().collect();
    for missing in &all {
        if matches!(missing.key(), ResourceKey::Registrations(_) | ResourceKey::Instance(_)) {
            continue;
        }
        let rest = all.iter().filter(|r| r.key() != missing.key()).cloned();
        let result = Catalog::from_resources(settings(), rest);
        // A subnet without a load balancer in it is needed by nobody, and so are the ways out.
        let spare = match missing {
            Resource::Subnet(subnet) => subnet.zone.as_str() == "us-east-1c",
            Resource::InternetGateway(_) | Resource::RouteTable(_) => true,
            _ => false,
        };
        assert_eq!(result.is_ok(), spare, "without {:?}", missing.key());
    }
    let Resource::LoadBalancer(record) =
        all.iter().find(|r| matches!(r, Resource::LoadBalancer(_))).unwrap()
    else {
        unreachable!()
    };
    let mut twin = record.clone();
    twin.arn = LoadBalancerArn::new(lb.replace("app/lb/", "app/twin/"));
    twin.name = "twin".to_owned();
    let twice = all.iter().cloned().chain([Resource::LoadBalancer(twin)]);
    let error = Catalog::from_resources(settings(), twice).unwrap_err();
    assert_eq!(error.reason, "its address is held twice");
}

#[test]
fn account_limits_follow_the_settings() {
    let mut quotas = settings().quotas;
    quotas.load_balancers = 1_000;
    let limits = quotas.account_limits();
    assert!(limits.contains(&("application-load-balancers", 1_000)));
    assert!(limits.contains(&("rules-per-application-load-balancer", 100)));
    let names: BTreeSet<_> = limits.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), limits.len());
}
