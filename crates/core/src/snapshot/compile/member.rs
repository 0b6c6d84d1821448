//! Who stands at an address, and which security groups it carries.
//!
//! Invariant: of several holders of one address the last counts: a load balancer, then instances,
//! then interfaces, each by id.

use std::net::IpAddr;
use std::sync::Arc;

use super::Compiler;
use crate::catalog::ResourceKey;
use crate::resource::{InstanceState, SecurityGroupId, VpcId};

// === impl Compiler ===

impl Compiler<'_> {
    /// Brings the addresses of one holder up to date.
    pub(super) fn member(&mut self, holder: &ResourceKey) {
        let now = self.addresses_of(holder);
        let before = self.next.held_by.get(holder).cloned().unwrap_or_default();
        for address in before.iter().filter(|address| !now.contains(address)) {
            self.next.held.remove(&(*address, holder.clone()));
        }
        for address in now.iter().filter(|address| !before.contains(address)) {
            self.next.held.insert((*address, holder.clone()));
        }
        for address in before.iter().chain(&now) {
            self.address(*address);
        }
        if now.is_empty() {
            self.next.held_by.remove(holder);
        } else if *before != *now {
            self.next.held_by.insert(holder.clone(), now.into());
        }
        self.next.built.members += 1;
    }

    /// What counts at an address.
    fn address(&mut self, address: IpAddr) {
        let lowest = ResourceKey::Vpc(VpcId::new(" "));
        let holders = self.next.held.range((address, lowest)..);
        let holders = holders.take_while(|(at, _)| *at == address).map(|(_, holder)| holder);
        let last = holders.max_by_key(|holder| (rank(holder), *holder));
        match last.map(|holder| self.carried_by(holder)) {
            Some(carried) => drop(self.next.members.insert(address, carried)),
            None => drop(self.next.members.remove(&address)),
        }
    }

    fn addresses_of(&self, holder: &ResourceKey) -> Vec<IpAddr> {
        let catalog = self.catalog;
        let mut addresses: Vec<IpAddr> = match holder {
            ResourceKey::LoadBalancer(arn) => {
                let zones = catalog.load_balancer(arn).into_iter().flat_map(|lb| &lb.zones);
                zones.map(|zone| zone.address).collect()
            }
            ResourceKey::Instance(id) => {
                let found = catalog.instance(id.as_str()).into_iter();
                let running = found.filter(|i| i.state != InstanceState::Terminated);
                running.flat_map(|i| i.addresses().chain([i.address])).collect()
            }
            ResourceKey::NetworkInterface(id) => {
                let found = catalog.network_interface(id.as_str()).into_iter();
                found.flat_map(|interface| interface.addresses()).collect()
            }
            _ => Vec::new(),
        };
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    fn carried_by(&self, holder: &ResourceKey) -> Arc<[SecurityGroupId]> {
        let catalog = self.catalog;
        let groups = match holder {
            ResourceKey::LoadBalancer(arn) => {
                catalog.load_balancer(arn).map(|lb| lb.security_groups.as_slice())
            }
            ResourceKey::Instance(id) => {
                catalog.instance(id.as_str()).map(|i| i.security_groups.as_slice())
            }
            ResourceKey::NetworkInterface(id) => {
                catalog.network_interface(id.as_str()).map(|i| i.security_groups.as_slice())
            }
            _ => None,
        };
        groups.unwrap_or_default().into()
    }
}

fn rank(holder: &ResourceKey) -> u8 {
    match holder {
        ResourceKey::LoadBalancer(_) => 0,
        ResourceKey::Instance(_) => 1,
        _ => 2,
    }
}
