//! A target group, its health check, and the targets registered with it.
//!
//! Registrations are one record beside the group, so that registering a target does not rewrite
//! the group and one commit stays one value.
//!
//! Invariant: in `Registrations` the pair (id, port) is unique; a draining target has a deadline;
//! a group has a protocol, a port and a VPC exactly when its targets are no functions.

use serde::{Deserialize, Serialize};

use super::{AttributeValues, LoadBalancerKind, Region, Tags, TargetGroupArn, VpcId, ZoneName};

/// How targets are spoken to.
// spec: nlb-gwlb-clb §0.4 Target group object, target states [M][D]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetGroupProtocol {
    /// HTTP in clear text.
    #[serde(rename = "HTTP")]
    Http,
    /// HTTP over TLS.
    #[serde(rename = "HTTPS")]
    Https,
    /// Streams.
    #[serde(rename = "TCP")]
    Tcp,
    /// Streams over TLS.
    #[serde(rename = "TLS")]
    Tls,
    /// Datagrams.
    #[serde(rename = "UDP")]
    Udp,
    /// Streams and datagrams.
    #[serde(rename = "TCP_UDP")]
    TcpUdp,
    /// QUIC by connection id.
    #[serde(rename = "QUIC")]
    Quic,
    /// QUIC, and streams on the same port.
    #[serde(rename = "TCP_QUIC")]
    TcpQuic,
    /// Appliances behind a gateway.
    #[serde(rename = "GENEVE")]
    Geneve,
}

/// What a target's id means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetType {
    /// An instance of the inventory.
    Instance,
    /// An address.
    Ip,
    /// A function.
    Lambda,
    /// An application load balancer.
    Alb,
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
    /// Always true, except for functions.
    pub enabled: bool,
    /// TCP probes belong to network and gateway load balancers; means nothing for functions.
    pub protocol: HealthCheckProtocol,
    /// Where.
    pub port: HealthCheckPort,
    /// Path and query, 1..=1024 characters; empty for TCP.
    pub path: String,
    /// 5..=300.
    pub interval_s: u32,
    /// 2..=120, below the interval; for other protocols than HTTP and HTTPS at most the interval.
    pub timeout_s: u32,
    /// 2..=10 successes in a row.
    pub healthy_threshold: u32,
    /// 2..=10 failures in a row.
    pub unhealthy_threshold: u32,
    /// `Matcher.HttpCode` as given, for example `200,202` or `200-299`; `Matcher.GrpcCode` for
    /// groups of version GRPC; empty for TCP.
    pub matcher: String,
}

/// `HealthCheckProtocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HealthCheckProtocol {
    /// GET over clear text.
    Http,
    /// GET over TLS.
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
    /// None for functions.
    pub protocol: Option<TargetGroupProtocol>,
    /// `HTTP1`, `HTTP2` or `GRPC`; only for HTTP and HTTPS.
    pub protocol_version: Option<String>,
    /// Port of targets that name none; none for functions.
    pub port: Option<u16>,
    /// The VPC of its targets; none for functions.
    pub vpc: Option<VpcId>,
    /// What its targets are.
    pub target_type: TargetType,
    /// `IpAddressType`: whether targets are reached by IPv6.
    #[serde(default)]
    pub ipv6: bool,
    /// `TargetControlPort`.
    #[serde(default)]
    pub control_port: Option<u16>,
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
    /// Instance id, address, or ARN.
    pub id: String,
    /// Where it receives traffic; 0 for functions.
    pub port: u16,
    /// The zone that the caller named (`all`, or a zone), if any.
    pub zone: Option<ZoneName>,
    /// `QuicServerId`, always there for QUIC, only there.
    #[serde(default)]
    pub quic_server: Option<String>,
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
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Http,
        Self::Https,
        Self::Tcp,
        Self::Tls,
        Self::Udp,
        Self::TcpUdp,
        Self::Quic,
        Self::TcpQuic,
        Self::Geneve,
    ];

    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Udp => "UDP",
            Self::TcpUdp => "TCP_UDP",
            Self::Quic => "QUIC",
            Self::TcpQuic => "TCP_QUIC",
            Self::Geneve => "GENEVE",
        }
    }

    /// The protocol that the API calls so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|protocol| protocol.as_str() == word)
    }

    /// The type of load balancers whose listeners speak it.
    pub fn kind(self) -> LoadBalancerKind {
        match self {
            Self::Http | Self::Https => LoadBalancerKind::Application,
            Self::Geneve => LoadBalancerKind::Gateway,
            _ => LoadBalancerKind::Network,
        }
    }

    /// Whether targets need a QUIC server id.
    pub fn is_quic(self) -> bool {
        matches!(self, Self::Quic | Self::TcpQuic)
    }
}

// === impl TargetGroup ===

impl TargetGroup {
    /// The type of load balancers that it can serve.
    pub fn kind(&self) -> LoadBalancerKind {
        self.protocol.map_or(LoadBalancerKind::Application, TargetGroupProtocol::kind)
    }

    /// Whether a plane of this version can carry traffic to its targets.
    pub fn is_carried(&self) -> bool {
        let reached = match self.target_type {
            TargetType::Ip => true,
            TargetType::Instance => !self.ipv6,
            TargetType::Lambda | TargetType::Alb => false,
        };
        reached
            && self.protocol == Some(TargetGroupProtocol::Http)
            && self.protocol_version.as_deref() == Some("HTTP1")
            && self.health_check.protocol == HealthCheckProtocol::Http
            && self.control_port.is_none()
    }
}

// === impl TargetType ===

impl TargetType {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Ip => "ip",
            Self::Lambda => "lambda",
            Self::Alb => "alb",
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

    /// The protocol that the API calls so.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Http, Self::Https, Self::Tcp].into_iter().find(|known| known.as_str() == word)
    }
}

// === impl Target ===

impl Target {
    /// Whether it is leaving the group.
    pub fn is_draining(&self) -> bool {
        matches!(self.state, TargetState::Draining { .. })
    }
}
