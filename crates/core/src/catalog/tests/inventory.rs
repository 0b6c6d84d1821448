//! Prefix lists, elastic addresses, interfaces, rules and settings of instances, by commands.
//!
//! Invariant: see `tests`.

use super::refusals_ec2::{anybody, group, permission};
use super::refusals_inventory::*;
use super::world::*;
use crate::catalog::command::*;
use crate::catalog::{Command, Holder, Resource};
use crate::resource::*;
use crate::snapshot::Snapshot;
use crate::snapshot::compile::{NodeFacts, compile};

fn tagged(w: &World, id: &str) -> Vec<String> {
    let tags = match w.catalog.interface(id) {
        Some(interface) => interface.tags.clone(),
        None => {
            let group = w.catalog.group_of_rule(id).unwrap();
            let mut rules = group.ingress.iter().chain(&group.egress);
            rules.find(|rule| rule.id == id).unwrap().tags.clone()
        }
    };
    tags.keys().cloned().collect()
}

#[test]
fn a_prefix_list_keeps_its_versions() {
    let mut w = World::new();
    let own = list(&mut w, &["10.1.2.3/8"]);
    let blocks = |w: &World, version: i64| -> Vec<String> {
        let list = w.catalog.prefix_list(&own).unwrap();
        list.entries_of(version).unwrap().iter().map(|entry| entry.cidr.to_string()).collect()
    };
    assert_eq!(blocks(&w, 1), ["10.0.0.0/8"]);
    let add = vec![("10.2.0.0/16".to_owned(), Some("two".to_owned()))];
    let remove = strings(&["10.0.0.0/8"]);
    w.run(&Command::PrefixListModify(PrefixListModify { add, remove, ..list_modify(&own) }));
    assert_eq!(
        (blocks(&w, 1), blocks(&w, 2)),
        (vec!["10.0.0.0/8".into()], vec!["10.2.0.0/16".into()])
    );
    // A size is no new version, yet the list counts as modified from then on.
    let fresh = list(&mut w, &["10.1.0.0/16"]);
    let modified = |w: &World| {
        let list = w.catalog.prefix_list(&fresh).unwrap();
        (list.modified, list.version)
    };
    assert_eq!(modified(&w), (false, 1));
    let resize =
        PrefixListModify { current_version: None, max_entries: Some(9), ..list_modify(&fresh) };
    w.run(&Command::PrefixListModify(resize));
    assert_eq!(modified(&w), (true, 1));
    // A name is no new version.
    let name = Some("depot".to_owned());
    let rename = PrefixListModify { name, current_version: None, ..list_modify(&own) };
    w.run(&Command::PrefixListModify(rename.clone()));
    assert_eq!(w.catalog.prefix_list(&own).unwrap().version, 2);
    assert!(w.run(&Command::PrefixListModify(rename)).changes.is_empty());
    // The oldest version is forgotten first.
    for version in 2..=i64::try_from(crate::limits::PREFIX_LIST_VERSIONS_MAX + 2).unwrap() {
        let block = format!("172.16.{}.0/24", version % 256);
        let old = blocks(&w, version).remove(0);
        w.run(&Command::PrefixListModify(PrefixListModify {
            current_version: Some(version),
            add: vec![(block, None)],
            remove: vec![old],
            ..list_modify(&own)
        }));
    }
    let list = w.catalog.prefix_list(&own).unwrap();
    assert_eq!(list.history.len(), crate::limits::PREFIX_LIST_VERSIONS_MAX);
    assert!(list.entries_of(1).is_none());
    let token = PrefixListCreate { client_token: Some("t".into()), ..list_input("again", &[]) };
    let first = w.subject(&Command::PrefixListCreate(token.clone()));
    let again = w.run(&Command::PrefixListCreate(token));
    assert_eq!((again.subjects[0].id(), again.changes.is_empty()), (first.as_str(), true));
}

#[test]
fn a_prefix_list_is_enforced_and_followed() {
    let mut w = World::new();
    let own = list(&mut w, &["10.0.0.0/8"]);
    let sg = group(&mut w, "office-only");
    let peer = vec![PeerName::PrefixList(own.clone())];
    w.run(&Command::IngressAuthorize(permission(&sg, 80, peer)));
    let input = LoadBalancerCreate { security_groups: vec![sg], ..w.lb_input("web") };
    let arn = LoadBalancerArn::parse(&w.subject(&Command::LoadBalancerCreate(input))).unwrap();
    let node = NodeFacts { threads: 1, account: AccountId::new("123456789012") };
    let full = compile(&w.catalog, Default::default(), &Snapshot::default(), None, &node);
    let admits = |snapshot: &Snapshot, peer: &str| {
        let ingress = &snapshot.load_balancers[&arn].ingress;
        ingress.admits(peer.parse().unwrap(), 80, &snapshot.members)
    };
    assert!(admits(&full, "10.1.2.3") && !admits(&full, "192.168.0.1"));
    let (add, remove) = (vec![("192.168.0.0/16".to_owned(), None)], strings(&["10.0.0.0/8"]));
    let modify = PrefixListModify { add, remove, ..list_modify(&own) };
    let decision = w.run(&Command::PrefixListModify(modify));
    let touched = decision.changes.changes.iter().map(|change| change.key()).collect();
    let next = compile(&w.catalog, Default::default(), &full, Some(&touched), &node);
    assert!(!admits(&next, "10.1.2.3") && admits(&next, "192.168.0.1"));
}

