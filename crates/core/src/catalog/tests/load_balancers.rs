//! What commands about load balancers do when they are accepted: types, settings, waivers.
//!
//! Invariant: see `world`.

use super::refusals_load_balancers::{ipv6, reserve};
use super::world::*;
use crate::catalog::command::*;
use crate::catalog::{Command, Settings, Waiver};
use crate::resource::*;

fn recording() -> World {
    World::with(Settings { allow_unserved_types: true, ..settings() })
}

fn of_kind(w: &World, name: &str, kind: LoadBalancerKind) -> LoadBalancerCreate {
    let scheme = (kind != LoadBalancerKind::Gateway).then_some(Scheme::InternetFacing);
    LoadBalancerCreate { kind, scheme, ..w.lb_input(name) }
}

fn record(w: &World, arn: &str) -> LoadBalancer {
    w.catalog.load_balancer(&LoadBalancerArn::parse(arn).unwrap()).unwrap().clone()
}

fn made(w: &mut World, input: LoadBalancerCreate) -> LoadBalancer {
    let arn = w.subject(&Command::LoadBalancerCreate(input));
    record(w, &arn)
}

#[test]
fn types_have_their_names_groups_and_standing() {
    let mut w = recording();
    let input = of_kind(&w, "net", LoadBalancerKind::Network);
    let subnets = w.subnets()[..1].to_vec();
    let network = made(&mut w, LoadBalancerCreate { subnets, ..input });
    let id = network.arn.as_str().rsplit('/').next().unwrap();
    assert!(network.arn.as_str().contains(":loadbalancer/net/net/"));
    assert_eq!(network.dns_name, format!("net-{id}.elb.us-east-1.amazonaws.com"));
    assert_eq!(network.hosted_zone, "Z26RNL4JYFTOTI");
    assert!(network.security_groups.is_empty());
    let input = of_kind(&w, "gwy", LoadBalancerKind::Gateway);
    let gateway = made(&mut w, input);
    assert!(gateway.arn.as_str().contains(":loadbalancer/gwy/gwy/"));
    assert!(gateway.dns_name.is_empty() && gateway.security_groups.is_empty());
    for lb in [&network, &gateway] {
        let standing = w.catalog.standing(lb);
        assert!(!standing.is_active);
        assert!(standing.reason.unwrap().contains(lb.kind.as_str()));
    }
    let application = w.lb("app");
    let standing = w.catalog.standing(&record(&w, &application));
    assert!(standing.is_active && standing.reason.is_none());
}

#[test]
fn an_active_load_balancer_tells_what_is_recorded_only() {
    let mut w = recording();
    let (lb, group) = (w.lb("lb"), w.group("group"));
    w.listen(&lb, 80, &group);
    let slow = attributes(&group, &[("slow_start.duration_seconds", "30")]);
    w.run(&Command::TargetGroupAttributesModify(slow));
    let http2 = attributes(&lb, &[("routing.http2.enabled", "false")]);
    w.run(&Command::LoadBalancerAttributesModify(http2));
    let standing = w.catalog.standing(&record(&w, &lb));
    assert!(standing.is_active);
    let reason = standing.reason.unwrap();
    assert_eq!(
        reason,
        "Recorded, but not carried by this version of Weir: attribute routing.http2.enabled, \
         attribute slow_start.duration_seconds of target group group"
    );
}

#[test]
fn creating_again_is_judged_by_meaning() {
    let mut w = recording();
    ipv6(&mut w);
    let subnets = w.subnets();
    let mapping = |i: usize, ipv4: Option<&str>| SubnetMapping {
        subnet: subnets[i].clone(),
        private_ipv4: ipv4.map(str::to_owned),
        ..SubnetMapping::default()
    };
    let base = LoadBalancerCreate {
        scheme: Some(Scheme::Internal),
        subnets: Vec::new(),
        ..of_kind(&w, "net", LoadBalancerKind::Network)
    };
    let chosen = LoadBalancerCreate {
        subnet_mappings: vec![mapping(0, Some("127.64.0.9")), mapping(1, Some("127.64.16.9"))],
        ..base.clone()
    };
    let first = made(&mut w, chosen.clone());
    assert!(first.zones.iter().all(|zone| zone.chosen));
    let mut turned = chosen.clone();
    turned.subnet_mappings.reverse();
    assert_eq!(made(&mut w, turned).arn, first.arn);
    let taken = |w: &mut World, input: LoadBalancerCreate| {
        let refusal = w.try_run(&Command::LoadBalancerCreate(input)).unwrap_err();
        assert_eq!(refusal.code(), "DuplicateLoadBalancerName");
    };
    let other = vec![mapping(0, Some("127.64.0.10")), mapping(1, Some("127.64.16.9"))];
    taken(&mut w, LoadBalancerCreate { subnet_mappings: other, ..base.clone() });
    let unchosen = vec![mapping(0, None), mapping(1, None)];
    taken(&mut w, LoadBalancerCreate { subnet_mappings: unchosen, ..base.clone() });
    let dualstack = LoadBalancerCreate { ip_address_type: IpAddressType::Dualstack, ..chosen };
    taken(&mut w, dualstack);
    // Mappings without addresses mean the same as subnets.
    let plain = LoadBalancerCreate { name: "plain".to_owned(), ..base };
    let mapped = vec![mapping(0, None), mapping(1, None)];
    let one = made(&mut w, LoadBalancerCreate { subnets: subnets[..2].to_vec(), ..plain.clone() });
    let two = made(&mut w, LoadBalancerCreate { subnet_mappings: mapped, ..plain });
    assert_eq!(one.arn, two.arn);
}

