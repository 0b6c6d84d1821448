//! What EC2 commands do when they are accepted.
//!
//! Invariant: see `world`.

use super::refusals_ec2::{anybody, group, permission};
use super::world::*;
use crate::catalog::command::*;
use crate::catalog::{Command, Holder, ResourceKey};
use crate::resource::*;

#[test]
fn a_region_is_initialised_once() {
    let mut w = World::new();
    let vpc = w.catalog.default_vpc(&region()).unwrap();
    assert_eq!(vpc.cidr.to_string(), "127.0.0.0/8");
    let gateway = w.catalog.internet_gateway_of(&vpc.id).unwrap();
    assert!(gateway.id.as_str().starts_with("igw-"));
    let table = w.catalog.route_tables_of(&vpc.id).next().unwrap();
    assert!(table.main.is_some() && table.routes.len() == 1);
    assert_eq!(w.subnets().len(), 3);
    let again = w.run(&region_init(REGION, 70));
    assert!(again.changes.is_empty());
    w.run(&region_init("eu-west-1", 65));
    assert_eq!(w.catalog.vpcs_in(&Region::new("eu-west-1")).count(), 1);
}

#[test]
fn the_default_group_lets_everybody_in_visibly_and_removably() {
    let mut w = World::new();
    let id = w.default_group();
    let record = w.catalog.security_group(id.as_str()).unwrap();
    let peers: Vec<_> = record.ingress.iter().map(|rule| rule.peer.clone()).collect();
    let own = TrafficPeer::Group(record.id.clone());
    assert_eq!(peers, [own, TrafficPeer::Cidr("0.0.0.0/0".parse().unwrap())]);
    assert!(record.ingress[1].description.is_some());
    let rule_ids = vec![record.ingress[1].id.clone()];
    let group = SecurityGroupName { region: region(), id: Some(id.clone()), name: None };
    let revoke = PermissionsInput {
        group,
        permissions: Vec::new(),
        rule_ids: rule_ids.clone(),
        tags: Vec::new(),
    };
    let decision = w.run(&Command::IngressRevoke(revoke));
    assert_eq!(decision.rule_ids, rule_ids);
    assert_eq!(w.catalog.security_group(id.as_str()).unwrap().ingress.len(), 1);
}

#[test]
fn permissions_are_added_and_removed_per_peer() {
    let mut w = World::new();
    let id = group(&mut w, "web");
    let peers = vec![anybody(), PeerName::GroupName("default".to_owned())];
    let added = w.run(&Command::IngressAuthorize(permission(&id, 80, peers)));
    assert_eq!((added.rule_ids.len(), added.subjects[0].id()), (2, id.as_str()));
    let removed = w.run(&Command::IngressRevoke(permission(&id, 80, vec![anybody()])));
    assert_eq!(removed.rule_ids, added.rule_ids[..1]);
    let record = w.catalog.security_group(id.as_str()).unwrap();
    assert_eq!((record.ingress.len(), record.egress.len()), (1, 1));
    let out = permission(&id, 443, vec![PeerName::Cidr("10.1.2.3/8".to_owned())]);
    w.run(&Command::EgressAuthorize(out));
    let record = w.catalog.security_group(id.as_str()).unwrap();
    assert_eq!(record.egress[1].peer, TrafficPeer::Cidr("10.0.0.0/8".parse().unwrap()));
    let all = PermissionInput {
        protocol: Some("-1".to_owned()),
        peers: vec![PeerInput { peer: anybody(), description: None }],
        ..PermissionInput::default()
    };
    let all = PermissionsInput { permissions: vec![all], ..permission(&id, 0, vec![]) };
    w.run(&Command::EgressRevoke(all));
    assert_eq!(w.catalog.security_group(id.as_str()).unwrap().egress.len(), 1);
}

#[test]
fn instances_get_addresses_and_show_interfaces() {
    let mut w = World::new();
    w.lb("lb");
    let input = InstancesRun {
        max_count: 3,
        tags: pairs(&[("weir:address", "192.168.7.9"), ("Name", "n")]),
        ..w.run_input()
    };
    let decision = w.run(&Command::InstancesRun(input));
    assert_eq!(decision.subjects.len(), 3);
    let addresses: Vec<String> = decision
        .subjects
        .iter()
        .map(|key| w.catalog.instance(key.id()).unwrap())
        .inspect(|i| assert_eq!(i.address.to_string(), "192.168.7.9"))
        .map(|instance| instance.private_address.to_string())
        .collect();
    assert_eq!(addresses, ["127.64.0.5", "127.64.0.6", "127.64.0.7"]);
    let interfaces: Vec<_> = w.catalog.interfaces_in(&region()).collect();
    assert_eq!(interfaces.len(), 5);
    let elb = interfaces.iter().filter(|i| matches!(i.holder, Holder::LoadBalancer(_)));
    assert!(elb.clone().all(|i| i.description().starts_with("ELB app/lb/")));
    assert_eq!(elb.count(), 2);
}

