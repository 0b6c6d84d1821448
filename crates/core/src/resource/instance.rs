//! A machine of the inventory. Weir starts no machines: RunInstances declares one.
//!
//! Invariant: `address` is where targets of this instance are reached; it is the tag
//! `weir:address` when that was given at launch, else the private address.

use std::net::{IpAddr, Ipv6Addr};

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
    /// More of its primary interface.
    #[serde(default)]
    pub primary: PrimaryInterface,
    /// What ModifyInstanceAttribute changes.
    #[serde(default)]
    pub options: InstanceOptions,
    /// Tags.
    pub tags: Tags,
}

/// What an instance's primary interface has besides its address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PrimaryInterface {
    /// Free text.
    pub description: String,
    /// Further private addresses.
    pub secondary: Vec<IpAddr>,
    /// `Ipv6Addresses`.
    pub ipv6: Vec<Ipv6Addr>,
    /// Tags of the interface.
    pub tags: Tags,
}

/// Settings of a machine: recorded and told, mostly without effect on a declared machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceOptions {
    /// Enforced: TerminateInstances is refused.
    pub termination_protected: bool,
    /// Enforced: StopInstances is refused.
    pub stop_protected: bool,
    /// `SourceDestCheck`.
    pub source_dest_check: bool,
    /// `EbsOptimized`.
    pub ebs_optimized: bool,
    /// `EnaSupport`.
    pub ena_support: bool,
    /// `InstanceInitiatedShutdownBehavior` is `terminate`.
    pub shutdown_terminates: bool,
    /// `Monitoring.Enabled`.
    pub monitored: bool,
    /// `UserData`, in base64 as given.
    pub user_data: Option<UserData>,
    /// `KeyName`.
    pub key_name: Option<String>,
    /// `IamInstanceProfile`: its ARN, or its name.
    pub instance_profile: Option<String>,
    /// `CpuCredits` is `unlimited`.
    pub unlimited_credits: Option<bool>,
    /// `Placement.Tenancy`, unless it is `default`.
    pub tenancy: Option<String>,
    /// `MetadataOptions` as given: member and value.
    pub metadata: Vec<(String, String)>,
}

/// `UserData`, in base64 as given. May hold secrets, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserData(pub String);

// === impl UserData ===

impl std::fmt::Debug for UserData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserData(..)")
    }
}

// === impl InstanceOptions ===

impl Default for InstanceOptions {
    fn default() -> Self {
        Self {
            termination_protected: false,
            stop_protected: false,
            source_dest_check: true,
            ebs_optimized: false,
            ena_support: true,
            shutdown_terminates: false,
            monitored: false,
            user_data: None,
            key_name: None,
            instance_profile: None,
            unlimited_credits: None,
            tenancy: None,
            metadata: Vec::new(),
        }
    }
}

// === impl Instance ===

impl Instance {
    /// The addresses that it holds in its subnet, the primary one first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let primary = &self.primary;
        let ipv6 = primary.ipv6.iter().copied().map(IpAddr::V6);
        std::iter::once(self.private_address).chain(primary.secondary.iter().copied()).chain(ipv6)
    }
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
