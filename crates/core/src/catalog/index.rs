//! Secondary indexes: every lookup that is not by identity.
//!
//! An index entry is derived from one record; `insert` and `remove` are the only writers and are
//! called with the record that appears or disappears. Removal is guarded by identity, because two
//! rules that swap priorities pass through each other's place.
//!
//! Invariant: the index equals what a rebuild from the records gives, in any order that puts
//! subnets before the holders of their addresses.

mod routing;

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use self::routing::Routing;
use super::inventory::Inventory;
use super::{Resource, ResourceKey};
use crate::persistent::{Map, Set};
use crate::resource::{
    AllocationId, Certificate, CertificateArn, CertificateOrigin, Instance, InstanceId,
    InstanceState, Listener, ListenerArn, LoadBalancer, LoadBalancerArn, LoadBalancerZone,
    NetworkInterface, Priority, Region, Registrations, Rule, RuleArn, SecurityGroup,
    SecurityGroupId, Subnet, SubnetId, Target, TargetGroupArn, TargetState, TrafficPeer,
    TrustStoreArn, VpcId, ZoneName,
};

/// Addresses at the start of a subnet that are never given out.
const RESERVED_HEAD: u32 = 4;
/// How long a terminated instance is still shown.
pub(super) const TERMINATED_SHOWN_MS: i64 = 3_600_000;

/// Occupation of one subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pool {
    /// The VPC within which an address has one holder.
    pub vpc: VpcId,
    /// First address that may be given out.
    pub first: u32,
    /// Last address that may be given out; below `first` when there is none.
    pub last: u32,
    /// Addresses in use.
    pub used: u32,
    /// No address of this subnet below this one is free.
    pub lowest_free: u32,
}

/// How often one target id is registered in one group, with different ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Registered {
    /// Leaving ones included.
    pub all: u32,
    /// Those that are not leaving.
    pub serving: u32,
}

/// All secondary indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// Interfaces, elastic addresses, prefix lists, rules of groups.
    pub inventory: Inventory,
    pub default_vpcs: Map<Region, VpcId>,
    pub subnets: Set<(VpcId, ZoneName, SubnetId)>,
    /// Gateways and route tables by what they serve.
    pub routing: Routing,
    pub pools: Map<SubnetId, Pool>,
    /// Who holds an address of a VPC's subnets. Networks of two VPCs may overlap.
    pub private: Map<(VpcId, IpAddr), ResourceKey>,
    /// Who holds an address that sockets bind, or that the account owns.
    pub addresses: Map<IpAddr, ResourceKey>,
    /// The load balancer that uses an elastic address.
    pub allocations: Map<AllocationId, LoadBalancerArn>,
    pub security_groups: Map<Region, Set<SecurityGroupId>>,
    pub security_group_names: Map<(VpcId, String), SecurityGroupId>,
    pub security_group_users: Map<SecurityGroupId, Set<ResourceKey>>,
    pub instances: Map<Region, Set<InstanceId>>,
    pub client_tokens: Map<(Region, String), Set<InstanceId>>,
    pub load_balancers: Map<Region, Map<String, LoadBalancerArn>>,
    pub listeners: Map<LoadBalancerArn, Map<u16, ListenerArn>>,
    pub rules: Map<ListenerArn, Map<Priority, RuleArn>>,
    pub target_groups: Map<Region, Map<String, TargetGroupArn>>,
    pub group_rules: Map<TargetGroupArn, Set<RuleArn>>,
    /// Groups that rules of a load balancer name, and how many rules do.
    pub groups_of: Map<LoadBalancerArn, Map<TargetGroupArn, u32>>,
    /// Groups in which a target id is registered.
    pub target_groups_of: Map<String, Map<TargetGroupArn, Registered>>,
    /// Targets of a group that are not leaving; groups without any have no entry.
    pub serving: Map<TargetGroupArn, usize>,
    /// When `TargetsReap` has something to do: one entry per group or instance.
    pub deadlines: Set<(i64, ResourceKey)>,
    /// Those of ACM; those of IAM serve all regions and are found by name.
    pub certificates: Map<Region, Set<CertificateArn>>,
    pub server_certificates: Map<String, CertificateArn>,
    pub certificate_listeners: Map<CertificateArn, Set<ListenerArn>>,
    pub trust_stores: Map<Region, Map<String, TrustStoreArn>>,
    pub trust_store_listeners: Map<TrustStoreArn, Set<ListenerArn>>,
}

