//! What commands about VPCs, subnets, gateways and route tables do when they are accepted.
//!
//! Invariant: see `world`.

use super::world::*;
use crate::catalog::command::*;
use crate::catalog::{Command, NetworkRefusal, Refusal};
use crate::resource::*;

// --- inputs

pub(super) fn vpc_input(cidr: &str) -> VpcCreate {
    let block = BlockInput { ipv4: Some(cidr.to_owned()), ..BlockInput::default() };
    VpcCreate { region: region(), block, tenancy: None, tags: Vec::new() }
}

pub(super) fn subnet_input(vpc: &str, cidr: &str) -> SubnetCreate {
    SubnetCreate {
        region: region(),
        vpc: vpc.to_owned(),
        zone: ZoneInput::default(),
        cidr: Some(cidr.to_owned()),
        ipv6_cidr: None,
        tags: Vec::new(),
    }
}

pub(super) fn id(text: &str) -> Ec2Id {
    Ec2Id { region: region(), id: text.to_owned() }
}

pub(super) fn place(gateway: &str, vpc: &str) -> InternetGatewayPlace {
    InternetGatewayPlace { region: region(), gateway: gateway.to_owned(), vpc: vpc.to_owned() }
}

pub(super) fn gateway_create() -> Command {
    Command::InternetGatewayCreate(InternetGatewayCreate { region: region(), tags: Vec::new() })
}

pub(super) fn table_create(vpc: &str) -> Command {
    Command::RouteTableCreate(RouteTableCreate {
        region: region(),
        vpc: vpc.to_owned(),
        client_token: None,
        tags: Vec::new(),
    })
}

pub(super) fn associate(table: &str, subnet: &str) -> Command {
    Command::RouteTableAssociate(RouteTableAssociate {
        region: region(),
        table: table.to_owned(),
        subnet: Some(subnet.to_owned()),
        gateway: None,
    })
}

pub(super) fn route(table: &str, destination: &str, target: &TargetIdsInput) -> RouteInput {
    let ipv4 = Some(destination.to_owned());
    RouteInput {
        region: region(),
        table: table.to_owned(),
        destination: DestinationInput { ipv4, ..DestinationInput::default() },
        target: target.clone(),
    }
}

pub(super) fn route_delete(table: &str, destination: &str) -> Command {
    let ipv4 = Some(destination.to_owned());
    Command::RouteDelete(RouteDelete {
        region: region(),
        table: table.to_owned(),
        destination: DestinationInput { ipv4, ..DestinationInput::default() },
    })
}

pub(super) fn other_target(kind: RouteTargetKind, id: &str) -> TargetIdsInput {
    TargetIdsInput { others: vec![(kind, id.to_owned())], ..TargetIdsInput::default() }
}

// === impl World ===

impl World {
    pub fn gateway(&mut self) -> String {
        self.subject(&gateway_create())
    }

    pub fn table(&mut self, vpc: &str) -> String {
        self.subject(&table_create(vpc))
    }

    pub fn main_table(&self, vpc: &str) -> String {
        let vpc = VpcId::new(vpc);
        let mut tables = self.catalog.route_tables_of(&vpc);
        tables.find(|table| table.main.is_some()).unwrap().id.to_string()
    }

    fn vpc_with(&mut self, cidr: &str) -> String {
        self.subject(&Command::VpcCreate(vpc_input(cidr)))
    }

    fn subnet_in(&mut self, vpc: &str, cidr: &str) -> String {
        self.subject(&Command::SubnetCreate(subnet_input(vpc, cidr)))
    }
}

// --- VPCs

#[test]
fn a_vpc_is_born_and_dies_with_its_company() {
    let mut w = World::new();
    let before: Vec<_> = w.catalog.resources().collect();
    let vpc = w.vpc_with("10.7.9.1/16");
    let record = w.catalog.vpc(vpc.as_str()).unwrap();
    assert_eq!(record.cidr.to_string(), "10.7.0.0/16", "canonical, as AWS keeps it");
    assert!(record.attributes.dns_support && !record.attributes.dns_hostnames);
    let vpc_id = record.id.clone();
    let group = w.catalog.security_group_named(&vpc_id, "default").unwrap();
    let peers: Vec<_> = group.ingress.iter().map(|rule| rule.peer.clone()).collect();
    assert_eq!(peers, [TrafficPeer::Group(group.id.clone())], "only members, as in AWS");
    assert_eq!(group.egress.len(), 1);
    assert!(w.catalog.internet_gateway_of(&vpc_id).is_none());
    let table = w.catalog.route_table(w.main_table(&vpc).as_str()).unwrap();
    assert!(table.routes.is_empty() && table.associations.is_empty());
    w.run(&Command::VpcDelete(id(&vpc)));
    assert_eq!(w.catalog.resources().collect::<Vec<_>>(), before);
}

