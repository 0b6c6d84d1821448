//! Refusals about VPCs, subnets, gateways and route tables, each with its exact text.
//!
//! Invariant: see `refusals`, which counts them.

use super::vpc::*;
use super::world::*;
use crate::catalog::command::*;
use crate::catalog::unserved::Feature;
use crate::catalog::{Command, Refusal, Resource};
use crate::limits;
use crate::resource::*;

/// What `refusals` counts.
pub(super) const AREAS: &[fn(&mut World)] = &[vpcs, subnets, gateways, route_tables];

fn vpcs(w: &mut World) {
    let text = "The tenancy value host is not supported.";
    let host = VpcCreate { tenancy: Some("host".to_owned()), ..vpc_input("10.0.0.0/16") };
    w.refuse("TenancyUnsupported", &Command::VpcCreate(host), text);
    let bare = VpcCreate { block: BlockInput::default(), ..vpc_input("") };
    let text = "The request must contain the parameter cidrBlock";
    w.refuse("Ec2Missing", &Command::VpcCreate(bare), text);
    let text = "Value (10.0.0.0) for parameter cidrBlock is invalid. This is not a valid CIDR \
                block.";
    w.refuse("Ec2Parameter", &Command::VpcCreate(vpc_input("10.0.0.0")), text);
    for cidr in ["10.0.0.0/8", "10.0.0.0/29", "127.0.0.0/16"] {
        let text = format!("The CIDR '{cidr}' is invalid.");
        w.refuse("VpcRange", &Command::VpcCreate(vpc_input(cidr)), &text);
    }
    let text = "The parameters amazonProvidedIpv6CidrBlock and ipv6CidrBlock cannot be used \
                together";
    let mut both = vpc_input("10.0.0.0/16");
    both.block.ipv6 = Some("2001:db8::/56".to_owned());
    both.block.ipv6_provided = true;
    w.refuse("Ec2Combination", &Command::VpcCreate(both.clone()), text);
    both.block.ipv6_provided = false;
    let vpc = w.subject(&Command::VpcCreate(both.clone()));
    let text = "The CIDR '2001:db8::/56' conflicts with another CIDR block of the network.";
    w.refuse("CidrConflict", &Command::VpcCreate(both.clone()), text);
    both.block.ipv6 = Some("2001:db8::/57".to_owned());
    w.refuse("VpcRange", &Command::VpcCreate(both), "The CIDR '2001:db8::/57' is invalid.");
    let text = "Invalid id: \"net-1\" (expecting \"vpc-...\")";
    w.refuse("VpcIdMalformed", &Command::VpcDelete(id("net-1")), text);
    let text = "The vpc ID 'vpc-1' does not exist";
    w.refuse("VpcIdNotFound", &Command::VpcDelete(id("vpc-1")), text);
    let text = format!("The vpc '{}' has dependencies and cannot be deleted.", w.vpc());
    w.refuse("Dependents", &Command::VpcDelete(id(&w.vpc())), &text);
    let text = "A Default VPC already exists for this account in this region.";
    let Command::RegionInit(init) = region_init(REGION, 64) else { unreachable!() };
    w.refuse("DefaultVpcExists", &Command::DefaultVpcCreate(init), text);
    vpc_attributes(w, &vpc);
    vpc_blocks(w, &vpc);
    w.catalog.settings.quotas.vpcs = 2;
    let text = "The maximum number of VPCs has been reached.";
    w.refuse("VpcLimit", &Command::VpcCreate(vpc_input("10.1.0.0/16")), text);
}

