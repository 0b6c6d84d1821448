//! Network interfaces (EC2).
//!
//! A request names an interface of any holder: of load balancers, which only load balancing
//! changes; primary ones, which are part of their instance's record; and those that somebody made.
//!
//! Invariant: an interface that is attached stands in its instance's zone, at a device index that
//! nothing else of the instance has; index 0 is the primary interface's.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::tag::ec2_tags_merge;
use super::{Apply, EC2_ID_LEN};
use crate::catalog::command::{
    IdInput, InterfaceAttach, InterfaceCreate, InterfaceModify, PrivateAddresses,
};
use crate::catalog::{Holder, Interface, InventoryRefusal, Refusal, Resource, ResourceKey};
use crate::limits;
use crate::resource::{
    Instance, InstanceState, InterfaceAttachment, InterfaceId, NetworkInterface, Region, Subnet,
    Tags,
};

/// Characters of a description.
const TEXT_MAX: usize = 255;
/// The attachments of load balancers.
const MANAGED: &str = "ela-attach-";
/// All other attachments.
const ATTACHMENT: &str = "eni-attach-";

// === impl Apply: create and delete ===

impl<'a> Apply<'a> {
    pub(super) fn interface_create(&mut self, input: &InterfaceCreate) -> Result<(), Refusal> {
        let subnet = self.interface_subnet(&input.region, &input.subnet)?;
        let security_groups = self.interface_groups(&subnet.vpc, &input.security_groups, &[])?;
        let tags = ec2_tags_merge(&Tags::new(), &input.tags)?;
        let description = described(input.description.as_ref())?;
        if let Some(kind) = input.kind.as_ref().filter(|kind| *kind != "interface") {
            let reason = format!("Interface type '{kind}' cannot be created");
            return Err(Refusal::Ec2Parameter { reason });
        }
        if let Some(found) = self.interface_of_token(input, subnet)? {
            self.subject(ResourceKey::NetworkInterface(found));
            return Ok(());
        }
        let present = self.catalog.index.inventory.made.get(&input.region);
        let limit = self.catalog.settings.quotas.network_interfaces;
        if present.map_or(0, |made| made.len()) >= limit {
            return Err(InventoryRefusal::InterfaceLimit {}.into());
        }
        let address = match &input.private_address {
            Some(text) => self.private_exact(subnet, text)?,
            None => self.private_any(subnet)?,
        };
        let secondary = self.private_more(subnet, &[], &input.secondary, input.secondary_count)?;
        let ipv6 = self.ipv6_more(subnet, &input.ipv6, input.ipv6_count)?;
        let id = self.interface_id();
        self.put_subject(Resource::NetworkInterface(NetworkInterface {
            id,
            region: input.region.clone(),
            vpc: subnet.vpc.clone(),
            subnet: subnet.id.clone(),
            zone: subnet.zone.clone(),
            description,
            address,
            secondary,
            ipv6,
            security_groups,
            source_dest_check: true,
            attachment: None,
            client_token: input.client_token.clone(),
            tags,
        }));
        Ok(())
    }

    /// The interface that an earlier call with the same client token made.
    fn interface_of_token(
        &self,
        input: &InterfaceCreate,
        subnet: &Subnet,
    ) -> Result<Option<InterfaceId>, Refusal> {
        if input.client_token.is_none() {
            return Ok(None);
        }
        let mut made = self.catalog.network_interfaces_in(&input.region);
        let found = made.find(|made| made.client_token == input.client_token);
        match found {
            Some(made) if made.subnet != subnet.id => Err(Refusal::Ec2TokenMismatch {}),
            found => Ok(found.map(|made| made.id.clone())),
        }
    }

    /// A fresh `eni-…`.
    pub(super) fn interface_id(&mut self) -> InterfaceId {
        let catalog = self.catalog;
        InterfaceId::new(self.ec2_id("eni-", |id| catalog.interface(id).is_some()))
    }

    pub(super) fn interface_delete(&mut self, input: &IdInput) -> Result<(), Refusal> {
        let interface = self.interface(&input.region, &input.id)?;
        match interface.holder {
            Holder::Caller(made) if made.attachment.is_none() => {
                self.elastic_leaves(&made.id);
                self.decision.changes.delete(ResourceKey::NetworkInterface(made.id.clone()));
                Ok(())
            }
            _ => Err(InventoryRefusal::InterfaceUsed { id: input.id.clone() }.into()),
        }
    }

