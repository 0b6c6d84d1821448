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
pub mod network_interface;
pub mod prefix_list;
pub mod route_table;
pub mod rule;
pub mod security_group;
pub mod service_role;
pub mod ssl_policy;
pub mod target_group;
pub mod transform;
pub mod trust_store;

pub use action::{
    Action, ActionKind, AuthenticateCognito, AuthenticateOidc, ClientSecret, FixedResponse,
    Forward, JwtClaim, JwtClaimFormat, JwtValidation, OnUnauthenticated, Redirect, Session,
    WeightedGroup,
};
pub use arn::{ListenerArn, LoadBalancerArn, RuleArn, TargetGroupArn, TrustStoreArn};
pub use certificate::{
    Certificate, CertificateFacts, CertificateOrigin, CertificateRequest, SealedKey,
};
pub use condition::{Condition, IpFamily, QueryPair};
pub use elastic_address::ElasticAddress;
pub use id::{
    AccountId, AllocationId, CertificateArn, InstanceId, InterfaceId, InternetGatewayId,
    PrefixListId, Region, RoleArn, RouteTableId, SecurityGroupId, SubnetId, VpcId, ZoneName,
};
pub use instance::{Instance, InstanceOptions, InstanceState, PrimaryInterface, UserData};
pub use listener::{Listener, ListenerProtocol, MutualAuthentication, MutualAuthenticationMode};
pub use load_balancer::{
    CapacityReservation, IpAddressType, LoadBalancer, LoadBalancerKind, LoadBalancerZone,
    PublicAddress, Scheme,
};
pub use network::{
    CidrAssociation, InternetGateway, Subnet, SubnetAttributes, Vpc, VpcAttributes, Zone, zones_of,
};
pub use network_interface::{InterfaceAttachment, NetworkInterface};
pub use prefix_list::{AddressFamily, PrefixEntry, PrefixList, PrefixListVersion};
pub use route_table::{
    Associated, Route, RouteDestination, RouteTable, RouteTableAssociation, RouteTarget,
    RouteTargetKind,
};
pub use rule::{Priority, Rule};
pub use security_group::{SecurityGroup, SecurityGroupRule, TrafficPeer};
pub use service_role::ServiceRole;
pub use target_group::{
    HealthCheck, HealthCheckPort, HealthCheckProtocol, Registrations, Target, TargetGroup,
    TargetGroupProtocol, TargetState, TargetType,
};
pub use transform::{Transform, TransformKind};
pub use trust_store::{Revocation, TrustStore};

/// Tags of one resource, sorted by key.
pub type Tags = std::collections::BTreeMap<String, String>;
/// Attribute values that somebody set; a key that is absent has its declared default.
pub type AttributeValues = std::collections::BTreeMap<String, String>;
