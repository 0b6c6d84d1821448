//! Cases of refusals of the EC2 subset.
//!
//! Invariant: see `refusals`.

use super::world::*;
use crate::catalog::Command;
use crate::catalog::command::*;
use crate::resource::*;

/// Creates a security group and gives its id.
pub(super) fn group(w: &mut World, name: &str) -> String {
    w.subject(&Command::SecurityGroupCreate(group_input(name)))
}

fn group_input(name: &str) -> SecurityGroupCreate {
    SecurityGroupCreate {
        region: region(),
        name: name.to_owned(),
        description: "for tests".to_owned(),
        vpc: None,
        tags: Vec::new(),
    }
}

fn by_id(id: &str) -> SecurityGroupName {
    SecurityGroupName { region: region(), id: Some(id.to_owned()), name: None }
}

pub(super) fn permission(id: &str, port: i32, peers: Vec<PeerName>) -> PermissionsInput {
    let peers = peers.into_iter().map(|peer| PeerInput { peer, description: None }).collect();
    let protocol = Some("tcp".to_owned());
    let (from_port, to_port) = (Some(port), Some(port));
    PermissionsInput {
        group: by_id(id),
        permissions: vec![PermissionInput { protocol, from_port, to_port, peers }],
        rule_ids: Vec::new(),
        tags: Vec::new(),
    }
}

pub(super) fn anybody() -> PeerName {
    PeerName::Cidr("0.0.0.0/0".to_owned())
}

pub(super) fn groups(w: &mut World) {
    let create = Command::SecurityGroupCreate;
    let id = group(w, "web");
    let vpc = w.vpc();
    let text = format!("The security group 'web' already exists for VPC '{vpc}'");
    w.refuse("Ec2GroupDuplicate", &create(group_input("web")), &text);
    let text = "The security group name 'default' is reserved";
    w.refuse("Ec2GroupReserved", &create(group_input("default")), text);
    let text = "Value for parameter groupName cannot start with 'sg-'.";
    w.refuse("Ec2Parameter", &create(group_input("sg-x")), text);
    let text = "The request must contain the parameter groupName";
    w.refuse("Ec2Missing", &create(group_input("")), text);
    let input = SecurityGroupCreate { vpc: Some("vpc-1".to_owned()), ..group_input("x") };
    w.refuse("VpcIdNotFound", &create(input), "The vpc ID 'vpc-1' does not exist");
    let input = SecurityGroupCreate { region: Region::new("moon-1"), ..group_input("x") };
    w.refuse("DefaultVpcMissing", &create(input), "No default VPC for this user");
    let delete = |id: &str| Command::SecurityGroupDelete(by_id(id));
    let text = "The security group 'sg-1' does not exist";
    w.refuse("Ec2GroupNotFound", &delete("sg-1"), text);
    let text = "Invalid id: \"web\" (expecting \"sg-...\")";
    w.refuse("Ec2GroupIdMalformed", &delete("web"), text);
    let default = w.default_group();
    let text =
        format!("the specified group: \"{default}\" name: \"default\" cannot be deleted by a user");
    w.refuse("Ec2GroupDefault", &delete(&default), &text);
    let other = group(w, "other");
    let allow = permission(&other, 80, vec![PeerName::GroupId(id.clone())]);
    w.run(&Command::IngressAuthorize(allow));
    let text = format!("resource {id} has a dependent object");
    w.refuse("Ec2Dependency", &delete(&id), &text);
    w.run(&delete(&other));
    w.run(&delete(&id));
    w.catalog.settings.quotas.security_groups = 1;
    let text = "The maximum number of security groups has been reached.";
    w.refuse("Ec2GroupLimit", &create(group_input("more")), text);
    regions(w);
}

fn regions(w: &mut World) {
    let text = "The CIDR '127.64.0.0/20' conflicts with another subnet";
    w.refuse("SubnetConflict", &region_init("eu-west-1", 64), text);
    let odd = RegionInit {
        region: Region::new("eu-west-1"),
        vpc_cidr: "10.0.0.0/8".parse().unwrap(),
        zones: zones(65),
    };
    let text = "The CIDR '127.65.0.0/20' is invalid.";
    w.refuse("SubnetRange", &Command::RegionInit(odd), text);
}

