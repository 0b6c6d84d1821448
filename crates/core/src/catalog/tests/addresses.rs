//! Which addresses the zones of load balancers get: of carried subnets, of pools, elastic ones,
//! IPv6, and stand-ins.
//!
//! Invariant: see `world`; after every command an address has one owner.
// spec: nlb-gwlb-clb §1.4 Addresses, subnets, zones [D][M]

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::world::*;
use crate::catalog::command::*;
use crate::catalog::{AddressPlan, Command, Refusal, Settings};
use crate::resource::*;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// Two carried subnets with IPv6 in zones a and b, one that nothing carries in c.
struct Site {
    w: World,
    subnets: Vec<String>,
}

// === impl Site ===

impl Site {
    fn new() -> Self {
        Self::with("203.0.113.0/28", "127.64.248.0/21")
    }

    fn with(public: &str, stand_in: &str) -> Self {
        let addresses = AddressPlan {
            carried: vec![net("10.1.0.0/20")],
            stand_in: Some(net(stand_in)),
            elastic: vec![net("203.0.113.64/28")],
            public: vec![net(public)],
            ipam: [("ipam-pool-0123456789abcdef0".to_owned(), vec![net("198.51.100.0/29")])].into(),
        };
        let mut w = World::with(Settings { addresses, allow_unserved_types: true, ..settings() });
        let block = |ipv4: &str| BlockInput {
            ipv4: Some(ipv4.to_owned()),
            ipv6: None,
            ipv6_provided: true,
        };
        let vpc = w.subject(&Command::VpcCreate(VpcCreate {
            region: region(),
            block: block("10.1.0.0/16"),
            tenancy: None,
            tags: Vec::new(),
        }));
        let gateway = w.subject(&Command::InternetGatewayCreate(InternetGatewayCreate {
            region: region(),
            tags: Vec::new(),
        }));
        w.run(&Command::InternetGatewayAttach(InternetGatewayPlace {
            region: region(),
            gateway,
            vpc: vpc.clone(),
        }));
        let mut site = Self { w, subnets: Vec::new() };
        for (index, (zone, cidr)) in
            [("a", "10.1.0.0/24"), ("b", "10.1.1.0/24"), ("c", "10.1.64.0/24")].iter().enumerate()
        {
            let id = site.subnet(&vpc, zone, cidr, index as u16);
            site.subnets.push(id);
        }
        site
    }

    fn subnet(&mut self, vpc: &str, zone: &str, cidr: &str, index: u16) -> String {
        let record = self.w.catalog.vpc(vpc).unwrap();
        let IpNet::V6(block) = record.ipv6_cidr.unwrap() else { panic!("an IPv6 block") };
        let base = u128::from(block.network()) | u128::from(index) << 64;
        let ipv6 = format!("{}/64", std::net::Ipv6Addr::from(base));
        self.w.subject(&Command::SubnetCreate(SubnetCreate {
            region: region(),
            vpc: vpc.to_owned(),
            zone: ZoneInput { name: Some(format!("{REGION}{zone}")), id: None },
            cidr: Some(cidr.to_owned()),
            ipv6_cidr: Some(ipv6),
            tags: Vec::new(),
        }))
    }

    fn input(&self, name: &str, kind: LoadBalancerKind, scheme: Scheme) -> LoadBalancerCreate {
        LoadBalancerCreate {
            kind,
            scheme: Some(scheme),
            subnets: self.subnets[..2].to_vec(),
            ..self.w.lb_input(name)
        }
    }

    fn create(&mut self, input: LoadBalancerCreate) -> LoadBalancer {
        let arn = self.w.subject(&Command::LoadBalancerCreate(input));
        self.record(&arn)
    }

    fn record(&self, arn: &str) -> LoadBalancer {
        self.w.catalog.load_balancer_find(&region(), arn).unwrap().unwrap().clone()
    }

    fn refused(&mut self, input: LoadBalancerCreate) -> Refusal {
        self.w.try_run(&Command::LoadBalancerCreate(input)).unwrap_err()
    }

    fn elastic(&mut self) -> String {
        self.w.subject(&Command::AddressAllocate(AddressAllocate {
            region: region(),
            address: None,
            public_pool: None,
            ipam_pool: None,
            customer_pool: None,
            border_group: None,
            tags: Vec::new(),
        }))
    }

    fn mapping(&self, index: usize) -> SubnetMapping {
        SubnetMapping { subnet: self.subnets[index].clone(), ..SubnetMapping::default() }
    }
}

