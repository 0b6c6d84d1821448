//! Secondary indexes: every lookup that is not by identity.
//!
//! An index entry is derived from one record; `insert` and `remove` are the only writers and are
//! called with the record that appears or disappears. Removal is guarded by identity, because two
//! rules that swap priorities pass through each other's place.
//!
//! Invariant: the index equals what a rebuild from the records gives, in any order that puts
//! subnets before the holders of their addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::{Resource, ResourceKey};
use crate::resource::{
    Instance, InstanceId, InstanceState, ListenerArn, LoadBalancer, LoadBalancerArn, Priority,
    Region, Registrations, Rule, RuleArn, SecurityGroup, SecurityGroupId, Subnet, SubnetId,
    TargetGroupArn, TargetState, TrafficPeer, VpcId, ZoneName,
};

/// Addresses at the start of a subnet that are never given out.
const RESERVED_HEAD: u32 = 4;
/// How long a terminated instance is still shown.
pub(super) const TERMINATED_SHOWN_MS: i64 = 3_600_000;

/// Occupation of one subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pool {
    /// First address that may be given out.
    pub first: u32,
    /// Last address that may be given out; below `first` when there is none.
    pub last: u32,
    /// Addresses in use.
    pub used: u32,
    /// No address of this subnet below this one is free.
    pub lowest_free: u32,
}

/// All secondary indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    pub default_vpcs: BTreeMap<Region, VpcId>,
    pub subnets: BTreeSet<(VpcId, ZoneName, SubnetId)>,
    pub pools: BTreeMap<SubnetId, Pool>,
    pub addresses: BTreeMap<IpAddr, ResourceKey>,
    pub security_groups: BTreeMap<Region, BTreeSet<SecurityGroupId>>,
    pub security_group_names: BTreeMap<(VpcId, String), SecurityGroupId>,
    pub security_group_users: BTreeMap<SecurityGroupId, BTreeSet<ResourceKey>>,
    pub instances: BTreeMap<Region, BTreeSet<InstanceId>>,
    pub client_tokens: BTreeMap<(Region, String), BTreeSet<InstanceId>>,
    pub load_balancers: BTreeMap<Region, BTreeMap<String, LoadBalancerArn>>,
    pub listeners: BTreeMap<LoadBalancerArn, BTreeMap<u16, ListenerArn>>,
    pub rules: BTreeMap<ListenerArn, BTreeMap<Priority, RuleArn>>,
    pub target_groups: BTreeMap<Region, BTreeMap<String, TargetGroupArn>>,
    pub group_rules: BTreeMap<TargetGroupArn, BTreeSet<RuleArn>>,
    pub target_groups_of: BTreeMap<String, BTreeSet<TargetGroupArn>>,
    pub deadlines: BTreeSet<(i64, ResourceKey)>,
}

// === impl Pool ===

impl Pool {
    fn new(cidr: &IpNet) -> Self {
        let (first, last) = match cidr {
            IpNet::V4(net) => {
                let base = u32::from(net.network());
                (base.saturating_add(RESERVED_HEAD), u32::from(net.broadcast()).saturating_sub(1))
            }
            // No subnet has an IPv6 block yet: nothing can be given out.
            IpNet::V6(_) => (1, 0),
        };
        Self { first, last, used: 0, lowest_free: first }
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
        match resource {
            Resource::Vpc(vpc) => {
                if vpc.is_default {
                    self.default_vpcs.insert(vpc.region.clone(), vpc.id.clone());
                }
            }
            Resource::Subnet(subnet) => self.subnet_insert(subnet),
            Resource::SecurityGroup(group) => self.security_group_insert(group),
            Resource::Instance(instance) => self.instance_insert(instance),
            Resource::LoadBalancer(lb) => self.load_balancer_insert(lb),
            Resource::Listener(listener) => {
                let ports = self.listeners.entry(listener.load_balancer.clone()).or_default();
                ports.insert(listener.port, listener.arn.clone());
            }
            Resource::Rule(rule) => self.rule_insert(rule),
            Resource::TargetGroup(group) => {
                let names = self.target_groups.entry(group.region.clone()).or_default();
                names.insert(group.name.clone(), group.arn.clone());
            }
            Resource::Registrations(registrations) => self.registrations_insert(registrations),
            Resource::ElasticAddress(_) | Resource::Certificate(_) | Resource::TrustStore(_) => {}
        }
    }

    /// Takes the entries of a record away.
    pub fn remove(&mut self, resource: &Resource) {
        match resource {
            Resource::Vpc(vpc) => remove_if(&mut self.default_vpcs, &vpc.region, &vpc.id),
            Resource::Subnet(subnet) => {
                let entry = (subnet.vpc.clone(), subnet.zone.clone(), subnet.id.clone());
                self.subnets.remove(&entry);
                self.pools.remove(&subnet.id);
            }
            Resource::SecurityGroup(group) => self.security_group_remove(group),
            Resource::Instance(instance) => self.instance_remove(instance),
            Resource::LoadBalancer(lb) => self.load_balancer_remove(lb),
            Resource::Listener(l) => {
                remove_inner(&mut self.listeners, &l.load_balancer, &l.port, &l.arn);
            }
            Resource::Rule(rule) => self.rule_remove(rule),
            Resource::TargetGroup(group) => {
                remove_inner(&mut self.target_groups, &group.region, &group.name, &group.arn);
            }
            Resource::Registrations(registrations) => self.registrations_remove(registrations),
            Resource::ElasticAddress(_) | Resource::Certificate(_) | Resource::TrustStore(_) => {}
        }
    }

