//! Nouns that are valid because they exist.
//!
//! Each file is one resource: its record (what the store keeps) and the value types that only it
//! uses. Records hold what somebody asked for; what is measured (health, counters) lives in the
//! cells of `snapshot`.
//!
//! Invariant: a record that was decoded from the store or built by the catalog needs no further
//! checking by any reader.

pub mod action;
pub mod arn;
pub mod attribute;
pub mod certificate;
pub mod condition;
pub mod elastic_address;
pub mod hosted_zone;
pub mod id;
pub mod instance;
pub mod listener;
pub mod load_balancer;
pub mod network;
pub mod rule;
pub mod security_group;
pub mod ssl_policy;
pub mod target_group;
pub mod trust_store;

pub use action::{Action, ActionKind, FixedResponse, Forward, Redirect, WeightedGroup};
pub use arn::{ListenerArn, LoadBalancerArn, RuleArn, TargetGroupArn, TrustStoreArn};
pub use certificate::{Certificate, CertificateOrigin, SealedKey};
pub use condition::{Condition, QueryPair};
pub use elastic_address::ElasticAddress;
pub use id::{
    AccountId, AllocationId, CertificateArn, InstanceId, InterfaceId, InternetGatewayId,
    PrefixListId, Region, RouteTableId, SecurityGroupId, SubnetId, VpcId, ZoneName,
};
pub use instance::{Instance, InstanceState};
pub use listener::{Listener, ListenerProtocol, MutualAuthentication, MutualAuthenticationMode};
pub use load_balancer::{
    IpAddressType, LoadBalancer, LoadBalancerKind, LoadBalancerZone, PublicAddress, Scheme,
};
pub use network::{Subnet, Vpc};
pub use rule::{Priority, Rule};
pub use security_group::{SecurityGroup, SecurityGroupRule, TrafficPeer};
pub use target_group::{
    HealthCheck, HealthCheckPort, HealthCheckProtocol, Registrations, Target, TargetGroup,
    TargetGroupProtocol, TargetState, TargetType,
};
pub use trust_store::{Revocation, TrustStore};

/// Tags of one resource, sorted by key.
pub type Tags = std::collections::BTreeMap<String, String>;
/// Attribute values that somebody set; a key that is absent has its declared default.
pub type AttributeValues = std::collections::BTreeMap<String, String>;