    /// The interface that a request names.
    pub(super) fn interface(&self, region: &Region, id: &str) -> Result<Interface<'a>, Refusal> {
        if !id.starts_with("eni-") {
            return Err(InventoryRefusal::InterfaceMalformed { id: id.to_owned() }.into());
        }
        let found = self.catalog.interface(id).filter(|found| found.region == region);
        found.ok_or_else(|| InventoryRefusal::InterfaceNotFound { id: id.to_owned() }.into())
    }

    /// The same, if the caller may change it.
    fn interface_ours(&self, region: &Region, id: &str) -> Result<Interface<'a>, Refusal> {
        let interface = self.interface(region, id)?;
        match interface.holder {
            Holder::LoadBalancer(_) => Err(InventoryRefusal::AddressManaged {}.into()),
            Holder::Instance(_) | Holder::Caller(_) => Ok(interface),
        }
    }

    fn interface_subnet(&self, region: &Region, id: &str) -> Result<&'a Subnet, Refusal> {
        let catalog = self.catalog;
        let found = catalog.subnet(id).filter(|subnet| subnet.region == *region);
        found.ok_or_else(|| Refusal::SubnetIdNotFound { id: id.to_owned() })
    }
}

// === impl Apply: attributes ===

impl Apply<'_> {
    pub(super) fn interface_modify(&mut self, input: &InterfaceModify) -> Result<(), Refusal> {
        let interface = self.interface_ours(&input.region, &input.id)?;
        let description = input.description.as_ref();
        let description = description.map(|text| described(Some(text))).transpose()?;
        let groups = match &input.security_groups {
            Some(ids) => Some(self.interface_groups(interface.vpc, ids, &[])?),
            None => None,
        };
        let on_termination = self.attachment_change(&interface, input)?;
        match interface.holder {
            Holder::Instance(instance) => {
                let mut changed = instance.clone();
                changed.primary.description = description.unwrap_or(changed.primary.description);
                changed.security_groups = groups.unwrap_or(changed.security_groups);
                let check = &mut changed.options.source_dest_check;
                *check = input.source_dest_check.unwrap_or(*check);
                self.put_changed(Resource::Instance(instance.clone()), Resource::Instance(changed));
            }
            Holder::Caller(made) => {
                let mut changed = made.clone();
                changed.description = description.unwrap_or(changed.description);
                changed.security_groups = groups.unwrap_or(changed.security_groups);
                let check = input.source_dest_check.unwrap_or(changed.source_dest_check);
                changed.source_dest_check = check;
                if let (Some(attachment), Some(on)) = (&mut changed.attachment, on_termination) {
                    attachment.delete_on_termination = on;
                }
                let old = Resource::NetworkInterface(made.clone());
                self.put_changed(old, Resource::NetworkInterface(changed));
            }
            Holder::LoadBalancer(_) => {}
        }
        Ok(())
    }

    /// Whether the interface shall go with its instance, if the request says so.
    fn attachment_change(
        &self,
        interface: &Interface<'_>,
        input: &InterfaceModify,
    ) -> Result<Option<bool>, Refusal> {
        let Some((id, on_termination)) = &input.attachment else { return Ok(None) };
        let known = match interface.holder {
            Holder::Instance(_) => *id == attachment_of_primary(interface.id),
            _ => interface.attachment().is_some_and(|attachment| attachment.id == *id),
        };
        if !known {
            return Err(InventoryRefusal::AttachmentNotFound { id: id.clone() }.into());
        }
        Ok(*on_termination)
    }

    fn put_changed(&mut self, old: Resource, new: Resource) {
        if old == new {
            self.subject(new.key());
        } else {
            self.put_subject(new);
        }
    }
}

// === impl Apply: attachment ===

