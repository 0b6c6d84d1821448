//! Elastic addresses (EC2): allocation, association with interfaces, release.
//!
//! Load balancers take elastic addresses through their subnets (see `address`); while one does,
//! nobody else may touch it.
//!
//! Invariant: an address has one owner, and an interface one elastic address at most.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::tag::ec2_tags_merge;
use super::{Apply, EC2_ID_LEN};
use crate::catalog::command::{
    AddressAllocate, AddressAssociate, AddressDisassociate, AddressName,
};
use crate::catalog::unserved::Feature;
use crate::catalog::{Holder, Interface, InventoryRefusal, Refusal, Resource, ResourceKey};
use crate::resource::{
    AllocationId, ElasticAddress, Instance, InstanceState, InterfaceId, Region, Tags, VpcId,
};

/// The pool that every account has.
const POOL_DEFAULT: &str = "amazon";

// === impl Apply: allocation ===

impl<'a> Apply<'a> {
    pub(super) fn elastic_allocate(&mut self, input: &AddressAllocate) -> Result<(), Refusal> {
        let tags = ec2_tags_merge(&Tags::new(), &input.tags)?;
        if let Some(group) = input.border_group.as_ref().filter(|g| **g != input.region.as_str()) {
            let reason = format!("Invalid NetworkBorderGroup {group}");
            return Err(Refusal::Ec2Parameter { reason });
        }
        let blocks = self.elastic_blocks(input)?;
        let present = self.catalog.index.inventory.elastic.get(&input.region);
        let limit = self.catalog.settings.quotas.elastic_addresses;
        if present.map_or(0, |addresses| addresses.len()) >= limit {
            return Err(InventoryRefusal::AddressLimit {}.into());
        }
        let address = match &input.address {
            Some(text) => self.elastic_named(text, blocks)?,
            None => self.pool_take(blocks).ok_or(InventoryRefusal::AddressCapacity {})?,
        };
        let catalog = self.catalog;
        let id = self.ec2_id("eipalloc-", |id| catalog.elastic_address(id).is_some());
        self.put_subject(Resource::ElasticAddress(ElasticAddress {
            id: AllocationId::new(id),
            region: input.region.clone(),
            address,
            interface: None,
            association: None,
            tags,
        }));
        Ok(())
    }

    fn elastic_blocks(&self, input: &AddressAllocate) -> Result<&'a [IpNet], Refusal> {
        let plan = &self.catalog.settings.addresses;
        if let Some(pool) = &input.customer_pool {
            return Err(Refusal::unserved(Feature::CustomerOwnedPool, pool));
        }
        if let Some(pool) = &input.ipam_pool {
            let blocks = plan.ipam.get(pool).map(Vec::as_slice);
            let pool = pool.clone();
            return blocks.ok_or_else(|| InventoryRefusal::IpamPoolNotFound { pool }.into());
        }
        match &input.public_pool {
            Some(pool) if pool != POOL_DEFAULT => {
                Err(InventoryRefusal::PublicPoolNotFound { pool: pool.clone() }.into())
            }
            _ => Ok(&plan.elastic),
        }
    }

    /// One address that the caller wants back.
    fn elastic_named(&mut self, text: &str, blocks: &[IpNet]) -> Result<Ipv4Addr, Refusal> {
        let address: Ipv4Addr = text.parse().map_err(|_| {
            let reason = format!("Invalid value '{text}' for address");
            Refusal::Ec2Parameter { reason }
        })?;
        let ip = IpAddr::V4(address);
        if !blocks.iter().any(|block| block.contains(&ip)) {
            return Err(InventoryRefusal::AddressNotFound { ip: text.to_owned() }.into());
        }
        if self.catalog.index.addresses.contains_key(&ip) || !self.taken.insert(ip) {
            return Err(Refusal::Ec2AddressInUse { ip: text.to_owned() });
        }
        Ok(address)
    }

    pub(super) fn elastic_release(&mut self, input: &AddressName) -> Result<(), Refusal> {
        let record = self.elastic_address(input)?;
        self.elastic_ours(record)?;
        if record.association.is_some() {
            return Err(Refusal::Ec2AddressInUse { ip: record.address.to_string() });
        }
        self.decision.changes.delete(ResourceKey::ElasticAddress(record.id.clone()));
        Ok(())
    }

    /// The address that a request names.
    fn elastic_address(&self, name: &AddressName) -> Result<&'a ElasticAddress, Refusal> {
        let catalog = self.catalog;
        let own = |record: &&ElasticAddress| record.region == name.region;
        match (&name.allocation, &name.public_ip) {
            (Some(id), _) => {
                let found = catalog.elastic_address(id).filter(own);
                found.ok_or_else(|| InventoryRefusal::AllocationNotFound { id: id.clone() }.into())
            }
            (None, Some(ip)) => {
                let found = ip.parse().ok().and_then(|ip| catalog.elastic_address_at(ip));
                let missing = || InventoryRefusal::AddressNotFound { ip: ip.clone() }.into();
                found.filter(own).ok_or_else(missing)
            }
            (None, None) => Err(Refusal::Ec2Missing { name: "AllocationId".to_owned() }),
        }
    }

    /// What a load balancer uses is load balancing's, not the caller's.
    fn elastic_ours(&self, record: &ElasticAddress) -> Result<(), Refusal> {
        match self.catalog.elastic_address_balancer(&record.id) {
            Some(_) => Err(InventoryRefusal::AddressManaged {}.into()),
            None => Ok(()),
        }
    }
}

// === impl Apply: association ===