#[test]
fn rules_are_modified_described_and_tagged() {
    let mut w = World::new();
    let sg = group(&mut w, "web");
    let tags = pairs(&[("team", "a")]);
    let input = PermissionsInput { tags, ..permission(&sg, 80, vec![anybody()]) };
    let rule = w.run(&Command::IngressAuthorize(input)).rule_ids[0].clone();
    assert_eq!(tagged(&w, &rule), ["team"]);
    let block = PeerName::Ipv6Cidr("2001:db8::1/32".to_owned());
    let update = RuleUpdate {
        id: rule.clone(),
        protocol: Some("tcp".to_owned()),
        from_port: Some(443),
        to_port: Some(443),
        peers: vec![PeerInput { peer: block.clone(), description: Some("v6".to_owned()) }],
    };
    w.run(&Command::SecurityGroupRulesModify(SecurityGroupRulesModify {
        region: region(),
        group: sg.clone(),
        updates: vec![update],
    }));
    let known = w.catalog.security_group(sg.as_str()).unwrap().ingress[0].clone();
    assert_eq!((known.id.as_str(), known.from_port), (rule.as_str(), Some(443)));
    assert_eq!(known.peer, TrafficPeer::Cidr("2001:db8::/32".parse().unwrap()));
    assert_eq!(known.tags.len(), 1, "a modified rule keeps its tags");
    let by_permission = RuleDescriptionsUpdate {
        group: SecurityGroupName { region: region(), id: Some(sg.clone()), name: None },
        permissions: permission(&sg, 443, vec![block]).permissions,
        by_id: Vec::new(),
    };
    w.run(&Command::IngressDescriptionsUpdate(by_permission.clone()));
    let told = |w: &World| w.catalog.security_group(sg.as_str()).unwrap().ingress[0].clone();
    assert_eq!(told(&w).description, None);
    let by_id = vec![(rule.clone(), Some("again".to_owned()))];
    let permissions = Vec::new();
    let update = RuleDescriptionsUpdate { permissions, by_id, ..by_permission };
    w.run(&Command::IngressDescriptionsUpdate(update));
    assert_eq!(told(&w).description.as_deref(), Some("again"));
}

#[test]
fn one_call_tags_rules_and_interfaces_of_one_record() {
    let mut w = World::new();
    let sg = group(&mut w, "web");
    let peers = || vec![anybody()];
    let first = w.run(&Command::IngressAuthorize(permission(&sg, 80, peers()))).rule_ids;
    let second = w.run(&Command::IngressAuthorize(permission(&sg, 81, peers()))).rule_ids;
    let arn = w.lb("web");
    let lb = w.catalog.load_balancer_find(&region(), &arn).unwrap().unwrap();
    let zones: Vec<String> = lb.zones.iter().map(|zone| zone.interface.to_string()).collect();
    let instance = w.instance();
    let primary = w.catalog.instance(&instance).unwrap().interface.to_string();
    let made = w.subject(&Command::InterfaceCreate(interface_input(&w.subnets()[0])));
    let ids = [first, second, zones, vec![primary, made]].concat();
    let tags = pairs(&[("k", "v")]);
    w.run(&Command::Ec2TagsCreate(Ec2TagsCreate { region: region(), ids: ids.clone(), tags }));
    assert!(ids.iter().all(|id| tagged(&w, id) == ["k"]), "{ids:?}");
    let tags = vec![("k".to_owned(), None)];
    w.run(&Command::Ec2TagsDelete(Ec2TagsDelete { region: region(), ids: ids.clone(), tags }));
    assert!(ids.iter().all(|id| tagged(&w, id).is_empty()));
}