impl Apply<'_> {
    pub(super) fn interface_attach(&mut self, input: &InterfaceAttach) -> Result<(), Refusal> {
        let interface = self.interface(&input.region, &input.id)?;
        let instance = self.instance(&input.region, &input.instance)?;
        let Holder::Caller(made) = interface.holder else {
            return Err(InventoryRefusal::InterfaceAttached { id: input.id.clone() }.into());
        };
        if made.attachment.is_some() {
            return Err(InventoryRefusal::InterfaceAttached { id: input.id.clone() }.into());
        }
        if instance.state == InstanceState::Terminated {
            let (id, verb) = (input.instance.clone(), "attached to".to_owned());
            return Err(Refusal::Ec2InstanceState { id, verb });
        }
        if instance.zone != made.zone {
            return Err(InventoryRefusal::InterfaceZone {}.into());
        }
        let index = input.device_index;
        if !(0..=limits::DEVICE_INDEX_MAX).contains(&index) {
            let reason = format!("Invalid value '{index}' for deviceIndex");
            return Err(Refusal::Ec2Parameter { reason });
        }
        let at_index = |other: &NetworkInterface| {
            other.attachment.as_ref().is_some_and(|attachment| attachment.device_index == index)
        };
        if index == 0 || self.catalog.attached_to(&instance.id).any(at_index) {
            let (instance, index) = (input.instance.clone(), index.to_string());
            return Err(InventoryRefusal::InterfaceIndex { instance, index }.into());
        }
        let attachment = InterfaceAttachment {
            id: format!("{ATTACHMENT}{}", self.rng.hex(EC2_ID_LEN)),
            instance: instance.id.clone(),
            device_index: index,
            delete_on_termination: false,
            attached_ms: self.now.epoch_ms(),
        };
        let attachment = Some(attachment);
        let changed = NetworkInterface { attachment, ..made.clone() };
        self.put_subject(Resource::NetworkInterface(changed));
        Ok(())
    }

    pub(super) fn interface_detach(&mut self, input: &IdInput) -> Result<(), Refusal> {
        if input.id.starts_with(MANAGED) {
            return Err(InventoryRefusal::AttachmentManaged {}.into());
        }
        let catalog = self.catalog;
        let id = catalog.index.inventory.attachments.get(&input.id);
        let made = id.and_then(|id| catalog.network_interface(id.as_str()));
        let Some(made) = made.filter(|made| made.region == input.region) else {
            let digits = input.id.strip_prefix(ATTACHMENT).unwrap_or_default();
            let primary = catalog.interface(&format!("eni-{digits}"));
            let primary = primary.is_some_and(|one| matches!(one.holder, Holder::Instance(_)));
            return Err(match primary {
                true => InventoryRefusal::AttachmentPrimary {}.into(),
                false => InventoryRefusal::AttachmentNotFound { id: input.id.clone() }.into(),
            });
        };
        let free = NetworkInterface { attachment: None, ..made.clone() };
        self.put_subject(Resource::NetworkInterface(free));
        Ok(())
    }

    /// What becomes of an instance's interfaces when it is terminated.
    pub(super) fn interfaces_leave(&mut self, instance: &Instance) {
        let catalog = self.catalog;
        self.elastic_leaves(&instance.interface);
        for made in catalog.attached_to(&instance.id) {
            let gone = made.attachment.as_ref().is_some_and(|a| a.delete_on_termination);
            if gone {
                self.elastic_leaves(&made.id);
                self.decision.changes.delete(ResourceKey::NetworkInterface(made.id.clone()));
            } else {
                let free = NetworkInterface { attachment: None, ..made.clone() };
                self.put(Resource::NetworkInterface(free));
            }
        }
    }
}

/// `eni-attach-…` of an instance's primary interface: made of the interface's id.
fn attachment_of_primary(interface: &InterfaceId) -> String {
    let digits = interface.as_str().rsplit('-').next().unwrap_or_default();
    format!("{ATTACHMENT}{digits}")
}

// === impl Apply: addresses ===