// === impl Pool ===

impl Pool {
    fn new(subnet: &Subnet) -> Self {
        let (first, last) = match &subnet.cidr {
            IpNet::V4(net) => {
                let base = u32::from(net.network());
                (base.saturating_add(RESERVED_HEAD), u32::from(net.broadcast()).saturating_sub(1))
            }
            // A subnet without IPv4 gives none out.
            IpNet::V6(_) => (1, 0),
        };
        Self { vpc: subnet.vpc.clone(), first, last, used: 0, lowest_free: first }
    }

    /// Addresses that are free.
    pub fn free(&self) -> u32 {
        (self.last + 1).saturating_sub(self.first).saturating_sub(self.used)
    }
}

// === impl Index ===

impl Index {
    /// Adds the entries of a record.
    pub fn insert(&mut self, resource: &Resource) {
        self.inventory.insert(resource);
        match resource {
            Resource::Vpc(vpc) => {
                if vpc.is_default {
                    self.default_vpcs.insert(vpc.region.clone(), vpc.id.clone());
                }
            }
            Resource::InternetGateway(gateway) => self.routing.gateway_insert(gateway),
            Resource::Subnet(subnet) => self.subnet_insert(subnet),
            Resource::RouteTable(table) => self.routing.table_insert(table),
            Resource::SecurityGroup(group) => self.security_group_insert(group),
            Resource::Instance(instance) => self.instance_insert(instance),
            Resource::LoadBalancer(lb) => self.load_balancer_insert(lb),
            Resource::Listener(listener) => self.listener_insert(listener),
            Resource::Rule(rule) => self.rule_insert(rule),
            Resource::TargetGroup(group) => {
                let names = self.target_groups.entry(group.region.clone()).or_default();
                names.insert(group.name.clone(), group.arn.clone());
            }
            Resource::Registrations(record) => self.registrations_change(None, Some(record)),
            Resource::Certificate(certificate) => self.certificate_insert(certificate),
            Resource::TrustStore(store) => {
                let names = self.trust_stores.entry(store.region.clone()).or_default();
                names.insert(store.name.clone(), store.arn.clone());
            }
            Resource::NetworkInterface(interface) => self.interface_insert(interface),
            Resource::ElasticAddress(elastic) => {
                self.addresses.insert(IpAddr::V4(elastic.address), resource.key());
            }
            Resource::PrefixList(_) | Resource::ServiceRole(_) => {}
        }
    }

    /// Takes the entries of a record away.
    pub fn remove(&mut self, resource: &Resource) {
        self.inventory.remove(resource);
        match resource {
            Resource::Vpc(vpc) => remove_if(&mut self.default_vpcs, &vpc.region, &vpc.id),
            Resource::Subnet(subnet) => {
                let entry = (subnet.vpc.clone(), subnet.zone.clone(), subnet.id.clone());
                self.subnets.remove(&entry);
                self.pools.remove(&subnet.id);
            }
            Resource::InternetGateway(gateway) => self.routing.gateway_remove(gateway),
            Resource::RouteTable(table) => self.routing.table_remove(table),
            Resource::SecurityGroup(group) => self.security_group_remove(group),
            Resource::Instance(instance) => self.instance_remove(instance),
            Resource::LoadBalancer(lb) => self.load_balancer_remove(lb),
            Resource::Listener(listener) => self.listener_remove(listener),
            Resource::Rule(rule) => self.rule_remove(rule),
            Resource::TargetGroup(group) => {
                remove_inner(&mut self.target_groups, &group.region, &group.name, &group.arn);
            }
            Resource::Registrations(record) => self.registrations_change(Some(record), None),
            Resource::Certificate(certificate) => self.certificate_remove(certificate),
            Resource::TrustStore(store) => {
                remove_inner(&mut self.trust_stores, &store.region, &store.name, &store.arn);
            }
            Resource::NetworkInterface(interface) => self.interface_remove(interface),
            Resource::ElasticAddress(elastic) => {
                remove_if(&mut self.addresses, &IpAddr::V4(elastic.address), &resource.key());
            }
            Resource::PrefixList(_) | Resource::ServiceRole(_) => {}
        }
    }