#[test]
fn a_client_token_makes_launching_idempotent() {
    let mut w = World::new();
    let input = InstancesRun {
        client_token: Some("t".to_owned()),
        min_count: 2,
        max_count: 2,
        ..w.run_input()
    };
    let mut first = w.run(&Command::InstancesRun(input.clone())).subjects;
    let again = w.run(&Command::InstancesRun(input));
    first.sort();
    assert!(again.changes.is_empty());
    assert_eq!(again.subjects, first);
}

#[test]
fn a_named_private_address_is_taken_and_skipped_by_others() {
    let mut w = World::new();
    let named = InstancesRun { private_address: Some("127.64.0.5".to_owned()), ..w.run_input() };
    w.run(&Command::InstancesRun(named));
    let both = InstancesRun { max_count: 2, ..w.run_input() };
    let decision = w.run(&Command::InstancesRun(both));
    let addresses: Vec<String> = decision
        .subjects
        .iter()
        .map(|key| w.catalog.instance(key.id()).unwrap().private_address.to_string())
        .collect();
    assert_eq!(addresses, ["127.64.0.4", "127.64.0.6"]);
}

#[test]
fn a_terminated_instance_leaves_its_groups_and_later_the_catalog() {
    let mut w = World::new();
    let (lb, tg, other) = (w.lb("lb"), w.instance_group("used"), w.instance_group("unused"));
    let (id, web) = (w.instance(), group(&mut w, "web"));
    w.listen(&lb, 80, &tg);
    for group in [&tg, &other] {
        w.run(&Command::TargetsRegister(targets(group, &[&id])));
    }
    let ids = || InstancesInput { region: region(), ids: vec![id.clone()] };
    let stop = w.run(&Command::InstancesStop(ids()));
    assert_eq!(stop.transitions[0].previous, InstanceState::Running);
    assert_eq!(stop.transitions[0].current, InstanceState::Stopped);
    let start = w.run(&Command::InstancesStart(ids()));
    assert_eq!(start.subjects, [ResourceKey::Instance(InstanceId::new(id.as_str()))]);
    let record = w.catalog.instance(&id).unwrap();
    let (vpc, address) = (record.vpc.clone(), record.private_address);
    assert!(w.catalog.holder_of(&vpc, address).is_some());
    let end = w.run(&Command::InstancesTerminate(ids()));
    assert_eq!(end.subjects.len(), 1);
    assert!(w.targets(&tg)[0].is_draining());
    assert!(w.targets(&other).is_empty());
    assert!(w.catalog.holder_of(&vpc, address).is_none());
    assert!(w.run(&Command::InstancesTerminate(ids())).changes.is_empty());
    w.run(&Command::SecurityGroupDelete(SecurityGroupName {
        region: region(),
        id: Some(web),
        name: None,
    }));
    w.later(3_600_000);
    w.run(&Command::TargetsReap);
    assert!(w.catalog.instance(&id).is_none() && w.targets(&tg).is_empty());
}

#[test]
fn ec2_tags_are_written_and_removed_by_value() {
    let mut w = World::new();
    let (id, subnet, vpc) = (w.instance(), w.subnets()[0].clone(), w.vpc());
    let ids = vec![id.clone(), subnet.clone(), vpc];
    let tags = pairs(&[("a", "1"), ("b", "2")]);
    w.run(&Command::Ec2TagsCreate(Ec2TagsCreate { region: region(), ids: ids.clone(), tags }));
    let free = w.catalog.free_addresses(&SubnetId::new(subnet.as_str()));
    let delete = |tags: &[(&str, Option<&str>)]| {
        let tags = tags.iter().map(|(k, v)| (k.to_string(), v.map(str::to_owned))).collect();
        Command::Ec2TagsDelete(Ec2TagsDelete { region: region(), ids: ids.clone(), tags })
    };
    w.run(&delete(&[("a", Some("9")), ("b", None)]));
    let left = &w.catalog.instance(&id).unwrap().tags;
    assert_eq!(*left, Tags::from([("a".to_owned(), "1".to_owned())]));
    w.run(&delete(&[]));
    assert!(w.catalog.instance(&id).unwrap().tags.is_empty());
    // Tagging a subnet does not forget which of its addresses are in use.
    assert_eq!(w.catalog.free_addresses(&SubnetId::new(subnet.as_str())), free);
}