impl Apply<'_> {
    pub(super) fn private_addresses_assign(
        &mut self,
        input: &PrivateAddresses,
    ) -> Result<(), Refusal> {
        let interface = self.interface_ours(&input.region, &input.id)?;
        let subnet = self.interface_subnet(&input.region, interface.subnet.as_str())?;
        if input.addresses.is_empty() && input.count < 1 {
            return Err(Refusal::Ec2Missing { name: "privateIpAddress".to_owned() });
        }
        let held = interface.secondary;
        let secondary = self.private_more(subnet, held, &input.addresses, input.count)?;
        self.secondary_put(&interface, secondary);
        Ok(())
    }

    pub(super) fn private_addresses_unassign(
        &mut self,
        input: &PrivateAddresses,
    ) -> Result<(), Refusal> {
        let interface = self.interface_ours(&input.region, &input.id)?;
        let mut secondary = interface.secondary.to_vec();
        for text in &input.addresses {
            let place = secondary.iter().position(|address| address.to_string() == *text);
            let missing = || InventoryRefusal::PrivateAddressUnassigned { ip: text.clone() };
            secondary.remove(place.ok_or_else(missing)?);
        }
        self.secondary_put(&interface, secondary);
        Ok(())
    }

    fn secondary_put(&mut self, interface: &Interface<'_>, secondary: Vec<IpAddr>) {
        match interface.holder {
            Holder::Instance(instance) => {
                let mut changed = instance.clone();
                changed.primary.secondary = secondary;
                self.put_subject(Resource::Instance(changed));
            }
            Holder::Caller(made) => {
                let changed = NetworkInterface { secondary, ..made.clone() };
                self.put_subject(Resource::NetworkInterface(changed));
            }
            Holder::LoadBalancer(_) => {}
        }
    }

    /// The lowest free address of a subnet.
    fn private_any(&mut self, subnet: &Subnet) -> Result<IpAddr, Refusal> {
        let full = || Refusal::Ec2SubnetFull { subnet: subnet.id.to_string() };
        self.address_take(&subnet.id).ok_or_else(full)
    }

    /// One named address of a subnet.
    fn private_exact(&mut self, subnet: &Subnet, text: &str) -> Result<IpAddr, Refusal> {
        let address: Ipv4Addr = text.parse().map_err(|_| {
            let reason = format!("invalid value for parameter address: [{text}]");
            Refusal::Ec2Parameter { reason }
        })?;
        let address = IpAddr::V4(address);
        if !subnet.cidr.contains(&address) {
            let reason = "Address does not fall within the subnet's address range".to_owned();
            return Err(Refusal::Ec2Parameter { reason });
        }
        if !self.address_take_exact(&subnet.id, address) {
            return Err(Refusal::Ec2AddressInUse { ip: text.to_owned() });
        }
        Ok(address)
    }

    /// The secondary addresses with more: those named, and `count` others.
    pub(super) fn private_more(
        &mut self,
        subnet: &Subnet,
        held: &[IpAddr],
        named: &[String],
        count: i64,
    ) -> Result<Vec<IpAddr>, Refusal> {
        let mut all = held.to_vec();
        let count = within_interface(all.len() + named.len(), count)?;
        for text in named {
            all.push(self.private_exact(subnet, text)?);
        }
        for _ in 0..count {
            all.push(self.private_any(subnet)?);
        }
        Ok(all)
    }

    /// IPv6 addresses: those named, and `count` others.
    pub(super) fn ipv6_more(
        &mut self,
        subnet: &Subnet,
        named: &[String],
        count: i64,
    ) -> Result<Vec<Ipv6Addr>, Refusal> {
        let count = within_interface(named.len(), count)?;
        if named.is_empty() && count == 0 {
            return Ok(Vec::new());
        }
        let Some(IpNet::V6(block)) = subnet.ipv6_cidr else {
            return Err(InventoryRefusal::Ipv6Missing { subnet: subnet.id.to_string() }.into());
        };
        let mut all = Vec::new();
        for text in named {
            let address: Option<Ipv6Addr> = text.parse().ok();
            let Some(address) = address.filter(|address| block.contains(address)) else {
                let reason = "Address does not fall within the subnet's address range".to_owned();
                return Err(Refusal::Ec2Parameter { reason });
            };
            let ip = IpAddr::V6(address);
            if !self.is_free(&subnet.vpc, ip) || !self.taken.insert(ip) {
                return Err(Refusal::Ec2AddressInUse { ip: text.clone() });
            }
            all.push(address);
        }
        for _ in 0..count {
            all.push(self.ipv6_any(subnet, &block));
        }
        Ok(all)
    }
}

fn within_interface(held: usize, count: i64) -> Result<usize, Refusal> {
    let count = usize::try_from(count).unwrap_or(0);
    if held.saturating_add(count) > limits::ADDRESSES_PER_INTERFACE_MAX {
        return Err(InventoryRefusal::PrivateAddressLimit {}.into());
    }
    Ok(count)
}

fn described(text: Option<&String>) -> Result<String, Refusal> {
    let text = text.cloned().unwrap_or_default();
    if text.chars().count() > TEXT_MAX {
        let reason = "The description of an interface is too long".to_owned();
        return Err(Refusal::Ec2Parameter { reason });
    }
    Ok(text)
}