impl<'a> Apply<'a> {
    pub(super) fn elastic_associate(&mut self, input: &AddressAssociate) -> Result<(), Refusal> {
        let record = self.elastic_address(&input.address)?;
        self.elastic_ours(record)?;
        let interface = self.elastic_place(input)?;
        let private = input.private_address.as_ref();
        if let Some(text) = private.filter(|text| **text != interface.address.to_string()) {
            // AWS gives each private address its own; here the primary one has it.
            return Err(InventoryRefusal::PrivateAddressUnassigned { ip: text.clone() }.into());
        }
        self.gateway_present(interface.vpc)?;
        if record.interface.as_ref() == Some(interface.id) {
            self.subject(ResourceKey::ElasticAddress(record.id.clone()));
            return Ok(());
        }
        if let (Some(association), Some(false)) = (&record.association, input.reassociate) {
            let (resource, association) = (record.id.to_string(), association.clone());
            return Err(InventoryRefusal::AlreadyAssociated { resource, association }.into());
        }
        if let Some(other) = self.catalog.elastic_address_of(interface.id) {
            let association = other.association.clone().unwrap_or_default();
            if input.reassociate == Some(false) {
                let resource = interface.id.to_string();
                return Err(InventoryRefusal::AlreadyAssociated { resource, association }.into());
            }
            self.elastic_free(other);
        }
        let association = Some(format!("eipassoc-{}", self.rng.hex(EC2_ID_LEN)));
        let holder = Some(interface.id.clone());
        let held = ElasticAddress { interface: holder, association, ..record.clone() };
        self.put_subject(Resource::ElasticAddress(held));
        Ok(())
    }

    /// The interface that shall have the address.
    fn elastic_place(&self, input: &AddressAssociate) -> Result<Interface<'a>, Refusal> {
        let (region, catalog) = (&input.address.region, self.catalog);
        match (&input.instance, &input.interface) {
            (Some(_), Some(_)) => {
                let reason = "You may specify either an instance ID or a network interface ID, \
                              but not both";
                Err(Refusal::Ec2Combination { reason: reason.to_owned() })
            }
            (Some(id), None) => {
                let instance = self.instance(region, id)?;
                alive(instance)?;
                Ok(catalog.interface_of_instance(instance))
            }
            (None, Some(id)) => {
                let interface = self.interface(region, id)?;
                if matches!(interface.holder, Holder::LoadBalancer(_)) {
                    return Err(InventoryRefusal::AddressManaged {}.into());
                }
                Ok(interface)
            }
            (None, None) => Err(Refusal::Ec2Missing { name: "InstanceId".to_owned() }),
        }
    }

    fn gateway_present(&self, vpc: &VpcId) -> Result<(), Refusal> {
        if self.catalog.index.routing.gateways.contains_key(vpc) {
            return Ok(());
        }
        Err(InventoryRefusal::GatewayNotAttached { vpc: vpc.to_string() }.into())
    }

    pub(super) fn elastic_disassociate(
        &mut self,
        input: &AddressDisassociate,
    ) -> Result<(), Refusal> {
        let record = self.elastic_associated(input)?;
        self.elastic_ours(record)?;
        if record.association.is_none() {
            let id = record.address.to_string();
            return Err(InventoryRefusal::AssociationNotFound { id }.into());
        }
        let free = ElasticAddress { interface: None, association: None, ..record.clone() };
        self.put_subject(Resource::ElasticAddress(free));
        Ok(())
    }

    fn elastic_associated(
        &self,
        input: &AddressDisassociate,
    ) -> Result<&'a ElasticAddress, Refusal> {
        let Some(id) = &input.association else {
            let (region, public_ip) = (input.region.clone(), input.public_ip.clone());
            if public_ip.is_none() {
                return Err(Refusal::Ec2Missing { name: "AssociationId".to_owned() });
            }
            return self.elastic_address(&AddressName { region, allocation: None, public_ip });
        };
        let catalog = self.catalog;
        let own = |record: &&ElasticAddress| record.region == input.region;
        let found = catalog.elastic_address_associated(id).filter(own);
        let found = found.or_else(|| self.elastic_of_balancer(&input.region, id));
        found.ok_or_else(|| InventoryRefusal::AssociationNotFound { id: id.clone() }.into())
    }

    /// The address that a load balancer uses, by the association that is shown for it.
    fn elastic_of_balancer(
        &self,
        region: &Region,
        association: &str,
    ) -> Option<&'a ElasticAddress> {
        let digits = association.strip_prefix("eipassoc-")?;
        let found = self.catalog.elastic_address(&format!("eipalloc-{digits}"))?;
        let used = self.catalog.elastic_address_balancer(&found.id).is_some();
        (used && found.region == *region).then_some(found)
    }

    /// Ends the association of an interface that goes away.
    pub(super) fn elastic_leaves(&mut self, interface: &InterfaceId) {
        let catalog = self.catalog;
        if let Some(record) = catalog.elastic_address_of(interface) {
            self.elastic_free(record);
        }
    }

    fn elastic_free(&mut self, record: &ElasticAddress) {
        let free = ElasticAddress { interface: None, association: None, ..record.clone() };
        self.put(Resource::ElasticAddress(free));
    }
}

fn alive(instance: &Instance) -> Result<(), Refusal> {
    if instance.state != InstanceState::Terminated {
        return Ok(());
    }
    let (id, verb) = (instance.id.to_string(), "associated with an address".to_owned());
    Err(Refusal::Ec2InstanceState { id, verb })
}
