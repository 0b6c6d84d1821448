//! A target group, its health check, and the targets registered with it.
//!
//! Registrations are one record beside the group, so that registering a target does not rewrite
//! the group and one commit stays one value.
//!
//! Invariant: in `Registrations` the pair (id, port) is unique; a draining target has a deadline.

use serde::{Deserialize, Serialize};

use super::{AttributeValues, Region, Tags, TargetGroupArn, VpcId, ZoneName};

/// How targets are spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TargetGroupProtocol {
    /// Clear text.
    Http,
    /// TLS; not served yet.
    Https,
}

/// What a target's id means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetType {
    /// An instance of the inventory.
    Instance,
    /// An address.
    Ip,
}

/// `HealthCheckPort`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HealthCheckPort {
    /// The port that the target receives traffic on.
    TrafficPort,
    /// A fixed port.
    Port(u16),
}

/// How and when a target is probed.
// spec: alb §6.1 Parameters
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// Always true for instance and ip targets.
    pub enabled: bool,
    /// HTTP or HTTPS; TCP probes belong to network load balancers.
    pub protocol: HealthCheckProtocol,
    /// Where.
    pub port: HealthCheckPort,
    /// Path and query, 1..=1024 characters.
    pub path: String,
    /// 5..=300.
    pub interval_s: u32,
    /// 2..=120, below the interval.
    pub timeout_s: u32,
    /// 2..=10 successes in a row.
    pub healthy_threshold: u32,
    /// 2..=10 failures in a row.
    pub unhealthy_threshold: u32,
    /// `Matcher.HttpCode` as given, for example `200,202` or `200-299`.
    pub matcher: String,
}

/// `HealthCheckProtocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HealthCheckProtocol {
    /// GET over clear text.
    Http,
    /// GET over TLS; not served yet.
    Https,
    /// A connection that is accepted.
    Tcp,
}

/// What the store keeps of a target group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// Identity.
    pub arn: TargetGroupArn,
    /// Unique per region.
    pub name: String,
    /// The region it belongs to.
    pub region: Region,
    /// HTTP for now.
    pub protocol: TargetGroupProtocol,
    /// `HTTP1` for now.
    pub protocol_version: String,
    /// Port of targets that name none.
    pub port: u16,
    /// The VPC of its targets.
    pub vpc: VpcId,
    /// `instance` or `ip`.
    pub target_type: TargetType,
    /// Probing.
    pub health_check: HealthCheck,
    /// Milliseconds since the epoch.
    pub created_ms: i64,
    /// Set values only; see `attribute`.
    pub attributes: AttributeValues,
    /// Tags.
    pub tags: Tags,
}

/// One registered target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Instance id or address.
    pub id: String,
    /// Where it receives traffic.
    pub port: u16,
    /// The zone that the caller named (`all`, or a zone), if any.
    pub zone: Option<ZoneName>,
    /// Milliseconds since the epoch.
    pub registered_ms: i64,
    /// Serving or leaving.
    pub state: TargetState,
}

/// Where a registration stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetState {
    /// May receive traffic when healthy.
    Registered,
    /// No new requests; ends at the deadline.
    // spec: alb §4.7 Deregistration delay
    Draining {
        /// Milliseconds since the epoch.
        until_ms: i64,
    },
}

/// All registrations of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registrations {
    /// The group.
    pub group: TargetGroupArn,
    /// In order of registration.
    pub targets: Vec<Target>,
}

// === impl TargetGroupProtocol ===

impl TargetGroupProtocol {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
        }
    }
}

// === impl TargetType ===

impl TargetType {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Ip => "ip",
        }
    }
}

// === impl HealthCheckPort ===

impl HealthCheckPort {
    /// The port to probe for a target that receives traffic on `traffic_port`.
    pub fn resolve(self, traffic_port: u16) -> u16 {
        match self {
            Self::TrafficPort => traffic_port,
            Self::Port(port) => port,
        }
    }
}

impl std::fmt::Display for HealthCheckPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TrafficPort => f.write_str("traffic-port"),
            Self::Port(port) => write!(f, "{port}"),
        }
    }
}

// === impl HealthCheckProtocol ===

impl HealthCheckProtocol {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::Tcp => "TCP",
        }
    }
}

// === impl Target ===

impl Target {
    /// Whether it is leaving the group.
    pub fn is_draining(&self) -> bool {
        matches!(self.state, TargetState::Draining { .. })
    }
}
