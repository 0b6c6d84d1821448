//! Refusals about load balancers: names apart, everything that a type, a network or a quota says.
//!
//! Invariant: as for `refusals`, which counts them.

use super::refusals::second_vpc;
use super::refusals_ec2;
use super::world::*;
use crate::catalog::command::*;
use crate::catalog::settings::Waiver;
use crate::catalog::unserved::Feature;
use crate::catalog::{Command, Resource};
use crate::resource::*;

pub(super) const AREAS: &[fn(&mut World)] = &[
    zones_and_subnets,
    settings_of_types,
    security_groups,
    address_types,
    features,
    existing,
    quotas,
    zones_of_types,
    pools,
    capacity,
    lists,
    tags,
];

const NOT_PERMITTED: &str = "OperationNotPermitted";

fn create(input: LoadBalancerCreate) -> Command {
    Command::LoadBalancerCreate(input)
}

fn of_kind(w: &World, name: &str, kind: LoadBalancerKind) -> LoadBalancerCreate {
    let scheme = (kind != LoadBalancerKind::Gateway).then_some(Scheme::InternetFacing);
    LoadBalancerCreate { kind, scheme, ..w.lb_input(name) }
}

/// A world in which other types are recorded, with one load balancer of this one.
fn recording(w: &mut World, kind: LoadBalancerKind) -> String {
    w.catalog.settings.allow_unserved_types = true;
    let input = of_kind(w, "recorded", kind);
    w.subject(&create(input))
}

fn zones_and_subnets(w: &mut World) {
    let subnets = w.subnets();
    let (vpc, foreign) = second_vpc(w);
    let foreign_id = foreign.id.to_string();
    let lb = w.lb("lb");
    let with = |w: &World, subnets: &[&str]| {
        let subnets = strings(subnets);
        create(LoadBalancerCreate { subnets, ..w.lb_input("new") })
    };
    let few = "At least two subnets in two different Availability Zones must be specified";
    w.refuse("ZonesTooFew", &with(w, &[&subnets[0]]), few);
    w.refuse("ZonesTooFew", &with(w, &[]), few);
    let network = of_kind(w, "new", LoadBalancerKind::Network);
    let none = create(LoadBalancerCreate { subnets: Vec::new(), ..network });
    w.refuse("SubnetsMissing", &none, "At least one subnet must be specified");
    let text = "A load balancer cannot be attached to multiple subnets in the same Availability \
                Zone";
    w.refuse("SubnetsSameZone", &with(w, &[&subnets[0], &subnets[0]]), text);
    let unknown = with(w, &[&subnets[0], "subnet-1"]);
    w.refuse("SubnetNotFound", &unknown, "The subnet ID 'subnet-1' does not exist");
    let text = "All subnets must belong to the same VPC";
    w.refuse("SubnetsDifferentVpcs", &with(w, &[&subnets[0], &foreign_id]), text);
    let both =
        LoadBalancerCreate { subnet_mappings: vec![SubnetMapping::default()], ..w.lb_input("new") };
    let text = "You can specify only one of Subnets and SubnetMappings";
    w.refuse("SubnetsAndMappings", &create(both), text);
    let set = subnets_set(&lb, &[&subnets[0], &foreign_id]);
    let home = w.vpc();
    let text = format!("Subnet '{foreign_id}' is not in the VPC '{home}' of the load balancer");
    w.refuse("SubnetsWrongVpc", &set, &text);
    second_vpc_limits(w, &vpc, &foreign);
}

fn subnets_set(arn: &str, subnets: &[&str]) -> Command {
    Command::SubnetsSet(SubnetsSet {
        region: region(),
        arn: arn.to_owned(),
        subnets: strings(subnets),
        subnet_mappings: Vec::new(),
        ip_address_type: None,
        source_nat_prefix: None,
    })
}

