//! A machine of the inventory. Weir starts no machines: RunInstances declares one.
//!
//! Invariant: `address` is where targets of this instance are reached; it is the tag
//! `weir:address` when that was given at launch, else the private address.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{InstanceId, InterfaceId, Region, SecurityGroupId, SubnetId, Tags, VpcId, ZoneName};

/// Instance state, with EC2's names and codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceState {
    /// Code 16.
    Running,
    /// Code 80.
    Stopped,
    /// Code 48.
    Terminated,
}

/// What the store keeps of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Identity.
    pub id: InstanceId,
    /// The region it belongs to.
    pub region: Region,
    /// Where it stands.
    pub vpc: VpcId,
    /// Where it stands.
    pub subnet: SubnetId,
    /// Where it stands.
    pub zone: ZoneName,
    /// `eni-…` of its primary interface.
    pub interface: InterfaceId,
    /// `PrivateIpAddress`.
    pub private_address: IpAddr,
    /// Where it is really reached.
    pub address: IpAddr,
    /// Its state.
    pub state: InstanceState,
    /// `ImageId` as given.
    pub image: String,
    /// `InstanceType` as given, default `m1.small` as in EC2.
    pub instance_type: String,
    /// `r-…`.
    pub reservation: String,
    /// Its security groups.
    pub security_groups: Vec<SecurityGroupId>,
    /// Milliseconds since the epoch.
    pub launched_ms: i64,
    /// Milliseconds since the epoch, once terminated.
    #[serde(default)]
    pub terminated_ms: Option<i64>,
    /// `ClientToken` of the call that launched it.
    #[serde(default)]
    pub client_token: Option<String>,
    /// Tags.
    pub tags: Tags,
}

// === impl InstanceState ===

impl InstanceState {
    /// EC2's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Terminated => "terminated",
        }
    }

    /// EC2's number.
    pub fn code(self) -> i64 {
        match self {
            Self::Running => 16,
            Self::Stopped => 80,
            Self::Terminated => 48,
        }
    }
}
