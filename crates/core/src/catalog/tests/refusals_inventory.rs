//! Cases of refusals about prefix lists, elastic addresses, interfaces, rules and settings of
//! instances.
//!
//! Invariant: see `refusals`.

use super::refusals_ec2::{anybody, group, permission};
use super::world::*;
use crate::catalog::command::*;
use crate::catalog::{Command, Resource};
use crate::resource::*;

/// The cases of this file.
pub(super) const AREAS: &[fn(&mut World)] =
    &[prefix_lists, rules, elastic, interfaces, instance_settings];

pub(super) fn id(id: &str) -> IdInput {
    IdInput { region: region(), id: id.to_owned() }
}

pub(super) fn list_input(name: &str, entries: &[&str]) -> PrefixListCreate {
    PrefixListCreate {
        region: region(),
        name: name.to_owned(),
        family: "IPv4".to_owned(),
        max_entries: 2,
        entries: entries.iter().map(|entry| (entry.to_string(), None)).collect(),
        client_token: None,
        tags: Vec::new(),
    }
}

pub(super) fn list(w: &mut World, entries: &[&str]) -> String {
    w.subject(&Command::PrefixListCreate(list_input("office", entries)))
}

pub(super) fn list_modify(id: &str) -> PrefixListModify {
    PrefixListModify {
        region: region(),
        id: id.to_owned(),
        current_version: Some(1),
        name: None,
        max_entries: None,
        add: Vec::new(),
        remove: Vec::new(),
    }
}

fn entry(block: &str) -> Vec<(String, Option<String>)> {
    vec![(block.to_owned(), None)]
}

fn prefix_lists(w: &mut World) {
    let create = Command::PrefixListCreate;
    let modify = Command::PrefixListModify;
    let own = list(w, &["10.0.0.0/8"]);
    let delete = |text: &str| Command::PrefixListDelete(id(text));
    let text = "The prefix list ID 'pl-0' does not exist";
    w.refuse("PrefixListNotFound", &delete("pl-0"), text);
    let text = "Invalid id: \"x\" (expecting \"pl-...\")";
    w.refuse("PrefixListMalformed", &delete("x"), text);
    let stale = PrefixListModify {
        current_version: Some(2),
        add: entry("10.1.0.0/16"),
        ..list_modify(&own)
    };
    let text = "The prefix list has the incorrect version number.";
    w.refuse("PrefixListVersion", &modify(stale), text);
    let add = entry("10.1.0.0/16");
    let bare = PrefixListModify { current_version: None, add, ..list_modify(&own) };
    let text = "The request must contain the parameter CurrentVersion";
    w.refuse("PrefixListVersionMissing", &modify(bare), text);
    let (max_entries, add) = (Some(5), entry("10.1.0.0/16"));
    let both = PrefixListModify { max_entries, add, ..list_modify(&own) };
    let text = "You cannot modify the entries and the maximum entries for the prefix list in the \
                same request.";
    w.refuse("PrefixListSizeAndEntries", &modify(both), text);
    let again = PrefixListModify { add: entry("10.0.0.0/8"), ..list_modify(&own) };
    let text = "The request received was invalid.";
    w.refuse("PrefixListEntryExists", &modify(again), text);
    let (add, remove) = (entry("10.0.0.0/8"), strings(&["10.0.0.0/8"]));
    let both = PrefixListModify { add, remove, ..list_modify(&own) };
    let text = "Request cannot contain Cidr 10.0.0.0/8 in both AddPrefixListEntries and \
                RemovePrefixListEntries";
    w.refuse("Ec2Parameter", &modify(both), text);
    let remove = strings(&["10.9.0.0/16"]);
    let gone = PrefixListModify { remove, ..list_modify(&own) };
    let text = "The entry 10.9.0.0/16 does not exist in the prefix list.";
    w.refuse("Ec2Parameter", &modify(gone), text);
    let add = vec![("10.1.0.0/16".to_owned(), None), ("10.2.0.0/16".to_owned(), None)];
    let full = PrefixListModify { add, ..list_modify(&own) };
    let text = "You have reached the maximum number of entries for the prefix list.";
    w.refuse("PrefixListFull", &modify(full), text);
    let text = "The CIDR ::/0 is not of the address family IPv4 of the prefix list.";
    w.refuse("Ec2Parameter", &create(list_input("x", &["::/0"])), text);
    let big = PrefixListCreate { max_entries: 1_001, ..list_input("x", &[]) };
    w.refuse("Ec2Parameter", &create(big), "Must specify a max size between 1 and 1000");
    let sg = group(w, "uses");
    let peer = vec![PeerName::PrefixList(own.clone())];
    w.run(&Command::IngressAuthorize(permission(&sg, 80, peer.clone())));
    let text =
        format!("The prefix list '{own}' is referenced by a resource and cannot be deleted.");
    w.refuse("PrefixListUsed", &delete(&own), &text);
    // A list counts with all the entries that it may have.
    let grown = PrefixListModify { max_entries: Some(61), ..list_modify(&own) };
    let text = "The maximum number of rules per security group has been reached.";
    w.refuse("Ec2RuleLimit", &modify(grown), text);
    w.run(&Command::IngressRevoke(permission(&sg, 80, peer)));
    w.catalog.settings.quotas.prefix_lists = 1;
    let text = "You have reached the maximum number of prefix lists.";
    w.refuse("PrefixListLimit", &create(list_input("y", &[])), text);
    let list = w.catalog.prefix_list(&own).unwrap();
    assert!(list.entries_of(1).is_some() && list.entries_of(2).is_none());
    let unknown =
        crate::catalog::InventoryRefusal::PrefixListVersionUnknown { version: "2".to_owned() };
    let text = "The version '2' of the prefix list does not exist";
    w.note("PrefixListVersionUnknown", &unknown.into(), text);
    w.run(&delete(&own));
}