    fn subnet_insert(&mut self, subnet: &Subnet) {
        self.subnets.insert((subnet.vpc.clone(), subnet.zone.clone(), subnet.id.clone()));
        let mut pool = Pool::new(subnet);
        // A rewritten subnet (its tags changed) keeps the addresses that are in use.
        if let Some((first, last)) = pool_range(&pool) {
            let range = (subnet.vpc.clone(), first)..=(subnet.vpc.clone(), last);
            pool.used = self.private.range(range).count() as u32;
            pool.lowest_free = lowest_free(&self.private, &subnet.vpc, pool.first, pool.last);
        }
        self.pools.insert(subnet.id.clone(), pool);
    }

    fn security_group_insert(&mut self, group: &SecurityGroup) {
        self.security_groups.entry(group.region.clone()).or_default().insert(group.id.clone());
        let name = (group.vpc.clone(), group.name.clone());
        self.security_group_names.insert(name, group.id.clone());
        let user = ResourceKey::SecurityGroup(group.id.clone());
        for peer in group_peers(group) {
            insert_into(&mut self.security_group_users, peer, &user);
        }
    }

    fn security_group_remove(&mut self, group: &SecurityGroup) {
        remove_from(&mut self.security_groups, &group.region, &group.id);
        let name = (group.vpc.clone(), group.name.clone());
        remove_if(&mut self.security_group_names, &name, &group.id);
        let user = ResourceKey::SecurityGroup(group.id.clone());
        for peer in group_peers(group) {
            remove_from(&mut self.security_group_users, peer, &user);
        }
    }

    fn instance_insert(&mut self, instance: &Instance) {
        let (id, region) = (&instance.id, &instance.region);
        self.instances.entry(region.clone()).or_default().insert(id.clone());
        if let Some(token) = &instance.client_token {
            let key = (region.clone(), token.clone());
            self.client_tokens.entry(key).or_default().insert(id.clone());
        }
        let key = ResourceKey::Instance(id.clone());
        if let Some(deadline) = instance_deadline(instance) {
            self.deadlines.insert((deadline, key));
            return;
        }
        for group in &instance.security_groups {
            insert_into(&mut self.security_group_users, group, &key);
        }
        for address in instance.addresses() {
            self.address_insert(address, &instance.subnet, key.clone());
        }
    }

    fn instance_remove(&mut self, instance: &Instance) {
        let (id, region) = (&instance.id, &instance.region);
        remove_from(&mut self.instances, region, id);
        if let Some(token) = &instance.client_token {
            remove_from(&mut self.client_tokens, &(region.clone(), token.clone()), id);
        }
        let key = ResourceKey::Instance(id.clone());
        if let Some(deadline) = instance_deadline(instance) {
            self.deadlines.remove(&(deadline, key));
            return;
        }
        for group in &instance.security_groups {
            remove_from(&mut self.security_group_users, group, &key);
        }
        for address in instance.addresses() {
            self.address_remove(address, &instance.subnet, &key);
        }
    }

    fn interface_insert(&mut self, interface: &NetworkInterface) {
        let key = ResourceKey::NetworkInterface(interface.id.clone());
        for group in &interface.security_groups {
            insert_into(&mut self.security_group_users, group, &key);
        }
        for address in interface.addresses() {
            self.address_insert(address, &interface.subnet, key.clone());
        }
    }

    fn interface_remove(&mut self, interface: &NetworkInterface) {
        let key = ResourceKey::NetworkInterface(interface.id.clone());
        for group in &interface.security_groups {
            remove_from(&mut self.security_group_users, group, &key);
        }
        for address in interface.addresses() {
            self.address_remove(address, &interface.subnet, &key);
        }
    }