pub(super) fn permissions(w: &mut World) {
    let id = group(w, "web");
    let allow = Command::IngressAuthorize;
    let web = permission(&id, 80, vec![anybody()]);
    w.run(&allow(web.clone()));
    let text = "the specified rule \"peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW\" \
                already exists";
    w.refuse("Ec2RuleDuplicate", &allow(web), text);
    let other = Command::IngressRevoke(permission(&id, 81, vec![anybody()]));
    let text = "The specified rule does not exist in this security group.";
    w.refuse("Ec2RuleNotFound", &other, text);
    let mut by_rule = permission(&id, 81, vec![]);
    by_rule.permissions.clear();
    by_rule.rule_ids = strings(&["sgr-1"]);
    let text = "The security group rule ID 'sgr-1' does not exist";
    w.refuse("Ec2RuleIdNotFound", &Command::IngressRevoke(by_rule), text);
    let text = "A permission must name an address block or a group";
    w.refuse("Ec2RuleMalformed", &allow(permission(&id, 81, vec![])), text);
    let bad = permission(&id, 81, vec![PeerName::Cidr("x".to_owned())]);
    w.refuse("Ec2Parameter", &allow(bad), "CIDR block x is malformed");
    let bad = permission(&id, 65_536, vec![anybody()]);
    let text = "Invalid TCP port range (65536, 65536)";
    w.refuse("Ec2Parameter", &allow(bad), text);
    w.catalog.settings.quotas.rules_per_security_group = 1;
    let text = "The maximum number of rules per security group has been reached.";
    w.refuse("Ec2RuleLimit", &allow(permission(&id, 81, vec![anybody()])), text);
}

pub(super) fn instances(w: &mut World) {
    let (subnets, first) = (w.subnets(), w.instance());
    let base = w.run_input();
    let run = Command::InstancesRun;
    let input = InstancesRun { subnet: Some("subnet-1".to_owned()), ..base.clone() };
    w.refuse("SubnetIdNotFound", &run(input), "The subnet ID 'subnet-1' does not exist");
    let input = InstancesRun { zone: Some("us-east-1z".to_owned()), ..base.clone() };
    let text = "Invalid availability zone: [us-east-1z] in region [us-east-1]";
    w.refuse("Ec2ZoneInvalid", &run(input), text);
    let (subnet, zone) = (Some(subnets[0].clone()), Some("us-east-1b".to_owned()));
    let input = InstancesRun { subnet, zone, ..base.clone() };
    let text = format!("The subnet '{}' is not in the availability zone 'us-east-1b'", subnets[0]);
    w.refuse("Ec2Combination", &run(input), &text);
    let address = w.catalog.instance(&first).unwrap().private_address.to_string();
    let input = InstancesRun { private_address: Some(address.clone()), ..base.clone() };
    w.refuse("Ec2AddressInUse", &run(input), &format!("Address {address} is in use."));
    let input = InstancesRun { image: None, ..base.clone() };
    w.refuse("Ec2Missing", &run(input), "The request must contain the parameter ImageId");
    let input = InstancesRun { tags: pairs(&[("weir:address", "224.0.0.1")]), ..base.clone() };
    let text = "The tag 'weir:address' must be an IPv4 address of a host: '224.0.0.1'";
    w.refuse("Ec2Parameter", &run(input), text);
    let token = InstancesRun { client_token: Some("t".to_owned()), ..base.clone() };
    w.run(&run(token.clone()));
    let input = InstancesRun { image: Some("ami-2".to_owned()), ..token };
    let text = "Arguments on this idempotent request are inconsistent with arguments used in \
                previous request(s)";
    w.refuse("Ec2TokenMismatch", &run(input), text);
    let input = InstancesRun { min_count: 5_000, max_count: 5_000, ..base.clone() };
    let text = "You have requested more instances than your current instance limit of 5000 allows.";
    w.refuse("Ec2InstanceLimit", &run(input.clone()), text);
    w.catalog.settings.quotas.instances = 6_000;
    let text = format!(
        "There are not enough free addresses in subnet '{}' to satisfy the requested number of \
         instances.",
        subnets[0]
    );
    w.refuse("Ec2SubnetFull", &run(input), &text);
    instance_states(w, &first);
    instance_tags(w, &first);
}

fn instance_states(w: &mut World, id: &str) {
    let ids = |ids: &[&str]| InstancesInput { region: region(), ids: strings(ids) };
    let text = "Invalid id: \"x\"";
    w.refuse("Ec2InstanceMalformed", &Command::InstancesStop(ids(&["x"])), text);
    let text = "The instance ID 'i-12345678, i-87654321' does not exist";
    let missing = ids(&["i-12345678", id, "i-87654321"]);
    w.refuse("Ec2InstanceNotFound", &Command::InstancesStart(missing), text);
    w.run(&Command::InstancesTerminate(ids(&[id])));
    let text = format!("The instance '{id}' is not in a state from which it can be started.");
    w.refuse("Ec2InstanceState", &Command::InstancesStart(ids(&[id])), &text);
}

fn instance_tags(w: &mut World, id: &str) {
    let tag = |id: &str, tags: Pairs| {
        Command::Ec2TagsCreate(Ec2TagsCreate { region: region(), ids: strings(&[id]), tags })
    };
    let many: Pairs = (0..51).map(|i| (format!("k{i}"), String::new())).collect();
    let text = "The maximum number of tags for a resource is 50";
    w.refuse("Ec2TagLimit", &tag(id, many), text);
    w.refuse("Ec2IdInvalid", &tag("x", pairs(&[("k", "v")])), "The ID 'x' is not valid");
    let text = "The tag 'weir:address' can be set only when an instance is launched";
    w.refuse("Ec2Parameter", &tag(id, pairs(&[("weir:address", "10.0.0.1")])), text);
}