/// With two /27 subnets and a default group in the second VPC, only its gateway and room lack.
fn second_vpc_limits(w: &mut World, vpc: &Vpc, subnet: &Subnet) {
    let one = Subnet { cidr: "10.1.0.0/27".parse().unwrap(), ..subnet.clone() };
    let twin = Subnet {
        id: SubnetId::new("subnet-0123456789abcdef1"),
        zone: ZoneName::new("us-east-1a"),
        cidr: "10.1.0.32/27".parse().unwrap(),
        ..subnet.clone()
    };
    let group = w.catalog.security_group(w.default_group().as_str()).unwrap().clone();
    let group = SecurityGroup {
        id: SecurityGroupId::new("sg-0123456789abcdef0"),
        vpc: vpc.id.clone(),
        ingress: Vec::new(),
        egress: Vec::new(),
        ..group
    };
    w.craft([
        Resource::Subnet(one),
        Resource::Subnet(twin.clone()),
        Resource::SecurityGroup(group),
    ]);
    let subnets = vec![subnet.id.to_string(), twin.id.to_string()];
    let outside = LoadBalancerCreate { subnets, ..w.lb_input("outside") };
    let text = format!("VPC {} has no internet gateway", vpc.id);
    w.refuse("NoInternetGateway", &create(outside.clone()), &text);
    w.catalog.settings.waivers.insert(Waiver::NoInternetGateway);
    w.run(&create(LoadBalancerCreate { name: "waived".to_owned(), ..outside.clone() }));
    let inside = |name: &str| {
        let (name, scheme) = (name.to_owned(), Some(Scheme::Internal));
        create(LoadBalancerCreate { name, scheme, ..outside.clone() })
    };
    // A /27 has 27 addresses to give, one is taken; a load balancer wants to see 8 of them free.
    (0..19).for_each(|i| drop(w.run(&inside(&format!("inside-{i}")))));
    let text = format!(
        "Not enough IP space available in {}. ELB requires at least 8 free IP addresses in each \
         subnet.",
        subnet.id
    );
    w.refuse("SubnetFull", &inside("full"), &text);
    w.catalog.settings.waivers.insert(Waiver::CrowdedSubnet);
    w.run(&inside("crowded"));
}

fn settings_of_types(w: &mut World) {
    let gateway = of_kind(w, "new", LoadBalancerKind::Gateway);
    let network = of_kind(w, "new", LoadBalancerKind::Network);
    let input = LoadBalancerCreate { scheme: Some(Scheme::Internal), ..gateway.clone() };
    let text = "A scheme cannot be specified for load balancers with type 'gateway'";
    w.refuse("SchemeForeign", &create(input), text);
    let foreign = |member: &str, kind: &str| {
        format!("{member} is not supported on load balancers with type '{kind}'")
    };
    let some = || Some("x".to_owned());
    let cases = [
        (
            LoadBalancerCreate { security_groups: strings(&["sg-1"]), ..gateway.clone() },
            "SecurityGroups",
            "gateway",
        ),
        (
            LoadBalancerCreate { customer_owned_pool: some(), ..network.clone() },
            "CustomerOwnedIpv4Pool",
            "network",
        ),
        (LoadBalancerCreate { ipam_pool: some(), ..network.clone() }, "IpamPools", "network"),
        (
            LoadBalancerCreate { source_nat_prefix: Some("on".to_owned()), ..w.lb_input("new") },
            "EnablePrefixForIpv6SourceNat",
            "application",
        ),
    ];
    for (input, member, kind) in cases {
        w.refuse("MemberForeign", &create(input), &foreign(member, kind));
    }
    let ip_address_type = IpAddressType::DualstackWithoutPublicIpv4;
    let input = LoadBalancerCreate { ip_address_type, ..network };
    let text = "IP address type 'dualstack-without-public-ipv4' is not supported on load balancers \
                with type 'network'";
    w.refuse("AddressTypeForeign", &create(input), text);
}

fn groups_set(arn: &str, security_groups: Vec<String>, enforce: Option<&str>) -> Command {
    Command::SecurityGroupsSet(SecurityGroupsSet {
        region: region(),
        arn: arn.to_owned(),
        security_groups,
        enforce_private_link: enforce.map(str::to_owned),
    })
}

fn security_groups(w: &mut World) {
    let lb = w.lb("lb");
    let groups = strings(&["sg-1"]);
    let input = LoadBalancerCreate { security_groups: groups.clone(), ..w.lb_input("new") };
    let text = "One or more security groups are invalid";
    w.refuse("SecurityGroupsInvalid", &create(input), text);
    w.refuse("SecurityGroupsInvalid", &groups_set(&lb, groups.clone(), None), text);
    let empty = groups_set(&lb, Vec::new(), None);
    w.refuse("SecurityGroupsEmpty", &empty, "At least one security group must be specified");
    let text = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic is not supported on load \
                balancers with type 'application'";
    w.refuse("MemberForeign", &groups_set(&lb, groups, Some("on")), text);
    let many: Vec<String> = (0..6).map(|i| refusals_ec2::group(w, &format!("g{i}"))).collect();
    let text = "A load balancer cannot have more than '5' security groups";
    w.refuse("SecurityGroupsTooMany", &groups_set(&lb, many.clone(), None), text);
    let network = recording(w, LoadBalancerKind::Network);
    let text = "Security groups can be set on a load balancer with type 'network' only if it was \
                created with security groups";
    w.refuse("SecurityGroupsLater", &groups_set(&network, many[..1].to_vec(), None), text);
    let gateway = of_kind(w, "gateway", LoadBalancerKind::Gateway);
    let gateway = w.subject(&create(gateway));
    let text = "SecurityGroups is not supported on load balancers with type 'gateway'";
    w.refuse("MemberForeign", &groups_set(&gateway, many, None), text);
}