    fn load_balancer_insert(&mut self, lb: &LoadBalancer) {
        let names = self.load_balancers.entry(lb.region.clone()).or_default();
        names.insert(lb.name.clone(), lb.arn.clone());
        let key = ResourceKey::LoadBalancer(lb.arn.clone());
        for group in &lb.security_groups {
            insert_into(&mut self.security_group_users, group, &key);
        }
        for zone in &lb.zones {
            self.address_insert(zone.address, &zone.subnet, key.clone());
            for address in zone_extras(&lb.vpc, zone) {
                self.private.insert(address, key.clone());
            }
            for address in zone_owned(zone) {
                self.addresses.insert(address, key.clone());
            }
            if let Some(id) = zone_allocation(zone) {
                self.allocations.insert(id.clone(), lb.arn.clone());
            }
        }
    }

    fn load_balancer_remove(&mut self, lb: &LoadBalancer) {
        remove_inner(&mut self.load_balancers, &lb.region, &lb.name, &lb.arn);
        let key = ResourceKey::LoadBalancer(lb.arn.clone());
        for group in &lb.security_groups {
            remove_from(&mut self.security_group_users, group, &key);
        }
        for zone in &lb.zones {
            self.address_remove(zone.address, &zone.subnet, &key);
            for address in zone_extras(&lb.vpc, zone) {
                remove_if(&mut self.private, &address, &key);
            }
            for address in zone_owned(zone) {
                remove_if(&mut self.addresses, &address, &key);
            }
            if let Some(id) = zone_allocation(zone) {
                remove_if(&mut self.allocations, id, &lb.arn);
            }
        }
    }

    fn listener_insert(&mut self, listener: &Listener) {
        let ports = self.listeners.entry(listener.load_balancer.clone()).or_default();
        ports.insert(listener.port, listener.arn.clone());
        for certificate in &listener.certificates {
            insert_into(&mut self.certificate_listeners, certificate, &listener.arn);
        }
        if let Some(store) = trust_store_of(listener) {
            insert_into(&mut self.trust_store_listeners, store, &listener.arn);
        }
    }

    fn listener_remove(&mut self, listener: &Listener) {
        let (owner, port) = (&listener.load_balancer, &listener.port);
        remove_inner(&mut self.listeners, owner, port, &listener.arn);
        for certificate in &listener.certificates {
            remove_from(&mut self.certificate_listeners, certificate, &listener.arn);
        }
        if let Some(store) = trust_store_of(listener) {
            remove_from(&mut self.trust_store_listeners, store, &listener.arn);
        }
    }

    fn certificate_insert(&mut self, certificate: &Certificate) {
        if let CertificateOrigin::ServerCertificate { name, .. } = &certificate.origin {
            self.server_certificates.insert(name.to_ascii_lowercase(), certificate.arn.clone());
        } else {
            insert_into(&mut self.certificates, &certificate.region, &certificate.arn);
        }
    }

    fn certificate_remove(&mut self, certificate: &Certificate) {
        if let CertificateOrigin::ServerCertificate { name, .. } = &certificate.origin {
            let name = name.to_ascii_lowercase();
            remove_if(&mut self.server_certificates, &name, &certificate.arn);
        } else {
            remove_from(&mut self.certificates, &certificate.region, &certificate.arn);
        }
    }

    fn rule_insert(&mut self, rule: &Rule) {
        let priorities = self.rules.entry(rule.listener.clone()).or_default();
        priorities.insert(rule.priority, rule.arn.clone());
        for group in groups_named(rule) {
            insert_into(&mut self.group_rules, group, &rule.arn);
            let groups = self.groups_of.entry(rule.listener.load_balancer()).or_default();
            *groups.entry(group.clone()).or_default() += 1;
        }
    }

    fn rule_remove(&mut self, rule: &Rule) {
        remove_inner(&mut self.rules, &rule.listener, &rule.priority, &rule.arn);
        for group in groups_named(rule) {
            remove_from(&mut self.group_rules, group, &rule.arn);
            let owner = rule.listener.load_balancer();
            let Some(groups) = self.groups_of.value_mut(&owner) else { continue };
            let Some(count) = groups.value_mut(group) else { continue };
            *count -= 1;
            if *count == 0 {
                groups.remove(group);
            }
            if groups.is_empty() {
                self.groups_of.remove(&owner);
            }
        }
    }