const APPLICATION: LoadBalancerKind = LoadBalancerKind::Application;
const NETWORK: LoadBalancerKind = LoadBalancerKind::Network;

#[test]
fn a_carried_internet_facing_one_binds_its_own_and_a_public_address() {
    let mut site = Site::new();
    let lb = site.create(site.input("web", APPLICATION, Scheme::InternetFacing));
    for zone in &lb.zones {
        let bound: Vec<IpAddr> = zone.listens().collect();
        assert_eq!(bound.len(), 2);
        assert!(
            net("10.1.0.0/20").contains(&bound[0]) && net("203.0.113.0/28").contains(&bound[1])
        );
    }
    let inside = site.create(site.input("inside", APPLICATION, Scheme::Internal));
    assert!(inside.zones.iter().all(|zone| zone.listens().count() == 1));
}

#[test]
fn pools_end_and_addresses_come_back() {
    let mut site = Site::new();
    let mut made = Vec::new();
    // 14 addresses, two each.
    for index in 0..7 {
        made.push(site.create(site.input(
            &format!("n{index}"),
            APPLICATION,
            Scheme::InternetFacing,
        )));
    }
    let all = made.iter().flat_map(|lb| &lb.zones).flat_map(|zone| zone.listens());
    assert_eq!(all.collect::<BTreeSet<IpAddr>>().len(), 28, "no address twice");
    let input = site.input("more", APPLICATION, Scheme::InternetFacing);
    assert_eq!(site.refused(input.clone()).code(), "InvalidConfigurationRequest");
    let arn = made[0].arn.to_string();
    site.w.run(&Command::LoadBalancerDelete(ArnInput { region: region(), arn }));
    site.create(input);
}

#[test]
fn a_pool_of_its_own_is_asked_for_by_name() {
    let mut site = Site::new();
    let pool = Some("ipam-pool-0123456789abcdef0".to_owned());
    let input = site.input("ipam", APPLICATION, Scheme::InternetFacing);
    let lb = site.create(LoadBalancerCreate { ipam_pool: pool, ..input });
    for zone in &lb.zones {
        let public = zone.public.as_ref().unwrap();
        assert!(net("198.51.100.0/29").contains(&IpAddr::V4(public.address)));
    }
}

#[test]
fn what_nothing_carries_gets_a_stand_in() {
    let mut site = Site::new();
    let subnets = vec![site.subnets[0].clone(), site.subnets[2].clone()];
    let input = site.input("mixed", APPLICATION, Scheme::InternetFacing);
    let lb = site.create(LoadBalancerCreate { subnets, ..input });
    assert_eq!(lb.zones[0].stand_in, None);
    let zone = &lb.zones[1];
    assert!(net("10.1.64.0/24").contains(&zone.address), "the interface shows the subnet's");
    let bound: Vec<IpAddr> = zone.listens().collect();
    assert_eq!(bound.len(), 1);
    assert!(net("127.64.248.0/21").contains(&bound[0]));
}

#[test]
fn dualstack_needs_a_block_and_keeps_addresses() {
    let mut site = Site::new();
    let lb = site.create(site.input("six", APPLICATION, Scheme::Internal));
    let set = |kind| IpAddressTypeSet {
        region: region(),
        arn: lb.arn.to_string(),
        ip_address_type: kind,
    };
    site.w.run(&Command::IpAddressTypeSet(set(IpAddressType::Dualstack)));
    let dual = site.record(lb.arn.as_str());
    for (zone, before) in dual.zones.iter().zip(&lb.zones) {
        let block = site.w.catalog.subnet(&zone.subnet).unwrap().ipv6_cidr.unwrap();
        assert!(block.contains(&IpAddr::V6(zone.ipv6.unwrap())));
        assert_eq!((zone.address, zone.listens().count()), (before.address, 2));
    }
    site.w.run(&Command::SubnetsSet(SubnetsSet {
        region: region(),
        arn: lb.arn.to_string(),
        subnets: vec![site.subnets[0].clone(), site.subnets[2].clone()],
        subnet_mappings: Vec::new(),
        ip_address_type: None,
        source_nat_prefix: None,
    }));
    let moved = site.record(lb.arn.as_str());
    assert_eq!(moved.zones[0], dual.zones[0], "the zone that stays is undisturbed");
    assert!(moved.zones[1].ipv6.is_some());
    site.w.run(&Command::IpAddressTypeSet(set(IpAddressType::Ipv4)));
    assert!(site.record(lb.arn.as_str()).zones.iter().all(|zone| zone.ipv6.is_none()));
    let default = LoadBalancerCreate {
        ip_address_type: IpAddressType::Dualstack,
        ..site.w.lb_input("no-block")
    };
    assert_eq!(site.refused(default).kind(), "NoIpv6Cidr");
}