fn rules(w: &mut World) {
    let id = group(w, "web");
    let allow = Command::IngressAuthorize;
    let twice = permission(&id, 80, vec![anybody(), anybody()]);
    let text = "The same permission must not appear multiple times";
    w.refuse("PermissionTwice", &allow(twice), text);
    let text = "The prefix list ID 'pl-1' does not exist";
    let missing = permission(&id, 80, vec![PeerName::PrefixList("pl-1".to_owned())]);
    w.refuse("PrefixListNotFound", &allow(missing), text);
    let text = "CIDR block ::/0 is malformed";
    let family = permission(&id, 80, vec![PeerName::Cidr("::/0".to_owned())]);
    w.refuse("Ec2Parameter", &allow(family), text);
    let elsewhere = other_group(w);
    let foreign = permission(&id, 80, vec![PeerName::GroupId(elsewhere)]);
    let text = "You have specified two resources that belong to different networks.";
    w.refuse("GroupElsewhere", &allow(foreign), text);
    let mut by_rule = permission(&id, 81, vec![]);
    by_rule.permissions.clear();
    by_rule.rule_ids = strings(&["x"]);
    let text = "Invalid id: \"x\" (expecting \"sgr-...\")";
    w.refuse("RuleIdMalformed", &Command::IngressRevoke(by_rule), text);
    let rule = w.run(&allow(permission(&id, 80, vec![anybody()]))).rule_ids[0].clone();
    let modify = |id: &str, rule: &str, peers: Vec<PeerInput>| {
        let update = RuleUpdate {
            id: rule.to_owned(),
            protocol: Some("tcp".to_owned()),
            from_port: Some(81),
            to_port: Some(81),
            peers,
        };
        Command::SecurityGroupRulesModify(SecurityGroupRulesModify {
            region: region(),
            group: id.to_owned(),
            updates: vec![update],
        })
    };
    let peer = || PeerInput { peer: anybody(), description: None };
    let text = "Exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId must be \
                specified for a security group rule";
    w.refuse("RulePeers", &modify(&id, &rule, vec![]), text);
    w.refuse("RulePeers", &modify(&id, &rule, vec![peer(), peer()]), text);
    let text = "The security group rule ID 'sgr-1' does not exist";
    w.refuse("Ec2RuleIdNotFound", &modify(&id, "sgr-1", vec![peer()]), text);
    let many: Vec<String> = (0..6).map(|i| group(w, &format!("g{i}"))).collect();
    let input = InstancesRun { security_group_ids: many, ..w.run_input() };
    let text = "The maximum number of security groups per interface has been reached.";
    w.refuse("InterfaceGroupLimit", &Command::InstancesRun(input), text);
}