    fn subnet_insert(&mut self, subnet: &Subnet) {
        self.subnets.insert((subnet.vpc.clone(), subnet.zone.clone(), subnet.id.clone()));
        let mut pool = Pool::new(&subnet.cidr);
        // A rewritten subnet (its tags changed) keeps the addresses that are in use.
        if let Some((first, last)) = pool_range(&pool) {
            pool.used = self.addresses.range(first..=last).count() as u32;
            pool.lowest_free = lowest_free(&self.addresses, pool.first, pool.last);
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
        self.address_insert(instance.private_address, &instance.subnet, key);
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
        self.address_remove(instance.private_address, &instance.subnet, &key);
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
        }
    }

    fn rule_insert(&mut self, rule: &Rule) {
        let priorities = self.rules.entry(rule.listener.clone()).or_default();
        priorities.insert(rule.priority, rule.arn.clone());
        for group in rule.actions.iter().flat_map(|action| action.groups()) {
            insert_into(&mut self.group_rules, group, &rule.arn);
        }
    }

    fn rule_remove(&mut self, rule: &Rule) {
        remove_inner(&mut self.rules, &rule.listener, &rule.priority, &rule.arn);
        for group in rule.actions.iter().flat_map(|action| action.groups()) {
            remove_from(&mut self.group_rules, group, &rule.arn);
        }
    }

    fn registrations_insert(&mut self, registrations: &Registrations) {
        let key = ResourceKey::Registrations(registrations.group.clone());
        for target in &registrations.targets {
            insert_into(&mut self.target_groups_of, &target.id, &registrations.group);
            if let TargetState::Draining { until_ms } = target.state {
                self.deadlines.insert((until_ms, key.clone()));
            }
        }
    }

    fn registrations_remove(&mut self, registrations: &Registrations) {
        let key = ResourceKey::Registrations(registrations.group.clone());
        for target in &registrations.targets {
            remove_from(&mut self.target_groups_of, &target.id, &registrations.group);
            if let TargetState::Draining { until_ms } = target.state {
                self.deadlines.remove(&(until_ms, key.clone()));
            }
        }
    }

    fn address_insert(&mut self, address: IpAddr, subnet: &SubnetId, user: ResourceKey) {
        let fresh = self.addresses.insert(address, user).is_none();
        let (Some(pool), IpAddr::V4(v4)) = (self.pools.get_mut(subnet), address) else {
            return;
        };
        pool.used += u32::from(fresh);
        if pool.lowest_free == u32::from(v4) {
            pool.lowest_free = lowest_free(&self.addresses, pool.lowest_free, pool.last);
        }
    }

    fn address_remove(&mut self, address: IpAddr, subnet: &SubnetId, user: &ResourceKey) {
        if self.addresses.get(&address) != Some(user) {
            return;
        }
        self.addresses.remove(&address);
        let (Some(pool), IpAddr::V4(v4)) = (self.pools.get_mut(subnet), address) else {
            return;
        };
        pool.used -= 1;
        pool.lowest_free = pool.lowest_free.min(u32::from(v4));
    }
}

/// The first address at or above `from` that nobody uses; `last + 1` when there is none.
pub(super) fn lowest_free(addresses: &BTreeMap<IpAddr, ResourceKey>, from: u32, last: u32) -> u32 {
    let mut candidate = from;
    let used = addresses.range(IpAddr::V4(Ipv4Addr::from(from))..);
    for (address, _) in used {
        if candidate > last || *address != IpAddr::V4(Ipv4Addr::from(candidate)) {
            break;
        }
        candidate += 1;
    }
    candidate
}

fn pool_range(pool: &Pool) -> Option<(IpAddr, IpAddr)> {
    let range = (Ipv4Addr::from(pool.first).into(), Ipv4Addr::from(pool.last).into());
    (pool.first <= pool.last).then_some(range)
}

fn instance_deadline(instance: &Instance) -> Option<i64> {
    let terminated = instance.state == InstanceState::Terminated;
    terminated.then(|| instance.terminated_ms.unwrap_or(0).saturating_add(TERMINATED_SHOWN_MS))
}

/// Other groups that a group's rules name.
fn group_peers(group: &SecurityGroup) -> impl Iterator<Item = &SecurityGroupId> {
    let rules = group.ingress.iter().chain(&group.egress);
    rules.filter_map(|rule| match &rule.peer {
        TrafficPeer::Group(peer) if *peer != group.id => Some(peer),
        TrafficPeer::Group(_) | TrafficPeer::Cidr(_) => None,
    })
}

fn insert_into<K: Ord + Clone, V: Ord + Clone>(map: &mut BTreeMap<K, BTreeSet<V>>, k: &K, v: &V) {
    map.entry(k.clone()).or_default().insert(v.clone());
}

fn remove_from<K: Ord, V: Ord>(map: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(values) = map.get_mut(key) {
        values.remove(value);
        if values.is_empty() {
            map.remove(key);
        }
    }
}

fn remove_if<K: Ord, V: PartialEq>(map: &mut BTreeMap<K, V>, key: &K, value: &V) {
    if map.get(key) == Some(value) {
        map.remove(key);
    }
}

fn remove_inner<K: Ord, L: Ord, V: PartialEq>(
    map: &mut BTreeMap<K, BTreeMap<L, V>>,
    outer: &K,
    inner: &L,
    value: &V,
) {
    if let Some(values) = map.get_mut(outer) {
        remove_if(values, inner, value);
        if values.is_empty() {
            map.remove(outer);
        }
    }
}