#[test]
fn a_vpc_goes_only_when_it_is_empty() {
    let mut w = World::new();
    let vpc = w.vpc_with("10.0.0.0/16");
    let refused = |w: &mut World| {
        let refusal = w.try_run(&Command::VpcDelete(id(&vpc))).unwrap_err();
        assert!(
            matches!(refusal, Refusal::Network(NetworkRefusal::Dependents { .. })),
            "{refusal}"
        );
        assert_eq!(refusal.code(), "DependencyViolation");
    };
    let subnet = w.subnet_in(&vpc, "10.0.0.0/28");
    refused(&mut w);
    w.run(&Command::SubnetDelete(id(&subnet)));
    let table = w.table(&vpc);
    refused(&mut w);
    w.run(&Command::RouteTableDelete(id(&table)));
    let gateway = w.gateway();
    w.run(&Command::InternetGatewayAttach(place(&gateway, &vpc)));
    refused(&mut w);
    w.run(&Command::InternetGatewayDetach(place(&gateway, &vpc)));
    w.run(&Command::InternetGatewayDelete(id(&gateway)));
    let group = SecurityGroupCreate {
        region: region(),
        name: "web".to_owned(),
        description: "x".to_owned(),
        vpc: Some(vpc.clone()),
        tags: Vec::new(),
    };
    let group = w.subject(&Command::SecurityGroupCreate(group));
    refused(&mut w);
    let name = SecurityGroupName { region: region(), id: Some(group), name: None };
    w.run(&Command::SecurityGroupDelete(name));
    w.run(&Command::VpcDelete(id(&vpc)));
}

#[test]
fn the_default_network_can_be_deleted_and_made_again() {
    let mut w = World::new();
    let vpc = w.vpc();
    for subnet in w.subnets() {
        w.run(&Command::SubnetDelete(id(&subnet)));
    }
    let gateway = w.catalog.internet_gateway_of(&VpcId::new(vpc.as_str())).unwrap().id.to_string();
    w.run(&Command::InternetGatewayDetach(place(&gateway, &vpc)));
    w.run(&Command::InternetGatewayDelete(id(&gateway)));
    w.run(&Command::VpcDelete(id(&vpc)));
    assert_eq!(w.catalog.resources().count(), 0);
    let Command::RegionInit(network) = region_init(REGION, 64) else { unreachable!() };
    let again = w.subject(&Command::DefaultVpcCreate(network.clone()));
    assert_eq!((again, w.subnets().len()), (w.vpc(), 3));
    assert_eq!(w.catalog.security_group(w.default_group().as_str()).unwrap().ingress.len(), 2);
    let middle = w.subnets()[1].clone();
    w.run(&Command::SubnetDelete(id(&middle)));
    let zone = ZoneInput { name: None, id: Some("use1-az2".to_owned()) };
    let subnet = w.subject(&Command::DefaultSubnetCreate(DefaultSubnetCreate { network, zone }));
    let record = w.catalog.subnet(subnet.as_str()).unwrap();
    assert!(record.is_default && record.attributes.map_public_ip);
    assert_eq!(
        (record.cidr.to_string(), record.zone.as_str()),
        ("127.64.16.0/20".to_owned(), "us-east-1b")
    );
}

#[test]
fn networks_of_earlier_versions_are_completed() {
    let mut w = World::new();
    let keep = |resource: &crate::catalog::Resource| {
        use crate::catalog::Resource as R;
        !matches!(resource, R::RouteTable(_) | R::InternetGateway(_))
    };
    let old = w.catalog.resources().filter(keep).collect::<Vec<_>>();
    w.catalog = crate::catalog::Catalog::from_resources(settings(), old).unwrap();
    w.run(&region_init(REGION, 64));
    let vpc = VpcId::new(w.vpc());
    assert!(w.catalog.internet_gateway_of(&vpc).is_some());
    assert_eq!(w.catalog.route_tables_of(&vpc).count(), 1);
    assert!(w.run(&region_init(REGION, 64)).changes.is_empty());
}