/// A group of another VPC of the region.
fn other_group(w: &mut World) -> String {
    let vpc = w.catalog.default_vpc(&region()).unwrap().clone();
    let other = VpcId::new("vpc-0other");
    let own = w.default_group();
    let record = w.catalog.security_group(own.as_str()).unwrap().clone();
    let ingress = Vec::new();
    let egress = Vec::new();
    let id = SecurityGroupId::new("sg-0other");
    w.craft([
        Resource::Vpc(Vpc { id: other.clone(), is_default: false, ..vpc }),
        Resource::SecurityGroup(SecurityGroup { id, vpc: other, ingress, egress, ..record }),
    ]);
    "sg-0other".to_owned()
}

pub(super) fn address_input() -> AddressAllocate {
    AddressAllocate {
        region: region(),
        address: None,
        public_pool: None,
        ipam_pool: None,
        customer_pool: None,
        border_group: None,
        tags: Vec::new(),
    }
}

pub(super) fn named(allocation: &str) -> AddressName {
    AddressName { region: region(), allocation: Some(allocation.to_owned()), public_ip: None }
}

pub(super) fn associate(allocation: &str, instance: &str) -> AddressAssociate {
    AddressAssociate {
        address: named(allocation),
        instance: Some(instance.to_owned()),
        interface: None,
        private_address: None,
        reassociate: None,
    }
}

pub(super) fn disassociate(association: &str) -> Command {
    Command::AddressDisassociate(AddressDisassociate {
        region: region(),
        association: Some(association.to_owned()),
        public_ip: None,
    })
}

/// A world with sixteen elastic addresses.
pub(super) fn pooled(w: &mut World) {
    w.catalog.settings.addresses.elastic = vec!["203.0.113.0/28".parse().unwrap()];
}

fn elastic(w: &mut World) {
    pooled(w);
    let allocate = Command::AddressAllocate;
    let own = w.subject(&allocate(address_input()));
    let release = |text: &str| Command::AddressRelease(named(text));
    let text = "The allocation ID 'eipalloc-0' does not exist";
    w.refuse("AllocationNotFound", &release("eipalloc-0"), text);
    let public_ip = Some("203.0.113.99".to_owned());
    let by_ip = AddressName { region: region(), allocation: None, public_ip };
    let text = "Address '203.0.113.99' not found.";
    w.refuse("AddressNotFound", &Command::AddressRelease(by_ip), text);
    let pool = AddressAllocate { public_pool: Some("other".to_owned()), ..address_input() };
    w.refuse("PublicPoolNotFound", &allocate(pool), "The pool ID 'other' does not exist");
    let pool = AddressAllocate { ipam_pool: Some("ipam-pool-0".to_owned()), ..address_input() };
    let text = "The IPAM pool ID 'ipam-pool-0' does not exist";
    w.refuse("IpamPoolNotFound", &allocate(pool), text);
    let address = w.catalog.elastic_address(&own).unwrap().address.to_string();
    let same = AddressAllocate { address: Some(address.clone()), ..address_input() };
    w.refuse("Ec2AddressInUse", &allocate(same), &format!("Address {address} is in use."));
    elastic_associations(w, &own);
    w.catalog.settings.addresses.elastic = vec![format!("{address}/32").parse().unwrap()];
    w.refuse("AddressCapacity", &allocate(address_input()), "Not enough addresses available");
    w.catalog.settings.quotas.elastic_addresses = 1;
    let text = "The maximum number of addresses has been reached.";
    w.refuse("AddressLimit", &allocate(address_input()), text);
}