fn vpc_attributes(w: &mut World, vpc: &str) {
    let modify = |support, hostnames| {
        Command::VpcAttributeModify(VpcAttributeModify {
            region: region(),
            vpc: vpc.to_owned(),
            dns_support: support,
            dns_hostnames: hostnames,
            usage_metrics: None,
        })
    };
    let text = "Exactly one VPC attribute can be modified at a time";
    w.refuse("Ec2Combination", &modify(None, None), text);
    w.refuse("Ec2Combination", &modify(Some(true), Some(true)), text);
    w.run(&modify(Some(false), None));
    let text = "enableDnsHostnames requires enableDnsSupport";
    w.refuse("Ec2Combination", &modify(None, Some(true)), text);
}

fn vpc_blocks(w: &mut World, vpc: &str) {
    let associate = |block: BlockInput| {
        Command::VpcCidrAssociate(VpcCidrAssociate { region: region(), vpc: vpc.to_owned(), block })
    };
    let ipv4 =
        |text: &str| associate(BlockInput { ipv4: Some(text.to_owned()), ..BlockInput::default() });
    let text = "The request must contain the parameter cidrBlock";
    w.refuse("Ec2Missing", &associate(BlockInput::default()), text);
    let two = BlockInput { ipv4: Some("10.1.0.0/16".to_owned()), ipv6_provided: true, ipv6: None };
    let text = "Only one block can be associated at a time";
    w.refuse("Ec2Combination", &associate(two), text);
    let text = "The CIDR '10.0.0.0/20' conflicts with another CIDR block of the network.";
    w.refuse("CidrConflict", &ipv4("10.0.0.0/20"), text);
    for n in 1..limits::CIDRS_PER_VPC_MAX {
        w.run(&ipv4(&format!("10.{n}.0.0/16")));
    }
    let text = format!("This network '{vpc}' has met its maximum number of allowed CIDRs: 5");
    w.refuse("CidrLimit", &ipv4("10.9.0.0/16"), &text);
    let ipv6 = associate(BlockInput { ipv6_provided: true, ..BlockInput::default() });
    let text = format!("This network '{vpc}' has met its maximum number of allowed CIDRs: 1");
    w.refuse("CidrLimit", &ipv6, &text);
    let disassociate = |association: &str| Command::VpcCidrDisassociate(id(association));
    let text = "The vpc CIDR block association ID 'vpc-cidr-assoc-1' does not exist";
    w.refuse("VpcCidrAssociationNotFound", &disassociate("vpc-cidr-assoc-1"), text);
    let record = w.catalog.vpc(vpc).unwrap().clone();
    let primary = record.primary_association();
    let text = format!(
        "The vpc CIDR block with association ID {primary} may not be disassociated. It is the \
         primary IPv4 CIDR block of the VPC"
    );
    w.refuse("CidrPrimary", &disassociate(&primary), &text);
    w.run(&Command::SubnetCreate(subnet_input(vpc, "10.1.0.0/24")));
    let text = "The CIDR block '10.1.0.0/16' is in use by a subnet and cannot be disassociated.";
    w.refuse("CidrInUse", &disassociate(&record.more_cidrs[0].id), text);
}

