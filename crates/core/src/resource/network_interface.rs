//! A network interface that somebody made; those of load balancers and the primary ones of
//! instances are derived, see [`crate::catalog::Interface`].
//!
//! Invariant: its addresses lie in its subnet and belong to no other record; an attached
//! interface stands in the zone of its instance.

use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::{InstanceId, InterfaceId, Region, SecurityGroupId, SubnetId, Tags, VpcId, ZoneName};

/// What the store keeps of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// Identity.
    pub id: InterfaceId,
    /// The region it belongs to.
    pub region: Region,
    /// Where it stands.
    pub vpc: VpcId,
    /// Where it stands.
    pub subnet: SubnetId,
    /// Where it stands.
    pub zone: ZoneName,
    /// Free text.
    pub description: String,
    /// `PrivateIpAddress`.
    pub address: IpAddr,
    /// Further private addresses.
    pub secondary: Vec<IpAddr>,
    /// `Ipv6Addresses`.
    pub ipv6: Vec<Ipv6Addr>,
    /// Its security groups.
    pub security_groups: Vec<SecurityGroupId>,
    /// Recorded; Weir forwards no packets.
    pub source_dest_check: bool,
    /// The instance that it is attached to.
    pub attachment: Option<InterfaceAttachment>,
    /// `ClientToken` of the call that made it.
    pub client_token: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// How an interface is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceAttachment {
    /// `eni-attach-…`.
    pub id: String,
    /// To what.
    pub instance: InstanceId,
    /// From 1; the primary interface has 0.
    pub device_index: i32,
    /// Whether the interface goes with the instance.
    pub delete_on_termination: bool,
    /// Milliseconds since the epoch.
    pub attached_ms: i64,
}

// === impl NetworkInterface ===

impl NetworkInterface {
    /// All its addresses, the primary one first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let ipv6 = self.ipv6.iter().copied().map(IpAddr::V6);
        std::iter::once(self.address).chain(self.secondary.iter().copied()).chain(ipv6)
    }
}