fn elastic_associations(w: &mut World, own: &str) {
    let (first, second) = (w.instance(), w.instance());
    let join = Command::AddressAssociate;
    w.run(&join(associate(own, &first)));
    let record = w.catalog.elastic_address(own).unwrap().clone();
    let association = record.association.unwrap();
    let kept = AddressAssociate { reassociate: Some(false), ..associate(own, &second) };
    let text = format!("resource {own} is already associated with associate-id {association}");
    w.refuse("AlreadyAssociated", &join(kept), &text);
    let text = format!("Address {} is in use.", record.address);
    w.refuse("Ec2AddressInUse", &Command::AddressRelease(named(own)), &text);
    let text = "The association ID 'eipassoc-0' does not exist";
    w.refuse("AssociationNotFound", &disassociate("eipassoc-0"), text);
    let private_address = Some("127.64.0.77".to_owned());
    let secondary = AddressAssociate { private_address, ..associate(own, &second) };
    let text = "Some of the specified addresses are not assigned to the interface: 127.64.0.77";
    w.refuse("PrivateAddressUnassigned", &join(secondary), text);
    // What load balancing has is not the caller's.
    let arn = w.lb("web");
    let lb = w.catalog.load_balancer_find(&region(), &arn).unwrap().unwrap();
    let managed = lb.zones[0].interface.to_string();
    let interface = Some(managed.clone());
    let theirs = AddressAssociate { instance: None, interface, ..associate(own, "") };
    let text = "You do not have permission to access the specified resource.";
    w.refuse("AddressManaged", &join(theirs), text);
    let vpc = w.catalog.default_vpc(&region()).unwrap().id.clone();
    let gateway = w.catalog.internet_gateways_in(&region()).next().unwrap().clone();
    w.craft([Resource::InternetGateway(InternetGateway { vpc: None, ..gateway.clone() })]);
    let text = format!("Network {vpc} is not attached to any internet gateway");
    w.refuse("GatewayNotAttached", &join(associate(own, &second)), &text);
    w.craft([Resource::InternetGateway(gateway)]);
}

pub(super) fn interface_input(subnet: &str) -> InterfaceCreate {
    InterfaceCreate {
        region: region(),
        subnet: subnet.to_owned(),
        description: None,
        security_groups: Vec::new(),
        private_address: None,
        secondary: Vec::new(),
        secondary_count: 0,
        ipv6: Vec::new(),
        ipv6_count: 0,
        kind: None,
        client_token: None,
        tags: Vec::new(),
    }
}

pub(super) fn attach(id: &str, instance: &str, device_index: i32) -> Command {
    Command::InterfaceAttach(InterfaceAttach {
        region: region(),
        id: id.to_owned(),
        instance: instance.to_owned(),
        device_index,
    })
}