fn address_types(w: &mut World) {
    let lb = w.lb("lb");
    let set = |arn: &str, ip_address_type| {
        let (region, arn) = (region(), arn.to_owned());
        Command::IpAddressTypeSet(IpAddressTypeSet { region, arn, ip_address_type })
    };
    let text = "You must specify subnets with an associated IPv6 CIDR block";
    w.refuse("NoIpv6Cidr", &set(&lb, IpAddressType::Dualstack), text);
    let (scheme, kind) = (Some(Scheme::Internal), IpAddressType::DualstackWithoutPublicIpv4);
    let input = LoadBalancerCreate { scheme, ip_address_type: kind, ..w.lb_input("new") };
    let text = "Internal load balancers cannot have the IP address type \
                'dualstack-without-public-ipv4'";
    w.refuse("InternalWithoutPublicIpv4", &create(input), text);

    let group = w.group("group");
    w.listen(&lb, 81, &group);
    let group = w.catalog.target_group(&TargetGroupArn::parse(&group).unwrap()).unwrap().clone();
    w.craft([Resource::TargetGroup(TargetGroup { ipv6: true, ..group })]);
    let text = "The IP address type cannot be changed to 'ipv4' because of its IPv6 target groups";
    w.refuse("AddressTypeInUse", &set(&lb, IpAddressType::Ipv4), text);

    ipv6(w);
    let network = recording(w, LoadBalancerKind::Network);
    datagram_listener(w, &lb, &network);
    let text = "Load balancers with UDP listeners can have the IP address type 'dualstack' only \
                when EnablePrefixForIpv6SourceNat is 'on'";
    w.refuse("DatagramsWithoutPrefix", &set(&network, IpAddressType::Dualstack), text);
}

/// Gives the default network IPv6 blocks.
pub(super) fn ipv6(w: &mut World) {
    let vpc = w.catalog.default_vpc(&region()).unwrap().clone();
    let subnets: Vec<Subnet> = w.catalog.subnets_of(&vpc.id).cloned().collect();
    let block = |i: usize| Some(format!("fd00:0:0:{i:x}::/64").parse().unwrap());
    let vpc = Vpc { ipv6_cidr: Some("fd00::/56".parse().unwrap()), ..vpc };
    let subnets = subnets.into_iter().enumerate();
    let subnets = subnets.map(|(i, subnet)| Subnet { ipv6_cidr: block(i), ..subnet });
    let subnets: Vec<Resource> = subnets.map(Resource::Subnet).collect();
    w.craft(std::iter::once(Resource::Vpc(vpc)).chain(subnets));
}

/// A UDP listener, made from an HTTP one by hand.
fn datagram_listener(w: &mut World, application: &str, network: &str) {
    let made =
        w.subject(&Command::ListenerCreate(listener_input(application, 80, vec![fixed("200")])));
    let made = w.catalog.listener(&ListenerArn::parse(&made).unwrap()).unwrap().clone();
    let owner = LoadBalancerArn::parse(network).unwrap();
    let arn = ListenerArn::build(&owner, "0123456789abcdef");
    let protocol = ListenerProtocol::Udp;
    w.craft([Resource::Listener(Listener { arn, load_balancer: owner, protocol, ..made })]);
}

fn features(w: &mut World) {
    let base = w.lb_input("new");
    let network = create(of_kind(w, "new", LoadBalancerKind::Network));
    let gateway = create(of_kind(w, "new", LoadBalancerKind::Gateway));
    w.unserved(Feature::NetworkLoadBalancer, NOT_PERMITTED, &network);
    w.unserved(Feature::GatewayLoadBalancer, NOT_PERMITTED, &gateway);
    let some = Some("x".to_owned());
    let input = LoadBalancerCreate { customer_owned_pool: some.clone(), ..base.clone() };
    w.unserved(Feature::CustomerOwnedPool, NOT_PERMITTED, &create(input));
    let input = LoadBalancerCreate { ipam_pool: some, ..base };
    w.unserved(Feature::IpamPool, NOT_PERMITTED, &create(input));
}

