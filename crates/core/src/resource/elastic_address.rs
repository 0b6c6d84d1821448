//! An elastic address: a public IPv4 address that the account owns until it releases it.
//!
//! What it is associated with is derived: a zone of a load balancer names it, or an interface.
//!
//! Invariant: its address lies in a configured pool and belongs to no other record.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{AllocationId, InterfaceId, Region, Tags};

/// What the store keeps of an elastic address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElasticAddress {
    /// Identity.
    pub id: AllocationId,
    /// The region it belongs to.
    pub region: Region,
    /// `PublicIp`.
    pub address: Ipv4Addr,
    /// The interface that AssociateAddress gave it to; load balancers name their addresses
    /// themselves.
    pub interface: Option<InterfaceId>,
    /// `eipassoc-…` of that association.
    pub association: Option<String>,
    /// Tags.
    pub tags: Tags,
}