fn interfaces(w: &mut World) {
    let (subnets, instance) = (w.subnets(), w.instance());
    let create = Command::InterfaceCreate;
    let delete = |text: &str| Command::InterfaceDelete(id(text));
    let detach = |text: &str| Command::InterfaceDetach(id(text));
    let own = w.subject(&create(interface_input(&subnets[0])));
    let text = "The networkInterface ID 'eni-0' does not exist";
    w.refuse("InterfaceNotFound", &delete("eni-0"), text);
    let text = "Invalid id: \"x\" (expecting \"eni-...\")";
    w.refuse("InterfaceMalformed", &delete("x"), text);
    let primary = w.catalog.instance(&instance).unwrap().interface.to_string();
    let text = format!("Network interface '{primary}' is currently in use.");
    w.refuse("InterfaceUsed", &delete(&primary), &text);
    let text = format!("Interface: [{primary}] in use.");
    w.refuse("InterfaceAttached", &attach(&primary, &instance, 1), &text);
    let far = w.subject(&create(interface_input(&subnets[1])));
    let text = "You may not attach a network interface to an instance if they are not in the same \
                availability zone";
    w.refuse("InterfaceZone", &attach(&far, &instance, 1), text);
    let text =
        format!("Instance '{instance}' already has an interface attached at device index '0'.");
    w.refuse("InterfaceIndex", &attach(&own, &instance, 0), &text);
    w.run(&attach(&own, &instance, 1));
    let text = format!("Network interface '{own}' is currently in use.");
    w.refuse("InterfaceUsed", &delete(&own), &text);
    let text = "The attachment 'eni-attach-0' does not exist";
    w.refuse("AttachmentNotFound", &detach("eni-attach-0"), text);
    let text = "You are not allowed to manage 'ela-attach' attachments.";
    w.refuse("AttachmentManaged", &detach("ela-attach-0"), text);
    let text = "The network interface at device index 0 and networkCard index 0 cannot be \
                detached.";
    w.refuse("AttachmentPrimary", &detach(&primary.replace("eni-", "eni-attach-")), text);
    let more = InterfaceCreate { secondary_count: 51, ..interface_input(&subnets[0]) };
    let text = "Number of private addresses will exceed limit.";
    w.refuse("PrivateAddressLimit", &create(more), text);
    let ipv6 = InterfaceCreate { ipv6_count: 1, ..interface_input(&subnets[0]) };
    let text = format!("The subnet '{}' has no IPv6 CIDR block", subnets[0]);
    w.refuse("Ipv6Missing", &create(ipv6), &text);
    w.catalog.settings.quotas.network_interfaces = 2;
    let text = "The maximum number of network interfaces has been reached.";
    w.refuse("InterfaceLimit", &create(interface_input(&subnets[0])), text);
}

fn instance_settings(w: &mut World) {
    let id = w.instance();
    let set = |change: InstanceChange| {
        let changes = vec![change];
        Command::InstanceModify(InstanceModify { region: region(), id: id.clone(), changes })
    };
    let ids = || InstancesInput { region: region(), ids: vec![id.clone()] };
    w.run(&set(InstanceChange::TerminationProtected(true)));
    let text = format!(
        "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance \
         attribute and try again."
    );
    w.refuse("TerminationProtected", &Command::InstancesTerminate(ids()), &text);
    w.run(&set(InstanceChange::StopProtected(true)));
    let text = format!(
        "The instance '{id}' may not be stopped. Modify its 'disableApiStop' instance attribute \
         and try again."
    );
    w.refuse("StopProtected", &Command::InstancesStop(ids()), &text);
    let kind = || set(InstanceChange::Type("c7g.large".to_owned()));
    let text = format!("The instance '{id}' is not in the 'stopped' state.");
    w.refuse("NotStopped", &kind(), &text);
    w.run(&set(InstanceChange::StopProtected(false)));
    w.run(&Command::InstancesStop(ids()));
    w.run(&kind());
    let none = InstanceModify { region: region(), id: id.clone(), changes: Vec::new() };
    w.refuse("Ec2Combination", &Command::InstanceModify(none), "No attributes specified.");
    let other = Some("eni-1".to_owned());
    let launch = InstancesRun { other_interface: other, ..w.run_input() };
    let feature = crate::catalog::unserved::Feature::LaunchInterface;
    w.unserved(feature, "UnsupportedOperation", &Command::InstancesRun(launch));
    let tag = |id: &str| {
        let (ids, tags) = (strings(&[id]), pairs(&[("k", "v")]));
        Command::Ec2TagsCreate(Ec2TagsCreate { region: region(), ids, tags })
    };
    w.refuse("ImageNotFound", &tag("ami-1"), "The image id '[ami-1]' does not exist");
    w.refuse("VolumeNotFound", &tag("vol-1"), "The volume 'vol-1' does not exist.");
}
