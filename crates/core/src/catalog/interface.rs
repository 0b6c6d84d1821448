//! Network interfaces, derived from what holds addresses.
//!
//! Nobody stores an interface: it appears and vanishes with its load balancer or instance, so a
//! deleted load balancer leaves none behind.
//!
//! Invariant: every address that the catalog has given out is shown by exactly one interface.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use std::net::IpAddr;

use super::Catalog;
use crate::resource::{
    Instance, InstanceState, InterfaceId, LoadBalancer, Region, SecurityGroupId, SubnetId, VpcId,
    ZoneName,
};

/// One interface.
#[derive(Clone, Copy, Debug)]
pub struct Interface<'a> {
    /// Identity.
    pub id: &'a InterfaceId,
    /// Where it stands.
    pub vpc: &'a VpcId,
    /// Where its address comes from.
    pub subnet: &'a SubnetId,
    /// Where it stands.
    pub zone: &'a ZoneName,
    /// Its private address.
    pub address: IpAddr,
    /// What its holder carries.
    pub security_groups: &'a [SecurityGroupId],
    /// Whose it is.
    pub holder: Holder<'a>,
}

/// Whose an interface is.
#[derive(Clone, Copy, Debug)]
pub enum Holder<'a> {
    /// Of a load balancer; its owner is `amazon-elb`.
    LoadBalancer(&'a LoadBalancer),
    /// The primary interface of an instance.
    Instance(&'a Instance),
}

// === impl Interface ===

impl Interface<'_> {
    /// `Description`: `ELB app/<name>/<id>` for load balancers.
    pub fn description(&self) -> String {
        match self.holder {
            Holder::LoadBalancer(lb) => format!("ELB {}", lb.arn.log_name()),
            Holder::Instance(_) => String::new(),
        }
    }
}

// === impl Catalog ===

impl Catalog {
    /// All interfaces of a region.
    pub fn interfaces_in<'a>(&'a self, region: &Region) -> impl Iterator<Item = Interface<'a>> {
        let of_load_balancers = self.load_balancers_in(region).flat_map(|lb| {
            lb.zones.iter().map(move |zone| Interface {
                id: &zone.interface,
                vpc: &lb.vpc,
                subnet: &zone.subnet,
                zone: &zone.zone,
                address: zone.address,
                security_groups: &lb.security_groups,
                holder: Holder::LoadBalancer(lb),
            })
        });
        let live = |instance: &&Instance| instance.state != InstanceState::Terminated;
        let of_instances = self.instances_in(region).filter(live).map(|instance| Interface {
            id: &instance.interface,
            vpc: &instance.vpc,
            subnet: &instance.subnet,
            zone: &instance.zone,
            address: instance.private_address,
            security_groups: &instance.security_groups,
            holder: Holder::Instance(instance),
        });
        of_load_balancers.chain(of_instances).collect::<Vec<_>>().into_iter()
    }
}