#[test]
fn an_elastic_address_goes_from_hand_to_hand() {
    let mut w = World::new();
    pooled(&mut w);
    let own = w.subject(&Command::AddressAllocate(address_input()));
    let (first, second) = (w.instance(), w.instance());
    let holder = |w: &World| w.catalog.elastic_address(&own).unwrap().interface.clone();
    let interface = |w: &World, id: &str| w.catalog.instance(id).unwrap().interface.clone();
    w.run(&Command::AddressAssociate(associate(&own, &first)));
    assert_eq!(holder(&w), Some(interface(&w, &first)));
    let again = w.run(&Command::AddressAssociate(associate(&own, &first)));
    assert!(again.changes.is_empty());
    w.run(&Command::AddressAssociate(associate(&own, &second)));
    assert_eq!(holder(&w), Some(interface(&w, &second)));
    // An interface has one at most; the other one becomes free.
    let other = w.subject(&Command::AddressAllocate(address_input()));
    w.run(&Command::AddressAssociate(associate(&other, &second)));
    assert_eq!(holder(&w), None);
    let association = w.catalog.elastic_address(&other).unwrap().association.clone().unwrap();
    w.run(&disassociate(&association));
    w.run(&Command::AddressAssociate(associate(&other, &second)));
    // It outlives what it was associated with.
    let ids = InstancesInput { region: region(), ids: vec![second] };
    w.run(&Command::InstancesTerminate(ids));
    assert_eq!(w.catalog.elastic_address(&other).unwrap().interface, None);
    let address = w.catalog.elastic_address(&own).unwrap().address;
    assert_eq!(w.catalog.elastic_address_at(address).unwrap().id.as_str(), own);
    w.run(&Command::AddressRelease(named(&own)));
    assert!(w.catalog.elastic_address(&own).is_none());
    let wanted = AddressAllocate { address: Some(address.to_string()), ..address_input() };
    let back = w.subject(&Command::AddressAllocate(wanted));
    assert_eq!(w.catalog.elastic_address(&back).unwrap().address, address);
}

#[test]
fn interfaces_are_made_attached_and_left() {
    let mut w = World::new();
    let subnet = w.subnets()[0].clone();
    let instance = w.instance();
    let input = InterfaceCreate {
        private_address: Some("127.64.0.50".to_owned()),
        secondary: strings(&["127.64.0.51"]),
        secondary_count: 1,
        ..interface_input(&subnet)
    };
    let own = w.subject(&Command::InterfaceCreate(input));
    let kept = w.subject(&Command::InterfaceCreate(interface_input(&subnet)));
    let made = w.catalog.network_interface(&own).unwrap();
    assert_eq!((made.address.to_string().as_str(), made.secondary.len()), ("127.64.0.50", 2));
    w.run(&attach(&own, &instance, 1));
    w.run(&attach(&kept, &instance, 2));
    let attachment = w.catalog.network_interface(&own).unwrap().attachment.clone().unwrap();
    w.run(&Command::InterfaceModify(InterfaceModify {
        region: region(),
        id: own.clone(),
        description: Some("goes along".to_owned()),
        security_groups: None,
        source_dest_check: Some(false),
        attachment: Some((attachment.id, Some(true))),
    }));
    let interface = w.catalog.interface(&own).unwrap();
    assert_eq!(
        (interface.description().as_str(), interface.source_dest_check()),
        ("goes along", false)
    );
    let more = PrivateAddresses { region: region(), id: own.clone(), addresses: vec![], count: 2 };
    w.run(&Command::PrivateAddressesAssign(more));
    let secondary = w.catalog.interface(&own).unwrap().secondary.to_vec();
    assert_eq!(secondary.len(), 4);
    let addresses = vec![secondary[0].to_string()];
    let less = PrivateAddresses { region: region(), id: own.clone(), addresses, count: 0 };
    w.run(&Command::PrivateAddressesUnassign(less));
    assert_eq!(w.catalog.interface(&own).unwrap().secondary.len(), 3);
    let ids = InstancesInput { region: region(), ids: vec![instance] };
    w.run(&Command::InstancesTerminate(ids));
    assert!(w.catalog.interface(&own).is_none(), "it goes with its instance");
    let left = w.catalog.interface(&kept).unwrap();
    assert!(matches!(left.holder, Holder::Caller(made) if made.attachment.is_none()));
    w.run(&Command::InterfaceDelete(id(&kept)));
    assert!(w.catalog.interface(&kept).is_none());
}

#[test]
fn the_primary_interface_is_its_instance() {
    let mut w = World::new();
    let sg = group(&mut w, "web");
    let input = InstancesRun {
        secondary_count: 1,
        interface_description: Some("first".to_owned()),
        interface_tags: pairs(&[("k", "v")]),
        ..w.run_input()
    };
    let instance = w.subject(&Command::InstancesRun(input));
    let primary = w.catalog.instance(&instance).unwrap().interface.to_string();
    let modify = InterfaceModify {
        region: region(),
        id: primary.clone(),
        description: None,
        security_groups: Some(vec![sg.clone()]),
        source_dest_check: None,
        attachment: None,
    };
    w.run(&Command::InterfaceModify(modify));
    let record = w.catalog.instance(&instance).unwrap();
    assert_eq!(record.security_groups, [SecurityGroupId::new(sg)]);
    assert_eq!((record.addresses().count(), record.primary.description.as_str()), (2, "first"));
    assert_eq!(tagged(&w, &primary), ["k"]);
}

#[test]
fn records_of_an_older_store_are_read() {
    let w = World::new();
    let group = w.catalog.security_group(w.default_group().as_str()).unwrap().clone();
    let mut json = serde_json::to_value(Resource::SecurityGroup(group.clone())).unwrap();
    let rules = &mut json["SecurityGroup"]["ingress"];
    for rule in rules.as_array_mut().unwrap() {
        rule.as_object_mut().unwrap().remove("tags");
    }
    let read: Resource = serde_json::from_value(json).unwrap();
    assert_eq!(read, Resource::SecurityGroup(group));
}