fn existing(w: &mut World) {
    let lb = w.lb("lb");
    let text = "A load balancer with the same name 'lb' exists, but with different settings";
    let internal = LoadBalancerCreate { scheme: Some(Scheme::Internal), ..w.lb_input("lb") };
    w.refuse("LoadBalancerNameTaken", &create(internal), text);
    // The name is unique among all types.
    let network = of_kind(w, "lb", LoadBalancerKind::Network);
    w.refuse("LoadBalancerNameTaken", &create(network), text);
    let protect = attributes(&lb, &[("deletion_protection.enabled", "true")]);
    w.run(&Command::LoadBalancerAttributesModify(protect));
    let text =
        format!("Load balancer '{lb}' cannot be deleted because deletion protection is enabled");
    w.refuse("DeletionProtected", &Command::LoadBalancerDelete(arn(&lb)), &text);
}

fn quotas(w: &mut World) {
    w.lb("lb");
    let quotas = w.catalog.settings.quotas;
    w.catalog.settings.quotas.load_balancers = 1;
    let second = create(w.lb_input("second"));
    let text = "You have reached the maximum number of load balancers of type 'application': [1]";
    w.refuse("LoadBalancersTooMany", &second, text);
    // Other types have quotas of their own.
    recording(w, LoadBalancerKind::Network);
    let network = create(of_kind(w, "network-2", LoadBalancerKind::Network));
    w.catalog.settings.quotas.network_load_balancers = 1;
    let text = "You have reached the maximum number of load balancers of type 'network': [1]";
    w.refuse("LoadBalancersTooMany", &network, text);
    w.catalog.settings.quotas = quotas;
    w.catalog.settings.quotas.network_interfaces_per_vpc = 3;
    let text = "You have reached the maximum number of network interfaces of load balancers of \
                type 'network' in a VPC: [3]";
    w.refuse("InterfacesPerVpcTooMany", &network, text);
    w.catalog.settings.quotas.gateway_load_balancers_per_vpc = 0;
    let gateway = create(of_kind(w, "gateway", LoadBalancerKind::Gateway));
    let text = "You have reached the maximum number of load balancers of type 'gateway' in a VPC: \
                [0]";
    w.refuse("GatewaysPerVpcTooMany", &gateway, text);
}

fn zones_of_types(w: &mut World) {
    let subnets = w.subnets();
    let network = recording(w, LoadBalancerKind::Network);
    let gateway = of_kind(w, "gateway", LoadBalancerKind::Gateway);
    let gateway = w.subject(&create(gateway));
    let text = "Availability Zones cannot be removed from load balancers with type 'gateway'";
    w.refuse("ZonesRemoved", &subnets_set(&gateway, &[&subnets[0]]), text);
    w.run(&subnets_set(&network, &[&subnets[0]]));
    let first = w.catalog.subnet(subnets[0].as_str()).unwrap().clone();
    let twin = Subnet {
        id: SubnetId::new("subnet-0123456789abcdef2"),
        cidr: "127.64.64.0/20".parse().unwrap(),
        is_default: false,
        ..first
    };
    w.craft([Resource::Subnet(twin.clone())]);
    let text = "The subnet of Availability Zone 'us-east-1a' cannot be replaced: remove the zone, \
                then add it with the other subnet";
    let swap = subnets_set(&network, &[twin.id.as_str(), &subnets[1]]);
    w.refuse("ZoneSubnetChanged", &swap, text);
    w.run(&subnets_set(&network, &[&subnets[1]]));
    w.run(&swap);
}

fn pools(w: &mut World) {
    let lb = w.lb("lb");
    let modify = |pool: Option<&str>, remove| {
        let (region, arn, ipam_pool) = (region(), lb.clone(), pool.map(str::to_owned));
        Command::IpPoolsModify(IpPoolsModify { region, arn, ipam_pool, remove })
    };
    let text = "You must specify either IpamPools or RemoveIpamPools";
    w.refuse("IpPoolsNothing", &modify(None, false), text);
    let text = "IpamPools and RemoveIpamPools cannot be specified at the same time";
    w.refuse("IpPoolsBoth", &modify(Some("ipam-pool-1"), true), text);
    w.unserved(Feature::IpamPool, NOT_PERMITTED, &modify(Some("ipam-pool-1"), false));
    w.run(&modify(None, true));
    let input = LoadBalancerCreate {
        scheme: Some(Scheme::Internal),
        ipam_pool: Some("ipam-pool-1".to_owned()),
        ..w.lb_input("new")
    };
    let text = "IPAM pools are supported only for internet-facing load balancers with public IPv4 \
                addresses";
    w.refuse("IpamPoolPlace", &create(input), text);
}