fn subnets(w: &mut World) {
    let vpc = w.subject(&Command::VpcCreate(vpc_input("10.0.0.0/16")));
    let create = |cidr: &str| Command::SubnetCreate(subnet_input(&vpc, cidr));
    let input = subnet_input(&vpc, "10.0.0.0/24");
    let bare = SubnetCreate { cidr: None, ..input.clone() };
    let text = "The request must contain the parameter cidrBlock";
    w.refuse("Ec2Missing", &Command::SubnetCreate(bare), text);
    for cidr in ["10.0.0.0/15", "10.0.0.0/29", "10.1.0.0/24"] {
        w.refuse("SubnetRange", &create(cidr), &format!("The CIDR '{cidr}' is invalid."));
    }
    let mut elsewhere = input.clone();
    elsewhere.zone.name = Some("us-east-1z".to_owned());
    let text = "Value (us-east-1z) for parameter availabilityZone is invalid. Subnets can \
                currently only be created in the following availability zones: us-east-1a, \
                us-east-1b, us-east-1c.";
    w.refuse("Ec2Parameter", &Command::SubnetCreate(elsewhere.clone()), text);
    elsewhere.zone.id = Some("use1-az1".to_owned());
    let text = "Only one of availabilityZone and availabilityZoneId can be specified";
    w.refuse("Ec2Combination", &Command::SubnetCreate(elsewhere), text);
    let subnet = w.subject(&create("10.0.0.0/24"));
    let text = "The CIDR '10.0.0.128/25' conflicts with another subnet";
    w.refuse("SubnetConflict", &create("10.0.0.128/25"), text);
    let six = SubnetCreate { ipv6_cidr: Some("2001:db8::/64".to_owned()), ..input.clone() };
    let six = Command::SubnetCreate(SubnetCreate { cidr: Some("10.0.9.0/24".to_owned()), ..six });
    w.refuse("SubnetRange", &six, "The CIDR '2001:db8::/64' is invalid.");
    let loopback = subnet_input(&w.vpc(), "127.64.0.0/24");
    let text = "The CIDR '127.64.0.0/24' conflicts with another subnet";
    w.refuse("SubnetConflict", &Command::SubnetCreate(loopback), text);
    let text = "Invalid id: \"x\" (expecting \"subnet-...\")";
    w.refuse("SubnetIdMalformed", &Command::SubnetDelete(id("x")), text);
    let text = "The subnet ID 'subnet-1' does not exist";
    w.refuse("SubnetIdNotFound", &Command::SubnetDelete(id("subnet-1")), text);
    subnet_changes(w, &subnet);
    default_subnets(w);
    let busy = w.subnets()[0].clone();
    w.lb("lb");
    let text = format!("The subnet '{busy}' has dependencies and cannot be deleted.");
    w.refuse("Dependents", &Command::SubnetDelete(id(&busy)), &text);
    for n in 1..limits::SUBNETS_PER_VPC_MAX {
        w.run(&create(&format!("10.0.{n}.0/24")));
    }
    let text = "The maximum number of subnets has been reached.";
    w.refuse("SubnetLimit", &create("10.0.250.0/24"), text);
    let native = Refusal::unserved(Feature::Ipv6NativeSubnet, "");
    let text = "Subnets without IPv4 addresses are not available in this version of Weir";
    w.note("Unserved", &native, text);
}

fn subnet_changes(w: &mut World, subnet: &str) {
    let modify = |changes: Vec<SubnetChange>| {
        let subnet = subnet.to_owned();
        Command::SubnetAttributeModify(SubnetAttributeModify { region: region(), subnet, changes })
    };
    let text = "Exactly one subnet attribute can be modified at a time";
    w.refuse("Ec2Combination", &modify(vec![]), text);
    let two = vec![SubnetChange::MapPublicIp(true), SubnetChange::Dns64(true)];
    w.refuse("Ec2Combination", &modify(two), text);
    let text = format!("The subnet '{subnet}' has no IPv6 CIDR block");
    w.refuse("Ec2Parameter", &modify(vec![SubnetChange::AssignIpv6(true)]), &text);
    let text = "The subnet CIDR block with association ID 'subnet-cidr-assoc-1' does not exist";
    let gone = Command::SubnetCidrDisassociate(id("subnet-cidr-assoc-1"));
    w.refuse("SubnetCidrAssociationNotFound", &gone, text);
    let bare = SubnetCidrAssociate { region: region(), subnet: subnet.to_owned(), ipv6_cidr: None };
    let text = "The request must contain the parameter ipv6CidrBlock";
    w.refuse("Ec2Missing", &Command::SubnetCidrAssociate(bare), text);
}

