//! A listener: one port of a load balancer.
//!
//! Its default actions are not here: they are the actions of its default rule, so that
//! ModifyListener and ModifyRule change the same thing.
//!
//! Invariant: one listener per (load balancer, port).

use serde::{Deserialize, Serialize};

use super::{
    AttributeValues, CertificateArn, ListenerArn, LoadBalancerArn, RuleArn, Tags, TrustStoreArn,
};

/// `Protocol` of a listener.
// spec: alb §1.1 Listener rules of existence
// spec: nlb-gwlb-clb §1.1 Listeners and protocol compatibility [D][M]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListenerProtocol {
    /// Clear text.
    #[serde(rename = "HTTP")]
    Http,
    /// HTTP over TLS.
    #[serde(rename = "HTTPS")]
    Https,
    /// Streams.
    #[serde(rename = "TCP")]
    Tcp,
    /// Streams over TLS that ends here.
    #[serde(rename = "TLS")]
    Tls,
    /// Datagrams.
    #[serde(rename = "UDP")]
    Udp,
    /// Streams and datagrams on one port.
    #[serde(rename = "TCP_UDP")]
    TcpUdp,
    /// QUIC by connection id.
    #[serde(rename = "QUIC")]
    Quic,
    /// QUIC, and streams on the same port.
    #[serde(rename = "TCP_QUIC")]
    TcpQuic,
    /// All of a gateway's packets; the API never shows it.
    #[serde(rename = "GENEVE")]
    Geneve,
}

/// `MutualAuthentication.Mode`.
// spec: alb §8.1 Configuration
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MutualAuthenticationMode {
    /// No client certificate is asked for.
    Off,
    /// The target judges what the client shows.
    Passthrough,
    /// The trust store judges.
    Verify,
}

/// `MutualAuthentication`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutualAuthentication {
    /// How.
    pub mode: MutualAuthenticationMode,
    /// Whose certificates; always there in mode `verify`, only there.
    pub trust_store: Option<TrustStoreArn>,
    /// `IgnoreClientCertificateExpiry`, when the caller gave one.
    pub ignore_expiry: Option<bool>,
    /// `AdvertiseTrustStoreCaNames`, `on` is true, when the caller gave one.
    pub advertise_names: Option<bool>,
}

/// What the store keeps of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Identity.
    pub arn: ListenerArn,
    /// Owner.
    pub load_balancer: LoadBalancerArn,
    /// 1..=65535; 6081 on gateways, which the API never shows.
    pub port: u16,
    /// What is spoken.
    pub protocol: ListenerProtocol,
    /// The first is the default; the others are chosen by server name. Empty without TLS.
    #[serde(default)]
    pub certificates: Vec<CertificateArn>,
    /// Always there with TLS, only there.
    #[serde(default)]
    pub ssl_policy: Option<String>,
    /// `AlpnPolicy`, on TLS listeners.
    #[serde(default)]
    pub alpn_policy: Option<String>,
    /// On HTTPS listeners, when the caller gave it.
    #[serde(default)]
    pub mutual_authentication: Option<MutualAuthentication>,
    /// The rule that holds its default actions.
    pub default_rule: RuleArn,
    /// Milliseconds since the epoch.
    pub created_ms: i64,
    /// Set values only; see `attribute`.
    pub attributes: AttributeValues,
    /// Tags.
    pub tags: Tags,
}

// === impl Listener ===

impl Listener {
    /// Whether a plane of this version can carry it; the others are only recorded.
    pub fn is_carried(&self) -> bool {
        self.protocol == ListenerProtocol::Http
    }
}

// === impl ListenerProtocol ===

impl ListenerProtocol {
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

    /// Whether a certificate is needed.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Https | Self::Tls)
    }

    /// The URL scheme, also the value of `X-Forwarded-Proto`; meant for HTTP and HTTPS.
    pub fn scheme(self) -> &'static str {
        if self == Self::Https { "https" } else { "http" }
    }

    /// The port that a URL of this scheme may leave out; meant for HTTP and HTTPS.
    pub fn default_port(self) -> u16 {
        if self == Self::Https { 443 } else { 80 }
    }
}

// === impl MutualAuthenticationMode ===

impl MutualAuthenticationMode {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Passthrough => "passthrough",
            Self::Verify => "verify",
        }
    }
}