    /// Replaces the entries of a record of registrations by those of its next version. Only the
    /// targets between the common beginning and the common end are looked at.
    pub fn registrations_change(
        &mut self,
        before: Option<&Registrations>,
        after: Option<&Registrations>,
    ) {
        let Some(group) = before.or(after).map(|record| &record.group) else { return };
        let of = |record: Option<&'_ Registrations>| record.map_or(0, |r| r.targets.len());
        let (old, new) =
            (before.map_or(&[][..], |r| &r.targets), after.map_or(&[][..], |r| &r.targets));
        let shorter = of(before).min(of(after));
        let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        let ends = old.iter().rev().zip(new.iter().rev());
        let tail = ends.take(shorter - head).take_while(|(a, b)| a == b).count();
        for target in &old[head..old.len() - tail] {
            self.target_remove(group, target);
        }
        for target in &new[head..new.len() - tail] {
            self.target_insert(group, target);
        }
        let key = || ResourceKey::Registrations(group.clone());
        if let Some(deadline) = first_deadline(old) {
            self.deadlines.remove(&(deadline, key()));
        }
        if let Some(deadline) = first_deadline(new) {
            self.deadlines.insert((deadline, key()));
        }
        let serving = new.iter().filter(|target| !target.is_draining()).count();
        if serving == 0 {
            self.serving.remove(group);
        } else if self.serving.get(group) != Some(&serving) {
            self.serving.insert(group.clone(), serving);
        }
    }

    fn target_insert(&mut self, group: &TargetGroupArn, target: &Target) {
        let groups = self.target_groups_of.entry(target.id.clone()).or_default();
        let registered = groups.entry(group.clone()).or_default();
        registered.all += 1;
        registered.serving += u32::from(!target.is_draining());
    }

    fn target_remove(&mut self, group: &TargetGroupArn, target: &Target) {
        let Some(groups) = self.target_groups_of.value_mut(&target.id) else { return };
        let Some(registered) = groups.value_mut(group) else { return };
        registered.all -= 1;
        registered.serving -= u32::from(!target.is_draining());
        if registered.all == 0 {
            groups.remove(group);
        }
        if groups.is_empty() {
            self.target_groups_of.remove(&target.id);
        }
    }

    fn address_insert(&mut self, address: IpAddr, subnet: &SubnetId, user: ResourceKey) {
        // Subnets come before the holders of their addresses.
        let Some(pool) = self.pools.value_mut(subnet) else { return };
        let fresh = self.private.insert((pool.vpc.clone(), address), user).is_none();
        let IpAddr::V4(v4) = address else { return };
        pool.used += u32::from(fresh);
        if pool.lowest_free == u32::from(v4) {
            pool.lowest_free = lowest_free(&self.private, &pool.vpc, pool.lowest_free, pool.last);
        }
    }

    fn address_remove(&mut self, address: IpAddr, subnet: &SubnetId, user: &ResourceKey) {
        let Some(pool) = self.pools.value_mut(subnet) else { return };
        let place = (pool.vpc.clone(), address);
        if self.private.get(&place) != Some(user) {
            return;
        }
        self.private.remove(&place);
        let IpAddr::V4(v4) = address else { return };
        pool.used -= 1;
        pool.lowest_free = pool.lowest_free.min(u32::from(v4));
    }
}

/// The first address of a VPC at or above `from` that nobody uses; `last + 1` when there is none.
pub(super) fn lowest_free(
    private: &Map<(VpcId, IpAddr), ResourceKey>,
    vpc: &VpcId,
    from: u32,
    last: u32,
) -> u32 {
    let mut candidate = from;
    let used = private.range((vpc.clone(), IpAddr::V4(Ipv4Addr::from(from)))..);
    for ((holder, address), _) in used {
        let is_next = holder == vpc && *address == IpAddr::V4(Ipv4Addr::from(candidate));
        if candidate > last || !is_next {
            break;
        }
        candidate += 1;
    }
    candidate
}

