//! Indexes of the EC2 inventory: interfaces, elastic addresses, prefix lists, rules of groups.
//!
//! Part of [`super::index::Index`], which calls `insert` and `remove` with every record.
//!
//! The relations between these records are verified here too.
//!
//! Invariant: every entry is derived from one record, as in the index that this is part of.

use std::net::IpAddr;

use ipnet::IpNet;

use super::check::require;
use super::index::{insert_into, remove_from, remove_if};
use super::{Catalog, Inconsistent, Resource, ResourceKey};
use crate::persistent::{Map, Set};
use crate::resource::{
    AllocationId, ElasticAddress, Instance, InstanceId, InstanceState, InterfaceId, LoadBalancer,
    NetworkInterface, PrefixList, PrefixListId, Region, SecurityGroup, SecurityGroupId,
    SecurityGroupRule, TrafficPeer, VpcId,
};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inventory {
    /// Whose each interface is.
    pub interfaces: Map<InterfaceId, ResourceKey>,
    /// Interfaces that somebody made.
    pub made: Map<Region, Set<InterfaceId>>,
    /// Interfaces that somebody attached.
    pub attached: Map<InstanceId, Set<InterfaceId>>,
    /// By `eni-attach-…`.
    pub attachments: Map<String, InterfaceId>,
    /// Elastic addresses.
    pub elastic: Map<Region, Set<AllocationId>>,
    /// The elastic address of an interface; there is one at most.
    pub elastic_of: Map<InterfaceId, AllocationId>,
    /// By `eipassoc-…`.
    pub associations: Map<String, AllocationId>,
    /// Prefix lists.
    pub prefix_lists: Map<Region, Set<PrefixListId>>,
    /// The groups whose rules name a prefix list.
    pub prefix_list_users: Map<PrefixListId, Set<SecurityGroupId>>,
    /// By `sgr-…`.
    pub group_rules: Map<String, SecurityGroupId>,
}

// === impl Inventory ===

impl Inventory {
    /// Adds the entries of a record.
    pub fn insert(&mut self, resource: &Resource) {
        match resource {
            Resource::PrefixList(PrefixList { id, region, .. }) => {
                insert_into(&mut self.prefix_lists, region, id);
            }
            Resource::SecurityGroup(group) => {
                for rule in rules(group) {
                    self.group_rules.insert(rule.id.clone(), group.id.clone());
                    if let TrafficPeer::PrefixList(list) = &rule.peer {
                        insert_into(&mut self.prefix_list_users, list, &group.id);
                    }
                }
            }
            Resource::Instance(instance) if instance.state != InstanceState::Terminated => {
                self.interfaces.insert(instance.interface.clone(), resource.key());
            }
            Resource::NetworkInterface(interface) => self.made_insert(interface, resource.key()),
            Resource::ElasticAddress(address) => self.elastic_insert(address),
            Resource::LoadBalancer(LoadBalancer { zones, .. }) => {
                for zone in zones {
                    self.interfaces.insert(zone.interface.clone(), resource.key());
                }
            }
            _ => {}
        }
    }

    /// Takes the entries of a record away.
    pub fn remove(&mut self, resource: &Resource) {
        match resource {
            Resource::PrefixList(PrefixList { id, region, .. }) => {
                remove_from(&mut self.prefix_lists, region, id);
            }
            Resource::SecurityGroup(group) => {
                for rule in rules(group) {
                    remove_if(&mut self.group_rules, &rule.id, &group.id);
                    if let TrafficPeer::PrefixList(list) = &rule.peer {
                        remove_from(&mut self.prefix_list_users, list, &group.id);
                    }
                }
            }
            Resource::Instance(Instance { interface, .. }) => {
                remove_if(&mut self.interfaces, interface, &resource.key());
            }
            Resource::NetworkInterface(interface) => self.made_remove(interface, &resource.key()),
            Resource::ElasticAddress(address) => self.elastic_remove(address),
            Resource::LoadBalancer(LoadBalancer { zones, .. }) => {
                for zone in zones {
                    remove_if(&mut self.interfaces, &zone.interface, &resource.key());
                }
            }
            _ => {}
        }
    }

    fn made_insert(&mut self, interface: &NetworkInterface, key: ResourceKey) {
        self.interfaces.insert(interface.id.clone(), key);
        insert_into(&mut self.made, &interface.region, &interface.id);
        if let Some(attachment) = &interface.attachment {
            insert_into(&mut self.attached, &attachment.instance, &interface.id);
            self.attachments.insert(attachment.id.clone(), interface.id.clone());
        }
    }

    fn made_remove(&mut self, interface: &NetworkInterface, key: &ResourceKey) {
        remove_if(&mut self.interfaces, &interface.id, key);
        remove_from(&mut self.made, &interface.region, &interface.id);
        if let Some(attachment) = &interface.attachment {
            remove_from(&mut self.attached, &attachment.instance, &interface.id);
            remove_if(&mut self.attachments, &attachment.id, &interface.id);
        }
    }

