//! Giving out addresses.
//!
//! The lowest free address of a subnet comes first, skipping the first four and the last, as in
//! a VPC.
//!
//! Invariant: an address is held by one load balancer or live instance at most.
// spec: alb §14.3 Zones, subnets, security

use std::net::{IpAddr, Ipv4Addr};

use super::Apply;
use crate::catalog::index;
use crate::resource::SubnetId;

// === impl Apply ===

impl Apply<'_> {
    /// Takes the lowest free address of a subnet; `None` when it is full.
    pub(super) fn address_take(&mut self, subnet: &SubnetId) -> Option<IpAddr> {
        let pool = self.catalog.index.pools.get(subnet)?;
        let mut from = pool.lowest_free;
        loop {
            let candidate = index::lowest_free(&self.catalog.index.addresses, from, pool.last);
            if candidate > pool.last {
                return None;
            }
            let address = IpAddr::V4(Ipv4Addr::from(candidate));
            if self.taken.insert(address) {
                return Some(address);
            }
            from = candidate + 1;
        }
    }

    /// Takes one named address of a subnet; `false` when it may not be given out or is in use.
    pub(super) fn address_take_exact(&mut self, subnet: &SubnetId, address: IpAddr) -> bool {
        let (Some(pool), IpAddr::V4(v4)) = (self.catalog.index.pools.get(subnet), address) else {
            return false;
        };
        (pool.first..=pool.last).contains(&u32::from(v4))
            && self.catalog.holder_of(address).is_none()
            && self.taken.insert(address)
    }
}