#[test]
fn without_public_ipv4_there_is_none() {
    let mut site = Site::new();
    let kind = IpAddressType::DualstackWithoutPublicIpv4;
    let input = site.input("six", APPLICATION, Scheme::InternetFacing);
    let lb = site.create(LoadBalancerCreate { ip_address_type: kind, ..input });
    assert!(lb.zones.iter().all(|zone| zone.public.is_none() && zone.ipv6.is_some()));
}

#[test]
fn elastic_addresses_have_one_user() {
    let mut site = Site::new();
    let ids = [site.elastic(), site.elastic()];
    let mappings: Vec<SubnetMapping> = (0..2)
        .map(|i| SubnetMapping { allocation: Some(ids[i].clone()), ..site.mapping(i) })
        .collect();
    let input = LoadBalancerCreate {
        subnets: Vec::new(),
        subnet_mappings: mappings.clone(),
        ..site.input("net", NETWORK, Scheme::InternetFacing)
    };
    let lb = site.create(input.clone());
    for (zone, id) in lb.zones.iter().zip(&ids) {
        let public = zone.public.as_ref().unwrap();
        assert_eq!(public.allocation.as_ref().unwrap().as_str(), id);
        assert!(zone.listens().any(|bound| bound == IpAddr::V4(public.address)) && zone.chosen);
        let user = site.w.catalog.load_balancer_of_allocation(public.allocation.as_ref().unwrap());
        assert_eq!(user.unwrap().arn, lb.arn);
    }
    let again = LoadBalancerCreate { name: "other".to_owned(), ..input.clone() };
    assert_eq!(site.refused(again.clone()).code(), "ResourceInUse");
    let unknown = SubnetMapping { allocation: Some("eipalloc-1".to_owned()), ..site.mapping(0) };
    let unknown = LoadBalancerCreate { subnet_mappings: vec![unknown], ..again.clone() };
    assert_eq!(site.refused(unknown).code(), "AllocationIdNotFound");
    let twice = LoadBalancerCreate { scheme: Some(Scheme::Internal), ..again.clone() };
    assert_eq!(site.refused(twice).kind(), "ElasticIpScheme");
    let application = LoadBalancerCreate { kind: APPLICATION, ..again.clone() };
    assert_eq!(site.refused(application).kind(), "ElasticIpType");
    // What stays keeps its addresses; naming another is refused.
    let third = site.elastic();
    let other = SubnetMapping { allocation: Some(third), ..site.mapping(0) };
    let set = |mappings: Vec<SubnetMapping>| {
        Command::SubnetsSet(SubnetsSet {
            region: region(),
            arn: lb.arn.to_string(),
            subnets: Vec::new(),
            subnet_mappings: mappings,
            ip_address_type: None,
            source_nat_prefix: None,
        })
    };
    let refusal = site.w.try_run(&set(vec![other, mappings[1].clone()])).unwrap_err();
    assert_eq!(refusal.kind(), "ZoneAddressesFixed");
    site.w.run(&set(mappings));
    let arn = lb.arn.to_string();
    site.w.run(&Command::LoadBalancerDelete(ArnInput { region: region(), arn }));
    site.create(again);
}

#[test]
fn named_addresses_are_judged() {
    let mut site = Site::new();
    let input = |site: &Site, mapping: SubnetMapping, scheme| LoadBalancerCreate {
        subnets: Vec::new(),
        subnet_mappings: vec![mapping],
        ip_address_type: IpAddressType::Dualstack,
        ..site.input("net", NETWORK, scheme)
    };
    let private = |text: &str| Some(text.to_owned());
    let named =
        |site: &Site, private_ipv4, ipv6| SubnetMapping { private_ipv4, ipv6, ..site.mapping(0) };
    for (address, kind) in [
        ("10.1.0", "AddressSyntax"),
        ("10.1.1.9", "AddressOutsideSubnet"),
        ("10.1.0.3", "AddressTaken"),
    ] {
        let mapping = named(&site, private(address), None);
        let refusal = site.refused(input(&site, mapping, Scheme::Internal));
        assert_eq!(refusal.kind(), kind);
    }
    let mapping = named(&site, private("10.1.0.9"), None);
    let refusal = site.refused(input(&site, mapping, Scheme::InternetFacing));
    assert_eq!(refusal.kind(), "PrivateAddressScheme");
    let block = site.w.catalog.subnet(site.subnets[0].as_str()).unwrap().ipv6_cidr.unwrap();
    let six = format!("{}77", block.network());
    let outside = named(&site, None, private("2001:db8::1"));
    let refusal = site.refused(input(&site, outside, Scheme::Internal));
    assert_eq!(refusal.kind(), "AddressOutsideSubnet");
    let mapping = named(&site, private("10.1.0.9"), Some(six.clone()));
    let lb = site.create(input(&site, mapping.clone(), Scheme::Internal));
    assert_eq!(lb.zones[0].address.to_string(), "10.1.0.9");
    assert_eq!(lb.zones[0].ipv6.unwrap().to_string(), six);
    let again =
        LoadBalancerCreate { name: "b".to_owned(), ..input(&site, mapping, Scheme::Internal) };
    assert_eq!(site.refused(again).kind(), "AddressTaken");
}