    fn elastic_insert(&mut self, address: &ElasticAddress) {
        insert_into(&mut self.elastic, &address.region, &address.id);
        if let Some(interface) = &address.interface {
            self.elastic_of.insert(interface.clone(), address.id.clone());
        }
        if let Some(association) = &address.association {
            self.associations.insert(association.clone(), address.id.clone());
        }
    }

    fn elastic_remove(&mut self, address: &ElasticAddress) {
        remove_from(&mut self.elastic, &address.region, &address.id);
        if let Some(interface) = &address.interface {
            remove_if(&mut self.elastic_of, interface, &address.id);
        }
        if let Some(association) = &address.association {
            remove_if(&mut self.associations, association, &address.id);
        }
    }
}

fn rules(group: &SecurityGroup) -> impl Iterator<Item = &SecurityGroupRule> {
    group.ingress.iter().chain(&group.egress)
}

// === impl Catalog: relations ===

impl Catalog {
    /// Verifies the relations of the inventory; part of [`Catalog::relations`].
    pub(super) fn inventory_relations(&self) -> Result<(), Inconsistent> {
        self.prefix_lists.values().try_for_each(|list| prefix_list_fits(list))?;
        for group in self.security_groups.values() {
            let key = || ResourceKey::SecurityGroup(group.id.clone());
            for rule in rules(group) {
                if let TrafficPeer::PrefixList(list) = &rule.peer {
                    let found = self.prefix_list(list.as_str());
                    let same = found.is_some_and(|list| list.region == group.region);
                    require(same, key, "a prefix list is missing")?;
                }
                let ours = self.index.inventory.group_rules.get(&rule.id) == Some(&group.id);
                require(ours, key, "a rule's id is taken twice")?;
            }
        }
        for instance in self.instances.values() {
            let held = instance.addresses().map(|address| (instance.vpc.clone(), address));
            let key = ResourceKey::Instance(instance.id.clone());
            if instance.state != InstanceState::Terminated {
                self.addresses_ours(&key, held)?;
            }
        }
        self.network_interfaces.values().try_for_each(|made| self.interface_fits(made))?;
        self.elastic_addresses.values().try_for_each(|address| self.elastic_fits(address))
    }

    fn interface_fits(&self, made: &NetworkInterface) -> Result<(), Inconsistent> {
        let key = || ResourceKey::NetworkInterface(made.id.clone());
        let subnet = self.subnet(&made.subnet);
        let inside = subnet.is_some_and(|subnet| {
            subnet.vpc == made.vpc
                && subnet.zone == made.zone
                && made.addresses().all(|address| {
                    let holds = |block: &IpNet| block.contains(&address);
                    holds(&subnet.cidr) || subnet.ipv6_cidr.as_ref().is_some_and(holds)
                })
        });
        require(inside, key, "it does not lie in its subnet")?;
        let known = made.security_groups.iter().all(|id| self.security_group(id).is_some());
        require(known, key, "a security group is missing")?;
        let place = made.attachment.as_ref().map(|own| self.instance(own.instance.as_str()));
        let attached = place.is_none_or(|instance| {
            instance.is_some_and(|instance| {
                instance.state != InstanceState::Terminated && instance.zone == made.zone
            })
        });
        require(attached, key, "it is attached to nothing")?;
        self.addresses_ours(&key(), made.addresses().map(|address| (made.vpc.clone(), address)))
    }

    fn addresses_ours(
        &self,
        key: &ResourceKey,
        mut held: impl Iterator<Item = (VpcId, IpAddr)>,
    ) -> Result<(), Inconsistent> {
        let ours = held.all(|place| self.index.private.get(&place) == Some(key));
        require(ours, || key.clone(), "an address is held twice")
    }

    fn elastic_fits(&self, address: &ElasticAddress) -> Result<(), Inconsistent> {
        let key = || ResourceKey::ElasticAddress(address.id.clone());
        let place = IpAddr::V4(address.address);
        let ours = self.index.addresses.get(&place) == Some(&key());
        require(ours, key, "its address is held twice")?;
        let whole = address.interface.is_some() == address.association.is_some();
        require(whole, key, "its association is not whole")?;
        let Some(interface) = &address.interface else { return Ok(()) };
        let inventory = &self.index.inventory;
        let there = inventory.interfaces.contains_key(interface);
        let alone = inventory.elastic_of.get(interface) == Some(&address.id);
        require(there && alone, key, "its interface is missing or has two")?;
        let free = !self.index.allocations.contains_key(&address.id);
        require(free, key, "a load balancer and an interface have it")
    }
}

fn prefix_list_fits(list: &PrefixList) -> Result<(), Inconsistent> {
    let key = || ResourceKey::PrefixList(list.id.clone());
    let sorted = list.entries.is_sorted_by(|a, b| a.cidr < b.cidr);
    let own = list.entries.iter().all(|entry| list.family.holds(&entry.cidr));
    let fits = list.entries.len() <= list.max_entries as usize;
    require(sorted && own && fits, key, "its entries do not fit")
}