#[test]
fn blocks_come_and_go() {
    let mut w = World::new();
    let vpc = w.vpc_with("10.0.0.0/16");
    let associate = |block| {
        let vpc = vpc.clone();
        Command::VpcCidrAssociate(VpcCidrAssociate { region: region(), vpc, block })
    };
    let second = BlockInput { ipv4: Some("100.64.0.0/16".to_owned()), ..BlockInput::default() };
    let second = w.run(&associate(second)).associations.remove(0);
    let six = w.run(&associate(BlockInput { ipv6_provided: true, ..BlockInput::default() }));
    let record = w.catalog.vpc(vpc.as_str()).unwrap().clone();
    assert_eq!(record.ipv6_association.as_ref(), six.associations.first());
    let block = record.ipv6_cidr.unwrap();
    assert!(block.prefix_len() == 56 && block.to_string().starts_with("fd"), "{block}");
    let ipv6 = format!("{}/64", block.network());
    let input =
        SubnetCreate { ipv6_cidr: Some(ipv6.clone()), ..subnet_input(&vpc, "100.64.1.0/24") };
    let subnet = w.subject(&Command::SubnetCreate(input));
    let record = w.catalog.subnet(subnet.as_str()).unwrap().clone();
    assert_eq!(record.ipv6_cidr.unwrap().to_string(), ipv6);
    w.run(&Command::SubnetCidrDisassociate(id(record.ipv6_association.as_ref().unwrap())));
    let again =
        SubnetCidrAssociate { region: region(), subnet: subnet.clone(), ipv6_cidr: Some(ipv6) };
    let again = w.run(&Command::SubnetCidrAssociate(again)).associations.remove(0);
    assert_ne!(record.ipv6_association, Some(again.clone()));
    w.run(&Command::SubnetCidrDisassociate(id(&again)));
    w.run(&Command::VpcCidrDisassociate(id(&six.associations[0])));
    w.run(&Command::SubnetDelete(id(&subnet)));
    w.run(&Command::VpcCidrDisassociate(id(&second)));
    let record = w.catalog.vpc(vpc.as_str()).unwrap();
    assert!(record.more_cidrs.is_empty() && record.ipv6_cidr.is_none());
}

// --- subnets

#[test]
fn subnets_spread_over_the_zones_and_count_their_addresses() {
    let mut w = World::new();
    let vpc = w.vpc_with("10.0.0.0/16");
    let ids: Vec<_> = (0..3).map(|n| w.subnet_in(&vpc, &format!("10.0.{n}.0/28"))).collect();
    let zones: Vec<_> =
        ids.iter().map(|id| w.catalog.subnet(id.as_str()).unwrap().zone.to_string()).collect();
    assert_eq!(zones, ["us-east-1a", "us-east-1b", "us-east-1c"]);
    assert_eq!(w.catalog.free_addresses(&SubnetId::new(ids[0].as_str())), 11);
    let big = w.subnet_in(&vpc, "10.0.128.0/17");
    assert_eq!(w.catalog.free_addresses(&SubnetId::new(big)), 32_763);
}

#[test]
fn two_vpcs_may_have_the_same_addresses() {
    let mut w = World::new();
    let runs = |w: &mut World| {
        let vpc = w.vpc_with("10.0.0.0/16");
        let subnet = w.subnet_in(&vpc, "10.0.0.0/24");
        let address = Some("10.0.0.9".to_owned());
        let base = w.run_input();
        let input = InstancesRun { subnet: Some(subnet), private_address: address, ..base };
        w.subject(&Command::InstancesRun(input))
    };
    let (a, b) = (runs(&mut w), runs(&mut w));
    let address = |id: &str| w.catalog.instance(id).unwrap().private_address;
    assert_eq!(address(&a), address(&b));
}

#[test]
fn subnet_attributes_change_one_at_a_time() {
    let mut w = World::new();
    let vpc = w.vpc_with("10.0.0.0/16");
    let subnet = w.subnet_in(&vpc, "10.0.0.0/24");
    for change in [
        SubnetChange::MapPublicIp(true),
        SubnetChange::Dns64(true),
        SubnetChange::ResourceNames(true),
        SubnetChange::ResourceNameA(true),
    ] {
        let input = SubnetAttributeModify {
            region: region(),
            subnet: subnet.clone(),
            changes: vec![change],
        };
        assert!(!w.run(&Command::SubnetAttributeModify(input.clone())).changes.is_empty());
        assert!(w.run(&Command::SubnetAttributeModify(input)).changes.is_empty(), "a repeat");
    }
    let own = &w.catalog.subnet(subnet.as_str()).unwrap().attributes;
    assert!(own.map_public_ip && own.dns64 && own.resource_names && own.resource_name_a);
    assert!(!own.resource_name_aaaa && !own.assign_ipv6);
}

#[test]
fn a_deleted_subnet_leaves_its_route_table() {
    let mut w = World::new();
    let vpc = w.vpc_with("10.0.0.0/16");
    let (subnet, table) = (w.subnet_in(&vpc, "10.0.0.0/24"), w.table(&vpc));
    w.run(&associate(&table, &subnet));
    w.run(&Command::SubnetDelete(id(&subnet)));
    assert!(w.catalog.route_table(table.as_str()).unwrap().associations.is_empty());
    w.run(&Command::RouteTableDelete(id(&table)));
}

