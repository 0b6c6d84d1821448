//! Network interfaces: those that somebody made, and those derived from what holds addresses.
//!
//! A load balancer has one in each of its zones and an instance has its primary one; nobody stores
//! these, so a deleted load balancer leaves none behind.
//!
//! Invariant: every private address that the catalog has given out is shown by exactly one
//! interface.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Catalog, ResourceKey};
use crate::resource::{
    AllocationId, Instance, InstanceState, InterfaceAttachment, InterfaceId, LoadBalancer,
    LoadBalancerKind, LoadBalancerZone, NetworkInterface, Region, Scheme, SecurityGroupId,
    SubnetId, Tags, VpcId, ZoneName,
};

/// One interface.
#[derive(Clone, Debug)]
pub struct Interface<'a> {
    /// Identity.
    pub id: &'a InterfaceId,
    /// The region it belongs to.
    pub region: &'a Region,
    /// Where it stands.
    pub vpc: &'a VpcId,
    /// Where its address comes from.
    pub subnet: &'a SubnetId,
    /// Where it stands.
    pub zone: &'a ZoneName,
    /// Its private address.
    pub address: IpAddr,
    /// Further private addresses.
    pub secondary: &'a [IpAddr],
    /// `Ipv6Addresses`.
    pub ipv6: Vec<Ipv6Addr>,
    /// Its public address, when it has one.
    pub public: Option<PublicAssociation<'a>>,
    /// What its holder carries.
    pub security_groups: &'a [SecurityGroupId],
    /// Tags of the interface itself.
    pub tags: &'a Tags,
    /// Whose it is.
    pub holder: Holder<'a>,
}

/// Whose an interface is.
#[derive(Clone, Copy, Debug)]
pub enum Holder<'a> {
    /// Of a load balancer; people may not change it.
    LoadBalancer(&'a LoadBalancer),
    /// The primary interface of an instance.
    Instance(&'a Instance),
    /// Somebody made it.
    Caller(&'a NetworkInterface),
}

/// A public address and how it came to an interface.
#[derive(Clone, Debug)]
pub struct PublicAssociation<'a> {
    /// `PublicIp`.
    pub address: Ipv4Addr,
    /// The elastic address that it is; without one, load balancing owns it.
    pub allocation: Option<&'a AllocationId>,
    /// `eipassoc-…`, with an elastic address.
    pub association: Option<String>,
}

// === impl Interface ===

impl Interface<'_> {
    /// `Description`: `ELB app/<name>/<id>` for load balancers.
    pub fn description(&self) -> String {
        match self.holder {
            Holder::LoadBalancer(lb) => description_of(lb),
            Holder::Instance(instance) => instance.primary.description.clone(),
            Holder::Caller(made) => made.description.clone(),
        }
    }

    /// `InterfaceType`.
    pub fn kind(&self) -> &'static str {
        match self.holder {
            Holder::LoadBalancer(lb) => match lb.kind {
                LoadBalancerKind::Application => "interface",
                LoadBalancerKind::Network => "network_load_balancer",
                LoadBalancerKind::Gateway => "gateway_load_balancer",
            },
            Holder::Instance(_) | Holder::Caller(_) => "interface",
        }
    }

    /// `SourceDestCheck`.
    pub fn source_dest_check(&self) -> bool {
        match self.holder {
            // What passes through a gateway load balancer is not addressed to it.
            Holder::LoadBalancer(lb) => lb.kind != LoadBalancerKind::Gateway,
            Holder::Instance(instance) => instance.options.source_dest_check,
            Holder::Caller(made) => made.source_dest_check,
        }
    }

    /// How somebody attached it; derived interfaces have no such record.
    pub fn attachment(&self) -> Option<&InterfaceAttachment> {
        match self.holder {
            Holder::Caller(made) => made.attachment.as_ref(),
            Holder::LoadBalancer(_) | Holder::Instance(_) => None,
        }
    }
}

/// `Description` of a load balancer's interfaces.
fn description_of(lb: &LoadBalancer) -> String {
    format!("ELB {}", lb.arn.log_name())
}

// === impl Catalog ===