pub(super) fn reserve(arn: &str, units: Option<i64>, reset: bool) -> Command {
    let (region, arn) = (region(), arn.to_owned());
    Command::CapacityReservationModify(CapacityReservationModify { region, arn, units, reset })
}

fn capacity(w: &mut World) {
    let lb = w.lb("lb");
    let text = "You must specify either MinimumLoadBalancerCapacity or ResetCapacityReservation";
    w.refuse("CapacityNothing", &reserve(&lb, None, false), text);
    let text = "MinimumLoadBalancerCapacity and ResetCapacityReservation cannot be specified at \
                the same time";
    w.refuse("CapacityBoth", &reserve(&lb, Some(100), true), text);
    let text = "The minimum load balancer capacity '99' must be at least '100' capacity units";
    w.refuse("CapacityTooSmall", &reserve(&lb, Some(99), false), text);
    let text = "You have reached the maximum number of capacity units for a load balancer: [15000]";
    w.refuse("CapacityTooLarge", &reserve(&lb, Some(15_001), false), text);
    w.catalog.settings.quotas.reserved_units_per_region = 500;
    let text = "You have reached the maximum number of capacity units in a Region: [500]";
    w.refuse("CapacityInRegion", &reserve(&lb, Some(501), false), text);
    for units in [400, 300, 200] {
        w.run(&reserve(&lb, Some(units), false));
    }
    let text = "You have reached the maximum number of capacity decreases of a load balancer in a \
                day: [2]";
    w.refuse("CapacityDecreases", &reserve(&lb, Some(100), false), text);
    let network = recording(w, LoadBalancerKind::Network);
    let text = "The minimum load balancer capacity '5499' must be at least '5500' capacity units";
    w.refuse("CapacityTooSmall", &reserve(&network, Some(5_499), false), text);
    let gateway = of_kind(w, "gateway", LoadBalancerKind::Gateway);
    let gateway = w.subject(&create(gateway));
    let text = "Capacity reservations are not supported for load balancers with type 'gateway'";
    w.refuse("CapacityType", &reserve(&gateway, Some(5_500), false), text);
}

fn lists(w: &mut World) {
    let lb = w.lb("lb");
    let (c, r) = (w.catalog.clone(), region());
    let page = crate::catalog::PageRequest::first();
    let refusal = c.load_balancers_describe(&r, &vec![lb; 21], &[], page).unwrap_err();
    w.note("DescribeTooMany", &refusal, "The number of load balancer ARNs cannot exceed '20'");
    let refusal = c.tags_describe(&r, &[]).unwrap_err();
    w.note("ResourceArnsMissing", &refusal, "At least one resource ARN must be specified");
    // Markers are remembered, and judged, where calls are answered.
    let refusal = crate::catalog::LoadBalancerRefusal::MarkerUnknown { marker: "x".to_owned() };
    w.note("MarkerUnknown", &refusal.into(), "The marker 'x' is not valid");
}

fn tags(w: &mut World) {
    let lb = w.lb("lb");
    let add =
        |tags: Pairs| Command::TagsAdd(TagsAdd { region: region(), arns: vec![lb.clone()], tags });
    let many: Pairs = (0..51).map(|i| (format!("k{i}"), String::new())).collect();
    w.refuse("TagsTooMany", &add(many), "The number of tags on a resource cannot exceed '50'");
    let text = "Tag key was specified more than once: k";
    w.refuse("TagKeyRepeated", &add(pairs(&[("k", "1"), ("k", "2")])), text);
    let text = "Tag 'k' is not valid: a key has 1 to 128 characters, a value at most 256";
    w.refuse("TagLength", &add(pairs(&[("k", &"v".repeat(257))])), text);
    for key in ["aws:x", "AWS:x"] {
        let text =
            format!("Tag key '{key}' is not valid: keys that begin with 'aws:' are reserved");
        w.refuse("TagKeyReserved", &add(pairs(&[(key, "1")])), &text);
    }
    w.refuse("TagsMissing", &add(Vec::new()), "At least one tag must be specified");
    let remove = TagsRemove { region: region(), arns: vec![lb.clone()], keys: Vec::new() };
    let text = "At least one tag key must be specified";
    w.refuse("TagKeysMissing", &Command::TagsRemove(remove), text);
    let arns = vec![lb; 21];
    let remove = TagsRemove { region: region(), arns, keys: strings(&["k"]) };
    let text = "The number of resource ARNs cannot exceed '20'";
    w.refuse("DescribeTagsTooMany", &Command::TagsRemove(remove), text);
}