// --- gateways and tables

#[test]
fn a_gateway_lets_load_balancers_face_the_internet() {
    let mut w = World::new();
    let vpc = w.vpc_with("10.0.0.0/16");
    let subnets = vec![w.subnet_in(&vpc, "10.0.0.0/24"), w.subnet_in(&vpc, "10.0.1.0/24")];
    let create = Command::LoadBalancerCreate(LoadBalancerCreate { subnets, ..w.lb_input("lb") });
    assert_eq!(w.try_run(&create).unwrap_err().code(), "InvalidSubnet");
    let gateway = w.gateway();
    w.run(&Command::InternetGatewayAttach(place(&gateway, &vpc)));
    let lb = w.subject(&create);
    let detach = Command::InternetGatewayDetach(place(&gateway, &vpc));
    assert_eq!(w.try_run(&detach).unwrap_err().code(), "DependencyViolation");
    w.run(&Command::LoadBalancerDelete(arn(&lb)));
    w.run(&detach);
}

#[test]
fn the_main_table_can_be_replaced() {
    let mut w = World::new();
    let vpc = w.vpc_with("10.0.0.0/16");
    let (old, new) = (w.main_table(&vpc), w.table(&vpc));
    let association = w.catalog.route_table(old.as_str()).unwrap().main.clone().unwrap();
    let replace = |association: &str, table: &str| {
        let (association, table) = (association.to_owned(), table.to_owned());
        Command::RouteTableReplace(RouteTableReplace { region: region(), association, table })
    };
    let decision = w.run(&replace(&association, &new));
    assert_eq!(w.main_table(&vpc), new);
    assert_ne!(decision.associations, [association]);
    w.run(&Command::RouteTableDelete(id(&old)));
    let subnet = w.subnet_in(&vpc, "10.0.0.0/24");
    let (a, b) = (w.table(&vpc), w.table(&vpc));
    let first = w.run(&associate(&a, &subnet)).associations;
    assert_eq!(w.run(&associate(&a, &subnet)).associations, first, "a repeat");
    let second = w.run(&replace(&first[0], &b)).associations;
    assert_eq!(w.run(&replace(&second[0], &b)).associations, second, "a repeat");
    w.run(&Command::RouteTableDelete(id(&a)));
    w.run(&Command::RouteTableDisassociate(id(&second[0])));
    assert!(!w.catalog.route_table(b.as_str()).unwrap().is_associated());
}

#[test]
fn routes_are_made_replaced_and_removed() {
    let mut w = World::new();
    let vpc = w.vpc_with("10.0.0.0/16");
    let (table, gateway) = (w.table(&vpc), w.gateway());
    w.run(&Command::InternetGatewayAttach(place(&gateway, &vpc)));
    let igw = TargetIdsInput { gateway: Some(gateway), ..TargetIdsInput::default() };
    w.run(&Command::RouteCreate(route(&table, "192.168.7.7/8", &igw)));
    let nat = other_target(RouteTargetKind::NatGateway, "nat-0123456789abcdef0");
    w.run(&Command::RouteReplace(route(&table, "192.0.0.0/8", &nat)));
    let routes = &w.catalog.route_table(table.as_str()).unwrap().routes;
    let id = "nat-0123456789abcdef0".to_owned();
    let target = RouteTarget::Other { kind: RouteTargetKind::NatGateway, id };
    assert_eq!(
        (routes[0].destination.to_string(), &routes[0].target),
        ("192.0.0.0/8".to_owned(), &target)
    );
    w.run(&route_delete(&table, "192.0.0.0/8"));
    // The local route can be sent elsewhere and back.
    w.run(&Command::RouteReplace(route(&table, "10.0.0.0/16", &nat)));
    assert_eq!(w.catalog.route_table(table.as_str()).unwrap().routes.len(), 1);
    let local = TargetIdsInput { local: true, ..TargetIdsInput::default() };
    w.run(&Command::RouteReplace(route(&table, "10.0.0.0/16", &local)));
    assert!(w.catalog.route_table(table.as_str()).unwrap().routes.is_empty());
}

#[test]
fn a_token_makes_one_table() {
    let mut w = World::new();
    let input = RouteTableCreate {
        region: region(),
        vpc: w.vpc(),
        client_token: Some("t".to_owned()),
        tags: Vec::new(),
    };
    let create = Command::RouteTableCreate(input);
    assert_eq!(w.subject(&create), w.subject(&create));
}