fn default_subnets(w: &mut World) {
    let Command::RegionInit(network) = region_init(REGION, 64) else { unreachable!() };
    let create = |zone: Option<&str>| {
        let zone = ZoneInput { name: zone.map(str::to_owned), id: None };
        Command::DefaultSubnetCreate(DefaultSubnetCreate { network: network.clone(), zone })
    };
    let text = "The request must contain the parameter availabilityZone";
    w.refuse("Ec2Missing", &create(None), text);
    let text = format!("'{}' is already the default subnet in us-east-1b.", w.subnets()[1]);
    w.refuse("DefaultSubnetExists", &create(Some("us-east-1b")), &text);
    let mut none = World::empty(settings());
    let text = "No default VPC exists for this account in this region.";
    none.refuse("DefaultVpcAbsent", &create(Some("us-east-1b")), text);
    w.seen.extend(none.seen);
}

fn gateways(w: &mut World) {
    let vpc = w.subject(&Command::VpcCreate(vpc_input("10.0.0.0/16")));
    let home = w.vpc();
    let text = "Invalid id: \"x\" (expecting \"igw-...\")";
    w.refuse("InternetGatewayIdMalformed", &Command::InternetGatewayDelete(id("x")), text);
    let text = "The internetGateway ID 'igw-1' does not exist";
    w.refuse(
        "InternetGatewayNotFound",
        &Command::InternetGatewayAttach(place("igw-1", &vpc)),
        text,
    );
    let gateway = w.gateway();
    let text = format!("resource {gateway} is not attached to network {vpc}");
    w.refuse("GatewayNotAttached", &Command::InternetGatewayDetach(place(&gateway, &vpc)), &text);
    let text = format!("Network {home} already has an internet gateway attached");
    w.refuse("Ec2Parameter", &Command::InternetGatewayAttach(place(&gateway, &home)), &text);
    w.run(&Command::InternetGatewayAttach(place(&gateway, &vpc)));
    let text = format!("resource {gateway} is already attached to network {vpc}");
    w.refuse("GatewayAttached", &Command::InternetGatewayAttach(place(&gateway, &vpc)), &text);
    let text = format!("The internetGateway '{gateway}' has dependencies and cannot be deleted.");
    w.refuse("Dependents", &Command::InternetGatewayDelete(id(&gateway)), &text);
    w.lb("lb");
    let own = VpcId::new(home.as_str());
    let busy = w.catalog.internet_gateway_of(&own).unwrap().id.to_string();
    let text = format!(
        "Network {home} has some mapped public address(es). Please unmap those public address(es) \
         before detaching the gateway."
    );
    w.refuse("PublicAddressesMapped", &Command::InternetGatewayDetach(place(&busy, &home)), &text);
    w.catalog.settings.quotas.vpcs = 2;
    let text = "The maximum number of internet gateways has been reached.";
    w.refuse("InternetGatewayLimit", &gateway_create(), text);
}

fn route_tables(w: &mut World) {
    let vpc = w.subject(&Command::VpcCreate(vpc_input("10.0.0.0/16")));
    let text = "Invalid id: \"x\" (expecting \"rtb-...\")";
    w.refuse("RouteTableIdMalformed", &Command::RouteTableDelete(id("x")), text);
    let text = "The routeTable ID 'rtb-1' does not exist";
    w.refuse("RouteTableNotFound", &Command::RouteTableDelete(id("rtb-1")), text);
    let main = w.main_table(&vpc);
    let text = format!("The routeTable '{main}' has dependencies and cannot be deleted.");
    w.refuse("Dependents", &Command::RouteTableDelete(id(&main)), &text);
    let table = w.table(&vpc);
    associations(w, &vpc, &table);
    routes(w, &vpc, &table);
    let owner = VpcId::new(vpc.as_str());
    while w.catalog.route_tables_of(&owner).count() < limits::ROUTE_TABLES_PER_VPC_MAX {
        w.table(&vpc);
    }
    let text = "The maximum number of route tables has been reached.";
    w.refuse("RouteTableLimit", &table_create(&vpc), text);
}