/// What a zone holds of its VPC besides its IPv4 address: the IPv6 one, and the first address of
/// its prefix for source addresses.
fn zone_extras(vpc: &VpcId, zone: &LoadBalancerZone) -> impl Iterator<Item = (VpcId, IpAddr)> {
    let prefix = zone.source_nat_prefix.as_deref().and_then(|text| text.parse::<IpNet>().ok());
    let both = [zone.ipv6.map(IpAddr::V6), prefix.map(|net| net.network())];
    both.into_iter().flatten().map(|address| (vpc.clone(), address))
}

/// The addresses outside its VPC that only this zone may have: those that it binds, and its public
/// one, unless that is an elastic address, which has a record of its own.
fn zone_owned(zone: &LoadBalancerZone) -> impl Iterator<Item = IpAddr> {
    let elastic = zone_allocation(zone).and(zone.public.as_ref()).map(|p| IpAddr::V4(p.address));
    let public = zone.public.as_ref().map(|public| IpAddr::V4(public.address));
    let bound = zone.listens().collect::<Vec<_>>();
    bound.into_iter().chain(public).filter(move |address| Some(*address) != elastic)
}

fn zone_allocation(zone: &LoadBalancerZone) -> Option<&AllocationId> {
    zone.public.as_ref()?.allocation.as_ref()
}

fn pool_range(pool: &Pool) -> Option<(IpAddr, IpAddr)> {
    let range = (Ipv4Addr::from(pool.first).into(), Ipv4Addr::from(pool.last).into());
    (pool.first <= pool.last).then_some(range)
}

fn instance_deadline(instance: &Instance) -> Option<i64> {
    let terminated = instance.state == InstanceState::Terminated;
    terminated.then(|| instance.terminated_ms.unwrap_or(0).saturating_add(TERMINATED_SHOWN_MS))
}

fn trust_store_of(listener: &Listener) -> Option<&TrustStoreArn> {
    listener.mutual_authentication.as_ref().and_then(|mutual| mutual.trust_store.as_ref())
}

/// The target groups that a rule names, each once.
fn groups_named(rule: &Rule) -> std::collections::BTreeSet<&TargetGroupArn> {
    rule.actions.iter().flat_map(|action| action.groups()).collect()
}

/// When the first of the leaving targets has left.
fn first_deadline(targets: &[Target]) -> Option<i64> {
    let until = targets.iter().filter_map(|target| match target.state {
        TargetState::Draining { until_ms } => Some(until_ms),
        TargetState::Registered => None,
    });
    until.min()
}

/// Other groups that a group's rules name.
fn group_peers(group: &SecurityGroup) -> impl Iterator<Item = &SecurityGroupId> {
    let rules = group.ingress.iter().chain(&group.egress);
    rules.filter_map(|rule| match &rule.peer {
        TrafficPeer::Group(peer) if *peer != group.id => Some(peer),
        TrafficPeer::Group(_) | TrafficPeer::Cidr(_) | TrafficPeer::PrefixList(_) => None,
    })
}

pub(super) fn insert_into<K: Ord + Clone, V: Ord + Clone>(map: &mut Map<K, Set<V>>, k: &K, v: &V) {
    map.entry(k.clone()).or_default().insert(v.clone());
}

pub(super) fn remove_from<K: Ord + Clone, V: Ord + Clone>(
    map: &mut Map<K, Set<V>>,
    key: &K,
    value: &V,
) {
    if let Some(values) = map.value_mut(key) {
        values.remove(value);
        if values.is_empty() {
            map.remove(key);
        }
    }
}

pub(super) fn remove_if<K: Ord + Clone, V: PartialEq + Clone>(
    map: &mut Map<K, V>,
    key: &K,
    value: &V,
) {
    if map.get(key) == Some(value) {
        map.remove(key);
    }
}

fn remove_inner<K: Ord + Clone, L: Ord + Clone, V: PartialEq + Clone>(
    map: &mut Map<K, Map<L, V>>,
    outer: &K,
    inner: &L,
    value: &V,
) {
    if let Some(values) = map.value_mut(outer) {
        remove_if(values, inner, value);
        if values.is_empty() {
            map.remove(outer);
        }
    }
}
