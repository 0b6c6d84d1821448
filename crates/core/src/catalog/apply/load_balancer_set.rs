//! `SetSecurityGroups`, `SetSubnets`, `SetIpAddressType`, `ModifyIpPools`: what may change of a
//! load balancer that exists, type by type.
//!
//! Invariant: zones that stay keep their addresses, so that a change disturbs no client of them.
// spec: nlb-gwlb-clb §1.4 Addresses, subnets, zones [D][M]

use super::Apply;
use super::address::ZonesWanted;
use super::load_balancer::ipam_pool_fits;
use super::placement::{address_type_fits, is_on, places, subnet_ids};
use crate::catalog::command::{
    IpAddressTypeSet, IpPoolsModify, SecurityGroupsSet, SubnetMapping, SubnetsSet,
};
use crate::catalog::unserved::Feature;
use crate::catalog::{LoadBalancerRefusal, Refusal, Resource, ResourceKey};
use crate::resource::{IpAddressType, ListenerProtocol, LoadBalancer, LoadBalancerKind, Subnet};

// === impl Apply ===

impl<'a> Apply<'a> {
    pub(super) fn security_groups_set(&mut self, input: &SecurityGroupsSet) -> Result<(), Refusal> {
        let lb = self.load_balancer(&input.region, &input.arn)?;
        let foreign = |member: &str| LoadBalancerRefusal::MemberForeign {
            member: member.to_owned(),
            kind: lb.kind.as_str().to_owned(),
        };
        if lb.kind == LoadBalancerKind::Gateway {
            return Err(foreign("SecurityGroups").into());
        }
        let enforce = input.enforce_private_link.as_ref();
        if enforce.is_some() && lb.kind != LoadBalancerKind::Network {
            let member = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic";
            return Err(foreign(member).into());
        }
        // spec: nlb-gwlb-clb §1.15 Security groups [D][M]
        if lb.kind == LoadBalancerKind::Network && lb.security_groups.is_empty() {
            return Err(LoadBalancerRefusal::SecurityGroupsLater {}.into());
        }
        if input.security_groups.is_empty() {
            return Err(Refusal::SecurityGroupsEmpty {});
        }
        let groups = self.groups_find(&lb.vpc, &input.security_groups)?;
        let enforce = enforce.map(|word| word == "on").or(lb.enforce_private_link);
        self.load_balancer_replace(lb, |lb| {
            lb.security_groups = groups;
            lb.enforce_private_link = enforce;
        });
        Ok(())
    }

    pub(super) fn subnets_set(&mut self, input: &SubnetsSet) -> Result<(), Refusal> {
        let lb = self.load_balancer(&input.region, &input.arn)?;
        let ip_address_type = input.ip_address_type.unwrap_or(lb.ip_address_type);
        let source_nat = match &input.source_nat_prefix {
            Some(value) => is_on(Some(value)),
            None => lb.source_nat && ip_address_type != IpAddressType::Ipv4,
        };
        address_type_fits(lb.kind, lb.scheme, ip_address_type)?;
        let ids = subnet_ids(&input.subnets, &input.subnet_mappings)?;
        let subnets = self.subnets_find(&input.region, lb.kind, &ids, Some(&lb.vpc))?;
        zones_may_change(lb, &subnets)?;
        let places = places(&subnets, &input.subnet_mappings);
        self.zones_replace(lb, ip_address_type, source_nat, places)
    }