fn associations(w: &mut World, vpc: &str, table: &str) {
    let subnet = w.subject(&Command::SubnetCreate(subnet_input(vpc, "10.0.0.0/24")));
    let far = w.subnets()[0].clone();
    let text = format!("route table {table} and subnet {far} belong to different networks");
    w.refuse("Ec2Parameter", &associate(table, &far), &text);
    let none = RouteTableAssociate {
        region: region(),
        table: table.to_owned(),
        subnet: None,
        gateway: None,
    };
    let text = "The request must contain the parameter subnetId";
    w.refuse("Ec2Missing", &Command::RouteTableAssociate(none.clone()), text);
    let (subnet_id, gateway) = (Some(subnet.clone()), Some("igw-1".to_owned()));
    let both = RouteTableAssociate { subnet: subnet_id, gateway, ..none };
    let text = "Only one of subnetId and gatewayId can be specified";
    w.refuse("Ec2Combination", &Command::RouteTableAssociate(both), text);
    w.run(&associate(table, &subnet));
    let other = w.table(vpc);
    let text = format!(
        "the specified association for route table {other} conflicts with an existing association"
    );
    w.refuse("RouteTableAssociationExists", &associate(&other, &subnet), &text);
    let text = "The association ID 'rtbassoc-1' does not exist";
    let gone = Command::RouteTableDisassociate(id("rtbassoc-1"));
    w.refuse("RouteTableAssociationNotFound", &gone, text);
    let main = w.main_table(vpc);
    let association = w.catalog.route_table(main.as_str()).unwrap().main.clone().unwrap();
    let text = format!("cannot disassociate the main route table association {association}");
    w.refuse("Ec2Parameter", &Command::RouteTableDisassociate(id(&association)), &text);
    let away = w.main_table(&w.vpc());
    let text =
        format!("route table {away} and association {association} belong to different networks");
    let replace =
        RouteTableReplace { region: region(), association: association.clone(), table: away };
    w.refuse("Ec2Parameter", &Command::RouteTableReplace(replace), &text);
    let text = format!("The routeTable '{table}' has dependencies and cannot be deleted.");
    w.refuse("Dependents", &Command::RouteTableDelete(id(table)), &text);
}

fn routes(w: &mut World, vpc: &str, table: &str) {
    let gateway = w.gateway();
    let via = |target: &TargetIdsInput, destination: &str| route(table, destination, target);
    let igw = TargetIdsInput { gateway: Some(gateway.clone()), ..TargetIdsInput::default() };
    let text =
        format!("route table {table} and network gateway {gateway} belong to different networks");
    w.refuse("Ec2Parameter", &Command::RouteCreate(via(&igw, "0.0.0.0/0")), &text);
    w.run(&Command::InternetGatewayAttach(place(&gateway, vpc)));
    w.run(&Command::RouteCreate(via(&igw, "0.0.0.0/0")));
    let create = |target: &TargetIdsInput, to: &str| Command::RouteCreate(via(target, to));
    let text = "The route identified by 0.0.0.0/0 already exists.";
    w.refuse("RouteExists", &create(&igw, "0.0.0.0/0"), text);
    let text = "The route identified by 10.0.0.0/16 already exists.";
    w.refuse("RouteExists", &create(&igw, "10.0.0.0/16"), text);
    let text = "The gateway ID 'igw-1' does not exist";
    let gone = TargetIdsInput { gateway: Some("igw-1".to_owned()), ..TargetIdsInput::default() };
    w.refuse("RouteGatewayNotFound", &create(&gone, "9.0.0.0/8"), text);
    let text = "Value (x) for parameter gatewayId is invalid.";
    let odd = TargetIdsInput { gateway: Some("x".to_owned()), ..TargetIdsInput::default() };
    w.refuse("Ec2Parameter", &create(&odd, "9.0.0.0/8"), text);
    let text = "The networkInterface ID 'eni-1' does not exist";
    let eni = other_target(RouteTargetKind::NetworkInterface, "eni-1");
    w.refuse("RouteInterfaceNotFound", &create(&eni, "9.0.0.0/8"), text);
    let text = "Value (x) for parameter natGatewayId is invalid.";
    let nat = other_target(RouteTargetKind::NatGateway, "x");
    w.refuse("Ec2Parameter", &create(&nat, "9.0.0.0/8"), text);
    let text = "The request must contain the parameter gatewayId, natGatewayId, \
                networkInterfaceId, vpcPeeringConnectionId, egressOnlyInternetGatewayId, \
                transitGatewayId or vpcEndpointId";
    w.refuse("Ec2Missing", &create(&TargetIdsInput::default(), "9.0.0.0/8"), text);
    let two = TargetIdsInput { gateway: igw.gateway.clone(), ..nat };
    let text = "Only one target of a route can be specified";
    w.refuse("Ec2Combination", &create(&two, "9.0.0.0/8"), text);
    let text = "Value (x) for parameter destinationCidrBlock is invalid. This is not a valid CIDR \
                block.";
    w.refuse("Ec2Parameter", &create(&igw, "x"), text);
    destinations(w, table, &igw);
    full_table(w, table, &igw);
}