impl Catalog {
    /// The interface of this id.
    pub fn interface(&self, id: &str) -> Option<Interface<'_>> {
        match self.index.inventory.interfaces.get(id)? {
            ResourceKey::LoadBalancer(arn) => {
                let lb = self.load_balancer(arn)?;
                let zone = lb.zones.iter().find(|zone| zone.interface.as_str() == id)?;
                Some(self.interface_of_zone(lb, zone))
            }
            ResourceKey::Instance(id) => {
                Some(self.interface_of_instance(self.instance(id.as_str())?))
            }
            ResourceKey::NetworkInterface(id) => {
                Some(self.interface_made(self.network_interface(id.as_str())?))
            }
            _ => None,
        }
    }

    /// All interfaces of a region.
    pub fn interfaces_in<'a>(&'a self, region: &Region) -> impl Iterator<Item = Interface<'a>> {
        self.interfaces_described(region, |_| true).into_iter()
    }

    /// The interfaces whose description passes. People and Terraform ask for the description of
    /// one load balancer; with a thousand of them the others need not be built.
    pub fn interfaces_described<'a>(
        &'a self,
        region: &Region,
        passes: impl Fn(&str) -> bool,
    ) -> Vec<Interface<'a>> {
        let balancers = self.load_balancers_in(region).filter(|lb| passes(&description_of(lb)));
        let of_balancers = balancers
            .flat_map(|lb| lb.zones.iter().map(move |zone| self.interface_of_zone(lb, zone)));
        let live = |instance: &&Instance| instance.state != InstanceState::Terminated;
        let instances = self.instances_in(region).filter(live);
        let of_instances = instances
            .filter(|instance| passes(&instance.primary.description))
            .map(|instance| self.interface_of_instance(instance));
        let made = self.network_interfaces_in(region).filter(|made| passes(&made.description));
        let made = made.map(|made| self.interface_made(made));
        of_balancers.chain(of_instances).chain(made).collect()
    }

    fn interface_of_zone<'a>(
        &'a self,
        lb: &'a LoadBalancer,
        zone: &'a LoadBalancerZone,
    ) -> Interface<'a> {
        let given = zone.public.as_ref().map(|public| PublicAssociation {
            address: public.address,
            allocation: public.allocation.as_ref(),
            association: public.allocation.as_ref().map(association_of_balancer),
        });
        // Where nothing carries the subnet, what stands in for it is how clients get there.
        let public = given.or(match zone.stand_in {
            Some(IpAddr::V4(address)) if lb.scheme == Scheme::InternetFacing => {
                Some(PublicAssociation { address, allocation: None, association: None })
            }
            _ => None,
        });
        Interface {
            id: &zone.interface,
            region: &lb.region,
            vpc: &lb.vpc,
            subnet: &zone.subnet,
            zone: &zone.zone,
            address: zone.address,
            secondary: &[],
            ipv6: zone.ipv6.into_iter().collect(),
            public,
            security_groups: &lb.security_groups,
            tags: &zone.interface_tags,
            holder: Holder::LoadBalancer(lb),
        }
    }

    /// The primary interface of an instance.
    pub fn interface_of_instance<'a>(&'a self, instance: &'a Instance) -> Interface<'a> {
        Interface {
            id: &instance.interface,
            region: &instance.region,
            vpc: &instance.vpc,
            subnet: &instance.subnet,
            zone: &instance.zone,
            address: instance.private_address,
            secondary: &instance.primary.secondary,
            ipv6: instance.primary.ipv6.clone(),
            public: self.public_of(&instance.interface),
            security_groups: &instance.security_groups,
            tags: &instance.primary.tags,
            holder: Holder::Instance(instance),
        }
    }

    /// An interface that somebody made.
    pub fn interface_made<'a>(&'a self, made: &'a NetworkInterface) -> Interface<'a> {
        Interface {
            id: &made.id,
            region: &made.region,
            vpc: &made.vpc,
            subnet: &made.subnet,
            zone: &made.zone,
            address: made.address,
            secondary: &made.secondary,
            ipv6: made.ipv6.clone(),
            public: self.public_of(&made.id),
            security_groups: &made.security_groups,
            tags: &made.tags,
            holder: Holder::Caller(made),
        }
    }

    fn public_of(&self, interface: &InterfaceId) -> Option<PublicAssociation<'_>> {
        let elastic = self.elastic_address_of(interface)?;
        Some(PublicAssociation {
            address: elastic.address,
            allocation: Some(&elastic.id),
            association: elastic.association.clone(),
        })
    }
}

/// `eipassoc-…` of an elastic address that a load balancer uses: made of the allocation, which it
/// has to itself.
pub fn association_of_balancer(allocation: &AllocationId) -> String {
    let digits = allocation.as_str().rsplit('-').next().unwrap_or_default();
    format!("eipassoc-{digits}")
}