#[test]
fn prefixes_for_source_addresses() {
    let mut site = Site::new();
    let block = site.w.catalog.subnet(site.subnets[1].as_str()).unwrap().ipv6_cidr.unwrap();
    let base = block.network().to_string();
    let stem = base.trim_end_matches("::");
    let named = format!("{stem}:5::/80");
    let prefix = |site: &Site, index, text: &str| SubnetMapping {
        source_nat_prefix: Some(text.to_owned()),
        ..site.mapping(index)
    };
    let input = |site: &Site, name: &str, second: &str| LoadBalancerCreate {
        subnets: Vec::new(),
        subnet_mappings: vec![prefix(site, 0, "auto_assigned"), prefix(site, 1, second)],
        ip_address_type: IpAddressType::Dualstack,
        source_nat_prefix: Some("on".to_owned()),
        ..site.input(name, NETWORK, Scheme::Internal)
    };
    let lb = site.create(input(&site, "udp", &named));
    let auto: IpNet = lb.zones[0].source_nat_prefix.as_ref().unwrap().parse().unwrap();
    assert_eq!(auto.prefix_len(), 80);
    assert_eq!(lb.zones[1].source_nat_prefix.as_deref(), Some(named.as_str()));
    for second in [named.as_str(), "2001:db8::/80", &format!("{stem}:6::/96"), "x"] {
        let refusal = site.refused(input(&site, "more", second));
        assert_eq!(refusal.kind(), "SourceNatPrefixInvalid", "{second}");
    }
    let off = LoadBalancerCreate { source_nat_prefix: None, ..input(&site, "off", &named) };
    assert_eq!(site.refused(off).kind(), "SourceNatOff");
    let ipv4 = LoadBalancerCreate {
        ip_address_type: IpAddressType::Ipv4,
        ..input(&site, "four", "auto_assigned")
    };
    assert_eq!(site.refused(ipv4).kind(), "SourceNatFamily");
}

#[test]
fn networks_may_overlap_without_sharing_what_is_bound() {
    let mut site = Site::new();
    let mut arns = Vec::new();
    for name in ["one", "two"] {
        let block =
            BlockInput { ipv4: Some("10.9.0.0/16".to_owned()), ipv6: None, ipv6_provided: true };
        let vpc = site.w.subject(&Command::VpcCreate(VpcCreate {
            region: region(),
            block,
            tenancy: None,
            tags: Vec::new(),
        }));
        let a = site.subnet(&vpc, "a", "10.9.0.0/24", 0);
        let b = site.subnet(&vpc, "b", "10.9.1.0/24", 1);
        let input = site.input(name, APPLICATION, Scheme::Internal);
        arns.push(site.create(LoadBalancerCreate { subnets: vec![a, b], ..input }));
    }
    let own = |lb: &LoadBalancer| lb.zones.iter().map(|zone| zone.address).collect::<Vec<_>>();
    assert_eq!(own(&arns[0]), own(&arns[1]), "each VPC gives its lowest");
    let bound = arns.iter().flat_map(|lb| &lb.zones).flat_map(|zone| zone.listens());
    assert_eq!(bound.collect::<BTreeSet<IpAddr>>().len(), 4);
}