    /// Gives a load balancer the zones of `places`, with addresses of the families that it has now;
    /// a zone that stays keeps its addresses.
    fn zones_replace<'p>(
        &mut self,
        lb: &'p LoadBalancer,
        ip_address_type: IpAddressType,
        source_nat: bool,
        places: Vec<(&'p Subnet, Option<&'p SubnetMapping>)>,
    ) -> Result<(), Refusal> {
        self.families_fit(lb, ip_address_type, source_nat)?;
        let zones = self.zones_take(&ZonesWanted {
            region: &lb.region,
            kind: lb.kind,
            scheme: lb.scheme,
            ip_address_type,
            ipam_pool: lb.ipam_pool.as_deref(),
            source_nat,
            places,
            current: &lb.zones,
        })?;
        self.load_balancer_replace(lb, |lb| {
            lb.ip_address_type = ip_address_type;
            lb.source_nat = source_nat;
            lb.zones = zones;
        });
        Ok(())
    }

    pub(super) fn ip_address_type_set(&mut self, input: &IpAddressTypeSet) -> Result<(), Refusal> {
        let lb = self.load_balancer(&input.region, &input.arn)?;
        let ip_address_type = input.ip_address_type;
        address_type_fits(lb.kind, lb.scheme, ip_address_type)?;
        let source_nat = lb.source_nat && ip_address_type != IpAddressType::Ipv4;
        let catalog = self.catalog;
        let subnets = lb.zones.iter().filter_map(|zone| catalog.subnet(&zone.subnet));
        let places = subnets.map(|subnet| (subnet, None)).collect();
        self.zones_replace(lb, ip_address_type, source_nat, places)
    }

    /// Records the pool that addresses of new zones come from; zones that exist keep theirs.
    pub(super) fn ip_pools_modify(&mut self, input: &IpPoolsModify) -> Result<(), Refusal> {
        let lb = self.load_balancer(&input.region, &input.arn)?;
        match (&input.ipam_pool, input.remove) {
            (None, false) => return Err(LoadBalancerRefusal::IpPoolsNothing {}.into()),
            (Some(_), true) => return Err(LoadBalancerRefusal::IpPoolsBoth {}.into()),
            _ => {}
        }
        if lb.kind != LoadBalancerKind::Application {
            let (member, kind) = ("IpamPools".to_owned(), lb.kind.as_str().to_owned());
            return Err(LoadBalancerRefusal::MemberForeign { member, kind }.into());
        }
        if let Some(pool) = &input.ipam_pool {
            ipam_pool_fits(lb.scheme, lb.ip_address_type)?;
            if !self.catalog.settings.addresses.ipam.contains_key(pool) {
                self.unserved(Feature::IpamPool, pool)?;
            }
        }
        self.load_balancer_replace(lb, |lb| lb.ipam_pool.clone_from(&input.ipam_pool));
        Ok(())
    }

    pub(super) fn load_balancer_replace(
        &mut self,
        lb: &LoadBalancer,
        change: impl FnOnce(&mut LoadBalancer),
    ) {
        let mut changed = lb.clone();
        change(&mut changed);
        if changed == *lb {
            self.subject(ResourceKey::LoadBalancer(changed.arn));
        } else {
            self.put_subject(Resource::LoadBalancer(changed));
        }
    }

    /// Whether the listeners and groups of a load balancer can do with these address families.
    fn families_fit(
        &self,
        lb: &LoadBalancer,
        ip_address_type: IpAddressType,
        source_nat: bool,
    ) -> Result<(), Refusal> {
        let mut protocols = self.catalog.listeners_of(&lb.arn).map(|listener| listener.protocol);
        if ip_address_type == IpAddressType::Ipv4 {
            if self.catalog.groups_of(&lb.arn).into_iter().any(|group| group.ipv6) {
                let reason = "its IPv6 target groups".to_owned();
                return Err(LoadBalancerRefusal::AddressTypeInUse { reason }.into());
            }
            return Ok(());
        }
        let datagrams = |protocol: ListenerProtocol| {
            matches!(protocol, ListenerProtocol::Udp | ListenerProtocol::TcpUdp)
        };
        if !source_nat && protocols.any(datagrams) {
            return Err(LoadBalancerRefusal::DatagramsWithoutPrefix {}.into());
        }
        Ok(())
    }
}

/// Gateways only gain zones; a network load balancer gives a zone up before it may have another
/// subnet there.
fn zones_may_change(lb: &LoadBalancer, subnets: &[&Subnet]) -> Result<(), Refusal> {
    for zone in &lb.zones {
        let next = subnets.iter().find(|subnet| subnet.zone == zone.zone);
        let swapped = next.is_some_and(|subnet| subnet.id != zone.subnet);
        match lb.kind {
            LoadBalancerKind::Application => {}
            LoadBalancerKind::Gateway if next.is_none() => {
                let kind = lb.kind.as_str().to_owned();
                return Err(LoadBalancerRefusal::ZonesRemoved { kind }.into());
            }
            LoadBalancerKind::Network | LoadBalancerKind::Gateway if swapped => {
                let zone = zone.zone.to_string();
                return Err(LoadBalancerRefusal::ZoneSubnetChanged { zone }.into());
            }
            LoadBalancerKind::Network | LoadBalancerKind::Gateway => {}
        }
    }
    Ok(())
}