#[test]
fn network_load_balancers_keep_or_change_groups_zones_and_families() {
    let mut w = recording();
    ipv6(&mut w);
    let subnets = w.subnets();
    let input = of_kind(&w, "net", LoadBalancerKind::Network);
    let input = LoadBalancerCreate { security_groups: vec![w.default_group()], ..input };
    let lb = made(&mut w, input);
    w.run(&Command::SecurityGroupsSet(SecurityGroupsSet {
        region: region(),
        arn: lb.arn.to_string(),
        security_groups: vec![w.default_group()],
        enforce_private_link: Some("off".to_owned()),
    }));
    assert_eq!(record(&w, lb.arn.as_str()).enforce_private_link, Some(false));
    let set = |subnets: &[String], kind, source_nat: Option<&str>| {
        Command::SubnetsSet(SubnetsSet {
            region: region(),
            arn: lb.arn.to_string(),
            subnets: subnets.to_vec(),
            subnet_mappings: Vec::new(),
            ip_address_type: kind,
            source_nat_prefix: source_nat.map(str::to_owned),
        })
    };
    w.run(&set(&subnets[1..], Some(IpAddressType::Dualstack), Some("on")));
    let changed = record(&w, lb.arn.as_str());
    assert_eq!(changed.zones[0].address, lb.zones[1].address);
    assert!(changed.source_nat && changed.zones.iter().all(|z| z.source_nat_prefix.is_some()));
    assert!(changed.zones.iter().all(|zone| zone.ipv6.is_some()));
    w.run(&set(&subnets[1..], Some(IpAddressType::Ipv4), None));
    let changed = record(&w, lb.arn.as_str());
    assert!(!changed.source_nat && changed.zones.iter().all(|zone| zone.ipv6.is_none()));
}

#[test]
fn waivers_admit_what_is_refused_without_them() {
    let single = |w: &World| {
        let subnets = w.subnets()[..1].to_vec();
        Command::LoadBalancerCreate(LoadBalancerCreate { subnets, ..w.lb_input("lb") })
    };
    let mut w = World::new();
    assert_eq!(w.try_run(&single(&w)).unwrap_err().kind(), "ZonesTooFew");
    w.catalog.settings.waivers.insert(Waiver::SingleZone);
    w.run(&single(&w));
    // A group of another VPC.
    let mut w = World::new();
    let (vpc, _) = super::refusals::second_vpc(&mut w);
    let default = w.catalog.security_group(w.default_group().as_str()).unwrap().clone();
    let id = SecurityGroupId::new("sg-0123456789abcdef9");
    let group = SecurityGroup {
        id: id.clone(),
        vpc: vpc.id,
        ingress: Vec::new(),
        egress: Vec::new(),
        ..default
    };
    w.craft([crate::catalog::Resource::SecurityGroup(group)]);
    let security_groups = vec![id.to_string()];
    let input = LoadBalancerCreate { security_groups, ..w.lb_input("lb") };
    let create = Command::LoadBalancerCreate(input);
    assert_eq!(w.try_run(&create).unwrap_err().kind(), "SecurityGroupsInvalid");
    w.catalog.settings.waivers.insert(Waiver::ForeignSecurityGroup);
    w.run(&create);
}

#[test]
fn capacity_is_there_at_once_and_may_shrink_twice_a_day() {
    let mut w = World::new();
    let lb = w.lb("lb");
    w.run(&reserve(&lb, Some(300), false));
    let first = record(&w, &lb).capacity.unwrap();
    assert_eq!((first.units, first.modified_ms), (Some(300), START_MS));
    w.later(1_000);
    let repeated = w.run(&reserve(&lb, Some(300), false));
    assert!(repeated.changes.is_empty());
    w.run(&reserve(&lb, Some(200), false));
    w.run(&reserve(&lb, Some(400), false));
    w.run(&reserve(&lb, Some(100), false));
    let left = |w: &World| record(w, &lb).capacity.unwrap().decreases_left(w.now.epoch_ms());
    assert_eq!(left(&w), 0);
    w.run(&reserve(&lb, None, true));
    assert_eq!(record(&w, &lb).capacity.unwrap().units, None);
    w.later(24 * 3_600 * 1_000);
    assert_eq!(left(&w), 2);
}

#[test]
fn limits_are_told_in_aws_order_with_the_settings_numbers() {
    let mut w = World::new();
    w.catalog.settings.quotas.network_load_balancers = 7;
    let all = w.catalog.settings().quotas.account_limits();
    assert_eq!(all.len(), 23);
    assert_eq!(all[0], ("target-groups", 3_000));
    assert_eq!(all[4], ("network-load-balancers", 7));
    assert_eq!(all[22].0, "targets-per-availability-zone-per-gateway-load-balancer");
}