/// Every refusal about addresses, for the test that counts them.
pub(super) fn refusals(w: &mut World) {
    // One public address and one stand-in: the second zone finds none.
    let mut site = Site::with("203.0.113.1/32", "127.64.248.1/32");
    let id = site.elastic();
    let used = SubnetMapping { allocation: Some(id.clone()), ..site.mapping(0) };
    let network = |site: &Site, name: &str, mapping: SubnetMapping, scheme| LoadBalancerCreate {
        subnets: Vec::new(),
        subnet_mappings: vec![mapping],
        ..site.input(name, NETWORK, scheme)
    };
    let outside = Scheme::InternetFacing;
    let held = site.create(network(&site, "held", used.clone(), outside));
    let private = |site: &Site, text: &str| SubnetMapping {
        private_ipv4: Some(text.to_owned()),
        ..site.mapping(0)
    };
    let six = SubnetMapping { ipv6: Some("fd00::1".to_owned()), ..site.mapping(0) };
    let prefix = SubnetMapping { source_nat_prefix: Some("x".to_owned()), ..site.mapping(0) };
    let unknown = SubnetMapping { allocation: Some("eipalloc-0".to_owned()), ..site.mapping(0) };
    let of = |site: &Site, mapping, scheme| network(site, "n", mapping, scheme);
    let application = |input: LoadBalancerCreate| LoadBalancerCreate {
        subnet_mappings: [input.subnet_mappings[0].clone(), site.mapping(1)].to_vec(),
        kind: APPLICATION,
        ..input
    };
    let on = |input: LoadBalancerCreate| LoadBalancerCreate {
        source_nat_prefix: Some("on".to_owned()),
        ..input
    };
    let dual = |input: LoadBalancerCreate| LoadBalancerCreate {
        ip_address_type: IpAddressType::Dualstack,
        ..input
    };
    let inside = Scheme::Internal;
    let plain = site.mapping(0);
    let two = vec![site.subnets[0].clone(), site.subnets[1].clone()];
    let cases = [
        ("AllocationIdUnknown", of(&site, unknown, outside)),
        ("AllocationIdsUnavailable", of(&site, used.clone(), outside)),
        ("ElasticIpScheme", of(&site, used.clone(), inside)),
        ("ElasticIpType", application(of(&site, used, outside))),
        ("PrivateAddressType", application(of(&site, private(&site, "10.1.0.9"), inside))),
        ("PrivateAddressScheme", of(&site, private(&site, "10.1.0.9"), outside)),
        ("Ipv6AddressType", application(dual(of(&site, six.clone(), inside)))),
        ("Ipv6AddressFamily", of(&site, six, inside)),
        ("SourceNatType", application(dual(of(&site, prefix.clone(), inside)))),
        ("SourceNatFamily", on(of(&site, plain, inside))),
        ("SourceNatOff", dual(of(&site, prefix.clone(), inside))),
        ("SourceNatPrefixInvalid", on(dual(of(&site, prefix, inside)))),
        ("AddressSyntax", of(&site, private(&site, "x"), inside)),
        ("AddressOutsideSubnet", of(&site, private(&site, "10.2.0.9"), inside)),
        ("AddressTaken", of(&site, private(&site, "10.1.0.1"), inside)),
        (
            "PublicPoolEmpty",
            LoadBalancerCreate { subnets: two, ..site.input("n", APPLICATION, outside) },
        ),
    ];
    for (kind, input) in cases {
        let refusal = site.refused(input);
        assert_eq!(refusal.kind(), kind, "{refusal}");
        w.seen.insert(refusal.kind());
    }
    exhausted_and_moved(w, site, &held);
}

/// The refusals that need a load balancer, or a pool that has ended.
fn exhausted_and_moved(w: &mut World, mut site: Site, held: &LoadBalancer) {
    let inside = Scheme::Internal;
    let uncarried = vec![site.subnets[2].clone()];
    let one = LoadBalancerCreate { subnets: uncarried, ..site.input("s", NETWORK, inside) };
    site.create(one.clone());
    let refusal = site.refused(LoadBalancerCreate { name: "t".to_owned(), ..one });
    assert_eq!(refusal.kind(), "StandInsEmpty");
    w.seen.insert(refusal.kind());
    let other = SubnetMapping { allocation: Some(site.elastic()), ..site.mapping(0) };
    let moved = Command::SubnetsSet(SubnetsSet {
        region: region(),
        arn: held.arn.to_string(),
        subnets: Vec::new(),
        subnet_mappings: vec![other],
        ip_address_type: None,
        source_nat_prefix: None,
    });
    let refusal = site.w.try_run(&moved).unwrap_err();
    assert_eq!(refusal.kind(), "ZoneAddressesFixed");
    w.seen.insert(refusal.kind());
}