fn destinations(w: &mut World, table: &str, igw: &TargetIdsInput) {
    let with = |destination| RouteInput { destination, ..route(table, "9.0.0.0/8", igw) };
    let none = with(DestinationInput::default());
    let text = "The request must contain the parameter destinationCidrBlock";
    w.refuse("Ec2Missing", &Command::RouteCreate(none), text);
    let two = DestinationInput {
        ipv4: Some("9.0.0.0/8".to_owned()),
        ipv6: Some("::/0".to_owned()),
        prefix_list: None,
    };
    let text = "Only one destination of a route can be specified";
    w.refuse("Ec2Combination", &Command::RouteCreate(with(two)), text);
    let list = DestinationInput { prefix_list: Some("x".to_owned()), ..Default::default() };
    let text = "Value (x) for parameter destinationPrefixListId is invalid.";
    w.refuse("Ec2Parameter", &Command::RouteCreate(with(list)), text);
    let text = "There is no route defined for '9.0.0.0/8' in the route table. Use CreateRoute \
                instead.";
    w.refuse("Ec2Parameter", &Command::RouteReplace(route(table, "9.0.0.0/8", igw)), text);
    let local = TargetIdsInput { local: true, ..TargetIdsInput::default() };
    let text = "9.0.0.0/8 is no block of the network: it has no local route";
    w.refuse("Ec2Parameter", &Command::RouteReplace(route(table, "9.0.0.0/8", &local)), text);
    let text = format!("no route with destination-cidr-block 9.0.0.0/8 in route table {table}");
    w.refuse("RouteNotFound", &route_delete(table, "9.0.0.0/8"), &text);
    let text = format!("cannot remove local route 10.0.0.0/16 in route table {table}");
    w.refuse("Ec2Parameter", &route_delete(table, "10.0.0.0/16"), &text);
}

fn full_table(w: &mut World, table: &str, igw: &TargetIdsInput) {
    let mut record = w.catalog.route_table(table).unwrap().clone();
    let block = |n: usize| format!("44.{}.{}.0/24", n / 250, n % 250).parse().unwrap();
    let RouteTarget::InternetGateway(_) = record.routes[0].target else { unreachable!() };
    let target = record.routes[0].target.clone();
    let missing = limits::ROUTES_PER_TABLE_MAX - record.routes.len();
    record.routes.extend(
        (0..missing).map(|n| Route {
            destination: RouteDestination::Block(block(n)),
            target: target.clone(),
        }),
    );
    w.craft([Resource::RouteTable(record)]);
    let text = format!("The maximum number of routes of route table {table} has been reached.");
    w.refuse("RouteLimit", &Command::RouteCreate(route(table, "9.0.0.0/8", igw)), &text);
}
