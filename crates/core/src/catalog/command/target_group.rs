//! Inputs of commands about target groups and targets.
//!
//! Invariant: what is here was given by the caller and is judged by `apply`, except where a type
//! says more.

use super::Pairs;
use crate::resource::{Region, TargetType};

/// Health check members of `CreateTargetGroup` and `ModifyTargetGroup`; absent ones keep their
/// value or default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthCheckInput {
    /// `HealthCheckEnabled`.
    pub enabled: Option<bool>,
    /// `HealthCheckProtocol`.
    pub protocol: Option<String>,
    /// `HealthCheckPort`.
    pub port: Option<String>,
    /// `HealthCheckPath`.
    pub path: Option<String>,
    /// `HealthCheckIntervalSeconds`.
    pub interval_s: Option<u32>,
    /// `HealthCheckTimeoutSeconds`.
    pub timeout_s: Option<u32>,
    /// `HealthyThresholdCount`.
    pub healthy_threshold: Option<u32>,
    /// `UnhealthyThresholdCount`.
    pub unhealthy_threshold: Option<u32>,
    /// `Matcher.HttpCode`.
    pub http_code: Option<String>,
    /// `Matcher.GrpcCode`.
    pub grpc_code: Option<String>,
}

/// See [`super::Command::TargetGroupCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroupCreate {
    /// Credential scope.
    pub region: Region,
    /// `Name`.
    pub name: String,
    /// `Protocol`.
    pub protocol: Option<String>,
    /// `ProtocolVersion`.
    pub protocol_version: Option<String>,
    /// `Port`.
    pub port: Option<u16>,
    /// `VpcId`.
    pub vpc: Option<String>,
    /// `TargetType`, default instance.
    pub target_type: TargetType,
    /// `IpAddressType`.
    pub ip_address_type: Option<String>,
    /// `TargetControlPort`.
    pub target_control_port: Option<u16>,
    /// Probing.
    pub health_check: HealthCheckInput,
    /// `Tags`.
    pub tags: Pairs,
}

/// See [`super::Command::TargetGroupModify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroupModify {
    /// Credential scope.
    pub region: Region,
    /// The target group.
    pub arn: String,
    /// Probing.
    pub health_check: HealthCheckInput,
}

/// `RegisterTargets`, `DeregisterTargets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetsInput {
    /// Credential scope.
    pub region: Region,
    /// The target group.
    pub arn: String,
    /// `Targets`.
    pub targets: Vec<TargetInput>,
}

/// `TargetDescription`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetInput {
    /// `Id`.
    pub id: String,
    /// `Port`, default the group's.
    pub port: Option<u16>,
    /// `AvailabilityZone`.
    pub zone: Option<String>,
    /// `QuicServerId`.
    pub quic_server: Option<String>,
}
